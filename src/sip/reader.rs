//! Bytes of one datagram, or of one framed message of a stream, to a message.
//!
//! Tolerant where a telephone that cries for help may be sloppy (folding, compact names, line ends, a raw `#`, GBK
//! display names, RFC 2543), strict where a guess would be dangerous (lengths, doubled identities, numbers out of
//! range). Never panics and never reads past a bound; what is refused says why and, when the sender can be told, how.

mod lines;
mod malformed;
mod start;
mod text;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

pub use malformed::{Field, Malformed, Reason};

pub(crate) use lines::{Block, is_token, is_token_byte};

use crate::message::{self, NameAddr, SipUri, Via};
use lines::Line;
use rsip::{Header, Headers, Request, Response, SipMessage, Version};
use start::Start;

/// Bytes of a whole message. UDP carries no more, and no telephone sends a tenth of it.
pub const MESSAGE_MAX: usize = 64 * 1024;

/// Header lines, counted before commas are resolved.
pub const HEADERS_MAX: usize = 256;

/// Bytes of one header line with all its continuations, and of the first line.
pub const LINE_MAX: usize = 8 * 1024;

/// Reads one message. Bytes after the body's announced length are ignored (RFC 3261 18.3).
///
/// # Errors
/// [`Malformed`] with the reason and, for a request that shows a Via, the answer to give.
pub fn read(bytes: &[u8]) -> Result<SipMessage, Malformed> {
    if bytes.len() > MESSAGE_MAX {
        let head = bytes.get(..MESSAGE_MAX).unwrap_or_default();
        return Err(refuse(Reason::TooLarge, &Block::read(head)));
    }
    let block = Block::read(bytes);
    read_block(&block).map_err(|reason| refuse(reason, &block))
}

fn read_block(block: &Block<'_>) -> Result<SipMessage, Reason> {
    if let Some(fault) = block.fault {
        return Err(fault);
    }
    let start = Start::parse(&block.start)?;
    let cseq = identity(block)?;
    match start {
        Start::Request { method, uri } => {
            let known = message::method_of(method).ok_or(Reason::Method)?;
            if cseq != method {
                return Err(Reason::CSeqMethod);
            }
            if SipUri::parse(uri).is_none() {
                return Err(Reason::Uri);
            }
            let headers = headers(block, known == rsip::Method::Register)?;
            let body = body(block)?.to_vec();
            let uri = message::verbatim(uri);
            Ok(Request { method: known, uri, version: Version::V2, headers, body }.into())
        }
        Start::Response { code, reason } => {
            message::method_of(cseq).ok_or(Reason::Method)?;
            let headers = headers(block, false)?;
            let status_code = message::status_line(code, reason);
            let body = body(block)?.to_vec();
            Ok(Response { status_code, version: Version::V2, headers, body }.into())
        }
    }
}

/// Checks what identifies a message and gives the method of CSeq.
fn identity<'b>(block: &'b Block<'_>) -> Result<&'b str, Reason> {
    block.required(Field::Via)?;
    let from = block.required(Field::From)?;
    let to = block.required(Field::To)?;
    block.required(Field::CallId)?;
    let cseq = block.required(Field::CSeq)?;
    block.single(Field::MaxForwards)?;
    let (_, method) = message::cseq_parts(cseq).ok_or(Reason::Bad(Field::CSeq))?;
    for (value, field) in [(from, Field::From), (to, Field::To)] {
        NameAddr::parse(value).ok_or(Reason::Bad(field))?;
    }
    Ok(method)
}

/// The headers for rsip: long names, one value each where commas separate, no length, no repeated identity.
fn headers(block: &Block<'_>, contacts_matter: bool) -> Result<Headers, Reason> {
    let mut headers: Vec<Header> = Vec::with_capacity(block.lines.len().saturating_add(4));
    for (at, Line { name, value }) in block.lines.iter().enumerate() {
        if name.eq_ignore_ascii_case(Field::ContentLength.name()) || block.is_repeat(at) {
            continue;
        }
        match list_of(name) {
            None => headers.push(message::build_header(name, value.clone())),
            Some(list) => {
                for value in message::values(value) {
                    list.check(value, contacts_matter)?;
                    headers.push(message::build_header(name, value.to_owned()));
                }
            }
        }
    }
    // Split at commas, a few lines can hold more values than we would take as lines.
    if HEADERS_MAX < headers.len() { Err(Reason::TooManyHeaders) } else { Ok(headers.into()) }
}

/// A header whose values are split at commas.
#[derive(Clone, Copy)]
enum List {
    Via,
    Route,
    Contact,
}

impl List {
    fn check(self, value: &str, contacts_matter: bool) -> Result<(), Reason> {
        match self {
            Self::Via if Via::parse(value).is_none() => Err(Reason::Bad(Field::Via)),
            Self::Contact if contacts_matter && value != "*" => {
                NameAddr::parse(value).map(drop).ok_or(Reason::Bad(Field::Contact))
            }
            Self::Via | Self::Route | Self::Contact => Ok(()),
        }
    }
}

fn list_of(name: &str) -> Option<List> {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if is("Via") {
        Some(List::Via)
    } else if is("Route") || is("Record-Route") {
        Some(List::Route)
    } else {
        is("Contact").then_some(List::Contact)
    }
}

/// The body to the announced length; to the end where none is announced, as UDP allows.
fn body<'a>(block: &Block<'a>) -> Result<&'a [u8], Reason> {
    match block.content_length()? {
        None => Ok(block.body),
        Some(length) => block.body.get(..length).ok_or(Reason::Truncated),
    }
}

/// Wraps a reason with the answer, when the sender of a request can be told.
fn refuse(reason: Reason, block: &Block<'_>) -> Malformed {
    let is_request = start::names_request(&block.start);
    let reply = reason.status().filter(|_| is_request).and_then(|status| {
        let mut copied = Vec::new();
        for field in [Field::Via, Field::From, Field::To, Field::CallId, Field::CSeq] {
            let values = block.values(field).take(if field == Field::Via { usize::MAX } else { 1 });
            copied.extend(values.map(|v| message::build_header(field.name(), v.to_owned())));
        }
        let has_via = copied.iter().any(|h| matches!(h, Header::Via(_)));
        has_via.then(|| Response {
            status_code: message::status_line(status, ""),
            version: Version::V2,
            headers: copied.into(),
            body: Vec::new(),
        })
    });
    Malformed { reason, reply }
}
