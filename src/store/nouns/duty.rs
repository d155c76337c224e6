//! The nouns of the duty roster (值班表): posts, rotations, shifts, overrides, swaps and absences of a community.
//!
//! What a value may be by itself is checked here; what is impossible together is found by building the roster after each
//! change, see [`crate::store::roster`].

mod absence;
mod post;
mod replacement;
mod rotation;
mod shift;
mod swap;

pub use absence::{Absence, AbsenceDraft};
pub use post::{Cover, Post, PostDraft};
pub use replacement::{Override, OverrideDraft};
pub use rotation::{Rotation, RotationDraft, TurnUnit};
pub use shift::{Shift, ShiftDraft, Weekday};
pub use swap::{Answer, AnswerError, Swap, SwapDraft, Turn, answer};

use super::Value;
use super::fault::{Checks, Fault};
use jiff::Timestamp;
use jiff::civil::Date;
use lianfang_domain::id::WorkerId;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A moment as it is stored.
fn moment(at: Timestamp) -> Value {
    Value::Integer(at.as_microsecond())
}

fn moment_of(row: &SqliteRow, column: &str) -> Result<Timestamp, sqlx::Error> {
    let us: i64 = row.try_get(column)?;
    Timestamp::from_microsecond(us).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn id_or_null<Id: Into<u32>>(id: Option<Id>) -> Value {
    id.map_or(Value::Null, |id| Value::Integer(id.into().into()))
}

fn id_of<Id: From<u32>>(row: &SqliteRow, column: &str) -> Result<Id, sqlx::Error> {
    row.try_get::<u32, _>(column).map(Id::from)
}

fn id_or_null_of<Id: From<u32>>(row: &SqliteRow, column: &str) -> Result<Option<Id>, sqlx::Error> {
    Ok(row.try_get::<Option<u32>, _>(column)?.map(Id::from))
}

/// A date, a time or a word, which are stored as JSON writes them, without the quotes.
fn word_of<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<T, sqlx::Error> {
    let word: String = row.try_get(column)?;
    serde_json::from_value(word.into()).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn date_or_null(date: Option<Date>) -> Value {
    date.map_or(Value::Null, |date| Value::Text(date.to_string()))
}

fn date_or_null_of(row: &SqliteRow, column: &str) -> Result<Option<Date>, sqlx::Error> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| text.parse().map_err(|error: jiff::Error| sqlx::Error::Decode(error.into())))
        .transpose()
}

/// Workers in their order, each once.
fn workers(pointer: &str, workers: &[WorkerId], checks: &mut Checks) -> Value {
    if lianfang_domain::roster::WORKERS_MAX < workers.len() {
        checks.add(pointer, Fault::TooMany { max: lianfang_domain::roster::WORKERS_MAX });
    }
    for (index, worker) in workers.iter().enumerate() {
        if workers.iter().take(index).any(|before| before == worker) {
            checks.add(format!("{pointer}/{index}"), Fault::Twice);
        }
    }
    Value::Text(serde_json::json!(workers).to_string())
}
