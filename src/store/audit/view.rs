//! An entry as it is shown: by the API, in the export and in a dossier.

use super::alarms::{ALARM, EVENT, PLAN};
use super::{Chain, Entry, Head};
use jiff::Timestamp;
use lianfang_domain::id::AlarmId;
use serde::Serialize;
use utoipa::ToSchema;

/// An entry of the audit trail (审计记录).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct EntryView {
    /// `alarms` or `directory`.
    #[schema(value_type = String)]
    pub chain: &'static str,
    /// Its place, from 1.
    pub sequence: u64,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who did it: `token:NAME`, `cli:USER` or `service`.
    #[schema(value_type = String)]
    pub actor: Box<str>,
    /// What was done.
    #[schema(value_type = String)]
    pub action: Box<str>,
    /// The table that it is about.
    #[schema(value_type = String)]
    pub noun: Box<str>,
    /// The row; null for the table as a whole.
    pub id: Option<String>,
    /// Version of the row, first sequence of the events or revision of the plan.
    pub number: i64,
    /// How many rows; of an edit, the version of the directory after it.
    pub count: i64,
    /// Digest of what was written, in hexadecimal; of personal data it is keyed.
    pub content: Option<String>,
    /// Hash of the entry before it, in hexadecimal.
    pub previous_hash: String,
    /// Its own hash, in hexadecimal.
    pub hash: String,
}

impl EntryView {
    /// Shows an entry.
    #[must_use]
    pub fn new(chain: Chain, entry: Entry) -> Self {
        let is_alarm = [ALARM, EVENT, PLAN].contains(&&*entry.noun);
        let id = match (is_alarm, entry.row_id) {
            (true, id) => Some(AlarmId(id.cast_unsigned()).to_string()),
            (false, 0) => None,
            (false, id) => Some(id.to_string()),
        };
        Self {
            chain: chain.name(),
            sequence: entry.sequence,
            at: entry.at,
            actor: entry.actor,
            action: entry.action,
            noun: entry.noun,
            id,
            number: entry.number,
            count: entry.count,
            content: entry.content.map(|content| content.to_string()),
            previous_hash: entry.previous_hash.to_string(),
            hash: entry.hash.to_string(),
        }
    }
}

/// The newest entry of a chain, to be noted elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeadView {
    /// `alarms` or `directory`.
    #[schema(value_type = String)]
    pub chain: &'static str,
    /// Its sequence.
    pub sequence: u64,
    /// Its hash, in hexadecimal.
    pub hash: String,
    /// What `lianfang audit verify --expect-head` takes.
    pub note: String,
}

impl HeadView {
    /// Shows a head.
    #[must_use]
    pub fn new(chain: Chain, head: Head) -> Self {
        Self {
            chain: chain.name(),
            sequence: head.sequence,
            hash: head.hash.to_string(),
            note: format!("{chain}:{head}"),
        }
    }
}
