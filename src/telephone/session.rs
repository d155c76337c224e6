//! The session description of one call: what we offered or answered, and what came of it for the media path.

use crate::media;
use lianfang_sip::agent::api::Bytes;
use lianfang_sip::sdp::{self, SdpError};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The port of a stream that carries nothing (RFC 863). Port 0 would refuse the stream, and there are phones that then
/// hang up.
const NO_PORT: u16 = 9;

/// Answers a call for which there is no port: it is up, but carries no sound; keys may come by INFO.
pub(super) fn without_sound(
    address: IpAddr,
    id: u64,
    offer: Option<&[u8]>,
) -> Result<Bytes, SdpError> {
    let session = Session::new(address, NO_PORT, id, address);
    let sdp = match offer {
        None => session.local.offer_nothing(),
        Some(offer) => sdp::answer_nothing(offer, &session.local)?,
    };
    Ok(Arc::from(sdp))
}

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    local: sdp::Local,
    /// Where the signalling comes from: a peer behind a NAT sends its media from there too.
    signalled_from: IpAddr,
}

impl Session {
    pub(super) fn new(address: IpAddr, port: u16, id: u64, signalled_from: IpAddr) -> Self {
        let media = SocketAddr::new(address, port);
        // Some phones read the number with a sign.
        let local = sdp::Local { media, session: id & i64::MAX.unsigned_abs(), version: 1 };
        Self { local, signalled_from }
    }

    pub(super) fn offer(&self) -> Bytes {
        Arc::from(self.local.offer())
    }

    /// Answers an offer.
    pub(super) fn answer(&mut self, offer: &[u8]) -> Result<(Bytes, media::MediaPlan), SdpError> {
        let (answer, plan) = sdp::answer_to(offer, &self.local)?;
        Ok((Arc::from(answer), self.plan(&plan)))
    }

    /// Reads the answer to our offer.
    pub(super) fn read_answer(&self, answer: &[u8]) -> Result<media::MediaPlan, SdpError> {
        Ok(self.plan(&sdp::read_answer(answer)?))
    }

    /// Answers a change of a session that is under way, such as hold. Without an offer it asks for ours.
    pub(super) fn renegotiate(
        &mut self,
        offer: Option<&[u8]>,
    ) -> (Option<Bytes>, Option<media::MediaPlan>) {
        self.local.version += 1;
        match offer.map(|offer| self.answer(offer)) {
            None => (Some(self.offer()), None),
            Some(Ok((answer, plan))) => (Some(answer), Some(plan)),
            Some(Err(_)) => (None, None),
        }
    }

    fn plan(&self, plan: &sdp::MediaPlan) -> media::MediaPlan {
        media::MediaPlan::of_sdp(plan, Some(self.signalled_from))
    }
}
