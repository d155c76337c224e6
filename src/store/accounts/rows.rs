//! Rows of accounts: what a draft must be, how it is written, how a row is read.

use super::{
    Account, AccountDraft, AccountError, DISPLAY_NAME_MAX, NAME_LEN, Proofs, Role, key_of,
};
use crate::store::nouns::{Fault, FieldError, Kind, NounError};
use crate::store::reach::{Reach, place_of};
use crate::store::{Database, StoreError};
use jiff::Timestamp;
use lianfang_domain::directory::Language;
use lianfang_domain::id::{AccountId, ResponderId, WorkerId};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite};

/// Looks a draft through: every mistake, not only the first.
pub(super) async fn check(draft: &AccountDraft, database: &Database) -> Result<(), AccountError> {
    let mut faults = Vec::new();
    let mut add = |pointer: &str, fault| {
        faults.push(FieldError { pointer: pointer.to_owned(), fault });
    };
    let name = draft.name.trim();
    let is_known = |sign: char| sign.is_alphanumeric() || "-_.@".contains(sign);
    if !NAME_LEN.contains(&name.chars().count()) || !name.chars().all(is_known) {
        add("/name", Fault::LoginName);
    }
    let display_name = draft.display_name.trim();
    if display_name.is_empty() {
        add("/display_name", Fault::Empty);
    } else if DISPLAY_NAME_MAX < display_name.chars().count() {
        add("/display_name", Fault::TooLong { max: DISPLAY_NAME_MAX });
    } else if display_name.chars().any(char::is_control) {
        add("/display_name", Fault::ControlCharacter);
    }
    if draft.worker_id.is_some() && draft.responder_id.is_some() {
        add("/responder_id", Fault::OnePerson);
    }
    let own = draft.reach.place(database).await?;
    if own.is_none() {
        add("/reach/id", Fault::UnknownParent);
    }
    let worker = draft.worker_id.map(|id| ("/worker_id", Kind::Worker, id.0));
    let responder = draft.responder_id.map(|id| ("/responder_id", Kind::Responder, id.0));
    for (pointer, kind, id) in [worker, responder].into_iter().flatten() {
        let place = place_of(database, kind, id).await?;
        let is_shown = |place| draft.reach.shows(place, own.unwrap_or_default());
        if !place.is_some_and(is_shown) {
            add(pointer, Fault::UnknownParent);
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(NounError::Faulty(faults).into()) }
}

/// Binds a draft to the first ten places.
pub(super) fn bind<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    draft: &AccountDraft,
    now: Timestamp,
) -> Query<'q, Sqlite, SqliteArguments> {
    let (kind, reach_id) = draft.reach.stored();
    query
        .bind(draft.name.trim().to_owned())
        .bind(key_of(&draft.name))
        .bind(draft.display_name.trim().to_owned())
        .bind(draft.role.name())
        .bind(kind)
        .bind(reach_id)
        .bind(draft.worker_id.map(|id| id.0))
        .bind(draft.responder_id.map(|id| id.0))
        .bind(draft.language.map(Language::tag))
        .bind(draft.is_disabled.then_some(now.as_microsecond()))
}

/// A name that is taken is a mistake of the draft.
pub(super) fn of_write(error: sqlx::Error) -> AccountError {
    let is_taken = error.as_database_error().is_some_and(|cause| cause.is_unique_violation());
    if is_taken {
        let field = FieldError { pointer: "/name".to_owned(), fault: Fault::Taken };
        return NounError::Faulty(vec![field]).into();
    }
    StoreError::Write(error).into()
}

pub(super) fn account(row: &SqliteRow) -> Result<Account, sqlx::Error> {
    let role: Role = row.try_get::<&str, _>("role")?.parse().map_err(decode)?;
    let reach = Reach::of_stored(row.try_get("reach_kind")?, row.try_get("reach_id")?);
    let language: Option<&str> = row.try_get("language")?;
    Ok(Account {
        id: AccountId(row.try_get("id")?),
        name: row.try_get("name")?,
        display_name: row.try_get("display_name")?,
        role,
        reach: reach.ok_or_else(|| sqlx::Error::Decode("no known reach".into()))?,
        worker_id: row.try_get::<Option<u32>, _>("worker_id")?.map(WorkerId),
        responder_id: row.try_get::<Option<u32>, _>("responder_id")?.map(ResponderId),
        language: language.and_then(Language::of_tag),
        must_change: row.try_get("must_change")?,
        has_second_factor: row.try_get::<Option<&str>, _>("totp_salt")?.is_some(),
        recovery_codes: row.try_get("recovery_codes")?,
        is_disabled: row.try_get::<Option<i64>, _>("disabled_us")?.is_some(),
        created_at: time(row.try_get("created_us")?),
        version: row.try_get("version")?,
    })
}

pub(super) fn proofs(row: &SqliteRow) -> Result<Proofs, sqlx::Error> {
    Ok(Proofs {
        account: account(row)?,
        password: row.try_get("password")?,
        totp_salt: row.try_get("totp_salt")?,
        totp_pending: row.try_get("totp_pending")?,
        totp_last_step: row.try_get("totp_last_step")?,
    })
}

pub(super) fn time(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX)
}

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
