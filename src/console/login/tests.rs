use crate::fake::Fake;
use axum::http::{Method, StatusCode, header};
use serde_json::json;

fn problem(kind: &str, status: u16, detail: &str) -> serde_json::Value {
    json!({"type": format!("urn:lianfang:problem:{kind}"), "title": kind, "status": status, "detail": detail})
}

#[tokio::test]
async fn who_is_not_signed_in_is_asked_to_and_comes_back() {
    let fake = Fake::nobody();
    fake.answers("GET /session", 401, problem("unauthorized", 401, ""));
    let page = fake.get("/?x=1").await;
    assert_eq!(page.location(), "/login?next=%2F%3Fx%3D1");
    let page = fake.get(page.location()).await;
    page.shows(&["name=\"next\" value=\"/?x=1\"", "Sign in"]);
    fake.answers("POST /session", 200, json!({"secret": "lfs_1"}));
    let page =
        fake.post("/login", &[("name", "wang"), ("password", "pass"), ("next", "/?x=1")]).await;
    assert_eq!(page.location(), "/?x=1");
    let cookie = page.headers[header::SET_COOKIE].to_str().unwrap();
    assert_eq!(cookie, "__Host-lianfang=lfs_1; HttpOnly; SameSite=Lax; Secure; Path=/");
    assert_eq!(fake.get("/login?next=/drills").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_is_sent_to_another_site() {
    let fake = Fake::nobody();
    fake.answers("POST /session", 200, json!({"secret": "lfs_1"}));
    for next in ["https://b.example/", "//b.example/", "/\\b.example", "x"] {
        let page = fake.post("/login", &[("name", "a"), ("password", "b"), ("next", next)]).await;
        assert_eq!(page.location(), "/", "{next}");
    }
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_a_refusal_said() {
    let fake = Fake::nobody();
    fake.answers("POST /session", 401, problem("code-needed", 401, ""));
    let page = fake.post("/login", &[("name", "wang"), ("password", "pass")]).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    page.shows(&["name=\"code\"", "value=\"wang\"", "six digits"]);
    assert!(!page.html.contains("value=\"pass\""), "a password is never written back");
    fake.answers("POST /session", 429, problem("too-many-attempts", 429, "Try again in 30 s."));
    let page = fake.post("/login", &[("name", "wang"), ("password", "x")]).await;
    page.shows(&["Try again in 30 s."]);
    fake.answers("POST /session", 200, json!({"secret": "lfs_2"}));
    let with_code = [("name", "wang"), ("password", "pass"), ("code", "123456")];
    assert_eq!(fake.post("/login", &with_code).await.location(), "/");
}

#[tokio::test]
async fn a_password_is_changed_and_a_refusal_stands_beside_it() {
    let fake = Fake::new("operator");
    let fields =
        |again| [("old", "three quiet herons"), ("new", "seven loud magpies"), ("again", again)];
    let page = fake.post("/password", &fields("seven loud magpie")).await;
    page.shows(&["id=\"again-error\""]);
    assert_eq!(fake.asked(), [], "nothing is sent that is not sure");
    let weak = json!({"type": "urn:lianfang:problem:invalid", "title": "Invalid", "status": 422,
        "errors": [{"pointer": "/new", "detail": "is too common"}]});
    fake.answers("PUT /session/password", 422, weak);
    fake.post("/password", &fields("seven loud magpies"))
        .await
        .shows(&["id=\"new-error\">is too common"]);
    fake.asked();
    fake.answers("PUT /session/password", 200, json!({}));
    assert!(fake.post("/password", &fields("seven loud magpies")).await.status.is_redirection());
    let (method, path, sent) = fake.asked().remove(0);
    assert_eq!((method, &*path), (Method::PUT, "/session/password"));
    assert_eq!(sent, json!({"old": "three quiet herons", "new": "seven loud magpies"}));
}

#[tokio::test]
async fn a_form_that_is_not_ours_changes_nothing() {
    let fake = Fake::new("admin");
    let page = fake.post_raw("/logout", "csrf=guessed").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let page = fake.post("/logout", &[]).await;
    assert_eq!(page.location(), "/login");
}

#[tokio::test]
async fn the_first_account_needs_the_first_token() {
    let fake = Fake::nobody();
    let fields = [
        ("token", "lf_x"),
        ("name", "wang"),
        ("password", "long enough 1"),
        ("again", "long enough 1"),
    ];
    fake.answers("POST /accounts", 401, problem("unauthorized", 401, ""));
    fake.post("/setup", &fields).await.shows(&["This token is not right", "value=\"wang\""]);
    fake.answers("POST /accounts", 201, json!({"id": 1}));
    assert_eq!(fake.post("/setup", &fields).await.location(), "/login");
    let (method, path, body) = fake.asked().pop().unwrap();
    assert_eq!(
        (method, path.as_str(), &body["role"]),
        (Method::POST, "/accounts", &json!("admin"))
    );
}

#[tokio::test]
async fn who_must_change_the_password_does_nothing_before() {
    let fake = Fake::new("operator");
    let account = json!({"name": "wang", "role": "operator", "must_change": true});
    fake.answers("GET /session", 200, json!({"account": account}));
    assert_eq!(fake.get("/").await.location(), "/password");
    fake.get_chinese("/password").await.shows(&["更改密码", "lang=\"zh-CN\""]);
}

#[tokio::test]
async fn where_nothing_is_people_get_a_page_and_programs_a_problem() {
    let fake = Fake::nobody();
    let page = fake.get("/nowhere").await;
    assert_eq!(
        (page.status, page.headers[header::CONTENT_TYPE].to_str().unwrap()),
        (StatusCode::NOT_FOUND, "text/html; charset=utf-8")
    );
    page.shows(&["There is no such page"]);
}

#[tokio::test]
async fn a_session_that_is_over_keeps_nobody_from_signing_in() {
    let fake = Fake::nobody();
    fake.answers("GET /session", 401, problem("no-token", 401, ""));
    fake.answers("POST /session", 200, json!({"secret": "lfs_2"}));
    let brought = format!("name=\"csrf\" value=\"{}\"", crate::visit::csrf_of("s"));
    for path in ["/login", "/setup"] {
        let page = fake.get(path).await;
        let form = page.html.split("<main").nth(1).unwrap();
        assert!(form.contains(&brought), "the cookie is still there: {form}");
    }
    assert_eq!(fake.post("/login", &[("name", "a"), ("password", "b")]).await.location(), "/");
    let foreign = fake.post_raw("/login", "name=a&password=b").await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn where_others_may_read_along_no_password_is_asked_for() {
    let fake = Fake::in_the_open();
    for path in ["/", "/login", "/setup", "/password"] {
        let page = fake.get(path).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
        page.shows(&["HTTPS is needed", "[http.tls]", "http.trusted_proxies", "http.insecure"]);
        assert!(!page.html.contains("type=\"password\""), "{path}");
    }
    fake.get_chinese("/login").await.shows(&["需要 HTTPS", "[http.tls]"]);
    for path in ["/login", "/setup", "/password"] {
        let page = fake.post(path, &[("name", "a"), ("password", "b")]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(fake.asked().is_empty(), "nothing is even tried");
}

#[tokio::test]
async fn browsers_are_told_what_each_field_is_for() {
    let fake = Fake::nobody();
    let login = fake.get("/login").await;
    login.shows(&["autocomplete=\"username\"", "autocomplete=\"current-password\""]);
    fake.get("/setup").await.shows(&["autocomplete=\"new-password\""]);
    fake.answers("POST /session", 401, problem("code-needed", 401, ""));
    let asked = fake.post("/login", &[("name", "a"), ("password", "b")]).await;
    asked.shows(&["autocomplete=\"one-time-code\""]);
}

#[tokio::test]
async fn signing_out_leaves_nothing_with_the_browser() {
    let fake = Fake::new("operator");
    let page = fake.post("/logout", &[]).await;
    assert_eq!(page.headers["clear-site-data"], r#""cache", "storage""#);
    let cookie = page.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-lianfang=;") && cookie.contains("Max-Age=0"), "{cookie}");
}

#[tokio::test]
async fn every_cookie_is_for_this_host_alone() {
    let fake = Fake::nobody();
    let page = fake.post("/look", &[("look", "night"), ("lang", "en"), ("back", "/login")]).await;
    let set: Vec<_> = page.headers.get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(set.len(), 2);
    for cookie in set {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        for attribute in ["; HttpOnly", "; SameSite=Lax", "; Secure", "; Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
}

#[tokio::test]
async fn a_form_that_came_too_late_leads_back_to_its_page_and_is_said_to_be_lost() {
    let fake = Fake::nobody();
    fake.answers("GET /session", 401, problem("unauthorized", 401, ""));
    let own = "https://lianfang.example/directory/households/5/edit?x=1";
    for (from, next) in [
        (own, "%2Fdirectory%2Fhouseholds%2F5%2Fedit%3Fx%3D1"),
        ("https://b.example/directory", "%2F"),
        ("https://lianfang.example//b.example/", "%2F"),
        ("nonsense", "%2F"),
        ("", "%2F"),
    ] {
        let page = fake.post_from("/directory/households/5/remove", from).await;
        assert_eq!(page.location(), format!("/login?next={next}&unsaved=1"), "{from}");
    }
    let page = fake.post_from("/directory/households/5/remove", own).await;
    let login = page.location().to_owned();
    let page = fake.get(&login).await;
    page.shows(&["was not saved", "name=\"next\" value=\"/directory/households/5/edit?x=1\""]);
    fake.get_chinese(&login).await.shows(&["没有保存"]);
    fake.answers("POST /session", 401, problem("wrong-credentials", 401, "Wrong."));
    let page = fake.post("/login", &[("name", "a"), ("password", "b"), ("unsaved", "1")]).await;
    page.shows(&["Wrong.", "was not saved"]);
    assert!(!fake.get("/login?next=%2F").await.html.contains("was not saved"));
    assert!(
        fake.asked()
            .iter()
            .all(|(method, path, _)| *method != Method::DELETE && path != "/households/5")
    );
}

#[tokio::test]
async fn a_form_of_an_earlier_session_says_so() {
    let fake = Fake::new("operator");
    let page = fake.post_raw("/alarms/a1/notes", "csrf=old&text=x").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    page.shows(&["was not saved", "id=\"state\"", "data-go=\"g\""]);
    assert!(fake.asked().is_empty());
}
