//! An input becomes events, and each is taken up at once, so that the next step sees what it did.
//!
//! Contradictory, late, doubled and unknown inputs give no event or a recorded one; none is an error.

mod answer;
mod arrival;
mod callback;
mod case;
mod desk;
mod drill;
mod escalate;
mod matter;
mod plans;
mod receipt;
mod reply;
mod report;
mod talk;
mod withdraw;

use super::event::{AnswerMeans, Event, LegStart, LegWhy, Trigger};
use super::input::Input;
use super::ring::Call;
use super::state::{Alarm, Leg};
use super::{Deadline, Effect};
use crate::id::AlarmId;
use crate::leg::{Channel, LegOutcome, Message};
use crate::plan::{PartyId, Plan, Role};
use jiff::Timestamp;
use std::sync::Arc;

impl Alarm {
    /// Raises an alarm. The events are to be committed with the plan, then the effects carried out; the alarm has the
    /// events applied already.
    #[must_use]
    pub fn raise(
        id: AlarmId,
        trigger: Trigger,
        plan: Arc<Plan>,
        follows: Option<AlarmId>,
        now: Timestamp,
    ) -> (Self, Vec<Event>, Vec<Effect>) {
        let revision = plan.revision;
        let raised = Event::Raised { trigger: trigger.clone(), follows };
        let mut alarm = Self::begin(id, trigger, follows, plan, now);
        let mut draft = Draft { alarm: &mut alarm, events: vec![raised], effects: Vec::new(), now };
        draft.emit(Event::Planned { revision, why: None });
        draft.wave();
        draft.follow_up();
        let (events, effects) = (draft.events, draft.effects);
        (alarm, events, effects)
    }

    /// Decides what `input` means, and changes nothing.
    ///
    /// Before a [`Event::Planned`] is applied, the plan of the input is to be handed over by [`Alarm::offer_plan`].
    #[must_use]
    pub fn decide(&self, input: &Input, now: Timestamp) -> Vec<Event> {
        self.clone().take(input, now).0
    }

    /// Decides what `input` means and takes it up: the same as to [`Alarm::decide`] and to [`Alarm::apply`] each event,
    /// without a copy. The events are to be committed, then the effects carried out, in order.
    pub fn take(&mut self, input: &Input, now: Timestamp) -> (Vec<Event>, Vec<Effect>) {
        let mut draft = Draft { alarm: self, events: Vec::new(), effects: Vec::new(), now };
        match input {
            Input::Leg { leg, report } => draft.report(*leg, report),
            Input::PressedAgain { trigger, plan } => draft.pressed_again(trigger, plan),
            Input::Replanned { plan } => draft.replanned(plan),
            Input::Acknowledge { party, actor } => {
                draft.acknowledge(*party, AnswerMeans::Api { actor: Arc::clone(actor) });
            }
            Input::Arrive { party, actor } => {
                draft.arrive(*party, AnswerMeans::Api { actor: Arc::clone(actor) });
            }
            Input::Cancel { actor } => draft.cancelled_by(actor),
            Input::Close { actor, outcome, matter } => draft.close(actor, *outcome, *matter, None),
            Input::Withdraw { means, verdict } => draft.withdraw(means, *verdict),
            Input::CalledBack { party, number_index } => draft.called_back(*party, *number_index),
            Input::Answered { party, key, means } => draft.answered(*party, *key, means),
            Input::DoorReached => draft.door_reached(),
            Input::Silence if !draft.alarm.case.is_silenced => draft.emit(Event::Silenced),
            Input::Silence => {}
            Input::Talk { leg, is_in } => draft.talk(*leg, *is_in),
            Input::ChangeOwner { party, actor } => draft.change_owner(*party, actor),
            Input::CallAgain { actor } => draft.call_again(actor),
            Input::AddParty { party, actor, plan } => draft.add_party(*party, actor, plan),
            Input::TakeInHand { actor } => draft.take_in_hand(actor),
            Input::Note { note, actor } => draft.note(*note, actor),
            Input::KindNamed { matter, by, plan } => draft.kind_named(*matter, by, plan),
            Input::HandedOver { plan } => draft.handed_over(plan),
            Input::Yield { to } => draft.yield_to(*to),
            Input::TimePassed => draft.time_passed(),
            Input::Restarted => draft.restarted(),
        }
        draft.follow_up();
        (draft.events, draft.effects)
    }
}

/// The alarm, with the events that it has taken up since the input and what they ask for.
struct Draft<'a> {
    alarm: &'a mut Alarm,
    events: Vec<Event>,
    effects: Vec<Effect>,
    now: Timestamp,
}

impl Draft<'_> {
    fn emit(&mut self, event: Event) {
        self.alarm.apply(&event, self.now);
        self.effects.extend(self.alarm.effects(&event));
        self.events.push(event);
    }

    /// What has become due by what was just decided.
    fn follow_up(&mut self) {
        self.escalate();
        self.update_told();
        self.order(LegWhy::Notice, self.alarm.go_calls());
        self.end_drill();
    }

    fn starts(&self, calls: Vec<Call>) -> Vec<LegStart> {
        let first = self.alarm.last_leg.saturating_add(1);
        (first..=u32::MAX).zip(calls).map(|(leg, call)| call.start(leg)).collect()
    }

    fn wave(&mut self) {
        if self.alarm.is_drilled(self.alarm.waves) {
            return;
        }
        // The second wave of an alarm that was held back calls the neighbours.
        self.alarm.is_held_back &= self.alarm.waves == 0;
        let legs = self.starts(self.alarm.wave(self.now));
        self.emit(Event::WaveStarted { wave: self.alarm.waves, legs });
    }

    fn order(&mut self, why: LegWhy, calls: Vec<Call>) {
        if !calls.is_empty() {
            let legs = self.starts(calls);
            self.emit(Event::LegsOrdered { why, legs });
        }
    }

    /// SMS to every mobile of some parties; `is_meant` is asked with the party, its role, and whether it was told.
    fn sms_to(
        &self,
        message: Message,
        is_meant: impl Fn(PartyId, Role, bool) -> bool,
    ) -> Vec<Call> {
        let mut calls = Vec::new();
        for (id, party, _) in self.alarm.parties() {
            if !is_meant(id, party.role, self.alarm.is_told(id)) {
                continue;
            }
            let numbers = self.alarm.numbers(id).filter(|number| number.takes_sms());
            calls.extend(numbers.map(|number| Call {
                party: id,
                number_index: number.index,
                channel: Channel::Sms,
                message,
            }));
        }
        calls
    }

    fn time_passed(&mut self) {
        let now = self.now;
        if self.alarm.is_over() {
            self.order(LegWhy::Notice, self.alarm.due_notices(now));
            return self.remind();
        }
        let overdue: Vec<u32> =
            self.alarm.overdue().filter(|(at, _)| *at <= now).map(|(_, leg)| leg).collect();
        for leg in overdue {
            self.emit(Event::LegEnded { leg, outcome: LegOutcome::Lost });
            self.after_end(leg);
        }
        let is_reopened = self.lapse();
        match self.alarm.wave_due_at() {
            Some((at, Deadline::Widen | Deadline::Wave)) if at <= now || is_reopened => self.wave(),
            Some(_) | None => {}
        }
        self.order(LegWhy::ArrivalCheck, self.alarm.due_questions(now));
        self.order(LegWhy::Wave, self.alarm.due_duty(now));
        self.receipts_late();
        self.order(LegWhy::Notice, self.alarm.due_notices(now));
        self.remind();
        let mut due = self.alarm.due_retries(now);
        due.extend(self.alarm.due_question_retries(now));
        for why in [LegWhy::BusyRetry, LegWhy::NoAnswerRetry] {
            let same = due.iter().filter(|(other, _)| *other == why);
            self.order(why, same.map(|(_, call)| *call).collect());
        }
    }

    fn restarted(&mut self) {
        let is_orphan = |leg: &&Leg| {
            leg.is_live() && (leg.channel == Channel::Voice || leg.accepted_at.is_none())
        };
        let orphans: Vec<u32> =
            self.alarm.legs.iter().filter(is_orphan).map(|leg| leg.number).collect();
        for leg in &orphans {
            self.emit(Event::LegEnded { leg: *leg, outcome: LegOutcome::Lost });
        }
        for leg in orphans {
            self.after_end(leg);
        }
    }
}

impl Alarm {
    /// Whether the party may know of the alarm.
    pub(super) fn is_told(&self, party: PartyId) -> bool {
        self.party(party).is_some_and(|state| state.was_told)
            || self.legs.iter().any(|leg| leg.party == party && leg.has_told())
    }
}

impl Leg {
    /// Whether the callee may know of the alarm by this leg: in doubt they do.
    pub(super) fn has_told(&self) -> bool {
        let is_known = self.answered_at.is_some() || self.accepted_at.is_some() || self.has_key;
        let may_have_arrived = self.channel == Channel::Sms
            && match self.ended {
                None => self.placed_at.is_some(),
                Some((_, outcome)) => match outcome {
                    LegOutcome::Delivered | LegOutcome::Sent | LegOutcome::Lost => true,
                    LegOutcome::Answered
                    | LegOutcome::AnsweredNoKey
                    | LegOutcome::Busy
                    | LegOutcome::NoAnswer
                    | LegOutcome::Declined
                    | LegOutcome::BadNumber
                    | LegOutcome::CarrierFailed
                    | LegOutcome::Cancelled
                    | LegOutcome::Undelivered
                    | LegOutcome::OptedOut
                    | LegOutcome::NoSms
                    | LegOutcome::PutOff => false,
                },
            };
        is_known || may_have_arrived
    }
}
