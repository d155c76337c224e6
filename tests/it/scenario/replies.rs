//! People answer by text.

use super::all_but;
use crate::town::{Does, Setup, Town, answer, trigger};
use lianfang::switchboard::{Action, TextFate};
use lianfang_domain::alarm::{AnswerMeans, CancelReason, CloseOutcome, Event};
use lianfang_domain::id::AlarmId;
use lianfang_domain::leg::Message;

async fn is_coming(town: &Town, alarm: AlarmId, door: &str) -> bool {
    let alarm = town.alarm(alarm).await;
    alarm.parties().any(|(_, party, state)| {
        *party.name == *format!("{door} {door}家") && state.coming.is_some()
    })
}

#[tokio::test]
async fn one_by_text_is_coming_and_the_phone_of_that_home_falls_silent() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;

    assert_eq!(town.texts("108", "１。").await, TextFate::Taken);

    assert!(is_coming(&town, alarm, "108").await);
    town.expect_ringing(&all_but(&["108"]));
    assert_eq!(town.wire.cancelled(), [("108".to_owned(), CancelReason::AnsweredElsewhere)]);
    let by_reply = |event: &Event| {
        matches!(event, Event::Acknowledged { means: AnswerMeans::Reply { .. }, .. })
    };
    assert!(town.events(alarm).await.iter().any(by_reply));
}

#[tokio::test]
async fn who_writes_something_else_is_asked_once_and_rings_on() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;

    assert_eq!(town.texts("108", "什么事？").await, TextFate::Unclear);
    assert_eq!(town.texts("108", "🙏").await, TextFate::Unclear);

    assert_eq!(town.texts_to("108"), [Message::Alarm, Message::PleaseReply]);
    assert!(town.wire.read_by("108").contains("请回复1前往，2去不了"));
    town.expect_no_silence();
    assert!(!is_coming(&town, alarm, "108").await);
    assert_eq!(town.texts("108", "我去").await, TextFate::Taken);
    assert!(is_coming(&town, alarm, "108").await);
}

#[tokio::test]
async fn a_stranger_counts_for_nothing() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    let before = town.events(alarm).await;
    assert_eq!(town.texts("999", "1").await, TextFate::Stranger);
    assert_eq!(town.texts("deputy", "1").await, TextFate::Stranger, "not on duty");
    assert_eq!(town.events(alarm).await, before);
}

#[tokio::test]
async fn a_reply_to_what_is_over_counts_for_nothing() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    assert_eq!(town.acts(alarm, Action::Cancel).await, Ok(()));
    assert_eq!(town.texts("108", "1").await, TextFate::Over);
    assert_eq!(town.acts(alarm, Action::Close(CloseOutcome::FalseAlarm, None)).await, Ok(()));
    let before = town.events(alarm).await;
    let fate = town.texts("108", "1").await;
    assert!(matches!(fate, TextFate::Over | TextFate::Stranger), "{fate:?}");
    assert_eq!(town.events(alarm).await, before);
}

#[tokio::test]
async fn the_last_of_contradictory_replies_holds() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.texts("108", "1").await;
    town.texts("108", "去不了").await;
    assert!(!is_coming(&town, alarm, "108").await);
    town.texts("108", "马上到").await;
    assert!(is_coming(&town, alarm, "108").await);
    assert_eq!(town.texts("108", "1 或 2").await, TextFate::Unclear);
    assert!(is_coming(&town, alarm, "108").await, "two answers are none");
    assert!(!town.texts_to("108").contains(&Message::PleaseReply), "they have answered");
}

#[tokio::test]
async fn who_wants_no_sms_gets_none_and_is_still_called() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    assert_eq!(town.texts("108", "TD").await, TextFate::OptedOut);
    let refused = |event: &&Event| matches!(event, Event::SmsRefused { .. });
    assert_eq!(town.events(alarm).await.iter().filter(refused).count(), 1);
    town.phone("108", Does::NoAnswer).await;
    town.pass(70).await;
    assert_eq!(town.calls_to("108").len(), 2);
    town.texts("103", "1").await;
    town.texts("107", "1").await;
    assert_eq!(town.texts_to("108"), [Message::Alarm], "no stand-down by SMS");
}

#[tokio::test]
async fn arrived_and_a_mistake_are_said_by_text_too() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.texts("106", "误报").await;
    assert_eq!(town.texts_to("duty"), [Message::Alarm, Message::SaidMistake]);
    town.texts("108", "到了").await;
    let alarm = town.alarm(alarm).await;
    assert!(alarm.parties().any(|(_, _, state)| state.arrived_at.is_some()));
}

#[tokio::test]
async fn a_reply_after_a_restart_finds_its_alarm() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.restarts().await;
    assert_eq!(town.texts("108", "1").await, TextFate::Taken);
    assert!(is_coming(&town, alarm, "108").await);
}

/// The homes behind 101 and 102 have telephones of their own; `door` may move to another building.
async fn two_lines(sql: &'static str) -> (Town, AlarmId, AlarmId) {
    let town = Town::with(Setup { sql, ..Setup::default() }).await;
    let mut alarms = Vec::new();
    for account in ["line-1", "home-102"] {
        let line = town.line_of_account(account);
        alarms.push(answer(town.press_on(line, trigger("#9", account))).await.alarm);
        town.settle().await;
        town.pass(1).await;
    }
    (town, alarms[0], alarms[1])
}

#[tokio::test]
async fn one_answers_for_every_alarm_of_the_building() {
    let sql = "INSERT INTO line (household_id, number_key, number_written, account)
        SELECT id, '+865926660102', '6660102', 'home-102'
        FROM household WHERE group_id = 1 AND door = '102'";
    let (town, first, second) = two_lines(sql).await;
    assert_eq!(town.texts("110", "1").await, TextFate::Taken);
    assert!(is_coming(&town, first, "110").await && is_coming(&town, second, "110").await);
}

#[tokio::test]
async fn in_two_buildings_a_reply_answers_the_newest_and_the_next_one_the_other() {
    let sql = "UPDATE household SET building = '4' WHERE group_id = 1 AND door = '102';
        INSERT INTO line (household_id, number_key, number_written, account)
        SELECT id, '+865926660102', '6660102', 'home-102'
        FROM household WHERE group_id = 1 AND door = '102'";
    let (town, first, second) = two_lines(sql).await;
    town.texts("110", "1").await;
    assert!(!is_coming(&town, first, "110").await && is_coming(&town, second, "110").await);
    town.texts("110", "1").await;
    assert!(is_coming(&town, first, "110").await);
}
