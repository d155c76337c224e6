//! The program itself proves its trail: exit codes and words, over files that it never opened before.

use lianfang::store::Store;
use std::path::Path;
use std::process::{Command, Output};

fn audit(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lianfang"));
    command.args(["--log", "error", "audit"]).args(arguments);
    command.arg("--folder").arg(folder).output().expect("runs")
}

#[tokio::test]
async fn the_program_proves_its_trail_and_says_by_its_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    Store::open(folder.path()).await.expect("opens").close().await;
    let code = |arguments: &[&str]| audit(folder.path(), arguments).status.code();
    let told = |arguments: &[&str]| {
        String::from_utf8(audit(folder.path(), arguments).stdout).expect("UTF-8")
    };
    assert_eq!(code(&["verify"]), Some(0));
    let heads = told(&["head"]);
    let heads: Vec<&str> = heads.lines().collect();
    assert!(heads[0].starts_with("alarms:1:") && heads[1].starts_with("directory:1:"), "{heads:?}");
    let both = ["verify", "--expect-head", heads[0], "--expect-head", heads[1]];
    assert_eq!(code(&both), Some(0));
    let bare = heads[1].trim_start_matches("directory:");
    assert_eq!(code(&["verify", "--expect-head", bare]), Some(0));
    let other = bare.replacen("1:", "2:", 1);
    assert_eq!(code(&["verify", "--expect-head", &other]), Some(3));
    assert!(told(&["verify", "--expect-head", &other]).contains("no chain has the head 2"));
    assert_eq!(code(&["verify", "--expect-head", "nonsense"]), Some(2));
    let lines = told(&["export"]);
    assert_eq!(lines.lines().count(), 2);
    for line in lines.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!((&entry["sequence"], &entry["action"]), (&1.into(), &"begin".into()));
    }
    std::fs::write(folder.path().join("alarms.db"), "no database at all").expect("writes");
    assert_eq!(code(&["verify"]), Some(1));
}
