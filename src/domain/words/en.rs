//! English: everything that is said or written to people in English.

use super::clip::{Clip, Unit};
use super::sms::{Draft, Place, Shape};
use crate::kind::AlarmKind;
use crate::leg::Message;

/// Words of a fixed clip. Names, places and the tone have none.
pub(super) fn said(clip: &Clip) -> String {
    match clip {
        Clip::Phrase(phrase) => phrase.english().to_owned(),
        Clip::Unit(unit) => unit_said(*unit).to_owned(),
        Clip::Sign(sign) => {
            let sign = sign.as_char();
            sign_said(sign).map_or_else(|| sign.to_string(), str::to_owned)
        }
        Clip::Count(number) | Clip::Number(number) => number_said(*number).to_owned(),
        Clip::Tone | Clip::Name(_) | Clip::Text(_) => String::new(),
    }
}

const NUMBERS: [&str; 21] = [
    "",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

const TENS: [&str; 10] =
    ["", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// A number up to twenty, or of whole tens.
fn number_said(number: u8) -> &'static str {
    let said = NUMBERS.get(usize::from(number)).or_else(|| TENS.get(usize::from(number / 10)));
    said.copied().unwrap_or_default()
}

fn unit_said(unit: Unit) -> &'static str {
    match unit {
        Unit::Building => "building",
        Unit::Block => "block",
        Unit::Dong => "building",
        Unit::Zhuang => "building",
        Unit::Staircase => "unit",
        Unit::Stairs => "staircase",
        Unit::Gate => "entrance",
        Unit::Floor => "floor",
        Unit::Storey => "floor",
        Unit::Door => "door",
        Unit::Room => "room",
        Unit::House => "number",
        Unit::Household => "household",
        Unit::Lane => "lane",
        Unit::Alley => "alley",
        Unit::Court => "court",
        Unit::Row => "row",
        Unit::Zone => "zone",
        Unit::Phase => "phase",
        Unit::Basement => "basement",
        Unit::Part => "part",
    }
}

/// The name of a digit or key; `None` for letters.
fn sign_said(sign: char) -> Option<&'static str> {
    Some(match sign {
        '0' => "zero",
        '1' => "one",
        '2' => "two",
        '3' => "three",
        '4' => "four",
        '5' => "five",
        '6' => "six",
        '7' => "seven",
        '8' => "eight",
        '9' => "nine",
        '*' => "star",
        '#' => "hash",
        '-' => "dash",
        _ => return None,
    })
}

/// The text with every digit said alone.
pub(super) fn spell_digits(text: &str) -> String {
    let mut spelled = String::with_capacity(text.len());
    for character in text.chars() {
        // A hyphen joins names.
        if let Some(word) = sign_said(character).filter(|_| character != '-') {
            if !spelled.is_empty() && !spelled.ends_with(' ') {
                spelled.push(' ');
            }
            spelled.push_str(word);
            spelled.push(' ');
        } else {
            spelled.push(character);
        }
    }
    spelled.truncate(spelled.trim_end().len());
    spelled
}

/// Time of a script: its letters and full stops.
pub(super) fn estimate_ms(script: &str) -> u32 {
    const LETTER_MS: u32 = 62;
    const CLIP_MS: u32 = 80;
    const STOP_MS: u32 = 250;
    script.chars().fold(CLIP_MS, |milliseconds, character| {
        milliseconds.saturating_add(match character {
            '.' | ',' => STOP_MS,
            ' ' => 0,
            _ => LETTER_MS,
        })
    })
}

/// Where it is: building, unit, floor, door, then the estate.
pub(super) fn place_written(place: &Place<'_>) -> String {
    let mut parts = Vec::new();
    for (part, word) in
        [(place.building, "bldg"), (place.unit, "unit"), (place.floor, "floor"), (place.door, "")]
    {
        if part.is_empty() {
            continue;
        }
        let is_bare = part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let word = if is_bare { word } else { "" };
        parts.push(format!("{word} {part}").trim().to_owned());
    }
    if !place.estate.is_empty() {
        parts.push(place.estate.to_owned());
    }
    parts.join(" ")
}

/// The text of an SMS, as long as its shape makes it.
pub(super) fn sms(draft: &Draft<'_>) -> String {
    let Draft { message, who_where, coming, shape, .. } = *draft;
    let kind = kind_written(draft.kind);
    let also = also_written(draft);
    let tail = tail_written(draft);
    let body = match message {
        Message::Alarm => format!("SOS {kind}{who_where}{also}{tail}"),
        Message::WeakAlarm => {
            let doubt = match shape {
                Shape::Full | Shape::Short => " or same device (unproven)",
                Shape::Least | Shape::Brief | Shape::Bare => " (unproven)",
            };
            let kind = if shape == Shape::Least { "" } else { kind };
            format!("SOS {kind}{who_where}{doubt}{also}{tail}")
        }
        Message::StillInDanger => format!("STILL SOS {kind}{who_where}{also}{tail}"),
        Message::OwnHousehold => match shape {
            Shape::Full => format!("{who_where}: alarm. Calling neighbours. Danger: call 110"),
            Shape::Short | Shape::Least | Shape::Brief | Shape::Bare => {
                format!("{who_where}: alarm raised. Danger: call 110")
            }
        },
        Message::StandDown => format!("{who_where}: enough coming, please stay. Thank you"),
        Message::Cancelled => format!("{who_where}: alarm cancelled. Thank you"),
        Message::SaidMistake => format!("{who_where}: said to be a mistake. Please check"),
        Message::KindNamed => format!("NEWS {kind}{who_where}{tail}"),
        Message::GoTogether if coming.is_empty() => format!("{who_where}: meet and go in together"),
        Message::GoTogether => format!("{who_where}: go in together with {coming}"),
        Message::AreYouThere => format!("{who_where}: there? Reply 3 yes, 1 on the way, 2 no"),
        Message::Duress => format!("{who_where}: goes on, under threat. Do not phone. 110"),
        Message::CloseReminder => format!("{who_where}: please check and close the case"),
        Message::DrillOver => format!("{who_where}: drill over. Thank you"),
        Message::HandOver => "Change of shift".to_owned(),
        Message::PleaseReply => format!("{who_where}: please reply 1 coming, 2 no"),
        Message::DrillNotice => format!("{who_where}: a drill will be held"),
    };
    if draft.is_drill { format!("DRILL {body}") } else { body }
}

fn kind_written(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::Unknown => "",
        AlarmKind::Fire => "FIRE ",
        AlarmKind::Intruder => "THIEF ",
        AlarmKind::Illness => "ILL ",
        AlarmKind::Flood => "FLOOD ",
        AlarmKind::Other => "HELP ",
    }
}

fn also_written(draft: &Draft<'_>) -> String {
    match (draft.homes, draft.along) {
        (0 | 1, _) => String::new(),
        (homes, "") => format!(" +{}", homes - 1),
        (2 | 3, doors) => format!(" and {doors}"),
        (homes, doors) => format!(" and {doors} ({homes} homes)"),
    }
}

/// Whom to call, what to reply.
fn tail_written(draft: &Draft<'_>) -> String {
    let number = match draft.kind {
        AlarmKind::Fire => "Call 119",
        AlarmKind::Illness => "Ambulance: 120",
        AlarmKind::Unknown | AlarmKind::Intruder | AlarmKind::Flood | AlarmKind::Other => {
            "Danger: call 110"
        }
    };
    let alone = if draft.is_together { ". Not alone" } else { "" };
    match draft.shape {
        Shape::Full => format!("{alone}. {number}. Reply 1 coming, 2 no"),
        Shape::Short => format!("{alone}. {number}. Reply 1 coming"),
        // Nobody has to call anybody in a drill, and the doors need the room.
        Shape::Least | Shape::Brief if draft.is_drill => String::new(),
        Shape::Least | Shape::Brief if draft.is_together => ". Not alone 110".to_owned(),
        Shape::Least | Shape::Brief => format!(". {number}"),
        Shape::Bare => alone.to_owned(),
    }
}
