//! The program itself, over real sockets: HTTPS and its certificate, proxies, who may read along, and what is told of it.

mod caddy;
mod configured;
mod front;
mod headers;
mod hooks;
mod logs;
mod nginx;
mod packaged;
mod proxies;
mod smuggling;
mod supervised;
mod tls;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::{Child, Command};
use tokio_rustls::TlsConnector;

/// Longest real wait for anything.
const PATIENCE: Duration = Duration::from_secs(40);
/// The host that the certificate is for.
const HOST: &str = "alarm.example";
const PASSWORD: &str = "kiwi umbrella 87";

/// A program that runs, and what it printed.
struct Program {
    child: Child,
    address: SocketAddr,
    /// The token of the first start.
    token: String,
    folder: tempfile::TempDir,
}

/// A certificate for [`HOST`] in two files, and what trusts it.
fn certify(folder: &Path) -> (PathBuf, PathBuf, CertificateDer<'static>) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![HOST.to_owned()]).expect("parameters");
    let certificate = params.self_signed(&key).expect("a certificate");
    let (at, key_at) = (folder.join("tls.pem"), folder.join("tls.key"));
    std::fs::write(&at, certificate.pem()).expect("written");
    std::fs::write(&key_at, key.serialize_pem()).expect("written");
    (at, key_at, certificate.der().clone())
}

/// `[http.tls]` with the certificate of [`certify`].
fn tls_section(folder: &Path) -> (String, CertificateDer<'static>) {
    let (certificate, key, trusted) = certify(folder);
    let (certificate, key) = (certificate.display(), key.display());
    (format!("[http.tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n"), trusted)
}

async fn free_port() -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    free.local_addr().expect("an address")
}

impl Program {
    /// Starts it with these lines of `[http]`, and whatever other sections follow them.
    async fn start(folder: tempfile::TempDir, http: &str) -> Self {
        Self::start_with(folder, http, &[]).await
    }

    async fn start_with(
        folder: tempfile::TempDir,
        http: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        Self::logging_to(log.into(), folder, http, environment).await
    }

    async fn logging_to(
        log: Stdio,
        folder: tempfile::TempDir,
        http: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        let address = free_port().await;
        let config = folder.path().join("lianfang.toml");
        let data = folder.path().join("data");
        let text = format!(
            "data_dir = \"{}\"\nvoice = \"none\"\n[sip]\nlisten = [\"udp://127.0.0.1:0\"]\n[http]\nlisten = \"{address}\"\n{http}",
            data.display()
        );
        std::fs::write(&config, text).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_lianfang"))
            .args(["--config", config.to_str().expect("UTF-8"), "--log", "info", "serve"])
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("starts");
        let printed = child.stdout.take().expect("is piped");
        let mut lines = BufReader::new(printed).lines();
        let first_token = async {
            while let Some(line) = lines.next_line().await.expect("can be read") {
                if let Some((_, token)) = line.split_once("shown this once: ") {
                    return token.to_owned();
                }
            }
            panic!("it ended: {:?}", std::fs::read_to_string(folder.path().join("log")));
        };
        let token = tokio::time::timeout(PATIENCE, first_token).await.expect("starts in time");
        Self { child, address, token, folder }
    }

    /// What it has logged once it says this.
    async fn log_with(&self, wanted: &str) -> String {
        let said = async {
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            loop {
                let log = std::fs::read_to_string(self.folder.path().join("log"));
                let log = log.expect("readable");
                if log.contains(wanted) {
                    return log;
                }
                tick.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, said).await.expect(wanted)
    }

    fn ask(&self, method: &str, path: &str) -> Ask {
        Ask {
            address: self.address,
            from: Ipv4Addr::LOCALHOST.into(),
            trusted: None,
            head: format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n"),
            host: HOST.to_owned(),
            body: String::new(),
        }
    }

    /// Makes the first account through the console: an admin called `root`.
    async fn set_up(&self, prepared: impl FnOnce(Ask) -> Ask) {
        let form = [
            ("token", self.token.as_str()),
            ("name", "root"),
            ("display_name", "林"),
            ("password", PASSWORD),
            ("again", PASSWORD),
        ];
        let answer = prepared(self.ask("POST", "/setup")).form(&form).send().await;
        assert_eq!((answer.status, answer.header("location")), (303, "/login"), "{}", answer.text);
    }
}

/// A request that is being written.
#[derive(Clone)]
struct Ask {
    address: SocketAddr,
    from: IpAddr,
    trusted: Option<CertificateDer<'static>>,
    head: String,
    host: String,
    body: String,
}

impl Ask {
    /// Over TLS, trusting this certificate.
    fn trusting(mut self, trusted: &CertificateDer<'static>) -> Self {
        self.trusted = Some(trusted.clone());
        self
    }

    /// From another address of this machine.
    fn from(mut self, from: &str) -> Self {
        self.from = from.parse().expect("an address");
        self
    }

    fn naming(mut self, host: &str) -> Self {
        self.host = host.to_owned();
        self
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    fn form(self, fields: &[(&str, impl AsRef<str>)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.header("Sec-Fetch-Site", "same-origin")
            .header("Accept-Language", "en")
            .body("application/x-www-form-urlencoded", body)
    }

    fn json(self, body: &Value) -> Self {
        self.header("Accept-Language", "en").body("application/json", body.to_string())
    }

    fn body(mut self, content_type: &str, body: String) -> Self {
        self.body = body;
        let length = self.body.len().to_string();
        self.header("Content-Type", content_type).header("Content-Length", &length)
    }

    async fn send(self) -> Reply {
        self.try_send().await.expect("an answer")
    }

    async fn try_send(self) -> std::io::Result<Reply> {
        let talk = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(self.from, 0))?;
            let stream = socket.connect(self.address).await?;
            let said = format!("{}Host: {}\r\n\r\n{}", self.head, self.host, self.body);
            match &self.trusted {
                None => exchange(stream, &said).await,
                Some(trusted) => exchange(secure(stream, trusted).await?, &said).await,
            }
        };
        tokio::time::timeout(PATIENCE, talk).await.expect("answers in time")
    }
}

async fn secure(
    stream: TcpStream,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<impl AsyncRead + AsyncWrite + Unpin + use<>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(HOST).expect("a name");
    TlsConnector::from(Arc::new(client)).connect(name, stream).await
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    said: &str,
) -> std::io::Result<Reply> {
    stream.write_all(said.as_bytes()).await?;
    let mut answer = Vec::new();
    // Who ends a connection without the farewell of TLS has said all the same what it said.
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, text) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or(std::io::ErrorKind::InvalidData)?;
    Ok(Reply { status, head: head.to_owned(), text: text.to_owned() })
}

/// What is answered.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    text: String,
}

impl Reply {
    /// A header; empty when it is not there.
    fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map_or("", |(_, value)| value)
    }

    /// The last part of the type of the problem.
    fn problem(&self) -> String {
        let problem: Value = serde_json::from_str(&self.text).unwrap_or_default();
        let kind = problem["type"].as_str().unwrap_or_default();
        kind.rsplit(':').next().unwrap_or_default().to_owned()
    }

    /// `name=value` of the cookie that is set.
    fn cookie(&self) -> &str {
        self.header("set-cookie").split(';').next().unwrap_or_default()
    }
}

/// Fields of the form of the sign-in.
fn sign_in_as(password: &str) -> [(&str, &str); 3] {
    [("name", "root"), ("password", password), ("next", "/audit")]
}

/// The body of a sign-in over the API.
fn credentials(password: &str) -> Value {
    json!({"name": "root", "password": password})
}
