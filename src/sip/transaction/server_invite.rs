//! The INVITE server transaction (RFC 3261 17.2.1, figure 7, with the Accepted state of RFC 6026).

use super::timers::{Timer, TimerConfig};
use super::{Fired, Repetition, after};
use crate::agent::api::Bytes;
use jiff::Timestamp;
use std::time::Duration;

/// Answers an INVITE, repeats a failure until its ACK, absorbs repetitions.
#[derive(Debug)]
pub struct ServerInvite {
    state: State,
    is_reliable: bool,
}

#[derive(Debug)]
enum State {
    /// No final response yet; the last provisional answers repetitions.
    Proceeding { last: Option<Bytes> },
    /// A failure went out and waits for its ACK.
    Completed {
        response: Bytes,
        repeat: Option<Repetition>,
        pause_max: Duration,
        t4: Duration,
        give_up_at: Timestamp,
    },
    /// The ACK came.
    Confirmed { until: Timestamp },
    /// A 2xx went out. The call repeats it, not the transaction (RFC 6026 7.1).
    Accepted { until: Timestamp },
    /// Nothing is left to do.
    Terminated,
}

impl ServerInvite {
    /// A transaction for an INVITE that just came in.
    #[must_use]
    pub fn new(is_reliable: bool) -> Self {
        Self { state: State::Proceeding { last: None }, is_reliable }
    }

    /// The INVITE came again: what to answer, if anything.
    #[must_use]
    pub fn on_repeated_request(&self) -> Option<Bytes> {
        match &self.state {
            State::Proceeding { last } => last.clone(),
            State::Completed { response, .. } => Some(response.clone()),
            State::Confirmed { .. } | State::Accepted { .. } | State::Terminated => None,
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
        let State::Proceeding { last } = &mut self.state else { return false };
        if status < 200 {
            *last = Some(bytes.clone());
            return true;
        }
        let give_up_at = after(now, timers.give_up());
        self.state = if status < 300 {
            State::Accepted { until: give_up_at }
        } else {
            State::Completed {
                response: bytes.clone(),
                repeat: (!self.is_reliable).then(|| Repetition::start(timers.t1, now)),
                pause_max: timers.t2,
                t4: timers.t4,
                give_up_at,
            }
        };
        true
    }

    /// The ACK of a failure came.
    pub fn on_ack(&mut self, now: Timestamp) {
        if let State::Completed { t4, .. } = self.state {
            self.state = if self.is_reliable {
                State::Terminated
            } else {
                State::Confirmed { until: after(now, t4) }
            };
        }
    }

    /// Whether no final response went out yet.
    #[must_use]
    pub fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }

    /// When it wants to be woken, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, Timer)> {
        match &self.state {
            State::Completed { repeat: Some(repeat), give_up_at, .. }
                if repeat.at < *give_up_at =>
            {
                Some((repeat.at, Timer::G))
            }
            State::Completed { give_up_at, .. } => Some((*give_up_at, Timer::H)),
            State::Confirmed { until } => Some((*until, Timer::I)),
            State::Accepted { until } => Some((*until, Timer::L)),
            State::Proceeding { .. } | State::Terminated => None,
        }
    }

    /// Lets time pass.
    pub fn on_timeout(&mut self, now: Timestamp) -> Fired {
        let Some((at, timer)) = self.poll_timeout() else { return Fired::Nothing };
        if now < at {
            return Fired::Nothing;
        }
        if let (Timer::G, State::Completed { response, repeat: Some(repeat), pause_max, .. }) =
            (timer, &mut self.state)
        {
            repeat.next(*pause_max, now);
            return Fired::Repeat(response.clone());
        }
        self.state = State::Terminated;
        if timer == Timer::H { Fired::GivenUp } else { Fired::Over }
    }

    /// Whether it is over and can be forgotten.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Terminated)
    }
}
