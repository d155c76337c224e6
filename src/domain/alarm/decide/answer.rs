//! What people answer: keys, replies, their page, and what an operator says for them.
//!
//! Who has said it says nothing new; 2 after 3 means nothing, 3 after 2 is an arrival; on an alarm that is over only what
//! closes it counts. A key on a leg that has ended counts: it was pressed before.

use super::super::event::{AnswerMeans, Event, LegWhy};
use super::super::state::Leg;
use super::Draft;
use crate::digits::Key;
use crate::leg::{Channel, Message};
use crate::plan::{PartyId, Role};

impl Draft<'_> {
    pub(in crate::alarm) fn key(&mut self, leg: &Leg, key: Key) {
        let role = self.alarm.plan.party(leg.party).map(|party| party.role);
        if role == Some(Role::OwnHousehold) && leg.channel == Channel::Voice {
            // They called back: what they key is a PIN, which is no answer.
            return;
        }
        let means = match leg.channel {
            Channel::Voice => AnswerMeans::Key { leg: leg.number },
            Channel::Sms => AnswerMeans::Reply { leg: leg.number },
        };
        self.answer(leg.party, key, means);
    }

    /// An answer that came by no leg of ours. Strangers, numbers that the party has not and other means are ignored.
    pub(in crate::alarm) fn answered(&mut self, party: PartyId, key: Key, means: &AnswerMeans) {
        let is_known = match means {
            AnswerMeans::Api { .. } => true,
            AnswerMeans::Page { number_index } => self.alarm.number(party, *number_index).is_some(),
            AnswerMeans::Key { .. } | AnswerMeans::Reply { .. } | AnswerMeans::Line => false,
        };
        if is_known {
            self.answer(party, key, means.clone());
        }
    }

    fn answer(&mut self, party: PartyId, key: Key, means: AnswerMeans) {
        if self.closes_by_key(party, key, &means) || self.alarm.is_over() {
            return;
        }
        let Some(state) = self.alarm.party(party) else { return };
        if self.alarm.plan.party(party).is_some_and(|party| party.role == Role::Loudspeaker) {
            return;
        }
        match key.as_char() {
            '1' => self.acknowledge(party, means),
            '2' => self.decline(party, means),
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

    fn decline(&mut self, party: PartyId, means: AnswerMeans) {
        let Some(state) = self.alarm.party(party) else { return };
        let (has_said, by_another) = match self.alarm.number_of(party, &means) {
            Some(index) => {
                let number = self.alarm.number(party, index);
                let comes_by = state.coming.and_then(|coming| coming.number_index);
                let has_said = number.is_some_and(|number| number.state.said_no);
                (has_said, comes_by.is_some_and(|other| other != index))
            }
            None => (state.coming.is_none() && state.declined_at.is_some(), false),
        };
        if !has_said && !by_another && state.arrived_at.is_none() {
            let had_enough = self.alarm.has_enough();
            self.emit(Event::Declined { party, means });
            if had_enough && !self.alarm.has_enough() {
                self.wave();
            }
        }
    }

    pub(in crate::alarm) fn acknowledge(&mut self, party: PartyId, means: AnswerMeans) {
        let alarm = &self.alarm;
        let is_new = alarm.party(party).is_some_and(|state| state.coming.is_none())
            || alarm.may_renew(party);
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
            self.stand_down();
        }
    }

    /// Tells those who were told of the alarm and have not answered that they need not go; once, unless they were called
    /// again since.
    pub(in crate::alarm) fn stand_down(&mut self) {
        let alarm = &self.alarm;
        let calls = self.sms_to(Message::StandDown, |id, role, is_told| {
            let is_free = alarm
                .party(id)
                .is_some_and(|state| state.coming.is_none() && state.declined_at.is_none());
            let last = alarm.legs.iter().rev().find(|leg| leg.party == id);
            let knows = last.is_some_and(|leg| leg.message == Message::StandDown);
            role.counts() && is_told && is_free && !knows
        });
        self.order(LegWhy::Notice, calls);
    }

    pub(in crate::alarm) fn arrive(&mut self, party: PartyId, means: AnswerMeans) {
        let is_new = self.alarm.party(party).is_some_and(|state| state.arrived_at.is_none());
        let role = self.alarm.plan.party(party).map(|party| party.role);
        if self.alarm.is_over() || !is_new || role == Some(Role::Loudspeaker) {
            return;
        }
        if self.alarm.party(party).is_some_and(|state| state.coming.is_none()) {
            self.acknowledge(party, means.clone());
        }
        let was_reached = self.alarm.is_door_reached();
        self.emit(Event::Arrived { party, means });
        self.door_is_reached(was_reached);
    }
}
