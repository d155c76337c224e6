//! Workers who record clips by telephone: the wiring of [`RecordingCall`] to the media path, the PINs and the files.
//!
//! The calls are the desk's, as are their session descriptions and the alarm codes that are keyed in them; here are the
//! words, the recorder and the keys. What takes time (a PIN, a prompt, a file) is done aside, with a deadline, on the
//! runtime of the service: nothing here holds up the calls of an alarm. What was not kept with 1 is gone with the call.

use super::Parts;
use super::shard::ShardInput;
use crate::clock::Seldom;
use crate::media::{Piece, Playlist, RecordLimits, Recording, Take};
use crate::prompts::dialogue::{Happening, PinCheck, RecordingCall, Step};
use crate::prompts::{Cut, RAW_SECONDS_MAX, RecordingError, Recordings, Refusal, Voice, codes};
use crate::store::Database;
use crate::store::recordings::RecordingPlace;
use crate::store::worker_pins::{self, WorkerPinVerdict};
use crate::tasks::Tasks;
use jiff::Timestamp;
use lianfang_domain::digits::Key;
use lianfang_domain::directory::{Community, Directory};
use lianfang_domain::id::{CommunityId, WorkerId};
use lianfang_domain::words::{Clip, Phrase};
use lianfang_sip::agent::api::CallHandle;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Calls at once; further ones hear that we are busy.
pub(super) const CALLS_MAX: usize = 8;
/// What is done aside at a time, for calls that are over too; what is more fails, and the caller hears so.
const JOBS_MAX: usize = 8;
/// How long a caller waits for a PIN or a prompt.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// How long a caller waits for the disk.
const KEEP_MAX: Duration = Duration::from_secs(10);
/// Playlists of this call count from here: those of the desk stay below.
const FIRST_PLAYLIST: u32 = 1 << 16;
/// Silence before and behind what was recorded, in ms.
const PAUSE_MS: u16 = 300;

/// What recording by telephone works with.
#[derive(Clone, Debug)]
pub struct RecordingNeeds {
    /// Where recordings are kept.
    pub recordings: Recordings,
    /// Where the PINs of workers are.
    pub database: Database,
    /// Tasks that are none of the alarm path.
    pub tasks: Tasks,
}

/// What was done aside.
#[derive(Debug)]
pub(super) enum Answer {
    /// A PIN was looked at.
    Checked(PinCheck),
    /// A prompt was made: the prompt, and as it is played.
    Cut(Box<(Cut, Recording)>),
    /// It makes no prompt.
    Refused(Refusal),
    /// It is kept.
    Kept,
    /// It could not be done, or not in time.
    Failed,
}

struct Call {
    machine: RecordingCall,
    voice: Voice,
    /// Who calls, for the audit trail.
    who: Arc<str>,
    worker: Option<(WorkerId, CommunityId)>,
    place: Option<RecordingPlace>,
    take: Option<Arc<Take>>,
    cut: Option<Box<(Cut, Recording)>>,
    playlist: u32,
}

/// See the module.
pub(super) struct RecordingCalls {
    parts: Arc<Parts>,
    inbox: mpsc::Sender<ShardInput>,
    calls: BTreeMap<CallHandle, Call>,
    jobs: Arc<Semaphore>,
    ended: VecDeque<CallHandle>,
}

impl RecordingCalls {
    pub(super) fn new(parts: Arc<Parts>, inbox: mpsc::Sender<ShardInput>) -> Self {
        let jobs = Arc::new(Semaphore::new(JOBS_MAX));
        Self { parts, inbox, calls: BTreeMap::new(), jobs, ended: VecDeque::new() }
    }

    /// Whether another call may be taken. Those in trouble come first.
    pub(super) fn has_room(&self) -> bool {
        let media = self.parts.media.stats();
        let is_calm = media.sessions < media.sessions_max / 2;
        self.parts.recording.is_some() && is_calm && self.calls.len() < CALLS_MAX
    }

    /// Drives a call that was just answered, spoken to with `voice` until it is known whose worker calls.
    pub(super) fn begin(&mut self, call: CallHandle, voice: Voice, who: Arc<str>, now: Timestamp) {
        let known = Call {
            machine: RecordingCall::new(now),
            voice,
            who,
            worker: None,
            place: None,
            take: None,
            cut: None,
            playlist: FIRST_PLAYLIST,
        };
        self.calls.insert(call, known);
        self.run(call, now);
    }

    /// A call that is to be hung up.
    pub(super) fn poll_ended(&mut self) -> Option<CallHandle> {
        self.ended.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.calls.values().filter_map(|known| known.machine.poll_timeout()).min()
    }

    pub(super) fn on_timeout(&mut self, now: Timestamp) {
        let is_due = |known: &Call| known.machine.poll_timeout().is_some_and(|due| due <= now);
        let due: Vec<_> =
            self.calls.iter().filter(|(_, known)| is_due(known)).map(|(call, _)| *call).collect();
        for call in due {
            if let Some(known) = self.calls.get_mut(&call) {
                known.machine.on_timeout(now);
                self.run(call, now);
            }
        }
    }

    /// Whether a worker records in this call.
    pub(super) fn drives(&self, call: CallHandle) -> bool {
        self.calls.contains_key(&call)
    }

    /// Whether the key may belong to an alarm code; asked once for each, before [`RecordingCalls::on_key`].
    pub(super) fn may_be_code(&mut self, call: CallHandle, key: Key) -> bool {
        self.calls.get_mut(&call).is_none_or(|known| known.machine.may_be_code(key))
    }

    /// A key that raised no alarm.
    pub(super) fn on_key(&mut self, call: CallHandle, key: Key, now: Timestamp) {
        self.on(call, Happening::Key(key), now);
    }

    /// A playlist has ended. False when it was not played here.
    pub(super) fn on_said(&mut self, call: CallHandle, playlist: u32, now: Timestamp) -> bool {
        let Some(known) = self.calls.get(&call) else { return false };
        if known.playlist == playlist {
            self.on(call, Happening::Said, now);
        }
        true
    }

    /// What a caller said.
    pub(super) fn on_recorded(&mut self, call: CallHandle, take: Arc<Take>, now: Timestamp) {
        if let Some(known) = self.calls.get_mut(&call) {
            known.take = Some(take);
            self.on(call, Happening::Recorded, now);
        }
    }

    /// What was done aside is done.
    pub(super) fn on_answer(&mut self, call: CallHandle, answer: Answer, now: Timestamp) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        let happening = match answer {
            Answer::Checked(PinCheck::Right) => Happening::Checked(self.welcome(call)),
            Answer::Checked(check) => Happening::Checked(check),
            Answer::Cut(cut) => {
                known.cut = Some(cut);
                Happening::Cut(Ok(()))
            }
            Answer::Refused(refusal) => Happening::Cut(Err(refusal)),
            Answer::Kept => Happening::Kept(true),
            Answer::Failed => Happening::Failed,
        };
        self.on(call, happening, now);
    }

    /// The call is over, or it is about an alarm from now on. What was recorded is forgotten.
    pub(super) fn forget(&mut self, call: CallHandle) {
        if self.calls.remove(&call).is_some() {
            // A full queue leaves a recording that ends by its limit, and words that end by themselves.
            let _ = self.parts.media.finish_recording(call.0);
            let _ = self.parts.media.stop(call.0);
        }
    }

    fn on(&mut self, call: CallHandle, happening: Happening, now: Timestamp) {
        if let Some(known) = self.calls.get_mut(&call) {
            known.machine.on(happening, now);
            self.run(call, now);
        }
    }

    fn run(&mut self, call: CallHandle, now: Timestamp) {
        while let Some(step) = self.calls.get_mut(&call).and_then(|known| known.machine.poll_step())
        {
            self.step(call, step, now);
        }
    }

    fn step(&mut self, call: CallHandle, step: Step, now: Timestamp) {
        match step {
            Step::Say(phrases) => {
                let Some(known) = self.calls.get(&call) else { return };
                let clips: Vec<_> = phrases.into_iter().map(Clip::Phrase).collect();
                let words = match known.playlist {
                    FIRST_PLAYLIST => known.voice.announce(&clips),
                    _ => known.voice.speak(&clips),
                };
                self.play(call, words, now);
            }
            Step::Check { worker, pin } => self.check(call, &worker, pin, now),
            Step::Find { code } => {
                let is_found = self.find(call, &code);
                self.on(call, Happening::Found(is_found), now);
            }
            Step::Record => {
                let duration = Duration::from_secs(RAW_SECONDS_MAX.into());
                let limits = RecordLimits { duration, end_key: Key::of_char('#') };
                let begun = self.parts.media.record(call.0, limits);
                self.check_media(call, begun, now);
            }
            Step::Finish => {
                let finished = self.parts.media.finish_recording(call.0);
                self.check_media(call, finished, now);
            }
            Step::Cut => self.cut(call, now),
            Step::PlayBack => self.play_back(call, now),
            Step::Keep => self.keep(call, now),
            Step::HangUp => self.ended.push_back(call),
            Step::Forget => self.forget(call),
        }
    }

    fn play(&mut self, call: CallHandle, words: Playlist, now: Timestamp) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        known.playlist = known.playlist.saturating_add(1);
        let playlist = Playlist { id: known.playlist, ..words };
        let played = self.parts.media.play(call.0, playlist);
        self.check_media(call, played, now);
    }

    /// Who hears nothing does not know what to do: the call ends, or says why it does.
    fn check_media(
        &mut self,
        call: CallHandle,
        done: Result<(), crate::media::MediaError>,
        now: Timestamp,
    ) {
        let Err(error) = done else { return };
        tell_failure(&error, now);
        let is_over = self.calls.get(&call).is_some_and(|known| known.machine.is_leaving());
        if is_over {
            self.ended.push_back(call);
            self.forget(call);
        } else {
            self.on(call, Happening::Failed, now);
        }
    }

    /// The worker whose PIN was right is spoken to as their community is.
    fn welcome(&mut self, call: CallHandle) -> PinCheck {
        let directory = self.parts.directory.current();
        let Some(known) = self.calls.get_mut(&call) else { return PinCheck::Wrong };
        let found = known.worker.and_then(|(worker, _)| community_of(&directory, worker));
        // They left between two looks.
        let Some((worker, community)) = known.worker.zip(found) else { return PinCheck::Wrong };
        known.worker = Some((worker.0, community.id));
        known.voice = self.parts.prompts.voice(Some(community.id), community.language);
        PinCheck::Right
    }

    fn check(&mut self, call: CallHandle, worker: &str, pin: String, now: Timestamp) {
        // No worker has the number 0: as long as for any other, the answer is no.
        let worker = WorkerId(worker.parse().unwrap_or(0));
        let Some(known) = self.calls.get_mut(&call) else { return };
        known.worker = Some((worker, CommunityId::default()));
        let (who, clock) = (Arc::clone(&known.who), self.parts.clock.clone());
        self.aside(call, now, move |needs| async move {
            let editor = needs.database.edited_by(&who, clock.now());
            let looked = worker_pins::check(&editor, worker, &pin);
            match tokio::time::timeout(LOOK_MAX, looked).await {
                Ok(Ok(WorkerPinVerdict::Right)) => Answer::Checked(PinCheck::Right),
                Ok(Ok(WorkerPinVerdict::Wrong)) => Answer::Checked(PinCheck::Wrong),
                Ok(Ok(WorkerPinVerdict::Locked)) => Answer::Checked(PinCheck::Locked),
                Ok(Err(error)) => failed(&error, clock.now()),
                Err(late) => failed(&late, clock.now()),
            }
        });
    }

    /// Finds the clip of a code, in the worker's own community.
    fn find(&mut self, call: CallHandle, code: &str) -> bool {
        let directory = self.parts.directory.current();
        let Some(known) = self.calls.get_mut(&call) else { return false };
        let community = known.worker.and_then(|(_, id)| directory.community(id));
        known.place = community.and_then(|community| place_of(community, code));
        known.place.is_some()
    }

    fn cut(&mut self, call: CallHandle, now: Timestamp) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        known.cut = None;
        let (Some(place), Some(take)) = (known.place.clone(), known.take.take()) else {
            return self.on(call, Happening::Failed, now);
        };
        let clock = self.parts.clock.clone();
        self.aside(call, now, move |needs| async move {
            let samples = take.samples().to_vec();
            drop(take);
            let cut = needs.recordings.cut(&place, samples);
            match tokio::time::timeout(LOOK_MAX, cut).await {
                Ok(Ok(cut)) => {
                    let sound = Recording::encode_small(&cut.samples);
                    Answer::Cut(Box::new((cut, sound)))
                }
                Ok(Err(RecordingError::Refused(refusal))) => Answer::Refused(refusal),
                Ok(Err(error)) => failed(&error, clock.now()),
                Err(late) => failed(&late, clock.now()),
            }
        });
    }

    fn play_back(&mut self, call: CallHandle, now: Timestamp) {
        let Some(known) = self.calls.get(&call) else { return };
        let Some(cut) = &known.cut else { return self.on(call, Happening::Failed, now) };
        let [before, after] = [Phrase::YouSaid, Phrase::KeepKeys]
            .map(|phrase| known.voice.speak(&[Clip::Phrase(phrase)]));
        let sound =
            [Piece::Silence(PAUSE_MS), Piece::Recording(cut.1.clone()), Piece::Silence(PAUSE_MS)];
        let pieces = before.pieces.iter().cloned().chain(sound);
        let words = Playlist::once(0, pieces.chain(after.pieces.iter().cloned()));
        self.play(call, words, now);
    }

    fn keep(&mut self, call: CallHandle, now: Timestamp) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        let (Some(place), Some(cut), Some((worker, _))) =
            (known.place.clone(), known.cut.take(), known.worker)
        else {
            return self.on(call, Happening::Failed, now);
        };
        let (clock, inbox) = (self.parts.clock.clone(), self.inbox.clone());
        self.aside(call, now, move |needs| async move {
            let by = format!("worker {worker}");
            let keep = needs.recordings.keep(&place, cut.0, &by);
            let mut keep = std::pin::pin!(keep);
            match tokio::time::timeout(KEEP_MAX, &mut keep).await {
                Ok(Ok(_)) => Answer::Kept,
                Ok(Err(error)) => failed(&error, clock.now()),
                Err(late) => {
                    // The caller waits no longer; the row and what is played still have to become one.
                    tell(&inbox, call, failed(&late, clock.now()));
                    match keep.await {
                        Ok(_) => Answer::Kept,
                        Err(error) => failed(&error, clock.now()),
                    }
                }
            }
        });
    }

    /// Does something that takes time, and comes back with the answer.
    fn aside<F>(
        &mut self,
        call: CallHandle,
        now: Timestamp,
        job: impl FnOnce(RecordingNeeds) -> F + Send + 'static,
    ) where
        F: Future<Output = Answer> + Send + 'static,
    {
        let slot: Option<OwnedSemaphorePermit> = Arc::clone(&self.jobs).try_acquire_owned().ok();
        let (Some(slot), Some(needs)) = (slot, self.parts.recording.clone()) else {
            return self.on(call, Happening::Failed, now);
        };
        let (inbox, tasks) = (self.inbox.clone(), needs.tasks.clone());
        let job = job(needs);
        tasks.start("recording_call", move |stop| async move {
            if let Some(answer) = stop.run_until_cancelled(job).await {
                tell(&inbox, call, answer);
            }
            drop(slot);
        });
    }
}

/// Without the answer the call ends after a while.
fn tell(inbox: &mpsc::Sender<ShardInput>, call: CallHandle, answer: Answer) {
    let _ = inbox.try_send(ShardInput::Recording { call, answer });
}

fn failed(error: &dyn std::error::Error, now: Timestamp) -> Answer {
    tell_failure(error, now);
    Answer::Failed
}

fn tell_failure(error: &dyn std::error::Error, now: Timestamp) {
    metrics::counter!("lianfang_recording_calls_failed_total").increment(1);
    static TOLD: Seldom = Seldom::new();
    if let Some(times) = TOLD.tell(now) {
        tracing::error!(%error, times, "A worker cannot record by telephone");
    }
}

fn community_of(directory: &Directory, worker: WorkerId) -> Option<&Arc<Community>> {
    directory.communities().find(|community| community.worker(worker).is_some())
}

/// Where a recording of the clip of this code is played: in the language before the `*`, or in that of the community.
fn place_of(community: &Community, code: &str) -> Option<RecordingPlace> {
    let (language, named) = codes::keyed(code)?;
    let language = language.unwrap_or(community.language);
    let household = |id| community.household(id);
    let (clip, language) = match named {
        codes::Named::Clip(clip) => (clip, language),
        codes::Named::Name(id) | codes::Named::Place(id) => {
            let clips = codes::of_household(community, household(id)?);
            let wanted = code.rsplit('*').next()?;
            let (_, clip) = clips.into_iter().find(|(code, _)| code == wanted)?;
            let language = clip.spoken_in(language);
            (clip, language)
        }
    };
    Some(RecordingPlace { community: Some(community.id), language, clip: clip.file_stem() })
}
