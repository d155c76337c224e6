//! The gate in front of the user agent: sees every datagram and every framed message first.
//!
//! It bounds what one source and all strangers together may send, reads the bytes, answers what can be answered
//! without state, and lets the rest pass with its true source noted in the topmost Via. It keeps no message and
//! decides nothing about calls. Sources of live lines and trunks are marked and shed last.

mod counters;
mod rate;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod torture;

pub use counters::GateCounters;
pub use rate::Rate;

use crate::agent::api::Flow;
use crate::message::{self, MessageExt as _, Method, RequestExt as _, ResponseExt as _, Scheme};
use crate::reader::{self, Malformed, Reason};
use jiff::Timestamp;
use rate::{Bucket, Sources};
use rsip::{Request, Response, SipMessage};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The bounds and abilities of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateConfig {
    /// What one unmarked source may send.
    pub per_source: Rate,
    /// What all unmarked sources together may send, so that a flood from many addresses leaves time for lines.
    pub strangers: Rate,
    /// What one marked source may send: a trunk or an edge proxy in a storm.
    pub protected: Rate,
    /// Unmarked sources remembered at once; beyond it those heard longest ago are forgotten.
    pub sources_max: usize,
    /// Marked sources at once; beyond it marking is refused.
    pub protected_max: usize,
    /// Bytes of a body; 413 above.
    pub body_max: usize,
    /// Methods the layers behind understand; 405 for others.
    pub methods: Vec<Method>,
    /// Option tags a Require may name; 420 for others.
    pub extensions: Vec<String>,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            // A telephone sends a few datagrams a second; a burst of retransmissions after a stall, some tens.
            per_source: Rate { per_s: 50, burst: 200 },
            strangers: Rate { per_s: 4_000, burst: 4_000 },
            protected: Rate { per_s: 5_000, burst: 10_000 },
            sources_max: 65_536,
            protected_max: 131_072,
            body_max: 32 * 1024,
            methods: vec![
                Method::Invite,
                Method::Ack,
                Method::Cancel,
                Method::Bye,
                Method::Options,
                Method::Register,
                Method::Info,
                Method::PRack,
                Method::Update,
            ],
            extensions: vec!["100rel".to_owned(), "timer".to_owned()],
        }
    }
}

/// What to do with a packet.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Hand it to the transactions. The topmost Via of a request says where it really came from.
    Pass(SipMessage),
    /// Send this and forget it.
    Answer(Answer),
    /// Do nothing.
    Drop(DropReason),
    /// A sign of life.
    Keepalive(Keepalive),
}

/// A response the gate makes itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Where it goes over UDP; on a stream it goes back over the connection.
    pub to: SocketAddr,
    /// The response.
    pub bytes: Vec<u8>,
}

/// Why a packet got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// The source sends too much.
    SourceRate,
    /// All unmarked sources together send too much.
    StrangersRate,
    /// Unreadable, and nobody to tell: garbage, a response, an ACK.
    Malformed(Reason),
    /// A response with more than one Via is another's (RFC 3261 8.1.3.3).
    Misrouted,
    /// An ACK that a request of its kind would have been refused for.
    RefusedAck,
}

/// Signs of life between messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keepalive {
    /// Wants no reply: CRLF, nothing at all, or the four zero bytes of some adapters.
    Quiet,
    /// The ping of RFC 5626 3.5.1 on a stream: send these bytes back.
    Pong(&'static [u8]),
}

/// The gate. One per socket reader, or one shared by all readers of a node under a lock.
#[derive(Debug)]
pub struct Gate {
    config: GateConfig,
    allow: String,
    sources: Sources,
    strangers: Bucket,
    counters: GateCounters,
}

impl Gate {
    /// A gate that has seen nothing.
    #[must_use]
    pub fn new(config: GateConfig, now: Timestamp) -> Self {
        let names: Vec<String> = config.methods.iter().map(ToString::to_string).collect();
        Self {
            allow: names.join(", "),
            sources: Sources::new(config.sources_max, config.protected_max),
            strangers: Bucket::full(config.strangers, now),
            counters: GateCounters::default(),
            config,
        }
    }

    /// What was seen so far.
    #[must_use]
    pub fn counters(&self) -> &GateCounters {
        &self.counters
    }

    /// Marks the source of a live line or trunk. Counts: as many [`Self::unprotect`] undo it. `false` when the table
    /// is full.
    pub fn protect(&mut self, address: IpAddr, now: Timestamp) -> bool {
        self.sources.protect(source_key(address), self.config.protected, now)
    }

    /// Takes one mark back.
    pub fn unprotect(&mut self, address: IpAddr) {
        self.sources.unprotect(source_key(address));
    }

    /// Judges one datagram, or one packet from [`crate::framing::Framer`].
    pub fn on_packet(&mut self, flow: &Flow, bytes: &[u8], now: Timestamp) -> Verdict {
        let verdict = match self.admit(flow.remote.ip(), now) {
            Err(reason) => Verdict::Drop(reason),
            Ok(()) => self.judge(flow, bytes),
        };
        self.counters.count(&verdict);
        verdict
    }

    fn admit(&mut self, address: IpAddr, now: Timestamp) -> Result<(), DropReason> {
        let key = source_key(address);
        if let Some(admitted) = self.sources.take_protected(key, self.config.protected, now) {
            return if admitted { Ok(()) } else { Err(DropReason::SourceRate) };
        }
        if !self.sources.take_stranger(key, self.config.per_source, now) {
            return Err(DropReason::SourceRate);
        }
        let admitted = self.strangers.take(self.config.strangers, now);
        if admitted { Ok(()) } else { Err(DropReason::StrangersRate) }
    }

    fn judge(&mut self, flow: &Flow, bytes: &[u8]) -> Verdict {
        if let Some(keepalive) = keepalive(flow, bytes) {
            return Verdict::Keepalive(keepalive);
        }
        match reader::read(bytes) {
            Ok(SipMessage::Request(request)) => self.judge_request(flow, request),
            Ok(SipMessage::Response(response)) if 1 < response.via_count() => {
                Verdict::Drop(DropReason::Misrouted)
            }
            Ok(response @ SipMessage::Response(_)) => Verdict::Pass(response),
            Err(Malformed { reply: Some(reply), .. }) => self.answer(flow, reply),
            Err(Malformed { reason, reply: None }) => Verdict::Drop(DropReason::Malformed(reason)),
        }
    }

    fn judge_request(&mut self, flow: &Flow, mut request: Request) -> Verdict {
        // Max-Forwards 0 passes: it forbids forwarding, which we never do.
        if let Some(refusal) = self.refusal(&request) {
            if request.method == Method::Ack {
                return Verdict::Drop(DropReason::RefusedAck);
            }
            return self.answer(flow, refusal);
        }
        if let Some(mut via) = request.via() {
            via.mark_source(flow.remote);
            request.replace_via(&via);
        }
        Verdict::Pass(request.into())
    }

    /// The order is that of RFC 3261 8.2: method, Request-URI, Require, content.
    fn refusal(&self, request: &Request) -> Option<Response> {
        if !self.config.methods.contains(&request.method) {
            return Some(message::response_to(request, 405, "", None));
        }
        if request.target().is_none_or(|uri| matches!(uri.scheme, Scheme::Other(_))) {
            return Some(message::response_to(request, 416, "", None));
        }
        let unknown = self.unknown_extensions(request);
        if !unknown.is_empty() {
            let mut response = message::response_to(request, 420, "", None);
            response.push_header("Unsupported", unknown.join(", "));
            return Some(response);
        }
        let large = self.config.body_max < request.body.len();
        large.then(|| message::response_to(request, 413, "", None))
    }

    /// What Require names and we do not have. In ACK and CANCEL it means nothing (RFC 3261 8.2.2.3).
    fn unknown_extensions<'r>(&self, request: &'r Request) -> Vec<&'r str> {
        if matches!(request.method, Method::Ack | Method::Cancel) {
            return Vec::new();
        }
        let known = |tag: &str| self.config.extensions.iter().any(|e| e.eq_ignore_ascii_case(tag));
        request.header_values("Require").filter(|tag| !known(tag)).collect()
    }

    fn answer(&self, flow: &Flow, mut response: Response) -> Verdict {
        let status = response.status();
        if matches!(status, 405 | 501) {
            response.push_header("Allow", self.allow.as_str());
        }
        let via = response.via();
        let to = via.as_ref().map_or(flow.remote, |via| via.answer_address(flow.remote));
        tag(&mut response);
        if let Some(mut via) = via {
            via.mark_source(flow.remote);
            response.replace_via(&via);
        }
        Verdict::Answer(Answer { status, to, bytes: message::encode_response(&response) })
    }
}

/// Gives To a tag that is the same for every retransmission of the request, RFC 3261 8.2.7.
fn tag(response: &mut Response) {
    if response.to_tag().is_some() {
        return;
    }
    let Some(to) = response.header("To").map(str::to_owned) else { return };
    let mut hasher = DefaultHasher::new();
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        response.header(name).hash(&mut hasher);
    }
    response.set_header("To", format!("{to};tag={:016x}", hasher.finish()));
}

fn keepalive(flow: &Flow, bytes: &[u8]) -> Option<Keepalive> {
    if flow.transport.is_reliable() && bytes == crate::framing::PING {
        return Some(Keepalive::Pong(b"\r\n"));
    }
    let zeros = bytes.len() <= 4 && bytes.iter().all(|&byte| byte == 0);
    let blank = bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b' '));
    (zeros || blank).then_some(Keepalive::Quiet)
}

/// Who counts as one source: an IPv4 address, or the /64 of an IPv6 one, which belongs to one household or host.
fn source_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}
