//! How the parts of an address are said: `3-2-502` as building 3, unit 2, door 5 0 2.
//!
//! Doors, buildings and units are said digit by digit, 1 as 幺, since 一 is heard as 七; floors, and what was written in
//! Chinese numerals, are said as numbers. What cannot be taken apart is said as it is written. Pure.

use super::clip::{Clip, Sign, Unit};
use super::sms::{floor_of, shorten};
use crate::directory::{Address, Language, Written};
use unicode_normalization::UnicodeNormalization;

/// Places in one part of an address; a part with more is no address and is said as it is written.
const SPOTS_MAX: usize = 4;

/// The words of an address as people write them, and what is said. The longer of two that begin alike comes first.
const UNITS: &[(&str, Unit)] = &[
    ("号楼", Unit::Building),
    ("号院", Unit::Court),
    ("单元", Unit::Staircase),
    ("栋", Unit::Dong),
    ("幢", Unit::Zhuang),
    ("座", Unit::Block),
    ("梯", Unit::Stairs),
    ("门", Unit::Gate),
    ("层", Unit::Floor),
    ("楼", Unit::Storey),
    ("室", Unit::Door),
    ("房", Unit::Room),
    ("号", Unit::House),
    ("户", Unit::Household),
    ("弄", Unit::Lane),
    ("巷", Unit::Alley),
    ("院", Unit::Court),
    ("排", Unit::Row),
    ("区", Unit::Zone),
    ("期", Unit::Phase),
];

/// English words, and the Chinese ones that they stand for.
const ENGLISH: &[(&str, &str)] = &[
    ("BUILDING", "号楼"),
    ("BLDG", "号楼"),
    ("TOWER", "座"),
    ("BLOCK", "座"),
    ("BLK", "座"),
    ("UNIT", "单元"),
    ("STAIRCASE", "梯"),
    ("ENTRANCE", "门"),
    ("FLOOR", "层"),
    ("LEVEL", "层"),
    ("FL", "层"),
    ("ROOM", "室"),
    ("RM", "室"),
    ("FLAT", "室"),
    ("APT", "室"),
    ("DOOR", "室"),
    ("NO", "号"),
    ("HOUSE", "号"),
];

/// A field of an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Building,
    Staircase,
    Floor,
    Door,
}

/// A number with its word.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spot {
    /// Signs, `-` and `之`; Chinese numerals are left as they were written.
    value: String,
    unit: Option<Unit>,
    is_below_ground: bool,
}

/// How much of an address is said.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// The floor is said, unless the door tells it.
    pub(super) has_floor: bool,
    /// Most signs of a number, and most UTF-16 units of a part that cannot be taken apart.
    pub(super) signs_max: usize,
    /// Most places in a part: of a door the last ones are said, of everything else the first.
    pub(super) spots_max: usize,
}

/// Building, unit, floor and door as clips.
pub(super) fn clips(address: &Address, limits: Limits, language: Language) -> Vec<Clip> {
    let signs_max = limits.signs_max;
    let floor = if limits.has_floor { floor_of(address) } else { "" };
    let mut said = Vec::new();
    for (part, field) in [
        (&*address.building, Field::Building),
        (&*address.unit, Field::Staircase),
        (floor, Field::Floor),
        (&*address.door, Field::Door),
    ] {
        let part = shorten(part, usize::MAX);
        let Some(spots) = read(&part, field) else {
            said.push(Clip::Text(shorten(&part, signs_max).into()));
            continue;
        };
        let skipped = match field {
            Field::Door => spots.len().saturating_sub(limits.spots_max),
            Field::Building | Field::Staircase | Field::Floor => 0,
        };
        let kept = spots.into_iter().skip(skipped).take(limits.spots_max).collect();
        for spot in split(kept, address, field) {
            said.extend(spot_clips(&spot, field, signs_max, language.written()));
        }
    }
    said
}

/// Takes a part apart. `None` when something in it is neither a number nor a word of an address.
fn read(part: &str, field: Field) -> Option<Vec<Spot>> {
    let text = chinese_words(&part.nfkc().collect::<String>().to_uppercase(), field);
    let mut rest = text.as_str();
    let mut spots: Vec<Spot> = Vec::new();
    loop {
        let begun = !spots.is_empty();
        rest = rest.trim_start_matches(|c: char| {
            matches!(c, ' ' | ',' | '、' | '.' | '第') || (begun && c == '-')
        });
        if rest.is_empty() || SPOTS_MAX <= spots.len() {
            return rest.is_empty().then_some(spots);
        }
        if let Some(after) = rest.strip_prefix('之').filter(|_| begun) {
            let (value, after) = take_value(after)?;
            spots.push(Spot { value, unit: Some(Unit::Part), is_below_ground: false });
            rest = after;
            continue;
        }
        let (is_below_ground, after) = take_basement(rest, field);
        let (value, after) = take_value(after)?;
        let (unit, after) = take_unit(after, field);
        match spots.last_mut() {
            // `A 502` is one number, written with a space.
            Some(last) if last.unit.is_none() && !is_below_ground => {
                last.value.push_str(&value);
                last.unit = unit;
            }
            Some(_) | None => spots.push(Spot { value, unit, is_below_ground }),
        }
        rest = after;
    }
}

/// The text with English words in the place and form of Chinese ones: `UNIT 2` is `2单元`, `12TH FLOOR` is `12层`.
fn chinese_words(text: &str, field: Field) -> String {
    let mut written = String::with_capacity(text.len());
    let mut announced: Option<&str> = None;
    let words = text.split([' ', ',', '.', '/']).filter(|word| !word.is_empty());
    for word in words {
        let is_floor = field == Field::Floor && matches!(word, "F" | "/F");
        let unit = ENGLISH.iter().find(|(english, _)| *english == word).map(|(_, unit)| *unit);
        let unit = unit.or(is_floor.then_some("层"));
        let ends_bare = written.ends_with(|c: char| c.is_ascii_alphanumeric());
        match unit {
            Some("层") if ends_bare => written.push('层'),
            Some(unit) => announced = Some(unit),
            None if word == "BASEMENT" => written.push('负'),
            None => {
                if ends_bare {
                    written.push(' ');
                }
                written.push_str(without_ordinal(word));
                written.push_str(announced.take().unwrap_or_default());
            }
        }
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match written.strip_suffix('F') {
        // `12F` is how a floor is written beside the lift.
        Some(number) if field == Field::Floor && is_number(number) => format!("{number}层"),
        Some(_) | None => written,
    }
}

/// `12TH` without its ending.
fn without_ordinal(word: &str) -> &str {
    ["ST", "ND", "RD", "TH"]
        .into_iter()
        .find_map(|ending| word.strip_suffix(ending))
        .filter(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        .unwrap_or(word)
}

/// Whether it is below the ground: `负一楼`, `地下1层`, `B1`, `-1`.
fn take_basement(text: &str, field: Field) -> (bool, &str) {
    let marked = text.strip_prefix("负").or_else(|| text.strip_prefix("地下"));
    let is_floor = field == Field::Floor || text.ends_with(['层', '楼']);
    let signed = text.strip_prefix(['B', '-']).filter(|rest| {
        let number = rest.trim_end_matches(['层', '楼']);
        is_floor && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    marked.or(signed).map_or((false, text), |rest| (true, rest))
}

fn is_numeral(character: char) -> bool {
    "零〇一二三四五六七八九十两".contains(character)
}

/// Signs with `-` and `之` between them, or Chinese numerals.
fn take_value(text: &str) -> Option<(String, &str)> {
    let mut end = 0;
    let mut letters = 0_u8;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let follows = |is: fn(char) -> bool| 0 < end && next.is_some_and(is);
        let is_taken = match character {
            '-' => follows(|c| c.is_ascii_alphanumeric()),
            '之' => follows(|c| c.is_ascii_digit() || is_numeral(c)),
            _ => character.is_ascii_alphanumeric() || is_numeral(character),
        };
        letters = if character.is_ascii_alphabetic() { letters.saturating_add(1) } else { 0 };
        // Four letters in a row are a name, not a number.
        if 3 < letters {
            return None;
        }
        if !is_taken {
            break;
        }
        end = at + character.len_utf8();
    }
    let (value, rest) = text.split_at_checked(end)?;
    (!value.is_empty()).then(|| (value.to_owned(), rest))
}

fn take_unit(text: &str, field: Field) -> (Option<Unit>, &str) {
    // `12#` is written for `12号`.
    if let Some(rest) = text.strip_prefix('#') {
        let rest = rest.strip_prefix("楼").unwrap_or(rest);
        let is_building = field == Field::Building || rest.len() + 1 < text.len();
        return (Some(if is_building { Unit::Building } else { Unit::House }), rest);
    }
    let found = UNITS.iter().find_map(|(word, unit)| Some((*unit, text.strip_prefix(word)?)));
    match found {
        // In the field of the building, 号 and 楼 alone are short for 号楼.
        Some((Unit::House | Unit::Storey, rest)) if field == Field::Building && rest.is_empty() => {
            (Some(Unit::Building), rest)
        }
        Some((unit, rest)) => (Some(unit), rest),
        None => (None, text),
    }
}

/// A door that tells where it is: `3-2-502`, or `2-502` where the building is known and the unit is not.
fn split(spots: Vec<Spot>, address: &Address, field: Field) -> Vec<Spot> {
    let [Spot { value, unit: None | Some(Unit::Door), is_below_ground: false }] = spots.as_slice()
    else {
        return spots;
    };
    let parts: Vec<&str> = value.split('-').collect();
    let (has_building, has_unit) = (!address.building.is_empty(), !address.unit.is_empty());
    let units: &[Unit] = match parts.len() {
        3 if field == Field::Door && !has_building && !has_unit => {
            &[Unit::Building, Unit::Staircase, Unit::Door]
        }
        2 if field == Field::Door && has_building && !has_unit => &[Unit::Staircase, Unit::Door],
        _ => return spots,
    };
    let spot = |(part, unit): (&&str, &Unit)| Spot {
        value: (*part).to_owned(),
        unit: Some(if *unit == Unit::Building { building_unit(part) } else { *unit }),
        is_below_ground: false,
    };
    parts.iter().zip(units).map(spot).collect()
}

/// `A` is block A; only numbers are 号楼.
fn building_unit(value: &str) -> Unit {
    let is_block = value.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_block { Unit::Block } else { Unit::Building }
}

fn spot_clips(spot: &Spot, field: Field, signs_max: usize, written: Written) -> Vec<Clip> {
    let unit = spot.unit.unwrap_or(match field {
        Field::Building => building_unit(&spot.value),
        Field::Staircase => Unit::Staircase,
        Field::Floor => Unit::Floor,
        Field::Door => Unit::Door,
    });
    if unit == Unit::Part {
        let mut said = part_clips(&spot.value);
        said.truncate(signs_max);
        return said;
    }
    let mut said = value_clips(&spot.value, unit);
    said.truncate(signs_max);
    if spot.is_below_ground {
        said.insert(0, Clip::Unit(Unit::Basement));
    }
    // `五零二之一` needs no 室, and a basement is a floor by itself.
    let is_told = spot.unit.is_none() && spot.value.contains('之');
    match written {
        Written::Chinese if is_told => {}
        Written::Chinese => said.push(Clip::Unit(unit)),
        Written::English if spot.is_below_ground => {}
        Written::English => said.insert(0, Clip::Unit(unit)),
    }
    said
}

fn value_clips(value: &str, unit: Unit) -> Vec<Clip> {
    if let Some(number) = numeral(value) {
        return Clip::number(number);
    }
    if matches!(unit, Unit::Floor | Unit::Storey)
        && let Some(clips) = floor_clips(value)
    {
        return clips;
    }
    let (door, part) = value.split_once('之').unwrap_or((value, ""));
    let mut said = sign_clips(door);
    if !part.is_empty() {
        said.extend(part_clips(part));
    }
    said
}

/// What follows 之: a number, as in 之一.
fn part_clips(part: &str) -> Vec<Clip> {
    let mut said = vec![Clip::Unit(Unit::Part)];
    let number = part.parse().ok().or_else(|| numeral(part)).map(Clip::number);
    said.extend(number.filter(|clips| !clips.is_empty()).unwrap_or_else(|| sign_clips(part)));
    said
}

/// Signs, one by one; Chinese numerals are digits here.
fn sign_clips(value: &str) -> Vec<Clip> {
    let sign = |character| {
        let digit = digit_of(character).and_then(|digit| char::from_digit(digit.into(), 10));
        Sign::of_char(digit.unwrap_or(character)).map(Clip::Sign)
    };
    value.chars().filter_map(sign).collect()
}

/// A floor: a number up to 99, and a letter at most behind it (`12A`, where 13 is left out).
fn floor_clips(value: &str) -> Option<Vec<Clip>> {
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let letter = value.strip_prefix(number).filter(|letter| letter.len() <= 1)?;
    let number = number.parse().ok().filter(|_| !number.starts_with('0'))?;
    let mut said = Clip::number(number);
    if said.is_empty() {
        return None;
    }
    said.extend(sign_clips(letter));
    Some(said)
}

fn digit_of(numeral: char) -> Option<u8> {
    let digits = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
    let numeral = match numeral {
        '〇' => '零',
        '两' => '二',
        other => other,
    };
    let index = digits.iter().position(|digit| *digit == numeral)?;
    u8::try_from(index).ok()
}

/// A number from 1 to 99 in Chinese numerals: `三`, `十二`, `二十三`. Digits in a row, such as `五零二`, are none.
fn numeral(text: &str) -> Option<u8> {
    let number = match text.split_once('十') {
        None => {
            let mut characters = text.chars();
            let first = characters.next().filter(|_| characters.next().is_none());
            digit_of(first?)?
        }
        Some((tens, ones)) => {
            let digit = |text: &str| {
                let mut characters = text.chars();
                let digit = digit_of(characters.next()?)?;
                characters.next().is_none().then_some(digit)
            };
            let tens = if tens.is_empty() { 1 } else { digit(tens)? };
            let ones = if ones.is_empty() { 0 } else { digit(ones)? };
            tens * 10 + ones
        }
    };
    (number != 0).then_some(number)
}

#[cfg(test)]
mod tests;
