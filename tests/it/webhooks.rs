//! Messages to webhooks over real sockets and TLS: signed, told once, tried again, and sent nowhere but where they may go.

mod target;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use lianfang::clock::Clock;
use lianfang::store::Store;
use lianfang::store::alarm_log::{AlarmLog, LogOptions, NewEvents, OpenedAlarm};
use lianfang::store::snapshot::DirectoryHandle;
use lianfang::store::webhooks::deliveries::{self, Delivery, DeliveryState};
use lianfang::store::webhooks::{self, Webhook, WebhookDraft};
use lianfang::tasks::Tasks;
use lianfang::webhooks::{Lookup, Needs, Outside, Targets, WebhookKey, Webhooks};
use lianfang_domain::alarm::{AnswerMeans, CloseOutcome, Event, Proof, Trigger, TriggerSource};
use lianfang_domain::id::{AlarmId, GroupId, HouseholdId, LineId};
use lianfang_domain::plan::PartyId;
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use target::{Answer, HOST, Target};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// 2026-11-22T00:00:00Z.
const NOW_S: i64 = 1_795_305_600;

/// Routes and lines, as a test says.
#[derive(Default)]
struct World {
    routes_down: Mutex<Vec<String>>,
    lines_lost: Mutex<Vec<LineId>>,
    lines_up: Mutex<BTreeSet<LineId>>,
    /// How often lines were looked at.
    looks: AtomicUsize,
}

impl Outside for World {
    fn routes_down(&self) -> Vec<String> {
        self.routes_down.lock().expect("no panic").clone()
    }

    fn lines_lost(&self, _before: Timestamp, limit: usize) -> Vec<LineId> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let lost = self.lines_lost.lock().expect("no panic").clone();
        lost.into_iter().take(limit).collect()
    }

    fn lines_up(&self, lines: &BTreeSet<LineId>) -> BTreeSet<LineId> {
        self.lines_up.lock().expect("no panic").intersection(lines).copied().collect()
    }
}

/// The service, so far as webhooks are concerned.
struct Service {
    store: Store,
    log: AlarmLog,
    clock: Clock,
    tasks: Tasks,
    webhooks: Webhooks,
    world: Arc<World>,
    /// Names that were looked up.
    looked_up: Arc<Mutex<Vec<String>>>,
}

/// Where every name is.
type Addresses = Vec<IpAddr>;

impl Service {
    /// In this folder, with webhooks to these hosts; names are at the addresses, one list for each look.
    async fn start(folder: &std::path::Path, targets: Targets, addresses: Vec<Addresses>) -> Self {
        let store = Store::open(folder).await.expect("opens");
        let clock = Clock::simulated(Timestamp::from_second(NOW_S).expect("a time"));
        let tasks = Tasks::new(Handle::current(), CancellationToken::new());
        let options = LogOptions {
            commit_deadline: Duration::from_secs(10),
            ..LogOptions::in_folder(folder)
        };
        let (log, _) = AlarmLog::start(&store, &options, &clock, &tasks).await.expect("starts");
        let directory = DirectoryHandle::load(&store).await.expect("loads");
        let webhooks = Webhooks::new(WebhookKey::new(&[7; 32]), targets);
        let world = Arc::new(World::default());
        let looked_up: Arc<Mutex<Vec<String>>> = Arc::default();
        let looks = Arc::clone(&looked_up);
        let lookup = Lookup::new(move |name| {
            let mut looks = looks.lock().expect("no panic");
            looks.push(name);
            let found = addresses.get(looks.len() - 1).or(addresses.last()).cloned();
            let found = found.unwrap_or_default().into_iter().map(|ip| SocketAddr::new(ip, 0));
            let found = found.collect();
            Box::pin(async move { Ok(found) })
        });
        let needs = Needs {
            store: store.clone(),
            log: log.clone(),
            directory,
            clock: clock.clone(),
            outside: world.clone(),
            lookup,
        };
        lianfang::webhooks::start(&tasks, &webhooks, needs).expect("starts");
        let service = Self { store, log, clock, tasks, webhooks, world, looked_up };
        tokio::time::timeout(PATIENCE, service.follows())
            .await
            .expect("the log is followed in time");
        service
    }

    /// What was in the log before the first look is told to nobody.
    async fn follows(&self) {
        loop {
            let query = sqlx::query_scalar("SELECT audit_sequence FROM webhook_cursor");
            let cursor: Option<i64> =
                query.fetch_one(self.store.directory().reader()).await.expect("reads");
            if cursor.is_some() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// As a process that ends.
    async fn stop(self) {
        assert!(self.tasks.stop(PATIENCE).await);
        self.store.close().await;
    }

    async fn make(&self, url: &str, events: &[&str]) -> Webhook {
        let draft = json!({"url": url, "events": events});
        let draft: WebhookDraft = serde_json::from_value(draft).expect("a draft");
        let now = self.clock.now();
        let editor = self.store.directory().edited_by("cli:test", now);
        webhooks::create(&editor, &draft).await.expect("makes it")
    }

    async fn ping(&self, webhook: &Webhook) -> Delivery {
        let now = self.clock.now();
        let ping = deliveries::ping(self.store.directory(), webhook.id, now).await;
        self.webhooks.wake();
        ping.expect("enters it")
    }

    /// An alarm that goes from beginning to end.
    async fn alarm(&self, alarm: AlarmId, source: TriggerSource) {
        let trigger = Trigger {
            line: LineId(7),
            household: HouseholdId(5),
            group: GroupId(3),
            code: "#9".into(),
            source,
            proof: Proof::Digest,
            idempotency_key: format!("call-{alarm}").into(),
        };
        let now = self.clock.now();
        let idempotency_key = trigger.idempotency_key.clone();
        let opened = OpenedAlarm { line: LineId(7), idempotency_key, follows: None, raised: now };
        let means = || AnswerMeans::Key { leg: 1 };
        let events = vec![
            Event::Raised { trigger, follows: None },
            Event::EnoughComing,
            Event::Acknowledged { party: PartyId(2), means: means() },
            Event::Arrived { party: PartyId(2), means: means() },
            Event::Closed {
                actor: "王敏".into(),
                outcome: CloseOutcome::Genuine,
                matter: None,
                by: None,
            },
        ];
        let new = NewEvents {
            alarm,
            first_sequence: 0,
            at: now,
            events,
            plan: None,
            opened: Some(opened),
            closed: Some(now),
            beginning: None,
        };
        self.log.append(vec![new]).expect("queued").await.expect("kept");
    }

    /// The message, once it stands so.
    async fn settled(&self, delivery: &Delivery, state: DeliveryState, attempts: u32) -> Delivery {
        let waiting = async {
            loop {
                let database = self.store.directory();
                let all = deliveries::list(database, (delivery.webhook_id, None), None, 200).await;
                let found = all.expect("reads").into_iter().find(|it| it.id == delivery.id);
                let found = found.expect("is there");
                if found.state == state && found.attempts == attempts && found.last_at.is_some() {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the level in time")
    }
}

fn targets(hosts: &[String], networks: &[&str], authorities: &str) -> Targets {
    let networks = networks.iter().map(|text| text.parse().expect("a network")).collect();
    Targets::new(hosts, networks, authorities.as_bytes().to_vec()).expect("hosts")
}

fn local() -> Vec<Addresses> {
    vec![vec![[127, 0, 0, 1].into()]]
}

/// Whether a message is signed with this secret, by the words of the standard and not by our code.
fn is_signed(message: &target::Message, secret: &str) -> bool {
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret"));
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.expect("base64")).expect("any key");
    let (id, at) = (message.header("webhook-id"), message.header("webhook-timestamp"));
    mac.update(format!("{id}.{at}.{}", message.body).as_bytes());
    let wanted = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    message.header("webhook-signature").split(' ').any(|one| one == wanted)
}

#[tokio::test]
async fn an_alarm_is_told_in_signed_messages_with_ids_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut target = Target::start(vec![Answer::Status(204)]).await;
    let hosts = targets(&[target.host()], &["127.0.0.1"], &target.authority);
    let service = Service::start(folder.path(), hosts, local()).await;
    let all = ["alarm.raised", "alarm.acknowledged", "alarm.arrived", "alarm.closed"];
    let webhook = service.make(&target.url("/in?a=b"), &all).await;
    service.ping(&webhook).await;
    assert_eq!(target.next().await.json()["type"], "ping", "the log is followed from now on");
    service.alarm(AlarmId(1 << 40), TriggerSource::Dialled).await;
    service.alarm(AlarmId(2 << 40), TriggerSource::Drill).await;
    let secret = service.webhooks.key.secret(webhook.id, &webhook.salt);
    let mut told = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for _ in all {
        let message = target.next().await;
        assert!(message.head.starts_with("POST /in?a=b HTTP/1.1\r\n"), "{}", message.head);
        assert_eq!(message.header("content-type"), "application/json");
        assert_eq!(message.header("webhook-timestamp"), NOW_S.to_string());
        assert!(is_signed(&message, &secret) && !is_signed(&message, "whsec_AAAA"));
        let body = message.json();
        assert_eq!(body["timestamp"], "2026-11-22T00:00:00Z");
        assert_eq!(body["data"]["alarm_id"], AlarmId(1 << 40).to_string());
        assert_eq!(
            (&body["data"]["line_id"], &body["data"]["is_drill"]),
            (&json!(7), &json!(false))
        );
        assert!(!message.body.contains("王敏") && !message.body.contains("call-"));
        told.insert(body["type"].as_str().expect("text").to_owned());
        ids.insert(message.header("webhook-id").to_owned());
    }
    assert_eq!(told, all.into_iter().map(str::to_owned).collect());
    assert_eq!(ids.len(), all.len());
    // The drill is told to nobody who did not ask for drills, and nothing comes twice.
    service.ping(&webhook).await;
    assert_eq!(target.next().await.json()["type"], "ping");
    service.stop().await;
}

#[tokio::test]
async fn a_target_that_does_not_answer_holds_up_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let silent = Target::start(vec![Answer::Never]).await;
    let mut quick = Target::start(vec![Answer::Status(200)]).await;
    let hosts = [silent.host(), quick.host()];
    let authorities = format!("{}{}", silent.authority, quick.authority);
    let hosts = targets(&hosts, &["127.0.0.1"], &authorities);
    let service = Service::start(folder.path(), hosts, local()).await;
    let slow = service.make(&silent.url("/"), &["alarm.raised"]).await;
    let fast = service.make(&quick.url("/"), &["alarm.raised"]).await;
    for _ in 0..50 {
        service.ping(&slow).await;
    }
    for _ in 0..10 {
        let ping = service.ping(&fast).await;
        assert_eq!(quick.next().await.header("webhook-id"), ping.message_id);
    }
    service.stop().await;
}

#[tokio::test]
async fn an_answer_leads_nowhere_and_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let trap = Target::start(vec![Answer::Status(200)]).await;
    let answers = vec![Answer::Redirect(trap.url("/trap")), Answer::Endless, Answer::Garbage];
    let mut target = Target::start(answers).await;
    let authorities = format!("{}{}", target.authority, trap.authority);
    let hosts = targets(&[target.host(), trap.host()], &["127.0.0.1"], &authorities);
    let service = Service::start(folder.path(), hosts, local()).await;
    let webhook = service.make(&target.url("/"), &["alarm.raised"]).await;
    for (state, status, error) in [
        (DeliveryState::Waiting, Some(302), Some("status")),
        (DeliveryState::Delivered, Some(200), None),
        (DeliveryState::Waiting, None, Some("request")),
    ] {
        let ping = service.ping(&webhook).await;
        target.next().await;
        let found = service.settled(&ping, state, 1).await;
        assert_eq!((found.last_status, found.last_error.as_deref()), (status, error));
    }
    assert_eq!(trap.connections(), 0, "a redirect was followed");
    service.stop().await;
}

#[tokio::test]
async fn a_name_leads_only_where_it_may() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut target = Target::start(vec![Answer::Status(200)]).await;
    let hosts = targets(&[target.host()], &["127.0.0.1"], &target.authority);
    let metadata: IpAddr = [169, 254, 169, 254].into();
    let other: IpAddr = [127, 0, 0, 2].into();
    let mapped: IpAddr = std::net::Ipv4Addr::new(127, 0, 0, 2).to_ipv6_mapped().into();
    let good: IpAddr = [127, 0, 0, 1].into();
    // The name stands for another machine each time it is asked for.
    let addresses =
        vec![vec![metadata, other, mapped, good], vec![metadata, other, mapped], vec![good]];
    let service = Service::start(folder.path(), hosts, addresses).await;
    let webhook = service.make(&target.url("/"), &["alarm.raised"]).await;
    let first = service.ping(&webhook).await;
    target.next().await;
    service.settled(&first, DeliveryState::Delivered, 1).await;
    let second = service.ping(&webhook).await;
    let refused = service.settled(&second, DeliveryState::Waiting, 1).await;
    assert_eq!(refused.last_error.as_deref(), Some("target"));
    assert_eq!(target.connections(), 1);
    let looked_up = service.looked_up.lock().expect("no panic").clone();
    assert_eq!(looked_up, [HOST, HOST], "each try looks once");
    service.stop().await;
}

#[tokio::test]
async fn whom_the_configuration_does_not_allow_any_more_gets_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target::start(vec![Answer::Status(200)]).await;
    let hosts = targets(&["elsewhere.example".to_owned()], &["127.0.0.1"], &target.authority);
    let service = Service::start(folder.path(), hosts, local()).await;
    for url in
        [target.url("/"), "https://127.0.0.1/".to_owned(), "http://elsewhere.example/".to_owned()]
    {
        let webhook = service.make(&url, &["alarm.raised"]).await;
        let ping = service.ping(&webhook).await;
        let refused = service.settled(&ping, DeliveryState::Waiting, 1).await;
        assert_eq!(refused.last_error.as_deref(), Some("target"), "{url}");
    }
    assert_eq!(target.connections(), 0);
    service.stop().await;
}

#[tokio::test]
async fn who_cannot_prove_the_name_gets_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target::start(vec![Answer::Status(200)]).await;
    let other = Target::start(vec![Answer::Status(200)]).await;
    let hosts = targets(&[target.host()], &["127.0.0.1"], &other.authority);
    let service = Service::start(folder.path(), hosts, local()).await;
    let webhook = service.make(&target.url("/"), &["alarm.raised"]).await;
    let ping = service.ping(&webhook).await;
    let refused = service.settled(&ping, DeliveryState::Waiting, 1).await;
    assert_eq!(refused.last_error.as_deref(), Some("connect"));
    service.stop().await;
}

#[tokio::test]
async fn what_was_not_taken_comes_again_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let answers = vec![Answer::Status(500), Answer::Status(503), Answer::Status(200)];
    let mut target = Target::start(answers).await;
    let hosts = || targets(&[target.host()], &["127.0.0.1"], &target.authority);
    let (first, second) = (hosts(), hosts());
    let service = Service::start(folder.path(), first, local()).await;
    let webhook = service.make(&target.url("/"), &["alarm.raised"]).await;
    let ping = service.ping(&webhook).await;
    target.next().await;
    service.settled(&ping, DeliveryState::Waiting, 1).await;
    service.clock.advance(Duration::from_secs(10));
    service.webhooks.wake();
    assert_eq!(target.next().await.header("webhook-id"), ping.message_id);
    service.settled(&ping, DeliveryState::Waiting, 2).await;
    // While nobody runs, the webhook gets a new secret.
    let now = service.clock.now();
    let editor = service.store.directory().edited_by("cli:test", now);
    let rotated = webhooks::rotate(&editor, webhook.id).await.expect("rotates");
    service.stop().await;
    let service = Service::start(folder.path(), second, local()).await;
    // A try that the stop cut off comes back when its lease is over.
    service.clock.advance(Duration::from_secs(120));
    service.webhooks.wake();
    let message = target.next().await;
    assert_eq!(message.header("webhook-id"), ping.message_id);
    for salt in [&webhook.salt, &rotated.salt] {
        assert!(is_signed(&message, &service.webhooks.key.secret(webhook.id, salt)));
    }
    service.settled(&ping, DeliveryState::Delivered, 3).await;
    service.stop().await;
}

#[tokio::test]
async fn routes_and_lines_are_told_when_they_turn() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut target = Target::start(vec![Answer::Status(200)]).await;
    let hosts = targets(&[target.host()], &["127.0.0.1"], &target.authority);
    let service = Service::start(folder.path(), hosts, local()).await;
    let all = ["route.down", "route.up", "line.down", "line.up"];
    service.make(&target.url("/"), &all).await;
    *service.world.routes_down.lock().expect("no panic") = vec!["carrier".to_owned()];
    // Nothing is said of them until they have settled; then the next look tells, and the one after it does not.
    service.clock.advance(Duration::from_secs(61));
    service.alarm(AlarmId(1 << 40), TriggerSource::Dialled).await;
    let down = target.next().await.json();
    assert_eq!(
        (&down["type"], &down["data"]),
        (&json!("route.down"), &json!({"route": "carrier"}))
    );
    service.alarm(AlarmId(2 << 40), TriggerSource::Dialled).await;
    *service.world.routes_down.lock().expect("no panic") = Vec::new();
    *service.world.lines_lost.lock().expect("no panic") = vec![LineId(7)];
    service.clock.advance(Duration::from_secs(5));
    service.alarm(AlarmId(3 << 40), TriggerSource::Dialled).await;
    let mut told: Vec<Value> = vec![target.next().await.json(), target.next().await.json()];
    told.sort_by_key(|message| message["type"].as_str().map(str::to_owned));
    assert_eq!((&told[0]["type"], &told[0]["data"]["line_id"]), (&json!("line.down"), &json!(7)));
    assert_eq!(told[1]["type"], "route.up");
    *service.world.lines_lost.lock().expect("no panic") = Vec::new();
    *service.world.lines_up.lock().expect("no panic") = BTreeSet::from([LineId(7)]);
    service.clock.advance(Duration::from_secs(5));
    service.alarm(AlarmId(4 << 40), TriggerSource::Dialled).await;
    assert_eq!(target.next().await.json()["type"], "line.up");
    service.stop().await;
}

#[tokio::test]
async fn lines_are_looked_at_now_and_then_and_only_for_who_wants_to_know() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut target = Target::start(vec![Answer::Status(200)]).await;
    let hosts = targets(&[target.host()], &["127.0.0.1"], &target.authority);
    let service = Service::start(folder.path(), hosts, local()).await;
    service.clock.advance(Duration::from_secs(61));
    let looks = || service.world.looks.load(Ordering::Relaxed);
    for (event, looked) in [("route.down", 0), ("line.down", 1)] {
        service.make(&target.url("/"), &[event, "alarm.raised"]).await;
        let told = if looked == 0 { 1 } else { 2 };
        for alarm in 1..=4_u64 {
            // Each alarm ends the pause between two looks.
            service.alarm(AlarmId((alarm + 10 * looked) << 40), TriggerSource::Dialled).await;
            for _ in 0..told {
                assert_eq!(target.next().await.json()["type"], "alarm.raised");
            }
        }
        assert_eq!(looks(), usize::try_from(looked).expect("small"), "{event}");
    }
    service.stop().await;
}
