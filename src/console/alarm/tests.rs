use crate::fake::Fake;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

fn detail() -> Value {
    let mut board = crate::wall::tests::row("a1");
    board["state"] = json!("coming");
    board["people"] = json!([{"party": 2, "role": "neighbour", "name": "302 李强", "since": "2026-11-22T03:11:52Z", "arrived_at": null}]);
    json!({
        "id": "a1", "board": board, "heard_ms": -2, "committed_ms": 4,
        "parties": [
            {"party": 0, "role": "duty_worker", "name": "王敏", "numbers": ["139****2222"]},
            {"party": 2, "role": "neighbour", "name": "302 李强", "numbers": ["138****1234"]},
            {"party": 3, "role": "own_household", "name": "陈阿姨", "numbers": []},
        ],
        "case": {"owner": 2, "is_overdue": true, "follow_up_due_at": null, "follow_up": null, "steps": [
            {"step": "accepted", "due_at": "2026-11-22T03:13:42Z", "done_at": "2026-11-22T03:11:52Z", "is_late": false},
            {"step": "arrived", "due_at": "2026-11-22T03:11:53Z", "done_at": null, "is_late": true},
            {"step": "closed", "due_at": "2026-11-22T05:11:53Z", "done_at": null, "is_late": false},
        ]},
        "notes": [{"note": 1, "at": "2026-11-22T03:12:00Z", "author": "account:7", "author_name": "王敏主任", "text": "钥匙在门卫处"}],
        "deliveries": [
            {"leg": 1, "party": 2, "name": "302 李强", "number": "138****1234", "channel": "voice", "state": "coming",
                "words": "coming", "attempt": 1, "ordered_ms": 0, "placed_ms": 3, "ringing_ms": 900, "answered_ms": 6000,
                "keys": [{"at_ms": 9500, "answer": "coming"}], "ended_ms": 12000},
            {"leg": 2, "party": 2, "name": "302 李强", "number": "138****1234", "channel": "sms", "state": "accepted_unconfirmed",
                "words": "taken by the provider, arrival not confirmed", "attempt": 1, "ordered_ms": 0, "accepted_ms": 250,
                "keys": [], "ended_ms": null},
        ],
        "timeline": [
            {"sequence": 0, "at": "2026-11-22T03:11:42Z", "since_raised_ms": 0, "text": "Raised (dialled #9)", "event": {"kind": "raised"}},
            {"sequence": 5, "at": "2026-11-22T03:11:51.512Z", "since_raised_ms": 9512, "text": "302 李强 is coming (by key)",
                "event": {"kind": "acknowledged"}},
        ],
    })
}

fn fake(role: &str) -> Fake {
    let fake = Fake::new(role);
    fake.answers("GET /alarms/a1", 200, detail());
    let candidates = json!({"items": [{"kind": "worker", "id": 7, "name": "赵丽", "door": "", "telephones": 1}]});
    fake.answers("GET /alarms/a1/candidates", 200, candidates);
    fake
}

fn problem(kind: &str, status: u16, pointer: &str, detail: &str) -> Value {
    json!({"type": format!("urn:lianfang:problem:{kind}"), "title": kind, "status": status, "detail": detail,
        "errors": [{"pointer": pointer, "detail": detail}]})
}

#[tokio::test]
async fn the_page_of_an_alarm_tells_all_of_it_in_both_languages() {
    let fake = fake("admin");
    let page = fake.get("/alarms/a1").await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows(&[
        "Coming</span>",
        "Building 3, unit 2, floor 5, door 502",
        // The story, with the exact time.
        "datetime=\"2026-11-22T03:11:51.512Z\" title=\"11:11:51.512\"",
        "+9.5 s",
        "302 李强 is coming (by key)",
        // People, by channel and masked number.
        "Call 138****1234: coming",
        "SMS 138****1234: taken by the provider, arrival not confirmed",
        "Not called yet 139****2222",
        // Case and notes.
        "<dt>Owner</dt><dd>302 李强</dd>",
        "Somebody is there",
        "钥匙在门卫处 <span class=\"dim\">王敏主任 ",
        // The waterfall, without inline style.
        "promise 100 ms",
        "heard −2 ms, written down +4 ms",
        "dialled +3 ms, ringing +900 ms, answered +6.0 s, key +9.5 s",
        "Call again (3)",
        "worker:7:赵丽",
    ]);
    assert!(!page.html.contains("style=") && !page.html.contains("<style"));
    fake.get_chinese("/alarms/a1").await.shows(&[
        "有人前往",
        "经过",
        "有关人员",
        "负责人",
        "逾时",
        "承诺 100 毫秒",
        "听到 −2 ms，已记录 +4 ms",
        "再次呼叫",
        "加叫一人",
        "撤销警情",
        "打印档案",
    ]);
}

#[tokio::test]
async fn every_form_becomes_one_request() {
    let fake = fake("operator");
    for (action, fields, path, body) in [
        ("acknowledge", vec![("party", "0")], "acknowledge", json!({"party": 0})),
        ("arrive", vec![("party", "2")], "arrive", json!({"party": 2})),
        ("owner", vec![("party", "0")], "owner", json!({"party": 0})),
        ("kind", vec![("kind", "fire")], "kind", json!({"kind": "fire"})),
        ("take", vec![], "take", Value::Null),
        ("cancel", vec![], "cancel", Value::Null),
        ("notes", vec![("text", " 已联系家属 ")], "notes", json!({"text": "已联系家属"})),
        (
            "follow-up",
            vec![("follow", "visit"), ("how", "好")],
            "follow-up",
            json!({"kind": "visit", "text": "好"}),
        ),
        (
            "close",
            vec![("outcome", "genuine"), ("matter", "fire")],
            "close",
            json!({"outcome": "genuine", "matter": "fire"}),
        ),
        (
            "close",
            vec![("outcome", "false_alarm"), ("matter", "fire")],
            "close",
            json!({"outcome": "false_alarm"}),
        ),
        ("call-again", vec![("sure", "1")], "call-again", Value::Null),
        (
            "parties",
            vec![("who", "worker:7:赵:丽"), ("sure", "1")],
            "parties",
            json!({"worker_id": 7}),
        ),
        (
            "parties",
            vec![("who", "contact:9:x"), ("sure", "1")],
            "parties",
            json!({"contact_id": 9}),
        ),
    ] {
        fake.answers(&format!("POST /alarms/a1/{path}"), 204, Value::Null);
        let page = fake.post(&format!("/alarms/a1/{action}"), &fields).await;
        assert!(page.location().starts_with("/alarms/a1?did="), "{action}: {}", page.location());
        let asked: Vec<_> = fake.asked();
        let sent: Vec<_> =
            asked.into_iter().filter(|(method, ..)| *method == Method::POST).collect();
        assert_eq!(sent, [(Method::POST, format!("/alarms/a1/{path}"), body)], "{action}");
    }
}

#[tokio::test]
async fn what_rings_telephones_is_asked_about_with_how_many() {
    let fake = fake("operator");
    let page = fake.post("/alarms/a1/call-again", &[]).await;
    page.shows(&["3 telephones will ring", "name=\"sure\" value=\"1\""]);
    let page = fake.post("/alarms/a1/parties", &[("who", "worker:7:赵丽")]).await;
    page.shows(&["赵丽", "1 telephone will ring", "value=\"worker:7:赵丽\""]);
    assert!(fake.asked().iter().all(|(method, _, _)| method == Method::GET), "nothing was called");
    let mut none = detail();
    none["board"]["rings_if_called_again"] = json!(0);
    fake.answers("GET /alarms/a1", 200, none);
    let page = fake.post("/alarms/a1/call-again", &[]).await;
    page.shows(&["No telephone can be called again now"]);
    assert!(!page.html.contains("name=\"sure\""));
}

#[tokio::test]
async fn cancelling_and_closing_are_asked_about_where_telephones_ring() {
    let fake = fake("operator");
    let mut ringing = detail();
    ringing["rings_if_cancelled"] = json!(4);
    ringing["rings_if_closed"] = json!(2);
    fake.answers("GET /alarms/a1", 200, ringing);
    let page = fake.post("/alarms/a1/cancel", &[("back", "/")]).await;
    page.shows(&["4 telephones will ring", "Cancel the alarm", "name=\"back\" value=\"/\""]);
    let page = fake.post("/alarms/a1/close", &[("outcome", "genuine"), ("matter", "fire")]).await;
    page.shows(&["2 telephones will ring", "name=\"outcome\" value=\"genuine\"", "value=\"fire\""]);
    assert!(fake.asked().iter().all(|(method, ..)| method == Method::GET), "nothing is done yet");
    fake.answers("POST /alarms/a1/cancel", 204, Value::Null);
    let page = fake.post("/alarms/a1/cancel", &[("sure", "1")]).await;
    assert_eq!(page.location(), "/alarms/a1?did=done");
}

#[tokio::test]
async fn an_auditor_reads_and_does_nothing() {
    let fake = fake("auditor");
    let page = fake.get("/alarms/a1").await;
    page.shows(&["302 李强", "/alarms/a1/dossier", "href=\"/audit?chain=alarms&amp;id=a1\""]);
    page.shows(&["href=\"/audit?chain=directory&amp;noun=alarm&amp;id=a1\">"]);
    assert!(!page.html.contains("action=\"/alarms/a1/"), "no form does anything");
    assert!(!page.html.contains("data-live"), "the feed is for those who act");
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_what_was_typed_is_kept() {
    let fake = fake("operator");
    let page = fake.post("/alarms/a1/notes", &[("text", " ")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["id=\"text-error\">Write something.", "href=\"#text\""]);
    let long = "长".repeat(2001);
    fake.answers(
        "POST /alarms/a1/notes",
        422,
        problem("invalid", 422, "/text", "1 to 2000 characters"),
    );
    let page = fake.post("/alarms/a1/notes", &[("text", &long)]).await;
    page.shows(&["id=\"text-error\">1 to 2000 characters", &long]);
    for action in ["acknowledge", "arrive", "owner"] {
        let page = fake.post(&format!("/alarms/a1/{action}"), &[]).await;
        page.shows(&[&format!("id=\"{action}-party-error\">Choose somebody.")]);
    }
    fake.answers(
        "POST /alarms/a1/parties",
        422,
        problem("cannot-add", 422, "", "No number can be called."),
    );
    let page = fake.post("/alarms/a1/parties", &[("who", "worker:7:赵丽"), ("sure", "1")]).await;
    page.shows(&["id=\"who-error\">No number can be called."]);
    fake.asked();
    fake.post("/alarms/a1/parties", &[("who", "responder:9:巡逻队"), ("sure", "1")]).await;
    let asked = fake.asked();
    assert!(asked.iter().any(|(_, _, sent)| *sent == json!({"responder_id": 9})), "{asked:?}");
    fake.post("/alarms/a1/close", &[]).await.shows(&["id=\"outcome-error\">Choose what it was."]);
    let closed = json!({"type": "urn:lianfang:problem:alarm-closed", "title": "Alarm closed", "status": 409, "detail": "It is over."});
    fake.answers("POST /alarms/a1/cancel", 409, closed);
    fake.post("/alarms/a1/cancel", &[]).await.shows(&["It is over."]);
}

#[tokio::test]
async fn what_is_typed_in_one_form_is_lost_by_no_other() {
    let fake = fake("operator");
    let page = fake.get("/alarms/a1").await;
    page.shows(&["href=\"/alarms/a1/notes\""]);
    assert!(!page.html.contains("<textarea"), "nobody writes where other forms are sent");
    let alone = fake.get("/alarms/a1/notes").await;
    alone.shows(&["<textarea id=\"text\"", "Coming</span>", "href=\"/alarms/a1\"", "name=\"key\""]);
    assert!(!alone.html.contains("data-live"), "nothing on it is replaced");
    // What was refused stands alone, with what was chosen; whoever reloads has the form.
    let closed = json!({"type": "urn:lianfang:problem:invalid", "title": "no", "status": 422,
        "errors": [{"pointer": "/matter", "detail": "No such matter."}]});
    fake.answers("POST /alarms/a1/close", 422, closed);
    let fields = [("outcome", "genuine"), ("matter", "fire"), ("sure", "1")];
    let refused = fake.post("/alarms/a1/close", &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused.shows(&[
        "value=\"genuine\" id=\"outcome\" checked",
        "<option value=\"fire\" selected>",
        "id=\"matter-error\">No such matter.",
        "Back to the alarm",
    ]);
    assert_eq!(refused.html.matches("method=\"post\" action=\"/alarms/").count(), 1);
    for action in ["acknowledge", "arrive", "owner", "kind", "parties", "close", "follow-up"] {
        let alone = fake.get(&format!("/alarms/a1/{action}")).await;
        alone.shows(&[&format!("action=\"/alarms/a1/{action}\"")]);
    }
    fake.get_chinese("/alarms/a1/notes").await.shows(&["添加备注", "返回警情"]);
    let auditor = self::fake("auditor");
    assert_eq!(auditor.get("/alarms/a1/notes").await.location(), "/alarms/a1");
}

#[tokio::test]
async fn a_form_of_the_wall_comes_back_to_the_wall_and_nowhere_else() {
    let fake = fake("operator");
    fake.answers("POST /alarms/a1/take", 204, Value::Null);
    for (back, wanted) in
        [("/?community=2", "/?community=2&did=done"), ("https://b.example/", "/?did=done")]
    {
        let page = fake.post("/alarms/a1/take", &[("back", back)]).await;
        assert_eq!(page.location(), wanted);
    }
    let page = fake.post_raw("/alarms/a1/take", "csrf=wrong").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_eq!(fake.post("/alarms/a1/nothing", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(fake.get("/alarms/a1/take").await.location(), "/alarms/a1");
}

#[tokio::test]
async fn a_closed_alarm_takes_notes_and_a_follow_up_and_no_more() {
    let fake = fake("operator");
    let mut closed = detail();
    closed["board"]["state"] = json!("closed");
    closed["board"]["closed_at"] = json!("2026-11-22T04:00:00Z");
    closed["board"]["outcome"] = json!("genuine");
    closed["case"]["follow_up_due_at"] = json!("2026-11-23T04:00:00Z");
    fake.answers("GET /alarms/a1", 200, closed);
    let page = fake.get("/alarms/a1").await;
    page.shows(&["Genuine", "/alarms/a1/notes", "/alarms/a1/follow-up", "Closed</span>"]);
    let alone = fake.get("/alarms/a1/follow-up").await;
    alone.shows(&["name=\"follow\" value=\"visit\"", "<textarea id=\"how\"", "Note it"]);
    for gone in ["/call-again", "/cancel\"", "/close\"", "data-live", "unanswered"] {
        assert!(!page.html.contains(gone), "{gone}");
    }
}

#[tokio::test]
async fn sip_messages_are_shown_to_who_may_audit_and_asks() {
    let fake = fake("admin");
    let trace = json!({"trace": [{"at": "2026-11-22T03:11:42.003Z", "is_sent": true, "remote": "udp 192.0.2.7:5060",
        "text": "INVITE sip:x SIP/2.0\r\nVia: <b>"}]});
    fake.answers("GET /alarms/a1/dossier", 200, trace);
    let page = fake.get("/alarms/a1").await;
    assert!(!page.html.contains("INVITE sip"), "folded away");
    page.shows(&["/alarms/a1?sip=1#sip", "/alarms/a1/dossier"]);
    let page = fake.get("/alarms/a1?sip=1").await;
    page.shows(&["INVITE sip:x SIP/2.0", "192.0.2.7:5060", "&#60;b&#62;"]);
    // The ladder, in its own box, and the list that says the same.
    page.shows(&["<svg class=\"chart ladder\"", ">+3 ms</text>", "call 1 · INVITE ✕ no answer"]);
    page.shows(&["aria-label=\"SIP ladder\"", "<strong>✕ no answer</strong>"]);
    assert!(!page.html.contains("style="));
    fake.get_chinese("/alarms/a1?sip=1").await.shows(&["SIP 梯形图", "呼叫 1 · INVITE ✕ 无应答"]);
    let one = json!({"at": "2026-11-22T03:11:42.003Z", "is_sent": true, "remote": "x", "text": "BYE sip:y SIP/2.0"});
    fake.answers("GET /alarms/a1/dossier", 200, json!({"trace": vec![one; 41]}));
    for (asked, shown, earlier, later) in [
        ("1", 20, false, true),
        ("2", 20, true, true),
        ("3", 1, true, false),
        ("99", 1, true, false),
    ] {
        let page = fake.get(&format!("/alarms/a1?sip={asked}")).await.html;
        assert_eq!(page.matches("<pre").count(), shown, "{asked}");
        assert_eq!(page.matches("<g><text").count(), shown, "each is drawn, too: {asked}");
        assert!(page.len() <= 100 * 1024, "{}", page.len());
        assert!(page.contains("(41)"), "{asked}");
        assert_eq!(page.contains(">Earlier<"), earlier, "{asked}");
        assert_eq!(page.contains(">Next page<"), later, "{asked}");
    }
    let operator = self::fake("operator").get("/alarms/a1?sip=1").await;
    assert!(!operator.html.contains("id=\"sip\"") && !operator.html.contains("/dossier"));
}

#[tokio::test]
async fn an_alarm_that_goes_on_for_hours_is_told_in_pages() {
    let fake = fake("admin");
    let mut alarm = detail();
    alarm["timeline"] = (1..=500)
        .map(|number| {
            json!({"sequence": number, "at": "2026-11-22T03:10:00.004Z", "since_raised_ms": 4,
                "text": "302 李强家没有接听，过一会儿再打", "event": {"kind": "leg"}})
        })
        .collect();
    fake.answers("GET /alarms/a1", 200, alarm);
    fake.answers("GET /alarms/a1/dossier", 200, json!({"trace": []}));
    let mut seen = Vec::new();
    for (asked, earlier, has_later) in [
        ("", Some(381), false),
        ("?before=381", Some(261), true),
        ("?before=261", Some(141), true),
        ("?before=141", Some(21), true),
        ("?before=21", None, true),
        ("?sip=1", Some(471), false),
    ] {
        let page = fake.get(&format!("/alarms/a1{asked}")).await.html;
        assert!(page.len() <= 100 * 1024, "{asked}: {}", page.len());
        let link = |first| format!("href=\"/alarms/a1?before={first}#story-head\"");
        assert_eq!(
            earlier.map(|first| page.contains(&link(first))),
            earlier.map(|_| true),
            "{asked}"
        );
        assert_eq!(page.contains("#story-head\">Earlier: "), earlier.is_some(), "{asked}");
        assert_eq!(page.contains(">The latest<"), has_later, "{asked}");
        if asked != "?sip=1" {
            seen.extend(
                (1..=500).filter(|number| page.contains(&format!("<li id=\"e{number}\">"))),
            );
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=500).collect::<Vec<u32>>(), "each stands on one page");
}

#[tokio::test]
async fn the_dossier_and_its_parts_are_those_of_the_api() {
    let fake = fake("auditor");
    for (asked, wanted) in [
        ("", "?"),
        ("?part=2&as_of=2026-11-22T03%3A11%3A42Z", "?part=2&as_of=2026-11-22T03%3A11%3A42Z"),
        ("?part=%26x%3D1&lang=fr", "?part=%26x%3D1"),
    ] {
        fake.answers(&format!("GET /alarms/a1/dossier.html{wanted}"), 200, json!("<h1>all of it"));
        fake.get(&format!("/alarms/a1/dossier{asked}")).await.shows(&["<h1>all of it"]);
    }
    // What the API refuses is told on a page.
    let page = fake.get("/alarms/a1/dossier?part=9").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    page.shows(&["<html", "nav"]);
}

#[tokio::test]
async fn alarms_are_listed_by_state_community_and_drill_in_pages() {
    let fake = fake("operator");
    let mut closed = crate::wall::tests::row("b1");
    closed["state"] = json!("closed");
    closed["outcome"] = json!("false_alarm");
    let list = json!({"items": [closed], "next": "b1"});
    let query = "GET /alarms/cards?limit=20&state=closed&drill=false&community_id=2";
    fake.answers(query, 200, list.clone());
    fake.answers(
        "GET /communities?limit=200",
        200,
        json!({"items": [{"id": 2, "name": "文园社区"}]}),
    );
    let page = fake.get("/alarms?state=closed&community=2&drill=false").await;
    page.shows(
        &[
            "href=\"/alarms/b1\"",
            "False alarm",
            "3号楼",
            "/alarms?state=closed&#38;drill=false&#38;community=2&#38;after=b1",
        ]
        .map(|word| if word == "3号楼" { "Building 3" } else { word }),
    );
    page.shows(&["<option value=\"2\" selected>文园社区"]);
    // The bar is replaced by its name: nothing else has it.
    assert_eq!(page.html.matches("id=\"state\"").count(), 1);
    fake.answers("GET /alarms/cards?limit=20", 200, json!({"items": [], "next": null}));
    fake.get_chinese("/alarms?state=bad&drill=&community=x").await.shows(&["没有符合条件的警情。"]);
}

#[tokio::test]
async fn alarms_are_found_by_time_matter_end_and_words() {
    let fake = fake("operator");
    let query = "kind=fire&outcome=genuine&from=2026-11-22T08%3A00&q=%E9%99%88";
    let asked = "GET /alarms/cards?limit=20&kind=fire&outcome=genuine&q=%E9%99%88&from=2026-11-22T00%3A00%3A00Z";
    fake.answers(asked, 200, json!({"items": [], "next": "b1"}));
    // Up to a moment, and the page after.
    let last = json!({"items": [crate::wall::tests::row("c1")], "next": null});
    let path = "GET /alarms/cards?limit=20&to=2026-11-22T16%3A00%3A00Z&after=b1";
    fake.answers(path, 200, last);
    let page = fake.get("/alarms?to=2026-11-22&after=b1").await;
    page.shows(&["href=\"/alarms/c1\"", "name=\"to\" type=\"datetime-local\""]);
    let page = fake.get(&format!("/alarms?{query}")).await;
    page.shows(&[
        "<option value=\"fire\" selected>Fire</option>",
        "<option value=\"genuine\" selected>Genuine</option>",
        "value=\"2026-11-22T08:00\"",
        "value=\"陈\"",
        "there may be earlier ones",
        "from=2026-11-22T08%3A00&#38;after=b1",
    ]);
    fake.answers("GET /alarms/cards?limit=20", 200, json!({"items": [], "next": null}));
    let page = fake.get_chinese("/alarms?to=x&kind=ghosts").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["id=\"to-error\"", "姓名、门牌或号码"]);
    // Who may not search is not offered words, and none are asked for.
    let auditor = self::fake("auditor");
    auditor.answers("GET /alarms/cards?limit=20", 200, json!({"items": [], "next": null}));
    let page = auditor.get("/alarms?q=3-502").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.html.contains("id=\"words\""));
}

#[tokio::test]
async fn an_id_is_one_part_of_a_path_and_nothing_more() {
    let fake = fake("operator");
    fake.get("/alarms/..%2Fworkers%3Fx").await;
    let asked = fake.asked();
    assert!(asked.iter().all(|(_, path, _)| path == "/alarms/workersx"), "{asked:?}");
}

#[tokio::test]
async fn who_talks_with_the_resident_is_told_and_how_one_joins() {
    let fake = fake("operator");
    let moment = |sequence: u32, event: Value| json!({"sequence": sequence, "at": "2026-11-22T03:11:52Z", "since_raised_ms": 10_000, "text": "x", "event": event});
    let joined = |leg: u32| moment(leg, json!({"kind": "talk_joined", "leg": leg}));
    let mut alarm = detail();
    let call = |leg: u32, name: &str, ended: Value| json!({"leg": leg, "party": 2, "name": name, "channel": "voice", "state": "answered", "ended_ms": ended});
    alarm["deliveries"] = json!([
        call(1, "李强", Value::Null),
        call(2, "赵丽", Value::Null),
        call(3, "孙平", json!(9_000)),
        call(4, "周红", Value::Null)
    ]);
    alarm["timeline"] =
        json!([joined(1), joined(2), joined(3), moment(9, json!({"kind": "talk_left", "leg": 2}))]);
    fake.answers("GET /alarms/a1", 200, alarm);
    let page = fake.get("/alarms/a1").await;
    page.shows(&[
        "In the talk now: <strong>李强</strong>",
        "presses 5 in the call",
        "have yourself called",
    ]);
    assert!(
        !page.html.contains("Call my own telephone"),
        "who is no worker has none that is known"
    );
    fake.get_chinese("/alarms/a1").await.shows(&["正在通话：<strong>李强</strong>", "按 5"]);
    fake.answers("GET /alarms/a1", 200, detail());
    fake.get("/alarms/a1").await.shows(&["Nobody is in the talk now."]);
}

#[tokio::test]
async fn a_worker_has_their_own_telephone_called() {
    let fake = fake("operator");
    let account =
        json!({"name": "wang", "display_name": "王敏", "role": "operator", "worker_id": 7});
    fake.answers("GET /session", 200, json!({"account": account}));
    let page = fake.get("/alarms/a1").await;
    page.shows(&[
        "Call my own telephone",
        "name=\"who\" value=\"worker:7:王敏\"><input type=\"hidden\" name=\"sure\"",
    ]);
    assert!(!page.html.contains("have yourself called"));
    fake.answers("POST /alarms/a1/parties", 204, Value::Null);
    fake.asked();
    let page = fake.post("/alarms/a1/parties", &[("who", "worker:7:王敏"), ("sure", "1")]).await;
    assert_eq!(page.location(), "/alarms/a1?did=called");
    let sent = (Method::POST, "/alarms/a1/parties".to_owned(), json!({"worker_id": 7}));
    assert_eq!(fake.asked(), [sent]);
    for role in ["auditor", "operator"] {
        let fake = self::fake(role);
        let mut closed = detail();
        closed["board"]["state"] = json!("closed");
        fake.answers("GET /alarms/a1", 200, closed);
        let page = fake.get("/alarms/a1").await;
        assert!(!page.html.contains("presses 5") && !page.html.contains("Call my own"), "{role}");
    }
}

#[tokio::test]
async fn a_note_that_is_sent_twice_is_added_once() {
    let fake = fake("operator");
    let drawn = |html: &str| {
        let rest = html.split_once("name=\"key\" value=\"").unwrap().1.to_owned();
        rest.split('"').next().unwrap().to_owned()
    };
    let key = drawn(&fake.get("/alarms/a1/notes").await.html);
    assert_ne!(
        key,
        drawn(&fake.get("/alarms/a1/notes").await.html),
        "another form adds another note"
    );
    fake.answers("POST /alarms/a1/notes", 201, json!({}));
    for _ in 0..2 {
        fake.post("/alarms/a1/notes", &[("text", "x"), ("key", &key)]).await.location();
    }
    assert_eq!(fake.keys(), [key.clone(), key]);
    // A key that no header can hold is left out, and the note is added.
    for key in ["", "钥匙", "a b", &"x".repeat(256)] {
        fake.post("/alarms/a1/notes", &[("text", "x"), ("key", key)]).await.location();
    }
    assert_eq!(fake.keys(), [""; 0]);
}

/// A town has many who could be called: words find one, and stay in their field.
#[tokio::test]
async fn who_could_be_called_besides_is_found_by_words() {
    let fake = fake("operator");
    let found = json!({"items": [{"kind": "contact", "id": 12, "name": "小林", "door": "302", "telephones": 2}]});
    fake.answers("GET /alarms/a1/candidates?q=%E6%9E%97", 200, found);
    let page = fake.get("/alarms/a1?q=%20%E6%9E%97").await;
    page.shows(&["小林", "name=\"q\" value=\" 林\""]);
    assert!(!page.html.contains("赵丽"), "she is not called so");
    fake.get_chinese("/alarms/a1").await.shows(&["赵丽", "找人：姓名或门牌"]);
}
