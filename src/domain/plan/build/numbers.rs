//! Which numbers of somebody a plan may use, and why not the others.

use super::super::{PARTY_NUMBERS_MAX, PartyNumber};
use super::targets::{Candidate, CandidateId};
use super::{LeftOut, LeftOutWhy, Party, Role};
use crate::directory::{ContactNumber, Household, Language};
use crate::id::ContactId;
use crate::phone::{PhoneNumber, may_be_called};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Collects parties and remembers which numbers are taken.
pub(super) struct Builder<'a> {
    alarm_line: &'a PhoneNumber,
    taken: BTreeSet<Arc<str>>,
    pub(super) parties: Vec<Party>,
    pub(super) left_out: Vec<LeftOut>,
}

/// The person of a number.
struct Person<'a> {
    contact: Option<ContactId>,
    name: &'a Arc<str>,
    language: Language,
}

impl<'a> Builder<'a> {
    pub(super) fn new(alarm_line: &'a PhoneNumber) -> Self {
        Self { alarm_line, taken: BTreeSet::new(), parties: Vec::new(), left_out: Vec::new() }
    }

    /// Takes note of the numbers of somebody who is in the plan already.
    pub(super) fn know(&mut self, party: &Party) {
        let in_use = party.numbers.iter().filter(|number| number.has_voice || number.has_sms);
        self.taken.extend(in_use.map(|number| number.number.key().into()));
    }

    pub(super) fn add_all(&mut self, candidates: &[(u8, Candidate<'_>)]) {
        for (step, candidate) in candidates {
            self.add(candidate, *step);
        }
    }

    /// Whether somebody is rung in the first step. A loudspeaker is nobody.
    pub(super) fn has_voice_at_once(&self) -> bool {
        let is_person = |party: &&Party| match party.role {
            Role::DutyWorker | Role::Neighbour | Role::Responder => party.step == 0,
            Role::Loudspeaker | Role::OwnHousehold => false,
        };
        self.parties.iter().filter(is_person).any(Party::has_voice)
    }

    pub(super) fn add(&mut self, candidate: &Candidate<'_>, step: u8) {
        let (name, numbers) = match candidate {
            Candidate::Worker(worker) => {
                let person =
                    Person { contact: None, name: &worker.name, language: worker.language };
                (Arc::clone(&worker.name), self.numbers(candidate, &person, &worker.numbers))
            }
            Candidate::Responder(responder) => {
                let person =
                    Person { contact: None, name: &responder.name, language: responder.language };
                (Arc::clone(&responder.name), self.numbers(candidate, &person, &responder.numbers))
            }
            Candidate::Neighbour(household) | Candidate::OwnHousehold(household) => {
                (name_of(household), self.household_numbers(candidate, household))
            }
        };
        self.add_party(candidate, step, name, numbers);
    }

    fn household_numbers(
        &mut self,
        candidate: &Candidate<'_>,
        household: &Household,
    ) -> Vec<PartyNumber> {
        let mut numbers = Vec::new();
        for contact in &household.contacts {
            let person = Person {
                contact: Some(contact.id),
                name: &contact.name,
                language: contact.language,
            };
            numbers.extend(self.numbers(candidate, &person, &contact.numbers));
        }
        numbers
    }

    fn add_party(
        &mut self,
        candidate: &Candidate<'_>,
        step: u8,
        name: Arc<str>,
        mut numbers: Vec<PartyNumber>,
    ) {
        for extra in numbers.drain(PARTY_NUMBERS_MAX.min(numbers.len())..) {
            let left = candidate.left_out(LeftOutWhy::TooMany);
            self.left_out.push(LeftOut { number: Some(extra.number), ..left });
        }
        if numbers.is_empty() {
            self.left_out.push(candidate.left_out(LeftOutWhy::NoNumber));
            return;
        }
        let (mut household, mut worker, mut responder) = (None, None, None);
        match candidate.id() {
            CandidateId::Household(id) => household = Some(id),
            CandidateId::Worker(id) => worker = Some(id),
            CandidateId::Responder(id) => responder = Some(id),
        }
        let role = candidate.role();
        let is_added = false;
        self.parties.push(Party {
            role,
            household,
            worker,
            responder,
            step,
            is_added,
            name,
            numbers,
        });
    }

    /// The numbers as they enter the plan, unless there is a reason against one.
    fn numbers(
        &mut self,
        candidate: &Candidate<'_>,
        person: &Person<'_>,
        known: &[ContactNumber],
    ) -> Vec<PartyNumber> {
        let mut numbers = Vec::new();
        for known in known {
            // The household in trouble is not rung: its mobiles are told. A loudspeaker reads no messages.
            let has_voice = known.has_voice && candidate.role() != Role::OwnHousehold;
            let has_sms = known.has_sms && candidate.role() != Role::Loudspeaker;
            if let Some(why) = self.why_not(&known.number, has_voice || has_sms) {
                let left = candidate.left_out(why);
                self.left_out.push(LeftOut { number: Some(known.number.clone()), ..left });
                continue;
            }
            numbers.push(PartyNumber {
                contact: person.contact,
                name: Arc::clone(person.name),
                language: person.language,
                number: known.number.clone(),
                has_voice,
                has_sms,
            });
        }
        numbers
    }

    fn why_not(&mut self, number: &PhoneNumber, has_use: bool) -> Option<LeftOutWhy> {
        if number == self.alarm_line {
            Some(LeftOutWhy::AlarmLine)
        } else if !may_be_called(number) {
            Some(LeftOutWhy::Refused)
        } else if !has_use {
            Some(LeftOutWhy::NoUse)
        } else if !self.taken.insert(number.key().into()) {
            Some(LeftOutWhy::ListedBefore)
        } else {
            None
        }
    }
}

/// How a household is told of to others: by its door and its name.
fn name_of(household: &Household) -> Arc<str> {
    match household.address.door.as_ref() {
        "" => Arc::clone(&household.name),
        door => format!("{door} {}", household.name).into(),
    }
}
