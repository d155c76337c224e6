//! The INVITE client transaction (RFC 3261 17.1.1, figure 5, with the Accepted state of RFC 6026).

use super::timers::{Timer, TimerConfig};
use super::{Fired, Heard, Repetition, after};
use crate::agent::api::Bytes;
use jiff::Timestamp;
use std::time::Duration;

/// Sends an INVITE until it is answered and acknowledges failures.
#[derive(Debug)]
pub struct ClientInvite {
    state: State,
    is_reliable: bool,
}

#[derive(Debug)]
enum State {
    /// Nothing came back yet. The request is kept no longer than here.
    Calling { request: Bytes, repeat: Option<Repetition>, give_up_at: Timestamp },
    /// A provisional came. Ends by itself only after a CANCEL (RFC 3261 9.1).
    Proceeding { give_up_at: Option<Timestamp> },
    /// A failure came; `ack` answers each repetition.
    Completed { ack: Option<Bytes>, until: Timestamp },
    /// A 2xx came.
    Accepted { until: Timestamp },
    /// Nothing is left to do.
    Terminated,
}

impl ClientInvite {
    /// A transaction whose request goes out now.
    #[must_use]
    pub fn new(request: Bytes, is_reliable: bool, timers: &TimerConfig, now: Timestamp) -> Self {
        let repeat = (!is_reliable).then(|| Repetition::start(timers.t1, now));
        let give_up_at = after(now, timers.give_up());
        Self { state: State::Calling { request, repeat, give_up_at }, is_reliable }
    }

    /// A transaction that an earlier process began and that is being cancelled: given up after 64 × T1.
    #[must_use]
    pub fn adopted(is_reliable: bool, timers: &TimerConfig, now: Timestamp) -> Self {
        let give_up_at = Some(after(now, timers.give_up()));
        Self { state: State::Proceeding { give_up_at }, is_reliable }
    }

    /// Takes a response with this status. After [`Heard::Failure`] the ACK is due, by [`ClientInvite::acknowledge`];
    /// on [`Heard::Repeated`] the ACK of [`ClientInvite::repeated_ack`] goes out again, if there is one.
    pub fn on_response(&mut self, status: u16, timers: &TimerConfig, now: Timestamp) -> Heard {
        match &self.state {
            State::Calling { .. } | State::Proceeding { .. } => self.on_first(status, timers, now),
            State::Accepted { .. } if (200..300).contains(&status) => Heard::Success,
            State::Completed { .. } | State::Accepted { .. } | State::Terminated => Heard::Repeated,
        }
    }

    fn on_first(&mut self, status: u16, timers: &TimerConfig, now: Timestamp) -> Heard {
        let (state, heard) = if status < 200 {
            let give_up_at = match self.state {
                State::Proceeding { give_up_at } => give_up_at,
                State::Calling { .. }
                | State::Completed { .. }
                | State::Accepted { .. }
                | State::Terminated => None,
            };
            (State::Proceeding { give_up_at }, Heard::Provisional)
        } else if status < 300 {
            (State::Accepted { until: after(now, timers.give_up()) }, Heard::Success)
        } else if self.is_reliable {
            (State::Terminated, Heard::Failure)
        } else {
            // 32 s with the usual T1, as timer D asks for; it scales with T1 like all others.
            (State::Completed { ack: None, until: after(now, timers.give_up()) }, Heard::Failure)
        };
        self.state = state;
        heard
    }

    /// Keeps the ACK of a failure for its repetitions. The caller sends it the first time.
    pub fn acknowledge(&mut self, bytes: Bytes) {
        if let State::Completed { ack, .. } = &mut self.state {
            *ack = Some(bytes);
        }
    }

    /// The ACK that answers a repeated failure.
    #[must_use]
    pub fn repeated_ack(&self) -> Option<Bytes> {
        match &self.state {
            State::Completed { ack, .. } => ack.clone(),
            State::Calling { .. }
            | State::Proceeding { .. }
            | State::Accepted { .. }
            | State::Terminated => None,
        }
    }

    /// A CANCEL went out: without a final response in 64 × T1 the call counts as cancelled (RFC 3261 9.1).
    pub fn on_cancel(&mut self, timers: &TimerConfig, now: Timestamp) {
        if let State::Proceeding { give_up_at } = &mut self.state {
            *give_up_at = Some(after(now, timers.give_up()));
        }
    }

    /// When it wants to be woken, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, Timer)> {
        match &self.state {
            State::Calling { repeat: Some(repeat), give_up_at, .. } if repeat.at < *give_up_at => {
                Some((repeat.at, Timer::A))
            }
            State::Calling { give_up_at, .. } => Some((*give_up_at, Timer::B)),
            State::Proceeding { give_up_at } => give_up_at.map(|at| (at, Timer::B)),
            State::Completed { until, .. } => Some((*until, Timer::D)),
            State::Accepted { until } => Some((*until, Timer::M)),
            State::Terminated => None,
        }
    }

    /// Lets time pass.
    pub fn on_timeout(&mut self, now: Timestamp) -> Fired {
        let Some((at, timer)) = self.poll_timeout() else { return Fired::Nothing };
        if now < at {
            return Fired::Nothing;
        }
        if let (Timer::A, State::Calling { request, repeat: Some(repeat), .. }) =
            (timer, &mut self.state)
        {
            repeat.next(Duration::MAX, now);
            return Fired::Repeat(request.clone());
        }
        self.state = State::Terminated;
        if timer == Timer::B { Fired::GivenUp } else { Fired::Over }
    }

    /// Whether no response came yet.
    #[must_use]
    pub fn is_calling(&self) -> bool {
        matches!(self.state, State::Calling { .. })
    }

    /// Whether it is over and can be forgotten.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Terminated)
    }
}
