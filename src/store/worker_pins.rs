//! PINs of workers who record by telephone. Only an Argon2id hash (RFC 9106) is kept; wrong tries lock the PIN for a
//! while, whoever tries.
//!
//! A try is counted before it is looked at, so that many calls at once get no more of them. Must not be waited for by
//! an alarm: a look takes some 50 ms of a core.

use super::StoreError;
use super::audit::{Action, Edit, Editor};
use super::pins::{PinFault, fault};
use super::random::hex;
use super::snapshot::count_edit;
use argon2::Argon2;
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::id::{CommunityId, WorkerId};
use std::sync::LazyLock;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

/// Wrong tries in a row after which a PIN is locked; every further one locks it again.
pub const TRIES_MAX: u32 = 3;
/// How long a PIN is locked.
pub const LOCKED_FOR: SignedDuration = SignedDuration::from_mins(15);
/// Hashes that are computed at a time; each takes 19 MiB.
static HASHES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(2));

const PIN_TABLE: &str = "worker_pin";
const EDITED: &str =
    "UPDATE worker SET version = version + 1 WHERE id = ?1 RETURNING version, community_id";
const PUT: &str = "INSERT INTO worker_pin (worker_id, hash) VALUES (?1, ?2)
    ON CONFLICT (worker_id) DO UPDATE SET hash = excluded.hash, wrong_tries = 0, wrong_us = NULL,
    locked_until_us = NULL";
const FORGET: &str = "DELETE FROM worker_pin WHERE worker_id = ?1";
/// Counts a try; nothing comes back for a PIN that is locked or not there.
const TRY: &str = "UPDATE worker_pin SET wrong_tries = wrong_tries + 1, wrong_us = ?2,
    locked_until_us = CASE WHEN ?3 <= wrong_tries + 1 THEN ?4 END
    WHERE worker_id = ?1 AND coalesce(locked_until_us, 0) <= ?2 RETURNING hash";
const RIGHT: &str = "UPDATE worker_pin SET wrong_tries = 0, wrong_us = NULL, locked_until_us = NULL
    WHERE worker_id = ?1 AND hash = ?2";
const LOCKED: &str = "SELECT 1 FROM worker_pin WHERE worker_id = ?1";

/// Whether a PIN is a worker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerPinVerdict {
    /// It is.
    Right,
    /// It is not, or there is no such worker, or no PIN.
    Wrong,
    /// Too many wrong ones were tried lately: it is not looked at.
    Locked,
}

/// Why a PIN was not set or not looked at.
#[derive(Debug, thiserror::Error)]
pub enum WorkerPinError {
    /// No worker has this id.
    #[error("no worker has this id")]
    NoWorker,
    /// The PIN is not good.
    #[error("the PIN {0}")]
    Faulty(PinFault),
    /// It cannot be hashed.
    #[error("cannot hash a PIN: {0}")]
    Hash(argon2::Error),
    /// The system has no random numbers.
    #[error("cannot get random numbers")]
    Random(#[source] getrandom::Error),
    /// A thread that worked aside has failed.
    #[error("cannot work aside")]
    Aside(#[source] tokio::task::JoinError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sets the PIN of a worker, or takes it away. Locks end with it.
///
/// # Errors
/// [`WorkerPinError`]; nothing is changed then.
pub async fn set(
    editor: &Editor<'_>,
    worker: WorkerId,
    pin: Option<&str>,
) -> Result<(), WorkerPinError> {
    let hash = match pin {
        None => None,
        Some(pin) => {
            if let Some(fault) = fault(pin) {
                return Err(WorkerPinError::Faulty(fault));
            }
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).map_err(WorkerPinError::Random)?;
            Some(hash(hex(&salt), pin.to_owned()).await?)
        }
    };
    let mut change = editor.write().await?;
    let edited = sqlx::query_as(EDITED).bind(worker.0).fetch_optional(&mut *change).await;
    let edited: Option<(u32, u32)> = edited.map_err(StoreError::Write)?;
    let (version, community) = edited.ok_or(WorkerPinError::NoWorker)?;
    let query = match &hash {
        None => sqlx::query(FORGET).bind(worker.0),
        Some(hash) => sqlx::query(PUT).bind(worker.0).bind(hash),
    };
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    let directory_version = count_edit(&mut change, &[CommunityId(community)]).await?;
    let row_id = worker.0.into();
    let edit = Edit { action: Action::Secret, table: "worker", row_id, version, directory_version };
    editor.enter(&mut change, &edit).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(())
}

/// Looks at a PIN that `editor` keyed as a worker, now. Wrong ones are counted and told of in the log; those that were
/// looked at stand in the audit trail, so that guessing makes it no longer than the locks allow.
///
/// # Errors
/// [`WorkerPinError`]; the try is counted unless the database failed.
pub async fn check(
    editor: &Editor<'_>,
    worker: WorkerId,
    pin: &str,
) -> Result<WorkerPinVerdict, WorkerPinError> {
    let (database, now) = (editor.database, editor.at);
    let until = now.saturating_add(LOCKED_FOR).unwrap_or(Timestamp::MAX);
    let mut change = database.write().await?;
    let tried = sqlx::query_scalar(TRY)
        .bind(worker.0)
        .bind(now.as_microsecond())
        .bind(TRIES_MAX)
        .bind(until.as_microsecond())
        .fetch_optional(&mut *change)
        .await;
    let tried: Option<String> = tried.map_err(StoreError::Write)?;
    let known = sqlx::query(LOCKED).bind(worker.0).fetch_optional(&mut *change).await;
    let is_known = known.map_err(StoreError::Read)?.is_some();
    change.commit().await.map_err(StoreError::Write)?;
    // Who guesses numbers of workers learns nothing by the time that it takes.
    let stored = tried.clone().unwrap_or_else(|| format!("{}.", "0".repeat(32)));
    let salt = stored.split('.').next().unwrap_or_default().to_owned();
    let keyed = hash(salt, pin.to_owned()).await?;
    if bool::from(keyed.as_bytes().ct_eq(stored.as_bytes())) {
        let mut change = database.write().await?;
        let query = sqlx::query(RIGHT).bind(worker.0).bind(&stored);
        query.execute(&mut *change).await.map_err(StoreError::Write)?;
        change.commit().await.map_err(StoreError::Write)?;
        return Ok(WorkerPinVerdict::Right);
    }
    if tried.is_some() {
        let mut change = database.write().await?;
        editor.enter_refusal(&mut change, (PIN_TABLE, worker.0.into())).await?;
        change.commit().await.map_err(StoreError::Write)?;
    }
    let is_locked = tried.is_none() && is_known;
    tracing::warn!(worker.id = worker.0, is_locked, "A wrong PIN of a worker was keyed");
    metrics::counter!("lianfang_worker_pins_wrong_total").increment(1);
    Ok(if is_locked { WorkerPinVerdict::Locked } else { WorkerPinVerdict::Wrong })
}

/// `<salt>.<hash>`, both in hexadecimal. Argon2id with 19 MiB, two passes, one lane.
async fn hash(salt: String, pin: String) -> Result<String, WorkerPinError> {
    // The semaphore is never closed; without a slot the hash is computed all the same.
    let _slot = HASHES.acquire().await.ok();
    let work = tokio::task::spawn_blocking(move || {
        let mut hash = [0; 32];
        let hashed =
            Argon2::default().hash_password_into(pin.as_bytes(), salt.as_bytes(), &mut hash);
        hashed.map(|()| format!("{salt}.{}", hex(&hash)))
    });
    work.await.map_err(WorkerPinError::Aside)?.map_err(WorkerPinError::Hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    async fn store() -> Store {
        let store = Store::open_in_memory().await.unwrap();
        let mut change = store.directory().write().await.unwrap();
        sqlx::raw_sql(
            "INSERT INTO street (id, name) VALUES (1, '街');
            INSERT INTO community (id, street_id, name, area_code) VALUES (1, 1, '甲', '0592');
            INSERT INTO worker (id, community_id, name) VALUES (7, 1, '李强'), (8, 1, '王红');",
        )
        .execute(&mut *change)
        .await
        .unwrap();
        let hash = hash("00112233445566778899aabbccddeeff".into(), "4821".into()).await.unwrap();
        sqlx::query(PUT).bind(7).bind(hash).execute(&mut *change).await.unwrap();
        change.commit().await.unwrap();
        store
    }

    async fn at(store: &Store, worker: u32, pin: &str, second: i64) -> WorkerPinVerdict {
        let now = Timestamp::from_second(second).unwrap();
        let editor = store.directory().edited_by("line:5", now);
        check(&editor, WorkerId(worker), pin).await.unwrap()
    }

    #[tokio::test]
    async fn three_wrong_pins_lock_it_for_a_while() {
        use WorkerPinVerdict::{Locked, Right, Wrong};
        let store = store().await;
        assert_eq!(at(&store, 7, "4821", 1).await, Right);
        for (second, pin, wanted) in [
            (2, "4820", Wrong),
            (3, "", Wrong),
            (4, "4821", Right),
            // A right one begins the count anew.
            (5, "4822", Wrong),
            (6, "4823", Wrong),
            (7, "4824", Wrong),
            (8, "4821", Locked),
            (7 + 15 * 60 - 1, "4821", Locked),
            // One more wrong one locks it again.
            (8 + 15 * 60, "4820", Wrong),
            (9 + 15 * 60, "4821", Locked),
            (9 + 30 * 60, "4821", Right),
        ] {
            assert_eq!(at(&store, 7, pin, second).await, wanted, "{pin} at {second}");
        }
        // Nobody, and somebody without a PIN.
        assert_eq!(at(&store, 9, "4821", 1).await, Wrong);
        assert_eq!(at(&store, 8, "", 1).await, Wrong);
        let trail = crate::store::audit::entries_after(store.directory(), 0, 100).await.unwrap();
        let mut refused = trail.iter().filter(|entry| &*entry.action == "refuse");
        assert!(refused.clone().all(|entry| (&*entry.actor, entry.row_id) == ("line:5", 7)));
        assert_eq!(refused.by_ref().count(), 6, "those that were looked at");
    }

    #[tokio::test]
    async fn many_at_once_get_no_more_tries() {
        let store = store().await;
        let tries = (0..8).map(|_| at(&store, 7, "0001", 1));
        let mut wrong = 0;
        for verdict in futures_of(tries).await {
            wrong += u32::from(verdict == WorkerPinVerdict::Wrong);
        }
        assert_eq!(wrong, TRIES_MAX);
    }

    async fn futures_of<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
        let mut waiting: Vec<_> = futures.map(Box::pin).collect();
        let mut done = Vec::new();
        std::future::poll_fn(move |context| {
            waiting.retain_mut(|future| match future.as_mut().poll(context) {
                std::task::Poll::Ready(output) => {
                    done.push(output);
                    false
                }
                std::task::Poll::Pending => true,
            });
            if waiting.is_empty() {
                std::task::Poll::Ready(std::mem::take(&mut done))
            } else {
                std::task::Poll::Pending
            }
        })
        .await
    }
}
