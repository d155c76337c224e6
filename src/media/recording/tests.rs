//! Recordings in simulated time.

use super::*;
use crate::media::session::{FRAME_MAX, Session};
use crate::media::signal::amplitude;
use crate::media::{Direction, MediaPlan, Report};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use std::net::SocketAddr;

/// Until when the beep and its pause play, at the latest.
const BEGIN_MS: i64 = 560;

fn address() -> SocketAddr {
    "198.51.100.7:4000".parse().unwrap()
}

fn at_ms(ms: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms)
}

fn session() -> Session {
    let mut session = Session::new(7, Duration::from_secs(30));
    let plan = MediaPlan {
        remote: Some(address()),
        signalled_from: None,
        codec: Codec::Pcma,
        payload_type: 8,
        telephone_event: vec![(101, 8000), (102, 48_000)],
        ptime_ms: 20,
        direction: Direction::SendRecv,
    };
    session.start(&plan, at_ms(0));
    session
}

fn rtp(payload_type: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let builder = RtpPacketBuilder::new().payload_type(payload_type).ssrc(0xABCD);
    builder.sequence(Seq::from(1)).timestamp(timestamp).payload(payload).build().unwrap()
}

/// Sends until then; what the peer hears.
fn run(session: &mut Session, until_ms: i64) -> Vec<i16> {
    let mut heard = Vec::new();
    let mut packet = [0; FRAME_MAX];
    while let Some(due) = session.poll_timeout().filter(|due| *due <= at_ms(until_ms)) {
        while let Some((len, _)) = session.poll_packet(due, &mut packet) {
            let rtp = RtpReader::new(&packet[..len]).unwrap();
            heard.extend(rtp.payload().iter().map(|octet| Codec::Pcma.decode(*octet)));
        }
    }
    heard
}

fn reports(session: &mut Session) -> Vec<Report> {
    std::iter::from_fn(|| session.poll_report()).collect()
}

fn take(session: &mut Session) -> Arc<Take> {
    let mut reports = reports(session);
    match (reports.pop(), reports.is_empty()) {
        (Some(Report::Recorded(take)), true) => take,
        other => panic!("{other:?}"),
    }
}

/// A session that records and has beeped.
fn recording(limits: RecordLimits) -> Session {
    let mut session = session();
    session.record(Box::new(Studio::new().begin(limits).unwrap()));
    run(&mut session, BEGIN_MS);
    session
}

/// The packet number so-and-so of a peer, filled with a letter.
fn say(session: &mut Session, number: u32, letter: u8) {
    session.on_packet(&rtp(8, 4000 + number * 160, &[letter; 160]), address(), at_ms(BEGIN_MS));
}

/// A recording as letters, one for 20 ms.
fn letters(take: &Take) -> String {
    let letter = |chunk: &[i16; 160]| {
        let is_all = |octet: u8| chunk.iter().all(|sample| *sample == Codec::Pcma.decode(octet));
        let found = (b'a'..=b'z').find(|octet| is_all(*octet)).map(char::from);
        found.unwrap_or(if *chunk == [0; 160] { '.' } else { '?' })
    };
    let (chunks, rest) = take.samples().as_chunks::<160>();
    assert!(rest.is_empty());
    chunks.iter().map(letter).collect()
}

fn check(name: &str, said: &[(u32, u8)], recorded: &str) {
    let mut session = recording(RecordLimits::default());
    for (number, letter) in said {
        say(&mut session, *number, *letter);
    }
    session.finish_recording(TakeEnd::Asked);
    let take = take(&mut session);
    assert_eq!((letters(&take).as_str(), take.end()), (recorded, TakeEnd::Asked), "{name}");
}

#[test]
fn what_is_said_has_its_place_by_its_timestamp() {
    check("nothing", &[], "");
    check("in order", &[(0, b'a'), (1, b'b'), (2, b'c')], "abc");
    check("lost", &[(0, b'a'), (3, b'd')], "a..d");
    check("swapped", &[(0, b'a'), (2, b'c'), (1, b'b'), (3, b'd')], "abcd");
    check("before the first", &[(2, b'c'), (1, b'b'), (3, b'd')], "cd");
    check("doubled", &[(0, b'a'), (1, b'b'), (0, b'a')], "ab");
    check(
        "a pause of ten seconds is kept",
        &[(0, b'a'), (500, b'b')],
        &format!("a{}b", ".".repeat(499)),
    );
    check("a jump is not", &[(0, b'a'), (400_000, b'b'), (400_001, b'c')], "abc");
    check("begun anew", &[(100_000, b'a'), (0, b'b'), (1, b'c')], "abc");
}

#[test]
fn a_beep_is_heard_before_it_begins_and_is_not_recorded() {
    let mut session = session();
    session.play(Playlist::once(9, [Piece::Silence(5000)]));
    session.record(Box::new(Studio::new().begin(RecordLimits::default()).unwrap()));
    let heard = run(&mut session, 300);
    assert!(9000.0 < amplitude(&heard[800..2400], BEEP_HZ), "{}", amplitude(&heard, BEEP_HZ));
    assert!(heard[0].unsigned_abs() < 100, "it fades in");
    say(&mut session, 0, b'x');
    let rest = run(&mut session, BEGIN_MS);
    assert!(rest[800..].iter().all(|sample| sample.unsigned_abs() <= 8), "and ends");
    say(&mut session, 5, b'a');
    session.finish_recording(TakeEnd::Asked);
    assert_eq!(letters(&take(&mut session)), "a", "and nobody is told that anything has ended");
    let silence = run(&mut session, 1000);
    assert!(silence.iter().all(|sample| sample.unsigned_abs() <= 8), "what played was stopped");
}

#[test]
fn a_key_ends_it_and_others_are_cut_out() {
    let mut session = recording(RecordLimits::default());
    let press = |event: u8, number: u32, duration: u16| {
        let [high, low] = duration.to_be_bytes();
        rtp(101, 4000 + number * 160, &[event, 10, high, low])
    };
    let hear = |session: &mut Session, packet: &[u8]| {
        session.on_packet(packet, address(), at_ms(BEGIN_MS))
    };
    say(&mut session, 0, b'a');
    // A gateway that sends the tone as audio too, before and after the events.
    say(&mut session, 1, b'x');
    assert_eq!(hear(&mut session, &press(7, 1, 320)), [Key::of_char('7').unwrap()]);
    say(&mut session, 2, b'x');
    assert_eq!(hear(&mut session, &press(7, 1, 480)), []);
    say(&mut session, 3, b'x');
    say(&mut session, 4, b'b');
    // At another clock nobody knows where it belongs.
    hear(&mut session, &rtp(102, 4000, &[3, 10, 255, 255]));
    assert_eq!(reports(&mut session), []);
    assert_eq!(hear(&mut session, &press(11, 5, 0)), [Key::of_char('#').unwrap()]);
    let take = take(&mut session);
    assert_eq!((letters(&take).as_str(), take.end()), ("a...b", TakeEnd::Key));
    assert_eq!(take.duration(), Duration::from_millis(100));
    say(&mut session, 6, b'c');
    session.finish_recording(TakeEnd::Asked);
    assert_eq!(reports(&mut session), [], "it has ended once");
}

#[test]
fn a_recording_is_as_long_as_its_limit() {
    let limits = RecordLimits { duration: Duration::from_millis(200), end_key: None };
    let mut session = recording(limits);
    for number in 0..100 {
        say(&mut session, number, b'a');
    }
    run(&mut session, BEGIN_MS + 20);
    let full = take(&mut session);
    assert_eq!((letters(&full).as_str(), full.end()), ("aaaaaaaaaa", TakeEnd::Limit));
    assert_eq!(full.samples.capacity(), 1600, "nothing was allocated on the way");
    // A peer that sends nothing does not keep it open.
    let mut session = recording(limits);
    say(&mut session, 0, b'a');
    run(&mut session, BEGIN_MS + 220);
    let short = take(&mut session);
    assert_eq!((letters(&short).as_str(), short.end()), ("a", TakeEnd::Limit));
    let long = RecordLimits { duration: Duration::MAX, end_key: None };
    let long = Studio::new().begin(long).unwrap();
    assert_eq!(long.len_max, samples_in(120_000));
}

#[test]
fn a_peer_on_hold_hears_no_beep_and_keeps_nothing_open() {
    let mut session = session();
    let limits = RecordLimits { duration: Duration::from_millis(200), end_key: None };
    let hold = MediaPlan {
        remote: None,
        signalled_from: None,
        codec: Codec::Pcma,
        payload_type: 8,
        telephone_event: vec![],
        ptime_ms: 20,
        direction: Direction::RecvOnly,
    };
    session.start(&hold, at_ms(0));
    session.record(Box::new(Studio::new().begin(limits).unwrap()));
    run(&mut session, 2000);
    let take = take(&mut session);
    assert_eq!((take.samples(), take.end()), ([].as_slice(), TakeEnd::Limit));
}

#[test]
fn recordings_are_bounded_until_they_are_dropped() {
    let studio = Studio::new();
    let limits = RecordLimits { duration: Duration::from_secs(1), end_key: None };
    let mut under_way: Vec<Recorder> =
        (0..RECORDINGS_MAX).map(|_| studio.begin(limits).unwrap()).collect();
    let is_full = || matches!(studio.begin(limits), Err(MediaError::RecordingsExhausted));
    assert!(is_full());
    let take = under_way.pop().unwrap().finish(TakeEnd::Asked);
    assert!(is_full(), "what was handed over is still in memory");
    assert_eq!(studio.len(), RECORDINGS_MAX);
    drop(take);
    assert_eq!(studio.len(), RECORDINGS_MAX - 1);
    assert!(!is_full());
}

proptest! {
    /// Whatever comes: never longer than its limit, and nothing is allocated on the way.
    #[test]
    fn any_packets_are_survived(
        packets in proptest::collection::vec(
            (
                0..2_u32,
                prop_oneof![0..40_000_u32, any::<u32>()],
                0..1500_usize,
                proptest::option::of(any::<u16>()),
            ),
            0..100,
        )
    ) {
        let limits = RecordLimits { duration: Duration::from_secs(3), end_key: None };
        let mut recorder = Studio::new().begin(limits).unwrap();
        recorder.beep = None;
        let capacity = recorder.samples.capacity();
        for (ssrc, timestamp, len, event) in packets {
            match event {
                Some(duration) => recorder.hear_event(Event { ssrc, timestamp, duration }),
                None => {
                    let payload = vec![b'a'; len];
                    recorder.hear(&Audio { ssrc, timestamp, codec: Codec::Pcmu, payload: &payload });
                }
            }
            prop_assert!(recorder.samples.len() <= samples_in(3000));
        }
        prop_assert_eq!(recorder.samples.capacity(), capacity);
    }
}
