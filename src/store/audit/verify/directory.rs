//! Whether the rows of the directory are what their last edits made of them, and every edit was entered.

use super::super::directory::{OLDER_TABLES, columns_of, content_sql, quoted, row_digest};
use super::super::entry::{Action, Entry, Hash};
use super::{Fault, PAGE, Verified, Walk};
use sqlx::{AssertSqlSafe, Row};

/// The newest entry of each row.
const NEWEST: &str = "SELECT row_id, noun, max(sequence) AS entry, action, content FROM audit
    WHERE action IN ('create', 'replace', 'delete', 'secret', 'revoke') AND (?1, ?2) < (row_id, noun)
    GROUP BY row_id, noun ORDER BY row_id, noun LIMIT ?3";
const SALT: &str = "SELECT salt, columns FROM audit_salt WHERE noun = ?1 AND row_id = ?2";
const HAS_TABLE: &str =
    "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)";
const OLDER: &str = "SELECT number FROM audit WHERE sequence = 1";
/// Rows that were there before the trail and were edited since: their first entry is no creation.
const EDITED_SINCE: &str = "SELECT count(*) FROM (SELECT min(sequence), action FROM audit
    WHERE noun = ?1 AND action IN ('create', 'replace', 'delete', 'secret', 'revoke') GROUP BY row_id)
    WHERE action <> 'create'";
const VERSION: &str = "SELECT version FROM directory_version";

/// Follows the versions of the directory: each edit counts one. Returns the one after this entry.
pub(super) fn count(found: &mut Verified, entry: &Entry, from: i64) -> i64 {
    if &*entry.action == Action::Begin.name() {
        return entry.count;
    }
    let to = entry.count;
    if to == 0 {
        return from;
    }
    if from.checked_add(1) != Some(to) {
        found.fault(Fault::EditsUnknown { from, to });
    }
    to
}

pub(super) async fn check(walk: &mut Walk<'_>, counted: i64) -> Result<(), sqlx::Error> {
    let version: i64 = sqlx::query_scalar(VERSION).fetch_one(&mut *walk.connection).await?;
    if version != counted {
        walk.found.fault(Fault::EditsUnknown { from: counted, to: version });
    }
    check_rows(walk).await?;
    check_older(walk).await
}

async fn check_rows(walk: &mut Walk<'_>) -> Result<(), sqlx::Error> {
    let mut after = (i64::MIN, String::new());
    loop {
        let query = sqlx::query(NEWEST).bind(after.0).bind(&after.1).bind(PAGE);
        let rows = query.fetch_all(&mut *walk.connection).await?;
        for row in &rows {
            after = (row.try_get("row_id")?, row.try_get("noun")?);
            let (row_id, noun) = (after.0, after.1.as_str());
            let newest = Newest {
                row_id,
                noun,
                entry: row.try_get("entry")?,
                is_deleted: row.try_get::<&str, _>("action")? == Action::Delete.name(),
                content: row.try_get::<Option<&[u8]>, _>("content")?,
            };
            let fault = check_row(walk, &newest).await?;
            fault.into_iter().for_each(|fault| walk.found.fault(fault));
        }
        if rows.is_empty() {
            return Ok(());
        }
        walk.advance(rows.len());
    }
}

struct Newest<'a> {
    row_id: i64,
    noun: &'a str,
    entry: i64,
    is_deleted: bool,
    content: Option<&'a [u8]>,
}

async fn check_row(walk: &mut Walk<'_>, newest: &Newest<'_>) -> Result<Option<Fault>, sqlx::Error> {
    let Newest { row_id, noun, entry, is_deleted, content } = *newest;
    let connection = &mut *walk.connection;
    let missing = Fault::RowMissing { noun: noun.into(), row_id };
    // A table that a later release dropped took its rows along.
    if !sqlx::query_scalar::<_, bool>(HAS_TABLE).bind(noun).fetch_one(&mut *connection).await? {
        return Ok(None);
    }
    let salt: Option<(Vec<u8>, u32)> =
        sqlx::query_as(SALT).bind(noun).bind(row_id).fetch_optional(&mut *connection).await?;
    let (salt, count) = salt.unwrap_or_default();
    let columns = columns_of(connection, noun).await?;
    let sql = format!(
        "SELECT {} FROM {} WHERE id = ?1",
        content_sql(noun, &columns, count as usize),
        quoted(noun)
    );
    let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(row_id);
    let standing: Option<Vec<u8>> = query.fetch_optional(connection).await?;
    Ok(match (standing, is_deleted) {
        (None, true) => None,
        (None, false) => Some(missing),
        (Some(_), true) => Some(Fault::RowBack { noun: noun.into(), row_id }),
        (Some(standing), false) => {
            let digest = row_digest(noun, row_id, &standing, &salt);
            let entered = content.and_then(|content| Hash::try_from(content).ok());
            (entered != Some(digest)).then(|| Fault::RowChanged {
                noun: noun.into(),
                row_id,
                entry,
            })
        }
    })
}

/// Rows without an entry are those that are older than the trail, no more and no fewer.
async fn check_older(walk: &mut Walk<'_>) -> Result<(), sqlx::Error> {
    let expected: Option<i64> =
        sqlx::query_scalar(OLDER).fetch_optional(&mut *walk.connection).await?;
    let Some(expected) = expected else { return Ok(()) };
    let mut found: i64 = 0;
    for table in OLDER_TABLES {
        let unknown = format!(
            "SELECT count(*) FROM {} AS standing WHERE NOT EXISTS (SELECT 1 FROM audit
                WHERE audit.row_id = standing.id AND audit.noun = ?1)",
            quoted(table)
        );
        let query = sqlx::query_scalar(AssertSqlSafe(unknown)).bind(table);
        let unknown: i64 = query.fetch_one(&mut *walk.connection).await?;
        let query = sqlx::query_scalar(EDITED_SINCE).bind(table);
        let edited: i64 = query.fetch_one(&mut *walk.connection).await?;
        found = found.saturating_add(unknown).saturating_add(edited);
    }
    if expected != found {
        walk.found.fault(Fault::RowsUnknown { expected, found });
    }
    Ok(())
}
