//! Who may do what.

use super::Api;
use axum::http::Method;
use jiff::SignedDuration;
use lianfang::store::accounts::Role;
use lianfang::store::reach::Reach;
use lianfang::store::tokens::{self, NewToken, Scope};
use lianfang::web::ports::Unready;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_scope_opens_what_it_says_and_no_more() {
    let api = Api::new().await;
    let reading = (Method::GET, "/api/v1/streets");
    let editing = (Method::POST, "/api/v1/streets");
    let acting = (Method::POST, "/api/v1/alarms/0000000000000/cancel");
    let raising = (Method::POST, "/api/v1/triggers");
    let measuring = (Method::GET, "/metrics");
    let proving = (Method::GET, "/api/v1/audit");
    let all = [reading, editing, acting, raising, measuring, proving];
    let table = [
        (Scope::Admin, [true, true, true, true, true, true]),
        (Scope::Operator, [true, false, true, true, true, false]),
        (Scope::Auditor, [false, false, false, false, false, true]),
        (Scope::Trigger, [false, false, false, true, false, false]),
        (Scope::Metrics, [false, false, false, false, true, false]),
    ];
    for (scope, wanted) in table {
        let secret = api.token(scope.name(), scope).await;
        let bearer = format!("bearer {secret}");
        for ((method, path), is_open) in all.iter().zip(wanted) {
            let call = api.call(method.clone(), path).header("authorization", &bearer);
            let reply = call.send().await;
            assert_ne!(reply.status, 401, "{scope} {path}");
            assert_eq!(reply.status != 403, is_open, "{scope} {path}: {}", reply.text);
            if reply.status == 403 {
                assert_eq!(reply.problem(), "forbidden");
            }
        }
    }
}

#[tokio::test]
async fn without_a_good_token_nothing_opens() {
    let api = Api::new().await;
    let secret = api.token("root", Scope::Admin).await;
    let (kept, last) = secret.split_at(secret.len() - 1);
    let wrong = format!("{kept}{}", if last == "x" { "y" } else { "x" });
    for header in [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(format!("Basic {secret}")),
        Some(format!("Bearer {wrong}")),
        Some(format!("Bearer {}", "x".repeat(10_000))),
        Some(secret.clone()),
    ] {
        for path in ["/api/v1/streets", "/api/v1/alarms", "/metrics"] {
            let mut call = api.call(Method::GET, path);
            if let Some(header) = &header {
                call = call.header("authorization", header);
            }
            let reply = call.send().await.expect(401);
            assert_eq!(reply.problem(), "no-token");
            assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"lianfang\"");
        }
    }
}

#[tokio::test]
async fn a_revoked_token_is_worth_nothing_at_once() {
    let api = Api::new().await;
    let secret = api.token("root", Scope::Admin).await;
    api.admin(&secret).get("/streets").await.expect(200);
    let revoked =
        tokens::revoke(&api.store.directory().edited_by("cli:test", api.clock.now()), "root").await;
    assert!(revoked.expect("revokes"));
    api.admin(&secret).get("/streets").await.expect(401);
}

#[tokio::test]
async fn a_token_expires() {
    let api = Api::new().await;
    let expires = api.clock.now() + SignedDuration::from_secs(60);
    let new = NewToken { name: "guest".to_owned(), scope: Scope::Operator, expires: Some(expires) };
    let secret =
        tokens::create(&api.store.directory().edited_by("cli:test", api.clock.now()), &new).await;
    let secret = secret.expect("a token");
    api.admin(secret.reveal()).get("/streets").await.expect(200);
    api.clock.advance(Duration::from_secs(60));
    api.admin(secret.reveal()).get("/streets").await.expect(401);
}

#[tokio::test]
async fn health_needs_no_token_and_tells_what_is_missing() {
    let api = Api::new().await;
    assert_eq!(api.call(Method::GET, "/healthz").send().await.expect(200).text, "ok\n");
    let ready = api.call(Method::GET, "/readyz").send().await.expect(200).json();
    assert_eq!(ready, json!({"is_ready": true, "reasons": []}));
    let missing = Unready::Trunk { name: "carrier".to_owned() };
    api.line_lamp.unready.lock().expect("no panic").push(missing);
    let ready = api.call(Method::GET, "/readyz").send().await.expect(503).json();
    let reasons = json!([{"part": "trunk", "reason": "carrier does not answer"}]);
    assert_eq!(ready, json!({"is_ready": false, "reasons": reasons}));
}

#[tokio::test]
async fn metrics_are_text() {
    let api = Api::new().await;
    let bearer = format!("Bearer {}", api.token("prometheus", Scope::Metrics).await);
    let call = api.call(Method::GET, "/metrics").header("authorization", &bearer);
    let reply = call.header("accept", "text/plain").send().await.expect(200);
    assert!(reply.header("content-type").starts_with("text/plain"));
}

#[tokio::test]
async fn requests_are_measured_by_names_that_we_know() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let api = Api::new().await;
    api.call(Method::GET, "/api/v1/streets/7").send().await.expect(401);
    api.call(Method::from_bytes(b"BREW").expect("a method"), "/made/up").send().await.expect(404);
    let text = recorder.handle().render();
    let wanted = r#"method="GET",path="/api/v1/streets/{id}",status="401""#;
    assert!(text.contains(wanted), "{text}");
    assert!(text.contains(r#"method="other",path="none",status="404""#), "{text}");
    assert!(!text.contains("BREW") && !text.contains("made"), "{text}");
}

#[tokio::test]
async fn a_dead_database_keeps_no_known_pbx_from_raising() {
    let api = Api::new().await;
    api.admin(&api.token("root", Scope::Admin).await).town().await;
    let pbx = api.token("pbx", Scope::Trigger).await;
    let expires = api.clock.now() + SignedDuration::from_secs(60);
    let new = NewToken { name: "guest".to_owned(), scope: Scope::Trigger, expires: Some(expires) };
    let guest =
        tokens::create(&api.store.directory().edited_by("cli:test", api.clock.now()), &new).await;
    let guest = guest.expect("a token");
    let press = async |secret: &str, key: &str| {
        let client = api.admin(secret);
        let call = client.call(Method::POST, "/triggers").header("idempotency-key", key);
        call.json(&json!({"account": "1001", "code": "#9"})).send().await
    };
    press(&pbx, "1").await.expect(201);
    press(guest.reveal(), "1").await.expect(201);
    let stranger = api.token("stranger", Scope::Trigger).await;
    api.store.close().await;
    press(&pbx, "2").await.expect(201);
    press(guest.reveal(), "2").await.expect(201);
    let unknown = press(&stranger, "3").await;
    assert!(unknown.status.is_server_error(), "{}", unknown.text);
    api.clock.advance(Duration::from_secs(60));
    let expired = press(guest.reveal(), "4").await;
    assert!(expired.status.is_server_error(), "{}", expired.text);
    assert_eq!(api.switchboard.triggers.lock().expect("no panic").len(), 4);
}

#[tokio::test]
async fn every_answer_has_safe_headers() {
    let api = Api::new().await;
    for path in ["/healthz", "/nothing", "/api/v1/streets", "/api/docs/"] {
        let reply = api.call(Method::GET, path).header("origin", "https://a.test").send().await;
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("x-frame-options"), "DENY", "{path}");
        assert!(
            reply.header("content-security-policy").contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert_eq!(reply.header("access-control-allow-origin"), "", "{path}");
    }
}

/// To audit an alarm one has to know who was on duty: names of workers, and nothing to call them by; no household at all.
#[tokio::test]
async fn an_auditor_reads_who_was_on_duty_and_no_number() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let town = admin.town().await;
    let community = town.community;
    let post = json!({"community_id": community, "name": "A 岗", "code": "A", "cover": "always"});
    let post = admin.create("/posts", post).await;
    let shift = json!({"community_id": community, "post_id": post, "worker_ids": [town.worker],
        "starts": "00:00:00", "ends": "00:00:00", "days_later": 1});
    admin.create("/shifts", shift).await;
    let auditor = api.person("audit", Role::Auditor, Reach::Everything).await;
    let of_community = |rest: &str| format!("/communities/{community}/{rest}");
    let roster = auditor.get(&of_community("roster")).await.expect(200).text;
    assert!(roster.contains("李强"), "{roster}");
    let mut read = vec![roster];
    for path in [
        "/communities".to_owned(),
        "/grids".to_owned(),
        "/groups".to_owned(),
        "/posts".to_owned(),
        "/shifts".to_owned(),
        "/rotations".to_owned(),
        "/overrides".to_owned(),
        "/swaps".to_owned(),
        "/absences".to_owned(),
        "/policies".to_owned(),
        "/reports/communities".to_owned(),
        "/reports/alarms".to_owned(),
        of_community("duty"),
        of_community("roster.ics"),
        of_community("roster/findings"),
    ] {
        read.push(auditor.get(&path).await.expect(200).text);
    }
    for text in read {
        for hidden in ["13900002222", "13800001111", "5551234", "0002222", "陈阿姨"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
    }
    for path in ["/workers", "/households", "/contacts", "/lines", "/responders"] {
        auditor.get(path).await.expect(403);
    }
    auditor.get(&format!("/workers/{}", town.worker)).await.expect(403);
    auditor.post(&format!("/workers/{}/reads", town.worker), json!({})).await.expect(403);
}
