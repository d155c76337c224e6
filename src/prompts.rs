//! Recordings and synthesised names, encoded before any alarm.
//!
//! Fixed clips are in the binary and replaced by recordings of the same name in the data directory. Names are spoken
//! by espeak-ng when a household is saved and kept as files; when an alarm is raised, [`Library::fetch`] takes them
//! from there, aside and with a deadline, and [`Library::speak`] works from memory alone. Nothing is ever synthesised
//! for an alarm: a name that is not there is left out, the address is said with fixed clips all the same.

mod level;
mod names;
mod script;
mod shipped;
mod voice;
mod wav;

pub use names::{NameKey, NameVoice, VoiceBusy, key};
pub use script::{Script, scripts, scripts_tsv};
pub use voice::VoiceError;
pub use wav::{Format, PromptError};

use crate::media::{Piece, Playlist, Recording};
use lianfang_domain::directory::{Language, Written};
use lianfang_domain::words::Clip;
use names::{Names, recording_path};
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

/// Every clip that can be said at once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Library {
    fixed: Arc<BTreeMap<(Language, Clip), Recording>>,
    names: Names,
}

impl Library {
    /// Reads and encodes the fixed clips. A recording that cannot be used is told of and the shipped clip is said in
    /// its place: a bad file must not keep the service from starting. Reads files; for the start only.
    #[must_use]
    pub fn load(config: &PromptsConfig) -> (Self, Vec<PromptError>) {
        let mut problems = Vec::new();
        let mut fixed = BTreeMap::new();
        for language in Language::ALL {
            for clip in Clip::all_fixed() {
                match fixed_clip(&config.directory, &clip, language) {
                    Ok(recording) => fixed.insert((language, clip), recording),
                    Err(error) => {
                        problems.push(error);
                        shipped_clip(&clip, language)
                            .ok()
                            .and_then(|recording| fixed.insert((language, clip), recording))
                    }
                };
            }
        }
        (Self { fixed: Arc::new(fixed), names: Names::new(config.directory.clone()) }, problems)
    }

    /// Puts clips together. Waits for nothing; names that are not in memory are left out, so [`Library::fetch`] them
    /// when the alarm is raised: phones ring longer than that takes. The playlist has the id 0 and is played once; its
    /// clones share everything, so make one for all who hear the same.
    #[must_use]
    pub fn speak(&self, clips: &[Clip], language: Language) -> Playlist {
        let mut pieces = Vec::with_capacity(clips.len().saturating_mul(2));
        for clip in clips {
            let recording = match clip {
                Clip::Name(_) | Clip::Text(_) => self.names.get(clip, language),
                Clip::Tone
                | Clip::Phrase(_)
                | Clip::Unit(_)
                | Clip::Sign(_)
                | Clip::Count(_)
                | Clip::Number(_) => self.fixed.get(&(language.shipped(), clip.clone())).cloned(),
            };
            let Some(recording) = recording else {
                metrics::counter!("lianfang_prompts_left_out_total").increment(1);
                continue;
            };
            let gap_ms = match clip {
                Clip::Tone | Clip::Phrase(_) => GAP_AFTER_PHRASE_MS,
                Clip::Unit(_)
                | Clip::Sign(_)
                | Clip::Count(_)
                | Clip::Number(_)
                | Clip::Name(_)
                | Clip::Text(_) => GAP_MS,
            };
            pieces.extend([Piece::Recording(recording), Piece::Silence(gap_ms)]);
        }
        Playlist::once(0, pieces)
    }

    /// Brings the names among the clips into memory, from the files of [`NameVoice`] or of people. Off the thread and
    /// at most 250 ms each; returns how many are not to be had. Never synthesises.
    pub async fn fetch(&self, clips: &[Clip], language: Language) -> usize {
        let mut missing = 0;
        for clip in clips.iter().filter(|clip| !clip.is_fixed()) {
            if !self.names.fetch(clip, language).await {
                missing += 1;
            }
        }
        missing
    }
}

/// The clip as people recorded it, or as it is shipped.
fn fixed_clip(directory: &Path, clip: &Clip, language: Language) -> Result<Recording, PromptError> {
    let path = recording_path(directory, clip, language);
    match File::open(&path) {
        Ok(file) => Ok(Recording::encode(&wav::read(BufReader::new(file), &path)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => shipped_clip(clip, language),
        Err(source) => Err(PromptError::Open { path, source }),
    }
}

fn shipped_clip(clip: &Clip, language: Language) -> Result<Recording, PromptError> {
    let stem = clip.file_stem();
    let path = || PathBuf::from(format!("(shipped) {}/{stem}.wav", language.tag()));
    let found = shipped::SHIPPED.iter().find(|(shipped, ..)| *shipped == stem);
    let Some((_, chinese, english)) = found else {
        return Err(PromptError::Open { path: path(), source: io::ErrorKind::NotFound.into() });
    };
    let bytes = match language.written() {
        Written::Chinese => chinese,
        Written::English => english,
    };
    Ok(Recording::encode(&wav::read(*bytes, &path())?))
}

#[cfg(test)]
mod tests;
