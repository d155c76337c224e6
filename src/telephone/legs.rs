//! The legs to neighbours that one shard drives: an INVITE, a media session and a [`VoiceLeg`] each. [`lent`] has calls
//! that came in and are driven as legs, [`talk`] the talk with the resident,
//! [`placing`] how a call begins, and [`waiting`] what happens when no RTP port is free for it.

mod lent;
mod placing;
mod talk;
mod waiting;

pub(super) use talk::room_of;

use super::Parts;
use super::deadlines::{Armed, Deadlines};
use super::routing;
use super::session::Session;
use super::trunk::{self, Outgoing};
use super::voice_leg::{Happening, Speech, Step, VoiceLeg};
use crate::clock::Seldom;
use crate::config::TrunkConfig;
use crate::media::{MediaEvent, Playlist, Report};
use crate::prompts::Voice;
use jiff::Timestamp;
use lianfang_domain::alarm::CancelReason;
use lianfang_domain::digits::Key;
use lianfang_domain::digits::info::{self, InfoBody};
use lianfang_domain::digits::merge::{Means, PressMerge};
use lianfang_domain::id::{AlarmId, LegId};
use lianfang_domain::leg::{LegOrder, LegOutcome, LegReport, Message, RouteName};
use lianfang_domain::words::{self, Told};
use lianfang_sip::agent::UserAgent;
use lianfang_sip::agent::api::{CallFailure, CallHandle, Command, Flow, Transport};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::mpsc;
use waiting::Waiting;

/// A trunk that is silent to so many probes in a row is down.
const PROBES_LOST_MAX: u8 = 2;

struct Leg {
    order: LegOrder,
    machine: VoiceLeg,
    keys: PressMerge,
    /// Our SDP, to answer a re-INVITE and to read the answer against; `None` for a call that came in, which is the desk's.
    session: Option<Session>,
    /// It has a place in the talk of its alarm.
    is_talking: bool,
    /// A call that came in goes back to the desk.
    is_returned: bool,
    playlist: u32,
    /// Taken with the first words of the call, and kept to its end.
    voice: Option<Voice>,
    armed: Armed,
}

/// See the module.
pub(super) struct Legs {
    shard: usize,
    parts: Arc<Parts>,
    events: mpsc::Sender<MediaEvent>,
    calls: HashMap<CallHandle, Leg>,
    by_leg: BTreeMap<LegId, CallHandle>,
    waiting: Waiting,
    deadlines: Deadlines,
    commands: VecDeque<Command>,
    next_call: u64,
    probes_lost: BTreeMap<u64, u8>,
    /// Calls that came in and go back to the desk.
    returned: VecDeque<(CallHandle, AlarmId)>,
}

impl Legs {
    pub(super) fn new(shard: usize, parts: Arc<Parts>, events: mpsc::Sender<MediaEvent>) -> Self {
        Self {
            shard,
            parts,
            events,
            calls: HashMap::new(),
            by_leg: BTreeMap::new(),
            waiting: Waiting::default(),
            deadlines: Deadlines::default(),
            commands: VecDeque::new(),
            next_call: 0,
            probes_lost: BTreeMap::new(),
            returned: VecDeque::new(),
        }
    }

    pub(super) fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.deadlines.next().into_iter().chain(self.waiting.poll_timeout()).min()
    }

    pub(super) fn on_timeout(&mut self, agent: &UserAgent, now: Timestamp) {
        let mut has_port = true;
        for wish in self.waiting.take_due(now) {
            // No port for one is none for those behind it.
            if has_port {
                has_port = self.try_to_place(wish, agent, now);
            } else {
                self.wait(wish, now);
            }
        }
        while let Some((due, call)) = self.deadlines.pop_due(now) {
            if let Some(leg) = self.calls.get_mut(&call)
                && leg.armed.take(due)
            {
                leg.machine.on_timeout(now);
                self.run(call, now);
            }
        }
    }

    /// Other words for somebody who has not picked up yet. Who has, hears the old ones to their end.
    pub(super) fn reword(&mut self, order: LegOrder) {
        if self.waiting.contains(order.leg) {
            return self.waiting.reword(order);
        }
        let call = self.by_leg.get(&order.leg);
        if let Some(leg) = call.and_then(|call| self.calls.get_mut(call))
            && leg.machine.is_calling()
        {
            leg.order = order;
        }
    }

    pub(super) fn join_talk(&mut self, leg: LegId, now: Timestamp) {
        if let Some(call) = self.by_leg.get(&leg).copied() {
            self.on(call, Happening::Joins, now);
        }
    }

    pub(super) fn refuse_talk(&mut self, leg: LegId, now: Timestamp) {
        if let Some(call) = self.by_leg.get(&leg).copied() {
            self.on(call, Happening::TalkFull, now);
        }
    }

    pub(super) fn cancel(&mut self, leg: LegId, reason: CancelReason, now: Timestamp) {
        if self.waiting.remove(leg).is_some() {
            self.parts.report(leg, LegReport::Ended { outcome: LegOutcome::Cancelled });
            return;
        }
        let Some(call) = self.by_leg.get(&leg).copied() else { return };
        // A call that is about no alarm makes room for one: nobody listens to its end.
        let yields = self.calls.get(&call).is_some_and(|leg| {
            let is_about_none =
                leg.order.hand_over.is_some() || leg.order.message == Message::DrillNotice;
            is_about_none && !leg.machine.is_calling()
        });
        let happening = if yields { Happening::GivenUp } else { Happening::Unneeded(reason) };
        self.on(call, happening, now);
    }

    pub(super) fn cancel_orphan(&mut self, order: LegOrder, route: &RouteName) {
        let Some(config) = self.parts.trunks.iter().find(|trunk| *trunk.name == **route) else {
            return;
        };
        let Some(flow) = self.flow_to(config) else { return };
        let outgoing = trunk::over_trunk(&order, config, flow, &self.parts.leg_keys, self.shard);
        self.next_call += 1;
        let call = CallHandle((self.shard as u64) << 48 | self.next_call);
        let had_credentials = config.credentials.is_some();
        self.commands.push_back(Command::CancelOrphan {
            call,
            leg: Box::new(outgoing.leg),
            had_credentials,
        });
    }

    pub(super) fn probe(&mut self, trunk: usize) {
        let Some(config) = self.parts.trunks.get(trunk) else { return };
        let Some(flow) = self.flow_to(config) else { return };
        self.commands.push_back(Command::Probe {
            probe: trunk as u64,
            flow,
            uri: format!("sip:{}", config.domain).into(),
        });
    }

    /// Any answer but 503 says that the trunk lives.
    pub(super) fn on_probe(&mut self, probe: u64, status: Option<u16>) {
        let trunk = usize::try_from(probe).ok().and_then(|index| self.parts.trunks.get(index));
        let Some(config) = trunk else { return };
        let name: RouteName = config.name.as_str().into();
        let lost = self.probes_lost.entry(probe).or_default();
        let is_alive = status.is_some_and(|status| status != 503);
        *lost = if is_alive { 0 } else { lost.saturating_add(1) };
        let is_up = *lost < PROBES_LOST_MAX;
        if *lost == PROBES_LOST_MAX {
            tracing::error!(carrier = %name, "The trunk does not answer");
        }
        metrics::gauge!("lianfang_trunk_up", "trunk" => name.to_string())
            .set(f64::from(u8::from(is_up)));
        self.parts.lines.trunk_is(&name, is_up);
        self.parts.switchboard.route_is(&name, is_up);
    }

    pub(super) fn on_ringing(&mut self, call: CallHandle, status: u16, now: Timestamp) {
        if status == 180 {
            self.on(call, Happening::Ringing, now);
        }
    }

    pub(super) fn on_answered(&mut self, call: CallHandle, body: Option<&[u8]>, now: Timestamp) {
        let Some(leg) = self.calls.get_mut(&call) else { return };
        let session = leg.session.as_ref();
        let plan = body.and_then(|body| session?.read_answer(body).ok());
        let started = plan.map(|plan| self.parts.media.start(call.0, plan));
        let happening = match started {
            Some(Ok(())) => Happening::Answered,
            Some(Err(_)) | None => Happening::AnsweredWithoutMedia,
        };
        self.on(call, happening, now);
    }

    pub(super) fn on_failed(&mut self, call: CallHandle, failure: &CallFailure, now: Timestamp) {
        if let Some(leg) = self.calls.get(&call) {
            tracing::debug!(leg.id = %leg.order.leg, sip.status = failure.status, "The leg failed");
        }
        // A 408 of our own making says that the trunk is silent, not that nobody picked up.
        let outcome = match failure.status {
            408 if failure.is_local => LegOutcome::CarrierFailed,
            status => LegOutcome::of_failure(status),
        };
        self.on(call, Happening::Failed(outcome), now);
    }

    /// No 100 in time: the trunk counts as dead for this leg, another one is used at once.
    pub(super) fn on_no_trying(&mut self, call: CallHandle, now: Timestamp) {
        self.commands.push_back(Command::Cancel { call, reason: None });
        self.on(call, Happening::Failed(LegOutcome::CarrierFailed), now);
    }

    pub(super) fn on_ended(&mut self, call: CallHandle, now: Timestamp) {
        self.on(call, Happening::HungUp, now);
    }

    pub(super) fn on_info(
        &mut self,
        call: CallHandle,
        content_type: &str,
        body: &[u8],
        now: Timestamp,
    ) {
        let Some(key) = key_of(content_type, body) else { return };
        let Some(leg) = self.calls.get_mut(&call) else { return };
        if leg.keys.on_press(key, Means::Info, now) {
            self.on(call, Happening::Key(key), now);
        }
    }

    pub(super) fn on_session_change(&mut self, call: CallHandle, offer: Option<&[u8]>) {
        let session = self.calls.get_mut(&call).and_then(|leg| leg.session.as_mut());
        let Some(session) = session else {
            self.commands.push_back(Command::AnswerSession { call, sdp: None });
            return;
        };
        let (answer, plan) = session.renegotiate(offer);
        if let Some(plan) = plan {
            // A full queue leaves the session as it was; the peer's old address still hears us.
            let _ = self.parts.media.start(call.0, plan);
        }
        self.commands.push_back(Command::AnswerSession { call, sdp: answer });
    }

    /// The answer to an offer that the other side asked us for.
    pub(super) fn on_confirmed(&mut self, call: CallHandle, answer: Option<&[u8]>) {
        let session = self.calls.get(&call).and_then(|leg| leg.session.as_ref());
        let plan = session.zip(answer).map(|(session, sdp)| session.read_answer(sdp));
        if let Some(Ok(plan)) = plan {
            // As above.
            let _ = self.parts.media.start(call.0, plan);
        }
    }

    pub(super) fn on_media(&mut self, event: MediaEvent, now: Timestamp) {
        let call = CallHandle(event.session);
        let Some(leg) = self.calls.get_mut(&call) else { return };
        let happening = match event.report {
            Report::Key(key) if leg.keys.on_press(key, Means::Rtp, now) => Happening::Key(key),
            Report::PlaylistEnded(id) if id == leg.playlist => Happening::Spoken,
            Report::Key(_)
            | Report::PlaylistEnded(_)
            | Report::PeerSilent
            | Report::Recorded(_)
            | Report::Closed(_) => return,
        };
        self.on(call, happening, now);
    }

    fn on(&mut self, call: CallHandle, happening: Happening, now: Timestamp) {
        if let Some(leg) = self.calls.get_mut(&call) {
            let is_deaf =
                |key: Key| leg.order.hand_over.is_some() && !"129".contains(key.as_char());
            if matches!(happening, Happening::Key(key) if is_deaf(key)) {
                // Nobody is to be thanked for an answer that means nothing at a change of shift.
                return;
            }
            leg.machine.on(happening, now);
            self.run(call, now);
        }
    }

    fn run(&mut self, call: CallHandle, now: Timestamp) {
        while let Some(step) = self.calls.get_mut(&call).and_then(|leg| leg.machine.poll_step()) {
            self.step(call, step);
        }
        if self.calls.get(&call).is_some_and(|leg| leg.is_returned) {
            return self.return_call(call);
        }
        if let Some(leg) = self.calls.get_mut(&call) {
            let due = leg.machine.poll_timeout().map(|due| due.max(now));
            self.deadlines.arm(&mut leg.armed, due, call);
        }
    }

    fn step(&mut self, call: CallHandle, step: Step) {
        let Some(leg) = self.calls.get_mut(&call) else { return };
        match step {
            Step::Report(report) => self.parts.report(leg.order.leg, report),
            Step::JoinTalk => self.enter_talk(call),
            Step::LeaveTalk => self.leave_talk(call),
            Step::Speak(speech) => {
                leg.playlist += 1;
                let community = Some(leg.order.plan.scene.community);
                let voice = leg
                    .voice
                    .get_or_insert_with(|| self.parts.prompts.voice(community, leg.order.language));
                let playlist = playlist(voice, &leg.order, speech, leg.playlist);
                static TOLD: Seldom = Seldom::new();
                if let Err(error) = self.parts.media.play(call.0, playlist)
                    && let Some(times) = TOLD.tell(self.parts.clock.now())
                {
                    tracing::error!(leg.id = %leg.order.leg, %error, times, "A prompt cannot be played");
                }
            }
            Step::CancelCall(reason) => {
                let reason = reason_header(reason).into();
                self.commands.push_back(Command::Cancel { call, reason: Some(reason) });
            }
            Step::HangUp if call.is_inbound() => leg.is_returned = true,
            Step::HangUp => self.commands.push_back(Command::Hangup { call }),
            Step::Forget if call.is_inbound() => {
                if let Some(leg) = self.calls.remove(&call) {
                    self.by_leg.remove(&leg.order.leg);
                }
            }
            Step::Forget => {
                self.parts.media.close(call.0);
                if let Some(leg) = self.calls.remove(&call) {
                    self.by_leg.remove(&leg.order.leg);
                }
            }
        }
    }

    fn outgoing(&self, order: &LegOrder, route: &RouteName, agent: &UserAgent) -> Option<Outgoing> {
        if **route == *crate::config::sip_lines_route() {
            return trunk::to_line(order, agent, &self.parts, self.shard);
        }
        let config = self.parts.trunks.iter().find(|trunk| *trunk.name == **route)?;
        let flow = self.flow_to(config)?;
        Some(trunk::over_trunk(order, config, flow, &self.parts.leg_keys, self.shard))
    }

    fn flow_to(&self, trunk: &TrunkConfig) -> Option<Flow> {
        let remote = trunk.address;
        let local = self.parts.sockets().udp_towards(remote)?;
        Some(Flow { transport: Transport::Udp, local, remote, connection: 0 })
    }
}

/// The key in the body of an INFO.
pub(super) fn key_of(content_type: &str, body: &[u8]) -> Option<Key> {
    match info::read(content_type, body) {
        InfoBody::Key(key) => Some(key),
        InfoBody::HookFlash | InfoBody::Ignored => None,
    }
}

/// RFC 3326: a phone that is told of an answer elsewhere shows no missed call. Who did not pick up has to see one.
fn reason_header(reason: Option<CancelReason>) -> &'static str {
    match reason {
        Some(CancelReason::EnoughComing | CancelReason::AnsweredElsewhere) => {
            "SIP;cause=200;text=\"Call completed elsewhere\""
        }
        Some(CancelReason::AlarmOver | CancelReason::Lost) => "SIP;cause=487;text=\"Alarm over\"",
        None => "SIP;cause=487;text=\"No answer\"",
    }
}

fn playlist(voice: &Voice, order: &LegOrder, speech: Speech, id: u32) -> Playlist {
    let clips = match speech {
        Speech::Message => words::spoken(&Told::from(order), order.language),
        Speech::Thanks(_) => words::noted(),
        Speech::StandDown => {
            words::spoken(&Told::new(&order.plan, Message::StandDown), order.language)
        }
        Speech::Over => words::spoken(&Told::new(&order.plan, Message::Cancelled), order.language),
        Speech::WhichOutcome => words::which_outcome(),
        Speech::TalkFull => words::talk_full(),
    };
    let words = match speech {
        Speech::Message => voice.announce(&clips),
        Speech::Thanks(_)
        | Speech::StandDown
        | Speech::Over
        | Speech::WhichOutcome
        | Speech::TalkFull => voice.speak(&clips),
    };
    Playlist { id, ..words }
}

/// Names the shard in the Call-ID; kept beside its reader.
pub(super) fn call_id(leg: LegId, shard: usize) -> String {
    routing::call_id_of(leg, shard)
}
