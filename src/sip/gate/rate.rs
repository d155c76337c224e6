//! Token buckets, and the bounded table that holds one per source.

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// So many packets a second, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Packets a second in the long run.
    pub per_s: u32,
    /// Packets at once after a rest.
    pub burst: u32,
}

/// A token bucket in thousandths of a packet, which makes a millisecond at 1 a second worth one.
#[derive(Debug)]
pub(super) struct Bucket {
    milli: u64,
    at: Timestamp,
}

impl Bucket {
    const PACKET: u64 = 1000;

    pub(super) fn full(rate: Rate, now: Timestamp) -> Self {
        Self { milli: u64::from(rate.burst).saturating_mul(Self::PACKET), at: now }
    }

    /// Takes one packet's worth, if there is one. Time that runs backwards adds nothing.
    pub(super) fn take(&mut self, rate: Rate, now: Timestamp) -> bool {
        let passed_ms = u64::try_from(now.duration_since(self.at).as_millis()).unwrap_or(0);
        // Only whole milliseconds are used up, so that no part of one is lost to rounding.
        if 0 < passed_ms {
            let full = u64::from(rate.burst).saturating_mul(Self::PACKET);
            let gained = passed_ms.saturating_mul(u64::from(rate.per_s));
            self.milli = self.milli.saturating_add(gained).min(full);
            self.at = now;
        }
        let left = self.milli.checked_sub(Self::PACKET);
        self.milli = left.unwrap_or(self.milli);
        left.is_some()
    }
}

/// The sources: strangers in two generations, marked ones apart and never forgotten.
///
/// When the young generation is full it becomes the old one and the old one is forgotten: at most
/// `strangers_max` are remembered, those heard longest ago go first, and no list has to be kept in order.
#[derive(Debug)]
pub(super) struct Sources {
    young: BTreeMap<IpAddr, Bucket>,
    old: BTreeMap<IpAddr, Bucket>,
    generation_max: usize,
    protected: BTreeMap<IpAddr, (Bucket, u32)>,
    protected_max: usize,
}

impl Sources {
    pub(super) fn new(strangers_max: usize, protected_max: usize) -> Self {
        Self {
            young: BTreeMap::new(),
            old: BTreeMap::new(),
            generation_max: (strangers_max / 2).max(1),
            protected: BTreeMap::new(),
            protected_max,
        }
    }

    pub(super) fn protect(&mut self, key: IpAddr, rate: Rate, now: Timestamp) -> bool {
        if let Some((_, marks)) = self.protected.get_mut(&key) {
            *marks = marks.saturating_add(1);
            return true;
        }
        let room = self.protected.len() < self.protected_max;
        if room {
            self.protected.insert(key, (Bucket::full(rate, now), 1));
        }
        room
    }

    pub(super) fn unprotect(&mut self, key: IpAddr) {
        if let Some((_, marks)) = self.protected.get_mut(&key) {
            *marks = marks.saturating_sub(1);
            if *marks == 0 {
                self.protected.remove(&key);
            }
        }
    }

    /// `None` when the source is not marked.
    pub(super) fn take_protected(
        &mut self,
        key: IpAddr,
        rate: Rate,
        now: Timestamp,
    ) -> Option<bool> {
        Some(self.protected.get_mut(&key)?.0.take(rate, now))
    }

    pub(super) fn take_stranger(&mut self, key: IpAddr, rate: Rate, now: Timestamp) -> bool {
        if let Some(bucket) = self.young.get_mut(&key) {
            return bucket.take(rate, now);
        }
        let mut bucket = self.old.remove(&key).unwrap_or_else(|| Bucket::full(rate, now));
        let admitted = bucket.take(rate, now);
        if self.generation_max <= self.young.len() {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, bucket);
        admitted
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }
}
