//! A commit that goes as it should, in one trip to the connection. For each statement by itself, the thread of the database
//! and that of the alarms wake each other several times: on a quiet evening that takes longer than the statements.
//!
//! Here nothing is looked at: what is not as it should be fails its statement, and nothing of the commit stays. Then
//! [`commit`](super::commit) takes it row by row, and knows what to do with each.

use super::beginning::BEGINNINGS;
use super::commit::{CLOSE, FOLLOW, Failure, Written, json};
use super::record::Record;
use crate::store::audit::{Head, head_or_none, links};
use crate::store::rows::{Batch, Cell, Insert};
use crate::store::{Database, SQLITE_ERROR, primary_code};
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection};
use std::sync::LazyLock;

/// More records are taken row by row: they share the trips that it makes, and the texts here stay few and short.
const RECORDS_MAX: usize = 16;
/// Fails unless so many rows were changed by the statement before it.
const ALL_CHANGED: &str = "SELECT 1 WHERE json(iif(changes() = ?, '0', 'not as many'))";
static OPEN: LazyLock<Insert<5>> =
    LazyLock::new(|| Insert::new("alarm (id, line_id, raised_us, closed_us, idempotency_key)", ""));
static EVENTS: LazyLock<Insert<5>> = LazyLock::new(|| {
    Insert::new("alarm_event (alarm_id, sequence, at_us, schema_version, event)", "")
});
static PLANS: LazyLock<Insert<4>> =
    LazyLock::new(|| Insert::new("alarm_plan (alarm_id, revision, plan, salt)", ""));

/// What became of a commit that was tried at once.
#[derive(Debug)]
pub(super) enum Tried {
    /// It is durable, and this entry is the newest of the trail.
    Committed(Head),
    /// Something is not as it should be, or it is too large: nothing of it was kept.
    Unusual,
}

/// Commits new records and their entries in the audit trail, if they are as they should be. `head` is the newest entry as
/// far as it is known: when it is not that any more, the trail refuses what is put behind it.
pub(super) async fn commit(
    database: &Database,
    records: &[&Record],
    head: Option<Head>,
) -> Result<Tried, sqlx::Error> {
    if RECORDS_MAX < records.len() {
        return Ok(Tried::Unusual);
    }
    let mut held = Held::new(database.writer.acquire().await?);
    let head = match head {
        Some(head) => Ok(head),
        None => head_or_none(held.connection()).await,
    };
    let batch = head.map_err(Failure::Trail).and_then(|head| batch(records, head));
    let Ok(Some((batch, head))) = batch else { return Ok(Tried::Unusual) };
    held.is_within = true;
    let ran = batch.run(held.connection()).await;
    if ran.is_err() {
        held.roll_back().await?;
    }
    held.is_within = false;
    match ran {
        Ok(()) => Ok(Tried::Committed(head)),
        // Nobody can write: the other way would wait as long again.
        Err(error) if crate::store::is_busy(&error) => Err(error),
        Err(_) => Ok(Tried::Unusual),
    }
}

/// The statements, and the newest entry after them; `None` when they do not fit.
fn batch(records: &[&Record], head: Head) -> Result<Option<(Batch, Head)>, Failure> {
    let written: Vec<Written<'_>> =
        records.iter().map(|record| Written::new(record, true)).collect::<Result<_, Failure>>()?;
    let chained: Vec<_> = written.iter().map(Written::chained).collect();
    let links = links(head, &chained);

    let openings: Vec<_> = records.iter().filter_map(|record| opening(record)).collect();
    let events: Vec<_> = written.iter().flat_map(Written::events).collect();
    let plans: Vec<_> = written.iter().filter_map(Written::plan).collect();
    let beginnings: Vec<_> = records.iter().filter_map(|record| record.beginning_row()).collect();

    let mut batch = Batch::default();
    batch.statement("BEGIN IMMEDIATE", &[])?;
    close(&mut batch, records)?;
    follow(&mut batch, records)?;
    let fits = batch.insert(&OPEN, &openings)?
        && batch.insert(&EVENTS, &events)?
        && batch.insert(&PLANS, &plans)?
        && batch.insert(&BEGINNINGS, &beginnings)?
        && links.join(&mut batch)?;
    batch.statement("COMMIT", &[])?;
    Ok(fits.then(|| (batch, links.last())))
}

/// Ends alarms that were open before: the next alarm of the line may begin here, too.
fn close(batch: &mut Batch, records: &[&Record]) -> Result<(), sqlx::Error> {
    let ended = |record: &&Record| Some((record.alarm_key(), record.closed_us?));
    let ended: Vec<(i64, i64)> = records.iter().filter_map(ended).collect();
    if ended.is_empty() {
        return Ok(());
    }
    let count = i64::try_from(ended.len()).unwrap_or(i64::MAX);
    batch.statement(CLOSE, &[Cell::Text(&json(&ended)?)])?;
    batch.statement(ALL_CHANGED, &[Cell::Number(count)])
}

/// Alarms that are followed by another give up the place of their line.
fn follow(batch: &mut Batch, records: &[&Record]) -> Result<(), sqlx::Error> {
    let openings = records.iter().filter_map(|record| record.opened.as_ref());
    let followed: Vec<i64> = openings.filter_map(|opened| opened.follows).collect();
    match followed.is_empty() {
        true => Ok(()),
        false => batch.statement(FOLLOW, &[Cell::Text(&json(&followed)?)]),
    }
}

fn opening(record: &Record) -> Option<[Cell<'_>; 5]> {
    let opened = record.opened.as_ref()?;
    let [alarm, line, raised] =
        [record.alarm_key(), opened.line.into(), opened.raised_us].map(Cell::Number);
    Some([alarm, line, raised, Cell::Nothing, Cell::Text(&opened.idempotency_key)])
}

/// The writing connection; given up, and so rolled back, when it is dropped within a transaction. A database in memory goes
/// with it: it happens only when the process ends or the connection is broken.
struct Held {
    connection: PoolConnection<Sqlite>,
    is_within: bool,
}

impl Held {
    fn new(connection: PoolConnection<Sqlite>) -> Self {
        Self { connection, is_within: false }
    }

    fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Rolls back what failed, unless SQLite has done so itself.
    async fn roll_back(&mut self) -> Result<(), sqlx::Error> {
        match sqlx::query("ROLLBACK").execute(self.connection()).await {
            Err(error) if primary_code(&error) != Some(SQLITE_ERROR) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_within {
            self.connection.close_on_drop();
        }
    }
}

#[cfg(test)]
mod tests;
