//! What a carrier tells of a leg becomes events, and what follows at once from its end is ordered.

use super::super::event::{Event, LegWhy};
use super::super::ring::{Call, ROUTES_TRIED_MAX};
use super::super::state::Leg;
use super::Draft;
use crate::leg::{Channel, LegOutcome, LegReport, Message};
use std::sync::Arc;

impl Draft<'_> {
    pub(in crate::alarm) fn report(&mut self, number: u32, report: &LegReport) {
        let Some(leg) = self.alarm.leg(number).cloned() else { return };
        let is_voice = leg.channel == Channel::Voice;
        let leg_number = leg.number;
        match report {
            LegReport::Placed { route } if leg.is_live() && leg.route.as_ref() != Some(route) => {
                self.emit(Event::LegPlaced { leg: leg_number, route: Arc::clone(route) });
            }
            LegReport::Ringing
                if leg.is_live()
                    && is_voice
                    && leg.ringing_at.is_none()
                    && leg.answered_at.is_none() =>
            {
                self.emit(Event::LegRinging { leg: leg_number });
            }
            LegReport::Answered if leg.is_live() && is_voice && leg.answered_at.is_none() => {
                self.emit(Event::LegAnswered { leg: leg_number });
            }
            LegReport::Accepted { reference, has_receipts }
                if leg.is_live() && !is_voice && leg.accepted_at.is_none() =>
            {
                let reference = Arc::clone(reference);
                let has_receipts = *has_receipts;
                self.emit(Event::SmsAccepted { leg: leg_number, reference, has_receipts });
            }
            LegReport::Delivered if !is_voice => self.ended(&leg, LegOutcome::Delivered),
            LegReport::Ended { outcome } => self.ended(&leg, *outcome),
            LegReport::Key { key } => self.key(&leg, *key),
            LegReport::Unclear if !is_voice => self.unclear(&leg),
            LegReport::OptedOut if !is_voice => self.opted_out(&leg),
            // Said before, or after the end.
            LegReport::Placed { .. }
            | LegReport::Ringing
            | LegReport::Answered
            | LegReport::Accepted { .. }
            | LegReport::Delivered
            | LegReport::Unclear
            | LegReport::OptedOut => {}
        }
    }

    pub(in crate::alarm) fn ended(&mut self, leg: &Leg, outcome: LegOutcome) {
        let is_receipt = leg.channel == Channel::Sms && outcome == LegOutcome::Delivered;
        let is_open = match leg.ended {
            None => true,
            // A receipt may come long after the provider took the message.
            Some((_, LegOutcome::Sent)) => is_receipt,
            Some(_) => false,
        };
        if !is_open {
            return;
        }
        let has_key = outcome == LegOutcome::AnsweredNoKey && leg.has_key;
        let outcome = if has_key { LegOutcome::Answered } else { outcome };
        self.emit(Event::LegEnded { leg: leg.number, outcome });
        self.after_end(leg.number);
    }

    /// Orders what follows at once from the end of a leg.
    pub(in crate::alarm) fn after_end(&mut self, number: u32) {
        let Some(leg) = self.alarm.leg(number).cloned() else { return };
        let next = match leg.channel {
            Channel::Voice => self.alarm.after_voice(&leg, self.now),
            Channel::Sms => self.after_sms(&leg),
        };
        if let Some((why, call)) = next {
            self.order(why, vec![call]);
        } else if leg.message == Message::Cancelled {
            let call = self.cancel_instead(&leg);
            self.order(LegWhy::Notice, call.into_iter().collect());
        } else if leg.ended.is_some_and(|(_, outcome)| outcome == LegOutcome::Undelivered) {
            self.call_instead(number);
        }
        self.warn_late(leg.party);
    }

    pub(in crate::alarm) fn after_sms(&self, leg: &Leg) -> Option<(LegWhy, Call)> {
        let (_, outcome) = leg.ended?;
        let number = self.alarm.number(leg.party, leg.number_index)?;
        // What is no longer true is not sent again.
        let is_wanted = self.alarm.is_said(leg.party, leg.message);
        let why = match outcome {
            LegOutcome::CarrierFailed
                if !number.state.sms_failed.is_multiple_of(ROUTES_TRIED_MAX) =>
            {
                LegWhy::OtherRoute
            }
            LegOutcome::Lost => LegWhy::Restart,
            LegOutcome::CarrierFailed
            | LegOutcome::Answered
            | LegOutcome::AnsweredNoKey
            | LegOutcome::Busy
            | LegOutcome::NoAnswer
            | LegOutcome::Declined
            | LegOutcome::BadNumber
            | LegOutcome::Cancelled
            | LegOutcome::Delivered
            | LegOutcome::Sent
            | LegOutcome::Undelivered
            | LegOutcome::OptedOut
            | LegOutcome::NoSms
            | LegOutcome::PutOff => return None,
        };
        let call = Call {
            party: leg.party,
            number_index: leg.number_index,
            channel: Channel::Sms,
            message: leg.message,
        };
        is_wanted.then_some((why, call))
    }
}
