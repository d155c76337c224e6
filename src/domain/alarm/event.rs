//! What happened to an alarm. Events are stored, and alone change its state. They carry ids only: names, numbers and
//! addresses stand in the plan beside them, which can be erased.
//!
//! Every stored form stays readable for ever: the fixtures of each schema version are folded in a test.

mod person;

use crate::id::{AlarmId, GroupId, HouseholdId, LineId};
use crate::kind::AlarmKind;
use crate::leg::{Channel, LegOutcome, Message, RouteName};
use crate::plan::PartyId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Version of the stored form of events. Raise it when a variant changes its shape, and keep reading the old one.
pub const EVENT_SCHEMA_VERSION: u16 = 2;

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
    /// A drill began. The plan says so too.
    Drill,
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
    /// A step of escalation.
    Step,
    /// The SMS has no receipt, so the number is called.
    ReceiptLate,
    /// They said that they are coming and are not there.
    ArrivalCheck,
    /// They called the alarm number themselves.
    CallBack,
    /// Another holder of a duty post, in the middle of the alarm.
    HandOver,
    /// An operator had them called besides.
    Added,
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
    /// The page that was linked in an SMS to this number of the party.
    Page {
        /// Which of the party's numbers.
        number_index: u8,
    },
    /// The resident's own telephone: somebody at the door dialled the arrival code there.
    Line,
}

/// How somebody asked for an alarm to be withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum WithdrawMeans {
    /// 0 and a PIN in the resident's call.
    Resident,
    /// A PIN in a call to the alarm number, from this telephone of the household in trouble.
    CallBack {
        /// Which of the numbers of the household in trouble.
        number_index: u8,
    },
    /// An operator.
    Api {
        /// Who: the name of the API token.
        actor: Arc<str>,
    },
}

/// Who said what is the matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum NamedBy {
    /// A digit after the code.
    Resident,
    /// An operator or a device.
    Api {
        /// Who: the name of the API token.
        actor: Arc<str>,
    },
}

/// Why a plan was made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanWhy {
    /// #9 was pressed again.
    StillInDanger,
    /// Nobody was left to ring.
    NobodyToRing,
    /// What is the matter was named, and another policy holds for it.
    KindNamed,
    /// A duty post has another holder.
    HandOver,
    /// An operator added somebody.
    PartyAdded,
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
        follows: Option<AlarmId>,
    },
    /// A plan was frozen; its rows are stored beside.
    Planned {
        /// The plan's revision.
        revision: u16,
        /// Why there is another one; `None` for the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<PlanWhy>,
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
        /// The provider tells when it arrives: without that word in time it is late.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        has_receipts: bool,
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
        /// Who: the name of the API token; empty when it was done by telephone.
        actor: Arc<str>,
        /// How; `None` in logs that are older than the field: by an operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        means: Option<WithdrawMeans>,
    },
    /// The alarm is over.
    Closed {
        /// Who: the name of the API token; empty when it was done by telephone.
        actor: Arc<str>,
        /// What it was.
        outcome: CloseOutcome,
        /// What was the matter, if it was genuine and somebody said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        matter: Option<AlarmKind>,
        /// The party that closed it, by telephone or page.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PartyId>,
    },
    /// What is the matter was said, or said anew.
    KindNamed {
        /// What it is. `kind` is the tag of the event.
        matter: AlarmKind,
        /// Who said it.
        by: NamedBy,
    },
    /// A step of escalation was taken: its parties are called from now on.
    Escalated {
        /// Which; see [`Plan::steps`](crate::plan::Plan::steps), counted from 1.
        step: u8,
    },
    /// An SMS has no receipt in time.
    ReceiptLate {
        /// Number of the leg.
        leg: u32,
    },
    /// Somebody who was called, or should have been, called the alarm number: the call is a leg, answered from the start.
    CalledBack {
        /// The leg.
        leg: LegStart,
    },
    /// Who said that they are coming did not arrive and does not answer: they no longer count.
    AcknowledgementLapsed {
        /// Who.
        party: PartyId,
    },
    /// Somebody is at the door, told from the resident's own telephone; nobody knows who.
    DoorReached,
    /// A wrong PIN, or one where none is set.
    PinRefused {
        /// How it was tried.
        means: WithdrawMeans,
    },
    /// The duress PIN: it sounded like a cancel. The alarm goes on.
    Duress {
        /// How it was told.
        means: WithdrawMeans,
    },
    /// The case has another owner. The first is who accepted first: that needs no event.
    OwnerChanged {
        /// Who.
        party: PartyId,
        /// Who said so: the name of the API token.
        actor: Arc<str>,
    },
    /// The owner of the case was reminded of a step that is late.
    Reminded {
        /// Counts the reminders of the alarm, from 1.
        times: u16,
    },
    /// Somebody wrote a note; its text stands in a row beside, where it can be erased.
    NoteAdded {
        /// Number of the note within the alarm.
        note: u32,
        /// Who: the name of the API token, or empty when a party wrote it on its page.
        actor: Arc<str>,
    },
    /// A called person joined the talk with the resident.
    TalkJoined {
        /// Number of the leg.
        leg: u32,
    },
    /// And left it.
    TalkLeft {
        /// Number of the leg.
        leg: u32,
    },
    /// A duty worker wants to close it (6): the next key says what it was.
    CloseAsked {
        /// Who.
        party: PartyId,
        /// How.
        means: AnswerMeans,
    },
    /// A reply to an SMS that says nothing we understand: it counts for nothing.
    ReplyUnclear {
        /// Number of the leg.
        leg: u32,
    },
    /// The callee wants no more SMS: none goes to the number in this alarm.
    SmsRefused {
        /// Number of the leg.
        leg: u32,
    },
    /// The line is to hear nothing more, by a silent code that was keyed after the alarm began.
    Silenced,
    /// An operator has everybody called again who is not coming; the wave follows.
    CalledAgain {
        /// Who: the name of the API token.
        actor: Arc<str>,
    },
    /// An operator has somebody called besides; the plan with them follows.
    PartyAdded {
        /// Whom.
        party: PartyId,
        /// Who says so: the name of the API token.
        actor: Arc<str>,
    },
    /// Somebody at a wall or a desk takes it in hand: the sound of the walls ends. Stops no telephone.
    TakenInHand {
        /// Who: the name of the API token.
        actor: Arc<str>,
    },
    /// A drill gave way to a real alarm and ended.
    Yielded {
        /// The real alarm.
        to: AlarmId,
    },
}
