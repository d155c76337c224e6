//! What a community writes about who is called: by kind, by door, in versions, and never what could end in silence.

use super::{ALL, all_and, all_but};
use crate::town::{Does, RESPONDERS, ROSTER, SMS_1, Setup, TRUNK_1, Town, routes};
use lianfang::switchboard::Action;
use lianfang_domain::alarm::CloseOutcome;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::Message;
use lianfang_domain::policy::check::{Warning, Why};
use serde_json::json;

#[tokio::test]
async fn a_policy_for_illness_calls_the_first_aiders_and_no_locksmith() {
    let town = &mut Town::with_also(&[RESPONDERS]).await;
    town.adopts_policy(json!({"name": "急病", "kinds": ["illness"], "steps": [
        {"targets": [{"post": {"code": "A"}}, "group",
            {"responders": {"kind": "volunteer", "skill": "first_aid"}}]}]}))
        .await;
    let alarm = town.dials("#9").await.alarm;
    town.expect_ringing(&ALL);

    town.resident_keys(alarm, '3').await;

    town.expect_ringing(&all_and(&["first aider"]));
    assert!(town.wire.heard_by("first aider").contains("急病受伤"));
}

#[tokio::test]
async fn a_policy_for_fire_calls_the_hotline_at_once_and_one_for_all_other_kinds_does_not() {
    let town = &mut Town::with_also(&[RESPONDERS]).await;
    town.adopts_policy(
        json!({"name": "一般", "steps": [{"targets": [{"post": {"code": "A"}}, "group"]}]}),
    )
    .await;
    town.adopts_policy(json!({"name": "火警", "kinds": ["fire"], "steps": [
        {"targets": [{"post": {"code": "A"}}, "group", {"responders": {"kind": "hotline"}}]}]}))
        .await;
    let alarm = town.dials("#9").await.alarm;
    town.resident_keys(alarm, '5').await;
    town.expect_ringing(&ALL);
    town.resident_keys(alarm, '1').await;
    town.expect_ringing(&all_and(&["hotline"]));
}

#[tokio::test]
async fn the_policy_of_a_group_goes_before_that_of_its_grid_and_that_before_the_communitys() {
    let town = &mut Town::with_also(&[RESPONDERS]).await;
    let calls = |name: &str, scope: serde_json::Value, kind: &str| {
        json!({"name": name, "scope": scope, "steps": [{"targets": [{"post": {"code": "A"}},
            {"responders": {"kind": kind}}]}]})
    };
    let scopes = [
        ("社区", json!("community"), "street"),
        ("网格", json!({"grid": 1}), "patrol"),
        ("联防组", json!({"group": 1}), "hotline"),
    ];
    for (name, scope, kind) in scopes {
        town.adopts_policy(calls(name, scope, kind)).await;
        let alarm = town.dials("#9").await.alarm;
        town.expect_ringing(&["duty", kind]);
        town.acts(alarm, Action::Close(CloseOutcome::Test, None)).await.expect("is open");
    }
}

#[tokio::test]
async fn a_group_that_wants_three_gets_three() {
    let mut town = Town::where_also("UPDATE household_group SET acknowledgements_wanted = 3").await;
    town.dials("#9").await;
    town.press_and_hang_up(&["103", "107"], '1').await;
    town.expect_ringing(&all_but(&["103", "107"]));
    town.press_and_hang_up(&["109"], '1').await;
    town.expect_ringing(&["duty"]);
}

#[tokio::test]
async fn a_policy_that_wants_one_is_content_with_one() {
    let town = &mut Town::new().await;
    town.adopts_policy(json!({"name": "一户", "acknowledgements_wanted": 1, "steps": [
        {"targets": [{"post": {"code": "A"}}, "group"]}]}))
        .await;
    town.dials("#9").await;
    town.press_and_hang_up(&["103"], '1').await;
    town.expect_ringing(&["duty"]);
    assert_eq!(town.texts_to("110"), [Message::Alarm, Message::StandDown]);
}

#[tokio::test]
async fn a_policy_says_how_soon_everybody_is_called_again() {
    let town = &mut Town::new().await;
    town.adopts_policy(json!({"name": "快", "pace": {"wave_s": 60}, "steps": [
        {"targets": [{"post": {"code": "A"}}, "group"]}]}))
        .await;
    town.dials("#9").await;
    town.phone("104", Does::Answer).await;
    town.phone("104", Does::HangUp).await;
    town.pass(55).await;
    town.expect_ringing(&all_but(&["104"]));
    town.pass(5).await;
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn a_policy_that_is_written_during_an_alarm_holds_from_the_next_press() {
    let town = &mut Town::with_also(&[RESPONDERS]).await;
    let first = town.dials("#9").await.alarm;
    town.adopts_policy(json!({"name": "新", "steps": [
        {"targets": [{"post": {"code": "A"}}, "group", {"responders": {"kind": "patrol"}}]}]}))
        .await;
    town.pass(30).await;
    town.expect_ringing(&ALL);

    town.dials("#9").await;

    town.expect_ringing(&all_and(&["patrol"]));
    assert_eq!(town.alarm(first).await.plan().revision, 2);
}

#[tokio::test]
async fn every_plan_names_the_version_of_the_policy_that_it_was_made_by() {
    let town = &mut Town::new().await;
    let document = |wait: u16| {
        json!({"name": "版本", "pace": {"wave_s": wait}, "steps": [
            {"targets": [{"post": {"code": "A"}}, "group"]}]})
    };
    town.adopts_policy(document(60)).await;
    town.adopts_policy(document(90)).await;
    let alarm = town.dials("#9").await.alarm;
    let alarm = town.alarm(alarm).await;
    assert_eq!(alarm.plan().made_by.expect("a stored one").version, 2);
    assert_eq!(alarm.plan().policy.wave_s, 90);
}

#[tokio::test]
async fn a_policy_under_which_nobody_would_ring_at_once_is_refused_with_the_door() {
    let town = Town::with_also(&[ROSTER]).await;
    let silent = json!({"name": "无声", "steps": [
        {"targets": [{"responders": {"kind": "patrol"}}]},
        {"targets": ["group"], "wait_s": 60}]});
    let problems = town.tries_policy(silent).expect_err("there is no patrol");
    let is_meant = |why: &Why| matches!(why, Why::NobodyAtOnce { .. });
    assert!(problems.iter().any(|problem| is_meant(&problem.why)), "{problems:?}");
}

#[tokio::test]
async fn a_policy_with_a_step_that_reaches_nobody_ever_is_refused() {
    let town = Town::new().await;
    let dead = json!({"name": "空", "steps": [
        {"targets": [{"post": {"code": "A"}}, "group"]},
        {"targets": [{"responders": {"kind": "hotline"}}], "wait_s": 60}]});
    let problems = town.tries_policy(dead).expect_err("the community has no hotline");
    let problem = problems.iter().find(|problem| problem.why == Why::DeadStep);
    assert!(problem.is_some_and(|problem| problem.pointer.starts_with("/steps/1")), "{problems:?}");
}

#[tokio::test]
async fn a_policy_whose_last_call_leaves_late_is_accepted_with_the_figure() {
    let mut slow = routes(100);
    slow.retain(|route| [TRUNK_1, SMS_1].contains(&&*route.name));
    slow.iter_mut().for_each(|route| route.per_second = 2);
    let town = Town::with(Setup { routes: slow, ..Setup::default() }).await;
    let usual = json!({"name": "慢", "steps": [{"targets": [{"post": {"code": "A"}}, "group"]}]});
    let report = town.tries_policy(usual).expect("nobody is forgotten");
    let late = report.warnings.iter().find_map(|warning| {
        let Warning::LeavesLate { after_ms } = warning else { return None };
        Some(*after_ms)
    });
    assert!(late.is_some_and(|ms| 4_000 <= ms), "ten calls at two a second: {report:?}");
}

#[tokio::test]
async fn a_kind_that_no_policy_names_is_answered_as_practice_has_it() {
    let town = &mut Town::with_chain_of_duty().await;
    town.adopts_policy(json!({"name": "火警", "kinds": ["fire"], "steps": [
        {"targets": [{"post": {"code": "A"}}]}]}))
        .await;
    let alarm = town.dials("#9").await.alarm;
    let alarm = town.alarm(alarm).await;
    assert_eq!((alarm.kind(), alarm.plan().made_by), (AlarmKind::Unknown, None));
    town.expect_ringing(&ALL);
    town.pass(60).await;
    town.expect_ringing(&all_and(&["deputy"]));
}
