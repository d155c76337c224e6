//! Phones that are called: the carrier's network seen from the service, and registered phones that ring.

use super::diary::What;
use super::stream::LocalEnd;
use super::timers::Timer;
use super::{Origin, Owner, SDP_TYPE, World, sdp, sdp_address};
use crate::behaviour::Act;
use crate::wire::{Message, parameter, user_of};
use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// First pause before a message is sent again (RFC 3261, T1).
pub(super) const T1: Duration = Duration::from_millis(500);
/// Longest such pause (T2).
pub(super) const T2: Duration = Duration::from_secs(4);
/// A call is remembered so long after its end, to tell copies from calls.
const REMEMBERED: Duration = Duration::from_secs(10);
/// How often a message is sent before we give up: 64 T1.
pub(super) const SENDS_MAX: u32 = 11;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Early,
    Answered { is_acked: bool },
    Refused { is_acked: bool },
    Over,
}

/// A request of ours that waits for its answer.
#[derive(Debug)]
struct Request {
    text: String,
    sends: u32,
    pause: Duration,
}

/// The other phone behind the same number.
#[derive(Debug)]
struct Twin {
    tag: String,
    response: String,
    is_acked: bool,
}

#[derive(Debug)]
struct Leg {
    number: String,
    call_id: String,
    invite: String,
    branch: String,
    cseq: u32,
    origin: Origin,
    tag: String,
    script: VecDeque<(Duration, Act)>,
    phase: Phase,
    last: String,
    pause: Duration,
    sends: u32,
    local: LocalEnd,
    answered_at: Option<Instant>,
    cseq_out: u32,
    request: Option<Request>,
    twin: Option<Twin>,
}

/// Called phones with a call, and those that remember one.
#[derive(Debug, Default)]
pub(super) struct Legs(HashMap<u64, Leg>);

impl Legs {
    pub(super) fn number(&self, id: u64) -> Option<&str> {
        self.0.get(&id).map(|leg| leg.number.as_str())
    }

    pub(super) fn answered_at(&self, id: u64) -> Option<Instant> {
        self.0.get(&id).and_then(|leg| leg.answered_at)
    }
}

impl World {
    pub(super) fn on_leg_request(
        &mut self,
        leg: Option<u64>,
        message: &Message<'_>,
        origin: Origin,
        now: Instant,
    ) {
        match (message.method(), leg) {
            ("INVITE", None) => self.ring(message, origin, now),
            ("INVITE", Some(leg)) => self.on_invite_again(leg, message, origin),
            ("ACK", Some(leg)) => self.on_ack(leg, message, now),
            ("ACK", None) => {}
            ("CANCEL", Some(leg)) => self.on_cancel(leg, message, origin, now),
            ("BYE", Some(leg)) => self.on_bye(leg, message, origin, now),
            ("OPTIONS", _) => {
                let allow = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\n";
                self.send(origin.socket, origin.from, &message.respond("200 OK", "o1", allow, ""));
            }
            (_, Some(_)) => {
                self.send(origin.socket, origin.from, &message.respond("200 OK", "", "", ""));
            }
            (_, None) => {
                let text = message.respond("481 Call/Transaction Does Not Exist", "n1", "", "");
                self.send(origin.socket, origin.from, &text);
            }
        }
    }

    /// A new call comes in.
    fn ring(&mut self, message: &Message<'_>, origin: Origin, now: Instant) {
        let id = self.new_id();
        let number = user_of(message.uri()).to_owned();
        let behaviour = self.behaviours.of(&number, &mut self.random);
        let local = self.streams.local_end();
        if let Some(remote) = sdp_address(message.body) {
            self.streams.open(id, local, remote);
        }
        self.board.on_leg(&number, now);
        self.diary.note(now, &number, What::Called);
        let call_id = message.header("Call-ID").to_owned();
        self.calls.insert(call_id.clone(), Owner::Leg(id));
        let invite = rebuild(message);
        let leg = Leg {
            number,
            call_id,
            invite,
            branch: message.branch().to_owned(),
            cseq: message.cseq(),
            origin,
            tag: format!("n{id}"),
            script: behaviour.0.into(),
            phase: Phase::Early,
            last: String::new(),
            pause: T1,
            sends: 0,
            local,
            answered_at: None,
            cseq_out: 0,
            request: None,
            twin: None,
        };
        self.legs.0.insert(id, leg);
        self.plan_act(id, now);
    }

    fn plan_act(&mut self, id: u64, now: Instant) {
        let next = self.legs.0.get(&id).and_then(|leg| leg.script.front());
        match next.map(|(after, _)| *after) {
            Some(Duration::ZERO) => self.on_act_due(id, now),
            Some(after) => self.timers.set(now + after, Timer::Act(id)),
            None => {}
        }
    }

    pub(super) fn on_act_due(&mut self, id: u64, now: Instant) {
        let Some(leg) = self.legs.0.get_mut(&id) else { return };
        if matches!(leg.phase, Phase::Over | Phase::Refused { .. }) {
            return;
        }
        let Some((_, act)) = leg.script.pop_front() else { return };
        let is_answered = matches!(leg.phase, Phase::Answered { .. });
        match act {
            Act::Trying => self.respond(id, "100 Trying", false),
            Act::Ring => {
                self.respond(id, "180 Ringing", false);
                self.note(id, now, What::Ringing);
            }
            Act::EarlyMedia => {
                self.respond(id, "183 Session Progress", true);
                self.speak(id, now);
            }
            Act::Answer => self.answer(id, now),
            Act::AnswerTwice => self.answer_twice(id),
            Act::Refuse(status) => self.refuse(id, status, now),
            Act::Press(key) if is_answered => self.press_key(id, key, now),
            Act::PressByInfo(key) if is_answered => self.press_by_info(id, key, now),
            Act::Speak => self.speak(id, now),
            Act::HangUp if is_answered => self.hang_up_leg(id, now),
            Act::Press(_) | Act::PressByInfo(_) | Act::HangUp => {}
        }
        self.plan_act(id, now);
    }

    fn note(&mut self, id: u64, now: Instant, what: What) {
        if let Some(leg) = self.legs.0.get(&id) {
            self.diary.note(now, &leg.number, what);
        }
    }

    /// Sends a response to the INVITE, and remembers it for copies of the INVITE.
    fn respond(&mut self, id: u64, status: &str, has_sdp: bool) {
        let Some(leg) = self.legs.0.get_mut(&id) else { return };
        let Some(invite) = Message::read(&leg.invite) else { return };
        let tag = if status.starts_with("100") { "" } else { &leg.tag };
        let contact = contact(&leg.number, &self.sip[leg.origin.socket]);
        leg.last = if has_sdp {
            let body = sdp(leg.local.address, id);
            invite.respond(status, tag, &format!("{contact}{SDP_TYPE}"), &body)
        } else {
            invite.respond(status, tag, &contact, "")
        };
        // A full buffer loses the message, as a network does; SIP repeats it.
        let _ = self.sip[leg.origin.socket].send_to(leg.last.as_bytes(), leg.origin.from);
    }

    fn answer(&mut self, id: u64, now: Instant) {
        let Some(leg) = self.legs.0.get_mut(&id) else { return };
        leg.phase = Phase::Answered { is_acked: false };
        leg.answered_at = Some(now);
        leg.sends = 1;
        self.respond(id, "200 OK", true);
        self.timers.set(now + T1, Timer::Resend(id));
        self.board.count().answered += 1;
        self.note(id, now, What::Answered);
    }

    fn answer_twice(&mut self, id: u64) {
        let Some(leg) = self.legs.0.get_mut(&id) else { return };
        let Some(invite) = Message::read(&leg.invite) else { return };
        let contact = contact(&leg.number, &self.sip[leg.origin.socket]);
        let tag = format!("{}b", leg.tag);
        let body = sdp(leg.local.address, id);
        let response = invite.respond("200 OK", &tag, &format!("{contact}{SDP_TYPE}"), &body);
        let Origin { socket, from } = leg.origin;
        leg.twin = Some(Twin { tag, response: response.clone(), is_acked: false });
        self.send(socket, from, &response);
    }

    fn refuse(&mut self, id: u64, status: u16, now: Instant) {
        let reason = match status {
            403 => "Forbidden",
            404 => "Not Found",
            480 => "Temporarily Unavailable",
            486 => "Busy Here",
            487 => "Request Terminated",
            503 => "Service Unavailable",
            603 => "Decline",
            _ => "Refused",
        };
        self.respond(id, &format!("{status} {reason}"), false);
        self.close_stream(id);
        let Some(leg) = self.legs.0.get_mut(&id) else { return };
        leg.phase = Phase::Refused { is_acked: false };
        leg.sends = 1;
        leg.pause = T1;
        self.board.on_leg_over(&leg.number);
        self.timers.set(now + T1, Timer::Resend(id));
        if status != 487 {
            self.note(id, now, What::Refused(status));
        }
    }

    pub(super) fn on_resend_due(&mut self, id: u64, now: Instant) {
        let Some(leg) = self.legs.0.get_mut(&id) else { return };
        let waits = Phase::Answered { is_acked: false } == leg.phase;
        let waits = waits || leg.phase == Phase::Refused { is_acked: false };
        let twin = leg.twin.as_ref().filter(|twin| !twin.is_acked && leg.phase != Phase::Over);
        if !waits && twin.is_none() {
            return;
        }
        if SENDS_MAX <= leg.sends {
            // Nobody acknowledges: the dialog is given up (RFC 3261, 13.3.1.4).
            let is_refused = matches!(leg.phase, Phase::Refused { .. });
            if is_refused {
                self.timers.set(now, Timer::Forget(id));
            } else {
                self.hang_up_leg(id, now);
            }
            return;
        }
        leg.sends += 1;
        leg.pause = (leg.pause * 2).min(T2);
        let Origin { socket, from } = leg.origin;
        let (mut texts, again) = (Vec::new(), now + leg.pause);
        texts.extend(waits.then(|| leg.last.clone()));
        texts.extend(twin.map(|twin| twin.response.clone()));
        for text in texts {
            self.board.count().ours_again += 1;
            self.send(socket, from, &text);
        }
        self.timers.set(again, Timer::Resend(id));
    }

    fn on_invite_again(&mut self, id: u64, message: &Message<'_>, origin: Origin) {
        let Some(leg) = self.legs.0.get(&id) else { return };
        if leg.cseq == message.cseq() && leg.branch == message.branch() {
            self.board.count().invites_again += 1;
            if !leg.last.is_empty() {
                self.send(origin.socket, origin.from, &leg.last);
            }
            return;
        }
        // A new offer in the call: the same answer as before.
        let contact = contact(&leg.number, &self.sip[origin.socket]);
        let body = sdp(leg.local.address, id);
        let text = message.respond("200 OK", "", &format!("{contact}{SDP_TYPE}"), &body);
        self.send(origin.socket, origin.from, &text);
    }

    fn on_ack(&mut self, id: u64, message: &Message<'_>, now: Instant) {
        let Some(leg) = self.legs.0.get_mut(&id) else { return };
        let tag = parameter(message.header("To"), "tag").unwrap_or_default();
        if let Some(twin) = leg.twin.as_mut().filter(|twin| twin.tag == tag) {
            twin.is_acked = true;
            return;
        }
        match &mut leg.phase {
            Phase::Answered { is_acked } => *is_acked = true,
            Phase::Refused { is_acked } => {
                if !std::mem::replace(is_acked, true) {
                    self.timers.set(now + REMEMBERED, Timer::Forget(id));
                }
            }
            Phase::Early | Phase::Over => {}
        }
    }

    fn on_cancel(&mut self, id: u64, message: &Message<'_>, origin: Origin, now: Instant) {
        self.send(origin.socket, origin.from, &message.respond("200 OK", "c1", "", ""));
        let Some(leg) = self.legs.0.get(&id) else { return };
        if leg.phase != Phase::Early {
            return;
        }
        self.board.count().cancelled += 1;
        self.note(id, now, What::Cancelled);
        self.refuse(id, 487, now);
    }

    fn on_bye(&mut self, id: u64, message: &Message<'_>, origin: Origin, now: Instant) {
        self.send(origin.socket, origin.from, &message.respond("200 OK", "", "", ""));
        let Some(leg) = self.legs.0.get(&id) else { return };
        let tag = parameter(message.header("To"), "tag").unwrap_or_default();
        if leg.twin.as_ref().is_some_and(|twin| twin.tag == tag) {
            return;
        }
        if leg.phase == Phase::Over {
            self.board.count().requests_again += 1;
            return;
        }
        let heard = self.end_leg(id, now);
        self.note(id, now, What::HungUpByService(heard));
    }

    fn end_leg(&mut self, id: u64, now: Instant) -> super::Heard {
        let heard = self.close_stream(id);
        if let Some(leg) = self.legs.0.get_mut(&id) {
            leg.phase = Phase::Over;
            self.board.on_leg_over(&leg.number);
            self.timers.set(now + REMEMBERED, Timer::Forget(id));
        }
        heard
    }

    pub(super) fn forget_leg(&mut self, id: u64) {
        if let Some(leg) = self.legs.0.remove(&id) {
            self.calls.remove(&leg.call_id);
        }
    }

    fn hang_up_leg(&mut self, id: u64, now: Instant) {
        self.request(id, "BYE", ("", ""), now);
        let heard = self.end_leg(id, now);
        self.note(id, now, What::HungUp(heard));
    }

    fn press_by_info(&mut self, id: u64, key: char, now: Instant) {
        let body = format!("Signal={key}\r\nDuration=160\r\n");
        self.request(id, "INFO", ("Content-Type: application/dtmf-relay\r\n", &body), now);
        self.on_key_started(id, key, now);
    }

    /// A request of the called phone inside of its call: extra lines and a body.
    fn request(&mut self, id: u64, method: &str, (extra, body): (&str, &str), now: Instant) {
        let Some(leg) = self.legs.0.get_mut(&id) else { return };
        let Some(invite) = Message::read(&leg.invite) else { return };
        leg.cseq_out += 1;
        let Ok(local) = self.sip[leg.origin.socket].local_addr() else { return };
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKl{id}-{cseq};rport\r\nMax-Forwards: 70\r\nFrom: {from};tag={tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{extra}Content-Length: {len}\r\n\r\n{body}",
            uri = invite.contact(),
            cseq = leg.cseq_out,
            from = invite.header("To"),
            tag = leg.tag,
            to = invite.header("From"),
            call_id = leg.call_id,
            len = body.len(),
        );
        let Origin { socket, from } = leg.origin;
        leg.request = Some(Request { text: text.clone(), sends: 1, pause: T1 });
        self.send(socket, from, &text);
        self.timers.set(now + T1, Timer::ResendRequest(id));
    }

    pub(super) fn on_resend_request_due(&mut self, id: u64, now: Instant) {
        let Some(leg) = self.legs.0.get_mut(&id) else { return };
        let Origin { socket, from } = leg.origin;
        let Some(request) = leg.request.as_mut().filter(|request| request.sends < SENDS_MAX) else {
            return;
        };
        request.sends += 1;
        request.pause = (request.pause * 2).min(T2);
        let (text, again) = (request.text.clone(), now + request.pause);
        self.board.count().ours_again += 1;
        self.send(socket, from, &text);
        self.timers.set(again, Timer::ResendRequest(id));
    }

    pub(super) fn on_leg_response(&mut self, id: u64, message: &Message<'_>) {
        let is_final = message.status().is_some_and(|status| 200 <= status);
        if let Some(leg) = self.legs.0.get_mut(&id)
            && is_final
            && message.cseq() == leg.cseq_out
        {
            leg.request = None;
        }
    }
}

/// What of an INVITE responses and requests in its call need.
fn rebuild(message: &Message<'_>) -> String {
    let mut out = format!("{}\r\n", message.start);
    for name in ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq", "Contact"] {
        for value in message.headers(name) {
            // Writing to a String cannot fail.
            let _ = write!(out, "{name}: {value}\r\n");
        }
    }
    out.push_str("\r\n");
    out
}

fn contact(number: &str, socket: &mio::net::UdpSocket) -> String {
    match socket.local_addr() {
        Ok(local) => format!("Contact: <sip:{number}@{local}>\r\n"),
        Err(_) => String::new(),
    }
}
