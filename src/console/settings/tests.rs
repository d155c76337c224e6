use crate::fake::Fake;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};

fn known(role: &str, account: Value) -> Fake {
    let fake = Fake::new(role);
    let mut whole = json!({"name": "wang", "display_name": "王敏", "role": role,
        "reach": {"kind": "everything"}});
    for (name, value) in account.as_object().unwrap() {
        whole[name] = value.clone();
    }
    fake.answers("GET /session", 200, json!({"account": whole, "time_zone": "Asia/Shanghai"}));
    let session = |id: u32, client: &str| {
        json!({"id": id, "created_at": "2026-11-22T01:00:00Z", "seen_at": "2026-11-22T03:00:00Z",
            "expires_at": "2026-12-22T01:00:00Z", "client": client})
    };
    let sessions =
        json!({"items": [session(1, "Old telephone"), session(2, "Firefox")], "current": 2});
    fake.answers("GET /sessions", 200, sessions);
    fake
}

#[tokio::test]
async fn everybody_has_settings_and_admins_the_way_to_more() {
    for (role, more) in [
        (
            "admin",
            vec!["/accounts\"", "/accounts/tokens\"", "/settings/webhooks\"", "/health-page\""],
        ),
        ("operator", vec!["/health-page\""]),
        ("auditor", vec![]),
        ("responder", vec![]),
    ] {
        let fake = known(role, json!({}));
        let page = fake.get("/settings").await;
        page.shows(&["name=\"look\" value=\"large\"", "href=\"/password\"", "Old telephone"]);
        for link in ["/accounts\"", "/accounts/tokens\"", "/settings/webhooks\"", "/health-page\""]
        {
            let is_there = page.html.contains(&format!("href=\"{link}"));
            assert_eq!(is_there, more.contains(&link), "{role} {link}");
        }
        fake.get_chinese("/settings").await.shows(&["大字", "夜间", "在哪里登录了"]);
    }
    let near = known("admin", json!({"reach": {"kind": "grid", "id": 4}})).get("/settings").await;
    near.shows(&["href=\"/accounts\""]);
    for link in ["/accounts/tokens", "/settings/webhooks"] {
        assert!(!near.html.contains(link), "{link} reaches everything");
    }
}

#[tokio::test]
async fn the_others_are_signed_out() {
    let fake = known("operator", json!({}));
    let page = fake.get("/settings").await;
    page.shows(&["this one", "name=\"session\" value=\"1\"", "22 Nov 2026, 11:00"]);
    assert!(!page.html.contains("name=\"session\" value=\"2\""));
    fake.answers("DELETE /sessions/1", 204, json!(null));
    fake.answers("DELETE /sessions", 204, json!(null));
    for (fields, path) in [
        (vec![("session", "1")], "/sessions/1"),
        (vec![], "/sessions"),
        (vec![("session", "7")], "/sessions/7"),
    ] {
        fake.asked();
        let done = fake.post("/settings/sessions", &fields).await;
        assert_eq!(done.location(), "/settings?did=done#sessions");
        assert_eq!(fake.asked(), [(Method::DELETE, path.to_owned(), Value::Null)]);
    }
}

#[tokio::test]
async fn the_language_is_that_of_the_account_and_of_the_browser() {
    let fake = known("operator", json!({"language": "zh-CN"}));
    // The browser asks for English, the account reads Chinese; what is chosen counts before both.
    fake.get("/settings").await.shows(&["<html lang=\"zh-CN\"", "大字"]);
    let page = fake.get("/settings?lang=en").await;
    page.shows(&["<html lang=\"en\"", "Large type"]);
    let cookie = page.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-lang=en; HttpOnly; SameSite=Lax; Secure; Path=/"),
        "{cookie}"
    );
    assert!(!fake.get("/settings").await.headers.contains_key(header::SET_COOKIE));
    fake.answers("PUT /session/language", 204, json!(null));
    let done = fake.post("/settings/language", &[("lang", "en")]).await;
    assert_eq!(done.location(), "/settings?did=saved");
    assert!(done.headers[header::SET_COOKIE].to_str().unwrap().starts_with("__Host-lang=en;"));
    assert!(fake.asked().contains(&(
        Method::PUT,
        "/session/language".to_owned(),
        json!({"language": "en"})
    )));
    known("operator", json!({"language": "nan"})).get("/settings").await.shows(&["大字"]);
}

#[tokio::test]
async fn a_second_factor_is_taken_away_by_who_knows_the_password() {
    let with_factor = json!({"has_second_factor": true, "recovery_codes": 9});
    let fake = known("operator", with_factor.clone());
    fake.get("/settings")
        .await
        .shows(&["Recovery codes left: 9", "action=\"/settings/second-factor\""]);
    let wrong = json!({"type": "t", "title": "t", "status": 422,
        "errors": [{"pointer": "/password", "detail": "Not the password."}]});
    fake.answers("DELETE /session/totp", 422, wrong);
    let page = fake.post("/settings/second-factor", &[("password", "no")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["Not the password.", "id=\"password-error\""]);
    assert!(!page.html.contains("value=\"no\""), "a password is never written back");
    fake.answers("DELETE /session/totp", 204, json!(null));
    let done = fake.post("/settings/second-factor", &[("password", "yes")]).await;
    assert_eq!(done.location(), "/settings?did=removed");
    let admin = known("admin", with_factor).get("/settings").await;
    assert!(!admin.html.contains("/settings/second-factor"), "admins need one");
}

#[tokio::test]
async fn night_day_and_large_type_are_kept_by_the_browser() {
    let fake = known("operator", json!({}));
    for (look, cookie) in [
        (vec![("look", "night"), ("look", "large")], "__Host-look=night%20large;"),
        (vec![("look", "day")], "__Host-look=day;"),
        (vec![("look", "")], "__Host-look=;"),
        (vec![("look", "pink")], "__Host-look=;"),
    ] {
        let fields: Vec<_> = look.into_iter().chain([("back", "/settings")]).collect();
        let done = fake.post("/look", &fields).await;
        assert_eq!(done.location(), "/settings");
        let kept = done.headers[header::SET_COOKIE].to_str().unwrap();
        assert!(kept.starts_with(cookie), "{kept}");
    }
}
