//! Rows of webhooks and their messages.

use super::deliveries::{self, DeliveryState, NewDelivery, QUEUE_MAX, TRIED, Tried, TryError};
use super::*;
use crate::store::Store;

fn draft() -> WebhookDraft {
    serde_json::from_str(
        r#"{"url": "https://a.example/x", "events": ["alarm.raised", "line.down"]}"#,
    )
    .expect("a draft")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_305_600 + second).expect("a time")
}

async fn with_one(store: &Store) -> Webhook {
    let editor = store.directory().edited_by("cli:test", at(0));
    create(&editor, &draft()).await.expect("makes it")
}

async fn enter_many(store: &Store, webhook: u32, count: u32, now: Timestamp) {
    let new: Vec<NewDelivery> = (0..count)
        .map(|number| NewDelivery {
            webhook_id: webhook,
            message_id: format!("msg_{number}"),
            event: Some(WebhookEvent::AlarmRaised),
            body: "{}".to_owned(),
        })
        .collect();
    news::tell(store.directory(), &new, 0, now).await.expect("enters them");
}

fn refused() -> Tried {
    Tried { status: Some(500), error: Some(TryError::Status) }
}

#[test]
fn a_draft_names_its_mistakes() {
    let check = |change: fn(&mut WebhookDraft), wanted: &[&str]| {
        let mut draft = draft();
        change(&mut draft);
        let faults = draft.faults();
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, wanted);
    };
    check(|_| {}, &[]);
    check(|draft| draft.events.clear(), &["/events"]);
    check(|draft| draft.events.push(WebhookEvent::LineDown), &["/events/2"]);
    check(|draft| draft.url = "x".repeat(2_001), &["/url"]);
    check(|draft| draft.description = "a\nb".to_owned(), &["/description"]);
    check(|draft| draft.description = "x".repeat(201), &["/description"]);
}

#[test]
fn a_webhook_wants_what_it_was_made_for() {
    let webhook = |community: Option<u32>, with_drills| Webhook {
        id: 1,
        url: String::new(),
        description: String::new(),
        events: vec![WebhookEvent::AlarmRaised, WebhookEvent::RouteDown, WebhookEvent::DrillEnded],
        community_id: community.map(CommunityId),
        with_drills,
        is_enabled: true,
        created_at: at(10),
        old_secret_until: None,
        version: 1,
        salt: String::new(),
        salt_before: None,
    };
    let here = Some(CommunityId(1));
    let (raised, down, ended) =
        (WebhookEvent::AlarmRaised, WebhookEvent::RouteDown, WebhookEvent::DrillEnded);
    let all = webhook(None, false);
    assert!(all.wants(raised, here, (false, at(10))) && all.wants(raised, None, (false, at(10))));
    assert!(!all.wants(raised, here, (false, at(9))), "it was made later");
    assert!(!all.wants(raised, here, (true, at(10))), "the alarm of a drill");
    assert!(all.wants(ended, here, (true, at(10))), "the drill itself");
    assert!(webhook(None, true).wants(raised, here, (true, at(10))));
    assert!(!all.wants(WebhookEvent::LineDown, here, (false, at(10))));
    let elsewhere = webhook(Some(2), false);
    assert!(!elsewhere.wants(raised, here, (false, at(10))));
    assert!(!elsewhere.wants(raised, None, (false, at(10))));
    assert!(elsewhere.wants(down, None, (false, at(10))), "routes are everywhere");
    assert!(webhook(Some(1), false).wants(raised, here, (false, at(10))));
}

#[tokio::test]
async fn a_row_is_written_read_and_entered_in_the_trail() {
    let store = Store::open_in_memory().await.expect("opens");
    let made = with_one(&store).await;
    assert_eq!((made.version, made.salt.len(), made.events.len()), (1, 32, 2));
    assert_eq!(get(store.directory(), made.id).await.expect("is there"), made);
    let editor = store.directory().edited_by("cli:test", at(5));
    let stale = replace(&editor, (made.id, 2), &draft()).await;
    assert!(matches!(stale, Err(WebhookError::Row(NounError::Changed { current: 1 }))));
    let replaced = replace(&editor, (made.id, 1), &draft()).await.expect("replaces it");
    assert_eq!((replaced.version, &replaced.salt), (2, &made.salt));
    let rotated = rotate(&editor, made.id).await.expect("rotates");
    assert_ne!(rotated.salt, made.salt);
    assert_eq!(rotated.salts(at(6)), [&*rotated.salt, &*made.salt]);
    assert_eq!(rotated.salts(at(5 + 24 * 3600)), [&*rotated.salt]);
    delete(&editor, (made.id, 3)).await.expect("deletes it");
    let gone = get(store.directory(), made.id).await;
    assert!(matches!(gone, Err(WebhookError::Row(NounError::NotFound))));
    let entries: Vec<String> =
        sqlx::query_scalar("SELECT action FROM audit WHERE noun = 'webhook' ORDER BY sequence")
            .fetch_all(store.directory().reader())
            .await
            .expect("reads");
    assert_eq!(entries, ["create", "replace", "secret", "delete"]);
}

#[tokio::test]
async fn there_are_fifty_at_most_and_each_in_a_community_that_is_there() {
    let store = Store::open_in_memory().await.expect("opens");
    let editor = store.directory().edited_by("cli:test", at(0));
    let nowhere = WebhookDraft { community_id: Some(CommunityId(7)), ..draft() };
    let refused = create(&editor, &nowhere).await;
    assert!(
        matches!(refused, Err(WebhookError::Row(NounError::Faulty(faults))) if faults[0].pointer == "/community_id")
    );
    for _ in 0..WEBHOOKS_MAX {
        with_one(&store).await;
    }
    assert!(matches!(create(&editor, &draft()).await, Err(WebhookError::TooMany)));
}

#[tokio::test]
async fn a_message_is_entered_once_and_taken_once() {
    let store = Store::open_in_memory().await.expect("opens");
    let webhook = with_one(&store).await.id;
    enter_many(&store, webhook, 3, at(0)).await;
    enter_many(&store, webhook, 3, at(1)).await;
    enter_many(&store, 999, 3, at(1)).await;
    let database = store.directory();
    assert_eq!(deliveries::next_due(database).await.expect("reads"), Some(at(0)));
    let taken = deliveries::take_due(database, webhook, 2, at(2)).await.expect("takes");
    assert_eq!(taken.iter().map(|it| &*it.message_id).collect::<Vec<_>>(), ["msg_0", "msg_1"]);
    let rest = deliveries::take_due(database, webhook, 9, at(2)).await.expect("takes");
    assert_eq!(rest.len(), 1, "nobody takes what is under way");
    assert_eq!(deliveries::next_due(database).await.expect("reads"), Some(at(62)));
    // Whoever took them died.
    let again = deliveries::take_due(database, webhook, 9, at(62)).await.expect("takes");
    assert_eq!(again.iter().map(|it| it.attempts).collect::<Vec<_>>(), [2, 2, 2]);
    // What the dead one says comes too late.
    let late = Tried { status: Some(200), error: None };
    deliveries::tried(database, &taken[0], late, (at(63), 0.0)).await.expect("writes");
    let all = deliveries::list(database, (webhook, None), None, 9).await.expect("reads");
    assert!(all.iter().all(|it| it.state == DeliveryState::Waiting && it.last_at.is_none()));
}

#[tokio::test]
async fn what_waited_while_a_webhook_was_disabled_is_tried_for_a_day_from_then_on() {
    let store = Store::open_in_memory().await.expect("opens");
    let database = store.directory();
    let webhook = with_one(&store).await.id;
    enter_many(&store, webhook, 1, at(0)).await;
    let refused = Tried { status: None, error: Some(TryError::Connect) };
    let first = deliveries::take_due(database, webhook, 9, at(0)).await.expect("takes");
    deliveries::tried(database, &first[0], refused, (at(1), 0.5)).await.expect("writes");
    let disabled = WebhookDraft { is_enabled: false, ..draft() };
    let editor = database.edited_by("cli:test", at(2));
    replace(&editor, (webhook, 1), &disabled).await.expect("disables it");
    let days = 3 * 24 * 3600;
    let editor = database.edited_by("cli:test", at(days));
    replace(&editor, (webhook, 2), &draft()).await.expect("enables it");
    let due = deliveries::take_due(database, webhook, 9, at(days)).await.expect("takes");
    assert_eq!(due.iter().map(|it| it.attempts).collect::<Vec<_>>(), [1]);
    let state = deliveries::tried(database, &due[0], refused, (at(days + 1), 0.5)).await;
    assert_eq!(state.expect("writes"), DeliveryState::Waiting, "it has a day again");
    // What is edited while it is enabled goes on as it was.
    let editor = database.edited_by("cli:test", at(days + 2));
    replace(&editor, (webhook, 3), &draft()).await.expect("replaces it");
    assert!(
        deliveries::take_due(database, webhook, 9, at(days + 2)).await.expect("takes").is_empty()
    );
}

#[tokio::test]
async fn what_fails_is_tried_for_a_day_and_then_dead_and_may_be_sent_again() {
    let store = Store::open_in_memory().await.expect("opens");
    let database = store.directory();
    let webhook = with_one(&store).await.id;
    enter_many(&store, webhook, 1, at(0)).await;
    let mut now = at(0);
    let mut pauses = Vec::new();
    let dead_at = loop {
        let taken = deliveries::take_due(database, webhook, 1, now).await.expect("takes");
        let state = deliveries::tried(database, &taken[0], refused(), (now, 0.5)).await;
        if state.expect("writes") == DeliveryState::Dead {
            break now;
        }
        let next = deliveries::next_due(database).await.expect("reads").expect("one");
        pauses.push(next.duration_since(now).as_secs());
        now = next;
    };
    assert_eq!(pauses, [5, 20, 80, 320, 1_280, 5_120, 14_400, 14_400, 14_400, 14_400, 14_400]);
    assert!(dead_at.duration_since(at(0)) <= TRIED);
    let dead = deliveries::list(database, (webhook, Some(DeliveryState::Dead)), None, 9).await;
    let dead = dead.expect("reads").remove(0);
    assert_eq!(
        (dead.last_status, dead.last_error.as_deref(), dead.ended_at),
        (Some(500), Some("status"), Some(dead_at))
    );
    assert_eq!(deliveries::next_due(database).await.expect("reads"), None);
    let editor = database.edited_by("cli:test", at(200_000));
    let again = deliveries::redeliver(&editor, (webhook, dead.id)).await.expect("again");
    assert_eq!((again.message_id, again.attempts), (dead.message_id, 0));
    let twice = deliveries::redeliver(&editor, (webhook, dead.id)).await;
    assert!(matches!(twice, Err(WebhookError::Waiting)));
    let other = deliveries::redeliver(&editor, (webhook + 1, dead.id)).await;
    assert!(matches!(other, Err(WebhookError::Row(NounError::NotFound))));
    // The target says that it is gone for good.
    let taken = deliveries::take_due(database, webhook, 1, at(200_000)).await.expect("takes");
    let gone = Tried { status: Some(410), error: Some(TryError::Status) };
    let state = deliveries::tried(database, &taken[0], gone, (at(200_000), 0.5)).await;
    assert_eq!(state.expect("writes"), DeliveryState::Dead);
}

#[tokio::test]
async fn the_standing_counts_what_failed_since_one_was_taken() {
    let store = Store::open_in_memory().await.expect("opens");
    let database = store.directory();
    let webhook = with_one(&store).await.id;
    let other = with_one(&store).await.id;
    enter_many(&store, webhook, 4, at(0)).await;
    let taken = Tried { status: Some(204), error: None };
    let gone = Tried { status: Some(410), error: Some(TryError::Status) };
    let messages = deliveries::take_due(database, webhook, 4, at(1)).await.expect("takes");
    for (message, tried, second) in
        [(0, refused(), 1), (1, taken, 2), (2, refused(), 3), (3, gone, 4)]
    {
        let written = deliveries::tried(database, &messages[message], tried, (at(second), 0.5));
        written.await.expect("writes");
    }
    let standings = deliveries::standings(database, None).await.expect("reads");
    let wanted = deliveries::DeliveryStanding {
        waiting: 2,
        dead: 1,
        failing: 2,
        last_at: Some(at(4)),
        delivered_at: Some(at(2)),
    };
    assert_eq!(standings.get(&webhook), Some(&wanted));
    assert_eq!(standings.get(&other), None, "nothing was sent to it");
    let one = deliveries::standings(database, Some(other)).await.expect("reads");
    assert!(one.is_empty());
}

#[tokio::test]
async fn the_queue_of_a_webhook_has_a_bound_and_old_messages_go() {
    let store = Store::open_in_memory().await.expect("opens");
    let database = store.directory();
    let webhook = with_one(&store).await.id;
    enter_many(&store, webhook, QUEUE_MAX + 2, at(0)).await;
    let dead = deliveries::list(database, (webhook, Some(DeliveryState::Dead)), None, 9).await;
    let dead = dead.expect("reads");
    assert_eq!(dead.iter().map(|it| &*it.message_id).collect::<Vec<_>>(), ["msg_1", "msg_0"]);
    assert_eq!(dead[0].last_error.as_deref(), Some("queue_full"));
    deliveries::erase_old(database, &[webhook], at(30 * 24 * 3600)).await.expect("erases");
    let left = deliveries::list(database, (webhook, Some(DeliveryState::Dead)), None, 9).await;
    assert_eq!(left.expect("reads").len(), 2, "a month is not over");
    deliveries::erase_old(database, &[webhook], at(30 * 24 * 3600 + 1)).await.expect("erases");
    let left = deliveries::list(database, (webhook, Some(DeliveryState::Dead)), None, 9).await;
    assert!(left.expect("reads").is_empty());
    let waiting = deliveries::list(database, (webhook, None), None, 200).await.expect("reads");
    assert_eq!(waiting.len(), 200, "what waits stays");
}

#[tokio::test]
async fn the_first_look_tells_nothing_and_routes_are_told_once() {
    let store = Store::open_in_memory().await.expect("opens");
    let found = news::news(store.alarms(), store.directory()).await.expect("reads").expect("first");
    assert!(found.events.is_empty() && !found.has_more);
    news::tell(store.directory(), &[], found.up_to, at(0)).await.expect("writes");
    assert!(news::news(store.alarms(), store.directory()).await.expect("reads").is_none());
    // The alarms were restored from an older backup.
    news::tell(store.directory(), &[], found.up_to + 100, at(0)).await.expect("writes");
    let anew = news::news(store.alarms(), store.directory()).await.expect("reads").expect("anew");
    assert!(anew.events.is_empty());
    let turn = |is_down| news::Turn { what: news::Watched::Route, name: "a".to_owned(), is_down };
    for (is_down, count) in [(true, 1), (true, 1), (false, 0)] {
        news::turned(store.directory(), &[turn(is_down)], &[], at(0)).await.expect("writes");
        let known = news::known_down(store.directory(), news::Watched::Route).await;
        assert_eq!(known.expect("reads").len(), count);
        let lines = news::known_down(store.directory(), news::Watched::Line).await;
        assert!(lines.expect("reads").is_empty());
    }
}
