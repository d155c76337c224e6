//! What systemd is told: up, alive, and going.

use super::{PATIENCE, Program, tls_section};
use sqlx::{Connection, Executor, SqliteConnection};
use std::time::Duration;
use tokio::net::UnixDatagram;
use tokio::process::Command;

async fn told(systemd: &UnixDatagram) -> String {
    let mut told = vec![0; 256];
    let receiving = systemd.recv(&mut told);
    let length =
        tokio::time::timeout(PATIENCE, receiving).await.expect("told in time").expect("received");
    String::from_utf8_lossy(&told[..length]).into_owned()
}

#[tokio::test]
async fn systemd_is_told_when_it_is_up_alive_and_going() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).expect("a socket");
    let environment =
        [("NOTIFY_SOCKET", socket.to_str().expect("UTF-8")), ("WATCHDOG_USEC", "2000000")];
    let program = Program::start_with(folder, "", &environment).await;
    let mut heard = Vec::new();
    while !heard.contains(&"READY=1".to_owned()) {
        heard.push(told(&systemd).await);
        assert!(heard.len() < 50, "it is alive and never up: {heard:?}");
    }
    while heard.iter().filter(|state| *state == "WATCHDOG=1").count() < 3 {
        heard.push(told(&systemd).await);
    }
    let process = program.child.id().expect("it runs").to_string();
    let asked = Command::new("kill").args(["-TERM", &process]).status().await.expect("kills");
    assert!(asked.success());
    while heard.last().is_none_or(|last| last != "STOPPING=1") {
        heard.push(told(&systemd).await);
    }
}

#[tokio::test]
async fn a_watchdog_of_another_process_is_not_fed() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).expect("a socket");
    let environment = [
        ("NOTIFY_SOCKET", socket.to_str().expect("UTF-8")),
        ("WATCHDOG_USEC", "100000"),
        ("WATCHDOG_PID", "1"),
    ];
    let program = Program::start_with(folder, "", &environment).await;
    assert_eq!(told(&systemd).await, "READY=1");
    let process = program.child.id().expect("it runs").to_string();
    Command::new("kill").args(["-TERM", &process]).status().await.expect("kills");
    assert_eq!(told(&systemd).await, "STOPPING=1", "nothing between");
}

/// Whether a process hears SIGTERM itself (proc(5), `SigCgt`).
fn hears_terminate(process: &str) -> bool {
    const TERMINATE: u64 = 1 << (15 - 1);
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("has one");
    u64::from_str_radix(caught.trim(), 16).expect("hexadecimal") & TERMINATE != 0
}

/// It waits for a database that another program holds, and is asked to stop: it goes at once and in order, and never said
/// that it was up.
#[tokio::test]
async fn whoever_asks_it_to_stop_while_it_starts_is_heard() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).expect("a socket");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    let database = format!("sqlite://{}?mode=rwc", data.join("directory.db").display());
    let mut other = SqliteConnection::connect(&database).await.expect("opens");
    other.execute("BEGIN EXCLUSIVE; CREATE TABLE held (it)").await.expect("holds it");
    let config = folder.path().join("lianfang.toml");
    let text = format!(
        "data_dir = \"{}\"\nvoice = \"none\"\n[sip]\nlisten = [\"udp://127.0.0.1:0\"]\n",
        data.display()
    );
    std::fs::write(&config, text).expect("a file");
    let mut program = Command::new(env!("CARGO_BIN_EXE_lianfang"))
        .args(["--config", config.to_str().expect("UTF-8"), "--log", "off", "serve"])
        .env("NOTIFY_SOCKET", &socket)
        .kill_on_drop(true)
        .spawn()
        .expect("starts");
    let process = program.id().expect("it runs").to_string();
    let ended = async {
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        while !hears_terminate(&process) {
            tick.tick().await;
        }
        Command::new("kill").args(["-TERM", &process]).status().await.expect("kills");
        program.wait().await.expect("ends")
    };
    // Far less than it waits for a database.
    let ended = tokio::time::timeout(Duration::from_secs(20), ended).await.expect("goes at once");
    assert_eq!(ended.code(), Some(0));
    let told = systemd.try_recv(&mut [0; 256]);
    assert!(told.is_err(), "it was not up, and told something of {told:?} bytes");
}

/// What `lianfang health` says of the service of this configuration.
async fn health(program: &Program) -> bool {
    let config = program.folder.path().join("lianfang.toml");
    let asked = Command::new(env!("CARGO_BIN_EXE_lianfang"))
        .args(["--config", config.to_str().expect("UTF-8"), "health"])
        .output()
        .await
        .expect("runs");
    asked.status.success()
}

#[tokio::test]
async fn a_monitor_without_a_client_of_its_own_asks_the_program() {
    let mut plain = Program::start(tempfile::tempdir().expect("a folder"), "").await;
    assert!(health(&plain).await);
    plain.child.kill().await.expect("is killed");
    assert!(!health(&plain).await);

    let folder = tempfile::tempdir().expect("a folder");
    let (section, _) = tls_section(folder.path());
    let mut secure = Program::start(folder, &section).await;
    assert!(health(&secure).await);
    secure.child.kill().await.expect("is killed");
    assert!(!health(&secure).await);
}
