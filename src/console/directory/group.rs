//! A group as people know it: floors as rows, doors as cells; its order; what is wrong with it.

use super::{Crumb, Listed, Noun, crumbs, id_of};
use crate::Shared;
use crate::api::{Failure, Versioned};
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/directory/groups/{id}/order", post(order))
        .route("/directory/communities/{id}/checks", get(checks))
}

/// A household of a group.
#[derive(Clone, Debug, Deserialize)]
struct Door {
    household_id: u64,
    name: String,
    place: String,
    building: String,
    unit: String,
    floor: String,
    door: String,
    position: u32,
    lines: Vec<DoorLine>,
    contacts: Vec<DoorContact>,
    /// The version that its place is changed from.
    #[serde(skip)]
    version: u64,
}

#[derive(Clone, Debug, Deserialize)]
struct DoorLine {
    id: u64,
    is_registered: bool,
    /// `trunk` for one that never registers.
    #[serde(default)]
    heard_by: String,
}

#[derive(Clone, Debug, Deserialize)]
struct DoorContact {
    id: u64,
    name: String,
    voice: bool,
    sms: bool,
}

#[derive(Deserialize)]
struct Doors {
    items: Vec<Door>,
}

#[derive(Deserialize)]
struct Findings {
    items: Vec<Finding>,
    total: u64,
}

#[derive(Deserialize)]
struct Finding {
    group_id: u64,
    group: String,
    kind: String,
    households: Vec<NamedHousehold>,
}

#[derive(Deserialize)]
struct NamedHousehold {
    id: u64,
    name: String,
}

impl Finding {
    fn words<'a>(&'a self, l: &Lang) -> &'a str {
        match self.kind.as_str() {
            "empty" => l.t("没有住户", "Nobody is in it"),
            "small" => l.t("住户太少，来的人可能不够", "Too few households to come"),
            "large" => l.t("住户太多，彼此不熟", "Too many households to know each other"),
            "scattered" => l.t("住户不在同一栋楼", "Its households are in several buildings"),
            "unreachable" => l.t("没有可呼叫的联系人", "Nobody there can be reached"),
            "no_line" => l.t("没有线路，无法报警", "No line to press #9 on"),
            "shared_number" => l.t("几户用同一个号码", "Several households have the same number"),
            "same_door" => l.t("同一个门牌登记了几户", "The same door is there several times"),
            other => other,
        }
    }
}

/// A staircase: its floors from the top, each with its doors.
struct Stairs {
    name: String,
    /// Most doors of a floor.
    width: usize,
    floors: Vec<(String, Vec<Door>)>,
}

#[derive(Template)]
#[template(path = "directory/group.html")]
struct GroupPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    title: String,
    path: String,
    id: u64,
    wanted: u64,
    stairs: Vec<Stairs>,
    /// In their order.
    doors: Vec<Door>,
    findings: Vec<Finding>,
    may_edit: bool,
    form: Form,
}

#[derive(Template)]
#[template(path = "directory/checks.html")]
struct ChecksPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    title: String,
    findings: Vec<Finding>,
    total: u64,
}

/// The page of a group.
pub(super) async fn page(
    signed: &Signed,
    row: &Versioned<Value>,
    (form, status): (Form, StatusCode),
) -> Result<Response, Failure> {
    let l = signed.lang();
    let id = id_of(&row.row);
    let noun = Noun::of("groups");
    let above = match noun {
        Some(noun) => crumbs(signed, noun, &row.row).await?,
        None => Vec::new(),
    };
    let doors = doors(signed, id).await?;
    let findings: Findings = signed.api().get(&format!("/groups/{id}/checks")).await?;
    let title = row.row.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let wanted = row.row.get("acknowledgements_wanted").and_then(Value::as_u64);
    let page = GroupPage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        crumbs: above,
        title,
        path: format!("/directory/groups/{id}"),
        id,
        wanted: wanted.unwrap_or_default(),
        stairs: stairs(&doors, l),
        doors,
        findings: findings.items,
        may_edit: signed.me.is_admin(),
        form,
    };
    Ok(show(status, &page))
}

/// The doors of a group in their order, with the versions of their households.
async fn doors(signed: &Signed, group: u64) -> Result<Vec<Door>, Failure> {
    // The versions first: an edit in between makes the doors newer than the versions, and the order is refused.
    let rows: Listed =
        signed.api().get(&format!("/households?after=0&limit=200&group_id={group}")).await?;
    let version = |row: &Value| Some((id_of(row), row.get("version")?.as_u64()?));
    let versions: BTreeMap<u64, u64> = rows.items.iter().filter_map(version).collect();
    let mut doors = signed.api().get::<Doors>(&format!("/groups/{group}/doors")).await?.items;
    for door in &mut doors {
        door.version = versions.get(&door.household_id).copied().unwrap_or_default();
    }
    doors.sort_by_key(|door| (door.position, door.household_id));
    Ok(doors)
}

/// The doors as the building has them.
fn stairs(doors: &[Door], l: Lang) -> Vec<Stairs> {
    type Floors = BTreeMap<(Reverse<i64>, String), Vec<Door>>;
    let mut by_stairs: BTreeMap<String, Floors> = BTreeMap::new();
    for door in doors {
        let place = json!({"place": door.place, "building": door.building, "unit": door.unit});
        let floor = floor_of(door);
        let number = floor.parse().unwrap_or_default();
        let floors = by_stairs.entry(super::noun::place(&place, l)).or_default();
        floors.entry((Reverse(number), floor)).or_default().push(door.clone());
    }
    let stairs = |(name, floors): (String, Floors)| {
        let floors: Vec<(String, Vec<Door>)> = floors
            .into_iter()
            .map(|((_, floor), mut doors)| {
                doors.sort_by(|one, other| one.door.cmp(&other.door));
                (floor, doors)
            })
            .collect();
        let width = floors.iter().map(|(_, doors)| doors.len()).max().unwrap_or(1);
        Stairs { name, width, floors }
    };
    by_stairs.into_iter().map(stairs).collect()
}

/// The floor, or what the door says of it: 502 is on the fifth.
fn floor_of(door: &Door) -> String {
    if !door.floor.is_empty() {
        return door.floor.clone();
    }
    let digits: String = door.door.chars().take_while(char::is_ascii_digit).collect();
    let floor = digits.len().checked_sub(2).filter(|len| 0 < *len);
    floor.and_then(|len| digits.get(..len)).unwrap_or_default().to_owned()
}

/// Puts the households of a group in another order: all of them or none.
async fn order(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let l = signed.lang();
    let row = signed.api().get_versioned::<Value>(&format!("/groups/{id}")).await;
    let row = row.map_err(signed.fails())?;
    let doors = doors(&signed, id).await.map_err(signed.fails())?;
    let Some(ordered) = ordered(&doors, &mut form, l) else {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return page(&signed, &row, (form, status)).await.map_err(signed.fails());
    };
    let grid_id = row.row.get("grid_id").and_then(Value::as_u64).unwrap_or_default();
    let grid: Value =
        signed.api().get(&format!("/grids/{grid_id}")).await.map_err(signed.fails())?;
    let community = grid.get("community_id").and_then(Value::as_u64).unwrap_or_default();
    let name = row.row.get("name").cloned().unwrap_or_default();
    let group = json!({"group_id": id, "grid_id": grid_id, "name": name, "households": ordered});
    let api = signed.api().because(form.get("reason"));
    let path = format!("/communities/{community}/groups");
    match api.put::<Value>(&path, None, &json!({"groups": [group]})).await {
        Ok(_) => Ok(go(&format!("/directory/groups/{id}#order"), "saved")),
        Err(Failure::Problem(problem)) if problem.status == 412 => {
            let words = l.t(
                "别人刚刚改过这个组，还没有保存。请看一下现在的样子，再保存一次。",
                "Somebody else has just changed this group; nothing is saved. Look at it as it is now and save again.",
            );
            form.problem = Some(words.to_owned());
            let status = StatusCode::PRECONDITION_FAILED;
            page(&signed, &row, (form, status)).await.map_err(signed.fails())
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

/// The households in the order of their numbers, or one step up or down; `None` when a number is none.
fn ordered(doors: &[Door], form: &mut Form, l: Lang) -> Option<Vec<Value>> {
    let mut rows = Vec::new();
    for door in doors {
        let field = format!("position.{}", door.household_id);
        let typed = form.get(&field).to_owned();
        let position = if typed.is_empty() { Some(door.position) } else { typed.parse().ok() };
        match position {
            Some(position) => rows.push((position, door)),
            None => form.blame(&field, l.t("请填写整数。", "Please write a whole number.")),
        }
    }
    if form.is_wrong() {
        return None;
    }
    rows.sort_by_key(|(position, _)| *position);
    let at = |name: &str| {
        let id: u64 = form.get(name).parse().ok()?;
        rows.iter().position(|(_, door)| door.household_id == id)
    };
    let swap = match (at("up"), at("down")) {
        (Some(at), _) => at.checked_sub(1).map(|before| (before, at)),
        (None, Some(at)) => (at + 1 < rows.len()).then_some((at, at + 1)),
        (None, None) => None,
    };
    if let Some((one, other)) = swap {
        rows.swap(one, other);
    }
    let household = |(_, door): &(u32, &Door)| {
        // The version that was shown; where the form has none, what is there now.
        let seen =
            form.get(&format!("version.{}", door.household_id)).parse().unwrap_or(door.version);
        json!({"id": door.household_id, "version": seen})
    };
    Some(rows.iter().map(household).collect())
}

/// What is wrong with the groups of a community.
async fn checks(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    let l = signed.lang();
    let found: Findings =
        signed.api().get(&format!("/communities/{id}/checks")).await.map_err(signed.fails())?;
    let title = l.t("群组检查", "Checks of the groups");
    let page = ChecksPage {
        frame: Frame::signed(&signed, title).await,
        l,
        crumbs: below_community(&signed, id).await.map_err(signed.fails())?,
        title: title.to_owned(),
        findings: found.items,
        total: found.total,
    };
    Ok(show(StatusCode::OK, &page))
}

/// The rows down to a group.
pub(super) async fn below_group(signed: &Signed, row: &Value) -> Result<Vec<Crumb>, Failure> {
    let Some(noun) = Noun::of("groups") else { return Ok(Vec::new()) };
    let mut above = crumbs(signed, noun, row).await?;
    above.push((noun.path(id_of(row)), noun.title(row)));
    Ok(above)
}

/// The rows down to a community.
pub(super) async fn below_community(signed: &Signed, id: u64) -> Result<Vec<Crumb>, Failure> {
    let row: Value = signed.api().get(&format!("/communities/{id}")).await?;
    let Some(noun) = Noun::of("communities") else { return Ok(Vec::new()) };
    let mut above = crumbs(signed, noun, &row).await?;
    above.push((noun.path(id), noun.title(&row)));
    Ok(above)
}
