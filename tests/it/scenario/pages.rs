//! People open the link in their message, and answer there.

use super::all_but;
use crate::town::{Does, Town};
use lianfang::switchboard::Action;
use lianfang_domain::alarm::{AnswerMeans, CloseOutcome, Event};

#[tokio::test]
async fn who_declined_on_the_telephone_comes_by_the_page() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("108", Does::Press('2')).await;
    town.phone("108", Does::HangUp).await;

    let seen = town.page("108", Some('1')).await.expect("a page");

    assert_eq!(seen.alarm.households_coming(), 1);
    let by_page = |event: &Event| {
        matches!(event, Event::Acknowledged { means: AnswerMeans::Page { .. }, .. })
    };
    assert!(town.events(alarm).await.iter().any(by_page));
    town.expect_ringing(&all_but(&["108"]));
}

#[tokio::test]
async fn looking_at_a_link_answers_nothing() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    let before = town.events(alarm).await;
    for _ in 0..3 {
        assert!(town.page("108", None).await.is_some());
    }
    assert_eq!(town.events(alarm).await, before);
}

#[tokio::test]
async fn a_guessed_link_leads_nowhere() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    for token in ["", "000000000000000", "zzzzzzzzzzzzzzz", "1", "../../alarms"] {
        assert!(town.link(token, Some('1')).await.is_none(), "{token}");
    }
}

#[tokio::test]
async fn links_live_on_after_a_restart_and_each_is_for_its_reader() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.restarts().await;
    assert!(town.page("108", Some('1')).await.is_some());
    assert!(town.page("103", Some('2')).await.is_some());
    let alarm = town.alarm(alarm).await;
    let coming = alarm.parties().filter(|(_, _, state)| state.coming.is_some());
    let coming: Vec<String> = coming.map(|(_, party, _)| party.name.to_string()).collect();
    assert_eq!(coming, ["108 108家"]);
}

#[tokio::test]
async fn a_link_ends_a_day_after_the_close() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    let text = town.wire.read_by("108");
    let (_, token) = text.rsplit_once("/r/").expect("a link");
    assert_eq!(town.acts(alarm, Action::Close(CloseOutcome::FalseAlarm, None)).await, Ok(()));
    let before = town.events(alarm).await;
    town.link(token, Some('1')).await;
    assert_eq!(town.events(alarm).await, before, "it is over");
    assert!(town.has_guest(token));
    town.leap(86_401).await;
    assert!(!town.has_guest(token));
}

#[tokio::test]
async fn the_link_of_a_closed_alarm_outlives_a_restart_until_it_expires() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    let text = town.wire.read_by("108");
    let (_, token) = text.rsplit_once("/r/").expect("a link");
    assert_eq!(town.acts(alarm, Action::Close(CloseOutcome::Genuine, None)).await, Ok(()));
    town.leap(3_600).await;
    town.restarts().await;
    town.until_has_guest(token).await;
    assert!(town.link(token, Some('1')).await.is_none(), "it is driven no more");
    town.leap(86_401 - 3_600).await;
    assert!(!town.has_guest(token), "a day after the close, not after the start");
    town.restarts().await;
    assert!(!town.has_guest(token));
}

#[tokio::test]
async fn the_duty_worker_closes_by_the_page() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    for key in ['1', '3', '6', '2'] {
        town.page("duty", Some(key)).await;
    }
    let closing = town.alarm(alarm).await.closing().map(|closing| closing.outcome);
    assert_eq!(closing, Some(CloseOutcome::FalseAlarm));
}
