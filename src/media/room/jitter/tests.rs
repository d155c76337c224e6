//! Packets in any order and pace, told as letters: a letter is a frame of 20 ms filled with its octet.

use super::*;
use crate::media::playlist::Codec;
use proptest::prelude::*;

const CODEC: Codec = Codec::Pcma;

/// A packet: in which tick it comes, its timestamp in ticks, how many ticks long, and what it says.
type Packet = (usize, u32, usize, char);

fn hear(jitter: &mut Jitter, ssrc: u32, timestamp: u32, payload: &[u8]) {
    jitter.hear(&Audio { ssrc, timestamp, codec: CODEC, payload });
}

/// What comes out of one tick: the letter, `.` for silence, `?` for a mixture.
fn take(jitter: &mut Jitter) -> char {
    let mut frame = [1; TICK];
    jitter.take(&mut frame);
    let is_all = |octet: u8| frame.iter().all(|sample| *sample == CODEC.decode(octet));
    if frame == [0; TICK] {
        return '.';
    }
    ('a'..='z').find(|letter| is_all(u8::try_from(*letter).unwrap())).unwrap_or('?')
}

fn check(name: &str, first: u32, packets: &[Packet], heard: &str) {
    let mut jitter = Jitter::new();
    let mut out = String::new();
    for tick in 0..heard.len() {
        for (_, ts, len, letter) in packets.iter().filter(|packet| packet.0 == tick) {
            let payload = vec![u8::try_from(*letter).unwrap(); len * TICK];
            hear(&mut jitter, 7, first.wrapping_add(ts.wrapping_mul(160)), &payload);
        }
        out.push(take(&mut jitter));
    }
    assert_eq!(out, heard, "{name}");
}

#[test]
fn packets_are_put_in_order() {
    let cases: [(&str, &[Packet], &str); 8] = [
        ("in order", &[(0, 0, 1, 'a'), (1, 1, 1, 'b'), (2, 2, 1, 'c')], "..abc."),
        ("swapped", &[(0, 0, 1, 'a'), (1, 2, 1, 'c'), (2, 1, 1, 'b')], "..abc."),
        ("the first two swapped", &[(0, 1, 1, 'b'), (1, 0, 1, 'a')], ".ab."),
        ("doubled", &[(0, 0, 1, 'a'), (0, 0, 1, 'a'), (1, 1, 1, 'b'), (1, 0, 1, 'a')], "..ab."),
        ("one lost", &[(0, 0, 1, 'a'), (2, 2, 1, 'c')], "..a.c."),
        ("40 ms late", &[(0, 0, 1, 'a'), (3, 1, 1, 'b'), (3, 2, 1, 'c')], "..abc."),
        (
            "too late",
            &[(0, 0, 1, 'a'), (1, 1, 1, 'b'), (2, 3, 1, 'd'), (3, 4, 1, 'e'), (5, 2, 1, 'c')],
            "..ab.de.",
        ),
        ("of 60 ms", &[(0, 0, 3, 'a'), (3, 3, 3, 'b')], "..aaabbb."),
    ];
    for (name, packets, heard) in cases {
        for first in [0, 1_000_000, u32::MAX - 200] {
            check(name, first, packets, heard);
        }
    }
}

#[test]
fn after_a_pause_the_delay_is_built_up_again() {
    check("timestamps go on", 0, &[(0, 0, 1, 'a'), (6, 6, 1, 'b')], "..a.....b.");
    check("timestamps stood still", 0, &[(0, 0, 1, 'a'), (6, 1, 1, 'b')], "..a.....b.");
    check("a long way on", 0, &[(0, 0, 1, 'a'), (4, 90_000, 1, 'b')], "..a...b.");
    check("begun anew", 500_000_000, &[(0, 0, 1, 'a'), (1, 90_000_000, 1, 'b')], "...b.");
}

#[test]
fn another_sender_takes_over() {
    let mut jitter = Jitter::new();
    hear(&mut jitter, 1, 0, &[b'a'; 160]);
    hear(&mut jitter, 2, 123_456, &[b'b'; 160]);
    assert_eq!([(); 4].map(|()| take(&mut jitter)), ['.', '.', 'b', '.']);
}

#[test]
fn a_burst_after_a_stall_leaves_the_newest() {
    let mut jitter = Jitter::new();
    for tick in 0..40 {
        hear(&mut jitter, 1, tick * 160, &[b'a'; 160]);
    }
    assert_eq!(jitter.waiting.len(), WAITING_MAX);
    // The delay that the burst left is taken back within two seconds.
    for tick in 40..140 {
        hear(&mut jitter, 1, tick * 160, &[b'a'; 160]);
        assert_eq!(take(&mut jitter), 'a', "tick {tick}");
    }
    assert!(jitter.waiting.len() <= LEVEL_HIGH, "{}", jitter.waiting.len());
}

/// Hears a peer for so long whose clock is off by this much, and says how many ticks were silent.
fn drift(ppm: i64, ptime_ms: i64, seconds: i64) -> usize {
    let mut jitter = Jitter::new();
    let packet = vec![b'a'; usize::try_from(ptime_ms * 8).unwrap()];
    let (mut next_us, mut timestamp, mut silent) = (0, 0_u32, 0);
    for tick in 0..seconds * 50 {
        while next_us <= tick * 20_000 {
            hear(&mut jitter, 1, timestamp, &packet);
            timestamp = timestamp.wrapping_add(u32::try_from(packet.len()).unwrap());
            next_us += ptime_ms * (1_000_000 - ppm) / 1000;
        }
        silent += usize::from(take(&mut jitter) != 'a');
        let bound = LEVEL_HIGH + packet.len() + 3 * TICK;
        assert!(jitter.waiting.len() <= bound, "{ppm} ppm: {}", jitter.waiting.len());
    }
    silent
}

#[test]
fn a_clock_that_drifts_costs_a_frame_now_and_then() {
    // The first two ticks are the delay.
    for ptime_ms in [10, 20, 30, 40, 60] {
        assert!(drift(0, ptime_ms, 60) <= 3, "{ptime_ms} ms");
        assert!(drift(5000, ptime_ms, 60) <= 3, "{ptime_ms} ms, fast");
        // A slow peer says less than we play: the rest, 300 ms, has to be silence.
        assert!(drift(-5000, ptime_ms, 60) <= 40, "{ptime_ms} ms, slow");
    }
    // Clocks as they are: 60 ms in ten minutes.
    assert!(drift(100, 20, 600) <= 3);
    assert!(drift(-100, 20, 600) <= 15);
}

#[test]
fn a_peer_that_stops_is_silence() {
    check("stops", 0, &[(0, 0, 1, 'a')], "..a.................");
}

proptest! {
    /// Whatever comes, in whatever pace: nothing is allocated after the start and nothing grows.
    #[test]
    fn any_packets_are_survived(
        packets in proptest::collection::vec(
            (0..2_u32, prop_oneof![0..20_000_u32, any::<u32>()], 0..2000_usize, 0..3_usize),
            0..200,
        )
    ) {
        let mut jitter = Jitter::new();
        let capacity = jitter.waiting.capacity();
        for (ssrc, timestamp, len, ticks) in packets {
            hear(&mut jitter, ssrc, timestamp, &vec![b'a'; len]);
            prop_assert!(jitter.waiting.len() <= WAITING_MAX);
            for _ in 0..ticks {
                take(&mut jitter);
            }
        }
        prop_assert_eq!(jitter.waiting.capacity(), capacity);
    }

    /// However the packets of 200 ms are shuffled inside 40 ms, what comes out is what was said.
    #[test]
    fn any_order_within_the_delay_is_put_right(swaps in proptest::collection::vec(any::<bool>(), 9)) {
        let mut order: Vec<u32> = (0..10).collect();
        for (index, swap) in swaps.iter().enumerate() {
            if *swap && index % 2 == 1 {
                order.swap(index, index + 1);
            }
        }
        let mut jitter = Jitter::new();
        let mut out = String::new();
        for tick in 0..12 {
            if let Some(number) = order.get(tick) {
                let letter = b'a' + u8::try_from(*number).unwrap();
                hear(&mut jitter, 1, number * 160, &[letter; 160]);
            }
            out.push(take(&mut jitter));
        }
        prop_assert_eq!(out, "..abcdefghij");
    }
}
