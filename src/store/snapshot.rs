//! The directory in memory, and the count of its edits.

use super::StoreError;
use lianfang_domain::id::CommunityId;
use sqlx::SqliteConnection;

/// Counts an edit, in the transaction that makes it, and marks the communities in or below which it happened: those are
/// what a snapshot loads again. Edits of streets, and communities that are deleted, need no mark. Returns the version.
///
/// # Errors
/// When the database fails.
pub async fn count_edit(
    change: &mut SqliteConnection,
    communities: &[CommunityId],
) -> Result<u64, StoreError> {
    const COUNT: &str = "UPDATE directory_version SET version = version + 1 RETURNING version";
    const MARK: &str = "UPDATE community SET changed_version = ? WHERE id = ?";
    let version: i64 =
        sqlx::query_scalar(COUNT).fetch_one(&mut *change).await.map_err(StoreError::Write)?;
    for community in communities {
        let mark = sqlx::query(MARK).bind(version).bind(community.0);
        mark.execute(&mut *change).await.map_err(StoreError::Write)?;
    }
    Ok(version.unsigned_abs())
}
