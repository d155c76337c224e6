//! Writes what the comparison found, children out before their parents and in after them.

use super::ImportError;
use super::compare::{Comparison, ROWS_AT_ONCE};
use super::table::Noun;
use crate::store::StoreError;
use crate::store::snapshot::count_edit;
use lianfang_domain::id::CommunityId;
use serde_json::json;
use sqlx::{AssertSqlSafe, SqliteConnection};

/// Two lines may swap their numbers, which must never be equal in between.
const FREE_NUMBERS: &str = "UPDATE line SET number_key = 'moving:' || id
    WHERE id IN (SELECT value ->> 0 FROM json_each(?1))";
const SECRETS: &str = "INSERT INTO line_secret (line_id, realm, algorithm, ha1)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1) WHERE true
    ON CONFLICT (line_id, algorithm, realm) DO UPDATE SET ha1 = excluded.ha1";

/// Applies everything, or fails and leaves the transaction to be rolled back.
pub(super) async fn apply(
    change: &mut SqliteConnection,
    comparison: Comparison,
) -> Result<(), ImportError> {
    let Comparison { tables, secrets, communities } = comparison;
    // A line may leave a household that is removed before the line is changed.
    let defer = sqlx::query("PRAGMA defer_foreign_keys = ON");
    defer.execute(&mut *change).await.map_err(StoreError::Write)?;
    for noun in Noun::ALL.into_iter().rev() {
        let Some(changes) = tables.get(&noun) else { continue };
        let rows: Vec<String> = changes.removed.iter().map(u32::to_string).collect();
        execute(change, &noun.table().delete(), &rows).await?;
    }
    for (noun, changes) in &tables {
        if *noun == Noun::Line {
            execute(change, FREE_NUMBERS, &changes.changed).await?;
        }
        // What changes first: it may give up the number of a row that is new.
        execute(change, &noun.table().update(), &changes.changed).await?;
        execute(change, &noun.table().insert(), &changes.added).await?;
    }
    let secrets: Vec<String> = secrets.iter().map(|secret| json!(secret).to_string()).collect();
    execute(change, SECRETS, &secrets).await?;
    let communities: Vec<CommunityId> = communities.into_iter().collect();
    count_edit(change, &communities).await?;
    Ok(())
}

async fn execute(
    change: &mut SqliteConnection,
    sql: &str,
    rows: &[String],
) -> Result<(), ImportError> {
    for rows in rows.chunks(ROWS_AT_ONCE as usize) {
        let query =
            sqlx::query(AssertSqlSafe(sql.to_owned())).bind(format!("[{}]", rows.join(",")));
        query.execute(&mut *change).await.map_err(StoreError::Write)?;
    }
    Ok(())
}
