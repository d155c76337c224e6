//! The pages of the paper mirror over an API that answers with what it was given.

use crate::fake::Fake;
use serde_json::{Value, json};

fn person(name: &str, number: &str) -> Value {
    json!({"name": name, "kind": "worker", "numbers": [number]})
}

fn papers() -> Value {
    let household = |number: usize| {
        json!({"id": number, "name": format!("第{number}户"), "place": format!("3-2-{number}02"),
            "lines": [format!("555000{number}")], "people": [person("陈阿姨", "13800001111")], "helpers": []})
    };
    let mut households: Vec<Value> = (1..=4).map(household).collect();
    households[0]["helpers"] = json!([person("阿芳", "13911112222")]);
    json!({"community_id": 2, "community": "康乐社区", "street": "湖里街道", "time_zone": "Asia/Shanghai",
        "printed_at": "2026-11-22T03:12:00Z", "version": 42, "month": "2026-11", "alarm_codes": ["#9"],
        "on_duty": [person("王敏", "13900002222")], "workers": [person("王敏", "13900002222")],
        "responders": [{"name": "街道值班室", "kind": "street", "numbers": ["5559999"]}],
        "roster": [{"code": "A", "name": "A岗", "stretches": [
            {"from": "2026-10-31T16:00:00Z", "to": "2026-11-01T00:00:00Z", "names": ["王敏"]},
            {"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z", "names": []},
            {"from": "2026-11-02T00:00:00Z", "to": "2026-11-30T16:00:00Z", "names": ["李强", "王敏"]}]}],
        "groups": [{"id": 4, "grid": "第一网格", "name": "3号楼一组", "households": households}]})
}

#[tokio::test]
async fn what_is_to_be_printed_is_chosen_without_a_number() {
    let fake = Fake::new("operator");
    let communities = json!({"items": [{"id": 2, "name": "康乐社区"}]});
    fake.answers("GET /communities?limit=200", 200, communities);
    fake.get("/paper").await.shows(&["/paper?community=2"]);
    fake.answers("GET /communities/2", 200, json!({"id": 2, "name": "康乐社区"}));
    let grids = json!({"items": [{"id": 3, "name": "第一网格"}]});
    fake.answers("GET /grids?limit=200&community_id=2", 200, grids);
    let page = fake.get("/paper?community=2").await;
    page.shows(&["name=\"community\" value=\"2\"", "/paper?grid=3", "Who prints is recorded"]);
    fake.answers("GET /grids/3", 200, json!({"id": 3, "name": "第一网格"}));
    let groups = json!({"items": [{"id": 4, "name": "3号楼一组"}]});
    fake.answers("GET /groups?limit=200&grid_id=3", 200, groups);
    fake.get("/paper?grid=3").await.shows(&["name=\"grid\" value=\"3\"", "/paper?group=4"]);
    fake.answers("GET /groups/4", 200, json!({"id": 4, "name": "3号楼一组"}));
    let page = fake.get_chinese("/paper?group=4").await;
    page.shows(&["name=\"group\" value=\"4\"", "会记录是谁打印的"]);
    assert_eq!(fake.get("/paper?group=5").await.status, 404);
    assert!(fake.asked().iter().all(|(_, path, _)| path != "/paper"), "nobody saw a number");
}

#[tokio::test]
async fn papers_have_numbers_in_full_date_version_and_what_to_do_with_old_ones() {
    let fake = Fake::new("operator");
    fake.answers("POST /paper", 200, papers());
    let parts = [("part", "sheets"), ("part", "roster"), ("part", "tree")];
    let all = [&[("group", "4"), ("month", "2026-11")], &parts[..]].concat();
    let page = fake.post("/paper/print", &all).await;
    let (_, _, sent) = fake.asked().pop().expect("asked");
    assert_eq!(sent, json!({"group_id": 4, "month": "2026-11"}));
    page.shows(&[
        "3号楼一组",
        "3-2-102",
        "5550001",
        "13800001111",
        "helped by 阿芳",
        "13911112222",
    ]);
    page.shows(&[
        "22 Nov 2026, 11:12",
        "version 42",
        "tear the old one up",
        "街道值班室 (street desk)",
    ]);
    page.shows(&["Sun 1 Nov", "00:00 王敏; 08:00 uncovered", "Mon 2 Nov", "08:00 李强、王敏"]);
    page.shows(&["The duty worker calls", "第1户 calls", "第2户 5550002", "第4户 5550004"]);
    assert_eq!(page.html.matches("class=\"sheet\"").count(), 3);
    assert!(page.html.len() < 100 * 1024 && page.headers["cache-control"] == "no-store");
    let sheets = fake.post("/paper/print", &[("grid", "3"), ("part", "sheets")]).await;
    assert_eq!(sheets.html.matches("class=\"sheet\"").count(), 1);
    let (_, _, sent) = fake.asked().pop().expect("asked");
    assert_eq!(sent, json!({"grid_id": 3}));
    fake.post("/paper/print", &[("community", "2"), ("part", "tree")]).await.shows(&["3号楼一组"]);
    let (_, _, sent) = fake.asked().pop().expect("asked");
    assert_eq!(sent, json!({"community_id": 2}));
}

#[tokio::test]
async fn who_chooses_nothing_is_asked_again() {
    let fake = Fake::new("operator");
    fake.answers("GET /groups/4", 200, json!({"id": 4, "name": "3号楼一组"}));
    let page = fake.post("/paper/print", &[("group", "4")]).await;
    assert_eq!(page.status, 422);
    page.shows(&["Please choose what is to be printed.", "href=\"#part\""]);
    let wrong = json!({"type": "urn:lianfang:problem:invalid", "title": "no", "status": 422,
        "errors": [{"pointer": "/month", "detail": "need a month"}]});
    fake.answers("POST /paper", 422, wrong);
    let sent = [("group", "4"), ("part", "tree"), ("month", "soon")];
    let page = fake.post("/paper/print", &sent).await;
    assert_eq!(page.status, 422);
    page.shows(&["id=\"month-error\">need a month", "value=\"soon\""]);
}
