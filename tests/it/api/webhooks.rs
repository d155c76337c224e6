//! Webhooks over the API: what may be a target, secrets that are shown once, messages that are sent again.

use super::Api;
use axum::http::Method;
use lianfang::store::accounts::Role;
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang_domain::id::CommunityId;
use serde_json::{Value, json};

fn draft(url: &str) -> Value {
    json!({"url": url, "events": ["alarm.raised", "line.down"], "description": "值班大屏"})
}

#[tokio::test]
async fn a_webhook_is_made_replaced_and_deleted_and_its_secret_shown_once() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let made = admin.post("/webhooks", draft("https://hooks.example.com/in")).await.expect(201);
    let path = made.header("location").trim_start_matches("/api/v1").to_owned();
    assert_eq!(made.header("etag"), "\"1\"");
    let secret = made.json()["secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("whsec_"), "{secret}");
    let read = admin.get(&path).await.expect(200);
    assert!(!read.text.contains("whsec_") && !read.text.contains("salt"), "{}", read.text);
    assert_eq!(read.json()["is_enabled"], true);
    let mut changed = draft("https://hooks.example.com/other");
    changed["is_enabled"] = json!(false);
    admin.put(&path, 7, changed.clone()).await.expect(412);
    let replaced = admin.put(&path, 1, changed).await.expect(200).json();
    assert_eq!((&replaced["version"], &replaced["is_enabled"]), (&json!(2), &json!(false)));
    let rotated = admin.post(&format!("{path}/rotate-secret"), json!({})).await.expect(200).json();
    assert_ne!(rotated["secret"], secret);
    assert_eq!(rotated["old_secret_until"], "2026-11-23T00:00:00Z");
    let trail = admin.get("/audit?chain=directory&noun=webhook").await.expect(200);
    assert!(
        !trail.text.contains("whsec_") && !trail.text.contains("hooks.example"),
        "{}",
        trail.text
    );
    admin.delete(&path, 2).await.expect(412);
    admin.delete(&path, 3).await.expect(204);
    admin.get(&path).await.expect(404);
}

#[tokio::test]
async fn only_targets_of_the_configuration_are_taken() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let check = async |url: &str, wanted: &str| {
        let call = admin.call(Method::POST, "/webhooks").json(&draft(url));
        let reply = call.header("accept-language", "en").send().await.expect(422);
        assert_eq!(reply.pointers(), ["/url"], "{url}");
        let detail = reply.json()["errors"][0]["detail"].as_str().expect("text").to_owned();
        assert!(detail.contains(wanted), "{url}: {detail}");
    };
    for url in
        ["http://hooks.example.com/", "hooks.example.com", "https://a:b@hooks.example.com/", ""]
    {
        check(url, "https://").await;
    }
    for url in [
        "https://evil.example/",
        "https://hooks.example.com:8443/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
    ] {
        check(url, "allowed_hosts").await;
    }
    let mut wrong = draft("https://hooks.example.com/");
    wrong["events"] = json!([]);
    assert_eq!(admin.post("/webhooks", wrong.clone()).await.expect(422).pointers(), ["/events"]);
    wrong["events"] = json!(["alarm.lost"]);
    assert_eq!(admin.post("/webhooks", wrong.clone()).await.expect(422).pointers(), ["/events/0"]);
    wrong["events"] = json!(["line.up"]);
    wrong["community_id"] = json!(7);
    assert_eq!(admin.post("/webhooks", wrong).await.expect(422).pointers(), ["/community_id"]);
}

#[tokio::test]
async fn a_ping_waits_to_be_sent_and_is_listed() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let id = admin.create("/webhooks", draft("https://hooks.example.com/in")).await;
    let ping = admin.post(&format!("/webhooks/{id}/ping"), json!({})).await.expect(202).json();
    assert_eq!((&ping["event"], &ping["state"]), (&json!("ping"), &json!("waiting")));
    let path = format!("/webhooks/{id}/deliveries");
    let listed = admin.get(&format!("{path}?state=waiting")).await.expect(200).json();
    assert_eq!(listed["items"], json!([ping]));
    assert_eq!(
        admin.get(&format!("{path}?state=dead")).await.expect(200).json()["items"],
        json!([])
    );
    let standing =
        json!({"waiting": 1, "dead": 0, "failing": 0, "last_at": null, "delivered_at": null});
    let read = admin.get(&format!("/webhooks/{id}")).await.expect(200).json();
    let list = admin.get("/webhooks").await.expect(200).json();
    assert_eq!((&read["standing"], &list["items"][0]), (&standing, &read));
    let again = admin.post(&format!("{path}/{}/redeliver", ping["id"]), json!({})).await;
    assert_eq!(again.expect(409).problem(), "still-waiting");
    admin.post(&format!("{path}/999/redeliver"), json!({})).await.expect(404);
    admin.post("/webhooks/999/ping", json!({})).await.expect(404);
    admin.get("/webhooks/999/deliveries").await.expect(404);
}

#[tokio::test]
async fn dead_letters_are_sent_again_or_discarded_one_by_one_and_all() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let id = admin.create("/webhooks", draft("https://hooks.example.com/in")).await;
    let other = admin.create("/webhooks", draft("https://hooks.example.com/other")).await;
    let path = format!("/webhooks/{id}/deliveries");
    let send = async |webhook| {
        let ping = admin.post(&format!("/webhooks/{webhook}/ping"), json!({})).await.expect(202);
        ping.json()["id"].as_u64().expect("an id")
    };
    // Nobody sends here; they are given up as a day of tries would leave them.
    let die = async || {
        let mut change = api.store.directory().write().await.expect("begins");
        let dead = "UPDATE webhook_delivery SET state = 'dead', next_us = NULL, ended_us = 1";
        sqlx::query(dead).execute(&mut *change).await.expect("written");
        change.commit().await.expect("kept");
    };
    let discard = async |path: &str| admin.call(Method::DELETE, path).send().await;
    let states = async |webhook| {
        let read = admin.get(&format!("/webhooks/{webhook}")).await.expect(200).json();
        (read["standing"]["waiting"].clone(), read["standing"]["dead"].clone())
    };
    let (first, _, _, elsewhere) =
        (send(id).await, send(id).await, send(id).await, send(other).await);
    discard(&format!("{path}/{first}")).await.expect(409);
    die().await;
    discard(&format!("{path}/{first}")).await.expect(204);
    discard(&format!("{path}/{first}")).await.expect(404);
    discard(&format!("{path}/{elsewhere}")).await.expect(404);
    assert_eq!(states(id).await, (json!(0), json!(2)));
    let letters = format!("/webhooks/{id}/dead-letters");
    let again = admin.post(&format!("{letters}/redeliver"), json!({})).await.expect(202);
    assert_eq!((again.json(), states(id).await), (json!({"messages": 2}), (json!(2), json!(0))));
    die().await;
    let gone = discard(&letters).await.expect(200);
    assert_eq!((gone.json(), states(id).await), (json!({"messages": 2}), (json!(0), json!(0))));
    assert_eq!(discard(&letters).await.expect(200).json(), json!({"messages": 0}));
    assert_eq!(states(other).await, (json!(0), json!(1)), "those of others stay");
    let trail = admin.get(&format!("/audit?chain=directory&noun=webhook&id={id}")).await;
    let trail = trail.expect(200).json();
    let actions = trail["items"].as_array().expect("entries").iter();
    let actions = actions.map(|entry| entry["action"].as_str().expect("text").to_owned());
    assert_eq!(actions.filter(|action| action == "erase").count(), 2);
    discard("/webhooks/999/dead-letters").await.expect(404);
    admin.post("/webhooks/999/dead-letters/redeliver", json!({})).await.expect(404);
}

#[tokio::test]
async fn only_who_reaches_everything_keeps_webhooks() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    let town = root.town().await;
    let reach = Reach::Community(CommunityId(u32::try_from(town.community).expect("small")));
    let admin = api.person("wang", Role::Admin, reach).await;
    for reply in [
        admin.get("/webhooks").await,
        admin.post("/webhooks", draft("https://hooks.example.com/")).await,
        admin.get("/webhooks/1").await,
        admin.get("/webhooks/1/deliveries").await,
        admin.post("/webhooks/1/ping", json!({})).await,
        admin.post("/webhooks/1/rotate-secret", json!({})).await,
        admin.post("/webhooks/1/dead-letters/redeliver", json!({})).await,
        admin.call(Method::DELETE, "/webhooks/1/dead-letters").send().await,
        admin.call(Method::DELETE, "/webhooks/1/deliveries/1").send().await,
    ] {
        assert_eq!(reply.expect(403).problem(), "forbidden");
    }
}
