//! What-if: whom an alarm would call now, by which route and when, if nobody answered. Calls nobody.
//!
//! The same code as a real alarm: [`Alarm::raise`] and its effects, shared over the routes by a [`Dispatch`] of its own, in
//! simulated time. Every call rings until it is given up, every message arrives. Pure, bounded in time and in legs.
//!
//! With a copy of the dispatch of real alarms, their legs are in the way as they would be: those that wait leave in their
//! turn and ring until they are given up, calls under way end after [`CALL_S`]. What they order later is not known, nor
//! that two alarms of one building may share a call.

use crate::alarm::{Alarm, CancelReason, Effect, Event, Input, LegWhy, Trigger};
use crate::dispatch::{CALL_S, Dispatch, Pushed, Route, TooManyRoutes};
use crate::id::{AlarmId, LegId};
use crate::leg::{Channel, LegOrder, LegOutcome, LegReport, RouteName};
use crate::plan::Plan;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much of an alarm is shown: the first wave, second rings, steps, and some waves after them.
pub const SHOWN: SignedDuration = SignedDuration::from_mins(30);
/// Legs that are shown.
pub const LEGS_MAX: usize = 2_000;
/// Moments that are looked at: a bound for what must not happen.
const MOMENTS_MAX: usize = 50_000;
/// How long a message takes to arrive.
const SMS_TAKES: SignedDuration = SignedDuration::from_secs(3);

/// A leg that would leave.
#[derive(Clone, Debug)]
pub struct Departure {
    /// When it would leave.
    pub at: Timestamp,
    /// Why it would be ordered.
    pub why: LegWhy,
    /// In which wave or step: how many there were before, of waves and steps together.
    pub wave: u16,
    /// By which route.
    pub route: RouteName,
    /// The leg, with everything that a carrier would be told.
    pub order: LegOrder,
}

/// The first minutes of an alarm that nobody answers.
#[derive(Debug)]
pub struct WhatIf {
    /// What would leave, in order.
    pub departures: Vec<Departure>,
    /// Legs that would still wait for a slot of a route at the end.
    pub waiting: usize,
    /// There would be more than is shown.
    pub is_cut: bool,
}

/// The routes, and which numbers are lines that are registered here.
pub struct Ways<'a> {
    /// The routes.
    pub routes: Vec<Route>,
    /// A copy of what real alarms have on them now; `None` for routes that are idle.
    pub load: Option<&'a Dispatch>,
    /// The route to the lines that are registered here; others do not take it.
    pub lines_route: RouteName,
    /// Whether a number is such a line.
    pub is_here: &'a dyn Fn(&LegOrder) -> bool,
}

/// Shows what a trigger would lead to. `plan` is the one that a real alarm would have.
///
/// # Errors
/// More routes than can be shared.
pub fn show(
    trigger: Trigger,
    plan: Arc<Plan>,
    ways: &Ways<'_>,
    now: Timestamp,
) -> Result<WhatIf, TooManyRoutes> {
    let id = AlarmId(u64::MAX);
    let dispatch = match ways.load {
        Some(load) => load.clone(),
        None => Dispatch::new(ways.routes.clone(), LEGS_MAX)?,
    };
    let (alarm, events, _) = Alarm::raise(id, trigger, plan, None, now);
    let mut world = World {
        alarm,
        ways,
        due: others_end(&dispatch, now),
        dispatch,
        waves: BTreeMap::new(),
        reasons: BTreeMap::new(),
        wave: 0,
        shown: WhatIf { departures: Vec::new(), waiting: 0, is_cut: false },
    };
    world.carry_out(&events, now);
    world.run(now);
    Ok(world.shown)
}

/// When the legs of others that are under way give their slots back.
fn others_end(dispatch: &Dispatch, now: Timestamp) -> BTreeMap<(Timestamp, LegId), LegReport> {
    let end = |(leg, channel): (LegId, Channel)| {
        let (after, outcome) = match channel {
            Channel::Voice => (SignedDuration::from_secs(CALL_S), LegOutcome::NoAnswer),
            Channel::Sms => (SMS_TAKES, LegOutcome::Delivered),
        };
        ((later(now, after), leg), LegReport::Ended { outcome })
    };
    dispatch.legs_under_way().into_iter().map(end).collect()
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// An alarm in a world where nobody picks up.
struct World<'a> {
    alarm: Alarm,
    ways: &'a Ways<'a>,
    dispatch: Dispatch,
    /// What is reported, and when.
    due: BTreeMap<(Timestamp, LegId), LegReport>,
    waves: BTreeMap<u32, u16>,
    reasons: BTreeMap<u32, LegWhy>,
    wave: u16,
    shown: WhatIf,
}

impl World<'_> {
    fn run(&mut self, begun: Timestamp) {
        let end = later(begun, SHOWN);
        let mut now = begun;
        for _ in 0..MOMENTS_MAX {
            self.depart(now);
            let reports = self.due.first_key_value().map(|((at, _), _)| *at);
            let deadline = self.alarm.poll_timeout().map(|(at, _)| at);
            let next =
                [reports, deadline, self.dispatch.poll_timeout()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            // What is due already and changed nothing must not stop the clock.
            now = if next <= now { later(now, SignedDuration::from_millis(1)) } else { next };
            if end < now || LEGS_MAX <= self.shown.departures.len() {
                break;
            }
            while let Some(((at, leg), report)) = self.due.pop_first() {
                if now < at {
                    self.due.insert((at, leg), report);
                    break;
                }
                self.report(leg, report, now);
            }
            if self.alarm.poll_timeout().is_some_and(|(at, _)| at <= now) {
                self.feed(&Input::TimePassed, now);
            }
        }
        self.shown.waiting = self.dispatch.waiting_of(self.alarm.id());
        self.shown.is_cut = LEGS_MAX <= self.shown.departures.len();
    }

    /// What has a slot leaves.
    fn depart(&mut self, now: Timestamp) {
        while let Some((order, route)) = self.dispatch.poll(now) {
            let (after, report) = match order.channel {
                Channel::Voice => {
                    let rings = SignedDuration::from_secs(order.ring_timeout_s.into());
                    (rings, LegReport::Ended { outcome: LegOutcome::NoAnswer })
                }
                Channel::Sms => (SMS_TAKES, LegReport::Ended { outcome: LegOutcome::Delivered }),
            };
            self.due.insert((later(now, after), order.leg), report);
            if order.leg.alarm != self.alarm.id() {
                continue;
            }
            let leg = order.leg.number;
            let placed = LegReport::Placed { route: Arc::clone(&route) };
            self.feed(&Input::Leg { leg, report: placed }, now);
            let wave = self.waves.get(&leg).copied().unwrap_or_default();
            let why = self.reasons.get(&leg).copied().unwrap_or(LegWhy::Wave);
            self.shown.departures.push(Departure { at: now, why, wave, route, order });
        }
    }

    fn report(&mut self, leg: LegId, report: LegReport, now: Timestamp) {
        self.dispatch.on_ended(leg);
        if leg.alarm == self.alarm.id() {
            self.feed(&Input::Leg { leg: leg.number, report }, now);
        }
    }

    fn feed(&mut self, input: &Input, now: Timestamp) {
        let events = self.alarm.decide(input, now);
        let mut effects = Vec::new();
        for event in &events {
            self.alarm.apply(event, now);
            self.note(event);
            effects.extend(self.alarm.effects(event));
        }
        self.perform(effects, now);
    }

    /// Events that are applied already.
    fn carry_out(&mut self, events: &[Event], now: Timestamp) {
        let mut effects = Vec::new();
        for event in events {
            self.note(event);
            effects.extend(self.alarm.effects(event));
        }
        self.perform(effects, now);
    }

    fn note(&mut self, event: &Event) {
        let (legs, why) = if let Event::WaveStarted { legs, .. } = event {
            (legs, LegWhy::Wave)
        } else if let Event::LegsOrdered { legs, why } = event {
            (legs, *why)
        } else {
            return;
        };
        if matches!(why, LegWhy::Wave | LegWhy::Step) {
            self.wave = self.wave.saturating_add(1);
        }
        for leg in legs {
            self.waves.insert(leg.leg, self.wave.saturating_sub(1));
            self.reasons.insert(leg.leg, why);
        }
    }

    fn perform(&mut self, effects: Vec<Effect>, now: Timestamp) {
        for effect in effects {
            match effect {
                Effect::Order(mut order) => {
                    if !(self.ways.is_here)(&order) {
                        order.routes_failed.push(Arc::clone(&self.ways.lines_route));
                    }
                    if let Pushed::Shed(shed) = self.dispatch.push(order, now) {
                        self.cancelled(shed.leg, now);
                    }
                }
                Effect::CancelLeg { leg, reason } => self.cancel(leg, reason, now),
                Effect::TellResident(_) | Effect::Reword(_) | Effect::JoinTalk { .. } => {}
            }
        }
    }

    fn cancel(&mut self, leg: LegId, reason: CancelReason, now: Timestamp) {
        if self.dispatch.withdraw(leg).is_none() {
            self.due.retain(|(_, due), _| *due != leg);
            self.dispatch.on_ended(leg);
        }
        if reason != CancelReason::Lost {
            self.cancelled(leg, now);
        }
    }

    fn cancelled(&mut self, leg: LegId, now: Timestamp) {
        if leg.alarm != self.alarm.id() {
            return;
        }
        let report = LegReport::Ended { outcome: LegOutcome::Cancelled };
        self.feed(&Input::Leg { leg: leg.number, report }, now);
    }
}

#[cfg(test)]
mod tests;
