//! Which SMS a reply belongs to, and who has answered. Pure questions about the state.

use super::state::{Alarm, Leg};
use crate::leg::Channel;
use crate::phone::PhoneNumber;
use crate::plan::PartyId;

impl Alarm {
    /// The newest SMS to a number that left: what its owner replies to.
    #[must_use]
    pub fn last_sms_to(&self, number: &PhoneNumber) -> Option<&Leg> {
        let is_meant = |leg: &&Leg| {
            let known = self.number(leg.party, leg.number_index);
            leg.channel == Channel::Sms
                && leg.placed_at.is_some()
                && known.is_some_and(|known| known.plan.number == *number)
        };
        self.legs.iter().rev().find(is_meant)
    }

    /// Whether the party has another telephone that was not called yet in this wave: nobody need wait for this one.
    #[must_use]
    pub fn has_untried_number(&self, party: PartyId) -> bool {
        self.numbers(party).any(|number| !number.state.is_tried && self.can_ring(number))
    }

    /// Whether the number takes no SMS from us: its owner said so, or a provider did.
    #[must_use]
    pub fn refuses_sms(&self, party: PartyId, number_index: u8) -> bool {
        self.number(party, number_index).is_some_and(|number| number.state.refuses_sms)
    }

    /// Whether the person of this number has answered, by whatever means; what an operator said for the whole party
    /// counts.
    #[must_use]
    pub fn has_answered(&self, party: PartyId, number_index: u8) -> bool {
        let is_theirs = |leg: &Leg| leg.party == party && leg.number_index == number_index;
        let has_key = self.legs.iter().any(|leg| is_theirs(leg) && leg.has_key);
        let has_said_no =
            self.number(party, number_index).is_some_and(|number| number.state.said_no);
        let comes = self.party(party).and_then(|state| state.coming);
        let comes = comes
            .is_some_and(|coming| coming.number_index.is_none_or(|index| index == number_index));
        has_key || has_said_no || comes
    }
}
