//! What reaches an alarm, and what it asks of the world.

use super::event::{CancelReason, CloseOutcome, Trigger};
use crate::id::LegId;
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
    },
    /// A deadline of the alarm has passed.
    TimePassed,
    /// The process has restarted: legs that no carrier drives any more end as lost, and ringing goes on.
    ///
    /// Before it, recovery repeats the [`Effect::CancelLeg`] of the batch that was committed last: the crash may have come
    /// before they were carried out. Orders need not be repeated, for legs that were never placed are lost too.
    Restarted,
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
}
