//! The rows of those who are told of a drill before it: ids only.

use crate::store::{Database, JsonFault, StoreError};
use lianfang_domain::drill::notices::{Person, Telling};
use lianfang_domain::id::{ContactId, DrillId, HouseholdId, ResponderId, WorkerId};
use lianfang_domain::leg::{Channel, LegOutcome};
use serde::{Deserialize, Serialize};

const SET: &str = "INSERT INTO drill_notice (drill_id, place, household_id, contact_id, worker_id, responder_id,
        number_index, channel, state, outcome)
    SELECT ?1, row.value ->> 'place', row.value ->> 'household', row.value ->> 'contact', row.value ->> 'worker',
        row.value ->> 'responder', row.value ->> 'number_index', row.value ->> 'channel', row.value ->> 'state',
        row.value ->> 'outcome' FROM json_each(?2) AS row WHERE true
    ON CONFLICT (drill_id, place) DO UPDATE SET household_id = excluded.household_id, contact_id = excluded.contact_id,
        worker_id = excluded.worker_id, responder_id = excluded.responder_id, number_index = excluded.number_index,
        channel = excluded.channel, state = excluded.state, outcome = excluded.outcome";
const SHORTEN: &str = "DELETE FROM drill_notice WHERE drill_id = ?1 AND ?2 <= place";
const ALL: &str = "SELECT json_group_array(json_object('place', place, 'household', household_id, 'contact', contact_id,
        'worker', worker_id, 'responder', responder_id, 'number_index', number_index, 'channel', channel,
        'state', state, 'outcome', outcome)) FROM drill_notice WHERE drill_id = ?1";

/// Whose number it is, by ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Whose {
    /// The household.
    pub household: Option<HouseholdId>,
    /// The person.
    pub contact: Option<ContactId>,
    /// The worker.
    pub worker: Option<WorkerId>,
    /// The responder.
    pub responder: Option<ResponderId>,
    /// Which of the numbers of the party.
    pub number_index: u8,
}

/// How far somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// Not yet.
    Waiting,
    /// Told.
    Told,
    /// Not told, and not tried any more.
    Failed,
}

/// A row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeRow {
    /// Its place among those of the drill.
    pub place: u32,
    /// Whose number.
    #[serde(flatten)]
    pub whose: Whose,
    /// By what.
    pub channel: Channel,
    /// How far.
    pub state: NoticeState,
    /// How the last try ended.
    pub outcome: Option<LegOutcome>,
}

impl NoticeRow {
    /// The row of a person. What is under way waits: after a restart nobody knows of it.
    #[must_use]
    pub fn of(place: u32, whose: Whose, person: &Person) -> Self {
        let state = match person.telling {
            Telling::Waits { .. } | Telling::UnderWay { .. } => NoticeState::Waiting,
            Telling::Told => NoticeState::Told,
            Telling::Failed => NoticeState::Failed,
        };
        Self { place, whose, channel: person.channel, state, outcome: person.last }
    }

    /// The person as the row tells, so far as they still have what they were told by.
    #[must_use]
    pub fn resume(&self, person: Person) -> Person {
        let telling = match self.state {
            NoticeState::Waiting => person.telling,
            NoticeState::Told => Telling::Told,
            NoticeState::Failed => Telling::Failed,
        };
        let is_spoken = self.channel == Channel::Voice && person.has_voice;
        let channel = if is_spoken { Channel::Voice } else { person.channel };
        Person { channel, telling, last: self.outcome, ..person }
    }
}

/// Writes down how far people are told.
///
/// # Errors
/// When the database fails.
pub async fn set(database: &Database, id: DrillId, rows: &[NoticeRow]) -> Result<(), StoreError> {
    let rows = serde_json::json!(rows).to_string();
    super::write(database, sqlx::query(SET).bind(id.0).bind(rows)).await.map(|_| ())
}

/// Keeps the first so many rows.
///
/// # Errors
/// When the database fails.
pub async fn shorten(database: &Database, id: DrillId, kept: usize) -> Result<(), StoreError> {
    let kept = i64::try_from(kept).unwrap_or(i64::MAX);
    super::write(database, sqlx::query(SHORTEN).bind(id.0).bind(kept)).await.map(|_| ())
}

/// Everybody who is or was to be told of a drill.
///
/// # Errors
/// When the database fails.
pub async fn all(database: &Database, id: DrillId) -> Result<Vec<NoticeRow>, StoreError> {
    let query = sqlx::query_scalar(ALL).bind(id.0);
    let rows: String = query.fetch_one(database.reader()).await.map_err(StoreError::Read)?;
    serde_json::from_str(&rows).map_err(|error| {
        let fault: JsonFault = error.into();
        StoreError::Read(sqlx::Error::Decode(fault.into()))
    })
}
