//! Finds lines by account, by number and by id; shared between versions of the directory except where lines changed.

use super::{Community, Household, Line};
use crate::id::{CommunityId, HouseholdId, LineId};
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Where a line stands in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineRef {
    /// The community of the line.
    pub community: CommunityId,
    /// The household of the line.
    pub household: HouseholdId,
    /// The line.
    pub line: LineId,
}

/// An edit copies the shards that it touches: 1/1024 of the index for one line, and the table of shards, 8 KiB.
const SHARDS: usize = 1024;

/// Lines of one key; more than one only where the directory has a double entry.
type Places = Vec<LineRef>;

/// A part of the index: whatever hashes to it.
#[derive(Clone, Debug, Default)]
struct Shard {
    by_account: HashMap<Arc<str>, Places>,
    by_number: HashMap<Arc<str>, Places>,
}

/// What a line is found by.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Account,
    Number,
}

/// The lines of a community by id, with their households: 8 bytes a line.
#[derive(Clone, Debug)]
struct Ids {
    /// Tells most communities apart without a look at their lines.
    ends: (LineId, LineId),
    lines: Arc<[(LineId, HouseholdId)]>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct LineIndex {
    shards: Vec<Arc<Shard>>,
    by_id: BTreeMap<CommunityId, Ids>,
    lines: usize,
}

impl LineIndex {
    pub(super) fn len(&self) -> usize {
        self.lines
    }

    pub(super) fn by_account(&self, account: &str) -> Option<LineRef> {
        self.find(Kind::Account, account)
    }

    pub(super) fn by_number(&self, key: &str) -> Option<LineRef> {
        self.find(Kind::Number, key)
    }

    pub(super) fn by_id(&self, line: LineId) -> Option<LineRef> {
        let may_have = |ids: &Ids| ids.ends.0 <= line && line <= ids.ends.1;
        self.by_id.iter().filter(|(_, ids)| may_have(ids)).find_map(|(community, ids)| {
            let at = ids.lines.binary_search_by_key(&line, |(id, _)| *id).ok()?;
            let (_, household) = *ids.lines.get(at)?;
            Some(LineRef { community: *community, household, line })
        })
    }

    /// Lines after this one, by id, of the communities that are meant.
    pub(super) fn after(
        &self,
        line: LineId,
        is_meant: impl Fn(CommunityId) -> bool,
    ) -> impl Iterator<Item = LineRef> {
        let meant = self.by_id.iter().filter(|(community, _)| is_meant(**community));
        // What is left of each community, under its first line.
        let left = meant.filter_map(|(community, Ids { lines, .. })| {
            let rest = lines.get(lines.partition_point(|(id, _)| *id <= line)..)?;
            Some((rest.first()?.0, (*community, rest)))
        });
        let mut left: BTreeMap<_, _> = left.collect();
        std::iter::from_fn(move || {
            let (line, (community, rest)) = left.pop_first()?;
            let ((_, household), rest) = rest.split_first()?;
            if let Some((next, _)) = rest.first() {
                left.insert(*next, (community, rest));
            }
            Some(LineRef { community, household: *household, line })
        })
    }

    fn find(&self, kind: Kind, text: &str) -> Option<LineRef> {
        let places = self.shards.get(shard_of(text))?.of(kind).get(text)?;
        places.iter().min_by_key(|place| place.line).copied()
    }

    /// Takes the lines of `old` out and those of `new` in; touches only what differs.
    pub(super) fn replace(&mut self, old: Option<&Community>, new: Option<&Community>) {
        if self.shards.is_empty() {
            self.shards = vec![Arc::default(); SHARDS];
        }
        let before = old.map(lines_of).unwrap_or_default();
        let after = new.map(lines_of).unwrap_or_default();
        if let Some(old) = old {
            self.by_id.remove(&old.id);
        }
        if let Some(new) = new {
            let mut ids: Vec<_> = after.keys().map(|place| (place.line, place.household)).collect();
            ids.sort_unstable();
            if let (Some((first, _)), Some((last, _))) = (ids.first(), ids.last()) {
                let ends = (*first, *last);
                self.by_id.insert(new.id, Ids { ends, lines: ids.into() });
            }
        }
        for (place, line) in &before {
            if after.get(place).is_none_or(|kept| !has_same_keys(kept, line)) {
                self.lines -= 1;
                self.remove(Kind::Account, &line.account, *place);
                self.remove(Kind::Number, line.number.key(), *place);
            }
        }
        for (place, line) in &after {
            if before.get(place).is_none_or(|known| !has_same_keys(known, line)) {
                self.lines += 1;
                self.insert(Kind::Account, Arc::clone(&line.account), *place);
                self.insert(Kind::Number, line.number.key().into(), *place);
            }
        }
    }

    fn insert(&mut self, kind: Kind, text: Arc<str>, place: LineRef) {
        let Some(shard) = self.shards.get_mut(shard_of(&text)) else { return };
        Arc::make_mut(shard).of_mut(kind).entry(text).or_default().push(place);
    }

    fn remove(&mut self, kind: Kind, text: &str, place: LineRef) {
        let Some(shard) = self.shards.get_mut(shard_of(text)) else { return };
        let map = Arc::make_mut(shard).of_mut(kind);
        if let Some(places) = map.get_mut(text) {
            places.retain(|known| *known != place);
            if places.is_empty() {
                map.remove(text);
            }
        }
    }
}

impl Shard {
    fn of(&self, kind: Kind) -> &HashMap<Arc<str>, Places> {
        match kind {
            Kind::Account => &self.by_account,
            Kind::Number => &self.by_number,
        }
    }

    fn of_mut(&mut self, kind: Kind) -> &mut HashMap<Arc<str>, Places> {
        match kind {
            Kind::Account => &mut self.by_account,
            Kind::Number => &mut self.by_number,
        }
    }
}

fn lines_of(community: &Community) -> BTreeMap<LineRef, &Line> {
    let of_household = |household: &Arc<Household>| {
        let id = household.id;
        move |line: &Line| LineRef { community: community.id, household: id, line: line.id }
    };
    let lines = community.households.iter().flat_map(|household| {
        let place = of_household(household);
        household.lines.iter().map(move |line| (place(line), line))
    });
    lines.collect()
}

fn has_same_keys(one: &Line, other: &Line) -> bool {
    one.account == other.account && one.number == other.number
}

fn shard_of(text: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    usize::try_from(hasher.finish() % SHARDS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{Directory, Language};
    use crate::id::{GroupId, StreetId};
    use crate::phone::PhoneNumber;
    use crate::roster::Roster;

    /// A community with a household for each line.
    fn community(id: u32, lines: &[u32]) -> Community {
        let household = |line: &u32| Household {
            id: HouseholdId(line + 1000),
            group: GroupId(1),
            name: "".into(),
            address: crate::directory::Address::default(),
            pronunciation: None,
            position: 0,
            language: Language::Chinese,
            lines: vec![Line {
                id: LineId(*line),
                number: PhoneNumber::from_parts(&line.to_string(), ""),
                account: line.to_string().into(),
                line_use: crate::directory::LineUse::Code,
                is_silent: false,
                secrets: Vec::new(),
            }],
            contacts: Vec::new(),
            pins: crate::directory::Pins::default(),
        };
        Community {
            id: CommunityId(id),
            street: StreetId(1),
            name: "".into(),
            area_code: "0592".into(),
            language: Language::Chinese,
            time_zone: "Asia/Shanghai".into(),
            alarm_codes: Vec::new(),
            silent_codes: Vec::new(),
            arrival_code: "".into(),
            has_hand_over_calls: false,
            access_numbers: Vec::new(),
            grids: Vec::new(),
            groups: Vec::new(),
            households: lines.iter().map(|line| Arc::new(household(line))).collect(),
            workers: Vec::new(),
            roster: Arc::new(Roster::default()),
            responders: Vec::new(),
            policies: Vec::new(),
        }
    }

    #[test]
    fn a_line_is_found_by_its_id_in_every_version() {
        let towns = vec![community(1, &[1, 4, 9]), community(2, &[2, 5]), community(3, &[])];
        let old = Directory::new(1, Vec::new(), towns);
        let place = |directory: &Directory, line| {
            directory.line_by_id(LineId(line)).map(|place| (place.community.0, place.household.0))
        };
        let all = |directory: &Directory, after, only: Option<u32>| -> Vec<u32> {
            let is_meant = |town: &Community| only.is_none_or(|id| id == town.id.0);
            directory.lines_after(LineId(after), is_meant).map(|place| place.line.0).collect()
        };
        assert_eq!(
            [1, 4, 9].map(|line| place(&old, line)),
            [1001, 1004, 1009].map(|at| Some((1, at)))
        );
        assert_eq!((place(&old, 5), place(&old, 3)), (Some((2, 1005)), None));
        assert_eq!(all(&old, 0, None), [1, 2, 4, 5, 9]);
        assert_eq!((all(&old, 4, None), all(&old, 1, Some(2))), (vec![5, 9], vec![2, 5]));
        let edited = old.with_community(2, Arc::new(community(1, &[4, 7])));
        assert_eq!((place(&edited, 9), place(&edited, 7)), (None, Some((1, 1007))));
        let without = edited.without_community(3, CommunityId(2));
        assert_eq!((all(&without, 0, None), place(&without, 5)), (vec![4, 7], None));
        assert_eq!(all(&old, 0, None), [1, 2, 4, 5, 9], "the version before stays what it was");
    }
}
