//! Is it alive, can it work, how well does it work: for supervisors and Prometheus.

use super::Web;
use super::board::Boards;
use super::caller::{Caller, Metrics, Operator};
use super::extract::Parameters;
use super::guard::language_of;
use super::ports::Unready;
use super::ports::vitals::{LineVitals, SectionView, Vitals};
use super::problem::ApiError;
use super::timeline::pick;
use super::words::in_language;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use lianfang_domain::directory::Language;
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
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Json<HealthView>, ApiError> {
    parameters.finish()?;
    let lines = boards.down(&web).await?.lines_of(&web, &caller.area(&web).await?);
    let reasons = reasons(&web, language_of(&headers)).await;
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
    /// Which part: `switchboard`, `alarm_log`, `trunk` or `tls`.
    part: &'static str,
    /// Why, in words for an operator: of `/health` in the language of the reader, of `/readyz` in English.
    reason: String,
}

impl Reason {
    fn new(missing: &Unready, language: Language) -> Self {
        let (part, reason) = match missing {
            Unready::Switchboard => {
                let words = pick(language, "接警台没有应答", "the switchboard does not answer");
                ("switchboard", words.to_owned())
            }
            Unready::AlarmLog => {
                let words =
                    ("事件还在日志文件里等待入库", "events wait in the journal for the database");
                ("alarm_log", pick(language, words.0, words.1).to_owned())
            }
            Unready::Trunk { name } => {
                ("trunk", in_language!(language, "中继 {name} 没有应答", "{name} does not answer"))
            }
            Unready::CertificateExpired => {
                let words = ("HTTPS 证书已过期", "the certificate has expired");
                ("tls", pick(language, words.0, words.1).to_owned())
            }
            Unready::Certificate { why } => (
                "tls",
                in_language!(
                    language,
                    "HTTPS 证书文件不能用，仍在使用旧证书（{why}）",
                    "the files of the certificate cannot be used, the older one still is ({why})"
                ),
            ),
        };
        Self { part, reason }
    }
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
    let reasons = reasons(&web, Language::English).await;
    let is_ready = reasons.is_empty();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { is_ready, reasons }))
}

async fn reasons(web: &Web, language: Language) -> Vec<Reason> {
    let unready = web.readiness.unready().await;
    unready.iter().map(|missing| Reason::new(missing, language)).collect()
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
