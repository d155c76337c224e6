use crate::fake::Fake;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

fn town() -> Fake {
    let fake = Fake::new("admin");
    fake.answers("GET /streets/1", 200, json!({"id": 1, "name": "湖里街道"}));
    fake.answers(
        "GET /communities/2",
        200,
        json!({"id": 2, "street_id": 1, "name": "康乐社区", "area_code": "0592", "language": "zh-CN"}),
    );
    fake.answers("GET /grids/3", 200, json!({"id": 3, "community_id": 2, "name": "第一网格"}));
    fake.answers(
        "GET /groups/4",
        200,
        json!({"id": 4, "grid_id": 3, "name": "3号楼一组", "acknowledgements_wanted": 2}),
    );
    fake.answers("GET /households/5", 200, household());
    fake.answers("GET /contacts/6", 200, contact());
    fake.answers(
        "GET /lines?after=0&limit=50&household_id=5",
        200,
        json!({"items": [line()], "next": null}),
    );
    fake.answers(
        "GET /contacts?after=0&limit=50&household_id=5",
        200,
        json!({"items": [contact()], "next": 6}),
    );
    fake
}

fn household() -> Value {
    json!({"id": 5, "group_id": 4, "name": "陈阿姨", "place": "", "building": "3", "unit": "2", "floor": "5",
        "door": "502", "pronunciation": null, "position": 7, "language": "nan", "version": 1})
}

fn contact() -> Value {
    json!({"id": 6, "household_id": 5, "name": "小陈", "rank": 0, "language": null, "version": 1, "numbers": [
        {"key": "+8613812341234", "written": "13812341234", "voice": true, "sms": true, "to_confirm": true}]})
}

fn line() -> Value {
    json!({"id": 8, "household_id": 5, "account": "l8", "hotline_grace_s": null, "is_silent": false,
        "number": {"key": "+865925551234", "written": "0592-5551234", "to_confirm": false}})
}

/// Fields of the form of the contact as nobody has touched it.
const CONTACT: [(&str, &str); 7] = [
    ("etag", "\"1\""),
    ("name", "小陈"),
    ("rank", "0"),
    ("number.0", "138****1234"),
    ("voice.0", "yes"),
    ("sms.0", "yes"),
    ("was.name", "小陈"),
];

#[tokio::test]
async fn a_household_shows_where_it_is_and_what_hangs_below_it() {
    let page = town().get("/directory/households/5").await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows(&[
        "湖里街道",
        "/directory/groups/4",
        "陈阿姨",
        "Minnan",
        "138****1234",
        "059****1234",
    ]);
    page.shows(&[
        "number to confirm",
        "/directory/households/5?contacts=6#contacts",
        "/directory/contacts/add?household_id=5",
        "/audit?chain=directory&#38;noun=household&#38;id=5",
    ]);
    assert!(!page.html.contains("13812341234"), "masked until somebody asks");
    let page = town().get_chinese("/directory/households/5").await;
    page.shows(&["联系人", "号码待确认", "闽南语", "下一页"]);
}

#[tokio::test]
async fn the_top_lists_streets_and_an_empty_list_says_so() {
    let fake = town();
    fake.answers(
        "GET /streets?after=0&limit=50",
        200,
        json!({"items": [{"id": 1, "name": "湖里街道"}], "next": null}),
    );
    fake.get("/directory").await.shows(&[
        "/directory/streets/1",
        "湖里街道",
        "/directory/streets/add",
    ]);
    fake.answers(
        "GET /communities?after=0&limit=50&street_id=1",
        200,
        json!({"items": [], "next": null}),
    );
    fake.get_chinese("/directory/streets/1").await.shows(&["还没有。"]);
    assert_eq!(fake.get("/directory/alarms/1").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_number_that_is_typed_has_a_place_that_says_what_it_is() {
    let ask = "data-ask=\"/directory/numbers?community=2&amp;text=\"";
    let page = town().get("/directory/contacts/6/edit").await;
    page.shows(&[ask, "<output class=\"dim\" for=\"number.0\" aria-live=\"polite\"></output>"]);
    let page = town().get("/directory/lines/add?household_id=5").await;
    page.shows(&[ask, "<output class=\"dim\" for=\"number\" aria-live=\"polite\">"]);
}

#[tokio::test]
async fn who_may_not_edit_sees_no_forms() {
    let fake = Fake::new("operator");
    fake.answers("GET /streets?after=0&limit=50", 200, json!({"items": [], "next": null}));
    assert!(!fake.get("/directory").await.html.contains("/directory/streets/add"));
    fake.answers("GET /households/5", 200, household());
    for (plural, row) in [("lines", line()), ("contacts", contact())] {
        fake.answers(
            &format!("GET /{plural}?after=0&limit=50&household_id=5"),
            200,
            json!({"items": [row], "next": null}),
        );
    }
    let above = [
        ("groups/4", "grid_id", 3),
        ("grids/3", "community_id", 2),
        ("communities/2", "street_id", 1),
        ("streets/1", "x", 0),
    ];
    for (path, field, id) in above {
        fake.answers(&format!("GET /{path}"), 200, json!({"id": 1, "name": "x", field: id}));
    }
    let page = fake.get("/directory/households/5").await;
    page.shows(&["/directory/contacts/add?household_id=5"]);
    assert!(!page.html.contains("/audit"), "an operator does not read the trail");
    assert!(
        !page.html.contains("/directory/lines/add")
            && !page.html.contains("/directory/households/5/edit")
    );
}

#[tokio::test]
async fn numbers_are_shown_in_full_to_who_asks_and_the_api_is_told() {
    let fake = town();
    let page = fake.get("/directory/contacts/6").await;
    page.shows(&[
        "138****1234",
        "Who looks is recorded",
        "action=\"/directory/contacts/6/numbers\"",
    ]);
    assert_eq!(fake.post("/directory/contacts/6/numbers", &[]).await.status, StatusCode::NOT_FOUND);
    fake.answers("POST /contacts/6/reads", 204, Value::Null);
    fake.asked();
    fake.post("/directory/contacts/6/numbers", &[])
        .await
        .shows(&["13812341234", "+86 138 1234 1234"]);
    let asked = fake.asked();
    assert_eq!((&asked[0].0, &*asked[0].1), (&Method::POST, "/contacts/6/reads"));
}

#[tokio::test]
async fn a_form_keeps_masked_numbers_and_says_why() {
    let fake = town();
    fake.get("/directory/contacts/6/edit").await.shows(&[
        "name=\"number.0\"",
        "value=\"138****1234\"",
        "name=\"was.name\" value=\"小陈\"",
        "name=\"number.2\"",
        "How neighbours call them",
    ]);
    fake.answers("PUT /contacts/6", 200, contact());
    fake.asked();
    let page = fake.post("/directory/contacts/6/edit", &CONTACT).await;
    assert_eq!(page.location(), "/directory/contacts/6?did=saved");
    let (_, path, body) = fake.asked().pop().unwrap();
    assert_eq!(path, "/contacts/6");
    assert_eq!(
        body,
        json!({"household_id": 5, "name": "小陈", "rank": 0,
            "numbers": [{"number": "13812341234", "voice": true, "sms": true}]})
    );
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field() {
    let fake = town();
    let errors = json!([{"pointer": "/numbers/0/number", "detail": "这个号码无法识别。"}, {"pointer": "/name", "detail": "太长。"}]);
    let problem = json!({"type": "urn:lianfang:problem:faulty", "title": "x", "status": 422, "errors": errors});
    fake.answers("PUT /contacts/6", 422, problem.clone());
    let page = fake.post("/directory/contacts/6/edit", &CONTACT).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&[
        "href=\"#number.0\"",
        "id=\"number.0-error\"",
        "这个号码无法识别。",
        "id=\"name-error\"",
    ]);
    fake.answers("POST /contacts", 422, problem);
    let page = fake
        .post(
            "/directory/contacts/add",
            &[("household_id", "5"), ("number.3", "x"), ("name", "李")],
        )
        .await;
    page.shows(&["id=\"number.3-error\"", "value=\"李\"", "name=\"household_id\" value=\"5\""]);
}

#[tokio::test]
async fn two_people_never_overwrite_each_other() {
    let fake = town();
    let mut now = contact();
    now["name"] = json!("陈小明");
    fake.answers("GET /contacts/6", 200, now);
    let mut fields = CONTACT;
    fields[0] = ("etag", "\"0\"");
    fields[2] = ("rank", "3");
    fake.asked();
    let page = fake.post("/directory/contacts/6/edit", &fields).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
    page.shows(&[
        "Somebody else has just changed this",
        "It is now: 陈小明",
        "value=\"小陈\"",
        "value=\"3\"",
    ]);
    page.shows(&["name=\"etag\" value=\"&#34;1&#34;\"", "name=\"was.name\" value=\"陈小明\""]);
    assert!(fake.asked().iter().all(|asked| asked.0 == Method::GET), "nothing was written");
    fake.answers(
        "PUT /contacts/6",
        412,
        json!({"type": "urn:lianfang:problem:changed", "title": "x", "status": 412}),
    );
    let page = fake.post("/directory/contacts/6/edit", &CONTACT).await;
    page.shows(&["It is now: 陈小明"]);
}

#[tokio::test]
async fn a_new_row_hangs_where_it_was_asked_for() {
    let fake = town();
    fake.get_chinese("/directory/households/add?group_id=4").await.shows(&[
        "添加联防户",
        "name=\"group_id\" value=\"4\"",
        "3号楼一组",
    ]);
    fake.answers("POST /households", 201, household());
    let fields = [
        ("group_id", "4"),
        ("name", "陈阿姨"),
        ("building", "3"),
        ("position", "7"),
        ("language", "nan"),
    ];
    assert_eq!(
        fake.post("/directory/households/add", &fields).await.location(),
        "/directory/households/5?did=added"
    );
    let (_, _, body) = fake.asked().pop().unwrap();
    assert_eq!(
        (&body["group_id"], &body["language"], &body["position"]),
        (&json!(4), &json!("nan"), &json!(7))
    );
    assert_eq!(body.get("pronunciation"), None);
    let page =
        fake.post("/directory/households/add", &[("group_id", "4"), ("position", "first")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["Please write a whole number."]);
}

#[tokio::test]
async fn what_others_hang_on_is_not_removed() {
    let fake = town();
    let problem = json!({"type": "urn:lianfang:problem:has-children", "title": "x", "status": 409, "detail": "Others belong to it."});
    fake.answers("DELETE /households/5", 409, problem);
    let page = fake.post("/directory/households/5/remove", &[("etag", "\"1\"")]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.shows(&["Others belong to it.", "陈阿姨"]);
    fake.answers("DELETE /households/5", 204, Value::Null);
    let page = fake.post("/directory/households/5/remove", &[("etag", "\"1\"")]).await;
    assert_eq!(page.location(), "/directory/groups/4?did=removed");
}

#[tokio::test]
async fn why_a_row_goes_is_asked_before_it_goes() {
    let fake = town();
    let below = |row: Value| json!({"items": [row], "next": null});
    let mut of_line = line();
    of_line["version"] = json!(3);
    fake.answers("GET /lines?limit=200&household_id=5", 200, below(of_line));
    fake.answers("GET /contacts?limit=200&household_id=5", 200, below(contact()));
    fake.get("/directory/households/5").await.shows(&["href=\"/directory/households/5/remove\""]);
    let question = fake.get("/directory/households/5/remove").await;
    question.shows(&[
        "Remove the household “陈阿姨”?",
        "name=\"reason\"",
        "name=\"etag\" value=\"&#34;1&#34;\"",
        "action=\"/directory/households/5/remove\"",
        "line l8",
        "contact 小陈",
        "name=\"with\" value=\"lines:8:3\"",
    ]);
    fake.get_chinese("/directory/contacts/6/remove").await.shows(&["不再呼叫", "为什么（可不填）"]);
    assert!(fake.asked().iter().all(|asked| asked.0 == Method::GET), "nothing goes yet");
    // A household goes with its lines and contacts, all or nothing.
    fake.answers("POST /bulk", 200, json!({"results": []}));
    let sent = [
        ("etag", "\"4\""),
        ("with", "lines:8:3"),
        ("with", "contacts:6:1"),
        ("with", "streets:1:1"),
    ];
    let page = fake.post("/directory/households/5/remove", &sent).await;
    assert_eq!(page.location(), "/directory/groups/4?did=removed");
    let (_, _, body) = fake.asked().pop().unwrap();
    let gone = |noun: &str, id: u32, version: u32| json!({"op": "delete", "noun": noun, "id": id, "version": version});
    let wanted = json!([gone("lines", 8, 3), gone("contacts", 6, 1), gone("households", 5, 4)]);
    assert_eq!(body["operations"], wanted);
    let problem = json!({"type": "urn:lianfang:problem:bulk-refused", "title": "refused", "status": 422,
        "errors": [{"pointer": "/operations/2", "detail": "Others belong to it."}]});
    fake.answers("POST /bulk", 422, problem);
    let page = fake.post("/directory/households/5/remove", &sent).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["Others belong to it."]);
    assert!(!page.html.contains("/operations/2"));
    let operator = Fake::new("operator");
    let page = operator.get("/directory/households/5/remove").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}

/// A town with a second group in another grid.
fn two_groups() -> Fake {
    let fake = group();
    let list = |rows: Value| json!({"items": rows, "next": null});
    let grids = json!([{"id": 3, "name": "第一网格"}, {"id": 13, "name": "第二网格"}]);
    fake.answers("GET /grids?limit=200&community_id=2", 200, list(grids));
    fake.answers("GET /grids/13", 200, json!({"id": 13, "community_id": 2, "name": "第二网格"}));
    let groups = json!([{"id": 14, "grid_id": 13, "name": "7号楼一组"}]);
    fake.answers("GET /groups?limit=200&grid_id=13", 200, list(groups));
    let here = json!([{"id": 4, "grid_id": 3, "name": "3号楼一组"}]);
    fake.answers("GET /groups?limit=200&grid_id=3", 200, list(here));
    fake.answers("GET /groups/14", 200, json!({"id": 14, "grid_id": 13, "name": "7号楼一组"}));
    let doors = json!([{"household_id": 20, "name": "老周", "place": "7-1", "building": "7", "unit": "", "floor": "",
        "door": "1", "position": 0, "lines": [], "contacts": []}]);
    fake.answers("GET /groups/14/doors", 200, list(doors));
    fake
}

#[tokio::test]
async fn a_household_is_moved_to_a_group_that_is_chosen() {
    let fake = two_groups();
    fake.get("/directory/households/5").await.shows(&["/directory/households/5/move"]);
    let path = "/directory/households/5/move";
    fake.get(path).await.shows(&["Move 陈阿姨", "/move?grids=13", "第二网格", "name=\"q\""]);
    let page = fake.get(&format!("{path}?grids=13")).await;
    page.shows(&["7号楼一组", "/move?to=14", "another one"]);
    let page = fake.get_chinese(&format!("{path}?grids=3")).await;
    page.shows(&["现在在这里"]);
    assert!(!page.html.contains("to=4\""), "it is there already");
    let hit = |noun: &str, id: u32, community: u32| {
        json!({"noun": noun, "id": id, "name": "7号楼一组", "place": "第二网格", "numbers": [], "household_id": null,
            "community_id": community, "community": "x"})
    };
    let hits = [hit("groups", 14, 2), hit("groups", 15, 9), hit("households", 16, 2)];
    fake.answers(
        "GET /search?q=7%E5%8F%B7&after=0&limit=100",
        200,
        json!({"items": hits, "next": null, "is_too_short": false}),
    );
    let page = fake.get(&format!("{path}?q=7%E5%8F%B7")).await;
    page.shows(&["/move?to=14"]);
    assert!(
        !page.html.contains("to=15") && !page.html.contains("to=16"),
        "groups of its community"
    );

    let question = fake.get(&format!("{path}?to=14")).await;
    question.shows(&[
        "Move 陈阿姨 from “3号楼一组” to “7号楼一组”?",
        "户6, 户7",
        "老周",
        "in different grids",
        "name=\"reason\"",
        "name=\"etag\" value=\"&#34;1&#34;\"",
    ]);
    assert!(!question.html.contains("户5"), "itself is no neighbour");
    fake.get_chinese(&format!("{path}?to=14")).await.shows(&["不再呼叫“3号楼一组”的：户6、户7"]);
    assert!(fake.asked().iter().all(|asked| asked.0 == Method::GET), "nothing is moved yet");
    fake.answers("PUT /households/5", 200, household());
    let sent = [("to", "14"), ("etag", "\"1\""), ("reason", "搬家")];
    let page = fake.post(path, &sent).await;
    assert_eq!(page.location(), "/directory/households/5?did=moved");
    let (_, _, body) = fake.asked().pop().unwrap();
    let wanted = json!({"group_id": 14, "name": "陈阿姨", "place": "", "building": "3", "unit": "2", "floor": "5",
        "door": "502", "position": 7, "language": "nan"});
    assert_eq!(body, wanted, "everything else stays");
    let problem =
        json!({"type": "urn:lianfang:problem:changed", "title": "It was changed", "status": 412});
    fake.answers("PUT /households/5", 412, problem);
    let page = fake.post(path, &sent).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
    page.shows(&["It was changed", "老周", "value=\"搬家\""]);
    assert_eq!(fake.post(path, &[("to", "x")]).await.location(), path);
}

#[tokio::test]
async fn every_row_that_can_be_moved_says_what_changes() {
    let fake = two_groups();
    fake.answers("GET /lines/8", 200, line());
    let mut other = household();
    (other["id"], other["name"], other["group_id"]) = (json!(20), json!("老周"), json!(14));
    fake.answers("GET /households/20", 200, other.clone());
    let rows = json!({"items": [other], "next": null});
    fake.answers("GET /households?limit=200&group_id=14", 200, rows);
    fake.get("/directory/lines/8/move?grids=13&groups=14").await.shows(&["老周", "/move?to=20"]);
    fake.get("/directory/lines/8/move?to=20")
        .await
        .shows(&["An alarm of line l8 will be one of “老周”"]);
    fake.get("/directory/contacts/6/move?to=20").await.shows(&["小陈 is called for “老周”"]);
    fake.get("/directory/groups/4/move").await.shows(&["/directory/groups/4/move?to=13"]);
    fake.get("/directory/groups/4/move?to=13")
        .await
        .shows(&["call each other as before", "第二网格"]);
    fake.answers("GET /streets/21", 200, json!({"id": 21, "name": "江头街道"}));
    let streets = json!({"items": [{"id": 1, "name": "湖里街道"}, {"id": 21, "name": "江头街道"}]});
    fake.answers("GET /streets?limit=200", 200, streets);
    fake.get("/directory/communities/2/move").await.shows(&["to=21", "where it is now"]);
    fake.get_chinese("/directory/communities/2/move?to=21").await.shows(&["呼叫谁不变"]);
    for stays in ["grids/3", "workers/1", "responders/1", "streets/1"] {
        let page = fake.get(&format!("/directory/{stays}/move")).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{stays}");
    }
    let operator = Fake::new("operator");
    assert_eq!(operator.get("/directory/households/5/move").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn several_households_are_moved_together_or_none() {
    let fake = two_groups();
    let row = |id: u32| {
        let mut row = household();
        (row["id"], row["version"], row["name"]) =
            (json!(id), json!(id + 10), json!(format!("户{id}")));
        row
    };
    let rows = json!({"items": [row(5), row(6), row(7)], "next": null});
    fake.answers("GET /households?limit=200&group_id=4", 200, rows);
    fake.get("/directory/groups/4")
        .await
        .shows(&["Move several households", "name=\"household\" value=\"6\""]);
    let path = "/directory/groups/4/several";
    assert_eq!(fake.get(path).await.location(), "/directory/groups/4#several");
    fake.get(&format!("{path}?household=5&household=6"))
        .await
        .shows(&["Move 户5, 户6", "several?household=5&#38;household=6&#38;grids=13"]);
    let question = fake.get(&format!("{path}?household=5&household=6&to=14")).await;
    question.shows(&[
        "户5, 户6",
        "老周",
        "name=\"version.5\" value=\"15\"",
        "no longer called: 户7.",
    ]);
    fake.answers("POST /bulk", 200, json!({"results": []}));
    let sent = [
        ("household", "5"),
        ("household", "6"),
        ("version.5", "15"),
        ("version.6", "9"),
        ("to", "14"),
    ];
    fake.asked();
    assert_eq!(fake.post(path, &sent).await.location(), "/directory/groups/14?did=moved");
    let (_, _, body) = fake.asked().pop().unwrap();
    let done = |at: usize| {
        let one = &body["operations"][at];
        (
            one["op"].clone(),
            one["id"].clone(),
            one["version"].clone(),
            one["value"]["group_id"].clone(),
        )
    };
    assert_eq!(done(0), (json!("replace"), json!(5), json!(15), json!(14)));
    assert_eq!(done(1), (json!("replace"), json!(6), json!(9), json!(14)), "as it was seen");
    let problem = json!({"type": "urn:lianfang:problem:bulk-refused", "title": "refused", "status": 422,
        "errors": [{"pointer": "/operations/1", "detail": "Somebody changed it."}]});
    fake.answers("POST /bulk", 422, problem);
    let page = fake.post(path, &sent).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["户6 Somebody changed it.", "老周"]);
    let page = fake.post(path, &[("household", "5"), ("household", "99"), ("to", "14")]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.shows(&["nothing was moved"]);
}

fn responder() -> Value {
    json!({"id": 9, "community_id": 2, "name": "林阿姨", "kind": "helper", "skills": [], "building": null, "grid_id": 3,
        "household_id": 5, "language": null, "version": 1, "numbers": []})
}

/// Nobody has to know an id: a grid is chosen, a household found by name.
#[tokio::test]
async fn what_a_responder_is_for_is_chosen_and_not_typed() {
    let fake = two_groups();
    fake.answers("GET /responders/9", 200, responder());
    let page = fake.get("/directory/responders/9/edit").await;
    page.shows(&[
        "<option value=\"3\" selected>第一网格",
        "<option value=\"13\">第二网格",
        "The whole community",
        "<option value=\"5\" selected>陈阿姨 building 3 unit 2 door 502",
        "name=\"household_id.q\"",
    ]);
    let hit = |id: u32, name: &str, community: u32| {
        json!({"noun": "households", "id": id, "name": name, "place": "7-1", "numbers": [], "household_id": id,
            "community_id": community, "community": "x"})
    };
    let hits = json!({"items": [hit(20, "老周", 2), hit(21, "小周", 8)], "next": null, "is_too_short": false});
    fake.answers("GET /search?q=%E5%91%A8&after=0&limit=100", 200, hits);
    fake.asked();
    let find = [
        ("do", "find"),
        ("name", "林姐"),
        ("kind", "helper"),
        ("etag", "\"1\""),
        ("household_id.q", "周"),
    ];
    let page = fake.post("/directory/responders/9/edit", &find).await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows(&["<option value=\"20\" selected>老周 7-1", "value=\"林姐\""]);
    assert!(!page.html.contains("小周"), "of its community");
    assert!(fake.asked().iter().all(|asked| asked.0 == Method::GET), "nothing is saved");
    fake.answers("PUT /responders/9", 200, responder());
    let sent = [
        ("name", "林姐"),
        ("kind", "helper"),
        ("etag", "\"1\""),
        ("grid_id", ""),
        ("household_id", "20"),
    ];
    fake.post("/directory/responders/9/edit", &sent).await;
    let (_, _, body) = fake.asked().pop().unwrap();
    assert_eq!((&body["household_id"], body.get("grid_id")), (&json!(20), None));
    // The page says names.
    fake.get("/directory/responders/9").await.shows(&["第一网格", "陈阿姨 building 3"]);
    let add = fake.get_chinese("/directory/responders/add?community_id=2").await;
    add.shows(&["帮扶的住户", "第二网格"]);
}

fn group() -> Fake {
    let fake = town();
    let door = |id: u64, floor: &str, door: &str, position: u32, is_registered: bool| {
        json!({"household_id": id, "name": format!("户{id}"), "place": "", "building": "3", "unit": "2", "floor": floor,
            "door": door, "position": position, "lines": [{"id": id, "is_registered": is_registered, "since": null}],
            "contacts": [{"id": id, "name": format!("人{id}"), "voice": is_registered, "sms": false}]})
    };
    let doors =
        [door(5, "5", "502", 2, true), door(6, "", "601", 1, false), door(7, "5", "501", 3, true)];
    fake.answers("GET /groups/4/doors", 200, json!({"items": doors}));
    let rows: Vec<Value> = [5, 6, 7].map(|id| json!({"id": id, "version": id + 10})).into();
    fake.answers(
        "GET /households?after=0&limit=200&group_id=4",
        200,
        json!({"items": rows, "next": null}),
    );
    let finding = json!({"group_id": 4, "group": "3号楼一组", "kind": "unreachable", "households": [{"id": 6, "name": "户6"}]});
    fake.answers("GET /groups/4/checks", 200, json!({"items": [finding], "total": 1}));
    fake.answers("GET /communities/2/checks", 200, json!({"items": [finding], "total": 1}));
    fake
}

#[tokio::test]
async fn a_group_looks_like_its_building() {
    let fake = group();
    let page = fake.get_chinese("/directory/groups/4").await;
    page.shows(&["3号楼 2单元", "6层", "线路中断", "呼叫不到", "没有可呼叫的联系人", "户6"]);
    let at = |word: &str| page.html.find(word).unwrap_or_else(|| panic!("no {word}"));
    assert!(at("6层") < at("5层") && at("<strong>501") < at("<strong>502"), "the top floor first");
    fake.get("/directory/groups/4").await.shows(&[
        "line up",
        "cannot be reached",
        "Nobody there can be reached",
    ]);
}

#[tokio::test]
async fn a_line_through_the_switchboard_is_not_down_in_its_group() {
    let fake = group();
    let door = json!({"household_id": 5, "name": "户5", "place": "", "building": "3", "unit": "2", "floor": "5",
        "door": "502", "position": 2, "lines": [{"id": 5, "is_registered": false, "since": null, "heard_by": "trunk"}],
        "contacts": []});
    fake.answers("GET /groups/4/doors", 200, json!({"items": [door]}));
    let page = fake.get_chinese("/directory/groups/4").await;
    page.shows(&["经交换机"]);
    assert!(!page.html.contains("线路中断"));
}

#[tokio::test]
async fn the_order_of_a_group_changes_as_a_whole() {
    let fake = group();
    fake.get("/directory/groups/4").await.shows(&[
        "data-order",
        "class=\"handle\"",
        "data-place",
        "pattern=\"[0-9]{1,5}\"",
    ]);
    fake.answers("PUT /communities/2/groups", 200, json!({"changed": 2}));
    let sent = |fake: &Fake| {
        let (_, path, body) = fake.asked().pop().unwrap();
        assert_eq!(path, "/communities/2/groups");
        let households = body["groups"][0]["households"].as_array().unwrap().clone();
        households
            .iter()
            .map(|one| (one["id"].as_u64().unwrap(), one["version"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    let versions = [("version.5", "15"), ("version.6", "9"), ("version.7", "17")];
    let fields =
        [&versions[..], &[("position.6", "9"), ("position.7", "1"), ("position.5", "2")]].concat();
    let page = fake.post("/directory/groups/4/order", &fields).await;
    assert_eq!(page.location(), "/directory/groups/4?did=saved#order");
    assert_eq!(sent(&fake), [(7, 17), (5, 15), (6, 9)], "the versions that were shown");
    fake.post("/directory/groups/4/order", &[("up", "7")]).await;
    assert_eq!(sent(&fake), [(6, 16), (7, 17), (5, 15)]);
    fake.post("/directory/groups/4/order", &[("down", "6")]).await;
    assert_eq!(sent(&fake), [(5, 15), (6, 16), (7, 17)]);
    let page = fake.post("/directory/groups/4/order", &[("position.5", "x")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["Please write a whole number.", "value=\"x\""]);
    fake.answers(
        "PUT /communities/2/groups",
        412,
        json!({"type": "urn:lianfang:problem:changed", "title": "x", "status": 412}),
    );
    let page = fake.post("/directory/groups/4/order", &[("up", "7")]).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
    page.shows(&["Somebody else has just changed this group"]);
}

#[tokio::test]
async fn a_community_is_divided_only_as_it_was_shown() {
    let fake = group();
    let household =
        json!({"id": 5, "version": 3, "name": "陈阿姨", "place": "3-2-502", "group_id": 4});
    let proposal = json!({"groups": [{"group_id": null, "grid_id": 3, "name": "3-1", "households": [household],
        "warnings": ["small"], "staircases": 1, "acquainted": 0}], "emptied": [4], "moved": 1});
    fake.answers("POST /communities/2/groups/proposal", 200, proposal);
    let page = fake.get("/directory/communities/2/groups").await;
    page.shows(&["3-1", "few households", "moves", "康乐社区", "Divide like this"]);
    page.shows(&[
        "Adjacent: in one staircase",
        "Alike in size: 1",
        "Acquainted: nobody",
        "Take this group alone",
    ]);
    fake.get_chinese("/directory/communities/2/groups").await.shows(&[
        "地域相邻",
        "住户太少",
        "换组",
        "新组",
    ]);
    let seen = page
        .html
        .split("name=\"seen\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let stale = fake.post("/directory/communities/2/groups", &[("seen", "other")]).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    stale.shows(&["Please look again"]);
    fake.answers("PUT /communities/2/groups", 200, json!({"changed": 1}));
    let page = fake.post("/directory/communities/2/groups", &[("seen", &seen)]).await;
    assert_eq!(page.location(), "/directory/communities/2/checks?did=saved");
    let (_, _, body) = fake.asked().pop().unwrap();
    assert_eq!(
        body,
        json!({"groups": [{"group_id": null, "grid_id": 3, "name": "3-1", "households": [{"id": 5, "version": 3}]}]})
    );
    let one = fake.post("/directory/communities/2/groups", &[("seen", &seen), ("only", "0")]).await;
    assert_eq!(one.location(), "/directory/communities/2/groups?did=saved", "the rest is there");
    assert_eq!(fake.asked().pop().unwrap().2, body);
    fake.get_chinese("/directory/communities/2/checks")
        .await
        .shows(&["没有可呼叫的联系人", "3号楼一组"]);
}

#[tokio::test]
async fn what_is_found_is_a_link_away() {
    let fake = town();
    fake.get_chinese("/directory/search").await.shows(&["拼音首字母"]);
    let found = json!({"noun": "contacts", "id": 6, "name": "小陈", "place": "3-2-502", "numbers": ["138****1234"],
        "household_id": 5, "community_id": 2, "community": "康乐社区"});
    let path = "GET /search?q=%E5%B0%8F%E9%99%88&after=0&limit=50";
    fake.answers(path, 200, json!({"items": [found], "next": 50, "is_too_short": false}));
    let page = fake.get("/directory/search?q=%E5%B0%8F%E9%99%88").await;
    page.shows(&[
        "/directory/contacts/6",
        "/directory/households/5",
        "138****1234",
        "contact",
        "after=50",
    ]);
    fake.answers(
        "GET /search?q=x&after=0&limit=50",
        200,
        json!({"items": [], "next": null, "is_too_short": false}),
    );
    fake.get_chinese("/directory/search?q=x").await.shows(&["没有找到。"]);
}

#[tokio::test]
async fn what_was_changed_is_told_and_undone() {
    let fake = town();
    let change =
        json!({"field": "number_written", "before": "138****1234", "after": "139****1234"});
    let key = json!({"field": "number_key", "before": "a", "after": "b"});
    let edit = json!({"id": 77, "at": "2026-11-22T03:12:00Z", "who": "account:7", "who_name": "小王", "why": "搬家", "noun": "lines", "row_id": 8,
        "action": "replaced", "changes": [key, change]});
    fake.answers("GET /lines/8", 200, line());
    fake.answers(
        "GET /history?noun=lines&id=8&limit=50",
        200,
        json!({"items": [edit], "next": 77}),
    );
    let page = fake.get("/directory/lines/8/history").await;
    page.shows(&[
        "小王",
        "搬家",
        "<del>138****1234</del>",
        "<ins>139****1234</ins>",
        "/directory/lines/undo/77",
    ]);
    page.shows(&["22 Nov 2026, 11:12", "title=\"11:12:00.000\""]);
    page.shows(&["陈阿姨", "/directory/lines/8/history?before=77", "<dt>Number</dt>"]);
    assert!(!page.html.contains("number_key"));
    fake.get_chinese("/directory/lines/8/history").await.shows(&["修改记录", "撤销", "号码"]);
    let problem = json!({"type": "urn:lianfang:problem:edited-since", "title": "x", "status": 409, "detail": "Edited since."});
    fake.answers("POST /history/77/undo", 409, problem);
    let page = fake.post("/directory/lines/undo/77", &[("row", "8")]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.shows(&["Edited since."]);
    fake.answers("POST /history/77/undo", 204, Value::Null);
    let page = fake.post("/directory/lines/undo/77", &[("row", "8")]).await;
    assert_eq!(page.location(), "/directory/lines/8/history?did=undone");
    fake.answers(
        "GET /history?noun=lines&limit=50&after=5",
        200,
        json!({"items": [], "next": null}),
    );
    fake.get("/directory/lines/history?before=5").await.shows(&["Nothing is kept."]);
}

#[tokio::test]
async fn the_history_reads_as_people_write() {
    let fake = town();
    let change = |field: &str, before: Value, after: Value| json!({"field": field, "before": before, "after": after});
    let changes = [
        change("alarm_codes", json!("[\"#9\",\"*9\"]"), json!("[\"#9\",\"*9\",\"#99\"]")),
        change("hand_over_calls", json!("0"), json!("1")),
        change("language", json!("zh-CN"), json!("nan")),
        change("silent_codes", json!("[]"), Value::Null),
        change("street_id", json!("1"), json!("3")),
    ];
    let edit = json!({"id": 77, "at": "2026-11-22T03:00:00Z", "who": "account:1", "who_name": "王敏", "why": null, "row_id": 2,
        "action": "replaced", "changes": changes});
    let by = |who: &str| {
        json!({"id": 76, "at": "2026-11-22T03:00:00Z", "who": who, "why": null, "row_id": 2,
        "action": "created", "changes": []})
    };
    let items = json!([edit, by("account:9"), by("token:pbx"), by("cli:root")]);
    let page = json!({"items": items, "next": null});
    fake.answers("GET /history?noun=communities&id=2&limit=50", 200, page);
    let page = fake.get("/directory/communities/2/history").await;
    page.shows(&["<del>#9 *9</del>", "<ins>#9 *9 #99</ins>", "<del>No</del>", "<ins>Yes</ins>"]);
    page.shows(&[">王敏<", "an account that is gone", "program pbx", "command line"]);
    page.shows(&[
        "<del>Mandarin</del>",
        "<ins>Minnan</ins>",
        "<dt>Belongs to</dt>",
        "<del>湖里街道</del> <ins>street 3</ins>",
    ]);
    assert!(!page.html.contains("[&#34;") && !page.html.contains("[]"));
    fake.get_chinese("/directory/communities/2/history").await.shows(&["<ins>是</ins>", "闽南语"]);
}

/// Nobody knows a grid, a household or a person by its number.
#[tokio::test]
async fn the_history_names_rows_and_not_their_ids() {
    let fake = two_groups();
    fake.answers("GET /responders/9", 200, responder());
    let change = |field: &str, before: Value, after: Value| json!({"field": field, "before": before, "after": after});
    let edit = |id: u32, row: u32, action: &str, changes: Value| {
        json!({"id": id, "at": "2026-11-22T03:00:00Z", "who": "cli:root", "why": null, "row_id": row,
            "action": action, "changes": changes})
    };
    let changed = json!([
        change("grid_id", json!("3"), json!("77")),
        change("household_id", Value::Null, json!("5")),
    ]);
    let gone = json!([
        change("name", json!("老林"), Value::Null),
        change("community_id", json!("2"), Value::Null),
    ]);
    let edits = [edit(8, 9, "replaced", changed), edit(7, 10, "deleted", gone)];
    let page = json!({"items": edits, "next": null});
    fake.answers("GET /history?noun=responders&limit=50", 200, page);
    fake.asked();
    let page = fake.get("/directory/responders/history").await;
    page.shows(&[
        ">responder 林阿姨</a>",
        ">responder 老林</a>",
        "<del>第一网格</del> <ins>grid 77</ins>",
        "<ins>陈阿姨 building 3 unit 2 door 502</ins>",
        "<del>康乐社区</del>",
    ]);
    assert!(fake.asked().iter().all(|(_, path, _)| path != "/responders/10"), "it is told");
    fake.get_chinese("/directory/responders/history").await.shows(&[
        ">响应人 林阿姨</a>",
        "<ins>网格 77</ins>",
        "<ins>陈阿姨 3号楼 2单元 502</ins>",
    ]);
}

#[tokio::test]
async fn every_noun_is_added_changed_and_removed_with_every_field() {
    for noun in &super::noun::NOUNS {
        let (row, plural) = (crate::parity::example(noun.plural), noun.plural);
        let fake = Fake::new("admin");
        let path = format!("/{plural}/7");
        fake.answers(&format!("GET {path}"), 200, row.clone());
        fake.answers(&format!("PUT {path}"), 200, row.clone());
        fake.answers(&format!("POST /{plural}"), 201, row.clone());
        fake.answers(&format!("DELETE {path}"), 204, Value::Null);
        let form = super::draft::form_of(noun, &row);
        let fields = |more: &[(&str, &str)]| {
            let row = form.fields().iter().map(|(name, value)| (name.clone(), value.clone()));
            let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            more.chain(row).collect::<Vec<_>>()
        };
        let send = async |page: &str, more: &[(&str, &str)]| {
            let fields = fields(more);
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            fake.asked();
            let page = fake.post(&format!("/directory/{plural}{page}"), &fields).await;
            assert!(page.status.is_redirection(), "{plural}: {} {}", page.status, page.html);
            fake.asked().pop().expect("is asked")
        };
        let parent = noun.parent.map(|(_, field)| (field, row[field].to_string()));
        let parent = parent.iter().map(|(field, id)| (*field, id.as_str()));
        // Of what is new no number is masked.
        let numbers = [("number", "0592-5551234"), ("number.0", "13800001111")];
        let (method, _, added) = send("/add", &parent.chain(numbers).collect::<Vec<_>>()).await;
        assert_eq!(method, Method::POST, "{plural}");
        let (method, _, changed) = send("/7/edit", &[("etag", "\"1\"")]).await;
        assert_eq!(method, Method::PUT, "{plural}");
        for field in noun.fields {
            assert!(added.get(field.name).is_some(), "{plural} {}: {added}", field.name);
            assert!(changed.get(field.name).is_some(), "{plural} {}: {changed}", field.name);
        }
        let (method, ..) = send("/7/remove", &[("etag", "\"1\"")]).await;
        assert_eq!(method, Method::DELETE, "{plural}");
        let below = noun.children.iter().filter_map(|child| super::noun::Noun::of(child));
        let lists = below.map(|child| {
            let (_, field) = child.parent.expect("hangs below");
            format!("/{}?after=0&limit=50&{field}=1", child.plural)
        });
        let lists: Vec<String> = lists.collect();
        for list in &lists {
            fake.answers(&format!("GET {list}"), 200, json!({"items": [], "next": null}));
        }
        fake.get(&format!("/directory/{plural}/7")).await;
        let asked = fake.asked();
        let is_asked = |list: &String| asked.iter().any(|(_, path, _)| path == list);
        // What hangs below a group is shown door by door.
        assert!(plural == "groups" || lists.iter().all(is_asked), "{plural}: {asked:?}");
        if noun.has_numbers() {
            fake.answers(&format!("POST {path}/reads"), 204, Value::Null);
            fake.post(&format!("/directory/{plural}/7/numbers"), &[]).await;
        }
    }
}
