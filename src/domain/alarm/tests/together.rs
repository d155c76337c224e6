//! Stories of going in together, never alone.

use super::*;

fn pair(neighbours: &[&[&str]]) -> Story {
    let mut plan = plan(neighbours);
    plan.policy.together = 2;
    plan.policy.acknowledgements_wanted = 1;
    Story::begin(plan, Proof::Digest)
}

#[test]
fn the_first_waits_and_both_are_told_when_the_second_comes() {
    let mut story = pair(&[&["bob"], &["eve"], &["joe"]]);
    assert_eq!(story.alarm.households_wanted(), 2, "as many as go in together");
    story.fresh();
    story.presses(story.voice("bob"), '1');
    assert!(story.alarm.waits_for_others());
    assert_eq!(story.fresh(), Vec::<String>::new(), "nobody is told to go in");
    story.presses(story.voice("eve"), '1');
    assert!(!story.alarm.waits_for_others());
    assert_eq!(story.fresh(), ["sms bob GoTogether", "sms eve GoTogether"]);
    story.presses(story.voice("joe"), '1');
    assert_eq!(story.fresh(), ["sms joe GoTogether"], "once for each");
}

#[test]
fn phones_that_ring_learn_that_the_next_one_makes_up_the_number() {
    let mut story = pair(&[&["bob"], &["eve"]]);
    assert_eq!(story.reworded.len(), 0);
    story.presses(story.voice("bob"), '1');
    let eve = story.reworded.iter().find(|order| order.number.key() == "eve").unwrap();
    assert_eq!(eve.coming, [PartyId(1)]);
}

#[test]
fn a_duty_worker_is_a_second_person_too() {
    let mut story = pair(&[&["bob"], &["eve"]]);
    story.presses(story.voice("bob"), '1');
    story.fresh();
    story.presses(story.voice("duty"), '1');
    assert_eq!(story.fresh(), ["sms duty GoTogether", "sms bob GoTogether"]);
    assert!(!story.alarm.has_enough(), "the duty worker comes besides the households");
}

#[test]
fn who_has_no_mobile_is_told_by_voice() {
    let mut story = pair(&[&["land bob"], &["eve"]]);
    story.presses(story.voice("land bob"), '1');
    story.ends(story.voice("land bob"), LegOutcome::Answered);
    story.fresh();
    story.presses(story.voice("eve"), '1');
    assert_eq!(story.fresh(), ["call land bob GoTogether", "sms eve GoTogether"]);
    story.ends(story.voice("land bob"), LegOutcome::CarrierFailed);
    assert_eq!(story.fresh(), ["call land bob GoTogether"], "over another route");
}

#[test]
fn when_one_falls_away_the_next_to_come_tells_them_again() {
    let mut story = pair(&[&["bob"], &["eve"], &["joe"]]);
    let (eve, joe) = (story.voice("eve"), story.voice("joe"));
    story.presses(story.voice("bob"), '1');
    story.presses(eve, '1');
    story.ends(joe, LegOutcome::Cancelled);
    story.fresh();
    story.presses(eve, '2');
    assert!(story.alarm.waits_for_others());
    let names = story.fresh();
    assert!(names.contains(&"call joe Alarm".to_owned()), "another one is looked for: {names:?}");
    assert!(!names.iter().any(|name| name.contains("GoTogether")));
    story.presses(story.voice("joe"), '1');
    assert_eq!(story.fresh(), ["sms bob GoTogether", "sms joe GoTogether"]);
}

#[test]
fn one_alone_is_never_enough_though_nobody_else_can_be_reached() {
    let mut story = pair(&[&["bob"]]);
    story.ends(story.voice("duty"), LegOutcome::BadNumber);
    story.presses(story.voice("bob"), '1');
    assert!(!story.alarm.has_enough() && !story.alarm.is_satisfied());
    assert!(story.alarm.wants_plan(), "somebody else may be known by now");
    assert!(story.alarm.poll_timeout().is_some());
}

#[test]
fn a_plan_that_says_nothing_of_it_lets_everybody_go() {
    let mut story = Story::small();
    story.presses(story.voice("bob"), '1');
    story.presses(story.voice("eve"), '1');
    assert!(!story.fresh().iter().any(|name| name.contains("GoTogether")));
    assert!(!story.alarm.waits_for_others());
}
