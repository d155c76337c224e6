//! Messages that were given up: all of a webhook sent again, or discarded.

use super::super::Web;
use super::super::caller::{Admin, Caller};
use super::super::extract::PathId;
use super::super::problem::ApiError;
use super::need_everything;
use crate::store::webhooks::dead;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// How many messages it was done to.
#[derive(Serialize, ToSchema)]
pub(super) struct DeadLetters {
    /// So many.
    messages: u64,
}

/// Send all messages of a webhook that were given up again, under their old ids, for another day; of more than 5,000 that
/// would wait, the latest.
#[utoipa::path(
    post, path = "/webhooks/{id}/dead-letters/redeliver", tag = "webhooks", operation_id = "redeliver_dead_letters",
    params(("id" = u32, Path, description = "Id of the webhook")),
    responses((status = 202, description = "They wait to be sent", body = DeadLetters)),
)]
pub(super) async fn redeliver(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<u32>,
) -> Result<(StatusCode, Json<DeadLetters>), ApiError> {
    need_everything(&caller)?;
    let who = caller.who();
    let messages = dead::send_again(&web.edited_by(&who), id).await?;
    web.webhooks.wake();
    Ok((StatusCode::ACCEPTED, Json(DeadLetters { messages })))
}

/// Discard all messages of a webhook that were given up.
#[utoipa::path(
    delete, path = "/webhooks/{id}/dead-letters", tag = "webhooks", operation_id = "discard_dead_letters",
    params(("id" = u32, Path, description = "Id of the webhook")),
    responses((status = 200, description = "They are gone", body = DeadLetters)),
)]
pub(super) async fn discard_all(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<u32>,
) -> Result<Json<DeadLetters>, ApiError> {
    need_everything(&caller)?;
    let who = caller.who();
    let messages = dead::discard_all(&web.edited_by(&who), id).await?;
    Ok(Json(DeadLetters { messages }))
}

/// Discard a message that was delivered or given up.
#[utoipa::path(
    delete, path = "/webhooks/{id}/deliveries/{delivery}", tag = "webhooks", operation_id = "discard_webhook_delivery",
    params(
        ("id" = u32, Path, description = "Id of the webhook"),
        ("delivery" = u32, Path, description = "Id of the message"),
    ),
    responses((status = 204, description = "It is gone")),
)]
pub(super) async fn discard(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId((id, delivery)): PathId<(u32, u32)>,
) -> Result<StatusCode, ApiError> {
    need_everything(&caller)?;
    let who = caller.who();
    dead::discard(&web.edited_by(&who), (id, delivery)).await?;
    Ok(StatusCode::NO_CONTENT)
}
