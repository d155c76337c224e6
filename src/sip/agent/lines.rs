//! What the agent asks of the directory. Passed by reference with each packet, never kept.

use super::api::{Dialled, Flow};
use crate::digest::{ChallengeOffer, Secrets};
use std::sync::Arc;

/// The directory as the agent sees it: a snapshot that answers at once.
pub trait Lines {
    /// The account's HA1; `None` where no such line exists.
    fn secrets(&self, account: &str) -> Option<Secrets>;

    /// What the account is challenged with. Asked for unknown accounts too, to be answered as for any known one.
    fn challenge_offer(&self, account: &str) -> ChallengeOffer;

    /// The trunk at the other end of a flow, if it is one.
    fn trunk(&self, flow: &Flow) -> Option<Trunk>;

    /// Whether what was dialled may raise an alarm: such calls use the reserved share when the agent is full.
    fn is_alarm(&self, dialled: &Dialled, account: Option<&str>) -> bool;

    /// Whether a binding of the account that another shard holds is exactly this flow.
    fn has_binding_elsewhere(&self, account: &str, flow: &Flow) -> bool;
}

/// A trunk: an address whose word we take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// Its name.
    pub name: Arc<str>,
    /// Whether From counts where no header asserts an identity.
    pub trusts_from: bool,
}
