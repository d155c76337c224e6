//! Messages that were given up: sent again, or discarded, one or all of a webhook.
//!
//! Who discards what was never told is entered in the audit trail, by the id of the webhook.

use super::deliveries::QUEUE_MAX;
use super::{WebhookError, get};
use crate::store::StoreError;
use crate::store::audit::Editor;
use crate::store::nouns::NounError;

/// No more than may wait; of more, the latest.
const ALL_AGAIN: &str =
    "UPDATE webhook_delivery SET state = 'waiting', next_us = ?2, begun_us = ?2, attempts = 0,
    ended_us = NULL WHERE id IN (SELECT id FROM webhook_delivery WHERE webhook_id = ?1 AND state = 'dead'
        ORDER BY id DESC LIMIT max(0, ?3 - (SELECT count(*) FROM webhook_delivery
            WHERE webhook_id = ?1 AND state = 'waiting')))";
const DISCARD: &str =
    "DELETE FROM webhook_delivery WHERE id = ?2 AND webhook_id = ?1 AND state <> 'waiting'";
const DISCARD_DEAD: &str = "DELETE FROM webhook_delivery WHERE webhook_id = ?1 AND state = 'dead'";
const IS_THERE: &str =
    "SELECT EXISTS (SELECT 1 FROM webhook_delivery WHERE id = ?2 AND webhook_id = ?1)";

/// Sends all messages of a webhook that were given up again, under their old names, for another day. Returns how many:
/// no more than may wait.
///
/// # Errors
/// When there is no such webhook or the database fails.
pub async fn send_again(editor: &Editor<'_>, webhook: u32) -> Result<u64, WebhookError> {
    get(editor.database, webhook).await?;
    let mut change = editor.write().await?;
    let query = sqlx::query(ALL_AGAIN).bind(webhook).bind(editor.at.as_microsecond());
    let done = query.bind(QUEUE_MAX).execute(&mut *change).await.map_err(StoreError::Write)?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(done.rows_affected())
}

/// Discards a message that has ended.
///
/// # Errors
/// When there is none, it is still tried, or the database fails.
pub async fn discard(editor: &Editor<'_>, (webhook, id): (u32, u32)) -> Result<(), WebhookError> {
    let mut change = editor.write().await?;
    let query = sqlx::query(DISCARD).bind(webhook).bind(id);
    let gone = query.execute(&mut *change).await.map_err(StoreError::Write)?.rows_affected();
    if gone == 0 {
        let query = sqlx::query_scalar(IS_THERE).bind(webhook).bind(id);
        let is_there: bool = query.fetch_one(&mut *change).await.map_err(StoreError::Read)?;
        return Err(if is_there { WebhookError::Waiting } else { NounError::NotFound.into() });
    }
    editor.enter_discard(&mut change, webhook).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(())
}

/// Discards all messages of a webhook that were given up. Returns how many.
///
/// # Errors
/// When there is no such webhook or the database fails.
pub async fn discard_all(editor: &Editor<'_>, webhook: u32) -> Result<u64, WebhookError> {
    get(editor.database, webhook).await?;
    let mut change = editor.write().await?;
    let query = sqlx::query(DISCARD_DEAD).bind(webhook);
    let gone = query.execute(&mut *change).await.map_err(StoreError::Write)?.rows_affected();
    if 0 < gone {
        editor.enter_discard(&mut change, webhook).await?;
    }
    change.commit().await.map_err(StoreError::Write)?;
    Ok(gone)
}
