//! The world against itself: its phones call its carrier, which answers as the service would.

use super::*;
use crate::behaviour::Kind;
use std::net::Ipv4Addr;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LONGEST: Duration = Duration::from_secs(10);

fn world() -> World {
    World::new(WorldConfig {
        carrier: SocketAddr::new(LOCAL, 0),
        phones_ip: LOCAL,
        phones_port: 0,
        service: SocketAddr::new(LOCAL, 1),
        phones_per_socket: 1,
        media_sockets: 2,
        seed: 1,
        keeps_diary: true,
    })
    .expect("opens")
}

/// Two worlds, since a world knows a call by its Call-ID: one calls the other.
struct Pair {
    caller: World,
    callee: World,
    diary: Vec<Happening>,
}

impl Pair {
    fn new(kind: Kind) -> Self {
        let (mut caller, mut callee) = (world(), world());
        callee.set_behaviours(Behaviours::all(kind.behaviour()));
        caller.set_service(callee.carrier_address().expect("is bound"));
        Self { caller, callee, diary: Vec::new() }
    }

    fn dial(&mut self, from: &str, to: &str, hold: Duration) -> PhoneId {
        let (account, now) = (from.to_owned(), clock::now());
        let config = PhoneConfig { account, credentials: None, registers: false, ip: None };
        let phone = self.caller.add_phone(config, Duration::ZERO, now).expect("is added");
        self.caller.press(phone, Form::Dial(to.to_owned()), hold, now);
        phone
    }

    fn expect(&mut self, is_reached: impl Fn(&Self) -> bool) {
        let deadline = clock::now() + LONGEST;
        while !is_reached(self) {
            assert!(clock::now() < deadline, "{:?}", self.diary);
            let step = Duration::from_millis(1);
            for world in [&mut self.caller, &mut self.callee] {
                world.run_until(step, |_| false).expect("runs");
                self.diary.extend(world.take_diary());
            }
        }
    }

    fn expect_heard(&mut self, wanted: impl Fn(&What) -> Option<Heard>) -> Heard {
        let find = |pair: &Self| pair.diary.iter().find_map(|happening| wanted(&happening.what));
        self.expect(|pair| find(pair).is_some());
        find(self).expect("was just found")
    }
}

/// A phone calls another one that behaves like `kind`.
fn call(kind: Kind, hold: Duration) -> Pair {
    let mut pair = Pair::new(kind);
    pair.dial("5551230", "5551231", hold);
    pair
}

fn has(diary: &[Happening], who: &str, what: &What) -> bool {
    diary.iter().any(|happening| happening.who == who && happening.what == *what)
}

#[test]
fn a_call_is_answered_heard_and_keyed() {
    let kind = Kind::Presses { key: '1', answer_ms: 20, then_ms: 100 };
    let mut pair = call(kind, Duration::from_millis(400));
    let heard = pair.expect_heard(|what| {
        let What::HungUpByService(heard) = what else { return None };
        Some(*heard)
    });
    for what in [What::Called, What::Ringing, What::Answered, What::Pressed('1')] {
        assert!(has(&pair.diary, "5551231", &what), "{what:?} in {:?}", pair.diary);
    }
    assert!(has(&pair.diary, "5551230", &What::CallAnswered), "{:?}", pair.diary);
    assert!(10 < heard.packets && heard.packets == heard.loud_packets, "{heard:?}");
    assert_eq!(heard.missing, 0);
    let counts = pair.callee.board().counts();
    assert_eq!((counts.invites_again, counts.requests_again), (0, 0));
}

#[test]
fn a_voicemail_speaks_and_presses_nothing() {
    let mut pair = call(Kind::Voicemail { answer_ms: 5 }, Duration::from_millis(300));
    let heard = pair.expect_heard(|what| {
        let What::CallEnded(heard) = what else { return None };
        Some(*heard)
    });
    assert!(5 < heard.loud_packets, "{heard:?}");
    assert!(!pair.diary.iter().any(|happening| matches!(happening.what, What::Pressed(_))));
}

#[test]
fn refusals_end_without_an_answer() {
    for status in [404, 486, 503, 603] {
        let mut pair = call(Kind::Refuses { status, after_ms: 5 }, LONGEST);
        pair.expect(|pair| has(&pair.diary, "5551230", &What::CallRefused(status)));
        assert!(has(&pair.diary, "5551231", &What::Refused(status)), "{:?}", pair.diary);
    }
}

#[test]
fn who_gives_up_cancels() {
    let mut pair = call(Kind::NeverAnswers, LONGEST);
    pair.expect(|pair| has(&pair.diary, "5551231", &What::Ringing));
    pair.caller.hang_up(PhoneId(0), clock::now());
    pair.expect(|pair| has(&pair.diary, "5551230", &What::CallRefused(487)));
    assert!(has(&pair.diary, "5551231", &What::Cancelled), "{:?}", pair.diary);
    assert_eq!(pair.callee.board().counts().cancelled, 1);
}

#[test]
fn two_hundred_calls_at_once_are_answered_and_keyed() {
    let mut pair = Pair::new(Kind::Presses { key: '1', answer_ms: 100, then_ms: 500 });
    for number in 0..200 {
        let (from, to) = (format!("6{number:06}"), format!("7{number:06}"));
        pair.dial(&from, &to, Duration::from_secs(1));
    }
    pair.expect(|pair| pair.callee.board().counts().keys == 200);
    assert_eq!(pair.callee.board().counts().answered, 200);
    assert_eq!(pair.callee.board().counts().doubled, 0);
}

/// Whoever has dialled the code presses more in the same call: that is no second press of the alarm.
#[test]
fn keys_are_pressed_in_a_call_that_is_there() {
    let mut pair = Pair::new(Kind::Presses { key: '1', answer_ms: 50, then_ms: 60_000 });
    let phone = pair.dial("5551230", "5551231", LONGEST);
    assert!(!pair.caller.key(phone, "0", clock::now()), "nobody has answered yet");
    pair.expect(|pair| has(&pair.diary, "5551230", &What::CallAnswered));
    assert!(pair.caller.key(phone, "04821#", clock::now()));
    pair.expect(|pair| has(&pair.diary, "5551230", &What::Pressed('#')));
    let hers = pair.diary.iter().filter(|happening| happening.who == "5551230");
    let keys = hers.filter_map(|happening| {
        let What::Pressed(key) = happening.what else { return None };
        Some(key)
    });
    assert_eq!(keys.collect::<String>(), "04821#");
    let presses = pair.diary.iter().filter(|happening| happening.what == What::PressedAlarm);
    assert_eq!(presses.count(), 1, "{:?}", pair.diary);
}
