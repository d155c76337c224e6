//! Undoes a change of many rows, such as an import, if every row is still what the change made of it.
//!
//! What has no history does not come back with a row that was removed: PINs, evidence on numbers, old holders of a post.

use crate::store::audit::{Editor, ImportedRows};
use crate::store::history::changes::{self, Change, ChangeKind, NewChange, SECRETS};
use crate::store::history::{self, Before, Entry};
use crate::store::nouns::Kind;
use crate::store::reach::{self, Reach};
use crate::store::snapshot::count_edit;
use crate::store::{StoreError, below, roster};
use lianfang_domain::id::CommunityId;
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};

/// The tables that changes touch, parents first.
const TABLES: [&str; 13] = [
    "street",
    "community",
    "grid",
    "household_group",
    "household",
    "line",
    "contact",
    "worker",
    "duty_post",
    "responder",
    "duty_shift",
    "duty_override",
    "duty_swap",
];
/// Rows that are written by one statement.
const ROWS_AT_ONCE: usize = 1000;
/// Two lines may swap their numbers, which must never be equal in between.
const FREE_NUMBERS: &str = "UPDATE line SET number_key = 'moving:' || id
    WHERE id IN (SELECT value ->> '$.id' FROM json_each(?1))";
/// A helper may leave a household that goes, and any responder a grid.
const FREE_HELPERS: &str = "UPDATE responder SET household_id = NULL, grid_id = NULL
    WHERE id IN (SELECT value FROM json_each(?1))";
const FORGET_SECRETS: &str =
    "DELETE FROM line_secret WHERE line_id IN (SELECT value ->> 0 FROM json_each(?1))";
const SET_SECRETS: &str = "INSERT INTO line_secret (line_id, algorithm, realm, ha1)
    SELECT l.value ->> 0, s.value ->> 0, s.value ->> 1, s.value ->> 2
    FROM json_each(?1) AS l, json_each(l.value, '$[1]') AS s
    WHERE EXISTS (SELECT 1 FROM line WHERE id = l.value ->> 0)";

/// Why a change is not undone.
#[derive(Debug, thiserror::Error)]
pub enum UndoChangeError {
    /// No change has this id, or some of its edits were erased.
    #[error("no such change, or it was erased")]
    NotFound,
    /// It was undone before, or a row was edited since, or made anew under its name.
    #[error("a row was edited since")]
    Changed,
    /// Others hang on what it added.
    #[error("others hang on what it added")]
    HasChildren,
    /// Some of its rows are now where whoever undoes reaches nothing.
    #[error("some of its rows are out of reach")]
    OutOfReach,
    /// The database failed; nothing was changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A row as a change left it and found it.
struct Edited {
    id: i64,
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
}

/// By table.
type ByTable = BTreeMap<String, Vec<Edited>>;

/// Makes all rows of a change again what they were before it. That is a change itself. `reach` is that of who undoes it.
///
/// # Errors
/// When there is no such change, a row was edited since or is out of reach, others hang on what it added, or the database
/// fails; nothing is changed then.
pub async fn undo_change(
    editor: &Editor<'_>,
    id: i64,
    reach: Reach,
) -> Result<(), UndoChangeError> {
    let mut change = editor.write().await?;
    let (known, mut edits) = read(&mut change, id).await?;
    let secrets = edits.remove(SECRETS).unwrap_or_default();
    if edits.keys().any(|table| !TABLES.contains(&table.as_str())) {
        return Err(UndoChangeError::NotFound);
    }
    let first = changes::begin(&mut change).await?;
    let mut was: BTreeMap<&str, Before> = BTreeMap::new();
    for (table, rows) in &edits {
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let now = history::look(&mut change, table, &ids).await?;
        check(rows, &now)?;
        was.insert(table, now);
    }
    let lines: Vec<i64> = secrets.iter().map(|row| row.id).collect();
    let secrets_were = changes::look_at_secrets(&mut change, &lines).await?;
    check(&secrets, &secrets_were)?;
    // A row may have moved since, or may come back elsewhere.
    within(&mut change, &edits, (reach, &lines)).await?;
    let impossible = roster::impossible(&mut change, &communities_of_roster(&edits)).await?;
    execute(&mut change, FORGET_SECRETS, &secrets_of(&secrets)).await?;
    write(&mut change, &edits).await?;
    execute(&mut change, SET_SECRETS, &secrets_of(&secrets)).await?;
    within(&mut change, &edits, (reach, &lines)).await?;
    if !roster::made_impossible(&mut change, &impossible).await?.is_empty() {
        return Err(UndoChangeError::HasChildren);
    }
    for (table, was) in &was {
        history::keep(editor, &mut change, (table, was)).await?;
    }
    changes::keep_secrets(editor, &mut change, &secrets_were).await?;
    let rows = enter(editor, &mut change, (&edits, &lines)).await?;
    let new = NewChange { kind: ChangeKind::Undo, reach, first, rows };
    let by = changes::keep_change(editor, &mut change, new).await?;
    changes::keep_undone(&mut change, (known.id, by)).await?;
    change.commit().await.map_err(of_commit)
}

/// A change and its edits by table; all of them are there.
async fn read(
    change: &mut SqliteConnection,
    id: i64,
) -> Result<(Change, ByTable), UndoChangeError> {
    let known = changes::get(change, id).await?.ok_or(UndoChangeError::NotFound)?;
    if known.undone_by.is_some() {
        return Err(UndoChangeError::Changed);
    }
    let entries = changes::entries(change, &known).await?;
    let (first, last) = known.edits;
    if i64::try_from(entries.len()).ok() != last.checked_sub(first).map(|more| more + 1) {
        return Err(UndoChangeError::NotFound);
    }
    let mut edits = ByTable::new();
    for Entry { noun, row_id: id, before, after, .. } in entries {
        edits.entry(noun).or_default().push(Edited { id, before, after });
    }
    Ok((known, edits))
}

/// Whether all rows are what the change made of them.
fn check(rows: &[Edited], now: &Before) -> Result<(), UndoChangeError> {
    let is_as_left = |row: &Edited| {
        let now = now.get(&row.id).and_then(Option::as_deref);
        now.and_then(|now| serde_json::from_str::<Map<String, Value>>(now).ok()) == row.after
    };
    if rows.iter().all(is_as_left) { Ok(()) } else { Err(UndoChangeError::Changed) }
}

/// Whether all rows that are there now are where somebody may change them.
async fn within(
    change: &mut SqliteConnection,
    edits: &ByTable,
    (reach, lines): (Reach, &[i64]),
) -> Result<(), UndoChangeError> {
    if reach == Reach::Everything {
        return Ok(());
    }
    let ids = |rows: &Vec<Edited>| rows.iter().map(|row| row.id).collect();
    let tables = edits.iter().map(|(table, rows)| (Kind::of_table(table), ids(rows)));
    for (kind, ids) in tables.chain([(Some(Kind::Line), lines.to_vec())]) {
        let kind: Kind = kind.ok_or(UndoChangeError::NotFound)?;
        let ids: Vec<u32> = ids.into_iter().filter_map(|id: i64| u32::try_from(id).ok()).collect();
        for ids in ids.chunks(ROWS_AT_ONCE) {
            let places = reach::places_in(change, kind, ids).await?;
            if !places.into_values().all(|place| reach.covers(place)) {
                return Err(UndoChangeError::OutOfReach);
            }
        }
    }
    Ok(())
}

/// The communities whose rosters may not be possible any more.
fn communities_of_roster(edits: &ByTable) -> Vec<CommunityId> {
    let of_roster = ["worker", "duty_post", "duty_shift", "duty_override", "duty_swap"];
    let rows = of_roster.iter().filter_map(|table| edits.get(*table)).flatten();
    let rows = rows.flat_map(|row| [&row.before, &row.after]).flatten();
    let ids = rows.filter_map(|row| row.get("community_id")?.as_u64()?.try_into().ok());
    let ids: BTreeSet<CommunityId> = ids.map(CommunityId).collect();
    ids.into_iter().collect()
}

async fn write(change: &mut SqliteConnection, edits: &ByTable) -> Result<(), UndoChangeError> {
    let defer = sqlx::query("PRAGMA defer_foreign_keys = ON");
    defer.execute(&mut *change).await.map_err(StoreError::Write)?;
    let helpers = edits.get("responder").into_iter().flatten();
    let helpers: Vec<Value> = helpers.map(|row| json!(row.id)).collect();
    execute(change, FREE_HELPERS, &helpers).await?;
    let in_order = TABLES.iter().filter_map(|table| Some((*table, edits.get(*table)?)));
    for (table, rows) in in_order.clone().rev() {
        let added = rows.iter().filter(|row| row.before.is_none());
        let ids: Vec<i64> = added.map(|row| row.id).collect();
        // What the change made is gone by now: what is left was made by others.
        if !below::would_go(change, table, &ids).await?.is_empty() {
            return Err(UndoChangeError::HasChildren);
        }
        let ids: Vec<Value> = ids.into_iter().map(Value::from).collect();
        let sql = format!("DELETE FROM \"{table}\" WHERE id IN (SELECT value FROM json_each(?1))");
        execute(change, &sql, &ids).await?;
    }
    for (table, rows) in in_order {
        let of = |is_there: bool| -> Vec<Value> {
            let rows = rows.iter().filter(|row| row.after.is_some() == is_there);
            rows.filter_map(|row| Some(json!(row.before.as_ref()?))).collect()
        };
        let (changed, removed) = (of(true), of(false));
        let Some(Value::Object(sample)) = changed.first().or(removed.first()) else { continue };
        let columns: Vec<&String> = sample.keys().filter(|name| *name != "version").collect();
        let quoted: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
        let values: Vec<String> =
            columns.iter().map(|name| format!("r.value ->> '$.{name}'")).collect();
        let (quoted, values) = (quoted.join(", "), values.join(", "));
        if table == "line" {
            execute(change, FREE_NUMBERS, &changed).await?;
        }
        let update = format!(
            "UPDATE \"{table}\" SET ({quoted}) = ({values}), version = \"{table}\".version + 1
                FROM json_each(?1) AS r WHERE \"{table}\".id = r.value ->> '$.id'"
        );
        execute(change, &update, &changed).await?;
        let insert = format!(
            "INSERT INTO \"{table}\" ({quoted}, version)
                SELECT {values}, r.value ->> '$.version' + 1 FROM json_each(?1) AS r"
        );
        execute(change, &insert, &removed).await?;
    }
    Ok(())
}

/// The secrets of lines as they were.
fn secrets_of(lines: &[Edited]) -> Vec<Value> {
    let secrets = |row: &Edited| {
        let before = row.before.as_ref().and_then(|row| row.get("secrets"));
        json!([row.id, before.cloned().unwrap_or_else(|| json!([]))])
    };
    lines.iter().map(secrets).collect()
}

async fn execute(
    change: &mut SqliteConnection,
    sql: &str,
    rows: &[Value],
) -> Result<(), UndoChangeError> {
    for rows in rows.chunks(ROWS_AT_ONCE) {
        let query = sqlx::query(AssertSqlSafe(sql.to_owned())).bind(json!(rows).to_string());
        query.execute(&mut *change).await.map_err(of_write)?;
    }
    Ok(())
}

/// Another row has the name, number or account that one of the rows had: somebody made it anew.
fn of_write(error: sqlx::Error) -> UndoChangeError {
    let is_taken = error.as_database_error().is_some_and(|cause| cause.is_unique_violation());
    if is_taken { UndoChangeError::Changed } else { StoreError::Write(error).into() }
}

/// Counts the edit and enters it in the audit trail. How many rows were added, changed and removed.
async fn enter(
    editor: &Editor<'_>,
    change: &mut SqliteConnection,
    (edits, lines): (&ByTable, &[i64]),
) -> Result<[usize; 3], StoreError> {
    const ALL: &str = "SELECT id FROM community";
    // Every community is marked: that is read in a moment, and nothing is missed.
    let query = sqlx::query_scalar(ALL).fetch_all(&mut *change).await;
    let ids: Vec<u32> = query.map_err(StoreError::Read)?;
    let communities: Vec<CommunityId> = ids.into_iter().map(CommunityId).collect();
    let version = count_edit(change, &communities).await?;
    let mut counts = [0; 3];
    for (table, edited) in edits {
        let mut rows = ImportedRows::default();
        for row in edited {
            match (&row.before, &row.after) {
                (None, _) => rows.removed.push(row.id),
                (Some(_), None) => rows.added.push(row.id),
                (Some(_), Some(_)) => rows.changed.push(row.id),
            }
        }
        for (count, ids) in counts.iter_mut().zip([&rows.added, &rows.changed, &rows.removed]) {
            *count += ids.len();
        }
        editor.enter_rows(change, table, &rows).await?;
    }
    // A line may have a secret again and nothing else.
    let known: Vec<i64> = edits.get("line").into_iter().flatten().map(|row| row.id).collect();
    let changed = lines.iter().copied().filter(|line| !known.contains(line)).collect();
    let rows = ImportedRows { changed, ..ImportedRows::default() };
    editor.enter_rows(change, "line", &rows).await?;
    editor.enter_import(change, counts.iter().sum(), version).await?;
    Ok(counts)
}

fn of_commit(error: sqlx::Error) -> UndoChangeError {
    let is_child = error.as_database_error().is_some_and(|cause| cause.is_foreign_key_violation());
    if is_child { UndoChangeError::HasChildren } else { StoreError::Write(error).into() }
}
