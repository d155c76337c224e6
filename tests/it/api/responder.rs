//! The page of somebody who is called: GET shows, POST acts, the token is the right.

use super::{Api, Reply};
use axum::body::{Body, Bytes};
use axum::http::Method;
use http_body::Frame;
use lianfang::store::alarm_log::{NewEvents, OpenedAlarm};
use lianfang::web::ports::Page;
use lianfang_domain::alarm::{Alarm, CloseOutcome, Event, Proof, Trigger, TriggerSource};
use lianfang_domain::directory::{Address, Language};
use lianfang_domain::id::*;
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::plan::{Party, PartyId, PartyNumber, Plan, Policy, Role, Scene};
use serde_json::json;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

const TOKEN: &str = "0123456789abcde";

fn party(role: Role, name: &str, key: &str) -> Party {
    let number = PartyNumber {
        contact: None,
        name: name.into(),
        language: Language::Chinese,
        number: PhoneNumber::from_parts(&format!("+86{key}"), key),
        has_voice: true,
        has_sms: true,
    };
    let is_worker = role == Role::DutyWorker;
    Party {
        role,
        household: (!is_worker).then_some(HouseholdId(1)),
        worker: is_worker.then_some(WorkerId(1)),
        responder: None,
        step: 0,
        is_added: false,
        name: name.into(),
        numbers: vec![number],
    }
}

/// The page of the neighbour, while the duty worker is coming.
fn page() -> Page {
    let plan = Arc::new(Plan {
        revision: 1,
        directory_version: 1,
        scene: Scene {
            line: LineId(1),
            household: HouseholdId(9),
            group: GroupId(1),
            grid: GridId(1),
            community: CommunityId(1),
            community_name: "文园社区".into(),
            household_name: "<陈阿姨>".into(),
            address: Address { building: "3".into(), door: "502".into(), ..Address::default() },
            pronunciation: None,
            number: PhoneNumber::from_parts("+865925551502", "5551502"),
            language: Language::Chinese,
            is_silent: false,
        },
        parties: vec![
            party(Role::DutyWorker, "王敏", "13900000001"),
            party(Role::Neighbour, "302 李强家", "13800000302"),
        ],
        policy: Policy::default(),
        kind: Default::default(),
        is_drill: true,
        steps: Vec::new(),
        made_by: None,
        left_out: Vec::new(),
    });
    let trigger = Trigger {
        line: LineId(1),
        household: HouseholdId(9),
        group: GroupId(1),
        code: "#9".into(),
        source: TriggerSource::Dialled,
        proof: Proof::Digest,
        idempotency_key: "call".into(),
    };
    let now = jiff::Timestamp::from_second(super::NOW_S).expect("a time");
    let (mut alarm, ..) = Alarm::raise(AlarmId(7), trigger, plan, None, now);
    let means = lianfang_domain::alarm::AnswerMeans::Api { actor: "test".into() };
    alarm.apply(&Event::Acknowledged { party: PartyId(0), means }, now);
    Page { alarm, party: PartyId(1), number_index: 0, others: Vec::new() }
}

async fn with_page() -> Api {
    let api = Api::new().await;
    api.switchboard.pages.lock().expect("no panic").insert(TOKEN.to_owned(), page());
    api
}

fn answers(api: &Api) -> Vec<char> {
    api.switchboard.answers.lock().expect("no panic").clone()
}

async fn post_form(api: &Api, token: &str, body: &str) -> Reply {
    api.call(Method::POST, &format!("/r/{token}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()))
        .send()
        .await
}

#[tokio::test]
async fn a_page_shows_names_and_never_numbers() {
    let api = with_page().await;
    let path = format!("/api/v1/responder/{TOKEN}");
    let reply = api.call(Method::GET, &path).send().await.expect(200);
    let view = reply.json();
    assert_eq!(view["coming"], json!([{"name": "王敏", "has_arrived": false}]));
    assert_eq!(
        view["you"],
        json!({"name": "302 李强家", "is_duty_worker": false, "answer": "none"})
    );
    assert_eq!(view["scene"]["door"], "502");
    assert_eq!(view["is_drill"], true);
    assert_eq!(view["keys"], json!(["1", "2", "3", "4", "7"]));
    for digits in ["13900000001", "13800000302"] {
        assert!(!reply.text.contains(digits), "{}", reply.text);
    }
    assert_eq!(answers(&api), Vec::<char>::new());
}

#[tokio::test]
async fn an_answer_is_one_of_the_keys() {
    let api = with_page().await;
    let path = format!("/api/v1/responder/{TOKEN}/answer");
    api.call(Method::POST, &path).json(&json!({"key": "1"})).send().await.expect(200);
    for key in ["5", "9", "12", "", "#", "60", "64", "611", "１"] {
        let reply = api.call(Method::POST, &path).json(&json!({"key": key})).send().await;
        assert_eq!(reply.expect(422).pointers(), ["/key"]);
    }
    assert_eq!(answers(&api), ['1']);
}

#[tokio::test]
async fn a_previewer_that_opens_the_link_answers_nothing() {
    let api = with_page().await;
    for method in [Method::GET, Method::HEAD] {
        let reply = api.call(method, &format!("/r/{TOKEN}")).send().await.expect(200);
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
        assert!(reply.header("content-security-policy").contains("form-action 'self'"));
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    assert_eq!(answers(&api), Vec::<char>::new());
}

#[tokio::test]
async fn the_page_works_by_forms_in_both_languages() {
    let api = with_page().await;
    let path = format!("/r/{TOKEN}");
    let page = api.call(Method::GET, &path).send().await.expect(200).text;
    for part in [
        "&lt;陈阿姨&gt;",
        "3号楼 502",
        "王敏",
        "演练",
        "有人前往",
        "value=\"2\"",
        "method=\"post\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // Three large buttons in this order; the rest is folded away.
    let (large, folded) = page.split_once("<details>").expect("the rest");
    let large: Vec<&str> = large.split("<button").skip(1).collect();
    assert_eq!(large.len(), 3, "{page}");
    for (button, words) in large.iter().zip([">我去<", ">我到了<", ">去不了<"]) {
        assert!(button.contains(words), "{button}");
    }
    assert!(folded.contains("我已拨打 110") && !folded.contains("结案"), "{folded}");
    assert!(!page.contains("13800000302"));
    let english = api.call(Method::GET, &path).header("accept-language", "en").send().await;
    assert!(english.text.contains("Building 3, door 502"), "{}", english.text);
    assert!(english.text.contains(">I am coming<") && english.text.contains("lang=\"en\""));
    let posted = post_form(&api, TOKEN, "key=1").await.expect(303);
    assert_eq!(posted.header("location"), path);
    post_form(&api, TOKEN, "key=9").await.expect(422);
    assert_eq!(answers(&api), ['1']);
}

/// All of it comes in one answer: over 2G a second request takes seconds.
#[tokio::test]
async fn the_page_is_small_fetches_nothing_and_has_no_script() {
    let api = with_page().await;
    let mut page = page();
    page.others = vec![Arc::clone(page.alarm.plan()); 20];
    api.switchboard.pages.lock().expect("no panic").insert(TOKEN.to_owned(), page);
    let reply = api.call(Method::GET, &format!("/r/{TOKEN}")).send().await.expect(200);
    assert!(reply.bytes.len() < 30 * 1024, "{} bytes", reply.bytes.len());
    let (_, style) = reply.text.split_once("<style>").expect("a style");
    let (style, _) = style.split_once("</style>").expect("its end");
    assert!(style.len() < 4 * 1024, "{}", style.len());
    for fetched in
        ["<script", "src=", "<link", "@import", "url(", "http://", "https://", " style=", " on"]
    {
        let at = reply
            .text
            .find(fetched)
            .map(|at| reply.text[at..].chars().take(40).collect::<String>());
        assert_eq!(at, None, "{fetched}");
    }
    assert!(reply.text.contains("name=\"viewport\""));
    // Nothing but this very style may be used.
    let policy = reply.header("content-security-policy");
    let digest = <sha2::Sha256 as sha2::Digest>::digest(style);
    let digest = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, digest);
    assert!(policy.contains(&format!("style-src 'sha256-{digest}';")), "{policy}");
    assert!(!policy.contains("unsafe-inline"), "{policy}");
}

#[tokio::test]
async fn a_duty_worker_closes_in_one_step_and_by_no_slip() {
    let api = with_page().await;
    let mut at_the_door = page();
    at_the_door.party = PartyId(0);
    let now = at_the_door.alarm.raised_at();
    let means = lianfang_domain::alarm::AnswerMeans::Page { number_index: 0 };
    let arrived = Event::Arrived { party: PartyId(0), means: means.clone() };
    at_the_door.alarm.apply(&arrived, now);
    let keep =
        |page: Page| api.switchboard.pages.lock().expect("no panic").insert(TOKEN.to_owned(), page);
    keep(at_the_door.clone());
    let shown = api.call(Method::GET, &format!("/r/{TOKEN}")).send().await.expect(200).text;
    for closing in ["value=\"61\"", "value=\"62\"", "value=\"63\"", "结案：属实"] {
        assert!(shown.contains(closing), "{closing}: {shown}");
    }
    // 6 was not taken: what would be "I am coming" is not said.
    post_form(&api, TOKEN, "key=61").await.expect(303);
    assert_eq!(answers(&api), ['6']);
    at_the_door.alarm.apply(&Event::CloseAsked { party: PartyId(0), means }, now);
    keep(at_the_door);
    post_form(&api, TOKEN, "key=62").await.expect(303);
    assert_eq!(answers(&api), ['6', '6', '2']);
}

#[tokio::test]
async fn notes_are_shown_while_the_alarm_is_open() {
    let api = Api::new().await;
    let mut page = page();
    let plan = Arc::clone(page.alarm.plan());
    let raised = page.alarm.raised_at();
    let trigger = page.alarm.trigger().clone();
    let (_, events, _) = Alarm::raise(page.alarm.id(), trigger, Arc::clone(&plan), None, raised);
    let opened =
        OpenedAlarm { line: LineId(1), idempotency_key: "call".into(), follows: None, raised };
    let batch = NewEvents {
        alarm: page.alarm.id(),
        first_sequence: 0,
        at: raised,
        events,
        plan: Some(plan),
        opened: Some(opened),
        closed: None,
        beginning: None,
    };
    api.log.append(vec![batch]).expect("queued").await.expect("kept");
    let keep =
        |page: Page| api.switchboard.pages.lock().expect("no panic").insert(TOKEN.to_owned(), page);
    keep(page.clone());
    for number in 1..=7 {
        let text =
            if number == 7 { "<钥匙在301>".repeat(60) } else { format!("第{number}条") };
        api.log.add_note(page.alarm.id(), "王敏", &text).await.expect("noted");
    }
    let path = format!("/r/{TOKEN}");
    let shown = api.call(Method::GET, &path).send().await.expect(200).text;
    let newest = shown.find("&lt;钥匙在301&gt;").expect("the newest");
    let older = shown.find("第6条").expect("older");
    assert!(newest < older && !shown.contains("第2条"), "five, the newest first: {shown}");
    assert!(shown.matches("钥匙").count() < 60, "cut off");
    let closed = Event::Closed {
        actor: "test".into(),
        outcome: CloseOutcome::Genuine,
        matter: None,
        by: None,
    };
    page.alarm.apply(&closed, raised);
    keep(page);
    let shown = api.call(Method::GET, &path).send().await.expect(200).text;
    assert!(!shown.contains("第6条") && !shown.contains("钥匙"), "{shown}");
    let view =
        api.call(Method::GET, &format!("/api/v1/responder/{TOKEN}")).send().await.expect(200);
    assert_eq!(view.json()["notes"], json!([]));
}

/// Who was in trouble is nobody's business any more; that it is over is.
#[tokio::test]
async fn a_page_of_a_closed_alarm_says_that_it_is_over_and_nothing_else() {
    let api = Api::new().await;
    let mut page = page();
    let closed = Event::Closed {
        actor: "test".into(),
        outcome: CloseOutcome::Genuine,
        matter: None,
        by: None,
    };
    page.alarm.apply(&closed, page.alarm.raised_at());
    api.switchboard.pages.lock().expect("no panic").insert(TOKEN.to_owned(), page);
    let shown = api.call(Method::GET, &format!("/r/{TOKEN}")).send().await.expect(200).text;
    assert!(shown.contains("警情已结案") && !shown.contains("<form"), "{shown}");
    let path = format!("/api/v1/responder/{TOKEN}");
    let reply = api.call(Method::GET, &path).send().await.expect(200);
    assert_eq!(reply.json()["state"], "closed");
    assert_eq!(reply.json()["keys"], json!([]));
    for text in [&shown, &reply.text] {
        for personal in ["陈阿姨", "王敏", "302", "502", "文园"] {
            assert!(!text.contains(personal), "{personal}: {text}");
        }
    }
}

#[tokio::test]
async fn guessing_is_told_so_often_and_shuts_nobody_else_out() {
    let api = with_page().await;
    let mut told = Vec::new();
    for number in 0..40 {
        let path = format!("/api/v1/responder/guess{number:0>10}");
        told.push(api.call(Method::GET, &path).send().await.status.as_u16());
    }
    assert_eq!(told.iter().filter(|status| **status == 404).count(), 30);
    assert_eq!(told.last(), Some(&429));
    let page = api.call(Method::GET, "/r/guess0000000000").send().await.expect(429);
    assert!(page.text.contains("110"));
    assert!((1..=60).contains(&page.header("retry-after").parse::<u32>().expect("seconds")));
    let path = format!("/api/v1/responder/{TOKEN}");
    api.call(Method::GET, &path).send().await.expect(200);
    api.clock.advance(std::time::Duration::from_secs(61));
    let gone = api.call(Method::GET, "/r/guess0000000000").send().await.expect(404);
    assert!(gone.text.contains("链接无效"), "{}", gone.text);
}

/// A body that never comes.
struct Never;

impl http_body::Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// Whoever guesses and lets us wait for the rest holds no place of those who answer.
#[tokio::test]
async fn a_wrong_link_is_refused_before_a_body_is_read() {
    let api = with_page().await;
    let wrong = "guess0000000000";
    for (path, kind) in [
        (format!("/api/v1/responder/{wrong}/answer"), "application/json"),
        (format!("/r/{wrong}"), "application/x-www-form-urlencoded"),
    ] {
        let call = api.call(Method::POST, &path).header("content-type", kind);
        call.body(Body::new(Never)).send().await.expect(404);
    }
}
