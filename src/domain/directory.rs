//! The directory as an immutable snapshot: street > community > grid > group > household > lines and contacts.
//!
//! A key press never waits for SQL: it is answered from here. Everything below a community hangs in one `Arc`, so an
//! edit copies one community and, in the line index, only the shards whose lines changed.
//! Must not hold a lock, read a clock or know a database. The store builds it (`store/snapshot`).

mod index;
mod language;

pub use index::LineRef;
pub use language::{Dialect, Language, Written};

use crate::id::{
    CommunityId, ContactId, GridId, GroupId, HouseholdId, LineId, ResponderId, StreetId, WorkerId,
};
use crate::phone::PhoneNumber;
use crate::policy::StoredPolicy;
use crate::roster::Roster;
use index::LineIndex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A street (街道).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Street {
    /// Its id.
    pub id: StreetId,
    /// Its name.
    pub name: Arc<str>,
}

/// A community (社区) with everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Community {
    /// Its id.
    pub id: CommunityId,
    /// The street that it belongs to.
    pub street: StreetId,
    /// Its name, as it is read to people.
    pub name: Arc<str>,
    /// Home area code with its leading zero, such as `0592`.
    pub area_code: Arc<str>,
    /// The language of those who have none of their own.
    pub language: Language,
    /// IANA time zone, such as `Asia/Shanghai`.
    pub time_zone: Arc<str>,
    /// Codes that raise an alarm when dialled or keyed, such as `#9` and `*9`.
    pub alarm_codes: Vec<Arc<str>>,
    /// Codes that raise an alarm of which the line hears nothing, such as `#9*`.
    pub silent_codes: Vec<Arc<str>>,
    /// What somebody at the door dials or keys on the resident's own telephone, such as `#97`; empty where there is none.
    pub arrival_code: Arc<str>,
    /// New holders of a post are called at a change of shift, and old ones stay until they took over.
    pub has_hand_over_calls: bool,
    /// Numbers that a line calls to key the code, such as `9000`.
    pub access_numbers: Vec<Arc<str>>,
    /// Grids, sorted by id.
    pub grids: Vec<Grid>,
    /// Groups, sorted by id.
    pub groups: Vec<Group>,
    /// Households, sorted by id.
    pub households: Vec<Arc<Household>>,
    /// Community workers, sorted by id.
    pub workers: Vec<Worker>,
    /// Who is on duty when; empty where [`Worker::is_on_duty`] says it.
    pub roster: Arc<Roster>,
    /// People and desks outside the groups who may be called, sorted by id.
    pub responders: Vec<Responder>,
    /// Its policies, the newest version of each, sorted by id; empty where the built-in one holds.
    pub policies: Vec<StoredPolicy>,
}

/// A grid (网格).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Its id.
    pub id: GridId,
    /// Its name.
    pub name: Arc<str>,
}

/// A group (联防组).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The grid that it belongs to.
    pub grid: GridId,
    /// Its name.
    pub name: Arc<str>,
    /// Households wanted to be coming before the others are told to stay, at least 1.
    pub acknowledgements_wanted: u8,
    /// Its households, by position and then id.
    pub households: Vec<HouseholdId>,
}

/// A household (联防户).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Household {
    /// Its id.
    pub id: HouseholdId,
    /// The group that protects it.
    pub group: GroupId,
    /// How neighbours call it, such as `陈阿姨`.
    pub name: Arc<str>,
    /// Where the door is.
    pub address: Address,
    /// How name and address are spoken when the plain text would be read wrongly; pinyin with tone numbers or plain words.
    pub pronunciation: Option<Arc<str>>,
    /// Place among the doors of the group: the nearest neighbours are those with the nearest position.
    pub position: u16,
    /// The language of the household.
    pub language: Language,
    /// Its landlines, sorted by id.
    pub lines: Vec<Line>,
    /// Its people, in the order in which they are called.
    pub contacts: Vec<Contact>,
    /// What its people key to withdraw an alarm.
    pub pins: Pins,
}

/// Verifiers of a household's PINs: keyed hashes that the shell makes and compares, never the digits.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Pins {
    /// Withdraws an alarm. Without it nothing is withdrawn by telephone.
    pub cancel: Option<Arc<str>>,
    /// Pretends to: sounds like a cancel, and marks the alarm.
    pub duress: Option<Arc<str>>,
}

impl std::fmt::Debug for Pins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pins({}, {})", self.cancel.is_some(), self.duress.is_some())
    }
}

/// Somebody outside the group who may be called when a policy says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responder {
    /// Their id.
    pub id: ResponderId,
    /// What they are to the community.
    pub kind: ResponderKind,
    /// Their name, or that of the team or desk.
    pub name: Arc<str>,
    /// The language that they are spoken to in.
    pub language: Language,
    /// What they can do, such as `first_aid`, `locksmith`, `keyholder`.
    pub skills: Vec<Arc<str>>,
    /// The household whose personal helper they are; `None` for all others.
    pub household: Option<HouseholdId>,
    /// The grid that they are for; `None` for the whole community.
    pub grid: Option<GridId>,
    /// The building that they are for, as it stands in addresses; `None` for all.
    pub building: Option<Arc<str>>,
    /// Their numbers, in the order in which they are called.
    pub numbers: Vec<ContactNumber>,
}

/// What a responder is to the community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponderKind {
    /// A personal helper of one household (一助一): called before or with the group.
    Helper,
    /// The head of a building (楼长).
    BuildingHead,
    /// A patrol (巡逻队).
    Patrol,
    /// A volunteer, chosen by skill.
    Volunteer,
    /// The desk of the street (街道值班).
    Street,
    /// A hotline that is staffed round the clock.
    Hotline,
    /// A loudspeaker with auto-answer: says the alarm aloud and may carry the talk, answers nothing.
    Loudspeaker,
}

/// Where a door is. Empty parts are left out when it is read or written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Estate or road, such as `文园社区`; empty where the community's name says it.
    pub place: Arc<str>,
    /// Building, such as `3` or `A座`.
    pub building: Arc<str>,
    /// Unit (staircase), such as `2`.
    pub unit: Arc<str>,
    /// Floor, such as `5`.
    pub floor: Arc<str>,
    /// Door, such as `502`.
    pub door: Arc<str>,
}

/// What makes a line raise an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum LineUse {
    /// Dials or keys an alarm code.
    Code,
    /// Going off-hook is the alarm, after a grace in which 0 or hanging up cancels.
    Hotline {
        /// The grace, in seconds; 0 is allowed.
        grace_s: u8,
    },
}

/// A landline (线路).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its id.
    pub id: LineId,
    /// Its number.
    pub number: PhoneNumber,
    /// The SIP account under which it registers: the user part of its address-of-record.
    pub account: Arc<str>,
    /// What makes it raise an alarm.
    pub line_use: LineUse,
    /// Nothing is said to the caller: the line may stand where an intruder listens.
    pub is_silent: bool,
    /// Its digest secrets, one per algorithm; empty until `lianfang line secret` made one.
    pub secrets: Vec<LineSecret>,
}

/// A digest algorithm (RFC 8760).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DigestAlgorithm {
    /// RFC 2617; what old telephone adapters know.
    #[serde(rename = "MD5")]
    Md5,
    /// RFC 8760.
    #[serde(rename = "SHA-256")]
    Sha256,
}

/// HA1 of a line: the hash of `account:realm:password` in lower-case hexadecimal. The password itself is never kept.
#[derive(Clone, PartialEq, Eq)]
pub struct LineSecret {
    /// The algorithm of the hash.
    pub algorithm: DigestAlgorithm,
    /// The realm in the hash.
    pub realm: Arc<str>,
    /// The hash, in lower-case hexadecimal.
    pub ha1: Arc<str>,
}

impl std::fmt::Debug for LineSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LineSecret({:?}, {}, ***)", self.algorithm, self.realm)
    }
}

/// A person of a household (联系人).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Their id.
    pub id: ContactId,
    /// How neighbours call them.
    pub name: Arc<str>,
    /// The language that they are spoken to in.
    pub language: Language,
    /// Their numbers, in the order in which they are called.
    pub numbers: Vec<ContactNumber>,
}

/// A number of a person and what it can be used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactNumber {
    /// The number.
    pub number: PhoneNumber,
    /// It may be called.
    pub has_voice: bool,
    /// It may be sent SMS.
    pub has_sms: bool,
}

/// A community worker (社区工作者).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Their id.
    pub id: WorkerId,
    /// Their name.
    pub name: Arc<str>,
    /// The language that they are spoken to in.
    pub language: Language,
    /// On duty now, where the community has no roster.
    pub is_on_duty: bool,
    /// Their numbers, in the order in which they are called.
    pub numbers: Vec<ContactNumber>,
}

/// The whole directory at one version.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// Counts the edits; the same in the database.
    pub version: u64,
    streets: Arc<BTreeMap<StreetId, Street>>,
    communities: BTreeMap<CommunityId, Arc<Community>>,
    lines: LineIndex,
}

impl Directory {
    /// Builds the directory from all of its parts. Of two lines with one account or number the one with the lower id is found.
    #[must_use]
    pub fn new(version: u64, streets: Vec<Street>, communities: Vec<Community>) -> Self {
        let mut directory = Self { version, ..Self::default() };
        directory.streets =
            Arc::new(streets.into_iter().map(|street| (street.id, street)).collect());
        for community in communities {
            directory.put_community(Arc::new(community));
        }
        directory
    }

    /// The same directory with one community added or replaced. Copies nothing of the others.
    #[must_use]
    pub fn with_community(&self, version: u64, community: Arc<Community>) -> Self {
        let mut next = self.clone();
        next.version = version;
        next.put_community(community);
        next
    }

    /// The same directory without a community.
    #[must_use]
    pub fn without_community(&self, version: u64, id: CommunityId) -> Self {
        let mut next = self.clone();
        next.version = version;
        if let Some(old) = next.communities.remove(&id) {
            next.lines.replace(Some(&old), None);
        }
        next
    }

    /// The same directory with other streets.
    #[must_use]
    pub fn with_streets(&self, version: u64, streets: Vec<Street>) -> Self {
        let mut next = self.clone();
        next.version = version;
        next.streets = Arc::new(streets.into_iter().map(|street| (street.id, street)).collect());
        next
    }

    /// The same directory after many edits at once. Copies each part of the index once, however many communities changed.
    #[must_use]
    pub fn with_changes(
        &self,
        version: u64,
        changed: Vec<Arc<Community>>,
        removed: &[CommunityId],
    ) -> Self {
        let mut next = self.clone();
        next.version = version;
        for id in removed {
            if let Some(old) = next.communities.remove(id) {
                next.lines.replace(Some(&old), None);
            }
        }
        for community in changed {
            next.put_community(community);
        }
        next
    }

    fn put_community(&mut self, community: Arc<Community>) {
        let old = self.communities.insert(community.id, Arc::clone(&community));
        self.lines.replace(old.as_deref(), Some(&community));
    }

    /// The street of this id.
    #[must_use]
    pub fn street(&self, id: StreetId) -> Option<&Street> {
        self.streets.get(&id)
    }

    /// Every street, by id.
    pub fn streets(&self) -> impl Iterator<Item = &Street> {
        self.streets.values()
    }

    /// The community of this id.
    #[must_use]
    pub fn community(&self, id: CommunityId) -> Option<&Arc<Community>> {
        self.communities.get(&id)
    }

    /// Every community, by id.
    pub fn communities(&self) -> impl Iterator<Item = &Arc<Community>> {
        self.communities.values()
    }

    /// Finds the line that registers under this account.
    #[must_use]
    pub fn line_by_account(&self, account: &str) -> Option<LineRef> {
        self.lines.by_account(account)
    }

    /// Finds the line with the number of this canonical key.
    #[must_use]
    pub fn line_by_number(&self, key: &str) -> Option<LineRef> {
        self.lines.by_number(key)
    }

    /// Finds a line by its id.
    #[must_use]
    pub fn line_by_id(&self, id: LineId) -> Option<LineRef> {
        self.lines.by_id(id)
    }

    /// Lines after this one, by id, of the communities that are meant. Looks at no more lines than are taken.
    pub fn lines_after(
        &self,
        after: LineId,
        is_meant: impl Fn(&Community) -> bool,
    ) -> impl Iterator<Item = LineRef> {
        self.lines.after(after, move |id| self.community(id).is_some_and(|found| is_meant(found)))
    }

    /// Finds a line of a household.
    #[must_use]
    pub fn line_of(&self, household: HouseholdId, line: LineId) -> Option<LineRef> {
        self.communities.values().find_map(|community| {
            let household = community.household(household)?;
            let line = household.lines.iter().find(|known| known.id == line)?;
            Some(LineRef { community: community.id, household: household.id, line: line.id })
        })
    }

    /// The line, its household and its community, if the reference still holds in this version.
    #[must_use]
    pub fn resolve(&self, line: LineRef) -> Option<(&Community, &Household, &Line)> {
        let community = self.communities.get(&line.community)?;
        let household = community.household(line.household)?;
        let line = household.lines.iter().find(|known| known.id == line.line)?;
        Some((community, household, line))
    }

    /// How many lines there are.
    #[must_use]
    pub fn lines_len(&self) -> usize {
        self.lines.len()
    }
}

impl Community {
    /// The household of this id.
    #[must_use]
    pub fn household(&self, id: HouseholdId) -> Option<&Arc<Household>> {
        // Ids of one community are mostly handed out in a row: a look at the right place saves a search over memory
        // that no cache holds.
        let first = self.households.first()?.id;
        let guess = usize::try_from(id.0.checked_sub(first.0)?).ok()?;
        if let Some(household) = self.households.get(guess).filter(|found| found.id == id) {
            return Some(household);
        }
        let index = self.households.binary_search_by_key(&id, |household| household.id).ok()?;
        self.households.get(index)
    }

    /// The worker of this id.
    #[must_use]
    pub fn worker(&self, id: WorkerId) -> Option<&Worker> {
        let index = self.workers.binary_search_by_key(&id, |worker| worker.id).ok()?;
        self.workers.get(index)
    }

    /// The grid of a household.
    #[must_use]
    pub fn grid_of(&self, household: &Household) -> Option<GridId> {
        self.group(household.group).map(|group| group.grid)
    }

    /// The group of this id.
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        let index = self.groups.binary_search_by_key(&id, |group| group.id).ok()?;
        self.groups.get(index)
    }
}
