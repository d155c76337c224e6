//! A community as a drawing: its buildings with their doors, how the line of each is, and the open alarms.
//!
//! Read from the directory in memory, the registrations and the log. Where things are drawn is the console's affair.

use super::Web;
use super::board::{Boards, Standing};
use super::caller::{Caller, Operator};
use super::extract::{Parameters, PathId, wrong};
use super::ports;
use super::problem::{ApiError, Must};
use super::reach::{Area, To};
use crate::store::nouns::Kind;
use axum::Json;
use axum::extract::{Extension, State};
use jiff::Timestamp;
use lianfang_domain::directory::{Community, Household};
use lianfang_domain::groups::natural;
use lianfang_domain::id::{AlarmId, CommunityId, HouseholdId, LineId};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest page, in buildings.
const LIMIT_MAX: u32 = 500;
/// Length of a page where the client names none.
const LIMIT: u32 = 40;
/// Doors of a page; the buildings that follow are on the next. One building is always there as a whole.
const DOORS_MAX: usize = 5000;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(show))
}

/// A community as a drawing.
#[derive(Serialize, ToSchema)]
struct MapView {
    /// When it was read.
    #[schema(value_type = String, format = DateTime)]
    now: Timestamp,
    /// The community.
    #[schema(value_type = u32)]
    community_id: CommunityId,
    /// Its name.
    community: String,
    /// How many buildings there are.
    total: usize,
    /// A page of them, by estate or road and building, 9 before 10.
    items: Vec<BuildingView>,
    /// `after` of the next page; null on the last one.
    next: Option<usize>,
    /// Every open alarm of the community, the latest first.
    alarms: Vec<MapAlarm>,
}

/// A building.
#[derive(Serialize, ToSchema)]
struct BuildingView {
    /// Its place among the buildings, from 0.
    at: usize,
    /// Estate or road.
    place: String,
    /// Building.
    building: String,
    /// Households.
    households: usize,
    /// Lines that are not registered any more.
    lines_down: usize,
    /// Its doors, by unit, floor and door; empty where doors are left out.
    doors: Vec<MapDoor>,
}

/// A door.
#[derive(Serialize, ToSchema)]
struct MapDoor {
    /// The household.
    #[schema(value_type = u32)]
    household_id: HouseholdId,
    /// How neighbours call it.
    name: String,
    /// Unit (staircase).
    unit: String,
    /// Floor.
    floor: String,
    /// Door.
    door: String,
    /// The least good of its lines: `down`, `never`, `up`, or `none` without a line.
    line: LineState,
}

/// How the lines of a household are; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LineState {
    /// It was registered since the service runs, and is not any more.
    Down,
    /// It has not registered since the service runs.
    Never,
    /// Registered.
    Up,
    /// There is no line.
    None,
}

/// An open alarm.
#[derive(Serialize, ToSchema)]
struct MapAlarm {
    /// Its id.
    #[schema(value_type = String)]
    id: AlarmId,
    /// `unattended`, `coming`, `arrived` or `cancelled`, as on the board.
    #[schema(value_type = String)]
    state: Standing,
    /// It is a drill.
    is_drill: bool,
    /// The household; null when it is in the directory no more.
    #[schema(value_type = Option<u32>)]
    household_id: Option<HouseholdId>,
    /// The place of the building among the buildings; null when it is in the directory no more.
    building_at: Option<usize>,
}

/// Buildings by their names, in order.
type Buildings<'a> = BTreeMap<Key, Vec<&'a Household>>;
/// What a building is ordered by: estate or road, and building, numbers as numbers, then as they are written.
type Key = ([Vec<(u64, String)>; 2], String, String);

fn key_of(household: &Household) -> Key {
    let (place, building) = (&household.address.place, &household.address.building);
    ([natural(place), natural(building)], place.to_string(), building.to_string())
}

fn buildings<'a>(community: &'a Community, area: &Area) -> Buildings<'a> {
    let mut buildings = Buildings::new();
    for household in community.households.iter().filter(|one| area.shows_household(community, one))
    {
        buildings.entry(key_of(household)).or_default().push(household);
    }
    buildings
}

/// A community as a drawing: its buildings, a page of them with their doors, and every open alarm.
#[utoipa::path(
    get, path = "/communities/{id}/map", tag = "map", operation_id = "read_map",
    params(
        ("id" = u32, Path, description = "Id of the community"),
        ("place" = Option<String>, Query, description = "With `building`: only this building"),
        ("building" = Option<String>, Query, description = "Only this building"),
        ("doors" = Option<bool>, Query, description = "`false` leaves the doors out"),
        ("after" = Option<u32>, Query, description = "Buildings to leave out: `next` of the page before",
            minimum = 0, maximum = 4_294_967_295_u32),
        ("limit" = Option<u32>, Query, description = "Length of the page; 40 if not given", minimum = 1, maximum = 500),
    ),
    responses((status = 200, description = "The map", body = MapView)),
)]
async fn show(
    caller: Caller<Operator>,
    State(web): State<Web>,
    Extension(boards): Extension<Boards>,
    PathId(id): PathId<CommunityId>,
    mut parameters: Parameters,
) -> Result<Json<MapView>, ApiError> {
    let place = parameters.take("place");
    let building = parameters.take("building");
    let has_doors = match parameters.take("doors").as_deref() {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return Err(wrong("doors", Must::Flag)),
    };
    let after = parameters.take_number("after", 0..=u32::MAX)?.unwrap_or(0) as usize;
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT) as usize;
    parameters.finish()?;
    caller.reaches(&web, To::See, (Kind::Community, id)).await?;
    let area = caller.area(&web).await?;
    let directory = web.directory.current();
    let community = directory.community(id).ok_or(ApiError::NotFound)?;
    let buildings = buildings(community, &area);
    let total = buildings.len();
    let wanted = building.map(|building| (place.unwrap_or_default(), building));
    let is_wanted = |key: &Key| {
        wanted.as_ref().is_none_or(|(place, building)| (place, building) == (&key.1, &key.2))
    };
    let alarms = alarms(&web, (&boards, &caller), (id, &buildings)).await?;
    let mut items: Vec<BuildingView> = Vec::new();
    let (mut doors, mut next) = (0, None);
    for (at, (key, households)) in buildings.iter().enumerate().skip(after) {
        if !is_wanted(key) {
            continue;
        }
        doors += if has_doors { households.len() } else { 0 };
        if items.len() == limit || (DOORS_MAX < doors && !items.is_empty()) {
            next = Some(at);
            break;
        }
        items.push(building_view(&web, (at, key, households), has_doors));
    }
    let community = community.name.to_string();
    Ok(Json(MapView {
        now: web.clock.now(),
        community_id: id,
        community,
        total,
        items,
        next,
        alarms,
    }))
}

fn building_view(
    web: &Web,
    (at, key, households): (usize, &Key, &[&Household]),
    has_doors: bool,
) -> BuildingView {
    let mut lines_down = 0;
    let mut doors = Vec::new();
    for household in households {
        let mut line = LineState::None;
        for one in &household.lines {
            let state = match web.registrations.state_of(&one.account) {
                ports::LineState::Up => LineState::Up,
                ports::LineState::Down => LineState::Down,
                ports::LineState::Never => LineState::Never,
            };
            lines_down += usize::from(state == LineState::Down);
            line = line.min(state);
        }
        let address = &household.address;
        doors.push(MapDoor {
            household_id: household.id,
            name: household.name.to_string(),
            unit: address.unit.to_string(),
            floor: address.floor.to_string(),
            door: address.door.to_string(),
            line,
        });
    }
    let (_, place, building) = key.clone();
    doors.sort_by_cached_key(|door| {
        ([natural(&door.unit), natural(&door.floor), natural(&door.door)], door.household_id)
    });
    let households = doors.len();
    if !has_doors {
        doors.clear();
    }
    BuildingView { at, place, building, households, lines_down, doors }
}

/// The open alarms of a community, where the directory has their lines now.
async fn alarms(
    web: &Web,
    (boards, caller): (&Boards, &Caller<Operator>),
    (id, buildings): (CommunityId, &Buildings<'_>),
) -> Result<Vec<MapAlarm>, ApiError> {
    let open = boards.read(web, caller).await?;
    let mut lines: BTreeMap<LineId, (HouseholdId, usize)> = BTreeMap::new();
    if !open.is_empty() {
        for (at, households) in buildings.values().enumerate() {
            for household in households {
                lines.extend(household.lines.iter().map(|line| (line.id, (household.id, at))));
            }
        }
    }
    let alarm = |known: &std::sync::Arc<super::board::Known>| {
        let row = &known.stored.row;
        let found = lines.get(&row.line);
        let was_here = known.stored.plans.last().is_some_and(|plan| plan.scene.community == id);
        (found.is_some() || was_here).then(|| MapAlarm {
            id: row.id,
            state: Standing::of(known.alarm.as_ref()),
            is_drill: row.is_drill,
            household_id: found.map(|(household, _)| *household),
            building_at: found.map(|(_, at)| *at),
        })
    };
    Ok(open.iter().filter_map(alarm).collect())
}
