//! What was changed in the directory, by whom and why, and undoing it.
//!
//! Numbers of people are masked here: who needs them asks for the row.

use super::Web;
use super::caller::{Caller, Operator, Right};
use super::extract::{Parameters, PathId, Reason, wrong};
use super::nouns::{Shown, take_up};
use super::problem::{ApiError, Must};
use super::reach::{Area, To};
use super::who::names_of;
use crate::store::history::{self, Entry, changes};
use crate::store::nouns::duty::{Absence, Override, Post, Rotation, Shift, Swap};
use crate::store::nouns::undo::{UndoError, undo};
use crate::store::nouns::{
    Community, Contact, Grid, Group, Household, Kind, Line, Noun, NounError, Policy, PolicyDraft,
    Responder, Street, Worker,
};
use crate::store::reach::{Place, Reach};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use lianfang_domain::id::PolicyId;
use lianfang_domain::phone::PhoneNumber;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest page.
const LIMIT_MAX: u32 = 200;
/// Length of a page where the client names none.
const LIMIT: u32 = 50;
/// Columns that say nothing to people.
const NOT_SHOWN: [&str; 3] = ["id", "version", "number_to_confirm"];
/// How names of columns end that hold a moment in microseconds.
const MOMENT: &str = "_us";

/// The nouns with a history here: plural, table and kind.
const NOUNS: [(&str, &str, Kind); 16] = [
    ("streets", "street", Kind::Street),
    ("communities", "community", Kind::Community),
    ("grids", "grid", Kind::Grid),
    ("groups", "household_group", Kind::Group),
    ("households", "household", Kind::Household),
    ("lines", "line", Kind::Line),
    ("contacts", "contact", Kind::Contact),
    ("workers", "worker", Kind::Worker),
    ("responders", "responder", Kind::Responder),
    ("policies", "policy", Kind::Policy),
    ("posts", "duty_post", Kind::Post),
    ("rotations", "duty_rotation", Kind::Rotation),
    ("shifts", "duty_shift", Kind::Shift),
    ("overrides", "duty_override", Kind::Override),
    ("swaps", "duty_swap", Kind::Swap),
    ("absences", "duty_absence", Kind::Absence),
];
/// Those that a duty worker edits from day to day, and whose edits they may undo.
const OF_THE_DAY: [&str; 3] = ["duty_override", "duty_swap", "duty_absence"];

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(undo_one))
}

/// A page of edits, the latest first.
#[derive(Serialize, ToSchema)]
struct EditPage {
    /// The edits.
    items: Vec<EditView>,
    /// `after` of the next page; null on the last one.
    next: Option<i64>,
}

/// An edit of a row.
#[derive(Serialize, ToSchema)]
struct EditView {
    /// Its id.
    id: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who made it, as in the audit trail.
    who: String,
    /// Their name; null for programs, the command line and accounts that are gone.
    who_name: Option<String>,
    /// Why, in their words.
    why: Option<String>,
    /// Plural of the noun.
    noun: &'static str,
    /// The row.
    row_id: i64,
    /// `created`, `replaced` or `deleted`.
    action: &'static str,
    /// What differs; numbers are masked.
    changes: Vec<ChangeView>,
    /// The change that it is part of, such as an import; null for an edit by itself.
    change_id: Option<i64>,
}

/// A value that differs.
#[derive(Serialize, ToSchema)]
struct ChangeView {
    /// The column; moments without their unit.
    field: String,
    /// Before; null when there was nothing.
    before: Option<String>,
    /// After; null when there is nothing.
    after: Option<String>,
}

/// List the edits of a noun or of one row, the latest first.
#[utoipa::path(
    get, path = "/history", tag = "history", operation_id = "list_history",
    params(
        ("noun" = String, Query, description = "Plural of the noun, such as `households`",
            pattern = "^(streets|communities|grids|groups|households|lines|contacts|workers|responders|policies|posts|rotations|shifts|overrides|swaps|absences)$"),
        ("id" = Option<u32>, Query, description = "Only the edits of this row", minimum = 0, maximum = 4_294_967_295_u32),
        ("community_id" = Option<u32>, Query, description = "Only edits of rows that stand directly in this community, such as overrides",
            minimum = 0, maximum = 4_294_967_295_u32),
        ("after" = Option<u32>, Query, description = "Only edits before this one: `next` of the page before",
            minimum = 0, maximum = 4_294_967_295_u32),
        ("before" = Option<u32>, Query, deprecated, description = "The old name of `after`", minimum = 0, maximum = 4_294_967_295_u32),
        ("limit" = Option<u32>, Query, description = "Length of the page; 50 if not given", minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "A page", body = EditPage)),
)]
async fn list(
    caller: Caller<Operator>,
    State(web): State<Web>,
    mut parameters: Parameters,
) -> Result<Json<EditPage>, ApiError> {
    let asked = parameters.take("noun").unwrap_or_default();
    let noun = NOUNS.iter().find(|(plural, ..)| *plural == asked);
    let &(plural, table, kind) = noun.ok_or_else(|| wrong("noun", Must::Noun))?;
    let id = parameters.take_number("id", 0..=u32::MAX)?;
    let community = parameters.take_number("community_id", 0..=u32::MAX)?;
    let after = parameters.take_number("after", 0..=u32::MAX)?;
    let before = parameters.take_number("before", 0..=u32::MAX)?;
    let before = after.or(before).map(i64::from);
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
    parameters.finish()?;
    if let Some(id) = id {
        caller.reaches(&web, To::See, (kind, id)).await?;
    }
    if let Some(community) = community {
        caller.reaches(&web, To::See, (Kind::Community, community)).await?;
    }
    if id.is_none() && community.is_some() && !kind.names_its_community() {
        return Ok(Json(EditPage { items: Vec::new(), next: None }));
    }
    let database = web.store.directory();
    // One more than asked tells whether there is another page.
    let page = (before, limit + 1);
    let mut entries = match id {
        Some(id) => history::of_row(database, (table, id.into()), page).await?,
        None => {
            // What a community has for all of its grids is seen by whoever sees the community, also when it is gone.
            let is_of_community =
                community.is_some() && kind.is_of_roster() && kind != Kind::Worker;
            let within = if is_of_community {
                (Reach::Everything, Place::default())
            } else {
                let Area { reach, own } = caller.area(&web).await?;
                (reach, own)
            };
            history::of_table(database, (table, kind, community), within, page).await?
        }
    };
    let is_last = entries.len() <= limit as usize;
    entries.truncate(limit as usize);
    let next = if is_last { None } else { entries.last().map(|entry| entry.id) };
    let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
    let changes = changes::of_edits(database, &ids).await?;
    let names = names_of(&web, entries.iter().map(|entry| entry.who.clone()).collect()).await;
    let view = |entry: Entry| {
        let change = changes.get(&entry.id).copied();
        let who_name = names.get(&entry.who).cloned();
        EditView { who_name, ..view(plural, entry, change) }
    };
    Ok(Json(EditPage { items: entries.into_iter().map(view).collect(), next }))
}

fn view(noun: &'static str, entry: Entry, change_id: Option<i64>) -> EditView {
    let action = match (&entry.before, &entry.after) {
        (None, _) => "created",
        (Some(_), Some(_)) => "replaced",
        (Some(_), None) => "deleted",
    };
    let (before, after) = (entry.before.unwrap_or_default(), entry.after.unwrap_or_default());
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let change = |name: &String| ChangeView {
        field: name.strip_suffix(MOMENT).unwrap_or(name).to_owned(),
        before: shown(name, &before),
        after: shown(name, &after),
    };
    let differs = |name: &&String| {
        before.get(*name) != after.get(*name) && !NOT_SHOWN.contains(&name.as_str())
    };
    let changes = names.filter(differs).map(change).collect();
    EditView {
        id: entry.id,
        at: entry.at,
        who: entry.who,
        who_name: None,
        why: entry.why,
        noun,
        row_id: entry.row_id,
        action,
        changes,
        change_id,
    }
}

/// A value as people read it; numbers are masked.
fn shown(name: &str, row: &Map<String, Value>) -> Option<String> {
    let masked = |number: &Value| {
        let text = |name: &str| number.get(name).and_then(Value::as_str).unwrap_or_default();
        PhoneNumber::from_parts(text("key"), text("written")).to_string()
    };
    match (name, row.get(name)?) {
        (_, Value::Null) => None,
        ("number_key" | "number_written", Value::String(number)) => {
            Some(PhoneNumber::from_parts(number, number).to_string())
        }
        ("numbers", Value::String(numbers)) => {
            let numbers: Vec<Value> = serde_json::from_str(numbers).unwrap_or_default();
            Some(numbers.iter().map(masked).collect::<Vec<_>>().join(", "))
        }
        (_, Value::String(text)) => Some(text.clone()),
        (name, Value::Number(us)) if name.ends_with(MOMENT) => {
            Some(Timestamp::from_microsecond(us.as_i64()?).ok()?.to_string())
        }
        (_, other) => Some(other.to_string()),
    }
}

/// Undo an edit: admins every one, operators those of overrides, swaps and absences. 409 when the row was edited since: undo the later edits first.
#[utoipa::path(
    post, path = "/history/{id}/undo", tag = "history", operation_id = "undo_edit",
    params(("id" = u32, Path, description = "Id of the edit")),
    responses((status = 204, description = "The row is again what it was before")),
)]
async fn undo_one(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<u32>,
    reason: Reason,
) -> Result<StatusCode, ApiError> {
    let entry = history::read(web.store.directory(), id.into()).await?.ok_or(ApiError::NotFound)?;
    if !OF_THE_DAY.contains(&entry.noun.as_str()) && !caller.is_good_for(Right::Admin) {
        return Err(ApiError::Forbidden { needed: Right::Admin });
    }
    let at = (&web, &caller);
    match entry.noun.as_str() {
        "street" => undo_as::<Street>(at, &entry, &reason).await,
        "community" => undo_as::<Community>(at, &entry, &reason).await,
        "grid" => undo_as::<Grid>(at, &entry, &reason).await,
        "household_group" => undo_as::<Group>(at, &entry, &reason).await,
        "household" => undo_as::<Household>(at, &entry, &reason).await,
        "line" => undo_as::<Line>(at, &entry, &reason).await,
        "contact" => undo_as::<Contact>(at, &entry, &reason).await,
        "worker" => undo_as::<Worker>(at, &entry, &reason).await,
        "responder" => undo_as::<Responder>(at, &entry, &reason).await,
        "policy" => {
            reached::<Policy>(at, &entry).await?;
            would_be_taken(&web, &entry)?;
            undo_as::<Policy>(at, &entry, &reason).await
        }
        "duty_post" => undo_as::<Post>(at, &entry, &reason).await,
        "duty_rotation" => undo_as::<Rotation>(at, &entry, &reason).await,
        "duty_shift" => undo_as::<Shift>(at, &entry, &reason).await,
        "duty_override" => undo_as::<Override>(at, &entry, &reason).await,
        "duty_swap" => undo_as::<Swap>(at, &entry, &reason).await,
        "duty_absence" => undo_as::<Absence>(at, &entry, &reason).await,
        _ => Err(ApiError::NotFound),
    }?;
    take_up(&web).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a policy that would come back by an undo would be taken today, as if somebody saved it.
fn would_be_taken(web: &Web, entry: &Entry) -> Result<(), ApiError> {
    let Some(before) = &entry.before else { return Ok(()) };
    let column = |name: &str| before.get(name).cloned().unwrap_or_default();
    let document = column("document");
    let document: Option<Value> =
        document.as_str().and_then(|text| serde_json::from_str(text).ok());
    let draft = json!({"community_id": column("community_id"), "document": document});
    let draft: PolicyDraft = serde_json::from_value(draft).map_err(|_| ApiError::NotFound)?;
    let id = u32::try_from(entry.row_id).ok().map(PolicyId);
    Ok(Policy::try_out(web, &draft, id).map_err(NounError::Faulty)?)
}

/// Undoes an edit of a row that the caller reaches.
async fn undo_as<N: Noun>(
    (web, caller): (&Web, &Caller<Operator>),
    entry: &Entry,
    reason: &Reason,
) -> Result<(), ApiError> {
    reached::<N>((web, caller), entry).await?;
    let who = caller.who();
    let editor = web.edited_by(&who).because(reason.words());
    undo::<N>(&editor, entry.id).await.map_err(of_undo)
}

/// Whether the caller reaches the row of an edit, and what it hung on then.
async fn reached<N: Noun>(
    (web, caller): (&Web, &Caller<Operator>),
    entry: &Entry,
) -> Result<(), ApiError> {
    let id_in = |row: &serde_json::Map<String, serde_json::Value>, field: &str| {
        row.get(field).and_then(serde_json::Value::as_u64).and_then(|id| u32::try_from(id).ok())
    };
    if let Some(id) = entry.after.as_ref().and_then(|row| id_in(row, "id")) {
        caller.reaches(web, To::Edit, (N::KIND, id)).await?;
    }
    match (N::PARENT, &entry.before) {
        (Some((kind, field)), Some(before)) => {
            let id = id_in(before, field).ok_or(ApiError::NotFound)?;
            caller.reaches(web, To::Edit, (kind, id)).await?;
        }
        (None, Some(_)) => caller.area(web).await?.check(To::Edit, Some(Place::default()))?,
        (_, None) => {}
    }
    Ok(())
}

fn of_undo(error: UndoError) -> ApiError {
    match error {
        UndoError::NotFound => ApiError::NotFound,
        UndoError::Changed => ApiError::EditedSince,
        UndoError::Noun(error) => error.into(),
    }
}
