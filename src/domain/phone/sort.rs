//! What sort of number a key is, as people tell them apart, and how they write it.

use super::normalise::{digits_of_key, split_area};

/// Digits of a mobile telephone of the mainland.
const MOBILE_LEN: usize = 11;
/// Digits of a landline of the mainland behind its area code.
const LANDLINE_LEN: std::ops::RangeInclusive<usize> = 7..=8;

/// What sort of number a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberSort {
    /// A mobile telephone of the mainland.
    Mobile,
    /// A landline of the mainland.
    Landline,
    /// A short number of an area, such as `12349`.
    Service,
    /// A number of the mainland without an area, such as `4008123123`.
    National,
    /// An extension of a community.
    Extension,
    /// A number of another country.
    Abroad,
}

/// A key taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted {
    /// What sort of number it is.
    pub sort: NumberSort,
    /// The area that it is in, with its `0`; `None` for what is in none.
    pub area_code: Option<String>,
    /// As people write it: `138 0000 1234`, `0592-5551234`, `12349`, `801`, `+4930123456`.
    pub shown: String,
}

/// Takes a canonical key apart.
#[must_use]
pub fn sorted(key: &str) -> Sorted {
    let digits = digits_of_key(key);
    if key.starts_with("ext:") {
        return bare(NumberSort::Extension, digits);
    }
    if key.starts_with("short:") {
        let area_code = key.split_once('@').map(|(_, area)| area.to_owned());
        return Sorted { area_code, ..bare(NumberSort::Service, digits) };
    }
    let Some(national) = key.strip_prefix("+86") else { return bare(NumberSort::Abroad, key) };
    if let ([b'1', b'3'..=b'9', ..], MOBILE_LEN) = (national.as_bytes(), national.len()) {
        let (first, rest) = national.split_at_checked(3).unwrap_or((national, ""));
        let (second, third) = rest.split_at_checked(4).unwrap_or((rest, ""));
        return bare(NumberSort::Mobile, &format!("{first} {second} {third}"));
    }
    let is_free = national.len() == 10 && ["400", "800"].iter().any(|at| national.starts_with(at));
    match split_area(national) {
        Some((area, rest)) if !is_free && LANDLINE_LEN.contains(&rest.len()) => Sorted {
            sort: NumberSort::Landline,
            area_code: Some(format!("0{area}")),
            shown: format!("0{area}-{rest}"),
        },
        Some(_) | None => bare(NumberSort::National, national),
    }
}

fn bare(sort: NumberSort, shown: &str) -> Sorted {
    Sorted { sort, area_code: None, shown: shown.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::CommunityId;
    use crate::phone::{Home, normalise};
    use proptest::prelude::*;

    #[test]
    fn numbers_are_told_apart_as_people_do() {
        let home = Home { area_code: "0592".into(), community: CommunityId(3) };
        for (text, sort, area_code, shown) in [
            ("13800001234", NumberSort::Mobile, None, "138 0000 1234"),
            ("+86 138-0000-1234", NumberSort::Mobile, None, "138 0000 1234"),
            ("5551502", NumberSort::Landline, Some("0592"), "0592-5551502"),
            ("010-88886666", NumberSort::Landline, Some("010"), "010-88886666"),
            ("0592-5551234-801", NumberSort::Landline, Some("0592"), "0592-5551234"),
            ("12349", NumberSort::Service, Some("0592"), "12349"),
            ("010 12345", NumberSort::Service, Some("010"), "12345"),
            ("400-812-3123", NumberSort::National, None, "4008123123"),
            ("801", NumberSort::Extension, None, "801"),
            ("+49 30 123456", NumberSort::Abroad, None, "+4930123456"),
            ("12800001234", NumberSort::National, None, "12800001234"),
        ] {
            let key = normalise(text, &home).unwrap().number;
            let wanted =
                Sorted { sort, area_code: area_code.map(str::to_owned), shown: shown.to_owned() };
            assert_eq!(sorted(key.key()), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_a_key_is_shown(key in ".{0,40}") {
            prop_assert!(sorted(&key).shown.chars().filter(char::is_ascii_digit).count() <= key.chars().count() + 1);
        }
    }
}
