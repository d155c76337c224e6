//! The phones' side of digest authentication (RFC 7616, RFC 8760): MD5 and SHA-256 with qop=auth, and RFC 2069 without.

use md5::{Digest, Md5};
use sha2::Sha256;
use std::fmt::Write as _;

/// An algorithm of digest authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// What every phone has.
    Md5,
    /// RFC 8760.
    Sha256,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

/// Who answers a challenge.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The account.
    pub username: String,
    /// Its password.
    pub password: String,
    /// The only algorithm that the phone knows.
    pub algorithm: Algorithm,
}

/// A challenge that a phone remembers, so that its next request needs no round trip.
#[derive(Clone, Debug)]
pub struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    has_qop: bool,
    uses: u32,
}

impl Challenge {
    /// Picks the challenge of the phone's algorithm among the values of `WWW-Authenticate`.
    pub fn pick<'a>(values: impl Iterator<Item = &'a str>, algorithm: Algorithm) -> Option<Self> {
        values.filter_map(|value| Self::read(value, algorithm)).next()
    }

    fn read(value: &str, wanted: Algorithm) -> Option<Self> {
        let rest = value.strip_prefix("Digest ")?;
        let get = |name: &str| {
            rest.split(',').find_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                let is_it = key.trim().eq_ignore_ascii_case(name);
                is_it.then(|| value.trim().trim_matches('"').to_owned())
            })
        };
        let algorithm = get("algorithm").unwrap_or_else(|| "MD5".to_owned());
        if !algorithm.eq_ignore_ascii_case(wanted.name()) {
            return None;
        }
        Some(Self {
            realm: get("realm")?,
            nonce: get("nonce")?,
            opaque: get("opaque"),
            has_qop: get("qop").is_some(),
            uses: 0,
        })
    }

    /// The value of `Authorization` for a request.
    pub fn answer(&mut self, who: &Credentials, method: &str, uri: &str) -> String {
        let Credentials { username, password, algorithm } = who;
        let Self { realm, nonce, .. } = self;
        self.uses += 1;
        let ha1 = algorithm.hash(&format!("{username}:{realm}:{password}"));
        let ha2 = algorithm.hash(&format!("{method}:{uri}"));
        let (count, cnonce) = (format!("{:08x}", self.uses), "b7a1");
        let response = if self.has_qop {
            algorithm.hash(&format!("{ha1}:{nonce}:{count}:{cnonce}:auth:{ha2}"))
        } else {
            algorithm.hash(&format!("{ha1}:{nonce}:{ha2}"))
        };
        let mut out = format!(
            "Digest username=\"{username}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", algorithm={}",
            algorithm.name()
        );
        // Writing to a String cannot fail.
        if self.has_qop {
            let _ = write!(out, ", qop=auth, nc={count}, cnonce=\"{cnonce}\"");
        }
        if let Some(opaque) = &self.opaque {
            let _ = write!(out, ", opaque=\"{opaque}\"");
        }
        out
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected hashes were computed with Python's hashlib.
    #[test]
    fn answers_with_the_algorithm_of_the_phone() {
        let offered = [
            r#"Digest realm="lianfang", algorithm=SHA-256, qop="auth", nonce="n1""#,
            r#"Digest realm="lianfang", algorithm=MD5, qop="auth", nonce="n2", opaque="o""#,
        ];
        for (algorithm, nonce, response) in [
            (Algorithm::Md5, "n2", "7cfea3ad979b165460dc5a1f9b47c3be"),
            (
                Algorithm::Sha256,
                "n1",
                "03c0554d36ece02a3f79c37648099a2b441a09ecb9730b55570e43d8c394b8e8",
            ),
        ] {
            let who =
                Credentials { username: "a1".to_owned(), password: "sesame".to_owned(), algorithm };
            let mut challenge =
                Challenge::pick(offered.into_iter(), algorithm).expect("is offered");
            let answer = challenge.answer(&who, "REGISTER", "sip:127.0.0.1");
            assert!(answer.contains(&format!("nonce=\"{nonce}\"")), "{answer}");
            assert!(answer.contains(&format!("response=\"{response}\"")), "{answer}");
            assert!(answer.contains("nc=00000001"), "{answer}");
            let again = challenge.answer(&who, "REGISTER", "sip:127.0.0.1");
            assert!(again.contains("nc=00000002"), "{again}");
        }
    }
}
