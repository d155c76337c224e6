//! Phone numbers as the directory keeps them. Masked wherever they are printed for people.
//!
//! `normalise` reads what people and exchanges write, `format` writes what trunks want, `sort` says what people see in one.

mod format;
mod normalise;
mod sort;

pub use format::{NumberFormat, format_for, may_be_called};
pub use normalise::{DIGITS_MAX, Home, Normalised, PhoneError, normalise};
pub use sort::{NumberSort, Sorted, sorted};

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A phone number: the canonical key by which it is found, and the digits as they were written.
///
/// Keys: `+865925551234` (E.164), `short:12349@0592` (service number within an area), `ext:801@3` (extension of a
/// community). Two numbers are equal when their keys are.
#[derive(Clone, Serialize, Deserialize)]
pub struct PhoneNumber {
    key: Arc<str>,
    written: Arc<str>,
}

impl PhoneNumber {
    /// Takes up a number that was normalised before, such as one read from the database.
    #[must_use]
    pub fn from_parts(key: &str, written: &str) -> Self {
        Self { key: key.into(), written: written.into() }
    }

    /// The canonical key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The digits as they were written in the directory, for trunks that want numbers `as-is`.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }
}

impl PartialEq for PhoneNumber {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for PhoneNumber {}

impl PartialOrd for PhoneNumber {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PhoneNumber {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(other.key())
    }
}

impl std::hash::Hash for PhoneNumber {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl fmt::Display for PhoneNumber {
    /// Prints the number masked: the first and the last four digits stay, never more than half of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: Vec<char> = self.written.chars().collect();
        let shown = (digits.len() / 4).min(4);
        for (index, digit) in digits.iter().enumerate() {
            let is_shown = index < shown || digits.len() - shown <= index;
            fmt::Write::write_char(f, if is_shown { *digit } else { '*' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({self})")
    }
}
