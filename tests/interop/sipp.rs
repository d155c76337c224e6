//! SIPp as lines behind the trunk and as neighbours.

use super::skip::needs;
use super::stage::{CALLER, CARRIER, Stage, TRUNK, has_event, outcomes, scenarios, trigger};
use lianfang_loadtest::directory::ACCESS_NUMBER;
use lianfang_loadtest::service::free_address;
use lianfang_loadtest::world::What;
use serde_json::Value;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running SIPp; killed when it is dropped.
struct Sipp {
    child: Child,
    log: std::path::PathBuf,
}

impl Sipp {
    fn start(folder: &Path, local: SocketAddr, scenario: &Path, arguments: &[&str]) -> Self {
        let log = folder.join(format!("sipp-{}.log", local.port()));
        let media = free_address(local.ip()).expect("a port is free");
        let file = File::create(&log).expect("creates");
        let child = Command::new("sipp")
            .current_dir(folder)
            .arg("-sf")
            .arg(scenario)
            .args(["-i", &local.ip().to_string(), "-p", &local.port().to_string()])
            .args(["-mi", &local.ip().to_string(), "-mp", &media.port().to_string()])
            .args(["-nostdin", "-timeout", "40", "-trace_err", "-error_file", "sipp.err"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("clones"))
            .stderr(file)
            .spawn()
            .expect("sipp starts");
        Self { child, log }
    }

    fn log(&self) -> String {
        let errors = self.log.with_file_name("sipp.err");
        let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        format!("{}\n{}", text(&self.log), text(&errors))
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One call from the trunk; the world goes on meanwhile. It has to end as the scenario says.
fn call(stage: &mut Stage, scenario: &Path, arguments: &[&str]) {
    let local = free_address(TRUNK).expect("a port is free");
    let target = stage.setup.sip.to_string();
    let mut all = vec![target.as_str(), "-m", "1", "-key", "caller", CALLER, "-s", ACCESS_NUMBER];
    all.extend(arguments);
    let mut sipp = Sipp::start(stage.folder(), local, scenario, &all);
    let mut status = None;
    stage.expect("the end of SIPp", |_| {
        status = sipp.child.try_wait().expect("can be asked");
        status.is_some()
    });
    let status = status.expect("has ended");
    assert!(status.success(), "SIPp says {status}:\n{}\nlog:\n{}", sipp.log(), stage.log_end());
}

fn called(stage: &Stage) -> usize {
    let is_call = |what: &What| matches!(what, What::Called);
    stage.diary.iter().filter(|happening| is_call(&happening.what)).count()
}

/// The press of a scenario raises one alarm, heard by `source`, that calls all ten.
fn check_press(scenario: &str, arguments: &[&str], source: &str) -> Option<Value> {
    needs("sipp")?;
    let mut stage = Stage::new();
    call(&mut stage, &scenarios().join(scenario), arguments);
    stage.expect("ten legs", |stage| called(stage) == 10);
    let alarm = stage.expect_alarm();
    assert_eq!(trigger(&alarm)["source"], source);
    assert_eq!(trigger(&alarm)["code"], "#9");
    assert_eq!(trigger(&alarm)["proof"], "trunk");
    Some(alarm)
}

#[test]
fn a_line_dials_the_code() {
    check_press("dial.xml", &["-key", "code", "%239"], "dialled");
}

#[test]
fn a_line_dials_the_code_by_tcp() {
    check_press("dial.xml", &["-key", "code", "%239", "-t", "t1"], "dialled");
}

#[test]
fn a_line_dials_a_raw_hash() {
    check_press("dial.xml", &["-key", "code", "#9"], "dialled");
}

#[test]
fn a_line_keys_the_code_from_captures() {
    if needs("raw sockets").is_some() {
        check_press("keys_pcap.xml", &[], "keyed");
    }
}

#[test]
fn a_line_keys_the_code_by_play_dtmf() {
    if needs("raw sockets").is_some() {
        check_press("keys_play.xml", &[], "keyed");
    }
}

#[test]
fn a_line_keys_the_code_by_info() {
    for scenario in ["info_relay.xml", "info_plain.xml"] {
        check_press(scenario, &[], "keyed");
    }
}

#[test]
fn what_is_no_code_is_refused() {
    if needs("sipp").is_none() {
        return;
    }
    let mut stage = Stage::new();
    let text = std::fs::read_to_string(scenarios().join("refused.xml")).expect("is there");
    for (code, status) in [("%238", "404"), ("%23", "484"), ("57000001", "404")] {
        let scenario = stage.folder().join(format!("refused-{status}.xml"));
        std::fs::write(&scenario, text.replace("STATUS", status)).expect("writes");
        call(&mut stage, &scenario, &["-key", "code", code]);
    }
    stage.expect_no_alarm();
}

#[test]
fn neighbours_end_in_every_way() {
    if needs("sipp").is_none() || needs("raw sockets").is_none() {
        return;
    }
    let carrier = free_address(CARRIER).expect("a port is free");
    let mut stage = Stage::with_carrier_at(carrier);
    let scenario = scenarios().join("neighbours.xml");
    let neighbours = Sipp::start(stage.folder(), carrier, &scenario, &[]);
    call(&mut stage, &scenarios().join("dial.xml"), &["-key", "code", "%239"]);
    stage.expect("enough are coming, and all calls over", |stage| {
        let alarm = stage.alarm();
        has_event(&alarm, "enough_coming") && outcomes(&alarm).len() == 10
    });
    let ended = outcomes(&stage.alarm());
    for (place, expected) in [
        (1, "answered"),
        (2, "busy"),
        (3, "cancelled"),
        (4, "declined"),
        (5, "bad_number"),
        (6, "carrier_failed"),
        (7, "answered_no_key"),
        (8, "no_answer"),
        (9, "answered"),
        (10, "answered"),
    ] {
        let first = ended[&place].first().map(String::as_str);
        assert_eq!(first, Some(expected), "{place} in {ended:?}\n{}", neighbours.log());
    }
}
