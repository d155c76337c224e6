//! What everybody may read without signing in, of the communities whose configuration says so: whole months, and no figure
//! that is made of few alarms.

use super::count::Towns;
use super::ledger::Ledger;
use crate::web::Web;
use crate::web::extract::{Parameters, PathId};
use crate::web::problem::ApiError;
use axum::Json;
use axum::extract::{Extension, State};
use lianfang_domain::id::CommunityId;
use lianfang_domain::report::public::{Count, FEW, false_percent, spread, sum};
use lianfang_domain::report::{Month, Period, Spread, Tally};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// Whole months that are told.
const MONTHS: usize = 12;

/// Communities that tell everybody.
#[derive(Serialize, ToSchema)]
pub(super) struct PublicList {
    /// By id.
    items: Vec<PublicCommunity>,
}

/// A community that tells everybody.
#[derive(Serialize, ToSchema)]
struct PublicCommunity {
    /// Its id.
    #[schema(value_type = u32)]
    id: CommunityId,
    /// Its name.
    name: String,
}

/// What a community tells everybody, of the last twelve months that are over.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::web) struct Published {
    /// Its name.
    community: String,
    /// The first month.
    #[schema(examples("2025-11"))]
    from: String,
    /// The last month.
    #[schema(examples("2026-10"))]
    until: String,
    /// Counts below this are null everywhere here.
    few: u32,
    /// Real alarms of all months; null if the count of one of them is.
    alarms: Option<u32>,
    /// False alarms of a hundred; null where few were false, or few were not.
    false_percent: Option<u8>,
    /// From the press to the first telephone that rang.
    first_ring_ms: PublicTimes,
    /// From the press to the first who was coming.
    coming_ms: PublicTimes,
    /// From the press to the first who was at the door.
    arrived_ms: PublicTimes,
    /// The months, in order.
    months: Vec<PublicMonth>,
}

/// How long half of the alarms took, and nine of ten.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct PublicTimes {
    /// The median; null of fewer than ten alarms.
    p50: Option<u64>,
    /// 90 of 100; null of fewer than fifty.
    p90: Option<u64>,
}

impl PublicTimes {
    fn of(times: Spread) -> Self {
        let Spread { p50, p90, .. } = spread(times);
        Self { p50, p90 }
    }
}

/// A month.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct PublicMonth {
    /// The month.
    #[schema(examples("2026-10"))]
    month: String,
    /// Real alarms; null for fewer than five.
    alarms: Option<u32>,
    /// Households that took part in drills; null for fewer than five.
    drills: Option<u32>,
}

/// List the communities that tell everybody how they do.
#[utoipa::path(
    get, path = "/public/communities", tag = "public", operation_id = "list_public_communities", security(()),
    responses((status = 200, description = "Those whose configuration says so", body = PublicList)),
)]
pub(super) async fn list(
    State(web): State<Web>,
    parameters: Parameters,
) -> Result<Json<PublicList>, ApiError> {
    parameters.finish()?;
    let directory = web.directory.current();
    let communities = directory.communities().filter(|one| web.public.contains(&one.id));
    let items = communities.map(|one| PublicCommunity { id: one.id, name: one.name.to_string() });
    Ok(Json(PublicList { items: items.collect() }))
}

/// How a community did in the last twelve months that are over, for everybody: nothing that could tell of single people.
#[utoipa::path(
    get, path = "/public/communities/{id}", tag = "public", operation_id = "read_public_community", security(()),
    params(("id" = u32, Path, description = "Id of the community")),
    responses((status = 200, description = "The figures, counted anew every hour", body = Published)),
)]
pub(super) async fn report(
    State(web): State<Web>,
    Extension(ledger): Extension<Ledger>,
    PathId(id): PathId<CommunityId>,
    parameters: Parameters,
) -> Result<Json<Published>, ApiError> {
    parameters.finish()?;
    if !web.public.contains(&id) {
        return Err(ApiError::NotFound);
    }
    let now = web.clock.now();
    if let Some(known) = ledger.published(id, now) {
        return Ok(Json(known));
    }
    let report = counted(&web, &ledger, id).await?;
    ledger.publish(id, now, report.clone());
    Ok(Json(report))
}

async fn counted(web: &Web, ledger: &Ledger, id: CommunityId) -> Result<Published, ApiError> {
    let directory = web.directory.current();
    let community = directory.community(id).ok_or(ApiError::NotFound)?;
    let now = web.clock.now();
    let until = Month::of(now, community.roster.zone()).previous();
    let period = Period::new(until.back(MONTHS - 1), until);
    let period = period.map_err(|error| ApiError::Internal(error.into()))?;
    let towns = Towns(Arc::clone(&directory));
    let mut total = Tally::default();
    let mut months: BTreeMap<Month, Tally> =
        period.months().map(|month| (month, Tally::default())).collect();
    let span = period.moments();
    let read = ledger.read(web, &span, |row, alarm| {
        let place = towns.place(row, alarm).and_then(|place| place.community);
        if place != Some(id) {
            return;
        }
        if let Some(month) = towns.month_within(period, place, row.raised) {
            total.add(&alarm.measured, row.followed_up, now);
            months.entry(month).or_default().add(&alarm.measured, row.followed_up, now);
        }
    });
    read.await?;
    let months: Vec<_> =
        months.into_iter().map(|(month, tally)| (month, tally.figures())).collect();
    let alarms: Vec<u32> = months.iter().map(|(_, figures)| figures.alarms).collect();
    let total = total.figures();
    Ok(Published {
        community: community.name.to_string(),
        from: period.from().to_string(),
        until: period.until().to_string(),
        few: FEW,
        alarms: sum(&alarms),
        false_percent: false_percent(&total),
        first_ring_ms: PublicTimes::of(total.first_ring),
        coming_ms: PublicTimes::of(total.coming),
        arrived_ms: PublicTimes::of(total.arrived),
        months: months
            .into_iter()
            .map(|(month, figures)| PublicMonth {
                month: month.to_string(),
                alarms: Count::of(figures.alarms).told(),
                drills: Count::of(figures.drills).told(),
            })
            .collect(),
    })
}
