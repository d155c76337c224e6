//! One live alarm: the pure machine, the place of the next event in the log, and what is measured.

use super::measure::Measure;
use crate::store::alarm_log::{NewEvents, OpenedAlarm};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::{Alarm, Effect, Event, Input, Leg, Stage, Trigger, TriggerSource};
use lianfang_domain::directory::LineRef;
use lianfang_domain::id::AlarmId;
use lianfang_domain::plan::Plan;
use std::sync::Arc;

/// A closed alarm waits so long for the ends of its legs and for receipts; then they are taken for lost.
const KEPT_AFTER_CLOSE: SignedDuration = SignedDuration::from_mins(10);

/// See the module.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) alarm: Alarm,
    pub(super) line: LineRef,
    pub(super) measure: Measure,
    /// When the driver looks at it next.
    pub(super) timer: Option<Timestamp>,
    next_sequence: u32,
}

/// What an alarm begins with.
#[derive(Debug)]
pub(super) struct Birth {
    pub(super) trigger: Trigger,
    pub(super) line: LineRef,
    /// When the last digit was heard.
    pub(super) heard_at: Timestamp,
    pub(super) plan: Arc<Plan>,
    /// The alarm before it on the same line.
    pub(super) follows: Option<AlarmId>,
}

/// What an input led to: what is to be kept, and what is to be done once it is.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) record: NewEvents,
    pub(super) effects: Vec<Effect>,
}

impl Live {
    /// An alarm that begins now, with its first events.
    pub(super) fn raise(id: AlarmId, birth: Birth, now: Timestamp) -> (Self, Outcome) {
        let Birth { trigger, line, heard_at, plan, follows } = birth;
        let opened = OpenedAlarm {
            line: line.line,
            idempotency_key: Arc::clone(&trigger.idempotency_key),
            raised: now,
            follows,
        };
        let measure = Measure::new(heard_at, plan.is_drill);
        let (alarm, events, effects) = Alarm::raise(id, trigger, Arc::clone(&plan), follows, now);
        let mut live = Self::new(alarm, line, measure, 0);
        let mut record = live.record(events, Some(plan), now);
        record.opened = Some(opened);
        (live, Outcome { record, effects })
    }

    /// An alarm that was folded from the log.
    pub(super) fn recovered(alarm: Alarm, line: LineRef, next_sequence: u32) -> Self {
        let measure = Measure::of_recovered(&alarm);
        Self::new(alarm, line, measure, next_sequence)
    }

    fn new(alarm: Alarm, line: LineRef, measure: Measure, next_sequence: u32) -> Self {
        Self { alarm, line, measure, timer: None, next_sequence }
    }

    /// Decides and applies. `None` when the input changes nothing.
    pub(super) fn take(&mut self, input: &Input, now: Timestamp) -> Option<Outcome> {
        let (events, effects) = self.alarm.take(input, now);
        if events.is_empty() {
            return None;
        }
        let plan = match input {
            Input::PressedAgain { plan, .. }
            | Input::Replanned { plan }
            | Input::KindNamed { plan, .. }
            | Input::AddParty { plan, .. }
            | Input::HandedOver { plan } => Some(Arc::clone(plan)),
            Input::Leg { .. }
            | Input::Acknowledge { .. }
            | Input::Arrive { .. }
            | Input::Cancel { .. }
            | Input::Close { .. }
            | Input::Withdraw { .. }
            | Input::CalledBack { .. }
            | Input::Answered { .. }
            | Input::DoorReached
            | Input::Silence
            | Input::Talk { .. }
            | Input::ChangeOwner { .. }
            | Input::CallAgain { .. }
            | Input::TakeInHand { .. }
            | Input::Note { .. }
            | Input::Yield { .. }
            | Input::TimePassed
            | Input::Restarted => None,
        };
        let record = self.record(events, plan, now);
        Some(Outcome { record, effects })
    }

    /// Applied events as they are kept.
    fn record(&mut self, events: Vec<Event>, plan: Option<Arc<Plan>>, now: Timestamp) -> NewEvents {
        for event in &events {
            log(self.alarm.id(), event);
            self.measure.on_event(event, now);
            Measure::on_route(event, |leg| self.alarm.leg(leg)?.route.clone());
        }
        let first_sequence = self.next_sequence;
        self.next_sequence =
            first_sequence.saturating_add(u32::try_from(events.len()).unwrap_or(u32::MAX));
        let has_plan = events.iter().any(|event| matches!(event, Event::Planned { .. }));
        let is_closing = events.iter().any(|event| matches!(event, Event::Closed { .. }));
        NewEvents {
            alarm: self.alarm.id(),
            first_sequence,
            at: now,
            events,
            plan: plan.filter(|_| has_plan),
            opened: None,
            closed: is_closing.then_some(now),
            beginning: self.measure.take_beginning(),
        }
    }

    /// When it wants to hear of the time.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let due = self.alarm.poll_timeout().map(|(due, _)| due);
        due.or_else(|| self.forgotten_at())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.forgotten_at().is_some()
    }

    /// Closed for so long that nothing more can happen to it.
    pub(super) fn is_past(&self, now: Timestamp) -> bool {
        self.alarm.poll_timeout().is_none() && self.forgotten_at().is_some_and(|at| at <= now)
    }

    /// Closed, everybody told, every phone silent: nothing can happen to it any more.
    pub(super) fn is_done(&self) -> bool {
        self.is_closed()
            && self.alarm.poll_timeout().is_none()
            && !self.alarm.legs().iter().any(Leg::is_live)
    }

    fn forgotten_at(&self) -> Option<Timestamp> {
        match self.alarm.stage() {
            Stage::Open | Stage::Cancelled { .. } => None,
            Stage::Closed { at, .. } => {
                Some(at.saturating_add(KEPT_AFTER_CLOSE).unwrap_or(Timestamp::MAX))
            }
        }
    }
}

/// Every event once, for the duty officer; ids only.
fn log(alarm: AlarmId, event: &Event) {
    match event {
        Event::Raised { trigger, follows } => {
            if trigger.source == TriggerSource::Drill {
                metrics::counter!("lianfang_alarms_raised_total", "drill" => "true").increment(1);
            } else {
                metrics::counter!("lianfang_alarms_raised_total").increment(1);
            }
            tracing::info!(alarm.id = %alarm, line.id = %trigger.line, group.id = %trigger.group,
                source = ?trigger.source, proof = ?trigger.proof, follows = ?follows, "Alarm raised");
        }
        Event::Acknowledged { party, means } => {
            tracing::info!(alarm.id = %alarm, party = party.0, ?means, "Somebody is coming");
        }
        Event::Arrived { party, means } => {
            tracing::info!(alarm.id = %alarm, party = party.0, ?means, "Somebody is at the door");
        }
        Event::EnoughComing => tracing::info!(alarm.id = %alarm, "Enough are coming"),
        Event::StillInDanger { .. } => tracing::info!(alarm.id = %alarm, "Still in danger"),
        Event::Cancelled { actor, .. } => {
            tracing::info!(alarm.id = %alarm, %actor, "Alarm cancelled")
        }
        Event::Closed { actor, outcome, .. } => {
            tracing::info!(alarm.id = %alarm, %actor, ?outcome, "Alarm closed");
        }
        Event::WaveStarted { wave, legs } => {
            tracing::info!(alarm.id = %alarm, wave, legs = legs.len(), "Wave started");
        }
        Event::Planned { .. }
        | Event::LegsOrdered { .. }
        | Event::LegPlaced { .. }
        | Event::LegRinging { .. }
        | Event::LegAnswered { .. }
        | Event::SmsAccepted { .. }
        | Event::LegEnded { .. }
        | Event::Declined { .. }
        | Event::PoliceCalled { .. }
        | Event::SaidMistake { .. }
        | Event::KindNamed { .. }
        | Event::Escalated { .. }
        | Event::ReceiptLate { .. }
        | Event::CalledBack { .. }
        | Event::AcknowledgementLapsed { .. }
        | Event::DoorReached
        | Event::PinRefused { .. }
        | Event::Duress { .. }
        | Event::OwnerChanged { .. }
        | Event::Reminded { .. }
        | Event::NoteAdded { .. }
        | Event::TalkJoined { .. }
        | Event::TalkLeft { .. }
        | Event::CloseAsked { .. }
        | Event::ReplyUnclear { .. }
        | Event::SmsRefused { .. }
        | Event::Silenced
        | Event::CalledAgain { .. }
        | Event::PartyAdded { .. }
        | Event::TakenInHand { .. }
        | Event::Yielded { .. } => tracing::debug!(alarm.id = %alarm, ?event, "Alarm goes on"),
    }
}
