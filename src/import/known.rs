//! What is known of the rows above the table that is being compared, and where each row belongs.

use super::file::{Cells, Place};
use super::problem::Reason;
use super::table::Noun;
use crate::store::reach::{self, Reach};
use lianfang_domain::id::{CommunityId, GridId, StreetId};
use lianfang_domain::phone::Home;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The place of `household_id` among the fields of a responder.
const HOUSEHOLD_OF_HELPER: usize = 4;
/// The place of `grid_id` among the fields of a post and of a responder.
const GRID_OF_POST: usize = 1;
const GRID_OF_RESPONDER: usize = 3;

/// What whoever imports or exports reaches, and where that is: rows elsewhere are neither told nor changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within {
    pub(super) reach: Reach,
    /// The place of it; everywhere only for those who reach everything.
    pub(super) own: reach::Place,
}

impl Within {
    /// All there is.
    pub const EVERYTHING: Self = Self {
        reach: Reach::Everything,
        own: reach::Place { street: None, community: None, grid: None },
    };

    /// What somebody reaches from that place; none when what they reach is gone, for then they reach nothing.
    #[must_use]
    pub fn of(reach: Reach, own: reach::Place) -> Option<Self> {
        let is_gone = reach != Reach::Everything && own == reach::Place::default();
        (!is_gone).then_some(Self { reach, own })
    }

    pub(super) fn shows(&self, place: reach::Place) -> bool {
        self.reach.shows(place, self.own)
    }

    pub(super) fn covers(&self, place: reach::Place) -> bool {
        self.reach.covers(place)
    }
}

/// What is known of the rows above the table that is being compared.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Per noun: parent, name → id.
    ids: BTreeMap<Noun, HashMap<u32, HashMap<Box<str>, u32>>>,
    /// Rows that are removed, with all below them.
    removed: BTreeMap<Noun, BTreeSet<u32>>,
    /// Where each row belongs, per noun; those that are removed as well.
    places: BTreeMap<Noun, HashMap<u32, reach::Place>>,
    area_codes: BTreeMap<u32, Arc<str>>,
}

impl Known {
    /// The parent of a row with this path, or which part of the path is unknown.
    pub(super) fn resolve(&self, path: &[&str]) -> Result<u32, usize> {
        let mut id = 0;
        for (depth, (noun, name)) in Noun::ALL.iter().zip(path).enumerate() {
            let found = self.ids.get(noun).and_then(|ids| ids.get(&id)?.get(*name));
            id = *found.ok_or(depth)?;
        }
        Ok(id)
    }

    /// Where a row belongs that hangs below this one.
    pub(super) fn place_below(&self, noun: Noun, above: u32) -> reach::Place {
        let place = noun.parent().and_then(|parent| self.places.get(&parent)?.get(&above));
        place.copied().unwrap_or_default()
    }

    /// Where a row belongs.
    pub(super) fn place_of(&self, noun: Noun, (above, id): (u32, u32)) -> reach::Place {
        let place = self.place_below(noun, above);
        match noun {
            Noun::Street => reach::Place { street: Some(StreetId(id)), ..place },
            Noun::Community => reach::Place { community: Some(CommunityId(id)), ..place },
            Noun::Grid => reach::Place { grid: Some(GridId(id)), ..place },
            Noun::Group
            | Noun::Household
            | Noun::Line
            | Noun::Contact
            | Noun::Worker
            | Noun::Post
            | Noun::Responder => place,
        }
    }

    /// Where a household belongs.
    pub(super) fn place_of_household(&self, id: u32) -> reach::Place {
        self.place_below(Noun::Line, id)
    }

    /// The community of a line.
    pub(super) fn community_of_line(&self, id: u32) -> Option<CommunityId> {
        self.places.get(&Noun::Line)?.get(&id)?.community
    }

    /// The row at the end of more names below the path of the row, which stand in these columns; `None` where all of
    /// them are empty. What is not there is reported.
    fn named(&self, columns: &[&'static str], cells: &mut Cells<'_>) -> Option<u32> {
        let names: Vec<&str> = columns.iter().map(|column| cells.get(column)).collect();
        if names.iter().all(|name| name.is_empty()) {
            return None;
        }
        let community = cells.path();
        let path: Vec<&str> = community.iter().copied().chain(names).collect();
        match self.resolve(&path) {
            Ok(id) => Some(id),
            Err(depth) => {
                let column = depth.checked_sub(community.len()).and_then(|at| columns.get(at));
                if let Some(column) = column {
                    cells.fail(column, Reason::Unknown);
                }
                None
            }
        }
    }

    /// What a row names beside its path.
    pub(super) fn place(&self, noun: Noun, cells: &mut Cells<'_>) -> Place {
        let helps = ["helps_grid", "helps_group", "helps_household"];
        match noun {
            Noun::Post => Place { grid: self.named(&["grid"], cells), household: None },
            Noun::Responder => {
                Place { grid: self.named(&["grid"], cells), household: self.named(&helps, cells) }
            }
            Noun::Street
            | Noun::Community
            | Noun::Grid
            | Noun::Group
            | Noun::Household
            | Noun::Line
            | Noun::Contact
            | Noun::Worker => Place::default(),
        }
    }

    /// The worker of this name in a community.
    pub(super) fn worker(&self, community: u32, name: &str) -> Option<u32> {
        self.ids.get(&Noun::Worker)?.get(&community)?.get(name).copied()
    }

    pub(super) fn home(&self, community: Option<CommunityId>) -> Home {
        let community = community.unwrap_or(CommunityId(0));
        let area_code = self.area_codes.get(&community.0).cloned();
        Home { area_code: area_code.unwrap_or_else(|| "".into()), community }
    }

    /// A row that will be there.
    pub(super) fn note(&mut self, noun: Noun, row: (u32, &str, u32), fields: &[Value]) {
        let (parent, key, id) = row;
        self.ids.entry(noun).or_default().entry(parent).or_default().insert(key.into(), id);
        let place = self.place_of(noun, (parent, id));
        self.places.entry(noun).or_default().insert(id, place);
        if let (Noun::Community, Some(Value::String(area_code))) = (noun, fields.first()) {
            self.area_codes.insert(id, area_code.as_str().into());
        }
    }

    /// A row that will be gone, with all below it.
    pub(super) fn note_removed(&mut self, noun: Noun, (parent, id): (u32, u32)) {
        let place = self.place_of(noun, (parent, id));
        self.places.entry(noun).or_default().insert(id, place);
        self.removed.entry(noun).or_default().insert(id);
    }

    /// Whether a row hangs below one that is removed, or helps a household that is.
    pub(super) fn is_orphan(&self, noun: Noun, above: u32, fields: &[Value]) -> bool {
        let is_helper_of = |id| self.is_removed(Noun::Household, id);
        noun.parent().is_some_and(|parent| self.is_removed(parent, above))
            || noun == Noun::Responder
                && id_at(fields, HOUSEHOLD_OF_HELPER).is_some_and(is_helper_of)
    }

    /// Whether a row is for a grid that is removed. Without it the row would be for all grids.
    pub(super) fn is_for_a_removed_grid(&self, noun: Noun, fields: &[Value]) -> bool {
        let at = match noun {
            Noun::Post => GRID_OF_POST,
            Noun::Responder => GRID_OF_RESPONDER,
            Noun::Street
            | Noun::Community
            | Noun::Grid
            | Noun::Group
            | Noun::Household
            | Noun::Line
            | Noun::Contact
            | Noun::Worker => return false,
        };
        id_at(fields, at).is_some_and(|id| self.is_removed(Noun::Grid, id))
    }

    fn is_removed(&self, noun: Noun, id: u32) -> bool {
        self.removed.get(&noun).is_some_and(|removed| removed.contains(&id))
    }
}

fn id_at(fields: &[Value], at: usize) -> Option<u32> {
    fields.get(at).and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok())
}
