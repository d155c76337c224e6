//! Divides the households of a community into groups: neighbours by the door, about ten, acquaintances together.
//!
//! Households are put in a row as one walks past their doors, those who know each other beside the first of them; the
//! row is then cut where groups come out most alike in size and least scattered. Cutting is exact, not a guess: every
//! place for a cut is tried once for each length of the group before it.

use super::{SIZE, SIZE_MAX, SIZE_MIN, building_of, is_reachable, numbers_of};
use crate::directory::{Community, Household};
use crate::id::{GridId, GroupId, HouseholdId};
use std::collections::{BTreeMap, BTreeSet};

/// What it costs that a group stands in one more building: as much as being four and a half households too large.
const BUILDING_COST: usize = 20;
/// What it costs that it stands in one more staircase.
const UNIT_COST: usize = 1;

/// A division of a community into groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    /// The groups, by grid, as one walks past the doors.
    pub groups: Vec<Proposed>,
    /// Groups that nobody is left in.
    pub emptied: Vec<GroupId>,
    /// Households that come into another group than they are in.
    pub moved: usize,
}

/// A group of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// The group of today that most of its households are in; `None` for a new one.
    pub group: Option<GroupId>,
    /// The grid. Nobody changes the grid.
    pub grid: GridId,
    /// Its households as one walks past their doors.
    pub households: Vec<HouseholdId>,
    /// Staircases that it stands in: the fewer, the more adjacent.
    pub staircases: usize,
    /// Households that know another of the group.
    pub acquainted: usize,
    /// What people should look at.
    pub warnings: BTreeSet<Warning>,
}

/// What people should look at in a group of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Warning {
    /// Fewer than [`SIZE_MIN`] households; there are no more in the grid.
    Small,
    /// It stands in several buildings.
    Scattered,
    /// Acquaintances of its households are in another group: they are too many for one, or live in another grid.
    Separated,
    /// Somebody in it cannot be called or written to.
    Unreachable,
}

impl Warning {
    /// Its name in the API; never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Scattered => "scattered",
            Self::Separated => "separated",
            Self::Unreachable => "unreachable",
        }
    }
}

/// Divides the households of a community anew. Everybody is in exactly one group of their grid, and no group has more
/// than [`SIZE_MAX`].
#[must_use]
pub fn propose(community: &Community) -> Proposal {
    let grid_of: BTreeMap<GroupId, GridId> =
        community.groups.iter().map(|group| (group.id, group.grid)).collect();
    let mut by_grid: BTreeMap<GridId, Vec<&Household>> = BTreeMap::new();
    for household in &community.households {
        if let Some(&grid) = grid_of.get(&household.group) {
            by_grid.entry(grid).or_default().push(household);
        }
    }
    let circles = circles(community);
    let mut proposal = Proposal::default();
    for (grid, households) in by_grid {
        let row = row_of(households, &circles);
        for households in cut(&row) {
            let warnings = warnings(&households, &circles);
            let ids = households.iter().map(|household| household.id).collect();
            let stairs: BTreeSet<_> = households.iter().map(|one| staircase_of(one)).collect();
            proposal.groups.push(Proposed {
                group: None,
                grid,
                households: ids,
                staircases: stairs.len(),
                acquainted: acquainted(&households, &circles),
                warnings,
            });
        }
    }
    name_after_today(&mut proposal, community);
    proposal
}

/// The circle of acquaintances that each household belongs to, named by its least id; who is alone is in none.
/// Acquainted is who has a number of the other, over however many between them.
fn circles(community: &Community) -> BTreeMap<HouseholdId, HouseholdId> {
    let mut first_with: BTreeMap<&str, HouseholdId> = BTreeMap::new();
    let mut above: BTreeMap<HouseholdId, HouseholdId> = BTreeMap::new();
    for household in &community.households {
        for number in numbers_of(household) {
            let first = *first_with.entry(number).or_insert(household.id);
            let (one, other) = (root(&above, first), root(&above, household.id));
            if one != other {
                above.insert(one.max(other), one.min(other));
            }
        }
    }
    let mut circles = BTreeMap::new();
    for &id in above.keys() {
        let root = root(&above, id);
        circles.insert(id, root);
        circles.insert(root, root);
    }
    circles
}

fn root(above: &BTreeMap<HouseholdId, HouseholdId>, mut id: HouseholdId) -> HouseholdId {
    // Each step leads to a lesser id, so it ends.
    while let Some(&next) = above.get(&id) {
        id = next;
    }
    id
}

/// Households that stay together.
type Block<'a> = Vec<&'a Household>;

/// The households as one walks past their doors. Acquaintances are one block; a circle too large for a group is none.
fn row_of<'a>(
    mut households: Vec<&'a Household>,
    circles: &BTreeMap<HouseholdId, HouseholdId>,
) -> Vec<Block<'a>> {
    households.sort_by_cached_key(|household| (walk(household), household.id));
    let mut sizes: BTreeMap<HouseholdId, usize> = BTreeMap::new();
    for household in &households {
        if let Some(circle) = circles.get(&household.id) {
            *sizes.entry(*circle).or_default() += 1;
        }
    }
    let mut row: Vec<Block<'a>> = Vec::new();
    let mut places: BTreeMap<HouseholdId, usize> = BTreeMap::new();
    for household in households {
        let circle = circles.get(&household.id);
        let circle =
            circle.filter(|circle| sizes.get(circle).is_some_and(|&size| size <= SIZE_MAX));
        let place = circle.and_then(|circle| places.get(circle)).copied();
        if let Some(block) = place.and_then(|place| row.get_mut(place)) {
            block.push(household);
            continue;
        }
        if let Some(&circle) = circle {
            places.insert(circle, row.len());
        }
        row.push(vec![household]);
    }
    row
}

/// Where one comes past a door: numbers are compared as numbers, so that 10 comes after 9.
type Walk = [Vec<(u64, String)>; 5];

fn walk(household: &Household) -> Walk {
    let address = &household.address;
    [&address.place, &address.building, &address.unit, &address.floor, &address.door]
        .map(|part| natural(part))
}

/// A text as runs of digits and of other characters: by it, 10 comes after 9.
#[must_use]
pub fn natural(text: &str) -> Vec<(u64, String)> {
    let mut runs: Vec<(u64, String)> = Vec::new();
    let mut is_number = false;
    for character in text.chars() {
        let digit = character.to_digit(10);
        match (digit, runs.last_mut()) {
            (Some(digit), Some((number, _))) if is_number => {
                *number = number.saturating_mul(10).saturating_add(digit.into());
            }
            (Some(digit), _) => runs.push((digit.into(), String::new())),
            (None, Some((_, run))) if !is_number => run.push(character),
            // Texts come behind all numbers.
            (None, _) => runs.push((u64::MAX, character.to_string())),
        }
        is_number = digit.is_some();
    }
    runs
}

/// Cuts a row where the groups come out most alike and least scattered.
fn cut<'a>(row: &[Block<'a>]) -> Vec<Vec<&'a Household>> {
    // best[end]: the least cost of the first `end` blocks, and where their last group begins.
    let mut best: Vec<(usize, usize)> = vec![(0, 0)];
    for end in 1..=row.len() {
        let mut least = (usize::MAX, end - 1);
        let (mut size, mut stairs) = (0_usize, BTreeSet::new());
        let mut buildings = BTreeSet::new();
        for begin in (0..end).rev() {
            let Some(block) = row.get(begin) else { break };
            size += block.len();
            if SIZE_MAX < size {
                break;
            }
            stairs.extend(block.iter().map(|household| staircase_of(household)));
            buildings.extend(block.iter().map(|household| building_of(household)));
            let scattered = BUILDING_COST * (buildings.len() - 1) + UNIT_COST * (stairs.len() - 1);
            let before = best.get(begin).map_or(usize::MAX, |best| best.0);
            let cost = before.saturating_add(size.abs_diff(SIZE).pow(2) + scattered);
            if cost < least.0 {
                least = (cost, begin);
            }
        }
        best.push(least);
    }
    let mut groups = Vec::new();
    let mut end = row.len();
    while 0 < end {
        let begin = best.get(end).map_or(0, |best| best.1);
        let blocks = row.get(begin..end).unwrap_or_default();
        let mut group: Vec<&Household> = blocks.iter().flatten().copied().collect();
        group.sort_by_cached_key(|household| (walk(household), household.id));
        groups.push(group);
        end = begin;
    }
    groups.reverse();
    groups
}

fn staircase_of(household: &Household) -> ((&str, &str), &str) {
    (building_of(household), &household.address.unit)
}

/// How many know another of the group.
fn acquainted(households: &[&Household], circles: &BTreeMap<HouseholdId, HouseholdId>) -> usize {
    let mut sizes: BTreeMap<HouseholdId, usize> = BTreeMap::new();
    for circle in households.iter().filter_map(|household| circles.get(&household.id)) {
        *sizes.entry(*circle).or_default() += 1;
    }
    sizes.into_values().filter(|size| 1 < *size).sum()
}

fn warnings(
    households: &[&Household],
    circles: &BTreeMap<HouseholdId, HouseholdId>,
) -> BTreeSet<Warning> {
    let mut warnings = BTreeSet::new();
    if households.len() < SIZE_MIN {
        warnings.insert(Warning::Small);
    }
    let buildings: BTreeSet<_> =
        households.iter().map(|household| building_of(household)).collect();
    if 1 < buildings.len() {
        warnings.insert(Warning::Scattered);
    }
    if households.iter().any(|household| !is_reachable(household)) {
        warnings.insert(Warning::Unreachable);
    }
    let here: BTreeSet<HouseholdId> = households.iter().map(|household| household.id).collect();
    let circles_here: BTreeSet<_> = here.iter().filter_map(|id| circles.get(id)).collect();
    let elsewhere =
        circles.iter().any(|(id, circle)| circles_here.contains(circle) && !here.contains(id));
    if elsewhere {
        warnings.insert(Warning::Separated);
    }
    warnings
}

/// Gives each group the name of the one that most of its households are in, the largest shares first, so that few
/// people have to learn a new one.
fn name_after_today(proposal: &mut Proposal, community: &Community) {
    let today = |id: &HouseholdId| community.household(*id).map(|household| household.group);
    let mut shares: Vec<(usize, GroupId, usize)> = Vec::new();
    for (index, proposed) in proposal.groups.iter().enumerate() {
        let mut counts: BTreeMap<GroupId, usize> = BTreeMap::new();
        for group in proposed.households.iter().filter_map(today) {
            *counts.entry(group).or_default() += 1;
        }
        shares.extend(counts.into_iter().map(|(group, count)| (count, group, index)));
    }
    shares.sort_by_key(|&(count, group, index)| (std::cmp::Reverse(count), group, index));
    let mut taken = BTreeSet::new();
    for (_, group, index) in shares {
        let Some(proposed) = proposal.groups.get_mut(index) else { continue };
        if proposed.group.is_none() && taken.insert(group) {
            proposed.group = Some(group);
        }
    }
    let stays = |proposed: &Proposed| {
        let stays = proposed.households.iter().filter(|id| today(id) == proposed.group);
        stays.count()
    };
    let all: usize = proposal.groups.iter().map(|proposed| proposed.households.len()).sum();
    proposal.moved = all - proposal.groups.iter().map(stays).sum::<usize>();
    let empty = |group: &&crate::directory::Group| !taken.contains(&group.id);
    proposal.emptied = community.groups.iter().filter(empty).map(|group| group.id).collect();
}
