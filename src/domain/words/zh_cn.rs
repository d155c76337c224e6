//! Chinese: everything that is said or written to people in Mandarin.

use super::clip::{Clip, Phrase, Unit, is_han};
use super::sms::{Place, Shape};
use crate::leg::Message;

/// Words of a fixed clip, and how they are read: pinyin with tone numbers, for the voice `cmn-latn-pinyin`.
/// Names, places and the tone have no fixed words.
pub(super) fn said(clip: &Clip) -> (String, String) {
    let (text, pinyin) = match clip {
        Clip::Phrase(phrase) => phrase_said(*phrase),
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

fn phrase_said(phrase: Phrase) -> (&'static str, &'static str) {
    match phrase {
        Phrase::Alarm => ("平安联防紧急求助", "ping2 an1 lian2 fang2 jin3 ji2 qiu2 zhu4"),
        Phrase::StillInDanger => {
            ("仍有危险，再次求助", "reng2 you3 wei1 xian3, zai4 ci4 qiu2 zhu4")
        }
        Phrase::Unproven => {
            ("求助，线路未核实，来自", "qiu2 zhu4, xian4 lu4 wei4 he2 shi2, lai2 zi4")
        }
        Phrase::OrSameDevice => ("的电话或同一设备", "de5 dian4 hua4 huo4 tong2 yi1 she4 bei4"),
        Phrase::GoNow => (
            "请马上去看，危险打一一〇",
            "qing3 ma3 shang4 qu4 kan4, wei1 xian3 da3 yao1 yao1 ling2",
        ),
        Phrase::Keys => ("能去按一，不能按二", "neng2 qu4 an4 yi1, bu4 neng2 an4 er4"),
        Phrase::Home => ("家", "jia1"),
        Phrase::OwnHousehold => (
            "您家的电话报警了，正在呼叫邻居",
            "nin2 jia1 de5 dian4 hua4 bao4 jing3 le5, zheng4 zai4 hu1 jiao4 lin2 ju1",
        ),
        Phrase::StandDown => (
            "已有足够的人前往，您不用去了，谢谢您",
            "yi3 you3 zu2 gou4 de5 ren2 qian2 wang3, nin2 bu2 yong4 qu4 le5, xie4 xie5 nin2",
        ),
        Phrase::Cancelled => {
            ("的求助已取消，谢谢您", "de5 qiu2 zhu4 yi3 qu3 xiao1, xie4 xie5 nin2")
        }
        Phrase::SaidMistake => (
            "有人说是误报，求助仍在继续，请您核实",
            "you3 ren2 shuo1 shi4 wu4 bao4, qiu2 zhu4 reng2 zai4 ji4 xu4, qing3 nin2 he2 shi2",
        ),
        Phrase::Calling => ("正在呼叫", "zheng4 zai4 hu1 jiao4"),
        Phrase::Neighbours => {
            ("户邻居，请您注意安全", "hu4 lin2 ju1, qing3 nin2 zhu4 yi4 an1 quan2")
        }
        Phrase::HelpCalled => {
            ("已为您求助，请您注意安全", "yi3 wei4 nin2 qiu2 zhu4, qing3 nin2 zhu4 yi4 an1 quan2")
        }
        Phrase::DutyWorker => ("社区值班人员", "she4 qu1 zhi2 ban1 ren2 yuan2"),
        Phrase::IsComing => ("正在赶来", "zheng4 zai4 gan3 lai2"),
        Phrase::ForHelpPress => ("求助请按", "qiu2 zhu4 qing3 an4"),
        Phrase::HotlineGrace => (
            "即将报警，取消请按零或挂机",
            "ji2 jiang1 bao4 jing3, qu3 xiao1 qing3 an4 ling2 huo4 gua4 ji1",
        ),
        Phrase::Noted => ("已记录，谢谢您", "yi3 ji4 lu4, xie4 xie5 nin2"),
    }
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
pub(super) fn sms(message: Message, who_where: &str, shape: Shape) -> String {
    let tail = match shape {
        Shape::Full => "。请立即查看，危险请拨110。回1前往 回2去不了",
        Shape::Short => "。请查看，危险请拨110。回1前往",
        Shape::Least => "，危险请拨110",
    };
    let body = match message {
        Message::Alarm => format!("求助：{who_where}{tail}"),
        Message::WeakAlarm => {
            let doubt = match shape {
                Shape::Full | Shape::Short => "的电话或同设备另一部",
                Shape::Least => "或同设备电话",
            };
            format!("求助(未核实)：{who_where}{doubt}{tail}")
        }
        Message::StillInDanger => format!("仍有危险：{who_where}{tail}"),
        Message::OwnHousehold => match shape {
            Shape::Full => format!("{who_where}报警，正在呼叫邻居。请您注意安全，危险请拨110。"),
            Shape::Short | Shape::Least => format!("{who_where}报警，已呼叫邻居，危险请拨110"),
        },
        Message::StandDown => format!("{who_where}已有足够的人前往，您不用去了，谢谢您。"),
        Message::Cancelled => format!("{who_where}的求助已取消，谢谢您。"),
        Message::SaidMistake => {
            format!("{who_where}：有人说是误报，求助仍在继续，请您核实。")
        }
        Message::KindNamed => format!("最新情况：{who_where}{tail}"),
        Message::GoTogether => format!("{who_where}：人已够，请一起进去。"),
        Message::AreYouThere => format!("{who_where}：您到了吗？回3已到 回1在路上 回2去不了"),
        Message::Duress => format!("{who_where}：求助仍在继续，请小心，勿致电其家。"),
        Message::CloseReminder => format!("{who_where}：警情待结案，请结案。"),
        Message::DrillOver => format!("{who_where}：演练结束，谢谢您。"),
    };
    format!("【平安联防】{body}")
}
