//! The alarm log: what happened to every alarm, durable before anybody acts on it.
//!
//! One task owns the writing. What waits in its queue is committed together, so a hundred alarms cost one fsync. When
//! the database fails or is slower than the deadline, the same records go to a journal file at once (another disk if
//! so configured) and from there back into the database, in order, when it answers again; when the journal fails too,
//! they are kept in memory. Writing back twice does no harm: (alarm, sequence) is unique.
//!
//! Must not decide about alarms. `beginning` has what is measured of their beginnings, `changes` tells those who watch,
//! `commit` has the SQL, `journal` the file, `writer` the task, `read` what recovery and the console ask.

mod at_once;
mod beginning;
mod cases;
mod changes;
mod commit;
mod figures;
mod journal;
mod of_line;
mod read;
mod record;
#[cfg(test)]
pub(in crate::store) mod tests;
mod writer;

pub use beginning::Beginning;
pub use cases::{CaseError, FollowUp, FollowUpKind, NOTES_MAX, Note};
pub use changes::{Changes, Progress};
pub use figures::{MeasuredAlarm, RaisedRow};
pub use journal::JournalError;
pub use of_line::AlarmOfLine;
pub use read::{
    AlarmFilter, AlarmRow, LastOfLine, OpenAlarms, Place, StoredAlarm, StoredEvent, Unreadable,
};

use super::{Database, Store};
use crate::clock::Clock;
use crate::tasks::Tasks;
use jiff::Timestamp;
use journal::Journal;
use lianfang_domain::alarm::Event;
use lianfang_domain::id::{AlarmId, LineId};
use lianfang_domain::plan::Plan;
use record::Record;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Appends that may wait for the writer. A thousand alarms a second fill it in four seconds of a dead disk; then
/// [`AlarmLog::append`] gives the records back at once.
const QUEUE_LEN_MAX: usize = 4096;
/// The default of [`LogOptions::commit_deadline`].
pub const COMMIT_DEADLINE: Duration = Duration::from_millis(80);
/// Name of the journal file.
pub const JOURNAL_FILE: &str = "alarms.journal";

/// How the log is kept.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The folder of the journal file; best on another disk than the database.
    pub journal_folder: PathBuf,
    /// How long a commit may take before its records go to the journal. Below the deadline of those who wait for it.
    pub commit_deadline: Duration,
}

impl LogOptions {
    /// The journal in this folder, the deadline at its default.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { journal_folder: folder.to_owned(), commit_deadline: COMMIT_DEADLINE }
    }
}

/// What is to be kept of one alarm.
#[derive(Clone, Debug)]
pub struct NewEvents {
    /// The alarm.
    pub alarm: AlarmId,
    /// Sequence of the first event; the others follow it.
    pub first_sequence: u32,
    /// When they happened.
    pub at: Timestamp,
    /// The events, in order.
    pub events: Vec<Event>,
    /// The plan that was frozen with them.
    pub plan: Option<Arc<Plan>>,
    /// Set when they begin the alarm.
    pub opened: Option<OpenedAlarm>,
    /// Set when they end the alarm.
    pub closed: Option<Timestamp>,
    /// How the alarm began, told once, after its beginning was kept.
    pub beginning: Option<Beginning>,
}

/// The beginning of an alarm.
#[derive(Clone, Debug)]
pub struct OpenedAlarm {
    /// The line that raised it.
    pub line: LineId,
    /// What makes two reports of one press one.
    pub idempotency_key: Arc<str>,
    /// When it was raised.
    pub raised: Timestamp,
    /// The alarm before it on the same line, which may still be open.
    pub follows: Option<AlarmId>,
}

/// Where records are kept now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Durable in the database.
    Committed,
    /// Durable in the journal; the database gets them later.
    Journalled,
    /// Database and journal failed: in memory, tried again every second.
    InMemory,
    /// Database and journal failed and memory is full: nowhere.
    Nowhere,
    /// Nothing of this alarm was kept: the press is known already, as this alarm.
    SamePress {
        /// The alarm that the press raised.
        alarm: AlarmId,
    },
    /// Nothing of this alarm was kept: the line has an open alarm, this one.
    LineHasAlarm {
        /// The open alarm.
        alarm: AlarmId,
    },
}

/// The end of an append.
#[derive(Clone, Debug)]
pub struct Appended {
    /// Where each element of the batch is kept, in its order.
    pub kept: Vec<Kept>,
    /// From the call to [`AlarmLog::append`] until it was kept.
    pub took: Duration,
}

/// Why a batch was not taken up. It is given back.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Too many appends wait.
    #[error("cannot append to the alarm log: {QUEUE_LEN_MAX} appends wait")]
    Full(Vec<NewEvents>),
    /// The log has stopped.
    #[error("cannot append to the alarm log: it has stopped")]
    Stopped(Vec<NewEvents>),
    /// An event or a plan cannot be written as JSON.
    #[error("cannot write an event as JSON")]
    Encode(#[source] serde_json::Error),
}

/// Counts since the start, for metrics.
#[derive(Debug, Default)]
pub struct LogCounters {
    /// Events committed to the database at once.
    pub committed: AtomicU64,
    /// Events that went to the journal first.
    pub journalled: AtomicU64,
    /// Events that neither database nor journal took at first.
    pub uncommitted: AtomicU64,
    /// Events that were dropped because memory for them was full, too.
    pub dropped: AtomicU64,
    /// Records that came into the database from the journal or from memory.
    pub written_back: AtomicU64,
    /// Lines of the journal that could not be read.
    pub journal_lines_skipped: AtomicU64,
    /// Events whose (alarm, sequence) was taken already: two processes drive one alarm.
    pub conflicts: AtomicU64,
    /// Events that are kept without an entry in the audit trail, because the trail failed.
    pub unchained: AtomicU64,
    /// 1 while records wait to be written back.
    pub is_behind: AtomicU64,
    /// How long the last commit took, in microseconds; 0 before the first.
    pub last_commit_us: AtomicU64,
}

impl LogCounters {
    fn add(counter: &AtomicU64, amount: usize) {
        counter.fetch_add(amount as u64, Ordering::Relaxed);
    }
}

/// What the journal held when the log was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Records that were written to the database.
    pub records: usize,
    /// Lines that could not be read; the last one is torn when the power failed while it was written.
    pub lines_skipped: usize,
    /// The database did not take all of them: the rest is tried again every second, and [`AlarmLog::open_alarms`] does
    /// not see it yet.
    pub is_behind: bool,
}

/// Writes and reads the log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AlarmLog {
    queue: mpsc::Sender<Append>,
    database: Database,
    clock: Clock,
    counters: Arc<LogCounters>,
    changes: Changes,
}

/// One batch on its way to the writer.
#[derive(Debug)]
struct Append {
    records: Vec<Record>,
    queued: Timestamp,
    done: oneshot::Sender<Appended>,
}

impl Append {
    /// Whether an alarm begins in it: telephones wait for that.
    fn begins(&self) -> bool {
        self.records.iter().any(|record| record.opened.is_some())
    }
}

impl AlarmLog {
    /// Writes back what the journal holds, then starts the writer. It stops with `tasks`, which should be those that
    /// stop last: what others append after that is refused.
    ///
    /// # Errors
    /// When the journal file cannot be opened or read.
    pub async fn start(
        store: &Store,
        options: &LogOptions,
        clock: &Clock,
        tasks: &Tasks,
    ) -> Result<(Self, Replayed), JournalError> {
        let journal = Journal::open(&options.journal_folder).await?;
        let counters = Arc::new(LogCounters::default());
        let changes = Changes::new(clock.now());
        let (queue, inbox) = mpsc::channel(QUEUE_LEN_MAX);
        let mut writer = writer::Writer::new(writer::Ports {
            inbox,
            journal,
            database: store.alarms().clone(),
            clock: clock.clone(),
            counters: Arc::clone(&counters),
            changes: changes.clone(),
            commit_deadline: options.commit_deadline,
        });
        let replayed = writer.replay().await;
        tasks.start("alarm log", |stop| writer.run(stop));
        let database = store.alarms().clone();
        Ok((Self { queue, database, clock: clock.clone(), counters, changes }, replayed))
    }

    /// Queues a batch. The receiver tells when it is durable; a batch is not withdrawn by dropping the receiver.
    ///
    /// # Errors
    /// When the queue is full or the log has stopped, the batch is given back.
    pub fn append(
        &self,
        batch: Vec<NewEvents>,
    ) -> Result<oneshot::Receiver<Appended>, AppendError> {
        let permit = match self.queue.try_reserve() {
            Ok(permit) => permit,
            Err(mpsc::error::TrySendError::Full(())) => return Err(AppendError::Full(batch)),
            Err(mpsc::error::TrySendError::Closed(())) => return Err(AppendError::Stopped(batch)),
        };
        let records = batch.iter().map(Record::new).collect::<Result<_, _>>();
        let records = records.map_err(AppendError::Encode)?;
        let (done, kept) = oneshot::channel();
        permit.send(Append { records, queued: self.clock.now(), done });
        Ok(kept)
    }

    /// What happened since the start, in figures.
    #[must_use]
    pub fn counters(&self) -> &LogCounters {
        &self.counters
    }

    /// Which alarms changed lately, and who wants to be told.
    #[must_use]
    pub fn changes(&self) -> &Changes {
        &self.changes
    }
}
