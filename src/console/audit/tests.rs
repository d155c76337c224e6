use crate::fake::Fake;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

fn entry(sequence: u64, previous: &str, hash: &str) -> Value {
    json!({"chain": "directory", "sequence": sequence, "at": "2026-11-22T03:00:00Z", "actor": "account:2", "actor_name": "王敏",
        "action": "replace", "noun": "household", "id": "12", "number": 0, "count": 1, "content": null,
        "previous_hash": previous, "hash": hash})
}

fn trail(entries: &[Value]) -> Fake {
    read_by("auditor", entries)
}

fn read_by(role: &str, entries: &[Value]) -> Fake {
    let fake = Fake::new(role);
    let page = json!({"items": entries, "next": 7});
    fake.answers("GET /audit?chain=directory&after=0", 200, page);
    let head = json!({"items": [{"chain": "directory", "sequence": 7, "hash": "1d78509f52fe59cf1dc3b6d220d97ad1"}]});
    fake.answers("GET /audit/head", 200, head);
    let wang = json!({"who": "account:2", "name": "王敏", "role": "admin"});
    let pbx = json!({"who": "token:pbx", "name": "pbx", "role": null});
    fake.answers("GET /audit/actors?q=", 200, json!({"items": [wang, pbx], "is_cut": false}));
    fake
}

#[tokio::test]
async fn the_trail_is_shown_entry_by_entry() {
    let hash = "1d78509f52fe59cf1dc3b6d220d97ad1";
    let fake = trail(&[entry(6, "a", "b"), entry(7, "b", hash)]);
    let page = fake.get("/audit?chain=directory").await;
    page.shows(&["<code class=\"dim\">account:2</code>", "1d78509f52fe…", "after=7", "Next page"]);
    // In words, with the codes that are hashed beside them.
    page.shows(&[">王敏</a> <code", "changed <code class=\"dim\">replace</code>"]);
    page.shows(&["household 12</a> <code class=\"dim\">household</code>"]);
    let chinese = fake.get_chinese("/audit?chain=directory").await;
    chinese.shows(&["修改 <code", "联防户 12</a> <code", "目录 7"]);
    page.shows(&["Each of these entries holds the hash of the one before it."]);
    fake.answers("GET /audit?chain=alarms&after=0", 200, json!({"items": [], "next": null}));
    fake.get_chinese("/audit?chain=alarms&after=x").await.shows(&["审计", "链头"]);
}

#[tokio::test]
async fn an_entry_that_does_not_hold_the_one_before_it_is_told() {
    let page = trail(&[entry(6, "a", "b"), entry(7, "forged", "c"), entry(9, "d", "e")]);
    let page = page.get("/audit?chain=directory").await;
    page.shows(&["class=\"danger\"", "does not hold the hash of the one before it", " 7"]);
    assert!(!page.html.contains("Each of these entries"));
}

#[tokio::test]
async fn what_is_searched_for_is_asked_of_the_api() {
    let fake = trail(&[]);
    let path = "GET /audit?chain=directory&noun=household&id=12&who=account%3A2&after=3";
    fake.answers(path, 200, json!({"items": [entry(6, "a", "b")], "next": null}));
    let asked = "chain=directory&noun=household&id=12&who=account%3A2";
    let page = fake.get(&format!("/audit?{asked}&after=3")).await;
    page.shows(&["name=\"noun\" value=\"household\"", "name=\"id\" value=\"12\""]);
    page.shows(&["value=\"account:2\" selected>王敏 · Admin", "/audit/sheet.csv?"]);
    let problem = json!({"type": "urn:lianfang:problem:wrong", "title": "Wrong", "status": 400,
        "detail": "`id` must be a number, or the id of an alarm"});
    fake.answers("GET /audit?chain=alarms&id=%23&after=0", 400, problem);
    let page = fake.get("/audit?id=%23").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["id=\"id-error\"", "must be a number", "value=\"#\""]);
}

#[tokio::test]
async fn a_span_of_time_is_asked_for_by_the_clock_of_the_reader() {
    let fake = trail(&[]);
    let asked = "from=2026-11-22T08%3A00&to=2026-11-22";
    let of_api = "from=2026-11-22T00%3A00%3A00Z&to=2026-11-22T16%3A00%3A00Z";
    let path = format!("GET /audit?chain=alarms&{of_api}&after=0");
    fake.answers(&path, 200, json!({"items": [], "next": 9}));
    let page = fake.get(&format!("/audit?{asked}")).await;
    page.shows(&["value=\"2026-11-22T08:00\"", "type=\"datetime-local\""]);
    page.shows(&["chain=alarms&#38;from=2026-11-22T08%3A00&#38;to=2026-11-22&amp;after=9"]);
    fake.answers("GET /audit?chain=alarms&after=0", 200, json!({"items": [], "next": null}));
    let page = fake.get("/audit?from=yesterday").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["id=\"from-error\"", "value=\"yesterday\""]);
}

#[tokio::test]
async fn the_sheet_has_every_page() {
    let fake = trail(&[]);
    let first = json!({"items": [entry(6, "a", "b")], "next": 6});
    fake.answers("GET /audit?chain=directory&after=0&limit=500", 200, first);
    let mut last = entry(7, "b", "c");
    last["actor"] = json!("token:a,\"b\"");
    let last = json!({"items": [last], "next": null});
    fake.answers("GET /audit?chain=directory&after=6&limit=500", 200, last);
    let sheet = fake.get("/audit/sheet.csv?chain=directory").await.html;
    assert_eq!(sheet.lines().count(), 3, "{sheet}");
    assert!(
        sheet.starts_with("chain,sequence,at,actor,action,")
            && sheet.contains("directory,6,2026-11-22T03:00:00Z,account:2,")
    );
    assert!(sheet.contains(",\"token:a,\"\"b\"\"\","), "{sheet}");
}

/// Nobody types an id, neither of who did something nor of what it was done to.
#[tokio::test]
async fn who_and_what_are_chosen_in_words() {
    let fake = trail(&[]);
    let page = fake.get("/audit?chain=directory").await;
    page.shows(&["value=\"account:2\">王敏 · Admin", "value=\"token:pbx\">pbx (program)"]);
    assert!(!page.html.contains("name=\"id\"") && !page.html.contains("name=\"by\""));
    assert!(!page.html.contains("name=\"words\""), "an auditor may not search");
    fake.get_chinese("/audit?chain=directory").await.shows(&["王敏 · 管理员", "pbx（程序）"]);

    // In a town where many act, words find them; who is chosen stays.
    let li = json!({"who": "account:9", "name": "李强", "role": "operator"});
    fake.answers("GET /audit/actors?q=%E6%9D%8E", 200, json!({"items": [li], "is_cut": false}));
    let by_wang = json!({"items": [entry(6, "a", "b")], "next": null});
    fake.answers("GET /audit?chain=directory&who=account%3A2&after=0", 200, by_wang);
    let page = fake.get("/audit?chain=directory&by=%E6%9D%8E&who=account:2").await;
    page.shows(&[
        "name=\"by\" type=\"text\" value=\"李\"",
        "value=\"account:9\">李强 · Duty worker",
    ]);
    page.shows(&["value=\"account:2\" selected>王敏"]);
}

#[tokio::test]
async fn a_row_is_found_by_words_and_called_by_its_name() {
    let fake = read_by("admin", &[]);
    let hit = |noun: &str, id: u32, name: &str| {
        json!({"noun": noun, "id": id, "name": name, "place": "3-2-502", "numbers": [], "household_id": null,
            "community_id": 7, "community": "康乐"})
    };
    let hits =
        json!({"items": [hit("groups", 4, "一组"), hit("households", 12, "陈阿姨")], "next": null});
    fake.answers("GET /search?q=502&after=0&limit=100", 200, hits);
    let of_wang = json!({"items": [], "next": null});
    fake.answers("GET /audit?chain=directory&who=account%3A2&after=0", 200, of_wang.clone());
    let page = fake.get("/audit?chain=directory&who=account:2&words=502").await;
    let link = "/audit?chain=directory&#38;who=account%3A2&#38;noun=household&#38;id=12";
    page.shows(&[
        "Whose entries?",
        link,
        "陈阿姨 3-2-502",
        "household 康乐",
        "noun=household_group&#38;id=4",
    ]);
    let of_row = "chain=directory&noun=household&id=12&who=account%3A2";
    fake.answers(&format!("GET /audit?{of_row}&after=0"), 200, of_wang);
    let row = json!({"id": 12, "name": "陈阿姨", "place": "", "building": "3", "unit": "2", "door": "502"});
    fake.answers("GET /households/12", 200, row);
    let page = fake.get(&format!("/audit?{of_row}")).await;
    page.shows(&["household 陈阿姨 building 3 unit 2 door 502</a>", "/directory/households/12"]);
    page.shows(&["href=\"/audit?chain=directory&#38;who=account%3A2\">Anything</a>"]);
    let page = fake.get_chinese(&format!("/audit?{of_row}")).await;
    page.shows(&["联防户 陈阿姨 3号楼 2单元 502", "不限对象"]);

    // Who may not see the row is told what it is and its number, and nothing leads there.
    let auditor = trail(&[]);
    let page = json!({"items": [], "next": null});
    auditor.answers(&format!("GET /audit?{of_row}&after=0"), 200, page);
    let page = auditor.get(&format!("/audit?{of_row}&words=502")).await;
    page.shows(&["<p>household 12 · "]);
    assert!(!page.html.contains("/directory/households") && !page.html.contains("Whose"));
}

#[tokio::test]
async fn an_alarm_is_found_by_place_and_time() {
    let fake = trail(&[]);
    let none = json!({"items": [], "next": null});
    let communities = json!({"items": [{"id": 7, "name": "康乐"}], "next": null});
    fake.answers("GET /communities?limit=200", 200, communities);
    let span = "from=2026-11-22T00%3A00%3A00Z";
    fake.answers(&format!("GET /audit?chain=alarms&{span}&after=0"), 200, none.clone());
    let card = json!({"id": "0abc", "raised_at": "2026-11-22T03:00:00Z", "kind": "fire", "place": {"community_id": 7,
        "community": "康乐", "building": "3", "unit": "2", "door": "502", "household": "陈阿姨"}});
    let cards = json!({"items": [card], "next": null});
    let path = format!("GET /alarms/cards?limit=20&community_id=7&{span}");
    fake.answers(&path, 200, cards);
    let page = fake.get("/audit?chain=alarms&community=7&from=2026-11-22T08:00&words=x").await;
    page.shows(&["value=\"7\" selected>康乐", "Whose entries?", "22 Nov 2026, 11:00 Building 3"]);
    page.shows(&["/audit?chain=alarms&#38;from=2026-11-22T08%3A00&#38;id=0abc", "陈阿姨</a>"]);
    fake.answers("GET /audit?chain=alarms&id=0abc&after=0", 200, none.clone());
    let page = fake.get("/audit?chain=alarms&id=0abc").await;
    page.shows(&["href=\"/alarms/0abc\">alarm 0abc</a>", "href=\"/audit?chain=alarms\">Anything"]);

    let admin = read_by("admin", &[]);
    admin.answers("GET /audit?chain=alarms&after=0", 200, none.clone());
    admin.answers("GET /alarms/cards?limit=20&q=502", 200, none);
    admin.get("/audit?words=502").await.shows(&["Nothing found.", "value=\"502\""]);
}

fn proof(state: &str, chains: &Value) -> Value {
    let ended = (state != "running").then_some("2026-11-22T03:11:00Z");
    json!({"state": state, "begun_at": "2026-11-22T03:10:00Z", "ended_at": ended, "read": 40, "entries": 90,
        "chains": chains})
}

#[tokio::test]
async fn the_whole_trail_is_verified_and_the_page_says_how_far_it_is_and_what_was_found() {
    const PATH: &str = "/audit/verification";
    let fake = trail(&[]);
    fake.get("/audit?chain=directory")
        .await
        .shows(&["method=\"post\" action=\"/audit/verification\""]);
    let told = format!("GET {PATH}");
    fake.answers(&told, 200, proof("none", &json!([])));
    fake.get(PATH).await.shows(&["was not verified since", "name=\"heads\""]);
    fake.answers(&format!("POST {PATH}"), 202, proof("running", &json!([])));
    fake.asked();
    let head = format!("alarms:12:{}", "9f".repeat(32));
    let sent = fake.post(PATH, &[("heads", &format!(" {head}\r\n"))]).await;
    assert_eq!(sent.location(), PATH);
    assert_eq!(fake.asked()[0].2, json!({"heads": [head]}));
    fake.answers(&told, 200, proof("running", &json!([])));
    let page = fake.get(PATH).await;
    page.shows(&["data-soon", "max=\"90\" value=\"40\"", "How far is it?"]);
    assert!(!page.html.contains("name=\"heads\""), "one at a time");
    let whole = json!({"chain": "alarms", "is_whole": true, "entries": 90, "from": "2026-11-01T03:00:00Z",
        "to": "2026-11-22T03:00:00Z", "head": head, "faults": [], "faults_total": 0});
    fake.answers(&told, 200, proof("whole", &json!([whole])));
    fake.get(PATH).await.shows(&["The trail is whole", &head, "1 Nov 2026", "90 entries"]);
    fake.get_chinese(PATH).await.shows(&["记录完整", "90 条"]);
    let broken = json!({"chain": "directory", "is_whole": false, "entries": 9, "from": null, "to": null, "head": null,
        "faults": ["entry 4 was changed"], "faults_total": 1});
    fake.answers(&told, 200, proof("broken", &json!([broken])));
    fake.get(PATH).await.shows(&["class=\"danger\"", "entry 4 was changed"]);
    let hidden = json!({"chain": "directory", "is_whole": false, "entries": 9, "from": null, "to": null, "head": null,
        "faults": [], "faults_total": 1});
    fake.answers(&told, 200, proof("broken", &json!([hidden])));
    fake.get(PATH).await.shows(&["accounts that reach everything"]);
    fake.answers(&told, 200, proof("failed", &json!([])));
    fake.get(PATH).await.shows(&["which proves nothing"]);
    let problem = json!({"type": "urn:lianfang:problem:invalid", "title": "Invalid values", "status": 422,
        "errors": [{"pointer": "/heads/0", "detail": "a head is written so"}]});
    fake.answers(&format!("POST {PATH}"), 422, problem);
    let page = fake.post(PATH, &[("heads", "x")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["id=\"heads-error\"", ">x</textarea>"]);
}

#[tokio::test]
async fn a_verification_is_cancelled_by_who_may_begin_one() {
    const PATH: &str = "/audit/verification";
    const CANCEL: &str = "/audit/verification/cancel";
    let fake = trail(&[]);
    let told = format!("GET {PATH}");
    let button = format!("method=\"post\" action=\"{CANCEL}\"");
    fake.answers(&told, 200, proof("running", &json!([])));
    fake.get(PATH).await.shows(&[&button, ">Cancel</button>"]);
    fake.get_chinese(PATH).await.shows(&[&button, ">取消</button>"]);
    fake.answers(&format!("DELETE {PATH}"), 204, json!(null));
    fake.asked();
    assert_eq!(fake.post(CANCEL, &[]).await.location(), PATH);
    assert_eq!(fake.asked(), [(Method::DELETE, PATH.to_owned(), json!(null))]);
    // It says so, how far it was, and offers to begin anew; nothing is left to cancel.
    fake.answers(&told, 200, proof("cancelled", &json!([])));
    let page = fake.get(PATH).await;
    page.shows(&["was cancelled before its end, which proves nothing", "40 / 90 entries"]);
    page.shows(&["Ended <time", "Verify the whole trail</button>"]);
    assert!(!page.html.contains(&button) && !page.html.contains("data-soon"));
    fake.get_chinese(PATH).await.shows(&["没有读完就被取消", "40 / 90 条", "结束于"]);
    // Nobody else may, and is told so.
    let problem =
        json!({"type": "urn:lianfang:problem:forbidden", "title": "Forbidden", "status": 403});
    fake.answers(&format!("DELETE {PATH}"), 403, problem);
    assert_eq!(fake.post(CANCEL, &[]).await.status, StatusCode::FORBIDDEN);
}
