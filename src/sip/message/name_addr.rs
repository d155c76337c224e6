//! `"display" <uri>;params`: From, To, Contact and the headers that say who calls.

use super::param::{self, Params};
use super::uri::SipUri;
use std::fmt;

/// One address value, RFC 3261 20.10.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name in plain text, without quotes and escapes; empty when there is none.
    pub display: String,
    /// The address.
    pub uri: SipUri,
    /// The header's own parameters (`tag`, `expires`, `q`), not those of the URI.
    pub params: Params,
}

impl NameAddr {
    /// An address without display name and parameters.
    #[must_use]
    pub fn new(uri: SipUri) -> Self {
        Self { display: String::new(), uri, params: Params::default() }
    }

    /// Reads one value, bracketed or not. `None` when quotes or brackets do not close or the URI is none; also when a
    /// bare URI holds `?`, which RFC 3261 20.10 wants in brackets (RFC 4475 3.1.2.13).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts = Parts::of(text)?;
        let uri = SipUri::parse(parts.uri)?;
        if !parts.bracketed && uri.headers.is_some() || !param::is_closed(parts.params) {
            return None;
        }
        let display = param::unquote(parts.display);
        Some(Self { display, uri, params: Params::parse(parts.params) })
    }

    /// The dialog's tag.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.params.value("tag").filter(|tag| !tag.is_empty())
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.display.is_empty() {
            write!(f, "{} ", param::quote(&self.display))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

/// The tag of a raw From or To, without copying.
#[must_use]
pub(crate) fn tag_of(text: &str) -> Option<&str> {
    param::find(Parts::of(text)?.params, "tag")?.filter(|tag| !tag.is_empty())
}

/// A value cut into its raw parts.
struct Parts<'a> {
    display: &'a str,
    uri: &'a str,
    params: &'a str,
    bracketed: bool,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (display, rest) = text.split_at_checked(end_of_display(text)?)?;
        if let Some(rest) = rest.strip_prefix('<') {
            let (uri, params) = rest.split_once('>')?;
            let params = params.trim_start();
            let clean = params.is_empty() || params.starts_with(';');
            return clean.then_some(Self { display, uri: uri.trim(), params, bracketed: true });
        }
        let (uri, params) = text.split_once(';').unwrap_or((text, ""));
        Some(Self { display: "", uri: uri.trim(), params, bracketed: false })
    }
}

/// The place of the `<`, or 0 when there is none. `None` when a quote stays open.
fn end_of_display(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => return Some(at),
            // A bare URI's header parameters may be quoted, and hold a `<`, but no display name holds a `;`.
            ';' if !quoted => return Some(0),
            _ => {}
        }
    }
    (!quoted).then_some(0)
}
