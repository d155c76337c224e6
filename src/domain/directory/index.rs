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
type Shard = HashMap<Key, Places>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Account(Arc<str>),
    Number(Arc<str>),
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
        self.find(&Key::Account(account.into()))
    }

    pub(super) fn by_number(&self, key: &str) -> Option<LineRef> {
        self.find(&Key::Number(key.into()))
    }

    fn find(&self, key: &Key) -> Option<LineRef> {
        self.shards.get(shard_of(key))?.get(key)?.iter().min_by_key(|place| place.line).copied()
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
                keys_of(line).into_iter().for_each(|key| self.remove(&key, *place));
            }
        }
        for (place, line) in &after {
            if before.get(place).is_none_or(|known| !has_same_keys(known, line)) {
                self.lines += 1;
                keys_of(line).into_iter().for_each(|key| self.insert(key, *place));
            }
        }
    }

    fn insert(&mut self, key: Key, place: LineRef) {
        let shard = shard_of(&key);
        Arc::make_mut(&mut self.shards[shard]).entry(key).or_default().push(place);
    }

    fn remove(&mut self, key: &Key, place: LineRef) {
        let shard = Arc::make_mut(&mut self.shards[shard_of(key)]);
        if let Some(places) = shard.get_mut(key) {
            places.retain(|known| *known != place);
            if places.is_empty() {
                shard.remove(key);
            }
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

fn keys_of(line: &Line) -> [Key; 2] {
    [Key::Account(Arc::clone(&line.account)), Key::Number(line.number.key().into())]
}

fn shard_of(key: &Key) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    (hasher.finish() % SHARDS as u64) as usize
}
