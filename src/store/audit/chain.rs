//! Appending to a chain, in the transaction of what is entered, and reading it page by page.

use super::Chain;
use super::entry::{Entry, Hash, Head, NewEntry};
use crate::store::rows::{Batch, Cell, Insert};
use crate::store::{Database, StoreError};
use jiff::Timestamp;
use lianfang_domain::id::AlarmId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::sync::LazyLock;

/// Longest page.
const PAGE_MAX: u32 = 1000;

macro_rules! columns {
    () => {
        "sequence, at_us, actor, action, noun, row_id, number, count, content, previous_hash, hash"
    };
}
const HEAD: &str = "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1";
static APPEND: LazyLock<Insert<11>> =
    LazyLock::new(|| Insert::new(concat!("audit (", columns!(), ")"), ""));
const PAGE: &str =
    concat!("SELECT ", columns!(), " FROM audit WHERE ?1 < sequence ORDER BY sequence LIMIT ?2");
const FILTERED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM audit WHERE ?1 < sequence AND (?3 IS NULL OR noun = ?3) AND (?4 IS NULL OR row_id = ?4)
        AND (?5 IS NULL OR actor = ?5) AND (?6 IS NULL OR ?6 <= at_us) AND (?7 IS NULL OR at_us < ?7)
        ORDER BY sequence LIMIT ?2"
);
const READS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM audit WHERE row_id = ?1 AND noun = 'alarm' AND action = 'read' ORDER BY sequence LIMIT ?2"
);
const OF_ROW: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM audit WHERE row_id = ?1 AND ?2 < sequence ORDER BY sequence LIMIT ?3"
);

/// The newest entry, as the connection sees it; `None` when there is none.
///
/// # Errors
/// When the database fails.
pub async fn head_on(connection: &mut SqliteConnection) -> Result<Option<Head>, sqlx::Error> {
    let head = place_on(connection).await?;
    Ok((0 < head.sequence).then_some(head))
}

/// What the next entry follows; before the first one, nothing at 0.
pub(in crate::store) async fn place_on(
    connection: &mut SqliteConnection,
) -> Result<Head, sqlx::Error> {
    let Some(row) = sqlx::query(HEAD).fetch_optional(connection).await? else {
        return Ok(Head { sequence: 0, hash: Hash::NONE });
    };
    Ok(Head { sequence: sequence(&row)?, hash: hash(&row, "hash")? })
}

/// The newest entry; `None` when there is none.
///
/// # Errors
/// When the database fails.
pub async fn head(database: &Database) -> Result<Option<Head>, StoreError> {
    let mut reader = database.reader().acquire().await.map_err(StoreError::Read)?;
    head_on(&mut reader).await.map_err(StoreError::Read)
}

/// Entries with their places behind the newest one.
pub(in crate::store) struct Links<'a> {
    entries: Vec<NewEntry<'a>>,
    /// Of each, its own place and the hash before it.
    places: Vec<(Head, Hash)>,
    last: Head,
}

impl<'a> Links<'a> {
    pub(super) fn new(chain: Chain, after: Head, entries: Vec<NewEntry<'a>>) -> Self {
        let mut last = after;
        let places = entries.iter().map(|entry| {
            let own =
                Head { sequence: last.sequence.saturating_add(1), hash: entry.hash(chain, last) };
            (own, std::mem::replace(&mut last, own).hash)
        });
        let places = places.collect();
        Self { entries, places, last }
    }

    /// What the next entry follows.
    pub(in crate::store) fn last(&self) -> Head {
        self.last
    }

    /// Adds the entries to a batch. False when they are more than it takes.
    pub(in crate::store) fn join(&self, batch: &mut Batch) -> Result<bool, sqlx::Error> {
        batch.insert(&APPEND, &self.rows())
    }

    fn rows(&self) -> Vec<[Cell<'_>; 11]> {
        self.entries.iter().zip(&self.places).map(row).collect()
    }
}

/// Appends entries behind the newest one.
pub(super) async fn append(
    change: &mut SqliteConnection,
    chain: Chain,
    entries: Vec<NewEntry<'_>>,
) -> Result<(), sqlx::Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let links = Links::new(chain, place_on(change).await?, entries);
    APPEND.run(change, &links.rows()).await.map(drop)
}

/// The row of an entry with its own place and the hash before it.
fn row<'a>((entry, (own, previous)): (&'a NewEntry<'_>, &'a (Head, Hash))) -> [Cell<'a>; 11] {
    let NewEntry { at_us, actor, action, noun, row_id, number, count, content } = entry;
    [
        Cell::Number(own.sequence.cast_signed()),
        Cell::Number(*at_us),
        Cell::Text(actor),
        Cell::Text(action.name()),
        Cell::Text(noun),
        Cell::Number(*row_id),
        Cell::Number(*number),
        Cell::Number(*count),
        content.as_ref().map_or(Cell::Nothing, |hash| Cell::Bytes(&hash.0)),
        Cell::Bytes(&previous.0),
        Cell::Bytes(&own.hash.0),
    ]
}

/// The entries after this sequence, at most `limit` and 1,000.
///
/// # Errors
/// When the database fails.
pub async fn entries_after(
    database: &Database,
    after: u64,
    limit: u32,
) -> Result<Vec<Entry>, StoreError> {
    let mut reader = database.reader().acquire().await.map_err(StoreError::Read)?;
    entries_on(&mut reader, after, limit).await.map_err(StoreError::Read)
}

/// Which entries are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct EntryFilter<'a> {
    /// Only those about this noun.
    pub noun: Option<&'a str>,
    /// Only those about this row.
    pub row_id: Option<i64>,
    /// Only those by this one.
    pub actor: Option<&'a str>,
    /// Only those of this moment or later.
    pub from: Option<Timestamp>,
    /// Only those before this moment.
    pub to: Option<Timestamp>,
}

/// The entries after this sequence that are wanted, at most `limit` and 1,000.
///
/// # Errors
/// When the database fails.
pub async fn entries_of(
    database: &Database,
    filter: &EntryFilter<'_>,
    after: u64,
    limit: u32,
) -> Result<Vec<Entry>, StoreError> {
    let query = sqlx::query(FILTERED).bind(after.cast_signed()).bind(limit.min(PAGE_MAX));
    let query = query.bind(filter.noun).bind(filter.row_id).bind(filter.actor);
    let query = query.bind(filter.from.map(Timestamp::as_microsecond));
    let query = query.bind(filter.to.map(Timestamp::as_microsecond));
    let rows = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    rows.iter().map(entry).collect::<Result<_, _>>().map_err(StoreError::Read)
}

/// The entries after this sequence, as the connection sees them, at most `limit` and 1,000.
///
/// # Errors
/// When the database fails.
pub async fn entries_on(
    connection: &mut SqliteConnection,
    after: u64,
    limit: u32,
) -> Result<Vec<Entry>, sqlx::Error> {
    let query = sqlx::query(PAGE).bind(after.cast_signed()).bind(limit.min(PAGE_MAX));
    query.fetch_all(connection).await?.iter().map(entry).collect()
}

/// The entries after this sequence that are about rows with this id, at most `limit` and 1,000. In the chain of the
/// alarms, that is one alarm.
///
/// # Errors
/// When the database fails.
pub async fn entries_of_row(
    database: &Database,
    row_id: i64,
    after: u64,
    limit: u32,
) -> Result<Vec<Entry>, StoreError> {
    let query =
        sqlx::query(OF_ROW).bind(row_id).bind(after.cast_signed()).bind(limit.min(PAGE_MAX));
    let rows = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    rows.iter().map(entry).collect::<Result<_, _>>().map_err(StoreError::Read)
}

/// Who saw the personal data of an alarm, from the chain of the directory, at most `limit` and 1,000.
///
/// # Errors
/// When the database fails.
pub async fn reads_of(
    directory: &Database,
    alarm: AlarmId,
    limit: u32,
) -> Result<Vec<Entry>, StoreError> {
    let query = sqlx::query(READS).bind(alarm.0.cast_signed()).bind(limit.min(PAGE_MAX));
    let rows = query.fetch_all(directory.reader()).await.map_err(StoreError::Read)?;
    rows.iter().map(entry).collect::<Result<_, _>>().map_err(StoreError::Read)
}

fn entry(row: &SqliteRow) -> Result<Entry, sqlx::Error> {
    let content: Option<&[u8]> = row.try_get("content")?;
    Ok(Entry {
        sequence: sequence(row)?,
        // A time that no release wrote is shown as the last there is, and its hash does not fit.
        at: Timestamp::from_microsecond(row.try_get("at_us")?).unwrap_or(Timestamp::MAX),
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        noun: row.try_get("noun")?,
        row_id: row.try_get("row_id")?,
        number: row.try_get("number")?,
        count: row.try_get("count")?,
        content: content.map(decode_hash).transpose()?,
        previous_hash: hash(row, "previous_hash")?,
        hash: hash(row, "hash")?,
    })
}

fn sequence(row: &SqliteRow) -> Result<u64, sqlx::Error> {
    Ok(row.try_get::<i64, _>("sequence")?.unsigned_abs())
}

fn hash(row: &SqliteRow, column: &str) -> Result<Hash, sqlx::Error> {
    decode_hash(row.try_get(column)?)
}

pub(super) fn decode_hash(bytes: &[u8]) -> Result<Hash, sqlx::Error> {
    Hash::try_from(bytes).map_err(|error| sqlx::Error::Decode(error.into()))
}
