//! The switchboard is dropped as by a crash, and a new one starts on the same disk. What rang goes on ringing meanwhile.

use crate::town::{Does, Setup, Town, answer, routes, trigger};
use lianfang::store::alarm_log::{Kept, NewEvents, OpenedAlarm};
use lianfang::switchboard::{Action, Raised};
use lianfang_domain::alarm::{Alarm, CloseOutcome, Event, Trigger};
use lianfang_domain::id::AlarmId;
use lianfang_domain::leg::Message;
use lianfang_domain::plan::{self, PlanFor, Policy};
use std::collections::BTreeSet;
use std::sync::Arc;

const ALL: [&str; 10] = ["102", "103", "104", "105", "106", "107", "108", "109", "110", "duty"];

/// No phone has two calls of ours.
#[track_caller]
fn expect_no_phone_twice(town: &Town) {
    let ringing = town.wire.ringing();
    let once: BTreeSet<&String> = ringing.iter().collect();
    assert_eq!(once.len(), ringing.len(), "{ringing:?}");
}

/// Everything that was committed before is a beginning of what is there now.
async fn expect_continued(town: &Town, alarm: AlarmId, before: &[Event]) {
    let now = town.events(alarm).await;
    assert_eq!(now.get(..before.len()), Some(before));
}

#[tokio::test]
async fn a_crash_after_the_commit_and_before_the_first_call_rings_everybody_once() {
    let mut town = Town::new().await;
    let id = AlarmId::from_parts(1_795_305_600_000, 1, 77);
    let line = town.line(1);
    let defaults = Policy::default();
    let wanted = PlanFor::unknown(&defaults, town.clock.now());
    let plan = plan::build(&town.directory(), line, &wanted).map(Arc::new);
    let plan = plan.expect("is in the directory");
    let trigger = Trigger { line: line.line, household: line.household, ..trigger("#9", "call-a") };
    let now = town.clock.now();
    let (alarm, events, _) = Alarm::raise(id, trigger, Arc::clone(&plan), None, now);
    let opened = OpenedAlarm {
        line: line.line,
        idempotency_key: "call-a".into(),
        raised: now,
        follows: None,
    };
    let record = NewEvents {
        alarm: id,
        first_sequence: 0,
        at: now,
        events: events.clone(),
        plan: Some(plan),
        opened: Some(opened),
        closed: None,
        beginning: None,
    };
    let kept = town.log().append(vec![record]).expect("has room").await.expect("is told").kept;
    assert_eq!(kept, [Kept::Committed]);
    assert_eq!(town.alarm(id).await, alarm, "folding gives what was there");
    town.expect_silence();

    town.restarts().await;

    town.expect_ringing(&ALL);
    assert_eq!(town.wire.calls().len(), 10);
    assert!(town.wire.orphans().is_empty());
    expect_continued(&town, id, &events).await;
    // The phone of the resident tells the same call again.
    let again = town.presses(1, crate::town::trigger("#9", "call-a")).await;
    assert_eq!(again, Raised { alarm: id, is_new: false });
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_wave_ends_what_rings_and_rings_everybody() {
    let mut town = Town::with(Setup { routes: routes(2), ..Setup::default() }).await;
    let alarm = town.dials("#9").await.alarm;
    let before = town.events(alarm).await;
    let ringing = town.wire.ringing();
    assert_eq!(ringing.len(), 4, "two trunks with two channels each");

    town.restarts().await;

    assert_eq!(town.wire.orphans(), ringing);
    assert_eq!(town.wire.ringing().len(), 4);
    expect_no_phone_twice(&town);
    expect_continued(&town, alarm, &before).await;
    for _ in 0..6 {
        let who = town.wire.ringing()[0].clone();
        town.phone(&who, Does::BadNumber).await;
    }
    let called: BTreeSet<String> = town.wire.calls().into_iter().map(|(_, who, _)| who).collect();
    assert_eq!(called.len(), 10);
}

#[tokio::test]
async fn a_crash_after_one_said_coming_rings_the_others_on() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("103", Does::Press('1')).await;
    town.phone("103", Does::HangUp).await;
    let state = town.alarm(alarm).await;

    town.restarts().await;

    let mut expected = ALL.to_vec();
    expected.retain(|who| *who != "103");
    town.expect_ringing(&expected);
    assert_eq!(town.wire.orphans(), expected);
    assert_eq!(town.calls_to("103").len(), 1);
    let now = town.alarm(alarm).await;
    assert_eq!(now.households_coming(), state.households_coming());
    assert_eq!(now.waves(), state.waves());

    town.phone("104", Does::Press('1')).await;
    town.expect_ringing(&["104", "duty"]);
}

#[tokio::test]
async fn a_crash_after_enough_are_coming_rings_the_duty_worker_alone() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    town.phone("103", Does::Press('1')).await;
    town.phone("107", Does::Press('1')).await;
    for who in ["103", "107"] {
        town.phone(who, Does::HangUp).await;
    }
    town.expect_ringing(&["duty"]);

    town.restarts().await;

    town.expect_ringing(&["duty"]);
    assert_eq!(town.wire.orphans(), ["duty"]);
    assert!(town.texts_to("105").iter().filter(|text| **text == Message::Alarm).count() == 1);
}

#[tokio::test]
async fn a_crash_before_the_end_of_calls_was_told_ends_them_after_the_start() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    // Enough are coming, but nothing of it reaches the telephones any more.
    town.wire.ignores_cancels(true);
    town.phone("103", Does::Press('1')).await;
    town.phone("107", Does::Press('1')).await;
    town.expect_ringing(&ALL);
    town.crashes().await;
    town.wire.ignores_cancels(false);

    town.starts().await;

    town.expect_ringing(&["duty"]);
}

#[tokio::test]
async fn a_second_crash_before_the_orphans_were_ended_ends_them_after_the_third_start() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    town.crashes().await;
    town.wire.ignores_cancels(true);
    town.starts().await;
    assert!(town.wire.orphans().is_empty());
    town.crashes().await;
    town.wire.ignores_cancels(false);

    town.starts().await;

    // The calls of the first process, which the second one gave up, and those of the second.
    assert!(10 <= town.wire.orphans().len());
    expect_no_phone_twice(&town);
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn retries_go_on_where_they_were() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    town.phone("104", Does::Busy).await;
    town.pass(5).await;

    town.restarts().await;
    assert!(!town.wire.ringing().contains(&"104".to_owned()));

    // A second has passed at the start.
    town.pass(9).await;
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn a_press_on_the_line_of_an_alarm_of_the_process_before_belongs_to_it() {
    let mut town = Town::new().await;
    let first = town.dials("#9").await.alarm;
    for who in ["103", "107", "duty"] {
        town.phone(who, Does::Press('1')).await;
        town.phone(who, Does::HangUp).await;
    }
    town.restarts().await;
    town.expect_silence();

    let again = town.dials("#9").await;

    assert_eq!(again, Raised { alarm: first, is_new: false });
    town.expect_ringing(&["102", "104", "105", "106", "108", "109", "110"]);
}

#[tokio::test]
async fn a_call_told_again_after_a_restart_and_the_close_raises_nothing() {
    let mut town = Town::new().await;
    let first = town.presses(1, trigger("#9", "call-a")).await.alarm;
    town.acts(first, Action::Close(CloseOutcome::Genuine, None)).await.expect("is open");
    town.restarts().await;

    let again = town.presses(1, trigger("#9", "call-a")).await;
    let thrice = town.presses(1, trigger("#9", "call-a")).await;

    assert_eq!(again, Raised { alarm: first, is_new: false });
    assert_eq!(thrice, again);
    town.expect_silence();
    assert_eq!(town.load().await.open_alarms, 0);

    assert!(town.dials("#9").await.is_new, "another call is another alarm");
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn a_cancelled_alarm_stays_cancelled_and_nine_rings_everybody() {
    let mut town = Town::new().await;
    let first = town.dials("#9").await.alarm;
    town.acts(first, Action::Cancel).await.expect("is open");
    town.restarts().await;
    town.expect_silence();

    let second = town.dials("#9").await;

    assert!(second.is_new);
    town.expect_ringing(&ALL);
    assert_eq!(town.alarm(second.alarm).await.follows(), Some(first));
}

#[tokio::test]
async fn an_alarm_whose_plan_is_lost_is_raised_again_once() {
    let mut town = Town::new().await;
    let first = town.dials("#9").await.alarm;
    town.of_alarms("DELETE FROM alarm_plan").await;

    town.restarts().await;
    town.expect_no_silence();
    assert_eq!(town.load().await.open_alarms, 1);
    town.restarts().await;

    assert_eq!(town.load().await.open_alarms, 1, "the one in its place goes on");
    let press = town.dials("#9").await;
    assert!(!press.is_new);
    assert_eq!(town.alarm(press.alarm).await.follows(), Some(first));
}

#[tokio::test]
async fn what_only_the_journal_holds_is_taken_up_once_the_database_answers() {
    let mut town = Town::new().await;
    town.of_alarms("ALTER TABLE alarm_event RENAME TO gone").await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("103", Does::Press('1')).await;
    town.phone("103", Does::HangUp).await;
    town.crashes().await;
    town.starts().await;
    assert_eq!(town.load().await.open_alarms, 0, "the database cannot tell");

    town.of_alarms("ALTER TABLE gone RENAME TO alarm_event").await;
    town.pass(5).await;
    town.until_written_back().await;
    town.pass(5).await;
    town.until_load(|load| load.open_alarms == 1).await;
    town.settle().await;

    let now = town.alarm(alarm).await;
    assert_eq!(now.households_coming(), 1);
    let mut expected = ALL.to_vec();
    expected.retain(|who| *who != "103");
    town.expect_ringing(&expected);
}

#[tokio::test]
async fn what_was_heard_before_a_stop_is_kept_and_rung_after_the_start() {
    let mut town = Town::new().await;
    let pressed = town.dials_and_hangs_up(1, "#9");
    town.stops().await;
    let raised = answer(pressed).await;
    assert!(raised.is_new);

    town.starts().await;

    town.expect_ringing(&ALL);
    expect_no_phone_twice(&town);
    assert_eq!(town.load().await.open_alarms, 1);
}

#[tokio::test]
async fn many_crashes_lose_no_alarm_and_ring_nobody_twice_at_a_time() {
    let mut town = Town::with(Setup { groups: 5, ..Setup::default() }).await;
    for group in 1..=5 {
        assert!(answer(town.dials_and_hangs_up(group, "#9")).await.is_new);
        town.restarts().await;
        expect_no_phone_twice(&town);
    }
    assert_eq!(town.load().await.open_alarms, 5);
    assert_eq!(town.wire.ringing().len(), 50);
}
