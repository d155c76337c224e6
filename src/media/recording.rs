//! Records what a session hears, into memory: a beep, then speech, until a key, a limit or whoever asked ends it.
//!
//! Must not touch files: the samples are handed over with [`Report::Recorded`](super::Report::Recorded). Samples have
//! their place by RTP timestamp: what is lost or not sent is silence, keys are cut out.

use super::MediaError;
use super::playlist::{Codec, Piece, Player, Playlist, Recording, samples_in};
use super::session::Audio;
use lianfang_domain::digits::Key;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Recordings at a time, those included that were handed over and not dropped yet: 32 of 120 s are 61 MB.
pub const RECORDINGS_MAX: usize = 32;
/// The longest recording.
pub const RECORDING_MAX: Duration = Duration::from_secs(120);
/// The beep: a tone of 1,000 Hz, which no key and no line has.
const BEEP_HZ: f64 = 1000.0;
const BEEP_MS: u32 = 350;
/// Fading in and out, so that the beep does not click.
const BEEP_FADE_MS: u32 = 10;
/// A third of full scale, about as loud as speech.
const BEEP_AMPLITUDE: f64 = 10_000.0;
/// After the beep, before it is recorded: the line's echo of the beep has passed, and nobody speaks so soon.
const GUARD_MS: u16 = 150;
/// A longer pause in the timestamps is not believed: the sender has begun anew, and the pause is left out. 10 s.
const GAP_MAX: i64 = 80_000;
/// A packet that is late by more has come from a sender that has begun anew. One second.
const LATE_MAX: i64 = 8000;

/// When a recording ends, at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordLimits {
    /// How long it may be, without the beep; cut to [`RECORDING_MAX`].
    pub duration: Duration,
    /// The RTP key that ends it; it is reported as a key too, before the recording. Keys that come by INFO are not
    /// known here: whoever hears them calls [`Media::finish_recording`](super::Media::finish_recording).
    pub end_key: Option<Key>,
}

impl Default for RecordLimits {
    /// One minute, ended by `#`.
    fn default() -> Self {
        Self { duration: Duration::from_secs(60), end_key: Key::of_char('#') }
    }
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeEnd {
    /// By the key of its limits.
    Key,
    /// It was as long as it may be.
    Limit,
    /// Somebody asked, by finishing it or by beginning another one.
    Asked,
    /// The session was closed: the caller hung up.
    Closed,
}

/// What was recorded. One of [`RECORDINGS_MAX`] until it is dropped.
pub struct Take {
    samples: Vec<i16>,
    end: TakeEnd,
    _permit: OwnedSemaphorePermit,
}

impl Take {
    /// The samples: 16 bit, 8 kHz, mono. Empty when nobody spoke, or hung up during the beep.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Why it ended.
    #[must_use]
    pub fn end(&self) -> TakeEnd {
        self.end
    }

    /// How long it plays.
    #[must_use]
    pub fn duration(&self) -> Duration {
        super::playlist::duration_of(self.samples.len())
    }
}

impl PartialEq for Take {
    fn eq(&self, other: &Self) -> bool {
        (self.end, &self.samples) == (other.end, &other.samples)
    }
}

impl Eq for Take {}

impl fmt::Debug for Take {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Take({:?}, {:?})", self.duration(), self.end)
    }
}

/// Where recordings begin: the beep, made once, and how many there may be.
#[derive(Debug)]
pub(super) struct Studio {
    beep: Playlist,
    permits: Arc<Semaphore>,
}

impl Studio {
    pub(super) fn new() -> Self {
        let beep = Recording::encode(&beep());
        let pieces = [Piece::Recording(beep), Piece::Silence(GUARD_MS)];
        let permits = Arc::new(Semaphore::new(RECORDINGS_MAX));
        Self { beep: Playlist::once(0, pieces), permits }
    }

    /// A recording that begins with the beep. All its memory is taken here, by whoever asks.
    pub(super) fn begin(&self, limits: RecordLimits) -> Result<Recorder, MediaError> {
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let permit = permit.map_err(|_| MediaError::RecordingsExhausted)?;
        let duration = limits.duration.min(RECORDING_MAX);
        let limit_ms = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        let beep_ms = u32::try_from(self.beep.duration().as_millis()).unwrap_or(0);
        Ok(Recorder {
            beep: Some(Player::new(self.beep.clone())),
            end_key: limits.end_key,
            left_ms: limit_ms.saturating_add(beep_ms),
            len_max: samples_in(limit_ms),
            samples: Vec::with_capacity(samples_in(limit_ms)),
            origin: None,
            event: None,
            permit,
        })
    }

    /// Recordings under way and not dropped.
    pub(super) fn len(&self) -> usize {
        RECORDINGS_MAX.saturating_sub(self.permits.available_permits())
    }
}

/// A tone that fades in and out.
fn beep() -> Vec<i16> {
    let (len, fade) = (samples_in(BEEP_MS), samples_in(BEEP_FADE_MS));
    let sample = |index: usize| {
        let phase = std::f64::consts::TAU * BEEP_HZ * index as f64 / 8000.0;
        let from_edge = index.min(len - index).min(fade) as f64 / fade as f64;
        // The cast saturates; it cuts what no ear hears.
        (phase.sin() * from_edge * BEEP_AMPLITUDE) as i16
    };
    (0..len).map(sample).collect()
}

/// A press of a key, as the packets tell it: at the clock of the audio.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) ssrc: u32,
    pub(super) timestamp: u32,
    /// In samples, so far.
    pub(super) duration: u16,
}

/// A recording under way.
#[derive(Debug)]
pub(super) struct Recorder {
    /// What is still to be played before it begins.
    beep: Option<Player>,
    end_key: Option<Key>,
    /// Time that is left, counted in frames, heard or not: a peer that sends nothing must not keep it open.
    left_ms: u32,
    len_max: usize,
    /// Never more than `len_max`, for which there was room from the start.
    samples: Vec<i16>,
    /// Sender and timestamp of the first sample.
    origin: Option<(u32, u32)>,
    /// The last press of a key.
    event: Option<Event>,
    permit: OwnedSemaphorePermit,
}

impl Recorder {
    /// Whether this key ends it.
    pub(super) fn is_ended_by(&self, key: Key) -> bool {
        self.end_key == Some(key)
    }

    /// Writes the next samples of the beep. False once it has been played.
    pub(super) fn beep(&mut self, codec: Codec, frame: &mut [u8]) -> bool {
        let Some(beep) = &mut self.beep else { return false };
        if beep.fill(codec, frame) < frame.len() {
            self.beep = None;
        }
        true
    }

    /// A frame's time has passed. True when the recording is over.
    pub(super) fn on_frame(&mut self, ptime_ms: u8) -> bool {
        self.left_ms = self.left_ms.saturating_sub(u32::from(ptime_ms));
        self.left_ms == 0 || self.len_max <= self.samples.len()
    }

    /// Takes what the peer says.
    pub(super) fn hear(&mut self, audio: &Audio<'_>) {
        if self.beep.is_some() {
            return;
        }
        let offset = self.offset(audio.ssrc, audio.timestamp).unwrap_or_else(|| self.join(audio));
        let before = usize::try_from(offset.saturating_neg()).unwrap_or(0);
        let begin = usize::try_from(offset).unwrap_or(0).min(self.len_max);
        let room = self.len_max - begin;
        let payload = audio.payload.get(before..).unwrap_or_default();
        let mut samples = payload.iter().take(room).map(|octet| audio.codec.decode(*octet));
        if self.samples.len() < begin {
            self.samples.resize(begin, 0);
        }
        let known = self.samples.iter_mut().skip(begin);
        known.zip(samples.by_ref()).for_each(|(to, from)| *to = from);
        self.samples.extend(samples);
        self.cut_event();
    }

    /// Takes a press: what sounds while the key is down is cut out.
    pub(super) fn hear_event(&mut self, event: Event) {
        self.event = Some(event);
        self.cut_event();
    }

    /// Ends it.
    pub(super) fn finish(self, end: TakeEnd) -> Take {
        Take { samples: self.samples, end, _permit: self.permit }
    }

    /// Where a timestamp is in the recording; negative before its begin. `None` when it means nothing.
    fn offset(&self, ssrc: u32, timestamp: u32) -> Option<i64> {
        let (_, first) = self.origin.filter(|(known, _)| *known == ssrc)?;
        let offset = i64::from(timestamp.wrapping_sub(first).cast_signed());
        let step = offset - i64::try_from(self.samples.len()).unwrap_or(i64::MAX);
        (-LATE_MAX..=GAP_MAX).contains(&step).then_some(offset)
    }

    /// Goes on with a sender of whom nothing is known: without a gap.
    fn join(&mut self, audio: &Audio<'_>) -> i64 {
        let len = u32::try_from(self.samples.len()).unwrap_or(0);
        self.origin = Some((audio.ssrc, audio.timestamp.wrapping_sub(len)));
        self.event = self.event.filter(|_| len == 0);
        i64::from(len)
    }

    /// Silences what was recorded during the last event.
    fn cut_event(&mut self) {
        let (Some((ssrc, first)), Some(event)) = (self.origin, self.event) else { return };
        let begin = i64::from(event.timestamp.wrapping_sub(first).cast_signed());
        if event.ssrc != ssrc || begin < -LATE_MAX {
            return;
        }
        let end = usize::try_from(begin + i64::from(event.duration)).unwrap_or(0);
        let begin = usize::try_from(begin).unwrap_or(0);
        let cut = self.samples.iter_mut().skip(begin).take(end.saturating_sub(begin));
        cut.for_each(|sample| *sample = 0);
    }
}

#[cfg(test)]
mod tests;
