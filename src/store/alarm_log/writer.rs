//! The task that owns the writing: database first, journal when that fails or is slow, memory when all fails.

use super::changes::Changes;
use super::commit::{Committed, Committer, Mode};
use super::journal::Journal;
use super::record::Record;
use super::{Append, Appended, Kept, LogCounters, Replayed};
use crate::clock::{Clock, Seldom};
use crate::store::{Database, StoreError};
use jiff::Timestamp;
use lianfang_domain::id::AlarmId;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Appends that go into one commit.
const GROUP_LEN_MAX: usize = 512;
/// How long what begins no alarm waits for company: what follows a beginning comes in bursts, and each commit is a write to
/// the disk.
const GATHER: Duration = Duration::from_millis(3);
/// Records kept in memory when database and journal fail. A record is about 4 KiB with its plan, so 80 MiB.
const IN_MEMORY_MAX: usize = 20_000;
/// Pause between attempts to write back.
const RETRY: Duration = Duration::from_secs(1);
/// Attempts to write back, in a row, when the process stops.
const FAREWELL_ATTEMPTS: usize = 3;

/// What the writer works with.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) inbox: mpsc::Receiver<Append>,
    pub(super) journal: Journal,
    pub(super) database: Database,
    pub(super) clock: Clock,
    pub(super) counters: Arc<LogCounters>,
    pub(super) changes: Changes,
    pub(super) commit_deadline: Duration,
}

/// Owns the writing.
#[derive(Debug)]
pub(super) struct Writer {
    inbox: mpsc::Receiver<Append>,
    committer: Committer,
    commit_deadline: Duration,
    fallback: Fallback,
}

/// Where records go that the database does not take.
#[derive(Debug)]
struct Fallback {
    journal: Journal,
    /// What not even the journal took; later than everything in it.
    in_memory: VecDeque<Record>,
    clock: Clock,
    counters: Arc<LogCounters>,
    changes: Changes,
}

impl Writer {
    pub(super) fn new(ports: Ports) -> Self {
        let Ports { inbox, journal, database, clock, counters, changes, commit_deadline } = ports;
        let fallback = Fallback { journal, in_memory: VecDeque::new(), clock, counters, changes };
        Self { inbox, committer: Committer::new(database), commit_deadline, fallback }
    }

    /// Writes back what an earlier run left in the journal.
    pub(super) async fn replay(&mut self) -> Replayed {
        let mut replayed = Replayed::default();
        while !self.fallback.journal.is_empty() {
            match self.write_back_journal().await {
                Ok((records, lines_skipped)) => {
                    replayed.records += records;
                    replayed.lines_skipped += lines_skipped;
                }
                Err(error) => {
                    tracing::error!(?error, "Cannot write the journal back into the database");
                    replayed.is_behind = true;
                    break;
                }
            }
        }
        self.fallback.tell_behind(self.fallback.is_behind());
        replayed
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut group = Vec::new();
        let mut retry_at: Option<Timestamp> = None;
        loop {
            let behind = self.fallback.is_behind();
            self.fallback.tell_behind(behind);
            let clock = self.fallback.clock.clone();
            tokio::select! {
                biased;
                () = clock.sleep_until(retry_at.unwrap_or(Timestamp::MIN)), if behind => {
                    retry_at = self.write_back().await;
                }
                taken = self.inbox.recv_many(&mut group, GROUP_LEN_MAX) => {
                    if taken == 0 {
                        break;
                    }
                    if behind {
                        self.fallback.keep(std::mem::take(&mut group)).await;
                    } else {
                        self.gather(&mut group).await;
                        self.commit_group(std::mem::take(&mut group)).await;
                    }
                }
                () = stop.cancelled() => self.inbox.close(),
            }
        }
        self.farewell().await;
    }

    /// Waits for more, until an alarm begins: nothing holds that up.
    async fn gather(&mut self, group: &mut Vec<Append>) {
        let gathering = async {
            while group.len() < GROUP_LEN_MAX && !group.iter().any(Append::begins) {
                let room = GROUP_LEN_MAX.saturating_sub(group.len());
                if self.inbox.recv_many(group, room).await == 0 {
                    return;
                }
            }
        };
        // A small part of the deadline, which has begun already.
        let most = GATHER.min(self.commit_deadline / 16);
        let _ = tokio::time::timeout(most, gathering).await;
    }

    /// Commits a group, or journals it when that fails or takes too long.
    async fn commit_group(&mut self, group: Vec<Append>) {
        let records: Vec<Record> =
            group.iter().flat_map(|append| append.records.iter().cloned()).collect();
        let records: Vec<&Record> = records.iter().collect();
        let begun = self.fallback.clock.now();
        let mut commit = pin!(self.committer.commit(&records, Mode::New));
        match tokio::time::timeout(self.commit_deadline, &mut commit).await {
            Ok(Ok(committed)) => self.fallback.tell_committed(group, &committed),
            Ok(Err(error)) => {
                static TOLD: Seldom = Seldom::new();
                if let Some(times) = TOLD.tell(self.fallback.clock.now()) {
                    tracing::error!(
                        ?error,
                        times,
                        "Cannot commit to the alarm log, keeping a journal"
                    );
                }
                self.fallback.keep(group).await;
            }
            Err(_) => {
                static TOLD: Seldom = Seldom::new();
                if let Some(times) = TOLD.tell(self.fallback.clock.now()) {
                    tracing::warn!(times, "The alarm log is slow, keeping a journal");
                }
                self.fallback.keep(group).await;
                // Succeeded or not, the records are in the journal; writing them back twice does no harm.
                let _ = meanwhile_keep(commit, &mut self.inbox, &mut self.fallback).await;
            }
        }
        let took = self.fallback.clock.now().duration_since(begun).as_micros();
        let took_us = u64::try_from(took).unwrap_or(u64::MAX).max(1);
        self.fallback.counters.last_commit_us.store(took_us, Ordering::Relaxed);
    }

    /// Writes one piece back; returns when to go on, `None` for at once.
    async fn write_back(&mut self) -> Option<Timestamp> {
        let done = if self.fallback.journal.is_empty() {
            self.write_back_memory().await
        } else {
            self.write_back_journal().await.map(drop)
        };
        match done {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!(?error, "The database still does not take the journal");
                Some(self.fallback.clock.now() + RETRY)
            }
        }
    }

    async fn write_back_journal(&mut self) -> Result<(usize, usize), WriteBackError> {
        let chunk = self.fallback.journal.next_chunk().await.map_err(WriteBackError::Journal)?;
        let records: Vec<&Record> = chunk.records.iter().collect();
        let mut commit = pin!(self.committer.commit(&records, Mode::WriteBack));
        // With the last piece it has caught up. What comes in waits for it a little: it goes to the database then, and the
        // journal ends. Otherwise each piece would leave another one behind for as long as much comes in.
        let is_last = self.fallback.journal.is_last(&chunk);
        let patience = if is_last { self.commit_deadline / 2 } else { Duration::ZERO };
        let committed = match tokio::time::timeout(patience, &mut commit).await {
            Ok(done) => done,
            Err(_) => meanwhile_keep(commit, &mut self.inbox, &mut self.fallback).await,
        };
        let committed = committed.map_err(WriteBackError::Database)?;
        self.fallback.count_unchained(&committed);
        let counters = &self.fallback.counters;
        LogCounters::add(&counters.written_back, chunk.records.len());
        LogCounters::add(&counters.journal_lines_skipped, chunk.lines_skipped);
        if 0 < chunk.lines_skipped {
            tracing::error!(
                lines = chunk.lines_skipped,
                "The journal has lines that cannot be read"
            );
        }
        self.fallback.changes.tell(chunk.records.iter().map(|record| record.alarm));
        self.fallback.journal.forget(&chunk).await.map_err(WriteBackError::Journal)?;
        Ok((chunk.records.len(), chunk.lines_skipped))
    }

    async fn write_back_memory(&mut self) -> Result<(), WriteBackError> {
        let waiting = &mut self.fallback.in_memory;
        let records: Vec<Record> = waiting.drain(..waiting.len().min(GROUP_LEN_MAX)).collect();
        let borrowed: Vec<&Record> = records.iter().collect();
        let done = {
            let commit = pin!(self.committer.commit(&borrowed, Mode::WriteBack));
            meanwhile_keep(commit, &mut self.inbox, &mut self.fallback).await
        };
        let committed = match done {
            Ok(committed) => committed,
            Err(error) => {
                for record in records.into_iter().rev() {
                    self.fallback.in_memory.push_front(record);
                }
                return Err(WriteBackError::Database(error));
            }
        };
        self.fallback.count_unchained(&committed);
        LogCounters::add(&self.fallback.counters.written_back, records.len());
        self.fallback.changes.tell(records.iter().map(|record| record.alarm));
        Ok(())
    }

    /// The last attempts before the process ends. What stays in the journal is replayed at the next start.
    async fn farewell(&mut self) {
        let mut attempts = FAREWELL_ATTEMPTS;
        while self.fallback.is_behind() && 0 < attempts {
            if self.write_back().await.is_some() {
                attempts -= 1;
            }
        }
        if !self.fallback.in_memory.is_empty() {
            let lost = self.fallback.in_memory.len();
            tracing::error!(records = lost, "Stopping with records that no disk took");
        }
    }
}

/// Why a piece could not be written back.
#[derive(Debug, thiserror::Error)]
enum WriteBackError {
    #[error("cannot read or empty the journal")]
    Journal(#[source] std::io::Error),
    #[error("cannot commit the journal")]
    Database(#[source] StoreError),
}

/// Waits for the database, and keeps what comes in meanwhile.
async fn meanwhile_keep<T>(
    mut work: impl Future<Output = T> + Unpin,
    inbox: &mut mpsc::Receiver<Append>,
    fallback: &mut Fallback,
) -> T {
    let mut group = Vec::new();
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            taken = inbox.recv_many(&mut group, GROUP_LEN_MAX) => {
                if taken == 0 {
                    return work.await;
                }
                fallback.keep(std::mem::take(&mut group)).await;
            }
        }
    }
}

impl Fallback {
    fn is_behind(&self) -> bool {
        !self.journal.is_empty() || !self.in_memory.is_empty()
    }

    fn tell_behind(&self, is_behind: bool) {
        self.counters.is_behind.store(u64::from(is_behind), Ordering::Relaxed);
        self.changes.set_behind(is_behind);
    }

    /// Journals a group, behind what is in memory; on failure it stays in memory, as far as there is room.
    async fn keep(&mut self, group: Vec<Append>) {
        self.tell_behind(true);
        let records = group.iter().flat_map(|append| &append.records);
        let all: Vec<&Record> = self.in_memory.iter().chain(records).collect();
        match self.journal.append(&all).await {
            Ok(()) => {
                self.in_memory.clear();
                LogCounters::add(&self.counters.journalled, events_in(&group));
                for append in group {
                    self.tell(append, |_| Kept::Journalled);
                }
            }
            Err(error) => {
                static TOLD: Seldom = Seldom::new();
                if let Some(times) = TOLD.tell(self.clock.now()) {
                    tracing::error!(%error, times, "Cannot write the journal, keeping records in memory");
                }
                for append in group {
                    self.keep_in_memory(append);
                }
            }
        }
    }

    fn keep_in_memory(&mut self, append: Append) {
        let events = events_of(&append);
        if IN_MEMORY_MAX < self.in_memory.len() + append.records.len() {
            static TOLD: Seldom = Seldom::new();
            if let Some(times) = TOLD.tell(self.clock.now()) {
                tracing::error!(times, "No room for events of the alarm log, dropping them");
            }
            LogCounters::add(&self.counters.dropped, events);
            self.tell(append, |_| Kept::Nowhere);
            return;
        }
        LogCounters::add(&self.counters.uncommitted, events);
        self.in_memory.extend(append.records.iter().cloned());
        self.tell(append, |_| Kept::InMemory);
    }

    fn tell_committed(&self, group: Vec<Append>, committed: &Committed) {
        LogCounters::add(&self.counters.committed, events_in(&group));
        self.counters.conflicts.fetch_add(committed.conflicts, Ordering::Relaxed);
        self.count_unchained(committed);
        if 0 < committed.conflicts {
            tracing::error!(events = committed.conflicts, "Events were there already");
        }
        // Those who wait for the commit go first.
        let alarms: Vec<AlarmId> =
            group.iter().flat_map(|append| &append.records).map(|record| record.alarm).collect();
        for append in group {
            self.tell(append, |record| {
                committed.refused.get(&record.alarm).copied().unwrap_or(Kept::Committed)
            });
        }
        let kept = alarms.into_iter().filter(|alarm| !committed.refused.contains_key(alarm));
        self.changes.tell(kept);
    }

    fn count_unchained(&self, committed: &Committed) {
        self.counters.unchained.fetch_add(committed.unchained, Ordering::Relaxed);
        static TOLD: Seldom = Seldom::new();
        if let Some(error) = &committed.trail_error
            && let Some(times) = TOLD.tell(self.clock.now())
        {
            tracing::error!(?error, times, "The audit trail failed, events are kept without it");
        }
    }

    fn tell(&self, append: Append, kept: impl Fn(&Record) -> Kept) {
        let kept = append.records.iter().map(kept).collect();
        let took = self.clock.now().duration_since(append.queued).try_into().unwrap_or_default();
        // Whoever gave up waiting has its records all the same.
        let _ = append.done.send(Appended { kept, took });
    }
}

fn events_in(group: &[Append]) -> usize {
    group.iter().map(events_of).sum()
}

fn events_of(append: &Append) -> usize {
    append.records.iter().map(|record| record.events_len as usize).sum()
}
