//! Rooms of sessions in simulated time: peers with packet lengths, clocks and losses of their own.

use super::*;
use crate::media::playlist::{Piece, Playlist, Recording, Rounds};
use crate::media::session::{FRAME_MAX, Session};
use crate::media::signal::{amplitude, tone};
use crate::media::{Direction, MediaPlan, Report};
use jiff::SignedDuration;
use lianfang_domain::digits::Key;
use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use std::net::SocketAddr;
use std::time::Duration;

const ROOM: RoomId = RoomId(1);
const LEVEL: f64 = 5000.0;

/// A telephone that says one tone all the time, and the session that it talks with.
struct Peer {
    id: u64,
    session: Session,
    codec: Codec,
    hz: f64,
    ptime_ms: i64,
    /// By how much its clock is fast.
    ppm: i64,
    /// What becomes of its packet number so-and-so.
    fate: fn(u32) -> Fate,
    next_us: i64,
    number: u32,
    /// Packets on their way, and when they arrive.
    on_way: Vec<(i64, Vec<u8>)>,
    heard: Vec<i16>,
}

enum Fate {
    Arrives,
    Lost,
    Late(i64),
}

impl Peer {
    /// The tones are far apart and none is the multiple of another.
    fn new(id: u64) -> Self {
        let mut session = Session::new(id, Duration::from_secs(30));
        session.start(&plan(Codec::Pcma, 20), Timestamp::UNIX_EPOCH);
        Self {
            id,
            session,
            codec: Codec::Pcma,
            hz: 400.0 + 270.0 * id as f64,
            ptime_ms: 20,
            ppm: 0,
            fate: |_| Fate::Arrives,
            next_us: 0,
            number: 0,
            on_way: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// Codec and packet length, both ways.
    fn with(mut self, codec: Codec, ptime_ms: i64) -> Self {
        self.session.start(&plan(codec, ptime_ms), Timestamp::UNIX_EPOCH);
        Self { codec, ptime_ms, ..self }
    }

    fn joins(mut self, rooms: &Rooms) -> Self {
        self.join(rooms);
        self
    }

    fn join(&mut self, rooms: &Rooms) {
        let seat = rooms.reserve(self.id, ROOM, Talk::Full).unwrap();
        self.session.join(Box::new(seat));
    }

    fn say(&mut self, now_us: i64) {
        while self.next_us <= now_us {
            let samples = u32::try_from(self.ptime_ms * 8).unwrap();
            let first = self.number * samples;
            let said = |index| (f64::from(index) * self.hz * std::f64::consts::TAU / 8000.0).sin();
            let payload: Vec<u8> = (first..first + samples)
                .map(|index| self.codec.encode((said(index) * LEVEL) as i16))
                .collect();
            let arrives = match (self.fate)(self.number) {
                Fate::Arrives => Some(self.next_us),
                Fate::Late(ms) => Some(self.next_us + ms * 1000),
                Fate::Lost => None,
            };
            let packet = rtp(type_of(self.codec), self.number, first, &payload);
            self.on_way.extend(arrives.map(|at| (at, packet)));
            self.number += 1;
            self.next_us += self.ptime_ms * (1_000_000 - self.ppm) / 1000;
        }
        let (now, later) =
            std::mem::take(&mut self.on_way).into_iter().partition(|it| it.0 <= now_us);
        self.on_way = later;
        for (_, packet) in now {
            self.hear(&packet, now_us);
        }
    }

    fn hear(&mut self, packet: &[u8], now_us: i64) -> Vec<Key> {
        self.session.on_packet(packet, peer_address(), at_us(now_us))
    }

    fn listen(&mut self, now_us: i64) {
        let mut packet = [0; FRAME_MAX];
        while let Some((len, _)) = self.session.poll_packet(at_us(now_us), &mut packet) {
            let rtp = RtpReader::new(&packet[..len]).unwrap();
            self.heard.extend(rtp.payload().iter().map(|octet| self.codec.decode(*octet)));
        }
    }

    /// How loud a tone is in what was heard from then on.
    fn hears(&self, hz: f64, from_ms: usize) -> f64 {
        amplitude(&self.heard[from_ms * 8..], hz)
    }
}

fn at_us(us: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_micros(us)
}

fn peer_address() -> SocketAddr {
    "198.51.100.7:4000".parse().unwrap()
}

fn type_of(codec: Codec) -> u8 {
    match codec {
        Codec::Pcma => 8,
        Codec::Pcmu => 0,
    }
}

fn plan(codec: Codec, ptime_ms: i64) -> MediaPlan {
    MediaPlan {
        remote: Some(peer_address()),
        signalled_from: None,
        codec,
        payload_type: type_of(codec),
        telephone_event: vec![(101, 8000)],
        ptime_ms: u8::try_from(ptime_ms).unwrap(),
        direction: Direction::SendRecv,
    }
}

fn rtp(payload_type: u8, number: u32, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let builder = RtpPacketBuilder::new().payload_type(payload_type).ssrc(0xABCD);
    let number = Seq::from(u16::try_from(number % 65_536).unwrap());
    builder.sequence(number).timestamp(timestamp).payload(payload).build().unwrap()
}

/// Lets them talk for so long; says when it is.
fn talk(peers: &mut [Peer], from_ms: i64, ms: i64) -> i64 {
    for now_ms in from_ms..from_ms + ms {
        peers.iter_mut().for_each(|peer| peer.say(now_ms * 1000));
        peers.iter_mut().for_each(|peer| peer.listen(now_ms * 1000));
    }
    from_ms + ms
}

/// Each hears the tones of all others and not its own, from then on.
fn check(name: &str, peers: &[Peer], from_ms: usize) {
    for listener in peers {
        for talker in peers {
            let level = listener.hears(talker.hz, from_ms);
            let (one, two) = (listener.id, talker.id);
            if one == two {
                assert!(level < 150.0, "{name}: {one} hears itself at {level}");
            } else {
                assert!(0.8 * LEVEL < level, "{name}: {one} hears {two} at {level}");
            }
        }
    }
}

fn three(rooms: &Rooms) -> Vec<Peer> {
    (1..=3).map(|id| Peer::new(id).joins(rooms)).collect()
}

#[test]
fn each_hears_the_others_whatever_its_codec_and_packet_length() {
    let rooms = Rooms::default();
    let kinds = [
        (Codec::Pcma, 20),
        (Codec::Pcmu, 60),
        (Codec::Pcma, 10),
        (Codec::Pcmu, 30),
        (Codec::Pcma, 40),
    ];
    let mut peers: Vec<Peer> = (1..)
        .zip(kinds)
        .map(|(id, (codec, ptime_ms))| Peer::new(id).with(codec, ptime_ms).joins(&rooms))
        .collect();
    talk(&mut peers, 0, 3000);
    check("all", &peers, 300);
}

#[test]
fn losses_disorder_and_drift_disturb_but_do_not_break() {
    let rooms = Rooms::default();
    let mut peers = three(&rooms);
    peers[0].fate = |number| if number % 20 == 7 { Fate::Lost } else { Fate::Arrives };
    peers[1].fate = |number| Fate::Late(if number % 3 == 0 { 35 } else { 1 });
    peers[2].ppm = 200;
    talk(&mut peers, 0, 4000);
    check("losses", &peers, 300);
}

#[test]
fn who_stops_or_starts_anew_is_heard_while_he_talks() {
    let rooms = Rooms::default();
    let mut peers = three(&rooms);
    peers[0].fate = |number| if number < 100 { Fate::Arrives } else { Fate::Lost };
    talk(&mut peers, 0, 6000);
    assert!(0.8 * LEVEL < amplitude(&peers[1].heard[2400..16_000], peers[0].hz));
    assert!(peers[1].hears(peers[0].hz, 2200) < 50.0, "dead: silence");
    check("the others", &peers[1..], 2200);
}

#[test]
fn who_leaves_hears_nobody_and_may_come_back() {
    let rooms = Rooms::default();
    let mut peers = three(&rooms);
    let now = talk(&mut peers, 0, 1000);
    peers[0].session.leave();
    let now = talk(&mut peers, now, 1000);
    let silence = peers[0].heard[8200..].iter().all(|sample| sample.unsigned_abs() <= 8);
    assert!(silence, "who left hears nobody");
    assert!(peers[1].hears(peers[0].hz, 1100) < 50.0, "nor is he heard");
    check("the others", &peers[1..], 1100);
    peers[0].join(&rooms);
    talk(&mut peers, now, 1000);
    check("back again", &peers, 2300);
}

#[test]
fn a_clip_is_laid_over_the_talk_of_one_and_its_end_is_told() {
    let rooms = Rooms::default();
    let mut peers = three(&rooms);
    let now = talk(&mut peers, 0, 500);
    let clip = Recording::encode(&tone(2500.0, 6000.0, 8000));
    peers[0].session.play(Playlist::once(5, [Piece::Recording(clip)]));
    let now = talk(&mut peers, now, 1000);
    let during = &peers[0].heard[4800..11_200];
    assert!(5500.0 < amplitude(during, 2500.0));
    let ducked = amplitude(during, peers[1].hz);
    assert!((LEVEL * 0.2..LEVEL * 0.3).contains(&ducked), "at a quarter: {ducked}");
    assert!(peers[1].hears(2500.0, 600) < 50.0, "the others do not hear it");
    talk(&mut peers, now, 1000);
    assert_eq!(peers[0].session.poll_report(), Some(Report::PlaylistEnded(5)));
    check("afterwards", &peers, 1700);
}

#[test]
fn a_clip_for_all_is_heard_by_all() {
    let rooms = Rooms::default();
    let mut peers = three(&rooms);
    let clip = Recording::encode(&tone(2500.0, 6000.0, 8000));
    let endless = Playlist::once(5, [Piece::Recording(clip)]).repeated(Rounds::Endless, 0);
    let room = rooms.get(ROOM).unwrap();
    room.play(endless);
    let now = talk(&mut peers, 0, 1000);
    assert!(peers.iter().all(|peer| 5500.0 < peer.hears(2500.0, 100)));
    room.stop();
    talk(&mut peers, now, 1000);
    check("stopped", &peers, 1200);
    assert!(peers[0].hears(2500.0, 1200) < 50.0);
}

#[test]
fn keys_are_heard_during_the_talk_and_sound_for_nobody() {
    let rooms = Rooms::default();
    let mut peers = three(&rooms);
    let now = talk(&mut peers, 0, 1000);
    let number = peers[0].number;
    let press = rtp(101, number, number * 160, &[5, 10, 3, 32]);
    assert_eq!(peers[0].hear(&press, now * 1000), [Key::of_char('5').unwrap()]);
    talk(&mut peers, now, 1000);
    check("the talk", &peers, 300);
}

#[test]
fn music_on_hold_and_comfort_noise_are_no_talk() {
    let rooms = Rooms::default();
    let mut peers = three(&rooms);
    let on_hold = MediaPlan { direction: Direction::RecvOnly, ..plan(Codec::Pcma, 20) };
    peers[0].session.start(&on_hold, Timestamp::UNIX_EPOCH);
    let noise = rtp(13, 0, 0, &[30; 160]);
    peers[1].hear(&noise, 0);
    talk(&mut peers, 0, 1000);
    assert!(peers[1].hears(peers[0].hz, 200) < 50.0);
    check("the others", &peers[1..], 300);
    peers[0].session.start(&plan(Codec::Pcma, 20), at_us(1_000_000));
    talk(&mut peers, 1000, 1000);
    assert!(0.8 * LEVEL < peers[1].hears(peers[0].hz, 1200), "talking again");
}

#[test]
fn a_ninth_member_is_refused_until_somebody_leaves() {
    let rooms = Rooms::default();
    let mut seats: Vec<Seat> =
        (0..8).map(|id| rooms.reserve(id, ROOM, Talk::Full).unwrap()).collect();
    let full =
        |session| matches!(rooms.reserve(session, ROOM, Talk::Full), Err(MediaError::RoomFull));
    assert!(full(8) && full(9));
    rooms.reserve(8, RoomId(2), Talk::Full).expect("another room has places");
    // A member may come back before it has left.
    let again = rooms.reserve(3, ROOM, Talk::HalfDuplexSpeaker).unwrap();
    assert_eq!(again.chair.index, seats[3].chair.index);
    seats.remove(3);
    assert!(full(8), "its place is still its own");
    drop(again);
    seats.push(rooms.reserve(8, ROOM, Talk::Full).unwrap());
    assert!(full(9));
    assert_eq!(rooms.len(), 1);
    seats.clear();
    assert_eq!(rooms.len(), 0, "a room ends with its last member");
}

#[test]
fn a_session_that_changes_rooms_leaves_the_first() {
    let rooms = Rooms::default();
    let mut peers = three(&rooms);
    let seat = rooms.reserve(1, RoomId(2), Talk::Full).unwrap();
    peers[0].session.join(Box::new(seat));
    assert_eq!(rooms.len(), 2);
    talk(&mut peers, 0, 1000);
    assert!(peers[1].hears(peers[0].hz, 0) < 50.0);
    check("the others", &peers[1..], 300);
    peers.clear();
    assert_eq!(rooms.len(), 0);
}
