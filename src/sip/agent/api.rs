//! What goes into the user agent and what comes out of it: flows, commands, events, configuration.
//!
//! Plain data. Knows no message type of SIP beyond strings and bodies, so that the shell and the layer that decides
//! about calls need nothing but this file.

mod event;

pub use event::{CallFailure, Caller, Dialled, EndCause, Event, IncomingCall, Unproven};

use crate::gate::GateConfig;
use crate::registrar::RegistrarConfig;
use crate::transaction::timers::TimerConfig;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Bytes on the wire, or a body. Shared, since a retransmission sends the same bytes again.
pub type Bytes = Arc<[u8]>;

/// How a message travels (RFC 3261 18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams: requests and responses are repeated until answered.
    Udp,
    /// A stream.
    Tcp,
    /// A stream under TLS.
    Tls,
}

impl Transport {
    /// Whether the transport itself repeats what is lost, so that transactions need not.
    #[must_use]
    pub fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls => true,
        }
    }

    /// The name in a Via header.
    #[must_use]
    pub fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }
}

/// Where a message came from or goes to: an address of ours, one of theirs, and the connection between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// The transport.
    pub transport: Transport,
    /// The socket that we listen on. Via and Contact name it, or what [`AgentConfig::advertised`] puts in its place.
    pub local: SocketAddr,
    /// The other side.
    pub remote: SocketAddr,
    /// Which connection of a stream transport. Zero on UDP; zero in a destination asks the shell to use a connection
    /// to `remote` or to open one.
    pub connection: u64,
}

/// Names one call of this agent.
///
/// The agent names inbound calls, with [`CallHandle::INBOUND`] set; the layer above names outbound ones, without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallHandle(pub u64);

impl CallHandle {
    /// The bit that tells inbound handles from outbound ones.
    pub const INBOUND: u64 = 1 << 63;

    /// Whether the agent made this handle, for a call that came in.
    #[must_use]
    pub fn is_inbound(self) -> bool {
        self.0 & Self::INBOUND != 0
    }
}

/// What an agent is told at its start.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// Which shard this agent is, 0 to 127. Part of the handles of inbound calls, so that they differ between shards.
    pub shard: u8,
    /// T1, T2 and T4 of all transactions (RFC 3261 17.1.1.1).
    pub timers: TimerConfig,
    /// What Via and Contact say in place of a local address: (socket, public address). Others are said as they are.
    pub advertised: Vec<(SocketAddr, SocketAddr)>,
    /// The protection realm of our challenges.
    pub realm: Arc<str>,
    /// The user part of our Contact.
    pub contact_user: Arc<str>,
    /// What Server and User-Agent say.
    pub product: Arc<str>,
    /// Limits of the gate.
    pub gate: GateConfig,
    /// Limits of the registrar.
    pub registrar: RegistrarConfig,
    /// Calls at once, both directions. Further ordinary ones get 503 with Retry-After.
    pub calls_max: usize,
    /// Of `calls_max`, how many are kept for alarm calls and for legs that ring neighbours.
    pub calls_reserved: usize,
    /// Inbound calls other than alarms at once from one address that is not a trunk; alarms may fill `calls_reserved`.
    pub calls_per_source_max: usize,
    /// Transactions at once. Above it, new requests other than alarm calls get 503 without state.
    pub transactions_max: usize,
    /// How long an incoming call may wait for [`Command::Accept`] or [`Command::Reject`]; it is refused with 480 then
    /// and told as cancelled.
    pub decision_wait: Duration,
    /// How long a challenged INVITE may take to come back before [`Event::ChallengeUnanswered`].
    pub challenge_wait: Duration,
    /// Without any answer to an INVITE over UDP for so long, [`Event::NoTrying`].
    pub trying_wait: Duration,
    /// How long an [`Command::Probe`] waits for its answer.
    pub probe_wait: Duration,
    /// What Retry-After says when we are full.
    pub retry_after: Duration,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            shard: 0,
            timers: TimerConfig::default(),
            advertised: Vec::new(),
            realm: Arc::from("lianfang"),
            contact_user: Arc::from("alarm"),
            product: Arc::from("lianfang"),
            gate: GateConfig::default(),
            registrar: RegistrarConfig::default(),
            calls_max: 20_000,
            calls_reserved: 10_000,
            calls_per_source_max: 64,
            transactions_max: 200_000,
            decision_wait: Duration::from_secs(30),
            challenge_wait: Duration::from_secs(1),
            trying_wait: Duration::from_millis(1_500),
            probe_wait: Duration::from_secs(4),
            retry_after: Duration::from_secs(5),
        }
    }
}

/// Identity of an outbound leg on the wire.
///
/// Derived by the layer above from the leg and its attempt alone, so that a restarted node can end what still rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegKey {
    /// The Call-ID.
    pub call_id: Arc<str>,
    /// Our From tag.
    pub from_tag: Arc<str>,
    /// What the branches of the leg are made from; letters, digits, `-` and `.` only.
    pub branch: Arc<str>,
}

/// The fixed part of an outbound leg: all that a CANCEL needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Identity on the wire.
    pub key: LegKey,
    /// The Request-URI, escaped as it goes out.
    pub uri: Arc<str>,
    /// Where the INVITE goes: a trunk's address or the flow of a binding.
    pub flow: Flow,
    /// The From header without its tag, for example `"x" <sip:95@example.org>`.
    pub from: Arc<str>,
    /// The To header, for example `<sip:+865925552222@example.org;user=phone>`.
    pub to: Arc<str>,
    /// Values of Route headers, in order; mostly none.
    pub routes: Vec<Arc<str>>,
}

/// What a trunk asks us to prove with. Used only for a challenge of this realm that came from the leg's own address.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The only realm that is answered. `None` answers whatever realm the trunk's own address names.
    pub realm: Option<Arc<str>>,
    /// User name.
    pub username: Arc<str>,
    /// Password.
    pub password: Arc<str>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({:?}, {}, ***)", self.realm, self.username)
    }
}

/// A call to be made.
#[derive(Clone, Debug)]
pub struct OutboundInvite {
    /// The caller's name for the call, without [`CallHandle::INBOUND`].
    pub call: CallHandle,
    /// Whom to ring and how.
    pub leg: Leg,
    /// Further headers, name and value: P-Asserted-Identity, Priority, Alert-Info and the like.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// The offer.
    pub sdp: Bytes,
    /// For trunks that challenge calls.
    pub credentials: Option<Arc<Credentials>>,
}

/// How a call that came in is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// A status of 300 to 699.
    pub status: u16,
    /// The Contact of a 302.
    pub contact: Option<Arc<str>>,
    /// Further headers, name and value.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
}

/// What the layer above asks for. Commands about a call that is over do nothing: its end was told already or is under way.
#[derive(Clone, Debug)]
pub enum Command {
    /// Sends 180 to a call that came in.
    Ringing {
        /// The call.
        call: CallHandle,
    },
    /// Answers a call that came in with 200.
    Accept {
        /// The call.
        call: CallHandle,
        /// Our answer, or our offer where the INVITE had none.
        sdp: Bytes,
    },
    /// Refuses a call that came in.
    Reject {
        /// The call.
        call: CallHandle,
        /// With what.
        rejection: Rejection,
    },
    /// Answers [`Event::SessionChange`].
    AnswerSession {
        /// The call.
        call: CallHandle,
        /// Our new session description; `None` refuses the change with 488, and the session stays as it was.
        sdp: Option<Bytes>,
    },
    /// Rings somebody. A handle that is in use already is left alone.
    Invite(Box<OutboundInvite>),
    /// Stops ringing (RFC 3261 9.1); a call that was answered meanwhile is hung up.
    Cancel {
        /// The call.
        call: CallHandle,
        /// The value of a Reason header (RFC 3326).
        reason: Option<Arc<str>>,
    },
    /// Ends a call of either direction, whatever its stage: BYE once answered (after the ACK of our 200), CANCEL while it
    /// rings, 480 while it waits for a decision.
    Hangup {
        /// The call.
        call: CallHandle,
    },
    /// Ends a leg that this process knows nothing of any more, because it was restarted meanwhile.
    CancelOrphan {
        /// The name under which its end is told: [`Event::Ended`] with [`EndCause::Orphan`].
        call: CallHandle,
        /// The leg as it was sent.
        leg: Box<Leg>,
        /// Whether the leg had credentials, so that its INVITE may have been sent a second time.
        had_credentials: bool,
    },
    /// Asks a trunk by OPTIONS whether it lives.
    Probe {
        /// The caller's name for the probe.
        probe: u64,
        /// Where to.
        flow: Flow,
        /// The Request-URI.
        uri: Arc<str>,
    },
}

/// What the agent asks of the shell.
#[derive(Clone, Debug)]
pub enum Output {
    /// Bytes to send: one datagram, or one message into a stream.
    Transmit {
        /// Where to.
        flow: Flow,
        /// What.
        bytes: Bytes,
    },
    /// Something to decide upon.
    Event(Event),
}

/// What the agent counted since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that came in.
    pub received: u64,
    /// Messages that went out, repetitions included.
    pub sent: u64,
    /// Repetitions of ours.
    pub retransmitted: u64,
    /// Repetitions of theirs that were absorbed or answered again.
    pub repeated: u64,
    /// What the gate or the reader dropped without an answer.
    pub dropped: u64,
    /// What the gate or the reader refused.
    pub refused: u64,
    /// Requests answered with 503 because a bound was reached.
    pub shed: u64,
    /// Responses that belonged to nothing.
    pub stray: u64,
    /// Challenges sent.
    pub challenged: u64,
    /// Wrong proofs.
    pub proofs_wrong: u64,
}

/// What the agent holds now. All zero once everything is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Calls of both directions.
    pub calls: usize,
    /// Transactions of all four kinds.
    pub transactions: usize,
    /// Timers set, dead ones that were not yet removed included.
    pub timers: usize,
    /// Challenges that wait for their answer.
    pub challenges: usize,
}
