//! The second factor: one-time passwords by time (RFC 6238: SHA-1, 30 s, six digits) and recovery codes.
//!
//! The key of an account is not kept: it derives from the node's key and a salt that stands in its row. Whoever copies
//! the database has no second factor. Must not log.

use super::super::random::{hex, word};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use lianfang_domain::id::AccountId;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Seconds that a code is shown for.
const STEP_S: i64 = 30;
/// Steps that a clock may be off, before and after.
const DRIFT: i64 = 1;
/// Digits of a code.
const DIGITS: u32 = 6;
/// Bytes of a key: as many as SHA-1 has (RFC 4226 4, R6).
const KEY_LEN: usize = 20;
/// What the key is made with, so that it is no other key of the node.
const PURPOSE: &[u8] = b"lianfang second factor 1";
/// RFC 4648 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// How many recovery codes there are.
pub const RECOVERY_CODES: usize = 10;
/// Without those that are taken for each other.
const RECOVERY_ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// 16 of 31 signs: 79 bits, so that a plain hash is enough.
const RECOVERY_LEN: usize = 16;

/// What second factors are made of. Cheap to clone; never printed.
#[derive(Clone)]
pub struct TotpKey(Arc<[u8; 32]>);

impl fmt::Debug for TotpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpKey(***)")
    }
}

/// The key of one account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Totp([u8; KEY_LEN]);

impl TotpKey {
    /// Makes it from the node's key.
    #[must_use]
    pub fn new(node_key: &[u8; 32]) -> Self {
        let mut mac = keyed(node_key);
        mac.update(PURPOSE);
        Self(Arc::new(mac.finalize().into_bytes().into()))
    }

    /// The key of an account, of the salt in its row.
    #[must_use]
    pub fn of(&self, account: AccountId, salt: &str) -> Totp {
        let mut mac = keyed(self.0.as_slice());
        mac.update(&account.0.to_be_bytes());
        mac.update(salt.as_bytes());
        let mut key = [0; KEY_LEN];
        for (byte, of_mac) in key.iter_mut().zip(mac.finalize().into_bytes()) {
            *byte = of_mac;
        }
        Totp(key)
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length")
}

impl Totp {
    /// The step that a code is of, if it is one of about now and later than the last one that was taken.
    #[must_use]
    pub fn step_of(&self, code: &str, last: Option<i64>, now: Timestamp) -> Option<i64> {
        let digits: String = code.chars().filter(|sign| !sign.is_whitespace()).collect();
        let current = now.as_second().div_euclid(STEP_S);
        // All are compared, so that the time tells nothing.
        let mut found = None;
        for step in current - DRIFT..=current + DRIFT {
            let wanted = self.code(step);
            let is_it = bool::from(wanted.as_bytes().ct_eq(digits.as_bytes()));
            if is_it && last.is_none_or(|last| last < step) && found.is_none() {
                found = Some(step);
            }
        }
        found
    }

    /// What an authenticator shows now.
    #[must_use]
    pub fn shown(&self, now: Timestamp) -> String {
        self.code(now.as_second().div_euclid(STEP_S))
    }

    /// The code of a step (RFC 4226 5.3).
    fn code(&self, step: i64) -> String {
        code(&self.0, step, DIGITS)
    }

    /// The key as people type it.
    #[must_use]
    pub fn base32(&self) -> String {
        let mut signs = String::with_capacity(KEY_LEN.div_ceil(5) * 8);
        for chunk in self.0.chunks(5) {
            let bits = chunk.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            for place in (0..8).rev() {
                let digit = usize::try_from(bits >> (5 * place) & 31).unwrap_or_default();
                signs.push(BASE32.get(digit).map_or('A', |sign| char::from(*sign)));
            }
        }
        signs
    }

    /// What an authenticator reads from a QR code.
    #[must_use]
    pub fn uri(&self, name: &str) -> String {
        let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let key = self.base32();
        format!(
            "otpauth://totp/Lianfang:{}?secret={key}&issuer=Lianfang&algorithm=SHA1&digits={DIGITS}&period={STEP_S}",
            name.replace('+', "%20")
        )
    }
}

fn code(key: &[u8], step: i64, digits: u32) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash.last().copied().unwrap_or_default() & 15);
    let word = hash.iter().skip(offset).take(4);
    let number = word.fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
    let width = usize::try_from(digits).unwrap_or_default();
    format!("{:0width$}", number % 10_u32.pow(digits))
}

/// New recovery codes, in four groups each.
///
/// # Errors
/// When the system gives no random numbers.
pub(super) fn new_recovery_codes() -> Result<Vec<String>, getrandom::Error> {
    let one = || {
        let signs = word(RECOVERY_ALPHABET, RECOVERY_LEN)?;
        let groups = signs.as_bytes().chunks(4).map(String::from_utf8_lossy);
        Ok(groups.collect::<Vec<_>>().join("-"))
    };
    (0..RECOVERY_CODES).map(|_| one()).collect()
}

/// What is kept of a recovery code, however it was typed; `None` if it cannot be one.
pub(super) fn recovery_hash(code: &str) -> Option<String> {
    let signs = code.chars().filter(|sign| !sign.is_whitespace() && *sign != '-');
    let signs: String = signs.flat_map(char::to_lowercase).take(RECOVERY_LEN + 1).collect();
    (signs.len() == RECOVERY_LEN).then(|| hex(&Sha256::digest(signs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, the column of SHA-1.
    #[test]
    fn the_vectors_of_the_rfc() {
        for (second, wanted) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code(b"12345678901234567890", second / STEP_S, 8), wanted, "{second}");
        }
    }

    #[test]
    fn a_code_counts_once_and_for_a_minute_and_a_half() {
        let totp = Totp(*b"12345678901234567890");
        let at = |second| Timestamp::from_second(second).expect("a time");
        let step = 1_111_111_111 / STEP_S;
        let check = |second, last, wanted| {
            let found = totp.step_of("050471", last, at(second));
            assert_eq!(found, wanted, "{second} after {last:?}");
        };
        check(1_111_111_111, None, Some(step));
        check(1_111_111_111 + 30, None, Some(step));
        check(1_111_111_111 - 30, None, Some(step));
        check(1_111_111_111 + 60, None, None);
        check(1_111_111_111 - 60, None, None);
        check(1_111_111_111, Some(step - 1), Some(step));
        check(1_111_111_111, Some(step), None);
        check(1_111_111_111, Some(step + 1), None);
        assert_eq!(totp.step_of("050 471", None, at(1_111_111_111)), Some(step));
        for wrong in ["", "050472", "50471", "0504711", "０５０４７１"] {
            assert_eq!(totp.step_of(wrong, None, at(1_111_111_111)), None, "{wrong}");
        }
    }

    #[test]
    fn keys_differ_by_account_salt_and_node() {
        let key = TotpKey::new(&[7; 32]);
        let one = key.of(AccountId(1), "salt");
        assert!(one == key.of(AccountId(1), "salt"));
        assert!(one != key.of(AccountId(2), "salt"));
        assert!(one != key.of(AccountId(1), "other"));
        assert!(one != TotpKey::new(&[8; 32]).of(AccountId(1), "salt"));
        assert_eq!(format!("{key:?}"), "TotpKey(***)");
    }

    #[test]
    fn an_authenticator_reads_the_key() {
        // RFC 4648, 10: foobar, without the sixth letter.
        let totp = Totp(*b"fooba\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert!(totp.base32().starts_with("MZXW6YTBAAAA"), "{}", totp.base32());
        assert_eq!(totp.base32().len(), 32);
        let uri = totp.uri("王 敏");
        assert!(uri.starts_with("otpauth://totp/Lianfang:%E7%8E%8B%20%E6%95%8F?secret=MZXW6YTB"));
        assert!(uri.ends_with("&issuer=Lianfang&algorithm=SHA1&digits=6&period=30"), "{uri}");
    }

    #[test]
    fn recovery_codes_are_read_however_they_are_typed() {
        let codes = new_recovery_codes().expect("randomness");
        assert_eq!(codes.len(), RECOVERY_CODES);
        let code = &codes[0];
        assert_eq!(code.len(), 19);
        let hash = recovery_hash(code).expect("a code");
        assert_eq!(recovery_hash(&code.to_uppercase().replace('-', " ")), Some(hash.clone()));
        assert_eq!(recovery_hash(&code[1..]), None);
        assert_eq!(recovery_hash(&format!("{code}x")), None);
        assert!(!hash.contains(&code[..4]));
    }
}
