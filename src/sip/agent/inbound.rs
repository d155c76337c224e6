//! Requests outside of dialogs, CANCEL, and what the layer above decides about calls that came in.

use super::api::{CallHandle, EndCause, Event, Rejection};
use super::calls::{Answered, Call, Ending, Question, Stage, Stopping, Unacked};
use super::table::{Owner, server_key};
use super::wire::{ALLOW, Asked};
use super::{Scene, UserAgent};
use crate::dialog::Phase;
use crate::message::{MessageExt as _, Method, Request, Response, status_line};
use crate::transaction::Transaction;
use jiff::Timestamp;

impl UserAgent {
    pub(super) fn on_new_request(&mut self, request: Request, asked: Asked, scene: Scene<'_>) {
        let now = scene.now;
        if request.method == Method::Cancel {
            self.on_cancel(&request, &asked, now);
        } else if request.to_tag().is_some() {
            self.on_request_in_dialog((&request, &asked), now);
        } else if request.method == Method::Invite {
            self.on_invite(&request, &asked, scene);
        } else if self.config.transactions_max <= self.transactions.len() {
            self.shed(&request, &asked);
        } else {
            self.on_request_outside((&request, &asked), scene);
        }
    }

    fn on_request_outside(&mut self, asked: (&Request, &Asked), scene: Scene<'_>) {
        let now = scene.now;
        match asked.0.method {
            Method::Options => self.answer(
                asked,
                200,
                &[("Allow", ALLOW), ("Accept", "application/sdp"), ("Supported", "path")],
                now,
            ),
            Method::Register => self.on_register(asked, scene),
            // These belong to a call or a subscription, and there is none (RFC 3261 12.2.2, RFC 6665 4.1.3).
            Method::Bye | Method::Info | Method::Update | Method::PRack | Method::Notify => {
                self.answer(asked, 481, &[], now);
            }
            Method::Message | Method::Publish | Method::Refer | Method::Subscribe => {
                self.answer(asked, 405, &[("Allow", ALLOW)], now);
            }
            // Taken elsewhere already; an ACK is never answered.
            Method::Ack | Method::Cancel | Method::Invite => {}
        }
    }

    /// RFC 3261 9.2. The 200 to the CANCEL has the tag of the INVITE's answers.
    fn on_cancel(&mut self, request: &Request, asked: &Asked, now: Timestamp) {
        let invite = server_key(request, &asked.via, Method::Invite);
        let entry = self.transactions.get_mut(&invite).map(|entry| (&entry.machine, &entry.owner));
        let Some((Transaction::ServerInvite(machine), owner)) = entry else {
            return self.answer((request, asked), 481, &[], now);
        };
        let call = match owner {
            Owner::Asked(call) if machine.is_proceeding() => Some(*call),
            Owner::Asked(_)
            | Owner::Nobody
            | Owner::Invite(_)
            | Owner::Cancel(_)
            | Owner::Bye(_)
            | Owner::Probe(_) => None,
        };
        let tagged = Asked { key: invite, ..asked.clone() };
        let response = self.reply(request, &tagged, 200);
        self.open(asked, Owner::Nobody);
        self.respond(&asked.key, &response, now);
        if let Some(call) = call {
            self.give_question_up(call, 487, now);
        }
    }

    /// Nobody waits for the layer above any more: the caller took its INVITE back, or there was no decision in time.
    /// If the INVITE was the first, the call is over.
    pub(super) fn give_question_up(&mut self, handle: CallHandle, status: u16, now: Timestamp) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        match &mut call.stage {
            Stage::Offered(_) => {
                let Some(Call { stage: Stage::Offered(offered), .. }) = self.remove_call(handle)
                else {
                    return;
                };
                self.settle_question(&offered.question, status, now);
                self.tell(Event::Cancelled { call: handle });
            }
            Stage::Answered(answered) => {
                if let Some(question) = answered.question.take() {
                    self.settle_question(&question, status, now);
                }
            }
            Stage::Calling(_) => {}
        }
    }

    /// Refuses a request that waited for the layer above.
    pub(super) fn settle_question(&mut self, question: &Question, status: u16, now: Timestamp) {
        let response = with_status(&question.template, status);
        self.respond(&question.key, &response, now);
    }

    pub(super) fn ring(&mut self, handle: CallHandle, now: Timestamp) {
        let Some(Call { stage: Stage::Offered(offered), flow, .. }) = self.calls.get(&handle)
        else {
            return;
        };
        if offered.is_plain_ringing_barred {
            return;
        }
        let mut response = with_status(&offered.question.template, 180);
        response.push_header("Contact", self.contact(flow));
        let key = offered.question.key.clone();
        self.respond(&key, &response, now);
    }

    pub(super) fn accept(&mut self, handle: CallHandle, sdp: &[u8], now: Timestamp) {
        let Some(call) = self.calls.get(&handle) else { return };
        let Stage::Offered(offered) = &call.stage else { return };
        let mut response = with_status(&offered.question.template, 200);
        response.push_header("Contact", self.contact(&call.flow));
        response.push_header("Allow", ALLOW);
        response.push_header("Content-Type", "application/sdp");
        response.body = sdp.to_vec();
        let key = offered.question.key.clone();
        let cseq = response.cseq().map_or(0, |(number, _)| number);
        let Some((bytes, flow)) = self.respond(&key, &response, now) else { return };
        let branch = format!("{:016x}", self.fresh()).into();
        let timers = self.config.timers;
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let Stage::Offered(offered) = &call.stage else { return };
        let mut unacked = Unacked::new((cseq, bytes), flow, &timers, now);
        unacked.is_offer = !offered.had_offer;
        let mut dialog = offered.dialog.clone();
        dialog.phase = Phase::Confirmed;
        call.stage = Stage::Answered(Box::new(Answered {
            dialog,
            branch,
            unacked: Some(unacked),
            question: None,
            ending: Ending::No,
            credentials: None,
        }));
        self.settle_call(handle);
    }

    pub(super) fn reject(&mut self, handle: CallHandle, rejection: &Rejection, now: Timestamp) {
        if !matches!(self.calls.get(&handle), Some(Call { stage: Stage::Offered(_), .. })) {
            return;
        }
        let Some(Call { stage: Stage::Offered(offered), .. }) = self.remove_call(handle) else {
            return;
        };
        let status = rejection.status.clamp(300, 699);
        let mut response = with_status(&offered.question.template, status);
        if let Some(contact) = &rejection.contact {
            response.push_header("Contact", clean(contact));
        }
        for (name, value) in &rejection.headers {
            response.push_header(name, clean(value));
        }
        self.respond(&offered.question.key, &response, now);
    }

    /// The connection of a call is gone.
    pub(super) fn lose_call(&mut self, handle: CallHandle, now: Timestamp) {
        let Some(call) = self.remove_call(handle) else { return };
        match call.stage {
            Stage::Offered(offered) => {
                self.settle_question(&offered.question, 480, now);
                self.tell(Event::Cancelled { call: handle });
            }
            Stage::Calling(calling) => {
                self.forget_invite(&calling);
                let status = if calling.stopping == Stopping::No { 503 } else { 487 };
                self.tell_failed(handle, status);
            }
            Stage::Answered(answered) => {
                if let Some(question) = &answered.question {
                    self.settle_question(question, 480, now);
                }
                self.tell(Event::Ended { call: handle, cause: EndCause::ConnectionLost });
            }
        }
    }
}

/// A response made from a kept one.
pub(super) fn with_status(template: &Response, status: u16) -> Response {
    let mut response = template.clone();
    response.status_code = status_line(status, "");
    response
}

/// A header value without anything that could end its line.
pub(super) fn clean(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
