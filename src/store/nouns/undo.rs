//! Undoes an edit of a row, if the row is still what the edit made of it.

use super::edits::remove;
use super::enter::{enter, errors_before, refuse_impossible};
use super::{Noun, NounError, Place, Value as Column, bind_all, fault_of, place_of};
use crate::store::StoreError;
use crate::store::audit::{Action, Editor};
use crate::store::history::{self, Entry};
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// Why an edit is not undone.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// No edit has this id, or it was erased.
    #[error("no such edit")]
    NotFound,
    /// The row was edited since.
    #[error("the row was edited since")]
    Changed,
    /// What the row was is not possible any more.
    #[error(transparent)]
    Noun(#[from] NounError),
}

impl From<StoreError> for UndoError {
    fn from(error: StoreError) -> Self {
        Self::Noun(error.into())
    }
}

/// Makes a row again what it was before the edit `id`.
///
/// # Errors
/// When there is no such edit of this noun, the row was edited since, others depend on what it is now, or the database
/// fails; nothing is changed then.
pub async fn undo<N: Noun>(editor: &Editor<'_>, id: i64) -> Result<(), UndoError> {
    let mut change = editor.write().await?;
    let entry = history::one(&mut change, id).await?.ok_or(UndoError::NotFound)?;
    if entry.noun != N::SQL.table {
        return Err(UndoError::NotFound);
    }
    let before = history::look(&mut change, N::SQL.table, &[entry.row_id]).await?;
    let now: Option<Map<String, Value>> = before
        .get(&entry.row_id)
        .and_then(Option::as_deref)
        .and_then(|row| serde_json::from_str(row).ok());
    if now != entry.after {
        return Err(UndoError::Changed);
    }
    apply::<N>(editor, &mut change, &entry).await?;
    history::keep(editor, &mut change, (N::SQL.table, &before)).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(())
}

async fn apply<N: Noun>(
    editor: &Editor<'_>,
    change: &mut SqliteConnection,
    entry: &Entry,
) -> Result<(), NounError> {
    let standing = match &entry.after {
        Some(_) => Some(read::<N>(change, entry.row_id).await?),
        None => None,
    };
    let parent = match (&standing, &entry.before) {
        (Some(row), _) => row.parent(),
        (None, before) => parent_in::<N>(before.as_ref()),
    };
    let place = place_of::<N>(change, parent).await?.ok_or(NounError::NotFound)?;
    let errors = errors_before::<N>(change, &place).await?;
    let (action, row) = match (&entry.before, standing) {
        (None, Some(row)) => {
            remove::<N>(change, entry.row_id).await?;
            (Action::Delete, row)
        }
        (Some(before), standing) => {
            let is_there = standing.is_some();
            let now = standing.map_or(0, |row| i64::from(row.version()));
            let last = last_version(change, (N::SQL.table, entry.row_id)).await?.max(now);
            write::<N>(change, before, (is_there, last)).await?;
            let action = if is_there { Action::Replace } else { Action::Create };
            let row = read::<N>(change, entry.row_id).await?;
            row.written(editor, change).await?;
            (action, row)
        }
        (None, None) => return Err(NounError::NotFound),
    };
    refuse_impossible::<N>(change, &place, errors).await?;
    enter(editor, change, action, (&row, &place)).await?;
    same_community::<N>(change, &row, &place).await
}

/// Rows never change their community.
async fn same_community<N: Noun>(
    change: &mut SqliteConnection,
    row: &N,
    place: &Place,
) -> Result<(), NounError> {
    let is = place_of::<N>(change, row.parent()).await?;
    match is {
        Some(is) if is.community() == place.community() => Ok(()),
        // The one that it belonged to is gone: the row cannot stand either.
        Some(_) | None => Err(NounError::NotFound),
    }
}

fn parent_in<N: Noun>(before: Option<&Map<String, Value>>) -> u32 {
    let id = N::PARENT.and_then(|(_, field)| before?.get(field)?.as_u64());
    id.and_then(|id| u32::try_from(id).ok()).unwrap_or_default()
}

async fn read<N: Noun>(change: &mut SqliteConnection, id: i64) -> Result<N, NounError> {
    let query = sqlx::query(N::SQL.get).bind(id);
    let row = query.fetch_optional(change).await.map_err(StoreError::Read)?;
    Ok(N::read(&row.ok_or(NounError::NotFound)?).map_err(StoreError::Read)?)
}

/// The greatest version that a row ever had, as far as the history knows.
async fn last_version(
    change: &mut SqliteConnection,
    (table, id): (&str, i64),
) -> Result<i64, StoreError> {
    const LAST: &str = "SELECT coalesce(max(coalesce(after, before) ->> 'version'), 0) FROM history
        WHERE noun = ?1 AND row_id = ?2";
    let query = sqlx::query_scalar(LAST).bind(table).bind(id);
    query.fetch_one(change).await.map_err(StoreError::Read)
}

/// Writes the columns of a row, with a version that no earlier state of it had.
async fn write<N: Noun>(
    change: &mut SqliteConnection,
    before: &Map<String, Value>,
    (is_there, last): (bool, i64),
) -> Result<(), NounError> {
    let names: Vec<&String> = before.keys().collect();
    let values: Vec<Column> = before
        .iter()
        .map(|(name, value)| match (name.as_str(), value) {
            ("version", _) => Column::Integer(last + 1),
            (_, Value::String(text)) => Column::Text(text.clone()),
            (_, Value::Number(number)) => number.as_i64().map_or(Column::Null, Column::Integer),
            (_, Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => Column::Null,
        })
        .collect();
    let quoted: Vec<String> =
        names.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    let marks = vec!["?"; quoted.len()].join(", ");
    let table = N::SQL.table;
    let sql = if is_there {
        format!("UPDATE \"{table}\" SET ({}) = ({marks}) WHERE id = ?", quoted.join(", "))
    } else {
        format!("INSERT INTO \"{table}\" ({}) VALUES ({marks})", quoted.join(", "))
    };
    let query = bind_all(sqlx::query(AssertSqlSafe(sql)), values);
    let id = before.get("id").and_then(Value::as_i64).unwrap_or_default();
    let query = if is_there { query.bind(id) } else { query };
    query.execute(change).await.map_err(fault_of)?;
    Ok(())
}
