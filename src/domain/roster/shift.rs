//! Shifts and rotations: who holds a post on which days, from which time on the wall to which.

use super::calendar::{Calendar, DayCount, Days, day_number, later};
use super::change::Span;
use super::wall;
use crate::id::{PostId, RotationId, ShiftId, WorkerId};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// A shift of a post (班次): a stretch of wall-clock time on each of its days. Shifts may overlap (错时上下班).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Its id.
    pub id: ShiftId,
    /// The post.
    pub post: PostId,
    /// On which days it begins.
    pub days: Days,
    /// When it begins, by the clock on the wall.
    pub start: Time,
    /// When it ends, by the clock on the wall.
    pub end: Time,
    /// How many days later it ends: 0 on the same day, 1 over midnight or a day round, at most [`DAYS_LATER_MAX`].
    pub days_later: u8,
    /// The first day on which it may begin.
    pub first_day: Option<Date>,
    /// The last day on which it may begin.
    pub last_day: Option<Date>,
    /// Who holds it.
    pub held_by: HeldBy,
}

/// Longest shift, in days.
pub const DAYS_LATER_MAX: u8 = 7;

/// Who holds a shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldBy {
    /// These, each time; several hold it together.
    Workers(Vec<WorkerId>),
    /// Whose turn it is.
    Rotation(RotationId),
}

/// Workers who take turns (轮班). A turn is decided on the day on which a shift begins, so nobody is relieved in the
/// middle of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Its id.
    pub id: RotationId,
    /// Who, in the order of their turns.
    pub workers: Vec<WorkerId>,
    /// How many of them hold a shift together, at least 1. The next turn begins with the one after them.
    pub at_once: u8,
    /// How long a turn is.
    pub every: Every,
    /// The day on which the first one's turn begins; turns go on in both directions without end.
    pub anchor: Date,
}

/// How long a turn is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// So many days.
    Days(u16),
    /// So many weeks, from the weekday of the anchor.
    Weeks(u16),
    /// So many shifts of all that are held by the rotation, by the day and time on which they begin.
    Shifts(u16),
}

impl Every {
    pub(super) fn is_zero(self) -> bool {
        let (Self::Days(n) | Self::Weeks(n) | Self::Shifts(n)) = self;
        n == 0
    }
}

impl Shift {
    /// Whether one begins on this day.
    pub(super) fn begins_on(&self, date: Date, calendar: &Calendar) -> bool {
        self.first_day.is_none_or(|first| first <= date)
            && self.last_day.is_none_or(|last| date <= last)
            && self.days.has(date.weekday(), calendar.kind(date))
    }

    /// From when to when the one that begins on this day goes.
    pub(super) fn span_on(&self, date: Date, zone: &TimeZone) -> Span {
        let last_day = later(date, self.days_later.into());
        Span {
            from: wall::begin(zone, DateTime::from_parts(date, self.start)),
            to: wall::end(zone, DateTime::from_parts(last_day, self.end)),
        }
    }

    /// The days on which one may begin that goes on at a moment of `today`, the newest first. A clock that is put back
    /// over midnight shows yesterday's date after today's, so tomorrow's and one more are among them.
    pub(super) fn days_around(&self, today: Date) -> impl Iterator<Item = Date> + use<> {
        let back = i64::from(self.days_later) + 1;
        (-1..=back).map(move |back| later(today, -back))
    }

    pub(super) fn ends_before_it_starts(&self) -> bool {
        self.days_later == 0 && self.end <= self.start
    }

    /// The day, or the nearest one on which the shift may begin; the end of its days counts as the day after the last.
    fn nearest(&self, date: Date) -> Date {
        let first = self.first_day.unwrap_or(Date::MIN);
        let end = self.last_day.map_or(Date::MAX, |last| later(last, 1));
        date.min(end).max(first)
    }
}

/// A rotation with what it needs to tell whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turns {
    pub(super) rotation: Rotation,
    /// The shifts that it counts, each with the count of its days; none unless turns are counted in shifts.
    counted: Vec<(Shift, DayCount)>,
}

impl Turns {
    pub(super) fn new(rotation: Rotation, shifts: &[Shift], calendar: &Calendar) -> Self {
        let held = HeldBy::Rotation(rotation.id);
        let counted = match rotation.every {
            Every::Days(_) | Every::Weeks(_) => Vec::new(),
            Every::Shifts(_) => shifts
                .iter()
                .filter(|shift| shift.held_by == held)
                .map(|shift| (shift.clone(), DayCount::new(shift.days, calendar)))
                .collect(),
        };
        Self { rotation, counted }
    }

    /// Adds those whose turn it is on the shift that begins on this day.
    pub(super) fn add_holders(
        &self,
        shift: &Shift,
        date: Date,
        calendar: &Calendar,
        holders: &mut Vec<WorkerId>,
    ) {
        let workers = &self.rotation.workers;
        let count = i64::try_from(workers.len()).unwrap_or(i64::MAX);
        if count == 0 {
            return;
        }
        let together = i64::from(self.rotation.at_once.max(1));
        let first = self.turn(shift, date, calendar).rem_euclid(count) * together;
        for place in 0..together.min(count) {
            let index = usize::try_from((first + place).rem_euclid(count)).unwrap_or(0);
            holders.extend(workers.get(index));
        }
    }

    fn turn(&self, shift: &Shift, date: Date, calendar: &Calendar) -> i64 {
        let anchor = self.rotation.anchor;
        let days = day_number(date) - day_number(anchor);
        match self.rotation.every {
            Every::Days(n) => days.div_euclid(i64::from(n.max(1))),
            Every::Weeks(n) => days.div_euclid(7 * i64::from(n.max(1))),
            Every::Shifts(n) => {
                let count = |(shift, count): &(Shift, DayCount)| {
                    count.between(shift.nearest(anchor), shift.nearest(date))
                };
                let before: i64 = self.counted.iter().map(count).sum();
                let is_earlier = |other: &Shift| {
                    (other.start, other.id) < (shift.start, shift.id)
                        && other.begins_on(date, calendar)
                };
                let today = self.counted.iter().filter(|(other, _)| is_earlier(other)).count();
                (before + i64::try_from(today).unwrap_or(0)).div_euclid(i64::from(n.max(1)))
            }
        }
    }
}

/// Where a moment is on the wall.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) today: Date,
}

impl Moment {
    pub(super) fn new(at: Timestamp, zone: &TimeZone) -> Self {
        Self { at, today: zone.to_datetime(at).date() }
    }
}
