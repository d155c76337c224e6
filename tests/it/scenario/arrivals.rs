//! "I am coming" is not "I am there": who said it is asked, and counts no longer when they do not answer.

use super::{ALL, all_but};
use crate::town::{Does, Power, Town};
use lianfang_domain::alarm::{AnswerMeans, CancelReason, Event};
use lianfang_domain::id::AlarmId;
use lianfang_domain::leg::Message;

/// 103, 107 and the duty worker said that they are coming; no phone rings.
async fn three_are_coming() -> (Town, AlarmId) {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.press_and_hang_up(&["103", "107", "duty"], '1').await;
    town.expect_silence();
    (town, alarm)
}

fn lapses(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::AcknowledgementLapsed { .. })).count()
}

#[tokio::test]
async fn who_is_not_there_after_ten_minutes_is_asked_by_call_and_message() {
    let (town, _) = three_are_coming().await;
    town.pass(595).await;
    town.expect_silence();
    town.pass(5).await;
    town.expect_ringing(&["103", "107", "duty"]);
    let heard = town.wire.heard_by("103");
    assert!(heard.contains("请问到了吗") && heard.contains("到了按三"), "{heard}");
    assert_eq!(town.texts_to("103"), [Message::Alarm, Message::AreYouThere]);
    assert!(town.wire.read_by("103").contains("回3已到"));
}

#[tokio::test]
async fn one_who_says_that_they_are_there_ends_the_questions_to_the_others() {
    let (town, alarm) = three_are_coming().await;
    town.pass(600).await;
    town.phone("103", Does::Press('3')).await;
    town.phone("103", Does::HangUp).await;
    town.expect_ringing(&["duty"]);
    assert!(town.alarm(alarm).await.arrived_at().is_some());
    town.phone("duty", Does::NoAnswer).await;
    town.pass(600).await;
    assert_eq!(lapses(&town.events(alarm).await), 0);
}

#[tokio::test]
async fn who_is_still_on_the_way_has_ten_more_minutes() {
    let (town, alarm) = three_are_coming().await;
    town.pass(600).await;
    town.press_and_hang_up(&["103", "107", "duty"], '1').await;
    town.pass(595).await;
    assert_eq!(lapses(&town.events(alarm).await), 0);
    town.expect_silence();
    town.pass(5).await;
    town.expect_ringing(&["103", "107", "duty"]);
}

#[tokio::test]
async fn still_on_the_way_is_believed_twice_and_then_everybody_is_called_again() {
    let (town, alarm) = three_are_coming().await;
    for _ in 0..3 {
        town.pass(600).await;
        town.press_and_hang_up(&["103", "107", "duty"], '1').await;
    }
    assert_eq!(lapses(&town.events(alarm).await), 0);
    town.pass(120).await;
    assert_eq!(lapses(&town.events(alarm).await), 3);
    assert!(!town.alarm(alarm).await.has_anybody());
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn no_answer_for_two_minutes_reopens_the_alarm() {
    let (town, alarm) = three_are_coming().await;
    town.pass(600).await;
    town.everybody(Does::NoAnswer).await;
    town.pass(115).await;
    assert!(town.alarm(alarm).await.has_enough());
    town.pass(5).await;
    assert!(!town.alarm(alarm).await.has_enough());
    for who in all_but(&["duty"]) {
        assert!(town.wire.ringing().contains(&who.to_owned()), "{who}");
    }
}

#[tokio::test]
async fn who_cannot_come_after_all_sends_the_others_at_once() {
    let (town, _) = three_are_coming().await;
    town.pass(600).await;
    town.phone("107", Does::Press('2')).await;
    town.phone("107", Does::HangUp).await;
    assert!(town.wire.ringing().contains(&"104".to_owned()));
    assert!(!town.wire.ringing().contains(&"107".to_owned()));
}

#[tokio::test]
async fn the_arrival_code_on_the_residents_telephone_names_the_only_one_who_comes() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.press_and_hang_up(&["103"], '1').await;
    assert_eq!(town.arrival_code_is_dialled(1).await, Some(alarm));
    let arrived = |event: &Event| matches!(event, Event::Arrived { means: AnswerMeans::Line, .. });
    assert!(town.events(alarm).await.iter().any(arrived));
    town.everybody(Does::NoAnswer).await;
    town.pass(130).await;
    town.expect_ringing(&["duty"]);
}

#[tokio::test]
async fn the_arrival_code_when_several_come_says_that_somebody_is_there() {
    let (town, alarm) = three_are_coming().await;
    assert_eq!(town.arrival_code_is_dialled(1).await, Some(alarm));
    assert!(town.events(alarm).await.contains(&Event::DoorReached));
    town.pass(900).await;
    town.expect_silence();
    assert_eq!(lapses(&town.events(alarm).await), 0, "nobody is asked any more");
}

#[tokio::test]
async fn the_arrival_code_on_a_line_without_an_alarm_means_nothing() {
    let town = Town::new().await;
    assert_eq!(town.arrival_code_is_dialled(1).await, None);
}

#[tokio::test]
async fn who_comes_by_and_never_said_so_may_say_that_they_are_there() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.press_and_hang_up(&["106"], '3').await;
    let alarm = town.alarm(alarm).await;
    assert!(alarm.arrived_at().is_some() && alarm.households_coming() == 1);
    town.everybody(Does::NoAnswer).await;
    town.pass(130).await;
    town.expect_ringing(&["duty"]);
}

#[tokio::test]
async fn the_question_is_asked_at_its_time_whatever_the_power_does() {
    for power in Power::BOTH {
        let (mut town, alarm) = three_are_coming().await;
        town.pass(300).await;
        town.power(power).await;
        town.expect_silence();
        town.pass(295).await;
        town.expect_silence();
        town.pass(10).await;
        town.expect_ringing(&["103", "107", "duty"]);
        town.power(power).await;
        town.expect_ringing(&["103", "107", "duty"]);
        town.press_and_hang_up(&["103"], '3').await;
        assert!(town.alarm(alarm).await.arrived_at().is_some(), "{power:?}");
    }
}

#[tokio::test]
async fn a_lapse_that_fell_into_the_time_without_power_does_not_count_before_they_were_asked() {
    let (mut town, alarm) = three_are_coming().await;
    town.crashes().await;
    town.clock.advance(std::time::Duration::from_secs(1000));
    town.starts().await;
    assert_eq!(lapses(&town.events(alarm).await), 0);
    town.expect_ringing(&["103", "107", "duty"]);
    assert_eq!(town.calls_to("103").last(), Some(&Message::AreYouThere));
}

#[tokio::test]
async fn once_somebody_is_at_the_door_the_other_phones_fall_silent_and_their_people_are_told() {
    for power in Power::BOTH {
        let mut town = Town::new().await;
        let alarm = town.dials("#9").await.alarm;
        town.power(power).await;
        town.press_and_hang_up(&["106"], '3').await;
        town.expect_ringing(&["duty"]);
        let cancelled = town.wire.cancelled();
        let enough = ("104".to_owned(), CancelReason::EnoughComing);
        assert!(cancelled.contains(&enough), "{power:?}: {cancelled:?}");
        assert_eq!(town.texts_to("104"), [Message::Alarm, Message::StandDown], "{power:?}");
        assert_eq!(town.texts_to("106"), [Message::Alarm], "who is there needs none");
        assert_eq!(town.alarm(alarm).await.households_coming(), 1);
    }
}
