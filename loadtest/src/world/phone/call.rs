//! A phone's own call: it dials the code, or an access number and then keys the code.

use super::PhoneId;
use crate::wire::Message;
use crate::world::callee::{SENDS_MAX, T1};
use crate::world::diary::What;
use crate::world::stream::{Heard, LocalEnd};
use crate::world::timers::Timer;
use crate::world::{Origin, Owner, SDP_TYPE, World, sdp, sdp_address};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How a phone presses the alarm code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Dials: the user part of the Request-URI as it goes out, `%239`, `#9` or `*9`.
    Dial(String),
    /// Calls an access number and keys the code by RFC 4733.
    Keys {
        /// Which number.
        access: String,
        /// The keys.
        code: String,
    },
    /// Calls an access number and keys the code by SIP INFO.
    Info {
        /// Which number.
        access: String,
        /// The keys.
        code: String,
        /// How they are written.
        format: InfoFormat,
    },
}

/// The two bodies that phones send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InfoFormat {
    /// `application/dtmf-relay`: `Signal=9`, `Duration=160`.
    Relay,
    /// `application/dtmf`: the key alone.
    Plain,
}

/// A person listens so long before the first key.
const BEFORE_KEYS: Duration = Duration::from_millis(500);
/// Pause between two keys.
const BETWEEN_KEYS: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// All keys by RFC 4733.
    Keys,
    Info(char),
    HangUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Calling,
    Proceeding,
    Up,
    Over,
}

#[derive(Debug)]
pub(super) struct Call {
    id: u64,
    form: Form,
    hold: Duration,
    uri: String,
    invite: String,
    branch: String,
    cseq: u32,
    phase: Phase,
    sends: u32,
    pause: Duration,
    is_cancelled: bool,
    has_answered_challenge: bool,
    local: LocalEnd,
    to: String,
    target: String,
    steps: VecDeque<(Duration, Step)>,
    keys_left: usize,
}

impl Form {
    fn user(&self) -> &str {
        match self {
            Self::Dial(user) => user,
            Self::Keys { access, .. } | Self::Info { access, .. } => access,
        }
    }

    fn keys(&self) -> &str {
        match self {
            Self::Dial(_) => "",
            Self::Keys { code, .. } | Self::Info { code, .. } => code,
        }
    }
}

impl World {
    /// A phone calls and presses; after the answer and the keys it stays in the call for `hold`, unless the service ends
    /// it. A call that it still has is given up.
    pub fn press(&mut self, phone: PhoneId, form: Form, hold: Duration, now: Instant) {
        let id = self.new_id();
        let local = self.streams.local_end();
        let service = self.config.service;
        if let Some(old) = self.phones.all.get_mut(phone.0).and_then(|phone| phone.call.take()) {
            self.phones.by_call.remove(&old.id);
            self.calls.remove(&call_id(old.id));
            self.close_stream(old.id);
        }
        let Some(caller) = self.phones.all.get_mut(phone.0) else { return };
        let uri = format!("sip:{}@{service}", form.user());
        caller.call = Some(Call {
            id,
            keys_left: form.keys().chars().count(),
            form,
            hold,
            to: format!("<{uri}>"),
            target: uri.clone(),
            uri,
            invite: String::new(),
            branch: String::new(),
            cseq: 0,
            phase: Phase::Calling,
            sends: 0,
            pause: T1,
            is_cancelled: false,
            has_answered_challenge: false,
            local,
            steps: VecDeque::new(),
        });
        self.phones.by_call.insert(id, phone.0);
        self.calls.insert(call_id(id), Owner::Phone(phone.0));
        self.send_invite(phone.0, now);
    }

    fn send_invite(&mut self, index: usize, now: Instant) {
        let service = self.config.service;
        let Some(phone) = self.phones.all.get_mut(index) else { return };
        let Some(call) = phone.call.as_mut() else { return };
        let Ok(local) = self.sip[phone.socket].local_addr() else { return };
        call.cseq += 1;
        let (id, cseq) = (call.id, call.cseq);
        call.branch = format!("z9hG4bKi{id}-{cseq}");
        let authorization = match (&mut phone.challenge, &phone.config.credentials) {
            (Some(challenge), Some(who)) if call.has_answered_challenge => {
                format!("Authorization: {}\r\n", challenge.answer(who, "INVITE", &call.uri))
            }
            (Some(_) | None, Some(_) | None) => String::new(),
        };
        let body = sdp(call.local.address, id);
        let account = &phone.config.account;
        call.invite = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch={branch};rport\r\nMax-Forwards: 70\r\nFrom: <sip:{account}@{service}>;tag=p{id}\r\nTo: <{uri}>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} INVITE\r\nContact: <sip:{account}@{local}>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO\r\nUser-Agent: simulated phone\r\n{authorization}{SDP_TYPE}Content-Length: {len}\r\n\r\n{body}",
            uri = call.uri,
            branch = call.branch,
            call_id = call_id(id),
            len = body.len(),
        );
        (call.phase, call.sends, call.pause) = (Phase::Calling, 1, T1);
        let is_dialled = call.keys_left == 0;
        let (socket, text, account) = (phone.socket, call.invite.clone(), account.clone());
        self.send(socket, service, &text);
        if is_dialled {
            self.board.on_press(&account, now);
            self.diary.note(now, &account, What::PressedAlarm);
        }
        self.timers.set(now + T1, Timer::ResendInvite(index, id));
    }

    pub(in super::super) fn on_resend_invite(&mut self, index: usize, id: u64, now: Instant) {
        let Some(phone) = self.phones.all.get_mut(index) else { return };
        let Some(call) = phone.call.as_mut().filter(|call| call.id == id) else { return };
        if call.phase != Phase::Calling || SENDS_MAX <= call.sends {
            return;
        }
        call.sends += 1;
        call.pause *= 2;
        let (socket, text, again) = (phone.socket, call.invite.clone(), now + call.pause);
        self.board.count().ours_again += 1;
        self.send(socket, self.config.service, &text);
        self.timers.set(again, Timer::ResendInvite(index, id));
    }

    pub(super) fn on_invite_response(
        &mut self,
        index: usize,
        status: u16,
        message: &Message<'_>,
        now: Instant,
    ) {
        let Some(phone) = self.phones.all.get_mut(index) else { return };
        let Some(call) = phone.call.as_mut() else { return };
        if message.header("Call-ID") != call_id(call.id) || message.branch() != call.branch {
            return;
        }
        let is_open = matches!(call.phase, Phase::Calling | Phase::Proceeding);
        match status {
            0..200 => {
                if is_open {
                    call.phase = Phase::Proceeding;
                }
            }
            200..300 => {
                call.to = message.header("To").to_owned();
                call.target = message.contact().to_owned();
                self.send_in_call(index, "ACK", ("", ""));
                if is_open {
                    self.on_call_up(index, message, now);
                }
            }
            _ => {
                let text = ack_of_failure(&call.invite, message);
                let socket = phone.socket;
                let may_answer = matches!(status, 401 | 407) && !call.has_answered_challenge;
                let answers = is_open && may_answer && {
                    call.has_answered_challenge = true;
                    phone.learn_challenge(message)
                };
                self.send(socket, self.config.service, &text);
                if answers {
                    self.repeat_with_answer(index, now);
                } else if is_open {
                    self.on_call_refused(index, status, now);
                }
            }
        }
    }

    fn repeat_with_answer(&mut self, index: usize, now: Instant) {
        if let Some(phone) = self.phones.all.get(index)
            && phone.call.as_ref().is_some_and(|call| call.keys_left == 0)
        {
            self.board.forget_press(&phone.config.account);
        }
        self.send_invite(index, now);
    }

    fn on_call_refused(&mut self, index: usize, status: u16, now: Instant) {
        let Some(phone) = self.phones.all.get_mut(index) else { return };
        let account = phone.config.account.clone();
        if let Some(call) = phone.call.as_mut() {
            call.phase = Phase::Over;
        }
        self.board.count().refused_callers += 1;
        self.diary.note(now, &account, What::CallRefused(status));
    }

    fn on_call_up(&mut self, index: usize, message: &Message<'_>, now: Instant) {
        let Some(phone) = self.phones.all.get_mut(index) else { return };
        let account = phone.config.account.clone();
        let Some(call) = phone.call.as_mut() else { return };
        call.phase = Phase::Up;
        call.steps = match &call.form {
            Form::Dial(_) => VecDeque::new(),
            Form::Keys { .. } => VecDeque::from([(BEFORE_KEYS, Step::Keys)]),
            Form::Info { code, .. } => {
                let info =
                    |(at, key)| (if at == 0 { BEFORE_KEYS } else { BETWEEN_KEYS }, Step::Info(key));
                code.chars().enumerate().map(info).collect()
            }
        };
        call.steps.push_back((call.hold, Step::HangUp));
        let (id, local) = (call.id, call.local);
        let first = call.steps.front().map(|(after, _)| *after);
        if let Some(remote) = sdp_address(message.body) {
            self.streams.open(id, local, remote);
            self.speak(id, now);
        }
        self.board.on_caller_answered(&account, now);
        self.diary.note(now, &account, What::CallAnswered);
        if let Some(after) = first {
            self.timers.set(now + after, Timer::Call(index, id));
        }
    }

    pub(in super::super) fn on_call_due(&mut self, index: usize, id: u64, now: Instant) {
        let Some(phone) = self.phones.all.get_mut(index) else { return };
        let Some(call) = phone.call.as_mut().filter(|call| call.id == id) else { return };
        if call.phase != Phase::Up {
            return;
        }
        let Some((_, step)) = call.steps.pop_front() else { return };
        let next = call.steps.front().map(|(after, _)| *after);
        let form = call.form.clone();
        match step {
            Step::Keys => {
                for key in form.keys().chars() {
                    self.press_key(id, key, now);
                }
            }
            Step::Info(key) => self.send_info(index, key, now),
            Step::HangUp => self.hang_up(PhoneId(index), now),
        }
        if let Some(after) = next {
            self.timers.set(now + after, Timer::Call(index, id));
        }
    }

    fn send_info(&mut self, index: usize, key: char, now: Instant) {
        let Some(call) = self.phones.all.get(index).and_then(|phone| phone.call.as_ref()) else {
            return;
        };
        let (id, is_plain) =
            (call.id, matches!(call.form, Form::Info { format: InfoFormat::Plain, .. }));
        let (kind, body) = if is_plain {
            ("Content-Type: application/dtmf\r\n", key.to_string())
        } else {
            let body = format!("Signal={key}\r\nDuration=160\r\n");
            ("Content-Type: application/dtmf-relay\r\n", body)
        };
        self.send_in_call(index, "INFO", (kind, &body));
        self.on_phone_key(id, key, now);
    }

    /// A key of a phone went out.
    pub(in super::super) fn on_phone_key(&mut self, call_id: u64, key: char, now: Instant) {
        let Some(index) = self.phones.by_call.get(&call_id).copied() else { return };
        let Some(phone) = self.phones.all.get_mut(index) else { return };
        let Some(call) = phone.call.as_mut() else { return };
        // What is pressed after the code is none of it.
        let is_last = call.keys_left == 1;
        call.keys_left = call.keys_left.saturating_sub(1);
        let account = phone.config.account.clone();
        self.diary.note(now, &account, What::Pressed(key));
        if is_last {
            self.board.on_press(&account, now);
            self.diary.note(now, &account, What::PressedAlarm);
        }
    }

    /// A phone that is in its call presses keys, by RFC 4733. Returns whether it is in one; otherwise nothing is pressed.
    pub fn key(&mut self, phone: PhoneId, keys: &str, now: Instant) -> bool {
        let call = self.phones.all.get(phone.0).and_then(|phone| phone.call.as_ref());
        let Some(id) = call.filter(|call| call.phase == Phase::Up).map(|call| call.id) else {
            return false;
        };
        keys.chars().for_each(|key| self.press_key(id, key, now));
        true
    }

    /// A phone hangs up: BYE, or CANCEL before the answer.
    pub fn hang_up(&mut self, phone: PhoneId, now: Instant) {
        let Some(caller) = self.phones.all.get_mut(phone.0) else { return };
        let account = caller.config.account.clone();
        let Some(call) = caller.call.as_mut() else { return };
        match call.phase {
            Phase::Up => {
                call.phase = Phase::Over;
                let id = call.id;
                self.send_in_call(phone.0, "BYE", ("", ""));
                let heard = self.close_stream(id);
                self.diary.note(now, &account, What::CallEnded(heard));
            }
            Phase::Calling | Phase::Proceeding if !call.is_cancelled => {
                call.is_cancelled = true;
                let text = cancel(&call.invite);
                let socket = caller.socket;
                self.send(socket, self.config.service, &text);
            }
            Phase::Calling | Phase::Proceeding | Phase::Over => {}
        }
    }

    /// What a phone hears in its call.
    #[must_use]
    pub fn phone_heard(&self, phone: PhoneId) -> Option<Heard> {
        let call = self.phones.all.get(phone.0)?.call.as_ref()?;
        self.streams.heard(call.id)
    }

    pub(in super::super) fn on_phone_request(
        &mut self,
        index: usize,
        message: &Message<'_>,
        origin: Origin,
        now: Instant,
    ) {
        let Some(phone) = self.phones.all.get_mut(index) else { return };
        let account = phone.config.account.clone();
        let Some(call) = phone.call.as_mut() else { return };
        let (id, local) = (call.id, call.local);
        let text = if message.method() == "INVITE" {
            message.respond("200 OK", "", SDP_TYPE, &sdp(local.address, id))
        } else {
            message.respond("200 OK", "", "", "")
        };
        let ends = message.method() == "BYE" && call.phase == Phase::Up;
        if ends {
            call.phase = Phase::Over;
        }
        if message.method() != "ACK" {
            self.send(origin.socket, origin.from, &text);
        }
        if ends {
            let heard = self.close_stream(id);
            self.diary.note(now, &account, What::CallEnded(heard));
        }
    }

    /// A request of a phone in its call: extra lines and a body. An ACK has the number of its INVITE.
    fn send_in_call(&mut self, index: usize, method: &str, (extra, body): (&str, &str)) {
        let service = self.config.service;
        let Some(phone) = self.phones.all.get_mut(index) else { return };
        let Some(call) = phone.call.as_mut() else { return };
        let Ok(local) = self.sip[phone.socket].local_addr() else { return };
        let invite_cseq = call.branch.rsplit('-').next().and_then(|text| text.parse().ok());
        let cseq = if method == "ACK" {
            invite_cseq.unwrap_or(call.cseq)
        } else {
            call.cseq += 1;
            call.cseq
        };
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKd{id}-{cseq}-{method};rport\r\nMax-Forwards: 70\r\nFrom: <sip:{account}@{service}>;tag=p{id}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{extra}Content-Length: {len}\r\n\r\n{body}",
            target = call.target,
            id = call.id,
            account = phone.config.account,
            to = call.to,
            call_id = call_id(call.id),
            len = body.len(),
        );
        let socket = phone.socket;
        self.send(socket, service, &text);
    }
}

fn call_id(id: u64) -> String {
    format!("call-{id}@phones")
}

/// The ACK of a failure goes with the branch of its INVITE (RFC 3261, 17.1.1.3).
fn ack_of_failure(invite: &str, failure: &Message<'_>) -> String {
    let Some(invite) = Message::read(invite) else { return String::new() };
    bare("ACK", &invite, failure.header("To"))
}

fn cancel(invite: &str) -> String {
    let Some(invite) = Message::read(invite) else { return String::new() };
    bare("CANCEL", &invite, invite.header("To"))
}

fn bare(method: &str, invite: &Message<'_>, to: &str) -> String {
    format!(
        "{method} {} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {} {method}\r\nContent-Length: 0\r\n\r\n",
        invite.uri(),
        invite.header("Via"),
        invite.header("From"),
        invite.header("Call-ID"),
        invite.cseq(),
    )
}
