//! Accounts of people: who may sign in, as what, and how far they reach.
//!
//! A row is edited like those of the directory: by version, entered in the audit trail with ids only. What ends rights
//! ends the sessions too, in the same transaction. Must not log, and must not hash: hashes take long and are made aside
//! (see [`password`]).

mod factors;
pub mod password;
mod rows;
pub mod sessions;
#[cfg(test)]
mod tests;
pub mod totp;

pub use factors::{begin_totp, keep_totp, remove_totp, use_recovery_code, use_totp};

use super::audit::{Action, Edit, Editor};
use super::nouns::NounError;
use super::reach::Reach;
use super::{Database, StoreError};
use jiff::Timestamp;
use lianfang_domain::directory::Language;
use lianfang_domain::id::{AccountId, ResponderId, WorkerId};
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection};
use utoipa::ToSchema;

const TABLE: &str = "account";
/// Characters of a name to sign in with.
const NAME_LEN: std::ops::RangeInclusive<usize> = 2..=60;
/// Characters of a name to be called by.
const DISPLAY_NAME_MAX: usize = 60;

macro_rules! account {
    ($rest:literal) => {
        concat!(
            "SELECT *, (SELECT count(*) FROM account_recovery WHERE account_id = account.id) AS recovery_codes
            FROM account ",
            $rest
        )
    };
}
const GET: &str = account!("WHERE id = ?1");
const BY_NAME: &str = account!("WHERE name_key = ?1");
const LIST: &str = account!(
    "WHERE ?1 < id AND (?3 IS NULL OR role = ?3) AND (?4 IS NULL OR (disabled_us IS NOT NULL) = ?4)
    ORDER BY id LIMIT ?2"
);
const ANY: &str = "SELECT EXISTS (SELECT 1 FROM account)";
const INSERT: &str =
    "INSERT INTO account (name, name_key, display_name, role, reach_kind, reach_id, worker_id,
        responder_id, language, disabled_us, password, must_change, created_us)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) RETURNING id";
const UPDATE: &str = "UPDATE account SET name = ?1, name_key = ?2, display_name = ?3, role = ?4, reach_kind = ?5,
        reach_id = ?6, worker_id = ?7, responder_id = ?8, language = ?9, disabled_us = ?10, version = version + 1
    WHERE id = ?11";
const SET_PASSWORD: &str =
    "UPDATE account SET password = ?2, must_change = ?3, version = version + 1
    WHERE id = ?1 RETURNING version";
const SET_LANGUAGE: &str =
    "UPDATE account SET language = ?2, version = version + 1 WHERE id = ?1 RETURNING version";
const END_SESSIONS: &str = "DELETE FROM account_session WHERE account_id = ?1 AND id IS NOT ?2";
const OTHER_ADMIN: &str =
    "SELECT EXISTS (SELECT 1 FROM account WHERE role = 'admin' AND reach_kind = 'everything'
    AND disabled_us IS NULL AND id <> ?1)";
const DELETE: &str = "DELETE FROM account WHERE id = ?1";

/// What somebody does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Keeps the directory true, and accounts.
    Admin,
    /// A duty worker: alarms, cases, duty, and reading the directory.
    Operator,
    /// Reads the audit trail, dossiers and reports.
    Auditor,
    /// Sees what concerns themself: the alarms that call them, and their duty.
    Responder,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Operator, Self::Auditor, Self::Responder];

    /// Its name in the database, the API and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Responder => "responder",
        }
    }
}

/// The text names no [`Role`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown role: need admin, operator, auditor or responder")]
pub struct RoleError;

impl std::str::FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or(RoleError)
    }
}

/// An account as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Account {
    /// Its id.
    #[schema(value_type = u32)]
    pub id: AccountId,
    /// What they sign in with; upper and lower case are the same.
    pub name: String,
    /// What they are called.
    pub display_name: String,
    /// What they do here.
    pub role: Role,
    /// What they reach.
    pub reach: Reach,
    /// The worker that they are.
    #[schema(value_type = Option<u32>)]
    pub worker_id: Option<WorkerId>,
    /// The responder that they are.
    #[schema(value_type = Option<u32>)]
    pub responder_id: Option<ResponderId>,
    /// The language that they read; what the client asks for if null.
    #[schema(schema_with = super::nouns::language_or_null)]
    pub language: Option<Language>,
    /// Their password has to be changed before anything else.
    pub must_change: bool,
    /// They have a second factor.
    pub has_second_factor: bool,
    /// Recovery codes that are left.
    pub recovery_codes: u32,
    /// They cannot sign in.
    pub is_disabled: bool,
    /// When the account was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Counts its edits; its ETag.
    pub version: u32,
}

impl Account {
    /// Whether it needs a second factor before it may do anything else.
    #[must_use]
    pub fn needs_second_factor(&self) -> bool {
        self.role == Role::Admin && !self.has_second_factor
    }
}

/// What is written of an account.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountDraft {
    /// What they sign in with: 2 to 60 letters, digits and -_.@; upper and lower case are the same.
    #[schema(min_length = 2, max_length = 60)]
    pub name: String,
    /// What they are called.
    #[schema(min_length = 1, max_length = 60)]
    pub display_name: String,
    /// What they do here.
    pub role: Role,
    /// What they reach.
    pub reach: Reach,
    /// The worker that they are, if any.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    pub worker_id: Option<WorkerId>,
    /// The responder that they are, if any; not both.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    pub responder_id: Option<ResponderId>,
    /// The language that they read; what the client asks for if null.
    #[serde(default)]
    #[schema(schema_with = super::nouns::language_or_null)]
    pub language: Option<Language>,
    /// They cannot sign in; their sessions end.
    #[serde(default)]
    pub is_disabled: bool,
    /// Only of a new account: its first password, 12 to 128 characters. Without one, a one-time password is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 12, max_length = 128)]
    pub password: Option<String>,
}

impl std::fmt::Debug for AccountDraft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountDraft").field("role", &self.role).finish_non_exhaustive()
    }
}

/// Why an account was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The row cannot be read or written.
    #[error(transparent)]
    Row(#[from] NounError),
    /// Nobody could make accounts any more.
    #[error("it is the last account of an admin who reaches everything")]
    LastAdmin,
    /// The system gave no random numbers.
    #[error("cannot get random numbers")]
    Random(#[source] getrandom::Error),
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        Self::Row(NounError::Store(error))
    }
}

/// An account with what proves who somebody is.
#[derive(Clone)]
pub struct Proofs {
    /// The account.
    pub account: Account,
    /// The PHC string of its password.
    pub password: String,
    /// What its second factor is made of.
    pub totp_salt: Option<String>,
    /// What a second factor that waits for its first code is made of.
    pub totp_pending: Option<String>,
    /// The step of the last code.
    pub totp_last_step: Option<i64>,
}

/// Whether there is any account.
///
/// # Errors
/// When the database fails.
pub async fn any(database: &Database) -> Result<bool, StoreError> {
    sqlx::query_scalar(ANY).fetch_one(database.reader()).await.map_err(StoreError::Read)
}

/// The account of this id.
///
/// # Errors
/// When there is none or the database fails.
pub async fn get(database: &Database, id: AccountId) -> Result<Account, AccountError> {
    Ok(proofs(database, id).await?.account)
}

/// The account of this id with what proves who somebody is.
///
/// # Errors
/// When there is none or the database fails.
pub async fn proofs(database: &Database, id: AccountId) -> Result<Proofs, AccountError> {
    let row = sqlx::query(GET).bind(id.0).fetch_optional(database.reader()).await;
    let row = row.map_err(StoreError::Read)?.ok_or(NounError::NotFound)?;
    Ok(rows::proofs(&row).map_err(StoreError::Read)?)
}

/// Who signs in with this name, if anybody.
///
/// # Errors
/// When the database fails.
pub async fn by_name(database: &Database, name: &str) -> Result<Option<Proofs>, StoreError> {
    let row = sqlx::query(BY_NAME).bind(key_of(name)).fetch_optional(database.reader()).await;
    let row = row.map_err(StoreError::Read)?;
    row.as_ref().map(rows::proofs).transpose().map_err(StoreError::Read)
}

/// Which accounts to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccountFilter {
    /// Only those of this role.
    pub role: Option<Role>,
    /// Only those that cannot sign in, or only those that can.
    pub is_disabled: Option<bool>,
}

/// The accounts that are meant after this id, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn list(
    database: &Database,
    filter: AccountFilter,
    after: u32,
    limit: u32,
) -> Result<Vec<Account>, StoreError> {
    let query = sqlx::query(LIST).bind(after).bind(limit);
    let query = query.bind(filter.role.map(Role::name)).bind(filter.is_disabled);
    let rows = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    rows.iter().map(rows::account).collect::<Result<_, _>>().map_err(StoreError::Read)
}

/// Makes an account. `phc` is the hash of its password.
///
/// # Errors
/// When the draft has mistakes or the database fails; nothing is changed then.
pub async fn create(
    editor: &Editor<'_>,
    draft: &AccountDraft,
    (phc, must_change): (&str, bool),
) -> Result<Account, AccountError> {
    rows::check(draft, editor.database).await?;
    let mut change = editor.write().await?;
    let query = rows::bind(sqlx::query(INSERT), draft, editor.at);
    let query = query.bind(phc.to_owned()).bind(must_change).bind(editor.at.as_microsecond());
    let row = query.fetch_one(&mut *change).await.map_err(rows::of_write)?;
    let id: u32 = row.try_get("id").map_err(StoreError::Read)?;
    enter(editor, &mut change, Action::Create, (AccountId(id), 1)).await?;
    let account = read_one(&mut change, AccountId(id)).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(account)
}

/// Replaces what is written of an account, if it is still at `version`. Its sessions end when it may do less or other
/// things than before.
///
/// # Errors
/// When there is none, somebody changed it, the draft has mistakes, nobody could make accounts any more, or the
/// database fails; nothing is changed then.
pub async fn replace(
    editor: &Editor<'_>,
    (id, version): (AccountId, u32),
    draft: &AccountDraft,
) -> Result<Account, AccountError> {
    rows::check(draft, editor.database).await?;
    let mut change = editor.write().await?;
    let before = at_version(&mut change, id, version).await?;
    let is_chief = |role, reach, is_disabled: bool| {
        role == Role::Admin && reach == Reach::Everything && !is_disabled
    };
    if is_chief(before.role, before.reach, before.is_disabled)
        && !is_chief(draft.role, draft.reach, draft.is_disabled)
    {
        need_other_admin(&mut change, id).await?;
    }
    let query = rows::bind(sqlx::query(UPDATE), draft, editor.at).bind(id.0);
    query.execute(&mut *change).await.map_err(rows::of_write)?;
    let account = read_one(&mut change, id).await?;
    let rights = |account: &Account| {
        (account.role, account.reach, account.worker_id, account.responder_id, account.is_disabled)
    };
    if rights(&before) != rights(&account) {
        end_sessions(&mut change, id, None).await?;
    }
    enter(editor, &mut change, Action::Replace, (id, account.version)).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(account)
}

/// Deletes an account, if it is still at `version`. What it did stays in the trail by its id.
///
/// # Errors
/// When there is none, somebody changed it, nobody could make accounts any more, or the database fails.
pub async fn delete(
    editor: &Editor<'_>,
    (id, version): (AccountId, u32),
) -> Result<(), AccountError> {
    let mut change = editor.write().await?;
    let account = at_version(&mut change, id, version).await?;
    if account.role == Role::Admin && account.reach == Reach::Everything {
        need_other_admin(&mut change, id).await?;
    }
    let query = sqlx::query(DELETE).bind(id.0);
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    enter(editor, &mut change, Action::Delete, (id, account.version)).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(())
}

/// Sets a password by its hash. Every session but `kept` ends.
///
/// # Errors
/// When there is no such account or the database fails.
pub async fn set_password(
    editor: &Editor<'_>,
    id: AccountId,
    (phc, must_change): (&str, bool),
    kept: Option<u32>,
) -> Result<(), AccountError> {
    let mut change = editor.write().await?;
    let query = sqlx::query_scalar(SET_PASSWORD).bind(id.0).bind(phc).bind(must_change);
    let version: Option<u32> =
        query.fetch_optional(&mut *change).await.map_err(StoreError::Write)?;
    let version = version.ok_or(NounError::NotFound)?;
    end_sessions(&mut change, id, kept).await?;
    enter(editor, &mut change, Action::Secret, (id, version)).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(())
}

/// Sets the language that somebody reads.
///
/// # Errors
/// When there is no such account or the database fails.
pub async fn set_language(
    editor: &Editor<'_>,
    id: AccountId,
    language: Option<Language>,
) -> Result<(), AccountError> {
    let mut change = editor.write().await?;
    let query = sqlx::query_scalar(SET_LANGUAGE).bind(id.0).bind(language.map(Language::tag));
    let version: Option<u32> =
        query.fetch_optional(&mut *change).await.map_err(StoreError::Write)?;
    let version = version.ok_or(NounError::NotFound)?;
    enter(editor, &mut change, Action::Replace, (id, version)).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(())
}

async fn read_one(change: &mut SqliteConnection, id: AccountId) -> Result<Account, AccountError> {
    let row = sqlx::query(GET).bind(id.0).fetch_optional(change).await.map_err(StoreError::Read)?;
    Ok(rows::account(&row.ok_or(NounError::NotFound)?).map_err(StoreError::Read)?)
}

async fn at_version(
    change: &mut SqliteConnection,
    id: AccountId,
    version: u32,
) -> Result<Account, AccountError> {
    let account = read_one(change, id).await?;
    let current = account.version;
    if current == version { Ok(account) } else { Err(NounError::Changed { current }.into()) }
}

async fn need_other_admin(
    change: &mut SqliteConnection,
    id: AccountId,
) -> Result<(), AccountError> {
    let query = sqlx::query_scalar(OTHER_ADMIN).bind(id.0);
    let is_there: bool = query.fetch_one(change).await.map_err(StoreError::Read)?;
    if is_there { Ok(()) } else { Err(AccountError::LastAdmin) }
}

async fn end_sessions(
    change: &mut SqliteConnection,
    id: AccountId,
    kept: Option<u32>,
) -> Result<(), StoreError> {
    let query = sqlx::query(END_SESSIONS).bind(id.0).bind(kept);
    query.execute(change).await.map_err(StoreError::Write)?;
    Ok(())
}

async fn enter(
    editor: &Editor<'_>,
    change: &mut SqliteConnection,
    action: Action,
    (id, version): (AccountId, u32),
) -> Result<(), StoreError> {
    let row_id = id.0.into();
    let edit = Edit { action, table: TABLE, row_id, version, directory_version: 0 };
    editor.enter(change, &edit).await
}

/// Names that differ in nothing but upper and lower case are one.
fn key_of(name: &str) -> String {
    name.trim().to_lowercase()
}
