//! The user agent: gate, reader, transactions, dialogs, registrar and calls composed into one machine without I/O.
//!
//! One instance is one shard: it shares nothing with others. Packets, commands and the time go in; after each input
//! [`UserAgent::poll_output`] is drained and [`UserAgent::poll_timeout`] asked, as for every machine here. Requests
//! inside a dialog always go back along the flow that carried the call, never to an address that a message names:
//! that reaches phones behind NAT, and nobody can aim us at a third party.
//!
//! Must not know alarms, groups or media. Read on in `inbound` (calls of others), `outbound` (ours) and `session`
//! (what happens inside).

pub mod api;
mod calls;
mod compose;
mod inbound;
mod invite;
pub mod lines;
mod orphan;
mod outbound;
mod probe;
mod register;
mod session;
mod table;
mod timers;
mod wire;

#[cfg(test)]
mod tests;

use crate::digest::{DigestConfig, DigestServer};
use crate::gate::Gate;
use crate::message::{Method, Request, Response};
use crate::registrar::Registrar;
use crate::transaction::{Fired, Transaction};
use api::{AgentConfig, Bytes, CallHandle, Command, Counters, Event, Flow, Load, Output};
use calls::{Call, Challenge};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use lines::Lines;
use sha2::Sha256;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use table::{Key, Owner, Table};
use timers::{Armed, Timers, Wake};

/// How long a nonce is good that no binding keeps alive.
const NONCE_LIFETIME: Duration = Duration::from_secs(300);
/// Most nonces in use: about 4 MB.
const NONCES_MAX: usize = 65_536;

/// Why the agent wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentTimer {
    /// A transaction repeats something, gives up or is over.
    Transaction,
    /// A call repeats its 200, gives up waiting for an ACK, or had no answer at all.
    Call,
    /// A challenge was not answered in time.
    Challenge,
    /// A binding expires.
    Binding,
}

/// One shard of the user agent.
pub struct UserAgent {
    config: AgentConfig,
    counters: Counters,
    /// Makes tags and branches that nobody can guess.
    mac: Hmac<Sha256>,
    made: u64,
    transactions: Table,
    calls: HashMap<CallHandle, Call>,
    /// Calls that have a dialog, by Call-ID and our tag.
    dialogs: HashMap<Arc<str>, CallHandle>,
    /// Inbound calls by address, trunks left out.
    sources: HashMap<IpAddr, usize>,
    /// Calls on connections that a peer opened.
    connections: BTreeSet<(u64, CallHandle)>,
    challenges: HashMap<Arc<str>, Challenge>,
    timers: Timers,
    outputs: VecDeque<Output>,
    gate: Gate,
    digest: DigestServer,
    registrar: Registrar,
    /// The registrar's timer in the heap.
    registrar_armed: Armed,
}

impl std::fmt::Debug for UserAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserAgent").field("load", &self.load()).finish_non_exhaustive()
    }
}

/// A packet's surroundings.
#[derive(Clone, Copy)]
struct Scene<'a> {
    flow: Flow,
    lines: &'a dyn Lines,
    now: Timestamp,
}

impl UserAgent {
    /// An agent without calls. `seed` has to be random and its own: tags, branches and nonces come from it.
    #[must_use]
    pub fn new(config: AgentConfig, seed: &[u8; 32], now: Timestamp) -> Self {
        let digest = DigestConfig {
            realm: config.realm.as_ref().to_owned(),
            nonce_lifetime: NONCE_LIFETIME,
            nonces_max: NONCES_MAX,
        };
        let registrar = Registrar::new(config.registrar.clone());
        Self {
            gate: Gate::new(config.gate.clone(), now),
            digest: DigestServer::new(digest, seed, now),
            mac: Hmac::<Sha256>::new_from_slice(seed).expect("HMAC takes keys of any length"),
            config,
            counters: Counters::default(),
            made: 0,
            transactions: Table::default(),
            calls: HashMap::new(),
            dialogs: HashMap::new(),
            sources: HashMap::new(),
            connections: BTreeSet::new(),
            challenges: HashMap::new(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            registrar,
            registrar_armed: Armed::default(),
        }
    }

    /// Takes a datagram, or one message of a stream.
    pub fn on_packet(&mut self, flow: Flow, bytes: &[u8], lines: &dyn Lines, now: Timestamp) {
        self.counters.received = self.counters.received.saturating_add(1);
        self.read(bytes, Scene { flow, lines, now });
    }

    fn on_request(&mut self, mut request: Request, scene: Scene<'_>) {
        let Some(asked) = wire::Asked::new(&mut request, scene.flow) else {
            self.counters.dropped = self.counters.dropped.saturating_add(1);
            return;
        };
        if request.method == Method::Ack {
            self.on_ack(&request, &asked, scene.now);
        } else if !self.answer_repeated(&asked) {
            self.on_new_request(request, asked, scene);
        }
    }

    /// A connection was closed by the other side, or broke. Calls on it are over, as nothing more can be said in them.
    pub fn on_stream_closed(&mut self, flow: Flow, now: Timestamp) {
        let first = (flow.connection, CallHandle(0));
        let last = (flow.connection, CallHandle(u64::MAX));
        let lost: Vec<CallHandle> =
            self.connections.range(first..=last).map(|(_, call)| *call).collect();
        for call in lost.into_iter().filter(|_| flow.connection != 0) {
            self.lose_call(call, now);
        }
        if flow.connection != 0 {
            self.registrar.on_connection_closed(flow.connection);
            self.tell_supervision(now);
        }
    }

    /// Does what the layer above asks for.
    pub fn command(&mut self, command: Command, now: Timestamp) {
        match command {
            Command::Ringing { call } => self.ring(call, now),
            Command::Accept { call, sdp } => self.accept(call, &sdp, now),
            Command::Reject { call, rejection } => self.reject(call, &rejection, now),
            Command::AnswerSession { call, sdp } => self.answer_session(call, sdp.as_deref(), now),
            Command::Invite(invite) => self.invite(*invite, now),
            Command::Cancel { call, reason } => self.cancel(call, reason, now),
            Command::Hangup { call } => self.hang_up(call, now),
            Command::CancelOrphan { call, leg, had_credentials } => {
                self.cancel_orphan(call, *leg, had_credentials, now);
            }
            Command::Probe { probe, flow, uri } => self.probe((probe, &uri), flow, now),
        }
    }

    /// When to call [`UserAgent::on_timeout`], and why. May come early; then nothing happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, AgentTimer)> {
        self.timers.next().map(|(at, wake)| {
            let timer = match wake {
                Wake::Transaction(_) => AgentTimer::Transaction,
                Wake::Call(_) => AgentTimer::Call,
                Wake::Challenge(_) => AgentTimer::Challenge,
                Wake::Registrar => AgentTimer::Binding,
            };
            (at, timer)
        })
    }

    /// Lets time pass.
    pub fn on_timeout(&mut self, now: Timestamp) {
        while let Some((at, wake)) = self.timers.pop_due(now) {
            match wake {
                Wake::Transaction(key) => self.wake_transaction(&key, at, now),
                Wake::Call(call) => self.wake_call(call, at, now),
                Wake::Challenge(key) => self.wake_challenge(&key, at),
                Wake::Registrar => self.wake_registrar(at, now),
            }
        }
    }

    fn wake_transaction(&mut self, key: &Key, at: Timestamp, now: Timestamp) {
        let Some(entry) = self.transactions.due(key, at) else { return };
        let fired = entry.machine.on_timeout(now);
        let flow = entry.flow;
        match fired {
            Fired::Nothing => self.transactions.settle(key, &mut self.timers),
            Fired::Repeat(bytes) => {
                self.transactions.settle(key, &mut self.timers);
                self.counters.retransmitted = self.counters.retransmitted.saturating_add(1);
                self.transmit(flow, bytes);
            }
            Fired::GivenUp | Fired::Over => {
                let Some(entry) = self.transactions.remove(key) else { return };
                if fired == Fired::GivenUp {
                    self.on_given_up(entry, now);
                }
            }
        }
    }

    /// A transaction ended without an answer from the other side.
    fn on_given_up(&mut self, entry: table::Entry, now: Timestamp) {
        match (entry.owner, entry.machine) {
            (Owner::Invite(owner), Transaction::ClientInvite(_)) => {
                self.on_invite_given_up(owner.call, now);
            }
            (Owner::Bye(call), _) => self.on_bye_over(call),
            (Owner::Probe(probe), _) => self.tell(Event::ProbeLost { probe }),
            // Nobody acknowledged our refusal, or answered our CANCEL: the call knows its outcome without.
            (Owner::Nobody | Owner::Asked(_) | Owner::Cancel(_) | Owner::Invite(_), _) => {}
        }
    }

    /// What to send or to tell next.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if self.outputs.is_empty() && self.outputs.capacity() > 1_024 {
            self.outputs.shrink_to(64);
        }
        output
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What is held now.
    #[must_use]
    pub fn load(&self) -> Load {
        Load {
            calls: self.calls.len(),
            transactions: self.transactions.len(),
            timers: self.timers.len(),
            challenges: self.challenges.len(),
        }
    }

    fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        self.counters.sent = self.counters.sent.saturating_add(1);
        self.outputs.push_back(Output::Transmit { flow, bytes });
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn on_response(&mut self, response: &Response, source: &Flow, now: Timestamp) {
        let Some(key) = table::response_key(response) else {
            self.counters.stray = self.counters.stray.saturating_add(1);
            return;
        };
        if !self.on_own_response(&key, (response, source), now) {
            self.counters.stray = self.counters.stray.saturating_add(1);
        }
    }

    /// A number that nobody can guess, from the seed and `parts`.
    fn keyed(&self, parts: &[&[u8]]) -> u64 {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(&part.len().to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().iter().take(8).fold(0, |n, byte| (n << 8) | u64::from(*byte))
    }

    /// A fresh number that nobody can guess.
    fn fresh(&mut self) -> u64 {
        self.made = self.made.wrapping_add(1);
        self.keyed(&[b"fresh", &self.made.to_be_bytes()])
    }
}

#[cfg(test)]
impl UserAgent {
    /// Nothing of any call is left in any index.
    fn assert_empty(&self, story: &str) {
        assert!(self.dialogs.is_empty(), "{story}: dialogs");
        assert!(self.sources.is_empty(), "{story}: sources");
        assert!(self.connections.is_empty(), "{story}: connections");
        assert!(self.transactions.has_no_merging(), "{story}: merging");
    }

    fn stage_of(&self, call: CallHandle) -> &calls::Stage {
        &self.calls[&call].stage
    }

    fn is_offered(&self, call: CallHandle) -> bool {
        matches!(self.calls.get(&call), Some(Call { stage: calls::Stage::Offered(_), .. }))
    }

    /// The tag of the other side in the only dialog there is.
    fn only_remote_tag(&self) -> Option<String> {
        let handle = self.dialogs.clone().into_values().next()?;
        match &self.calls.get(&handle)?.stage {
            calls::Stage::Answered(answered) => Some(answered.dialog.remote_tag().to_owned()),
            calls::Stage::Offered(offered) => Some(offered.dialog.remote_tag().to_owned()),
            calls::Stage::Calling(_) => None,
        }
    }
}
