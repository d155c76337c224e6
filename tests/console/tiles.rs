//! Tiles of a map from somebody else's server: drawn where they are configured, missed by nobody where the server is gone,
//! and the only thing that a page loads from elsewhere.

use crate::browser::CHINESE;
use crate::people::arrives;
use crate::stage::tiled_story;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A picture of one pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// Whether pictures of the drawing, and one of this address, can be drawn; what the policy of the page refused; and whether a
/// script gets it.
const DRAWN: &str = "const done = arguments[1]; const refused = []; document.addEventListener('securitypolicyviolation', \
     (event) => refused.push(event.effectiveDirective)); const draws = async (from) => { const it = new Image(); it.src = from; \
     try { await it.decode(); return 0 < it.naturalWidth } catch { return false } }; (async () => { const own = []; for (const \
     one of document.querySelectorAll('svg.plan image')) own.push(await draws(one.href.baseVal)); const other = await \
     draws(arguments[0]); const read = await fetch(arguments[0]).then(() => true, () => false); const end = \
     Date.now() + 10000; while (refused.length < 2 && Date.now() < end) await new Promise((on) => setTimeout(on, 20)); done([own, other, read, \
     [...new Set(refused)].sort()]) })()";

/// A server of tiles, on a thread of its own.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    runtime: Runtime,
}

impl Server {
    fn start() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("builds");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
        let certificate = params.self_signed(&key).expect("a certificate");
        let secret = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.der().clone()], secret.into());
        let acceptor = TlsAcceptor::from(Arc::new(config.expect("a configuration")));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let mut tasks = JoinSet::new();
        tasks.spawn_on(
            async move {
                let mut served = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    served.spawn(serve(stream, acceptor.clone(), Arc::clone(&counted)));
                }
            },
            runtime.handle(),
        );
        tasks.detach_all();
        Self { address, asked, runtime }
    }

    /// From now on nobody is there.
    fn dies(self) {
        self.runtime.shutdown_background();
    }
}

/// Answers one request with a picture, as anybody may see it.
async fn serve(stream: TcpStream, acceptor: TlsAcceptor, asked: Arc<AtomicUsize>) {
    use base64::Engine;
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut head = Vec::new();
    let mut part = [0; 2048];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(read) if 0 < read => head.extend_from_slice(&part[..read]),
            Ok(_) | Err(_) => return,
        }
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let pixel = base64::prelude::BASE64_STANDARD.decode(PIXEL).expect("is written so");
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\naccess-control-allow-origin: *\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        pixel.len()
    );
    let _ = stream.write_all(&[head.as_bytes(), &pixel].concat()).await;
    let _ = stream.shutdown().await;
}

#[test]
fn tiles_are_drawn_and_nothing_else_is_loaded_from_elsewhere() {
    let (server, other) = (Server::start(), Server::start());
    let template = format!("https://{}/{{z}}/{{x}}/{{y}}.png", server.address);
    tiled_story(CHINESE, &template, async |browser, stage| {
        arrives(browser, stage, "admin").await;
        browser.goto(&stage.page("/map/1/plan")).await;
        for (name, text) in [("latitude", "24.4798"), ("longitude", "118.0894"), ("zoom", "17")] {
            browser.fill(name, text).await;
        }
        browser.press("form[action$='/plan/part'] button").await;
        browser.waits_for("已保存").await;
        browser.fill("x.0", "480").await;
        browser.fill("y.0", "320").await;
        browser.leaves_by("table + button.main").await;
        browser.waits_for("已保存").await;
        let alarm = stage.raises("05925551502");
        let draws = async |path: &str, other: SocketAddr| -> Value {
            browser.goto(&stage.page(path)).await;
            let other = json!(format!("https://{other}/1/1/1.png"));
            browser.client.execute_async(DRAWN, vec![other]).await.expect("is tried")
        };
        let found = draws("/map/1", other.address).await;
        let tiles = found[0].as_array().expect("tiles").clone();
        assert!(6 <= tiles.len() && tiles.iter().all(|drawn| *drawn == true), "{found}");
        assert_eq!(found, json!([tiles, false, false, ["connect-src", "img-src"]]));
        assert!(tiles.len() <= server.asked.load(Ordering::SeqCst));
        assert_eq!(other.asked.load(Ordering::SeqCst), 0, "nobody else was asked");
        browser.find("svg.plan path.f-red").await;
        browser.find(&format!("#map a[href='/alarms/{alarm}']")).await;
        assert_eq!(browser.faults("map-tiles", (&[1440], &[1440])).await, Vec::<String>::new());
        // Only on the map, and only as pictures.
        let found = draws("/lines", server.address).await;
        assert_eq!(found, json!([[], false, false, ["connect-src", "img-src"]]));
        server.dies();
        let found = draws("/map/1", other.address).await;
        assert!(found[0].as_array().is_some_and(|all| all.iter().all(|drawn| *drawn == false)));
        browser.find("svg.plan path.f-red").await;
        browser.find(&format!("#map a[href='/alarms/{alarm}']")).await;
        browser.says(&["502"], &[]).await;
    });
    other.dies();
}
