//! Legs: one attempt each to reach one number by one channel. What is asked of a carrier, and what it tells.

use crate::digits::Key;
use crate::directory::Language;
use crate::handover::Notice;
use crate::id::LegId;
use crate::phone::PhoneNumber;
use crate::plan::{PartyId, Plan, Role};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The way in which a leg reaches somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A call.
    Voice,
    /// A text message.
    Sms,
}

/// What is said or written to the callee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Who needs help, where, what to press.
    Alarm,
    /// The same, from a line that is not proven: "from the telephone of ... or another on the same device".
    WeakAlarm,
    /// Your household raised an alarm; help is called.
    OwnHousehold,
    /// Still in danger: #9 was pressed again.
    StillInDanger,
    /// Enough are coming; thank you, you need not go.
    StandDown,
    /// The alarm was cancelled.
    Cancelled,
    /// To the duty worker: somebody who was called says that it is a mistake. It stops nothing.
    SaidMistake,
    /// What is the matter was named after you were told: an update.
    KindNamed,
    /// Enough are there to go in together; names the others who are coming. Before, [`Message::Alarm`] of such an alarm says to
    /// wait outside.
    GoTogether,
    /// You said that you are coming: are you there? 3 says yes, 1 that you are still on the way, 2 that you cannot.
    AreYouThere,
    /// The resident was made to withdraw the alarm: go on, be careful, say nothing on the telephone there.
    Duress,
    /// To the owner of the case: it waits for its end; close it and say what it was.
    CloseReminder,
    /// A drill is over, thank you.
    DrillOver,
    /// Your reply was not understood: 1 says that you are coming, 2 that you cannot.
    PleaseReply,
    /// To a worker at a change of shift: about a post, and no alarm. Never in the events of an alarm.
    HandOver,
    /// A drill will be held: told before it to those who will be called.
    DrillNotice,
}

impl Message {
    /// It asks somebody to come.
    #[must_use]
    pub fn calls_for_help(self) -> bool {
        match self {
            Self::Alarm
            | Self::WeakAlarm
            | Self::StillInDanger
            | Self::KindNamed
            | Self::GoTogether
            | Self::Duress => true,
            Self::OwnHousehold
            | Self::StandDown
            | Self::Cancelled
            | Self::SaidMistake
            | Self::AreYouThere
            | Self::CloseReminder
            | Self::DrillOver
            | Self::PleaseReply
            | Self::HandOver
            | Self::DrillNotice => false,
        }
    }
}

/// Which legs go first when slots are scarce. See `dispatch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// First waves.
    First,
    /// Retries of alarms that nobody answered yet; a quarter of the slots is theirs when they wait.
    UnansweredRetry,
    /// Other retries, stand-down notices.
    Retry,
    /// What is told of an alarm that is over: never before anything of one that is live.
    Notice,
    /// Exercises: never before anything real.
    Drill,
}

/// When a drill begins, as a call that announces it says it: by the clocks of the community.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Days from today.
    pub days: u8,
    /// Hour of the day.
    pub hour: u8,
    /// Minute of the hour.
    pub minute: u8,
}

/// What a carrier is asked to do. Everything it needs travels with it: it looks nothing up.
#[derive(Clone, Debug)]
pub struct LegOrder {
    /// The leg; asked twice for the same, a carrier acts once.
    pub leg: LegId,
    /// How.
    pub channel: Channel,
    /// Whom, as an index into the plan.
    pub party: PartyId,
    /// What the party is to the alarm.
    pub role: Role,
    /// Which of the party's numbers.
    pub number_index: u8,
    /// The number.
    pub number: PhoneNumber,
    /// The language to speak or write.
    pub language: Language,
    /// What to say or write.
    pub message: Message,
    /// Other alarms that the same call tells of and answers: their legs, with their plans. Empty as a rule; see `dispatch`.
    pub along: Vec<AlongLeg>,
    /// Who is coming, for messages that name them: parties of the plan, the callee left out.
    pub coming: Vec<PartyId>,
    /// Where the callee can see and answer by a page, for messages over routes that allow links.
    pub link: Option<Arc<str>>,
    /// When the drill begins that is announced.
    pub moment: Option<Moment>,
    /// How urgent it is when slots are scarce.
    pub class: Class,
    /// How long it may ring, in seconds.
    pub ring_timeout_s: u16,
    /// Routes that failed for this number in this wave; another one is used where there is one.
    pub routes_failed: Vec<RouteName>,
    /// The plan: where and who, for the words.
    pub plan: Arc<Plan>,
    /// When the alarm was raised.
    pub raised_at: Timestamp,
    /// What a [`Message::HandOver`] says; it belongs to no alarm. `None` for all others.
    pub hand_over: Option<Arc<Notice>>,
}

/// A leg of another alarm of the same building that goes in the same call.
#[derive(Clone, Debug)]
pub struct AlongLeg {
    /// The leg.
    pub leg: LegId,
    /// The plan of its alarm: where and who.
    pub plan: Arc<Plan>,
}

/// A route: a trunk, the registered lines, or a provider. Its name in the configuration.
pub type RouteName = Arc<str>;

/// What a carrier tells about a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum LegReport {
    /// On the wire, over this route.
    Placed {
        /// The route.
        route: RouteName,
    },
    /// The phone rings (180). Early media and 183 are no proof of that.
    Ringing,
    /// Somebody or something picked up; no proof of a person.
    Answered,
    /// The callee pressed a key.
    Key {
        /// The key.
        key: Key,
    },
    /// The provider took the message; no proof that it arrives.
    Accepted {
        /// The provider's own id of the message.
        reference: Arc<str>,
        /// The provider is to tell when it arrives.
        #[serde(default)]
        has_receipts: bool,
    },
    /// A delivery receipt: the message arrived at the handset.
    Delivered,
    /// SMS: a reply came that says nothing we understand.
    Unclear,
    /// SMS: the callee wants no more messages.
    OptedOut,
    /// It is over.
    Ended {
        /// How.
        outcome: LegOutcome,
    },
}

/// How a leg ended. A busy neighbour is not an error: it is what the plan works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegOutcome {
    /// Answered and a key was pressed that answers the question.
    Answered,
    /// Answered, no key: voicemail, an announcement, a child. Nobody was reached.
    AnsweredNoKey,
    /// Busy.
    Busy,
    /// Nobody picked up in time.
    NoAnswer,
    /// Refused by the callee.
    Declined,
    /// The number itself is wrong; an admin has to correct it.
    BadNumber,
    /// The carrier's fault, not the callee's.
    CarrierFailed,
    /// No provider takes another call to this number for a while; the party has other numbers.
    PutOff,
    /// We ended it ourselves, because it was no longer needed.
    Cancelled,
    /// SMS: arrived at the handset.
    Delivered,
    /// SMS: taken by the provider; nothing more is known.
    Sent,
    /// SMS: did not arrive.
    Undelivered,
    /// SMS: the callee refuses messages.
    OptedOut,
    /// SMS: the number takes no messages, such as a landline.
    NoSms,
    /// A restart found it without an end and could not take it up.
    Lost,
}

impl LegOutcome {
    /// Reads a final failure response to our INVITE (RFC 3261 21.3 to 21.6).
    #[must_use]
    pub fn of_failure(status: u16) -> Self {
        match status {
            486 | 600 => Self::Busy,
            408 | 480 | 487 => Self::NoAnswer,
            603 | 607 | 608 => Self::Declined,
            404 | 410 | 484 | 604 => Self::BadNumber,
            _ => Self::CarrierFailed,
        }
    }
}
