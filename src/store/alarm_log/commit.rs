//! The SQL of the log: one statement per table and commit, however many alarms it carries.

use super::Kept;
use super::record::Record;
use crate::store::audit::{ChainedAlarms, Opened, adopt, chain_commit, new_salt};
use crate::store::random::hex;
use crate::store::{Database, StoreError};
use lianfang_domain::id::AlarmId;
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::SqliteConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Alarms that were open before and end in this commit go first: the next alarm of the line may be in it, too.
const CLOSE: &str = "UPDATE alarm SET closed_us = done.value ->> 1 FROM json_each(?1) AS done
    WHERE alarm.id = done.value ->> 0 AND alarm.closed_us IS NULL";
/// An alarm that is followed by another gives up the place of its line.
const FOLLOW: &str =
    "UPDATE alarm SET is_followed = 1 WHERE id IN (SELECT value FROM json_each(?1))";
const OPEN: &str = "INSERT INTO alarm (id, line_id, raised_us, closed_us, idempotency_key, is_doubled)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, ?2 FROM json_each(?1) WHERE true
    ON CONFLICT DO NOTHING RETURNING id";
const EVENTS: &str = "INSERT INTO alarm_event (alarm_id, sequence, at_us, schema_version, event)
    SELECT record.value ->> 0, (record.value ->> 1) + event.key, record.value ->> 2, record.value ->> 3, event.value
    FROM json_each(?1) AS record, json_each(record.value, '$[4]') AS event WHERE true
    ON CONFLICT DO NOTHING";
const PLANS: &str = "INSERT INTO alarm_plan (alarm_id, revision, plan, salt)
    SELECT value ->> 0, value ->> 1, value -> 2, unhex(value ->> 3) FROM json_each(?1) WHERE true
    ON CONFLICT DO NOTHING";
const WHY_REFUSED: &str = "SELECT id, 0 AS reason FROM alarm WHERE id = ?1
    UNION ALL SELECT id, 1 FROM alarm WHERE idempotency_key = ?2 AND is_doubled = 0
    UNION ALL SELECT id, 2 FROM alarm WHERE line_id = ?3 AND closed_us IS NULL AND is_doubled = 0
        AND is_followed = 0
    ORDER BY reason LIMIT 1";

/// Whether somebody still waits to hear that an alarm is none of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// An alarm whose press or line is taken is refused.
    New,
    /// It rang already: it is kept beside the other one.
    WriteBack,
}

/// What a commit did.
#[derive(Debug, Default)]
pub(super) struct Committed {
    /// Alarms of which nothing was kept.
    pub(super) refused: BTreeMap<AlarmId, Kept>,
    /// Events that were there already.
    pub(super) conflicts: u64,
    /// Events that are kept without an entry in the audit trail, because the trail failed.
    pub(super) unchained: u64,
    /// How the trail failed.
    pub(super) trail_error: Option<sqlx::Error>,
}

/// Why a commit failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The log itself.
    Log(sqlx::Error),
    /// Only the audit trail.
    Trail(sqlx::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Log(error)
    }
}

/// Whether the audit trail is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trail {
    Kept,
    /// It failed: an alarm does not wait for it.
    LeftOut,
}

/// Commits the records and their entries in the audit trail in one transaction. When only the trail fails, the records
/// are committed without it.
pub(super) async fn commit(
    database: &Database,
    records: &[&Record],
    mode: Mode,
) -> Result<Committed, StoreError> {
    let mut change = database.write().await?;
    let done = match write(&mut change, records, mode, Trail::Kept).await {
        Err(Failure::Trail(error)) => {
            change.rollback().await.map_err(StoreError::Write)?;
            change = database.write().await?;
            let done = write(&mut change, records, mode, Trail::LeftOut).await;
            done.map(|done| Committed { trail_error: Some(error), ..done })
        }
        done => done,
    };
    let done = done.map_err(|failure| match failure {
        Failure::Log(error) | Failure::Trail(error) => StoreError::Write(error),
    })?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(done)
}

pub(super) async fn write(
    change: &mut SqliteConnection,
    records: &[&Record],
    mode: Mode,
    trail: Trail,
) -> Result<Committed, Failure> {
    let closed: BTreeMap<i64, i64> =
        records.iter().filter_map(|record| Some((record.alarm_key(), record.closed_us?))).collect();
    let ended = execute(change, CLOSE, &closed.iter().collect::<Vec<_>>()).await?;

    let (refused, opened) = open(change, records, &closed, mode).await?;
    let kept = || records.iter().filter(|record| !refused.contains_key(&record.alarm)).copied();

    let events: Vec<_> = kept()
        .map(|record| {
            let key = record.alarm_key();
            (key, record.first_sequence, record.at_us, record.schema_version, &record.events)
        })
        .collect();
    let expected: u64 = kept().map(|record| u64::from(record.events_len)).sum();
    let inserted = execute(change, EVENTS, &events).await?;

    let salts = salts(kept(), trail)?;
    let plans: Vec<_> = kept()
        .zip(&salts)
        .filter_map(|(record, salt)| {
            let plan = record.plan.as_ref()?;
            Some((record.alarm_key(), plan.revision, &plan.plan, salt.map(|salt| hex(&salt))))
        })
        .collect();
    let frozen = execute(change, PLANS, &plans).await?;

    let conflicts = expected.saturating_sub(inserted);
    let is_as_asked = mode == Mode::New
        && conflicts == 0
        && frozen == plans.len() as u64
        && ended == closed.len() as u64
        && kept().filter(|record| record.opened.is_some()).all(|r| opened.contains(&r.alarm_key()));
    let mut unchained = 0;
    match trail {
        Trail::LeftOut => unchained = inserted,
        Trail::Kept if is_as_asked => {
            let written = kept().zip(&salts).map(|(record, salt)| chained(record, salt.as_ref()));
            let written: Vec<_> = written.collect::<Result<_, _>>().map_err(Failure::Trail)?;
            chain_commit(change, &written).await.map_err(Failure::Trail)?;
        }
        Trail::Kept => {
            let alarms = kept().map(Record::alarm_key).collect();
            let at_us = kept().map(|record| record.at_us).max().unwrap_or_default();
            adopt(change, &alarms, at_us).await.map_err(Failure::Trail)?;
        }
    }
    Ok(Committed { refused, conflicts, unchained, trail_error: None })
}

type Salt = [u8; 32];

/// A salt for each record that has a plan.
fn salts<'a>(
    records: impl Iterator<Item = &'a Record>,
    trail: Trail,
) -> Result<Vec<Option<Salt>>, Failure> {
    let salt = |record: &Record| {
        let is_needed = trail == Trail::Kept && record.plan.is_some();
        is_needed.then(new_salt).transpose().map_err(Failure::Trail)
    };
    records.map(salt).collect()
}

/// What a record says, for the audit trail.
fn chained<'a>(
    record: &'a Record,
    salt: Option<&'a Salt>,
) -> Result<ChainedAlarms<'a>, sqlx::Error> {
    let events: Vec<&RawValue> = serde_json::from_str(record.events.get())
        .map_err(|error| sqlx::Error::Encode(error.into()))?;
    let opened = record.opened.as_ref().map(|opened| Opened {
        line: opened.line.into(),
        raised_us: opened.raised_us,
        idempotency_key: &opened.idempotency_key,
        is_doubled: false,
    });
    let plan = record.plan.as_ref().zip(salt);
    Ok(ChainedAlarms {
        alarm: record.alarm_key(),
        at_us: record.at_us,
        opened,
        first_sequence: record.first_sequence,
        schema_version: record.schema_version,
        events: events.into_iter().map(RawValue::get).collect(),
        plan: plan.map(|(plan, salt)| (plan.revision, plan.plan.get(), salt.as_slice())),
        closed_us: record.closed_us,
    })
}

/// One statement over all rows; none when there are no rows.
async fn execute<T: Serialize>(
    change: &mut SqliteConnection,
    sql: &'static str,
    rows: &[T],
) -> Result<u64, sqlx::Error> {
    if rows.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query(sql).bind(json(rows)?).execute(change).await?;
    Ok(done.rows_affected())
}

fn json<T: Serialize>(rows: &[T]) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Makes the rows of the alarms that begin; returns those that were refused, and the keys of those that were made.
async fn open(
    change: &mut SqliteConnection,
    records: &[&Record],
    closed: &BTreeMap<i64, i64>,
    mode: Mode,
) -> Result<(BTreeMap<AlarmId, Kept>, BTreeSet<i64>), sqlx::Error> {
    let rows: BTreeMap<i64, _> = records
        .iter()
        .filter_map(|record| {
            let opened = record.opened.as_ref()?;
            let key = record.alarm_key();
            let (line, raised, press) = (opened.line, opened.raised_us, &opened.idempotency_key);
            Some((key, (key, line, raised, closed.get(&key), press)))
        })
        .collect();
    let mut refused = BTreeMap::new();
    if rows.is_empty() {
        return Ok((refused, BTreeSet::new()));
    }
    let openings = records.iter().filter_map(|record| record.opened.as_ref());
    let followed: Vec<i64> = openings.filter_map(|opened| opened.follows).collect();
    execute(change, FOLLOW, &followed).await?;
    let all: Vec<_> = rows.values().collect();
    let inserted: Vec<i64> =
        sqlx::query_scalar(OPEN).bind(json(&all)?).bind(0).fetch_all(&mut *change).await?;
    let inserted: BTreeSet<i64> = inserted.into_iter().collect();
    for (key, row) in rows.iter().filter(|(key, _)| !inserted.contains(key)) {
        let query = sqlx::query_as::<_, (i64, i64)>(WHY_REFUSED);
        let query = query.bind(key).bind(&**row.4).bind(row.1);
        let Some((id, reason)) = query.fetch_optional(&mut *change).await? else { continue };
        let other = AlarmId(id.cast_unsigned());
        match (reason, mode) {
            // The same append once more.
            (0, Mode::New | Mode::WriteBack) => {}
            (_, Mode::WriteBack) => {
                let one = json(&[row])?;
                sqlx::query(OPEN).bind(one).bind(1).fetch_all(&mut *change).await?;
            }
            (1, Mode::New) => {
                refused.insert(AlarmId(key.cast_unsigned()), Kept::SamePress { alarm: other });
            }
            (_, Mode::New) => {
                refused.insert(AlarmId(key.cast_unsigned()), Kept::LineHasAlarm { alarm: other });
            }
        }
    }
    Ok((refused, inserted))
}
