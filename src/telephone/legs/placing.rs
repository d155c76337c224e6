//! How a leg begins: a route, a media session, an INVITE. Where every RTP port is taken it waits for one.

use super::waiting::Wish;
use super::{Leg, Legs};
use crate::clock::Seldom;
use crate::media::{EarlyMedia, OpenSession};
use crate::telephone::deadlines::Armed;
use crate::telephone::session::Session;
use crate::telephone::trunk::Outgoing;
use crate::telephone::voice_leg::VoiceLeg;
use jiff::Timestamp;
use lianfang_domain::digits::merge::PressMerge;
use lianfang_domain::id::LegId;
use lianfang_domain::leg::{LegOrder, LegOutcome, LegReport, RouteName};
use lianfang_domain::plan::Role;
use lianfang_sip::agent::UserAgent;
use lianfang_sip::agent::api::{CallHandle, Command};
use std::sync::Arc;
use std::time::Duration;

impl Legs {
    /// Rings somebody. What cannot be done ends the leg at once, so that the alarm chooses another way.
    pub(in crate::telephone) fn place(
        &mut self,
        order: LegOrder,
        route: &RouteName,
        agent: &UserAgent,
        now: Timestamp,
    ) {
        if self.by_leg.contains_key(&order.leg) || self.waiting.contains(order.leg) {
            return;
        }
        let wish = Wish::new(order, Arc::clone(route), now);
        if self.waiting.is_empty() {
            self.try_to_place(wish, agent, now);
        } else {
            // Others were first; there are ports for all of them or for nobody.
            self.wait(wish, now);
        }
    }

    pub(super) fn wait(&mut self, wish: Wish, now: Timestamp) {
        if let Some(over) = self.waiting.keep(wish, now) {
            self.cannot_place(over.order.leg);
        }
    }

    fn cannot_place(&self, leg: LegId) {
        self.parts.report(leg, LegReport::Ended { outcome: LegOutcome::CarrierFailed });
    }

    /// False where it has to wait for a port.
    pub(super) fn try_to_place(&mut self, wish: Wish, agent: &UserAgent, now: Timestamp) -> bool {
        let leg = wish.order.leg;
        let Some(outgoing) = self.outgoing(&wish.order, &wish.route, agent) else {
            self.cannot_place(leg);
            return true;
        };
        self.next_call += 1;
        let call = CallHandle((self.shard as u64) << 48 | self.next_call);
        let opened = self.parts.media.open(OpenSession {
            id: call.0,
            events: self.events.clone(),
            early: EarlyMedia::Dropped,
        });
        match opened {
            Ok(opened) => self.invite(call, wish, outgoing, opened.local_port, now),
            Err(error) => {
                static TOLD: Seldom = Seldom::new();
                if let Some(times) = TOLD.tell(now) {
                    tracing::error!(leg.id = %leg, %error, times, "A leg has no media and cannot be placed");
                }
                if error.is_transient() {
                    self.wait(wish, now);
                } else {
                    self.cannot_place(leg);
                }
                return !error.is_transient();
            }
        }
        true
    }

    fn invite(
        &mut self,
        call: CallHandle,
        wish: Wish,
        outgoing: Outgoing,
        local_port: u16,
        now: Timestamp,
    ) {
        let Wish { order, route, .. } = wish;
        let leg = order.leg;
        let signalled_from = outgoing.leg.flow.remote.ip();
        let session = Session::new(self.parts.media_address, local_port, call.0, signalled_from);
        let mut invite = outgoing.invite(call, session.offer());
        if order.role == Role::Loudspeaker {
            invite.headers.extend(self.parts.auto_answer.iter().cloned());
        }
        self.commands.push_back(Command::Invite(Box::new(invite)));
        let ring = Duration::from_secs(u64::from(order.ring_timeout_s));
        let machine = VoiceLeg::new(order.role, ring, now);
        let known = Leg {
            order,
            machine,
            keys: PressMerge::default(),
            session: Some(session),
            is_talking: false,
            is_returned: false,
            playlist: 0,
            voice: None,
            armed: Armed::default(),
        };
        self.calls.insert(call, known);
        self.by_leg.insert(leg, call);
        self.parts.report(leg, LegReport::Placed { route });
        self.run(call, now);
    }
}
