//! What people do with the directory: look at groups, divide a community, search, see how lines are.

use super::{Api, Client, Town};
use axum::http::Method;
use jiff::SignedDuration;
use lianfang::store::accounts::Role;
use lianfang::store::alarm_log::{NewEvents, OpenedAlarm};
use lianfang::store::reach::Reach;
use lianfang::store::secrets::{Hashes, make_line_secret};
use lianfang::store::tokens::Scope;
use lianfang::web::ports::Binding;
use lianfang_domain::alarm::{CloseOutcome, Event, Proof, Trigger, TriggerSource};
use lianfang_domain::id::{AlarmId, CommunityId, GroupId, HouseholdId, LineId};
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
    assert_eq!(first["lines"][0]["heard_by"], "registration");
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
async fn a_number_is_read_as_a_row_would_before_it_is_saved() {
    let api = Api::new().await;
    let (admin, town) = desk(&api).await;
    let read = async |text: &str| {
        admin.get(&format!("/numbers?community_id={}&text={text}", town.community)).await
    };
    for (text, sort, shown, is_local) in [
        ("5551502", "landline", "0592-5551502", true),
        ("010-88886666", "landline", "010-88886666", false),
        ("138%200000%201234", "mobile", "138 0000 1234", false),
        ("801", "extension", "801", false),
        ("12349", "service", "12349", true),
    ] {
        let number = read(text).await.expect(200).json();
        let told = (number["sort"].as_str(), number["shown"].as_str(), &number["is_local"]);
        assert_eq!(told, (Some(sort), Some(shown), &json!(is_local)), "{text}");
        assert_eq!(number["sms"], json!(sort == "mobile"), "{text}");
    }
    // What is said is what a row keeps, or is refused for.
    let contact =
        json!({"household_id": town.household, "name": "x", "numbers": [{"number": "5551502"}]});
    let kept = admin.post("/contacts", contact).await.expect(201).json();
    assert_eq!(kept["numbers"][0]["key"], read("5551502").await.expect(200).json()["key"]);
    for text in ["abc", "110", "", "1234567890123456789012345"] {
        assert_eq!(read(text).await.expect(422).pointers(), ["/text"], "{text}");
    }
    admin.get("/numbers?text=801").await.expect(400);
    admin.get("/numbers?text=801&community_id=99").await.expect(404);
    let elsewhere = json!({"street_id": town.street, "name": "别处", "area_code": "010"});
    let elsewhere = admin.create("/communities", elsewhere).await;
    let reach = Reach::Community(CommunityId(u32::try_from(elsewhere).expect("small")));
    let stranger = api.person("zhou", Role::Operator, reach).await;
    let path = |community: u64| format!("/numbers?community_id={community}&text=5551502");
    stranger.get(&path(town.community)).await.expect(404);
    let here = stranger.get(&path(elsewhere)).await.expect(200).json();
    assert_eq!(here["shown"], "010-5551502", "a number is read where it is written down");
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
async fn places_are_found_and_accounts_by_who_keeps_them() {
    let api = Api::new().await;
    let (admin, town) = desk(&api).await;
    let community = json!({"street_id": town.street, "name": "滨江社区", "area_code": "0592"});
    let community = admin.create("/communities", community).await;
    let grid = json!({"community_id": community, "name": "江景网格"});
    let grid = admin.create("/grids", grid).await;
    let group = admin.create("/groups", json!({"grid_id": grid, "name": "江边一组"})).await;
    let reach = Reach::Community(CommunityId(u32::try_from(community).expect("small")));
    let near = api.person("jiang", Role::Operator, reach).await;
    let keeper = api.person("jia", Role::Admin, reach).await;
    let found = async |who: &Client<'_>, words: &str| {
        let page = who.get(&format!("/search?q={words}")).await.expect(200).json();
        let items = page["items"].as_array().expect("items").clone();
        let told = |one: &Value| {
            let text = |field: &str| one[field].as_str().unwrap_or_default().to_owned();
            (format!("{}/{}", text("noun"), one["id"]), text("place"))
        };
        items.iter().map(told).collect::<Vec<_>>()
    };
    let at = |noun: &str, id: u64, place: &str| (format!("{noun}/{id}"), place.to_owned());
    let street = at("streets", town.street, "");
    let here = at("communities", community, "筼筜街道");
    let (grid, group) = (at("grids", grid, ""), at("groups", group, "江景网格"));
    assert_eq!(found(&admin, "ydjd").await, std::slice::from_ref(&street));
    assert_eq!(found(&admin, "bjsq").await, std::slice::from_ref(&here));
    assert_eq!(found(&admin, "%E6%B1%9F%E6%99%AF").await, std::slice::from_ref(&grid));
    assert_eq!(found(&admin, "jbyz").await, std::slice::from_ref(&group));
    let all = found(&admin, "jiang").await;
    assert!(
        all.iter().any(|(path, name)| path.starts_with("accounts/") && name == "jiang"),
        "{all:?}"
    );
    // Who keeps no accounts finds none; who keeps those of a community no others.
    assert_eq!(found(&near, "jiang").await, [grid, group, here]);
    let kept = found(&keeper, "ji").await;
    assert_eq!(
        kept.iter().filter(|(path, _)| path.starts_with("accounts/")).count(),
        2,
        "{kept:?}"
    );
    let elsewhere = CommunityId(u32::try_from(town.community).expect("small"));
    let stranger = api.person("jie", Role::Admin, Reach::Community(elsewhere)).await;
    let kept = found(&stranger, "ji").await;
    let kept = kept.iter().filter(|(path, _)| path.starts_with("accounts/"));
    assert_eq!(kept.map(|(_, name)| &**name).collect::<Vec<_>>(), ["jie"]);
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
    assert_eq!(one["time_zone"], "Asia/Shanghai");
    assert_eq!(ids(&format!("?after={}", town.line)).await, []);
    assert_eq!(ids("?community_id=99").await, []);
    admin.get("/lines/status?state=broken").await.expect(400);
}

/// Records an alarm of the line that began and, unless it is open, ended so.
async fn was(api: &Api, number: u64, source: TriggerSource, outcome: Option<CloseOutcome>) {
    let alarm = AlarmId(number << 40);
    let code = if source == TriggerSource::Keyed { "*9" } else { "#9" };
    let trigger = Trigger {
        line: LineId(1),
        household: HouseholdId(1),
        group: GroupId(1),
        code: code.into(),
        source,
        proof: Proof::Trunk,
        idempotency_key: format!("k{number}").into(),
    };
    let now = api.clock.now();
    let mut events = vec![Event::Raised { trigger, follows: None }];
    events.extend(outcome.map(|outcome| Event::Closed {
        actor: "root".into(),
        outcome,
        matter: None,
        by: None,
    }));
    let opened = OpenedAlarm {
        line: LineId(1),
        idempotency_key: format!("k{number}").into(),
        follows: None,
        raised: now,
    };
    let batch = NewEvents {
        alarm,
        first_sequence: 0,
        at: now,
        events,
        plan: None,
        opened: Some(opened),
        closed: outcome.map(|_| now),
        beginning: None,
    };
    api.log.append(vec![batch]).expect("queued").await.expect("kept");
}

#[tokio::test]
async fn a_line_tells_its_last_alarm_drill_and_test_and_what_it_sent() {
    let api = Api::new().await;
    let (admin, town) = desk(&api).await;
    let path = format!("/lines/{}/status", town.line);
    let ask = async || admin.get(&path).await.expect(200).json();
    let fresh = ask().await;
    assert_eq!((&fresh["state"], &fresh["heard_by"]), (&json!("never"), &json!("trunk")));
    for last in ["last", "last_alarm", "last_drill", "last_test", "last_press"] {
        assert_eq!(fresh[last], Value::Null, "{last}");
    }
    was(&api, 1, TriggerSource::Dialled, Some(CloseOutcome::Genuine)).await;
    was(&api, 2, TriggerSource::Dialled, Some(CloseOutcome::Drill)).await;
    was(&api, 3, TriggerSource::Keyed, Some(CloseOutcome::Test)).await;
    was(&api, 4, TriggerSource::Drill, Some(CloseOutcome::Drill)).await;
    let told = ask().await;
    let of = |last: &str| told[last]["alarm_id"].as_str().and_then(|id| id.parse().ok());
    let id = |number: u64| Some(AlarmId(number << 40));
    let lasts = ["last", "last_alarm", "last_drill", "last_test", "last_press"].map(of);
    assert_eq!(lasts, [id(4), id(1), id(4), id(3), id(3)]);
    assert_eq!(told["last_drill"]["is_drill"], true);
    let press = &told["last_press"];
    assert_eq!(
        (&press["code"], &press["source"], &press["proof"]),
        (&json!("*9"), &json!("keyed"), &json!("trunk"))
    );
    // One that is still open is an alarm, whatever it may turn out to be.
    was(&api, 5, TriggerSource::Dialled, None).await;
    assert_eq!(ask().await["last_alarm"]["alarm_id"], AlarmId(5 << 40).to_string());
    // A line that has a password registers, or should.
    let editor = api.store.directory().edited_by("cli:test", api.clock.now());
    make_line_secret(&editor, "1001", "lianfang", Hashes::Both).await.expect("makes");
    api.directory.refresh().await.expect("reads");
    assert_eq!(ask().await["heard_by"], "registration");
    admin.get("/lines/99/status").await.expect(404);
}

/// The edits of a row, the latest first.
async fn edits(admin: &Client<'_>, noun: &str, id: u64) -> Vec<Value> {
    let page = admin.get(&format!("/history?noun={noun}&id={id}")).await.expect(200).json();
    page["items"].as_array().expect("items").clone()
}

#[tokio::test]
async fn every_edit_is_kept_and_can_be_undone() {
    let api = Api::new().await;
    let (admin, town) = desk(&api).await;
    let path = format!("/households/{}", town.household);
    let before = admin.get(&path).await.expect(200).json();
    let renamed = json!({"group_id": town.group, "name": "黄阿姨", "building": "3", "door": "503"});
    let why = "%E6%90%AC%E5%AE%B6";
    let put = admin.call(Method::PUT, &path).header("if-match", "\"1\"").header("x-reason", why);
    put.json(&renamed).send().await.expect(200);

    let found = edits(&admin, "households", town.household).await;
    let told: Vec<_> = found.iter().map(|edit| edit["action"].clone()).collect();
    assert_eq!(told, ["replaced", "created"]);
    assert_eq!((&found[0]["who"], &found[0]["why"]), (&json!("token:root"), &json!("搬家")));
    let change = |field: &str, before: &str, after: &str| json!({"field": field, "before": before, "after": after});
    assert_eq!(
        found[0]["changes"],
        json!([change("door", "502", "503"), change("name", "陈阿姨", "黄阿姨")])
    );

    let undo = |edit: &Value| format!("/history/{}/undo", edit["id"]);
    let created = admin.post(&undo(&found[1]), json!({})).await.expect(409);
    assert_eq!(created.problem(), "edited-since");
    admin.post(&undo(&found[0]), json!({})).await.expect(204);
    let after = admin.get(&path).await.expect(200).json();
    assert_eq!(
        (&after["name"], &after["door"], &after["version"]),
        (&before["name"], &before["door"], &json!(3))
    );
    assert_eq!(edits(&admin, "households", town.household).await.len(), 3, "undoing is an edit");
    admin.post(&undo(&found[0]), json!({})).await.expect(409);
    admin.post("/history/999/undo", json!({})).await.expect(404);
    admin.get("/history?noun=alarms").await.expect(400);
}

#[tokio::test]
async fn what_was_removed_comes_back_as_it_was() {
    let api = Api::new().await;
    let (admin, town) = desk(&api).await;
    let path = format!("/contacts/{}", town.contact);
    let before = admin.get(&path).await.expect(200).json();
    admin.delete(&path, 1).await.expect(204);
    let found = edits(&admin, "contacts", town.contact).await;
    assert!(!json!(found).to_string().contains("13800001111"), "numbers are masked: {found:?}");
    admin.post(&format!("/history/{}/undo", found[0]["id"]), json!({})).await.expect(204);
    let after = admin.get(&path).await.expect(200).json();
    assert_eq!((&after["numbers"], &after["version"]), (&before["numbers"], &json!(2)));
    admin.get("/search?q=13800001").await.expect(200).json()["items"][0]["id"]
        .as_u64()
        .expect("is found again");

    // What others hang on cannot be unmade, and what hung on something that is gone does not come back.
    let group = edits(&admin, "groups", town.group).await;
    assert_eq!(
        admin
            .post(&format!("/history/{}/undo", group[0]["id"]), json!({}))
            .await
            .expect(409)
            .problem(),
        "has-children"
    );
    admin.delete(&path, 2).await.expect(204);
    admin.delete(&format!("/lines/{}", town.line), 1).await.expect(204);
    admin.delete(&format!("/households/{}", town.household), 1).await.expect(204);
    let found = edits(&admin, "contacts", town.contact).await;
    admin.post(&format!("/history/{}/undo", found[0]["id"]), json!({})).await.expect(404);
}

#[tokio::test]
async fn a_reason_has_a_length() {
    let api = Api::new().await;
    let (admin, _) = desk(&api).await;
    let post = |why: &str| {
        admin.call(Method::POST, "/streets").header("x-reason", why).json(&json!({"name": "x"}))
    };
    post(&"a".repeat(201)).send().await.expect(400);
    post("%00").send().await.expect(400);
    post("new+street").send().await.expect(201);
    let page = admin.get("/history?noun=streets&limit=1").await.expect(200).json();
    assert_eq!((&page["items"][0]["why"], page["next"].is_null()), (&json!("new street"), false));
}

#[tokio::test]
async fn the_trail_stands_beside_what_was_undone() {
    let api = Api::new().await;
    let (admin, town) = desk(&api).await;
    admin.delete(&format!("/workers/{}", town.worker), 1).await.expect(204);
    let found = edits(&admin, "workers", town.worker).await;
    admin.post(&format!("/history/{}/undo", found[0]["id"]), json!({})).await.expect(204);
    let auditor = api.token("auditor", Scope::Auditor).await;
    let trail = api.admin(&auditor).get("/audit?chain=directory&limit=200").await.expect(200);
    assert!(!trail.text.contains("李强"), "{}", trail.text);
    let actions: Vec<Value> = trail.json()["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter(|one| one["noun"] == "worker")
        .map(|one| one["action"].clone())
        .collect();
    assert_eq!(actions, ["create", "delete", "create"]);
}
