//! Many alarms in figures.

use super::Measured;
use crate::alarm::{CaseStep, CloseOutcome};
use crate::drill::report::percentile;
use jiff::Timestamp;

/// Times of one kind: how many there are, and how long half, nine of ten and nearly all of them took at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// How many alarms it is made of.
    pub count: u32,
    /// The median, in milliseconds.
    pub p50: Option<u64>,
    /// 90 of 100.
    pub p90: Option<u64>,
    /// 99 of 100.
    pub p99: Option<u64>,
}

impl Spread {
    /// Of these times, in milliseconds and any order.
    #[must_use]
    pub fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        let of = |percent| percentile(&times, percent);
        let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
        Self { count, p50: of(50), p90: of(90), p99: of(99) }
    }
}

/// What was late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Late {
    /// Real alarms of which it is known by when things had to be done.
    pub judged: u32,
    /// Of them, those where nobody was coming in time.
    pub accepted: u32,
    /// Of them, those where nobody was at the door in time.
    pub arrived: u32,
    /// Of them, those that were not closed in time.
    pub closed: u32,
    /// Households that were due to be asked how they are.
    pub follow_ups: u32,
    /// Of them, those that were asked.
    pub followed_up: u32,
    /// Of them, those that were asked too late, or are still to be asked though it is too late.
    pub follow_ups_late: u32,
}

/// The figures of many alarms. Drills are counted, and are in nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Real alarms.
    pub alarms: u32,
    /// Of them, those that nobody has closed yet, withdrawn ones among them.
    pub open: u32,
    /// Closed: somebody was in trouble.
    pub genuine: u32,
    /// Closed: nobody was.
    pub false_alarms: u32,
    /// Closed: a test or an exercise.
    pub tests: u32,
    /// Closed: nobody knows.
    pub unknown: u32,
    /// Those that are over and that nobody ever came to, nor said that they come; tests left out.
    pub nobody_came: u32,
    /// Drills, one for each household.
    pub drills: u32,
    /// From the press to the first telephone that rang.
    pub first_ring: Spread,
    /// From the press to the first answer.
    pub first_key: Spread,
    /// From the press to the first who was coming.
    pub coming: Spread,
    /// From the press to the first who was at the door.
    pub arrived: Spread,
    /// From the press to the close.
    pub closed: Spread,
    /// What was late.
    pub late: Late,
}

impl Figures {
    /// False alarms of a hundred of which it is known whether somebody was in trouble; `None` of none.
    #[must_use]
    pub fn false_percent(&self) -> Option<u8> {
        let known = u64::from(self.genuine) + u64::from(self.false_alarms);
        let percent = (u64::from(self.false_alarms) * 100 + known / 2).checked_div(known)?;
        u8::try_from(percent).ok()
    }
}

/// Counts alarms. Holds five numbers for each.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    figures: Figures,
    first_ring: Vec<u64>,
    first_key: Vec<u64>,
    coming: Vec<u64>,
    arrived: Vec<u64>,
    closed: Vec<u64>,
}

impl Tally {
    /// Counts an alarm, whose household was asked how it is at `followed_up_at`.
    pub fn add(&mut self, alarm: &Measured, followed_up_at: Option<Timestamp>, now: Timestamp) {
        let figures = &mut self.figures;
        if alarm.is_drill {
            figures.drills += 1;
            return;
        }
        figures.alarms += 1;
        let is_test = match alarm.closed.map(|(_, outcome)| outcome) {
            None => {
                figures.open += 1;
                false
            }
            Some(CloseOutcome::Genuine) => {
                figures.genuine += 1;
                false
            }
            Some(CloseOutcome::FalseAlarm) => {
                figures.false_alarms += 1;
                false
            }
            Some(CloseOutcome::Unknown) => {
                figures.unknown += 1;
                false
            }
            Some(CloseOutcome::Drill | CloseOutcome::Test) => {
                figures.tests += 1;
                true
            }
        };
        let is_over = alarm.closed.is_some() || alarm.cancelled_at.is_some();
        let came = alarm.coming_at.is_some() || alarm.arrived_at.is_some();
        figures.nobody_came += u32::from(is_over && !came && !is_test);
        let took = |at: Option<Timestamp>| {
            let took = at?.duration_since(alarm.raised_at).as_millis();
            Some(u64::try_from(took).unwrap_or_default())
        };
        self.first_ring.extend(took(alarm.first_ring_at));
        self.first_key.extend(took(alarm.first_key_at));
        self.coming.extend(took(alarm.coming_at));
        self.arrived.extend(took(alarm.arrived_at));
        self.closed.extend(took(alarm.closed.map(|(at, _)| at)));
        count_late(&mut figures.late, alarm, followed_up_at, now);
    }

    /// The figures of all that were counted.
    #[must_use]
    pub fn figures(self) -> Figures {
        Figures {
            first_ring: Spread::of(self.first_ring),
            first_key: Spread::of(self.first_key),
            coming: Spread::of(self.coming),
            arrived: Spread::of(self.arrived),
            closed: Spread::of(self.closed),
            ..self.figures
        }
    }
}

fn count_late(
    late: &mut Late,
    alarm: &Measured,
    followed_up_at: Option<Timestamp>,
    now: Timestamp,
) {
    for step in alarm.steps(now).into_iter().flatten() {
        let count = match step.step {
            CaseStep::Accepted => &mut late.accepted,
            CaseStep::Arrived => &mut late.arrived,
            CaseStep::Closed => &mut late.closed,
        };
        *count += u32::from(step.is_late);
    }
    late.judged += u32::from(alarm.limits.is_some());
    let Some(due_at) = alarm.follow_up_at() else { return };
    late.follow_ups += 1;
    late.followed_up += u32::from(followed_up_at.is_some());
    late.follow_ups_late += u32::from(due_at < followed_up_at.unwrap_or(now));
}
