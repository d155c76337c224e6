//! The case: its owner, reminders, notes, and the close with what it was.
//!
//! By key: 6 of a duty worker in a call or on their page, and by the same means within ten seconds 1 genuine, 2 false alarm,
//! 3 nobody knows. Only after an arrival or a cancel; before, and for everybody else, 6 means nothing.

use super::super::Stage;
use super::super::case::NOTES_MAX;
use super::super::event::{AnswerMeans, CloseOutcome, Event, LegWhy};
use super::super::input::Actor;
use super::Draft;
use crate::digits::Key;
use crate::kind::AlarmKind;
use crate::leg::Message;
use crate::plan::{PartyId, Role};
use std::sync::Arc;

impl Draft<'_> {
    /// Closes the alarm, once. What was the matter is kept if somebody was in trouble.
    pub(in crate::alarm) fn close(
        &mut self,
        actor: &Actor,
        outcome: CloseOutcome,
        matter: Option<AlarmKind>,
        by: Option<PartyId>,
    ) {
        match self.alarm.stage {
            Stage::Open | Stage::Cancelled { .. } => {
                let matter = matter.filter(|_| outcome == CloseOutcome::Genuine);
                self.emit(Event::Closed { actor: Arc::clone(actor), outcome, matter, by });
            }
            Stage::Closed { .. } => {}
        }
    }

    /// Takes a key that closes the alarm or begins to; tells whether it was one.
    pub(in crate::alarm) fn closes_by_key(
        &mut self,
        party: PartyId,
        key: Key,
        means: &AnswerMeans,
    ) -> bool {
        let role = self.alarm.plan.party(party).map(|party| party.role);
        let may = match means {
            AnswerMeans::Key { .. } | AnswerMeans::Page { .. } => true,
            AnswerMeans::Reply { .. } | AnswerMeans::Api { .. } | AnswerMeans::Line => false,
        };
        if !may || role != Some(Role::DutyWorker) || !self.alarm.can_be_closed_by_key() {
            return false;
        }
        let is_asked = self.alarm.has_asked_to_close(party, means, self.now);
        let outcome = match key.as_char() {
            '6' => {
                if !is_asked {
                    self.emit(Event::CloseAsked { party, means: means.clone() });
                }
                return true;
            }
            '1' => CloseOutcome::Genuine,
            '2' => CloseOutcome::FalseAlarm,
            '3' => CloseOutcome::Unknown,
            _ => return false,
        };
        if is_asked {
            let plan = &self.alarm.plan;
            let outcome = if plan.is_drill { CloseOutcome::Drill } else { outcome };
            let matter = Some(plan.kind).filter(|kind| *kind != AlarmKind::Unknown);
            self.close(&"".into(), outcome, matter, Some(party));
        }
        is_asked
    }

    /// An operator gives the case to somebody; to who has it, or to nobody who can, it means nothing.
    pub(in crate::alarm) fn change_owner(&mut self, party: PartyId, actor: &Actor) {
        let is_closed = matches!(self.alarm.stage, Stage::Closed { .. });
        let is_news = self.alarm.case.given_to != Some(party);
        if !is_closed && is_news && self.alarm.may_own(party) {
            self.emit(Event::OwnerChanged { party, actor: Arc::clone(actor) });
        }
    }

    /// Notes are taken after the close too.
    pub(in crate::alarm) fn note(&mut self, note: u32, actor: &Actor) {
        let notes = &self.alarm.case.notes;
        if notes.len() < NOTES_MAX && !notes.contains(&note) {
            self.emit(Event::NoteAdded { note, actor: Arc::clone(actor) });
        }
    }

    /// Reminds the owner, and the duty workers if the owner is none of them.
    pub(in crate::alarm) fn remind(&mut self) {
        if self.alarm.reminder_due_at().is_none_or(|at| self.now < at) {
            return;
        }
        let times = self.alarm.case.reminders.saturating_add(1);
        self.emit(Event::Reminded { times });
        let owner = self.alarm.owner();
        let role = owner.and_then(|owner| self.alarm.plan.party(owner)).map(|party| party.role);
        let is_worker = role == Some(Role::DutyWorker);
        let calls = self.sms_to(Message::CloseReminder, |id, role, _| {
            Some(id) == owner || (!is_worker && role == Role::DutyWorker)
        });
        self.order(LegWhy::Notice, calls);
    }
}
