//! Calendars: public holidays and make-up workdays (节假日、调休), of the nation or of one community, a year at a time.

use crate::store::audit::{Editor, ImportedRows};
use crate::store::nouns::{Fault, FieldError, NounError};
use crate::store::snapshot::count_edit;
use crate::store::{Database, StoreError};
use jiff::civil::Date;
use lianfang_domain::id::CommunityId;
use lianfang_domain::roster::DayKind;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::{Row, SqliteConnection};
use utoipa::ToSchema;

/// Days of one year.
const DAYS_MAX: usize = 366;
/// Characters of a day's name.
const NAME_MAX: usize = 60;

/// A day that the calendar says something about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Day {
    /// Which day, such as `2026-10-01`.
    #[schema(value_type = String)]
    pub date: Date,
    /// What it is: `workday` (调休上班), `rest_day` (调休休息) or `holiday` (法定节假日).
    #[schema(value_type = String)]
    pub kind: DayKind,
    /// What it is called, such as `国庆节`.
    #[serde(default)]
    pub name: String,
}

/// The days of a year, by date: the nation's without a community, otherwise the community's own.
///
/// # Errors
/// When the database fails.
pub async fn read(
    database: &Database,
    year: i16,
    community: Option<CommunityId>,
) -> Result<Vec<Day>, StoreError> {
    let mut connection = database.reader().acquire().await.map_err(StoreError::Read)?;
    read_in(&mut connection, year, community).await
}

/// Tells two states of a year apart, as the versions of rows do: the first 29 bits of a digest of its days.
#[must_use]
pub fn version_of(days: &[Day]) -> u32 {
    let digest = Sha256::digest(serde_json::json!(days).to_string());
    digest.iter().take(4).fold(0, |number: u32, byte| (number << 8) | u32::from(*byte)) >> 3
}

async fn read_in(
    connection: &mut SqliteConnection,
    year: i16,
    community: Option<CommunityId>,
) -> Result<Vec<Day>, StoreError> {
    const DAYS: &str = "SELECT day, kind, name FROM calendar_day
        WHERE community_id IS ?1 AND substr(day, 1, 4) = ?2 ORDER BY day";
    let query = sqlx::query(DAYS).bind(community.map(|id| id.0)).bind(format!("{year:04}"));
    let rows = query.fetch_all(connection).await.map_err(StoreError::Read)?;
    let day = |row: &sqlx::sqlite::SqliteRow| {
        let field = |column| {
            let word: String = row.try_get(column)?;
            Ok::<_, sqlx::Error>(serde_json::Value::String(word))
        };
        let decode = |error: serde_json::Error| sqlx::Error::Decode(error.into());
        Ok(Day {
            date: serde_json::from_value(field("day")?).map_err(decode)?,
            kind: serde_json::from_value(field("kind")?).map_err(decode)?,
            name: row.try_get("name")?,
        })
    };
    rows.iter().map(day).collect::<Result<_, sqlx::Error>>().map_err(StoreError::Read)
}

/// Replaces the days of a year, if they are still at `version`. An empty list says again that the year is not known.
///
/// # Errors
/// When a day is of another year or stands twice, somebody changed the year, there is no such community, or the database
/// fails.
pub async fn replace(
    editor: &Editor<'_>,
    (year, community): (i16, Option<CommunityId>),
    version: u32,
    days: &[Day],
) -> Result<(), NounError> {
    const CLEAR: &str =
        "DELETE FROM calendar_day WHERE community_id IS ?1 AND substr(day, 1, 4) = ?2 RETURNING id";
    const FILL: &str = "INSERT INTO calendar_day (community_id, day, kind, name)
        SELECT ?1, json_extract(value, '$.date'), json_extract(value, '$.kind'), json_extract(value, '$.name')
        FROM json_each(?2) RETURNING id";
    const WITH_ROSTER: &str = "SELECT id FROM community WHERE (?1 IS NULL OR id = ?1)
        AND EXISTS (SELECT 1 FROM duty_post WHERE community_id = community.id)";
    const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM community WHERE id = ?1)";
    let faults = check(year, days);
    if !faults.is_empty() {
        return Err(NounError::Faulty(faults));
    }
    let id = community.map(|id| id.0);
    let mut change = editor.write().await?;
    if id.is_some() {
        let query = sqlx::query_scalar(IS_THERE).bind(id);
        if !query.fetch_one(&mut *change).await.map_err(StoreError::Read)? {
            return Err(NounError::NotFound);
        }
    }
    let current = version_of(&read_in(&mut change, year, community).await?);
    if current != version {
        return Err(NounError::Changed { current });
    }
    let query = sqlx::query_scalar(CLEAR).bind(id).bind(format!("{year:04}"));
    let removed = query.fetch_all(&mut *change).await.map_err(StoreError::Write)?;
    let query = sqlx::query_scalar(FILL).bind(id).bind(serde_json::json!(days).to_string());
    let added = query.fetch_all(&mut *change).await.map_err(StoreError::Write)?;
    let rows_count = added.len() + removed.len();
    let rows = ImportedRows { added, changed: Vec::new(), removed };
    editor.enter_rows(&mut change, "calendar_day", &rows).await?;
    let query = sqlx::query_scalar::<_, u32>(WITH_ROSTER).bind(id);
    let touched = query.fetch_all(&mut *change).await.map_err(StoreError::Read)?;
    let touched: Vec<CommunityId> = touched.into_iter().map(CommunityId).collect();
    let version = count_edit(&mut change, &touched).await?;
    editor.enter_import(&mut change, rows_count, version).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(())
}

fn check(year: i16, days: &[Day]) -> Vec<FieldError> {
    let at = |index: usize, field: &str, fault| FieldError {
        pointer: format!("/days/{index}{field}"),
        fault,
    };
    if DAYS_MAX < days.len() {
        return vec![FieldError {
            pointer: "/days".to_owned(),
            fault: Fault::TooMany { max: DAYS_MAX },
        }];
    }
    let mut faults = Vec::new();
    for (index, day) in days.iter().enumerate() {
        if day.date.year() != year {
            faults.push(at(index, "/date", Fault::OtherYear { year }));
        }
        if days.iter().take(index).any(|before| before.date == day.date) {
            faults.push(at(index, "/date", Fault::Twice));
        }
        if NAME_MAX < day.name.chars().count() {
            faults.push(at(index, "/name", Fault::TooLong { max: NAME_MAX }));
        }
    }
    faults
}
