//! The board, how it stands in figures, and what an operator has done besides.

use super::alarms::{plan, trigger, with};
use super::{Api, Client};
use jiff::Timestamp;
use lianfang::store::alarm_log::{NewEvents, OpenedAlarm};
use lianfang::store::tokens::Scope;
use lianfang::web::ports::vitals::LineVitals;
use lianfang::web::ports::{ActError, Action, Down};
use lianfang_domain::alarm::{Alarm, Event, Input, Trigger, TriggerSource};
use lianfang_domain::digits::Key;
use lianfang_domain::id::{AlarmId, CommunityId, ContactId, GridId, HouseholdId, LineId, WorkerId};
use lianfang_domain::leg::{Channel, LegOutcome, LegReport};
use lianfang_domain::plan::{AddError, Added, PartyId, Plan};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// An alarm that is driven as the switchboard does it, and recorded.
pub(super) struct Driven {
    alarm: Alarm,
    next_sequence: u32,
}

impl Driven {
    pub(super) async fn raise(api: &Api, id: u64, change: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = plan();
        change(&mut plan);
        let plan = Arc::new(plan);
        let source = if plan.is_drill { TriggerSource::Drill } else { TriggerSource::Dialled };
        let line = LineId(u32::try_from(id).expect("small"));
        let trigger = Trigger { line, source, ..trigger() };
        let now = api.clock.now();
        let (alarm, events, _) =
            Alarm::raise(AlarmId(id << 40), trigger, Arc::clone(&plan), None, now);
        let opened = OpenedAlarm {
            line,
            idempotency_key: format!("press-{id}").into(),
            follows: None,
            raised: now,
        };
        let mut driven = Self { alarm, next_sequence: 0 };
        driven.record(api, events, (Some(plan), Some(opened))).await;
        driven
    }

    pub(super) async fn input(&mut self, api: &Api, input: &Input) {
        let now = api.clock.now();
        let events = self.alarm.decide(input, now);
        for event in &events {
            self.alarm.apply(event, now);
        }
        if !events.is_empty() {
            self.record(api, events, (None, None)).await;
        }
    }

    async fn record(
        &mut self,
        api: &Api,
        events: Vec<Event>,
        (plan, opened): (Option<Arc<Plan>>, Option<OpenedAlarm>),
    ) {
        let at = api.clock.now();
        let is_closed = events.iter().any(|event| matches!(event, Event::Closed { .. }));
        let count = u32::try_from(events.len()).expect("few");
        let batch = NewEvents {
            alarm: self.alarm.id(),
            first_sequence: self.next_sequence,
            at,
            events,
            plan,
            opened,
            closed: is_closed.then_some(at),
            beginning: None,
        };
        self.next_sequence += count;
        api.log.append(vec![batch]).expect("queued").await.expect("kept");
    }

    fn leg(&self, party: u16, channel: Channel) -> u32 {
        let mut legs = self.alarm.legs().iter().rev();
        let found = legs.find(|leg| leg.party == PartyId(party) && leg.channel == channel);
        found.expect("a leg").number
    }

    async fn tell(&mut self, api: &Api, (party, channel): (u16, Channel), report: LegReport) {
        let leg = self.leg(party, channel);
        self.input(api, &Input::Leg { leg, report }).await;
    }
}

async fn board(client: &Client<'_>) -> Value {
    client.get("/alarms/board").await.expect(200).json()
}

fn pass(api: &Api, seconds: u64) {
    api.clock.advance(Duration::from_secs(seconds));
}

#[tokio::test]
async fn a_card_follows_its_alarm_from_the_press_to_the_door() {
    let api = Api::new().await;
    let operator = with(&api, "王芳", Scope::Operator).await;
    assert_eq!(board(&operator).await["items"], json!([]));
    let mut driven = Driven::raise(&api, 1, |_| {}).await;
    pass(&api, 2);
    driven.tell(&api, (1, Channel::Voice), LegReport::Placed { route: "trunk".into() }).await;
    driven.tell(&api, (1, Channel::Voice), LegReport::Ringing).await;
    let accepted = LegReport::Accepted { reference: "SM1".into(), has_receipts: true };
    driven.tell(&api, (1, Channel::Sms), accepted).await;
    driven.tell(&api, (0, Channel::Voice), LegReport::Ended { outcome: LegOutcome::Busy }).await;
    let row = board(&operator).await["items"][0].clone();
    assert_eq!(row["id"], AlarmId(1 << 40).to_string());
    assert_eq!(
        (&row["state"], &row["urgency"], &row["age_s"]),
        (&json!("unattended"), &json!(1), &json!(2))
    );
    assert_eq!((&row["place"]["building"], &row["place"]["door"]), (&json!("3"), &json!("502")));
    let counts = &row["counts"];
    assert_eq!((&counts["households"], &counts["duty_workers"]), (&json!(1), &json!(1)));
    assert_eq!((&counts["ringing"], &counts["busy"]), (&json!(1), &json!(1)));
    assert_eq!((&counts["sms_submitted"], &counts["sms_confirmed"]), (&json!(1), &json!(0)));
    // A busy duty worker is called again after 15 seconds.
    assert_eq!(
        (&row["next"]["what"], &row["next"]["at"]),
        (&json!("retry"), &json!("2026-11-22T00:00:17Z"))
    );
    assert_eq!(row["next"]["names"], json!(["李强"]));
    assert_eq!(
        (&row["is_answered"], &row["people"], &row["owner"]),
        (&json!(false), &json!([]), &Value::Null)
    );
    assert_eq!(row["others"].as_array().map(Vec::len), Some(2));

    pass(&api, 3);
    let key = Key::of_char('1').expect("a key");
    driven.tell(&api, (1, Channel::Voice), LegReport::Key { key }).await;
    driven.input(&api, &Input::TakeInHand { actor: "王芳".into() }).await;
    let row = board(&operator).await["items"][0].clone();
    assert_eq!((&row["state"], &row["is_answered"]), (&json!("coming"), &json!(true)));
    assert_eq!(row["in_hand"], json!({"by": "王芳", "since": "2026-11-22T00:00:05Z"}));
    let coming = json!([{"party": 1, "role": "neighbour", "name": "302 王家",
        "since": "2026-11-22T00:00:05Z", "arrived_at": null}]);
    assert_eq!((&row["people"], &row["owner"]["party"]), (&coming, &json!(1)));

    pass(&api, 30);
    driven.input(&api, &Input::TimePassed).await;
    let late = board(&operator).await["items"][0]["late"].clone();
    assert_eq!((&late[0]["what"], &late[0]["count"]), (&json!("receipt"), &json!(1)));
    driven.input(&api, &Input::Arrive { party: PartyId(1), actor: "王芳".into() }).await;
    assert_eq!(board(&operator).await["items"][0]["state"], "arrived");
    driven.input(&api, &Input::Cancel { actor: "王芳".into() }).await;
    let row = board(&operator).await["items"][0].clone();
    assert_eq!(
        (&row["state"], &row["urgency"], &row["next"]),
        (&json!("cancelled"), &json!(3), &Value::Null)
    );
    let outcome = lianfang_domain::alarm::CloseOutcome::FalseAlarm;
    driven.input(&api, &Input::Close { actor: "王芳".into(), outcome, matter: None }).await;
    assert_eq!(board(&operator).await["items"], json!([]), "closed");
    let closed = operator.get("/alarms/cards?state=closed").await.expect(200).json();
    assert_eq!(closed["items"][0]["outcome"], "false_alarm");
    assert_eq!(closed["items"][0]["state"], "closed");
}

/// Times of a card are those of where it is, not of who looks.
#[tokio::test]
async fn a_card_has_the_time_zone_of_its_community() {
    let api = Api::new().await;
    let admin = with(&api, "root", Scope::Admin).await;
    let street = admin.create("/streets", json!({"name": "天山街道"})).await;
    let community = json!({"street_id": street, "name": "康乐", "area_code": "0991", "time_zone": "Asia/Urumqi"});
    let community = admin.create("/communities", community).await;
    let id = CommunityId(u32::try_from(community).expect("small"));
    Driven::raise(&api, 1, |plan| plan.scene.community = id).await;
    Driven::raise(&api, 2, |plan| plan.scene.community = CommunityId(999)).await;
    let zones = |items: &Value| -> Vec<Value> {
        let items = items["items"].as_array().expect("items").iter();
        items.map(|row| row["place"]["time_zone"].clone()).collect()
    };
    let wanted = [Value::Null, json!("Asia/Urumqi")];
    assert_eq!(zones(&board(&admin).await), wanted);
    assert_eq!(zones(&admin.get("/alarms/cards").await.expect(200).json()), wanted);
    let alarm = admin.get(&format!("/alarms/{}", AlarmId(1 << 40))).await.expect(200).json();
    assert_eq!(alarm["board"]["place"]["time_zone"], "Asia/Urumqi");
}

#[tokio::test]
async fn the_most_urgent_comes_first_and_drills_last() {
    let api = Api::new().await;
    let operator = with(&api, "王芳", Scope::Operator).await;
    let mut attended = Driven::raise(&api, 1, |_| {}).await;
    pass(&api, 1);
    Driven::raise(&api, 2, |plan| plan.is_drill = true).await;
    pass(&api, 1);
    Driven::raise(&api, 3, |_| {}).await;
    pass(&api, 1);
    Driven::raise(&api, 4, |plan| plan.scene.community = CommunityId(2)).await;
    let mut withdrawn = Driven::raise(&api, 5, |_| {}).await;
    withdrawn.input(&api, &Input::Cancel { actor: "op".into() }).await;
    attended.input(&api, &Input::Acknowledge { party: PartyId(0), actor: "op".into() }).await;
    let ids = |board: &Value| -> Vec<u64> {
        let items = board["items"].as_array().expect("items").iter();
        items.map(|row| row["id"].as_str().unwrap().parse::<AlarmId>().unwrap().0 >> 40).collect()
    };
    assert_eq!(ids(&board(&operator).await), [4, 3, 1, 5, 2]);
    let one = operator.get("/alarms/board?community_id=1").await.expect(200).json();
    assert_eq!(ids(&one), [3, 1, 5, 2]);
    let lines = LineVitals { registered: 9, down: 7 };
    *api.line_lamp.down.lock().expect("no panic") =
        Down { lines: [((CommunityId(1), GridId(1)), lines)].into(), routes: 1 };
    let state = operator.get("/state").await.expect(200).json();
    let wanted =
        json!({"open": 4, "unattended": 2, "lines_down": 7, "routes_down": 1, "drills": 1});
    assert_eq!(state, wanted);
    *api.line_lamp.down.lock().expect("no panic") = Down::default();
    assert_eq!(
        operator.get("/state").await.expect(200).json()["lines_down"],
        7,
        "for five seconds"
    );
    pass(&api, 30);
    assert_eq!(operator.get("/state").await.expect(200).json()["lines_down"], 0);
    let drills = operator.get("/alarms/cards?drill=true").await.expect(200).json();
    assert_eq!(ids(&drills), [2]);
    assert_eq!(
        ids(&operator.get("/alarms/cards?drill=false").await.expect(200).json()),
        [5, 4, 3, 1]
    );
    let page = operator.get("/alarms/cards?limit=2").await.expect(200).json();
    assert_eq!(ids(&page), [5, 4]);
    let path = format!("/alarms/cards?limit=2&after={}", page["next"].as_str().expect("more"));
    assert_eq!(ids(&operator.get(&path).await.expect(200).json()), [3, 2]);
    let elsewhere = operator.get("/alarms/cards?community_id=9").await.expect(200).json();
    assert_eq!((ids(&elsewhere), &elsewhere["next"]), (Vec::new(), &Value::Null));
    for wrong in [
        "/alarms/board?community_id=x",
        "/alarms/board?more=1",
        "/alarms/cards?drill=maybe",
        "/alarms/cards?limit=51",
    ] {
        operator.get(wrong).await.expect(400);
    }
}

/// The cards agree with the alarms at every minute, though only what is new is read.
#[tokio::test]
async fn an_hour_of_alarms_on_a_board_stays_correct() {
    let api = Api::new().await;
    let operator = with(&api, "王芳", Scope::Operator).await;
    let mut open: Vec<Driven> = Vec::new();
    let mut raised = 0;
    for minute in 0_u64..60 {
        if minute % 4 == 0 {
            raised += 1;
            open.push(Driven::raise(&api, raised, |plan| plan.is_drill = raised % 5 == 0).await);
        }
        for (index, driven) in (0_u64..).zip(&mut open) {
            driven.input(&api, &Input::TimePassed).await;
            let actor: Arc<str> = "op".into();
            let input = match (minute + index) % 7 {
                0 => Input::Acknowledge { party: PartyId(1), actor },
                2 => Input::TakeInHand { actor },
                3 => Input::Arrive { party: PartyId(1), actor },
                4 => Input::CallAgain { actor },
                6 if minute % 3 == 0 => Input::Close {
                    actor,
                    outcome: lianfang_domain::alarm::CloseOutcome::Genuine,
                    matter: None,
                },
                _ => continue,
            };
            driven.input(&api, &input).await;
        }
        open.retain(|driven| driven.alarm.closing().is_none());
        let items = board(&operator).await["items"].clone();
        let items = items.as_array().expect("items");
        assert_eq!(items.len(), open.len(), "minute {minute}");
        for driven in &open {
            let id = driven.alarm.id().to_string();
            let row = items.iter().find(|row| row["id"] == id).expect("a card");
            let alarm = &driven.alarm;
            let state = match (alarm.is_over(), alarm.arrived_at(), alarm.has_anybody()) {
                (true, _, _) => "cancelled",
                (false, Some(_), _) => "arrived",
                (false, None, true) => "coming",
                (false, None, false) => "unattended",
            };
            assert_eq!(row["state"], state, "minute {minute}, {id}");
            let now = api.clock.now();
            let age = now.duration_since(alarm.raised_at()).as_secs();
            assert_eq!(row["age_s"], age);
            assert_eq!(row["in_hand"].is_null(), alarm.in_hand().is_none());
            assert_eq!(row["rings_if_called_again"], alarm.rings_if_called_again(now));
            let next = alarm.next().map(|next| next.at);
            let told: Option<Timestamp> = row["next"]["at"].as_str().map(|at| at.parse().unwrap());
            assert_eq!(told, next, "minute {minute}, {id}");
        }
        let state = operator.get("/state").await.expect(200).json();
        let real = open.iter().filter(|driven| !driven.alarm.plan().is_drill).count();
        assert_eq!(state["open"], real, "minute {minute}");
        pass(&api, 60);
    }
    assert_eq!(raised, 15);
}

#[tokio::test]
async fn what_an_operator_has_done_reaches_the_switchboard() {
    let api = Api::new().await;
    let admin = with(&api, "root", Scope::Admin).await;
    let town = admin.town().await;
    let operator = with(&api, "王芳", Scope::Operator).await;
    let community = u32::try_from(town.community).expect("small");
    Driven::raise(&api, 1, |plan| plan.scene.community = CommunityId(community)).await;
    let path = format!("/alarms/{}", AlarmId(1 << 40));
    operator.call(axum::http::Method::POST, &format!("{path}/call-again")).send().await.expect(204);
    operator.call(axum::http::Method::POST, &format!("{path}/take")).send().await.expect(204);
    let parties = format!("{path}/parties");
    operator.post(&parties, json!({"worker_id": 3})).await.expect(204);
    operator.post(&parties, json!({"contact_id": town.contact})).await.expect(204);
    let id = |id: u64| u32::try_from(id).expect("small");
    let whom = Added::Contact(HouseholdId(id(town.household)), ContactId(id(town.contact)));
    let told = api.switchboard.actions.lock().expect("no panic").clone();
    let told: Vec<Action> = told.into_iter().map(|(_, action, _)| action).collect();
    let worker = Action::AddParty { whom: Added::Worker(WorkerId(3)) };
    assert_eq!(told, [Action::CallAgain, Action::TakeInHand, worker, Action::AddParty { whom }]);
    for wrong in [json!({}), json!({"worker_id": 1, "contact_id": 2}), json!({"worker_id": "x"})] {
        operator.post(&parties, wrong).await.expect(422);
    }
    *api.switchboard.refuses.lock().expect("no panic") =
        Some(ActError::CannotAdd(AddError::NoNumber));
    let refused = operator.post(&parties, json!({"worker_id": 3})).await.expect(422);
    assert_eq!(refused.problem(), "cannot-add");
    assert!(refused.text.contains("可呼叫的号码"), "{}", refused.text);
}

#[tokio::test]
async fn who_could_be_called_besides_is_found_by_name_and_door() {
    let api = Api::new().await;
    let admin = with(&api, "root", Scope::Admin).await;
    let town = admin.town().await;
    let home = json!({"group_id": town.group, "name": "老周", "building": "7", "door": "201"});
    let home = admin.create("/households", home).await;
    let son = json!({"household_id": home, "name": "周强", "numbers": [{"number": "13700003333"}]});
    admin.create("/contacts", son).await;
    let mute = json!({"household_id": home, "name": "周婷", "numbers": []});
    let _ = admin.post("/contacts", mute).await;
    let (community, household) = (town.community, town.household);
    let id = |id: u64| u32::try_from(id).expect("small");
    Driven::raise(&api, 1, |plan| {
        plan.scene.community = CommunityId(id(community));
        plan.scene.household = HouseholdId(id(household));
        plan.parties.clear();
    })
    .await;
    let path = format!("/alarms/{}/candidates", AlarmId(1 << 40));
    let names = async |query: &str| -> Vec<String> {
        let found = admin.get(&format!("{path}{query}")).await.expect(200).json();
        let items = found["items"].as_array().expect("items").iter();
        items
            .map(|one| {
                format!("{} {}", one["kind"].as_str().unwrap(), one["name"].as_str().unwrap())
            })
            .collect()
    };
    assert_eq!(names("").await, ["worker 李强"]);
    assert_eq!(names("?q=201").await, ["contact 周强"]);
    assert_eq!(names("?q=%E5%BC%BA").await, ["worker 李强", "contact 周强"]);
    assert!(names("?q=502").await.is_empty(), "the household in trouble is not rung");
    admin.get(&format!("/alarms/{}/candidates", AlarmId(9))).await.expect(404);
}
