//! Legs that found every RTP port taken. Each call that ends frees one, so they are tried again soon, the oldest alarm
//! first, rather than left to the alarm, which would wait as after a call that failed.

use jiff::Timestamp;
use lianfang_domain::id::LegId;
use lianfang_domain::leg::{LegOrder, RouteName};
use std::collections::BTreeMap;
use std::time::Duration;

/// Legs that may wait in one shard. More of them fail at once: the alarm then has other ways to try.
const WAITING_MAX: usize = 4_096;
/// Between two looks for a port.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a leg waits. After that the alarm chooses again.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// A leg to be placed.
pub(super) struct Wish {
    pub(super) order: LegOrder,
    pub(super) route: RouteName,
    until: Timestamp,
}

impl Wish {
    /// Wanted now.
    pub(super) fn new(order: LegOrder, route: RouteName, now: Timestamp) -> Self {
        Self { order, route, until: now.saturating_add(WAIT_MAX).unwrap_or(now) }
    }

    /// It has waited as long as it may.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.until <= now
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Waiting {
    wishes: BTreeMap<LegId, Wish>,
    look_at: Option<Timestamp>,
}

impl Waiting {
    /// Keeps a wish until the next look; gives it back where it may wait no longer.
    pub(super) fn keep(&mut self, wish: Wish, now: Timestamp) -> Option<Wish> {
        if wish.is_over(now) || WAITING_MAX <= self.wishes.len() {
            return Some(wish);
        }
        self.look_at.get_or_insert(now.saturating_add(LOOK_EVERY).unwrap_or(now));
        self.wishes.insert(wish.order.leg, wish);
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.wishes.is_empty()
    }

    pub(super) fn contains(&self, leg: LegId) -> bool {
        self.wishes.contains_key(&leg)
    }

    /// Nobody wants it any more.
    pub(super) fn remove(&mut self, leg: LegId) -> Option<Wish> {
        self.wishes.remove(&leg)
    }

    /// Other words for a leg that waits.
    pub(super) fn reword(&mut self, order: LegOrder) {
        if let Some(wish) = self.wishes.get_mut(&order.leg) {
            wish.order = order;
        }
    }

    /// When to look next.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.look_at
    }

    /// All that wait, the oldest alarm first, if it is time to look. Who finds no port is to be kept again.
    pub(super) fn take_due(&mut self, now: Timestamp) -> impl Iterator<Item = Wish> + use<> {
        let is_due = self.look_at.is_some_and(|at| at <= now);
        let due = if is_due { std::mem::take(self) } else { Self::default() };
        due.wishes.into_values()
    }
}
