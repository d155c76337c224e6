//! The calls that come in: from lines in trouble above all. Hears the trigger, hands it to the switchboard, answers,
//! and says what the switchboard wants the caller to hear.
//!
//! Decisions are `domain::trigger` (what a call is) and [`ResidentCall`] (how it goes on); here is the wiring:
//! [`reception`] takes calls up, [`ask`] speaks with the switchboard, [`sound`] with the media path.

mod ask;
mod reception;
mod sound;

use super::Parts;
use super::callers::Callers;
use super::deadlines::{Armed, Deadlines};
use super::legs::key_of;
use super::recording_call::{Answer, RecordingCalls};
use super::resident_call::{Happening, Limits, ResidentCall, Saying, Step};
use super::session::Session;
use super::shard::ShardInput;
use super::speaker::Speaker;
use crate::media::{MediaEvent, Report};
use crate::switchboard::CallerId;
use jiff::Timestamp;
use lianfang_domain::alarm::WithdrawMeans;
use lianfang_domain::digits::Key;
use lianfang_domain::digits::merge::{Means, PressMerge};
use lianfang_domain::id::{AlarmId, CommunityId, HouseholdId};
use lianfang_domain::leg::LegOrder;
use lianfang_domain::words;
use lianfang_sip::agent::api::{CallHandle, Command, EndCause, Rejection};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Weak alarms whose call may yet be proven: far more than there are in the seconds that this takes.
const WEAK_MAX: usize = 256;
/// What a call says before the switchboard has told which alarm it belongs to: nobody keys more in a moment.
const EARLY_MAX: usize = 4;

struct Call {
    machine: ResidentCall,
    speaker: Speaker,
    /// The rest of a silent code was keyed.
    is_silenced: bool,
    caller: CallerId,
    idempotency_key: String,
    offer: Option<Arc<[u8]>>,
    session: Option<Session>,
    signalled_from: IpAddr,
    keys: PressMerge,
    presses: u32,
    playlist: u32,
    heard_at: Timestamp,
    /// The alarm that the last press raised or belongs to, or that of the caller's household.
    alarm: Option<AlarmId>,
    /// Whose PIN withdraws the alarm.
    household: Option<(CommunityId, HouseholdId)>,
    /// By what the PIN is told.
    means: WithdrawMeans,
    /// What was said while the alarm was not known yet.
    early: VecDeque<Step>,
    /// Alarms that the caller was told of as somebody who is called.
    told: Vec<AlarmId>,
    /// The community whose number was called.
    community: Option<CommunityId>,
    /// It takes one of the places of those who call back.
    is_counted: bool,
    armed: Armed,
}

/// See the module.
pub(super) struct Desk {
    parts: Arc<Parts>,
    inbox: mpsc::Sender<ShardInput>,
    events: mpsc::Sender<MediaEvent>,
    limits: Limits,
    calls: HashMap<CallHandle, Call>,
    /// Calls of residents by alarm, so that they hear who is coming.
    by_alarm: BTreeMap<AlarmId, Vec<CallHandle>>,
    /// How many called persons talk in an alarm: the resident is with them.
    talks: BTreeMap<AlarmId, u32>,
    deadlines: Deadlines,
    /// Calls that raised a weak alarm and may yet prove themselves, the latest ones.
    weak: VecDeque<String>,
    callers: Callers,
    /// Calls in which workers record.
    recordings: RecordingCalls,
    commands: VecDeque<Command>,
    /// Calls that a leg is to drive.
    lent: VecDeque<(CallHandle, LegOrder)>,
    /// Calls that no leg drives any more.
    taken_back: VecDeque<CallHandle>,
}

impl Desk {
    pub(super) fn new(
        parts: Arc<Parts>,
        inbox: mpsc::Sender<ShardInput>,
        events: mpsc::Sender<MediaEvent>,
        resident: Duration,
        access: Duration,
    ) -> Self {
        let recordings = RecordingCalls::new(Arc::clone(&parts), inbox.clone());
        Self {
            parts,
            inbox,
            events,
            limits: Limits { resident, access },
            calls: HashMap::new(),
            by_alarm: BTreeMap::new(),
            talks: BTreeMap::new(),
            deadlines: Deadlines::default(),
            weak: VecDeque::new(),
            callers: Callers::default(),
            recordings,
            commands: VecDeque::new(),
            lent: VecDeque::new(),
            taken_back: VecDeque::new(),
        }
    }

    pub(super) fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// A call that a leg is to drive from now on.
    pub(super) fn poll_lent(&mut self) -> Option<(CallHandle, LegOrder)> {
        self.lent.pop_front()
    }

    /// A call that its leg is to leave: it raised an alarm itself.
    pub(super) fn poll_taken_back(&mut self) -> Option<CallHandle> {
        self.taken_back.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        [self.deadlines.next(), self.recordings.poll_timeout()].into_iter().flatten().min()
    }

    pub(super) fn on_timeout(&mut self, now: Timestamp) {
        while let Some((due, call)) = self.deadlines.pop_due(now) {
            if let Some(known) = self.calls.get_mut(&call)
                && known.armed.take(due)
            {
                known.machine.on_timeout(now);
                self.run(call, now);
            }
        }
        self.recordings.on_timeout(now);
        self.end_recordings(now);
    }

    /// The Call-ID of a call: its key begins with it, then comes the tag of the caller.
    pub(super) fn call_id_of(&self, call: CallHandle) -> Option<&str> {
        self.calls.get(&call).map(|known| call_id_in(&known.idempotency_key))
    }

    pub(super) fn on_raised(&mut self, call: CallHandle, alarm: AlarmId, now: Timestamp) {
        self.link(call, alarm);
        self.on(call, Happening::Raised, now);
        let early = self.calls.get_mut(&call).map(|known| std::mem::take(&mut known.early));
        for step in early.unwrap_or_default() {
            self.step(call, step, now);
        }
        self.run(call, now);
    }

    /// The call hears what happens in this alarm.
    fn link(&mut self, call: CallHandle, alarm: AlarmId) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        let before = known.alarm.replace(alarm);
        if before != Some(alarm) {
            self.leave(before, call);
            self.by_alarm.entry(alarm).or_default().push(call);
            if self.talks.contains_key(&alarm) {
                self.join(call, alarm);
            }
        }
    }

    /// The caller gave up before we answered.
    pub(super) fn on_gone(&mut self, call: CallHandle, now: Timestamp) {
        self.on(call, Happening::HungUp, now);
    }

    /// An answered call is over. Only the other side's BYE says that somebody hung up.
    pub(super) fn on_ended(&mut self, call: CallHandle, cause: EndCause, now: Timestamp) {
        let happening = match cause {
            EndCause::Remote => Happening::HungUp,
            EndCause::Local | EndCause::NoAck | EndCause::ConnectionLost | EndCause::Orphan => {
                Happening::Lost
            }
        };
        self.on(call, happening, now);
    }

    /// The leg that drove the call is over; the caller is still there.
    pub(super) fn on_returned(&mut self, call: CallHandle, alarm: AlarmId, now: Timestamp) {
        if let Some(known) = self.calls.get_mut(&call) {
            known.told.push(alarm);
            self.on(call, Happening::Returned, now);
        }
    }

    /// The key, where a leg drives the call: it is the leg's.
    #[must_use]
    pub(super) fn on_info(
        &mut self,
        call: CallHandle,
        content_type: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Option<Key> {
        self.on_key(call, key_of(content_type, body)?, Means::Info, now)
    }

    /// As [`Desk::on_info`].
    #[must_use]
    pub(super) fn on_media(&mut self, event: MediaEvent, now: Timestamp) -> Option<Key> {
        let call = CallHandle(event.session);
        match event.report {
            Report::Key(key) => return self.on_key(call, key, Means::Rtp, now),
            Report::PlaylistEnded(id) => {
                if self.recordings.on_said(call, id, now) {
                    self.end_recordings(now);
                } else if self.calls.get(&call).is_some_and(|known| known.playlist == id) {
                    self.on(call, Happening::Said, now);
                }
            }
            Report::PeerSilent => self.on(call, Happening::Silent, now),
            Report::Recorded(take) => {
                self.recordings.on_recorded(call, take, now);
                self.end_recordings(now);
            }
            Report::Closed(_) => {}
        }
        None
    }

    fn on_key(&mut self, call: CallHandle, key: Key, means: Means, now: Timestamp) -> Option<Key> {
        let known = self.calls.get_mut(&call)?;
        if !known.keys.on_press(key, means, now) {
            return None;
        }
        known.heard_at = now;
        let records = self.recordings.drives(call);
        if records && !self.recordings.may_be_code(call, key) {
            self.recordings.on_key(call, key, now);
            self.end_recordings(now);
            return None;
        }
        let was_lent = known.machine.is_lent();
        known.machine.on(Happening::Key(key), now);
        let is_lent = known.machine.is_lent();
        if was_lent && !is_lent {
            // Whoever is in it raised an alarm.
            match records {
                true => self.recordings.forget(call),
                false => self.taken_back.push_back(call),
            }
        }
        self.run(call, now);
        if records {
            self.recordings.on_key(call, key, now);
            self.end_recordings(now);
        }
        (is_lent && !records).then_some(key)
    }

    /// A PIN was looked at, a prompt was made or kept for whoever records.
    pub(super) fn on_recording(&mut self, call: CallHandle, answer: Answer, now: Timestamp) {
        self.recordings.on_answer(call, answer, now);
        self.end_recordings(now);
    }

    /// Lets a worker record. A call without sound is of no use to them.
    fn begin_recording(&mut self, call: CallHandle, now: Timestamp) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        if known.session.is_none() {
            return self.on(call, Happening::Done, now);
        }
        let voice = known.speaker.voice(&self.parts.prompts).clone();
        let who = known.caller.line.map_or_else(|| "caller".to_owned(), |id| format!("line:{id}"));
        self.recordings.begin(call, voice, who.into(), now);
        self.end_recordings(now);
    }

    /// Hangs up on those who are done.
    fn end_recordings(&mut self, now: Timestamp) {
        while let Some(call) = self.recordings.poll_ended() {
            self.on(call, Happening::Done, now);
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
        if let Some(known) = self.calls.get_mut(&call) {
            let due = known.machine.poll_timeout().map(|due| due.max(now));
            self.deadlines.arm(&mut known.armed, due, call);
        }
    }

    fn step(&mut self, call: CallHandle, step: Step, now: Timestamp) {
        match step {
            Step::Raise { heard, source } => self.raise(call, heard, source, now),
            Step::NameKind(_) | Step::Silence | Step::TryPin(_) => self.tell_alarm(call, step, now),
            Step::DoorReached => self.door_reached(call, now),
            Step::AskWanted => self.ask_wanted(call, now),
            Step::Record => self.begin_recording(call, now),
            Step::Accept => {
                if let Some(status) = self.accept(call) {
                    let rejection = Rejection { status, contact: None, headers: Vec::new() };
                    self.commands.push_back(Command::Reject { call, rejection });
                    if let Some(known) = self.calls.get_mut(&call) {
                        known.machine.on(Happening::Lost, now);
                    }
                }
            }
            Step::Say(saying) => self.say_of_itself(call, saying),
            Step::HangUp => self.commands.push_back(Command::Hangup { call }),
            Step::Forget => self.forget(call),
        }
    }

    fn say_of_itself(&mut self, call: CallHandle, saying: Saying) {
        let Some(known) = self.calls.get(&call) else { return };
        let clips = match saying {
            Saying::ForHelpPress => {
                words::access(known.speaker.codes.alarm.first().map_or("#9", |code| &**code))
            }
            Saying::Grace => words::hotline_grace(),
            Saying::Noted => words::noted(),
            Saying::KeyPin => words::key_pin(),
            Saying::PinRefused => words::pin_refused(),
            Saying::ArrivalNoted => words::arrival_noted(),
            Saying::NoOpenAlarm => words::no_open_alarm(),
            Saying::Welcome => {
                let directory = self.parts.directory.current();
                let community = known.community.and_then(|id| directory.community(id));
                words::welcome(community.map_or("", |community| &community.name))
            }
        };
        self.say(call, &clips);
    }

    fn forget(&mut self, call: CallHandle) {
        self.recordings.forget(call);
        self.parts.media.close(call.0);
        let Some(known) = self.calls.remove(&call) else { return };
        if known.is_counted {
            self.callers.leave();
        }
        self.leave(known.alarm, call);
    }

    /// The call hears nothing more of the alarm.
    fn leave(&mut self, alarm: Option<AlarmId>, call: CallHandle) {
        let Some((alarm, calls)) = alarm.and_then(|id| Some((id, self.by_alarm.get_mut(&id)?)))
        else {
            return;
        };
        calls.retain(|known| *known != call);
        if calls.is_empty() {
            self.by_alarm.remove(&alarm);
        }
    }
}

/// The Call-ID in the key of a call.
fn call_id_in(idempotency_key: &str) -> &str {
    idempotency_key.split(';').next().unwrap_or_default()
}
