//! Steps of escalation, as state.

use super::super::state::Alarm;
use crate::plan::Plan;
use std::sync::Arc;

impl Alarm {
    pub(in crate::alarm) fn escalated(&mut self, step: u8) {
        self.steps_taken.insert(step);
        self.call_up();
    }

    /// Marks the workers whom the new plan does not ring any more.
    pub(in crate::alarm) fn relieve(&mut self, before: &Plan) {
        let parties = before.parties.iter().zip(&self.plan.parties);
        for ((old, new), state) in parties.zip(&mut self.parties) {
            let is_rung = new.has_voice();
            state.is_off_duty = !is_rung && (state.is_off_duty || old.has_voice());
        }
    }

    /// Marks the parties of every step that was taken. Who was called once stays called, whatever a newer plan says.
    pub(in crate::alarm) fn call_up(&mut self) {
        let plan = Arc::clone(&self.plan);
        for (index, party) in plan.parties.iter().enumerate() {
            let is_taken = self.is_step_taken(plan.step_of(party));
            if let Some(state) = self.parties.get_mut(index) {
                state.is_called |= is_taken;
            }
        }
    }
}
