//! Kinds of alarms: what is the matter, as far as anybody has said.

use serde::{Deserialize, Serialize};

/// What is the matter. Nobody has to say so: an alarm begins as unknown.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// Nobody has said.
    #[default]
    Unknown,
    /// Fire.
    Fire,
    /// An intruder, a thief, violence.
    Intruder,
    /// Somebody is ill or hurt.
    Illness,
    /// Flood, burst pipes.
    Flood,
    /// Something else.
    Other,
}

impl AlarmKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Fire, Self::Intruder, Self::Illness, Self::Flood, Self::Other];

    /// The kind that a digit after the alarm code names: 1 fire, 2 intruder, 3 illness, 4 other, 5 flood.
    #[must_use]
    pub fn of_digit(digit: char) -> Option<Self> {
        match digit {
            '1' => Some(Self::Fire),
            '2' => Some(Self::Intruder),
            '3' => Some(Self::Illness),
            '4' => Some(Self::Other),
            '5' => Some(Self::Flood),
            _ => None,
        }
    }
}
