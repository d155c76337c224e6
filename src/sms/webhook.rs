//! Status callbacks: `POST /hooks/sms/{route}/status?leg=...`, believed only with a true signature.
//!
//! Callbacks come twice and out of order; the alarm ignores what it knows. Answers 204 quickly, whatever happens inside.

use super::outcome::report_of_status;
use super::signature::{SignatureCheck, is_signed};
use super::{Reports, SmsCarrier};
use crate::config::SmsRouteConfig;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use lianfang_domain::id::LegId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longest body; a callback has a few hundred bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;

struct Hooks {
    public_base_url: String,
    /// Auth tokens by name of the route.
    tokens: BTreeMap<String, Vec<crate::config::Secret<String>>>,
    reports: Reports,
}

/// The routes of the callbacks. Without a public base URL there are none: nobody could have signed them.
pub fn router(
    carrier: &SmsCarrier,
    configs: &[SmsRouteConfig],
    public_base_url: Option<&str>,
) -> Router {
    let Some(public_base_url) = public_base_url else { return Router::new() };
    let tokens = configs.iter().map(|config| {
        let tokens =
            std::iter::once(config.auth_token.clone()).chain(config.auth_token_next.clone());
        (config.name.clone(), tokens.collect())
    });
    let hooks = Hooks {
        public_base_url: public_base_url.trim_end_matches('/').to_owned(),
        tokens: tokens.collect(),
        reports: carrier.needs.reports.clone(),
    };
    Router::new()
        .route("/hooks/sms/{route}/status", post(take_status))
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(hooks))
}

async fn take_status(
    State(hooks): State<Arc<Hooks>>,
    Path(route): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let Some(tokens) = hooks.tokens.get(&route) else { return StatusCode::NOT_FOUND };
    let fields: Vec<(String, String)> = form_fields(&body);
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let check = SignatureCheck {
        url: &format!("{}{path}", hooks.public_base_url),
        fields: &fields,
        body: &body,
        signature: text("x-twilio-signature"),
        is_sha256: text("x-twilio-webhooks-signature-settings").contains("algorithm=HMAC_SHA256"),
    };
    if !is_signed(&check, tokens.iter().map(|token| token.expose().as_str())) {
        metrics::counter!("lianfang_webhook_refused_total", "route" => route).increment(1);
        return StatusCode::FORBIDDEN;
    }
    let field =
        |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let leg =
        uri.query().and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("leg=")));
    let leg: Option<LegId> = leg.and_then(|leg| leg.parse().ok());
    let code = field("ErrorCode").and_then(|code| code.parse().ok());
    let report = field("MessageStatus").and_then(|status| report_of_status(status, code));
    if let (Some(leg), Some(report)) = (leg, report)
        && hooks.reports.try_send((leg, report)).is_err()
    {
        // The provider repeats a callback that is answered so.
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::NO_CONTENT
}

fn form_fields(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}
