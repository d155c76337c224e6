//! New plans: after another press, when an alarm has nobody to ring, and when a duty post has another holder.

use super::super::event::{Event, LegWhy, PlanWhy, Trigger};
use super::Draft;
use crate::leg::Message;
use crate::plan::{Plan, Role};
use std::sync::Arc;

impl Draft<'_> {
    pub(in crate::alarm) fn pressed_again(&mut self, trigger: &Trigger, plan: &Arc<Plan>) {
        if self.alarm.is_over() {
            return;
        }
        let sms_at = self.alarm.sms_at;
        self.emit(Event::StillInDanger { trigger: trigger.clone() });
        self.take_plan(plan, PlanWhy::StillInDanger);
        // Everybody's SMS was made due unless one has just gone; those who are coming hear of it too.
        let is_news = self.alarm.sms_at != sms_at;
        let calls = self.alarm.again(self.now);
        self.order(LegWhy::StillInDanger, calls);
        if is_news {
            let coming = self.sms_to(Message::StillInDanger, |id, role, _| {
                let is_coming = |state: &crate::alarm::PartyState| state.coming.is_some();
                role != Role::OwnHousehold && self.alarm.party(id).is_some_and(is_coming)
            });
            self.order(LegWhy::Notice, coming);
        }
    }

    pub(in crate::alarm) fn take_plan(&mut self, plan: &Arc<Plan>, why: PlanWhy) {
        let (is_drill, was_drill) = (plan.is_drill, self.alarm.plan.is_drill);
        // Nothing makes a drill of a real alarm, and only a press makes a real alarm of a drill.
        let is_same = is_drill == was_drill || was_drill && why == PlanWhy::StillInDanger;
        if is_same && plan.succeeds(&self.alarm.plan) {
            self.alarm.offer_plan(Arc::clone(plan));
            self.emit(Event::Planned { revision: plan.revision, why: Some(why) });
        }
    }

    pub(in crate::alarm) fn replanned(&mut self, plan: &Arc<Plan>) {
        let is_other = plan.parties != self.alarm.plan.parties;
        if self.alarm.wants_plan() && is_other && plan.succeeds(&self.alarm.plan) {
            self.take_plan(plan, PlanWhy::NobodyToRing);
            self.wave();
            self.order(LegWhy::Wave, self.alarm.due_duty(self.now));
        }
    }

    /// New holders are called at once, unless the case is taken by somebody who stays. Who was on duty before keeps what
    /// they said. A drill is gone through with by those whom it began with.
    pub(in crate::alarm) fn handed_over(&mut self, plan: &Arc<Plan>) {
        let alarm = &self.alarm;
        let is_other = plan.parties != alarm.plan.parties && !alarm.plan.is_drill;
        if alarm.is_over() || !is_other {
            return;
        }
        self.take_plan(plan, PlanWhy::HandOver);
        let mut calls = self.alarm.fresh_calls(self.now);
        let wanted = self.alarm.wanted();
        calls.retain(|call| {
            let both = self.alarm.plan.party(call.party).zip(self.alarm.party(call.party));
            both.is_some_and(|(party, state)| wanted.is(party, state))
        });
        self.order(LegWhy::HandOver, calls);
    }
}
