//! The end of an alarm by those entitled to it, and what only sounds like it.
//!
//! By PIN: the right one cancels; wrong ones are refused, five at most, and after them every PIN; the duress PIN sounds like a
//! cancel and the alarm goes on. Once it was used no PIN cancels: the resident may be forced to say the right one. A PIN
//! after the close, or the right one after a cancel, means nothing; the duress PIN after a cancel opens the alarm again.

use super::super::Stage;
use super::super::case::PINS_RECORDED_MAX;
use super::super::event::{Event, LegWhy, WithdrawMeans};
use super::super::input::{Actor, PinVerdict};
use super::super::ring::Call;
use super::super::state::{Leg, Number};
use super::Draft;
use crate::leg::{Channel, LegOutcome, Message};
use crate::plan::{PartyId, Role};
use std::sync::Arc;

impl Draft<'_> {
    pub(in crate::alarm) fn withdraw(&mut self, means: &WithdrawMeans, verdict: PinVerdict) {
        let means = means.clone();
        let is_open = match self.alarm.stage {
            Stage::Open => true,
            Stage::Cancelled { .. } => verdict == PinVerdict::Duress,
            Stage::Closed { .. } => false,
        };
        if !is_open || PINS_RECORDED_MAX <= self.alarm.case.pins {
            return;
        }
        let is_refused = self.alarm.refuses_pins();
        match verdict {
            PinVerdict::Wrong => self.emit(Event::PinRefused { means }),
            PinVerdict::Right | PinVerdict::Duress if is_refused => {
                self.emit(Event::PinRefused { means });
            }
            PinVerdict::Right if !self.alarm.is_under_duress() => self.cancel(means),
            PinVerdict::Right | PinVerdict::Duress => self.duress(means),
        }
    }

    pub(in crate::alarm) fn cancelled_by(&mut self, actor: &Actor) {
        self.cancel(WithdrawMeans::Api { actor: Arc::clone(actor) });
    }

    fn cancel(&mut self, means: WithdrawMeans) {
        if self.alarm.is_over() {
            return;
        }
        let has_heard = self.alarm.is_under_duress();
        let calls = self.to_everybody(Message::Cancelled, |_, role, is_told| {
            is_told && !(has_heard && role == Role::OwnHousehold)
        });
        let actor = match &means {
            WithdrawMeans::Api { actor } => Arc::clone(actor),
            WithdrawMeans::Resident | WithdrawMeans::CallBack { .. } => "".into(),
        };
        self.emit(Event::Cancelled { actor, means: Some(means) });
        self.order(LegWhy::Notice, calls);
    }

    fn duress(&mut self, means: WithdrawMeans) {
        let is_first = !self.alarm.is_under_duress();
        let is_cancelled = self.alarm.is_over();
        self.emit(Event::Duress { means });
        if !is_first && !is_cancelled {
            return;
        }
        let legs = &self.alarm.legs;
        let called: Vec<PartyId> = legs.iter().map(|leg| leg.party).collect();
        let mut calls = self.to_everybody(Message::Duress, |id, role, _| match role {
            Role::DutyWorker => true,
            Role::Neighbour | Role::Responder => called.contains(&id),
            Role::OwnHousehold | Role::Loudspeaker => false,
        });
        if !is_cancelled {
            // As after a cancel; after one, they have it.
            let own = |_, role, is_told| is_told && role == Role::OwnHousehold;
            calls.extend(self.sms_to(Message::Cancelled, own));
        }
        self.order(LegWhy::Notice, calls);
        if is_cancelled && !self.alarm.is_satisfied() {
            self.wave();
        }
    }

    /// SMS to every mobile of some parties; who has none hears it by a call, unless they are listening just now.
    pub(in crate::alarm) fn to_everybody(
        &self,
        message: Message,
        is_meant: impl Fn(PartyId, Role, bool) -> bool,
    ) -> Vec<Call> {
        let mut calls = self.sms_to(message, &is_meant);
        for (id, party, _) in self.alarm.parties() {
            let has_sms = calls.iter().any(|call| call.party == id);
            if !has_sms && is_meant(id, party.role, self.alarm.is_told(id)) {
                calls.extend(self.spoken(id, message));
            }
        }
        calls
    }

    /// What is done for somebody whose notice of the cancel did not arrive: a call, unless another of their telephones has
    /// the notice or waits for it.
    pub(in crate::alarm) fn cancel_instead(&self, failed: &Leg) -> Option<Call> {
        let outcome = failed.ended.map(|(_, outcome)| outcome)?;
        let is_lost = match outcome {
            LegOutcome::Undelivered
            | LegOutcome::OptedOut
            | LegOutcome::NoSms
            | LegOutcome::BadNumber
            | LegOutcome::CarrierFailed => true,
            LegOutcome::Answered
            | LegOutcome::AnsweredNoKey
            | LegOutcome::Busy
            | LegOutcome::NoAnswer
            | LegOutcome::Declined
            | LegOutcome::Cancelled
            | LegOutcome::Delivered
            | LegOutcome::Sent
            | LegOutcome::PutOff
            | LegOutcome::Lost => false,
        };
        let is_meant = failed.message == Message::Cancelled
            && self.alarm.is_said(failed.party, Message::Cancelled);
        let has_notice = |leg: &Leg| {
            let has_arrived = match leg.ended.map(|(_, outcome)| outcome) {
                None | Some(LegOutcome::Delivered | LegOutcome::Sent) => true,
                // A call that failed is repeated by itself; only one to a wrong number is not.
                Some(outcome) => leg.channel == Channel::Voice && outcome != LegOutcome::BadNumber,
            };
            leg.party == failed.party && leg.message == Message::Cancelled && has_arrived
        };
        let is_covered = self.alarm.legs.iter().any(has_notice);
        let is_first = failed.channel == Channel::Sms || outcome == LegOutcome::BadNumber;
        let is_due = is_lost && is_first && is_meant && !is_covered;
        is_due.then(|| self.spoken(failed.party, Message::Cancelled)).flatten()
    }

    /// A call to the telephone by which the party said that it is coming, or by which it heard of the alarm. The household
    /// in trouble is not called.
    fn spoken(&self, party: PartyId, message: Message) -> Option<Call> {
        let role = self.alarm.plan.party(party)?.role;
        let state = self.alarm.party(party)?;
        let heard = self.alarm.legs.iter().rev().find(|leg| {
            leg.party == party && leg.channel == Channel::Voice && leg.answered_at.is_some()
        });
        let said_so = state.coming.and_then(|coming| coming.number_index);
        let number_index = said_so.or(heard.map(|leg| leg.number_index));
        let listens = heard.is_some_and(Leg::is_live);
        let known = number_index.and_then(|index| self.alarm.number(party, index));
        // Who knows of the alarm from SMS alone, and takes none any more, is told on any telephone of theirs.
        let can_ring = |number: &Number<'_>| number.plan.has_voice && !number.state.is_bad;
        let any = || self.alarm.numbers(party).find(|number| can_ring(number));
        let number = match message {
            Message::Cancelled => known.filter(|it| !it.state.is_bad).or_else(any),
            Message::Alarm
            | Message::WeakAlarm
            | Message::OwnHousehold
            | Message::StillInDanger
            | Message::StandDown
            | Message::SaidMistake
            | Message::KindNamed
            | Message::GoTogether
            | Message::AreYouThere
            | Message::Duress
            | Message::CloseReminder
            | Message::DrillOver
            | Message::HandOver
            | Message::PleaseReply
            | Message::DrillNotice => known.filter(|it| !it.state.is_bad),
        };
        let call = Call { party, number_index: number?.index, channel: Channel::Voice, message };
        (!listens && role != Role::OwnHousehold).then_some(call)
    }

    /// Who is coming, has no mobile, and was listening when the resident was made to withdraw the alarm is told by a call
    /// as soon as that one has ended.
    pub(in crate::alarm) fn warn_late(&mut self, party: PartyId) {
        let Some(state) = self.alarm.party(party) else { return };
        let is_told = |leg: &Leg| leg.party == party && leg.message == Message::Duress;
        let is_due = self.alarm.is_under_duress()
            && !self.alarm.is_over()
            && self.alarm.may_own(party)
            && state.coming.is_some()
            && state.voice_live == 0
            && !self.alarm.legs.iter().any(is_told);
        if is_due {
            let call = self.spoken(party, Message::Duress);
            self.order(LegWhy::Notice, call.into_iter().collect());
        }
    }
}
