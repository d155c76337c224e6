//! How far an import is, for those who watch it, and their wish to end it.

use super::ImportError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How far an import is; shared by whoever does it and whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    of: AtomicU64,
    is_cancelled: AtomicBool,
}

impl Progress {
    /// Asks for the end. What is not committed by then never will be.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked for the end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    /// Rows that are done, and how many there are to do.
    #[must_use]
    pub fn rows(&self) -> (u64, u64) {
        let of = self.of.load(Ordering::Relaxed);
        (self.done.load(Ordering::Relaxed).min(of), of)
    }

    /// Begins again, with so many rows to do.
    pub(super) fn begin(&self, of: usize) {
        self.of.store(of.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
    }

    /// Some rows more are done.
    pub(super) fn step(&self, rows: usize) {
        self.done.fetch_add(rows.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether it may go on.
    pub(super) fn go_on(&self) -> Result<(), ImportError> {
        if self.is_cancelled() { Err(ImportError::Cancelled) } else { Ok(()) }
    }
}
