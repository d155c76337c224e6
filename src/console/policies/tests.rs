use crate::fake::Fake;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

fn document(wait: u32) -> Value {
    json!({"name": "入室", "scope": {"grid": 3}, "kinds": ["intruder"], "steps": [
        {"targets": [{"post": {"code": "A"}}, "group"], "wait_s": 0, "when": "always"},
        {"targets": [{"responders": {"kind": "patrol", "within": "grid"}}], "wait_s": wait, "when": "not_enough"}],
        "together": 2, "helpers_first_s": 0, "pace": {},
        "drill": {"escalates": false, "from_hour": 9, "until_hour": 20, "announced_min": 60}})
}

fn policy(version: u64, wait: u32) -> Value {
    json!({"id": 7, "community_id": 2, "document": document(wait), "version": version})
}

fn report(ms: u64) -> Value {
    json!({"last_leg_after_ms": ms, "calls": 10, "messages": 11, "doors": 120, "warnings": ["post A is empty at night"]})
}

fn what_if(policy: Value, is_draft: bool) -> Value {
    json!({"at": "2026-11-22T03:12:00Z", "kind": "intruder", "is_drill": false, "policy_id": policy, "policy_version": 2,
        "is_draft": is_draft, "acknowledgements_wanted": 2, "together": 2, "last_leg_of_first_wave_ms": 90,
        "last_leg_of_first_wave_idle_ms": 90, "load": null, "waiting": 0, "is_cut": false,
        "cost": {"first_wave": [{"currency": "CNY", "minor": 120}], "all": [{"currency": "CNY", "minor": 250}],
            "unknown_legs": 3, "unknown_routes": ["sms"], "assumes": "all answer"},
        "legs": [
            {"at_ms": 0, "wave": 0, "why": "wave", "step": 0, "party": 0, "name": "王敏", "number": "138****0001",
                "channel": "voice", "route": "carrier", "words": "Help is needed", "cost": {"units": 3, "currency": "CNY", "minor": 12}},
            {"at_ms": 65_090, "wave": 1, "why": "no_answer_retry", "step": 1, "party": 1, "name": "巡逻队", "number": "139****0002",
                "channel": "sms", "route": "sms", "words": "Come to 502", "cost": null}],
        "left_out": [{"household_id": null, "worker_id": 4, "name": "王芳", "number": null, "reason": "off_duty", "words": "Not on duty then"}]})
}

/// A community with one policy.
fn desk(role: &str) -> Fake {
    let fake = Fake::new(role);
    let community = json!({"id": 2, "name": "康乐社区"});
    fake.answers("GET /communities/2", 200, community.clone());
    fake.answers("GET /communities?limit=200", 200, json!({"items": [community]}));
    fake.answers("GET /grids/3", 200, json!({"id": 3, "name": "第一网格"}));
    fake.answers(
        "GET /grids?community_id=2&limit=200",
        200,
        json!({"items": [{"id": 3, "name": "第一网格"}]}),
    );
    let posts = json!({"items": [{"id": 1, "code": "night", "name": "夜班岗"}]});
    fake.answers("GET /posts?community_id=2&limit=200", 200, posts);
    let first = json!({"items": [policy(2, 30)], "next": 7});
    fake.answers("GET /policies?community_id=2&limit=200", 200, first);
    let mut other = policy(2, 30);
    (other["id"], other["document"]["name"]) = (json!(8), json!("第二页的预案"));
    let last = json!({"items": [other], "next": null});
    fake.answers("GET /policies?community_id=2&limit=200&after=7", 200, last);
    fake.answers("GET /policies/7", 200, policy(2, 30));
    fake.answers("GET /policies/7/report", 200, report(90));
    let found = json!({"items": [
        {"noun": "households", "id": 5, "name": "陈阿姨", "place": "3-2-502", "numbers": [], "household_id": 5, "community": "康乐社区"},
        {"noun": "households", "id": 6, "name": "陈大伯", "place": "1", "numbers": [], "household_id": 6, "community": "文园社区"}]});
    let mut found = found;
    // Places come first where they are called so, and have no line.
    let group = json!({"noun": "groups", "id": 4, "name": "陈家组", "place": "", "numbers": [], "household_id": null,
        "community": "康乐社区"});
    found["items"].as_array_mut().unwrap().insert(0, group);
    fake.answers("GET /search?q=chen&after=0&limit=100", 200, found);
    let lines = json!({"items": [{"id": 8, "account": "l8", "household_id": 5}], "next": null});
    fake.answers("GET /lines?after=0&limit=10&household_id=5", 200, lines);
    fake.answers("GET /lines/8", 200, json!({"id": 8, "account": "l8"}));
    fake.answers("GET /lines/8/what-if?kind=intruder", 200, what_if(json!(7), false));
    fake.answers("GET /lines/8/what-if?kind=unknown", 200, what_if(json!(9), false));
    fake
}

#[tokio::test]
async fn policies_are_listed_and_one_is_told_in_words() {
    let fake = desk("auditor");
    let list = fake.get("/policies").await;
    list.shows(&[
        "第二页的预案",
        "/policies/7",
        "grid 第一网格",
        "Intruder",
        "At once: post A",
        "/policies/7/versions",
    ]);
    assert!(!list.html.contains("/policies/add"));
    let page = fake.get("/policies/7").await;
    page.shows(&[
        "Step 2, 30 s later, not enough are coming",
        "0.09 s",
        "120 doors",
        "post A is empty at night",
    ]);
    for no in ["/policies/7/edit", "/policies/7/remove", "What-if"] {
        assert!(!page.html.contains(no), "{no}");
    }
    fake.get_chinese("/policies/7").await.shows(&[
        "第 2 级，再过 30 秒，前往的人不够",
        "今天的效果",
        "适用于 120 户",
    ]);
    assert_eq!(fake.get("/policies/7/edit").await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        desk("operator").get("/policies/add?community=2").await.status,
        StatusCode::FORBIDDEN
    );
    let admin = desk("admin");
    admin.get("/policies/7").await.shows(&["/policies/7/edit", "href=\"/policies/7/remove\""]);
    let question = admin.get("/policies/7/remove").await;
    question.shows(&[
        "From the next alarm on",
        "action=\"/policies/7/remove\"",
        "name=\"etag\" value=\"&#34;1&#34;\"",
    ]);
    admin.get_chinese("/policies/7/remove").await.shows(&["删除预案", "恢复"]);
    assert!(admin.asked().iter().all(|(method, ..)| *method == axum::http::Method::GET));
    assert_eq!(fake.get("/policies/7/remove").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_last_leg_that_is_late_and_a_policy_that_went_bad_are_said() {
    let fake = desk("operator");
    fake.answers("GET /policies/7/report", 200, report(4200));
    fake.get("/policies/7").await.shows(&["tag amber", "4.20 s", "f-amber", "x=\"142\""]);
    let problem = json!({"type": "urn:lianfang:problem:form", "title": "no", "status": 422,
        "errors": [{"pointer": "/document/steps/1", "detail": "this step reaches nobody"}]});
    fake.answers("GET /policies/7/report", 422, problem);
    let page = fake.get("/policies/7").await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows(&["would be refused now", "this step reaches nobody"]);
}

#[tokio::test]
async fn what_if_tells_every_leg_and_calls_nobody() {
    let fake = desk("operator");
    let page = fake.get("/policies/7?q=chen").await;
    page.shows(&[
        "nobody is called, and nothing is written",
        "陈阿姨 3-2-502 l8",
        "value=\"8\" checked",
    ]);
    page.shows(&[
        "王敏",
        "138****0001",
        "step 1, called",
        "0.12 CNY",
        "1:05",
        "SMS",
        "step 2, again after no answer",
        "not known",
    ]);
    page.shows(&[
        "王芳",
        "Not on duty then",
        "the first wave 1.20 CNY, all 2.50 CNY, and 3 of unknown cost",
        "Come to 502",
    ]);
    assert!(
        !page.html.contains("another policy holds") && !page.html.contains("陈大伯"),
        "of this community"
    );
    assert!(fake.asked().iter().all(|(method, ..)| *method == Method::GET), "nothing is changed");
    let other = fake.get("/policies/7?q=chen&line=8&kind=unknown").await;
    other.shows(&["another policy holds", "<a href=\"/policies/9\">9</a>"]);
    fake.answers("GET /lines/8/what-if?kind=unknown", 200, what_if(Value::Null, false));
    fake.get_chinese("/policies/7?line=8&kind=unknown").await.shows(&[
        "这是推演：不会呼叫任何人",
        "适用的是内置预案",
        "无人接听后再呼",
    ]);
    fake.answers("GET /search?q=nobody&after=0&limit=100", 200, json!({"items": []}));
    fake.get("/policies/7?q=nobody").await.shows(&["No line was found."]);
}

/// A form of the policy as nobody has touched it.
fn typed<'a>(what: &'a str, wait: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("do", what),
        ("etag", "\"1\""),
        ("name", "入室"),
        ("scope", "grid:3"),
        ("kinds", "intruder"),
        ("step.0.order", "1"),
        ("target.0.0", "post:A"),
        ("target.0.1", "group"),
        ("step.1.order", "2"),
        ("step.1.wait", wait),
        ("step.1.when", "not_enough"),
        ("target.1.0", "responders:patrol"),
        ("together", "2"),
        ("drill.from_hour", "9"),
        ("drill.until_hour", "20"),
        ("drill.announced_min", "60"),
        ("helpers_first", "0"),
    ]
}

#[tokio::test]
async fn the_editor_saves_what_was_written() {
    let fake = desk("admin");
    let ask = fake.get("/policies/7/edit").await;
    ask.shows(&[
        "value=\"入室\"",
        "<option value=\"grid:3\" selected>grid 第一网格",
        "<option value=\"post:A\" selected>",
    ]);
    ask.shows(&[
        "post night",
        "name=\"target.2.1\"",
        "value=\"intruder\" checked",
        "A telephone rings, seconds",
    ]);
    assert!(ask.html.len() < 100 * 1024, "{}", ask.html.len());
    fake.asked();
    fake.answers("PUT /policies/7", 200, policy(3, 45));
    let saved = fake.post("/policies/7/edit", &typed("save", "45")).await;
    assert_eq!(saved.location(), "/policies/7?did=saved");
    let asked = fake.asked();
    let sent = &asked.iter().find(|(method, ..)| *method == Method::PUT).unwrap().2;
    assert_eq!(*sent, json!({"community_id": 2, "document": document(45)}));
    fake.answers("POST /policies", 201, policy(1, 45));
    let added = fake.post("/policies/add?community=2", &typed("save", "45")).await;
    assert_eq!(added.location(), "/policies/7?did=added");
    fake.get("/policies/add?community=2")
        .await
        .shows(&["Add a policy", "<option value=\"helpers\" selected>"]);
    assert_eq!(fake.get("/policies/add").await.status, StatusCode::NOT_FOUND);
}

/// Nobody has to know the id of a group.
#[tokio::test]
async fn a_group_that_a_policy_is_for_is_found_by_name() {
    let fake = desk("admin");
    let hit = |id: u32, community: u32| {
        json!({"noun": "groups", "id": id, "name": "3号楼一组", "place": "第一网格", "numbers": [], "household_id": null,
            "community_id": community, "community": "x"})
    };
    let hits = json!({"items": [hit(12, 2), hit(13, 9)], "next": null, "is_too_short": false});
    fake.answers("GET /search?q=3%E5%8F%B7%E6%A5%BC&after=0&limit=100", 200, hits);
    let form = [typed("group", "45"), vec![("group_q", "3号楼")]].concat();
    let found = fake.post("/policies/7/edit", &form).await;
    assert_eq!(found.status, StatusCode::OK);
    found.shows(&["<option value=\"group:12\" selected>group 3号楼一组 第一网格", "value=\"45\""]);
    assert!(!found.html.contains("group:13"), "of its community");
    assert!(fake.asked().iter().all(|(method, ..)| *method == Method::GET), "nothing is saved");
    fake.answers("PUT /policies/7", 200, policy(3, 45));
    let mut form = typed("save", "45");
    form[3] = ("scope", "group:12");
    fake.post("/policies/7/edit", &form).await;
    let asked = fake.asked();
    let sent = &asked.iter().find(|(method, ..)| *method == Method::PUT).unwrap().2;
    assert_eq!(sent["document"]["scope"], json!({"group": 12}));
    let none = json!({"items": [], "next": null, "is_too_short": false});
    fake.answers("GET /search?q=x&after=0&limit=100", 200, none);
    let form = [typed("group", "45"), vec![("group_q", "x")]].concat();
    fake.post("/policies/7/edit", &form).await.shows(&["No group of this community is so."]);
    // One that is stored is shown by its name.
    let mut stored = policy(2, 30);
    stored["document"]["scope"] = json!({"group": 12});
    fake.answers("GET /policies/7", 200, stored);
    fake.answers("GET /groups/12", 200, json!({"id": 12, "name": "3号楼一组"}));
    fake.get("/policies/7/edit")
        .await
        .shows(&["<option value=\"group:12\" selected>group 3号楼一组"]);
}

#[tokio::test]
async fn what_is_refused_stands_beside_its_field_and_what_was_typed_stays() {
    let fake = desk("admin");
    let problem = json!({"type": "urn:lianfang:problem:form", "title": "no", "status": 422, "errors": [
        {"pointer": "/document/steps/1/wait_s", "detail": "9999 is out of bounds"},
        {"pointer": "/document/steps/0/targets/1", "detail": "nobody new is called here"},
        {"pointer": "/document/steps/1", "detail": "this step reaches nobody"},
        {"pointer": "/document/kinds", "detail": "policy 火警 holds"}]});
    fake.answers("PUT /policies/7", 422, problem);
    let refused = fake.post("/policies/7/edit", &typed("save", "9999")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused.shows(&[
        "id=\"step.1.wait-error\">9999 is out of bounds",
        "value=\"9999\"",
        "this step reaches nobody",
    ]);
    refused.shows(&[
        "id=\"target.0.1-error\">nobody new is called here",
        "policy 火警 holds",
        "href=\"#step.1.wait\"",
    ]);
    fake.asked();
    let unread = fake.post("/policies/7/edit", &typed("save", "soon")).await;
    unread.shows(&["Please write a whole number.", "value=\"soon\""]);
    assert!(fake.asked().iter().all(|(method, ..)| *method == Method::GET), "nothing was sent");
    let problem =
        json!({"type": "urn:lianfang:problem:changed", "title": "changed", "status": 412});
    fake.answers("PUT /policies/7", 412, problem);
    let late = fake.post("/policies/7/edit", &typed("save", "50")).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    late.shows(&["Somebody else has just changed this", "/policies/7/versions", "value=\"50\""]);
}

#[tokio::test]
async fn what_if_is_asked_for_another_moment_as_a_drill_or_alone() {
    let fake = desk("operator");
    let community = json!({"id": 2, "name": "康乐社区", "time_zone": "Europe/Berlin"});
    fake.answers("GET /communities/2", 200, community);
    let mut told = what_if(json!(7), false);
    told["is_drill"] = json!(true);
    let asked = "kind=fire&at=2026-11-28T02%3A00%3A00Z&drill=true&load=false";
    fake.answers(&format!("GET /lines/8/what-if?{asked}"), 200, told);
    let path = "/policies/7?line=8&kind=fire&try-at=2026-11-28T03%3A00&try-drill=yes&try-alone=yes";
    let page = fake.get(path).await;
    page.shows(&[
        "value=\"2026-11-28T03:00\"",
        "name=\"try-drill\" value=\"yes\" checked",
        "name=\"try-alone\" value=\"yes\" checked",
        "Sun 22 Nov 04:12, as a drill; as if no other alarm were going on.",
    ]);
    fake.get_chinese(path).await.shows(&["什么时候（当地时间）", "，演练；当作没有别的警情。"]);
    let mut busy = what_if(json!(7), false);
    busy["load"] = json!({"legs_waiting": 3, "legs_under_way": 12, "routes": [], "assumes": ""});
    fake.answers("GET /lines/8/what-if?kind=fire", 200, busy);
    let page = fake.get("/policies/7?line=8&kind=fire").await;
    page.shows(&["beside 12 calls and messages of other alarms under way now, and 3 that wait."]);
    fake.asked();
    let page = fake.get("/policies/7?line=8&try-at=tomorrow").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["id=\"try-at-error\"", "value=\"tomorrow\""]);
    assert!(fake.asked().iter().all(|(_, path, _)| !path.contains("what-if")));
}

#[tokio::test]
async fn a_policy_is_tried_before_it_is_saved() {
    let fake = desk("admin");
    fake.answers("POST /policies/check?policy_id=7", 200, report(90));
    let path = "POST /lines/8/what-if?kind=intruder&policy_id=7";
    fake.answers(path, 200, what_if(Value::Null, true));
    let form = [typed("try", "45"), vec![("q", "chen"), ("kind", "intruder")]].concat();
    let tried = fake.post("/policies/7/edit", &form).await;
    assert_eq!(tried.status, StatusCode::OK);
    tried.shows(&[
        "0.09 s",
        "step 2, again after no answer",
        "nobody is called",
        "value=\"45\"",
        "name=\"etag\" value=\"&#34;1&#34;\"",
    ]);
    assert!(!tried.html.contains("another policy holds"));
    let asked = fake.asked();
    // At another moment, as a drill, alone: what is tried stays in its fields.
    let community = json!({"id": 2, "name": "康乐社区", "time_zone": "Europe/Berlin"});
    fake.answers("GET /communities/2", 200, community);
    let other = "at=2026-11-28T02%3A00%3A00Z&drill=true&load=false&policy_id=7";
    let other = format!("POST /lines/8/what-if?kind=intruder&{other}");
    fake.answers(&other, 200, what_if(Value::Null, true));
    let moment = vec![("try-at", "2026-11-28T03:00"), ("try-drill", "yes"), ("try-alone", "yes")];
    let elsewhere = fake.post("/policies/7/edit", &[form.clone(), moment].concat()).await;
    elsewhere.shows(&["0.09 s", "value=\"2026-11-28T03:00\"", "value=\"yes\" checked"]);
    assert!(asked.iter().all(|(method, ..)| *method != Method::PUT), "nothing is saved");
    let sent = asked.iter().find(|(_, path, _)| path.contains("what-if")).unwrap();
    assert_eq!(sent.2["document"]["steps"][1]["wait_s"], 45);
    let more = fake.post("/policies/7/edit", &typed("more", "45")).await;
    more.shows(&["name=\"target.2.0\"", "value=\"45\""]);
    let problem = json!({"type": "urn:lianfang:problem:form", "title": "no", "status": 422,
        "errors": [{"pointer": "/document/together", "detail": "more than can be reached"}]});
    fake.answers("POST /policies/check?policy_id=7", 422, problem.clone());
    fake.answers(path, 422, problem);
    let refused = fake.post("/policies/7/edit", &form).await;
    refused.shows(&["id=\"together-error\">more than can be reached"]);
}

#[tokio::test]
async fn versions_are_compared_and_put_back() {
    let fake = desk("admin");
    fake.answers("GET /policies/7/versions", 200, json!({"items": [policy(2, 30), policy(1, 60)]}));
    let page = fake.get("/policies/7/versions").await;
    page.shows(&[
        "<del class=\"red\">− Step 2, 60 s later",
        "<ins class=\"green\">+ Step 2, 30 s later",
        "versions/1/restore",
    ]);
    fake.get_chinese("/policies/7/versions?older=2&newer=2").await.shows(&["没有不同。"]);
    fake.answers("GET /policies/7/versions/1", 200, policy(1, 60));
    fake.answers("PUT /policies/7", 200, policy(3, 60));
    let restored = fake.post("/policies/7/versions/1/restore", &[("etag", "\"1\"")]).await;
    assert_eq!(restored.location(), "/policies/7?did=saved");
    let problem =
        json!({"type": "urn:lianfang:problem:changed", "title": "It was changed", "status": 412});
    fake.answers("PUT /policies/7", 412, problem.clone());
    let late = fake.post("/policies/7/versions/1/restore", &[("etag", "\"0\"")]).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    late.shows(&["It was changed", "What it says"]);
    fake.answers("DELETE /policies/7", 204, Value::Null);
    let removed = fake.post("/policies/7/remove", &[("etag", "\"1\"")]).await;
    assert_eq!(removed.location(), "/policies?community=2&did=removed");
    fake.answers("GET /policies/7", 404, problem);
    fake.get("/policies/7/versions")
        .await
        .shows(&["This policy is gone", "/policies/history?community=2"]);
}

#[tokio::test]
async fn versions_say_who_saved_them_when_and_why() {
    let fake = desk("auditor");
    let (mut new, mut old) = (policy(2, 30), policy(1, 60));
    new["at"] = json!("2026-11-21T03:12:00Z");
    (new["who"], new["who_name"]) = (json!("account:7"), json!("李华"));
    new["why"] = json!("夜里人手不够");
    (old["at"], old["who"]) = (json!(null), json!(null));
    fake.answers("GET /policies/7/versions", 200, json!({"items": [new, old]}));
    let page = fake.get("/policies/7/versions").await;
    page.shows(&[
        "21 Nov 2026, 11:12",
        "李华",
        "夜里人手不够",
        "not recorded",
        "/policies/7/versions?older=1&amp;newer=2",
    ]);
    assert!(!page.html.contains("name=\"reason\""), "nothing is put back by who only reads");
}

#[tokio::test]
async fn a_removed_policy_is_restored_from_what_was_changed() {
    let fake = desk("admin");
    fake.get("/policies?community=2").await.shows(&["/policies/history?community=2"]);
    let edit = |id: u32, row: u32, action: &str, name: &str| {
        let value = |is: bool| if is { json!(name) } else { json!(null) };
        let change = json!({"field": "name", "before": value(action == "deleted"), "after": value(action == "created")});
        let changes = if action == "replaced" { json!([]) } else { json!([change]) };
        json!({"id": id, "at": "2026-11-21T03:12:00Z", "who": "account:7", "who_name": "李华", "why": "不用了",
            "noun": "policies", "row_id": row, "action": action, "changes": changes, "change_id": null})
    };
    let edits = [edit(41, 9, "deleted", "火警"), edit(40, 7, "replaced", "")];
    let list = "GET /history?noun=policies&community_id=2&limit=50";
    fake.answers(list, 200, json!({"items": edits, "next": 40}));
    let page = fake.get("/policies/history?community=2").await;
    page.shows(&[
        "火警",
        "入室",
        "不用了",
        "李华",
        "Restore",
        "action=\"/policies/undo/41\"",
        "after=40",
    ]);
    fake.get_chinese("/policies/history?community=2").await.shows(&["恢复", "预案的修改和删除"]);
    assert_eq!(fake.get("/policies/history").await.status, StatusCode::NOT_FOUND);
    fake.answers("POST /history/41/undo", 204, Value::Null);
    let undone = fake.post("/policies/undo/41", &[("community", "2")]).await;
    assert_eq!(undone.location(), "/policies/history?community=2&did=undone");
    let problem = json!({"type": "urn:lianfang:problem:form", "title": "no", "status": 422,
        "errors": [{"pointer": "/document/steps/1", "detail": "this step reaches nobody"}]});
    fake.answers("POST /history/41/undo", 422, problem);
    let refused = fake.post("/policies/undo/41", &[("community", "2")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused.shows(&["this step reaches nobody", "火警"]);
    assert!(!refused.html.contains("/document/steps"));
}
