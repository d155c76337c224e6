//! How often pages are opened: each link so often, and wrong ones so often from one address.
//!
//! The two are counted apart, so that whoever guesses, from however many addresses, shuts nobody out who has a link.
//! Bounds: as many links and addresses as stated; who comes beyond them within a minute is not counted and let in.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// How long is counted for.
const WINDOW: SignedDuration = SignedDuration::from_mins(1);
/// Openings of one good link in a minute: a page that is looked at every second.
const OPENED_MAX: u32 = 120;
/// Wrong links from one address in a minute: many telephones of a town may share one.
const WRONG_MAX: u32 = 30;
/// Addresses, and links, that are counted.
const COUNTED_MAX: usize = 10_000;
/// Of an address of IPv6, what one customer has alone (RFC 6177).
const OWN_BITS: u32 = 64;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(in crate::web) struct Limits {
    good: Counts<String>,
    wrong: Counts<Option<IpAddr>>,
}

/// It was too often; after so many seconds it may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooOften {
    pub(super) wait_s: u32,
}

#[derive(Debug)]
struct Counts<K>(Arc<Mutex<(Timestamp, BTreeMap<K, u32>)>>);

impl<K> Clone for Counts<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new((Timestamp::MIN, BTreeMap::new()))))
    }
}

impl<K: Ord> Counts<K> {
    /// Counts once more, unless it was as often as it may be.
    fn add(&self, key: K, most: u32, now: Timestamp) -> Result<(), TooOften> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, counted) = &mut *counts;
        // A clock that was set back begins anew, too.
        if WINDOW <= now.duration_since(*since).abs() {
            (*since, *counted) = (now, BTreeMap::new());
        }
        if COUNTED_MAX <= counted.len() && !counted.contains_key(&key) {
            return Ok(());
        }
        let count = counted.entry(key).or_default();
        if *count < most {
            *count += 1;
            return Ok(());
        }
        let wait = (WINDOW - now.duration_since(*since)).as_millis();
        let wait_s = u32::try_from(wait.saturating_add(999).div_euclid(1000)).unwrap_or_default();
        Err(TooOften { wait_s: wait_s.max(1) })
    }
}

impl Limits {
    /// Counts that a good link is opened, unless it was opened too often.
    pub(super) fn open(&self, token: &str, now: Timestamp) -> Result<(), TooOften> {
        self.good.add(token.to_owned(), OPENED_MAX, now)
    }

    /// Counts a wrong link, unless there were too many from there to be told that it is wrong.
    pub(super) fn wrong(&self, source: Option<IpAddr>, now: Timestamp) -> Result<(), TooOften> {
        self.wrong.add(source.map(network_of), WRONG_MAX, now)
    }
}

/// What stands for everybody behind one line.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(long) => {
            let kept = u128::MAX << (Ipv6Addr::BITS - OWN_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(long.to_bits() & kept))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_305_600 + second).expect("a time")
    }

    #[test]
    fn who_guesses_from_everywhere_shuts_nobody_out() {
        let limits = Limits::default();
        let guess =
            |address: u32, now| limits.wrong(Some(IpAddr::from(address.to_be_bytes())), now);
        for _ in 0..WRONG_MAX {
            assert_eq!(guess(1, at(0)), Ok(()));
        }
        assert_eq!(guess(1, at(20)), Err(TooOften { wait_s: 40 }));
        assert_eq!(guess(2, at(20)), Ok(()), "another address is counted for itself");
        for address in 0..2 * u32::try_from(COUNTED_MAX).expect("few") {
            let told = guess(address, at(30));
            assert_eq!(told.is_ok(), address != 1, "{address}");
        }
        assert_eq!(limits.open("a good link", at(30)), Ok(()));
        assert_eq!(guess(1, at(60)), Ok(()), "a minute later it is counted anew");
        let long = |text: &str| Some(text.parse::<IpAddr>().expect("an address"));
        for host in 0..WRONG_MAX {
            assert_eq!(limits.wrong(long(&format!("2001:db8::{host:x}")), at(61)), Ok(()));
        }
        assert!(limits.wrong(long("2001:db8::ffff:1"), at(61)).is_err(), "one line has many");
        assert_eq!(limits.wrong(long("2001:db8:0:1::1"), at(61)), Ok(()));
    }

    #[test]
    fn a_link_is_opened_so_often_in_a_minute() {
        let limits = Limits::default();
        for _ in 0..OPENED_MAX {
            assert_eq!(limits.open("a", at(0)), Ok(()));
        }
        assert_eq!(limits.open("a", at(59)), Err(TooOften { wait_s: 1 }));
        assert_eq!((limits.open("b", at(59)), limits.open("a", at(60))), (Ok(()), Ok(())));
    }
}
