//! The nouns of the directory: each is created, read, replaced, listed and deleted, and two editors do not overwrite
//! each other.

use super::{Api, Client, Reply};
use axum::http::Method;
use lianfang::store::tokens::Scope;
use serde_json::{Value, json};

async fn with_admin(api: &Api) -> Client<'_> {
    let secret = api.token("root", Scope::Admin).await;
    api.admin(&secret)
}

/// What every noun must do, given two drafts of it and what the rows are to contain.
async fn lives(admin: &Client<'_>, path: &str, first: Value, second: Value) {
    let created = admin.post(path, first.clone()).await.expect(201);
    assert_eq!(created.header("etag"), "\"1\"");
    let id = created.json()["id"].as_u64().expect("an id");
    let one = format!("{path}/{id}");
    assert_eq!(created.header("location"), format!("/api/v1{one}"));
    has(&created, &first, 1);

    let read = admin.get(&one).await.expect(200);
    assert_eq!(read.json(), created.json());
    assert_eq!(read.header("etag"), "\"1\"");

    let replaced = admin.put(&one, 1, second.clone()).await.expect(200);
    assert_eq!(replaced.header("etag"), "\"2\"");
    has(&replaced, &second, 2);

    let late = admin.put(&one, 1, first.clone()).await.expect(412);
    assert_eq!((late.problem().as_str(), late.header("etag")), ("changed", "\"2\""));
    admin.delete(&one, 1).await.expect(412);
    has(&admin.get(&one).await.expect(200), &second, 2);
    let unsaid = admin.call(Method::PUT, &one).json(&first).send().await.expect(428);
    assert_eq!(unsaid.problem(), "if-match-required");
    admin.call(Method::DELETE, &one).send().await.expect(428);

    let all = admin.get(path).await.expect(200).json();
    let ids = all["items"].as_array().expect("items").iter().map(|row| row["id"].as_u64());
    assert!(ids.flatten().any(|known| known == id), "{all}");

    let deleted = admin.delete(&one, 2).await.expect(204);
    assert_eq!(deleted.text, "");
    admin.get(&one).await.expect(404);
    admin.put(&one, 2, first).await.expect(404);
    admin.delete(&one, 2).await.expect(404);
}

/// What was written is read, numbers in their stored form left aside.
#[track_caller]
fn has(reply: &Reply, draft: &Value, version: u32) {
    let row = reply.json();
    assert_eq!(row["version"], version);
    for (field, wanted) in draft.as_object().expect("an object") {
        if field != "number" && field != "numbers" {
            assert_eq!(&row[field], wanted, "{field} of {row}");
        }
    }
}

#[tokio::test]
async fn every_noun_lives_and_dies() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    let town = admin.town().await;
    let (community, household) = (town.community, town.household);
    let drafts = [
        ("/streets", json!({"name": "莲花"}), json!({"name": "莲前"})),
        (
            "/communities",
            json!({"street_id": town.street, "name": "湖滨", "area_code": "0592"}),
            json!({"street_id": town.street, "name": "湖滨", "area_code": "010", "language": "en",
                "time_zone": "Asia/Urumqi", "alarm_codes": ["#9", "99#"], "access_numbers": ["9000"]}),
        ),
        (
            "/grids",
            json!({"community_id": community, "name": "2"}),
            json!({"community_id": community, "name": "3"}),
        ),
        (
            "/groups",
            json!({"grid_id": town.grid, "name": "3-2"}),
            json!({"grid_id": town.grid, "name": "3-2", "acknowledgements_wanted": 3}),
        ),
        (
            "/households",
            json!({"group_id": town.group, "name": "302 李强家"}),
            json!({"group_id": town.group, "name": "302", "place": "文园", "building": "A座",
                "unit": "2", "floor": "3", "door": "302", "pronunciation": "san1 ling2 er4",
                "position": 7, "language": "en"}),
        ),
        (
            "/lines",
            json!({"household_id": household, "number": "0592-5551235", "account": "1002"}),
            json!({"household_id": household, "number": "5551236", "account": "1003",
                "hotline_grace_s": 0, "is_silent": true}),
        ),
        (
            "/contacts",
            json!({"household_id": household, "name": "小陈"}),
            json!({"household_id": household, "name": "小陈", "rank": 2, "language": "zh-CN",
                "numbers": [{"number": "13800003333", "voice": false}]}),
        ),
        (
            "/workers",
            json!({"community_id": community, "name": "王芳"}),
            json!({"community_id": community, "name": "王芳", "language": "en", "is_on_duty": true,
                "numbers": [{"number": "5556666", "sms": false}]}),
        ),
    ];
    for (path, first, second) in drafts {
        lives(&admin, path, first, second).await;
    }
}

#[tokio::test]
async fn every_part_of_a_roster_lives_and_dies() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    let town = admin.town().await;
    let (community, worker) = (town.community, town.worker);
    let other = json!({"community_id": community, "name": "王芳"});
    let other = admin.create("/workers", other).await;
    let post = json!({"community_id": community, "code": "A", "name": "A岗"});
    let post = admin.create("/posts", post).await;
    let rotation = json!({"community_id": community, "name": "早晚", "worker_ids": [worker, other],
        "every": 1, "unit": "weeks", "anchor": "2026-11-23"});
    let rotation = admin.create("/rotations", rotation).await;
    let turn = |from: &str, to: &str| json!({"post_id": post, "from": from, "to": to});
    let gives = turn("2026-11-23T00:00:00Z", "2026-11-23T12:00:00Z");
    let takes = turn("2026-11-24T00:00:00Z", "2026-11-24T12:00:00Z");
    let (from, to) = ("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z");
    let drafts = [
        (
            "/posts",
            json!({"community_id": community, "code": "B", "name": "B岗"}),
            json!({"community_id": community, "code": "leader", "name": "带班", "cover": "shifts",
                "grid_id": town.grid}),
        ),
        (
            "/rotations",
            json!({"community_id": community, "name": "二人", "worker_ids": [worker], "every": 3,
                "unit": "days", "anchor": "2026-11-23"}),
            json!({"community_id": community, "name": "二人", "worker_ids": [other, worker],
                "at_once": 2, "every": 1, "unit": "shifts", "anchor": "2026-01-01"}),
        ),
        (
            "/shifts",
            json!({"community_id": community, "post_id": post, "worker_ids": [worker],
                "starts": "08:00:00", "ends": "20:00:00"}),
            json!({"community_id": community, "post_id": post, "rotation_id": rotation,
                "worker_ids": [], "weekdays": ["saturday", "sunday"],
                "day_kinds": ["rest_day", "holiday"], "starts": "20:00:00", "ends": "08:00:00",
                "days_later": 1, "first_day": "2026-11-01", "last_day": "2027-11-01"}),
        ),
        (
            "/overrides",
            json!({"community_id": community, "post_id": post, "worker_id": other,
                "from": from, "to": to}),
            json!({"community_id": community, "post_id": post, "worker_id": other,
                "instead_of_id": worker, "from": from, "to": to}),
        ),
        (
            "/swaps",
            json!({"community_id": community, "proposer_id": worker, "other_id": other,
                "gives": gives}),
            json!({"community_id": community, "proposer_id": other, "other_id": worker,
                "gives": gives, "takes": takes}),
        ),
        (
            "/absences",
            json!({"community_id": community, "worker_id": worker, "from": from, "to": to}),
            json!({"community_id": community, "worker_id": worker, "stand_in_id": other,
                "from": from, "to": to}),
        ),
    ];
    for (path, first, second) in drafts {
        lives(&admin, path, first, second).await;
    }
}

#[tokio::test]
async fn numbers_are_read_with_the_area_code_of_the_community() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    let town = admin.town().await;
    let line = admin.get(&format!("/lines/{}", town.line)).await.json();
    assert_eq!(
        line["number"],
        json!({"key": "+865925551234", "written": "5551234", "to_confirm": false})
    );
    let contact = json!({"household_id": town.household, "name": "x", "numbers": [
        {"number": "138 0000 1111"}, {"number": "5556666"}, {"number": "12349", "sms": true}]});
    let contact = admin.post("/contacts", contact).await.expect(201).json();
    let numbers = contact["numbers"].as_array().expect("numbers");
    let short: Vec<_> = numbers
        .iter()
        .map(|number| (number["key"].as_str().unwrap_or_default(), number["sms"] == true))
        .collect();
    assert_eq!(
        short,
        [("+8613800001111", true), ("+865925556666", false), ("short:12349@0592", true)]
    );
}

#[tokio::test]
async fn an_edit_is_in_the_snapshot_when_it_is_answered() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    let town = admin.town().await;
    let find = |account: &str| {
        let directory = api.directory.current();
        let (_, household, line) = directory.resolve(directory.line_by_account(account)?)?;
        Some((household.name.to_string(), line.number.key().to_owned()))
    };
    assert_eq!(find("1001"), Some(("陈阿姨".to_owned(), "+865925551234".to_owned())));
    let one = format!("/lines/{}", town.line);
    let draft = json!({"household_id": town.household, "number": "5559999", "account": "2001"});
    admin.put(&one, 1, draft).await.expect(200);
    assert_eq!(find("1001"), None);
    assert_eq!(find("2001"), Some(("陈阿姨".to_owned(), "+865925559999".to_owned())));
    let household = format!("/households/{}", town.household);
    admin.put(&household, 1, json!({"group_id": town.group, "name": "老陈"})).await.expect(200);
    assert_eq!(find("2001").map(|found| found.0), Some("老陈".to_owned()));
    admin.delete(&one, 2).await.expect(204);
    assert_eq!(find("2001"), None);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    let mut wanted = Vec::new();
    for number in 0..7 {
        wanted.push(admin.create("/streets", json!({"name": format!("街 {number}")})).await);
    }
    for limit in [1, 2, 3, 7, 200] {
        let mut found = Vec::new();
        let mut after = json!(0);
        while !after.is_null() {
            let page =
                admin.get(&format!("/streets?limit={limit}&after={after}")).await.expect(200);
            let page = page.json();
            let items = page["items"].as_array().expect("items").clone();
            assert!((1..=limit).contains(&items.len()), "{limit}: {page}");
            found.extend(items.iter().filter_map(|row| row["id"].as_u64()));
            after = page["next"].clone();
        }
        assert_eq!(found, wanted, "{limit}");
    }
    let beyond = admin.get("/streets?after=4294967295").await.expect(200).json();
    assert_eq!(beyond, json!({"items": [], "next": null}));
}

#[tokio::test]
async fn lists_keep_to_the_parent() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    let town = admin.town().await;
    let other = json!({"group_id": town.group, "name": "302"});
    let other = admin.create("/households", other).await;
    let of_other = json!({"household_id": other, "name": "小李"});
    let of_other = admin.create("/contacts", of_other).await;
    let ids = |reply: Reply| {
        let items = reply.json()["items"].as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|row| row["id"].as_u64()).collect::<Vec<_>>()
    };
    let check = async |path: String, wanted: &[u64]| {
        assert_eq!(ids(admin.get(&path).await.expect(200)), wanted, "{path}");
    };
    check(format!("/communities?street_id={}", town.street), &[town.community]).await;
    check(format!("/grids?community_id={}", town.community), &[town.grid]).await;
    check(format!("/groups?grid_id={}", town.grid), &[town.group]).await;
    check(format!("/households?group_id={}", town.group), &[town.household, other]).await;
    check(format!("/households?group_id={}&after={}", town.group, town.household), &[other]).await;
    check(format!("/lines?household_id={}", town.household), &[town.line]).await;
    check(format!("/lines?household_id={other}"), &[]).await;
    check(format!("/contacts?household_id={}", town.household), &[town.contact]).await;
    check(format!("/contacts?household_id={other}"), &[of_other]).await;
    check(format!("/workers?community_id={}", town.community), &[town.worker]).await;
    check("/workers?community_id=99".to_owned(), &[]).await;
}

#[tokio::test]
async fn nothing_else_goes_with_what_is_deleted() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    let town = admin.town().await;
    let community = json!({"street_id": town.street, "name": "美仁社区", "area_code": "0592"});
    let community = admin.create("/communities", community).await;
    let grid = admin.create("/grids", json!({"community_id": town.community, "name": "9"})).await;
    let household = json!({"group_id": town.group, "name": "陈家", "door": "9"});
    let household = admin.create("/households", household).await;
    let responder = |own: Value| {
        let mut draft =
            json!({"community_id": town.community, "numbers": [{"number": "13911112222"}]});
        draft
            .as_object_mut()
            .expect("an object")
            .extend(own.as_object().expect("an object").clone());
        draft
    };
    let helper = json!({"name": "孙女", "kind": "helper", "household_id": household});
    let helper = admin.create("/responders", responder(helper)).await;
    let patrol = json!({"name": "巡逻队", "kind": "patrol", "grid_id": grid});
    let patrol = admin.create("/responders", responder(patrol)).await;
    let part = json!({"latitude_e6": 24_500_000, "longitude_e6": 118_100_000, "zoom": 16});
    let plan = format!("/communities/{community}/plan");
    admin.call(Method::PUT, &format!("{plan}/map")).json(&part).send().await.expect(200);
    let paths = [
        format!("/households/{household}"),
        format!("/grids/{grid}"),
        format!("/communities/{community}"),
    ];
    for path in &paths {
        assert_eq!(admin.delete(path, 1).await.expect(409).problem(), "has-children", "{path}");
    }
    let made = admin.get(&format!("/history?noun=households&id={household}")).await.expect(200);
    let undo = format!("/history/{}/undo", made.json()["items"][0]["id"]);
    assert_eq!(admin.post(&undo, json!({})).await.expect(409).problem(), "has-children");
    for responder in [helper, patrol] {
        admin.delete(&format!("/responders/{responder}"), 1).await.expect(204);
    }
    admin.delete(&plan, 1).await.expect(204);
    for path in &paths {
        admin.delete(path, 1).await.expect(204);
    }
}

#[tokio::test]
async fn what_others_belong_to_stays() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    let town = admin.town().await;
    for path in [
        format!("/streets/{}", town.street),
        format!("/communities/{}", town.community),
        format!("/grids/{}", town.grid),
        format!("/groups/{}", town.group),
        format!("/households/{}", town.household),
    ] {
        let reply = admin.delete(&path, 1).await.expect(409);
        assert_eq!(reply.problem(), "has-children", "{path}");
    }
}

#[tokio::test]
async fn of_two_editors_at_once_one_is_told() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    let town = admin.town().await;
    let one = format!("/streets/{}", town.street);
    let (left, right) = tokio::join!(
        admin.put(&one, 1, json!({"name": "左"})),
        admin.put(&one, 1, json!({"name": "右"})),
    );
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    assert_eq!(admin.get(&one).await.json()["version"], 2);
}

#[tokio::test]
async fn every_mistake_is_named() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    let town = admin.town().await;
    let check = async |path: &str, draft: Value, wanted: &[&str]| {
        let reply = admin.post(path, draft.clone()).await.expect(422);
        assert_eq!(
            (reply.problem().as_str(), reply.pointers()),
            ("invalid", strings(wanted)),
            "{draft}"
        );
    };
    let strings_of = json!({"name": "筼筜街道"});
    check("/streets", strings_of, &["/name"]).await;
    check("/streets", json!({"name": "  "}), &["/name"]).await;
    check("/streets", json!({"name": "x".repeat(101)}), &["/name"]).await;
    check("/streets", json!({"name": "a\u{0}b"}), &["/name"]).await;
    check("/streets", json!({"name": 7}), &["/name"]).await;
    check("/streets", json!({"name": "x", "id": 7}), &["/id"]).await;
    check("/streets", json!({}), &[""]).await;
    check("/grids", json!({"community_id": 99, "name": "1"}), &["/community_id"]).await;
    check("/grids", json!({"community_id": -1, "name": "1"}), &["/community_id"]).await;
    check("/grids", json!({"community_id": town.community, "name": "1"}), &["/name"]).await;
    let group = json!({"grid_id": town.grid, "name": "9", "acknowledgements_wanted": 21});
    check("/groups", group, &["/acknowledgements_wanted"]).await;
    let group = json!({"grid_id": town.grid, "name": "9", "acknowledgements_wanted": 300});
    check("/groups", group, &["/acknowledgements_wanted"]).await;
    let line = json!({"household_id": town.household, "number": "110", "account": "1001 "});
    check("/lines", line, &["/number", "/account"]).await;
    let line = json!({"household_id": town.household, "number": "+86 592 5551234", "account": "7"});
    check("/lines", line, &["/number"]).await;
    let contact = json!({"household_id": town.household, "name": "x", "language": "fr"});
    check("/contacts", contact, &["/language"]).await;
    let contact = json!({"household_id": town.household, "name": "x",
        "numbers": [{"number": "13800001111"}, {"number": "0592-119"}, {"number": "+8613800001111"}]});
    check("/contacts", contact, &["/numbers/1/number", "/numbers/2/number"]).await;
    let worker = json!({"community_id": town.community, "name": "王", "numbers": vec![json!({"number": "1"}); 11]});
    check("/workers", worker, &["/numbers"]).await;
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}
