//! What is chained of the directory: who edited which row, and a keyed digest of what it is since.
//!
//! The digest is over the row as it stands in its table, so that a later change behind the service's back is found. Its
//! key is made anew with every edit and goes with the row: what a row was before, or who lived there, cannot be guessed
//! from the chain.

use super::Chain;
use super::alarms::ALARM;
use super::chain::append;
use super::entry::{Action, Frame, Hash, NewEntry};
use crate::store::random::hex;
use crate::store::{Database, StoreError};
use jiff::Timestamp;
use lianfang_domain::id::AlarmId;
use lianfang_domain::reachability::Who;
use serde_json::json;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, Transaction};

/// Columns that change with other rows, or by being used.
const NOT_DIGESTED: &[&str] = &["changed_version", "totp_pending", "totp_last_step"];
/// Rows that are digested at a time.
const ROWS_AT_ONCE: usize = 1000;

const COLUMNS: &str = "SELECT name FROM pragma_table_info(?1) ORDER BY cid";
const SALT: &str = "INSERT INTO audit_salt (noun, row_id, salt, columns)
    SELECT ?1, value ->> 0, unhex(value ->> 1), ?3 FROM json_each(?2) WHERE true
    ON CONFLICT (noun, row_id) DO UPDATE SET salt = excluded.salt, columns = excluded.columns";
const FORGET: &str =
    "DELETE FROM audit_salt WHERE noun = ?1 AND row_id IN (SELECT value FROM json_each(?2))";
const BEGUN: &str = "SELECT EXISTS (SELECT 1 FROM audit)";
const VERSION: &str = "SELECT version FROM directory_version";
/// The tables that may have had rows before there was a trail.
pub(super) const OLDER_TABLES: [&str; 9] = [
    "street",
    "community",
    "grid",
    "household_group",
    "household",
    "line",
    "contact",
    "worker",
    "api_token",
];
/// The secrets of a line are digested with it.
const SECRETS: &str = ", (SELECT json_group_array(json_array(algorithm, realm, ha1)) FROM
    (SELECT * FROM line_secret WHERE line_id = line.id ORDER BY algorithm, realm))";

/// Somebody who edits the directory: every change says who made it.
#[derive(Clone, Copy, Debug)]
pub struct Editor<'a> {
    pub(crate) database: &'a Database,
    pub(in crate::store) who: &'a str,
    pub(in crate::store) at: Timestamp,
    pub(in crate::store) why: Option<&'a str>,
}

impl<'a> Editor<'a> {
    /// The same edit, with the reason in the editor's words.
    #[must_use]
    pub fn because(self, why: Option<&'a str>) -> Self {
        Self { why, ..self }
    }
}

impl Database {
    /// An edit of this database by `who` (`token:NAME`, `cli:USER` or `service`), now.
    #[must_use]
    pub fn edited_by<'a>(&'a self, who: &'a str, now: Timestamp) -> Editor<'a> {
        Editor { database: self, who, at: now, why: None }
    }
}

/// An edit of the directory, as it is entered.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Edit<'a> {
    pub(in crate::store) action: Action,
    /// The table.
    pub(in crate::store) table: &'a str,
    pub(in crate::store) row_id: i64,
    /// Version of the row.
    pub(in crate::store) version: u32,
    /// Version of the directory after it; 0 where it does not count edits.
    pub(in crate::store) directory_version: u64,
}

impl Editor<'_> {
    /// Begins a change of the database.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.database.write().await
    }

    /// Enters an edit in the transaction that makes it; what is written is digested, what is deleted is forgotten.
    pub(in crate::store) async fn enter(
        &self,
        change: &mut SqliteConnection,
        edit: &Edit<'_>,
    ) -> Result<(), StoreError> {
        self.try_enter(change, edit).await.map_err(StoreError::Write)
    }

    async fn try_enter(
        &self,
        change: &mut SqliteConnection,
        edit: &Edit<'_>,
    ) -> Result<(), sqlx::Error> {
        let content = match edit.action {
            Action::Delete => {
                forget(change, edit.table, &[edit.row_id]).await?;
                None
            }
            Action::Create | Action::Replace | Action::Secret | Action::Revoke => {
                let digests = digest_rows(change, edit.table, &[edit.row_id]).await?;
                digests.first().map(|digest| digest.content)
            }
            Action::Begin
            | Action::Open
            | Action::Append
            | Action::Freeze
            | Action::Close
            | Action::Erase
            | Action::Read
            | Action::Import
            | Action::Refuse
            | Action::Confirm => None,
        };
        let entry = NewEntry {
            at_us: self.at.as_microsecond(),
            actor: self.who,
            action: edit.action,
            noun: edit.table,
            row_id: edit.row_id,
            number: edit.version.into(),
            count: edit.directory_version.cast_signed(),
            content,
        };
        append(change, Chain::Directory, vec![entry]).await
    }

    /// Enters every row of a table that an import wrote or removed.
    pub(crate) async fn enter_rows(
        &self,
        change: &mut SqliteConnection,
        table: &str,
        rows: &ImportedRows,
    ) -> Result<(), StoreError> {
        let done = async {
            for ids in rows.removed.chunks(ROWS_AT_ONCE) {
                forget(change, table, ids).await?;
                let entries: Vec<_> =
                    ids.iter().map(|&id| self.of_row(Action::Delete, table, id)).collect();
                append(change, Chain::Directory, entries).await?;
            }
            for (action, ids) in [(Action::Create, &rows.added), (Action::Replace, &rows.changed)] {
                for ids in ids.chunks(ROWS_AT_ONCE) {
                    let digests = digest_rows(change, table, ids).await?;
                    let entries: Vec<_> = digests
                        .iter()
                        .map(|digest| NewEntry {
                            number: digest.version,
                            content: Some(digest.content),
                            ..self.of_row(action, table, digest.row_id)
                        })
                        .collect();
                    append(change, Chain::Directory, entries).await?;
                }
            }
            Ok(())
        };
        done.await.map_err(StoreError::Write)
    }

    /// Enters that an import ended, with the version of the directory after it.
    pub(crate) async fn enter_import(
        &self,
        change: &mut SqliteConnection,
        rows: usize,
        directory_version: u64,
    ) -> Result<(), StoreError> {
        let entry = NewEntry {
            number: i64::try_from(rows).unwrap_or(i64::MAX),
            count: directory_version.cast_signed(),
            ..self.of_row(Action::Import, "directory", 0)
        };
        append(change, Chain::Directory, vec![entry]).await.map_err(StoreError::Write)
    }

    /// Enters in the transaction of a count that a wrong secret of a row was tried. No row has changed.
    pub(in crate::store) async fn enter_refusal(
        &self,
        change: &mut SqliteConnection,
        (table, row_id): (&str, i64),
    ) -> Result<(), StoreError> {
        let entry = self.of_row(Action::Refuse, table, row_id);
        append(change, Chain::Directory, vec![entry]).await.map_err(StoreError::Write)
    }

    /// Enters in the transaction that keeps it that somebody was asked in person. No row of theirs has changed.
    pub(in crate::store) async fn enter_visit(
        &self,
        change: &mut SqliteConnection,
        who: Who,
    ) -> Result<(), StoreError> {
        let (noun, id) = match who {
            Who::Contact(id) => ("contact_visit", id.0),
            Who::Worker(id) => ("worker_visit", id.0),
            Who::Responder(id) => ("responder_visit", id.0),
        };
        let entry = self.of_row(Action::Confirm, noun, id.into());
        append(change, Chain::Directory, vec![entry]).await.map_err(StoreError::Write)
    }

    /// Enters that messages to a webhook were discarded.
    pub(in crate::store) async fn enter_discard(
        &self,
        change: &mut SqliteConnection,
        webhook: u32,
    ) -> Result<(), StoreError> {
        let entry = self.of_row(Action::Erase, "webhook", webhook.into());
        append(change, Chain::Directory, vec![entry]).await.map_err(StoreError::Write)
    }

    /// Enters that the personal data of an alarm was shown.
    pub(crate) async fn enter_read(&self, alarm: AlarmId) -> Result<(), StoreError> {
        self.enter_read_of((ALARM, alarm.0.cast_signed())).await
    }

    /// Enters that the personal data of a row was shown.
    pub(crate) async fn enter_read_of(
        &self,
        (table, row_id): (&str, i64),
    ) -> Result<(), StoreError> {
        let mut change = self.write().await?;
        let entry = self.of_row(Action::Read, table, row_id);
        append(&mut change, Chain::Directory, vec![entry]).await.map_err(StoreError::Write)?;
        change.commit().await.map_err(StoreError::Write)
    }

    /// Enters that the personal data of these rows was shown, all of them or none.
    pub(crate) async fn enter_reads_of(&self, rows: &[(&str, i64)]) -> Result<(), StoreError> {
        let mut change = self.write().await?;
        let entries: Vec<NewEntry<'_>> =
            rows.iter().map(|(table, id)| self.of_row(Action::Read, table, *id)).collect();
        append(&mut change, Chain::Directory, entries).await.map_err(StoreError::Write)?;
        change.commit().await.map_err(StoreError::Write)
    }

    fn of_row<'a>(&'a self, action: Action, table: &'a str, row_id: i64) -> NewEntry<'a> {
        NewEntry {
            at_us: self.at.as_microsecond(),
            actor: self.who,
            action,
            noun: table,
            row_id,
            number: 0,
            count: 0,
            content: None,
        }
    }
}

/// Which rows of a table an import touched.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImportedRows {
    pub(crate) added: Vec<i64>,
    pub(crate) changed: Vec<i64>,
    pub(crate) removed: Vec<i64>,
}

struct Digest {
    row_id: i64,
    version: i64,
    content: Hash,
}

/// Digests rows as they stand now, each with a new salt.
async fn digest_rows(
    change: &mut SqliteConnection,
    table: &str,
    ids: &[i64],
) -> Result<Vec<Digest>, sqlx::Error> {
    let columns = columns_of(change, table).await?;
    let all = columns.len();
    let has_version = columns.iter().any(|name| name == "version");
    let version = if has_version { "version" } else { "0" };
    let sql = format!(
        "SELECT id, {version}, {} FROM {} WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id",
        content_sql(table, &columns, all),
        quoted(table)
    );
    let rows: Vec<(i64, i64, Vec<u8>)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(json!(ids).to_string())
        .fetch_all(&mut *change)
        .await?;
    let mut digests = Vec::with_capacity(rows.len());
    let mut salts = Vec::with_capacity(rows.len());
    for (row_id, version, content) in rows {
        let salt = new_salt()?;
        let content = row_digest(table, row_id, &content, &salt);
        salts.push(json!([row_id, hex(&salt)]));
        digests.push(Digest { row_id, version, content });
    }
    let columns = i64::try_from(all).unwrap_or(i64::MAX);
    let query = sqlx::query(SALT).bind(table).bind(json!(salts).to_string()).bind(columns);
    query.execute(change).await?;
    Ok(digests)
}

async fn forget(
    change: &mut SqliteConnection,
    table: &str,
    ids: &[i64],
) -> Result<(), sqlx::Error> {
    sqlx::query(FORGET).bind(table).bind(json!(ids).to_string()).execute(change).await?;
    Ok(())
}

pub(super) async fn columns_of(
    connection: &mut SqliteConnection,
    table: &str,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(COLUMNS).bind(table).fetch_all(connection).await
}

/// The row as one text: its first `count` columns as a JSON array.
pub(super) fn content_sql(table: &str, columns: &[String], count: usize) -> String {
    let digested = columns.iter().take(count);
    let digested = digested.filter(|name| !NOT_DIGESTED.contains(&name.as_str()));
    let names: Vec<String> = digested.map(|name| quoted(name)).collect();
    let more = if table == "line" && !names.is_empty() { SECRETS } else { "" };
    format!("json_array({}{more})", names.join(", "))
}

/// A name of a table or column in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn row_digest(table: &str, row_id: i64, content: &[u8], salt: &[u8]) -> Hash {
    let mut frame = Frame::new("lianfang audit row 1");
    frame.text(table);
    frame.number(row_id);
    frame.bytes(content);
    frame.keyed(salt)
}

pub(in crate::store) fn new_salt() -> Result<[u8; 32], sqlx::Error> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok(salt)
}

/// Begins the chain where there is none, with the number of rows that are older.
pub(in crate::store) async fn begin_directory(
    change: &mut SqliteConnection,
    at_us: i64,
) -> Result<(), sqlx::Error> {
    if sqlx::query_scalar(BEGUN).fetch_one(&mut *change).await? {
        return Ok(());
    }
    let version: i64 = sqlx::query_scalar(VERSION).fetch_one(&mut *change).await?;
    let mut rows: i64 = 0;
    for table in OLDER_TABLES {
        let sql = format!("SELECT count(*) FROM {}", quoted(table));
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *change).await?;
        rows = rows.saturating_add(count);
    }
    let begin = NewEntry {
        at_us,
        actor: "service",
        action: Action::Begin,
        noun: "audit",
        row_id: 0,
        number: rows,
        count: version,
        content: None,
    };
    append(change, Chain::Directory, vec![begin]).await
}
