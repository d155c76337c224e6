//! The service behind a proxy that is set up as we describe it, and what every such proxy has to do.

use super::{Ask, HOST, PASSWORD, PATIENCE, Program, certify, free_port, secure, sign_in_as};
use crate::skip;
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// What a proxy is set up with.
pub(super) struct Site {
    /// Where it keeps what is its own; it tells in `errors` what goes wrong.
    pub(super) place: PathBuf,
    pub(super) https: SocketAddr,
    pub(super) http: SocketAddr,
    /// Where the service listens.
    pub(super) service: SocketAddr,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// The service and a proxy in front of it.
pub(super) struct Front {
    program: Program,
    https: SocketAddr,
    http: SocketAddr,
    trusted: CertificateDer<'static>,
    _proxy: Child,
}

impl Front {
    /// `None` where there is no such proxy.
    pub(super) async fn start(proxy: &str, command: impl FnOnce(&Site) -> Command) -> Option<Self> {
        skip::needs(proxy)?;
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key, trusted) = certify(folder.path());
        let http =
            format!("public_base_url = \"https://{HOST}\"\ntrusted_proxies = [\"127.0.0.1\"]\n");
        let program = Program::start(folder, &http).await;
        let place = program.folder.path().join(proxy);
        std::fs::create_dir(&place).expect("a folder");
        let (https, http, service) = (free_port().await, free_port().await, program.address);
        let site = Site { place, https, http, service, certificate, key };
        let proxy = command(&site).kill_on_drop(true).spawn().expect("starts");
        let front = Self { program, https, http, trusted, _proxy: proxy };
        let listens = async {
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            while TcpStream::connect(front.https).await.is_err() {
                tick.tick().await;
            }
        };
        let listening = tokio::time::timeout(PATIENCE, listens).await;
        assert!(listening.is_ok(), "{}", errors_in(&site.place));
        Some(front)
    }

    /// A request over HTTPS.
    fn ask(&self, method: &str, path: &str) -> Ask {
        let ask = self.program.ask(method, path).trusting(&self.trusted);
        Ask { address: self.https, ..ask }
    }

    /// A token of the API.
    fn token(&self) -> String {
        let config = self.program.folder.path().join("lianfang.toml");
        let made = std::process::Command::new(env!("CARGO_BIN_EXE_lianfang"))
            .arg("--config")
            .arg(config)
            .args(["token", "create", "feed", "--scope", "admin"])
            .output()
            .expect("runs");
        String::from_utf8(made.stdout).expect("a token").trim().to_owned()
    }

    pub(super) async fn tells_truly_who_asks_and_how(&self) {
        self.program.set_up(|ask| Ask { address: self.https, ..ask.trusting(&self.trusted) }).await;
        // Whoever claims to be somebody else, and to have come otherwise, is not believed.
        let claim = |ask: Ask| {
            ask.header("X-Forwarded-For", "203.0.113.7")
                .header("Forwarded", "for=203.0.113.7;proto=http")
                .header("X-Forwarded-Host", "evil.example")
                .header("X-Forwarded-Proto", "http")
        };
        let signed = claim(self.ask("POST", "/login").from("127.0.0.7"));
        let signed = signed.form(&sign_in_as(PASSWORD)).send().await;
        assert_eq!((signed.status, signed.header("location")), (303, "/audit"), "{}", signed.text);
        assert!(signed.cookie().starts_with("__Host-lianfang=lfs_"), "{}", signed.head);
        let security = signed.header("strict-transport-security");
        assert_eq!(security, "max-age=31536000; includeSubDomains");
        let log = self.program.log_with("source=\"127.0.0.7\"").await;
        assert!(!log.contains("203.0.113.7"), "{log}");

        // Browsers are shown the way to HTTPS; a program that sends its token in clear is not.
        let plain = |method: &str, path: &str| {
            Ask { address: self.http, ..self.program.ask(method, path) }.send()
        };
        let shown = plain("GET", "/login?next=%2F").await;
        let wanted = format!("https://{HOST}/login?next=%2F");
        assert_eq!((shown.status, shown.header("location")), (308, wanted.as_str()));
        assert_eq!(plain("GET", "/api/v1/session").await.status, 400);
        assert_eq!(plain("POST", "/hooks/sms").await.status, 400);
    }

    pub(super) async fn lets_files_in_and_holds_no_news_back(&self) {
        let token = format!("Bearer {}", self.token());
        // The longest import that the service takes: it says itself that this is none.
        let file = "x".repeat(16 * 1024 * 1024 - 1);
        let import = self.ask("POST", "/api/v1/imports").header("Authorization", &token);
        let told = import.body("application/zip", file).send().await;
        assert_eq!(told.status, 422, "{}", told.text);
        assert!(told.problem() != "", "{}", told.text);

        let stream = TcpStream::connect(self.https).await.expect("connects");
        let mut stream = secure(stream, &self.trusted).await.expect("is secure");
        let asked = format!(
            "GET /api/v1/alarms/feed HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {token}\r\n\r\n"
        );
        stream.write_all(asked.as_bytes()).await.expect("is sent");
        let mut said = String::new();
        let hears = async {
            let mut part = [0; 1024];
            while !said.contains("\r\n\r\n") || !said.contains("event: ") {
                let length = stream.read(&mut part).await.expect("is read");
                assert!(length != 0, "it ended: {said}");
                said += &String::from_utf8_lossy(&part[..length]);
            }
        };
        let heard = tokio::time::timeout(PATIENCE, hears).await;
        assert!(heard.is_ok() && said.starts_with("HTTP/1.1 200"), "held back: {said}");
    }
}

fn errors_in(place: &Path) -> String {
    std::fs::read_to_string(place.join("errors")).unwrap_or_default()
}
