use super::*;
use proptest::prelude::*;

const POUND: u8 = 11;

/// A packet as a test writes it down.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at_ms: i64,
    ssrc: u32,
    ts: u32,
    sequence: u16,
    marker: bool,
    event: u8,
    flags: u8,
    duration: u16,
}

/// A packet inside a press: no marker, no end.
fn hold(at_ms: i64, event: u8, ts: u32, duration: u16) -> Sent {
    Sent { at_ms, ssrc: 7, ts, sequence: 0, marker: false, event, flags: 10, duration }
}

/// The first packet of a press.
fn begin(at_ms: i64, event: u8, ts: u32) -> Sent {
    Sent { marker: true, ..hold(at_ms, event, ts, 0) }
}

/// An end packet.
fn end(at_ms: i64, event: u8, ts: u32, duration: u16) -> Sent {
    Sent { flags: 0x8a, ..hold(at_ms, event, ts, duration) }
}

/// A whole press as the RFC wants it: begin, holds, three ends, one packet each 20 ms.
fn press(at_ms: i64, event: u8, ts: u32) -> Vec<Sent> {
    let mut packets = vec![begin(at_ms, event, ts)];
    packets.extend([1_u16, 2, 3, 4].map(|n| hold(at_ms + 20 * i64::from(n), event, ts, 160 * n)));
    packets.extend([5, 6, 7].map(|n| end(at_ms + 20 * n, event, ts, 800)));
    packets
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_795_305_600_000 + ms).unwrap()
}

fn hear(presses: &mut KeyPresses, sent: Sent) -> Vec<Key> {
    let [high, low] = sent.duration.to_be_bytes();
    let packet = EventPacket {
        ssrc: sent.ssrc,
        rtp_timestamp: sent.ts,
        sequence: sent.sequence,
        marker: sent.marker,
        payload: &[sent.event, sent.flags, high, low],
    };
    presses.on_packet(packet, time(sent.at_ms))
}

fn heard(packets: &[Sent]) -> String {
    let mut presses = KeyPresses::default();
    packets.iter().flat_map(|sent| hear(&mut presses, *sent)).map(Key::as_char).collect()
}

fn check(case: &str, packets: &[Sent], expected: &str) {
    assert_eq!(heard(packets), expected, "{case}");
}

fn all(presses: &[Vec<Sent>]) -> Vec<Sent> {
    presses.concat()
}

#[test]
fn a_key_is_heard_at_its_first_packet() {
    let mut presses = KeyPresses::default();
    let keys: Vec<usize> =
        press(0, 9, 1000).into_iter().map(|sent| hear(&mut presses, sent).len()).collect();
    assert_eq!(keys, [1, 0, 0, 0, 0, 0, 0, 0]);
    for event in 0..=15 {
        assert_eq!(heard(&press(0, event, 1)).len(), 1);
    }
}

#[test]
fn lost_and_repeated_packets() {
    let nine = press(0, 9, 1000);
    check("whole", &nine, "9");
    check("lost start", &nine[1..], "9");
    check("start and holds lost", &nine[5..], "9");
    check("only one end", &nine[7..], "9");
    check("no end", &nine[..5], "9");
    check("only the start", &nine[..1], "9");
    let ten_ends: Vec<Sent> = (0..10).map(|n| end(100 + 20 * n, 9, 1000, 800)).collect();
    check("ten ends", &[nine[..5].to_vec(), ten_ends].concat(), "9");
    let doubled: Vec<Sent> = nine.iter().flat_map(|sent| [*sent, *sent]).collect();
    check("all doubled", &doubled, "9");
    check("end before start", &[end(0, 9, 1000, 800), begin(5, 9, 1000)], "9");
    let no_marker: Vec<Sent> = nine.iter().map(|sent| Sent { marker: false, ..*sent }).collect();
    check("no marker", &no_marker, "9");
}

#[test]
fn one_key_after_the_other() {
    let code = all(&[press(0, POUND, 1000), press(400, 9, 4200)]);
    check("#9", &code, "#9");
    let late_end =
        [&press(0, POUND, 1000)[..5], &[begin(200, 9, 2600), end(210, POUND, 1000, 800)]];
    check("late end after next digit", &late_end.concat(), "#9");
    let no_end = [&press(0, POUND, 1000)[..3], &press(60, 9, 2000)].concat();
    check("next event without end", &no_end, "#9");
    check("same digit twice", &all(&[press(0, 9, 1000), press(300, 9, 3400)]), "99");
    let four =
        all(&[press(0, 9, 0), press(240, 9, 1920), press(480, 9, 3840), press(720, 9, 5760)]);
    check("9999 by an automatic dialler", &four, "9999");
    let no_ends = [&press(0, 9, 1000)[..4], &press(180, 9, 2440)[..]].concat();
    check("same digit twice, ends of the first lost", &no_ends, "99");
    let markers_lost = [&press(0, 9, 1000)[..], &press(300, 9, 3400)[1..]].concat();
    check("same digit twice, marker of the second lost", &markers_lost, "99");
    let only_ends = [&press(0, 9, 1000)[..4], &press(180, 9, 2440)[5..]].concat();
    check("same digit twice, only starts and only ends", &only_ends, "99");
}

#[test]
fn time_that_runs_backwards_or_stands_still() {
    let backwards = all(&[press(0, POUND, 92_640), press(300, 9, 67_840)]);
    check("timestamps backwards", &backwards, "#9");
    check("inside the one before", &all(&[press(0, POUND, 24_400), press(200, 9, 24_600)]), "#9");
    check("frozen time", &all(&[press(0, 9, 77), press(300, 9, 77)]), "99");
    check("frozen, another key", &all(&[press(0, POUND, 77), press(300, 9, 77)]), "#9");
    let frozen_late = [&press(0, 9, 77)[..], &press(700, 9, 77)[1..]].concat();
    check("frozen, marker lost, 400 ms after", &frozen_late, "99");
    let no_end = [&press(0, 9, 77)[..4], &press(600, 9, 77)].concat();
    check("frozen, closed without end", &no_end, "99");
    let gap = [begin(0, 9, 77), hold(20, 9, 77, 160), hold(520, 9, 77, 4160)];
    check("held with a hole of half a second", &gap, "9");
    let early = [end(0, 9, 77, 800), Sent { marker: true, ..hold(149, 9, 77, 0) }];
    check("marker 149 ms after the end", &early, "9");
    let again = [end(0, 9, 77, 800), Sent { marker: true, ..hold(150, 9, 77, 0) }];
    check("marker 150 ms after the end", &again, "99");
    let wrap = all(&[press(0, POUND, u32::MAX - 100), press(300, 9, 2300)]);
    check("timestamp wrap", &wrap, "#9");
    let sequence: Vec<Sent> = (0_u16..)
        .zip(press(0, 9, 1000))
        .map(|(n, sent)| Sent { sequence: n.wrapping_add(u16::MAX - 2), ..sent })
        .collect();
    check("sequence wrap", &sequence, "9");
}

#[test]
fn timestamps_that_move_inside_a_press() {
    let moving: Vec<Sent> = (0..10).map(|n| hold(20 * n, 2, 1000 + 160 * n as u32, 160)).collect();
    check("every packet a new timestamp", &moving, "2");
    let marked: Vec<Sent> = moving.iter().map(|sent| Sent { marker: true, ..*sent }).collect();
    check("the same, all marked", &marked, "2");
    let ended =
        [&moving[..], &[end(200, 2, 2600, 1600), end(220, 2, 2760, 1600), end(240, 2, 2920, 1600)]]
            .concat();
    check("the same, and ends with new timestamps", &ended, "2");
    check("then the same key again", &[&ended[..], &press(400, 2, 4200)].concat(), "22");
    let reordered = [moving[0], moving[2], moving[1], moving[3]];
    check("the same, reordered", &reordered, "2");
    let late = [hold(0, 2, 1000, 0), end(20, 2, 1320, 320), hold(25, 2, 1160, 160)];
    check("the same, a packet after the end", &late, "2");
    check("the same, the end first", &[end(0, 2, 1320, 320), hold(5, 2, 1160, 160)], "2");
    let ends = [
        &press(0, 5, 1000)[..5],
        &[end(100, 5, 1800, 800), end(120, 5, 1960, 800), end(180, 5, 2440, 800)],
    ];
    check("ends with new timestamps", &ends.concat(), "5");
    check("an end 61 ms after an end", &[end(0, 5, 1000, 800), end(61, 5, 1800, 800)], "55");
    check("another key's end", &[end(0, 5, 1000, 800), end(10, 6, 1800, 800)], "56");
}

#[test]
fn a_key_held_for_24_seconds() {
    let mut segments = vec![begin(0, 5, 1000)];
    for n in 1..1200_u32 {
        let (segment, duration) = (n * 160 / 65_440, n * 160 % 65_440);
        let duration = u16::try_from(duration).unwrap();
        segments.push(hold(20 * i64::from(n), 5, 1000 + segment * 65_440, duration));
    }
    segments.push(end(24_000, 5, 1000 + 2 * 65_440, 61_120));
    check("in segments", &segments, "5");
    let wrapping: Vec<Sent> =
        (0..1200_u32).map(|n| hold(20 * i64::from(n), 5, 1000, (n * 160) as u16)).collect();
    check("duration wraps", &wrapping, "5");
}

#[test]
fn another_source() {
    let other = |sent: &Sent| Sent { ssrc: 8, ..*sent };
    let next: Vec<Sent> = press(300, 9, 50).iter().map(other).collect();
    check("between two keys", &[&press(0, POUND, 1000)[..], &next].concat(), "#9");
    let nine = press(0, 9, 1000);
    let inside: Vec<Sent> = nine[..3].iter().copied().chain(nine[3..].iter().map(other)).collect();
    check("inside a press", &inside, "9");
    let moved: Vec<Sent> = inside
        .iter()
        .map(|sent| if sent.ssrc == 8 { Sent { ts: 99, ..*sent } } else { *sent })
        .collect();
    check("inside a press, with its own time", &moved, "9");
}

#[test]
fn other_fields() {
    let slow: Vec<Sent> = press(0, 9, 1000);
    let wide: Vec<Sent> = slow.iter().map(|s| Sent { duration: s.duration * 6, ..*s }).collect();
    check("48 kHz clock", &wide, "9");
    let zero: Vec<Sent> = slow.iter().map(|s| Sent { duration: 0, ..*s }).collect();
    check("zero duration", &zero, "9");
    let reserved: Vec<Sent> = slow.iter().map(|s| Sent { flags: s.flags | 0x40, ..*s }).collect();
    check("reserved bit", &reserved, "9");
    for event in [16, 32, 36, 66, 255] {
        check("flash, fax, unknown", &press(0, event, 1000), "");
    }
}

#[test]
fn malformed_payloads_are_counted() {
    let mut presses = KeyPresses::default();
    for (payload, expected) in [
        (&[][..], 1),
        (&[9], 2),
        (&[9, 10, 0], 3),
        (&[9, 10, 0, 0, 1], 4),
        (&[9; 4 * (BLOCKS_MAX + 1)], 5),
    ] {
        let packet = EventPacket { ssrc: 1, rtp_timestamp: 1, sequence: 1, marker: true, payload };
        assert_eq!(presses.on_packet(packet, time(0)), []);
        assert_eq!(presses.malformed(), expected);
    }
}

#[test]
fn several_events_in_one_packet() {
    let mut presses = KeyPresses::default();
    let mut hear = |ms, payload: &[u8]| -> String {
        let packet =
            EventPacket { ssrc: 1, rtp_timestamp: 1000, sequence: 1, marker: true, payload };
        presses.on_packet(packet, time(ms)).into_iter().map(Key::as_char).collect()
    };
    let blocks = [11, 0x8a, 3, 32, 9, 0x8a, 3, 32, 9, 0x0a, 0, 160];
    assert_eq!(hear(0, &blocks), "#99");
    assert_eq!(hear(20, &blocks), "", "sent again");
    assert_eq!(hear(400, &[5, 0x8a, 3, 32, 5, 0x8a, 3, 32]), "55", "both ended");
    let flash = [16, 0x8a, 3, 32, 5, 0x0a, 0, 160];
    assert_eq!(hear(800, &flash), "5");
}

/// The captures that SIPp ships, as it plays them: ten packets a digit, 320 units each 20 ms, ends with one sequence
/// number, `#` at 92640 and the 9 after it at 67840.
#[test]
fn the_captures_of_sipp() {
    let digit = |at_ms: i64, event, ts, sequence: u16| -> Vec<Sent> {
        let packet = |n: u16| Sent {
            ssrc: 0x0e05_384e,
            sequence: sequence + n.min(7),
            marker: n == 0,
            flags: if 7 <= n { 0x8a } else { 0x0a },
            ..hold(at_ms + 20 * i64::from(n), event, ts, 320 * n.min(7))
        };
        (0..10).map(packet).collect()
    };
    let code = all(&[digit(0, POUND, 92_640, 8436), digit(500, 9, 67_840, 8293)]);
    check("#9", &code, "#9");
    let twice = all(&[digit(0, 9, 67_840, 8293), digit(500, 9, 67_840, 8293)]);
    check("the same digit twice has the same timestamp", &twice, "99");
}

/// `play_dtmf` of SIPp: step 160, three ends 1 ms apart, and the second digit begins inside the first by its timestamp.
#[test]
fn play_dtmf_of_sipp() {
    let digit = |at_ms: i64, event, ts| -> Vec<Sent> {
        let mut packets = vec![begin(at_ms, event, ts)];
        packets
            .extend([1_u16, 2, 3, 4].map(|n| hold(at_ms + 20 * i64::from(n), event, ts, 160 * n)));
        packets.extend([100, 101, 102].map(|ms| end(at_ms + ms, event, ts, 800)));
        packets
    };
    check("#9", &all(&[digit(0, POUND, 24_400), digit(200, 9, 24_600)]), "#9");
    check("99", &all(&[digit(0, 9, 24_400), digit(200, 9, 24_600)]), "99");
}

#[test]
fn memory_is_bounded() {
    let mut presses = KeyPresses::default();
    for n in 0..10_000 {
        hear(&mut presses, begin(i64::from(n) * 1000, (n % 16) as u8, n * 77_777));
        assert!(presses.recent.len() <= REMEMBERED_MAX);
    }
}

#[derive(Clone, Debug)]
struct Typed {
    event: u8,
    ts: u32,
    pause_ms: i64,
    holds: u16,
    is_moving: bool,
    /// What happens to each packet: lost, once, twice.
    copies: Vec<u8>,
    /// By how many places a packet comes early.
    swaps: Vec<usize>,
}

fn typed() -> impl Strategy<Value = Typed> {
    let timing = (100..2000_i64, 1..20_u16, any::<bool>());
    let network =
        (proptest::collection::vec(0..3_u8, 24), proptest::collection::vec(0..3_usize, 24));
    (0..16_u8, any::<u32>(), timing, network).prop_map(|(event, ts, timing, network)| Typed {
        event,
        ts,
        pause_ms: timing.0,
        holds: timing.1,
        // Moving timestamps with a hole of 100 ms cannot be told from two presses.
        is_moving: timing.2 && network.0.iter().all(|copies| 0 < *copies),
        copies: network.0,
        swaps: network.1,
    })
}

/// The packets of one press as they arrive, and when the key is up again.
fn arriving(typed: &Typed, from_ms: i64) -> (Vec<Sent>, i64) {
    let count = typed.holds + 3;
    let packet = |n: u16| {
        let duration = 160 * n.min(typed.holds);
        let moved = if typed.is_moving { u32::from(n) * 160 } else { 0 };
        Sent {
            marker: n == 0,
            flags: if typed.holds <= n { 0x8a } else { 0x0a },
            ..hold(0, typed.event, typed.ts.wrapping_add(moved), duration)
        }
    };
    let mut packets: Vec<Sent> = (0..count).map(packet).collect();
    if !typed.is_moving {
        for (index, by) in typed.swaps.iter().enumerate().take(packets.len()) {
            packets.swap(index, index.saturating_sub(*by));
        }
    }
    for (at_ms, packet) in (0..).zip(&mut packets) {
        packet.at_ms = from_ms + 20 * at_ms;
    }
    let survivors: Vec<Sent> = packets
        .iter()
        .zip(&typed.copies)
        .flat_map(|(packet, copies)| std::iter::repeat_n(*packet, usize::from(*copies)))
        .collect();
    let survivors = if survivors.is_empty() { vec![packets[0]] } else { survivors };
    (survivors, from_ms + 20 * i64::from(count))
}

proptest! {
    #[test]
    fn every_press_is_heard_once(all_typed in proptest::collection::vec(typed(), 1..12)) {
        let mut now_ms = 0;
        let mut packets = Vec::new();
        for typed in &all_typed {
            let (arrived, up_ms) = arriving(typed, now_ms + typed.pause_ms);
            packets.extend(arrived);
            now_ms = up_ms;
        }
        let expected: String =
            all_typed.iter().filter_map(|t| Key::of_event(t.event)).map(Key::as_char).collect();
        prop_assert_eq!(heard(&packets), expected);
    }

    #[test]
    fn no_packet_panics(
        packets in proptest::collection::vec(
            (any::<u32>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..80), -1000..1000_i64),
            0..50,
        ),
    ) {
        let mut presses = KeyPresses::default();
        for (rtp_timestamp, marker, payload, at_ms) in &packets {
            let packet = EventPacket {
                ssrc: 1,
                rtp_timestamp: *rtp_timestamp,
                sequence: 0,
                marker: *marker,
                payload,
            };
            let keys = presses.on_packet(packet, time(*at_ms));
            prop_assert!(keys.len() <= BLOCKS_MAX);
        }
    }
}
