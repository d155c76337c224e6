//! Numbers of people as the `numbers` columns keep them: a JSON array in the order of calling.

use lianfang_domain::directory::ContactNumber;
use lianfang_domain::phone::PhoneNumber;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most numbers of one person, however they come in.
pub const NUMBERS_MAX: usize = 10;

/// Whether a number is sent SMS when nobody says: mobile numbers of the mainland are eleven digits from 13 to 19.
#[must_use]
pub fn is_mobile(key: &str) -> bool {
    let digits = key.strip_prefix("+86").unwrap_or_default().as_bytes();
    digits.len() == 11 && matches!(digits, [b'1', b'3'..=b'9', ..])
}

/// One number of a contact or a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoredNumber {
    /// The canonical key.
    #[schema(value_type = String)]
    pub key: Box<str>,
    /// As it was written.
    #[schema(value_type = String)]
    pub written: Box<str>,
    /// It may be called.
    #[serde(default = "yes")]
    pub voice: bool,
    /// It may be sent SMS.
    #[serde(default)]
    pub sms: bool,
    /// Somebody should confirm it: it looks wrong, but is used.
    #[serde(default)]
    pub to_confirm: bool,
}

fn yes() -> bool {
    true
}

impl StoredNumber {
    /// The number as the directory in memory has it.
    #[must_use]
    pub fn into_domain(self) -> ContactNumber {
        ContactNumber {
            number: PhoneNumber::from_parts(&self.key, &self.written),
            has_voice: self.voice,
            has_sms: self.sms,
        }
    }
}
