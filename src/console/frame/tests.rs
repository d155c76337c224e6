use crate::fake::Fake;
use axum::http::StatusCode;
use serde_json::{Value, json};

fn problem(status: u16) -> Value {
    json!({"type": "urn:lianfang:problem:x", "title": "Odd", "status": status, "detail": "Why it is so."})
}

#[tokio::test]
async fn the_page_of_a_failure_keeps_the_bar_and_the_places() {
    for (status, words) in
        [(403, "You may not do this"), (404, "no such page"), (409, "Odd"), (503, "Busy")]
    {
        let fake = Fake::new("operator");
        fake.answers("GET /alarms/a1", status, problem(status));
        let page = fake.get("/alarms/a1").await;
        assert_eq!(page.status.as_u16(), status);
        page.shows(&[
            words,
            "Why it is so.",
            "1 with nobody coming",
            "href=\"/roster\"",
            "王敏",
            "id=\"q\"",
        ]);
    }
    let fake = Fake::new("operator");
    fake.get_chinese("/nowhere").await.shows(&["没有这一页", "1 报警无人接警", "警情墙", "王敏"]);
}

#[tokio::test]
async fn the_page_of_a_failure_is_in_the_language_of_the_account() {
    let fake = Fake::new("operator");
    let account = json!({"name": "wang", "role": "operator", "language": "zh-CN"});
    fake.answers("GET /session", 200, json!({"account": account}));
    let page = fake.get("/nowhere").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    page.shows(&["没有这一页", "lang=\"zh-CN\""]);
}

#[tokio::test]
async fn who_is_not_known_sees_a_failure_without() {
    let fake = Fake::nobody();
    fake.answers("GET /session", 503, problem(503));
    let page = fake.get("/alarms/a1").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    page.shows(&["Busy"]);
    assert!(!page.html.contains("id=\"state\""));
}

#[tokio::test]
async fn only_who_may_search_is_offered_to() {
    for (role, may) in
        [("admin", true), ("operator", true), ("auditor", false), ("responder", false)]
    {
        let page = Fake::new(role).get("/nowhere").await;
        page.shows(&["href=\"/settings\""]);
        assert_eq!(page.html.contains("id=\"q\""), may, "{role}");
        assert_eq!(page.html.contains("<kbd>/</kbd>"), may, "{role}");
    }
}

#[tokio::test]
async fn the_bar_is_live_where_somebody_may_act_on_what_it_shows() {
    for (role, may) in
        [("admin", true), ("operator", true), ("auditor", false), ("responder", false)]
    {
        let page = Fake::new(role).get("/nowhere").await;
        assert_eq!(page.html.contains("<body data-bar=\"/bar\">"), may, "{role}");
        assert_eq!(page.html.contains("id=\"lost\""), may, "{role}");
        assert_eq!(page.html.contains("id=\"sound\""), may, "{role}");
    }
}

#[tokio::test]
async fn the_bar_alone_sounds_for_what_nobody_has_taken_in_hand() {
    let fake = Fake::new("operator");
    let row = |id: &str, is_answered: bool, is_drill: bool| {
        json!({"id": id, "raised_at": "2026-11-22T03:11:42Z", "state": "unattended", "is_answered": is_answered,
            "is_drill": is_drill})
    };
    let items = [
        row("a1", false, false),
        row("a2", true, false),
        row("a3", false, false),
        row("a4", false, true),
    ];
    let board = json!({"now": "2026-11-22T03:12:00Z", "items": items, "is_cut": false});
    fake.answers("GET /alarms/board", 200, board);
    let bar = fake.get("/bar").await;
    assert_eq!(bar.status, StatusCode::OK);
    bar.shows(&["id=\"state\"", "1 with nobody coming"]);
    bar.shows(&["Nobody is coming yet; "]);
    assert_eq!(bar.html.matches("data-alarm=\"unanswered\"").count(), 2);
    assert!(!bar.html.contains("<html") && bar.html.len() < 2_000, "the bar and nothing else");
    fake.get_chinese("/bar").await.shows(&["报警无人接警"]);
    // A board that cannot be read leaves the bar, and one without alarms is not asked for.
    fake.answers("GET /alarms/board", 503, problem(503));
    fake.get("/bar").await.shows(&["1 with nobody coming"]);
    fake.answers("GET /state", 200, json!({"open": 0}));
    fake.asked();
    fake.get("/bar").await.shows(&["No alarm"]);
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn a_session_that_ended_does_not_take_the_page_along() {
    let fake = Fake::nobody();
    fake.answers("GET /session", 401, problem(401));
    assert_eq!(fake.get("/bar").await.status, StatusCode::UNAUTHORIZED);
}
