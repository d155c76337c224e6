//! Writes what the comparison found, children out before their parents and in after them.

use super::compare::{Comparison, ROWS_AT_ONCE, TableChanges};
use super::holders;
use super::problem::{Problem, Problems, Reason};
use super::table::Noun;
use super::{ImportError, Progress};
use crate::store::StoreError;
use crate::store::audit::{Editor, ImportedRows};
use crate::store::history::changes::{self, ChangeKind, NewChange};
use crate::store::history::{self, Before};
use crate::store::reach::Reach;
use crate::store::roster;
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

/// Rows as they stand before the import, by table.
type Was = BTreeMap<&'static str, Before>;

/// Applies everything, or fails and leaves the transaction to be rolled back. The change that it is; none when no row of
/// the history differs.
pub(super) async fn apply(
    change: &mut SqliteConnection,
    comparison: &Comparison,
    (editor, reach, progress): (&Editor<'_>, Reach, &Progress),
) -> Result<Option<i64>, ImportError> {
    let first = changes::begin(change).await?;
    let rows = rows_of(&comparison.tables)?;
    progress.begin(rows.iter().map(Vec::len).sum::<usize>() * 2);
    let (mut was, with_secrets) = look(change, comparison).await?;
    let secrets_were = changes::look_at_secrets(change, &with_secrets).await?;
    let communities: Vec<CommunityId> = comparison.communities.iter().copied().collect();
    let impossible = roster::impossible(change, &communities).await?;
    let (below, shifts) = write(change, comparison, progress).await?;
    refuse_impossible(change, &impossible).await?;
    was.entry("duty_shift").or_default().extend(shifts.added.iter().map(|&id| (id, None)));
    for (table, was) in &was {
        history::keep(editor, change, (table, was)).await?;
        progress.step(was.len());
        progress.go_on()?;
    }
    changes::keep_secrets(editor, change, &secrets_were).await?;
    let version = count_edit(change, &communities).await?;
    // A line may have a new secret and nothing else.
    let lines: BTreeSet<i64> = comparison.secrets.iter().map(|secret| secret.0.into()).collect();
    let mut total = 0;
    for (noun, changes) in &comparison.tables {
        let mut rows = changes.rows()?;
        if *noun == Noun::Line {
            let known: BTreeSet<i64> = rows.added.iter().chain(&rows.changed).copied().collect();
            rows.changed.extend(lines.difference(&known));
        }
        total += rows.added.len() + rows.changed.len() + rows.removed.len();
        editor.enter_rows(change, noun.table().name, &rows).await?;
    }
    for (table, rows) in below.iter().chain([&("duty_shift", shifts)]) {
        total += rows.added.len() + rows.changed.len() + rows.removed.len();
        editor.enter_rows(change, table, rows).await?;
    }
    editor.enter_import(change, total, version).await?;
    let rows = rows.map(|ids| ids.len());
    let new = NewChange { kind: ChangeKind::Import, reach, first, rows };
    Ok(changes::keep_change(editor, change, new).await?)
}

/// Refuses what the API refuses: what no roster can have would be left out of it, and its posts would ring nobody.
async fn refuse_impossible(
    change: &mut SqliteConnection,
    before: &roster::Impossible,
) -> Result<(), ImportError> {
    let mut problems = Problems::default();
    for error in roster::made_impossible(change, before).await? {
        let (file, reason) = (Noun::Post.file(), Reason::Roster(error));
        problems.add(Problem { file, line: 1, column: None, reason });
    }
    if problems.total() == 0 { Ok(()) } else { Err(ImportError::Problems(problems)) }
}

/// The ids of all rows that are added, changed and removed.
fn rows_of(tables: &BTreeMap<Noun, TableChanges>) -> Result<[Vec<i64>; 3], ImportError> {
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for changes in tables.values() {
        let rows = changes.rows()?;
        for (all, rows) in all.iter_mut().zip([rows.added, rows.changed, rows.removed]) {
            all.extend(rows);
        }
    }
    Ok(all)
}

/// What is there before, and the lines whose secrets differ or go.
async fn look(
    change: &mut SqliteConnection,
    comparison: &Comparison,
) -> Result<(Was, Vec<i64>), ImportError> {
    let mut was = Was::new();
    let mut lines: BTreeSet<i64> =
        comparison.secrets.iter().map(|secret| secret.0.into()).collect();
    for (noun, changes) in &comparison.tables {
        let rows = changes.rows()?;
        if *noun == Noun::Line {
            lines.extend(&rows.removed);
        }
        let ids = [rows.added, rows.changed, rows.removed].concat();
        was.insert(noun.table().name, history::look(change, noun.table().name, &ids).await?);
    }
    let posts = comparison.tables.get(&Noun::Post).map_or(&[][..], |changes| &changes.removed);
    for (table, mut ids) in holders::below(change, posts).await? {
        if table == "duty_shift" {
            ids.extend(holders::changed(&comparison.holdings));
        }
        was.insert(table, history::look(change, table, &ids).await?);
    }
    Ok((was, lines.into_iter().collect()))
}

/// Rows of tables that no file has.
type OtherRows = Vec<(&'static str, ImportedRows)>;

/// Writes the rows: what was removed below posts, and the shifts.
async fn write(
    change: &mut SqliteConnection,
    comparison: &Comparison,
    progress: &Progress,
) -> Result<(OtherRows, ImportedRows), ImportError> {
    let Comparison { tables, secrets, holdings, .. } = comparison;
    // A line may leave a household that is removed before the line is changed.
    let defer = sqlx::query("PRAGMA defer_foreign_keys = ON");
    defer.execute(&mut *change).await.map_err(StoreError::Write)?;
    let posts = tables.get(&Noun::Post).map_or(&[][..], |changes| &changes.removed);
    let below = holders::remove_below(change, posts).await?;
    if let Some(helpers) = tables.get(&Noun::Responder) {
        execute(change, FREE_HELPERS, &helpers.changed).await?;
    }
    for noun in Noun::ALL.into_iter().rev() {
        let Some(changes) = tables.get(&noun) else { continue };
        let rows: Vec<String> = changes.removed.iter().map(u32::to_string).collect();
        execute(change, &noun.table().delete(), &rows).await?;
        progress.step(rows.len());
        progress.go_on()?;
    }
    for (noun, changes) in tables {
        if *noun == Noun::Line {
            execute(change, FREE_NUMBERS, &changes.changed).await?;
        }
        // What changes first: it may give up the number of a row that is new.
        execute(change, &noun.table().update(), &changes.changed).await?;
        execute(change, &noun.table().insert(), &changes.added).await?;
        progress.step(changes.changed.len() + changes.added.len());
        progress.go_on()?;
    }
    let shifts = holders::apply(change, holdings).await?;
    let secrets: Vec<String> = secrets.iter().map(|secret| json!(secret).to_string()).collect();
    execute(change, SECRETS, &secrets).await?;
    Ok((below, shifts))
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
