//! An event becomes state. Total: any event in any order is taken up without a panic, whatever sense it makes, for the
//! log is read again after a restart.

mod answers;
mod case;
mod legs;
mod steps;

use super::Stage;
use super::case::Case;
use super::event::{Event, Proof, Trigger};
use super::matter::Matter;
use super::state::{Alarm, NumberState, PartyState, SmsState, after};
use crate::id::AlarmId;
use crate::plan::{PartyId, Plan, Role};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// SMS to everybody are this far apart, in seconds, however often #9 is pressed.
const SMS_PAUSE_S: u64 = 60;

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
            if let Event::Planned { revision, .. } = event {
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
        let kind = plan.kind;
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
            steps_taken: BTreeSet::new(),
            matter: Matter { kind, changes: 0, since: None, told_at: None },
            sms_at: at,
            enough_at: None,
            case: Case::default(),
            last_event_at: at,
            last_word_at: at,
        }
    }

    /// Hands over the plan that the next [`Event::Planned`] takes up. It is stored beside the events, not in them.
    pub fn offer_plan(&mut self, plan: Arc<Plan>) {
        self.offered = Some(plan);
    }

    /// Takes up an event that happened at `at`. Also rebuilds the alarm after a restart.
    #[expect(clippy::too_many_lines, reason = "an arm an event, and nothing else")]
    pub fn apply(&mut self, event: &Event, at: Timestamp) {
        self.last_event_at = self.last_event_at.max(at);
        if event.is_of_person() {
            self.last_word_at = self.last_word_at.max(at);
        }
        match event {
            // What it carries is taken up when the alarm begins.
            Event::Raised { .. } => {}
            Event::Planned { revision, .. } => self.planned(*revision),
            Event::WaveStarted { wave, legs } => self.wave_started(*wave, legs, at),
            Event::LegsOrdered { why, legs } => self.ordered(*why, legs, at),
            Event::LegPlaced { leg, route } => self.change_leg(*leg, |leg| {
                leg.placed_at = Some(at);
                leg.route = Some(Arc::clone(route));
            }),
            Event::LegRinging { leg } => self.change_leg(*leg, |leg| leg.ringing_at = Some(at)),
            Event::LegAnswered { leg } => {
                self.change_leg(*leg, |leg| leg.answered_at = Some(at));
                self.was_told(*leg);
            }
            Event::SmsAccepted { leg, reference, has_receipts } => {
                self.accepted(*leg, reference, at);
                self.change_leg(*leg, |leg| leg.has_receipts = *has_receipts);
            }
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
            Event::Closed { outcome, matter, by, .. } => {
                self.stage = Stage::Closed { at, outcome: *outcome };
                self.case.closed_as = Some((*matter, *by));
                self.forget_retries();
            }
            Event::Escalated { step } => self.escalated(*step),
            Event::CalledBack { leg } => self.called_back(leg, at),
            Event::AcknowledgementLapsed { party } => self.lapsed(*party, at),
            Event::DoorReached => {
                self.case.door_at.get_or_insert(at);
            }
            Event::PinRefused { .. } => self.case.pin_refused(),
            Event::Duress { .. } => self.duress(at),
            Event::OwnerChanged { party, .. } => self.case.given_to = Some(*party),
            Event::Reminded { times } => self.case.reminded(*times, at),
            Event::NoteAdded { note, .. } => self.case.note_added(*note),
            Event::TalkJoined { leg } => self.case.talk_joined(*leg),
            Event::TalkLeft { leg } => self.case.talk_left(*leg),
            Event::CloseAsked { party, means } => self.case.close_asked(*party, means, at),
            Event::KindNamed { matter, .. } => self.kind_named(*matter, at),
            Event::CalledAgain { .. } => self.call_again(),
            Event::PartyAdded { party, .. } => self.party_added(*party),
            Event::TakenInHand { actor } => {
                self.case.in_hand = Some((Arc::clone(actor), at));
            }
            Event::ReceiptLate { leg } => {
                self.change_leg(*leg, |leg| leg.is_receipt_late = true);
            }
            Event::ReplyUnclear { leg } => self.reply_unclear(*leg),
            Event::SmsRefused { leg } => self.sms_refused(*leg),
            Event::Silenced => self.case.is_silenced = true,
            Event::Yielded { .. } => {}
        }
        self.hold_back_again();
    }

    fn planned(&mut self, revision: u16) {
        if let Some(plan) = self.offered.take_if(|plan| plan.revision == revision) {
            let before = std::mem::replace(&mut self.plan, plan);
            self.relieve(&before);
            // Another policy may want more, never fewer than were asked for.
            self.goal = self.goal.max(u16::from(self.plan.policy.acknowledgements_wanted));
            self.reopen();
        }
        let parties = self.plan.parties.len().max(self.parties.len());
        self.parties.resize_with(parties, PartyState::default);
        for (state, party) in self.parties.iter_mut().zip(&self.plan.parties) {
            let numbers = party.numbers.len().max(state.numbers.len());
            state.numbers.resize_with(numbers, NumberState::default);
        }
        self.call_up();
        let has_duty_worker = self.parties().any(|(_, party, state)| {
            party.role == Role::DutyWorker && party.has_voice() && state.is_called
        });
        self.is_held_back &= has_duty_worker;
    }

    /// Rings again if the last change left too few.
    fn reopen(&mut self) {
        if !self.has_enough() {
            self.enough_at = None;
        }
    }

    fn still_in_danger(&mut self, trigger: &Trigger, at: Timestamp) {
        self.presses_again = self.presses_again.saturating_add(1);
        self.case.in_hand = None;
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

    /// Those who are coming were not enough for the operator, who vouches for the alarm too.
    fn call_again(&mut self) {
        self.is_held_back = false;
        self.goal = self.goal.max(self.households_coming().saturating_add(1));
        self.reopen();
    }

    /// Somebody of the party is asked again, whatever they said before.
    fn party_added(&mut self, party: PartyId) {
        if let Some(state) = self.parties.get_mut(usize::from(party.0)) {
            state.rounds = 0;
            state.numbers.iter_mut().for_each(|number| number.said_no = false);
        }
    }

    fn forget_retries(&mut self) {
        let numbers = self.parties.iter_mut().flat_map(|state| &mut state.numbers);
        numbers.for_each(|number| (number.retry, number.sms_retry) = (None, None));
    }
}
