//! The HTTP client of one provider: `POST /2010-04-01/Accounts/{sid}/Messages.json` with the fields that every
//! compatible provider knows (To, From, Body, StatusCallback, ValidityPeriod).
//!
//! A message is not idempotent at the provider. So after a failure that may have left it accepted we look for it by
//! number and time first, and send again only if it is not there: a duplicate is better than silence.

use super::Text;
use super::outcome::outcome_of_error;
use crate::config::{Secret, SmsRouteConfig};
use lianfang_domain::leg::LegOutcome;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use std::time::Duration;

/// Tries of one message in all.
const TRIES_MAX: u32 = 4;
/// Pause before the second try; doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
/// Longest pause that a `Retry-After` may ask for: by then voice has long answered.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A message that is older than this helps nobody.
const VALIDITY_S: &str = "600";
/// Answers are small; a larger one is no answer of a provider.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Idle connections are kept so that an alarm finds one open.
const POOL_IDLE: Duration = Duration::from_secs(90);

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
    /// The answer is not what a provider answers.
    #[error("cannot read the answer of the provider")]
    Answer(#[source] serde_json::Error),
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
            | Self::Answer(_)
            | Self::AnswerTooLong => LegOutcome::CarrierFailed,
        }
    }

    fn next(&self, pause: Duration) -> Next {
        match self {
            // 429 and 20429 were never processed.
            Self::Refused { status: 429, retry_after, .. } => {
                Next::Again(retry_after.unwrap_or(pause).min(PAUSE_MAX))
            }
            Self::Refused { status: 500..=599, retry_after, .. } => {
                Next::LookFirst(retry_after.unwrap_or(pause).min(PAUSE_MAX))
            }
            Self::Refused { .. } | Self::Setup(_) => Next::GiveUp,
            Self::Transport(error) if error.is_connect() => Next::Again(pause),
            Self::Transport(_) | Self::Answer(_) | Self::AnswerTooLong => Next::LookFirst(pause),
        }
    }
}

#[derive(Deserialize)]
struct MessageAnswer {
    sid: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    error_code: Option<u32>,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    code: Option<u32>,
}

#[derive(Deserialize)]
struct MessageList {
    #[serde(default)]
    messages: Vec<MessageAnswer>,
}

impl ProviderClient {
    /// Builds the client with a warm connection pool.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(config: &SmsRouteConfig, public_base_url: Option<&str>) -> Result<Self, SendError> {
        let http = Client::builder()
            .timeout(config.timeout)
            .connect_timeout(config.timeout / 2)
            .pool_idle_timeout(POOL_IDLE)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(SendError::Setup)?;
        let messages =
            format!("{}/2010-04-01/Accounts/{}/Messages.json", config.base_url, config.account_sid);
        let callback = public_base_url
            .filter(|_| config.wants_status_callbacks)
            .map(|base| format!("{}/hooks/sms/{}/status", base.trim_end_matches('/'), config.name));
        Ok(Self {
            http,
            base: config.base_url.clone(),
            messages,
            account_sid: config.account_sid.clone(),
            auth_token: config.auth_token.clone(),
            from: config.from.clone(),
            callback,
            timeout: config.timeout,
        })
    }

    /// Opens a connection. What the provider answers does not matter.
    pub async fn warm_up(&self) {
        if let Err(error) = self.http.head(&self.base).send().await {
            tracing::debug!(%error, "The SMS provider does not answer yet");
        }
    }

    /// Sends a message; tries again by the rules of the provider, for at most a few times.
    ///
    /// # Errors
    /// The last failure.
    pub async fn send(&self, text: &Text) -> Result<Sent, SendError> {
        let mut pause = PAUSE_FIRST;
        let mut tries = 1;
        loop {
            let error = match self.post(text).await {
                Ok(sent) => return Ok(sent),
                Err(error) => error,
            };
            if tries == TRIES_MAX {
                return Err(error);
            }
            match error.next(pause) {
                Next::GiveUp => return Err(error),
                Next::Again(wait) => tokio::time::sleep(wait).await,
                Next::LookFirst(wait) => {
                    tokio::time::sleep(wait).await;
                    if let Some(sent) = self.find(text).await {
                        return Ok(sent);
                    }
                }
            }
            tries += 1;
            pause = (pause * 2).min(PAUSE_MAX);
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
            let answer: MessageAnswer = serde_json::from_slice(&body).map_err(SendError::Answer)?;
            return Ok(Sent {
                sid: answer.sid,
                status: answer.status,
                error_code: answer.error_code,
            });
        }
        let code = serde_json::from_slice::<ErrorAnswer>(&body).ok().and_then(|answer| answer.code);
        Err(SendError::Refused { status: status.as_u16(), code, retry_after })
    }

    /// Looks for a message that may have been taken. Bounded: a look-up that fails is no reason to stay silent.
    async fn find(&self, text: &Text) -> Option<Sent> {
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
        let found =
            list.messages.into_iter().find(|message| message.body.as_ref() == Some(&text.body))?;
        Some(Sent { sid: found.sid, status: found.status, error_code: found.error_code })
    }
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
