//! An event becomes state. Total: any event in any order is taken up without a panic, whatever sense it makes, for the
//! log is read again after a restart.

use super::Stage;
use super::event::{AnswerMeans, Event, LegStart, LegWhy, Proof, Trigger};
use super::ring::ROUTES_TRIED_MAX;
use super::state::{
    Alarm, BUDGET_WINDOW_S, Coming, Leg, NumberState, PartyState, Retry, SmsState, after,
};
use crate::id::AlarmId;
use crate::leg::{Channel, LegOutcome, Message};
use crate::plan::{PartyId, Plan, Role};
use jiff::Timestamp;
use std::sync::Arc;

/// Legs that are kept before those that are long over and cannot be replied to are forgotten.
const LEGS_KEPT: usize = 256;
/// Routes remembered as failed, per number and wave.
const ROUTES_FAILED_MAX: usize = 8;
/// SMS to everybody are this far apart, in seconds, however often #9 is pressed.
const SMS_PAUSE_S: u64 = 60;
/// Pause before somebody whom no provider reached is told again that the alarm is cancelled, in seconds.
const NOTICE_PAUSE_S: u64 = 60;
/// Attempts to tell one number of the cancel: half an hour with a dead provider.
const NOTICES_MAX: u8 = 90;

/// Why an alarm cannot be rebuilt from what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// The first event is not `Raised`.
    #[error("cannot fold an alarm whose log does not begin with its being raised")]
    NotRaised,
    /// No plan is stored.
    #[error("cannot fold an alarm without any plan")]
    NoPlan,
}

impl Alarm {
    /// Rebuilds an alarm from its log. `plans` are all of its stored revisions, in order.
    ///
    /// # Errors
    /// The log has no beginning, or there is no plan.
    pub fn fold<'a>(
        id: AlarmId,
        plans: &[Arc<Plan>],
        events: impl IntoIterator<Item = (Timestamp, &'a Event)>,
    ) -> Result<Self, FoldError> {
        let mut events = events.into_iter();
        let Some((raised_at, Event::Raised { trigger, follows })) = events.next() else {
            return Err(FoldError::NotRaised);
        };
        let first = Arc::clone(plans.first().ok_or(FoldError::NoPlan)?);
        let mut alarm = Self::begin(id, trigger.clone(), *follows, first, raised_at);
        for (at, event) in events {
            if let Event::Planned { revision } = event {
                alarm.offered = plans.iter().find(|plan| plan.revision == *revision).cloned();
            }
            alarm.apply(event, at);
        }
        Ok(alarm)
    }

    pub(super) fn begin(
        id: AlarmId,
        trigger: Trigger,
        follows: Option<AlarmId>,
        plan: Arc<Plan>,
        at: Timestamp,
    ) -> Self {
        let is_weak = trigger.proof == Proof::Weak;
        Self {
            id,
            trigger,
            follows,
            raised_at: at,
            goal: u16::from(plan.policy.acknowledgements_wanted),
            offered: Some(Arc::clone(&plan)),
            plan,
            stage: Stage::Open,
            parties: Vec::new(),
            legs: Vec::new(),
            last_leg: 0,
            waves: 0,
            pause_waves: 0,
            wave_at: at,
            is_weak,
            is_held_back: is_weak,
            presses_again: 0,
            sms_at: at,
            enough_at: None,
            last_event_at: at,
        }
    }

    /// Hands over the plan that the next [`Event::Planned`] takes up. It is stored beside the events, not in them.
    pub fn offer_plan(&mut self, plan: Arc<Plan>) {
        self.offered = Some(plan);
    }

    /// Takes up an event that happened at `at`. Also rebuilds the alarm after a restart.
    pub fn apply(&mut self, event: &Event, at: Timestamp) {
        self.last_event_at = self.last_event_at.max(at);
        match event {
            // What it carries is taken up when the alarm begins.
            Event::Raised { .. } => {}
            Event::Planned { revision } => self.planned(*revision),
            Event::WaveStarted { wave, legs } => self.wave_started(*wave, legs, at),
            Event::LegsOrdered { why, legs } => self.ordered(*why, legs, at),
            Event::LegPlaced { leg, route } => self.change_leg(*leg, |leg| {
                leg.placed_at = Some(at);
                leg.route = Some(Arc::clone(route));
            }),
            Event::LegRinging { leg } => self.change_leg(*leg, |leg| leg.ringing_at = Some(at)),
            Event::LegAnswered { leg } => self.change_leg(*leg, |leg| leg.answered_at = Some(at)),
            Event::SmsAccepted { leg, reference } => self.accepted(*leg, reference, at),
            Event::LegEnded { leg, outcome } => self.leg_ended(*leg, *outcome, at),
            Event::Acknowledged { party, means } => self.acknowledged(*party, means, at),
            Event::Declined { party, means } => self.declined(*party, means, at),
            Event::Arrived { party, means } => {
                self.answered(*party, means, |state| state.arrived_at = Some(at));
            }
            Event::PoliceCalled { party, means } => {
                self.answered(*party, means, |state| state.police_called_at = Some(at));
            }
            Event::SaidMistake { party, means } => {
                self.answered(*party, means, |state| state.said_mistake_at = Some(at));
            }
            Event::EnoughComing => self.enough_at = Some(at),
            Event::StillInDanger { trigger } => self.still_in_danger(trigger, at),
            Event::Cancelled { .. } => {
                if self.stage == Stage::Open {
                    self.stage = Stage::Cancelled { at };
                    self.forget_retries();
                }
            }
            Event::Closed { outcome, .. } => {
                self.stage = Stage::Closed { at, outcome: *outcome };
                self.forget_retries();
            }
        }
    }

    fn planned(&mut self, revision: u16) {
        if let Some(plan) = self.offered.take_if(|plan| plan.revision == revision) {
            self.plan = plan;
        }
        let parties = self.plan.parties.len().max(self.parties.len());
        self.parties.resize_with(parties, PartyState::default);
        for (state, party) in self.parties.iter_mut().zip(&self.plan.parties) {
            let numbers = party.numbers.len().max(state.numbers.len());
            state.numbers.resize_with(numbers, NumberState::default);
        }
        let has =
            |role| self.plan.parties.iter().any(|party| party.role == role && party.has_voice());
        self.is_held_back &= has(Role::DutyWorker);
    }

    fn wave_started(&mut self, wave: u16, legs: &[LegStart], at: Timestamp) {
        self.wave_at = at;
        self.waves = wave.saturating_add(1);
        // The second wave of an alarm that was held back is the one that calls the neighbours.
        self.is_held_back &= wave == 0;
        self.pause_waves = if self.is_held_back { 0 } else { self.pause_waves.saturating_add(1) };
        self.ordered(LegWhy::Wave, legs, at);
    }

    fn ordered(&mut self, why: LegWhy, legs: &[LegStart], at: Timestamp) {
        for start in legs {
            self.order(why, start, at);
        }
        if LEGS_KEPT < self.legs.len() {
            self.legs.retain(|leg| !is_forgettable(leg, at));
        }
    }

    fn order(&mut self, why: LegWhy, start: &LegStart, at: Timestamp) {
        let begins = match why {
            LegWhy::Wave | LegWhy::StillInDanger => true,
            LegWhy::NextNumber
            | LegWhy::BusyRetry
            | LegWhy::NoAnswerRetry
            | LegWhy::OtherRoute
            | LegWhy::Restart
            | LegWhy::Notice => false,
        };
        let is_voice = start.channel == Channel::Voice;
        if let Some(state) = self.parties.get_mut(usize::from(start.party.0)) {
            if is_voice {
                state.voice_live = state.voice_live.saturating_add(1);
                state.voice_at = Some(at);
                if begins {
                    state.begin_round();
                }
            }
            if let Some(number) = state.numbers.get_mut(usize::from(start.number_index)) {
                if is_voice {
                    number.is_tried = true;
                    number.calls = number.calls.saturating_add(1);
                    number.retry = None;
                } else if start.message == Message::Cancelled {
                    number.retry = None;
                } else if why != LegWhy::Notice {
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
            has_key: false,
            ended: None,
        };
        self.last_leg = self.last_leg.max(start.leg);
        match self.legs.binary_search_by_key(&start.leg, |leg| leg.number) {
            Ok(_) => {} // Ordered twice: it is the same leg.
            Err(index) => self.legs.insert(index, leg),
        }
    }

    fn change_leg(&mut self, number: u32, change: impl FnOnce(&mut Leg)) {
        if let Ok(index) = self.legs.binary_search_by_key(&number, |leg| leg.number)
            && let Some(leg) = self.legs.get_mut(index)
        {
            change(leg);
        }
    }

    fn change_number(&mut self, leg: &Leg, change: impl FnOnce(&mut NumberState)) {
        let state = self.parties.get_mut(usize::from(leg.party.0));
        if let Some(number) =
            state.and_then(|state| state.numbers.get_mut(usize::from(leg.number_index)))
        {
            change(number);
        }
    }

    fn accepted(&mut self, number: u32, reference: &Arc<str>, at: Timestamp) {
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
    }

    fn leg_ended(&mut self, number: u32, outcome: LegOutcome, at: Timestamp) {
        let Some(leg) = self.leg(number).cloned() else { return };
        self.change_leg(number, |leg| leg.ended = Some((at, outcome)));
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

    fn voice_ended(&mut self, leg: &Leg, outcome: LegOutcome, at: Timestamp) {
        let plan = Arc::clone(&self.plan);
        let is_over = self.is_over();
        self.change_number(leg, |number| match outcome {
            LegOutcome::Busy => {
                let pause = plan.policy.busy_retry_s.get(usize::from(number.busy_tries));
                number.busy_tries = number.busy_tries.saturating_add(1);
                if let (Some(pause), false) = (pause, is_over) {
                    let at = after(at, u64::from(*pause));
                    number.retry = Some(Retry { at, why: LegWhy::BusyRetry });
                }
            }
            LegOutcome::NoAnswer => {
                let is_first = number.no_answer_tries == 0;
                number.no_answer_tries = number.no_answer_tries.saturating_add(1);
                if is_first && !is_over {
                    let at = after(at, u64::from(plan.policy.no_answer_retry_s));
                    number.retry = Some(Retry { at, why: LegWhy::NoAnswerRetry });
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
            | LegOutcome::Lost => {}
        });
    }

    /// The leg and number by which an answer came, if it is the party's own.
    fn number_of(&self, party: PartyId, means: &AnswerMeans) -> Option<u8> {
        let leg = match means {
            AnswerMeans::Key { leg } | AnswerMeans::Reply { leg } => self.leg(*leg)?,
            AnswerMeans::Api { .. } => return None,
        };
        (leg.party == party).then_some(leg.number_index)
    }

    fn answered(
        &mut self,
        party: PartyId,
        means: &AnswerMeans,
        change: impl FnOnce(&mut PartyState),
    ) {
        match means {
            AnswerMeans::Key { leg } | AnswerMeans::Reply { leg } => {
                self.change_leg(*leg, |leg| leg.has_key = true);
            }
            AnswerMeans::Api { .. } => {}
        }
        if let Some(state) = self.parties.get_mut(usize::from(party.0)) {
            change(state);
        }
    }

    fn acknowledged(&mut self, party: PartyId, means: &AnswerMeans, at: Timestamp) {
        let number_index = self.number_of(party, means);
        self.answered(party, means, |state| {
            state.coming = Some(Coming { at, number_index });
            let number = number_index.and_then(|index| state.numbers.get_mut(usize::from(index)));
            if let Some(number) = number {
                number.said_no = false;
            }
        });
    }

    fn declined(&mut self, party: PartyId, means: &AnswerMeans, at: Timestamp) {
        let number_index = self.number_of(party, means);
        self.answered(party, means, |state| {
            state.declined_at = Some(at);
            let number = number_index.and_then(|index| state.numbers.get_mut(usize::from(index)));
            if let Some(number) = number {
                number.said_no = true;
            }
            // Another person of the household may be on the way.
            let is_other = |coming: &Coming| {
                coming.number_index.is_some() && coming.number_index != number_index
            };
            state.coming = state.coming.filter(is_other);
        });
        self.reopen();
    }

    /// Rings again if the last change left too few.
    fn reopen(&mut self) {
        if !self.has_enough() {
            self.enough_at = None;
        }
    }

    fn still_in_danger(&mut self, trigger: &Trigger, at: Timestamp) {
        self.presses_again = self.presses_again.saturating_add(1);
        if trigger.proof != Proof::Weak {
            self.is_weak = false;
            self.is_held_back = false;
        }
        // Those who are coming were not enough: one household more is wanted.
        self.goal = self.goal.max(self.households_coming().saturating_add(1));
        self.pause_waves = 1;
        self.wave_at = if self.is_held_back { self.wave_at } else { at };
        let is_sms_due = after(self.sms_at, SMS_PAUSE_S) <= at;
        if is_sms_due {
            self.sms_at = at;
        }
        for state in &mut self.parties {
            state.rounds = 0;
            for number in &mut state.numbers {
                number.said_no = false;
                if is_sms_due {
                    number.sms = SmsState::Unsent;
                    number.sms_undelivered = 0;
                }
            }
        }
        self.reopen();
    }

    fn forget_retries(&mut self) {
        let numbers = self.parties.iter_mut().flat_map(|state| &mut state.numbers);
        numbers.for_each(|number| number.retry = None);
    }
}

impl PartyState {
    /// A wave calls the party: every number may be tried again.
    fn begin_round(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
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
            | LegOutcome::Lost => self.sms = SmsState::Failed,
        }
    }

    fn notice_failed(&mut self, leg: &Leg, at: Timestamp) {
        if leg.message == Message::Cancelled {
            let at = after(at, NOTICE_PAUSE_S);
            self.retry = Some(Retry { at, why: LegWhy::Notice });
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
