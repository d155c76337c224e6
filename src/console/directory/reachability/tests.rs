use crate::fake::Fake;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

fn number(state: &str, is_due: bool) -> Value {
    json!({"community_id": 2, "household_id": 5, "contact_id": 6, "worker_id": null, "responder_id": null,
        "name": "小陈", "number": "13*******34", "voice": true, "sms": true, "visit_class": "month", "state": state,
        "score": 40, "why": "Missed 2 times since a person last answered: ask",
        "last": {"what": "no_answer", "at": "2026-11-20T03:12:00Z", "alarm_id": "0ABCDEFGHJKMN"}, "confirmed": null,
        "due_at": "2026-11-21T00:30:00Z", "is_due": is_due})
}

fn person(numbers: &[&str]) -> Value {
    let number = |written: &&str| json!({"key": format!("+86{written}"), "written": written, "voice": true, "sms": true, "to_confirm": false});
    let numbers: Vec<Value> = numbers.iter().map(number).collect();
    json!({"id": 6, "household_id": 5, "community_id": 2, "name": "小陈", "rank": 0, "language": null, "version": 1,
        "numbers": numbers})
}

fn town(role: &str, numbers: &[&str]) -> Fake {
    let fake = Fake::new(role);
    let community =
        json!({"id": 2, "street_id": 1, "name": "康乐社区", "time_zone": "America/New_York"});
    let other = json!({"id": 3, "street_id": 1, "name": "文园社区", "time_zone": "Asia/Shanghai"});
    fake.answers("GET /streets/1", 200, json!({"id": 1, "name": "湖里街道"}));
    fake.answers("GET /communities/2", 200, community.clone());
    fake.answers("GET /communities?limit=200", 200, json!({"items": [community, other]}));
    fake.answers("GET /grids/3", 200, json!({"id": 3, "community_id": 2, "name": "第一网格"}));
    fake.answers("GET /groups/4", 200, json!({"id": 4, "grid_id": 3, "name": "3号楼一组"}));
    fake.answers("GET /households/5", 200, json!({"id": 5, "group_id": 4, "name": "陈阿姨"}));
    for plural in ["contacts", "workers", "responders"] {
        fake.answers(&format!("GET /{plural}/6"), 200, person(numbers));
        let judged = json!({"items": [number("doubtful", true)]});
        fake.answers(&format!("GET /{plural}/6/reachability"), 200, judged);
    }
    fake
}

#[tokio::test]
async fn numbers_are_listed_with_how_sure_they_are_and_when_to_ask() {
    let fake = town("operator", &[]);
    let asked = "GET /reachability?community_id=2&state=doubtful&due=true&after=2.5.6.0";
    fake.answers(asked, 200, json!({"items": [number("doubtful", true)], "next": "2.9.1.0"}));
    let page = "/directory/reachability?community=2&state=doubtful&due=true&after=2.5.6.0";
    fake.get(page).await.shows(&[
        "href=\"/directory/contacts/6#reachability\"",
        "康乐社区</span>",
        "13*******34",
        "tag amber",
        "doubtful</span>",
        "Missed 2 times",
        "no answer",
        "/alarms/0ABCDEFGHJKMN",
        // As the clock of the community says.
        "19 Nov 2026, 22:12",
        "20 Nov 2026, 19:30",
        "number to confirm",
        "<option value=\"2\" selected>",
        "<option value=\"doubtful\" selected>",
        "<option value=\"true\" selected>",
        "/directory/reachability?community=2&#38;state=doubtful&#38;due=true&#38;after=2.9.1.0",
    ]);
    fake.get_chinese(page).await.shows(&[
        "核对号码",
        "存疑",
        "未接",
        "号码待确认",
        "走访期限",
        "下一页",
    ]);
}

#[tokio::test]
async fn a_visit_to_a_group_has_the_numbers_of_that_group() {
    let fake = town("operator", &[]);
    let page = json!({"items": [number("doubtful", true)], "next": "2.9.1.0"});
    fake.answers("GET /reachability?group_id=4&due=true", 200, page);
    let page = fake.get("/directory/reachability?group=4&due=true").await;
    page.shows(&["Only of the group <a href=\"/directory/groups/4\">3号楼一组</a>", "小陈"]);
    // The group stays when something else is chosen, and on the next page.
    page.shows(&["<input type=\"hidden\" name=\"group\" value=\"4\">"]);
    page.shows(&["/directory/reachability?group=4&#38;due=true&#38;after=2.9.1.0"]);
    let page = fake.get_chinese("/directory/reachability?group=4&due=true").await;
    page.shows(&["只看联防组", "看全部"]);
    // A group that is not there has no numbers.
    fake.answers("GET /reachability?group_id=9", 200, json!({"items": [], "next": null}));
    let gone = fake.get("/directory/reachability?group=9").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn people_of_every_noun_are_a_link_away_and_states_have_their_own_colour() {
    for (field, state, link, colour, words) in [
        ("worker_id", "confirmed", "/directory/workers/7#reachability", "green", "已确认"),
        (
            "responder_id",
            "never_confirmed",
            "/directory/responders/7#reachability",
            "grey",
            "从未确认",
        ),
        ("contact_id", "unreachable", "/directory/contacts/7#reachability", "amber", "无法联系"),
    ] {
        let fake = town("admin", &[]);
        let mut one = number(state, false);
        one["contact_id"] = Value::Null;
        one[field] = json!(7);
        one["last"] = Value::Null;
        fake.answers("GET /reachability?", 200, json!({"items": [one], "next": null}));
        let page = fake.get_chinese("/directory/reachability").await;
        page.shows(&[link, &format!("tag {colour}"), &format!("{words}</span>"), "从未"]);
        assert!(!page.html.contains("class=\"tag amber\"><svg aria-hidden=\"true\" viewBox=\"0 0 16 16\"><path d=\"M8 0l8 15H0z\"/></svg>号码待确认"));
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_not_asked_and_an_empty_page_may_have_a_next_one() {
    let fake = town("operator", &[]);
    fake.answers("GET /reachability?", 200, json!({"items": [], "next": "3.1.1.0"}));
    let page = fake.get("/directory/reachability?state=x&due=y&community=z&after=1/../2").await;
    page.shows(&["None on this page; there may be more.", "/directory/reachability?after=3.1.1.0"]);
    fake.answers("GET /reachability?", 200, json!({"items": [], "next": null}));
    fake.get("/directory/reachability").await.shows(&["No number is so."]);
}

#[tokio::test]
async fn who_may_not_see_numbers_sees_none_here() {
    let fake = Fake::new("auditor");
    let problem = json!({"type": "urn:lianfang:problem:forbidden", "title": "No", "status": 403});
    fake.answers("GET /reachability?", 403, problem);
    let page = fake.get("/directory/reachability").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_visit_is_noted_on_the_page_of_the_person_with_the_numbers_that_were_ticked() {
    for plural in ["contacts", "workers", "responders"] {
        let fake = town("operator", &["13812341234", "13899991234"]);
        let path = format!("/directory/{plural}/6");
        let page = fake.get(&path).await;
        let action = format!("action=\"{path}/visits\"");
        page.shows(&["id=\"reachability\"", "doubtful", "19 Nov 2026, 22:12", &action]);
        page.shows(&["name=\"number\" value=\"0\"> 138****1234", "name=\"number\" value=\"1\""]);
        assert!(!page.html.contains("13812341234"), "masked until somebody asks");
        fake.get_chinese(&path).await.shows(&["已当面核对", "号码是否可靠", "登记"]);
        fake.answers(&format!("POST /{plural}/6/visits"), 200, json!({"items": []}));
        fake.asked();
        let fields = [("etag", "\"1\""), ("number", "1")];
        let noted = fake.post(&format!("{path}/visits"), &fields).await;
        assert_eq!(noted.location(), format!("{path}?did=noted#reachability"));
        let sent = fake.asked().into_iter().find(|(method, ..)| *method == Method::POST).unwrap();
        assert_eq!(sent.1, format!("/{plural}/6/visits"));
        assert_eq!(sent.2, json!({"numbers": ["+8613899991234"]}));
    }
}

#[tokio::test]
async fn the_only_number_of_a_person_is_ticked() {
    let fake = town("operator", &["13812341234"]);
    fake.get("/directory/contacts/6").await.shows(&["name=\"number\" value=\"0\" checked>"]);
}

#[tokio::test]
async fn nothing_is_noted_of_numbers_that_nobody_ticked_or_that_were_changed_meanwhile() {
    let fake = town("operator", &["13812341234", "13899991234"]);
    let path = "/directory/contacts/6/visits";
    for (fields, status, words) in [
        (vec![("etag", "\"1\"")], 422, "Tick the numbers that are right."),
        (vec![("etag", "\"1\""), ("number", "9")], 422, "Tick the numbers that are right."),
        (vec![("etag", "\"0\""), ("number", "0")], 412, "Somebody has just changed this."),
    ] {
        let page = fake.post(path, &fields).await;
        assert_eq!(page.status.as_u16(), status);
        page.shows(&["id=\"number-error\"", words, "href=\"#number\""]);
        assert!(!page.html.contains(" checked> 138"));
        assert!(fake.asked().iter().all(|(method, ..)| *method == Method::GET));
    }
    let refused = json!({"type": "urn:lianfang:problem:faulty", "title": "No", "status": 422,
        "errors": [{"pointer": "/numbers/0", "detail": "There is no such number."}]});
    fake.answers("POST /contacts/6/visits", 422, refused);
    let page = fake.post(path, &[("etag", "\"1\""), ("number", "1")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["There is no such number.", "value=\"1\" checked>"]);
}

#[tokio::test]
async fn only_people_are_visited() {
    let fake = town("admin", &["13812341234"]);
    let page = fake.post("/directory/households/5/visits", &[("etag", "\"1\"")]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    let page = fake.get("/directory/grids/3").await;
    assert!(!page.html.contains("reachability\""));
}
