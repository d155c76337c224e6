//! English: everything that is said or written to people in English.

use super::clip::{Clip, Phrase, Unit};
use super::sms::{Place, Shape};
use crate::leg::Message;

/// Words of a fixed clip. Names, places and the tone have none.
pub(super) fn said(clip: &Clip) -> String {
    match clip {
        Clip::Phrase(phrase) => phrase_said(*phrase).to_owned(),
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

fn phrase_said(phrase: Phrase) -> &'static str {
    match phrase {
        Phrase::Alarm => "Neighbourhood alarm. Help is needed",
        Phrase::StillInDanger => "Still in danger. Help is needed",
        Phrase::Unproven => "Line not proven. Alarm from the telephone of",
        Phrase::OrSameDevice => "or the same device",
        Phrase::GoNow => "Please go and look now. In danger, call one one zero",
        Phrase::Keys => "Press one if you come, two if you cannot",
        Phrase::Home => "at the home of",
        Phrase::OwnHousehold => "Your telephone raised an alarm. Neighbours are being called",
        Phrase::StandDown => "Enough people are coming. You need not go. Thank you",
        Phrase::Cancelled => "The alarm was cancelled. Thank you",
        Phrase::SaidMistake => "Somebody says it is a mistake. The alarm goes on. Please check",
        Phrase::Calling => "We are calling",
        Phrase::Neighbours => "of your neighbours. Please stay safe",
        Phrase::HelpCalled => "Help is being called. Please stay safe",
        Phrase::DutyWorker => "The community worker on duty",
        Phrase::IsComing => "is coming",
        Phrase::ForHelpPress => "For help, press",
        Phrase::HotlineGrace => "An alarm will be raised. To cancel, press zero or hang up",
        Phrase::Noted => "Noted. Thank you",
    }
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
pub(super) fn sms(message: Message, who_where: &str, shape: Shape) -> String {
    let tail = match shape {
        Shape::Full => ". Danger: call 110. Reply 1 coming, 2 no",
        Shape::Short => ". Danger: call 110. Reply 1 coming",
        Shape::Least => ". Danger: call 110",
    };
    match message {
        Message::Alarm => format!("SOS {who_where}{tail}"),
        Message::WeakAlarm => {
            let doubt = match shape {
                Shape::Full | Shape::Short => " or same device (unproven)",
                Shape::Least => " (unproven)",
            };
            format!("SOS {who_where}{doubt}{tail}")
        }
        Message::StillInDanger => format!("STILL SOS {who_where}{tail}"),
        Message::OwnHousehold => match shape {
            Shape::Full => format!("{who_where}: alarm. Calling neighbours. Danger: call 110"),
            Shape::Short | Shape::Least => format!("{who_where}: alarm raised. Danger: call 110"),
        },
        Message::StandDown => format!("{who_where}: enough coming, please stay. Thank you"),
        Message::Cancelled => format!("{who_where}: alarm cancelled. Thank you"),
        Message::SaidMistake => format!("{who_where}: said to be a mistake. Please check"),
        Message::KindNamed => format!("UPDATE {who_where}{tail}"),
        Message::GoTogether => format!("{who_where}: go in together now"),
        Message::AreYouThere => {
            format!("{who_where}: are you there? Reply 3 there, 1 on my way, 2 no")
        }
        Message::Duress => format!("{who_where}: alarm goes on. Be careful, do not call there"),
        Message::CloseReminder => format!("{who_where}: please close the case"),
        Message::DrillOver => format!("{who_where}: drill over. Thank you"),
    }
}
