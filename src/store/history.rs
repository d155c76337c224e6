//! What rows of the directory were before each edit and after it, who made it and why.
//!
//! It stands beside the audit trail, in the transaction of the edit, and may be erased: the trail holds ids only.
//! Must not decide what may be undone; `nouns::undo` does.

pub mod changes;

use super::audit::Editor;
use super::nouns::Kind;
use super::reach::{Place, Reach, shown_ids_sql};
use super::{Database, StoreError};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::collections::BTreeMap;

/// Longest reason, in characters.
pub const WHY_MAX: usize = 200;
/// Rows that are kept by one statement.
const ROWS_AT_ONCE: usize = 1000;
/// Entries that are erased in one transaction.
const ERASE_CHUNK: u32 = 5000;
const COLUMNS: &str = "SELECT name FROM pragma_table_info(?1) ORDER BY cid";
/// Changes with other rows.
const NOT_KEPT: &str = "changed_version";
const ENTRY: &str = "id, at_us, who, why, noun, row_id, before, after FROM history";
const ERASE_CHANGES: &str = "DELETE FROM history_change WHERE at_us < ?1";
const ERASE: &str =
    "DELETE FROM history WHERE id IN (SELECT id FROM history WHERE at_us < ?1 LIMIT ?2)";

/// An edit of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its id; later edits have greater ones.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// Why, in their words.
    pub why: Option<String>,
    /// The table.
    pub noun: String,
    /// The row in it.
    pub row_id: i64,
    /// The row before, by column; `None` when it was made.
    pub before: Option<Map<String, Value>>,
    /// The row after; `None` when it was deleted.
    pub after: Option<Map<String, Value>>,
}

type Row = (i64, i64, String, Option<String>, String, i64, Option<String>, Option<String>);

fn entry((id, at_us, who, why, noun, row_id, before, after): Row) -> Entry {
    let object = |text: Option<String>| serde_json::from_str(&text?).ok();
    let at = Timestamp::from_microsecond(at_us).unwrap_or_default();
    Entry { id, at, who, why, noun, row_id, before: object(before), after: object(after) }
}

/// Rows as they stand before an edit, by id.
pub(crate) type Before = BTreeMap<i64, Option<String>>;

/// Looks at rows before they are edited; those that are not there yet are `None`.
pub(crate) async fn look(
    change: &mut SqliteConnection,
    table: &str,
    ids: &[i64],
) -> Result<Before, StoreError> {
    let mut before: Before = ids.iter().map(|&id| (id, None)).collect();
    let object = object_sql(change, table).await?;
    let sql = format!(
        "SELECT id, {object} FROM \"{table}\" WHERE id IN (SELECT value FROM json_each(?1))"
    );
    for ids in ids.chunks(ROWS_AT_ONCE) {
        let query = sqlx::query_as(AssertSqlSafe(sql.clone())).bind(json!(ids).to_string());
        let rows: Vec<(i64, String)> =
            query.fetch_all(&mut *change).await.map_err(StoreError::Read)?;
        before.extend(rows.into_iter().map(|(id, row)| (id, Some(row))));
    }
    Ok(before)
}

/// Keeps what rows were and are, in the transaction of the edit.
pub(crate) async fn keep(
    editor: &Editor<'_>,
    change: &mut SqliteConnection,
    (table, before): (&str, &Before),
) -> Result<(), StoreError> {
    let object = object_sql(change, table).await?;
    let sql = format!(
        "INSERT INTO history (at_us, who, why, noun, row_id, before, after)
            SELECT ?1, ?2, ?3, ?4, b.value ->> 0, b.value ->> 1, (SELECT {object} FROM \"{table}\" WHERE id = b.value ->> 0)
            FROM json_each(?5) AS b
            WHERE b.value ->> 1 IS NOT NULL OR EXISTS (SELECT 1 FROM \"{table}\" WHERE id = b.value ->> 0)"
    );
    let rows: Vec<Value> = before.iter().map(|(id, row)| json!([id, row])).collect();
    for rows in rows.chunks(ROWS_AT_ONCE) {
        let query = sqlx::query(AssertSqlSafe(sql.clone()))
            .bind(editor.at.as_microsecond())
            .bind(editor.who)
            .bind(editor.why)
            .bind(table)
            .bind(json!(rows).to_string());
        query.execute(&mut *change).await.map_err(StoreError::Write)?;
    }
    Ok(())
}

/// A row of a table as one JSON object. Names of tables and columns are ours.
async fn object_sql(change: &mut SqliteConnection, table: &str) -> Result<String, StoreError> {
    let query = sqlx::query_scalar(COLUMNS).bind(table);
    let columns: Vec<String> = query.fetch_all(change).await.map_err(StoreError::Read)?;
    let kept = columns.iter().filter(|name| *name != NOT_KEPT);
    let parts: Vec<String> = kept.map(|name| format!("'{name}', \"{name}\"")).collect();
    Ok(format!("json_object({})", parts.join(", ")))
}

/// The edits of a row, the latest first; only those before `before`, if it is given.
///
/// # Errors
/// When the database fails.
pub async fn of_row(
    database: &Database,
    (table, row_id): (&str, i64),
    (before, limit): (Option<i64>, u32),
) -> Result<Vec<Entry>, StoreError> {
    let sql = format!(
        "SELECT {ENTRY} WHERE noun = ?1 AND row_id = ?2 AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?4"
    );
    let query =
        sqlx::query_as(AssertSqlSafe(sql)).bind(table).bind(row_id).bind(before).bind(limit);
    let rows: Vec<Row> = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    Ok(rows.into_iter().map(entry).collect())
}

/// The latest edits of all rows of a table, the latest first; with a community, of the rows that say they belong to it;
/// for who does not reach everything, those of rows that are shown to them as they stand now.
///
/// # Errors
/// When the database fails.
pub async fn of_table(
    database: &Database,
    (table, kind, community): (&str, Kind, Option<u32>),
    within: (Reach, Place),
    (before, limit): (Option<i64>, u32),
) -> Result<Vec<Entry>, StoreError> {
    let of =
        "noun = ?1 AND id < ?2 AND (?4 IS NULL OR coalesce(after, before) ->> 'community_id' = ?4)";
    let which = match shown_ids_sql(kind, within, 0) {
        None => of.to_owned(),
        // Those rows may have few edits among many of others.
        Some(ids) => format!(
            "id IN (SELECT id FROM history INDEXED BY history_by_row
                WHERE row_id IN ({ids}) AND {of} ORDER BY id DESC LIMIT ?3)"
        ),
    };
    let sql = format!("SELECT {ENTRY} WHERE {which} ORDER BY id DESC LIMIT ?3");
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(table);
    let query = query.bind(before.unwrap_or(i64::MAX)).bind(limit).bind(community);
    let rows: Vec<Row> = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    Ok(rows.into_iter().map(entry).collect())
}

/// One edit.
///
/// # Errors
/// When the database fails.
pub async fn one(connection: &mut SqliteConnection, id: i64) -> Result<Option<Entry>, StoreError> {
    let sql = format!("SELECT {ENTRY} WHERE id = ?1");
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(id);
    let row: Option<Row> = query.fetch_optional(connection).await.map_err(StoreError::Read)?;
    Ok(row.map(entry))
}

/// One edit, read outside of a change.
///
/// # Errors
/// When the database fails.
pub async fn read(database: &Database, id: i64) -> Result<Option<Entry>, StoreError> {
    let mut connection = database.reader().acquire().await.map_err(StoreError::Read)?;
    one(&mut connection, id).await
}

/// Erases edits that are older, and which of them were one change. Returns how many.
///
/// # Errors
/// When the database fails; what was erased until then is gone.
pub async fn erase_before(database: &Database, limit: Timestamp) -> Result<u64, StoreError> {
    let mut erased = 0;
    loop {
        let mut change = database.write().await?;
        let query = sqlx::query(ERASE).bind(limit.as_microsecond()).bind(ERASE_CHUNK);
        let done = query.execute(&mut *change).await.map_err(StoreError::Write)?.rows_affected();
        change.commit().await.map_err(StoreError::Write)?;
        erased += done;
        if done < ERASE_CHUNK.into() {
            break;
        }
    }
    let mut change = database.write().await?;
    let query = sqlx::query(ERASE_CHANGES).bind(limit.as_microsecond());
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(erased)
}
