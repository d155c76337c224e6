use crate::fake::Fake;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

fn webhook(standing: Value) -> Value {
    json!({"id": 3, "url": "https://hooks.example.com/in", "description": "值班大屏",
        "events": ["alarm.raised", "line.down"], "community_id": 7, "with_drills": false, "is_enabled": true,
        "created_at": "2026-11-01T00:00:00Z", "old_secret_until": "2026-11-22T20:00:00Z", "version": 1,
        "standing": standing})
}

fn standing(waiting: u32, dead: u32, failing: u32, delivered: Option<&str>) -> Value {
    json!({"waiting": waiting, "dead": dead, "failing": failing, "last_at": "2026-11-22T03:00:00Z",
        "delivered_at": delivered})
}

fn message(id: u32, state: &str, more: Value) -> Value {
    let mut message = json!({"id": id, "webhook_id": 3, "message_id": format!("msg_{id}"), "event": "alarm.raised",
        "state": state, "attempts": 1, "created_at": "2026-11-22T03:11:50Z", "next_at": null, "last_at": null,
        "last_status": null, "last_error": null, "ended_at": null});
    for (name, value) in more.as_object().unwrap() {
        message[name] = value.clone();
    }
    message
}

/// An admin and one webhook that fares badly.
fn known() -> Fake {
    let fake = Fake::new("admin");
    let account = json!({"name": "wang", "display_name": "王敏", "role": "admin", "reach": {"kind": "everything"}});
    fake.answers("GET /session", 200, json!({"account": account}));
    fake.answers("GET /webhooks/3", 200, webhook(standing(2, 1, 3, Some("2026-11-22T02:00:00Z"))));
    let communities = json!({"items": [{"id": 7, "name": "康乐"}], "next": null});
    fake.answers("GET /communities?after=0&limit=200", 200, communities);
    let messages = json!({"next": 5, "items": [
        message(9, "waiting", json!({"event": "ping", "next_at": "2026-11-22T03:12:50Z"})),
        message(8, "waiting", json!({"attempts": 3, "last_at": "2026-11-22T03:11:55Z", "last_status": 503,
            "last_error": "status", "next_at": "2026-11-22T03:20:00Z"})),
        message(7, "dead", json!({"last_error": "timeout", "last_at": "2026-11-22T03:00:00Z"})),
        message(6, "delivered", json!({"last_status": 204, "event": "unheard.of"})),
    ]});
    fake.answers("GET /webhooks/3/deliveries?limit=50", 200, messages);
    fake
}

fn problem(status: u16, pointer: &str) -> Value {
    json!({"type": "t", "title": "t", "status": status, "errors": [{"pointer": pointer, "detail": "This is wrong."}]})
}

const FORM: [(&str, &str); 6] = [
    ("url", "https://elsewhere.example/"),
    ("description", "街道大屏"),
    ("event", "alarm.raised"),
    ("event", "route.down"),
    ("community_id", "7"),
    ("is_enabled", "yes"),
];

fn wanted() -> Value {
    json!({"url": "https://elsewhere.example/", "description": "街道大屏", "events": ["alarm.raised", "route.down"],
        "community_id": 7, "with_drills": false, "is_enabled": true})
}

#[tokio::test]
async fn the_list_says_how_each_fares() {
    for (enabled, fares, english, chinese) in [
        (
            true,
            standing(2, 1, 3, Some("2026-11-22T02:00:00Z")),
            "not taken over there",
            "对方没有收下",
        ),
        (true, standing(0, 1, 0, None), "messages given up", "有消息已放弃"),
        (true, standing(2, 0, 0, None), "under way", "正在发送"),
        (
            true,
            standing(0, 0, 0, Some("2026-11-22T02:00:00Z")),
            "22 Nov 2026, 10:00",
            "2026年11月22日 10:00",
        ),
        (true, standing(0, 0, 0, None), "nothing sent yet", "还没有发过"),
        (false, standing(2, 1, 3, None), "paused", "已暂停"),
    ] {
        let fake = known();
        let mut row = webhook(fares);
        row["is_enabled"] = json!(enabled);
        fake.answers("GET /webhooks?after=0&limit=200", 200, json!({"items": [row], "next": null}));
        let page = fake.get("/settings/webhooks").await;
        page.shows(&[
            english,
            "值班大屏",
            "https://hooks.example.com/in",
            "an alarm began, a line is down",
        ]);
        fake.get_chinese("/settings/webhooks").await.shows(&[
            chinese,
            "消息推送",
            "有人报警、线路中断",
        ]);
    }
    let none = known();
    none.answers("GET /webhooks?after=0&limit=200", 200, json!({"items": [], "next": null}));
    none.get("/settings/webhooks").await.shows(&["No webhooks.", "/settings/webhooks/new"]);
    let refused = Fake::new("operator");
    refused.answers("GET /webhooks?after=0&limit=200", 403, problem(403, ""));
    assert_eq!(refused.get("/settings/webhooks").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_new_one_shows_its_secret_once_and_a_wrong_one_keeps_what_was_typed() {
    let fake = known();
    let page = fake.get("/settings/webhooks/new").await;
    page.shows(&[
        "name=\"event\" value=\"alarm.raised\" checked",
        "康乐",
        "webhooks.allowed_hosts",
    ]);
    fake.get_chinese("/settings/webhooks/new").await.shows(&["新推送", "有人报警"]);
    for (pointer, field) in
        [("/url", "id=\"url-error\""), ("/events/1", "id=\"events\" class=\"wrong\"")]
    {
        fake.answers("POST /webhooks", 422, problem(422, pointer));
        let page = fake.post("/settings/webhooks/new", &FORM).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        page.shows(&[
            "This is wrong.",
            field,
            "value=\"https://elsewhere.example/\"",
            "value=\"route.down\" checked",
            "value=\"7\" selected",
        ]);
        assert!(!page.html.contains("value=\"line.down\" checked"));
    }
    fake.asked();
    let mut made = webhook(json!(null));
    made.as_object_mut().unwrap().remove("standing");
    made["secret"] = json!("whsec_abc");
    fake.answers("POST /webhooks", 201, made);
    let page = fake.post("/settings/webhooks/new", &FORM).await;
    page.shows(&["whsec_abc", "Standard Webhooks", "href=\"/settings/webhooks/3\""]);
    assert_eq!(fake.asked(), [(Method::POST, "/webhooks".to_owned(), wanted())]);
}

#[tokio::test]
async fn messages_say_what_became_of_them_and_are_sent_again() {
    let fake = known();
    let page = fake.get("/settings/webhooks/3").await;
    page.shows(&[
        "data-soon",
        "a test",
        "HTTP 503",
        "no answer in time",
        "given up",
        "unheard.of",
        "/settings/webhooks/3/messages/7",
        "/settings/webhooks/3/messages/6",
        "after=5#messages",
        "signs as well until",
    ]);
    assert_eq!(
        page.html.matches("data-soon").count(),
        1,
        "what was tried is not looked at every second"
    );
    assert!(
        !page.html.contains("/messages/9\"") && !page.html.contains("/messages/8\""),
        "both wait"
    );
    let page = fake.get_chinese("/settings/webhooks/3").await;
    page.shows(&["试发", "对方没有及时回答", "已放弃", "将再发", "3 次"]);
    let dead = json!({"items": [message(7, "dead", json!({}))], "next": null});
    fake.answers("GET /webhooks/3/deliveries?limit=50&state=dead&after=4", 200, dead);
    let page = fake.get("/settings/webhooks/3?state=dead&after=4").await;
    page.shows(&["state=dead#messages\" aria-current=\"page\"", "messages/7"]);
    fake.answers("POST /webhooks/3/ping", 202, message(10, "waiting", json!({})));
    fake.answers("POST /webhooks/3/deliveries/7/redeliver", 409, problem(409, ""));
    for path in ["/settings/webhooks/3/ping", "/settings/webhooks/3/messages/7"] {
        let done = fake.post(path, &[]).await;
        assert_eq!(done.location(), "/settings/webhooks/3?did=sent#messages");
    }
    let asked = fake.asked();
    assert!(asked.iter().any(|(method, path, _)| {
        (method, path.as_str()) == (&Method::POST, "/webhooks/3/deliveries/7/redeliver")
    }));
}

#[tokio::test]
async fn it_is_changed_paused_and_given_a_new_secret() {
    let fake = known();
    fake.answers("PUT /webhooks/3", 200, webhook(json!(null)));
    let fields: Vec<_> = FORM.into_iter().chain([("etag", "\"1\"")]).collect();
    assert_eq!(
        fake.post("/settings/webhooks/3", &fields).await.location(),
        "/settings/webhooks/3?did=saved"
    );
    assert_eq!(fake.asked(), [(Method::PUT, "/webhooks/3".to_owned(), wanted())]);
    for (fields, is_enabled) in [(vec![], false), (vec![("on", "yes")], true)] {
        let done = fake.post("/settings/webhooks/3/pause", &fields).await;
        assert_eq!(done.location(), "/settings/webhooks/3?did=saved");
        let (_, _, body) = fake.asked().pop().unwrap();
        assert_eq!(
            (&body["is_enabled"], &body["url"]),
            (&json!(is_enabled), &json!("https://hooks.example.com/in"))
        );
    }
    fake.answers("PUT /webhooks/3", 422, problem(422, "/description"));
    let page = fake.post("/settings/webhooks/3", &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["id=\"description-error\"", "value=\"街道大屏\"", "HTTP 503"]);
    fake.answers("PUT /webhooks/3", 412, problem(412, ""));
    let page = fake.post("/settings/webhooks/3", &fields).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
    page.shows(&[
        "Somebody else has just changed this",
        "value=\"街道大屏\"",
        "https://hooks.example.com/in",
    ]);
    let secret = json!({"secret": "whsec_new", "old_secret_until": "2026-11-23T03:00:00Z"});
    fake.answers("POST /webhooks/3/rotate-secret", 200, secret);
    fake.asked();
    let question = fake.get("/settings/webhooks/3/secret").await;
    question.shows(&["void after a day", "值班大屏", "action=\"/settings/webhooks/3/secret\""]);
    fake.get_chinese("/settings/webhooks/3/secret").await.shows(&["一天后作废"]);
    assert!(fake.asked().iter().all(|(method, ..)| *method == Method::GET));
    fake.get("/settings/webhooks/3").await.shows(&["href=\"/settings/webhooks/3/secret\""]);
    fake.post("/settings/webhooks/3/secret", &[]).await.shows(&["whsec_new", "值班大屏"]);
}

#[tokio::test]
async fn it_is_deleted_only_when_asked_twice() {
    let fake = known();
    let page = fake.get("/settings/webhooks/3/remove").await;
    page.shows(&[
        "cannot be taken back",
        "Waiting: 2",
        "given up: 1",
        "name=\"etag\" value=\"&#34;1&#34;\"",
    ]);
    fake.get_chinese("/settings/webhooks/3/remove").await.shows(&["无法恢复"]);
    fake.answers("DELETE /webhooks/3", 412, problem(412, ""));
    let page = fake.post("/settings/webhooks/3/remove", &[("etag", "\"1\"")]).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
    fake.answers("DELETE /webhooks/3", 204, Value::Null);
    let done = fake.post("/settings/webhooks/3/remove", &[("etag", "\"1\"")]).await;
    assert_eq!(done.location(), "/settings/webhooks?did=removed");
}

#[tokio::test]
async fn what_was_given_up_is_sent_again_or_discarded_once_it_was_asked_twice() {
    let fake = known();
    let page = fake.get("/settings/webhooks/3").await;
    page.shows(&[
        "action=\"/settings/webhooks/3/again\"",
        "href=\"/settings/webhooks/3/discard\"",
        "href=\"/settings/webhooks/3/discard?message=7\"",
        "Send all given up again (1)",
    ]);
    assert!(!page.html.contains("discard?message=6"), "what was taken is no dead letter");
    fake.answers("POST /webhooks/3/dead-letters/redeliver", 202, json!({"messages": 1}));
    let done = fake.post("/settings/webhooks/3/again", &[]).await;
    assert_eq!(done.location(), "/settings/webhooks/3?did=sent#messages");
    fake.get("/settings/webhooks/3/discard")
        .await
        .shows(&["All messages that were given up go", "audit"]);
    fake.get_chinese("/settings/webhooks/3/discard?message=7")
        .await
        .shows(&["这条消息丢弃后无法恢复", "name=\"message\" value=\"7\""]);
    fake.answers("DELETE /webhooks/3/dead-letters", 200, json!({"messages": 1}));
    let done = fake.post("/settings/webhooks/3/discard", &[]).await;
    assert_eq!(done.location(), "/settings/webhooks/3?did=removed#messages");
    for (status, answer) in [(204, Value::Null), (409, problem(409, "")), (404, problem(404, ""))] {
        fake.answers("DELETE /webhooks/3/deliveries/7", status, answer);
        let done = fake.post("/settings/webhooks/3/discard", &[("message", "7")]).await;
        assert_eq!(done.location(), "/settings/webhooks/3?did=removed#messages", "{status}");
    }
    fake.answers("DELETE /webhooks/3/deliveries/7", 403, problem(403, ""));
    let refused = fake.post("/settings/webhooks/3/discard", &[("message", "7")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}
