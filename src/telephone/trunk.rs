//! What an outgoing INVITE says: by the habits of a trunk, or towards a phone that is registered here.
//!
//! Call-ID, tag and branch derive from the leg and a key of the node, so that a restarted node finds them again and
//! nobody else can guess them. The number that callees see is always the service's own, never the household's.

use super::Parts;
use super::legs::call_id;
use crate::config::{TrunkConfig, TrunkIdentityHeader};
use hmac::{Hmac, KeyInit, Mac};
use lianfang_domain::id::LegId;
use lianfang_domain::leg::{LegOrder, Message};
use lianfang_domain::phone::format_for;
use lianfang_sip::agent::UserAgent;
use lianfang_sip::agent::api::{Bytes, CallHandle, Credentials, Flow, Leg, LegKey, OutboundInvite};
use sha2::Sha256;
use std::sync::Arc;

/// The key from which tags and branches are made; the same after a restart.
#[derive(Clone)]
pub struct LegKeys([u8; 32]);

impl std::fmt::Debug for LegKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LegKeys(***)")
    }
}

impl LegKeys {
    /// Takes up the node's key.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    fn of(&self, leg: LegId, shard: usize) -> LegKey {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0)
            .expect("HMAC takes keys of any length");
        mac.update(leg.to_string().as_bytes());
        let token: String =
            mac.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let (tag, branch) = token.split_at(16);
        LegKey {
            call_id: call_id(leg, shard).into(),
            from_tag: tag.into(),
            branch: format!("{leg}-{branch}").into(),
        }
    }
}

/// An INVITE to be.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) leg: Leg,
    headers: Vec<(Arc<str>, Arc<str>)>,
    credentials: Option<Arc<Credentials>>,
}

impl Outgoing {
    pub(super) fn invite(self, call: CallHandle, offer: Bytes) -> OutboundInvite {
        let Self { leg, headers, credentials } = self;
        OutboundInvite { call, leg, headers, sdp: offer, credentials }
    }
}

/// Over a trunk.
pub(super) fn over_trunk(
    order: &LegOrder,
    config: &TrunkConfig,
    flow: Flow,
    keys: &LegKeys,
    shard: usize,
) -> Outgoing {
    let number = escape_user(&format_for(&order.number, &config.number_format));
    let domain = &config.domain;
    let phone = if config.has_user_phone { ";user=phone" } else { "" };
    let uri: Arc<str> = format!("sip:{number}@{domain}{phone}").into();
    let own = format!("<sip:{}@{domain}{phone}>", escape_user(&config.caller_number));
    let mut headers: Vec<(Arc<str>, Arc<str>)> = Vec::new();
    match config.identity_header {
        TrunkIdentityHeader::None => {}
        TrunkIdentityHeader::PAssertedIdentity => {
            headers.push(("P-Asserted-Identity".into(), own.as_str().into()));
        }
        TrunkIdentityHeader::RemotePartyId => {
            headers
                .push(("Remote-Party-ID".into(), format!("{own};party=calling;screen=yes").into()));
        }
    }
    // What announces a drill is no emergency.
    if config.has_priority_header && order.message != Message::DrillNotice {
        headers.push(("Priority".into(), "emergency".into()));
    }
    let leg = Leg {
        key: keys.of(order.leg, shard),
        to: format!("<{uri}>").into(),
        uri,
        flow,
        from: with_display_name(&config.display_name, &own).into(),
        routes: Vec::new(),
    };
    let credentials = config.credentials.as_ref().map(|(username, password)| {
        Arc::new(Credentials {
            realm: None,
            username: username.as_str().into(),
            password: password.expose().as_str().into(),
        })
    });
    Outgoing { leg, headers, credentials }
}

/// To a phone that is registered here; `None` while it is not. Rings the binding that was refreshed last.
pub(super) fn to_line(
    order: &LegOrder,
    agent: &UserAgent,
    parts: &Parts,
    shard: usize,
) -> Option<Outgoing> {
    let directory = parts.directory.current();
    let line = directory.line_by_number(order.number.key())?;
    let (_, _, line) = directory.resolve(line)?;
    let binding = agent.bindings(&line.account).iter().max_by_key(|binding| binding.expires_at)?;
    let host = parts.advertised;
    let to = format!("<sip:{}@{host}>", escape_user(&line.account));
    let leg = Leg {
        key: parts.leg_keys.of(order.leg, shard),
        uri: (&*binding.contact).into(),
        flow: binding.flow,
        from: with_display_name("平安联防", &format!("<sip:alarm@{host}>")).into(),
        to: to.into(),
        routes: Vec::new(),
    };
    Some(Outgoing {
        leg,
        headers: vec![("Priority".into(), "emergency".into())],
        credentials: None,
    })
}

fn with_display_name(name: &str, address: &str) -> String {
    if name.is_empty() {
        return address.to_owned();
    }
    let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{quoted}\" {address}")
}

/// Escapes what may not stand in a user part (RFC 3261 25.1), `#` above all.
fn escape_user(user: &str) -> String {
    let mut escaped = String::new();
    for byte in user.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => escaped.push(char::from(byte)),
            b'+' | b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' | b'&' | b'='
            | b'$' | b',' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use lianfang_domain::id::AlarmId;

    #[test]
    fn a_leg_keeps_its_identity_over_a_restart() {
        let leg = LegId { alarm: AlarmId(5), number: 3 };
        let before = LegKeys::new([7; 32]).of(leg, 1);
        assert_eq!(before, LegKeys::new([7; 32]).of(leg, 1));
        let other = LegKeys::new([8; 32]).of(leg, 1);
        assert_ne!((&before.from_tag, &before.branch), (&other.from_tag, &other.branch));
    }

    #[test]
    fn a_raw_hash_never_goes_out() {
        assert_eq!(escape_user("#9"), "%239");
        assert_eq!(escape_user("+865925551234"), "+865925551234");
        assert_eq!(escape_user("a b;c@d"), "a%20b%3Bc%40d");
    }

    #[test]
    fn a_display_name_is_quoted() {
        assert_eq!(with_display_name("", "<sip:a@b>"), "<sip:a@b>");
        assert_eq!(with_display_name("a\"b", "<sip:a@b>"), "\"a\\\"b\" <sip:a@b>");
    }
}
