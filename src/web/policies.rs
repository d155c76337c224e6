//! Policies beside their rows: what a draft would do, and the versions that there were.

use super::Web;
use super::caller::{Admin, Caller, Reports};
use super::extract::{Body, Parameters, PathId};
use super::guard::language_of;
use super::problem::ApiError;
use super::reach::To;
use super::who::names_of;
use crate::store::nouns::{
    self, Fault, FieldError, Kind, NounError, Policy, PolicyDraft, PolicyVersion, policy_version,
    policy_versions,
};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use jiff::Timestamp;
use lianfang_domain::id::PolicyId;
use lianfang_domain::policy::PolicyDocument;
use lianfang_domain::policy::check::{self, Problem, Report};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Versions that are listed.
const VERSIONS_MAX: u32 = 200;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(try_out))
        .routes(routes!(report))
        .routes(routes!(versions))
        .routes(routes!(version))
}

/// What is wrong with a document by itself, as the fields of a draft.
pub(super) fn form(document: &PolicyDocument) -> Vec<FieldError> {
    check::form(document).into_iter().map(field).collect()
}

fn field(problem: Problem) -> FieldError {
    FieldError {
        pointer: format!("/document{}", problem.pointer),
        fault: Fault::Policy(problem.why),
    }
}

/// What a policy does on today's directory, roster and routes.
#[derive(Serialize, ToSchema)]
struct PolicyReport {
    /// How long after the press the last leg of the first step leaves, in milliseconds, at the door that calls most; null
    /// without a route.
    last_leg_after_ms: Option<u64>,
    /// Calls of the first step at that door.
    calls: u32,
    /// Messages of the first step at that door.
    messages: u32,
    /// Doors that it holds for.
    doors: usize,
    /// What else is to be known.
    warnings: Vec<String>,
}

impl PolicyReport {
    fn of(report: &Report, headers: &HeaderMap) -> Self {
        let language = language_of(headers);
        Self {
            last_leg_after_ms: report.last_leg_after_ms,
            calls: report.calls,
            messages: report.messages,
            doors: report.doors,
            warnings: report.warnings.iter().map(|warning| warning.words(language)).collect(),
        }
    }
}

/// Tries a policy on today's directory, on the next two weeks of the roster and on the routes. `id` is the policy that it
/// takes the place of.
pub(super) fn tried(
    web: &Web,
    draft: &PolicyDraft,
    id: Option<PolicyId>,
) -> Result<Report, Vec<FieldError>> {
    let directory = web.directory.current();
    let Some(community) = directory.community(draft.community_id) else {
        let pointer = "/community_id".to_owned();
        return Err(vec![FieldError { pointer, fault: Fault::UnknownParent }]);
    };
    let others = community.policies.iter().filter(|stored| Some(stored.version.policy) != id);
    let document = Arc::new(draft.document.clone());
    let rival = check::rival(&document, others);
    let tried = check::check(&document, community, &web.routes, web.clock.now());
    let problems = match (tried, rival) {
        (Ok(report), None) => return Ok(report),
        (Ok(_), Some(rival)) => vec![rival],
        (Err(problems), rival) => problems.into_iter().chain(rival).collect(),
    };
    Err(problems.into_iter().map(field).collect())
}

/// Try a policy without saving it: what it would do, or why it would be refused.
#[utoipa::path(
    post, path = "/policies/check", tag = "policies", operation_id = "check_policy",
    params(("policy_id" = Option<u32>, Query, description = "The stored policy that it would take the place of")),
    request_body = PolicyDraft,
    responses((status = 200, description = "It would be accepted", body = PolicyReport)),
)]
async fn try_out(
    caller: Caller<Admin>,
    State(web): State<Web>,
    headers: HeaderMap,
    mut parameters: Parameters,
    Body(draft): Body<PolicyDraft>,
) -> Result<Json<PolicyReport>, ApiError> {
    let replaced = parameters.take_number("policy_id", 0..=u32::MAX)?.map(PolicyId);
    parameters.finish()?;
    caller.reaches(&web, To::Edit, (Kind::Community, draft.community_id)).await?;
    let report = tried(&web, &draft, replaced).map_err(NounError::Faulty)?;
    Ok(Json(PolicyReport::of(&report, &headers)))
}

/// What a stored policy does today. A directory or roster that changed since it was saved can make it one that would be
/// refused now.
#[utoipa::path(
    get, path = "/policies/{id}/report", tag = "policies", operation_id = "report_policy",
    params(("id" = u32, Path, description = "Id of the policy")),
    responses((status = 200, description = "What it does", body = PolicyReport)),
)]
async fn report(
    caller: Caller<Reports>,
    State(web): State<Web>,
    PathId(id): PathId<PolicyId>,
    headers: HeaderMap,
) -> Result<Json<PolicyReport>, ApiError> {
    caller.reaches(&web, To::See, (Kind::Policy, id)).await?;
    let policy = nouns::get::<Policy>(web.store.directory(), id).await?;
    let Policy { community_id, document, .. } = policy;
    let draft = PolicyDraft { community_id, document };
    let report = tried(&web, &draft, Some(id)).map_err(NounError::Faulty)?;
    Ok(Json(PolicyReport::of(&report, &headers)))
}

/// A version of a policy, and who saved it.
#[derive(Serialize, ToSchema)]
struct PolicyVersionView {
    /// The policy as it was saved.
    #[serde(flatten)]
    policy: Policy,
    /// When it was saved; null for versions that are older than this record.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// Who saved it, as in the audit trail.
    who: Option<String>,
    /// Their name; null for programs, the command line and accounts that are gone.
    who_name: Option<String>,
    /// Why, in their words.
    why: Option<String>,
}

/// Versions of a policy.
#[derive(Serialize, ToSchema)]
struct PolicyVersions {
    /// The newest first, at most 200.
    items: Vec<PolicyVersionView>,
}

/// Versions with the names of those who saved them.
async fn told(web: &Web, versions: Vec<PolicyVersion>) -> Vec<PolicyVersionView> {
    let names = names_of(web, versions.iter().filter_map(|one| one.who.clone()).collect()).await;
    let view = |version: PolicyVersion| {
        let PolicyVersion { policy, at, who, why } = version;
        let who_name = who.as_ref().and_then(|who| names.get(who)).cloned();
        PolicyVersionView { policy, at, who, who_name, why }
    };
    versions.into_iter().map(view).collect()
}

/// List the versions of a policy, the newest first; also those of a policy that was deleted.
#[utoipa::path(
    get, path = "/policies/{id}/versions", tag = "policies", operation_id = "list_policy_versions",
    params(("id" = u32, Path, description = "Id of the policy")),
    responses((status = 200, description = "Its versions", body = PolicyVersions)),
)]
async fn versions(
    caller: Caller<Reports>,
    State(web): State<Web>,
    PathId(id): PathId<PolicyId>,
    parameters: Parameters,
) -> Result<Json<PolicyVersions>, ApiError> {
    parameters.finish()?;
    let items = policy_versions(web.store.directory(), id, VERSIONS_MAX).await?;
    let newest = items.first().ok_or(ApiError::NotFound)?;
    // Also of a policy that is gone.
    caller.reaches(&web, To::See, (Kind::Community, newest.policy.community_id)).await?;
    Ok(Json(PolicyVersions { items: told(&web, items).await }))
}

/// One version of a policy, as plans name it.
#[utoipa::path(
    get, path = "/policies/{id}/versions/{version}", tag = "policies",
    operation_id = "read_policy_version",
    params(
        ("id" = u32, Path, description = "Id of the policy"),
        ("version" = u32, Path, description = "Version of the policy"),
    ),
    responses((status = 200, description = "The version", body = PolicyVersionView)),
)]
async fn version(
    caller: Caller<Reports>,
    State(web): State<Web>,
    PathId((id, version)): PathId<(PolicyId, u32)>,
) -> Result<Json<PolicyVersionView>, ApiError> {
    let found = policy_version(web.store.directory(), id, version).await?;
    caller.reaches(&web, To::See, (Kind::Community, found.policy.community_id)).await?;
    let found = told(&web, vec![found]).await.pop();
    Ok(Json(found.ok_or(ApiError::NotFound)?))
}
