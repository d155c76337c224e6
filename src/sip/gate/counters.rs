//! What a gate did, counted.

use super::{DropReason, Verdict};

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// One number per thing that can happen to a packet; they only grow.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct GateCounters {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl GateCounters {
            /// Names and values, for metrics.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Messages handed on.
    passed,
    /// Signs of life.
    keepalives,
    /// Unreadable or contradictory requests.
    answered_400,
    /// Methods we do not offer.
    answered_405,
    /// Bodies beyond the bound.
    answered_413,
    /// First lines beyond the bound.
    answered_414,
    /// Request-URIs of a scheme we do not know.
    answered_416,
    /// Required extensions we do not have.
    answered_420,
    /// Methods nobody knows.
    answered_501,
    /// Versions other than 2.0.
    answered_505,
    /// Messages, headers or lines beyond the bound.
    answered_513,
    /// Shed: one source sent too much.
    dropped_source_rate,
    /// Shed: all strangers together sent too much.
    dropped_strangers_rate,
    /// Unreadable, nobody to tell.
    dropped_malformed,
    /// Responses that are another's.
    dropped_misrouted,
    /// ACKs of refused requests.
    dropped_acks,
}

impl GateCounters {
    pub(super) fn count(&mut self, verdict: &Verdict) {
        let counter = match verdict {
            Verdict::Pass(_) => &mut self.passed,
            Verdict::Keepalive(_) => &mut self.keepalives,
            Verdict::Answer(answer) => self.of_status(answer.status),
            Verdict::Drop(DropReason::SourceRate) => &mut self.dropped_source_rate,
            Verdict::Drop(DropReason::StrangersRate) => &mut self.dropped_strangers_rate,
            Verdict::Drop(DropReason::Malformed(_)) => &mut self.dropped_malformed,
            Verdict::Drop(DropReason::Misrouted) => &mut self.dropped_misrouted,
            Verdict::Drop(DropReason::RefusedAck) => &mut self.dropped_acks,
        };
        *counter = counter.saturating_add(1);
    }

    fn of_status(&mut self, status: u16) -> &mut u64 {
        match status {
            405 => &mut self.answered_405,
            413 => &mut self.answered_413,
            414 => &mut self.answered_414,
            416 => &mut self.answered_416,
            420 => &mut self.answered_420,
            501 => &mut self.answered_501,
            505 => &mut self.answered_505,
            513 => &mut self.answered_513,
            _ => &mut self.answered_400,
        }
    }
}
