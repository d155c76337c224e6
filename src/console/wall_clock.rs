//! Moments as the clock of a community shows them, and back from what people type.

use crate::lang::Lang;
use crate::visit;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The clock of a community.
pub(crate) struct WallClock(TimeZone);

impl WallClock {
    /// The clock of this zone (IANA); that of the first communities where nobody knows it.
    pub(crate) fn of(zone: &str) -> Self {
        Self(visit::zone_of(Some(zone)))
    }

    /// A moment as people write it.
    pub(crate) fn moment(&self, at: Timestamp, l: Lang) -> String {
        let at = at.to_zoned(self.0.clone());
        match l {
            Lang::Chinese => at.strftime("%Y年%-m月%-d日 %H:%M").to_string(),
            Lang::English => at.strftime("%-d %b %Y, %H:%M").to_string(),
        }
    }

    /// The day of a moment with its weekday, and the time.
    pub(crate) fn day_and_time(&self, at: Timestamp, l: Lang) -> (String, String) {
        const CHINESE: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];
        const ENGLISH: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let at = at.to_zoned(self.0.clone());
        let place = usize::try_from(at.weekday().to_monday_zero_offset()).unwrap_or_default();
        let word = |words: [&'static str; 7]| words.get(place).copied().unwrap_or_default();
        let day = match l {
            Lang::Chinese => format!("{}月{}日 {}", at.month(), at.day(), word(CHINESE)),
            Lang::English => format!("{} {}", word(ENGLISH), at.strftime("%-d %b")),
        };
        (day, at.strftime("%H:%M").to_string())
    }

    /// A moment as a field of a date and a time has it.
    pub(crate) fn typed(&self, at: Timestamp) -> String {
        at.to_zoned(self.0.clone()).strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// What was typed, with its offset; `None` where it is no time.
    pub(crate) fn read(&self, typed: &str) -> Option<Timestamp> {
        let typed: DateTime = typed.replace(' ', "T").parse().ok()?;
        typed.to_zoned(self.0.clone()).ok().map(|at| at.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_again() {
        let clock = WallClock::of("nowhere");
        let at: Timestamp = "2026-11-22T02:00:00Z".parse().unwrap();
        assert_eq!(clock.typed(at), "2026-11-22T10:00");
        for typed in ["2026-11-22T10:00", "2026-11-22 10:00", "2026-11-22T10:00:00"] {
            assert_eq!(clock.read(typed), Some(at), "{typed}");
        }
        for wrong in ["", "10:00", "2026-11-31T10:00", "tomorrow", "2026-11-22T25:00"] {
            assert_eq!(clock.read(wrong), None, "{wrong}");
        }
        assert_eq!(clock.moment(at, Lang::Chinese), "2026年11月22日 10:00");
        assert_eq!(clock.moment(at, Lang::English), "22 Nov 2026, 10:00");
        let words = |l| clock.day_and_time(at, l);
        assert_eq!(words(Lang::Chinese), ("11月22日 周日".to_owned(), "10:00".to_owned()));
        assert_eq!(words(Lang::English), ("Sun 22 Nov".to_owned(), "10:00".to_owned()));
    }
}
