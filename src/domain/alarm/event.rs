//! What happened to an alarm. Events are stored, and alone change its state. They carry ids only: names, numbers and
//! addresses stand in the plan beside them, which can be erased.
//!
//! Every stored form stays readable for ever: the fixtures of each schema version are folded in a test.

use crate::id::{GroupId, HouseholdId, LineId};
use crate::leg::{Channel, LegOutcome, Message, RouteName};
use crate::plan::PartyId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Version of the stored form of events. Raise it when a variant changes its shape, and keep reading the old one.
pub const EVENT_SCHEMA_VERSION: u16 = 1;

/// How the code was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerSource {
    /// Dialled: the code is in the INVITE.
    Dialled,
    /// Keyed in a call to an access number.
    Keyed,
    /// A hotline went off-hook and its grace passed.
    Hotline,
    /// By HTTP, from a PBX.
    Http,
}

/// Why we believe that the line is the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The line answered the digest challenge.
    Digest,
    /// A trusted trunk named the line.
    Trunk,
    /// An API token.
    Token,
    /// The call came from where the line is registered, but failed or left the digest: a *weak* alarm.
    Weak,
}

/// A recognised alarm code on a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// The line.
    pub line: LineId,
    /// The line's household.
    pub household: HouseholdId,
    /// The household's group.
    pub group: GroupId,
    /// The code, such as `#9`; empty for a hotline.
    pub code: Arc<str>,
    /// How it was heard.
    pub source: TriggerSource,
    /// Why we believe it.
    pub proof: Proof,
    /// What makes two reports of one press one: Call-ID and From-tag, or the idempotency key of an HTTP request.
    pub idempotency_key: Arc<str>,
}

/// Why a leg was ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegWhy {
    /// A wave.
    Wave,
    /// The number before it failed, so the party's next one is tried at once.
    NextNumber,
    /// The line was busy.
    BusyRetry,
    /// Nobody answered: the second ring.
    NoAnswerRetry,
    /// The carrier failed: another route at once.
    OtherRoute,
    /// #9 was pressed again.
    StillInDanger,
    /// A restart lost the leg before it.
    Restart,
    /// Told that enough are coming, that it is over, or that somebody takes it for a mistake.
    Notice,
}

/// A leg that was ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegStart {
    /// Number of the leg within the alarm.
    pub leg: u32,
    /// Whom.
    pub party: PartyId,
    /// Which of the party's numbers.
    pub number_index: u8,
    /// How.
    pub channel: Channel,
    /// What is said or written.
    pub message: Message,
}

/// How an answer came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum AnswerMeans {
    /// A key in this call.
    Key {
        /// Number of the leg.
        leg: u32,
    },
    /// A reply to this SMS.
    Reply {
        /// Number of the leg.
        leg: u32,
    },
    /// An operator, for the party.
    Api {
        /// Who: the name of the API token.
        actor: Arc<str>,
    },
}

/// Why a leg is no longer needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// Enough are coming.
    EnoughComing,
    /// The party answered by another leg.
    AnsweredElsewhere,
    /// The alarm is closed or cancelled.
    AlarmOver,
    /// Nobody drives it any more: it is ended, and ordered again where it is still wanted.
    Lost,
}

/// What it was, said when it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseOutcome {
    /// Somebody was in trouble.
    Genuine,
    /// Nobody was.
    FalseAlarm,
    /// An exercise.
    Drill,
    /// A test of the line.
    Test,
    /// Nobody knows.
    Unknown,
}

/// What happened to an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Event {
    /// It began.
    Raised {
        /// What was heard.
        trigger: Trigger,
        /// The alarm before it on the same line, when this one follows it.
        follows: Option<crate::id::AlarmId>,
    },
    /// A plan was frozen; its rows are stored beside.
    Planned {
        /// The plan's revision.
        revision: u16,
    },
    /// A wave of legs was ordered.
    WaveStarted {
        /// Counts the waves, from 0.
        wave: u16,
        /// The legs.
        legs: Vec<LegStart>,
    },
    /// Legs were ordered outside of a wave.
    LegsOrdered {
        /// Why.
        why: LegWhy,
        /// The legs.
        legs: Vec<LegStart>,
    },
    /// A leg is on the wire.
    LegPlaced {
        /// Number of the leg.
        leg: u32,
        /// Over this route.
        route: RouteName,
    },
    /// The phone rings.
    LegRinging {
        /// Number of the leg.
        leg: u32,
    },
    /// Somebody or something picked up.
    LegAnswered {
        /// Number of the leg.
        leg: u32,
    },
    /// The provider took the message.
    SmsAccepted {
        /// Number of the leg.
        leg: u32,
        /// The provider's own id of the message.
        reference: Arc<str>,
    },
    /// A leg ended.
    LegEnded {
        /// Number of the leg.
        leg: u32,
        /// How.
        outcome: LegOutcome,
    },
    /// A party is coming (1). A duty worker's 1 also takes the case.
    Acknowledged {
        /// Who.
        party: PartyId,
        /// How we know.
        means: AnswerMeans,
    },
    /// A party cannot come (2).
    Declined {
        /// Who.
        party: PartyId,
        /// How we know.
        means: AnswerMeans,
    },
    /// A party is at the door (3).
    Arrived {
        /// Who.
        party: PartyId,
        /// How we know.
        means: AnswerMeans,
    },
    /// A party has called 110 (4).
    PoliceCalled {
        /// Who.
        party: PartyId,
        /// How we know.
        means: AnswerMeans,
    },
    /// A party says that it is a mistake (7): recorded, told to the duty worker, stops nothing.
    SaidMistake {
        /// Who.
        party: PartyId,
        /// How we know.
        means: AnswerMeans,
    },
    /// As many are coming as were wanted.
    EnoughComing,
    /// #9 was pressed again.
    StillInDanger {
        /// What was heard.
        trigger: Trigger,
    },
    /// The alarm was withdrawn by somebody entitled to.
    Cancelled {
        /// Who: the name of the API token.
        actor: Arc<str>,
    },
    /// The alarm is over.
    Closed {
        /// Who: the name of the API token.
        actor: Arc<str>,
        /// What it was.
        outcome: CloseOutcome,
    },
}
