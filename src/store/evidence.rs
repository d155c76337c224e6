//! What was seen of telephone numbers: rows beside the directory, which go when a number leaves it.
//!
//! Read from the log by the order of its audit trail, of which the database of the alarms is only read: nothing here ever
//! holds its writer. What an alarm has shown is written as a whole each time, so that told twice it is kept once. Must not
//! judge: that is for `domain::reachability`.

mod changes;

pub use changes::Changes;

use super::audit::{self, Editor};
use super::{Database, StoreError};
use jiff::Timestamp;
use lianfang_domain::directory::Community;
use lianfang_domain::id::{AlarmId, HouseholdId};
use lianfang_domain::reachability::{Evidence, Known, Seen, Sighting, VisitClass, Who};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Entries of the trail that are looked at together.
const WINDOW: u32 = 50_000;
/// Rows that are erased in one transaction.
const FORGET_CHUNK: u32 = 1000;
/// Stands for the alarm where somebody asked in person.
const VISIT: i64 = 0;

const CURSOR: &str = "SELECT audit_sequence FROM evidence_cursor";
const ADVANCE: &str = "UPDATE evidence_cursor SET audit_sequence = ?2 WHERE audit_sequence = ?1";
const TO_BEGINNING: &str = "UPDATE evidence_cursor SET audit_sequence = 0";
const UP_TO: &str = "SELECT max(sequence) FROM
    (SELECT sequence FROM audit WHERE ?1 < sequence ORDER BY sequence LIMIT ?2)";
const CHANGED: &str = "SELECT DISTINCT row_id FROM audit
    WHERE ?1 < sequence AND sequence <= ?2 AND action IN ('append', 'freeze') ORDER BY row_id";
const REPLACE: [&str; 2] = [
    "DELETE FROM number_evidence WHERE alarm_id IN (SELECT value FROM json_each(?1)) RETURNING number_key",
    "INSERT INTO number_evidence (number_key, alarm_id, what, at_us)
        SELECT known.number_key, seen.value ->> 1, seen.value ->> 2, seen.value ->> 3
        FROM json_each(?1) AS seen JOIN known_number AS known ON known.number_key = seen.value ->> 0
        WHERE true ON CONFLICT (number_key, alarm_id, what) DO UPDATE SET at_us = max(at_us, excluded.at_us)
        RETURNING number_key",
];
const KNOWN: &str =
    "SELECT number_key FROM known_number WHERE ?1 < number_key ORDER BY number_key LIMIT ?2";
const COME: &str = "INSERT INTO known_number (number_key, since_us)
    SELECT value, ?2 FROM json_each(?1) WHERE true ON CONFLICT (number_key) DO NOTHING";
const GONE: &str = "DELETE FROM known_number WHERE number_key IN (SELECT value FROM json_each(?1))";
const VISITED: &str = "INSERT INTO number_evidence (number_key, alarm_id, what, at_us)
    SELECT value, ?2, ?3, ?4 FROM json_each(?1) WHERE true
    ON CONFLICT (number_key, alarm_id, what) DO UPDATE SET at_us = max(at_us, excluded.at_us)";
const OF: &str = "SELECT known.number_key, known.since_us, e.what, e.at_us, e.alarm_id
    FROM json_each(?1) AS wanted JOIN known_number AS known ON known.number_key = wanted.value
    LEFT JOIN number_evidence AS e ON e.number_key = known.number_key";
const CLASSES: &str = "SELECT h.id, h.visit_class FROM json_each(?1) AS wanted
    JOIN household AS h ON h.id = wanted.value WHERE h.visit_class IS NOT NULL";
const OLD: &str = "DELETE FROM number_evidence WHERE (number_key, alarm_id, what) IN
    (SELECT number_key, alarm_id, what FROM number_evidence WHERE at_us < ?1 LIMIT ?2)";

/// Alarms that something was written of since the trail was last read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Which, by id.
    pub alarms: Vec<AlarmId>,
    /// How far the trail had been read before.
    pub from: u64,
    /// How far it was read.
    pub up_to: u64,
    /// Nothing more had been written when it was read.
    pub is_all: bool,
}

/// The next alarms to look at; `None` if nothing is new. When the trail is shorter than what was read of it, the alarms
/// were restored from a backup: all that was read is forgotten, and reading begins anew.
///
/// # Errors
/// When a database fails.
pub async fn news(alarms: &Database, directory: &Database) -> Result<Option<News>, StoreError> {
    let query = sqlx::query_scalar(CURSOR);
    let mut cursor: i64 = query.fetch_one(directory.reader()).await.map_err(StoreError::Read)?;
    let head = audit::head(alarms).await?.map_or(0, |head| head.sequence);
    if head < cursor.unsigned_abs() {
        begin_anew(directory).await?;
        cursor = 0;
    }
    let query = sqlx::query_scalar(UP_TO).bind(cursor).bind(WINDOW);
    let up_to: Option<i64> = query.fetch_one(alarms.reader()).await.map_err(StoreError::Read)?;
    let Some(up_to) = up_to else { return Ok(None) };
    let query = sqlx::query_scalar(CHANGED).bind(cursor).bind(up_to);
    let ids: Vec<i64> = query.fetch_all(alarms.reader()).await.map_err(StoreError::Read)?;
    let alarms = ids.into_iter().map(|id| AlarmId(id.cast_unsigned())).collect();
    let (from, up_to) = (cursor.unsigned_abs(), up_to.unsigned_abs());
    Ok(Some(News { alarms, from, up_to, is_all: head <= up_to }))
}

/// Forgets what alarms have shown, to read all of them again. Visits stay.
///
/// # Errors
/// When the database fails.
pub async fn begin_anew(directory: &Database) -> Result<(), StoreError> {
    let mut change = directory.write().await?;
    let forget = sqlx::query("DELETE FROM number_evidence WHERE alarm_id <> ?1").bind(VISIT);
    forget.execute(&mut *change).await.map_err(StoreError::Write)?;
    sqlx::query(TO_BEGINNING).execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)?;
    directory.evidence.note_all();
    Ok(())
}

/// Keeps what some alarms have shown, in the place of what was kept of them. Numbers that are not in the directory are
/// left out.
///
/// # Errors
/// When the database fails; nothing of it is kept then.
pub async fn put(
    directory: &Database,
    alarms: &[AlarmId],
    seen: &[Sighting],
) -> Result<(), StoreError> {
    let ids: Vec<i64> = alarms.iter().map(|id| id.0.cast_signed()).collect();
    let row = |sighting: &Sighting| {
        let Seen { at, what, alarm } = sighting.seen;
        let alarm = alarm.map_or(VISIT, |id| id.0.cast_signed());
        json!([sighting.number.key(), alarm, what.name(), at.as_microsecond()])
    };
    let rows: Vec<serde_json::Value> = seen.iter().map(row).collect();
    let mut change = directory.write().await?;
    let mut changed: Vec<String> = Vec::new();
    for (sql, values) in REPLACE.into_iter().zip([json!(ids), json!(rows)]) {
        let query = sqlx::query_scalar(sql).bind(values.to_string());
        let numbers: Vec<String> =
            query.fetch_all(&mut *change).await.map_err(StoreError::Write)?;
        changed.extend(numbers);
    }
    change.commit().await.map_err(StoreError::Write)?;
    directory.evidence.note(changed.iter().map(String::as_str));
    Ok(())
}

/// The trail was read from here to there, and all that it led to is kept. Whether that is how far it is read now: when it
/// began anew meanwhile, what was kept is forgotten and has to be read again.
///
/// # Errors
/// When the database fails.
pub async fn advance(directory: &Database, from: u64, up_to: u64) -> Result<bool, StoreError> {
    let mut change = directory.write().await?;
    let query = sqlx::query(ADVANCE).bind(from.cast_signed()).bind(up_to.cast_signed());
    let done = query.execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(done.rows_affected() == 1)
}

/// Numbers that were noticed in the directory, by key, those after `after`.
///
/// # Errors
/// When the database fails.
pub async fn known_after(
    directory: &Database,
    after: &str,
    limit: u32,
) -> Result<Vec<String>, StoreError> {
    let query = sqlx::query_scalar(KNOWN).bind(after).bind(limit);
    query.fetch_all(directory.reader()).await.map_err(StoreError::Read)
}

/// Numbers came into the directory or left it. What was seen of those that left is erased.
///
/// # Errors
/// When the database fails; nothing is changed then.
pub async fn take_up(
    directory: &Database,
    (come, gone): (&[&str], &[&str]),
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut change = directory.write().await?;
    let insert = sqlx::query(COME).bind(json!(come).to_string()).bind(now.as_microsecond());
    insert.execute(&mut *change).await.map_err(StoreError::Write)?;
    let delete = sqlx::query(GONE).bind(json!(gone).to_string());
    delete.execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)?;
    directory.evidence.note(come.iter().chain(gone).copied());
    Ok(())
}

/// Somebody was asked in person, and these numbers of theirs are right. It is entered in the audit trail.
///
/// # Errors
/// When the database fails.
pub async fn visited(editor: &Editor<'_>, who: Who, keys: &[&str]) -> Result<(), StoreError> {
    let now_us = editor.at.as_microsecond();
    let (numbers, keys) = (keys, json!(keys).to_string());
    let mut change = editor.write().await?;
    let insert = sqlx::query(COME).bind(&keys).bind(now_us);
    insert.execute(&mut *change).await.map_err(StoreError::Write)?;
    let visit = sqlx::query(VISITED).bind(&keys).bind(VISIT).bind(Evidence::Visit.name());
    visit.bind(now_us).execute(&mut *change).await.map_err(StoreError::Write)?;
    editor.enter_visit(&mut change, who).await?;
    change.commit().await.map_err(StoreError::Write)?;
    editor.database.evidence.note(numbers.iter().copied());
    Ok(())
}

/// What is known of these numbers; those that nobody has noticed in the directory yet are left out.
///
/// # Errors
/// When the database fails.
pub async fn of(
    directory: &Database,
    keys: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Known>, StoreError> {
    type Row = (String, i64, Option<String>, Option<i64>, Option<i64>);
    let query = sqlx::query_as(OF).bind(json!(keys).to_string());
    let rows: Vec<Row> = query.fetch_all(directory.reader()).await.map_err(StoreError::Read)?;
    let mut all: BTreeMap<String, Known> = BTreeMap::new();
    for (key, since, what, at, alarm) in rows {
        let empty = || Known { since: time(since), seen: Vec::new() };
        let known = all.entry(key).or_insert_with(empty);
        // What a later release has seen says nothing to this one.
        let what = what.as_deref().and_then(Evidence::of_name);
        if let (Some(what), Some(at), Some(alarm)) = (what, at, alarm) {
            let alarm = (alarm != VISIT).then(|| AlarmId(alarm.cast_unsigned()));
            known.seen.push(Seen { at: time(at), what, alarm });
        }
    }
    Ok(all)
}

/// What is known of the numbers of the workers of a community.
///
/// # Errors
/// When the database fails.
pub async fn of_workers(
    directory: &Database,
    community: &Community,
) -> Result<BTreeMap<String, Known>, StoreError> {
    let numbers = community.workers.iter().flat_map(|worker| &worker.numbers);
    of(directory, &numbers.map(|number| number.number.key()).collect()).await
}

/// How often these households are visited, where somebody said so.
///
/// # Errors
/// When the directory cannot be read.
pub async fn visit_classes(
    directory: &Database,
    households: &BTreeSet<HouseholdId>,
) -> Result<BTreeMap<HouseholdId, VisitClass>, StoreError> {
    let query = sqlx::query_as(CLASSES).bind(json!(households).to_string());
    let rows: Vec<(u32, String)> =
        query.fetch_all(directory.reader()).await.map_err(StoreError::Read)?;
    let class = |(id, name): (u32, String)| Some((HouseholdId(id), VisitClass::of_name(&name)?));
    Ok(rows.into_iter().filter_map(class).collect())
}

/// Erases what was seen before `limit`, some rows at a time. Whether there may be more.
///
/// # Errors
/// When the database fails.
pub async fn forget_before(directory: &Database, limit: Timestamp) -> Result<bool, StoreError> {
    let mut change = directory.write().await?;
    let query = sqlx::query(OLD).bind(limit.as_microsecond()).bind(FORGET_CHUNK);
    let gone = query.execute(&mut *change).await.map_err(StoreError::Write)?.rows_affected();
    change.commit().await.map_err(StoreError::Write)?;
    if 0 < gone {
        directory.evidence.note_all();
    }
    Ok(u64::from(FORGET_CHUNK) <= gone)
}

fn time(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX)
}
