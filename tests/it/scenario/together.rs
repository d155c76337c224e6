//! Never alone: where somebody has broken in, two are there before either goes in.

use super::{ALL, all_but};
use crate::town::{Does, Power, Town};
use lianfang_domain::id::AlarmId;
use lianfang_domain::leg::Message;

/// Somebody has broken in behind 101.
async fn intruder() -> (Town, AlarmId) {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.resident_keys(alarm, '2').await;
    (town, alarm)
}

#[tokio::test]
async fn everybody_hears_not_to_go_in_alone() {
    let (town, _) = intruder().await;
    for who in ALL {
        let heard = town.wire.heard_by(who);
        assert!(heard.contains("有人闯入") && heard.contains("切勿单独进入"), "{who}: {heard}");
        assert!(town.wire.read_by(who).contains("勿单独进入"), "{who}");
    }
}

#[tokio::test]
async fn the_first_waits_and_each_of_the_two_is_told_the_others_name() {
    let (town, alarm) = intruder().await;
    town.press_and_hang_up(&["103"], '1').await;
    assert!(town.alarm(alarm).await.waits_for_others());
    assert_eq!(town.texts_to("103"), [Message::Alarm, Message::KindNamed], "nobody says go in");

    town.press_and_hang_up(&["107"], '1').await;

    assert_eq!(town.texts_to("103").last(), Some(&Message::GoTogether));
    assert!(town.wire.read_by("103").contains("107家"), "{}", town.wire.read_by("103"));
    assert!(town.wire.read_by("107").contains("103家"), "{}", town.wire.read_by("107"));
    assert!(!town.alarm(alarm).await.waits_for_others());
}

#[tokio::test]
async fn the_duty_worker_is_a_second_person_too() {
    let (town, alarm) = intruder().await;
    town.press_and_hang_up(&["103", "duty"], '1').await;
    assert!(town.wire.read_by("103").contains("李强"));
    assert!(!town.alarm(alarm).await.waits_for_others());
    town.expect_ringing(&all_but(&["103", "duty"]));
}

#[tokio::test]
async fn who_has_no_mobile_hears_the_others_name_by_a_call() {
    let mut town = Town::where_also(
        r#"UPDATE contact SET numbers = replace(numbers, '"sms":true', '"sms":false')
            WHERE household_id = 102"#,
    )
    .await;
    let alarm = town.dials("#9").await.alarm;
    town.resident_keys(alarm, '2').await;
    town.press_and_hang_up(&["103", "107"], '1').await;
    assert_eq!(town.calls_to("103"), [Message::Alarm, Message::GoTogether]);
    assert!(town.wire.heard_by("103").contains("107家"));
}

#[tokio::test]
async fn when_one_of_the_two_turns_back_the_other_waits_again_and_all_are_called() {
    let (town, alarm) = intruder().await;
    town.press_and_hang_up(&["103", "107", "duty"], '1').await;
    town.expect_silence();

    town.replies("107", '2').await;
    town.replies("duty", '2').await;

    assert!(town.alarm(alarm).await.waits_for_others());
    assert!(town.wire.ringing().contains(&"104".to_owned()));
    town.press_and_hang_up(&["104"], '1').await;
    assert!(town.wire.read_by("103").contains("104家"), "{}", town.wire.read_by("103"));
}

#[tokio::test]
async fn a_phone_that_rings_when_the_first_comes_names_them() {
    let (town, _) = intruder().await;
    town.phone("103", Does::Press('1')).await;
    town.phone("109", Does::Press('1')).await;
    assert!(town.wire.read_by("109").contains("103家"));
    assert_eq!(town.texts_to("110").last(), Some(&Message::StandDown), "two households are enough");
}

#[tokio::test]
async fn the_second_makes_up_the_number_whatever_the_power_does() {
    for power in Power::BOTH {
        let (mut town, alarm) = intruder().await;
        town.press_and_hang_up(&["103"], '1').await;
        town.power(power).await;
        assert!(town.alarm(alarm).await.waits_for_others(), "{power:?}");
        town.press_and_hang_up(&["107"], '1').await;
        assert!(town.wire.read_by("103").contains("107家"), "{power:?}");
    }
}

#[tokio::test]
async fn one_alone_at_the_door_of_an_intruder_lets_the_others_ring_on() {
    let (town, _) = intruder().await;
    town.press_and_hang_up(&["103"], '1').await;
    town.replies("103", '3').await;
    town.expect_ringing(&all_but(&["103"]));
}
