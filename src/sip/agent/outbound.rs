//! Calls that we make.
//!
//! An INVITE over UDP that exceeds the size of a packet is sent all the same, in fragments: a trunk that needs TCP has
//! a TCP address in its configuration. Nothing is cut.

use super::UserAgent;
use super::api::{Bytes, CallFailure, CallHandle, Credentials, Event, Flow, Leg, OutboundInvite};
use super::calls::{Answered, Call, Calling, Ending, Stage, Stopping, dialog_key};
use super::compose::Compose;
use super::table::{InviteOwner, Key, Owner, client_key};
use super::timers::Armed;
use super::wire::ALLOW;
use crate::dialog::Dialog;
use crate::digest::{ClientAccount, DigestClient, SignedRequest};
use crate::message::{MessageExt as _, Response, ResponseExt as _};
use crate::transaction::{ClientInvite, Heard, Transaction, after};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// The longest Retry-After that is passed on: nobody puts a trunk to sleep for a day.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

impl UserAgent {
    pub(super) fn invite(&mut self, invite: OutboundInvite, now: Timestamp) {
        let call = invite.call;
        if call.is_inbound() || self.calls.contains_key(&call) {
            return;
        }
        if self.config.calls_max <= self.calls.len() {
            self.counters.shed = self.counters.shed.saturating_add(1);
            return self.tell_failed(call, 503);
        }
        let flow = invite.leg.flow;
        let no_trying_at =
            (!flow.transport.is_reliable()).then(|| after(now, self.config.trying_wait));
        self.send_invite((&invite, 1), None, now);
        let leg = invite.leg.clone();
        let credentials = invite.credentials.clone();
        let retry = invite.credentials.is_some().then(|| Box::new(invite));
        let calling = Calling {
            leg,
            cseq: 1,
            stopping: Stopping::No,
            retry,
            credentials,
            no_trying_at,
            is_tried: false,
            orphans_open: 0,
        };
        let stage = Stage::Calling(Box::new(calling));
        self.insert_call(call, Call { flow, stage, source: None, armed: Armed::default() }, now);
    }

    fn send_invite(
        &mut self,
        (invite, cseq): (&OutboundInvite, u32),
        proof: Option<&(&'static str, String)>,
        now: Timestamp,
    ) {
        let leg = &invite.leg;
        let branch = invite_branch(leg, cseq);
        let mut text = self
            .heading((leg, cseq), "INVITE", None)
            .header("Contact", &self.contact(&leg.flow))
            .header("Allow", ALLOW)
            .header("User-Agent", &self.config.product);
        for (name, value) in &invite.headers {
            text = text.header(name, value);
        }
        if let Some((name, value)) = proof {
            text = text.header(name, value);
        }
        let bytes = text.finish(Some(&invite.sdp));
        let flow = leg.flow;
        let is_reliable = flow.transport.is_reliable();
        let machine = ClientInvite::new(bytes.clone(), is_reliable, &self.config.timers, now);
        let owner = Owner::Invite(InviteOwner::new(invite.call));
        let key = client_key("INVITE", &branch);
        self.transactions.insert(key.clone(), Transaction::ClientInvite(machine), flow, owner);
        self.transactions.settle(&key, &mut self.timers);
        self.transmit(flow, bytes);
    }

    /// The headers that INVITE, its CANCEL and the ACK of its failure share (RFC 3261 9.1, 17.1.1.3).
    fn heading(&self, (leg, cseq): (&Leg, u32), method: &str, to: Option<&str>) -> Compose {
        Compose::request(method, &leg.uri)
            .header("Via", &self.own_via(&leg.flow, &invite_branch(leg, cseq)))
            .header("Max-Forwards", "70")
            .headers("Route", leg.routes.iter().map(AsRef::as_ref))
            .header("From", &format!("{};tag={}", leg.from, leg.key.from_tag))
            .header("To", to.unwrap_or(&leg.to))
            .header("Call-ID", &leg.key.call_id)
            .header("CSeq", &format!("{cseq} {method}"))
    }

    /// Takes a response to a request of ours. Returns whether it belongs to any.
    pub(super) fn on_own_response(
        &mut self,
        key: &Key,
        (response, source): (&Response, &Flow),
        now: Timestamp,
    ) -> bool {
        let timers = &self.config.timers;
        let Some(entry) = self.transactions.get_mut(key) else { return false };
        let (status, flow) = (response.status(), entry.flow);
        // Only the address that we asked may ask us for a proof.
        let may_ask = source.remote.ip() == flow.remote.ip();
        match (&mut entry.machine, &entry.owner) {
            (Transaction::ClientInvite(machine), Owner::Invite(owner)) => {
                let call = owner.call;
                let heard = machine.on_response(status, timers, now);
                let ack = machine.repeated_ack();
                self.transactions.settle(key, &mut self.timers);
                match heard {
                    Heard::Provisional => self.on_provisional((call, key), response, now),
                    Heard::Success => self.on_success(key, response, now),
                    Heard::Failure => self.on_failure((call, key), (flow, may_ask), response, now),
                    Heard::Repeated => {
                        if let Some(ack) = ack {
                            self.transmit(flow, ack);
                        }
                    }
                }
            }
            (Transaction::ClientNonInvite(machine), owner) => {
                let heard = machine.on_response(status, timers, now);
                let outcome = match owner {
                    Owner::Bye(call) => Outcome::Bye(*call),
                    Owner::Cancel(call) => Outcome::Cancel(*call),
                    Owner::Probe(probe) => Outcome::Probe(*probe),
                    Owner::Nobody | Owner::Asked(_) | Owner::Invite(_) => Outcome::Nothing,
                };
                self.transactions.settle(key, &mut self.timers);
                if matches!(heard, Heard::Success | Heard::Failure) {
                    self.on_outcome(outcome, (response, may_ask), now);
                }
            }
            (
                Transaction::ClientInvite(_)
                | Transaction::ServerInvite(_)
                | Transaction::ServerNonInvite(_),
                _,
            ) => return false,
        }
        true
    }

    fn on_outcome(
        &mut self,
        outcome: Outcome,
        (response, may_ask): (&Response, bool),
        now: Timestamp,
    ) {
        match outcome {
            Outcome::Bye(call) => self.on_bye_answered(call, (response, may_ask), now),
            Outcome::Cancel(call) => self.on_cancel_answered(call, response),
            Outcome::Probe(probe) => {
                self.tell(Event::ProbeAnswered { probe, status: response.status() });
            }
            Outcome::Nothing => {}
        }
    }

    pub(super) fn calling(&mut self, call: CallHandle) -> Option<&mut Calling> {
        match &mut self.calls.get_mut(&call)?.stage {
            Stage::Calling(calling) => Some(calling),
            Stage::Offered(_) | Stage::Answered(_) => None,
        }
    }

    fn on_provisional(
        &mut self,
        (call, key): (CallHandle, &Key),
        response: &Response,
        now: Timestamp,
    ) {
        let Some(calling) = self.calling(call) else { return };
        calling.no_trying_at = None;
        let is_first = !std::mem::replace(&mut calling.is_tried, true);
        if response.status() != 100 {
            // Whoever rings has let us in: no challenge will come any more.
            calling.retry = calling.retry.take().filter(|_| response.status() < 180);
        }
        let stopping = calling.stopping.clone();
        if is_first && calling.orphans_open == 0 {
            self.tell(Event::Trying { call });
        }
        match stopping {
            Stopping::Wanted(reason) => self.send_cancel((call, key), reason.as_deref(), now),
            Stopping::No if 180 <= response.status() => {
                let has_media = response.is_content_type("application/sdp");
                let early_media = has_media.then(|| response.body.as_slice().into());
                self.tell(Event::Ringing { call, status: response.status(), early_media });
            }
            Stopping::No | Stopping::Sent => {}
        }
    }

    /// A 2xx: the first answers the call, others are other phones, which are hung up (RFC 3261 13.2.2.4).
    fn on_success(&mut self, key: &Key, response: &Response, now: Timestamp) {
        let tag = response.to_tag().unwrap_or_default();
        let Some((mut dialog, cseq)) = Dialog::of_response(response).zip(response.cseq()) else {
            return;
        };
        let cseq = cseq.0;
        let Some(entry) = self.transactions.get_mut(key) else { return };
        let flow = entry.flow;
        let Owner::Invite(owner) = &mut entry.owner else { return };
        if let Some(ack) = owner.ack_of(tag) {
            return self.transmit(flow, ack);
        }
        let (call, fork) = (owner.call, owner.forks());
        let branch: Arc<str> = match self.calling(call) {
            Some(calling) => calling.leg.key.branch.clone(),
            None => format!("{:016x}", self.fresh()).into(),
        };
        let branch: Arc<str> = if fork == 0 { branch } else { format!("{branch}-{fork}").into() };
        let ack = self.ack((&dialog, &branch), cseq, &flow);
        if let Some(entry) = self.transactions.get_mut(key) {
            let Owner::Invite(owner) = &mut entry.owner else { return };
            if !owner.remember(tag, ack.clone()) {
                return;
            }
        }
        self.transmit(flow, ack);
        let is_wanted = self.calling(call).is_some_and(|calling| calling.stopping == Stopping::No);
        if fork == 0 && is_wanted {
            self.on_answered(call, (dialog, branch), response);
            return;
        }
        self.send_bye((&mut dialog, &branch), flow, (Owner::Nobody, None), now);
        if fork == 0 {
            self.end_stopped(call);
        }
    }

    fn on_answered(
        &mut self,
        handle: CallHandle,
        (dialog, branch): (Dialog, Arc<str>),
        response: &Response,
    ) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let Stage::Calling(calling) = &mut call.stage else { return };
        let credentials = calling.credentials.take();
        self.dialogs.insert(dialog_key(dialog.call_id(), dialog.local_tag()), handle);
        call.stage = Stage::Answered(Box::new(Answered {
            dialog,
            branch,
            unacked: None,
            question: None,
            ending: Ending::No,
            credentials,
        }));
        let sdp = (!response.body.is_empty()).then(|| response.body.as_slice().into());
        self.tell(Event::Answered { call: handle, sdp });
    }

    /// The ACK of a 2xx: a request of its own (RFC 3261 13.2.2.4).
    fn ack(&self, (dialog, branch): (&Dialog, &str), cseq: u32, flow: &Flow) -> Bytes {
        let heading = dialog.heading();
        Compose::request("ACK", &heading.uri)
            .header("Via", &self.own_via(flow, &format!("z9hG4bK{branch}-{cseq}-ack")))
            .header("Max-Forwards", "70")
            .headers("Route", heading.routes.iter().map(AsRef::as_ref))
            .header("From", dialog.local())
            .header("To", dialog.remote())
            .header("Call-ID", dialog.call_id())
            .header("CSeq", &format!("{cseq} ACK"))
            .finish(None)
    }

    fn on_failure(
        &mut self,
        (call, key): (CallHandle, &Key),
        (flow, may_ask): (Flow, bool),
        response: &Response,
        now: Timestamp,
    ) {
        let Some((cseq, _)) = response.cseq() else { return };
        let Some(calling) = self.calling(call) else { return };
        let leg = calling.leg.clone();
        let ack = self.heading((&leg, cseq), "ACK", response.header("To")).finish(None);
        if let Some(entry) = self.transactions.get_mut(key)
            && let Transaction::ClientInvite(machine) = &mut entry.machine
        {
            machine.acknowledge(ack.clone());
        }
        self.transmit(flow, ack);
        let is_challenge = matches!(response.status(), 401 | 407);
        if is_challenge && may_ask && self.retry(call, response, now) {
            return;
        }
        if self.calling(call).is_some_and(|calling| 0 < calling.orphans_open) {
            return self.close_orphan(call);
        }
        if is_challenge && self.calling(call).is_some_and(|c| c.stopping != Stopping::No) {
            // Nobody wants to know any more what it would have taken.
            self.remove_call(call);
            return self.tell_failed(call, 487);
        }
        let retry_after = response
            .header("Retry-After")
            .and_then(|value| value.split([';', '(', ' ']).next()?.parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
        let failure = CallFailure {
            status: response.status(),
            reason: response.header("Reason").map(str::to_owned),
            retry_after,
            is_local: false,
        };
        self.remove_call(call);
        self.tell(Event::Failed { call, failure });
    }

    /// Answers a challenge, once.
    fn retry(&mut self, call: CallHandle, response: &Response, now: Timestamp) -> bool {
        let Some(calling) = self.calling(call) else { return false };
        if calling.stopping != Stopping::No || calling.cseq != 1 {
            return false;
        }
        let Some(invite) = calling.retry.take() else { return false };
        let Some(credentials) = invite.credentials.clone() else { return false };
        let (flow, uri) = (invite.leg.flow, invite.leg.uri.clone());
        let signed = ("INVITE", uri.as_ref(), invite.sdp.as_ref());
        let Some(proof) = self.proof(&credentials, &flow, response, signed) else { return false };
        self.send_invite((&invite, 2), Some(&proof), now);
        if let Some(calling) = self.calling(call) {
            calling.cseq = 2;
            calling.retry = Some(invite);
        }
        true
    }

    /// The header that answers a challenge of the address that we sent to; `None` where it must not be answered.
    pub(super) fn proof(
        &mut self,
        credentials: &Credentials,
        flow: &Flow,
        response: &Response,
        (method, uri, body): (&str, &str, &[u8]),
    ) -> Option<(&'static str, String)> {
        let (asked, answered) = match response.status() {
            401 => ("WWW-Authenticate", "Authorization"),
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => return None,
        };
        let host = flow.remote.to_string();
        let mut client = DigestClient::new(ClientAccount {
            username: credentials.username.clone(),
            password: credentials.password.clone(),
            realm: credentials.realm.clone(),
            host: host.as_str().into(),
        });
        let challenges: Vec<&str> = response.header_lines(asked).collect();
        client.on_challenge(&host, &challenges).ok()?;
        let seed = self.fresh();
        Some((answered, client.authorization(&SignedRequest { method, uri, body }, seed)?))
    }

    pub(super) fn on_invite_given_up(&mut self, call: CallHandle, _now: Timestamp) {
        let Some(calling) = self.calling(call) else { return };
        if 0 < calling.orphans_open {
            return self.close_orphan(call);
        }
        let status = if calling.stopping == Stopping::No { 408 } else { 487 };
        self.remove_call(call);
        self.tell_failed(call, status);
    }

    /// A failure without a response of theirs.
    pub(super) fn tell_failed(&mut self, call: CallHandle, status: u16) {
        let failure = CallFailure { status, reason: None, retry_after: None, is_local: true };
        self.tell(Event::Failed { call, failure });
    }

    /// A call that was being stopped is over: it was answered at the same moment and hung up.
    fn end_stopped(&mut self, call: CallHandle) {
        let Some(calling) = self.calling(call) else { return };
        if 0 < calling.orphans_open {
            return self.close_orphan(call);
        }
        self.remove_call(call);
        self.tell_failed(call, 487);
    }

    pub(super) fn cancel(&mut self, call: CallHandle, reason: Option<Arc<str>>, now: Timestamp) {
        let Some(calling) = self.calling(call) else { return self.hang_up_answered(call, now) };
        if calling.stopping != Stopping::No {
            return;
        }
        let key = client_key("INVITE", &invite_branch(&calling.leg, calling.cseq));
        calling.stopping = Stopping::Wanted(reason.clone());
        let is_heard = self.transactions.get_mut(&key).is_some_and(|entry| {
            matches!(&entry.machine, Transaction::ClientInvite(machine) if !machine.is_calling())
        });
        if is_heard {
            self.send_cancel((call, &key), reason.as_deref(), now);
        }
    }

    fn hang_up_answered(&mut self, call: CallHandle, now: Timestamp) {
        if self.calls.contains_key(&call) {
            self.hang_up(call, now);
        }
    }

    fn send_cancel(
        &mut self,
        (call, invite): (CallHandle, &Key),
        reason: Option<&str>,
        now: Timestamp,
    ) {
        let timers = self.config.timers;
        let Some(calling) = self.calling(call) else { return };
        calling.stopping = Stopping::Sent;
        calling.retry = None;
        let (leg, cseq) = (calling.leg.clone(), calling.cseq);
        if let Some(entry) = self.transactions.get_mut(invite) {
            if let Transaction::ClientInvite(machine) = &mut entry.machine {
                machine.on_cancel(&timers, now);
            }
            self.transactions.settle(invite, &mut self.timers);
        }
        self.transmit_cancel((call, &leg, cseq), reason, now);
    }

    pub(super) fn transmit_cancel(
        &mut self,
        (call, leg, cseq): (CallHandle, &Leg, u32),
        reason: Option<&str>,
        now: Timestamp,
    ) {
        let text = self.heading((leg, cseq), "CANCEL", None).headers("Reason", reason);
        let key = client_key("CANCEL", &invite_branch(leg, cseq));
        self.send_request(key, text.finish(None), (leg.flow, Owner::Cancel(call)), now);
    }
}

/// Whom a final response to a request other than INVITE concerns.
enum Outcome {
    Bye(CallHandle),
    Cancel(CallHandle),
    Probe(u64),
    Nothing,
}

/// The branch of an INVITE and of its CANCEL: from the leg alone, so that a restarted node knows it.
pub(super) fn invite_branch(leg: &Leg, cseq: u32) -> String {
    format!("z9hG4bK{}-{cseq}", leg.key.branch)
}
