//! The journal: an append-only file of JSON lines that takes what the database does not, each write followed by fsync.

use super::JOURNAL_FILE;
use super::record::Record;
use crate::store::make_private_folder;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much of the journal is written back in one commit, in bytes.
const CHUNK: usize = 256 * 1024;

/// The journal file, open for both writing and reading.
#[derive(Debug)]
pub(super) struct Journal {
    file: Arc<File>,
    /// Bytes that are durable. A write that failed halfway leaves bytes behind it; the next one overwrites them.
    len: u64,
    /// Bytes that are in the database already.
    written_back: u64,
}

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Its folder is not there and cannot be made.
    #[error("cannot create the journal's folder {}", path.display())]
    CreateFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be opened for writing.
    #[error("cannot open the journal {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A piece of the journal.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) records: Vec<Record>,
    pub(super) lines_skipped: usize,
    /// Where the next one begins.
    end: u64,
}

impl Journal {
    pub(super) async fn open(folder: &Path) -> Result<Self, JournalError> {
        let folder = folder.to_owned();
        let opened = tokio::task::spawn_blocking(move || Self::open_blocking(&folder)).await;
        opened.expect("nothing in it panics")
    }

    fn open_blocking(folder: &Path) -> Result<Self, JournalError> {
        make_private_folder(folder)
            .map_err(|source| JournalError::CreateFolder { path: folder.to_owned(), source })?;
        let path = folder.join(JOURNAL_FILE);
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let opened = file.and_then(|file| {
            let mut len = file.metadata()?.len();
            if 0 < len && !ends_with_newline(&file, len)? {
                // Torn by a power failure: it becomes a line of its own, which is skipped and reported.
                file.write_all_at(b"\n", len)?;
                file.sync_data()?;
                len += 1;
            }
            // The name of a new file is durable only when its folder is.
            File::open(folder)?.sync_all()?;
            Ok(Self { file: Arc::new(file), len, written_back: 0 })
        });
        opened.map_err(|source| JournalError::Open { path, source })
    }

    /// Whether records wait to be written back.
    pub(super) fn is_empty(&self) -> bool {
        self.len <= self.written_back
    }

    /// Appends and waits until it is durable. On an error nothing counts as written.
    pub(super) async fn append(&mut self, records: &[&Record]) -> io::Result<()> {
        let mut text = Vec::new();
        for record in records {
            serde_json::to_writer(&mut text, record)?;
            text.push(b'\n');
        }
        let (file, at, more) = (Arc::clone(&self.file), self.len, text.len() as u64);
        let write = move || file.write_all_at(&text, at).and_then(|()| file.sync_data());
        tokio::task::spawn_blocking(write).await.map_err(io::Error::other)??;
        self.len += more;
        Ok(())
    }

    /// Whether nothing is behind this piece.
    pub(super) fn is_last(&self, chunk: &Chunk) -> bool {
        self.len <= chunk.end
    }

    /// The next piece that is not in the database yet.
    pub(super) async fn next_chunk(&self) -> io::Result<Chunk> {
        let (file, from, to) = (Arc::clone(&self.file), self.written_back, self.len);
        let read = move || read_chunk(&file, from, to);
        tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
    }

    /// Notes that the chunk is in the database; empties the file when it was the last.
    pub(super) async fn forget(&mut self, chunk: &Chunk) -> io::Result<()> {
        self.written_back = chunk.end;
        if !self.is_empty() {
            return Ok(());
        }
        let file = Arc::clone(&self.file);
        let empty = move || file.set_len(0).and_then(|()| file.sync_all());
        tokio::task::spawn_blocking(empty).await.map_err(io::Error::other)??;
        (self.len, self.written_back) = (0, 0);
        Ok(())
    }
}

fn ends_with_newline(file: &File, len: u64) -> io::Result<bool> {
    let mut last = [0];
    file.read_exact_at(&mut last, len - 1)?;
    Ok(last == *b"\n")
}

/// Reads whole lines: about a chunk of them, and at least one however long it is.
fn read_chunk(file: &File, from: u64, to: u64) -> io::Result<Chunk> {
    let left = usize::try_from(to - from).unwrap_or(usize::MAX);
    let mut want = CHUNK;
    let text = loop {
        let mut text = vec![0; want.min(left)];
        file.read_exact_at(&mut text, from)?;
        match text.iter().rposition(|&byte| byte == b'\n') {
            Some(last) => {
                text.truncate(last + 1);
                break text;
            }
            None if left <= want => break text,
            None => want = want.saturating_mul(2),
        }
    };
    let mut chunk = Chunk { end: from + text.len() as u64, ..Chunk::default() };
    for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(record) if Record::is_sound(&record) => chunk.records.push(record),
            Ok(_) | Err(_) => chunk.lines_skipped += 1,
        }
    }
    Ok(chunk)
}
