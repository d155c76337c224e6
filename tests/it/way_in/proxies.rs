//! Behind a proxy that is trusted, beside one that is not, and in the open.

use super::{Ask, PASSWORD, Program, Reply, credentials, sign_in_as};

/// The address of this machine where the trusted proxy is.
const PROXY: &str = "127.0.0.9";

/// A request from this machine for this machine.
fn at(program: &Program, method: &str, path: &str) -> Ask {
    program.ask(method, path).naming("localhost")
}

/// A program whose first account is there.
async fn with_account(http: &str) -> Program {
    let program = Program::start(tempfile::tempdir().expect("a folder"), http).await;
    program.set_up(|ask| ask.naming("localhost")).await;
    program
}

fn is_refused(answer: &Reply) {
    assert_eq!(answer.status, 403, "{}", answer.text);
    for hint in ["[http.tls]", "http.trusted_proxies", "http.insecure"] {
        assert!(answer.text.contains(hint), "{hint}: {}", answer.text);
    }
    assert_eq!(answer.header("set-cookie"), "");
    assert_eq!(answer.header("strict-transport-security"), "");
}

const SECURE: &str = "; HttpOnly; SameSite=Lax; Secure; Path=/";

#[tokio::test]
async fn only_a_trusted_proxy_is_believed_about_https_and_who_asks() {
    let program = with_account(&format!("trusted_proxies = [\"{PROXY}\"]\n")).await;
    let proxied = |method: &str, path: &str, client: &str, proto: &str| {
        let ask = at(&program, method, path).from(PROXY).naming(super::HOST);
        ask.header("X-Forwarded-For", client).header("X-Forwarded-Proto", proto)
    };
    // HTTPS up to the proxy.
    let signed = proxied("POST", "/login", "203.0.113.7", "https").form(&sign_in_as(PASSWORD));
    let signed = signed.send().await;
    assert_eq!(signed.status, 303, "{}", signed.text);
    let cookie = signed.header("set-cookie");
    assert!(cookie.starts_with("__Host-lianfang=lfs_") && cookie.ends_with(SECURE), "{cookie}");
    assert_eq!(signed.header("strict-transport-security"), "max-age=31536000; includeSubDomains");
    // The client, not the proxy.
    program.log_with("source=\"203.0.113.7\"").await;

    // Plain HTTP up to the proxy: no password is asked for, and none taken.
    is_refused(
        &proxied("GET", "/login", "203.0.113.7", "http")
            .header("Accept-Language", "en")
            .send()
            .await,
    );
    is_refused(
        &proxied("POST", "/login", "203.0.113.7", "http").form(&sign_in_as(PASSWORD)).send().await,
    );
    let by_api = proxied("POST", "/api/v1/session", "203.0.113.7", "http");
    let by_api = by_api.json(&credentials(PASSWORD)).send().await;
    assert_eq!(by_api.problem(), "https-needed");
    is_refused(&by_api);

    // Who is not the proxy says what it likes: on this machine it is this machine, under another name somebody's proxy.
    let claim = |ask: Ask| {
        let ask = ask.header("X-Forwarded-For", "203.0.113.7").header("X-Forwarded-Proto", "https");
        ask.header("Forwarded", "for=203.0.113.7;proto=https")
    };
    let local = claim(at(&program, "POST", "/login")).form(&sign_in_as(PASSWORD)).send().await;
    assert_eq!(local.status, 303, "{}", local.text);
    let cookie = local.header("set-cookie");
    assert!(cookie.starts_with("lianfang=lfs_") && !cookie.contains("Secure"), "{cookie}");
    assert_eq!(local.header("strict-transport-security"), "");
    let unnamed = claim(at(&program, "POST", "/login").naming(super::HOST));
    is_refused(&unnamed.form(&sign_in_as(PASSWORD)).send().await);
}

#[tokio::test]
async fn guesses_are_counted_for_the_client_behind_the_proxy() {
    let program = with_account(&format!("trusted_proxies = [\"{PROXY}\"]\n")).await;
    let guess = async |from: &str, client: &str, name: &str| {
        let ask = at(&program, "POST", "/api/v1/session").from(from);
        let ask = ask.header("X-Forwarded-For", client).header("X-Forwarded-Proto", "https");
        let body = serde_json::json!({"name": name, "password": "a wrong guess 1"});
        ask.json(&body).send().await.status
    };
    let mut told = Vec::new();
    for _ in 0..8 {
        told.push(guess(PROXY, "203.0.113.7", "root").await);
    }
    assert!(told.starts_with(&[401; 5]) && told.contains(&429), "{told:?}");
    assert_eq!(guess(PROXY, "203.0.113.8", "root").await, 401, "another client of the proxy");
    // A stranger who claims another address each time stays who it is.
    let mut told = Vec::new();
    for number in 0..8 {
        told.push(guess("127.0.0.1", &format!("198.51.100.{number}"), "wang").await);
    }
    assert!(told.starts_with(&[401; 5]) && told.contains(&429), "{told:?}");
    // The same of links that are wrong.
    let open = async |client: &str| {
        let ask = at(&program, "GET", "/r/0123456789abcde").from(PROXY);
        ask.header("X-Forwarded-For", client).send().await.status
    };
    for _ in 0..30 {
        assert_eq!(open("203.0.113.9").await, 404);
    }
    assert_eq!(open("203.0.113.9").await, 429);
    assert_eq!(open("203.0.113.10").await, 404, "nobody else waits for it");
}

#[tokio::test]
async fn the_standard_field_is_believed_where_it_is_configured_and_the_other_is_not() {
    let http = format!("trusted_proxies = [\"{PROXY}\"]\nforwarded = \"forwarded\"\n");
    let program = with_account(&http).await;
    let ask = || at(&program, "POST", "/login").from(PROXY).naming("inside:8080");
    let standard =
        ask().header("Forwarded", "for=\"203.0.113.7:4711\";proto=https;host=alarm.example");
    let signed = standard.form(&sign_in_as(PASSWORD)).send().await;
    assert!(signed.header("set-cookie").ends_with(SECURE), "{}", signed.head);
    let other = ask().header("X-Forwarded-For", "203.0.113.7").header("X-Forwarded-Proto", "https");
    is_refused(&other.form(&sign_in_as(PASSWORD)).send().await);
    // Old browsers say where a form comes from by `Origin` alone; the proxy says which host they asked for.
    let old = |origin: &str| {
        let ask = ask().header("Forwarded", "for=203.0.113.7;proto=https;host=alarm.example");
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(sign_in_as(PASSWORD))
            .finish();
        ask.header("Origin", origin).body("application/x-www-form-urlencoded", body)
    };
    assert_eq!(old("https://alarm.example").send().await.status, 303);
    assert_eq!(old("https://evil.example").send().await.status, 403);
}

#[tokio::test]
async fn plain_http_for_others_has_to_be_allowed() {
    let program = with_account("").await;
    let open = at(&program, "GET", "/login").naming(super::HOST).header("Accept-Language", "en");
    is_refused(&open.send().await);
    let chinese = at(&program, "GET", "/setup").naming(super::HOST).send().await;
    assert!(chinese.status == 403 && chinese.text.contains("需要 HTTPS"), "{}", chinese.text);
    assert_eq!(at(&program, "GET", "/healthz").naming(super::HOST).send().await.status, 200);

    let program = with_account("insecure = true\n").await;
    let signed = at(&program, "POST", "/login").naming(super::HOST).form(&sign_in_as(PASSWORD));
    let signed = signed.send().await;
    assert_eq!(signed.status, 303, "{}", signed.text);
    let cookie = signed.header("set-cookie");
    assert!(cookie.starts_with("lianfang=lfs_") && !cookie.contains("Secure"), "{cookie}");
}
