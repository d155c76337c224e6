//! The rows of drills: what was written, which doors were drawn, and what became of each.
//!
//! They hold ids only. Must not decide when anything begins: that is for `domain::drill`.

pub mod notices;

use super::{Database, StoreError};
use jiff::Timestamp;
use lianfang_domain::directory::LineRef;
use lianfang_domain::drill::{Drill, Ending, Home, HomeState, Skip};
use lianfang_domain::id::{AlarmId, CommunityId, DrillId, GroupId, HouseholdId, LineId};
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

const COLUMNS: &str =
    "SELECT id, document, created_us, created_by, announced_us, ended_us, ending FROM drill";
const HOMES: &str = "SELECT household_id, line_id, group_id, alarm_id, started_us, skipped
    FROM drill_home WHERE drill_id = ?1 ORDER BY place";
const INSERT: &str = "INSERT INTO drill (community_id, document, created_us, created_by)
    VALUES (?1, ?2, ?3, ?4) RETURNING id";
const INSERT_HOMES: &str = "INSERT INTO drill_home (drill_id, place, household_id, line_id, group_id)
    SELECT ?1, home.key, home.value ->> 0, home.value ->> 1, home.value ->> 2 FROM json_each(?2) AS home";
const STARTED: &str = "UPDATE drill_home SET alarm_id = ?3, started_us = ?4
    WHERE drill_id = ?1 AND place = ?2";
const SKIPPED: &str = "UPDATE drill_home SET skipped = ?3
    WHERE drill_id = ?1 AND place = ?2 AND alarm_id IS NULL";
const ANNOUNCED: &str = "UPDATE drill SET announced_us = ?2 WHERE id = ?1 AND announced_us IS NULL";
const ENDED: &str =
    "UPDATE drill SET ended_us = ?2, ending = ?3 WHERE id = ?1 AND ended_us IS NULL";

/// A drill as it is stored.
#[derive(Clone, Debug)]
pub struct StoredDrill {
    /// Its id.
    pub id: DrillId,
    /// What was written.
    pub drill: Drill,
    /// When it was made.
    pub created: Timestamp,
    /// The name of the token that made it.
    pub created_by: String,
    /// When those who will be called were told.
    pub announced: Option<Timestamp>,
    /// When and how it ended.
    pub ended: Option<(Timestamp, Ending)>,
    /// Its doors, in their order; empty in a list.
    pub homes: Vec<Home>,
}

/// Stores a new drill with the doors that were drawn.
///
/// # Errors
/// When the database fails.
pub async fn create(
    database: &Database,
    drill: &Drill,
    homes: &[Home],
    (by, now): (&str, Timestamp),
) -> Result<DrillId, StoreError> {
    let document = serde_json::json!(drill).to_string();
    let doors = homes.iter().map(|home| (home.line.household, home.line.line, home.group));
    let doors = serde_json::json!(doors.collect::<Vec<_>>()).to_string();
    let mut change = database.write().await?;
    let insert = sqlx::query_scalar(INSERT)
        .bind(drill.community.0)
        .bind(document)
        .bind(now.as_microsecond())
        .bind(by);
    let id: u32 = insert.fetch_one(&mut *change).await.map_err(StoreError::Write)?;
    let insert = sqlx::query(INSERT_HOMES).bind(id).bind(doors);
    insert.execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(DrillId(id))
}

/// A drill with its doors.
///
/// # Errors
/// When the database fails.
pub async fn get(database: &Database, id: DrillId) -> Result<Option<StoredDrill>, StoreError> {
    let mut read = database.reader().begin().await.map_err(StoreError::Read)?;
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = ?1")))
        .bind(id.0)
        .fetch_optional(&mut *read)
        .await
        .map_err(StoreError::Read)?;
    let Some(mut found) = row.map(|row| of_row(&row)).transpose().map_err(StoreError::Read)? else {
        return Ok(None);
    };
    found.homes = homes(&mut read, &found).await.map_err(StoreError::Read)?;
    Ok(Some(found))
}

/// Which drills to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct DrillFilter<'a> {
    /// Only those before this one.
    pub before: Option<DrillId>,
    /// Only those that are not over, or only the others.
    pub is_running: Option<bool>,
    /// Only those of these communities.
    pub communities: Option<&'a [CommunityId]>,
}

/// Drills without their doors, the latest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    database: &Database,
    DrillFilter { before, is_running, communities }: DrillFilter<'_>,
    limit: u32,
) -> Result<Vec<StoredDrill>, StoreError> {
    let sql = format!(
        "{COLUMNS} WHERE (?1 IS NULL OR id < ?1) AND (?3 IS NULL OR (ended_us IS NULL) = ?3)
            AND (?4 IS NULL OR community_id IN (SELECT value FROM json_each(?4)))
        ORDER BY id DESC LIMIT ?2"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(before.map(|id| id.0)).bind(limit);
    let query = query.bind(is_running).bind(communities.map(|ids| json!(ids).to_string()));
    let rows = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    rows.iter().map(of_row).collect::<Result<_, _>>().map_err(StoreError::Read)
}

/// Drills that are not over.
///
/// # Errors
/// When the database fails.
pub async fn running(database: &Database) -> Result<Vec<DrillId>, StoreError> {
    let query = sqlx::query_scalar("SELECT id FROM drill WHERE ended_us IS NULL ORDER BY id");
    let ids: Vec<u32> = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    Ok(ids.into_iter().map(DrillId).collect())
}

/// Those who will be called were told.
///
/// # Errors
/// When the database fails.
pub async fn announced(database: &Database, id: DrillId, now: Timestamp) -> Result<(), StoreError> {
    let query = sqlx::query(ANNOUNCED).bind(id.0).bind(now.as_microsecond());
    write(database, query).await.map(|_| ())
}

/// Writes down what became of a door.
///
/// # Errors
/// When the database fails.
pub async fn set_home(
    database: &Database,
    id: DrillId,
    (place, state): (usize, HomeState),
) -> Result<(), StoreError> {
    let place = i64::try_from(place).unwrap_or(i64::MAX);
    let query = match state {
        HomeState::Waiting => return Ok(()),
        HomeState::Started { alarm, at } => sqlx::query(STARTED)
            .bind(id.0)
            .bind(place)
            .bind(alarm.0.cast_signed())
            .bind(at.as_microsecond()),
        HomeState::Skipped(why) => sqlx::query(SKIPPED).bind(id.0).bind(place).bind(name_of(why)),
    };
    write(database, query).await.map(|_| ())
}

/// Ends a drill. Whether it was not over yet.
///
/// # Errors
/// When the database fails.
pub async fn end(
    database: &Database,
    id: DrillId,
    ending: Ending,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let ending = match ending {
        Ending::Over => "over",
        Ending::Cancelled => "cancelled",
    };
    let query = sqlx::query(ENDED).bind(id.0).bind(now.as_microsecond()).bind(ending);
    Ok(write(database, query).await? == 1)
}

type Query<'a> = sqlx::query::Query<'a, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

async fn write(database: &Database, query: Query<'_>) -> Result<u64, StoreError> {
    let mut change = database.write().await?;
    let done = query.execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(done.rows_affected())
}

fn of_row(row: &SqliteRow) -> Result<StoredDrill, sqlx::Error> {
    let document: String = row.try_get("document")?;
    let drill = serde_json::from_str(&document).map_err(|error| {
        let fault: super::JsonFault = error.into();
        sqlx::Error::Decode(fault.into())
    })?;
    let ended: Option<i64> = row.try_get("ended_us")?;
    let ending = match row.try_get::<Option<&str>, _>("ending")? {
        Some("cancelled") => Ending::Cancelled,
        Some(_) | None => Ending::Over,
    };
    Ok(StoredDrill {
        id: DrillId(row.try_get("id")?),
        drill,
        created: time(row.try_get("created_us")?),
        created_by: row.try_get("created_by")?,
        announced: row.try_get::<Option<i64>, _>("announced_us")?.map(time),
        ended: ended.map(|at| (time(at), ending)),
        homes: Vec::new(),
    })
}

async fn homes(read: &mut SqliteConnection, drill: &StoredDrill) -> Result<Vec<Home>, sqlx::Error> {
    let rows = sqlx::query(HOMES).bind(drill.id.0).fetch_all(read).await?;
    rows.iter().map(|row| home(row, drill.drill.community)).collect()
}

fn home(row: &SqliteRow, community: CommunityId) -> Result<Home, sqlx::Error> {
    let alarm: Option<i64> = row.try_get("alarm_id")?;
    let started: Option<i64> = row.try_get("started_us")?;
    let state = match (alarm, row.try_get::<Option<&str>, _>("skipped")?) {
        (Some(alarm), _) => HomeState::Started {
            alarm: AlarmId(alarm.cast_unsigned()),
            at: time(started.unwrap_or_default()),
        },
        (None, Some("gone")) => HomeState::Skipped(Skip::Gone),
        (None, Some(_)) => HomeState::Skipped(Skip::LineHasAlarm),
        (None, None) => HomeState::Waiting,
    };
    let line = LineRef {
        community,
        household: HouseholdId(row.try_get("household_id")?),
        line: LineId(row.try_get("line_id")?),
    };
    Ok(Home { line, group: GroupId(row.try_get("group_id")?), state })
}

fn name_of(why: Skip) -> &'static str {
    match why {
        Skip::LineHasAlarm => "line_has_alarm",
        Skip::Gone => "gone",
    }
}

fn time(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX)
}
