//! Digest secrets of lines. The password is shown once and never kept: only its hashes are.

use super::StoreError;
use super::audit::{Action, Edit, Editor};
use super::random::{hex, word};
use super::snapshot::count_edit;
use lianfang_domain::directory::DigestAlgorithm;
use lianfang_domain::id::CommunityId;
use md5::{Digest, Md5};
use sha2::Sha256;
use std::fmt;

/// Characters that cannot be mistaken for each other on paper: without 0 O 1 I l.
const PASSWORD_ALPHABET: &[u8] = b"23456789abcdefghijkmnpqrstuvwxyz";
/// 5 bits each: 100 bits.
const PASSWORD_LEN: usize = 20;

const FIND: &str = "SELECT line.id, grid.community_id FROM line
    JOIN household ON household.id = line.household_id
    JOIN household_group ON household_group.id = household.group_id
    JOIN grid ON grid.id = household_group.grid_id
    WHERE line.account = ?1";
const PUT: &str =
    "INSERT INTO line_secret (line_id, algorithm, realm, ha1) VALUES (?1, ?2, ?3, ?4)";
const FORGET: &str = "DELETE FROM line_secret WHERE line_id = ?1 AND realm = ?2";
const EDITED: &str = "UPDATE line SET version = version + 1 WHERE id = ?1 RETURNING version";

/// Why a secret was not made.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// No line has this account.
    #[error("no line has this account")]
    NoLine,
    /// The system gave no random numbers.
    #[error("cannot get random numbers")]
    Random(#[source] getrandom::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A password that was just made. Printing it with `{}` shows it: do that once.
#[derive(Clone, PartialEq, Eq)]
pub struct NewSecret {
    /// The account that it belongs to.
    pub account: String,
    /// The realm that it holds in.
    pub realm: String,
    /// The password itself.
    pub password: String,
}

impl fmt::Display for NewSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "account:  {}", self.account)?;
        writeln!(f, "realm:    {}", self.realm)?;
        writeln!(f, "password: {}", self.password)?;
        write!(f, "The password is shown this once; only its hashes are kept.")
    }
}

impl fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewSecret({}, {}, ***)", self.account, self.realm)
    }
}

/// HA1 (RFC 2617 3.2.2.2, RFC 8760): the hash of `account:realm:password` in lower-case hexadecimal.
#[must_use]
pub fn ha1(algorithm: DigestAlgorithm, account: &str, realm: &str, password: &str) -> String {
    let text = format!("{account}:{realm}:{password}");
    match algorithm {
        DigestAlgorithm::Md5 => hex(&Md5::digest(text)),
        DigestAlgorithm::Sha256 => hex(&Sha256::digest(text)),
    }
}

/// Which hashes are kept of a password, and so which challenges its line gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashes {
    /// SHA-256 and MD5: phones answer what they know best.
    Both,
    /// MD5 alone, for phones that answer no challenge in which SHA-256 is offered.
    Md5Only,
}

impl Hashes {
    fn each(self) -> &'static [(DigestAlgorithm, &'static str)] {
        match self {
            Self::Both => &[(DigestAlgorithm::Md5, "MD5"), (DigestAlgorithm::Sha256, "SHA-256")],
            Self::Md5Only => &[(DigestAlgorithm::Md5, "MD5")],
        }
    }
}

/// Makes a new password for a line; an older one of the same realm no longer works.
///
/// # Errors
/// When no line has the account, or the database fails.
pub async fn make_line_secret(
    editor: &Editor<'_>,
    account: &str,
    realm: &str,
    hashes: Hashes,
) -> Result<NewSecret, SecretError> {
    let password = word(PASSWORD_ALPHABET, PASSWORD_LEN).map_err(SecretError::Random)?;
    let mut change = editor.write().await?;
    let found = sqlx::query_as(FIND).bind(account).fetch_optional(&mut *change).await;
    let found: Option<(u32, u32)> = found.map_err(StoreError::Read)?;
    let Some((line, community)) = found else { return Err(SecretError::NoLine) };
    let forget = sqlx::query(FORGET).bind(line).bind(realm);
    forget.execute(&mut *change).await.map_err(StoreError::Write)?;
    for (algorithm, name) in hashes.each() {
        let ha1 = ha1(*algorithm, account, realm, &password);
        let put = sqlx::query(PUT).bind(line).bind(name).bind(realm).bind(ha1);
        put.execute(&mut *change).await.map_err(StoreError::Write)?;
    }
    let edited = sqlx::query_scalar(EDITED).bind(line).fetch_one(&mut *change).await;
    let version: u32 = edited.map_err(StoreError::Write)?;
    let directory_version = count_edit(&mut change, &[CommunityId(community)]).await?;
    let row_id = line.into();
    let edit = Edit { action: Action::Secret, table: "line", row_id, version, directory_version };
    editor.enter(&mut change, &edit).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(NewSecret { account: account.to_owned(), realm: realm.to_owned(), password })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::snapshot::DirectoryHandle;

    const LINE: &str = "INSERT INTO street (id, name) VALUES (1, 's');
        INSERT INTO community (id, street_id, name, area_code) VALUES (1, 1, 'c', '0592');
        INSERT INTO grid (id, community_id, name) VALUES (1, 1, 'g');
        INSERT INTO household_group (id, grid_id, name) VALUES (1, 1, 'g');
        INSERT INTO household (id, group_id, name) VALUES (1, 1, 'h');
        INSERT INTO line (id, household_id, number_key, number_written, account) VALUES (1, 1, 'k', 'w', 'a1');";

    #[test]
    fn ha1_is_that_of_the_standards() {
        // RFC 2617 3.5 and RFC 7616 3.9.1 use these names; the hashes are md5sum's and sha256sum's.
        let check = |algorithm, realm, password, expected| {
            assert_eq!(ha1(algorithm, "Mufasa", realm, password), expected);
        };
        check(
            DigestAlgorithm::Md5,
            "testrealm@host.com",
            "Circle Of Life",
            "939e7578ed9e3c518a452acee763bce9",
        );
        check(
            DigestAlgorithm::Sha256,
            "http-auth@example.org",
            "Circle of Life",
            "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232",
        );
    }

    #[tokio::test]
    async fn a_secret_reaches_the_directory_and_replaces_the_older() {
        let store = Store::open_in_memory().await.expect("opens");
        sqlx::raw_sql(LINE).execute(&store.directory().writer).await.expect("is good SQL");
        let handle = DirectoryHandle::load(&store).await.expect("loads");
        let editor = store.directory().edited_by("cli:test", jiff::Timestamp::UNIX_EPOCH);
        let first = make_line_secret(&editor, "a1", "lianfang", Hashes::Both).await.expect("makes");
        let second =
            make_line_secret(&editor, "a1", "lianfang", Hashes::Both).await.expect("makes");
        assert_ne!(first.password, second.password);
        assert_eq!(second.password.len(), PASSWORD_LEN);
        assert!(!format!("{second:?}").contains(&second.password));
        assert!(second.to_string().contains(&second.password));

        handle.refresh().await.expect("reads");
        let directory = handle.current();
        let place = directory.line_by_account("a1").expect("is there");
        let (_, _, line) = directory.resolve(place).expect("is there");
        assert_eq!(line.secrets.len(), 2, "one per algorithm");
        for secret in &line.secrets {
            assert_eq!(*secret.ha1, ha1(secret.algorithm, "a1", "lianfang", &second.password));
        }
    }

    #[tokio::test]
    async fn without_a_line_there_is_no_secret() {
        let store = Store::open_in_memory().await.expect("opens");
        let editor = store.directory().edited_by("cli:test", jiff::Timestamp::UNIX_EPOCH);
        let error = make_line_secret(&editor, "a1", "r", Hashes::Both).await.expect_err("refuses");
        assert!(matches!(error, SecretError::NoLine), "{error:?}");
    }
}
