//! What is on the routes now, and a copy of it to try things on. Changes nothing.

use super::Dispatch;
use crate::id::{AlarmId, LegId};
use crate::leg::{Channel, RouteName};
use jiff::Timestamp;

/// Legs that a copy may hold. More take too long to copy beside alarms that ring; it takes a millisecond for so many.
pub const COPY_MAX: usize = 2_000;

/// How busy a route is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteLoad {
    /// Its name in the configuration.
    pub name: RouteName,
    /// What goes over it.
    pub channel: Channel,
    /// New legs go over it.
    pub is_up: bool,
    /// Calls, or messages not yet taken, that may be under way at once.
    pub channels: u32,
    /// How many are.
    pub under_way: u32,
    /// Legs that may leave in any second.
    pub per_second: u32,
    /// How many left in the last one.
    pub left_lately: u32,
}

impl Dispatch {
    /// The same again, to try things on; `None` while it holds more than [`COPY_MAX`].
    #[must_use]
    pub fn copy(&self) -> Option<Self> {
        let remembered: usize = self.routes.iter().map(|state| state.remembered()).sum();
        let held = self.waiting.len().saturating_add(self.under_way.len());
        (held.saturating_add(remembered) <= COPY_MAX).then(|| self.clone())
    }

    /// How busy each route is.
    #[must_use]
    pub fn loads(&self, now: Timestamp) -> Vec<RouteLoad> {
        let load = |state: &super::RouteState| RouteLoad {
            name: RouteName::clone(&state.route.name),
            channel: state.route.channel,
            is_up: state.is_up,
            channels: state.route.channels,
            under_way: state.under_way,
            per_second: state.route.per_second,
            left_lately: state.left_lately(now),
        };
        self.routes.iter().map(load).collect()
    }

    /// How many legs of an alarm wait.
    #[must_use]
    pub fn waiting_of(&self, alarm: AlarmId) -> usize {
        let (first, last) = (LegId { alarm, number: 0 }, LegId { alarm, number: u32::MAX });
        self.waiting.range(first..=last).count()
    }

    /// The legs that are under way, by id.
    #[must_use]
    pub fn legs_under_way(&self) -> Vec<(LegId, Channel)> {
        #[expect(clippy::disallowed_methods, reason = "sorted before anybody sees it")]
        let legs = self.under_way.iter();
        let mut legs: Vec<_> = legs.map(|(leg, on)| (*leg, on.channel)).collect();
        legs.sort_unstable();
        legs
    }
}
