//! The rows of recordings: which versions there are, and which of them is played. The sound is in files, see
//! `prompts`.

use super::{Database, StoreError};
use jiff::Timestamp;
use lianfang_domain::directory::Language;
use lianfang_domain::id::CommunityId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

const COLUMNS: &str = "SELECT community_id, language, clip, version, made_us, made_by, length_ms,
    level_cdb, sha256, state FROM recording";
const AT: &str = "coalesce(community_id, 0) = ?1 AND language = ?2 AND clip = ?3";
/// Versions of a clip that are listed: the newest.
const VERSIONS_MAX: i64 = 200;
/// Rows of the current versions that are read: more than any memory holds in sound.
const CURRENT_MAX: i64 = 1_000_000;

/// Which clip, in which language, for whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordingPlace {
    /// The community; `None` for every community that has none of its own.
    pub community: Option<CommunityId>,
    /// The language that is spoken.
    pub language: Language,
    /// Stem of the clip.
    pub clip: String,
}

/// What a version is to those who call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingState {
    /// It is played.
    Current,
    /// An earlier one that can be taken back.
    Kept,
    /// It was withdrawn, and can be taken back.
    Withdrawn,
}

impl RecordingState {
    /// Its name in the database and the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Kept => "kept",
            Self::Withdrawn => "withdrawn",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        [Self::Current, Self::Kept, Self::Withdrawn].into_iter().find(|state| state.name() == name)
    }
}

/// What is known of a recording beside its sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingFacts {
    /// When it was made.
    pub made: Timestamp,
    /// Name of the token that brought it, or `worker 7`.
    pub made_by: String,
    /// How long it plays, in milliseconds.
    pub length_ms: u32,
    /// Level while somebody speaks, in hundredths of dBFS.
    pub level_cdb: i32,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
}

/// One version of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingRow {
    /// Where it is played.
    pub place: RecordingPlace,
    /// Counts the versions from 1.
    pub version: u32,
    /// What is known of it.
    pub facts: RecordingFacts,
    /// Whether it is played.
    pub state: RecordingState,
}

/// Every version that is played, for all communities. Rows in languages that this release does not know are left out.
///
/// # Errors
/// When the database cannot be read.
pub async fn all_current(database: &Database) -> Result<Vec<RecordingRow>, StoreError> {
    let sql = format!("{COLUMNS} WHERE state = 'current' ORDER BY id LIMIT ?1");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(CURRENT_MAX);
    let rows = rows.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// The versions that are played in one language, for one community or for all (`None`), by clip.
///
/// # Errors
/// When the database cannot be read.
pub async fn current_in(
    database: &Database,
    community: Option<CommunityId>,
    language: Language,
) -> Result<Vec<RecordingRow>, StoreError> {
    let sql = format!(
        "{COLUMNS} WHERE coalesce(community_id, 0) = ?1 AND language = ?2 AND state = 'current'
        ORDER BY clip LIMIT {CURRENT_MAX}"
    );
    let community = community.map_or(0, |community| community.0);
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(community).bind(language.tag());
    let rows = rows.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// The versions of one clip, the newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn versions(
    database: &Database,
    place: &RecordingPlace,
) -> Result<Vec<RecordingRow>, StoreError> {
    let sql = format!("{COLUMNS} WHERE {AT} ORDER BY version DESC LIMIT {VERSIONS_MAX}");
    let rows = at(sqlx::query(sqlx::AssertSqlSafe(sql)), place);
    let rows = rows.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// Whether the community of a place is there; all communities always are.
///
/// # Errors
/// When the database cannot be read.
pub async fn has_community(
    database: &Database,
    place: &RecordingPlace,
) -> Result<bool, StoreError> {
    let Some(community) = place.community else { return Ok(true) };
    let known = sqlx::query("SELECT 1 FROM community WHERE id = ?1").bind(community.0);
    let known = known.fetch_optional(database.reader()).await.map_err(StoreError::Read)?;
    Ok(known.is_some())
}

/// Adds a version and lets it be played from now on. `None` when the community is not there.
///
/// # Errors
/// When the database cannot be written; nothing was changed then.
pub async fn add(
    database: &Database,
    place: &RecordingPlace,
    facts: &RecordingFacts,
) -> Result<Option<RecordingRow>, StoreError> {
    if !has_community(database, place).await? {
        return Ok(None);
    }
    let mut change = database.write().await?;
    let sql = format!("SELECT coalesce(max(version), 0) + 1 FROM recording WHERE {AT}");
    let next = at(sqlx::query(sqlx::AssertSqlSafe(sql)), place);
    let next = next.fetch_one(&mut *change).await.map_err(StoreError::Write)?;
    let version: u32 = next.try_get(0).map_err(StoreError::Write)?;
    lay_aside(&mut change, place, RecordingState::Kept).await?;
    let insert = "INSERT INTO recording (community_id, language, clip, version, made_us, made_by,
        length_ms, level_cdb, sha256, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'current')";
    sqlx::query(insert)
        .bind(place.community.map(|community| community.0))
        .bind(place.language.tag())
        .bind(&place.clip)
        .bind(version)
        .bind(facts.made.as_microsecond())
        .bind(&facts.made_by)
        .bind(facts.length_ms)
        .bind(facts.level_cdb)
        .bind(&facts.sha256)
        .execute(&mut *change)
        .await
        .map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)?;
    let state = RecordingState::Current;
    Ok(Some(RecordingRow { place: place.clone(), version, facts: facts.clone(), state }))
}

/// Lets a version be played that is there already. False when there is no such version.
///
/// # Errors
/// When the database cannot be written; nothing was changed then.
pub async fn restore(
    database: &Database,
    place: &RecordingPlace,
    version: u32,
) -> Result<bool, StoreError> {
    let mut change = database.write().await?;
    lay_aside(&mut change, place, RecordingState::Kept).await?;
    let sql = format!("UPDATE recording SET state = 'current' WHERE {AT} AND version = ?4");
    let done = at(sqlx::query(sqlx::AssertSqlSafe(sql)), place).bind(version);
    let done = done.execute(&mut *change).await.map_err(StoreError::Write)?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    change.commit().await.map_err(StoreError::Write)?;
    Ok(true)
}

/// Lets nothing of a clip be played that was recorded here. False when nothing was.
///
/// # Errors
/// When the database cannot be written; nothing was changed then.
pub async fn withdraw(database: &Database, place: &RecordingPlace) -> Result<bool, StoreError> {
    let mut change = database.write().await?;
    let is_done = lay_aside(&mut change, place, RecordingState::Withdrawn).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(is_done)
}

/// Forgets a version, for whoever does not want to be heard any more. The row as it was; `None` if there is none.
///
/// # Errors
/// When the database cannot be written; nothing was changed then.
pub async fn erase(
    database: &Database,
    place: &RecordingPlace,
    version: u32,
) -> Result<Option<RecordingRow>, StoreError> {
    let mut change = database.write().await?;
    let sql = format!("{COLUMNS} WHERE {AT} AND version = ?4");
    let row = at(sqlx::query(sqlx::AssertSqlSafe(sql)), place).bind(version);
    let row = row.fetch_optional(&mut *change).await.map_err(StoreError::Write)?;
    let Some(row) = row else { return Ok(None) };
    let row = read(&row)?;
    let sql = format!("DELETE FROM recording WHERE {AT} AND version = ?4");
    let done = at(sqlx::query(sqlx::AssertSqlSafe(sql)), place).bind(version);
    done.execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(row)
}

/// The languages that each community tries when what is said was not recorded in the one that was asked for.
///
/// # Errors
/// When the database cannot be read.
pub async fn orders(database: &Database) -> Result<Vec<(CommunityId, Vec<Language>)>, StoreError> {
    let rows = sqlx::query("SELECT community_id, languages FROM recording_order");
    let rows = rows.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    let order = |row: &SqliteRow| {
        let tags: String = row.try_get(1)?;
        let tags: Vec<String> = serde_json::from_str(&tags).unwrap_or_default();
        let languages = tags.iter().filter_map(|tag| Language::of_tag(tag)).collect();
        Ok((CommunityId(row.try_get(0)?), languages))
    };
    rows.iter().map(order).collect::<Result<_, sqlx::Error>>().map_err(StoreError::Read)
}

/// Says which languages a community tries. False when the community is not there.
///
/// # Errors
/// When the database cannot be written; nothing was changed then.
pub async fn set_order(
    database: &Database,
    community: CommunityId,
    languages: &[Language],
) -> Result<bool, StoreError> {
    let tags: Vec<&str> = languages.iter().map(|language| language.tag()).collect();
    let mut change = database.write().await?;
    let sql = "INSERT INTO recording_order (community_id, languages)
        SELECT id, ?2 FROM community WHERE id = ?1
        ON CONFLICT (community_id) DO UPDATE SET languages = excluded.languages";
    let done = sqlx::query(sql).bind(community.0).bind(serde_json::json!(tags).to_string());
    let done = done.execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(done.rows_affected() != 0)
}

/// The version that is played is played no more. False when none was.
async fn lay_aside(
    change: &mut Transaction<'static, Sqlite>,
    place: &RecordingPlace,
    state: RecordingState,
) -> Result<bool, StoreError> {
    let sql = format!("UPDATE recording SET state = ?4 WHERE {AT} AND state = 'current'");
    let done = at(sqlx::query(sqlx::AssertSqlSafe(sql)), place).bind(state.name());
    let done = done.execute(&mut **change).await.map_err(StoreError::Write)?;
    Ok(done.rows_affected() != 0)
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

/// Binds the first three parameters of [`AT`].
fn at<'q>(query: Query<'q>, place: &RecordingPlace) -> Query<'q> {
    let community = place.community.map_or(0, |community| community.0);
    query.bind(community).bind(place.language.tag()).bind(place.clip.clone())
}

/// `None` for a language that this release does not know.
fn read(row: &SqliteRow) -> Result<Option<RecordingRow>, StoreError> {
    let read = || {
        let tag: String = row.try_get("language")?;
        let Some(language) = Language::of_tag(&tag) else { return Ok(None) };
        let community: Option<u32> = row.try_get("community_id")?;
        let made: i64 = row.try_get("made_us")?;
        let state: String = row.try_get("state")?;
        let facts = RecordingFacts {
            made: Timestamp::from_microsecond(made)
                .map_err(|error| sqlx::Error::Decode(error.into()))?,
            made_by: row.try_get("made_by")?,
            length_ms: row.try_get("length_ms")?,
            level_cdb: row.try_get("level_cdb")?,
            sha256: row.try_get("sha256")?,
        };
        Ok(Some(RecordingRow {
            place: RecordingPlace {
                community: community.map(CommunityId),
                language,
                clip: row.try_get("clip")?,
            },
            version: row.try_get("version")?,
            facts,
            state: RecordingState::of_name(&state)
                .ok_or_else(|| sqlx::Error::Decode("no known state".into()))?,
        }))
    };
    read().map_err(StoreError::Read)
}
