//! The duty roster (值班表): who holds which post at which moment.
//!
//! Posts are data: `A` rings first, `B` follows, `leader` is in charge at weekends, `grid` is a grid's own; any code may
//! be made. What a post needs is said by *shifts* in wall-clock time of the community (see [`wall`] for days on which
//! clocks change), held by workers or by a *rotation*. Then, each over the one before: *overrides*, *swaps* that the
//! other agreed to, *stand-ins* for those who are away, and *kept* old shifts that nobody took over from. Only overrides
//! ever take somebody off a post that has nobody else to put there; a worker who is away without a stand-in still rings
//! where the post would else be nobody's.
//!
//! [`Roster::build`] takes what can be used and names the rest; [`Roster::holders`] is asked at each key press;
//! [`review`] says today what goes wrong in the next days. Must not read a clock or know a database of time zones:
//! moments and the zone come in.

mod build;
mod calendar;
mod change;
mod fault;
mod review;
mod shift;
#[cfg(test)]
mod tests;
mod timeline;
mod wall;

pub use build::{
    ABSENCES_MAX, CALENDAR_DAYS_MAX, KEPT_MAX, OVERRIDES_MAX, POSTS_MAX, Parts, ROTATIONS_MAX,
    SHIFTS_MAX, SHIFTS_OF_POST_MAX, SWAPS_MAX, WORKERS_MAX,
};
pub use calendar::{Calendar, CalendarDay, DayKind, Days};
pub use change::{Absence, Kept, Override, Span, Swap, SwapError, SwapState, Turn};
pub use fault::{Part, RosterError};
pub use review::{FINDINGS_MAX, Finding, FindingKind, Reach};
pub use shift::{DAYS_LATER_MAX, Every, HeldBy, Rotation, Shift};
pub use timeline::{CHANGE_DAYS_MAX, Segment};

use crate::id::{GridId, PostId, WorkerId};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use shift::{Moment, Turns};
use std::sync::Arc;

/// The code of the post that rings first.
pub const CODE_A: &str = "A";
/// The code of the post that follows.
pub const CODE_B: &str = "B";
/// The code of who is in charge (带班领导).
pub const CODE_LEADER: &str = "leader";
/// The code of the post of a grid.
pub const CODE_GRID: &str = "grid";

/// A post (岗位): something that somebody is to be on duty for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Its id.
    pub id: PostId,
    /// What it is called by policies, such as [`CODE_A`]. Several posts may have one code: they are held together.
    pub code: Arc<str>,
    /// How it is called, such as `A岗`.
    pub name: Arc<str>,
    /// The grid that it is for; the whole community if not said.
    pub grid: Option<GridId>,
    /// When somebody must be there.
    pub cover: Cover,
}

/// When somebody must hold a post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cover {
    /// Round the clock (全日值班): a moment without anybody is a gap.
    #[default]
    Always,
    /// While it has a shift, such as a leader's at weekends.
    Shifts,
}

/// The roster of a community. Empty by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    zone: TimeZone,
    calendar: Calendar,
    turns: Vec<Turns>,
    /// By code, then id.
    posts: Vec<PostDuty>,
    /// By worker, then begin; those of one worker do not overlap.
    absences: Vec<Absence>,
    /// By id; none that was withdrawn.
    swaps: Vec<Swap>,
    /// What could not be used.
    faults: Vec<RosterError>,
}

impl Default for Roster {
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            calendar: Calendar::default(),
            turns: Vec::new(),
            posts: Vec::new(),
            absences: Vec::new(),
            swaps: Vec::new(),
            faults: Vec::new(),
        }
    }
}

/// A post with everything that decides who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PostDuty {
    post: Post,
    /// By begin, then id.
    shifts: Vec<HeldShift>,
    /// By begin.
    overrides: Vec<Override>,
    /// Agreed ones that touch this post, by id.
    swaps: Vec<Swap>,
    kept: Vec<Kept>,
}

/// A shift with the place of its rotation in [`Roster::turns`].
#[derive(Clone, Debug, PartialEq, Eq)]
struct HeldShift {
    shift: Shift,
    turns: Option<usize>,
}

/// Who holds a post at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Duty {
    /// In order, each once.
    holders: Vec<WorkerId>,
    /// Somebody must be there.
    is_wanted: bool,
    /// All holders are away and nobody stands in.
    is_away: bool,
}

impl Roster {
    /// Whether there is no post, so that the roster says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.posts.is_empty()
    }

    /// The time zone in which shifts are meant.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The table of days.
    #[must_use]
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// What of its parts could not be used, and why.
    #[must_use]
    pub fn faults(&self) -> &[RosterError] {
        &self.faults
    }

    /// Notes that something of it could not be used.
    pub fn note(&mut self, fault: RosterError) {
        self.faults.push(fault);
    }

    /// The posts, by code and then id.
    pub fn posts(&self) -> impl Iterator<Item = &Post> {
        self.posts.iter().map(|duty| &duty.post)
    }

    /// The post of this id.
    #[must_use]
    pub fn post(&self, id: PostId) -> Option<&Post> {
        self.posts().find(|post| post.id == id)
    }

    /// Old holders of a post who stayed or stay on, since nobody took over.
    pub fn kept(&self, post: PostId) -> impl Iterator<Item = &Kept> {
        let duty = self.posts.iter().filter(move |duty| duty.post.id == post);
        duty.flat_map(|duty| &duty.kept)
    }

    /// Who holds the posts of this code, in order and each once. With a grid, its own posts first and then those of the
    /// whole community, but none of other grids; without, all of them.
    #[must_use]
    pub fn holders(&self, code: &str, grid: Option<GridId>, at: Timestamp) -> Vec<WorkerId> {
        let moment = Moment::new(at, &self.zone);
        let first = self.posts.partition_point(|duty| *duty.post.code < *code);
        let of_code = || self.posts.iter().skip(first).take_while(|duty| *duty.post.code == *code);
        let nearest = of_code().filter(|duty| duty.post.grid == grid);
        let others = of_code()
            .filter(|duty| duty.post.grid != grid && (grid.is_none() || duty.post.grid.is_none()));
        let mut holders = Vec::new();
        for duty in nearest.chain(others) {
            for holder in self.duty(duty, moment).holders {
                if !holders.contains(&holder) {
                    holders.push(holder);
                }
            }
        }
        holders
    }

    /// Who holds which post, by code and then post; a worker on two posts stands in it twice.
    #[must_use]
    pub fn on_duty(&self, at: Timestamp) -> Vec<(PostId, WorkerId)> {
        let moment = Moment::new(at, &self.zone);
        let held = |duty: &PostDuty| {
            let post = duty.post.id;
            self.duty(duty, moment).holders.into_iter().map(move |worker| (post, worker))
        };
        self.posts.iter().flat_map(held).collect()
    }

    /// As [`Roster::on_duty`], but without old holders who are only kept until somebody takes over.
    #[must_use]
    pub fn scheduled(&self, at: Timestamp) -> Vec<(PostId, WorkerId)> {
        let moment = Moment::new(at, &self.zone);
        let held = |duty: &PostDuty| {
            let post = duty.post.id;
            self.scheduled_duty(duty, moment).holders.into_iter().map(move |worker| (post, worker))
        };
        self.posts.iter().flat_map(held).collect()
    }

    fn duty(&self, duty: &PostDuty, moment: Moment) -> Duty {
        let mut held = self.scheduled_duty(duty, moment);
        let kept = duty.kept.iter().filter(|kept| kept.has(moment.at));
        held.holders.extend(kept.map(|kept| kept.worker));
        unique(&mut held.holders);
        held
    }

    fn scheduled_duty(&self, duty: &PostDuty, moment: Moment) -> Duty {
        let at = moment.at;
        let mut holders = Vec::new();
        let has_shift = self.add_shifts(duty, moment, &mut holders);
        for change in duty.overrides.iter().filter(|change| change.span.has(at)) {
            match change.instead_of {
                None => holders = vec![change.worker],
                Some(replaced) => holders
                    .iter_mut()
                    .filter(|holder| **holder == replaced)
                    .for_each(|holder| *holder = change.worker),
            }
        }
        for swap in &duty.swaps {
            swap.change(duty.post.id, at, &mut holders);
        }
        let mut present: Vec<WorkerId> = Vec::with_capacity(holders.len());
        for worker in holders.iter().filter_map(|holder| self.stand_in(*holder, at)) {
            if !present.contains(&worker) {
                present.push(worker);
            }
        }
        let is_away = present.is_empty() && !holders.is_empty();
        if is_away {
            present = holders;
        }
        let is_wanted = match duty.post.cover {
            Cover::Always => true,
            Cover::Shifts => has_shift,
        };
        Duty { holders: present, is_wanted, is_away }
    }

    /// Adds who the shifts alone say. Returns whether there is a shift.
    fn add_shifts(&self, duty: &PostDuty, moment: Moment, holders: &mut Vec<WorkerId>) -> bool {
        let mut has_shift = false;
        for HeldShift { shift, turns } in &duty.shifts {
            for date in shift.days_around(moment.today) {
                let goes_on = shift.begins_on(date, &self.calendar)
                    && shift.span_on(date, &self.zone).has(moment.at);
                if !goes_on {
                    continue;
                }
                has_shift = true;
                match (&shift.held_by, turns.and_then(|index| self.turns.get(index))) {
                    (HeldBy::Workers(workers), _) => holders.extend(workers),
                    (HeldBy::Rotation(_), Some(turns)) => {
                        turns.add_holders(shift, date, &self.calendar, holders);
                    }
                    (HeldBy::Rotation(_), None) => {}
                }
            }
        }
        unique(holders);
        has_shift
    }

    /// Who is there instead of this worker: themselves unless they are away. `None` when nobody is.
    fn stand_in(&self, worker: WorkerId, at: Timestamp) -> Option<WorkerId> {
        let mut asked = worker;
        // Everybody stands in for somebody else at most once; more steps go round in a circle.
        for _ in 0..=self.absences.len() {
            let begun = self
                .absences
                .partition_point(|known| (known.worker, known.span.from) <= (asked, at));
            let last = begun.checked_sub(1).and_then(|index| self.absences.get(index));
            match last.filter(|absence| absence.worker == asked && absence.span.has(at)) {
                None => return Some(asked),
                Some(absence) => asked = absence.stand_in?,
            }
        }
        None
    }
}

/// Leaves each worker once, where they stand first.
fn unique(workers: &mut Vec<WorkerId>) {
    let mut index = 0;
    while let Some(worker) = workers.get(index).copied() {
        if workers.iter().take(index).any(|before| *before == worker) {
            workers.remove(index);
        } else {
            index += 1;
        }
    }
}
