//! Stories of replies that are no answer.

use super::followed::*;
use super::*;

/// The SMS of a number, taken by a provider.
fn texted(story: &mut Story, key: &str) -> u32 {
    let sms = story.sms(key);
    story.tell(sms, LegReport::Placed { route: "sms".into() });
    story.tell(sms, accepted());
    sms
}

#[test]
fn who_asks_back_is_asked_to_reply_once() {
    let mut story = Story::small();
    let sms = texted(&mut story, "bob");
    story.fresh();
    let events = story.tell(sms, LegReport::Unclear);
    assert!(matches!(events[..], [Event::ReplyUnclear { .. }, Event::LegsOrdered { .. }]));
    assert_eq!(story.fresh(), ["sms bob PleaseReply"]);
    assert_eq!(story.tell(sms, LegReport::Unclear).len(), 1, "recorded, and asked no more");
    assert_eq!(story.fresh(), Vec::<String>::new());
    for _ in 0..100 {
        story.tell(sms, LegReport::Unclear);
    }
    let recorded = |(_, event): &&(Timestamp, Event)| matches!(event, Event::ReplyUnclear { .. });
    assert_eq!(story.log.iter().filter(recorded).count(), 16, "a machine fills no log");
}

#[test]
fn who_has_answered_is_not_asked_again() {
    let mut story = Story::small();
    let sms = texted(&mut story, "bob");
    story.tell(sms, LegReport::Key { key: Key::of_char('1').unwrap() });
    assert!(story.alarm.has_answered(BOB, 0));
    assert!(!story.alarm.has_answered(EVE, 0));
    story.fresh();
    story.tell(sms, LegReport::Unclear);
    assert_eq!(story.fresh(), Vec::<String>::new(), "thanks are no question");
}

#[test]
fn the_household_in_trouble_is_not_asked() {
    let mut story = Story::small();
    let sms = texted(&mut story, "son");
    story.fresh();
    assert_eq!(story.tell(sms, LegReport::Unclear).len(), 1);
    assert_eq!(story.fresh(), Vec::<String>::new());
}

#[test]
fn who_wants_no_sms_gets_none_and_is_called_all_the_same() {
    let mut story = Story::small();
    let sms = texted(&mut story, "bob");
    assert!(matches!(story.tell(sms, LegReport::OptedOut)[..], [Event::SmsRefused { .. }]));
    assert_eq!(story.tell(sms, LegReport::OptedOut), [], "once is enough");
    story.tell(sms, LegReport::Unclear);
    story.fresh();
    story.cancels();
    let told = story.fresh();
    assert!(!told.contains(&"sms bob Cancelled".to_owned()), "{told:?}");
    let mut story = Story::small();
    let sms = texted(&mut story, "bob");
    story.tell(sms, LegReport::OptedOut);
    let bob = story.voice("bob");
    story.ends(bob, LegOutcome::NoAnswer);
    story.fresh();
    story.pass(65);
    assert!(story.fresh().contains(&"call bob Alarm".to_owned()));
}

#[test]
fn after_the_end_a_reply_means_nothing_and_a_call_has_no_replies() {
    let mut story = Story::small();
    let (sms, call) = (texted(&mut story, "bob"), story.voice("bob"));
    assert_eq!(story.tell(call, LegReport::Unclear), []);
    assert_eq!(story.tell(call, LegReport::OptedOut), []);
    story.closes(CloseOutcome::Genuine);
    assert_eq!(story.tell(sms, LegReport::Unclear), []);
}

#[test]
fn a_reply_belongs_to_the_newest_sms_that_left() {
    let mut story = Story::small();
    let number = PhoneNumber::from_parts("bob", "bob");
    assert_eq!(story.alarm.last_sms_to(&number), None, "nothing has left yet");
    let sms = texted(&mut story, "bob");
    assert_eq!(story.alarm.last_sms_to(&number).unwrap().number, sms);
    assert_eq!(story.alarm.last_sms_to(&PhoneNumber::from_parts("nobody", "")), None);
}
