//! What the database takes along, or empties, with a row that is deleted: nobody would be told of it.
//!
//! Which tables these are stands in the schema (`ON DELETE CASCADE`, `ON DELETE SET NULL`) and is read from there, so that
//! none is forgotten. All other tables refuse the delete of themselves.

use super::StoreError;
use serde_json::json;
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::collections::BTreeSet;

/// Rows that are looked for by one statement.
const ROWS_AT_ONCE: usize = 1000;
/// Tables and columns that name rows of a table, and go or are emptied with them.
const NAMING: &str = "SELECT m.name, f.\"from\"
    FROM sqlite_schema AS m JOIN pragma_foreign_key_list(m.name) AS f
    WHERE m.type = 'table' AND f.\"table\" = ?1 AND f.on_delete <> 'NO ACTION'";

/// The tables of which rows would go, or no longer name what they are for, if these rows of a table were deleted.
///
/// # Errors
/// When the database fails.
pub(crate) async fn would_go(
    change: &mut SqliteConnection,
    table: &str,
    ids: &[i64],
) -> Result<BTreeSet<String>, StoreError> {
    let query = sqlx::query_as(NAMING).bind(table).fetch_all(&mut *change).await;
    let naming: Vec<(String, String)> = query.map_err(StoreError::Read)?;
    let mut found = BTreeSet::new();
    for (below, column) in naming {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM \"{below}\" WHERE \"{column}\" IN (SELECT value FROM json_each(?1)))"
        );
        for ids in ids.chunks(ROWS_AT_ONCE) {
            let query = sqlx::query_scalar(AssertSqlSafe(sql.clone())).bind(json!(ids).to_string());
            if query.fetch_one(&mut *change).await.map_err(StoreError::Read)? {
                found.insert(below);
                break;
            }
        }
    }
    Ok(found)
}
