//! How numbers leave the house: in the form that a trunk wants, and never to an emergency service.

use super::PhoneNumber;
use super::normalise::{digits_of_key, split, split_area};
use std::sync::Arc;

/// The form in which a trunk or provider wants numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NumberFormat {
    /// The digits as they are written in the directory, without blanks and dashes.
    AsIs,
    /// `+865925551234`.
    #[default]
    E164,
    /// `05925551234`, `13800138000`, `0012025550123`.
    National,
    /// `865925551234`.
    Bare86,
    /// As [`Self::National`], without the area code within this area: `5551234`.
    Local {
        /// The area code, such as `0592`.
        area_code: Arc<str>,
    },
}

/// Writes a number for a trunk. Service numbers and extensions have no country: they are their digits, and in
/// [`NumberFormat::Local`] service numbers of another area have its area code.
#[must_use]
pub fn format_for(number: &PhoneNumber, format: &NumberFormat) -> String {
    let key = number.key();
    let Some(international) = key.strip_prefix('+') else {
        let digits = digits_of_key(key);
        return match format {
            NumberFormat::AsIs => as_is(number),
            NumberFormat::E164 | NumberFormat::National | NumberFormat::Bare86 => digits.to_owned(),
            NumberFormat::Local { area_code } => match key.split_once('@') {
                Some((kind, area)) if kind.starts_with("short:") && area != &**area_code => {
                    format!("{area}{digits}")
                }
                Some(_) | None => digits.to_owned(),
            },
        };
    };
    match format {
        NumberFormat::AsIs => as_is(number),
        NumberFormat::E164 => key.to_owned(),
        NumberFormat::Bare86 => international.to_owned(),
        NumberFormat::National => national(international),
        NumberFormat::Local { area_code } => {
            let national = national(international);
            let is_area = split_area(international.strip_prefix("86").unwrap_or_default())
                .is_some_and(|(area, _)| area == area_code.trim_start_matches('0'));
            let local = national.strip_prefix(&**area_code).filter(|_| is_area);
            local.unwrap_or(&national).to_owned()
        }
    }
}

/// A number behind `+`, as it is dialled on the mainland.
fn national(international: &str) -> String {
    let Some(national) = international.strip_prefix("86") else {
        return format!("00{international}");
    };
    let is_mobile = national.len() == 11 && national.starts_with('1');
    let is_service = national.starts_with("400") || national.starts_with("800");
    if is_mobile || (is_service && national.len() == 10) {
        national.to_owned()
    } else {
        format!("0{national}")
    }
}

/// The digits as they were written; those of the key where the writing cannot be read.
fn as_is(number: &PhoneNumber) -> String {
    match split(number.written()) {
        Ok(parts) if parts.has_plus => format!("+{}", parts.main),
        Ok(parts) => parts.main,
        Err(_) => digits_of_key(number.key()).to_owned(),
    }
}

/// Emergency and service numbers that we never call by ourselves: a person does.
const REFUSED: [&str; 5] = ["110", "119", "120", "122", "12345"];

/// Whether an alarm may call the number or send it a message. Police, fire, ambulance, traffic police and the city's
/// hotline are refused, also behind an area code or +86, whatever the number format of the trunk.
#[must_use]
pub fn may_be_called(number: &PhoneNumber) -> bool {
    let key = number.key().trim_start_matches('+');
    !is_refused(digits_of_key(key)) && !is_refused(as_is(number).trim_start_matches('+'))
}

fn is_refused(digits: &str) -> bool {
    let bare = digits.trim_start_matches('0');
    let national = bare.strip_prefix("86").unwrap_or(bare).trim_start_matches('0');
    [bare, national].into_iter().any(|national| {
        let behind_area = split_area(national).map_or("", |(_, rest)| rest);
        REFUSED.contains(&national) || REFUSED.contains(&behind_area)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::CommunityId;
    use crate::phone::{Home, normalise};

    fn number(text: &str) -> PhoneNumber {
        let home = Home { area_code: "0592".into(), community: CommunityId(3) };
        normalise(text, &home).unwrap().number
    }

    #[test]
    fn a_number_is_written_as_the_trunk_wants_it() {
        let local = |area_code: &str| NumberFormat::Local { area_code: area_code.into() };
        for (text, format, expected) in [
            ("0592-5551234", NumberFormat::AsIs, "05925551234"),
            ("5551234", NumberFormat::AsIs, "5551234"),
            ("+86 592 5551234", NumberFormat::AsIs, "+865925551234"),
            ("0592-5551234-801", NumberFormat::AsIs, "05925551234"),
            ("5551234", NumberFormat::E164, "+865925551234"),
            ("5551234", NumberFormat::National, "05925551234"),
            ("5551234", NumberFormat::Bare86, "865925551234"),
            ("05925551234", local("0592"), "5551234"),
            ("05925551234", local("010"), "05925551234"),
            ("010-65551234", local("010"), "65551234"),
            ("13800138000", NumberFormat::AsIs, "13800138000"),
            ("13800138000", NumberFormat::E164, "+8613800138000"),
            ("013800138000", NumberFormat::National, "13800138000"),
            ("13800138000", local("0592"), "13800138000"),
            ("13800138000", NumberFormat::Bare86, "8613800138000"),
            ("4008123123", NumberFormat::National, "4008123123"),
            ("+1 202 555 0123", NumberFormat::National, "0012025550123"),
            ("+1 202 555 0123", NumberFormat::E164, "+12025550123"),
            ("12349", NumberFormat::E164, "12349"),
            ("12349", local("0592"), "12349"),
            ("12349", local("010"), "059212349"),
            ("801", NumberFormat::E164, "801"),
            ("801", local("010"), "801"),
            ("801", NumberFormat::AsIs, "801"),
        ] {
            assert_eq!(format_for(&number(text), &format), expected, "{text} {format:?}");
        }
        let unreadable = PhoneNumber::from_parts("+865925551234", "home");
        assert_eq!(format_for(&unreadable, &NumberFormat::AsIs), "+865925551234");
    }

    #[test]
    fn emergency_services_are_never_called() {
        for text in [
            "110",
            "119",
            "120",
            "122",
            "12345",
            "0592110",
            "0592-110",
            "010110",
            "02112345",
            "059212345",
            "+86110",
            "+86 592 110",
            "0086592119",
            "+86-010-120",
            "１１０",
            "110 ",
        ] {
            assert!(!may_be_called(&number(text)), "{text}");
        }
        for (key, written) in
            [("110", ""), ("+86110", "110"), ("+865925551234", "0592110"), ("ext:110@3", "801")]
        {
            assert!(!may_be_called(&PhoneNumber::from_parts(key, written)), "{key} {written}");
        }
        for text in [
            "05925551234",
            "5551110",
            "13800138000",
            "12349",
            "96110",
            "801",
            "1100",
            "0592-5555120",
            "13800000110",
            "+12025550110",
        ] {
            assert!(may_be_called(&number(text)), "{text}");
        }
    }
}
