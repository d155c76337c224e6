//! Drills (演练): planned, watched, stopped, and how they went.
//!
//! What is planned is looked through on the directory in memory before it is stored; the `drills` task holds it.

mod preview;
mod report;

use super::Web;
use super::caller::{Admin, Caller, Operator, Reports, Right};
use super::extract::{Body, Parameters, PathId};
use super::groups::place_of;
use super::ports::Action;
use super::problem::{ApiError, Must};
use super::reach::{Area, To};
use super::session::USUAL_ZONE;
use super::who::names_of;
use crate::store::drills::{self, DrillFilter, StoredDrill};
use crate::store::nouns::{Fault, FieldError, Kind};
use crate::store::reach::Reach;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::Time;
use lianfang_domain::directory::Community;
use lianfang_domain::drill::{self, Drill, Ending, Home, HomeState, Hours, Skip};
use lianfang_domain::id::{AlarmId, CommunityId, DrillId, GroupId, HouseholdId};
use lianfang_domain::kind::AlarmKind;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest page.
const LIMIT_MAX: u32 = 200;
/// Length of a page where the client names none.
const LIMIT: u32 = 50;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(preview::preview))
        .routes(routes!(read))
        .routes(routes!(cancel))
        .routes(routes!(report::report))
}

/// What is drilled, and when.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DrillDraft {
    /// Where.
    #[schema(value_type = u32)]
    community_id: CommunityId,
    /// Only these groups; all of them if empty.
    #[serde(default)]
    #[schema(value_type = Vec<u32>, max_items = 1000)]
    group_ids: Vec<GroupId>,
    /// So many households of every group, drawn by `seed`; every household with a line if null.
    #[serde(default)]
    #[schema(minimum = 1)]
    per_group: Option<u16>,
    /// The same number draws the same households.
    #[serde(default)]
    seed: u32,
    /// What is said to be the matter: `unknown`, `fire`, `intruder`, `illness`, `flood` or `other`.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(unknown|fire|intruder|illness|flood|other)$")]
    kind: AlarmKind,
    /// When the first household begins.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    /// No household begins at this moment or later; at most 31 days after the beginning.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
    /// Those who will be called are told by SMS so many seconds before; an hour if not given.
    #[serde(default = "an_hour")]
    #[schema(maximum = 604800)]
    announce_before_s: u32,
    /// When households may begin, by the clocks of the community; 09:00 to 11:30 and 14:30 to 17:30 if empty.
    #[serde(default)]
    #[schema(max_items = 8)]
    hours: Vec<HoursDraft>,
    /// On public holidays too.
    #[serde(default)]
    on_holidays: bool,
    /// Households that begin in a minute; 2 if not given.
    #[serde(default = "two")]
    #[schema(minimum = 1, maximum = 60)]
    per_minute: u16,
}

fn an_hour() -> u32 {
    3600
}

fn two() -> u16 {
    2
}

/// A span of the day.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HoursDraft {
    /// From this time of the day, such as `09:00`.
    #[schema(value_type = String)]
    from: Time,
    /// Until this time of the day.
    #[schema(value_type = String)]
    until: Time,
}

impl From<DrillDraft> for Drill {
    fn from(draft: DrillDraft) -> Self {
        let hours = draft.hours.into_iter();
        Self {
            community: draft.community_id,
            groups: draft.group_ids,
            per_group: draft.per_group,
            seed: draft.seed,
            kind: draft.kind,
            starts_at: draft.starts_at,
            ends_at: draft.ends_at,
            announce_before_s: draft.announce_before_s,
            hours: hours.map(|HoursDraft { from, until }| Hours { from, until }).collect(),
            on_holidays: draft.on_holidays,
            per_minute: draft.per_minute,
        }
    }
}

impl From<Drill> for DrillDraft {
    fn from(drill: Drill) -> Self {
        let hours = drill.hours.into_iter();
        Self {
            community_id: drill.community,
            group_ids: drill.groups,
            per_group: drill.per_group,
            seed: drill.seed,
            kind: drill.kind,
            starts_at: drill.starts_at,
            ends_at: drill.ends_at,
            announce_before_s: drill.announce_before_s,
            hours: hours.map(|Hours { from, until }| HoursDraft { from, until }).collect(),
            on_holidays: drill.on_holidays,
            per_minute: drill.per_minute,
        }
    }
}

/// A drill.
#[derive(Serialize, ToSchema)]
struct DrillView {
    /// Its id.
    #[schema(value_type = u32)]
    id: DrillId,
    /// The name of the community; empty if it is gone.
    community: String,
    /// Its time zone (IANA); that of China if it is gone.
    time_zone: String,
    /// What was planned.
    plan: DrillDraft,
    /// `planned`, `announced`, `running`, `over` or `cancelled`.
    state: &'static str,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Who made it: the name of a token, or `account:` and an id.
    created_by: String,
    /// The name of the account that made it; null where it was none, or is gone.
    created_by_name: Option<String>,
    /// When those who will be called were told; null before.
    #[schema(value_type = Option<String>, format = DateTime)]
    announced_at: Option<Timestamp>,
    /// When it ended; null before.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

impl DrillView {
    fn new(web: &Web, stored: StoredDrill) -> Self {
        let now = web.clock.now();
        let directory = web.directory.current();
        let community = directory.community(stored.drill.community);
        let state = match (stored.ended, stored.announced) {
            (Some((_, Ending::Over)), _) => "over",
            (Some((_, Ending::Cancelled)), _) => "cancelled",
            (None, Some(_)) if stored.drill.starts_at <= now => "running",
            (None, Some(_)) => "announced",
            (None, None) => "planned",
        };
        Self {
            id: stored.id,
            community: community.map(|found| found.name.to_string()).unwrap_or_default(),
            time_zone: community.map_or(USUAL_ZONE, |found| &found.time_zone).to_owned(),
            plan: stored.drill.into(),
            state,
            created_at: stored.created,
            created_by: stored.created_by,
            created_by_name: None,
            announced_at: stored.announced,
            ended_at: stored.ended.map(|(at, _)| at),
        }
    }
}

/// A page of drills, the latest first.
#[derive(Serialize, ToSchema)]
struct DrillPage {
    /// The drills.
    items: Vec<DrillView>,
    /// `after` of the next page; null on the last one.
    #[schema(value_type = Option<u32>)]
    next: Option<DrillId>,
}

/// A drill with what became of its households.
#[derive(Serialize, ToSchema)]
struct DrillDetail {
    /// The drill.
    #[serde(flatten)]
    drill: DrillView,
    /// Households that did not begin yet.
    waiting: usize,
    /// Households that began.
    started: usize,
    /// Households that were left out.
    skipped: usize,
    /// Those of its households that the caller reaches, in the order in which they begin.
    homes: Vec<HomeView>,
}

/// A household of a drill.
#[derive(Serialize, ToSchema)]
struct HomeView {
    /// The household.
    #[schema(value_type = u32)]
    household_id: HouseholdId,
    /// How neighbours call it; null for callers who do not read the directory, and when it is gone.
    household: Option<String>,
    /// Where it is, such as `3-2-502`; null where `household` is.
    place: Option<String>,
    /// Its group.
    #[schema(value_type = u32)]
    group_id: GroupId,
    /// Its alarm; null before it began.
    #[schema(value_type = Option<String>)]
    alarm_id: Option<AlarmId>,
    /// When it began.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// Why it was left out: `line_has_alarm` or `gone`; null if it was not.
    #[schema(value_type = Option<String>)]
    skipped: Option<Skip>,
}

impl From<&Home> for HomeView {
    fn from(home: &Home) -> Self {
        let (alarm_id, started_at, skipped) = match home.state {
            HomeState::Waiting => (None, None, None),
            HomeState::Started { alarm, at } => (Some(alarm), Some(at), None),
            HomeState::Skipped(why) => (None, None, Some(why)),
        };
        let (household_id, group_id) = (home.line.household, home.group);
        let (household, place) = (None, None);
        Self { household_id, household, place, group_id, alarm_id, started_at, skipped }
    }
}

/// A drill with the households that somebody reaches, which have names for those who read the directory. Figures count
/// all of them.
fn detail(web: &Web, area: &Area, with_names: bool, stored: StoredDrill) -> DrillDetail {
    let mut homes: Vec<HomeView> = stored.homes.iter().map(HomeView::from).collect();
    let started = homes.iter().filter(|home| home.alarm_id.is_some()).count();
    let skipped = homes.iter().filter(|home| home.skipped.is_some()).count();
    let waiting = homes.len().saturating_sub(started + skipped);
    let directory = web.directory.current();
    let community = directory.community(stored.drill.community);
    homes.retain(|home| is_shown(area, community, home.group_id));
    if let Some(community) = community.filter(|_| with_names) {
        for home in &mut homes {
            let household = community.household(home.household_id);
            home.household = household.map(|found| found.name.to_string());
            home.place = household.map(|found| place_of(found));
        }
    }
    DrillDetail { drill: DrillView::new(web, stored), waiting, started, skipped, homes }
}

/// Puts the names of those who made drills beside them.
async fn name_makers<'a>(web: &Web, drills: impl Iterator<Item = &'a mut DrillView>) {
    let drills: Vec<_> = drills.collect();
    let names = names_of(web, drills.iter().map(|drill| drill.created_by.clone()).collect()).await;
    for drill in drills {
        drill.created_by_name = names.get(&drill.created_by).cloned();
    }
}

/// Whether somebody may see what became of a household of a drill, which was of this group.
fn is_shown(area: &Area, community: Option<&Arc<Community>>, group: GroupId) -> bool {
    area.reach == Reach::Everything || community.is_some_and(|found| area.shows_group(found, group))
}

/// Plan a drill. Refused with the reason when it could not be held.
#[utoipa::path(
    post, path = "/drills", tag = "drills", operation_id = "create_drill", request_body = DrillDraft,
    responses((status = 201, description = "Planned", body = DrillDetail)),
)]
async fn create(
    caller: Caller<Admin>,
    State(web): State<Web>,
    Body(draft): Body<DrillDraft>,
) -> Result<Response, ApiError> {
    let (drill, homes) = looked_through(&web, &caller, draft).await?;
    let now = web.clock.now();
    let database = web.store.alarms();
    let id = drills::create(database, &drill, &homes, (&caller.name(), now)).await?;
    let stored = drills::get(database, id).await?.ok_or(ApiError::NotFound)?;
    let location = [(header::LOCATION, format!("/api/v1/drills/{id}"))];
    let mut detail = detail(&web, &caller.area(&web).await?, true, stored);
    name_makers(&web, std::iter::once(&mut detail.drill)).await;
    Ok((StatusCode::CREATED, location, Json(detail)).into_response())
}

/// The drill of a draft and its doors, if it could be held.
async fn looked_through(
    web: &Web,
    caller: &Caller<Admin>,
    draft: DrillDraft,
) -> Result<(Drill, Vec<Home>), ApiError> {
    let drill = Drill::from(draft);
    may_hold(web, caller, drill.community).await?;
    let directory = web.directory.current();
    let community = directory.community(drill.community).ok_or_else(|| {
        let pointer = "/community_id".to_owned();
        ApiError::Faulty(vec![FieldError { pointer, fault: Fault::UnknownParent }])
    })?;
    let (homes, _) = drill::check(&drill, community, web.clock.now()).map_err(|refused| {
        let field = |(pointer, why)| FieldError { pointer, fault: Fault::Drill(why) };
        ApiError::Faulty(refused.into_iter().map(field).collect())
    })?;
    Ok((drill, homes))
}

/// A community out of reach is none.
async fn may_hold(
    web: &Web,
    caller: &Caller<Admin>,
    community: CommunityId,
) -> Result<(), ApiError> {
    let checked = caller.reaches(web, To::Edit, (Kind::Community, community)).await;
    checked.map_err(|error| {
        let pointer = "/community_id".to_owned();
        let fault = FieldError { pointer, fault: Fault::UnknownParent };
        let is_none = matches!(error, ApiError::NotFound);
        if is_none { ApiError::Faulty(vec![fault]) } else { error }
    })
}

/// The drill, if it is the caller's.
pub(super) async fn within<N>(
    web: &Web,
    caller: &Caller<N>,
    to: To,
    id: DrillId,
) -> Result<StoredDrill, ApiError> {
    let stored = drills::get(web.store.alarms(), id).await?.ok_or(ApiError::NotFound)?;
    caller.reaches(web, to, (Kind::Community, stored.drill.community)).await?;
    Ok(stored)
}

/// List drills, the latest first.
#[utoipa::path(
    get, path = "/drills", tag = "drills", operation_id = "list_drills",
    params(
        ("state" = Option<String>, Query, description = "`running`: only those that are not over; `ended`: only the others", pattern = "^(running|ended)$"),
        ("community_id" = Option<u32>, Query, description = "Only drills of this community", minimum = 0, maximum = 4_294_967_295_u32),
        ("after" = Option<u32>, Query, description = "Only drills before this one: `next` of the page before", minimum = 0, maximum = 4_294_967_295_u32),
        ("limit" = Option<u32>, Query, description = "Length of the page; 50 if not given", minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "A page", body = DrillPage)),
)]
async fn list(
    caller: Caller<Reports>,
    State(web): State<Web>,
    mut parameters: Parameters,
) -> Result<Json<DrillPage>, ApiError> {
    let before = parameters.take_number("after", 0..=u32::MAX)?.map(DrillId);
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
    let is_running = parameters.take_either("state", ("running", "ended"), Must::DrillState)?;
    let community = parameters.take_number("community_id", 0..=u32::MAX)?;
    parameters.finish()?;
    let area = caller.area(&web).await?;
    let communities = match area.reach {
        Reach::Everything => community.map(|id| vec![CommunityId(id)]),
        Reach::Street(_) | Reach::Community(_) | Reach::Grid(_) => {
            let directory = web.directory.current();
            let shown = directory.communities().filter(|found| area.shows_community(found));
            let ids = shown.map(|found| found.id);
            Some(ids.filter(|id| community.is_none_or(|community| community == id.0)).collect())
        }
    };
    let filter = DrillFilter { before, is_running, communities: communities.as_deref() };
    // One more than asked tells whether there is another page.
    let mut found = drills::list(web.store.alarms(), filter, limit + 1).await?;
    let is_last = found.len() <= limit as usize;
    found.truncate(limit as usize);
    let next = if is_last { None } else { found.last().map(|drill| drill.id) };
    let mut items: Vec<_> = found.into_iter().map(|stored| DrillView::new(&web, stored)).collect();
    name_makers(&web, items.iter_mut()).await;
    Ok(Json(DrillPage { items, next }))
}

/// Read a drill: how far it has come, and what became of each household.
#[utoipa::path(
    get, path = "/drills/{id}", tag = "drills", operation_id = "read_drill",
    params(("id" = u32, Path, description = "Id of the drill")),
    responses((status = 200, description = "The drill", body = DrillDetail)),
)]
async fn read(
    caller: Caller<Reports>,
    State(web): State<Web>,
    PathId(id): PathId<DrillId>,
) -> Result<Json<DrillDetail>, ApiError> {
    let stored = within(&web, &caller, To::See, id).await?;
    let with_names = caller.is_good_for(Right::Operator);
    let mut detail = detail(&web, &caller.area(&web).await?, with_names, stored);
    name_makers(&web, std::iter::once(&mut detail.drill)).await;
    Ok(Json(detail))
}

/// Stop a drill: no household begins any more, and those who are called by it are told that it is withdrawn. Stopping it
/// twice is no error.
#[utoipa::path(
    post, path = "/drills/{id}/cancel", tag = "drills", operation_id = "cancel_drill",
    params(("id" = u32, Path, description = "Id of the drill")),
    responses((status = 204, description = "Stopped")),
)]
async fn cancel(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<DrillId>,
) -> Result<StatusCode, ApiError> {
    let database = web.store.alarms();
    let now = web.clock.now();
    within(&web, &caller, To::Edit, id).await?;
    drills::end(database, id, Ending::Cancelled, now).await?;
    let stored = drills::get(database, id).await?.ok_or(ApiError::NotFound)?;
    let may_ring = |at: Timestamp| now.duration_since(at) < drill::DOOR_LASTS;
    for home in &stored.homes {
        if let HomeState::Started { alarm, at } = home.state
            && may_ring(at)
        {
            // One that is over by itself needs no stop.
            let _ = web.alarms.act(alarm, Action::Cancel, caller.name().into()).await;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}
