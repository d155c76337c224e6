//! Recognises the codes of a community in a stream of keys. Pure; time is an argument.
//!
//! Codes are matched at the end of what was keyed, so `##9` and `1#9` are `#9` too. Keys that are too far apart do not
//! belong together; there is nothing to do when the time passes, so the machine wants no wake-up.

use super::Key;
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// Longest pause between two keys of a code: old people look for the key.
pub const KEY_GAP_MAX: SignedDuration = SignedDuration::from_secs(3);

/// Recognises codes in the keys of one call. Remembers as many keys as the longest code has.
#[derive(Debug)]
pub struct CodeMatcher {
    codes: Vec<(Vec<Key>, Arc<str>)>,
    recent: VecDeque<Key>,
    recent_max: usize,
    heard_at: Option<Timestamp>,
}

impl CodeMatcher {
    /// Makes a matcher for these codes. Those that cannot be keyed, such as `alarm` or an empty one, are left out.
    pub fn new<'a>(codes: impl IntoIterator<Item = &'a Arc<str>>) -> Self {
        let keyable = |code: &'a Arc<str>| {
            let keys = code.chars().map(Key::of_char).collect::<Option<Vec<_>>>()?;
            (!keys.is_empty()).then(|| (keys, Arc::clone(code)))
        };
        let mut codes: Vec<_> = codes.into_iter().filter_map(keyable).collect();
        codes.sort_by_key(|(keys, _)| std::cmp::Reverse(keys.len()));
        let recent_max = codes.first().map_or(0, |(keys, _)| keys.len());
        Self { codes, recent: VecDeque::new(), recent_max, heard_at: None }
    }

    /// Returns the code that this key completes; the longest, if one ends like another. The next code starts afresh.
    pub fn on_key(&mut self, key: Key, now: Timestamp) -> Option<Arc<str>> {
        if self.heard_at.is_some_and(|heard_at| KEY_GAP_MAX < now.duration_since(heard_at)) {
            self.recent.clear();
        }
        self.heard_at = Some(now);
        if self.recent.len() == self.recent_max {
            self.recent.pop_front();
        }
        if self.recent.len() < self.recent_max {
            self.recent.push_back(key);
        }
        let ends_with = |keys: &[Key]| {
            let skipped = self.recent.len().checked_sub(keys.len());
            skipped.is_some_and(|skipped| self.recent.iter().skip(skipped).eq(keys))
        };
        let code =
            self.codes.iter().find(|(keys, _)| ends_with(keys)).map(|(_, code)| code.clone());
        if code.is_some() {
            self.recent.clear();
        }
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matcher(codes: &[&str]) -> CodeMatcher {
        let codes: Vec<Arc<str>> = codes.iter().map(|&code| code.into()).collect();
        CodeMatcher::new(&codes)
    }

    /// Keys the text with this pause and returns the codes heard.
    fn keyed(codes: &[&str], text: &str, gap_ms: i64) -> Vec<String> {
        let mut matcher = matcher(codes);
        let mut now = Timestamp::from_millisecond(1_795_305_600_000).unwrap();
        let mut heard = Vec::new();
        for key in text.chars() {
            now += SignedDuration::from_millis(gap_ms);
            heard.extend(matcher.on_key(Key::of_char(key).unwrap(), now).map(|c| c.to_string()));
        }
        heard
    }

    #[test]
    fn codes_are_heard_at_the_end_of_what_was_keyed() {
        let all = ["#9", "*9", "995", "9999"];
        for (text, expected) in [
            ("#9", &["#9"][..]),
            ("##9", &["#9"]),
            ("1#9", &["#9"]),
            ("*9", &["*9"]),
            ("995", &["995"]),
            ("9995", &["995"]),
            ("9999", &["9999"]),
            ("99999999", &["9999", "9999"]),
            ("#9#9", &["#9", "#9"]),
            ("#99", &["#9"]),
            ("#9995", &["#9", "995"]),
            ("9#", &[]),
            ("#8#7", &[]),
            ("0592999", &[]),
        ] {
            assert_eq!(keyed(&all, text, 500), expected, "{text}");
        }
    }

    #[test]
    fn keys_are_at_most_three_seconds_apart() {
        assert_eq!(keyed(&["#9"], "#9", 3000), ["#9"]);
        assert_eq!(keyed(&["#9"], "#9", 3001), [""; 0]);
        assert_eq!(keyed(&["9999"], "9999", 3000), ["9999"], "nine seconds in all");
    }

    #[test]
    fn a_code_that_cannot_be_keyed_is_left_out() {
        assert_eq!(keyed(&["", "alarm", "#9"], "#9", 100), ["#9"]);
        assert_eq!(keyed(&["", "alarm"], "#9", 100), [""; 0]);
        assert_eq!(keyed(&["a1"], "A1", 100), ["a1"]);
    }

    #[test]
    fn the_longest_code_wins_where_both_end() {
        assert_eq!(keyed(&["9", "#9"], "#9", 100), ["#9"]);
        assert_eq!(keyed(&["99", "9999"], "9999", 100), ["99", "99"]);
    }

    proptest! {
        #[test]
        fn what_was_keyed_before_does_no_harm(noise in "[0-8*]{0,40}", gap_ms in 1..3000_i64) {
            let text = format!("{noise}#9");
            prop_assert_eq!(keyed(&["#9", "995"], &text, gap_ms), ["#9"]);
            prop_assert_eq!(keyed(&["#9", "995"], &noise, gap_ms), [""; 0]);
        }

        #[test]
        fn memory_is_as_long_as_the_longest_code(text in "[0-9*#A-D]{0,100}") {
            let mut matcher = matcher(&["#9", "0592"]);
            for key in text.chars() {
                matcher.on_key(Key::of_char(key).unwrap(), Timestamp::UNIX_EPOCH);
                prop_assert!(matcher.recent.len() <= 4);
            }
        }
    }
}
