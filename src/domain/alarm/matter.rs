//! What is the matter, and who still has to hear of it. Pure questions about the state.

use super::event::LegStart;
use super::state::{Alarm, Leg, after};
use crate::kind::AlarmKind;
use crate::leg::{Channel, Message};
use crate::plan::Role;
use jiff::Timestamp;

/// Updates go out at least this far apart, in seconds.
const UPDATE_PAUSE_S: u64 = 10;
/// Changes of what is the matter that are told to those who know of the alarm.
const UPDATES_MAX: u8 = 5;
/// Changes that are taken up at all: each one is a plan that is stored.
pub(super) const CHANGES_MAX: u8 = 50;

/// What is the matter, and since when it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Matter {
    pub(super) kind: AlarmKind,
    pub(super) changes: u8,
    /// The last change.
    pub(super) since: Option<Since>,
    /// When the last update went out.
    pub(super) told_at: Option<Timestamp>,
}

/// The moment of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Since {
    at: Timestamp,
    /// Legs up to this one were ordered before.
    leg: u32,
}

impl Alarm {
    /// What is the matter, as far as anybody has said. A plan that is made anew for the alarm is to be made for it.
    #[must_use]
    pub fn kind(&self) -> AlarmKind {
        self.matter.kind
    }

    pub(super) fn kind_named(&mut self, kind: AlarmKind, at: Timestamp) {
        self.matter.kind = kind;
        self.matter.changes = self.matter.changes.saturating_add(1);
        self.matter.since = Some(Since { at, leg: self.last_leg });
    }

    /// Remembers that an update went out.
    pub(super) fn kind_told(&mut self, legs: &[LegStart], at: Timestamp) {
        if legs.iter().any(|leg| leg.message == Message::KindNamed) {
            self.matter.told_at = Some(at);
        }
    }

    /// For each party whether it heard of the alarm, but not yet what is the matter. `None` if there is nothing to tell.
    pub(super) fn uninformed(&self) -> Option<Vec<bool>> {
        let since = self.matter.since.filter(|_| self.matter.changes <= UPDATES_MAX)?;
        if self.is_over() {
            return None;
        }
        let mut lacks = vec![false; self.parties.len()];
        for leg in &self.legs {
            let Some(party) = lacks.get_mut(usize::from(leg.party.0)) else { continue };
            if leg.message == Message::KindNamed && !since.is_before(leg) {
                *party = false;
            } else if leg.has_told() && since.is_before(leg) {
                *party = true;
            }
        }
        for ((id, known, _), party) in self.parties().zip(&mut lacks) {
            // Under duress the household's own mobiles hear no more of the alarm.
            let may_know = known.role != Role::OwnHousehold || !self.is_under_duress();
            *party &= may_know && self.numbers(id).any(|number| number.takes_sms());
        }
        lacks.contains(&true).then_some(lacks)
    }

    /// When the next update may go out, if somebody lacks it; in the past if it may now.
    pub(super) fn update_due_at(&self) -> Option<Timestamp> {
        self.uninformed()?;
        Some(self.matter.told_at.map_or(self.raised_at, |at| after(at, UPDATE_PAUSE_S)))
    }
}

impl Since {
    /// Whether the words of the leg were said or on their way before the change.
    fn is_before(self, leg: &Leg) -> bool {
        let gone_at = match leg.channel {
            Channel::Voice => leg.answered_at,
            Channel::Sms => leg.placed_at.or(leg.accepted_at),
        };
        leg.number <= self.leg && gone_at.is_some_and(|at| at <= self.at)
    }
}
