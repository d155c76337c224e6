//! Phones that register and press.

use super::callee::{SENDS_MAX, T1, T2};
use super::diary::What;
use super::timers::Timer;
use super::{Owner, World};
use crate::digest::{Challenge, Credentials};
use crate::wire::{Message, parameter};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

mod call;

use call::Call;
pub use call::{Form, InfoFormat};

/// A phone of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhoneId(pub(super) usize);

/// What a phone is.
#[derive(Clone, Debug)]
pub struct PhoneConfig {
    /// Its account, or its number where it is behind a trunk.
    pub account: String,
    /// How it answers challenges.
    pub credentials: Option<Credentials>,
    /// It registers and refreshes.
    pub registers: bool,
    /// Its address; that of the world's phones if it has none of its own.
    pub ip: Option<IpAddr>,
}

/// Whether a phone is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneState {
    /// Never tried, or not answered yet.
    Unregistered,
    /// The service knows where it is.
    Registered,
    /// The service refused; with the status.
    Refused(u16),
}

/// Asked for when registering, in seconds; the service may shorten it.
const EXPIRES_S: u64 = 3600;
/// A refused phone tries again after this.
const REGISTER_AGAIN: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Phone {
    config: PhoneConfig,
    socket: usize,
    state: PhoneState,
    challenge: Option<Challenge>,
    cseq: u32,
    /// The REGISTER under way.
    register: String,
    sends: u32,
    pause: Duration,
    has_answered_challenge: bool,
    call: Option<Call>,
}

/// All phones.
#[derive(Debug, Default)]
pub(super) struct Phones {
    all: Vec<Phone>,
    by_call: HashMap<u64, usize>,
    /// The latest socket of an address, and how many phones share it.
    sockets: HashMap<IpAddr, (usize, usize)>,
    registered: usize,
}

impl World {
    /// Adds a phone. One that registers begins after `after`.
    ///
    /// # Errors
    /// When its socket cannot be opened.
    pub fn add_phone(
        &mut self,
        config: PhoneConfig,
        after: Duration,
        now: Instant,
    ) -> io::Result<PhoneId> {
        let index = self.phones.all.len();
        let socket = self.socket_for(config.ip.unwrap_or(self.config.phones_ip))?;
        if config.registers {
            self.timers.set(now + after, Timer::Register(index));
            self.calls.insert(register_call_id(index), Owner::Phone(index));
        }
        let phone = Phone {
            config,
            socket,
            state: PhoneState::Unregistered,
            challenge: None,
            cseq: 0,
            register: String::new(),
            sends: 0,
            pause: T1,
            has_answered_challenge: false,
            call: None,
        };
        self.phones.all.push(phone);
        Ok(PhoneId(index))
    }

    /// A socket at an address that has room for one more phone.
    fn socket_for(&mut self, ip: IpAddr) -> io::Result<usize> {
        if let Some((socket, phones)) = self.phones.sockets.get_mut(&ip)
            && *phones < self.config.phones_per_socket.max(1)
        {
            *phones += 1;
            return Ok(*socket);
        }
        let is_first = !self.phones.sockets.contains_key(&self.config.phones_ip);
        let port = match is_first && ip == self.config.phones_ip {
            true => self.config.phones_port,
            false => 0,
        };
        let socket = self.add_socket(SocketAddr::new(ip, port))?;
        self.phones.sockets.insert(ip, (socket, 1));
        Ok(socket)
    }

    /// Phones that are registered.
    #[must_use]
    pub fn registered(&self) -> usize {
        self.phones.registered
    }

    /// Whether a phone is registered.
    #[must_use]
    pub fn phone_state(&self, phone: PhoneId) -> PhoneState {
        self.phones.all.get(phone.0).map_or(PhoneState::Unregistered, |phone| phone.state)
    }

    /// Where a phone has its socket.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn phone_address(&self, phone: PhoneId) -> io::Result<SocketAddr> {
        let socket = self.phones.all.get(phone.0).map_or(0, |phone| phone.socket);
        self.sip[socket].local_addr()
    }

    pub(super) fn register(&mut self, index: usize, now: Instant) {
        if let Some(phone) = self.phones.all.get_mut(index) {
            phone.has_answered_challenge = false;
        }
        self.send_register(index, now);
    }

    fn send_register(&mut self, index: usize, now: Instant) {
        let service = self.config.service;
        let Some(phone) = self.phones.all.get_mut(index) else { return };
        let Ok(local) = self.sip[phone.socket].local_addr() else { return };
        phone.cseq += 1;
        let uri = format!("sip:{service}");
        let authorization = match (&mut phone.challenge, &phone.config.credentials) {
            (Some(challenge), Some(who)) => {
                format!("Authorization: {}\r\n", challenge.answer(who, "REGISTER", &uri))
            }
            (Some(_) | None, Some(_) | None) => String::new(),
        };
        let account = &phone.config.account;
        phone.register = format!(
            "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKr{index}-{cseq};rport\r\nMax-Forwards: 70\r\nFrom: <sip:{account}@{service}>;tag=r{index}\r\nTo: <sip:{account}@{service}>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:{account}@{local}>\r\nExpires: {EXPIRES_S}\r\n{authorization}User-Agent: simulated phone\r\nContent-Length: 0\r\n\r\n",
            cseq = phone.cseq,
            call_id = register_call_id(index),
        );
        (phone.sends, phone.pause) = (1, T1);
        let (socket, text, cseq) = (phone.socket, phone.register.clone(), phone.cseq);
        self.send(socket, service, &text);
        self.timers.set(now + T1, Timer::ResendRegister(index, cseq));
    }

    pub(super) fn on_resend_register(&mut self, index: usize, cseq: u32, now: Instant) {
        let Some(phone) = self.phones.all.get_mut(index) else { return };
        if phone.cseq != cseq || phone.register.is_empty() {
            return;
        }
        if SENDS_MAX <= phone.sends {
            phone.register.clear();
            self.timers.set(now, Timer::Register(index));
            return;
        }
        phone.sends += 1;
        phone.pause = (phone.pause * 2).min(T2);
        let (socket, text, again) = (phone.socket, phone.register.clone(), now + phone.pause);
        self.board.count().ours_again += 1;
        self.send(socket, self.config.service, &text);
        self.timers.set(again, Timer::ResendRegister(index, cseq));
    }

    pub(super) fn on_phone_response(
        &mut self,
        index: usize,
        status: u16,
        message: &Message<'_>,
        now: Instant,
    ) {
        match message.method() {
            "REGISTER" => self.on_register_response(index, status, message, now),
            "INVITE" => self.on_invite_response(index, status, message, now),
            _ => {}
        }
    }

    fn on_register_response(
        &mut self,
        index: usize,
        status: u16,
        message: &Message<'_>,
        now: Instant,
    ) {
        let Some(phone) = self.phones.all.get_mut(index) else { return };
        if message.cseq() != phone.cseq || phone.register.is_empty() || status < 200 {
            return;
        }
        phone.register.clear();
        if status == 401 && !phone.has_answered_challenge && phone.learn_challenge(message) {
            phone.has_answered_challenge = true;
            self.send_register(index, now);
            return;
        }
        let was_registered = phone.state == PhoneState::Registered;
        let account = phone.config.account.clone();
        if status == 200 {
            phone.state = PhoneState::Registered;
            let granted = parameter(message.header("Contact"), "expires")
                .or_else(|| Some(message.header("Expires")))
                .and_then(|text| text.parse().ok())
                .unwrap_or(EXPIRES_S);
            let refresh = Duration::from_secs(granted) / 2;
            self.timers.set(now + refresh, Timer::Register(index));
        } else {
            phone.state = PhoneState::Refused(status);
            self.timers.set(now + REGISTER_AGAIN, Timer::Register(index));
        }
        match (was_registered, status == 200) {
            (false, true) => {
                self.phones.registered += 1;
                self.diary.note(now, &account, What::Registered);
            }
            (true, false) => {
                self.phones.registered -= 1;
                self.diary.note(now, &account, What::NotRegistered(status));
            }
            (false, false) => self.diary.note(now, &account, What::NotRegistered(status)),
            (true, true) => {}
        }
    }
}

impl Phone {
    /// Remembers the challenge of a 401 or 407 that fits the phone.
    fn learn_challenge(&mut self, message: &Message<'_>) -> bool {
        let Some(who) = &self.config.credentials else { return false };
        let values = message.headers("WWW-Authenticate");
        let values = values.chain(message.headers("Proxy-Authenticate"));
        match Challenge::pick(values, who.algorithm) {
            Some(challenge) => {
                self.challenge = Some(challenge);
                true
            }
            None => false,
        }
    }
}

fn register_call_id(index: usize) -> String {
    format!("register-{index}@phones")
}
