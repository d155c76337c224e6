//! Chinese: everything that is said or written to people in Mandarin.

use super::clip::{Clip, Unit, is_han};
use super::sms::{Draft, Place, Shape};
use crate::kind::AlarmKind;
use crate::leg::Message;

/// Words of a fixed clip, and how they are read: pinyin with tone numbers, for the voice `cmn-latn-pinyin`.
/// Names, places and the tone have no fixed words.
pub(super) fn said(clip: &Clip) -> (String, String) {
    let (text, pinyin) = match clip {
        Clip::Phrase(phrase) => phrase.chinese(),
        Clip::Unit(unit) => unit_said(*unit),
        Clip::Sign(sign) => match sign_said(sign.as_char()) {
            Some(said) => said,
            None => return (sign.as_char().to_string(), sign.as_char().to_string()),
        },
        Clip::Count(2) => ("两", "liang3"),
        Clip::Count(number) | Clip::Number(number) => return number_said(*number),
        Clip::Tone | Clip::Name(_) | Clip::Text(_) => ("", ""),
    };
    (text.to_owned(), pinyin.to_owned())
}

fn unit_said(unit: Unit) -> (&'static str, &'static str) {
    match unit {
        Unit::Building => ("号楼", "hao4 lou2"),
        Unit::Block => ("座", "zuo4"),
        Unit::Dong => ("栋", "dong4"),
        Unit::Zhuang => ("幢", "zhuang4"),
        Unit::Staircase => ("单元", "dan1 yuan2"),
        Unit::Stairs => ("梯", "ti1"),
        Unit::Gate => ("门", "men2"),
        Unit::Floor => ("层", "ceng2"),
        Unit::Storey => ("楼", "lou2"),
        Unit::Door => ("室", "shi4"),
        Unit::Room => ("房", "fang2"),
        Unit::House => ("号", "hao4"),
        Unit::Household => ("户", "hu4"),
        Unit::Lane => ("弄", "long4"),
        Unit::Alley => ("巷", "xiang4"),
        Unit::Court => ("号院", "hao4 yuan4"),
        Unit::Row => ("排", "pai2"),
        Unit::Zone => ("区", "qu1"),
        Unit::Phase => ("期", "qi1"),
        Unit::Basement => ("负", "fu4"),
        Unit::Part => ("之", "zhi1"),
    }
}

/// Digits one by one, 1 as 幺: it cannot be taken for 7. `None` for letters, which are read as they are.
fn sign_said(sign: char) -> Option<(&'static str, &'static str)> {
    Some(match sign {
        '0' => ("零", "ling2"),
        '1' => ("幺", "yao1"),
        '2' => ("二", "er4"),
        '3' => ("三", "san1"),
        '4' => ("四", "si4"),
        '5' => ("五", "wu3"),
        '6' => ("六", "liu4"),
        '7' => ("七", "qi1"),
        '8' => ("八", "ba1"),
        '9' => ("九", "jiu3"),
        '*' => ("星号", "xing1 hao4"),
        '#' => ("井号", "jing3 hao4"),
        '-' => ("杠", "gang4"),
        _ => return None,
    })
}

/// A number below a hundred: 一, not 幺; 十, not 一十.
fn number_said(count: u8) -> (String, String) {
    const ONES: [(&str, &str); 10] = [
        ("", ""),
        ("一", "yi1"),
        ("二", "er4"),
        ("三", "san1"),
        ("四", "si4"),
        ("五", "wu3"),
        ("六", "liu4"),
        ("七", "qi1"),
        ("八", "ba1"),
        ("九", "jiu3"),
    ];
    let one = |digit: u8| ONES.get(usize::from(digit)).copied().unwrap_or_default();
    let (tens, ones) = (one(count / 10), one(count % 10));
    let ten = if count < 10 { ("", "") } else { ("十", "shi2") };
    let tens = if count < 20 { ("", "") } else { tens };
    let pinyin = [tens.1, ten.1, ones.1].into_iter().filter(|part| !part.is_empty());
    (format!("{}{}{}", tens.0, ten.0, ones.0), pinyin.collect::<Vec<_>>().join(" "))
}

/// The text with every digit said alone: `502` is 五零二, never 五百零二. The tone number of a pinyin syllable stays.
pub(super) fn spell_digits(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: Option<usize>| index.and_then(|index| characters.get(index)).copied();
    let mut spelled = String::with_capacity(text.len());
    for (index, character) in characters.iter().copied().enumerate() {
        let before = at(index.checked_sub(1));
        let after = at(index.checked_add(1));
        let is_tone = matches!(character, '1'..='5')
            && before.is_some_and(|c| c.is_ascii_lowercase() || c == 'ü')
            && !after.is_some_and(|c| c.is_ascii_digit());
        let pinyin = character.is_ascii_digit().then(|| sign_said(character)).flatten();
        match pinyin {
            Some((_, pinyin)) if !is_tone => {
                if !spelled.is_empty() && !spelled.ends_with(' ') {
                    spelled.push(' ');
                }
                spelled.push_str(pinyin);
                spelled.push(' ');
            }
            Some(_) | None => spelled.push(character),
        }
    }
    spelled.truncate(spelled.trim_end().len());
    spelled
}

/// Time of a script: its syllables and pauses.
pub(super) fn estimate_ms(script: &str) -> u32 {
    const SYLLABLE_MS: u32 = 225;
    const PAUSE_MS: u32 = 100;
    // The last syllable of a clip is drawn out.
    const CLIP_MS: u32 = 100;
    let mut milliseconds = CLIP_MS;
    let mut is_in_syllable = false;
    for character in script.chars() {
        if is_han(character) || (character.is_ascii_alphabetic() && !is_in_syllable) {
            milliseconds = milliseconds.saturating_add(SYLLABLE_MS);
        } else if matches!(character, ',' | '，' | '。') {
            milliseconds = milliseconds.saturating_add(PAUSE_MS);
        }
        is_in_syllable = character.is_ascii_lowercase();
    }
    milliseconds
}

/// Where it is, in the order of an envelope: place, building, unit, floor, door.
pub(super) fn place_written(place: &Place<'_>) -> String {
    let mut written = place.estate.to_owned();
    for (part, word) in
        [(place.building, "号楼"), (place.unit, "单元"), (place.floor, "层"), (place.door, "")]
    {
        if part.is_empty() {
            continue;
        }
        let ends_bare = written.ends_with(|c: char| c.is_ascii_alphanumeric());
        let begins_bare = part.starts_with(|c: char| c.is_ascii_alphanumeric());
        if ends_bare && begins_bare {
            written.push('-');
        }
        written.push_str(part);
        // `A座` brings its own word.
        if part.ends_with(|c: char| c.is_ascii_alphanumeric()) {
            written.push_str(word);
        }
    }
    written
}

/// The text of an SMS, as long as its shape makes it.
pub(super) fn sms(draft: &Draft<'_>) -> String {
    let Draft { message, who_where, coming, shape, .. } = *draft;
    let kind = kind_written(draft.kind);
    let also = also_written(draft);
    let tail = tail_written(draft);
    let body = match message {
        Message::Alarm => format!("{kind}求助：{who_where}{also}{tail}"),
        Message::WeakAlarm => {
            let doubt = match shape {
                Shape::Full | Shape::Short => "的电话或同设备另一部",
                Shape::Least | Shape::Brief | Shape::Bare => "或同设备电话",
            };
            format!("{kind}求助(未核实)：{who_where}{doubt}{also}{tail}")
        }
        Message::StillInDanger => format!("仍有危险{kind}：{who_where}{also}{tail}"),
        Message::OwnHousehold => match shape {
            Shape::Full => format!("{who_where}报警，正在呼叫邻居。请您注意安全，危险请拨110。"),
            Shape::Short | Shape::Least | Shape::Brief | Shape::Bare => {
                format!("{who_where}报警，已呼叫邻居，危险请拨110")
            }
        },
        Message::StandDown => format!("{who_where}已有足够的人前往，您不用去了，谢谢您。"),
        Message::Cancelled => format!("{who_where}的求助已取消，谢谢您。"),
        Message::SaidMistake => {
            format!("{who_where}：有人说是误报，求助仍在继续，请您核实。")
        }
        Message::KindNamed => format!("最新：{kind}，{who_where}{tail}"),
        Message::GoTogether if coming.is_empty() => {
            format!("{who_where}：人已到齐，请会合后一起进去。")
        }
        Message::GoTogether => {
            format!("{who_where}：{coming}也在前往，请会合后一起进去。")
        }
        Message::AreYouThere => {
            format!("{who_where}：您到了吗？回3已到 回1在路上 回2去不了")
        }
        Message::Duress => {
            format!("{who_where}可能受胁迫，求助仍在继续，勿打其电话，危险请拨110")
        }
        Message::CloseReminder => format!("{who_where}的警情尚未结案，请您核实后结案。"),
        Message::DrillOver => format!("{who_where}的演练结束了，谢谢您。"),
        Message::HandOver => "交接班".to_owned(),
        Message::PleaseReply => format!("{who_where}求助：请回复1前往，2去不了"),
        Message::DrillNotice => format!("{who_where}将举行联防演练，届时请接听并按键"),
    };
    let drill = if draft.is_drill { "(演练)" } else { "" };
    format!("【平安联防】{drill}{body}")
}

fn kind_written(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::Unknown => "",
        AlarmKind::Fire => "火情",
        AlarmKind::Intruder => "有人闯入",
        AlarmKind::Illness => "急病",
        AlarmKind::Flood => "水患",
        AlarmKind::Other => "险情",
    }
}

fn also_written(draft: &Draft<'_>) -> String {
    match (draft.homes, draft.along) {
        (0 | 1, _) => String::new(),
        (homes, "") => format!("等{homes}户"),
        (2 | 3, doors) => format!("，同楼{doors}"),
        (homes, doors) => format!("，同楼{doors}等共{homes}户"),
    }
}

/// What to do, whom to call, what to reply.
fn tail_written(draft: &Draft<'_>) -> String {
    let number = match draft.kind {
        AlarmKind::Fire => "火大先拨119",
        AlarmKind::Illness => "急救请拨120",
        AlarmKind::Unknown | AlarmKind::Intruder | AlarmKind::Flood | AlarmKind::Other => {
            "危险请拨110"
        }
    };
    let (go, go_short) = if draft.is_together {
        ("。切勿单独进入", "。勿单独进入")
    } else {
        ("。请立即查看", "。请查看")
    };
    match draft.shape {
        Shape::Full => format!("{go}，{number}。回1前往 回2去不了"),
        Shape::Short => format!("{go_short}，{number}。回1前往"),
        Shape::Least | Shape::Brief if draft.is_together => format!("，勿单独进入，{number}"),
        Shape::Least | Shape::Brief => format!("，{number}"),
        Shape::Bare if draft.is_together => "，勿单独进入".to_owned(),
        Shape::Bare => String::new(),
    }
}
