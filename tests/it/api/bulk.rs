//! Many edits at once: all or nothing, each with the rights and mistakes that it has alone.

use super::{Api, Client};
use axum::http::Method;
use lianfang::store::accounts::Role;
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang_domain::id::CommunityId;
use serde_json::{Value, json};

fn create(noun: &str, value: Value) -> Value {
    json!({"op": "create", "noun": noun, "value": value})
}

fn replace(noun: &str, (id, version): (u64, u32), value: Value) -> Value {
    json!({"op": "replace", "noun": noun, "id": id, "version": version, "value": value})
}

fn delete(noun: &str, (id, version): (u64, u32)) -> Value {
    json!({"op": "delete", "noun": noun, "id": id, "version": version})
}

async fn send(client: &Client<'_>, operations: &[Value]) -> super::Reply {
    client.post("/bulk", json!({"operations": operations})).await
}

fn contact(household: u64, number: &str) -> Value {
    json!({"household_id": household, "name": "陈明", "numbers": [{"number": number}]})
}

#[tokio::test]
async fn what_is_right_is_done_together_and_known_to_the_next_alarm() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let town = admin.town().await;
    let household = json!({"group_id": town.group, "name": "新名", "building": "3", "door": "502"});
    let operations = [
        create("contacts", contact(town.household, "13800003333")),
        replace("households", (town.household, 1), household),
        delete("contacts", (town.contact, 1)),
        create("streets", json!({"name": "嘉莲街道"})),
    ];
    let call = admin.call(Method::POST, "/bulk").json(&json!({"operations": operations}));
    let reply = call.header("x-reason", "%E6%90%AC%E5%AE%B6").send().await.expect(200);
    let results = reply.json()["results"].clone();
    assert_eq!(results[0]["noun"], "contacts");
    assert_eq!(
        results[1],
        json!({"op": "replace", "noun": "households", "id": town.household, "version": 2})
    );
    assert_eq!(
        results[2],
        json!({"op": "delete", "noun": "contacts", "id": town.contact, "version": null})
    );
    admin.get(&format!("/contacts/{}", town.contact)).await.expect(404);
    let made = results[0]["id"].as_u64().expect("an id");
    admin.get(&format!("/contacts/{made}")).await.expect(200);
    let history =
        admin.get(&format!("/history?noun=households&id={}", town.household)).await.json();
    assert_eq!(history["items"][0]["why"], "搬家");
    let current = api.directory.current();
    let mut communities = current.communities();
    let community = communities.next().expect("one");
    assert_eq!(&*community.households[0].name, "新名");
}

#[tokio::test]
async fn one_mistake_undoes_all_and_each_is_named_by_its_place() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let town = admin.town().await;
    let before = admin.get("/streets").await.text;
    let operations = [
        create("streets", json!({"name": "嘉莲街道"})),
        delete("streets", (town.street, 1)),
        replace("grids", (town.grid, 7), json!({"community_id": town.community, "name": "2"})),
        delete("lines", (999, 1)),
        create("streets", json!({"name": "嘉莲街道"})),
        create("streets", json!({"name": "开元街道"})),
    ];
    let reply = send(&admin, &operations).await.expect(422);
    assert_eq!(reply.problem(), "bulk-refused");
    let errors = reply.json()["errors"].clone();
    let found: Vec<(&str, &str)> = errors
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| {
            let kind = error["type"].as_str().and_then(|kind| kind.rsplit(':').next());
            (error["pointer"].as_str().expect("text"), kind.expect("a type"))
        })
        .collect();
    // A street may have the name of another one or not: what is wrong here does not depend on it.
    let wanted = [
        ("/operations/1", "has-children"),
        ("/operations/2", "changed"),
        ("/operations/3", "not-found"),
    ];
    for one in wanted {
        assert!(found.contains(&one), "{one:?}: {found:?}");
    }
    assert_eq!(admin.get("/streets").await.text, before, "nothing is done");
}

#[tokio::test]
async fn what_cannot_be_read_is_named_before_anything_is_tried() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let check = async |operation: Value, status: u16, wanted: &[&str]| {
        let good = create("streets", json!({"name": "嘉莲街道"}));
        let reply = send(&admin, &[good, operation.clone()]).await.expect(status);
        assert_eq!(reply.pointers(), wanted, "{operation}");
    };
    check(create("streets", json!({"name": 7})), 422, &["/operations/1/value/name"]).await;
    check(create("streets", json!({"name": ""})), 422, &["/operations/1/value/name"]).await;
    check(create("streets", json!({"name": "a", "more": 1})), 422, &["/operations/1/value/more"])
        .await;
    check(create("streets", json!([])), 422, &["/operations/1/value"]).await;
    check(create("houses", json!({})), 422, &["/operations/1/noun"]).await;
    check(json!({"op": "create", "noun": "streets"}), 422, &["/operations/1"]).await;
    check(json!({"op": "delete", "noun": "streets", "id": 1}), 422, &["/operations/1"]).await;
    check(json!({"op": "drop", "noun": "streets"}), 422, &["/operations/1/op"]).await;
    check(
        json!({"op": "delete", "noun": "streets", "id": -1, "version": 1}),
        422,
        &["/operations/1/id"],
    )
    .await;
    assert_eq!(send(&admin, &[]).await.expect(422).pointers(), ["/operations"]);
    let many = vec![delete("streets", (1, 1)); 1_001];
    assert_eq!(send(&admin, &many).await.expect(422).pointers(), ["/operations"]);
    assert_eq!(send(&admin, &many[..1_000]).await.expect(422).pointers().len(), 100);
    assert_eq!(admin.get("/streets").await.json()["items"], json!([]));
    let large = json!({"operations": [create("streets", json!({"name": "x".repeat(5 << 20)}))]});
    assert_eq!(admin.post("/bulk", large).await.expect(413).problem(), "too-large");
}

#[tokio::test]
async fn rights_and_reach_hold_for_every_edit() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let town = admin.town().await;
    let community = json!({"street_id": town.street, "name": "别处", "area_code": "0592"});
    let elsewhere = admin.create("/communities", community).await;
    let grid = admin.create("/grids", json!({"community_id": elsewhere, "name": "1"})).await;
    let group = admin.create("/groups", json!({"grid_id": grid, "name": "1"})).await;
    let household = admin.create("/households", json!({"group_id": group, "name": "林家"})).await;
    let reach = Reach::Community(CommunityId(u32::try_from(town.community).expect("small")));
    let operator = api.person("wang", Role::Operator, reach).await;
    let theirs = create("contacts", contact(town.household, "13800003333"));
    let kinds = async |operations: &[Value]| {
        let reply = send(&operator, operations).await.expect(422).json();
        let errors = reply["errors"].as_array().cloned().unwrap_or_default();
        let kind =
            |error: &Value| format!("{} {}", error["pointer"], error["type"]).replace('"', "");
        errors.iter().map(kind).collect::<Vec<_>>()
    };
    let urn = "urn:lianfang:problem:";
    let refused = kinds(&[
        theirs.clone(),
        create("streets", json!({"name": "x"})),
        create("contacts", contact(household, "13800004444")),
        delete("contacts", (town.contact, 1)),
    ])
    .await;
    assert_eq!(
        refused,
        [
            format!("/operations/1 {urn}forbidden"),
            format!("/operations/2/value/household_id {urn}invalid")
        ]
    );
    assert_eq!(admin.get("/contacts").await.json()["items"].as_array().map(Vec::len), Some(1));
    send(&operator, &[theirs, delete("contacts", (town.contact, 1))]).await.expect(200);
    let auditor = api.person("li", Role::Auditor, Reach::Everything).await;
    assert_eq!(send(&auditor, &[]).await.expect(403).problem(), "forbidden");
}

#[tokio::test]
async fn two_hundred_rows_are_made_at_once() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let names =
        (0..200).map(|number| create("streets", json!({"name": format!("第{number}街道")})));
    let reply = send(&admin, &names.collect::<Vec<_>>()).await.expect(200);
    assert_eq!(reply.json()["results"].as_array().map(Vec::len), Some(200));
    let page = admin.get("/streets?limit=200").await.json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(200));
    assert_eq!(page["next"], Value::Null);
}

#[tokio::test]
async fn a_household_goes_with_its_lines_and_contacts_and_comes_back() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let town = admin.town().await;
    let rows = [("lines", town.line), ("contacts", town.contact), ("households", town.household)];
    let alone = delete("households", (town.household, 1));
    send(&admin, &[delete("lines", (town.line, 1)), alone]).await.expect(422);
    admin.get(&format!("/lines/{}", town.line)).await.expect(200);
    let all = rows.map(|(noun, id)| delete(noun, (id, 1)));
    send(&admin, &all).await.expect(200);
    for (noun, id) in rows.into_iter().rev() {
        admin.get(&format!("/{noun}/{id}")).await.expect(404);
        let path = format!("/history?noun={noun}&id={id}");
        let edits = admin.get(&path).await.expect(200).json();
        assert_eq!(edits["items"][0]["action"], "deleted", "{noun}");
        let undo = format!("/history/{}/undo", edits["items"][0]["id"]);
        admin.post(&undo, json!({})).await.expect(204);
        admin.get(&format!("/{noun}/{id}")).await.expect(200);
    }
}
