//! Stories of a duty post that changes hands in the middle of an alarm.

use super::*;

/// The next shift: another worker on duty.
fn hand_over(story: &mut Story) -> Vec<Event> {
    let plan = story.next_plan(|plan| {
        plan.parties.remove(0);
        plan.parties.push(party(Role::DutyWorker, 2, &["night"]));
    });
    story.input(&Input::HandedOver { plan })
}

#[test]
fn the_next_shift_is_called_at_once_and_the_old_one_no_more() {
    let mut story = Story::small();
    let duty = story.voice("duty");
    story.ends(duty, LegOutcome::NoAnswer);
    story.fresh();
    let events = hand_over(&mut story);
    let why = Some(PlanWhy::HandOver);
    assert!(events.contains(&Event::Planned { revision: 2, why }));
    assert_eq!(story.fresh(), ["call night Alarm", "sms night Alarm"]);
    story.ends(story.voice("night"), LegOutcome::NoAnswer);
    story.pass(130);
    let names = story.fresh();
    assert!(names.contains(&"call night Alarm".to_owned()), "the clock of 65 seconds");
    assert!(!names.contains(&"call duty Alarm".to_owned()), "off duty");
}

#[test]
fn who_took_the_case_and_left_keeps_what_they_said_and_another_is_asked() {
    let mut story = Story::small();
    story.presses(story.voice("duty"), '1');
    for key in ["bob", "eve"] {
        story.presses(story.voice(key), '1');
    }
    assert!(story.alarm.is_satisfied());
    story.fresh();
    hand_over(&mut story);
    assert_eq!(story.fresh(), ["call night Alarm", "sms night Alarm"]);
    assert!(story.alarm.party(DUTY).unwrap().coming.is_some(), "still on the way");
    story.presses(story.voice("night"), '1');
    assert!(story.alarm.is_satisfied());
}

#[test]
fn nobody_is_called_when_who_took_the_case_stays() {
    let mut story = Story::small();
    story.presses(story.voice("duty"), '1');
    story.fresh();
    let plan = story.next_plan(|plan| plan.parties.push(party(Role::DutyWorker, 2, &["second"])));
    let events = story.input(&Input::HandedOver { plan });
    assert!(!events.is_empty(), "the plan is taken up");
    assert_eq!(story.fresh(), Vec::<String>::new());
}

#[test]
fn the_same_holders_and_an_alarm_that_is_over_hand_nothing_over() {
    let mut story = Story::small();
    let plan = story.next_plan(|_| {});
    assert_eq!(story.input(&Input::HandedOver { plan }), []);
    story.input(&Input::Cancel { actor: "op".into() });
    assert_eq!(hand_over(&mut story), []);
}

#[test]
fn who_comes_back_on_duty_has_the_case_again() {
    let mut story = Story::small();
    story.presses(story.voice("duty"), '1');
    let first = (**story.alarm.plan()).clone();
    hand_over(&mut story);
    let back = Arc::new(first.succeeding(story.alarm.plan()));
    story.input(&Input::HandedOver { plan: back });
    story.ends(story.voice("night"), LegOutcome::NoAnswer);
    story.fresh();
    story.pass(100);
    assert!(!story.fresh().contains(&"call night Alarm".to_owned()));
}
