//! How everybody reads and builds messages: rsip's [`rsip::Request`] and [`rsip::Response`] as containers, our own
//! types for what stands in them.
//!
//! The containers hold headers as text, one value each where commas separate values (Via, Route, Record-Route,
//! Contact), under their long names; a length is never stored but follows from the body. A request's URI is held
//! verbatim: read it with [`RequestExt::target`], never through rsip's fields. A status is compared by
//! [`ResponseExt::status`], never by variant. Nothing here panics or trusts the sender.

mod header;
mod name_addr;
mod param;
mod uri;
mod via;
mod write;

pub use name_addr::NameAddr;
pub use param::{Params, quote, unquote};
pub use rsip::{Method, Request, Response, SipMessage};
pub use uri::{Host, Scheme, SipUri, User};
pub use via::{Rport, Transport, Via};
pub use write::{encode, encode_request, encode_response, reason_phrase, response_to, status_line};

pub(crate) use header::{build as build_header, long_name};
pub(crate) use param::values;
pub(crate) use uri::verbatim;

use rsip::{Header, Headers};

/// A method that rsip knows, by its exact name (methods are case-sensitive, RFC 3261 7.1).
#[must_use]
pub fn method_of(name: &str) -> Option<Method> {
    Some(match name {
        "ACK" => Method::Ack,
        "BYE" => Method::Bye,
        "CANCEL" => Method::Cancel,
        "INFO" => Method::Info,
        "INVITE" => Method::Invite,
        "MESSAGE" => Method::Message,
        "NOTIFY" => Method::Notify,
        "OPTIONS" => Method::Options,
        "PRACK" => Method::PRack,
        "PUBLISH" => Method::Publish,
        "REFER" => Method::Refer,
        "REGISTER" => Method::Register,
        "SUBSCRIBE" => Method::Subscribe,
        "UPDATE" => Method::Update,
        _ => return None,
    })
}

/// A new request: the method and the target, the headers in the order given by [`MessageExt::push_header`].
#[must_use]
pub fn new_request(method: Method, target: &SipUri) -> Request {
    Request {
        method,
        uri: target.into(),
        version: rsip::Version::V2,
        headers: Headers::default(),
        body: Vec::new(),
    }
}

/// What a message of either kind can be asked, and changed in.
#[expect(clippy::wrong_self_convention, reason = "From is the header's name")]
pub trait MessageExt {
    /// All headers in order.
    fn header_list(&self) -> &Headers;
    /// All headers in order, to be changed.
    fn header_list_mut(&mut self) -> &mut Headers;

    /// The first value of a header, by its long name in any case.
    fn header(&self, name: &str) -> Option<&str> {
        let mut parts = self.header_list().iter().map(header::parts);
        parts.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Every line of a header in order, not split at commas.
    fn header_lines(&self, name: &str) -> impl Iterator<Item = &str> {
        let parts = self.header_list().iter().map(header::parts);
        parts.filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Every value of a header in order, split at commas outside of quotes and brackets.
    fn header_values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.header_lines(name).flat_map(param::values)
    }

    /// Whether a list header (Supported, Require, Allow) holds the token, in any case.
    fn lists(&self, name: &str, token: &str) -> bool {
        self.header_values(name).any(|value| value.eq_ignore_ascii_case(token))
    }

    /// Appends a header; long and compact names are fine.
    fn push_header(&mut self, name: &str, value: impl Into<String>)
    where
        Self: Sized,
    {
        self.header_list_mut().push(header::build(name, value.into()));
    }

    /// Replaces all headers of that name by one, in the place of the first or at the end.
    fn set_header(&mut self, name: &str, value: impl Into<String>)
    where
        Self: Sized,
    {
        let fresh = header::build(name, value.into());
        let mut headers: Vec<Header> = std::mem::take(self.header_list_mut()).into();
        let same =
            |old: &Header| header::parts(old).0.eq_ignore_ascii_case(header::parts(&fresh).0);
        let at = headers.iter().position(same).unwrap_or(headers.len());
        headers.retain(|old| !same(old));
        headers.insert(at, fresh);
        *self.header_list_mut() = headers.into();
    }

    /// Removes all headers of that name.
    fn remove_header(&mut self, name: &str) {
        self.header_list_mut().retain(|h| !header::parts(h).0.eq_ignore_ascii_case(name));
    }

    /// The topmost Via.
    fn via(&self) -> Option<Via> {
        self.header_values("Via").next().and_then(Via::parse)
    }

    /// How many Via values there are.
    fn via_count(&self) -> usize {
        self.header_values("Via").count()
    }

    /// Puts a Via above all others, as the first header.
    fn push_via(&mut self, via: &Via) {
        let mut headers: Vec<Header> = std::mem::take(self.header_list_mut()).into();
        headers.insert(0, header::build("Via", via.to_string()));
        *self.header_list_mut() = headers.into();
    }

    /// Takes the topmost Via away.
    fn pop_via(&mut self) -> Option<Via> {
        let mut headers: Vec<Header> = std::mem::take(self.header_list_mut()).into();
        let at = headers.iter().position(|h| matches!(h, Header::Via(_)));
        let taken = at.map(|at| headers.remove(at));
        *self.header_list_mut() = headers.into();
        Via::parse(header::parts(&taken?).1)
    }

    /// Exchanges the topmost Via, in its place.
    fn replace_via(&mut self, via: &Via) {
        let top = self.header_list_mut().iter_mut().find(|h| matches!(h, Header::Via(_)));
        if let Some(top) = top {
            *top = header::build("Via", via.to_string());
        }
    }

    /// The Call-ID.
    fn call_id(&self) -> Option<&str> {
        self.header("Call-ID").filter(|id| !id.is_empty())
    }

    /// The number and method of CSeq. `None` when the number is above 2^31 - 1 or rsip does not know the method.
    fn cseq(&self) -> Option<(u32, Method)> {
        let (number, method) = cseq_parts(self.header("CSeq")?)?;
        Some((number, method_of(method)?))
    }

    /// The From header. `None` when it is none or cannot be read.
    fn from_header(&self) -> Option<NameAddr> {
        self.header("From").and_then(NameAddr::parse)
    }

    /// The To header. `None` when it is none or cannot be read.
    fn to_header(&self) -> Option<NameAddr> {
        self.header("To").and_then(NameAddr::parse)
    }

    /// The tag of From; `None` from RFC 2543 peers.
    fn from_tag(&self) -> Option<&str> {
        self.header("From").and_then(name_addr::tag_of)
    }

    /// The tag of To; `None` outside of a dialog.
    fn to_tag(&self) -> Option<&str> {
        self.header("To").and_then(name_addr::tag_of)
    }

    /// The first Contact that can be read.
    fn contact(&self) -> Option<NameAddr> {
        self.contacts().into_iter().next()
    }

    /// All Contacts that can be read; `*` is none of them, see [`Self::is_contact_star`].
    fn contacts(&self) -> Vec<NameAddr> {
        self.header_values("Contact").filter_map(NameAddr::parse).collect()
    }

    /// Whether the one Contact is `*`: remove all bindings, RFC 3261 10.2.2.
    fn is_contact_star(&self) -> bool {
        self.header_values("Contact").eq(["*"])
    }

    /// P-Asserted-Identity, RFC 3325: up to a `sip` and a `tel` address. Worth something only from a trusted peer.
    fn asserted_identities(&self) -> Vec<NameAddr> {
        self.header_values("P-Asserted-Identity").filter_map(NameAddr::parse).collect()
    }

    /// Remote-Party-ID, the older form of the same.
    fn remote_party_ids(&self) -> Vec<NameAddr> {
        self.header_values("Remote-Party-ID").filter_map(NameAddr::parse).collect()
    }

    /// P-Served-User, RFC 5502, with `sescase` and `regstate` in its parameters.
    fn served_user(&self) -> Option<NameAddr> {
        self.header("P-Served-User").and_then(NameAddr::parse)
    }

    /// Record-Route values, raw, topmost first.
    fn record_routes(&self) -> Vec<String> {
        self.header_values("Record-Route").map(str::to_owned).collect()
    }

    /// Route values, raw, topmost first.
    fn routes(&self) -> Vec<String> {
        self.header_values("Route").map(str::to_owned).collect()
    }

    /// Max-Forwards; `None` from RFC 2543 peers.
    fn max_forwards(&self) -> Option<u32> {
        number(self.header("Max-Forwards")?)
    }

    /// The Expires header in seconds; a number above 2^32 - 1 counts as that.
    fn expires(&self) -> Option<u32> {
        number(self.header("Expires")?)
    }

    /// Content-Type as it stands, with parameters.
    fn content_type(&self) -> Option<&str> {
        self.header("Content-Type")
    }

    /// Whether the body's type is this one (`application/sdp`), parameters and case aside.
    fn is_content_type(&self, media_type: &str) -> bool {
        let bare = self.content_type().and_then(|value| value.split(';').next());
        bare.is_some_and(|value| value.trim().eq_ignore_ascii_case(media_type))
    }
}

/// What only a request can be asked.
pub trait RequestExt {
    /// The Request-URI as it stands.
    fn target_text(&self) -> String;
    /// The Request-URI taken apart; always there in a request that was read from the wire.
    fn target(&self) -> Option<SipUri>;
    /// Exchanges the Request-URI.
    fn set_target(&mut self, target: &SipUri);
}

/// What only a response can be asked.
pub trait ResponseExt {
    /// The status code, 100 to 699.
    fn status(&self) -> u16;
    /// The words that came with it; ours where there were none.
    fn reason(&self) -> &str;
}

impl MessageExt for Request {
    fn header_list(&self) -> &Headers {
        &self.headers
    }

    fn header_list_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }
}

impl MessageExt for Response {
    fn header_list(&self) -> &Headers {
        &self.headers
    }

    fn header_list_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }
}

impl MessageExt for SipMessage {
    fn header_list(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    fn header_list_mut(&mut self) -> &mut Headers {
        match self {
            Self::Request(request) => &mut request.headers,
            Self::Response(response) => &mut response.headers,
        }
    }
}

impl RequestExt for Request {
    fn target_text(&self) -> String {
        write::verbatim_text(&self.uri)
    }

    fn target(&self) -> Option<SipUri> {
        SipUri::parse(&self.target_text())
    }

    fn set_target(&mut self, target: &SipUri) {
        self.uri = target.into();
    }
}

impl ResponseExt for Response {
    fn status(&self) -> u16 {
        self.status_code.code()
    }

    fn reason(&self) -> &str {
        if let rsip::StatusCode::Other(_, reason) = &self.status_code {
            return reason;
        }
        reason_phrase(self.status())
    }
}

/// The number and the raw method of a CSeq value; the number is below 2^31, RFC 3261 8.1.1.5.
pub(crate) fn cseq_parts(value: &str) -> Option<(u32, &str)> {
    let (number, method) = value.trim().split_once(|c: char| c.is_ascii_whitespace())?;
    let digits = number.bytes().all(|b| b.is_ascii_digit());
    let number = number.parse().ok().filter(|n| digits && *n <= CSEQ_MAX)?;
    Some((number, method.trim()))
}

/// The greatest CSeq number, RFC 3261 8.1.1.5.
pub const CSEQ_MAX: u32 = 0x7fff_ffff;

/// A number of seconds or hops; too great ones count as the greatest. `None` when it is no number.
fn number(value: &str) -> Option<u32> {
    let value = value.split(';').next()?.trim();
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(u32::MAX))
}
