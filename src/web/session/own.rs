//! What people look at and set for themselves: where they are signed in, their language, the time zone of their place.

use super::super::Web;
use super::super::caller::{Caller, SignedIn};
use super::super::extract::{Body, PathId};
use super::super::problem::ApiError;
use crate::store::accounts;
use crate::store::accounts::sessions::{self, SessionView};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use lianfang_domain::directory::Language;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where there is no community yet.
pub(in super::super) const USUAL_ZONE: &str = "Asia/Shanghai";

/// Where somebody is signed in.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnSessions {
    /// The sessions that last, the oldest first; at most 20.
    items: Vec<SessionView>,
    /// The one that asks.
    current: u32,
}

/// A language to read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LanguageDraft {
    /// Its tag; what the client asks for if null.
    #[schema(value_type = Option<String>, examples("zh-CN"))]
    language: Option<Language>,
}

/// List one's own sessions.
#[utoipa::path(
    get, path = "/sessions", tag = "session", operation_id = "list_sessions",
    responses((status = 200, description = "Where one is signed in", body = OwnSessions)),
)]
pub(super) async fn list_sessions(
    caller: Caller<SignedIn>,
    State(web): State<Web>,
) -> Result<Json<OwnSessions>, ApiError> {
    let session = caller.session().ok_or(ApiError::NoToken)?;
    let (id, current) = (session.account.id, session.view.id);
    let items = sessions::of_account(web.store.directory(), id, web.clock.now()).await?;
    Ok(Json(OwnSessions { items, current }))
}

/// End all of one's own sessions but the one that asks.
#[utoipa::path(
    delete, path = "/sessions", tag = "session", operation_id = "end_other_sessions",
    responses((status = 204, description = "Ended")),
)]
pub(super) async fn end_others(
    caller: Caller<SignedIn>,
    State(web): State<Web>,
) -> Result<StatusCode, ApiError> {
    let session = caller.session().ok_or(ApiError::NoToken)?;
    sessions::end_others(web.store.directory(), session.account.id, session.view.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End one of one's own sessions.
#[utoipa::path(
    delete, path = "/sessions/{session}", tag = "session", operation_id = "end_session",
    params(("session" = u32, Path, description = "Id of the session")),
    responses((status = 204, description = "Ended")),
)]
pub(super) async fn end_session(
    caller: Caller<SignedIn>,
    State(web): State<Web>,
    PathId(id): PathId<u32>,
) -> Result<StatusCode, ApiError> {
    let session = caller.session().ok_or(ApiError::NoToken)?;
    let ended = sessions::end(web.store.directory(), session.account.id, Some(id)).await?;
    if ended == 0 { Err(ApiError::NotFound) } else { Ok(StatusCode::NO_CONTENT) }
}

/// Choose the language that one reads.
#[utoipa::path(
    put, path = "/session/language", tag = "session", operation_id = "set_language",
    request_body = LanguageDraft,
    responses((status = 204, description = "Kept")),
)]
pub(super) async fn set_language(
    caller: Caller<SignedIn>,
    State(web): State<Web>,
    Body(draft): Body<LanguageDraft>,
) -> Result<StatusCode, ApiError> {
    let session = caller.session().ok_or(ApiError::NoToken)?;
    let who = caller.who();
    accounts::set_language(&web.edited_by(&who), session.account.id, draft.language).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The time zone of the first community that somebody reaches.
pub(super) async fn time_zone(web: &Web, caller: &Caller<SignedIn>) -> Result<String, ApiError> {
    let area = caller.area(web).await?;
    let directory = web.directory.current();
    let first = directory.communities().find(|community| area.shows_community(community));
    Ok(first.map_or_else(|| USUAL_ZONE.to_owned(), |community| community.time_zone.to_string()))
}
