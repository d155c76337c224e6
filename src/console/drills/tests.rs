//! The pages of drills over an API that answers with what it was given.

use crate::fake::Fake;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

fn drill(state: &str) -> Value {
    json!({"id": 7, "community": "康乐社区", "time_zone": "Asia/Shanghai", "state": state,
        "created_at": "2026-11-20T01:00:00Z", "created_by": "account:2", "created_by_name": "王敏", "announced_at": null, "ended_at": null,
        "plan": {"community_id": 2, "group_ids": [], "per_group": 2, "seed": 0, "kind": "fire",
            "starts_at": "2026-11-24T02:00:00Z", "ends_at": "2026-11-24T03:30:00Z", "announce_before_s": 3600,
            "hours": [], "on_holidays": false, "per_minute": 2}})
}

fn detail(state: &str, homes: usize) -> Value {
    let mut detail = drill(state);
    let home = |id: usize| match id {
        0 => {
            json!({"household_id": 50, "household": "陈阿姨", "place": "3-502", "group_id": 4, "alarm_id": "0abcdefghjkmn", "started_at": "2026-11-24T02:00:10Z", "skipped": null})
        }
        1 => {
            json!({"household_id": 51, "group_id": 4, "alarm_id": null, "started_at": null, "skipped": "line_has_alarm"})
        }
        id => {
            json!({"household_id": 50 + id, "group_id": 4, "alarm_id": null, "started_at": null, "skipped": null})
        }
    };
    detail["waiting"] = json!(homes - 2);
    detail["started"] = json!(1);
    detail["skipped"] = json!(1);
    detail["homes"] = (0..homes).map(home).collect();
    detail
}

fn town(fake: &Fake) {
    let communities =
        json!({"items": [{"id": 2, "name": "康乐社区", "time_zone": "Asia/Shanghai"}]});
    fake.answers("GET /communities?limit=200", 200, communities);
    let grids = json!({"items": [{"id": 3, "name": "一网格"}], "next": null});
    fake.answers("GET /grids?community_id=2&after=0&limit=200", 200, grids);
    for (after, id, next) in [(0, 4, json!(4)), (4, 5, Value::Null)] {
        let page = json!({"items": [{"id": id, "name": format!("{id}号楼")}], "next": next});
        fake.answers(&format!("GET /groups?grid_id=3&after={after}&limit=200"), 200, page);
    }
}

const FORM: [(&str, &str); 7] = [
    ("community", "2"),
    ("scope", "sample"),
    ("per_group", "2"),
    ("starts", "2026-11-24T10:00"),
    ("ends", "2026-11-24T11:30"),
    ("announce", "60"),
    ("per_minute", "2"),
];

#[tokio::test]
async fn drills_are_listed_and_only_admins_plan() {
    let fake = Fake::new("admin");
    let page = json!({"items": [drill("running")], "next": 7});
    fake.answers("GET /drills?limit=20", 200, page.clone());
    let shown = fake.get("/drills").await;
    shown.shows(&[
        "康乐社区",
        "24 Nov 2026, 10:00",
        "2 of each group",
        "under way",
        "/drills/7/report",
    ]);
    shown.shows(&["/drills?after=7", "Plan a drill"]);
    // Of one community and in one state, on the next page too.
    let communities = json!({"items": [{"id": 2, "name": "康乐社区"}], "next": null});
    fake.answers("GET /communities?limit=200", 200, communities);
    let few = json!({"items": [], "next": 3});
    fake.answers("GET /drills?limit=20&state=ended&community_id=2", 200, few);
    let shown = fake.get("/drills?community=2&state=ended").await;
    shown.shows(&["value=\"2\" selected>康乐社区", "value=\"ended\" selected>Over"]);
    shown.shows(&["No drill is so.", "/drills?state=ended&#38;community=2&#38;after=3"]);
    let shown = fake.get_chinese("/drills?state=x&community=x").await;
    shown.shows(&["演练中", ">未结束<", ">康乐社区<"]);
    let fake = Fake::new("auditor");
    fake.answers("GET /drills?limit=20&after=7", 200, page);
    let shown = fake.get_chinese("/drills?after=7").await;
    shown.shows(&["2026年11月24日 10:00", "每组抽 2 户", "演练中"]);
    assert!(!shown.html.contains("/drills/plan"));
}

#[tokio::test]
async fn planning_says_once_how_many_telephones_ring() {
    let fake = Fake::new("admin");
    town(&fake);
    let form = fake.get("/drills/plan").await;
    form.shows(&["value=\"2026-11-24T10:00\"", "datetime-local", "康乐社区"]);
    fake.answers(
        "POST /drills/preview",
        200,
        json!({"homes": 20, "phones": 143, "texts": 90, "minutes": 10}),
    );
    let sure = fake.post("/drills/plan", &FORM).await;
    sure.shows(&[
        "143 telephones will ring.",
        "name=\"sure\" value=\"1\"",
        "name=\"starts\" value=\"2026-11-24T10:00\"",
        "name=\"seed\" value=\"317120\"",
    ]);
    let asked = fake.asked();
    let (_, _, looked) =
        asked.iter().find(|(_, path, _)| path == "/drills/preview").expect("asked");
    assert_eq!(looked["seed"], json!(317_120), "no draw is like the one before");
    assert!(asked.iter().all(|(_, path, _)| path != "/drills"), "nothing is planned yet");
    fake.answers("POST /drills", 201, detail("planned", 3));
    let mut form = FORM.to_vec();
    form.push(("sure", "1"));
    form.push(("seed", "317120"));
    let (_, key) = sure.html.split_once("name=\"key\" value=\"").expect("has a key");
    let key = key.split('"').next().expect("has an end");
    form.push(("key", key));
    // A second click plans no second drill.
    for _ in 0..2 {
        assert_eq!(fake.post("/drills/plan", &form).await.location(), "/drills/7?did=added");
    }
    assert_eq!(fake.keys(), [key, key]);
    let asked = fake.asked();
    let (_, _, sent) = asked.iter().find(|(_, path, _)| path == "/drills").expect("planned");
    assert_eq!((&sent["community_id"], &sent["per_group"]), (&json!(2), &json!(2)));
    assert_eq!(
        (&sent["starts_at"], &sent["seed"]),
        (&json!("2026-11-24T02:00:00Z"), &json!(317_120))
    );
    assert_eq!((&sent["announce_before_s"], &sent["on_holidays"]), (&json!(3600), &json!(false)));
}

#[tokio::test]
async fn quiet_hours_are_refused_beside_the_field_and_all_is_kept() {
    let fake = Fake::new("admin");
    town(&fake);
    let refused = json!({"type": "urn:lianfang:problem:invalid", "title": "no", "status": 422,
        "errors": [{"pointer": "/starts_at", "detail": "begins in quiet hours"}]});
    fake.answers("POST /drills/preview", 422, refused);
    let page = fake.post("/drills/plan", &FORM).await;
    assert_eq!(page.status, 422);
    page.shows(&[
        "id=\"starts-error\">begins in quiet hours",
        "value=\"2026-11-24T10:00\"",
        "value=\"60\"",
    ]);
    fake.asked();
    let wrong = fake
        .post("/drills/plan", &[("scope", "sample"), ("starts", "tomorrow"), ("per_group", "x")])
        .await;
    assert_eq!(wrong.status, 422);
    wrong.shows(&[
        "starts-error",
        "ends-error",
        "per_group-error",
        "community-error",
        "value=\"tomorrow\"",
    ]);
    let asked = fake.asked();
    assert!(
        asked.iter().all(|(method, _, _)| *method == Method::GET),
        "what cannot be read is not sent"
    );
}

#[tokio::test]
async fn groups_are_found_and_chosen_and_hours_are_the_drills_own() {
    let fake = Fake::new("admin");
    town(&fake);
    let form = fake.get("/drills/plan").await;
    form.shows(&[
        "一网格 4号楼",
        "一网格 5号楼",
        "id=\"from.0\" name=\"from.0\" type=\"time\" value=\"09:00\"",
        "value=\"17:30\"",
        "name=\"find\" value=\"1\"",
    ]);
    fake.get_chinese("/drills/plan").await.shows(&["哪些群组", "都不选，就是全部群组"]);
    let mut fields = FORM.to_vec();
    fields.extend([("group", "5"), ("groups_q", "4号"), ("find", "1"), ("starts", "whenever")]);
    let found = fake.post("/drills/plan", &fields).await;
    assert_eq!(found.status, 200);
    found.shows(&[
        "value=\"5\" checked",
        "value=\"4\"",
        "value=\"4号\"",
        "value=\"2026-11-24T10:00\"",
    ]);
    assert!(
        fake.asked().iter().all(|(method, ..)| *method == Method::GET),
        "finding plans nothing"
    );
    let preview = json!({"homes": 2, "phones": 20, "texts": 9, "minutes": 1});
    fake.answers("POST /drills/preview", 200, preview);
    let mut fields = FORM.to_vec();
    fields.extend([
        ("group", "4"),
        ("group", "5"),
        ("from.0", "10:00"),
        ("until.0", "11:00"),
        ("from.2", ""),
        ("until.2", ""),
    ]);
    let sure = fake.post("/drills/plan", &fields).await;
    sure.shows(&[
        "10:00–11:00",
        "name=\"group\" value=\"4\"",
        "name=\"group\" value=\"5\"",
        "name=\"from.0\" value=\"10:00\"",
    ]);
    let asked = fake.asked();
    let (_, _, sent) = asked.last().expect("asked");
    assert_eq!(sent["group_ids"], json!([4, 5]));
    assert_eq!(sent["hours"], json!([{"from": "10:00:00", "until": "11:00:00"}]));
    fake.answers("POST /drills", 201, detail("planned", 3));
    let planned = fake.post("/drills/plan", &[&fields[..], &[("sure", "1")]].concat()).await;
    assert_eq!(planned.location(), "/drills/7?did=added");
    let asked = fake.asked();
    let (_, _, sent) = asked.iter().find(|(_, path, _)| path == "/drills").expect("planned");
    assert_eq!(sent["hours"], json!([{"from": "10:00:00", "until": "11:00:00"}]));
    // Half a span, and what the API refuses of groups and hours, stand beside their fields.
    let mut half = FORM.to_vec();
    half.extend([("from.1", "10:00"), ("group", "4")]);
    let page = fake.post("/drills/plan", &half).await;
    assert_eq!(page.status, 422);
    page.shows(&["id=\"hours\" class=\"wrong\"", "value=\"10:00\"", "value=\"4\" checked"]);
    for (pointer, field) in [("/group_ids", "groups"), ("/hours", "hours")] {
        let refused = json!({"type": "urn:lianfang:problem:invalid", "title": "no", "status": 422,
            "errors": [{"pointer": pointer, "detail": "not so"}]});
        fake.answers("POST /drills/preview", 422, refused);
        let page = fake.post("/drills/plan", &FORM).await;
        page.shows(&[&format!("id=\"{field}\" class=\"wrong\""), "not so"]);
    }
}

#[tokio::test]
async fn the_whole_community_needs_no_number() {
    let fake = Fake::new("admin");
    town(&fake);
    fake.answers(
        "POST /drills/preview",
        200,
        json!({"homes": 20, "phones": 143, "texts": 90, "minutes": 10}),
    );
    let mut form = FORM.to_vec();
    form[1] = ("scope", "all");
    form[2] = ("per_group", "");
    fake.post("/drills/plan", &form).await.shows(&["143"]);
    let asked = fake.asked();
    let (_, _, sent) = asked.last().expect("asked");
    assert_eq!((&sent["per_group"], &sent["group_ids"]), (&Value::Null, &json!([])));
}

#[tokio::test]
async fn a_drill_is_watched_and_stopped() {
    let fake = Fake::new("operator");
    fake.answers("GET /drills/7", 200, detail("running", 500));
    let page = fake.get("/drills/7").await;
    page.shows(&[
        "data-live=\"/live\"",
        "1 / 500 households began",
        "3-502 陈阿姨",
        "household 52",
        "<progress max=\"500\" value=\"2\"",
        "/alarms/0abcdefghjkmn",
    ]);
    page.shows(&["its line has an alarm that is open", "Stop the drill", "not shown: 300"]);
    fake.answers("POST /drills/7/cancel", 204, Value::Null);
    assert_eq!(fake.post("/drills/7/stop", &[]).await.location(), "/drills/7?did=done");
    assert!(fake.asked().iter().any(|(_, path, _)| path == "/drills/7/cancel"));
    fake.answers("GET /drills/7", 200, detail("over", 3));
    let page = fake.get_chinese("/drills/7").await;
    page.shows(&["已结束", "火警"]);
    assert!(!page.html.contains("/drills/7/stop") && !page.html.contains("data-live"));
    assert_eq!(fake.get("/drills/8").await.status, 404);
}

/// Steps with their histograms, as the API tells them: of arriving nothing is known.
fn times() -> Value {
    let ends = [Some(1_000), Some(2_000), Some(5_000), Some(60_000), None];
    let step = |step: &str, homes: [u32; 5]| {
        let spans =
            ends.iter().zip(homes).map(|(end, homes)| json!({"until_ms": end, "homes": homes}));
        let homes: u32 = homes.iter().sum();
        let p50 = (homes > 0).then_some(1_500);
        json!({"step": step, "homes": homes, "p50": p50, "p99": p50, "spans": spans.collect::<Vec<_>>()})
    };
    json!([
        step("first_ring", [4, 12, 0, 0, 0]),
        step("coming", [0, 0, 3, 8, 1]),
        step("arrived", [0; 5])
    ])
}

#[tokio::test]
async fn a_report_shows_who_was_not_reached_and_who_was_not_told() {
    let fake = Fake::new("operator");
    let report = json!({"is_final": false, "homes": 20, "erased": 1, "yielded": 2, "phones": 100, "rung": 90, "answered": 60,
        "voicemail": 5, "texted": 80, "delivered": 70, "last_leg_ms": {"p50": 500, "p99": 900},
        "first_key_ms": {"p50": 9000, "p99": null}, "times": times(), "summary_zh": "康乐社区联防演练", "summary_en": "Drill of 康乐社区",
        "not_reached": [{"alarm_id": "0abcdefghjkmn", "household_id": 5, "contact_id": 6, "worker_id": null, "responder_id": null,
            "name": "陈阿姨", "number": "138****1234", "why": "busy", "reason": "busy"}],
        "not_told": [{"household_id": 5, "contact_id": null, "worker_id": 9, "responder_id": null, "number_index": 0,
            "channel": "voice", "reason": "nobody answered"}]});
    fake.answers("GET /drills/7/report", 200, report);
    let page = fake.get("/drills/7/report").await;
    page.shows(&[
        "figures may still grow",
        "90 (90%)",
        "60 (60%)",
        "0.5 s",
        "/directory/contacts/6",
        "138****1234",
    ]);
    page.shows(&[
        "/directory/workers/9\">worker 9</a>",
        "nobody answered",
        "Drill of 康乐社区",
        "<rect class=\"f-blue\" width=\"90\"",
    ]);
    // The charts, the same figures in a table, and what nobody did.
    page.shows(&[
        "First ring: 4 within 1 s, 12 within 2 s",
        "Coming: 3 within 5 s, 8 within 1 min, 1 later",
        "&#62;1 min",
    ]);
    page.shows(&[
        "data-label=\"First ring\"><span>12</span>",
        "data-label=\"Arrived\"><span class=\"dim\">0</span>",
    ]);
    assert_eq!(page.html.matches("class=\"chart\"").count(), 2, "nothing is drawn of nothing");
    fake.get_chinese("/drills/7/report").await.shows(&[
        "没有人应答的号码",
        "康乐社区联防演练",
        "事先没有通知到的",
        "首次响铃：1.0 秒内 4 户，2.0 秒内 12 户",
    ]);
}

#[tokio::test]
async fn only_admins_get_the_form_of_a_drill() {
    for role in ["operator", "auditor"] {
        let fake = Fake::new(role);
        assert_eq!(fake.get("/drills/plan").await.status, StatusCode::FORBIDDEN, "{role}");
        let sent = fake.post("/drills/plan", &[("community", "1"), ("sure", "1")]).await;
        assert_eq!(sent.status, StatusCode::FORBIDDEN, "{role}");
    }
}
