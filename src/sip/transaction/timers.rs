//! The timers of RFC 3261 17 and RFC 6026 by their names, and the three times that they are made from.

use std::time::Duration;

/// T1, T2 and T4 (RFC 3261 17.1.1.1). Part of the configuration of each agent: nothing here is global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerConfig {
    /// Estimate of the round trip; the first repetition comes after it.
    pub t1: Duration,
    /// The longest time between two repetitions of anything but an INVITE.
    pub t2: Duration,
    /// The longest time that a message stays in the network.
    pub t4: Duration,
}

impl Default for TimerConfig {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl TimerConfig {
    /// 64 × T1: how long a request or an answer is repeated before the other side is given up.
    #[must_use]
    pub fn give_up(&self) -> Duration {
        self.t1.saturating_mul(64)
    }
}

/// Why a transaction wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Repeats an INVITE.
    A,
    /// Gives an INVITE up.
    B,
    /// Absorbs repeated failures of an INVITE.
    D,
    /// Repeats another request.
    E,
    /// Gives another request up.
    F,
    /// Repeats a failure of an INVITE.
    G,
    /// Gives up waiting for the ACK of a failure.
    H,
    /// Absorbs repeated ACKs.
    I,
    /// Absorbs repeated requests.
    J,
    /// Absorbs repeated responses.
    K,
    /// Absorbs repeated INVITEs after a 2xx (RFC 6026).
    L,
    /// Passes on repeated and forked 2xx (RFC 6026).
    M,
}
