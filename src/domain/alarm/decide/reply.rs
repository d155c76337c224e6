//! Replies to SMS that are no answer: recorded, and asked once to say it so that we understand.

use super::super::event::{Event, LegWhy};
use super::super::ring::Call;
use super::super::state::Leg;
use super::Draft;
use crate::leg::{Channel, Message};
use crate::plan::Role;

/// Replies of one number that are recorded: a telephone that answers by itself fills no log.
const UNCLEAR_MAX: u8 = 16;

impl Draft<'_> {
    /// A reply that says nothing we understand. Who has not answered is asked to, once.
    pub(in crate::alarm) fn unclear(&mut self, leg: &Leg) {
        let Some(number) = self.alarm.number(leg.party, leg.number_index) else { return };
        let before = number.state.unclear_replies;
        if self.alarm.is_over() || UNCLEAR_MAX <= before {
            return;
        }
        let is_asked = before == 0 && number.takes_sms() && self.wants_answer(leg);
        self.emit(Event::ReplyUnclear { leg: leg.number });
        if is_asked {
            let call = Call {
                party: leg.party,
                number_index: leg.number_index,
                channel: Channel::Sms,
                message: Message::PleaseReply,
            };
            self.order(LegWhy::Notice, vec![call]);
        }
    }

    /// No SMS goes to the number any more; it is called all the same.
    pub(in crate::alarm) fn opted_out(&mut self, leg: &Leg) {
        let number = self.alarm.number(leg.party, leg.number_index);
        if number.is_some_and(|number| !number.state.refuses_sms) {
            self.emit(Event::SmsRefused { leg: leg.number });
        }
    }

    fn wants_answer(&self, leg: &Leg) -> bool {
        let is_meant = self.alarm.plan.party(leg.party).is_some_and(|party| match party.role {
            Role::DutyWorker | Role::Neighbour | Role::Responder => true,
            Role::Loudspeaker | Role::OwnHousehold => false,
        });
        let comes = self.alarm.party(leg.party).is_some_and(|state| state.coming.is_some());
        is_meant && !comes && !self.alarm.has_answered(leg.party, leg.number_index)
    }
}
