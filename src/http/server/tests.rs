use super::*;
use crate::certificates::{Certificates, Look, PairFiles};
use crate::client::Client;
use axum::Extension;
use axum::routing::{get, post};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsConnector;

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate for `localhost`, and what trusts it.
fn pair(folder: &tempfile::TempDir) -> (PairFiles, CertificateDer<'static>) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = params.self_signed(&key).expect("a certificate");
    let files =
        PairFiles { certificate: folder.path().join("a.pem"), key: folder.path().join("a.key") };
    std::fs::write(&files.certificate, certificate.pem()).expect("written");
    std::fs::write(&files.key, key.serialize_pem()).expect("written");
    (files, certificate.der().clone())
}

fn router() -> Router {
    Router::new()
        .route(
            "/",
            get(|Extension(client): Extension<Client>| async move {
                format!(
                    "{} {} {:?}",
                    client.address,
                    client.is_https,
                    client.host.unwrap_or_default()
                )
            }),
        )
        .route("/own", get(|| async { ([(header::CACHE_CONTROL, "max-age=60")], "") }))
        .route(
            "/panic",
            get(|| async {
                if true {
                    panic!("planted")
                }
            }),
        )
        .route("/body", post(|body: String| async move { body.len().to_string() }))
}

struct Bench {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: tokio_util::task::TaskTracker,
}

impl Bench {
    async fn new(tls: Option<Arc<ServerConfig>>, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let trusted = vec!["127.0.0.9".parse().expect("a network")];
        let proxies = Proxies { trusted, ..Proxies::default() };
        let served = Served { router: router(), tls, proxies, limits };
        let tasks = tokio_util::task::TaskTracker::new();
        let (of_connections, stopped) = (tasks.clone(), stop.clone());
        tasks.spawn(async move {
            serve(listener, served, stopped, move |task| drop(of_connections.spawn(task))).await;
        });
        Self { address, stop, tasks }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connects")
    }

    /// What is answered to these bytes until the connection ends.
    async fn say(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // It may be closed before all is said.
        let _ = stream.write_all(bytes).await;
        rest(&mut stream).await
    }

    async fn ask_securely(
        &self,
        trusted: &CertificateDer<'static>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> io::Result<String> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let mut stream =
            TlsConnector::from(Arc::new(client)).connect(name, self.connect().await).await?;
        stream.write_all(ASK).await?;
        Ok(rest(&mut stream).await)
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout(PATIENCE, self.tasks.wait()).await.expect("nothing holds it up");
    }
}

async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut read = Vec::new();
    let reading = stream.read_to_end(&mut read);
    // A reset is an end, too.
    let _ = tokio::time::timeout(PATIENCE, reading).await.expect("an end");
    String::from_utf8_lossy(&read).into_owned()
}

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
const BOTH: [&rustls::SupportedProtocolVersion; 2] =
    [&rustls::version::TLS12, &rustls::version::TLS13];

#[tokio::test]
async fn plain_requests_are_answered_and_say_who_asks() {
    let bench = Bench::new(None, Limits::default()).await;
    let answer = bench.say(ASK).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.ends_with("127.0.0.1 false \"a.example\""), "{answer}");
    for absent in ["\r\nserver:", "\r\nstrict-transport-security:"] {
        assert!(!answer.to_ascii_lowercase().contains(absent), "{answer}");
    }
    bench.end().await;
}

#[tokio::test]
async fn tls_of_both_versions_is_spoken_and_renewed_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, old) = pair(&folder);
    let certificates = Certificates::read(files).expect("a pair");
    let bench = Bench::new(Some(certificates.server().expect("TLS")), Limits::default()).await;
    for version in BOTH {
        let answer = bench.ask_securely(&old, &[version]).await.expect("an answer");
        assert!(answer.ends_with("127.0.0.1 true \"a.example\""), "{answer}");
        assert!(
            answer.contains("strict-transport-security: max-age=31536000; includeSubDomains\r\n"),
            "{answer}"
        );
    }
    let (_, new) = pair(&folder);
    assert!(bench.ask_securely(&new, &BOTH).await.is_err(), "not looked at yet");
    assert!(matches!(certificates.look(), Look::Renewed { .. }));
    assert!(bench.ask_securely(&new, &BOTH).await.is_ok());
    assert!(bench.ask_securely(&old, &BOTH).await.is_err(), "the old one is gone");
    bench.end().await;
}

#[tokio::test]
async fn plain_http_on_the_port_of_https_is_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, trusted) = pair(&folder);
    let tls = Certificates::read(files).and_then(|it| it.server()).expect("TLS");
    let bench = Bench::new(Some(tls), Limits::default()).await;
    let answer = bench.say(ASK).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    assert!(answer.contains(&format!("Content-Length: {}\r\n", body.len())), "{answer}");
    assert!(body.contains("HTTPS"), "{answer}");
    for nonsense in [&b"\x16\x03\x01\xff\xff nonsense"[..], b"\x00", b"SSH-2.0-x\r\n"] {
        let answer = bench.say(nonsense).await;
        assert!(!answer.contains("200"), "{answer}");
    }
    bench.ask_securely(&trusted, &BOTH).await.expect("served all the same");
    bench.end().await;
}

#[tokio::test]
async fn who_does_not_finish_a_handshake_holds_up_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, trusted) = pair(&folder);
    let tls = Certificates::read(files).and_then(|it| it.server()).expect("TLS");
    let limits =
        Limits { handshake: Duration::from_millis(300), handshakes_max: 20, ..Limits::default() };
    let bench = Bench::new(Some(tls), limits).await;
    let mut slow = Vec::new();
    for index in 0..15 {
        let mut stream = bench.connect().await;
        // Some say nothing at all, some begin.
        if index % 2 == 0 {
            stream.write_all(b"\x16\x03\x01\x02\x00\x01").await.expect("begins");
        }
        slow.push(stream);
    }
    bench.ask_securely(&trusted, &BOTH).await.expect("served beside them");
    for mut stream in slow {
        rest(&mut stream).await;
    }
    // All places are taken: the newest is turned away at once, and there is room again when the time of the others is up.
    let limits =
        Limits { handshake: Duration::from_millis(300), handshakes_max: 0, ..Limits::default() };
    let (files, _) = pair(&folder);
    let tls = Certificates::read(files).and_then(|it| it.server()).expect("TLS");
    let full = Bench::new(Some(tls), limits).await;
    assert_eq!(full.say(b"\x16").await, "");
    full.end().await;
    bench.end().await;
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let limits = Limits {
        head_bytes_max: 8 * 1024,
        fields_max: 20,
        target_bytes_max: 1_000,
        ..Limits::default()
    };
    let bench = Bench::new(None, limits).await;
    let check = async |request: String, status: &str| {
        let answer = bench.say(request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
    };
    let head = |target: &str, more: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n")
    };
    check(head(&format!("/?{}", "a".repeat(990)), ""), "200").await;
    check(head(&format!("/?{}", "a".repeat(1_100)), ""), "414").await;
    check(head("/", &"a: b\r\n".repeat(18)), "200").await;
    check(head("/", &"a: b\r\n".repeat(30)), "431").await;
    check(head("/", &format!("a: {}\r\n", "b".repeat(9_000))), "431").await;
    check("nonsense\r\n\r\n".to_owned(), "400").await;
    bench.end().await;
}

#[tokio::test]
async fn a_head_that_does_not_end_and_an_idle_connection_are_ended() {
    let limits = Limits { head: Duration::from_millis(200), ..Limits::default() };
    let bench = Bench::new(None, limits).await;
    assert!(!bench.say(b"GET / HTTP/1.1\r\nHost:").await.contains("200"));
    assert_eq!(bench.say(b"").await, "");
    let answer = bench.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.contains("200"), "answered, then ended: {answer}");
    bench.end().await;
}

#[tokio::test]
async fn connections_are_counted() {
    let limits = Limits { connections_max: 3, ..Limits::default() };
    let bench = Bench::new(None, limits).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = bench.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("asks");
        let mut begun = [0; 12];
        stream.read_exact(&mut begun).await.expect("an answer");
        held.push(stream);
    }
    assert_eq!(bench.say(ASK).await, "", "the fourth is closed");
    drop(held);
    let again = async { while bench.say(ASK).await.is_empty() {} };
    tokio::time::timeout(PATIENCE, again).await.expect("room again");
    bench.end().await;
}

#[test]
fn one_address_takes_its_share_and_no_more() {
    let shared = |limits| {
        let proxies = Proxies {
            trusted: vec!["192.0.2.9".parse().expect("a network")],
            ..Proxies::default()
        };
        Arc::new(Shared {
            served: Served { router: Router::new(), tls: None, proxies, limits },
            stop: CancellationToken::new(),
            handshakes: Semaphore::new(1),
            connections: Arc::new(Semaphore::new(100)),
            of_address: Mutex::default(),
        })
    };
    let shared = shared(Limits { connections_per_address_max: 2, ..Limits::default() });
    let take = |address: &str| Place::take(&shared, address.parse().expect("an address"));
    let mine = [take("192.0.2.1"), take("::ffff:192.0.2.1")];
    assert!(mine.iter().all(Option::is_some));
    assert!(take("192.0.2.1").is_none(), "the third");
    assert!(take("192.0.2.2").is_some(), "another address");
    for unbounded in ["127.0.0.1", "192.0.2.9"] {
        let many: Vec<_> = (0..10).map(|_| take(unbounded)).collect();
        assert!(many.iter().all(Option::is_some), "{unbounded}");
    }
    drop(mine);
    assert!(take("192.0.2.1").is_some(), "there is room again");
    assert!(shared.of_address.lock().expect("no panic").is_empty(), "nothing stays behind");
}

#[tokio::test]
async fn a_stop_lets_the_answer_under_way_end() {
    let bench = Bench::new(None, Limits::default()).await;
    let mut stream = bench.connect().await;
    stream
        .write_all(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        .await
        .expect("begins");
    tokio::task::yield_now().await;
    bench.stop.cancel();
    stream.write_all(b"cd").await.expect("ends");
    let answer = rest(&mut stream).await;
    assert!(answer.is_empty() || answer.ends_with('4'), "{answer}");
    bench.end().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let limits = Limits { body: Duration::from_millis(200), ..Limits::default() };
    let bench = Bench::new(None, limits).await;
    let head = "POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\n";
    let answer = bench.say(format!("{head}abcd").as_bytes()).await;
    assert!(answer.ends_with("\r\n\r\n4"), "{answer}");
    let answer = bench.say(format!("{head}ab").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    bench.end().await;
}

#[tokio::test]
async fn what_says_nothing_of_itself_is_kept_nowhere_and_not_guessed_at() {
    let bench = Bench::new(None, Limits::default()).await;
    for path in ["/", "/nowhere", "/own"] {
        let answer = bench
            .say(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
            .await;
        let cache = if path == "/own" { "max-age=60" } else { "no-store" };
        assert!(answer.contains(&format!("cache-control: {cache}\r\n")), "{answer}");
        assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{answer}");
    }
    bench.end().await;
}

#[tokio::test]
async fn a_panic_ends_one_connection_and_nothing_else() {
    caught(Box::pin(async { panic!("planted") })).await;
    let bench = Bench::new(None, Limits::default()).await;
    let answer = bench.say(b"GET /panic HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(answer, "");
    assert!(bench.say(ASK).await.starts_with("HTTP/1.1 200"));
    bench.end().await;
}
