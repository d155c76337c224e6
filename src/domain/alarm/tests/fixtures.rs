//! Every stored form of an event, read for ever.

use super::*;
use std::collections::BTreeSet;

/// Every line is `[seconds since the press, event]`. New versions get a new file; this one never changes.
const EVENTS_V1: &str = include_str!("../../tests/fixtures/events-v1.jsonl");

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
        Event::Yielded { .. } => "yielded",
    }
}

#[test]
fn the_log_of_the_first_version_folds_for_ever() {
    let log: Vec<(Timestamp, Event)> = EVENTS_V1
        .lines()
        .map(|line| serde_json::from_str::<(i64, Event)>(line).unwrap())
        .map(|(seconds, event)| (at(seconds), event))
        .collect();
    let kinds: BTreeSet<&str> = log.iter().map(|(_, event)| kind(event)).collect();
    assert_eq!(kinds.len(), 18, "every kind of event: {kinds:?}");
    for ((_, event), line) in log.iter().zip(EVENTS_V1.lines()) {
        let json = serde_json::to_value(event).unwrap();
        let written: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(written[1], json, "the form of today is the form of the file");
        assert_eq!(json["kind"], kind(event));
    }
    let first = Arc::new(plan(&[&["bob"], &["eve"], &["joe"]]));
    let second = Arc::new((*first).clone().succeeding(&first));
    let events = log.iter().map(|(at, event)| (*at, event));
    let alarm = Alarm::fold(AlarmId(1), &[first, second], events).unwrap();
    let outcome = CloseOutcome::Genuine;
    assert_eq!(alarm.stage(), Stage::Closed { at: at(900), outcome });
    assert_eq!(alarm.households_coming(), 2);
    assert_eq!(alarm.plan().revision, 2);
    assert!(alarm.party(PartyId(1)).unwrap().arrived_at.is_some());
    assert!(alarm.has_duty_worker());
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
    let events: Vec<Event> = EVENTS_V1
        .lines()
        .map(|line| serde_json::from_str::<(i64, Event)>(line).unwrap().1)
        .collect();
    let mut state = 7_u64;
    for _ in 0..500 {
        let plan = Arc::new(plan(&[&["bob"]]));
        let (mut alarm, _) = Alarm::raise(AlarmId(1), trigger(Proof::Weak), plan, None, at(0));
        for step in 0..40 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let event = &events[(state >> 33) as usize % events.len()];
            alarm.apply(event, at(step));
            let _ = alarm.effects(event);
            let _ = alarm.poll_timeout();
            let _ = alarm.decide(&Input::TimePassed, at(step));
            let _ = alarm.decide(&Input::Restarted, at(step));
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
