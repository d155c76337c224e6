//! Names and values of rsip's headers without taking the values apart.
//!
//! rsip has a variant per header and no way to ask any of them for its name; this table is that way.

use rsip::headers::UntypedHeader as _;
use rsip::{Header, headers};

macro_rules! known_headers {
    ($($variant:ident = $name:literal,)*) => {
        /// The name to print, and the value as it stands.
        pub(crate) fn parts(header: &Header) -> (&str, &str) {
            match header {
                $(Header::$variant(inner) => ($name, inner.value()),)*
                Header::Other(name, value) => (name, value),
            }
        }

        /// The header of that name, long or compact, in any case.
        pub(crate) fn build(name: &str, value: String) -> Header {
            let name = long_name(name);
            $(if name.eq_ignore_ascii_case($name) {
                return Header::$variant(headers::$variant::from(value));
            })*
            Header::Other(name.to_owned(), value)
        }
    };
}

known_headers! {
    Accept = "Accept",
    AcceptEncoding = "Accept-Encoding",
    AcceptLanguage = "Accept-Language",
    AlertInfo = "Alert-Info",
    Allow = "Allow",
    AuthenticationInfo = "Authentication-Info",
    Authorization = "Authorization",
    CSeq = "CSeq",
    CallId = "Call-ID",
    CallInfo = "Call-Info",
    Contact = "Contact",
    ContentDisposition = "Content-Disposition",
    ContentEncoding = "Content-Encoding",
    ContentLanguage = "Content-Language",
    ContentLength = "Content-Length",
    ContentType = "Content-Type",
    Date = "Date",
    ErrorInfo = "Error-Info",
    Event = "Event",
    Expires = "Expires",
    From = "From",
    InReplyTo = "In-Reply-To",
    MaxForwards = "Max-Forwards",
    MimeVersion = "MIME-Version",
    MinExpires = "Min-Expires",
    Organization = "Organization",
    Priority = "Priority",
    ProxyAuthenticate = "Proxy-Authenticate",
    ProxyAuthorization = "Proxy-Authorization",
    ProxyRequire = "Proxy-Require",
    RecordRoute = "Record-Route",
    ReplyTo = "Reply-To",
    Require = "Require",
    RetryAfter = "Retry-After",
    Route = "Route",
    Server = "Server",
    Subject = "Subject",
    SubscriptionState = "Subscription-State",
    Supported = "Supported",
    Timestamp = "Timestamp",
    To = "To",
    Unsupported = "Unsupported",
    UserAgent = "User-Agent",
    Via = "Via",
    Warning = "Warning",
    WwwAuthenticate = "WWW-Authenticate",
}

/// The long form of a compact name (RFC 3261 7.3.3 and the registry of IANA); any other name as it is.
pub(crate) fn long_name(name: &str) -> &str {
    let [letter] = name.as_bytes() else { return name };
    match letter.to_ascii_lowercase() {
        b'a' => "Accept-Contact",
        b'b' => "Referred-By",
        b'c' => "Content-Type",
        b'd' => "Request-Disposition",
        b'e' => "Content-Encoding",
        b'f' => "From",
        b'i' => "Call-ID",
        b'j' => "Reject-Contact",
        b'k' => "Supported",
        b'l' => "Content-Length",
        b'm' => "Contact",
        b'n' => "Identity-Info",
        b'o' => "Event",
        b'r' => "Refer-To",
        b's' => "Subject",
        b't' => "To",
        b'u' => "Allow-Events",
        b'v' => "Via",
        b'x' => "Session-Expires",
        b'y' => "Identity",
        _ => name,
    }
}
