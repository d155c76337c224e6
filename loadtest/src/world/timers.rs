//! What is due when, for one thread.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The next packet of a stream.
    Packet(u64),
    /// The next act of a called phone.
    Act(u64),
    /// A final response of a called phone was not acknowledged yet.
    Resend(u64),
    /// A request of a phone inside of a call was not answered yet.
    ResendRequest(u64),
    /// A called phone forgets its call.
    Forget(u64),
    /// A phone registers, for the first time or again.
    Register(usize),
    /// A REGISTER of a phone was not answered yet; with its CSeq.
    ResendRegister(usize, u32),
    /// An INVITE of a phone was not answered yet; with the number of the call.
    ResendInvite(usize, u64),
    /// A phone in a call does what it called for, or hangs up; with the number of the call.
    Call(usize, u64),
}

/// A queue of timers. Timers are never taken back: whoever gets one looks whether it still matters.
#[derive(Debug, Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<(Instant, Timer)>>);

impl Timers {
    pub(crate) fn set(&mut self, at: Instant, timer: Timer) {
        self.0.push(Reverse((at, timer)));
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        if now < self.next()? {
            return None;
        }
        self.0.pop().map(|Reverse((_, timer))| timer)
    }
}
