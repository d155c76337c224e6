//! The only reader of the clock: one monotonic clock for everything that is measured.

use std::time::Instant;

/// The time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads a clock")]
pub fn now() -> Instant {
    Instant::now()
}
