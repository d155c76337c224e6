//! What a worker hears and reads at a change of shift.

use super::sms::{SMS_UNITS_MAX, shorten};
use super::{Clip, Phrase, SPOKEN_MS_MAX, address};
use crate::directory::{Address, Language, Written};
use crate::handover::{Notice, Word};

/// Longest name of a post or a worker, in UTF-16 units.
const NAME_MAX: usize = 12;

/// Which post, how many alarms are open and where, which keys: within [`SPOKEN_MS_MAX`], or with fewer doors.
pub(super) fn clips(notice: &Notice, language: Language) -> Vec<Clip> {
    let fits = |clips: &Vec<Clip>| {
        clips.iter().map(|clip| clip.estimate_ms(language)).sum::<u32>() <= SPOKEN_MS_MAX
    };
    let fewer = (0..=notice.doors.len()).rev().map(|doors| with_doors(notice, doors, language));
    fewer.into_iter().find(fits).unwrap_or_else(|| with_doors(notice, 0, language))
}

fn with_doors(notice: &Notice, doors: usize, language: Language) -> Vec<Clip> {
    let mut clips = vec![Clip::Tone, Clip::Phrase(Phrase::TakeOver)];
    clips.extend(text(&notice.post));
    match u8::try_from(notice.open).unwrap_or(u8::MAX) {
        0 => clips.push(Clip::Phrase(Phrase::NothingOpen)),
        open => clips.extend([
            Clip::Phrase(Phrase::OpenNow),
            Clip::Count(open.min(Clip::COUNT_MAX)),
            Clip::Phrase(Phrase::OpenCases),
        ]),
    }
    let limits = address::Limits { has_floor: false, signs_max: 8, spots_max: 2 };
    for door in notice.doors.iter().take(doors) {
        let place = Address { place: "".into(), floor: "".into(), ..door.clone() };
        clips.extend(address::clips(&place, limits, language));
    }
    clips.push(Clip::Phrase(Phrase::TakeOverKeys));
    clips
}

fn text(name: &str) -> Option<Clip> {
    let name = shorten(name, NAME_MAX);
    (!name.is_empty()).then(|| Clip::Text(name.into()))
}

/// One segment, as every text.
pub(super) fn sms(notice: &Notice, language: Language) -> String {
    let post = shorten(&notice.post, NAME_MAX);
    let who = shorten(&notice.about, NAME_MAX);
    let body = match language.written() {
        Written::Chinese => match notice.word {
            Word::TakeOver => format!("【平安联防】交接班：请您接{post}。"),
            Word::StayOn => {
                format!("【平安联防】交接班：{who}尚未接{post}，您继续值班，直到有人接班。")
            }
            Word::NotTaken => {
                format!(
                    "【平安联防】交接班：您尚未确认接{post}，{who}仍在值班。回拨来电号码按1接班。"
                )
            }
            Word::Cannot => format!("【平安联防】交接班：{who}不能接{post}，请安排他人接班。"),
            Word::Nobody => format!("【平安联防】交接班：{post}无人接班，{who}继续值班。"),
            Word::TakenOver => format!("【平安联防】交接班：{who}已接{post}，您辛苦了。"),
        },
        Written::English => match notice.word {
            Word::TakeOver => format!("Shift change: please take over {post}"),
            Word::StayOn => format!("{who} has not taken over {post}: you stay on duty"),
            Word::NotTaken => format!("{post} not taken over; {who} stays. Call us, press 1"),
            Word::Cannot => format!("{who} cannot take over {post}: find another"),
            Word::Nobody => format!("Nobody takes over {post}: {who} stays on duty"),
            Word::TakenOver => format!("{who} has taken over {post}. Thank you"),
        },
    };
    shorten(&body, SMS_UNITS_MAX)
}
