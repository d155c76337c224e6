//! Edits that were made together, such as an import: one change of many rows, which is undone as a whole.
//!
//! The secrets of lines have no history of their own; what a change takes away of them is kept beside the rows, so that a
//! line that comes back can register again. They are never shown, and go with the history when it is old.

use super::{Before, Database, ENTRY, Editor, Entry, Row, StoreError, entry};
use crate::store::reach::Reach;
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// Under this name the secrets of lines are kept.
pub(crate) const SECRETS: &str = "line_secret";

const SECRETS_OF: &str =
    "(SELECT json_object('secrets', json_group_array(json_array(algorithm, realm, ha1)))
    FROM (SELECT * FROM line_secret WHERE line_id = b.value ->> 0 ORDER BY algorithm, realm))";
const NEXT: &str = "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'history'";
const LAST: &str = "SELECT coalesce(max(id), 0) FROM history";
const INSERT: &str = "INSERT INTO history_change
    (kind, at_us, who, why, reach, first_id, last_id, added, changed, removed)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING id";
const UNDONE: &str = "UPDATE history_change SET undone_by = ?2 WHERE id = ?1";
const CHANGE: &str = "SELECT id, kind, at_us, who, why, reach, first_id, last_id, added, changed, removed, undone_by FROM history_change";

/// What kind of change it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Files were imported.
    Import,
    /// Another change was undone.
    Undo,
}

impl ChangeKind {
    /// Its name in the database and the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Undo => "undo",
        }
    }
}

/// Edits that were made together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its id; later changes have greater ones.
    pub id: i64,
    /// What kind.
    pub kind: ChangeKind,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// Why, in their words.
    pub why: Option<String>,
    /// What whoever made it reached; none when that cannot be read.
    pub reach: Option<Reach>,
    /// Its first and last edit.
    pub(crate) edits: (i64, i64),
    /// Rows that were added, changed and removed.
    pub rows: [u64; 3],
    /// The change that undid it.
    pub undone_by: Option<i64>,
}

/// A change that is being made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewChange {
    pub(crate) kind: ChangeKind,
    pub(crate) reach: Reach,
    /// What [`begin`] gave.
    pub(crate) first: i64,
    /// Rows that were added, changed and removed.
    pub(crate) rows: [usize; 3],
}

type ChangeRow =
    (i64, String, i64, String, Option<String>, String, i64, i64, i64, i64, i64, Option<i64>);

fn read(row: ChangeRow) -> Change {
    let (id, kind, at_us, who, why, reach, first, last, added, changed, removed, undone_by) = row;
    Change {
        id,
        kind: if kind == ChangeKind::Undo.name() { ChangeKind::Undo } else { ChangeKind::Import },
        at: Timestamp::from_microsecond(at_us).unwrap_or_default(),
        who,
        why,
        reach: reach.parse().ok(),
        edits: (first, last),
        rows: [added, changed, removed].map(i64::unsigned_abs),
        undone_by,
    }
}

/// The id that the next edit gets, in the transaction that makes it.
pub(crate) async fn begin(change: &mut SqliteConnection) -> Result<i64, StoreError> {
    sqlx::query_scalar(NEXT).fetch_one(change).await.map_err(StoreError::Read)
}

/// Keeps that all edits since [`begin`] are one change. Its id; none when nothing was edited.
pub(crate) async fn keep_change(
    editor: &Editor<'_>,
    change: &mut SqliteConnection,
    new: NewChange,
) -> Result<Option<i64>, StoreError> {
    let last: i64 =
        sqlx::query_scalar(LAST).fetch_one(&mut *change).await.map_err(StoreError::Read)?;
    if last < new.first {
        return Ok(None);
    }
    let [added, changed, removed] = new.rows.map(|rows| i64::try_from(rows).unwrap_or(i64::MAX));
    let query = sqlx::query_scalar(INSERT)
        .bind(new.kind.name())
        .bind(editor.at.as_microsecond())
        .bind(editor.who)
        .bind(editor.why)
        .bind(new.reach.to_string())
        .bind(new.first)
        .bind(last)
        .bind(added)
        .bind(changed)
        .bind(removed);
    query.fetch_one(change).await.map(Some).map_err(StoreError::Write)
}

/// Keeps that a change was undone by another.
pub(crate) async fn keep_undone(
    change: &mut SqliteConnection,
    (id, by): (i64, Option<i64>),
) -> Result<(), StoreError> {
    let query = sqlx::query(UNDONE).bind(id).bind(by);
    query.execute(change).await.map(drop).map_err(StoreError::Write)
}

/// The secrets of lines before an edit.
pub(crate) async fn look_at_secrets(
    change: &mut SqliteConnection,
    lines: &[i64],
) -> Result<Before, StoreError> {
    let sql = format!("SELECT b.value ->> 0, {SECRETS_OF} FROM json_each(?1) AS b");
    let ids: Vec<[i64; 1]> = lines.iter().map(|&id| [id]).collect();
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(json!(ids).to_string());
    let rows: Vec<(i64, String)> = query.fetch_all(change).await.map_err(StoreError::Read)?;
    Ok(rows.into_iter().map(|(id, secrets)| (id, Some(secrets))).collect())
}

/// Keeps what the secrets of lines were and are, in the transaction of the edit.
pub(crate) async fn keep_secrets(
    editor: &Editor<'_>,
    change: &mut SqliteConnection,
    before: &Before,
) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO history (at_us, who, why, noun, row_id, before, after)
            SELECT ?1, ?2, ?3, '{SECRETS}', b.value ->> 0, b.value ->> 1, {SECRETS_OF} FROM json_each(?4) AS b"
    );
    let rows: Vec<Value> = before.iter().map(|(id, row)| json!([id, row])).collect();
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(editor.at.as_microsecond())
        .bind(editor.who)
        .bind(editor.why)
        .bind(json!(rows).to_string());
    query.execute(change).await.map(drop).map_err(StoreError::Write)
}

/// The edits of a change, the earliest first; fewer than it had when some were erased.
pub(crate) async fn entries(
    connection: &mut SqliteConnection,
    change: &Change,
) -> Result<Vec<Entry>, StoreError> {
    let sql = format!("SELECT {ENTRY} WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(change.edits.0).bind(change.edits.1);
    let rows: Vec<Row> = query.fetch_all(connection).await.map_err(StoreError::Read)?;
    Ok(rows.into_iter().map(entry).collect())
}

/// The latest changes, the latest first; only those before `before`, if it is given.
///
/// # Errors
/// When the database fails.
pub async fn list(
    database: &Database,
    (before, limit): (Option<i64>, u32),
) -> Result<Vec<Change>, StoreError> {
    let sql = format!("{CHANGE} WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2");
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(before).bind(limit);
    let rows: Vec<ChangeRow> =
        query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    Ok(rows.into_iter().map(read).collect())
}

/// One change, read outside of an edit.
///
/// # Errors
/// When the database fails.
pub async fn one(database: &Database, id: i64) -> Result<Option<Change>, StoreError> {
    let mut connection = database.reader().acquire().await.map_err(StoreError::Read)?;
    get(&mut connection, id).await
}

/// One change.
///
/// # Errors
/// When the database fails.
pub async fn get(connection: &mut SqliteConnection, id: i64) -> Result<Option<Change>, StoreError> {
    let query = sqlx::query_as(AssertSqlSafe(format!("{CHANGE} WHERE id = ?1"))).bind(id);
    let row: Option<ChangeRow> =
        query.fetch_optional(connection).await.map_err(StoreError::Read)?;
    Ok(row.map(read))
}

/// The changes that edits belong to, by the id of the edit.
///
/// # Errors
/// When the database fails.
pub async fn of_edits(
    database: &Database,
    edits: &[i64],
) -> Result<std::collections::BTreeMap<i64, i64>, StoreError> {
    const OF: &str = "SELECT b.value, (SELECT c.id FROM history_change AS c WHERE c.first_id <= b.value
        AND b.value <= c.last_id ORDER BY c.first_id DESC LIMIT 1) AS of FROM json_each(?1) AS b WHERE of IS NOT NULL";
    let query = sqlx::query_as(OF).bind(json!(edits).to_string());
    let rows: Vec<(i64, i64)> =
        query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    Ok(rows.into_iter().collect())
}
