//! The case: owner, deadlines, reminders, notes, and the close.

use super::followed::*;
use super::*;
use crate::kind::AlarmKind;

#[test]
fn who_accepts_first_owns_the_case_until_a_duty_worker_takes_it() {
    let mut story = Story::small();
    assert_eq!(story.alarm.owner(), None);
    story.now = 5;
    story.says("eve", '1');
    story.now = 6;
    story.says("bob", '1');
    assert_eq!(story.alarm.owner(), Some(EVE));
    story.now = 7;
    story.says("duty", '1');
    assert_eq!(story.alarm.owner(), Some(DUTY));
}

#[test]
fn who_falls_away_leaves_the_case_to_the_next() {
    let mut story = Story::small();
    story.says("eve", '1');
    story.now = 6;
    story.says("bob", '1');
    let events = story.by_page(EVE, '2');
    assert_eq!(events.len(), 2, "declined, and another wave: {events:?}");
    assert_eq!(story.alarm.owner(), Some(BOB));
}

#[test]
fn an_operator_hands_the_case_over() {
    let mut story = Story::all_set();
    let actor: Actor = "op".into();
    let input = |party| Input::ChangeOwner { party, actor: Arc::clone(&actor) };
    assert_eq!(story.input(&input(JOE)).len(), 1);
    assert_eq!(story.alarm.owner(), Some(JOE), "though a duty worker is coming");
    assert_eq!(story.input(&input(JOE)), []);
    assert_eq!(story.input(&input(OWN)), [], "not to the household in trouble");
    assert_eq!(story.input(&input(PartyId(99))), []);
    story.closes(CloseOutcome::Genuine);
    assert_eq!(story.input(&input(BOB)), []);
}

#[test]
fn the_steps_have_deadlines_and_show_when_they_are_late() {
    let mut story = Story::small();
    let late = |story: &Story, now| story.alarm.steps(at(now)).map(|step| step.is_late);
    assert_eq!(late(&story, 120), [false, false, false]);
    assert_eq!(late(&story, 121), [true, false, false], "nobody is coming");
    assert_eq!(late(&story, 721), [true, true, false]);
    story.now = 60;
    story.says("bob", '1');
    let [accepted, arrived, closed] = story.alarm.steps(at(60));
    assert_eq!((accepted.due_at, accepted.done_at), (at(120), Some(at(60))));
    assert_eq!((arrived.due_at, arrived.done_at), (at(660), None));
    assert_eq!((closed.due_at, closed.done_at), (at(4260), None));
    story.now = 700;
    story.by_page(BOB, '3');
    assert_eq!(late(&story, 700), [false, true, false], "there, but late");
    assert_eq!(late(&story, 4301), [false, true, true]);
    story.now = 5000;
    story.closes(CloseOutcome::Genuine);
    let [_, _, closed] = story.alarm.steps(at(90_000));
    assert_eq!((closed.due_at, closed.done_at, closed.is_late), (at(4300), Some(at(5000)), true));
}

#[test]
fn what_a_cancel_made_needless_is_not_late() {
    let mut story = Story::small();
    story.now = 60;
    story.cancels();
    let late = story.alarm.steps(at(3000)).map(|step| step.is_late);
    assert_eq!(late, [false, false, false]);
    let late = story.alarm.steps(at(3661)).map(|step| step.is_late);
    assert_eq!(late, [false, false, true], "but it has to be closed");
}

#[test]
fn the_owner_is_reminded_every_hour_after_the_arrival_ten_times() {
    let mut story = Story::all_set();
    story.now = 300;
    story.by_page(BOB, '3');
    story.fresh();
    story.pass(3599);
    assert_eq!(story.fresh(), Vec::<String>::new());
    story.pass(1);
    assert_eq!(story.fresh(), ["sms duty CloseReminder"]);
    story.pass(9 * 3600);
    assert_eq!(story.fresh().len(), 9);
    story.pass(86_400);
    assert_eq!(story.fresh(), Vec::<String>::new());
    assert!(story.has(|event| *event == Event::Reminded { times: 10 }));
    assert_eq!(story.alarm.poll_timeout(), None);
}

#[test]
fn an_owner_who_is_no_worker_is_reminded_with_the_duty_worker() {
    let mut story = Story::small();
    story.says("bob", '1');
    story.sms_arrive();
    story.cancels();
    story.sms_arrive();
    story.fresh();
    story.pass(3600);
    assert_eq!(story.fresh(), ["sms duty CloseReminder", "sms bob CloseReminder"]);
    let duty = story.sms("duty");
    story.ends(duty, LegOutcome::CarrierFailed);
    assert_eq!(story.fresh(), ["sms duty CloseReminder"], "over another route, though cancelled");
    story.closes(CloseOutcome::FalseAlarm);
    story.pass(86_400);
    assert_eq!(story.fresh(), Vec::<String>::new());
}

#[test]
fn the_duty_worker_closes_it_by_telephone_with_what_it_was() {
    for (key, outcome) in [
        ('1', CloseOutcome::Genuine),
        ('2', CloseOutcome::FalseAlarm),
        ('3', CloseOutcome::Unknown),
    ] {
        let mut story = Story::all_set();
        story.by_page(BOB, '3');
        story.calls_back(DUTY, 0);
        let duty = story.voice("duty");
        let means = AnswerMeans::Key { leg: duty };
        let asked = Event::CloseAsked { party: DUTY, means };
        assert_eq!(story.presses(duty, '6'), [asked]);
        story.now += 10;
        let closed = Event::Closed { actor: "".into(), outcome, matter: None, by: Some(DUTY) };
        assert_eq!(story.presses(duty, key), [closed]);
        assert!(story.is_cancelled(duty, CancelReason::AlarmOver), "they hear that it is over");
        assert_eq!(story.alarm.stage(), Stage::Closed { at: at(10), outcome });
    }
}

#[test]
fn the_duty_worker_closes_a_cancelled_alarm_too() {
    let mut story = Story::all_set();
    story.cancels();
    assert_eq!(story.by_page(DUTY, '6').len(), 1);
    assert_eq!(story.by_page(DUTY, '6'), [], "twice is once");
    assert_eq!(story.by_page(DUTY, '2').len(), 1);
    assert_eq!(story.alarm.closing().unwrap().by, Some(DUTY));
}

#[test]
fn six_means_nothing_before_an_arrival_or_from_a_neighbour() {
    let mut story = Story::all_set();
    story.calls_back(DUTY, 0);
    let duty = story.voice("duty");
    assert_eq!(story.presses(duty, '6'), [], "nobody is there");
    story.by_page(BOB, '3');
    assert_eq!(story.by_page(BOB, '6'), []);
    assert_eq!(story.by_operator(DUTY, '6'), [], "operators have a way of their own");
    let sms = story.alarm.legs().iter().find(|leg| leg.channel == Channel::Sms).unwrap().number;
    assert_eq!(story.presses(sms, '6'), [], "two SMS ten seconds apart are no key");
    assert_eq!(story.presses(duty, '2').len(), 1, "without 6 it is an answer");
}

#[test]
fn the_digit_has_to_come_within_ten_seconds_of_the_same_call() {
    let mut story = Story::all_set();
    story.by_page(BOB, '3');
    story.calls_back(DUTY, 0);
    let duty = story.voice("duty");
    story.presses(duty, '6');
    assert_eq!(story.by_page(DUTY, '1'), [], "by another way");
    assert_eq!(story.presses(duty, '9'), [], "another key");
    story.now += 11;
    assert_eq!(story.presses(duty, '1'), [], "too late");
    assert_eq!(story.presses(duty, '6').len(), 1);
    assert_eq!(story.presses(duty, '1').len(), 1);
    assert!(story.alarm.is_over());
}

#[test]
fn a_genuine_alarm_is_closed_with_what_was_the_matter() {
    let mut fire = plan(&[&["bob"]]);
    fire.kind = AlarmKind::Fire;
    let mut story = Story::begin(fire, Proof::Digest);
    story.says("bob", '3');
    story.by_page(DUTY, '6');
    story.by_page(DUTY, '1');
    let closing = story.alarm.closing().unwrap();
    assert_eq!(closing.matter, Some(AlarmKind::Fire));
    assert_eq!(closing.follow_up_at, Some(at(86_400)), "how are they, next day");
    let mut story = Story::small();
    let matter = Some(AlarmKind::Flood);
    let outcome = CloseOutcome::FalseAlarm;
    story.input(&Input::Close { actor: "op".into(), outcome, matter });
    let closing = story.alarm.closing().unwrap();
    assert_eq!((closing.matter, closing.follow_up_at, closing.by), (None, None, None));
}

#[test]
fn a_false_alarm_under_duress_is_followed_up() {
    let mut story = Story::small();
    assert_eq!(story.alarm.closing(), None);
    story.withdraws(PinVerdict::Duress);
    story.closes(CloseOutcome::FalseAlarm);
    assert_eq!(story.alarm.closing().unwrap().follow_up_at, Some(at(86_400)));
}

#[test]
fn the_key_closes_a_drill_as_a_drill() {
    let mut drill = plan(&[&["bob"]]);
    drill.is_drill = true;
    let mut story = Story::begin(drill, Proof::Digest);
    story.says("bob", '3');
    story.by_page(DUTY, '6');
    story.by_page(DUTY, '1');
    assert_eq!(story.alarm.closing().unwrap().outcome, CloseOutcome::Drill);
}

#[test]
fn notes_are_taken_after_the_close_too_and_two_hundred_at_most() {
    let mut story = Story::small();
    let actor: Actor = "op".into();
    let write = |story: &mut Story, note| {
        story.input(&Input::Note { note, actor: Arc::clone(&actor) }).len()
    };
    assert_eq!(write(&mut story, 1), 1);
    assert_eq!(write(&mut story, 1), 0, "the same note");
    story.closes(CloseOutcome::Genuine);
    let taken: usize = (2..300).map(|note| write(&mut story, note)).sum();
    assert_eq!(taken, 199);
}
