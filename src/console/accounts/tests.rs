use crate::fake::Fake;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

fn account(role: &str) -> Value {
    json!({"id": 5, "name": "chen", "display_name": "陈静", "role": role, "reach": {"kind": "community", "id": 7},
        "worker_id": 3, "responder_id": null, "language": "en", "must_change": false, "has_second_factor": false,
        "recovery_codes": 0, "is_disabled": false, "created_at": "2026-11-01T00:00:00Z", "version": 1})
}

/// An admin, one account and one place of each kind.
fn known() -> Fake {
    let fake = Fake::new("admin");
    fake.answers("GET /accounts/5", 200, account("admin"));
    let session = json!({"id": 9, "created_at": "2026-11-22T01:00:00Z", "seen_at": "2026-11-22T03:00:00Z",
        "expires_at": "2026-12-22T01:00:00Z", "client": "Firefox on Windows"});
    fake.answers("GET /accounts/5/sessions", 200, json!({"items": [session]}));
    for (plural, id, name) in
        [("streets", 1, "湖里街道"), ("communities", 7, "康乐"), ("grids", 4, "一网格")]
    {
        let list = json!({"items": [{"id": id, "name": name}], "next": null});
        fake.answers(&format!("GET /{plural}?after=0&limit=200"), 200, list);
        fake.answers(&format!("GET /{plural}/{id}"), 200, json!({"id": id, "name": name}));
    }
    fake.answers("GET /workers/3", 200, json!({"id": 3, "name": "王敏"}));
    let grids = json!({"items": [{"id": 4, "name": "一网格"}], "next": null});
    fake.answers("GET /grids?limit=200&community_id=7", 200, grids);
    fake.answers("GET /grids/4", 200, json!({"id": 4, "community_id": 7, "name": "一网格"}));
    fake
}

fn problem(kind: &str, status: u16, detail: &str) -> Value {
    json!({"type": format!("urn:lianfang:problem:{kind}"), "title": kind, "status": status, "detail": detail})
}

fn mistake(pointer: &str) -> Value {
    json!({"type": "t", "title": "t", "status": 422, "errors": [{"pointer": pointer, "detail": "This is wrong."}]})
}

const FORM: [(&str, &str); 8] = [
    ("name", "chen2"),
    ("display_name", "陈静"),
    ("role", "operator"),
    ("reach", "community:7"),
    ("person", "worker:3"),
    ("person_q", ""),
    ("language", ""),
    ("etag", "\"1\""),
];

#[tokio::test]
async fn accounts_are_listed_with_where_they_reach() {
    let fake = known();
    let page = json!({"items": [account("admin")], "next": 5});
    fake.answers("GET /accounts?limit=50", 200, page);
    let page = fake.get("/accounts").await;
    page.shows(&["href=\"/accounts/5\"", "陈静", "康乐", "not yet", "/accounts?after=5", "Admin"]);
    fake.get_chinese("/accounts").await.shows(&["账号", "管理员", "还没有"]);
    // What is chosen stays on the next page; what is no choice is none.
    let chosen = "role=auditor&disabled=true";
    fake.answers(&format!("GET /accounts?limit=50&{chosen}"), 200, json!({"items": [], "next": 9}));
    let page = fake.get(&format!("/accounts?{chosen}")).await;
    page.shows(&["value=\"auditor\" selected>Auditor", "value=\"true\" selected>disabled"]);
    page.shows(&["No account is so.", "/accounts?role=auditor&#38;disabled=true&#38;after=9"]);
    fake.answers("GET /accounts?limit=50&after=9", 200, json!({"items": [], "next": null}));
    let page = fake.get_chinese("/accounts?role=root&disabled=1&after=9").await;
    page.shows(&["没有账号。", ">可以登录<", ">审计员<"]);
    let refused = Fake::new("operator");
    refused.answers("GET /accounts?limit=50", 403, problem("forbidden", 403, ""));
    assert_eq!(refused.get("/accounts").await.status, StatusCode::FORBIDDEN);
}

/// Fifty accounts that reach fifty communities are not fifty questions.
#[tokio::test]
async fn names_of_many_places_are_asked_for_at_once() {
    let fake = known();
    let row = |id: u32| {
        let mut account = account("operator");
        (account["id"], account["reach"]["id"]) = (json!(id), json!(100 + id));
        account
    };
    let accounts = json!({"items": (1..=50).map(row).collect::<Vec<_>>(), "next": null});
    fake.answers("GET /accounts?limit=50", 200, accounts);
    let name = |id: u32| json!({"id": 100 + id, "name": format!("社区{id}")});
    let names = json!({"items": (1..50).map(name).collect::<Vec<_>>(), "next": null});
    fake.answers("GET /communities?limit=200", 200, names);
    fake.answers("GET /communities/150", 200, json!({"id": 150, "name": "后来的社区"}));
    let page = fake.get("/accounts").await;
    page.shows(&["社区1", "社区49", "后来的社区"]);
    assert_eq!(
        fake.asked().len(),
        3,
        "the accounts, the names, and the one that was not among them"
    );
}

#[tokio::test]
async fn a_new_account_gets_a_password_that_is_shown_once() {
    let fake = known();
    let page = fake.get("/accounts/new").await;
    page.shows(&["湖里街道", "value=\"community:7\"", "name=\"display_name\""]);
    assert!(!page.html.contains("grid:4"), "a community first, then its grids");
    fake.get_chinese("/accounts/new").await.shows(&["新账号", "值班员"]);
    fake.answers("POST /accounts", 422, mistake("/reach/id"));
    let page = fake.post("/accounts/new", &FORM).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&[
        "This is wrong.",
        "id=\"reach-error\"",
        "value=\"chen2\"",
        "\"community:7\" selected",
    ]);
    fake.asked();
    let made = json!({"id": 6, "display_name": "陈静", "one_time_password": "k7mq-x2dn"});
    fake.answers("POST /accounts", 201, made);
    fake.post("/accounts/new", &FORM).await.shows(&["k7mq-x2dn", "shown only now"]);
    let (.., body) = fake.asked().into_iter().find(|(method, ..)| *method == Method::POST).unwrap();
    let wanted = json!({"name": "chen2", "display_name": "陈静", "role": "operator",
        "reach": {"kind": "community", "id": 7}, "worker_id": 3, "responder_id": null, "language": null,
        "is_disabled": false});
    assert_eq!(body, wanted);
}

/// Nobody types an id, and nobody looks through the grids of a whole town.
#[tokio::test]
async fn places_and_people_are_chosen_and_not_typed() {
    let fake = known();
    let hit = |noun: &str, id: u32, name: &str| {
        json!({"noun": noun, "id": id, "name": name, "place": "", "numbers": [], "household_id": null,
            "community_id": 7, "community": "康乐"})
    };
    let hits =
        [hit("workers", 3, "王敏"), hit("households", 4, "王家"), hit("responders", 5, "王大力")];
    let path = "GET /search?q=%E7%8E%8B&after=0&limit=100";
    fake.answers(path, 200, json!({"items": hits, "next": null, "is_too_short": false}));
    let look =
        [("do", "look"), ("display_name", "王敏"), ("reach", "community:7"), ("person_q", "王")];
    let page = fake.post("/accounts/new", &look).await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows(&["康乐 · grids", "value=\"grid:4\"", "value=\"community:7\" selected"]);
    page.shows(&[
        "value=\"worker:3\">王敏 · 康乐",
        "value=\"responder:5\">王大力",
        "value=\"王敏\"",
    ]);
    assert!(!page.html.contains("王家"), "a household signs in nowhere");
    assert!(fake.asked().iter().all(|(method, ..)| *method == Method::GET), "nothing is made");
    let page = fake.post("/accounts/new", &[("do", "look"), ("reach", "grid:4")]).await;
    page.shows(&["value=\"grid:4\" selected"]);
    let page = fake.post("/accounts/new", &[("do", "look"), ("reach", "grid:99")]).await;
    page.shows(&["<option value=\"grid:99\" selected>grid 99</option>"]);
    let none = json!({"items": [], "next": null, "is_too_short": false});
    fake.answers("GET /search?q=x&after=0&limit=100", 200, none);
    fake.post("/accounts/new", &[("do", "look"), ("person_q", "x")])
        .await
        .shows(&["Nobody is called so."]);
    let page = fake
        .post("/accounts/5", &[("do", "look"), ("etag", "\"0\""), ("person", "worker:3")])
        .await;
    page.shows(&["value=\"worker:3\" selected>王敏", "name=\"etag\" value=\"&#34;0&#34;\""]);
    fake.answers("POST /accounts", 422, mistake("/worker_id"));
    fake.post("/accounts/new", &FORM).await.shows(&["id=\"person-error\">This is wrong."]);
}

#[tokio::test]
async fn two_admins_do_not_overwrite_each_other() {
    let fake = known();
    let page = fake.get("/accounts/5").await;
    page.shows(&[
        "value=\"chen\"",
        "Firefox on Windows",
        "22 Nov 2026, 11:00",
        "\"community:7\" selected",
        "/audit?chain=directory&amp;who=account%3A5",
    ]);
    fake.get_chinese("/accounts/5").await.shows(&["换成一次性密码", "下次登录时须设置"]);
    fake.answers("PUT /accounts/5", 412, problem("changed", 412, ""));
    let page = fake.post("/accounts/5", &FORM).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
    page.shows(&["Somebody else has just changed this", "value=\"chen2\""]);
    page.shows(&["Now: chen · 陈静 · Admin · 康乐</p>"]);
    // A place that is gone is told in words, too.
    let mut moved = account("admin");
    moved["reach"] = json!({"kind": "grid", "id": 99});
    fake.answers("GET /accounts/5", 200, moved);
    let page = fake.post("/accounts/5", &FORM).await;
    page.shows(&["Now: chen · 陈静 · Admin · grid 99</p>"]);
    fake.answers("GET /accounts/5", 200, account("admin"));
    fake.answers("PUT /accounts/5", 409, problem("last-admin", 409, "The last admin stays."));
    let page = fake.post("/accounts/5", &FORM).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["The last admin stays.", "value=\"chen2\""]);
    fake.answers("PUT /accounts/5", 200, account("operator"));
    assert_eq!(fake.post("/accounts/5", &FORM).await.location(), "/accounts/5?did=saved");
}

#[tokio::test]
async fn a_way_back_in_and_a_way_out() {
    let fake = known();
    let mut with_factor = account("admin");
    with_factor["has_second_factor"] = json!(true);
    fake.answers("GET /accounts/5", 200, with_factor);
    fake.get("/accounts/5")
        .await
        .shows(&["href=\"/accounts/5/second-factor\"", "href=\"/accounts/5/password\""]);
    for (path, english, chinese) in [
        ("/accounts/5/password", "Their password is void at once", "原来的密码立即作废"),
        ("/accounts/5/second-factor", "the password alone lets them in", "备用码都作废"),
    ] {
        let page = fake.get(path).await;
        page.shows(&[
            english,
            "陈静",
            &format!("method=\"post\" action=\"{path}\""),
            "href=\"/accounts/5\"",
        ]);
        fake.get_chinese(path).await.shows(&[chinese, "返回"]);
    }
    assert!(fake.asked().iter().all(|(method, ..)| *method == Method::GET), "questions do nothing");
    fake.answers("POST /accounts/5/password-reset", 200, json!({"one_time_password": "aaaa-bbbb"}));
    fake.post("/accounts/5/password", &[]).await.shows(&["aaaa-bbbb", "陈静"]);
    fake.answers("DELETE /accounts/5/totp", 204, json!(null));
    assert_eq!(
        fake.post("/accounts/5/second-factor", &[]).await.location(),
        "/accounts/5?did=removed"
    );
    fake.answers("DELETE /accounts/5/sessions", 204, json!(null));
    fake.answers("DELETE /accounts/5/sessions/9", 204, json!(null));
    for (fields, path) in [
        (vec![("session", "9")], "/accounts/5/sessions/9"),
        (vec![], "/accounts/5/sessions"),
        (vec![("session", "8")], "/accounts/5/sessions/8"),
    ] {
        fake.asked();
        assert_eq!(
            fake.post("/accounts/5/sessions", &fields).await.location(),
            "/accounts/5?did=done"
        );
        assert!(
            fake.asked()
                .iter()
                .any(|(method, asked, _)| *method == Method::DELETE && asked == path)
        );
    }
}

#[tokio::test]
async fn an_account_is_deleted_only_when_asked_twice_and_never_the_last() {
    let fake = known();
    fake.get("/accounts/5/remove")
        .await
        .shows(&["It cannot be taken back", "name=\"etag\" value=\"&#34;1&#34;\""]);
    fake.get_chinese("/accounts/5/remove").await.shows(&["删除后无法恢复"]);
    fake.answers("DELETE /accounts/5", 409, problem("last-admin", 409, "The last admin stays."));
    let page = fake.post("/accounts/5/remove", &[("etag", "\"1\"")]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.shows(&["The last admin stays."]);
    fake.answers("DELETE /accounts/5", 204, json!(null));
    let page = fake.post("/accounts/5/remove", &[("etag", "\"1\"")]).await;
    assert_eq!(page.location(), "/accounts?did=removed");
}

#[tokio::test]
async fn a_token_is_shown_once_and_revoked() {
    let fake = known();
    let token = |id: u32, expires: Value, revoked: Value| {
        json!({"id": id, "name": format!("pbx{id}"), "scope": "trigger", "created_at": "2026-11-01T00:00:00Z",
            "expires_at": expires, "revoked_at": revoked})
    };
    let tokens = json!({"items": [token(1, json!("2026-11-21T00:00:00Z"), json!(null)),
        token(2, json!(null), json!("2026-11-02T00:00:00Z")), token(3, json!(null), json!(null))]});
    fake.answers("GET /tokens?limit=50", 200, tokens);
    let page = fake.get("/accounts/tokens").await;
    page.shows(&["pbx1", ">Trigger<", "over", "revoked", "for ever", "/accounts/tokens/3/revoke"]);
    assert!(!page.html.contains("/accounts/tokens/1/revoke"), "it works no more");
    fake.get_chinese("/accounts/tokens").await.shows(&["令牌", "已过期", "已吊销"]);
    let form = [("name", "pbx"), ("scope", "trigger"), ("days", "90")];
    fake.answers("POST /tokens", 422, mistake("/name"));
    let page = fake.post("/accounts/tokens", &form).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["This is wrong.", "value=\"pbx\""]);
    fake.asked();
    fake.answers("POST /tokens", 201, json!({"name": "pbx", "secret": "lf_SECRET"}));
    fake.post("/accounts/tokens", &form).await.shows(&["lf_SECRET", "shown only now"]);
    let (.., body) = fake.asked().into_iter().find(|(method, ..)| *method == Method::POST).unwrap();
    let wanted = json!({"name": "pbx", "scope": "trigger", "expires_at": "2027-02-20T03:12:00Z"});
    assert_eq!(body, wanted);
    // What is no choice makes nothing, least of all a token that lasts for ever.
    for form in [
        [("name", "x"), ("scope", "trigger"), ("days", "9")],
        [("name", "x"), ("scope", "root"), ("days", "")],
    ] {
        assert_eq!(
            fake.post("/accounts/tokens", &form).await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
        assert!(fake.asked().iter().all(|(method, ..)| *method == Method::GET));
    }
    let third = json!({"items": [token(3, json!(null), json!(null))], "next": 3});
    fake.answers("GET /tokens?after=2&limit=1", 200, third.clone());
    fake.answers("GET /tokens?after=1&limit=1", 200, third);
    let question = fake.get("/accounts/tokens/3/revoke").await;
    question.shows(&[
        "Revoke the token · pbx3",
        "refused at once",
        "action=\"/accounts/tokens/3/revoke\"",
    ]);
    fake.get_chinese("/accounts/tokens/3/revoke").await.shows(&["吊销后无法恢复"]);
    assert_eq!(fake.get("/accounts/tokens/2/revoke").await.status, StatusCode::NOT_FOUND, "gone");
    assert!(fake.asked().iter().all(|(method, ..)| *method == Method::GET));
    fake.answers("DELETE /tokens/3", 204, json!(null));
    let page = fake.post("/accounts/tokens/3/revoke", &[]).await;
    assert_eq!(page.location(), "/accounts/tokens?did=done");
}

#[tokio::test]
async fn tokens_are_narrowed_down_and_go_on_over_pages() {
    let fake = known();
    let token = json!({"id": 7, "name": "pbx7", "scope": "trigger", "created_at": "2026-11-01T00:00:00Z",
        "expires_at": null, "revoked_at": null});
    let page = json!({"items": [token], "next": 7});
    fake.answers("GET /tokens?limit=50&scope=trigger&works=true", 200, page);
    let page = fake.get("/accounts/tokens?may=trigger&works=true").await;
    page.shows(&["pbx7", "value=\"trigger\" selected>Trigger<", "value=\"true\" selected>work<"]);
    page.shows(&["/accounts/tokens?may=trigger&#38;works=true&#38;after=7", "Next page"]);
    let none = json!({"items": [], "next": null});
    fake.answers("GET /tokens?limit=50&works=false&after=7", 200, none.clone());
    let page = fake.get_chinese("/accounts/tokens?works=false&after=7").await;
    page.shows(&["没有这样的令牌。", "value=\"false\" selected>已不能用<", ">指标<"]);
    assert!(!page.html.contains("下一页"));
    fake.answers("GET /tokens?limit=50", 200, none);
    fake.get("/accounts/tokens?may=root&works=yes").await.shows(&["No tokens."]);
}
