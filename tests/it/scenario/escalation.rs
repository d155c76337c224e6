//! Who is called when those of the first wave do not come: step by step, as far as the hotline.

use super::{ALL, all_and};
use crate::town::{Does, HELPER, LOUDSPEAKER, Power, RESPONDERS, Town};
use lianfang_domain::alarm::Event;
use lianfang_domain::leg::Message;
use lianfang_domain::plan::{LeftOutWhy, Role};
use serde_json::json;

#[tokio::test]
async fn when_nobody_answers_the_whole_chain_of_duty_is_called_in_its_order() {
    let mut town = Town::with_chain_of_duty().await;
    town.dials("#9").await;
    let mut ringing = ALL.to_vec();
    town.expect_ringing(&ringing);

    let chain: [(u64, &[&str]); 5] = [
        (60, &["deputy"]),
        (60, &["leader", "grid worker", "building head"]),
        (60, &["patrol", "first aider", "locksmith"]),
        (120, &["street"]),
        (120, &["hotline"]),
    ];
    for (wait_s, step) in chain {
        town.pass(wait_s - 5).await;
        town.expect_ringing(&ringing);
        town.pass(5).await;
        ringing.extend(step);
        town.expect_ringing(&ringing);
    }
    assert!(town.calls_to("other head").is_empty(), "the head of another building sleeps on");
}

#[tokio::test]
async fn a_duty_worker_who_takes_the_case_lets_post_b_and_the_leader_sleep() {
    let mut town = Town::with_chain_of_duty().await;
    town.dials("#9").await;
    town.press_and_hang_up(&["duty"], '1').await;

    town.pass(200).await;

    for who in ["deputy", "leader", "grid worker"] {
        assert!(town.calls_to(who).is_empty(), "{who}");
    }
    town.expect_no_silence();
    assert!(town.wire.ringing().contains(&"patrol".to_owned()), "households are still wanted");
}

#[tokio::test]
async fn post_b_takes_the_case_and_post_a_rings_no_more() {
    let mut town = Town::with_chain_of_duty().await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("duty", Does::NoAnswer).await;
    town.pass(60).await;

    town.press_and_hang_up(&["deputy"], '1').await;
    town.pass(200).await;

    assert_eq!(town.calls_to("duty").len(), 1);
    assert!(town.calls_to("leader").is_empty());
    let alarm = town.alarm(alarm).await;
    let owner = alarm.owner().and_then(|party| alarm.plan().party(party));
    assert_eq!(&*owner.expect("has an owner").name, "王芳");
}

#[tokio::test]
async fn one_neighbour_who_comes_keeps_street_and_hotline_out_of_it() {
    let mut town = Town::with_chain_of_duty().await;
    town.dials("#9").await;
    town.press_and_hang_up(&["103"], '1').await;

    town.pass(500).await;

    assert!(town.calls_to("street").is_empty() && town.calls_to("hotline").is_empty());
    for who in ["building head", "patrol", "first aider", "deputy"] {
        assert!(!town.calls_to(who).is_empty(), "{who}: one is not enough");
    }
}

#[tokio::test]
async fn when_enough_are_coming_nobody_else_is_woken() {
    let mut town = Town::with_chain_of_duty().await;
    town.dials("#9").await;
    town.press_and_hang_up(&["103", "107", "duty"], '1').await;
    town.pass(500).await;
    town.expect_silence();
    assert_eq!(town.wire.calls().len(), ALL.len());
}

#[tokio::test]
async fn a_step_that_nobody_needed_is_taken_at_once_when_somebody_gives_up() {
    let mut town = Town::with_chain_of_duty().await;
    town.dials("#9").await;
    town.press_and_hang_up(&["103", "107", "duty"], '1').await;
    town.pass(200).await;
    town.expect_silence();

    town.replies("107", '2').await;

    for who in ["building head", "patrol", "first aider", "locksmith", "102"] {
        assert!(town.wire.ringing().contains(&who.to_owned()), "{who}");
    }
    assert!(town.calls_to("street").is_empty(), "103 is coming");
}

#[tokio::test]
async fn when_every_number_is_wrong_the_next_step_does_not_wait() {
    let mut town = Town::with_chain_of_duty().await;
    town.dials("#9").await;

    town.everybody(Does::BadNumber).await;
    town.expect_ringing(&["deputy"]);
    town.phone("deputy", Does::BadNumber).await;

    town.expect_ringing(&["leader", "grid worker"]);
}

#[tokio::test]
async fn a_building_head_and_a_neighbour_together_are_enough() {
    let mut town = Town::with_chain_of_duty().await;
    let alarm = town.dials("#9").await.alarm;
    town.pass(120).await;

    town.press_and_hang_up(&["building head", "104"], '1').await;

    assert!(town.alarm(alarm).await.has_enough());
    town.expect_ringing(&["duty", "deputy", "leader", "grid worker"]);
}

#[tokio::test]
async fn the_personal_helper_is_called_with_the_group_where_nobody_says_otherwise() {
    let mut town = Town::with_also(&[HELPER]).await;
    town.dials("#9").await;
    town.expect_ringing(&all_and(&["helper"]));
    assert!(town.wire.heard_by("helper").contains("幺零幺"));
}

#[tokio::test]
async fn personal_helpers_ring_twenty_seconds_before_the_group_where_the_policy_says_so() {
    let town = &mut Town::with_also(&[HELPER]).await;
    town.adopts_policy(json!({"name": "老人", "helpers_first_s": 20, "steps": [
        {"targets": [{"post": {"code": "A"}}, "helpers", "group"]}]}))
        .await;

    town.dials("#9").await;
    town.expect_ringing(&["duty", "helper"]);
    town.pass(15).await;
    town.expect_ringing(&["duty", "helper"]);
    town.pass(5).await;

    town.expect_ringing(&all_and(&["helper"]));
}

#[tokio::test]
async fn a_helper_who_comes_does_not_keep_the_group_from_being_called() {
    let town = &mut Town::with_also(&[HELPER]).await;
    town.adopts_policy(json!({"name": "老人", "helpers_first_s": 20, "steps": [
        {"targets": [{"post": {"code": "A"}}, "helpers", "group"]}]}))
        .await;
    let alarm = town.dials("#9").await.alarm;
    town.press_and_hang_up(&["helper"], '1').await;
    town.pass(20).await;
    town.expect_ringing(&ALL);

    town.press_and_hang_up(&["105"], '1').await;

    town.expect_ringing(&["duty"]);
    assert_eq!(town.alarm(alarm).await.households_coming(), 2, "the helper is one of the two");
}

#[tokio::test]
async fn a_household_whose_helper_has_no_telephone_waits_for_nobody() {
    let town = &mut Town::with_also(&[HELPER, "UPDATE responder SET numbers = '[]'"]).await;
    town.adopts_policy(json!({"name": "老人", "helpers_first_s": 20, "steps": [
        {"targets": [{"post": {"code": "A"}}, "helpers", "group"]}]}))
        .await;
    town.dials("#9").await;
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn a_helper_is_there_for_their_own_household_alone() {
    let mut town = Town::with_also(&[
        HELPER,
        "UPDATE responder SET household_id = 104",
        "UPDATE household SET building = '9' WHERE id = 104",
    ])
    .await;
    town.dials("#9").await;
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn a_loudspeaker_says_it_once_and_is_nobody() {
    let town = &mut Town::with_also(&[LOUDSPEAKER]).await;
    town.adopts_policy(
        json!({"name": "喇叭", "steps": [{"targets": [{"post": {"code": "A"}}, "group",
        {"responders": {"kind": "loudspeaker", "within": "community"}}]}]}),
    )
    .await;
    let alarm = town.dials("#9").await.alarm;
    town.expect_ringing(&all_and(&["loudspeaker"]));

    town.phone("loudspeaker", Does::Press('1')).await;
    town.phone("loudspeaker", Does::HangUp).await;
    town.everybody(Does::NoAnswer).await;
    town.pass(300).await;

    assert_eq!(town.calls_to("loudspeaker").len(), 1, "its words are not said again and again");
    assert!(!town.alarm(alarm).await.has_anybody());
    assert!(1 < town.calls_to("103").len());
}

#[tokio::test]
async fn the_next_step_is_taken_at_its_time_whatever_the_power_does() {
    for power in Power::BOTH {
        let mut town = Town::with_chain_of_duty().await;
        town.dials("#9").await;
        town.pass(90).await;
        town.power(power).await;
        town.expect_ringing(&all_and(&["deputy"]));
        town.pass(25).await;
        assert!(town.calls_to("leader").is_empty(), "{power:?}");
        town.pass(5).await;
        town.expect_ringing(&all_and(&["deputy", "leader", "grid worker", "building head"]));
    }
}

#[tokio::test]
async fn a_step_that_fell_into_the_time_without_power_is_taken_at_the_start() {
    let mut town = Town::with_chain_of_duty().await;
    town.dials("#9").await;
    town.crashes().await;
    town.clock.advance(std::time::Duration::from_secs(130));
    town.starts().await;
    town.expect_ringing(&all_and(&["deputy", "leader", "grid worker", "building head"]));
}

#[tokio::test]
async fn with_a_dead_database_the_steps_are_taken_and_remembered() {
    let mut town = Town::with_chain_of_duty().await;
    let alarm = town.dials("#9").await.alarm;
    town.of_alarms("ALTER TABLE alarm_event RENAME TO gone").await;

    town.pass(60).await;
    town.expect_ringing(&all_and(&["deputy"]));
    town.phone("deputy", Does::Press('1')).await;

    town.of_alarms("ALTER TABLE gone RENAME TO alarm_event").await;
    town.pass(5).await;
    town.until_written_back().await;
    assert!(town.events(alarm).await.contains(&Event::Escalated { step: 1 }));
    town.restarts().await;
    assert!(town.alarm(alarm).await.has_anybody(), "the case is taken also after a restart");
}

#[tokio::test]
async fn the_plan_says_who_is_called_in_which_step_and_why_somebody_is_not() {
    let town = &mut Town::with_also(&[RESPONDERS]).await;
    town.adopts_policy(json!({"name": "只叫组", "steps": [
        {"targets": [{"post": {"code": "A"}}, "group"]},
        {"targets": [{"responders": {"kind": "patrol"}}], "wait_s": 45, "when": "nobody_arrived"}]}))
        .await;
    let alarm = town.dials("#9").await.alarm;

    let alarm = town.alarm(alarm).await;
    let step_of = |name: &str| {
        alarm.plan().parties.iter().find(|party| *party.name == *name).map(|party| party.step)
    };
    assert_eq!((step_of("李强"), step_of("巡逻队"), step_of("热线")), (Some(0), Some(1), None));
    let whys: Vec<LeftOutWhy> = alarm.plan().left_out.iter().map(|left| left.why).collect();
    assert!(whys.contains(&LeftOutWhy::OffDuty), "王芳: {whys:?}");
    assert!(whys.contains(&LeftOutWhy::NotInPolicy), "the hotline: {whys:?}");
    let own = |party: &&lianfang_domain::plan::Party| party.role == Role::OwnHousehold;
    assert_eq!(alarm.plan().parties.iter().filter(own).count(), 1);
}

#[tokio::test]
async fn who_is_called_since_nobody_arrived_rings_though_enough_said_that_they_come() {
    let town = &mut Town::with_also(&[RESPONDERS]).await;
    town.adopts_policy(json!({"name": "到场", "steps": [
        {"targets": [{"post": {"code": "A"}}, "group"]},
        {"targets": [{"responders": {"kind": "patrol"}}], "wait_s": 300, "when": "nobody_arrived"}]}))
        .await;
    town.dials("#9").await;
    town.press_and_hang_up(&["103", "107", "duty"], '1').await;
    town.pass(295).await;
    town.expect_silence();
    town.pass(5).await;
    town.expect_ringing(&["patrol"]);
}

#[tokio::test]
async fn who_arrives_before_keeps_that_step_from_being_taken() {
    let town = &mut Town::with_also(&[RESPONDERS]).await;
    town.adopts_policy(json!({"name": "到场", "steps": [
        {"targets": [{"post": {"code": "A"}}, "group"]},
        {"targets": [{"responders": {"kind": "patrol"}}], "wait_s": 300, "when": "nobody_arrived"}]}))
        .await;
    town.dials("#9").await;
    town.press_and_hang_up(&["103", "107", "duty"], '1').await;
    town.replies("103", '3').await;
    town.pass(400).await;
    assert!(town.calls_to("patrol").is_empty());
}

#[tokio::test]
async fn a_late_one_after_enough_of_the_chain_is_still_welcome() {
    let mut town = Town::with_chain_of_duty().await;
    let alarm = town.dials("#9").await.alarm;
    town.pass(180).await;
    town.press_and_hang_up(&["103", "107", "duty"], '1').await;
    town.expect_ringing(&["deputy", "leader", "grid worker"]);
    assert_eq!(town.texts_to("patrol"), [Message::Alarm, Message::StandDown]);

    town.replies("patrol", '1').await;

    assert_eq!(town.alarm(alarm).await.households_coming(), 3);
}
