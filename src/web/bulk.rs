//! Many edits of the directory at once, all or nothing.
//!
//! Each edit is looked at as if it came alone: rights, reach, version, values. When one is wrong, none is done, and all
//! that are wrong are named by their place.

use super::Web;
use super::caller::{Caller, Needs, Operator};
use super::extract::{Body, Reason, read_value, wrong};
use super::nouns::{Shown, may_have, take_up};
use super::problem::{ApiError, Must, Refused};
use super::reach::To;
use crate::store::nouns::duty::{Absence, Override, Post, Rotation, Shift, Swap};
use crate::store::nouns::{
    Change, Community, Contact, Fault, FieldError, Grid, Group, Household, Line, NounError, Policy,
    Responder, Street, Worker,
};
use axum::Json;
use axum::extract::{DefaultBodyLimit, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Edits in one request.
const OPERATIONS_MAX: usize = 1_000;
/// Largest body, in bytes.
const BODY_MAX: usize = 4 << 20;
/// Mistakes that are named: who made more made one a thousand times.
const REFUSED_MAX: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(bulk)).layer(DefaultBodyLimit::max(BODY_MAX))
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Op {
    /// A row is made of `value`.
    Create,
    /// What is written in the row becomes `value`.
    Replace,
    /// The row goes.
    Delete,
}

/// A noun of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum BulkNoun {
    Streets,
    Communities,
    Grids,
    Groups,
    Households,
    Lines,
    Contacts,
    Workers,
    Responders,
    Policies,
    Posts,
    Rotations,
    Shifts,
    Overrides,
    Swaps,
    Absences,
}

/// One edit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Operation {
    op: Op,
    noun: BulkNoun,
    /// The row; not of `create`.
    #[serde(default)]
    id: Option<u32>,
    /// The version that the edit is made from, as in `ETag`; not of `create`.
    #[serde(default)]
    version: Option<u32>,
    /// What `POST` and `PUT` of the noun take; not of `delete`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    value: Option<Value>,
}

/// Edits that are done together or not at all.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Bulk {
    /// In the order in which they are done.
    #[schema(min_items = 1, max_items = 1000)]
    operations: Vec<Operation>,
}

/// A row that was made, replaced or deleted.
#[derive(Serialize, ToSchema)]
struct Done {
    op: Op,
    noun: BulkNoun,
    /// The row.
    id: u32,
    /// Its version now; null when it is gone.
    version: Option<u32>,
}

/// What was done.
#[derive(Serialize, ToSchema)]
struct BulkDone {
    /// In the order of the operations.
    results: Vec<Done>,
}

/// An edit with what it needs.
enum Edit<N: Shown> {
    Create(N::Draft),
    Replace(N::Id, u32, N::Draft),
    Delete(N::Id, u32),
}

/// Calls a function for the noun of an operation.
macro_rules! of_noun {
    ($noun:expr, $function:ident($($argument:expr),*)) => {
        match $noun {
            BulkNoun::Streets => $function::<Street>($($argument),*).await,
            BulkNoun::Communities => $function::<Community>($($argument),*).await,
            BulkNoun::Grids => $function::<Grid>($($argument),*).await,
            BulkNoun::Groups => $function::<Group>($($argument),*).await,
            BulkNoun::Households => $function::<Household>($($argument),*).await,
            BulkNoun::Lines => $function::<Line>($($argument),*).await,
            BulkNoun::Contacts => $function::<Contact>($($argument),*).await,
            BulkNoun::Workers => $function::<Worker>($($argument),*).await,
            BulkNoun::Responders => $function::<Responder>($($argument),*).await,
            BulkNoun::Policies => $function::<Policy>($($argument),*).await,
            BulkNoun::Posts => $function::<Post>($($argument),*).await,
            BulkNoun::Rotations => $function::<Rotation>($($argument),*).await,
            BulkNoun::Shifts => $function::<Shift>($($argument),*).await,
            BulkNoun::Overrides => $function::<Override>($($argument),*).await,
            BulkNoun::Swaps => $function::<Swap>($($argument),*).await,
            BulkNoun::Absences => $function::<Absence>($($argument),*).await,
        }
    };
}

/// Create, replace and delete up to 1,000 rows of the directory, all or nothing.
///
/// Every operation is done with the rights that it needs alone. When one is refused nothing is changed: 422
/// `bulk-refused`, and `errors` names each by its place, such as `/operations/17/value/name`, and by the `type` that it
/// would have had alone. An operation cannot name a row that another one of the same request makes.
#[utoipa::path(
    post, path = "/bulk", tag = "bulk", operation_id = "edit_many",
    params(("X-Reason" = Option<String>, Header, description = "Why, for the history: percent-encoded UTF-8 of at most 200 characters")),
    request_body = Bulk,
    responses((status = 200, description = "All of it is done", body = BulkDone)),
)]
async fn bulk(
    caller: Caller<Operator>,
    State(web): State<Web>,
    reason: Reason,
    Body(bulk): Body<Bulk>,
) -> Result<Json<BulkDone>, ApiError> {
    let operations = bulk.operations;
    if operations.is_empty() || OPERATIONS_MAX < operations.len() {
        let fault = match operations.len() {
            0 => Fault::Empty,
            _ => Fault::TooMany { max: OPERATIONS_MAX },
        };
        return Err(ApiError::Faulty(vec![FieldError {
            pointer: "/operations".to_owned(),
            fault,
        }]));
    }
    // All rights first: in a transaction, nobody else is asked.
    let mut refused = Vec::new();
    for (index, operation) in operations.iter().enumerate() {
        let looked = of_noun!(operation.noun, look(&web, &caller, operation));
        collect(&mut refused, index, looked)?;
    }
    if !refused.is_empty() {
        return Err(ApiError::Bulk(refused));
    }
    let who = caller.who();
    let editor = web.edited_by(&who).because(reason.words());
    let mut change = Change::begin(&editor).await.map_err(ApiError::from)?;
    let mut results = Vec::with_capacity(operations.len());
    for (index, operation) in operations.iter().enumerate() {
        let done = of_noun!(operation.noun, apply(&mut change, operation));
        let done = done.map(|(id, version)| {
            results.push(Done { op: operation.op, noun: operation.noun, id, version });
        });
        collect(&mut refused, index, done)?;
    }
    if !refused.is_empty() {
        return Err(ApiError::Bulk(refused));
    }
    change.commit().await.map_err(ApiError::from)?;
    take_up(&web).await;
    Ok(Json(BulkDone { results }))
}

/// Notes what is wrong with an operation. What is ours to fix, or may work in a moment, ends all of it.
fn collect(
    refused: &mut Vec<Refused>,
    index: usize,
    outcome: Result<(), ApiError>,
) -> Result<(), ApiError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(error) if error.status().is_server_error() => Err(error),
        Err(error) => {
            if refused.len() < REFUSED_MAX {
                refused.push(Refused { index, error });
            }
            Ok(())
        }
    }
}

/// Reads an operation and looks at it as the route of its noun would.
async fn look<N: Shown>(
    web: &Web,
    caller: &Caller<Operator>,
    operation: &Operation,
) -> Result<(), ApiError> {
    let needed = N::Editor::RIGHT;
    if !caller.is_good_for(needed) {
        return Err(ApiError::Forbidden { needed });
    }
    let (id, draft) = match read::<N>(operation)? {
        Edit::Create(draft) => (None, Some(draft)),
        Edit::Replace(id, _, draft) => (Some(id), Some(draft)),
        Edit::Delete(id, _) => (Some(id), None),
    };
    if let Some(id) = id {
        caller.reaches(web, To::Edit, (N::KIND, id)).await?;
    }
    if let Some(draft) = draft {
        may_have::<N, _>(web, caller, &draft).await?;
        N::try_out(web, &draft, id).map_err(NounError::Faulty)?;
    }
    Ok(())
}

fn read<N: Shown>(operation: &Operation) -> Result<Edit<N>, ApiError> {
    let Operation { op, id, version, value, .. } = operation;
    let draft = |value: &Value| read_value::<N::Draft>(value);
    match (op, id, version, value) {
        (Op::Create, None, None, Some(value)) => Ok(Edit::Create(draft(value)?)),
        (Op::Replace, Some(id), Some(version), Some(value)) => {
            Ok(Edit::Replace(N::Id::from(*id), *version, draft(value)?))
        }
        (Op::Delete, Some(id), Some(version), None) => Ok(Edit::Delete(N::Id::from(*id), *version)),
        (Op::Create | Op::Replace | Op::Delete, ..) => Err(wrong("op", Must::Operation)),
    }
}

/// Does it, within the change: the id of the row, and its version unless it is gone.
async fn apply<N: Shown>(
    change: &mut Change<'_>,
    operation: &Operation,
) -> Result<(u32, Option<u32>), ApiError> {
    let row = match read::<N>(operation)? {
        Edit::Create(draft) => change.create::<N>(&draft).await?,
        Edit::Replace(id, version, draft) => change.update::<N>((id, version), &draft).await?,
        Edit::Delete(id, version) => {
            change.delete::<N>((id, version)).await?;
            return Ok((id.into(), None));
        }
    };
    Ok((row.id().into(), Some(row.version())))
}
