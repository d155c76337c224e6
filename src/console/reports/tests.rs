//! The pages of reports over an API that answers with what it was given.

use crate::fake::Fake;
use serde_json::{Value, json};

fn spread(ms: u64) -> Value {
    json!({"count": 4, "p50": ms, "p90": 2 * ms, "p99": 3 * ms})
}

fn figures(alarms: u32) -> Value {
    json!({"alarms": alarms, "open": 1, "genuine": 2, "false_alarms": 1, "tests": 0, "unknown": 0,
        "false_percent": 33, "nobody_came": 1, "drills": 10, "first_ring_ms": spread(900),
        "first_key_ms": spread(9_500), "coming_ms": spread(12_000), "arrived_ms": spread(200_000),
        "closed_ms": {"count": 0, "p50": null, "p90": null, "p99": null},
        "late": {"judged": 3, "accepted": 1, "arrived": 2, "closed": 0, "follow_ups": 2, "followed_up": 1, "follow_ups_late": 1}})
}

fn with(mut row: Value, more: Value) -> Value {
    let more = more.as_object().expect("an object").clone();
    row.as_object_mut().expect("an object").extend(more);
    row
}

fn report() -> Value {
    json!({"from": "2026-10", "until": "2026-11", "community_id": null, "counted_at": "2026-11-22T03:12:00Z",
        "total": figures(4), "communities_left_out": 2,
        "months": [with(figures(0), json!({"month": "2026-10"})), with(figures(4), json!({"month": "2026-11"}))],
        "communities": [with(figures(3), json!({"community_id": 2, "community": "康乐社区"})),
            with(figures(1), json!({"community_id": null, "community": ""}))],
        "kinds": [with(figures(4), json!({"kind": "fire"}))]})
}

fn problem(status: u16, slug: &str, detail: &str) -> Value {
    json!({"type": format!("urn:lianfang:problem:{slug}"), "title": slug, "status": status, "detail": detail})
}

#[tokio::test]
async fn a_report_is_shown_in_tables_and_bars() {
    let fake = Fake::new("operator");
    fake.answers("GET /reports/alarms?from=2026-10&until=2026-11&community_id=2", 200, report());
    let communities =
        json!({"items": [{"id": 2, "name": "康乐社区"}, {"id": 3, "name": "文园社区"}]});
    fake.answers("GET /communities?limit=200", 200, communities);
    let page = fake.get("/reports?from=2026-10&until=2026-11&community=2").await;
    page.shows(&[
        "0.9 s",
        "12 s",
        "3 min 20 s",
        "33%",
        "2026-10",
        "nobody knows any more where",
        "22 Nov 2026, 11:12",
    ]);
    page.shows(&["<option value=\"2\" selected>康乐社区", "<option value=\"3\">文园社区"]);
    page.shows(&[
        "value=\"2026-10\"",
        "<rect class=\"f-blue\" x=\"0\" width=\"50\" height=\"10\"/>",
    ]);
    let csv = "/reports/csv/month?from=2026-10&#38;until=2026-11&#38;community_id=2";
    page.shows(&[csv, "More communities are not listed: 2", "aria-current=\"page\""]);
    assert!(!page.html.contains(" style="), "no style within the page");
    let chinese = fake.get_chinese("/reports?from=2026-10&until=2026-11&community=2").await;
    chinese.shows(&[
        "首次响铃",
        "0.9 秒",
        "误报率",
        "接警超时",
        "按社区和月份",
        "已无法得知在哪里",
        "火警",
    ]);
}

#[tokio::test]
async fn an_auditor_chooses_of_the_communities_in_the_report() {
    let fake = Fake::new("auditor");
    fake.answers("GET /reports/alarms?", 200, report());
    let page = fake.get("/reports").await;
    page.shows(&["<option value=\"2\">康乐社区", "href=\"/reports\" data-go"]);
    let asked = fake.asked();
    assert!(asked.iter().all(|(_, path, _)| !path.starts_with("/communities")), "{asked:?}");
    let fake = Fake::new("responder");
    assert!(!fake.get("/reports").await.html.contains("data-go=\"b\""));
}

#[tokio::test]
async fn a_wrong_period_is_told_beside_its_field_and_kept() {
    let fake = Fake::new("operator");
    let wrong = problem(400, "parameter", "`until` must not be before the first month.");
    fake.answers("GET /reports/alarms?from=2026-11&until=2026-01", 400, wrong);
    fake.answers("GET /communities?limit=200", 200, json!({"items": []}));
    let page = fake.get("/reports?from=2026-11&until=2026-01").await;
    assert_eq!(page.status, 422);
    page.shows(&[
        "id=\"until-error\"",
        "value=\"2026-11\"",
        "value=\"2026-01\"",
        "Please correct this",
    ]);
}

#[tokio::test]
async fn what_is_still_being_counted_comes_by_itself() {
    let fake = Fake::new("operator");
    let busy = problem(503, "counting", "There is much to count.");
    fake.answers("GET /reports/alarms?", 503, busy.clone());
    fake.answers("GET /reports/alarms.csv?by=month&", 503, busy.clone());
    fake.answers("GET /public/communities/2", 503, busy);
    for path in ["/reports", "/reports/csv/month", "/public/2"] {
        let page = fake.get(path).await;
        assert_eq!(
            (page.status.as_u16(), &page.headers["refresh"]),
            (503, &"3".parse().expect("a value")),
            "{path}"
        );
        page.shows(&["Counting", "<progress"]);
    }
}

#[tokio::test]
async fn a_sheet_is_passed_on_as_it_is() {
    let fake = Fake::new("auditor");
    fake.answers("GET /reports/alarms.csv?by=kind&from=2026-10", 200, json!("sheet"));
    let all = "by=month&from=2026-09&until=2026-10&community_id=2";
    fake.answers(&format!("GET /reports/alarms.csv?{all}"), 200, json!("a month"));
    let path = "/reports/csv/month?from=2026-09&until=2026-10&community=2";
    fake.get(path).await.shows(&["a month"]);
    let one = "GET /reports/communities.csv?limit=50&community_id=9";
    fake.answers(one, 200, json!("id,name\n9,b\n"));
    let sheet = fake.get("/reports/csv/communities?community=9").await;
    assert_eq!(sheet.html, "id,name\n9,b\n");
    let first = "link: </api/v1/reports/communities.csv?after=7>; rel=\"next\"\nid,name\n7,a\n";
    fake.answers("GET /reports/communities.csv?limit=50", 200, json!(first));
    fake.answers("GET /reports/communities.csv?limit=50&after=7", 200, json!("id,name\n9,b\n"));
    fake.get("/reports/csv/kind?from=2026-10").await.shows(&["sheet"]);
    let sheet = fake.get("/reports/csv/communities").await;
    assert_eq!(sheet.html, "id,name\n7,a\n9,b\n", "every page, and the names once");
    assert_eq!(fake.get("/reports/csv/secrets").await.status, 404);
}

#[tokio::test]
async fn lines_and_numbers_stand_community_by_community() {
    let fake = Fake::new("operator");
    let row = json!({"community_id": 2, "community": "康乐社区", "groups": 3, "households": 30,
        "lines": {"total": 30, "up": 25, "down": 2, "never": 1, "brought": 2},
        "numbers": {"numbers": 60, "confirmed": 45, "never_confirmed": 5, "doubtful": 6, "unreachable": 4, "due": 9, "confirmed_percent": 75}});
    let page = json!({"items": [row], "next": 2, "counted_at": "2026-11-22T03:12:00Z"});
    let auditor = Fake::new("auditor");
    auditor.answers("GET /reports/communities?limit=20", 200, page.clone());
    let read = auditor.get("/reports/lines").await;
    assert!(!read.html.contains("/directory/reachability"), "who may not see numbers has no link");
    fake.answers("GET /reports/communities?limit=20", 200, page.clone());
    fake.answers("GET /reports/communities?limit=20&community_id=2", 200, page);
    let communities =
        json!({"items": [{"id": 2, "name": "康乐社区"}, {"id": 3, "name": "文园社区"}]});
    fake.answers("GET /communities?limit=200", 200, communities);
    let one = fake.get("/reports/lines?community=2").await;
    one.shows(&["value=\"2\" selected>康乐社区", "<option value=\"3\">文园社区"]);
    one.shows(&[
        "/reports/lines?community=2&#38;after=2",
        "/reports/csv/communities?community=2\"",
    ]);
    let page = fake.get("/reports/lines").await;
    page.shows(&["/lines?community=2", "75%", "/reports/lines?after=2", "tag amber"]);
    page.shows(&[
        "href=\"/directory/reachability?community=2&#38;state=doubtful\">6</a>",
        "href=\"/directory/reachability?community=2&#38;state=unreachable\">4</a>",
        "href=\"/directory/reachability?community=2&#38;due=true\">9</a>",
    ]);
    fake.get_chinese("/reports/lines?after=x").await.shows(&["号码待确认", "经交换机"]);
    let last = json!({"items": [], "next": null, "counted_at": "2026-11-22T03:12:00Z"});
    fake.answers("GET /reports/communities?limit=20&after=2", 200, last);
    fake.get("/reports/lines?after=2").await.shows(&["There is no community."]);
}

#[tokio::test]
async fn everybody_reads_the_public_page_without_signing_in() {
    let fake = Fake::nobody();
    fake.answers("GET /public/communities", 200, json!({"items": [{"id": 2, "name": "康乐社区"}]}));
    let report = json!({"community": "康乐社区", "from": "2026-09", "until": "2026-10", "few": 5, "alarms": null,
        "false_percent": null, "first_ring_ms": {"p50": 900, "p90": null}, "coming_ms": {"p50": null, "p90": null},
        "arrived_ms": {"p50": null, "p90": null}, "months": [{"month": "2026-09", "alarms": null, "drills": 30},
        {"month": "2026-10", "alarms": 12, "drills": null}]});
    fake.answers("GET /public/communities/2", 200, report);
    fake.get("/public").await.shows(&["/public/2", "康乐社区"]);
    let page = fake.get("/public/2").await;
    page.shows(&[
        "&#60;5",
        "0.9 s",
        "too few",
        "2026-10",
        "<td class=\"num\" data-label=\"Alarms\">12</td>",
    ]);
    fake.get_chinese("/public/2").await.shows(&["样本太少", "为保护个人"]);
    assert_eq!(fake.get("/public/3").await.status, 404);
    assert_eq!(fake.get("/public/x").await.status, 400);
}
