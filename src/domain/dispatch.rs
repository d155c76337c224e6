//! Shares the routes among the alarms that want to ring at the same time. A protocol machine: pure, one owner.
//!
//! Fair by construction: a free slot goes to the alarm with the fewest legs under way, so that a second house on fire
//! never waits for the last neighbour of the first; ties go to the alarm of which the fewest have left, then to the
//! older one. Within an alarm legs leave in the order in which they were pushed: the duty worker, then the nearest. First
//! waves go before retries, but of four slots one is for retries of alarms that nobody answered, when they wait. One call
//! of ours per callee number at a time.
//!
//! Must not know what a leg is for, nor drop a first wave for want of room.

mod lane;
mod load;
mod route;

pub use load::{COPY_MAX, RouteLoad};
pub use route::{CalleeBudget, Route};

use crate::id::LegId;
use crate::leg::{Channel, Class, LegOrder, RouteName};
use crate::phone::PhoneNumber;
use jiff::{SignedDuration, Timestamp};
use lane::{Lane, Mask};
use route::RouteState;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Routes of one dispatch: as many as a mask has bits.
pub const ROUTES_MAX: usize = 64;
/// How long a call lasts on average, for estimates: half of them are not answered.
pub const CALL_S: i64 = 45;
const CLASSES: [Class; 5] =
    [Class::First, Class::UnansweredRetry, Class::Retry, Class::Notice, Class::Drill];

/// More routes were configured than can be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot share more than {ROUTES_MAX} routes")]
pub struct TooManyRoutes;

/// What became of a pushed leg.
#[derive(Debug)]
pub enum Pushed {
    /// It waits for a slot.
    Waits,
    /// It waits, and this one does not any more: there was no room for both. Its alarm is to be told that it ended as
    /// [`Cancelled`](crate::leg::LegOutcome::Cancelled); the next wave makes up for it.
    Shed(Box<LegOrder>),
    /// It waits or is under way already.
    Known,
}

/// Shares routes among alarms.
#[derive(Clone, Debug)]
pub struct Dispatch {
    routes: Vec<RouteState>,
    voice: Lane,
    sms: Lane,
    /// Every leg that waits.
    waiting: BTreeMap<LegId, Place>,
    waiting_max: usize,
    /// The same by class and age.
    by_age: [BTreeMap<u64, (LegId, Timestamp)>; CLASSES.len()],
    under_way: HashMap<LegId, UnderWay>,
    callees: HashMap<PhoneNumber, Callee>,
    /// Legs whose callee no provider takes before this time.
    delayed: BTreeMap<(Timestamp, u64), LegOrder>,
    /// Legs that were delayed since [`Dispatch::poll_put_off`] was asked last.
    newly_delayed: BTreeSet<LegId>,
    /// Numbers behind whose call another one was put, until [`Dispatch::poll_parked`].
    newly_parked: BTreeSet<PhoneNumber>,
    sequence: u64,
    shed: [u64; CLASSES.len()],
}

/// Where a waiting leg is.
#[derive(Clone, Debug)]
struct Place {
    sequence: u64,
    channel: Channel,
    class: Class,
    spot: Spot,
}

#[derive(Clone, Debug)]
enum Spot {
    Lane(Mask),
    /// Behind another call to this number.
    Callee(PhoneNumber),
    Delayed(Timestamp),
}

#[derive(Clone, Debug)]
struct UnderWay {
    route: usize,
    channel: Channel,
    number: PhoneNumber,
}

/// A number that one of our calls is under way to, or for which one of several calls was let go to a lane.
#[derive(Clone, Debug, Default)]
struct Callee {
    is_busy: bool,
    /// The others, the most urgent first.
    parked: BTreeMap<(Class, u64), LegOrder>,
}

impl Dispatch {
    /// Starts with every route up. At most `waiting_max` legs wait, first waves not counted against it: there are never
    /// more of those than open alarms have phones.
    ///
    /// # Errors
    /// More routes than [`ROUTES_MAX`].
    pub fn new(routes: Vec<Route>, waiting_max: usize) -> Result<Self, TooManyRoutes> {
        if ROUTES_MAX < routes.len() {
            return Err(TooManyRoutes);
        }
        Ok(Self {
            routes: routes.into_iter().map(RouteState::new).collect(),
            voice: Lane::default(),
            sms: Lane::default(),
            waiting: BTreeMap::new(),
            waiting_max,
            by_age: Default::default(),
            under_way: HashMap::new(),
            callees: HashMap::new(),
            delayed: BTreeMap::new(),
            newly_delayed: BTreeSet::new(),
            newly_parked: BTreeSet::new(),
            sequence: 0,
            shed: [0; CLASSES.len()],
        })
    }

    /// Takes a leg up. When there is no room, the oldest retry goes, least urgent class first; a first wave never does.
    pub fn push(&mut self, order: LegOrder, now: Timestamp) -> Pushed {
        let leg = order.leg;
        if self.is_known(leg) {
            return Pushed::Known;
        }
        let sequence = self.sequence;
        self.sequence += 1;
        self.by_age[order.class as usize].insert(sequence, (leg, now));
        self.enter(sequence, order);
        if self.waiting.len() <= self.waiting_max {
            return Pushed::Waits;
        }
        let oldest = [Class::Drill, Class::Notice, Class::Retry, Class::UnansweredRetry]
            .into_iter()
            .find_map(|class| Some((class, self.by_age[class as usize].first_key_value()?.1.0)));
        let Some((class, oldest)) = oldest else { return Pushed::Waits };
        let Some(order) = self.withdraw(oldest) else { return Pushed::Waits };
        self.shed[class as usize] += 1;
        Pushed::Shed(Box::new(order))
    }

    /// Puts a leg among those that wait for a slot.
    fn enter(&mut self, sequence: u64, order: LegOrder) {
        let mut mask = 0;
        for (index, state) in self.routes.iter().enumerate() {
            let is_failed = order.routes_failed.contains(&state.route.name);
            if state.route.channel == order.channel && !is_failed {
                mask |= 1 << index;
            }
        }
        self.enter_lane(sequence, order, mask);
    }

    fn enter_lane(&mut self, sequence: u64, order: LegOrder, mask: Mask) {
        self.place(&order, sequence, Spot::Lane(mask));
        self.lane(order.channel).insert(mask, sequence, order);
    }

    fn place(&mut self, order: &LegOrder, sequence: u64, spot: Spot) {
        let place = Place { sequence, channel: order.channel, class: order.class, spot };
        self.waiting.insert(order.leg, place);
    }

    fn lane(&mut self, channel: Channel) -> &mut Lane {
        match channel {
            Channel::Voice => &mut self.voice,
            Channel::Sms => &mut self.sms,
        }
    }

    /// Hands out the next leg with the route that it is to take, or `None` until something changes or
    /// [`Dispatch::poll_timeout`] has come. Whoever takes it says [`Dispatch::on_ended`] some day.
    pub fn poll(&mut self, now: Timestamp) -> Option<(LegOrder, RouteName)> {
        while let Some((&(at, sequence), _)) = self.delayed.first_key_value()
            && at <= now
        {
            if let Some(order) = self.delayed.remove(&(at, sequence)) {
                self.enter(sequence, order);
            }
        }
        [Channel::Voice, Channel::Sms].into_iter().find_map(|channel| self.poll_lane(channel, now))
    }

    fn poll_lane(&mut self, channel: Channel, now: Timestamp) -> Option<(LegOrder, RouteName)> {
        let up = self.mask(|state| state.route.channel == channel && state.is_up);
        let free = self.mask(|state| state.route.channel == channel && state.has_slot(now));
        if free == 0 {
            return None;
        }
        loop {
            let can_leave = |mask| usable(mask, up) & free != 0;
            let (sequence, order, mask) = self.lane(channel).pop(can_leave)?;
            if channel == Channel::Voice
                && let Some(callee) = self.callees.get_mut(&order.number)
                && callee.is_busy
            {
                let spot = Spot::Callee(order.number.clone());
                callee.parked.insert((order.class, sequence), order.clone());
                self.newly_parked.insert(order.number.clone());
                self.place(&order, sequence, spot);
                continue;
            }
            let wanted = usable(mask, up);
            let open = wanted & self.mask(|state| state.callee_free_at(&order.number) <= now);
            if open == 0 {
                let at = self.callee_free_at(wanted, &order.number);
                self.place(&order, sequence, Spot::Delayed(at));
                self.newly_delayed.insert(order.leg);
                self.delayed.insert((at, sequence), order);
            } else if let Some(route) = self.best_route(open & free) {
                return Some(self.leave(sequence, order, route, now));
            } else {
                // Those that have a slot would be refused for this callee: it waits for the others.
                self.enter_lane(sequence, order, open);
            }
        }
    }

    fn mask(&self, is_meant: impl Fn(&RouteState) -> bool) -> Mask {
        let states = self.routes.iter().enumerate();
        states.filter(|(_, state)| is_meant(state)).fold(0, |mask, (index, _)| mask | 1 << index)
    }

    fn of(&self, mask: Mask) -> impl Iterator<Item = (usize, &RouteState)> {
        self.routes.iter().enumerate().filter(move |(index, _)| mask & 1 << index != 0)
    }

    fn callee_free_at(&self, mask: Mask, number: &PhoneNumber) -> Timestamp {
        let times = self.of(mask).map(|(_, state)| state.callee_free_at(number));
        times.min().unwrap_or(Timestamp::MAX)
    }

    /// The preferred route; of equal ones the one with the most channels left.
    fn best_route(&self, mask: Mask) -> Option<usize> {
        let left = |state: &RouteState| state.route.channels.saturating_sub(state.under_way);
        let routes = self.of(mask);
        routes
            .min_by_key(|(_, state)| (state.route.preference, std::cmp::Reverse(left(state))))
            .map(|(index, _)| index)
    }

    fn leave(
        &mut self,
        sequence: u64,
        order: LegOrder,
        route: usize,
        now: Timestamp,
    ) -> (LegOrder, RouteName) {
        self.waiting.remove(&order.leg);
        self.by_age[order.class as usize].remove(&sequence);
        let channel = order.channel;
        let lane = self.lane(channel);
        lane.has_left(order.class);
        lane.count(order.leg.alarm, 1);
        if channel == Channel::Voice {
            self.callees.entry(order.number.clone()).or_default().is_busy = true;
        }
        let number = order.number.clone();
        self.under_way.insert(order.leg, UnderWay { route, channel, number });
        let state = &mut self.routes[route];
        state.leaves(&order.number, now);
        let name = RouteName::clone(&state.route.name);
        (order, name)
    }

    /// A leg that was put off for longer than `at_most`, since no provider takes another one to its callee before; each
    /// is told once. It goes on waiting unless it is withdrawn.
    pub fn poll_put_off(&mut self, at_most: SignedDuration, now: Timestamp) -> Option<LegId> {
        while let Some(leg) = self.newly_delayed.pop_first() {
            if let Some(Spot::Delayed(at)) = self.waiting.get(&leg).map(|place| &place.spot)
                && at_most < at.duration_since(now)
            {
                return Some(leg);
            }
        }
        None
    }

    /// Gives back the slot of a leg that was handed out: a call that ended, a message that was taken or refused. A leg
    /// that is not under way is nobody's.
    pub fn on_ended(&mut self, leg: LegId) {
        let Some(UnderWay { route, channel, number }) = self.under_way.remove(&leg) else { return };
        let state = &mut self.routes[route];
        state.under_way = state.under_way.saturating_sub(1);
        self.lane(channel).count(leg.alarm, -1);
        if channel == Channel::Voice {
            if let Some(callee) = self.callees.get_mut(&number) {
                callee.is_busy = false;
            }
            self.release(&number);
        }
    }

    /// Lets the next call to a number go that none is under way to.
    fn release(&mut self, number: &PhoneNumber) {
        let Some(callee) = self.callees.get_mut(number).filter(|callee| !callee.is_busy) else {
            return;
        };
        match callee.parked.pop_first() {
            Some(((_, sequence), order)) => self.enter(sequence, order),
            None => {
                self.callees.remove(number);
            }
        }
    }

    /// Takes a leg back that still waits. `None` if it does not: then its carrier is to end it.
    pub fn withdraw(&mut self, leg: LegId) -> Option<LegOrder> {
        let Place { sequence, channel, class, spot } = self.waiting.remove(&leg)?;
        self.by_age[class as usize].remove(&sequence);
        let order = match spot {
            Spot::Lane(mask) => self.lane(channel).remove(leg.alarm, (class, mask), sequence),
            Spot::Callee(number) => {
                self.callees.get_mut(&number)?.parked.remove(&(class, sequence))
            }
            Spot::Delayed(at) => self.delayed.remove(&(at, sequence)),
        }?;
        // It may have been the one that was let go: then it is another's turn.
        if channel == Channel::Voice {
            self.release(&order.number);
        }
        Some(order)
    }

    /// A number behind whose call another leg was put since this was asked last: it may go along with it.
    pub fn poll_parked(&mut self) -> Option<PhoneNumber> {
        self.newly_parked.pop_first()
    }

    /// Takes out the legs that wait behind the call to a number and may go along with it, the most urgent first.
    pub fn take_parked(
        &mut self,
        number: &PhoneNumber,
        goes_along: impl Fn(&LegOrder) -> bool,
    ) -> Vec<LegOrder> {
        let Some(callee) = self.callees.get_mut(number) else { return Vec::new() };
        let (taken, left) = std::mem::take(&mut callee.parked)
            .into_iter()
            .partition(|(_, order)| goes_along(order));
        callee.parked = left;
        let taken: BTreeMap<(Class, u64), LegOrder> = taken;
        for ((class, sequence), order) in &taken {
            self.waiting.remove(&order.leg);
            self.by_age[*class as usize].remove(sequence);
        }
        taken.into_values().collect()
    }

    /// Marks a route as up or down. Legs under way on it go on; those that wait take another.
    pub fn set_route_up(&mut self, name: &str, is_up: bool) {
        let named = self.routes.iter_mut().filter(|state| *state.route.name == *name);
        named.for_each(|state| state.is_up = is_up);
    }

    /// When [`Dispatch::poll`] may have something though nothing else changed.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let rates = [(Channel::Voice, &self.voice), (Channel::Sms, &self.sms)]
            .into_iter()
            .flat_map(|(channel, lane)| {
                let up = self.mask(|state| state.route.channel == channel && state.is_up);
                let wanted = lane.masks().fold(0, |all, mask| all | usable(mask, up));
                let routes = self.of(wanted).filter(|(_, state)| state.has_channel());
                routes.map(|(_, state)| state.rate_free_at()).filter(|at| *at < Timestamp::MAX)
            });
        rates.chain(self.delayed.first_key_value().map(|((at, _), _)| *at)).min()
    }

    /// Whether a leg waits or is under way.
    #[must_use]
    pub fn is_known(&self, leg: LegId) -> bool {
        self.waiting.contains_key(&leg) || self.under_way.contains_key(&leg)
    }

    /// How many legs of a class wait.
    #[must_use]
    pub fn waiting(&self, class: Class) -> usize {
        self.by_age[class as usize].len()
    }

    /// How many legs are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// How long the leg that waits longest has waited.
    #[must_use]
    pub fn oldest_wait(&self, now: Timestamp) -> Option<SignedDuration> {
        let oldest = self.by_age.iter().filter_map(|legs| Some(legs.first_key_value()?.1.1)).min();
        oldest.map(|at| now.duration_since(at))
    }

    /// How many legs of a class had to go for want of room.
    #[must_use]
    pub fn shed(&self, class: Class) -> u64 {
        self.shed[class as usize]
    }

    /// Estimates when the last of `legs` legs of one new alarm would leave, if it were raised now: the other alarms
    /// take their turns, and calls end after [`CALL_S`]. `None` while no route is up.
    #[must_use]
    pub fn forecast(&self, channel: Channel, legs: u32, now: Timestamp) -> Option<Timestamp> {
        let lane = match channel {
            Channel::Voice => &self.voice,
            Channel::Sms => &self.sms,
        };
        let up = self.mask(|state| state.route.channel == channel && state.is_up);
        let (mut rate, mut channels, mut free) = (0_i64, 0_i64, 0_i64);
        for (_, state) in self.of(up) {
            rate = rate.saturating_add(i64::from(state.route.per_second));
            channels = channels.saturating_add(i64::from(state.route.channels));
            let left = state.route.channels.saturating_sub(state.under_way);
            free = free.saturating_add(i64::from(left));
        }
        if rate == 0 || channels == 0 {
            return None;
        }
        let legs = i64::from(legs);
        let in_turn = |waiting: usize| i64::try_from(waiting).unwrap_or(i64::MAX).min(legs);
        let mut places: i64 = lane.firsts().map(in_turn).fold(legs, i64::saturating_add);
        if lane.has_unanswered() {
            places = places.saturating_add(places / 3);
        }
        // The last one leaves after all before it, by the rate and by the channels that have to come free.
        let by_rate_ms = (places - 1).max(0).saturating_mul(1000) / rate;
        let missing = (places - free).max(0);
        let by_channels_ms = missing.saturating_mul(CALL_S * 1000) / channels;
        let wait = SignedDuration::from_millis(by_rate_ms.max(by_channels_ms));
        Some(now.saturating_add(wait).unwrap_or(Timestamp::MAX))
    }

    /// Whether a leg of this channel lacks nothing but a slot. Those behind a call to their number, and those whose
    /// callee no provider takes yet, could use none now.
    #[must_use]
    pub fn lacks_slot(&self, channel: Channel) -> bool {
        let lane = match channel {
            Channel::Voice => &self.voice,
            Channel::Sms => &self.sms,
        };
        lane.masks().next().is_some()
    }

    /// Whether a call of ours to this number is under way.
    #[must_use]
    pub fn is_busy(&self, number: &PhoneNumber) -> bool {
        self.callees.get(number).is_some_and(|callee| callee.is_busy)
    }

    /// Whether a call waits for the end of the one to this number.
    #[must_use]
    pub fn is_awaited(&self, number: &PhoneNumber) -> bool {
        self.callees.get(number).is_some_and(|callee| !callee.parked.is_empty())
    }

    /// Keeps a leg that can wait to routes on which a first wave that comes next finds its slots all the same. Whether
    /// there is such a route now.
    pub fn keep_to_spare_routes(&self, order: &mut LegOrder, now: Timestamp) -> bool {
        let mut has_spare = false;
        for state in self.routes.iter().filter(|state| state.route.channel == order.channel) {
            if order.routes_failed.contains(&state.route.name) {
                continue;
            }
            if state.can_spare(&order.number, now) {
                has_spare = true;
            } else {
                order.routes_failed.push(RouteName::clone(&state.route.name));
            }
        }
        has_spare
    }

    /// How many legs wait in all classes.
    #[must_use]
    pub fn waiting_in_all(&self) -> usize {
        CLASSES.into_iter().map(|class| self.waiting(class)).sum()
    }
}

/// Routes that a leg may take: those that have not failed for it, or any at all once none of these is up.
fn usable(mask: Mask, up: Mask) -> Mask {
    if mask & up == 0 { up } else { mask & up }
}

#[cfg(test)]
mod tests;
