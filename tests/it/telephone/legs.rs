//! Legs to neighbours: over a carrier, and to a phone that is registered here.

use super::phone::{Message, Phone};
use super::{CARRIER, PATIENCE, SERVICE, TRUNK, World, trunk};
use lianfang::config::{Transport, TrunkConfig, sip_lines_route};
use lianfang::media::{EarlyMedia, MediaConfig, OpenSession};
use lianfang_domain::alarm::CancelReason;
use lianfang_domain::digits::Key;
use lianfang_domain::handover::{Notice, Word};
use lianfang_domain::id::{AlarmId, LegId};
use lianfang_domain::leg::{
    Channel, Class, LegOrder, LegOutcome, LegReport, Message as Said, Moment,
};
use lianfang_domain::phone::{Home, PhoneNumber};
use lianfang_domain::plan::{self, PlanFor, Policy, Role};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

pub(super) const LEG: LegId = LegId { alarm: AlarmId(9), number: 1 };

/// A carrier that the test plays, and the service that calls over it.
pub(super) async fn with_carrier() -> (World, Phone) {
    with_probed_carrier(Duration::ZERO).await
}

async fn with_probed_carrier(probe: Duration) -> (World, Phone) {
    carrier_and_media(
        probe,
        &MediaConfig { bind_ip: IpAddr::V4(SERVICE), ..MediaConfig::default() },
    )
    .await
}

async fn carrier_and_media(probe: Duration, media: &MediaConfig) -> (World, Phone) {
    let nowhere = SocketAddr::from((CARRIER, 1));
    let mut carrier = Phone::udp(CARRIER, nowhere).await;
    let trunk = TrunkConfig { probe, ..trunk(carrier.address()) };
    let world = World::with_media(None, trunk, media).await;
    carrier.set_service(world.address(Transport::Udp));
    (world, carrier)
}

/// The order to ring a number about the alarm of a1.
pub(super) fn order(world: &World, number: &str) -> LegOrder {
    order_of(world, "a1", number)
}

/// The order to ring a number about the alarm of a line.
pub(super) fn order_of(world: &World, account: &str, number: &str) -> LegOrder {
    let directory = world.directory.current();
    let line = directory.line_by_account(account).expect("the line");
    let defaults = Policy::default();
    let wanted = PlanFor::unknown(&defaults, world.clock.now());
    let plan = plan::build(&directory, line, &wanted).expect("a plan");
    let (party, person) = plan
        .parties()
        .find(|(_, party)| party.role == Role::Neighbour)
        .map(|(id, party)| (id, party.numbers[0].clone()))
        .expect("a neighbour");
    let home = Home { area_code: "0592".into(), community: line.community };
    LegOrder {
        leg: LEG,
        channel: Channel::Voice,
        party,
        role: Role::Neighbour,
        number_index: 0,
        number: PhoneNumber::of_caller(number, &home).expect("a number"),
        language: person.language,
        message: Said::Alarm,
        along: Vec::new(),
        link: None,
        moment: None,
        coming: Vec::new(),
        class: Class::First,
        ring_timeout_s: 30,
        routes_failed: Vec::new(),
        plan: Arc::new(plan),
        raised_at: world.clock.now(),
        hand_over: None,
    }
}

impl World {
    pub(super) async fn report(&mut self) -> LegReport {
        let report = tokio::time::timeout(PATIENCE, self.inboxes.reports.recv()).await;
        let (leg, report) = report.expect("a report in time").expect("a report");
        assert_eq!(leg, LEG);
        report
    }
}

pub(super) fn placed(route: &str) -> LegReport {
    LegReport::Placed { route: route.into() }
}

pub(super) fn ended(outcome: LegOutcome) -> LegReport {
    LegReport::Ended { outcome }
}

pub(super) fn key(character: char) -> Key {
    Key::of_char(character).expect("a key")
}

/// Rings the mobile over the carrier: the INVITE as it arrives there.
pub(super) async fn ring(world: &mut World, carrier: &mut Phone) -> Message {
    world.telephone.place(order(world, "13800000000"), &TRUNK.into());
    ringing(world, carrier).await
}

/// The INVITE that the carrier gets, once it has said that the phone rings.
async fn ringing(world: &mut World, carrier: &mut Phone) -> Message {
    let invite = carrier.request("INVITE").await;
    assert_eq!(world.report().await, placed(TRUNK));
    carrier.respond(&invite, "100 Trying", "").await;
    carrier.respond(&invite, "180 Ringing", "").await;
    assert_eq!(world.report().await, LegReport::Ringing);
    invite
}

#[tokio::test]
async fn a_worker_is_asked_to_take_over_hears_it_and_presses_1() {
    let (mut world, mut carrier) = with_carrier().await;
    let notice = Notice {
        word: Word::TakeOver,
        post: "A岗".into(),
        about: "".into(),
        open: 2,
        doors: Vec::new(),
    };
    let about_no_alarm = LegOrder {
        message: Said::HandOver,
        role: Role::DutyWorker,
        class: Class::Drill,
        hand_over: Some(Arc::new(notice)),
        ..order(&world, "13800000000")
    };
    world.telephone.place(about_no_alarm, &TRUNK.into());
    let invite = carrier.request("INVITE").await;
    assert_eq!(world.report().await, placed(TRUNK));
    carrier.respond(&invite, "200 OK", &carrier.sdp()).await;
    carrier.request("ACK").await;
    assert_eq!(world.report().await, LegReport::Answered);
    assert_eq!(carrier.hear().await, (8, 172), "it is spoken");
    carrier.press(1, 16_000, invite.media()).await;
    assert_eq!(world.report().await, LegReport::Key { key: key('1') });
    let bye = carrier.request("BYE").await;
    carrier.respond(&bye, "200 OK", "").await;
    assert_eq!(world.report().await, ended(LegOutcome::Answered));
    world.wait_for_silence().await;
}

/// Nobody listens to the end of a call that makes room for an alarm.
#[tokio::test]
async fn a_call_about_no_alarm_is_hung_up_at_once_for_one() {
    let (mut world, mut carrier) = with_carrier().await;
    let notice = Notice {
        word: Word::TakeOver,
        post: "A岗".into(),
        about: "".into(),
        open: 0,
        doors: Vec::new(),
    };
    let about_no_alarm = LegOrder {
        message: Said::HandOver,
        hand_over: Some(Arc::new(notice)),
        ..order(&world, "13800000000")
    };
    world.telephone.place(about_no_alarm, &TRUNK.into());
    let invite = carrier.request("INVITE").await;
    assert_eq!(world.report().await, placed(TRUNK));
    carrier.respond(&invite, "200 OK", &carrier.sdp()).await;
    carrier.request("ACK").await;
    assert_eq!(world.report().await, LegReport::Answered);
    assert_eq!(carrier.hear().await, (8, 172));
    world.telephone.cancel(LEG, CancelReason::AlarmOver);
    let bye = carrier.request("BYE").await;
    assert_eq!(world.report().await, ended(LegOutcome::AnsweredNoKey));
    carrier.respond(&bye, "200 OK", "").await;
    world.wait_for_silence().await;
}

#[tokio::test]
async fn a_neighbour_answers_hears_and_presses_1() {
    let (mut world, mut carrier) = with_carrier().await;
    let invite = ring(&mut world, &mut carrier).await;
    assert!(invite.0.starts_with("INVITE sip:+8613800000000@carrier.example SIP/2.0\r\n"));
    let own = world.address(Transport::Udp).to_string();
    for name in ["Via", "Contact"] {
        assert!(invite.header(name).contains(&own), "{name}: {}", invite.header(name));
    }
    assert_eq!(invite.header("P-Asserted-Identity"), "<sip:05925550009@carrier.example>");
    assert_eq!(invite.header("Priority"), "emergency");
    assert!(!invite.0.contains("5551234"), "the household's number goes to nobody");
    carrier.respond(&invite, "200 OK", &carrier.sdp()).await;
    carrier.request("ACK").await;
    assert_eq!(world.report().await, LegReport::Answered);
    assert_eq!(carrier.hear().await, (8, 172));
    carrier.press(1, 16_000, invite.media()).await;
    assert_eq!(world.report().await, LegReport::Key { key: key('1') });
    let bye = carrier.request("BYE").await;
    carrier.respond(&bye, "200 OK", "").await;
    assert_eq!(world.report().await, ended(LegOutcome::Answered));
    world.wait_for_silence().await;
}

#[tokio::test]
async fn a_key_before_the_answer_counts_for_nothing_and_info_counts_after_it() {
    let (mut world, mut carrier) = with_carrier().await;
    let invite = ring(&mut world, &mut carrier).await;
    carrier.press(1, 16_000, invite.media()).await;
    carrier.respond(&invite, "200 OK", &carrier.sdp()).await;
    let ack = carrier.request("ACK").await;
    assert_eq!(world.report().await, LegReport::Answered);
    let info = format!(
        "INFO sip:x@{} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKinfo\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 7 INFO\r\nContent-Type: application/dtmf-relay\r\nContent-Length: 10\r\n\r\nSignal=2\r\n",
        world.address(Transport::Udp),
        carrier.address(),
        ack.header("To"),
        ack.header("From"),
        ack.header("Call-ID"),
    );
    carrier.send(info.as_bytes()).await;
    assert_eq!(world.report().await, LegReport::Key { key: key('2') });
    let bye = carrier.request("BYE").await;
    carrier.respond(&bye, "200 OK", "").await;
    assert_eq!(world.report().await, ended(LegOutcome::Answered));
    world.wait_for_silence().await;
}

#[tokio::test]
async fn early_media_is_neither_ringing_nor_an_answer_and_its_keys_count_for_nothing() {
    let (mut world, mut carrier) = with_carrier().await;
    let invite = ring(&mut world, &mut carrier).await;
    carrier.respond(&invite, "183 Session Progress", &carrier.sdp()).await;
    carrier.press(1, 16_000, invite.media()).await;
    carrier.respond(&invite, "486 Busy Here", "").await;
    carrier.request("ACK").await;
    assert_eq!(world.report().await, ended(LegOutcome::Busy), "nothing was told before the end");
    world.wait_for_silence().await;
}

#[tokio::test]
async fn final_answers_become_outcomes() {
    for (status, outcome) in [
        ("486 Busy Here", LegOutcome::Busy),
        ("603 Decline", LegOutcome::Declined),
        ("404 Not Found", LegOutcome::BadNumber),
        ("503 Service Unavailable", LegOutcome::CarrierFailed),
    ] {
        let (mut world, mut carrier) = with_carrier().await;
        let invite = ring(&mut world, &mut carrier).await;
        carrier.respond(&invite, status, "").await;
        carrier.request("ACK").await;
        assert_eq!(world.report().await, ended(outcome), "{status}");
        world.wait_for_silence().await;
    }
}

#[tokio::test]
async fn an_answer_without_media_is_no_way_to_tell_anybody() {
    let (mut world, mut carrier) = with_carrier().await;
    let invite = ring(&mut world, &mut carrier).await;
    carrier.respond(&invite, "200 OK", "").await;
    carrier.request("ACK").await;
    let bye = carrier.request("BYE").await;
    carrier.respond(&bye, "200 OK", "").await;
    assert_eq!(world.report().await, LegReport::Answered);
    assert_eq!(world.report().await, ended(LegOutcome::CarrierFailed));
    world.wait_for_silence().await;
}

#[tokio::test]
async fn enough_are_coming_while_it_rings() {
    let (mut world, mut carrier) = with_carrier().await;
    let invite = ring(&mut world, &mut carrier).await;
    world.telephone.cancel(LEG, CancelReason::EnoughComing);
    let cancel = carrier.request("CANCEL").await;
    assert!(cancel.header("Reason").contains("cause=200"), "{}", cancel.0);
    assert_eq!(cancel.header("Via"), invite.header("Via"));
    carrier.respond(&cancel, "200 OK", "").await;
    carrier.respond(&invite, "487 Request Terminated", "").await;
    carrier.request("ACK").await;
    assert_eq!(world.report().await, ended(LegOutcome::Cancelled));
    world.wait_for_silence().await;
}

/// What announces a drill makes way for a real alarm in the middle of a word, and says nothing of an alarm.
#[tokio::test]
async fn a_call_that_announces_a_drill_makes_way_at_once() {
    let (mut world, mut carrier) = with_carrier().await;
    let moment = Some(Moment { days: 0, hour: 10, minute: 0 });
    let notice = LegOrder { message: Said::DrillNotice, moment, ..order(&world, "13800000000") };
    world.telephone.place(notice, &TRUNK.into());
    let invite = carrier.request("INVITE").await;
    assert!(!invite.0.contains("Priority: emergency"), "{}", invite.0);
    assert_eq!(world.report().await, placed(TRUNK));
    carrier.respond(&invite, "200 OK", &carrier.sdp()).await;
    carrier.request("ACK").await;
    assert_eq!(world.report().await, LegReport::Answered);
    assert_eq!(carrier.hear().await, (8, 172));
    world.telephone.cancel(LEG, CancelReason::AlarmOver);
    let bye = carrier.request("BYE").await;
    carrier.respond(&bye, "200 OK", "").await;
    assert_eq!(world.report().await, ended(LegOutcome::AnsweredNoKey), "nothing else was said");
    world.wait_for_silence().await;
}

/// Who does not pick up is left with a missed call to see.
#[tokio::test]
async fn nobody_picks_up() {
    let (mut world, mut carrier) = with_carrier().await;
    let order = LegOrder { ring_timeout_s: 1, ..order(&world, "13800000000") };
    world.telephone.place(order, &TRUNK.into());
    let invite = carrier.request("INVITE").await;
    carrier.respond(&invite, "180 Ringing", "").await;
    let cancel = carrier.request("CANCEL").await;
    assert!(cancel.header("Reason").contains("cause=487"), "{}", cancel.0);
    carrier.respond(&cancel, "200 OK", "").await;
    carrier.respond(&invite, "487 Request Terminated", "").await;
    assert_eq!(world.report().await, placed(TRUNK));
    assert_eq!(world.report().await, LegReport::Ringing);
    assert_eq!(world.report().await, ended(LegOutcome::NoAnswer));
    world.wait_for_silence().await;
}

/// Every port is taken: the leg waits for one, is placed as soon as a call ends, ends if it is not wanted any more, and
/// fails when none becomes free.
#[tokio::test]
async fn a_leg_waits_for_a_port() {
    let ports = 44_104..=44_107;
    let media = MediaConfig { bind_ip: IpAddr::V4(SERVICE), ports, ..MediaConfig::default() };
    let (mut world, mut carrier) = carrier_and_media(Duration::ZERO, &media).await;
    let (events, _events) = mpsc::channel(16);
    let open = |id| OpenSession { id, events: events.clone(), early: EarlyMedia::Heard };
    let taken = (1..).take_while(|id| world.media.open(open(*id)).is_ok()).count();
    assert_eq!(taken, 2);
    world.telephone.place(order(&world, "13800000000"), &TRUNK.into());
    world.telephone.cancel(LEG, CancelReason::EnoughComing);
    assert_eq!(world.report().await, ended(LegOutcome::Cancelled));
    world.telephone.place(order(&world, "13800000000"), &TRUNK.into());
    assert_eq!(world.report().await, ended(LegOutcome::CarrierFailed), "in the end");
    let second = LegId { number: 2, ..LEG };
    world.telephone.place(order(&world, "13800000000"), &TRUNK.into());
    let behind = LegOrder { leg: second, ..order(&world, "13800000000") };
    world.telephone.place(behind, &TRUNK.into());
    world.media.close(1);
    let invite = ringing(&mut world, &mut carrier).await;
    carrier.respond(&invite, "486 Busy Here", "").await;
    carrier.request("ACK").await;
    assert_eq!(world.report().await, ended(LegOutcome::Busy));
    // Its port is the one of the leg behind it.
    let report = tokio::time::timeout(PATIENCE, world.inboxes.reports.recv()).await;
    assert_eq!(report.expect("in time"), Some((second, placed(TRUNK))));
    carrier.request("INVITE").await;
}

/// A carrier that says nothing is given up soon, and told once, whatever it says later.
#[tokio::test]
async fn a_silent_carrier_fails_once() {
    let (mut world, mut carrier) = with_carrier().await;
    world.telephone.place(order(&world, "13800000000"), &TRUNK.into());
    let invite = carrier.request("INVITE").await;
    assert_eq!(world.report().await, placed(TRUNK));
    assert_eq!(world.report().await, ended(LegOutcome::CarrierFailed));
    carrier.respond(&invite, "180 Ringing", "").await;
    let cancel = carrier.request("CANCEL").await;
    carrier.respond(&cancel, "200 OK", "").await;
    carrier.respond(&invite, "487 Request Terminated", "").await;
    carrier.request("ACK").await;
    world.wait_for_silence().await;
    assert!(world.inboxes.reports.try_recv().is_err());
}

#[tokio::test]
async fn a_registered_phone_is_rung_on_its_own_connection() {
    let (mut world, _carrier) = with_carrier().await;
    let mut phone = Phone::tcp(world.address(Transport::Tcp)).await;
    phone.account = "hot";
    phone.register("MD5").await;
    world.telephone.place(order(&world, "5551235"), &sip_lines_route().into());
    let invite = phone.request("INVITE").await;
    assert_eq!(world.report().await, placed(sip_lines_route()));
    assert!(invite.0.starts_with(&format!("INVITE sip:hot@{} SIP/2.0\r\n", phone.address())));
    assert!(invite.header("Via").starts_with("SIP/2.0/TCP "), "{}", invite.header("Via"));
    phone.respond(&invite, "200 OK", &phone.sdp()).await;
    phone.request("ACK").await;
    assert_eq!(world.report().await, LegReport::Answered);
    assert_eq!(phone.hear().await.0, 8);
    phone.press(1, 16_000, invite.media()).await;
    assert_eq!(world.report().await, LegReport::Key { key: key('1') });
    drop(phone);
    assert_eq!(world.report().await, ended(LegOutcome::Answered));
    world.wait_for_silence().await;
}

#[tokio::test]
async fn a_phone_that_is_not_registered_fails_at_once() {
    let (mut world, _carrier) = with_carrier().await;
    world.telephone.place(order(&world, "5551235"), &sip_lines_route().into());
    assert_eq!(world.report().await, ended(LegOutcome::CarrierFailed));
    world.wait_for_silence().await;
}

/// The kernel tells us that nobody listens there; our socket serves others all the same.
#[tokio::test]
async fn a_carrier_that_is_not_there_stops_nobody() {
    let (mut world, carrier) = with_carrier().await;
    drop(carrier);
    world.telephone.place(order(&world, "13800000000"), &TRUNK.into());
    assert_eq!(world.report().await, placed(TRUNK));
    assert_eq!(world.report().await, ended(LegOutcome::CarrierFailed));
    let mut phone = world.phone().await;
    let (call, _) = tokio::join!(phone.call("sip:%239@phone.example"), world.press());
    assert_eq!(call.1.status(), Some(200));
}

#[tokio::test]
async fn a_trunk_is_down_while_it_says_so() {
    let (world, mut carrier) = with_probed_carrier(Duration::from_millis(5)).await;
    for (status, is_down) in [("200 OK", false), ("503 Full", true), ("404 Nobody", false)] {
        let answering = async {
            while world.telephone.lines().trunks_down().is_empty() == is_down {
                let probe = carrier.request("OPTIONS").await;
                assert!(probe.0.starts_with("OPTIONS sip:carrier.example SIP/2.0"), "{}", probe.0);
                carrier.respond(&probe, status, "").await;
            }
        };
        tokio::time::timeout(PATIENCE, answering).await.expect(status);
    }
}

/// The same order told twice, and a leg that is not wanted before it rings.
#[tokio::test]
async fn a_leg_is_placed_once() {
    let (mut world, mut carrier) = with_carrier().await;
    for _ in 0..2 {
        world.telephone.place(order(&world, "13800000000"), &TRUNK.into());
    }
    let invite = carrier.request("INVITE").await;
    carrier.respond(&invite, "486 Busy Here", "").await;
    carrier.request("ACK").await;
    assert_eq!(world.report().await, placed(TRUNK));
    assert_eq!(world.report().await, ended(LegOutcome::Busy));
    world.wait_for_silence().await;
    assert!(world.inboxes.reports.try_recv().is_err());
}

/// A node that was restarted knows the leg by its id alone, and ends what still rings.
#[tokio::test]
async fn a_leg_of_the_process_before_is_ended() {
    let (mut world, mut carrier) = with_carrier().await;
    let invite = ring(&mut world, &mut carrier).await;
    let next = World::with(None, trunk(carrier.address())).await;
    next.telephone.cancel_orphan(order(&next, "13800000000"), &TRUNK.into());
    carrier.set_service(next.address(Transport::Udp));
    let cancel = carrier.request("CANCEL").await;
    for name in ["Call-ID", "From"] {
        assert_eq!(cancel.header(name), invite.header(name));
    }
    let branch = |message: &Message| {
        message.header("Via").split("branch=").nth(1).map(|rest| rest.to_owned())
    };
    assert_eq!(branch(&cancel), branch(&invite));
}
