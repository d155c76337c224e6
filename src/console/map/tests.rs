use crate::fake::Fake;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};

fn door(id: u64, unit: &str, door: &str, line: &str) -> Value {
    json!({"household_id": id, "name": format!("户{id}"), "unit": unit, "floor": "", "door": door, "line": line})
}

/// A building of ten floors with two staircases of three doors.
fn building(at: usize, line: &str) -> Value {
    let mut doors = Vec::new();
    for unit in 1..=2 {
        for floor in 1..=10 {
            for side in 1..=3 {
                let id = at * 100 + doors.len();
                doors.push(door(id as u64, &unit.to_string(), &format!("{floor}0{side}"), line));
            }
        }
    }
    let down = if line == "down" { doors.len() } else { 0 };
    json!({"at": at, "place": "康乐新村", "building": (at + 1).to_string(), "households": 60, "lines_down": down, "doors": doors})
}

fn map(from: usize, to: usize, total: usize, line: &str) -> Value {
    let items: Vec<Value> = (from..to).map(|at| building(at, line)).collect();
    json!({"now": "2026-11-22T03:12:00Z", "community_id": 2, "community": "康乐社区", "total": total, "items": items,
        "next": if to < total { Some(to) } else { None }, "alarms": []})
}

fn fake(role: &str, map: Value) -> Fake {
    let fake = Fake::new(role);
    let communities = json!({"items": [{"id": 2, "name": "康乐社区"}], "next": null});
    fake.answers("GET /communities?limit=200", 200, communities);
    fake.answers("GET /communities/2/map?after=0&limit=40", 200, map);
    fake
}

fn with_alarm(mut map: Value) -> Value {
    map["alarms"] = json!([
        {"id": "0drill", "state": "unattended", "is_drill": true, "household_id": 3, "building_at": 0},
        {"id": "0alarm", "state": "unattended", "is_drill": false, "household_id": 5, "building_at": 0},
        {"id": "0gone", "state": "coming", "is_drill": false, "household_id": null, "building_at": null}]);
    map
}

fn board() -> Value {
    let place = json!({"community_id": 2, "building": "1", "door": "203", "household": "户5"});
    json!({"now": "2026-11-22T03:12:00Z", "items": [{"id": "0alarm", "state": "unattended", "place": place}], "is_cut": false})
}

#[tokio::test]
async fn a_community_is_drawn_with_its_alarms_and_a_list_beside_it() {
    let fake = fake("operator", with_alarm(map(0, 3, 3, "up")));
    fake.answers("GET /alarms/board?community_id=2", 200, board());
    assert_eq!(fake.get("/map").await.location(), "/map/2", "there is but one");
    let page = fake.get("/map/2").await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows(&[
        "data-live=\"/live\"",
        "id=\"map\" data-part",
        "Nobody is coming yet",
        "/alarms/0alarm",
    ]);
    page.shows(&[
        "/map/2/building?place=%E5%BA%B7",
        "<title>康乐新村 building 1, 60 households, 2 alarms</title>",
    ]);
    page.shows(&["class=\"f-red\"", "class=\"f-grey\"", "/alarms/0gone"]);
    let first = page.html.find("/alarms/0alarm").unwrap();
    assert!(first < page.html.find("/alarms/0drill").unwrap(), "the most urgent first");
    assert!(!page.html.contains("/map/2/plan"), "operators place no buildings");
    fake.get_chinese("/map/2").await.shows(&[
        "地图 康乐社区",
        "无人接警",
        "楼栋图",
        "60 户",
        "康乐新村 1号楼",
    ]);
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("img-src 'self' https://tile.example data:"), "{policy}");
    let elsewhere = fake.get("/lines").await;
    let policy = elsewhere.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("img-src 'self' data:") && !policy.contains("tile"), "{policy}");
}

#[tokio::test]
async fn pages_are_small_with_any_number_of_buildings() {
    for (total, line) in [(0, "up"), (1, "up"), (40, "up"), (400, "up"), (400, "down")] {
        let fake = fake("admin", map(0, total.min(40), total, line));
        let page = fake.get("/map/2").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.html.len() <= 100 * 1024, "{total} {line}: {}", page.html.len());
        assert_eq!(page.html.contains("after=40"), total == 400, "{total}");
        assert_eq!(page.html.contains("lines down"), line == "down", "{total}");
    }
    let fake = fake("admin", map(0, 1, 1, "up"));
    fake.answers("GET /communities/2/map?after=40&limit=40", 200, map(40, 80, 400, "up"));
    fake.get("/map/2?after=40").await.shows(&["41–80 / 400", "after=80", "after=0"]);
}

#[tokio::test]
async fn a_building_shows_its_floors_from_the_top() {
    let fake = fake("operator", Value::Null);
    let mut one = with_alarm(map(0, 1, 3, "down"));
    one["items"][0]["doors"][0]["line"] = json!("never");
    fake.answers("GET /communities/2/map?place=&building=1", 200, one);
    fake.answers("GET /alarms/board?community_id=2", 200, board());
    let page = fake.get_chinese("/map/2/building?building=1").await;
    page.shows(&[
        "康乐新村 1号楼",
        "10层",
        "1 单元",
        "/directory/households/5",
        "/alarms/0alarm",
        "线路中断",
        "没有注册过",
    ]);
    let at = |words: &str| page.html.find(words).unwrap_or_else(|| panic!("no {words}"));
    assert!(at("10层") < at(">9层") && at(">2层") < at(">1层"));
    assert!(!page.html.contains("/alarms/0gone"), "only what is here");
    // Buildings of two compounds may have one name.
    let of_compound =
        "GET /communities/2/map?place=%E5%BA%B7%E4%B9%90%E6%96%B0%E6%9D%91&building=1";
    fake.answers(of_compound, 200, map(0, 1, 3, "up"));
    let path = "/map/2/building?place=%E5%BA%B7%E4%B9%90%E6%96%B0%E6%9D%91&building=1";
    fake.get_chinese(path).await.shows(&["康乐新村 1号楼"]);
    let mut large = map(0, 1, 1, "up");
    let doors: Vec<Value> =
        (0..400).map(|id| door(id, "1", &format!("{}01", id / 4 + 1), "down")).collect();
    large["items"][0]["doors"] = json!(doors);
    fake.answers("GET /communities/2/map?place=&building=2", 200, large);
    let page = fake.get("/map/2/building?building=2").await;
    page.shows(&["floor=30", "The floors below"]);
    assert!(page.html.len() <= 100 * 1024, "{}", page.html.len());
    let page = fake.get("/map/2/building?building=2&floor=90").await;
    assert!(!page.html.contains("The floors below"));
    let mut none = map(0, 0, 3, "up");
    none["items"] = json!([]);
    fake.answers("GET /communities/2/map?place=&building=9", 200, none);
    assert_eq!(fake.get("/map/2/building?building=9").await.location(), "/map/2");
}

fn plan() -> Value {
    json!({"picture": {"media_type": "image/png", "width": 1920, "height": 960, "sha256": "ab".repeat(32)}, "map": null,
        "spots": [{"place": "康乐新村", "building": "1", "x": 500, "y": 250}], "version": 1})
}

#[tokio::test]
async fn buildings_stand_on_a_plan_where_they_were_placed() {
    let fake = fake("admin", map(0, 2, 2, "up"));
    fake.answers("GET /communities/2/plan", 200, plan());
    fake.answers("GET /communities/2/map?doors=false&limit=500", 200, map(0, 1, 2, "down"));
    fake.answers("GET /communities/2/map?doors=false&limit=500&after=1", 200, map(1, 2, 2, "down"));
    let page = fake.get("/map/2").await;
    page.shows(&[
        "viewBox=\"0 0 960 480\"",
        "href=\"/map/2/picture?abababababab\"",
        "translate(480 120)",
    ]);
    page.shows(&["not on the plan", "f-amber", "/map/2?view=blocks", "/map/2/plan"]);
    let blocks = fake.get("/map/2?view=blocks").await;
    assert!(!blocks.html.contains("<image") && blocks.html.contains("s-door"));

    let map_part = json!({"picture": null, "map": {"latitude_e6": 24_479_800, "longitude_e6": 118_089_400, "zoom": 16}, "spots": [], "version": 1});
    fake.answers("GET /communities/2/plan", 200, map_part);
    let page = fake.get("/map/2").await;
    page.shows(&[
        "https://tile.example/16/54265/28169.png",
        "© Example",
        "viewBox=\"0 0 960 640\"",
    ]);
}

#[tokio::test]
async fn buildings_are_placed_by_numbers_or_by_a_click() {
    let fake = fake("admin", map(0, 2, 2, "up"));
    fake.answers("GET /communities/2/plan", 200, plan());
    fake.answers("GET /communities/2/map?doors=false&after=0&limit=40", 200, map(0, 2, 2, "up"));
    let page = fake.get("/map/2/plan").await;
    page.shows(&[
        "name=\"x.0\"",
        "value=\"500\"",
        "type=\"image\"",
        "width=\"800\" height=\"400\"",
        "Latitude",
    ]);
    // Or dragged, on this page alone; what is dragged is saved by the form of the numbers.
    let script = "<script src=\"/assets/plan.js?";
    page.shows(&[script, "id=\"drag\" hidden", "<button form=\"where\"", "<form id=\"where\""]);
    page.shows(&["<tr data-row data-name=\"康乐新村"]);
    assert!(!fake.get("/map/2").await.html.contains(script));
    fake.answers("PUT /communities/2/plan/spots", 200, plan());
    let rows = [
        ("etag", "\"1\""),
        ("row", "0"),
        ("row", "1"),
        ("place.0", "康乐新村"),
        ("building.0", "1"),
        ("place.1", "康乐新村"),
        ("building.1", "2"),
    ];
    let sent = |fake: &Fake| fake.asked().pop().unwrap().2["spots"].clone();
    let spot = |building: &str, x: u16, y: u16| json!({"place": "康乐新村", "building": building, "x": x, "y": y});
    let fields = [&rows[..], &[("x.1", "10"), ("y.1", "20")]].concat();
    let page = fake.post("/map/2/plan/spots", &fields).await;
    assert_eq!(page.location(), "/map/2/plan?after=0&did=saved");
    assert_eq!(sent(&fake), json!([spot("2", 10, 20)]), "one without numbers is not on the plan");
    let fields = [&rows[..], &[("at", "1"), ("spot.x", "400"), ("spot.y", "400")]].concat();
    fake.post("/map/2/plan/spots", &fields).await;
    assert_eq!(sent(&fake), json!([spot("1", 500, 250), spot("2", 500, 1000)]));
    let fields = [&rows[..], &[("x.1", "1001"), ("y.1", "left")]].concat();
    let page = fake.post("/map/2/plan/spots", &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["from 0 to 1000", "value=\"left\"", "aria-describedby=\"x.1-error\""]);
    let changed = json!({"type": "urn:lianfang:problem:changed", "title": "x", "status": 412});
    fake.answers("PUT /communities/2/plan/spots", 412, changed);
    let fields = [&rows[..], &[("x.1", "10"), ("y.1", "20")]].concat();
    let page = fake.post("/map/2/plan/spots", &fields).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
    page.shows(&["Somebody else has just changed the plan"]);
}

#[tokio::test]
async fn a_plan_is_sent_and_what_is_none_is_refused_beside_the_field() {
    let fake = fake("admin", Value::Null);
    fake.answers("GET /communities/2/map?doors=false&after=0&limit=40", 200, map(0, 0, 0, "up"));
    let csrf = crate::visit::csrf_of("s");
    let page = fake.post_file("/map/2/plan", "x", "guessed").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    fake.post_file("/map/2/plan", "x", &csrf).await.shows(&["Please choose a picture."]);
    let svg = json!({"type": "urn:lianfang:problem:no-picture", "title": "x", "status": 422, "detail": "An SVG may hold scripts."});
    fake.answers("PUT /communities/2/plan/picture", 422, svg);
    let page = fake.post_part("/map/2/plan", ("picture", "<svg/>"), &csrf).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.shows(&["An SVG may hold scripts."]);
    fake.answers("PUT /communities/2/plan/picture", 200, plan());
    let page = fake.post_part("/map/2/plan", ("picture", "PNG"), &csrf).await;
    assert_eq!(page.location(), "/map/2/plan?after=0&did=saved");
    fake.answers("PUT /communities/2/plan/map", 200, plan());
    let place = [("latitude", "24.4798"), ("longitude", "118.0894"), ("zoom", "16")];
    fake.post("/map/2/plan/part", &place).await;
    let sent = fake.asked().pop().unwrap().2;
    assert_eq!(sent, json!({"latitude_e6": 24_479_800, "longitude_e6": 118_089_400, "zoom": 16}));
    let page = fake.post("/map/2/plan/part", &[("latitude", "north"), ("zoom", "16")]).await;
    page.shows(&["such as 24.4798", "value=\"north\""]);
    fake.answers("DELETE /communities/2/plan", 204, Value::Null);
    let page = fake.post("/map/2/plan/remove", &[("etag", "\"1\"")]).await;
    assert_eq!(page.location(), "/map/2/plan?after=0&did=saved");
}
