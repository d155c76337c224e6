//! Webhooks as rows: where to tell what happens, and what. `deliveries` has the messages and what became of them, `news`
//! what there is to tell.
//!
//! Messages hold ids only. The secret that signs them is not kept: it derives from the node's key and a salt in the row.
//! Must not send anything and must not know HTTP.

pub mod dead;
pub mod deliveries;
pub mod news;

use super::audit::{Action, Edit, Editor};
use super::nouns::{Fault, FieldError, NounError};
use super::random::word;
use super::{Database, StoreError};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::id::CommunityId;
use serde::{Deserialize, Serialize};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite, SqliteConnection};
use utoipa::ToSchema;

/// Webhooks at most: each has a queue and places of its own.
pub const WEBHOOKS_MAX: u32 = 50;
/// Longest URL, in characters.
pub const URL_MAX: usize = 2_000;
const DESCRIPTION_MAX: usize = 200;
/// How long the secret before a rotation signs as well.
pub const OLD_SECRET: SignedDuration = SignedDuration::from_hours(24);
const TABLE: &str = "webhook";

const LIST: &str = "SELECT * FROM webhook WHERE ?1 < id ORDER BY id LIMIT ?2";
const GET: &str = "SELECT * FROM webhook WHERE id = ?1";
const COUNT: &str = "SELECT count(*) FROM webhook";
const INSERT: &str = "INSERT INTO webhook
    (url, description, events, community_id, with_drills, is_enabled, salt, created_us)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING *";
const UPDATE: &str =
    "UPDATE webhook SET url = ?1, description = ?2, events = ?3, community_id = ?4,
    with_drills = ?5, is_enabled = ?6, version = version + 1 WHERE id = ?7 RETURNING *";
const DELETE: &str = "DELETE FROM webhook WHERE id = ?1";
const ROTATE: &str = "UPDATE webhook SET salt_before = salt, salt_before_until_us = ?3, salt = ?2,
    version = version + 1 WHERE id = ?1 RETURNING *";

/// What a webhook may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum WebhookEvent {
    /// An alarm began.
    #[serde(rename = "alarm.raised")]
    AlarmRaised,
    /// Somebody is coming.
    #[serde(rename = "alarm.acknowledged")]
    AlarmAcknowledged,
    /// Somebody is at the door.
    #[serde(rename = "alarm.arrived")]
    AlarmArrived,
    /// The alarm was withdrawn.
    #[serde(rename = "alarm.cancelled")]
    AlarmCancelled,
    /// The alarm is over.
    #[serde(rename = "alarm.closed")]
    AlarmClosed,
    /// The first household of a drill began.
    #[serde(rename = "drill.started")]
    DrillStarted,
    /// A drill is over.
    #[serde(rename = "drill.ended")]
    DrillEnded,
    /// A trunk does not answer.
    #[serde(rename = "route.down")]
    RouteDown,
    /// It answers again.
    #[serde(rename = "route.up")]
    RouteUp,
    /// A line that was registered is not any more.
    #[serde(rename = "line.down")]
    LineDown,
    /// It is registered again.
    #[serde(rename = "line.up")]
    LineUp,
}

impl WebhookEvent {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::AlarmRaised,
        Self::AlarmAcknowledged,
        Self::AlarmArrived,
        Self::AlarmCancelled,
        Self::AlarmClosed,
        Self::DrillStarted,
        Self::DrillEnded,
        Self::RouteDown,
        Self::RouteUp,
        Self::LineDown,
        Self::LineUp,
    ];

    /// Its name in messages and in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AlarmRaised => "alarm.raised",
            Self::AlarmAcknowledged => "alarm.acknowledged",
            Self::AlarmArrived => "alarm.arrived",
            Self::AlarmCancelled => "alarm.cancelled",
            Self::AlarmClosed => "alarm.closed",
            Self::DrillStarted => "drill.started",
            Self::DrillEnded => "drill.ended",
            Self::RouteDown => "route.down",
            Self::RouteUp => "route.up",
            Self::LineDown => "line.down",
            Self::LineUp => "line.up",
        }
    }
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Webhook {
    /// Its id.
    pub id: u32,
    /// Where messages are sent.
    pub url: String,
    /// What it is for, in words.
    pub description: String,
    /// What it is told.
    pub events: Vec<WebhookEvent>,
    /// Only what happens in this community; everywhere if null. Routes are everywhere.
    #[schema(value_type = Option<u32>)]
    pub community_id: Option<CommunityId>,
    /// It is told of the alarms of drills too; they carry `is_drill`.
    pub with_drills: bool,
    /// Messages are sent; while not, they wait.
    pub is_enabled: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Until when the secret before the last rotation signs as well; null if none does.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub old_secret_until: Option<Timestamp>,
    /// Counts its edits, from 1; its `ETag`.
    pub version: u32,
    /// What its secret is made of.
    #[serde(skip)]
    pub salt: String,
    /// What the secret before that was made of.
    #[serde(skip)]
    pub salt_before: Option<String>,
}

impl Webhook {
    /// Whether it is told of this, which happened then.
    #[must_use]
    pub fn wants(
        &self,
        event: WebhookEvent,
        community: Option<CommunityId>,
        (is_drill, at): (bool, Timestamp),
    ) -> bool {
        let is_of_alarm = event.name().starts_with("alarm.");
        let is_of_route = matches!(event, WebhookEvent::RouteDown | WebhookEvent::RouteUp);
        self.events.contains(&event)
            && self.created_at <= at
            && (self.with_drills || !is_drill || !is_of_alarm)
            && (self.community_id.is_none() || is_of_route || self.community_id == community)
    }

    /// The salts of the secrets that sign now.
    #[must_use]
    pub fn salts(&self, now: Timestamp) -> Vec<&str> {
        let is_good = self.old_secret_until.is_some_and(|until| now < until);
        let before = self.salt_before.as_deref().filter(|_| is_good);
        std::iter::once(self.salt.as_str()).chain(before).collect()
    }
}

/// What is written of a webhook.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookDraft {
    /// Where messages are sent: `https://` and a host that the configuration allows.
    #[schema(min_length = 1, max_length = 2000)]
    pub url: String,
    /// What it is for, in words; no names of people.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub description: String,
    /// What it is told, each once.
    #[schema(min_items = 1, max_items = 11)]
    pub events: Vec<WebhookEvent>,
    /// Only what happens in this community; everywhere if null. Routes are everywhere.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    pub community_id: Option<CommunityId>,
    /// Tell of the alarms of drills too.
    #[serde(default)]
    pub with_drills: bool,
    /// Send messages; while not, they wait.
    #[serde(default = "yes")]
    pub is_enabled: bool,
}

fn yes() -> bool {
    true
}

impl WebhookDraft {
    /// What is wrong with it, but for the target, which the configuration decides.
    #[must_use]
    pub fn faults(&self) -> Vec<FieldError> {
        let mut faults = Vec::new();
        let mut add = |pointer: String, fault| faults.push(FieldError { pointer, fault });
        if URL_MAX < self.url.chars().count() {
            add("/url".to_owned(), Fault::TooLong { max: URL_MAX });
        }
        if DESCRIPTION_MAX < self.description.chars().count() {
            add("/description".to_owned(), Fault::TooLong { max: DESCRIPTION_MAX });
        } else if self.description.chars().any(char::is_control) {
            add("/description".to_owned(), Fault::ControlCharacter);
        }
        if self.events.is_empty() {
            add("/events".to_owned(), Fault::Empty);
        }
        for (index, event) in self.events.iter().enumerate() {
            if self.events.iter().take(index).any(|before| before == event) {
                add(format!("/events/{index}"), Fault::Twice);
            }
        }
        faults
    }
}

/// Why a webhook was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The row cannot be read or written.
    #[error(transparent)]
    Row(#[from] NounError),
    /// There are as many as there may be.
    #[error("there are {WEBHOOKS_MAX} webhooks")]
    TooMany,
    /// Ended messages alone are sent again.
    #[error("the message waits to be sent")]
    Waiting,
    /// The system gave no random numbers.
    #[error("cannot get random numbers")]
    Random(#[source] getrandom::Error),
}

impl From<StoreError> for WebhookError {
    fn from(error: StoreError) -> Self {
        Self::Row(NounError::Store(error))
    }
}

/// The webhooks after this id, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn list(database: &Database, after: u32, limit: u32) -> Result<Vec<Webhook>, StoreError> {
    let query = sqlx::query(LIST).bind(after).bind(limit);
    let rows = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    rows.iter().map(of_row).collect::<Result<_, _>>().map_err(StoreError::Read)
}

/// The webhook of this id.
///
/// # Errors
/// When there is none or the database fails.
pub async fn get(database: &Database, id: u32) -> Result<Webhook, WebhookError> {
    let row = sqlx::query(GET).bind(id).fetch_optional(database.reader()).await;
    one(row)
}

/// Makes a webhook.
///
/// # Errors
/// When there are too many, the draft has mistakes or the database fails; nothing is changed then.
pub async fn create(editor: &Editor<'_>, draft: &WebhookDraft) -> Result<Webhook, WebhookError> {
    let salt = new_salt()?;
    let mut change = editor.write().await?;
    check(&mut change, draft).await?;
    let count: u32 =
        sqlx::query_scalar(COUNT).fetch_one(&mut *change).await.map_err(StoreError::Read)?;
    if WEBHOOKS_MAX <= count {
        return Err(WebhookError::TooMany);
    }
    let query = bind(sqlx::query(INSERT), draft).bind(salt).bind(editor.at.as_microsecond());
    let row = query.fetch_one(&mut *change).await.map_err(StoreError::Write)?;
    let webhook = of_row(&row).map_err(StoreError::Read)?;
    enter(editor, &mut change, Action::Create, &webhook).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(webhook)
}

/// Replaces what is written of a webhook, if it is still at `version`.
///
/// # Errors
/// When there is none, somebody changed it, the draft has mistakes or the database fails; nothing is changed then.
pub async fn replace(
    editor: &Editor<'_>,
    (id, version): (u32, u32),
    draft: &WebhookDraft,
) -> Result<Webhook, WebhookError> {
    let mut change = editor.write().await?;
    let before = at_version(&mut change, id, version).await?;
    check(&mut change, draft).await?;
    let query = bind(sqlx::query(UPDATE), draft).bind(id);
    let row = query.fetch_one(&mut *change).await.map_err(StoreError::Write)?;
    let webhook = of_row(&row).map_err(StoreError::Read)?;
    if webhook.is_enabled && !before.is_enabled {
        deliveries::begin_again(&mut change, id, editor.at).await?;
    }
    enter(editor, &mut change, Action::Replace, &webhook).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(webhook)
}

/// Deletes a webhook with its messages, if it is still at `version`.
///
/// # Errors
/// When there is none, somebody changed it, or the database fails.
pub async fn delete(editor: &Editor<'_>, (id, version): (u32, u32)) -> Result<(), WebhookError> {
    let mut change = editor.write().await?;
    let webhook = at_version(&mut change, id, version).await?;
    sqlx::query(DELETE).bind(id).execute(&mut *change).await.map_err(StoreError::Write)?;
    enter(editor, &mut change, Action::Delete, &webhook).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(())
}

/// Gives a webhook a new secret. The one before signs as well for [`OLD_SECRET`], so that nothing is lost meanwhile.
///
/// # Errors
/// When there is none or the database fails.
pub async fn rotate(editor: &Editor<'_>, id: u32) -> Result<Webhook, WebhookError> {
    let salt = new_salt()?;
    let until = editor.at.saturating_add(OLD_SECRET).unwrap_or(Timestamp::MAX);
    let mut change = editor.write().await?;
    let query = sqlx::query(ROTATE).bind(id).bind(salt).bind(until.as_microsecond());
    let webhook = one(query.fetch_optional(&mut *change).await)?;
    enter(editor, &mut change, Action::Secret, &webhook).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(webhook)
}

async fn check(change: &mut SqliteConnection, draft: &WebhookDraft) -> Result<(), WebhookError> {
    let mut faults = draft.faults();
    if let Some(id) = draft.community_id {
        let query = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM community WHERE id = ?1)");
        let is_there: bool = query.bind(id.0).fetch_one(change).await.map_err(StoreError::Read)?;
        if !is_there {
            let pointer = "/community_id".to_owned();
            faults.push(FieldError { pointer, fault: Fault::UnknownParent });
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(NounError::Faulty(faults).into()) }
}

fn bind<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    draft: &WebhookDraft,
) -> Query<'q, Sqlite, SqliteArguments> {
    query
        .bind(draft.url.trim().to_owned())
        .bind(draft.description.trim().to_owned())
        .bind(serde_json::json!(draft.events).to_string())
        .bind(draft.community_id.map(|id| id.0))
        .bind(draft.with_drills)
        .bind(draft.is_enabled)
}

async fn at_version(
    change: &mut SqliteConnection,
    id: u32,
    version: u32,
) -> Result<Webhook, WebhookError> {
    let webhook = one(sqlx::query(GET).bind(id).fetch_optional(change).await)?;
    let current = webhook.version;
    if current == version { Ok(webhook) } else { Err(NounError::Changed { current }.into()) }
}

fn one(row: Result<Option<SqliteRow>, sqlx::Error>) -> Result<Webhook, WebhookError> {
    let row = row.map_err(StoreError::Read)?.ok_or(NounError::NotFound)?;
    Ok(of_row(&row).map_err(StoreError::Read)?)
}

async fn enter(
    editor: &Editor<'_>,
    change: &mut SqliteConnection,
    action: Action,
    webhook: &Webhook,
) -> Result<(), StoreError> {
    let (row_id, version) = (webhook.id.into(), webhook.version);
    editor
        .enter(change, &Edit { action, table: TABLE, row_id, version, directory_version: 0 })
        .await
}

fn of_row(row: &SqliteRow) -> Result<Webhook, sqlx::Error> {
    let events: &str = row.try_get("events")?;
    // What a later release can tell is nothing to this one.
    let names: Vec<&str> =
        serde_json::from_str(events).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let known = |name: &&str| WebhookEvent::ALL.into_iter().find(|event| event.name() == *name);
    Ok(Webhook {
        id: row.try_get("id")?,
        url: row.try_get("url")?,
        description: row.try_get("description")?,
        events: names.iter().filter_map(known).collect(),
        community_id: row.try_get::<Option<u32>, _>("community_id")?.map(CommunityId),
        with_drills: row.try_get("with_drills")?,
        is_enabled: row.try_get("is_enabled")?,
        created_at: time(row.try_get("created_us")?),
        old_secret_until: row.try_get::<Option<i64>, _>("salt_before_until_us")?.map(time),
        version: row.try_get("version")?,
        salt: row.try_get("salt")?,
        salt_before: row.try_get("salt_before")?,
    })
}

fn new_salt() -> Result<String, WebhookError> {
    word(b"0123456789abcdef", 32).map_err(WebhookError::Random)
}

fn time(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
