//! The door, PINs, the talk and the case, as state. Bounded whatever the log says.

use super::super::Stage;
use super::super::case::{Case, NOTES_MAX, TALK_MAX};
use super::super::event::{AnswerMeans, LegStart, LegWhy};
use super::super::state::Alarm;
use crate::leg::{Channel, Message};
use crate::plan::{PartyId, Role};
use jiff::Timestamp;

/// Parties of which a key 6 is remembered; more than have a duty worker in any plan.
const CLOSE_ASKED_MAX: usize = 32;

impl Alarm {
    pub(in crate::alarm) fn called_back(&mut self, start: &LegStart, at: Timestamp) {
        self.ordered(LegWhy::CallBack, std::slice::from_ref(start), at);
        self.change_leg(start.leg, |leg| {
            leg.placed_at.get_or_insert(at);
            leg.answered_at.get_or_insert(at);
        });
        if let Some(state) = self.parties.get_mut(usize::from(start.party.0)) {
            state.call_backs = state.call_backs.saturating_add(1);
            state.was_told = true;
        }
    }

    pub(in crate::alarm) fn lapsed(&mut self, party: PartyId, at: Timestamp) {
        if let Some(state) = self.parties.get_mut(usize::from(party.0)) {
            state.coming = None;
            state.lapsed_at = Some(at);
        }
        self.reopen();
    }

    /// The alarm goes on, also when it was cancelled before: that was under duress too. Words that are still to be heard
    /// become careful.
    pub(in crate::alarm) fn duress(&mut self, at: Timestamp) {
        self.case.pins = self.case.pins.saturating_add(1);
        self.case.duress_at.get_or_insert(at);
        if let Stage::Cancelled { .. } = self.stage {
            self.stage = Stage::Open;
            self.reopen();
        }
        let plan = &self.plan;
        let is_called = |leg: &super::super::state::Leg| {
            let is_person = plan.party(leg.party).is_some_and(|party| match party.role {
                Role::DutyWorker | Role::Neighbour | Role::Responder => true,
                Role::OwnHousehold | Role::Loudspeaker => false,
            });
            leg.is_live()
                && leg.channel == Channel::Voice
                && leg.answered_at.is_none()
                && leg.message.calls_for_help()
                && is_person
        };
        for leg in self.legs.iter_mut().filter(|leg| is_called(leg)) {
            leg.message = Message::Duress;
        }
    }
}

impl Case {
    pub(in crate::alarm) fn pin_refused(&mut self) {
        self.pins = self.pins.saturating_add(1);
        self.pins_wrong = self.pins_wrong.saturating_add(1);
    }

    pub(in crate::alarm) fn reminded(&mut self, times: u16, at: Timestamp) {
        self.reminders = self.reminders.max(times);
        self.reminded_at = Some(at);
    }

    pub(in crate::alarm) fn note_added(&mut self, note: u32) {
        if self.notes.len() < NOTES_MAX && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub(in crate::alarm) fn talk_joined(&mut self, leg: u32) {
        if self.talk.len() < TALK_MAX && !self.talk.contains(&leg) {
            self.talk.push(leg);
        }
    }

    pub(in crate::alarm) fn talk_left(&mut self, leg: u32) {
        self.talk.retain(|other| *other != leg);
    }

    pub(in crate::alarm) fn close_asked(
        &mut self,
        party: PartyId,
        means: &AnswerMeans,
        at: Timestamp,
    ) {
        self.close_asked.retain(|(other, _, _)| *other != party);
        if self.close_asked.len() < CLOSE_ASKED_MAX {
            self.close_asked.push((party, means.clone(), at));
        }
    }
}
