//! Rooms and recordings over real sockets. Peers answer each packet with one of theirs, so that the media thread sets
//! their pace.

use super::*;
use crate::media::signal::{amplitude, tone};
use std::collections::VecDeque;
use std::num::NonZeroU8;

const ROOM: RoomId = RoomId(77);
const LEVEL: f64 = 5000.0;
/// Samples in which tones are looked for.
const WINDOW: usize = 6400;

/// A telephone that says a tone, and remembers what it heard.
struct Talker {
    id: u64,
    phone: Phone,
    local: SocketAddr,
    hz: f64,
    /// It sends a packet for so many of ours: 3 is a packet of 60 ms.
    frames: usize,
    words: Vec<i16>,
    said: u32,
    is_dumb: bool,
    heard: Vec<i16>,
    last: Vec<i16>,
}

impl Talker {
    fn new(town: &Town, id: u64) -> Self {
        let (phone, local) = (Phone::new(), town.open(id).unwrap());
        town.media.start(id, phone.plan()).unwrap();
        // A whole number of waves in 20 ms: a frame that is late or left out on a busy machine does not turn the tone.
        let hz = 400.0 + 300.0 * id as f64;
        let words = tone(hz, LEVEL, 8000);
        let (heard, last) = (Vec::new(), Vec::new());
        Self { id, phone, local, hz, frames: 1, words, said: 0, is_dumb: false, heard, last }
    }

    fn hear(&mut self) {
        let (_, _, payload, _) = self.phone.hear();
        self.last = payload.iter().map(|octet| Codec::Pcma.decode(*octet)).collect();
        self.heard.extend(&self.last);
    }

    /// Sends samples as the next packet.
    fn send(&mut self, samples: &[i16]) {
        let payload: Vec<u8> = samples.iter().map(|sample| Codec::Pcma.encode(*sample)).collect();
        let builder = RtpPacketBuilder::new().payload_type(8).ssrc(5).timestamp(self.said);
        self.said += u32::try_from(samples.len()).unwrap();
        let number = Seq::from(u16::try_from(self.said / 160).unwrap());
        let packet = builder.sequence(number).payload(&payload).build().unwrap();
        self.phone.0.send_to(&packet, self.local).unwrap();
    }

    fn say(&mut self) {
        let begin = usize::try_from(self.said).unwrap() % 8000;
        let words = self.words.iter().cycle().skip(begin).take(160 * self.frames);
        let words: Vec<i16> = words.copied().collect();
        self.send(&words);
    }

    /// How loud a tone was in the last 800 ms.
    fn hears(&self, hz: f64) -> f64 {
        amplitude(&self.heard[self.heard.len() - WINDOW..], hz)
    }

    /// Whether nothing at all was heard in the last 800 ms.
    fn hears_silence(&self) -> bool {
        self.heard[self.heard.len() - WINDOW..].iter().all(|sample| sample.unsigned_abs() <= 8)
    }
}

/// Lets all of them hear so many packets, and those who are not dumb say as much.
fn talk(talkers: &mut [Talker], packets: usize) {
    for number in 0..packets {
        for talker in talkers.iter_mut() {
            talker.hear();
            if !talker.is_dumb && number % talker.frames == 0 {
                talker.say();
            }
        }
    }
}

/// Lets them talk until it is so, for 20 seconds at most.
fn until(name: &str, talkers: &mut [Talker], is_so: impl Fn(&[Talker]) -> bool) {
    for _ in 0..20 {
        talk(talkers, 48);
        if is_so(talkers) {
            return;
        }
    }
    let levels = |listener: &Talker| talkers.iter().map(|it| listener.hears(it.hz)).collect();
    let levels: Vec<Vec<f64>> = talkers.iter().map(levels).collect();
    panic!("{name}: {levels:?}");
}

/// Whether exactly these hear each other, everybody else nobody, and nobody himself.
fn is_talk_of(members: &[u64], talkers: &[Talker]) -> bool {
    talkers.iter().all(|listener| {
        talkers.iter().all(|talker| {
            let level = listener.hears(talker.hz);
            let are_members = members.contains(&listener.id) && members.contains(&talker.id);
            if are_members && listener.id != talker.id {
                0.6 * LEVEL < level
            } else {
                level < 300.0
            }
        })
    })
}

async fn on_threads(threads: u8) {
    let mut town = Town::with_threads(WIDE, 16, NonZeroU8::new(threads).unwrap());
    let mut talkers: Vec<Talker> = (1..=3).map(|id| Talker::new(&town, id)).collect();
    talkers[2].frames = 3;
    for talker in &talkers {
        town.media.join(talker.id, ROOM, Talk::Full).unwrap();
    }
    until("all", &mut talkers, |talkers| is_talk_of(&[1, 2, 3], talkers));
    // A key in the middle of it.
    talkers[0].phone.press(5, 60_000, talkers[0].local);
    talk(&mut talkers, 3);
    assert_eq!(town.next().await, (1, key('5')));
    // One leaves and comes back.
    town.media.leave(1).unwrap();
    until("one has left", &mut talkers, |talkers| is_talk_of(&[2, 3], talkers));
    assert!(talkers[0].hears_silence());
    town.media.join(1, ROOM, Talk::Full).unwrap();
    until("back again", &mut talkers, |talkers| is_talk_of(&[1, 2, 3], talkers));
    // One dies: it hears, and is silence.
    talkers[0].is_dumb = true;
    until("one is dead", &mut talkers, |talkers| {
        is_talk_of(&[2, 3], &talkers[1..]) && talkers[1].hears(talkers[0].hz) < 100.0
    });
    assert_eq!(town.media.stats().rooms, 1);
    for id in 1..=3 {
        town.media.close(id);
    }
    town.until(|stats| stats.rooms == 0 && stats.sessions == 0).await;
    town.stop().await;
}

#[tokio::test]
async fn three_hear_the_two_others_and_nobody_himself() {
    on_threads(1).await;
}

#[tokio::test]
async fn members_of_one_room_may_live_on_several_threads() {
    on_threads(3).await;
}

#[tokio::test]
async fn a_room_has_eight_places() {
    let town = Town::new(WIDE, 16);
    for id in 0..9 {
        town.open(id).unwrap();
    }
    for id in 0..8 {
        town.media.join(id, ROOM, Talk::Full).unwrap();
    }
    assert!(matches!(town.media.join(8, ROOM, Talk::Full), Err(MediaError::RoomFull)));
    town.media.leave(3).unwrap();
    town.until(|_| town.media.join(8, ROOM, Talk::Full).is_ok()).await;
    // A session that is not there takes no place.
    town.media.leave(8).unwrap();
    town.until(|_| town.media.join(1000, ROOM, Talk::Full).is_ok()).await;
    town.until(|_| town.media.join(8, ROOM, Talk::Full).is_ok()).await;
    assert_eq!(town.media.stats().rooms, 1);
    town.stop().await;
}

#[tokio::test]
async fn clips_are_heard_by_one_or_by_all() {
    let mut town = Town::new(WIDE, 16);
    let mut talkers: Vec<Talker> = (1..=2).map(|id| Talker::new(&town, id)).collect();
    for talker in &talkers {
        town.media.join(talker.id, ROOM, Talk::Full).unwrap();
    }
    let clip = |id, hz| {
        let recording = Recording::encode(&tone(hz, 8000.0, 40_000));
        Playlist::once(id, [Piece::Recording(recording)])
    };
    until("talk", &mut talkers, |talkers| is_talk_of(&[1, 2], talkers));
    town.media.play(1, clip(5, 2500.0)).unwrap();
    town.media.play_in_room(ROOM, clip(6, 3000.0).repeated(Rounds::Endless, 0)).unwrap();
    until("both clips", &mut talkers, |talkers| {
        6000.0 < talkers[0].hears(2500.0) && 1500.0 < talkers[0].hears(3000.0)
    });
    assert!(talkers[1].hears(2500.0) < 200.0, "a clip for one is not heard by the other");
    assert!(6000.0 < talkers[1].hears(3000.0));
    town.media.stop_in_room(ROOM).unwrap();
    until("stopped", &mut talkers, |talkers| talkers[1].hears(3000.0) < 200.0);
    until("talk again", &mut talkers, |talkers| is_talk_of(&[1, 2], talkers));
    assert_eq!(town.next().await, (1, Report::PlaylistEnded(5)), "nobody is told of those for all");
    town.media.play_in_room(RoomId(1), clip(7, 3000.0)).unwrap();
    town.stop().await;
}

/// Two loudspeakers that hear themselves twice as loud after 100 ms, and a telephone that says a tone for a second.
/// The loudest sample that the telephone hears in the second after the next.
async fn echo(talk: Talk) -> u16 {
    let town = Town::new(WIDE, 16);
    let mut phone = Talker::new(&town, 1);
    town.media.join(1, ROOM, Talk::Full).unwrap();
    let speaker = |id| {
        let speaker = Talker::new(&town, id);
        town.media.join(id, ROOM, talk).unwrap();
        (speaker, VecDeque::from(vec![vec![0; 160]; 5]))
    };
    let mut speakers = [speaker(2), speaker(3)];
    for packet in 0..150 {
        phone.hear();
        if packet < 50 {
            phone.say();
        }
        for (speaker, played) in &mut speakers {
            speaker.hear();
            played.push_back(speaker.last.clone());
            let echo = played.pop_front().unwrap();
            let echo: Vec<i16> = echo.iter().map(|sample| sample.saturating_mul(2)).collect();
            speaker.send(&echo);
        }
    }
    let last = phone.heard.iter().rev().take(8000);
    let loudest = last.map(|sample| sample.unsigned_abs()).max().unwrap();
    town.stop().await;
    loudest
}

#[tokio::test]
async fn loudspeakers_that_hear_themselves_do_not_howl() {
    let open = echo(Talk::Full).await;
    assert!(30_000 < open, "open ones would: {open}");
    let half_duplex = echo(Talk::HalfDuplexSpeaker).await;
    assert!(half_duplex <= 8, "{half_duplex}");
}

#[tokio::test]
async fn speech_is_recorded_after_the_beep_until_the_key() {
    let mut town = Town::new(WIDE, 16);
    let mut talker = Talker::new(&town, 1);
    town.media.record(1, RecordLimits::default()).unwrap();
    while talker.last.iter().all(|sample| sample.abs() < 1000) {
        talker.hear();
    }
    // The rest of the beep, its pause, and one packet more.
    for _ in 0..26 {
        talker.hear();
    }
    assert!(2000.0 < amplitude(&talker.heard, 1000.0), "the beep");
    talk(std::slice::from_mut(&mut talker), 50);
    talker.phone.press(11, 60_000, talker.local);
    assert_eq!(town.next().await, (1, key('#')));
    let (1, Report::Recorded(take)) = town.next().await else { panic!("the recording follows") };
    assert_eq!((take.samples().len(), take.end()), (8000, TakeEnd::Key));
    assert!(0.9 * LEVEL < amplitude(take.samples(), talker.hz));
    assert_eq!(town.media.stats().recordings, 1);
    drop(take);
    assert_eq!(town.media.stats().recordings, 0);
    town.stop().await;
}

#[tokio::test]
async fn a_recording_is_handed_over_whatever_ends_it() {
    let mut town = Town::new(WIDE, 16);
    let _talker = Talker::new(&town, 1);
    let ended = |report| match report {
        (1, Report::Recorded(take)) => take.end(),
        other => panic!("{other:?}"),
    };
    town.media.record(1, RecordLimits::default()).unwrap();
    town.media.finish_recording(1).unwrap();
    town.media.finish_recording(1).unwrap();
    assert_eq!(ended(town.next().await), TakeEnd::Asked);
    town.media.record(1, RecordLimits::default()).unwrap();
    let short = RecordLimits { duration: Duration::from_millis(20), end_key: None };
    town.media.record(1, short).unwrap();
    assert_eq!(ended(town.next().await), TakeEnd::Asked, "another one began");
    assert_eq!(ended(town.next().await), TakeEnd::Limit);
    town.media.record(1, RecordLimits::default()).unwrap();
    town.media.close(1);
    assert_eq!(ended(town.next().await), TakeEnd::Closed, "hung up");
    assert!(matches!(town.next().await, (1, Report::Closed(_))));
    // A session that is not there holds nothing.
    town.media.record(9, RecordLimits::default()).unwrap();
    town.until(|stats| stats.recordings == 0).await;
    town.stop().await;
}
