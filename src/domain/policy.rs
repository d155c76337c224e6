//! Policies (升级规则): who is called for which kind of alarm, in which steps, and how often. Data, stored in versions.
//!
//! [`PolicyDocument`] is what is stored and what people write; [`find`] says which one holds for a door and a kind;
//! `plan::build` freezes it into the plan. Where a community has none, [`PolicyDocument::built_in`] holds. [`check`] is
//! asked before a document is saved: it refuses what could end in silence or reach nobody.
//!
//! Must not call anybody, and must not know a database or a clock.

mod built_in;
pub mod check;
pub(crate) mod duty;
mod pace;
pub use pace::{Pace, PaceField};

use crate::directory::{Community, ResponderKind};
use crate::id::{GridId, GroupId};
use crate::kind::AlarmKind;
use crate::plan::{PolicyVersion, StepWhen};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Steps of a policy, the first wave included: more than any chain of duty has.
pub const STEPS_MAX: usize = 16;
/// Targets of one step.
pub const TARGETS_MAX: usize = 16;
/// Longest wait before a step: no alarm is silent for more than ten minutes.
pub const WAIT_MAX_S: u16 = 600;
/// Longest lead of personal helpers before the group.
pub const HELPERS_LEAD_MAX_S: u16 = 60;
/// Most acknowledgements that can be wanted, and most who can be asked to go in together.
pub const WANTED_MAX: u8 = 20;
/// Characters of a name, a post's code and a skill.
pub const NAME_MAX: usize = 60;

/// A policy as it is stored and as people write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// How people call it, such as `火警`.
    pub name: Arc<str>,
    /// For which doors it holds.
    #[serde(default)]
    pub scope: PolicyScope,
    /// For which kinds of alarms it holds; empty for all.
    #[serde(default)]
    pub kinds: Vec<AlarmKind>,
    /// Who is called: the first step at once, the others one after the other.
    pub steps: Vec<PolicyStep>,
    /// Households wanted to be coming; what the group says if not said here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledgements_wanted: Option<u8>,
    /// How many must be coming before any of them goes in; two for an intruder, one otherwise, if not said here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<u8>,
    /// Personal helpers of the household are called so many seconds before the rest of the first step, duty posts
    /// excepted; 0 is with them. A household without a helper who can be called waits for nobody.
    #[serde(default)]
    pub helpers_first_s: u16,
    /// Pauses, repeats and budgets, where they differ from those of the service.
    #[serde(default)]
    pub pace: Pace,
    /// What holds for drills.
    #[serde(default)]
    pub drill: DrillRules,
}

/// The doors that a policy holds for. The narrowest one that fits a door wins.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum PolicyScope {
    /// Every door of the community.
    #[default]
    Community,
    /// The doors of a grid.
    Grid(GridId),
    /// The doors of a group.
    Group(GroupId),
}

/// A step: more people are called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyStep {
    /// Who. Whoever is in a step before is not called again by this one: their waves go on.
    pub targets: Vec<Target>,
    /// Pause since the step before it was due, in seconds; 0 in the first step.
    #[serde(default)]
    pub wait_s: u16,
    /// What must hold then; nothing in the first step.
    #[serde(default = "always")]
    pub when: StepWhen,
}

fn always() -> StepWhen {
    StepWhen::Always
}

/// Who is called by a step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// The personal helpers of the household.
    Helpers,
    /// The other households of its group.
    Group,
    /// Whoever holds a post at that moment.
    Post {
        /// The code of the post, such as `A`, `B`, `leader` or `grid`.
        code: Arc<str>,
    },
    /// Responders of a kind.
    Responders {
        /// Their kind.
        kind: ResponderKind,
        /// Only those who have this skill.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skill: Option<Arc<str>>,
        /// How far around the door.
        #[serde(default)]
        within: Within,
    },
    /// All workers of the community, on duty or not.
    AllWorkers,
}

/// How far around the door responders are called.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// Those of the building of the alarm.
    Building,
    /// Those of its grid, and those who are for no grid in particular.
    #[default]
    Grid,
    /// All of the community, whatever grid they are for.
    Community,
}

/// What holds for drills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DrillRules {
    /// A drill goes on to the steps after the first; otherwise it stays with those who are called at once.
    pub escalates: bool,
    /// Drills begin at this hour of the day or later, by the clocks of the community.
    pub from_hour: u8,
    /// No drill begins at this hour or later.
    pub until_hour: u8,
    /// Drills are announced so many minutes before.
    pub announced_min: u16,
}

impl Default for DrillRules {
    /// By day, announced an hour before, without those who are called later.
    fn default() -> Self {
        Self { escalates: false, from_hour: 9, until_hour: 20, announced_min: 60 }
    }
}

impl DrillRules {
    /// Whether a drill may begin at this hour of the community's day.
    #[must_use]
    pub fn may_begin_at(&self, hour: u8) -> bool {
        (self.from_hour..self.until_hour).contains(&hour)
    }
}

/// A version of a stored policy, as a community has it in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPolicy {
    /// Which one.
    pub version: PolicyVersion,
    /// What it says.
    pub document: Arc<PolicyDocument>,
}

/// A door, as far as policies tell doors apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorPlace {
    /// Its grid.
    pub grid: GridId,
    /// Its group.
    pub group: GroupId,
}

/// The policy that holds for a door and a kind of alarm: the narrowest scope, then the one that names the kind, then the
/// oldest. `None` where the built-in one holds.
#[must_use]
pub fn find(community: &Community, door: DoorPlace, kind: AlarmKind) -> Option<&StoredPolicy> {
    let fitting = community
        .policies
        .iter()
        .filter(|stored| stored.document.scope.has(door) && stored.document.is_for(kind));
    // Of equal ones `min_by_key` takes the first, and they stand by id.
    fitting.min_by_key(|stored| {
        let document = &stored.document;
        (std::cmp::Reverse(document.scope.narrowness()), document.kinds.is_empty())
    })
}

impl PolicyScope {
    /// Whether a door is in it.
    #[must_use]
    pub fn has(self, door: DoorPlace) -> bool {
        match self {
            Self::Community => true,
            Self::Grid(grid) => grid == door.grid,
            Self::Group(group) => group == door.group,
        }
    }

    fn narrowness(self) -> u8 {
        match self {
            Self::Community => 0,
            Self::Grid(_) => 1,
            Self::Group(_) => 2,
        }
    }
}

impl PolicyDocument {
    /// Whether it holds for a kind of alarm.
    #[must_use]
    pub fn is_for(&self, kind: AlarmKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// How many must be coming before any of them goes in.
    #[must_use]
    pub fn together(&self, kind: AlarmKind) -> u8 {
        self.together.unwrap_or(match kind {
            AlarmKind::Intruder => 2,
            AlarmKind::Unknown
            | AlarmKind::Fire
            | AlarmKind::Illness
            | AlarmKind::Flood
            | AlarmKind::Other => 1,
        })
    }

    /// Every target, with the number of its step.
    pub fn targets(&self) -> impl Iterator<Item = (usize, &Target)> {
        let steps = self.steps.iter().take(STEPS_MAX).enumerate();
        steps.flat_map(|(index, step)| step.targets.iter().map(move |target| (index, target)))
    }
}
