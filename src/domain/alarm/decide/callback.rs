//! A telephone of a party calls the alarm number: the call becomes a leg that is answered from the start.
//!
//! Also of a party that cannot come, is coming, or was never called. After a cancel they hear of the cancel; after the close
//! it means nothing. One live call-back for each number, and a bounded number for each party.

use super::super::Stage;
use super::super::case::CALL_BACKS_MAX;
use super::super::event::{Event, LegStart, LegWhy};
use super::super::state::Leg;
use super::Draft;
use crate::leg::{Channel, Message};
use crate::plan::{PartyId, Role};

impl Draft<'_> {
    pub(in crate::alarm) fn called_back(&mut self, party: PartyId, number_index: u8) {
        let alarm = &self.alarm;
        let (Some(planned), Some(state)) = (alarm.plan.party(party), alarm.party(party)) else {
            return;
        };
        let is_same = |leg: &Leg| {
            let is_call_back = leg.why == LegWhy::CallBack && leg.is_live();
            is_call_back && (leg.party, leg.number_index) == (party, number_index)
        };
        let is_known = alarm.number(party, number_index).is_some();
        if !is_known || CALL_BACKS_MAX <= state.call_backs || alarm.legs.iter().any(is_same) {
            return;
        }
        let message = match (alarm.stage, planned.role) {
            (Stage::Closed { .. }, _) => return,
            (Stage::Cancelled { .. }, _) => Message::Cancelled,
            (Stage::Open, Role::OwnHousehold) if alarm.is_under_duress() => Message::Cancelled,
            (Stage::Open, role) => alarm.message(role),
        };
        let leg = alarm.last_leg.saturating_add(1);
        let channel = Channel::Voice;
        self.emit(Event::CalledBack {
            leg: LegStart { leg, party, number_index, channel, message },
        });
    }
}
