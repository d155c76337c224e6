//! What people do with the directory: look at groups, divide a community, search, see how lines are.

use super::{Api, Client, Town};
use axum::http::Method;
use jiff::SignedDuration;
use lianfang::store::tokens::Scope;
use lianfang::web::ports::Binding;
use serde_json::{Value, json};

async fn desk(api: &Api) -> (Client<'_>, Town) {
    let secret = api.token("root", Scope::Admin).await;
    let admin = api.admin(&secret);
    let town = admin.town().await;
    (admin, town)
}

/// Puts a division and says what came back.
async fn divide(admin: &Client<'_>, community: u64, groups: Value) -> super::Reply {
    let path = format!("/communities/{community}/groups");
    admin.call(Method::PUT, &path).json(&json!({"groups": groups})).send().await
}

#[tokio::test]
async fn a_group_shows_its_doors_and_what_is_wrong_with_them() {
    let api = Api::new().await;
    let (admin, town) = desk(&api).await;
    let alone = json!({"group_id": town.group, "name": "老周", "building": "3", "door": "503"});
    admin.create("/households", alone).await;
    let (now, expires) = (api.clock.now(), api.clock.now() + SignedDuration::from_mins(2));
    let binding = Binding { from: "udp 192.0.2.7:5060".into(), device: None, since: now, expires };
    api.line_lamp.registered.lock().expect("no panic").push(("1001".to_owned(), binding));
    let doors = admin.get(&format!("/groups/{}/doors", town.group)).await.expect(200).json();
    let first = &doors["items"][0];
    assert_eq!((&first["name"], &first["door"]), (&json!("陈阿姨"), &json!("502")));
    assert_eq!(first["lines"][0]["is_registered"], true);
    assert_eq!(first["contacts"][0]["voice"], true);
    for path in [
        format!("/groups/{}/checks", town.group),
        format!("/communities/{}/checks", town.community),
    ] {
        let found = admin.get(&path).await.expect(200).json();
        let kinds: Vec<&str> = found["items"]
            .as_array()
            .expect("items")
            .iter()
            .filter_map(|one| one["kind"].as_str())
            .collect();
        assert_eq!(kinds, ["small", "unreachable", "no_line"], "{path}");
        assert_eq!(found["items"][1]["households"][0]["name"], "老周");
    }
    for path in ["/groups/99/doors", "/groups/99/checks", "/communities/99/checks"] {
        admin.get(path).await.expect(404);
    }
}

#[tokio::test]
async fn a_community_is_divided_as_a_whole_or_not_at_all() {
    let api = Api::new().await;
    let (admin, town) = desk(&api).await;
    for door in 1..20_u32 {
        let household = json!({"group_id": town.group, "name": format!("户{door}"), "building": "3",
            "door": (500 + door).to_string()});
        admin.create("/households", household).await;
    }
    let path = format!("/communities/{}/groups/proposal", town.community);
    let proposal = admin.post(&path, json!({})).await.expect(200).json();
    let groups = proposal["groups"].as_array().expect("groups");
    assert_eq!((groups.len(), &proposal["moved"]), (2, &json!(10)));
    let division: Vec<Value> = groups
        .iter()
        .map(|group| {
            let households: Vec<Value> = group["households"].as_array().expect("households").iter()
                .map(|one| json!({"id": one["id"], "version": one["version"]})).collect();
            json!({"group_id": group["group_id"], "grid_id": group["grid_id"], "name": group["name"], "households": households})
        })
        .collect();
    let mut stale = division.clone();
    stale[1]["households"][0]["version"] = json!(9);
    assert_eq!(divide(&admin, town.community, json!(stale)).await.expect(412).problem(), "changed");
    let mut twice = division.clone();
    twice[1]["households"][0] = twice[0]["households"][0].clone();
    divide(&admin, town.community, json!(twice)).await.expect(422);
    let groups = admin.get(&format!("/groups?grid_id={}", town.grid)).await.expect(200).json();
    assert_eq!(groups["items"].as_array().expect("items").len(), 1, "nothing was changed");

    let divided = divide(&admin, town.community, json!(division)).await.expect(200).json();
    assert_eq!(divided["changed"], 20, "all have a place in the order now");
    let groups = admin.get(&format!("/groups?grid_id={}", town.grid)).await.expect(200).json();
    for group in groups["items"].as_array().expect("items") {
        let doors = admin.get(&format!("/groups/{}/doors", group["id"])).await.expect(200).json();
        assert_eq!(doors["items"].as_array().expect("items").len(), 10);
    }
    assert_eq!(
        divide(&admin, town.community, json!(division)).await.expect(412).problem(),
        "changed"
    );
    let proposal = admin.post(&path, json!({})).await.expect(200).json();
    assert_eq!((&proposal["moved"], &proposal["emptied"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn households_of_one_name_change_places() {
    let api = Api::new().await;
    let (admin, town) = desk(&api).await;
    let other = admin.create("/groups", json!({"grid_id": town.grid, "name": "3-2"})).await;
    let twin = admin.create("/households", json!({"group_id": other, "name": "陈阿姨"})).await;
    let group = |id: u64, household: u64| json!({"group_id": id, "grid_id": town.grid, "name": "x", "households": [{"id": household, "version": 1}]});
    let swapped = json!([group(town.group, twin), group(other, town.household)]);
    divide(&admin, town.community, swapped).await.expect(200);
    let row = admin.get(&format!("/households/{twin}")).await.expect(200).json();
    assert_eq!((&row["name"], &row["group_id"]), (&json!("陈阿姨"), &json!(town.group)));
    divide(&admin, 99, json!([group(town.group, twin)])).await.expect(422);
}

#[tokio::test]
async fn who_looks_at_numbers_is_in_the_trail() {
    let api = Api::new().await;
    let (admin, town) = desk(&api).await;
    let rows = [("lines", town.line), ("contacts", town.contact), ("workers", town.worker)];
    for (noun, id) in rows {
        admin.post(&format!("/{noun}/{id}/reads"), json!({})).await.expect(204);
        admin.post(&format!("/{noun}/99/reads"), json!({})).await.expect(404);
    }
    let auditor = api.token("auditor", Scope::Auditor).await;
    let trail =
        api.admin(&auditor).get("/audit?chain=directory&limit=200").await.expect(200).json();
    let reads =
        trail["items"].as_array().expect("items").iter().filter(|one| one["action"] == "read");
    let told: Vec<_> = reads.map(|one| (one["actor"].as_str(), one["noun"].as_str())).collect();
    let root = Some("token:root");
    assert_eq!(told, [(root, Some("line")), (root, Some("contact")), (root, Some("worker"))]);
}

#[tokio::test]
async fn people_doors_and_numbers_are_found() {
    let api = Api::new().await;
    let (admin, town) = desk(&api).await;
    let found = async |words: &str| {
        let page = admin.get(&format!("/search?q={words}")).await.expect(200).json();
        let items = page["items"].as_array().expect("items").clone();
        items
            .iter()
            .map(|one| format!("{}/{}", one["noun"].as_str().unwrap_or_default(), one["id"]))
            .collect::<Vec<_>>()
    };
    let (household, contact) =
        (format!("households/{}", town.household), format!("contacts/{}", town.contact));
    assert_eq!(found("cay").await, [household.clone(), contact.clone()]);
    assert_eq!(found("%E9%99%88%E9%98%BF").await, [household.clone(), contact.clone()]);
    assert_eq!(found("3-502").await, [household]);
    assert_eq!(found("13800001").await, [contact]);
    assert_eq!(found("lq").await, [format!("workers/{}", town.worker)]);
    let page = admin.get("/search?q=cay&limit=1").await.expect(200);
    assert!(!page.text.contains("13800001111"), "{}", page.text);
    assert_eq!(page.json()["next"], 1);
    assert_eq!(admin.get("/search?q=13").await.expect(200).json()["is_too_short"], true);
    admin.get("/search?q=cay&limit=1000").await.expect(400);
}

#[tokio::test]
async fn lines_say_how_they_are() {
    let api = Api::new().await;
    let (admin, town) = desk(&api).await;
    let ids = async |query: &str| {
        let page = admin.get(&format!("/lines/status{query}")).await.expect(200).json();
        page["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|one| (one["id"].as_u64(), one["state"].clone()))
            .collect::<Vec<_>>()
    };
    let line = Some(town.line);
    assert_eq!(ids("").await, [(line, json!("never"))]);
    api.line_lamp.lost.lock().expect("no panic").insert("1001".to_owned(), api.clock.now());
    assert_eq!(ids("?state=down").await, [(line, json!("down"))]);
    assert_eq!(ids("?state=up").await, []);
    let (now, expires) = (api.clock.now(), api.clock.now() + SignedDuration::from_mins(2));
    let device = Some("Grandstream HT801".to_owned());
    let binding = Binding { from: "udp 192.0.2.7:5060".into(), device, since: now, expires };
    api.line_lamp.registered.lock().expect("no panic").push(("1001".to_owned(), binding));
    let page = admin.get("/lines/status?state=up").await.expect(200).json();
    let one = &page["items"][0];
    assert_eq!(
        (&one["device"], &one["from"]),
        (&json!("Grandstream HT801"), &json!("udp 192.0.2.7:5060"))
    );
    assert_eq!((&one["last"], &page["next"]), (&Value::Null, &Value::Null));
    assert_eq!(ids(&format!("?after={}", town.line)).await, []);
    assert_eq!(ids("?community_id=99").await, []);
    admin.get("/lines/status?state=broken").await.expect(400);
}
