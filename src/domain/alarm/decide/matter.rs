//! What is the matter was said: another plan, other words, and an update to those who know of the alarm.

use super::super::event::{Event, LegWhy, NamedBy, PlanWhy};
use super::super::matter::CHANGES_MAX;
use super::Draft;
use crate::kind::AlarmKind;
use crate::leg::Message;
use crate::plan::Plan;
use std::sync::Arc;

impl Draft<'_> {
    /// The same again says nothing new.
    pub(in crate::alarm) fn kind_named(
        &mut self,
        matter: AlarmKind,
        by: &NamedBy,
        plan: &Arc<Plan>,
    ) {
        let is_new = matter != self.alarm.kind() && self.alarm.matter.changes < CHANGES_MAX;
        if self.alarm.is_over() || !is_new {
            return;
        }
        let had_enough = self.alarm.has_enough();
        self.emit(Event::KindNamed { matter, by: by.clone() });
        self.take_plan(plan, PlanWhy::KindNamed);
        self.order(LegWhy::Step, self.alarm.fresh_calls(self.now));
        if had_enough && !self.alarm.has_enough() {
            self.wave();
        }
    }

    /// Updates whoever heard of the alarm before what is the matter was known.
    pub(in crate::alarm) fn update_told(&mut self) {
        if self.alarm.update_due_at().is_none_or(|at| self.now < at) {
            return;
        }
        let Some(lacks) = self.alarm.uninformed() else { return };
        let calls = self.sms_to(Message::KindNamed, |id, _, _| {
            lacks.get(usize::from(id.0)).copied().unwrap_or_default()
        });
        self.order(LegWhy::Notice, calls);
    }
}
