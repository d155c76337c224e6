//! What strangers send cannot write lines of its own into the log, which is in UTC and can be read by machines.

use super::{PASSWORD, PATIENCE, Program};
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::unix::pipe;

/// What a stranger would like to have in the log.
const FORGED: &str = "x\r\n2026-11-23T00:00:00.000000Z ERROR lianfang: all is lost\u{1b}[2J\"}\n";
/// The same in a path.
const FORGED_PATH: &str = "/api/v1/accounts/%0A2026-11-23T00:00:00Z%20ERROR%20all%20is%20lost";

/// Has it log what strangers sent.
async fn told_lies(format: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let environment = [("LIANFANG_LOG_FORMAT", format)];
    let program = Program::start_with(folder, "", &environment).await;
    program.set_up(|ask| ask.naming("127.0.0.1")).await;
    let form = [("name", FORGED), ("password", FORGED)];
    let refused = program.ask("POST", "/login").naming("127.0.0.1").header("User-Agent", "x\ty");
    let refused = refused.form(&form).send();
    assert_ne!(refused.await.status, 303);
    let asked = program.ask("GET", FORGED_PATH).header("Authorization", "Bearer no").send();
    assert_eq!(asked.await.status, 401);
    program.log_with("A sign-in was refused").await
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_nothing_up() {
    let (full, unread) = pipe::pipe().expect("a pipe");
    while full.try_write(&[b'\n'; 4096]).is_ok() {}
    while full.try_write(b"\n").is_ok() {}
    let log = full.into_blocking_fd().expect("blocks");
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::logging_to(log.into(), folder, "", &[]).await;
    program.set_up(|ask| ask.naming("127.0.0.1")).await;
    let form = [("name", "root"), ("password", PASSWORD)];
    let signed = program.ask("POST", "/login").naming("127.0.0.1").form(&form).send().await;
    assert_eq!(signed.status, 303, "{}", signed.text);
    let id = program.child.id().expect("it runs").to_string();
    let asked = std::process::Command::new("kill").arg(id).status().expect("is there");
    assert!(asked.success());
    let ended = tokio::time::timeout(PATIENCE, program.child.wait()).await.expect("it stops");
    assert!(ended.expect("ends").success());
    drop(unread);
}

#[tokio::test]
async fn each_line_for_machines_is_an_object_with_a_time_in_utc() {
    let log = told_lies("json").await;
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        let at = entry["timestamp"].as_str().expect("a time");
        assert!(at.ends_with('Z') && at.parse::<Timestamp>().is_ok(), "{line}");
        assert!(entry["level"].is_string() && entry["target"].is_string(), "{line}");
        assert_ne!(entry["level"], "ERROR", "{line}");
    }
    assert!(3 < log.lines().count(), "{log}");
}

#[tokio::test]
async fn nobody_writes_lines_of_their_own_into_the_log() {
    let log = told_lies("text").await;
    for line in log.lines() {
        let (at, rest) = line.split_once(' ').unwrap_or_else(|| panic!("no time: {line}"));
        assert!(at.ends_with('Z') && at.parse::<Timestamp>().is_ok(), "{line}");
        let level = rest.trim_start().split(' ').next();
        assert!(matches!(level, Some("INFO" | "WARN")), "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
    }
    assert!(!log.contains("all is lost\u{1b}"), "{log}");
}
