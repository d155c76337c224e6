//! The alarm: from the trigger to the close. A domain machine: `decide` changes nothing, `apply` alone changes the
//! state, also when the log is folded after a restart, and `effects` says what an applied event asks of the world.
//!
//! The switchboard runs decide → commit → apply → act. Nothing here reads a clock, logs or waits.

//!
//! - `state`: what an alarm remembers.  `ring`: who rings next, and when.
//! - `escalate`: which step is due, and who is wanted.  `matter`, `together`, `receipt`, `drill`: questions of these.
//! - `arrival`: who said that they come and is not there.  `case`: the door, PINs, the talk, the owner, the close.
//! - `decide`: an input becomes events.  `apply`: an event becomes state.  `effects`: an event becomes orders.

mod apply;
mod arrival;
mod case;
mod decide;
mod drill;
mod effects;
mod escalate;
mod event;
mod follow_up;
mod input;
mod matter;
mod next;
mod receipt;
mod reply;
mod ring;
mod state;
mod together;

pub use apply::FoldError;
pub use case::{CaseLimits, CaseStep, CaseTimes, Closing, StepState, follow_up_due};

pub use event::{
    AnswerMeans, CancelReason, CloseOutcome, EVENT_SCHEMA_VERSION, Event, LegStart, LegWhy,
    NamedBy, PlanWhy, Proof, Trigger, TriggerSource, WithdrawMeans,
};
pub use follow_up::{FOLLOW_UP_REMINDERS_MAX, Reminders, reminded};
pub use input::{Actor, Effect, Input, PinVerdict, ResidentNotice};
pub use next::Next;
pub use state::{Alarm, Coming, Leg, PartyState};

use jiff::{SignedDuration, Timestamp};

/// Where an alarm stands. How many are coming is told by [`Alarm::parties`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// People are called until enough are coming.
    Open,
    /// Withdrawn: everybody who was told is told. Rings nobody; waits for a close that says what it was.
    Cancelled {
        /// When.
        at: Timestamp,
    },
    /// Over.
    Closed {
        /// When.
        at: Timestamp,
        /// What it was.
        outcome: CloseOutcome,
    },
}

/// What an alarm waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deadline {
    /// The neighbours of a weak alarm are called, though no duty worker said so.
    Widen,
    /// The neighbours are called again.
    Wave,
    /// A duty worker is called again.
    DutyWave,
    /// A step of escalation is taken.
    Step,
    /// A receipt of an SMS is late.
    Receipt,
    /// What is the matter is told to those who were told of the alarm before.
    Update,
    /// A drill is over.
    DrillEnd,
    /// A number that was busy or not answered is called again.
    Retry,
    /// A leg of which nothing is heard is given up.
    LegOverdue,
    /// Somebody could not be told that the alarm is cancelled, and is told again.
    Notice,
    /// Who said that they are coming is asked where they are, or counts no longer.
    Arrival,
    /// The owner is reminded to close the case.
    Close,
}

/// What #9 on the line of an alarm means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// Still in danger: [`Input::PressedAgain`].
    Again,
    /// A new alarm, which follows this one.
    NewAlarm,
}

/// An alarm in which no person did anything for so long is a thing of the past, in hours.
const STALE_H: i64 = 2;

impl Alarm {
    /// Tells what #9 on the same line means now: after an arrival, after the end, after two hours in which nobody did
    /// anything, and in a drill it is a new alarm. That our own calls go on makes the old one no younger: whoever presses
    /// then is in trouble anew, and everybody rings as at the first time. The old one goes on until a person closes it.
    #[must_use]
    pub fn takes_another_press(&self, now: Timestamp) -> Press {
        let is_stale =
            SignedDuration::from_hours(STALE_H) <= now.duration_since(self.last_word_at());
        if self.is_over() || self.plan.is_drill || self.has_arrival() || is_stale {
            Press::NewAlarm
        } else {
            Press::Again
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
