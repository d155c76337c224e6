//! PINs of households: what withdraws an alarm, and what only pretends to.
//!
//! A PIN is never kept: its HMAC-SHA256 (RFC 2104) under the node's key is. Whoever copies the database cannot try the few
//! thousand PINs there are without the key file; whoever loses the key file has every PIN set again. Must not log.

use super::StoreError;
use super::audit::{Action, Edit, Editor};
use super::random::hex;
use super::snapshot::count_edit;
use hmac::{Hmac, KeyInit, Mac};
use lianfang_domain::alarm::PinVerdict;
use lianfang_domain::directory::{Household, Pins};
use lianfang_domain::id::{CommunityId, HouseholdId};
use sha2::Sha256;
use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Digits of a PIN: four can be remembered in need, eight can still be keyed.
pub const PIN_LEN: std::ops::RangeInclusive<usize> = 4..=8;
/// What the key of PINs is made with, so that it is no other key of the node.
const PURPOSE: &[u8] = b"lianfang household pins 1";

const COMMUNITY: &str = "SELECT grid.community_id FROM household
    JOIN household_group ON household_group.id = household.group_id
    JOIN grid ON grid.id = household_group.grid_id WHERE household.id = ?1";
const PUT: &str = "INSERT INTO household_pin (household_id, cancel, duress) VALUES (?1, ?2, ?3)
    ON CONFLICT (household_id) DO UPDATE SET cancel = excluded.cancel, duress = excluded.duress";
const FORGET: &str = "DELETE FROM household_pin WHERE household_id = ?1";
const EDITED: &str = "UPDATE household SET version = version + 1 WHERE id = ?1 RETURNING version";

/// The key of PINs. Cheap to clone; never printed.
#[derive(Clone)]
pub struct PinKey(Arc<[u8; 32]>);

impl fmt::Debug for PinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinKey(***)")
    }
}

impl PinKey {
    /// Makes it from the node's key.
    #[must_use]
    pub fn new(node_key: &[u8; 32]) -> Self {
        Self(Arc::new(mac(node_key, &[PURPOSE])))
    }

    /// What the database keeps of a PIN. Two households with one PIN have different ones.
    fn verifier(&self, household: HouseholdId, digits: &str) -> String {
        hex(&mac(&self.0, &[&household.0.to_be_bytes(), digits.as_bytes()]))
    }

    /// Whether the digits withdraw an alarm of the household. Takes microseconds, and as long for any digits: both PINs
    /// are always compared, in constant time.
    #[must_use]
    pub fn verdict(&self, household: &Household, digits: &str) -> PinVerdict {
        let Pins { cancel, duress } = &household.pins;
        let keyed = self.verifier(household.id, digits.get(..*PIN_LEN.end()).unwrap_or(digits));
        let is = |known: &Option<Arc<str>>| {
            let known = known.as_deref().unwrap_or_default().as_bytes();
            bool::from(known.ct_eq(keyed.as_bytes()))
        };
        let (is_cancel, is_duress) = (is(cancel), is(duress));
        match (PIN_LEN.contains(&digits.len()), is_cancel, is_duress) {
            (true, true, _) => PinVerdict::Right,
            (true, false, true) => PinVerdict::Duress,
            (true, false, false) | (false, _, _) => PinVerdict::Wrong,
        }
    }
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// The PINs that a household gets.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPins {
    /// Withdraws an alarm.
    pub cancel: String,
    /// Pretends to.
    pub duress: Option<String>,
}

impl fmt::Debug for NewPins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewPins(***, {})", self.duress.is_some())
    }
}

/// What is wrong with a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinFault {
    /// Too short, too long, or no digits.
    #[error("must be 4 to 8 digits")]
    Digits,
    /// Everybody would try it first.
    #[error("is too easy: the same digit, a pair that repeats, or digits in a row")]
    Trivial,
    /// Nobody could tell withdrawing from pretending.
    #[error("must differ from the PIN that withdraws")]
    Same,
}

/// Which of the PINs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhichPin {
    /// The one that withdraws.
    Cancel,
    /// The one that pretends to.
    Duress,
}

/// Why PINs were not set.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// No household has this id.
    #[error("no household has this id")]
    NoHousehold,
    /// The PINs are not good; all mistakes.
    #[error("{}", words(.0))]
    Faulty(Vec<(WhichPin, PinFault)>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn words(faults: &[(WhichPin, PinFault)]) -> String {
    let words = faults.iter().map(|(which, fault)| match which {
        WhichPin::Cancel => format!("the PIN {fault}"),
        WhichPin::Duress => format!("the duress PIN {fault}"),
    });
    words.collect::<Vec<_>>().join("; ")
}

impl NewPins {
    /// What is wrong with them; empty when nothing is.
    #[must_use]
    pub fn faults(&self) -> Vec<(WhichPin, PinFault)> {
        let mut faults = Vec::new();
        faults.extend(fault(&self.cancel).map(|fault| (WhichPin::Cancel, fault)));
        if let Some(duress) = &self.duress {
            let fault = fault(duress).or((*duress == self.cancel).then_some(PinFault::Same));
            faults.extend(fault.map(|fault| (WhichPin::Duress, fault)));
        }
        faults
    }
}

pub(super) fn fault(digits: &str) -> Option<PinFault> {
    let digits = digits.as_bytes();
    if !PIN_LEN.contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return Some(PinFault::Digits);
    }
    // The same digit and 1234, 9876, 2468: one pause between all digits, round the clock of ten.
    let step = |pair: &[u8; 2]| (10 + pair[1] - pair[0]) % 10;
    let mut steps = digits.array_windows().map(step);
    let first = steps.next();
    let is_run = steps.all(|step| Some(step) == first);
    let is_pair = digits.iter().zip(digits.iter().skip(2)).all(|(one, other)| one == other);
    (is_run || is_pair).then_some(PinFault::Trivial)
}

/// Sets the PINs of a household, or takes them away; older ones are worth nothing then.
///
/// # Errors
/// When there is no such household, a PIN is not good, or the database fails; nothing is changed then.
pub async fn set(
    editor: &Editor<'_>,
    key: &PinKey,
    household: HouseholdId,
    pins: Option<&NewPins>,
) -> Result<(), PinError> {
    let faults = pins.map(NewPins::faults).unwrap_or_default();
    if !faults.is_empty() {
        return Err(PinError::Faulty(faults));
    }
    let mut change = editor.write().await?;
    let community = sqlx::query_scalar(COMMUNITY).bind(household.0);
    let community: Option<u32> =
        community.fetch_optional(&mut *change).await.map_err(StoreError::Read)?;
    let community = community.ok_or(PinError::NoHousehold)?;
    let query = match pins {
        None => sqlx::query(FORGET).bind(household.0),
        Some(NewPins { cancel, duress }) => sqlx::query(PUT)
            .bind(household.0)
            .bind(key.verifier(household, cancel))
            .bind(duress.as_ref().map(|duress| key.verifier(household, duress))),
    };
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    let version = sqlx::query_scalar(EDITED).bind(household.0).fetch_one(&mut *change).await;
    let version = version.map_err(StoreError::Write)?;
    let directory_version = count_edit(&mut change, &[CommunityId(community)]).await?;
    let row_id = household.0.into();
    let edit =
        Edit { action: Action::Secret, table: "household", row_id, version, directory_version };
    editor.enter(&mut change, &edit).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easy_pins_are_refused() {
        let check = |pin: &str, wanted: Option<PinFault>| assert_eq!(fault(pin), wanted, "{pin}");
        for digits in ["", "123", "123456789", "12a4", "１２３４", "12 4"] {
            check(digits, Some(PinFault::Digits));
        }
        for trivial in ["0000", "1234", "4321", "8901", "2468", "1212", "909090", "55555555"] {
            check(trivial, Some(PinFault::Trivial));
        }
        for good in ["4821", "1235", "90210", "13579246"] {
            check(good, None);
        }
        let pins = NewPins { cancel: "4821".into(), duress: Some("4821".into()) };
        assert_eq!(pins.faults(), [(WhichPin::Duress, PinFault::Same)]);
        assert!(!format!("{pins:?}").contains("4821"));
    }
}
