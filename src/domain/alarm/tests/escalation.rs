//! Stories of steps: who is called when those who were called first are not enough.

use super::*;
use crate::plan::{Step, StepWhen};

/// A duty worker and neighbours at once, then these parties by these steps.
pub(super) fn stepped(neighbours: &[&[&str]], steps: &[(u16, StepWhen)], more: &[Party]) -> Plan {
    let mut stepped = plan(neighbours);
    let own = stepped.parties.pop().unwrap();
    stepped.parties.extend_from_slice(more);
    stepped.parties.push(own);
    stepped.steps =
        steps.iter().map(|(wait_s, when)| Step { wait_s: *wait_s, when: *when }).collect();
    stepped
}

/// Somebody who is called in a later step, by one number.
pub(super) fn later(role: Role, step: u8, key: &str) -> Party {
    let id = 1000 + u32::try_from(key.bytes().map(usize::from).sum::<usize>()).unwrap();
    Party { step, ..party(role, id, &[key]) }
}

fn escalations(story: &Story) -> Vec<(i64, u8)> {
    let taken = story.log.iter().filter_map(|(when, event)| {
        let Event::Escalated { step } = event else { return None };
        Some((when.duration_since(at(0)).as_secs(), *step))
    });
    taken.collect()
}

/// Two neighbours; the B post after 30 s without a duty worker, the building head after 60 s more with too few.
fn ladder() -> Story {
    let steps = [(30, StepWhen::NoDutyWorker), (60, StepWhen::NotEnough)];
    let more = [later(Role::DutyWorker, 1, "bpost"), later(Role::Responder, 2, "head")];
    Story::begin(stepped(&[&["bob"], &["eve"]], &steps, &more), Proof::Digest)
}

#[test]
fn later_steps_wait_for_their_time_and_then_ring_at_once() {
    let mut story = ladder();
    assert!(!story.fresh().iter().any(|name| name.contains("bpost") || name.contains("head")));
    story.pass(29);
    assert_eq!(story.fresh(), Vec::<String>::new());
    story.pass(1);
    assert_eq!(story.fresh(), ["call bpost Alarm", "sms bpost Alarm"]);
    story.pass(59);
    assert_eq!(story.fresh(), Vec::<String>::new());
    story.pass(1);
    let orders = story.fresh_orders();
    assert!(orders.iter().all(|order| order.class == Class::First), "as urgent as a first wave");
    let names: Vec<String> = orders.iter().map(name).collect();
    assert_eq!(names, ["call head Alarm", "sms head Alarm"]);
    assert_eq!(escalations(&story), [(30, 1), (90, 2)]);
}

#[test]
fn several_steps_that_are_due_at_once_are_one_order_with_duty_workers_first() {
    let steps = [(30, StepWhen::Always), (0, StepWhen::Always)];
    let more = [later(Role::Responder, 1, "head"), later(Role::DutyWorker, 2, "leader")];
    let mut story = Story::begin(stepped(&[&["bob"]], &steps, &more), Proof::Digest);
    story.fresh();
    story.pass(30);
    assert_eq!(
        story.fresh(),
        ["call leader Alarm", "call head Alarm", "sms leader Alarm", "sms head Alarm"]
    );
    assert_eq!(escalations(&story), [(30, 1), (30, 2)]);
}

#[test]
fn a_step_without_a_wait_is_taken_with_the_press() {
    let more = [later(Role::Responder, 1, "head")];
    let plan = stepped(&[&["bob"]], &[(0, StepWhen::Always)], &more);
    let mut story = Story::begin(plan, Proof::Digest);
    let names = story.fresh();
    assert_eq!(names.first().map(String::as_str), Some("call duty Alarm"), "the wave goes first");
    assert!(names.contains(&"call head Alarm".to_owned()));
}

#[test]
fn a_step_whose_condition_does_not_hold_is_taken_as_soon_as_it_does() {
    let mut story = ladder();
    let duty = story.voice("duty");
    story.presses(duty, '1');
    story.fresh();
    story.pass(60);
    assert_eq!(escalations(&story), [], "the case is taken");
    story.presses(duty, '2');
    assert_eq!(escalations(&story), [(60, 1)], "and given back");
    assert!(story.fresh().contains(&"call bpost Alarm".to_owned()));
}

#[test]
fn a_step_that_is_not_needed_holds_up_no_later_one() {
    let mut story = ladder();
    story.presses(story.voice("duty"), '1');
    story.pass(90);
    assert_eq!(escalations(&story), [(90, 2)]);
    assert!(!story.fresh().iter().any(|name| name.contains("bpost")));
}

#[test]
fn another_press_does_not_delay_a_step() {
    let mut story = ladder();
    story.pass(20);
    let plan = (*story.alarm.plan()).clone();
    let next = Arc::new((*plan).clone().succeeding(&plan));
    story.input(&Input::PressedAgain { trigger: trigger(Proof::Digest), plan: next });
    story.fresh();
    story.pass(10);
    assert_eq!(escalations(&story), [(30, 1)]);
    assert!(story.fresh().contains(&"call bpost StillInDanger".to_owned()));
}

#[test]
fn when_nobody_is_left_to_ring_the_next_step_is_taken_at_once() {
    let mut story = ladder();
    story.presses(story.voice("duty"), '2');
    story.ends(story.voice("bob"), LegOutcome::BadNumber);
    assert_eq!(escalations(&story), [], "eve may still come");
    story.presses(story.voice("eve"), '2');
    assert_eq!(escalations(&story), [(0, 1)]);
    assert!(story.fresh().contains(&"call bpost Alarm".to_owned()));
    story.presses(story.voice("bpost"), '2');
    assert_eq!(escalations(&story), [(0, 1), (0, 2)]);
    assert!(story.fresh().contains(&"call head Alarm".to_owned()));
}

#[test]
fn officials_of_a_weak_alarm_are_called_before_it_widens_and_neighbours_are_not() {
    let steps = [(10, StepWhen::Always)];
    let more = [later(Role::DutyWorker, 1, "bpost"), later(Role::Responder, 1, "head")];
    let mut story = Story::begin(stepped(&[&["bob"]], &steps, &more), Proof::Weak);
    story.fresh();
    story.pass(10);
    assert_eq!(story.fresh(), ["call bpost WeakAlarm", "sms bpost WeakAlarm"]);
    story.pass(20);
    assert_eq!(
        story.fresh(),
        ["call bob WeakAlarm", "sms bob WeakAlarm", "call head WeakAlarm", "sms head WeakAlarm"]
    );
}

#[test]
fn when_every_step_is_taken_waves_repeat_without_end() {
    let mut story = ladder();
    let called = story.rings_in_vain(4 * 3600);
    let late: Vec<_> = called.iter().filter(|(at, _)| 3 * 3600 < *at).collect();
    for key in ["call bob", "call head", "call bpost", "call duty"] {
        assert!(late.iter().any(|(_, name)| name.starts_with(key)), "{key}");
    }
}

#[test]
fn a_responder_is_rung_again_like_a_neighbour_and_counts_like_one() {
    let mut story = ladder();
    story.pass(90);
    let head = story.voice("head");
    story.ends(head, LegOutcome::Busy);
    story.fresh();
    story.pass(15);
    assert!(story.fresh().contains(&"call head Alarm".to_owned()), "busy after 15 seconds");
    story.tell(story.sms("eve"), accepted());
    story.presses(story.voice("head"), '1');
    assert_eq!(story.alarm.households_coming(), 1);
    let eve = story.voice("eve");
    let events = story.presses(story.voice("bob"), '1');
    assert!(events.contains(&Event::EnoughComing));
    assert!(story.is_cancelled(eve, CancelReason::EnoughComing));
    assert!(story.fresh().contains(&"sms eve StandDown".to_owned()));
}

#[test]
fn the_stand_down_reaches_responders_and_a_late_one_is_welcome() {
    let mut story = ladder();
    story.pass(90);
    let head = story.voice("head");
    story.tell(story.sms("head"), accepted());
    story.presses(story.voice("bob"), '1');
    story.presses(story.voice("eve"), '1');
    assert!(story.is_cancelled(head, CancelReason::EnoughComing));
    assert!(story.fresh().contains(&"sms head StandDown".to_owned()));
    story.ends(head, LegOutcome::Cancelled);
    story.told.clear();
    let events = story.presses(story.sms("head"), '1');
    assert!(matches!(events[..], [Event::Acknowledged { .. }]), "{events:?}");
    assert_eq!(story.alarm.households_coming(), 3);
    assert_eq!(story.told.len(), 1, "and the resident hears of it");
}

#[test]
fn a_later_duty_worker_has_the_clock_of_65_seconds_until_one_takes_the_case() {
    let mut story = ladder();
    story.pass(30);
    let bpost = story.voice("bpost");
    story.ends(bpost, LegOutcome::AnsweredNoKey);
    story.fresh();
    story.pass(65);
    assert!(story.fresh().contains(&"call bpost Alarm".to_owned()));
    let duty = story.voice("duty");
    story.presses(duty, '1');
    let bpost = story.voice("bpost");
    assert!(!story.cancels.iter().any(|(leg, _)| *leg == bpost), "a duty worker's call stays");
    story.ends(bpost, LegOutcome::NoAnswer);
    story.fresh();
    story.pass(600);
    assert!(!story.fresh().iter().any(|name| name.contains("bpost")), "the case is taken");
}

#[test]
fn a_loudspeaker_speaks_in_its_step_and_again_at_another_press_and_is_nobody() {
    let more = [later(Role::Loudspeaker, 1, "land horn")];
    let plan = stepped(&[&["bob"], &["eve"]], &[(30, StepWhen::Always)], &more);
    let mut story = Story::begin(plan, Proof::Digest);
    story.pass(30);
    let horn = story.voice("land horn");
    story.tell(horn, LegReport::Answered);
    for key in ['1', '2', '3', '4', '7'] {
        assert_eq!(story.presses(horn, key), [], "{key}");
    }
    let party = story.alarm.leg(horn).unwrap().party;
    assert_eq!(story.input(&Input::Acknowledge { party, actor: "op".into() }), []);
    assert_eq!(story.input(&Input::Arrive { party, actor: "op".into() }), []);
    assert_eq!(story.alarm.households_wanted(), 2, "it is not waited for");
    story.ends(horn, LegOutcome::AnsweredNoKey);
    story.fresh();
    story.pass(3600);
    assert!(!story.fresh().iter().any(|name| name.contains("horn")));
    let plan = (*story.alarm.plan()).clone();
    let next = Arc::new((*plan).clone().succeeding(&plan));
    story.input(&Input::PressedAgain { trigger: trigger(Proof::Digest), plan: next });
    assert!(story.fresh().contains(&"call land horn StillInDanger".to_owned()));
}

#[test]
fn a_loudspeaker_that_a_carrier_failed_is_tried_over_another_route() {
    let more = [later(Role::Loudspeaker, 1, "land horn")];
    let plan = stepped(&[&["bob"]], &[(0, StepWhen::Always)], &more);
    let mut story = Story::begin(plan, Proof::Digest);
    story.fresh();
    story.ends(story.voice("land horn"), LegOutcome::CarrierFailed);
    assert_eq!(story.fresh(), ["call land horn Alarm"]);
}

#[test]
fn who_is_called_because_nobody_arrived_is_called_though_enough_are_coming() {
    let more = [later(Role::Responder, 1, "patrol")];
    let plan = stepped(&[&["bob"], &["eve"]], &[(300, StepWhen::NobodyArrived)], &more);
    let mut story = Story::begin(plan.clone(), Proof::Digest);
    for key in ["bob", "eve", "duty"] {
        story.presses(story.voice(key), '1');
    }
    assert!(story.alarm.is_satisfied());
    story.fresh();
    story.pass(300);
    assert!(story.fresh().contains(&"call patrol Alarm".to_owned()));
    assert!(!story.alarm.is_satisfied());
    story.ends(story.voice("patrol"), LegOutcome::NoAnswer);
    story.pass(65);
    assert!(story.fresh().contains(&"call patrol Alarm".to_owned()), "and again");
    story.presses(story.voice("patrol"), '1');
    assert!(story.alarm.is_satisfied());

    let mut story = Story::begin(plan, Proof::Digest);
    story.presses(story.voice("bob"), '3');
    story.pass(300);
    assert_eq!(escalations(&story), [], "somebody is at the door");
}

#[test]
fn officials_of_a_step_in_any_case_are_told_though_the_case_is_taken() {
    let more = [later(Role::DutyWorker, 1, "leader")];
    let plan = stepped(&[&["bob"]], &[(60, StepWhen::Always)], &more);
    let mut story = Story::begin(plan, Proof::Digest);
    story.presses(story.voice("duty"), '1');
    story.presses(story.voice("bob"), '1');
    story.fresh();
    story.pass(60);
    assert_eq!(story.fresh(), ["sms leader Alarm"], "told, not rung");
}

#[test]
fn nobody_is_waited_for_whose_step_cannot_come() {
    let more = [later(Role::Responder, 1, "head")];
    let plan = stepped(&[&["bob"]], &[(60, StepWhen::NobodyComing)], &more);
    let mut story = Story::begin(plan, Proof::Digest);
    assert_eq!(story.alarm.households_wanted(), 2);
    story.presses(story.voice("bob"), '1');
    assert_eq!(story.alarm.households_wanted(), 1);
    assert!(story.alarm.has_enough());
}

#[test]
fn a_party_of_a_step_that_the_plan_does_not_have_is_called_with_the_last_one() {
    let more = [later(Role::Responder, 7, "head")];
    let plan = stepped(&[&["bob"]], &[(60, StepWhen::Always)], &more);
    let mut story = Story::begin(plan, Proof::Digest);
    story.fresh();
    story.pass(60);
    assert!(story.fresh().contains(&"call head Alarm".to_owned()));
}

#[test]
fn a_restart_takes_no_step_twice_and_forgets_none() {
    let mut story = ladder();
    story.pass(45);
    story.input(&Input::Restarted);
    assert_eq!(escalations(&story), [(30, 1)]);
    story.pass(45);
    assert_eq!(escalations(&story), [(30, 1), (90, 2)]);
}
