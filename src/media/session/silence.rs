//! How long a peer has said nothing.

use std::time::Duration;

/// How long nothing was heard, counted in frames rather than by the clock: a clock that was set or a thread that stood
/// still is no silence of the peer.
#[derive(Debug)]
pub(super) struct Silence {
    /// `None` when no silence is too long.
    limit_ms: Option<u32>,
    heard_ms_ago: u32,
    is_told: bool,
    is_due: bool,
}

impl Silence {
    /// A silence is too long after `timeout`; never when that is nothing.
    pub(super) fn new(timeout: Duration) -> Self {
        let limit_ms = match u32::try_from(timeout.as_millis()) {
            Ok(0) => None,
            Ok(limit_ms) => Some(limit_ms),
            Err(_) => Some(u32::MAX),
        };
        Self { limit_ms, heard_ms_ago: 0, is_told: false, is_due: false }
    }

    /// Whether it became too long since the last call.
    pub(super) fn poll(&mut self) -> bool {
        std::mem::take(&mut self.is_due)
    }

    /// Something was heard.
    pub(super) fn on_heard(&mut self) {
        (self.heard_ms_ago, self.is_told) = (0, false);
    }

    /// A frame passed. `is_expected` where the peer may send at all.
    pub(super) fn on_frame(&mut self, ptime_ms: u8, is_expected: bool) {
        if !is_expected {
            return self.on_heard();
        }
        self.heard_ms_ago = self.heard_ms_ago.saturating_add(u32::from(ptime_ms));
        let is_long = self.limit_ms.is_some_and(|limit_ms| limit_ms <= self.heard_ms_ago);
        if is_long && !self.is_told {
            (self.is_told, self.is_due) = (true, true);
        }
    }
}
