//! Cases: owner, steps that are late, notes, and the call or visit next day.

use super::alarms::{record, with};
use super::{Api, Client};
use jiff::SignedDuration;
use lianfang::store::tokens::Scope;
use lianfang::web::ports::{ActError, Action};
use lianfang_domain::alarm::CloseOutcome;
use lianfang_domain::id::AlarmId;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::plan::PartyId;
use serde_json::{Value, json};

const ALARM: AlarmId = AlarmId(1 << 40);

async fn ids(operator: &Client<'_>, query: &str) -> Vec<Value> {
    let page = operator.get(&format!("/cases?{query}")).await.expect(200).json();
    page["items"].as_array().expect("items").iter().map(|case| case["id"].clone()).collect()
}

#[tokio::test]
async fn a_closed_alarm_waits_for_somebody_to_ask_how_the_household_is() {
    let api = Api::new().await;
    let operator = with(&api, "王芳", Scope::Operator).await;
    record(&api, ALARM).await;
    let path = format!("/alarms/{ALARM}");
    let case = operator.get(&path).await.expect(200).json()["case"].clone();
    assert_eq!(case["owner"], 1, "who accepted first");
    assert_eq!(case["steps"][2]["step"], "closed");
    assert_eq!(case["follow_up_due_at"], "2026-11-23T00:01:30Z");
    assert_eq!((&case["is_overdue"], &case["follow_up"]), (&json!(false), &Value::Null));
    assert_eq!(ids(&operator, "").await, [json!(ALARM.to_string())]);
    assert!(ids(&operator, "overdue=true").await.is_empty(), "not before tomorrow");

    api.clock.advance(std::time::Duration::from_secs(25 * 3600));
    assert_eq!(ids(&operator, "overdue=true").await, [json!(ALARM.to_string())]);

    let visit = json!({"kind": "visit", "text": "陈阿姨已出院"});
    operator.post(&format!("{path}/follow-up"), visit).await.expect(204);
    assert!(ids(&operator, "").await.is_empty());
    let followed = operator.get(&path).await.expect(200).json()["case"]["follow_up"].clone();
    assert_eq!((&followed["kind"], &followed["author"]), (&json!("visit"), &json!("王芳")));
    assert_eq!(followed["text"], "陈阿姨已出院");
    let later = json!({"kind": "call"});
    operator.post(&format!("{path}/follow-up"), later).await.expect(204);
    let kept = operator.get(&path).await.expect(200).json()["case"]["follow_up"].clone();
    assert_eq!(kept, followed, "the first to say so stays");
}

#[tokio::test]
async fn notes_stand_beside_the_events_and_are_erased_with_the_plans() {
    let api = Api::new().await;
    let operator = with(&api, "王芳", Scope::Operator).await;
    let raised = record(&api, ALARM).await;
    let notes = format!("/alarms/{ALARM}/notes");
    let written = operator.post(&notes, json!({"text": " 钥匙在门卫处 "})).await.expect(201).json();
    assert_eq!(written, json!({"note": 1}));
    operator.post(&notes, json!({"text": "家属已到"})).await.expect(201);
    let told = api.switchboard.actions.lock().expect("no panic").clone();
    assert_eq!(told[1].1, Action::Note { note: 2 });
    let shown = operator.get(&format!("/alarms/{ALARM}")).await.expect(200).json();
    assert_eq!(shown["notes"][0]["text"], "钥匙在门卫处");
    assert_eq!(shown["notes"][1]["author"], "王芳");

    *api.switchboard.refuses.lock().expect("no panic") = Some(ActError::Closed);
    operator.post(&notes, json!({"text": "事后补记"})).await.expect(201);

    for wrong in [json!({"text": " "}), json!({"text": "x".repeat(2001)}), json!({})] {
        operator.post(&notes, wrong).await.expect(422);
    }
    operator.post(&format!("/alarms/{}/notes", AlarmId(5)), json!({"text": "x"})).await.expect(404);
    let erased = api.log.erase_cases_before(raised + SignedDuration::from_hours(1)).await;
    assert_eq!(erased.expect("erases"), 3);
    let shown = operator.get(&format!("/alarms/{ALARM}")).await.expect(200).json();
    assert_eq!(shown["notes"], json!([]));
}

#[tokio::test]
async fn a_case_is_given_to_somebody_else_and_closed_with_what_was_the_matter() {
    let api = Api::new().await;
    let operator = with(&api, "王芳", Scope::Operator).await;
    let path = format!("/alarms/{ALARM}");
    operator.post(&format!("{path}/owner"), json!({"party": 2})).await.expect(204);
    let fire = json!({"outcome": "genuine", "matter": "fire"});
    operator.post(&format!("{path}/close"), fire).await.expect(204);
    let told = api.switchboard.actions.lock().expect("no panic").clone();
    let told: Vec<Action> = told.into_iter().map(|(_, action, _)| action).collect();
    let matter = Some(AlarmKind::Fire);
    let close = Action::Close { outcome: CloseOutcome::Genuine, matter };
    assert_eq!(told, [Action::ChangeOwner { party: PartyId(2) }, close]);
    let wrong = json!({"outcome": "genuine", "matter": "ghosts"});
    operator.post(&format!("{path}/close"), wrong).await.expect(422);
}
