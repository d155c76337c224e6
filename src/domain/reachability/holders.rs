//! Whose numbers there are: contacts of households, workers, responders.

use super::{Known, State, VisitClass, judge};
use crate::directory::{Community, ContactNumber, Household, Responder, ResponderKind};
use crate::id::{CommunityId, ContactId, HouseholdId, ResponderId, WorkerId};
use crate::roster::Reach;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// Somebody with a number, and that number.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// Where it stands in a list of all.
    pub place: Place,
    /// Who has it.
    pub who: Who,
    /// The household that they live in or help.
    pub household: Option<&'a Household>,
    /// Their name.
    pub name: &'a str,
    /// The number.
    pub number: &'a ContactNumber,
    /// How often they are asked where nobody said otherwise.
    pub class: VisitClass,
}

/// Who has a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A person of a household.
    Contact(ContactId),
    /// A community worker.
    Worker(WorkerId),
    /// Somebody outside of the groups.
    Responder(ResponderId),
}

/// The place of a number in the list of all: by community, households before workers before responders, then by id.
/// Written `community.section.owner.index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The community.
    pub community: CommunityId,
    section: u8,
    /// Household, worker or responder.
    owner: u32,
    /// Counts the numbers of the owner.
    index: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { community, section, owner, index } = self;
        write!(f, "{}.{section}.{owner}.{index}", community.0)
    }
}

/// The text is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a place has four numbers with points between them")]
pub struct PlaceError;

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let mut parts = text.split('.').map(|part| part.parse::<u32>().map_err(|_| PlaceError));
        let mut next = || parts.next().unwrap_or(Err(PlaceError));
        let (community, section, owner, index) = (next()?, next()?, next()?, next()?);
        let section = u8::try_from(section).map_err(|_| PlaceError)?;
        if parts.next().is_some() {
            return Err(PlaceError);
        }
        Ok(Self { community: CommunityId(community), section, owner, index })
    }
}

/// Every number of a community with who has it, by place.
pub fn holders(community: &Community) -> impl Iterator<Item = Holder<'_>> {
    let helped: BTreeSet<HouseholdId> = community.responders.iter().filter_map(helps).collect();
    let households = community.households.iter().flat_map(move |household| {
        let class = class_of(helped.contains(&household.id));
        of_household(community.id, household, class)
    });
    let workers = community.workers.iter().flat_map(move |worker| {
        let class = VisitClass::default();
        numbered(&worker.numbers).map(move |(index, number)| Holder {
            place: Place { community: community.id, section: 1, owner: worker.id.0, index },
            who: Who::Worker(worker.id),
            household: None,
            name: &worker.name,
            number,
            class,
        })
    });
    let responders = community.responders.iter().flat_map(move |responder| {
        let household = helps(responder).and_then(|id| community.household(id));
        numbered(&responder.numbers).map(move |(index, number)| Holder {
            place: Place { community: community.id, section: 2, owner: responder.id.0, index },
            who: Who::Responder(responder.id),
            household: household.map(AsRef::as_ref),
            name: &responder.name,
            number,
            class: class_of(household.is_some()),
        })
    });
    households.chain(workers).chain(responders)
}

/// The numbers of one person or team, by place.
pub fn holders_of(community: &Community, who: Who) -> impl Iterator<Item = Holder<'_>> {
    holders(community).filter(move |holder| holder.who == who)
}

/// Whether the workers of a community can be called on duty, by the numbers that take calls.
#[must_use]
pub fn on_duty(
    community: &Community,
    known: &BTreeMap<String, Known>,
    now: Timestamp,
) -> BTreeMap<WorkerId, Reach> {
    let of_worker = |worker: &crate::directory::Worker| {
        let mut voices = worker.numbers.iter().filter(|number| number.has_voice).peekable();
        if voices.peek().is_none() {
            return Reach::NoNumber;
        }
        let is_confirmed = |number: &ContactNumber| {
            let known = known.get(number.number.key());
            let score = known.map(|known| judge(known, VisitClass::default(), now));
            score.is_some_and(|score| score.state == State::Confirmed)
        };
        if voices.any(is_confirmed) { Reach::Confirmed } else { Reach::Unconfirmed }
    };
    community.workers.iter().map(|worker| (worker.id, of_worker(worker))).collect()
}

/// The household whose personal helper a responder is.
fn helps(responder: &Responder) -> Option<HouseholdId> {
    (responder.kind == ResponderKind::Helper).then_some(responder.household).flatten()
}

/// Who has a personal helper needs care, and so has to have a helper who can be reached.
fn class_of(has_helper: bool) -> VisitClass {
    if has_helper { VisitClass::Month } else { VisitClass::HalfYear }
}

fn of_household(
    community: CommunityId,
    household: &Household,
    class: VisitClass,
) -> impl Iterator<Item = Holder<'_>> {
    let contacts = household.contacts.iter();
    let numbers =
        contacts.flat_map(|contact| contact.numbers.iter().map(move |number| (contact, number)));
    (0..).zip(numbers).map(move |(index, (contact, number))| Holder {
        place: Place { community, section: 0, owner: household.id.0, index },
        who: Who::Contact(contact.id),
        household: Some(household),
        name: &contact.name,
        number,
        class,
    })
}

fn numbered(numbers: &[ContactNumber]) -> impl Iterator<Item = (u32, &ContactNumber)> {
    (0..).zip(numbers)
}
