//! URIs of SIP (RFC 3261 19.1), telephone numbers (RFC 3966) and whatever else stands in a header.
//!
//! The user part is decoded exactly once, on reading, and keeps its wire form beside it, so that printing never
//! escapes twice: `%239` reads as `#9` and prints as `%239`, and so does a raw `#9`, which is illegal but common.

use super::param::Params;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// What stands before the first colon, lower-cased where it is not one we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// `sip`.
    Sip,
    /// `sips`.
    Sips,
    /// `tel`, RFC 3966.
    Tel,
    /// Any other; its URI is opaque to us.
    Other(String),
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sip => "sip",
            Self::Sips => "sips",
            Self::Tel => "tel",
            Self::Other(name) => name,
        })
    }
}

/// An address or a name; prints an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A literal address.
    Ip(IpAddr),
    /// A domain name, lower-cased.
    Name(String),
}

impl Host {
    /// Reads a host without its port; brackets belong to IPv6 and only to it. `None` when it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Ip(address.into()));
        }
        if let Ok(address) = text.parse::<std::net::Ipv4Addr>() {
            return Some(Self::Ip(address.into()));
        }
        let legal = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '%');
        (!text.is_empty() && text.chars().all(legal)).then(|| Self::Name(text.to_ascii_lowercase()))
    }

    /// Reads `host` or `host:port`, white space around the colon allowed (RFC 3261 25.1 `COLON`).
    #[must_use]
    pub fn parse_with_port(text: &str) -> Option<(Self, Option<u16>)> {
        let text = text.trim();
        let after_bracket = text.rfind(']').unwrap_or(0);
        let colon = text.get(after_bracket..)?.find(':').map(|at| after_bracket.saturating_add(at));
        let Some((host, port)) = colon.and_then(|at| text.split_at_checked(at)) else {
            return Some((Self::parse(text)?, None));
        };
        let port = port.strip_prefix(':')?.trim();
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let port = if digits { port.parse().ok()? } else { return None };
        Some((Self::parse(host.trim())?, Some(port)))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address)
    }
}

/// The part before the `@`, or the number of a `tel` URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    wire: String,
    decoded: String,
    params: Params,
    password: Option<String>,
}

impl User {
    /// A user from plain text: `#9` becomes `%239` on the wire.
    #[must_use]
    pub fn new(plain: &str) -> Self {
        let wire = escape(plain, Percent::IsText);
        Self { wire, decoded: plain.to_owned(), params: Params::default(), password: None }
    }

    /// What a person dialled: decoded once, without user parameters and password.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.decoded
    }

    /// The name as it goes onto the wire, escaped; without user parameters and password.
    #[must_use]
    pub fn wire(&self) -> &str {
        &self.wire
    }

    /// Parameters inside the user part, such as `phone-context` (RFC 3966 in RFC 3261 19.1.6).
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    fn parse(text: &str) -> Self {
        // What follows the first colon is a password by the grammar. It is kept for printing and not used.
        let (text, password) = match text.split_once(':') {
            Some((user, password)) => (user, Some(escape(password, Percent::IsEscape))),
            None => (text, None),
        };
        let (name, params) = text.split_once(';').unwrap_or((text, ""));
        let wire = escape(name, Percent::IsEscape);
        let params = Params::parse(&escape(params, Percent::IsEscape));
        Self { decoded: decode(&wire), wire, params, password }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.wire, self.params)?;
        match &self.password {
            Some(password) => write!(f, ":{password}"),
            None => Ok(()),
        }
    }
}

/// A URI taken apart. For `tel` the number is the user and there is no host; other schemes are kept whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipUri {
    /// What kind of address it is.
    pub scheme: Scheme,
    /// Before the `@`; `None` without one. `sip:@host` has an empty user.
    pub user: Option<User>,
    /// `None` for `tel` and for unknown schemes.
    pub host: Option<Host>,
    /// `None` when not written; the default is the transport's affair.
    pub port: Option<u16>,
    /// After the host, or after the number of a `tel` URI.
    pub params: Params,
    /// Raw text after `?`, never interpreted.
    pub headers: Option<String>,
    /// Everything after the colon of a scheme we do not know.
    pub opaque: Option<String>,
}

impl SipUri {
    /// `sip:user@host` with the user given in plain text.
    #[must_use]
    pub fn sip(user: &str, host: Host, port: Option<u16>) -> Self {
        Self { user: Some(User::new(user)), ..Self::domain(host, port) }
    }

    /// `sip:host`, without a user.
    #[must_use]
    pub fn domain(host: Host, port: Option<u16>) -> Self {
        Self {
            scheme: Scheme::Sip,
            user: None,
            host: Some(host),
            port,
            params: Params::default(),
            headers: None,
            opaque: None,
        }
    }

    /// Reads a URI without angle brackets. `None` when the scheme, host or port is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(':')?;
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(legal) {
            return None;
        }
        match scheme.to_ascii_lowercase().as_str() {
            "sip" => Self::parse_sip(Scheme::Sip, rest),
            "sips" => Self::parse_sip(Scheme::Sips, rest),
            "tel" => Self::parse_tel(rest),
            other => is_clean(rest).then(|| Self::parse_opaque(other, rest)),
        }
    }

    /// The dialled or called user in plain text: `#9` for `%239`, raw `#9` and `tel:%239`. Empty without a user.
    #[must_use]
    pub fn user_name(&self) -> &str {
        self.user.as_ref().map_or("", User::name)
    }

    /// `phone-context`, wherever it stands: in the user part, or in the parameters of a `tel` URI.
    #[must_use]
    pub fn phone_context(&self) -> Option<&str> {
        let of_user = self.user.as_ref().and_then(|user| user.params.value("phone-context"));
        of_user.or_else(|| self.params.value("phone-context"))
    }

    fn parse_sip(scheme: Scheme, rest: &str) -> Option<Self> {
        let (user, rest) = match rest.split_once('@') {
            Some((user, rest)) => (Some(User::parse(user)), rest),
            None => (None, rest),
        };
        if !is_clean(rest) {
            return None;
        }
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(escape(headers, Percent::IsEscape))),
            None => (rest, None),
        };
        let (host, params) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = Host::parse_with_port(host)?;
        let params = Params::parse(params);
        Some(Self { scheme, user, host: Some(host), port, params, headers, opaque: None })
    }

    fn parse_tel(rest: &str) -> Option<Self> {
        let (number, params) = rest.split_once(';').unwrap_or((rest, ""));
        let wire = escape(number.trim(), Percent::IsEscape);
        let user = User { decoded: decode(&wire), wire, params: Params::default(), password: None };
        (is_clean(params) && !user.decoded.is_empty()).then(|| Self {
            scheme: Scheme::Tel,
            user: Some(user),
            host: None,
            port: None,
            params: Params::parse(params),
            headers: None,
            opaque: None,
        })
    }

    fn parse_opaque(scheme: &str, rest: &str) -> Self {
        Self {
            scheme: Scheme::Other(scheme.to_owned()),
            user: None,
            host: None,
            port: None,
            params: Params::default(),
            headers: None,
            opaque: Some(rest.to_owned()),
        }
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme)?;
        match (&self.user, &self.host) {
            (Some(user), Some(host)) => write!(f, "{user}@{host}")?,
            (Some(user), None) => write!(f, "{user}")?,
            (None, Some(host)) => write!(f, "{host}")?,
            (None, None) => f.write_str(self.opaque.as_deref().unwrap_or(""))?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)?;
        match &self.headers {
            Some(headers) => write!(f, "?{headers}"),
            None => Ok(()),
        }
    }
}

impl From<&SipUri> for rsip::Uri {
    /// The URI whole and verbatim: rsip's own fields cannot hold headers, `tel` or the parameters of a user.
    fn from(uri: &SipUri) -> Self {
        verbatim(&uri.to_string())
    }
}

/// Whether text after the user part can stand between angle brackets again.
fn is_clean(text: &str) -> bool {
    !text.contains(|c: char| matches!(c, '<' | '>' | '"') || c.is_control())
}

/// Puts a URI into rsip's type so that it prints as it stands: as a "domain" without scheme.
#[must_use]
pub(crate) fn verbatim(text: &str) -> rsip::Uri {
    let host = rsip::Host::Domain(rsip::Domain::from(text));
    rsip::HostWithPort { host, port: None }.into()
}

/// What a `%` in the text means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Percent {
    /// It begins an escape when two hexadecimal digits follow.
    IsEscape,
    /// It is a character like any other.
    IsText,
}

/// Escapes what may not stand in a user part (RFC 3261 25.1 `user`); escapes that are there stay as they are.
fn escape(text: &str, percent: Percent) -> String {
    let mut wire = String::with_capacity(text.len());
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        let escaped = || {
            let digits = bytes.get(at.saturating_add(1)..at.saturating_add(3));
            digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit))
        };
        let legal = match byte {
            b'%' => percent == Percent::IsEscape && escaped(),
            b';' | b':' => percent == Percent::IsEscape,
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => true,
            b'&' | b'=' | b'+' | b'$' | b',' | b'?' | b'/' | b'[' | b']' => true,
            _ => byte.is_ascii_alphanumeric(),
        };
        if legal {
            wire.push(char::from(byte));
        } else {
            let hex = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
            wire.push('%');
            wire.push(hex(byte >> 4).to_ascii_uppercase());
            wire.push(hex(byte & 0xf).to_ascii_uppercase());
        }
    }
    wire
}

/// Resolves escapes once. Bytes that are no UTF-8 become U+FFFD.
fn decode(wire: &str) -> String {
    let mut bytes = Vec::with_capacity(wire.len());
    let mut rest = wire.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let digits = tail.split_at_checked(2).filter(|_| byte == b'%');
        let value = digits.and_then(|(digits, after)| {
            let text = std::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(text, 16).ok()?, after))
        });
        match value {
            Some((value, after)) => {
                bytes.push(value);
                rest = after;
            }
            None => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
