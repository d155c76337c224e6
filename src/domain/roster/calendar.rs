//! Which day is a workday: by the table of the year where it has the day, by the weekday otherwise.
//!
//! The state moves workdays to weekends to make long holidays (调休), so a Sunday may be a workday and a Tuesday a rest
//! day. A table holds only the days that differ or that are holidays by law.

use jiff::SignedDuration;
use jiff::civil::{Date, Weekday, date};
use serde::{Deserialize, Serialize};

/// What a day is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayKind {
    /// People work: Monday to Friday, and make-up days (调休上班).
    Workday,
    /// Nobody works: Saturday, Sunday, and days that were given free for a make-up day (调休休息).
    RestDay,
    /// A public holiday (法定节假日).
    Holiday,
}

impl DayKind {
    /// What the weekday alone makes of a day.
    #[must_use]
    pub fn of_weekday(weekday: Weekday) -> Self {
        match weekday {
            Weekday::Saturday | Weekday::Sunday => Self::RestDay,
            Weekday::Monday
            | Weekday::Tuesday
            | Weekday::Wednesday
            | Weekday::Thursday
            | Weekday::Friday => Self::Workday,
        }
    }
}

/// A day that the table says something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CalendarDay {
    /// Which day.
    pub date: Date,
    /// What it is.
    pub kind: DayKind,
}

/// The table of days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// By date, each once.
    days: Vec<CalendarDay>,
}

impl Calendar {
    /// Takes the days; of two with one date the later in the list holds, so that a community's own day may follow the
    /// nation's.
    #[must_use]
    pub fn new(mut days: Vec<CalendarDay>) -> Self {
        days.reverse();
        days.sort_by_key(|day| day.date);
        days.dedup_by_key(|day| day.date);
        Self { days }
    }

    /// What a day is.
    #[must_use]
    pub fn kind(&self, date: Date) -> DayKind {
        let found = self.days.binary_search_by_key(&date, |day| day.date).ok();
        found
            .and_then(|index| self.days.get(index))
            .map_or_else(|| DayKind::of_weekday(date.weekday()), |day| day.kind)
    }

    /// Whether the table says anything about a year.
    #[must_use]
    pub fn knows_year(&self, year: i16) -> bool {
        let first = self.days.partition_point(|day| day.date.year() < year);
        self.days.get(first).is_some_and(|day| day.date.year() == year)
    }
}

/// Which days something happens on: those whose weekday and whose kind are both in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    weekdays: u8,
    kinds: u8,
}

impl Days {
    /// Every day.
    pub const EVERY: Self = Self { weekdays: 0b111_1111, kinds: 0b111 };
    /// Workdays, make-up days among them.
    pub const WORKDAYS: Self = Self { kinds: 0b001, ..Self::EVERY };
    /// Days on which nobody works: rest days and holidays.
    pub const FREE: Self = Self { kinds: 0b110, ..Self::EVERY };

    /// The days of these weekdays and these kinds. Without any weekday or without any kind it is no day at all.
    #[must_use]
    pub fn new(weekdays: &[Weekday], kinds: &[DayKind]) -> Self {
        Self {
            weekdays: weekdays.iter().fold(0, |set, day| set | weekday_bit(*day)),
            kinds: kinds.iter().fold(0, |set, kind| set | kind_bit(*kind)),
        }
    }

    /// Whether there is no such day.
    #[must_use]
    pub fn is_never(self) -> bool {
        self.weekdays == 0 || self.kinds == 0
    }

    /// Whether the calendar makes a difference to it.
    #[must_use]
    pub fn asks_calendar(self) -> bool {
        self.kinds != Self::EVERY.kinds && !self.is_never()
    }

    /// Whether a day of this weekday and kind is in it.
    #[must_use]
    pub fn has(self, weekday: Weekday, kind: DayKind) -> bool {
        self.weekdays & weekday_bit(weekday) != 0 && self.kinds & kind_bit(kind) != 0
    }
}

fn weekday_bit(weekday: Weekday) -> u8 {
    1 << weekday.to_monday_zero_offset()
}

fn kind_bit(kind: DayKind) -> u8 {
    match kind {
        DayKind::Workday => 1,
        DayKind::RestDay => 2,
        DayKind::Holiday => 4,
    }
}

/// A Monday, from which days are counted.
const EPOCH: Date = date(1968, 1, 1);

/// The number of a day, counted from a Monday long ago.
pub(super) fn day_number(date: Date) -> i64 {
    date.duration_since(EPOCH).as_hours() / 24
}

/// A day some days later, or the last one that there is.
pub(super) fn later(date: Date, days: i64) -> Date {
    date.saturating_add(SignedDuration::from_hours(days.saturating_mul(24)))
}

/// Counts the days of a [`Days`] between any two dates in no time, whatever lies between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DayCount {
    days: Days,
    /// For each day of the table: what the table changed in the count up to and with this day.
    changes: Vec<(Date, i64)>,
}

impl DayCount {
    pub(super) fn new(days: Days, calendar: &Calendar) -> Self {
        let mut sum = 0;
        let change = |day: &CalendarDay| {
            let weekday = day.date.weekday();
            let by_table = i64::from(days.has(weekday, day.kind));
            sum += by_table - i64::from(days.has(weekday, DayKind::of_weekday(weekday)));
            (day.date, sum)
        };
        Self { days, changes: calendar.days.iter().map(change).collect() }
    }

    /// How many of its days are in `from..to`; negative where `to` is before `from`.
    pub(super) fn between(&self, from: Date, to: Date) -> i64 {
        self.before(to) - self.before(from)
    }

    fn before(&self, date: Date) -> i64 {
        let number = day_number(date);
        let (weeks, rest) = (number.div_euclid(7), number.rem_euclid(7));
        let in_week = |day: &Weekday| self.days.has(*day, DayKind::of_weekday(*day));
        let week = Weekday::Monday.cycle_forward().take(7).filter(in_week).count();
        let begun = Weekday::Monday.cycle_forward().take(7);
        let begun = begun.zip(0..rest).filter(|(day, _)| in_week(day)).count();
        let known = self.changes.partition_point(|(day, _)| *day < date);
        let change = known.checked_sub(1).and_then(|last| self.changes.get(last));
        let count = |days: usize| i64::try_from(days).unwrap_or(i64::MAX);
        weeks * count(week) + count(begun) + change.map_or(0, |(_, sum)| *sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn calendar() -> Calendar {
        let day = |date, kind| CalendarDay { date, kind };
        Calendar::new(vec![
            day(date(2026, 10, 1), DayKind::RestDay),
            day(date(2026, 10, 1), DayKind::Holiday),
            day(date(2026, 10, 5), DayKind::RestDay),
            day(date(2026, 9, 20), DayKind::Workday),
        ])
    }

    #[test]
    fn the_table_goes_before_the_weekday() {
        for (day, wanted) in [
            (date(2026, 9, 19), DayKind::RestDay),
            (date(2026, 9, 20), DayKind::Workday),
            (date(2026, 9, 21), DayKind::Workday),
            (date(2026, 10, 1), DayKind::Holiday),
            (date(2026, 10, 5), DayKind::RestDay),
        ] {
            assert_eq!(calendar().kind(day), wanted, "{day}");
        }
        assert!(calendar().knows_year(2026) && !calendar().knows_year(2027));
        assert!(!calendar().knows_year(2025) && !Calendar::default().knows_year(2026));
    }

    #[test]
    fn days_are_those_of_both_sets() {
        let sundays = Days::new(&[Weekday::Sunday], &[DayKind::Workday, DayKind::RestDay]);
        assert!(sundays.has(Weekday::Sunday, DayKind::Workday), "a make-up day");
        assert!(!sundays.has(Weekday::Sunday, DayKind::Holiday));
        assert!(!sundays.has(Weekday::Monday, DayKind::Workday));
        assert!(Days::new(&[], &[DayKind::Workday]).is_never() && !Days::FREE.is_never());
        assert!(Days::WORKDAYS.asks_calendar() && !Days::EVERY.asks_calendar());
    }

    proptest! {
        #[test]
        fn counting_is_looking_at_each_day(from in -3000_i64..3000, len in 0_i64..800, weekdays in 0_u8..128, kinds in 0_u8..8) {
            let days = Days { weekdays, kinds };
            let count = DayCount::new(days, &calendar());
            let (from, to) = (later(date(2026, 10, 1), from), later(date(2026, 10, 1), from + len));
            let has = |day: &Date| days.has(day.weekday(), calendar().kind(*day));
            let wanted = (0..len).map(|number| later(from, number)).filter(has).count();
            prop_assert_eq!(count.between(from, to), wanted as i64);
            prop_assert_eq!(count.between(to, from), -(wanted as i64));
        }
    }
}
