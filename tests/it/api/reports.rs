//! Reports: counted from the real log, by month, community and kind; lines and numbers; what everybody may read.

use super::alarms::{record, with};
use super::{Api, Client, Reply};
use axum::http::Method;
use jiff::{SignedDuration, Timestamp};
use lianfang::store::accounts::Role;
use lianfang::store::alarm_log::{NewEvents, OpenedAlarm};
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang::web::ports::Binding;
use lianfang_domain::alarm::{CloseOutcome, Event, Proof, Trigger, TriggerSource};
use lianfang_domain::id::{AlarmId, CommunityId, GroupId, HouseholdId, LineId};
use lianfang_domain::kind::AlarmKind;
use serde_json::{Value, json};
use std::time::Duration;

/// An alarm of a line that was raised now and closed a minute later.
fn short(
    api: &Api,
    number: u64,
    (line, source): (u64, TriggerSource),
    outcome: CloseOutcome,
) -> NewEvents {
    let line = LineId(u32::try_from(line).expect("small"));
    let at = api.clock.now();
    let trigger = Trigger {
        line,
        household: HouseholdId(1),
        group: GroupId(1),
        code: "#9".into(),
        source,
        proof: Proof::Digest,
        idempotency_key: format!("short-{number}").into(),
    };
    let opened = OpenedAlarm {
        line,
        idempotency_key: trigger.idempotency_key.clone(),
        follows: None,
        raised: at,
    };
    let matter = (outcome == CloseOutcome::Genuine).then_some(AlarmKind::Fire);
    let close = Event::Closed { actor: "".into(), outcome, matter, by: None };
    NewEvents {
        alarm: AlarmId(number << 30),
        first_sequence: 0,
        at,
        events: vec![Event::Raised { trigger, follows: None }, close],
        plan: None,
        opened: Some(opened),
        closed: Some(at),
        beginning: None,
    }
}

async fn keep(api: &Api, batch: Vec<NewEvents>) {
    api.log.append(batch).expect("queued").await.expect("kept");
}

/// Another community of the same street, with a line.
async fn other(admin: &Client<'_>, street: u64, name: &str) -> (u64, u64) {
    let community = json!({"street_id": street, "name": name, "area_code": "0592"});
    let community = admin.create("/communities", community).await;
    let grid = admin.create("/grids", json!({"community_id": community, "name": "1"})).await;
    let group = admin.create("/groups", json!({"grid_id": grid, "name": "1"})).await;
    let household = admin.create("/households", json!({"group_id": group, "name": "林"})).await;
    let line = json!({"household_id": household, "number": "5559999", "account": "9001"});
    (community, admin.create("/lines", line).await)
}

async fn report(client: &Client<'_>, query: &str) -> Value {
    client.get(&format!("/reports/alarms?{query}")).await.expect(200).json()
}

fn rows(reply: &Reply) -> Vec<Vec<String>> {
    let text = reply.text.strip_prefix('\u{feff}').expect("a mark for spreadsheets");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let rows = reader.records().map(|row| row.expect("a row"));
    rows.map(|row| row.iter().map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn a_report_counts_what_the_log_tells() {
    let api = Api::new().await;
    let root = with(&api, "root", Scope::Admin).await;
    root.town().await;
    record(&api, AlarmId(1 << 40)).await;
    api.clock.advance(Duration::from_secs(3600));
    let (line, press) = (1, TriggerSource::Dialled);
    keep(&api, vec![short(&api, 1, (line, press), CloseOutcome::FalseAlarm)]).await;
    keep(&api, vec![short(&api, 2, (line, TriggerSource::Drill), CloseOutcome::Drill)]).await;
    let auditor = with(&api, "auditor", Scope::Auditor).await;
    let told = report(&auditor, "").await;
    assert_eq!((&told["from"], &told["until"]), (&json!("2025-12"), &json!("2026-11")));
    let total = &told["total"];
    assert_eq!((&total["alarms"], &total["drills"]), (&json!(2), &json!(1)));
    assert_eq!((&total["genuine"], &total["false_alarms"]), (&json!(1), &json!(1)));
    assert_eq!((&total["false_percent"], &total["nobody_came"]), (&json!(50), &json!(1)));
    let one = |ms: u64| json!({"count": 1, "p50": ms, "p90": ms, "p99": ms});
    assert_eq!(total["first_ring_ms"], one(900));
    assert_eq!((&total["first_key_ms"], &total["coming_ms"]), (&one(9_500), &one(9_500)));
    assert_eq!(total["arrived_ms"], json!({"count": 0, "p50": null, "p90": null, "p99": null}));
    assert_eq!(total["closed_ms"], json!({"count": 2, "p50": 0, "p90": 90_000, "p99": 90_000}));
    // One has its plan; nobody was at the door within ten minutes, but it was over before.
    let late = json!({"judged": 1, "accepted": 0, "arrived": 0, "closed": 0, "follow_ups": 1,
        "followed_up": 0, "follow_ups_late": 0});
    assert_eq!(total["late"], late);
    let months = told["months"].as_array().expect("months");
    assert_eq!((months.len(), &months[11]["month"]), (12, &json!("2026-11")));
    assert_eq!((&months[11]["alarms"], &months[10]["alarms"]), (&json!(2), &json!(0)));
    assert_eq!(told["communities"][0]["community"], "文园社区");
    assert_eq!(told["kinds"].as_array().map(Vec::len), Some(1));

    api.clock.advance(Duration::from_secs(48 * 3600));
    let late = report(&auditor, "").await["total"]["late"].clone();
    assert_eq!((&late["follow_ups"], &late["follow_ups_late"]), (&json!(1), &json!(1)));
    let visit = json!({"kind": "visit"});
    root.post(&format!("/alarms/{}/follow-up", AlarmId(1 << 40)), visit).await.expect(204);
    let late = report(&auditor, "").await["total"]["late"].clone();
    assert_eq!((&late["followed_up"], &late["follow_ups_late"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn an_open_alarm_is_counted_as_it_is_now() {
    let api = Api::new().await;
    let root = with(&api, "root", Scope::Admin).await;
    root.town().await;
    let mut open = short(&api, 1, (1, TriggerSource::Dialled), CloseOutcome::Genuine);
    let close = open.events.pop().expect("an event");
    open.closed = None;
    keep(&api, vec![open.clone()]).await;
    assert_eq!(report(&root, "").await["total"]["open"], 1);
    api.clock.advance(Duration::from_secs(120));
    let at = api.clock.now();
    let end = NewEvents {
        first_sequence: 1,
        at,
        events: vec![close],
        opened: None,
        closed: Some(at),
        ..open
    };
    keep(&api, vec![end]).await;
    let total = report(&root, "").await["total"].clone();
    assert_eq!((&total["open"], &total["genuine"]), (&json!(0), &json!(1)));
    assert_eq!(total["closed_ms"]["p50"], 120_000);
    assert_eq!(report(&root, "").await["kinds"][0]["kind"], "fire");
}

#[tokio::test]
async fn figures_stay_when_plans_are_erased() {
    let api = Api::new().await;
    let root = with(&api, "root", Scope::Admin).await;
    root.town().await;
    record(&api, AlarmId(1 << 40)).await;
    api.log.erase_plans_before(Timestamp::MAX).await.expect("erases");
    let told = report(&root, "").await;
    assert_eq!(told["total"]["first_ring_ms"]["p50"], 900);
    assert_eq!(told["total"]["late"]["judged"], 0, "nobody knows any more by when");
    assert_eq!(told["communities"][0]["community"], "文园社区", "its line is there still");
}

#[tokio::test]
async fn a_month_ends_when_the_clocks_of_the_community_say_so() {
    let api = Api::new().await;
    let root = with(&api, "root", Scope::Admin).await;
    root.town().await;
    let end: Timestamp = "2026-11-30T15:59:59Z".parse().expect("a moment");
    let wait = end.duration_since(api.clock.now()).as_secs().unsigned_abs();
    api.clock.advance(Duration::from_secs(wait));
    record(&api, AlarmId(1 << 40)).await;
    api.clock.advance(Duration::from_secs(1));
    record(&api, AlarmId(2 << 40)).await;
    let told = report(&root, "from=2026-11").await;
    let months = told["months"].as_array().expect("months");
    let counts: Vec<_> = months.iter().map(|month| (&month["month"], &month["alarms"])).collect();
    assert_eq!(counts, [(&json!("2026-11"), &json!(1)), (&json!("2026-12"), &json!(1))]);
    assert_eq!(report(&root, "until=2026-11").await["total"]["alarms"], 1);
    assert_eq!(report(&root, "until=2026-10").await["total"]["alarms"], 0);
}

#[tokio::test]
async fn a_year_is_read_page_by_page() {
    let api = Api::new().await;
    let root = with(&api, "root", Scope::Admin).await;
    root.town().await;
    for chunk in 0..3 {
        let numbers = chunk * 200..(chunk + 1) * 200;
        let press = (1, TriggerSource::Dialled);
        let batch = numbers.map(|number| short(&api, number + 1, press, CloseOutcome::Unknown));
        keep(&api, batch.collect()).await;
        api.clock.advance(Duration::from_secs(24 * 3600));
    }
    for _ in 0..2 {
        let total = report(&root, "").await["total"].clone();
        assert_eq!((&total["alarms"], &total["unknown"]), (&json!(600), &json!(600)));
    }
}

#[tokio::test]
async fn a_sheet_has_a_row_for_each_community_and_month() {
    let api = Api::new().await;
    let root = with(&api, "root", Scope::Admin).await;
    let town = root.town().await;
    let (community, line) = other(&root, town.street, "=2+5\",x").await;
    keep(&api, vec![short(&api, 1, (line, TriggerSource::Dialled), CloseOutcome::Genuine)]).await;
    record(&api, AlarmId(1 << 50)).await;
    let sheet = root.call(Method::GET, "/reports/alarms").header("accept", "text/csv").send().await;
    let sheet = sheet.expect(200);
    assert_eq!(sheet.header("content-type"), "text/csv; charset=utf-8; header=present");
    let named = "attachment; filename=\"lianfang-2025-12-2026-11.csv\"";
    assert_eq!(sheet.header("content-disposition"), named);
    let read = rows(&sheet);
    assert_eq!(read[0][..4], ["社区编号", "社区", "月份", "报警"]);
    assert_eq!(read.len(), 3);
    assert_eq!(read[1][..4], ["1", "文园社区", "2026-11", "1"]);
    let id = community.to_string();
    assert_eq!(read[2][..4], [id.as_str(), "'=2+5\",x", "2026-11", "1"]);

    let named = async |query: &str| {
        let call = root.call(Method::GET, &format!("/reports/alarms.csv?{query}"));
        rows(&call.header("accept-language", "en").send().await.expect(200))
    };
    let months = named("by=month&from=2026-10").await;
    assert_eq!(months[0][..3], ["month", "alarms", "open"]);
    assert_eq!(months[1][..2], ["2026-10", "0"]);
    assert_eq!(months[2][..2], ["2026-11", "2"]);
    assert_eq!(named("by=community").await.len(), 3);
    let kinds = named(&format!("by=kind&community_id={community}")).await;
    assert_eq!((kinds.len(), kinds[1][..2].join(" ")), (2, "fire 1".to_owned()));
    let at = |name: &str| kinds[0].iter().position(|known| known == name).expect("a column");
    assert_eq!(kinds[1][at("closed_p50_ms")], "0");
    assert_eq!(kinds[1][at("first_ring_p50_ms")], "", "of none there is none");
}

#[tokio::test]
async fn json_or_a_sheet_as_the_client_likes_best() {
    let api = Api::new().await;
    let root = with(&api, "root", Scope::Admin).await;
    let check = async |accept: &str, status: u16, content_type: &str| {
        for path in ["/reports/alarms", "/reports/communities"] {
            let call = root.call(Method::GET, path).header("accept", accept);
            let reply = call.send().await.expect(status);
            assert!(reply.header("content-type").starts_with(content_type), "{accept}: {path}");
        }
    };
    check("application/json", 200, "application/json").await;
    check("*/*", 200, "application/json").await;
    check("text/csv, application/json;q=0.5", 200, "text/csv").await;
    check("text/csv;q=0.4, application/json;q=0.5", 200, "application/json").await;
    check("text/html", 406, "application/problem+json").await;
}

#[tokio::test]
async fn nobody_sees_the_figures_of_others() {
    let api = Api::new().await;
    let root = with(&api, "root", Scope::Admin).await;
    let town = root.town().await;
    let (community, line) = other(&root, town.street, "隔壁社区").await;
    record(&api, AlarmId(1 << 50)).await;
    keep(&api, vec![short(&api, 1, (line, TriggerSource::Dialled), CloseOutcome::Genuine)]).await;
    // A line that nobody knows: only those who reach everything see its alarm.
    let mut nowhere = short(&api, 2, (4711, TriggerSource::Dialled), CloseOutcome::Genuine);
    if let Some(Event::Raised { trigger, .. }) = nowhere.events.first_mut() {
        trigger.group = GroupId(4711);
    }
    keep(&api, vec![nowhere]).await;
    assert_eq!(report(&root, "").await["total"]["alarms"], 3);
    let id = CommunityId(u32::try_from(community).expect("small"));
    for (name, role, reach) in [
        ("worker", Role::Operator, Reach::Community(id)),
        ("auditor", Role::Auditor, Reach::Community(id)),
    ] {
        let person = api.person(name, role, reach).await;
        let told = report(&person, "").await;
        assert_eq!(told["total"]["alarms"], 1);
        assert_eq!(told["communities"].as_array().map(Vec::len), Some(1));
        assert_eq!(told["communities"][0]["community"], "隔壁社区");
        person.get(&format!("/reports/alarms?community_id={}", town.community)).await.expect(404);
        person
            .get(&format!("/reports/alarms.csv?community_id={}", town.community))
            .await
            .expect(404);
        let standing = person.get("/reports/communities").await.expect(200).json();
        assert_eq!(standing["items"].as_array().map(Vec::len), Some(1));
        let path = format!("/reports/communities?community_id={}", town.community);
        person.get(&path).await.expect(404);
    }
    let grid = u32::try_from(town.grid).expect("small");
    let grid =
        api.person("grid", Role::Operator, Reach::Grid(lianfang_domain::id::GridId(grid))).await;
    assert_eq!(report(&grid, "").await["total"]["alarms"], 1);
}

#[tokio::test]
async fn a_wrong_question_is_refused() {
    let api = Api::new().await;
    let root = with(&api, "root", Scope::Admin).await;
    for wrong in [
        "from=2026-13",
        "until=2026",
        "from=2026-11&until=2026-10",
        "from=2020-01&until=2026-10",
        "by=week",
        "community_id=x",
        "limit=5",
        "from=2026-10&from=2026-10",
    ] {
        let reply = root.get(&format!("/reports/alarms?{wrong}")).await.expect(400);
        assert_eq!(reply.problem(), "parameter", "{wrong}");
    }
    for wrong in ["limit=0", "limit=51", "after=x", "month=1"] {
        root.get(&format!("/reports/communities?{wrong}")).await.expect(400);
    }
    root.get("/reports/alarms?community_id=4711").await.expect(200);
}

#[tokio::test]
async fn lines_and_numbers_are_told_community_by_community() {
    let api = Api::new().await;
    let root = with(&api, "root", Scope::Admin).await;
    let town = root.town().await;
    let (community, _) = other(&root, town.street, "隔壁社区").await;
    let now = api.clock.now();
    let expires = now + SignedDuration::from_secs(60);
    let binding = Binding { from: "udp 192.0.2.7:5060".into(), device: None, since: now, expires };
    api.line_lamp.registered.lock().expect("no panic").push(("1001".to_owned(), binding));
    let first = root.get("/reports/communities?limit=1").await.expect(200).json();
    assert_eq!(first["next"], town.community);
    let row = &first["items"][0];
    assert_eq!((&row["community"], &row["households"]), (&json!("文园社区"), &json!(1)));
    let lines = json!({"total": 1, "up": 1, "down": 0, "never": 0, "brought": 0});
    assert_eq!(row["lines"], lines);
    assert_eq!(
        (&row["numbers"]["numbers"], &row["numbers"]["never_confirmed"]),
        (&json!(2), &json!(2))
    );
    let path = format!("/reports/communities?limit=1&after={}", town.community);
    let second = root.get(&path).await.expect(200).json();
    assert_eq!(
        (&second["items"][0]["community_id"], &second["next"]),
        (&json!(community), &Value::Null)
    );
    assert_eq!(second["items"][0]["lines"]["brought"], 1);
    let sheet = rows(&root.get("/reports/communities.csv").await.expect(200));
    assert_eq!((sheet.len(), sheet[1][..5].join(" ")), (3, "1 文园社区 1 1 1".to_owned()));
}

#[tokio::test]
async fn everybody_may_read_whole_months_of_many() {
    let api = Api::new().await;
    let root = with(&api, "root", Scope::Admin).await;
    let town = root.town().await;
    let (community, line) = other(&root, town.street, "隔壁社区").await;
    let press = TriggerSource::Dialled;
    for number in 1..=6 {
        let outcome = if number == 1 { CloseOutcome::FalseAlarm } else { CloseOutcome::Genuine };
        keep(&api, vec![short(&api, number, (1, press), outcome)]).await;
        keep(&api, vec![short(&api, 100 + number, (line, press), outcome)]).await;
    }
    keep(&api, vec![short(&api, 7, (1, TriggerSource::Drill), CloseOutcome::Drill)]).await;
    let get =
        async |path: &str| api.call(Method::GET, &format!("/api/v1/public{path}")).send().await;
    let list = get("/communities").await.expect(200).json();
    assert_eq!(list["items"], json!([{"id": town.community, "name": "文园社区"}]));
    get(&format!("/communities/{community}")).await.expect(404);
    let path = format!("/communities/{}", town.community);
    let told = get(&path).await.expect(200).json();
    assert_eq!((&told["until"], &told["alarms"]), (&json!("2026-10"), &Value::Null));
    assert!(!told.to_string().contains("2026-11"), "the month is not over");
    api.clock.advance(Duration::from_secs(10 * 24 * 3600));
    let told = get(&path).await.expect(200).json();
    let november = &told["months"][11];
    assert_eq!(*november, json!({"month": "2026-11", "alarms": 6, "drills": null}));
    assert_eq!((&told["alarms"], &told["false_percent"]), (&Value::Null, &Value::Null));
    assert_eq!(told["closed_ms"], Value::Null, "is told to nobody");
    assert_eq!(told["coming_ms"], json!({"p50": null, "p90": null}));
    assert_eq!(told["months"][0], json!({"month": "2025-12", "alarms": null, "drills": null}));
    get(&format!("{path}?more=1")).await.expect(400);
}
