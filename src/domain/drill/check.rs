//! Looks a drill through before it is stored, and draws its doors.

use super::{
    ANNOUNCE_MAX_S, Drill, GROUPS_MAX, HOMES_MAX, HOURS_MAX, Home, HomeState, LASTS_DAYS_MAX,
    PER_MINUTE_MAX, Windows,
};
use crate::directory::{Community, Household, LineRef, Written};
use crate::directory::{Group, Language};
use crate::id::{GroupId, HouseholdId};
use crate::policy::{self, DoorPlace, DrillRules};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a drill is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A group is none of the community's.
    #[error("the community has no group {group}")]
    NoGroup {
        /// Which.
        group: GroupId,
    },
    /// No household with a line is drawn.
    #[error("no household with a line is in the drill")]
    NoHome,
    /// More doors than one drill can have.
    #[error("more than {HOMES_MAX} households")]
    TooManyHomes,
    /// A number out of its range.
    #[error("must be from {min} to {max}")]
    Range {
        /// The least.
        min: u32,
        /// The greatest.
        max: u32,
    },
    /// It would have begun already.
    #[error("is in the past")]
    Past,
    /// It ends before it begins, or lasts too long.
    #[error("must be after the beginning, by {LASTS_DAYS_MAX} days at most")]
    NoWindow,
    /// Nobody may be rung when it begins.
    #[error("the drill begins in quiet hours or on a public holiday")]
    QuietHours,
    /// Hours that end before they begin.
    #[error("hours must end after they begin")]
    Hours,
    /// There is no time left to tell people before.
    #[error("people must be told {announce_s} seconds before")]
    NotAnnounced {
        /// How long before.
        announce_s: u32,
    },
}

impl Refusal {
    /// In words.
    #[must_use]
    pub fn words(self, language: Language) -> String {
        let chinese = language.written() == Written::Chinese;
        let pick = |zh: &str, en: &str| if chinese { zh.to_owned() } else { en.to_owned() };
        match self {
            Self::NoGroup { group } if chinese => format!("社区没有编号为{group}的联防组"),
            Self::NoGroup { group } => format!("the community has no group {group}"),
            Self::NoHome => {
                pick("没有抽到任何装有线路的联防户", "no household with a line is in the drill")
            }
            Self::TooManyHomes if chinese => format!("一次演练最多{HOMES_MAX}户"),
            Self::TooManyHomes => format!("a drill has {HOMES_MAX} households at most"),
            Self::Range { min, max } if chinese => format!("必须在{min}到{max}之间"),
            Self::Range { min, max } => format!("must be from {min} to {max}"),
            Self::Past => pick("时间已过", "is in the past"),
            Self::NoWindow if chinese => {
                format!("必须晚于开始时间，且不超过{LASTS_DAYS_MAX}天")
            }
            Self::NoWindow => {
                format!("must be after the beginning, by {LASTS_DAYS_MAX} days at most")
            }
            Self::QuietHours => pick(
                "开始时间在安静时段或法定节假日",
                "begins in quiet hours or on a public holiday",
            ),
            Self::Hours => pick("时段的结束必须晚于开始", "hours must end after they begin"),
            Self::NotAnnounced { announce_s } if chinese => {
                format!("必须提前{}分钟通知", announce_s.div_ceil(60))
            }
            Self::NotAnnounced { announce_s } => {
                format!("people must be told {} minutes before", announce_s.div_ceil(60))
            }
        }
    }
}

/// The doors of a drill, in the order in which they begin, and when they may.
pub type Drawn = (Vec<Home>, Windows);

/// Refuses what cannot be held, with a JSON pointer to each mistake; otherwise draws the doors, in the order in which
/// they begin, and says when they may.
///
/// # Errors
/// Every mistake.
pub fn check(
    drill: &Drill,
    community: &Community,
    now: Timestamp,
) -> Result<Drawn, Vec<(String, Refusal)>> {
    let mut refused = Vec::new();
    let mut refuse = |pointer: &str, why| refused.push((pointer.to_owned(), why));
    let known = |id: &GroupId| community.group(*id).is_some();
    if GROUPS_MAX < drill.groups.len() {
        refuse("/group_ids", Refusal::Range { min: 0, max: GROUPS_MAX as u32 });
    } else if let Some(group) = drill.groups.iter().find(|id| !known(id)) {
        refuse("/group_ids", Refusal::NoGroup { group: *group });
    }
    if !(1..=PER_MINUTE_MAX).contains(&drill.per_minute) {
        refuse("/per_minute", Refusal::Range { min: 1, max: PER_MINUTE_MAX.into() });
    }
    if ANNOUNCE_MAX_S < drill.announce_before_s {
        refuse("/announce_before_s", Refusal::Range { min: 0, max: ANNOUNCE_MAX_S });
    }
    if HOURS_MAX < drill.hours.len() {
        refuse("/hours", Refusal::Range { min: 0, max: HOURS_MAX as u32 });
    } else if drill.hours.iter().any(|hours| hours.until <= hours.from) {
        refuse("/hours", Refusal::Hours);
    }
    let lasts = drill.ends_at.duration_since(drill.starts_at);
    if lasts <= SignedDuration::ZERO || SignedDuration::from_hours(24 * LASTS_DAYS_MAX) < lasts {
        refuse("/ends_at", Refusal::NoWindow);
    }
    let homes = draw(drill, community);
    if homes.is_empty() {
        refuse("/per_group", Refusal::NoHome);
    } else if HOMES_MAX < homes.len() {
        refuse("/per_group", Refusal::TooManyHomes);
    }
    let rules = rules(drill, community, &homes);
    let windows = Windows::of(drill, community, rules);
    let announce_s = drill.announce_before_s.max(u32::from(rules.announced_min) * 60);
    let told_at = now.saturating_add(SignedDuration::from_secs(announce_s.into()));
    if drill.starts_at <= now {
        refuse("/starts_at", Refusal::Past);
    } else if drill.announce_before_s < announce_s {
        refuse("/announce_before_s", Refusal::NotAnnounced { announce_s });
    } else if told_at.map_or(true, |told_at| drill.starts_at < told_at) {
        refuse("/starts_at", Refusal::NotAnnounced { announce_s });
    }
    if !windows.has(drill.starts_at) {
        refuse("/starts_at", Refusal::QuietHours);
    }
    if refused.is_empty() { Ok((homes, windows)) } else { Err(refused) }
}

/// The doors of a drill: those of each group by chance, and the groups in turn, so that one staircase is not rung for
/// an hour without a pause.
fn draw(drill: &Drill, community: &Community) -> Vec<Home> {
    let is_meant = |group: &&Group| drill.groups.is_empty() || drill.groups.contains(&group.id);
    let mut rounds: BTreeMap<(usize, GroupId), Home> = BTreeMap::new();
    for group in community.groups.iter().filter(is_meant) {
        let members = group.households.iter().filter_map(|id| community.household(*id));
        let with_line =
            members.filter_map(|household| Some((line_of(community, household)?, household)));
        let mut drawn: Vec<(u64, HouseholdId, LineRef)> = with_line
            .map(|(line, household)| (chance(drill.seed, household.id), household.id, line))
            .collect();
        drawn.sort_unstable_by_key(|(chance, id, _)| (*chance, *id));
        let wanted = drill.per_group.map_or(drawn.len(), usize::from);
        for (round, (_, _, line)) in drawn.into_iter().take(wanted).enumerate() {
            let home = Home { line, group: group.id, state: HomeState::Waiting };
            rounds.insert((round, group.id), home);
        }
    }
    rounds.into_values().collect()
}

fn line_of(community: &Community, household: &Arc<Household>) -> Option<LineRef> {
    let line = household.lines.first()?.id;
    Some(LineRef { community: community.id, household: household.id, line })
}

/// A number that the seed and the household make, evenly spread (the finalizer of SplitMix64).
fn chance(seed: u32, household: HouseholdId) -> u64 {
    let mut mixed = u64::from(seed) << 32 | u64::from(household.0);
    mixed = mixed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The narrowest rules of all policies that hold for a door of the drill.
pub(super) fn rules(drill: &Drill, community: &Community, homes: &[Home]) -> DrillRules {
    let groups: std::collections::BTreeSet<GroupId> = homes.iter().map(|home| home.group).collect();
    let groups = groups.iter().filter_map(|id| community.group(*id));
    let rules = groups.map(|group| {
        let door = DoorPlace { grid: group.grid, group: group.id };
        let found = policy::find(community, door, drill.kind);
        found.map_or_else(DrillRules::default, |stored| stored.document.drill)
    });
    let narrower = |one: DrillRules, other: DrillRules| DrillRules {
        escalates: one.escalates && other.escalates,
        from_hour: one.from_hour.max(other.from_hour),
        until_hour: one.until_hour.min(other.until_hour),
        announced_min: one.announced_min.max(other.announced_min),
    };
    rules.reduce(narrower).unwrap_or_default()
}

impl Windows {
    /// Those of a drill that was stored, by today's policies and holidays.
    #[must_use]
    pub fn of_stored(drill: &Drill, community: &Community, homes: &[Home]) -> Self {
        Self::of(drill, community, rules(drill, community, homes))
    }
}
