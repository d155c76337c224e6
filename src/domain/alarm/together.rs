//! Never alone: where a plan wants several to go in together, the first wait until enough are coming. Pure questions.

use super::ring::Call;
use super::state::Alarm;
use crate::leg::{Channel, Message};
use crate::plan::{PartyId, Role};

impl Alarm {
    /// How many are coming, neighbours, responders and duty workers alike.
    #[must_use]
    pub fn coming(&self) -> u16 {
        self.count(|party, state| party.role != Role::OwnHousehold && state.coming.is_some())
    }

    /// Fewer are coming than are to go in together: whoever comes waits outside.
    #[must_use]
    pub fn waits_for_others(&self) -> bool {
        self.lacks_others(self.coming())
    }

    fn lacks_others(&self, coming: u16) -> bool {
        let together = u16::from(self.plan.policy.together);
        1 < together && coming < together
    }

    /// The next who says that they are coming makes up the number.
    pub(super) fn lacks_one(&self) -> bool {
        self.waits_for_others() && !self.lacks_others(self.coming().saturating_add(1))
    }

    /// Forgets who was told to go in once fewer are left than go in together.
    pub(super) fn hold_back_again(&mut self) {
        if 1 < self.plan.policy.together && self.waits_for_others() {
            self.parties.iter_mut().for_each(|state| state.was_told_to_go = false);
        }
    }

    /// Tells those who are coming and do not know it yet that they are enough to go in: by SMS, and by voice where none
    /// can be sent.
    pub(super) fn go_calls(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        if self.plan.policy.together <= 1 || self.is_over() || self.waits_for_others() {
            return calls;
        }
        for (party, _, state) in self.parties() {
            let Some(coming) = state.coming.filter(|_| !state.was_told_to_go) else { continue };
            let call = |number_index, channel| Call {
                party,
                number_index,
                channel,
                message: Message::GoTogether,
            };
            let mobiles = self.numbers(party).filter(|number| number.takes_sms());
            let told = calls.len();
            calls.extend(mobiles.map(|number| call(number.index, Channel::Sms)));
            if calls.len() == told {
                calls.extend(
                    self.number_to_call(party, coming.number_index)
                        .map(|index| call(index, Channel::Voice)),
                );
            }
        }
        calls
    }

    /// The number that was answered by, or else the first one that exists.
    fn number_to_call(&self, party: PartyId, preferred: Option<u8>) -> Option<u8> {
        let known =
            || self.numbers(party).filter(|number| number.plan.has_voice && !number.state.is_bad);
        let wanted = known().find(|number| Some(number.index) == preferred);
        wanted.or_else(|| known().next()).map(|number| number.index)
    }
}
