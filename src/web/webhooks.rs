//! Webhooks: where to tell what happens. Made, replaced, deleted, given a new secret, tried; and what became of messages.
//!
//! They are told of everything, so only an admin who reaches everything may keep them.

mod dead;
mod deliveries;

use super::Web;
use super::caller::{Admin, Caller, Right};
use super::extract::{Body, IfMatch, Parameters, PathId};
use super::problem::ApiError;
use super::source::Guarded;
use crate::store::nouns::{Fault, FieldError};
use crate::store::reach::Reach;
use crate::store::webhooks::deliveries::{DeliveryStanding, standings};
use crate::store::webhooks::{self, Webhook, WebhookDraft, WebhookError};
use crate::webhooks::TargetError;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest page.
const LIMIT_MAX: u32 = 200;
/// Length of a page where the client names none.
const LIMIT: u32 = 50;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(read, replace, delete))
        .routes(routes!(rotate))
        .routes(routes!(deliveries::ping))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::redeliver))
        .routes(routes!(dead::discard))
        .routes(routes!(dead::redeliver))
        .routes(routes!(dead::discard_all))
}

/// A webhook and how its messages fare.
#[derive(Serialize, ToSchema)]
struct WebhookView {
    /// The webhook.
    #[serde(flatten)]
    webhook: Webhook,
    /// How messages to it fare.
    standing: DeliveryStanding,
}

/// A page of webhooks, by id.
#[derive(Serialize, ToSchema)]
struct WebhookPage {
    /// The webhooks.
    items: Vec<WebhookView>,
    /// `after` of the next page; null on the last one.
    next: Option<u32>,
}

/// A webhook that was made.
#[derive(Serialize, ToSchema)]
struct MadeWebhook {
    /// The webhook.
    #[serde(flatten)]
    webhook: Webhook,
    /// The secret that signs its messages, shown once.
    #[schema(examples("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"))]
    secret: String,
}

/// A new secret.
#[derive(Serialize, ToSchema)]
struct NewSecret {
    /// The secret that signs messages from now on, shown once.
    #[schema(examples("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"))]
    secret: String,
    /// Until when the secret before signs as well.
    #[schema(value_type = Option<String>, format = DateTime)]
    old_secret_until: Option<Timestamp>,
}

fn need_everything(caller: &Caller<Admin>) -> Result<(), ApiError> {
    if caller.reach() == Reach::Everything {
        return Ok(());
    }
    Err(ApiError::Forbidden { needed: Right::Admin })
}

fn check_target(web: &Web, draft: &WebhookDraft) -> Result<(), ApiError> {
    let fault = match web.webhooks.targets.check(&draft.url) {
        Ok(_) => return Ok(()),
        Err(TargetError::Form) => Fault::TargetForm,
        Err(TargetError::Host) => Fault::TargetHost,
        Err(TargetError::Address) => Fault::TargetAddress,
    };
    Err(ApiError::Faulty(vec![FieldError { pointer: "/url".to_owned(), fault }]))
}

fn tag(webhook: &Webhook) -> [(HeaderName, String); 1] {
    [(header::ETAG, format!("\"{}\"", webhook.version))]
}

/// List webhooks.
#[utoipa::path(
    get, path = "/webhooks", tag = "webhooks", operation_id = "list_webhooks",
    params(
        ("after" = Option<u32>, Query, description = "Only webhooks after this id: `next` of the page before", minimum = 0, maximum = 4_294_967_295_u32),
        ("limit" = Option<u32>, Query, description = "Length of the page; 50 if not given", minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "A page", body = WebhookPage)),
)]
async fn list(
    caller: Caller<Admin>,
    State(web): State<Web>,
    mut parameters: Parameters,
) -> Result<Json<WebhookPage>, ApiError> {
    let after = parameters.take_number("after", 0..=u32::MAX)?.unwrap_or(0);
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
    parameters.finish()?;
    need_everything(&caller)?;
    // One more than asked tells whether there is another page.
    let mut found = webhooks::list(web.store.directory(), after, limit + 1).await?;
    let is_last = found.len() <= limit as usize;
    found.truncate(limit as usize);
    let next = if is_last { None } else { found.last().map(|webhook| webhook.id) };
    let standings = standings(web.store.directory(), None).await?;
    let view = |webhook: Webhook| {
        let standing = standings.get(&webhook.id).copied().unwrap_or_default();
        WebhookView { webhook, standing }
    };
    Ok(Json(WebhookPage { items: found.into_iter().map(view).collect(), next }))
}

/// Read a webhook.
#[utoipa::path(
    get, path = "/webhooks/{id}", tag = "webhooks", operation_id = "read_webhook",
    params(("id" = u32, Path, description = "Id of the webhook")),
    responses((status = 200, description = "The webhook", body = WebhookView,
        headers(("ETag" = String, description = "Version of the webhook")))),
)]
async fn read(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<u32>,
) -> Result<Response, ApiError> {
    need_everything(&caller)?;
    let webhook = webhooks::get(web.store.directory(), id).await?;
    let standing = standings(web.store.directory(), Some(id)).await?.remove(&id);
    let view = WebhookView { webhook, standing: standing.unwrap_or_default() };
    Ok((tag(&view.webhook), Json(view)).into_response())
}

/// Make a webhook. Its secret is shown in this answer only.
///
/// Messages are POSTed as Standard Webhooks says: `webhook-id`, `webhook-timestamp`, and `webhook-signature` with `v1,`
/// and the HMAC-SHA256 of `id.timestamp.body` in base64. Answer with 2xx within ten seconds; anything else is tried again
/// for a day. A message may come twice, and later than one that was made after it.
#[utoipa::path(
    post, path = "/webhooks", tag = "webhooks", operation_id = "create_webhook", request_body = WebhookDraft,
    responses((status = 201, description = "Made", body = MadeWebhook, headers(
        ("ETag" = String, description = "Version of the webhook"),
        ("Location" = String, description = "Its path"),
    ))),
)]
async fn create(
    caller: Caller<Admin>,
    _: Guarded,
    State(web): State<Web>,
    Body(draft): Body<WebhookDraft>,
) -> Result<Response, ApiError> {
    need_everything(&caller)?;
    check_target(&web, &draft)?;
    let who = caller.who();
    let webhook = webhooks::create(&web.edited_by(&who), &draft).await?;
    let secret = web.webhooks.key.secret(webhook.id, &webhook.salt);
    let location = (header::LOCATION, format!("/api/v1/webhooks/{}", webhook.id));
    let [etag] = tag(&webhook);
    let made = Json(MadeWebhook { webhook, secret });
    Ok((StatusCode::CREATED, [location, etag], made).into_response())
}

/// Replace a webhook as a whole. Its secret stays.
#[utoipa::path(
    put, path = "/webhooks/{id}", tag = "webhooks", operation_id = "replace_webhook",
    params(
        ("id" = u32, Path, description = "Id of the webhook"),
        ("If-Match" = String, Header, description = "The `ETag` of the webhook that is changed", pattern = "^\"[0-9]{1,9}\"$"),
    ),
    request_body = WebhookDraft,
    responses((status = 200, description = "Replaced", body = Webhook,
        headers(("ETag" = String, description = "Version of the webhook")))),
)]
async fn replace(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<u32>,
    IfMatch(version): IfMatch,
    Body(draft): Body<WebhookDraft>,
) -> Result<Response, ApiError> {
    need_everything(&caller)?;
    check_target(&web, &draft)?;
    let who = caller.who();
    let webhook = webhooks::replace(&web.edited_by(&who), (id, version), &draft).await?;
    // What waited while it was disabled is due.
    web.webhooks.wake();
    Ok((tag(&webhook), Json(webhook)).into_response())
}

/// Delete a webhook with its messages.
#[utoipa::path(
    delete, path = "/webhooks/{id}", tag = "webhooks", operation_id = "delete_webhook",
    params(
        ("id" = u32, Path, description = "Id of the webhook"),
        ("If-Match" = String, Header, description = "The `ETag` of the webhook that is deleted", pattern = "^\"[0-9]{1,9}\"$"),
    ),
    responses((status = 204, description = "Deleted")),
)]
async fn delete(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<u32>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, ApiError> {
    need_everything(&caller)?;
    let who = caller.who();
    webhooks::delete(&web.edited_by(&who), (id, version)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a webhook a new secret. The one before signs as well for a day.
#[utoipa::path(
    post, path = "/webhooks/{id}/rotate-secret", tag = "webhooks", operation_id = "rotate_webhook_secret",
    params(("id" = u32, Path, description = "Id of the webhook")),
    responses((status = 200, description = "The secret", body = NewSecret)),
)]
async fn rotate(
    caller: Caller<Admin>,
    _: Guarded,
    State(web): State<Web>,
    PathId(id): PathId<u32>,
) -> Result<Json<NewSecret>, ApiError> {
    need_everything(&caller)?;
    let who = caller.who();
    let webhook = webhooks::rotate(&web.edited_by(&who), id).await?;
    let secret = web.webhooks.key.secret(webhook.id, &webhook.salt);
    Ok(Json(NewSecret { secret, old_secret_until: webhook.old_secret_until }))
}

impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Row(error) => error.into(),
            WebhookError::TooMany => {
                let fault = Fault::TooMany { max: webhooks::WEBHOOKS_MAX as usize };
                Self::Faulty(vec![FieldError { pointer: String::new(), fault }])
            }
            WebhookError::Waiting => Self::StillWaiting,
            error @ WebhookError::Random(_) => Self::Internal(error.into()),
        }
    }
}
