//! Transactions (RFC 3261 17, RFC 6026): one small protocol machine for each of the four figures.
//!
//! A machine holds the bytes that it repeats and knows status codes, nothing else of SIP. Its inputs return what to
//! send at once, so that it needs no queue of its own: there may be a hundred thousand of them. Must not parse, route
//! or know calls; the agent does.

pub mod client_invite;
pub mod client_non_invite;
pub mod server_invite;
pub mod server_non_invite;
pub mod timers;

#[cfg(test)]
mod tests;

pub use client_invite::ClientInvite;
pub use client_non_invite::ClientNonInvite;
pub use server_invite::ServerInvite;
pub use server_non_invite::ServerNonInvite;

use crate::agent::api::Bytes;
use jiff::Timestamp;
use std::time::Duration;
use timers::Timer;

/// What a client transaction makes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// 1xx while we wait.
    Provisional,
    /// 2xx. Passed on each time for an INVITE: repeated and forked ones are told apart by their To tag.
    Success,
    /// The first 300 to 699. For an INVITE the ACK is due now.
    Failure,
    /// Something heard before, or too late. Nothing to do.
    Repeated,
}

/// What a timer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fired {
    /// Nothing was due yet.
    Nothing,
    /// These bytes go out again.
    Repeat(Bytes),
    /// The other side never answered: the transaction is over without an outcome from it.
    GivenUp,
    /// The transaction is over and told its outcome before.
    Over,
}

/// The point in time that is `wait` after `now`.
pub(crate) fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// A repetition with growing pauses.
#[derive(Clone, Copy, Debug)]
struct Repetition {
    at: Timestamp,
    pause: Duration,
}

impl Repetition {
    fn start(pause: Duration, now: Timestamp) -> Self {
        Self { at: after(now, pause), pause }
    }

    /// Moves to the next repetition: twice the pause, at most `pause_max`.
    fn next(&mut self, pause_max: Duration, now: Timestamp) {
        self.pause = self.pause.saturating_mul(2).min(pause_max);
        self.at = after(now, self.pause);
    }
}

/// A transaction of any kind, for tables and timers.
#[derive(Debug)]
pub enum Transaction {
    /// Figure 5.
    ClientInvite(ClientInvite),
    /// Figure 6.
    ClientNonInvite(ClientNonInvite),
    /// Figure 7.
    ServerInvite(ServerInvite),
    /// Figure 8.
    ServerNonInvite(ServerNonInvite),
}

impl Transaction {
    /// When it wants to be woken, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, Timer)> {
        match self {
            Self::ClientInvite(machine) => machine.poll_timeout(),
            Self::ClientNonInvite(machine) => machine.poll_timeout(),
            Self::ServerInvite(machine) => machine.poll_timeout(),
            Self::ServerNonInvite(machine) => machine.poll_timeout(),
        }
    }

    /// Lets time pass.
    pub fn on_timeout(&mut self, now: Timestamp) -> Fired {
        match self {
            Self::ClientInvite(machine) => machine.on_timeout(now),
            Self::ClientNonInvite(machine) => machine.on_timeout(now),
            Self::ServerInvite(machine) => machine.on_timeout(now),
            Self::ServerNonInvite(machine) => machine.on_timeout(now),
        }
    }

    /// Whether it is over and can be forgotten.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match self {
            Self::ClientInvite(machine) => machine.is_over(),
            Self::ClientNonInvite(machine) => machine.is_over(),
            Self::ServerInvite(machine) => machine.is_over(),
            Self::ServerNonInvite(machine) => machine.is_over(),
        }
    }
}
