//! Sessions of people who signed in. A secret is given once; only its SHA-256 is kept (see [`crate::store::tokens`]).
//!
//! A session ends after twelve hours without use and after thirty days, and with the rights of its account. The row stays
//! for those thirty days: a device that was signed in before is known again when guesses at the account are slowed down.

use super::rows::{account, time};
use super::{Account, AccountError};
use crate::store::nouns::NounError;
use crate::store::random::{hex, word};
use crate::store::{Database, StoreError};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::id::AccountId;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

/// What every secret begins with, so that scanners for leaked secrets recognise it.
pub const SESSION_PREFIX: &str = "lfs_";
/// How long a session lasts without being used.
pub const IDLE_MAX: SignedDuration = SignedDuration::from_hours(12);
/// How long a session lasts.
pub const LASTS: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How much later a use has to be to be written down.
pub const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Sessions of one account; beyond it the oldest go.
const SESSIONS_MAX: u32 = 20;
/// Characters that are kept of what a client calls itself.
const CLIENT_MAX: usize = 120;
const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 43 characters of base 62 carry 256 bits.
const SECRET_LEN: usize = 43;

const BEGIN: &str = "INSERT INTO account_session (account_id, secret_sha256, created_us, seen_us, expires_us, client)
    SELECT id, ?2, ?3, ?3, ?4, ?5 FROM account WHERE id = ?1 AND version = ?6 AND disabled_us IS NULL RETURNING id";
const CLEAR: &str =
    "DELETE FROM account_session WHERE expires_us <= ?2 OR account_id = ?1 AND id NOT IN
    (SELECT id FROM account_session WHERE account_id = ?1 ORDER BY id DESC LIMIT ?3)";
const BY_SECRET: &str = "SELECT account.*, (SELECT count(*) FROM account_recovery WHERE account_id = account.id)
        AS recovery_codes, s.id AS session_id, s.created_us AS session_created_us, s.seen_us, s.expires_us, s.client
    FROM account_session AS s JOIN account ON account.id = s.account_id
    WHERE s.secret_sha256 = ?1 AND ?2 < s.expires_us AND ?3 < s.seen_us AND s.ended_us IS NULL
        AND account.disabled_us IS NULL";
const WAS: &str = "SELECT id FROM account_session WHERE secret_sha256 = ?1 AND account_id = ?2 AND ?3 < expires_us";
const SEEN: &str = "UPDATE account_session SET seen_us = ?2 WHERE id = ?1 AND seen_us < ?2";
const LIST: &str = "SELECT id AS session_id, created_us AS session_created_us, seen_us, expires_us, client
    FROM account_session WHERE account_id = ?1 AND ?2 < expires_us AND ?3 < seen_us AND ended_us IS NULL ORDER BY id";
const SIGN_OUT: &str =
    "UPDATE account_session SET ended_us = ?2 WHERE id = ?1 AND ended_us IS NULL";
const END: &str =
    "DELETE FROM account_session WHERE account_id = ?1 AND (?2 IS NULL OR id = ?2) RETURNING id";
const END_OTHERS: &str = "DELETE FROM account_session WHERE account_id = ?1 AND id <> ?2";

/// A session that has just begun.
#[derive(Clone)]
pub struct NewSession {
    /// Its id.
    pub id: u32,
    /// Its secret, known to nobody else.
    pub secret: String,
    /// When it ends at the latest.
    pub expires: Timestamp,
}

/// A session as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionView {
    /// Its id.
    pub id: u32,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was used last, to the minute.
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// What the client calls itself.
    pub client: String,
}

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The session.
    pub view: SessionView,
    /// Whose it is, as the account is now.
    pub account: Account,
}

impl Session {
    /// When it ends if it is not used any more.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        let idle = self.view.seen_at.saturating_add(IDLE_MAX).unwrap_or(Timestamp::MAX);
        idle.min(self.view.expires_at)
    }
}

/// Begins a session for the account as it was when its proofs were looked at.
///
/// # Errors
/// When it was changed or disabled meanwhile, there are no random numbers, or the database fails.
pub async fn begin(
    database: &Database,
    account: &Account,
    client: &str,
    now: Timestamp,
) -> Result<NewSession, AccountError> {
    let secret = word(ALPHABET, SECRET_LEN).map_err(AccountError::Random)?;
    let secret = format!("{SESSION_PREFIX}{secret}");
    let expires = now.saturating_add(LASTS).unwrap_or(Timestamp::MAX);
    let client = client.chars().filter(|sign| !sign.is_control()).take(CLIENT_MAX);
    let mut change = database.write().await?;
    let query = sqlx::query_scalar(BEGIN).bind(account.id.0).bind(hash(&secret));
    let query = query.bind(now.as_microsecond()).bind(expires.as_microsecond());
    let query = query.bind(client.collect::<String>()).bind(account.version);
    let id: Option<u32> = query.fetch_optional(&mut *change).await.map_err(StoreError::Write)?;
    let id = id.ok_or(NounError::NotFound)?;
    let query = sqlx::query(CLEAR).bind(account.id.0).bind(now.as_microsecond()).bind(SESSIONS_MAX);
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(NewSession { id, secret, expires })
}

/// The session of this secret, if it lasts now.
///
/// # Errors
/// When the database fails.
pub async fn verify(
    database: &Database,
    secret: &str,
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    if !is_secret(secret) {
        return Ok(None);
    }
    let query = sqlx::query(BY_SECRET).bind(hash(secret)).bind(now.as_microsecond());
    let query = query.bind(idle_limit(now));
    let row = query.fetch_optional(database.reader()).await.map_err(StoreError::Read)?;
    let read = |row: &SqliteRow| Ok(Session { view: view(row)?, account: account(row)? });
    row.as_ref().map(read).transpose().map_err(StoreError::Read)
}

/// The session of this secret, if the account has or had it within thirty days and it was not ended for it.
///
/// # Errors
/// When the database fails.
pub async fn was_of(
    database: &Database,
    secret: &str,
    (account, now): (AccountId, Timestamp),
) -> Result<Option<u32>, StoreError> {
    if !is_secret(secret) {
        return Ok(None);
    }
    let query = sqlx::query_scalar(WAS).bind(hash(secret)).bind(account.0);
    let query = query.bind(now.as_microsecond());
    query.fetch_optional(database.reader()).await.map_err(StoreError::Read)
}

/// Writes down that a session was used.
///
/// # Errors
/// When the database fails.
pub async fn seen(database: &Database, id: u32, now: Timestamp) -> Result<(), StoreError> {
    let mut change = database.write().await?;
    let query = sqlx::query(SEEN).bind(id).bind(now.as_microsecond());
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)
}

/// The sessions of an account that last now.
///
/// # Errors
/// When the database fails.
pub async fn of_account(
    database: &Database,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<SessionView>, StoreError> {
    let query = sqlx::query(LIST).bind(account.0).bind(now.as_microsecond()).bind(idle_limit(now));
    let rows = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    rows.iter().map(view).collect::<Result<_, _>>().map_err(StoreError::Read)
}

/// Signs out: the session ends, its device stays known.
///
/// # Errors
/// When the database fails.
pub async fn sign_out(database: &Database, id: u32, now: Timestamp) -> Result<(), StoreError> {
    let mut change = database.write().await?;
    let query = sqlx::query(SIGN_OUT).bind(id).bind(now.as_microsecond());
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)
}

/// Ends one session of an account, or all of them, and forgets its device. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn end(
    database: &Database,
    account: AccountId,
    id: Option<u32>,
) -> Result<usize, StoreError> {
    let mut change = database.write().await?;
    let query = sqlx::query(END).bind(account.0).bind(id);
    let ended = query.fetch_all(&mut *change).await.map_err(StoreError::Write)?.len();
    change.commit().await.map_err(StoreError::Write)?;
    Ok(ended)
}

/// Ends every session of an account but one, and forgets their devices.
///
/// # Errors
/// When the database fails.
pub async fn end_others(
    database: &Database,
    account: AccountId,
    kept: u32,
) -> Result<(), StoreError> {
    let mut change = database.write().await?;
    let query = sqlx::query(END_OTHERS).bind(account.0).bind(kept);
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)
}

fn is_secret(text: &str) -> bool {
    text.len() == SESSION_PREFIX.len() + SECRET_LEN && text.starts_with(SESSION_PREFIX)
}

fn idle_limit(now: Timestamp) -> i64 {
    now.saturating_sub(IDLE_MAX).unwrap_or(Timestamp::MIN).as_microsecond()
}

fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

fn view(row: &SqliteRow) -> Result<SessionView, sqlx::Error> {
    Ok(SessionView {
        id: row.try_get("session_id")?,
        created_at: time(row.try_get("session_created_us")?),
        seen_at: time(row.try_get("seen_us")?),
        expires_at: time(row.try_get("expires_us")?),
        client: row.try_get("client")?,
    })
}
