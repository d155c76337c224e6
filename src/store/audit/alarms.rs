//! What is chained of the alarm log: each alarm as it opened, its events, its plans, its end, and what was erased.
//!
//! What a commit just wrote is chained from memory. Whatever cannot be chained so, because it came back from the
//! journal, was partly there already or is older than the chain, is read and chained as it stands in the tables.

use super::Chain;
use super::chain::{Links, append};
use super::entry::{Action, Frame, Hash, Head, NewEntry};
use sqlx::SqliteConnection;
use std::collections::BTreeSet;

/// Who writes the alarm log.
const SERVICE: &str = "service";
pub(super) const ALARM: &str = "alarm";
pub(super) const EVENT: &str = "alarm_event";
pub(super) const PLAN: &str = "alarm_plan";

/// Events that share an entry, at most.
const RUN_MAX: usize = 1000;
/// Alarms that are taken into the chain at a time.
const ALARMS_AT_ONCE: u32 = 200;

const ALARMS: &str = "SELECT id, line_id, raised_us, idempotency_key, is_doubled, closed_us,
        EXISTS (SELECT 1 FROM audit WHERE row_id = alarm.id AND noun = 'alarm' AND action = 'open'),
        EXISTS (SELECT 1 FROM audit WHERE row_id = alarm.id AND noun = 'alarm' AND action = 'close')
    FROM alarm WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id";
const EVENTS: &str = "SELECT alarm_id, sequence, at_us, schema_version, event FROM alarm_event AS e
    WHERE alarm_id IN (SELECT value FROM json_each(?1)) AND NOT EXISTS (
        SELECT 1 FROM audit AS a WHERE a.row_id = e.alarm_id AND a.noun = 'alarm_event'
            AND a.number <= e.sequence AND e.sequence < a.number + a.count)
    ORDER BY alarm_id, sequence";
const PLANS: &str = "SELECT alarm_id, revision, plan FROM alarm_plan AS p
    WHERE alarm_id IN (SELECT value FROM json_each(?1)) AND NOT EXISTS (
        SELECT 1 FROM audit AS a WHERE a.row_id = p.alarm_id AND a.noun = 'alarm_plan'
            AND a.number = p.revision AND a.action = 'freeze')
    ORDER BY alarm_id, revision";
const SALT: &str = "UPDATE alarm_plan SET salt = ?3 WHERE alarm_id = ?1 AND revision = ?2";
const BEGUN: &str = "SELECT EXISTS (SELECT 1 FROM audit)";
const BEFORE: &str = "SELECT (SELECT count(*) FROM alarm) + (SELECT count(*) FROM alarm_event)
    + (SELECT count(*) FROM alarm_plan)";
/// Ids of alarms, and of what stands without its alarm.
const IDS: &str = "SELECT id FROM alarm WHERE ?1 IS NULL OR ?1 < id
    UNION SELECT alarm_id FROM alarm_event WHERE ?1 IS NULL OR ?1 < alarm_id
    UNION SELECT alarm_id FROM alarm_plan WHERE ?1 IS NULL OR ?1 < alarm_id
    ORDER BY 1 LIMIT ?2";

/// What a commit wrote of one alarm: everything, or else it is not for this.
pub(in crate::store) struct ChainedAlarms<'a> {
    /// The alarm.
    pub(in crate::store) alarm: i64,
    /// When it happened.
    pub(in crate::store) at_us: i64,
    /// Set when it opened the alarm.
    pub(in crate::store) opened: Option<Opened<'a>>,
    /// Sequence of the first event.
    pub(in crate::store) first_sequence: u32,
    /// Version of the events' form.
    pub(in crate::store) schema_version: u16,
    /// The events, as they are stored.
    pub(in crate::store) events: &'a [&'a str],
    /// Revision, text and salt of the plan.
    pub(in crate::store) plan: Option<(u16, &'a str, &'a [u8])>,
    /// Set when it ended the alarm.
    pub(in crate::store) closed_us: Option<i64>,
}

/// What stands fast when an alarm is opened.
pub(in crate::store) struct Opened<'a> {
    pub(in crate::store) line: i64,
    pub(in crate::store) raised_us: i64,
    pub(in crate::store) idempotency_key: &'a str,
    pub(in crate::store) is_doubled: bool,
}

impl Opened<'_> {
    pub(super) fn digest(&self, alarm: i64) -> Hash {
        let mut frame = Frame::new("lianfang audit alarm 1");
        for number in [alarm, self.line, self.raised_us, self.is_doubled.into()] {
            frame.number(number);
        }
        frame.text(self.idempotency_key);
        frame.digest()
    }
}

/// Events of one alarm that follow each other.
pub(super) struct Run {
    pub(super) alarm: i64,
    pub(super) first: i64,
    pub(super) count: i64,
    at_us: i64,
    frame: Frame,
}

/// An event as it is digested.
pub(super) struct EventText<'a> {
    pub(super) at_us: i64,
    pub(super) schema_version: i64,
    pub(super) text: &'a [u8],
}

impl Run {
    pub(super) fn new(alarm: i64, first: i64, at_us: i64) -> Self {
        let mut frame = Frame::new("lianfang audit events 1");
        frame.number(alarm);
        frame.number(first);
        Self { alarm, first, count: 0, at_us, frame }
    }

    pub(super) fn push(&mut self, event: &EventText<'_>) {
        self.frame.number(event.at_us);
        self.frame.number(event.schema_version);
        self.frame.bytes(event.text);
        self.count += 1;
    }

    /// Whether the event of this place follows.
    pub(super) fn is_followed_by(&self, alarm: i64, sequence: i64) -> bool {
        alarm == self.alarm && self.first.checked_add(self.count) == Some(sequence)
    }

    pub(super) fn digest(&self) -> Hash {
        self.frame.digest()
    }

    fn entry(&self) -> NewEntry<'static> {
        NewEntry {
            number: self.first,
            count: self.count,
            content: Some(self.digest()),
            ..plain(Action::Append, EVENT, self.alarm, self.at_us)
        }
    }
}

pub(super) fn plan_digest(alarm: i64, revision: i64, plan: &[u8], salt: &[u8]) -> Hash {
    let mut frame = Frame::new("lianfang audit plan 1");
    frame.number(alarm);
    frame.number(revision);
    frame.bytes(plan);
    frame.keyed(salt)
}

fn plain(action: Action, noun: &'static str, alarm: i64, at_us: i64) -> NewEntry<'static> {
    NewEntry {
        at_us,
        actor: SERVICE,
        action,
        noun,
        row_id: alarm,
        number: 0,
        count: 1,
        content: None,
    }
}

fn close(alarm: i64, closed_us: i64) -> NewEntry<'static> {
    plain(Action::Close, ALARM, alarm, closed_us)
}

/// Chains what a commit wrote, as it has it in memory.
pub(in crate::store) async fn chain_commit(
    change: &mut SqliteConnection,
    written: &[ChainedAlarms<'_>],
) -> Result<(), sqlx::Error> {
    append(change, Chain::Alarms, entries(written)).await
}

/// The entries of what a commit is about to write, behind this one.
pub(in crate::store) fn links(after: Head, written: &[ChainedAlarms<'_>]) -> Links<'static> {
    Links::new(Chain::Alarms, after, entries(written))
}

fn entries(written: &[ChainedAlarms<'_>]) -> Vec<NewEntry<'static>> {
    let mut entries = Vec::new();
    for alarm in written {
        let (id, at_us) = (alarm.alarm, alarm.at_us);
        if let Some(opened) = &alarm.opened {
            let content = Some(opened.digest(id));
            entries.push(NewEntry { content, ..plain(Action::Open, ALARM, id, at_us) });
        }
        if !alarm.events.is_empty() {
            let mut run = Run::new(id, alarm.first_sequence.into(), at_us);
            for event in alarm.events {
                let (schema_version, text) = (alarm.schema_version.into(), event.as_bytes());
                run.push(&EventText { at_us, schema_version, text });
            }
            entries.push(run.entry());
        }
        if let Some((revision, plan, salt)) = alarm.plan {
            let content = Some(plan_digest(id, revision.into(), plan.as_bytes(), salt));
            let plain = plain(Action::Freeze, PLAN, id, at_us);
            entries.push(NewEntry { number: revision.into(), content, ..plain });
        }
        entries.extend(alarm.closed_us.map(|closed_us| close(id, closed_us)));
    }
    entries
}

/// Chains what stands in the tables of these alarms and is not in the chain. `at_us` is the time of what has none.
pub(in crate::store) async fn adopt(
    change: &mut SqliteConnection,
    alarms: &BTreeSet<i64>,
    at_us: i64,
) -> Result<(), sqlx::Error> {
    let ids = serde_json::to_string(alarms).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let mut entries = Vec::new();
    let mut closes = Vec::new();
    type AlarmRow = (i64, i64, i64, String, bool, Option<i64>, bool, bool);
    let rows: Vec<AlarmRow> = sqlx::query_as(ALARMS).bind(&ids).fetch_all(&mut *change).await?;
    for (id, line, raised_us, key, is_doubled, closed_us, has_open, has_close) in &rows {
        if !has_open {
            let (line, raised_us, is_doubled) = (*line, *raised_us, *is_doubled);
            let opened = Opened { line, raised_us, idempotency_key: key, is_doubled };
            let content = Some(opened.digest(*id));
            entries.push(NewEntry { content, ..plain(Action::Open, ALARM, *id, raised_us) });
        }
        closes.extend(closed_us.filter(|_| !has_close).map(|closed_us| close(*id, closed_us)));
    }
    type EventRow = (i64, i64, i64, i64, Vec<u8>);
    let rows: Vec<EventRow> = sqlx::query_as(EVENTS).bind(&ids).fetch_all(&mut *change).await?;
    let mut run: Option<Run> = None;
    for (alarm, sequence, at_us, schema_version, text) in &rows {
        let goes_on =
            |run: &&mut Run| run.is_followed_by(*alarm, *sequence) && run.count < RUN_MAX as i64;
        let event = EventText { at_us: *at_us, schema_version: *schema_version, text };
        match run.as_mut().filter(goes_on) {
            Some(run) => run.push(&event),
            None => {
                let mut next = Run::new(*alarm, *sequence, *at_us);
                next.push(&event);
                entries.extend(run.replace(next).map(|run| run.entry()));
            }
        }
    }
    entries.extend(run.map(|run| run.entry()));
    entries.extend(adopt_plans(change, &ids, at_us).await?);
    entries.extend(closes);
    append(change, Chain::Alarms, entries).await
}

async fn adopt_plans(
    change: &mut SqliteConnection,
    ids: &str,
    at_us: i64,
) -> Result<Vec<NewEntry<'static>>, sqlx::Error> {
    let rows: Vec<(i64, i64, Vec<u8>)> =
        sqlx::query_as(PLANS).bind(ids).fetch_all(&mut *change).await?;
    let mut entries = Vec::new();
    for (alarm, revision, plan) in rows {
        let salt = super::directory::new_salt()?;
        let content = Some(plan_digest(alarm, revision, &plan, &salt));
        let query = sqlx::query(SALT).bind(alarm).bind(revision).bind(salt.as_slice());
        query.execute(&mut *change).await?;
        let plain = plain(Action::Freeze, PLAN, alarm, at_us);
        entries.push(NewEntry { number: revision, content, ..plain });
    }
    Ok(entries)
}

/// Chains that these plans (alarm, revision) were erased.
pub(in crate::store) async fn chain_erasures(
    change: &mut SqliteConnection,
    plans: &[(i64, i64)],
    at_us: i64,
) -> Result<(), sqlx::Error> {
    let entries: Vec<_> = plans
        .iter()
        .map(|&(alarm, number)| NewEntry { number, ..plain(Action::Erase, PLAN, alarm, at_us) })
        .collect();
    append(change, Chain::Alarms, entries).await
}

/// Begins the chain where there is none, and takes into it what an older release stored.
pub(in crate::store) async fn begin_alarms(
    change: &mut SqliteConnection,
    at_us: i64,
) -> Result<(), sqlx::Error> {
    if sqlx::query_scalar(BEGUN).fetch_one(&mut *change).await? {
        return Ok(());
    }
    let count: i64 = sqlx::query_scalar(BEFORE).fetch_one(&mut *change).await?;
    let begin = NewEntry { count, ..plain(Action::Begin, "audit", 0, at_us) };
    append(change, Chain::Alarms, vec![begin]).await?;
    let mut after: Option<i64> = None;
    loop {
        let query = sqlx::query_scalar(IDS).bind(after).bind(ALARMS_AT_ONCE);
        let ids: Vec<i64> = query.fetch_all(&mut *change).await?;
        let Some(last) = ids.last() else { return Ok(()) };
        after = Some(*last);
        adopt(change, &ids.into_iter().collect(), at_us).await?;
    }
}
