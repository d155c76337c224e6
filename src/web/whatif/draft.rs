//! What-if with a policy that is not saved: the directory is as it is, but for this one policy.

use super::{Asked, WhatIfView, tell};
use crate::store::nouns::{Fault, FieldError, Kind, NounError, PolicyDraft};
use crate::web::Web;
use crate::web::caller::{Admin, Caller};
use crate::web::extract::{Body, Parameters, PathId};
use crate::web::guard::language_of;
use crate::web::policies;
use crate::web::problem::ApiError;
use crate::web::reach::To;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use lianfang_domain::directory::Community;
use lianfang_domain::id::{LineId, PolicyId};
use lianfang_domain::plan::PolicyVersion;
use lianfang_domain::policy::StoredPolicy;
use std::sync::Arc;

/// Stored versions count from 1, and stored ids never come so far.
const DRAFT: PolicyVersion = PolicyVersion { policy: PolicyId(u32::MAX), version: 0 };

/// Whether a plan was made by the policy that was sent along.
pub(super) fn is_draft(made_by: PolicyVersion) -> bool {
    made_by == DRAFT
}

/// What an alarm on this line would do with a policy that is not saved: as `GET`, and it saves nothing. Another policy
/// holds all the same where it is for a narrower scope or names the kind; then `is_draft` is false.
#[utoipa::path(
    post, path = "/lines/{id}/what-if", tag = "lines", operation_id = "what_if_policy",
    params(
        ("id" = u32, Path, description = "Id of the line"),
        ("kind" = Option<String>, Query, description = "The kind of alarm; `unknown` if not given",
            pattern = "^(unknown|fire|intruder|illness|flood|other)$"),
        ("at" = Option<String>, Query, description = "The moment; now if not given"),
        ("drill" = Option<bool>, Query, description = "It would be a drill"),
        ("load" = Option<bool>, Query, description = "Count in what other alarms have on the routes; true if not given"),
        ("policy_id" = Option<u32>, Query, description = "The stored policy that it would take the place of"),
    ),
    request_body = PolicyDraft,
    responses((status = 200, description = "What it would do", body = WhatIfView)),
)]
pub(super) async fn read(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<LineId>,
    headers: HeaderMap,
    mut parameters: Parameters,
    Body(draft): Body<PolicyDraft>,
) -> Result<Json<WhatIfView>, ApiError> {
    let replaced = parameters.take_number("policy_id", 0..=u32::MAX)?.map(PolicyId);
    let asked = Asked::take(&mut parameters)?;
    parameters.finish()?;
    caller.reaches(&web, To::Edit, (Kind::Community, draft.community_id)).await?;
    caller.reaches(&web, To::See, (Kind::Line, id)).await?;
    let faults = policies::form(&draft.document);
    if !faults.is_empty() {
        return Err(NounError::Faulty(faults).into());
    }
    let directory = web.directory.current();
    let line = directory.line_by_id(id).ok_or(ApiError::NotFound)?;
    let of_line = directory.community(line.community);
    let Some(community) = of_line.filter(|community| community.id == draft.community_id) else {
        let pointer = "/community_id".to_owned();
        let fault = FieldError { pointer, fault: Fault::OtherCommunity };
        return Err(NounError::Faulty(vec![fault]).into());
    };
    let mut changed = Community::clone(community);
    changed.policies.retain(|stored| Some(stored.version.policy) != replaced);
    changed.policies.push(StoredPolicy { version: DRAFT, document: Arc::new(draft.document) });
    let directory = directory.with_community(directory.version, Arc::new(changed));
    tell(&web, &directory, (id, asked), language_of(&headers)).await
}
