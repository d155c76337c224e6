//! Steps of escalation that are due become events and orders.

use super::super::event::{Event, LegWhy};
use super::Draft;

impl Draft<'_> {
    /// Takes every step that is due, each with its own event, and calls whom they add.
    pub(in crate::alarm) fn escalate(&mut self) {
        let mut is_news = false;
        while let Some(step) = self.alarm.due_step(self.now) {
            self.emit(Event::Escalated { step });
            is_news = true;
        }
        if is_news {
            self.order(LegWhy::Step, self.alarm.fresh_calls(self.now));
        }
    }
}
