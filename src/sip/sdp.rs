//! Session descriptions (RFC 8866) and offer/answer (RFC 3264), as far as a voice service needs them: one audio
//! stream of G.711 and the keys of RFC 4733. Other streams are answered with port 0.
//!
//! Reads tolerantly and bounded; never panics; refuses addresses that would make us shoot at others. What NAT does
//! to an address is the affair of media.

mod read;
#[cfg(test)]
mod tests;

use read::{Description, Media};
use std::net::{IpAddr, SocketAddr};

/// The payload type of keys in our offers.
const OUR_EVENT_PT: u8 = 101;
/// The clock of G.711, and of keys in our offers.
const CLOCK_HZ: u32 = 8000;
/// Milliseconds of a packet unless the other side wants another length.
const PTIME_DEFAULT_MS: u32 = 20;
/// Packet lengths that our media clock can make.
const PTIMES_MS: [u32; 5] = [10, 20, 30, 40, 60];
/// Kinds of telephone-event that are taken from one description.
const EVENT_TYPES_MAX: usize = 8;
/// No telephone receives media below; other services might.
const PORT_MIN: u16 = 1024;
/// Ports of SIP itself: media sent there would be a reflected attack.
const SIP_PORTS: [u16; 2] = [5060, 5061];

/// A codec that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// G.711 A-law.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
}

impl Codec {
    /// In the order in which we like them.
    const ALL: [Self; 2] = [Self::Pcma, Self::Pcmu];

    /// The encoding name of RFC 3551.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }

    /// The static payload type of RFC 3551.
    #[must_use]
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Pcmu => 0,
        }
    }
}

/// Who sends, seen from our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both.
    SendRecv,
    /// Only we.
    SendOnly,
    /// Only they.
    RecvOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    /// The name of the attribute.
    #[must_use]
    pub fn attribute(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Whether we send.
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// The same seen from the other side.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::SendRecv | Self::Inactive => self,
        }
    }

    fn without_sending(self) -> Self {
        match self {
            Self::SendRecv | Self::RecvOnly => Self::RecvOnly,
            Self::SendOnly | Self::Inactive => Self::Inactive,
        }
    }
}

/// What both sides agreed upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaPlan {
    /// Where they want to receive, as they say; `None` when they are on hold by `0.0.0.0` (RFC 3264 8.4).
    pub remote: Option<SocketAddr>,
    /// What is spoken.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// Payload types in which keys may come, with their clock in Hz.
    pub telephone_event: Vec<(u8, u32)>,
    /// Milliseconds of speech in each packet that we send.
    pub ptime_ms: u32,
    /// Who sends, seen from our side.
    pub direction: Direction,
}

/// Why there can be no media. Each means 488 to an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// More than a telephone sends.
    #[error("session description is too long")]
    TooLong,
    /// A stream that cannot even be refused, since its line cannot be read.
    #[error("session description has a stream that cannot be read")]
    Malformed,
    /// No audio stream, or all of them with port 0 or over another profile than RTP/AVP.
    #[error("session description has no audio stream that we can take")]
    NoAudio,
    /// Neither A-law nor µ-law.
    #[error("session description has no codec in common")]
    NoCodec,
    /// No address, or none that can be read without DNS.
    #[error("session description has no address")]
    NoAddress,
    /// An address or port that must not be sent to.
    #[error("session description names an address that must not be sent to")]
    ForbiddenAddress,
}

impl SdpError {
    /// The status that refuses the offer.
    pub const STATUS: u16 = 488;
}

/// Our side of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where we receive.
    pub media: SocketAddr,
    /// Session id of `o=`: the same for all descriptions of one call.
    pub session: u64,
    /// Session version of `o=`: counted up with each one that differs.
    pub version: u64,
}

impl Local {
    /// Our offer: A-law, µ-law, keys, 20 ms.
    #[must_use]
    pub fn offer(&self) -> Vec<u8> {
        self.offer_of(Direction::SendRecv)
    }

    /// The same, of a stream that carries nothing for now.
    #[must_use]
    pub fn offer_nothing(&self) -> Vec<u8> {
        self.offer_of(Direction::Inactive)
    }

    fn offer_of(&self, direction: Direction) -> Vec<u8> {
        let formats: Vec<(Codec, u8)> =
            Codec::ALL.into_iter().map(|codec| (codec, codec.payload_type())).collect();
        let stream = Stream {
            proto: "RTP/AVP",
            codecs: &formats,
            events: &[(OUR_EVENT_PT, CLOCK_HZ)],
            ptime_ms: PTIME_DEFAULT_MS,
            direction,
        };
        (self.head() + &self.stream(&stream)).into_bytes()
    }

    fn head(&self) -> String {
        let ip = self.media.ip();
        let kind = if ip.is_ipv4() { "IP4" } else { "IP6" };
        let Self { session, version, .. } = self;
        format!(
            "v=0\r\no=- {session} {version} IN {kind} {ip}\r\ns=-\r\nc=IN {kind} {ip}\r\nt=0 0\r\n"
        )
    }

    fn stream(&self, stream: &Stream<'_>) -> String {
        let types = stream.codecs.iter().map(|(_, pt)| pt);
        let types = types.chain(stream.events.iter().map(|(pt, _)| pt));
        let types: String = types.map(|pt| format!(" {pt}")).collect();
        let mut text = format!("m=audio {} {}{types}\r\n", self.media.port(), stream.proto);
        for (codec, pt) in stream.codecs {
            text += &format!("a=rtpmap:{pt} {}/{CLOCK_HZ}\r\n", codec.name());
        }
        for (pt, clock_hz) in stream.events {
            text += &format!("a=rtpmap:{pt} telephone-event/{clock_hz}\r\na=fmtp:{pt} 0-16\r\n");
        }
        let direction = stream.direction.attribute();
        text + &format!("a=ptime:{}\r\na={direction}\r\n", stream.ptime_ms)
    }
}

/// One audio stream as we write it.
struct Stream<'a> {
    proto: &'a str,
    codecs: &'a [(Codec, u8)],
    events: &'a [(u8, u32)],
    ptime_ms: u32,
    direction: Direction,
}

/// Answers an offer: the first audio stream that we can take, every other with port 0 (RFC 3264 6).
///
/// # Errors
/// When no stream can be taken; the reason of the first audio stream is told.
pub fn answer_to(offer: &[u8], local: &Local) -> Result<(Vec<u8>, MediaPlan), SdpError> {
    answer_with(offer, local, None)
}

/// The same, but the stream that we take carries nothing for now (RFC 3264 6.1: `inactive` answers any offer).
///
/// # Errors
/// As [`answer_to`].
pub fn answer_nothing(offer: &[u8], local: &Local) -> Result<Vec<u8>, SdpError> {
    answer_with(offer, local, Some(Direction::Inactive)).map(|(answer, _)| answer)
}

fn answer_with(
    offer: &[u8],
    local: &Local,
    direction: Option<Direction>,
) -> Result<(Vec<u8>, MediaPlan), SdpError> {
    let text = read::text(offer)?;
    let description = Description::read(&text)?;
    let (chosen, plan) = first_acceptable(&description, Preference::Ours)?;
    let mut answer = local.head();
    for (index, media) in description.media.iter().enumerate() {
        if index == chosen {
            answer += &local.stream(&Stream {
                proto: media.proto,
                codecs: &[(plan.codec, plan.payload_type)],
                events: &plan.telephone_event,
                ptime_ms: plan.ptime_ms,
                direction: direction.unwrap_or(plan.direction),
            });
        } else {
            answer += &format!("m={} 0 {} {}\r\n", media.kind, media.proto, media.formats());
        }
    }
    Ok((answer.into_bytes(), plan))
}

/// Reads the answer to [`Local::offer`]. Keys may come in the payload type of our offer as well as in theirs.
///
/// # Errors
/// When the other side took no stream that we can use: the call has no voice.
pub fn read_answer(answer: &[u8]) -> Result<MediaPlan, SdpError> {
    let text = read::text(answer)?;
    let (_, mut plan) = first_acceptable(&Description::read(&text)?, Preference::Theirs)?;
    let ours = (OUR_EVENT_PT, CLOCK_HZ);
    let is_speech = plan.payload_type == OUR_EVENT_PT;
    let is_known = plan.telephone_event.iter().any(|(pt, _)| *pt == OUR_EVENT_PT);
    if !plan.telephone_event.is_empty() && !is_known && !is_speech {
        plan.telephone_event.push(ours);
    }
    Ok(plan)
}

/// Whose order of codecs counts.
#[derive(Clone, Copy)]
enum Preference {
    /// In an offer: A-law wherever it is offered, since that is what our prompts are kept in.
    Ours,
    /// In an answer: what they put first (RFC 3264 7).
    Theirs,
}

fn first_acceptable(
    description: &Description<'_>,
    preference: Preference,
) -> Result<(usize, MediaPlan), SdpError> {
    let mut refusal = None;
    for (index, media) in description.media.iter().enumerate() {
        if media.kind != "audio" || media.port == 0 || !media.is_plain_rtp() {
            continue;
        }
        match plan(description, media, preference) {
            Ok(plan) => return Ok((index, plan)),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    Err(refusal.unwrap_or(SdpError::NoAudio))
}

fn plan(
    description: &Description<'_>,
    media: &Media<'_>,
    preference: Preference,
) -> Result<MediaPlan, SdpError> {
    let (codec, payload_type) = choose(media, preference).ok_or(SdpError::NoCodec)?;
    let remote = remote(description, media)?;
    let theirs = media.direction().or(description.direction).unwrap_or(Direction::SendRecv);
    let direction = theirs.reversed();
    let mut events: Vec<(u8, u32)> = media
        .payload_types()
        .filter_map(|pt| {
            let (name, clock_hz) = media.rtpmap(pt)?;
            (name.eq_ignore_ascii_case("telephone-event") && 0 < clock_hz).then_some((pt, clock_hz))
        })
        .take(EVENT_TYPES_MAX)
        .collect();
    // The one of the codec's clock is what RFC 4733 2.1 wants to be used.
    events.sort_by_key(|(_, clock_hz)| *clock_hz != CLOCK_HZ);
    events.dedup();
    let ptime_ms = media.ptime_ms().or(description.ptime_ms);
    Ok(MediaPlan {
        remote,
        codec,
        payload_type,
        telephone_event: events,
        ptime_ms: ptime_ms.filter(|ms| PTIMES_MS.contains(ms)).unwrap_or(PTIME_DEFAULT_MS),
        direction: if remote.is_some() { direction } else { direction.without_sending() },
    })
}

fn choose(media: &Media<'_>, preference: Preference) -> Option<(Codec, u8)> {
    let mut common = media.payload_types().filter_map(|pt| Some((codec_of(media, pt)?, pt)));
    match preference {
        Preference::Ours => common.min_by_key(|(codec, _)| *codec),
        Preference::Theirs => common.next(),
    }
}

/// The codec of a payload type: by its rtpmap, and without one by the static types of RFC 3551.
fn codec_of(media: &Media<'_>, pt: u8) -> Option<Codec> {
    match media.rtpmap(pt) {
        Some((name, clock_hz)) => Codec::ALL
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name) && clock_hz == CLOCK_HZ),
        None => Codec::ALL.into_iter().find(|codec| codec.payload_type() == pt),
    }
}

/// Where to send; `None` on hold.
fn remote(
    description: &Description<'_>,
    media: &Media<'_>,
) -> Result<Option<SocketAddr>, SdpError> {
    let address = media.address.or(description.address).ok_or(SdpError::NoAddress)?;
    let ip = read::connection(address).ok_or(SdpError::NoAddress)?.to_canonical();
    if ip.is_unspecified() {
        return Ok(None);
    }
    let is_forbidden_ip = match ip {
        // 0/8 is no host, 224/4 is many, 240/4 is nobody or everybody.
        IpAddr::V4(ip) => matches!(ip.octets(), [0 | 224.., ..]),
        IpAddr::V6(ip) => ip.is_multicast(),
    };
    if is_forbidden_ip || media.port < PORT_MIN || SIP_PORTS.contains(&media.port) {
        return Err(SdpError::ForbiddenAddress);
    }
    Ok(Some(SocketAddr::new(ip, media.port)))
}
