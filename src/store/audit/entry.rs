//! One entry, and the bytes that are hashed of it.
//!
//! Every part has a length or is of one, and every hash begins with what it is of, so that no two things have the same
//! bytes. The encoding has a number: another one gets another, and old entries are read by the old one for ever.

use super::Chain;
use crate::store::random::hex;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// What the hash of an entry begins with; the number is that of the encoding.
const ENTRY_TAG: &str = "lianfang audit entry 1";

/// A hash of 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash(pub(super) [u8; 32]);

impl Hash {
    /// What the first entry of a chain follows.
    pub const NONE: Self = Self([0; 32]);

    /// The first 48 bits as a number, exact in the floating point of a metric: enough to recognise a head that a
    /// monitoring system remembers.
    #[must_use]
    pub fn prefix(self) -> u64 {
        self.0.iter().take(6).fold(0, |number, &byte| number << 8 | u64::from(byte))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// The text is no hash: 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 64 hexadecimal digits")]
pub struct HashError;

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let digits = digits.filter(|digits| digits.len() == 64).ok_or(HashError)?;
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
            *byte = pair.iter().fold(0, |byte, digit| byte << 4 | digit);
        }
        Ok(Self(hash))
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = HashError;

    fn try_from(bytes: &[u8]) -> Result<Self, HashError> {
        bytes.try_into().map(Self).map_err(|_| HashError)
    }
}

/// The newest entry of a chain: who notes it elsewhere can prove that nothing before it was changed or cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its sequence.
    pub sequence: u64,
    /// Its hash.
    pub hash: Hash,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash)
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The chain began; so many rows were there before it.
    Begin,
    /// An alarm was opened.
    Open,
    /// Events of an alarm were stored.
    Append,
    /// A plan was frozen.
    Freeze,
    /// An alarm was closed or cancelled.
    Close,
    /// Personal data was erased, or messages to a webhook were discarded.
    Erase,
    /// Personal data was shown to somebody.
    Read,
    /// A row was created.
    Create,
    /// A row was replaced.
    Replace,
    /// A row was deleted.
    Delete,
    /// Files were imported.
    Import,
    /// A secret was made; the one before it no longer works.
    Secret,
    /// A token was revoked.
    Revoke,
    /// A wrong secret was tried.
    Refuse,
    /// Somebody was asked in person, and their numbers are right.
    Confirm,
}

impl Action {
    /// Its name in the database, in hashes and in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Open => "open",
            Self::Append => "append",
            Self::Freeze => "freeze",
            Self::Close => "close",
            Self::Erase => "erase",
            Self::Read => "read",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Import => "import",
            Self::Secret => "secret",
            Self::Revoke => "revoke",
            Self::Refuse => "refuse",
            Self::Confirm => "confirm",
        }
    }
}

/// What is to be entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewEntry<'a> {
    pub(super) at_us: i64,
    pub(super) actor: &'a str,
    pub(super) action: Action,
    /// The table.
    pub(super) noun: &'a str,
    pub(super) row_id: i64,
    pub(super) number: i64,
    pub(super) count: i64,
    pub(super) content: Option<Hash>,
}

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place, from 1.
    pub sequence: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it: `token:NAME`, `cli:USER`, `line:ID`, `caller` or `service`.
    pub actor: Box<str>,
    /// What was done; a name of [`Action`], or one of a later release.
    pub action: Box<str>,
    /// The table.
    pub noun: Box<str>,
    /// The row; 0 for the table as a whole.
    pub row_id: i64,
    /// Version of the row, first sequence of the events or revision of the plan.
    pub number: i64,
    /// How many rows; of an edit, the version of the directory after it.
    pub count: i64,
    /// Digest of what was written.
    pub content: Option<Hash>,
    /// Hash of the entry before it.
    pub previous_hash: Hash,
    /// Its own hash.
    pub hash: Hash,
}

impl Entry {
    /// The hash that it has to have.
    #[must_use]
    pub fn computed_hash(&self, chain: Chain) -> Hash {
        let place = Head { sequence: self.sequence, hash: self.previous_hash };
        hash_of(
            chain,
            place,
            &Fields {
                at_us: self.at.as_microsecond(),
                actor: &self.actor,
                action: &self.action,
                noun: &self.noun,
                numbers: [self.row_id, self.number, self.count],
                content: self.content,
            },
        )
    }
}

impl NewEntry<'_> {
    /// The hash that it gets behind `previous`.
    pub(super) fn hash(&self, chain: Chain, previous: Head) -> Hash {
        let place = Head { sequence: previous.sequence.saturating_add(1), hash: previous.hash };
        hash_of(
            chain,
            place,
            &Fields {
                at_us: self.at_us,
                actor: self.actor,
                action: self.action.name(),
                noun: self.noun,
                numbers: [self.row_id, self.number, self.count],
                content: self.content,
            },
        )
    }
}

/// What an entry says, as it is hashed.
struct Fields<'a> {
    at_us: i64,
    actor: &'a str,
    action: &'a str,
    noun: &'a str,
    numbers: [i64; 3],
    content: Option<Hash>,
}

/// SHA-256 over, in this order: the tag, the chain's name, the sequence, the time, actor, action, noun, the three
/// numbers, the content (empty for none) and the previous hash. Texts and hashes go behind their length in 8 bytes,
/// numbers are 8 bytes, all big-endian.
fn hash_of(chain: Chain, place: Head, fields: &Fields<'_>) -> Hash {
    let mut frame = Frame::new(ENTRY_TAG);
    frame.text(chain.name());
    frame.number(place.sequence.cast_signed());
    frame.number(fields.at_us);
    frame.text(fields.actor);
    frame.text(fields.action);
    frame.text(fields.noun);
    fields.numbers.into_iter().for_each(|number| frame.number(number));
    frame.bytes(fields.content.as_ref().map_or(&[], |hash| hash.0.as_slice()));
    frame.bytes(&place.hash.0);
    frame.digest()
}

/// Bytes that are hashed, part by part.
pub(super) struct Frame(Vec<u8>);

impl Frame {
    /// Begins with what is hashed.
    pub(super) fn new(tag: &str) -> Self {
        let mut frame = Self(Vec::with_capacity(256));
        frame.text(tag);
        frame
    }

    pub(super) fn number(&mut self, number: i64) {
        self.0.extend(number.to_be_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend((bytes.len() as u64).to_be_bytes());
        self.0.extend(bytes);
    }

    /// SHA-256 of it.
    pub(super) fn digest(&self) -> Hash {
        Hash(Sha256::digest(&self.0).into())
    }

    /// HMAC-SHA-256 of it (RFC 2104).
    pub(super) fn keyed(&self, salt: &[u8]) -> Hash {
        let mac = Hmac::<Sha256>::new_from_slice(salt).expect("HMAC takes keys of any length");
        Hash(mac.chain_update(&self.0).finalize().into_bytes().into())
    }
}
