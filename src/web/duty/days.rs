//! The roster of a community day by day: what a page or a sheet on the wall shows.
//!
//! Said by the roster itself, from the directory in memory; only what days are called comes from the database.

use super::{DAYS_MAX, community, words};
use crate::store::nouns::Kind;
use crate::store::roster::calendar::{self, Day};
use crate::web::Web;
use crate::web::caller::{Caller, Reports};
use crate::web::extract::{Parameters, PathId, wrong};
use crate::web::guard::language_of;
use crate::web::problem::{ApiError, Must};
use crate::web::reach::To;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use lianfang_domain::directory::Community;
use lianfang_domain::id::{CommunityId, GridId, PostId, WorkerId};
use lianfang_domain::roster::{Cover, DayKind, Segment, Span};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Days that are told where the client names no number.
const DAYS: u32 = 28;

/// The roster over some days.
#[derive(Serialize, ToSchema)]
pub(super) struct RosterView {
    /// The community.
    #[schema(value_type = u32)]
    community_id: CommunityId,
    /// Its name.
    community: String,
    /// Its time zone (IANA), in which the days begin.
    time_zone: String,
    /// The moment of the answer.
    #[schema(value_type = String, format = DateTime)]
    now: Timestamp,
    /// By date.
    days: Vec<DayView>,
    /// By code, then id; none where there is no roster.
    posts: Vec<PostView>,
    /// Everybody who can be put on duty, by id.
    workers: Vec<WorkerView>,
    /// Parts of the roster that cannot be used, in words.
    faults: Vec<String>,
}

/// A day.
#[derive(Serialize, ToSchema)]
struct DayView {
    /// Which.
    #[schema(value_type = String, format = Date)]
    date: Date,
    /// When it begins: not always 24 hours before it ends.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// `workday`, `rest_day` or `holiday`.
    #[schema(value_type = String)]
    kind: DayKind,
    /// The calendar names it: a holiday, or a day on which people work otherwise than the weekday says.
    is_listed: bool,
    /// What it is called, such as `国庆节`; may be empty.
    name: String,
}

/// A post and who holds it.
#[derive(Serialize, ToSchema)]
struct PostView {
    /// Its id.
    #[schema(value_type = u32)]
    id: PostId,
    /// What policies call it.
    code: String,
    /// Its name.
    name: String,
    /// The grid that it is for; the whole community if none.
    #[schema(value_type = Option<u32>)]
    grid_id: Option<GridId>,
    /// `always` or `shifts`: when somebody must be there.
    cover: &'static str,
    /// By time, without a hole.
    segments: Vec<SegmentView>,
}

/// A stretch of time in which the same workers hold a post.
#[derive(Serialize, ToSchema)]
struct SegmentView {
    /// From when.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// Who, in order.
    #[schema(value_type = Vec<u32>)]
    worker_ids: Vec<WorkerId>,
    /// Somebody must be there.
    is_wanted: bool,
    /// All of them are away and nobody stands in; their telephones ring all the same.
    is_away: bool,
}

/// A worker.
#[derive(Serialize, ToSchema)]
struct WorkerView {
    /// Their id.
    #[schema(value_type = u32)]
    id: WorkerId,
    /// Their name.
    name: String,
}

/// The roster of a community over some days: what day each is, and who holds which post when.
#[utoipa::path(
    get, path = "/communities/{id}/roster", tag = "roster", operation_id = "read_roster",
    params(
        ("id" = u32, Path, description = "Id of the community"),
        ("from" = Option<String>, Query, description = "The first day, such as `2026-11-23`; today if not given"),
        ("days" = Option<u32>, Query, description = "How many days; 28 if not given", minimum = 1, maximum = 92),
    ),
    responses((status = 200, description = "The roster", body = RosterView)),
)]
pub(super) async fn read(
    caller: Caller<Reports>,
    State(web): State<Web>,
    PathId(id): PathId<CommunityId>,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Json<RosterView>, ApiError> {
    let from = parameters.take("from").map(|text| text.parse::<Date>()).transpose();
    let from = from.map_err(|_| wrong("from", Must::Day))?;
    let count = parameters.take_number("days", 1..=DAYS_MAX)?.unwrap_or(DAYS);
    parameters.finish()?;
    caller.reaches(&web, To::See, (Kind::Community, id)).await?;
    let community = community(&web, id)?;
    let zone = zone_of(&community);
    let now = web.clock.now();
    let first = from.unwrap_or_else(|| zone.to_datetime(now).date());
    let dates: Vec<Date> = dates(first, count);
    let listed = listed(&web, id, &dates).await?;
    let days = dates.iter().map(|date| day(*date, &zone, &community, &listed));
    let days: Vec<DayView> = days.collect::<Option<_>>().ok_or_else(|| wrong("from", Must::Day))?;
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        return Err(wrong("from", Must::Day));
    };
    let span = Span { from: first.from, to: last.to };
    let language = language_of(&headers);
    let mut workers: Vec<WorkerView> = community
        .workers
        .iter()
        .map(|worker| WorkerView { id: worker.id, name: worker.name.to_string() })
        .collect();
    workers.sort_unstable_by_key(|worker| worker.id);
    let faults = community.roster.faults().iter();
    Ok(Json(RosterView {
        community_id: community.id,
        community: community.name.to_string(),
        time_zone: community.time_zone.to_string(),
        now,
        days,
        posts: posts(&community, span),
        workers,
        faults: faults.map(|fault| words::fault(fault, language)).collect(),
    }))
}

/// The zone in which the shifts of a community are meant.
fn zone_of(community: &Community) -> TimeZone {
    let known = TimeZone::get(&community.time_zone);
    known.unwrap_or_else(|_| community.roster.zone().clone())
}

fn dates(first: Date, count: u32) -> Vec<Date> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    first.series(1.day()).take(count).collect()
}

/// The days that the calendar names, the community's own before the nation's.
async fn listed(
    web: &Web,
    id: CommunityId,
    dates: &[Date],
) -> Result<BTreeMap<Date, Day>, ApiError> {
    let mut years: Vec<i16> = dates.iter().map(|date| date.year()).collect();
    years.dedup();
    let mut listed = BTreeMap::new();
    for year in years {
        for whose in [None, Some(id)] {
            let days = calendar::read(web.store.directory(), year, whose).await?;
            listed.extend(days.into_iter().map(|day| (day.date, day)));
        }
    }
    Ok(listed)
}

/// `None` at the end of time.
fn day(
    date: Date,
    zone: &TimeZone,
    community: &Community,
    listed: &BTreeMap<Date, Day>,
) -> Option<DayView> {
    let begin = |date: Date| Some(date.to_zoned(zone.clone()).ok()?.timestamp());
    let named = listed.get(&date);
    let kind = named.map_or_else(|| community.roster.calendar().kind(date), |day| day.kind);
    Some(DayView {
        date,
        from: begin(date)?,
        to: begin(date.tomorrow().ok()?)?,
        kind,
        is_listed: named.is_some(),
        name: named.map(|day| day.name.clone()).unwrap_or_default(),
    })
}

fn posts(community: &Community, span: Span) -> Vec<PostView> {
    let roster = &community.roster;
    let segment = |segment: Segment| SegmentView {
        from: segment.span.from,
        to: segment.span.to,
        worker_ids: segment.holders,
        is_wanted: segment.is_wanted,
        is_away: segment.is_away,
    };
    let post = |post: &lianfang_domain::roster::Post| PostView {
        id: post.id,
        code: post.code.to_string(),
        name: post.name.to_string(),
        grid_id: post.grid,
        cover: match post.cover {
            Cover::Always => "always",
            Cover::Shifts => "shifts",
        },
        segments: roster.segments(post.id, span).into_iter().map(segment).collect(),
    };
    roster.posts().map(post).collect()
}
