//! Messages to bytes, answers to requests, and the words that go with a status.

use super::{ResponseExt as _, header, name_addr};
use rsip::headers::UntypedHeader as _;
use rsip::{Header, Request, Response, SipMessage, StatusCode};
use std::fmt::Write as _;

/// Writes a message as it goes onto the wire: the headers verbatim and in order, the body to the byte, and a
/// Content-Length that fits it (one that stands among the headers is left out).
#[must_use]
pub fn encode(message: &SipMessage) -> Vec<u8> {
    match message {
        SipMessage::Request(request) => encode_request(request),
        SipMessage::Response(response) => encode_response(response),
    }
}

/// [`encode`] for a request.
#[must_use]
pub fn encode_request(request: &Request) -> Vec<u8> {
    let start = format!("{} {} SIP/2.0", request.method, verbatim_text(&request.uri));
    finish(&start, &request.headers, &request.body)
}

/// [`encode`] for a response.
#[must_use]
pub fn encode_response(response: &Response) -> Vec<u8> {
    let (code, reason) = (response.status_code.code(), response.reason());
    finish(&format!("SIP/2.0 {code} {reason}"), &response.headers, &response.body)
}

fn finish(start: &str, headers: &rsip::Headers, body: &[u8]) -> Vec<u8> {
    // An INVITE of a telephone has about 500 bytes of headers.
    let mut text = String::with_capacity(body.len().saturating_add(1024));
    push_line(&mut text, start);
    for header in headers.iter().filter(|h| !matches!(h, Header::ContentLength(_))) {
        let (name, value) = header::parts(header);
        text.push_str(name);
        text.push_str(": ");
        push_line(&mut text, value);
    }
    // Writing to a String cannot fail.
    let _ = write!(text, "Content-Length: {}\r\n\r\n", body.len());
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// One line. A line end inside of it, decoded from `%0D%0A` by somebody, must not begin another header.
fn push_line(text: &mut String, line: &str) {
    if line.contains(['\r', '\n']) {
        text.extend(line.chars().map(|c| if matches!(c, '\r' | '\n') { ' ' } else { c }));
    } else {
        text.push_str(line);
    }
    text.push_str("\r\n");
}

/// The text of a request's URI.
pub(super) fn verbatim_text(uri: &rsip::Uri) -> String {
    match (&uri.scheme, &uri.auth, &uri.host_with_port.host) {
        (None, None, rsip::Host::Domain(name)) if uri.host_with_port.port.is_none() => {
            name.to_string()
        }
        _ => uri.to_string(),
    }
}

/// The answer to a request with what RFC 3261 8.2.6 wants copied: all Via, From, To, Call-ID, CSeq, and Record-Route.
/// `to_tag` is added to a To that has none. `reason` empty means the usual words for the status.
#[must_use]
pub fn response_to(request: &Request, status: u16, reason: &str, to_tag: Option<&str>) -> Response {
    let mut copied = Vec::with_capacity(8);
    for header in request.headers.iter() {
        if let Header::To(to) = header {
            copied.push(Header::To(tagged(to, to_tag)));
        } else if is_copied(header) {
            copied.push(header.clone());
        }
    }
    Response {
        status_code: status_line(status, reason),
        version: rsip::Version::V2,
        headers: copied.into(),
        body: Vec::new(),
    }
}

fn is_copied(header: &Header) -> bool {
    matches!(
        header,
        Header::Via(_)
            | Header::From(_)
            | Header::CallId(_)
            | Header::CSeq(_)
            | Header::RecordRoute(_)
    )
}

fn tagged(to: &rsip::headers::To, tag: Option<&str>) -> rsip::headers::To {
    match tag {
        Some(tag) if name_addr::tag_of(to.value()).is_none() => {
            rsip::headers::To::from(format!("{};tag={tag}", to.value()))
        }
        Some(_) | None => to.clone(),
    }
}

/// A status with its words, in the one form we use: numbers are compared by `code()`, never by variant.
#[must_use]
pub fn status_line(status: u16, reason: &str) -> StatusCode {
    let reason = if reason.is_empty() { reason_phrase(status) } else { reason };
    StatusCode::Other(status, reason.to_owned())
}

/// The words of RFC 3261 21 and its extensions; for an unknown status those of its class.
#[must_use]
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        199 => "Early Dialog Terminated",
        200 => "OK",
        202 => "Accepted",
        204 => "No Notification",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        433 => "Anonymity Disallowed",
        469 => "Bad Info Package",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        494 => "Security Agreement Required",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        580 => "Precondition Failure",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        607 => "Unwanted",
        608 => "Rejected",
        _ => class_phrase(status),
    }
}

fn class_phrase(status: u16) -> &'static str {
    match status / 100 {
        1 => "Trying",
        2 => "OK",
        3 => "Multiple Choices",
        4 => "Bad Request",
        5 => "Server Internal Error",
        _ => "Busy Everywhere",
    }
}
