//! PINs of households and workers: set and taken away, never read back.

use super::Web;
use super::caller::{Admin, Caller};
use super::extract::{Body, PathId};
use super::nouns::take_up;
use super::problem::ApiError;
use super::reach::To;
use crate::store::nouns::{Fault, FieldError, Kind};
use crate::store::pins::{self, NewPins, PinError, WhichPin};
use crate::store::worker_pins::{self, WorkerPinError};
use axum::extract::State;
use axum::http::StatusCode;
use lianfang_domain::id::{HouseholdId, WorkerId};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(set)).routes(routes!(set_of_worker))
}

/// The PINs of a household. Both are replaced.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PinsDraft {
    /// 4 to 8 digits that withdraw an alarm; null takes both PINs away.
    #[schema(pattern = "^[0-9]{4,8}$")]
    cancel: Option<String>,
    /// 4 to 8 other digits that only pretend to, and mark the alarm; null for none.
    #[serde(default)]
    #[schema(pattern = "^[0-9]{4,8}$")]
    duress: Option<String>,
}

/// Set the PINs of a household, or take them away. They cannot be read.
#[utoipa::path(
    put, path = "/households/{id}/pins", tag = "households", operation_id = "set_household_pins",
    params(("id" = u32, Path, description = "Id of the household")), request_body = PinsDraft,
    responses((status = 204, description = "Set")),
)]
async fn set(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<HouseholdId>,
    Body(PinsDraft { cancel, duress }): Body<PinsDraft>,
) -> Result<StatusCode, ApiError> {
    let pins = match (cancel, duress) {
        (Some(cancel), duress) => Some(NewPins { cancel, duress }),
        (None, None) => None,
        (None, Some(_)) => {
            let field = FieldError { pointer: "/cancel".into(), fault: Fault::Empty };
            return Err(ApiError::Faulty(vec![field]));
        }
    };
    caller.reaches(&web, To::Edit, (Kind::Household, id)).await?;
    pins::set(&web.edited_by(&caller.who()), &web.pins, id, pins.as_ref()).await?;
    take_up(&web).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The PIN of a worker.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WorkerPinDraft {
    /// 4 to 8 digits by which they record by telephone; null takes the PIN away.
    #[schema(pattern = "^[0-9]{4,8}$")]
    pin: Option<String>,
}

/// Set the PIN by which a worker records by telephone, or take it away. It cannot be read; a lock ends with it.
#[utoipa::path(
    put, path = "/workers/{id}/pin", tag = "workers", operation_id = "set_worker_pin",
    params(("id" = u32, Path, description = "Id of the worker")), request_body = WorkerPinDraft,
    responses((status = 204, description = "Set")),
)]
async fn set_of_worker(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<WorkerId>,
    Body(WorkerPinDraft { pin }): Body<WorkerPinDraft>,
) -> Result<StatusCode, ApiError> {
    caller.reaches(&web, To::Edit, (Kind::Worker, id)).await?;
    worker_pins::set(&web.edited_by(&caller.who()), id, pin.as_deref()).await?;
    take_up(&web).await;
    Ok(StatusCode::NO_CONTENT)
}

impl From<WorkerPinError> for ApiError {
    fn from(error: WorkerPinError) -> Self {
        match error {
            WorkerPinError::NoWorker => Self::NotFound,
            WorkerPinError::Faulty(fault) => {
                let field = FieldError { pointer: "/pin".into(), fault: Fault::Pin(fault) };
                Self::Faulty(vec![field])
            }
            WorkerPinError::Store(error) => error.into(),
            error @ (WorkerPinError::Hash(_)
            | WorkerPinError::Random(_)
            | WorkerPinError::Aside(_)) => Self::Internal(error.into()),
        }
    }
}

impl From<PinError> for ApiError {
    fn from(error: PinError) -> Self {
        match error {
            PinError::NoHousehold => Self::NotFound,
            PinError::Store(error) => error.into(),
            PinError::Faulty(faults) => {
                let field = |(which, fault)| FieldError {
                    pointer: match which {
                        WhichPin::Cancel => "/cancel".to_owned(),
                        WhichPin::Duress => "/duress".to_owned(),
                    },
                    fault: Fault::Pin(fault),
                };
                Self::Faulty(faults.into_iter().map(field).collect())
            }
        }
    }
}
