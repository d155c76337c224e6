//! Alarms as reports need them: measured from a few of their events, page by page, so that a year of a large town holds
//! nothing up. Reads only; nothing that rings waits for it.

use super::AlarmLog;
use super::read::{Place, keys, time};
use crate::store::StoreError;
use jiff::Timestamp;
use lianfang_domain::alarm::{CaseLimits, Event};
use lianfang_domain::id::{AlarmId, CommunityId, GridId, LineId};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::report::{Measured, measure};
use std::collections::BTreeMap;
use std::ops::Range;

/// Reports of one press that rang twice are one alarm.
const RAISED: &str = "SELECT a.id, a.line_id, a.raised_us, f.done_us
    FROM alarm AS a LEFT JOIN follow_up AS f ON f.alarm_id = a.id
    WHERE a.is_doubled = 0 AND ?1 <= a.raised_us AND a.raised_us < ?2 AND (?1 < a.raised_us OR ?3 < a.id)
    ORDER BY a.raised_us, a.id LIMIT ?4";
/// The events that are measured; the kind stands first in the text. One that begins otherwise is looked at all the same.
const EVENTS: &str = "SELECT alarm_id, at_us, event FROM alarm_event
    WHERE alarm_id IN (SELECT value FROM json_each(?1)) AND (substr(event, 1, 9) <> '{\"kind\":\"'
        OR substr(event, 10, instr(substr(event, 10, 40), '\"') - 1) IN ('raised', 'wave_started', 'legs_ordered',
            'leg_ringing', 'leg_answered', 'acknowledged', 'declined', 'arrived', 'door_reached', 'police_called',
            'said_mistake', 'kind_named', 'duress', 'cancelled', 'closed'))
    ORDER BY alarm_id, sequence";
/// What the latest plan says, with what plans that are older than a field are read with.
const PLANS: &str = "SELECT alarm_id, plan ->> '$.kind', CAST(plan ->> '$.scene.community' AS INTEGER),
        CAST(plan ->> '$.scene.grid' AS INTEGER), CAST(plan ->> '$.policy.wave_s' AS INTEGER),
        CAST(coalesce(plan ->> '$.policy.arrival_s', 600) AS INTEGER),
        CAST(coalesce(plan ->> '$.policy.close_s', 3600) AS INTEGER), max(revision)
    FROM alarm_plan WHERE alarm_id IN (SELECT value FROM json_each(?1)) AND json_valid(plan) GROUP BY alarm_id";

/// An alarm in a list for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaisedRow {
    /// Its id.
    pub id: AlarmId,
    /// The line that raised it.
    pub line: LineId,
    /// When it was raised.
    pub raised: Timestamp,
    /// When the household was asked how it is.
    pub followed_up: Option<Timestamp>,
}

/// An alarm, measured, and where its plan says that it was; no place where the plan was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeasuredAlarm {
    /// What was measured.
    pub measured: Measured,
    /// Where it was.
    pub place: Option<Place>,
}

type RaisedTuple = (i64, u32, i64, Option<i64>);
/// Alarm, kind, community, grid, and the seconds of the three steps of a case.
type PlanTuple = (i64, Option<String>, Option<i64>, Option<i64>, Option<i64>, i64, i64, i64);

/// What a plan says.
#[derive(Clone, Copy, Default)]
struct Planned {
    kind: AlarmKind,
    place: Option<Place>,
    limits: Option<CaseLimits>,
}

impl AlarmLog {
    /// Alarms that were raised within a span, oldest first, those after `after`, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn raised_within(
        &self,
        span: &Range<Timestamp>,
        after: Option<&RaisedRow>,
        limit: u32,
    ) -> Result<Vec<RaisedRow>, StoreError> {
        // The index is entered where the page before ended, and not at the beginning of the span.
        let from = after.map_or(span.start, |row| row.raised);
        let after_id = after.map_or(i64::MIN, |row| row.id.0.cast_signed());
        let query = sqlx::query_as(RAISED)
            .bind(from.as_microsecond())
            .bind(span.end.as_microsecond())
            .bind(after_id)
            .bind(limit);
        let rows: Vec<RaisedTuple> =
            query.fetch_all(self.database.reader()).await.map_err(StoreError::Read)?;
        let row = |(id, line, raised, followed_up): RaisedTuple| RaisedRow {
            id: AlarmId(id.cast_unsigned()),
            line: LineId(line),
            raised: time(raised),
            followed_up: followed_up.map(time),
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Measures some alarms. What cannot be read of them is left out of the measure.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn measured(
        &self,
        rows: &[RaisedRow],
    ) -> Result<BTreeMap<AlarmId, MeasuredAlarm>, StoreError> {
        let ids: Vec<AlarmId> = rows.iter().map(|row| row.id).collect();
        let keys = keys(&ids);
        let mut read = self.database.reader().begin().await.map_err(StoreError::Read)?;
        let events = sqlx::query_as(EVENTS).bind(&keys).fetch_all(&mut *read).await;
        let events: Vec<(i64, i64, Vec<u8>)> = events.map_err(StoreError::Read)?;
        let plans = sqlx::query_as(PLANS).bind(&keys).fetch_all(&mut *read).await;
        let plans: Vec<PlanTuple> = plans.map_err(StoreError::Read)?;
        drop(read);
        let plans: BTreeMap<AlarmId, Planned> = plans.into_iter().map(planned).collect();
        let mut told: BTreeMap<AlarmId, Vec<(Timestamp, Event)>> = BTreeMap::new();
        for (key, at_us, text) in events {
            let event = serde_json::from_slice(&text).ok();
            let of_alarm = told.entry(AlarmId(key.cast_unsigned())).or_default();
            of_alarm.extend(event.map(|event| (time(at_us), event)));
        }
        let measured = rows.iter().map(|row| {
            let Planned { kind, place, limits } = plans.get(&row.id).copied().unwrap_or_default();
            let events = told.get(&row.id).map_or([].as_slice(), Vec::as_slice);
            let events = events.iter().map(|(at, event)| (*at, event));
            let measured = measure(row.raised, events, (kind, limits));
            (row.id, MeasuredAlarm { measured, place })
        });
        Ok(measured.collect())
    }
}

fn planned(
    (key, kind, community, grid, accept, arrival, close, _): PlanTuple,
) -> (AlarmId, Planned) {
    let kind = kind.and_then(|kind| serde_json::from_value(kind.into()).ok()).unwrap_or_default();
    let number = |stored: i64| u32::try_from(stored).ok();
    let place = || {
        Some(Place { community: CommunityId(number(community?)?), grid: GridId(number(grid?)?) })
    };
    let limits = || {
        let (accept_s, arrival_s) = (number(accept?)?, number(arrival)?);
        Some(CaseLimits { accept_s, arrival_s, close_s: number(close)? })
    };
    (AlarmId(key.cast_unsigned()), Planned { kind, place: place(), limits: limits() })
}
