//! Late, doubled and contradictory inputs: recorded or ignored, never fatal.

use super::followed::*;
use super::*;

#[test]
fn three_then_two_is_an_arrival_and_two_then_three_too() {
    let mut story = Story::small();
    assert_eq!(story.by_page(BOB, '3').len(), 2);
    assert_eq!(story.by_page(BOB, '2'), []);
    assert_eq!(story.by_operator(BOB, '2'), []);
    assert_eq!(story.by_page(EVE, '2').len(), 1);
    let events = story.by_page(EVE, '3');
    assert!(matches!(events[..2], [Event::Acknowledged { .. }, Event::EnoughComing]));
    assert!(matches!(events.last(), Some(Event::Arrived { party: EVE, .. })));
}

#[test]
fn after_a_cancel_answers_mean_nothing() {
    let mut story = Story::small();
    let bob = story.voice("bob");
    story.cancels();
    for key in ['1', '2', '3', '4', '7'] {
        assert_eq!(story.presses(bob, key), [], "{key}");
        assert_eq!(story.by_page(BOB, key), [], "{key}");
    }
    assert_eq!(story.at_the_door(), []);
    assert_eq!(story.talk(bob, true), []);
}

#[test]
fn after_the_close_nothing_withdraws_reminds_or_asks() {
    let mut story = Story::all_set();
    story.closes(CloseOutcome::Genuine);
    for verdict in [PinVerdict::Right, PinVerdict::Wrong, PinVerdict::Duress] {
        assert_eq!(story.withdraws(verdict), [], "{verdict:?}");
    }
    assert_eq!(story.at_the_door(), []);
    assert_eq!(story.closes(CloseOutcome::Unknown), [], "the first word holds");
    story.fresh();
    story.pass(86_400);
    assert_eq!(story.fresh(), Vec::<String>::new());
    assert_eq!(story.alarm.poll_timeout(), None);
}

#[test]
fn a_key_on_a_leg_that_has_ended_counts() {
    let mut story = Story::small();
    let bob = story.voice("bob");
    story.ends(bob, LegOutcome::NoAnswer);
    assert_eq!(story.presses(bob, '1').len(), 1);
    let mut story = Story::all_set();
    story.pass(600);
    let bob = story.voice("bob");
    story.ends(bob, LegOutcome::AnsweredNoKey);
    assert!(matches!(story.presses(bob, '3')[..], [Event::Arrived { party: BOB, .. }]));
}

#[test]
fn time_that_passes_at_any_moment_does_nothing_twice() {
    let mut story = Story::all_set();
    for now in [0, 600, 600, 601, 719, 720, 720, 900] {
        story.now = now;
        story.input(&Input::TimePassed);
    }
    let questions = story
        .log
        .iter()
        .filter(|(_, event)| matches!(event, Event::LegsOrdered { why: LegWhy::ArrivalCheck, .. }));
    assert_eq!(questions.count(), 1);
    assert_eq!(story.lapses().len(), 3);
}

#[test]
fn a_clock_that_goes_back_asks_nobody_too_early_and_forgets_nobody() {
    let mut story = Story::all_set();
    story.now = -5000;
    assert_eq!(story.input(&Input::TimePassed), []);
    story.by_page(JOE, '1');
    story.withdraws(PinVerdict::Wrong);
    story.calls_back(JOE, 0);
    story.now = -4400;
    story.input(&Input::TimePassed);
    assert!(story.alarm.is_satisfied());
    story.now = 720;
    story.input(&Input::TimePassed);
    story.now = 840;
    story.input(&Input::TimePassed);
    assert!(!story.is_coming(BOB) && !story.is_coming(JOE));
}

#[test]
fn a_party_that_a_new_plan_left_without_numbers_lapses() {
    let mut story = Story::all_set();
    let today = plan(&[&["eve"]]);
    let plan = Arc::new(today.succeeding(story.alarm.plan()));
    story.input(&Input::PressedAgain { trigger: trigger(Proof::Digest), plan });
    story.pass(720);
    assert!(!story.is_coming(BOB));
}
