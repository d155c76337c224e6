//! Who holds a post round the clock, every day: the one kind of shift that fits in a cell. All others are made over the API;
//! files neither show nor change them.

use super::file::{Cells, list};
use super::known::Known;
use super::problem::Reason;
use super::{ImportError, JsonFault};
use crate::store::StoreError;
use crate::store::audit::ImportedRows;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::collections::BTreeMap;

/// Whether a shift, `d`, is held by the same people every day of any kind from midnight to midnight.
macro_rules! is_round_the_clock {
    () => {
        "(d.rotation_id IS NULL AND json_array_length(d.weekdays) = 7 AND json_array_length(d.day_kinds) = 3
            AND d.starts = '00:00:00' AND d.ends = '00:00:00' AND d.days_later = 1
            AND d.first_day IS NULL AND d.last_day IS NULL)"
    };
}
pub(super) use is_round_the_clock;

const SHIFTS: &str = concat!(
    "SELECT json_group_array(json_array(d.post_id, d.id, ",
    is_round_the_clock!(),
    ", json(d.worker_ids))) FROM duty_shift AS d"
);
const INSERT: &str = r#"INSERT INTO duty_shift
    (community_id, post_id, worker_ids, weekdays, day_kinds, starts, ends, days_later)
    VALUES (?1, ?2, ?3, '["monday","tuesday","wednesday","thursday","friday","saturday","sunday"]',
        '["workday","rest_day","holiday"]', '00:00:00', '00:00:00', 1) RETURNING id"#;
const UPDATE: &str =
    "UPDATE duty_shift SET worker_ids = ?2, version = version + 1 WHERE id = ?1 RETURNING id";
/// What hangs below a post, in tables of its own.
const BELOW: [(&str, &str); 3] = [
    ("duty_shift", "post_id IN (SELECT value FROM json_each(?1))"),
    ("duty_override", "post_id IN (SELECT value FROM json_each(?1))"),
    (
        "duty_swap",
        "(gives_post_id IN (SELECT value FROM json_each(?1)) OR takes_post_id IN (SELECT value FROM json_each(?1)))",
    ),
];
/// Workers who may hold a post at once, as the API has it.
const HOLDERS_MAX: usize = 64;

/// A post that somebody is to hold round the clock.
#[derive(Debug)]
pub(super) struct Holding {
    community: u32,
    post: u32,
    /// The shift that changes; none makes a new one.
    shift: Option<u32>,
    workers: Vec<u32>,
}

/// The shifts of the database, and what is to change.
#[derive(Debug, Default)]
pub(super) struct Held {
    by_post: BTreeMap<u32, Vec<StoredShift>>,
    changes: Vec<Holding>,
}

#[derive(Debug)]
struct StoredShift {
    id: u32,
    is_round_the_clock: bool,
    workers: Vec<u32>,
}

impl Held {
    pub(super) async fn read(change: &mut SqliteConnection) -> Result<Self, ImportError> {
        let text: String =
            sqlx::query_scalar(SHIFTS).fetch_one(change).await.map_err(StoreError::Read)?;
        let rows: Vec<(u32, u32, u8, Value)> = serde_json::from_str(&text).map_err(|error| {
            ImportError::Decode { table: "duty_shift", source: JsonFault::from(error) }
        })?;
        let mut held = Self::default();
        for (post, id, is_round_the_clock, workers) in rows {
            let workers = serde_json::from_value(workers).unwrap_or_default();
            let shift = StoredShift { id, is_round_the_clock: is_round_the_clock == 1, workers };
            held.by_post.entry(post).or_default().push(shift);
        }
        Ok(held)
    }

    /// Compares the cell of a post with its shifts. Whether something changes.
    pub(super) fn compare(
        &mut self,
        (post, community): (u32, u32),
        cells: &mut Cells<'_>,
        known: &Known,
    ) -> bool {
        let names = list(cells.get("workers"));
        if names.is_empty() {
            return false;
        }
        let workers: Option<Vec<u32>> =
            names.iter().map(|name| known.worker(community, name)).collect();
        let Some(workers) = workers else {
            cells.fail("workers", Reason::Unknown);
            return false;
        };
        if HOLDERS_MAX < workers.len() {
            cells.fail("workers", Reason::Holders(HOLDERS_MAX));
            return false;
        }
        let shift = match self.by_post.get(&post).map_or(&[][..], Vec::as_slice) {
            [] => None,
            [shift] if shift.is_round_the_clock => {
                if shift.workers == workers {
                    return false;
                }
                Some(shift.id)
            }
            _ => {
                cells.fail("workers", Reason::HasShifts);
                return false;
            }
        };
        self.changes.push(Holding { community, post, shift, workers });
        true
    }

    /// What changes.
    pub(super) fn changes(&self) -> &[Holding] {
        &self.changes
    }

    pub(super) fn into_changes(self) -> Vec<Holding> {
        self.changes
    }
}

/// What hangs below posts that are removed: the rows, by table.
pub(super) async fn below(
    change: &mut SqliteConnection,
    posts: &[u32],
) -> Result<Vec<(&'static str, Vec<i64>)>, ImportError> {
    let posts = json!(posts).to_string();
    let mut found = Vec::new();
    for (table, condition) in BELOW {
        let sql = format!("SELECT id FROM {table} WHERE {condition}");
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&posts);
        found.push((table, query.fetch_all(&mut *change).await.map_err(StoreError::Read)?));
    }
    Ok(found)
}

/// The shifts that change.
pub(super) fn changed(holdings: &[Holding]) -> impl Iterator<Item = i64> {
    holdings.iter().filter_map(|holding| holding.shift.map(i64::from))
}

/// Takes away what hangs below posts that are removed. The rows, by table.
pub(super) async fn remove_below(
    change: &mut SqliteConnection,
    posts: &[u32],
) -> Result<Vec<(&'static str, ImportedRows)>, ImportError> {
    let mut removed = Vec::new();
    if posts.is_empty() {
        return Ok(removed);
    }
    let posts = json!(posts).to_string();
    for (table, condition) in BELOW {
        let sql = format!("DELETE FROM {table} WHERE {condition} RETURNING id");
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&posts);
        let rows: Vec<i64> = query.fetch_all(&mut *change).await.map_err(StoreError::Write)?;
        let rows = ImportedRows { added: Vec::new(), changed: Vec::new(), removed: rows };
        removed.push((table, rows));
    }
    Ok(removed)
}

/// Writes the shifts. Which there are.
pub(super) async fn apply(
    change: &mut SqliteConnection,
    holdings: &[Holding],
) -> Result<ImportedRows, ImportError> {
    let mut rows = ImportedRows { added: Vec::new(), changed: Vec::new(), removed: Vec::new() };
    for Holding { community, post, shift, workers } in holdings {
        let workers = json!(workers).to_string();
        let written = match shift {
            Some(shift) => {
                let query = sqlx::query_scalar(UPDATE).bind(shift).bind(workers);
                (query.fetch_one(&mut *change).await, &mut rows.changed)
            }
            None => {
                let query = sqlx::query_scalar(INSERT).bind(community).bind(post).bind(workers);
                (query.fetch_one(&mut *change).await, &mut rows.added)
            }
        };
        let (id, into): (Result<i64, sqlx::Error>, &mut Vec<i64>) = written;
        into.push(id.map_err(StoreError::Write)?);
    }
    Ok(rows)
}
