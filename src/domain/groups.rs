//! Groups as the scheme wants them: adjacent, alike in size, acquainted (地域相邻、规模相当、人员相熟).
//!
//! [`check`] finds what is wrong with the groups of a community as they are, [`propose`] divides its households anew.
//! Both only look at the directory; whether anything is done about it, people decide.

mod proposal;

pub use proposal::{Proposal, Proposed, Warning, natural, propose};

use crate::directory::{Community, Group, Household};
use crate::id::{GroupId, HouseholdId};
use std::collections::{BTreeMap, BTreeSet};

/// Households that a group should have.
pub const SIZE: usize = 10;
/// Fewer are too few to come.
pub const SIZE_MIN: usize = 5;
/// More are too many to know each other.
pub const SIZE_MAX: usize = 15;

/// Something wrong with a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The group.
    pub group: GroupId,
    /// What it is.
    pub kind: FindingKind,
    /// Whom it is about, by id; all of the group where nobody is named.
    pub households: Vec<HouseholdId>,
}

/// What can be wrong with a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// It has no household.
    Empty,
    /// It has fewer than [`SIZE_MIN`].
    Small,
    /// It has more than [`SIZE_MAX`].
    Large,
    /// Its households stand in several buildings.
    Scattered,
    /// Nobody of the household can be called or written to.
    Unreachable,
    /// The household has no line to press #9 on.
    NoLine,
    /// Households have the same number: one telephone counts as two neighbours.
    SharedNumber,
    /// Households stand at the same door, here or in another group: one door is there twice.
    SameDoor,
}

impl FindingKind {
    /// Its name in the API; never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Small => "small",
            Self::Large => "large",
            Self::Scattered => "scattered",
            Self::Unreachable => "unreachable",
            Self::NoLine => "no_line",
            Self::SharedNumber => "shared_number",
            Self::SameDoor => "same_door",
        }
    }
}

/// Everything that is wrong with the groups of a community, by group and kind; with one group only, if one is given.
#[must_use]
pub fn check(community: &Community, only: Option<GroupId>) -> Vec<Finding> {
    let doors = doors(community);
    let groups = community.groups.iter().filter(|group| only.is_none_or(|only| group.id == only));
    groups.flat_map(|group| check_group(community, group, &doors)).collect()
}

/// Households by where their door is.
type Doors<'a> = BTreeMap<[&'a str; 4], Vec<HouseholdId>>;

fn doors(community: &Community) -> Doors<'_> {
    let mut doors = Doors::new();
    for household in &community.households {
        if let Some(door) = door_of(household) {
            doors.entry(door).or_default().push(household.id);
        }
    }
    doors.retain(|_, households| 1 < households.len());
    doors
}

/// Where the door is; `None` where nobody has said.
fn door_of(household: &Household) -> Option<[&str; 4]> {
    let address = &household.address;
    let has_door = !address.door.is_empty();
    has_door.then_some([&*address.place, &*address.building, &*address.unit, &*address.door])
}

fn check_group(community: &Community, group: &Group, doors: &Doors<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |kind, households| findings.push(Finding { group: group.id, kind, households });
    let households: Vec<&Household> = members(community, group).collect();
    match households.len() {
        0 => find(FindingKind::Empty, Vec::new()),
        1..SIZE_MIN => find(FindingKind::Small, Vec::new()),
        SIZE_MIN..=SIZE_MAX => {}
        _ => find(FindingKind::Large, Vec::new()),
    }
    let buildings: BTreeSet<_> =
        households.iter().map(|household| building_of(household)).collect();
    if 1 < buildings.len() {
        find(FindingKind::Scattered, Vec::new());
    }
    let ids_where = |is: &dyn Fn(&Household) -> bool| -> Vec<HouseholdId> {
        households.iter().filter(|household| is(household)).map(|household| household.id).collect()
    };
    for (kind, found) in [
        (FindingKind::Unreachable, ids_where(&|household| !is_reachable(household))),
        (FindingKind::NoLine, ids_where(&|household| household.lines.is_empty())),
    ] {
        if !found.is_empty() {
            find(kind, found);
        }
    }
    for found in shared_numbers(&households) {
        find(FindingKind::SharedNumber, found);
    }
    let mut told = BTreeSet::new();
    for door in households.iter().filter_map(|household| door_of(household)) {
        if let Some(found) = doors.get(&door).filter(|_| told.insert(door)) {
            find(FindingKind::SameDoor, found.clone());
        }
    }
    findings
}

fn members<'a>(community: &'a Community, group: &'a Group) -> impl Iterator<Item = &'a Household> {
    group.households.iter().filter_map(|&id| community.household(id)).map(AsRef::as_ref)
}

fn building_of(household: &Household) -> (&str, &str) {
    (&household.address.place, &household.address.building)
}

/// Whether anybody of the household can be called or written to.
#[must_use]
pub fn is_reachable(household: &Household) -> bool {
    let mut numbers = household.contacts.iter().flat_map(|contact| &contact.numbers);
    numbers.any(|number| number.has_voice || number.has_sms)
}

/// Canonical keys of every number of a household.
fn numbers_of(household: &Household) -> BTreeSet<&str> {
    let of_people = household.contacts.iter().flat_map(|contact| &contact.numbers);
    let of_people = of_people.map(|number| number.number.key());
    of_people.chain(household.lines.iter().map(|line| line.number.key())).collect()
}

/// Sets of households that have a number together.
fn shared_numbers(households: &[&Household]) -> BTreeSet<Vec<HouseholdId>> {
    let mut by_number: BTreeMap<&str, Vec<HouseholdId>> = BTreeMap::new();
    for household in households {
        for number in numbers_of(household) {
            by_number.entry(number).or_default().push(household.id);
        }
    }
    by_number.into_values().filter(|households| 1 < households.len()).collect()
}

#[cfg(test)]
mod tests;
