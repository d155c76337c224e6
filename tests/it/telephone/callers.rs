//! What is keyed in a resident's call, who calls back, and the talk: real SIP and RTP, and a switchboard that the test
//! plays.

use super::legs::{LEG, ended, key, order, placed, ring, with_carrier};
use super::phone::{Dialog, Phone};
use super::{CARRIER, DURESS_PIN, PIN, SERVICE, STRANGER, TRUNK, World, assert_press, trunk};
use lianfang::config::Transport;
use lianfang::media::{EarlyMedia, MediaConfig, OpenSession};
use lianfang::switchboard::{CallWord, HouseholdCall, Over, Wanted};
use lianfang_domain::alarm::{
    CancelReason, CloseOutcome, PinVerdict, Proof, ResidentNotice, TriggerSource, WithdrawMeans,
};
use lianfang_domain::digits::Key;
use lianfang_domain::handover::{Notice, Word};
use lianfang_domain::id::AlarmId;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::{Class, LegOrder, LegOutcome, LegReport, Message as Said};
use lianfang_domain::plan::Role;
use lianfang_domain::words;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::mpsc;

/// The call-back number of the trunk, as a carrier delivers it.
const ALARM_NUMBER: &str = "sip:05925550009@service.example";
/// What a packet of A-law is full of while nothing plays.
const A_LAW_SILENCE: u8 = 0xd5;
/// The mobile of a neighbour.
const MOBILE: &str = "13800000000";

/// Somebody on the telephone network, whom the carrier names.
pub(super) async fn caller(world: &World, number: &str) -> Phone {
    let mut caller = Phone::udp(CARRIER, world.address(Transport::Udp)).await;
    caller.extra = format!("P-Asserted-Identity: <sip:{number}@carrier.example>\r\n");
    caller
}

/// Keys a text by INFO, a key each.
pub(super) async fn info(phone: &mut Phone, dialog: &mut Dialog, text: &str) {
    for character in text.chars() {
        let body = format!("Signal={character}\r\nDuration=160\r\n");
        let kind = "Content-Type: application/dtmf-relay\r\n";
        assert_eq!(phone.say("INFO", dialog, (kind, &body)).await.status(), Some(200));
    }
}

pub(super) async fn bye(phone: &mut Phone, dialog: &mut Dialog) {
    assert_eq!(phone.say("BYE", dialog, ("", "")).await.status(), Some(200));
}

impl World {
    /// Asked who wants the caller, the switchboard says so.
    async fn wants(&mut self, wanted: Wanted) -> Option<String> {
        let CallWord::Wanted { caller, tell, .. } = self.word().await else {
            panic!("no question")
        };
        tell(wanted);
        caller.number.map(|number| number.key().to_owned())
    }
}

#[tokio::test]
async fn a_digit_behind_the_code_names_the_kind() {
    for (uri, kind, is_silent) in [
        ("sip:%2391@phone.example", AlarmKind::Fire, false),
        ("sip:%239*@phone.example", AlarmKind::Unknown, true),
    ] {
        let mut world = World::new().await;
        let mut phone = world.phone().await;
        let (call, press) = tokio::join!(phone.call(uri), world.press());
        assert_eq!((press.kind, press.is_silent), (kind, is_silent), "{uri}");
        assert_eq!(call.1.status(), Some(200));
        world.assert_no_press();
    }
}

#[tokio::test]
async fn kinds_are_keyed_in_the_call_by_info_and_in_sound() {
    let mut world = World::new().await;
    let mut phone = world.phone().await;
    let (call, _) = tokio::join!(phone.call("sip:%239@phone.example"), world.press());
    let (mut dialog, answer) = call;
    assert_eq!(phone.hear().await, (8, 172));
    info(&mut phone, &mut dialog, "3").await;
    let named = world.word().await;
    assert!(
        matches!(named, CallWord::Kind { alarm: AlarmId(1), matter: AlarmKind::Illness }),
        "{named:?}"
    );
    phone.press(5, 32_000, answer.media()).await;
    let named = world.word().await;
    assert!(matches!(named, CallWord::Kind { matter: AlarmKind::Flood, .. }), "{named:?}");
    world.assert_no_press();
}

#[tokio::test]
async fn a_pin_is_compared_three_times_a_call() {
    let mut world = World::new().await;
    let mut phone = world.phone().await;
    let (call, _) = tokio::join!(phone.call("sip:%239@phone.example"), world.press());
    let (mut dialog, _) = call;
    for (pin, expected) in [
        (DURESS_PIN, PinVerdict::Duress),
        (PIN, PinVerdict::Right),
        ("1111", PinVerdict::Wrong),
        ("2222", PinVerdict::Wrong),
        ("3333", PinVerdict::Wrong),
    ] {
        info(&mut phone, &mut dialog, &format!("0{pin}#")).await;
        let word = world.word().await;
        let CallWord::Withdraw { alarm, means, verdict, tell } = word else { panic!("{word:?}") };
        assert_eq!((alarm, means, verdict), (AlarmId(1), WithdrawMeans::Resident, expected));
        tell(verdict);
        // Another key by INFO is answered after what was told was taken.
        info(&mut phone, &mut dialog, "8").await;
    }
    info(&mut phone, &mut dialog, &format!("0{PIN}#")).await;
    bye(&mut phone, &mut dialog).await;
    world.wait_for_silence().await;
    while let Ok(word) = world.inboxes.words.try_recv() {
        assert!(!matches!(word, CallWord::Withdraw { .. }), "a fourth guess");
    }
}

#[tokio::test]
async fn ten_thousand_digits_raise_nothing_and_stop_nobody() {
    let mut world = World::new().await;
    let mut phone = world.phone().await;
    let (call, _) = tokio::join!(phone.call("sip:%239@phone.example"), world.press());
    let (mut dialog, _) = call;
    for _ in 0..1_000 {
        info(&mut phone, &mut dialog, "0123456789").await;
    }
    bye(&mut phone, &mut dialog).await;
    world.wait_for_silence().await;
    world.assert_no_press();
    let mut words = 0;
    while world.inboxes.words.try_recv().is_ok() {
        words += 1;
    }
    assert!(words <= 5, "{words} words");
}

#[tokio::test]
async fn the_arrival_code_is_told_and_raises_nothing() {
    for open in [Some(AlarmId(1)), None] {
        let mut world = World::new().await;
        let mut phone = world.phone().await;
        let (mut dialog, answer) = phone.call("sip:%2397@phone.example").await;
        assert_eq!(answer.status(), Some(200), "{}", answer.0);
        let word = world.word().await;
        let CallWord::DoorReached { tell, .. } = word else { panic!("{word:?}") };
        tell(open);
        assert_eq!(phone.hear().await, (8, 172));
        bye(&mut phone, &mut dialog).await;
        world.assert_no_press();
    }
}

#[tokio::test]
async fn who_calls_back_hears_the_alarm_and_answers() {
    let mut world = World::new().await;
    let mut neighbour = caller(&world, MOBILE).await;
    let (mut dialog, answer) = neighbour.call(ALARM_NUMBER).await;
    assert_eq!(answer.status(), Some(200), "{}", answer.0);
    let order = order(&world, MOBILE);
    let number = world.wants(Wanted::Leg(Box::new(order))).await;
    assert_eq!(number.as_deref(), Some("+8613800000000"));
    assert_eq!(neighbour.hear().await, (8, 172));
    neighbour.press(4, 16_000, answer.media()).await;
    assert_eq!(world.report().await, LegReport::Key { key: key('4') });
    info(&mut neighbour, &mut dialog, "1").await;
    assert_eq!(world.report().await, LegReport::Key { key: key('1') });
    assert_eq!(world.report().await, ended(LegOutcome::Answered));
    // The next alarm, if there is one.
    let word = world.word().await;
    let CallWord::Wanted { heard, tell, .. } = word else { panic!("{word:?}") };
    assert_eq!(heard, [LEG.alarm]);
    tell(Wanted::Nobody);
    let bye = neighbour.request("BYE").await;
    neighbour.respond(&bye, "200 OK", "").await;
    world.wait_for_silence().await;
    world.assert_no_press();
    world.until_traced(LEG.alarm, &["INVITE ", "SIP/2.0 200", "BYE ", "SIP/2.0 200"]).await;
}

/// Who was asked in vain calls from their own telephone: 3 means nothing there, 1 takes over.
#[tokio::test]
async fn a_worker_who_calls_back_takes_over() {
    let mut world = World::new().await;
    let mut phone = caller(&world, MOBILE).await;
    let notice = Notice {
        word: Word::TakeOver,
        post: "A岗".into(),
        about: "".into(),
        open: 1,
        doors: Vec::new(),
    };
    let order = LegOrder {
        message: Said::HandOver,
        role: Role::DutyWorker,
        class: Class::Drill,
        hand_over: Some(Arc::new(notice)),
        ..order(&world, MOBILE)
    };
    let (mut dialog, answer) = phone.call(ALARM_NUMBER).await;
    assert_eq!(answer.status(), Some(200));
    let number = world.wants(Wanted::Leg(Box::new(order))).await;
    assert_eq!(number.as_deref(), Some("+8613800000000"));
    assert_eq!(phone.hear().await, (8, 172), "it is spoken");
    for keys in ["3", "6"] {
        info(&mut phone, &mut dialog, keys).await;
    }
    info(&mut phone, &mut dialog, "1").await;
    assert_eq!(world.report().await, LegReport::Key { key: key('1') });
    assert_eq!(world.report().await, ended(LegOutcome::Answered));
    let CallWord::Wanted { heard, tell, .. } = world.word().await else { panic!("no question") };
    assert_eq!(heard, [LEG.alarm], "nobody is asked twice in one call");
    tell(Wanted::Nobody);
    let end = phone.request("BYE").await;
    phone.respond(&end, "200 OK", "").await;
    world.wait_for_silence().await;
}

#[tokio::test]
async fn who_hangs_up_has_heard_it() {
    let mut world = World::new().await;
    let mut neighbour = caller(&world, MOBILE).await;
    let (mut dialog, _) = neighbour.call(ALARM_NUMBER).await;
    let order = order(&world, MOBILE);
    world.wants(Wanted::Leg(Box::new(order))).await;
    assert_eq!(neighbour.hear().await.0, 8);
    bye(&mut neighbour, &mut dialog).await;
    assert_eq!(world.report().await, ended(LegOutcome::AnsweredNoKey));
    world.wait_for_silence().await;
}

/// Those whom no alarm wants, and those who show no number, hear who we are.
#[tokio::test]
async fn strangers_hear_who_we_are() {
    let mut world = World::new().await;
    for (identity, expected) in [("13900000000", Some("+8613900000000")), ("anonymous", None)] {
        let mut stranger = caller(&world, identity).await;
        let (mut dialog, answer) = stranger.call(ALARM_NUMBER).await;
        assert_eq!(answer.status(), Some(200), "{}", answer.0);
        assert_eq!(world.wants(Wanted::Nobody).await.as_deref(), expected);
        assert_eq!(stranger.hear().await.0, 8);
        bye(&mut stranger, &mut dialog).await;
    }
    world.wait_for_silence().await;
    world.assert_no_press();
}

/// Whoever was told of an alarm hears how it ended, once, and then we hang up.
#[tokio::test]
async fn who_was_told_hears_that_it_is_over() {
    let mut world = World::new().await;
    let mut neighbour = caller(&world, MOBILE).await;
    let (_, answer) = neighbour.call(ALARM_NUMBER).await;
    assert_eq!(answer.status(), Some(200), "{}", answer.0);
    let LegOrder { plan, language, .. } = order(&world, MOBILE);
    let outcome = CloseOutcome::FalseAlarm;
    let clips = words::over([(&*plan, outcome)], language);
    assert_eq!(clips.last(), words::welcome("").last(), "nobody needs them");
    world.wants(Wanted::Over(vec![Over { alarm: LEG.alarm, outcome, plan, language }])).await;
    let over = neighbour.sound(160).await;
    assert!(over.iter().any(|octet| *octet != A_LAW_SILENCE), "something is said");
    let bye = neighbour.request("BYE").await;
    neighbour.respond(&bye, "200 OK", "").await;
    world.wait_for_silence().await;
    world.assert_no_press();
    assert!(world.inboxes.words.try_recv().is_err(), "nothing else is asked");
    world.until_traced(LEG.alarm, &["INVITE ", "SIP/2.0 200", "BYE "]).await;
}

#[tokio::test]
async fn a_forged_caller_hears_no_alarm() {
    let mut world = World::new().await;
    let mut forger = Phone::udp(STRANGER, world.address(Transport::Udp)).await;
    forger.account = "13800000000";
    forger.extra = format!("P-Asserted-Identity: <sip:{MOBILE}@carrier.example>\r\n");
    let (_, refused) = forger.invite(ALARM_NUMBER).await;
    assert_eq!(refused.status(), Some(401));
    let (_, refused) = forger.call(ALARM_NUMBER).await;
    assert_eq!(refused.status(), Some(403));
    assert!(world.inboxes.words.try_recv().is_err(), "nobody was asked");
}

#[tokio::test]
async fn a_flood_of_call_backs_leaves_room_for_an_alarm() {
    let mut world = World::new().await;
    let mut flood = caller(&world, MOBILE).await;
    let mut refused = 0;
    for _ in 0..20 {
        let (_, answer) = flood.call(ALARM_NUMBER).await;
        refused += u32::from(answer.status() == Some(486));
    }
    assert_eq!(refused, 14, "one number has six calls a minute");
    let mut phone = world.phone().await;
    let (call, press) = tokio::join!(phone.call("sip:%239@phone.example"), world.press());
    assert_eq!(call.1.status(), Some(200));
    assert_press(&press, "#9", TriggerSource::Dialled, Proof::Digest);
}

#[tokio::test]
async fn a_line_that_hears_of_an_alarm_raises_its_own() {
    let mut world = World::new().await;
    let mut phone = world.phone().await;
    let (mut dialog, _) = phone.call("sip:9000@phone.example").await;
    let order = order(&world, MOBILE);
    world.wants(Wanted::Leg(Box::new(order))).await;
    assert_eq!(phone.hear().await.0, 8);
    info(&mut phone, &mut dialog, "4").await;
    assert_eq!(world.report().await, LegReport::Key { key: key('4') });
    info(&mut phone, &mut dialog, "#9").await;
    assert_press(&world.press().await, "#9", TriggerSource::Keyed, Proof::Digest);
    let mut report = world.report().await;
    while let LegReport::Key { key } = report {
        assert_eq!(key, Key::of_char('#').expect("a key"));
        report = world.report().await;
    }
    assert_eq!(report, ended(LegOutcome::Answered));
}

#[tokio::test]
async fn the_household_withdraws_from_another_telephone() {
    let mut world = World::new().await;
    let mut mobile = caller(&world, "13900000001").await;
    let (mut dialog, _) = mobile.call(ALARM_NUMBER).await;
    let means = WithdrawMeans::CallBack { number_index: 0 };
    let order = order(&world, MOBILE);
    let plan = order.plan;
    let household =
        HouseholdCall { alarm: LEG.alarm, means: means.clone(), plan, coming: vec![order.party] };
    world.wants(Wanted::Household(Box::new(household))).await;
    assert_eq!(mobile.hear().await.0, 8);
    // Keys before the answer of the switchboard were nothing's; these are the alarm's.
    info(&mut mobile, &mut dialog, &format!("0{PIN}#")).await;
    let word = world.word().await;
    let CallWord::Withdraw { alarm, means: by, verdict, tell } = word else { panic!("{word:?}") };
    assert_eq!((alarm, by, verdict), (LEG.alarm, means, PinVerdict::Right));
    tell(verdict);
    bye(&mut mobile, &mut dialog).await;
    world.wait_for_silence().await;
}

/// What is heard of a call, from its first sound on, if it is reworded before or after the answer.
async fn heard_of_call(is_early: bool, is_late: bool) -> Vec<u8> {
    let (mut world, mut carrier) = with_carrier().await;
    let invite = ring(&mut world, &mut carrier).await;
    let reworded = || LegOrder { message: Said::OwnHousehold, ..order(&world, MOBILE) };
    if is_early {
        world.telephone.reword(reworded());
    }
    carrier.respond(&invite, "200 OK", &carrier.sdp()).await;
    carrier.request("ACK").await;
    assert_eq!(carrier.hear().await, (8, 172));
    if is_late {
        world.telephone.reword(reworded());
    }
    let sound = carrier.sound(160).await;
    let first = sound.iter().position(|octet| *octet != A_LAW_SILENCE).expect("something is said");
    sound[first..].iter().take(14_000).copied().collect()
}

#[tokio::test]
async fn a_call_that_nobody_answered_gets_other_words() {
    let (before, early, late) = tokio::join!(
        heard_of_call(false, false),
        heard_of_call(true, false),
        heard_of_call(false, true)
    );
    assert_eq!(before.len(), 14_000);
    assert_ne!(before, early, "other words");
    assert_eq!(before, late, "too late for others");
}

#[tokio::test]
async fn five_talks_with_the_resident_and_five_leaves() {
    let (mut world, mut carrier) = with_carrier().await;
    let invite = ring(&mut world, &mut carrier).await;
    carrier.respond(&invite, "200 OK", &carrier.sdp()).await;
    carrier.request("ACK").await;
    assert_eq!(world.report().await, LegReport::Answered);
    assert_eq!(carrier.hear().await, (8, 172));
    carrier.press(5, 16_000, invite.media()).await;
    assert_eq!(world.report().await, LegReport::Key { key: key('5') });
    world.telephone.join_talk(LEG);
    let word = world.word().await;
    assert!(matches!(word, CallWord::Talk { leg: LEG, is_in: true }), "{word:?}");
    carrier.press(5, 48_000, invite.media()).await;
    let word = world.word().await;
    assert!(matches!(word, CallWord::Talk { leg: LEG, is_in: false }), "{word:?}");
    world.telephone.cancel(LEG, CancelReason::AlarmOver);
    let bye = carrier.request("BYE").await;
    carrier.respond(&bye, "200 OK", "").await;
    assert_eq!(world.report().await, ended(LegOutcome::Cancelled));
    world.wait_for_silence().await;
}

#[tokio::test]
async fn a_loudspeaker_is_told_to_answer() {
    let (mut world, mut carrier) = with_carrier().await;
    let order = LegOrder { role: Role::Loudspeaker, ..order(&world, MOBILE) };
    world.telephone.place(order, &TRUNK.into());
    let invite = carrier.request("INVITE").await;
    assert_eq!(invite.header("Call-Info"), "<sip:x>;answer-after=0");
    assert_eq!(world.report().await, placed(TRUNK));
    carrier.respond(&invite, "486 Busy Here", "").await;
    carrier.request("ACK").await;
    assert_eq!(world.report().await, ended(LegOutcome::Busy));
}

/// A silent alarm is silent to the end: whatever the switchboard wants to be said.
#[tokio::test]
async fn a_silent_code_plays_nothing_but_silence() {
    let mut world = World::new().await;
    let mut phone = world.phone().await;
    let (call, press) = tokio::join!(phone.call("sip:%239*@phone.example"), world.press());
    assert!(press.is_silent);
    let (mut dialog, _) = call;
    let plan = order(&world, MOBILE).plan;
    world.telephone.tell_resident(AlarmId(1), &ResidentNotice::HelpCalled { households: 1 }, &plan);
    let sound = phone.sound(50).await;
    assert!(sound.iter().all(|octet| *octet == A_LAW_SILENCE), "something is played");
    bye(&mut phone, &mut dialog).await;
}

/// Every port is taken: the alarm is raised and the call is up, without sound; keys come by INFO.
#[tokio::test]
async fn a_resident_without_a_port_is_answered() {
    let media = MediaConfig {
        bind_ip: IpAddr::V4(SERVICE),
        ports: 44_100..=44_103,
        ..MediaConfig::default()
    };
    let trunk = trunk(SocketAddr::from((CARRIER, 5060)));
    let mut world = World::with_media(None, trunk, &media).await;
    let (events, _events) = mpsc::channel(16);
    for id in 1.. {
        if world
            .media
            .open(OpenSession { id, events: events.clone(), early: EarlyMedia::Heard })
            .is_err()
        {
            break;
        }
    }
    let mut phone = world.phone().await;
    let (call, press) = tokio::join!(phone.call("sip:%239@phone.example"), world.press());
    assert_press(&press, "#9", TriggerSource::Dialled, Proof::Digest);
    let (mut dialog, answer) = call;
    assert_eq!(answer.status(), Some(200), "{}", answer.0);
    assert!(answer.0.contains("a=inactive\r\n"), "{}", answer.0);
    info(&mut phone, &mut dialog, "1").await;
    let word = world.word().await;
    assert!(matches!(word, CallWord::Kind { matter: AlarmKind::Fire, .. }), "{word:?}");
    bye(&mut phone, &mut dialog).await;
}
