//! The feed of alarms, over real connections: first all, then every change, from where one was, and nobody waits for it.

use super::alarms::{plan, record, trigger};
use super::{Api, Client};
use axum::http::StatusCode;
use axum::serve::ListenerExt;
use lianfang::store::alarm_log::{NewEvents, OpenedAlarm};
use lianfang::store::tokens::{self, Scope};
use lianfang_domain::alarm::{CloseOutcome, Event, Trigger};
use lianfang_domain::id::{AlarmId, CommunityId, LineId};
use lianfang_domain::plan::Plan;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// How soon a change is told.
const SOON: Duration = Duration::from_secs(1);

/// Serves the API on a port of its own, until the tasks stop.
async fn serve(api: &Api) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    // Small buffers, so that whoever does not read is felt soon.
    let listener = listener.tap_io(|stream| {
        socket2::SockRef::from(&*stream).set_send_buffer_size(4_096).expect("small");
    });
    let router = api.router.clone();
    api.tasks.start("test server", |stop| async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        served.await.expect("serves");
    });
    address
}

/// Somebody who follows.
struct Follower {
    response: reqwest::Response,
    text: String,
}

/// What was read of an event.
#[derive(Debug)]
struct Told {
    name: String,
    id: Option<String>,
    data: Value,
}

impl Follower {
    async fn ask(
        address: SocketAddr,
        secret: &str,
        query: &str,
        last: Option<&str>,
    ) -> reqwest::Response {
        let url = format!("http://{address}/api/v1/alarms/feed{query}");
        // A second try does no harm: there is one per process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let mut request = client.get(url).bearer_auth(secret);
        request = request.header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        request.send().await.expect("an answer")
    }

    async fn new(address: SocketAddr, secret: &str, query: &str, last: Option<&str>) -> Self {
        let response = Self::ask(address, secret, query, last).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { response, text: String::new() }
    }

    /// The next block of lines; `None` at the end of the stream.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                return Some(block);
            }
            let piece = tokio::time::timeout(PATIENCE, self.response.chunk());
            let piece = piece.await.expect("in time").ok().flatten()?;
            self.text.push_str(std::str::from_utf8(&piece).expect("UTF-8"));
        }
    }

    /// The next event, by the rules of the standard: blocks without data are none.
    async fn next(&mut self) -> Option<Told> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| {
                let mut lines = block.lines();
                lines
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
            };
            let Some(data) = field("data") else { continue };
            let data = serde_json::from_str(&data).expect("JSON");
            return Some(Told { name: field("event").expect("a name"), id: field("id"), data });
        }
    }

    /// The next that tells this alarm; an alarm may be told more than once.
    async fn changed(&mut self, alarm: AlarmId) -> Told {
        loop {
            let told = self.next().await.expect("an event");
            assert_ne!(told.name, "snapshot", "{told:?}");
            if told.data["id"] == json!(alarm.to_string()) {
                return told;
            }
        }
    }

    async fn told(&mut self, name: &str) -> Told {
        let told = self.next().await.expect("an event");
        assert_eq!(told.name, name, "{told:?}");
        told
    }
}

fn ids(items: &Value) -> Vec<String> {
    let items = items.as_array().expect("items").iter();
    items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

/// Raises an alarm of a line in a community.
async fn raise(api: &Api, alarm: AlarmId, community: u32) {
    let line = LineId(u32::try_from(alarm.0 % 100_000).expect("small"));
    let mut plan: Plan = plan();
    plan.scene.community = CommunityId(community);
    let trigger = Trigger { line, ..trigger() };
    let batch = NewEvents {
        alarm,
        first_sequence: 0,
        at: api.clock.now(),
        events: vec![
            Event::Raised { trigger, follows: None },
            Event::Planned { revision: 1, why: None },
        ],
        plan: Some(Arc::new(plan)),
        opened: Some(OpenedAlarm {
            line,
            idempotency_key: format!("call-{alarm}").into(),
            follows: None,
            raised: api.clock.now(),
        }),
        closed: None,
        beginning: None,
    };
    append(api, batch).await;
}

async fn append(api: &Api, batch: NewEvents) -> Duration {
    let kept = api.log.append(vec![batch]).expect("queued");
    tokio::time::timeout(PATIENCE, kept).await.expect("in time").expect("kept").took
}

fn ringing(api: &Api, alarm: AlarmId, sequence: u32) -> NewEvents {
    NewEvents {
        alarm,
        first_sequence: sequence,
        at: api.clock.now(),
        events: vec![Event::LegRinging { leg: sequence }],
        plan: None,
        opened: None,
        closed: None,
        beginning: None,
    }
}

async fn close(api: &Api, alarm: AlarmId) {
    let event = Event::Closed {
        actor: "root".into(),
        outcome: CloseOutcome::Genuine,
        matter: None,
        by: None,
    };
    let at = api.clock.now();
    let batch = NewEvents { events: vec![event], closed: Some(at), ..ringing(api, alarm, 900) };
    append(api, batch).await;
}

async fn secret(api: &Api) -> String {
    api.token("wall", Scope::Operator).await
}

const ONE: AlarmId = AlarmId(1 << 40);
const TWO: AlarmId = AlarmId((1 << 40) + 1);
const THREE: AlarmId = AlarmId((1 << 40) + 2);

#[tokio::test]
async fn all_open_alarms_first_then_each_change_within_a_second() {
    let api = Api::new().await;
    let (address, secret) = (serve(&api).await, secret(&api).await);
    raise(&api, ONE, 1).await;
    record(&api, AlarmId(5 << 40)).await;
    raise(&api, TWO, 2).await;
    let mut wall = Follower::new(address, &secret, "", None).await;
    let first = wall.told("snapshot").await;
    let listed: Client<'_> = api.admin(&secret);
    let open = listed.get("/alarms?state=open").await.expect(200).json();
    assert_eq!(
        first.data,
        json!({"items": open["items"], "is_complete": true, "is_behind": false})
    );
    assert_eq!(ids(&first.data["items"]), [TWO.to_string(), ONE.to_string()]);

    for alarm in [THREE, ONE] {
        if alarm == THREE {
            raise(&api, alarm, 1).await;
        } else {
            append(&api, ringing(&api, alarm, 2)).await;
        }
        let told = tokio::time::timeout(SOON, wall.changed(alarm)).await.expect("within a second");
        let list = listed.get("/alarms").await.expect(200).json();
        let items = list["items"].as_array().expect("items");
        assert!(items.contains(&told.data), "the same as in the list: {}", told.data);
    }
    close(&api, ONE).await;
    while !wall.changed(ONE).await.data["closed_at"].is_string() {}
}

#[tokio::test]
async fn whoever_comes_back_hears_what_was_missed() {
    let api = Api::new().await;
    let (address, secret) = (serve(&api).await, secret(&api).await);
    raise(&api, ONE, 1).await;
    let mut wall = Follower::new(address, &secret, "", None).await;
    let seen = wall.told("snapshot").await.id.expect("an id");
    drop(wall);
    raise(&api, TWO, 1).await;
    append(&api, ringing(&api, TWO, 2)).await;
    close(&api, ONE).await;

    let mut wall = Follower::new(address, &secret, "", Some(&seen)).await;
    assert_eq!(wall.told("behind").await.data, json!({"is_behind": false}));
    let (one, two) = (wall.told("changed").await, wall.told("changed").await);
    assert_eq!((&one.data["id"], one.id), (&json!(ONE.to_string()), None), "more of it is to come");
    assert_eq!(two.data["id"], json!(TWO.to_string()));
    let seen = two.id.expect("the last has the id");
    raise(&api, THREE, 1).await;
    wall.changed(THREE).await;

    let mut wall = Follower::new(address, &secret, "", Some(&seen)).await;
    wall.told("behind").await;
    assert_eq!(
        wall.told("changed").await.data["id"],
        json!(THREE.to_string()),
        "nothing comes twice"
    );

    // Of another process, from the future, or nonsense: all is told.
    for other in ["0-1", &format!("{seen}000"), "x", "", "-"] {
        let mut wall = Follower::new(address, &secret, "", Some(other)).await;
        let first = wall.told("snapshot").await;
        assert_eq!(ids(&first.data["items"]), [THREE.to_string(), TWO.to_string()], "{other}");
    }
}

#[tokio::test]
async fn a_community_hears_of_its_own_alarms() {
    let api = Api::new().await;
    let (address, secret) = (serve(&api).await, secret(&api).await);
    raise(&api, ONE, 1).await;
    raise(&api, TWO, 2).await;
    let mut wall = Follower::new(address, &secret, "?community_id=2", None).await;
    let first = wall.told("snapshot").await;
    assert_eq!(ids(&first.data["items"]), [TWO.to_string()]);
    let seen = first.id.expect("an id");
    append(&api, ringing(&api, ONE, 2)).await;
    append(&api, ringing(&api, TWO, 2)).await;
    wall.changed(TWO).await;

    let mut wall = Follower::new(address, &secret, "?community_id=2", Some(&seen)).await;
    wall.told("behind").await;
    assert_eq!(wall.told("changed").await.data["id"], json!(TWO.to_string()));
}

#[tokio::test]
async fn only_operators_follow_and_only_as_long_as_they_are() {
    let api = Api::new().await;
    let (address, secret) = (serve(&api).await, secret(&api).await);
    for (scope, status) in [(Scope::Metrics, 403), (Scope::Trigger, 403), (Scope::Auditor, 403)] {
        let other = api.token(scope.name(), scope).await;
        assert_eq!(Follower::ask(address, &other, "", None).await.status(), status);
    }
    assert_eq!(Follower::ask(address, "lf_nothing", "", None).await.status(), 401);
    assert_eq!(Follower::ask(address, &secret, "?community_id=x", None).await.status(), 400);
    assert_eq!(Follower::ask(address, &secret, "?other=1", None).await.status(), 400);

    let mut wall = Follower::new(address, &secret, "", None).await;
    wall.told("snapshot").await;
    for _ in 0..2 {
        api.clock.advance(Duration::from_secs(15));
        assert_eq!(wall.block().await.as_deref(), Some(":"), "a sign of life");
    }
    let editor = api.store.directory().edited_by("cli:test", api.clock.now());
    assert!(tokens::revoke(&editor, "wall").await.expect("revokes"));
    api.clock.advance(Duration::from_secs(15));
    assert_eq!(wall.block().await, None);
}

#[tokio::test]
async fn a_stop_ends_every_feed() {
    let api = Api::new().await;
    let (address, secret) = (serve(&api).await, secret(&api).await);
    let mut walls = Vec::new();
    for _ in 0..3 {
        let mut wall = Follower::new(address, &secret, "", None).await;
        wall.told("snapshot").await;
        walls.push(wall);
    }
    assert!(api.tasks.stop(PATIENCE).await, "nothing holds it up");
    for mut wall in walls {
        assert_eq!(wall.block().await, None);
    }
}

/// Asks, with the smallest buffer there is, and never reads.
async fn stall(address: SocketAddr, secret: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(1).expect("small");
    let mut stream = socket.connect(address).await.expect("connects");
    let request = format!(
        "GET /api/v1/alarms/feed HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {secret}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("asks");
    let mut begun = [0; 12];
    stream.read_exact(&mut begun).await.expect("an answer");
    assert_eq!(&begun, b"HTTP/1.1 200");
    stream
}

/// How long the log takes for these alarms, the median.
async fn median(api: &Api, first: u64) -> Duration {
    let mut took = Vec::new();
    for number in first..first + 101 {
        raise(api, AlarmId((7 << 40) + number), 1).await;
        took.push(append(api, ringing(api, AlarmId((7 << 40) + number), 2)).await);
    }
    took.sort();
    took[50]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_who_do_not_read_hold_up_nothing() {
    let api = Api::new().await;
    let (address, secret) = (serve(&api).await, secret(&api).await);
    let alone = median(&api, 1_000).await;
    let mut stalled = Vec::new();
    for _ in 0..199 {
        stalled.push(stall(address, &secret).await);
    }
    let mut wall = Follower::new(address, &secret, "", None).await;
    wall.told("snapshot").await;
    let refused = Follower::ask(address, &secret, "", None).await;
    assert_eq!(refused.status(), 503, "no more than 200");
    assert_eq!(refused.headers()["retry-after"], "1");

    let watched = median(&api, 2_000).await;
    // A commit into memory takes a millisecond; two hundred who had to be waited for would take seconds.
    assert!(watched < alone * 10 + Duration::from_millis(20), "{alone:?} became {watched:?}");
    raise(&api, ONE, 1).await;
    tokio::time::timeout(SOON, wall.changed(ONE)).await.expect("within a second");

    // Whoever hangs up makes room.
    drop(stalled.pop());
    let again = async {
        while Follower::ask(address, &secret, "", None).await.status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_too_slowly_is_cut_off_and_goes_on() {
    let api = Api::new().await;
    let (address, secret) = (serve(&api).await, secret(&api).await);
    let alarms: Vec<AlarmId> = (0..400).map(|number| AlarmId((7 << 40) + number)).collect();
    for alarm in &alarms {
        raise(&api, *alarm, 1).await;
    }
    let mut stalled = stall(address, &secret).await;
    let mut wall = Follower::new(address, &secret, "", None).await;
    wall.told("snapshot").await;
    // 72 KiB a round, until no buffer in between holds more, and then no word for longer than anybody waits.
    for round in 0..16 {
        let batch = alarms.iter().map(|alarm| ringing(&api, *alarm, 2 + round)).collect();
        let kept = api.log.append(batch).expect("queued");
        tokio::time::timeout(PATIENCE, kept).await.expect("in time").expect("kept");
        wall.changed(alarms[399]).await.id.expect("the last has the id");
        api.clock.advance(Duration::from_secs(11));
    }
    let newest = alarms[399];
    append(&api, ringing(&api, newest, 50)).await;
    let newest_id = wall.changed(newest).await.id.expect("an id");

    let mut read = Vec::new();
    let end = tokio::time::timeout(PATIENCE, stalled.read_to_end(&mut read));
    end.await.expect("it was cut off").expect("reads");
    let text = String::from_utf8_lossy(&read);
    assert!(!text.contains(&newest_id), "it did not hear all");
    let seen = text.lines().rev().find_map(|line| line.strip_prefix("id: ")).expect("an id");
    let mut again = Follower::new(address, &secret, "", Some(seen)).await;
    again.told("behind").await;
    while again.changed(newest).await.id.as_ref() != Some(&newest_id) {}
}
