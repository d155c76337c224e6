//! What comes in is made a prompt, or refused with what to do: what a mobile phone recorded, or what a telephone heard.
//!
//! Resampled, cut to the telephone band, trimmed, brought to the level of all others; what is no speech, or would be
//! taken for a key, is refused. Plain arithmetic: call it aside, it takes up to some hundred milliseconds.

use super::decode::{self, Foreign, IsLate};
use super::level;
use super::wav::RATE_HZ;
use lianfang_domain::directory::Language;
use lianfang_domain::words::Clip;

/// Longest sound that is looked at, silence at its ends included, in seconds.
pub const RAW_SECONDS_MAX: u32 = 30;
/// Speech below this, in dBFS, would have to be raised so far that its noise is heard.
const QUIET_DB: f64 = -45.0;
/// Speech above this, in dBFS, was overdriven on its way.
const LOUD_DB: f64 = -7.0;
/// A sound whose highest peak is below this, in dBFS, is silence.
const SILENCE_DB: f64 = -60.0;
/// Samples from here on, of three in a row, are cut off at the top.
const CLIPPED_AT: f64 = 0.999;
/// Share of such samples above which a recording is distorted.
const CLIPPED_MAX: f64 = 0.002;
/// Shortest prompt, in ms: a digit.
const LENGTH_MS_MIN: u32 = 120;
/// Longest prompt of a name or place, in ms, whose words are not known here.
const NAME_MS_MAX: u32 = 12_000;
/// A frame in which two tones may be a key, and how far apart frames begin, in samples: 20 ms and 10 ms.
const KEY_FRAME: usize = 160;
const KEY_HOP: usize = 80;
/// Frames in a row that make a key: 40 ms, the shortest that a detector takes (ITU-T Q.24).
const KEY_FRAMES: usize = 3;
/// The tones of keys, in Hz (ITU-T Q.23).
const LOW_HZ: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH_HZ: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

/// A prompt with what was measured of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Cut {
    /// 16 bit, 8 kHz.
    pub samples: Vec<i16>,
    /// How long it plays, in ms.
    pub length_ms: u32,
    /// Level while somebody speaks, in hundredths of dBFS.
    pub level_cdb: i32,
}

impl std::fmt::Debug for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cut({} ms, {} cdB)", self.length_ms, self.level_cdb)
    }
}

/// Why a sound makes no prompt.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// It is no file that we can read, or a damaged one.
    #[error("it has to be a whole file of WAV, MP3, M4A, AAC, OGG (Vorbis) or FLAC")]
    Unreadable,
    /// It is of a kind that is not read.
    #[error("it is {0:?}, which is not read")]
    Foreign(Foreign),
    /// It has too many channels or an unusual rate or width.
    #[error("it has to be mono or stereo, 8 to 32 bit, 8000 to 192000 Hz")]
    Format,
    /// It is longer than anything that we look at.
    #[error("it has to be at most {RAW_SECONDS_MAX} s long")]
    Endless,
    /// Nothing is heard in it.
    #[error("nothing is heard in it")]
    Silent,
    /// The voice is too soft.
    #[error("it is too quiet: {level_db} dBFS")]
    Quiet {
        /// Level while somebody speaks.
        level_db: i16,
    },
    /// The voice is too loud.
    #[error("it is too loud: {level_db} dBFS")]
    Loud {
        /// Level while somebody speaks.
        level_db: i16,
    },
    /// Its peaks are cut off.
    #[error("it is distorted: its peaks are cut off")]
    Clipped,
    /// Hardly anything is left of it without the silence at its ends.
    #[error("it is too short: {length_ms} ms")]
    Short {
        /// What is left.
        length_ms: u32,
    },
    /// It is longer than its words can be.
    #[error("it is too long: {length_ms} ms, at most {max_ms} ms")]
    Long {
        /// How long it is.
        length_ms: u32,
        /// How long it may be.
        max_ms: u32,
    },
    /// A tone pair in it would be taken for a key.
    #[error("it holds the tones of a key")]
    KeyTone,
}

/// Longest recording of a clip, in ms: three times what a voice takes, for slow speakers and longer words of a dialect.
#[must_use]
pub(super) fn longest_ms(clip: Option<&Clip>, language: Language) -> u32 {
    clip.map_or(NAME_MS_MAX, |clip| {
        clip.estimate_ms(language).saturating_mul(3).saturating_add(1000).min(NAME_MS_MAX)
    })
}

/// Makes a prompt of a file, if it is read before time is up.
///
/// # Errors
/// [`Refusal`]: why it cannot be one.
pub(super) fn of_file(bytes: &[u8], longest_ms: u32, is_late: IsLate<'_>) -> Result<Cut, Refusal> {
    let (samples, rate_hz) = decode::read(bytes, is_late)?;
    cut(&samples, rate_hz, longest_ms)
}

/// Makes a prompt of what a telephone heard: 16 bit, 8 kHz.
///
/// # Errors
/// [`Refusal`]: why it cannot be one.
pub(super) fn of_telephone(samples: &[i16], longest_ms: u32) -> Result<Cut, Refusal> {
    cut(&level::of_pcm(samples), RATE_HZ, longest_ms)
}

fn cut(samples: &[f64], rate_hz: u32, longest_ms: u32) -> Result<Cut, Refusal> {
    if is_clipped(samples) {
        return Err(Refusal::Clipped);
    }
    let heard = level::band(samples, rate_hz);
    let peak_db = level::peak_db(&heard);
    if peak_db < SILENCE_DB {
        return Err(Refusal::Silent);
    }
    let voiced = level::voiced(&heard);
    let level_db = level::active_db(&voiced) - level::peak_db(&voiced) + peak_db;
    #[expect(clippy::cast_possible_truncation, reason = "levels are within a few hundred dB")]
    let shown = level_db.round() as i16;
    if level_db < QUIET_DB {
        return Err(Refusal::Quiet { level_db: shown });
    }
    if LOUD_DB < level_db {
        return Err(Refusal::Loud { level_db: shown });
    }
    let length_ms = u32::try_from(voiced.len() / 8).unwrap_or(u32::MAX);
    if length_ms < LENGTH_MS_MIN {
        return Err(Refusal::Short { length_ms });
    }
    if longest_ms < length_ms {
        return Err(Refusal::Long { length_ms, max_ms: longest_ms });
    }
    if has_key(&voiced) {
        return Err(Refusal::KeyTone);
    }
    let samples = level::level(&heard);
    #[expect(clippy::cast_possible_truncation, reason = "levels are within a few hundred dB")]
    let level_cdb = (level::active_db(&level::of_pcm(&samples)) * 100.0).round() as i32;
    Ok(Cut { samples, length_ms, level_cdb })
}

/// Whether more than single peaks are cut off at the top.
fn is_clipped(samples: &[f64]) -> bool {
    let is_cut = |three: &&[f64]| three.iter().all(|sample| CLIPPED_AT <= sample.abs());
    let cut = samples.windows(3).filter(is_cut).count();
    let share = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    share(samples.len()) * CLIPPED_MAX < share(cut)
}

/// Whether the tones of a key are in it, long enough and with little beside them.
fn has_key(samples: &[f64]) -> bool {
    let mut run = (None, 0);
    for frame in samples.windows(KEY_FRAME).step_by(KEY_HOP) {
        let key = key_of(frame);
        run = if key.is_some() && key == run.0 { (key, run.1 + 1) } else { (key, 1) };
        if run.0.is_some() && KEY_FRAMES <= run.1 {
            return true;
        }
    }
    false
}

/// The pair of tones that fills a frame.
fn key_of(frame: &[f64]) -> Option<(usize, usize)> {
    let energy = frame.iter().map(|sample| sample * sample).sum::<f64>();
    let count = f64::from(u32::try_from(frame.len()).unwrap_or(1));
    if energy / count < 1e-4 {
        return None;
    }
    let strongest = |tones: [f64; 4]| {
        let shares = tones.map(|hertz| 2.0 * power_at(frame, hertz) / (energy * count));
        shares.into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let (low, high) = (strongest(LOW_HZ)?, strongest(HIGH_HZ)?);
    let is_pair = 0.1 < low.1.min(high.1) && 0.8 < low.1 + high.1;
    is_pair.then_some((low.0, high.0))
}

/// Power of one tone in a frame (Goertzel).
fn power_at(frame: &[f64], hertz: f64) -> f64 {
    let angle = std::f64::consts::TAU * hertz / f64::from(RATE_HZ);
    let feedback = 2.0 * angle.cos();
    let (before, last) = frame
        .iter()
        .fold((0.0, 0.0), |(before, last), sample| (last, sample + feedback * last - before));
    last * last + before * before - feedback * last * before
}

#[cfg(test)]
mod tests;
