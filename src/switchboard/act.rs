//! Carries out what a turn asks of the world, once it is kept.

use super::driver::Driver;
use super::turn::Turn;
use super::{Act, ActError, Action};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::{Alarm, CancelReason, Effect, Input, NamedBy};
use lianfang_domain::dispatch::Pushed;
use lianfang_domain::id::{AlarmId, LegId};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::{Channel, LegOrder, LegOutcome, LegReport};
use lianfang_domain::plan::Added;
use std::sync::Arc;

/// A call waits so long for its callee's budget at most where the party has another telephone: the second ring of a
/// provider that takes one call a minute is not given up for it.
const PUT_OFF_MAX: SignedDuration = SignedDuration::from_secs(70);

impl Driver {
    pub(super) fn act(&mut self, turn: Turn) {
        for (id, effect) in turn.effects {
            if self.alarms.contains_key(&id) || !matches!(effect, Effect::Order(_)) {
                self.perform(id, effect);
            }
        }
        for (raised, reply) in turn.replies {
            reply(raised);
        }
        for reply in turn.acts {
            // Whoever asked may have given up.
            let _ = reply.send(Ok(()));
        }
    }

    /// A person acts.
    pub(super) fn on_act(&mut self, id: AlarmId, action: Action, actor: Arc<str>, reply: Act) {
        let result = match self.alarms.get(&id) {
            None => Err(ActError::NotOpen),
            Some(live) => match action {
                Action::NameKind(kind) => self.kind_named(id, kind, NamedBy::Api { actor }),
                Action::CallAgain | Action::AddParty(_) if live.alarm.is_over() => {
                    Err(ActError::NotOpen)
                }
                Action::AddParty(whom) => self.party_added(&live.alarm, whom, actor),
                Action::CallAgain
                | Action::TakeInHand
                | Action::Acknowledge(_)
                | Action::Arrive(_)
                | Action::Cancel
                | Action::Close(..)
                | Action::ChangeOwner(_)
                | Action::Note(_) => input_of(&live.alarm, action, actor),
            },
        };
        let answer = match result {
            Err(error) => Err(error),
            Ok(input) if self.feed(id, &input) => {
                self.turn.acts.push(reply);
                return;
            }
            Ok(_) => Err(ActError::NothingChanged),
        };
        // Whoever asked may have given up.
        let _ = reply.send(answer);
    }

    /// What is the matter was named, with the plan for it.
    pub(super) fn kind_named(
        &self,
        id: AlarmId,
        kind: AlarmKind,
        by: NamedBy,
    ) -> Result<Input, ActError> {
        let plan = self.plan_again(id, Some(kind)).ok_or(ActError::NotOpen)?;
        self.ports.carriers.prepare(&plan);
        Ok(Input::KindNamed { matter: kind, by, plan })
    }

    /// Somebody is to be called besides, with the plan that has them.
    fn party_added(&self, alarm: &Alarm, whom: Added, actor: Arc<str>) -> Result<Input, ActError> {
        let directory = self.ports.directory.current();
        let (plan, party) = alarm.plan().with(&directory, whom).map_err(ActError::CannotAdd)?;
        let plan = Arc::new(plan);
        self.ports.carriers.prepare(&plan);
        Ok(Input::AddParty { party, actor, plan })
    }

    fn perform(&mut self, id: AlarmId, effect: Effect) {
        let now = self.ports.clock.now();
        match effect {
            Effect::Order(order) => self.wait(order, now),
            Effect::CancelLeg { leg, reason: CancelReason::Lost } => self.end_lost(leg),
            Effect::CancelLeg { leg, reason } => {
                if self.dispatch.withdraw(leg).is_some() {
                    self.end(leg);
                } else if !self.leave_call(leg, reason) {
                    self.ports.carriers.cancel(leg, reason);
                }
            }
            // A leg that still waits takes its place again with its new words; a message under way cannot be changed.
            Effect::Reword(order) if self.dispatch.withdraw(order.leg).is_some() => {
                self.wait(order, now);
            }
            Effect::Reword(order) if order.channel == Channel::Voice => {
                if let Some(order) = self.bundles.reword(order) {
                    self.ports.carriers.reword(order);
                }
            }
            Effect::Reword(_) => {}
            Effect::JoinTalk { leg } => self.ports.carriers.join_talk(self.bundles.call_of(leg)),
            Effect::TellResident(notice) => {
                if let Some(live) = self.alarms.get(&id).filter(|live| !live.alarm.is_silent()) {
                    self.ports.carriers.tell_resident(id, notice, Arc::clone(live.alarm.plan()));
                }
            }
        }
    }

    pub(super) fn wait(&mut self, order: LegOrder, now: Timestamp) {
        let mut order = self.with_route_hints(order);
        order.along = self.others_in_building(&order);
        match self.dispatch.push(order, now) {
            Pushed::Waits | Pushed::Known => {}
            Pushed::Shed(shed) => {
                metrics::counter!("lianfang_legs_shed_total").increment(1);
                self.end(shed.leg);
            }
        }
    }

    /// The alarm has given the leg up. One of ours is ended; one of the process before this one may still ring.
    fn end_lost(&mut self, leg: LegId) {
        if self.dispatch.withdraw(leg).is_some() {
            return;
        }
        if self.leave_call(leg, CancelReason::Lost) {
            return;
        }
        if self.dispatch.is_known(leg) {
            self.dispatch.on_ended(leg);
            return self.ports.carriers.cancel(leg, CancelReason::Lost);
        }
        let Some(live) = self.alarms.get(&leg.alarm) else { return };
        let route = live.alarm.leg(leg.number).and_then(|leg| leg.route.clone());
        if let (Some(route), Some(order)) = (route, live.alarm.order_of(leg.number)) {
            self.ports.carriers.cancel_orphan(order, &route);
        }
    }

    /// Forgets an alarm that was closed long ago, though it waits for the end of a leg: that report was lost.
    pub(super) fn clear_away(&mut self, id: AlarmId) {
        let Some(live) = self.remove(id) else { return };
        for leg in live.alarm.legs().iter().filter(|leg| leg.is_live()) {
            let leg = LegId { alarm: id, number: leg.number };
            if self.dispatch.withdraw(leg).is_some() || self.leave_call(leg, CancelReason::Lost) {
                continue;
            }
            if self.dispatch.is_known(leg) {
                self.dispatch.on_ended(leg);
                self.ports.carriers.cancel(leg, CancelReason::AlarmOver);
            }
        }
    }

    /// A number that is a line here is rung here while it is registered, and over a trunk otherwise.
    pub(super) fn with_route_hints(&self, mut order: LegOrder) -> LegOrder {
        let directory = self.ports.directory.current();
        let is_here = directory
            .line_by_number(order.number.key())
            .is_some_and(|line| self.ports.carriers.is_registered(line));
        if !is_here {
            order.routes_failed.push(Arc::clone(&self.ports.lines_route));
        }
        order
    }

    /// A leg that never left.
    pub(super) fn end(&mut self, leg: LegId) {
        let report = LegReport::Ended { outcome: LegOutcome::Cancelled };
        self.feed_leg(leg, report);
    }

    /// Calls are handed over before messages: both leave in the same turn, but a phone that rings is worth more.
    pub(super) fn send_legs(&mut self) {
        let now = self.ports.clock.now();
        let (mut calls, mut messages) = (Vec::new(), Vec::new());
        while let Some((order, route)) = self.dispatch.poll(now) {
            if self.is_stale(order.leg) {
                self.dispatch.on_ended(order.leg);
                continue;
            }
            match order.channel {
                Channel::Voice => calls.push((order, route)),
                Channel::Sms => messages.push((order, route)),
            }
        }
        self.end_put_off(now);
        self.place_calls(calls);
        for (order, route) in messages {
            self.place_message(order, &route);
        }
    }
}

impl Driver {
    /// A call that no provider takes for minutes ends where the party has another telephone: that one is tried at once. An
    /// announcement ends in any case: nothing waits behind it.
    fn end_put_off(&mut self, now: Timestamp) {
        while let Some(leg) = self.dispatch.poll_put_off(PUT_OFF_MAX, now) {
            if self.put_off_notice(leg) {
                continue;
            }
            let live = self.alarms.get(&leg.alarm);
            let has_other = live.is_some_and(|live| {
                let leg = live.alarm.leg(leg.number).filter(|leg| leg.channel == Channel::Voice);
                leg.is_some_and(|leg| live.alarm.has_untried_number(leg.party))
            });
            if has_other && self.dispatch.withdraw(leg).is_some() {
                self.feed_leg(leg, LegReport::Ended { outcome: LegOutcome::PutOff });
            }
        }
    }
}

fn input_of(alarm: &Alarm, action: Action, actor: Arc<str>) -> Result<Input, ActError> {
    let known = |party| alarm.party(party).map(|_| party).ok_or(ActError::NoSuchParty);
    Ok(match action {
        Action::Acknowledge(party) => Input::Acknowledge { party: known(party)?, actor },
        Action::Arrive(party) => Input::Arrive { party: known(party)?, actor },
        // Made with a plan, above.
        Action::NameKind(_) | Action::AddParty(_) => return Err(ActError::NothingChanged),
        Action::CallAgain => Input::CallAgain { actor },
        Action::TakeInHand => Input::TakeInHand { actor },
        Action::Cancel => Input::Cancel { actor },
        Action::Close(outcome, matter) => Input::Close { actor, outcome, matter },
        Action::ChangeOwner(party) => Input::ChangeOwner { party: known(party)?, actor },
        Action::Note(note) => Input::Note { note, actor },
    })
}
