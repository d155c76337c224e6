//! What is the matter, said by a digit after the code.

use super::{ALL, all_and};
use crate::town::{Does, Power, RESPONDERS, Town};
use lianfang::switchboard::Action;
use lianfang_domain::alarm::{CloseOutcome, Event, ResidentNotice};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::Message;
use serde_json::json;

#[tokio::test]
async fn phones_that_ring_get_new_words_and_whoever_knows_gets_an_update() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("104", Does::Answer).await;
    assert!(!town.wire.heard_by("103").contains("火情"));

    town.resident_keys(alarm, '1').await;

    assert!(town.wire.heard_by("103").contains("火情"), "whoever picks up now hears it");
    assert!(!town.wire.heard_by("104").contains("火情"), "who listens already heard the old words");
    for who in ALL {
        assert_eq!(town.texts_to(who), [Message::Alarm, Message::KindNamed], "{who}");
        let read = town.wire.read_by(who);
        assert!(read.contains("最新：火情"), "{who}: {read}");
        assert_eq!(town.calls_to(who).len(), 1, "nobody is called twice for it");
    }
}

#[tokio::test]
async fn the_resident_hears_that_what_they_named_was_passed_on() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.resident_keys(alarm, '3').await;
    let heard = ResidentNotice::KindHeard { matter: AlarmKind::Illness };
    assert_eq!(town.wire.told().last(), Some(&heard));
    let words = town.wire.heard_by_resident();
    assert!(words.contains("已告知邻居") && words.contains("急病"), "{words}");
}

#[tokio::test]
async fn the_same_digit_again_says_nothing_new() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.resident_keys(alarm, '1').await;
    let events = town.events(alarm).await.len();
    town.pass(10).await;
    town.resident_keys(alarm, '1').await;
    assert_eq!(town.texts_to("103"), [Message::Alarm, Message::KindNamed]);
    let named = |event: &&Event| matches!(event, Event::KindNamed { .. });
    assert_eq!(town.events(alarm).await[events..].iter().filter(named).count(), 0);
}

#[tokio::test]
async fn who_keys_wrongly_and_corrects_it_is_told_to_all_a_few_seconds_later() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.resident_keys(alarm, '1').await;
    town.resident_keys(alarm, '2').await;
    assert!(town.wire.heard_by("103").contains("有人闯入"), "at once for who picks up");
    assert_eq!(town.texts_to("103").len(), 2, "messages keep ten seconds apart");

    town.pass(10).await;

    assert_eq!(town.texts_to("103").len(), 3);
    assert!(town.wire.read_by("103").contains("有人闯入"));
}

#[tokio::test]
async fn whoever_is_called_later_hears_what_is_the_matter_from_the_start() {
    let mut town = Town::with_chain_of_duty().await;
    let alarm = town.dials("#9").await.alarm;
    town.resident_keys(alarm, '5').await;
    town.pass(60).await;
    assert!(town.wire.heard_by("deputy").contains("水患"));
    assert_eq!(town.texts_to("deputy"), [Message::Alarm], "one message says all");
    assert!(town.wire.read_by("deputy").contains("水患"));
}

#[tokio::test]
async fn an_intruder_wants_two_even_where_one_was_enough_before() {
    let town = &mut Town::new().await;
    town.adopts_policy(json!({"name": "一户", "acknowledgements_wanted": 1, "steps": [
        {"targets": [{"post": {"code": "A"}}, "group"]}]}))
        .await;
    let alarm = town.dials("#9").await.alarm;
    town.press_and_hang_up(&["103", "duty"], '1').await;
    town.expect_silence();
    town.leap(1).await;

    town.resident_keys(alarm, '4').await;
    town.expect_silence();
    town.resident_keys(alarm, '2').await;

    assert!(town.alarm(alarm).await.plan().policy.together == 2);
    assert_eq!(town.texts_to("103").last(), Some(&Message::GoTogether), "the duty worker comes");
}

#[tokio::test]
async fn what_is_named_after_the_end_means_nothing() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.acts(alarm, Action::Close(CloseOutcome::FalseAlarm, None)).await.expect("is open");
    let before = town.events(alarm).await.len();
    town.resident_keys(alarm, '1').await;
    assert_eq!(town.events(alarm).await.len(), before);
    town.expect_silence();
}

#[tokio::test]
async fn a_named_kind_is_still_known_whatever_the_power_does() {
    for power in Power::BOTH {
        let town = &mut Town::with_also(&[RESPONDERS]).await;
        town.adopts_policy(json!({"name": "火警", "kinds": ["fire"], "steps": [
            {"targets": [{"post": {"code": "A"}}, "group", {"responders": {"kind": "patrol"}}]}]}))
            .await;
        let alarm = town.dials("#9").await.alarm;
        town.resident_keys(alarm, '1').await;
        town.power(power).await;
        town.expect_ringing(&all_and(&["patrol"]));
        for who in ["103", "patrol"] {
            assert!(town.wire.heard_by(who).contains("火情"), "{power:?} {who}");
        }
        assert_eq!(town.alarm(alarm).await.kind(), AlarmKind::Fire);
    }
}

#[tokio::test]
async fn nine_again_keeps_what_was_named() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.resident_keys(alarm, '1').await;
    town.phone("104", Does::NoAnswer).await;
    town.pass(30).await;
    town.dials("#9").await;
    let heard = town.wire.heard_by("104");
    assert!(heard.contains("仍有危险") && heard.contains("火情"), "{heard}");
}
