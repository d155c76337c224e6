//! The audit trail: who did what, when, in a chain of hashes that shows every change made to it afterwards.
//!
//! Each database has a chain of its own, and an entry is written in the transaction of what it proves, so there is
//! never one without the other. An entry carries ids and a digest, nothing that anybody would have to erase: the digest
//! of personal data is keyed with a salt that stands beside the data and goes with it.
//!
//! `entry` says what is hashed, `chain` appends and reads, `alarms` and `directory` know what is chained of each
//! database, `verify` proves it. A chain proves nothing against whoever may write the whole file and leaves no trace
//! outside: the newest hash (the [`Head`]) belongs in the log and with somebody else.
//! Must not log and must not decide: a caller whose chain fails goes on without it and counts.

mod alarms;
mod chain;
mod directory;
mod entry;
mod open;
#[cfg(test)]
mod tests;
mod verify;
mod view;

pub use chain::{
    EntryFilter, entries_after, entries_of, entries_of_row, entries_on, head, head_on, reads_of,
};
pub use directory::Editor;
pub use entry::{Action, Entry, Hash, HashError, Head};
pub use open::{AuditFiles, OpenError};
pub use verify::{Anchor, AnchorError, Fault, Progress, Verified, miss_heads, verify};
pub use view::{EntryView, HeadView};

pub(super) use alarms::{
    ChainedAlarms, Opened, adopt, begin_alarms, chain_commit, chain_erasures, links,
};
pub(super) use chain::place_on as head_or_none;
pub(crate) use directory::ImportedRows;
pub(super) use directory::{Edit, begin_directory, new_salt};

use std::fmt;

/// Which database a chain is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chain {
    /// `alarms.db`: what happened.
    Alarms,
    /// `directory.db`: who edited what.
    Directory,
}

impl Chain {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Alarms, Self::Directory];

    /// Its name in hashes, in the API and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Alarms => "alarms",
            Self::Directory => "directory",
        }
    }

    /// The chain of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|chain| chain.name() == name)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
