//! The map: a community as a drawing of its buildings with their doors, or on a plan; alarms and lines on it, and the same
//! as a list beside it. It follows the feed of alarms, and is right after each reload without a script.

mod drawing;
mod plan;
mod tiles;

use crate::Shared;
use crate::api::Failure;
use crate::board::{self, Board};
use crate::directory::noun::place;
use crate::form::Form;
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use crate::wall::{Named, communities};
use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use drawing::{Block, Door, WIDTH};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
pub use tiles::{Tiles, TilesError};

/// Buildings of a page.
const BUILDINGS: u32 = 40;
/// Buildings of a plan that are asked for at once.
const PLACED: u32 = 500;
/// Buildings of a plan; of more, those that come first.
const PLACED_MAX: usize = 2500;
/// Doors of a page of one building; a floor is never parted.
const DOORS: usize = 120;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/map", get(choose))
        .route("/map/{id}", get(look))
        .route("/map/{id}/building", get(building))
        .merge(plan::routes())
}

/// A community as the API draws it.
#[derive(Deserialize)]
struct Map {
    community: String,
    total: usize,
    items: Vec<Building>,
    next: Option<usize>,
    alarms: Vec<Alarm>,
}

#[derive(Deserialize)]
struct Building {
    at: usize,
    place: String,
    building: String,
    households: usize,
    lines_down: usize,
    doors: Vec<MapDoor>,
}

#[derive(Deserialize)]
struct MapDoor {
    household_id: u64,
    name: String,
    unit: String,
    floor: String,
    door: String,
    line: String,
}

#[derive(Deserialize)]
struct Alarm {
    id: String,
    state: String,
    is_drill: bool,
    household_id: Option<u64>,
    building_at: Option<usize>,
}

/// An alarm in words.
struct Told {
    id: String,
    colour: &'static str,
    shape: &'static str,
    words: &'static str,
    text: String,
    household_id: Option<u64>,
    building_at: Option<usize>,
    /// The page of the drawing that it is on.
    page: usize,
}

/// A building on the page.
struct Shown {
    name: String,
    path: String,
    households: usize,
    lines_down: usize,
    /// The most urgent of its alarms first.
    alarms: Vec<usize>,
    block: Block,
    /// Where it is on the plan, in its units.
    spot: Option<(u32, u32)>,
}

#[derive(Template)]
#[template(path = "map/map.html")]
struct MapPage {
    frame: Frame,
    l: Lang,
    id: u64,
    communities: Vec<Named>,
    total: usize,
    after: usize,
    next: Option<usize>,
    alarms: Vec<Told>,
    buildings: Vec<Shown>,
    height: u32,
    ground: Option<plan::Ground>,
    /// There is a plan, shown or not.
    has_plan: bool,
    is_plan: bool,
    may_edit: bool,
}

#[derive(Template)]
#[template(path = "map/building.html")]
struct BuildingPage {
    frame: Frame,
    l: Lang,
    id: u64,
    community: String,
    name: String,
    alarms: Vec<Told>,
    units: Vec<String>,
    /// Floors from the top: the floor, and the doors of each unit.
    floors: Vec<(String, Vec<Vec<MapDoor>>)>,
    more: Option<String>,
}

#[derive(Template)]
#[template(path = "map/choose.html")]
struct ChoosePage {
    frame: Frame,
    l: Lang,
    communities: Vec<Named>,
}

impl MapPage {
    fn width(&self) -> u32 {
        WIDTH
    }

    fn alarm(&self, at: &usize) -> Option<&Told> {
        self.alarms.get(*at)
    }

    fn is_chosen(&self, community: &u32) -> bool {
        u64::from(*community) == self.id
    }

    /// The page before.
    fn earlier(&self) -> Option<usize> {
        (0 < self.after).then(|| self.after.saturating_sub(BUILDINGS as usize))
    }

    /// The lines that are down, where there are any.
    fn down_link(&self) -> Option<String> {
        let is_down = self.buildings.iter().any(|building| 0 < building.lines_down);
        is_down.then(|| format!("/lines?state=down&community={}", self.id))
    }

    fn last(&self) -> usize {
        self.after + self.buildings.len()
    }
}

impl Shown {
    /// Everything that the drawing shows of it, for those who hear it.
    fn said(&self, l: &Lang) -> String {
        let mut parts = vec![self.name.clone()];
        parts.push(match l {
            Lang::Chinese => format!("{} 户", self.households),
            Lang::English => format!("{} households", self.households),
        });
        if !self.alarms.is_empty() {
            let count = self.alarms.len();
            parts.push(match l {
                Lang::Chinese => format!("{count} 起警情"),
                Lang::English => format!("{count} alarms"),
            });
        }
        if 0 < self.lines_down {
            let count = self.lines_down;
            parts.push(match l {
                Lang::Chinese => format!("{count} 线路中断"),
                Lang::English if count == 1 => "1 line down".to_owned(),
                Lang::English => format!("{count} lines down"),
            });
        }
        parts.join(l.t("，", ", "))
    }

    /// Width of its name, with some room around it.
    fn label_w(&self) -> u32 {
        let width = |one: char| if one.is_ascii() { 7 } else { 12 };
        self.label().chars().map(width).sum::<u32>() + 16
    }

    /// The end of the name, as far as it fits below the block: the number of the building is there.
    fn label(&self) -> String {
        let room = usize::try_from(self.block.area.w / 12).unwrap_or(12).max(12);
        let count = self.name.chars().count();
        if count <= room {
            return self.name.clone();
        }
        let end: String = self.name.chars().skip(count - room + 1).collect();
        format!("…{end}")
    }
}

impl BuildingPage {
    fn alarm_of(&self, household: &u64) -> Option<&Told> {
        self.alarms.iter().find(|alarm| alarm.household_id == Some(*household))
    }

    /// Other alarms than those of doors that are here.
    fn is_here(&self, alarm: &&Told) -> bool {
        let mut doors = self.floors.iter().flat_map(|(_, units)| units.iter().flatten());
        doors.any(|door| Some(door.household_id) == alarm.household_id)
    }
}

fn query(signed: &Signed) -> Form {
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    Form::parse(query.as_bytes())
}

/// The only community, or a list to choose from.
async fn choose(signed: Signed) -> Response {
    let communities = communities(&signed).await;
    if let [only] = communities.as_slice() {
        return Redirect::to(&format!("/map/{}", only.id)).into_response();
    }
    let l = signed.lang();
    let frame = Frame::signed(&signed, l.t("地图", "Map")).await;
    show(StatusCode::OK, &ChoosePage { frame, l, communities })
}

/// The colour of an alarm of which the board says nothing.
fn colour_of(alarm: &Alarm) -> &'static str {
    match alarm.state.as_str() {
        _ if alarm.is_drill => "grey",
        "unattended" => "red",
        "coming" => "blue",
        "arrived" => "green",
        _ => "grey",
    }
}

/// The alarms of a community in words, the most urgent first.
async fn told(signed: &Signed, id: u64, alarms: &[Alarm]) -> Result<Vec<Told>, Failure> {
    if alarms.is_empty() {
        return Ok(Vec::new());
    }
    let l = signed.lang();
    let board: Board = signed.api().get(&format!("/alarms/board?community_id={id}")).await?;
    let place = |id: &str| board.items.iter().position(|row| row.id == id).unwrap_or(usize::MAX);
    let tell = |alarm: &Alarm| {
        let row = board.items.iter().find(|row| row.id == alarm.id);
        let colour = row.map_or_else(|| colour_of(alarm), board::Row::colour);
        let where_to = |row: &board::Row| format!("{} {}", row.where_words(&l), row.household(&l));
        Told {
            id: alarm.id.clone(),
            colour,
            shape: board::shape(colour),
            words: match row {
                _ if alarm.is_drill => l.t("演练", "Drill"),
                Some(row) => row.state_words(&l),
                None => l.t("警情", "Alarm"),
            },
            text: row.map(where_to).unwrap_or_default(),
            household_id: alarm.household_id,
            building_at: alarm.building_at,
            page: alarm.building_at.unwrap_or_default() / BUILDINGS as usize * BUILDINGS as usize,
        }
    };
    let mut in_order: Vec<&Alarm> = alarms.iter().collect();
    in_order.sort_by_key(|alarm| place(&alarm.id));
    Ok(in_order.into_iter().map(tell).collect())
}

/// A building in a query.
fn query_of(place: &str, building: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("place", place).append_pair("building", building).finish()
}

fn name_of(place_name: &str, building: &str, l: Lang) -> String {
    let name = place(&json!({"place": place_name, "building": building}), l);
    if name.is_empty() { l.t("楼栋未填", "Building not given").to_owned() } else { name }
}

async fn look(
    State(shared): State<Shared>,
    signed: Signed,
    Path(id): Path<u64>,
) -> Result<Response, Response> {
    let l = signed.lang();
    let asked = query(&signed);
    let after: usize = asked.get("after").parse().unwrap_or_default();
    let plan = plan::get_plan(&signed, id).await.map_err(signed.fails())?;
    let ground = plan.as_ref().and_then(|plan| plan.ground(id, shared.settings.tiles.as_ref()));
    let is_plan = ground.is_some() && asked.get("view") != "blocks";
    let path = if is_plan {
        format!("/communities/{id}/map?doors=false&limit={PLACED}")
    } else {
        format!("/communities/{id}/map?after={after}&limit={BUILDINGS}")
    };
    let mut map: Map = signed.api().get(&path).await.map_err(signed.fails())?;
    // A plan shows its buildings at once.
    while let Some(next) = map.next.filter(|_| is_plan && map.items.len() < PLACED_MAX) {
        let path = format!("{path}&after={next}");
        let mut more: Map = signed.api().get(&path).await.map_err(signed.fails())?;
        map.items.append(&mut more.items);
        map.next = more.next;
    }
    let alarms = told(&signed, id, &map.alarms).await.map_err(signed.fails())?;
    let spots = plan.as_ref().map(plan::Plan::spots).unwrap_or_default();
    let (buildings, height) = shown(&map, (id, &alarms), l);
    let place_on = |mut building: Shown, of: &Building| {
        let spot = spots.get(&(of.place.as_str(), of.building.as_str()));
        building.spot = spot.zip(ground.as_ref()).map(|(spot, ground)| ground.point(*spot));
        building
    };
    let buildings =
        buildings.into_iter().zip(&map.items).map(|(one, of)| place_on(one, of)).collect();
    let mut frame =
        Frame::signed(&signed, format!("{} {}", l.t("地图", "Map"), map.community)).await;
    frame.is_live = true;
    let page = MapPage {
        frame,
        l,
        id,
        communities: communities(&signed).await,
        total: map.total,
        after: if is_plan { 0 } else { after },
        next: if is_plan { None } else { map.next },
        alarms,
        buildings,
        height,
        has_plan: ground.is_some(),
        ground: ground.filter(|_| is_plan),
        is_plan,
        may_edit: signed.me.is_admin(),
    };
    Ok(show(StatusCode::OK, &page))
}

/// The buildings of a page, drawn.
fn shown(map: &Map, (id, alarms): (u64, &[Told]), l: Lang) -> (Vec<Shown>, u32) {
    let colours: BTreeMap<u64, &'static str> =
        alarms.iter().rev().filter_map(|told| Some((told.household_id?, told.colour))).collect();
    let drawn: Vec<Vec<Door<'_>>> =
        map.items.iter().map(|building| doors_of(building, &colours)).collect();
    let (blocks, height) = drawing::draw(&drawn);
    let building = |(building, block): (&Building, Block)| {
        let path = query_of(&building.place, &building.building);
        let here =
            alarms.iter().enumerate().filter(|(_, told)| told.building_at == Some(building.at));
        Shown {
            name: name_of(&building.place, &building.building, l),
            path: format!("/map/{id}/building?{path}"),
            households: building.households,
            lines_down: building.lines_down,
            alarms: here.map(|(at, _)| at).collect(),
            block,
            spot: None,
        }
    };
    (map.items.iter().zip(blocks).map(building).collect(), height)
}

fn doors_of<'a>(building: &'a Building, colours: &BTreeMap<u64, &'static str>) -> Vec<Door<'a>> {
    let door = |door: &'a MapDoor| Door {
        unit: &door.unit,
        floor: &door.floor,
        door: &door.door,
        alarm: colours.get(&door.household_id).copied(),
        is_down: door.line == "down",
    };
    building.doors.iter().map(door).collect()
}

/// One building: floors as rows, staircases as columns.
async fn building(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    let l = signed.lang();
    let asked = query(&signed);
    let path = query_of(asked.get("place"), asked.get("building"));
    let map: Map =
        signed.api().get(&format!("/communities/{id}/map?{path}")).await.map_err(signed.fails())?;
    let Some(found) = map.items.into_iter().next() else {
        return Ok(Redirect::to(&format!("/map/{id}")).into_response());
    };
    let mut alarms = told(&signed, id, &map.alarms).await.map_err(signed.fails())?;
    alarms.retain(|alarm| alarm.building_at == Some(found.at));
    let name = name_of(&found.place, &found.building, l);
    let (units, mut floors) = floors(found.doors);
    let from: usize = asked.get("floor").parse().unwrap_or_default();
    let mut doors = 0;
    floors.drain(..from.min(floors.len()));
    let fits = floors.iter().take_while(|(_, units)| {
        let here: usize = units.iter().map(Vec::len).sum();
        let is_first = doors == 0;
        doors += here;
        is_first || doors <= DOORS
    });
    let fits = fits.count();
    let more =
        (fits < floors.len()).then(|| format!("/map/{id}/building?{path}&floor={}", from + fits));
    floors.truncate(fits);
    let mut frame = Frame::signed(&signed, name.clone()).await;
    frame.is_live = true;
    let community = map.community;
    let page = BuildingPage { frame, l, id, community, name, alarms, units, floors, more };
    Ok(show(StatusCode::OK, &page))
}

type Floors = Vec<(String, Vec<Vec<MapDoor>>)>;

fn floors(doors: Vec<MapDoor>) -> (Vec<String>, Floors) {
    let units: BTreeSet<String> = doors.iter().map(|door| door.unit.clone()).collect();
    let units: Vec<String> = units.into_iter().collect();
    let mut floors: BTreeMap<std::cmp::Reverse<i64>, Vec<Vec<MapDoor>>> = BTreeMap::new();
    for door in doors {
        let floor = drawing::floor_of(&Door {
            unit: &door.unit,
            floor: &door.floor,
            door: &door.door,
            ..Door::default()
        });
        let row = floors
            .entry(std::cmp::Reverse(floor))
            .or_insert_with(|| units.iter().map(|_| Vec::new()).collect());
        let at = units.iter().position(|unit| *unit == door.unit);
        if let Some(cell) = at.and_then(|at| row.get_mut(at)) {
            cell.push(door);
        }
    }
    let name = |floor: i64| match floor {
        0 => String::new(),
        floor if floor < 0 => format!("B{}", -floor),
        floor => floor.to_string(),
    };
    (units, floors.into_iter().map(|(floor, row)| (name(floor.0), row)).collect())
}

#[cfg(test)]
mod tests;
