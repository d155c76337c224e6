//! What an alarm remembers of the way to its end: the door, PINs, the talk, the case. Only `apply` changes it; the questions
//! about it are for the console, the API and `decide`.
//!
//! Bounds: [`PINS_WRONG_MAX`], [`PINS_RECORDED_MAX`], [`TALK_MAX`], [`NOTES_MAX`], [`REMINDERS_MAX`], [`CALL_BACKS_MAX`].

use super::Stage;
use super::event::{AnswerMeans, CloseOutcome};
use super::state::{Alarm, after};
use crate::kind::AlarmKind;
use crate::plan::{PartyId, Role};
use jiff::Timestamp;
use std::sync::Arc;

/// Wrong PINs of one alarm; after that every PIN is refused.
pub(super) const PINS_WRONG_MAX: u8 = 5;
/// PINs of one alarm that are answered and recorded at all.
pub(super) const PINS_RECORDED_MAX: u8 = 30;
/// Called persons in the talk with the resident.
pub(super) const TALK_MAX: usize = 8;
/// Notes of one alarm.
pub(super) const NOTES_MAX: usize = 200;
/// Reminders of one alarm to close it.
pub(super) const REMINDERS_MAX: u16 = 10;
/// Times that one party may call back in one alarm.
pub(super) const CALL_BACKS_MAX: u8 = 30;
/// Between 6 and the digit that says what it was, in seconds.
const CLOSE_WINDOW_S: u64 = 10;
/// Reminders are never closer than this, in seconds, whatever a policy says.
const REMINDER_PAUSE_MIN_S: u32 = 60;
/// From the close to the call or visit that asks how the household is, in seconds.
const FOLLOW_UP_S: u64 = 24 * 3600;

/// What follows the answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Case {
    /// Somebody is at the door, told from the resident's own telephone.
    pub(super) door_at: Option<Timestamp>,
    /// The duress PIN was used.
    pub(super) duress_at: Option<Timestamp>,
    pub(super) pins_wrong: u8,
    pub(super) pins: u8,
    /// Who took it in hand at a wall or a desk, and when; nobody since #9 was pressed last.
    pub(super) in_hand: Option<(Arc<str>, Timestamp)>,
    /// An operator gave the case to this party.
    pub(super) given_to: Option<PartyId>,
    pub(super) reminders: u16,
    pub(super) reminded_at: Option<Timestamp>,
    /// Numbers of the notes, in the order in which they came.
    pub(super) notes: Vec<u32>,
    /// Legs in the talk with the resident.
    pub(super) talk: Vec<u32>,
    /// Duty workers who pressed 6 and have not said yet what it was: one for each at most.
    pub(super) close_asked: Vec<(PartyId, AnswerMeans, Timestamp)>,
    pub(super) closed_as: Option<(Option<AlarmKind>, Option<PartyId>)>,
    /// The line asked for silence in the middle of the alarm.
    pub(super) is_silenced: bool,
}

/// A step of the case that has to be done in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CaseStep {
    /// Somebody is coming.
    Accepted,
    /// Somebody is at the door.
    Arrived,
    /// It is closed, with what it was.
    Closed,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepState {
    /// Which.
    pub step: CaseStep,
    /// By when it has to be done; reckoned from the step before it, or from when that has to be done.
    pub due_at: Timestamp,
    /// When it was done.
    pub done_at: Option<Timestamp>,
    /// It was done too late, or is not done and it is too late.
    pub is_late: bool,
}

/// When the steps of a case were done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseTimes {
    /// When the alarm was raised.
    pub raised_at: Timestamp,
    /// When somebody was coming, or there.
    pub accepted_at: Option<Timestamp>,
    /// When somebody was at the door.
    pub arrived_at: Option<Timestamp>,
    /// When it was withdrawn.
    pub cancelled_at: Option<Timestamp>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
}

/// By when the steps of a case have to be done, in seconds, each from the step before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseLimits {
    /// From the press to somebody who is coming.
    pub accept_s: u32,
    /// From then to somebody at the door.
    pub arrival_s: u32,
    /// From then, or from the cancel, to the close.
    pub close_s: u32,
}

impl CaseTimes {
    /// How the steps stand; see [`Alarm::steps`].
    #[must_use]
    pub fn steps(&self, limits: CaseLimits, now: Timestamp) -> [StepState; 3] {
        let over_at = self.cancelled_at.or(self.closed_at);
        let state = |step, due_at, done_at: Option<Timestamp>, end: Option<Timestamp>| StepState {
            step,
            due_at,
            done_at,
            is_late: due_at < done_at.or(end).unwrap_or(now),
        };
        let due_at = after(self.raised_at, limits.accept_s.into());
        let accepted = state(CaseStep::Accepted, due_at, self.accepted_at, over_at);
        let due_at = after(accepted.done_at.unwrap_or(due_at), limits.arrival_s.into());
        let arrived = state(CaseStep::Arrived, due_at, self.arrived_at, over_at);
        let from = arrived.done_at.or(self.cancelled_at).unwrap_or(due_at);
        let due_at = after(from, limits.close_s.into());
        [accepted, arrived, state(CaseStep::Closed, due_at, self.closed_at, None)]
    }
}

/// When the household of an alarm that was closed then is due to be asked how it is; `None` for drills and tests, and for a
/// false alarm without duress.
#[must_use]
pub fn follow_up_due(
    closed_at: Timestamp,
    outcome: CloseOutcome,
    is_duress: bool,
) -> Option<Timestamp> {
    let is_needed = match outcome {
        CloseOutcome::Genuine | CloseOutcome::Unknown => true,
        CloseOutcome::FalseAlarm => is_duress,
        CloseOutcome::Drill | CloseOutcome::Test => false,
    };
    is_needed.then(|| after(closed_at, FOLLOW_UP_S))
}

/// The end of an alarm, for who looks after the household next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// When.
    pub at: Timestamp,
    /// What it was.
    pub outcome: CloseOutcome,
    /// What was the matter, if it was genuine and is known.
    pub matter: Option<AlarmKind>,
    /// The party that closed it; `None` for an operator.
    pub by: Option<PartyId>,
    /// When the household is due to be asked how it is; `None` for drills and tests, and for a false alarm without duress.
    pub follow_up_at: Option<Timestamp>,
}

impl Alarm {
    /// When the first of those who were called was at the door, or somebody of whom only the door is known. The household
    /// in trouble itself does not count: whoever threatens it may hold its telephones.
    #[must_use]
    pub fn arrived_at(&self) -> Option<Timestamp> {
        let called = self.parties().filter(|(_, party, _)| party.role != Role::OwnHousehold);
        called.filter_map(|(_, _, state)| state.arrived_at).chain(self.case.door_at).min()
    }

    /// When the duress PIN was used; nothing that the resident can hear or read may show it.
    #[must_use]
    pub fn duress_at(&self) -> Option<Timestamp> {
        self.case.duress_at
    }

    /// The line is to hear nothing: it is a silent one, or asked for silence.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.plan.scene.is_silent || self.case.is_silenced
    }

    pub(super) fn is_under_duress(&self) -> bool {
        self.case.duress_at.is_some()
    }

    /// Whether no PIN is right any more: too many were wrong. An operator withdraws the alarm then.
    #[must_use]
    pub fn refuses_pins(&self) -> bool {
        PINS_WRONG_MAX <= self.case.pins_wrong || PINS_RECORDED_MAX <= self.case.pins
    }

    /// Legs in the talk with the resident, at most eight.
    #[must_use]
    pub fn talk(&self) -> &[u32] {
        &self.case.talk
    }

    /// Who owns the case: whom an operator gave it to, else the duty worker who accepted first, else the neighbour who did,
    /// of those who are still coming.
    #[must_use]
    pub fn owner(&self) -> Option<PartyId> {
        self.case.given_to.or_else(|| {
            let accepted = self.parties().filter_map(|(id, party, state)| match party.role {
                Role::DutyWorker => Some((false, state.coming?.since, id)),
                Role::Neighbour | Role::Responder => Some((true, state.coming?.since, id)),
                Role::OwnHousehold | Role::Loudspeaker => None,
            });
            accepted.min().map(|(_, _, id)| id)
        })
    }

    /// Who took it in hand at a wall or a desk since #9 was pressed last, and when.
    #[must_use]
    pub fn in_hand(&self) -> Option<(&Arc<str>, Timestamp)> {
        self.case.in_hand.as_ref().map(|(actor, at)| (actor, *at))
    }

    pub(super) fn may_own(&self, party: PartyId) -> bool {
        self.plan.party(party).is_some_and(|party| match party.role {
            Role::DutyWorker | Role::Neighbour | Role::Responder => true,
            Role::OwnHousehold | Role::Loudspeaker => false,
        })
    }

    /// How the steps of the case stand. Somebody has to be coming by the time of the second wave, at the door
    /// `arrival_s` later, and the case has to be closed `close_s` after the arrival or the cancel. What a cancel or the
    /// close has made needless does not become late any more.
    #[must_use]
    pub fn steps(&self, now: Timestamp) -> [StepState; 3] {
        let policy = &self.plan.policy;
        let (cancelled_at, closed_at) = match self.stage {
            Stage::Open => (None, None),
            Stage::Cancelled { at } => (Some(at), None),
            Stage::Closed { at, .. } => (None, Some(at)),
        };
        let called = self.parties().filter(|(id, _, _)| self.may_own(*id));
        let accepted_at = called.filter_map(|(_, _, state)| Some(state.coming?.since)).min();
        let arrived_at = self.arrived_at();
        let times = CaseTimes {
            raised_at: self.raised_at,
            accepted_at: accepted_at.or(arrived_at),
            arrived_at,
            cancelled_at,
            closed_at,
        };
        let limits = CaseLimits {
            accept_s: policy.wave_s.into(),
            arrival_s: policy.arrival_s.into(),
            close_s: policy.close_s,
        };
        times.steps(limits, now)
    }

    /// How it was closed, and when the household is to be asked how it is.
    #[must_use]
    pub fn closing(&self) -> Option<Closing> {
        let Stage::Closed { at, outcome } = self.stage else { return None };
        let (matter, by) = self.case.closed_as.unwrap_or_default();
        let follow_up_at = follow_up_due(at, outcome, self.is_under_duress());
        Some(Closing { at, outcome, matter, by, follow_up_at })
    }

    /// When the owner is reminded to close the case: after an arrival or a cancel, at most ten times.
    pub(super) fn reminder_due_at(&self) -> Option<Timestamp> {
        let waits_since = match self.stage {
            Stage::Open => self.arrived_at(),
            Stage::Cancelled { at } => self.arrived_at().or(Some(at)),
            Stage::Closed { .. } => None,
        }?;
        let pause = self.plan.policy.close_s.max(REMINDER_PAUSE_MIN_S);
        (self.case.reminders < REMINDERS_MAX)
            .then(|| after(self.case.reminded_at.unwrap_or(waits_since), pause.into()))
    }

    /// Whether keys may close it: somebody was there, or it was cancelled.
    pub(super) fn can_be_closed_by_key(&self) -> bool {
        match self.stage {
            Stage::Open => self.arrived_at().is_some(),
            Stage::Cancelled { .. } => true,
            Stage::Closed { .. } => false,
        }
    }

    /// Whether the party pressed 6 by the same means a moment ago, so that 1, 2 or 3 closes it.
    #[must_use]
    pub fn has_asked_to_close(&self, party: PartyId, means: &AnswerMeans, now: Timestamp) -> bool {
        self.case.close_asked.iter().any(|(who, how, at)| {
            *who == party && how == means && *at <= now && now <= after(*at, CLOSE_WINDOW_S)
        })
    }
}
