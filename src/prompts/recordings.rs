//! Recordings of people: taken in, kept as files and rows, played from the next call on.
//!
//! A file is written whole before its row, under a name made of its content, and never changed: a crash between the two
//! leaves a file that nobody plays. What cannot be read at the start is named and left out; the next recording in the
//! order of fallback is said in its place. Must not be waited for by an alarm.

use super::intake::{self, Cut, Refusal};
use super::recorded::Recorded;
use super::{Library, PromptError, decode, wav};
use crate::clock::Clock;
use crate::media::Recording;
use crate::store::recordings::{self as rows, RecordingFacts, RecordingPlace, RecordingRow};
use crate::store::{Database, StoreError};
use lianfang_domain::directory::Language;
use lianfang_domain::id::CommunityId;
use lianfang_domain::words::Clip;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};

/// Sounds that are looked at at a time; each takes up to 100 MiB while it lasts.
const INTAKES: usize = 2;

/// Why a recording was not taken, changed or given.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The sound makes no prompt.
    #[error("cannot use the recording: {0}")]
    Refused(#[from] Refusal),
    /// As many sounds as may are looked at already.
    #[error("cannot look at another recording now")]
    Busy,
    /// No such clip can be recorded.
    #[error("no such clip")]
    UnknownClip,
    /// No such community.
    #[error("no such community")]
    UnknownCommunity,
    /// No such version.
    #[error("no such version")]
    UnknownVersion,
    /// There is no room for more recordings in memory.
    #[error("cannot play more recordings: the memory for them is full")]
    NoRoom,
    /// The file cannot be written or read.
    #[error("cannot use the file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what was written.
    #[error("the file {} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file is no prompt.
    #[error("cannot use the file of a recording")]
    Prompt(#[from] PromptError),
    /// The database cannot be used.
    #[error("cannot use the rows of recordings")]
    Store(#[from] StoreError),
    /// The sound cannot be made a WAV file.
    #[error("cannot encode a recording")]
    Encode(#[source] hound::Error),
    /// A thread that worked aside has failed.
    #[error("cannot work aside")]
    Aside(#[source] tokio::task::JoinError),
}

/// A recording that is not played, and why; the next one in the order of fallback is.
#[derive(Debug, thiserror::Error)]
#[error("cannot play version {version} of `{}` in {}", place.clip, place.language.tag())]
pub struct RecordingProblem {
    /// Which.
    pub place: RecordingPlace,
    /// Which version.
    pub version: u32,
    /// Why.
    #[source]
    pub why: RecordingError,
}

/// The recordings of all communities. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recordings(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    library: Library,
    database: Database,
    folder: PathBuf,
    clock: Clock,
    intakes: Semaphore,
    /// Changes follow each other, so that row and snapshot say the same.
    changes: Mutex<()>,
}

impl Recordings {
    /// Takes up what was recorded. What cannot be played is told of and left out: it must not keep the service from
    /// starting.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn open(
        library: &Library,
        database: &Database,
        folder: PathBuf,
        clock: Clock,
    ) -> Result<(Self, Vec<RecordingProblem>), RecordingError> {
        let rows = rows::all_current(database).await?;
        let orders = rows::orders(database).await?;
        let root = folder.clone();
        let load = tokio::task::spawn_blocking(move || load(&root, rows));
        let (mut recorded, problems) = load.await.map_err(RecordingError::Aside)?;
        for (community, languages) in orders {
            recorded.put_order(community, languages);
        }
        library.recorded.store(Arc::new(recorded));
        let inner = Inner {
            library: library.clone(),
            database: database.clone(),
            folder,
            clock,
            intakes: Semaphore::new(INTAKES),
            changes: Mutex::new(()),
        };
        Ok((Self(Arc::new(inner)), problems))
    }

    /// What plays them.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.0.library
    }

    /// Takes in a file as a mobile phone records it.
    ///
    /// # Errors
    /// [`RecordingError`]; nothing has changed then.
    pub async fn upload(
        &self,
        place: &RecordingPlace,
        bytes: Vec<u8>,
        by: &str,
    ) -> Result<RecordingRow, RecordingError> {
        let longest_ms = longest_ms(place)?;
        let clock = self.0.clock.clone();
        let deadline = clock.now() + decode::READING_MAX;
        let is_late = move || deadline <= clock.now();
        let cut = self.aside(move || intake::of_file(&bytes, longest_ms, &is_late)).await?;
        self.keep(place, cut, by).await
    }

    /// Cuts what a telephone heard: 16 bit, 8 kHz. Nothing is kept yet.
    ///
    /// # Errors
    /// [`RecordingError`]
    pub async fn cut(
        &self,
        place: &RecordingPlace,
        samples: Vec<i16>,
    ) -> Result<Cut, RecordingError> {
        let longest_ms = longest_ms(place)?;
        self.aside(move || intake::of_telephone(&samples, longest_ms)).await
    }

    /// Keeps a prompt as a new version, which is played from the next call on.
    ///
    /// # Errors
    /// [`RecordingError`]; nothing is played otherwise than before then.
    pub async fn keep(
        &self,
        place: &RecordingPlace,
        cut: Cut,
        by: &str,
    ) -> Result<RecordingRow, RecordingError> {
        // A longer name is cut, not refused: it stands beside the recording and decides nothing.
        let by = by.chars().take(80).collect();
        let _one_at_a_time = self.0.changes.lock().await;
        if !self.0.library.recorded.load().has_room(cut.samples.len()) {
            return Err(RecordingError::NoRoom);
        }
        if !rows::has_community(&self.0.database, place).await? {
            return Err(RecordingError::UnknownCommunity);
        }
        let folder = folder_of(&self.0.folder, place);
        let stem = place.clip.clone();
        let store = tokio::task::spawn_blocking(move || {
            let mut bytes = io::Cursor::new(Vec::new());
            wav::write(&mut bytes, &cut.samples).map_err(RecordingError::Encode)?;
            let bytes = bytes.into_inner();
            let sha256 = hash(&bytes);
            let path = folder.join(file_name(&stem, &sha256));
            let written = write_whole(&path, &bytes);
            written.map_err(|source| RecordingError::File { path, source })?;
            Ok::<_, RecordingError>((sha256, cut.length_ms, cut.level_cdb))
        });
        let (sha256, length_ms, level_cdb) = store.await.map_err(RecordingError::Aside)??;
        let made = self.0.clock.now();
        let facts = RecordingFacts { made, made_by: by, length_ms, level_cdb, sha256 };
        let row = rows::add(&self.0.database, place, &facts).await?;
        let row = row.ok_or(RecordingError::UnknownCommunity)?;
        self.play(place, Some(&row)).await?;
        Ok(row)
    }

    /// Plays an earlier version again.
    ///
    /// # Errors
    /// [`RecordingError`]; nothing has changed then.
    pub async fn restore(
        &self,
        place: &RecordingPlace,
        version: u32,
    ) -> Result<RecordingRow, RecordingError> {
        let _one_at_a_time = self.0.changes.lock().await;
        let row = self.row(place, version).await?;
        // A damaged file is found before it is played.
        self.read(place, &row).await?;
        if !rows::restore(&self.0.database, place, version).await? {
            return Err(RecordingError::UnknownVersion);
        }
        self.play(place, Some(&row)).await?;
        self.row(place, version).await
    }

    /// Plays nothing that was recorded here; every version can be taken back. False when nothing was played.
    ///
    /// # Errors
    /// [`RecordingError`]; nothing has changed then.
    pub async fn withdraw(&self, place: &RecordingPlace) -> Result<bool, RecordingError> {
        let _one_at_a_time = self.0.changes.lock().await;
        let is_done = rows::withdraw(&self.0.database, place).await?;
        self.play(place, None).await?;
        Ok(is_done)
    }

    /// Forgets a version for good, row and file; for whoever does not want to be heard any more.
    ///
    /// # Errors
    /// [`RecordingError`]; a file that cannot be removed is one, though it is played no more.
    pub async fn erase(&self, place: &RecordingPlace, version: u32) -> Result<(), RecordingError> {
        let _one_at_a_time = self.0.changes.lock().await;
        let erased = rows::erase(&self.0.database, place, version).await?;
        let erased = erased.ok_or(RecordingError::UnknownVersion)?;
        if erased.state == rows::RecordingState::Current {
            self.play(place, None).await?;
        }
        let others = rows::versions(&self.0.database, place).await?;
        if others.iter().any(|other| other.facts.sha256 == erased.facts.sha256) {
            return Ok(());
        }
        let path = self.path(place, &erased);
        match tokio::fs::remove_file(&path).await {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(RecordingError::File { path, source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// What is played in a language that was recorded for a community, or for all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn current_in(
        &self,
        community: Option<CommunityId>,
        language: Language,
    ) -> Result<Vec<RecordingRow>, RecordingError> {
        Ok(rows::current_in(&self.0.database, community, language).await?)
    }

    /// The languages that a community tries after the one that was asked for.
    #[must_use]
    pub fn order(&self, community: CommunityId) -> Vec<Language> {
        self.0.library.recorded.load().order(community).to_vec()
    }

    /// The versions of a clip, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn versions(
        &self,
        place: &RecordingPlace,
    ) -> Result<Vec<RecordingRow>, RecordingError> {
        Ok(rows::versions(&self.0.database, place).await?)
    }

    /// The WAV file of a version.
    ///
    /// # Errors
    /// [`RecordingError`]
    pub async fn file(
        &self,
        place: &RecordingPlace,
        version: u32,
    ) -> Result<Vec<u8>, RecordingError> {
        let row = self.row(place, version).await?;
        self.read(place, &row).await
    }

    /// Says which languages a community tries, in order, when a sentence was not recorded in the one that was asked
    /// for.
    ///
    /// # Errors
    /// [`RecordingError`]; nothing has changed then.
    pub async fn set_order(
        &self,
        community: CommunityId,
        languages: Vec<Language>,
    ) -> Result<(), RecordingError> {
        let _one_at_a_time = self.0.changes.lock().await;
        if !rows::set_order(&self.0.database, community, &languages).await? {
            return Err(RecordingError::UnknownCommunity);
        }
        self.change(|recorded| recorded.put_order(community, languages));
        Ok(())
    }

    async fn row(
        &self,
        place: &RecordingPlace,
        version: u32,
    ) -> Result<RecordingRow, RecordingError> {
        let versions = rows::versions(&self.0.database, place).await?;
        let row = versions.into_iter().find(|row| row.version == version);
        row.ok_or(RecordingError::UnknownVersion)
    }

    fn path(&self, place: &RecordingPlace, row: &RecordingRow) -> PathBuf {
        folder_of(&self.0.folder, place).join(file_name(&place.clip, &row.facts.sha256))
    }

    async fn read(
        &self,
        place: &RecordingPlace,
        row: &RecordingRow,
    ) -> Result<Vec<u8>, RecordingError> {
        let (path, wanted) = (self.path(place, row), row.facts.sha256.clone());
        let read = tokio::task::spawn_blocking(move || read_whole(&path, &wanted));
        read.await.map_err(RecordingError::Aside)?
    }

    /// Lets the next calls hear this version, or none.
    async fn play(
        &self,
        place: &RecordingPlace,
        row: Option<&RecordingRow>,
    ) -> Result<(), RecordingError> {
        let at = (place.community, place.language);
        let Some(clip) = Clip::of_stem(&place.clip) else {
            let file = row.map(|row| Arc::from(self.path(place, row)));
            self.change(|recorded| recorded.put_name(at, &place.clip, file));
            return Ok(());
        };
        let recording = match row {
            Some(row) => {
                let path = self.path(place, row);
                Some(encode(&self.read(place, row).await?, &path)?)
            }
            None => None,
        };
        let has_room = self.change(|recorded| recorded.put_clip(at, clip, recording));
        if has_room { Ok(()) } else { Err(RecordingError::NoRoom) }
    }

    /// Swaps the snapshot; only [`Inner::changes`] comes here.
    fn change<T>(&self, change: impl FnOnce(&mut Recorded) -> T) -> T {
        let mut next = Recorded::clone(&self.0.library.recorded.load());
        let result = change(&mut next);
        self.0.library.recorded.store(Arc::new(next));
        result
    }

    async fn aside(
        &self,
        work: impl FnOnce() -> Result<Cut, Refusal> + Send + 'static,
    ) -> Result<Cut, RecordingError> {
        let _slot = self.0.intakes.try_acquire().map_err(|_| RecordingError::Busy)?;
        let cut = tokio::task::spawn_blocking(work).await.map_err(RecordingError::Aside)?;
        Ok(cut?)
    }
}

/// How long a recording of this clip may be; it also says whether there is such a clip. The tone is no speech.
fn longest_ms(place: &RecordingPlace) -> Result<u32, RecordingError> {
    let hash = place.clip.strip_prefix("name-").or_else(|| place.clip.strip_prefix("text-"));
    let is_name = hash.is_some_and(|hash| {
        hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    match Clip::of_stem(&place.clip) {
        Some(Clip::Tone) => Err(RecordingError::UnknownClip),
        None if !is_name => Err(RecordingError::UnknownClip),
        clip => Ok(intake::longest_ms(clip.as_ref(), place.language)),
    }
}

/// Reads every file that is played.
fn load(folder: &Path, rows: Vec<RecordingRow>) -> (Recorded, Vec<RecordingProblem>) {
    let mut recorded = Recorded::default();
    let mut problems = Vec::new();
    for row in rows {
        if let Err(why) = load_one(folder, &mut recorded, &row) {
            problems.push(RecordingProblem { place: row.place, version: row.version, why });
        }
    }
    (recorded, problems)
}

fn load_one(
    folder: &Path,
    recorded: &mut Recorded,
    row: &RecordingRow,
) -> Result<(), RecordingError> {
    let place = &row.place;
    let at = (place.community, place.language);
    let path = folder_of(folder, place).join(file_name(&place.clip, &row.facts.sha256));
    longest_ms(place)?;
    let Some(clip) = Clip::of_stem(&place.clip) else {
        // Names are many; their files are read when they are needed.
        let found = path.try_exists();
        let found = found.map_err(|source| RecordingError::File { path: path.clone(), source })?;
        if !found {
            return Err(RecordingError::File { path, source: io::ErrorKind::NotFound.into() });
        }
        recorded.put_name(at, &place.clip, Some(path.into()));
        return Ok(());
    };
    let recording = encode(&read_whole(&path, &row.facts.sha256)?, &path)?;
    let has_room = recorded.put_clip(at, clip, Some(recording));
    if has_room { Ok(()) } else { Err(RecordingError::NoRoom) }
}

fn encode(bytes: &[u8], path: &Path) -> Result<Recording, RecordingError> {
    Ok(Recording::encode_small(&wav::read(bytes, path)?))
}

/// `<folder>/<community or all>/<language>`.
fn folder_of(folder: &Path, place: &RecordingPlace) -> PathBuf {
    let community = place.community.map_or_else(|| "all".to_owned(), |id| id.to_string());
    folder.join(community).join(place.language.tag())
}

/// `alarm.0123456789abcdef.wav`: the same sound has the same name, another sound another one.
fn file_name(stem: &str, sha256: &str) -> String {
    format!("{stem}.{}.wav", sha256.get(..16).unwrap_or(sha256))
}

fn hash(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn read_whole(path: &Path, sha256: &str) -> Result<Vec<u8>, RecordingError> {
    let bytes =
        fs::read(path).map_err(|source| RecordingError::File { path: path.to_owned(), source })?;
    if hash(&bytes) == sha256 {
        Ok(bytes)
    } else {
        Err(RecordingError::Damaged { path: path.to_owned() })
    }
}

/// Writes a file beside its place and moves it there when it is on the disk whole.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    crate::store::make_private_folder(folder)?;
    let partial = path.with_extension("part");
    let written = (|| {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        // What is left of it is in nobody's way and overwritten by the next attempt.
        let _ = fs::remove_file(&partial);
    }
    written
}

#[cfg(test)]
mod tests;
