//! Behind nginx as `packaging/nginx.conf` sets it up.

use super::{
    Ask, HOST, PASSWORD, PATIENCE, Program, certify, free_port, log_of, secure, sign_in_as,
};
use crate::skip;
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Child;

/// The service and nginx in front of it.
struct Front {
    program: Program,
    https: SocketAddr,
    http: SocketAddr,
    trusted: CertificateDer<'static>,
    _nginx: Child,
}

impl Front {
    /// `None` where there is no nginx.
    async fn start() -> Option<Self> {
        skip::needs("nginx")?;
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key, trusted) = certify(folder.path());
        let http =
            format!("public_base_url = \"https://{HOST}\"\ntrusted_proxies = [\"127.0.0.1\"]\n");
        let program = Program::start(folder, &http).await;
        let (https, http) = (free_port().await, free_port().await);
        let site = include_str!("../../../packaging/nginx.conf")
            .replace("listen 443 ssl;", &format!("listen {https} ssl;"))
            .replace("listen 80;", &format!("listen {http};"))
            .replace("listen [::]:443 ssl;", "")
            .replace("listen [::]:80;", "")
            .replace("127.0.0.1:8080", &program.address.to_string())
            .replace(
                "/etc/letsencrypt/live/alarm.example/fullchain.pem",
                &certificate.display().to_string(),
            )
            .replace("/etc/letsencrypt/live/alarm.example/privkey.pem", &key.display().to_string());
        let place = program.folder.path().join("nginx");
        std::fs::create_dir(&place).expect("a folder");
        let kept = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {};\n", place.join(name).display()))
            .concat();
        let text = format!(
            "daemon off;\nmaster_process off;\npid {0}/pid;\nerror_log {0}/errors;\nevents {{}}\n\
             http {{\naccess_log off;\n{kept}{site}}}\n",
            place.display()
        );
        let file = place.join("nginx.conf");
        std::fs::write(&file, text).expect("written");
        let nginx = tokio::process::Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("starts");
        let front = Self { program, https, http, trusted, _nginx: nginx };
        let listens = async {
            let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
            while TcpStream::connect(front.https).await.is_err() {
                tick.tick().await;
            }
        };
        let errors = || std::fs::read_to_string(place.join("errors")).unwrap_or_default();
        let listening = tokio::time::timeout(PATIENCE, listens).await;
        assert!(listening.is_ok(), "{}", errors());
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
        let made = Command::new(env!("CARGO_BIN_EXE_lianfang"))
            .arg("--config")
            .arg(config)
            .args(["token", "create", "feed", "--scope", "admin"])
            .output()
            .expect("runs");
        String::from_utf8(made.stdout).expect("a token").trim().to_owned()
    }
}

#[tokio::test]
async fn nginx_tells_truly_who_asks_and_how() {
    let Some(front) = Front::start().await else { return };
    front.program.set_up(|ask| Ask { address: front.https, ..ask.trusting(&front.trusted) }).await;
    // Whoever claims to be somebody else, and to have come otherwise, is not believed.
    let claim = |ask: Ask| {
        ask.header("X-Forwarded-For", "203.0.113.7")
            .header("Forwarded", "for=203.0.113.7;proto=http")
            .header("X-Forwarded-Host", "evil.example")
            .header("X-Forwarded-Proto", "http")
    };
    let signed = claim(front.ask("POST", "/login").from("127.0.0.7"));
    let signed = signed.form(&sign_in_as(PASSWORD)).send().await;
    assert_eq!((signed.status, signed.header("location")), (303, "/audit"), "{}", signed.text);
    assert!(signed.cookie().starts_with("__Host-lianfang=lfs_"), "{}", signed.head);
    assert_eq!(signed.header("strict-transport-security"), "max-age=31536000; includeSubDomains");
    let log = log_of(&front.program.folder);
    assert!(log.contains("source=\"127.0.0.7\"") && !log.contains("203.0.113.7"), "{log}");

    // Browsers are shown the way to HTTPS; a program that sends its token in clear is not.
    let plain = |method: &str, path: &str| {
        Ask { address: front.http, ..front.program.ask(method, path) }.send()
    };
    let shown = plain("GET", "/login?next=%2F").await;
    let wanted = format!("https://{HOST}/login?next=%2F");
    assert_eq!((shown.status, shown.header("location")), (308, wanted.as_str()));
    assert_eq!(plain("GET", "/api/v1/session").await.status, 400);
    assert_eq!(plain("POST", "/hooks/sms").await.status, 400);
}

#[tokio::test]
async fn nginx_lets_files_in_and_holds_no_news_back() {
    let Some(front) = Front::start().await else { return };
    let token = format!("Bearer {}", front.token());
    // The longest import that the service takes: it says itself that this is none.
    let file = "x".repeat(16 * 1024 * 1024 - 1);
    let import = front.ask("POST", "/api/v1/imports").header("Authorization", &token);
    let told = import.body("application/zip", file).send().await;
    assert_eq!(told.status, 422, "{}", told.text);
    assert!(told.problem() != "", "{}", told.text);

    let stream = TcpStream::connect(front.https).await.expect("connects");
    let mut stream = secure(stream, &front.trusted).await.expect("is secure");
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
