//! Writes what the comparison found, children out before their parents and in after them.

use super::ImportError;
use super::compare::{Comparison, ROWS_AT_ONCE, TableChanges};
use super::holders;
use super::table::Noun;
use crate::store::StoreError;
use crate::store::audit::{Editor, ImportedRows};
use crate::store::history;
use crate::store::snapshot::count_edit;
use lianfang_domain::id::CommunityId;
use serde::de::IgnoredAny;
use serde_json::json;
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};

/// Two lines may swap their numbers, which must never be equal in between.
const FREE_NUMBERS: &str = "UPDATE line SET number_key = 'moving:' || id
    WHERE id IN (SELECT value ->> 0 FROM json_each(?1))";
/// A helper may leave a household that is removed, which takes its helpers along.
const FREE_HELPERS: &str = "UPDATE responder SET household_id = NULL
    WHERE id IN (SELECT value ->> 0 FROM json_each(?1))";
const SECRETS: &str = "INSERT INTO line_secret (line_id, realm, algorithm, ha1)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1) WHERE true
    ON CONFLICT (line_id, algorithm, realm) DO UPDATE SET ha1 = excluded.ha1";

/// Applies everything, or fails and leaves the transaction to be rolled back.
pub(super) async fn apply(
    change: &mut SqliteConnection,
    comparison: Comparison,
    editor: &Editor<'_>,
) -> Result<(), ImportError> {
    let Comparison { tables, secrets, communities, holdings } = comparison;
    // A line may leave a household that is removed before the line is changed.
    let defer = sqlx::query("PRAGMA defer_foreign_keys = ON");
    defer.execute(&mut *change).await.map_err(StoreError::Write)?;
    let mut was = BTreeMap::new();
    for (noun, changes) in &tables {
        let rows = changes.rows()?;
        let ids = [rows.added, rows.changed, rows.removed].concat();
        was.insert(noun.table().name, history::look(change, noun.table().name, &ids).await?);
    }
    let posts = tables.get(&Noun::Post).map_or(&[][..], |changes| &changes.removed);
    let below = holders::remove_below(change, posts).await?;
    if let Some(helpers) = tables.get(&Noun::Responder) {
        execute(change, FREE_HELPERS, &helpers.changed).await?;
    }
    for noun in Noun::ALL.into_iter().rev() {
        let Some(changes) = tables.get(&noun) else { continue };
        let rows: Vec<String> = changes.removed.iter().map(u32::to_string).collect();
        execute(change, &noun.table().delete(), &rows).await?;
    }
    for (noun, changes) in &tables {
        if *noun == Noun::Line {
            execute(change, FREE_NUMBERS, &changes.changed).await?;
        }
        // What changes first: it may give up the number of a row that is new.
        execute(change, &noun.table().update(), &changes.changed).await?;
        execute(change, &noun.table().insert(), &changes.added).await?;
    }
    let shifts = holders::apply(change, &holdings).await?;
    let with_secrets: BTreeSet<u32> = secrets.iter().map(|secret| secret.0).collect();
    let secrets: Vec<String> = secrets.iter().map(|secret| json!(secret).to_string()).collect();
    execute(change, SECRETS, &secrets).await?;
    for (table, was) in &was {
        history::keep(editor, change, (table, was)).await?;
    }
    let communities: Vec<CommunityId> = communities.into_iter().collect();
    let version = count_edit(change, &communities).await?;
    // A line may have a new secret and nothing else.
    let lines = with_secrets.iter().copied().map(i64::from);
    let mut total = 0;
    for (noun, changes) in &tables {
        let mut rows = changes.rows()?;
        if *noun == Noun::Line {
            let known: BTreeSet<i64> = rows.added.iter().chain(&rows.changed).copied().collect();
            rows.changed.extend(lines.clone().filter(|line| !known.contains(line)));
        }
        total += rows.added.len() + rows.changed.len() + rows.removed.len();
        editor.enter_rows(change, noun.table().name, &rows).await?;
    }
    for (table, rows) in below.iter().chain([&("duty_shift", shifts)]) {
        total += rows.added.len() + rows.changed.len() + rows.removed.len();
        editor.enter_rows(change, table, rows).await?;
    }
    editor.enter_import(change, total, version).await?;
    Ok(())
}

impl TableChanges {
    /// The ids of the rows, for the audit trail.
    fn rows(&self) -> Result<ImportedRows, ImportError> {
        let ids = |rows: &[String]| {
            let ids = rows.iter().map(|row| {
                let (id, ..): (i64, IgnoredAny, IgnoredAny, IgnoredAny) =
                    serde_json::from_str(row)?;
                Ok(id)
            });
            ids.collect::<Result<Vec<i64>, serde_json::Error>>()
        };
        let decode = |source: serde_json::Error| ImportError::Decode {
            table: "rows of the import",
            source: source.into(),
        };
        Ok(ImportedRows {
            added: ids(&self.added).map_err(decode)?,
            changed: ids(&self.changed).map_err(decode)?,
            removed: self.removed.iter().copied().map(i64::from).collect(),
        })
    }
}

async fn execute(
    change: &mut SqliteConnection,
    sql: &str,
    rows: &[String],
) -> Result<(), ImportError> {
    for rows in rows.chunks(ROWS_AT_ONCE as usize) {
        let query =
            sqlx::query(AssertSqlSafe(sql.to_owned())).bind(format!("[{}]", rows.join(",")));
        query.execute(&mut *change).await.map_err(StoreError::Write)?;
    }
    Ok(())
}
