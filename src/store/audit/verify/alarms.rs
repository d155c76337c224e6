//! Whether alarms, events and plans stand as they were entered, none missing and none besides.

use super::super::alarms::{EventText, Opened, Run, plan_digest};
use super::super::chain::decode_hash;
use super::super::entry::Hash;
use super::{Fault, PAGE, Walk};
use lianfang_domain::id::AlarmId;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

const EVENTS: &str = "SELECT e.alarm_id, e.sequence, e.at_us, e.schema_version, e.event,
        a.sequence AS entry, a.number, a.count, a.content
    FROM alarm_event AS e LEFT JOIN audit AS a ON a.sequence = (
        SELECT near.sequence FROM audit AS near WHERE near.row_id = e.alarm_id
            AND near.noun = 'alarm_event' AND near.number <= e.sequence
        ORDER BY near.number DESC, near.sequence DESC LIMIT 1)
    WHERE (?1, ?2) < (e.alarm_id, e.sequence) ORDER BY e.alarm_id, e.sequence LIMIT ?3";
const EVENTS_GONE: &str = "SELECT sequence, row_id, number, count FROM audit AS a
    WHERE noun = 'alarm_event' AND NOT EXISTS (SELECT 1 FROM alarm_event AS e
        WHERE e.alarm_id = a.row_id AND a.number <= e.sequence AND e.sequence < a.number + a.count)
        AND ?1 < sequence ORDER BY sequence LIMIT ?2";
const ALARMS: &str = "SELECT id, line_id, raised_us, idempotency_key, is_doubled, closed_us,
        (SELECT content FROM audit WHERE row_id = id AND noun = 'alarm' AND action = 'open' LIMIT 1) AS content,
        (SELECT at_us FROM audit WHERE row_id = id AND noun = 'alarm' AND action = 'close' LIMIT 1) AS closed
    FROM alarm WHERE ?1 IS NULL OR ?1 < id ORDER BY id LIMIT ?2";
const ALARMS_GONE: &str =
    "SELECT sequence, row_id FROM audit WHERE noun = 'alarm' AND action = 'open'
        AND NOT EXISTS (SELECT 1 FROM alarm WHERE alarm.id = audit.row_id)
        AND ?1 < sequence ORDER BY sequence LIMIT ?2";
const PLANS: &str = "SELECT alarm_id, revision, plan, salt,
        (SELECT content FROM audit WHERE row_id = alarm_id AND noun = 'alarm_plan' AND number = revision
            AND action = 'freeze' LIMIT 1) AS content,
        EXISTS (SELECT 1 FROM audit WHERE row_id = alarm_id AND noun = 'alarm_plan' AND number = revision
            AND action = 'erase') AS is_erased
    FROM alarm_plan WHERE (?1, ?2) < (alarm_id, revision) ORDER BY alarm_id, revision LIMIT ?3";
const PLANS_GONE: &str = "SELECT sequence, row_id, number FROM audit AS a
    WHERE noun = 'alarm_plan' AND action = 'freeze'
        AND NOT EXISTS (SELECT 1 FROM alarm_plan AS p WHERE p.alarm_id = a.row_id AND p.revision = a.number)
        AND NOT EXISTS (SELECT 1 FROM audit AS e WHERE e.row_id = a.row_id AND e.noun = 'alarm_plan'
            AND e.number = a.number AND e.action = 'erase')
        AND ?1 < sequence ORDER BY sequence LIMIT ?2";

pub(super) async fn check(walk: &mut Walk<'_>) -> Result<(), sqlx::Error> {
    check_events(walk).await?;
    check_alarms(walk).await?;
    check_plans(walk).await?;
    for (sql, fault) in [
        (EVENTS_GONE, events_gone as fn(&SqliteRow) -> Result<Fault, sqlx::Error>),
        (ALARMS_GONE, alarm_gone),
        (PLANS_GONE, plan_gone),
    ] {
        check_gone(walk, sql, fault).await?;
    }
    Ok(())
}

/// Events that share an entry.
struct Group {
    entry: i64,
    count: i64,
    content: Option<Hash>,
    run: Run,
}

impl Group {
    fn fault(&self) -> Option<Fault> {
        if Some(self.run.digest()) == self.content && self.run.count == self.count {
            return None;
        }
        let (alarm, first, entry) = (alarm_id(self.run.alarm), self.run.first, self.entry);
        let last = last_of(first, self.count);
        Some(if self.run.count < self.count {
            Fault::EventsMissing { alarm, first, last, entry }
        } else {
            Fault::EventsChanged { alarm, first, last, entry }
        })
    }
}

async fn check_events(walk: &mut Walk<'_>) -> Result<(), sqlx::Error> {
    let mut after = (i64::MIN, i64::MIN);
    let mut group: Option<Group> = None;
    loop {
        let query = sqlx::query(EVENTS).bind(after.0).bind(after.1).bind(PAGE);
        let rows = query.fetch_all(&mut *walk.connection).await?;
        for row in &rows {
            let (alarm, sequence) = (row.try_get("alarm_id")?, row.try_get("sequence")?);
            after = (alarm, sequence);
            let Some((entry, first, count)) = covering(row, sequence)? else {
                let alarm = alarm_id(alarm);
                walk.found.fault(Fault::EventUnknown { alarm, sequence });
                continue;
            };
            if group.as_ref().is_none_or(|group| group.entry != entry) {
                let content = content_of(row)?;
                let next = Group { entry, count, content, run: Run::new(alarm, first, 0) };
                let done = group.replace(next).and_then(|group| group.fault());
                done.into_iter().for_each(|fault| walk.found.fault(fault));
            }
            let event = EventText {
                at_us: row.try_get("at_us")?,
                schema_version: row.try_get("schema_version")?,
                text: row.try_get("event")?,
            };
            group.iter_mut().for_each(|group| group.run.push(&event));
        }
        if rows.is_empty() {
            break;
        }
        walk.advance(rows.len());
    }
    group.and_then(|group| group.fault()).into_iter().for_each(|fault| walk.found.fault(fault));
    Ok(())
}

/// The entry that covers the event, with its first sequence and how many it has.
fn covering(row: &SqliteRow, sequence: i64) -> Result<Option<(i64, i64, i64)>, sqlx::Error> {
    let Some(entry) = row.try_get::<Option<i64>, _>("entry")? else { return Ok(None) };
    let (first, count): (i64, i64) = (row.try_get("number")?, row.try_get("count")?);
    Ok((sequence <= last_of(first, count)).then_some((entry, first, count)))
}

async fn check_alarms(walk: &mut Walk<'_>) -> Result<(), sqlx::Error> {
    let mut after: Option<i64> = None;
    loop {
        let query = sqlx::query(ALARMS).bind(after).bind(PAGE);
        let rows = query.fetch_all(&mut *walk.connection).await?;
        for row in &rows {
            let id: i64 = row.try_get("id")?;
            after = Some(id);
            let alarm = alarm_id(id);
            let opened = Opened {
                line: row.try_get("line_id")?,
                raised_us: row.try_get("raised_us")?,
                idempotency_key: row.try_get("idempotency_key")?,
                is_doubled: row.try_get("is_doubled")?,
            };
            match content_of(row)? {
                None => walk.found.fault(Fault::AlarmUnknown { alarm }),
                Some(content) if content != opened.digest(id) => {
                    walk.found.fault(Fault::AlarmChanged { alarm });
                }
                Some(_) => {}
            }
            let (closed, entered): (Option<i64>, Option<i64>) =
                (row.try_get("closed_us")?, row.try_get("closed")?);
            if closed != entered {
                walk.found.fault(Fault::EndChanged { alarm });
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        walk.advance(rows.len());
    }
}

async fn check_plans(walk: &mut Walk<'_>) -> Result<(), sqlx::Error> {
    let mut after = (i64::MIN, i64::MIN);
    loop {
        let query = sqlx::query(PLANS).bind(after.0).bind(after.1).bind(PAGE.min(100));
        let rows = query.fetch_all(&mut *walk.connection).await?;
        for row in &rows {
            let (id, revision) = (row.try_get("alarm_id")?, row.try_get("revision")?);
            after = (id, revision);
            let alarm = alarm_id(id);
            let salt: Option<&[u8]> = row.try_get("salt")?;
            let digest = plan_digest(id, revision, row.try_get("plan")?, salt.unwrap_or_default());
            match (content_of(row)?, row.try_get("is_erased")?) {
                (None, _) => walk.found.fault(Fault::PlanUnknown { alarm, revision }),
                (Some(_), true) => walk.found.fault(Fault::PlanBack { alarm, revision }),
                (Some(content), false) if content != digest => {
                    walk.found.fault(Fault::PlanChanged { alarm, revision });
                }
                (Some(_), false) => {}
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        walk.advance(rows.len());
    }
}

/// Entries whose rows are gone.
async fn check_gone(
    walk: &mut Walk<'_>,
    sql: &'static str,
    fault: fn(&SqliteRow) -> Result<Fault, sqlx::Error>,
) -> Result<(), sqlx::Error> {
    let mut after: i64 = 0;
    loop {
        let rows = sqlx::query(sql).bind(after).bind(PAGE).fetch_all(&mut *walk.connection).await?;
        for row in &rows {
            after = row.try_get("sequence")?;
            walk.found.fault(fault(row)?);
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}

fn events_gone(row: &SqliteRow) -> Result<Fault, sqlx::Error> {
    let first = row.try_get("number")?;
    Ok(Fault::EventsMissing {
        alarm: alarm_id(row.try_get("row_id")?),
        first,
        last: last_of(first, row.try_get("count")?),
        entry: row.try_get("sequence")?,
    })
}

fn alarm_gone(row: &SqliteRow) -> Result<Fault, sqlx::Error> {
    let (alarm, entry) = (alarm_id(row.try_get("row_id")?), row.try_get("sequence")?);
    Ok(Fault::AlarmMissing { alarm, entry })
}

fn plan_gone(row: &SqliteRow) -> Result<Fault, sqlx::Error> {
    let (alarm, revision) = (alarm_id(row.try_get("row_id")?), row.try_get("number")?);
    Ok(Fault::PlanMissing { alarm, revision })
}

fn content_of(row: &SqliteRow) -> Result<Option<Hash>, sqlx::Error> {
    row.try_get::<Option<&[u8]>, _>("content")?.map(decode_hash).transpose()
}

fn alarm_id(id: i64) -> AlarmId {
    AlarmId(id.cast_unsigned())
}

fn last_of(first: i64, count: i64) -> i64 {
    first.saturating_add(count).saturating_sub(1)
}
