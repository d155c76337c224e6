//! Alarms: raised by HTTP, listed, told in full, acted on.

use super::{Api, Client, assert_snapshot};
use axum::http::Method;
use jiff::{SignedDuration, Timestamp};
use lianfang::store::alarm_log::{Beginning, NewEvents, OpenedAlarm};
use lianfang::store::tokens::Scope;
use lianfang::web::ports::{ActError, Action, Binding};
use lianfang_domain::alarm::{
    AnswerMeans, CloseOutcome, Event, LegStart, LegWhy, Proof, Trigger, TriggerSource,
};
use lianfang_domain::directory::{Address, Language};
use lianfang_domain::id::{AlarmId, CommunityId, GridId, GroupId, HouseholdId, LineId, WorkerId};
use lianfang_domain::leg::{Channel, LegOutcome, Message};
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::plan::{Party, PartyId, PartyNumber, Plan, Policy, Role, Scene};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) async fn with<'a>(api: &'a Api, name: &str, scope: Scope) -> Client<'a> {
    let secret = api.token(name, scope).await;
    api.admin(&secret)
}

async fn press(pbx: &Client<'_>, key: &str, body: Value) -> super::Reply {
    pbx.call(Method::POST, "/triggers").header("idempotency-key", key).json(&body).send().await
}

#[tokio::test]
async fn one_press_is_one_alarm() {
    let api = Api::new().await;
    let town = with(&api, "root", Scope::Admin).await.town().await;
    let pbx = with(&api, "pbx", Scope::Trigger).await;
    let body = json!({"account": "1001", "code": "#9"});
    let first = press(&pbx, "press-1", body.clone()).await.expect(201);
    let id = first.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(first.json()["is_new"], true);
    assert_eq!(first.header("location"), format!("/api/v1/alarms/{id}"));
    for _ in 0..3 {
        let again = press(&pbx, "press-1", body.clone()).await.expect(200);
        assert_eq!(again.json(), json!({"id": id, "is_new": false}));
    }
    press(&pbx, "press-2", body).await.expect(201);
    let triggers = api.switchboard.triggers.lock().expect("no panic").clone();
    assert_eq!(triggers.len(), 2);
    assert_eq!(u64::from(triggers[0].line.0), town.line);
    assert_eq!(u64::from(triggers[0].household.0), town.household);
    assert_eq!(u64::from(triggers[0].group.0), town.group);
    assert_eq!((&*triggers[0].code, triggers[0].source), ("#9", TriggerSource::Http));
    assert_eq!(triggers[0].proof, Proof::Token);
}

#[tokio::test]
async fn a_key_of_another_pbx_or_line_swallows_no_alarm() {
    let api = Api::new().await;
    let admin = with(&api, "root", Scope::Admin).await;
    let town = admin.town().await;
    let line = json!({"household_id": town.household, "number": "5551235", "account": "1002"});
    admin.create("/lines", line).await;
    let one = with(&api, "one", Scope::Trigger).await;
    let other = with(&api, "other", Scope::Trigger).await;
    for (pbx, account) in [(&one, "1001"), (&other, "1001"), (&one, "1002")] {
        let body = json!({"account": account, "code": "#9"});
        press(pbx, "1", body).await.expect(201);
    }
    assert_eq!(api.switchboard.triggers.lock().expect("no panic").len(), 3);
}

#[tokio::test]
async fn a_line_is_found_by_number_in_every_form() {
    let api = Api::new().await;
    with(&api, "root", Scope::Admin).await.town().await;
    let pbx = with(&api, "pbx", Scope::Trigger).await;
    for (index, number) in
        ["+865925551234", "0592-5551234", "5551234", "00865925551234"].iter().enumerate()
    {
        let body = json!({"number": number, "code": "*9"});
        press(&pbx, &format!("k{index}"), body).await.expect(201);
    }
    for number in ["5559999", "", "x", "801", "没有"] {
        let body = json!({"number": number, "code": "*9"});
        assert_eq!(press(&pbx, "k", body).await.expect(404).problem(), "unknown-line");
    }
}

#[tokio::test]
async fn a_local_number_of_two_towns_is_not_guessed() {
    let api = Api::new().await;
    let admin = with(&api, "root", Scope::Admin).await;
    let town = admin.town().await;
    let other = json!({"street_id": town.street, "name": "榕城", "area_code": "0591"});
    let other = admin.create("/communities", other).await;
    let grid = admin.create("/grids", json!({"community_id": other, "name": "1"})).await;
    let group = admin.create("/groups", json!({"grid_id": grid, "name": "1"})).await;
    let household = admin.create("/households", json!({"group_id": group, "name": "林"})).await;
    let line = json!({"household_id": household, "number": "5551234", "account": "3001"});
    admin.create("/lines", line).await;
    let ask = |number: &str| json!({"number": number, "code": "#9"});
    press(&admin, "1", ask("5551234")).await.expect(404);
    press(&admin, "2", ask("0591-5551234")).await.expect(201);
    let triggers = api.switchboard.triggers.lock().expect("no panic");
    assert_eq!(u64::from(triggers[0].household.0), household);
}

#[tokio::test]
async fn a_wrong_trigger_raises_nothing_and_says_why() {
    let api = Api::new().await;
    with(&api, "root", Scope::Admin).await.town().await;
    let pbx = with(&api, "pbx", Scope::Trigger).await;
    let good = json!({"account": "1001", "code": "#9"});
    let check = async |body: Value, status: u16, problem: &str| {
        assert_eq!(press(&pbx, "k", body).await.expect(status).problem(), problem);
    };
    check(json!({"account": "9999", "code": "#9"}), 404, "unknown-line").await;
    check(json!({"account": "1001", "code": "#8"}), 422, "unknown-code").await;
    check(json!({"account": "1001", "code": ""}), 422, "unknown-code").await;
    check(json!({"account": "1001"}), 422, "unknown-code").await;
    check(json!({"code": "#9"}), 422, "which-line").await;
    check(json!({"account": "1001", "number": "5551234", "code": "#9"}), 422, "which-line").await;
    check(json!({"account": "1001", "code": "#9", "more": 1}), 422, "invalid").await;
    for key in ["", " ", "a b", "é", &"x".repeat(256)] {
        assert_eq!(press(&pbx, key, good.clone()).await.expect(400).problem(), "parameter");
    }
    let without = pbx.call(Method::POST, "/triggers").json(&good).send().await;
    assert_eq!(without.expect(400).problem(), "parameter");
    *api.switchboard.is_full.lock().expect("no panic") = true;
    let busy = press(&pbx, "k", good).await.expect(503);
    assert_eq!((busy.problem().as_str(), busy.header("retry-after")), ("busy", "1"));
    assert!(api.switchboard.triggers.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn a_client_that_hangs_up_withdraws_nothing() {
    let api = Api::new().await;
    with(&api, "root", Scope::Admin).await.town().await;
    let pbx = with(&api, "pbx", Scope::Trigger).await;
    let closed = api.switchboard.gate.lock().await;
    let body = json!({"account": "1001", "code": "#9"});
    tokio::select! {
        reply = press(&pbx, "1", body) => panic!("answered: {}", reply.text),
        () = api.switchboard.called.notified() => {}
    }
    drop(closed);
    // The task of the request is all that still runs.
    assert!(api.tasks.stop(std::time::Duration::from_secs(5)).await);
    assert_eq!(api.switchboard.triggers.lock().expect("no panic").len(), 1);
}

#[tokio::test]
async fn a_panic_ends_one_request_and_nothing_else() {
    let api = Api::new().await;
    let admin = with(&api, "root", Scope::Admin).await;
    admin.town().await;
    let body = json!({"account": "1001", "code": "#9"});
    *api.switchboard.is_broken.lock().expect("no panic") = true;
    let broken = press(&admin, "1", body.clone()).await.expect(500);
    assert_eq!(broken.problem(), "internal");
    assert!(!broken.text.contains("planted"));
    assert!(!api.tasks.shutdown().is_cancelled());
    *api.switchboard.is_broken.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = false;
    api.switchboard.is_broken.clear_poison();
    press(&admin, "2", body).await.expect(201);
}

#[tokio::test]
async fn a_hotline_needs_no_code() {
    let api = Api::new().await;
    let admin = with(&api, "root", Scope::Admin).await;
    let town = admin.town().await;
    let line = json!({"household_id": town.household, "number": "5551235", "account": "1002",
        "hotline_grace_s": 5});
    admin.create("/lines", line).await;
    press(&admin, "1", json!({"account": "1002"})).await.expect(201);
    press(&admin, "2", json!({"account": "1002", "code": "1"})).await.expect(422);
}

#[tokio::test]
async fn actions_reach_the_switchboard_with_the_name_of_the_token() {
    let api = Api::new().await;
    let operator = with(&api, "王芳", Scope::Operator).await;
    let alarm = AlarmId(77);
    let act = async |what: &str, body: Value| {
        operator.post(&format!("/alarms/{alarm}/{what}"), body).await
    };
    act("acknowledge", json!({"party": 3})).await.expect(204);
    act("arrive", json!({"party": 3})).await.expect(204);
    act("close", json!({"outcome": "false_alarm"})).await.expect(204);
    operator.call(Method::POST, &format!("/alarms/{alarm}/cancel")).send().await.expect(204);
    let party = PartyId(3);
    let actions = api.switchboard.actions.lock().expect("no panic").clone();
    let told: Vec<_> = actions.iter().map(|(alarm, action, _)| (*alarm, *action)).collect();
    let close = Action::Close { outcome: CloseOutcome::FalseAlarm, matter: None };
    assert_eq!(
        told,
        [
            (alarm, Action::Acknowledge { party }),
            (alarm, Action::Arrive { party }),
            (alarm, close),
            (alarm, Action::Cancel),
        ]
    );
    assert!(actions.iter().all(|(.., actor)| &**actor == "王芳"));

    act("close", json!({"outcome": "boring"})).await.expect(422);
    act("close", json!({})).await.expect(422);
    act("acknowledge", json!({"party": 70000})).await.expect(422);
    act("acknowledge", json!({"party": 1, "more": 2})).await.expect(422);
    operator.post("/alarms/nothing/close", json!({"outcome": "drill"})).await.expect(404);
    for (error, status, problem) in [
        (ActError::UnknownAlarm, 404, "not-found"),
        (ActError::Closed, 409, "alarm-closed"),
        (ActError::UnknownParty, 422, "unknown-party"),
        (ActError::Unavailable, 503, "busy"),
    ] {
        *api.switchboard.refuses.lock().expect("no panic") = Some(error);
        let reply = act("acknowledge", json!({"party": 3})).await.expect(status);
        assert_eq!(reply.problem(), problem);
    }
}

pub(super) fn plan() -> Plan {
    let number = |digits: &str| PhoneNumber::from_parts(&format!("+86{digits}"), digits);
    let party = |role, name: &str, digits: &str| Party {
        role,
        household: (role == Role::Neighbour).then_some(HouseholdId(2)),
        worker: (role == Role::DutyWorker).then_some(WorkerId(1)),
        responder: None,
        step: 0,
        is_added: false,
        name: name.into(),
        numbers: vec![PartyNumber {
            contact: None,
            name: name.into(),
            language: Language::Chinese,
            number: number(digits),
            has_voice: true,
            has_sms: true,
        }],
    };
    Plan {
        revision: 1,
        directory_version: 9,
        scene: Scene {
            line: LineId(1),
            household: HouseholdId(1),
            group: GroupId(1),
            grid: GridId(1),
            community: CommunityId(1),
            community_name: "文园社区".into(),
            household_name: "陈阿姨".into(),
            address: Address { building: "3".into(), door: "502".into(), ..Address::default() },
            pronunciation: None,
            number: number("5925551234"),
            language: Language::Chinese,
            is_silent: false,
        },
        parties: vec![
            party(Role::DutyWorker, "李强", "13900002222"),
            party(Role::Neighbour, "302 王家", "13800001111"),
        ],
        left_out: Vec::new(),
        kind: lianfang_domain::kind::AlarmKind::Unknown,
        is_drill: false,
        steps: Vec::new(),
        made_by: None,
        policy: Policy::default(),
    }
}

pub(super) fn trigger() -> Trigger {
    Trigger {
        line: LineId(1),
        household: HouseholdId(1),
        group: GroupId(1),
        code: "#9".into(),
        source: TriggerSource::Dialled,
        proof: Proof::Digest,
        idempotency_key: "call-1".into(),
    }
}

/// Records one alarm: raised, rung, answered, coming, closed.
pub(super) async fn record(api: &Api, alarm: AlarmId) -> Timestamp {
    let raised = api.clock.now();
    let after = |ms| raised + SignedDuration::from_millis(ms);
    let leg = |leg, party, channel| LegStart {
        leg,
        party: PartyId(party),
        number_index: 0,
        channel,
        message: Message::Alarm,
    };
    let legs = vec![leg(1, 0, Channel::Voice), leg(2, 1, Channel::Voice), leg(3, 1, Channel::Sms)];
    let steps = [
        (
            0,
            vec![
                Event::Raised { trigger: trigger(), follows: None },
                Event::Planned { revision: 1, why: None },
                Event::WaveStarted { wave: 0, legs },
            ],
        ),
        (2, vec![Event::LegPlaced { leg: 2, route: "trunk".into() }]),
        (900, vec![Event::LegRinging { leg: 2 }]),
        (950, vec![Event::SmsAccepted { leg: 3, reference: "SM1".into(), has_receipts: false }]),
        (4_000, vec![Event::LegAnswered { leg: 2 }]),
        (
            9_500,
            vec![Event::Acknowledged { party: PartyId(1), means: AnswerMeans::Key { leg: 2 } }],
        ),
        (9_600, vec![Event::LegEnded { leg: 1, outcome: LegOutcome::AnsweredNoKey }]),
        (
            90_000,
            vec![Event::Closed {
                actor: "root".into(),
                outcome: CloseOutcome::Genuine,
                matter: None,
                by: None,
            }],
        ),
    ];
    let mut sequence = 0;
    for (ms, events) in steps {
        let count = u32::try_from(events.len()).expect("few");
        let batch = NewEvents {
            alarm,
            first_sequence: sequence,
            at: after(ms),
            events,
            plan: (sequence == 0).then(|| Arc::new(plan())),
            opened: (sequence == 0).then(|| OpenedAlarm {
                line: LineId(1),
                idempotency_key: format!("call-{alarm}").into(),
                follows: None,
                raised,
            }),
            closed: (ms == 90_000).then(|| after(ms)),
            beginning: (ms == 2).then(|| Beginning { heard: after(-3), committed: Some(after(1)) }),
        };
        sequence += count;
        api.log.append(vec![batch]).expect("queued").await.expect("kept");
    }
    raised
}

/// Records an open alarm whose plan calls this worker.
pub(super) async fn record_open(api: &Api, alarm: AlarmId, worker: WorkerId) {
    let mut plan = plan();
    for party in &mut plan.parties {
        party.worker = party.worker.map(|_| worker);
    }
    let trigger = Trigger { idempotency_key: format!("open-{alarm}").into(), ..trigger() };
    let opened = OpenedAlarm {
        line: LineId(4711),
        idempotency_key: trigger.idempotency_key.clone(),
        follows: None,
        raised: api.clock.now(),
    };
    let planned = Event::Planned { revision: 1, why: None };
    let batch = NewEvents {
        alarm,
        first_sequence: 0,
        at: api.clock.now(),
        events: vec![Event::Raised { trigger, follows: None }, planned],
        plan: Some(Arc::new(plan)),
        opened: Some(opened),
        closed: None,
        beginning: None,
    };
    api.log.append(vec![batch]).expect("queued").await.expect("kept");
}

#[tokio::test]
async fn an_alarm_is_told_in_full() {
    let api = Api::new().await;
    let operator = with(&api, "王芳", Scope::Operator).await;
    let alarm = AlarmId(1 << 40);
    record(&api, alarm).await;
    let path = format!("/alarms/{alarm}");
    let chinese = operator.get(&path).await.expect(200).json();
    let english = operator.call(Method::GET, &path).header("accept-language", "en").send().await;
    let english = english.expect(200).json();
    let story = |alarm: &Value| {
        let moments = alarm["timeline"].as_array().cloned().unwrap_or_default();
        let line = |moment: &Value| {
            let text = moment["text"].as_str().unwrap_or_default();
            format!("{} ms: {text}", moment["since_raised_ms"])
        };
        moments.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot("timeline_chinese", &story(&chinese));
    assert_snapshot("timeline_english", &story(&english));
    assert_eq!(
        english["timeline"][5]["event"],
        json!({"kind": "sms_accepted", "leg": 3, "reference": "SM1"})
    );
    assert_eq!(english["timeline"][3]["at"], "2026-11-22T00:00:00.002Z");
    assert_eq!(english["raised_at"], "2026-11-22T00:00:00Z");
    assert_eq!(english["closed_at"], "2026-11-22T00:01:30Z");
    assert_eq!((&english["heard_ms"], &english["committed_ms"]), (&json!(-3), &json!(1)));
    assert_eq!(english["scene"]["door"], "502");
    assert_eq!(english["parties"][1]["name"], "302 王家");
    assert_eq!(english["parties"][1]["party"], 1);
    assert_eq!(english["parties"][0]["role"], "duty_worker");
    for number in ["13800001111", "13900002222", "5551234"] {
        assert!(!english.to_string().contains(number), "{number} is not masked");
    }
}

#[tokio::test]
async fn every_call_and_message_is_told_with_where_it_stands() {
    let api = Api::new().await;
    let operator = with(&api, "王芳", Scope::Operator).await;
    let alarm = AlarmId(1 << 40);
    let raised = record(&api, alarm).await;
    let instead = LegStart {
        leg: 4,
        party: PartyId(1),
        number_index: 0,
        channel: Channel::Voice,
        message: Message::Alarm,
    };
    // The receipt does not come in time, and the number is called.
    let more = vec![
        Event::ReceiptLate { leg: 3 },
        Event::LegsOrdered { why: LegWhy::ReceiptLate, legs: vec![instead] },
        Event::LegPlaced { leg: 4, route: "trunk".into() },
        Event::LegEnded { leg: 4, outcome: LegOutcome::Busy },
    ];
    let batch = NewEvents {
        alarm,
        first_sequence: 10,
        at: raised + SignedDuration::from_secs(91),
        events: more,
        plan: None,
        opened: None,
        closed: None,
        beginning: None,
    };
    api.log.append(vec![batch]).expect("queued").await.expect("kept");
    let call = operator.call(Method::GET, &format!("/alarms/{alarm}"));
    let found = call.header("accept-language", "en").send().await.expect(200).json();
    let deliveries = found["deliveries"].as_array().expect("a list");
    let stand: Vec<_> = deliveries
        .iter()
        .map(|one| (&one["channel"], &one["state"], &one["words"], &one["attempt"], &one["wave"]))
        .map(|(channel, state, words, attempt, wave)| json!([channel, state, words, attempt, wave]))
        .collect();
    assert_eq!(
        stand,
        [
            json!(["voice", "answered_without_key", "answered without a key", 1, 1]),
            json!(["voice", "coming", "coming", 1, 1]),
            json!([
                "sms",
                "late",
                "no receipt in time, arrival not confirmed; called instead (leg 4)",
                1,
                1
            ]),
            json!(["voice", "not_reached", "busy", 2, 1]),
        ]
    );
    let call = &deliveries[1];
    let steps = ["ordered_ms", "placed_ms", "ringing_ms", "answered_ms", "accepted_ms", "ended_ms"];
    let steps = steps.map(|step| call[step].clone());
    assert_eq!(json!(steps), json!([0, 2, 900, 4000, null, null]));
    assert_eq!((&call["route"], &call["name"]), (&json!("trunk"), &json!("302 王家")));
    assert_eq!(call["keys"], json!([{"at_ms": 9500, "answer": "coming"}]));
    assert!(call["number"].as_str().is_some_and(|number| number.contains('*')));
    let sms = &deliveries[2];
    assert_eq!((&sms["accepted_ms"], &sms["late_ms"]), (&json!(950), &json!(91_000)));
    assert_eq!((&sms["called_instead"], &sms["why"]), (&json!(4), &json!("wave")));
    assert_eq!(
        (&deliveries[3]["reason"], &deliveries[3]["why"]),
        (&json!("busy"), &json!("receipt_late"))
    );
    let chinese = operator.get(&format!("/alarms/{alarm}")).await.expect(200).json();
    assert_eq!(chinese["deliveries"][0]["words"], "接通但未按键");
}

#[tokio::test]
async fn an_alarm_without_its_plan_is_told_by_numbers() {
    let api = Api::new().await;
    let operator = with(&api, "王芳", Scope::Operator).await;
    let alarm = AlarmId(1 << 40);
    let raised = record(&api, alarm).await;
    let erased = api.log.erase_plans_before(raised + SignedDuration::from_hours(1)).await;
    assert_eq!(erased.expect("erases"), 1);
    let call = operator.call(Method::GET, &format!("/alarms/{alarm}"));
    let found = call.header("accept-language", "en").send().await.expect(200).json();
    assert_eq!((&found["scene"], &found["parties"]), (&Value::Null, &json!([])));
    assert_eq!(found["timeline"][4]["text"], "Call to party 1: ringing");
    let delivery = &found["deliveries"][1];
    assert_eq!((&delivery["name"], &delivery["number"]), (&Value::Null, &Value::Null));
    assert_eq!((&delivery["party"], &delivery["state"]), (&json!(1), &json!("coming")));
}

#[tokio::test]
async fn alarms_are_listed_latest_first() {
    let api = Api::new().await;
    let operator = with(&api, "王芳", Scope::Operator).await;
    let ids: Vec<AlarmId> = (1..=5).map(|number| AlarmId(number << 40)).collect();
    for (index, id) in ids.iter().enumerate() {
        if index % 2 == 0 {
            record(&api, *id).await;
            continue;
        }
        let opened = OpenedAlarm {
            line: LineId(10 + u32::try_from(index).expect("few")),
            idempotency_key: format!("open-{id}").into(),
            follows: None,
            raised: api.clock.now(),
        };
        let events = vec![Event::Raised { trigger: trigger(), follows: None }];
        let batch = NewEvents {
            alarm: *id,
            first_sequence: 0,
            at: api.clock.now(),
            events,
            plan: None,
            opened: Some(opened),
            closed: None,
            beginning: None,
        };
        api.log.append(vec![batch]).expect("queued").await.expect("kept");
    }
    let list = async |query: &str| {
        let page = operator.get(&format!("/alarms?{query}")).await.expect(200).json();
        let items = page["items"].as_array().cloned().unwrap_or_default();
        let ids = items.iter().filter_map(|alarm| alarm["id"].as_str()?.parse().ok());
        (ids.collect::<Vec<AlarmId>>(), page["next"].clone())
    };
    assert_eq!(list("").await, (vec![ids[4], ids[3], ids[2], ids[1], ids[0]], Value::Null));
    assert_eq!(list("state=open").await.0, [ids[3], ids[1]]);
    assert_eq!(list("state=closed").await.0, [ids[4], ids[2], ids[0]]);
    let (first, next) = list("limit=2").await;
    assert_eq!(first, [ids[4], ids[3]]);
    let next = next.as_str().expect("a cursor").to_owned();
    assert_eq!(list(&format!("limit=2&after={next}")).await.0, [ids[2], ids[1]]);
    for query in ["state=maybe", "after=x", "limit=0", "more=1"] {
        operator.get(&format!("/alarms?{query}")).await.expect(400);
    }
    operator.get(&format!("/alarms/{}", AlarmId(9))).await.expect(404);
    operator.get("/alarms/x").await.expect(404);
}

#[tokio::test]
async fn a_line_says_where_it_is_registered() {
    let api = Api::new().await;
    let admin = with(&api, "root", Scope::Admin).await;
    let town = admin.town().await;
    let path = format!("/lines/{}/registration", town.line);
    let nothing = json!({"is_registered": false, "bindings": []});
    assert_eq!(admin.get(&path).await.expect(200).json(), nothing);
    let since = api.clock.now();
    let expires = since + SignedDuration::from_mins(2);
    let device = Some("Grandstream HT801".to_owned());
    let binding = Binding { from: "udp 192.0.2.7:5060".to_owned(), device, since, expires };
    api.line_lamp.registered.lock().expect("no panic").push(("1001".to_owned(), binding));
    let wanted = json!({"is_registered": true, "bindings": [{"from": "udp 192.0.2.7:5060",
        "device": "Grandstream HT801",
        "since": "2026-11-22T00:00:00Z", "expires": "2026-11-22T00:02:00Z"}]});
    assert_eq!(admin.get(&path).await.expect(200).json(), wanted);
    admin.get("/lines/99/registration").await.expect(404);
}
