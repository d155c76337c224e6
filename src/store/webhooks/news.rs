//! What there is to tell webhooks: read from the log of alarms by the order of its audit trail, from the drills, and from
//! what routes and lines were told to be.
//!
//! The database of the alarms is only read. Whatever is told is entered together with how far was read, so that nothing is
//! told twice or left out, whenever the process dies.

use super::deliveries::{NewDelivery, enter};
use super::time;
use crate::store::audit;
use crate::store::{Database, StoreError};
use jiff::Timestamp;
use lianfang_domain::alarm::Event;
use lianfang_domain::id::{AlarmId, CommunityId, DrillId};
use serde_json::json;
use std::collections::BTreeSet;

/// Entries of the trail that are read together.
const WINDOW: u32 = 500;

const CURSOR: &str = "SELECT audit_sequence FROM webhook_cursor";
const ADVANCE: &str = "UPDATE webhook_cursor SET audit_sequence = ?1";
const RUNS: &str = "SELECT sequence, row_id, number, count FROM audit
    WHERE ?1 < sequence AND noun = 'alarm_event' AND action = 'append' ORDER BY sequence LIMIT ?2";
/// Of what can be read; the rest of an alarm is told without what cannot.
const EVENTS: &str = "SELECT e.alarm_id, e.sequence, e.at_us, e.event
    FROM json_each(?1) AS run JOIN alarm_event AS e ON e.alarm_id = run.value ->> 0
        AND run.value ->> 1 <= e.sequence AND e.sequence < (run.value ->> 1) + (run.value ->> 2)
    WHERE json_valid(e.event) AND e.event ->> '$.kind' IN
        ('raised', 'acknowledged', 'arrived', 'door_reached', 'cancelled', 'closed')
    ORDER BY run.key, e.sequence";
const DRILLS: &str = "SELECT d.id, d.community_id, d.ended_us,
        (SELECT min(h.started_us) FROM drill_home AS h WHERE h.drill_id = d.id)
    FROM drill AS d WHERE d.ended_us IS NULL OR ?1 <= d.ended_us ORDER BY d.id";
const DOWN: &str = "SELECT name FROM webhook_down WHERE kind = ?1 ORDER BY name";
const SET_DOWN: &str = "INSERT INTO webhook_down (kind, name, since_us) VALUES (?1, ?2, ?3)
    ON CONFLICT (kind, name) DO NOTHING";
const SET_UP: &str = "DELETE FROM webhook_down WHERE kind = ?1 AND name = ?2";

/// An event of an alarm that may be told.
#[derive(Clone, Debug)]
pub struct Told {
    /// The alarm.
    pub alarm: AlarmId,
    /// The place of the event within it.
    pub sequence: u32,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What is new in the log.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// In the order in which it was written.
    pub events: Vec<Told>,
    /// How far the trail was read.
    pub up_to: u64,
    /// There may be more.
    pub has_more: bool,
}

/// A drill that runs or ended lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrillNews {
    /// The drill.
    pub drill: DrillId,
    /// Where.
    pub community: CommunityId,
    /// When its first household began.
    pub started: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
}

/// Routes, or lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Trunks, by name.
    Route,
    /// Lines, by id.
    Line,
}

impl Watched {
    fn name(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Line => "line",
        }
    }
}

/// One that went down or came up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// What it is.
    pub what: Watched,
    /// Its name.
    pub name: String,
    /// It is down now.
    pub is_down: bool,
}

/// What was written to the log since the last time; `None` if nothing. The first look tells nothing, and neither does one
/// at a log that is shorter than what was read of it, because it was restored from a backup.
///
/// # Errors
/// When a database fails.
pub async fn news(alarms: &Database, directory: &Database) -> Result<Option<News>, StoreError> {
    let query = sqlx::query_scalar(CURSOR);
    let cursor: Option<i64> =
        query.fetch_one(directory.reader()).await.map_err(StoreError::Read)?;
    let head = audit::head(alarms).await?.map_or(0, |head| head.sequence);
    let Some(cursor) = cursor.filter(|cursor| cursor.unsigned_abs() <= head) else {
        return Ok(Some(News { up_to: head, ..News::default() }));
    };
    if cursor.unsigned_abs() == head {
        return Ok(None);
    }
    let query = sqlx::query_as(RUNS).bind(cursor).bind(WINDOW);
    let runs: Vec<(i64, i64, i64, i64)> =
        query.fetch_all(alarms.reader()).await.map_err(StoreError::Read)?;
    let has_more = runs.len() == WINDOW as usize;
    let last = runs.last().map_or(0, |(sequence, ..)| sequence.unsigned_abs());
    let wanted: Vec<_> =
        runs.iter().map(|(_, alarm, first, count)| (alarm, first, count)).collect();
    let query = sqlx::query_as(EVENTS).bind(json!(wanted).to_string());
    let rows: Vec<(i64, i64, i64, Vec<u8>)> =
        query.fetch_all(alarms.reader()).await.map_err(StoreError::Read)?;
    let told = |(alarm, sequence, at_us, event): (i64, i64, i64, Vec<u8>)| {
        Some(Told {
            alarm: AlarmId(alarm.cast_unsigned()),
            sequence: u32::try_from(sequence).ok()?,
            at: time(at_us),
            event: serde_json::from_slice(&event).ok()?,
        })
    };
    let events = rows.into_iter().filter_map(told).collect();
    Ok(Some(News { events, up_to: if has_more { last } else { head }, has_more }))
}

/// The log was read up to here, and this is told of it.
///
/// # Errors
/// When the database fails; nothing of it is kept then.
pub async fn tell(
    directory: &Database,
    new: &[NewDelivery],
    up_to: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut change = directory.write().await?;
    enter(&mut change, new, now).await?;
    let query = sqlx::query(ADVANCE).bind(up_to.cast_signed());
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)
}

/// Drills that are not over, or ended since.
///
/// # Errors
/// When the database fails.
pub async fn drills(alarms: &Database, since: Timestamp) -> Result<Vec<DrillNews>, StoreError> {
    let query = sqlx::query_as(DRILLS).bind(since.as_microsecond());
    let rows: Vec<(u32, u32, Option<i64>, Option<i64>)> =
        query.fetch_all(alarms.reader()).await.map_err(StoreError::Read)?;
    let drill = |(id, community, ended, started): (u32, u32, Option<i64>, Option<i64>)| DrillNews {
        drill: DrillId(id),
        community: CommunityId(community),
        started: started.map(time),
        ended: ended.map(time),
    };
    Ok(rows.into_iter().map(drill).collect())
}

/// Which routes or lines were told to be down, by name.
///
/// # Errors
/// When the database fails.
pub async fn known_down(
    directory: &Database,
    what: Watched,
) -> Result<BTreeSet<String>, StoreError> {
    let query = sqlx::query_scalar(DOWN).bind(what.name());
    let names: Vec<String> = query.fetch_all(directory.reader()).await.map_err(StoreError::Read)?;
    Ok(names.into_iter().collect())
}

/// Some routes and lines went down or came up, and this is told of it.
///
/// # Errors
/// When the database fails; nothing of it is kept then.
pub async fn turned(
    directory: &Database,
    turns: &[Turn],
    new: &[NewDelivery],
    now: Timestamp,
) -> Result<(), StoreError> {
    if turns.is_empty() && new.is_empty() {
        return Ok(());
    }
    let mut change = directory.write().await?;
    enter(&mut change, new, now).await?;
    for turn in turns {
        let query = if turn.is_down {
            let query = sqlx::query(SET_DOWN).bind(turn.what.name()).bind(&turn.name);
            query.bind(now.as_microsecond())
        } else {
            sqlx::query(SET_UP).bind(turn.what.name()).bind(&turn.name)
        };
        query.execute(&mut *change).await.map_err(StoreError::Write)?;
    }
    change.commit().await.map_err(StoreError::Write)
}
