//! Who looked at the telephone numbers of a row: entered in the audit trail when somebody asks to see them in full.

use super::Web;
use super::caller::{Caller, Operator};
use super::extract::PathId;
use super::problem::ApiError;
use super::reach::To;
use crate::store::nouns::{self, Contact, Line, Noun, Responder, Worker};
use axum::extract::State;
use axum::http::StatusCode;
use lianfang_domain::id::{ContactId, LineId, ResponderId, WorkerId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(at_line))
        .routes(routes!(at_contact))
        .routes(routes!(at_worker))
        .routes(routes!(at_responder))
}

async fn look<N: Noun>(
    web: &Web,
    caller: &Caller<Operator>,
    table: &str,
    id: N::Id,
) -> Result<StatusCode, ApiError> {
    caller.reaches(web, To::See, (N::KIND, id)).await?;
    // Nobody looks at what is not there.
    nouns::get::<N>(web.store.directory(), id).await?;
    let id: u32 = id.into();
    web.edited_by(&caller.who()).enter_read_of((table, id.into())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Enter in the audit trail that somebody looks at the number of a line.
#[utoipa::path(
    post, path = "/lines/{id}/reads", tag = "lines", operation_id = "look_at_line",
    params(("id" = u32, Path, description = "Id of the line")),
    responses((status = 204, description = "Entered")),
)]
async fn at_line(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<LineId>,
) -> Result<StatusCode, ApiError> {
    look::<Line>(&web, &caller, "line", id).await
}

/// Enter in the audit trail that somebody looks at the numbers of a contact.
#[utoipa::path(
    post, path = "/contacts/{id}/reads", tag = "contacts", operation_id = "look_at_contact",
    params(("id" = u32, Path, description = "Id of the contact")),
    responses((status = 204, description = "Entered")),
)]
async fn at_contact(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<ContactId>,
) -> Result<StatusCode, ApiError> {
    look::<Contact>(&web, &caller, "contact", id).await
}

/// Enter in the audit trail that somebody looks at the numbers of a worker.
#[utoipa::path(
    post, path = "/workers/{id}/reads", tag = "workers", operation_id = "look_at_worker",
    params(("id" = u32, Path, description = "Id of the worker")),
    responses((status = 204, description = "Entered")),
)]
async fn at_worker(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<WorkerId>,
) -> Result<StatusCode, ApiError> {
    look::<Worker>(&web, &caller, "worker", id).await
}

/// Enter in the audit trail that somebody looks at the numbers of a responder.
#[utoipa::path(
    post, path = "/responders/{id}/reads", tag = "responders", operation_id = "look_at_responder",
    params(("id" = u32, Path, description = "Id of the responder")),
    responses((status = 204, description = "Entered")),
)]
async fn at_responder(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<ResponderId>,
) -> Result<StatusCode, ApiError> {
    look::<Responder>(&web, &caller, "responder", id).await
}
