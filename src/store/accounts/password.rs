//! Passwords: what makes a good one, and their Argon2id hashes (RFC 9106) as PHC strings.
//!
//! The rules are those of NIST SP 800-63B-4 and OWASP ASVS 5.0: length counts, composition does not, and what everybody
//! tries first is refused. A hash takes some 50 ms of a core and 19 MiB: whoever calls bounds how many run at a time and
//! keeps them away from the alarm path. Must not log.

use super::super::random::word;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::ops::RangeInclusive;
use std::sync::LazyLock;
use subtle::ConstantTimeEq;

/// Characters of a password.
pub const PASSWORD_LEN: RangeInclusive<usize> = 12..=128;
/// Memory of a hash, in KiB; passes over it; lanes.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// Most memory and passes that a stored hash may ask for: a later release may have raised them.
const COST_MAX: (u32, u32, u32) = (128 * 1024, 8, 4);
const SALT_LEN: usize = 16;
const HASH_LEN: usize = 32;
/// Bytes of a password that are looked at: 128 characters of four.
const BYTES_MAX: usize = 512;
/// Characters that have to be left without common words, years and runs.
const LEFT_MIN: usize = 6;
/// Different characters that a password has to have.
const DIFFERENT_MIN: usize = 5;
/// Without those that are taken for each other when they are read out.
const ONE_TIME_ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Words that stand in the lists of passwords that are tried first.
static COMMON: LazyLock<Vec<Vec<char>>> =
    LazyLock::new(|| include_str!("common.txt").lines().map(|it| it.chars().collect()).collect());

/// What is wrong with a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Too short to withstand guessing.
    #[error(
        "must have at least 12 characters: several words that do not belong together are easy to remember"
    )]
    Short,
    /// Longer than is read.
    #[error("has more than 128 characters")]
    Long,
    /// Everybody would try it first.
    #[error("is one of those that are tried first: common words, years, rows of keys or digits")]
    Common,
    /// The name of the account is in it.
    #[error("must not contain the name of the account")]
    HasName,
    /// It is the one that has to be changed.
    #[error("must differ from the one before")]
    Same,
}

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The system gave no random numbers.
    #[error("cannot get random numbers")]
    Random(#[source] getrandom::Error),
    /// Argon2 failed, for want of memory.
    #[error("cannot hash a password: {0}")]
    Argon2(argon2::Error),
}

/// What is wrong with a password for the account of this name; nothing in most cases.
#[must_use]
pub fn fault(password: &str, name: &str) -> Option<PasswordFault> {
    let length = password.chars().count();
    let lower: Vec<char> = password.chars().flat_map(char::to_lowercase).collect();
    let (text, name) = (lower.iter().collect::<String>(), name.to_lowercase());
    let mut different = lower.clone();
    different.sort_unstable();
    different.dedup();
    match () {
        () if length < *PASSWORD_LEN.start() => Some(PasswordFault::Short),
        () if *PASSWORD_LEN.end() < length => Some(PasswordFault::Long),
        () if 3 <= name.chars().count() && text.contains(&name) => Some(PasswordFault::HasName),
        () if different.len() < DIFFERENT_MIN || left(&lower) < LEFT_MIN => {
            Some(PasswordFault::Common)
        }
        () => None,
    }
}

/// The fewest characters that are left when common words, years and runs are taken out.
fn left(text: &[char]) -> usize {
    let mut fewest = vec![0; text.len() + 1];
    for start in (0..text.len()).rev() {
        let Some(rest) = text.get(start..) else { continue };
        let alone = usize::from(rest.first().is_some_and(|sign| sign.is_alphanumeric()));
        let words = COMMON.iter().filter(|word| begins(rest, word)).map(Vec::len);
        let taken = words.chain(year(rest)).chain(run(rest)).map(|length| (length, 0));
        let ways = taken.chain([(1, alone)]);
        let best = ways.filter_map(|(length, cost)| Some(fewest.get(start + length)? + cost)).min();
        if let (Some(place), Some(best)) = (fewest.get_mut(start), best) {
            *place = best;
        }
    }
    fewest.first().copied().unwrap_or_default()
}

fn begins(text: &[char], word: &[char]) -> bool {
    let plain = |sign: &char| match sign {
        '@' | '4' => 'a',
        '0' => 'o',
        '3' => 'e',
        '$' | '5' => 's',
        '!' => 'i',
        other => *other,
    };
    text.starts_with(word)
        || word.len() <= text.len()
            && word.iter().zip(text).all(|(word, sign)| *word == plain(sign))
}

/// A year of this century or the last.
fn year(text: &[char]) -> Option<usize> {
    match text {
        ['1', '9', a, b, ..] | ['2', '0', a, b, ..] => {
            (a.is_ascii_digit() && b.is_ascii_digit()).then_some(4)
        }
        _ => None,
    }
}

/// Three or more characters that are the same or follow one another, such as `aaa`, `1234` and `cba`.
fn run(text: &[char]) -> Option<usize> {
    let step = |pair: &[char]| match pair {
        ['9', '0'] => Some(1),
        ['0', '9'] => Some(-1),
        [one, next] => Some(i64::from(u32::from(*next)) - i64::from(u32::from(*one))),
        _ => None,
    };
    let mut steps = text.windows(2).map_while(step);
    let first = steps.next().filter(|step| step.abs() <= 1)?;
    let length = 2 + steps.take_while(|step| *step == first).count();
    (3 <= length).then_some(length)
}

/// Makes a password that is shown once and changed at the next sign-in: 80 bits in four groups.
///
/// # Errors
/// When the system gives no random numbers.
pub fn one_time() -> Result<String, HashError> {
    let signs = word(ONE_TIME_ALPHABET, 16).map_err(HashError::Random)?;
    let groups = signs.as_bytes().chunks(4).map(String::from_utf8_lossy);
    Ok(groups.collect::<Vec<_>>().join("-"))
}

/// Hashes a password. Takes some 50 ms of a core: only aside, and few at a time.
///
/// # Errors
/// When there are no random numbers or no memory.
pub fn hash(password: &str) -> Result<String, HashError> {
    let mut salt = [0; SALT_LEN];
    getrandom::fill(&mut salt).map_err(HashError::Random)?;
    let (memory, passes, lanes) = COST;
    let hash = digest(password, &salt, COST).map_err(HashError::Argon2)?;
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    Ok(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}"))
}

/// Whether the password is that of the stored hash. Without one, and for one that no release wrote, it takes as long and
/// is wrong. Only aside, and few at a time.
#[must_use]
pub fn verify(password: &str, stored: Option<&str>) -> bool {
    let parsed = stored.and_then(parse);
    let is_known = parsed.is_some();
    let (cost, salt, wanted) = parsed.unwrap_or((COST, vec![0; SALT_LEN], vec![0; HASH_LEN]));
    let is_read = password.len() <= BYTES_MAX;
    let found = digest(if is_read { password } else { "" }, &salt, cost);
    found.is_ok_and(|found| bool::from(found.ct_eq(wanted.as_slice()))) && is_known && is_read
}

fn digest(
    password: &str,
    salt: &[u8],
    (memory, passes, lanes): (u32, u32, u32),
) -> Result<[u8; HASH_LEN], argon2::Error> {
    let params = Params::new(memory, passes, lanes, Some(HASH_LEN))?;
    let mut hash = [0; HASH_LEN];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(password.as_bytes(), salt, &mut hash)?;
    Ok(hash)
}

type Parsed = ((u32, u32, u32), Vec<u8>, Vec<u8>);

/// Reads a PHC string of Argon2id.
fn parse(phc: &str) -> Option<Parsed> {
    let mut parts = phc.strip_prefix("$argon2id$v=19$")?.split('$');
    let (costs, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let mut costs = costs.split(',');
    let mut cost = |name: &str, max: u32| {
        let value: u32 = costs.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok()?;
        (value <= max).then_some(value)
    };
    let cost = (cost("m", COST_MAX.0)?, cost("t", COST_MAX.1)?, cost("p", COST_MAX.2)?);
    let decode = |text: &str| STANDARD_NO_PAD.decode(text).ok();
    let (salt, hash) = (decode(salt)?, decode(hash)?);
    (hash.len() == HASH_LEN && parts.next().is_none()).then_some((cost, salt, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_and_what_is_tried_first_is_refused() {
        use PasswordFault::{Common, HasName, Long, Short};
        let check = |password: &str, wanted: Option<PasswordFault>| {
            assert_eq!(fault(password, "wangmin"), wanted, "{password}");
        };
        check("kiwi umbrella 87", None);
        check("correct horse battery staple", None);
        check("门前三棵龙眼树夏天很凉快", None);
        check("tannenzapfen", None);
        check("!!x9-Kq7_Rt2", None);
        check("elf chars...", None);
        check("elf chars..", Some(Short));
        check("", Some(Short));
        check(&"ab cde fg".repeat(20), Some(Long));
        check("my Wangmin secret tree", Some(HasName));
        for common in [
            "123456789012",
            "passwordpassword",
            "Password2026!",
            "p@ssw0rd123456",
            "qwertyuiop123",
            "1qaz2wsx3edc",
            "woaini1314520",
            "lianfang2026!!",
            "aaaaaaaaaaaaaaaa",
            "abababababababab",
            "abcdefghijklmnop",
            "------------------",
            "Xiamen-2025-admin",
            "iloveyou1989love",
        ] {
            check(common, Some(Common));
        }
        assert_eq!(fault("ab is everywhere 93", "ab"), None, "two letters are in any text");
    }

    #[test]
    fn a_hash_is_that_of_its_password() {
        let stored = hash("kiwi umbrella 87").expect("hashes");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(verify("kiwi umbrella 87", Some(&stored)));
        assert!(!verify("kiwi umbrella 88", Some(&stored)));
        assert!(!verify("kiwi umbrella 87", None));
        assert!(!verify("", Some("$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA")));
        assert_ne!(stored, hash("kiwi umbrella 87").expect("hashes"), "salted");
        let long = "x".repeat(1000);
        assert!(!verify(&long, Some(&hash(&long).expect("hashes"))));
    }

    /// From the tests of the reference implementation.
    #[test]
    fn a_stored_hash_stays_readable() {
        let cheap =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert!(verify("password", Some(cheap)));
        assert!(!verify("Password", Some(cheap)));
        for damaged in
            ["", "$argon2i$", "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$AAAA", "x"]
        {
            assert!(parse(damaged).is_none(), "{damaged}");
        }
    }

    #[test]
    fn one_time_passwords_are_good_and_differ() {
        let one = one_time().expect("randomness");
        assert_eq!((one.len(), fault(&one, "wangmin")), (19, None), "{one}");
        assert_ne!(one, one_time().expect("randomness"));
    }
}
