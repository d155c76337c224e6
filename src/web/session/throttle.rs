//! Slows down who guesses passwords, and never shuts anybody out for good.
//!
//! Tries are counted for a name from one address, for an address, and for a name from everywhere; after some that are
//! free, each must wait longer than the one before, up to a minute. While a name is guessed at from many addresses, each
//! address still has one try a minute for it. A device on which the account was signed in before is counted alone: nobody
//! else can slow it down. Right passwords with wrong codes are counted for the name alone, and wait up to five minutes.
//!
//! Bounds: [`COUNTED_MAX`] counts; when there are more, those that were used longest ago are forgotten. A count that
//! rested for an hour begins anew. Time is an argument; must not log.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts that are kept, some hundred bytes each.
const COUNTED_MAX: usize = 20_000;
/// A count that was not used for so long begins anew.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// How often each address has a try for a name that is guessed at from many.
const LANE_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Counted {
    Device(u32),
    Pair(String, Source),
    Source(Source),
    Name(String),
    Code(String),
}

/// An address, or the network that one subscriber has (IPv6).
type Source = Option<IpAddr>;

impl Counted {
    /// Tries that are free, and the longest wait in seconds.
    fn rule(&self) -> (u32, i64) {
        match self {
            Self::Device(_) | Self::Pair(_, _) => (5, 60),
            Self::Source(_) | Self::Name(_) => (20, 60),
            Self::Code(_) => (5, 300),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Count {
    tries: u32,
    last: Timestamp,
    until: Timestamp,
}

/// Who tries to sign in.
#[derive(Clone, Debug)]
pub(super) struct Who {
    /// The name that was typed, in lower case.
    pub(super) name: String,
    /// Where from.
    pub(super) source: Option<IpAddr>,
    /// The session that the device had before.
    pub(super) device: Option<u32>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(in crate::web) struct Throttle(Arc<Mutex<BTreeMap<Counted, Count>>>);

impl Throttle {
    /// Counts a try, or says from when on one is let through.
    pub(super) fn admit(&self, who: &Who, now: Timestamp) -> Result<(), Timestamp> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = who.counted();
        let until =
            |key: &Counted| counts.get(key).map(|count| count.until).filter(|until| now < *until);
        let waits = counted.iter().filter_map(until).max();
        let waits = waits.or_else(|| {
            let pair = counted.iter().find(|key| matches!(key, Counted::Pair(_, _)))?;
            until(&Counted::Name(who.name.clone()))?;
            let lane = counts.get(pair)?.last.saturating_add(LANE_EVERY).ok()?;
            (now < lane).then_some(lane)
        });
        if let Some(until) = waits {
            return Err(until);
        }
        for key in counted.into_iter().chain(who.name_of_stranger()) {
            count(&mut counts, key, now);
        }
        Ok(())
    }

    /// The try was not looked at, or is not over: it counts for nothing.
    pub(super) fn take_back(&self, who: &Who) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in who.counted().into_iter().chain(who.name_of_stranger()) {
            take_one(&mut counts, &key);
        }
    }

    /// The password was right: what this device or address tried before is forgiven.
    pub(super) fn forgive(&self, who: &Who) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in who.counted().into_iter().chain(who.name_of_stranger()) {
            match key {
                Counted::Source(_) => take_one(&mut counts, &key),
                Counted::Device(_) | Counted::Pair(_, _) | Counted::Name(_) | Counted::Code(_) => {
                    counts.remove(&key);
                }
            }
        }
    }

    /// Counts a try of a code, or says from when on one is let through.
    pub(super) fn admit_code(&self, who: &Who, now: Timestamp) -> Result<(), Timestamp> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Counted::Code(who.of_code());
        if let Some(until) = counts.get(&key).map(|count| count.until).filter(|until| now < *until)
        {
            return Err(until);
        }
        count(&mut counts, key, now);
        Ok(())
    }

    /// The code was right.
    pub(super) fn forgive_code(&self, who: &Who) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.remove(&Counted::Code(who.of_code()));
    }
}

impl Who {
    fn counted(&self) -> Vec<Counted> {
        match self.device {
            Some(device) => vec![Counted::Device(device)],
            None => {
                let source = self.source.map(network);
                vec![Counted::Pair(self.name.clone(), source), Counted::Source(source)]
            }
        }
    }

    fn name_of_stranger(&self) -> Option<Counted> {
        self.device.is_none().then(|| Counted::Name(self.name.clone()))
    }

    /// Codes of a known device are counted apart, so that a stranger's cannot slow it down.
    fn of_code(&self) -> String {
        self.device.map_or_else(|| self.name.clone(), |device| format!("{} {device}", self.name))
    }
}

fn count(counts: &mut BTreeMap<Counted, Count>, key: Counted, now: Timestamp) {
    if COUNTED_MAX <= counts.len() && !counts.contains_key(&key) {
        let mut used: Vec<Timestamp> = counts.values().map(|count| count.last).collect();
        used.sort_unstable();
        let median = used.get(used.len() / 2).copied().unwrap_or(now);
        counts.retain(|_, count| median < count.last);
    }
    let (free, longest_s) = key.rule();
    let count = counts.entry(key).or_insert(Count { tries: 0, last: now, until: now });
    if FORGOTTEN_AFTER <= now.duration_since(count.last) {
        count.tries = 0;
    }
    count.tries = count.tries.saturating_add(1);
    count.last = now;
    let wait_s = match count.tries.checked_sub(free) {
        None => 0,
        Some(over) => 1_i64.checked_shl(over.min(16)).unwrap_or(longest_s).min(longest_s),
    };
    count.until = now.saturating_add(SignedDuration::from_secs(wait_s)).unwrap_or(Timestamp::MAX);
}

fn take_one(counts: &mut BTreeMap<Counted, Count>, key: &Counted) {
    if let Some(count) = counts.get_mut(key) {
        count.tries = count.tries.saturating_sub(1);
        count.until = count.last;
    }
}

/// One subscriber has a /64 of IPv6 at least.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(std::net::Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).expect("a time")
    }

    fn who(name: &str, source: u8, device: Option<u32>) -> Who {
        let source = Some(IpAddr::from([192, 0, 2, source]));
        Who { name: name.to_owned(), source, device }
    }

    #[test]
    fn after_five_each_try_waits_longer_and_never_more_than_a_minute() {
        let throttle = Throttle::default();
        let me = who("wang", 1, None);
        for _ in 0..5 {
            assert_eq!(throttle.admit(&me, at(0)), Ok(()));
        }
        let mut now = 0;
        for wait in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            assert_eq!(throttle.admit(&me, at(now)), Err(at(now + wait)), "{wait}");
            now += wait;
            assert_eq!(throttle.admit(&me, at(now)), Ok(()), "{wait}");
        }
        throttle.forgive(&me);
        assert_eq!(throttle.admit(&me, at(now)), Ok(()));
        assert_eq!(throttle.admit(&me, at(now)), Ok(()));
    }

    #[test]
    fn whoever_guesses_from_everywhere_shuts_nobody_out() {
        let throttle = Throttle::default();
        let mut let_through = 0;
        for second in 0..600 {
            for source in 2..102 {
                let_through +=
                    u32::from(throttle.admit(&who("wang", source, None), at(second)).is_ok());
            }
        }
        // 20 are free, and then each address has one a minute.
        assert!(let_through <= 20 + 100 * 11, "{let_through}");
        assert_eq!(throttle.admit(&who("wang", 1, None), at(600)), Ok(()), "another address");
        assert_eq!(throttle.admit(&who("wang", 1, None), at(601)), Err(at(660)));
        assert_eq!(throttle.admit(&who("wang", 1, None), at(660)), Ok(()));
        for second in 600..605 {
            assert_eq!(
                throttle.admit(&who("wang", 2, Some(7)), at(second)),
                Ok(()),
                "a known device"
            );
        }
    }

    #[test]
    fn one_address_that_tries_many_names_is_slowed_down() {
        let throttle = Throttle::default();
        for name in 0..20 {
            assert_eq!(throttle.admit(&who(&name.to_string(), 1, None), at(0)), Ok(()));
        }
        assert!(throttle.admit(&who("wang", 1, None), at(0)).is_err());
        assert_eq!(throttle.admit(&who("wang", 2, None), at(0)), Ok(()));
        assert_eq!(throttle.admit(&who("wang", 1, None), at(3600)), Ok(()), "an hour later");
    }

    #[test]
    fn an_ipv6_subscriber_is_one() {
        let throttle = Throttle::default();
        let from = |host: u16| Who {
            name: "wang".to_owned(),
            source: Some(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host])),
            device: None,
        };
        for host in 0..5 {
            assert_eq!(throttle.admit(&from(host), at(0)), Ok(()));
        }
        assert!(throttle.admit(&from(9), at(0)).is_err());
    }

    #[test]
    fn codes_wait_up_to_five_minutes_wherever_they_come_from() {
        let throttle = Throttle::default();
        let mut now = 0;
        let mut tries = 0;
        while now < 3600 {
            let source = u8::try_from(tries % 200).expect("small");
            match throttle.admit_code(&who("wang", source, None), at(now)) {
                Ok(()) => tries += 1,
                Err(until) => now = until.as_second() - 1_000_000,
            }
        }
        assert!(tries <= 5 + 9 + 12, "{tries}");
        assert_eq!(
            throttle.admit_code(&who("wang", 1, Some(7)), at(now)),
            Ok(()),
            "a known device"
        );
        throttle.forgive_code(&who("wang", 1, None));
        assert_eq!(throttle.admit_code(&who("wang", 1, None), at(now)), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::default();
        for number in 0..25_000_i64 {
            let _ = throttle.admit(&who(&number.to_string(), 1, Some(7)), at(number));
            let device = u32::try_from(number).expect("small");
            let _ = throttle.admit(&who("x", 1, Some(device)), at(number));
        }
        let counts = throttle.0.lock().expect("no panic");
        assert!(counts.len() <= COUNTED_MAX, "{}", counts.len());
    }
}
