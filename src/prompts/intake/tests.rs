use super::*;
use crate::prompts::wav;
use proptest::prelude::*;
use std::io::Cursor;

fn of_wav(bytes: &[u8], longest_ms: u32) -> Result<Cut, Refusal> {
    of_file(bytes, longest_ms, &|| false)
}

/// A sound that is no speech, but has its ups and downs.
fn voice(rate_hz: u32, ms: u32, amplitude: f64) -> Vec<f64> {
    let at = |n: u32, hertz: f64| f64::from(n) * std::f64::consts::TAU * hertz / f64::from(rate_hz);
    let sample = |n: u32| {
        let syllable = 0.55 - 0.45 * at(n, 4.0).cos();
        amplitude * syllable * (at(n, 440.0).sin() + 0.5 * at(n, 1100.0).sin()) / 1.5
    };
    (0..rate_hz / 1000 * ms).map(sample).collect()
}

fn tones(pair: (f64, f64), ms: u32) -> Vec<f64> {
    let sample = |n: u32| {
        let at = |hertz: f64| (f64::from(n) * std::f64::consts::TAU * hertz / 8000.0).sin();
        0.2 * (at(pair.0) + at(pair.1))
    };
    (0..8 * ms).map(sample).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "within the range of the type")]
fn file(samples: &[f64], rate_hz: u32, channels: u16, bits: u16) -> Vec<u8> {
    let is_float = bits == 0;
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate_hz,
        bits_per_sample: if is_float { 32 } else { bits },
        sample_format: if is_float { hound::SampleFormat::Float } else { hound::SampleFormat::Int },
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for sample in samples.iter().flat_map(|sample| vec![*sample; channels.into()]) {
        if is_float {
            writer.write_sample(sample as f32).unwrap();
        } else {
            let scale = 2_f64.powi(i32::from(bits) - 1) - 1.0;
            writer.write_sample((sample * scale).round() as i32).unwrap();
        }
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

#[test]
fn every_usual_file_becomes_the_same_prompt() {
    for (rate_hz, channels, bits) in [
        (8000, 1, 16),
        (16_000, 2, 16),
        (44_100, 2, 16),
        (48_000, 1, 24),
        (48_000, 2, 0),
        (22_050, 1, 8),
        (96_000, 1, 32),
        (11_025, 1, 16),
    ] {
        let mut sound = vec![0.0; 2000];
        sound.extend(voice(rate_hz, 1000, 0.4));
        sound.extend(vec![0.0; 3000]);
        let name = format!("{rate_hz} Hz, {channels} channels, {bits} bit");
        let cut = of_wav(&file(&sound, rate_hz, channels, bits), 5000).expect(&name);
        assert!((930..=1040).contains(&cut.length_ms), "{name}: {cut:?}");
        assert!((-2300..=-1700).contains(&cut.level_cdb), "{name}: {cut:?}");
        let prompt = level::of_pcm(&cut.samples);
        assert!(level::peak_db(&prompt) <= -2.9, "{name}");
        // The tones of the source are there, and what lies beyond the band is not.
        let power = |hertz| power_at(prompt.get(1000..5000).unwrap(), hertz);
        assert!(power(1900.0) * 100.0 < power(440.0).min(power(1100.0)), "{name}");
    }
}

#[test]
fn a_soft_voice_is_raised_and_a_loud_one_lowered() {
    for amplitude in [0.02, 0.1, 0.9] {
        let cut = of_wav(&file(&voice(8000, 800, amplitude), 8000, 1, 16), 5000).unwrap();
        assert!((-2300..=-1700).contains(&cut.level_cdb), "{amplitude}: {cut:?}");
    }
}

#[test]
fn what_cannot_be_a_prompt_is_refused_with_the_reason() {
    let check = |samples: &[f64], wanted: &str| {
        let found = cut(samples, 8000, 3000).map_err(|refusal| refusal.to_string());
        let found = found.expect_err(wanted);
        assert!(found.contains(wanted), "{found}");
    };
    check(&[], "nothing is heard");
    check(&[0.0; 16_000], "nothing is heard");
    check(&voice(8000, 1000, 0.003), "too quiet: -");
    let overdriven: Vec<f64> =
        voice(8000, 1000, 9.0).iter().map(|sample| sample.clamp(-1.0, 1.0)).collect();
    check(&overdriven, "peaks are cut off");
    let loud: Vec<f64> = voice(8000, 1000, 9.0).iter().map(|s| s.clamp(-0.9, 0.9)).collect();
    check(&loud, "too loud");
    check(&voice(8000, 1000, 0.4)[900..1500], "too short");
    check(&voice(8000, 3500, 0.4), "too long: 3");
    for (low, high) in [(697.0, 1209.0), (941.0, 1477.0), (852.0, 1633.0)] {
        let mut with_key = voice(8000, 1000, 0.3);
        with_key.extend(tones((low, high), 60));
        with_key.extend(voice(8000, 500, 0.3));
        check(&with_key, "tones of a key");
    }
    let read = |bytes: &[u8]| of_wav(bytes, 3000).unwrap_err();
    let whole = file(&voice(8000, 500, 0.3), 8000, 1, 16);
    assert_eq!(read(b"ID3\x03 this is an MP3"), Refusal::Unreadable);
    assert_eq!(read(&whole[..whole.len() - 7]), Refusal::Unreadable);
    assert_eq!(read(&file(&[0.1; 40], 8000, 3, 16)), Refusal::Format);
    assert_eq!(read(&file(&[0.1; 40], 4000, 1, 16)), Refusal::Format);
    assert_eq!(read(&file(&[0.1; 8000 * 31], 8000, 1, 16)), Refusal::Endless);
    assert_eq!(read(&file(&[f64::NAN; 4000], 8000, 1, 0)), Refusal::Unreadable);
}

#[test]
fn shipped_voices_and_a_single_tone_are_no_keys() {
    for language in Language::ALL {
        for clip in Clip::all_fixed().into_iter().skip(1).step_by(7) {
            let path = format!("prompts/{}/{}.wav", language.tag(), clip.file_stem());
            let bytes = std::fs::read(&path).unwrap();
            let cut = of_wav(&bytes, longest_ms(Some(&clip), language));
            assert!(cut.is_ok(), "{path}: {cut:?}");
        }
    }
    assert!(!has_key(&tones((1000.0, 1000.0), 500)));
    // A prompt that was cut once is not cut further.
    let once = of_telephone(
        &wav::read(&std::fs::read("prompts/en/alarm.wav").unwrap()[..], std::path::Path::new(""))
            .unwrap(),
        9000,
    )
    .unwrap();
    let twice = of_telephone(&once.samples, 9000).unwrap();
    assert!(once.length_ms.abs_diff(twice.length_ms) <= 20, "{once:?} {twice:?}");
}

proptest! {
    #[test]
    fn no_file_breaks_it(place in 0..60_usize, values in any::<(u8, u8)>(), len in 0..2000_usize) {
        let mut bytes = file(&voice(8000, 200, 0.3), 8000, 1, 16);
        for (place, value) in [(place, values.0), (usize::from(values.1) % 60, values.1)] {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = value;
            }
        }
        bytes.truncate(len);
        let _ = of_wav(&bytes, 3000);
    }
}
