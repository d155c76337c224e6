//! Somebody whom an operator has called besides: a worker, a responder or somebody of a household of the community, taken
//! into the plan as its next revision.

use super::numbers::Builder;
use super::targets::Candidate;
use crate::directory::{Community, Directory, Household};
use crate::id::{ContactId, HouseholdId, ResponderId, WorkerId};
use crate::plan::{Party, PartyId, Plan};

/// People that may be added to one alarm.
pub const ADDED_MAX: usize = 50;

/// Whom an operator has called besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// A worker of the community, on duty or not.
    Worker(WorkerId),
    /// A responder of the community.
    Responder(ResponderId),
    /// Somebody of a household of the community.
    Contact(HouseholdId, ContactId),
}

/// Why somebody cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// The community has nobody of this id.
    #[error("nobody of the community has this id")]
    Unknown,
    /// They belong to the household in trouble.
    #[error("the household in trouble is not rung")]
    InTrouble,
    /// They have no number that may be used and is not in the plan for somebody else.
    #[error("no number can be called")]
    NoNumber,
    /// Too many were added before.
    #[error("{ADDED_MAX} were added")]
    TooMany,
}

impl Plan {
    /// This plan as its next revision, with somebody more, who is called at once; and which party that is. Somebody who is
    /// in the plan already, for a later step or as a worker off duty, keeps their place and is called at once too.
    ///
    /// # Errors
    /// [`AddError`].
    pub fn with(&self, directory: &Directory, whom: Added) -> Result<(Self, PartyId), AddError> {
        let community = directory.community(self.scene.community).ok_or(AddError::Unknown)?;
        let mut plan = self.clone();
        plan.revision = self.revision.saturating_add(1);
        let index = match whom {
            Added::Worker(id) => {
                let worker = community.worker(id).ok_or(AddError::Unknown)?;
                plan.join(&Candidate::Worker(worker))?
            }
            Added::Responder(id) => {
                let found = community.responders.iter().find(|responder| responder.id == id);
                plan.join(&Candidate::Responder(found.ok_or(AddError::Unknown)?))?
            }
            Added::Contact(household, contact) => {
                if household == self.scene.household {
                    return Err(AddError::InTrouble);
                }
                let household = alone(community, household, contact).ok_or(AddError::Unknown)?;
                plan.join(&Candidate::Neighbour(&household))?
            }
        };
        let party = u16::try_from(index).map_err(|_| AddError::TooMany)?;
        Ok((plan, PartyId(party)))
    }

    /// Takes them in; the place of the party.
    fn join(&mut self, candidate: &Candidate<'_>) -> Result<usize, AddError> {
        let mut builder = Builder::new(&self.scene.number);
        let left = candidate.left_out(super::LeftOutWhy::NoNumber);
        let known = self.parties.iter().position(|party| {
            (party.household, party.worker, party.responder)
                == (left.household, left.worker, left.responder)
        });
        let others = self.parties.iter().enumerate().filter(|(index, _)| Some(*index) != known);
        others.for_each(|(_, party)| builder.know(party));
        builder.add(candidate, 0);
        let fresh = builder.parties.pop().ok_or(AddError::NoNumber)?;
        if !fresh.has_voice() {
            return Err(AddError::NoNumber);
        }
        if let Some(party) = known.and_then(|index| self.parties.get_mut(index)) {
            party.take_in(fresh);
            return known.ok_or(AddError::NoNumber);
        }
        if ADDED_MAX <= self.parties.iter().filter(|party| party.is_added).count() {
            return Err(AddError::TooMany);
        }
        self.parties.push(Party { is_added: true, ..fresh });
        Ok(self.parties.len().saturating_sub(1))
    }
}

/// The household with nobody but one of its people.
fn alone(community: &Community, household: HouseholdId, contact: ContactId) -> Option<Household> {
    let household = community.household(household)?;
    let contact = household.contacts.iter().find(|known| known.id == contact)?;
    Some(Household { contacts: vec![contact.clone()], ..Household::clone(household) })
}

impl Party {
    /// Is called at once, by these numbers too.
    fn take_in(&mut self, fresh: Self) {
        self.is_added = true;
        self.step = 0;
        for number in fresh.numbers {
            let has_room = self.numbers.len() < usize::from(u8::MAX);
            match self.numbers.iter_mut().find(|known| known.number == number.number) {
                Some(known) => *known = number,
                None if has_room => self.numbers.push(number),
                None => {}
            }
        }
    }
}
