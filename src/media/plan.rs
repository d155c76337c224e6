//! What offer and answer settled for one call. Must not know a session or a socket.

use super::Codec;
use lianfang_sip::sdp;
use std::net::{IpAddr, SocketAddr};

/// Which way media flows, seen from us (RFC 3264 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// We send, the peer does not have to.
    SendOnly,
    /// The peer sends, we must not: what plays waits.
    RecvOnly,
    /// Neither: what plays waits.
    Inactive,
}

impl Direction {
    /// We send.
    #[must_use]
    pub fn has_send(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// The peer is to send.
    #[must_use]
    pub fn has_receive(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// What offer and answer settled for one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaPlan {
    /// Where the peer's SDP wants media; `None` when it names no address (on hold): then packets go to whoever is
    /// heard as the peer.
    pub remote: Option<SocketAddr>,
    /// The address that the peer's SIP message came from: a peer behind NAT sends its media from there too. `None` when
    /// a proxy stands between: then a peer whose SDP names a private address is whoever is heard first.
    pub signalled_from: Option<IpAddr>,
    /// What we send.
    pub codec: Codec,
    /// The payload type of what we send.
    pub payload_type: u8,
    /// Payload types that carry telephone events, each with its clock in Hz. The first
    /// [`super::EVENT_TYPES_MAX`] are heard; events of a type that is not here are not.
    pub telephone_event: Vec<(u8, u32)>,
    /// Length of a packet in ms; brought to 10, 20, 30, 40 or 60.
    pub ptime_ms: u8,
    /// Which way media flows.
    pub direction: Direction,
}

impl MediaPlan {
    /// What offer and answer settled, for a peer whose SIP came from `signalled_from`.
    #[must_use]
    pub fn of_sdp(plan: &sdp::MediaPlan, signalled_from: Option<IpAddr>) -> Self {
        Self {
            remote: plan.remote,
            signalled_from,
            codec: match plan.codec {
                sdp::Codec::Pcma => Codec::Pcma,
                sdp::Codec::Pcmu => Codec::Pcmu,
            },
            payload_type: plan.payload_type,
            telephone_event: plan.telephone_event.clone(),
            ptime_ms: u8::try_from(plan.ptime_ms).unwrap_or(u8::MAX),
            direction: match plan.direction {
                sdp::Direction::SendRecv => Direction::SendRecv,
                sdp::Direction::SendOnly => Direction::SendOnly,
                sdp::Direction::RecvOnly => Direction::RecvOnly,
                sdp::Direction::Inactive => Direction::Inactive,
            },
        }
    }
}
