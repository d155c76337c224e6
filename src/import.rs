//! The directory as files, in and out: `lianfang import DIR`, `lianfang export DIR`, and the same over the API.
//!
//! An import reads all files, reports everything that is wrong with them at once, and changes either everything or
//! nothing, in one transaction. Rows are found by names, as people write them: street, community, grid, group,
//! household. `docs/import.md` is the description for users.
//!
//! Must not print: the reports implement `Display`.

mod apply;
mod compare;
mod difference;
mod export;
mod file;
mod holders;
mod known;
mod named;
mod problem;
mod progress;
mod table;
#[cfg(test)]
mod tests;
mod undo;
mod upload;

pub use difference::{Cell, Difference, ROWS_MAX, RowAction, RowDifference};
pub use export::{export, export_zip};
pub use known::Within;
pub use problem::{Problem, Problems, Reason};
pub use progress::Progress;
pub use table::Noun;
pub use undo::{UndoChangeError, undo_change};
pub use upload::{ImportFile, SentFile, UPLOAD_MAX, UploadError, unpack};

use crate::store::audit::Editor;
use crate::store::{Database, JsonFault, StoreError, snapshot};
use compare::Comparison;
use lianfang_domain::directory::DigestAlgorithm;
use sqlx::{Sqlite, SqliteConnection, Transaction};
use std::fmt;
use std::path::{Path, PathBuf};

/// How often files are compared with a directory that is edited meanwhile, before its edits wait.
const COMPARED_MAX: u32 = 3;

/// What to do with the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// Rows of the directory that are not in a file are removed, if that file is there.
    pub replace: bool,
    /// Everything is checked and counted, nothing is changed.
    pub dry_run: bool,
    /// The realm of passwords whose row names none.
    pub realm: String,
}

/// What changes in one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rows that are new.
    pub added: usize,
    /// Rows that differ.
    pub changed: usize,
    /// Rows that are no longer wanted, or hang below one that is not.
    pub removed: usize,
    /// Rows that stay as they are.
    pub unchanged: usize,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Per table, parents first.
    pub changes: Vec<(Noun, Changes)>,
    /// Lines whose secrets are new or differ.
    pub secrets: usize,
    /// Posts that somebody else holds round the clock.
    pub posts_held: usize,
    /// Nothing was changed, because nothing should be.
    pub dry_run: bool,
}

/// Why an import or an export did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// None of the files is there.
    #[error("{} has none of the files of an import", path.display())]
    NoFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    WriteFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody asked for the end.
    #[error("cancelled; nothing was changed")]
    Cancelled,
    /// The directory is not what it was when the differences were told.
    #[error("the directory changed since the differences were told")]
    Changed,
    /// A file of an archive cannot be written.
    #[error("cannot write the archive")]
    Archive(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The files are wrong.
    #[error("{0}")]
    Problems(Problems),
    /// The database holds something that no release wrote.
    #[error("cannot understand the {table} of the directory")]
    Decode {
        /// The table.
        table: &'static str,
        /// Why.
        source: JsonFault,
    },
    /// The database failed; nothing was changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// HA1 of one line in one realm.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Secrets {
    realm: String,
    hashes: Vec<(DigestAlgorithm, String)>,
}

/// Imports the files of a folder. A running service takes the change up within a second.
///
/// # Errors
/// When a file is wrong, with everything that is wrong, or the database fails; then nothing was changed.
pub async fn import(
    editor: &Editor<'_>,
    folder: &Path,
    options: &ImportOptions,
) -> Result<ImportReport, ImportError> {
    let progress = Progress::default();
    let how = (options, Within::EVERYTHING, &progress);
    Ok(import_files(editor, &read_files(folder)?, how, None).await?.0)
}

/// What an import of these files would change. Changes nothing, and holds up nobody who edits.
///
/// # Errors
/// When a file is wrong, with everything that is wrong, it is cancelled, or the database fails.
pub async fn difference(
    database: &Database,
    files: &[ImportFile],
    how: (&ImportOptions, Within, &Progress),
) -> Result<Difference, ImportError> {
    let read = database.reader().begin().await;
    let mut read = read.map_err(StoreError::Read)?;
    let comparison = compare::compare(&mut read, files, how).await?;
    difference::tell(&mut read, &comparison).await
}

/// Imports files; only if what changes has this digest, where one is given. The report, and the change that it is; none
/// when nothing differs.
///
/// # Errors
/// When a file is wrong, something else would change, it is cancelled, or the database fails; then nothing was changed.
pub async fn import_files(
    editor: &Editor<'_>,
    files: &[ImportFile],
    (options, within, progress): (&ImportOptions, Within, &Progress),
    wanted: Option<&str>,
) -> Result<(ImportReport, Option<i64>), ImportError> {
    let compare = async |connection: &mut SqliteConnection| {
        let comparison = compare::compare(connection, files, (options, within, progress)).await?;
        match wanted {
            Some(wanted) if wanted != difference::digest(&comparison) => Err(ImportError::Changed),
            Some(_) | None => Ok(comparison),
        }
    };
    // A large directory is compared for a minute: nobody who edits waits for that.
    for _ in 0..COMPARED_MAX {
        let mut read = editor.database.reader().begin().await.map_err(StoreError::Read)?;
        let version = snapshot::version(&mut read).await?;
        let comparison = compare(&mut read).await?;
        drop(read);
        let mut change = editor.write().await?;
        if snapshot::version(&mut change).await? == version {
            return write(editor, change, (&comparison, options, within, progress)).await;
        }
    }
    // Edits that never end wait in the end.
    let mut change = editor.write().await?;
    let comparison = compare(&mut change).await?;
    write(editor, change, (&comparison, options, within, progress)).await
}

/// Writes what was compared with the directory as it is in this transaction.
async fn write(
    editor: &Editor<'_>,
    mut change: Transaction<'static, Sqlite>,
    (comparison, options, within, progress): (&Comparison, &ImportOptions, Within, &Progress),
) -> Result<(ImportReport, Option<i64>), ImportError> {
    let report = comparison.report(options.dry_run);
    if options.dry_run || !comparison.is_change() {
        return Ok((report, None));
    }
    let done = apply::apply(&mut change, comparison, (editor, within.reach, progress)).await?;
    progress.go_on()?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok((report, done))
}

fn read_files(folder: &Path) -> Result<Vec<(Noun, Vec<u8>)>, ImportError> {
    let mut files = Vec::new();
    for noun in Noun::ALL {
        let path = folder.join(noun.file());
        match std::fs::read(&path) {
            Ok(bytes) => files.push((noun, bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(ImportError::ReadFile { path, source }),
        }
    }
    if files.is_empty() {
        return Err(ImportError::NoFiles { path: folder.to_owned() });
    }
    Ok(files)
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (noun, changes) in &self.changes {
            let Changes { added, changed, removed, unchanged } = changes;
            let file = noun.file();
            writeln!(
                f,
                "{file:<16} {added:>8} added {changed:>8} changed {removed:>8} removed {unchanged:>8} as before"
            )?;
        }
        writeln!(f, "secrets of {} lines set", self.secrets)?;
        writeln!(f, "holders of {} posts set", self.posts_held)?;
        f.write_str(if self.dry_run { "Dry run: nothing was changed" } else { "Imported" })
    }
}
