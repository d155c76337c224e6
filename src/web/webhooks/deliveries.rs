//! Messages to webhooks and what became of them: the dead ones are looked at here and sent again.

use super::super::Web;
use super::super::caller::{Admin, Caller};
use super::super::extract::{Parameters, PathId, wrong};
use super::super::problem::{ApiError, Must};
use super::{LIMIT, LIMIT_MAX, need_everything};
use crate::store::webhooks;
use crate::store::webhooks::deliveries::{self, Delivery, DeliveryState};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of messages, the latest first.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryPage {
    /// The messages.
    items: Vec<Delivery>,
    /// `after` of the next page; null on the last one.
    next: Option<u32>,
}

/// Send a webhook a message that tells nothing but that it arrives. What became of it is in its deliveries.
#[utoipa::path(
    post, path = "/webhooks/{id}/ping", tag = "webhooks", operation_id = "ping_webhook",
    params(("id" = u32, Path, description = "Id of the webhook")),
    responses((status = 202, description = "The message", body = Delivery)),
)]
pub(super) async fn ping(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<u32>,
) -> Result<(StatusCode, Json<Delivery>), ApiError> {
    need_everything(&caller)?;
    let delivery = deliveries::ping(web.store.directory(), id, web.clock.now()).await?;
    web.webhooks.wake();
    Ok((StatusCode::ACCEPTED, Json(delivery)))
}

/// List the messages to a webhook, the latest first; `state=dead` has those that were given up.
#[utoipa::path(
    get, path = "/webhooks/{id}/deliveries", tag = "webhooks", operation_id = "list_webhook_deliveries",
    params(
        ("id" = u32, Path, description = "Id of the webhook"),
        ("state" = Option<String>, Query, description = "Only those that stand so", pattern = "^(waiting|delivered|dead)$"),
        ("after" = Option<u32>, Query, description = "Only messages before this one: `next` of the page before", minimum = 0, maximum = 4_294_967_295_u32),
        ("limit" = Option<u32>, Query, description = "Length of the page; 50 if not given", minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "A page", body = DeliveryPage)),
)]
pub(super) async fn list(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<u32>,
    mut parameters: Parameters,
) -> Result<Json<DeliveryPage>, ApiError> {
    let before = parameters.take_number("after", 0..=u32::MAX)?;
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
    let state = parameters.take("state").map(|text| {
        let known = DeliveryState::ALL.into_iter().find(|state| state.name() == text);
        known.ok_or_else(|| wrong("state", Must::DeliveryState))
    });
    let state = state.transpose()?;
    parameters.finish()?;
    need_everything(&caller)?;
    let database = web.store.directory();
    webhooks::get(database, id).await?;
    // One more than asked tells whether there is another page.
    let mut items = deliveries::list(database, (id, state), before, limit + 1).await?;
    let is_last = items.len() <= limit as usize;
    items.truncate(limit as usize);
    let next = if is_last { None } else { items.last().map(|delivery| delivery.id) };
    Ok(Json(DeliveryPage { items, next }))
}

/// Send a message again that was delivered or given up, under its old id, for another day.
#[utoipa::path(
    post, path = "/webhooks/{id}/deliveries/{delivery}/redeliver", tag = "webhooks", operation_id = "redeliver_webhook",
    params(
        ("id" = u32, Path, description = "Id of the webhook"),
        ("delivery" = u32, Path, description = "Id of the message"),
    ),
    responses((status = 202, description = "The message", body = Delivery)),
)]
pub(super) async fn redeliver(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId((id, delivery)): PathId<(u32, u32)>,
) -> Result<(StatusCode, Json<Delivery>), ApiError> {
    need_everything(&caller)?;
    let who = caller.who();
    let delivery = deliveries::redeliver(&web.edited_by(&who), (id, delivery)).await?;
    web.webhooks.wake();
    Ok((StatusCode::ACCEPTED, Json(delivery)))
}
