//! Challenges phones and verifies what they answer.
//!
//! A nonce carries its time and a keyed hash over time and source, so that a challenge costs no memory and a
//! flood of strangers fills nothing. The first proof binds the nonce to the account and opens its count, which
//! must never repeat. One server has to see all requests of a realm: two with one key would each accept a
//! replay once.

use super::compute::{self, Terms};
use super::{Credentials, DigestAlgorithm, Secrets, SignedRequest, hex};
use crate::agent::api::{Flow, Transport};
use crate::message::quote;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// Counts that may arrive late and are still taken once: a REGISTER and an INVITE may overtake each other.
const COUNT_WINDOW: u32 = u64::BITS;
/// Old nonces looked at, and dropped if they are over, for each one that is added.
const SWEEP_STEPS: usize = 4;
/// Bytes of the keyed hash in a nonce: 128 bits cannot be guessed.
const MAC_LEN: usize = 16;

/// How a server challenges.
#[derive(Clone, Debug)]
pub struct DigestConfig {
    /// The protection space; HA1 hangs on it.
    pub realm: String,
    /// How long a nonce is good that no binding keeps alive.
    pub nonce_lifetime: Duration,
    /// Most nonces in use that are remembered; each takes about 60 bytes. When full the oldest is forgotten,
    /// and whoever uses it gets a fresh one.
    pub nonces_max: usize,
}

/// Which algorithms a line is offered; old adapters take the first challenge they see, or choke on two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ChallengeOffer {
    /// SHA-256, then MD5 (RFC 8760 2.4).
    #[default]
    Sha256ThenMd5,
    /// MD5 alone.
    Md5Only,
}

/// Why a challenge is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeReason {
    /// No credentials, or wrong ones.
    Unproven,
    /// The credentials were right but the nonce is used up: the phone need not ask its user again.
    Stale,
}

/// A nonce of this server that was used rightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NonceId(u64);

/// What was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The nonce, for [`DigestServer::keep_nonce`].
    pub nonce: NonceId,
    /// How it was proven, for the audit.
    pub algorithm: DigestAlgorithm,
}

/// What credentials are worth. To the outside all but the first are one 401 with a fresh challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The account's secret was used on this request, for the first time with this count.
    Proven(Proof),
    /// The secret is right; the nonce is old, foreign, from another source, or its count was seen.
    Stale,
    /// The secret is wrong, or the credentials are for another request.
    Wrong,
    /// The credentials cannot be judged.
    Malformed,
    /// There is no such account.
    UnknownAccount,
}

impl Verdict {
    /// What the next challenge says.
    #[must_use]
    pub fn challenge_reason(self) -> ChallengeReason {
        match self {
            Self::Stale => ChallengeReason::Stale,
            Self::Proven(_) | Self::Wrong | Self::Malformed | Self::UnknownAccount => {
                ChallengeReason::Unproven
            }
        }
    }
}

/// One nonce in use.
#[derive(Clone, Copy, Debug)]
struct NonceUse {
    /// Keyed hash of the user name that owns it.
    owner: u64,
    counts: Counts,
    until: Timestamp,
}

/// The counts seen with one nonce.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    highest: u32,
    /// Bit `n` stands for `highest - n`.
    seen: u64,
}

impl Counts {
    /// Everything seen: nothing more is taken.
    const SPENT: Self = Self { highest: u32::MAX, seen: u64::MAX };

    /// Takes a count that was not seen yet.
    pub(super) fn take(&mut self, count: u32) -> bool {
        if let Some(ahead) = count.checked_sub(self.highest).filter(|ahead| 0 < *ahead) {
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let behind = self.highest.saturating_sub(count);
        let bit = 1_u64.checked_shl(behind).unwrap_or(0);
        let is_new = behind < COUNT_WINDOW && self.seen & bit == 0;
        self.seen |= bit;
        is_new
    }

    /// Takes the only use that credentials without a count may make.
    fn take_all(&mut self) -> bool {
        let is_new = self.highest == 0;
        *self = Self::SPENT;
        is_new
    }
}

/// Challenges and verifies for one realm.
pub struct DigestServer {
    config: DigestConfig,
    mac: Hmac<Sha256>,
    opaque: String,
    /// Nonces that were issued until then, in microseconds since 1970, and are not in `nonces` are void.
    void_until: u64,
    issued_last: u64,
    nonces: BTreeMap<u64, NonceUse>,
    sweep_at: u64,
}

impl fmt::Debug for DigestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestServer")
            .field("config", &self.config)
            .field("nonces", &self.nonces.len())
            .finish_non_exhaustive()
    }
}

impl DigestServer {
    /// Makes a server. Nonces of any earlier process are void, since their counts are lost, even if `key` is the same.
    #[must_use]
    pub fn new(config: DigestConfig, key: &[u8; 32], now: Timestamp) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        let opaque = hex(&tag(&mac, &[b"opaque", config.realm.as_bytes()]).to_be_bytes());
        let started = micros(now);
        Self {
            config,
            mac,
            opaque,
            void_until: started,
            issued_last: started,
            nonces: BTreeMap::new(),
            sweep_at: 0,
        }
    }

    /// The realm that it protects.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.config.realm
    }

    /// The values of the `WWW-Authenticate` headers of a 401, in the order in which they have to stand.
    pub fn challenge(
        &mut self,
        offer: ChallengeOffer,
        flow: &Flow,
        reason: ChallengeReason,
        now: Timestamp,
    ) -> Vec<String> {
        let issued = self.issue(now);
        let nonce = self.nonce_text(issued, flow);
        let stale = match reason {
            ChallengeReason::Unproven => "",
            ChallengeReason::Stale => ", stale=true",
        };
        let algorithms: &[DigestAlgorithm] = match offer {
            ChallengeOffer::Sha256ThenMd5 => &[DigestAlgorithm::SHA256, DigestAlgorithm::MD5],
            ChallengeOffer::Md5Only => &[DigestAlgorithm::MD5],
        };
        let realm = quote(&self.config.realm);
        let opaque = &self.opaque;
        algorithms
            .iter()
            .map(|algorithm| {
                let token = algorithm.token();
                format!(
                    "Digest realm={realm}, nonce=\"{nonce}\", opaque=\"{opaque}\", \
                     algorithm={token}, qop=\"auth\"{stale}"
                )
            })
            .collect()
    }

    /// Judges `credentials`, found in a request that came over `flow`, by the secrets of the account they name.
    ///
    /// `None` for an account that does not exist takes as long as a wrong secret does.
    pub fn verify(
        &mut self,
        credentials: &Credentials<'_>,
        secrets: Option<&Secrets>,
        (request, flow): (&SignedRequest<'_>, &Flow),
        now: Timestamp,
    ) -> Verdict {
        let hash = credentials.algorithm.hash;
        let ha1 = secrets.and_then(|secrets| secrets.ha1_hex(hash));
        let terms = Terms {
            algorithm: credentials.algorithm,
            ha1: ha1.as_deref().unwrap_or("d41d8cd98f00b204e9800998ecf8427e"),
            nonce: credentials.nonce,
            cnonce: credentials.cnonce,
            qop: credentials.count.map(|(qop, text, _)| (qop, text)),
            uri: credentials.uri,
        };
        let wanted = compute::response(&terms, request);
        let given = credentials.response.to_ascii_lowercase();
        let is_equal = bool::from(wanted.as_bytes().ct_eq(given.as_bytes()));
        if secrets.is_none() {
            return Verdict::UnknownAccount;
        }
        if given.len() != wanted.len() || !given.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Verdict::Malformed;
        }
        if !is_equal || ha1.is_none() || !is_same_uri(credentials.uri, request.uri) {
            return Verdict::Wrong;
        }
        if credentials.opaque.is_some_and(|opaque| opaque != self.opaque) {
            return Verdict::Stale;
        }
        match self.take_nonce(credentials, flow, now) {
            Some(nonce) => Verdict::Proven(Proof { nonce, algorithm: credentials.algorithm }),
            None => Verdict::Stale,
        }
    }

    /// Lets a nonce live as long as the binding that it was used for.
    pub fn keep_nonce(&mut self, nonce: NonceId, until: Timestamp) {
        if let Some(in_use) = self.nonces.get_mut(&nonce.0) {
            in_use.until = in_use.until.max(until);
        }
    }

    /// A nonce for the next request of `username` over `flow`, good until `until`: the value of
    /// `Authentication-Info` (RFC 7616 3.5). It spares an alarm the round trip of a challenge.
    pub fn authentication_info(
        &mut self,
        username: &str,
        flow: &Flow,
        until: Timestamp,
        now: Timestamp,
    ) -> String {
        let issued = self.issue(now);
        let until = until.max(self.lifetime_end(issued));
        let owner = self.owner(username);
        self.remember(issued, NonceUse { owner, counts: Counts::default(), until }, now);
        format!("nextnonce=\"{}\"", self.nonce_text(issued, flow))
    }

    /// Nonces that are remembered.
    #[must_use]
    pub fn nonces_in_use(&self) -> usize {
        self.nonces.len()
    }

    /// Opens or continues the count of the nonce; `None` if that cannot be.
    fn take_nonce(
        &mut self,
        credentials: &Credentials<'_>,
        flow: &Flow,
        now: Timestamp,
    ) -> Option<NonceId> {
        let issued = u64::from_str_radix(credentials.nonce.get(..16)?, 16).ok()?;
        let wanted = self.nonce_text(issued, flow);
        if !bool::from(wanted.as_bytes().ct_eq(credentials.nonce.as_bytes())) {
            return None;
        }
        let owner = self.owner(credentials.username());
        let lifetime_end = self.lifetime_end(issued);
        let known = self.nonces.get(&issued).copied();
        let mut in_use = match known {
            Some(in_use) => in_use,
            None if issued <= self.void_until => return None,
            None => NonceUse { owner, counts: Counts::default(), until: lifetime_end },
        };
        if in_use.owner != owner || in_use.until <= now {
            return None;
        }
        let is_new = match credentials.count {
            Some((_, _, count)) => in_use.counts.take(count),
            None => in_use.counts.take_all(),
        };
        self.remember(issued, in_use, now);
        is_new.then_some(NonceId(issued))
    }

    fn remember(&mut self, issued: u64, in_use: NonceUse, now: Timestamp) {
        self.sweep(now);
        self.nonces.insert(issued, in_use);
        while self.config.nonces_max.max(1) < self.nonces.len() {
            if let Some((oldest, _)) = self.nonces.pop_first() {
                self.void_until = self.void_until.max(oldest);
            }
        }
    }

    /// Looks at a few nonces and drops those that are over; none of them can come back, since its own time is up too.
    fn sweep(&mut self, now: Timestamp) {
        let seen: Vec<(u64, Timestamp)> = self
            .nonces
            .range(self.sweep_at..)
            .take(SWEEP_STEPS)
            .map(|(issued, in_use)| (*issued, in_use.until))
            .collect();
        // Fewer than asked for: the end is reached, begin again.
        self.sweep_at = match seen.last() {
            Some((issued, _)) if seen.len() == SWEEP_STEPS => issued.saturating_add(1),
            Some(_) | None => 0,
        };
        for (issued, _) in seen.into_iter().filter(|(_, until)| *until <= now) {
            self.nonces.remove(&issued);
        }
    }

    /// A time that was never given out before.
    fn issue(&mut self, now: Timestamp) -> u64 {
        self.issued_last = micros(now).max(self.issued_last.saturating_add(1));
        self.issued_last
    }

    fn lifetime_end(&self, issued: u64) -> Timestamp {
        i64::try_from(issued)
            .ok()
            .and_then(|micros| Timestamp::from_microsecond(micros).ok())
            .and_then(|issued| issued.checked_add(self.config.nonce_lifetime).ok())
            .unwrap_or(Timestamp::MAX)
    }

    fn owner(&self, username: &str) -> u64 {
        tag(&self.mac, &[b"owner", username.as_bytes()])
    }

    /// The time in 16 digits, then a keyed hash over time, realm and source.
    fn nonce_text(&self, issued: u64, flow: &Flow) -> String {
        let mut mac = self.mac.clone();
        mac.update(b"nonce");
        mac.update(&issued.to_be_bytes());
        mac.update(match flow.transport {
            Transport::Udp => b"u",
            Transport::Tcp => b"t",
            Transport::Tls => b"s",
        });
        mac.update(&flow.connection.to_be_bytes());
        let address = match flow.remote.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        mac.update(&address.octets());
        mac.update(&flow.remote.port().to_be_bytes());
        mac.update(self.config.realm.as_bytes());
        let full = mac.finalize().into_bytes();
        let part: Vec<u8> = full.iter().copied().take(MAC_LEN).collect();
        format!("{issued:016x}{}", hex(&part))
    }
}

fn tag(mac: &Hmac<Sha256>, parts: &[&[u8]]) -> u64 {
    let mut mac = mac.clone();
    for part in parts {
        mac.update(part);
    }
    let bytes = mac.finalize().into_bytes();
    bytes.iter().take(8).fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

fn micros(now: Timestamp) -> u64 {
    u64::try_from(now.as_microsecond()).unwrap_or(0)
}

/// Whether both name the same user. Phones hash the other form of `#` than they send, leave out a port, or name the
/// registrar where they send to a proxy; an edge in between changes the host. What was dialled is the user, and that
/// nobody may change; a replay is a matter of the nonce.
fn is_same_uri(left: &str, right: &str) -> bool {
    left == right
        || matches!((dialled_of(left), dialled_of(right)), (Some(left), Some(right)) if left == right)
}

/// The user of a SIP URI with its `#` as a phone has it on its key; empty where there is none.
fn dialled_of(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("sip:").or_else(|| uri.strip_prefix("sips:"))?;
    Some(rest.split_once('@').map_or("", |(user, _)| user).replace("%23", "#"))
}
