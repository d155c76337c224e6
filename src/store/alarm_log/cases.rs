//! What people write of a case: notes, and what was done for the household next day. Personal data, erased with the plans.
//!
//! Off the alarm's way: nothing here is waited for by anything that rings.

use super::AlarmLog;
use super::read::{AlarmFilter, StoredAlarm, keys};
use crate::store::StoreError;
use jiff::Timestamp;
use lianfang_domain::alarm::Reminders;
use lianfang_domain::id::AlarmId;
use std::collections::BTreeMap;

/// Notes of one alarm.
pub const NOTES_MAX: u32 = 200;

const NEXT_NOTE: &str = "SELECT coalesce(max(note), 0) + 1 FROM alarm_note WHERE alarm_id = ?1";
const HAS_ALARM: &str = "SELECT count(*) FROM alarm WHERE id = ?1";
const ADD_NOTE: &str =
    "INSERT INTO alarm_note (alarm_id, note, at_us, author, text) VALUES (?1, ?2, ?3, ?4, ?5)";
const NOTES: &str =
    "SELECT note, at_us, author, text FROM alarm_note WHERE alarm_id = ?1 ORDER BY note";
const FOLLOW: &str = "INSERT INTO follow_up (alarm_id, kind, done_us, author, text)
    VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (alarm_id) DO NOTHING";
const FOLLOWED: &str = "SELECT kind, done_us, author, text FROM follow_up WHERE alarm_id = ?1";
const UNFINISHED: &str =
    "SELECT id FROM alarm WHERE (?2 IS NULL OR id < ?2) AND (closed_us IS NULL OR (?1 <= closed_us
    AND NOT EXISTS (SELECT 1 FROM follow_up WHERE alarm_id = alarm.id)))
    AND (?4 IS NULL OR line_id IN (SELECT value FROM json_each(?4)))
    AND (?5 IS NULL OR ?5 <= raised_us) AND (?6 IS NULL OR raised_us < ?6) ORDER BY id DESC LIMIT ?3";
const TO_REMIND: &str = "SELECT id FROM alarm WHERE ?1 < id AND ?2 <= closed_us AND closed_us <= ?3
    AND NOT EXISTS (SELECT 1 FROM follow_up WHERE alarm_id = alarm.id) ORDER BY id LIMIT ?4";
const REMINDED: &str = "SELECT times, last_us FROM follow_up_reminder WHERE alarm_id = ?1";
const REMINDED_OF: &str = "SELECT alarm_id, times, last_us FROM follow_up_reminder
    WHERE alarm_id IN (SELECT value FROM json_each(?1))";
const REMIND: &str = "INSERT INTO follow_up_reminder (alarm_id, times, last_us) VALUES (?1, ?2, ?3)
    ON CONFLICT (alarm_id) DO UPDATE SET times = excluded.times, last_us = excluded.last_us";
const ERASE: [&str; 2] = [
    "DELETE FROM alarm_note WHERE alarm_id IN (SELECT id FROM alarm WHERE closed_us < ?1)",
    "UPDATE follow_up SET text = '' WHERE text <> '' AND alarm_id IN (SELECT id FROM alarm WHERE closed_us < ?1)",
];

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Counts the notes of the alarm, from 1.
    pub note: u32,
    /// When it was written, in microseconds since 1970.
    pub at_us: i64,
    /// Who wrote it.
    pub author: String,
    /// What it says.
    pub text: String,
}

/// How the household was looked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUpKind {
    /// Somebody called.
    Call,
    /// Somebody went there.
    Visit,
}

impl FollowUpKind {
    /// As it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Visit => "visit",
        }
    }
}

/// What was done for the household next day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowUp {
    /// `call` or `visit`.
    pub kind: String,
    /// When, in microseconds since 1970.
    pub done_us: i64,
    /// Who did it.
    pub author: String,
    /// How it went.
    pub text: String,
}

/// Why something was not written to a case.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// No alarm has this id.
    #[error("no such alarm")]
    UnknownAlarm,
    /// It has as many notes as it may.
    #[error("an alarm has at most {NOTES_MAX} notes")]
    TooManyNotes,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AlarmLog {
    /// Writes a note and tells its number.
    ///
    /// # Errors
    /// [`CaseError`].
    pub async fn add_note(&self, id: AlarmId, author: &str, text: &str) -> Result<u32, CaseError> {
        let key = id.0.cast_signed();
        let mut change = self.database.write().await?;
        let known: i64 = sqlx::query_scalar(HAS_ALARM)
            .bind(key)
            .fetch_one(&mut *change)
            .await
            .map_err(StoreError::Read)?;
        if known == 0 {
            return Err(CaseError::UnknownAlarm);
        }
        let note: u32 = sqlx::query_scalar(NEXT_NOTE)
            .bind(key)
            .fetch_one(&mut *change)
            .await
            .map_err(StoreError::Read)?;
        if NOTES_MAX < note {
            return Err(CaseError::TooManyNotes);
        }
        let insert = sqlx::query(ADD_NOTE).bind(key).bind(note);
        let insert = insert.bind(self.clock.now().as_microsecond()).bind(author).bind(text);
        insert.execute(&mut *change).await.map_err(StoreError::Write)?;
        change.commit().await.map_err(StoreError::Write)?;
        Ok(note)
    }

    /// The notes of an alarm, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn notes(&self, id: AlarmId) -> Result<Vec<Note>, StoreError> {
        let query = sqlx::query_as(NOTES).bind(id.0.cast_signed());
        let rows: Vec<(u32, i64, String, String)> =
            query.fetch_all(self.database.reader()).await.map_err(StoreError::Read)?;
        let notes = rows.into_iter();
        Ok(notes.map(|(note, at_us, author, text)| Note { note, at_us, author, text }).collect())
    }

    /// Writes that the household was looked after. The first to say so stays.
    ///
    /// # Errors
    /// [`CaseError`].
    pub async fn follow_up(
        &self,
        id: AlarmId,
        kind: FollowUpKind,
        (author, text): (&str, &str),
    ) -> Result<(), CaseError> {
        let key = id.0.cast_signed();
        let mut change = self.database.write().await?;
        let known: i64 = sqlx::query_scalar(HAS_ALARM)
            .bind(key)
            .fetch_one(&mut *change)
            .await
            .map_err(StoreError::Read)?;
        if known == 0 {
            return Err(CaseError::UnknownAlarm);
        }
        let insert = sqlx::query(FOLLOW).bind(key).bind(kind.name());
        let insert = insert.bind(self.clock.now().as_microsecond()).bind(author).bind(text);
        insert.execute(&mut *change).await.map_err(StoreError::Write)?;
        change.commit().await.map_err(StoreError::Write)?;
        Ok(())
    }

    /// How the household was looked after, if it was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn followed_up(&self, id: AlarmId) -> Result<Option<FollowUp>, StoreError> {
        let query = sqlx::query_as(FOLLOWED).bind(id.0.cast_signed());
        let row: Option<(String, i64, String, String)> =
            query.fetch_optional(self.database.reader()).await.map_err(StoreError::Read)?;
        Ok(row.map(|(kind, done_us, author, text)| FollowUp { kind, done_us, author, text }))
    }

    /// Alarms behind `after` that were closed in this time and not followed up, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn not_followed_up(
        &self,
        after: AlarmId,
        (from, to): (Timestamp, Timestamp),
        limit: u32,
    ) -> Result<Vec<AlarmId>, StoreError> {
        let query = sqlx::query_scalar(TO_REMIND)
            .bind(after.0.cast_signed())
            .bind(from.as_microsecond())
            .bind(to.as_microsecond())
            .bind(limit);
        let ids: Vec<i64> =
            query.fetch_all(self.database.reader()).await.map_err(StoreError::Read)?;
        Ok(ids.into_iter().map(|id| AlarmId(id.cast_unsigned())).collect())
    }

    /// How often somebody was reminded of a follow-up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn follow_up_reminders(&self, id: AlarmId) -> Result<Reminders, StoreError> {
        let query = sqlx::query_as(REMINDED).bind(id.0.cast_signed());
        let row: Option<(u8, Option<i64>)> =
            query.fetch_optional(self.database.reader()).await.map_err(StoreError::Read)?;
        Ok(reminders(row.unwrap_or_default()))
    }

    /// How often somebody was reminded of each of these alarms; those of which nobody was are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reminders_of(
        &self,
        ids: &[AlarmId],
    ) -> Result<BTreeMap<AlarmId, Reminders>, StoreError> {
        let query = sqlx::query_as(REMINDED_OF).bind(keys(ids));
        let rows: Vec<(i64, u8, Option<i64>)> =
            query.fetch_all(self.database.reader()).await.map_err(StoreError::Read)?;
        let of = |(id, times, last_us): (i64, u8, Option<i64>)| {
            (AlarmId(id.cast_unsigned()), reminders((times, last_us)))
        };
        Ok(rows.into_iter().map(of).collect())
    }

    /// Writes how often somebody was reminded.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_follow_up_reminders(
        &self,
        id: AlarmId,
        sent: Reminders,
    ) -> Result<(), StoreError> {
        let mut change = self.database.write().await?;
        let row = sqlx::query(REMIND).bind(id.0.cast_signed()).bind(sent.times);
        let row = row.bind(sent.last_at.map(Timestamp::as_microsecond));
        row.execute(&mut *change).await.map_err(StoreError::Write)?;
        change.commit().await.map_err(StoreError::Write)
    }

    /// Alarms that are open, or were closed after `since` and not followed up, the latest first, at most `limit`: of the
    /// filter, those of its lines and its time, and before the last of the page before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unfinished(
        &self,
        since: Timestamp,
        filter: &AlarmFilter<'_>,
        limit: u32,
    ) -> Result<Vec<StoredAlarm>, StoreError> {
        let lines = filter.lines.map(|lines| serde_json::json!(lines).to_string());
        let query = sqlx::query_scalar(UNFINISHED)
            .bind(since.as_microsecond())
            .bind(filter.before.map(|id| id.0.cast_signed()))
            .bind(limit)
            .bind(lines)
            .bind(filter.from.map(Timestamp::as_microsecond))
            .bind(filter.to.map(Timestamp::as_microsecond));
        let ids: Vec<i64> =
            query.fetch_all(self.database.reader()).await.map_err(StoreError::Read)?;
        let ids: Vec<AlarmId> = ids.into_iter().map(|id| AlarmId(id.cast_unsigned())).collect();
        let mut alarms = self.alarms(&ids).await?;
        alarms.reverse();
        Ok(alarms)
    }

    /// Erases what was written of alarms that were closed before `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase_cases_before(&self, limit: Timestamp) -> Result<u64, StoreError> {
        let mut erased = 0;
        let mut change = self.database.write().await?;
        for sql in ERASE {
            let done = sqlx::query(sql).bind(limit.as_microsecond()).execute(&mut *change).await;
            erased += done.map_err(StoreError::Write)?.rows_affected();
        }
        change.commit().await.map_err(StoreError::Write)?;
        Ok(erased)
    }
}

fn reminders((times, last_us): (u8, Option<i64>)) -> Reminders {
    let last_at = last_us.and_then(|last| Timestamp::from_microsecond(last).ok());
    Reminders { times, last_at }
}
