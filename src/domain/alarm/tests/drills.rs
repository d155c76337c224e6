//! Stories of drills: the real path, marked, bounded, and out of the way of anything real.

use super::escalation::{later, stepped};
use super::*;
use crate::plan::StepWhen;

fn drill(neighbours: &[&[&str]]) -> Story {
    Story::begin(Plan { is_drill: true, ..plan(neighbours) }, Proof::Digest)
}

fn taken(story: &mut Story, key: &str) {
    let sms = story.sms(key);
    story.tell(sms, LegReport::Placed { route: "sms".into() });
    story.tell(sms, accepted());
}

#[test]
fn a_drill_rings_everybody_in_its_own_class() {
    let mut story = drill(&[&["bob"], &["eve"]]);
    let orders = story.fresh_orders();
    assert_eq!(orders.len(), 7);
    assert!(orders.iter().all(|order| order.class == Class::Drill && order.plan.is_drill));
    story.ends(story.voice("bob"), LegOutcome::CarrierFailed);
    story.pass(300);
    assert!(story.fresh_orders().iter().all(|order| order.class == Class::Drill));
}

#[test]
fn a_drill_yields_to_a_real_alarm_and_says_so() {
    let mut story = drill(&[&["bob"], &["land eve"], &["joe"]]);
    taken(&mut story, "bob");
    let eve = story.voice("land eve");
    story.tell(eve, LegReport::Answered);
    story.ends(eve, LegOutcome::AnsweredNoKey);
    let joe = story.voice("joe");
    story.fresh();
    let events = story.input(&Input::Yield { to: AlarmId(7) });
    assert_eq!(events[0], Event::Yielded { to: AlarmId(7) });
    assert_eq!(story.alarm.stage(), Stage::Closed { at: at(0), outcome: CloseOutcome::Drill });
    assert_eq!(story.fresh(), ["sms bob DrillOver", "call land eve DrillOver"]);
    assert!(story.is_cancelled(joe, CancelReason::AlarmOver));
    assert_eq!(story.input(&Input::Yield { to: AlarmId(8) }), []);
    story.ends(story.sms("bob"), LegOutcome::CarrierFailed);
    assert_eq!(story.fresh(), ["sms bob DrillOver"], "over another route");
}

#[test]
fn a_real_alarm_yields_to_nothing() {
    let mut story = Story::small();
    assert_eq!(story.input(&Input::Yield { to: AlarmId(7) }), []);
    let plan = story.next_plan(|plan| {
        plan.is_drill = true;
        plan.parties.push(party(Role::DutyWorker, 2, &["night"]));
    });
    assert_eq!(story.input(&Input::HandedOver { plan }), [], "nor does a plan make a drill of it");
}

#[test]
fn a_drill_ends_by_itself_after_ten_minutes() {
    let mut story = drill(&[&["bob"], &["eve"]]);
    taken(&mut story, "bob");
    story.pass(599);
    assert_eq!(story.alarm.stage(), Stage::Open);
    story.fresh();
    story.pass(1);
    assert_eq!(story.alarm.stage(), Stage::Closed { at: at(600), outcome: CloseOutcome::Drill });
    assert_eq!(story.fresh(), ["sms bob DrillOver"]);
    story.pass(86_400);
    assert_eq!(story.alarm.poll_timeout(), None);
}

#[test]
fn a_drill_ends_when_enough_came() {
    let mut story = drill(&[&["bob"], &["eve"]]);
    story.presses(story.voice("bob"), '3');
    assert_eq!(story.alarm.stage(), Stage::Open, "one of two");
    story.presses(story.voice("eve"), '3');
    assert!(matches!(story.alarm.stage(), Stage::Closed { outcome: CloseOutcome::Drill, .. }));
}

#[test]
fn a_drill_rings_everybody_twice_at_most_and_looks_for_nobody_else() {
    let mut long = plan(&[&["bob"]]);
    (long.is_drill, long.policy.drill_s) = (true, 7200);
    let mut story = Story::begin(long, Proof::Digest);
    let called = story.rings_in_vain(7100);
    assert_eq!(story.alarm.waves(), 2);
    let duty = called.iter().filter(|(_, name)| name.starts_with("call duty")).count();
    assert!(duty <= 4, "two rounds and their second rings: {called:?}");
    assert!(!story.alarm.wants_plan());
    let plan = story.next_plan(|plan| plan.parties.push(party(Role::DutyWorker, 2, &["chief"])));
    assert_eq!(story.input(&Input::Replanned { plan: Arc::clone(&plan) }), []);
    assert_eq!(story.input(&Input::HandedOver { plan }), []);
}

#[test]
fn a_drill_goes_through_the_steps_of_its_plan() {
    let more = [later(Role::Responder, 1, "head")];
    let mut steps = stepped(&[&["bob"]], &[(60, StepWhen::NotEnough)], &more);
    steps.is_drill = true;
    let mut story = Story::begin(steps, Proof::Digest);
    story.fresh();
    story.pass(60);
    assert!(story.fresh().contains(&"call head Alarm".to_owned()));
}

#[test]
fn nine_on_the_line_of_a_drill_is_always_a_new_and_real_alarm() {
    let story = drill(&[&["bob"]]);
    assert_eq!(story.alarm.takes_another_press(at(1)), Press::NewAlarm);
}

#[test]
fn a_press_that_reaches_a_drill_all_the_same_makes_it_real() {
    let mut story = drill(&[&["bob"]]);
    story.ends(story.voice("bob"), LegOutcome::NoAnswer);
    let plan = story.next_plan(|plan| plan.is_drill = false);
    story.fresh();
    story.input(&Input::PressedAgain { trigger: trigger(Proof::Digest), plan });
    let orders = story.fresh_orders();
    assert!(orders.iter().any(|order| order.class == Class::First), "{orders:?}");
    story.pass(86_400);
    assert_eq!(story.alarm.stage(), Stage::Open);
}

#[test]
fn a_cancelled_drill_ends_in_time_too() {
    let mut story = drill(&[&["bob"]]);
    taken(&mut story, "bob");
    story.input(&Input::Cancel { actor: "op".into() });
    story.pass(600);
    assert!(matches!(story.alarm.stage(), Stage::Closed { outcome: CloseOutcome::Drill, .. }));
}
