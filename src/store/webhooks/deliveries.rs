//! Messages to webhooks: those that wait, those that arrived, and the dead ones, each with what became of it.
//!
//! A message is tried again with growing pauses for a day; then it is dead, and stays for a month to be looked at and sent
//! again. A message is taken for a try by moving the time of its next one: a process that dies meanwhile comes back to it
//! by itself, so that each is delivered once at least.

use super::{WebhookError, WebhookEvent, time};
use crate::store::audit::Editor;
use crate::store::nouns::NounError;
use crate::store::{Database, StoreError};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Messages of one webhook that wait; more, and the oldest of them are dead.
pub const QUEUE_MAX: u32 = 5_000;
/// Messages of one webhook that are kept when they have ended; more, and the oldest go.
const ENDED_MAX: u32 = 5_000;
/// How long they are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long a message is tried.
pub const TRIED: SignedDuration = SignedDuration::from_hours(24);
/// The pause after the first try, in seconds; each is four times the one before.
const PAUSE_S: i64 = 5;
/// The longest pause, in seconds.
const PAUSE_MAX_S: i64 = 4 * 3600;
/// When a try that nobody heard of again is given up.
const LEASE: SignedDuration = SignedDuration::from_secs(60);

const INSERT: &str = "INSERT INTO webhook_delivery
    (webhook_id, message_id, event, body, state, created_us, begun_us, next_us)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, 'waiting', ?2, ?2, ?2 FROM json_each(?1)
    WHERE EXISTS (SELECT 1 FROM webhook WHERE id = value ->> 0)
    ON CONFLICT (webhook_id, message_id) DO NOTHING";
const OVERFLOW: &str = "UPDATE webhook_delivery
    SET state = 'dead', next_us = NULL, ended_us = ?2, last_error = 'queue_full'
    WHERE id IN (SELECT id FROM webhook_delivery WHERE webhook_id = ?1 AND state = 'waiting'
        ORDER BY id DESC LIMIT -1 OFFSET ?3)";
const DUE: &str = "SELECT * FROM webhook_delivery
    WHERE webhook_id = ?1 AND state = 'waiting' AND next_us <= ?2 ORDER BY next_us, id LIMIT ?3";
const NEXT: &str =
    "SELECT min(d.next_us) FROM webhook_delivery AS d JOIN webhook AS w ON w.id = d.webhook_id
    WHERE d.next_us IS NOT NULL AND w.is_enabled = 1";
const TAKE: &str = "UPDATE webhook_delivery SET next_us = ?3, attempts = attempts + 1
    WHERE id = ?1 AND state = 'waiting' AND next_us <= ?2 RETURNING *";
const END: &str =
    "UPDATE webhook_delivery SET state = ?2, next_us = ?3, last_us = ?4, last_status = ?5,
    last_error = ?6, ended_us = ?7 WHERE id = ?1 AND state = 'waiting' AND attempts = ?8";
const LIST: &str =
    "SELECT * FROM webhook_delivery WHERE webhook_id = ?1 AND (?2 IS NULL OR state = ?2)
    AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?4";
const AGAIN: &str =
    "UPDATE webhook_delivery SET state = 'waiting', next_us = ?3, begun_us = ?3, attempts = 0,
    ended_us = NULL WHERE id = ?2 AND webhook_id = ?1 AND state <> 'waiting' RETURNING *";
const BEGIN_AGAIN: &str = "UPDATE webhook_delivery SET next_us = ?2, begun_us = ?2, attempts = 0
    WHERE webhook_id = ?1 AND state = 'waiting'";
const ONE: &str = "SELECT * FROM webhook_delivery WHERE id = ?2 AND webhook_id = ?1";
const STANDINGS: &str = "SELECT d.webhook_id, count(*) FILTER (WHERE d.state = 'waiting') AS waiting,
    count(*) FILTER (WHERE d.state = 'dead') AS dead,
    count(*) FILTER (WHERE d.state <> 'delivered' AND d.last_us > coalesce(t.last_us, -1)) AS failing,
    max(d.last_us) AS last_us, t.last_us AS taken_us
    FROM webhook_delivery AS d LEFT JOIN (SELECT webhook_id, max(last_us) AS last_us
        FROM webhook_delivery WHERE state = 'delivered' GROUP BY webhook_id) AS t USING (webhook_id)
    WHERE ?1 IS NULL OR d.webhook_id = ?1 GROUP BY d.webhook_id";
const FORGET: &str = "DELETE FROM webhook_delivery WHERE ended_us < ?1";
const CUT: &str = "DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery
    WHERE webhook_id = ?1 AND state <> 'waiting' ORDER BY id DESC LIMIT -1 OFFSET ?2)";

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is still tried.
    Waiting,
    /// It was taken with a status of success.
    Delivered,
    /// It is not tried any more.
    Dead,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Dead];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// A message and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Delivery {
    /// Its id.
    pub id: u32,
    /// The webhook.
    pub webhook_id: u32,
    /// What is sent as `webhook-id`: the same however often it is sent.
    pub message_id: String,
    /// What happened, or `ping`.
    #[schema(examples("alarm.raised"))]
    pub event: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried since it was made or sent again.
    pub attempts: u32,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the next try is due, or the one under way is given up; null if none is.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Timestamp>,
    /// When the last try ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_at: Option<Timestamp>,
    /// The HTTP status of the last try; null if there was no answer.
    pub last_status: Option<u16>,
    /// Why the last try failed: `status`, `timeout`, `connect`, `target` (not allowed), `request` or `queue_full`.
    pub last_error: Option<String>,
    /// When it was delivered or given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// What is sent.
    #[serde(skip)]
    pub body: String,
    #[serde(skip)]
    begun_at: Option<Timestamp>,
}

/// How messages to a webhook fare, of those that are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveryStanding {
    /// Messages that are still tried.
    pub waiting: u32,
    /// Messages that were given up.
    pub dead: u32,
    /// Messages whose last try failed since one was taken; 0 while all is well.
    pub failing: u32,
    /// When the last try ended; null if there was none.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_at: Option<Timestamp>,
    /// When a message was last taken; null if none was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub delivered_at: Option<Timestamp>,
}

/// What there is to tell a webhook.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Whom.
    pub webhook_id: u32,
    /// Names it for ever.
    pub message_id: String,
    /// What happened; `None` for a ping.
    pub event: Option<WebhookEvent>,
    /// What is sent.
    pub body: String,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Why it failed; `None` when it was taken.
    pub error: Option<TryError>,
}

/// Why a try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryError {
    /// The answer is no success.
    #[error("status")]
    Status,
    /// It took too long.
    #[error("timeout")]
    Timeout,
    /// Nobody is there, or not whom the certificate should name.
    #[error("connect")]
    Connect,
    /// The configuration does not allow the target, or the address that its name stands for.
    #[error("target")]
    Target,
    /// The connection broke.
    #[error("request")]
    Request,
}

/// Enters messages in the change that notices what they tell. Those that were entered before are left as they are.
pub(super) async fn enter(
    change: &mut SqliteConnection,
    new: &[NewDelivery],
    now: Timestamp,
) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    let row = |new: &NewDelivery| {
        let event = new.event.map_or("ping", WebhookEvent::name);
        json!([new.webhook_id, new.message_id, event, new.body])
    };
    let rows = Value::from_iter(new.iter().map(row)).to_string();
    let now_us = now.as_microsecond();
    let query = sqlx::query(INSERT).bind(rows).bind(now_us);
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    let mut webhooks: Vec<u32> = new.iter().map(|new| new.webhook_id).collect();
    webhooks.sort_unstable();
    webhooks.dedup();
    for webhook in webhooks {
        let query = sqlx::query(OVERFLOW).bind(webhook).bind(now_us).bind(QUEUE_MAX);
        query.execute(&mut *change).await.map_err(StoreError::Write)?;
    }
    Ok(())
}

/// Enters a message that tells nothing but that it arrives.
///
/// # Errors
/// When there is no such webhook or the database fails.
pub async fn ping(
    database: &Database,
    webhook_id: u32,
    now: Timestamp,
) -> Result<Delivery, WebhookError> {
    let word =
        super::word(b"0123456789abcdefghjkmnpqrstvwxyz", 20).map_err(WebhookError::Random)?;
    let message_id = format!("msg_ping_{word}");
    let body = json!({"type": "ping", "timestamp": now, "data": {"webhook_id": webhook_id}});
    let new = NewDelivery {
        webhook_id,
        message_id: message_id.clone(),
        event: None,
        body: body.to_string(),
    };
    let mut change = database.write().await?;
    enter(&mut change, &[new], now).await?;
    let query =
        sqlx::query("SELECT * FROM webhook_delivery WHERE webhook_id = ?1 AND message_id = ?2");
    let query = query.bind(webhook_id).bind(message_id);
    let row = query.fetch_optional(&mut *change).await.map_err(StoreError::Read)?;
    let delivery = of_row(&row.ok_or(NounError::NotFound)?).map_err(StoreError::Read)?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(delivery)
}

/// Messages of a webhook, the latest first, those before `before`.
///
/// # Errors
/// When the database fails.
pub async fn list(
    database: &Database,
    (webhook, state): (u32, Option<DeliveryState>),
    before: Option<u32>,
    limit: u32,
) -> Result<Vec<Delivery>, StoreError> {
    let query = sqlx::query(LIST).bind(webhook).bind(state.map(DeliveryState::name));
    let rows = query.bind(before).bind(limit).fetch_all(database.reader()).await;
    let rows = rows.map_err(StoreError::Read)?;
    rows.iter().map(of_row).collect::<Result<_, _>>().map_err(StoreError::Read)
}

/// How messages fare: to one webhook, or by webhook to all that have any.
///
/// # Errors
/// When the database fails.
pub async fn standings(
    database: &Database,
    webhook: Option<u32>,
) -> Result<BTreeMap<u32, DeliveryStanding>, StoreError> {
    let query = sqlx::query(STANDINGS).bind(webhook);
    let rows = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    let standing = |row: &SqliteRow| {
        let moment = |column: &str| row.try_get::<Option<i64>, _>(column).map(|us| us.map(time));
        let standing = DeliveryStanding {
            waiting: row.try_get("waiting")?,
            dead: row.try_get("dead")?,
            failing: row.try_get("failing")?,
            last_at: moment("last_us")?,
            delivered_at: moment("taken_us")?,
        };
        Ok((row.try_get("webhook_id")?, standing))
    };
    rows.iter().map(standing).collect::<Result<_, _>>().map_err(StoreError::Read)
}

/// Sends a message that has ended again, under its old name, for another day.
///
/// # Errors
/// When there is none, it is still tried, or the database fails.
pub async fn redeliver(
    editor: &Editor<'_>,
    (webhook, id): (u32, u32),
) -> Result<Delivery, WebhookError> {
    let mut change = editor.write().await?;
    let query = sqlx::query(AGAIN).bind(webhook).bind(id).bind(editor.at.as_microsecond());
    let row = query.fetch_optional(&mut *change).await.map_err(StoreError::Write)?;
    let Some(row) = row else {
        let known = sqlx::query(ONE).bind(webhook).bind(id).fetch_optional(&mut *change).await;
        let is_known = known.map_err(StoreError::Read)?.is_some();
        return Err(if is_known { WebhookError::Waiting } else { NounError::NotFound.into() });
    };
    let delivery = of_row(&row).map_err(StoreError::Read)?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(delivery)
}

/// The messages that waited while a webhook was disabled have all of their tries before them, from now on.
pub(super) async fn begin_again(
    change: &mut SqliteConnection,
    webhook: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    let query = sqlx::query(BEGIN_AGAIN).bind(webhook).bind(now.as_microsecond());
    query.execute(change).await.map(drop).map_err(StoreError::Write)
}

/// Takes messages of a webhook that are due for a try, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn take_due(
    database: &Database,
    webhook: u32,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Delivery>, StoreError> {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let query = sqlx::query(DUE).bind(webhook).bind(now.as_microsecond()).bind(limit);
    let due = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let lease = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX).as_microsecond();
    let mut change = database.write().await?;
    let mut taken = Vec::new();
    for row in due {
        let id: u32 = row.try_get("id").map_err(StoreError::Read)?;
        let query = sqlx::query(TAKE).bind(id).bind(now.as_microsecond()).bind(lease);
        let row = query.fetch_optional(&mut *change).await.map_err(StoreError::Write)?;
        taken.extend(row.as_ref().map(of_row).transpose().map_err(StoreError::Read)?);
    }
    change.commit().await.map_err(StoreError::Write)?;
    Ok(taken)
}

/// When something is due next.
///
/// # Errors
/// When the database fails.
pub async fn next_due(database: &Database) -> Result<Option<Timestamp>, StoreError> {
    let query = sqlx::query_scalar(NEXT).fetch_one(database.reader()).await;
    let next: Option<i64> = query.map_err(StoreError::Read)?;
    Ok(next.map(time))
}

/// Writes down how a try ended, and when the next one is due. `chance`, 0 to 1, spreads those that failed together.
///
/// # Errors
/// When the database fails.
pub async fn tried(
    database: &Database,
    delivery: &Delivery,
    tried: Tried,
    (now, chance): (Timestamp, f64),
) -> Result<DeliveryState, StoreError> {
    let next = tried.error.and_then(|_| again_at(delivery, tried.status, (now, chance)));
    let state = match (tried.error, next) {
        (None, _) => DeliveryState::Delivered,
        (Some(_), Some(_)) => DeliveryState::Waiting,
        (Some(_), None) => DeliveryState::Dead,
    };
    let ended = (state != DeliveryState::Waiting).then_some(now);
    let mut change = database.write().await?;
    let query = sqlx::query(END)
        .bind(delivery.id)
        .bind(state.name())
        .bind(next.map(Timestamp::as_microsecond))
        .bind(now.as_microsecond())
        .bind(tried.status)
        .bind(tried.error.map(|error| error.to_string()))
        .bind(ended.map(Timestamp::as_microsecond))
        .bind(delivery.attempts);
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(state)
}

/// When a message is tried again, if it is. 410 says that nobody is there any more.
fn again_at(
    delivery: &Delivery,
    status: Option<u16>,
    (now, chance): (Timestamp, f64),
) -> Option<Timestamp> {
    const GONE: u16 = 410;
    if status == Some(GONE) {
        return None;
    }
    let begun = delivery.begun_at.unwrap_or(delivery.created_at);
    let factor = 4_i64.saturating_pow(delivery.attempts.saturating_sub(1));
    let pause = PAUSE_S.saturating_mul(factor).min(PAUSE_MAX_S);
    // Three quarters of it to five.
    let spread = 0.75 + chance.clamp(0.0, 1.0) / 2.0;
    let pause = SignedDuration::from_millis(pause.saturating_mul(1_000)).mul_f64(spread);
    let next = now.saturating_add(pause).ok()?;
    (next.duration_since(begun) <= TRIED).then_some(next)
}

/// Erases messages that have ended long ago, and the oldest where there are too many.
///
/// # Errors
/// When the database fails.
pub async fn erase_old(
    database: &Database,
    webhooks: &[u32],
    now: Timestamp,
) -> Result<(), StoreError> {
    let limit = now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN).as_microsecond();
    let mut change = database.write().await?;
    let query = sqlx::query(FORGET).bind(limit);
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    for webhook in webhooks {
        let query = sqlx::query(CUT).bind(webhook).bind(ENDED_MAX);
        query.execute(&mut *change).await.map_err(StoreError::Write)?;
    }
    change.commit().await.map_err(StoreError::Write)
}

fn of_row(row: &SqliteRow) -> Result<Delivery, sqlx::Error> {
    let state: &str = row.try_get("state")?;
    let state = DeliveryState::ALL.into_iter().find(|known| known.name() == state);
    let moment = |column: &str| row.try_get::<Option<i64>, _>(column).map(|us| us.map(time));
    Ok(Delivery {
        id: row.try_get("id")?,
        webhook_id: row.try_get("webhook_id")?,
        message_id: row.try_get("message_id")?,
        event: row.try_get("event")?,
        state: state.ok_or_else(|| sqlx::Error::Decode("no known state".into()))?,
        attempts: row.try_get("attempts")?,
        created_at: time(row.try_get("created_us")?),
        next_at: moment("next_us")?,
        last_at: moment("last_us")?,
        last_status: row.try_get("last_status")?,
        last_error: row.try_get("last_error")?,
        ended_at: moment("ended_us")?,
        body: row.try_get("body")?,
        begun_at: moment("begun_us")?,
    })
}
