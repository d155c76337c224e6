//! The latest alarms of one line, for who wants to know whether it works: how each began, and what it was when it was closed.

use super::AlarmLog;
use super::read::time;
use crate::store::StoreError;
use jiff::Timestamp;
use lianfang_domain::alarm::{CloseOutcome, Event};
use lianfang_domain::id::{AlarmId, LineId};

/// Alarms of a line that are looked at: what is older says nothing of how the line is.
const LOOKED_AT: u32 = 200;
/// The latest alarms of a line, each with its first event and the one that closed it. The kind stands first in the text.
const LATEST: &str = "SELECT a.id, a.raised_us, (SELECT e.event FROM alarm_event AS e
        WHERE e.alarm_id = a.id AND e.sequence = 0), (SELECT e.event FROM alarm_event AS e
        WHERE e.alarm_id = a.id AND substr(e.event, 1, 16) = '{\"kind\":\"closed\"' ORDER BY e.sequence DESC LIMIT 1)
    FROM alarm AS a WHERE a.line_id = ?1 AND a.is_doubled = 0 ORDER BY a.id DESC LIMIT ?2";

/// An alarm of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmOfLine {
    /// The alarm.
    pub alarm: AlarmId,
    /// When it was raised.
    pub raised: Timestamp,
    /// How it began; `None` when it cannot be read.
    pub event: Option<Event>,
    /// What it was; `None` while it is open, or when that cannot be read.
    pub outcome: Option<CloseOutcome>,
}

type Row = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>);

fn read((id, raised_us, begun, closed): Row) -> AlarmOfLine {
    let event = |text: Option<Vec<u8>>| serde_json::from_slice(&text?).ok();
    let outcome = match event(closed) {
        Some(Event::Closed { outcome, .. }) => Some(outcome),
        Some(_) | None => None,
    };
    let alarm = AlarmId(id.cast_unsigned());
    AlarmOfLine { alarm, raised: time(raised_us), event: event(begun), outcome }
}

impl AlarmLog {
    /// The alarms of a line, the latest first, at most [`LOOKED_AT`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn latest_of_line(&self, line: LineId) -> Result<Vec<AlarmOfLine>, StoreError> {
        let query = sqlx::query_as(LATEST).bind(line.0).bind(LOOKED_AT);
        let rows: Vec<Row> =
            query.fetch_all(self.database.reader()).await.map_err(StoreError::Read)?;
        Ok(rows.into_iter().map(read).collect())
    }
}
