use crate::fake::Fake;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

const FINDINGS: &str = "GET /communities/2/roster/findings?days=14";
const NOVEMBER: &str = "GET /communities/2/roster?from=2026-10-26&days=42";

fn day(date: &str, kind: &str, name: &str) -> Value {
    let date: jiff::civil::Date = date.parse().unwrap();
    let from = date.to_zoned(jiff::tz::TimeZone::get("Asia/Shanghai").unwrap()).unwrap();
    let to = from.timestamp() + jiff::SignedDuration::from_hours(24);
    json!({"date": date, "from": from.timestamp(), "to": to, "kind": kind, "is_listed": !name.is_empty(), "name": name})
}

/// The roster from a day on: A is 李强's by day and 王芳's by night, but for the 28th, which is a gap.
fn roster(first: &str, days: i32) -> Value {
    let first: jiff::civil::Date = first.parse().unwrap();
    let dates: Vec<String> =
        (0..days).map(|later| super::local::days_later(first, later).to_string()).collect();
    let kind =
        |date: &str| if date == "2026-11-24" { ("holiday", "社区日") } else { ("workday", "") };
    let days: Vec<Value> = dates.iter().map(|date| day(date, kind(date).0, kind(date).1)).collect();
    let shift = |date: &String| {
        let at =
            |hour: &str| format!("{date}T{hour}:00:00+08:00").parse::<jiff::Timestamp>().unwrap();
        let (begin, end) = (at("00"), at("00") + jiff::SignedDuration::from_hours(24));
        let by_day: &[u64] = if date == "2026-11-28" { &[] } else { &[3] };
        let segment = |from: jiff::Timestamp, to: jiff::Timestamp, who: &[u64]| json!({"from": from, "to": to, "worker_ids": who, "is_wanted": true, "is_away": false});
        [
            segment(begin, at("08"), &[4]),
            segment(at("08"), at("20"), by_day),
            segment(at("20"), end, &[4]),
        ]
    };
    let segments: Vec<Value> = dates.iter().flat_map(shift).collect();
    json!({"community_id": 2, "community": "康乐社区", "time_zone": "Asia/Shanghai", "now": "2026-11-22T03:12:00Z",
        "days": days, "faults": [], "workers": [{"id": 3, "name": "李强"}, {"id": 4, "name": "王芳"}],
        "posts": [{"id": 1, "code": "A", "name": "A岗", "grid_id": null, "cover": "always", "segments": segments}]})
}

fn finding(kind: &str, red: bool) -> Value {
    json!({"kind": kind, "from": "2026-11-28T00:00:00Z", "to": "2026-11-28T12:00:00Z", "leaves_nobody": red,
        "post_ids": [1], "worker_id": 3, "swap_id": 7, "year": null, "summary": format!("about {kind}")})
}

/// A community with a roster, in November.
fn desk(role: &str) -> Fake {
    let fake = Fake::new(role);
    fake.answers("GET /communities/2/roster?days=1", 200, roster("2026-11-22", 1));
    fake.answers(NOVEMBER, 200, roster("2026-10-26", 42));
    fake.answers(FINDINGS, 200, json!({"items": [finding("gap", true)], "faults": []}));
    let on_duty = json!([
        {"post_id": 1, "code": "A", "post": "A岗", "grid_id": null, "worker_id": 3, "name": "李强", "hand_over": "awaited"},
        {"post_id": 1, "code": "A", "post": "A岗", "grid_id": null, "worker_id": 4, "name": "王芳", "hand_over": "kept"}]);
    let asked = json!([{"post_id": 1, "changed_at": "2026-11-22T00:00:00Z", "worker_id": 3, "name": "李强", "calls": 2,
        "called_at": "2026-11-22T00:02:00Z", "answer": "open"}]);
    fake.answers(
        "GET /communities/2/duty",
        200,
        json!({"at": "2026-11-22T03:12:00Z", "has_roster": true, "on_duty": on_duty, "hand_over_calls": true,
            "next_change": "2026-11-22T12:00:00Z", "asked": asked, "kept": [], "summary": "A岗 李强, A岗 王芳"}),
    );
    for plural in ["posts", "rotations", "shifts", "overrides", "swaps", "absences", "grids"] {
        let path = format!("GET /{plural}?community_id=2&after=0&limit=200");
        fake.answers(&path, 200, json!({"items": [], "next": null}));
    }
    fake
}

#[tokio::test]
async fn the_month_shows_who_is_on_duty_and_where_nobody_is() {
    let fake = desk("operator");
    let page = fake.get("/roster/2").await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows(&[
        "A岗 李强",
        "has not taken over yet",
        "stays until somebody takes over",
        "李强 took over",
    ]);
    page.shows(&["A岗: 李强, called 2 times, last 08:02, no answer yet", "Sun 22 Nov 20:00"]);
    page.shows(&["November 2026", "url(#gap)", "uncovered", "Tue 24 Nov holiday", ">18<"]);
    page.shows(&["at=2026-10-31", "at=2026-12-01", "/roster/2?view=week&#38;at=2026-11-23#weeks"]);
    page.shows(&["nobody is there once", "about gap", "Sat 28 Nov 08:00 – 20:00"]);
    page.shows(&[
        "/roster/2/overrides/add?from=2026-11-28T08:00&#38;to=2026-11-28T20:00&#38;post_id=1",
    ]);
    page.shows(&["/roster/2/roster.ics", "/roster/2/workers/4/roster.ics"]);
    assert!(!page.html.contains("style="), "no style in the page");
    assert!(page.html.len() < 100 * 1024, "{}", page.html.len());
    let chinese = fake.get_chinese("/roster/2").await;
    chinese.shows(&[
        "现在值班",
        "未来 14 天",
        "1 处没有人",
        "2026年11月",
        "空岗",
        "尚未接班",
        "11月24日 周二 假",
    ]);
}

#[tokio::test]
async fn a_month_of_many_posts_stays_small() {
    let fake = desk("operator");
    let mut many = roster("2026-10-26", 42);
    let post = many["posts"][0].clone();
    many["posts"] = (0..12)
        .map(|id| {
            let mut post = post.clone();
            post["id"] = json!(id);
            post["name"] = json!(format!("第{id}网格岗"));
            post
        })
        .collect();
    fake.answers(NOVEMBER, 200, many.clone());
    let page = fake.get_chinese("/roster/2").await;
    page.shows(&["第9网格岗", "posts=10#weeks"]);
    assert!(!page.html.contains("第10网格岗"));
    assert!(page.html.len() < 100 * 1024, "{}", page.html.len());
    fake.get("/roster/2?posts=10").await.shows(&["第11网格岗", "posts=0#weeks"]);
    many["days"].as_array_mut().unwrap().truncate(7);
    fake.answers("GET /communities/2/roster?from=2026-10-26&days=7", 200, many);
    let week = fake.get("/roster/2?view=week&at=2026-10-26").await;
    week.shows(&["第11网格岗"]);
    assert!(week.html.len() < 100 * 1024, "{}", week.html.len());
}

#[tokio::test]
async fn a_week_is_told_hour_by_hour_too() {
    let fake = desk("operator");
    fake.answers("GET /communities/2/roster?from=2026-11-23&days=7", 200, roster("2026-11-23", 7));
    let page = fake.get("/roster/2?view=week&at=2026-11-28").await;
    page.shows(&[
        "Mon 23 Nov – Sun 29 Nov",
        "00:00–08:00 王芳",
        "08:00–20:00 李强",
        "20:00–24:00 王芳",
    ]);
    page.shows(&["08:00–20:00 uncovered", "at=2026-11-22", "at=2026-11-30"]);
    fake.get_chinese("/roster/2?view=week&at=2026-11-28")
        .await
        .shows(&["逐日", "08:00–20:00 空岗"]);
}

#[tokio::test]
async fn every_finding_says_what_to_do_to_those_who_may() {
    for (kind, admin, operator) in [
        ("nobody", "/roster/2/rules#shifts", "/roster/2/overrides/add"),
        ("away", "/roster/2/changes#absences", "/roster/2/changes#absences"),
        ("no_number", "/directory/workers/3#reachability", "/directory/workers/3#reachability"),
        ("unconfirmed", "/directory/workers/3#reachability", "/directory/workers/3#reachability"),
        ("double_duty", "/roster/2/overrides/add", "/roster/2/overrides/add"),
        ("swap_open", "/roster/2/changes#swaps-7", "/roster/2/changes#swaps-7"),
        ("not_taken_over", "href=\"#duty\"", "href=\"#duty\""),
        ("calendar_unknown", "/roster/calendars/0", "/roster/calendars/0"),
    ] {
        for (role, link) in [("admin", admin), ("operator", operator)] {
            let fake = desk(role);
            fake.answers(
                FINDINGS,
                200,
                json!({"items": [finding(kind, false)], "faults": ["shift 5 has nobody"]}),
            );
            let page = fake.get("/roster/2").await;
            page.shows(&[link, "about", "somebody is always there", "shift 5 has nobody"]);
        }
    }
}

#[tokio::test]
async fn an_auditor_reads_and_changes_nothing() {
    let fake = desk("auditor");
    let page = fake.get("/roster/2").await;
    page.shows(&["about gap", "A岗 李强", "/roster/2/roster.ics"]);
    for no in ["/overrides/add", "take-over", "/workers/4/roster.ics", "/rules#shifts"] {
        assert!(!page.html.contains(no), "{no}");
    }
    let rules = fake.get("/roster/2/rules").await;
    assert!(!rules.html.contains("/posts/add"));
    for path in ["/roster/2/posts/add", "/roster/2/swaps/add"] {
        assert_eq!(fake.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let operator = desk("operator");
    assert_eq!(operator.get("/roster/2/posts/add").await.status, StatusCode::FORBIDDEN);
    assert_eq!(operator.get("/roster/2/swaps/add").await.status, StatusCode::OK);
    assert_eq!(operator.get("/roster/2/lamps/add").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_community_without_a_roster_is_told_how_to_begin() {
    let fake = desk("admin");
    let duty = json!({"at": "2026-11-22T03:12:00Z", "has_roster": false, "on_duty": [], "next_change": null, "summary": ""});
    fake.answers("GET /communities/2/duty", 200, duty);
    let page = fake.get("/roster/2").await;
    page.shows(&["There is no roster yet", "Nobody is on duty", "/roster/2/posts/add"]);
    assert!(!page.html.contains("<svg class=\"chart"));
}

#[tokio::test]
async fn one_community_opens_at_once_and_many_are_listed() {
    let fake = desk("operator");
    let communities = |names: &[&str]| {
        let rows = (2..).zip(names).map(|(id, name)| json!({"id": id, "name": name}));
        json!({"items": rows.collect::<Vec<_>>(), "next": null})
    };
    fake.answers("GET /communities?limit=200", 200, communities(&["康乐社区"]));
    assert_eq!(fake.get("/roster").await.location(), "/roster/2");
    fake.answers("GET /communities?limit=200", 200, communities(&["康乐社区", "文园社区"]));
    let nobody =
        json!({"at": "2026-11-22T03:12:00Z", "on_duty": [], "summary": "Nobody is on duty"});
    fake.answers("GET /communities/3/duty", 200, nobody);
    let page = fake.get("/roster").await;
    page.shows(&["A岗 李强, A岗 王芳", "/roster/3", "Nobody is on duty", "/roster/calendars/2026"]);
    let many: Vec<String> = (0..45).map(|number| format!("社区{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    fake.answers("GET /communities?limit=200", 200, communities(&many));
    for (path, shown, more) in [
        ("/roster", 20, Some("/roster?after=20")),
        ("/roster?after=20", 20, Some("/roster?after=40")),
        ("/roster?after=40", 5, None),
        ("/roster?after=999", 0, None),
    ] {
        let page = fake.get(path).await.html;
        assert_eq!(page.matches("<tr data-row>").count(), shown, "{path}");
        match more {
            Some(more) => assert!(page.contains(more), "{path}"),
            None => assert!(!page.contains("rel=\"next\""), "{path}"),
        }
    }
}

#[tokio::test]
async fn somebody_takes_over() {
    let fake = desk("operator");
    let path = "POST /communities/2/duty/1/take-over";
    fake.answers(path, 204, Value::Null);
    let done = fake.post("/roster/2/duty/1/take-over", &[("worker_id", "3")]).await;
    assert_eq!(done.location(), "/roster/2?did=done#duty");
    assert_eq!(fake.asked()[0].2, json!({"worker_id": 3}));
    let problem = json!({"type": "urn:lianfang:problem:form", "title": "no", "status": 422,
        "errors": [{"pointer": "/worker_id", "detail": "is not on duty on this post"}]});
    fake.answers(path, 422, problem);
    let refused = fake.post("/roster/2/duty/1/take-over", &[("worker_id", "4")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused.shows(&["is not on duty on this post"]);
}

/// What a form of an override says.
const OVERRIDE: [(&str, &str); 5] = [
    ("post_id", "1"),
    ("worker_id", "4"),
    ("instead_of_id", ""),
    ("from", "2026-11-28T08:00"),
    ("to", "2026-11-28 20:00"),
];

#[tokio::test]
async fn an_override_goes_by_the_clock_on_the_wall() {
    let fake = desk("operator");
    let ask = fake
        .get("/roster/2/overrides/add?from=2026-11-28T08:00&to=2026-11-28T20:00&post_id=1")
        .await;
    ask.shows(&[
        "value=\"2026-11-28T08:00\"",
        "<option value=\"1\" selected>A岗",
        "datetime-local",
        "王芳",
    ]);
    fake.answers("POST /overrides", 201, json!({"id": 9}));
    let done = fake.post("/roster/2/overrides/add", &OVERRIDE).await;
    assert_eq!(done.location(), "/roster/2/changes?did=added#overrides");
    let asked = fake.asked();
    let sent = asked.iter().find(|(method, ..)| *method == Method::POST).unwrap();
    assert_eq!(
        sent.2,
        json!({"community_id": 2, "post_id": 1, "worker_id": 4, "instead_of_id": null,
            "from": "2026-11-28T00:00:00Z", "to": "2026-11-28T12:00:00Z"})
    );
}

#[tokio::test]
async fn a_refused_form_keeps_what_was_typed() {
    let fake = desk("operator");
    let problem = json!({"type": "urn:lianfang:problem:form", "title": "no", "status": 422, "errors": [
        {"pointer": "/to", "detail": "ends before it begins"}, {"pointer": "", "detail": "overlaps override 5"}]});
    fake.answers("POST /overrides", 422, problem);
    let refused = fake.post("/roster/2/overrides/add", &OVERRIDE).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused.shows(&["id=\"to-error\">ends before it begins", "<p>overlaps override 5</p>"]);
    refused.shows(&["value=\"2026-11-28 20:00\"", "<option value=\"4\" selected>王芳"]);
    fake.asked();
    let unread =
        fake.post("/roster/2/overrides/add", &[("post_id", "1"), ("from", "tomorrow")]).await;
    unread.shows(&["such as 2026-11-28 08:00", "value=\"tomorrow\"", "Please choose."]);
    assert!(fake.asked().iter().all(|(method, ..)| *method == Method::GET), "nothing was sent");
}

#[tokio::test]
async fn who_changes_what_somebody_has_just_changed_sees_both() {
    let fake = desk("admin");
    let shift = json!({"id": 5, "community_id": 2, "post_id": 1, "rotation_id": null, "worker_ids": [3, 4],
        "weekdays": ["monday"], "day_kinds": ["workday"], "starts": "08:00:00", "ends": "20:00:00", "days_later": 0,
        "first_day": null, "last_day": null, "version": 1});
    fake.answers("GET /shifts/5", 200, shift.clone());
    let rotations = json!({"items": [{"id": 6, "name": "三班倒"}], "next": null});
    fake.answers("GET /rotations?community_id=2&limit=200", 200, rotations);
    let ask = fake.get("/roster/2/shifts/5/edit").await;
    ask.shows(&[
        "value=\"monday\" checked",
        "1. <select name=\"worker_ids.0\">",
        "三班倒",
        "value=\"08:00\"",
    ]);
    let typed = [
        ("post_id", "1"),
        ("starts", "08:00"),
        ("ends", "21:00"),
        ("days_later", "0"),
        ("worker_ids.0", "4"),
        ("weekdays", "monday"),
        ("day_kinds", "workday"),
    ];
    let stale = [&[("etag", "\"0\"")], &typed[..]].concat();
    let refused = fake.post("/roster/2/shifts/5/edit", &stale).await;
    assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED);
    refused.shows(&[
        "Somebody else has just changed this",
        "It is now: 李强, 王芳",
        "It is now: 20:00",
        "value=\"21:00\"",
    ]);
    refused.shows(&["name=\"etag\" value=\"&#34;1&#34;\""]);
    fake.answers("PUT /shifts/5", 200, shift.clone());
    let fresh = [&[("etag", "\"1\"")], &typed[..]].concat();
    let saved = fake.post("/roster/2/shifts/5/edit", &fresh).await;
    assert_eq!(saved.location(), "/roster/2/rules?did=saved#shifts");
    let asked = fake.asked();
    let sent = &asked.iter().find(|(method, ..)| *method == Method::PUT).unwrap().2;
    assert_eq!((&sent["ends"], &sent["worker_ids"]), (&json!("21:00:00"), &json!([4])));
    // A shift of another community is not there.
    let mut other = shift;
    other["community_id"] = json!(3);
    fake.answers("GET /shifts/5", 200, other);
    assert_eq!(fake.get("/roster/2/shifts/5/edit").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn rules_are_told_in_words() {
    let fake = desk("admin");
    let list = |plural: &str, row: Value| {
        let path = format!("GET /{plural}?community_id=2&after=0&limit=200");
        fake.answers(&path, 200, json!({"items": [row], "next": null}));
    };
    list("grids", json!({"id": 8, "name": "第一网格"}));
    list(
        "posts",
        json!({"id": 1, "code": "A", "name": "A岗", "grid_id": 8, "cover": "always", "version": 1}),
    );
    list(
        "rotations",
        json!({"id": 6, "name": "三班倒", "worker_ids": [4, 3], "at_once": 1, "every": 2, "unit": "days",
            "anchor": "2026-11-23", "version": 1}),
    );
    list(
        "shifts",
        json!({"id": 5, "post_id": 1, "rotation_id": 6, "worker_ids": [], "weekdays": ["monday", "friday"],
            "day_kinds": ["workday", "rest_day", "holiday"], "starts": "20:00:00", "ends": "08:00:00", "days_later": 1,
            "first_day": "2026-12-01", "last_day": null, "version": 3}),
    );
    let page = fake.get("/roster/2/rules").await;
    page.shows(&["A · round the clock", "第一网格", "王芳 → 李强; a turn lasts 2 days"]);
    page.shows(&["A岗 20:00–08:00 (next day)", "rotation 三班倒 · Mon, Fri · 2026-12-01 – "]);
    page.shows(&["/roster/2/shifts/5/edit", "name=\"etag\" value=\"&#34;3&#34;\""]);
    fake.get_chinese("/roster/2/rules").await.shows(&[
        "（次日）",
        "每 2 天换人",
        "轮班 三班倒 · 周一、周五",
    ]);
    // A post that shifts hang on is not removed.
    fake.answers("GET /posts/1", 200, json!({"id": 1, "community_id": 2, "version": 1}));
    let problem = json!({"type": "urn:lianfang:problem:has-children", "title": "in use", "status": 409, "detail": "Remove its shifts first"});
    fake.answers("DELETE /posts/1", 409, problem);
    let refused = fake.post("/roster/2/posts/1/remove", &[("etag", "\"1\"")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.shows(&["Remove its shifts first", "rotation 三班倒"]);
    fake.answers("DELETE /posts/1", 204, Value::Null);
    let removed = fake.post("/roster/2/posts/1/remove", &[("etag", "\"1\"")]).await;
    assert_eq!(removed.location(), "/roster/2/rules?did=removed#posts");
}

#[tokio::test]
async fn swaps_are_agreed_refused_and_taken_back() {
    let fake = desk("operator");
    let turn = |day: &str| json!({"post_id": 1, "from": format!("2026-11-{day}T00:00:00Z"), "to": format!("2026-11-{day}T12:00:00Z")});
    let swap = |id: u64, state: &str, day: &str| {
        json!({"id": id, "community_id": 2, "proposer_id": 3, "other_id": 4, "gives": turn(day), "takes": turn("27"),
            "state": state, "decided_by_id": null, "decided_at": null, "version": 1})
    };
    let mut past = swap(6, "agreed", "20");
    past["takes"] = Value::Null;
    fake.answers(
        "GET /swaps?community_id=2&after=0&limit=200",
        200,
        json!({"items": [swap(7, "proposed", "28"), past, swap(8, "withdrawn", "28")], "next": null}),
    );
    let page = fake.get("/roster/2/changes").await;
    page.shows(&[
        "id=\"swaps-7\"",
        "李强 ⇄ 王芳",
        "waits for the other",
        "王芳 agrees",
        "王芳 refuses",
        "李强 takes it back",
    ]);
    page.shows(&["王芳 takes A岗 Sat 28 Nov 08:00 – 20:00 of 李强; 李强 takes A岗 Fri 27 Nov"]);
    assert!(!page.html.contains("swaps-6") && !page.html.contains("swaps-8"), "what is over");
    let all = fake.get_chinese("/roster/2/changes?past=1").await;
    all.shows(&["swaps-6", "已同意", "已撤回或拒绝", "王芳 替 李强 值 A岗 11月28日 周六"]);
    for (action, who) in [("agree", "4"), ("withdraw", "3")] {
        fake.answers(&format!("POST /swaps/7/{action}"), 200, swap(7, "agreed", "28"));
        let path = format!("/roster/2/swaps/7/{action}");
        let done = fake.post(&path, &[("worker_id", who)]).await;
        assert_eq!(done.location(), "/roster/2/changes?did=done#swaps");
    }
    let problem = json!({"type": "urn:lianfang:problem:swap", "title": "no", "status": 409, "detail": "Only the other can agree"});
    fake.answers("POST /swaps/7/agree", 409, problem);
    let refused = fake.post("/roster/2/swaps/7/agree", &[("worker_id", "3")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.shows(&["Only the other can agree", "李强 ⇄ 王芳"]);
}

/// A desk whose roster has an edit each of an override, a swap and a shift.
fn edited_desk() -> Fake {
    let fake = desk("operator");
    let edit = |id: u32, action: &str, changes: Value| {
        json!({"id": id, "at": "2026-11-22T01:00:00Z", "who": "account:2", "who_name": "王敏", "why": "发烧", "noun": "x", "row_id": 9,
            "action": action, "changes": changes, "change_id": null})
    };
    let change = |field: &str, before: Value, after: Value| json!({"field": field, "before": before, "after": after});
    let none = json!({"items": [], "next": null});
    for noun in ["posts", "rotations", "absences"] {
        fake.answers(
            &format!("GET /history?noun={noun}&community_id=2&limit=50"),
            200,
            none.clone(),
        );
    }
    fake.answers(
        "GET /rotations?community_id=2&after=0&limit=200",
        200,
        json!({"items": [{"id": 5, "name": "三班倒"}], "next": null}),
    );
    let created = edit(
        31,
        "created",
        json!([
            change("community_id", Value::Null, json!("2")),
            change("worker_id", Value::Null, json!("4")),
            change("instead_of_id", Value::Null, Value::Null),
            change("from", Value::Null, json!("2026-11-28T00:00:00Z"))
        ]),
    );
    let agreed = edit(
        33,
        "replaced",
        json!([
            change("state", json!("proposed"), json!("agreed")),
            change("gives_post_id", json!("1"), json!("8")),
            change("decided_by_id", Value::Null, json!("4"))
        ]),
    );
    let shift = edit(
        32,
        "deleted",
        json!([
            change("worker_ids", json!("[3,4]"), Value::Null),
            change("rotation_id", json!("5"), Value::Null),
            change("weekdays", json!("[\"monday\"]"), Value::Null),
            change("starts", json!("08:00:00"), Value::Null)
        ]),
    );
    for (noun, edit, next) in [
        ("overrides", created, Value::Null),
        ("swaps", agreed, Value::Null),
        ("shifts", shift, json!(32)),
    ] {
        let page = json!({"items": [edit], "next": next});
        fake.answers(&format!("GET /history?noun={noun}&community_id=2&limit=50"), 200, page);
    }
    fake
}

#[tokio::test]
async fn what_was_changed_is_told_in_words() {
    let fake = edited_desk();
    let page = fake.get("/roster/2/history").await;
    page.shows(&[
        "Added override 9",
        "Sat 28 Nov 08:00",
        "Who comes",
        "<ins>王芳</ins>",
        "发烧",
        "/roster/2/undo/31",
    ]);
    page.shows(&[
        "Changed swap 9",
        "<del>waits for the other</del> <ins>agreed</ins>",
        "The post given away",
        "<del>A岗</del> <ins>8</ins>",
        "Answered by",
        "/roster/2/undo/33",
        "history?after=31",
    ]);
    page.shows(&[
        "Removed shift 9",
        "<del>李强, 王芳</del>",
        "<del>三班倒</del>",
        "<del>Mon</del>",
        "<del>08:00</del>",
    ]);
    assert!(!page.html.contains("/roster/2/undo/32"), "shifts are for admins");
    assert!(!page.html.contains("Instead of"), "what was and is nothing is left out");
    let at = |words: &str| page.html.find(words).unwrap();
    assert!(at("Changed swap") < at("Removed shift") && at("Removed shift") < at("Added override"));
    fake.get_chinese("/roster/2/history").await.shows(&[
        "修改记录",
        "添加 替班 9",
        "谁来",
        "等对方答复",
    ]);
    let reader = desk("auditor");
    reader.answers(NOVEMBER, 200, roster("2026-10-26", 42));
    assert!(!reader.get("/roster/2").await.html.contains("/roster/2/history"));
}

#[tokio::test]
async fn what_was_changed_is_undone() {
    let fake = edited_desk();
    fake.answers("POST /history/31/undo", 204, Value::Null);
    assert_eq!(
        fake.post("/roster/2/undo/31", &[]).await.location(),
        "/roster/2/history?did=undone"
    );
    let problem = json!({"type": "urn:lianfang:problem:edited-since", "title": "no", "status": 409, "detail": "Edited since."});
    fake.answers("POST /history/33/undo", 409, problem);
    let refused = fake.post("/roster/2/undo/33", &[]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.shows(&["Edited since.", "Changed swap 9"]);
}

#[tokio::test]
async fn the_holidays_of_a_year_are_edited_and_copied() {
    let fake = desk("admin");
    let holiday = |date: &str| json!({"days": [{"date": date, "kind": "holiday", "name": "元旦"}]});
    fake.answers("GET /calendars/2027?community_id=2", 200, json!({"days": []}));
    fake.answers("GET /calendars/2026?community_id=2", 200, holiday("2026-01-01"));
    fake.answers("GET /calendars/2027", 200, holiday("2027-01-02"));
    fake.answers("GET /communities/2", 200, json!({"id": 2, "name": "康乐社区"}));
    let path = "/roster/calendars/2027?community=2";
    let empty = fake.get(path).await;
    empty.shows(&["Holidays of 2027", "康乐社区", "/roster/2/rules", "copy=before"]);
    let was = empty
        .html
        .split("name=\"was\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let copied = fake.get(&format!("{path}&copy=before")).await;
    copied.shows(&["value=\"2027-01-01\"", "This is a copy", "value=\"holiday\" selected", "Fri"]);
    fake.get_chinese(&format!("{path}&copy=nation")).await.shows(&[
        "value=\"2027-01-02\"",
        "照抄上一年",
        "周六",
    ]);
    let typed = [
        ("was", &*was),
        ("date.0", ""),
        ("date.1", "2027-01-01"),
        ("kind.1", "holiday"),
        ("name.1", "元旦"),
    ];
    fake.asked();
    fake.answers("PUT /calendars/2027?community_id=2", 204, Value::Null);
    let saved = fake.post(path, &typed).await;
    assert_eq!(saved.location(), "/roster/calendars/2027?community=2&did=saved");
    assert_eq!(fake.asked().last().unwrap().2, holiday("2027-01-01"));
    assert_eq!(was, "&#34;1&#34;", "the version that the API gave");
    let problem = json!({"type": "urn:lianfang:problem:form", "title": "no", "status": 422,
        "errors": [{"pointer": "/days/0/date", "detail": "must be in 2027"}]});
    fake.answers("PUT /calendars/2027?community_id=2", 422, problem);
    let refused = fake.post(path, &typed).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused.shows(&["id=\"date.1-error\">must be in 2027", "value=\"元旦\""]);
    // Somebody else was quicker.
    let problem =
        json!({"type": "urn:lianfang:problem:changed", "title": "changed", "status": 412});
    fake.answers("PUT /calendars/2027?community_id=2", 412, problem);
    fake.answers("GET /calendars/2027?community_id=2", 200, holiday("2027-02-06"));
    let late = fake.post(path, &typed).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    late.shows(&[
        "Somebody else has just changed this year",
        "2027-02-06 public holiday 元旦",
        "value=\"2027-01-01\"",
    ]);
    let auditor = desk("auditor");
    auditor.answers("GET /calendars/2027", 200, holiday("2027-01-01"));
    let page = auditor.get("/roster/calendars/2027").await;
    page.shows(&["2027-01-01 Fri", "public holiday"]);
    assert!(!page.html.contains("name=\"was\""));
}

#[tokio::test]
async fn calendars_are_taken_along_as_files() {
    let fake = desk("operator");
    fake.answers("GET /communities/2/roster.ics?days=92", 200, json!("BEGIN:VCALENDAR"));
    let file = fake.get("/roster/2/roster.ics").await;
    assert!(file.headers["content-disposition"].to_str().unwrap().contains("roster.ics"));
    file.shows(&["BEGIN:VCALENDAR"]);
    assert_eq!(fake.get("/roster/2/workers/9/roster.ics").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_part_is_added_changed_and_removed_with_every_field() {
    let local = super::local::Local::of("Asia/Shanghai");
    for part in &super::part::PARTS {
        let (mut row, plural) = (crate::parity::example(part.plural), part.plural);
        row["community_id"] = json!(2);
        let fake = desk("admin");
        fake.answers(&format!("GET /{plural}/7"), 200, row.clone());
        fake.answers(&format!("PUT /{plural}/7"), 200, row.clone());
        fake.answers(&format!("POST /{plural}"), 201, row.clone());
        fake.answers(&format!("DELETE /{plural}/7"), 204, Value::Null);
        let form = super::draft::form_of(part, &row, &local);
        let send = async |page: &str| {
            let row = form.fields().iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let fields: Vec<_> = row.chain([("etag", "\"1\"")]).collect();
            fake.asked();
            let page = fake.post(&format!("/roster/2/{plural}/{page}"), &fields).await;
            assert!(page.status.is_redirection(), "{plural}: {} {}", page.status, page.html);
            fake.asked().pop().expect("is asked")
        };
        let (added, changed) = (send("add").await, send("7/edit").await);
        assert_eq!((&added.0, &changed.0), (&Method::POST, &Method::PUT), "{plural}");
        assert_eq!(send("7/remove").await.0, Method::DELETE, "{plural}");
    }
}
