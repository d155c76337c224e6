//! What the agent tells: calls that come in, what becomes of ours, and why they end.

use super::{Bytes, CallHandle, Flow};
use crate::registrar::Supervision;
use std::sync::Arc;
use std::time::Duration;

/// Who calls, and how we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A line of ours, proven by digest.
    Line {
        /// Its account.
        account: Arc<str>,
    },
    /// Somebody behind a trusted trunk.
    Trunk {
        /// The trunk's name.
        trunk: Arc<str>,
        /// The number or account as the trunk asserts it; `None` if it says none.
        identity: Option<Arc<str>>,
    },
}

/// What was dialled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialled {
    /// The user part, percent-decoded once, without its parameters. Empty where there is none.
    pub user: String,
    /// The parameters of the user part as they came, without the first `;`.
    pub user_params: String,
    /// The Request-URI as it came.
    pub uri: String,
    /// X-Alarm-Code; only ever set on flows from trunks.
    pub alarm_code: Option<String>,
}

/// A call that came in and waits for a decision. 100 is sent already.
#[derive(Clone, Debug)]
pub struct IncomingCall {
    /// Its name from now on.
    pub call: CallHandle,
    /// Who calls.
    pub caller: Caller,
    /// What was dialled.
    pub dialled: Dialled,
    /// The body of the INVITE; `None` asks us to offer.
    pub offer: Option<Bytes>,
    /// Call-ID and From tag: the same for the same alarm, whichever way and node it reaches.
    pub idempotency_key: String,
    /// Diversion or History-Info says that somebody's call was forwarded here: no alarm of the one who forwarded.
    pub diverted: bool,
    /// Privacy asks not to show who calls to others.
    pub is_private: bool,
    /// Where it came from.
    pub flow: Flow,
}

/// A call in the name of a line that did not prove itself. The layer above may raise a weak alarm from it.
#[derive(Clone, Debug)]
pub struct Unproven {
    /// The account that was claimed; it exists.
    pub account: Arc<str>,
    /// What was dialled.
    pub dialled: Dialled,
    /// Whether it came from exactly the address, or the connection, of a live binding of that account.
    pub source_is_live_binding: bool,
    /// The call, if it still waits for an answer: to be accepted, or rejected with 403.
    pub call: Option<CallHandle>,
    /// The offer of that call.
    pub offer: Option<Bytes>,
    /// Call-ID and From tag.
    pub idempotency_key: String,
    /// Where it came from.
    pub flow: Flow,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// The other side hung up.
    Remote,
    /// We hung up, and the other side knows or did not answer.
    Local,
    /// Our 200 was never acknowledged (RFC 3261 13.3.1.4); we hung up.
    NoAck,
    /// The connection that carried the call was closed and cannot be opened from here.
    ConnectionLost,
    /// A leg from before a restart: it was cancelled, was unknown to the other side, or was hung up.
    Orphan,
}

/// Why a call that we made was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFailure {
    /// The final status; 408 when nobody answered at all, 487 when we cancelled.
    pub status: u16,
    /// The value of Reason, with the cause of the telephone network.
    pub reason: Option<String>,
    /// Retry-After.
    pub retry_after: Option<Duration>,
    /// Whether no final response came from the other side at all.
    pub is_local: bool,
}

/// What happened. Told in order; each call ends in exactly one of `Failed`, `Cancelled` and `Ended`, or by a `Reject`.
#[derive(Clone, Debug)]
pub enum Event {
    /// A call came in from a proven line or a trunk.
    IncomingCall(Box<IncomingCall>),
    /// A line's call came back from our challenge with a wrong proof.
    ChallengeFailed(Box<Unproven>),
    /// A line's call did not come back from our challenge in time. Where the network repeats an old INVITE this may
    /// follow the proven call itself: the idempotency key is the same.
    ChallengeUnanswered(Box<Unproven>),
    /// The caller gave up before we answered, or its connection broke, or nobody decided in time.
    Cancelled {
        /// The call.
        call: CallHandle,
    },
    /// The other side acknowledged a 200 of ours: to the first INVITE, or to one that changed the session.
    Confirmed {
        /// The call.
        call: CallHandle,
        /// Their answer, where the offer was ours.
        answer: Option<Bytes>,
    },
    /// An answered call is over.
    Ended {
        /// The call.
        call: CallHandle,
        /// Why.
        cause: EndCause,
    },
    /// An INFO in a call; answered with 200 already.
    Info {
        /// The call.
        call: CallHandle,
        /// Content-Type, lower case, without parameters.
        content_type: String,
        /// The body.
        body: Bytes,
    },
    /// The other side wants to change the session (hold, another address); to be answered by [`Command::AnswerSession`].
    SessionChange {
        /// The call.
        call: CallHandle,
        /// Their offer; `None` asks for ours.
        offer: Option<Bytes>,
    },
    /// A call that we make was taken (100 or better) by the next hop.
    Trying {
        /// The call.
        call: CallHandle,
    },
    /// Nothing at all came back over UDP for [`AgentConfig::trying_wait`]; the call goes on trying.
    NoTrying {
        /// The call.
        call: CallHandle,
    },
    /// It rings, or an announcement or a colour ring-back tone plays.
    Ringing {
        /// The call.
        call: CallHandle,
        /// 180 to 199.
        status: u16,
        /// The session description of early media, if there is one.
        early_media: Option<Bytes>,
    },
    /// Somebody, or some machine, answered.
    Answered {
        /// The call.
        call: CallHandle,
        /// The answer to our offer.
        sdp: Option<Bytes>,
    },
    /// A call that we made was not answered.
    Failed {
        /// The call.
        call: CallHandle,
        /// Why.
        failure: CallFailure,
    },
    /// A trunk answered a probe: it lives, unless with 503.
    ProbeAnswered {
        /// The probe.
        probe: u64,
        /// With what.
        status: u16,
    },
    /// A trunk did not answer a probe.
    ProbeLost {
        /// The probe.
        probe: u64,
    },
    /// A phone registered, moved, or fell silent.
    Line(Supervision),
}
