//! The non-INVITE client transaction (RFC 3261 17.1.2, figure 6).

use super::timers::{Timer, TimerConfig};
use super::{Fired, Heard, Repetition, after};
use crate::agent::api::Bytes;
use jiff::Timestamp;
use std::time::Duration;

/// Sends a request other than INVITE and ACK until it is answered.
#[derive(Debug)]
pub struct ClientNonInvite {
    state: State,
}

#[derive(Debug)]
enum State {
    /// Trying and Proceeding: they differ in the pause between two repetitions only.
    Waiting {
        request: Bytes,
        repeat: Option<Repetition>,
        pause_max: Duration,
        give_up_at: Timestamp,
    },
    /// Answered; late repetitions are absorbed.
    Completed { until: Timestamp },
    /// Nothing is left to do.
    Terminated,
}

impl ClientNonInvite {
    /// A transaction whose request goes out now.
    #[must_use]
    pub fn new(request: Bytes, is_reliable: bool, timers: &TimerConfig, now: Timestamp) -> Self {
        let repeat = (!is_reliable).then(|| Repetition::start(timers.t1, now));
        let give_up_at = after(now, timers.give_up());
        Self { state: State::Waiting { request, repeat, pause_max: timers.t2, give_up_at } }
    }

    /// Gives up after `wait` in place of 64 × T1.
    pub fn give_up_after(&mut self, wait: Duration, now: Timestamp) {
        if let State::Waiting { give_up_at, .. } = &mut self.state {
            *give_up_at = after(now, wait);
        }
    }

    /// Takes a response with this status.
    pub fn on_response(&mut self, status: u16, timers: &TimerConfig, now: Timestamp) -> Heard {
        let State::Waiting { repeat, .. } = &mut self.state else { return Heard::Repeated };
        if status < 200 {
            if let Some(repeat) = repeat {
                // In Proceeding every pause is T2, from the next one on.
                repeat.pause = timers.t2;
            }
            return Heard::Provisional;
        }
        self.state = if repeat.is_none() {
            State::Terminated
        } else {
            State::Completed { until: after(now, timers.t4) }
        };
        if status < 300 { Heard::Success } else { Heard::Failure }
    }

    /// When it wants to be woken, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, Timer)> {
        match &self.state {
            State::Waiting { repeat: Some(repeat), give_up_at, .. } if repeat.at < *give_up_at => {
                Some((repeat.at, Timer::E))
            }
            State::Waiting { give_up_at, .. } => Some((*give_up_at, Timer::F)),
            State::Completed { until } => Some((*until, Timer::K)),
            State::Terminated => None,
        }
    }

    /// Lets time pass.
    pub fn on_timeout(&mut self, now: Timestamp) -> Fired {
        let Some((at, timer)) = self.poll_timeout() else { return Fired::Nothing };
        if now < at {
            return Fired::Nothing;
        }
        if let (Timer::E, State::Waiting { request, repeat: Some(repeat), pause_max, .. }) =
            (timer, &mut self.state)
        {
            repeat.next(*pause_max, now);
            return Fired::Repeat(request.clone());
        }
        self.state = State::Terminated;
        if timer == Timer::F { Fired::GivenUp } else { Fired::Over }
    }

    /// Whether it is over and can be forgotten.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Terminated)
    }
}
