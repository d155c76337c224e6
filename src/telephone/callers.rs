//! How many may call us back, in all and each: those in trouble come first. Pure; time is an argument.

use jiff::{SignedDuration, Timestamp};
use lianfang_domain::phone::PhoneNumber;
use std::collections::BTreeMap;

/// Calls at once of those who are no lines of ours.
const CALLS_MAX: usize = 64;
/// Calls of one number within [`WINDOW`]: whoever is needed gets through by then, and tries again.
const CALLS_OF_ONE_MAX: u8 = 6;
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// Numbers remembered. When there are more, those whose window is over are forgotten; if there is none, strangers wait.
const NUMBERS_MAX: usize = 4_096;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Callers {
    under_way: usize,
    /// When its window began, and the calls in it. Withheld numbers share a place.
    recent: BTreeMap<String, (Timestamp, u8)>,
}

impl Callers {
    /// Whether another call may be taken; if so it counts until [`Callers::leave`].
    pub(super) fn admit(&mut self, number: Option<&PhoneNumber>, now: Timestamp) -> bool {
        if CALLS_MAX <= self.under_way {
            return false;
        }
        let key = number.map_or("", PhoneNumber::key);
        if self.recent.len() == NUMBERS_MAX && !self.recent.contains_key(key) {
            self.recent.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
            if self.recent.len() == NUMBERS_MAX {
                return false;
            }
        }
        let (since, calls) = self.recent.entry(key.to_owned()).or_insert((now, 0));
        if WINDOW <= now.duration_since(*since) {
            (*since, *calls) = (now, 0);
        }
        let limit = if key.is_empty() { u8::MAX } else { CALLS_OF_ONE_MAX };
        if limit <= *calls {
            return false;
        }
        *calls += 1;
        self.under_way += 1;
        true
    }

    /// A call that was admitted is over.
    pub(super) fn leave(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lianfang_domain::id::CommunityId;
    use lianfang_domain::phone::Home;

    fn number(index: usize) -> PhoneNumber {
        let home = Home { area_code: "0592".into(), community: CommunityId(1) };
        PhoneNumber::of_caller(&format!("138{index:08}"), &home).expect("a number")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    #[test]
    fn one_number_gets_through_so_often() {
        let (mut callers, one) = (Callers::default(), number(1));
        let mut admitted = |second| {
            let is_admitted = callers.admit(Some(&one), at(second));
            if is_admitted {
                callers.leave();
            }
            is_admitted
        };
        for _ in 0..CALLS_OF_ONE_MAX {
            assert!(admitted(0));
        }
        assert!(!admitted(59));
        assert!(admitted(60));
    }

    #[test]
    fn a_flood_takes_no_more_than_its_places() {
        let mut callers = Callers::default();
        let taken = (0..1_000).filter(|index| callers.admit(Some(&number(*index)), at(0))).count();
        assert_eq!(taken, CALLS_MAX);
        callers.leave();
        assert!(callers.admit(Some(&number(5_000)), at(1)));
    }

    #[test]
    fn numbers_are_forgotten_within_a_bound() {
        let mut callers = Callers::default();
        for index in 0..NUMBERS_MAX {
            assert!(callers.admit(Some(&number(index)), at(0)));
            callers.leave();
        }
        assert!(!callers.admit(Some(&number(NUMBERS_MAX)), at(1)));
        assert!(callers.admit(Some(&number(NUMBERS_MAX)), at(60)));
        assert_eq!(callers.recent.len(), 1);
    }
}
