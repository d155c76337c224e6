//! Reading the log: for recovery, for the API, for erasing what is no longer needed.

use super::AlarmLog;
use crate::store::audit::chain_erasures;
use crate::store::{JsonFault, StoreError};
use jiff::Timestamp;
use lianfang_domain::alarm::Event;
use lianfang_domain::id::{AlarmId, CommunityId, GridId, LineId};
use lianfang_domain::plan::Plan;
use std::collections::BTreeMap;

/// Plans erased in one transaction, so that no alarm waits long for it.
const ERASE_CHUNK: u32 = 500;
/// Longest page of a list.
const LIST_MAX: u32 = 1000;

/// An alarm. What its first event says is looked for as text: one that is damaged must not hide all others.
macro_rules! row {
    () => {
        "SELECT id, line_id, raised_us, closed_us, idempotency_key, EXISTS (SELECT 1 FROM alarm_event AS e
            WHERE e.alarm_id = alarm.id AND e.sequence = 0 AND 0 < instr(e.event, '\"source\":\"drill\"'))
        FROM alarm"
    };
}

const OPEN_ROWS: &str = concat!(row!(), " WHERE closed_us IS NULL ORDER BY id");
const ONE_ROW: &str = concat!(row!(), " WHERE id = ?1");
const THESE_ROWS: &str =
    concat!(row!(), " WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id");
const OPEN_EVENTS: &str = "SELECT alarm_id, sequence, at_us, event FROM alarm_event
    WHERE alarm_id IN (SELECT id FROM alarm WHERE closed_us IS NULL) ORDER BY alarm_id, sequence";
const ONE_EVENTS: &str = "SELECT alarm_id, sequence, at_us, event FROM alarm_event
    WHERE alarm_id = ?1 ORDER BY sequence";
const OPEN_PLANS: &str = "SELECT alarm_id, revision, plan FROM alarm_plan
    WHERE alarm_id IN (SELECT id FROM alarm WHERE closed_us IS NULL) ORDER BY alarm_id, revision";
const ONE_PLANS: &str =
    "SELECT alarm_id, revision, plan FROM alarm_plan WHERE alarm_id = ?1 ORDER BY revision";
macro_rules! listed {
    () => {
        concat!(
            row!(),
            " WHERE (?1 IS NULL OR (closed_us IS NULL) = ?1) AND (?2 IS NULL OR line_id = ?2)
            AND (?5 IS NULL OR line_id IN (SELECT value FROM json_each(?5))) AND (?6 IS NULL OR ?6 = EXISTS (SELECT 1
                FROM alarm_event AS e WHERE e.alarm_id = alarm.id AND e.sequence = 0
                AND 0 < instr(e.event, '\"source\":\"drill\"')))"
        )
    };
}
const LIST: &str =
    concat!(listed!(), " AND id < ifnull(?3, 9223372036854775807) ORDER BY id DESC LIMIT ?4");
/// By the index of times, so that what is long ago is found without walking what came after it.
const LIST_WITHIN: &str = concat!(
    listed!(),
    " AND ?7 <= raised_us AND raised_us < ?8 AND (raised_us, id) < (
        ifnull((SELECT last.raised_us FROM alarm AS last WHERE last.id = ?3), 9223372036854775807),
        ifnull(?3, 9223372036854775807))
    ORDER BY raised_us DESC, id DESC LIMIT ?4"
);
const THESE_EVENTS: &str = "SELECT alarm_id, sequence, at_us, event FROM alarm_event
    WHERE alarm_id IN (SELECT value FROM json_each(?1)) ORDER BY alarm_id, sequence";
const THESE_PLANS: &str = "SELECT alarm_id, revision, plan FROM alarm_plan
    WHERE alarm_id IN (SELECT value FROM json_each(?1)) ORDER BY alarm_id, revision";
/// Of a damaged plan there is no place; of several revisions the latest.
const PLACES: &str = "SELECT alarm_id, CAST(plan ->> '$.scene.community' AS INTEGER),
    CAST(plan ->> '$.scene.grid' AS INTEGER), max(revision) FROM alarm_plan
    WHERE alarm_id IN (SELECT value FROM json_each(?1)) AND json_valid(plan) GROUP BY alarm_id";
/// The latest alarm of each line, with its first event.
const LAST_OF_LINES: &str =
    "SELECT a.line_id, a.id, a.raised_us, (SELECT e.event FROM alarm_event AS e
        WHERE e.alarm_id = a.id AND e.sequence = 0)
    FROM alarm AS a WHERE a.id IN (SELECT max(id) FROM alarm
        WHERE line_id IN (SELECT value FROM json_each(?1)) GROUP BY line_id)";
const OPEN_MARKS: &str =
    "SELECT id, (SELECT max(sequence) FROM alarm_event WHERE alarm_id = alarm.id) FROM alarm
    WHERE closed_us IS NULL ORDER BY id DESC LIMIT ?1";
const SEEN: &str = "SELECT id FROM alarm WHERE idempotency_key = ?1 ORDER BY is_doubled LIMIT 1";
const CLOSED_SINCE: &str =
    "SELECT id FROM alarm WHERE ?1 <= closed_us ORDER BY closed_us DESC LIMIT ?2";
const ERASE: &str = "DELETE FROM alarm_plan WHERE (alarm_id, revision) IN (
    SELECT plan.alarm_id, plan.revision FROM alarm_plan AS plan JOIN alarm ON alarm.id = plan.alarm_id
    WHERE alarm.closed_us < ?1 LIMIT ?2) RETURNING alarm_id, revision";

/// An alarm without its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmRow {
    /// Its id.
    pub id: AlarmId,
    /// The line that raised it.
    pub line: LineId,
    /// When it was raised.
    pub raised: Timestamp,
    /// When it was closed or cancelled.
    pub closed: Option<Timestamp>,
    /// What makes two reports of its press one.
    pub idempotency_key: Box<str>,
    /// It began as a drill.
    pub is_drill: bool,
}

/// The last alarm of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastOfLine {
    /// The alarm.
    pub alarm: AlarmId,
    /// When it was raised.
    pub raised: Timestamp,
    /// How it began; `None` when it cannot be read.
    pub event: Option<Event>,
}

/// An event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place within the alarm.
    pub sequence: u32,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// An alarm with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAlarm {
    /// The alarm.
    pub row: AlarmRow,
    /// Its events, by sequence.
    pub events: Vec<StoredEvent>,
    /// Its plans, by revision; fewer when they were erased.
    pub plans: Vec<Plan>,
}

/// Something stored that cannot be read; the rest of its alarm is used without it.
#[derive(Debug, thiserror::Error)]
#[error("cannot read number {number} of alarm {alarm}")]
pub struct Unreadable {
    /// The alarm.
    pub alarm: AlarmId,
    /// Sequence of the event or revision of the plan.
    pub number: u32,
    /// Why.
    pub source: JsonFault,
}

/// What recovery takes up.
#[derive(Debug, Default)]
pub struct OpenAlarms {
    /// Alarms that are not closed, oldest first.
    pub alarms: Vec<StoredAlarm>,
    /// What could not be read of them.
    pub unreadable: Vec<Unreadable>,
}

/// Where the door of an alarm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The community.
    pub community: CommunityId,
    /// The grid of the community.
    pub grid: GridId,
}

/// Which alarms to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlarmFilter<'a> {
    /// Only open ones, or only closed ones.
    pub is_open: Option<bool>,
    /// Only drills, or only real ones.
    pub is_drill: Option<bool>,
    /// Only those of this line.
    pub line: Option<LineId>,
    /// Only those of these lines.
    pub lines: Option<&'a [LineId]>,
    /// Only those raised before this one: the last of the page before.
    pub before: Option<AlarmId>,
    /// Only those raised at this moment or later.
    pub from: Option<Timestamp>,
    /// Only those raised before this moment.
    pub to: Option<Timestamp>,
}

type Row = (i64, u32, i64, Option<i64>, Box<str>, bool);
/// Alarm, sequence, time, event. Text as bytes and numbers as they come: one damaged row must not hide all others.
type EventRow = (i64, i64, i64, Vec<u8>);
/// Alarm, revision, plan.
type PlanRow = (i64, i64, Vec<u8>);

impl AlarmLog {
    /// Every open alarm with its events and plans. One that cannot be read in part is returned all the same.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_alarms(&self) -> Result<OpenAlarms, StoreError> {
        let mut read = self.database.reader().begin().await.map_err(StoreError::Read)?;
        let rows = sqlx::query_as(OPEN_ROWS).fetch_all(&mut *read).await;
        let events = sqlx::query_as(OPEN_EVENTS).fetch_all(&mut *read).await;
        let plans = sqlx::query_as(OPEN_PLANS).fetch_all(&mut *read).await;
        Ok(assemble(
            rows.map_err(StoreError::Read)?,
            events.map_err(StoreError::Read)?,
            plans.map_err(StoreError::Read)?,
        ))
    }

    /// One alarm with its events and plans.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn alarm(&self, id: AlarmId) -> Result<Option<StoredAlarm>, StoreError> {
        let key = id.0.cast_signed();
        let mut read = self.database.reader().begin().await.map_err(StoreError::Read)?;
        let rows = sqlx::query_as(ONE_ROW).bind(key).fetch_all(&mut *read).await;
        let events = sqlx::query_as(ONE_EVENTS).bind(key).fetch_all(&mut *read).await;
        let plans = sqlx::query_as(ONE_PLANS).bind(key).fetch_all(&mut *read).await;
        let mut found = assemble(
            rows.map_err(StoreError::Read)?,
            events.map_err(StoreError::Read)?,
            plans.map_err(StoreError::Read)?,
        );
        for unreadable in found.unreadable {
            tracing::error!(error = %unreadable.source, "{unreadable}");
        }
        Ok(found.alarms.pop())
    }

    /// Some alarms with their events and plans, by id: those that are there, and of these what can be read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn alarms(&self, ids: &[AlarmId]) -> Result<Vec<StoredAlarm>, StoreError> {
        let keys = keys(ids);
        let mut read = self.database.reader().begin().await.map_err(StoreError::Read)?;
        let rows = sqlx::query_as(THESE_ROWS).bind(&keys).fetch_all(&mut *read).await;
        let events = sqlx::query_as(THESE_EVENTS).bind(&keys).fetch_all(&mut *read).await;
        let plans = sqlx::query_as(THESE_PLANS).bind(&keys).fetch_all(&mut *read).await;
        let found = assemble(
            rows.map_err(StoreError::Read)?,
            events.map_err(StoreError::Read)?,
            plans.map_err(StoreError::Read)?,
        );
        for unreadable in found.unreadable {
            tracing::error!(error = %unreadable.source, "{unreadable}");
        }
        Ok(found.alarms)
    }

    /// Some alarms without their events, by id: those that are there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rows(&self, ids: &[AlarmId]) -> Result<Vec<AlarmRow>, StoreError> {
        let query = sqlx::query_as(THESE_ROWS).bind(keys(ids));
        let rows: Vec<Row> =
            query.fetch_all(self.database.reader()).await.map_err(StoreError::Read)?;
        Ok(rows.into_iter().map(alarm_row).collect())
    }

    /// Where some alarms are, by their plans: none of those whose plans were erased or are damaged.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn places(&self, ids: &[AlarmId]) -> Result<BTreeMap<AlarmId, Place>, StoreError> {
        let query = sqlx::query_as(PLACES).bind(keys(ids));
        let rows: Vec<(i64, Option<i64>, Option<i64>, i64)> =
            query.fetch_all(self.database.reader()).await.map_err(StoreError::Read)?;
        let place = |(key, community, grid, _): (i64, Option<i64>, Option<i64>, i64)| {
            let place = Place {
                community: CommunityId(u32::try_from(community?).ok()?),
                grid: GridId(u32::try_from(grid?).ok()?),
            };
            Some((AlarmId(key.cast_unsigned()), place))
        };
        Ok(rows.into_iter().filter_map(place).collect())
    }

    /// Alarms without their events, the latest first, at most `limit` and 1,000.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(
        &self,
        filter: &AlarmFilter<'_>,
        limit: u32,
    ) -> Result<Vec<AlarmRow>, StoreError> {
        let lines = filter.lines.map(|lines| lines.iter().map(|line| line.0).collect::<Vec<_>>());
        let lines = lines.map(|lines| serde_json::json!(lines).to_string());
        let is_within = filter.from.is_some() || filter.to.is_some();
        let query = sqlx::query_as(if is_within { LIST_WITHIN } else { LIST })
            .bind(filter.is_open)
            .bind(filter.line.map(|line| line.0))
            .bind(filter.before.map(|id| id.0.cast_signed()))
            .bind(limit.min(LIST_MAX))
            .bind(lines)
            .bind(filter.is_drill);
        let query = if is_within {
            let (from, to) = (filter.from.unwrap_or(Timestamp::MIN), filter.to);
            query.bind(from.as_microsecond()).bind(to.unwrap_or(Timestamp::MAX).as_microsecond())
        } else {
            query
        };
        let rows: Vec<Row> =
            query.fetch_all(self.database.reader()).await.map_err(StoreError::Read)?;
        Ok(rows.into_iter().map(alarm_row).collect())
    }

    /// Alarms that were closed since a time, the latest first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn closed_since(
        &self,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<AlarmId>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = sqlx::query_scalar(CLOSED_SINCE).bind(since.as_microsecond()).bind(limit);
        let ids: Vec<i64> =
            query.fetch_all(self.database.reader()).await.map_err(StoreError::Read)?;
        Ok(ids.into_iter().map(|id| AlarmId(id.cast_unsigned())).collect())
    }

    /// The last alarm of each of these lines.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_of_lines(
        &self,
        lines: &[LineId],
    ) -> Result<BTreeMap<LineId, LastOfLine>, StoreError> {
        let ids = serde_json::json!(lines).to_string();
        let query = sqlx::query_as(LAST_OF_LINES).bind(ids);
        let rows: Vec<(u32, i64, i64, Option<Vec<u8>>)> =
            query.fetch_all(self.database.reader()).await.map_err(StoreError::Read)?;
        let last = rows.into_iter().map(|(line, id, raised_us, event)| {
            let event = event.and_then(|event| serde_json::from_slice(&event).ok());
            let raised = time(raised_us);
            (LineId(line), LastOfLine { alarm: AlarmId(id.cast_unsigned()), raised, event })
        });
        Ok(last.collect())
    }

    /// Open alarms, the latest first, each with the sequence of its last event: whoever has read it knows whether there
    /// is more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_marks(&self, limit: u32) -> Result<Vec<(AlarmId, u32)>, StoreError> {
        let query = sqlx::query_as(OPEN_MARKS).bind(limit.min(LIST_MAX));
        let rows: Vec<(i64, Option<i64>)> =
            query.fetch_all(self.database.reader()).await.map_err(StoreError::Read)?;
        let mark =
            |(id, last): (i64, Option<i64>)| (AlarmId(id.cast_unsigned()), last.map_or(0, number));
        Ok(rows.into_iter().map(mark).collect())
    }

    /// The alarm that this press raised, if it did.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn seen(&self, idempotency_key: &str) -> Result<Option<AlarmId>, StoreError> {
        let query = sqlx::query_scalar(SEEN).bind(idempotency_key);
        let id: Option<i64> =
            query.fetch_optional(self.database.reader()).await.map_err(StoreError::Read)?;
        Ok(id.map(|id| AlarmId(id.cast_unsigned())))
    }

    /// Erases the plans (names, numbers, addresses) of alarms that were closed before `limit`. Returns how many.
    ///
    /// # Errors
    /// When the database fails; what was erased until then stays erased.
    pub async fn erase_plans_before(&self, limit: Timestamp) -> Result<u64, StoreError> {
        let mut erased = 0;
        loop {
            let mut change = self.database.write().await?;
            let erase = sqlx::query_as(ERASE).bind(limit.as_microsecond()).bind(ERASE_CHUNK);
            let plans: Vec<(i64, i64)> =
                erase.fetch_all(&mut *change).await.map_err(StoreError::Write)?;
            let now_us = self.clock.now().as_microsecond();
            chain_erasures(&mut change, &plans, now_us).await.map_err(StoreError::Write)?;
            change.commit().await.map_err(StoreError::Write)?;
            erased += plans.len() as u64;
            if plans.len() < ERASE_CHUNK as usize {
                return Ok(erased);
            }
        }
    }
}

/// Ids as `json_each` takes them.
pub(super) fn keys(ids: &[AlarmId]) -> String {
    let keys: Vec<i64> = ids.iter().map(|id| id.0.cast_signed()).collect();
    serde_json::json!(keys).to_string()
}

fn alarm_row((id, line, raised, closed, idempotency_key, is_drill): Row) -> AlarmRow {
    AlarmRow {
        id: AlarmId(id.cast_unsigned()),
        line: LineId(line),
        raised: time(raised),
        closed: closed.map(time),
        idempotency_key,
        is_drill,
    }
}

/// A number that we wrote; 0 stands for what no release wrote, so that what follows still has a number of its own.
fn number(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or_default()
}

pub(super) fn time(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX)
}

fn assemble(rows: Vec<Row>, events: Vec<EventRow>, plans: Vec<PlanRow>) -> OpenAlarms {
    let mut unreadable = Vec::new();
    let mut alarms: BTreeMap<AlarmId, StoredAlarm> = rows
        .into_iter()
        .map(alarm_row)
        .map(|row| (row.id, StoredAlarm { row, events: Vec::new(), plans: Vec::new() }))
        .collect();
    for (key, sequence, at, text) in events {
        let id = AlarmId(key.cast_unsigned());
        let Some(alarm) = alarms.get_mut(&id) else { continue };
        let sequence = number(sequence);
        match serde_json::from_slice(&text) {
            Ok(event) => alarm.events.push(StoredEvent { sequence, at: time(at), event }),
            Err(error) => {
                unreadable.push(Unreadable { alarm: id, number: sequence, source: error.into() })
            }
        }
    }
    for (key, revision, text) in plans {
        let id = AlarmId(key.cast_unsigned());
        let Some(alarm) = alarms.get_mut(&id) else { continue };
        let revision = number(revision);
        match serde_json::from_slice(&text) {
            Ok(plan) => alarm.plans.push(plan),
            Err(error) => {
                unreadable.push(Unreadable { alarm: id, number: revision, source: error.into() })
            }
        }
    }
    OpenAlarms { alarms: alarms.into_values().collect(), unreadable }
}
