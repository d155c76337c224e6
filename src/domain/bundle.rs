//! One call for several alarms of one building: who is called by all of them hears of all of them, and 1 says that they
//! are coming to the building.
//!
//! A leg that would have to wait behind another call of ours to the same number goes along with that call while nobody
//! has answered it. Each leg stays a leg of its own alarm: what is heard of the call is told to all of them. Pure; the
//! switchboard owns it and carries out what it says.
//!
//! Bound: as many calls as `dispatch` has under way, and [`LEGS_MAX`] legs in each.

use crate::digits::Key;
use crate::id::{CommunityId, LegId};
use crate::leg::{AlongLeg, Channel, LegOrder, LegReport, Message, RouteName};
use crate::phone::PhoneNumber;
use crate::plan::{Role, Scene};
use std::collections::HashMap;
use std::sync::Arc;

/// Legs that go in one call. More wait for the next one.
pub const LEGS_MAX: usize = 32;

/// A building: what makes alarms neighbours of each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Building {
    community: CommunityId,
    place: Arc<str>,
    building: Arc<str>,
}

impl Building {
    /// The building of a scene; `None` where the address names none.
    #[must_use]
    pub fn of(scene: &Scene) -> Option<Self> {
        let (place, building) = (&scene.address.place, &scene.address.building);
        (!building.trim().is_empty()).then(|| Self {
            community: scene.community,
            place: Arc::clone(place),
            building: Arc::clone(building),
        })
    }
}

/// Whether the message calls for help, so that others of the building may be told with it.
#[must_use]
pub fn calls_for_help(message: Message) -> bool {
    match message {
        Message::Alarm | Message::WeakAlarm | Message::StillInDanger => true,
        Message::OwnHousehold
        | Message::StandDown
        | Message::Cancelled
        | Message::SaidMistake
        | Message::KindNamed
        | Message::GoTogether
        | Message::AreYouThere
        | Message::Duress
        | Message::CloseReminder
        | Message::DrillOver
        | Message::PleaseReply
        | Message::HandOver
        | Message::DrillNotice => false,
    }
}

fn may_share(order: &LegOrder) -> Option<Building> {
    let is_person = match order.role {
        Role::DutyWorker | Role::Neighbour | Role::Responder => true,
        Role::OwnHousehold | Role::Loudspeaker => false,
    };
    let is_meant = is_person
        && order.channel == Channel::Voice
        && calls_for_help(order.message)
        && !order.plan.is_drill;
    is_meant.then(|| Building::of(&order.plan.scene)).flatten()
}

/// Whether the second leg may go along with the call of the first.
#[must_use]
pub fn goes_along(call: &LegOrder, other: &LegOrder) -> bool {
    let building = may_share(call);
    building.is_some()
        && building == may_share(other)
        && call.number == other.number
        && call.leg.alarm != other.leg.alarm
}

/// The calls under way and the legs in each.
#[derive(Debug, Default)]
pub struct Bundles {
    calls: HashMap<LegId, Call>,
    /// The call of each leg that is not the one that was placed.
    call_of: HashMap<LegId, LegId>,
    by_number: HashMap<PhoneNumber, LegId>,
}

#[derive(Debug)]
struct Call {
    /// The placed one first, unless it was withdrawn; never empty.
    legs: Vec<LegOrder>,
    route: RouteName,
    is_placed: bool,
    is_ringing: bool,
    is_answered: bool,
}

impl Call {
    /// The order of the call as it is now.
    fn order(&self, placed: LegId) -> Option<LegOrder> {
        let (first, others) = self.legs.split_first()?;
        let along = others
            .iter()
            .map(|order| AlongLeg { leg: order.leg, plan: Arc::clone(&order.plan) })
            .collect();
        Some(LegOrder { leg: placed, along, ..first.clone() })
    }
}

/// What becomes of a call when one of its legs is withdrawn.
#[derive(Debug)]
pub enum Left {
    /// The leg has no call here.
    Unknown,
    /// The call goes on for others: the leg has ended. With new words, unless somebody has answered.
    GoesOn(Option<Box<LegOrder>>),
    /// It was the last: this call is to be ended, and tells so itself.
    Last(LegId),
}

impl Bundles {
    /// A call is about to be placed.
    pub fn begin(&mut self, order: LegOrder, route: RouteName) {
        self.by_number.insert(order.number.clone(), order.leg);
        let placed = order.leg;
        let legs = vec![order];
        let call = Call { legs, route, is_placed: false, is_ringing: false, is_answered: false };
        self.calls.insert(placed, call);
    }

    /// The call to this number that nobody has answered, as it is now.
    #[must_use]
    pub fn open_call(&self, number: &PhoneNumber) -> Option<LegOrder> {
        let placed = *self.by_number.get(number)?;
        let call = self.calls.get(&placed)?;
        let has_room = !call.is_answered && call.legs.len() < LEGS_MAX;
        has_room.then(|| call.order(placed)).flatten()
    }

    /// A leg goes along with the call of `placed`. What the call has told already is told to the leg.
    pub fn join(&mut self, placed: LegId, order: LegOrder) -> Vec<LegReport> {
        let Some(call) = self.calls.get_mut(&placed) else { return Vec::new() };
        self.call_of.insert(order.leg, placed);
        call.legs.push(order);
        let route = RouteName::clone(&call.route);
        let placed = call.is_placed.then_some(LegReport::Placed { route });
        placed.into_iter().chain(call.is_ringing.then_some(LegReport::Ringing)).collect()
    }

    /// The call as it is now, with the words of all of its legs; `None` when somebody has answered.
    #[must_use]
    pub fn order(&self, placed: LegId) -> Option<LegOrder> {
        self.calls.get(&placed).filter(|call| !call.is_answered)?.order(placed)
    }

    /// Takes up a report of a call. Returns the legs that it is for.
    pub fn on_report(&mut self, placed: LegId, report: &LegReport) -> Vec<LegId> {
        let Some(call) = self.calls.get_mut(&placed) else { return vec![placed] };
        let all = |call: &Call| call.legs.iter().map(|order| order.leg).collect();
        match report {
            LegReport::Placed { .. } => call.is_placed = true,
            LegReport::Ringing => call.is_ringing = true,
            LegReport::Answered => call.is_answered = true,
            LegReport::Key { key } if !is_for_all(*key) => {
                return call.legs.first().map(|order| order.leg).into_iter().collect();
            }
            LegReport::Key { .. } => call.is_answered = true,
            LegReport::Accepted { .. }
            | LegReport::Delivered
            | LegReport::Unclear
            | LegReport::OptedOut => {}
            LegReport::Ended { .. } => {
                let legs = all(call);
                self.end(placed);
                return legs;
            }
        }
        all(call)
    }

    /// The call by which a leg reaches its callee.
    #[must_use]
    pub fn call_of(&self, leg: LegId) -> LegId {
        self.call_of.get(&leg).copied().unwrap_or(leg)
    }

    /// Other words for one leg of a call; the call as it is then.
    pub fn reword(&mut self, order: LegOrder) -> Option<LegOrder> {
        let placed = self.call_of(order.leg);
        let call = self.calls.get_mut(&placed).filter(|call| !call.is_answered)?;
        if let Some(known) = call.legs.iter_mut().find(|known| known.leg == order.leg) {
            *known = order;
        }
        call.order(placed)
    }

    /// A leg is withdrawn.
    pub fn leave(&mut self, leg: LegId) -> Left {
        let placed = self.call_of(leg);
        let Some(call) = self.calls.get_mut(&placed) else { return Left::Unknown };
        if !call.legs.iter().any(|order| order.leg == leg) {
            return Left::Unknown;
        }
        if call.legs.len() == 1 {
            return Left::Last(placed);
        }
        call.legs.retain(|order| order.leg != leg);
        self.call_of.remove(&leg);
        let words = if call.is_answered { None } else { call.order(placed) };
        Left::GoesOn(words.map(Box::new))
    }

    /// Forgets a call that is over.
    pub fn end(&mut self, placed: LegId) {
        let Some(call) = self.calls.remove(&placed) else { return };
        for order in &call.legs {
            self.call_of.remove(&order.leg);
            if self.by_number.get(&order.number) == Some(&placed) {
                self.by_number.remove(&order.number);
            }
        }
    }
}

/// Coming, not coming, there, 110 called, a mistake: said of the building. Talk and close are for one alarm.
#[must_use]
pub fn is_for_all(key: Key) -> bool {
    matches!(key.as_char(), '1' | '2' | '3' | '4' | '7')
}

#[cfg(test)]
mod tests;
