//! One press that is heard by two means counts once; two presses of one key stay two, though both means tell of both.
//!
//! Pure: a press belongs to the oldest of the last presses of its key that this means has not yet told of.

use super::Key;
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;

/// How a press was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// RTP events.
    Rtp,
    /// SIP INFO.
    Info,
}

/// Two means tell of one press within this time.
const SAME_PRESS: SignedDuration = SignedDuration::from_millis(500);
/// Presses remembered: more than anybody makes within [`SAME_PRESS`]. The oldest is forgotten first.
const REMEMBERED_MAX: usize = 16;

/// Merges the presses of one call.
#[derive(Debug, Default)]
pub struct PressMerge {
    recent: VecDeque<Heard>,
}

#[derive(Debug)]
struct Heard {
    key: Key,
    at: Timestamp,
    has_rtp: bool,
    has_info: bool,
}

impl PressMerge {
    /// Whether the press is new: no other means has told of it.
    pub fn on_press(&mut self, key: Key, means: Means, now: Timestamp) -> bool {
        self.recent.retain(|heard| now.duration_since(heard.at) <= SAME_PRESS);
        let told = self.recent.iter_mut().find(|heard| heard.key == key && !heard.has(means));
        if let Some(heard) = told {
            heard.mark(means);
            return false;
        }
        if self.recent.len() == REMEMBERED_MAX {
            self.recent.pop_front();
        }
        let mut heard = Heard { key, at: now, has_rtp: false, has_info: false };
        heard.mark(means);
        self.recent.push_back(heard);
        true
    }
}

impl Heard {
    fn has(&self, means: Means) -> bool {
        match means {
            Means::Rtp => self.has_rtp,
            Means::Info => self.has_info,
        }
    }

    fn mark(&mut self, means: Means) {
        match means {
            Means::Rtp => self.has_rtp = true,
            Means::Info => self.has_info = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Means::{Info, Rtp};
    use proptest::prelude::*;

    fn merged(told: &[(i64, char, Means)]) -> String {
        let mut merge = PressMerge::default();
        let is_new = |(at_ms, key, means): &(i64, char, Means)| {
            let now = Timestamp::from_millisecond(1_795_305_600_000 + at_ms).unwrap();
            merge.on_press(Key::of_char(*key).unwrap(), *means, now).then_some(*key)
        };
        told.iter().filter_map(is_new).collect()
    }

    #[test]
    fn one_press_by_two_means_counts_once() {
        let check = |told: &[(i64, char, Means)], expected: &str| {
            assert_eq!(merged(told), expected, "{told:?}");
        };
        check(&[(0, '9', Rtp), (60, '9', Info)], "9");
        check(&[(0, '9', Info), (60, '9', Rtp)], "9");
        check(&[(0, '9', Rtp), (500, '9', Info)], "9");
        check(&[(0, '9', Rtp), (501, '9', Info)], "99");
        check(&[(0, '#', Rtp), (60, '9', Info)], "#9");
        check(&[(0, '#', Rtp), (60, '#', Info), (200, '9', Rtp), (260, '9', Info)], "#9");
        check(&[(0, '#', Rtp), (200, '9', Rtp), (260, '#', Info), (300, '9', Info)], "#9");
    }

    #[test]
    fn two_presses_of_one_key_stay_two() {
        let check = |told: &[(i64, char, Means)], expected: &str| {
            assert_eq!(merged(told), expected, "{told:?}");
        };
        check(&[(0, '9', Rtp), (200, '9', Rtp)], "99");
        check(&[(0, '9', Rtp), (50, '9', Info), (200, '9', Rtp), (250, '9', Info)], "99");
        check(&[(0, '9', Rtp), (200, '9', Rtp), (350, '9', Info), (550, '9', Info)], "99");
        check(&[(0, '9', Rtp), (50, '9', Info), (200, '9', Info), (250, '9', Rtp)], "99");
        check(&[(0, '9', Rtp), (50, '9', Info), (250, '9', Info)], "99");
    }

    proptest! {
        #[test]
        fn both_means_together_are_as_good_as_one(
            typed in proptest::collection::vec((0..3_u8, 120..1000_i64, 0..400_i64), 1..20),
            rtp_is_slow in any::<bool>(),
        ) {
            let mut told = Vec::new();
            let (mut at_ms, mut slow_ms) = (0, 0);
            for (event, pause_ms, delay_ms) in &typed {
                let key = Key::of_event(*event).unwrap().as_char();
                at_ms += pause_ms;
                // INFO requests of a call arrive in order.
                slow_ms = slow_ms.max(at_ms + delay_ms);
                let (fast, slow) = if rtp_is_slow { (Info, Rtp) } else { (Rtp, Info) };
                told.extend([(at_ms, key, fast), (slow_ms, key, slow)]);
            }
            told.sort_by_key(|(at_ms, ..)| *at_ms);
            let expected: String =
                typed.iter().map(|(event, ..)| Key::of_event(*event).unwrap().as_char()).collect();
            prop_assert_eq!(merged(&told), expected);
        }
    }
}
