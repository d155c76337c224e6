//! The first line: of a request, of a response, or of something else.

use super::is_token;
use super::malformed::Reason;

/// A first line taken apart; the method may be any token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Start<'a> {
    /// `INVITE sip:%239@xm.example SIP/2.0`
    Request { method: &'a str, uri: &'a str },
    /// `SIP/2.0 200 OK`
    Response { code: u16, reason: &'a str },
}

impl<'a> Start<'a> {
    /// Reads a first line. More white space than one between the parts and at the end is tolerated, and so are
    /// brackets around the URI (RFC 4475 3.1.2.7, 3.1.2.9, 3.1.2.10); white space inside of it is not (3.1.2.8).
    pub(super) fn parse(line: &'a str) -> Result<Self, Reason> {
        let line = line.trim_matches([' ', '\t']);
        let (first, rest) = cut(line).ok_or(Reason::NotSip)?;
        if is_version(first) {
            return Self::parse_response(first, rest);
        }
        let (uri, version) = match rest.rfind([' ', '\t']).and_then(|at| rest.split_at_checked(at))
        {
            Some((uri, version)) => (uri.trim_matches([' ', '\t']), version.trim_start()),
            None => return Err(Reason::NotSip),
        };
        if !is_token(first) || !is_version(version) {
            return Err(Reason::NotSip);
        }
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            return Err(Reason::Version);
        }
        let uri = uri.strip_prefix('<').and_then(|uri| uri.strip_suffix('>')).unwrap_or(uri);
        if uri.is_empty() || uri.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(Reason::Uri);
        }
        Ok(Self::Request { method: first, uri })
    }

    fn parse_response(version: &str, rest: &'a str) -> Result<Self, Reason> {
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            return Err(Reason::Version);
        }
        let (code, reason) = cut(rest).unwrap_or((rest, ""));
        let digits = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
        let code = code.parse().ok().filter(|code| digits && (100..700).contains(code));
        Ok(Self::Response { code: code.ok_or(Reason::Status)?, reason })
    }
}

/// Whether an answer to this first line could be wanted: it is a request's, and not of an ACK (RFC 3261 17.1.1.3).
pub(super) fn names_request(line: &str) -> bool {
    let first = cut(line.trim_start()).map_or("", |(first, _)| first);
    is_token(first) && first != "ACK"
}

fn is_version(text: &str) -> bool {
    text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("SIP/"))
}

/// The first word and what follows it.
fn cut(text: &str) -> Option<(&str, &str)> {
    let (first, rest) = text.split_once([' ', '\t'])?;
    Some((first, rest.trim_start_matches([' ', '\t'])))
}
