//! Surnames that a voice reads wrongly, because the character is read otherwise where it is no surname.

use super::clip::is_han;

/// Surname and its reading. Two characters come before one, so that the longer surname is found first.
const READINGS: &[(&str, &str)] = &[
    ("尉迟", "yu4 chi2"),
    ("万俟", "mo4 qi2"),
    ("单于", "chan2 yu2"),
    ("长孙", "zhang3 sun1"),
    ("澹台", "tan2 tai2"),
    ("令狐", "ling2 hu2"),
    ("曾", "zeng1"),
    ("单", "shan4"),
    ("仇", "qiu2"),
    ("区", "ou1"),
    ("解", "xie4"),
    ("查", "zha1"),
    ("任", "ren2"),
    ("盖", "ge3"),
    ("尉", "wei4"),
    ("朴", "piao2"),
    ("乐", "yue4"),
    ("冼", "xian3"),
    ("洗", "xian3"),
    ("覃", "qin2"),
    ("缪", "miao4"),
    ("翟", "zhai2"),
    ("晁", "chao2"),
    ("繁", "po2"),
    ("员", "yun4"),
    ("种", "chong2"),
    ("召", "shao4"),
    ("秘", "bi4"),
    ("燕", "yan1"),
    ("华", "hua4"),
    ("黑", "he4"),
    ("哈", "ha3"),
    ("过", "guo1"),
    ("应", "ying1"),
    ("宿", "su4"),
    ("褚", "chu3"),
    ("谌", "chen2"),
    ("佴", "nai4"),
    ("逯", "lu4"),
    ("祭", "zhai4"),
    ("葛", "ge3"),
];

/// Words that begin with such a character and are no names.
const NO_NAMES: &[&str] = &["单元", "单位", "解放", "华侨", "应急", "区政", "任何", "过道", "盖章"];

/// The text with the surname at the start of each word put in pinyin with tone numbers.
pub(super) fn with_surnames(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 8);
    let mut rest = text;
    let mut is_at_start = true;
    while let Some(character) = rest.chars().next() {
        let reading = is_at_start.then(|| reading_of(rest)).flatten();
        let taken = if let Some((surname, pinyin)) = reading {
            if !written.is_empty() && !written.ends_with(' ') {
                written.push(' ');
            }
            written.push_str(pinyin);
            written.push(' ');
            surname.len()
        } else {
            written.push(character);
            character.len_utf8()
        };
        is_at_start = !is_han(character);
        rest = rest.get(taken..).unwrap_or_default();
    }
    written.truncate(written.trim_end().len());
    written
}

fn reading_of(text: &str) -> Option<(&'static str, &'static str)> {
    if NO_NAMES.iter().any(|word| text.starts_with(word)) {
        return None;
    }
    READINGS.iter().copied().find(|(surname, _)| text.starts_with(surname))
}
