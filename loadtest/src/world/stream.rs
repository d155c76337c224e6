//! RTP on a few shared sockets: streams are told apart by the peer's address, which the service keeps per call.

use mio::net::UdpSocket;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Pause between packets.
pub(crate) const PTIME: Duration = Duration::from_millis(20);
/// Samples of a packet, at 8 kHz.
const SAMPLES: u32 = 160;
/// A pause between two packets that a listener notices.
const GAP: Duration = Duration::from_millis(60);
/// Packets of a key before its end: 100 ms, a short press.
const KEY_PACKETS: u16 = 5;
/// Packets between two keys.
const KEY_PAUSE: u16 = 5;
/// Keys that wait on a stream at most; more are not pressed.
const KEYS_MAX: usize = 32;
const PAYLOAD_ALAW: u8 = 8;
const PAYLOAD_EVENT: u8 = 101;
const ALAW_SILENCE: u8 = 0xd5;
const ULAW_SILENCE: u8 = 0xff;
/// Half a wave of 1 kHz in A-law, repeated: loud enough to be no silence.
const ALAW_TONE: [u8; 8] = [0xd5, 0xb7, 0xbc, 0xb7, 0xd5, 0x37, 0x3c, 0x37];

/// What a stream received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// RTP packets.
    pub packets: u64,
    /// Bytes of sound in them.
    pub bytes: u64,
    /// Packets that were not silence.
    pub loud_packets: u64,
    /// Packets that the sequence numbers say are missing.
    pub missing: u64,
    /// Pauses of more than 60 ms between two packets.
    pub gaps: u64,
    /// When the first packet came.
    pub first_at: Option<Instant>,
    last_at: Option<Instant>,
    last_sequence: u16,
}

#[derive(Debug)]
struct Stream {
    socket: usize,
    remote: SocketAddr,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    is_speaking: bool,
    is_ticking: bool,
    keys: VecDeque<char>,
    /// The key that is held down, and how many packets of it went out.
    key: Option<(char, u16)>,
    heard: Heard,
}

/// A local end that no peer is known for yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalEnd {
    socket: usize,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

/// What a tick of a stream did.
pub(crate) struct Tick {
    /// The first packet of this key went out.
    pub(crate) key_started: Option<char>,
    /// There is more to send.
    pub(crate) goes_on: bool,
}

/// All streams.
#[derive(Debug)]
pub(crate) struct Streams {
    sockets: Vec<(UdpSocket, SocketAddr)>,
    next_socket: usize,
    by_remote: HashMap<(usize, SocketAddr), u64>,
    streams: HashMap<u64, Stream>,
    /// Packets that belong to no stream.
    pub(crate) strays: u64,
}

impl Streams {
    pub(crate) fn bind(ip: IpAddr, count: usize) -> io::Result<Self> {
        let bind = |_| {
            let socket = super::net::udp(SocketAddr::new(ip, 0))?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        };
        let sockets = (0..count.max(1)).map(bind).collect::<io::Result<_>>()?;
        let (by_remote, streams) = (HashMap::new(), HashMap::new());
        Ok(Self { sockets, next_socket: 0, by_remote, streams, strays: 0 })
    }

    /// How many sockets there are.
    pub(crate) fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// How many streams are open.
    pub(crate) fn len(&self) -> u64 {
        u64::try_from(self.streams.len()).unwrap_or(u64::MAX)
    }

    /// Chooses where the next call listens.
    pub(crate) fn local_end(&mut self) -> LocalEnd {
        self.next_socket = (self.next_socket + 1) % self.sockets.len();
        LocalEnd { socket: self.next_socket, address: self.sockets[self.next_socket].1 }
    }

    /// Begins to listen to a peer. A newer call from the same address takes it over.
    pub(crate) fn open(&mut self, id: u64, local: LocalEnd, remote: SocketAddr) {
        self.by_remote.insert((local.socket, remote), id);
        let low = u32::try_from(id & 0xffff_ffff).unwrap_or_default();
        let stream = Stream {
            socket: local.socket,
            remote,
            ssrc: 0x5000_0000 ^ low,
            sequence: 1,
            timestamp: low.wrapping_mul(SAMPLES),
            is_speaking: false,
            is_ticking: false,
            keys: VecDeque::new(),
            key: None,
            heard: Heard::default(),
        };
        self.streams.insert(id, stream);
    }

    pub(crate) fn close(&mut self, id: u64) -> Option<Heard> {
        let stream = self.streams.remove(&id)?;
        let key = (stream.socket, stream.remote);
        if self.by_remote.get(&key) == Some(&id) {
            self.by_remote.remove(&key);
        }
        Some(stream.heard)
    }

    pub(crate) fn heard(&self, id: u64) -> Option<Heard> {
        self.streams.get(&id).map(|stream| stream.heard)
    }

    /// Speaks until the stream is closed. Returns whether ticks have to start.
    pub(crate) fn speak(&mut self, id: u64) -> bool {
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        stream.is_speaking = true;
        !std::mem::replace(&mut stream.is_ticking, true)
    }

    /// Presses a key. Returns whether ticks have to start.
    pub(crate) fn press(&mut self, id: u64, key: char) -> bool {
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        if KEYS_MAX <= stream.keys.len() {
            return false;
        }
        stream.keys.push_back(key);
        !std::mem::replace(&mut stream.is_ticking, true)
    }

    /// Sends what is due on a stream.
    pub(crate) fn tick(&mut self, id: u64) -> Tick {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Tick { key_started: None, goes_on: false };
        };
        let mut packets = Vec::with_capacity(3);
        let key_started = stream.compose(&mut packets);
        let socket = &self.sockets[stream.socket].0;
        for packet in packets {
            // A full buffer loses the packet, as a network does.
            let _ = socket.send_to(&packet, stream.remote);
        }
        stream.is_ticking = stream.is_speaking || stream.key.is_some() || !stream.keys.is_empty();
        Tick { key_started, goes_on: stream.is_ticking }
    }

    /// Reads what a socket has; at most `max` packets. Returns whether there may be more.
    pub(crate) fn receive(
        &mut self,
        index: usize,
        max: usize,
        now: Instant,
        on_first: &mut impl FnMut(u64),
    ) -> bool {
        let mut buffer = [0u8; 2048];
        for _ in 0..max {
            let Ok((len, from)) = self.sockets[index].0.recv_from(&mut buffer) else {
                return false;
            };
            let stream = self
                .by_remote
                .get(&(index, from))
                .and_then(|id| self.streams.get_mut(id).map(|stream| (*id, stream)));
            match stream {
                Some((id, stream)) => {
                    if stream.heard.take(&buffer[..len], now) {
                        on_first(id);
                    }
                }
                None => self.strays += 1,
            }
        }
        true
    }
}

impl Stream {
    fn compose(&mut self, packets: &mut Vec<Vec<u8>>) -> Option<char> {
        if let Some((key, sent)) = self.key {
            self.hold(key, sent, packets);
            return None;
        }
        if let Some(key) = self.keys.pop_front() {
            self.timestamp = self.timestamp.wrapping_add(SAMPLES);
            self.event(key, 1, false, packets);
            self.key = Some((key, 1));
            return Some(key);
        }
        if self.is_speaking {
            self.timestamp = self.timestamp.wrapping_add(SAMPLES);
            let mut packet = self.header(PAYLOAD_ALAW, false);
            packet.extend(ALAW_TONE.iter().cycle().take(SAMPLES as usize));
            packets.push(packet);
        }
        None
    }

    /// A key is held for some packets, ends with three, and is followed by a pause.
    fn hold(&mut self, key: char, sent: u16, packets: &mut Vec<Vec<u8>>) {
        if sent < KEY_PACKETS {
            self.event(key, sent + 1, false, packets);
        } else if sent == KEY_PACKETS {
            for _ in 0..3 {
                self.event(key, sent, true, packets);
            }
        }
        self.key = if sent < KEY_PACKETS + KEY_PAUSE { Some((key, sent + 1)) } else { None };
        if self.key.is_none() {
            let held = u32::from(KEY_PACKETS + KEY_PAUSE);
            self.timestamp = self.timestamp.wrapping_add(held * SAMPLES);
        }
    }

    /// One packet of RFC 4733: event, end bit and volume, duration.
    fn event(&mut self, key: char, packets_held: u16, is_end: bool, packets: &mut Vec<Vec<u8>>) {
        let Some(event) = "0123456789*#ABCD".find(key).and_then(|at| u8::try_from(at).ok()) else {
            return;
        };
        let mut packet = self.header(PAYLOAD_EVENT, packets_held == 1 && !is_end);
        let volume = if is_end { 0x8a } else { 0x0a };
        packet.extend([event, volume]);
        packet.extend((packets_held * 160).to_be_bytes());
        packets.push(packet);
    }

    fn header(&mut self, payload_type: u8, has_marker: bool) -> Vec<u8> {
        let mut packet = Vec::with_capacity(12 + SAMPLES as usize);
        packet.extend([0x80, if has_marker { payload_type | 0x80 } else { payload_type }]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }
}

impl Heard {
    /// Counts a packet; returns whether it is the first.
    fn take(&mut self, packet: &[u8], now: Instant) -> bool {
        let [first, second, high, low, ..] = packet else { return false };
        let Some(payload) = packet.get(12..) else { return false };
        if first >> 6 != 2 || second & 0x7f == PAYLOAD_EVENT {
            return false;
        }
        let sequence = u16::from_be_bytes([*high, *low]);
        let is_first = self.first_at.is_none();
        if !is_first {
            let step = sequence.wrapping_sub(self.last_sequence);
            if 1 < step && step < 1_000 {
                self.missing += u64::from(step) - 1;
            }
        }
        if self.last_at.is_some_and(|last| GAP < now.duration_since(last)) {
            self.gaps += 1;
        }
        self.first_at = self.first_at.or(Some(now));
        self.last_at = Some(now);
        self.last_sequence = sequence;
        self.packets += 1;
        self.bytes += u64::try_from(payload.len()).unwrap_or_default();
        let is_silent = payload.iter().all(|byte| [ALAW_SILENCE, ULAW_SILENCE].contains(byte));
        self.loud_packets += u64::from(!is_silent);
        is_first
    }
}
