//! One live alarm: the pure machine, the place of the next event in the log, and what is measured.

use super::measure::Measure;
use crate::store::alarm_log::{NewEvents, OpenedAlarm};
use jiff::Timestamp;
use lianfang_domain::alarm::{Alarm, Effect, Event, Input};
use lianfang_domain::directory::LineRef;
use lianfang_domain::id::AlarmId;
use lianfang_domain::plan::Plan;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) alarm: Alarm,
    pub(super) line: LineRef,
    pub(super) measure: Measure,
    next_sequence: u32,
}

/// What an input led to: what is to be kept, and what is to be done once it is.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) record: NewEvents,
    pub(super) effects: Vec<Effect>,
}

impl Live {
    /// An alarm that begins now, with its first events.
    pub(super) fn raise(
        alarm: Alarm,
        events: Vec<Event>,
        line: LineRef,
        heard_at: Timestamp,
        now: Timestamp,
    ) -> (Self, Outcome) {
        let opened = OpenedAlarm {
            line: line.line,
            idempotency_key: Arc::clone(&alarm.trigger().idempotency_key),
            raised: now,
            follows: alarm.follows(),
        };
        let plan = Some(Arc::clone(alarm.plan()));
        let mut live = Self { alarm, line, measure: Measure::new(heard_at), next_sequence: 0 };
        let mut outcome = live.record(events, plan, now);
        outcome.record.opened = Some(opened);
        (live, outcome)
    }

    /// An alarm that was folded from the log.
    pub(super) fn recovered(alarm: Alarm, line: LineRef, next_sequence: u32) -> Self {
        let measure = Measure::new(alarm.raised_at());
        Self { alarm, line, measure, next_sequence }
    }

    /// Decides and applies. `None` when the input changes nothing.
    pub(super) fn take(&mut self, input: &Input, now: Timestamp) -> Option<Outcome> {
        let events = self.alarm.decide(input, now);
        if events.is_empty() {
            return None;
        }
        let plan = match input {
            Input::PressedAgain { plan, .. } | Input::Replanned { plan } => {
                self.alarm.offer_plan(Arc::clone(plan));
                Some(Arc::clone(plan))
            }
            Input::Leg { .. }
            | Input::Acknowledge { .. }
            | Input::Arrive { .. }
            | Input::Cancel { .. }
            | Input::Close { .. }
            | Input::TimePassed
            | Input::Restarted => None,
        };
        Some(self.take_up(events, plan, now))
    }

    fn take_up(&mut self, events: Vec<Event>, plan: Option<Arc<Plan>>, now: Timestamp) -> Outcome {
        for event in &events {
            self.alarm.apply(event, now);
        }
        self.record(events, plan, now)
    }

    /// What applied events lead to.
    fn record(&mut self, events: Vec<Event>, plan: Option<Arc<Plan>>, now: Timestamp) -> Outcome {
        let mut effects = Vec::new();
        for event in &events {
            log(self.alarm.id(), event);
            self.measure.on_event(event, now);
            effects.extend(self.alarm.effects(event));
        }
        let first_sequence = self.next_sequence;
        self.next_sequence =
            first_sequence.saturating_add(u32::try_from(events.len()).unwrap_or(u32::MAX));
        let has_plan = events.iter().any(|event| matches!(event, Event::Planned { .. }));
        let is_closing = events.iter().any(|event| matches!(event, Event::Closed { .. }));
        let record = NewEvents {
            alarm: self.alarm.id(),
            first_sequence,
            at: now,
            events,
            plan: plan.filter(|_| has_plan),
            opened: None,
            closed: is_closing.then_some(now),
        };
        Outcome { record, effects }
    }
}

/// Every event once, for the duty officer; ids only.
fn log(alarm: AlarmId, event: &Event) {
    match event {
        Event::Raised { trigger, follows } => {
            metrics::counter!("lianfang_alarms_raised_total").increment(1);
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
        Event::Cancelled { actor } => tracing::info!(alarm.id = %alarm, %actor, "Alarm cancelled"),
        Event::Closed { actor, outcome } => {
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
        | Event::SaidMistake { .. } => tracing::debug!(alarm.id = %alarm, ?event, "Alarm goes on"),
    }
}
