//! Between bytes and requests: what a request that came in needs to be answered, and how answers leave.

use super::api::{Bytes, Flow, Transport};
use super::table::{Key, Owner, server_key};
use super::{Scene, UserAgent};
use crate::gate::{GateCounters, Keepalive, Verdict};
use crate::message::{
    MessageExt as _, Method, Request, Response, SipMessage, Via, encode_response, response_to,
};
use crate::transaction::{ServerInvite, ServerNonInvite, Transaction};
use jiff::Timestamp;
use std::net::{IpAddr, SocketAddr};

/// Methods that are answered otherwise than by 405.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, PRACK, UPDATE";

/// A request that came in, as far as its answer is concerned.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) key: Key,
    pub(super) via: Via,
    /// Where the answer goes.
    pub(super) back: Flow,
    pub(super) is_invite: bool,
}

impl Asked {
    /// Notes the source in the request's topmost Via (RFC 3261 18.2.1, RFC 3581). `None` without a Via.
    pub(super) fn new(request: &mut Request, flow: Flow) -> Option<Self> {
        let mut via = request.via()?;
        let back = match flow.transport {
            Transport::Udp => Flow { remote: via.answer_address(flow.remote), ..flow },
            Transport::Tcp | Transport::Tls => flow,
        };
        let key = server_key(request, &via, request.method);
        via.mark_source(flow.remote);
        request.replace_via(&via);
        Some(Self { key, via, back, is_invite: request.method == Method::Invite })
    }
}

impl UserAgent {
    /// Sees to it that the gate sheds a trunk last. Undone by as many calls of [`UserAgent::unprotect`]; the sources
    /// of registered lines are seen to by the agent itself.
    pub fn protect(&mut self, address: IpAddr, now: Timestamp) -> bool {
        self.gate.protect(address, now)
    }

    /// Takes one [`UserAgent::protect`] back.
    pub fn unprotect(&mut self, address: IpAddr) {
        self.gate.unprotect(address);
    }

    /// What the gate counted.
    #[must_use]
    pub fn gate_counters(&self) -> &GateCounters {
        self.gate.counters()
    }

    pub(super) fn read(&mut self, bytes: &[u8], scene: Scene<'_>) {
        let flow = scene.flow;
        match self.gate.on_packet(&flow, bytes, scene.now) {
            Verdict::Pass(SipMessage::Request(request)) => self.on_request(request, scene),
            Verdict::Pass(SipMessage::Response(response)) => {
                self.on_response(&response, &flow, scene.now)
            }
            Verdict::Answer(answer) => {
                self.counters.refused = self.counters.refused.saturating_add(1);
                let back = match flow.transport {
                    Transport::Udp => Flow { remote: answer.to, ..flow },
                    Transport::Tcp | Transport::Tls => flow,
                };
                self.transmit(back, answer.bytes.into());
            }
            Verdict::Drop(_) => self.counters.dropped = self.counters.dropped.saturating_add(1),
            Verdict::Keepalive(Keepalive::Pong(pong)) => self.transmit(flow, pong.into()),
            Verdict::Keepalive(Keepalive::Quiet) => {}
        }
    }

    /// The tag that we give a request outside of a dialog: the same for its repetitions, without remembering any.
    pub(super) fn own_tag(&self, asked: &Asked) -> String {
        format!("{:016x}", self.keyed(&[b"tag", asked.key.as_bytes()]))
    }

    /// An answer with all that has to be copied (RFC 3261 8.2.6).
    pub(super) fn reply(&self, request: &Request, asked: &Asked, status: u16) -> Response {
        let tag = (status != 100).then(|| self.own_tag(asked));
        let mut response = response_to(request, status, "", tag.as_deref());
        response.push_header("Server", self.config.product.as_ref());
        response
    }

    /// Sends an answer and keeps nothing. A repeated request gets a new one.
    pub(super) fn answer_stateless(&mut self, asked: &Asked, response: &Response) {
        self.transmit(asked.back, encode_response(response).into());
    }

    /// Answers a new request. Refusals of an INVITE keep nothing: until anything comes back the phone repeats it.
    pub(super) fn answer(
        &mut self,
        (request, asked): (&Request, &Asked),
        status: u16,
        headers: &[(&str, &str)],
        now: Timestamp,
    ) {
        let mut response = self.reply(request, asked, status);
        for (name, value) in headers {
            response.push_header(name, *value);
        }
        if asked.is_invite {
            self.answer_stateless(asked, &response);
        } else {
            self.open(asked, Owner::Nobody);
            self.respond(&asked.key, &response, now);
        }
    }

    /// Answers 503 because a bound was reached.
    pub(super) fn shed(&mut self, request: &Request, asked: &Asked) {
        self.counters.shed = self.counters.shed.saturating_add(1);
        let mut response = self.reply(request, asked, 503);
        response.push_header("Retry-After", self.config.retry_after.as_secs().to_string());
        self.answer_stateless(asked, &response);
    }

    /// Begins a server transaction.
    pub(super) fn open(&mut self, asked: &Asked, owner: Owner) {
        let is_reliable = asked.back.transport.is_reliable();
        let machine = if asked.is_invite {
            Transaction::ServerInvite(ServerInvite::new(is_reliable))
        } else {
            Transaction::ServerNonInvite(ServerNonInvite::new(is_reliable))
        };
        self.transactions.insert(asked.key.clone(), machine, asked.back, owner);
    }

    /// Sends a response in its transaction. Returns its bytes and way, or `None` if it may not be sent any more.
    pub(super) fn respond(
        &mut self,
        key: &Key,
        response: &Response,
        now: Timestamp,
    ) -> Option<(Bytes, Flow)> {
        let bytes: Bytes = encode_response(response).into();
        let status = response.status_code.code();
        let timers = &self.config.timers;
        let entry = self.transactions.get_mut(key)?;
        let flow = entry.flow;
        let is_sent = match &mut entry.machine {
            Transaction::ServerInvite(machine) => machine.on_respond(status, &bytes, timers, now),
            Transaction::ServerNonInvite(machine) => {
                machine.on_respond(status, &bytes, timers, now)
            }
            Transaction::ClientInvite(_) | Transaction::ClientNonInvite(_) => false,
        };
        self.transactions.settle(key, &mut self.timers);
        if !is_sent {
            return None;
        }
        self.transmit(flow, bytes.clone());
        Some((bytes, flow))
    }

    /// Whether a request repeats one that is known; it is answered again then, if it was answered before.
    pub(super) fn answer_repeated(&mut self, asked: &Asked) -> bool {
        let Some(entry) = self.transactions.get_mut(&asked.key) else { return false };
        let bytes = match &entry.machine {
            Transaction::ServerInvite(machine) => machine.on_repeated_request(),
            Transaction::ServerNonInvite(machine) => machine.on_repeated_request(),
            Transaction::ClientInvite(_) | Transaction::ClientNonInvite(_) => None,
        };
        let flow = entry.flow;
        self.counters.repeated = self.counters.repeated.saturating_add(1);
        if let Some(bytes) = bytes {
            self.transmit(flow, bytes);
        }
        true
    }

    /// What Via and Contact name for this flow.
    pub(super) fn advertised(&self, flow: &Flow) -> SocketAddr {
        let known = self.config.advertised.iter().find(|(local, _)| *local == flow.local);
        known.map_or(flow.local, |(_, public)| *public)
    }

    /// Our Contact on this flow.
    pub(super) fn contact(&self, flow: &Flow) -> String {
        let transport = match flow.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
        };
        format!("<sip:{}@{}{transport}>", self.config.contact_user, self.advertised(flow))
    }

    /// The Via of a request of ours.
    pub(super) fn own_via(&self, flow: &Flow, branch: &str) -> String {
        let transport = flow.transport.via_name();
        format!("SIP/2.0/{transport} {};branch={branch};rport", self.advertised(flow))
    }
}
