//! An input becomes events. Changes nothing: each step is tried on a copy, so that the next one sees what it did.
//!
//! Contradictory, late, doubled and unknown inputs give no event or a recorded one; none is an error.

use super::event::{AnswerMeans, Event, LegStart, LegWhy, Trigger};
use super::input::{Actor, Input};
use super::ring::{Call, ROUTES_TRIED_MAX};
use super::state::{Alarm, Leg};
use super::{Deadline, Stage};
use crate::digits::Key;
use crate::id::AlarmId;
use crate::leg::{Channel, LegOutcome, LegReport, Message};
use crate::plan::{PartyId, Plan, Role};
use jiff::Timestamp;
use std::sync::Arc;

impl Alarm {
    /// Raises an alarm. The events are to be committed with the plan; the alarm has them applied already.
    #[must_use]
    pub fn raise(
        id: AlarmId,
        trigger: Trigger,
        plan: Arc<Plan>,
        follows: Option<AlarmId>,
        now: Timestamp,
    ) -> (Self, Vec<Event>) {
        let revision = plan.revision;
        let raised = Event::Raised { trigger: trigger.clone(), follows };
        let mut draft = Draft {
            alarm: Self::begin(id, trigger, follows, plan, now),
            events: vec![raised],
            now,
        };
        draft.emit(Event::Planned { revision });
        draft.wave();
        (draft.alarm, draft.events)
    }

    /// Decides what `input` means. Changes nothing, so that a failed commit leaves nothing to undo.
    ///
    /// Each event is to be committed, then applied, then its effects carried out, in order. Before a
    /// [`Event::Planned`] is applied, the plan of the input is to be handed over by [`Alarm::offer_plan`].
    #[must_use]
    pub fn decide(&self, input: &Input, now: Timestamp) -> Vec<Event> {
        let mut draft = Draft { alarm: self.clone(), events: Vec::new(), now };
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
            Input::Cancel { actor } => draft.cancel(actor),
            Input::Close { actor, outcome } => match draft.alarm.stage {
                Stage::Open | Stage::Cancelled { .. } => {
                    draft.emit(Event::Closed { actor: Arc::clone(actor), outcome: *outcome })
                }
                Stage::Closed { .. } => {}
            },
            Input::TimePassed => draft.time_passed(),
            Input::Restarted => draft.restarted(),
        }
        draft.events
    }
}

/// A copy of the alarm on which the next events are tried.
struct Draft {
    alarm: Alarm,
    events: Vec<Event>,
    now: Timestamp,
}

impl Draft {
    fn emit(&mut self, event: Event) {
        self.alarm.apply(&event, self.now);
        self.events.push(event);
    }

    fn starts(&self, calls: Vec<Call>) -> Vec<LegStart> {
        let first = self.alarm.last_leg.saturating_add(1);
        (first..=u32::MAX).zip(calls).map(|(leg, call)| call.start(leg)).collect()
    }

    fn wave(&mut self) {
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

    fn report(&mut self, number: u32, report: &LegReport) {
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
            LegReport::Accepted { reference }
                if leg.is_live() && !is_voice && leg.accepted_at.is_none() =>
            {
                let reference = Arc::clone(reference);
                self.emit(Event::SmsAccepted { leg: leg_number, reference });
            }
            LegReport::Delivered if !is_voice => self.ended(&leg, LegOutcome::Delivered),
            LegReport::Ended { outcome } => self.ended(&leg, *outcome),
            LegReport::Key { key } => self.key(&leg, *key),
            // Said before, or after the end.
            LegReport::Placed { .. }
            | LegReport::Ringing
            | LegReport::Answered
            | LegReport::Accepted { .. }
            | LegReport::Delivered => {}
        }
    }

    fn ended(&mut self, leg: &Leg, outcome: LegOutcome) {
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
    fn after_end(&mut self, number: u32) {
        let Some(leg) = self.alarm.leg(number).cloned() else { return };
        let next = match leg.channel {
            Channel::Voice => self.alarm.after_voice(&leg, self.now),
            Channel::Sms => self.after_sms(&leg),
        };
        if let Some((why, call)) = next {
            self.order(why, vec![call]);
        }
    }

    fn after_sms(&self, leg: &Leg) -> Option<(LegWhy, Call)> {
        let (_, outcome) = leg.ended?;
        let number = self.alarm.number(leg.party, leg.number_index)?;
        // What is no longer true is not sent again.
        let is_wanted = match self.alarm.stage {
            Stage::Open => true,
            Stage::Cancelled { .. } => leg.message == Message::Cancelled,
            Stage::Closed { .. } => false,
        };
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
            | LegOutcome::NoSms => return None,
        };
        let call = Call {
            party: leg.party,
            number_index: leg.number_index,
            channel: Channel::Sms,
            message: leg.message,
        };
        is_wanted.then_some((why, call))
    }

    fn key(&mut self, leg: &Leg, key: Key) {
        let Some(state) = self.alarm.party(leg.party) else { return };
        if self.alarm.is_over() {
            return;
        }
        let means = match leg.channel {
            Channel::Voice => AnswerMeans::Key { leg: leg.number },
            Channel::Sms => AnswerMeans::Reply { leg: leg.number },
        };
        let party = leg.party;
        match key.as_char() {
            '1' => self.acknowledge(party, means),
            '2' => {
                let number = self.alarm.number(party, leg.number_index);
                let has_said = number.is_some_and(|number| number.state.said_no);
                let by_another = state
                    .coming
                    .and_then(|coming| coming.number_index)
                    .is_some_and(|index| index != leg.number_index);
                if !has_said && !by_another && state.arrived_at.is_none() {
                    let had_enough = self.alarm.has_enough();
                    self.emit(Event::Declined { party, means });
                    if had_enough && !self.alarm.has_enough() {
                        self.wave();
                    }
                }
            }
            '3' => self.arrive(party, means),
            '4' if state.police_called_at.is_none() => {
                self.emit(Event::PoliceCalled { party, means });
            }
            '7' if state.said_mistake_at.is_none() => {
                self.emit(Event::SaidMistake { party, means });
                let calls = self.sms_to(Message::SaidMistake, |id, role, _| {
                    role == Role::DutyWorker && id != party
                });
                self.order(LegWhy::Notice, calls);
            }
            // 9 repeats the words and 5 connects: the carrier's affair. The rest means nothing.
            _ => {}
        }
    }

    fn acknowledge(&mut self, party: PartyId, means: AnswerMeans) {
        let alarm = &self.alarm;
        let is_new = alarm.party(party).is_some_and(|state| state.coming.is_none());
        if alarm.is_over() || !is_new {
            return;
        }
        self.emit(Event::Acknowledged { party, means });
        let role = self.alarm.plan.party(party).map(|party| party.role);
        if self.alarm.is_held_back && role == Some(Role::DutyWorker) {
            self.wave();
        }
        if self.alarm.enough_at.is_none() && self.alarm.has_enough() {
            self.emit(Event::EnoughComing);
            let calls = self.sms_to(Message::StandDown, |id, role, is_told| {
                let state = self.alarm.party(id);
                let is_free = state
                    .is_some_and(|state| state.coming.is_none() && state.declined_at.is_none());
                role == Role::Neighbour && is_told && is_free
            });
            self.order(LegWhy::Notice, calls);
        }
    }

    fn arrive(&mut self, party: PartyId, means: AnswerMeans) {
        let is_new = self.alarm.party(party).is_some_and(|state| state.arrived_at.is_none());
        if self.alarm.is_over() || !is_new {
            return;
        }
        self.acknowledge(party, means.clone());
        self.emit(Event::Arrived { party, means });
    }

    /// SMS to every mobile of some parties; `is_meant` is asked with the party, its role, and whether it was told.
    fn sms_to(
        &self,
        message: Message,
        is_meant: impl Fn(PartyId, Role, bool) -> bool,
    ) -> Vec<Call> {
        let mut calls = Vec::new();
        for (id, party, _) in self.alarm.parties() {
            let is_told = self.alarm.legs.iter().any(|leg| leg.party == id && leg.has_told());
            if !is_meant(id, party.role, is_told) {
                continue;
            }
            let numbers = self.alarm.numbers(id).filter(|number| {
                let may_get = number.plan.has_sms || number.state.has_had_sms;
                may_get && !number.state.refuses_sms
            });
            calls.extend(numbers.map(|number| Call {
                party: id,
                number_index: number.index,
                channel: Channel::Sms,
                message,
            }));
        }
        calls
    }

    fn pressed_again(&mut self, trigger: &Trigger, plan: &Arc<Plan>) {
        if self.alarm.is_over() {
            return;
        }
        let sms_at = self.alarm.sms_at;
        self.emit(Event::StillInDanger { trigger: trigger.clone() });
        self.take_plan(plan);
        // Everybody's SMS was made due unless one has just gone; those who are coming hear of it too.
        let is_news = self.alarm.sms_at != sms_at;
        let calls = self.alarm.again(self.now);
        self.order(LegWhy::StillInDanger, calls);
        if is_news {
            let coming = self.sms_to(Message::StillInDanger, |id, role, _| {
                let is_coming = |state: &super::PartyState| state.coming.is_some();
                role != Role::OwnHousehold && self.alarm.party(id).is_some_and(is_coming)
            });
            self.order(LegWhy::Notice, coming);
        }
    }

    fn take_plan(&mut self, plan: &Arc<Plan>) {
        if plan.succeeds(&self.alarm.plan) {
            self.alarm.offer_plan(Arc::clone(plan));
            self.emit(Event::Planned { revision: plan.revision });
        }
    }

    fn replanned(&mut self, plan: &Arc<Plan>) {
        let is_other = plan.parties != self.alarm.plan.parties;
        if self.alarm.wants_plan() && is_other && plan.succeeds(&self.alarm.plan) {
            self.take_plan(plan);
            self.wave();
            self.order(LegWhy::Wave, self.alarm.due_duty(self.now));
        }
    }

    fn cancel(&mut self, actor: &Actor) {
        if self.alarm.is_over() {
            return;
        }
        let told: Vec<Call> = self.sms_to(Message::Cancelled, |_, _, is_told| is_told);
        let mut spoken = Vec::new();
        for (id, _, state) in self.alarm.parties() {
            // Who has no mobile hears it by a call, unless they are listening just now.
            let heard = self.alarm.legs.iter().rev().find(|leg| {
                leg.party == id && leg.channel == Channel::Voice && leg.answered_at.is_some()
            });
            let has_sms = told.iter().any(|call| call.party == id);
            let said_so = state.coming.and_then(|coming| coming.number_index);
            let number_index = said_so.or(heard.map(|leg| leg.number_index));
            let listens = heard.is_some_and(Leg::is_live);
            let can_hear = number_index
                .and_then(|index| self.alarm.number(id, index))
                .is_some_and(|number| !number.state.is_bad);
            if let Some(number_index) = number_index
                && !has_sms
                && !listens
                && can_hear
            {
                let message = Message::Cancelled;
                spoken.push(Call { party: id, number_index, channel: Channel::Voice, message });
            }
        }
        self.emit(Event::Cancelled { actor: Arc::clone(actor) });
        self.order(LegWhy::Notice, told.into_iter().chain(spoken).collect());
    }

    fn time_passed(&mut self) {
        let now = self.now;
        if self.alarm.is_over() {
            let calls = self.alarm.due_notices(now);
            return self.order(LegWhy::Notice, calls);
        }
        let overdue: Vec<u32> =
            self.alarm.overdue().filter(|(at, _)| *at <= now).map(|(_, leg)| leg).collect();
        for leg in overdue {
            self.emit(Event::LegEnded { leg, outcome: LegOutcome::Lost });
            self.after_end(leg);
        }
        match self.alarm.wave_due_at() {
            Some((at, Deadline::Widen | Deadline::Wave)) if at <= now => self.wave(),
            Some(_) | None => {}
        }
        self.order(LegWhy::Wave, self.alarm.due_duty(now));
        let due = self.alarm.due_retries(now);
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

impl Leg {
    /// Whether the callee may know of the alarm by this leg: in doubt they do.
    fn has_told(&self) -> bool {
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
                    | LegOutcome::NoSms => false,
                },
            };
        is_known || may_have_arrived
    }
}
