//! The dial plan of the mainland: from a number as people and exchanges write it to its canonical key.
//!
//! Libraries of numbers know no home area: they read `5551234` as a number of another city, and short codes as errors.
//! So the key is made here, and the library is only asked whether the result looks right. What it doubts is kept and
//! marked; only what has no digits, or characters that no number has, is refused.

use super::PhoneNumber;
use crate::id::CommunityId;
use rlibphonenumber::PHONE_NUMBER_UTIL;
use std::sync::Arc;
use unicode_normalization::UnicodeNormalization;

/// Where a number is written down: what is left out of it is understood from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Area code, such as `0592`.
    pub area_code: Arc<str>,
    /// The community, whose extensions are meant.
    pub community: CommunityId,
}

/// A number that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normalised {
    /// The number; without the extension, which is dialled after the answer.
    pub number: PhoneNumber,
    /// The extension behind the number, as in `0592-5551234-801`.
    pub extension: Option<Arc<str>>,
    /// It looks like no number of its country: somebody has to confirm it.
    pub to_confirm: bool,
}

/// The text is no phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// It has no digits.
    #[error("cannot read a phone number: it has no digits")]
    Empty,
    /// It has more than [`DIGITS_MAX`] digits, or is far longer than they need.
    #[error("cannot read a phone number: more than {DIGITS_MAX} digits")]
    TooLong,
    /// It has characters that no number has.
    #[error("cannot read a phone number: need digits, blanks, brackets and dashes")]
    Unreadable,
    /// It has no area code, and no home area is known.
    #[error("cannot read a phone number: it has no area code, and no home area is set")]
    NoAreaCode,
}

/// Most digits of a number, the extension included: 15 (E.164) and the prefixes and extensions that are written with it.
pub const DIGITS_MAX: usize = 24;
/// Longest text that is looked at, in characters.
const TEXT_MAX: usize = 64;
/// Longest extension.
const EXTENSION_MAX: usize = 6;

/// Reads a number as it is written in a directory or sent by an exchange.
///
/// # Errors
/// The text has no digits, too many, or characters that no number has.
pub fn normalise(text: &str, home: &Home) -> Result<Normalised, PhoneError> {
    let read = read(text, home)?;
    let to_confirm = read.is_doubtful || !is_plausible(&read.key);
    let number = PhoneNumber::from_parts(&read.key, &read.written);
    Ok(Normalised { number, extension: read.extension.map(Into::into), to_confirm })
}

impl PhoneNumber {
    /// Reads the number of a caller: as [`normalise`], without asking whether it looks right, which takes time.
    ///
    /// # Errors
    /// As [`normalise`].
    pub fn of_caller(text: &str, home: &Home) -> Result<Self, PhoneError> {
        let read = read(text, home)?;
        Ok(Self::from_parts(&read.key, &read.written))
    }
}

struct Read {
    key: String,
    written: String,
    extension: Option<String>,
    is_doubtful: bool,
}

/// A key and whether it was guessed.
struct Key {
    key: String,
    is_doubtful: bool,
}

impl Key {
    fn sure(key: String) -> Self {
        Self { key, is_doubtful: false }
    }

    fn doubtful(key: String) -> Self {
        Self { key, is_doubtful: true }
    }
}

fn read(text: &str, home: &Home) -> Result<Read, PhoneError> {
    let written: String =
        text.nfkc().filter(|c| !is_invisible(*c)).take(TEXT_MAX + 1).collect::<String>();
    let written = written.trim().to_owned();
    if TEXT_MAX < written.chars().count() {
        return Err(PhoneError::TooLong);
    }
    if let Some(key) = read_key(&written) {
        let digits = digits_of_key(&key).to_owned();
        return Ok(Read { key, written: digits, extension: None, is_doubtful: false });
    }
    let parts = split(&written)?;
    let Key { key, is_doubtful } = key_of(&parts, home)?;
    Ok(Read { key, written, extension: parts.extension, is_doubtful })
}

/// A canonical key of a short number or an extension, written out.
fn read_key(text: &str) -> Option<String> {
    let (kind, rest) = text.split_once(':')?;
    let (digits, place) = rest.split_once('@')?;
    let is_number = |text: &str, max: usize| {
        !text.is_empty() && text.len() <= max && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_key = matches!(kind, "short" | "ext") && is_number(digits, DIGITS_MAX);
    (is_key && is_number(place, 10)).then(|| text.to_owned())
}

/// The digits in a key.
pub(super) fn digits_of_key(key: &str) -> &str {
    let bare = key.split_once(':').map_or(key, |(_, rest)| rest);
    bare.split_once('@').map_or(bare, |(digits, _)| digits)
}

/// The digits of a text.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// It began with `+`.
    pub(super) has_plus: bool,
    /// The digits of the number.
    pub(super) main: String,
    /// The digits behind it.
    pub(super) extension: Option<String>,
}

/// Marks of an extension, in lower case.
const EXTENSION_MARKS: [&str; 7] = ["转", "轉", "分机", "extension", "ext", "x", "#"];

pub(super) fn split(text: &str) -> Result<Parts, PhoneError> {
    let lower = text.to_lowercase();
    let mark = EXTENSION_MARKS
        .iter()
        .filter_map(|mark| lower.split_once(mark))
        .min_by_key(|(main, _)| main.len());
    let (main, marked) = mark.map_or((lower.as_str(), None), |(main, rest)| (main, Some(rest)));
    let mut parts = Parts {
        has_plus: main.trim_start().starts_with(['+', '(']) && main.contains('+'),
        ..Parts::default()
    };
    let mut groups: Vec<String> = vec![String::new()];
    for character in main.chars() {
        match character {
            '0'..='9' => {
                groups.iter_mut().next_back().into_iter().for_each(|group| group.push(character))
            }
            '+' if groups.iter().all(String::is_empty) => {}
            _ if is_dash(character) => groups.push(String::new()),
            '(' | ')' | '[' | ']' | '.' | '/' => {}
            _ if character.is_whitespace() => {}
            _ => return Err(PhoneError::Unreadable),
        }
    }
    groups.retain(|group| !group.is_empty());
    let marked: Option<String> = marked.map(|rest| {
        rest.chars().filter(|c| !matches!(c, '.' | ':' | ' ' | '分' | '机' | '-')).collect()
    });
    if let Some(extension) = &marked
        && !extension.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(PhoneError::Unreadable);
    }
    parts.extension = marked.filter(|digits| !digits.is_empty());
    if parts.extension.is_none()
        && let [.., number, extension] = groups.as_slice()
        && (7..=13).contains(&number.len())
        && extension.len() < EXTENSION_MAX
    {
        parts.extension = groups.pop();
    }
    parts.main = groups.concat();
    let extension_len = parts.extension.as_ref().map_or(0, String::len);
    if parts.main.is_empty() {
        return Err(PhoneError::Empty);
    }
    if DIGITS_MAX < parts.main.len() || EXTENSION_MAX < extension_len {
        return Err(PhoneError::TooLong);
    }
    Ok(parts)
}

fn is_dash(character: char) -> bool {
    matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '_' | '~')
}

/// Marks of direction, zero-width blanks and the like, which come with copied text.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

fn key_of(parts: &Parts, home: &Home) -> Result<Key, PhoneError> {
    let digits = parts.main.as_str();
    if parts.has_plus {
        return international(digits, home);
    }
    if let Some(rest) = digits.strip_prefix("00") {
        return international(rest, home);
    }
    if let Some(rest) = digits.strip_prefix('0') {
        return national(rest, home);
    }
    match (digits.len(), digits.strip_prefix("86")) {
        (11.., Some(rest)) => national(rest, home),
        (7..=8, _) => local(digits, home, Key::sure),
        (0..=6, _) if is_service(digits) => short(digits, &home.area_code),
        (3..=5, _) => Ok(Key::sure(format!("ext:{digits}@{}", home.community))),
        (0..=6, _) => Ok(Key::doubtful(format!("ext:{digits}@{}", home.community))),
        _ => national(digits, home),
    }
}

/// Digits behind `+` or `00`.
fn international(digits: &str, home: &Home) -> Result<Key, PhoneError> {
    match digits.strip_prefix("86") {
        Some(rest) => national(rest.strip_prefix('0').unwrap_or(rest), home),
        None if digits.is_empty() => Err(PhoneError::Empty),
        None => Ok(Key::sure(format!("+{digits}"))),
    }
}

/// Digits behind the `0` or the `86`.
fn national(digits: &str, home: &Home) -> Result<Key, PhoneError> {
    if digits.is_empty() {
        return Err(PhoneError::Empty);
    }
    if let Some((area, rest)) = split_area(digits)
        && is_service(rest)
    {
        return short(rest, area);
    }
    if is_service(digits) {
        return short(digits, &home.area_code);
    }
    match digits.len() {
        7..=8 => local(digits, home, Key::doubtful),
        _ => Ok(Key::sure(format!("+86{digits}"))),
    }
}

/// A number within the home area.
fn local(digits: &str, home: &Home, key: fn(String) -> Key) -> Result<Key, PhoneError> {
    let area = home.area_code.trim_start_matches('0');
    if area.is_empty() {
        return Err(PhoneError::NoAreaCode);
    }
    Ok(key(format!("+86{area}{digits}")))
}

fn short(digits: &str, area: &str) -> Result<Key, PhoneError> {
    let area = area.trim_start_matches('0');
    // The key stays readable without a home area: `00` is the area that nobody has.
    let area = if area.is_empty() { "0" } else { area };
    Ok(Key::sure(format!("short:{digits}@0{area}")))
}

/// Splits a national number, without its `0`, after its area code: 10, 2x, or three digits.
pub(super) fn split_area(national: &str) -> Option<(&str, &str)> {
    let len = match national.as_bytes() {
        [b'1', b'0', ..] | [b'2', ..] => 2,
        [b'3'..=b'9', ..] => 3,
        _ => return None,
    };
    national.split_at_checked(len)
}

/// Service numbers: 1xx, 1xxxx, 95xxx and 96xxx, and the six digits that 95, 96 and 11 may have.
fn is_service(digits: &str) -> bool {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| digits.starts_with(prefix));
    match digits.len() {
        3 => begins(&["1"]),
        5 => begins(&["1", "95", "96"]),
        6 => begins(&["11", "95", "96"]),
        _ => false,
    }
}

/// Whether the number looks like one of its country. Short numbers and extensions are not for the library to judge.
fn is_plausible(key: &str) -> bool {
    !key.starts_with('+')
        || PHONE_NUMBER_UTIL.parse(key, None).is_ok_and(|number| number.is_valid())
}

#[cfg(test)]
mod tests;
