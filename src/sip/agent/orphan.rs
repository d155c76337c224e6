//! Legs that a restart left behind, and legs whose connection is gone.
//!
//! Nothing of an orphan is known but what its INVITE said. It is cancelled; if it is answered all the same, the 2xx is
//! acknowledged and hung up by the rules of any call that is being stopped.

use super::UserAgent;
use super::api::{CallHandle, EndCause, Event, Leg};
use super::calls::{Call, Calling, Stage, Stopping};
use super::outbound::invite_branch;
use super::table::{InviteOwner, Owner, client_key};
use super::timers::Armed;
use crate::message::{MessageExt as _, Response, ResponseExt as _};
use crate::transaction::{ClientInvite, Transaction};
use jiff::Timestamp;

impl UserAgent {
    /// Only an orphan's CANCEL says anything by its answer: 481 means that nothing rings there.
    pub(super) fn on_cancel_answered(&mut self, call: CallHandle, response: &Response) {
        let is_orphan = self.calling(call).is_some_and(|calling| 0 < calling.orphans_open);
        if !is_orphan || response.status() < 300 {
            return;
        }
        let branch = response.via().and_then(|via| via.branch).unwrap_or_default();
        if self.transactions.remove(&client_key("INVITE", &branch)).is_some() {
            self.close_orphan(call);
        }
    }

    /// Cancels what another process may have left ringing. Nobody answering is an end too.
    pub(super) fn cancel_orphan(
        &mut self,
        call: CallHandle,
        leg: Leg,
        had_credentials: bool,
        now: Timestamp,
    ) {
        if call.is_inbound() || self.calls.contains_key(&call) {
            return;
        }
        let flow = leg.flow;
        let timers = self.config.timers;
        let orphans_open = if had_credentials { 2 } else { 1 };
        for cseq in 1..=u32::from(orphans_open) {
            let machine = ClientInvite::adopted(flow.transport.is_reliable(), &timers, now);
            let owner = Owner::Invite(InviteOwner::new(call));
            let key = client_key("INVITE", &invite_branch(&leg, cseq));
            self.transactions.insert(key.clone(), Transaction::ClientInvite(machine), flow, owner);
            self.transactions.settle(&key, &mut self.timers);
            self.transmit_cancel((call, &leg, cseq), None, now);
        }
        let calling = Calling {
            leg,
            cseq: 1,
            stopping: Stopping::Sent,
            retry: None,
            credentials: None,
            no_trying_at: None,
            is_tried: true,
            orphans_open,
        };
        let stage = Stage::Calling(Box::new(calling));
        self.insert_call(call, Call { flow, stage, source: None, armed: Armed::default() }, now);
    }

    pub(super) fn close_orphan(&mut self, call: CallHandle) {
        let Some(calling) = self.calling(call) else { return };
        calling.orphans_open = calling.orphans_open.saturating_sub(1);
        if calling.orphans_open == 0 {
            self.remove_call(call);
            self.tell(Event::Ended { call, cause: EndCause::Orphan });
        }
    }

    /// Forgets the INVITE of a call whose connection is gone; it would wait for ever.
    pub(super) fn forget_invite(&mut self, calling: &Calling) {
        let attempts = u32::from(calling.orphans_open).max(calling.cseq);
        for cseq in 1..=attempts {
            self.transactions.remove(&client_key("INVITE", &invite_branch(&calling.leg, cseq)));
        }
    }
}
