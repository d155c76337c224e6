//! Recordings and synthesised names, encoded before any alarm.
//!
//! Fixed clips are in the binary; people record them anew for their community, for all, or in a dialect
//! ([`Recordings`]). Names are spoken by espeak-ng when a household is saved and kept as files, or recorded too; when an
//! alarm is raised, [`Voice::fetch`] takes them from there, aside and with a deadline, and [`Voice::speak`] works from
//! memory alone. Nothing is ever synthesised for an alarm: a name that is not there is left out, the address is said
//! with fixed clips all the same.

pub mod codes;
mod decode;
pub mod dialogue;
mod intake;
mod level;
mod names;
mod recorded;
mod recordings;
mod script;
mod shipped;
mod voice;
mod wav;

pub use decode::Foreign;
pub use intake::{Cut, RAW_SECONDS_MAX, Refusal};
pub use names::{NameKey, NameVoice, VoiceBusy, key};
pub use recorded::{ClipSource, RECORDED_MAX, Voice};
pub use recordings::{RecordingError, RecordingProblem, Recordings};
pub use script::{Script, scripts, scripts_tsv};
pub use voice::VoiceError;
pub use wav::{Format, PromptError};

use crate::media::{Codec, Playlist, Recording};
use arc_swap::ArcSwap;
use lianfang_domain::directory::Language;
use lianfang_domain::id::CommunityId;
use lianfang_domain::words::Clip;
use names::{Names, recording_path};
use recorded::Recorded;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Silence before the first word of a call, in ms: some trunks clip what comes at once. Who starts a call puts it in
/// front of what [`Library::speak`] gives.
pub const LEAD_SILENCE_MS: u16 = 300;
/// Silence after a phrase or the tone, and after anything else, in ms.
const GAP_AFTER_PHRASE_MS: u16 = 120;
const GAP_MS: u16 = 40;

/// Where prompts are and what speaks names.
#[derive(Clone, Debug)]
pub struct PromptsConfig {
    /// Recordings of people are in `<directory>/<language>/`, synthesised names in `<directory>/synthesised/<language>/`.
    pub directory: PathBuf,
    /// The program that speaks names: espeak-ng 1.51 or what takes the same arguments.
    pub voice: PathBuf,
}

/// The fixed clips of the shipped languages, each with where it comes from.
type ShippedClips = Arc<BTreeMap<(Language, Clip), (Recording, ClipSource)>>;

/// Every clip that can be said at once. Cheap to clone; all clones see a new recording at once.
#[derive(Clone, Debug)]
pub struct Library {
    shipped: ShippedClips,
    recorded: Arc<ArcSwap<Recorded>>,
    names: Names,
}

impl Library {
    /// Reads and encodes the fixed clips. A recording that cannot be used is told of and the shipped clip is said in
    /// its place: a bad file must not keep the service from starting. Reads files; for the start only.
    #[must_use]
    pub fn load(config: &PromptsConfig) -> (Self, Vec<PromptError>) {
        let mut problems = Vec::new();
        let mut shipped = BTreeMap::new();
        for language in Language::ALL {
            for clip in Clip::all_fixed() {
                let file = file_clip(&config.directory, &clip, language).unwrap_or_else(|error| {
                    problems.push(error);
                    None
                });
                let found = match file {
                    Some(recording) => Ok((recording, ClipSource::File)),
                    None => shipped::recording(&clip.file_stem(), language.written())
                        .map(|recording| (recording, ClipSource::Shipped)),
                };
                match found {
                    Ok(found) => drop(shipped.insert((language, clip), found)),
                    Err(error) => problems.push(error),
                }
            }
        }
        let library = Self {
            shipped: Arc::new(shipped),
            recorded: Arc::default(),
            names: Names::new(config.directory.clone()),
        };
        (library, problems)
    }

    /// What a call is spoken to with, to its end: the recordings of this moment.
    #[must_use]
    pub fn voice(&self, community: Option<CommunityId>, language: Language) -> Voice {
        Voice {
            recorded: self.recorded.load_full(),
            shipped: Arc::clone(&self.shipped),
            names: self.names.clone(),
            community,
            language,
        }
    }

    /// [`Voice::speak`] for nobody's community.
    #[must_use]
    pub fn speak(&self, clips: &[Clip], language: Language) -> Playlist {
        self.voice(None, language).speak(clips)
    }

    /// [`Voice::fetch`] for nobody's community.
    pub async fn fetch(&self, clips: &[Clip], language: Language) -> usize {
        self.voice(None, language).fetch(clips).await
    }
}

/// A playlist as a WAV file: the very octets that a telephone is sent, decoded.
///
/// # Errors
/// When it is longer than a WAV file can be.
pub fn wav_of(playlist: &Playlist) -> Result<Vec<u8>, hound::Error> {
    let octets = playlist.octets(Codec::Pcma);
    let samples: Vec<i16> = octets.into_iter().map(audio_codec_algorithms::decode_alaw).collect();
    let mut bytes = io::Cursor::new(Vec::new());
    wav::write(&mut bytes, &samples)?;
    Ok(bytes.into_inner())
}

/// The clip as people put it into the directory of prompts, if they did.
fn file_clip(
    directory: &Path,
    clip: &Clip,
    language: Language,
) -> Result<Option<Recording>, PromptError> {
    let path = recording_path(directory, clip, language);
    match File::open(&path) {
        Ok(file) => Ok(Some(Recording::encode(&wav::read(BufReader::new(file), &path)?))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PromptError::Open { path, source }),
    }
}

#[cfg(test)]
mod tests;
