use crate::fake::Fake;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

const WHAT_IF: &str = "GET /lines/8/what-if?kind=unknown";
const OPEN: &str = "GET /alarms?state=open&drill=false&line_id=8&limit=1";

/// A town with one line, on which three telephones would ring at once.
fn town(role: &str) -> Fake {
    let fake = Fake::new(role);
    let row = |path: &str, row: Value| fake.answers(&format!("GET {path}"), 200, row);
    row("/lines/8", json!({"id": 8, "household_id": 5, "account": "l8", "hotline_grace_s": null}));
    row(
        "/households/5",
        json!({"id": 5, "group_id": 4, "name": "陈阿姨", "place": "康乐里", "building": "3",
        "unit": "2", "floor": "5", "door": "502"}),
    );
    row("/groups/4", json!({"id": 4, "grid_id": 3, "name": "一组"}));
    row("/grids/3", json!({"id": 3, "community_id": 2, "name": "一网格"}));
    row(
        "/communities/2",
        json!({"id": 2, "street_id": 1, "name": "康乐社区", "alarm_codes": ["#9", "*9"]}),
    );
    row("/streets/1", json!({"id": 1, "name": "湖里街道"}));
    let leg =
        |wave: u32, why: &str, channel: &str| json!({"wave": wave, "why": why, "channel": channel});
    let legs = json!([
        leg(0, "wave", "voice"),
        leg(0, "wave", "voice"),
        leg(0, "wave", "sms"),
        leg(0, "wave", "voice"),
        leg(0, "busy_retry", "voice"),
        leg(1, "wave", "voice")
    ]);
    fake.answers(WHAT_IF, 200, json!({"legs": legs}));
    fake.answers(OPEN, 200, json!({"items": [], "next": null}));
    fake
}

/// The key of the form that a page shows.
fn key_of(html: &str) -> String {
    let (_, rest) = html.split_once("name=\"key\" value=\"").expect("has a key");
    rest.split('"').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn one_page_asks_with_how_many_telephones_ring() {
    let fake = town("operator");
    let page = fake.get("/directory/lines/8/raise").await;
    page.shows(&[
        "3 telephones will ring.",
        "陈阿姨",
        "502",
        "康乐社区",
        "Raise the alarm</button>",
    ]);
    page.shows(&["name=\"kind\" value=\"unknown\"", "/directory/lines/8/raise?kind=fire"]);
    assert!(key_of(&page.html) != key_of(&fake.get("/directory/lines/8/raise").await.html));
    fake.get_chinese("/directory/lines/8/raise").await.shows(&[
        "代为报警",
        "将有 3 部电话立即响铃。",
        "未说明",
    ]);
    fake.answers("GET /lines/8/what-if?kind=fire", 200, json!({"legs": []}));
    let page = fake.get("/directory/lines/8/raise?kind=fire").await;
    page.shows(&[
        "No telephone will ring",
        "name=\"kind\" value=\"fire\"",
        "Raise the alarm</button>",
    ]);
    fake.answers(OPEN, 200, json!({"items": [{"id": "0abcdefghjkmn"}], "next": "0abcdefghjkmn"}));
    let page = fake.get("/directory/lines/8/raise").await;
    page.shows(&["This line has an open alarm", "/alarms/0abcdefghjkmn"]);
}

#[tokio::test]
async fn what_cannot_be_told_keeps_no_alarm_from_being_raised() {
    let fake = town("operator");
    let busy = json!({"type": "urn:lianfang:problem:busy", "title": "busy", "status": 503});
    fake.answers(WHAT_IF, 503, busy.clone());
    fake.answers(OPEN, 503, busy);
    let page = fake.get("/directory/lines/8/raise").await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows(&["cannot be told now", "Raise the alarm</button>"]);
}

#[tokio::test]
async fn a_click_raises_one_alarm_with_the_key_of_its_page() {
    let fake = town("operator");
    let key = key_of(&fake.get("/directory/lines/8/raise").await.html);
    fake.answers("POST /triggers", 201, json!({"id": "0abcdefghjkmn", "is_new": true}));
    let form = [("kind", "illness"), ("key", key.as_str())];
    fake.asked();
    for _ in 0..2 {
        let page = fake.post("/directory/lines/8/raise", &form).await;
        assert_eq!(page.location(), "/alarms/0abcdefghjkmn?did=called");
    }
    let posted: Vec<_> =
        fake.asked().into_iter().filter(|(method, ..)| *method == Method::POST).collect();
    let wanted = (
        Method::POST,
        "/triggers".to_owned(),
        json!({"account": "l8", "code": "#9", "kind": "illness"}),
    );
    assert_eq!(posted, [wanted.clone(), wanted]);
    assert_eq!(fake.keys(), [key.clone(), key]);
}

#[tokio::test]
async fn a_hotline_dials_no_code() {
    let fake = town("admin");
    fake.answers(
        "GET /lines/8",
        200,
        json!({"id": 8, "household_id": 5, "account": "l8", "hotline_grace_s": 5}),
    );
    fake.answers("POST /triggers", 201, json!({"id": "0abcdefghjkmn", "is_new": true}));
    fake.post("/directory/lines/8/raise", &[("kind", "wrong"), ("key", "a")]).await.location();
    let sent = fake.asked().into_iter().find(|(method, ..)| *method == Method::POST);
    assert_eq!(sent.map(|(_, _, body)| body), Some(json!({"account": "l8", "kind": "unknown"})));
}

#[tokio::test]
async fn an_alarm_that_is_open_takes_the_press_and_one_that_is_over_does_not() {
    let fake = town("operator");
    fake.answers("POST /triggers", 200, json!({"id": "0abcdefghjkmn", "is_new": false}));
    let form = [("kind", "fire"), ("key", "form-1")];
    fake.answers("GET /alarms/0abcdefghjkmn", 200, json!({"board": {"state": "coming"}}));
    let page = fake.post("/directory/lines/8/raise", &form).await;
    assert_eq!(page.location(), "/alarms/0abcdefghjkmn?did=joined");
    let closed = json!({"board": {"state": "closed", "closed_at": "2026-11-22T02:00:00Z"}});
    fake.answers("GET /alarms/0abcdefghjkmn", 200, closed);
    let page = fake.post("/directory/lines/8/raise", &form).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.shows(&["no telephone rings now", "name=\"kind\" value=\"fire\""]);
    assert_ne!(key_of(&page.html), "form-1");
}

#[tokio::test]
async fn a_refusal_says_that_nothing_rings_and_keeps_what_was_chosen() {
    let fake = town("operator");
    let problem = |status: u16| json!({"type": "urn:lianfang:problem:x", "title": "x", "status": status, "detail": "Why it is so."});
    for (status, shown) in [(422, 422), (400, 422), (409, 422), (503, 503)] {
        fake.answers("POST /triggers", status, problem(status));
        let page =
            fake.post("/directory/lines/8/raise", &[("kind", "flood"), ("key", "form-1")]).await;
        assert_eq!(page.status.as_u16(), shown, "{status}");
        page.shows(&["No alarm was raised.", "Why it is so.", "name=\"kind\" value=\"flood\""]);
        assert_eq!(key_of(&page.html), "form-1");
    }
    fake.answers("POST /triggers", 404, problem(404));
    let page = fake.post("/directory/lines/8/raise", &[("key", "form-1")]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    let page = fake.post_raw("/directory/lines/8/raise", "key=form-1").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "without what a form brings along");
}

#[tokio::test]
async fn a_household_leads_to_its_line() {
    let fake = town("operator");
    let lines = "GET /lines?after=0&limit=50&household_id=5";
    fake.answers(lines, 200, json!({"items": [{"id": 8, "account": "l8"}], "next": null}));
    let page = fake.get("/directory/households/5/raise").await;
    assert_eq!(page.location(), "/directory/lines/8/raise");
    let two =
        json!({"items": [{"id": 8, "account": "l8"}, {"id": 9, "account": "l9"}], "next": null});
    fake.answers(lines, 200, two);
    let page = fake.get("/directory/households/5/raise").await;
    page.shows(&["Which line", "/directory/lines/9/raise", "l9"]);
    fake.answers(lines, 200, json!({"items": [], "next": null}));
    fake.get("/directory/households/5/raise").await.shows(&["has no line"]);
    fake.get_chinese("/directory/households/5/raise").await.shows(&["没有线路"]);
}

#[tokio::test]
async fn it_is_one_link_from_where_people_are_found() {
    let fake = town("operator");
    for list in ["lines", "contacts"] {
        let path = format!("GET /{list}?after=0&limit=50&household_id=5");
        fake.answers(&path, 200, json!({"items": [], "next": null}));
    }
    fake.get("/directory/lines/8").await.shows(&["/directory/lines/8/raise"]);
    fake.get("/directory/households/5").await.shows(&["/directory/households/5/raise"]);
    let found = |noun: &str, id: u64, household: Option<u64>| {
        json!({"noun": noun, "id": id, "name": "陈", "place": "3-502", "numbers": [],
        "household_id": household, "community": "康乐社区"})
    };
    let items = json!([
        found("lines", 8, Some(5)),
        found("contacts", 6, Some(7)),
        found("workers", 3, None)
    ]);
    let page = json!({"items": items, "next": null, "is_too_short": false});
    fake.answers("GET /search?q=x&after=0&limit=50", 200, page);
    let page = fake.get("/directory/search?q=x").await;
    page.shows(&["/directory/lines/8/raise", "/directory/households/7/raise"]);
    assert_eq!(page.html.matches("/raise\"").count(), 2);
}

#[tokio::test]
async fn it_is_for_those_who_act() {
    let fake = Fake::new("auditor");
    let forbidden = json!({"type": "urn:lianfang:problem:forbidden", "title": "no", "status": 403});
    fake.answers("GET /lines/8", 403, forbidden.clone());
    fake.answers("GET /households/5", 403, forbidden);
    for path in ["/directory/lines/8/raise", "/directory/households/5/raise"] {
        assert_eq!(fake.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let page = fake.post("/directory/lines/8/raise", &[("kind", "fire"), ("key", "a")]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(fake.asked().iter().all(|(method, ..)| *method != Method::POST));
}
