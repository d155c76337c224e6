//! Opening the databases only to look at them: a live one beside the service, or a copy in an evidence folder. Nothing
//! is written, made or migrated.

use super::Chain;
use crate::store::{ALARMS_FILE, DIRECTORY_FILE};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::path::{Path, PathBuf};

/// Why a database cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read as a database.
    #[error("cannot read the database {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// An older release wrote it: it has no trail yet.
    #[error("the database {} has no audit trail: start this release on it once", path.display())]
    NoTrail {
        /// The file.
        path: PathBuf,
    },
}

/// The folder with both databases.
#[derive(Clone, Debug)]
pub struct AuditFiles(PathBuf);

impl AuditFiles {
    /// The databases in this folder.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// The file of a chain.
    #[must_use]
    pub fn path(&self, chain: Chain) -> PathBuf {
        self.0.join(match chain {
            Chain::Alarms => ALARMS_FILE,
            Chain::Directory => DIRECTORY_FILE,
        })
    }

    /// Opens one, read-only.
    ///
    /// # Errors
    /// When it cannot be read or has no trail.
    pub async fn open(&self, chain: Chain) -> Result<SqliteConnection, OpenError> {
        let path = self.path(chain);
        let options =
            SqliteConnectOptions::new().filename(&path).read_only(true).disable_statement_logging();
        let mut connection = match connect(&options).await {
            Ok(connection) => connection,
            // A copy where nothing may be written, with no log beside it: it does not change under our eyes.
            Err(_) if !with_suffix(&path, "-wal").exists() => connect(&options.immutable(true))
                .await
                .map_err(|source| OpenError::Open { path: path.clone(), source })?,
            Err(source) => return Err(OpenError::Open { path, source }),
        };
        const HAS_TRAIL: &str =
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'audit')";
        match sqlx::query_scalar(HAS_TRAIL).fetch_one(&mut connection).await {
            Ok(true) => Ok(connection),
            Ok(false) => Err(OpenError::NoTrail { path }),
            Err(source) => Err(OpenError::Open { path, source }),
        }
    }
}

/// Connects and reads, since a database that cannot be read is found only then.
async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = SqliteConnection::connect_with(options).await?;
    sqlx::query("SELECT count(*) FROM sqlite_schema").execute(&mut connection).await?;
    Ok(connection)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
