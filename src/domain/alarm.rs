//! The alarm: from the trigger to the close. A domain machine: `decide` changes nothing, `apply` alone changes the
//! state, also when the log is folded after a restart, and `effects` says what an applied event asks of the world.
//!
//! The switchboard runs decide → commit → apply → act. Nothing here reads a clock, logs or waits.

mod event;
mod input;

pub use event::{
    AnswerMeans, CancelReason, CloseOutcome, EVENT_SCHEMA_VERSION, Event, LegStart, LegWhy, Proof,
    Trigger, TriggerSource,
};
pub use input::{Actor, Effect, Input, ResidentNotice};
