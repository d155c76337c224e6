//! What an alarm does next by itself to reach people, and what it would do if an operator asked. Pure questions, for
//! those who look on.

use super::Deadline;
use super::event::Event;
use super::input::Input;
use super::ring::Call;
use super::state::{Alarm, Number};
use crate::leg::Channel;
use crate::plan::{Party, PartyId, Role};
use jiff::Timestamp;

/// The next time that telephones ring by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// When.
    pub at: Timestamp,
    /// What for: [`Deadline::Widen`], `Wave`, `DutyWave`, `Step` or `Retry`.
    pub what: Deadline,
    /// Who is called then, as far as it is known now.
    pub parties: Vec<PartyId>,
}

impl Alarm {
    /// When telephones ring next if nothing else happens; `None` when nobody more is wanted.
    #[must_use]
    pub fn next(&self) -> Option<Next> {
        if self.is_over() {
            return None;
        }
        let households = self.ringable(&[Role::Neighbour, Role::Responder]);
        let wave = self.wave_due_at().filter(|_| !households.is_empty());
        let wave = wave.map(|(at, what)| (at, what, households));
        let step = self.next_step();
        let step = step.map(|(at, number)| (at, Deadline::Step, self.of_step(number)));
        let duty = self.next_duty().map(|(at, party)| (at, Deadline::DutyWave, vec![party]));
        let retry = self.next_retry_of_all().map(|(at, party)| (at, Deadline::Retry, vec![party]));
        let all = wave.into_iter().chain(step).chain(duty).chain(retry);
        let (at, what, parties) = all.min_by_key(|(at, what, _)| (*at, *what))?;
        Some(Next { at, what, parties })
    }

    /// Parties of some roles that are called by now, are not coming and can be rung. The neighbours of a weak alarm count
    /// though they are held back.
    fn ringable(&self, roles: &[Role]) -> Vec<PartyId> {
        let is_meant = |id: PartyId, party: &Party, is_called: bool| {
            roles.contains(&party.role)
                && is_called
                && self.numbers(id).any(|number: Number<'_>| self.can_ring(number))
        };
        self.parties()
            .filter(|(id, party, state)| {
                state.coming.is_none() && is_meant(*id, party, state.is_called)
            })
            .map(|(id, _, _)| id)
            .collect()
    }

    fn of_step(&self, step: u8) -> Vec<PartyId> {
        let of_step = self.parties().filter(|(_, party, state)| {
            !state.is_called && self.plan.step_of(party) == step && party.role != Role::OwnHousehold
        });
        of_step.map(|(id, _, _)| id).collect()
    }

    /// How many telephones ring at once if an operator has everybody called again now.
    #[must_use]
    pub fn rings_if_called_again(&self, now: Timestamp) -> usize {
        let event = Event::CalledAgain { actor: "".into() };
        let calls = self.called_again(&event, now).map(|next| next.calls_again(now));
        let is_call = |call: &&Call| call.channel == Channel::Voice;
        calls.iter().flatten().filter(is_call).count()
    }

    /// How many telephones ring at once if this comes in now, so that nobody rings them unawares.
    #[must_use]
    pub fn rings_if(&self, input: &Input, now: Timestamp) -> usize {
        let events = self.decide(input, now);
        let ordered = events.iter().filter_map(|event| {
            let (Event::WaveStarted { legs, .. } | Event::LegsOrdered { legs, .. }) = event else {
                return None;
            };
            Some(legs)
        });
        ordered.flatten().filter(|leg| leg.channel == Channel::Voice).count()
    }

    /// The alarm after everybody was asked for again; `None` where that means nothing.
    pub(super) fn called_again(&self, event: &Event, now: Timestamp) -> Option<Self> {
        if self.is_over() || self.plan.is_drill {
            return None;
        }
        let mut next = self.clone();
        next.apply(event, now);
        Some(next)
    }

    /// As [`Self::again`]; a loudspeaker speaks only where it may.
    pub(super) fn calls_again(&self, now: Timestamp) -> Vec<Call> {
        let wanted = self.wanted();
        let mut calls = self.again(now);
        calls.retain(|call| {
            let both = self.plan.party(call.party).zip(self.party(call.party));
            both.is_some_and(|(party, state)| {
                party.role != Role::Loudspeaker || wanted.is(party, state)
            })
        });
        calls
    }
}
