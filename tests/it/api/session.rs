//! Signing in, as a client does it: with passwords that are really hashed.

use super::{Api, Client, Reply};
use axum::body::Body;
use axum::http::{Method, Request};
use jiff::SignedDuration;
use lianfang::store::accounts::Role;
use lianfang::store::accounts::totp::TotpKey;
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang_domain::id::{AccountId, CommunityId};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tower::ServiceExt;

const GOOD: &str = "kiwi umbrella 87";
const BETTER: &str = "nine quiet lanterns";

async fn sign_in(api: &Api, body: Value) -> Reply {
    let call = api.call(Method::POST, "/api/v1/session").json(&body);
    call.header("user-agent", "Test/1").header("x-forwarded-for", "192.0.2.7").send().await
}

fn who(name: &str, password: &str) -> Value {
    json!({"name": name, "password": password})
}

/// An account that keeps its password, and a first admin beside it.
async fn with_account(api: &Api, name: &str, role: &str) -> u64 {
    let root = api.admin(&api.token("root", Scope::Admin).await).create_account(api).await;
    let (made, one_time) = root;
    assert_eq!(made, 1);
    assert_eq!(one_time, Value::Null, "the first one keeps its password");
    let root = api.token("second", Scope::Admin).await;
    let draft = json!({"name": name, "display_name": "王敏", "role": role, "reach": {"kind": "everything"}});
    let reply = api.admin(&root).post("/accounts", draft).await.expect(201).json();
    let one_time = reply["one_time_password"].as_str().expect("one is made").to_owned();
    let begun = sign_in(api, who(name, &one_time)).await.expect(200).json();
    assert_eq!(begun["account"]["must_change"], json!(true));
    let client = api.admin(begun["secret"].as_str().expect("a secret"));
    assert_eq!(client.get("/alarms").await.expect(403).problem(), "must-change-password");
    let change = json!({"old": one_time, "new": GOOD});
    client.change("/session/password", change).await.expect(204);
    client.call(Method::DELETE, "/session").send().await.expect(204);
    reply["id"].as_u64().expect("an id")
}

impl Client<'_> {
    async fn create_account(&self, _api: &Api) -> (u64, Value) {
        let draft = json!({"name": "root", "display_name": "林", "role": "admin",
            "reach": {"kind": "everything"}, "password": GOOD});
        let reply = self.post("/accounts", draft).await.expect(201).json();
        (reply["id"].as_u64().expect("an id"), reply["one_time_password"].clone())
    }

    async fn change(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path).json(&body).send().await
    }
}

#[tokio::test]
async fn who_signs_in_is_known_until_they_sign_out() {
    let api = Api::new().await;
    with_account(&api, "WangMin", "operator").await;
    let begun = sign_in(&api, who("wangmin", GOOD)).await.expect(200);
    assert_eq!(begun.header("cache-control"), "no-store");
    let begun = begun.json();
    let secret = begun["secret"].as_str().expect("a secret");
    assert!(secret.starts_with("lfs_") && secret.len() == 47, "{secret}");
    let client = api.admin(secret);
    let current = client.get("/session").await.expect(200).json();
    assert_eq!(current["account"]["name"], json!("WangMin"));
    assert_eq!(current["account"]["role"], json!("operator"));
    assert_eq!(current["account"]["reach"], json!({"kind": "everything"}));
    assert_eq!(current["session"]["client"], json!("Test/1"));
    assert_eq!(current["needs_second_factor"], json!(false));
    client.get("/streets").await.expect(200);
    let forbidden = client.post("/streets", json!({"name": "湖里"})).await.expect(403);
    assert_eq!(forbidden.problem(), "forbidden");
    client.call(Method::DELETE, "/session").send().await.expect(204);
    assert_eq!(client.get("/session").await.expect(401).problem(), "no-token");
    let token = api.admin(&api.token("pbx", Scope::Operator).await);
    token.get("/session").await.expect(403);
}

#[tokio::test]
async fn what_is_wrong_is_told_in_one_way() {
    let api = Api::new().await;
    let id = with_account(&api, "wangmin", "operator").await;
    for (name, password) in [
        ("wangmin", "kiwi umbrella 88"),
        ("wangmin", ""),
        ("nobody", GOOD),
        ("", ""),
        ("wangmin\0", GOOD),
    ] {
        let reply = sign_in(&api, who(name, password)).await.expect(401);
        assert_eq!(reply.problem(), "wrong-credentials", "{name}");
        api.clock.advance(Duration::from_secs(120));
    }
    let admin = api.admin(&api.token("third", Scope::Admin).await);
    let path = format!("/accounts/{id}");
    let account = admin.get(&path).await.expect(200);
    let version = account.json()["version"].as_u64().expect("a version");
    let disabled = json!({"name": "wangmin", "display_name": "王敏", "role": "operator",
        "reach": {"kind": "everything"}, "is_disabled": true});
    admin.put(&path, u32::try_from(version).expect("small"), disabled).await.expect(200);
    let reply = sign_in(&api, who("wangmin", GOOD)).await.expect(401);
    assert_eq!(reply.problem(), "wrong-credentials", "a disabled account is no other answer");
}

#[tokio::test]
async fn an_admin_sets_up_a_second_factor_before_anything_else() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    root.create_account(&api).await;
    let begun = sign_in(&api, who("root", GOOD)).await.expect(200).json();
    assert_eq!(begun["needs_second_factor"], json!(true));
    let client = api.admin(begun["secret"].as_str().expect("a secret"));
    assert_eq!(client.get("/streets").await.expect(403).problem(), "second-factor-needed");
    let none = client.change("/session/totp", json!({"code": "123456"})).await.expect(409);
    assert_eq!(none.problem(), "no-enrolment");
    let wrong = client.post("/session/totp", json!({"password": BETTER})).await.expect(422);
    assert_eq!(wrong.pointers(), ["/password"]);
    let enrolment =
        client.post("/session/totp", json!({"password": GOOD})).await.expect(200).json();
    let uri = enrolment["uri"].as_str().expect("a URI");
    assert!(uri.starts_with("otpauth://totp/Lianfang:root?secret="), "{uri}");
    let wrong = client.change("/session/totp", json!({"code": "000000"})).await.expect(422);
    assert_eq!(wrong.pointers(), ["/code"]);
    let code = code(&api, 1, true).await;
    let kept = client.change("/session/totp", json!({"code": code})).await.expect(200).json();
    let recovery = kept["recovery_codes"].as_array().expect("codes").clone();
    assert_eq!(recovery.len(), 10);
    client.get("/streets").await.expect(200);

    assert_eq!(sign_in(&api, who("root", GOOD)).await.expect(401).problem(), "code-needed");
    let with = |code: &str| json!({"name": "root", "password": GOOD, "code": code});
    let used = sign_in(&api, with(&code)).await.expect(401);
    assert_eq!(used.problem(), "wrong-code", "it was taken when it was set up");
    api.clock.advance(Duration::from_secs(30));
    let next = self::code(&api, 1, false).await;
    sign_in(&api, with(&next)).await.expect(200);
    assert_eq!(sign_in(&api, with(&next)).await.expect(401).problem(), "wrong-code");
    let recovery = recovery[2].as_str().expect("text").to_owned();
    let begun = sign_in(&api, with(&recovery)).await.expect(200).json();
    assert_eq!(sign_in(&api, with(&recovery)).await.expect(401).problem(), "wrong-code");
    let client = api.admin(begun["secret"].as_str().expect("a secret"));
    let current = client.get("/session").await.expect(200).json();
    assert_eq!(current["account"]["recovery_codes"], json!(9));
    // Another admin resets it; the sessions end.
    root.call(Method::DELETE, "/accounts/1/totp").send().await.expect(204);
    client.get("/session").await.expect(401);
    let begun = sign_in(&api, who("root", GOOD)).await.expect(200).json();
    assert_eq!(begun["needs_second_factor"], json!(true));
}

/// What the authenticator of an account shows now.
async fn code(api: &Api, id: u32, is_pending: bool) -> String {
    let id = AccountId(id);
    let proofs = lianfang::store::accounts::proofs(api.store.directory(), id).await.expect("reads");
    let salt = if is_pending { proofs.totp_pending } else { proofs.totp_salt };
    TotpKey::new(&[7; 32]).of(id, &salt.expect("a salt")).shown(api.clock.now())
}

#[tokio::test]
async fn a_password_is_changed_and_the_other_sessions_end() {
    let api = Api::new().await;
    with_account(&api, "wangmin", "operator").await;
    let secret = async || {
        let begun = sign_in(&api, who("wangmin", GOOD)).await.expect(200).json();
        begun["secret"].as_str().expect("a secret").to_owned()
    };
    let (here, there) = (secret().await, secret().await);
    let (here, there) = (api.admin(&here), api.admin(&there));
    for (old, new, pointer) in [
        (BETTER, "some other words", "/old"),
        (GOOD, "short", "/new"),
        (GOOD, "passwordpassword", "/new"),
        (GOOD, "call me wangmin please", "/new"),
        (GOOD, GOOD, "/new"),
    ] {
        let reply = here.change("/session/password", json!({"old": old, "new": new})).await;
        assert_eq!(reply.expect(422).pointers(), [pointer], "{new}");
    }
    here.change("/session/password", json!({"old": GOOD, "new": BETTER})).await.expect(204);
    here.get("/streets").await.expect(200);
    there.get("/streets").await.expect(401);
    sign_in(&api, who("wangmin", GOOD)).await.expect(401);
    sign_in(&api, who("wangmin", BETTER)).await.expect(200);
}

#[tokio::test]
async fn a_session_ends_unused_and_its_use_is_written_down_once_a_minute() {
    let api = Api::new().await;
    with_account(&api, "wangmin", "operator").await;
    let begun = sign_in(&api, who("wangmin", GOOD)).await.expect(200).json();
    let client = api.admin(begun["secret"].as_str().expect("a secret"));
    let seen =
        async || client.get("/session").await.expect(200).json()["session"]["seen_at"].clone();
    let first = seen().await;
    api.clock.advance(Duration::from_secs(59));
    assert_eq!(seen().await, first);
    assert_eq!(seen().await, first, "less than a minute");
    api.clock.advance(Duration::from_secs(1));
    for _ in 0..1000 {
        if seen().await != first {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_ne!(seen().await, first, "a minute later");
    api.clock.advance(Duration::from_secs(12 * 3600));
    client.get("/session").await.expect(401);
}

#[tokio::test]
async fn guesses_wait_longer_and_a_known_device_does_not() {
    let api = Api::new().await;
    with_account(&api, "wangmin", "operator").await;
    let begun = sign_in(&api, who("wangmin", GOOD)).await.expect(200).json();
    let known = format!("Bearer {}", begun["secret"].as_str().expect("a secret"));
    for _ in 0..5 {
        sign_in(&api, who("wangmin", BETTER)).await.expect(401);
    }
    sign_in(&api, who("wangmin", BETTER)).await.expect(429);
    let reply = sign_in(&api, who("wangmin", GOOD)).await.expect(429);
    assert_eq!(reply.problem(), "too-many-attempts");
    let wait = reply.json()["retry_after"].as_u64().expect("seconds");
    assert_eq!(reply.header("retry-after"), wait.to_string());
    assert!((1..=60).contains(&wait), "{wait}");
    let call = api.call(Method::POST, "/api/v1/session").header("authorization", &known);
    let call = call.header("x-forwarded-for", "192.0.2.7");
    call.json(&who("wangmin", GOOD)).send().await.expect(200);
    api.admin(&known[7..]).get("/session").await.expect(401);
    api.clock.advance(Duration::from_secs(wait));
    sign_in(&api, who("wangmin", GOOD)).await.expect(200);
}

/// Two hundred sign-ins at once, each from an address of its own: they wait for two places and hold up no press.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_sign_ins_holds_up_no_alarm() {
    let api = Api::new().await;
    api.admin(&api.token("root", Scope::Admin).await).town().await;
    let pbx = api.admin(&api.token("pbx", Scope::Trigger).await);
    let press = async |key: &str| {
        let call = pbx.call(Method::POST, "/triggers").header("idempotency-key", key);
        let pressed = call.json(&json!({"account": "1001", "code": "#9"})).send();
        tokio::time::timeout(Duration::from_secs(2), pressed).await.expect("in time").expect(201);
    };
    press("before").await;
    let mut flood = tokio::task::JoinSet::new();
    for number in 0..200_u8 {
        let request = Request::builder().method(Method::POST).uri("/api/v1/session");
        let request = request.header("content-type", "application/json");
        let client = lianfang_http::Client {
            address: std::net::Ipv4Addr::new(198, 51, 100, number).into(),
            is_https: true,
            host: None,
        };
        let request = request.extension(client);
        let body = who(&format!("guess{number}"), GOOD).to_string();
        let request = request.body(Body::from(body)).expect("a request");
        let router = api.router.clone();
        flood.spawn(async move { router.oneshot(request).await.expect("an answer").status() });
    }
    for number in 0..20 {
        press(&format!("press-{number}")).await;
        tokio::task::yield_now().await;
    }
    let mut told = BTreeMap::new();
    while let Some(status) = flood.join_next().await {
        *told.entry(status.expect("no panic").as_u16()).or_insert(0) += 1;
    }
    assert!(told.keys().all(|status| [401, 503].contains(status)), "{told:?}");
    assert!(told.contains_key(&401), "some are looked at: {told:?}");
    assert_eq!(api.switchboard.triggers.lock().expect("no panic").len(), 21);
}

#[tokio::test]
async fn accounts_are_kept_and_their_sessions_listed_and_ended() {
    let api = Api::new().await;
    let id = with_account(&api, "wangmin", "auditor").await;
    let admin = api.admin(&api.token("third", Scope::Admin).await);
    let path = format!("/accounts/{id}");
    let listed = admin.get("/accounts?limit=1").await.expect(200).json();
    assert_eq!((&listed["items"][0]["name"], &listed["next"]), (&json!("root"), &json!(1)));
    let listed = admin.get("/accounts?after=1").await.expect(200).json();
    assert_eq!((&listed["items"][0]["name"], &listed["next"]), (&json!("wangmin"), &Value::Null));
    let begun = sign_in(&api, who("wangmin", GOOD)).await.expect(200).json();
    let client = api.admin(begun["secret"].as_str().expect("a secret"));
    let sessions = admin.get(&format!("{path}/sessions")).await.expect(200).json();
    let session = sessions["items"][0]["id"].as_u64().expect("an id");
    let call = |path: String| admin.call(Method::DELETE, &path).send();
    call(format!("{path}/sessions/999")).await.expect(404);
    call(format!("{path}/sessions/{session}")).await.expect(204);
    client.get("/session").await.expect(401);
    let begun = sign_in(&api, who("wangmin", GOOD)).await.expect(200).json();
    let client = api.admin(begun["secret"].as_str().expect("a secret"));
    call(format!("{path}/sessions")).await.expect(204);
    client.get("/session").await.expect(401);

    let reset = admin.post(&format!("{path}/password-reset"), json!({})).await.expect(200).json();
    let one_time = reset["one_time_password"].as_str().expect("a password");
    sign_in(&api, who("wangmin", GOOD)).await.expect(401);
    let begun = sign_in(&api, who("wangmin", one_time)).await.expect(200).json();
    assert_eq!(begun["account"]["must_change"], json!(true));

    let taken = json!({"name": "ROOT", "display_name": "林", "role": "admin", "reach": {"kind": "everything"}});
    let reply = admin.post("/accounts", taken.clone()).await.expect(422);
    assert_eq!(reply.pointers(), ["/name"]);
    let mut wrong = taken.clone();
    wrong["name"] = json!("other");
    wrong["reach"] = json!({"kind": "street", "id": 77});
    assert_eq!(admin.post("/accounts", wrong).await.expect(422).pointers(), ["/reach/id"]);
    let mut wrong = taken;
    wrong["name"] = json!("other");
    wrong["password"] = json!("123456789012");
    assert_eq!(admin.post("/accounts", wrong.clone()).await.expect(422).pointers(), ["/password"]);
    assert_eq!(admin.put(&path, 1, wrong).await.expect(422).pointers(), ["/password"]);
    let version = admin.get(&path).await.expect(200).header("etag").to_owned();
    let version = version.trim_matches('"').parse().expect("a version");
    admin.delete(&path, version + 1).await.expect(412);
    admin.delete(&path, version).await.expect(204);
    admin.get(&path).await.expect(404);
    assert_eq!(admin.delete("/accounts/1", 1).await.expect(409).problem(), "last-admin");
}

#[tokio::test]
async fn people_keep_their_own_sessions_and_language() {
    let api = Api::new().await;
    with_account(&api, "wangmin", "operator").await;
    let begin = async || {
        let begun = sign_in(&api, who("wangmin", GOOD)).await.expect(200).json();
        begun["secret"].as_str().expect("a secret").to_owned()
    };
    let (first, second, third) = (begin().await, begin().await, begin().await);
    let (first, second, third) = (api.admin(&first), api.admin(&second), api.admin(&third));
    let listed = third.get("/sessions").await.expect(200).json();
    let ids: Vec<u64> = listed["items"]
        .as_array()
        .expect("sessions")
        .iter()
        .map(|one| one["id"].as_u64().expect("an id"))
        .collect();
    assert_eq!((ids.len(), listed["current"].as_u64()), (3, ids.last().copied()));
    let end = |path: String| third.call(Method::DELETE, &path).send();
    end(format!("/sessions/{}", ids[0])).await.expect(204);
    end(format!("/sessions/{}", ids[0])).await.expect(404);
    first.get("/session").await.expect(401);
    second.get("/session").await.expect(200);
    // A session of somebody else is nobody's to end.
    let other = with_other(&api).await;
    end(format!("/sessions/{other}")).await.expect(404);
    end("/sessions".to_owned()).await.expect(204);
    second.get("/session").await.expect(401);
    let known = third.get("/session").await.expect(200).json();
    assert_eq!(known["time_zone"], "Asia/Shanghai");
    assert_eq!(known["account"]["language"], Value::Null);
    third.change("/session/language", json!({"language": "en"})).await.expect(204);
    let known = third.get("/session").await.expect(200).json();
    assert_eq!(known["account"]["language"], "en");
    third.change("/session/language", json!({"language": "fr"})).await.expect(422);
    api.admin(&api.token("pbx", Scope::Admin).await).get("/sessions").await.expect(403);
}

#[tokio::test]
async fn times_are_those_of_the_first_community_within_reach() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    let street = root.create("/streets", json!({"name": "s"})).await;
    let mut ids = Vec::new();
    for (name, zone) in [("a", "Asia/Shanghai"), ("b", "Europe/Berlin")] {
        let draft =
            json!({"street_id": street, "name": name, "area_code": "0592", "time_zone": zone});
        ids.push(u32::try_from(root.create("/communities", draft).await).expect("small"));
    }
    for (name, reach, zone) in [
        ("everywhere", Reach::Everything, "Asia/Shanghai"),
        ("there", Reach::Community(CommunityId(ids[1])), "Europe/Berlin"),
    ] {
        let person = api.person(name, Role::Operator, reach).await;
        let known = person.get("/session").await.expect(200).json();
        assert_eq!(known["time_zone"], zone, "{name}");
    }
}

/// The session of somebody else.
async fn with_other(api: &Api) -> u64 {
    let person = api.person("other", Role::Operator, Reach::Everything).await;
    person.get("/session").await.expect(200).json()["session"]["id"].as_u64().expect("an id")
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let expires = (api.clock.now() + SignedDuration::from_secs(60)).to_string();
    let draft = json!({"name": "pbx", "scope": "trigger", "expires_at": expires});
    let made = admin.post("/tokens", draft.clone()).await.expect(201).json();
    let secret = made["secret"].as_str().expect("a secret");
    assert!(secret.starts_with("lf_"), "{secret}");
    api.admin(secret).get("/streets").await.expect(403);
    assert_eq!(admin.post("/tokens", draft).await.expect(422).pointers(), ["/name"]);
    for (name, scope) in [("account:1", "admin"), ("", "admin"), ("x", "root")] {
        admin.post("/tokens", json!({"name": name, "scope": scope})).await.expect(422);
    }
    let listed = admin.get("/tokens").await.expect(200);
    assert!(!listed.text.contains(&secret[3..]));
    let listed = listed.json();
    let token = &listed["items"][1];
    assert_eq!((&token["name"], &token["scope"]), (&json!("pbx"), &json!("trigger")));
    let path = format!("/tokens/{}", token["id"]);
    admin.call(Method::DELETE, &path).send().await.expect(204);
    admin.call(Method::DELETE, &path).send().await.expect(204);
    admin.call(Method::DELETE, "/tokens/99").send().await.expect(404);
    api.admin(secret).get("/streets").await.expect(401);
}
