//! What an operator has done besides: everybody is called again, somebody is added, it is taken in hand.

use super::super::Stage;
use super::super::event::{Event, LegWhy, PlanWhy};
use super::super::input::Actor;
use super::Draft;
use crate::plan::{PartyId, Plan};
use std::sync::Arc;

impl Draft<'_> {
    /// Another wave, now: whoever is called and not coming rings, unless their telephone rings already or they said that
    /// they cannot. Where nobody can be rung, it means nothing.
    pub(in crate::alarm) fn call_again(&mut self, actor: &Actor) {
        let event = Event::CalledAgain { actor: Arc::clone(actor) };
        let Some(next) = self.alarm.called_again(&event, self.now) else { return };
        let legs = self.starts(next.calls_again(self.now));
        if legs.is_empty() {
            return;
        }
        self.emit(event);
        self.emit(Event::WaveStarted { wave: self.alarm.waves, legs });
    }

    /// Calls somebody besides, at once, also when enough are coming or the alarm waits for the duty worker.
    pub(in crate::alarm) fn add_party(&mut self, party: PartyId, actor: &Actor, plan: &Arc<Plan>) {
        let alarm = &self.alarm;
        if alarm.is_over() || alarm.plan.is_drill || !plan.succeeds(&alarm.plan) {
            return;
        }
        self.emit(Event::PartyAdded { party, actor: Arc::clone(actor) });
        self.take_plan(plan, PlanWhy::PartyAdded);
        let wanted = self.alarm.wanted();
        let both = self.alarm.plan.party(party).zip(self.alarm.party(party));
        if both.is_none_or(|(planned, state)| !wanted.is(planned, state)) {
            return;
        }
        let is_free = both.is_some_and(|(_, state)| state.voice_live == 0);
        let voice = is_free.then(|| self.alarm.first_call(party, self.now)).flatten();
        let calls = voice.into_iter().chain(self.alarm.missing_sms(party)).collect();
        self.order(LegWhy::Added, calls);
    }

    /// Who has it in hand already need not say so again.
    pub(in crate::alarm) fn take_in_hand(&mut self, actor: &Actor) {
        let is_closed = matches!(self.alarm.stage, Stage::Closed { .. });
        let is_news = self.alarm.in_hand().is_none_or(|(who, _)| who != actor);
        if !is_closed && is_news {
            self.emit(Event::TakenInHand { actor: Arc::clone(actor) });
        }
    }
}
