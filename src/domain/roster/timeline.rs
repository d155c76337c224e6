//! Who holds a post over a stretch of time, and when that changes next.
//!
//! Only at the ends of shifts and of what goes before them can anything change; between two of these moments
//! [`Roster::holders`] is constant.

use super::change::Span;
use super::shift::Moment;
use super::{Duty, PostDuty, Roster};
use crate::id::{PostId, WorkerId};
use jiff::{SignedDuration, Timestamp};

/// How far ahead a change is looked for.
pub const CHANGE_DAYS_MAX: u16 = 400;
/// Days looked through one after the other for the next change: it is mostly near.
const LOOK_DAYS: [u16; 3] = [2, 20, CHANGE_DAYS_MAX];
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A stretch of time in which the same workers hold a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The post.
    pub post: PostId,
    /// When.
    pub span: Span,
    /// Who holds it, in order.
    pub holders: Vec<WorkerId>,
    /// Somebody must be there.
    pub is_wanted: bool,
    /// All holders are away and nobody stands in; their phones ring all the same.
    pub is_away: bool,
}

impl Segment {
    /// Whether somebody holds the post who is there.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.holders.is_empty() && !self.is_away
    }
}

impl Roster {
    /// The first moment after `after` from which on others are on duty than at `after`; `None` when that is more than
    /// [`CHANGE_DAYS_MAX`] days ahead.
    #[must_use]
    pub fn next_change(&self, after: Timestamp) -> Option<Timestamp> {
        let now = self.on_duty(after);
        LOOK_DAYS.into_iter().find_map(|days| {
            let span = Span { from: after, to: days_later(after, days) };
            let mut moments = Vec::new();
            for duty in &self.posts {
                self.add_moments(duty, span, &mut moments);
            }
            moments.sort_unstable();
            moments.dedup();
            moments.into_iter().find(|moment| self.on_duty(*moment) != now)
        })
    }

    /// Who holds a post from when to when, without a hole; empty when there is no such post.
    #[must_use]
    pub fn segments(&self, post: PostId, span: Span) -> Vec<Segment> {
        let duty = self.posts.iter().find(|duty| duty.post.id == post);
        let holds = |duty: &PostDuty, moment| self.duty(duty, moment);
        duty.map_or_else(Vec::new, |duty| self.segments_of(duty, span, holds))
    }

    pub(super) fn segments_of(
        &self,
        duty: &PostDuty,
        span: Span,
        holds: impl Fn(&PostDuty, Moment) -> Duty,
    ) -> Vec<Segment> {
        if span.is_empty() {
            return Vec::new();
        }
        let mut moments = vec![span.from];
        self.add_moments(duty, span, &mut moments);
        moments.sort_unstable();
        moments.dedup();
        let ends = moments.iter().copied().skip(1).chain([span.to]);
        let mut segments: Vec<Segment> = Vec::new();
        for (from, to) in moments.iter().copied().zip(ends) {
            let Duty { holders, is_wanted, is_away } = holds(duty, Moment::new(from, &self.zone));
            match segments.last_mut() {
                Some(last)
                    if last.holders == holders
                        && last.is_wanted == is_wanted
                        && last.is_away == is_away =>
                {
                    last.span.to = to;
                }
                Some(_) | None => {
                    let span = Span { from, to };
                    segments.push(Segment {
                        post: duty.post.id,
                        span,
                        holders,
                        is_wanted,
                        is_away,
                    });
                }
            }
        }
        segments
    }

    /// Adds every moment inside of the span at which something may change for the post, in any order.
    fn add_moments(&self, duty: &PostDuty, span: Span, moments: &mut Vec<Timestamp>) {
        let mut add = |edge: Span| {
            moments.extend(
                [edge.from, edge.to].into_iter().filter(|at| span.from < *at && *at < span.to),
            );
        };
        let first = self.zone.to_datetime(span.from).date();
        let last = super::calendar::later(self.zone.to_datetime(span.to).date(), 1);
        for held in &duty.shifts {
            let earliest = held.shift.days_around(first).min().unwrap_or(first);
            let mut date = earliest;
            while date <= last {
                if held.shift.begins_on(date, &self.calendar) {
                    add(held.shift.span_on(date, &self.zone));
                }
                let Ok(next) = date.tomorrow() else { break };
                date = next;
            }
        }
        duty.overrides.iter().for_each(|change| add(change.span));
        duty.swaps.iter().flat_map(super::Swap::turns).for_each(|turn| add(turn.span));
        self.absences.iter().for_each(|absence| add(absence.span));
        for kept in &duty.kept {
            let to = kept.until_handed_over.unwrap_or(Timestamp::MAX);
            add(Span { from: kept.from, to });
        }
    }
}

/// So many times 24 hours later, or the end of time.
pub(super) fn days_later(from: Timestamp, days: u16) -> Timestamp {
    from.checked_add(DAY * i32::from(days)).unwrap_or(Timestamp::MAX)
}
