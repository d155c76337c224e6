//! The paper mirror: numbers in full for those who reach them, and each look entered in the trail.

use super::Api;
use super::alarms::with;
use lianfang::store::accounts::Role;
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang_domain::id::GridId;
use serde_json::{Value, json};

#[tokio::test]
async fn a_group_is_printed_with_numbers_in_full_and_the_look_is_entered() {
    let api = Api::new().await;
    let root = with(&api, "root", Scope::Admin).await;
    let town = root.town().await;
    let helper = json!({"community_id": town.community, "name": "阿芳", "kind": "helper",
        "household_id": town.household, "numbers": [{"number": "13911112222"}]});
    root.create("/responders", helper).await;
    let desk = json!({"community_id": town.community, "name": "街道值班", "kind": "street",
        "numbers": [{"number": "5550000"}]});
    root.create("/responders", desk).await;
    let desk_worker = with(&api, "desk", Scope::Operator).await;
    let made = desk_worker.post("/paper", json!({"group_id": town.group})).await.expect(200).json();
    assert_eq!((&made["community"], &made["street"]), (&json!("文园社区"), &json!("筼筜街道")));
    assert_eq!(
        (&made["month"], &made["printed_at"]),
        (&json!("2026-11"), &json!("2026-11-22T00:00:00Z"))
    );
    assert!(made["version"].as_u64().is_some_and(|version| 0 < version));
    let household = &made["groups"][0]["households"][0];
    assert_eq!((&household["name"], &household["place"]), (&json!("陈阿姨"), &json!("3-502")));
    assert_eq!(household["lines"], json!(["5551234"]));
    let person = json!([{"name": "陈阿姨", "kind": "contact", "numbers": ["13800001111"]}]);
    assert_eq!(household["people"], person);
    assert_eq!(household["helpers"][0]["numbers"], json!(["13911112222"]));
    let worker = json!([{"name": "李强", "kind": "worker", "numbers": ["13900002222"]}]);
    assert_eq!((&made["workers"], &made["on_duty"]), (&worker, &worker));
    assert_eq!(
        made["responders"],
        json!([{"name": "街道值班", "kind": "street", "numbers": ["5550000"]}])
    );
    let auditor = with(&api, "auditor", Scope::Auditor).await;
    let trail = auditor.get("/audit?chain=directory&limit=500").await.expect(200).json();
    let reads: Vec<Value> = trail["items"]
        .as_array()
        .expect("entries")
        .iter()
        .filter(|entry| entry["action"] == "read")
        .map(|entry| json!([entry["actor"], entry["noun"], entry["id"]]))
        .collect();
    let group = town.group.to_string();
    let community = town.community.to_string();
    let wanted =
        json!([["token:desk", "household_group", group], ["token:desk", "community", community]]);
    assert_eq!(json!(reads), wanted);
    auditor.post("/paper", json!({"group_id": town.group})).await.expect(403);
}

#[tokio::test]
async fn a_roster_of_a_month_is_told_stretch_by_stretch() {
    let api = Api::new().await;
    let root = with(&api, "root", Scope::Admin).await;
    let town = root.town().await;
    let post = json!({"community_id": town.community, "code": "A", "name": "A岗"});
    let post = root.create("/posts", post).await;
    let shift = json!({"community_id": town.community, "post_id": post, "worker_ids": [town.worker],
        "starts": "00:00", "ends": "00:00", "days_later": 1});
    root.create("/shifts", shift).await;
    let wanted = json!({"community_id": town.community, "month": "2026-12"});
    let made = root.post("/paper", wanted).await.expect(200).json();
    let stretches = made["roster"][0]["stretches"].as_array().expect("stretches").clone();
    let first = stretches.first().expect("one");
    let last = stretches.last().expect("one");
    assert_eq!(first["from"], "2026-11-30T16:00:00Z", "the first of December in Shanghai");
    assert_eq!(last["to"], "2026-12-31T16:00:00Z");
    assert_eq!(first["names"], json!(["李强"]));
}

#[tokio::test]
async fn nobody_prints_what_they_do_not_reach() {
    let api = Api::new().await;
    let root = with(&api, "root", Scope::Admin).await;
    let town = root.town().await;
    let grid = json!({"community_id": town.community, "name": "2"});
    let grid = root.create("/grids", grid).await;
    let group = root.create("/groups", json!({"grid_id": grid, "name": "9-1"})).await;
    let own = GridId(u32::try_from(town.grid).expect("small"));
    let worker = api.person("grid", Role::Operator, Reach::Grid(own)).await;
    worker.post("/paper", json!({"group_id": group})).await.expect(404);
    worker.post("/paper", json!({"grid_id": grid})).await.expect(404);
    let made =
        worker.post("/paper", json!({"community_id": town.community})).await.expect(200).json();
    let groups = made["groups"].as_array().expect("groups");
    assert_eq!((groups.len(), &groups[0]["id"]), (1, &json!(town.group)));
    let all = root.post("/paper", json!({"community_id": town.community})).await.expect(200).json();
    assert_eq!(all["groups"].as_array().map(Vec::len), Some(2));
    for wrong in [json!({}), json!({"grid_id": grid, "group_id": group})] {
        root.post("/paper", wrong).await.expect(422);
    }
    root.post("/paper", json!({"group_id": 4711})).await.expect(404);
    root.post("/paper", json!({"group_id": 1, "month": "soon"})).await.expect(422);
}
