//! How alarms began: when each was heard, and when its beginning was durable. A measure, which goes along with the events
//! that follow: the beginning itself cannot tell when it was kept.

use super::AlarmLog;
use super::read::time;
use super::record::Record;
use crate::store::StoreError;
use crate::store::rows::{Cell, Insert};
use jiff::Timestamp;
use lianfang_domain::id::AlarmId;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

pub(super) static BEGINNINGS: LazyLock<Insert<3>> = LazyLock::new(|| {
    let into = "alarm_beginning (alarm_id, heard_us, committed_us)";
    Insert::new(into, "ON CONFLICT DO NOTHING")
});
const BEGINNING: &str = "SELECT heard_us, committed_us FROM alarm_beginning WHERE alarm_id = ?1";

/// How an alarm began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// When the last digit was heard.
    pub heard: Timestamp,
    /// When its first events were durable; `None` when the disk was slower than the deadline.
    pub committed: Option<Timestamp>,
}

/// The stored form.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct BeginningRecord {
    heard_us: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    committed_us: Option<i64>,
}

impl From<Beginning> for BeginningRecord {
    fn from(beginning: Beginning) -> Self {
        Self {
            heard_us: beginning.heard.as_microsecond(),
            committed_us: beginning.committed.map(Timestamp::as_microsecond),
        }
    }
}

impl Record {
    /// Its row of how its alarm began.
    pub(super) fn beginning_row(&self) -> Option<[Cell<'_>; 3]> {
        let BeginningRecord { heard_us, committed_us } = self.beginning?;
        let committed = committed_us.map_or(Cell::Nothing, Cell::Number);
        Some([Cell::Number(self.alarm_key()), Cell::Number(heard_us), committed])
    }
}

impl AlarmLog {
    /// How an alarm began, if it was measured.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn beginning(&self, id: AlarmId) -> Result<Option<Beginning>, StoreError> {
        let query = sqlx::query_as(BEGINNING).bind(id.0.cast_signed());
        let found: Option<(i64, Option<i64>)> =
            query.fetch_optional(self.database.reader()).await.map_err(StoreError::Read)?;
        Ok(found.map(|(heard_us, committed_us)| Beginning {
            heard: time(heard_us),
            committed: committed_us.map(time),
        }))
    }
}
