//! The resident withdraws the alarm by PIN, and everybody hears of it.

use super::{ALL, all_and};
use crate::town::{Does, Power, Town};
use lianfang::switchboard::TextFate;
use lianfang_domain::alarm::{
    CancelReason, Event, PinVerdict, ResidentNotice, Stage, WithdrawMeans,
};
use lianfang_domain::leg::Message;

#[tokio::test]
async fn zero_and_the_pin_end_the_ringing_and_everybody_who_was_told_is_told() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;

    assert_eq!(town.resident_keys_pin(alarm, PinVerdict::Right).await, PinVerdict::Right);

    town.expect_silence();
    assert!(town.wire.cancelled().iter().all(|(_, why)| *why == CancelReason::AlarmOver));
    for who in ALL {
        assert_eq!(town.texts_to(who), [Message::Alarm, Message::Cancelled], "{who}");
        assert!(town.wire.read_by(who).contains("已取消"), "{who}");
    }
    assert_eq!(town.wire.told().last(), Some(&ResidentNotice::Cancelled));
    assert!(matches!(town.alarm(alarm).await.stage(), Stage::Cancelled { .. }));
}

#[tokio::test]
async fn those_of_the_escalation_hear_of_the_cancel_too() {
    let mut town = Town::with_chain_of_duty().await;
    let alarm = town.dials("#9").await.alarm;
    town.pass(120).await;
    town.resident_keys_pin(alarm, PinVerdict::Right).await;
    for who in ["deputy", "leader", "building head"] {
        assert_eq!(town.texts_to(who).last(), Some(&Message::Cancelled), "{who}");
    }
    assert!(town.texts_to("patrol").is_empty(), "who was never told is not told of the end");
    town.pass(300).await;
    town.expect_silence();
}

#[tokio::test]
async fn a_call_from_the_mobile_of_the_household_withdraws_it_as_well() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.mobile_keys_pin(alarm, PinVerdict::Right).await;
    town.expect_silence();
    let means = Some(WithdrawMeans::CallBack { number_index: 0 });
    let cancelled = Event::Cancelled { actor: "".into(), means };
    assert!(town.events(alarm).await.contains(&cancelled));
}

#[tokio::test]
async fn a_wrong_pin_stops_nothing_and_the_resident_may_try_again() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    assert_eq!(town.resident_keys_pin(alarm, PinVerdict::Wrong).await, PinVerdict::Wrong);
    town.expect_ringing(&ALL);
    assert_eq!(town.wire.told().last(), Some(&ResidentNotice::PinRefused));
    town.resident_keys_pin(alarm, PinVerdict::Right).await;
    town.expect_silence();
}

#[tokio::test]
async fn after_five_wrong_pins_no_pin_is_right_any_more_and_the_caller_hears_so() {
    for power in Power::BOTH {
        let mut town = Town::new().await;
        let alarm = town.dials("#9").await.alarm;
        for _ in 0..5 {
            town.mobile_keys_pin(alarm, PinVerdict::Wrong).await;
        }
        town.power(power).await;
        for last in [PinVerdict::Right, PinVerdict::Duress] {
            assert_eq!(town.mobile_keys_pin(alarm, last).await, PinVerdict::Wrong, "{power:?}");
        }
        town.expect_ringing(&ALL);
        assert!(!town.alarm(alarm).await.is_over());
    }
}

#[tokio::test]
async fn who_is_in_a_call_with_us_hears_the_end() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("103", Does::Press('1')).await;
    town.resident_keys_pin(alarm, PinVerdict::Right).await;
    let over = ("103".to_owned(), CancelReason::AlarmOver);
    assert!(town.wire.cancelled().contains(&over));
    assert_eq!(town.texts_to("103").last(), Some(&Message::Cancelled));
}

#[tokio::test]
async fn a_pin_for_an_alarm_that_is_over_means_nothing() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.resident_keys_pin(alarm, PinVerdict::Right).await;
    let before = town.wire.texts();
    town.resident_keys_pin(alarm, PinVerdict::Right).await;
    town.pass(60).await;
    assert_eq!(town.wire.texts(), before, "nobody is told twice");
}

#[tokio::test]
async fn a_cancel_reaches_everybody_whatever_the_power_does() {
    for power in Power::BOTH {
        let mut town = Town::with_chain_of_duty().await;
        let alarm = town.dials("#9").await.alarm;
        town.pass(60).await;
        town.power(power).await;
        town.expect_ringing(&all_and(&["deputy"]));
        town.resident_keys_pin(alarm, PinVerdict::Right).await;
        town.power(power).await;
        town.expect_silence();
        for who in all_and(&["deputy"]) {
            assert!(town.texts_to(who).contains(&Message::Cancelled), "{power:?} {who}");
        }
        town.pass(300).await;
        town.expect_silence();
    }
}

#[tokio::test]
async fn a_provider_that_fails_is_asked_again_until_the_cancel_is_told() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    for provider in [crate::town::SMS_1, crate::town::SMS_2] {
        town.wire.breaks(provider);
    }
    town.resident_keys_pin(alarm, PinVerdict::Right).await;
    town.wire.mends(crate::town::SMS_2);
    town.pass(65).await;
    let told = town.texts_to("103").len();
    town.pass(300).await;
    assert_eq!(town.texts_to("103").len(), told, "once it is told, it is told");
    assert_eq!(town.wire.sms_routes("103").last().map(|route| &**route), Some("sms-2"));
}

#[tokio::test]
async fn who_wants_no_sms_hears_of_the_cancel_by_a_call_until_they_take_it() {
    for power in Power::BOTH {
        let mut town = Town::new().await;
        let alarm = town.dials("#9").await.alarm;
        assert_eq!(town.texts("104", "退订").await, TextFate::OptedOut);
        town.phone("104", Does::NoAnswer).await;
        town.power(power).await;
        town.resident_keys_pin(alarm, PinVerdict::Right).await;
        town.expect_ringing(&["104"]);
        assert_eq!(town.calls_to("104").last(), Some(&Message::Cancelled), "{power:?}");
        town.phone("104", Does::NoAnswer).await;
        town.expect_silence();
        town.pass(65).await;
        town.expect_ringing(&["104"]);
        town.phone("104", Does::Answer).await;
        assert!(town.wire.heard_by("104").contains("已取消"));
        town.phone("104", Does::HangUp).await;
        town.pass(600).await;
        town.expect_silence();
    }
}
