//! What people answer: keys, replies, and what an operator says for them.

use super::super::event::{AnswerMeans, Event, LegWhy};
use super::super::state::Leg;
use super::Draft;
use crate::digits::Key;
use crate::leg::{Channel, Message};
use crate::plan::{PartyId, Role};

impl Draft {
    pub(in crate::alarm) fn key(&mut self, leg: &Leg, key: Key) {
        let Some(state) = self.alarm.party(leg.party) else { return };
        let role = self.alarm.plan.party(leg.party).map(|party| party.role);
        if self.alarm.is_over() || role == Some(Role::Loudspeaker) {
            return;
        }
        let means = match leg.channel {
            Channel::Voice => AnswerMeans::Key { leg: leg.number },
            Channel::Sms => AnswerMeans::Reply { leg: leg.number },
        };
        let party = leg.party;
        match key.as_char() {
            '1' => self.acknowledge(party, means),
            '2' => {
                let number = self.alarm.number(party, leg.number_index);
                let has_said = number.is_some_and(|number| number.state.said_no);
                let by_another = state
                    .coming
                    .and_then(|coming| coming.number_index)
                    .is_some_and(|index| index != leg.number_index);
                if !has_said && !by_another && state.arrived_at.is_none() {
                    let had_enough = self.alarm.has_enough();
                    self.emit(Event::Declined { party, means });
                    if had_enough && !self.alarm.has_enough() {
                        self.wave();
                    }
                }
            }
            '3' => self.arrive(party, means),
            '4' if state.police_called_at.is_none() => {
                self.emit(Event::PoliceCalled { party, means });
            }
            '7' if state.said_mistake_at.is_none() => {
                self.emit(Event::SaidMistake { party, means });
                let calls = self.sms_to(Message::SaidMistake, |id, role, _| {
                    role == Role::DutyWorker && id != party
                });
                self.order(LegWhy::Notice, calls);
            }
            // 9 repeats the words and 5 connects: the carrier's affair. The rest means nothing.
            _ => {}
        }
    }

    pub(in crate::alarm) fn acknowledge(&mut self, party: PartyId, means: AnswerMeans) {
        let alarm = &self.alarm;
        let is_new = alarm.party(party).is_some_and(|state| state.coming.is_none());
        let role = alarm.plan.party(party).map(|party| party.role);
        // Whatever a loudspeaker says, it is nobody.
        if alarm.is_over() || !is_new || role == Some(Role::Loudspeaker) {
            return;
        }
        self.emit(Event::Acknowledged { party, means });
        if self.alarm.is_held_back && role == Some(Role::DutyWorker) {
            self.wave();
        }
        if self.alarm.enough_at.is_none() && self.alarm.has_enough() {
            self.emit(Event::EnoughComing);
            let calls = self.sms_to(Message::StandDown, |id, role, is_told| {
                let state = self.alarm.party(id);
                let is_free = state
                    .is_some_and(|state| state.coming.is_none() && state.declined_at.is_none());
                role.counts() && is_told && is_free
            });
            self.order(LegWhy::Notice, calls);
        }
    }

    pub(in crate::alarm) fn arrive(&mut self, party: PartyId, means: AnswerMeans) {
        let is_new = self.alarm.party(party).is_some_and(|state| state.arrived_at.is_none());
        let role = self.alarm.plan.party(party).map(|party| party.role);
        if self.alarm.is_over() || !is_new || role == Some(Role::Loudspeaker) {
            return;
        }
        self.acknowledge(party, means.clone());
        self.emit(Event::Arrived { party, means });
    }
}
