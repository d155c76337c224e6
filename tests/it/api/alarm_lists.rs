//! Lists of alarms narrowed down: by time, by what was the matter, by how they ended, by who lives there.

use super::alarms::{plan, trigger, with};
use super::{Api, Client};
use lianfang::store::alarm_log::{NewEvents, OpenedAlarm};
use lianfang::store::tokens::Scope;
use lianfang_domain::alarm::{CloseOutcome, Event, Trigger};
use lianfang_domain::id::{AlarmId, LineId};
use lianfang_domain::kind::AlarmKind;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// An alarm that was closed as it was raised.
async fn closed(
    api: &Api,
    number: u64,
    line: u64,
    (outcome, matter): (CloseOutcome, Option<AlarmKind>),
) -> String {
    let (alarm, at) = (AlarmId(number << 40), api.clock.now());
    let line = LineId(u32::try_from(line).expect("an id"));
    let trigger = Trigger { line, idempotency_key: format!("call-{number}").into(), ..trigger() };
    let mut plan = plan();
    plan.scene.line = line;
    let opened = OpenedAlarm {
        line,
        idempotency_key: trigger.idempotency_key.clone(),
        raised: at,
        follows: None,
    };
    let events = vec![
        Event::Raised { trigger, follows: None },
        Event::Planned { revision: 1, why: None },
        Event::Closed { actor: "root".into(), outcome, matter, by: None },
    ];
    let batch = NewEvents {
        alarm,
        first_sequence: 0,
        at,
        events,
        plan: Some(Arc::new(plan)),
        opened: Some(opened),
        closed: Some(at),
        beginning: None,
    };
    api.log.append(vec![batch]).expect("queued").await.expect("kept");
    alarm.to_string()
}

async fn ids(client: &Client<'_>, path: &str) -> Vec<String> {
    let page = client.get(path).await.expect(200).json();
    let items = page["items"].as_array().expect("items");
    let id = |item: &Value| item["id"].as_str().expect("an id").to_owned();
    items.iter().map(id).collect()
}

#[tokio::test]
async fn alarms_are_found_by_time_matter_end_and_who_lives_there() {
    let api = Api::new().await;
    let admin = with(&api, "root", Scope::Admin).await;
    let town = admin.town().await;
    let begun = api.clock.now();
    let fire = (CloseOutcome::Genuine, Some(AlarmKind::Fire));
    let mut all = vec![closed(&api, 1, town.line, fire).await];
    api.clock.advance(HOUR);
    let then = api.clock.now();
    all.push(closed(&api, 2, 4711, (CloseOutcome::Unknown, Some(AlarmKind::Fire))).await);
    api.clock.advance(HOUR);
    all.push(closed(&api, 3, town.line, (CloseOutcome::Genuine, None)).await);
    let of = |places: &[usize]| places.iter().map(|place| all[*place].clone()).collect::<Vec<_>>();
    let wanted = [
        (String::new(), of(&[2, 1, 0])),
        (format!("from={then}"), of(&[2, 1])),
        (format!("to={then}"), of(&[0])),
        (format!("from={begun}&to={then}&kind=fire"), of(&[0])),
        ("kind=fire".into(), of(&[1, 0])),
        ("kind=unknown".into(), of(&[2])),
        ("outcome=genuine".into(), of(&[2, 0])),
        ("outcome=unknown&kind=fire".into(), of(&[1])),
        ("outcome=test".into(), of(&[])),
        ("q=3-502".into(), of(&[2, 0])),
        ("q=chenayi&outcome=genuine&kind=fire".into(), of(&[0])),
        (format!("q=5551234&community_id={}", town.community), of(&[2, 0])),
        ("q=5551234&community_id=99".into(), of(&[])),
        ("q=nobody".into(), of(&[])),
        ("q=+".into(), of(&[2, 1, 0])),
    ];
    let operator = with(&api, "duty", Scope::Operator).await;
    for (query, wanted) in wanted {
        for list in ["alarms", "alarms/cards", "cases"] {
            assert_eq!(ids(&operator, &format!("/{list}?{query}")).await, wanted, "{list} {query}");
        }
    }
    for list in ["alarms", "alarms/cards", "cases"] {
        for wrong in ["from=2026-11-22", "to=x", "kind=ghosts", "outcome=boring"] {
            let reply = operator.get(&format!("/{list}?{wrong}")).await.expect(400);
            assert_eq!(reply.problem(), "parameter", "{list} {wrong}");
        }
    }
    // Who may not search may not find out by words who lives where.
    let auditor = with(&api, "auditor", Scope::Auditor).await;
    for list in ["alarms", "alarms/cards"] {
        assert_eq!(ids(&auditor, &format!("/{list}?kind=fire")).await, of(&[1, 0]));
        auditor.get(&format!("/{list}?q=3-502")).await.expect(403);
    }
}

#[tokio::test]
async fn pages_of_what_was_narrowed_down_go_on_and_are_full() {
    let api = Api::new().await;
    let operator = with(&api, "duty", Scope::Operator).await;
    let begun = api.clock.now();
    let mut fires = Vec::new();
    // More than is looked through at a time, all in one moment.
    for number in 1..=450 {
        let is_fire = number % 100 == 0 || 440 < number;
        let matter = Some(if is_fire { AlarmKind::Fire } else { AlarmKind::Flood });
        let id = closed(&api, number, number, (CloseOutcome::Genuine, matter)).await;
        fires.extend(is_fire.then_some(id));
    }
    fires.reverse();
    for narrowed in ["kind=fire".to_owned(), format!("kind=fire&from={begun}")] {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/alarms?limit=4&{narrowed}{after}");
            let page = operator.get(&path).await.expect(200).json();
            let items = page["items"].as_array().expect("items");
            let id = |item: &Value| item["id"].as_str().expect("an id").to_owned();
            found.extend(items.iter().map(id));
            let Some(next) = page["next"].as_str() else { break };
            assert_eq!(items.len(), 4, "full");
            after = format!("&after={next}");
        }
        assert_eq!(found, fires, "{narrowed}");
    }
}
