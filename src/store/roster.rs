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
use std::collections::{BTreeMap, BTreeSet};
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

/// What is impossible in the rosters of communities, by community.
pub(crate) type Impossible = BTreeMap<CommunityId, Vec<RosterError>>;

/// What is impossible in the rosters of these communities as they are in this transaction.
///
/// # Errors
/// When the database fails.
pub(crate) async fn impossible(
    change: &mut SqliteConnection,
    communities: &[CommunityId],
) -> Result<Impossible, StoreError> {
    const ZONES: &str =
        "SELECT id, time_zone FROM community WHERE id IN (SELECT value FROM json_each(?1))";
    const WORKERS: &str = "SELECT community_id, id FROM worker WHERE community_id IN (SELECT value FROM json_each(?1))";
    let ids = serde_json::json!(communities).to_string();
    let zones = sqlx::query_as(ZONES).bind(&ids).fetch_all(&mut *change).await;
    let zones: Vec<(u32, String)> = zones.map_err(StoreError::Read)?;
    let zones: BTreeMap<u32, String> = zones.into_iter().collect();
    let workers = sqlx::query_as(WORKERS).bind(&ids).fetch_all(&mut *change).await;
    let workers: Vec<(u32, u32)> = workers.map_err(StoreError::Read)?;
    let workers: BTreeSet<(u32, u32)> = workers.into_iter().collect();
    let all = parts(change, communities).await.map_err(StoreError::Read)?;
    let faults = |(community, parts): (CommunityId, Parts)| {
        let zone = zones.get(&community.0).map_or(ZONE, String::as_str).into();
        let roster = build(&zone, parts, |worker| workers.contains(&(community.0, worker.0)));
        (community, roster.faults().to_vec())
    };
    Ok(all.into_iter().map(faults).collect())
}

/// What a change made impossible that was not so before, in the communities that were looked at.
///
/// # Errors
/// When the database fails.
pub(crate) async fn made_impossible(
    change: &mut SqliteConnection,
    before: &Impossible,
) -> Result<Vec<RosterError>, StoreError> {
    let communities: Vec<CommunityId> = before.keys().copied().collect();
    let after = impossible(change, &communities).await?;
    let new = after.into_iter().flat_map(|(community, errors)| {
        let was = before.get(&community);
        errors.into_iter().filter(move |error| !was.is_some_and(|was| was.contains(error)))
    });
    Ok(new.collect())
}

/// Refuses a change that made something impossible that was not so before.
///
/// # Errors
/// When it did, when a post is for a grid of another community, or when the database fails.
pub(super) async fn refuse_impossible(
    change: &mut SqliteConnection,
    community: CommunityId,
    before: &Impossible,
) -> Result<(), NounError> {
    const STRANGE_GRID: &str =
        "SELECT EXISTS (SELECT 1 FROM duty_post AS p JOIN grid ON grid.id = p.grid_id
        WHERE p.community_id = ?1 AND grid.community_id <> ?1)";
    let new = made_impossible(change, before).await?;
    let mut faults: Vec<FieldError> = new
        .into_iter()
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
