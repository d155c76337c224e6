//! Telephone numbers on pages: masked until somebody asks, and how a form keeps a masked one as it was.

use crate::lang::Lang;
use serde_json::Value;

/// Characters of a number that stay in sight at its beginning and at its end.
const HEAD: usize = 3;
const TAIL: usize = 4;
/// Shorter numbers would be given away by their head and tail.
const LONG: usize = 10;

/// A number as it is shown to who has not asked for it: `138****1234`. A short one shows only its end.
pub(crate) fn mask(written: &str) -> String {
    let characters: Vec<char> = written.chars().collect();
    let head = if LONG <= characters.len() { HEAD } else { 0 };
    let tail = characters.len().saturating_sub(if head == 0 { 2 } else { TAIL });
    let head: String = characters.iter().take(head).collect();
    let tail: String = characters.iter().skip(tail).collect();
    format!("{head}****{tail}")
}

/// Whether a text is a masked number.
pub(crate) fn is_masked(text: &str) -> bool {
    text.contains("****")
}

/// The number of a row that a masked one in a form stands for: the one at its place, or else the first that looks so.
pub(crate) fn unmask<'a>(text: &str, at: usize, numbers: &'a [Value]) -> Option<&'a str> {
    let fits = |number: &&'a Value| mask(text_of(number, "written")) == text;
    let number = numbers.get(at).filter(fits).or_else(|| numbers.iter().find(fits))?;
    Some(text_of(number, "written"))
}

/// A text of a number as the API tells it.
pub(crate) fn text_of<'a>(number: &'a Value, name: &str) -> &'a str {
    number.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The numbers of a row: the one of a line, or those of a person.
pub(crate) fn numbers_of(row: &Value) -> &[Value] {
    if let Some(numbers) = row.get("numbers").and_then(Value::as_array) {
        return numbers;
    }
    row.get("number").filter(|number| number.is_object()).map_or(&[], std::slice::from_ref)
}

/// The form in which a number was recognised, as people read it: `+86 138 0000 1234`, `0592 的短号 12349`.
pub(crate) fn recognised(key: &str, l: Lang) -> String {
    if let Some((number, area)) = key.strip_prefix("short:").and_then(|rest| rest.split_once('@')) {
        return match l {
            Lang::Chinese => format!("{area} 的短号 {number}"),
            Lang::English => format!("short number {number} of {area}"),
        };
    }
    if let Some((number, _)) = key.strip_prefix("ext:").and_then(|rest| rest.split_once('@')) {
        return match l {
            Lang::Chinese => format!("分机 {number}"),
            Lang::English => format!("extension {number}"),
        };
    }
    let Some(digits) = key.strip_prefix("+86") else { return key.to_owned() };
    let is_mobile = digits.len() == 11 && digits.starts_with('1');
    match (is_mobile, digits.get(..3), digits.get(3..7), digits.get(7..)) {
        (true, Some(first), Some(second), Some(third)) => format!("+86 {first} {second} {third}"),
        _ => format!("+86 {digits}"),
    }
}

/// A number of a row, for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// As it was written, or masked.
    pub(crate) text: String,
    /// How it was recognised; empty while it is masked.
    pub(crate) recognised: String,
    pub(crate) voice: bool,
    pub(crate) sms: bool,
    pub(crate) to_confirm: bool,
}

/// The numbers of a row for a page, in full if `in_full`.
pub(crate) fn shown(row: &Value, in_full: bool, l: Lang) -> Vec<Shown> {
    let flag = |number: &Value, name: &str, other: bool| {
        number.get(name).and_then(Value::as_bool).unwrap_or(other)
    };
    let number = |number: &Value| {
        let written = text_of(number, "written");
        Shown {
            text: if in_full { written.to_owned() } else { mask(written) },
            recognised: if in_full { recognised(text_of(number, "key"), l) } else { String::new() },
            voice: flag(number, "voice", true),
            sms: flag(number, "sms", false),
            to_confirm: flag(number, "to_confirm", false),
        }
    };
    numbers_of(row).iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_masked_number_gives_little_away() {
        for (written, masked) in [
            ("13812341234", "138****1234"),
            ("0592-5551234", "059****1234"),
            ("5551234", "****34"),
            ("55512345", "****45"),
            ("801", "****01"),
            ("", "****"),
        ] {
            assert_eq!(mask(written), masked);
            assert!(is_masked(masked) && !is_masked(written));
        }
    }

    #[test]
    fn a_masked_number_stands_for_the_one_at_its_place() {
        let numbers = [json!({"written": "13812341234"}), json!({"written": "13899991234"})];
        assert_eq!(unmask("138****1234", 1, &numbers), Some("13899991234"));
        assert_eq!(unmask("138****1234", 7, &numbers), Some("13812341234"));
        assert_eq!(unmask("139****1234", 0, &numbers), None);
    }

    #[test]
    fn a_number_says_how_it_was_recognised() {
        for (key, chinese, english) in [
            ("+8613800001234", "+86 138 0000 1234", "+86 138 0000 1234"),
            ("+865925551234", "+86 5925551234", "+86 5925551234"),
            ("short:12349@0592", "0592 的短号 12349", "short number 12349 of 0592"),
            ("ext:801@3", "分机 801", "extension 801"),
            ("+4930123", "+4930123", "+4930123"),
        ] {
            assert_eq!(
                (&*recognised(key, Lang::Chinese), &*recognised(key, Lang::English)),
                (chinese, english)
            );
        }
    }
}
