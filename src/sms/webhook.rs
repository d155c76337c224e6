//! What providers tell by themselves, believed only with a true signature: status callbacks at
//! `POST /hooks/sms/{route}/status?leg=...`, and texts that people write back at `POST /hooks/sms/{route}/reply`.
//!
//! Both come twice and out of order; the alarm ignores what it knows. Answers quickly, whatever happens inside.

use super::outcome::report_of_status;
use super::replies::{Received, Replies, SeenTexts};
use super::signature::{SignatureCheck, is_signed};
use super::{Reports, SmsCarrier};
use crate::config::SmsRouteConfig;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use lianfang_domain::id::LegId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longest body; a callback has a few hundred bytes, the longest text of a person some two thousand.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// Answers a text with nothing: what there is to say goes out as a message of its own.
const NO_ANSWER: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Response/>"#;

/// Who may sign what.
struct Signers {
    public_base_url: String,
    /// Auth tokens by name of the route.
    tokens: BTreeMap<String, Vec<crate::config::Secret<String>>>,
}

struct Hooks {
    signers: Signers,
    reports: Reports,
}

struct ReplyHooks {
    signers: Signers,
    replies: Arc<dyn Replies>,
    seen: SeenTexts,
}

/// The routes of the callbacks. Without a public base URL there are none: nobody could have signed them.
pub fn router(
    carrier: &SmsCarrier,
    configs: &[SmsRouteConfig],
    public_base_url: Option<&str>,
) -> Router {
    let Some(public_base_url) = public_base_url else { return Router::new() };
    let hooks = Hooks {
        signers: Signers::new(configs, public_base_url),
        reports: carrier.needs.reports.clone(),
    };
    Router::new()
        .route("/hooks/sms/{route}/status", post(take_status))
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(hooks))
}

/// The routes of what people write back; none without a public base URL.
pub fn replies_router(
    configs: &[SmsRouteConfig],
    public_base_url: Option<&str>,
    replies: Arc<dyn Replies>,
) -> Router {
    let Some(public_base_url) = public_base_url else { return Router::new() };
    let signers = Signers::new(configs, public_base_url);
    let hooks = ReplyHooks { signers, replies, seen: SeenTexts::default() };
    Router::new()
        .route("/hooks/sms/{route}/reply", post(take_reply))
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(hooks))
}

/// The fields of a form that was signed.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Signers {
    fn new(configs: &[SmsRouteConfig], public_base_url: &str) -> Self {
        let tokens = configs.iter().map(|config| {
            let tokens =
                std::iter::once(config.auth_token.clone()).chain(config.auth_token_next.clone());
            (config.name.clone(), tokens.collect())
        });
        let public_base_url = public_base_url.trim_end_matches('/').to_owned();
        Self { public_base_url, tokens: tokens.collect() }
    }

    /// Reads a form that the provider of this route has signed. What is not UTF-8 was signed by nobody: its bytes are
    /// not those that the signature is over.
    fn read(
        &self,
        route: &str,
        uri: &Uri,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Fields, StatusCode> {
        let tokens = self.tokens.get(route).ok_or(StatusCode::NOT_FOUND)?;
        let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let text = |name: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        let settings = text("x-twilio-webhooks-signature-settings");
        let check = SignatureCheck {
            url: &format!("{}{path}", self.public_base_url),
            fields: &fields,
            body,
            signature: text("x-twilio-signature"),
            is_sha256: settings.contains("algorithm=HMAC_SHA256"),
        };
        if is_signed(&check, tokens.iter().map(|token| token.expose().as_str())) {
            return Ok(Fields(fields));
        }
        metrics::counter!("lianfang_webhook_refused_total", "route" => route.to_owned())
            .increment(1);
        Err(StatusCode::FORBIDDEN)
    }
}

async fn take_status(
    State(hooks): State<Arc<Hooks>>,
    Path(route): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let fields = match hooks.signers.read(&route, &uri, &headers, &body) {
        Ok(fields) => fields,
        Err(status) => return status,
    };
    let leg =
        uri.query().and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("leg=")));
    let leg: Option<LegId> = leg.and_then(|leg| leg.parse().ok());
    let code = fields.get("ErrorCode").and_then(|code| code.parse().ok());
    let report = fields.get("MessageStatus").and_then(|status| report_of_status(status, code));
    if let (Some(leg), Some(report)) = (leg, report)
        && hooks.reports.try_send((leg, report)).is_err()
    {
        // The provider repeats a callback that is answered so.
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::NO_CONTENT
}

async fn take_reply(
    State(hooks): State<Arc<ReplyHooks>>,
    Path(route): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = match hooks.signers.read(&route, &uri, &headers, &body) {
        Ok(fields) => fields,
        Err(status) => return status.into_response(),
    };
    let names = ["MessageSid", "SmsMessageSid", "SmsSid"];
    let sid = names.iter().find_map(|name| fields.get(name)).filter(|sid| !sid.is_empty());
    let is_new = sid.is_none_or(|sid| hooks.seen.is_new(sid));
    if is_new {
        let field = |name| fields.get(name).unwrap_or_default().to_owned();
        let received = Received { from: field("From"), body: field("Body") };
        if !hooks.replies.take(received).await {
            // Repeated, it is to count.
            sid.into_iter().for_each(|sid| hooks.seen.forget(sid));
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    } else {
        metrics::counter!("lianfang_sms_replies_total", "fate" => "repeated").increment(1);
    }
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], NO_ANSWER).into_response()
}
