//! What happens inside a dialog: ACK, BYE, INFO, OPTIONS, changes of the session, and our own BYE.

use super::UserAgent;
use super::api::{CallHandle, EndCause, Event, Flow, Rejection};
use super::calls::{Call, Ending, Question, Stage, Unacked, dialog_key};
use super::compose::Compose;
use super::inbound::with_status;
use super::table::{Owner, client_key};
use super::wire::{ALLOW, Asked};
use crate::dialog::{Dialog, Sequence};
use crate::message::{MessageExt as _, Method, Request, Response, ResponseExt as _};
use crate::transaction::{ClientNonInvite, Transaction, after};
use jiff::Timestamp;

impl UserAgent {
    /// An ACK: of a failure, then it belongs to the transaction; or of a 2xx, then to the call.
    pub(super) fn on_ack(&mut self, request: &Request, asked: &Asked, now: Timestamp) {
        if let Some(entry) = self.transactions.get_mut(&asked.key)
            && let Transaction::ServerInvite(machine) = &mut entry.machine
        {
            machine.on_ack(now);
            self.transactions.settle(&asked.key, &mut self.timers);
        }
        let Some(handle) = self.call_of(request) else { return };
        let Some(Call { stage: Stage::Answered(answered), .. }) = self.calls.get_mut(&handle)
        else {
            return;
        };
        let number = request.cseq().map(|(number, _)| number);
        if answered.unacked.as_ref().is_none_or(|unacked| Some(unacked.cseq) != number) {
            return;
        }
        let is_offer = answered.unacked.take().is_some_and(|unacked| unacked.is_offer);
        let is_ending = answered.ending == Ending::AfterAck;
        let has_answer = is_offer && !request.body.is_empty();
        let answer = has_answer.then(|| request.body.as_slice().into());
        self.tell(Event::Confirmed { call: handle, answer });
        if is_ending {
            self.bye(handle, false, now);
        }
    }

    /// The call that a request belongs to by Call-ID and both tags (RFC 3261 12.2.2).
    fn call_of(&self, request: &Request) -> Option<CallHandle> {
        let handle = *self.dialogs.get(&dialog_key(request.call_id()?, request.to_tag()?))?;
        let dialog = match &self.calls.get(&handle)?.stage {
            Stage::Offered(offered) => &offered.dialog,
            Stage::Answered(answered) => &answered.dialog,
            Stage::Calling(_) => return None,
        };
        (dialog.remote_tag() == request.from_tag().unwrap_or_default()).then_some(handle)
    }

    pub(super) fn on_request_in_dialog(&mut self, asked: (&Request, &Asked), now: Timestamp) {
        let request = asked.0;
        let Some(handle) = self.call_of(request) else {
            return self.answer(asked, 481, &[], now);
        };
        let dialog = match self.calls.get_mut(&handle).map(|call| &mut call.stage) {
            Some(Stage::Offered(offered)) => &mut offered.dialog,
            Some(Stage::Answered(answered)) => &mut answered.dialog,
            Some(Stage::Calling(_)) | None => return,
        };
        let number = request.cseq().map_or(0, |(number, _)| number);
        if dialog.take_cseq(number) == Sequence::Old {
            return self.answer(asked, 500, &[], now);
        }
        match request.method {
            Method::Bye => self.on_bye(handle, asked, now),
            Method::Info => self.on_info(handle, asked, now),
            Method::Options => self.answer(asked, 200, &[("Allow", ALLOW)], now),
            Method::Invite | Method::Update => self.on_change(handle, asked, now),
            // No provisional response of ours is reliable, so none can be acknowledged; nor is anything subscribed to.
            Method::PRack | Method::Notify => self.answer(asked, 481, &[], now),
            Method::Message | Method::Publish | Method::Refer | Method::Subscribe => {
                self.answer(asked, 405, &[("Allow", ALLOW)], now);
            }
            Method::Register => self.answer(asked, 400, &[], now),
            // Taken elsewhere already.
            Method::Ack | Method::Cancel => {}
        }
    }

    fn on_bye(&mut self, handle: CallHandle, asked: (&Request, &Asked), now: Timestamp) {
        self.answer(asked, 200, &[], now);
        let Some(call) = self.remove_call(handle) else { return };
        match call.stage {
            Stage::Offered(offered) => {
                self.settle_question(&offered.question, 487, now);
                self.tell(Event::Cancelled { call: handle });
            }
            Stage::Answered(answered) => {
                if let Some(question) = &answered.question {
                    self.settle_question(question, 487, now);
                }
                let cause = match answered.ending {
                    Ending::No => EndCause::Remote,
                    Ending::AfterAck | Ending::Bye { is_ack_missing: false } => EndCause::Local,
                    Ending::Bye { is_ack_missing: true } => EndCause::NoAck,
                };
                self.tell(Event::Ended { call: handle, cause });
            }
            Stage::Calling(_) => {}
        }
    }

    /// Always 200, whatever the body: a key that we cannot read is no reason to upset a telephone.
    fn on_info(&mut self, handle: CallHandle, asked: (&Request, &Asked), now: Timestamp) {
        self.answer(asked, 200, &[], now);
        let content_type = asked.0.content_type().and_then(|value| value.split(';').next());
        self.tell(Event::Info {
            call: handle,
            content_type: content_type.unwrap_or_default().trim().to_ascii_lowercase(),
            body: asked.0.body.as_slice().into(),
        });
    }

    /// re-INVITE (RFC 3261 14.2) and UPDATE (RFC 3311 5.2).
    fn on_change(
        &mut self,
        handle: CallHandle,
        (request, asked): (&Request, &Asked),
        now: Timestamp,
    ) {
        let has_offer = !request.body.is_empty();
        let contact = self.calls.get(&handle).map(|call| self.contact(&call.flow));
        let contact = contact.unwrap_or_default();
        let call = self.calls.get_mut(&handle);
        let Some(Stage::Answered(answered)) = call.map(|call| &mut call.stage) else {
            // The first offer is not answered yet.
            let status = if has_offer { 500 } else { 200 };
            let headers = [("Contact", contact.as_str()), ("Retry-After", "1")];
            let sent = if has_offer { &headers[..] } else { headers.get(..1).unwrap_or_default() };
            return self.answer((request, asked), status, sent, now);
        };
        if matches!(answered.ending, Ending::Bye { .. }) {
            return self.answer((request, asked), 481, &[], now);
        }
        if answered.question.is_some() {
            return self.answer((request, asked), 500, &[("Retry-After", "1")], now);
        }
        if asked.is_invite && answered.unacked.is_some() {
            return self.answer((request, asked), 491, &[], now);
        }
        answered.dialog.refresh_target(request.contact().as_ref());
        if !asked.is_invite && !has_offer {
            let headers = [("Contact", contact.as_str()), ("Allow", ALLOW)];
            return self.answer((request, asked), 200, &headers, now);
        }
        self.ask_session(handle, (request, asked), now);
    }

    /// Leaves the answer to the layer above.
    fn ask_session(
        &mut self,
        handle: CallHandle,
        (request, asked): (&Request, &Asked),
        now: Timestamp,
    ) {
        let has_offer = !request.body.is_empty();
        let template = self.reply(request, asked, 200);
        self.open(asked, Owner::Asked(handle));
        if asked.is_invite {
            let trying = self.reply(request, asked, 100);
            self.respond(&asked.key, &trying, now);
        }
        let question = Question {
            key: asked.key.clone(),
            template,
            is_invite: asked.is_invite,
            has_offer,
            give_up_at: after(now, self.config.timers.give_up()),
        };
        if let Some(Stage::Answered(answered)) =
            self.calls.get_mut(&handle).map(|call| &mut call.stage)
        {
            answered.question = Some(question);
        }
        self.settle_call(handle);
        let offer = has_offer.then(|| request.body.as_slice().into());
        self.tell(Event::SessionChange { call: handle, offer });
    }

    pub(super) fn answer_session(
        &mut self,
        handle: CallHandle,
        sdp: Option<&[u8]>,
        now: Timestamp,
    ) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let flow = call.flow;
        let Stage::Answered(answered) = &mut call.stage else { return };
        let Some(question) = answered.question.take() else { return };
        let Some(sdp) = sdp else { return self.settle_question(&question, 488, now) };
        let mut response = with_status(&question.template, 200);
        response.push_header("Contact", self.contact(&flow));
        response.push_header("Allow", ALLOW);
        response.push_header("Content-Type", "application/sdp");
        response.body = sdp.to_vec();
        let cseq = response.cseq().map_or(0, |(number, _)| number);
        let sent = self.respond(&question.key, &response, now);
        let Some((bytes, flow)) = sent.filter(|_| question.is_invite) else { return };
        let timers = self.config.timers;
        if let Some(Stage::Answered(answered)) =
            self.calls.get_mut(&handle).map(|call| &mut call.stage)
        {
            let mut unacked = Unacked::new((cseq, bytes), flow, &timers, now);
            unacked.is_offer = !question.has_offer;
            answered.unacked = Some(unacked);
        }
        self.settle_call(handle);
    }

    pub(super) fn hang_up(&mut self, handle: CallHandle, now: Timestamp) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        match &mut call.stage {
            Stage::Offered(_) => {
                let rejection = Rejection { status: 480, contact: None, headers: Vec::new() };
                self.reject(handle, &rejection, now);
            }
            Stage::Calling(_) => self.cancel(handle, None, now),
            Stage::Answered(answered) => match answered.ending {
                // A BYE may not overtake the ACK (RFC 3261 15).
                Ending::No if answered.unacked.is_some() => answered.ending = Ending::AfterAck,
                Ending::No => self.bye(handle, false, now),
                Ending::AfterAck | Ending::Bye { .. } => {}
            },
        }
    }

    /// Sends BYE; the call is over when it is answered or given up.
    pub(super) fn bye(&mut self, handle: CallHandle, is_ack_missing: bool, now: Timestamp) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let Stage::Answered(answered) = &mut call.stage else { return };
        answered.ending = Ending::Bye { is_ack_missing };
        answered.unacked = None;
        let flow = call.flow;
        let question = answered.question.take();
        let (mut dialog, branch) = (answered.dialog.clone(), answered.branch.clone());
        self.send_bye((&mut dialog, &branch), flow, (Owner::Bye(handle), None), now);
        if let Some(Stage::Answered(answered)) =
            self.calls.get_mut(&handle).map(|call| &mut call.stage)
        {
            answered.dialog = dialog;
        }
        if let Some(question) = question {
            self.settle_question(&question, 487, now);
        }
    }

    /// Sends a BYE in any dialog, with a proof if one was asked for.
    pub(super) fn send_bye(
        &mut self,
        (dialog, branch): (&mut Dialog, &str),
        flow: Flow,
        (owner, proof): (Owner, Option<&(&'static str, String)>),
        now: Timestamp,
    ) {
        let number = dialog.next_cseq();
        let branch = format!("z9hG4bK{branch}-{number}-bye");
        let heading = dialog.heading();
        let mut text = Compose::request("BYE", &heading.uri)
            .header("Via", &self.own_via(&flow, &branch))
            .header("Max-Forwards", "70")
            .headers("Route", heading.routes.iter().map(AsRef::as_ref))
            .header("From", dialog.local())
            .header("To", dialog.remote())
            .header("Call-ID", dialog.call_id())
            .header("CSeq", &format!("{number} BYE"));
        if let Some((name, value)) = proof {
            text = text.header(name, value);
        }
        let bytes = text.header("User-Agent", &self.config.product).finish(None);
        self.send_request(client_key("BYE", &branch), bytes, (flow, owner), now);
    }

    /// Begins a client transaction of a request other than INVITE.
    pub(super) fn send_request(
        &mut self,
        key: super::table::Key,
        bytes: super::api::Bytes,
        (flow, owner): (Flow, Owner),
        now: Timestamp,
    ) {
        let is_reliable = flow.transport.is_reliable();
        let timers = self.config.timers;
        let machine = ClientNonInvite::new(bytes.clone(), is_reliable, &timers, now);
        let machine = Transaction::ClientNonInvite(machine);
        self.transactions.insert(key.clone(), machine, flow, owner);
        self.transactions.settle(&key, &mut self.timers);
        self.transmit(flow, bytes);
    }

    /// Our BYE was answered. Some trunks want a proof for it too; any other refusal ends the call as well.
    pub(super) fn on_bye_answered(
        &mut self,
        handle: CallHandle,
        (response, may_ask): (&Response, bool),
        now: Timestamp,
    ) {
        let is_challenge = may_ask && matches!(response.status(), 401 | 407);
        if is_challenge && self.repeat_bye(handle, response, now) {
            return;
        }
        self.on_bye_over(handle);
    }

    fn repeat_bye(&mut self, handle: CallHandle, response: &Response, now: Timestamp) -> bool {
        let Some(call) = self.calls.get_mut(&handle) else { return false };
        let flow = call.flow;
        let Stage::Answered(answered) = &mut call.stage else { return false };
        let Some(credentials) = answered.credentials.take() else { return false };
        let (mut dialog, branch) = (answered.dialog.clone(), answered.branch.clone());
        let uri = dialog.heading().uri;
        let Some(proof) = self.proof(&credentials, &flow, response, ("BYE", &uri, &[])) else {
            return false;
        };
        self.send_bye((&mut dialog, &branch), flow, (Owner::Bye(handle), Some(&proof)), now);
        true
    }

    /// Our BYE is done with, by an answer or without.
    pub(super) fn on_bye_over(&mut self, handle: CallHandle) {
        let Some(call) = self.calls.get(&handle) else { return };
        let Stage::Answered(answered) = &call.stage else { return };
        let cause = match answered.ending {
            Ending::Bye { is_ack_missing: true } => EndCause::NoAck,
            Ending::No | Ending::AfterAck | Ending::Bye { is_ack_missing: false } => {
                EndCause::Local
            }
        };
        self.remove_call(handle);
        self.tell(Event::Ended { call: handle, cause });
    }
}
