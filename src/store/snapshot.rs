//! The directory in memory: loaded at start, and again for each edit as far as it reaches.
//!
//! An edit calls [`count_edit`] in its own transaction and [`DirectoryHandle::refresh`] after the commit. Edits of other
//! processes, such as an import, are found by [`DirectoryHandle::follow`]. `load` has the SQL.

mod load;
mod rows;
#[cfg(test)]
mod tests;

use super::{Database, JsonFault, Store, StoreError};
use crate::tasks::Tasks;
use arc_swap::ArcSwap;
use lianfang_domain::directory::Directory;
use lianfang_domain::id::CommunityId;
use load::Reader;
use sqlx::SqliteConnection;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How often edits of other processes are looked for.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// Counts an edit, in the transaction that makes it, and marks the communities in or below which it happened: those are
/// what a snapshot loads again. Edits of streets, and communities that are deleted, need no mark. Returns the version.
///
/// # Errors
/// When the database fails.
pub async fn count_edit(
    change: &mut SqliteConnection,
    communities: &[CommunityId],
) -> Result<u64, StoreError> {
    const COUNT: &str = "UPDATE directory_version SET version = version + 1 RETURNING version";
    const MARK: &str = "UPDATE community SET changed_version = ?1
        WHERE id IN (SELECT value FROM json_each(?2))";
    let version: i64 =
        sqlx::query_scalar(COUNT).fetch_one(&mut *change).await.map_err(StoreError::Write)?;
    let mark = sqlx::query(MARK).bind(version).bind(load::ids_json(communities));
    mark.execute(&mut *change).await.map_err(StoreError::Write)?;
    Ok(version.unsigned_abs())
}

/// The version of the directory, which every edit counts, as it is in this transaction.
///
/// # Errors
/// When the database fails.
pub(crate) async fn version(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    let version = sqlx::query_scalar::<_, i64>(load::VERSION).fetch_one(connection).await;
    version.map(i64::unsigned_abs).map_err(StoreError::Read)
}

/// Why the directory cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The database failed.
    #[error("cannot read the directory")]
    Read(#[source] sqlx::Error),
    /// A row holds something that no release wrote.
    #[error("cannot understand the {table} of the directory")]
    Decode {
        /// What was read.
        table: &'static str,
        /// Why.
        source: JsonFault,
    },
}

/// Gives everybody the directory as it is now. Cheap to clone; [`DirectoryHandle::current`] neither waits nor locks.
#[derive(Clone, Debug)]
pub struct DirectoryHandle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    current: ArcSwap<Directory>,
    database: Database,
    /// One refresh at a time, so that none puts back an older version.
    refreshing: Mutex<()>,
}

impl DirectoryHandle {
    /// Loads the whole directory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn load(store: &Store) -> Result<Self, LoadError> {
        let database = store.directory().clone();
        let directory = load_all(&database).await?;
        let current = ArcSwap::from_pointee(directory);
        Ok(Self(Arc::new(Shared { current, database, refreshing: Mutex::new(()) })))
    }

    /// The directory as it is now. Keep it for as long as one decision takes, no longer.
    #[must_use]
    pub fn current(&self) -> Arc<Directory> {
        self.0.current.load_full()
    }

    /// Loads what was edited since, if anything was. Returns whether it was.
    ///
    /// # Errors
    /// When it cannot be read; the directory stays as it was.
    pub async fn refresh(&self) -> Result<bool, LoadError> {
        let _one_at_a_time = self.0.refreshing.lock().await;
        let known = self.0.current.load_full();
        let Some(next) = load_edits(&self.0.database, &known).await? else { return Ok(false) };
        self.0.current.store(Arc::new(next));
        Ok(true)
    }

    /// Starts a task that takes up the edits of other processes within about a second.
    pub fn follow(&self, tasks: &Tasks) {
        let handle = self.clone();
        tasks.start("directory", |stop| async move {
            let refreshing = async {
                loop {
                    tokio::time::sleep(FOLLOW_EVERY).await;
                    if let Err(error) = handle.refresh().await {
                        tracing::error!(?error, "Cannot take up edits of the directory");
                    }
                }
            };
            // A refresh that is dropped halfway changed nothing.
            stop.run_until_cancelled(refreshing).await;
        });
    }
}

/// Loads the whole directory as it was at one moment.
async fn load_all(database: &Database) -> Result<Directory, LoadError> {
    let mut read = Reader::begin(database).await?;
    let version = read.version().await?;
    let streets = read.streets().await?;
    let ids = read.communities_changed_after(None).await?;
    let communities = read.all_communities(&ids).await?;
    Ok(Directory::new(version, streets, Vec::new()).with_changes(version, communities, &[]))
}

/// Loads the communities that changed after the version that is known; `None` when that is the newest.
async fn load_edits(
    database: &Database,
    known: &Directory,
) -> Result<Option<Directory>, LoadError> {
    let mut read = Reader::begin(database).await?;
    let version = read.version().await?;
    if version == known.version {
        return Ok(None);
    }
    // An older version than ours: the database was restored from a backup, so nothing that we know counts.
    let since = (known.version < version).then_some(known.version);
    let streets = read.streets().await?;
    let left: BTreeSet<CommunityId> =
        read.communities_changed_after(None).await?.into_iter().collect();
    let changed = read.communities_changed_after(since).await?;
    let changed = read.communities(&changed).await?;
    let removed: Vec<CommunityId> =
        known.communities().map(|known| known.id).filter(|id| !left.contains(id)).collect();
    Ok(Some(known.with_streets(version, streets).with_changes(version, changed, &removed)))
}
