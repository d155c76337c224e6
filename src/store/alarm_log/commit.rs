//! The SQL of the log: few statements per table and commit, however many alarms it carries.

use super::Kept as Outcome;
use super::at_once::{self, Tried};
use super::beginning::BEGINNINGS;
use super::record::Record;
use crate::store::audit::{ChainedAlarms, Head, Opened, adopt, chain_commit, new_salt};
use crate::store::rows::{Cell, Insert};
use crate::store::{Database, StoreError};
use lianfang_domain::id::AlarmId;
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::SqliteConnection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Alarms that were open before and end in this commit go first: the next alarm of the line may be in it, too.
pub(super) const CLOSE: &str =
    "UPDATE alarm SET closed_us = done.value ->> 1 FROM json_each(?) AS done
    WHERE alarm.id = done.value ->> 0 AND alarm.closed_us IS NULL";
/// An alarm that is followed by another gives up the place of its line.
pub(super) const FOLLOW: &str =
    "UPDATE alarm SET is_followed = 1 WHERE id IN (SELECT value FROM json_each(?))";
const OPEN: &str = "INSERT INTO alarm (id, line_id, raised_us, closed_us, idempotency_key, is_doubled)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, ?2 FROM json_each(?1) WHERE true
    ON CONFLICT DO NOTHING RETURNING id";
static EVENTS: LazyLock<Insert<5>> = LazyLock::new(|| {
    let into = "alarm_event (alarm_id, sequence, at_us, schema_version, event)";
    Insert::new(into, "ON CONFLICT DO NOTHING")
});
static PLANS: LazyLock<Insert<4>> = LazyLock::new(|| {
    Insert::new("alarm_plan (alarm_id, revision, plan, salt)", "ON CONFLICT DO NOTHING")
});
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
    pub(super) refused: BTreeMap<AlarmId, Outcome>,
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

/// Who commits: knows where the audit trail ends, as long as nobody else writes into it.
#[derive(Debug)]
pub(super) struct Committer {
    database: Database,
    head: Option<Head>,
}

impl Committer {
    pub(super) fn new(database: Database) -> Self {
        Self { database, head: None }
    }

    /// Commits the records and their entries in the audit trail in one transaction. When only the trail fails, the
    /// records are committed without it.
    pub(super) async fn commit(
        &mut self,
        records: &[&Record],
        mode: Mode,
    ) -> Result<Committed, StoreError> {
        let head = self.head.take();
        if mode == Mode::New {
            let tried = at_once::commit(&self.database, records, head).await;
            if let Tried::Committed(head) = tried.map_err(StoreError::Write)? {
                self.head = Some(head);
                return Ok(Committed::default());
            }
        }
        row_by_row(&self.database, records, mode).await
    }
}

/// Commits whatever the records are.
async fn row_by_row(
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
    let kept = records.iter().filter(|record| !refused.contains_key(&record.alarm));
    let kept: Vec<Written> = kept
        .map(|record| Written::new(record, trail == Trail::Kept))
        .collect::<Result<_, Failure>>()?;

    let events: Vec<_> = kept.iter().flat_map(Written::events).collect();
    let inserted = EVENTS.run(change, &events).await?;
    let plans: Vec<_> = kept.iter().filter_map(Written::plan).collect();
    let frozen = PLANS.run(change, &plans).await?;
    if trail == Trail::Kept {
        // No more than a measure: an alarm does not wait for it either.
        let beginnings: Vec<_> =
            kept.iter().filter_map(|kept| kept.record.beginning_row()).collect();
        BEGINNINGS.run(change, &beginnings).await.map_err(Failure::Trail)?;
    }

    let conflicts = (events.len() as u64).saturating_sub(inserted);
    let is_as_asked = mode == Mode::New
        && conflicts == 0
        && frozen == plans.len() as u64
        && ended == closed.len() as u64
        && kept
            .iter()
            .filter(|kept| kept.record.opened.is_some())
            .all(|kept| opened.contains(&kept.record.alarm_key()));
    let mut unchained = 0;
    match trail {
        Trail::LeftOut => unchained = inserted,
        Trail::Kept if is_as_asked => {
            let written: Vec<_> = kept.iter().map(Written::chained).collect();
            chain_commit(change, &written).await.map_err(Failure::Trail)?;
        }
        Trail::Kept => {
            let alarms = kept.iter().map(|kept| kept.record.alarm_key()).collect();
            let at_us = kept.iter().map(|kept| kept.record.at_us).max().unwrap_or_default();
            adopt(change, &alarms, at_us).await.map_err(Failure::Trail)?;
        }
    }
    Ok(Committed { refused, conflicts, unchained, trail_error: None })
}

/// A record that is kept, as it is written.
pub(super) struct Written<'a> {
    record: &'a Record,
    /// Each event as it is stored.
    events: Vec<&'a str>,
    /// Of its plan, when the trail is kept.
    salt: Option<[u8; 32]>,
}

impl<'a> Written<'a> {
    /// With a salt for the digest of its plan, if it is chained.
    pub(super) fn new(record: &'a Record, is_chained: bool) -> Result<Self, Failure> {
        let salt = (is_chained && record.plan.is_some()).then(new_salt);
        let salt = salt.transpose().map_err(Failure::Trail)?;
        Ok(Self { record, events: texts(record)?, salt })
    }

    /// Its rows of events.
    pub(super) fn events(&self) -> impl Iterator<Item = [Cell<'_>; 5]> {
        let record = self.record;
        let sequences = i64::from(record.first_sequence)..;
        sequences.zip(&self.events).map(|(sequence, event)| {
            let version = record.schema_version.into();
            let numbers = [record.alarm_key(), sequence, record.at_us, version].map(Cell::Number);
            let [alarm, sequence, at, version] = numbers;
            [alarm, sequence, at, version, Cell::Text(event)]
        })
    }

    /// Its row of a plan.
    pub(super) fn plan(&self) -> Option<[Cell<'_>; 4]> {
        let plan = self.record.plan.as_ref()?;
        let salt = self.salt.as_ref().map_or(Cell::Nothing, |salt| Cell::Bytes(salt));
        let [alarm, revision] = [self.record.alarm_key(), plan.revision.into()].map(Cell::Number);
        Some([alarm, revision, Cell::Text(plan.plan.get()), salt])
    }

    /// What it says, for the audit trail.
    pub(super) fn chained(&self) -> ChainedAlarms<'_> {
        let Self { record, events, salt } = self;
        let opened = record.opened.as_ref().map(|opened| Opened {
            line: opened.line.into(),
            raised_us: opened.raised_us,
            idempotency_key: &opened.idempotency_key,
            is_doubled: false,
        });
        let plan = record.plan.as_ref().zip(salt.as_ref());
        ChainedAlarms {
            alarm: record.alarm_key(),
            at_us: record.at_us,
            opened,
            first_sequence: record.first_sequence,
            schema_version: record.schema_version,
            events,
            plan: plan.map(|(plan, salt)| (plan.revision, plan.plan.get(), salt.as_slice())),
            closed_us: record.closed_us,
        }
    }
}

/// The events of a record, each as it is stored.
fn texts(record: &Record) -> Result<Vec<&str>, sqlx::Error> {
    let events: Vec<&RawValue> = serde_json::from_str(record.events.get())
        .map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok(events.into_iter().map(RawValue::get).collect())
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

pub(super) fn json<T: Serialize>(rows: &[T]) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Makes the rows of the alarms that begin; returns those that were refused, and the keys of those that were made.
async fn open(
    change: &mut SqliteConnection,
    records: &[&Record],
    closed: &BTreeMap<i64, i64>,
    mode: Mode,
) -> Result<(BTreeMap<AlarmId, Outcome>, BTreeSet<i64>), sqlx::Error> {
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
                refused.insert(AlarmId(key.cast_unsigned()), Outcome::SamePress { alarm: other });
            }
            (_, Mode::New) => {
                refused
                    .insert(AlarmId(key.cast_unsigned()), Outcome::LineHasAlarm { alarm: other });
            }
        }
    }
    Ok((refused, inserted))
}
