//! HTTPS by the service itself, from the first set-up to a certificate that is renewed.

use super::{PATIENCE, Program, certify, credentials, sign_in_as, tls_section};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use std::time::Duration;

/// Asks until it is as it should be.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        while !is_so().await {
            tick.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("never: {what}"));
}

async fn is_served(program: &Program, trusted: &CertificateDer<'static>) -> bool {
    let asked = program.ask("GET", "/healthz").trusting(trusted).try_send().await;
    asked.is_ok_and(|answer| answer.status == 200)
}

async fn tls_reasons(program: &Program, trusted: &CertificateDer<'static>) -> String {
    let ready = program.ask("GET", "/readyz").trusting(trusted).send().await;
    let ready: Value = serde_json::from_str(&ready.text).expect("JSON");
    let reasons = ready["reasons"].as_array().cloned().unwrap_or_default();
    let of_tls = reasons.iter().filter(|reason| reason["part"] == json!("tls"));
    of_tls.map(|reason| reason["reason"].to_string()).collect()
}

#[tokio::test]
async fn a_certificate_is_renewed_without_a_restart_and_a_bad_one_never_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let (section, old) = tls_section(folder.path());
    let program = Program::start(folder, &section).await;
    assert!(is_served(&program, &old).await);
    let plain = program.ask("GET", "/healthz").send().await;
    assert_eq!(plain.status, 400);
    assert!(plain.text.contains("HTTPS"), "{}", plain.text);
    assert_eq!(tls_reasons(&program, &old).await, "");

    let key = program.folder.path().join("tls.key");
    let good = std::fs::read(&key).expect("readable");
    std::fs::write(&key, "half of a renewal").expect("written");
    until("the trouble is told", async || !tls_reasons(&program, &old).await.is_empty()).await;
    assert!(tls_reasons(&program, &old).await.contains("has no private key"), "in words");
    assert!(is_served(&program, &old).await, "the old one stays");
    std::fs::write(&key, good).expect("written");
    until("it is well again", async || tls_reasons(&program, &old).await.is_empty()).await;

    let (_, _, new) = certify(program.folder.path());
    until("the new one is used", async || is_served(&program, &new).await).await;
    assert!(!is_served(&program, &old).await, "and the old one is gone");
    program.log_with("The certificate was renewed").await;
}

/// What a form of the page has to bring along.
fn csrf_of(page: &super::Reply) -> String {
    let last = page.text.rsplit("name=\"csrf\" value=\"").next();
    last.and_then(|rest| rest.split('"').next()).expect("a form").to_owned()
}

#[tokio::test]
async fn who_signs_in_over_https_gets_a_cookie_for_this_host_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (section, trusted) = tls_section(folder.path());
    let program = Program::start(folder, &section).await;
    let ask = |method: &str, path: &str| program.ask(method, path).trusting(&trusted);
    assert_eq!(ask("GET", "/setup").send().await.status, 200);
    program.set_up(|ask| ask.trusting(&trusted)).await;

    let wrong = ask("POST", "/login").form(&sign_in_as("not this one 1")).send().await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, ""));
    let signed = ask("POST", "/login").form(&sign_in_as(super::PASSWORD)).send().await;
    assert_eq!((signed.status, signed.header("location")), (303, "/audit"), "{}", signed.text);
    let (cookie, attributes) = signed.header("set-cookie").split_once("; ").expect("attributes");
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/");
    let secret = cookie.strip_prefix("__Host-lianfang=").expect("the name");

    let page = ask("GET", "/audit").header("Cookie", cookie).send().await;
    assert_eq!(page.header("location"), "/second-factor", "an admin sets one up first");
    // Whoever holds the network could have put this one there over plain HTTP.
    let planted = ask("GET", "/audit").header("Cookie", &format!("lianfang={secret}"));
    assert_eq!(planted.send().await.header("location"), "/login?next=%2Faudit");

    // Who signs in again gets another session, and the one before ends.
    let with_csrf = |csrf: &str| {
        let mut fields: Vec<(&str, String)> =
            sign_in_as(super::PASSWORD).map(|(name, value)| (name, value.to_owned())).to_vec();
        fields.push(("csrf", csrf.to_owned()));
        fields
    };
    let bearer = async |secret: &str| {
        let ask = ask("GET", "/api/v1/session");
        ask.header("Authorization", &format!("Bearer {secret}")).send().await.status
    };
    let csrf = csrf_of(&ask("GET", "/login").header("Cookie", cookie).send().await);
    let again = ask("POST", "/login").header("Cookie", cookie);
    let again = again.form(&with_csrf(&csrf)).send().await;
    assert_eq!(again.status, 303, "{}", again.text);
    let fresh = again.cookie().strip_prefix("__Host-lianfang=").expect("a cookie").to_owned();
    assert_ne!(fresh, secret);
    assert_eq!((bearer(secret).await, bearer(&fresh).await), (401, 200));

    // Signing out ends a session, here and for the API; its cookie keeps nobody out.
    let forged = ask("POST", "/logout").header("Cookie", again.cookie()).form(&[("csrf", "x")]);
    assert_eq!(forged.send().await.status, 403);
    let csrf = csrf_of(&ask("GET", "/second-factor").header("Cookie", again.cookie()).send().await);
    let out = ask("POST", "/logout").header("Cookie", again.cookie());
    let out = out.form(&[("csrf", &csrf)]).send().await;
    assert_eq!(out.status, 303, "{}", out.text);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{}", out.head);
    assert_eq!(bearer(&fresh).await, 401);
    let csrf = csrf_of(&ask("GET", "/login").header("Cookie", again.cookie()).send().await);
    let back = ask("POST", "/login").header("Cookie", again.cookie());
    let back = back.form(&with_csrf(&csrf)).send().await;
    assert_eq!(back.status, 303, "{}", back.text);

    let answer = ask("POST", "/api/v1/session").json(&credentials("not this one 2")).send().await;
    assert_eq!((answer.status, answer.problem()), (401, "wrong-credentials".to_owned()));
    let log = program.log_with("A sign-in was refused").await;
    for said in ["Signed in", "A sign-in was refused", "source=\"127.0.0.1\""] {
        assert!(log.contains(said), "{said}: {log}");
    }
    for secret in [super::PASSWORD, secret, &fresh, &program.token] {
        assert!(!log.contains(secret), "no secret is logged: {log}");
    }
}

#[tokio::test]
async fn who_asks_for_more_than_they_may_is_logged() {
    let folder = tempfile::tempdir().expect("a folder");
    let (section, trusted) = tls_section(folder.path());
    let program = Program::start(folder, &section).await;
    let ask = |method: &str, path: &str, secret: &str| {
        let ask = program.ask(method, path).trusting(&trusted);
        ask.header("Authorization", &format!("Bearer {secret}"))
    };
    let made = ask("POST", "/api/v1/tokens", &program.token);
    let made = made.json(&json!({"name": "pbx", "scope": "trigger"})).send().await;
    let made: Value = serde_json::from_str(&made.text).expect("JSON");
    let secret = made["secret"].as_str().expect("a secret");
    assert_eq!(ask("GET", "/api/v1/households?page=1", secret).send().await.status, 403);
    let log = program.log_with("have no right to").await;
    let line = log.lines().find(|line| line.contains("have no right to")).expect("a line");
    for part in ["who=\"token:pbx\"", "path=\"/api/v1/households\"", "needed="] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!log.contains(secret), "{log}");
}
