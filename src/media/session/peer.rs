//! Who the peer of a session is, and which of its packets are missing.
//!
//! Must not look at what a packet carries.

use super::later;
use jiff::{SignedDuration, Timestamp};
use rtp_rs::Seq;
use std::net::{IpAddr, SocketAddr};

/// How long after the start a stranger's packet may tell where the peer really is.
const LATCH_WINDOW: SignedDuration = SignedDuration::from_millis(500);
/// A jump in sequence numbers above which a sender has started anew (RFC 3550 A.1).
const DROPOUT_MAX: i32 = 3000;

/// Whom we send to and hear: symmetric RTP (RFC 4961), learnt once.
#[derive(Debug)]
pub(super) struct Source {
    /// What the peer's SDP says.
    signalled: Option<SocketAddr>,
    signalled_from: Option<IpAddr>,
    /// Where packets go now.
    pub(super) send_to: Option<SocketAddr>,
    heard: Heard,
    /// Until when a stranger may be the peer.
    open_until: Timestamp,
}

/// What is known of the peer's real address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// Nothing was heard since the start.
    Nobody,
    /// The first valid packet came from elsewhere than signalled: there is the peer, unless the signalled address
    /// speaks up.
    Elsewhere,
    /// The signalled address spoke; nobody else is heard until the next offer and answer.
    Signalled,
}

/// Sequence numbers of what comes in.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    current: Option<Sequence>,
    /// Missing packets of earlier senders.
    lost_before: u32,
}

#[derive(Debug)]
struct Sequence {
    ssrc: u32,
    highest: u16,
    /// Packets that should have come since the first.
    expected: u32,
    received: u32,
}

impl Source {
    /// A peer that is signalled to be at `signalled` and whose SIP came from `signalled_from`. `before`: what was known
    /// until now; until somebody is heard, packets go where they went if the same address is signalled again.
    pub(super) fn new(
        signalled: Option<SocketAddr>,
        signalled_from: Option<IpAddr>,
        before: Option<&Self>,
        now: Timestamp,
    ) -> Self {
        let known = before.filter(|before| before.signalled == signalled);
        Self {
            signalled,
            signalled_from,
            send_to: known.map_or(signalled, |known| known.send_to),
            heard: Heard::Nobody,
            open_until: later(now, LATCH_WINDOW),
        }
    }

    /// Whether a valid packet from there is the peer's. May learn the peer's address by it.
    pub(super) fn admits(&mut self, from: SocketAddr, now: Timestamp) -> bool {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        if self.signalled == Some(from) {
            (self.heard, self.send_to) = (Heard::Signalled, Some(from));
            return true;
        }
        match self.heard {
            Heard::Signalled => false,
            Heard::Elsewhere => self.send_to == Some(from),
            Heard::Nobody => {
                let is_peer = now <= self.open_until || self.may_be_peer(from.ip());
                if is_peer {
                    (self.heard, self.send_to) = (Heard::Elsewhere, Some(from));
                }
                is_peer
            }
        }
    }

    /// Who may be the peer however late the first packet is: the same host, the host that its SIP came from, or
    /// anybody if the signalled address cannot be reached from outside and nothing else is known of the peer.
    fn may_be_peer(&self, from: IpAddr) -> bool {
        let signalled = self.signalled.map(|address| address.ip());
        signalled == Some(from)
            || match self.signalled_from {
                Some(sip) => sip == from,
                None => signalled.is_none_or(is_private),
            }
    }
}

impl Receiver {
    /// Counts a packet.
    pub(super) fn on_packet(&mut self, ssrc: u32, number: u16) {
        let step = self.current.as_ref().map(|known| {
            let step = Seq::from(number) - Seq::from(known.highest);
            (known.ssrc == ssrc && step.abs() <= DROPOUT_MAX).then_some(step)
        });
        let Some((known, step)) = self.current.as_mut().zip(step.flatten()) else {
            self.lost_before = self.lost();
            self.current = Some(Sequence { ssrc, highest: number, expected: 1, received: 1 });
            return;
        };
        known.received = known.received.saturating_add(1);
        if let Ok(step) = u32::try_from(step) {
            known.expected = known.expected.saturating_add(step);
            known.highest = number;
        }
    }

    /// Packets that are missing so far (RFC 3550 A.3).
    pub(super) fn lost(&self) -> u32 {
        let lost = |now: &Sequence| now.expected.saturating_sub(now.received);
        self.lost_before.saturating_add(self.current.as_ref().map_or(0, lost))
    }
}

/// Addresses that a peer behind NAT writes into its SDP.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            // RFC 6598: carrier-grade NAT.
            let is_shared = first == 100 && second & 0b1100_0000 == 64;
            v4.is_private() || v4.is_link_local() || v4.is_unspecified() || is_shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified(),
    }
}
