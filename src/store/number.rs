//! Numbers of people as the `numbers` columns keep them: a JSON array in the order of calling.

use lianfang_domain::directory::ContactNumber;
use lianfang_domain::phone::PhoneNumber;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
