//! What the agent knows of a call. Kept small: all that a stage needs is in the stage and goes with it.

use super::UserAgent;
use super::api::{Bytes, CallHandle, Credentials, Event, Flow, Leg, OutboundInvite, Unproven};
use super::table::Key;
use super::timers::{Armed, Wake};
use crate::dialog::Dialog;
use crate::message::Response;
use crate::transaction::after;
use crate::transaction::timers::TimerConfig;
use jiff::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// One call of either direction.
#[derive(Debug)]
pub(super) struct Call {
    /// Where requests inside the call go.
    pub(super) flow: Flow,
    pub(super) stage: Stage,
    /// The address that it is counted under.
    pub(super) source: Option<IpAddr>,
    pub(super) armed: Armed,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum Stage {
    /// It came in and waits for a decision.
    Offered(Box<Offered>),
    /// We ring somebody.
    Calling(Box<Calling>),
    /// It was answered.
    Answered(Box<Answered>),
}

/// A call that came in and waits for a decision.
#[derive(Debug)]
pub(super) struct Offered {
    pub(super) dialog: Dialog,
    pub(super) question: Question,
    /// 100rel is required, so that 180 may not be sent plainly (RFC 3262 3); we then send none.
    pub(super) is_plain_ringing_barred: bool,
    pub(super) had_offer: bool,
}

/// A request of theirs that the layer above answers.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) key: Key,
    /// The answer but for status, Contact and body.
    pub(super) template: Response,
    pub(super) is_invite: bool,
    pub(super) has_offer: bool,
    /// When it is refused because the layer above said nothing.
    pub(super) give_up_at: Timestamp,
}

/// Whether a call that we make is to be stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    /// No.
    No,
    /// As soon as a provisional response allows (RFC 3261 9.1).
    Wanted(Option<Arc<str>>),
    /// CANCEL went out.
    Sent,
}

/// A call that we make.
#[derive(Debug)]
pub(super) struct Calling {
    pub(super) leg: Leg,
    /// CSeq of the INVITE under way.
    pub(super) cseq: u32,
    pub(super) stopping: Stopping,
    /// The whole call, kept as long as a challenge may come.
    pub(super) retry: Option<Box<OutboundInvite>>,
    /// For a challenge of our BYE.
    pub(super) credentials: Option<Arc<Credentials>>,
    pub(super) no_trying_at: Option<Timestamp>,
    pub(super) is_tried: bool,
    /// INVITEs of an orphan whose fate is open; zero for a call of this process.
    pub(super) orphans_open: u8,
}

/// An answered call.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) dialog: Dialog,
    /// What branches of our requests are made from.
    pub(super) branch: Arc<str>,
    /// Our 2xx that waits for its ACK.
    pub(super) unacked: Option<Unacked>,
    /// Their change of the session that waits for an answer.
    pub(super) question: Option<Question>,
    pub(super) ending: Ending,
    pub(super) credentials: Option<Arc<Credentials>>,
}

/// How an answered call ends by our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It does not.
    No,
    /// BYE follows the ACK (RFC 3261 15).
    AfterAck,
    /// BYE is under way, because of a missing ACK or not.
    Bye { is_ack_missing: bool },
}

/// A 2xx of ours, repeated until its ACK, on streams too (RFC 3261 13.3.1.4).
#[derive(Debug)]
pub(super) struct Unacked {
    pub(super) cseq: u32,
    pub(super) bytes: Bytes,
    pub(super) flow: Flow,
    pub(super) is_offer: bool,
    repeat_at: Timestamp,
    pause: Duration,
    give_up_at: Timestamp,
}

impl Unacked {
    pub(super) fn new(
        (cseq, bytes): (u32, Bytes),
        flow: Flow,
        timers: &TimerConfig,
        now: Timestamp,
    ) -> Self {
        Self {
            cseq,
            bytes,
            flow,
            is_offer: false,
            repeat_at: after(now, timers.t1),
            pause: timers.t1,
            give_up_at: after(now, timers.give_up()),
        }
    }
}

/// What time does to an answered call.
pub(super) enum Due {
    Nothing,
    Repeat(Flow, Bytes),
    AckMissing,
}

impl Answered {
    /// Repeats the 2xx or gives its ACK up.
    pub(super) fn on_timeout(&mut self, timers: &TimerConfig, now: Timestamp) -> Due {
        let Some(unacked) = &mut self.unacked else { return Due::Nothing };
        if unacked.give_up_at <= now {
            self.unacked = None;
            return Due::AckMissing;
        }
        if now < unacked.repeat_at {
            return Due::Nothing;
        }
        unacked.pause = unacked.pause.saturating_mul(2).min(timers.t2);
        unacked.repeat_at = after(now, unacked.pause);
        Due::Repeat(unacked.flow, unacked.bytes.clone())
    }
}

impl Call {
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Offered(offered) => Some(offered.question.give_up_at),
            Stage::Calling(calling) => calling.no_trying_at,
            Stage::Answered(answered) => {
                let unacked = answered.unacked.as_ref();
                let unacked = unacked.map(|unacked| unacked.repeat_at.min(unacked.give_up_at));
                let question = answered.question.as_ref().map(|question| question.give_up_at);
                unacked.into_iter().chain(question).min()
            }
        }
    }
}

/// A challenged INVITE of a line whose binding sent it.
#[derive(Debug)]
pub(super) struct Challenge {
    pub(super) unproven: Unproven,
    pub(super) armed: Armed,
}

/// Names a dialog.
pub(super) fn dialog_key(call_id: &str, local_tag: &str) -> Arc<str> {
    format!("{local_tag} {call_id}").into()
}

impl UserAgent {
    /// Sets the timer of a call after its stage changed.
    pub(super) fn settle_call(&mut self, handle: CallHandle) {
        if let Some(call) = self.calls.get_mut(&handle) {
            let deadline = call.poll_timeout();
            self.timers.arm(&mut call.armed, deadline, || Wake::Call(handle));
        }
    }

    /// Keeps a call. As long as it lasts the gate sheds its source last: whoever has a call here proved itself, is a
    /// trunk, or is called by us, and its answers must not be lost in somebody's flood.
    pub(super) fn insert_call(&mut self, handle: CallHandle, call: Call, now: Timestamp) {
        self.gate.protect(call.flow.remote.ip(), now);
        if let Some(source) = call.source {
            let count = self.sources.entry(source).or_default();
            *count = count.saturating_add(1);
        }
        if call.flow.connection != 0 {
            self.connections.insert((call.flow.connection, handle));
        }
        self.calls.insert(handle, call);
        self.settle_call(handle);
    }

    /// Forgets a call and whatever is found by it.
    pub(super) fn remove_call(&mut self, handle: CallHandle) -> Option<Call> {
        let call = self.calls.remove(&handle)?;
        if let Some(source) = call.source
            && let Some(count) = self.sources.get_mut(&source)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.sources.remove(&source);
            }
        }
        self.gate.unprotect(call.flow.remote.ip());
        self.connections.remove(&(call.flow.connection, handle));
        let dialog = match &call.stage {
            Stage::Offered(offered) => Some(&offered.dialog),
            Stage::Answered(answered) => Some(&answered.dialog),
            Stage::Calling(_) => None,
        };
        if let Some(dialog) = dialog {
            self.dialogs.remove(&dialog_key(dialog.call_id(), dialog.local_tag()));
        }
        Some(call)
    }

    /// A timer of a call came due.
    pub(super) fn wake_call(&mut self, handle: CallHandle, at: Timestamp, now: Timestamp) {
        let timers = self.config.timers;
        let Some(call) = self.calls.get_mut(&handle) else { return };
        if !call.armed.take(at) {
            return;
        }
        match &mut call.stage {
            Stage::Offered(offered) if offered.question.give_up_at <= now => {
                self.give_question_up(handle, 480, now);
            }
            Stage::Offered(_) => {}
            Stage::Answered(answered)
                if answered
                    .question
                    .as_ref()
                    .is_some_and(|question| question.give_up_at <= now) =>
            {
                self.give_question_up(handle, 488, now);
            }
            Stage::Calling(calling) => {
                if calling.no_trying_at.is_some_and(|at| at <= now) {
                    calling.no_trying_at = None;
                    self.tell(Event::NoTrying { call: handle });
                }
            }
            Stage::Answered(answered) => match answered.on_timeout(&timers, now) {
                Due::Nothing => {}
                Due::Repeat(flow, bytes) => {
                    self.counters.retransmitted = self.counters.retransmitted.saturating_add(1);
                    self.transmit(flow, bytes);
                }
                Due::AckMissing => self.bye(handle, true, now),
            },
        }
        self.settle_call(handle);
    }
}
