//! Answers the challenges of the one trunk or registrar whose secret we hold.
//!
//! A challenge from anybody else, or for another realm, is not answered: what we would send is enough to
//! guess the secret at leisure.

use super::compute::{self, Terms};
use super::{Challenge, DigestAlgorithm, Qop, Secrets, Session, SignedRequest, hex, params};
use crate::message::quote;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// Bytes of a client nonce: what RFC 7616 4.12 wants against chosen text.
const CNONCE_LEN: usize = 12;

/// What we are to whom.
#[derive(Clone)]
pub struct ClientAccount {
    /// Our user name there.
    pub username: Arc<str>,
    /// Our password there.
    pub password: Arc<str>,
    /// The only realm that is answered; `None` answers whichever one `host` names.
    pub realm: Option<Arc<str>>,
    /// Whom the request has to have been sent to: the trunk's host or address, as the caller writes it each time.
    pub host: Arc<str>,
}

impl fmt::Debug for ClientAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientAccount({} at {}, ***)", self.username, self.host)
    }
}

/// Why a challenge is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeRefused {
    /// It comes from somebody else than our trunk.
    #[error("challenge comes from a host that we have no account with")]
    ForeignHost,
    /// Nothing in it is for our realm with an algorithm that we know.
    #[error("challenge offers nothing that we can answer")]
    NothingUsable,
    /// The answer to the same question was refused: the secret is wrong.
    #[error("credentials were refused")]
    WrongSecret,
}

/// The nonce that answers are made with.
#[derive(Clone, Debug)]
struct Agreed {
    realm: String,
    secrets: Secrets,
    nonce: String,
    opaque: Option<String>,
    algorithm: DigestAlgorithm,
    qop: Option<Qop>,
    count: u32,
    is_accepted: bool,
}

/// Makes `Authorization` values for one account.
#[derive(Clone, Debug)]
pub struct DigestClient {
    account: ClientAccount,
    agreed: Option<Agreed>,
}

impl DigestClient {
    /// Knows the account, and no nonce yet.
    #[must_use]
    pub fn new(account: ClientAccount) -> Self {
        Self { account, agreed: None }
    }

    /// Takes the challenges of a 401 or 407 to a request that was sent to `host`; the strongest hash wins,
    /// and of equals the one that stands first.
    ///
    /// # Errors
    /// When they must not, or cannot, be answered. The request has failed then.
    pub fn on_challenge(&mut self, host: &str, values: &[&str]) -> Result<(), ChallengeRefused> {
        if !host.eq_ignore_ascii_case(&self.account.host) {
            return Err(ChallengeRefused::ForeignHost);
        }
        let challenge = values
            .iter()
            .rev()
            .filter_map(|value| Challenge::parse(value).ok())
            .filter(|challenge| self.is_our_realm(&challenge.realm))
            .max_by_key(|challenge| challenge.algorithm.hash)
            .ok_or(ChallengeRefused::NothingUsable)?;
        let was_refused = self.agreed.as_ref().is_some_and(|agreed| {
            let was_used = 0 < agreed.count;
            was_used && !agreed.is_accepted && !challenge.is_stale
        });
        let account = &self.account;
        self.agreed = Some(Agreed {
            secrets: Secrets::from_password(&account.username, &challenge.realm, &account.password),
            realm: challenge.realm.clone().into_owned(),
            nonce: challenge.nonce.to_owned(),
            opaque: challenge.opaque.map(str::to_owned),
            algorithm: challenge.algorithm,
            qop: challenge.qop,
            count: 0,
            is_accepted: false,
        });
        if was_refused { Err(ChallengeRefused::WrongSecret) } else { Ok(()) }
    }

    fn is_our_realm(&self, realm: &str) -> bool {
        self.account.realm.as_deref().is_none_or(|ours| ours == realm)
    }

    /// The value of `Authorization` or `Proxy-Authorization`, counted up each time; `None` before a challenge.
    ///
    /// `seed` is fresh random of the caller.
    pub fn authorization(&mut self, request: &SignedRequest<'_>, seed: u64) -> Option<String> {
        let agreed = self.agreed.as_mut()?;
        let count = agreed.count.checked_add(1)?;
        agreed.count = count;
        let agreed = &*agreed;
        let ha1 = agreed.secrets.ha1_hex(agreed.algorithm.hash)?;
        let cnonce = cnonce(seed, &agreed.nonce, count);
        let count = format!("{count:08x}");
        let terms = Terms {
            algorithm: agreed.algorithm,
            ha1: &ha1,
            nonce: &agreed.nonce,
            cnonce: &cnonce,
            qop: agreed.qop.map(|qop| (qop, count.as_str())),
            uri: request.uri,
        };
        let response = compute::response(&terms, request);
        let mut value = format!(
            "Digest username={}, realm={}, nonce=\"{}\", uri=\"{}\", response=\"{response}\", algorithm={}",
            quote(&self.account.username),
            quote(&agreed.realm),
            agreed.nonce,
            request.uri,
            agreed.algorithm.token(),
        );
        if agreed.qop.is_some() || agreed.algorithm.session == Session::Yes {
            value += &format!(", cnonce=\"{cnonce}\"");
        }
        if let Some(qop) = agreed.qop {
            value += &format!(", qop={}, nc={count}", qop.token());
        }
        if let Some(opaque) = &agreed.opaque {
            value += &format!(", opaque=\"{opaque}\"");
        }
        Some(value)
    }

    /// Notes that the last answer was accepted, and takes the next nonce if `Authentication-Info` names one.
    pub fn on_accepted(&mut self, authentication_info: Option<&str>) {
        let Some(agreed) = self.agreed.as_mut() else {
            return;
        };
        agreed.is_accepted = true;
        if let Some(nonce) = authentication_info.and_then(params::next_nonce) {
            nonce.clone_into(&mut agreed.nonce);
            agreed.count = 0;
        }
    }
}

/// Differs for every answer, even if the caller's seed should not.
fn cnonce(seed: u64, nonce: &str, count: u32) -> String {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(count.to_be_bytes());
    hash.update(nonce.as_bytes());
    let bytes: Vec<u8> = hash.finalize().iter().copied().take(CNONCE_LEN).collect();
    hex(&bytes)
}
