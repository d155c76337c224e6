//! Reports of deliveries, signed as the original signs them.

use super::{Desk, Message};
use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha1::Sha1;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// In which order reports come.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Receipts {
    /// None at all.
    None,
    /// `sent`, then `delivered`.
    #[default]
    InOrder,
    /// `delivered`, then `sent`.
    OutOfOrder,
    /// Each twice.
    Doubled,
    /// `sent`, then `undelivered` with 30003.
    Undelivered,
}

impl Receipts {
    fn statuses(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::InOrder => &["sent", "delivered"],
            Self::OutOfOrder => &["delivered", "sent"],
            Self::Doubled => &["sent", "sent", "delivered", "delivered"],
            Self::Undelivered => &["sent", "undelivered"],
        }
    }
}

/// Between two reports.
const PAUSE: Duration = Duration::from_millis(30);
/// Longest wait for the service to take a report.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Sends reports.
#[derive(Debug)]
pub(super) struct Reporter {
    receipts: Receipts,
    auth_token: String,
    http: reqwest::Client,
    tasks: TaskTracker,
}

impl Reporter {
    pub(super) fn new(receipts: Receipts, auth_token: &str) -> anyhow::Result<Self> {
        let http = crate::api::http_client(TIMEOUT)?;
        Ok(Self { receipts, auth_token: auth_token.to_owned(), http, tasks: TaskTracker::new() })
    }

    pub(super) fn report(
        &self,
        desk: Arc<Desk>,
        place: Option<usize>,
        url: String,
        message: Message,
    ) {
        let (receipts, token) = (self.receipts, self.auth_token.clone());
        let http = self.http.clone();
        self.tasks.spawn(async move {
            for status in receipts.statuses() {
                tokio::time::sleep(PAUSE).await;
                let fields = fields(&message, status);
                let signature = signature(&token, &url, &fields);
                let request = http.post(&url).header("X-Twilio-Signature", signature);
                let answer = request.form(&fields).send().await;
                let is_taken = answer.is_ok_and(|answer| answer.status().is_success());
                let mut book = desk.book();
                if !is_taken {
                    book.counts.receipts_refused += 1;
                    continue;
                }
                book.counts.receipts += 1;
                if let Some(kept) = place.and_then(|place| book.messages.get_mut(place)) {
                    if *status == "delivered" {
                        kept.delivered_at = Some(crate::clock::now());
                    }
                    kept.status = status;
                }
            }
        });
    }
}

fn fields(message: &Message, status: &str) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("MessageSid", message.sid.clone()),
        ("SmsSid", message.sid.clone()),
        ("MessageStatus", status.to_owned()),
        ("To", message.to.clone()),
        ("From", message.from.clone()),
    ];
    if status == "undelivered" {
        fields.push(("ErrorCode", "30003".to_owned()));
    }
    fields
}

/// `X-Twilio-Signature`: HMAC-SHA1 with the auth token over the URL and the fields in the order of their names, as Base64.
#[must_use]
pub fn signature(auth_token: &str, url: &str, fields: &[(&str, String)]) -> String {
    let mut sorted: Vec<&(&str, String)> = fields.iter().collect();
    sorted.sort();
    let mac = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes());
    let mut mac = mac.expect("HMAC takes keys of any length");
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
}
