//! Steps of escalation: who is called by now, who is wanted, and which step is due. Pure questions about the state.
//!
//! Each step stands for itself: one whose condition does not hold holds up no later one, and is still taken once it does.

use super::state::{Alarm, PartyState, after};
use crate::plan::{Party, Plan, Role, StepWhen};
use jiff::Timestamp;

/// Whom the alarm wants to call, found once for all parties.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    is_open: bool,
    is_held_back: bool,
    duty_workers: bool,
    households: bool,
    loudspeakers: bool,
    /// A step that was taken because nobody arrived, and from which nobody is coming either.
    missed_step: Option<u8>,
}

impl Wanted {
    /// Whether a call to the party is wanted, now or later.
    pub(super) fn is(&self, party: &Party, state: &PartyState) -> bool {
        // Those who said that they are coming are not there: who is called for that reason is wanted besides.
        let is_missed = self.missed_step.is_some_and(|step| party.step == step);
        self.is_open
            && state.is_called
            && state.coming.is_none()
            && match party.role {
                // Whom an operator added is wanted whatever else holds.
                Role::DutyWorker => self.duty_workers || is_missed || party.is_added,
                Role::Neighbour | Role::Responder => {
                    party.is_added || !self.is_held_back && (self.households || is_missed)
                }
                Role::Loudspeaker => self.loudspeakers,
                Role::OwnHousehold => false,
            }
    }
}

impl Plan {
    /// The step in which a party is called: the last one when the plan has fewer.
    pub(super) fn step_of(&self, party: &Party) -> u8 {
        party.step.min(u8::try_from(self.steps.len()).unwrap_or(u8::MAX))
    }
}

impl Alarm {
    /// Whether a step of escalation was taken; step 0 always is.
    #[must_use]
    pub fn is_step_taken(&self, step: u8) -> bool {
        step == 0 || self.steps_taken.contains(&step)
    }

    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            is_open: !self.is_over(),
            is_held_back: self.is_held_back,
            duty_workers: !self.is_case_taken(),
            households: !self.has_enough() && !self.is_door_reached(),
            // Whoever threatens the resident would hear it.
            loudspeakers: !self.is_held_back && !self.is_under_duress(),
            missed_step: self.missed_step(),
        }
    }

    /// The last step that was taken because nobody arrived, while that holds and nobody of that step is coming.
    pub(super) fn missed_step(&self) -> Option<u8> {
        if self.has_arrival() {
            return None;
        }
        let mut steps = (1..=u8::MAX).zip(&self.plan.steps);
        let is_late = |(number, step): &(u8, &crate::plan::Step)| {
            step.when == StepWhen::NobodyArrived && self.is_step_taken(*number)
        };
        let (last, _) = steps.rfind(is_late)?;
        let is_coming =
            self.parties().any(|(_, party, state)| party.step == last && state.coming.is_some());
        (!is_coming).then_some(last)
    }

    fn holds(&self, when: StepWhen) -> bool {
        match when {
            StepWhen::Always => true,
            StepWhen::NobodyComing => !self.has_anybody(),
            StepWhen::NotEnough => !self.has_enough(),
            StepWhen::NoDutyWorker => !self.is_case_taken(),
            StepWhen::NobodyArrived => !self.has_arrival(),
        }
    }

    /// Whether the party is called, or may still be though somebody is coming: whoever may not is not waited for.
    pub(super) fn may_be_called(&self, party: &Party, state: &PartyState) -> bool {
        let index = usize::from(self.plan.step_of(party)).checked_sub(1);
        let when = index.and_then(|index| self.plan.steps.get(index)).map(|step| step.when);
        state.is_called
            || match when {
                None | Some(StepWhen::Always | StepWhen::NotEnough | StepWhen::NobodyArrived) => {
                    true
                }
                Some(StepWhen::NobodyComing) => !self.has_anybody(),
                Some(StepWhen::NoDutyWorker) => !self.is_case_taken(),
            }
    }

    /// The step that is due first of those whose condition holds, and when.
    pub(super) fn next_step(&self) -> Option<(Timestamp, u8)> {
        if self.is_over() {
            return None;
        }
        let mut at = self.raised_at;
        for (number, step) in (1..=u8::MAX).zip(&self.plan.steps) {
            at = after(at, u64::from(step.wait_s));
            if !self.is_step_taken(number) && self.holds(step.when) {
                return Some((at, number));
            }
        }
        None
    }

    /// The step that is to be taken now: its time has come, or nobody is left to ring.
    pub(super) fn due_step(&self, now: Timestamp) -> Option<u8> {
        let (at, step) = self.next_step()?;
        (at <= now || self.has_nobody_left()).then_some(step)
    }

    /// Somebody is wanted, but nobody who was called can be rung any more: wrong numbers, and people who cannot come.
    fn has_nobody_left(&self) -> bool {
        let wanted = self.wanted();
        let is_left = |(id, party, state): (_, &Party, &PartyState)| {
            party.role != Role::Loudspeaker
                && wanted.is(party, state)
                && self.numbers(id).any(|number| number.is_willing())
        };
        !self.is_satisfied() && !self.parties().any(is_left)
    }
}
