//! What people answered, as state.

use super::super::event::AnswerMeans;
use super::super::state::{Alarm, Coming, PartyState};
use crate::plan::PartyId;
use jiff::Timestamp;

impl Alarm {
    /// The leg and number by which an answer came, if it is the party's own.
    pub(in crate::alarm) fn number_of(&self, party: PartyId, means: &AnswerMeans) -> Option<u8> {
        let leg = match means {
            AnswerMeans::Key { leg } | AnswerMeans::Reply { leg } => self.leg(*leg)?,
            AnswerMeans::Page { number_index } => return Some(*number_index),
            AnswerMeans::Api { .. } | AnswerMeans::Line => return None,
        };
        (leg.party == party).then_some(leg.number_index)
    }

    pub(in crate::alarm) fn answered(
        &mut self,
        party: PartyId,
        means: &AnswerMeans,
        change: impl FnOnce(&mut PartyState),
    ) {
        match means {
            AnswerMeans::Key { leg } | AnswerMeans::Reply { leg } => {
                self.change_leg(*leg, |leg| leg.has_key = true);
            }
            AnswerMeans::Api { .. } | AnswerMeans::Page { .. } | AnswerMeans::Line => {}
        }
        if let Some(state) = self.parties.get_mut(usize::from(party.0)) {
            change(state);
        }
    }

    pub(in crate::alarm) fn reply_unclear(&mut self, leg: u32) {
        if let Some(leg) = self.leg(leg).cloned() {
            self.change_number(&leg, |number| {
                number.unclear_replies = number.unclear_replies.saturating_add(1);
            });
        }
    }

    pub(in crate::alarm) fn sms_refused(&mut self, leg: u32) {
        if let Some(leg) = self.leg(leg).cloned() {
            self.change_number(&leg, |number| number.refuses_sms = true);
        }
    }

    pub(in crate::alarm) fn acknowledged(
        &mut self,
        party: PartyId,
        means: &AnswerMeans,
        at: Timestamp,
    ) {
        let number_index = self.number_of(party, means);
        self.answered(party, means, |state| {
            state.coming = Some(match state.coming {
                None => Coming { at, since: at, number_index, asked_at: None, renewals: 0 },
                // Asked, they say that they are still on the way.
                Some(known) => Coming {
                    at,
                    number_index: number_index.or(known.number_index),
                    asked_at: None,
                    renewals: known.renewals.saturating_add(1),
                    ..known
                },
            });
            let number = number_index.and_then(|index| state.numbers.get_mut(usize::from(index)));
            if let Some(number) = number {
                number.said_no = false;
            }
        });
    }

    pub(in crate::alarm) fn declined(
        &mut self,
        party: PartyId,
        means: &AnswerMeans,
        at: Timestamp,
    ) {
        let number_index = self.number_of(party, means);
        let is_for_all = matches!(means, AnswerMeans::Api { .. });
        self.answered(party, means, |state| {
            state.declined_at = Some(at);
            if is_for_all {
                // An operator speaks for the whole household.
                state.numbers.iter_mut().for_each(|number| number.said_no = true);
                state.coming = None;
            }
            let number = number_index.and_then(|index| state.numbers.get_mut(usize::from(index)));
            if let Some(number) = number {
                number.said_no = true;
            }
            // Another person of the household may be on the way.
            let is_other = |coming: &Coming| {
                coming.number_index.is_some() && coming.number_index != number_index
            };
            state.coming = state.coming.filter(is_other);
        });
        self.reopen();
    }
}
