//! WAV files: what a telephone can carry, or a clear word about what was found instead.

use std::io::{Read, Seek, Write};
use std::path::Path;
use std::path::PathBuf;

/// Samples in a second of every prompt.
pub(super) const RATE_HZ: u32 = 8000;
/// Longest prompt. A file that is longer is a mistake, and would be kept in memory whole.
pub(super) const SECONDS_MAX: u32 = 60;

/// Why a file is not a prompt.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The file cannot be opened or read.
    #[error("cannot open prompt `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no WAV file, or is cut short.
    #[error("cannot read prompt `{}`: it has to be a whole WAV file", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: hound::Error,
    },
    /// It is a WAV file of another kind.
    #[error("cannot use prompt `{}`: found {found}, want 1 channel, 16 bit, 8000 Hz", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: Format,
    },
    /// It is empty or longer than a prompt can be.
    #[error("cannot use prompt `{}`: found {samples} samples, want 1 to 480000 (60 s)", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// How many samples it has.
        samples: u32,
    },
}

/// The kind of a WAV file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    channels: u16,
    bits: u16,
    is_float: bool,
    rate_hz: u32,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { channels, bits, is_float, rate_hz } = self;
        let plural = if *channels == 1 { "" } else { "s" };
        let float = if *is_float { " floating point" } else { "" };
        write!(f, "{channels} channel{plural}, {bits} bit{float}, {rate_hz} Hz")
    }
}

/// Reads a prompt: 8 kHz, mono, 16 bit. `path` is for the error.
pub(super) fn read(bytes: impl Read, path: &Path) -> Result<Vec<i16>, PromptError> {
    read_at(bytes, path, RATE_HZ)
}

/// The same for another rate.
pub(super) fn read_at(
    bytes: impl Read,
    path: &Path,
    rate_hz: u32,
) -> Result<Vec<i16>, PromptError> {
    let unreadable = |source| PromptError::Read { path: path.to_owned(), source };
    let reader = hound::WavReader::new(bytes).map_err(unreadable)?;
    let spec = reader.spec();
    let found = Format {
        channels: spec.channels,
        bits: spec.bits_per_sample,
        is_float: spec.sample_format == hound::SampleFormat::Float,
        rate_hz: spec.sample_rate,
    };
    if found != (Format { channels: 1, bits: 16, is_float: false, rate_hz }) {
        return Err(PromptError::Format { path: path.to_owned(), found });
    }
    let samples = reader.len();
    if samples == 0 || SECONDS_MAX * rate_hz < samples {
        return Err(PromptError::Length { path: path.to_owned(), samples });
    }
    reader.into_samples().collect::<Result<_, _>>().map_err(unreadable)
}

/// Writes a prompt.
pub(super) fn write(target: impl Write + Seek, samples: &[i16]) -> hound::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::new(target, spec)?;
    for sample in samples {
        writer.write_sample(*sample)?;
    }
    writer.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn file(samples: &[i16]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        write(&mut bytes, samples).unwrap();
        bytes.into_inner()
    }

    fn check(bytes: &[u8]) -> Result<Vec<i16>, String> {
        read(bytes, Path::new("zh-CN/alarm.wav")).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read() {
        let samples = [0, 1, -1, i16::MAX, i16::MIN];
        assert_eq!(check(&file(&samples)).unwrap(), samples);
    }

    #[test]
    fn an_error_names_the_file_what_was_found_and_what_is_wanted() {
        let other = |channels, sample_rate| {
            let sample_format = hound::SampleFormat::Int;
            let spec = hound::WavSpec { channels, sample_rate, bits_per_sample: 16, sample_format };
            let mut bytes = Cursor::new(Vec::new());
            let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
            (0..4_i16).for_each(|sample| writer.write_sample(sample).unwrap());
            writer.finalize().unwrap();
            bytes.into_inner()
        };
        let (stereo, fast) = (other(2, 8000), other(1, 44_100));
        let whole = file(&[1; 100]);
        let cases: [(&[u8], &str); 5] = [
            (
                &stereo,
                "cannot use prompt `zh-CN/alarm.wav`: found 2 channels, 16 bit, 8000 Hz, want 1 channel, 16 bit, 8000 Hz",
            ),
            (
                &fast,
                "cannot use prompt `zh-CN/alarm.wav`: found 1 channel, 16 bit, 44100 Hz, want 1 channel, 16 bit, 8000 Hz",
            ),
            (
                &file(&[]),
                "cannot use prompt `zh-CN/alarm.wav`: found 0 samples, want 1 to 480000 (60 s)",
            ),
            (&whole[..100], "cannot read prompt `zh-CN/alarm.wav`: it has to be a whole WAV file"),
            (
                b"ID3\x03 this is an MP3",
                "cannot read prompt `zh-CN/alarm.wav`: it has to be a whole WAV file",
            ),
        ];
        for (bytes, wanted) in cases {
            assert_eq!(check(bytes), Err(wanted.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn broken_files_do_not_panic(
            place in 0..48_usize, value in any::<u8>(), second in any::<(u8, u8)>(), len in 0..200_usize
        ) {
            let mut bytes = file(&[100; 60]);
            for (place, value) in [(place, value), (usize::from(second.0), second.1)] {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = value;
                }
            }
            bytes.truncate(len);
            let _ = check(&bytes);
        }
    }
}
