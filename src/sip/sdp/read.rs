//! The lines of a session description, cut apart without judging them (RFC 8866 5).

use super::{Direction, SdpError};
use std::borrow::Cow;
use std::net::IpAddr;

/// Longest description that is read, in bytes; a telephone sends about 400.
const TEXT_LEN_MAX: usize = 16 * 1024;
/// Streams of one description; each has to be answered.
const MEDIA_MAX: usize = 16;
/// Attribute lines of one stream.
const ATTRIBUTES_MAX: usize = 128;
/// Payload types of one stream that are looked at.
const PAYLOAD_TYPES_MAX: usize = 32;

/// A description as it stands.
#[derive(Debug, Default)]
pub(super) struct Description<'a> {
    /// The value of `c=` for all streams that have none of their own.
    pub(super) address: Option<&'a str>,
    pub(super) direction: Option<Direction>,
    pub(super) ptime_ms: Option<u32>,
    pub(super) media: Vec<Media<'a>>,
}

/// One stream as it stands.
#[derive(Debug)]
pub(super) struct Media<'a> {
    pub(super) kind: &'a str,
    pub(super) port: u16,
    pub(super) proto: &'a str,
    formats: &'a str,
    pub(super) address: Option<&'a str>,
    attributes: Vec<&'a str>,
}

/// The text of a body; bytes that are no UTF-8 only stand in names that nobody reads.
pub(super) fn text(body: &[u8]) -> Result<Cow<'_, str>, SdpError> {
    if TEXT_LEN_MAX < body.len() {
        return Err(SdpError::TooLong);
    }
    Ok(String::from_utf8_lossy(body))
}

impl<'a> Description<'a> {
    /// Cuts the text apart; lines may end in LF alone, unknown ones are passed over.
    pub(super) fn read(text: &'a str) -> Result<Self, SdpError> {
        let mut description = Self::default();
        for line in text.split(['\r', '\n']) {
            let Some((kind, value)) = line.trim().split_once('=') else {
                continue;
            };
            let value = value.trim();
            if kind == "m" {
                if MEDIA_MAX <= description.media.len() {
                    return Err(SdpError::TooLong);
                }
                description.media.push(Media::read(value).ok_or(SdpError::Malformed)?);
                continue;
            }
            match (kind, description.media.last_mut()) {
                ("c", Some(media)) => media.address = media.address.or(Some(value)),
                ("c", None) => description.address = description.address.or(Some(value)),
                ("a", Some(media)) if media.attributes.len() < ATTRIBUTES_MAX => {
                    media.attributes.push(value);
                }
                ("a", Some(_)) => return Err(SdpError::TooLong),
                ("a", None) => {
                    description.direction = description.direction.or(direction(value));
                    description.ptime_ms = description.ptime_ms.or(ptime_ms(value));
                }
                _ => {}
            }
        }
        Ok(description)
    }
}

impl<'a> Media<'a> {
    /// Reads `audio 49170/2 RTP/AVP 8 0`; the payload types may be missing. A port that is no number counts as 0: the stream is refused, the others are not.
    fn read(value: &'a str) -> Option<Self> {
        let (kind, rest) = value.split_once(' ')?;
        let (port, rest) = rest.trim_start().split_once(' ')?;
        let (proto, formats) = rest.trim_start().split_once(' ').unwrap_or((rest.trim(), ""));
        let port = port.split('/').next().and_then(|port| port.parse().ok()).unwrap_or(0);
        let formats = formats.trim();
        Some(Self { kind, port, proto, formats, address: None, attributes: Vec::new() })
    }

    /// Whether it is RTP that is not encrypted; feedback (AVPF) may be ignored.
    pub(super) fn is_plain_rtp(&self) -> bool {
        ["RTP/AVP", "RTP/AVPF"].iter().any(|proto| proto.eq_ignore_ascii_case(self.proto))
    }

    /// The payload types as they stand, for the refusal of the stream.
    pub(super) fn formats(&self) -> &'a str {
        if self.formats.is_empty() { "0" } else { self.formats }
    }

    /// The payload types in their order.
    pub(super) fn payload_types(&self) -> impl Iterator<Item = u8> {
        let formats = self.formats.split_ascii_whitespace().take(PAYLOAD_TYPES_MAX);
        formats.filter_map(|format| format.parse().ok()).filter(|pt| *pt <= 127)
    }

    /// Encoding name and clock in Hz of a payload type. A clock that is no number counts as 0.
    pub(super) fn rtpmap(&self, pt: u8) -> Option<(&'a str, u32)> {
        let (_, map) = self
            .attributes
            .iter()
            .filter_map(|attribute| value_of(attribute, "rtpmap")?.split_once(' '))
            .find(|(own, _)| own.trim().parse() == Ok(pt))?;
        let mut parts = map.trim().split('/');
        let name = parts.next()?.trim();
        let clock_hz = parts.next().and_then(|clock| clock.trim().parse().ok()).unwrap_or(0);
        Some((name, clock_hz))
    }

    pub(super) fn direction(&self) -> Option<Direction> {
        self.attributes.iter().find_map(|attribute| direction(attribute))
    }

    pub(super) fn ptime_ms(&self) -> Option<u32> {
        self.attributes.iter().find_map(|attribute| ptime_ms(attribute))
    }
}

/// The address of `IN IP4 192.0.2.1/127`; names are not looked up.
pub(super) fn connection(value: &str) -> Option<IpAddr> {
    let address = value.split_ascii_whitespace().nth(2)?;
    address.split('/').next()?.parse().ok()
}

fn value_of<'a>(attribute: &'a str, name: &str) -> Option<&'a str> {
    let (own, value) = attribute.split_once(':')?;
    own.trim().eq_ignore_ascii_case(name).then_some(value.trim())
}

fn direction(attribute: &str) -> Option<Direction> {
    [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
        .into_iter()
        .find(|direction| direction.attribute().eq_ignore_ascii_case(attribute))
}

fn ptime_ms(attribute: &str) -> Option<u32> {
    let value = value_of(attribute, "ptime")?;
    value.split('.').next()?.parse().ok()
}
