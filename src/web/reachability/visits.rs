//! Visits: somebody asked in person, and the numbers are right.

use super::{NumberList, community_of, numbers_of};
use crate::store::evidence;
use crate::store::nouns::{Fault, FieldError, Kind};
use crate::web::Web;
use crate::web::caller::{Caller, Operator};
use crate::web::extract::{Body, PathId};
use crate::web::problem::ApiError;
use crate::web::reach::To;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use lianfang_domain::id::{ContactId, ResponderId, WorkerId};
use lianfang_domain::reachability::{self, Who};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(visit_contact))
        .routes(routes!(visit_worker))
        .routes(routes!(visit_responder))
}

/// Which numbers of a person were found right.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VisitDraft {
    /// As they are written in the directory; all of the person's if not given.
    #[serde(default)]
    #[schema(max_items = 8)]
    numbers: Option<Vec<String>>,
}

/// Say that a contact was asked in person and their numbers are right.
#[utoipa::path(
    post, path = "/contacts/{id}/visits", tag = "reachability", operation_id = "visit_contact",
    params(("id" = u32, Path, description = "Id of the contact")), request_body = VisitDraft,
    responses((status = 200, description = "Noted", body = NumberList)),
)]
async fn visit_contact(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<ContactId>,
    headers: HeaderMap,
    Body(draft): Body<VisitDraft>,
) -> Result<Json<NumberList>, ApiError> {
    caller.reaches(&web, To::Edit, (Kind::Contact, id)).await?;
    visited(&web, &caller, (Who::Contact(id), draft)).await?;
    numbers_of(&web, Who::Contact(id), &headers).await
}

/// Say that a worker was asked in person and their numbers are right.
#[utoipa::path(
    post, path = "/workers/{id}/visits", tag = "reachability", operation_id = "visit_worker",
    params(("id" = u32, Path, description = "Id of the worker")), request_body = VisitDraft,
    responses((status = 200, description = "Noted", body = NumberList)),
)]
async fn visit_worker(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<WorkerId>,
    headers: HeaderMap,
    Body(draft): Body<VisitDraft>,
) -> Result<Json<NumberList>, ApiError> {
    caller.reaches(&web, To::Edit, (Kind::Worker, id)).await?;
    visited(&web, &caller, (Who::Worker(id), draft)).await?;
    numbers_of(&web, Who::Worker(id), &headers).await
}

/// Say that a responder was asked in person and their numbers are right.
#[utoipa::path(
    post, path = "/responders/{id}/visits", tag = "reachability", operation_id = "visit_responder",
    params(("id" = u32, Path, description = "Id of the responder")), request_body = VisitDraft,
    responses((status = 200, description = "Noted", body = NumberList)),
)]
async fn visit_responder(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<ResponderId>,
    headers: HeaderMap,
    Body(draft): Body<VisitDraft>,
) -> Result<Json<NumberList>, ApiError> {
    caller.reaches(&web, To::Edit, (Kind::Responder, id)).await?;
    visited(&web, &caller, (Who::Responder(id), draft)).await?;
    numbers_of(&web, Who::Responder(id), &headers).await
}

async fn visited(
    web: &Web,
    caller: &Caller<Operator>,
    (who, draft): (Who, VisitDraft),
) -> Result<(), ApiError> {
    let community = community_of(web, who).await?;
    let theirs = || reachability::holders_of(&community, who).map(|holder| &holder.number.number);
    let faulty = |pointer: String, fault| ApiError::Faulty(vec![FieldError { pointer, fault }]);
    let keys: Vec<&str> = match &draft.numbers {
        None => theirs().map(|number| number.key()).collect(),
        Some(written) => {
            let key = |(index, text): (usize, &String)| {
                let found =
                    theirs().find(|known| [known.written(), known.key()].contains(&&**text));
                let found = found.map(|number| number.key());
                found.ok_or_else(|| faulty(format!("/numbers/{index}"), Fault::UnknownParent))
            };
            written.iter().enumerate().map(key).collect::<Result<_, _>>()?
        }
    };
    if keys.is_empty() {
        return Err(faulty("/numbers".to_owned(), Fault::Empty));
    }
    evidence::visited(&web.edited_by(&caller.who()), who, &keys).await?;
    Ok(())
}
