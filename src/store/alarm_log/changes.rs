//! Which alarms changed: for those who watch, so that nobody has to ask the database over and over.
//!
//! The writer tells after each commit and waits for nobody: a short lock, a number, a wake-up. What is told are ids; who
//! wants to know more reads the log. Must not grow: the oldest changes are forgotten, and whoever comes back for them is
//! told to read all.

use jiff::Timestamp;
use lianfang_domain::id::AlarmId;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Changes that are remembered, 128 KiB: five minutes of a storm of 25 a second, a day and more of a quiet town.
const REMEMBERED_MAX: usize = 8_192;

/// How far the log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The number of the newest change that can be read; counted from 1 since the start of the process.
    pub number: u64,
    /// Events wait in the journal or in memory: what can be read is older than what has happened.
    pub is_behind: bool,
}

/// The newest changes of the log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Changes(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Tells numbers of this process from those of the one before it, in microseconds since 1970.
    epoch: i64,
    remembered: Mutex<VecDeque<(u64, AlarmId)>>,
    progress: watch::Sender<Progress>,
}

impl Changes {
    pub(super) fn new(now: Timestamp) -> Self {
        Self(Arc::new(Shared {
            epoch: now.as_microsecond(),
            remembered: Mutex::default(),
            progress: watch::Sender::default(),
        }))
    }

    /// These alarms have new events in the database.
    pub(super) fn tell(&self, alarms: impl IntoIterator<Item = AlarmId>) {
        let mut remembered = self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let mut number = self.0.progress.borrow().number;
        let before = number;
        for alarm in alarms {
            number = number.saturating_add(1);
            if REMEMBERED_MAX <= remembered.len() {
                remembered.pop_front();
            }
            remembered.push_back((number, alarm));
        }
        drop(remembered);
        if before < number {
            self.0.progress.send_modify(|progress| progress.number = number);
        }
    }

    /// Whether what can be read is older than what has happened.
    pub(super) fn set_behind(&self, is_behind: bool) {
        self.0.progress.send_if_modified(|progress| {
            let is_other = progress.is_behind != is_behind;
            progress.is_behind = is_behind;
            is_other
        });
    }

    /// Tells numbers of this process from those of any other.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.0.epoch
    }

    /// How far the log is now.
    #[must_use]
    pub fn progress(&self) -> Progress {
        *self.0.progress.borrow()
    }

    /// Wakes whoever waits for the next change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Progress> {
        self.0.progress.subscribe()
    }

    /// The alarms that changed after the change of this number, each once; `None` when that is forgotten or never was,
    /// so that all have to be read.
    #[must_use]
    pub fn since(&self, number: u64) -> Option<BTreeSet<AlarmId>> {
        let remembered = self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = remembered.back().map_or(0, |(newest, _)| *newest);
        let is_known = match remembered.front() {
            Some((oldest, _)) => *oldest <= number.saturating_add(1) && number <= newest,
            None => number == 0,
        };
        let later = remembered.iter().rev().take_while(|(known, _)| number < *known);
        // Only copied here: the writer may wait for the lock.
        let later: Vec<AlarmId> = later.map(|(_, alarm)| *alarm).collect();
        drop(remembered);
        is_known.then(|| later.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(changes: &Changes, number: u64) -> Option<Vec<u64>> {
        changes.since(number).map(|alarms| alarms.into_iter().map(|alarm| alarm.0).collect())
    }

    #[test]
    fn what_changed_is_told_once_and_by_number() {
        let changes = Changes::new(Timestamp::UNIX_EPOCH);
        assert_eq!(told(&changes, 0), Some(vec![]));
        assert_eq!(told(&changes, 1), None, "no such number yet");
        changes.tell([AlarmId(7), AlarmId(5)]);
        changes.tell([]);
        changes.tell([AlarmId(7)]);
        assert_eq!(changes.progress(), Progress { number: 3, is_behind: false });
        assert_eq!(told(&changes, 0), Some(vec![5, 7]));
        assert_eq!(told(&changes, 2), Some(vec![7]));
        assert_eq!(told(&changes, 3), Some(vec![]));
        assert_eq!(told(&changes, 4), None);
        assert_eq!(told(&changes, u64::MAX), None);
    }

    #[test]
    fn the_oldest_are_forgotten_and_that_is_told() {
        let changes = Changes::new(Timestamp::UNIX_EPOCH);
        let many = REMEMBERED_MAX as u64 + 10;
        for alarm in 1..=many {
            changes.tell([AlarmId(alarm)]);
        }
        assert_eq!(told(&changes, 9), None);
        assert_eq!(told(&changes, 10).map(|alarms| alarms.len()), Some(REMEMBERED_MAX));
        assert_eq!(told(&changes, many - 1), Some(vec![many]));
    }

    #[test]
    fn whoever_waits_is_woken_by_a_change_and_by_nothing_else() {
        let changes = Changes::new(Timestamp::UNIX_EPOCH);
        let mut watch = changes.watch();
        changes.set_behind(false);
        changes.tell([]);
        assert!(!watch.has_changed().expect("lives"));
        changes.set_behind(true);
        assert!(watch.has_changed().expect("lives"));
        assert_eq!(*watch.borrow_and_update(), Progress { number: 0, is_behind: true });
        changes.tell([AlarmId(1)]);
        assert_eq!(*watch.borrow_and_update(), Progress { number: 1, is_behind: true });
    }
}
