//! The disk may be slow or dead: the phones ring all the same, and nothing is forgotten.

use super::ALL;
use crate::town::{Does, Setup, Town, answer};
use lianfang::store::alarm_log::JOURNAL_FILE;
use lianfang::switchboard::Action;
use lianfang_domain::alarm::CloseOutcome;
use std::time::Duration;

/// A log that gives the database little time.
fn hasty() -> Setup {
    Setup { log_deadline: Duration::from_millis(20), ..Setup::default() }
}

fn journal_len(town: &Town) -> u64 {
    let path = town.folder().join("journal").join(JOURNAL_FILE);
    std::fs::metadata(path).map_or(0, |file| file.len())
}

#[tokio::test]
async fn with_a_dead_database_the_phones_ring_and_the_journal_has_it() {
    let mut town = Town::new().await;
    let broken = "ALTER TABLE alarm_event RENAME TO gone";
    town.of_alarms(broken).await;

    let raised = town.dials("#9").await;
    town.phone("103", Does::Press('1')).await;

    assert!(raised.is_new);
    town.expect_ringing(&ALL);
    assert_ne!(journal_len(&town), 0);

    let mended = "ALTER TABLE gone RENAME TO alarm_event";
    town.of_alarms(mended).await;
    town.pass(5).await;
    town.until_written_back().await;
    assert_eq!(town.alarm(raised.alarm).await.households_coming(), 1);
}

#[tokio::test]
async fn with_a_locked_database_the_phones_ring_and_the_journal_has_it() {
    let mut town = Town::with(hasty()).await;
    let lock = town.store().alarms().write().await.expect("locks");

    let raised = town.dials("#9").await;
    town.expect_ringing(&ALL);
    assert_ne!(journal_len(&town), 0);

    lock.rollback().await.expect("lets go");
    town.pass(5).await;
    town.until_written_back().await;
    assert_eq!(town.alarm(raised.alarm).await.legs().len(), 21);
}

#[tokio::test]
async fn when_the_log_does_not_answer_the_phones_ring_at_the_deadline_and_in_order() {
    let mut town = Town::new().await;
    let lock = town.store().alarms().write().await.expect("locks");
    let pressed = town.dials_and_hangs_up(1, "#9");
    town.until_load(|load| load.inputs_waiting == 0 && load.commits_waiting == 1).await;
    town.expect_silence();

    town.clock.advance(Duration::from_millis(99));
    town.until_load(|load| load.commits_waiting == 1).await;
    town.expect_silence();
    town.clock.advance(Duration::from_millis(1));
    let raised = answer(pressed).await;
    // The reports of what was placed wait for the disk in their turn.
    town.until_load(|load| load.inputs_waiting == 0 && load.commits_waiting == 1).await;
    town.expect_ringing(&ALL);

    // The end of the calls waits behind their beginning, whatever the disk does.
    let closed = town.acts_soon(raised.alarm, Action::Close(CloseOutcome::Genuine, None));
    town.until_load(|load| load.inputs_waiting == 0 && 2 <= load.commits_waiting).await;
    town.expect_ringing(&ALL);
    town.clock.advance(Duration::from_millis(200));
    closed.await.expect("no panic").expect("is open");
    town.until_load(|load| load.open_alarms == 0).await;
    town.expect_silence();
    lock.rollback().await.expect("lets go");
    town.settle().await;
    assert!(town.alarm(raised.alarm).await.is_over());
    let beginning = town.log().beginning(raised.alarm).await.expect("reads").expect("is kept");
    assert_eq!(beginning.committed, None, "the phones rang before it was durable");
}

#[tokio::test]
async fn when_it_was_heard_and_when_it_was_durable_is_kept_with_what_follows() {
    let mut town = Town::new().await;
    let before = town.clock.now();
    let raised = town.dials("#9").await;
    town.settle().await;
    let beginning = town.log().beginning(raised.alarm).await.expect("reads").expect("is kept");
    assert_eq!((beginning.heard, beginning.committed), (before, Some(before)));
}

#[tokio::test]
async fn presses_at_the_same_time_share_commits() {
    let mut town = Town::with(Setup { groups: 50, ..Setup::default() }).await;
    let lock = town.store().alarms().write().await.expect("locks");
    let first = town.dials_and_hangs_up(1, "#9");
    town.until_load(|load| load.commits_waiting == 1).await;
    let others: Vec<_> = (2..=50).map(|group| town.dials_and_hangs_up(group, "#9")).collect();
    town.until_load(|load| load.inputs_waiting == 0).await;
    let commits = town.load().await.commits_waiting;
    assert!(commits < 10, "{commits} commits for 50 presses");
    lock.rollback().await.expect("lets go");

    for raised in others.into_iter().chain([first]) {
        assert!(answer(raised).await.is_new);
    }
    town.settle().await;
    assert_eq!(town.load().await.open_alarms, 50);
}

#[tokio::test]
async fn without_any_log_the_phones_ring_all_the_same() {
    let mut town = Town::new().await;
    town.log_stops().await;
    let raised = town.dials("#9").await;
    assert!(raised.is_new);
    town.expect_ringing(&ALL);
    town.phone("103", Does::Press('1')).await;
    town.phone("104", Does::Press('1')).await;
    town.expect_ringing(&["103", "104", "duty"]);
}
