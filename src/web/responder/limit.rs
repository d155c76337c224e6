//! How often pages are opened: each link so often, and wrong ones so often from one address and in all.
//!
//! Bounds: as many addresses and links as stated; when there are more, a minute is counted from anew.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// How long is counted for.
const WINDOW: SignedDuration = SignedDuration::from_mins(1);
/// Openings of one good link in a minute: a page that is looked at every second.
const OPENED_MAX: u32 = 120;
/// Wrong links from one address in a minute: many telephones of a town may share one.
const WRONG_MAX: u32 = 30;
/// Wrong links from everywhere in a minute.
const WRONG_IN_ALL_MAX: u32 = 600;
/// Addresses and links that are counted.
const COUNTED_MAX: usize = 10_000;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(in crate::web) struct Limits(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    since: Option<Timestamp>,
    good: BTreeMap<String, u32>,
    wrong: BTreeMap<Option<IpAddr>, u32>,
    wrong_in_all: u32,
}

impl Counts {
    fn turn(&mut self, now: Timestamp) {
        let is_over = self.since.is_none_or(|since| WINDOW <= now.duration_since(since).abs());
        if is_over || COUNTED_MAX < self.good.len() || COUNTED_MAX < self.wrong.len() {
            *self = Self { since: Some(now), ..Self::default() };
        }
    }
}

impl Limits {
    /// Whether the link may be opened, as far as it was good before.
    pub(super) fn may_open(&self, token: &str, now: Timestamp) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.turn(now);
        counts.good.get(token).is_none_or(|opened| *opened < OPENED_MAX)
    }

    pub(super) fn is_good(&self, token: &str, now: Timestamp) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.turn(now);
        let opened = counts.good.entry(token.to_owned()).or_default();
        *opened = opened.saturating_add(1);
    }

    /// Counts a wrong link; whether it is one of those that are still told that they are wrong.
    pub(super) fn is_wrong(&self, source: Option<IpAddr>, now: Timestamp) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.turn(now);
        counts.wrong_in_all = counts.wrong_in_all.saturating_add(1);
        let is_few_in_all = counts.wrong_in_all <= WRONG_IN_ALL_MAX;
        let wrong = counts.wrong.entry(source).or_default();
        *wrong = wrong.saturating_add(1);
        *wrong <= WRONG_MAX && is_few_in_all
    }
}
