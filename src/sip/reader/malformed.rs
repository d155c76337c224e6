//! Why a message is refused and what its sender is told.

use rsip::Response;
use thiserror::Error;

/// A header the reader itself looks into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Via.
    Via,
    /// From.
    From,
    /// To.
    To,
    /// Call-ID.
    CallId,
    /// CSeq.
    CSeq,
    /// Max-Forwards.
    MaxForwards,
    /// Content-Length.
    ContentLength,
    /// Contact, of a REGISTER.
    Contact,
}

impl Field {
    /// The header's long name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Via => "Via",
            Self::From => "From",
            Self::To => "To",
            Self::CallId => "Call-ID",
            Self::CSeq => "CSeq",
            Self::MaxForwards => "Max-Forwards",
            Self::ContentLength => "Content-Length",
            Self::Contact => "Contact",
        }
    }
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Reason {
    /// The first line is of no SIP message, or the bytes hold none.
    #[error("not a SIP message")]
    NotSip,
    /// The version is none we speak.
    #[error("unknown version of SIP")]
    Version,
    /// A method nobody here knows.
    #[error("unknown method")]
    Method,
    /// The Request-URI cannot be read.
    #[error("unreadable Request-URI")]
    Uri,
    /// The first line is longer than [`super::LINE_MAX`].
    #[error("first line too long")]
    UriTooLong,
    /// The status of a response is outside of 100 to 699.
    #[error("status out of range")]
    Status,
    /// The last header line does not end.
    #[error("headers without an end")]
    Unterminated,
    /// More bytes than [`super::MESSAGE_MAX`].
    #[error("message too large")]
    TooLarge,
    /// More header lines than [`super::HEADERS_MAX`].
    #[error("too many headers")]
    TooManyHeaders,
    /// A header line longer than [`super::LINE_MAX`].
    #[error("header line too long")]
    LineTooLong,
    /// A header that must be there is not.
    #[error("{} is missing", .0.name())]
    Missing(Field),
    /// A header that may stand once stands more often, with different values.
    #[error("{} stands several times", .0.name())]
    Repeated(Field),
    /// A header cannot be read.
    #[error("{} is unreadable", .0.name())]
    Bad(Field),
    /// CSeq names another method than the first line.
    #[error("the method of CSeq is another one")]
    CSeqMethod,
    /// Content-Length announces more than there is.
    #[error("body shorter than announced")]
    Truncated,
}

impl Reason {
    /// The status to answer a request with. `None`: do not answer, the sender may not speak SIP at all.
    #[must_use]
    pub fn status(self) -> Option<u16> {
        match self {
            Self::NotSip | Self::Status => None,
            Self::Version => Some(505),
            Self::Method => Some(501),
            Self::UriTooLong => Some(414),
            Self::TooLarge | Self::TooManyHeaders | Self::LineTooLong => Some(513),
            Self::Uri | Self::Unterminated | Self::CSeqMethod | Self::Truncated => Some(400),
            Self::Missing(_) | Self::Repeated(_) | Self::Bad(_) => Some(400),
        }
    }
}

/// A message that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct Malformed {
    /// What is wrong.
    pub reason: Reason,
    /// The answer, with the Via, From, To, Call-ID and CSeq that could be found, as they stood. `None`: drop it. An
    /// ACK and a response are never answered.
    pub reply: Option<Response>,
}
