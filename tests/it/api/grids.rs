//! What somebody of one grid sees of the others: nothing, but for what their own grid stands on, and help for an alarm.

use super::board::Driven;
use super::{Api, Client, Town};
use jiff::Timestamp;
use lianfang::store::accounts::{AccountDraft, Role};
use lianfang::store::drills::notices::{self, NoticeRow, NoticeState, Whose};
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang::web::ports::Down;
use lianfang::web::ports::vitals::LineVitals;
use lianfang_domain::alarm::{CloseOutcome, Input};
use lianfang_domain::id::{
    AlarmId, CommunityId, ContactId, DrillId, GridId, HouseholdId, WorkerId,
};
use lianfang_domain::leg::{Channel, LegOutcome};
use serde_json::{Value, json};

/// A town of two grids: in the second one lives 王家, with a line and a person.
struct Two {
    town: Town,
    grid: u64,
    household: u64,
    contact: u64,
}

fn small<T: From<u32>>(id: u64) -> T {
    u32::try_from(id).expect("small").into()
}

async fn two(root: &Client<'_>) -> Two {
    let town = root.town().await;
    let grid = json!({"community_id": town.community, "name": "2"});
    let grid = root.create("/grids", grid).await;
    let group = root.create("/groups", json!({"grid_id": grid, "name": "9-1"})).await;
    let household = json!({"group_id": group, "name": "王家", "building": "9", "door": "902"});
    let household = root.create("/households", household).await;
    let line = json!({"household_id": household, "number": "5551235", "account": "1002"});
    root.create("/lines", line).await;
    let contact = json!({"household_id": household, "name": "王磊",
        "numbers": [{"number": "13800007777"}]});
    let contact = root.create("/contacts", contact).await;
    Two { town, grid, household, contact }
}

fn own(two: &Two) -> Reach {
    Reach::Grid(small::<GridId>(two.town.grid))
}

fn drill(community: u64) -> Value {
    json!({"community_id": community, "per_group": 2, "starts_at": "2026-11-22T10:00:00+08:00",
        "ends_at": "2026-11-22T11:00:00+08:00", "hours": [{"from": "09:30", "until": "11:00"}]})
}

fn len(page: &Value, list: &str) -> usize {
    page[list].as_array().expect("a list").len()
}

#[tokio::test]
async fn drills_show_the_households_of_the_own_grid() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    let two = two(&root).await;
    let made = root.post("/drills", drill(two.town.community)).await.expect(201).json();
    let id: DrillId = small(made["id"].as_u64().expect("an id"));
    let row = |place: u32, household: u64, contact: u64| NoticeRow {
        place,
        whose: Whose {
            household: Some(small::<HouseholdId>(household)),
            contact: Some(small::<ContactId>(contact)),
            worker: None,
            responder: None,
            number_index: 0,
        },
        channel: Channel::Sms,
        state: NoticeState::Failed,
        outcome: Some(LegOutcome::NoAnswer),
    };
    let worker = Whose {
        household: None,
        contact: None,
        worker: Some(small::<WorkerId>(two.town.worker)),
        responder: None,
        number_index: 0,
    };
    let rows = [
        row(0, two.town.household, two.town.contact),
        row(1, two.household, two.contact),
        NoticeRow { whose: worker, ..row(2, 0, 0) },
    ];
    notices::set(api.store.alarms(), id, &rows).await.expect("is written");
    let (grid, community) = (own(&two), Reach::Community(small::<CommunityId>(two.town.community)));
    for (name, reach, homes, not_told) in
        [("all", Reach::Everything, 2, 3), ("community", community, 2, 3), ("grid", grid, 1, 2)]
    {
        let desk = api.person(name, Role::Operator, reach).await;
        let seen = desk.get(&format!("/drills/{id}")).await.expect(200).json();
        assert_eq!((len(&seen, "homes"), &seen["waiting"]), (homes, &json!(2)), "{name}");
        assert_eq!(seen["homes"][0]["household_id"], two.town.household, "{name}");
        let report = desk.get(&format!("/drills/{id}/report")).await.expect(200).json();
        assert_eq!(len(&report, "not_told"), not_told, "{name}");
    }
}

#[tokio::test]
async fn what_is_filtered_leaves_no_page_empty() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    let two = two(&root).await;
    let held = root.post("/drills", drill(two.town.community)).await.expect(201).json();
    // Elsewhere something happens later.
    let other = json!({"street_id": two.town.street, "name": "隔壁社区", "area_code": "0592"});
    let other = root.create("/communities", other).await;
    let mut noun = other;
    for (path, parent, more) in [
        ("/grids", "community_id", json!({"name": "1"})),
        ("/groups", "grid_id", json!({"name": "1"})),
        ("/households", "group_id", json!({"name": "李家", "door": "1"})),
        ("/lines", "household_id", json!({"number": "5559999", "account": "1999"})),
    ] {
        let mut draft = more;
        draft[parent] = json!(noun);
        noun = root.create(path, draft).await;
    }
    root.post("/drills", drill(other)).await.expect(201);
    let desk = api.person("grid", Role::Operator, own(&two)).await;
    let page = desk.get("/drills?limit=1").await.expect(200).json();
    assert_eq!((&page["items"][0]["id"], &page["next"]), (&held["id"], &Value::Null));
    let none = desk.get(&format!("/drills?community_id={other}")).await.expect(200).json();
    assert_eq!((len(&none, "items"), &none["next"]), (0, &Value::Null));
    let running = root.get("/drills?state=running&limit=1").await.expect(200).json();
    assert_eq!(len(&running, "items"), 1);
    assert_eq!(len(&root.get("/drills?state=ended").await.expect(200).json(), "items"), 0);
    let page = desk.get("/history?noun=households&limit=1").await.expect(200).json();
    assert_eq!(
        (&page["items"][0]["row_id"], &page["next"]),
        (&json!(two.town.household), &Value::Null)
    );
    let page = root.get("/history?noun=households&limit=1").await.expect(200).json();
    let path = format!("/history?noun=households&limit=1&after={}", page["next"]);
    let page = root.get(&path).await.expect(200).json();
    assert_eq!(page["items"][0]["row_id"], two.household);
}

#[tokio::test]
async fn nobody_keeps_the_account_of_somebody_they_may_not_edit() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    let two = two(&root).await;
    let worker: WorkerId = small(two.town.worker);
    let grid = api.person("grid", Role::Admin, own(&two)).await;
    let draft = json!({"name": "liqiang", "display_name": "李强", "role": "responder",
        "reach": {"kind": "grid", "id": two.town.grid}, "worker_id": two.town.worker});
    let refused = grid.post("/accounts", draft.clone()).await.expect(422);
    assert_eq!(refused.pointers(), ["/worker_id"]);
    let reach = Reach::Community(small::<CommunityId>(two.town.community));
    let community = api.person("community", Role::Admin, reach).await;
    let made = community.post("/accounts", draft).await.expect(201).json();
    let path = format!("/accounts/{}", made["id"]);
    community.get(&path).await.expect(200);
    // Who resets the password of an account can sign in as its owner.
    grid.get(&path).await.expect(404);
    grid.post(&format!("{path}/password-reset"), json!({})).await.expect(404);
    let listed = grid.get("/accounts").await.expect(200).json();
    let names: Vec<&Value> =
        listed["items"].as_array().expect("a list").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, [&json!("grid")]);
    // An account of nobody within their reach stays theirs.
    let nobody = AccountDraft {
        name: "desk".to_owned(),
        display_name: "值班台".to_owned(),
        role: Role::Operator,
        reach: own(&two),
        worker_id: None,
        responder_id: None,
        language: None,
        is_disabled: false,
        password: None,
    };
    api.person_of(&nobody).await;
    assert_eq!(len(&grid.get("/accounts").await.expect(200).json(), "items"), 2);
    let draft = AccountDraft { name: "li".to_owned(), worker_id: Some(worker), ..nobody };
    api.person_of(&draft).await;
    assert_eq!(len(&grid.get("/accounts").await.expect(200).json(), "items"), 2);
}

#[tokio::test]
async fn anybody_of_the_community_may_help_while_an_alarm_is_open() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    let two = two(&root).await;
    let desk = api.person("grid", Role::Operator, own(&two)).await;
    let names = async |alarm: u64| {
        let path = format!("/alarms/{}/candidates?q=902", AlarmId(alarm << 40));
        let found = desk.get(&path).await.expect(200).json();
        let items = found["items"].as_array().expect("a list").iter();
        items.map(|one| one["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    let scene = |plan: &mut lianfang_domain::plan::Plan| {
        plan.scene.community = small(two.town.community);
        plan.scene.household = small(two.town.household);
        plan.parties.clear();
    };
    let mut alarm = Driven::raise(&api, two.town.line, scene).await;
    assert_eq!(names(two.town.line).await, ["王磊"], "the one who can help may live elsewhere");
    let close = CloseOutcome::FalseAlarm;
    alarm.input(&api, &Input::Close { actor: "desk".into(), outcome: close, matter: None }).await;
    assert!(names(two.town.line).await.is_empty(), "it is over");
}

#[tokio::test]
async fn figures_count_what_somebody_reaches() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    let two = two(&root).await;
    let community: CommunityId = small(two.town.community);
    let (first, second): (GridId, GridId) = (small(two.town.grid), small(two.grid));
    let vitals = |registered, down| LineVitals { registered, down };
    let lines = [
        ((community, first), vitals(9, 2)),
        ((community, second), vitals(5, 3)),
        ((CommunityId(77), GridId(77)), vitals(1, 30)),
    ];
    *api.line_lamp.down.lock().expect("no panic") = Down { lines: lines.into(), routes: 1 };
    for (name, reach, registered, down, numbers) in [
        ("all", Reach::Everything, 15, 35, 3),
        ("community", Reach::Community(community), 14, 5, 3),
        ("grid", Reach::Grid(first), 9, 2, 2),
    ] {
        let desk = api.person(name, Role::Operator, reach).await;
        let state = desk.get("/state").await.expect(200).json();
        // A trunk that is down is down for everybody.
        assert_eq!(
            (&state["lines_down"], &state["routes_down"]),
            (&json!(down), &json!(1)),
            "{name}"
        );
        let health = desk.get("/health").await.expect(200).json();
        assert_eq!(health["lines"], json!({"registered": registered, "down": down}), "{name}");
        let path = format!("/communities/{community}/reachability");
        let told = desk.get(&path).await.expect(200).json();
        assert_eq!(told["numbers"], numbers, "{name}");
    }
}

#[tokio::test]
async fn lines_are_listed_by_id_across_communities() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    let two = two(&root).await;
    let other = json!({"street_id": two.town.street, "name": "隔壁社区", "area_code": "0592"});
    let mut noun = root.create("/communities", other).await;
    for (path, parent, more) in [
        ("/grids", "community_id", json!({"name": "1"})),
        ("/groups", "grid_id", json!({"name": "1"})),
        ("/households", "group_id", json!({"name": "李家", "door": "1"})),
    ] {
        let mut draft = more;
        draft[parent] = json!(noun);
        noun = root.create(path, draft).await;
    }
    // The lines of one community do not stand in a row.
    let (here, there) = (two.town.household, noun);
    for (at, household) in [here, there, here, there].into_iter().enumerate() {
        let number = format!("55577{at}0");
        let line = json!({"household_id": household, "number": number, "account": number});
        root.create("/lines", line).await;
    }
    let now: Timestamp = api.clock.now();
    api.line_lamp.lost.lock().expect("no panic").insert("5557710".to_owned(), now);
    let list = async |desk: &Client<'_>, query: &str| {
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let path = format!("/lines/status?limit=2&after={after}{query}");
            let page = desk.get(&path).await.expect(200).json();
            let ids = page["items"].as_array().expect("a list").iter();
            found.extend(ids.map(|one| one["id"].as_u64().expect("an id")));
            match page["next"].as_u64() {
                Some(next) => after = next,
                None => return found,
            }
        }
    };
    assert_eq!(list(&root, "").await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(list(&root, "&state=down").await, [4]);
    assert_eq!(list(&root, "&state=never").await, [1, 2, 3, 5, 6]);
    let grid = api.person("grid", Role::Operator, own(&two)).await;
    assert_eq!(list(&grid, "").await, [1, 3, 5]);
}
