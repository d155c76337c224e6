//! Finds lines by account and by number; shared between versions of the directory except where lines changed.

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

#[derive(Clone, Debug, Default)]
pub(super) struct LineIndex {
    shards: Vec<Arc<Shard>>,
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
