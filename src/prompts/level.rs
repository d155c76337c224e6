//! Levels and filters: what brings a voice to what a telephone carries. Plain arithmetic on samples.

use super::wav::RATE_HZ;

/// Frames of 10 ms that are louder than this, in dBFS, count as speech.
const ACTIVE_ABOVE_DB: f64 = -40.0;
/// Level of speech aimed at, in dBFS: the loud end of what networks are planned for, since somebody has to wake up.
const ACTIVE_DB: f64 = -20.0;
/// Highest peak, in dBFS.
const PEAK_MAX_DB: f64 = -3.0;
/// Silence at the ends is what is softer than this, in dBFS, in a voice whose peak is at [`PEAK_MAX_DB`].
const TRIM_DB: f64 = -47.0;
/// Upper end of the telephone band.
const LOW_PASS_HZ: f64 = 3600.0;
/// Lower end: below is hum, which costs level and is not heard.
const HIGH_PASS_HZ: f64 = 200.0;
/// Half the length of the resampling filter, in samples of the source, up to the rate of [`SINC_RATE_HZ`]; it grows
/// with the rate, so that the filter stays as steep.
const SINC_HALF: i32 = 32;
const SINC_RATE_HZ: u32 = 22_050;

/// Decibels relative to full scale.
pub(super) fn to_db(amplitude: f64) -> f64 {
    20.0 * amplitude.max(1e-6).log10()
}

fn from_db(db: f64) -> f64 {
    10_f64.powf(db / 20.0)
}

/// Root mean square of the frames of 10 ms that are speech, in dBFS (after ITU-T P.56).
pub(super) fn active_db(samples: &[f64]) -> f64 {
    let power = |frame: &[f64]| {
        let sum = frame.iter().map(|sample| sample * sample).sum::<f64>();
        sum / f64::from(u32::try_from(frame.len()).unwrap_or(1))
    };
    let threshold = from_db(ACTIVE_ABOVE_DB).powi(2);
    let frames = samples.chunks(80).map(power).filter(|power| threshold < *power);
    let (sum, count) = frames.fold((0.0, 0_u32), |(sum, count), power| (sum + power, count + 1));
    to_db((sum / f64::from(count.max(1))).sqrt())
}

/// Highest amplitude, in dBFS.
pub(super) fn peak_db(samples: &[f64]) -> f64 {
    to_db(samples.iter().fold(0.0, |peak: f64, sample| peak.max(sample.abs())))
}

/// Samples as fractions of full scale.
pub(super) fn of_pcm(samples: &[i16]) -> Vec<f64> {
    samples.iter().map(|&sample| f64::from(sample) / 32_768.0).collect()
}

/// Makes a prompt of a voice: 8 kHz, telephone band, no silence at the ends, level as all others.
pub(super) fn telephone(voice: &[i16], rate_hz: u32) -> Vec<i16> {
    level(&band(&of_pcm(voice), rate_hz))
}

/// What a telephone carries of a sound: 8 kHz, between [`HIGH_PASS_HZ`] and [`LOW_PASS_HZ`].
pub(super) fn band(samples: &[f64], rate_hz: u32) -> Vec<f64> {
    let mut samples = resample(samples, rate_hz);
    high_pass(&mut samples);
    samples
}

/// The part of a sound at 8 kHz between the silence at its ends, with its peak at [`PEAK_MAX_DB`].
pub(super) fn voiced(samples: &[f64]) -> Vec<f64> {
    let mut samples = samples.to_vec();
    amplify(&mut samples, |samples| PEAK_MAX_DB - peak_db(samples));
    trim(&samples).to_vec()
}

/// A prompt of a sound at 8 kHz: no silence at the ends, level as all others.
pub(super) fn level(samples: &[f64]) -> Vec<i16> {
    let mut samples = voiced(samples);
    amplify(&mut samples, |samples| {
        (ACTIVE_DB - active_db(samples)).min(PEAK_MAX_DB - peak_db(samples))
    });
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of the type")]
    let pcm = |sample: f64| (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
    samples.into_iter().map(pcm).collect()
}

fn amplify(samples: &mut [f64], gain_db: impl Fn(&[f64]) -> f64) {
    let gain = from_db(gain_db(samples));
    samples.iter_mut().for_each(|sample| *sample *= gain);
}

fn trim(samples: &[f64]) -> &[f64] {
    const MARGIN: usize = 80;
    let is_loud = |sample: &f64| from_db(TRIM_DB) < sample.abs();
    let first = samples.iter().position(is_loud).unwrap_or(0).saturating_sub(MARGIN);
    let last = samples.iter().rposition(is_loud).unwrap_or(0).saturating_add(MARGIN);
    samples.get(first..last.min(samples.len())).unwrap_or_default()
}

/// Half the length of the filter for a rate.
fn sinc_half(rate_hz: u32) -> i32 {
    SINC_HALF * i32::try_from(rate_hz.div_ceil(SINC_RATE_HZ)).unwrap_or(1).max(1)
}

/// The windowed sinc for each place that a sample can have between two of the source: a few hundred, since the rates
/// have a common measure. Sines are far too dear for each sample.
fn kernels(rate_hz: u32, places: u32) -> Vec<Vec<f64>> {
    let cutoff = 2.0 * LOW_PASS_HZ.min(f64::from(rate_hz) / 2.0) / f64::from(rate_hz);
    let taps = sinc_half(rate_hz);
    let half = f64::from(taps);
    let kernel = |distance: f64| {
        let angle = std::f64::consts::PI * distance;
        let sinc = if angle.abs() < 1e-9 { cutoff } else { (angle * cutoff).sin() / angle };
        sinc * (0.5 + 0.5 * (angle / half).cos())
    };
    let of_place = |place| {
        let fraction = f64::from(place) / f64::from(places);
        (-taps + 1..=taps).map(|offset| kernel(fraction - f64::from(offset))).collect()
    };
    (0..places).map(of_place).collect()
}

/// Samples at 8 kHz of samples at another rate.
fn resample(samples: &[f64], rate_hz: u32) -> Vec<f64> {
    let measure = common_measure(rate_hz, RATE_HZ);
    let (step, places) = (u64::from(rate_hz / measure).max(1), RATE_HZ / measure);
    let kernels = kernels(rate_hz, places);
    let silence = vec![0.0; kernels.first().map_or(0, Vec::len)];
    // The kernel begins before the first sample and ends behind the last one.
    let (before, after) = silence.split_at(silence.len() / 2 - 1);
    let padded = [before, samples, after].concat();
    let wide = u64::try_from(samples.len()).unwrap_or(u64::MAX).saturating_mul(places.into());
    let mut resampled = Vec::new();
    let mut at = 0;
    while at < wide {
        let (centre, place) = (at / u64::from(places), at % u64::from(places));
        let kernel = usize::try_from(place).ok().and_then(|place| kernels.get(place));
        let source = usize::try_from(centre).ok().and_then(|centre| padded.get(centre..));
        let pairs = source.unwrap_or_default().iter().zip(kernel.into_iter().flatten());
        resampled.push(pairs.map(|(sample, tap)| sample * tap).sum());
        at += step;
    }
    resampled
}

/// The greatest common divisor (Euclid).
fn common_measure(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_measure(b, a % b) }
}

/// A Butterworth high-pass of second order.
fn high_pass(samples: &mut [f64]) {
    let omega = (std::f64::consts::PI * HIGH_PASS_HZ / f64::from(RATE_HZ)).tan();
    let scale = 1.0 / (1.0 + std::f64::consts::SQRT_2 * omega + omega * omega);
    let feedback = [
        2.0 * scale * (omega * omega - 1.0),
        scale * (1.0 - std::f64::consts::SQRT_2 * omega + omega * omega),
    ];
    let (mut before, mut after) = ([0.0; 2], [0.0; 2]);
    for sample in samples {
        let filtered = scale * (*sample - 2.0 * before[0] + before[1])
            - feedback[0] * after[0]
            - feedback[1] * after[1];
        before = [*sample, before[0]];
        after = [filtered, after[0]];
        *sample = filtered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hertz: f64, amplitude: f64, rate_hz: u32, ms: u32) -> Vec<i16> {
        let count = rate_hz * ms / 1000;
        let angle = std::f64::consts::TAU * hertz / f64::from(rate_hz);
        let sample = |n: u32| (f64::from(n) * angle).sin() * amplitude * 32_767.0;
        #[expect(clippy::cast_possible_truncation, reason = "within the range of the type")]
        (0..count).map(|n| sample(n) as i16).collect()
    }

    #[test]
    fn levels_of_a_sine_are_those_of_the_book() {
        let samples = of_pcm(&sine(1000.0, 0.5, 8000, 500));
        assert!((peak_db(&samples) + 6.02).abs() < 0.01);
        assert!((active_db(&samples) + 9.03).abs() < 0.01);
        let mut with_pause = samples.clone();
        with_pause.extend([0.0; 8000]);
        assert!((active_db(&with_pause) + 9.03).abs() < 0.01, "a pause is no speech");
        assert!(active_db(&[]) <= -119.0 && peak_db(&[]) <= -119.0);
    }

    #[test]
    fn a_voice_at_another_rate_comes_out_as_a_prompt() {
        for (rate_hz, amplitude) in [(22_050, 0.9), (22_050, 0.01), (16_000, 0.3), (8000, 0.3)] {
            let mut voice = vec![0; usize::try_from(rate_hz / 2).unwrap()];
            voice.extend(sine(1000.0, amplitude, rate_hz, 400));
            voice.extend(vec![0; usize::try_from(rate_hz).unwrap()]);
            let prompt = telephone(&voice, rate_hz);
            assert!(prompt.len().abs_diff(3200) < 250, "{} samples", prompt.len());
            let samples = of_pcm(&prompt);
            assert!((active_db(&samples) - ACTIVE_DB).abs() < 1.0, "{}", active_db(&samples));
            let middle = samples.get(200..2800).unwrap();
            let ups = middle.windows(2).filter(|pair| pair[0] <= 0.0 && 0.0 < pair[1]).count();
            assert!(ups.abs_diff(325) <= 2, "1 kHz stays 1 kHz: {ups} periods");
        }
    }

    #[test]
    fn what_a_telephone_does_not_carry_is_gone() {
        let loss = |hertz| {
            let mut samples = resample(&of_pcm(&sine(hertz, 0.5, 22_050, 500)), 22_050);
            high_pass(&mut samples);
            let middle = samples.get(1000..3000).unwrap();
            -9.03 - to_db((middle.iter().map(|s| s * s).sum::<f64>() / 2000.0).sqrt())
        };
        for (hertz, least, most) in [
            (50.0, 20.0, 99.0),
            (300.0, -0.1, 1.5),
            (1000.0, -0.1, 0.2),
            (3000.0, -0.1, 0.5),
            (5000.0, 40.0, 999.0),
        ] {
            assert!((least..=most).contains(&loss(hertz)), "{hertz} Hz loses {} dB", loss(hertz));
        }
    }

    /// Each sample is the sum that the definition gives, and no more sines are computed for a long voice than for a
    /// short one.
    #[test]
    fn resampling_is_what_the_definition_says() {
        let source = of_pcm(&sine(700.0, 0.5, 22_050, 100));
        let resampled = resample(&source, 22_050);
        let cutoff = 2.0 * LOW_PASS_HZ / 22_050.0;
        for (index, found) in resampled.iter().enumerate() {
            let at = index as f64 * 22_050.0 / 8000.0;
            let terms = source.iter().enumerate().map(|(place, sample)| {
                let distance = at - place as f64;
                let angle = std::f64::consts::PI * distance;
                let sinc = if angle == 0.0 { cutoff } else { (angle * cutoff).sin() / angle };
                let is_near = distance.abs() < f64::from(SINC_HALF);
                let window = 0.5 + 0.5 * (angle / f64::from(SINC_HALF)).cos();
                if is_near { sample * sinc * window } else { 0.0 }
            });
            assert!((terms.sum::<f64>() - found).abs() < 1e-9, "sample {index}");
        }
        assert_eq!(resampled.len(), 800);
        assert_eq!(kernels(22_050, 160).len(), 160);
    }

    #[test]
    fn silence_and_nothing_stay_what_they_are() {
        assert!(telephone(&[], 22_050).is_empty());
        assert!(telephone(&[0; 22_050], 22_050).iter().all(|sample| *sample == 0));
    }
}
