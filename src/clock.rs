//! The only reader of clocks. Everything else takes `now` as an argument.
//!
//! Time here never goes back and is steady: wall clock at start plus monotonic time since, re-anchored when the two
//! drift apart by more than a second (somebody set the clock), forward only.

use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Drift between wall clock and ours above which we follow the wall clock, if it is ahead.
const REANCHOR_ABOVE: SignedDuration = SignedDuration::from_secs(1);

/// Gives the time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System(Anchor),
    /// Microseconds since 1970, moved by tests; whoever sleeps is told.
    Simulated(watch::Sender<i64>),
}

#[derive(Debug)]
struct Anchor {
    started: Instant,
    /// Microseconds since 1970 at `started`; raised by [`Clock::reanchor`].
    base_us: AtomicI64,
    /// How often that was, and by how many microseconds the last time.
    steps: AtomicU64,
    last_step_us: AtomicI64,
}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads a clock")]
    pub fn system() -> Self {
        let base_us = AtomicI64::new(Timestamp::now().as_microsecond());
        let anchor = Anchor {
            started: Instant::now(),
            base_us,
            steps: AtomicU64::new(0),
            last_step_us: AtomicI64::new(0),
        };
        Self(Arc::new(Source::System(anchor)))
    }

    /// A clock that stands still until [`Clock::advance`].
    #[must_use]
    pub fn simulated(start: Timestamp) -> Self {
        Self(Arc::new(Source::Simulated(watch::Sender::new(start.as_microsecond()))))
    }

    /// The time. Never goes back.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let us = match &*self.0 {
            Source::System(anchor) => anchor.now_us(),
            Source::Simulated(us) => *us.borrow(),
        };
        Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX)
    }

    /// How long until `deadline`; zero when it has passed.
    #[must_use]
    pub fn until(&self, deadline: Timestamp) -> Duration {
        deadline.duration_since(self.now()).try_into().unwrap_or(Duration::ZERO)
    }

    /// Waits until this clock shows `deadline`; on a simulated clock, until it was moved there.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        match &*self.0 {
            Source::System(_) => tokio::time::sleep(self.until(deadline)).await,
            Source::Simulated(us) => {
                let is_over = |us: &i64| deadline.as_microsecond() <= *us;
                // The sender lives as long as this clock, so the wait cannot fail.
                let _ = us.subscribe().wait_for(is_over).await;
            }
        }
    }

    /// Moves a simulated clock forward; a system clock moves by itself.
    pub fn advance(&self, by: Duration) {
        if let Source::Simulated(us) = &*self.0 {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            us.send_modify(|us| *us = us.saturating_add(by));
        }
    }

    /// Follows the wall clock if somebody set it forward. Returns by how much, for the log; called once a second.
    pub fn reanchor(&self) -> Option<SignedDuration> {
        let Source::System(anchor) = &*self.0 else { return None };
        let ahead = self.offset();
        if ahead <= REANCHOR_ABOVE {
            return None;
        }
        let ahead_us = i64::try_from(ahead.as_micros()).unwrap_or(i64::MAX);
        anchor.base_us.fetch_add(ahead_us, Ordering::AcqRel);
        anchor.last_step_us.store(ahead_us, Ordering::Release);
        anchor.steps.fetch_add(1, Ordering::AcqRel);
        Some(ahead)
    }

    /// The wall clock minus ours: behind zero when somebody set it back. Zero on a simulated clock.
    #[must_use]
    pub fn offset(&self) -> SignedDuration {
        let Source::System(anchor) = &*self.0 else { return SignedDuration::ZERO };
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads a clock")]
        let wall_us = Timestamp::now().as_microsecond();
        SignedDuration::from_micros(wall_us.saturating_sub(anchor.now_us()))
    }

    /// How often somebody set the wall clock forward since the start, and by how much the last time.
    #[must_use]
    pub fn steps(&self) -> (u64, Option<SignedDuration>) {
        let Source::System(anchor) = &*self.0 else { return (0, None) };
        let steps = anchor.steps.load(Ordering::Acquire);
        let last = SignedDuration::from_micros(anchor.last_step_us.load(Ordering::Acquire));
        (steps, (0 < steps).then_some(last))
    }
}

impl Anchor {
    fn now_us(&self) -> i64 {
        let since = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.base_us.load(Ordering::Acquire).saturating_add(since)
    }
}

/// Lets a line of the log through once a second and counts what it held back: what happens with every packet or turn of
/// a storm must not fill the disk that the alarm log needs. One for each place that logs.
#[derive(Debug)]
pub struct Seldom {
    /// Microseconds since 1970 from which the next line may be written.
    next_us: AtomicI64,
    times: AtomicU64,
}

impl Seldom {
    /// Nothing happened yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { next_us: AtomicI64::new(i64::MIN), times: AtomicU64::new(0) }
    }

    /// It happened. How often it did since it was told last, now included; `None` while that is less than a second ago.
    #[must_use]
    pub fn tell(&self, now: Timestamp) -> Option<u64> {
        self.times.fetch_add(1, Ordering::Relaxed);
        let now_us = now.as_microsecond();
        let next_us = self.next_us.load(Ordering::Relaxed);
        let after_us = now_us.saturating_add(1_000_000);
        let is_mine = next_us <= now_us
            && self
                .next_us
                .compare_exchange(next_us, after_us, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        is_mine.then(|| self.times.swap(0, Ordering::Relaxed))
    }
}

impl Default for Seldom {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_told_once_a_second_with_its_count() {
        let seldom = Seldom::new();
        let at = |ms| Timestamp::from_millisecond(ms).expect("a time");
        assert_eq!(seldom.tell(at(5_000)), Some(1), "the first one at once");
        for ms in 5_001..6_000 {
            assert_eq!(seldom.tell(at(ms)), None, "{ms}");
        }
        assert_eq!(seldom.tell(at(6_000)), Some(1_000));
        assert_eq!(seldom.tell(at(60_000)), Some(1));
    }

    #[test]
    fn the_system_clock_never_goes_back() {
        let clock = Clock::system();
        let mut last = clock.now();
        for _ in 0..10_000 {
            let now = clock.now();
            assert!(last <= now);
            last = now;
        }
        assert_eq!(clock.reanchor(), None);
        assert_eq!(clock.steps(), (0, None));
        assert!(clock.offset().abs() < SignedDuration::from_secs(1), "{:?}", clock.offset());
    }

    #[test]
    fn who_sets_the_wall_clock_forward_is_followed_and_counted() {
        let clock = Clock::system();
        let Source::System(anchor) = &*clock.0 else { panic!("a system clock") };
        // Our clock falls behind as if the wall clock had been set forward.
        anchor.base_us.fetch_sub(5_000_000, Ordering::AcqRel);
        let before = clock.now();
        let ahead = clock.reanchor().expect("follows");
        assert!((4..=6).contains(&ahead.as_secs()), "{ahead:?}");
        assert!(before < clock.now());
        assert_eq!(clock.steps(), (1, Some(ahead)));
    }

    #[test]
    fn a_simulated_clock_moves_only_when_told() {
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.now().as_second(), 5);
        assert_eq!(clock.until(Timestamp::UNIX_EPOCH), Duration::ZERO);
    }

    #[tokio::test]
    async fn who_sleeps_wakes_when_a_simulated_clock_gets_there() {
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        let deadline = Timestamp::from_second(60).expect("a time");
        let sleep = clock.sleep_until(deadline);
        let mut sleep = std::pin::pin!(sleep);
        for seconds in [0, 59] {
            clock.advance(Duration::from_secs(seconds));
            let is_over = tokio::time::timeout(Duration::ZERO, &mut sleep).await.is_ok();
            assert!(!is_over, "{seconds}");
        }
        clock.advance(Duration::from_secs(1));
        tokio::time::timeout(Duration::from_secs(5), sleep).await.expect("wakes");
        clock.sleep_until(deadline).await;
    }

    #[tokio::test]
    async fn a_deadline_of_the_past_is_not_slept_for() {
        let clock = Clock::system();
        let sleep = clock.sleep_until(Timestamp::UNIX_EPOCH);
        tokio::time::timeout(Duration::from_secs(5), sleep).await.expect("wakes at once");
    }
}
