//! The HTTP client of one provider: `POST /2010-04-01/Accounts/{sid}/Messages.json` with the fields that every
//! compatible provider knows (To, From, Body, StatusCallback, ValidityPeriod).
//!
//! A message is not idempotent at the provider. So after a failure that may have left it accepted we look for it by
//! number and time first, and send again only if it is not there: a duplicate is better than silence.

use super::outcome::outcome_of_error;
use super::{Pauses, Text};
use crate::clock::Clock;
use crate::config::{Secret, SmsRouteConfig};
use jiff::Timestamp;
use lianfang_domain::leg::LegOutcome;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// Tries of one message in all.
const TRIES_MAX: u32 = 4;
/// A message that is older than this helps nobody.
const VALIDITY_S: &str = "600";
/// Answers are small; a larger one is no answer of a provider.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Idle connections are kept so that an alarm finds one open.
const POOL_IDLE: Duration = Duration::from_secs(90);
/// The id of a message is kept with the alarm; nobody makes longer ones.
const SID_CHARS_MAX: usize = 64;
/// How far the clock of the provider may lag behind ours before a message that it took looks like an older one.
const CLOCK_LAG_MAX: Duration = Duration::from_secs(60);

/// A client of one provider.
#[derive(Debug)]
pub struct ProviderClient {
    http: Client,
    base: String,
    messages: String,
    account_sid: String,
    auth_token: Secret<String>,
    from: String,
    callback: Option<String>,
    timeout: Duration,
    clock: Clock,
    pauses: Pauses,
}

/// What the provider said when it took a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its id of the message.
    pub sid: String,
    /// Its status: `queued`, `accepted`, `sent`, ...
    pub status: String,
    /// Why it failed, when it did.
    pub error_code: Option<u32>,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The client itself cannot be built.
    #[error("cannot set up the HTTP client")]
    Setup(#[source] reqwest::Error),
    /// The provider cannot be reached or does not answer in time.
    #[error("cannot reach the provider")]
    Transport(#[source] reqwest::Error),
    /// The provider refuses.
    #[error("the provider refused with status {status} and code {code:?}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The provider's own code.
        code: Option<u32>,
        /// How long it wants us to wait.
        retry_after: Option<Duration>,
    },
    /// The answer is not what a provider answers. Nothing of it is told: it may name the number and the words.
    #[error("cannot read the answer of the provider (line {line}, column {column})")]
    Answer {
        /// Line of the answer.
        line: usize,
        /// Column of the answer.
        column: usize,
    },
    /// The answer is too long.
    #[error("the answer of the provider is longer than {ANSWER_BYTES_MAX} bytes")]
    AnswerTooLong,
}

enum Next {
    /// Never processed: send again.
    Again(Duration),
    /// May have been processed: look for it first.
    LookFirst(Duration),
    GiveUp,
}

impl SendError {
    /// What the failure means for the leg.
    #[must_use]
    pub fn outcome(&self) -> LegOutcome {
        match self {
            Self::Refused { code: Some(code), .. } => outcome_of_error(*code),
            Self::Refused { code: None, .. }
            | Self::Setup(_)
            | Self::Transport(_)
            | Self::Answer { .. }
            | Self::AnswerTooLong => LegOutcome::CarrierFailed,
        }
    }

    fn next(&self, pause: Duration, pause_max: Duration) -> Next {
        match self {
            // 429 and 20429 were never processed.
            Self::Refused { status: 429, retry_after, .. } => Next::Again(
                retry_after.map_or(pause, |wait| pause.saturating_add(wait)).min(pause_max),
            ),
            Self::Refused { status: 500..=599, retry_after, .. } => Next::LookFirst(
                retry_after.map_or(pause, |wait| pause.saturating_add(wait)).min(pause_max),
            ),
            Self::Refused { .. } | Self::Setup(_) => Next::GiveUp,
            Self::Transport(error) if error.is_connect() => Next::Again(pause),
            Self::Transport(_) | Self::Answer { .. } | Self::AnswerTooLong => {
                Next::LookFirst(pause)
            }
        }
    }
}

#[derive(Deserialize)]
struct MessageAnswer {
    sid: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default, deserialize_with = "code")]
    error_code: Option<u32>,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    date_created: Option<String>,
}

impl MessageAnswer {
    /// The very message: to this number, with these words, and not one that was sent before, as far as the provider
    /// tells dates. The list may hold more than was asked for, and what is told to all neighbours reads the same.
    fn is_of(&self, text: &Text, since: Timestamp) -> bool {
        let is_recent = |date: &String| {
            jiff::fmt::rfc2822::parse(date).is_ok_and(|date| since <= date.timestamp())
        };
        self.to.as_ref() == Some(&text.to)
            && self.body.as_ref() == Some(&text.body)
            && self.date_created.as_ref().is_none_or(is_recent)
    }
}

impl From<MessageAnswer> for Sent {
    fn from(answer: MessageAnswer) -> Self {
        Self {
            sid: answer.sid.chars().take(SID_CHARS_MAX).collect(),
            status: answer.status.unwrap_or_default(),
            error_code: answer.error_code,
        }
    }
}

#[derive(Deserialize)]
struct ErrorAnswer {
    #[serde(default, deserialize_with = "code")]
    code: Option<u32>,
}

/// A code is a number; some providers write it as text.
fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Code {
        Number(u32),
        Text(String),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Option::<Code>::deserialize(deserializer)? {
        Some(Code::Number(code)) => Some(code),
        Some(Code::Text(text)) => text.trim().parse().ok(),
        Some(Code::Other(_)) | None => None,
    })
}

#[derive(Deserialize)]
struct MessageList {
    #[serde(default)]
    messages: Vec<MessageAnswer>,
}

impl ProviderClient {
    /// Builds the client with a pool of connections.
    ///
    /// # Errors
    /// When the system has no resolver for names.
    pub fn new(
        config: &SmsRouteConfig,
        public_base_url: Option<&str>,
        clock: Clock,
        pauses: Pauses,
    ) -> Result<Self, SendError> {
        let messages =
            format!("{}/2010-04-01/Accounts/{}/Messages.json", config.base_url, config.account_sid);
        let callback = public_base_url
            .filter(|_| config.wants_status_callbacks)
            .map(|base| format!("{}/hooks/sms/{}/status", base.trim_end_matches('/'), config.name));
        Ok(Self {
            http: build_http(config)?,
            base: config.base_url.clone(),
            messages,
            account_sid: config.account_sid.clone(),
            auth_token: config.auth_token.clone(),
            from: config.from.clone(),
            callback,
            timeout: config.timeout,
            clock,
            pauses,
        })
    }

    /// Opens a connection, or uses an idle one. What the provider answers does not matter.
    pub async fn warm_up(&self) {
        if let Err(error) = self.http.head(&self.base).send().await {
            tracing::debug!(%error, "The SMS provider does not answer yet");
        }
    }

    /// Sends a message; tries again by the rules of the provider, a few times and not for long: then the alarm has
    /// other ways.
    ///
    /// # Errors
    /// The last failure.
    pub async fn send(&self, text: &Text) -> Result<Sent, SendError> {
        let started = self.clock.now();
        let mut pause = self.pauses.first;
        let mut tries = 1;
        loop {
            let error = match self.post(text).await {
                Ok(sent) => return Ok(sent),
                Err(error) => error,
            };
            let is_late = self.clock.until(started + self.pauses.give_up).is_zero();
            let next = error.next(spread(pause), self.pauses.max);
            match next {
                Next::GiveUp => return Err(error),
                Next::Again(_) if tries == TRIES_MAX || is_late => return Err(error),
                Next::Again(wait) => tokio::time::sleep(wait).await,
                Next::LookFirst(wait) => {
                    tokio::time::sleep(wait).await;
                    if let Some(sent) = self.find(text, started - CLOCK_LAG_MAX).await {
                        return Ok(sent);
                    }
                    if tries == TRIES_MAX || is_late {
                        return Err(error);
                    }
                }
            }
            tries += 1;
            pause = (pause * 2).min(self.pauses.max);
        }
    }

    async fn post(&self, text: &Text) -> Result<Sent, SendError> {
        let callback = self.callback.as_ref().map(|url| format!("{url}?leg={}", text.leg));
        let mut form: Vec<(&str, &str)> = vec![
            ("To", &text.to),
            ("From", &self.from),
            ("Body", &text.body),
            ("ValidityPeriod", VALIDITY_S),
        ];
        if let Some(callback) = &callback {
            form.push(("StatusCallback", callback));
        }
        let response = self
            .http
            .post(&self.messages)
            .basic_auth(&self.account_sid, Some(self.auth_token.expose()))
            .form(&form)
            .send()
            .await
            .map_err(SendError::Transport)?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let body = read_bounded(response).await?;
        if status.is_success() {
            let answer: MessageAnswer = serde_json::from_slice(&body).map_err(|error| {
                SendError::Answer { line: error.line(), column: error.column() }
            })?;
            return Ok(answer.into());
        }
        let code = serde_json::from_slice::<ErrorAnswer>(&body).ok().and_then(|answer| answer.code);
        Err(SendError::Refused { status: status.as_u16(), code, retry_after })
    }

    /// Looks for a message that may have been taken. Bounded: a look-up that fails is no reason to stay silent.
    async fn find(&self, text: &Text, since: Timestamp) -> Option<Sent> {
        let query = [("To", text.to.as_str()), ("From", self.from.as_str()), ("PageSize", "20")];
        let look = async {
            let request = self
                .http
                .get(&self.messages)
                .basic_auth(&self.account_sid, Some(self.auth_token.expose()))
                .query(&query);
            let response = request.send().await.ok()?;
            if response.status() != StatusCode::OK {
                return None;
            }
            serde_json::from_slice::<MessageList>(&read_bounded(response).await.ok()?).ok()
        };
        let list = tokio::time::timeout(self.timeout, look).await.ok().flatten()?;
        let found = list.messages.into_iter().find(|message| message.is_of(text, since))?;
        Some(found.into())
    }
}

/// Certificates of the system are needed for https alone. A machine without any still serves: voice goes on, every
/// message fails at once, and the log says why.
fn build_http(config: &SmsRouteConfig) -> Result<Client, SendError> {
    // A second provider of cryptography would be a mistake of ours; that the first is in place is all that matters.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        Client::builder()
            .timeout(config.timeout)
            .connect_timeout(config.timeout / 2)
            .pool_idle_timeout(POOL_IDLE)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
    };
    let without_tls = || builder().tls_certs_only([]).build().map_err(SendError::Setup);
    if config.base_url.starts_with("http://") {
        return without_tls();
    }
    builder().build().or_else(|error| {
        tracing::error!(carrier = %config.name, %error, "No certificate of this system can be used: no SMS will be sent over this route; install ca-certificates");
        without_tls()
    })
}

/// Half of the pause to all of it, by chance: what was refused together does not come back together.
fn spread(pause: Duration) -> Duration {
    // Without random numbers the pause is whole.
    let chance = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
    pause.mul_f64(0.5 + chance / 2.0)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn read_bounded(mut response: Response) -> Result<Vec<u8>, SendError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(SendError::Transport)? {
        if ANSWER_BYTES_MAX < body.len() + chunk.len() {
            return Err(SendError::AnswerTooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
