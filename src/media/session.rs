//! One call's media as a protocol machine: RTP out on absolute deadlines, keys in (RFC 3550, 3551, 4733).
//!
//! Packets go out without a gap for the whole call, silence where nothing plays: NAT mappings, symmetric RTP and
//! carriers' timeouts depend on it. What comes in is only counted and searched for keys; audio is not decoded.
//! Knows no clock, socket or thread; time is an argument.

use super::playlist::{Codec, Player, Playlist, SAMPLES_PER_MS, samples_in};
use super::ports::splitmix;
use super::{MediaPlan, Report};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::digits::Key;
use lianfang_domain::digits::rfc4733::{EventPacket, KeyPresses};
use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Packet lengths that are sent, in ms.
const PTIMES_MS: [u8; 5] = [10, 20, 30, 40, 60];
/// Longest packet: header and 60 ms of G.711.
pub(super) const FRAME_MAX: usize = 12 + 480;
/// Payload types of telephone events that are heard: all that one description can bring, and that of our offer.
pub const EVENT_TYPES_MAX: usize = 10;
/// Lateness up to which missed packets are sent after all. Beyond it they are left out: a burst that is longer than
/// the peer's jitter buffer would be thrown away there.
const CATCH_UP_MAX: SignedDuration = SignedDuration::from_millis(100);
/// How long after the start a stranger's packet may tell where the peer really is.
const LATCH_WINDOW: SignedDuration = SignedDuration::from_millis(500);
/// Static types of G.711 and comfort noise (RFC 3551 6). A peer may send any that were offered, whichever we send.
const STATIC_AUDIO: [u8; 3] = [0, 8, 13];
/// Length of one event (RFC 4733 2.3).
const EVENT_LEN: usize = 4;
/// A jump in sequence numbers above which a sender has started anew (RFC 3550 A.1).
const DROPOUT_MAX: i32 = 3000;

/// What was counted in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// Packets given out to be sent.
    pub sent: u32,
    /// Frames left out because of lateness.
    pub late: u32,
    /// Packets heard and used.
    pub received: u32,
    /// Packets missing from the sequence numbers (RFC 3550 A.3).
    pub lost: u32,
    /// Packets that are not RTP.
    pub malformed: u32,
    /// Packets from somebody else or of a type that was not agreed.
    pub foreign: u32,
}

/// A call's media.
#[derive(Debug)]
pub(super) struct Session {
    sender: Sender,
    /// `None` until [`Session::start`].
    stream: Option<Stream>,
    player: Option<Player>,
    receiver: Receiver,
    presses: KeyPresses,
    silence: Silence,
    ended: Option<u32>,
    stats: SessionStats,
}

/// What RTP numbers what we send by. Random at first (RFC 3550 5.1).
#[derive(Debug)]
struct Sender {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// The next packet is the first after a time without packets (RFC 3551 4.1).
    is_marked: bool,
    /// Where in the frame this session sends, so that sessions that start together do not send together.
    phase: u64,
}

/// What was agreed, and when the next frame is due.
#[derive(Debug)]
struct Stream {
    codec: Codec,
    payload_type: u8,
    ptime_ms: u8,
    direction: super::Direction,
    /// Their clock does not matter: a press is known by its timestamp, whatever that counts.
    events: [Option<u8>; EVENT_TYPES_MAX],
    due: Timestamp,
    source: Source,
}

/// Whom we send to and hear: symmetric RTP (RFC 4961), learnt once.
#[derive(Debug)]
struct Source {
    /// What the peer's SDP says.
    signalled: Option<SocketAddr>,
    signalled_from: Option<IpAddr>,
    /// Where packets go now.
    send_to: Option<SocketAddr>,
    heard: Heard,
    /// Until when a stranger may be the peer.
    open_until: Timestamp,
}

/// What is known of the peer's real address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// Nothing was heard since the start.
    Nobody,
    /// The first valid packet came from elsewhere than signalled: there is the peer, unless the signalled address
    /// speaks up.
    Elsewhere,
    /// The signalled address spoke; nobody else is heard until the next offer and answer.
    Signalled,
}

/// Sequence numbers of what comes in.
#[derive(Debug, Default)]
struct Receiver {
    current: Option<Sequence>,
    /// Missing packets of earlier senders.
    lost_before: u32,
}

#[derive(Debug)]
struct Sequence {
    ssrc: u32,
    highest: u16,
    /// Packets that should have come since the first.
    expected: u32,
    received: u32,
}

/// How long nothing was heard, counted in frames rather than by the clock: a clock that was set or a thread that stood
/// still is no silence of the peer.
#[derive(Debug)]
struct Silence {
    /// `None` when no silence is too long.
    limit_ms: Option<u32>,
    heard_ms_ago: u32,
    is_told: bool,
    is_due: bool,
}

impl Session {
    /// A session that waits to be started. Everything random comes from `seed`.
    pub(super) fn new(mut seed: u64, silence_timeout: Duration) -> Self {
        let (first, second) = (splitmix(&mut seed), splitmix(&mut seed));
        let [a, b, c, d, e, f, ..] = first.to_be_bytes();
        let [g, h, i, j, ..] = second.to_be_bytes();
        let sender = Sender {
            ssrc: u32::from_be_bytes([a, b, c, d]),
            sequence: u16::from_be_bytes([e, f]),
            timestamp: u32::from_be_bytes([g, h, i, j]),
            is_marked: true,
            phase: splitmix(&mut seed),
        };
        let limit_ms = match u32::try_from(silence_timeout.as_millis()) {
            Ok(0) => None,
            Ok(limit_ms) => Some(limit_ms),
            Err(_) => Some(u32::MAX),
        };
        Self {
            sender,
            stream: None,
            player: None,
            receiver: Receiver::default(),
            presses: KeyPresses::default(),
            silence: Silence { limit_ms, heard_ms_ago: 0, is_told: false, is_due: false },
            ended: None,
            stats: SessionStats::default(),
        }
    }

    /// Starts, or changes what was agreed. Numbers, timestamps, schedule and playlist go on; the peer's address is
    /// learnt anew, and until then packets go where they went if the same address is signalled again.
    pub(super) fn start(&mut self, plan: &MediaPlan, now: Timestamp) {
        let ptime_ms = nearest_ptime(plan.ptime_ms);
        let spread = self.sender.phase % (u64::from(ptime_ms) * 1000);
        let spread = SignedDuration::from_micros(i64::try_from(spread).unwrap_or(0));
        let before = self.stream.as_ref();
        let send_to = before
            .filter(|stream| stream.source.signalled == plan.remote)
            .map_or(plan.remote, |stream| stream.source.send_to);
        let mut events = [None; EVENT_TYPES_MAX];
        for (slot, (payload_type, _)) in events.iter_mut().zip(&plan.telephone_event) {
            *slot = Some(*payload_type);
        }
        self.stream = Some(Stream {
            codec: plan.codec,
            payload_type: plan.payload_type & 0x7F,
            ptime_ms,
            direction: plan.direction,
            events,
            due: before.map_or_else(|| later(now, spread), |stream| stream.due),
            source: Source {
                signalled: plan.remote,
                signalled_from: plan.signalled_from,
                send_to,
                heard: Heard::Nobody,
                open_until: later(now, LATCH_WINDOW),
            },
        });
        self.silence.on_heard();
    }

    /// Plays this from the next packet on.
    pub(super) fn play(&mut self, playlist: Playlist) {
        self.player = Some(Player::new(playlist));
    }

    /// Plays nothing.
    pub(super) fn stop(&mut self) {
        self.player = None;
    }

    /// What was counted so far.
    pub(super) fn stats(&self) -> SessionStats {
        SessionStats { lost: self.receiver.lost(), ..self.stats }
    }

    /// When the next frame is due.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.stream.as_ref().map(|stream| stream.due)
    }

    /// What has happened in the frames since the last call, besides keys.
    pub(super) fn poll_report(&mut self) -> Option<Report> {
        if let Some(id) = self.ended.take() {
            return Some(Report::PlaylistEnded(id));
        }
        std::mem::take(&mut self.silence.is_due).then_some(Report::PeerSilent)
    }

    /// Writes the next packet that is due into `packet`; its length and where it goes. Call until `None`.
    pub(super) fn poll_packet(
        &mut self,
        now: Timestamp,
        packet: &mut [u8; FRAME_MAX],
    ) -> Option<(usize, SocketAddr)> {
        loop {
            let stream = self.stream.as_mut()?;
            if now < stream.due {
                return None;
            }
            let left_out = stream.catch_up(now);
            self.sender.skip(left_out, stream.ptime_ms);
            self.stats.late = self.stats.late.saturating_add(left_out);
            stream.due = later(stream.due, frame_duration(stream.ptime_ms, 1));
            self.silence.on_frame(stream.ptime_ms, stream.direction.has_receive());
            if let Some(send_to) = stream.source.send_to.filter(|_| stream.direction.has_send()) {
                return self.write(packet).map(|len| (len, send_to));
            }
            self.sender.skip(1, stream.ptime_ms);
        }
    }

    /// Writes a packet with the next samples of the playlist, or silence.
    fn write(&mut self, packet: &mut [u8; FRAME_MAX]) -> Option<usize> {
        let stream = self.stream.as_ref()?;
        let mut samples = [stream.codec.silence(); FRAME_MAX - 12];
        let frame = samples.get_mut(..samples_in(u32::from(stream.ptime_ms)))?;
        if let Some(player) = &mut self.player
            && player.fill(stream.codec, frame) < frame.len()
        {
            self.ended = Some(player.id());
            self.player = None;
        }
        let sender = &mut self.sender;
        let written = RtpPacketBuilder::new()
            .payload_type(stream.payload_type)
            .marked(sender.is_marked)
            .sequence(Seq::from(sender.sequence))
            .timestamp(sender.timestamp)
            .ssrc(sender.ssrc)
            .payload(frame)
            .build_into(packet)
            .ok()?;
        sender.sequence = sender.sequence.wrapping_add(1);
        sender.skip(1, stream.ptime_ms);
        sender.is_marked = false;
        self.stats.sent = self.stats.sent.saturating_add(1);
        Some(written)
    }

    /// Hears a datagram. Returns the keys whose press starts in it.
    pub(super) fn on_packet(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        now: Timestamp,
    ) -> Vec<Key> {
        let Ok(packet) = RtpReader::new(datagram) else {
            bump(&mut self.stats.malformed);
            return Vec::new();
        };
        let own_ssrc = self.sender.ssrc;
        let kind = self.stream.as_mut().and_then(|stream| {
            let kind = stream.kind(&packet).filter(|_| packet.ssrc() != own_ssrc)?;
            stream.source.admits(from, now).then_some(kind)
        });
        let Some(kind) = kind else {
            bump(&mut self.stats.foreign);
            return Vec::new();
        };
        bump(&mut self.stats.received);
        self.silence.on_heard();
        let sequence = packet.sequence_number().into();
        self.receiver.on_packet(packet.ssrc(), sequence);
        match kind {
            Kind::Audio => Vec::new(),
            Kind::Event => {
                let event = EventPacket {
                    ssrc: packet.ssrc(),
                    rtp_timestamp: packet.timestamp(),
                    sequence,
                    marker: packet.mark(),
                    payload: packet.payload(),
                };
                self.presses.on_packet(event, now)
            }
        }
    }
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Audio,
    Event,
}

impl Stream {
    /// What a packet carries; `None` for a type that was not agreed. Such types are ignored, even those on which some
    /// senders put events whatever was agreed (96, 101): their owner does not tell us that they are keys.
    fn kind(&self, packet: &RtpReader<'_>) -> Option<Kind> {
        let payload_type = packet.payload_type();
        if self.events.contains(&Some(payload_type)) {
            return (EVENT_LEN <= packet.payload().len()).then_some(Kind::Event);
        }
        let is_audio = payload_type == self.payload_type || STATIC_AUDIO.contains(&payload_type);
        is_audio.then_some(Kind::Audio)
    }

    /// When too late, moves to the last frame that is due; how many frames that leaves out.
    fn catch_up(&mut self, now: Timestamp) -> u32 {
        let late = now.duration_since(self.due);
        if late <= CATCH_UP_MAX {
            return 0;
        }
        let frames = late.as_millis() / i128::from(self.ptime_ms);
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        self.due = later(self.due, frame_duration(self.ptime_ms, frames));
        frames
    }
}

impl Sender {
    /// Lets frames pass: the timestamp follows the media clock whether packets go out or not. More than the one just
    /// sent is a gap, so the next packet is marked.
    fn skip(&mut self, frames: u32, ptime_ms: u8) {
        let samples = frames.wrapping_mul(u32::from(ptime_ms)).wrapping_mul(SAMPLES_PER_MS);
        self.timestamp = self.timestamp.wrapping_add(samples);
        self.is_marked |= 0 < frames;
    }
}

impl Source {
    /// Whether a valid packet from there is the peer's. May learn the peer's address by it.
    fn admits(&mut self, from: SocketAddr, now: Timestamp) -> bool {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        if self.signalled == Some(from) {
            (self.heard, self.send_to) = (Heard::Signalled, Some(from));
            return true;
        }
        match self.heard {
            Heard::Signalled => false,
            Heard::Elsewhere => self.send_to == Some(from),
            Heard::Nobody => {
                let is_peer = now <= self.open_until || self.may_be_peer(from.ip());
                if is_peer {
                    (self.heard, self.send_to) = (Heard::Elsewhere, Some(from));
                }
                is_peer
            }
        }
    }

    /// Who may be the peer however late the first packet is: the same host, the host that its SIP came from, or
    /// anybody if the signalled address cannot be reached from outside and nothing else is known of the peer.
    fn may_be_peer(&self, from: IpAddr) -> bool {
        let signalled = self.signalled.map(|address| address.ip());
        signalled == Some(from)
            || match self.signalled_from {
                Some(sip) => sip == from,
                None => signalled.is_none_or(is_private),
            }
    }
}

impl Receiver {
    fn on_packet(&mut self, ssrc: u32, number: u16) {
        let step = self.current.as_ref().map(|known| {
            let step = Seq::from(number) - Seq::from(known.highest);
            (known.ssrc == ssrc && step.abs() <= DROPOUT_MAX).then_some(step)
        });
        let Some((known, step)) = self.current.as_mut().zip(step.flatten()) else {
            self.lost_before = self.lost();
            self.current = Some(Sequence { ssrc, highest: number, expected: 1, received: 1 });
            return;
        };
        known.received = known.received.saturating_add(1);
        if let Ok(step) = u32::try_from(step) {
            known.expected = known.expected.saturating_add(step);
            known.highest = number;
        }
    }

    fn lost(&self) -> u32 {
        let lost = |now: &Sequence| now.expected.saturating_sub(now.received);
        self.lost_before.saturating_add(self.current.as_ref().map_or(0, lost))
    }
}

impl Silence {
    fn on_heard(&mut self) {
        (self.heard_ms_ago, self.is_told) = (0, false);
    }

    fn on_frame(&mut self, ptime_ms: u8, is_expected: bool) {
        if !is_expected {
            return self.on_heard();
        }
        self.heard_ms_ago = self.heard_ms_ago.saturating_add(u32::from(ptime_ms));
        let is_long = self.limit_ms.is_some_and(|limit_ms| limit_ms <= self.heard_ms_ago);
        if is_long && !self.is_told {
            (self.is_told, self.is_due) = (true, true);
        }
    }
}

/// The packet length of ours that is nearest to what was agreed, the shorter of two.
fn nearest_ptime(agreed_ms: u8) -> u8 {
    PTIMES_MS.into_iter().min_by_key(|ours| ours.abs_diff(agreed_ms)).unwrap_or(20)
}

/// Addresses that a peer behind NAT writes into its SDP.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            // RFC 6598: carrier-grade NAT.
            let is_shared = first == 100 && second & 0b1100_0000 == 64;
            v4.is_private() || v4.is_link_local() || v4.is_unspecified() || is_shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified(),
    }
}

fn frame_duration(ptime_ms: u8, frames: u32) -> SignedDuration {
    SignedDuration::from_millis(i64::from(ptime_ms) * i64::from(frames))
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn bump(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}

#[cfg(test)]
mod tests;
