//! Edits that were made together, such as an import: which there were, and undoing one as a whole.

use super::Web;
use super::caller::{Admin, Caller};
use super::extract::{Parameters, PathId, Reason};
use super::imports::Imports;
use super::nouns::take_up;
use super::problem::ApiError;
use super::reach::To;
use super::who::names_of;
use crate::import::{self, UndoChangeError};
use crate::store::history::changes::{self, Change};
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;
use tokio::sync::oneshot;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest page.
const LIMIT_MAX: u32 = 200;
/// Length of a page where the client names none.
const LIMIT: u32 = 20;
/// How long whoever undoes waits for the end; it goes on without them.
const WAIT_MAX: Duration = Duration::from_secs(8);

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(undo))
}

/// A page of changes, the latest first.
#[derive(Serialize, ToSchema)]
struct ChangePage {
    /// The changes.
    items: Vec<ManyView>,
    /// `after` of the next page; null on the last one.
    next: Option<i64>,
}

/// Edits that were made together.
#[derive(Serialize, ToSchema)]
struct ManyView {
    /// Its id.
    id: i64,
    /// `import` or `undo`.
    kind: &'static str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who made it, as in the audit trail.
    who: String,
    /// Their name; null for programs, the command line and accounts that are gone.
    who_name: Option<String>,
    /// Why, in their words.
    why: Option<String>,
    /// Rows that were added.
    added: u64,
    /// Rows that were changed.
    changed: u64,
    /// Rows that were removed.
    removed: u64,
    /// The change that undid it.
    undone_by: Option<i64>,
}

impl From<Change> for ManyView {
    fn from(change: Change) -> Self {
        let [added, changed, removed] = change.rows;
        Self {
            id: change.id,
            kind: change.kind.name(),
            at: change.at,
            who: change.who,
            who_name: None,
            why: change.why,
            added,
            changed,
            removed,
            undone_by: change.undone_by,
        }
    }
}

/// Whether the caller reaches all that whoever made the change reached: then all of its rows are theirs.
async fn reaches(web: &Web, caller: &Caller<Admin>, change: &Change) -> Result<bool, ApiError> {
    let Some(reach) = change.reach else { return Ok(false) };
    let place = reach.place(web.store.directory()).await?;
    Ok(caller.area(web).await?.check(To::Edit, place).is_ok())
}

/// List imports and what was undone of them, the latest first.
#[utoipa::path(
    get, path = "/history/changes", tag = "history", operation_id = "list_changes",
    params(
        ("after" = Option<u32>, Query, description = "Only changes before this one: `next` of the page before",
            minimum = 0, maximum = 4_294_967_295_u32),
        ("limit" = Option<u32>, Query, description = "Length of the page; 20 if not given", minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "A page", body = ChangePage)),
)]
async fn list(
    caller: Caller<Admin>,
    State(web): State<Web>,
    mut parameters: Parameters,
) -> Result<Json<ChangePage>, ApiError> {
    let before = parameters.take_number("after", 0..=u32::MAX)?.map(i64::from);
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
    parameters.finish()?;
    // One more than asked tells whether there is another page.
    let mut found = changes::list(web.store.directory(), (before, limit + 1)).await?;
    let is_last = found.len() <= limit as usize;
    found.truncate(limit as usize);
    let next = if is_last { None } else { found.last().map(|change| change.id) };
    let mut items: Vec<ManyView> = Vec::with_capacity(found.len());
    for change in found {
        if reaches(&web, &caller, &change).await? {
            items.push(change.into());
        }
    }
    let names = names_of(&web, items.iter().map(|item| item.who.clone()).collect()).await;
    for item in &mut items {
        item.who_name = names.get(&item.who).cloned();
    }
    Ok(Json(ChangePage { items, next }))
}

/// Undo a change as a whole. 409 when one of its rows was edited since, or others hang on what it added; then nothing is
/// changed. One that takes longer goes on: the list says when it is undone.
#[utoipa::path(
    post, path = "/history/changes/{id}/undo", tag = "history", operation_id = "undo_change",
    params(("id" = u32, Path, description = "Id of the change")),
    responses(
        (status = 204, description = "All of its rows are again what they were before"),
        (status = 202, description = "They are being made so"),
    ),
)]
async fn undo(
    caller: Caller<Admin>,
    State(web): State<Web>,
    Extension(imports): Extension<Imports>,
    PathId(id): PathId<u32>,
    reason: Reason,
) -> Result<StatusCode, ApiError> {
    let change = changes::one(web.store.directory(), id.into()).await?;
    let change = change.ok_or(ApiError::NotFound)?;
    if !reaches(&web, &caller, &change).await? {
        return Err(ApiError::NotFound);
    }
    let (who, why, reach) = (caller.who(), reason.words().map(str::to_owned), caller.reach());
    let (tell, told) = oneshot::channel();
    let tasks = web.tasks.clone();
    let work = async move {
        let editor = web.edited_by(&who).because(why.as_deref());
        let done = import::undo_change(&editor, id.into(), reach).await;
        if done.is_ok() {
            take_up(&web).await;
        }
        done
    };
    tasks.start("undo", |_| async move {
        // Whoever asked may have gone.
        drop(tell.send(imports.aside(work).await));
    });
    match tokio::time::timeout(WAIT_MAX, told).await {
        Ok(Ok(Ok(done))) => done.map(|()| StatusCode::NO_CONTENT).map_err(of_undo),
        Ok(Ok(Err(error))) => Err(error),
        Ok(Err(_)) => Err(ApiError::Busy),
        Err(_) => Ok(StatusCode::ACCEPTED),
    }
}

fn of_undo(error: UndoChangeError) -> ApiError {
    match error {
        UndoChangeError::NotFound => ApiError::NotFound,
        UndoChangeError::Changed => ApiError::EditedSince,
        UndoChangeError::HasChildren => ApiError::HasChildren,
        UndoChangeError::OutOfReach => ApiError::OutOfReach,
        UndoChangeError::Store(error) => error.into(),
    }
}
