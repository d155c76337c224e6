//! Who said that they are coming and is not at the door: when they are asked, and when they count no longer. Pure questions
//! about the state, like those of `ring`.
//!
//! Once anybody whom we called is at the door, nobody is asked and nobody lapses.

use super::event::LegWhy;
use super::ring::{Call, ROUTES_TRIED_MAX};
use super::state::{Alarm, Coming, Leg, Number, after};
use crate::leg::{Channel, LegOutcome, Message};
use crate::plan::{PartyId, Role};
use jiff::Timestamp;

/// How often who is asked may say that they are still on the way.
pub(super) const RENEWALS_MAX: u8 = 2;

impl Alarm {
    /// Whether enough have arrived to call no more households: one, or as many as must be together.
    pub(super) fn is_door_reached(&self) -> bool {
        let coming =
            self.parties().filter(|(id, _, state)| self.may_own(*id) && state.coming.is_some());
        let together = usize::from(self.plan.policy.together);
        self.has_arrival() && (together <= 1 || together <= coming.count())
    }

    /// Those who are believed to be on the way.
    fn awaited(&self) -> impl Iterator<Item = (PartyId, Coming)> {
        let is_waiting = !self.is_over() && !self.has_arrival();
        let parties = is_waiting.then(|| self.parties()).into_iter().flatten();
        parties
            .filter(|(_, party, _)| match party.role {
                Role::DutyWorker | Role::Neighbour | Role::Responder => true,
                Role::OwnHousehold | Role::Loudspeaker => false,
            })
            .filter_map(|(id, _, state)| Some((id, state.coming?)))
    }

    /// Whether the party was asked where it is and the answer is still waited for.
    pub(super) fn is_asked(&self, party: PartyId) -> bool {
        self.awaited().any(|(id, coming)| id == party && coming.asked_at.is_some())
    }

    /// Whether another "I am coming" of the party means something: it was asked, and has not put it off too often.
    pub(super) fn may_renew(&self, party: PartyId) -> bool {
        self.awaited().any(|(id, coming)| {
            id == party && coming.asked_at.is_some() && coming.renewals < RENEWALS_MAX
        })
    }

    fn question_call(&self, number: Number<'_>, channel: Channel) -> Call {
        Call {
            party: number.party,
            number_index: number.index,
            channel,
            message: Message::AreYouThere,
        }
    }

    /// The telephone by which they said that they are coming; any that can be called if that one cannot.
    fn question_numbers(&self, party: PartyId, coming: Coming) -> impl Iterator<Item = Number<'_>> {
        let is_own = move |number: &Number<'_>| Some(number.index) == coming.number_index;
        let own = self.numbers(party).filter(move |number| is_own(number));
        own.chain(self.numbers(party).filter(move |number| !is_own(number)))
    }

    /// SMS of the question: to the mobile of the person, or to every mobile of the party.
    fn question_sms(&self, party: PartyId, coming: Coming) -> Vec<Call> {
        let can_read = |number: &Number<'_>| {
            (number.plan.has_sms || number.state.has_had_sms) && !number.state.refuses_sms
        };
        let mut calls: Vec<Call> = self
            .question_numbers(party, coming)
            .filter(can_read)
            .map(|number| self.question_call(number, Channel::Sms))
            .collect();
        if calls.first().is_some_and(|call| Some(call.number_index) == coming.number_index) {
            calls.truncate(1);
        }
        calls
    }

    /// The telephone of the question and when its budget allows the call; none while a call to the party is under way.
    fn question_voice(
        &self,
        party: PartyId,
        coming: Coming,
        now: Timestamp,
    ) -> Option<(Timestamp, Number<'_>)> {
        let is_free = self.party(party).is_some_and(|state| state.voice_live == 0);
        let numbers = self.question_numbers(party, coming).filter(|number| self.can_ring(*number));
        let numbers = is_free.then_some(numbers).into_iter().flatten();
        // Of those that can be called now, the first.
        numbers
            .map(|number| (self.budget_free_at(number, now).max(now), number))
            .min_by_key(|(at, _)| *at)
    }

    /// When the party is asked where it is; `None` if it was, or if it cannot be.
    fn question_due_at(&self, party: PartyId, coming: Coming, now: Timestamp) -> Option<Timestamp> {
        if coming.asked_at.is_some() {
            return None;
        }
        let due_at = after(coming.at, self.plan.policy.arrival_s.into());
        if !self.question_sms(party, coming).is_empty() {
            return Some(due_at);
        }
        self.question_voice(party, coming, now).map(|(free_at, _)| due_at.max(free_at))
    }

    /// When the party no longer counts as coming: the grace after the question, or after the time for it if there was no
    /// way to ask.
    fn lapse_due_at(&self, coming: Coming) -> Timestamp {
        let policy = &self.plan.policy;
        let asked_at = coming.asked_at.unwrap_or(after(coming.at, policy.arrival_s.into()));
        after(asked_at, policy.arrival_grace_s.into())
    }

    /// Who no longer counts as coming.
    pub(super) fn due_lapses(&self, now: Timestamp) -> Vec<PartyId> {
        let is_due = |(id, coming): &(PartyId, Coming)| {
            // Whom we did not get round to ask, in a long stop, is asked first.
            let is_askable = self.question_due_at(*id, *coming, now).is_some_and(|at| at <= now);
            !is_askable && self.lapse_due_at(*coming) <= now
        };
        self.awaited().filter(is_due).map(|(id, _)| id).collect()
    }

    /// The questions that are due: a call, and an SMS at the same time.
    pub(super) fn due_questions(&self, now: Timestamp) -> Vec<Call> {
        let due = self.awaited().filter(|(id, coming)| {
            self.question_due_at(*id, *coming, now).is_some_and(|at| at <= now)
        });
        due.flat_map(|(id, coming)| {
            let voice = self.question_voice(id, coming, now).filter(|(at, _)| *at <= now);
            let voice = voice.map(|(_, number)| self.question_call(number, Channel::Voice));
            voice.into_iter().chain(self.question_sms(id, coming))
        })
        .collect()
    }

    /// Calls with the question that were busy or not answered, and are due again.
    pub(super) fn due_question_retries(&self, now: Timestamp) -> Vec<(LegWhy, Call)> {
        let due = self.question_retries(now).filter(|(at, _, _)| *at <= now);
        due.map(|(_, why, number)| (why, self.question_call(number, Channel::Voice))).collect()
    }

    fn question_retries(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, LegWhy, Number<'_>)> {
        let asked = self.awaited().filter(|(_, coming)| coming.asked_at.is_some());
        let free = asked.filter(|(id, _)| self.party(*id).is_some_and(|it| it.voice_live == 0));
        free.filter_map(move |(id, _)| self.next_retry(id, now))
    }

    /// What to do at once after a call with the question has ended.
    pub(super) fn after_question(&self, leg: &Leg, now: Timestamp) -> Option<(LegWhy, Call)> {
        let outcome = leg.ended.map(|(_, outcome)| outcome)?;
        let number = self.number(leg.party, leg.number_index)?;
        let is_free = self.party(leg.party).is_some_and(|state| state.voice_live == 0);
        let may_ring = self.can_ring(number) && self.budget_free_at(number, now) <= now;
        if !is_free || !may_ring || !self.is_asked(leg.party) {
            return None;
        }
        let call = self.question_call(number, Channel::Voice);
        if outcome == LegOutcome::CarrierFailed && number.state.voice_failed < ROUTES_TRIED_MAX {
            return Some((LegWhy::OtherRoute, call));
        }
        (outcome == LegOutcome::Lost).then_some((LegWhy::Restart, call))
    }

    /// When somebody has to be asked, asked again, or counts no longer.
    pub(super) fn arrival_due_at(&self) -> Option<Timestamp> {
        let min = Timestamp::MIN;
        let questions = self.awaited().map(|(id, coming)| {
            let lapse_at = self.lapse_due_at(coming);
            self.question_due_at(id, coming, min).map_or(lapse_at, |at| at.min(lapse_at))
        });
        questions.chain(self.question_retries(min).map(|(at, _, _)| at)).min()
    }
}
