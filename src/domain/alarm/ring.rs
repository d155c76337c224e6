//! Who rings next, and when. Pure questions about the state; `decide` turns the answers into events.
//!
//! Per household one number rings at a time. Duty workers have a clock of their own, which does not grow.

use super::Deadline;
use super::event::{LegStart, LegWhy};
use super::state::{Alarm, BUDGET_WINDOW_S, Leg, Number, PartyState, SmsState, after};
use crate::leg::{Channel, LegOutcome, Message};
use crate::plan::{Party, PartyId, Role};
use jiff::Timestamp;

/// A carrier failure goes over another route at once, this often for one number in one wave.
pub(super) const ROUTES_TRIED_MAX: u8 = 3;
/// An SMS that was taken but did not arrive is sent again, this often in all.
const UNDELIVERED_MAX: u8 = 3;
/// A leg of which nothing is heard for so long, in seconds, is lost: under ten minutes, the longest pause of an alarm.
const LEG_OVERDUE_S: u64 = 540;
/// The same for a leg to somebody who is coming: they may talk for long, but their phone must not be taken for busy for
/// ever when the end of the call is never told.
const COMING_OVERDUE_S: u64 = 3600;

/// In the order in which they are called.
const ROLES: [Role; 5] =
    [Role::DutyWorker, Role::Neighbour, Role::Responder, Role::Loudspeaker, Role::OwnHousehold];

/// A leg that may be ordered; it gets its number when it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) party: PartyId,
    pub(super) number_index: u8,
    pub(super) channel: Channel,
    pub(super) message: Message,
}

impl Call {
    pub(super) fn start(self, leg: u32) -> LegStart {
        let Self { party, number_index, channel, message } = self;
        LegStart { leg, party, number_index, channel, message }
    }
}

impl Alarm {
    /// What those who are called for the alarm hear.
    pub(super) fn message(&self, role: Role) -> Message {
        match role {
            Role::OwnHousehold => Message::OwnHousehold,
            // Whoever is called now has to be careful from the start.
            Role::DutyWorker | Role::Neighbour | Role::Responder if self.is_under_duress() => {
                Message::Duress
            }
            Role::DutyWorker | Role::Neighbour | Role::Responder | Role::Loudspeaker => {
                match (self.is_weak, self.presses_again) {
                    (true, _) => Message::WeakAlarm,
                    (false, 1..) => Message::StillInDanger,
                    (false, 0) => Message::Alarm,
                }
            }
        }
    }

    /// Whether a message to the party is still true, so that it is worth sending it again.
    pub(super) fn is_said(&self, party: PartyId, message: Message) -> bool {
        let is_own = self.plan.party(party).is_some_and(|it| it.role == Role::OwnHousehold);
        match (self.stage, message) {
            (super::Stage::Open, Message::OwnHousehold) => !self.is_under_duress(),
            (super::Stage::Open, Message::Cancelled) => is_own && self.is_under_duress(),
            (super::Stage::Open, Message::AreYouThere) => self.is_asked(party),
            (super::Stage::Open, Message::KindNamed) => !(is_own && self.is_under_duress()),
            (super::Stage::Open, Message::GoTogether) => {
                let is_coming = self.party(party).is_some_and(|state| state.coming.is_some());
                is_coming && !self.waits_for_others()
            }
            (super::Stage::Open, _) => true,
            (super::Stage::Cancelled { .. }, message) => {
                matches!(message, Message::Cancelled | Message::CloseReminder)
            }
            (super::Stage::Closed { .. }, message) => message == Message::DrillOver,
        }
    }

    /// Parties of some roles that are wanted and of whom no phone rings.
    fn free_parties(&self, roles: &[Role]) -> impl Iterator<Item = PartyId> {
        let wanted = self.wanted();
        let is_free = move |(_, party, state): &(PartyId, &Party, &PartyState)| {
            roles.contains(&party.role) && state.voice_live == 0 && wanted.is(party, state)
        };
        self.parties().filter(is_free).map(|(id, _, _)| id)
    }

    /// When the number may be called again within its budget; a time in the past if it may be now.
    pub(super) fn budget_free_at(&self, number: Number<'_>, now: Timestamp) -> Timestamp {
        let policy = &self.plan.policy;
        let role = self.plan.party(number.party).map(|party| party.role);
        let calls_max = match role {
            Some(Role::DutyWorker) => policy.duty_calls_per_hour_max,
            Some(Role::Neighbour | Role::Responder | Role::Loudspeaker | Role::OwnHousehold)
            | None => policy.calls_per_hour_max,
        };
        let is_same = |leg: &&Leg| {
            leg.party == number.party && leg.number_index == number.index && leg.counts()
        };
        let mut calls = self.legs.iter().rev().filter(is_same).map(|leg| leg.ordered_at);
        if number.state.calls < u32::from(calls_max) {
            return now;
        }
        // The call that has to be an hour old before the next one; a budget of nothing is one of one call.
        let nth = usize::from(calls_max.max(1)) - 1;
        calls.nth(nth).map_or(now, |at| after(at, BUDGET_WINDOW_S))
    }

    pub(super) fn has_budget(&self, number: Number<'_>, now: Timestamp) -> bool {
        self.budget_free_at(number, now) <= now
    }

    /// Whether the number can be called: its budget aside.
    pub(super) fn can_ring(&self, number: Number<'_>) -> bool {
        let is_left = !number.state.said_no || self.rings_unwilling(number.party);
        number.plan.has_voice && !number.state.is_bad && is_left
    }

    /// Those who said that they cannot are left in peace, unless nobody is coming and no other phone is left to ring.
    /// A duty worker is asked until one of them takes the case.
    fn rings_unwilling(&self, party: PartyId) -> bool {
        if self.plan.party(party).is_some_and(|party| party.role == Role::DutyWorker) {
            return true;
        }
        let is_left = |(id, party, state): (PartyId, &Party, &PartyState)| {
            let is_somebody = party.role != Role::Loudspeaker && state.is_called;
            is_somebody && self.numbers(id).any(|number| number.is_willing())
        };
        !self.has_anybody() && !self.parties().any(is_left)
    }

    pub(super) fn call(&self, number: Number<'_>, channel: Channel) -> Call {
        let role = self.plan.party(number.party).map_or(Role::Neighbour, |party| party.role);
        Call {
            party: number.party,
            number_index: number.index,
            channel,
            message: self.message(role),
        }
    }

    /// The call with which a wave begins for the party.
    pub(super) fn first_call(&self, party: PartyId, now: Timestamp) -> Option<Call> {
        let number = self
            .numbers(party)
            .find(|number| self.can_ring(*number) && self.has_budget(*number, now))?;
        Some(self.call(number, Channel::Voice))
    }

    /// SMS that the party's numbers still lack.
    pub(super) fn missing_sms(&self, party: PartyId) -> impl Iterator<Item = Call> {
        let is_missing = |number: &Number<'_>| {
            let state = number.state;
            number.plan.has_sms
                && !state.refuses_sms
                && match state.sms {
                    SmsState::Unsent => true,
                    SmsState::Failed => state.sms_undelivered < UNDELIVERED_MAX,
                    SmsState::UnderWay | SmsState::Taken => false,
                }
        };
        self.numbers(party).filter(is_missing).map(|number| self.call(number, Channel::Sms))
    }

    /// The calls of a wave. The first one reaches the duty workers too; later ones leave them to their own clock.
    pub(super) fn wave(&self, now: Timestamp) -> Vec<Call> {
        let mut calls = Vec::new();
        let wanted = self.wanted();
        for role in ROLES {
            for (id, party, state) in self.parties().filter(|(_, party, _)| party.role == role) {
                let is_called = match role {
                    Role::DutyWorker => self.waves == 0 && wanted.is(party, state),
                    Role::Neighbour | Role::Responder => wanted.is(party, state),
                    Role::Loudspeaker => state.rounds == 0 && wanted.is(party, state),
                    Role::OwnHousehold => state.coming.is_none() && !self.is_under_duress(),
                };
                if !is_called {
                    continue;
                }
                if role != Role::OwnHousehold && state.voice_live == 0 {
                    calls.extend(self.first_call(id, now));
                }
                calls.extend(self.missing_sms(id));
            }
        }
        calls
    }

    /// The calls to those whom a step or a new plan has added: by voice, duty workers first, then the SMS. Duty workers
    /// are told by SMS even when one of them has taken the case.
    pub(super) fn fresh_calls(&self, now: Timestamp) -> Vec<Call> {
        let wanted = self.wanted();
        let (mut calls, mut messages) = (Vec::new(), Vec::new());
        for role in ROLES {
            for (id, party, state) in self.parties().filter(|(_, party, _)| party.role == role) {
                let is_fresh = state.is_called && state.voice_at.is_none() && !self.is_over();
                let is_wanted = wanted.is(party, state);
                if is_fresh && is_wanted {
                    calls.extend(self.first_call(id, now));
                }
                if is_fresh && (is_wanted || role == Role::DutyWorker) {
                    messages.extend(self.missing_sms(id));
                }
            }
        }
        calls.append(&mut messages);
        calls
    }

    /// The calls after #9 was pressed again: whoever is not coming rings, whatever they said before.
    pub(super) fn again(&self, now: Timestamp) -> Vec<Call> {
        let mut calls = Vec::new();
        for role in ROLES.into_iter().filter(|role| *role != Role::OwnHousehold) {
            for (id, party, state) in self.parties().filter(|(_, party, _)| party.role == role) {
                let waits = role != Role::DutyWorker && self.is_held_back || !state.is_called;
                if state.coming.is_some() || waits || !party.is_reachable() {
                    continue;
                }
                if state.voice_live == 0 {
                    calls.extend(self.first_call(id, now));
                }
                calls.extend(self.missing_sms(id));
            }
        }
        calls
    }

    /// What to do at once after a voice leg has ended.
    pub(super) fn after_voice(&self, leg: &Leg, now: Timestamp) -> Option<(LegWhy, Call)> {
        let outcome = leg.ended.map(|(_, outcome)| outcome)?;
        let number = self.number(leg.party, leg.number_index);
        let has_routes = number.is_some_and(|number| number.state.voice_failed < ROUTES_TRIED_MAX);
        let goes_elsewhere = outcome == LegOutcome::CarrierFailed && has_routes;
        if matches!(leg.message, Message::Cancelled | Message::GoTogether) {
            // A burst that is over goes on after a pause.
            let goes_elsewhere =
                goes_elsewhere && number.is_some_and(|number| number.state.retry.is_none());
            let is_wanted = self.is_said(leg.party, leg.message)
                && leg.why != LegWhy::CallBack
                && (goes_elsewhere || outcome == LegOutcome::Lost);
            let call = Call {
                party: leg.party,
                number_index: leg.number_index,
                channel: Channel::Voice,
                message: leg.message,
            };
            let why = if goes_elsewhere { LegWhy::OtherRoute } else { LegWhy::Restart };
            return is_wanted.then_some((why, call));
        }
        let (party, state) = (self.plan.party(leg.party)?, self.party(leg.party)?);
        if leg.message == Message::AreYouThere && state.coming.is_some() {
            return self.after_question(leg, now);
        }
        // A loudspeaker has spoken when it was answered, key or not.
        let has_spoken = party.role == Role::Loudspeaker && leg.answered_at.is_some();
        let is_wanted = self.wanted().is(party, state) && !has_spoken;
        if outcome == LegOutcome::Cancelled || 0 < state.voice_live || !is_wanted {
            return None;
        }
        let same = number.filter(|number| self.can_ring(*number) && self.has_budget(*number, now));
        if let Some(number) = same {
            if goes_elsewhere {
                return Some((LegWhy::OtherRoute, self.call(number, Channel::Voice)));
            }
            if outcome == LegOutcome::Lost {
                return Some((LegWhy::Restart, self.call(number, Channel::Voice)));
            }
        }
        self.due_retry(leg.party, now).or_else(|| self.next_number(leg.party, now))
    }

    /// The next number of the party that was not tried in this wave.
    fn next_number(&self, party: PartyId, now: Timestamp) -> Option<(LegWhy, Call)> {
        let is_next = |number: &Number<'_>| {
            !number.state.is_tried && self.can_ring(*number) && self.has_budget(*number, now)
        };
        let number = self.numbers(party).find(is_next)?;
        Some((LegWhy::NextNumber, self.call(number, Channel::Voice)))
    }

    /// The retry of the party that is due first.
    pub(super) fn due_retry(&self, party: PartyId, now: Timestamp) -> Option<(LegWhy, Call)> {
        let (at, why, number) = self.next_retry(party, now)?;
        (at <= now).then(|| (why, self.call(number, Channel::Voice)))
    }

    pub(super) fn next_retry(
        &self,
        party: PartyId,
        now: Timestamp,
    ) -> Option<(Timestamp, LegWhy, Number<'_>)> {
        let retries = self.numbers(party).filter(|number| self.can_ring(*number));
        retries
            .filter_map(|number| {
                let retry = number.state.retry.filter(|retry| retry.why != LegWhy::Notice)?;
                Some((retry.at.max(self.budget_free_at(number, now)), retry.why, number))
            })
            .min_by_key(|(at, _, number)| (*at, number.index))
    }

    /// Parties whose retry is due, with the call.
    pub(super) fn due_retries(&self, now: Timestamp) -> Vec<(LegWhy, Call)> {
        let duty_workers = self.free_parties(&[Role::DutyWorker]);
        let parties = duty_workers.chain(self.free_parties(&[Role::Neighbour, Role::Responder]));
        parties.filter_map(|party| self.due_retry(party, now)).collect()
    }

    /// Notices of the cancel that failed before and are due again.
    pub(super) fn due_notices(&self, now: Timestamp) -> Vec<Call> {
        let due = self.failed_notices().filter(|(at, _, _)| *at <= now);
        due.map(|(_, channel, number)| Call {
            message: Message::Cancelled,
            ..self.call(number, channel)
        })
        .collect()
    }

    fn failed_notices(&self) -> impl Iterator<Item = (Timestamp, Channel, Number<'_>)> {
        let numbers = self.parties().flat_map(|(id, _, _)| self.numbers(id));
        let numbers = numbers.filter(|it| self.is_said(it.party, Message::Cancelled));
        numbers.flat_map(|number| {
            let voice = number.state.retry.filter(|retry| retry.why == LegWhy::Notice);
            let voice = voice.map(|retry| (retry.at, Channel::Voice, number));
            let sms = number.state.sms_retry.map(|at| (at, Channel::Sms, number));
            voice.into_iter().chain(sms)
        })
    }

    /// When the duty worker is rung again by the clock; `None` if none of their numbers can be called.
    fn duty_due_at(&self, party: PartyId, now: Timestamp) -> Option<Timestamp> {
        let state = self.party(party)?;
        if self.is_drilled(state.rounds) {
            return None;
        }
        let rung_at = state.voice_at;
        let pause = u64::from(self.plan.policy.duty_wave_s);
        let numbers = self.numbers(party).filter(|number| self.can_ring(*number));
        let free_at = numbers.map(|number| self.budget_free_at(number, Timestamp::MIN)).min()?;
        Some(rung_at.map_or(now, |at| after(at, pause)).max(free_at))
    }

    /// The duty worker whose clock runs out first.
    pub(super) fn next_duty(&self) -> Option<(Timestamp, PartyId)> {
        let parties = self.free_parties(&[Role::DutyWorker]);
        let due = parties.filter_map(|id| Some((self.duty_due_at(id, Timestamp::MIN)?, id)));
        due.min()
    }

    /// The retry that is due first, and of whom.
    pub(super) fn next_retry_of_all(&self) -> Option<(Timestamp, PartyId)> {
        let parties = self.free_parties(&[Role::DutyWorker, Role::Neighbour, Role::Responder]);
        let due = parties.filter_map(|id| Some((self.next_retry(id, Timestamp::MIN)?.0, id)));
        due.min()
    }

    /// The calls to duty workers whose clock has run out.
    pub(super) fn due_duty(&self, now: Timestamp) -> Vec<Call> {
        let parties = self.free_parties(&[Role::DutyWorker]);
        let due = parties.filter(|party| self.duty_due_at(*party, now).is_some_and(|at| at <= now));
        due.flat_map(|party| self.first_call(party, now).into_iter().chain(self.missing_sms(party)))
            .collect()
    }

    /// When the next wave is due, or the neighbours of a weak alarm are called without the duty worker.
    pub(super) fn wave_due_at(&self) -> Option<(Timestamp, Deadline)> {
        let policy = &self.plan.policy;
        if self.is_held_back {
            return Some((after(self.wave_at, policy.weak_wait_s.into()), Deadline::Widen));
        }
        if self.is_satisfied() || self.is_drilled(self.waves) {
            return None;
        }
        let longest = u64::from(policy.wave_max_s).max(1);
        let mut pause = u64::from(policy.wave_s).max(1);
        for _ in 1..self.pause_waves {
            if longest <= pause {
                break;
            }
            pause += pause.div_ceil(2);
        }
        Some((after(self.wave_at, pause.min(longest)), Deadline::Wave))
    }

    /// Legs of which nothing was heard for long, with the time at which they are given up: calls, and messages that were
    /// handed to a carrier which never said what became of them.
    pub(super) fn overdue(&self) -> impl Iterator<Item = (Timestamp, u32)> {
        let is_watched = |leg: &&Leg| {
            let is_with_provider = leg.placed_at.is_some() && leg.accepted_at.is_none();
            leg.is_live() && (leg.channel == Channel::Voice || is_with_provider)
        };
        self.legs.iter().filter(is_watched).map(|leg| {
            let is_coming = self.party(leg.party).is_some_and(|party| party.coming.is_some());
            let limit = if is_coming { COMING_OVERDUE_S } else { LEG_OVERDUE_S };
            (after(leg.last_heard_at(), limit), leg.number)
        })
    }

    /// When `decide` wants to hear [`Input::TimePassed`](super::Input::TimePassed), and what for. `None` once nothing
    /// is left to wait for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, Deadline)> {
        let notices = self.failed_notices().map(|(at, _, _)| (at, Deadline::Notice));
        let reminder = self.reminder_due_at().map(|at| (at, Deadline::Close));
        let cares = notices.chain(reminder);
        if self.is_over() {
            let drill = self.drill_ends_at().map(|at| (at, Deadline::DrillEnd));
            return cares.chain(drill).min_by_key(|(at, _)| *at);
        }
        let min = Timestamp::MIN;
        let overdue = self.overdue().map(|(at, _)| (at, Deadline::LegOverdue));
        let duty = self
            .free_parties(&[Role::DutyWorker])
            .filter_map(|party| Some((self.duty_due_at(party, min)?, Deadline::DutyWave)));
        let retries = self
            .free_parties(&[Role::DutyWorker, Role::Neighbour, Role::Responder])
            .filter_map(|party| Some((self.next_retry(party, min)?.0, Deadline::Retry)));
        let step = self.next_step().map(|(at, _)| (at, Deadline::Step));
        let arrival = self.arrival_due_at().map(|at| (at, Deadline::Arrival));
        let all = self.wave_due_at().into_iter().chain(step).chain(duty).chain(retries);
        let receipts = self.awaited_receipts().map(|(at, _)| (at, Deadline::Receipt));
        let update = self.update_due_at().map(|at| (at, Deadline::Update));
        let drill = self.drill_ends_at().map(|at| (at, Deadline::DrillEnd));
        let all = all.chain(overdue).chain(arrival).chain(cares);
        let all = all.chain(receipts).chain(update).chain(drill);
        all.min_by_key(|(at, _)| *at)
    }

    /// Nobody whom the alarm wants can be rung: a plan made now may know somebody. To be asked after each
    /// [`Deadline::Wave`]; the answer goes in as [`Input::Replanned`](super::Input::Replanned).
    #[must_use]
    pub fn wants_plan(&self) -> bool {
        let wanted = self.wanted();
        let can_be_rung = |(id, party, state): (PartyId, &Party, &PartyState)| {
            party.role != Role::Loudspeaker
                && wanted.is(party, state)
                && self.numbers(id).any(|number| self.can_ring(number))
        };
        let is_looking = !self.is_over() && !self.plan.is_drill && !self.is_satisfied();
        is_looking && !self.parties().any(can_be_rung)
    }
}
