//! The non-INVITE server transaction (RFC 3261 17.2.2, figure 8).

use super::timers::{Timer, TimerConfig};
use super::{Fired, after};
use crate::agent::api::Bytes;
use jiff::Timestamp;

/// Answers a request other than INVITE and ACK, and its repetitions alike.
#[derive(Debug)]
pub struct ServerNonInvite {
    state: State,
    is_reliable: bool,
}

#[derive(Debug)]
enum State {
    /// Not answered yet. Repetitions are absorbed.
    Trying,
    /// A provisional went out.
    Proceeding { last: Bytes },
    /// Answered.
    Completed { response: Bytes, until: Timestamp },
    /// Nothing is left to do.
    Terminated,
}

impl ServerNonInvite {
    /// A transaction for a request that just came in.
    #[must_use]
    pub fn new(is_reliable: bool) -> Self {
        Self { state: State::Trying, is_reliable }
    }

    /// The request came again: what to answer, if anything.
    #[must_use]
    pub fn on_repeated_request(&self) -> Option<Bytes> {
        match &self.state {
            State::Proceeding { last: response } | State::Completed { response, .. } => {
                Some(response.clone())
            }
            State::Trying | State::Terminated => None,
        }
    }

    /// Takes a response of ours. Returns whether it may go out: a second final response may not.
    pub fn on_respond(
        &mut self,
        status: u16,
        bytes: &Bytes,
        timers: &TimerConfig,
        now: Timestamp,
    ) -> bool {
        match self.state {
            State::Trying | State::Proceeding { .. } => {}
            State::Completed { .. } | State::Terminated => return false,
        }
        self.state = if status < 200 {
            State::Proceeding { last: bytes.clone() }
        } else if self.is_reliable {
            State::Terminated
        } else {
            State::Completed { response: bytes.clone(), until: after(now, timers.give_up()) }
        };
        true
    }

    /// When it wants to be woken, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, Timer)> {
        match &self.state {
            State::Completed { until, .. } => Some((*until, Timer::J)),
            State::Trying | State::Proceeding { .. } | State::Terminated => None,
        }
    }

    /// Lets time pass.
    pub fn on_timeout(&mut self, now: Timestamp) -> Fired {
        let Some((at, _)) = self.poll_timeout() else { return Fired::Nothing };
        if now < at {
            return Fired::Nothing;
        }
        self.state = State::Terminated;
        Fired::Over
    }

    /// Whether it is over and can be forgotten.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Terminated)
    }
}
