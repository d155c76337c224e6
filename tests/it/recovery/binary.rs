//! The program itself is killed in the middle of a wave, and started again.

use crate::town;
use lianfang::clock::Clock;
use lianfang::store::Store;
use lianfang::store::tokens::{self, NewToken, Scope};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::process::{Child, Command};

/// Longest real wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running program and the API of it.
struct Program {
    child: Child,
    http: SocketAddr,
    token: String,
}

impl Program {
    async fn start(folder: &Path, http: SocketAddr, trunk: SocketAddr, token: &str) -> Self {
        let config = folder.join("lianfang.toml");
        let text = format!(
            r#"
            data_dir = "{}"
            voice = "none"
            [sip]
            listen = ["udp://127.0.0.1:0"]
            [http]
            listen = "{http}"
            [[trunk]]
            name = "carrier"
            address = "{trunk}"
            caller_number = "05925550009"
            area_code = "0592"
            number_format = "national"
            probe_s = 0
            "#,
            folder.display()
        );
        std::fs::write(&config, text).expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_lianfang"))
            .args(["--config", config.to_str().expect("UTF-8"), "--log", "off", "serve"])
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("starts");
        let mut program = Self { child, http, token: token.to_owned() };
        let up = async {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            while TcpStream::connect(http).await.is_err() {
                let ended = program.child.try_wait().expect("can be asked");
                assert_eq!(ended, None, "it runs");
                tick.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, up).await.expect("listens in time");
        program
    }

    /// SIGKILL: nothing of it can say goodbye.
    async fn kill(mut self) {
        self.child.kill().await.expect("is killed");
    }

    async fn call(&self, request: &str, headers: &str, body: &str) -> (u16, Value) {
        let talk = async {
            let mut stream = TcpStream::connect(self.http).await.expect("connects");
            let request = format!(
                "{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
                Content-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
                self.token,
                body.len()
            );
            stream.write_all(request.as_bytes()).await.expect("writes");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("reads");
            answer
        };
        let answer = tokio::time::timeout(PATIENCE, talk).await.expect("answers in time");
        let (head, body) = answer.split_once("\r\n\r\n").expect("has a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), serde_json::from_str(body).expect("JSON"))
    }

    async fn press(&self) -> (u16, Value) {
        let body = json!({"account": "line-1", "code": "#9"}).to_string();
        self.call("POST /api/v1/triggers", "Idempotency-Key: press-1\r\n", &body).await
    }
}

/// Call-IDs of the requests of a method that reach the trunk, until there are ten that are not known.
async fn ten_calls(trunk: &UdpSocket, method: &str, known: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let listen = async {
        let mut packet = vec![0; 65_536];
        while found.len() < 10 {
            let len = trunk.recv(&mut packet).await.expect("receives");
            let text = String::from_utf8_lossy(&packet[..len]);
            let call = text.lines().find_map(|line| line.strip_prefix("Call-ID: "));
            if let Some(call) =
                call.filter(|call| text.starts_with(method) && !known.contains(*call))
            {
                found.insert(call.to_owned());
            }
        }
    };
    tokio::time::timeout(PATIENCE, listen).await.expect("ten calls in time");
    found
}

#[tokio::test]
async fn a_program_that_is_killed_in_a_wave_rings_on_after_its_start() {
    let folder = tempfile::tempdir().expect("a folder");
    town::people(folder.path()).await;
    let store = Store::open(folder.path()).await.expect("opens");
    let new = NewToken { name: "pbx".to_owned(), scope: Scope::Operator, expires: None };
    let token =
        tokens::create(&store.directory().edited_by("cli:test", Clock::system().now()), &new).await;
    let token = token.expect("a token").reveal().to_owned();
    store.close().await;
    let trunk = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let at_trunk = trunk.local_addr().expect("an address");
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let http = free.local_addr().expect("an address");
    drop(free);

    let program = Program::start(folder.path(), http, at_trunk, &token).await;
    let (status, raised) = program.press().await;
    assert_eq!(status, 201, "{raised}");
    let alarm = raised["id"].as_str().expect("an id").to_owned();
    let first = ten_calls(&trunk, "INVITE ", &BTreeSet::new()).await;
    program.kill().await;

    let program = Program::start(folder.path(), http, at_trunk, &token).await;

    let ended = ten_calls(&trunk, "CANCEL ", &BTreeSet::new()).await;
    assert_eq!(ended, first, "what rang is ended");
    let second = ten_calls(&trunk, "INVITE ", &first).await;
    assert!(second.is_disjoint(&first), "and everybody is called again");
    let (status, same) = program.press().await;
    assert_eq!((status, &same["id"]), (200, &raised["id"]), "the same press is the same alarm");
    let (status, open) = program.call(&format!("GET /api/v1/alarms/{alarm}"), "", "").await;
    assert_eq!((status, &open["closed_at"]), (200, &Value::Null), "{open}");
}
