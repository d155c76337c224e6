//! Makes a roster of its parts: uses what can be used, and names the rest with what to do about it.
//!
//! An edit that leaves a new [`RosterError`] is refused; rows that became impossible since (a worker was deleted) are
//! recorded and the rest is used. A shift whose people are all gone stays as a shift that nobody holds, so that the gap
//! is found.

use super::calendar::{Calendar, CalendarDay};
use super::change::{Absence, Kept, Override, Swap, SwapState};
use super::fault::{Part, RosterError};
use super::shift::{DAYS_LATER_MAX, HeldBy, Rotation, Shift, Turns};
use super::{HeldShift, Post, PostDuty, Roster};
use crate::id::{PostId, WorkerId};
use jiff::tz::TimeZone;

/// Posts of one community.
pub const POSTS_MAX: usize = 256;
/// Shifts of one community, and of one post.
pub const SHIFTS_MAX: usize = 1024;
/// Shifts of one post; each is looked at on every key press.
pub const SHIFTS_OF_POST_MAX: usize = 64;
/// Rotations of one community.
pub const ROTATIONS_MAX: usize = 256;
/// Workers of one shift or one rotation.
pub const WORKERS_MAX: usize = 64;
/// Overrides of one community; those that end last are kept.
pub const OVERRIDES_MAX: usize = 4096;
/// Swaps of one community; the newest are kept.
pub const SWAPS_MAX: usize = 4096;
/// Absences of one community; those that end last are kept.
pub const ABSENCES_MAX: usize = 4096;
/// Old shifts of one community that are kept; the newest are.
pub const KEPT_MAX: usize = 1024;
/// Days in a calendar: more than twenty years of holidays.
pub const CALENDAR_DAYS_MAX: usize = 8192;

/// What a roster is made of. Lists may be in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Posts.
    pub posts: Vec<Post>,
    /// Shifts.
    pub shifts: Vec<Shift>,
    /// Rotations.
    pub rotations: Vec<Rotation>,
    /// Days that the calendar says something about; of two with one date the later in the list holds.
    pub calendar: Vec<CalendarDay>,
    /// Overrides.
    pub overrides: Vec<Override>,
    /// Swaps.
    pub swaps: Vec<Swap>,
    /// Absences.
    pub absences: Vec<Absence>,
    /// Old shifts that are kept.
    pub kept: Vec<Kept>,
}

impl Roster {
    /// Makes a roster in a time zone. `knows` tells whether the community has a worker.
    #[must_use]
    pub fn build(
        zone: TimeZone,
        parts: Parts,
        knows: impl Fn(WorkerId) -> bool,
    ) -> (Self, Vec<RosterError>) {
        let mut check = Check { knows, posts: Vec::new(), errors: Vec::new() };
        let posts = check.posts(parts.posts);
        let calendar =
            Calendar::new(check.at_most(parts.calendar, CALENDAR_DAYS_MAX, |_| Part::Calendar));
        let rotations = check.rotations(parts.rotations);
        let shifts = check.shifts(parts.shifts, &rotations);
        let overrides = check.overrides(parts.overrides);
        let swaps = check.swaps(parts.swaps);
        let absences = check.absences(parts.absences);
        let kept = check.kept(parts.kept);
        let turns: Vec<Turns> = rotations
            .into_iter()
            .map(|rotation| Turns::new(rotation, &shifts, &calendar))
            .collect();
        let of_post = |post: Post| {
            let id = post.id;
            let held =
                |shift: &Shift| HeldShift { shift: shift.clone(), turns: place(shift, &turns) };
            let mine = |swap: &&Swap| {
                swap.state == SwapState::Agreed && swap.turns().any(|turn| turn.post == id)
            };
            PostDuty {
                shifts: shifts.iter().filter(|shift| shift.post == id).map(held).collect(),
                overrides: overrides.iter().filter(|change| change.post == id).copied().collect(),
                swaps: swaps.iter().filter(mine).copied().collect(),
                kept: kept.iter().filter(|kept| kept.post == id).copied().collect(),
                post,
            }
        };
        let posts = posts.into_iter().map(of_post).collect();
        let faults = check.errors.clone();
        (Self { zone, calendar, turns, posts, absences, swaps, faults }, check.errors)
    }
}

/// The last of a list, at most `max`: what is long over makes room.
fn last<T, K: Ord>(mut list: Vec<T>, max: usize, key: impl FnMut(&T) -> K) -> Vec<T> {
    if max < list.len() {
        list.sort_by_key(key);
        list.drain(..list.len() - max);
    }
    list
}

/// The place of a shift's rotation.
fn place(shift: &Shift, turns: &[Turns]) -> Option<usize> {
    match shift.held_by {
        HeldBy::Workers(_) => None,
        HeldBy::Rotation(id) => turns.iter().position(|turns| turns.rotation.id == id),
    }
}

/// Looks at one part after the other and keeps what is wrong.
struct Check<F> {
    knows: F,
    /// The posts that are there, by id.
    posts: Vec<PostId>,
    errors: Vec<RosterError>,
}

impl<F: Fn(WorkerId) -> bool> Check<F> {
    /// The first of a list, at most `max`.
    fn at_most<T>(&mut self, mut list: Vec<T>, max: usize, part: impl Fn(&T) -> Part) -> Vec<T> {
        if let Some(extra) = list.get(max) {
            self.errors.push(RosterError::TooMany { part: part(extra), max });
        }
        list.truncate(max);
        list
    }

    fn posts(&mut self, mut posts: Vec<Post>) -> Vec<Post> {
        posts.sort_by_key(|post| post.id);
        posts.dedup_by_key(|post| post.id);
        let mut posts = self.at_most(posts, POSTS_MAX, |post| Part::Post(post.id));
        self.posts = posts.iter().map(|post| post.id).collect();
        posts.sort_by(|one, other| (&one.code, one.id).cmp(&(&other.code, other.id)));
        posts
    }

    fn has_post(&mut self, part: Part, post: PostId) -> bool {
        let is_there = self.posts.binary_search(&post).is_ok();
        if !is_there {
            self.errors.push(RosterError::UnknownPost { part, post });
        }
        is_there
    }

    fn has_worker(&mut self, part: Part, worker: WorkerId) -> bool {
        let is_there = (self.knows)(worker);
        if !is_there {
            self.errors.push(RosterError::UnknownWorker { part, worker });
        }
        is_there
    }

    /// The workers that are there.
    fn workers(&mut self, part: Part, workers: Vec<WorkerId>) -> Vec<WorkerId> {
        if workers.is_empty() {
            self.errors.push(RosterError::Nobody { part });
        }
        let workers = self.at_most(workers, WORKERS_MAX, |_| part);
        workers.into_iter().filter(|worker| self.has_worker(part, *worker)).collect()
    }

    fn rotations(&mut self, mut rotations: Vec<Rotation>) -> Vec<Rotation> {
        rotations.sort_by_key(|rotation| rotation.id);
        rotations.dedup_by_key(|rotation| rotation.id);
        let mut rotations =
            self.at_most(rotations, ROTATIONS_MAX, |known| Part::Rotation(known.id));
        for rotation in &mut rotations {
            let part = Part::Rotation(rotation.id);
            rotation.workers = self.workers(part, std::mem::take(&mut rotation.workers));
            if rotation.every.is_zero() || rotation.at_once == 0 {
                self.errors.push(RosterError::NoTurn { part });
            }
        }
        rotations
    }

    fn shifts(&mut self, mut shifts: Vec<Shift>, rotations: &[Rotation]) -> Vec<Shift> {
        shifts.sort_by_key(|shift| shift.id);
        shifts.dedup_by_key(|shift| shift.id);
        let mut shifts = self.at_most(shifts, SHIFTS_MAX, |shift| Part::Shift(shift.id));
        shifts.sort_by_key(|shift| (shift.post, shift.start, shift.id));
        let mut kept: Vec<Shift> = Vec::with_capacity(shifts.len());
        for mut shift in shifts {
            let part = Part::Shift(shift.id);
            if !self.has_post(part, shift.post) || !self.can_happen(part, &shift) {
                continue;
            }
            let of_post = kept.iter().rev().take_while(|before| before.post == shift.post).count();
            if SHIFTS_OF_POST_MAX <= of_post {
                self.errors.push(RosterError::TooMany { part, max: SHIFTS_OF_POST_MAX });
                continue;
            }
            match &mut shift.held_by {
                HeldBy::Workers(workers) => *workers = self.workers(part, std::mem::take(workers)),
                HeldBy::Rotation(id) => {
                    if !rotations.iter().any(|rotation| rotation.id == *id) {
                        self.errors.push(RosterError::UnknownRotation { part, rotation: *id });
                    }
                }
            }
            kept.push(shift);
        }
        kept
    }

    fn can_happen(&mut self, part: Part, shift: &Shift) -> bool {
        let is_backwards =
            shift.first_day.zip(shift.last_day).is_some_and(|(first, last)| last < first);
        let error = if shift.ends_before_it_starts() {
            RosterError::EndBeforeStart { part }
        } else if DAYS_LATER_MAX < shift.days_later {
            RosterError::TooLong { part }
        } else if shift.days.is_never() || is_backwards {
            RosterError::NoDay { part }
        } else {
            return true;
        };
        self.errors.push(error);
        false
    }

    fn overrides(&mut self, overrides: Vec<Override>) -> Vec<Override> {
        let mut overrides = last(overrides, OVERRIDES_MAX, |change| change.span.to);
        overrides.sort_by_key(|change| change.id);
        let mut kept: Vec<Override> = Vec::with_capacity(overrides.len());
        for change in overrides {
            let part = Part::Override(change.id);
            let is_known = self.has_post(part, change.post) && self.has_worker(part, change.worker);
            if !is_known || !self.is_forwards(part, change.span.is_empty()) {
                continue;
            }
            let of_same = |known: &&Override| {
                let whom = known.instead_of.zip(change.instead_of);
                known.post == change.post
                    && known.span.meets(change.span)
                    && whom.is_none_or(|(one, other)| one == other)
            };
            match kept.iter().find(of_same) {
                Some(known) => {
                    let with = Part::Override(known.id);
                    self.errors.push(RosterError::Overlap { part, with });
                }
                None => kept.push(change),
            }
        }
        kept.sort_by_key(|change| change.span.from);
        kept
    }

    fn swaps(&mut self, mut swaps: Vec<Swap>) -> Vec<Swap> {
        swaps.retain(|swap| swap.state != SwapState::Withdrawn);
        swaps.sort_by_key(|swap| swap.id);
        swaps.dedup_by_key(|swap| swap.id);
        let mut swaps = last(swaps, SWAPS_MAX, |swap| swap.id);
        swaps.retain(|swap| {
            let part = Part::Swap(swap.id);
            let has_themselves = swap.proposer == swap.other;
            if has_themselves {
                self.errors.push(RosterError::Themselves { part, worker: swap.other });
            }
            let is_empty = swap.turns().any(|turn| turn.span.is_empty());
            !has_themselves
                && swap.turns().all(|turn| self.has_post(part, turn.post))
                && self.has_worker(part, swap.proposer)
                && self.has_worker(part, swap.other)
                && self.is_forwards(part, is_empty)
        });
        swaps
    }

    fn absences(&mut self, absences: Vec<Absence>) -> Vec<Absence> {
        let mut absences = last(absences, ABSENCES_MAX, |absence| absence.span.to);
        absences.sort_by_key(|absence| absence.id);
        absences.dedup_by_key(|absence| absence.id);
        let mut kept: Vec<Absence> = Vec::with_capacity(absences.len());
        for mut absence in absences {
            let part = Part::Absence(absence.id);
            if !self.has_worker(part, absence.worker)
                || !self.is_forwards(part, absence.span.is_empty())
            {
                continue;
            }
            if absence.stand_in == Some(absence.worker) {
                self.errors.push(RosterError::Themselves { part, worker: absence.worker });
                absence.stand_in = None;
            }
            // Nobody stands in for one whose stand-in is gone: they ring themselves, and a finding says so.
            absence.stand_in = absence.stand_in.filter(|worker| self.has_worker(part, *worker));
            let overlaps =
                |known: &&Absence| known.worker == absence.worker && known.span.meets(absence.span);
            match kept.iter().find(overlaps) {
                Some(known) => {
                    let with = Part::Absence(known.id);
                    self.errors.push(RosterError::Overlap { part, with });
                }
                None => kept.push(absence),
            }
        }
        kept.sort_by_key(|absence| (absence.worker, absence.span.from));
        kept
    }

    fn kept(&mut self, kept: Vec<Kept>) -> Vec<Kept> {
        let mut kept = last(kept, KEPT_MAX, |kept| kept.from);
        kept.retain(|kept| {
            let part = Part::Kept(kept.post);
            self.has_post(part, kept.post) && self.has_worker(part, kept.worker)
        });
        kept
    }

    fn is_forwards(&mut self, part: Part, is_empty: bool) -> bool {
        if is_empty {
            self.errors.push(RosterError::EndBeforeStart { part });
        }
        !is_empty
    }
}
