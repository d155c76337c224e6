//! Simulated phones: registered lines, strangers, and a service that dies in the middle of a wave.

use super::stage::{CALLER, Stage, has_event, outcomes, trigger};
use lianfang_loadtest::behaviour::{Behaviour, Behaviours};
use lianfang_loadtest::clock::now;
use lianfang_loadtest::digest::{Algorithm, Credentials};
use lianfang_loadtest::world::{Form, PhoneConfig, PhoneId, PhoneState, What};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// No address of the trunk.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 6));
const HOLD: Duration = Duration::from_secs(20);

fn phone(stage: &mut Stage, ip: Option<IpAddr>, password: Option<(&str, Algorithm)>) -> PhoneId {
    let credentials = password.map(|(password, algorithm)| Credentials {
        username: CALLER.to_owned(),
        password: password.to_owned(),
        algorithm,
    });
    let registers = credentials.is_some();
    let config = PhoneConfig { account: CALLER.to_owned(), credentials, registers, ip };
    stage.world.add_phone(config, Duration::ZERO, now()).expect("is added")
}

fn dial(code: &str) -> Form {
    Form::Dial(code.to_owned())
}

fn count(stage: &Stage, is_it: impl Fn(&What) -> bool) -> usize {
    stage.diary.iter().filter(|happening| is_it(&happening.what)).count()
}

fn called(stage: &Stage) -> usize {
    count(stage, |what| *what == What::Called)
}

#[test]
fn a_registered_line_dials_with_digest() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let mut stage = Stage::new();
        let password = format!("pw{CALLER}");
        let line = phone(&mut stage, Some(ELSEWHERE), Some((&password, algorithm)));
        stage.expect("a registration", |stage| {
            stage.world.phone_state(line) == PhoneState::Registered
        });
        stage.world.press(line, dial("*9"), HOLD, now());
        stage.expect("ten legs", |stage| called(stage) == 10);
        let alarm = stage.expect_alarm();
        assert_eq!(trigger(&alarm)["proof"], "digest", "{algorithm:?}");
        assert_eq!(trigger(&alarm)["code"], "*9");
    }
}

#[test]
fn a_stranger_raises_nothing() {
    let mut stage = Stage::new();
    let stranger = phone(&mut stage, Some(ELSEWHERE), None);
    stage.world.press(stranger, dial("%239"), HOLD, now());
    let refused = |what: &What| matches!(what, What::CallRefused(401 | 403 | 404 | 407));
    stage.expect("a refusal", |stage| count(stage, refused) == 1);
    let liar = phone(&mut stage, Some(ELSEWHERE), Some(("guessed", Algorithm::Md5)));
    stage.expect("a refusal", |stage| {
        matches!(stage.world.phone_state(liar), PhoneState::Refused(401 | 403))
    });
    stage.world.press(liar, dial("%239"), HOLD, now());
    stage.expect("a refusal", |stage| count(stage, refused) == 2);
    stage.expect_no_alarm();
    assert_eq!(called(&stage), 0);
}

#[test]
fn a_wave_goes_on_after_a_kill() {
    let mut stage = Stage::new();
    let mut behaviours = Behaviours::all(Behaviour::never_answers());
    let listens = Behaviour::listens(Duration::from_millis(50), Duration::from_secs(60));
    behaviours.set("57000001", listens);
    stage.world.set_behaviours(behaviours);
    let line = phone(&mut stage, None, None);
    stage.world.press(line, dial("%239"), HOLD, now());
    stage.expect("nine ring and one listens", |stage| {
        let ringing = count(stage, |what| *what == What::Ringing);
        (ringing, count(stage, |what| *what == What::Answered)) == (10, 1)
    });
    let before = stage.expect_alarm();
    assert!(outcomes(&before).is_empty(), "nobody's call has ended");

    stage.kill();
    stage.diary.clear();
    stage.world.behaviours().set(
        "57000002",
        Behaviour::presses('1', Duration::from_millis(100), Duration::from_millis(500)),
    );
    stage.restart();

    stage.expect("orphaned calls end", |stage| {
        let cancelled = count(stage, |what| *what == What::Cancelled);
        (cancelled, count(stage, |what| matches!(what, What::HungUpByService(_)))).ge(&(9, 1))
    });
    stage.expect("all ten ring again", |stage| called(stage) == 10);
    stage.expect("a key counts", |stage| has_event(&stage.alarm(), "acknowledged"));
    let after = stage.alarm();
    assert_eq!(after["id"], before["id"], "it is the same alarm");
    assert!(after["closed_at"].is_null());
}
