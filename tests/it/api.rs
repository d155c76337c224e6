//! The real router over a real database; the switchboard is a fake that remembers what it was told.

mod access;
mod alarm_lists;
mod alarms;
mod audit;
mod board;
mod bulk;
mod cases;
mod directory;
mod dossier;
mod drills;
mod errors;
mod feed;
mod grids;
mod health;
mod hostile;
mod idempotency;
mod imports;
mod lists;
mod map;
mod nouns;
mod openapi;
mod paper;
mod policies;
mod reach;
mod reachability;
mod recordings;
mod reports;
mod responder;
mod roster;
mod session;
mod surface;
mod webhooks;
mod whatif;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use jiff::Timestamp;
use lianfang::clock::Clock;
use lianfang::prompts::{Library, PromptsConfig, Recordings};
use lianfang::store::Store;
use lianfang::store::accounts::totp::TotpKey;
use lianfang::store::accounts::{self, AccountDraft, Role, sessions};
use lianfang::store::alarm_log::{AlarmLog, LogOptions};
use lianfang::store::pins::PinKey;
use lianfang::store::reach::Reach;
use lianfang::store::snapshot::DirectoryHandle;
use lianfang::store::tokens::{self, NewToken, Scope};
use lianfang::tasks::Tasks;
use lianfang::web;
use lianfang::web::ports::vitals::{
    ClockVitals, LogVitals, RouteVitals, SectionView, SettingView, Versions, Vitals,
};
use lianfang::web::ports::{
    ActError, Action, Alarms, Answer, Binding, Down, Health, LineState, Page, Ports, RaiseError,
    Raised, Readiness, Registrations, Responders, Unready,
};
use lianfang::webhooks::{Targets, WebhookKey, Webhooks};
use lianfang_domain::alarm::{Actor, Trigger};
use lianfang_domain::digits::Key;
use lianfang_domain::dispatch::{Dispatch, Route};
use lianfang_domain::id::{AlarmId, CommunityId};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::{Channel, RouteName};
use lianfang_domain::plan::PartyId;
use lianfang_domain::tariff::Tariff;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// 2026-11-22T00:00:00Z.
const NOW_S: i64 = 1_795_305_600;

/// A trunk and an SMS provider.
fn routes() -> Vec<Route> {
    let route = |name: &str, channel| Route {
        name: name.into(),
        channel,
        per_second: 10,
        channels: 100,
        callee_budgets: Vec::new(),
        preference: 1,
    };
    vec![route("trunk", Channel::Voice), route("sms", Channel::Sms)]
}

/// The calls have a tariff, the messages have none.
fn tariffs() -> BTreeMap<RouteName, Tariff> {
    let number = |number| NonZeroU32::new(number).expect("not 0");
    let (price_per, block_s) = (number(1), number(6));
    let tariff = Tariff { currency: "CNY".into(), price: 2, price_per, block_s };
    BTreeMap::from([("trunk".into(), tariff)])
}

/// A service without telephones.
pub(crate) struct Api {
    router: Router,
    pub(crate) store: Store,
    pub(crate) directory: DirectoryHandle,
    pub(crate) log: AlarmLog,
    pub(crate) switchboard: Arc<Switchboard>,
    pub(crate) line_lamp: Arc<Lamp>,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) recordings: Recordings,
    _folder: tempfile::TempDir,
}

/// Remembers what it was told.
#[derive(Default)]
pub(crate) struct Switchboard {
    pub(crate) triggers: Mutex<Vec<Trigger>>,
    pub(crate) kinds: Mutex<Vec<AlarmKind>>,
    pub(crate) actions: Mutex<Vec<(AlarmId, Action, Actor)>>,
    pub(crate) pages: Mutex<BTreeMap<String, Page>>,
    /// What real alarms have on the routes.
    pub(crate) on_routes: Mutex<Option<Dispatch>>,
    /// Keys that were pressed on pages.
    pub(crate) answers: Mutex<Vec<char>>,
    pub(crate) refuses: Mutex<Option<ActError>>,
    pub(crate) is_full: Mutex<bool>,
    pub(crate) is_broken: Mutex<bool>,
    /// Tells that a trigger has come.
    pub(crate) called: Notify,
    /// Held by a test, triggers wait.
    pub(crate) gate: tokio::sync::Mutex<()>,
}

impl Responders for Switchboard {
    fn knows(&self, token: &str) -> bool {
        self.pages.lock().expect("no panic").contains_key(token)
    }

    fn page<'a>(
        &'a self,
        token: &'a str,
        key: Option<Key>,
    ) -> Answer<'a, Result<Option<Page>, ActError>> {
        let page = self.pages.lock().expect("no panic").get(token).cloned();
        if page.is_some() {
            self.answers.lock().expect("no panic").extend(key.map(Key::as_char));
        }
        Box::pin(std::future::ready(Ok(page)))
    }

    fn path(&self, alarm: AlarmId, party: PartyId) -> Option<String> {
        Some(format!("/r/{alarm}-{}", party.0))
    }
}

impl Alarms for Switchboard {
    fn raise(&self, trigger: Trigger, kind: AlarmKind) -> Answer<'_, Result<Raised, RaiseError>> {
        Box::pin(async move {
            self.kinds.lock().expect("no panic").push(kind);
            self.called.notify_one();
            let _open = self.gate.lock().await;
            assert!(!*self.is_broken.lock().expect("no panic"), "planted");
            if *self.is_full.lock().expect("no panic") {
                return Err(RaiseError::Unavailable);
            }
            let mut triggers = self.triggers.lock().expect("no panic");
            let key = &trigger.idempotency_key;
            let known = triggers.iter().position(|known| known.idempotency_key == *key);
            let index = known.unwrap_or_else(|| {
                triggers.push(trigger);
                triggers.len() - 1
            });
            let alarm = AlarmId(u64::try_from(index).expect("few"));
            Ok(Raised { alarm, is_new: known.is_none() })
        })
    }

    fn act(
        &self,
        alarm: AlarmId,
        action: Action,
        actor: Actor,
    ) -> Answer<'_, Result<(), ActError>> {
        let refused = *self.refuses.lock().expect("no panic");
        self.actions.lock().expect("no panic").push((alarm, action, actor));
        Box::pin(std::future::ready(refused.map_or(Ok(()), Err)))
    }

    fn on_routes(&self) -> Answer<'_, Option<Dispatch>> {
        let copy = self.on_routes.lock().expect("no panic").as_ref().and_then(Dispatch::copy);
        Box::pin(std::future::ready(copy))
    }
}

/// Says which line is registered, and what is missing.
#[derive(Default)]
pub(crate) struct Lamp {
    pub(crate) lost: Mutex<BTreeMap<String, Timestamp>>,
    pub(crate) registered: Mutex<Vec<(String, Binding)>>,
    pub(crate) unready: Mutex<Vec<Unready>>,
    pub(crate) down: Mutex<Down>,
}

impl Registrations for Lamp {
    fn down(&self) -> Down {
        self.down.lock().expect("no panic").clone()
    }

    fn state_of(&self, account: &str) -> LineState {
        let registered = self.registered.lock().expect("no panic");
        match () {
            () if registered.iter().any(|(known, _)| known == account) => LineState::Up,
            () if self.lost.lock().expect("no panic").contains_key(account) => LineState::Down,
            () => LineState::Never,
        }
    }

    fn of_account<'a>(&'a self, account: &'a str) -> Answer<'a, Vec<Binding>> {
        let registered = self.registered.lock().expect("no panic");
        let found = registered.iter().filter(|(known, _)| known == account);
        let found = found.map(|(_, binding)| binding.clone()).collect();
        Box::pin(std::future::ready(found))
    }

    fn lost<'a>(&'a self, account: &'a str) -> Answer<'a, Option<Timestamp>> {
        let lost = self.lost.lock().expect("no panic").get(account).copied();
        Box::pin(std::future::ready(lost))
    }
}

impl Health for Lamp {
    fn vitals(&self) -> Answer<'_, Vitals> {
        let route = RouteVitals {
            name: "carrier".to_owned(),
            channel: Channel::Voice,
            is_up: true,
            under_way: 3,
            channels: 300,
            left_lately: 2,
            per_second: 100,
            legs: 40,
            failures: 1,
        };
        let messages = RouteVitals {
            name: "sms".to_owned(),
            channel: Channel::Sms,
            is_up: false,
            under_way: 4,
            channels: 20,
            left_lately: 5,
            per_second: 10,
            legs: 30,
            failures: 12,
        };
        let log = LogVitals {
            last_commit_us: Some(900),
            is_behind: false,
            committed: 7,
            journalled: 0,
            uncommitted: 0,
            dropped: 0,
        };
        let versions = Versions {
            lianfang: "0.1.0".to_owned(),
            sqlite: None,
            time_zones: Some("2026e".to_owned()),
        };
        let vitals = Vitals {
            started_at: Timestamp::UNIX_EPOCH,
            uptime_s: 60,
            alarms_open: Some(1),
            legs_waiting: Some(0),
            routes: vec![route, messages],
            over_minutes: 5,
            databases: Vec::new(),
            log,
            clock: ClockVitals { offset_ms: 0, steps: 0, last_step_ms: None },
            disks: Vec::new(),
            versions,
        };
        Box::pin(std::future::ready(vitals))
    }

    fn configuration(&self) -> Vec<SectionView> {
        let value = SettingView { key: "password".to_owned(), value: "***".to_owned() };
        vec![SectionView { name: "trunk carrier".to_owned(), values: vec![value] }]
    }
}

impl Readiness for Lamp {
    fn unready(&self) -> Answer<'_, Vec<Unready>> {
        let unready = self.unready.lock().expect("no panic").clone();
        Box::pin(std::future::ready(unready))
    }
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: impl AsRef<str>) -> &str {
        self.headers.get(name.as_ref()).map_or("", |value| value.to_str().expect("ASCII"))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// The pointers of what is wrong.
    pub(crate) fn pointers(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        let pointer = |error: &Value| error["pointer"].as_str().unwrap_or_default().to_owned();
        errors.iter().map(pointer).collect()
    }

    /// The last part of the type of the problem.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let kind = self.json()["type"].as_str().unwrap_or_default().to_owned();
        kind.rsplit(':').next().unwrap_or_default().to_owned()
    }
}

/// A request that is being written.
pub(crate) struct Call<'a> {
    api: &'a Api,
    request: axum::http::request::Builder,
    body: Body,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    pub(crate) fn text(mut self, body: &str) -> Self {
        self.body = Body::from(body.to_owned());
        self.header("content-type", "application/json")
    }

    pub(crate) fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    pub(crate) async fn send(self) -> Reply {
        let mut request = self.request.body(self.body).expect("a request");
        // As the server does it, for a request that came over HTTPS, through a proxy on this machine.
        let trusted = vec!["127.0.0.1".parse().expect("a network")];
        let proxies = lianfang_http::Proxies { trusted, ..lianfang_http::Proxies::default() };
        let peer = std::net::Ipv4Addr::LOCALHOST.into();
        let client = proxies.client(peer, true, request.headers());
        request.extensions_mut().insert(client);
        let response = self.api.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        // A stream of events has no end.
        let is_endless =
            parts.headers.get("content-type").is_some_and(|it| it == "text/event-stream");
        let body = if is_endless { Body::empty() } else { body };
        let bytes = to_bytes(body, 16 << 20).await.expect("a body");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Reply { status: parts.status, headers: parts.headers, text, bytes: bytes.into() }
    }
}

/// What an API stands on. All else that it needs is the same wherever it is tried.
pub(crate) struct Beneath {
    pub(crate) store: Store,
    pub(crate) directory: DirectoryHandle,
    pub(crate) log: AlarmLog,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) alarms: Arc<dyn Alarms>,
    pub(crate) responders: Arc<dyn Responders>,
    pub(crate) lamp: Arc<Lamp>,
}

impl Beneath {
    /// The ports of the API, with its files in this folder.
    pub(crate) async fn ports(self, folder: &Path) -> Ports {
        let prompts = folder.join("prompts");
        let (library, problems) =
            Library::load(&PromptsConfig { directory: prompts, voice: "none".into() });
        assert!(problems.is_empty(), "{problems:?}");
        let (database, sounds) = (self.store.directory(), folder.join("recordings"));
        let opened = Recordings::open(&library, database, sounds, self.clock.clone()).await;
        let (recordings, _) = opened.expect("opens");
        let targets = Targets::new(&["hooks.example.com".to_owned()], Vec::new(), Vec::new());
        Ports {
            store: self.store,
            realm: "lianfang".into(),
            pins: PinKey::new(&[7; 32]),
            totp: TotpKey::new(&[7; 32]),
            webhooks: Webhooks::new(WebhookKey::new(&[7; 32]), targets.expect("hosts")),
            routes: routes(),
            tariffs: tariffs(),
            lines_route: "lines".into(),
            directory: self.directory,
            alarms: self.alarms,
            responders: self.responders,
            alarm_log: self.log,
            registrations: self.lamp.clone(),
            readiness: self.lamp.clone(),
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            clock: self.clock,
            tasks: self.tasks,
            recordings,
            recording_numbers: vec!["05925550008".into()],
            is_insecure: false,
            public: BTreeSet::from([CommunityId(1)]),
            health: self.lamp,
        }
    }
}

impl Api {
    pub(crate) async fn new() -> Self {
        let store = Store::open_in_memory().await.expect("opens");
        let folder = tempfile::tempdir().expect("a folder");
        let traces = folder.path().join("traces");
        Self::over(store.with_traces(&traces), folder).await
    }

    /// With its databases in files, which have connections of their own for who reads.
    pub(crate) async fn on_disk() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        Self::over(store, folder).await
    }

    async fn over(store: Store, folder: tempfile::TempDir) -> Self {
        let clock = Clock::simulated(Timestamp::from_second(NOW_S).expect("a time"));
        let tasks = Tasks::new(Handle::current(), CancellationToken::new());
        // A machine that is busy with other tests is no database that fails.
        let options = LogOptions {
            commit_deadline: std::time::Duration::from_secs(10),
            ..LogOptions::in_folder(folder.path())
        };
        let (log, _) = AlarmLog::start(&store, &options, &clock, &tasks).await.expect("starts");
        let directory = DirectoryHandle::load(&store).await.expect("loads");
        let switchboard = Arc::new(Switchboard::default());
        let line_lamp = Arc::new(Lamp::default());
        let beneath = Beneath {
            store: store.clone(),
            directory: directory.clone(),
            log: log.clone(),
            clock: clock.clone(),
            tasks: tasks.clone(),
            alarms: switchboard.clone(),
            responders: switchboard.clone(),
            lamp: line_lamp.clone(),
        };
        let ports = beneath.ports(folder.path()).await;
        let recordings = ports.recordings.clone();
        let router = web::router(ports);
        Self {
            router,
            store,
            directory,
            log,
            switchboard,
            line_lamp,
            clock,
            tasks,
            recordings,
            _folder: folder,
        }
    }

    /// Makes a token and gives its secret.
    pub(crate) async fn token(&self, name: &str, scope: Scope) -> String {
        let new = NewToken { name: name.to_owned(), scope, expires: None };
        let secret =
            tokens::create(&self.store.directory().edited_by("cli:test", self.clock.now()), &new)
                .await;
        secret.expect("a token").reveal().to_owned()
    }

    /// Somebody with an account of this role and reach, signed in and with a second factor.
    pub(crate) async fn person(&self, name: &str, role: Role, reach: Reach) -> Client<'_> {
        let draft = AccountDraft {
            name: name.to_owned(),
            display_name: name.to_owned(),
            role,
            reach,
            worker_id: None,
            responder_id: None,
            language: None,
            is_disabled: false,
            password: None,
        };
        self.person_of(&draft).await
    }

    /// Somebody with this account, signed in and with a second factor.
    pub(crate) async fn person_of(&self, draft: &AccountDraft) -> Client<'_> {
        let (database, now) = (self.store.directory(), self.clock.now());
        let editor = database.edited_by("cli:test", now);
        let phc = "$argon2id$nobody knows it";
        let account = accounts::create(&editor, draft, (phc, false)).await.expect("an account");
        let session = sessions::begin(database, &account, "test", now).await.expect("a session");
        let salt = accounts::begin_totp(&editor, account.id).await.expect("a salt");
        let kept = accounts::keep_totp(&editor, account.id, (&salt, 0), session.id).await;
        kept.expect("keeps").expect("is the one that was begun");
        self.admin(&session.secret)
    }

    /// A call of nobody.
    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        Call {
            api: self,
            request: Request::builder().method(method).uri(path),
            body: Body::empty(),
        }
    }

    pub(crate) fn admin(&self, secret: &str) -> Client<'_> {
        Client { api: self, secret: secret.to_owned() }
    }
}

/// Compares with what is committed under `tests/it/snapshots`; `INSTA_UPDATE=always` writes it anew.
pub(crate) fn assert_snapshot(name: &str, text: &str) {
    insta::assert_snapshot!(name, text);
}

/// Somebody with a token.
pub(crate) struct Client<'a> {
    pub(crate) api: &'a Api,
    secret: String,
}

impl<'a> Client<'a> {
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'a> {
        let path = format!("/api/v1{path}");
        let value = format!("Bearer {}", self.secret);
        self.api.call(method, &path).header(header::AUTHORIZATION.as_str(), &value)
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path).json(&body).send().await
    }

    pub(crate) async fn put(&self, path: &str, version: u32, body: Value) -> Reply {
        let tag = format!("\"{version}\"");
        self.call(Method::PUT, path).header("if-match", &tag).json(&body).send().await
    }

    pub(crate) async fn delete(&self, path: &str, version: u32) -> Reply {
        let tag = format!("\"{version}\"");
        self.call(Method::DELETE, path).header("if-match", &tag).send().await
    }

    /// Creates a row and gives its id.
    pub(crate) async fn create(&self, path: &str, body: Value) -> u64 {
        let reply = self.post(path, body).await.expect(201);
        reply.json()["id"].as_u64().expect("an id")
    }

    /// One of each noun.
    pub(crate) async fn town(&self) -> Town {
        let street = self.create("/streets", json!({"name": "筼筜街道"})).await;
        let community = json!({"street_id": street, "name": "文园社区", "area_code": "0592"});
        let community = self.create("/communities", community).await;
        let grid = self.create("/grids", json!({"community_id": community, "name": "1"})).await;
        let group = self.create("/groups", json!({"grid_id": grid, "name": "3-1"})).await;
        let household =
            json!({"group_id": group, "name": "陈阿姨", "building": "3", "door": "502"});
        let household = self.create("/households", household).await;
        let line = json!({"household_id": household, "number": "5551234", "account": "1001"});
        let line = self.create("/lines", line).await;
        let contact = json!({"household_id": household, "name": "陈阿姨",
            "numbers": [{"number": "13800001111"}]});
        let contact = self.create("/contacts", contact).await;
        let worker = json!({"community_id": community, "name": "李强", "is_on_duty": true,
            "numbers": [{"number": "13900002222"}]});
        let worker = self.create("/workers", worker).await;
        Town { street, community, grid, group, household, line, contact, worker }
    }
}

/// Ids of one of each noun.
pub(crate) struct Town {
    pub(crate) street: u64,
    pub(crate) community: u64,
    pub(crate) grid: u64,
    pub(crate) group: u64,
    pub(crate) household: u64,
    pub(crate) line: u64,
    pub(crate) contact: u64,
    pub(crate) worker: u64,
}
