//! One call's media as a protocol machine: RTP out on absolute deadlines, keys in (RFC 3550, 3551, 4733).
//!
//! Packets go out without a gap for the whole call, silence where nothing plays: NAT mappings, symmetric RTP and
//! carriers' timeouts depend on it. What comes in is only counted and searched for keys; audio is passed on, not
//! decoded, while the session sits in a room or is recorded.
//! Knows no clock, socket or thread; time is an argument.

mod peer;
mod silence;

use super::playlist::{Codec, Player, Playlist, SAMPLES_PER_MS, samples_in};
use super::ports::splitmix;
use super::recording::{Event, Recorder, Take, TakeEnd};
use super::room::Seat;
use super::{Direction, MediaPlan, Report};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::digits::Key;
use lianfang_domain::digits::rfc4733::{EventPacket, KeyPresses};
use peer::{Receiver, Source};
use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use silence::Silence;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Packet lengths that are sent, in ms.
const PTIMES_MS: [u8; 5] = [10, 20, 30, 40, 60];
/// Samples of the longest packet, 60 ms.
pub(super) const SAMPLES_MAX: usize = 480;
/// Longest packet: header and samples of G.711.
pub(super) const FRAME_MAX: usize = 12 + SAMPLES_MAX;
/// Payload types of telephone events that are heard: all that one description can bring, and that of our offer.
pub const EVENT_TYPES_MAX: usize = 10;
/// Lateness up to which missed packets are sent after all. Beyond it they are left out: a burst that is longer than
/// the peer's jitter buffer would be thrown away there.
const CATCH_UP_MAX: SignedDuration = SignedDuration::from_millis(100);
/// Stalls that take nothing from a playlist: it waits as long as they last. After more of them it goes on where it
/// would be by now. When a thread has more to do than it can, every call would otherwise last a multiple of its
/// time, which is even more to do, until no port is left for the next alarm.
const STALLS_MAX: u8 = 5;
/// Frames that are passed over at once, at most; a repeated playlist has no end.
const PASSED_MAX: u32 = 3_000;
/// Static types of G.711 and comfort noise (RFC 3551 6). A peer may send any that were offered, whichever we send.
const PCMU: u8 = 0;
const PCMA: u8 = 8;
const COMFORT_NOISE: u8 = 13;
/// Length of one event (RFC 4733 2.3).
const EVENT_LEN: usize = 4;

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

/// What a packet of the peer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Audio<'a> {
    pub(super) ssrc: u32,
    /// RTP timestamp of the first sample.
    pub(super) timestamp: u32,
    pub(super) codec: Codec,
    /// An octet a sample.
    pub(super) payload: &'a [u8],
}

/// A call's media.
#[derive(Debug)]
pub(super) struct Session {
    sender: Sender,
    /// `None` until [`Session::start`].
    stream: Option<Stream>,
    player: Option<Player>,
    /// Stalls that the playlist has waited for.
    stalls: u8,
    receiver: Receiver,
    presses: KeyPresses,
    silence: Silence,
    /// In a room.
    seat: Option<Box<Seat>>,
    recorder: Option<Box<Recorder>>,
    ended: Option<u32>,
    taken: Option<Arc<Take>>,
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
    /// In which millisecond of the frame this session sends: sessions that start together do not all send together, and
    /// those of one millisecond cost one wake-up.
    phase: u64,
}

/// What was agreed, and when the next frame is due.
#[derive(Debug)]
struct Stream {
    codec: Codec,
    payload_type: u8,
    ptime_ms: u8,
    direction: Direction,
    /// Payload types of events. Their clock does not matter to keys: a press is known by its timestamp, whatever that
    /// counts. It matters to recordings, which cut out the presses at the clock of the audio.
    events: [Option<(u8, EventClock)>; EVENT_TYPES_MAX],
    due: Timestamp,
    source: Source,
}

/// What timestamps of events count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EventClock {
    /// Samples of the audio.
    OfAudio,
    /// Something else.
    Other,
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
        Self {
            sender,
            stream: None,
            player: None,
            stalls: 0,
            receiver: Receiver::default(),
            presses: KeyPresses::default(),
            silence: Silence::new(silence_timeout),
            seat: None,
            recorder: None,
            ended: None,
            taken: None,
            stats: SessionStats::default(),
        }
    }

    /// Starts, or changes what was agreed. Numbers, timestamps, schedule and playlist go on; the peer's address is
    /// learnt anew, and until then packets go where they went if the same address is signalled again.
    pub(super) fn start(&mut self, plan: &MediaPlan, now: Timestamp) {
        let ptime_ms = nearest_ptime(plan.ptime_ms);
        let spread = self.sender.phase % u64::from(ptime_ms);
        let spread = SignedDuration::from_millis(i64::try_from(spread).unwrap_or(0));
        let before = self.stream.as_ref();
        let mut events = [None; EVENT_TYPES_MAX];
        for (slot, (payload_type, clock_hz)) in events.iter_mut().zip(&plan.telephone_event) {
            let is_of_audio = *clock_hz == SAMPLES_PER_MS * 1000;
            let clock = if is_of_audio { EventClock::OfAudio } else { EventClock::Other };
            *slot = Some((*payload_type, clock));
        }
        let before_source = before.map(|stream| &stream.source);
        let source = Source::new(plan.remote, plan.signalled_from, before_source, now);
        self.stream = Some(Stream {
            codec: plan.codec,
            payload_type: plan.payload_type & 0x7F,
            ptime_ms,
            direction: plan.direction,
            events,
            due: before.map_or_else(|| later(next_tick(now), spread), |stream| stream.due),
            source,
        });
        self.silence.on_heard();
    }

    /// Plays this from the next packet on.
    pub(super) fn play(&mut self, playlist: Playlist) {
        self.player = Some(Player::new(playlist));
        self.stalls = 0;
    }

    /// Plays nothing.
    pub(super) fn stop(&mut self) {
        self.player = None;
    }

    /// Sits down in a room, and leaves the one where it was.
    pub(super) fn join(&mut self, mut seat: Box<Seat>) {
        seat.sit();
        self.seat = Some(seat);
    }

    /// Leaves its room.
    pub(super) fn leave(&mut self) {
        self.seat = None;
    }

    /// Begins to record. What plays is stopped.
    pub(super) fn record(&mut self, recorder: Box<Recorder>) {
        self.player = None;
        self.recorder = Some(recorder);
    }

    /// Ends what is recorded, if anything is.
    pub(super) fn finish_recording(&mut self, end: TakeEnd) {
        if let Some(recorder) = self.recorder.take() {
            self.taken = Some(Arc::new(recorder.finish(end)));
        }
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
        if let Some(take) = self.taken.take() {
            return Some(Report::Recorded(take));
        }
        self.silence.poll().then_some(Report::PeerSilent)
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
            let due = stream.due;
            let (codec, ptime_ms) = (stream.codec, stream.ptime_ms);
            stream.due = later(due, frame_duration(ptime_ms, 1));
            self.silence.on_frame(ptime_ms, stream.direction.has_receive());
            let send_to = stream.source.send_to.filter(|_| stream.direction.has_send());
            self.pass_over(left_out, codec, ptime_ms);
            if self.recorder.as_mut().is_some_and(|recorder| recorder.on_frame(ptime_ms)) {
                self.finish_recording(TakeEnd::Limit);
            }
            if let Some(send_to) = send_to {
                return self.write(packet, due).map(|len| (len, send_to));
            }
            self.sender.skip(1, ptime_ms);
        }
    }

    /// Lets the playlist go on without what was left out, once it has waited often enough.
    fn pass_over(&mut self, left_out: u32, codec: Codec, ptime_ms: u8) {
        if left_out == 0 {
            return;
        }
        if self.stalls < STALLS_MAX {
            self.stalls += 1;
            return;
        }
        let mut samples = [0; SAMPLES_MAX];
        let Some(frame) = samples.get_mut(..samples_in(u32::from(ptime_ms))) else { return };
        for _ in 0..left_out.min(PASSED_MAX) {
            if !self.play_into(codec, frame) {
                return;
            }
        }
    }

    /// Writes the packet of the frame that was due then.
    fn write(&mut self, packet: &mut [u8; FRAME_MAX], due: Timestamp) -> Option<usize> {
        let stream = self.stream.as_ref()?;
        let (codec, len) = (stream.codec, samples_in(u32::from(stream.ptime_ms)));
        let mut samples = [codec.silence(); SAMPLES_MAX];
        let frame = samples.get_mut(..len)?;
        let has_clip = self.fill(codec, frame);
        if let Some(seat) = &self.seat {
            seat.mix(codec, has_clip, frame, due);
        }
        let stream = self.stream.as_ref()?;
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

    /// Writes the next samples of the beep or the playlist. False when nothing plays.
    fn fill(&mut self, codec: Codec, frame: &mut [u8]) -> bool {
        if self.recorder.as_mut().is_some_and(|recorder| recorder.beep(codec, frame)) {
            return true;
        }
        self.play_into(codec, frame)
    }

    /// Writes the next samples of the playlist. False when nothing plays.
    fn play_into(&mut self, codec: Codec, frame: &mut [u8]) -> bool {
        let Some(player) = &mut self.player else { return false };
        if player.fill(codec, frame) < frame.len() {
            self.ended = Some(player.id());
            self.player = None;
        }
        true
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
            Kind::Audio(codec) => {
                self.on_audio(&packet, codec);
                Vec::new()
            }
            Kind::Event(clock) => self.on_event(&packet, clock, now),
        }
    }

    /// Passes audio on to whoever listens.
    fn on_audio(&mut self, packet: &RtpReader<'_>, codec: Option<Codec>) {
        if self.seat.is_none() && self.recorder.is_none() {
            return;
        }
        // Comfort noise is silence here. A peer that only sends has put us on hold: what comes is music for us.
        let is_talk = |stream: &Stream| stream.direction == Direction::SendRecv;
        let is_talk = self.stream.as_ref().is_some_and(is_talk);
        let Some(codec) = codec.filter(|_| is_talk) else { return };
        let (ssrc, timestamp, payload) = (packet.ssrc(), packet.timestamp(), packet.payload());
        let audio = Audio { ssrc, timestamp, codec, payload };
        if let Some(seat) = &self.seat {
            seat.hear(&audio);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.hear(&audio);
        }
    }

    fn on_event(&mut self, packet: &RtpReader<'_>, clock: EventClock, now: Timestamp) -> Vec<Key> {
        let (ssrc, timestamp, payload) = (packet.ssrc(), packet.timestamp(), packet.payload());
        let event = EventPacket {
            ssrc,
            rtp_timestamp: timestamp,
            sequence: packet.sequence_number().into(),
            marker: packet.mark(),
            payload,
        };
        let keys = self.presses.on_packet(event, now);
        let Some(recorder) = &mut self.recorder else { return keys };
        if let (EventClock::OfAudio, [_, _, high, low, ..]) = (clock, payload) {
            let duration = u16::from_be_bytes([*high, *low]);
            recorder.hear_event(Event { ssrc, timestamp, duration });
        }
        if keys.iter().any(|key| recorder.is_ended_by(*key)) {
            self.finish_recording(TakeEnd::Key);
        }
        keys
    }
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `None` is comfort noise.
    Audio(Option<Codec>),
    Event(EventClock),
}

impl Stream {
    /// What a packet carries; `None` for a type that was not agreed. Such types are ignored, even those on which some
    /// senders put events whatever was agreed (96, 101): their owner does not tell us that they are keys.
    fn kind(&self, packet: &RtpReader<'_>) -> Option<Kind> {
        let payload_type = packet.payload_type();
        let event = self.events.iter().flatten().find(|(known, _)| *known == payload_type);
        if let Some((_, clock)) = event {
            return (EVENT_LEN <= packet.payload().len()).then_some(Kind::Event(*clock));
        }
        match payload_type {
            agreed if agreed == self.payload_type => Some(Kind::Audio(Some(self.codec))),
            PCMU => Some(Kind::Audio(Some(Codec::Pcmu))),
            PCMA => Some(Kind::Audio(Some(Codec::Pcma))),
            COMFORT_NOISE => Some(Kind::Audio(None)),
            _ => None,
        }
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

/// The packet length of ours that is nearest to what was agreed, the shorter of two.
fn nearest_ptime(agreed_ms: u8) -> u8 {
    PTIMES_MS.into_iter().min_by_key(|ours| ours.abs_diff(agreed_ms)).unwrap_or(20)
}

fn frame_duration(ptime_ms: u8, frames: u32) -> SignedDuration {
    SignedDuration::from_millis(i64::from(ptime_ms) * i64::from(frames))
}

/// The next whole millisecond.
fn next_tick(time: Timestamp) -> Timestamp {
    let ms = time.as_millisecond();
    let floor = Timestamp::from_millisecond(ms).unwrap_or(time);
    if time <= floor { floor } else { later(floor, SignedDuration::from_millis(1)) }
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn bump(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}

#[cfg(test)]
mod tests;
