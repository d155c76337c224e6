//! Tones for tests: made, and found again in what was heard.

use std::f64::consts::TAU;

/// A sine.
pub(super) fn tone(hz: f64, amplitude: f64, samples: u32) -> Vec<i16> {
    let sample = |index| (f64::from(index) * hz * TAU / 8000.0).sin() * amplitude;
    (0..samples).map(|index| sample(index) as i16).collect()
}

/// The amplitude of a tone in what was heard (Goertzel).
pub(super) fn amplitude(samples: &[i16], hz: f64) -> f64 {
    let coefficient = 2.0 * (hz * TAU / 8000.0).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        (last, before) = (f64::from(*sample) + coefficient * last - before, last);
    }
    let power = last * last + before * before - coefficient * last * before;
    power.max(0.0).sqrt() * 2.0 / samples.len() as f64
}
