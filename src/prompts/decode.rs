//! What people send as a sound is decoded: a WAV file, or what a mobile phone records (MP3, M4A, AAC, OGG, FLAC).
//!
//! What comes in is not trusted. Samples are counted while they come, so that a small file which unpacks into hours is
//! refused after the first seconds; looking for what it is, reading and decoding end at a deadline; a decoder that panics
//! has read a damaged file. The decoders are safe code (`forbid(unsafe_code)`) and take their memory as octets come.

use super::intake::{RAW_SECONDS_MAX, Refusal};
use jiff::SignedDuration;
use memchr::memmem;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_OPUS, CODEC_ID_VORBIS};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::{Hint, Probe, ProbeOptions};
use symphonia::core::formats::well_known::{FORMAT_ID_FLAC, FORMAT_ID_WAVE};
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;
use symphonia::default::formats::{
    AdtsReader, FlacReader, IsoMp4Reader, MpaReader, OggReader, WavReader,
};

/// Rates of sampling that are read, in Hz.
const RATES_HZ: std::ops::RangeInclusive<u32> = 8000..=192_000;
/// Octets that are looked through for how a file begins, a tag in front of it not counted.
const PROBE_MAX: u32 = 64 << 10;
/// Packets that are read; 30 s of the shortest usual ones are half of that. Those of a film count, and those that are
/// cut off because the file says that it is shorter.
const PACKETS_MAX: u32 = 20_000;
/// How long a file may take to read: a hundred times what a usual one takes.
pub(super) const READING_MAX: SignedDuration = SignedDuration::from_secs(5);
/// Tracks of a file; a film has three.
const TRACKS_MAX: usize = 8;
/// Entries of the tables that a Vorbis file brings for its decoder, 4 octets each. The best quality has an eighth of it.
const VORBIS_TABLES_MAX: u64 = 4 << 20;

/// Whether time is up.
pub(super) type IsLate<'a> = &'a (dyn Fn() -> bool + Sync);

/// A kind of file that is known and not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// AMR, of the recorders of older telephones and of 3GP.
    Amr,
    /// Opus, of messengers and browsers.
    Opus,
    /// A voice message of WeChat.
    Silk,
    /// AAC of another profile than LC.
    OtherAac,
    /// It is protected against copying.
    Protected,
    /// A film or picture without sound.
    NoSound,
}

/// The samples of a file as fractions of full scale, its channels mixed, and their rate.
///
/// # Errors
/// [`Refusal`]: why it cannot be read.
pub(super) fn read(bytes: &[u8], is_late: IsLate<'_>) -> Result<(Vec<f64>, u32), Refusal> {
    if bytes.starts_with(b"RIFF") {
        match hound::WavReader::new(bytes) {
            // G.711 of a PBX, for one.
            Err(hound::Error::Unsupported) => {}
            Err(_) => return Err(Refusal::Unreadable),
            Ok(reader) => return read_wav(reader),
        }
    }
    // Assertions of the decoders fail for some damaged files.
    let decoding = AssertUnwindSafe(|| decode(bytes, is_late));
    let decoded = catch_unwind(decoding).unwrap_or(Err(Refusal::Unreadable));
    let kind = if decoded == Err(Refusal::Unreadable) { foreign(bytes) } else { None };
    kind.map_or(decoded, |kind| Err(Refusal::Foreign(kind)))
}

fn read_wav(mut reader: hound::WavReader<&[u8]>) -> Result<(Vec<f64>, u32), Refusal> {
    let spec = reader.spec();
    let is_float = spec.sample_format == hound::SampleFormat::Float;
    let widths: &[u16] = if is_float { &[32] } else { &[8, 16, 24, 32] };
    let is_usual = matches!(spec.channels, 1 | 2)
        && widths.contains(&spec.bits_per_sample)
        && RATES_HZ.contains(&spec.sample_rate);
    if !is_usual {
        return Err(Refusal::Format);
    }
    if RAW_SECONDS_MAX * spec.sample_rate < reader.duration() {
        return Err(Refusal::Endless);
    }
    let full_scale = 2_f64.powi(i32::from(spec.bits_per_sample) - 1);
    let samples: Result<Vec<f64>, _> = if is_float {
        reader.samples::<f32>().map(|sample| sample.map(f64::from)).collect()
    } else {
        reader.samples::<i32>().map(|sample| sample.map(|s| f64::from(s) / full_scale)).collect()
    };
    let samples = samples.map_err(|_| Refusal::Unreadable)?;
    if samples.iter().any(|sample| !sample.is_finite()) {
        return Err(Refusal::Unreadable);
    }
    Ok((mix(&samples, spec.channels.into()).collect(), spec.sample_rate))
}

fn mix(samples: &[f64], channels: usize) -> impl Iterator<Item = f64> {
    let share = 1.0 / f64::from(u32::try_from(channels).unwrap_or(1));
    samples.chunks(channels).map(move |frame| frame.iter().sum::<f64>() * share)
}

/// The octets of a file, until time is up.
struct Source<'a> {
    bytes: Cursor<&'a [u8]>,
    is_late: IsLate<'a>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.is_late)() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.bytes.read(buffer)
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

impl MediaSource for Source<'_> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        u64::try_from(self.bytes.get_ref().len()).ok()
    }
}

/// The sound so far.
#[derive(Default)]
struct Sound {
    mixed: Vec<f64>,
    /// What one packet decodes to, channel beside channel.
    interleaved: Vec<f64>,
    rate_hz: u32,
}

fn decode(bytes: &[u8], is_late: IsLate<'_>) -> Result<(Vec<f64>, u32), Refusal> {
    let mut reader = open(without_tag(bytes), is_late).map_err(|_| Refusal::Unreadable)?;
    if TRACKS_MAX < reader.tracks().len() {
        return Err(Refusal::Unreadable);
    }
    let track = reader.default_track(TrackType::Audio).ok_or(Refusal::Unreadable)?.clone();
    let kind = reader.format_info().format;
    // Others tell their length roughly or not at all, and telephones write the times of M4A by their clock; what is missing
    // of an M4A is missed when it is read.
    let tells_length = [FORMAT_ID_FLAC, FORMAT_ID_WAVE].contains(&kind) || track.delay.is_some();
    let codec = track.codec_params.as_ref().and_then(|codec| codec.audio());
    let codec = codec.ok_or(Refusal::Unreadable)?;
    let mut decoder = decoder_of(codec)?;
    let mut sound = Sound::default();
    for _ in 0..PACKETS_MAX {
        if is_late() {
            return Err(Refusal::Unreadable);
        }
        let Some(packet) = reader.next_packet().map_err(|_| Refusal::Unreadable)? else {
            let is_whole = !tells_length || sound.is_whole(&track);
            return sound.end().filter(|_| is_whole).ok_or(Refusal::Unreadable);
        };
        if packet.track_id != track.id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(decoded) => sound.push(&decoded)?,
            // The first one leans on what came before it, where somebody has cut an MP3 file.
            Err(Error::DecodeError(_)) if sound.mixed.is_empty() => {}
            Err(_) => return Err(Refusal::Unreadable),
        }
    }
    Err(Refusal::Endless)
}

/// What comes behind an ID3 tag, if there is one.
fn without_tag(bytes: &[u8]) -> &[u8] {
    let Some(([b'I', b'D', b'3', _, _, _, size @ ..], rest)) = bytes.split_first_chunk::<10>()
    else {
        return bytes;
    };
    let size = size.iter().fold(0, |size: usize, seven| size << 7 | usize::from(seven & 0x7f));
    rest.get(size..).unwrap_or_default()
}

fn open<'a>(bytes: &'a [u8], is_late: IsLate<'a>) -> Result<Box<dyn FormatReader + 'a>, Error> {
    let mut probe = Probe::new_with_options(&ProbeOptions {
        max_probe_depth: PROBE_MAX,
        ..ProbeOptions::default()
    });
    probe.register_format::<IsoMp4Reader<'_>>();
    probe.register_format::<FlacReader<'_>>();
    probe.register_format::<OggReader<'_>>();
    probe.register_format::<WavReader<'_>>();
    probe.register_format::<AdtsReader<'_>>();
    probe.register_format::<MpaReader<'_>>();
    let source = Source { bytes: Cursor::new(bytes), is_late };
    let stream = MediaSourceStream::new(Box::new(source), Default::default());
    probe.probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
}

fn decoder_of(codec: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>, Refusal> {
    let extra = codec.extra_data.as_deref().unwrap_or_default();
    if codec.codec == CODEC_ID_VORBIS && VORBIS_TABLES_MAX < vorbis_tables(extra) {
        return Err(Refusal::Unreadable);
    }
    let made =
        symphonia::default::get_codecs().make_audio_decoder(codec, &AudioDecoderOptions::default());
    made.map_err(|_| match codec.codec {
        CODEC_ID_OPUS => Refusal::Foreign(Foreign::Opus),
        CODEC_ID_AAC => Refusal::Foreign(Foreign::OtherAac),
        _ => Refusal::Unreadable,
    })
}

/// Entries of all tables in the headers of a Vorbis file. A few octets ask for 16 MiB, and there may be 256 of them.
///
/// A table begins with a pattern at any bit, then 16 bits of how wide and 24 of how long it is (Vorbis I, 3.2.1). Where
/// the pattern stands by chance, the widths are beyond what is decoded at all.
fn vorbis_tables(headers: &[u8]) -> u64 {
    let mut last_bits = 0_u64;
    let mut entries = 0_u64;
    for bit in headers.iter().flat_map(|byte| (0..8).map(move |place| byte >> place & 1)) {
        last_bits = last_bits >> 1 | u64::from(bit) << 63;
        let (width, length) = (last_bits >> 24 & 0xffff, last_bits >> 40);
        if last_bits & 0xff_ffff == 0x56_4342 && width <= 32 && length <= 128 << 10 {
            entries += (width + 1) * length;
        }
    }
    entries
}

impl Sound {
    fn push(&mut self, decoded: &GenericAudioBufferRef<'_>) -> Result<(), Refusal> {
        let (rate_hz, channels) = (decoded.spec().rate(), decoded.spec().channels().count());
        if self.mixed.is_empty() {
            self.rate_hz = rate_hz;
        }
        if !matches!(channels, 1 | 2) || !RATES_HZ.contains(&rate_hz) {
            return Err(Refusal::Format);
        }
        decoded.copy_to_vec_interleaved(&mut self.interleaved);
        let is_sound = self.interleaved.iter().all(|sample| sample.is_finite());
        if rate_hz != self.rate_hz || !is_sound {
            return Err(Refusal::Unreadable);
        }
        self.mixed.extend(mix(&self.interleaved, channels));
        let longest = usize::try_from(RAW_SECONDS_MAX * rate_hz).unwrap_or(usize::MAX);
        if longest < self.mixed.len() { Err(Refusal::Endless) } else { Ok(()) }
    }

    /// Whether nothing of the track is missing, but for a tenth of a second that encoders count in other ways.
    fn is_whole(&self, track: &Track) -> bool {
        let found = u64::try_from(self.mixed.len()).unwrap_or(u64::MAX);
        track.num_frames.unwrap_or(0) <= found.saturating_add((self.rate_hz / 10).into())
    }

    fn end(self) -> Option<(Vec<f64>, u32)> {
        (!self.mixed.is_empty()).then_some((self.mixed, self.rate_hz))
    }
}

/// What a file is that was not read, if it is known.
fn foreign(bytes: &[u8]) -> Option<Foreign> {
    let holds = |sign: &str| memmem::find(bytes, sign.as_bytes()).is_some();
    let head = bytes.get(..64).unwrap_or(bytes);
    let begins = |sign: &str| memmem::find(head, sign.as_bytes()).is_some();
    if begins("#!AMR") {
        Some(Foreign::Amr)
    } else if begins("#!SILK") {
        Some(Foreign::Silk)
    } else if begins("OpusHead") {
        Some(Foreign::Opus)
    } else if !begins("ftyp") {
        None
    } else if ["enca", "drms"].into_iter().any(holds) {
        Some(Foreign::Protected)
    } else if ["samr", "sawb"].into_iter().any(holds) {
        Some(Foreign::Amr)
    } else if !holds("soun") && holds("vide") {
        Some(Foreign::NoSound)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
