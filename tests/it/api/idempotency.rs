//! A request that is sent again with its key is done once.

use super::Api;
use axum::http::Method;
use lianfang::store::accounts::Role;
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::task::JoinSet;

const KEY: &str = "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"";

#[tokio::test]
async fn a_request_that_is_sent_again_is_done_once() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let draft = json!({"name": "筼筜街道"});
    let send = || {
        let call = admin.call(Method::POST, "/streets").json(&draft);
        call.header("idempotency-key", KEY).send()
    };
    let first = send().await.expect(201);
    assert_eq!(first.header("idempotent-replayed"), "");
    let again = send().await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.text, first.text);
    for header in ["location", "etag", "content-type", "cache-control", "x-content-type-options"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    let streets = admin.get("/streets").await.json();
    assert_eq!(streets["items"].as_array().map(Vec::len), Some(1));
    // A day later the key is a new one.
    api.clock.advance(Duration::from_secs(24 * 3600));
    send().await.expect(422);
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_caller() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let other = api.admin(&api.token("other", Scope::Admin).await);
    let person = api.person("wang", Role::Admin, Reach::Everything).await;
    let send = async |client: &super::Client<'_>, path: &str, name: &str| {
        let call = client.call(Method::POST, path).json(&json!({"name": name}));
        call.header("idempotency-key", KEY).send().await
    };
    send(&admin, "/streets", "一").await.expect(201);
    let reused = send(&admin, "/streets", "二").await.expect(422);
    assert_eq!(reused.problem(), "key-reused");
    let elsewhere = send(&admin, "/policies/check", "一").await.expect(422);
    assert_eq!(elsewhere.problem(), "key-reused");
    send(&other, "/streets", "三").await.expect(201);
    send(&person, "/streets", "四").await.expect(201);
    assert_eq!(send(&person, "/streets", "四").await.header("idempotent-replayed"), "true");
    // Nobody gets an answer of a session that has ended, nor without any.
    person.call(Method::DELETE, "/session").send().await.expect(204);
    send(&person, "/streets", "四").await.expect(401);
}

#[tokio::test]
async fn what_was_refused_may_be_mended_and_sent_again() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let send = async |key: &str, body: &str| {
        let call = admin.call(Method::POST, "/streets").text(body);
        call.header("idempotency-key", key).send().await
    };
    send(KEY, "{").await.expect(400);
    send(KEY, r#"{"name":""}"#).await.expect(422);
    send(KEY, r#"{"name":"一"}"#).await.expect(201);
    for bad in ["", "a b", &"x".repeat(256)] {
        assert_eq!(send(bad, r#"{"name":"二"}"#).await.expect(400).problem(), "parameter", "{bad}");
    }
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(5 << 20));
    assert_eq!(send("large", &large).await.expect(413).problem(), "too-large");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_one_is_done() {
    let api = Api::new().await;
    let bearer = format!("Bearer {}", api.token("root", Scope::Admin).await);
    let mut sent = JoinSet::new();
    for _ in 0..24 {
        let request = axum::http::Request::builder()
            .method(Method::POST)
            .uri("/api/v1/streets")
            .header("authorization", &bearer)
            .header("content-type", "application/json")
            .header("idempotency-key", KEY)
            .body(axum::body::Body::from(r#"{"name":"一"}"#))
            .expect("a request");
        let router = api.router.clone();
        sent.spawn(async move {
            let answer = tower::ServiceExt::oneshot(router, request).await.expect("an answer");
            (answer.status().as_u16(), answer.headers().contains_key("idempotent-replayed"))
        });
    }
    let mut done = 0;
    let mut statuses = BTreeSet::new();
    while let Some(answer) = sent.join_next().await {
        let (status, is_replayed) = answer.expect("no panic");
        statuses.insert(status);
        done += u32::from(status == 201 && !is_replayed);
    }
    assert_eq!(done, 1);
    assert!(statuses.is_subset(&BTreeSet::from([201, 409])), "{statuses:?}");
}

#[tokio::test]
async fn every_post_but_a_few_takes_a_key() {
    let api = Api::new().await;
    let document = api.call(Method::GET, "/api/v1/openapi.json").send().await.expect(200).json();
    let mut without = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let Some(operation) = item.get("post") else { continue };
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        if !parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key") {
            without.push(path.as_str());
        }
    }
    assert_eq!(without, ["/api/v1/responder/{token}/answer", "/api/v1/session"]);
}

#[tokio::test]
async fn a_key_makes_no_upload_too_long() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let send = async |path: &str, bytes: usize| {
        let call = admin.call(Method::POST, path).body(axum::body::Body::from(vec![b'x'; bytes]));
        let call = call.header("content-type", "application/octet-stream");
        call.header("idempotency-key", KEY).send().await
    };
    assert_ne!(send("/imports", 5 << 20).await.status, 413);
    assert_eq!(send("/imports", 17 << 20).await.status, 413);
    assert_eq!(send("/bulk", 5 << 20).await.status, 413);
}
