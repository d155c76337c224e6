//! When a drill may ring: hours of the day by the clocks of the community, not on public holidays.

use super::{DOOR_LASTS, Drill};
use crate::directory::Community;
use crate::policy::DrillRules;
use crate::roster::{Calendar, DayKind};
use jiff::civil::{Date, Time, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Days looked through for the next hour in which a drill may ring.
const DAYS_MAX: usize = 40;

/// A span of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// From this time of the day.
    pub from: Time,
    /// Until this time of the day.
    pub until: Time,
}

/// Hours in which people are awake, do not eat and do not rest.
const USUAL: [Hours; 2] = [
    Hours { from: time(9, 0, 0, 0), until: time(11, 30, 0, 0) },
    Hours { from: time(14, 30, 0, 0), until: time(17, 30, 0, 0) },
];

/// The moments at which a door may begin.
#[derive(Clone, Debug)]
pub struct Windows {
    hours: Vec<Hours>,
    on_holidays: bool,
    /// What the policies of the doors say of hours, the narrowest of them.
    rules: DrillRules,
    zone: TimeZone,
    calendar: Calendar,
}

impl Windows {
    /// Those of a drill in its community, within what the policies of its doors allow.
    #[must_use]
    pub fn of(drill: &Drill, community: &Community, rules: DrillRules) -> Self {
        let mut hours = if drill.hours.is_empty() { USUAL.to_vec() } else { drill.hours.clone() };
        hours.sort_by_key(|hours| hours.from);
        Self {
            hours,
            on_holidays: drill.on_holidays,
            rules,
            zone: community.roster.zone().clone(),
            calendar: community.roster.calendar().clone(),
        }
    }

    /// Whether a door may begin now.
    #[must_use]
    pub fn has(&self, at: Timestamp) -> bool {
        self.next(at) == Some(at)
    }

    /// The first moment from `at` on at which a door may begin; `None` if there is none within weeks.
    #[must_use]
    pub fn next(&self, at: Timestamp) -> Option<Timestamp> {
        let mut date = at.to_zoned(self.zone.clone()).date();
        for _ in 0..DAYS_MAX {
            let spans = self.hours.iter().filter_map(|hours| self.span(date, *hours));
            let next = spans.filter(|(_, until)| at < *until).map(|(from, _)| from.max(at)).min();
            if let Some(next) = next.filter(|_| self.is_open(date)) {
                return Some(next);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn is_open(&self, date: Date) -> bool {
        self.on_holidays || self.calendar.kind(date) != DayKind::Holiday
    }

    /// The moments of a span on a day; the last door begins early enough to have rung out at its end.
    fn span(&self, date: Date, hours: Hours) -> Option<(Timestamp, Timestamp)> {
        let hour =
            |hour: u8| i8::try_from(hour).ok().and_then(|hour| Time::new(hour, 0, 0, 0).ok());
        let from = hours.from.max(hour(self.rules.from_hour)?);
        let until = hour(self.rules.until_hour).map_or(hours.until, |until| until.min(hours.until));
        let moment = |time: Time| self.zone.to_timestamp(date.to_datetime(time)).ok();
        let last = moment(until)?.saturating_sub(DOOR_LASTS).ok()?;
        let from = moment(from)?;
        (SignedDuration::ZERO < last.duration_since(from)).then_some((from, last))
    }
}
