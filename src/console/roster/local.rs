//! Moments as people of a community say them: by the clock on their wall, and back.
//!
//! Must not know a zone of its own: each community has one.

use crate::lang::Lang;
use crate::visit::zone_of;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// The clock on the wall of a community.
#[derive(Clone, Debug)]
pub(crate) struct Local(TimeZone);

/// Why what was typed is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoMoment {
    /// It cannot be read.
    Unreadable,
    /// The clocks were put forward over it.
    Skipped,
}

impl Local {
    /// The zone of this name; that of China where there is none.
    pub(crate) fn of(name: &str) -> Self {
        Self(zone_of(Some(name)))
    }

    /// This zone.
    pub(crate) fn in_zone(zone: TimeZone) -> Self {
        Self(zone)
    }

    /// The date at a moment.
    pub(crate) fn date(&self, at: Timestamp) -> Date {
        self.0.to_datetime(at).date()
    }

    /// The beginning of a day; `None` at the end of time.
    pub(crate) fn begin(&self, date: Date) -> Option<Timestamp> {
        Some(date.to_zoned(self.0.clone()).ok()?.timestamp())
    }

    /// The moment at which the clock shows this; of two the earlier.
    pub(crate) fn at(&self, wall: DateTime) -> Option<Timestamp> {
        Some(self.0.to_zoned(wall).ok()?.timestamp())
    }

    /// Such as `08:00`.
    pub(crate) fn time(&self, at: Timestamp) -> String {
        self.0.to_datetime(at).strftime("%H:%M").to_string()
    }

    /// Such as `11月28日 周六 08:00`.
    pub(crate) fn moment(&self, at: Timestamp, l: Lang) -> String {
        format!("{} {}", day(self.date(at), l), self.time(at))
    }

    /// From when to when; the date of the end where it is another.
    pub(crate) fn span(&self, from: Timestamp, to: Timestamp, l: Lang) -> String {
        let end = if self.date(from) == self.date(to) { self.time(to) } else { self.moment(to, l) };
        format!("{} – {end}", self.moment(from, l))
    }

    /// As a form has it: `2026-11-28T08:00`.
    pub(crate) fn typed(&self, at: Timestamp) -> String {
        self.0.to_datetime(at).strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// What somebody typed, with a blank or a `T` between date and time. Where clocks are put back, the earlier of the
    /// two moments.
    pub(crate) fn read(&self, typed: &str) -> Result<Timestamp, NoMoment> {
        let wall: DateTime =
            typed.trim().replace(' ', "T").parse().map_err(|_| NoMoment::Unreadable)?;
        let ambiguous = self.0.to_ambiguous_timestamp(wall);
        if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            return Err(NoMoment::Skipped);
        }
        ambiguous.earlier().map_err(|_| NoMoment::Unreadable)
    }
}

impl NoMoment {
    /// What to do about it.
    pub(crate) fn words(self, l: Lang) -> &'static str {
        match self {
            Self::Unreadable => l.t(
                "请填写日期和时间，如 2026-11-28 08:00。",
                "Please write a date and a time, such as 2026-11-28 08:00.",
            ),
            Self::Skipped => l.t(
                "这一天没有这个时刻（改夏令时），请另选一个。",
                "The clocks are put forward over this moment: please take another one.",
            ),
        }
    }
}

/// Such as `11月28日 周六`.
pub(crate) fn day(date: Date, l: Lang) -> String {
    let weekday = weekday(date.weekday(), l);
    match l {
        Lang::Chinese => format!("{} {weekday}", date.strftime("%-m月%-d日")),
        Lang::English => format!("{weekday} {}", date.strftime("%-d %b")),
    }
}

/// Such as `2026年11月`.
pub(crate) fn month(date: Date, l: Lang) -> String {
    match l {
        Lang::Chinese => date.strftime("%Y年%-m月").to_string(),
        Lang::English => date.strftime("%B %Y").to_string(),
    }
}

/// Such as `周六`.
pub(crate) fn weekday(weekday: Weekday, l: Lang) -> &'static str {
    let (chinese, english) = match weekday {
        Weekday::Monday => ("周一", "Mon"),
        Weekday::Tuesday => ("周二", "Tue"),
        Weekday::Wednesday => ("周三", "Wed"),
        Weekday::Thursday => ("周四", "Thu"),
        Weekday::Friday => ("周五", "Fri"),
        Weekday::Saturday => ("周六", "Sat"),
        Weekday::Sunday => ("周日", "Sun"),
    };
    l.t(chinese, english)
}

/// The Monday of the week of a date.
pub(crate) fn monday(date: Date) -> Date {
    let back = i32::from(date.weekday().to_monday_zero_offset());
    days_later(date, -back)
}

/// So many days later, or the last day that there is.
pub(crate) fn days_later(date: Date, days: i32) -> Date {
    date.saturating_add(SignedDuration::from_hours(24 * i64::from(days)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn moments_are_those_of_the_clock_on_the_wall() {
        let china = Local::of("Asia/Shanghai");
        let at: Timestamp = "2026-11-27T16:30:00Z".parse().unwrap();
        assert_eq!(china.moment(at, Lang::Chinese), "11月28日 周六 00:30");
        assert_eq!(china.moment(at, Lang::English), "Sat 28 Nov 00:30");
        assert_eq!(china.read(&china.typed(at)), Ok(at));
        assert_eq!(china.read("2026-11-28 00:30"), Ok(at));
        let later = "2026-11-28T00:00:00Z".parse().unwrap();
        assert_eq!(china.span(at, later, Lang::English), "Sat 28 Nov 00:30 – 08:00");
        assert_eq!(china.read("tomorrow"), Err(NoMoment::Unreadable));
        assert_eq!(Local::of("Nowhere").time(at), "00:30");
    }

    #[test]
    fn days_on_which_clocks_change_are_told_apart() {
        let berlin = Local::of("Europe/Berlin");
        assert_eq!(berlin.read("2026-03-29T02:30"), Err(NoMoment::Skipped));
        assert_eq!(berlin.read("2026-10-25T02:30"), Ok("2026-10-25T00:30:00Z".parse().unwrap()));
        let long = berlin.begin(date(2026, 10, 26)).unwrap();
        let hours = long.duration_since(berlin.begin(date(2026, 10, 25)).unwrap()).as_hours();
        assert_eq!(hours, 25);
    }

    #[test]
    fn weeks_begin_on_monday() {
        assert_eq!(monday(date(2026, 11, 22)), date(2026, 11, 16));
        assert_eq!(monday(date(2026, 11, 23)), date(2026, 11, 23));
        assert_eq!(days_later(Date::MAX, 3), Date::MAX);
    }
}
