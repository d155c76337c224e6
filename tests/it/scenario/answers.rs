//! What the keys of those who are called do.

use super::{ALL, all_but};
use crate::town::{Does, Town};
use lianfang_domain::alarm::{CancelReason, Event, ResidentNotice};
use lianfang_domain::digits::Key;
use lianfang_domain::leg::{LegReport, Message};

#[tokio::test]
async fn two_are_coming_and_the_other_phones_fall_silent() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;

    town.phone("103", Does::Press('1')).await;
    town.expect_ringing(&ALL);
    town.phone("107", Does::Press('1')).await;

    town.expect_ringing(&["103", "107", "duty"]);
    let cancelled = town.wire.cancelled();
    assert_eq!(cancelled.len(), 7);
    assert!(cancelled.iter().all(|(_, reason)| *reason == CancelReason::EnoughComing));
    for who in all_but(&["103", "107", "duty"]) {
        assert_eq!(town.texts_to(who), [Message::Alarm, Message::StandDown], "{who}");
    }
    assert_eq!(town.texts_to("103"), [Message::Alarm]);
    let coming = |notice: &&ResidentNotice| matches!(notice, ResidentNotice::Coming { .. });
    assert_eq!(town.wire.told().iter().filter(coming).count(), 2);
    assert!(town.events(alarm).await.contains(&Event::EnoughComing));
}

#[tokio::test]
async fn the_duty_worker_rings_on_until_they_take_the_case() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    town.phone("103", Does::Press('1')).await;
    town.phone("107", Does::Press('1')).await;

    for _ in 0..3 {
        town.phone("duty", Does::NoAnswer).await;
        town.pass(65).await;
        town.expect_ringing(&["103", "107", "duty"]);
    }
    town.phone("duty", Does::Press('1')).await;
    for who in ["103", "107", "duty"] {
        town.phone(who, Does::HangUp).await;
    }
    town.pass(300).await;
    town.expect_silence();
    assert!(town.wire.cancelled().iter().all(|(who, _)| who != "duty"));
}

#[tokio::test]
async fn one_who_is_coming_is_not_enough() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    town.phone("103", Does::Press('1')).await;
    for who in all_but(&["103"]) {
        town.phone(who, Does::NoAnswer).await;
    }
    town.pass(65).await;
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn who_cannot_come_is_left_in_peace_while_others_can() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    town.phone("102", Does::Press('2')).await;
    town.phone("102", Does::HangUp).await;
    for who in all_but(&["102"]) {
        town.phone(who, Does::NoAnswer).await;
    }
    town.pass(600).await;
    assert_eq!(town.calls_to("102").len(), 1);
    assert!(1 < town.calls_to("103").len());
}

#[tokio::test]
async fn one_who_gives_up_makes_the_others_ring_again() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    town.phone("103", Does::Press('1')).await;
    town.phone("107", Does::Press('1')).await;

    town.phone("107", Does::Press('2')).await;

    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn said_to_be_a_mistake_is_recorded_and_told_and_stops_nothing() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;

    town.phone("106", Does::Press('7')).await;

    town.expect_ringing(&ALL);
    assert_eq!(town.texts_to("duty"), [Message::Alarm, Message::SaidMistake]);
    let is_recorded = |event: &Event| matches!(event, Event::SaidMistake { .. });
    assert!(town.events(alarm).await.iter().any(is_recorded));
    assert!(!town.alarm(alarm).await.is_over());
}

#[tokio::test]
async fn the_other_keys_mean_nothing() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("106", Does::Answer).await;
    let before = town.events(alarm).await.len();
    for key in ['0', '6', '8', '9', '*', '#'] {
        town.phone("106", Does::Press(key)).await;
    }
    assert_eq!(town.events(alarm).await.len(), before);
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn an_sms_is_answered_like_a_call() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    let one = LegReport::Key { key: Key::of_char('1').expect("a key") };

    town.provider("108", one).await;

    town.expect_ringing(&all_but(&["108"]));
    assert_eq!(town.wire.cancelled(), [("108".to_owned(), CancelReason::AnsweredElsewhere)]);
    assert_eq!(town.alarm(alarm).await.households_coming(), 1);
}

#[tokio::test]
async fn a_late_key_after_enough_still_counts() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("103", Does::Press('1')).await;
    town.phone("107", Does::Press('1')).await;
    let one = LegReport::Key { key: Key::of_char('1').expect("a key") };
    town.provider("110", one).await;
    assert_eq!(town.alarm(alarm).await.households_coming(), 3);
}

#[tokio::test]
async fn everybody_is_coming_at_the_same_moment() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.wire.all_press('1');
    town.settle().await;
    let alarm = town.alarm(alarm).await;
    assert_eq!(alarm.households_coming(), 9);
    assert!(alarm.is_satisfied());
}
