//! A provider that does with each request what the test has told it to; then it behaves.

use super::{NOW_S, TOKEN};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{any, get};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use lianfang::tasks::Tasks;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(super) const ACCOUNT: &str = "AC1";

/// What becomes of a request to send.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// This answer; the message was not taken.
    Answer(u16, &'static str, String),
    /// The message is taken, and answered with this.
    TakenAnd(u16, String),
    /// The message is taken with this status and error code.
    Taken(&'static str, Value),
    /// The message is taken, and the connection breaks.
    TakenAndBroken,
    /// No answer, ever.
    Silence,
}

/// A message as the provider took it.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) form: BTreeMap<String, String>,
    sid: String,
    at: Timestamp,
}

#[derive(Default)]
struct Desk {
    deeds: Mutex<VecDeque<Deed>>,
    taken: Mutex<Vec<Taken>>,
    posts: AtomicUsize,
    looks: AtomicUsize,
    heads: AtomicUsize,
    redirected: AtomicUsize,
    changed: Notify,
}

pub(super) struct Provider {
    desk: Arc<Desk>,
    address: std::net::SocketAddr,
    tasks: Tasks,
}

impl Provider {
    pub(super) async fn start(deeds: impl IntoIterator<Item = Deed>) -> Self {
        let desk =
            Arc::new(Desk { deeds: Mutex::new(deeds.into_iter().collect()), ..Desk::default() });
        let router = Router::new()
            .route("/2010-04-01/Accounts/{account}/Messages.json", get(list).post(send))
            .route("/", any(greet))
            .route("/elsewhere", any(redirected))
            .with_state(Arc::clone(&desk));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let tasks = Tasks::new(Handle::current(), CancellationToken::new());
        tasks.start("provider", move |stop| async move {
            let served = axum::serve(listener, router);
            stop.run_until_cancelled(async { served.await }).await;
        });
        Self { desk, address, tasks }
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn taken(&self) -> Vec<Taken> {
        self.desk.taken.lock().expect("no panic").clone()
    }

    pub(super) fn posts(&self) -> usize {
        self.desk.posts.load(Ordering::SeqCst)
    }

    pub(super) fn looks(&self) -> usize {
        self.desk.looks.load(Ordering::SeqCst)
    }

    pub(super) fn redirected(&self) -> usize {
        self.desk.redirected.load(Ordering::SeqCst)
    }

    /// Puts a message there that was taken before.
    pub(super) fn take_before(&self, to: &str, body: &str, seconds_ago: i64) {
        let form = [("To", to), ("Body", body)];
        let form = form.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        self.desk.take(form, NOW_S - seconds_ago);
    }

    /// Waits until so many requests to send have come.
    pub(super) async fn wait_for_posts(&self, count: usize) {
        self.wait(|desk| count <= desk.posts.load(Ordering::SeqCst)).await;
    }

    /// Waits until so many signs of life have come.
    pub(super) async fn wait_for_heads(&self, count: usize) {
        self.wait(|desk| count <= desk.heads.load(Ordering::SeqCst)).await;
    }

    async fn wait(&self, is_reached: impl Fn(&Desk) -> bool) {
        let waiting = async {
            loop {
                let changed = self.desk.changed.notified();
                if is_reached(&self.desk) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(super::PATIENCE, waiting).await.expect("the level in time");
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.tasks.shutdown().cancel();
    }
}

impl Desk {
    fn count(&self, counter: &AtomicUsize) {
        counter.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    fn take(&self, form: BTreeMap<String, String>, at_s: i64) -> Taken {
        let mut taken = self.taken.lock().expect("no panic");
        let at = Timestamp::from_second(at_s).expect("a time");
        let message = Taken { form, sid: format!("SM{:032}", taken.len()), at };
        taken.push(message.clone());
        message
    }
}

impl Taken {
    fn show(&self, status: &str, code: &Value) -> Value {
        let date = self.at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
        json!({
            "sid": self.sid, "status": status, "error_code": code, "date_created": date,
            "to": self.form.get("To"), "from": self.form.get("From"), "body": self.form.get("Body"),
        })
    }
}

async fn greet(State(desk): State<Arc<Desk>>) -> StatusCode {
    desk.count(&desk.heads);
    StatusCode::NOT_FOUND
}

async fn redirected(State(desk): State<Arc<Desk>>) -> StatusCode {
    desk.count(&desk.redirected);
    StatusCode::CREATED
}

async fn send(
    State(desk): State<Arc<Desk>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    desk.count(&desk.posts);
    if !is_known(&account, &headers) {
        return refusal();
    }
    let form: BTreeMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let next = desk.deeds.lock().expect("no panic").pop_front();
    match next.unwrap_or(Deed::Taken("queued", Value::Null)) {
        Deed::Answer(status, header, body) => answer(status, header, body),
        Deed::TakenAnd(status, body) => {
            desk.take(form, NOW_S);
            answer(status, "", body)
        }
        Deed::Taken(status, code) => {
            let shown = desk.take(form, NOW_S).show(status, &code);
            answer(201, "", shown.to_string())
        }
        Deed::TakenAndBroken => {
            desk.take(form, NOW_S);
            // Nobody answers for this connection any more.
            std::panic::resume_unwind(Box::new("planted"))
        }
        Deed::Silence => std::future::pending().await,
    }
}

async fn list(
    State(desk): State<Arc<Desk>>,
    Path(account): Path<String>,
    Query(wanted): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response<Body> {
    desk.count(&desk.looks);
    if !is_known(&account, &headers) {
        return refusal();
    }
    assert!(wanted.contains_key("To"), "{wanted:?}");
    // As careless as a provider may be: it gives all, whatever was asked for.
    let taken = desk.taken.lock().expect("no panic");
    let messages: Vec<Value> = taken.iter().map(|taken| taken.show("sent", &Value::Null)).collect();
    answer(200, "", json!({ "messages": messages }).to_string())
}

fn is_known(account: &str, headers: &HeaderMap) -> bool {
    let expected = format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:{TOKEN}")));
    account == ACCOUNT
        && headers.get("authorization").is_some_and(|value| *value == expected.as_str())
}

fn refusal() -> Response<Body> {
    answer(401, "", json!({ "code": 20003, "message": "Authenticate" }).to_string())
}

/// `header` is `Name: value` or nothing.
fn answer(status: u16, header: &str, body: String) -> Response<Body> {
    let mut response =
        Response::builder().status(status).header("content-type", "application/json");
    if let Some((name, value)) = header.split_once(": ") {
        response = response.header(name, value);
    }
    response.body(body.into()).expect("a response")
}
