//! Drills (演练) of many doors: which doors, when, how fast, and what is next.
//!
//! A drill of one door is an alarm whose plan says so ([`Plan::is_drill`](crate::plan::Plan::is_drill)). Here is what
//! stands around them: [`Drill`] is what people write, [`check`](check()) refuses what could not be held and draws the
//! doors, [`Run`] says when to announce, when the next door begins and when all is over. [`report`] tells how it went.
//!
//! Must not call anybody: the shell asks [`Run::on_time`], does it, and says what became of it. Whether a real alarm
//! is open is for whoever begins an alarm to know; a door that may not begin now is asked for again a little later.

mod check;
mod hours;
pub mod notices;
pub mod report;
mod words;

pub use check::{Drawn, Refusal, check};
pub use hours::{Hours, Windows};
pub use words::{announcement, moment};

use crate::directory::LineRef;
use crate::id::{AlarmId, CommunityId, GroupId};
use crate::kind::AlarmKind;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Doors of one drill: more than any community has.
pub const HOMES_MAX: usize = 10_000;
/// Groups that a drill can name; without a name it is for all of them.
pub const GROUPS_MAX: usize = 1_000;
/// Spans of a day in which doors may begin.
pub const HOURS_MAX: usize = 8;
/// Doors that begin in one minute, at most: each rings ten telephones.
pub const PER_MINUTE_MAX: u16 = 60;
/// From the first door to the last, at most.
pub const LASTS_DAYS_MAX: i64 = 31;
/// A drill can be announced so long before, at most.
pub const ANNOUNCE_MAX_S: u32 = 7 * 24 * 3600;
/// A door rings for no longer: none begins later than this before the end of the hours.
pub const DOOR_LASTS: SignedDuration = SignedDuration::from_mins(10);
/// A door that may not begin now is asked for again after this.
pub const AGAIN: SignedDuration = SignedDuration::from_secs(10);
/// Who was told late, because nothing ran when it was time to tell them, has at least so long.
const LATE_NOTICE: SignedDuration = SignedDuration::from_mins(10);

/// What is drilled, as people write it and as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// Where.
    #[serde(rename = "community_id")]
    pub community: CommunityId,
    /// Only these groups; all of them if empty.
    #[serde(default, rename = "group_ids")]
    pub groups: Vec<GroupId>,
    /// So many doors of every group, drawn by `seed`; every door if not said.
    #[serde(default)]
    pub per_group: Option<u16>,
    /// Which doors are drawn: the same number draws the same doors.
    #[serde(default)]
    pub seed: u32,
    /// What is said to be the matter.
    #[serde(default)]
    pub kind: AlarmKind,
    /// When the first door begins.
    pub starts_at: Timestamp,
    /// No door begins at this moment or later.
    pub ends_at: Timestamp,
    /// Those who will be called are told so many seconds before `starts_at`: by SMS, or by a call where none arrives.
    #[serde(default = "an_hour")]
    pub announce_before_s: u32,
    /// When doors may begin, by the clocks of the community; if empty, 09:00 to 11:30 and 14:30 to 17:30.
    #[serde(default)]
    pub hours: Vec<Hours>,
    /// On public holidays too.
    #[serde(default)]
    pub on_holidays: bool,
    /// Doors that begin in a minute.
    #[serde(default = "two")]
    pub per_minute: u16,
}

fn an_hour() -> u32 {
    3600
}

fn two() -> u16 {
    2
}

/// A door of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    /// Its line.
    pub line: LineRef,
    /// Its group.
    pub group: GroupId,
    /// What became of it.
    pub state: HomeState,
}

/// What became of a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HomeState {
    /// It is still to begin.
    Waiting,
    /// It began.
    Started {
        /// Its alarm.
        alarm: AlarmId,
        /// When.
        at: Timestamp,
    },
    /// It will not begin.
    Skipped(Skip),
}

/// Why a door is left out of a drill that had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// Its line has an alarm that is not closed.
    LineHasAlarm,
    /// The directory does not have it any more.
    Gone,
}

/// What is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Tell those who will be called.
    Announce,
    /// Begin the door of this index.
    Start(usize),
    /// Write down that it is over.
    End,
}

/// How a drill ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every door began or was left out, or the window is over.
    Over,
    /// Somebody stopped it.
    Cancelled,
}

/// A drill that is stored: a protocol machine.
#[derive(Clone, Debug)]
pub struct Run {
    drill: Drill,
    windows: Windows,
    homes: Vec<Home>,
    announced_at: Option<Timestamp>,
    ended: Option<(Timestamp, Ending)>,
    /// No door begins before this: the pace, or a pause.
    not_before: Timestamp,
    /// The same for the announcement.
    not_told_before: Timestamp,
}

impl Run {
    /// A drill of these doors, or one that is taken up after a restart, as far as it had come.
    #[must_use]
    pub fn new(
        drill: Drill,
        windows: Windows,
        homes: Vec<Home>,
        announced_at: Option<Timestamp>,
    ) -> Self {
        let mut run = Self {
            drill,
            windows,
            homes,
            announced_at,
            ended: None,
            not_before: Timestamp::MIN,
            not_told_before: Timestamp::MIN,
        };
        run.not_before =
            run.last_started_at().map_or(Timestamp::MIN, |at| later(at, run.between_doors()));
        run
    }

    /// What was written.
    #[must_use]
    pub fn drill(&self) -> &Drill {
        &self.drill
    }

    /// Its doors, in the order in which they begin.
    #[must_use]
    pub fn homes(&self) -> &[Home] {
        &self.homes
    }

    /// When and how it ended.
    #[must_use]
    pub fn ended(&self) -> Option<(Timestamp, Ending)> {
        self.ended
    }

    /// When [`Run::on_time`] has something from now on, if nothing else changes.
    #[must_use]
    pub fn poll_timeout(&self, now: Timestamp) -> Option<Timestamp> {
        if self.ended.is_some() {
            return None;
        }
        let begins = self.begins_at(now);
        if self.announced_at.is_none() && begins.is_some() {
            return Some(self.announces_at());
        }
        Some(begins.unwrap_or_else(|| self.ends_at()))
    }

    /// What is to be done now, one thing at a time.
    #[must_use]
    pub fn on_time(&self, now: Timestamp) -> Option<Next> {
        if self.ended.is_some() {
            return None;
        }
        let is_late = self.drill.ends_at <= now;
        let begins = self.begins_at(now).filter(|_| !is_late);
        let Some(begins) = begins else {
            return (self.ends_at() <= now).then_some(Next::End);
        };
        if self.announced_at.is_none() {
            return (self.announces_at() <= now).then_some(Next::Announce);
        }
        let waiting = self.homes.iter().position(|home| home.state == HomeState::Waiting);
        waiting.filter(|_| begins <= now).map(Next::Start)
    }

    /// Those who will be called were told.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        self.announced_at.is_some()
    }

    /// A door began, or the drill is over: it is too late to announce it.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.ended.is_some() || self.last_started_at().is_some()
    }

    /// Everybody was told.
    pub fn on_announced(&mut self, now: Timestamp) {
        self.announced_at = Some(now);
    }

    /// Not everybody could be told now.
    pub fn on_not_announced(&mut self, now: Timestamp) {
        self.not_told_before = later(now, AGAIN);
    }

    /// A door began.
    pub fn on_started(&mut self, home: usize, alarm: AlarmId, now: Timestamp) {
        self.set(home, HomeState::Started { alarm, at: now });
        self.not_before = later(now, self.between_doors());
    }

    /// A door is left out; the next one may begin at once.
    pub fn on_skipped(&mut self, home: usize, why: Skip) {
        self.set(home, HomeState::Skipped(why));
    }

    /// Nothing may begin now: a real alarm is open, or the routes are loaded.
    pub fn on_held(&mut self, now: Timestamp) {
        self.not_before = later(now, AGAIN).max(self.not_before);
    }

    /// It is over.
    pub fn on_ended(&mut self, ending: Ending, now: Timestamp) {
        self.ended.get_or_insert((now, ending));
    }

    fn set(&mut self, home: usize, state: HomeState) {
        if let Some(home) = self.homes.get_mut(home).filter(|home| home.state == HomeState::Waiting)
        {
            home.state = state;
        }
    }

    fn between_doors(&self) -> SignedDuration {
        SignedDuration::from_millis(60_000 / i64::from(self.drill.per_minute.max(1)))
    }

    fn last_started_at(&self) -> Option<Timestamp> {
        let started = self.homes.iter().filter_map(|home| match home.state {
            HomeState::Started { at, .. } => Some(at),
            HomeState::Waiting | HomeState::Skipped(_) => None,
        });
        started.max()
    }

    fn announces_at(&self) -> Timestamp {
        let before = SignedDuration::from_secs(self.drill.announce_before_s.into());
        let at = self.drill.starts_at.saturating_sub(before).unwrap_or(Timestamp::MIN);
        at.max(self.not_told_before)
    }

    /// When the next door begins, from now on; `None` if none does any more.
    fn begins_at(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.homes.iter().any(|home| home.state == HomeState::Waiting) {
            return None;
        }
        let before = SignedDuration::from_secs(self.drill.announce_before_s.into());
        let told = self.announced_at.map(|at| later(at, before.min(LATE_NOTICE)));
        let earliest = self.drill.starts_at.max(self.not_before);
        let next = self.windows.next(earliest.max(told.unwrap_or(earliest)).max(now))?;
        (next < self.drill.ends_at).then_some(next)
    }

    /// When it is over: when the last door has rung out; when the window is over, if doors are left.
    fn ends_at(&self) -> Timestamp {
        let rung_out = self.last_started_at().map(|at| later(at, DOOR_LASTS));
        let is_left = self.homes.iter().any(|home| home.state == HomeState::Waiting);
        let window = is_left.then_some(self.drill.ends_at);
        rung_out.max(window).unwrap_or(Timestamp::MIN)
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
