//! How alarms end: by people only.

use super::{ALL, all_but};
use crate::town::{Does, Town};
use lianfang::switchboard::{ActError, Action};
use lianfang_domain::alarm::{CancelReason, CloseOutcome, Stage};
use lianfang_domain::leg::Message;
use lianfang_domain::plan::PartyId;

#[tokio::test]
async fn an_operator_closes_and_every_phone_is_silent() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;

    town.acts(alarm, Action::Close(CloseOutcome::Genuine, None)).await.expect("is open");

    town.expect_silence();
    assert_eq!(town.wire.cancelled().len(), 10);
    town.leap(3600).await;
    town.expect_silence();
    assert!(matches!(town.alarm(alarm).await.stage(), Stage::Closed { .. }));
    assert_eq!(town.load().await.open_alarms, 0);
    let again = town.acts(alarm, Action::Cancel).await;
    assert_eq!(again, Err(ActError::NotOpen), "nothing is left of it in memory");
}

#[tokio::test]
async fn a_cancel_is_told_to_everybody_who_was_told() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("103", Does::Press('1')).await;

    town.acts(alarm, Action::Cancel).await.expect("is open");

    for who in ALL {
        assert_eq!(town.texts_to(who), [Message::Alarm, Message::Cancelled], "{who}");
    }
    let cancelled = town.wire.cancelled();
    assert_eq!(cancelled.len(), 10);
    assert!(cancelled.iter().all(|(_, reason)| *reason == CancelReason::AlarmOver));
    town.leap(3600).await;
    town.expect_silence();
    assert_eq!(town.load().await.open_alarms, 0);
    assert!(matches!(town.alarm(alarm).await.stage(), Stage::Cancelled { .. }));
    town.acts(alarm, Action::Close(CloseOutcome::Genuine, None))
        .await
        .expect("can still be closed");
}

#[tokio::test]
async fn who_has_no_mobile_is_called_to_hear_of_the_cancel() {
    let mut town = Town::where_also(
        r#"UPDATE contact SET numbers = replace(numbers, '"sms":true', '"sms":false')
            WHERE household_id = 105"#,
    )
    .await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("106", Does::Press('1')).await;
    town.phone("106", Does::HangUp).await;
    assert!(town.texts_to("106").is_empty());

    town.acts(alarm, Action::Cancel).await.expect("is open");

    town.expect_ringing(&["106"]);
    assert_eq!(town.calls_to("106"), [Message::Alarm, Message::Cancelled]);
}

#[tokio::test]
async fn an_operator_says_who_is_coming() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    let party = |door: &str| {
        let doors = all_but(&["duty"]);
        PartyId(1 + u16::try_from(doors.iter().position(|at| *at == door).unwrap()).unwrap())
    };

    town.acts(alarm, Action::Acknowledge(party("102"))).await.expect("is new");
    town.acts(alarm, Action::Acknowledge(party("110"))).await.expect("is new");

    town.expect_ringing(&["duty"]);
    let twice = town.acts(alarm, Action::Acknowledge(party("110"))).await;
    assert_eq!(twice, Err(ActError::NothingChanged));
    let nobody = town.acts(alarm, Action::Arrive(PartyId(99))).await;
    assert_eq!(nobody, Err(ActError::NoSuchParty));
    town.acts(alarm, Action::Arrive(party("102"))).await.expect("is new");
}

#[tokio::test]
async fn a_closed_alarm_whose_calls_never_end_is_cleared_away() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.wire.loses_reports(true);
    town.acts(alarm, Action::Close(CloseOutcome::FalseAlarm, None)).await.expect("is open");
    town.wire.loses_reports(false);
    assert_eq!(
        town.acts(alarm, Action::Close(CloseOutcome::Genuine, None)).await,
        Err(ActError::NothingChanged),
        "it waits for its calls"
    );

    town.leap(600).await;

    assert_eq!(town.acts(alarm, Action::Cancel).await, Err(ActError::NotOpen));
}
