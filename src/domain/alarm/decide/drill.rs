//! Drills end: when a real alarm needs the people, when enough came, and when their time is over.

use super::super::Stage;
use super::super::event::{CloseOutcome, Event, LegWhy};
use super::Draft;
use crate::id::AlarmId;
use crate::leg::Message;

impl Draft<'_> {
    /// A real alarm never yields.
    pub(in crate::alarm) fn yield_to(&mut self, to: AlarmId) {
        if self.alarm.plan.is_drill && !matches!(self.alarm.stage, Stage::Closed { .. }) {
            self.emit(Event::Yielded { to });
            self.close_drill();
        }
    }

    pub(in crate::alarm) fn end_drill(&mut self) {
        let is_over_time = self.alarm.drill_ends_at().is_some_and(|at| at <= self.now);
        if is_over_time || self.alarm.has_drilled_enough() {
            self.close_drill();
        }
    }

    fn close_drill(&mut self) {
        let told = self.to_everybody(Message::DrillOver, |_, _, is_told| is_told);
        self.emit(Event::Closed {
            actor: "".into(),
            outcome: CloseOutcome::Drill,
            matter: None,
            by: None,
        });
        self.order(LegWhy::Notice, told);
    }
}
