//! Legs, from their order to their end, and what they leave behind in the state of their numbers.

use super::super::event::{LegStart, LegWhy};
use super::super::ring::ROUTES_TRIED_MAX;
use super::super::state::{
    Alarm, BUDGET_WINDOW_S, Leg, NumberState, PartyState, Retry, SmsState, after,
};
use crate::leg::{Channel, LegOutcome, Message};
use jiff::Timestamp;
use std::sync::Arc;

/// Legs that are kept before those that are long over and cannot be replied to are forgotten.
const LEGS_KEPT: usize = 256;
/// Routes remembered as failed, per number and wave.
const ROUTES_FAILED_MAX: usize = 8;
/// Pause before somebody whom no provider reached is told again that the alarm is cancelled, in seconds.
const NOTICE_PAUSE_S: u64 = 60;
/// Attempts to tell one number of the cancel: half an hour with a dead provider.
const NOTICES_MAX: u8 = 90;
/// Calls with the cancel that nobody takes: after these the number is left in peace.
const NOTICES_MISSED_MAX: u8 = 3;

impl Alarm {
    pub(in crate::alarm) fn wave_started(&mut self, wave: u16, legs: &[LegStart], at: Timestamp) {
        self.wave_at = at;
        self.waves = wave.saturating_add(1);
        // The second wave of an alarm that was held back is the one that calls the neighbours.
        self.is_held_back &= wave == 0;
        self.pause_waves = if self.is_held_back { 0 } else { self.pause_waves.saturating_add(1) };
        self.ordered(LegWhy::Wave, legs, at);
    }

    pub(in crate::alarm) fn ordered(&mut self, why: LegWhy, legs: &[LegStart], at: Timestamp) {
        for start in legs {
            self.order(why, start, at);
        }
        self.kind_told(legs, at);
        if LEGS_KEPT < self.legs.len() {
            self.legs.retain(|leg| !is_forgettable(leg, at));
        }
    }

    pub(in crate::alarm) fn order(&mut self, why: LegWhy, start: &LegStart, at: Timestamp) {
        let begins = match why {
            LegWhy::Wave
            | LegWhy::Step
            | LegWhy::HandOver
            | LegWhy::StillInDanger
            | LegWhy::Added => true,
            LegWhy::NextNumber
            | LegWhy::BusyRetry
            | LegWhy::NoAnswerRetry
            | LegWhy::OtherRoute
            | LegWhy::Restart
            | LegWhy::Notice
            | LegWhy::ReceiptLate
            | LegWhy::ArrivalCheck
            | LegWhy::CallBack => false,
        };
        let is_voice = start.channel == Channel::Voice;
        if let Some(state) = self.parties.get_mut(usize::from(start.party.0)) {
            state.was_told_to_go |= start.message == Message::GoTogether;
            if is_voice {
                state.voice_live = state.voice_live.saturating_add(1);
                state.voice_at = Some(at);
                if begins {
                    state.begin_round();
                }
            }
            if why == LegWhy::ArrivalCheck {
                state.asked(at);
            }
            if let Some(number) = state.numbers.get_mut(usize::from(start.number_index)) {
                if is_voice {
                    let costs = u32::from(why != LegWhy::CallBack);
                    number.is_tried = true;
                    number.calls = number.calls.saturating_add(costs);
                    number.retry = None;
                } else if start.message == Message::Cancelled {
                    number.sms_retry = None;
                } else if !matches!(why, LegWhy::Notice | LegWhy::ArrivalCheck) {
                    number.sms = SmsState::UnderWay;
                }
            }
        }
        let leg = Leg {
            number: start.leg,
            party: start.party,
            number_index: start.number_index,
            channel: start.channel,
            message: start.message,
            why,
            ordered_at: at,
            placed_at: None,
            route: None,
            ringing_at: None,
            answered_at: None,
            accepted_at: None,
            reference: None,
            has_receipts: false,
            is_receipt_late: false,
            has_key: false,
            ended: None,
        };
        self.last_leg = self.last_leg.max(start.leg);
        match self.legs.binary_search_by_key(&start.leg, |leg| leg.number) {
            Ok(_) => {} // Ordered twice: it is the same leg.
            Err(index) => self.legs.insert(index, leg),
        }
    }

    pub(in crate::alarm) fn change_leg(&mut self, number: u32, change: impl FnOnce(&mut Leg)) {
        if let Ok(index) = self.legs.binary_search_by_key(&number, |leg| leg.number)
            && let Some(leg) = self.legs.get_mut(index)
        {
            change(leg);
        }
    }

    pub(in crate::alarm) fn change_number(
        &mut self,
        leg: &Leg,
        change: impl FnOnce(&mut NumberState),
    ) {
        let state = self.parties.get_mut(usize::from(leg.party.0));
        if let Some(number) =
            state.and_then(|state| state.numbers.get_mut(usize::from(leg.number_index)))
        {
            change(number);
        }
    }

    /// The party of this leg may know of the alarm from now on, though the leg may be forgotten.
    pub(in crate::alarm) fn was_told(&mut self, number: u32) {
        let party = self.leg(number).map(|leg| usize::from(leg.party.0));
        if let Some(state) = party.and_then(|party| self.parties.get_mut(party)) {
            state.was_told = true;
        }
    }

    pub(in crate::alarm) fn accepted(&mut self, number: u32, reference: &Arc<str>, at: Timestamp) {
        self.change_leg(number, |leg| {
            leg.accepted_at = Some(at);
            leg.reference = Some(Arc::clone(reference));
        });
        if let Some(leg) = self.leg(number).cloned() {
            self.change_number(&leg, |number| {
                number.sms = SmsState::Taken;
                number.has_had_sms = true;
            });
        }
        self.was_told(number);
    }

    pub(in crate::alarm) fn leg_ended(&mut self, number: u32, outcome: LegOutcome, at: Timestamp) {
        let Some(leg) = self.leg(number).cloned() else { return };
        self.change_leg(number, |leg| leg.ended = Some((at, outcome)));
        self.case.talk_left(number);
        match leg.channel {
            Channel::Voice => {
                if leg.is_live()
                    && let Some(state) = self.parties.get_mut(usize::from(leg.party.0))
                {
                    state.voice_live = state.voice_live.saturating_sub(1);
                    state.voice_at = Some(at);
                }
                self.voice_ended(&leg, outcome, at);
            }
            Channel::Sms => self.change_number(&leg, |number| number.sms_ended(&leg, outcome, at)),
        }
    }

    pub(in crate::alarm) fn voice_ended(&mut self, leg: &Leg, outcome: LegOutcome, at: Timestamp) {
        let plan = Arc::clone(&self.plan);
        let is_over = self.is_over();
        if is_over && leg.message == Message::Cancelled && leg.why != LegWhy::CallBack {
            let pause = u64::from(plan.policy.no_answer_retry_s);
            return self
                .change_number(leg, |number| number.notice_ended(leg, outcome, (at, pause)));
        }
        self.change_number(leg, |number| match outcome {
            LegOutcome::Busy => {
                let pause = plan.policy.busy_retry_s.get(usize::from(number.busy_tries));
                number.busy_tries = number.busy_tries.saturating_add(1);
                if let (Some(pause), false) = (pause, is_over) {
                    let at = after(at, u64::from(*pause));
                    let why = LegWhy::BusyRetry;
                    number.retry = Some(Retry { at, why });
                }
            }
            LegOutcome::NoAnswer => {
                let is_first = number.no_answer_tries == 0;
                number.no_answer_tries = number.no_answer_tries.saturating_add(1);
                if is_first && !is_over {
                    let at = after(at, u64::from(plan.policy.no_answer_retry_s));
                    let why = LegWhy::NoAnswerRetry;
                    number.retry = Some(Retry { at, why });
                }
            }
            LegOutcome::BadNumber => number.is_bad = true,
            LegOutcome::CarrierFailed => {
                number.voice_failed = number.voice_failed.saturating_add(1);
                number.route_failed(leg);
            }
            // Nobody was reached, or somebody was: either way the next wave or the next number goes on.
            LegOutcome::Answered
            | LegOutcome::AnsweredNoKey
            | LegOutcome::Declined
            | LegOutcome::Cancelled
            | LegOutcome::Delivered
            | LegOutcome::Sent
            | LegOutcome::Undelivered
            | LegOutcome::OptedOut
            | LegOutcome::NoSms
            | LegOutcome::PutOff
            | LegOutcome::Lost => {}
        });
    }
}

impl PartyState {
    /// A wave calls the party: every number may be tried again.
    fn begin_round(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        self.forget_tries();
    }

    /// The party is asked where it is: its numbers are called by the ordinary rules, from the start.
    fn asked(&mut self, at: Timestamp) {
        if let Some(coming) = &mut self.coming
            && coming.asked_at.is_none()
        {
            coming.asked_at = Some(at);
            self.forget_tries();
        }
    }

    fn forget_tries(&mut self) {
        for number in &mut self.numbers {
            number.is_tried = false;
            number.busy_tries = 0;
            number.no_answer_tries = 0;
            number.voice_failed = 0;
            number.routes_failed.clear();
            number.retry = None;
        }
    }
}

impl NumberState {
    fn route_failed(&mut self, leg: &Leg) {
        if let Some(route) = &leg.route
            && !self.routes_failed.contains(route)
            && self.routes_failed.len() < ROUTES_FAILED_MAX
        {
            self.routes_failed.push(Arc::clone(route));
        }
    }

    fn sms_ended(&mut self, leg: &Leg, outcome: LegOutcome, at: Timestamp) {
        match outcome {
            LegOutcome::Delivered | LegOutcome::Sent => {
                self.sms = SmsState::Taken;
                self.has_had_sms = true;
            }
            LegOutcome::OptedOut | LegOutcome::NoSms | LegOutcome::BadNumber => {
                self.refuses_sms = true;
                self.sms = SmsState::Failed;
            }
            LegOutcome::Undelivered => {
                self.sms_undelivered = self.sms_undelivered.saturating_add(1);
                self.sms = SmsState::Failed;
            }
            LegOutcome::CarrierFailed => {
                self.sms_failed = self.sms_failed.saturating_add(1);
                self.route_failed(leg);
                self.sms = SmsState::Failed;
                let is_burst_over = self.sms_failed.is_multiple_of(ROUTES_TRIED_MAX);
                let is_left = self.sms_failed < NOTICES_MAX;
                if is_burst_over && is_left {
                    self.notice_failed(leg, at);
                }
            }
            // No room for it in a storm: whoever was told has to be told all the same.
            LegOutcome::Cancelled => {
                self.sms = SmsState::Failed;
                self.notice_failed(leg, at);
            }
            LegOutcome::Answered
            | LegOutcome::AnsweredNoKey
            | LegOutcome::Busy
            | LegOutcome::NoAnswer
            | LegOutcome::Declined
            | LegOutcome::PutOff
            | LegOutcome::Lost => self.sms = SmsState::Failed,
        }
    }

    fn notice_failed(&mut self, leg: &Leg, at: Timestamp) {
        if leg.message == Message::Cancelled {
            let at = after(at, NOTICE_PAUSE_S);
            // The next attempts begin anew: a provider that failed before may be the one that works by then.
            self.routes_failed.clear();
            match leg.channel {
                Channel::Voice => self.retry = Some(Retry { at, why: LegWhy::Notice }),
                Channel::Sms => self.sms_retry = Some(at),
            }
        }
    }

    /// A call with the cancel ended. What nobody took is said again after `pause` seconds, as the second ring, which passes
    /// Do Not Disturb; what never rang a minute later. Both within bounds.
    fn notice_ended(&mut self, leg: &Leg, outcome: LegOutcome, (at, pause): (Timestamp, u64)) {
        match outcome {
            LegOutcome::Busy | LegOutcome::NoAnswer | LegOutcome::Declined => {
                self.notices_missed = self.notices_missed.saturating_add(1);
                if self.notices_missed < NOTICES_MISSED_MAX {
                    let at = after(at, pause);
                    self.retry = Some(Retry { at, why: LegWhy::Notice });
                }
            }
            LegOutcome::CarrierFailed | LegOutcome::Cancelled => {
                self.notices_failed = self.notices_failed.saturating_add(1);
                self.voice_failed = self.voice_failed.saturating_add(1);
                self.route_failed(leg);
                let is_burst_over = ROUTES_TRIED_MAX <= self.voice_failed;
                let is_shed = outcome == LegOutcome::Cancelled;
                if (is_burst_over || is_shed) && self.notices_failed < NOTICES_MAX {
                    self.voice_failed = 0;
                    self.notice_failed(leg, at);
                }
            }
            LegOutcome::BadNumber => self.is_bad = true,
            // It was said, if only to a machine; or it is said again at once.
            LegOutcome::Answered
            | LegOutcome::AnsweredNoKey
            | LegOutcome::Delivered
            | LegOutcome::Sent
            | LegOutcome::Undelivered
            | LegOutcome::OptedOut
            | LegOutcome::NoSms
            | LegOutcome::PutOff
            | LegOutcome::Lost => {}
        }
    }
}

/// Over for an hour, so that it counts in no budget, and no reply to it can come.
fn is_forgettable(leg: &Leg, now: Timestamp) -> bool {
    let Some((ended_at, outcome)) = leg.ended else { return false };
    let can_be_replied = leg.channel == Channel::Sms
        && (leg.accepted_at.is_some()
            || outcome == LegOutcome::Sent
            || outcome == LegOutcome::Delivered);
    !can_be_replied && after(ended_at, BUDGET_WINDOW_S) <= now
}
