//! All deadlines of an agent in one heap.
//!
//! Setting a timer costs O(log n); a timer that is not wanted any more stays until its time and is then ignored, which
//! costs less than finding it. Each owner remembers the earliest deadline it has in here and sets no later one, so
//! that there are hardly more entries than owners.

use super::api::CallHandle;
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Who is woken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wake {
    /// A transaction, by its key.
    Transaction(Arc<str>),
    /// A call.
    Call(CallHandle),
    /// A challenge, by the key of the INVITE.
    Challenge(Arc<str>),
    /// The registrar.
    Registrar,
}

/// What an owner has in the heap.
#[derive(Debug, Default)]
pub(super) struct Armed(Option<Timestamp>);

impl Armed {
    /// Whether a timer that comes due at `at` is this owner's current one; it is used up then.
    pub(super) fn take(&mut self, at: Timestamp) -> bool {
        let is_mine = self.0 == Some(at);
        if is_mine {
            self.0 = None;
        }
        is_mine
    }
}

/// The heap.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Timestamp, Wake)>>);

impl Timers {
    /// Wakes the owner at `deadline`, or earlier if it already has an earlier timer: it then asks again.
    pub(super) fn arm(
        &mut self,
        armed: &mut Armed,
        deadline: Option<Timestamp>,
        wake: impl FnOnce() -> Wake,
    ) {
        let Some(deadline) = deadline else { return };
        if armed.0.is_none_or(|at| deadline < at) {
            armed.0 = Some(deadline);
            self.0.push(Reverse((deadline, wake())));
        }
    }

    /// The next deadline.
    pub(super) fn next(&self) -> Option<(Timestamp, &Wake)> {
        self.0.peek().map(|Reverse((at, wake))| (*at, wake))
    }

    /// Takes a timer that is due.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, Wake)> {
        if self.next().is_none_or(|(at, _)| now < at) {
            return None;
        }
        self.0.pop().map(|Reverse(due)| due)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
