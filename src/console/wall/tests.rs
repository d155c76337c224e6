use crate::fake::Fake;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// An alarm where nobody is coming yet.
pub(crate) fn row(id: &str) -> Value {
    json!({
        "id": id, "raised_at": "2026-11-22T03:11:42Z", "age_s": 18, "closed_at": null, "outcome": null,
        "is_drill": false, "is_weak": false, "is_duress": false, "kind": "illness", "state": "unattended",
        "urgency": 1, "is_answered": false, "in_hand": null, "presses_again": 0, "waves": 1,
        "place": {"community_id": 1, "community": "康乐社区", "place": "", "building": "3", "unit": "2", "floor": "5",
            "door": "502", "household": "陈阿姨"},
        "counts": {"households": 10, "duty_workers": 1, "ringing": 7, "busy": 1, "no_answer": 2,
            "answered_without_key": 1, "sms_submitted": 11, "sms_late": 2},
        "people": [], "others": [{"party": 2, "role": "neighbour", "name": "302 李强"}],
        "next": {"at": "2026-11-22T03:12:12Z", "what": "step", "names": ["网格长"], "count": 3},
        "late": [], "owner": null, "rings_if_called_again": 3,
    })
}

fn board(items: &[Value]) -> Value {
    json!({"now": "2026-11-22T03:12:00Z", "items": items, "is_cut": false})
}

fn wall(role: &str, items: &[Value]) -> Fake {
    let fake = Fake::new(role);
    fake.answers("GET /alarms/board", 200, board(items));
    fake.answers(
        "GET /communities?limit=200",
        200,
        json!({"items": [{"id": 1, "name": "康乐社区"}]}),
    );
    fake
}

#[tokio::test]
async fn a_card_says_where_who_was_called_what_became_of_it_and_what_comes_next() {
    let fake = wall("operator", &[row("a1")]);
    let page = fake.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows(&[
        "id=\"a-a1\"",
        "data-alarm=\"unanswered\"",
        "Nobody is coming yet",
        "00:00:18",
        "Building 3, unit 2, floor 5, door 502",
        "陈阿姨",
        "Illness or injury",
        "10 households + 1 on duty called",
        "ringing 7 · answered, no key 1 · busy 1 · no answer 2 · SMS accepted by the carrier 11 (no receipt in time 2)",
        "datetime=\"2026-11-22T03:12:12Z\">12</time>",
        "more people: 网格长 and 2 more",
        "I am on it",
        "302 李强 · neighbour",
        "data-live=\"/live\"",
    ]);
    let chinese = fake.get_chinese("/").await;
    chinese.shows(&[
        "无人接警",
        "3号楼 2单元 5楼 502",
        "陈阿姨家",
        "已呼叫 10 户 + 值班 1 人",
        "响铃 7 · 已接听，未按键 1 · 忙 1 · 未接 2 · 短信已提交 11（回执超时 2）",
        "升级：网格长等 3 方",
        "我来处理",
    ]);
    for word in ["delivered", "notified", "已送达", "已通知"] {
        assert!(!page.html.contains(word) && !chinese.html.contains(word), "{word}");
    }
}

#[tokio::test]
async fn who_is_coming_is_told_with_since_when_and_what_is_late() {
    let mut coming = row("a2");
    coming["state"] = json!("coming");
    coming["people"] = json!([
        {"party": 2, "role": "neighbour", "name": "302 李强", "since": "2026-11-22T03:11:50Z", "arrived_at": null},
        {"party": 0, "role": "duty_worker", "name": "王敏", "since": null, "arrived_at": "2026-11-22T03:10:00Z"},
    ]);
    coming["in_hand"] = json!({"by": "wang", "since": "2026-11-22T03:11:55Z"});
    coming["is_answered"] = json!(true);
    coming["late"] = json!([{"what": "arrived", "since": "2026-11-22T03:11:59Z", "count": 1}]);
    let page = wall("operator", &[coming]).get("/").await;
    page.shows(&["302 李强", "10 seconds ago", "2 min ago", "Late: nobody is there", "amber-edge"]);
    page.shows(&["data-alarm=\"answered\"", "In hand: wang"]);
    assert!(!page.html.contains("I am on it"), "it is in hand");
}

#[tokio::test]
async fn drills_stand_grey_and_apart_and_sound_nothing() {
    let mut drill = row("d1");
    drill["is_drill"] = json!(true);
    let page = wall("operator", &[row("a1"), drill]).get("/").await;
    let (before, after) = page.html.split_once("id=\"drills\"").unwrap();
    assert!(before.contains("a-a1") && !before.contains("a-d1"));
    assert!(
        after.contains("a-d1")
            && after.contains("grey-edge")
            && after.contains("data-alarm=\"answered\"")
    );
    assert!(!after.contains("I am on it"), "nobody takes a drill in hand");
}

#[tokio::test]
async fn a_calm_wall_says_who_is_on_duty_and_where_nobody_is() {
    let fake = wall("operator", &[]);
    let duty = json!({"summary": "A 岗：王敏", "on_duty": [{}]});
    fake.answers("GET /communities/1/duty", 200, duty);
    fake.get_chinese("/").await.shows(&["现在没有警情。", "今日值班", "A 岗：王敏"]);
    fake.answers("GET /communities/1/duty", 200, json!({"summary": "无人值班", "on_duty": []}));
    fake.get_chinese("/").await.shows(&["<dd class=\"red\">无人值班"]);
}

#[tokio::test]
async fn a_wall_of_one_community_asks_for_that_one() {
    let fake = wall("operator", &[]);
    fake.answers("GET /alarms/board?community_id=2", 200, board(&[row("a9")]));
    let two = json!({"items": [{"id": 1, "name": "康乐社区"}, {"id": 2, "name": "文园社区"}]});
    fake.answers("GET /communities?limit=200", 200, two);
    let page = fake.get("/?community=2").await;
    page.shows(&["a-a9", "<option value=\"2\" selected>", "name=\"back\" value=\"/?community=2\""]);
}

#[tokio::test]
async fn who_may_not_act_sees_no_form() {
    let page = wall("auditor", &[row("a1")]).get("/").await;
    page.shows(&["a-a1"]);
    assert!(!page.html.contains("/take") && !page.html.contains("/acknowledge"));
}

#[tokio::test]
async fn names_are_text_and_never_markup() {
    let mut evil = row("a1");
    evil["place"]["household"] = json!("<script>alert(1)</script>");
    evil["others"][0]["name"] = json!("\"><img src=x>");
    let page = wall("operator", &[evil]).get("/").await;
    assert!(!page.html.contains("<script>alert") && !page.html.contains("<img"), "{}", page.html);
}

#[tokio::test]
async fn a_failure_of_the_api_is_a_page_and_not_an_empty_wall() {
    let fake = Fake::new("operator");
    fake.answers(
        "GET /alarms/board",
        503,
        json!({"type": "urn:lianfang:problem:busy", "title": "Busy", "status": 503}),
    );
    let page = fake.get("/").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!page.html.contains("No alarm is open"));
}

#[tokio::test]
async fn an_auditor_is_taken_to_the_list_of_alarms() {
    let fake = Fake::new("auditor");
    let problem =
        json!({"type": "urn:lianfang:problem:forbidden", "title": "Forbidden", "status": 403});
    fake.answers("GET /alarms/board", 403, problem);
    assert_eq!(fake.get("/").await.location(), "/alarms");
}
