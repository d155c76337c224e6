//! Errors are problems, in the language of the client, and nothing that a client sends makes a 5xx.

use super::{Api, Client};
use axum::body::{Body, Bytes};
use axum::http::Method;
use lianfang::store::tokens::Scope;
use serde_json::json;

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
