//! Drills: how long they last and how often they ring. Pure questions about the state.

use super::Stage;
use super::state::{Alarm, after};
use jiff::Timestamp;

/// A drill rings everybody, and those who missed it once more.
const ROUNDS_MAX: u16 = 2;

impl Alarm {
    /// When the drill ends by itself; `None` if it is none, or has ended.
    pub(super) fn drill_ends_at(&self) -> Option<Timestamp> {
        let is_closed = matches!(self.stage, Stage::Closed { .. });
        let is_running = self.plan.is_drill && !is_closed;
        is_running.then(|| after(self.raised_at, self.plan.policy.drill_s.into()))
    }

    /// As many are at the door as were wanted.
    pub(super) fn has_drilled_enough(&self) -> bool {
        let came = self.count(|party, state| party.role.counts() && state.arrived_at.is_some());
        self.plan.is_drill && !self.is_over() && 0 < came && self.households_wanted() <= came
    }

    /// Whether a drill has rung often enough, counted in waves of everybody or rounds of one party.
    pub(super) fn is_drilled(&self, rounds: u16) -> bool {
        self.plan.is_drill && ROUNDS_MAX <= rounds
    }
}
