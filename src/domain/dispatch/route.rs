//! One route: how fast, how many at once, how often the same callee.

use crate::leg::{Channel, RouteName};
use crate::phone::PhoneNumber;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, VecDeque};

/// Legs of one channel in the first wave of an alarm: nine neighbours and the duty worker.
const FIRST_WAVE: u32 = 10;
/// Attempts at a callee that are left to alarms, where a provider counts them: the call, and again when it is busy or
/// nobody answers.
const TRIES_LEFT: u32 = 3;

/// A trunk or provider, as far as sharing it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name in the configuration.
    pub name: RouteName,
    /// What goes over it.
    pub channel: Channel,
    /// Calls or messages that may leave in any second.
    pub per_second: u32,
    /// Calls, or messages not yet taken, that may be under way at once.
    pub channels: u32,
    /// How often one callee may be tried over it; all must hold.
    pub callee_budgets: Vec<CalleeBudget>,
    /// Lower goes first; equal ones share.
    pub preference: u8,
}

/// A provider's limit for one callee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalleeBudget {
    /// Attempts.
    pub calls: u32,
    /// In any time of so many seconds.
    pub per_s: u32,
}

/// A route and what is under way on it.
#[derive(Clone, Debug)]
pub(super) struct RouteState {
    pub(super) route: Route,
    pub(super) is_up: bool,
    pub(super) under_way: u32,
    /// Departures of the last second; at most `per_second` of them.
    departures: VecDeque<Timestamp>,
    callees: Callees,
}

/// Departures per callee, as far back as the longest budget looks.
#[derive(Clone, Debug, Default)]
struct Callees {
    by_number: HashMap<PhoneNumber, VecDeque<Timestamp>>,
    by_age: VecDeque<(Timestamp, PhoneNumber)>,
}

fn after(at: Timestamp, seconds: u32) -> Timestamp {
    let duration = SignedDuration::from_secs(i64::from(seconds));
    at.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

impl RouteState {
    pub(super) fn new(route: Route) -> Self {
        let (departures, callees) = (VecDeque::new(), Callees::default());
        Self { route, is_up: true, under_way: 0, departures, callees }
    }

    /// Departures to callees that are remembered for the budgets.
    pub(super) fn remembered(&self) -> usize {
        self.callees.by_age.len()
    }

    /// How many left in the second before.
    pub(super) fn left_lately(&self, now: Timestamp) -> u32 {
        let is_lately = |at: &&Timestamp| now < after(**at, 1);
        u32::try_from(self.departures.iter().filter(is_lately).count()).unwrap_or(u32::MAX)
    }

    pub(super) fn has_channel(&self) -> bool {
        self.is_up && self.under_way < self.route.channels
    }

    /// When the rate lets the next one leave; in the past if it may now.
    pub(super) fn rate_free_at(&self) -> Timestamp {
        let kept = u32::try_from(self.departures.len()).unwrap_or(u32::MAX);
        match self.departures.front() {
            Some(_) if kept < self.route.per_second => Timestamp::MIN,
            Some(oldest) => after(*oldest, 1),
            None if self.route.per_second == 0 => Timestamp::MAX,
            None => Timestamp::MIN,
        }
    }

    pub(super) fn has_slot(&self, now: Timestamp) -> bool {
        self.has_channel() && self.rate_free_at() <= now
    }

    /// When the provider takes the next attempt at this callee; in the past if it does now.
    pub(super) fn callee_free_at(&self, number: &PhoneNumber) -> Timestamp {
        let Some(times) = self.callees.by_number.get(number) else { return Timestamp::MIN };
        let free_at = |budget: &CalleeBudget| {
            let nth = usize::try_from(budget.calls.max(1)).unwrap_or(usize::MAX);
            let index = times.len().checked_sub(nth);
            let at = index.and_then(|index| times.get(index));
            at.map_or(Timestamp::MIN, |at| after(*at, budget.per_s))
        };
        self.route.callee_budgets.iter().map(free_at).max().unwrap_or(Timestamp::MIN)
    }

    /// Whether a leg that can wait may take a slot: [`FIRST_WAVE`] legs that come next find theirs, as far as the route
    /// has so many at all, and [`TRIES_LEFT`] attempts at this callee are left.
    pub(super) fn can_spare(&self, number: &PhoneNumber, now: Timestamp) -> bool {
        let leaves_room = |all: u32, taken: u32| {
            let left = all.checked_sub(taken.saturating_add(1));
            left.is_some_and(|left| FIRST_WAVE.min(all.saturating_sub(1)) <= left)
        };
        let recent = self.departures.iter().filter(|at| now < after(**at, 1)).count();
        let recent = u32::try_from(recent).unwrap_or(u32::MAX);
        let has_tries = |budget: &CalleeBudget| {
            let times = self.callees.by_number.get(number).into_iter().flatten();
            let used = times.filter(|at| now < after(**at, budget.per_s)).count();
            let used = u32::try_from(used).unwrap_or(u32::MAX);
            TRIES_LEFT <= budget.calls.saturating_sub(used.saturating_add(1))
        };
        self.is_up
            && leaves_room(self.route.channels, self.under_way)
            && leaves_room(self.route.per_second, recent)
            && self.route.callee_budgets.iter().all(has_tries)
    }

    pub(super) fn leaves(&mut self, number: &PhoneNumber, now: Timestamp) {
        self.under_way = self.under_way.saturating_add(1);
        self.departures.push_back(now);
        let per_second = usize::try_from(self.route.per_second).unwrap_or(usize::MAX);
        if per_second < self.departures.len() {
            self.departures.pop_front();
        }
        let Some(longest) = self.route.callee_budgets.iter().map(|budget| budget.per_s).max()
        else {
            return;
        };
        self.callees.forget_before(now, longest);
        self.callees.by_number.entry(number.clone()).or_default().push_back(now);
        self.callees.by_age.push_back((now, number.clone()));
    }
}

impl Callees {
    fn forget_before(&mut self, now: Timestamp, longest_s: u32) {
        let is_past = |(at, _): &mut (Timestamp, PhoneNumber)| after(*at, longest_s) <= now;
        while let Some((_, number)) = self.by_age.pop_front_if(is_past) {
            if let Some(times) = self.by_number.get_mut(&number) {
                times.pop_front();
                if times.is_empty() {
                    self.by_number.remove(&number);
                }
            }
        }
    }
}
