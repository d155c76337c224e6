//! Names as files and in memory.
//!
//! A file each on disk, whose name is a hash of the words; a bounded memory for those that were said last. A million
//! households are some 10 GB of files at the most and never more than [`MEMORY_MAX`] here.

use super::voice::{self, VoiceError};
use super::{PromptsConfig, wav};
use crate::media::Recording;
use crate::tasks::Tasks;
use lianfang_domain::directory::Language;
use lianfang_domain::words::Clip;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Octets of names in memory: some 1,700 names of 1.2 s, those of 500 alarms at once. The one that was not said for the
/// longest time makes room. Calls that play a name keep it alive by themselves.
const MEMORY_MAX: usize = 16 << 20;
/// Longest time that a file may take to be read when an alarm is under way.
const DISK_DEADLINE: Duration = Duration::from_millis(250);
/// The folder of what was synthesised.
const SYNTHESISED: &str = "synthesised";
/// Names that wait to be spoken: more than a group or a page of an import has.
const WAITING_MAX: usize = 4096;
/// Voices that speak at a time.
const VOICES: usize = 2;

/// What tells one recording of a name from another: the language of the voice and the stem of the file.
pub type NameKey = (Language, String);

/// The names that can be said.
#[derive(Clone, Debug)]
pub(super) struct Names {
    directory: Arc<Path>,
    memory: Arc<Mutex<Memory>>,
}

/// A sound that says a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NameId {
    /// A recording that was uploaded or made by telephone: its file. Another version is another file.
    Recorded(Arc<Path>),
    /// A file of people in the directory of prompts, or what was synthesised.
    File(NameKey),
}

/// Names in memory, oldest use first.
#[derive(Debug, Default)]
struct Memory {
    recordings: BTreeMap<NameId, (u64, Recording)>,
    by_use: BTreeMap<u64, NameId>,
    uses: u64,
    size: usize,
}

/// Where people put their recording of a clip.
pub(super) fn recording_path(directory: &Path, clip: &Clip, language: Language) -> PathBuf {
    let tag = clip.spoken_in(language).tag();
    directory.join(tag).join(clip.file_stem()).with_extension("wav")
}

/// Where a synthesised name is kept.
fn synthesised_path(directory: &Path, clip: &Clip, language: Language) -> PathBuf {
    recording_path(&directory.join(SYNTHESISED), clip, language.shipped())
}

/// The key of a name that a voice speaks: a dialect has none, Mandarin is spoken in its place.
#[must_use]
pub fn key(clip: &Clip, language: Language) -> NameKey {
    said_key(clip, language.shipped())
}

/// The key of a name as it is said, recorded or synthesised.
pub(super) fn said_key(clip: &Clip, language: Language) -> NameKey {
    (clip.spoken_in(language), clip.file_stem())
}

impl Names {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory: directory.into(), memory: Arc::default() }
    }

    /// The name, if it is in memory.
    pub(super) fn get(&self, id: &NameId) -> Option<Recording> {
        self.lock().get(id)
    }

    /// Brings the first of these that can be had into memory. False when none can, or the disk is too slow.
    pub(super) async fn fetch(&self, ids: impl IntoIterator<Item = NameId>) -> bool {
        for id in ids {
            if self.get(&id).is_some() || self.read(id).await {
                return true;
            }
        }
        false
    }

    async fn read(&self, id: NameId) -> bool {
        let paths = match &id {
            NameId::Recorded(file) => vec![file.to_path_buf()],
            NameId::File((language, stem)) => {
                let file = |folder: &Path| folder.join(language.tag()).join(stem);
                let [recorded, synthesised] =
                    [file(&self.directory), file(&self.directory.join(SYNTHESISED))];
                vec![recorded.with_extension("wav"), synthesised.with_extension("wav")]
            }
        };
        for path in paths {
            let read = tokio::time::timeout(DISK_DEADLINE, tokio::fs::read(&path)).await;
            let Ok(Ok(bytes)) = read else { continue };
            match wav::read(bytes.as_slice(), &path) {
                Ok(samples) => {
                    self.lock().put(id, Recording::encode_small(&samples));
                    return true;
                }
                Err(error) => tracing::warn!(%error, "A name is left out"),
            }
        }
        false
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        // At worst a name is missing in one of the two maps; it is then read again or makes no room.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn get(&mut self, key: &NameId) -> Option<Recording> {
        let (used, recording) = self.recordings.get_mut(key)?;
        let recording = recording.clone();
        self.by_use.remove(used);
        self.uses += 1;
        *used = self.uses;
        self.by_use.insert(self.uses, key.clone());
        Some(recording)
    }

    fn put(&mut self, key: NameId, recording: Recording) {
        self.remove(&key);
        self.uses += 1;
        self.size += recording.size();
        self.by_use.insert(self.uses, key.clone());
        self.recordings.insert(key, (self.uses, recording));
        while MEMORY_MAX < self.size
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &NameId) {
        if let Some((used, recording)) = self.recordings.remove(key) {
            self.by_use.remove(&used);
            self.size = self.size.saturating_sub(recording.size());
        }
    }
}

/// Speaks names when a household is saved, in the background, two at a time. Never in the path of an alarm.
#[derive(Clone, Debug)]
pub struct NameVoice {
    waiting: mpsc::Sender<(Clip, Language)>,
    directory: Arc<Path>,
}

/// As many names wait as may. Nothing is lost: whoever saves households in bulk asks again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot speak another name now: {WAITING_MAX} wait already")]
pub struct VoiceBusy;

impl NameVoice {
    /// Starts the voices. `tasks` is the runtime for everything but alarms.
    #[must_use]
    pub fn new(config: &PromptsConfig, tasks: &Tasks) -> Self {
        let (waiting, queue) = mpsc::channel::<(Clip, Language)>(WAITING_MAX);
        let queue = Arc::new(tokio::sync::Mutex::new(queue));
        for number in 0..VOICES {
            let queue = Arc::clone(&queue);
            let config = config.clone();
            tasks.start("name-voice", |stop| async move {
                let next = || async { queue.lock().await.recv().await };
                let work = async {
                    while let Some((clip, language)) = next().await {
                        synthesise_new(&config, &clip, language, number).await;
                    }
                };
                // Dropping the work ends the program that speaks; the name is asked for again.
                let _ = stop.run_until_cancelled(work).await;
            });
        }
        Self { waiting, directory: config.directory.as_path().into() }
    }

    /// Asks for a name to be spoken, unless it is there already. Fixed clips are no names and are passed over.
    ///
    /// # Errors
    /// When too many wait.
    pub fn prepare(&self, clip: &Clip, language: Language) -> Result<(), VoiceBusy> {
        if clip.is_fixed() {
            return Ok(());
        }
        self.waiting.try_send((clip.clone(), language)).map_err(|_| VoiceBusy)
    }

    /// Removes what was synthesised and is not among these names: people who left must not stay on the disk. Recordings
    /// of people stay. Returns how many went.
    ///
    /// # Errors
    /// When a folder cannot be read or a file cannot be removed.
    pub async fn keep_only(&self, names: &BTreeSet<NameKey>) -> io::Result<usize> {
        let mut removed = 0;
        for language in Language::ALL {
            let folder = self.directory.join(SYNTHESISED).join(language.tag());
            let mut files = match tokio::fs::read_dir(folder).await {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                files => files?,
            };
            while let Some(file) = files.next_entry().await? {
                let path = file.path();
                let is_name = path.extension().is_some_and(|extension| extension == "wav");
                let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                if is_name && !names.contains(&(language, stem)) {
                    tokio::fs::remove_file(path).await?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    /// Those of these names that cannot be said in an alarm yet. Looks on the disk, aside and for all of them in one go.
    pub async fn missing(&self, names: Vec<(Clip, Language)>) -> Vec<(Clip, Language)> {
        missing(Arc::clone(&self.directory), names).await
    }
}

async fn missing(directory: Arc<Path>, names: Vec<(Clip, Language)>) -> Vec<(Clip, Language)> {
    if names.is_empty() {
        return names;
    }
    let is_missing = move |(clip, language): &(Clip, Language)| {
        let exists = |path: PathBuf| path.try_exists().unwrap_or(false);
        !exists(recording_path(&directory, clip, *language))
            && !exists(synthesised_path(&directory, clip, *language))
    };
    let look = move || names.into_iter().filter(is_missing).collect();
    // It fails only when the process stops, and then nothing more is spoken.
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

/// `number` tells the voices apart: two may be asked for the same name at once.
async fn synthesise_new(config: &PromptsConfig, clip: &Clip, language: Language, number: usize) {
    if missing(config.directory.as_path().into(), vec![(clip.clone(), language)]).await.is_empty() {
        return;
    }
    let spoken = synthesise(config, clip, language, number).await;
    if let Err(error) = spoken {
        let error: &dyn std::error::Error = &error;
        metrics::counter!("lianfang_prompts_names_failed_total").increment(1);
        tracing::warn!(error, "A name could not be spoken; alarms are told without it");
    }
}

/// Speaks a name into a file beside its place and moves it there when it is whole.
async fn synthesise(
    config: &PromptsConfig,
    clip: &Clip,
    language: Language,
    number: usize,
) -> Result<(), VoiceError> {
    let path = synthesised_path(&config.directory, clip, language);
    if let Some(parent) = path.parent() {
        tokio::fs::create_dir_all(parent).await.map_err(VoiceError::Store)?;
    }
    let partial = path.with_extension(format!("{number}.part"));
    let script = clip.script(language);
    let written = async {
        let samples =
            voice::say(&config.voice, clip.spoken_in(language), &script, &partial).await?;
        let mut bytes = io::Cursor::new(Vec::new());
        wav::write(&mut bytes, &samples).map_err(VoiceError::Encode)?;
        tokio::fs::write(&partial, bytes.into_inner()).await.map_err(VoiceError::Store)?;
        tokio::fs::rename(&partial, &path).await.map_err(VoiceError::Store)
    };
    let written = written.await;
    if written.is_err() {
        // What is left of it is in nobody's way and overwritten by the next attempt.
        let _ = tokio::fs::remove_file(&partial).await;
    }
    written
}

#[cfg(test)]
mod tests;
