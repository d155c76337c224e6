//! What a line would do, and kinds of alarms from outside.

use super::Api;
use axum::http::Method;
use lianfang::store::tokens::Scope;
use lianfang_domain::alarm::{Alarm, Effect, Proof, Trigger, TriggerSource};
use lianfang_domain::dispatch::Dispatch;
use lianfang_domain::id::AlarmId;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::Channel;
use lianfang_domain::plan::{self, PlanFor, Policy};
use serde_json::{Value, json};
use std::sync::Arc;

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
    assert_eq!(drill["load"], Value::Null, "of another moment nobody knows it");
    for wrong in ["load=no", "kind=war", "at=yesterday", "drill=1", "more=1"] {
        admin.get(&format!("{path}?{wrong}")).await.expect(400);
    }
    admin.get("/lines/99/what-if").await.expect(404);
    let pbx = api.admin(&api.token("pbx", Scope::Trigger).await);
    pbx.get(&path).await.expect(403);
}

#[tokio::test]
async fn what_if_tries_a_policy_that_is_not_saved() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let town = admin.town().await;
    let path = format!("/lines/{}/what-if", town.line);
    let draft = |targets: Value| {
        json!({"community_id": town.community, "document": {"name": "火警", "kinds": ["fire"],
            "acknowledgements_wanted": 7, "steps": [{"targets": targets}]}})
    };
    let everybody = draft(json!(["all_workers"]));
    let told = admin.post(&format!("{path}?kind=fire"), everybody.clone()).await.expect(200).json();
    assert_eq!(
        (&told["is_draft"], &told["policy_id"], &told["acknowledgements_wanted"]),
        (&json!(true), &Value::Null, &json!(7))
    );
    // For another kind the built-in one holds, as it would.
    let told = admin.post(&path, everybody.clone()).await.expect(200).json();
    assert_eq!((&told["is_draft"], &told["acknowledgements_wanted"]), (&json!(false), &json!(2)));
    // Beside a stored one of the same kind it is tried in its place, or the stored one holds.
    let stored = admin.create("/policies", draft(json!([{"post": {"code": "A"}}]))).await;
    let told = admin.post(&format!("{path}?kind=fire"), everybody.clone()).await.expect(200).json();
    assert_eq!((&told["is_draft"], &told["policy_id"]), (&json!(false), &json!(stored)));
    let replaced = format!("{path}?kind=fire&policy_id={stored}");
    let told = admin.post(&replaced, everybody.clone()).await.expect(200).json();
    assert_eq!(told["is_draft"], true);
    let check = admin.post("/policies/check", everybody.clone()).await.expect(422);
    assert_eq!(check.pointers(), ["/document/kinds"], "the stored one is for them");
    admin.post(&format!("/policies/check?policy_id={stored}"), everybody).await.expect(200);
    let reply = admin.post(&path, draft(json!([]))).await.expect(422);
    assert_eq!(reply.pointers(), ["/document/steps/0/targets"]);
    let mut elsewhere = draft(json!(["group"]));
    elsewhere["community_id"] = json!(99);
    assert_eq!(admin.post(&path, elsewhere).await.expect(422).pointers(), ["/community_id"]);
    let now = admin.get(&format!("{path}?kind=fire")).await.expect(200).json();
    assert_eq!((&now["policy_id"], &now["is_draft"]), (&json!(stored), &json!(false)));
    assert!(api.switchboard.triggers.lock().expect("no panic").is_empty(), "calls nobody");
}

#[tokio::test]
async fn what_if_tells_the_cost_and_says_what_it_does_not_know() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let town = admin.town().await;
    let call = admin.call(Method::GET, &format!("/lines/{}/what-if", town.line));
    let told = call.header("accept-language", "en").send().await.expect(200).json();
    let call = &told["legs"][0];
    let units = call["cost"]["units"].as_u64().expect("blocks");
    let answered_ms = call["cost"]["answered_ms"].as_u64().expect("a length");
    assert!((5_000..25_000).contains(&answered_ms), "a message and a key: {answered_ms} ms");
    assert_eq!(units, answered_ms.div_ceil(6_000), "blocks of 6 s");
    assert_eq!(
        (&call["cost"]["currency"], &call["cost"]["minor"]),
        (&json!("CNY"), &json!(2 * units))
    );
    assert_eq!(told["legs"][1]["cost"], Value::Null, "the messages have no tariff");
    let cost = &told["cost"];
    assert_eq!(cost["first_wave"], json!([{"currency": "CNY", "minor": 2 * units}]));
    let calls = told["legs"].as_array().expect("a list");
    let (known, unknown): (Vec<&Value>, Vec<&Value>) =
        calls.iter().partition(|leg| leg["channel"] == "voice");
    let sum: u64 = known.iter().filter_map(|leg| leg["cost"]["minor"].as_u64()).sum();
    assert_eq!(cost["all"], json!([{"currency": "CNY", "minor": sum}]));
    assert_eq!(
        (&cost["unknown_legs"], &cost["unknown_routes"]),
        (&json!(unknown.len()), &json!(["sms"]))
    );
    assert!(cost["assumes"].as_str().is_some_and(|text| text.contains("3 s")));
}

#[tokio::test]
async fn what_if_counts_in_what_other_alarms_have_on_the_routes() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let town = admin.town().await;
    let path = format!("/lines/{}/what-if", town.line);
    let free = admin.get(&path).await.expect(200).json();
    assert_eq!((&free["load"], &free["legs"][0]["at_ms"]), (&Value::Null, &json!(0)));
    // Ten messages have left within this second: the eleventh waits for the next one.
    let mut load = Dispatch::new(super::routes(), 100).expect("few");
    let now = api.clock.now();
    let directory = api.directory.current();
    let line = directory.line_by_account("1001").expect("a line");
    let plan = plan::build(&directory, line, &PlanFor::unknown(&Policy::default(), now));
    let plan = Arc::new(plan.expect("a plan"));
    let trigger = Trigger {
        line: line.line,
        household: line.household,
        group: plan.scene.group,
        code: "#9".into(),
        source: TriggerSource::Http,
        proof: Proof::Token,
        idempotency_key: "k".into(),
    };
    for other in 0..10 {
        let (alarm, events, _) =
            Alarm::raise(AlarmId(other), trigger.clone(), Arc::clone(&plan), None, now);
        for effect in events.iter().flat_map(|event| alarm.effects(event)) {
            if let Effect::Order(order) = effect
                && order.channel == Channel::Sms
                && order.leg.number == 2
            {
                load.push(order, now);
            }
        }
    }
    let left = std::iter::from_fn(|| load.poll(now)).count();
    assert_eq!(left, 10);
    *api.switchboard.on_routes.lock().expect("no panic") = Some(load);
    let told = admin.get(&path).await.expect(200).json();
    let sms =
        told["load"]["routes"].as_array().expect("routes").iter().find(|one| one["route"] == "sms");
    let sms = sms.expect("is there");
    assert_eq!(
        (&sms["left_lately"], &sms["under_way"], &sms["per_second"]),
        (&json!(10), &json!(10), &json!(10))
    );
    assert_eq!(told["load"]["legs_under_way"], 10);
    let message = told["legs"].as_array().expect("legs").iter().find(|leg| leg["channel"] == "sms");
    let message = message.expect("a message");
    assert_eq!((&message["at_ms"], &message["idle_at_ms"]), (&json!(1000), &json!(0)));
    assert_eq!(
        (&told["last_leg_of_first_wave_ms"], &told["last_leg_of_first_wave_idle_ms"]),
        (&json!(1000), &json!(0))
    );
    let without = admin.get(&format!("{path}?load=false")).await.expect(200).json();
    assert_eq!(
        (&without["load"], &without["last_leg_of_first_wave_ms"]),
        (&Value::Null, &json!(0))
    );
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
