//! Errors are problems, in the language of the client, and nothing that a client sends makes a 5xx.

use super::{Api, Client};
use axum::body::{Body, Bytes};
use axum::http::{Method, Uri};
use lianfang::store::tokens::Scope;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

async fn with_admin(api: &Api) -> Client<'_> {
    let secret = api.token("root", Scope::Admin).await;
    api.admin(&secret)
}

#[tokio::test]
async fn a_problem_speaks_the_language_of_the_client() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    let call = |language: &str| {
        let call = admin.call(Method::POST, "/streets").json(&json!({"name": ""}));
        call.header("accept-language", language).send()
    };
    let english = call("en-GB, zh;q=0.1").await.expect(422);
    assert_eq!(english.header("content-language"), "en");
    assert_eq!(
        english.json(),
        json!({
            "type": "urn:lianfang:problem:invalid",
            "title": "Invalid values",
            "status": 422,
            "detail": "The mistakes are listed in `errors`.",
            "instance": "/api/v1/streets",
            "errors": [{"pointer": "/name", "detail": "must not be empty"}],
        })
    );
    let chinese = call("zh-Hans").await.expect(422);
    assert_eq!(chinese.header("content-language"), "zh-CN");
    assert_eq!(
        chinese.json(),
        json!({
            "type": "urn:lianfang:problem:invalid",
            "title": "内容不符合要求",
            "status": 422,
            "detail": "有误之处见 errors。",
            "instance": "/api/v1/streets",
            "errors": [{"pointer": "/name", "detail": "不得为空"}],
        })
    );
}

#[tokio::test]
async fn malformed_bodies_are_told_where() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    let check = async |body: &str, status: u16, problem: &str| {
        let call = admin.call(Method::POST, "/streets").text(body);
        let reply = call.header("accept-language", "en").send().await.expect(status);
        assert_eq!(reply.problem(), problem, "{body}");
        reply.json()["detail"].as_str().unwrap_or_default().to_owned()
    };
    let detail = check("{\n  \"name\": }", 400, "syntax").await;
    assert_eq!(detail, "The body cannot be parsed at line 2, column 11.");
    check("", 400, "syntax").await;
    check("{\"name\":\"a\"} {}", 400, "syntax").await;
    check(&"[".repeat(500_000), 422, "invalid").await;
    check("[\"a row is no list\"]", 422, "invalid").await;
    check("[]", 422, "invalid").await;
    check("null", 422, "invalid").await;
    check("{\"name\":\"a\",\"name\":\"b\"}", 422, "invalid").await;
    check(&format!("{{\"name\":\"{}\"}}", "x".repeat(1 << 20)), 413, "too-large").await;
    let call = admin.call(Method::POST, "/streets").header("content-type", "application/json");
    let broken = call.body(Body::from(Bytes::from_static(b"{\"name\":\"\xff\"}")));
    assert_eq!(broken.send().await.expect(400).problem(), "syntax");
}

#[tokio::test]
async fn only_json_is_read_and_written() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let call = admin.call(Method::POST, "/streets").header("content-type", content_type);
        let reply = call.body(Body::from("{\"name\":\"x\"}")).send().await.expect(415);
        assert_eq!(reply.problem(), "media-type");
    }
    let call = admin.call(Method::POST, "/streets").body(Body::from("{\"name\":\"x\"}"));
    let reply = call.header("content-type", "application/json; charset=utf-8").send().await;
    reply.expect(201);
    let reply = admin.call(Method::GET, "/streets").header("accept", "text/html").send().await;
    assert_eq!(reply.expect(406).problem(), "not-acceptable");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    for path in ["/", "/api", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/streets/1/2"] {
        let reply = api.call(Method::GET, path).send().await.expect(404);
        assert_eq!(reply.problem(), "no-path", "{path}");
        assert_eq!(reply.json()["instance"], path);
    }
    let reply = admin.call(Method::PATCH, "/streets").send().await.expect(405);
    assert_eq!(reply.problem(), "method");
    let allow = reply.header("allow");
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}

#[tokio::test]
async fn parameters_are_checked() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    for query in [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=",
        "limit=-1",
        "limit=1.5",
        "limit=1&limit=2",
        "after=-1",
        "after=4294967296",
        "nothing=1",
        "street_id=1",
        "%00=1",
        "%ff=1",
        "=",
        "a",
    ] {
        let reply = admin.get(&format!("/streets?{query}")).await.expect(400);
        assert_eq!(reply.problem(), "parameter", "{query}");
    }
    for id in ["x", "-1", "4294967296", "1.0", "%00", "%ff", "999"] {
        for noun in ["streets", "lines", "workers"] {
            admin.get(&format!("/{noun}/{id}")).await.expect(404);
        }
    }
    let street = admin.create("/streets", json!({"name": "x"})).await;
    for tag in ["1", "*", "W/\"1\"", "\"1\", \"2\"", "\"\"", "\"x\"", "\"-1\"", "\"4294967296\""] {
        let call = admin.call(Method::DELETE, &format!("/streets/{street}"));
        let reply = call.header("if-match", tag).send().await.expect(400);
        assert_eq!(reply.problem(), "parameter", "{tag}");
    }
}

#[tokio::test]
async fn a_failure_inside_is_not_shown() {
    let api = Api::new().await;
    let admin = with_admin(&api).await;
    let mut change = api.store.directory().write().await.expect("begins");
    sqlx::query("ALTER TABLE street RENAME COLUMN name TO label")
        .execute(&mut *change)
        .await
        .expect("alters");
    change.commit().await.expect("commits");
    let reply = admin.post("/streets", json!({"name": "x"})).await.expect(500);
    assert_eq!(reply.problem(), "internal");
    for inside in ["column", "SQL", "sqlite", "database"] {
        assert!(!reply.text.contains(inside), "{}", reply.text);
    }
}

/// Values that break readers: wrong types, ends of ranges, strange characters, long and deep things.
fn strange() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0_u32..4).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9+*#@:;-]{0,26}".prop_map(Value::from),
        Just(json!("\u{0}\u{202e}%s%n'\";--")),
        Just(Value::from("长".repeat(300))),
        Just(json!("0592")),
        Just(json!("en")),
        Just(json!("Asia/Shanghai")),
        Just(json!("../../etc/passwd")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(field(), inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn field() -> impl Strategy<Value = String> {
    let known = [
        "name",
        "street_id",
        "community_id",
        "grid_id",
        "group_id",
        "household_id",
        "area_code",
        "language",
        "time_zone",
        "alarm_codes",
        "access_numbers",
        "acknowledgements_wanted",
        "position",
        "pronunciation",
        "door",
        "number",
        "account",
        "hotline_grace_s",
        "is_silent",
        "rank",
        "numbers",
        "voice",
        "sms",
        "is_on_duty",
        "code",
        "party",
        "outcome",
    ];
    prop_oneof![9 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,8}"]
}

/// What a client may send, with more or less sense: method, path, entity tag (the key of a press, too), body.
fn requests() -> impl Strategy<Value = (usize, String, String, Value)> {
    let numbers = json!([{"number": "13800001111"}, {"number": "5559999", "sms": true}]);
    let places = vec![
        ("streets", json!({"name": ""})),
        ("communities", json!({"street_id": 1, "name": "", "area_code": "0592"})),
        ("grids", json!({"community_id": 1, "name": ""})),
        ("groups", json!({"grid_id": 1, "name": ""})),
        ("households", json!({"group_id": 1, "name": ""})),
        ("lines", json!({"household_id": 1, "number": "", "account": ""})),
        ("contacts", json!({"household_id": 1, "name": "", "numbers": numbers.clone()})),
        ("workers", json!({"community_id": 1, "name": "", "numbers": numbers})),
        ("triggers", json!({"account": "1001", "code": "#9"})),
        ("triggers", json!({"number": "5551234", "code": "#9"})),
        ("alarms", json!({})),
        ("lines/1/registration", json!({})),
        ("alarms/0000000000001/acknowledge", json!({"party": 1})),
        ("alarms/0000000000001/close", json!({"outcome": "drill"})),
        ("alarms/0000000000001/cancel", json!({})),
    ];
    let tail = prop_oneof![
        4 => Just(String::new()),
        4 => Just("/1".to_owned()),
        1 => "/[0-9]{1,12}",
        1 => "[?]limit=[0-9]{0,4}&after=[0-9a-z-]{0,14}",
        1 => "[?&=/a-z0-9%]{0,12}",
    ];
    let tag = prop_oneof![3 => Just("\"1\"".to_owned()), 1 => "[ -~]{0,12}"];
    let more = proptest::collection::vec((field(), strange()), 0..3);
    let whole = proptest::option::weighted(0.1, strange());
    let own = "[1-9][0-9]{6}";
    (0_usize..4, proptest::sample::select(places), tail, tag, more, whole, own).prop_map(
        |(method, (place, mut body), tail, tag, more, whole, own)| {
            if let Some(fields) = body.as_object_mut() {
                for unique in fields.iter_mut().filter(|(_, value)| *value == "") {
                    *unique.1 = own.clone().into();
                }
                fields.extend(more);
            }
            (method, format!("/{place}{tail}"), tag, whole.unwrap_or(body))
        },
    )
}

#[test]
fn nothing_that_a_client_sends_is_our_failure() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let _inside = runtime.enter();
    let api = runtime.block_on(Api::new());
    let admin = runtime.block_on(with_admin(&api));
    runtime.block_on(admin.town());
    let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
    let mut runner =
        TestRunner::new(Config { cases: 2_000, failure_persistence: None, ..Config::default() });
    let (created, asked) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let outcome = runner.run(&requests(), |(method, path, tag, body)| {
        let Ok(uri) = format!("/api/v1{path}").parse::<Uri>() else { return Ok(()) };
        let path = uri.to_string().replacen("/api/v1", "", 1);
        let call = admin.call(methods[method].clone(), &path).json(&body);
        // A key that was used before would only be answered as before.
        let key = format!("{tag}{}", asked.replace(asked.get() + 1));
        let call = call.header("if-match", &tag).header("idempotency-key", &key);
        let reply = runtime.block_on(call.send());
        prop_assert!(!reply.status.is_server_error(), "{}", reply.text);
        created.set(created.get() + u32::from(reply.status == 201));
        if reply.status.is_client_error() {
            prop_assert_eq!(reply.header("content-type"), "application/problem+json");
        }
        Ok(())
    });
    outcome.expect("no failure of ours");
    assert!(10 < created.get(), "too little gets in to try anything: {}", created.get());
}
