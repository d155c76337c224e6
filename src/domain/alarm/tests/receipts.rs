//! Stories of SMS whose receipt does not come.

use super::*;

fn taken(story: &mut Story, key: &str) -> u32 {
    let sms = story.sms(key);
    story.tell(sms, LegReport::Placed { route: "sms".into() });
    story.tell(sms, LegReport::Accepted { reference: "r".into(), has_receipts: true });
    sms
}

#[test]
fn a_late_receipt_is_answered_by_a_call() {
    let mut story = Story::small();
    let sms = taken(&mut story, "bob");
    let bob = story.voice("bob");
    story.tell(bob, LegReport::Answered);
    story.ends(bob, LegOutcome::AnsweredNoKey);
    story.fresh();
    story.pass(19);
    assert_eq!(story.fresh(), Vec::<String>::new());
    story.pass(1);
    assert_eq!(story.fresh(), ["call bob Alarm"], "voicemail was nobody, nor is the SMS there");
    assert!(story.alarm.leg(sms).unwrap().is_receipt_late);
    let events = story.tell(sms, LegReport::Delivered);
    assert!(matches!(events[..], [Event::LegEnded { outcome: LegOutcome::Delivered, .. }]));
    let told = story.log.iter().filter(|(_, event)| matches!(event, Event::ReceiptLate { .. }));
    assert_eq!(told.count(), 1);
}

#[test]
fn a_receipt_in_time_or_a_route_without_receipts_calls_nobody() {
    let mut story = Story::small();
    let sms = taken(&mut story, "bob");
    story.tell(sms, LegReport::Delivered);
    story.tell(story.sms("eve"), accepted());
    for key in ["bob", "eve", "joe"] {
        story.ends(story.voice(key), LegOutcome::AnsweredNoKey);
    }
    story.fresh();
    story.pass(60);
    assert!(!story.log.iter().any(|(_, event)| matches!(event, Event::ReceiptLate { .. })));
}

#[test]
fn a_message_that_was_taken_and_of_which_nothing_more_was_said_is_late_too() {
    let mut story = Story::small();
    let sms = taken(&mut story, "bob");
    story.ends(sms, LegOutcome::Sent);
    story.pass(20);
    assert!(story.alarm.leg(sms).unwrap().is_receipt_late);
}

#[test]
fn nobody_is_called_instead_who_rings_is_coming_or_has_answered() {
    let late = |story: &mut Story| {
        story.fresh();
        story.pass(20);
        assert!(story.log.iter().any(|(_, event)| matches!(event, Event::ReceiptLate { .. })));
        assert!(!story.fresh().contains(&"call bob Alarm".to_owned()));
    };
    let mut rings = Story::small();
    taken(&mut rings, "bob");
    late(&mut rings);
    let mut comes = Story::small();
    taken(&mut comes, "bob");
    let bob = comes.voice("bob");
    comes.presses(bob, '1');
    comes.ends(bob, LegOutcome::Answered);
    late(&mut comes);
    let mut cannot = Story::small();
    taken(&mut cannot, "bob");
    let bob = cannot.voice("bob");
    cannot.presses(bob, '2');
    cannot.ends(bob, LegOutcome::Answered);
    late(&mut cannot);
    // A second ring that is to come is as good, and inside its window.
    let mut waits = Story::small();
    taken(&mut waits, "bob");
    waits.ends(waits.voice("bob"), LegOutcome::NoAnswer);
    late(&mut waits);
}

#[test]
fn the_household_in_trouble_is_not_called_for_a_late_receipt() {
    let mut story = Story::small();
    taken(&mut story, "son");
    story.fresh();
    story.pass(20);
    assert!(!story.fresh().iter().any(|name| name.contains("son")));
}

#[test]
fn an_undelivered_message_is_answered_by_a_call_at_once() {
    let mut story = Story::begin(plan(&[&["bob", "wife"]]), Proof::Digest);
    story.ends(story.voice("bob"), LegOutcome::AnsweredNoKey);
    story.ends(story.voice("wife"), LegOutcome::AnsweredNoKey);
    let sms = taken(&mut story, "wife");
    story.fresh();
    story.ends(sms, LegOutcome::Undelivered);
    assert_eq!(story.fresh(), ["call wife Alarm"]);
    story.tell(sms, LegReport::Delivered);
    assert_eq!(story.fresh(), Vec::<String>::new(), "contradictory, and too late");
}

#[test]
fn a_late_receipt_does_not_break_the_budget() {
    let mut few = plan(&[&["bob"]]);
    few.policy.calls_per_hour_max = 1;
    let mut story = Story::begin(few, Proof::Digest);
    taken(&mut story, "bob");
    let bob = story.voice("bob");
    story.tell(bob, LegReport::Ringing);
    story.ends(bob, LegOutcome::AnsweredNoKey);
    story.fresh();
    story.pass(20);
    assert!(!story.fresh().contains(&"call bob Alarm".to_owned()));
}

#[test]
fn two_late_messages_of_one_household_ring_one_phone() {
    let mut story = Story::begin(plan(&[&["bob", "wife"]]), Proof::Digest);
    taken(&mut story, "bob");
    taken(&mut story, "wife");
    for key in ["bob", "wife"] {
        story.ends(story.voice(key), LegOutcome::AnsweredNoKey);
    }
    story.fresh();
    story.pass(20);
    assert_eq!(story.fresh(), ["call bob Alarm"]);
}
