//! Everything outside of the service, in one thread: phones that press, a carrier whose phones ring, and their sound.
//!
//! The caller drives it with [`World::run_until`]; nothing happens in between. One event loop over a few sockets, so that a
//! thousand calls a second need less than one core.

mod callee;
mod diary;
mod net;
mod phone;
mod stream;
mod timers;

pub use diary::{Happening, What};
pub use phone::{Form, InfoFormat, PhoneConfig, PhoneId, PhoneState};
pub use stream::Heard;

use crate::behaviour::{Behaviour, Behaviours};
use crate::board::Board;
use crate::clock;
use crate::wire::{DATAGRAM_MAX, Message};
use callee::Legs;
use diary::Diary;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use phone::Phones;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use stream::Streams;
use timers::{Timer, Timers};

/// Where things of the world are.
#[derive(Clone, Copy, Debug)]
pub struct WorldConfig {
    /// Where the carrier listens for the legs of the service; port 0 chooses one.
    pub carrier: SocketAddr,
    /// Where phones have their sockets.
    pub phones_ip: IpAddr,
    /// The port of the first socket at that address; 0 chooses one.
    pub phones_port: u16,
    /// The service.
    pub service: SocketAddr,
    /// Phones that share a socket.
    pub phones_per_socket: usize,
    /// Sockets for sound, which all calls share.
    pub media_sockets: usize,
    /// Seed of everything that is left to chance.
    pub seed: u64,
    /// Keeps a diary of every call; off for load.
    pub keeps_diary: bool,
}

/// RTP packets that are read before SIP has its turn again.
const RTP_AT_ONCE: usize = 64;
/// How often sound is read. A packet does not wake us: on one machine its sender would pay for that.
const SOUND_EVERY: Duration = Duration::from_millis(2);
/// Longest sleep: a level that a test waits for is looked at so often.
const SLEEP_MAX: Duration = Duration::from_millis(20);

/// Who a Call-ID belongs to.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Leg(u64),
    Phone(usize),
}

/// Phones, carrier and sound.
#[derive(Debug)]
pub struct World {
    config: WorldConfig,
    poll: Poll,
    sip: Vec<UdpSocket>,
    streams: Streams,
    /// Sockets of sound that had more than one turn allows.
    unread: Vec<usize>,
    /// When all of them are read next.
    sound_at: Instant,
    timers: Timers,
    legs: Legs,
    phones: Phones,
    calls: HashMap<String, Owner>,
    next_id: u64,
    behaviours: Behaviours,
    board: Board,
    diary: Diary,
    random: fastrand::Rng,
}

impl World {
    /// Opens the sockets. Everybody who is called rings for ever until told otherwise.
    ///
    /// # Errors
    /// When a socket cannot be opened.
    pub fn new(config: WorldConfig) -> io::Result<Self> {
        let poll = Poll::new()?;
        let streams = Streams::bind(config.carrier.ip(), config.media_sockets)?;
        let mut world = Self {
            config,
            poll,
            sip: Vec::new(),
            streams,
            unread: Vec::new(),
            sound_at: clock::now(),
            timers: Timers::default(),
            legs: Legs::default(),
            phones: Phones::default(),
            calls: HashMap::new(),
            next_id: 1,
            behaviours: Behaviours::all(Behaviour::never_answers()),
            board: Board::default(),
            diary: Diary::new(config.keeps_diary),
            random: fastrand::Rng::with_seed(config.seed),
        };
        world.add_socket(config.carrier)?;
        Ok(world)
    }

    /// Where the carrier listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn carrier_address(&self) -> io::Result<SocketAddr> {
        self.sip[0].local_addr()
    }

    /// From now on the service is there: it may be started after the world, which has to give it ports.
    pub fn set_service(&mut self, service: SocketAddr) {
        self.config.service = service;
    }

    /// How called phones behave.
    pub fn behaviours(&mut self) -> &mut Behaviours {
        &mut self.behaviours
    }

    /// Replaces how called phones behave.
    pub fn set_behaviours(&mut self, behaviours: Behaviours) {
        self.behaviours = behaviours;
    }

    /// What is measured.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// What is measured, to add groups.
    pub fn board_mut(&mut self) -> &mut Board {
        &mut self.board
    }

    /// What happened since the last call.
    pub fn take_diary(&mut self) -> Vec<Happening> {
        self.diary.take()
    }

    /// Calls, of called phones and of residents, whose sound is open.
    #[must_use]
    pub fn calls_up(&self) -> u64 {
        self.streams.len()
    }

    /// Whether no call has sound any more.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.streams.len() == 0
    }

    /// Lets things happen until `is_reached` or for so long. Returns whether it was reached.
    ///
    /// # Errors
    /// When the system fails to wait for packets.
    pub fn run_until(
        &mut self,
        longest: Duration,
        mut is_reached: impl FnMut(&mut Self) -> bool,
    ) -> io::Result<bool> {
        let deadline = clock::now() + longest;
        loop {
            self.turn(deadline)?;
            if is_reached(self) {
                return Ok(true);
            }
            if deadline <= clock::now() {
                return Ok(false);
            }
        }
    }

    /// One round of the event loop.
    fn turn(&mut self, deadline: Instant) -> io::Result<()> {
        let now = clock::now();
        let due = self.timers.next().map_or(deadline, |next| next.min(deadline));
        let due = if self.is_quiet() { due } else { due.min(self.sound_at) };
        let wait = match self.unread.is_empty() {
            true => due.saturating_duration_since(now).min(SLEEP_MAX),
            false => Duration::ZERO,
        };
        let mut events = Events::with_capacity(256);
        match self.poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => other?,
        }
        for event in &events {
            self.read_sip(event.token().0);
        }
        self.run_timers();
        let mut media = std::mem::take(&mut self.unread);
        if self.sound_at <= clock::now() {
            self.sound_at = clock::now() + SOUND_EVERY;
            media = (0..self.streams.sockets()).collect();
        }
        for index in media {
            self.read_media(index);
        }
        Ok(())
    }

    fn run_timers(&mut self) {
        let now = clock::now();
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Packet(stream) => self.on_packet_due(stream, now),
                Timer::Act(leg) => self.on_act_due(leg, now),
                Timer::Resend(leg) => self.on_resend_due(leg, now),
                Timer::ResendRequest(leg) => self.on_resend_request_due(leg, now),
                Timer::Forget(leg) => self.forget_leg(leg),
                Timer::Register(phone) => self.register(phone, now),
                Timer::ResendRegister(phone, cseq) => self.on_resend_register(phone, cseq, now),
                Timer::ResendInvite(phone, call) => self.on_resend_invite(phone, call, now),
                Timer::Call(phone, call) => self.on_call_due(phone, call, now),
            }
        }
    }

    fn add_socket(&mut self, address: SocketAddr) -> io::Result<usize> {
        let mut socket = net::udp(address)?;
        let index = self.sip.len();
        self.poll.registry().register(&mut socket, Token(index), Interest::READABLE)?;
        self.sip.push(socket);
        Ok(index)
    }

    fn read_sip(&mut self, socket: usize) {
        let mut buffer = vec![0u8; DATAGRAM_MAX];
        while let Ok((len, from)) = self.sip[socket].recv_from(&mut buffer) {
            let now = clock::now();
            let text = String::from_utf8_lossy(&buffer[..len]);
            if let Some(message) = Message::read(&text) {
                self.on_message(&message, Origin { socket, from }, now);
            }
        }
    }

    fn on_message(&mut self, message: &Message<'_>, origin: Origin, now: Instant) {
        let owner = self.calls.get(message.header("Call-ID")).copied();
        match (message.status(), owner) {
            (Some(status), Some(Owner::Phone(phone))) => {
                self.on_phone_response(phone, status, message, now);
            }
            (Some(_), Some(Owner::Leg(leg))) => self.on_leg_response(leg, message),
            (Some(_), None) => {}
            (None, Some(Owner::Phone(phone))) => {
                self.on_phone_request(phone, message, origin, now);
            }
            (None, owner) => {
                let leg = match owner {
                    Some(Owner::Leg(leg)) => Some(leg),
                    Some(Owner::Phone(_)) | None => None,
                };
                self.on_leg_request(leg, message, origin, now);
            }
        }
    }

    fn send(&self, socket: usize, to: SocketAddr, text: &str) {
        // A full buffer loses the message, as a network does; SIP repeats it.
        let _ = self.sip[socket].send_to(text.as_bytes(), to);
    }

    fn read_media(&mut self, index: usize) {
        let now = clock::now();
        let mut first_heard = Vec::new();
        let has_more =
            self.streams.receive(index, RTP_AT_ONCE, now, &mut |stream| first_heard.push(stream));
        for stream in first_heard {
            self.on_first_sound(stream, now);
        }
        if has_more {
            self.unread.push(index);
        }
    }

    fn on_packet_due(&mut self, stream: u64, now: Instant) {
        let tick = self.streams.tick(stream);
        if let Some(key) = tick.key_started {
            self.on_key_started(stream, key, now);
        }
        if tick.goes_on {
            self.timers.set(now + stream::PTIME, Timer::Packet(stream));
        }
    }

    fn press_key(&mut self, stream: u64, key: char, now: Instant) {
        if self.streams.press(stream, key) {
            self.timers.set(now, Timer::Packet(stream));
        }
    }

    fn speak(&mut self, stream: u64, now: Instant) {
        if self.streams.speak(stream) {
            self.timers.set(now, Timer::Packet(stream));
        }
    }

    /// A stream has the id of its leg, or of the call of its phone.
    fn on_key_started(&mut self, stream: u64, key: char, now: Instant) {
        if let Some(number) = self.legs.number(stream).map(str::to_owned) {
            self.board.on_key(&number, now);
            self.diary.note(now, &number, What::Pressed(key));
        } else {
            self.on_phone_key(stream, key, now);
        }
    }

    fn on_first_sound(&mut self, stream: u64, now: Instant) {
        if let Some(answered_at) = self.legs.answered_at(stream) {
            self.board.on_first_sound(now.saturating_duration_since(answered_at));
        }
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Sound that was heard on a stream goes into the counts when it closes.
    fn close_stream(&mut self, stream: u64) -> Heard {
        let heard = self.streams.close(stream).unwrap_or_default();
        let counts = self.board.count();
        counts.sound_packets += heard.packets;
        counts.sound_missing += heard.missing;
        counts.sound_gaps += heard.gaps;
        heard
    }
}

/// Where a message came in.
#[derive(Clone, Copy, Debug)]
struct Origin {
    socket: usize,
    from: SocketAddr,
}

/// The address of sound in an SDP.
fn sdp_address(sdp: &str) -> Option<SocketAddr> {
    let line = |start: &str| sdp.lines().find_map(|line| line.strip_prefix(start));
    let ip = line("c=IN IP4 ").or_else(|| line("c=IN IP6 "))?.trim().parse().ok()?;
    let port = line("m=audio ")?.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::new(ip, port))
}

/// An offer or an answer: A-law and keys.
fn sdp(address: SocketAddr, id: u64) -> String {
    let kind = if address.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (address.ip(), address.port());
    format!(
        "v=0\r\no=- {id} 1 IN {kind} {ip}\r\ns=-\r\nc=IN {kind} {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )
}

const SDP_TYPE: &str = "Content-Type: application/sdp\r\n";

#[cfg(test)]
mod tests;
