//! What a line would do, and kinds of alarms from outside.

use super::Api;
use lianfang::store::tokens::Scope;
use lianfang_domain::id::AlarmId;
use lianfang_domain::kind::AlarmKind;
use serde_json::{Value, json};

#[tokio::test]
async fn what_if_tells_every_leg_and_who_is_left_out() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let town = admin.town().await;
    let off = json!({"community_id": town.community, "name": "王芳", "numbers": [{"number": "13900003333"}]});
    admin.create("/workers", off).await;
    let path = format!("/lines/{}/what-if", town.line);
    let told = admin.get(&format!("{path}?kind=intruder")).await.expect(200).json();
    assert_eq!(
        (&told["kind"], &told["together"], &told["policy_id"]),
        (&json!("intruder"), &json!(2), &Value::Null)
    );
    let legs = told["legs"].as_array().expect("a list");
    let first: Vec<(&Value, &Value, &Value)> = legs
        .iter()
        .filter(|leg| leg["at_ms"] == 0)
        .map(|leg| (&leg["name"], &leg["channel"], &leg["route"]))
        .collect();
    let (worker, home) = (json!("李强"), json!("502 陈阿姨"));
    let (voice, sms, trunk) = (json!("voice"), json!("sms"), json!("trunk"));
    assert_eq!(first, [(&worker, &voice, &trunk), (&worker, &sms, &sms), (&home, &sms, &sms)]);
    assert!(legs.iter().all(|leg| !leg["words"].as_str().expect("a text").is_empty()));
    assert!(legs.iter().any(|leg| leg["at_ms"].as_i64() > Some(0) && leg["channel"] == "voice"));
    assert!(!told.to_string().contains("13900002222"), "numbers are masked");
    assert_eq!(told["last_leg_of_first_wave_ms"], 0);
    let left = &told["left_out"][0];
    assert_eq!((&left["name"], &left["reason"]), (&json!("王芳"), &json!("off_duty")));
    assert_eq!(left["words"], "此时不在岗");
    assert!(api.switchboard.triggers.lock().expect("no panic").is_empty(), "calls nobody");

    let drill =
        admin.get(&format!("{path}?drill=true&at=2026-12-01T00:00:00Z")).await.expect(200).json();
    assert_eq!((&drill["is_drill"], &drill["at"]), (&json!(true), &json!("2026-12-01T00:00:00Z")));
    for wrong in ["kind=war", "at=yesterday", "drill=1", "more=1"] {
        admin.get(&format!("{path}?{wrong}")).await.expect(400);
    }
    admin.get("/lines/99/what-if").await.expect(404);
    let pbx = api.admin(&api.token("pbx", Scope::Trigger).await);
    pbx.get(&path).await.expect(403);
}

#[tokio::test]
async fn kinds_come_from_operators_and_devices() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    admin.town().await;
    let trigger = json!({"account": "1001", "code": "#9", "kind": "fire"});
    let call = admin.call(axum::http::Method::POST, "/triggers").header("idempotency-key", "k");
    call.json(&trigger).send().await.expect(201);
    assert_eq!(*api.switchboard.kinds.lock().expect("no panic"), [AlarmKind::Fire]);
    let path = format!("/alarms/{}/kind", AlarmId(7));
    admin.post(&path, json!({"kind": "flood"})).await.expect(204);
    let actions = api.switchboard.actions.lock().expect("no panic").clone();
    let wanted = lianfang::web::ports::Action::NameKind { kind: AlarmKind::Flood };
    assert_eq!((actions[0].0, actions[0].1), (AlarmId(7), wanted));
    admin.post(&path, json!({"kind": "war"})).await.expect(422);
}
