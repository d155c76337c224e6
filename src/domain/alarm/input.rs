//! What reaches an alarm, and what it asks of the world.

use super::event::{AnswerMeans, CancelReason, CloseOutcome, NamedBy, Trigger, WithdrawMeans};
use crate::digits::Key;
use crate::id::{AlarmId, LegId};
use crate::kind::AlarmKind;
use crate::leg::{LegOrder, LegReport};
use crate::plan::{PartyId, Plan};
use std::sync::Arc;

/// Who acts through the API: the name of their token.
pub type Actor = Arc<str>;

/// What happened outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// A carrier tells about one of our legs.
    Leg {
        /// Number of the leg.
        leg: u32,
        /// What it tells.
        report: LegReport,
    },
    /// #9 again, with a plan made now.
    PressedAgain {
        /// What was heard.
        trigger: Trigger,
        /// Today's plan; becomes the next revision.
        plan: Arc<Plan>,
    },
    /// A plan made now, for an alarm that has nobody to ring ([`Alarm::wants_plan`](super::Alarm::wants_plan)).
    Replanned {
        /// Today's plan; becomes the next revision.
        plan: Arc<Plan>,
    },
    /// An operator says that a party is coming.
    Acknowledge {
        /// Who comes.
        party: PartyId,
        /// Who says so.
        actor: Actor,
    },
    /// An operator says that a party is at the door.
    Arrive {
        /// Who is there.
        party: PartyId,
        /// Who says so.
        actor: Actor,
    },
    /// An operator withdraws the alarm.
    Cancel {
        /// Who.
        actor: Actor,
    },
    /// An operator closes the alarm.
    Close {
        /// Who.
        actor: Actor,
        /// What it was.
        outcome: CloseOutcome,
        /// What was the matter, if it was genuine and is known.
        matter: Option<AlarmKind>,
    },
    /// What is the matter was said: by a digit after the code, by an operator or a device.
    KindNamed {
        /// What it is.
        matter: AlarmKind,
        /// Who said it.
        by: NamedBy,
        /// The plan for it, made now; becomes the next revision.
        plan: Arc<Plan>,
    },
    /// A PIN was keyed, and compared outside.
    Withdraw {
        /// How.
        means: WithdrawMeans,
        /// Whether it is right.
        verdict: PinVerdict,
    },
    /// A telephone of a party called the alarm number. The answer is the leg in
    /// [`Event::CalledBack`](super::Event::CalledBack), whose keys come as [`LegReport::Key`].
    CalledBack {
        /// Whose.
        party: PartyId,
        /// Which of the party's numbers.
        number_index: u8,
    },
    /// A party answers, but not on one of our legs: by its page, or by an operator.
    Answered {
        /// Who.
        party: PartyId,
        /// What, as the key that says the same.
        key: Key,
        /// How we know.
        means: AnswerMeans,
    },
    /// The arrival code was dialled on the resident's own telephone.
    DoorReached,
    /// A silent code was keyed on the line of the alarm.
    Silence,
    /// A leg entered or left the talk.
    Talk {
        /// Number of the leg.
        leg: u32,
        /// It entered.
        is_in: bool,
    },
    /// A duty post has another holder.
    HandedOver {
        /// Today's plan; becomes the next revision.
        plan: Arc<Plan>,
    },
    /// An operator gives the case to somebody else.
    ChangeOwner {
        /// To whom.
        party: PartyId,
        /// Who says so.
        actor: Actor,
    },
    /// An operator has everybody called again who is not coming.
    CallAgain {
        /// Who says so.
        actor: Actor,
    },
    /// An operator has somebody called besides.
    AddParty {
        /// Whom, in the new plan.
        party: PartyId,
        /// Who says so.
        actor: Actor,
        /// The plan with them ([`Plan::with`]); becomes the next revision.
        plan: Arc<Plan>,
    },
    /// Somebody at a wall or a desk takes it in hand.
    TakeInHand {
        /// Who.
        actor: Actor,
    },
    /// A note was written.
    Note {
        /// Its number within the alarm.
        note: u32,
        /// Who wrote it.
        actor: Actor,
    },
    /// A real alarm was raised nearby: a drill ends.
    Yield {
        /// The real alarm.
        to: AlarmId,
    },
    /// A deadline of the alarm has passed.
    TimePassed,
    /// The process has restarted: legs that no carrier drives any more end as lost, and ringing goes on.
    ///
    /// Before it, recovery repeats the [`Effect::CancelLeg`] of the batch that was committed last: the crash may have come
    /// before they were carried out. Orders need not be repeated, for legs that were never placed are lost too.
    Restarted,
}

/// Whether a PIN is right. Compared outside: the core knows no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinVerdict {
    /// It withdraws the alarm.
    Right,
    /// It pretends to.
    Duress,
    /// It is wrong, or the household has none.
    Wrong,
}

/// What an event asks of the world. Safe to repeat: a leg is known by its id.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Reach somebody.
    Order(LegOrder),
    /// A leg is no longer needed: CANCEL what rings, let those who listen hear the end.
    CancelLeg {
        /// The leg.
        leg: LegId,
        /// Why.
        reason: CancelReason,
    },
    /// Say something to the resident, if the handset is still up.
    TellResident(ResidentNotice),
    /// Other words for a call that nobody has answered yet; the order is the same leg with its new words.
    Reword(LegOrder),
    /// The callee joins the talk with the resident and others of the alarm.
    JoinTalk {
        /// The leg.
        leg: LegId,
    },
}

/// What the resident hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResidentNotice {
    /// Neighbours are being called.
    HelpCalled {
        /// How many households are called, the duty worker not counted.
        households: u16,
    },
    /// A party is coming.
    Coming {
        /// Who, as an index into the plan.
        party: PartyId,
    },
    /// What is the matter was understood.
    KindHeard {
        /// What it is.
        matter: AlarmKind,
    },
    /// The alarm is withdrawn; also what is heard after the duress PIN.
    Cancelled,
    /// The PIN is wrong: try again.
    PinRefused,
}
