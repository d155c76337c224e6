//! The databases: the directory (with secrets and tokens) and the alarm log.
//!
//! They are two files, because SQLite has one writer per file: an alarm must never wait until an import or an edit of
//! the directory is done. Nothing refers from one to the other by foreign key; the log holds ids only.
//!
//! Must not know alarms' rules, tasks' names or HTTP. Read on in `alarm_log`, `audit`, `snapshot`, `tokens`, `secrets`.

pub mod accounts;
pub mod alarm_log;
pub mod audit;
pub(crate) mod below;
pub mod drills;
pub mod evidence;
pub mod hand_over;
pub mod history;
mod migrations;
pub mod nouns;
pub mod number;
pub mod pins;
pub mod plans;
mod random;
pub mod reach;
pub mod recordings;
pub mod regroup;
pub mod roster;
mod rows;
pub mod secrets;
pub mod snapshot;
pub mod tokens;
pub mod traces;
pub mod webhooks;
pub mod worker_pins;

use crate::clock::Clock;
use audit::Chain;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Sqlite, Transaction};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use traces::Traces;

/// Name of the file with the directory, its secrets and the tokens.
pub const DIRECTORY_FILE: &str = "directory.db";
/// Name of the file with the alarm log.
pub const ALARMS_FILE: &str = "alarms.db";
/// Name of the folder with the SIP traces.
pub const TRACES_FOLDER: &str = "traces";

/// How long a write of the directory waits for another process, such as an import beside a running service.
const DIRECTORY_BUSY: Duration = Duration::from_secs(30);
/// How long the alarm log waits inside SQLite. Its caller has a deadline of its own, so this is short.
const ALARMS_BUSY: Duration = Duration::from_secs(2);
/// Connections for reading; each has a thread. The service has few readers, all off the path of an alarm.
const READERS: u32 = 3;
/// How long a reader or writer waits for a connection of the pool.
const ACQUIRE_MAX: Duration = Duration::from_secs(30);
/// The write-ahead log is cut back to this size, in bytes, when it was emptied after a large write.
const WAL_KEPT: &str = "67108864";

/// Both databases, open and migrated. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    directory: Database,
    alarms: Database,
    traces: Option<Traces>,
}

/// One database: a single writing connection and a few for reading, which never wait for the writer. One more is for who
/// reads long, so that nobody else waits for them.
///
/// In memory there is one connection for all: whoever holds a [`Database::write`] must not ask for the reader.
#[derive(Clone, Debug)]
pub struct Database {
    writer: SqlitePool,
    reader: SqlitePool,
    long_reader: SqlitePool,
    evidence: evidence::Changes,
}

/// Why JSON that is stored cannot be read: where, and nothing of what stands there, which may be a name or a number and
/// must not get into a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read JSON: {category:?} error in line {line}, column {column}")]
pub struct JsonFault {
    category: serde_json::error::Category,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for JsonFault {
    fn from(error: serde_json::Error) -> Self {
        Self { category: error.classify(), line: error.line(), column: error.column() }
    }
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder is not there and cannot be made.
    #[error("cannot create the folder {}", path.display())]
    CreateFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be opened.
    #[error("cannot open the database {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// The file is no database or is damaged: restore it from a backup.
    #[error("the database {} is damaged or is no database", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// A newer release wrote the file; this one would misread it.
    #[error("the database {} was written by a newer release (migration {migration})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The migration that we do not know.
        migration: i64,
    },
    /// The tables cannot be brought to the form of this release.
    #[error("cannot migrate the database {}", path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// Why.
        source: MigrateError,
    },
    /// A query failed.
    #[error("cannot read the database")]
    Read(#[source] sqlx::Error),
    /// A change failed; nothing of it was done.
    #[error("cannot write to the database")]
    Write(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the same may work in a moment: the database is locked or all connections are in use.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Open { source, .. } | Self::Read(source) | Self::Write(source) => {
                matches!(source, sqlx::Error::PoolTimedOut) || is_busy(source)
            }
            Self::CreateFolder { .. }
            | Self::Corrupt { .. }
            | Self::Newer { .. }
            | Self::Migrate { .. } => false,
        }
    }
}

const SQLITE_ERROR: u32 = 1;
const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_NOTADB: u32 = 26;

/// Whether somebody else has the database.
fn is_busy(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(SQLITE_BUSY | SQLITE_LOCKED))
}

/// The primary result code of SQLite: the low byte of the extended one.
fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

impl Store {
    /// Opens both databases in `folder`, which is made if it is not there, and migrates them.
    ///
    /// # Errors
    /// When a file cannot be opened or migrated, or comes from a newer release.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        make_private_folder(folder)
            .map_err(|source| StoreError::CreateFolder { path: folder.to_owned(), source })?;
        let directory = folder.join(DIRECTORY_FILE);
        let alarms = folder.join(ALARMS_FILE);
        Ok(Self {
            directory: Database::open(&directory, DIRECTORY_BUSY, Chain::Directory).await?,
            alarms: Database::open(&alarms, ALARMS_BUSY, Chain::Alarms).await?,
            traces: Some(Traces::in_folder(&folder.join(TRACES_FOLDER))),
        })
    }

    /// Opens both databases in memory, for tests and trials; they are gone when the store is.
    ///
    /// # Errors
    /// When memory is short.
    pub async fn open_in_memory() -> Result<Self, StoreError> {
        Ok(Self {
            directory: Database::open_in_memory(Chain::Directory).await?,
            alarms: Database::open_in_memory(Chain::Alarms).await?,
            traces: None,
        })
    }

    /// The directory, its secrets and the tokens.
    #[must_use]
    pub fn directory(&self) -> &Database {
        &self.directory
    }

    /// The alarm log.
    #[must_use]
    pub fn alarms(&self) -> &Database {
        &self.alarms
    }

    /// The version of SQLite.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sqlite_version(&self) -> Result<String, StoreError> {
        let query = sqlx::query_scalar("SELECT sqlite_version()");
        query.fetch_one(self.directory.reader()).await.map_err(StoreError::Read)
    }

    /// The SIP traces; `None` in memory.
    #[must_use]
    pub fn traces(&self) -> Option<&Traces> {
        self.traces.as_ref()
    }

    /// Keeps SIP traces in this folder.
    #[must_use]
    pub fn with_traces(self, folder: &Path) -> Self {
        Self { traces: Some(Traces::in_folder(folder)), ..self }
    }

    /// Closes both databases; what was committed is safe without it.
    pub async fn close(&self) {
        for database in [&self.directory, &self.alarms] {
            database.reader.close().await;
            database.long_reader.close().await;
            database.writer.close().await;
        }
    }
}

impl Database {
    async fn open(path: &Path, busy: Duration, chain: Chain) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(busy)
            .pragma("journal_size_limit", WAL_KEPT)
            // What a statement keeps aside is small, and a file for it would be made at each.
            .pragma("temp_store", "MEMORY")
            .disable_statement_logging();
        let writer = one_connection().connect_with(options.clone()).await;
        let writer = writer.map_err(|source| of_open(path, source))?;
        migrations::of(chain).run(&writer).await.map_err(|source| of_migration(path, source))?;
        let reader = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_MAX)
            .connect_lazy_with(options.clone().pragma("query_only", "ON"));
        let long_reader = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_MAX)
            .connect_lazy_with(options.pragma("query_only", "ON"));
        let evidence = evidence::Changes::default();
        let database = Self { writer, reader, long_reader, evidence };
        database.begin_trail(chain).await?;
        Ok(database)
    }

    async fn open_in_memory(chain: Chain) -> Result<Self, StoreError> {
        let path = Path::new(":memory:");
        let options = SqliteConnectOptions::new()
            .in_memory(true)
            .foreign_keys(true)
            .disable_statement_logging();
        let writer = one_connection().connect_with(options).await;
        let writer = writer.map_err(|source| of_open(path, source))?;
        migrations::of(chain).run(&writer).await.map_err(|source| of_migration(path, source))?;
        let evidence = evidence::Changes::default();
        let (reader, long_reader) = (writer.clone(), writer.clone());
        let database = Self { writer, reader, long_reader, evidence };
        database.begin_trail(chain).await?;
        Ok(database)
    }

    /// Begins the audit trail where there is none. One that is there is left alone without a lock, so that a tool can
    /// open the database of a busy service.
    async fn begin_trail(&self, chain: Chain) -> Result<(), StoreError> {
        if audit::head(self).await?.is_some() {
            return Ok(());
        }
        let at_us = Clock::system().now().as_microsecond();
        let mut change = self.write().await?;
        let begun = match chain {
            Chain::Alarms => audit::begin_alarms(&mut change, at_us).await,
            Chain::Directory => audit::begin_directory(&mut change, at_us).await,
        };
        begun.map_err(StoreError::Write)?;
        change.commit().await.map_err(StoreError::Write)
    }

    /// Connections for reading: they see what was committed and wait for nobody.
    #[must_use]
    pub fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    /// The connection for reading all of it, which takes minutes.
    #[must_use]
    pub fn long_reader(&self) -> &SqlitePool {
        &self.long_reader
    }

    /// Of which numbers something new was seen.
    #[must_use]
    pub fn evidence(&self) -> &evidence::Changes {
        &self.evidence
    }

    /// Begins a change. The lock is taken at once, so that two changes follow each other instead of failing halfway.
    /// Dropped without a commit, nothing happened.
    ///
    /// # Errors
    /// When another process holds the database for too long.
    pub async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(StoreError::Write)
    }
}

/// Makes a folder that only its owner can look into: it holds names, numbers and hashes. One that is there stays as it is.
pub(crate) fn make_private_folder(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A pool of exactly one connection that is never given up: in memory, it is the database.
fn one_connection() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(ACQUIRE_MAX)
}

fn of_open(path: &Path, source: sqlx::Error) -> StoreError {
    let path = path.to_owned();
    match primary_code(&source) {
        Some(SQLITE_CORRUPT | SQLITE_NOTADB) => StoreError::Corrupt { path, source },
        Some(_) | None => StoreError::Open { path, source },
    }
}

fn of_migration(path: &Path, source: MigrateError) -> StoreError {
    if let MigrateError::VersionMissing(migration) = source {
        return StoreError::Newer { path: path.to_owned(), migration };
    }
    if let MigrateError::Execute(source) = source {
        return of_open(path, source);
    }
    StoreError::Migrate { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pragma(database: &Database, name: &str) -> String {
        let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
        query.fetch_one(&database.writer).await.expect("reads")
    }

    #[tokio::test]
    async fn a_missing_folder_is_made_and_the_files_are_durable() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("a/b")).await.expect("opens");
        let mode = std::fs::metadata(folder.path().join("a/b")).unwrap().permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o700);
        for database in [store.directory(), store.alarms()] {
            assert_eq!(pragma(database, "journal_mode").await, "wal");
            assert_eq!(pragma(database, "synchronous").await, "2");
            assert_eq!(pragma(database, "foreign_keys").await, "1");
        }
        store.close().await;
        Store::open(&folder.path().join("a/b")).await.expect("opens again");
    }

    #[tokio::test]
    async fn a_reader_sees_the_committed_and_cannot_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        let count = || sqlx::query_scalar::<_, i64>("SELECT count(*) FROM street");
        let mut change = store.directory().write().await.expect("begins");
        sqlx::query("INSERT INTO street (name) VALUES ('筼筜')")
            .execute(&mut *change)
            .await
            .unwrap();
        assert_eq!(count().fetch_one(store.directory().reader()).await.unwrap(), 0);
        change.commit().await.unwrap();
        assert_eq!(count().fetch_one(store.directory().reader()).await.unwrap(), 1);
        let wrong = sqlx::query("DELETE FROM street").execute(store.directory().reader()).await;
        assert!(wrong.is_err());
    }

    #[tokio::test]
    async fn a_dropped_change_did_not_happen() {
        let store = Store::open_in_memory().await.expect("opens");
        let mut change = store.directory().write().await.expect("begins");
        sqlx::query("INSERT INTO street (name) VALUES ('x')").execute(&mut *change).await.unwrap();
        drop(change);
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM street")
            .fetch_one(store.directory().reader())
            .await
            .unwrap();
        assert_eq!(count, 0);
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(ALARMS_FILE), "x".repeat(8192)).unwrap();
        let error = Store::open(folder.path()).await.expect_err("refuses");
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains(ALARMS_FILE), "{error}");
    }

    #[tokio::test]
    async fn a_file_of_a_newer_release_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        let newer =
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                     VALUES (9999, 'of the future', TRUE, x'00', 0)";
        sqlx::query(newer).execute(&store.directory.writer).await.unwrap();
        store.close().await;
        let error = Store::open(folder.path()).await.expect_err("refuses");
        assert!(matches!(error, StoreError::Newer { migration: 9999, .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let error = Store::open(&file.path().join("sub")).await.expect_err("refuses");
        assert!(matches!(error, StoreError::CreateFolder { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn an_open_change_of_the_directory_holds_up_no_alarm() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        let import = store.directory().write().await.expect("begins");
        let mut alarm = store.alarms().write().await.expect("begins beside it");
        sqlx::query("INSERT INTO alarm_plan (alarm_id, revision, plan) VALUES (1, 1, '{}')")
            .execute(&mut *alarm)
            .await
            .unwrap();
        alarm.commit().await.unwrap();
        drop(import);
    }
}
