//! The calls and messages of an alarm, each with its steps: when it was ordered, left, rang, was answered, which keys
//! came, and how it ended.

use crate::store::alarm_log::StoredAlarm;
use jiff::Timestamp;
use lianfang_domain::alarm::{AnswerMeans, Event, LegStart, LegWhy};
use lianfang_domain::leg::{Channel, LegOutcome};
use lianfang_domain::plan::{PartyId, Plan};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A call or message. Times are milliseconds since the alarm was raised.
#[derive(Serialize, ToSchema)]
pub(super) struct LegView {
    /// Its number within the alarm.
    pub(super) leg: u32,
    /// Whom it was for.
    #[schema(value_type = u16)]
    pub(super) party: PartyId,
    /// How they are called; null when it was erased.
    pub(super) name: Option<String>,
    /// `voice` or `sms`.
    #[schema(value_type = String)]
    pub(super) channel: Channel,
    /// Why it was ordered.
    #[schema(value_type = Option<String>)]
    pub(super) why: Option<LegWhy>,
    /// Over which route it left.
    pub(super) route: Option<String>,
    /// Ordered.
    pub(super) ordered_ms: i64,
    /// On the wire.
    pub(super) placed_ms: Option<i64>,
    /// The telephone rings.
    pub(super) ringing_ms: Option<i64>,
    /// Somebody or something picked up, or the provider took the message.
    pub(super) answered_ms: Option<i64>,
    /// What was answered by key or SMS, in order.
    pub(super) keys: Vec<KeyView>,
    /// Over.
    pub(super) ended_ms: Option<i64>,
    /// How it ended; null while it has not.
    #[schema(value_type = Option<String>)]
    pub(super) outcome: Option<LegOutcome>,
}

/// An answer by key or SMS.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyView {
    /// When, in milliseconds since the alarm was raised.
    pub(super) at_ms: i64,
    /// `coming`, `cannot`, `arrived`, `police_called`, `mistake` or `close`.
    pub(super) answer: &'static str,
}

/// Every leg of an alarm, by number.
pub(super) fn legs(stored: &StoredAlarm) -> Vec<LegView> {
    let mut fold = Fold { raised: stored.row.raised, plan: None, legs: BTreeMap::new() };
    for event in &stored.events {
        if let Event::Planned { revision, .. } = &event.event {
            fold.plan = stored.plans.iter().find(|plan| plan.revision == *revision);
        }
        fold.on(event.at, &event.event);
    }
    fold.legs.into_values().collect()
}

struct Fold<'a> {
    raised: Timestamp,
    plan: Option<&'a Plan>,
    legs: BTreeMap<u32, LegView>,
}

impl Fold<'_> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "most events are not about a leg")]
    fn on(&mut self, at: Timestamp, event: &Event) {
        let at_ms = i64::try_from(at.duration_since(self.raised).as_millis()).unwrap_or(i64::MAX);
        match event {
            Event::WaveStarted { legs, .. } => {
                legs.iter().for_each(|leg| self.order(leg, Some(LegWhy::Wave), at_ms));
            }
            Event::LegsOrdered { why, legs } => {
                legs.iter().for_each(|leg| self.order(leg, Some(*why), at_ms));
            }
            Event::CalledBack { leg } => {
                self.order(leg, Some(LegWhy::CallBack), at_ms);
                self.change(leg.leg, |view| view.answered_ms = Some(at_ms));
            }
            Event::LegPlaced { leg, route } => self.change(*leg, |view| {
                view.route = Some(route.to_string());
                view.placed_ms = Some(at_ms);
            }),
            Event::LegRinging { leg } => self.change(*leg, |view| view.ringing_ms = Some(at_ms)),
            Event::LegAnswered { leg } | Event::SmsAccepted { leg, .. } => {
                self.change(*leg, |view| view.answered_ms = Some(at_ms));
            }
            Event::LegEnded { leg, outcome } => self.change(*leg, |view| {
                view.ended_ms = Some(at_ms);
                view.outcome = Some(*outcome);
            }),
            Event::Acknowledged { means, .. } => self.key(means, "coming", at_ms),
            Event::Declined { means, .. } => self.key(means, "cannot", at_ms),
            Event::Arrived { means, .. } => self.key(means, "arrived", at_ms),
            Event::PoliceCalled { means, .. } => self.key(means, "police_called", at_ms),
            Event::SaidMistake { means, .. } => self.key(means, "mistake", at_ms),
            Event::CloseAsked { means, .. } => self.key(means, "close", at_ms),
            _ => {}
        }
    }

    fn order(&mut self, start: &LegStart, why: Option<LegWhy>, ordered_ms: i64) {
        let party = self.plan.and_then(|plan| plan.party(start.party));
        let view = LegView {
            leg: start.leg,
            party: start.party,
            name: party.map(|party| party.name.to_string()),
            channel: start.channel,
            why,
            route: None,
            ordered_ms,
            placed_ms: None,
            ringing_ms: None,
            answered_ms: None,
            keys: Vec::new(),
            ended_ms: None,
            outcome: None,
        };
        self.legs.insert(start.leg, view);
    }

    fn change(&mut self, leg: u32, how: impl FnOnce(&mut LegView)) {
        if let Some(view) = self.legs.get_mut(&leg) {
            how(view);
        }
    }

    fn key(&mut self, means: &AnswerMeans, answer: &'static str, at_ms: i64) {
        match means {
            AnswerMeans::Key { leg } | AnswerMeans::Reply { leg } => {
                self.change(*leg, |view| view.keys.push(KeyView { at_ms, answer }));
            }
            AnswerMeans::Api { .. } | AnswerMeans::Page { .. } | AnswerMeans::Line => {}
        }
    }
}
