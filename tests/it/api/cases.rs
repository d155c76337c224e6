//! Cases: owner, steps that are late, notes, and the call or visit next day.

use super::alarms::{record, with};
use super::{Api, Client};
use axum::http::Method;
use jiff::SignedDuration;
use lianfang::store::accounts::Role;
use lianfang::store::alarm_log::NewEvents;
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang::web::ports::{ActError, Action};
use lianfang_domain::alarm::{CloseOutcome, Event};
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
async fn who_wrote_and_did_it_is_named_and_no_code_stands_for_them() {
    let api = Api::new().await;
    let raised = record(&api, ALARM).await;
    let person = api.person("王主任", Role::Operator, Reach::Everything).await;
    let path = format!("/alarms/{ALARM}");
    person.post(&format!("{path}/notes"), json!({"text": "钥匙在门卫处"})).await.expect(201);
    person.post(&format!("{path}/follow-up"), json!({"kind": "call"})).await.expect(204);
    let seen = person.get(&path).await.expect(200).json();
    let author = seen["notes"][0]["author"].as_str().expect("a code").to_owned();
    assert!(author.starts_with("account:"), "{author}");
    let actor = |code: &str| Event::NoteAdded { note: 1, actor: code.into() };
    let batch = NewEvents {
        alarm: ALARM,
        first_sequence: 10,
        at: raised,
        events: vec![actor(&author), actor("account:99"), actor("值班台")],
        plan: None,
        opened: None,
        closed: None,
        beginning: None,
    };
    api.log.append(vec![batch]).expect("queued").await.expect("kept");
    let english = person.call(Method::GET, &path).header("accept-language", "en").send().await;
    let seen = english.expect(200).json();
    assert_eq!(seen["notes"][0]["author_name"], "王主任");
    assert_eq!(seen["case"]["follow_up"]["author_name"], "王主任");
    let told: Vec<_> = (10..13).map(|index| seen["timeline"][index]["text"].clone()).collect();
    assert_eq!(told, ["Note 1 by 王主任", "Note 1 by account 99", "Note 1 by 值班台"]);
    let auditor = with(&api, "监察", Scope::Auditor).await;
    let page = auditor.get(&format!("{path}/dossier.html?lang=zh")).await.expect(200).text;
    assert!(page.contains("王主任 记录第 1 条备注"), "{page}");
    assert!(page.contains("<td>王主任 <code>account:"), "who saw it is named: {page}");
    assert!(page.contains("经过 <code>append alarm_event"), "{page}");
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
