//! Policies, responders and PINs by the API, down to what an alarm would make of them.

use super::{Api, Client, Town};
use axum::http::Method;
use lianfang::store::accounts::Role;
use lianfang::store::pins::PinKey;
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang_domain::alarm::PinVerdict;
use lianfang_domain::directory::ResponderKind;
use lianfang_domain::id::{CommunityId, HouseholdId};
use lianfang_domain::plan::{self, PlanFor};
use serde_json::{Value, json};

async fn start(api: &Api) -> (Client<'_>, Town) {
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let town = admin.town().await;
    (admin, town)
}

fn id(id: u64) -> u32 {
    u32::try_from(id).expect("small")
}

fn policy(town: &Town, document: &Value) -> Value {
    json!({"community_id": town.community, "document": document})
}

fn document() -> Value {
    json!({
        "name": "火警", "kinds": ["fire"],
        "steps": [
            {"targets": [{"post": {"code": "A"}}, "helpers", "group"]},
            {"targets": [{"responders": {"kind": "patrol", "within": "community"}}],
             "wait_s": 30, "when": "not_enough"},
        ],
        "pace": {"ring_timeout_s": 30},
    })
}

fn patrol(town: &Town) -> Value {
    json!({"community_id": town.community, "name": "巡逻队", "kind": "patrol", "skills": ["first_aid"],
        "grid_id": town.grid, "numbers": [{"number": "13911112222"}]})
}

#[tokio::test]
async fn a_policy_and_its_responders_reach_the_next_plan() {
    let api = Api::new().await;
    let (admin, town) = start(&api).await;
    let responder = admin.create("/responders", patrol(&town)).await;
    let helper = json!({"community_id": town.community, "name": "一助一", "kind": "helper",
        "household_id": town.household, "numbers": [{"number": "13911113333"}]});
    admin.create("/responders", helper).await;
    let saved = admin.create("/policies", policy(&town, &document())).await;

    let directory = api.directory.current();
    let community = directory.community(CommunityId(id(town.community))).expect("is there");
    assert_eq!(community.responders[0].kind, ResponderKind::Patrol);
    assert_eq!(&*community.responders[0].skills[0], "first_aid");
    let line = directory.line_by_account("1001").expect("is there");
    let defaults = plan::Policy::default();
    let wanted = PlanFor {
        kind: lianfang_domain::kind::AlarmKind::Fire,
        ..PlanFor::unknown(&defaults, api.clock.now())
    };
    let plan = plan::build(&directory, line, &wanted).expect("a plan");
    let called: Vec<(u8, &str)> =
        plan.parties.iter().map(|party| (party.step, &*party.name)).collect();
    assert_eq!(called, [(0, "李强"), (0, "一助一"), (1, "巡逻队"), (0, "502 陈阿姨")]);
    assert_eq!(plan.policy.ring_timeout_s, 30);
    let made_by = plan.made_by.expect("a stored policy");
    assert_eq!((u64::from(made_by.policy.0), made_by.version), (saved, 1));

    // Every save is a version, and stays readable when the policy is gone.
    let mut changed = document();
    changed["steps"][1]["wait_s"] = json!(45);
    let path = format!("/policies/{saved}");
    let reply = admin.put(&path, 1, policy(&town, &changed)).await.expect(200).json();
    assert_eq!(
        (&reply["version"], &reply["document"]["steps"][1]["wait_s"]),
        (&json!(2), &json!(45))
    );
    admin.put(&path, 1, policy(&town, &changed)).await.expect(412);
    let report = admin.get(&format!("{path}/report")).await.expect(200).json();
    assert_eq!((&report["calls"], &report["doors"]), (&json!(2), &json!(1)));
    assert_eq!(report["last_leg_after_ms"], 200, "three messages at ten a second");
    admin.delete(&path, 2).await.expect(204);
    let versions = admin.get(&format!("{path}/versions")).await.expect(200).json();
    let numbers: Vec<&Value> =
        versions["items"].as_array().expect("a list").iter().map(|one| &one["version"]).collect();
    assert_eq!(numbers, [2, 1]);
    let first = admin.get(&format!("{path}/versions/1")).await.expect(200).json();
    assert_eq!(first["document"]["steps"][1]["wait_s"], 30);
    admin.get(&format!("{path}/versions/3")).await.expect(404);
    admin.get("/policies/99/versions").await.expect(404);
    admin.delete(&format!("/responders/{responder}"), 1).await.expect(204);
}

/// The edits of a policy, the latest first.
async fn edits(admin: &Client<'_>, id: u64) -> Vec<Value> {
    let page = admin.get(&format!("/history?noun=policies&id={id}")).await.expect(200).json();
    page["items"].as_array().expect("items").clone()
}

#[tokio::test]
async fn versions_say_who_saved_them_and_why_and_a_removed_policy_comes_back() {
    let api = Api::new().await;
    let (admin, town) = start(&api).await;
    let lin = api.person("lin", Role::Admin, Reach::Everything).await;
    let responder = admin.create("/responders", patrol(&town)).await;
    let saved = lin.create("/policies", policy(&town, &document())).await;
    let path = format!("/policies/{saved}");
    let mut changed = document();
    changed["steps"][1]["wait_s"] = json!(45);
    let put = admin.call(Method::PUT, &path).header("if-match", "\"1\"");
    let put = put.header("x-reason", "%E5%A4%9C%E9%87%8C%E4%BA%BA%E5%B0%91");
    put.json(&policy(&town, &changed)).send().await.expect(200);
    let told = |version: &Value| {
        let text = |field: &str| version[field].as_str().map(str::to_owned);
        (version["version"].as_u64(), text("who_name"), text("why"))
    };
    let versions = admin.get(&format!("{path}/versions")).await.expect(200).json();
    let items = versions["items"].as_array().expect("items");
    let lin_says = Some("lin".to_owned());
    assert_eq!(told(&items[0]), (Some(2), None, Some("夜里人少".to_owned())));
    assert_eq!(items[0]["who"], "token:root");
    assert_eq!(told(&items[1]), (Some(1), lin_says, None));
    assert!(items.iter().all(|one| one["at"] == "2026-11-22T00:00:00Z"), "{items:?}");
    let one = admin.get(&format!("{path}/versions/2")).await.expect(200).json();
    assert_eq!(one["why"], "夜里人少");

    // Removed and restored: a new version, by whoever restored it.
    admin.delete(&path, 2).await.expect(204);
    let found = edits(&admin, saved).await;
    let actions: Vec<_> = found.iter().map(|edit| edit["action"].clone()).collect();
    assert_eq!(actions, ["deleted", "replaced", "created"]);
    let gone = found[0]["id"].clone();
    lin.post(&format!("/history/{gone}/undo"), json!({})).await.expect(204);
    let back = admin.get(&path).await.expect(200).json();
    assert_eq!(
        (&back["version"], &back["document"]["steps"][1]["wait_s"]),
        (&json!(3), &json!(45))
    );
    let newest = admin.get(&format!("{path}/versions/3")).await.expect(200).json();
    assert_eq!(newest["who_name"], "lin");
    // What was undone once is not undone again, and versions never come twice.
    admin.post(&format!("/history/{gone}/undo"), json!({})).await.expect(409);
    admin.delete(&path, 3).await.expect(204);
    admin.post(&format!("/history/{gone}/undo"), json!({})).await.expect(204);
    assert_eq!(admin.get(&path).await.expect(200).json()["version"], 4);

    // One that would be refused today does not come back.
    admin.delete(&path, 4).await.expect(204);
    admin.delete(&format!("/responders/{responder}"), 1).await.expect(204);
    let gone = edits(&admin, saved).await[0]["id"].clone();
    let refused = admin.post(&format!("/history/{gone}/undo"), json!({})).await.expect(422);
    assert_eq!(refused.pointers(), ["/document/steps/1"]);
    admin.get(&path).await.expect(404);
    let operator = api.person("wu", Role::Operator, Reach::Everything).await;
    operator.post(&format!("/history/{gone}/undo"), json!({})).await.expect(403);
    let list = format!("/history?noun=policies&community_id={}", town.community);
    let listed = operator.get(&list).await.expect(200).json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(7));
}

#[tokio::test]
async fn a_policy_that_could_end_in_silence_is_refused_with_the_reason() {
    let api = Api::new().await;
    let (admin, town) = start(&api).await;
    let check = async |change: &dyn Fn(&mut Value), pointer: &str, chinese: &str| {
        let mut document = document();
        change(&mut document);
        for path in ["/policies", "/policies/check"] {
            let reply = admin.post(path, policy(&town, &document)).await.expect(422);
            assert!(reply.pointers().iter().any(|found| found == pointer), "{}", reply.text);
            assert!(reply.text.contains(chinese), "{}", reply.text);
        }
    };
    // There is no patrol, so the second step reaches nobody.
    check(&|_| (), "/document/steps/1", "呼叫不到人").await;
    admin.create("/responders", patrol(&town)).await;
    check(&|one| one["steps"][1]["wait_s"] = json!(9999), "/document/steps/1/wait_s", "超出范围")
        .await;
    check(&|one| one["steps"] = json!([]), "/document/steps", "1 到 16 项").await;
    check(
        &|one| one["steps"][0]["targets"] = json!(["group"]),
        "/document/steps/0",
        "没有任何能接通",
    )
    .await;
    check(&|one| one["together"] = json!(9), "/document/together", "结伴").await;
    check(
        &|one| one["pace"] = json!({"calls_per_hour_max": 1}),
        "/document/pace/calls_per_hour_max",
        "超出范围",
    )
    .await;
    check(&|one| one["scope"] = json!({"grid": 77}), "/document/scope", "").await;
    for wrong in [
        json!({"name": "x"}),
        json!({"name": "x", "steps": [{"targets": ["everybody"]}]}),
        json!({"name": "x", "steps": [{"targets": ["group"], "colour": 1}]}),
        json!({"name": "x", "steps": [{"targets": [{"post": {"code": "A", "x": 1}}]}]}),
        json!({"name": "x", "steps": [{"targets": ["group"], "wait_s": -1}]}),
        json!({"name": "x", "steps": 7}),
        json!(null),
    ] {
        admin.post("/policies", policy(&town, &wrong)).await.expect(422);
    }
    let accepted =
        admin.post("/policies/check", policy(&town, &document())).await.expect(200).json();
    assert_eq!(accepted["last_leg_after_ms"], 100);
    admin.create("/policies", policy(&town, &document())).await;
    let reply = admin.post("/policies", policy(&town, &document())).await.expect(422);
    assert_eq!(reply.pointers(), ["/document/kinds"], "another one holds already");
}

#[tokio::test]
async fn responders_are_checked() {
    let api = Api::new().await;
    let (admin, town) = start(&api).await;
    let check = async |field: &str, value: Value, pointer: &str| {
        let mut draft = patrol(&town);
        draft[field] = value;
        let reply = admin.post("/responders", draft).await.expect(422);
        assert!(reply.pointers().iter().any(|found| found == pointer), "{}", reply.text);
    };
    check("kind", json!("king"), "/kind").await;
    check("kind", json!("helper"), "/household_id").await;
    check("household_id", json!(town.household), "/household_id").await;
    check("grid_id", json!(99), "/grid_id").await;
    check("skills", json!([""]), "/skills/0").await;
    check("numbers", json!([{"number": "110"}]), "/numbers/0/number").await;
    admin.create("/responders", patrol(&town)).await;
    check("name", json!("巡逻队"), "/name").await;
}

#[tokio::test]
async fn pins_are_set_and_never_read_back() {
    let api = Api::new().await;
    let (admin, town) = start(&api).await;
    let path = format!("/households/{}/pins", town.household);
    let put = async |body: Value| admin.call(Method::PUT, &path).json(&body).send().await;
    let verdicts = || {
        let directory = api.directory.current();
        let community = directory.community(CommunityId(id(town.community))).expect("is there");
        let household = community.household(HouseholdId(id(town.household))).expect("is there");
        let key = PinKey::new(&[7; 32]);
        assert!(!format!("{household:?}{key:?}").contains("4821"));
        ["4821", "1597", "4822", "", "48210", "482", "😀😀"]
            .map(|digits| key.verdict(household, digits))
    };
    use PinVerdict::{Duress, Right, Wrong};
    assert_eq!(verdicts(), [Wrong; 7], "no PIN, no cancel");
    for (body, pointer) in [
        (json!({"cancel": "1234"}), "/cancel"),
        (json!({"cancel": "123"}), "/cancel"),
        (json!({"cancel": "4821", "duress": "4821"}), "/duress"),
        (json!({"cancel": null, "duress": "4821"}), "/cancel"),
    ] {
        assert_eq!(put(body).await.expect(422).pointers(), [pointer]);
    }
    put(json!({"cancel": "4821", "duress": "1597"})).await.expect(204);
    assert_eq!(verdicts(), [Right, Duress, Wrong, Wrong, Wrong, Wrong, Wrong]);
    let row = admin.get(&format!("/households/{}", town.household)).await.expect(200);
    assert!(row.text.contains("\"version\":2") && !row.text.contains("pin"), "{}", row.text);
    put(json!({"cancel": null})).await.expect(204);
    assert_eq!(verdicts(), [Wrong; 7]);
    admin
        .call(Method::PUT, "/households/99/pins")
        .json(&json!({"cancel": "4821"}))
        .send()
        .await
        .expect(404);
    let operator = api.admin(&api.token("desk", Scope::Operator).await);
    operator.call(Method::PUT, &path).json(&json!({"cancel": "4821"})).send().await.expect(403);
}
