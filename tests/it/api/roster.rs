//! The duty roster over the API: who is on duty, what goes wrong, swaps with consent, holidays, calendars.

use super::{Api, Client, Town};
use axum::body::Body;
use axum::http::Method;
use lianfang::store::accounts::Role;
use lianfang::store::audit::{self, Chain};
use lianfang::store::hand_over;
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang_domain::handover::{self, Asked};
use lianfang_domain::id::{CommunityId, PostId, WorkerId};
use lianfang_domain::plan::{self, PlanFor, Policy};
use serde_json::{Value, json};

/// A town whose post A is worker 李强's by day and 王芳's by night. It is eight in the morning there.
struct Desk<'a> {
    admin: Client<'a>,
    town: Town,
    night: u64,
    post: u64,
    day_shift: u64,
}

async fn desk(api: &Api) -> Desk<'_> {
    let secret = api.token("root", Scope::Admin).await;
    let admin = api.admin(&secret);
    let town = admin.town().await;
    let community = town.community;
    let night = json!({"community_id": community, "name": "王芳",
        "numbers": [{"number": "13900003333"}]});
    let night = admin.create("/workers", night).await;
    let post = json!({"community_id": community, "code": "A", "name": "A岗"});
    let post = admin.create("/posts", post).await;
    let day = json!({"community_id": community, "post_id": post, "worker_ids": [town.worker],
        "starts": "08:00", "ends": "20:00"});
    let day_shift = admin.create("/shifts", day).await;
    let shift = json!({"community_id": community, "post_id": post, "worker_ids": [night],
        "starts": "20:00", "ends": "08:00", "days_later": 1});
    admin.create("/shifts", shift).await;
    for worker in [town.worker, night] {
        admin.post(&format!("/workers/{worker}/visits"), json!({})).await.expect(200);
    }
    Desk { admin, town, night, post, day_shift }
}

impl Desk<'_> {
    async fn on_duty(&self, at: &str) -> Vec<u64> {
        let at = if at.is_empty() { String::new() } else { format!("?at={at}") };
        let path = format!("/communities/{}/duty{at}", self.town.community);
        let duty = self.admin.get(&path).await.expect(200).json();
        let held = duty["on_duty"].as_array().expect("a list");
        held.iter().map(|held| held["worker_id"].as_u64().expect("an id")).collect()
    }

    async fn findings(&self) -> Vec<Value> {
        let path = format!("/communities/{}/roster/findings", self.town.community);
        let found = self.admin.get(&path).await.expect(200).json();
        found["items"].as_array().expect("a list").clone()
    }

    /// The words of what is wrong with a draft.
    async fn refused(&self, path: &str, draft: Value) -> String {
        let reply = self.admin.post(path, draft).await.expect(422);
        reply.json()["errors"][0]["detail"].as_str().expect("words").to_owned()
    }
}

#[tokio::test]
async fn the_roster_is_told_day_by_day() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    let days = json!({"days": [{"date": "2026-11-24", "kind": "holiday", "name": "社区日"}]});
    let path = format!("/calendars/2026?community_id={}", desk.town.community);
    let tag = desk.admin.get(&path).await.expect(200).header("etag").to_owned();
    let put = || desk.admin.call(Method::PUT, &path).json(&days);
    put().send().await.expect(428);
    put().header("if-match", &tag).send().await.expect(204);
    // Two browsers edit one year: the second is told.
    assert_eq!(put().header("if-match", &tag).send().await.expect(412).problem(), "changed");
    let path = format!("/communities/{}/roster", desk.town.community);
    let roster = desk.admin.get(&format!("{path}?from=2026-11-23&days=2")).await.expect(200).json();
    assert_eq!(roster["time_zone"], "Asia/Shanghai");
    let day = |date: &str, from: &str, to: &str, kind: &str, is_listed: bool, name: &str| json!({"date": date, "from": from, "to": to, "kind": kind, "is_listed": is_listed, "name": name});
    let (first, second, third) =
        ("2026-11-22T16:00:00Z", "2026-11-23T16:00:00Z", "2026-11-24T16:00:00Z");
    assert_eq!(
        roster["days"],
        json!([
            day("2026-11-23", first, second, "workday", false, ""),
            day("2026-11-24", second, third, "holiday", true, "社区日"),
        ])
    );
    let post = &roster["posts"][0];
    assert_eq!((&post["code"], &post["cover"]), (&json!("A"), &json!("always")));
    let held: Vec<(&Value, &Value)> = post["segments"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (&one["from"], &one["worker_ids"][0]))
        .collect();
    let (day, night) = (json!(desk.town.worker), json!(desk.night));
    let at = |text: &str| json!(text);
    assert_eq!(
        held,
        [
            (&at(first), &night),
            (&at("2026-11-23T00:00:00Z"), &day),
            (&at("2026-11-23T12:00:00Z"), &night),
            (&at("2026-11-24T00:00:00Z"), &day),
            (&at("2026-11-24T12:00:00Z"), &night),
        ]
    );
    let names: Vec<&Value> =
        roster["workers"].as_array().expect("a list").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, [&json!("李强"), &json!("王芳")]);
    let today = desk.admin.get(&path).await.expect(200).json();
    assert_eq!(today["days"].as_array().map(Vec::len), Some(28));
    assert_eq!(today["days"][0]["date"], "2026-11-22");
    for wrong in ["from=soon", "from=9999-12-30", "days=0", "days=93", "until=2026-11-24"] {
        desk.admin.get(&format!("{path}?{wrong}")).await.expect(400);
    }
    desk.admin.get("/communities/99/roster").await.expect(404);
}

#[tokio::test]
async fn who_is_on_duty_follows_the_clock_on_the_wall() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    let (day, night) = (desk.town.worker, desk.night);
    assert_eq!(desk.on_duty("").await, [day]);
    assert_eq!(desk.on_duty("2026-11-22T19:59:59%2B08:00").await, [day]);
    assert_eq!(desk.on_duty("2026-11-22T20:00:00%2B08:00").await, [night]);
    let path = format!("/communities/{}/duty", desk.town.community);
    let duty = desk.admin.get(&path).await.expect(200).json();
    assert_eq!(duty["next_change"], "2026-11-22T12:00:00Z");
    assert_eq!((&duty["has_roster"], &duty["summary"]), (&json!(true), &json!("A岗 李强")));
    let wrong = desk.admin.get(&format!("{path}?at=tomorrow")).await.expect(400);
    assert_eq!(wrong.problem(), "parameter");
    desk.admin.get("/communities/99/duty").await.expect(404);
}

#[tokio::test]
async fn a_hand_over_is_shown_and_ended_over_the_api() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    let id = |id: u64| u32::try_from(id).expect("an id");
    let (day, night, post) = (desk.town.worker, desk.night, PostId(id(desk.post)));
    let community = CommunityId(id(desk.town.community));
    let changed_at = api.clock.now();
    let database = api.store.directory();
    let asked = Asked {
        post,
        changed_at,
        worker: WorkerId(id(day)),
        calls: 5,
        called_at: Some(changed_at),
        answer: handover::Answer::Open,
    };
    hand_over::record(database, &asked).await.expect("writes");
    hand_over::keep(database, community, (post, WorkerId(id(night))), changed_at)
        .await
        .expect("writes");
    api.directory.refresh().await.expect("refreshes");

    let path = format!("/communities/{community}/duty");
    let duty = desk.admin.get(&path).await.expect(200).json();
    assert_eq!(desk.on_duty("").await, [day, night]);
    assert_eq!(duty["hand_over_calls"], json!(false));
    assert_eq!(duty["kept"][0]["worker_id"], night);
    assert_eq!(duty["kept"][0]["name"], "王芳");
    let open: Vec<&Value> =
        duty["on_duty"].as_array().expect("a list").iter().map(|held| &held["hand_over"]).collect();
    assert_eq!(open, [&json!("awaited"), &json!("kept")]);
    let findings = format!("/communities/{community}/roster/findings");
    let awaited = |found: &Value| {
        let items = found["items"].as_array().expect("a list").iter();
        let awaited = items.filter(|item| item["kind"] == "not_taken_over");
        awaited.map(|item| item["worker_id"].clone()).collect::<Vec<Value>>()
    };
    assert_eq!(awaited(&desk.admin.get(&findings).await.expect(200).json()), [json!(day)]);
    assert_eq!(
        (&duty["asked"][0]["calls"], &duty["asked"][0]["answer"]),
        (&json!(5), &json!("open"))
    );

    let path = format!("{path}/{post}/take-over");
    let stranger = desk.admin.post(&path, json!({"worker_id": 99})).await.expect(422);
    assert_eq!(stranger.json()["errors"][0]["pointer"], "/worker_id");
    let nowhere = format!("/communities/{community}/duty/99/take-over");
    desk.admin.post(&nowhere, json!({"worker_id": day})).await.expect(404);
    desk.admin.post(&path, json!({"worker_id": night})).await.expect(422);
    for _ in 0..2 {
        desk.admin.post(&path, json!({"worker_id": day})).await.expect(204);
    }
    assert_eq!(awaited(&desk.admin.get(&findings).await.expect(200).json()), [Value::Null; 0]);
    assert_eq!(desk.on_duty("").await, [day]);
    let duty = desk.admin.get(&format!("/communities/{community}/duty")).await.expect(200).json();
    assert_eq!((&duty["kept"], &duty["asked"][0]["answer"]), (&json!([]), &json!("taken_over")));
}

#[tokio::test]
async fn calls_at_a_change_are_switched_on_for_a_community() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    let path = format!("/communities/{}", desk.town.community);
    let mut draft = desk.admin.get(&path).await.expect(200).json();
    assert_eq!(draft["hand_over_calls"], json!(false));
    let version = draft["version"].as_u64().and_then(|version| u32::try_from(version).ok());
    let fields = draft.as_object_mut().expect("an object");
    fields.retain(|name, _| name != "id" && name != "version");
    fields.insert("hand_over_calls".to_owned(), json!(true));
    desk.admin.put(&path, version.expect("a version"), draft).await.expect(200);
    let duty = desk.admin.get(&format!("{path}/duty")).await.expect(200).json();
    assert_eq!(duty["hand_over_calls"], json!(true));
}

#[tokio::test]
async fn a_plan_rings_whom_the_roster_names() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    let community =
        lianfang_domain::id::CommunityId(u32::try_from(desk.town.community).expect("small"));
    let directory = api.directory.current();
    let line = directory.line_by_account("1001").expect("the line");
    let policy = Policy::default();
    for (moment, wanted) in [("2026-11-22T00:00:00Z", "李强"), ("2026-11-22T12:00:00Z", "王芳")]
    {
        let wanted_for = PlanFor::unknown(&policy, moment.parse().expect("a moment"));
        let plan = plan::build(&directory, line, &wanted_for).expect("a plan");
        assert_eq!(&*plan.parties[0].name, wanted, "at {moment}");
    }
    assert!(!directory.community(community).expect("it is there").roster.is_empty());
}

#[tokio::test]
async fn impossible_rosters_are_refused_with_what_to_do() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    let (community, post, worker) = (desk.town.community, desk.post, desk.town.worker);
    let shift = |more: Value| {
        let mut draft = json!({"community_id": community, "post_id": post, "worker_ids": [worker],
            "starts": "08:00", "ends": "20:00"});
        let fields = draft.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        draft
    };
    for (more, wanted) in [
        (json!({"ends": "07:00"}), "结束早于开始"),
        (json!({"worker_ids": []}), "没有人"),
        (json!({"worker_ids": [999]}), "999 不存在"),
        (json!({"worker_ids": [worker, worker]}), "重复"),
        (json!({"weekdays": []}), "没有任何一天"),
        (json!({"rotation_id": 7, "worker_ids": []}), "不存在"),
        (json!({"post_id": 999}), "不存在"),
    ] {
        let told = desk.refused("/shifts", shift(more.clone())).await;
        assert!(told.contains(wanted), "{more}: {told}");
    }
    let over = |from: &str, to: &str| {
        json!({"community_id": community, "post_id": post, "worker_id": worker,
            "from": from, "to": to})
    };
    let (eight, nine, ten) =
        ("2026-11-23T08:00:00Z", "2026-11-23T09:00:00Z", "2026-11-23T10:00:00Z");
    desk.admin.create("/overrides", over(eight, ten)).await;
    assert!(desk.refused("/overrides", over(nine, ten)).await.contains("重叠"));
    assert!(desk.refused("/overrides", over(nine, nine)).await.contains("结束早于开始"));
    let other = json!({"street_id": desk.town.street, "name": "湖滨", "area_code": "0592"});
    let other = desk.admin.create("/communities", other).await;
    let grid = desk.admin.create("/grids", json!({"community_id": other, "name": "1"})).await;
    let strange = json!({"community_id": community, "code": "B", "name": "B", "grid_id": grid});
    assert!(desk.refused("/posts", strange).await.contains("另一个社区"));
    // Who has a turn cannot leave: first somebody else takes it.
    let row = desk.admin.get(&format!("/workers/{}", desk.night)).await.json();
    let version = u32::try_from(row["version"].as_u64().expect("a version")).expect("small");
    let gone = desk.admin.delete(&format!("/workers/{}", desk.night), version).await.expect(409);
    assert_eq!(gone.problem(), "has-children");
    assert_eq!(desk.on_duty("2026-11-22T14:00:00Z").await, [desk.night], "nothing changed");
}

#[tokio::test]
async fn what_goes_wrong_in_the_next_days_is_told_today() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    assert_eq!(desk.findings().await, [] as [Value; 0]);
    desk.admin.delete(&format!("/shifts/{}", desk.day_shift), 1).await.expect(204);
    let found = desk.findings().await;
    assert_eq!(found.len(), 28, "each day nobody, at the one post");
    let first = &found[0];
    assert_eq!((&first["kind"], &first["leaves_nobody"]), (&json!("nobody"), &json!(true)));
    assert_eq!(first["from"], "2026-11-22T00:00:00Z");
    assert_eq!(first["to"], "2026-11-22T12:00:00Z");
    assert_eq!(first["summary"], "社区无人值班");
    assert_eq!(found[1]["summary"], "A岗无人值班");
    let mute = json!({"community_id": desk.town.community, "name": "王芳"});
    desk.admin.put(&format!("/workers/{}", desk.night), 1, mute).await.expect(200);
    let found = desk.findings().await;
    let mute = found.iter().find(|finding| finding["kind"] == "no_number").expect("told");
    assert_eq!(mute["worker_id"], desk.night);
}

#[tokio::test]
async fn a_swap_is_in_force_once_the_other_agreed() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    let (day, night) = (desk.town.worker, desk.night);
    let turn = |from: &str, to: &str| json!({"post_id": desk.post, "from": from, "to": to});
    let draft = json!({"community_id": desk.town.community, "proposer_id": day, "other_id": night,
        "gives": turn("2026-11-22T00:00:00Z", "2026-11-22T12:00:00Z")});
    let swap = desk.admin.create("/swaps", draft.clone()).await;
    let say = |word: &'static str, worker: u64| {
        let path = format!("/swaps/{swap}/{word}");
        let admin = &desk.admin;
        async move { admin.post(&path, json!({"worker_id": worker})).await }
    };
    assert_eq!(desk.on_duty("").await, [day]);
    assert_eq!(desk.findings().await[0]["kind"], "swap_open");
    assert_eq!(say("agree", day).await.expect(409).problem(), "swap");
    assert_eq!(desk.on_duty("").await, [day], "nobody agrees to their own wish");
    for _ in 0..2 {
        let agreed = say("agree", night).await.expect(200).json();
        assert_eq!((&agreed["state"], &agreed["version"]), (&json!("agreed"), &json!(2)));
        assert_eq!(agreed["decided_by_id"], night);
        assert_eq!(desk.on_duty("").await, [night]);
    }
    say("withdraw", day).await.expect(409);
    desk.admin.put(&format!("/swaps/{swap}"), 2, draft).await.expect(422);
    desk.admin.delete(&format!("/swaps/{swap}"), 2).await.expect(204);
    assert_eq!(desk.on_duty("").await, [day]);
}

#[tokio::test]
async fn edits_of_the_roster_are_told_and_undone() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    let (admin, community) = (&desk.admin, desk.town.community);
    let community_id = CommunityId(u32::try_from(community).expect("small"));
    let operator = api.person("li", Role::Operator, Reach::Community(community_id)).await;
    let edits = async |noun: &str| {
        let path = format!("/history?noun={noun}&community_id={community}");
        operator.get(&path).await.expect(200).json()["items"].as_array().expect("items").clone()
    };
    let undo = |edit: &Value| format!("/history/{}/undo", edit["id"]);
    let draft = json!({"community_id": community, "post_id": desk.post, "worker_id": desk.night,
        "from": "2026-11-22T00:00:00Z", "to": "2026-11-22T12:00:00Z"});
    let id = operator.create("/overrides", draft).await;
    assert_eq!(desk.on_duty("").await, [desk.night]);
    operator.delete(&format!("/overrides/{id}"), 1).await.expect(204);
    assert_eq!(desk.on_duty("").await, [desk.town.worker]);
    // What is gone is told to whoever sees the community, and comes back as it was.
    let told = edits("overrides").await;
    assert_eq!(told.iter().map(|edit| &edit["action"]).collect::<Vec<_>>(), ["deleted", "created"]);
    let from =
        told[1]["changes"].as_array().expect("changes").iter().find(|one| one["field"] == "from");
    assert_eq!(from.expect("a moment")["after"], "2026-11-22T00:00:00Z");
    operator.post(&undo(&told[0]), json!({})).await.expect(204);
    assert_eq!(desk.on_duty("").await, [desk.night]);
    assert_eq!(
        operator.post(&undo(&told[1]), json!({})).await.expect(409).problem(),
        "edited-since"
    );
    let told = edits("overrides").await;
    operator.post(&undo(&told[0]), json!({})).await.expect(204);
    assert_eq!(desk.on_duty("").await, [desk.town.worker]);
    // An agreement is an edit, too: undone, it waits for the other again.
    let turn =
        json!({"post_id": desk.post, "from": "2026-11-22T00:00:00Z", "to": "2026-11-22T12:00:00Z"});
    let swap = json!({"community_id": community, "proposer_id": desk.town.worker, "other_id": desk.night, "gives": turn});
    let swap = operator.create("/swaps", swap).await;
    operator
        .post(&format!("/swaps/{swap}/agree"), json!({"worker_id": desk.night}))
        .await
        .expect(200);
    assert_eq!(desk.on_duty("").await, [desk.night]);
    let told = edits("swaps").await;
    operator.post(&undo(&told[0]), json!({})).await.expect(204);
    assert_eq!(desk.on_duty("").await, [desk.town.worker]);
    assert_eq!(
        operator.get(&format!("/swaps/{swap}")).await.expect(200).json()["state"],
        "proposed"
    );
    // Shifts are for admins, and nobody elsewhere learns of any of it.
    let told = edits("shifts").await;
    assert_eq!(operator.post(&undo(&told[0]), json!({})).await.expect(403).problem(), "forbidden");
    let shift = format!("/shifts/{}", desk.day_shift);
    admin.delete(&shift, 1).await.expect(204);
    let told = edits("shifts").await;
    admin.post(&undo(&told[0]), json!({})).await.expect(204);
    admin.get(&shift).await.expect(200);
    let elsewhere = json!({"street_id": desk.town.street, "name": "别处", "area_code": "0592"});
    let elsewhere = admin.create("/communities", elsewhere).await;
    let elsewhere = Reach::Community(CommunityId(u32::try_from(elsewhere).expect("small")));
    let stranger = api.person("zhou", Role::Admin, elsewhere).await;
    let path = format!("/history?noun=overrides&community_id={community}");
    stranger.get(&path).await.expect(404);
    let all = stranger.get("/history?noun=shifts").await.expect(200).json();
    assert_eq!(all["items"], json!([]));
    stranger.post(&undo(&told[0]), json!({})).await.expect(404);
}

#[tokio::test]
async fn a_year_of_holidays_is_imported_and_moves_the_leader() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    let community = desk.town.community;
    let post = json!({"community_id": community, "code": "leader", "name": "带班领导",
        "cover": "shifts"});
    let post = desk.admin.create("/posts", post).await;
    let shift = json!({"community_id": community, "post_id": post, "worker_ids": [desk.night],
        "day_kinds": ["rest_day", "holiday"], "starts": "00:00", "ends": "00:00", "days_later": 1});
    desk.admin.create("/shifts", shift).await;
    let both = [desk.town.worker, desk.night];
    let monday = "2027-02-08T04:00:00Z";
    let sunday = "2027-02-14T04:00:00Z";
    assert_eq!(desk.on_duty(monday).await, both[..1]);
    assert_eq!(desk.on_duty(sunday).await, both);
    let is_unknown = |found: Vec<Value>| found.iter().any(|one| one["year"] == 2027);
    assert!(is_unknown(desk.findings().await));
    let csv = "date,kind,name\n2027-02-08, holiday ,春节\n2027-02-14,workday\n";
    let tag = async |path: &str| desk.admin.get(path).await.header("etag").to_owned();
    let put = async |path: &str, text: &'static str| {
        let call = desk.admin.call(Method::PUT, path).body(Body::from(text));
        let call = call.header("if-match", &tag("/calendars/2027").await);
        call.header("content-type", "text/csv").send().await
    };
    put("/calendars/2027", csv).await.expect(422);
    let csv = "date,kind,name\n2027-02-08, holiday ,春节\n2027-02-14,workday,\n";
    put("/calendars/2027", csv).await.expect(204);
    assert_eq!(desk.on_duty(monday).await, both);
    assert_eq!(desk.on_duty(sunday).await, both[..1]);
    assert!(!is_unknown(desk.findings().await));
    let read = desk.admin.get("/calendars/2027").await.expect(200).json();
    assert_eq!(read["days"][0], json!({"date": "2027-02-08", "kind": "holiday", "name": "春节"}));
    // The community's own day goes before the nation's.
    let own = json!({"days": [{"date": "2027-02-08", "kind": "workday"}]});
    let path = format!("/calendars/2027?community_id={community}");
    let put_own = desk.admin.call(Method::PUT, &path).json(&own);
    put_own.header("if-match", &tag(&path).await).send().await.expect(204);
    assert_eq!(desk.on_duty(monday).await, both[..1]);
    put("/calendars/2026", csv).await.expect(422);
    put("/calendars/2027?community_id=99", csv).await.expect(404);
    // A year is an edit like any other.
    let mut reader = api.store.directory().reader().acquire().await.expect("is free");
    let verified = audit::verify(&mut reader, Chain::Directory, &[], &mut |_| {}).await;
    assert!(verified.expect("reads").is_whole());
}

#[tokio::test]
async fn duty_is_a_calendar_to_subscribe_to() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    let path = format!("/communities/{}/roster.ics?days=1", desk.town.community);
    let reply = desk.admin.get(&path).await.expect(200);
    assert_eq!(reply.header("content-type"), "text/calendar; charset=utf-8");
    let text = &reply.text;
    assert!(text.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"), "{text}");
    assert!(text.ends_with("END:VCALENDAR\r\n"));
    let uid = format!("UID:duty-{}-{}-20261122T000000Z@lianfang\r\n", desk.post, desk.town.worker);
    assert_eq!(text.matches(&uid).count(), 1, "{text}");
    assert!(text.contains("DTSTART:20261122T000000Z\r\nDTEND:20261122T120000Z\r\n"), "{text}");
    assert!(text.contains("SUMMARY:A岗 李强\r\n") && text.contains("SUMMARY:A岗 王芳\r\n"));
    let again = desk.admin.get(&path).await.expect(200);
    assert_eq!(&again.text, text, "stable");
    let own = format!("/workers/{}/roster.ics?days=1", desk.night);
    let own = desk.admin.get(&own).await.expect(200).text;
    assert!(own.contains("王芳") && !own.contains("李强"), "{own}");
    desk.admin.get("/workers/999/roster.ics").await.expect(404);
}

#[tokio::test]
async fn a_roster_that_broke_otherwise_is_told_and_the_rest_is_used() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    let mut change = api.store.directory().write().await.expect("a writer");
    let broken = "UPDATE duty_shift SET worker_ids = '[999]', starts = '21:00:00', ends = '20:00:00' WHERE id = ?";
    let query = sqlx::query(broken).bind(i64::try_from(desk.day_shift).expect("small"));
    query.execute(&mut *change).await.expect("written");
    let community =
        lianfang_domain::id::CommunityId(u32::try_from(desk.town.community).expect("small"));
    lianfang::store::snapshot::count_edit(&mut change, &[community]).await.expect("counted");
    change.commit().await.expect("committed");
    api.directory.refresh().await.expect("loaded");
    assert_eq!(desk.on_duty("").await, [] as [u64; 0]);
    assert_eq!(desk.on_duty("2026-11-22T12:00:00Z").await, [desk.night]);
    let path = format!("/communities/{}/roster/findings", desk.town.community);
    let found = desk.admin.get(&path).await.expect(200).json();
    let told = found["faults"][0].as_str().expect("told");
    assert!(told.contains("结束早于开始"), "{told}");
}
