//! What a drill would do, before it is planned: how many telephones will ring.

use super::{DrillDraft, looked_through};
use crate::web::Web;
use crate::web::caller::{Admin, Caller};
use crate::web::extract::Body;
use crate::web::problem::ApiError;
use axum::Json;
use axum::extract::State;
use lianfang_domain::directory::Directory;
use lianfang_domain::drill::{Drill, Home};
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::plan::{self, PlanFor, Policy, Role};
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What a drill would do.
#[derive(Serialize, ToSchema)]
pub(super) struct DrillPreview {
    /// Households that would begin it.
    homes: usize,
    /// Telephones that would ring, each counted once, however many households call it.
    phones: usize,
    /// Numbers that would be sent SMS, each counted once.
    texts: usize,
    /// How long the households take to begin, in minutes, without the pauses of a day.
    minutes: usize,
}

/// Look a drill through without planning it: how many telephones it would ring. Refused like the plan itself.
#[utoipa::path(
    post, path = "/drills/preview", tag = "drills", operation_id = "preview_drill", request_body = DrillDraft,
    responses((status = 200, description = "What it would do; nothing is stored", body = DrillPreview)),
)]
pub(super) async fn preview(
    caller: Caller<Admin>,
    State(web): State<Web>,
    Body(draft): Body<DrillDraft>,
) -> Result<Json<DrillPreview>, ApiError> {
    let (drill, homes) = looked_through(&web, &caller, draft).await?;
    let directory = web.directory.current();
    // Ten thousand plans take a while: no other request shall wait for them.
    let counted = tokio::task::spawn_blocking(move || count(&directory, &drill, &homes));
    counted.await.map(Json).map_err(|error| ApiError::Internal(error.into()))
}

fn count(directory: &Directory, drill: &Drill, homes: &[Home]) -> DrillPreview {
    let defaults = Policy::default();
    let wanted =
        PlanFor { kind: drill.kind, is_drill: true, now: drill.starts_at, defaults: &defaults };
    let mut phones: BTreeSet<PhoneNumber> = BTreeSet::new();
    let mut texts: BTreeSet<PhoneNumber> = BTreeSet::new();
    for plan in homes.iter().filter_map(|home| plan::build(directory, home.line, &wanted)) {
        let people = plan.parties.iter().filter(|party| party.role != Role::OwnHousehold);
        for number in people.flat_map(|party| &party.numbers) {
            if number.has_voice {
                phones.insert(number.number.clone());
            }
            if number.has_sms {
                texts.insert(number.number.clone());
            }
        }
    }
    DrillPreview {
        homes: homes.len(),
        phones: phones.len(),
        texts: texts.len(),
        minutes: homes.len().div_ceil(usize::from(drill.per_minute.max(1))),
    }
}
