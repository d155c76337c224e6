//! A Twilio-compatible provider that behaves: takes messages, refuses wrong ones, reports deliveries with true signatures,
//! and fails on purpose by a seed. Answers like `POST /2010-04-01/Accounts/{sid}/Messages.json` of the original.

mod callback;
mod faults;

pub use callback::{Receipts, signature};
pub use faults::Faults;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use callback::Reporter;
use faults::{Chance, Fault};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Messages that are kept; later ones are counted only.
const KEPT_MAX: usize = 200_000;
/// Longest body, in characters.
const BODY_MAX: usize = 1_600;
/// Messages of a list.
const PAGE: usize = 50;

/// How the provider behaves.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// Where it listens; port 0 chooses one.
    pub listen: SocketAddr,
    /// The account.
    pub account_sid: String,
    /// Its secret: Basic auth of requests, key of signatures.
    pub auth_token: String,
    /// What goes wrong.
    pub faults: Faults,
    /// How it reports deliveries.
    pub receipts: Receipts,
    /// Numbers that it refuses, with the error code: 21610 opted out, 21614 no mobile.
    pub refused: BTreeMap<String, u32>,
}

impl ProviderConfig {
    /// One that does everything right.
    #[must_use]
    pub fn faultless(listen: SocketAddr) -> Self {
        Self {
            listen,
            account_sid: "AC00000000000000000000000000000001".to_owned(),
            auth_token: "a provider's secret".to_owned(),
            faults: Faults::default(),
            receipts: Receipts::InOrder,
            refused: BTreeMap::new(),
        }
    }
}

/// A message that was taken.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id.
    pub sid: String,
    /// Whom it goes to.
    pub to: String,
    /// Who sent it.
    pub from: String,
    /// Its words.
    pub body: String,
    /// When it was taken.
    pub at: Instant,
    /// `queued`, `sent`, `delivered`, `undelivered`.
    pub status: &'static str,
    /// When the service took the report of its delivery.
    pub delivered_at: Option<Instant>,
}

/// What a provider counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ProviderCounts {
    /// Requests for a message.
    pub requests: u64,
    /// Messages that were taken.
    pub accepted: u64,
    /// Requests that were refused as wrong.
    pub refused: u64,
    /// Requests that were made to fail.
    pub faults: u64,
    /// Reports of deliveries that the service took.
    pub receipts: u64,
    /// Reports of deliveries that it did not take.
    pub receipts_refused: u64,
}

#[derive(Debug)]
struct Desk {
    config: ProviderConfig,
    book: Mutex<Book>,
    chance: Mutex<Chance>,
    reporter: Reporter,
}

#[derive(Debug, Default)]
struct Book {
    counts: ProviderCounts,
    messages: Vec<Message>,
}

impl Desk {
    /// A panic elsewhere leaves the book usable: it is only counts and copies.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self) -> Fault {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).draw(&self.config.faults)
    }
}

/// A running provider; ends when it is dropped.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    desk: Arc<Desk>,
    stop: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Provider {
    /// Starts it on a thread of its own.
    ///
    /// # Errors
    /// When it cannot listen or the system gives no thread.
    pub fn start(config: ProviderConfig) -> anyhow::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind(config.listen))?;
        let address = listener.local_addr()?;
        let chance = Mutex::new(Chance::of(&config.faults));
        let reporter = Reporter::new(config.receipts, &config.auth_token)?;
        let desk = Arc::new(Desk { config, book: Mutex::default(), chance, reporter });
        let path = "/2010-04-01/Accounts/{account}/Messages.json";
        let app = Router::new().route(path, post(create).get(list)).with_state(Arc::clone(&desk));
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        runtime.spawn(async move {
            let serving = axum::serve(listener, app).with_graceful_shutdown(stopped);
            // It ends only when told to; what it says then is of no use to anybody.
            let _ = serving.await;
        });
        Ok(Self { address, desk, stop, runtime: Some(runtime) })
    }

    /// The base URL to configure.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The messages that it took.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.desk.book().messages.clone()
    }

    /// What it counted.
    #[must_use]
    pub fn counts(&self) -> ProviderCounts {
        self.desk.book().counts
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The error bodies of the original.
fn refusal(desk: &Desk, status: StatusCode, code: u32, words: &str) -> Response {
    desk.book().counts.refused += 1;
    let body =
        json!({ "code": code, "message": words, "status": status.as_u16(), "more_info": "" });
    (status, axum::Json(body)).into_response()
}

fn is_known(desk: &Desk, headers: &HeaderMap) -> bool {
    let text = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let encoded = text.and_then(|text| text.strip_prefix("Basic ")).unwrap_or_default();
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap_or_default();
    let wanted = format!("{}:{}", desk.config.account_sid, desk.config.auth_token);
    decoded == wanted.as_bytes()
}

async fn create(
    State(desk): State<Arc<Desk>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    desk.book().counts.requests += 1;
    if !is_known(&desk, &headers) {
        return refusal(&desk, StatusCode::UNAUTHORIZED, 20003, "Authenticate");
    }
    if account != desk.config.account_sid {
        return refusal(&desk, StatusCode::NOT_FOUND, 20404, "The account was not found");
    }
    let form: BTreeMap<String, String> =
        form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    if let Err((code, words)) = check(&form, &desk.config.refused) {
        return refusal(&desk, StatusCode::BAD_REQUEST, code, words);
    }
    let fault = desk.draw();
    if fault != Fault::None {
        desk.book().counts.faults += 1;
    }
    tokio::time::sleep(desk.config.faults.delay).await;
    match fault {
        Fault::TooMany => {
            let wait = [(header::RETRY_AFTER, "1")];
            let body = json!({ "code": 20429, "message": "Too Many Requests", "status": 429 });
            (StatusCode::TOO_MANY_REQUESTS, wait, axum::Json(body)).into_response()
        }
        Fault::FailBefore => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Fault::FailAfter => {
            accept(&desk, &form);
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Fault::Drop => {
            accept(&desk, &form);
            faults::broken_answer()
        }
        Fault::None => (StatusCode::CREATED, axum::Json(accept(&desk, &form))).into_response(),
    }
}

/// What is wrong with a message, by the codes of the original.
fn check(
    form: &BTreeMap<String, String>,
    refused: &BTreeMap<String, u32>,
) -> Result<(), (u32, &'static str)> {
    let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let to = get("To");
    let digits = to.strip_prefix('+').unwrap_or(to);
    let is_number = (3..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if to.is_empty() {
        return Err((21604, "A 'To' phone number is required."));
    }
    if !is_number {
        return Err((21211, "The 'To' number is not a valid phone number."));
    }
    if get("From").is_empty() {
        return Err((21603, "A 'From' phone number is required."));
    }
    if get("Body").is_empty() {
        return Err((21602, "Message body is required."));
    }
    if BODY_MAX < get("Body").chars().count() {
        return Err((21617, "The concatenated message body exceeds the 1600 character limit."));
    }
    match refused.get(to) {
        Some(code) => Err((*code, "The number cannot get this message.")),
        None => Ok(()),
    }
}

fn accept(desk: &Arc<Desk>, form: &BTreeMap<String, String>) -> Value {
    let get = |name: &str| form.get(name).cloned().unwrap_or_default();
    let mut book = desk.book();
    book.counts.accepted += 1;
    let message = Message {
        sid: format!("SM{:032x}", book.counts.accepted),
        to: get("To"),
        from: get("From"),
        body: get("Body"),
        at: crate::clock::now(),
        status: "queued",
        delivered_at: None,
    };
    let shown = show(&message);
    let place = book.messages.len();
    let is_kept = place < KEPT_MAX;
    if is_kept {
        book.messages.push(message.clone());
    }
    drop(book);
    let url = get("StatusCallback");
    if !url.is_empty() {
        desk.reporter.report(Arc::clone(desk), is_kept.then_some(place), url, message);
    }
    shown
}

fn show(message: &Message) -> Value {
    json!({
        "sid": message.sid,
        "status": message.status,
        "to": message.to,
        "from": message.from,
        "body": message.body,
        "error_code": null,
        "error_message": null,
        "num_segments": "1",
        "direction": "outbound-api",
    })
}

async fn list(
    State(desk): State<Arc<Desk>>,
    Path(account): Path<String>,
    Query(wanted): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if !is_known(&desk, &headers) || account != desk.config.account_sid {
        return refusal(&desk, StatusCode::UNAUTHORIZED, 20003, "Authenticate");
    }
    let is_wanted = |message: &&Message| {
        wanted.get("To").is_none_or(|to| *to == message.to)
            && wanted.get("From").is_none_or(|from| *from == message.from)
    };
    let book = desk.book();
    let messages: Vec<Value> =
        book.messages.iter().rev().filter(is_wanted).take(PAGE).map(show).collect();
    axum::Json(json!({ "messages": messages, "next_page_uri": null })).into_response()
}

#[cfg(test)]
mod tests;
