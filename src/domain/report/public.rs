//! What may be told to everybody: whole months, and no figure that is made of so few that neighbours could tell whose.
//!
//! A count below [`FEW`] is [`Count::Few`]. What could be reckoned back is left out with it: a sum is told only if none of
//! its parts is hidden, a share only if both sides of it could be told.

use super::{Figures, Spread};

/// Fewer than this many are not told.
pub const FEW: u32 = 5;

/// A count for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Fewer than [`FEW`], or none.
    Few,
    /// So many.
    Exactly(u32),
}

impl Count {
    /// A count as it is told.
    #[must_use]
    pub fn of(count: u32) -> Self {
        if count < FEW { Self::Few } else { Self::Exactly(count) }
    }

    /// The count, if it is told.
    #[must_use]
    pub fn told(self) -> Option<u32> {
        match self {
            Self::Few => None,
            Self::Exactly(count) => Some(count),
        }
    }
}

/// The sum of counts that are told beside it; `None` if one of them is not.
#[must_use]
pub fn sum(parts: &[u32]) -> Option<u32> {
    let told = parts.iter().map(|part| Count::of(*part).told());
    told.sum::<Option<u32>>()
}

/// Times as they are told: nothing of few alarms, and the last hundredth only of many.
#[must_use]
pub fn spread(times: Spread) -> Spread {
    let Spread { count, p50, p90, p99 } = times;
    // A percentile is the time of one alarm: it is told where it stands for several.
    let of = |percentile: Option<u64>, least: u32| percentile.filter(|_| least <= count);
    Spread {
        count: Count::of(count).told().unwrap_or_default(),
        p50: of(p50, 2 * FEW),
        p90: of(p90, 10 * FEW),
        p99: of(p99, 100 * FEW),
    }
}

/// False alarms of a hundred; `None` where few were false, or few were not.
#[must_use]
pub fn false_percent(figures: &Figures) -> Option<u8> {
    let is_told = |count| Count::of(count) != Count::Few;
    let both = is_told(figures.false_alarms) && is_told(figures.genuine);
    figures.false_percent().filter(|_| both)
}
