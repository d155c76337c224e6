//! Second factors of accounts as rows: begun, kept by a first right code, used once a step, taken away.

use super::{AccountError, end_sessions, enter, totp};
use crate::store::audit::{Action, Editor};
use crate::store::nouns::NounError;
use crate::store::random::hex;
use crate::store::{Database, StoreError};
use lianfang_domain::id::AccountId;
use sqlx::SqliteConnection;

const TOTP_PENDING: &str = "UPDATE account SET totp_pending = ?2 WHERE id = ?1 RETURNING id";
const TOTP_KEEP: &str =
    "UPDATE account SET totp_salt = totp_pending, totp_pending = NULL, totp_last_step = ?3,
    version = version + 1 WHERE id = ?1 AND totp_pending = ?2 RETURNING version";
const TOTP_REMOVE: &str =
    "UPDATE account SET totp_salt = NULL, totp_pending = NULL, totp_last_step = NULL,
    version = version + 1 WHERE id = ?1 RETURNING version";
const TOTP_USE: &str = "UPDATE account SET totp_last_step = ?2
    WHERE id = ?1 AND (totp_last_step IS NULL OR totp_last_step < ?2) RETURNING id";
const RECOVERY_CLEAR: &str = "DELETE FROM account_recovery WHERE account_id = ?1";
const RECOVERY_FILL: &str =
    "INSERT INTO account_recovery (account_id, code_sha256) SELECT ?1, value FROM json_each(?2)";
const RECOVERY_USE: &str =
    "DELETE FROM account_recovery WHERE account_id = ?1 AND code_sha256 = ?2 RETURNING account_id";

/// Begins a second factor: it counts from the first right code on. Gives its salt.
///
/// # Errors
/// When there is no such account, no random numbers, or the database fails.
pub async fn begin_totp(editor: &Editor<'_>, id: AccountId) -> Result<String, AccountError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(AccountError::Random)?;
    let salt = hex(&salt);
    let mut change = editor.write().await?;
    let query = sqlx::query(TOTP_PENDING).bind(id.0).bind(&salt);
    let row = query.fetch_optional(&mut *change).await.map_err(StoreError::Write)?;
    row.ok_or(NounError::NotFound)?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(salt)
}

/// Keeps a second factor whose first code, of `step`, was right. Gives new recovery codes, which are shown once; every
/// session but `kept` ends. `None` if another one was begun meanwhile.
///
/// # Errors
/// When there are no random numbers or the database fails.
pub async fn keep_totp(
    editor: &Editor<'_>,
    id: AccountId,
    (salt, step): (&str, i64),
    kept: u32,
) -> Result<Option<Vec<String>>, AccountError> {
    let codes = totp::new_recovery_codes().map_err(AccountError::Random)?;
    let hashes: Vec<String> = codes.iter().filter_map(|code| totp::recovery_hash(code)).collect();
    let mut change = editor.write().await?;
    let query = sqlx::query_scalar(TOTP_KEEP).bind(id.0).bind(salt).bind(step);
    let version: Option<u32> =
        query.fetch_optional(&mut *change).await.map_err(StoreError::Write)?;
    let Some(version) = version else { return Ok(None) };
    clear_recovery(&mut change, id).await?;
    let query = sqlx::query(RECOVERY_FILL).bind(id.0).bind(serde_json::json!(hashes).to_string());
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    end_sessions(&mut change, id, Some(kept)).await?;
    enter(editor, &mut change, Action::Secret, (id, version)).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(Some(codes))
}

/// Takes a second factor away, with its recovery codes.
///
/// # Errors
/// When there is no such account or the database fails.
pub async fn remove_totp(
    editor: &Editor<'_>,
    id: AccountId,
    kept: Option<u32>,
) -> Result<(), AccountError> {
    let mut change = editor.write().await?;
    let query = sqlx::query_scalar(TOTP_REMOVE).bind(id.0);
    let version: Option<u32> =
        query.fetch_optional(&mut *change).await.map_err(StoreError::Write)?;
    let version = version.ok_or(NounError::NotFound)?;
    clear_recovery(&mut change, id).await?;
    end_sessions(&mut change, id, kept).await?;
    enter(editor, &mut change, Action::Revoke, (id, version)).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(())
}

/// Takes the code of a step; whether nobody took it before.
///
/// # Errors
/// When the database fails.
pub async fn use_totp(database: &Database, id: AccountId, step: i64) -> Result<bool, StoreError> {
    let mut change = database.write().await?;
    let query = sqlx::query(TOTP_USE).bind(id.0).bind(step);
    let taken = query.fetch_optional(&mut *change).await.map_err(StoreError::Write)?.is_some();
    change.commit().await.map_err(StoreError::Write)?;
    Ok(taken)
}

/// Takes a recovery code; whether it was one that is left.
///
/// # Errors
/// When the database fails.
pub async fn use_recovery_code(
    database: &Database,
    id: AccountId,
    code: &str,
) -> Result<bool, StoreError> {
    let Some(hash) = totp::recovery_hash(code) else { return Ok(false) };
    let mut change = database.write().await?;
    let query = sqlx::query(RECOVERY_USE).bind(id.0).bind(hash);
    let taken = query.fetch_optional(&mut *change).await.map_err(StoreError::Write)?.is_some();
    change.commit().await.map_err(StoreError::Write)?;
    Ok(taken)
}

async fn clear_recovery(change: &mut SqliteConnection, id: AccountId) -> Result<(), StoreError> {
    let query = sqlx::query(RECOVERY_CLEAR).bind(id.0);
    query.execute(change).await.map_err(StoreError::Write)?;
    Ok(())
}
