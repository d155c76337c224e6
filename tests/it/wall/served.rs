//! The town with its API and its console, over a real listener on one port. Its connections can be cut, and something in
//! front of it can refuse everybody.

use crate::api::{Beneath, Lamp, Switchboard as Fake};
use crate::town::Town;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use lianfang::store::tokens::{self, NewToken, Scope};
use lianfang::switchboard::{self, Switchboard};
use lianfang::tasks::Tasks;
use lianfang::web;
use lianfang::web::ports::{ActError, Action, Alarms, Answer, RaiseError, Raised};
use lianfang_domain::alarm::{Actor, Trigger};
use lianfang_domain::dispatch::Dispatch;
use lianfang_domain::id::AlarmId;
use lianfang_domain::kind::AlarmKind;
use lianfang_http::{Client, Limits, Proxies, Served as Serving};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Until what was cut has let go of the port.
const PATIENCE: Duration = Duration::from_secs(20);
/// What goes in front of the script of each page.
const PAGE: &str = include_str!("page.js");
pub(super) const PASSWORD: &str = "three quiet herons";

/// The service as browsers reach it.
pub(super) struct Served {
    address: SocketAddr,
    /// Something in front answers that nobody is there.
    refuses: Arc<AtomicBool>,
    api: Router,
    pages: Router,
    /// The tasks of the API: they live as long as the service does.
    within: Option<Runtime>,
    /// Listener and connections.
    without: Option<Runtime>,
    admin: String,
    operator: String,
    folder: TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.is_cut();
        self.dies();
    }
}

fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime")
}

impl Served {
    /// On a free port, with somebody who may sign in as an operator.
    pub(super) async fn new(town: &Town) -> Self {
        let token = async |name: &str, scope| {
            let editor = town.store().directory().edited_by("cli:test", town.clock.now());
            let new = NewToken { name: name.to_owned(), scope, expires: None };
            tokens::create(&editor, &new).await.expect("a token").reveal().to_owned()
        };
        let mut served = Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            refuses: Arc::default(),
            api: Router::new(),
            pages: Router::new(),
            within: None,
            without: None,
            admin: token("root", Scope::Admin).await,
            operator: token("值班台", Scope::Operator).await,
            folder: tempfile::tempdir().expect("a folder"),
        };
        served.starts(town).await;
        served.listens().await;
        let account = json!({"name": "wang", "display_name": "王敏", "role": "operator",
            "reach": {"kind": "everything"}, "password": PASSWORD});
        let made = served.ask_as(&served.admin, (Method::POST, "/accounts"), account).await;
        assert_eq!(made.0, 201, "{}", made.1);
        served
    }

    /// The API and the console over what the town runs now.
    pub(super) async fn starts(&mut self, town: &Town) {
        let runtime = runtime();
        let beneath = Beneath {
            store: town.store().clone(),
            directory: town.directory_handle().clone(),
            log: town.log().clone(),
            clock: town.clock.clone(),
            tasks: Tasks::new(runtime.handle().clone(), CancellationToken::new()),
            alarms: Arc::new(Desk(town.switchboard().clone())),
            responders: Arc::new(Fake::default()),
            lamp: Arc::new(Lamp::default()),
        };
        let clock = town.clock.clone();
        let settings = lianfang_console::Settings {
            now: Arc::new(move || clock.now()),
            carry: |from, to| {
                if let Some(client) = from.get::<Client>() {
                    to.insert(client.clone());
                }
            },
            is_https: lianfang_http::is_https,
            is_guarded: Arc::new(|of| of.get::<Client>().is_some_and(Client::is_guarded)),
            host: |of| of.get::<Client>()?.host.as_deref(),
            tiles: None,
        };
        self.api = web::router(beneath.ports(self.folder.path()).await);
        let console = lianfang_console::router(self.api.clone(), settings);
        let in_front = middleware::from_fn_with_state(Arc::clone(&self.refuses), in_front);
        self.pages = self.api.clone().merge(console).layer(in_front);
        self.within = Some(runtime);
    }

    /// The API and its tasks are no more.
    pub(super) fn dies(&mut self) {
        (self.api, self.pages) = (Router::new(), Router::new());
        if let Some(runtime) = self.within.take() {
            runtime.shutdown_background();
        }
    }

    /// Listens, always on the same port.
    pub(super) async fn listens(&mut self) {
        let runtime = runtime();
        let bound = async {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            loop {
                tick.tick().await;
                let socket = std::net::TcpListener::bind(self.address);
                if let Ok(socket) = socket {
                    break socket;
                }
            }
        };
        let socket = tokio::time::timeout(PATIENCE, bound).await.expect("the port is free");
        socket.set_nonblocking(true).expect("a socket");
        self.address = socket.local_addr().expect("an address");
        let tasks = Tasks::new(runtime.handle().clone(), CancellationToken::new());
        let router = self.pages.clone();
        let (proxies, limits) = (Proxies::default(), Limits::default());
        let of_connections = tasks.clone();
        tasks.start("http", move |stop| async move {
            let listener = TcpListener::from_std(socket).expect("a listener");
            let start = move |task| of_connections.start("connection", |_| task);
            let serving = Serving { router, tls: None, proxies, limits };
            lianfang_http::serve(listener, serving, stop, start).await;
        });
        self.without = Some(runtime);
    }

    /// Nobody listens any more, and every connection is gone.
    pub(super) fn is_cut(&mut self) {
        if let Some(runtime) = self.without.take() {
            runtime.shutdown_background();
        }
    }

    /// Whether something in front of the service answers that nobody is there.
    pub(super) fn refuses(&self, does: bool) {
        self.refuses.store(does, Ordering::Relaxed);
    }

    pub(super) fn page(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Asks the API, as a program of the desk does.
    pub(super) async fn ask(&self, what: (Method, &str), body: Value) -> (u16, Value) {
        self.ask_as(&self.operator, what, body).await
    }

    /// The same as an admin.
    pub(super) async fn command(&self, what: (Method, &str), body: Value) -> (u16, Value) {
        self.ask_as(&self.admin, what, body).await
    }

    async fn ask_as(
        &self,
        token: &str,
        (method, path): (Method, &str),
        body: Value,
    ) -> (u16, Value) {
        let request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let mut request = request.body(Body::from(body.to_string())).expect("a request");
        let own = Proxies::default().client(Ipv4Addr::LOCALHOST.into(), false, request.headers());
        request.extensions_mut().insert(own);
        let Ok(response) = self.api.clone().oneshot(request).await;
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), 16 << 20).await.expect("a body");
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }
}

/// What stands in front of the service.
async fn in_front(
    State(refuses): State<Arc<AtomicBool>>,
    request: Request,
    next: Next,
) -> Response {
    if refuses.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let is_script = request.uri().path() == "/assets/console.js";
    let response = next.run(request).await;
    if !is_script {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let script = to_bytes(body, 1 << 20).await.expect("a script");
    Response::from_parts(parts, Body::from([PAGE.as_bytes(), &script].concat()))
}

/// The switchboard as the API knows it. Whoever presses #9 here does it on a telephone.
struct Desk(Switchboard);

impl Alarms for Desk {
    fn raise(&self, _: Trigger, _: AlarmKind) -> Answer<'_, Result<Raised, RaiseError>> {
        Box::pin(std::future::ready(Err(RaiseError::Unavailable)))
    }

    fn act(
        &self,
        alarm: AlarmId,
        action: Action,
        actor: Actor,
    ) -> Answer<'_, Result<(), ActError>> {
        let action = match action {
            Action::Acknowledge { party } => switchboard::Action::Acknowledge(party),
            Action::Arrive { party } => switchboard::Action::Arrive(party),
            Action::NameKind { kind } => switchboard::Action::NameKind(kind),
            Action::Cancel => switchboard::Action::Cancel,
            Action::Close { outcome, matter } => switchboard::Action::Close(outcome, matter),
            Action::ChangeOwner { party } => switchboard::Action::ChangeOwner(party),
            Action::CallAgain => switchboard::Action::CallAgain,
            Action::AddParty { whom } => switchboard::Action::AddParty(whom),
            Action::TakeInHand => switchboard::Action::TakeInHand,
            Action::Note { note } => switchboard::Action::Note(note),
        };
        Box::pin(async move {
            match self.0.act(alarm, action, actor).await {
                Ok(()) | Err(switchboard::ActError::NothingChanged) => Ok(()),
                Err(switchboard::ActError::NoSuchParty) => Err(ActError::UnknownParty),
                Err(switchboard::ActError::CannotAdd(error)) => Err(ActError::CannotAdd(error)),
                Err(switchboard::ActError::Busy) => Err(ActError::Unavailable),
                Err(switchboard::ActError::NotOpen) => Err(ActError::Closed),
            }
        })
    }

    fn on_routes(&self) -> Answer<'_, Option<Dispatch>> {
        Box::pin(self.0.on_routes())
    }
}
