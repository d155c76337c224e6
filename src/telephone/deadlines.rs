//! The deadlines of many calls in one heap.
//!
//! A deadline that moved or whose call is gone stays until its time and is then ignored. Each call remembers the
//! earliest one that it has in here and sets no later one, so that there are hardly more entries than calls, however
//! often something happens in them.

use jiff::Timestamp;
use lianfang_sip::agent::api::CallHandle;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a call has in the heap.
#[derive(Debug, Default)]
pub(super) struct Armed(Option<Timestamp>);

impl Armed {
    /// Whether the deadline that came is the one of the call; it is used up then.
    pub(super) fn take(&mut self, due: Timestamp) -> bool {
        let is_mine = self.0 == Some(due);
        if is_mine {
            self.0 = None;
        }
        is_mine
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BinaryHeap<Reverse<(Timestamp, CallHandle)>>);

impl Deadlines {
    /// Wakes the call then, or earlier if it is to be woken earlier anyway: it then asks again.
    pub(super) fn arm(&mut self, armed: &mut Armed, due: Option<Timestamp>, call: CallHandle) {
        let Some(due) = due else { return };
        if armed.0.is_none_or(|at| due < at) {
            armed.0 = Some(due);
            self.0.push(Reverse((due, call)));
        }
    }

    /// The next one.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// Takes out one that has come.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, CallHandle)> {
        if now < self.next()? {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    #[test]
    fn a_call_has_one_deadline_however_often_it_moves() {
        let (mut deadlines, mut armed) = (Deadlines::default(), Armed::default());
        let call = CallHandle(1);
        for second in 10..1_000 {
            deadlines.arm(&mut armed, Some(at(second)), call);
        }
        assert_eq!(deadlines.0.len(), 1);
        deadlines.arm(&mut armed, Some(at(5)), call);
        assert_eq!(deadlines.pop_due(at(4)), None);
        assert_eq!(deadlines.pop_due(at(5)), Some((at(5), call)));
        assert!(armed.take(at(5)), "the earlier one counts");
        assert_eq!(deadlines.pop_due(at(10)), Some((at(10), call)));
        assert!(!armed.take(at(10)), "the later one is a stale entry");
        assert_eq!(deadlines.next(), None);
    }
}
