//! One shard: a user agent, the calls of residents and the legs to neighbours that it drives. One task owns it.
//!
//! Everything is done in turns: take what came in, run the machines until they are quiet, sleep until the next timer.

use super::Parts;
use super::desk::Desk;
use super::legs::Legs;
use super::lines::LineBook;
use super::recording_call::Answer;
use super::trace::Tap;
use crate::media::Report;
use crate::switchboard::Wanted;
use jiff::Timestamp;
use lianfang_domain::alarm::{CancelReason, PinVerdict, ResidentNotice};
use lianfang_domain::id::{AlarmId, LegId};
use lianfang_domain::leg::{LegOrder, RouteName};
use lianfang_domain::plan::Plan;
use lianfang_sip::agent::UserAgent;
use lianfang_sip::agent::api::{CallHandle, Command, Event, Flow, Output};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Inputs that may wait for a shard: two seconds of a storm.
pub(super) const INBOX_MAX: usize = 32_768;
/// Events of the media thread that may wait for a shard.
pub(super) const MEDIA_MAX: usize = 16_384;
/// Inputs taken in one turn.
const TURN_MAX: usize = 256;
/// Longest sleep.
const SCAN_EVERY: Duration = Duration::from_secs(1);

/// What reaches a shard.
#[derive(Debug)]
pub(super) enum ShardInput {
    /// A datagram or a message of a stream.
    Packet { flow: Flow, bytes: Vec<u8> },
    /// A stream is gone.
    StreamClosed { flow: Flow },
    /// Ring somebody.
    Place { order: Box<LegOrder>, route: RouteName },
    /// A leg is needed no longer.
    CancelLeg { leg: LegId, reason: CancelReason },
    /// End a leg of the process before this one.
    CancelOrphan { order: Box<LegOrder>, route: RouteName },
    /// Say something to the resident.
    Tell { alarm: AlarmId, notice: ResidentNotice, plan: Arc<Plan> },
    /// The switchboard has taken up the press of this call.
    Raised { call: CallHandle, call_id: Box<str>, alarm: AlarmId },
    /// The call of this Call-ID, which we cannot talk to, raised an alarm or belongs to it.
    Linked { call_id: Box<str>, alarm: AlarmId },
    /// Other words for a leg.
    Reword { order: Box<LegOrder> },
    /// A leg joins the talk of its alarm.
    JoinTalk { leg: LegId },
    /// There is no room for a leg in the talk of its alarm.
    RefuseTalk { leg: LegId },
    /// Somebody who was called entered or left the talk of an alarm.
    Talk { alarm: AlarmId, is_in: bool },
    /// What a caller is to hear.
    Wanted { call: CallHandle, wanted: Wanted },
    /// Whether somebody at the door was expected.
    Door { call: CallHandle, is_open: bool },
    /// What became of a PIN.
    PinTold { call: CallHandle, verdict: PinVerdict },
    /// What was done aside for a worker who records.
    Recording { call: CallHandle, answer: Answer },
    /// Ask a trunk whether it lives.
    Probe { trunk: usize },
}

/// See the module.
pub(super) struct Shard {
    agent: UserAgent,
    desk: Desk,
    legs: Legs,
    lines: Arc<LineBook>,
    tap: Tap,
    parts: Arc<Parts>,
}

impl Shard {
    pub(super) fn new(agent: UserAgent, desk: Desk, legs: Legs, parts: Arc<Parts>) -> Self {
        let lines = Arc::clone(&parts.lines);
        let tap = parts.tracer.tap();
        Self { agent, desk, legs, lines, tap, parts }
    }

    pub(super) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<ShardInput>,
        mut media: mpsc::Receiver<crate::media::MediaEvent>,
        stop: CancellationToken,
    ) {
        loop {
            let wait = self.wait();
            // Cancel-safe: both channels lose nothing.
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(input) = inbox.recv() => self.take(input),
                Some(event) = media.recv() => self.take_media(event),
                () = tokio::time::sleep(wait) => {}
            }
            // Both in each turn: a storm of messages holds up no key.
            for _ in 1..TURN_MAX {
                let Ok(input) = inbox.try_recv() else { break };
                self.take(input);
            }
            for _ in 1..TURN_MAX {
                let Ok(event) = media.try_recv() else { break };
                self.take_media(event);
            }
            self.settle();
        }
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    fn wait(&self) -> Duration {
        let timers = [
            self.agent.poll_timeout().map(|(due, _)| due),
            self.desk.poll_timeout(),
            self.legs.poll_timeout(),
        ];
        let next = timers.into_iter().flatten().min();
        next.map_or(SCAN_EVERY, |due| self.parts.clock.until(due).min(SCAN_EVERY))
    }

    fn take(&mut self, input: ShardInput) {
        let now = self.now();
        match input {
            ShardInput::Packet { flow, bytes } => {
                self.agent.on_packet(flow, &bytes, &*self.lines, now);
                self.tap.note(flow, &bytes, false, now);
                self.drain_agent(now);
            }
            ShardInput::StreamClosed { flow } => self.agent.on_stream_closed(flow, now),
            ShardInput::Place { order, route } => self.legs.place(*order, &route, &self.agent, now),
            ShardInput::CancelLeg { leg, reason } => self.legs.cancel(leg, reason, now),
            ShardInput::CancelOrphan { order, route } => self.legs.cancel_orphan(*order, &route),
            ShardInput::Tell { alarm, notice, plan } => self.desk.tell(alarm, &notice, &plan),
            ShardInput::Raised { call, call_id, alarm } => {
                self.tap.link(&call_id, alarm);
                self.desk.on_raised(call, alarm, now);
            }
            ShardInput::Reword { order } => self.legs.reword(*order),
            ShardInput::JoinTalk { leg } => self.legs.join_talk(leg, now),
            ShardInput::RefuseTalk { leg } => self.legs.refuse_talk(leg, now),
            ShardInput::Talk { alarm, is_in } => self.desk.on_talk(alarm, is_in),
            ShardInput::Linked { call_id, alarm } => self.tap.link(&call_id, alarm),
            ShardInput::Wanted { call, wanted } => {
                if let Some(call_id) = self.desk.call_id_of(call) {
                    wanted.alarms().into_iter().for_each(|alarm| self.tap.link(call_id, alarm));
                }
                self.desk.on_wanted(call, wanted, now);
            }
            ShardInput::Door { call, is_open } => self.desk.on_door(call, is_open, now),
            ShardInput::PinTold { call, verdict } => self.desk.on_pin_told(call, verdict, now),
            ShardInput::Recording { call, answer } => self.desk.on_recording(call, answer, now),
            ShardInput::Probe { trunk } => self.legs.probe(trunk),
        }
    }

    fn take_media(&mut self, event: crate::media::MediaEvent) {
        let now = self.now();
        let call = CallHandle(event.session);
        let is_key = matches!(event.report, Report::Key(_));
        if !call.is_inbound() || (self.legs.drives(call) && !is_key) {
            self.legs.on_media(event, now);
        } else if let Some(key) = self.desk.on_media(event, now) {
            self.legs.on_key(call, key, now);
        }
    }

    /// Calls that came in are the desk's; a leg drives those of people who are told of an alarm.
    fn pass_calls(&mut self, now: Timestamp) {
        while let Some((call, order)) = self.desk.poll_lent() {
            self.legs.adopt(call, order, now);
        }
        while let Some(call) = self.desk.poll_taken_back() {
            self.legs.give_up(call, now);
        }
        while let Some((call, alarm)) = self.legs.poll_returned() {
            self.desk.on_returned(call, alarm, now);
        }
    }

    /// Runs everything that is due until nobody wants anything more.
    fn settle(&mut self) {
        let now = self.now();
        self.agent.on_timeout(now);
        self.desk.on_timeout(now);
        self.legs.on_timeout(&self.agent, now);
        loop {
            self.drain_agent(now);
            self.pass_calls(now);
            let mut is_quiet = true;
            while let Some(command) = self.next_command() {
                self.agent.command(command, now);
                is_quiet = false;
            }
            if is_quiet {
                return;
            }
        }
    }

    fn next_command(&mut self) -> Option<Command> {
        self.desk.poll_command().or_else(|| self.legs.poll_command())
    }

    fn drain_agent(&mut self, now: Timestamp) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => {
                    self.tap.note(flow, &bytes, true, now);
                    self.parts.sockets().send(flow, bytes);
                }
                Output::Event(event) => self.on_event(event, now),
            }
        }
    }

    fn on_event(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::IncomingCall(call) => self.desk.on_call(*call, now),
            Event::ChallengeFailed(call) | Event::ChallengeUnanswered(call) => {
                self.desk.on_unproven(*call, now);
            }
            Event::Cancelled { call } => self.desk.on_gone(call, now),
            Event::Confirmed { call, answer } if call.is_inbound() => {
                self.desk.on_confirmed(call, answer.as_deref());
            }
            Event::Confirmed { call, answer } => self.legs.on_confirmed(call, answer.as_deref()),
            Event::Ended { call, cause } if call.is_inbound() => {
                self.legs.on_ended(call, now);
                self.desk.on_ended(call, cause, now)
            }
            Event::Ended { call, .. } => self.legs.on_ended(call, now),
            Event::Info { call, content_type, body } if call.is_inbound() => {
                if let Some(key) = self.desk.on_info(call, &content_type, &body, now) {
                    self.legs.on_key(call, key, now);
                }
            }
            Event::Info { call, content_type, body } => {
                self.legs.on_info(call, &content_type, &body, now);
            }
            Event::SessionChange { call, offer } if call.is_inbound() => {
                self.desk.on_session_change(call, offer.as_deref());
            }
            Event::SessionChange { call, offer } => {
                self.legs.on_session_change(call, offer.as_deref());
            }
            Event::Trying { .. } => {}
            Event::NoTrying { call } => self.legs.on_no_trying(call, now),
            Event::Ringing { call, status, .. } => self.legs.on_ringing(call, status, now),
            Event::Answered { call, sdp } => self.legs.on_answered(call, sdp.as_deref(), now),
            Event::Failed { call, failure } => self.legs.on_failed(call, &failure, now),
            Event::ProbeAnswered { probe, status } => self.legs.on_probe(probe, Some(status)),
            Event::ProbeLost { probe } => self.legs.on_probe(probe, None),
            Event::Line(supervision) => self.lines.on_registration(&supervision, &self.agent, now),
        }
    }
}
