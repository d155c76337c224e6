//! Receipts of SMS: which are late, and who is called instead. Pure questions about the state.

use super::ring::Call;
use super::state::{Alarm, Leg, after};
use crate::leg::{Channel, LegOutcome, Message};
use crate::plan::Role;
use jiff::Timestamp;

impl Alarm {
    /// SMS whose receipt did not come yet, with the time from which it is late. Only routes that give receipts count.
    pub(super) fn awaited_receipts(&self) -> impl Iterator<Item = (Timestamp, u32)> {
        let pause = u64::from(self.plan.policy.receipt_s);
        self.legs.iter().filter(|leg| leg.has_receipts && !leg.is_receipt_late).filter_map(
            move |leg| {
                let is_open = match leg.ended {
                    None | Some((_, LegOutcome::Sent)) => true,
                    Some(_) => false,
                };
                let accepted_at = leg.accepted_at.filter(|_| is_open)?;
                Some((after(accepted_at, pause), leg.number))
            },
        )
    }

    /// The call that stands in for an SMS of which nobody knows that it arrived, or that did not.
    pub(super) fn call_instead(&self, sms: &Leg, now: Timestamp) -> Option<Call> {
        let tells = match sms.message {
            Message::Alarm | Message::WeakAlarm | Message::StillInDanger => true,
            Message::OwnHousehold
            | Message::StandDown
            | Message::Cancelled
            | Message::SaidMistake
            | Message::KindNamed
            | Message::GoTogether
            | Message::AreYouThere
            | Message::Duress
            | Message::CloseReminder
            | Message::DrillOver
            | Message::PleaseReply
            | Message::HandOver
            | Message::DrillNotice => false,
        };
        let (party, state) = (self.plan.party(sms.party)?, self.party(sms.party)?);
        let is_reached = self.legs.iter().any(|leg| {
            let is_same = leg.party == sms.party && leg.number_index == sms.number_index;
            leg.channel == Channel::Voice && is_same && leg.has_key
        });
        let is_free = state.voice_live == 0 && party.role != Role::Loudspeaker;
        if !tells || is_reached || !is_free || !self.wanted().is(party, state) {
            return None;
        }
        // A second ring that is to come is as good.
        let number = self.number(sms.party, sms.number_index)?;
        let may_ring = self.can_ring(number) && self.has_budget(number, now);
        (may_ring && number.state.retry.is_none()).then(|| self.call(number, Channel::Voice))
    }
}
