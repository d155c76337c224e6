//! Alarms of one building: their calls to one number become one, and their messages name each other.
//!
//! What the alarms and `bundle` decide is carried out here; must hold no rules of its own.

use super::driver::Driver;
use lianfang_domain::alarm::CancelReason;
use lianfang_domain::bundle::{self, Building, Left};
use lianfang_domain::id::{AlarmId, LegId};
use lianfang_domain::leg::{AlongLeg, Channel, LegOrder, LegReport, RouteName};
use std::sync::Arc;

/// Other alarms of the building that a message names or counts.
const NAMED_MAX: usize = 8;

impl Driver {
    /// Hands calls over. One whose callee is wanted by other alarms of the building takes these along.
    pub(super) fn place_calls(&mut self, calls: Vec<(LegOrder, RouteName)>) {
        for (order, route) in &calls {
            self.bundles.begin(order.clone(), RouteName::clone(route));
        }
        let joined = self.join_parked();
        for (order, route) in calls {
            let order = self.bundles.order(order.leg).unwrap_or(order);
            self.ports.carriers.place(order, &route);
        }
        for (leg, report) in joined {
            self.feed_leg(leg, report);
        }
    }

    /// Legs that were put behind a call go along with it, if nobody has answered it. One that rings gets its new words.
    fn join_parked(&mut self) -> Vec<(LegId, LegReport)> {
        let mut told = Vec::new();
        while let Some(number) = self.dispatch.poll_parked() {
            let Some(call) = self.bundles.open_call(&number) else { continue };
            let joiners =
                self.dispatch.take_parked(&number, |order| bundle::goes_along(&call, order));
            let mut is_ringing = false;
            for order in joiners {
                metrics::counter!("lianfang_legs_along_total").increment(1);
                let leg = order.leg;
                let reports = self.bundles.join(call.leg, order);
                is_ringing |= !reports.is_empty();
                told.extend(reports.into_iter().map(|report| (leg, report)));
            }
            if let Some(order) = self.bundles.order(call.leg).filter(|_| is_ringing) {
                self.ports.carriers.reword(order);
            }
        }
        told
    }

    /// Ends the part of a leg in the call that it goes in. Whether it had one.
    pub(super) fn leave_call(&mut self, leg: LegId, reason: CancelReason) -> bool {
        match self.bundles.leave(leg) {
            Left::Unknown => return false,
            Left::Last(call) => {
                if reason == CancelReason::Lost {
                    // Nobody tells of its end any more.
                    self.dispatch.on_ended(call);
                    self.bundles.end(call);
                }
                self.ports.carriers.cancel(call, reason);
            }
            Left::GoesOn(words) => {
                if let Some(order) = words {
                    self.ports.carriers.reword(*order);
                }
                if reason != CancelReason::Lost {
                    self.end(leg);
                }
            }
        }
        true
    }

    /// The other open alarms of the building that this number is called for, newest first: a message names them.
    pub(super) fn others_in_building(&self, order: &LegOrder) -> Vec<AlongLeg> {
        if order.channel != Channel::Sms
            || !bundle::calls_for_help(order.message)
            || order.plan.is_drill
        {
            return Vec::new();
        }
        let Some(building) = Building::of(&order.plan.scene) else { return Vec::new() };
        let alarms = self.by_building.get(&building).into_iter().flatten().rev();
        let others = alarms.filter(|id| **id != order.leg.alarm).filter_map(|id| {
            let alarm = &self.alarms.get(id)?.alarm;
            let mut numbers = alarm.plan().parties.iter().flat_map(|party| &party.numbers);
            let is_meant = !alarm.is_over() && numbers.any(|number| number.number == order.number);
            let leg = LegId { alarm: *id, number: 0 };
            is_meant.then(|| AlongLeg { leg, plan: Arc::clone(alarm.plan()) })
        });
        others.take(NAMED_MAX).collect()
    }

    /// An alarm is driven here from now on.
    pub(super) fn enter_building(&mut self, id: AlarmId) {
        let Some(live) = self.alarms.get(&id).filter(|live| !live.alarm.plan().is_drill) else {
            return;
        };
        if let Some(building) = Building::of(&live.alarm.plan().scene) {
            self.building_of.insert(id, building.clone());
            self.by_building.entry(building).or_default().insert(id);
        }
    }

    /// An alarm is driven here no more.
    pub(super) fn leave_building(&mut self, id: AlarmId) {
        let Some(building) = self.building_of.remove(&id) else { return };
        if let Some(alarms) = self.by_building.get_mut(&building) {
            alarms.remove(&id);
            if alarms.is_empty() {
                self.by_building.remove(&building);
            }
        }
    }
}
