//! What an authenticator shows (RFC 6238), for people who sign in with a second factor.

use crate::clock::unix_seconds;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Seconds that a code is shown for.
const STEP_S: u64 = 30;

/// What is shown now for a key in base 32.
///
/// # Panics
/// Never: HMAC takes keys of any length.
#[must_use]
pub fn code_now(key: &str) -> String {
    code_of(key, unix_seconds() / STEP_S)
}

/// What is shown in a step.
fn code_of(key: &str, step: u64) -> String {
    let digits = key.bytes().filter_map(|letter| match letter {
        b'A'..=b'Z' => Some(u32::from(letter - b'A')),
        b'2'..=b'7' => Some(u32::from(letter - b'2') + 26),
        _ => None,
    });
    let (mut secret, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for digit in digits {
        (bits, held) = ((bits << 5) | digit, held + 5);
        if 8 <= held {
            held -= 8;
            secret.extend(u8::try_from((bits >> held) & 0xff));
            bits &= (1 << held) - 1;
        }
    }
    let mut mac = Hmac::<Sha1>::new_from_slice(&secret).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash.last().copied().unwrap_or_default() & 15);
    let word = hash.iter().skip(offset).take(4);
    let number = word.fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, SHA-1, six digits: "12345678901234567890" in base 32.
        let key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")]
        {
            assert_eq!(code_of(key, seconds / STEP_S), code);
        }
    }
}
