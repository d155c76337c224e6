//! The stored form of what was appended: one line of the journal, and the source of the parameters of SQL.

use super::NewEvents;
use super::beginning::BeginningRecord;
use lianfang_domain::alarm::EVENT_SCHEMA_VERSION;
use lianfang_domain::id::AlarmId;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;

/// One element of a batch, encoded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) alarm: AlarmId,
    pub(super) first_sequence: u32,
    pub(super) at_us: i64,
    pub(super) schema_version: u16,
    /// Length of `events`.
    pub(super) events_len: u32,
    /// A JSON array of events.
    pub(super) events: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) plan: Option<PlanRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) opened: Option<OpenedRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) closed_us: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) beginning: Option<BeginningRecord>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PlanRecord {
    pub(super) revision: u16,
    pub(super) plan: Box<RawValue>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OpenedRecord {
    pub(super) line: u32,
    pub(super) raised_us: i64,
    pub(super) idempotency_key: Box<str>,
    /// The id of the alarm before it, as the database keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) follows: Option<i64>,
}

impl Record {
    pub(super) fn new(new: &NewEvents) -> Result<Self, serde_json::Error> {
        let plan = new
            .plan
            .as_ref()
            .map(|plan| Ok(PlanRecord { revision: plan.revision, plan: to_raw_value(&**plan)? }));
        Ok(Self {
            alarm: new.alarm,
            first_sequence: new.first_sequence,
            at_us: new.at.as_microsecond(),
            schema_version: EVENT_SCHEMA_VERSION,
            events_len: u32::try_from(new.events.len()).unwrap_or(u32::MAX),
            events: to_raw_value(&new.events)?,
            plan: plan.transpose()?,
            opened: new.opened.as_ref().map(|opened| OpenedRecord {
                line: opened.line.0,
                raised_us: opened.raised.as_microsecond(),
                idempotency_key: (&*opened.idempotency_key).into(),
                follows: opened.follows.map(|id| id.0.cast_signed()),
            }),
            closed_us: new.closed.map(jiff::Timestamp::as_microsecond),
            beginning: new.beginning.map(BeginningRecord::from),
        })
    }

    /// Whether its events are as many as it says, each one a JSON object: a damaged line of the journal that the
    /// database refuses would hold up all lines behind it.
    pub(super) fn is_sound(&self) -> bool {
        let events = serde_json::from_str::<Vec<BTreeMap<&str, &RawValue>>>(self.events.get());
        events.is_ok_and(|events| u32::try_from(events.len()) == Ok(self.events_len))
    }

    /// The id as the database keeps it.
    pub(super) fn alarm_key(&self) -> i64 {
        self.alarm.0.cast_signed()
    }
}
