//! Identities of everything that the service remembers: newtypes, never bare integers.
//!
//! Directory ids come from the database, alarm ids from the shell (`AlarmId::from_parts`), leg ids from the alarm.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

macro_rules! directory_id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<u32> for $name {
            fn from(id: u32) -> Self {
                Self(id)
            }
        }

        impl From<$name> for u32 {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

directory_id! {
    /// A street (街道): the top of the directory tree.
    StreetId,
    /// A community (社区).
    CommunityId,
    /// A grid (网格) of about 300 households.
    GridId,
    /// A group (联防组) of about ten households that protect each other.
    GroupId,
    /// A household (联防户).
    HouseholdId,
    /// A landline (线路) of a household.
    LineId,
    /// A person of a household (联系人).
    ContactId,
    /// A community worker (社区工作者).
    WorkerId,
    /// Somebody outside the group who may be called: a personal helper, a building head, a patrol, a volunteer.
    ResponderId,
    /// A stored policy: who is called, in which order, and how often.
    PolicyId,
    /// A post of the duty roster (岗位).
    PostId,
    /// A shift of a post (班次).
    ShiftId,
    /// A rotation of workers (轮班).
    RotationId,
    /// One who holds a post for a while whatever its shifts say (替班).
    OverrideId,
    /// A swap of duty between two workers (换班).
    SwapId,
    /// An absence of a worker (请假).
    AbsenceId,
    /// A drill of many doors (演练).
    DrillId,
    /// An account of somebody who signs in (账号).
    AccountId,
}

/// One alarm, from trigger to close.
///
/// Sorts by the time it was raised. Written as 13 characters of Crockford's base 32, which people can read aloud.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlarmId(pub u64);

/// Start of the time in an [`AlarmId`]: 2020-01-01T00:00:00Z, in milliseconds since 1970.
const EPOCH_MS: u64 = 1_577_836_800_000;
const NODE_BITS: u32 = 8;
const COUNTER_BITS: u32 = 14;
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ALARM_ID_CHARS: usize = 13;

impl AlarmId {
    /// Makes an id from the time in milliseconds since 1970, the node, and a counter of the node (its low 14 bits count).
    #[must_use]
    pub fn from_parts(unix_ms: u64, node: u8, counter: u32) -> Self {
        let ms = unix_ms.saturating_sub(EPOCH_MS);
        let counter = u64::from(counter & ((1 << COUNTER_BITS) - 1));
        Self((ms << (NODE_BITS + COUNTER_BITS)) | (u64::from(node) << COUNTER_BITS) | counter)
    }

    /// When it was made, in milliseconds since 1970.
    #[must_use]
    pub fn unix_ms(self) -> u64 {
        (self.0 >> (NODE_BITS + COUNTER_BITS)).saturating_add(EPOCH_MS)
    }
}

impl fmt::Display for AlarmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in (0..ALARM_ID_CHARS).rev() {
            let digit = (self.0 >> (5 * place)) & 31;
            fmt::Write::write_char(f, char::from(BASE32[digit as usize]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for AlarmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlarmId({self})")
    }
}

/// The text is no [`AlarmId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read an alarm id: need {ALARM_ID_CHARS} characters 0-9 a-z without i l o u")]
pub struct AlarmIdError;

impl FromStr for AlarmId {
    type Err = AlarmIdError;

    fn from_str(text: &str) -> Result<Self, AlarmIdError> {
        if text.len() != ALARM_ID_CHARS {
            return Err(AlarmIdError);
        }
        let mut value: u64 = 0;
        for (index, byte) in text.bytes().enumerate() {
            let digit = BASE32
                .iter()
                .position(|&known| known == byte.to_ascii_lowercase())
                .ok_or(AlarmIdError)?;
            if index == 0 && digit > 15 {
                return Err(AlarmIdError);
            }
            value = (value << 5) | digit as u64;
        }
        Ok(Self(value))
    }
}

impl Serialize for AlarmId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AlarmId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One leg of an alarm: one attempt to reach one number by one channel. Numbered from 1 within its alarm,
/// so that a restarted node derives the same Call-ID and can still end what rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LegId {
    /// The alarm that the leg belongs to.
    pub alarm: AlarmId,
    /// Counts the legs of the alarm, from 1.
    pub number: u32,
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.alarm, self.number)
    }
}

impl FromStr for LegId {
    type Err = AlarmIdError;

    fn from_str(text: &str) -> Result<Self, AlarmIdError> {
        let (alarm, number) = text.split_once('-').ok_or(AlarmIdError)?;
        Ok(Self { alarm: alarm.parse()?, number: number.parse().map_err(|_| AlarmIdError)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_id_reads_back() {
        for id in [AlarmId(0), AlarmId(u64::MAX), AlarmId::from_parts(1_795_305_600_123, 7, 99)] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for wrong in ["", "zzzzzzzzzzzzz", "01k3xu0000000", "0123"] {
            assert_eq!(wrong.parse::<AlarmId>(), Err(AlarmIdError), "{wrong}");
        }
    }

    #[test]
    fn later_alarms_sort_later() {
        assert!(
            AlarmId::from_parts(EPOCH_MS + 1, 255, u32::MAX)
                < AlarmId::from_parts(EPOCH_MS + 2, 0, 0)
        );
    }

    #[test]
    fn a_leg_id_reads_back() {
        let leg = LegId { alarm: AlarmId(12345), number: 17 };
        assert_eq!(leg.to_string().parse(), Ok(leg));
    }
}
