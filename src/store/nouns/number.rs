//! Telephone numbers of rows: read once, when they are written.

use super::fault::Checks;
use super::{Fault, Home, StoredNumber, Value};
use crate::store::number::{NUMBERS_MAX, is_mobile};
use lianfang_domain::phone::{self, Normalised, PhoneError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A number of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LineNumber {
    /// The canonical form: `+865925551234`, `short:12349@0592` or `ext:801@3`.
    pub key: String,
    /// The digits as they were written.
    pub written: String,
    /// Somebody has to confirm it: it looks like no number of its country.
    pub to_confirm: bool,
}

/// A number of a person, as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberDraft {
    /// The number as people write it.
    #[schema(min_length = 1, max_length = 64, examples("13800001111"))]
    pub number: String,
    /// It may be called.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub voice: bool,
    /// It may be sent SMS. If not given: whether it is a mobile number of the mainland.
    #[serde(default)]
    pub sms: Option<bool>,
}

fn yes() -> bool {
    true
}

/// Reads a number, or says what is wrong with it.
pub(super) fn read(
    pointer: &str,
    text: &str,
    home: Option<&Home>,
    checks: &mut Checks,
) -> Option<LineNumber> {
    let home = home?;
    let home = phone::Home { area_code: home.area_code.as_str().into(), community: home.community };
    match check_number(text, &home) {
        Ok(normalised) => Some(LineNumber {
            key: normalised.number.key().to_owned(),
            written: normalised.number.written().to_owned(),
            to_confirm: normalised.to_confirm,
        }),
        Err(fault) => {
            checks.add(pointer, fault);
            None
        }
    }
}

/// Reads a number as rows do.
///
/// # Errors
/// What a row with it would be refused for.
pub fn check_number(text: &str, home: &phone::Home) -> Result<Normalised, Fault> {
    let normalised = phone::normalise(text, home).map_err(fault_of)?;
    if phone::may_be_called(&normalised.number) { Ok(normalised) } else { Err(Fault::NeverCalled) }
}

fn fault_of(error: PhoneError) -> Fault {
    match error {
        PhoneError::Empty | PhoneError::Unreadable => Fault::NoNumber,
        PhoneError::TooLong => Fault::TooLong { max: phone::DIGITS_MAX },
        PhoneError::NoAreaCode => Fault::AreaCode,
    }
}

/// The numbers of a person as JSON.
pub(super) fn list(numbers: &[NumberDraft], home: Option<&Home>, checks: &mut Checks) -> Value {
    if NUMBERS_MAX < numbers.len() {
        checks.add("/numbers", Fault::TooMany { max: NUMBERS_MAX });
        return Value::Null;
    }
    let mut stored: Vec<StoredNumber> = Vec::with_capacity(numbers.len());
    for (index, draft) in numbers.iter().enumerate() {
        let pointer = format!("/numbers/{index}/number");
        let Some(number) = read(&pointer, &draft.number, home, checks) else { continue };
        if stored.iter().any(|before| *before.key == *number.key) {
            checks.add(pointer, Fault::Twice);
            continue;
        }
        let sms = draft.sms.unwrap_or_else(|| is_mobile(&number.key));
        if !draft.voice && !sms {
            checks.add(format!("/numbers/{index}"), Fault::NoChannel);
        }
        let LineNumber { key, written, to_confirm } = number;
        let (key, written) = (key.into(), written.into());
        stored.push(StoredNumber { key, written, voice: draft.voice, sms, to_confirm });
    }
    Value::Text(serde_json::json!(stored).to_string())
}
