//! Every stored form of an event, read for ever.

use super::*;
use crate::kind::AlarmKind;
use std::collections::BTreeSet;

/// Every line is `[seconds since the press, event]`. New versions get a new file; one that is released never changes.
const EVENTS_V1: &str = include_str!("../../tests/fixtures/events-v1.jsonl");
/// With what follows an alarm to the door.
const EVENTS_V2: &str = include_str!("../../tests/fixtures/events-v2.jsonl");
/// With what the second version learned later: silence in the middle of an alarm.
const EVENTS_V2_SILENCED: &str = include_str!("../../tests/fixtures/events-v2-silenced.jsonl");
/// And what an operator has done besides.
const EVENTS_V2_DESK: &str = include_str!("../../tests/fixtures/events-v2-desk.jsonl");

fn kind(event: &Event) -> &'static str {
    match event {
        Event::Raised { .. } => "raised",
        Event::Planned { .. } => "planned",
        Event::WaveStarted { .. } => "wave_started",
        Event::LegsOrdered { .. } => "legs_ordered",
        Event::LegPlaced { .. } => "leg_placed",
        Event::LegRinging { .. } => "leg_ringing",
        Event::LegAnswered { .. } => "leg_answered",
        Event::SmsAccepted { .. } => "sms_accepted",
        Event::LegEnded { .. } => "leg_ended",
        Event::Acknowledged { .. } => "acknowledged",
        Event::Declined { .. } => "declined",
        Event::Arrived { .. } => "arrived",
        Event::PoliceCalled { .. } => "police_called",
        Event::SaidMistake { .. } => "said_mistake",
        Event::EnoughComing => "enough_coming",
        Event::StillInDanger { .. } => "still_in_danger",
        Event::Cancelled { .. } => "cancelled",
        Event::Closed { .. } => "closed",
        Event::KindNamed { .. } => "kind_named",
        Event::Escalated { .. } => "escalated",
        Event::ReceiptLate { .. } => "receipt_late",
        Event::CalledBack { .. } => "called_back",
        Event::AcknowledgementLapsed { .. } => "acknowledgement_lapsed",
        Event::DoorReached => "door_reached",
        Event::PinRefused { .. } => "pin_refused",
        Event::Duress { .. } => "duress",
        Event::OwnerChanged { .. } => "owner_changed",
        Event::Reminded { .. } => "reminded",
        Event::NoteAdded { .. } => "note_added",
        Event::TalkJoined { .. } => "talk_joined",
        Event::TalkLeft { .. } => "talk_left",
        Event::CloseAsked { .. } => "close_asked",
        Event::ReplyUnclear { .. } => "reply_unclear",
        Event::SmsRefused { .. } => "sms_refused",
        Event::Silenced => "silenced",
        Event::CalledAgain { .. } => "called_again",
        Event::PartyAdded { .. } => "party_added",
        Event::TakenInHand { .. } => "taken_in_hand",
        Event::Yielded { .. } => "yielded",
    }
}

/// Reads a log, and checks that today's form of each event is the one that is written there.
fn log_of(lines: &str) -> Vec<(Timestamp, Event)> {
    let read = |line| {
        let (seconds, event): (i64, Event) = serde_json::from_str(line).unwrap();
        let json = serde_json::to_value(&event).unwrap();
        let written: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(written[1], json, "the form of today is the form of the file");
        assert_eq!(json["kind"], kind(&event));
        (at(seconds), event)
    };
    lines.lines().map(read).collect()
}

fn kinds(log: &[(Timestamp, Event)]) -> BTreeSet<&'static str> {
    log.iter().map(|(_, event)| kind(event)).collect()
}

/// Folds a log with so many revisions of the same plan.
fn fold(log: &[(Timestamp, Event)], revisions: usize) -> Alarm {
    let mut plans = vec![Arc::new(plan(&[&["bob"], &["eve"], &["joe"]]))];
    while plans.len() < revisions {
        let last = plans.last().unwrap();
        plans.push(Arc::new((**last).clone().succeeding(last)));
    }
    Alarm::fold(AlarmId(1), &plans, log.iter().map(|(at, event)| (*at, event))).unwrap()
}

#[test]
fn the_log_of_the_first_version_folds_for_ever() {
    let log = log_of(EVENTS_V1);
    assert_eq!(kinds(&log).len(), 18, "every kind of event of then");
    let is_bare = |event: &Event| {
        matches!(
            event,
            Event::Planned { why: None, .. }
                | Event::Cancelled { means: None, .. }
                | Event::Closed { matter: None, by: None, .. }
        )
    };
    let bare = log.iter().filter(|(_, event)| is_bare(event)).count();
    assert_eq!(bare, 4, "what is newer than this log is left out and read");
    let alarm = fold(&log, 2);
    let outcome = CloseOutcome::Genuine;
    assert_eq!(alarm.stage(), Stage::Closed { at: at(900), outcome });
    assert_eq!(alarm.households_coming(), 2);
    assert_eq!(alarm.plan().revision, 2);
    assert!(alarm.party(PartyId(1)).unwrap().arrived_at.is_some());
    assert!(alarm.has_duty_worker());
}

#[test]
fn the_log_of_the_second_version_folds_for_ever() {
    let log = log_of(EVENTS_V2);
    assert_eq!(kinds(&log).len(), 35, "every kind of event: {:?}", kinds(&log));
    let alarm = fold(&log, 4);
    let closing = alarm.closing().unwrap();
    assert_eq!((closing.at, closing.outcome), (at(4515), CloseOutcome::Genuine));
    assert_eq!((closing.matter, closing.by), (Some(AlarmKind::Fire), Some(DUTY)));
    assert_eq!(alarm.duress_at(), Some(at(60)));
    assert_eq!(alarm.arrived_at(), Some(at(810)));
    assert_eq!(alarm.owner(), Some(PartyId(2)));
    assert_eq!(alarm.party(PartyId(1)).unwrap().lapsed_at, Some(at(741)));
    assert!(alarm.is_step_taken(1));
    assert_eq!(alarm.leg(13).unwrap().why, LegWhy::CallBack);
    assert_eq!(alarm.plan().revision, 4);
}

#[test]
fn a_silence_in_the_log_is_kept_for_ever() {
    let log = log_of(EVENTS_V2_SILENCED);
    assert!(kinds(&log).contains("silenced"));
    assert!(fold(&log, 1).is_silent());
    assert!(!fold(&log_of(EVENTS_V1), 2).is_silent(), "nobody asked for it");
}

#[test]
fn what_an_operator_had_done_is_kept_for_ever() {
    let log = log_of(EVENTS_V2_DESK);
    let desk = ["called_again", "party_added", "taken_in_hand"];
    assert!(desk.iter().all(|one| kinds(&log).contains(one)));
    let alarm = fold(&log, 2);
    assert_eq!(alarm.in_hand(), Some((&"token".into(), at(9))));
    assert_eq!((alarm.waves(), alarm.plan().revision), (2, 2));
    assert_eq!(alarm.leg(11).unwrap().why, LegWhy::Added);
}

#[test]
fn a_log_without_a_beginning_or_a_plan_is_refused() {
    let plans = [Arc::new(plan(&[]))];
    assert_eq!(Alarm::fold(AlarmId(1), &plans, []), Err(FoldError::NotRaised));
    let raised = Event::Raised { trigger: trigger(Proof::Digest), follows: None };
    assert_eq!(Alarm::fold(AlarmId(1), &[], [(at(0), &raised)]), Err(FoldError::NoPlan));
}

/// Any event in any order is taken up: a damaged log still rings.
#[test]
fn events_in_any_order_never_panic() {
    let logs = [EVENTS_V2, EVENTS_V1, EVENTS_V2_SILENCED, EVENTS_V2_DESK];
    let log = logs.into_iter().flat_map(log_of);
    let events: Vec<Event> = log.map(|(_, event)| event).collect();
    let mut state = 7_u64;
    for _ in 0..500 {
        let plan = Arc::new(plan(&[&["bob"]]));
        let (mut alarm, ..) = Alarm::raise(AlarmId(1), trigger(Proof::Weak), plan, None, at(0));
        for step in 0..40 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let event = &events[(state >> 33) as usize % events.len()];
            alarm.apply(event, at(step));
            let _ = alarm.effects(event);
            let _ = alarm.poll_timeout();
            let _ = alarm.decide(&Input::TimePassed, at(step));
            let _ = alarm.decide(&Input::Restarted, at(step));
            let _ = alarm.decide(&Input::DoorReached, at(step));
            let _ = (alarm.owner(), alarm.steps(at(step)), alarm.closing());
        }
    }
}

#[test]
fn an_alarm_of_ten_parties_is_small() {
    let keys: Vec<String> = (0..9).map(|index| format!("n{index}")).collect();
    let lists: Vec<[&str; 1]> = keys.iter().map(|key| [key.as_str()]).collect();
    let lists: Vec<&[&str]> = lists.iter().map(<[&str; 1]>::as_slice).collect();
    let story = Story::begin(plan(&lists), Proof::Digest);
    let numbers = 11 * size_of::<state::NumberState>();
    let parties = story.alarm.parties.capacity() * size_of::<PartyState>() + numbers;
    let bytes = size_of::<Alarm>() + parties + story.alarm.legs.capacity() * size_of::<Leg>();
    println!("an alarm of ten parties takes {bytes} bytes, a leg {}", size_of::<Leg>());
    assert!(bytes < 16 * 1024, "100,000 of them must stay below 2 GiB: {bytes}");
}
