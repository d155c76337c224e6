//! One call's media in simulated time.

use super::*;
use crate::media::playlist::{Piece, Recording, Rounds};
use crate::media::{Direction, MediaPlan};
use proptest::prelude::*;

const PEER: &str = "198.51.100.7:4000";
const STRANGER: &str = "203.0.113.66:4000";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn at_ms(ms: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms)
}

fn plan() -> MediaPlan {
    MediaPlan {
        remote: Some(address(PEER)),
        signalled_from: None,
        codec: Codec::Pcma,
        payload_type: 8,
        telephone_event: vec![(101, 8000), (102, 48_000)],
        ptime_ms: 20,
        direction: Direction::SendRecv,
    }
}

fn session() -> Session {
    Session::new(7, Duration::from_secs(30))
}

fn started(plan: &MediaPlan) -> Session {
    let mut session = session();
    session.start(plan, at_ms(0));
    session
}

/// A packet that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    at: Timestamp,
    to: SocketAddr,
    is_marked: bool,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    payload: Vec<u8>,
}

/// Wakes the session at its own deadlines up to `until` and returns what it sends.
fn run(session: &mut Session, until: Timestamp) -> Vec<Sent> {
    let mut sent = Vec::new();
    while let Some(due) = session.poll_timeout().filter(|due| *due <= until) {
        sent.extend(wake(session, due));
    }
    sent
}

/// Wakes the session once.
fn wake(session: &mut Session, now: Timestamp) -> Vec<Sent> {
    let mut packet = [0; FRAME_MAX];
    let mut sent = Vec::new();
    while let Some((len, to)) = session.poll_packet(now, &mut packet) {
        let rtp = RtpReader::new(&packet[..len]).unwrap();
        sent.push(Sent {
            at: now,
            to,
            is_marked: rtp.mark(),
            payload_type: rtp.payload_type(),
            sequence: rtp.sequence_number().into(),
            timestamp: rtp.timestamp(),
            ssrc: rtp.ssrc(),
            payload: rtp.payload().to_vec(),
        });
    }
    sent
}

fn rtp(payload_type: u8, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let builder = RtpPacketBuilder::new().payload_type(payload_type).ssrc(0xABCD);
    builder.sequence(Seq::from(sequence)).timestamp(5000).payload(payload).build().unwrap()
}

fn audio(sequence: u16) -> Vec<u8> {
    rtp(8, sequence, &[0xD5; 160])
}

/// The first packet of a press of `#`.
fn hash(payload_type: u8) -> Vec<u8> {
    rtp(payload_type, 900, &[11, 10, 0, 0])
}

fn hears(session: &mut Session, packet: &[u8], from: &str, ms: i64) -> Vec<Key> {
    session.on_packet(packet, address(from), at_ms(ms))
}

fn reports(session: &mut Session) -> Vec<Report> {
    std::iter::from_fn(|| session.poll_report()).collect()
}

#[test]
fn packets_are_continuous_for_every_packet_length() {
    for (agreed, ptime) in [(10, 10_u8), (20, 20), (30, 30), (40, 40), (60, 60), (0, 10), (50, 40)]
    {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            let mut session =
                started(&MediaPlan { ptime_ms: agreed, codec, payload_type: 18, ..plan() });
            let sent = run(&mut session, at_ms(12_000));
            assert_eq!(sent.len(), 12_000 / usize::from(ptime), "{agreed} ms");
            assert!(sent[0].is_marked && sent[0].at < at_ms(i64::from(ptime)));
            for pair in sent.windows(2) {
                let step = pair[1].at.duration_since(pair[0].at);
                assert_eq!(step, SignedDuration::from_millis(i64::from(ptime)));
                assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
                let samples = u32::from(ptime) * 8;
                assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(samples));
                assert!(!pair[1].is_marked, "RFC 3551 4.1: no marker inside a stream");
            }
            let silence = vec![codec.silence(); usize::from(ptime) * 8];
            assert!(sent.iter().all(|packet| packet.payload == silence
                && packet.payload_type == 18
                && packet.ssrc == sent[0].ssrc
                && packet.to == address(PEER)));
        }
    }
}

#[test]
fn sequence_and_timestamp_wrap() {
    let mut session = started(&plan());
    (session.sender.sequence, session.sender.timestamp) = (u16::MAX, u32::MAX - 80);
    let sent = run(&mut session, at_ms(40));
    let numbers: Vec<_> = sent.iter().map(|packet| (packet.sequence, packet.timestamp)).collect();
    assert_eq!(numbers[..2], [(u16::MAX, u32::MAX - 80), (0, 79)]);
}

#[test]
fn late_wakes_do_not_move_the_schedule() {
    let mut session = started(&plan());
    let first = session.poll_timeout().unwrap();
    let mut sent = Vec::new();
    // Every wake is between 0 and 19 ms late; the frames stay where they were.
    for frame in 0..500_i64 {
        let due = session.poll_timeout().unwrap();
        assert_eq!(due, first + SignedDuration::from_millis(20 * frame));
        sent.extend(wake(&mut session, due + SignedDuration::from_millis(frame * 7 % 20)));
    }
    assert_eq!(sent.len(), 500);
    assert_eq!(session.stats().late, 0);
}

#[test]
fn a_short_stall_is_caught_up_and_a_long_one_left_out() {
    let mut session = started(&plan());
    let first = session.poll_timeout().unwrap();
    let begin = wake(&mut session, first);
    // 100 ms late: all six frames that are due.
    let stalled = wake(&mut session, first + SignedDuration::from_millis(120));
    assert_eq!(stalled.len(), 6);
    assert!(stalled.iter().all(|packet| !packet.is_marked));
    // A minute late: one packet, whose timestamp tells how long the gap was.
    let resumed = wake(&mut session, first + SignedDuration::from_millis(60_120));
    assert_eq!(resumed.len(), 1);
    assert!(resumed[0].is_marked, "the first after a gap");
    assert_eq!(resumed[0].sequence, begin[0].sequence.wrapping_add(7));
    assert_eq!(resumed[0].timestamp, begin[0].timestamp.wrapping_add(60_120 * 8));
    assert_eq!(session.stats().late, 2999);
    assert_eq!(session.poll_timeout(), Some(first + SignedDuration::from_millis(60_140)));
}

#[test]
fn a_thread_that_cannot_keep_up_does_not_make_calls_longer() {
    let mut session = started(&plan());
    let first = session.poll_timeout().unwrap();
    let recording = Recording::encode(&[8_000; 3 * 8_000]);
    session.play(Playlist::once(1, [Piece::Recording(recording)]));
    // It comes round every 200 ms, where there are ten frames.
    let mut ended_at = None;
    for round in 0..100_i64 {
        let now = first + SignedDuration::from_millis(200 * round);
        wake(&mut session, now);
        if session.poll_report() == Some(Report::PlaylistEnded(1)) {
            ended_at = Some(200 * round);
            break;
        }
    }
    let ended_at = ended_at.expect("it ends");
    assert!((3_800..=4_200).contains(&ended_at), "three seconds took {ended_at} ms");
    // The next one may wait for what it misses again.
    assert_eq!(session.stalls, STALLS_MAX);
    session.play(Playlist::once(2, []));
    assert_eq!(session.stalls, 0);
}

#[test]
fn a_stall_takes_nothing_from_the_recording() {
    let mut session = started(&plan());
    let ramp: Vec<i16> = (0..1600).map(|sample| sample * 16).collect();
    let recording = Recording::encode(&ramp);
    session.play(Playlist::once(1, [Piece::Recording(recording.clone())]));
    let first = session.poll_timeout().unwrap();
    let mut heard = Vec::new();
    for ms in [0, 20, 5000, 5020, 9000, 9020, 9040, 9060, 9080, 9100] {
        for packet in wake(&mut session, first + SignedDuration::from_millis(ms)) {
            heard.extend(packet.payload);
        }
    }
    assert_eq!(heard, recording.octets(Codec::Pcma));
}

#[test]
fn sessions_that_start_together_spread_over_the_frame() {
    let mut in_ms = [0_u32; 20];
    for seed in 0..1000 {
        let mut session = Session::new(seed, Duration::from_secs(30));
        session.start(&plan(), at_ms(0));
        let due = session.poll_timeout().unwrap().as_microsecond();
        in_ms[usize::try_from(due / 1000).unwrap()] += 1;
    }
    assert!(in_ms.iter().all(|count| (20..=90).contains(count)), "{in_ms:?}");
}

#[test]
fn a_playlist_is_played_repeated_and_reported() {
    let mut session = started(&plan());
    let loud = Recording::encode(&[8000; 400]);
    let twice = Rounds::Times(2.try_into().unwrap());
    let list = Playlist::once(42, [Piece::Silence(10), Piece::Recording(loud.clone())]);
    session.play(list.repeated(twice, 30));
    let sent = run(&mut session, at_ms(200));
    let octets: Vec<u8> = sent.iter().flat_map(|packet| packet.payload.clone()).collect();
    let silence = |ms: usize| vec![0xD5; ms * 8];
    let round = [silence(10), loud.octets(Codec::Pcma)].concat();
    let wanted = [round.clone(), silence(30), round].concat();
    assert_eq!(octets[..wanted.len()], wanted);
    assert!(octets[wanted.len()..].iter().all(|octet| *octet == 0xD5));
    assert_eq!(reports(&mut session), [Report::PlaylistEnded(42)]);
}

#[test]
fn another_playlist_takes_over_at_the_next_packet() {
    let mut session = started(&plan());
    let endless = Playlist::once(1, [Piece::Recording(Recording::encode(&[4000; 160]))]);
    session.play(endless.repeated(Rounds::Endless, 0));
    run(&mut session, at_ms(500));
    let other = Recording::encode(&[-4000; 160]);
    session.play(Playlist::once(2, [Piece::Recording(other.clone())]));
    let next = run(&mut session, at_ms(520));
    assert_eq!(next[0].payload, other.octets(Codec::Pcma));
    session.play(Playlist::once(3, [Piece::Silence(1000)]));
    session.stop();
    let silent = run(&mut session, at_ms(2000));
    assert!(silent.iter().all(|packet| packet.payload == vec![0xD5; 160]));
    // The first was replaced, the third was stopped; the second ended when the frame after it was asked for, if at all.
    assert_eq!(reports(&mut session), []);
}

#[test]
fn hold_pauses_the_playlist_and_resumes_with_a_marker() {
    let mut session = started(&plan());
    let ramp: Vec<i16> = (0..3200).map(|sample| sample * 8).collect();
    let recording = Recording::encode(&ramp);
    session.play(Playlist::once(1, [Piece::Recording(recording.clone())]));
    let before = run(&mut session, at_ms(200));
    for direction in [Direction::Inactive, Direction::RecvOnly] {
        session.start(&MediaPlan { direction, ..plan() }, at_ms(200));
        assert_eq!(run(&mut session, at_ms(1000)), []);
    }
    session.start(&plan(), at_ms(1000));
    let after = run(&mut session, at_ms(1400));
    assert!(after[0].is_marked && !after[1].is_marked);
    assert_eq!(after[0].ssrc, before[0].ssrc);
    let last = before.last().unwrap();
    assert_eq!(after[0].sequence, last.sequence.wrapping_add(1));
    let gap_ms = after[0].at.duration_since(last.at).as_millis();
    let gap = u32::try_from(gap_ms * 8).unwrap();
    assert_eq!(after[0].timestamp, last.timestamp.wrapping_add(gap));
    let heard: Vec<u8> = before.iter().chain(&after).flat_map(|p| p.payload.clone()).collect();
    assert_eq!(heard[..3200], recording.octets(Codec::Pcma));
}

#[test]
fn a_peer_without_an_address_is_answered_once_it_is_heard() {
    let mut session = started(&MediaPlan { remote: None, ..plan() });
    assert_eq!(run(&mut session, at_ms(2000)), []);
    hears(&mut session, &audio(1), PEER, 2000);
    assert_eq!(run(&mut session, at_ms(2020))[0].to, address(PEER));
    hears(&mut session, &audio(1), STRANGER, 2030);
    assert_eq!(session.stats().foreign, 1);
}

/// Who is heard and where packets go. Each step: time in ms, from, is it heard, where packets go then.
fn check_latch(plan: &MediaPlan, steps: &[(i64, &str, bool, &str)]) {
    let mut session = started(plan);
    for (number, &(ms, from, is_heard, to)) in steps.iter().enumerate() {
        let before = session.stats().received;
        hears(&mut session, &audio(u16::try_from(number).unwrap()), from, ms);
        assert_eq!(session.stats().received > before, is_heard, "{steps:?} step {number}");
        let source = &session.stream.as_ref().unwrap().source;
        assert_eq!(source.send_to, Some(address(to)), "{steps:?} step {number}");
    }
}

#[test]
fn the_source_is_learnt_once() {
    // The signalled address is the peer; nobody else is heard after it.
    check_latch(&plan(), &[(5, PEER, true, PEER), (10, STRANGER, false, PEER)]);
    // The first packet comes from elsewhere at once: there is the peer, and no third is.
    let other = "203.0.113.67:4000";
    check_latch(
        &plan(),
        &[
            (5, STRANGER, true, STRANGER),
            (6, other, false, STRANGER),
            (9000, STRANGER, true, STRANGER),
        ],
    );
    // The signalled address wins over a stranger who was faster, for good.
    check_latch(
        &plan(),
        &[(5, STRANGER, true, STRANGER), (100, PEER, true, PEER), (101, STRANGER, false, PEER)],
    );
    // A stranger is too late after half a second, another port of the same host is not.
    let same_host = "198.51.100.7:61000";
    check_latch(
        &plan(),
        &[
            (501, STRANGER, false, PEER),
            (9000, same_host, true, same_host),
            (9001, STRANGER, false, same_host),
        ],
    );
    // A phone behind NAT: its own address cannot be reached, its SIP came from the NAT.
    let nat = "203.0.113.5:30000";
    let remote = Some(address("192.168.1.20:4000"));
    let behind = MediaPlan { remote, signalled_from: Some(address(nat).ip()), ..plan() };
    let private = "192.168.1.20:4000";
    check_latch(&behind, &[(9000, STRANGER, false, private), (9001, nat, true, nat)]);
    let unknown = MediaPlan { signalled_from: None, ..behind };
    check_latch(&unknown, &[(9000, nat, true, nat), (9001, STRANGER, false, nat)]);
    // An IPv4 address seen through an IPv6 socket is the same address.
    check_latch(&plan(), &[(9000, "[::ffff:198.51.100.7]:4000", true, PEER)]);
}

#[test]
fn a_new_offer_opens_the_source_again() {
    let mut session = started(&plan());
    hears(&mut session, &audio(1), STRANGER, 5);
    session.start(&plan(), at_ms(20_000));
    let sent = run(&mut session, at_ms(20_020));
    assert_eq!(
        sent[0].to,
        address(STRANGER),
        "until somebody is heard, packets go where they went"
    );
    let other = "203.0.113.67:4000";
    hears(&mut session, &audio(2), other, 20_100);
    assert_eq!(run(&mut session, at_ms(20_200)).last().unwrap().to, address(other));
    let moved = MediaPlan { remote: Some(address("198.51.100.9:5000")), ..plan() };
    session.start(&moved, at_ms(30_000));
    assert_eq!(run(&mut session, at_ms(30_020))[0].to, moved.remote.unwrap());
}

#[test]
fn only_agreed_types_of_others_are_heard() {
    let own_ssrc = started(&plan()).sender.ssrc;
    let own = RtpPacketBuilder::new().payload_type(8).ssrc(own_ssrc).payload(&[0; 160]).build();
    let cases: [(&str, Vec<u8>, bool); 9] = [
        ("PCMA", audio(1), true),
        ("PCMU, offered too", rtp(0, 1, &[0xFF; 160]), true),
        ("comfort noise", rtp(13, 1, &[40]), true),
        ("events", hash(101), true),
        ("events at 48 kHz", hash(102), true),
        ("events on 96, never agreed", hash(96), false),
        ("no-op on 97", rtp(97, 1, &[0; 4]), false),
        ("half an event", rtp(101, 1, &[11, 10]), false),
        ("our own packet reflected", own.unwrap(), false),
    ];
    for (name, packet, is_heard) in cases {
        let mut session = started(&plan());
        hears(&mut session, &packet, PEER, 5);
        let stats = session.stats();
        assert_eq!(
            (stats.received, stats.foreign),
            (u32::from(is_heard), u32::from(!is_heard)),
            "{name}"
        );
    }
}

#[test]
fn keys_are_heard_during_a_prompt_and_told_once() {
    let mut session = started(&plan());
    session.play(Playlist::once(1, [Piece::Silence(5000)]));
    run(&mut session, at_ms(400));
    let press = |event: u8, timestamp: u32, sequence: u16, is_end: bool| {
        let end = if is_end { 0x80 } else { 0 };
        let builder = RtpPacketBuilder::new().payload_type(101).ssrc(0xABCD).timestamp(timestamp);
        builder.sequence(Seq::from(sequence)).payload(&[event, end | 10, 1, 0]).build().unwrap()
    };
    let packets = [(11, 800, 1, false), (11, 800, 2, true), (11, 800, 3, true), (9, 2400, 4, true)];
    let mut keys = Vec::new();
    for (ms, (event, timestamp, sequence, is_end)) in (400..).step_by(100).zip(packets) {
        keys.extend(hears(&mut session, &press(event, timestamp, sequence, is_end), PEER, ms));
    }
    assert_eq!(keys, [Key::of_char('#').unwrap(), Key::of_char('9').unwrap()]);
    assert_eq!(hears(&mut session, &press(1, 9000, 5, false), STRANGER, 900), [], "injected");
    assert_eq!(run(&mut session, at_ms(1000)).len(), 30, "what plays is not disturbed");
}

#[test]
fn malformed_packets_are_counted() {
    let mut too_many_csrc = audio(1);
    too_many_csrc[0] |= 0x0F;
    too_many_csrc.truncate(20);
    let mut extension = audio(1);
    extension[0] |= 0x10;
    extension[14..16].copy_from_slice(&[0xFF, 0xFF]);
    let mut padding = audio(1);
    padding[0] |= 0x20;
    *padding.last_mut().unwrap() = 255;
    let mut zero_padding = audio(1);
    zero_padding[0] |= 0x20;
    *zero_padding.last_mut().unwrap() = 0;
    let mut version = audio(1);
    version[0] = 0x40;
    for packet in [too_many_csrc, extension, padding, zero_padding, version, vec![], vec![0x80; 11]]
    {
        let mut session = started(&plan());
        assert_eq!(hears(&mut session, &packet, STRANGER, 5), []);
        assert_eq!(session.stats().malformed, 1, "{packet:02x?}");
        assert_eq!(run(&mut session, at_ms(20))[0].to, address(PEER), "and nothing is learnt");
    }
}

#[test]
fn nothing_is_heard_or_sent_before_the_start() {
    let mut session = session();
    session.play(Playlist::once(1, [Piece::Silence(20)]));
    assert_eq!(hears(&mut session, &hash(101), PEER, 5), []);
    assert_eq!((session.poll_timeout(), session.stats().foreign), (None, 1));
    session.start(&plan(), at_ms(1000));
    run(&mut session, at_ms(1100));
    assert_eq!(reports(&mut session), [Report::PlaylistEnded(1)]);
}

#[test]
fn silence_of_the_peer_is_told_once_each_time() {
    let mut session = Session::new(7, Duration::from_secs(5));
    session.start(&plan(), at_ms(0));
    run(&mut session, at_ms(4900));
    assert_eq!(reports(&mut session), []);
    run(&mut session, at_ms(20_000));
    assert_eq!(reports(&mut session), [Report::PeerSilent]);
    hears(&mut session, &audio(1), PEER, 20_000);
    run(&mut session, at_ms(24_900));
    assert_eq!(reports(&mut session), []);
    run(&mut session, at_ms(25_100));
    assert_eq!(reports(&mut session), [Report::PeerSilent]);
    // Packets of a stranger are not the peer.
    hears(&mut session, &audio(2), STRANGER, 25_100);
    run(&mut session, at_ms(40_000));
    assert_eq!(reports(&mut session), []);
}

#[test]
fn a_timeout_of_zero_is_none() {
    let mut session = Session::new(7, Duration::ZERO);
    session.start(&plan(), at_ms(0));
    run(&mut session, at_ms(100_000));
    assert_eq!(reports(&mut session), []);
}

#[test]
fn a_peer_on_hold_and_a_clock_that_jumps_are_no_silence() {
    let mut session = Session::new(7, Duration::from_secs(5));
    session.start(&MediaPlan { direction: Direction::SendOnly, ..plan() }, at_ms(0));
    run(&mut session, at_ms(60_000));
    session.start(&plan(), at_ms(60_000));
    wake(&mut session, at_ms(3_600_000));
    assert_eq!(reports(&mut session), []);
}

#[test]
fn losses_are_estimated_from_the_numbers() {
    let cases: [(&str, &[u16], u32); 6] = [
        ("none", &[1, 2, 3], 0),
        ("two", &[1, 4, 5], 2),
        ("late ones are not lost", &[1, 3, 2, 4], 0),
        ("over the wrap", &[65_534, 65_535, 1], 1),
        ("doubled", &[1, 1, 2, 2], 0),
        ("a sender that starts anew", &[1, 3, 40_000, 40_001], 1),
    ];
    for (name, numbers, lost) in cases {
        let mut session = started(&plan());
        for number in numbers {
            hears(&mut session, &audio(*number), PEER, 5);
        }
        assert_eq!(session.stats().lost, lost, "{name}");
    }
}

#[test]
fn a_session_is_small() {
    let size = std::mem::size_of::<Session>();
    assert!(size <= 768, "{size} bytes");
}

fn arb_datagram() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![Just(0x80_u8), Just(0x90), Just(0xA0), Just(0xB1), any::<u8>()];
    let kind = prop_oneof![Just(8_u8), Just(101), Just(0xE5), any::<u8>()];
    let rest = proptest::collection::vec(any::<u8>(), 0..300);
    (header, kind, rest, 0..302_usize).prop_map(|(header, kind, mut rest, len)| {
        rest.insert(0, kind);
        rest.insert(0, header);
        rest.truncate(len);
        rest
    })
}

proptest! {
    /// Whatever comes in: no panic, each packet is counted once, and what we send stays on time.
    #[test]
    fn any_datagram_is_survived(
        packets in proptest::collection::vec((arb_datagram(), any::<bool>(), 0..50_i64), 1..60)
    ) {
        let mut session = started(&plan());
        let mut sent = Vec::new();
        let mut now_ms = 0;
        for (packet, is_peer, wait_ms) in &packets {
            now_ms += wait_ms;
            sent.extend(run(&mut session, at_ms(now_ms)));
            hears(&mut session, packet, if *is_peer { PEER } else { STRANGER }, now_ms);
        }
        let stats = session.stats();
        let counted = stats.received + stats.malformed + stats.foreign;
        prop_assert_eq!(usize::try_from(counted).unwrap(), packets.len());
        for pair in sent.windows(2) {
            prop_assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
            prop_assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(160));
        }
    }
}
