//! Real files of each kind (`tests/sounds/make.sh`), what is made of them by accident and malice, and how far it gets.

use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

macro_rules! sound {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/sounds/", $name)).as_slice()
    };
}

const M4A: &[u8] = sound!("tone.m4a");
const MP3: &[u8] = sound!("tone.mp3");
const OGG: &[u8] = sound!("tone.ogg");
const FLAC: &[u8] = sound!("tone.flac");

/// A second of 600 Hz each.
const TONES: [(&str, &[u8], u32); 9] = [
    ("M4A", M4A, 44_100),
    ("M4A in pieces", sound!("pieces.m4a"), 44_100),
    ("M4A without loss", sound!("lossless.m4a"), 16_000),
    ("AAC", sound!("tone.aac"), 44_100),
    ("MP3", MP3, 44_100),
    ("OGG", OGG, 44_100),
    ("FLAC", FLAC, 16_000),
    ("G.711 in WAV", sound!("alaw.wav"), 8000),
    ("MP3 without a tag", MP3.split_at(20).1, 44_100),
];

fn heard(bytes: &[u8]) -> Result<(Vec<f64>, u32), Refusal> {
    read(bytes, &|| false)
}

#[test]
fn what_telephones_record_has_its_length_and_its_tone() {
    for (name, bytes, rate_hz) in TONES {
        let (samples, found_hz) = heard(bytes).expect(name);
        assert_eq!(found_hz, rate_hz, "{name}");
        let length_ms = samples.len() * 1000 / usize::try_from(rate_hz).unwrap();
        assert!(length_ms.abs_diff(1000) <= 50, "{name}: {length_ms} ms");
        let quarter = samples.len() / 4;
        let middle = samples.get(quarter..3 * quarter).unwrap();
        let ups = middle.windows(2).filter(|pair| pair[0] < 0.0 && 0.0 <= pair[1]).count();
        let wanted = 600 * middle.len() / usize::try_from(rate_hz).unwrap();
        assert!(ups.abs_diff(wanted) <= 3, "{name}: {ups} periods, {wanted} wanted");
        // An encoder makes two channels of one by 3 dB less each.
        let power = middle.iter().map(|sample| sample * sample).sum::<f64>() / middle.len() as f64;
        assert!((0.13..0.23).contains(&power.sqrt()), "{name}: {}", power.sqrt());
    }
}

/// The same octets with one sign in place of another, wherever it stands.
fn with(bytes: &[u8], sign: &[u8], other: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    let places: Vec<usize> = memmem::find_iter(bytes, sign).collect();
    assert!(!places.is_empty());
    for place in places {
        changed[place..place + other.len()].copy_from_slice(other);
    }
    changed
}

#[test]
fn what_is_not_read_is_called_by_its_name() {
    let check = |bytes: &[u8], wanted: Foreign| {
        assert_eq!(heard(bytes).err(), Some(Refusal::Foreign(wanted)));
    };
    check(&[b"#!AMR\n".as_slice(), &[0x3c; 1600]].concat(), Foreign::Amr);
    check(&with(M4A, b"mp4a", b"samr"), Foreign::Amr);
    check(&[b"\x02#!SILK_V3".as_slice(), &[7; 900]].concat(), Foreign::Silk);
    check(sound!("tone.opus"), Foreign::Opus);
    check(sound!("opus.mp4"), Foreign::Opus);
    check(&with(M4A, b"mp4a", b"enca"), Foreign::Protected);
    check(sound!("film.mp4"), Foreign::NoSound);
    // The profile stands in the first five bits of what the decoder is told: Main in place of LC.
    check(
        &with(M4A, &[0x05, 0x80, 0x80, 0x80, 0x05, 0x12], &[0x05, 0x80, 0x80, 0x80, 0x05, 0x0a]),
        Foreign::OtherAac,
    );
    for bytes in [
        b"".as_slice(),
        b"no sound",
        b"RIFF",
        b"ID3",
        b"ID3\x04\0\0\x7f\x7f\x7f\x7f",
        sound!("tone.webm"),
    ] {
        assert_eq!(heard(bytes).err(), Some(Refusal::Unreadable));
    }
}

#[test]
fn half_a_file_is_refused_or_shorter() {
    for (name, bytes, _) in TONES {
        let whole = heard(bytes).expect(name).0.len();
        for eighth in 0..8 {
            let part = heard(&bytes[..bytes.len() * eighth / 8]);
            assert!(
                part.is_err() || part.is_ok_and(|(samples, _)| samples.len() < whole),
                "{name}"
            );
        }
        // These say how long they are.
        if !["AAC", "OGG"].contains(&name) {
            let part = heard(&bytes[..bytes.len() * 7 / 8]).err();
            assert_eq!(part, Some(Refusal::Unreadable), "{name}");
        }
    }
}

#[test]
fn hours_in_a_small_file_are_refused_after_seconds() {
    let hours = sound!("hours.flac");
    assert!(hours.len() < 20 << 10);
    let looks = AtomicU32::new(0);
    let found = read(hours, &|| {
        looks.fetch_add(1, Ordering::Relaxed);
        false
    });
    assert_eq!(found.err(), Some(Refusal::Endless));
    assert!(looks.into_inner() < 30, "8 s a packet");
    for bytes in [MP3, sound!("tone.aac")] {
        let hours = bytes.repeat((12 << 20) / bytes.len());
        assert_eq!(heard(&hours).err(), Some(Refusal::Endless));
    }
}

#[test]
fn time_that_is_up_ends_it_wherever_it_is() {
    for (name, bytes, _) in TONES {
        let reads = AtomicU32::new(0);
        let count = || reads.fetch_add(1, Ordering::Relaxed);
        read(bytes, &|| count() == u32::MAX).expect(name);
        for last in [0, 1, 2, reads.into_inner() / 2] {
            let left = AtomicU32::new(last);
            let is_late = || {
                left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                    .is_err()
            };
            assert_eq!(read(bytes, &is_late).err(), Some(Refusal::Unreadable), "{name}: {last}");
        }
    }
}

#[test]
fn tables_that_would_fill_the_memory_are_counted_before_they_are_made() {
    let usual = vorbis_tables(OGG);
    assert!((1000..VORBIS_TABLES_MAX / 8).contains(&usual), "{usual}");
    // 131,072 entries of 32 numbers, at another bit each time, as nothing keeps them on octets.
    let table = 0x56_4342_u128 | 32 << 24 | (128 << 10) << 40;
    let one = vorbis_tables(&table.to_le_bytes());
    assert_eq!(one, 33 * (128 << 10));
    let shifted = (table << 5).to_le_bytes();
    assert_eq!(vorbis_tables(&shifted), one);
    assert_eq!(vorbis_tables(&[shifted, shifted].concat()), 2 * one);
    assert!(VORBIS_TABLES_MAX < one, "one alone is too much");
}

/// Numbers that look like chance and come again (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound.max(1)
    }

    fn byte(&mut self) -> u8 {
        let byte = u8::try_from(self.below(256)).unwrap();
        match self.below(4) {
            0 => 0xff,
            1 => 0,
            _ => byte,
        }
    }

    /// A file with some octets changed, mostly where it says what it is; parts of it gone, or there twice.
    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut damaged = bytes.to_vec();
        for _ in 0..=self.below(6) {
            let spread = if self.below(3) == 0 { damaged.len() } else { 700.min(damaged.len()) };
            let place = self.below(spread);
            // Tables of M4A stand at the end.
            let place = if self.below(3) == 0 { damaged.len() - 1 - place } else { place };
            let width = 1 + self.below(4);
            for octet in damaged.iter_mut().skip(place).take(width) {
                *octet = self.byte();
            }
        }
        let (from, to) = (self.below(damaged.len()), self.below(damaged.len()));
        match self.below(6) {
            0 => damaged.truncate(from),
            1 => drop(damaged.drain(from.min(to)..from.max(to))),
            2 => damaged.extend_from_within(from.min(to)..),
            _ => {}
        }
        damaged
    }
}

#[test]
fn whatever_is_damaged_ends_in_a_sound_or_a_refusal() {
    let mut chance = Chance(0x5eed_0001);
    let others = [sound!("film.mp4"), sound!("opus.mp4"), sound!("hours.flac")];
    let mut tally = (0, 0);
    for (round, bytes) in (0..300).flat_map(|round| {
        TONES.iter().map(|tone| tone.1).chain(others).map(move |bytes| (round, bytes))
    }) {
        let damaged = chance.damage(bytes);
        let looks = AtomicU32::new(0);
        let found = read(&damaged, &|| {
            looks.fetch_add(1, Ordering::Relaxed);
            false
        });
        match found {
            Ok((samples, rate_hz)) => {
                assert!(RATES_HZ.contains(&rate_hz), "{round}");
                assert!(samples.len() <= usize::try_from(RAW_SECONDS_MAX * rate_hz).unwrap());
                assert!(samples.iter().all(|sample| sample.is_finite()), "{round}");
                tally.0 += 1;
            }
            Err(_) => tally.1 += 1,
        }
        assert!(looks.into_inner() < 2 * PACKETS_MAX, "round {round} of {} octets", bytes.len());
    }
    assert!(300 < tally.0 && 300 < tally.1, "{tally:?}");
    for length in (0..600).map(|size| size * 3) {
        let noise: Vec<u8> = (0..length).map(|_| chance.byte()).collect();
        assert!(heard(&noise).is_err());
        for head in [
            b"OggS\0".as_slice(),
            b"fLaC\0",
            b"\0\0\0\x1cftypM4A ",
            b"\xff\xfb\x90\x44",
            b"\xff\xf1\x50\x40",
            b"RIFF",
        ] {
            let _ = heard(&[head, noise.as_slice()].concat());
        }
    }
}
