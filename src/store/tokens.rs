//! Tokens of the API. A secret is shown once; only its SHA-256 is kept. It carries 256 random bits, so the hash needs no
//! salt, and a lookup by the hash tells a guesser nothing by the time that it takes.

use super::audit::{Action, Edit, Editor};
use super::random::{hex, word};
use super::{Database, StoreError};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::fmt;

/// What every secret begins with, so that scanners for leaked secrets recognise it.
pub const SECRET_PREFIX: &str = "lf_";
const SECRET_ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 43 characters of base 62 carry 256 bits.
const SECRET_LEN: usize = 43;
/// Name of the token that the first start makes.
pub const FIRST_NAME: &str = "first";

const INSERT: &str = "INSERT INTO api_token (name, secret_sha256, scope, created_us, expires_us)
    VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO NOTHING RETURNING id";
const LIST: &str =
    "SELECT id, name, scope, created_us, expires_us, revoked_us FROM api_token ORDER BY id";
const BY_SECRET: &str = "SELECT id, name, scope, created_us, expires_us, revoked_us FROM api_token
    WHERE secret_sha256 = ?1 AND revoked_us IS NULL AND (expires_us IS NULL OR ?2 < expires_us)";
const REVOKE: &str =
    "UPDATE api_token SET revoked_us = ?2 WHERE name = ?1 AND revoked_us IS NULL RETURNING id";
const ANY: &str = "SELECT EXISTS (SELECT 1 FROM api_token)";

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Admin,
    /// Alarms, and reading the directory.
    Operator,
    /// The audit trail and dossiers, nothing else.
    Auditor,
    /// Raising alarms, nothing else.
    Trigger,
    /// Reading metrics, nothing else.
    Metrics,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] =
        [Self::Admin, Self::Operator, Self::Auditor, Self::Trigger, Self::Metrics];

    /// Its name in the database, the API and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Trigger => "trigger",
            Self::Metrics => "metrics",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no [`Scope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope: need admin, operator, auditor, trigger or metrics")]
pub struct ScopeError;

impl std::str::FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::ALL.into_iter().find(|scope| scope.name() == text).ok_or(ScopeError)
    }
}

/// A token that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Its name, unique for ever: it stands in the log of alarms.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// When it stops working.
    pub expires: Option<Timestamp>,
}

/// A token as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// When it was made.
    pub created: Timestamp,
    /// When it stops working.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<24} {:<9} made {}", self.name, self.scope, self.created)?;
        if let Some(expires) = self.expires {
            write!(f, ", expires {expires}")?;
        }
        if let Some(revoked) = self.revoked {
            write!(f, ", revoked {revoked}")?;
        }
        Ok(())
    }
}

/// The secret of a token that was just made. Printing it with `{}` shows it: do that once.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret(String);

impl TokenSecret {
    /// The secret itself, as it is sent behind `Bearer`.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(***)")
    }
}

/// Why a token was not made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// A token has or had this name.
    #[error("a token has or had this name")]
    NameTaken,
    /// The name is empty or longer than 60 characters, or that of an account in the log of alarms.
    #[error("the name of a token has 1 to 60 characters and does not begin with `account:`")]
    Name,
    /// The system gave no random numbers.
    #[error("cannot get random numbers")]
    Random(#[source] getrandom::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a token. Its secret is known only to the caller.
///
/// # Errors
/// When the name is taken or too long, or the database fails.
pub async fn create(editor: &Editor<'_>, new: &NewToken) -> Result<TokenSecret, TokenError> {
    if !(1..=60).contains(&new.name.chars().count()) || new.name.starts_with("account:") {
        return Err(TokenError::Name);
    }
    let secret = word(SECRET_ALPHABET, SECRET_LEN).map_err(TokenError::Random)?;
    let secret = format!("{SECRET_PREFIX}{secret}");
    let mut change = editor.write().await?;
    let insert = sqlx::query_scalar(INSERT)
        .bind(&new.name)
        .bind(hash(&secret))
        .bind(new.scope.name())
        .bind(editor.at.as_microsecond())
        .bind(new.expires.map(Timestamp::as_microsecond));
    let id: Option<i64> = insert.fetch_optional(&mut *change).await.map_err(StoreError::Write)?;
    let id = id.ok_or(TokenError::NameTaken)?;
    editor.enter(&mut change, &edit(Action::Create, id)).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(TokenSecret(secret))
}

fn edit(action: Action, row_id: i64) -> Edit<'static> {
    Edit { action, table: "api_token", row_id, version: 0, directory_version: 0 }
}

/// Makes an admin token when there is none at all: the first start prints it once.
///
/// # Errors
/// When the database fails.
pub async fn create_first(
    directory: &Database,
    now: Timestamp,
) -> Result<Option<TokenSecret>, TokenError> {
    let any: bool = sqlx::query_scalar(ANY)
        .fetch_one(directory.reader())
        .await
        .map_err(|error| TokenError::Store(StoreError::Read(error)))?;
    if any {
        return Ok(None);
    }
    let first = NewToken { name: FIRST_NAME.to_owned(), scope: Scope::Admin, expires: None };
    create(&directory.edited_by("service", now), &first).await.map(Some)
}

/// Every token that there is or was.
///
/// # Errors
/// When the database fails.
pub async fn list(directory: &Database) -> Result<Vec<Token>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as(LIST).fetch_all(directory.reader()).await.map_err(StoreError::Read)?;
    Ok(rows.into_iter().filter_map(token).collect())
}

/// Revokes a token from now on. Returns whether it worked until now.
///
/// # Errors
/// When the database fails.
pub async fn revoke(editor: &Editor<'_>, name: &str) -> Result<bool, StoreError> {
    let mut change = editor.write().await?;
    let revoke = sqlx::query_scalar(REVOKE).bind(name).bind(editor.at.as_microsecond());
    let id: Option<i64> = revoke.fetch_optional(&mut *change).await.map_err(StoreError::Write)?;
    let Some(id) = id else { return Ok(false) };
    editor.enter(&mut change, &edit(Action::Revoke, id)).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(true)
}

/// The token of this secret, if it works now.
///
/// # Errors
/// When the database fails.
pub async fn verify(
    directory: &Database,
    secret: &str,
    now: Timestamp,
) -> Result<Option<Token>, StoreError> {
    if secret.len() != SECRET_PREFIX.len() + SECRET_LEN {
        return Ok(None);
    }
    let query = sqlx::query_as(BY_SECRET).bind(hash(secret)).bind(now.as_microsecond());
    let row: Option<Row> =
        query.fetch_optional(directory.reader()).await.map_err(StoreError::Read)?;
    Ok(row.and_then(token))
}

fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

type Row = (u32, String, String, i64, Option<i64>, Option<i64>);

/// `None` for a scope that only a newer release knows.
fn token((id, name, scope, created, expires, revoked): Row) -> Option<Token> {
    let time = |us| Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX);
    Some(Token {
        id,
        name,
        scope: scope.parse().ok()?,
        created: time(created),
        expires: expires.map(time),
        revoked: revoked.map(time),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn new(name: &str, expires: Option<Timestamp>) -> NewToken {
        NewToken { name: name.to_owned(), scope: Scope::Trigger, expires }
    }

    #[tokio::test]
    async fn a_token_works_until_it_expires_or_is_revoked() {
        let store = Store::open_in_memory().await.expect("opens");
        let directory = store.directory();
        let secret = create(&directory.edited_by("cli:test", at(1)), &new("pbx", Some(at(100))))
            .await
            .expect("makes");
        assert!(secret.reveal().starts_with("lf_") && secret.reveal().len() == 46, "{secret}");
        assert_eq!(format!("{secret:?}"), "TokenSecret(***)");
        let verified = verify(directory, secret.reveal(), at(99)).await.unwrap().expect("works");
        assert_eq!((&*verified.name, verified.scope), ("pbx", Scope::Trigger));
        assert_eq!(verify(directory, secret.reveal(), at(100)).await.unwrap(), None, "expired");
        let other = secret.reveal().replacen("lf_", "lf-", 1);
        for wrong in ["", "lf_", &other, &secret.reveal()[1..]] {
            assert_eq!(verify(directory, wrong, at(2)).await.unwrap(), None, "{wrong}");
        }
        assert!(revoke(&directory.edited_by("cli:test", at(50)), "pbx").await.unwrap());
        assert!(
            !revoke(&directory.edited_by("cli:test", at(51)), "pbx").await.unwrap(),
            "once only"
        );
        assert_eq!(verify(directory, secret.reveal(), at(52)).await.unwrap(), None, "revoked");
        assert_eq!(list(directory).await.unwrap()[0].revoked, Some(at(50)));
    }

    #[tokio::test]
    async fn a_name_is_used_once() {
        let store = Store::open_in_memory().await.expect("opens");
        create(&store.directory().edited_by("cli:test", at(1)), &new("a", None))
            .await
            .expect("makes");
        let taken = create(&store.directory().edited_by("cli:test", at(1)), &new("a", None)).await;
        assert!(matches!(taken, Err(TokenError::NameTaken)), "{taken:?}");
        for wrong in ["", "account:7", &"x".repeat(61)] {
            let refused =
                create(&store.directory().edited_by("cli:test", at(1)), &new(wrong, None)).await;
            assert!(matches!(refused, Err(TokenError::Name)), "{refused:?}");
        }
        create(&store.directory().edited_by("cli:test", at(1)), &new("b", None))
            .await
            .expect("the writer is free again");
    }

    #[tokio::test]
    async fn the_first_start_makes_one_admin() {
        let store = Store::open_in_memory().await.expect("opens");
        let secret = create_first(store.directory(), at(1)).await.unwrap().expect("is the first");
        let token = verify(store.directory(), secret.reveal(), at(2)).await.unwrap();
        assert_eq!(token.map(|token| token.scope), Some(Scope::Admin));
        assert_eq!(create_first(store.directory(), at(3)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn no_secret_stands_in_the_database() {
        let store = Store::open_in_memory().await.expect("opens");
        let secret = create(&store.directory().edited_by("cli:test", at(1)), &new("a", None))
            .await
            .expect("makes");
        let kept: String = sqlx::query_scalar("SELECT name || secret_sha256 FROM api_token")
            .fetch_one(store.directory().reader())
            .await
            .unwrap();
        assert!(!kept.contains(&secret.reveal()[3..]));
    }
}
