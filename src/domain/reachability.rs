//! How sure it is that a number reaches its person, and when somebody has to ask in person (docs/adr/0019-reachability.md).
//!
//! [`witness`](witness()) reads what an alarm or a drill has shown of its numbers; [`judge`] makes a state and a score of
//! it; [`holders`](holders()) says whose numbers there are. Only a person confirms: by a key, a reply, a call back, the
//! page, or face to face. Must not know a database, nor hold what it was told.

mod holders;
#[cfg(test)]
mod tests;
mod witness;

pub use holders::{Holder, Place, PlaceError, Who, holders, holders_of, on_duty};
pub use witness::{Sighting, witness};

use crate::id::AlarmId;
use crate::leg::Channel;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Misses after which a number is in doubt: one is a walk with the dog, two are a pattern.
const DOUBTFUL_AFTER: usize = 2;
/// Misses without any sign of life after which nobody is thought to be reached there: three alarms in which neither the
/// call was taken nor the SMS arrived.
const SILENT_AFTER: usize = 6;

/// What was seen of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A person pressed a key in our call.
    Key,
    /// A person replied to an SMS.
    Reply,
    /// The number called the alarm number.
    CallBack,
    /// A person answered on the page whose link went to the number.
    Page,
    /// Somebody asked in person.
    Visit,
    /// A loudspeaker took the call, which is all that one can do.
    Loudspeaker,
    /// The handset confirmed an SMS, or sent one that says nothing we understand.
    Delivered,
    /// It was picked up, and no key was pressed: voicemail, an announcement, a child.
    PickedUp,
    /// It rang, and nobody picked up.
    NoAnswer,
    /// It was busy.
    Busy,
    /// The call was refused.
    Rejected,
    /// An SMS did not arrive, or not in time.
    Undelivered,
    /// It wants no SMS of ours.
    SmsRefused,
    /// There is no such number.
    NoSuchNumber,
}

impl Evidence {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Key,
        Self::Reply,
        Self::CallBack,
        Self::Page,
        Self::Visit,
        Self::Loudspeaker,
        Self::Delivered,
        Self::PickedUp,
        Self::NoAnswer,
        Self::Busy,
        Self::Rejected,
        Self::Undelivered,
        Self::SmsRefused,
        Self::NoSuchNumber,
    ];

    /// Its name in the database and the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Reply => "reply",
            Self::CallBack => "call_back",
            Self::Page => "page",
            Self::Visit => "visit",
            Self::Loudspeaker => "loudspeaker",
            Self::Delivered => "delivered",
            Self::PickedUp => "picked_up",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Rejected => "rejected",
            Self::Undelivered => "undelivered",
            Self::SmsRefused => "sms_refused",
            Self::NoSuchNumber => "no_such_number",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// A person, or a device that is to answer by itself, was reached.
    #[must_use]
    pub fn confirms(self) -> bool {
        self.missed().is_none() && self != Self::Delivered
    }

    /// By which channel nobody was reached.
    fn missed(self) -> Option<Channel> {
        match self {
            Self::PickedUp | Self::NoAnswer | Self::Busy | Self::Rejected | Self::NoSuchNumber => {
                Some(Channel::Voice)
            }
            Self::Undelivered | Self::SmsRefused => Some(Channel::Sms),
            Self::Key
            | Self::Reply
            | Self::CallBack
            | Self::Page
            | Self::Visit
            | Self::Loudspeaker
            | Self::Delivered => None,
        }
    }
}

/// Something that was seen of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// When; the last time within one alarm.
    pub at: Timestamp,
    /// What.
    pub what: Evidence,
    /// In which alarm or drill; `None` at a visit.
    pub alarm: Option<AlarmId>,
}

/// All that is known of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Since when it is in the directory, as far as anybody noticed.
    pub since: Timestamp,
    /// What was seen of it, in any order.
    pub seen: Vec<Seen>,
}

/// How often the people of a household are asked in person.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum VisitClass {
    /// Each week: those who come and go (流动人口).
    Week,
    /// Each month: those who need care (重点人群).
    Month,
    /// Each half-year: everybody else.
    #[default]
    HalfYear,
}

impl VisitClass {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Week, Self::Month, Self::HalfYear];

    /// Its name in the database, in files and the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Month => "month",
            Self::HalfYear => "half_year",
        }
    }

    /// The class of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// How long a confirmation lasts.
    #[must_use]
    pub fn period(self) -> SignedDuration {
        SignedDuration::from_hours(match self {
            Self::Week => 24 * 7,
            Self::Month => 24 * 30,
            Self::HalfYear => 24 * 182,
        })
    }
}

/// What a number is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// There is no such number, or nothing was heard of it for a long time.
    Unreachable,
    /// Nobody was reached of late, or the confirmation is too old.
    Doubtful,
    /// Nobody has confirmed it yet, and nothing speaks against it.
    NeverConfirmed,
    /// Its person answered within the period of its class.
    Confirmed,
}

impl State {
    /// Every state, the worst first.
    pub const ALL: [Self; 4] =
        [Self::Unreachable, Self::Doubtful, Self::NeverConfirmed, Self::Confirmed];

    /// Its name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Doubtful => "doubtful",
            Self::NeverConfirmed => "never_confirmed",
            Self::Confirmed => "confirmed",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Why a number is worth that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no such number.
    NoSuchNumber,
    /// Missed so often, and no sign of life.
    Silent {
        /// How often, counted by alarm and channel.
        misses: usize,
    },
    /// Missed so often since a person last answered.
    Missed {
        /// How often, counted by alarm and channel.
        misses: usize,
    },
    /// The confirmation is older than the period of its class.
    LongAgo,
    /// No person has answered yet.
    NotYet,
    /// This was the last confirmation.
    Answered(Evidence),
}

/// The judgement of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// What it is worth.
    pub state: State,
    /// The same from 0 to 100: 75 and more where it is confirmed, below 10 where it is unreachable.
    pub points: u8,
    /// Why.
    pub why: Why,
    /// What was seen last.
    pub last: Option<Seen>,
    /// When and how a person last confirmed it.
    pub confirmed: Option<Seen>,
    /// When somebody has to ask in person: at the latest a period after the confirmation, and as soon as it is in doubt.
    pub due_at: Timestamp,
}

impl Score {
    /// Somebody has to ask in person now.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due_at <= now
    }
}

/// What speaks against a number since a person last answered.
struct Against {
    misses: usize,
    is_failed: bool,
    /// Something picked up or an SMS arrived meanwhile.
    is_alive: bool,
    last_at: Option<Timestamp>,
}

/// Judges a number by all that is known of it, in any order.
#[must_use]
pub fn judge(known: &Known, class: VisitClass, now: Timestamp) -> Score {
    let seen = known.seen.as_slice();
    let confirmed = seen.iter().filter(|seen| seen.what.confirms()).max().copied();
    let against = Against::of(seen, confirmed);
    let begins = confirmed.map_or(known.since, |seen| seen.at);
    let lapses_at = begins.saturating_add(class.period()).unwrap_or(Timestamp::MAX);
    let misses = against.misses;
    let fewer = u8::try_from(misses.min(8)).unwrap_or(8);
    let (state, points, why) = if against.is_failed {
        (State::Unreachable, 0, Why::NoSuchNumber)
    } else if SILENT_AFTER <= misses && !against.is_alive {
        (State::Unreachable, 5, Why::Silent { misses })
    } else if DOUBTFUL_AFTER <= misses {
        (State::Doubtful, 34_u8.saturating_sub(2 * fewer), Why::Missed { misses })
    } else if let Some(person) = confirmed {
        if now < lapses_at {
            let points = freshness(person.at, class, now).saturating_sub(5 * fewer);
            (State::Confirmed, points, Why::Answered(person.what))
        } else {
            (State::Doubtful, 60_u8.saturating_sub(5 * fewer), Why::LongAgo)
        }
    } else {
        let alive = if against.is_alive { 10 } else { 0 };
        (State::NeverConfirmed, (40_u8 + alive).saturating_sub(5 * fewer), Why::NotYet)
    };
    let in_doubt_at = match why {
        Why::NoSuchNumber | Why::Silent { .. } | Why::Missed { .. } => against.last_at,
        Why::LongAgo | Why::NotYet | Why::Answered(_) => None,
    };
    let due_at = in_doubt_at.map_or(lapses_at, |at| at.min(lapses_at));
    Score { state, points, why, last: seen.iter().max().copied(), confirmed, due_at }
}

impl Against {
    /// In an alarm in which its person answered, nothing counts against a number, whenever it was.
    fn of(seen: &[Seen], confirmed: Option<Seen>) -> Self {
        let since = confirmed.map(|seen| seen.at);
        let is_later = |seen: &&Seen| since.is_none_or(|since| since < seen.at);
        let answered: BTreeSet<AlarmId> =
            seen.iter().filter(|seen| seen.what.confirms()).filter_map(|seen| seen.alarm).collect();
        let is_unanswered =
            |seen: &&Seen| seen.alarm.is_none_or(|alarm| !answered.contains(&alarm));
        let delivered_at =
            seen.iter().filter(|seen| seen.what == Evidence::Delivered).map(|seen| seen.at).max();
        // An SMS that arrived says more than those before it that did not.
        let is_refuted = |at| delivered_at.is_some_and(|delivered| at <= delivered);
        let mut misses: BTreeSet<(Option<AlarmId>, Channel)> = BTreeSet::new();
        let mut against = Self {
            misses: 0,
            is_failed: false,
            is_alive: delivered_at.is_some_and(|at| since.is_none_or(|since| since < at)),
            last_at: None,
        };
        for seen in seen.iter().filter(is_later).filter(is_unanswered) {
            let Some(channel) = seen.what.missed() else { continue };
            let is_refuted = is_refuted(seen.at);
            against.is_alive |= seen.what == Evidence::PickedUp;
            against.is_failed |= seen.what == Evidence::NoSuchNumber && !is_refuted;
            if channel == Channel::Voice || !is_refuted {
                misses.insert((seen.alarm, channel));
                against.last_at = against.last_at.max(Some(seen.at));
            }
        }
        against.misses = misses.len();
        against
    }
}

/// 100 on the day of the confirmation, 80 when it lapses.
fn freshness(at: Timestamp, class: VisitClass, now: Timestamp) -> u8 {
    let age = now.duration_since(at).as_secs().max(0);
    let worn = age.saturating_mul(20) / class.period().as_secs().max(1);
    100 - u8::try_from(worn.min(20)).unwrap_or(20)
}
