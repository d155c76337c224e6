//! Reachability over the API: never confirmed comes due, a visit confirms, the class of the household says for how long.

use super::{Api, Client, Town};
use lianfang::evidence;
use lianfang::store::tokens::Scope;
use serde_json::{Value, json};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A town with a household that is asked each week, and another with a helper.
struct Desk<'a> {
    admin: Client<'a>,
    town: Town,
    weekly: u64,
    helper: u64,
}

async fn desk(api: &Api) -> Desk<'_> {
    let secret = api.token("root", Scope::Admin).await;
    let admin = api.admin(&secret);
    let town = admin.town().await;
    let household = json!({"group_id": town.group, "name": "租户", "visit_class": "week"});
    let household = admin.create("/households", household).await;
    let contact = json!({"household_id": household, "name": "小王",
        "numbers": [{"number": "13800009999"}, {"number": "5559999"}]});
    let weekly = admin.create("/contacts", contact).await;
    let helper = json!({"community_id": town.community, "name": "孙女", "kind": "helper",
        "household_id": town.household, "numbers": [{"number": "13700001111"}]});
    let helper = admin.create("/responders", helper).await;
    let needs = evidence::Needs {
        store: api.store.clone(),
        log: api.log.clone(),
        directory: api.directory.clone(),
        clock: api.clock.clone(),
    };
    evidence::start(&api.tasks, needs);
    Desk { admin, town, weekly, helper }
}

impl Desk<'_> {
    async fn items(&self, query: &str) -> Vec<Value> {
        let page = self.admin.get(&format!("/reachability{query}")).await.expect(200).json();
        page["items"].as_array().expect("a list").clone()
    }

    /// Until the numbers are noticed: what was noticed at the start does not move with the clock.
    async fn until_noticed(&self) {
        let reached = async {
            let mut tick = tokio::time::interval(Duration::from_millis(2));
            loop {
                let sql = "SELECT count(*) FROM known_number";
                let reader = self.admin.api.store.directory().reader();
                let noticed: i64 = sqlx::query_scalar(sql).fetch_one(reader).await.expect("reads");
                if noticed == 5 {
                    break;
                }
                tick.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reached).await.expect("is noticed");
    }
}

#[tokio::test]
async fn a_visit_confirms_until_the_cadence_is_over() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    desk.until_noticed().await;
    assert_eq!(desk.items("?due=true").await, [] as [Value; 0], "nothing is due on the first day");
    api.clock.advance(7 * DAY);
    let due = desk.items("?due=true").await;
    assert_eq!(due.len(), 2, "the tenant's two numbers: {due:?}");
    for item in &due {
        assert_eq!(item["contact_id"], desk.weekly);
        assert_eq!(
            (&item["state"], &item["visit_class"]),
            (&json!("never_confirmed"), &json!("week"))
        );
        assert_eq!(
            (&item["why"], &item["due_at"]),
            (&json!("从未有人确认"), &json!("2026-11-29T00:00:00Z"))
        );
        assert_eq!((&item["last"], &item["confirmed"]), (&Value::Null, &Value::Null));
    }
    assert!(!due[0]["number"].as_str().expect("masked").contains("13800009999"));

    let visits = format!("/contacts/{}/visits", desk.weekly);
    let one = json!({"numbers": ["13800009999"]});
    let after = desk.admin.post(&visits, one).await.expect(200).json();
    let items = after["items"].as_array().expect("a list");
    let states: Vec<_> = items.iter().map(|item| item["state"].as_str().expect("a word")).collect();
    assert_eq!(states, ["confirmed", "never_confirmed"]);
    assert_eq!(
        (&items[0]["score"], &items[0]["confirmed"]["what"]),
        (&json!(100), &json!("visit"))
    );
    assert_eq!(items[0]["why"], "2026-11-29 当面核实");
    assert_eq!(desk.items("?due=true").await.len(), 1);
    desk.admin.post(&visits, json!({})).await.expect(200);
    assert_eq!(desk.items("?due=true").await, [] as [Value; 0]);

    api.clock.advance(7 * DAY);
    let path = format!("/contacts/{}/reachability", desk.weekly);
    let again = desk.admin.get(&path).await.expect(200).json();
    assert_eq!(
        (&again["items"][0]["state"], &again["items"][0]["is_due"]),
        (&json!("doubtful"), &json!(true))
    );
    let classes = desk.items("?due=false").await;
    let of = |field: &str, id: u64| {
        let found = classes.iter().find(|item| item[field] == id);
        found.expect("is there")["visit_class"].clone()
    };
    assert_eq!(of("responder_id", desk.helper), "month", "a helper has to be there");
    assert_eq!(of("contact_id", desk.town.contact), "month", "who has a helper needs one");
    assert_eq!(of("worker_id", desk.town.worker), "half_year");
}

#[tokio::test]
async fn numbers_come_in_pages_and_in_figures() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    desk.until_noticed().await;
    desk.admin.post(&format!("/workers/{}/visits", desk.town.worker), json!({})).await.expect(200);
    desk.admin.post(&format!("/responders/{}/visits", desk.helper), json!({})).await.expect(200);
    let all = desk.items("").await;
    assert_eq!(all.len(), 5);
    for filter in ["", "&due=false"] {
        let (mut paged, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/reachability?limit=2{filter}{after}");
            let page = desk.admin.get(&path).await.expect(200).json();
            paged.extend(page["items"].as_array().expect("a list").clone());
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(paged, all, "{filter}");
    }
    let confirmed = desk.items("?state=confirmed").await;
    assert_eq!(confirmed.len(), 2);
    assert_eq!(desk.items(&format!("?group_id={}", desk.town.group)).await.len(), 4, "no worker");
    assert_eq!(desk.items(&format!("?community_id={}", desk.town.community)).await.len(), 5);
    assert_eq!(desk.items("?community_id=99").await, [] as [Value; 0]);
    let path = format!("/communities/{}/reachability", desk.town.community);
    let figures = desk.admin.get(&path).await.expect(200).json();
    let expected = json!({"numbers": 5, "confirmed": 2, "never_confirmed": 3, "doubtful": 0,
        "unreachable": 0, "due": 0, "confirmed_percent": 40});
    assert_eq!(figures, expected);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_a_visit_is_in_the_trail() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    for (query, problem) in [
        ("?due=maybe", "parameter"),
        ("?state=good", "parameter"),
        ("?after=7", "parameter"),
        ("?limit=0", "parameter"),
        ("?grid_id=1", "parameter"),
    ] {
        let refused = desk.admin.get(&format!("/reachability{query}")).await.expect(400);
        assert_eq!(refused.problem(), problem, "{query}");
    }
    for path in ["/contacts/999", "/workers/999", "/responders/999", "/communities/999"] {
        desk.admin.get(&format!("{path}/reachability")).await.expect(404);
    }
    desk.admin.post("/contacts/999/visits", json!({})).await.expect(404);
    let visits = format!("/contacts/{}/visits", desk.weekly);
    let strange = json!({"numbers": ["13800009999", "13811112222"]});
    assert_eq!(desk.admin.post(&visits, strange).await.expect(422).pointers(), ["/numbers/1"]);
    let none = desk.admin.post(&visits, json!({"numbers": []})).await.expect(422);
    assert_eq!(none.pointers(), ["/numbers"]);
    let wrong = json!({"group_id": desk.town.group, "name": "x", "visit_class": "daily"});
    let wrong = desk.admin.post("/households", wrong).await.expect(422);
    assert_eq!(wrong.pointers(), ["/visit_class"]);

    let trigger = api.token("pbx", Scope::Trigger).await;
    api.admin(&trigger).get("/reachability").await.expect(403);
    api.admin(&trigger).post(&visits, json!({})).await.expect(403);
    let operator = api.token("走访员", Scope::Operator).await;
    api.admin(&operator).post(&visits, json!({})).await.expect(200);
    let auditor = api.token("auditor", Scope::Auditor).await;
    let trail = api.admin(&auditor).get("/audit?chain=directory&limit=200").await.expect(200);
    let entries = trail.json()["items"].as_array().expect("a list").clone();
    let visits: Vec<&Value> = entries.iter().filter(|entry| entry["action"] == "confirm").collect();
    assert_eq!(visits.len(), 1, "what was refused is no visit");
    assert_eq!(
        (&visits[0]["actor"], &visits[0]["noun"]),
        (&json!("token:走访员"), &json!("contact_visit"))
    );
    assert_eq!(visits[0]["id"], desk.weekly.to_string());
    assert!(!trail.text.contains("13800009999"));
    api.store.close().await;
}

#[tokio::test]
async fn a_worker_without_a_confirmed_number_is_found_before_their_duty() {
    let api = Api::new().await;
    let desk = desk(&api).await;
    let community = desk.town.community;
    let post = json!({"community_id": community, "code": "A", "name": "A岗"});
    let post = desk.admin.create("/posts", post).await;
    let shift = json!({"community_id": community, "post_id": post, "worker_ids": [desk.town.worker],
        "starts": "08:00", "ends": "08:00", "days_later": 1});
    desk.admin.create("/shifts", shift).await;
    let path = format!("/communities/{community}/roster/findings");
    let kinds = async || {
        let found = desk.admin.get(&path).await.expect(200).json();
        let items = found["items"].as_array().expect("a list").clone();
        items
            .iter()
            .map(|item| item["kind"].as_str().expect("a word").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds().await, ["unconfirmed"]);
    desk.admin.post(&format!("/workers/{}/visits", desk.town.worker), json!({})).await.expect(200);
    assert_eq!(kinds().await, [] as [&str; 0]);
    api.clock.advance(182 * DAY);
    assert_eq!(kinds().await, ["unconfirmed"], "half a year later somebody asks again");
}
