//! Pauses, repeats and budgets of a policy: each may be set, within bounds in which no alarm falls silent.

use crate::plan::Policy;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

macro_rules! paces {
    ($($(#[$doc:meta])* $name:ident: $type:ty, $range:expr;)+) => {
        /// Where a policy differs from the pace of the service; see the fields of the same names of [`Policy`].
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Pace {
            $(
                $(#[$doc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $name: Option<$type>,
            )+
            /// Pauses after a busy signal, the first and any later time: 5 to 300 s.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub busy_retry_s: Option<[u16; 2]>,
        }

        /// A setting of [`Pace`] that is out of its bounds.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct PaceField {
            /// Its name.
            pub name: &'static str,
            /// What it is.
            pub value: u32,
            /// What it may be.
            pub range: RangeInclusive<u32>,
        }

        impl Pace {
            /// Sets what is said here.
            pub fn apply(&self, policy: &mut Policy) {
                $(if let Some(value) = self.$name { policy.$name = value; })+
                if let Some(pauses) = self.busy_retry_s {
                    policy.busy_retry_s = pauses;
                }
            }

            /// The settings that are out of their bounds.
            pub fn out_of_bounds(&self) -> impl Iterator<Item = PaceField> {
                let said = [$((stringify!($name), self.$name.map(u32::from), $range)),+];
                let busy = self.busy_retry_s.into_iter().flatten();
                let busy = busy.map(|pause| ("busy_retry_s", Some(u32::from(pause)), 5..=300));
                said.into_iter().chain(busy).filter_map(|(name, value, range)| {
                    let value = value.filter(|value| !range.contains(value))?;
                    Some(PaceField { name, value, range })
                })
            }
        }
    };
}

paces! {
    /// How long a phone rings: 15 to 90 s.
    ring_timeout_s: u16, 15..=90;
    /// Pause before the second ring: 61 to 170 s, so that it passes Do Not Disturb.
    no_answer_retry_s: u16, 61..=170;
    /// Pause between waves for neighbours at first: 30 to 600 s.
    wave_s: u16, 30..=600;
    /// Longest pause between waves for neighbours: 30 to 600 s.
    wave_max_s: u16, 30..=600;
    /// Pause between waves for duty workers: 30 to 600 s.
    duty_wave_s: u16, 30..=600;
    /// Calls to one number in any hour, for neighbours: 2 to 60, for one call is no repeat.
    calls_per_hour_max: u16, 2..=60;
    /// Calls to one number in any hour, for duty workers: 6 to 60.
    duty_calls_per_hour_max: u16, 6..=60;
    /// How long an alarm that the line did not prove waits before it widens: 0 to 120 s.
    weak_wait_s: u16, 0..=120;
    /// An SMS without a receipt for so long is late: 5 to 300 s.
    receipt_s: u16, 5..=300;
    /// Who is coming and not at the door for so long is asked again: 60 to 3600 s.
    arrival_s: u16, 60..=3600;
    /// How long an answer to that is waited for: 30 to 600 s.
    arrival_grace_s: u16, 30..=600;
    /// From the arrival to the reminder to close: 300 s to a week.
    close_s: u32, 300..=604_800;
}
