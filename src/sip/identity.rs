//! Who is calling: by proof, or by the word of somebody we trust, and never by the caller's own.
//!
//! The order: a line that proved itself *is* its account, whatever its From says. Behind a trusted trunk counts
//! P-Served-User (RFC 5502), P-Asserted-Identity (RFC 3325), Remote-Party-ID, and From only where the trunk is
//! marked so. Headers of strangers are not looked at. Numbers are handed on as they were asserted; what they mean
//! is the dial plan's affair.

#[cfg(test)]
mod tests;

use crate::agent::lines::Trunk;
use crate::message::{Host, MessageExt, NameAddr, Request, Scheme, SipUri};
use std::sync::Arc;

/// Longest asserted identity that is taken, in bytes.
const IDENTITY_LEN_MAX: usize = 128;
/// Entries of History-Info that are looked at.
const HISTORY_MAX: usize = 32;
/// User parts of those who do not say who they are (RFC 3323 4.1.1.3 and habit).
const ANONYMOUS_USERS: [&str; 4] = ["anonymous", "restricted", "unknown", "unavailable"];

/// Where a request came from, as established before: by digest or by its flow.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A line that proved its account on this request.
    Line(&'a Arc<str>),
    /// A peer whose word we take.
    Trunk(&'a Trunk),
    /// Anybody else.
    Stranger,
}

/// Which header asserted an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertedBy {
    /// P-Served-User.
    ServedUser,
    /// P-Asserted-Identity.
    AssertedIdentity,
    /// Remote-Party-ID.
    RemotePartyId,
    /// From, where the trunk is trusted with it.
    From,
}

/// What a trunk says about the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asserted {
    /// Number or account, decoded once; a local number with a global context has it put in front (RFC 3966 5.1.5).
    pub identity: Arc<str>,
    /// In which header.
    pub by: AssertedBy,
}

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A line of ours, proven.
    Line {
        /// Its account.
        account: Arc<str>,
    },
    /// Somebody behind a trunk.
    Trunk {
        /// The trunk's name.
        trunk: Arc<str>,
        /// What it says; `None` when it asserts nobody.
        asserted: Option<Asserted>,
    },
    /// We do not know and do not guess.
    Stranger,
}

/// Who is calling, and on what terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub identity: Identity,
    /// The call was forwarded here by somebody whom it was meant for: no alarm of theirs.
    pub is_diverted: bool,
    /// The caller's identity must not be shown to others. It stops no alarm.
    pub is_private: bool,
}

/// Finds out who sent `request`.
#[must_use]
pub fn identify(request: &Request, source: Source<'_>) -> Caller {
    match source {
        Source::Line(account) => Caller {
            identity: Identity::Line { account: account.clone() },
            is_diverted: false,
            is_private: wants_privacy(request),
        },
        Source::Trunk(trunk) => Caller {
            identity: Identity::Trunk {
                trunk: trunk.name.clone(),
                asserted: asserted(request, trunk),
            },
            is_diverted: is_diverted(request),
            is_private: wants_privacy(request) || is_presented_privately(request),
        },
        Source::Stranger => {
            Caller { identity: Identity::Stranger, is_diverted: false, is_private: false }
        }
    }
}

fn asserted(request: &Request, trunk: &Trunk) -> Option<Asserted> {
    let found = |by| move |identity: String| Asserted { identity: identity.into(), by };
    served_user(request)
        .map(found(AssertedBy::ServedUser))
        .or_else(|| asserted_identity(request).map(found(AssertedBy::AssertedIdentity)))
        .or_else(|| remote_party(request).map(found(AssertedBy::RemotePartyId)))
        .or_else(|| {
            let from = request.from_header().filter(|_| trunk.trusts_from)?;
            identity_of(&from.uri).map(found(AssertedBy::From))
        })
}

/// The user on whose behalf the network asks us; with `sescase=term` that is the called one.
fn served_user(request: &Request) -> Option<String> {
    let served = request.served_user()?;
    let is_called =
        served.params.value("sescase").is_some_and(|case| case.eq_ignore_ascii_case("term"));
    if is_called { None } else { identity_of(&served.uri) }
}

/// Up to two are asserted: the telephone number is the better one.
fn asserted_identity(request: &Request) -> Option<String> {
    let identities = request.asserted_identities();
    let (numbers, others): (Vec<&NameAddr>, Vec<&NameAddr>) =
        identities.iter().partition(|identity| identity.uri.scheme == Scheme::Tel);
    numbers.into_iter().chain(others).find_map(|identity| identity_of(&identity.uri))
}

/// The calling party, only where the peer itself verified it.
fn remote_party(request: &Request) -> Option<String> {
    let is = |party: &NameAddr, name: &str, wanted: &str| {
        party.params.value(name).map(|value| value.trim_matches('"').eq_ignore_ascii_case(wanted))
    };
    request
        .remote_party_ids()
        .iter()
        .filter(|party| is(party, "party", "calling").unwrap_or(true))
        .filter(|party| is(party, "screen", "yes").unwrap_or(false))
        .find_map(|party| identity_of(&party.uri))
}

/// The number or account of a URI; `None` for the anonymous.
fn identity_of(uri: &SipUri) -> Option<String> {
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips | Scheme::Tel) || is_anonymous(uri) {
        return None;
    }
    let user = uri.user_name();
    let context = uri.phone_context().filter(|context| {
        let is_local = !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_digit());
        is_local && context.starts_with('+')
    });
    let identity = format!("{}{user}", context.unwrap_or_default());
    let is_usable = !identity.is_empty()
        && identity.len() <= IDENTITY_LEN_MAX
        && !identity.chars().any(char::is_control);
    is_usable.then_some(identity)
}

fn is_anonymous(uri: &SipUri) -> bool {
    let is_invalid_host = matches!(&uri.host, Some(Host::Name(name)) if name.eq_ignore_ascii_case("anonymous.invalid"));
    is_invalid_host || ANONYMOUS_USERS.iter().any(|user| user.eq_ignore_ascii_case(uri.user_name()))
}

/// Privacy (RFC 3323, RFC 3325 9.3) of any kind that hides the caller.
fn wants_privacy(request: &Request) -> bool {
    let tokens = request.header_lines("Privacy").flat_map(|line| line.split([';', ',']));
    tokens
        .map(str::trim)
        .any(|token| ["id", "user", "header"].iter().any(|hides| hides.eq_ignore_ascii_case(token)))
}

/// What older peers do instead of Privacy.
fn is_presented_privately(request: &Request) -> bool {
    let from_hides = request.from_header().is_some_and(|from| is_anonymous(&from.uri));
    from_hides
        || request.remote_party_ids().iter().any(|party| {
            let privacy = party.params.value("privacy").map(|value| value.trim_matches('"'));
            privacy.is_some_and(|privacy| !privacy.eq_ignore_ascii_case("off"))
        })
}

/// Whether somebody forwarded the call: Diversion (RFC 5806), or a History-Info (RFC 7044) that shows a redirection.
fn is_diverted(request: &Request) -> bool {
    if request.header("Diversion").is_some() {
        return true;
    }
    let history: Vec<NameAddr> = request
        .header_values("History-Info")
        .filter_map(NameAddr::parse)
        .take(HISTORY_MAX)
        .collect();
    let mut before: Option<&NameAddr> = None;
    history.iter().any(|entry| {
        let redirects = redirected_from(entry, before, &history).is_some_and(|from| !is_code(from));
        before = Some(entry);
        redirects
    })
}

/// The entry that an entry says the call was redirected from.
fn redirected_from<'a>(
    entry: &'a NameAddr,
    before: Option<&'a NameAddr>,
    history: &'a [NameAddr],
) -> Option<&'a NameAddr> {
    let has_reason = |headers: &String| {
        headers.to_ascii_lowercase().split('&').any(|h| h.starts_with("reason=sip"))
    };
    if entry.uri.headers.as_ref().is_some_and(has_reason) {
        return Some(entry);
    }
    if let Some(index) = entry.params.value("mp") {
        let named = history.iter().find(|known| known.params.value("index") == Some(index));
        return named.or(before).or(Some(entry));
    }
    // RFC 4458: the new target says why it was chosen.
    entry.uri.params.has("cause").then(|| before.unwrap_or(entry))
}

/// A dialled service code that the network mapped to our address is nobody who forwards calls.
fn is_code(entry: &NameAddr) -> bool {
    entry.uri.user_name().starts_with(['#', '*'])
}
