//! RTP ports: even, from a range, taken from a random start so that they cannot be guessed from the last call.
//!
//! Must not open sockets; whoever holds a [`PortLease`] does.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

/// The even ports of a range and which of them are taken.
#[derive(Clone, Debug)]
pub(super) struct PortPool(Arc<Mutex<Pool>>);

#[derive(Debug)]
struct Pool {
    /// The lowest even port.
    first: u16,
    /// One per even port.
    taken: Vec<bool>,
    free: usize,
    /// State of a generator that jumps to a new start for each lease (splitmix64).
    seed: u64,
}

/// A port that nobody else of this process gets until it is dropped. It has to outlive the socket.
#[derive(Debug)]
pub(super) struct PortLease {
    pool: PortPool,
    index: usize,
    port: u16,
}

impl PortPool {
    /// The even ports of `range`; RTCP would have the odd ones (RFC 3550 11).
    pub(super) fn new(range: &RangeInclusive<u16>, seed: u64) -> Self {
        let first = range.start().checked_add(range.start() % 2);
        let span = first.and_then(|first| range.end().checked_sub(first));
        let count = span.map_or(0, |span| usize::from(span / 2) + 1);
        let first = first.unwrap_or(u16::MAX);
        Self(Arc::new(Mutex::new(Pool { first, taken: vec![false; count], free: count, seed })))
    }

    /// Takes a free port; `None` when all are taken.
    pub(super) fn take(&self) -> Option<PortLease> {
        let mut pool = self.lock();
        if pool.free == 0 {
            return None;
        }
        let count = pool.taken.len();
        let start = usize::try_from(splitmix(&mut pool.seed) >> 32).unwrap_or(0) % count;
        let index =
            (start..count).chain(0..start).find(|&index| pool.taken.get(index) == Some(&false))?;
        *pool.taken.get_mut(index)? = true;
        pool.free -= 1;
        let port = pool.first.checked_add(u16::try_from(index * 2).ok()?)?;
        Some(PortLease { pool: self.clone(), index, port })
    }

    /// How many ports are free.
    pub(super) fn free(&self) -> usize {
        self.lock().free
    }

    /// How many ports there are.
    pub(super) fn len(&self) -> usize {
        self.lock().taken.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pool> {
        // Each change is complete before anything could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PortLease {
    /// The port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        let mut pool = self.pool.lock();
        if let Some(taken) = pool.taken.get_mut(self.index) {
            *taken = false;
            pool.free += 1;
        }
    }
}

/// The next number of a splitmix64 generator: enough to spread ports and frames, not for secrets.
pub(super) fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_even_port_is_leased_once_and_comes_back() {
        let pool = PortPool::new(&(40_001..=40_100), 7);
        assert_eq!(pool.len(), 50);
        for _ in 0..3 {
            let leases: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
            let ports: BTreeSet<u16> = leases.iter().map(PortLease::port).collect();
            assert_eq!(ports, (40_002..=40_100).step_by(2).collect::<BTreeSet<_>>());
            assert_eq!(pool.free(), 0);
            drop(leases);
            assert_eq!(pool.free(), 50);
        }
    }

    #[test]
    fn the_next_port_is_not_the_neighbour_of_the_last() {
        let pool = PortPool::new(&(20_000..=59_998), 42);
        let ports: Vec<u16> = (0..20).filter_map(|_| pool.take()).map(|l| l.port()).collect();
        let near = ports.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 100).count();
        assert!(near < 3, "{ports:?}");
    }

    #[test]
    fn ranges_at_the_edge_do_not_overflow() {
        assert!(PortPool::new(&(65_535..=65_535), 1).take().is_none());
        assert!(PortPool::new(&RangeInclusive::new(50, 40), 1).take().is_none());
        assert_eq!(PortPool::new(&(65_534..=65_535), 1).take().map(|l| l.port()), Some(65_534));
    }
}
