//! The codes of clips, keyed on a telephone by whoever records them. A code never changes: it stands on paper.
//!
//! 100 and up are phrases, 200 the words of addresses, 300 digits and letters, 400 how many, 500 floors; 8 and 9 with
//! the id of a household behind them are its place and its name.

use lianfang_domain::directory::{Community, Dialect, Household, Language};
use lianfang_domain::id::HouseholdId;
use lianfang_domain::words::Clip;

/// Codes of phrases and of the words of addresses. New ones go to the end of their list, whatever else is where.
const PHRASES: &[&str] = &[
    "alarm",
    "still-in-danger",
    "unproven",
    "or-same-device",
    "go-now",
    "keys",
    "home",
    "own-household",
    "stand-down",
    "cancelled",
    "said-mistake",
    "calling",
    "neighbours",
    "help-called",
    "duty-worker",
    "is-coming",
    "for-help-press",
    "hotline-grace",
    "noted",
    "drill",
    "kind-fire",
    "kind-intruder",
    "kind-illness",
    "kind-flood",
    "kind-other",
    "go-fire",
    "go-illness",
    "never-alone",
    "go-together",
    "wait-for-another",
    "kind-update",
    "are-you-there",
    "arrival-keys",
    "duress",
    "please-close",
    "drill-over",
    "also-at",
    "in-all",
    "homes-in-need",
    "neighbours-and-duty",
    "they-know",
    "withdrawn",
    "wrong-pin",
    "enter-worker",
    "enter-pin",
    "not-right",
    "too-many-tries",
    "enter-clip",
    "no-such-clip",
    "speak-now",
    "you-said",
    "keep-keys",
    "kept",
    "too-quiet",
    "too-loud",
    "too-short",
    "too-long",
    "not-usable",
    "not-kept",
    "key-pin",
    "arrival-noted",
    "no-open-alarm",
    "welcome",
    "nobody-needs-you",
    "still-calling",
    "which-outcome",
    "talk-full",
    "closed-genuine",
    "closed-false",
    "closed-test",
    "closed",
    "take-over",
    "open-now",
    "open-cases",
    "nothing-open",
    "take-over-keys",
    "drill-ahead",
    "drill-what-to-do",
    "today",
    "tomorrow",
    "days-ahead",
    "o-clock",
    "minutes",
];
const UNITS: &[&str] = &[
    "building",
    "block",
    "dong",
    "zhuang",
    "unit",
    "stairs",
    "gate",
    "floor",
    "storey",
    "door",
    "room",
    "house",
    "household",
    "lane",
    "alley",
    "court",
    "row",
    "zone",
    "phase",
    "basement",
    "part",
];
const SIGNS: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
const OTHER_SIGNS: &[&str] = &["star", "hash", "dash"];

/// The languages by the digits that are keyed with a `*` before a code, from 1. New ones go to the end: the digits stand
/// on paper.
const LANGUAGES: [Language; 14] = [
    Language::Chinese,
    Language::English,
    Language::Dialect(Dialect::Minnan),
    Language::Dialect(Dialect::Cantonese),
    Language::Dialect(Dialect::Hakka),
    Language::Dialect(Dialect::Wu),
    Language::Dialect(Dialect::Mindong),
    Language::Dialect(Dialect::Puxian),
    Language::Dialect(Dialect::Minbei),
    Language::Dialect(Dialect::Minzhong),
    Language::Dialect(Dialect::Gan),
    Language::Dialect(Dialect::Xiang),
    Language::Dialect(Dialect::Jin),
    Language::Dialect(Dialect::Hui),
];

/// What was keyed names: the language where one was, such as 闽南语 in `3*101`, and what the code names. `None` for a
/// code or language that is none.
#[must_use]
pub fn keyed(text: &str) -> Option<(Option<Language>, Named)> {
    let Some((number, code)) = text.split_once('*') else { return Some((None, named(text)?)) };
    let index = number.parse::<usize>().ok()?.checked_sub(1)?;
    Some((Some(*LANGUAGES.get(index)?), named(code)?))
}

/// What a code names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A fixed clip.
    Clip(Clip),
    /// The name of a household.
    Name(HouseholdId),
    /// The place of a household.
    Place(HouseholdId),
}

/// The code of a fixed clip; the tone has none.
#[must_use]
pub fn of_clip(clip: &Clip) -> Option<String> {
    let stem = clip.file_stem();
    let number = |start: &str| stem.strip_prefix(start)?.parse::<usize>().ok();
    let at = |list: &[&str], stem: &str| list.iter().position(|known| *known == stem);
    let code = if let Some(sign) = stem.strip_prefix("sign-") {
        SIGNS.find(sign).or_else(|| Some(at(OTHER_SIGNS, sign)? + SIGNS.len())).map(|at| at + 300)
    } else if let Some(unit) = stem.strip_prefix("unit-") {
        at(UNITS, unit).map(|at| at + 201)
    } else if let Some(count) = number("count-") {
        Some(400 + count)
    } else if let Some(number) = number("number-") {
        Some(500 + number)
    } else {
        at(PHRASES, &stem).map(|at| at + 101)
    };
    code.map(|code| code.to_string())
}

/// What is keyed to record in this language what a code names, whatever language the community has.
#[must_use]
pub fn keys(language: Language, code: &str) -> String {
    let number = LANGUAGES.iter().position(|known| *known == language).map(|index| index + 1);
    number.map_or_else(|| code.to_owned(), |number| format!("{number}*{code}"))
}

/// What a code names; `None` for a code of nothing.
#[must_use]
pub fn named(code: &str) -> Option<Named> {
    if let Some(id) = code.strip_prefix('9').filter(|id| !id.starts_with('0')) {
        return id.parse().ok().map(HouseholdId).map(Named::Name);
    }
    if let Some(id) = code.strip_prefix('8').filter(|id| !id.starts_with('0')) {
        return id.parse().ok().map(HouseholdId).map(Named::Place);
    }
    let clips = Clip::all_fixed().into_iter();
    clips
        .map(|clip| (of_clip(&clip), clip))
        .find_map(|(known, clip)| (known.as_deref() == Some(code)).then_some(Named::Clip(clip)))
}

/// The clips of a household that can be recorded, each with its code: its name, and its place.
#[must_use]
pub fn of_household(community: &Community, household: &Household) -> Vec<(String, Clip)> {
    let place = Some(&household.address.place).filter(|place| !place.is_empty());
    let place = place.unwrap_or(&community.name);
    vec![
        (format!("9{}", household.id), Clip::Name(household.name.clone())),
        (format!("8{}", household.id), Clip::Text(place.clone())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_language_stands_before_the_code() {
        let clip = || named("101").expect("a code");
        let minnan = Language::Dialect(Dialect::Minnan);
        for (text, expected) in [
            ("101", Some((None, clip()))),
            ("1*101", Some((Some(Language::Chinese), clip()))),
            ("3*101", Some((Some(minnan), clip()))),
            ("3*912", Some((Some(minnan), Named::Name(HouseholdId(12))))),
            ("0*101", None),
            ("15*101", None),
            ("*101", None),
            ("3*", None),
            ("3*3*101", None),
            ("3*999999999999", None),
        ] {
            assert_eq!(keyed(text), expected, "{text}");
        }
        for language in Language::spoken() {
            assert_eq!(keyed(&keys(language, "101")), Some((Some(language), clip())));
        }
    }

    #[test]
    fn every_clip_has_a_code_of_its_own() {
        let clips = Clip::all_fixed();
        let mut codes = BTreeSet::new();
        for clip in clips.iter().filter(|clip| **clip != Clip::Tone) {
            let code = of_clip(clip);
            let code = code.unwrap_or_else(|| {
                panic!("put `{}` at the end of its list in src/prompts/codes.rs", clip.file_stem())
            });
            assert_eq!(named(&code), Some(Named::Clip(clip.clone())), "{code}");
            assert!(codes.insert(code), "{clip:?}");
        }
        assert_eq!(of_clip(&Clip::Tone), None);
    }

    #[test]
    fn codes_stay_what_they_are() {
        for (code, stem) in [
            ("101", "alarm"),
            ("119", "noted"),
            ("201", "unit-building"),
            ("221", "unit-part"),
            ("300", "sign-0"),
            ("310", "sign-a"),
            ("336", "sign-star"),
            ("409", "count-9"),
            ("590", "number-90"),
        ] {
            assert_eq!(named(code), Clip::of_stem(stem).map(Named::Clip), "{code}");
        }
        assert_eq!(named("917"), Some(Named::Name(HouseholdId(17))));
        assert_eq!(named("817"), Some(Named::Place(HouseholdId(17))));
        for code in ["", "1", "99999999999999999", "90", "9", "8", "100", "700", "*1"] {
            assert_eq!(named(code), None, "{code}");
        }
    }
}
