//! Is it alive, can it work, how well does it work: for supervisors and Prometheus.

use super::Web;
use super::caller::{Caller, Metrics};
use super::problem::ApiError;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(alive)).routes(routes!(ready)).routes(routes!(metrics))
}

/// Whether the process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "health", operation_id = "is_alive", security(()),
    responses((status = 200, description = "It does", content_type = "text/plain", body = String)),
)]
async fn alive() -> &'static str {
    "ok\n"
}

/// Whether the service can do all of its work.
#[derive(Serialize, ToSchema)]
struct Ready {
    /// It can.
    is_ready: bool,
    /// What is missing.
    reasons: Vec<Reason>,
}

/// Something that is missing.
#[derive(Serialize, ToSchema)]
struct Reason {
    /// Which part.
    part: &'static str,
    /// Why, in words for an operator.
    reason: String,
}

/// Whether the service can do all of its work, and why not. Alarms ring as far as they can either way.
#[utoipa::path(
    get, path = "/readyz", tag = "health", operation_id = "is_ready", security(()),
    responses(
        (status = 200, description = "It can", body = Ready),
        (status = 503, description = "Something is missing", body = Ready),
    ),
)]
async fn ready(State(web): State<Web>) -> (StatusCode, Json<Ready>) {
    let unready = web.readiness.unready().await;
    let reasons: Vec<Reason> = unready
        .into_iter()
        .map(|missing| Reason { part: missing.part, reason: missing.reason })
        .collect();
    let is_ready = reasons.is_empty();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { is_ready, reasons }))
}

/// What the service counts and measures, as Prometheus reads it.
#[utoipa::path(
    get, path = "/metrics", tag = "health", operation_id = "read_metrics",
    responses((status = 200, description = "The metrics", content_type = "text/plain", body = String)),
)]
async fn metrics(_caller: Caller<Metrics>, State(web): State<Web>) -> Result<Response, ApiError> {
    let content_type = (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    Ok(([content_type], web.metrics.render()).into_response())
}
