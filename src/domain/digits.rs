//! Keys: how they are heard, and when they make a code. Pure; time is an argument.
//!
//! `rfc4733` reads key presses from RTP event packets, `info` from the body of SIP INFO, `merge` counts one press that
//! was heard by two means once, `matcher` recognises the code.

pub mod info;
pub mod matcher;
pub mod merge;
pub mod rfc4733;

use serde::{Deserialize, Serialize};
use std::fmt;

/// One of the sixteen keys of a telephone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Key(u8);

const KEYS: &[u8; 16] = b"0123456789*#ABCD";

impl Key {
    /// The key of an RFC 4733 event code (3.2: 0-9, 10 is `*`, 11 is `#`, 12-15 are A-D).
    #[must_use]
    pub fn of_event(event: u8) -> Option<Self> {
        (usize::from(event) < KEYS.len()).then_some(Self(event))
    }

    /// The key of a character, in either case.
    #[must_use]
    pub fn of_char(character: char) -> Option<Self> {
        let upper = u8::try_from(character.to_ascii_uppercase()).ok()?;
        let event = KEYS.iter().position(|&key| key == upper)?;
        u8::try_from(event).ok().map(Self)
    }

    /// Its RFC 4733 event code.
    #[must_use]
    pub fn event(self) -> u8 {
        self.0
    }

    /// Its character.
    #[must_use]
    pub fn as_char(self) -> char {
        KEYS.get(usize::from(self.0)).map_or('?', |&key| char::from(key))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.as_char())
    }
}

impl From<Key> for char {
    fn from(key: Key) -> Self {
        key.as_char()
    }
}

impl TryFrom<char> for Key {
    type Error = KeyError;

    fn try_from(character: char) -> Result<Self, KeyError> {
        Self::of_char(character).ok_or(KeyError)
    }
}

/// The character is on no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read a key: need one of 0-9 * # A-D")]
pub struct KeyError;
