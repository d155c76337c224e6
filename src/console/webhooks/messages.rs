//! Messages to a webhook: what became of each, and sending those again that were given up.

use super::draft::path;
use super::event_words;
use crate::api::Failure;
use crate::form::{Form, Sent};
use crate::frame::{failed, go};
use crate::lang::Lang;
use crate::visit::Signed;
use axum::extract::Path;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

/// Messages of one page.
const ROWS: u32 = 50;
/// What was sent just now is looked at again by itself.
const FRESH: SignedDuration = SignedDuration::from_secs(30);
/// How messages stand: the word of the API, and ours.
const STATES: [(&str, (&str, &str)); 4] = [
    ("", ("全部", "All")),
    ("waiting", ("待发", "Waiting")),
    ("dead", ("已放弃", "Given up")),
    ("delivered", ("对方已收下", "Taken")),
];

/// A message and what became of it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Message {
    pub(super) id: u64,
    event: String,
    pub(super) state: String,
    pub(super) attempts: u32,
    pub(super) created_at: Timestamp,
    pub(super) next_at: Option<Timestamp>,
    pub(super) last_at: Option<Timestamp>,
    last_status: Option<u16>,
    last_error: Option<String>,
}

impl Message {
    /// What it tells.
    pub(super) fn event(&self, l: &Lang) -> &str {
        if self.event == "ping" { l.t("试发", "a test") } else { event_words(&self.event, *l) }
    }

    /// Where it stands: colour and words.
    pub(super) fn state(&self, l: &Lang) -> (&'static str, &'static str) {
        match self.state.as_str() {
            "delivered" => ("green", l.t("对方已收下", "taken")),
            "dead" => ("amber", l.t("已放弃", "given up")),
            _ if self.last_error.is_some() => ("amber", l.t("将再发", "tried again")),
            _ => ("blue", l.t("待发", "waiting")),
        }
    }

    /// What the other side said, or why it said nothing.
    pub(super) fn answer(&self, l: &Lang) -> String {
        match (self.last_error.as_deref(), self.last_status) {
            (_, Some(status)) => format!("HTTP {status}"),
            (Some("timeout"), None) => l.t("对方没有及时回答", "no answer in time").to_owned(),
            (Some("connect"), None) => {
                l.t("连不上，或证书不对", "no connection, or a wrong certificate").to_owned()
            }
            (Some("target"), None) => {
                l.t("配置不允许这个地址", "the configuration does not allow the address").to_owned()
            }
            (Some("request"), None) => l.t("连接中断", "the connection broke").to_owned(),
            (Some("queue_full"), None) => {
                l.t("排队太多，没有发", "too many waited; never sent").to_owned()
            }
            (Some(other), None) => other.to_owned(),
            (None, None) => String::new(),
        }
    }

    /// Whether what becomes of it is known in a moment.
    pub(super) fn is_fresh(&self, now: &Timestamp) -> bool {
        self.state == "waiting"
            && self.attempts < 2
            && self.last_at.is_none()
            && now.duration_since(self.created_at) < FRESH
    }
}

/// A page of messages, the latest first.
#[derive(Default, Deserialize)]
pub(super) struct Messages {
    pub(super) items: Vec<Message>,
    pub(super) next: Option<u64>,
    /// Only those that stand so; all where it is empty.
    #[serde(skip)]
    pub(super) only: &'static str,
}

impl Messages {
    /// Reads those that the address of the page asks for.
    pub(super) async fn read(signed: &Signed, webhook: u64) -> Result<Self, Failure> {
        let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
        let asked = Form::parse(query.as_bytes());
        let known = STATES.iter().find(|(state, _)| *state == asked.get("state"));
        let only = known.map_or("", |(state, _)| *state);
        let mut path = format!("/webhooks/{webhook}/deliveries?limit={ROWS}");
        if !only.is_empty() {
            path.push_str(&format!("&state={only}"));
        }
        if let Ok(after) = asked.get("after").parse::<u32>() {
            path.push_str(&format!("&after={after}"));
        }
        let found: Self = signed.api().get(&path).await?;
        Ok(Self { only, ..found })
    }

    /// What may be chosen: the word of the API, ours, and whether it is chosen.
    pub(super) fn states(&self, l: &Lang) -> Vec<(&'static str, &'static str, bool)> {
        let choice = |&(state, (chinese, english)): &(&'static str, (_, _))| {
            (state, l.t(chinese, english), state == self.only)
        };
        STATES.iter().map(choice).collect()
    }
}

/// Sends a message that tells nothing but that it arrives.
pub(super) async fn ping(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(_): Sent,
) -> Result<Response, Response> {
    let sent = signed.api().post::<Value>(&format!("/webhooks/{id}/ping"), &json!({})).await;
    sent.map_err(signed.fails())?;
    Ok(go(&format!("{}#messages", path(id)), "sent"))
}

/// Sends a message again that has ended.
pub(super) async fn send_again(
    signed: Signed,
    Path((id, message)): Path<(u64, u64)>,
    Sent(_): Sent,
) -> Result<Response, Response> {
    let again = format!("/webhooks/{id}/deliveries/{message}/redeliver");
    match signed.api().post::<Value>(&again, &json!({})).await {
        Ok(_) => {}
        // Somebody was quicker: it waits already.
        Err(Failure::Problem(problem)) if problem.status == 409 => {}
        Err(failure) => return Err(failed(&signed.visitor, &failure)),
    }
    Ok(go(&format!("{}#messages", path(id)), "sent"))
}
