//! One phone of an account, and where it is.

use crate::agent::api::Flow;
use jiff::Timestamp;

/// One contact of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The URI that the phone wants to be rung under, as it wrote it: the Request-URI of what we send there.
    pub contact: Box<str>,
    /// Where its REGISTER came from: where we send, whatever the URI says (NAT).
    pub flow: Flow,
    /// Call-ID of its last REGISTER.
    pub call_id: Box<str>,
    /// CSeq number of its last REGISTER.
    pub cseq: u32,
    /// `+sip.instance`, quotes removed (RFC 5626).
    pub instance: Option<Box<str>>,
    /// `reg-id` (RFC 5626).
    pub reg_id: Option<u32>,
    /// User-Agent, cut to a bound.
    pub user_agent: Option<Box<str>>,
    /// When it is lost unless it is refreshed.
    pub expires_at: Timestamp,
}

impl Binding {
    /// The Contact of the 200 (RFC 3261 10.3 step 8).
    pub(super) fn contact_value(&self, now: Timestamp) -> String {
        let left = self.expires_at.duration_since(now).as_secs().max(0);
        let mut value = format!("<{}>;expires={left}", self.contact);
        if let Some(instance) = &self.instance {
            value += &format!(";+sip.instance={}", crate::message::quote(instance));
        }
        if let Some(reg_id) = self.reg_id {
            value += &format!(";reg-id={reg_id}");
        }
        value
    }
}

/// Whether both come from one source: the same address and port, and on streams the same connection.
#[must_use]
pub fn is_same_source(left: &Flow, right: &Flow) -> bool {
    (left.transport, left.remote, left.connection)
        == (right.transport, right.remote, right.connection)
}
