//! Somebody stands beside the resident and makes them withdraw the alarm.

use super::{ALL, NEIGHBOURS};
use crate::town::{Does, Hears, LOUDSPEAKER, Power, Town};
use lianfang::switchboard::{Action, CallerId};
use lianfang_domain::alarm::{CloseOutcome, Event, PinVerdict, ResidentNotice, Stage};
use lianfang_domain::id::AlarmId;
use lianfang_domain::leg::Message;
use serde_json::json;

async fn forced() -> (Town, AlarmId) {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    assert_eq!(town.resident_keys_pin(alarm, PinVerdict::Duress).await, PinVerdict::Duress);
    (town, alarm)
}

#[tokio::test]
async fn the_duress_pin_sounds_like_a_cancel_and_every_phone_rings_on() {
    let (town, alarm) = forced().await;
    assert_eq!(town.wire.told().last(), Some(&ResidentNotice::Cancelled));
    assert_eq!(town.texts_to("101").last(), Some(&Message::Cancelled), "their own mobile, too");
    town.expect_ringing(&ALL);
    assert_eq!(town.alarm(alarm).await.stage(), Stage::Open);
}

#[tokio::test]
async fn neighbours_and_duty_worker_are_told_to_be_careful_and_not_to_telephone() {
    let (town, _) = forced().await;
    for who in ALL {
        let (heard, read) = (town.wire.heard_by(who), town.wire.read_by(who));
        assert!(heard.contains("可能受胁迫") && heard.contains("请勿打其电话"), "{who}: {heard}");
        assert!(read.contains("可能受胁迫"), "{who}: {read}");
    }
}

#[tokio::test]
async fn nothing_in_the_home_tells_who_is_coming_after_it() {
    let (town, _) = forced().await;
    let told = town.wire.told().len();
    town.press_and_hang_up(&["103", "107", "duty"], '1').await;
    assert_eq!(town.wire.told().len(), told);
    assert_eq!(town.texts_to("101"), [Message::OwnHousehold, Message::Cancelled]);
}

#[tokio::test]
async fn the_right_pin_after_the_duress_pin_cancels_in_sound_only() {
    let (town, alarm) = forced().await;
    town.resident_keys_pin(alarm, PinVerdict::Right).await;
    town.expect_ringing(&ALL);
    assert!(!town.alarm(alarm).await.is_over());
    let is_duress = |event: &&Event| matches!(event, Event::Duress { .. });
    assert_eq!(town.events(alarm).await.iter().filter(is_duress).count(), 2);
}

#[tokio::test]
async fn the_duress_pin_after_a_cancel_opens_the_alarm_again() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.resident_keys_pin(alarm, PinVerdict::Right).await;
    town.expect_silence();

    town.mobile_keys_pin(alarm, PinVerdict::Duress).await;

    town.expect_ringing(&NEIGHBOURS);
    assert_eq!(town.texts_to("duty").last(), Some(&Message::Duress));
    town.pass(65).await;
    town.expect_ringing(&ALL);
    assert_eq!(town.calls_to("103"), [Message::Alarm, Message::Duress]);
}

#[tokio::test]
async fn a_household_that_calls_back_under_duress_hears_of_nobody() {
    let (town, _) = forced().await;
    town.press_and_hang_up(&["103"], '1').await;
    assert_eq!(town.calls_back("101").await, Hears::Nothing, "as after a cancel");
    let line = Some(town.line(1).line);
    assert_eq!(town.calls_in(CallerId { number: None, line }, &[]).await, Hears::Nothing);
}

#[tokio::test]
async fn the_loudspeaker_in_the_stairs_falls_silent() {
    let town = &mut Town::with_also(&[LOUDSPEAKER]).await;
    town.adopts_policy(
        json!({"name": "喇叭", "steps": [{"targets": [{"post": {"code": "A"}}, "group",
        {"responders": {"kind": "loudspeaker", "within": "community"}}]}]}),
    )
    .await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("loudspeaker", Does::Answer).await;
    town.resident_keys_pin(alarm, PinVerdict::Duress).await;
    town.expect_ringing(&ALL);
    town.pass(240).await;
    assert_eq!(town.calls_to("loudspeaker").len(), 1);
}

#[tokio::test]
async fn whoever_is_called_later_is_careful_whatever_the_power_does() {
    for power in Power::BOTH {
        let mut town = Town::with_chain_of_duty().await;
        let alarm = town.dials("#9").await.alarm;
        town.resident_keys_pin(alarm, PinVerdict::Duress).await;
        town.power(power).await;
        town.pass(60).await;
        assert_eq!(town.calls_to("deputy"), [Message::Duress], "{power:?}");
        town.press_and_hang_up(&["103"], '1').await;
        let tells = |notice: &ResidentNotice| matches!(notice, ResidentNotice::Coming { .. });
        assert!(!town.wire.told().iter().any(tells), "{power:?}");
    }
}

#[tokio::test]
async fn only_an_operator_ends_it_and_the_household_is_visited_though_it_was_called_false() {
    let (town, alarm) = forced().await;
    for who in NEIGHBOURS {
        town.phone(who, Does::Press('7')).await;
    }
    assert!(!town.alarm(alarm).await.is_over());
    town.acts(alarm, Action::Close(CloseOutcome::FalseAlarm, None)).await.expect("is open");
    town.expect_silence();
    let closing = town.alarm(alarm).await.closing().expect("is closed");
    assert!(closing.follow_up_at.is_some());
}
