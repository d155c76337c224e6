//! Responders and the resident talk with each other.

use super::{ALL, NEIGHBOURS};
use crate::town::{Does, Power, Town};
use lianfang::switchboard::Action;
use lianfang_domain::alarm::{CloseOutcome, PinVerdict};
use lianfang_domain::leg::Message;

#[tokio::test]
async fn who_presses_five_is_let_into_the_talk_and_has_not_said_that_they_come() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("103", Does::Press('5')).await;
    assert_eq!(town.wire.talking(), ["103"]);
    // The carrier tells that they are in: they were let in once.
    town.talks("103", true).await;
    assert_eq!(town.wire.talking(), ["103"]);
    assert_eq!(town.alarm(alarm).await.households_coming(), 0);
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn whoever_talks_may_say_that_they_are_coming() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("103", Does::Answer).await;
    town.talks("103", true).await;
    town.phone("103", Does::Press('1')).await;
    let alarm = town.alarm(alarm).await;
    assert_eq!((alarm.households_coming(), alarm.talk().len()), (1, 1));
}

#[tokio::test]
async fn eight_talk_and_the_ninth_is_not_let_in() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    for who in NEIGHBOURS {
        town.phone(who, Does::Press('5')).await;
    }
    assert_eq!(town.wire.talking(), NEIGHBOURS[..8]);
    assert_eq!(town.wire.refused_talk(), ["110"], "and is told so");
    town.phone("102", Does::HangUp).await;
    town.phone("110", Does::Press('5')).await;
    assert_eq!(town.wire.talking()[8..], ["110"]);
    assert_eq!(town.wire.refused_talk(), ["110"]);
    assert_eq!(town.alarm(alarm).await.talk().len(), 8, "a place is free again");
}

#[tokio::test]
async fn who_leaves_or_hangs_up_is_no_longer_in_the_talk() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    for who in ["103", "107"] {
        town.phone(who, Does::Answer).await;
        town.talks(who, true).await;
    }
    town.talks("103", false).await;
    town.phone("107", Does::HangUp).await;
    assert!(town.alarm(alarm).await.talk().is_empty());
}

#[tokio::test]
async fn a_phone_that_only_rings_is_in_no_talk() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.talks("103", true).await;
    assert!(town.wire.talking().is_empty());
    assert!(town.alarm(alarm).await.talk().is_empty());
}

#[tokio::test]
async fn under_duress_the_talk_ends_and_nobody_enters_it() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    for who in ["103", "107"] {
        town.phone(who, Does::Answer).await;
    }
    town.talks("103", true).await;
    town.resident_keys_pin(alarm, PinVerdict::Duress).await;
    assert!(!town.wire.ringing().contains(&"103".to_owned()), "their call ends");
    town.talks("107", true).await;
    assert_eq!(town.wire.talking(), ["103"]);
}

#[tokio::test]
async fn the_close_ends_the_talk() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("103", Does::Answer).await;
    town.talks("103", true).await;
    town.acts(alarm, Action::Close(CloseOutcome::Genuine, None)).await.expect("is open");
    town.expect_silence();
    assert!(town.alarm(alarm).await.talk().is_empty());
}

#[tokio::test]
async fn who_called_back_may_talk_whatever_the_power_did_before() {
    for power in Power::BOTH {
        let mut town = Town::new().await;
        let alarm = town.dials("#9").await.alarm;
        town.phone("103", Does::Answer).await;
        town.talks("103", true).await;
        town.power(power).await;
        town.phone("103", Does::NoAnswer).await;
        assert!(town.alarm(alarm).await.talk().is_empty(), "no call, no talk: {power:?}");
        town.calls_back("103").await;
        town.talks("103", true).await;
        assert_eq!(town.alarm(alarm).await.talk().len(), 1, "{power:?}");
        assert_eq!(town.calls_to("103").last(), Some(&Message::Alarm));
    }
}
