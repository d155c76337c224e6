//! Whether somebody talks in a frame: its power against the noise of the line.
//!
//! Steady noise is learnt within seconds and then is no talk, up to a level that only a howling loop reaches.

use super::mixer::Frame;

/// Mean square below which nobody talks: about -44 dBm0, softer than speech over the worst line.
const POWER_MIN: u32 = 100 * 100;
/// Talk stands out of the noise by 9 dB.
const VOICE_OVER_NOISE: u32 = 8;
/// The quietest noise that is believed.
const NOISE_MIN: u32 = POWER_MIN / VOICE_OVER_NOISE;
/// The loudest noise that is believed, about -18 dBm0: whatever stands 9 dB above it always counts as talk, however
/// steady it is.
const NOISE_MAX: u32 = 2000 * 2000;

/// The noise of one line.
#[derive(Debug)]
pub(super) struct Voice {
    noise: u32,
}

impl Voice {
    pub(super) fn new() -> Self {
        Self { noise: NOISE_MIN }
    }

    /// Whether somebody talks in it.
    pub(super) fn is_in(&mut self, frame: &Frame) -> bool {
        let power = power(frame);
        let is_talk = POWER_MIN <= power && self.noise.saturating_mul(VOICE_OVER_NOISE) <= power;
        // Falls at once and doubles in nine tenths of a second: the gaps between syllables hold it down while
        // somebody talks.
        let risen = self.noise + self.noise / 64 + 1;
        self.noise = risen.min(power).clamp(NOISE_MIN, NOISE_MAX);
        is_talk
    }
}

/// Mean square of the samples.
fn power(frame: &Frame) -> u32 {
    let square = |sample: &i16| u64::from(sample.unsigned_abs()).pow(2);
    let sum: u64 = frame.iter().map(square).sum();
    u32::try_from(sum / frame.len() as u64).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::ports::splitmix;

    /// Noise of this amplitude.
    fn noise(seed: &mut u64, amplitude: i16) -> Frame {
        let span = u64::from(amplitude.unsigned_abs()) * 2 + 1;
        std::array::from_fn(|_| {
            let sample = i32::try_from(splitmix(seed) % span).unwrap() - i32::from(amplitude);
            i16::try_from(sample).unwrap()
        })
    }

    /// How many of 50 frames count as talk.
    fn talk(voice: &mut Voice, seed: &mut u64, amplitude: i16) -> usize {
        (0..50).filter(|_| voice.is_in(&noise(seed, amplitude))).count()
    }

    #[test]
    fn talk_stands_out_of_the_noise_of_its_line() {
        // Amplitude of the noise, and of a voice over it.
        for (hum, voice_at) in [(0, 400), (100, 700), (1000, 6000), (3000, 16_000)] {
            let (mut seed, mut voice) = (7, Voice::new());
            for _ in 0..15 {
                talk(&mut voice, &mut seed, hum);
            }
            assert_eq!(talk(&mut voice, &mut seed, hum), 0, "noise of {hum}");
            assert!(voice.is_in(&noise(&mut seed, voice_at)), "{voice_at} over {hum}");
        }
    }

    #[test]
    fn syllables_are_talk_for_as_long_as_they_come() {
        let (mut seed, mut voice) = (7, Voice::new());
        for second in 0..60 {
            // 300 ms of a word, 100 ms between two.
            let heard = (0..50).filter(|tick| {
                let amplitude = if tick % 20 < 15 { 3000 } else { 60 };
                voice.is_in(&noise(&mut seed, amplitude))
            });
            assert!(35 <= heard.count(), "second {second}");
        }
    }

    #[test]
    fn what_howls_never_becomes_noise() {
        let (mut seed, mut voice) = (7, Voice::new());
        for second in 0..60 {
            assert_eq!(talk(&mut voice, &mut seed, 30_000), 50, "second {second}");
        }
    }
}
