//! The only reader of clocks: one monotonic clock for everything that is measured, and the date for codes.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads a clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads a clock")]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
