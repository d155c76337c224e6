//! What people write back: an SMS as the key that says the same. Pure.
//!
//! Only what can mean nothing else counts. A text in which two answers stand is none, and so is everything that is long:
//! nobody is taken to be coming who did not say so, and who asks a question is asked to answer.

use crate::digits::Key;
use unicode_normalization::UnicodeNormalization;

/// Longest text that is looked at, in characters. Answers are short; what is longer is a conversation.
const CHARS_MAX: usize = 40;

/// What a reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The same as this key.
    Key(Key),
    /// No more messages, please.
    OptOut,
    /// Nothing that is understood.
    Unclear,
}

/// The words of each answer, without spaces and signs, in lower case.
const WORDS: &[(char, &[&str])] = &[
    (
        '1',
        &[
            "来",
            "来了",
            "我来",
            "我来了",
            "就来",
            "这就来",
            "马上来",
            "我马上来",
            "去",
            "我去",
            "我这就去",
            "马上去",
            "我马上去",
            "前往",
            "我前往",
            "马上到",
            "我马上到",
            "马上就到",
            "在路上",
            "我在路上",
            "路上了",
            "能来",
            "能去",
            "收到马上到",
            "收到马上来",
            "收到马上去",
            "收到我去",
            "coming",
            "imcoming",
            "iamcoming",
            "onmyway",
            "omw",
            "yes",
            "y",
            "ontheway",
            "imonmyway",
        ],
    ),
    (
        '2',
        &[
            "去不了",
            "我去不了",
            "来不了",
            "我来不了",
            "不能来",
            "不能去",
            "我不能去",
            "我不能来",
            "不来",
            "不去",
            "我不去",
            "我不来",
            "不在家",
            "我不在家",
            "没空",
            "no",
            "n",
            "cannot",
            "icannot",
            "cant",
            "icant",
            "cannotcome",
            "icannotcome",
            "cantcome",
            "icantcome",
            "notcoming",
            "imnotcoming",
        ],
    ),
    (
        '3',
        &[
            "到了",
            "我到了",
            "已到",
            "我已到",
            "已到场",
            "已经到了",
            "arrived",
            "iamhere",
            "imhere",
            "ihavearrived",
        ],
    ),
    ('4', &["已报警", "已打110", "已拨110", "我已报警", "called110", "ihavecalled110"]),
    ('7', &["误报", "是误报", "弄错了", "mistake", "falsealarm"]),
];

/// What opts out, as providers and carriers know it.
const OPT_OUT: &[&str] = &[
    "stop",
    "stopall",
    "unsubscribe",
    "quit",
    "end",
    "cancel",
    "optout",
    "td",
    "t",
    "退订",
    "拒收",
];

/// Digits that answer by SMS. 5 needs a call, 6 a page or a call, 9 nothing.
const DIGITS: &[char] = &['1', '2', '3', '4', '7'];

/// Reads a reply. `１。`, `回1`, `1 我去` and `coming!` are answers; `12`, `1 or 2` and `好的` are none.
#[must_use]
pub fn read(text: &str) -> Said {
    let plain: String = text.chars().take(CHARS_MAX + 1).collect();
    if CHARS_MAX < plain.chars().count() {
        return Said::Unclear;
    }
    let said: String =
        plain.nfkc().flat_map(char::to_lowercase).filter(|sign| sign.is_alphanumeric()).collect();
    if OPT_OUT.contains(&&*said) {
        return Said::OptOut;
    }
    key_of(&said).and_then(Key::of_char).map_or(Said::Unclear, Said::Key)
}

fn key_of(said: &str) -> Option<char> {
    if let Some(key) = word(said) {
        return Some(key);
    }
    // People answer what they were asked to: "reply 1".
    let asked = ["回复", "回", "按", "reply", "press"];
    let said = asked.iter().find_map(|ask| said.strip_prefix(ask)).unwrap_or(said);
    let mut signs = said.chars();
    let digit = signs.next().filter(|sign| DIGITS.contains(sign))?;
    let rest = signs.as_str();
    let agrees = rest.is_empty() || word(rest) == Some(digit);
    agrees.then_some(digit)
}

fn word(said: &str) -> Option<char> {
    WORDS.iter().find(|(_, words)| words.contains(&said)).map(|(key, _)| *key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(key: char, texts: &[&str]) {
        for text in texts {
            assert_eq!(read(text), Said::Key(Key::of_char(key).unwrap()), "{text}");
        }
    }

    #[test]
    fn one_is_coming_however_it_is_written() {
        check(
            '1',
            &["1", "１", "１。", "回1", "回复 1", "1 ", "\n1\r\n", "①", "“1”", "1!", "1 我去"],
        );
        check(
            '1',
            &["来", "我去", "马上到", "coming", "Coming!", "I'm coming", "yes", "YES", "1, coming"],
        );
    }

    #[test]
    fn the_other_answers_too() {
        check('2', &["2", "２", "去不了", "no", "No.", "2 去不了", "回2", "can't come"]);
        check('3', &["3", "到了", "arrived", "我到了。"]);
        check('4', &["4", "已打110", "called 110"]);
        check('7', &["7", "误报", "false alarm"]);
    }

    #[test]
    fn what_may_mean_something_else_means_nothing() {
        let rows = [
            "",
            " ",
            "?",
            "12",
            "1 2",
            "1或2",
            "1 去不了",
            "2 coming",
            "11",
            "110",
            "0",
            "5",
            "6",
            "8",
            "9",
            "*",
            "好的",
            "收到",
            "谢谢",
            "什么事？",
            "谁？",
            "I would come but cannot",
            "not 1",
            "13800000001",
            "🙏",
            "1👍1",
            "\u{fffd}\u{fffd}",
            "来不来",
            "1-2-502",
            "一会儿再说",
        ];
        for text in rows {
            assert_eq!(read(text), Said::Unclear, "{text}");
        }
        assert_eq!(read(&"1".repeat(1_000_000)), Said::Unclear);
        assert_eq!(
            read(&format!("1{}", " ".repeat(100))),
            Said::Unclear,
            "a long text is no answer"
        );
    }

    #[test]
    fn an_emoji_beside_an_answer_is_a_sign() {
        check('1', &["1👍", "coming 🏃"]);
    }

    #[test]
    fn who_wants_no_messages_says_so() {
        for text in ["STOP", "stop.", "TD", "td", "退订", "T", "Unsubscribe"] {
            assert_eq!(read(text), Said::OptOut, "{text}");
        }
    }

    #[test]
    fn no_word_answers_twice() {
        let mut known: Vec<&str> = WORDS.iter().flat_map(|(_, words)| *words).copied().collect();
        known.extend(OPT_OUT);
        let all = known.len();
        known.sort_unstable();
        known.dedup();
        assert_eq!(known.len(), all);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_only_keys_of_replies_count(text in any::<String>()) {
            if let Said::Key(key) = read(&text) {
                prop_assert!(DIGITS.contains(&key.as_char()));
            }
        }

        #[test]
        fn signs_around_an_answer_change_nothing(before in "[ 。.!，\n]{0,5}", after in "[ 。.!，\n]{0,5}") {
            for (key, words) in WORDS {
                let text = format!("{before}{key}{after}");
                prop_assert_eq!(read(&text), Said::Key(Key::of_char(*key).unwrap()));
                for word in *words {
                    let text = format!("{before}{word}{after}");
                    prop_assert_eq!(read(&text), Said::Key(Key::of_char(*key).unwrap()));
                }
            }
        }
    }
}
