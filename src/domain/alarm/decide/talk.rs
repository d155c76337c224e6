//! The talk with the resident. 5 itself changes nothing: the switchboard asks, and who is let in is recorded, so that after
//! a restart nobody is joined who was not. A leg that ends leaves by itself.

use super::super::case::TALK_MAX;
use super::super::event::Event;
use super::Draft;
use crate::leg::Channel;
use crate::plan::Role;

impl Draft<'_> {
    /// Lets a called person in, eight at most, or notes that they left. Nobody is let in under duress, where the resident is
    /// believed to have withdrawn the alarm, nor when it is over. To talk is not to come.
    pub(in crate::alarm) fn talk(&mut self, number: u32, is_in: bool) {
        let is_member = self.alarm.case.talk.contains(&number);
        if !is_in {
            if is_member {
                self.emit(Event::TalkLeft { leg: number });
            }
            return;
        }
        let Some(leg) = self.alarm.leg(number) else { return };
        let role = self.alarm.plan.party(leg.party).map(|party| party.role);
        let is_called = leg.channel == Channel::Voice
            && leg.is_live()
            && leg.answered_at.is_some()
            && role.is_some_and(|role| role != Role::OwnHousehold);
        let is_open = !self.alarm.is_over() && !self.alarm.is_under_duress();
        let has_room = self.alarm.case.talk.len() < TALK_MAX;
        if is_called && is_open && has_room && !is_member {
            self.emit(Event::TalkJoined { leg: number });
        }
    }
}
