//! Whatever is sent to any path of the API: an answer that says what is wrong, never a failure of ours.
//!
//! The paths and the fields come from the description, so what is added is tried from its first day.

use super::{Api, Client};
use axum::body::Body;
use axum::http::{HeaderValue, Method, header};
use lianfang::store::tokens::Scope;
use lianfang::web::ports::Unready;
use serde_json::{Value, json};

/// What a field may be that was meant to be something else.
fn hostile_values() -> Vec<Value> {
    let deep = (0..100).fold(json!([]), |inner, _| json!([inner]));
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1e308),
        json!(""),
        json!("\u{0}\u{202e}🔥'; DROP TABLE alarm; --"),
        json!("9".repeat(5_000)),
        json!("9999-12-31T23:59:59.999999999+23:59"),
        json!([[], {}, null]),
        json!({"": {"": 1}}),
        deep,
    ]
}

/// Bodies that are no JSON, or hardly.
fn hostile_bodies() -> Vec<Vec<u8>> {
    let wav = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0data\xff\xff\xff\xff";
    vec![
        Vec::new(),
        vec![0xff, 0xfe, 0x00],
        b"{".to_vec(),
        b"[".repeat(20_000),
        b"\"date,kind\n2026-02-30,holiday,\"\"\"\n,,,,\n".to_vec(),
        "date,kind,name\n2026-01-01,workday,\u{0}\n".repeat(400).into_bytes(),
        wav.to_vec(),
        (0..=255).cycle().take(40_000).collect(),
    ]
}

/// Every method and path with a body, and the fields that its body has.
async fn writing(api: &Api) -> Vec<(Method, String, Vec<String>)> {
    let document = api.call(Method::GET, "/api/v1/openapi.json").send().await.expect(200).json();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in [Method::POST, Method::PUT] {
            let Some(operation) = item.get(method.as_str().to_ascii_lowercase()) else { continue };
            let schema = operation.pointer("/requestBody/content/application~1json/schema");
            let reference = schema.and_then(|schema| schema["$ref"].as_str()).unwrap_or("#");
            let schema = document.pointer(reference.trim_start_matches('#'));
            let fields = schema.and_then(|schema| schema["properties"].as_object());
            let fields = fields.map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
            let place = path.replace("{language}", "zh-CN").replace("{clip}", "alarm");
            found.push((method, place, fields));
        }
    }
    found
}

fn filled(path: &str, with: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { with } else { part });
    parts.collect::<Vec<_>>().join("/")
}

async fn is_answered(
    client: &Client<'_>,
    (method, path): (&Method, &str),
    kind: &str,
    body: Vec<u8>,
) {
    let shown =
        String::from_utf8_lossy(body.get(..body.len().min(120)).unwrap_or_default()).into_owned();
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let call = client.call(method.clone(), path).header("if-match", "\"1\"");
    let call =
        call.header(header::CONTENT_TYPE.as_str(), kind).header("idempotency-key", "hostile");
    let reply = call.body(Body::from(body)).send().await;
    let status = reply.status.as_u16();
    assert!(status < 500, "{method} {path} {kind} {shown}: {status} {}", reply.text);
    if 400 <= status {
        let kind = reply.header("content-type");
        assert_eq!(kind, "application/problem+json", "{method} {path}: {}", reply.text);
    }
}

#[tokio::test]
async fn no_body_makes_the_api_fail() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    admin.town().await;
    let writing = writing(&api).await;
    assert!(40 < writing.len(), "{}", writing.len());
    for (method, path, fields) in &writing {
        for id in ["1", "0", "4294967296", "00000000000ab", "%00", "%F0%A0%AE%B7"] {
            let path = filled(path, id);
            is_answered(&admin, (method, &path), "application/json", b"{}".to_vec()).await;
        }
        let path = filled(path, "1");
        for body in hostile_bodies() {
            for kind in ["application/json", "text/csv", "audio/wav", "x"] {
                is_answered(&admin, (method, &path), kind, body.clone()).await;
            }
        }
        for value in hostile_values() {
            let all: Value = fields.iter().map(|field| (field.clone(), value.clone())).collect();
            is_answered(&admin, (method, &path), "application/json", all.to_string().into()).await;
        }
    }
}

/// Schemathesis leaves both out: the feed has no end, and readiness may truly be 503.
#[tokio::test]
async fn nothing_makes_the_feed_or_the_readiness_fail() {
    let api = Api::new().await;
    let bearer = format!("Bearer {}", api.token("root", Scope::Admin).await);
    api.admin(bearer.trim_start_matches("Bearer ")).town().await;
    let values = [
        "",
        "0",
        "1",
        "-1",
        "4294967295",
        "4294967296",
        "%00",
        "%FF",
        "%F0%9F%94%A5",
        "a=b",
        &"9".repeat(3_000),
    ];
    let mut paths = Vec::new();
    for name in ["community_id", "after", "last", "x", ""] {
        paths.extend(values.iter().map(|value| format!("{name}={value}")));
    }
    paths.extend(["community_id=1&community_id=2".to_owned(), "&&==".to_owned()]);
    let ids = ["", "0", "-1", "00000000000ab:1", "9-9", "\u{7f}", &"9".repeat(3_000)];
    for query in &paths {
        for path in ["/api/v1/alarms/feed", "/readyz", "/healthz"] {
            for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE] {
                let call = api.call(method.clone(), &format!("{path}?{query}"));
                let reply = call.header("authorization", &bearer).send().await;
                let status = reply.status.as_u16();
                assert!(status < 500, "{method} {path}?{query}: {status} {}", reply.text);
            }
        }
    }
    for id in ids.into_iter().filter(|id| HeaderValue::from_str(id).is_ok()) {
        for accept in ["text/event-stream", "application/json", "*/*;q=x", ","] {
            let call = api.call(Method::GET, "/api/v1/alarms/feed");
            let call = call.header("authorization", &bearer).header("last-event-id", id);
            let reply = call.header("accept", accept).send().await;
            assert!(reply.status.as_u16() < 500, "{id} {accept}: {} {}", reply.status, reply.text);
        }
    }
    // What is missing is told, whatever is asked besides, and nothing else fails for it.
    api.line_lamp.unready.lock().expect("no panic").push(Unready::Switchboard);
    for query in ["", "?x=1", "?verbose=%00"] {
        let reply = api.call(Method::GET, &format!("/readyz{query}")).send().await;
        assert_eq!(reply.status.as_u16(), 503, "{}", reply.text);
        assert!(reply.text.contains("switchboard"), "{}", reply.text);
    }
    api.call(Method::GET, "/healthz").send().await.expect(200);
}
