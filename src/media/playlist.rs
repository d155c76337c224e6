//! What is played: recordings encoded beforehand, put one after the other, repeated with a pause.
//!
//! A recording is shared by every call that plays it; a call keeps a position and nothing else. Must not encode or
//! read files: `prompts` does, before any alarm.

use audio_codec_algorithms::{
    convert_alaw_to_ulaw, decode_alaw, decode_ulaw, encode_alaw, encode_ulaw,
};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

/// Samples in a millisecond of G.711 (RFC 3551 4.5.14: 8,000 in a second, one octet each).
pub const SAMPLES_PER_MS: u32 = 8;

/// How a sample is coded. G.711 only: every phone has it, and it costs nothing to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// A-law, `PCMA`; the static payload type is 8.
    Pcma,
    /// µ-law, `PCMU`; the static payload type is 0.
    Pcmu,
}

impl Codec {
    /// The octet of digital silence.
    #[must_use]
    pub fn silence(self) -> u8 {
        match self {
            Self::Pcma => 0xD5,
            Self::Pcmu => 0xFF,
        }
    }

    /// The 16-bit sample that an octet stands for.
    #[must_use]
    pub fn decode(self, octet: u8) -> i16 {
        match self {
            Self::Pcma => decode_alaw(octet),
            Self::Pcmu => decode_ulaw(octet),
        }
    }

    /// The octet that is nearest to a 16-bit sample.
    #[must_use]
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Pcma => encode_alaw(sample),
            Self::Pcmu => encode_ulaw(sample),
        }
    }
}

/// A piece of speech or tone at 8 kHz, encoded. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Recording {
    alaw: Arc<[u8]>,
    /// `None`: made from A-law when it is sent.
    ulaw: Option<Arc<[u8]>>,
}

impl Recording {
    /// Encodes 16-bit samples at 8 kHz in both codecs.
    #[must_use]
    pub fn encode(samples: &[i16]) -> Self {
        let ulaw = samples.iter().map(|&sample| encode_ulaw(sample)).collect();
        Self { ulaw: Some(ulaw), ..Self::encode_small(samples) }
    }

    /// Encodes in A-law alone: half the memory, for the many names of which each is heard by a few. µ-law is then made
    /// while it is sent, at the price of rounding twice.
    #[must_use]
    pub fn encode_small(samples: &[i16]) -> Self {
        Self { alaw: samples.iter().map(|&sample| encode_alaw(sample)).collect(), ulaw: None }
    }

    /// Octets that it takes in memory.
    #[must_use]
    pub fn size(&self) -> usize {
        self.alaw.len() + self.ulaw.as_ref().map_or(0, |ulaw| ulaw.len())
    }

    /// How long it plays.
    #[must_use]
    pub fn duration(&self) -> Duration {
        duration_of(self.alaw.len())
    }

    /// Copies octets from `offset` on, as far as there are and as far as they fit. Returns how many.
    fn copy(&self, codec: Codec, offset: usize, target: &mut [u8]) -> usize {
        let (source, is_converted) = match (codec, &self.ulaw) {
            (Codec::Pcma, _) => (&self.alaw, false),
            (Codec::Pcmu, Some(ulaw)) => (ulaw, false),
            (Codec::Pcmu, None) => (&self.alaw, true),
        };
        let source = source.get(offset..).unwrap_or_default();
        let count = source.len().min(target.len());
        let pairs = target.iter_mut().zip(source);
        if is_converted {
            pairs.for_each(|(to, from)| *to = convert_alaw_to_ulaw(*from));
        } else {
            pairs.for_each(|(to, from)| *to = *from);
        }
        count
    }

    /// All octets in one codec.
    #[cfg(test)]
    pub(super) fn octets(&self, codec: Codec) -> Vec<u8> {
        let mut octets = vec![0; self.alaw.len()];
        self.copy(codec, 0, &mut octets);
        octets
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recording({:?})", self.duration())
    }
}

/// One piece of a playlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A recording.
    Recording(Recording),
    /// A pause of so many milliseconds.
    Silence(u16),
}

impl Piece {
    /// Samples in it.
    fn len(&self) -> usize {
        match self {
            Self::Recording(recording) => recording.alaw.len(),
            Self::Silence(ms) => samples_in(u32::from(*ms)),
        }
    }
}

/// How often a playlist is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounds {
    /// So many times.
    Times(NonZeroU16),
    /// Until it is replaced or stopped.
    Endless,
}

impl Rounds {
    /// Once.
    pub const ONCE: Self = Self::Times(NonZeroU16::MIN);
}

/// What a call plays. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playlist {
    /// Chosen by whoever plays it; comes back in [`crate::media::Report::PlaylistEnded`].
    pub id: u32,
    /// The pieces, in order.
    pub pieces: Arc<[Piece]>,
    /// How often they are played.
    pub rounds: Rounds,
    /// Silence between two rounds, in milliseconds.
    pub pause_ms: u16,
}

impl Playlist {
    /// A playlist that is played once.
    #[must_use]
    pub fn once(id: u32, pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self { id, pieces: pieces.into_iter().collect(), rounds: Rounds::ONCE, pause_ms: 0 }
    }

    /// The same, played so often with a pause of so many milliseconds between.
    #[must_use]
    pub fn repeated(self, rounds: Rounds, pause_ms: u16) -> Self {
        Self { rounds, pause_ms, ..self }
    }

    /// Every octet of one round, as it is sent.
    #[must_use]
    pub fn octets(&self, codec: Codec) -> Vec<u8> {
        let mut octets = vec![0; self.pieces.iter().map(Piece::len).sum()];
        let once = Self { rounds: Rounds::ONCE, pause_ms: 0, ..self.clone() };
        let written = Player::new(once).fill(codec, &mut octets);
        octets.truncate(written);
        octets
    }

    /// How long one round plays, without the pause.
    #[must_use]
    pub fn duration(&self) -> Duration {
        duration_of(self.pieces.iter().map(Piece::len).sum())
    }
}

/// A playlist under way: the position of one call in it.
#[derive(Debug)]
pub(super) struct Player {
    playlist: Playlist,
    /// Index of the piece; one past the last is the pause between rounds.
    piece: usize,
    /// Samples of the piece that were played.
    offset: usize,
    /// Rounds still to play after this one; `None` is endless.
    left: Option<u16>,
}

impl Player {
    pub(super) fn new(mut playlist: Playlist) -> Self {
        let has_samples = playlist.pieces.iter().any(|piece| 0 < piece.len());
        if !has_samples {
            playlist.pause_ms = 0;
        }
        let left = match playlist.rounds {
            // An endless list of nothing would never yield a sample: it ends like any other list of nothing.
            Rounds::Endless => (!has_samples).then_some(0),
            Rounds::Times(times) => Some(if has_samples { times.get() - 1 } else { 0 }),
        };
        Self { playlist, piece: 0, offset: 0, left }
    }

    /// The `id` of the playlist.
    pub(super) fn id(&self) -> u32 {
        self.playlist.id
    }

    /// Writes the next samples into `frame`, goes on to the next piece inside it. Returns how many were written: fewer
    /// than asked for when the playlist has ended.
    pub(super) fn fill(&mut self, codec: Codec, frame: &mut [u8]) -> usize {
        let mut written = 0;
        while let Some(rest) = frame.get_mut(written..).filter(|rest| !rest.is_empty()) {
            let copied = self.copy(codec, rest);
            written += copied;
            self.offset += copied;
            if copied < rest.len() && !self.advance() {
                break;
            }
        }
        written
    }

    /// Copies what is left of the piece under way, as far as it fits.
    fn copy(&self, codec: Codec, target: &mut [u8]) -> usize {
        match self.playlist.pieces.get(self.piece) {
            Some(Piece::Recording(recording)) => recording.copy(codec, self.offset, target),
            Some(Piece::Silence(ms)) => self.silence(*ms, codec, target),
            None => self.silence(self.playlist.pause_ms, codec, target),
        }
    }

    fn silence(&self, ms: u16, codec: Codec, target: &mut [u8]) -> usize {
        let left = samples_in(u32::from(ms)).saturating_sub(self.offset);
        target.iter_mut().take(left).map(|to| *to = codec.silence()).count()
    }

    /// Goes to the next piece, the pause or the next round. False when all is played.
    fn advance(&mut self) -> bool {
        self.offset = 0;
        if self.piece < self.playlist.pieces.len() {
            self.piece += 1;
            let in_pause = self.piece == self.playlist.pieces.len();
            return !in_pause || self.left != Some(0);
        }
        match &mut self.left {
            Some(0) => return false,
            Some(left) => *left -= 1,
            None => {}
        }
        self.piece = 0;
        true
    }
}

/// Samples in so many milliseconds.
pub(super) fn samples_in(ms: u32) -> usize {
    usize::try_from(ms.saturating_mul(SAMPLES_PER_MS)).unwrap_or(usize::MAX)
}

/// How long so many samples play.
pub(super) fn duration_of(samples: usize) -> Duration {
    Duration::from_micros(u64::try_from(samples).unwrap_or(u64::MAX).saturating_mul(125))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(samples: usize, level: i16) -> Recording {
        Recording::encode(&vec![level; samples])
    }

    /// Plays all of it in frames of `frame` samples and returns every octet.
    fn play(playlist: Playlist, codec: Codec, frame: usize) -> Vec<u8> {
        let mut player = Player::new(playlist);
        let mut out = Vec::new();
        loop {
            let mut buffer = vec![0; frame];
            let written = player.fill(codec, &mut buffer);
            out.extend_from_slice(&buffer[..written]);
            if written < frame || 100_000 < out.len() {
                return out;
            }
        }
    }

    #[test]
    fn pieces_join_without_a_gap_at_any_frame_size() {
        let (loud, soft) = (recording(100, 8000), recording(37, 500));
        let pieces =
            [Piece::Recording(loud.clone()), Piece::Silence(3), Piece::Recording(soft.clone())];
        for codec in [Codec::Pcma, Codec::Pcmu] {
            let mut round = loud.octets(codec).to_vec();
            round.extend(vec![codec.silence(); 24]);
            round.extend(soft.octets(codec));
            let mut wanted = round.clone();
            wanted.extend(vec![codec.silence(); 16]);
            wanted.extend(&round);
            let twice = Rounds::Times(NonZeroU16::new(2).unwrap());
            for frame in [1, 7, 80, 160, 480, 1000] {
                let list = Playlist::once(1, pieces.clone()).repeated(twice, 2);
                assert_eq!(play(list, codec, frame), wanted, "{codec:?}, frames of {frame}");
            }
        }
    }

    #[test]
    fn an_endless_list_goes_on_and_a_list_of_nothing_ends() {
        let endless = |pieces: Vec<Piece>| Playlist::once(1, pieces).repeated(Rounds::Endless, 5);
        assert!(100_000 < play(endless(vec![Piece::Silence(1)]), Codec::Pcma, 160).len());
        let empty = Piece::Recording(recording(0, 0));
        for pieces in [vec![], vec![empty.clone()], vec![empty, Piece::Silence(0)]] {
            assert_eq!(play(endless(pieces), Codec::Pcma, 160), b"");
        }
    }

    #[test]
    fn a_small_recording_sounds_the_same_in_either_codec() {
        let samples: Vec<i16> = (-300..300).map(|step| step * 100).collect();
        let small = Recording::encode_small(&samples);
        assert_eq!((small.size(), Recording::encode(&samples).size()), (600, 1200));
        let decoded = [
            small.octets(Codec::Pcma).into_iter().map(decode_alaw).collect::<Vec<_>>(),
            small.octets(Codec::Pcmu).into_iter().map(decode_ulaw).collect(),
        ];
        for heard in decoded {
            for (heard, said) in heard.iter().zip(&samples) {
                // Two roundings of logarithmic codecs: a sixteenth of the sample at most.
                assert!(heard.abs_diff(*said) <= 16 + said.unsigned_abs() / 16, "{said} {heard}");
            }
        }
    }

    #[test]
    fn silence_is_the_codec_of_zero() {
        let zero = recording(1, 0);
        for codec in [Codec::Pcma, Codec::Pcmu] {
            assert_eq!(zero.octets(codec), [codec.silence()], "{codec:?}");
        }
    }

    #[test]
    fn durations_count_samples() {
        let list = Playlist::once(1, [Piece::Silence(300), Piece::Recording(recording(4000, 1))]);
        assert_eq!(list.duration(), Duration::from_millis(800));
    }
}
