//! What goes wrong with the roster in the next days, told while there is time.

use super::change::{Span, SwapState};
use super::timeline::{Segment, days_later};
use super::{CODE_A, CODE_B, Post, PostDuty, Roster};
use crate::id::{PostId, SwapId, WorkerId};
use jiff::Timestamp;
use jiff::civil::{DateTime, Time, date};
use std::collections::BTreeMap;

/// Findings of one review; the latest are left out.
pub const FINDINGS_MAX: usize = 1000;
/// How many days before a year begins its calendar should be known. The state publishes it in November.
const CALENDAR_DAYS: u16 = 45;

/// Whether a worker can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// No number that takes calls.
    NoNumber,
    /// No number that takes calls was confirmed.
    Unconfirmed,
    /// A confirmed number.
    Confirmed,
}

/// Something to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// When.
    pub span: Span,
}

/// What there is to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// No post of the community has anybody who is there.
    Nobody,
    /// A post that must be held has nobody.
    Gap {
        /// Which.
        post: PostId,
    },
    /// All who hold a post are away and nobody stands in; their phones would ring all the same.
    Away {
        /// Which post.
        post: PostId,
        /// The first of them.
        worker: WorkerId,
    },
    /// A and B of one place are the same person.
    SameForBoth {
        /// Who.
        worker: WorkerId,
        /// The A post.
        a: PostId,
        /// The B post.
        b: PostId,
    },
    /// One person holds two posts at once.
    DoubleDuty {
        /// Who.
        worker: WorkerId,
        /// One post.
        first: PostId,
        /// The other post.
        second: PostId,
    },
    /// Somebody on duty has no number that can be called; from their first duty to the end of the last.
    NoNumber {
        /// Who.
        worker: WorkerId,
    },
    /// Somebody on duty has no confirmed number; from their first duty to the end of the last.
    Unconfirmed {
        /// Who.
        worker: WorkerId,
    },
    /// A swap is proposed, and not agreed.
    SwapOpen {
        /// Which.
        swap: SwapId,
    },
    /// Somebody whose shift it is has not taken over, and the old holder of the post stays on duty besides them.
    NotTakenOver {
        /// Which post.
        post: PostId,
        /// Who is awaited.
        worker: WorkerId,
    },
    /// The public holidays of a year are not known, and shifts depend on them.
    CalendarUnknown {
        /// Which year.
        year: i16,
    },
}

impl FindingKind {
    /// Whether nobody would come.
    #[must_use]
    pub fn leaves_nobody(self) -> bool {
        match self {
            Self::Nobody | Self::Gap { .. } | Self::Away { .. } | Self::NoNumber { .. } => true,
            Self::SameForBoth { .. }
            | Self::DoubleDuty { .. }
            | Self::Unconfirmed { .. }
            | Self::SwapOpen { .. }
            | Self::NotTakenOver { .. }
            | Self::CalendarUnknown { .. } => false,
        }
    }
}

impl Roster {
    /// What goes wrong in the next `days`, by time. Nothing before `from` is told, since nobody can mend it. An empty
    /// roster has no findings. Old holders who are only kept close no gap: the roster is to name somebody.
    #[must_use]
    pub fn review(
        &self,
        from: Timestamp,
        days: u16,
        reach: impl Fn(WorkerId) -> Reach,
    ) -> Vec<Finding> {
        let span = Span { from, to: days_later(from, days) };
        if self.is_empty() || span.is_empty() {
            return Vec::new();
        }
        let segments: Vec<Segment> =
            self.posts.iter().flat_map(|duty| self.scheduled_segments(duty, span)).collect();
        let mut findings = nobody(&segments, span);
        findings.extend(segments.iter().filter_map(gap));
        let duties = by_worker(&segments);
        findings.extend(duties.iter().flat_map(|(worker, duty)| self.doubles(*worker, duty)));
        findings.extend(duties.iter().filter_map(|(worker, duty)| number(*worker, duty, &reach)));
        findings.extend(self.open_swaps(span));
        findings.extend(self.not_taken_over(&segments, from));
        findings.extend(self.unknown_years(span));
        findings.sort_by_key(|finding| (finding.span.from, finding.kind));
        findings.truncate(FINDINGS_MAX);
        findings
    }

    /// Two posts of one worker at once.
    fn doubles(&self, worker: WorkerId, duty: &[(Span, PostId)]) -> Vec<Finding> {
        let mut found: Vec<Finding> = Vec::new();
        for (index, (span, post)) in duty.iter().enumerate() {
            let later = duty.iter().skip(index + 1).take_while(|(later, _)| later.from < span.to);
            for (other_span, other) in later.filter(|(_, other)| other != post) {
                let span = Span { from: other_span.from, to: span.to.min(other_span.to) };
                let kind = self.double(worker, *post.min(other), *post.max(other));
                let before = found
                    .iter_mut()
                    .rev()
                    .find(|known| known.kind == kind && known.span.to == span.from);
                match before {
                    Some(known) => known.span.to = span.to,
                    None => found.push(Finding { kind, span }),
                }
                if FINDINGS_MAX < found.len() {
                    return found;
                }
            }
        }
        found
    }

    fn double(&self, worker: WorkerId, first: PostId, second: PostId) -> FindingKind {
        let is_a_and_b = |a: &Post, b: &Post| {
            &*a.code == CODE_A
                && &*b.code == CODE_B
                && (a.grid == b.grid || a.grid.is_none() || b.grid.is_none())
        };
        match (self.post(first), self.post(second)) {
            (Some(a), Some(b)) if is_a_and_b(a, b) => {
                FindingKind::SameForBoth { worker, a: first, b: second }
            }
            (Some(b), Some(a)) if is_a_and_b(a, b) => {
                FindingKind::SameForBoth { worker, a: second, b: first }
            }
            _ => FindingKind::DoubleDuty { worker, first, second },
        }
    }

    fn scheduled_segments(&self, duty: &PostDuty, span: Span) -> Vec<Segment> {
        self.segments_of(duty, span, |duty, moment| self.scheduled_duty(duty, moment))
    }

    fn not_taken_over(&self, segments: &[Segment], from: Timestamp) -> Vec<Finding> {
        let is_kept = |post| self.kept(post).any(|kept| kept.has(from));
        let now = segments.iter().filter(|segment| segment.span.has(from) && is_kept(segment.post));
        let awaited = now.flat_map(|segment| {
            let Segment { post, span, .. } = *segment;
            segment.holders.iter().map(move |worker| Finding {
                kind: FindingKind::NotTakenOver { post, worker: *worker },
                span,
            })
        });
        awaited.collect()
    }

    fn open_swaps(&self, span: Span) -> impl Iterator<Item = Finding> {
        let open = self.swaps.iter().filter(|swap| swap.state == SwapState::Proposed);
        open.filter_map(move |swap| {
            let near = swap.turns().map(|turn| turn.span).filter(|turn| turn.meets(span));
            let first = near.min_by_key(|turn| turn.from)?;
            let span = Span { from: first.from.max(span.from), to: first.to };
            Some(Finding { kind: FindingKind::SwapOpen { swap: swap.id }, span })
        })
    }

    fn unknown_years(&self, span: Span) -> Vec<Finding> {
        let shifts = || self.posts.iter().flat_map(|duty| &duty.shifts);
        if !shifts().any(|held| held.shift.days.asks_calendar()) {
            return Vec::new();
        }
        let last = days_later(span.from, CALENDAR_DAYS).max(span.to);
        let (first, last) =
            (self.zone.to_datetime(span.from).year(), self.zone.to_datetime(last).year());
        let begin = |year: i16| {
            let day = date(year.clamp(-9998, 9998), 1, 1);
            super::wall::begin(&self.zone, DateTime::from_parts(day, Time::midnight()))
        };
        let unknown = (first..=last).filter(|year| !self.calendar.knows_year(*year));
        unknown
            .map(|year| Finding {
                kind: FindingKind::CalendarUnknown { year },
                span: Span { from: begin(year).max(span.from), to: begin(year.saturating_add(1)) },
            })
            .collect()
    }
}

/// Where no segment is held.
fn nobody(segments: &[Segment], span: Span) -> Vec<Finding> {
    let mut held: Vec<Span> =
        segments.iter().filter(|segment| segment.is_held()).map(|segment| segment.span).collect();
    held.sort_by_key(|span| span.from);
    let mut found = Vec::new();
    let mut until = span.from;
    for next in held.into_iter().chain([Span { from: span.to, to: span.to }]) {
        let hole = Span { from: until, to: next.from };
        if !hole.is_empty() {
            found.push(Finding { kind: FindingKind::Nobody, span: hole });
        }
        until = until.max(next.to);
    }
    found
}

fn gap(segment: &Segment) -> Option<Finding> {
    let Segment { post, span, .. } = *segment;
    let kind = match segment.holders.first() {
        Some(worker) if segment.is_away => FindingKind::Away { post, worker: *worker },
        None if segment.is_wanted => FindingKind::Gap { post },
        Some(_) | None => return None,
    };
    Some(Finding { kind, span })
}

/// The duty of each worker, by begin.
fn by_worker(segments: &[Segment]) -> BTreeMap<WorkerId, Vec<(Span, PostId)>> {
    let mut duties: BTreeMap<WorkerId, Vec<(Span, PostId)>> = BTreeMap::new();
    for segment in segments {
        for holder in &segment.holders {
            duties.entry(*holder).or_default().push((segment.span, segment.post));
        }
    }
    for duty in duties.values_mut() {
        duty.sort_by_key(|(span, post)| (span.from, *post));
    }
    duties
}

fn number(
    worker: WorkerId,
    duty: &[(Span, PostId)],
    reach: &impl Fn(WorkerId) -> Reach,
) -> Option<Finding> {
    let kind = match reach(worker) {
        Reach::NoNumber => FindingKind::NoNumber { worker },
        Reach::Unconfirmed => FindingKind::Unconfirmed { worker },
        Reach::Confirmed => return None,
    };
    let from = duty.iter().map(|(span, _)| span.from).min()?;
    let to = duty.iter().map(|(span, _)| span.to).max()?;
    Some(Finding { kind, span: Span { from, to } })
}
