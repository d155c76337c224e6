//! Drills over the API: planned or refused with the reason, watched, stopped, reported.

use super::{Api, Client};
use axum::http::Method;
use lianfang::store::drills::notices::{self, NoticeRow, NoticeState, Whose};
use lianfang::store::tokens::Scope;
use lianfang_domain::id::{ContactId, DrillId, HouseholdId};
use lianfang_domain::leg::{Channel, LegOutcome};
use serde_json::{Value, json};

/// It is Sunday, eight in the morning.
fn at_ten(community: u64) -> Value {
    json!({"community_id": community, "per_group": 2, "starts_at": "2026-11-22T10:00:00+08:00",
        "ends_at": "2026-11-22T11:00:00+08:00", "hours": [{"from": "09:30", "until": "11:00"}]})
}

async fn refused(admin: &Client<'_>, draft: Value) -> Vec<String> {
    admin.post("/drills", draft).await.expect(422).pointers()
}

#[tokio::test]
async fn a_drill_is_planned_listed_stopped_and_reported() {
    let api = Api::new().await;
    let secret = api.token("root", Scope::Admin).await;
    let admin = api.admin(&secret);
    let town = admin.town().await;
    let made = admin.post("/drills", at_ten(town.community)).await.expect(201);
    let drill = made.json();
    let path = format!("/drills/{}", drill["id"]);
    assert_eq!(made.header("location"), format!("/api/v1{path}"));
    assert_eq!((&drill["state"], &drill["waiting"]), (&json!("planned"), &json!(1)));
    assert_eq!(drill["homes"][0]["household_id"], json!(town.household));
    assert_eq!((&drill["created_by"], &drill["created_by_name"]), (&json!("root"), &Value::Null));
    assert_eq!(
        (&drill["community"], &drill["time_zone"]),
        (&json!("文园社区"), &json!("Asia/Shanghai"))
    );
    assert_eq!(drill["plan"]["per_minute"], 2, "what was not said is shown");
    assert_eq!(
        (&drill["homes"][0]["household"], &drill["homes"][0]["place"]),
        (&json!("陈阿姨"), &json!("3-502"))
    );
    let auditor = api.token("auditor", Scope::Auditor).await;
    let seen = api.admin(&auditor).get(&path).await.expect(200).json();
    assert_eq!(
        (&seen["homes"][0]["household"], &seen["homes"][0]["place"]),
        (&Value::Null, &Value::Null)
    );
    let listed = admin.get("/drills").await.expect(200).json();
    assert_eq!((&listed["items"][0]["id"], &listed["next"]), (&drill["id"], &Value::Null));
    let report = admin.get(&format!("{path}/report")).await.expect(200).json();
    assert_eq!((&report["homes"], &report["is_final"]), (&json!(0), &json!(false)));
    assert!(report["summary_zh"].as_str().is_some_and(|text| text.contains("联防演练")));
    let steps =
        report["times"].as_array().expect("steps").iter().map(|times| times["step"].clone());
    assert_eq!(
        steps.collect::<Vec<_>>(),
        ["last_leg", "first_ring", "first_key", "coming", "arrived"]
    );
    let spans = report["times"][0]["spans"].as_array().expect("spans");
    assert_eq!((&spans[0]["until_ms"], &spans[9]["until_ms"]), (&json!(1000), &Value::Null));
    for _ in 0..2 {
        admin.post(&format!("{path}/cancel"), json!({})).await.expect(204);
    }
    assert_eq!(admin.get(&path).await.expect(200).json()["state"], "cancelled");
    admin.get("/drills/999").await.expect(404);
    admin.post("/drills/999/cancel", json!({})).await.expect(404);
}

#[tokio::test]
async fn before_a_drill_is_planned_it_says_how_many_telephones_ring() {
    let api = Api::new().await;
    let secret = api.token("root", Scope::Admin).await;
    let admin = api.admin(&secret);
    let town = admin.town().await;
    let household = json!({"group_id": town.group, "name": "302 王家", "door": "302"});
    let household = admin.create("/households", household).await;
    let line = json!({"household_id": household, "number": "5551235", "account": "1002"});
    admin.create("/lines", line).await;
    let numbers = json!([{"number": "13800002222"}, {"number": "5556666"}]);
    let contact = json!({"household_id": household, "name": "王姐", "numbers": numbers});
    admin.create("/contacts", contact).await;
    let told = admin.post("/drills/preview", at_ten(town.community)).await.expect(200).json();
    // The worker is called by both households and counted once; a landline takes no SMS.
    assert_eq!(told["homes"], 2);
    assert_eq!((&told["texts"], &told["minutes"]), (&json!(3), &json!(1)));
    let phones = told["phones"].as_u64().expect("a number");
    assert!((4..=6).contains(&phones), "three people, a landline and the lines: {phones}");
    assert_eq!(
        admin.get("/drills").await.expect(200).json()["items"],
        json!([]),
        "nothing is stored"
    );
    let mut draft = at_ten(town.community);
    draft["per_minute"] = json!(0);
    assert_eq!(admin.post("/drills/preview", draft).await.expect(422).pointers(), ["/per_minute"]);
}

#[tokio::test]
async fn the_report_says_who_was_not_told_before() {
    let api = Api::new().await;
    let secret = api.token("root", Scope::Admin).await;
    let admin = api.admin(&secret);
    let town = admin.town().await;
    let drill = admin.post("/drills", at_ten(town.community)).await.expect(201).json();
    let id = DrillId(drill["id"].as_u64().and_then(|id| id.try_into().ok()).expect("an id"));
    let row = |place: u32, channel, state, outcome| {
        let contact = Some(ContactId(place));
        let household = Some(HouseholdId(7));
        let whose = Whose { household, contact, worker: None, responder: None, number_index: 1 };
        NoticeRow { place, whose, channel, state, outcome }
    };
    let before = [
        row(0, Channel::Sms, NoticeState::Waiting, None),
        row(1, Channel::Sms, NoticeState::Waiting, None),
        row(2, Channel::Voice, NoticeState::Waiting, Some(LegOutcome::Busy)),
        row(3, Channel::Voice, NoticeState::Waiting, None),
        row(4, Channel::Voice, NoticeState::Waiting, None),
    ];
    let after = [
        row(0, Channel::Sms, NoticeState::Told, Some(LegOutcome::Sent)),
        row(1, Channel::Voice, NoticeState::Failed, Some(LegOutcome::NoAnswer)),
        row(2, Channel::Voice, NoticeState::Failed, None),
    ];
    notices::set(api.store.alarms(), id, &before).await.expect("is written");
    notices::shorten(api.store.alarms(), id, 4).await.expect("is written");
    notices::set(api.store.alarms(), id, &after).await.expect("is written");
    let read = notices::all(api.store.alarms(), id).await.expect("reads");
    assert_eq!(read, [&after[..], &before[3..4]].concat());
    let report = admin.get(&format!("/drills/{id}/report")).await.expect(200).json();
    let not_told = |contact, reason: &str| {
        json!({"household_id": 7, "contact_id": contact, "worker_id": null, "responder_id": null,
            "number_index": 1, "channel": "voice", "reason": reason})
    };
    let wanted = json!([
        not_told(1, "无人接听"),
        not_told(2, "没有可用的方式或时间"),
        not_told(3, "尚未通知")
    ]);
    assert_eq!(report["not_told"], wanted);
}

#[tokio::test]
async fn what_cannot_be_held_is_refused_in_words() {
    let api = Api::new().await;
    let secret = api.token("root", Scope::Admin).await;
    let admin = api.admin(&secret);
    let community: u64 = admin.town().await.community;
    let with = |field: &str, value: Value| {
        let mut draft = at_ten(community);
        draft[field] = value;
        draft
    };
    let cases = [
        ("community_id", json!(99), "/community_id"),
        ("group_ids", json!([99]), "/group_ids"),
        ("per_minute", json!(0), "/per_minute"),
        ("announce_before_s", json!(60), "/announce_before_s"),
        ("starts_at", json!("2026-11-21T10:00:00+08:00"), "/starts_at"),
        ("ends_at", json!("2026-11-22T09:00:00+08:00"), "/ends_at"),
        ("hours", json!([{"from": "14:00", "until": "16:00"}]), "/starts_at"),
    ];
    for (field, value, pointer) in cases {
        let pointers = refused(&admin, with(field, value)).await;
        assert_eq!(pointers.first().map(String::as_str), Some(pointer), "{field}: {pointers:?}");
    }
    let quiet = with("hours", json!([{"from": "14:00", "until": "16:00"}]));
    let call = api.call(Method::POST, "/api/v1/drills").header("accept-language", "zh");
    let call = call.header("authorization", &format!("Bearer {secret}")).json(&quiet);
    let text = call.send().await.expect(422).text;
    assert!(text.contains("安静时段"), "{text}");
    let operator = api.token("desk", Scope::Operator).await;
    api.admin(&operator).post("/drills", at_ten(community)).await.expect(403);
}
