//! What systemd is told: up, alive, and going.

use super::{PATIENCE, Program, tls_section};
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
