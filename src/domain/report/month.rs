//! Months as people of a place count them, and spans of whole months.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// Months of one report at most.
pub const MONTHS_MAX: usize = 36;
/// No clock of the world differs from UTC by more than this.
const ZONES: SignedDuration = SignedDuration::from_hours(26);

/// A month of the calendar, such as `2026-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    /// Its first day.
    first: Date,
}

/// The text is no month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("need a month from 1970-01 to 9000-12, such as 2026-11")]
pub struct MonthError;

impl Month {
    /// The month that the clocks of a zone show at a moment.
    #[must_use]
    pub fn of(at: Timestamp, zone: &TimeZone) -> Self {
        Self { first: at.to_zoned(zone.clone()).date().first_of_month() }
    }

    /// When the clocks of a zone show its first day.
    #[must_use]
    pub fn begins(self, zone: &TimeZone) -> Timestamp {
        let begin = self.first.to_zoned(zone.clone());
        begin.map_or(Timestamp::MAX, |begin| begin.timestamp())
    }

    /// The month after it; itself at the end of time.
    #[must_use]
    pub fn next(self) -> Self {
        self.first.last_of_month().tomorrow().map_or(self, |first| Self { first })
    }

    /// The month before it; itself at the beginning of time.
    #[must_use]
    pub fn previous(self) -> Self {
        self.first.yesterday().map_or(self, |last| Self { first: last.first_of_month() })
    }

    /// So many months before it.
    #[must_use]
    pub fn back(self, months: usize) -> Self {
        (0..months.min(MONTHS_MAX)).fold(self, |month, _| month.previous())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.first.year(), self.first.month())
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let (year, month) = text.split_once('-').ok_or(MonthError)?;
        let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if year.len() != 4 || month.len() != 2 || !is_plain(year) || !is_plain(month) {
            return Err(MonthError);
        }
        let year: i16 = year.parse().map_err(|_| MonthError)?;
        let month: i8 = month.parse().map_err(|_| MonthError)?;
        let first = Date::new(year, month, 1).map_err(|_| MonthError)?;
        if (1970..=9000).contains(&year) { Ok(Self { first }) } else { Err(MonthError) }
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Whole months, the first and the last included: at least one, at most [`MONTHS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    from: Month,
    until: Month,
}

/// The months are no period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// It ends before it begins.
    #[error("the last month is before the first")]
    Backwards,
    /// It is too long.
    #[error("a report has {MONTHS_MAX} months at most")]
    TooLong,
}

impl Period {
    /// From a month to another one.
    ///
    /// # Errors
    /// [`PeriodError`].
    pub fn new(from: Month, until: Month) -> Result<Self, PeriodError> {
        if until < from {
            return Err(PeriodError::Backwards);
        }
        let period = Self { from, until };
        if period.months().count() <= MONTHS_MAX { Ok(period) } else { Err(PeriodError::TooLong) }
    }

    /// Its first month.
    #[must_use]
    pub fn from(self) -> Month {
        self.from
    }

    /// Its last month.
    #[must_use]
    pub fn until(self) -> Month {
        self.until
    }

    /// Its months, in order; one more than may be for a period that is too long.
    pub fn months(self) -> impl Iterator<Item = Month> {
        let later = move |month: &Month| {
            let next = month.next();
            (next <= self.until && next != *month).then_some(next)
        };
        std::iter::successors(Some(self.from), later).take(MONTHS_MAX + 1)
    }

    /// Whether a month is in it.
    #[must_use]
    pub fn has(self, month: Month) -> bool {
        (self.from..=self.until).contains(&month)
    }

    /// Every moment that is in the period by the clocks of any zone, and a little more on both sides.
    #[must_use]
    pub fn moments(self) -> Range<Timestamp> {
        let start = |month: Month| {
            let start = month.first.to_zoned(TimeZone::UTC);
            start.map_or(Timestamp::MAX, |start| start.timestamp())
        };
        let begin = start(self.from).saturating_sub(ZONES).unwrap_or(Timestamp::MIN);
        let end = start(self.until.next()).saturating_add(ZONES).unwrap_or(Timestamp::MAX);
        begin..end
    }
}
