//! What is due when: the sessions that want to send, by the moment.

use jiff::Timestamp;
use std::collections::BTreeMap;

/// Emptied lists that are kept.
const LISTS_MAX: usize = 64;

/// When sessions, each by its port and id, want to send next. They begin on whole milliseconds and send every so many, so
/// that a thousand of them share some twenty moments.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    moments: BTreeMap<Timestamp, Vec<(u16, u64)>>,
    /// Emptied lists, to be filled again.
    spare: Vec<Vec<(u16, u64)>>,
}

impl Calendar {
    /// When the first of them is due.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.moments.first_key_value().map(|(due, _)| *due)
    }

    /// Enters a session.
    pub(super) fn add(&mut self, due: Timestamp, port: u16, id: u64) {
        let sessions = self.moments.entry(due);
        sessions.or_insert_with(|| self.spare.pop().unwrap_or_default()).push((port, id));
    }

    /// The sessions of the first moment, if it has come.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Vec<(u16, u64)>> {
        let first = self.moments.first_entry()?;
        (*first.key() <= now).then(|| first.remove())
    }

    /// Takes an emptied list back.
    pub(super) fn give_back(&mut self, mut list: Vec<(u16, u64)>) {
        if self.spare.len() < LISTS_MAX {
            list.clear();
            self.spare.push(list);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).expect("a time")
    }

    #[test]
    fn moments_come_in_order_each_with_all_of_its_sessions_and_none_too_early() {
        let mut calendar = Calendar::default();
        for (ms, port) in [(40, 4), (20, 2), (40, 6), (21, 8)] {
            calendar.add(at(ms), port, port.into());
        }
        assert_eq!(calendar.first(), Some(at(20)));
        assert_eq!(calendar.take(at(19)), None);
        let taken: Vec<_> = std::iter::from_fn(|| calendar.take(at(40))).collect();
        assert_eq!(taken, [vec![(2, 2)], vec![(8, 8)], vec![(4, 4), (6, 6)]]);
        assert_eq!(calendar.first(), None);
        taken.into_iter().for_each(|list| calendar.give_back(list));
        calendar.add(at(60), 2, 2);
        assert_eq!(calendar.take(at(60)), Some(vec![(2, 2)]), "a list that is used again is empty");
    }
}
