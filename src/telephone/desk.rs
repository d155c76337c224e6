//! The calls that come in: from lines in trouble above all. Hears the trigger, hands it to the switchboard, answers,
//! and says what the switchboard wants the resident to hear.
//!
//! Decisions are `domain::trigger` (what a call is) and [`ResidentCall`] (how it goes on); here is the wiring.

use super::Parts;
use super::deadlines::{Armed, Deadlines};
use super::legs::key_of;
use super::resident_call::{Happening, Kind, Limits, ResidentCall, Saying, Step};
use super::session::Session;
use super::shard::ShardInput;
use super::speaker::{Heard, Speaker};
use crate::clock::Seldom;
use crate::media::{MediaEvent, MediaPlan, OpenSession, Playlist, Report};
use crate::switchboard::Raised;
use jiff::Timestamp;
use lianfang_domain::alarm::{Proof, ResidentNotice, TriggerSource};
use lianfang_domain::digits::Key;
use lianfang_domain::digits::matcher::CodeMatcher;
use lianfang_domain::digits::merge::{Means, PressMerge};
use lianfang_domain::directory::LineRef;
use lianfang_domain::id::AlarmId;
use lianfang_domain::plan::Plan;
use lianfang_domain::trigger::{self, CallerKind, Dialled, Verdict};
use lianfang_domain::words::{self, Clip};
use lianfang_sip::agent::api::{
    CallHandle, Caller, Command, EndCause, IncomingCall, Rejection, Unproven,
};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// What an edge is told when the switchboard takes no more: another node may.
const RETRY_AFTER_S: &str = "2";

/// Weak alarms whose call may yet be proven: far more than there are in the seconds that this takes.
const WEAK_MAX: usize = 256;

/// A call that waits for its answer.
struct Asked {
    call: CallHandle,
    idempotency_key: String,
    offer: Option<Arc<[u8]>>,
    signalled_from: IpAddr,
}

struct Call {
    machine: ResidentCall,
    speaker: Speaker,
    idempotency_key: String,
    offer: Option<Arc<[u8]>>,
    session: Option<Session>,
    signalled_from: IpAddr,
    keys: PressMerge,
    matcher: CodeMatcher,
    presses: u32,
    playlist: u32,
    heard_at: Timestamp,
    /// The alarm that the last press raised or belongs to.
    alarm: Option<AlarmId>,
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
    deadlines: Deadlines,
    /// Calls that raised a weak alarm and may yet prove themselves, the latest ones.
    weak: VecDeque<String>,
    commands: VecDeque<Command>,
}

impl Desk {
    pub(super) fn new(
        parts: Arc<Parts>,
        inbox: mpsc::Sender<ShardInput>,
        events: mpsc::Sender<MediaEvent>,
        resident: Duration,
        access: Duration,
    ) -> Self {
        Self {
            parts,
            inbox,
            events,
            limits: Limits { resident, access },
            calls: HashMap::new(),
            by_alarm: BTreeMap::new(),
            deadlines: Deadlines::default(),
            weak: VecDeque::new(),
            commands: VecDeque::new(),
        }
    }

    pub(super) fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.deadlines.next()
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
    }

    /// A call from a proven line or over a trunk.
    pub(super) fn on_call(&mut self, incoming: IncomingCall, now: Timestamp) {
        let home = self.parts.lines.home_of(&incoming.caller);
        let caller = match &incoming.caller {
            Caller::Line { account } => CallerKind::Proven { account },
            Caller::Trunk { trunk, identity } => CallerKind::Trusted {
                identity: identity.as_deref(),
                home: &home,
                has_trusted_code: self.parts.lines.trusts_alarm_code(trunk),
            },
        };
        let heard = Dialled {
            user: &incoming.dialled.user,
            alarm_code: incoming.dialled.alarm_code.as_deref(),
            is_diverted: incoming.diverted,
        };
        let verdict =
            trigger::hear(&heard, caller, &self.parts.directory.current(), &self.parts.rules);
        let asked = Asked {
            call: incoming.call,
            idempotency_key: self.proven_key(incoming.idempotency_key),
            offer: incoming.offer,
            signalled_from: incoming.flow.remote.ip(),
        };
        self.obey(verdict, asked, now);
    }

    /// A call in the name of a line that did not prove itself: a weak alarm, or nothing.
    pub(super) fn on_unproven(&mut self, unproven: Unproven, now: Timestamp) {
        let caller = CallerKind::Unproven {
            account: &unproven.account,
            source_is_live_binding: unproven.source_is_live_binding,
        };
        let heard = Dialled { user: &unproven.dialled.user, alarm_code: None, is_diverted: false };
        let verdict =
            trigger::hear(&heard, caller, &self.parts.directory.current(), &self.parts.rules);
        let idempotency_key = unproven.idempotency_key;
        match (verdict, unproven.call) {
            (verdict, Some(call)) => {
                let asked = Asked {
                    call,
                    idempotency_key,
                    offer: unproven.offer,
                    signalled_from: unproven.flow.remote.ip(),
                };
                self.obey(verdict, asked, now);
            }
            (Verdict::Alarm { line, code, proof }, None) => {
                let heard =
                    Heard { code, source: TriggerSource::Dialled, idempotency_key, at: now };
                self.raise_unheard((line, proof), heard);
            }
            // Without a call there is nobody to wait for in the grace.
            (Verdict::Hotline { line, proof, .. }, None) => {
                let source = TriggerSource::Hotline;
                let heard = Heard { code: "".into(), source, idempotency_key, at: now };
                self.raise_unheard((line, proof), heard);
            }
            (
                Verdict::Access { .. }
                | Verdict::Incomplete
                | Verdict::Redirect { .. }
                | Verdict::NotFound
                | Verdict::Forbidden,
                None,
            ) => {}
        }
    }

    /// A weak alarm of a phone that we cannot talk to.
    fn raise_unheard(&mut self, (line, proof): (LineRef, Proof), heard: Heard) {
        let directory = self.parts.directory.current();
        let Some(speaker) = Speaker::find(&directory, Some(line), proof) else { return };
        if self.weak.len() == WEAK_MAX {
            self.weak.pop_front();
        }
        self.weak.push_back(heard.idempotency_key.clone());
        if let Some(press) = speaker.press(&directory, heard)
            && self.parts.switchboard.press(press).is_err()
        {
            self.parts.tell_refused();
        }
    }

    fn obey(&mut self, verdict: Verdict, asked: Asked, now: Timestamp) {
        let call = asked.call;
        let (line, proof, kind) = match verdict {
            Verdict::Alarm { line, code, proof } => (Some(line), proof, Kind::Alarm { code }),
            Verdict::Hotline { line, grace_s, proof } => (
                Some(line),
                proof,
                Kind::Hotline { grace: Duration::from_secs(u64::from(grace_s)) },
            ),
            Verdict::Access { line, proof } => (line, proof, Kind::Access),
            Verdict::Incomplete => return self.reject(call, 484, None),
            Verdict::Redirect { to } => return self.reject(call, 302, Some(to)),
            Verdict::NotFound => return self.reject(call, 404, None),
            Verdict::Forbidden => return self.reject(call, 403, None),
        };
        let Some(speaker) = Speaker::find(&self.parts.directory.current(), line, proof) else {
            return self.reject(call, 404, None);
        };
        let matcher = CodeMatcher::new(&speaker.codes);
        let machine = ResidentCall::new(kind, self.limits, now);
        let known = Call {
            machine,
            speaker,
            idempotency_key: asked.idempotency_key,
            offer: asked.offer,
            session: None,
            signalled_from: asked.signalled_from,
            keys: PressMerge::default(),
            matcher,
            presses: 0,
            playlist: 0,
            heard_at: now,
            alarm: None,
            armed: Armed::default(),
        };
        self.calls.insert(call, known);
        self.run(call, now);
    }

    pub(super) fn on_raised(&mut self, call: CallHandle, alarm: AlarmId, now: Timestamp) {
        if let Some(known) = self.calls.get_mut(&call) {
            let before = known.alarm.replace(alarm);
            if before != Some(alarm) {
                self.leave(before, call);
                self.by_alarm.entry(alarm).or_default().push(call);
            }
        }
        self.on(call, Happening::Raised, now);
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

    /// Raises a weak alarm again once its call is proven after all, so that the neighbours are called as well: as
    /// another press, since the same one would be known already.
    fn proven_key(&self, key: String) -> String {
        if self.weak.contains(&key) { format!("{key};proven") } else { key }
    }

    /// The resident's answer to an offer of ours.
    pub(super) fn on_confirmed(&mut self, call: CallHandle, answer: Option<&[u8]>) {
        let session = self.calls.get_mut(&call).and_then(|known| known.session.as_mut());
        if let (Some(session), Some(answer)) = (session, answer)
            && let Ok(plan) = session.read_answer(answer)
        {
            self.start_media(call, plan);
        }
    }

    pub(super) fn on_info(
        &mut self,
        call: CallHandle,
        content_type: &str,
        body: &[u8],
        now: Timestamp,
    ) {
        if let Some(key) = key_of(content_type, body) {
            self.on_key(call, key, Means::Info, now);
        }
    }

    pub(super) fn on_media(&mut self, event: MediaEvent, now: Timestamp) {
        let call = CallHandle(event.session);
        match event.report {
            Report::Key(key) => self.on_key(call, key, Means::Rtp, now),
            Report::PlaylistEnded(id) => {
                if self.calls.get(&call).is_some_and(|known| known.playlist == id) {
                    self.on(call, Happening::Said, now);
                }
            }
            Report::PeerSilent => self.on(call, Happening::Silent, now),
            Report::Recorded(_) | Report::Closed(_) => {}
        }
    }

    pub(super) fn on_session_change(&mut self, call: CallHandle, offer: Option<&[u8]>) {
        let session = self.calls.get_mut(&call).and_then(|known| known.session.as_mut());
        let Some(session) = session else {
            self.commands.push_back(Command::AnswerSession { call, sdp: None });
            return;
        };
        let (answer, plan) = session.renegotiate(offer);
        if let Some(plan) = plan {
            self.start_media(call, plan);
        }
        self.commands.push_back(Command::AnswerSession { call, sdp: answer });
    }

    /// Says something to whoever raised this alarm and still listens.
    pub(super) fn tell(&mut self, alarm: AlarmId, notice: &ResidentNotice, plan: &Arc<Plan>) {
        for call in self.by_alarm.get(&alarm).cloned().unwrap_or_default() {
            let language = plan.scene.language;
            self.say(call, &words::resident(plan, notice, language));
        }
    }

    fn on_key(&mut self, call: CallHandle, key: Key, means: Means, now: Timestamp) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        if !known.keys.on_press(key, means, now) {
            return;
        }
        known.heard_at = now;
        let code = known.matcher.on_key(key, now);
        known.machine.on(Happening::Key(key), now);
        if let Some(code) = code {
            known.machine.on(Happening::Code(code), now);
        }
        self.run(call, now);
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
            Step::Raise { code, source } => self.raise(call, code, source, now),
            Step::Accept => {
                if let Some(status) = self.accept(call) {
                    let rejection = Rejection { status, contact: None, headers: Vec::new() };
                    self.commands.push_back(Command::Reject { call, rejection });
                    if let Some(known) = self.calls.get_mut(&call) {
                        known.machine.on(Happening::Lost, now);
                    }
                }
            }
            Step::Say(saying) => {
                let Some(known) = self.calls.get(&call) else { return };
                let clips = match saying {
                    Saying::ForHelpPress => {
                        words::access(known.speaker.codes.first().map_or("#9", |code| &**code))
                    }
                    Saying::Grace => words::hotline_grace(),
                    Saying::Noted => words::noted(),
                };
                self.say(call, &clips);
            }
            Step::HangUp => self.commands.push_back(Command::Hangup { call }),
            Step::Forget => self.forget(call),
        }
    }

    fn raise(&mut self, call: CallHandle, code: Arc<str>, source: TriggerSource, now: Timestamp) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        // Each press within a call is one of its own; the first is the call's.
        let idempotency_key = match known.presses {
            0 => known.idempotency_key.clone(),
            again => format!("{};{again}", known.idempotency_key),
        };
        known.presses += 1;
        let heard = Heard { code, source, idempotency_key, at: known.heard_at };
        let directory = self.parts.directory.current();
        let Some(mut press) = known.speaker.press(&directory, heard) else { return };
        let inbox = self.inbox.clone();
        press.reply = Box::new(move |raised: Raised| {
            // A full inbox loses only the early answer: the call is answered by its own deadline.
            let _ = inbox.try_send(ShardInput::Raised { call, alarm: raised.alarm });
        });
        if self.parts.switchboard.press(press).is_err() {
            self.parts.tell_refused();
            let headers = vec![("Retry-After".into(), RETRY_AFTER_S.into())];
            let rejection = Rejection { status: 503, contact: None, headers };
            // One of them means something: the call is answered or not. Either way the line hears that it failed.
            self.commands.push_back(Command::Reject { call, rejection });
            self.commands.push_back(Command::Hangup { call });
            self.on(call, Happening::HungUp, now);
        }
    }

    /// Answers. A call whose media cannot be agreed on is refused, with the status that is returned; its alarm stands.
    fn accept(&mut self, call: CallHandle) -> Option<u16> {
        let known = self.calls.get_mut(&call)?;
        let opened = self.parts.media.open(OpenSession { id: call.0, events: self.events.clone() });
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => return self.without_media(&error, ("has no media", 503)),
        };
        let mut session =
            Session::new(self.parts.media_address, opened.local_port, call.0, known.signalled_from);
        let (answer, plan) = match known.offer.take() {
            None => (session.offer(), None),
            Some(offer) => match session.answer(&offer) {
                Ok((answer, plan)) => (answer, Some(plan)),
                Err(error) => {
                    return self.without_media(&error, ("offers no media that we know", 488));
                }
            },
        };
        known.session = Some(session);
        if let Some(plan) = plan {
            self.start_media(call, plan);
        }
        self.commands.push_back(Command::Accept { call, sdp: answer });
        None
    }

    fn without_media(&self, error: &dyn Error, (why, status): (&str, u16)) -> Option<u16> {
        static TOLD: Seldom = Seldom::new();
        if let Some(times) = TOLD.tell(self.parts.clock.now()) {
            tracing::error!(%error, times, "A resident's call {why}");
        }
        Some(status)
    }

    fn start_media(&self, call: CallHandle, plan: MediaPlan) {
        if let Err(error) = self.parts.media.start(call.0, plan) {
            tracing::error!(%error, "A resident's media cannot be started");
        }
    }

    fn say(&mut self, call: CallHandle, clips: &[Clip]) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        if known.speaker.is_silent || clips.is_empty() {
            return;
        }
        known.playlist += 1;
        let words = known.speaker.voice(&self.parts.prompts).speak(clips);
        let playlist = Playlist { id: known.playlist, ..words };
        if let Err(error) = self.parts.media.play(call.0, playlist) {
            tracing::error!(%error, "A resident's announcement cannot be played");
        }
    }

    fn reject(&mut self, call: CallHandle, status: u16, contact: Option<Arc<str>>) {
        let rejection = Rejection { status, contact, headers: Vec::new() };
        self.commands.push_back(Command::Reject { call, rejection });
        self.forget(call);
    }

    fn forget(&mut self, call: CallHandle) {
        self.parts.media.close(call.0);
        let alarm = self.calls.remove(&call).and_then(|known| known.alarm);
        self.leave(alarm, call);
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
