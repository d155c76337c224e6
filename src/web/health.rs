//! Is it alive, can it work, how well does it work: for supervisors and Prometheus.

use super::Web;
use super::board::Boards;
use super::caller::{Caller, Metrics, Operator};
use super::extract::Parameters;
use super::ports::Unready;
use super::ports::vitals::{LineVitals, SectionView, Vitals};
use super::problem::ApiError;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(alive)).routes(routes!(ready)).routes(routes!(metrics))
}

/// What people look at, under `/api/v1`.
pub(super) fn looks() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(look))
}

/// How the service fares.
#[derive(Serialize, ToSchema)]
struct HealthView {
    /// The time here.
    #[schema(value_type = String, format = DateTime)]
    now: Timestamp,
    /// It can do all of its work.
    is_ready: bool,
    /// What is missing.
    reasons: Vec<Reason>,
    /// The lines that the caller reaches, as of a few seconds ago.
    lines: LineVitals,
    /// Its figures.
    #[serde(flatten)]
    vitals: Vitals,
    /// The configuration in force with `***` for secrets; null for who is no admin who reaches everything.
    configuration: Option<Vec<SectionView>>,
}

/// How the service fares: routes, lines, databases, clock, disks, versions; for admins the configuration in force.
#[utoipa::path(
    get, path = "/health", tag = "health", operation_id = "read_health",
    responses((status = 200, description = "How it fares", body = HealthView)),
)]
async fn look(
    caller: Caller<Operator>,
    State(web): State<Web>,
    Extension(boards): Extension<Boards>,
    parameters: Parameters,
) -> Result<Json<HealthView>, ApiError> {
    parameters.finish()?;
    let lines = boards.down(&web).await?.lines_of(&web, &caller.area(&web).await?);
    let reasons = reasons(&web).await;
    let vitals = web.health.vitals().await;
    let configuration = caller.keeps_everything().then(|| web.health.configuration());
    let (now, is_ready) = (web.clock.now(), reasons.is_empty());
    Ok(Json(HealthView { now, is_ready, reasons, lines, vitals, configuration }))
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
    let reasons = reasons(&web).await;
    let is_ready = reasons.is_empty();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { is_ready, reasons }))
}

async fn reasons(web: &Web) -> Vec<Reason> {
    let unready = web.readiness.unready().await;
    let reason = |missing: Unready| Reason { part: missing.part, reason: missing.reason };
    unready.into_iter().map(reason).collect()
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
