//! Who is reminded, and when, that nobody was seen to have asked a household how it is after its alarm.
//!
//! Must not decide that a follow-up is due: [`Closing::follow_up_at`] says that.

use super::case::Closing;
use super::state::after;
use crate::id::WorkerId;
use crate::plan::{Party, PartyNumber, Plan, Role};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Reminders of one follow-up; after them it stands in the list of what is overdue, and nowhere else.
pub const FOLLOW_UP_REMINDERS_MAX: u8 = 3;
/// From one reminder to the next, in seconds: the same hour of the next day is far enough.
const PAUSE_S: u64 = 20 * 3600;
/// Hours of the community's day in which people are reminded; a household is not visited at night.
const HOURS: std::ops::Range<i8> = 8..20;

/// Reminders of one follow-up that were sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reminders {
    /// How many.
    pub times: u8,
    /// When the last one was.
    pub last_at: Option<Timestamp>,
}

impl Reminders {
    /// Whether another one may be sent at all: there were not too many, and the last was long enough ago.
    #[must_use]
    pub fn leave_room(self, now: Timestamp) -> bool {
        let is_rested = self.last_at.is_none_or(|last| after(last, PAUSE_S) <= now);
        self.times < FOLLOW_UP_REMINDERS_MAX && is_rested
    }
}

impl Closing {
    /// Whether somebody is to be reminded now of the call or visit, which nobody has made.
    #[must_use]
    pub fn is_reminder_due(&self, sent: Reminders, zone: &TimeZone, now: Timestamp) -> bool {
        self.follow_up_at.is_some_and(|due| due <= now)
            && sent.leave_room(now)
            && HOURS.contains(&now.to_zoned(zone.clone()).hour())
    }
}

/// Who is reminded, by a plan of today: the worker who owned the case if they are in it, else the duty workers who would be
/// called at once, else the first who would be called later. One number of each.
#[must_use]
pub fn reminded(plan: &Plan, owner: Option<WorkerId>) -> Vec<&PartyNumber> {
    let workers = plan.parties.iter().filter(|party| party.role == Role::DutyWorker);
    let reached: Vec<&Party> =
        workers.filter(|party| party.numbers.iter().any(|number| number.has_sms)).collect();
    let owns = |party: &&&Party| owner.is_some() && party.worker == owner;
    let first = reached.iter().map(|party| party.step).min();
    let mut chosen: Vec<&&Party> = reached.iter().filter(owns).collect();
    if chosen.is_empty() {
        chosen = reached.iter().filter(|party| Some(party.step) == first).collect();
    }
    chosen.into_iter().filter_map(|party| party.numbers.iter().find(|it| it.has_sms)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::CloseOutcome;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn is_reminded_by_day_once_a_day_and_three_times() {
        let zone = TimeZone::get("Asia/Shanghai").expect("a zone");
        let closing = Closing {
            at: at("2026-11-21T19:00:00Z"),
            outcome: CloseOutcome::Genuine,
            matter: None,
            by: None,
            // Three at night there.
            follow_up_at: Some(at("2026-11-22T19:00:00Z")),
        };
        let mut sent = Reminders::default();
        let mut reminded = Vec::new();
        let mut now = closing.at;
        while now < at("2026-12-01T00:00:00Z") {
            if closing.is_reminder_due(sent, &zone, now) {
                sent = Reminders { times: sent.times + 1, last_at: Some(now) };
                reminded.push(now.to_string());
            }
            now = after(now, 600);
        }
        assert_eq!(
            reminded,
            ["2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"]
        );
        let needless = Closing { follow_up_at: None, ..closing };
        assert!(!needless.is_reminder_due(Reminders::default(), &zone, now));
    }
}
