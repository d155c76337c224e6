//! Digest authentication both ways (RFC 7616, RFC 8760, RFC 3261 chapter 22; RFC 2069 for old adapters).
//!
//! [`DigestServer`] challenges and verifies, [`DigestClient`] answers the challenges of a trunk that we know.
//! Neither knows accounts, transactions or time: the caller looks up [`Secrets`], gives the request and `now`.
//! Passwords are never kept: HA1 is bound to user name and realm, one for each hash.

mod client;
mod compute;
mod params;
mod server;
#[cfg(test)]
mod tests;

pub use client::{ChallengeRefused, ClientAccount, DigestClient};
pub use params::{Challenge, Credentials, ParseError};
pub use server::{
    ChallengeOffer, ChallengeReason, DigestConfig, DigestServer, NonceId, Proof, Verdict,
};

use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt;

/// The hash below a digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hash {
    /// What every adapter knows.
    Md5,
    /// What RFC 8760 asks for.
    Sha256,
}

impl Hash {
    /// The hash in lower-case hexadecimal of `parts`, a colon between each.
    fn hex(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Md5 => hex(&joined::<Md5>(parts)),
            Self::Sha256 => hex(&joined::<Sha256>(parts)),
        }
    }
}

fn joined<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = D::new();
    for (index, part) in parts.iter().enumerate() {
        if 0 < index {
            hash.update(b":");
        }
        hash.update(part);
    }
    hash.finalize().to_vec()
}

/// Whether HA1 stands for the account alone or for the account and one session (RFC 7616 3.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Session {
    /// The plain form.
    No,
    /// `-sess`: HA1 is hashed again with nonce and cnonce.
    Yes,
}

/// The `algorithm` parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DigestAlgorithm {
    /// The hash.
    pub hash: Hash,
    /// Whether it is the `-sess` form.
    pub session: Session,
}

impl DigestAlgorithm {
    /// `MD5`, which is also meant where the parameter is absent.
    pub const MD5: Self = Self { hash: Hash::Md5, session: Session::No };
    /// `MD5-sess`.
    pub const MD5_SESS: Self = Self { hash: Hash::Md5, session: Session::Yes };
    /// `SHA-256`.
    pub const SHA256: Self = Self { hash: Hash::Sha256, session: Session::No };
    /// `SHA-256-sess`.
    pub const SHA256_SESS: Self = Self { hash: Hash::Sha256, session: Session::Yes };

    /// All that we know, and how they are written.
    const NAMES: [(Self, &'static str); 4] = [
        (Self::MD5, "MD5"),
        (Self::MD5_SESS, "MD5-sess"),
        (Self::SHA256, "SHA-256"),
        (Self::SHA256_SESS, "SHA-256-sess"),
    ];

    /// Reads the token in any case; `None` for an algorithm that we do not know.
    #[must_use]
    pub fn from_token(token: &str) -> Option<Self> {
        Self::NAMES
            .into_iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(token))
            .map(|(algorithm, _)| algorithm)
    }

    /// The token as RFC 8760 writes it.
    #[must_use]
    pub fn token(self) -> &'static str {
        match (self.hash, self.session) {
            (Hash::Md5, Session::No) => "MD5",
            (Hash::Md5, Session::Yes) => "MD5-sess",
            (Hash::Sha256, Session::No) => "SHA-256",
            (Hash::Sha256, Session::Yes) => "SHA-256-sess",
        }
    }
}

/// What is protected beyond the method and the URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qop {
    /// `auth`.
    Auth,
    /// `auth-int`: the body too.
    AuthInt,
}

impl Qop {
    /// Reads the token in any case.
    #[must_use]
    pub fn from_token(token: &str) -> Option<Self> {
        [Self::Auth, Self::AuthInt].into_iter().find(|qop| qop.token().eq_ignore_ascii_case(token))
    }

    /// The token.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

/// HA1 of one account: `H(user:realm:password)` for each hash that it may use.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secrets {
    /// With MD5.
    pub md5: Option<[u8; 16]>,
    /// With SHA-256.
    pub sha256: Option<[u8; 32]>,
}

/// A stored HA1 is not the hexadecimal number it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// Not 32 hexadecimal digits.
    #[error("HA1 for MD5 needs 32 hexadecimal digits")]
    Md5,
    /// Not 64 hexadecimal digits.
    #[error("HA1 for SHA-256 needs 64 hexadecimal digits")]
    Sha256,
}

impl Secrets {
    /// Makes HA1 for both hashes.
    #[must_use]
    pub fn from_password(username: &str, realm: &str, password: &str) -> Self {
        let parts = [username.as_bytes(), realm.as_bytes(), password.as_bytes()];
        Self {
            md5: joined::<Md5>(&parts).try_into().ok(),
            sha256: joined::<Sha256>(&parts).try_into().ok(),
        }
    }

    /// Reads HA1 as it is stored, in hexadecimal of either case.
    ///
    /// # Errors
    /// Where one that is given has another length or other characters.
    pub fn from_hex(md5: Option<&str>, sha256: Option<&str>) -> Result<Self, SecretsError> {
        Ok(Self {
            md5: md5.map(|text| unhex(text).ok_or(SecretsError::Md5)).transpose()?,
            sha256: sha256.map(|text| unhex(text).ok_or(SecretsError::Sha256)).transpose()?,
        })
    }

    /// HA1 in lower-case hexadecimal, as the computation wants it.
    #[must_use]
    pub fn ha1_hex(&self, hash: Hash) -> Option<String> {
        match hash {
            Hash::Md5 => self.md5.map(|ha1| hex(&ha1)),
            Hash::Sha256 => self.sha256.map(|ha1| hex(&ha1)),
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(***)")
    }
}

/// The parts of a request that a digest covers.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// The method in capitals.
    pub method: &'a str,
    /// The Request-URI as it stood on the wire.
    pub uri: &'a str,
    /// The body; only `auth-int` reads it.
    pub body: &'a [u8],
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() == 2 * N)?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| (pair[0] << 4) | pair[1]).collect();
    bytes.try_into().ok()
}
