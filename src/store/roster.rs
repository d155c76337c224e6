//! The duty roster in the database: read for the snapshot, and built after each change to see whether it is possible.
//!
//! What is impossible is refused when it is written. Rows that became impossible otherwise (by hand, by an older release)
//! are noted in the roster, and the rest is used. Must not log: the roster names what it could not use.

pub mod calendar;
mod rows;

use super::StoreError;
use super::nouns::{Fault, FieldError, NounError};
use jiff::tz::TimeZone;
use lianfang_domain::id::{CommunityId, WorkerId};
use lianfang_domain::roster::{Parts, Roster, RosterError};
pub(super) use rows::parts;
use sqlx::SqliteConnection;
use std::sync::Arc;

/// Where a community's zone is not known any more.
const ZONE: &str = "Asia/Shanghai";

/// Makes the roster of a community. A zone that is not known is noted, and that of China taken.
#[must_use]
pub(super) fn build(zone: &Arc<str>, parts: Parts, knows: impl Fn(WorkerId) -> bool) -> Roster {
    let known = TimeZone::get(zone);
    let unknown = known.is_err().then(|| RosterError::UnknownZone { name: Arc::clone(zone) });
    let zone = known.or_else(|_| TimeZone::get(ZONE)).unwrap_or(TimeZone::UTC);
    let (mut roster, _) = Roster::build(zone, parts, knows);
    if let Some(unknown) = unknown {
        roster.note(unknown);
    }
    roster
}

/// What is impossible in the roster of a community as it is in this transaction.
///
/// # Errors
/// When the database fails.
pub(super) async fn errors(
    change: &mut SqliteConnection,
    community: CommunityId,
) -> Result<Vec<RosterError>, StoreError> {
    const ZONE_OF: &str = "SELECT time_zone FROM community WHERE id = ?";
    const WORKERS_OF: &str = "SELECT id FROM worker WHERE community_id = ?";
    let zone = sqlx::query_scalar::<_, String>(ZONE_OF).bind(community.0);
    let zone = zone.fetch_optional(&mut *change).await.map_err(StoreError::Read)?;
    let workers = sqlx::query_scalar::<_, u32>(WORKERS_OF).bind(community.0);
    let workers = workers.fetch_all(&mut *change).await.map_err(StoreError::Read)?;
    let mut all = parts(change, &[community]).await.map_err(StoreError::Read)?;
    let parts = all.remove(&community).unwrap_or_default();
    let zone = zone.unwrap_or_else(|| ZONE.to_owned()).into();
    let roster = build(&zone, parts, |worker| workers.contains(&worker.0));
    Ok(roster.faults().to_vec())
}

/// Refuses a change that made something impossible that was not so before.
///
/// # Errors
/// When it did, when a post is for a grid of another community, or when the database fails.
pub(super) async fn refuse_impossible(
    change: &mut SqliteConnection,
    community: CommunityId,
    before: &[RosterError],
) -> Result<(), NounError> {
    const STRANGE_GRID: &str =
        "SELECT EXISTS (SELECT 1 FROM duty_post AS p JOIN grid ON grid.id = p.grid_id
        WHERE p.community_id = ?1 AND grid.community_id <> ?1)";
    let after = errors(change, community).await?;
    let new = after.into_iter().filter(|error| !before.contains(error));
    let mut faults: Vec<FieldError> = new
        .map(|error| FieldError {
            pointer: pointer(&error).to_owned(),
            fault: Fault::Roster(error),
        })
        .collect();
    let query = sqlx::query_scalar::<_, bool>(STRANGE_GRID).bind(community.0);
    if query.fetch_one(change).await.map_err(StoreError::Read)? {
        faults.push(FieldError { pointer: "/grid_id".to_owned(), fault: Fault::OtherCommunity });
    }
    if faults.is_empty() { Ok(()) } else { Err(NounError::Faulty(faults)) }
}

/// The field of a draft that a mistake is about; the whole draft where several may be.
fn pointer(error: &RosterError) -> &'static str {
    match error {
        RosterError::TooLong { .. } => "/days_later",
        RosterError::NoTurn { .. } => "/every",
        RosterError::UnknownPost { .. } => "/post_id",
        RosterError::UnknownRotation { .. } => "/rotation_id",
        RosterError::Nobody { .. } => "/worker_ids",
        RosterError::UnknownZone { .. } => "/time_zone",
        RosterError::EndBeforeStart { .. }
        | RosterError::NoDay { .. }
        | RosterError::UnknownWorker { .. }
        | RosterError::Overlap { .. }
        | RosterError::Themselves { .. }
        | RosterError::TooMany { .. } => "",
    }
}
