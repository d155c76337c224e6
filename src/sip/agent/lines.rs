//! What the agent asks of the directory. Passed by reference with each packet, never kept.

use super::api::{Dialled, Flow};
use std::sync::Arc;

/// The directory as the agent sees it: a snapshot that answers at once.
pub trait Lines {
    /// Whether a line of this account exists.
    fn has_account(&self, account: &str) -> bool;

    /// HA1 of an account, in lower-case hexadecimal, for an algorithm and realm; `None` where there is none.
    fn ha1(&self, account: &str, algorithm: HashKind, realm: &str) -> Option<Arc<str>>;

    /// The trunk at the other end of a flow, if it is one.
    fn trunk(&self, flow: &Flow) -> Option<Trunk>;

    /// Whether what was dialled may raise an alarm: such calls use the reserved share when the agent is full.
    fn is_alarm(&self, dialled: &Dialled, account: Option<&str>) -> bool;

    /// Whether a binding of the account that another shard holds is exactly this flow.
    fn has_binding_elsewhere(&self, account: &str, flow: &Flow) -> bool;
}

/// The hash of a digest (RFC 8760).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashKind {
    /// RFC 2617.
    Md5,
    /// RFC 8760.
    Sha256,
}

/// A trunk: an address whose word we take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// Its name.
    pub name: Arc<str>,
    /// Whether From counts where no header asserts an identity.
    pub trusts_from: bool,
}
