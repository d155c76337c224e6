//! The end of an alarm by those entitled to it: everybody who was told is told.

use super::super::event::{Event, LegWhy, WithdrawMeans};
use super::super::input::Actor;
use super::super::ring::Call;
use super::super::state::Leg;
use super::Draft;
use crate::leg::{Channel, Message};
use std::sync::Arc;

impl Draft {
    pub(in crate::alarm) fn cancel(&mut self, actor: &Actor) {
        if self.alarm.is_over() {
            return;
        }
        let told: Vec<Call> = self.sms_to(Message::Cancelled, |_, _, is_told| is_told);
        let mut spoken = Vec::new();
        for (id, _, state) in self.alarm.parties() {
            // Who has no mobile hears it by a call, unless they are listening just now.
            let heard = self.alarm.legs.iter().rev().find(|leg| {
                leg.party == id && leg.channel == Channel::Voice && leg.answered_at.is_some()
            });
            let has_sms = told.iter().any(|call| call.party == id);
            let said_so = state.coming.and_then(|coming| coming.number_index);
            let number_index = said_so.or(heard.map(|leg| leg.number_index));
            let listens = heard.is_some_and(Leg::is_live);
            let can_hear = number_index
                .and_then(|index| self.alarm.number(id, index))
                .is_some_and(|number| !number.state.is_bad);
            if let Some(number_index) = number_index
                && !has_sms
                && !listens
                && can_hear
            {
                let message = Message::Cancelled;
                spoken.push(Call { party: id, number_index, channel: Channel::Voice, message });
            }
        }
        self.emit(Event::Cancelled {
            actor: Arc::clone(actor),
            means: Some(WithdrawMeans::Api { actor: Arc::clone(actor) }),
        });
        self.order(LegWhy::Notice, told.into_iter().chain(spoken).collect());
    }
}
