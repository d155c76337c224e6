//! The legs of one channel that wait, ordered so that the next one is found without looking at all of them.
//!
//! Legs that may use the same routes wait in one set: there are as many sets as there are different wishes, a handful.

use crate::id::AlarmId;
use crate::leg::{Class, LegOrder};
use std::collections::{BTreeMap, BTreeSet};

/// A set of routes, one bit each.
pub(super) type Mask = u64;

/// Legs of one urgency that may use the same routes.
type Kind = (Class, Mask);

/// Whose turn it is: fewest legs under way, then fewest that have left, so that an alarm without any call goes before the
/// second call of another; then the oldest.
type Turn = (u32, u32, AlarmId);

#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    alarms: BTreeMap<AlarmId, Queue>,
    /// Alarms that have such legs waiting, the next one first.
    ready: BTreeMap<Kind, BTreeSet<Turn>>,
    /// First-wave legs in a row that left while retries of unanswered alarms waited.
    firsts_in_row: u8,
}

#[derive(Clone, Debug, Default)]
struct Queue {
    under_way: u32,
    /// Legs that have left since it last had nothing to do.
    left: u32,
    /// In the order in which they were pushed.
    waiting: BTreeMap<Kind, BTreeMap<u64, LegOrder>>,
}

/// Out of four slots one is for retries of unanswered alarms, when they wait.
const FIRSTS_IN_ROW_MAX: u8 = 3;

impl Queue {
    fn turn(&self, alarm: AlarmId) -> Turn {
        (self.under_way, self.left, alarm)
    }
}

impl Lane {
    pub(super) fn insert(&mut self, mask: Mask, sequence: u64, order: LegOrder) {
        let alarm = order.leg.alarm;
        let queue = self.alarms.entry(alarm).or_default();
        let kind = (order.class, mask);
        queue.waiting.entry(kind).or_default().insert(sequence, order);
        self.ready.entry(kind).or_default().insert(queue.turn(alarm));
    }

    pub(super) fn remove(
        &mut self,
        alarm: AlarmId,
        kind: (Class, Mask),
        sequence: u64,
    ) -> Option<LegOrder> {
        let queue = self.alarms.get_mut(&alarm)?;
        let legs = queue.waiting.get_mut(&kind)?;
        let order = legs.remove(&sequence)?;
        if legs.is_empty() {
            queue.waiting.remove(&kind);
            Self::unready(&mut self.ready, kind, queue.turn(alarm));
        }
        self.forget_if_idle(alarm);
        Some(order)
    }

    fn unready(ready: &mut BTreeMap<Kind, BTreeSet<Turn>>, kind: Kind, turn: Turn) {
        if let Some(alarms) = ready.get_mut(&kind) {
            alarms.remove(&turn);
            if alarms.is_empty() {
                ready.remove(&kind);
            }
        }
    }

    fn forget_if_idle(&mut self, alarm: AlarmId) {
        let is_idle = |queue: &Queue| queue.under_way == 0 && queue.waiting.is_empty();
        if self.alarms.get(&alarm).is_some_and(is_idle) {
            self.alarms.remove(&alarm);
        }
    }

    /// Counts a leg of the alarm that left (`+1`) or ended (`-1`).
    pub(super) fn count(&mut self, alarm: AlarmId, change: i32) {
        let queue = self.alarms.entry(alarm).or_default();
        let before = queue.turn(alarm);
        queue.under_way = queue.under_way.saturating_add_signed(change);
        queue.left = queue.left.saturating_add_signed(change.max(0));
        let turn = queue.turn(alarm);
        for kind in queue.waiting.keys() {
            if let Some(alarms) = self.ready.get_mut(kind) {
                alarms.remove(&before);
                alarms.insert(turn);
            }
        }
        self.forget_if_idle(alarm);
    }

    /// Takes out the leg that the next free slot belongs to. `can_leave` tells whether legs of this mask have a slot.
    pub(super) fn pop(
        &mut self,
        can_leave: impl Fn(Mask) -> bool,
    ) -> Option<(u64, LegOrder, Mask)> {
        let of = |class: Class| {
            let kinds = self.ready.range((class, 0)..=(class, Mask::MAX));
            kinds
                .filter(|((_, mask), _)| can_leave(*mask))
                .filter_map(|(kind, alarms)| Some((*alarms.first()?, *kind)))
                .min()
        };
        let (first, unanswered) = (of(Class::First), of(Class::UnansweredRetry));
        let has_turn = FIRSTS_IN_ROW_MAX <= self.firsts_in_row;
        let next = if has_turn { unanswered.or(first) } else { first.or(unanswered) };
        let later = || [Class::Retry, Class::Notice, Class::Drill].into_iter().find_map(of);
        let ((_, _, alarm), kind) = next.or_else(later)?;
        let legs = self.alarms.get(&alarm)?.waiting.get(&kind)?;
        let sequence = *legs.first_key_value()?.0;
        let order = self.remove(alarm, kind, sequence)?;
        Some((sequence, order, kind.1))
    }

    /// Remembers that a leg of this class has left, for the quarter of the retries.
    pub(super) fn has_left(&mut self, class: Class) {
        match class {
            Class::First => {
                let mut waiting = self
                    .ready
                    .range((Class::UnansweredRetry, 0)..=(Class::UnansweredRetry, Mask::MAX));
                let is_counted = waiting.next().is_some();
                self.firsts_in_row =
                    if is_counted { self.firsts_in_row.saturating_add(1) } else { 0 };
            }
            Class::UnansweredRetry => self.firsts_in_row = 0,
            Class::Retry | Class::Notice | Class::Drill => {}
        }
    }

    /// The masks of the legs that wait.
    pub(super) fn masks(&self) -> impl Iterator<Item = Mask> {
        self.ready.keys().map(|(_, mask)| *mask)
    }

    /// For each alarm with first-wave legs, how many wait.
    pub(super) fn firsts(&self) -> impl Iterator<Item = usize> {
        self.alarms.values().map(|queue| {
            let kinds = queue.waiting.range((Class::First, 0)..=(Class::First, Mask::MAX));
            kinds.map(|(_, legs)| legs.len()).sum()
        })
    }

    /// Whether retries of unanswered alarms wait.
    pub(super) fn has_unanswered(&self) -> bool {
        self.ready.keys().any(|(class, _)| *class == Class::UnansweredRetry)
    }
}
