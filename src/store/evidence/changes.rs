//! Of which numbers something new was seen since the service runs: what was counted of others need not be counted again.
//!
//! Bound: so many numbers as stated; when there are more, everything counts as changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Numbers that are remembered; about 100 bytes each.
const NUMBERS_MAX: usize = 10_000;

/// See the module. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Changes(Arc<Mutex<Changed>>);

#[derive(Debug, Default)]
struct Changed {
    /// Counts the changes.
    turn: u64,
    /// The last one of which not every number is known.
    unknown_until: u64,
    /// When something was last seen of a number.
    numbers: BTreeMap<Box<str>, u64>,
}

impl Changes {
    /// How many changes there were: to be asked before anything is read that shall be kept.
    #[must_use]
    pub fn turn(&self) -> u64 {
        self.lock().turn
    }

    /// Whether something was seen of one of these numbers after a turn.
    pub fn has_any_since<'a>(&self, turn: u64, mut keys: impl Iterator<Item = &'a str>) -> bool {
        let changed = self.lock();
        let is_new = |key: &str| changed.numbers.get(key).is_some_and(|last| turn < *last);
        turn < changed.turn && (turn < changed.unknown_until || keys.any(is_new))
    }

    /// Something was written of these numbers.
    pub(super) fn note<'a>(&self, keys: impl Iterator<Item = &'a str>) {
        let mut changed = self.lock();
        let keys: BTreeSet<&str> = keys.collect();
        if keys.is_empty() {
            return;
        }
        changed.turn += 1;
        let turn = changed.turn;
        changed.numbers.extend(keys.into_iter().map(|key| (key.into(), turn)));
        if NUMBERS_MAX < changed.numbers.len() {
            changed.numbers.clear();
            changed.unknown_until = turn;
        }
    }

    /// Something was written of numbers that nobody knows.
    pub(super) fn note_all(&self) {
        let mut changed = self.lock();
        changed.turn += 1;
        changed.unknown_until = changed.turn;
        changed.numbers.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Changed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_before_a_change_of_its_numbers_is_counted_again() {
        let changes = Changes::default();
        let has = |turn, keys: &[&str]| changes.has_any_since(turn, keys.iter().copied());
        let before = changes.turn();
        changes.note(["a", "b"].into_iter());
        changes.note(std::iter::empty());
        let after = changes.turn();
        assert!(has(before, &["c", "b"]) && !has(before, &["c"]) && !has(after, &["a", "b"]));
        changes.note_all();
        assert!(has(after, &["c"]) && !has(changes.turn(), &["c"]));
        let turn = changes.turn();
        for number in 0..=NUMBERS_MAX {
            changes.note(std::iter::once(number.to_string().as_str()));
        }
        assert!(has(turn, &["c"]), "of too many nobody knows which");
        assert!(changes.lock().numbers.len() <= NUMBERS_MAX);
        assert!(!has(changes.turn(), &["1"]));
    }
}
