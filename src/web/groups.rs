//! Groups as people know them: their doors, what is wrong with them, and dividing a community anew.
//!
//! What is shown comes from the directory in memory. Dividing only proposes; it is applied by a second request with the
//! versions of the households that were shown, all or nothing.

use super::Web;
use super::caller::{Admin, Caller, Operator};
use super::extract::{Body, Parameters, PathId, Reason};
use super::line_status::heard_by;
use super::nouns::take_up;
use super::problem::ApiError;
use super::reach::{Area, To};
use crate::store::nouns::Kind;
use crate::store::regroup::{self, Member, NewGroup};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use lianfang_domain::directory::{Community, Household};
use lianfang_domain::groups::{self, Finding, Proposal};
use lianfang_domain::id::{CommunityId, ContactId, GridId, GroupId, HouseholdId, LineId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Findings of one answer; whoever has more begins with these.
const FINDINGS_MAX: usize = 500;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(doors))
        .routes(routes!(check_group))
        .routes(routes!(check_community))
        .routes(routes!(propose))
        .routes(routes!(divide))
}

/// The doors of a group.
#[derive(Serialize, ToSchema)]
struct Doors {
    /// Its households, the nearest beside each other.
    items: Vec<DoorView>,
}

/// A household of a group, with its telephones.
#[derive(Serialize, ToSchema)]
struct DoorView {
    /// The household.
    #[schema(value_type = u32)]
    household_id: HouseholdId,
    /// How neighbours call it.
    name: String,
    /// Estate or road.
    place: String,
    /// Building.
    building: String,
    /// Unit (staircase).
    unit: String,
    /// Floor.
    floor: String,
    /// Door.
    door: String,
    /// Place among the doors of the group.
    position: u16,
    /// Its lines.
    lines: Vec<DoorLine>,
    /// Its people, in the order in which they are called.
    contacts: Vec<DoorContact>,
}

/// A line of a household.
#[derive(Serialize, ToSchema)]
struct DoorLine {
    /// Its id.
    #[schema(value_type = u32)]
    id: LineId,
    /// A device is registered under it.
    is_registered: bool,
    /// Since when, without a gap; null when it is not registered.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// How it is heard: `registration`, or `trunk` for one that never registers.
    heard_by: &'static str,
}

/// A person of a household.
#[derive(Serialize, ToSchema)]
struct DoorContact {
    /// Their id.
    #[schema(value_type = u32)]
    id: ContactId,
    /// How neighbours call them.
    name: String,
    /// They can be called.
    voice: bool,
    /// They can be sent SMS.
    sms: bool,
}

/// What is wrong with groups.
#[derive(Serialize, ToSchema)]
struct Findings {
    /// The first 500.
    items: Vec<FindingView>,
    /// How many there are.
    total: usize,
}

/// Something wrong with a group.
#[derive(Serialize, ToSchema)]
struct FindingView {
    /// The group.
    #[schema(value_type = u32)]
    group_id: GroupId,
    /// Its name.
    group: String,
    /// `empty`, `small`, `large`, `scattered`, `unreachable`, `no_line`, `shared_number` or `same_door`.
    kind: &'static str,
    /// Whom it is about; all of the group where nobody is named.
    households: Vec<HouseholdName>,
}

/// A household, by name.
#[derive(Serialize, ToSchema)]
struct HouseholdName {
    /// Its id.
    #[schema(value_type = u32)]
    id: HouseholdId,
    /// How neighbours call it.
    name: String,
}

/// A community divided anew; nothing is changed yet.
#[derive(Serialize, ToSchema)]
struct ProposalView {
    /// The groups, by grid, as one walks past the doors.
    groups: Vec<ProposedView>,
    /// Groups that nobody would be left in.
    #[schema(value_type = Vec<u32>)]
    emptied: Vec<GroupId>,
    /// Households that would come into another group.
    moved: usize,
}

/// A group of a proposal.
#[derive(Serialize, ToSchema)]
struct ProposedView {
    /// The group of today that most of its households are in; null for a new one.
    #[schema(value_type = Option<u32>)]
    group_id: Option<GroupId>,
    /// The grid.
    #[schema(value_type = u32)]
    grid_id: GridId,
    /// Its name; of a new one a name that is free.
    name: String,
    /// Its households as one walks past their doors.
    households: Vec<ProposedHousehold>,
    /// Staircases that it stands in: the fewer, the more adjacent.
    staircases: usize,
    /// Households that know another of the group: who has a number of the other.
    acquainted: usize,
    /// What to look at: `small`, `scattered`, `separated` (acquaintances are elsewhere), `unreachable`.
    warnings: Vec<&'static str>,
}

/// A household of a proposal.
#[derive(Serialize, ToSchema)]
struct ProposedHousehold {
    /// Its id.
    #[schema(value_type = u32)]
    id: HouseholdId,
    /// The version that the division is made from.
    version: u32,
    /// How neighbours call it.
    name: String,
    /// Where it is, such as `3-2-502`.
    place: String,
    /// The group that it is in today.
    #[schema(value_type = u32)]
    group_id: GroupId,
}

/// A division that shall hold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Division {
    /// The groups. Households that are not named stay where they are.
    #[schema(min_items = 1, max_items = 2000)]
    groups: Vec<DividedGroup>,
}

/// A group that shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DividedGroup {
    /// The group; null makes a new one.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    group_id: Option<GroupId>,
    /// The grid of a new one.
    #[schema(value_type = u32)]
    grid_id: GridId,
    /// The name of a new one.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Its households, the nearest beside each other.
    #[schema(max_items = 200)]
    households: Vec<DividedHousehold>,
}

/// A household of a group that shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DividedHousehold {
    /// Its id.
    #[schema(value_type = u32)]
    id: HouseholdId,
    /// The version that was shown.
    version: u32,
}

/// What a division did.
#[derive(Serialize, ToSchema)]
struct Divided {
    /// Households that were changed.
    changed: usize,
}

fn community_of_group(web: &Web, id: GroupId) -> Result<Arc<Community>, ApiError> {
    let directory = web.directory.current();
    let mut communities = directory.communities();
    communities.find(|community| community.group(id).is_some()).cloned().ok_or(ApiError::NotFound)
}

fn community_of(web: &Web, id: CommunityId) -> Result<Arc<Community>, ApiError> {
    web.directory.current().community(id).cloned().ok_or(ApiError::NotFound)
}

/// The doors of a group: each household with its lines and whether its people can be reached.
#[utoipa::path(
    get, path = "/groups/{id}/doors", tag = "groups", operation_id = "list_doors",
    params(("id" = u32, Path, description = "Id of the group")),
    responses((status = 200, description = "The doors", body = Doors)),
)]
async fn doors(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<GroupId>,
) -> Result<Json<Doors>, ApiError> {
    caller.reaches(&web, To::See, (Kind::Group, id)).await?;
    let community = community_of_group(&web, id)?;
    let households = community.group(id).map(|group| group.households.clone()).unwrap_or_default();
    let mut items = Vec::with_capacity(households.len());
    for household in households.iter().filter_map(|&id| community.household(id)) {
        items.push(door_view(&web, household).await);
    }
    Ok(Json(Doors { items }))
}

async fn door_view(web: &Web, household: &Household) -> DoorView {
    let mut lines = Vec::with_capacity(household.lines.len());
    for line in &household.lines {
        let bindings = web.registrations.of_account(&line.account).await;
        let since = bindings.iter().map(|binding| binding.since).min();
        let is_registered = since.is_some();
        let was = is_registered || web.registrations.lost(&line.account).await.is_some();
        let heard_by = heard_by(line, was);
        lines.push(DoorLine { id: line.id, is_registered, since, heard_by });
    }
    let contacts = household.contacts.iter().map(|contact| DoorContact {
        id: contact.id,
        name: contact.name.to_string(),
        voice: contact.numbers.iter().any(|number| number.has_voice),
        sms: contact.numbers.iter().any(|number| number.has_sms),
    });
    let address = &household.address;
    DoorView {
        household_id: household.id,
        name: household.name.to_string(),
        place: address.place.to_string(),
        building: address.building.to_string(),
        unit: address.unit.to_string(),
        floor: address.floor.to_string(),
        door: address.door.to_string(),
        position: household.position,
        lines,
        contacts: contacts.collect(),
    }
}

/// What is wrong with a group.
#[utoipa::path(
    get, path = "/groups/{id}/checks", tag = "groups", operation_id = "check_group",
    params(("id" = u32, Path, description = "Id of the group")),
    responses((status = 200, description = "What was found", body = Findings)),
)]
async fn check_group(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<GroupId>,
) -> Result<Json<Findings>, ApiError> {
    caller.reaches(&web, To::See, (Kind::Group, id)).await?;
    let community = community_of_group(&web, id)?;
    let area = caller.area(&web).await?;
    Ok(Json(findings(&community, &area, groups::check(&community, Some(id)))))
}

/// What is wrong with the groups of a community.
#[utoipa::path(
    get, path = "/communities/{id}/checks", tag = "groups", operation_id = "check_groups",
    params(("id" = u32, Path, description = "Id of the community")),
    responses((status = 200, description = "What was found", body = Findings)),
)]
async fn check_community(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<CommunityId>,
) -> Result<Json<Findings>, ApiError> {
    caller.reaches(&web, To::Edit, (Kind::Community, id)).await?;
    let community = community_of(&web, id)?;
    let area = caller.area(&web).await?;
    Ok(Json(findings(&community, &area, groups::check(&community, None))))
}

/// What was found; households out of reach are not named.
fn findings(community: &Community, area: &Area, mut found: Vec<Finding>) -> Findings {
    let total = found.len();
    found.truncate(FINDINGS_MAX);
    let view = |finding: Finding| FindingView {
        group_id: finding.group,
        group: community
            .group(finding.group)
            .map(|group| group.name.to_string())
            .unwrap_or_default(),
        kind: finding.kind.name(),
        households: finding
            .households
            .iter()
            .filter_map(|&id| community.household(id))
            .filter(|household| area.shows_household(community, household))
            .map(|household| HouseholdName { id: household.id, name: household.name.to_string() })
            .collect(),
    };
    Findings { items: found.into_iter().map(view).collect(), total }
}

/// Propose how to divide a community into groups: adjacent, alike in size, acquainted. Changes nothing.
#[utoipa::path(
    post, path = "/communities/{id}/groups/proposal", tag = "groups", operation_id = "propose_groups",
    params(("id" = u32, Path, description = "Id of the community")),
    responses((status = 200, description = "The proposal", body = ProposalView)),
)]
async fn propose(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<CommunityId>,
    parameters: Parameters,
) -> Result<Json<ProposalView>, ApiError> {
    parameters.finish()?;
    caller.reaches(&web, To::Edit, (Kind::Community, id)).await?;
    // The versions first: a household that is edited in between is refused when the division is applied.
    let versions = regroup::versions(web.store.directory(), id).await?;
    let community = community_of(&web, id)?;
    Ok(Json(proposal_view(&community, &versions, groups::propose(&community))))
}

fn proposal_view(
    community: &Community,
    versions: &BTreeMap<HouseholdId, u32>,
    proposal: Proposal,
) -> ProposalView {
    let mut names: BTreeSet<(GridId, String)> =
        community.groups.iter().map(|group| (group.grid, group.name.to_string())).collect();
    let mut groups = Vec::with_capacity(proposal.groups.len());
    for proposed in proposal.groups {
        let households: Vec<&Arc<Household>> =
            proposed.households.iter().filter_map(|&id| community.household(id)).collect();
        let today = proposed.group.and_then(|id| community.group(id));
        let name = match today {
            Some(group) => group.name.to_string(),
            None => free_name(&mut names, proposed.grid, households.first().copied()),
        };
        let household = |household: &&Arc<Household>| ProposedHousehold {
            id: household.id,
            version: versions.get(&household.id).copied().unwrap_or_default(),
            name: household.name.to_string(),
            place: place_of(household),
            group_id: household.group,
        };
        groups.push(ProposedView {
            group_id: proposed.group,
            grid_id: proposed.grid,
            name,
            households: households.iter().map(household).collect(),
            staircases: proposed.staircases,
            acquainted: proposed.acquainted,
            warnings: proposed.warnings.into_iter().map(groups::Warning::name).collect(),
        });
    }
    ProposalView { groups, emptied: proposal.emptied, moved: proposal.moved }
}

/// A name that no group of the grid has: the building and a number.
fn free_name(
    names: &mut BTreeSet<(GridId, String)>,
    grid: GridId,
    first: Option<&Arc<Household>>,
) -> String {
    let building =
        first.map(|household| household.address.building.to_string()).unwrap_or_default();
    let mut number = 1_u32;
    loop {
        let name = format!("{building}-{number}");
        if names.insert((grid, name.clone())) {
            return name;
        }
        number = number.saturating_add(1);
    }
}

/// Where a household is, in few characters.
pub(super) fn place_of(household: &Household) -> String {
    let address = &household.address;
    let parts = [&address.place, &address.building, &address.unit, &address.door];
    let parts: Vec<&str> =
        parts.into_iter().map(AsRef::as_ref).filter(|part: &&str| !part.is_empty()).collect();
    parts.join("-")
}

/// Divide a community: every group gets its households and their order, all or nothing. 412 when one of the households
/// was changed since it was shown.
#[utoipa::path(
    put, path = "/communities/{id}/groups", tag = "groups", operation_id = "divide_community",
    params(("id" = u32, Path, description = "Id of the community")), request_body = Division,
    responses((status = 200, description = "Divided", body = Divided)),
)]
async fn divide(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<CommunityId>,
    reason: Reason,
    Body(division): Body<Division>,
) -> Result<(StatusCode, Json<Divided>), ApiError> {
    caller.reaches(&web, To::Edit, (Kind::Community, id)).await?;
    let groups: Vec<NewGroup> = division.groups.into_iter().map(new_group).collect();
    let who = caller.who();
    let editor = web.edited_by(&who).because(reason.words());
    let changed = regroup::divide(&editor, id, &groups).await?;
    take_up(&web).await;
    Ok((StatusCode::OK, Json(Divided { changed })))
}

fn new_group(group: DividedGroup) -> NewGroup {
    let member =
        |household: DividedHousehold| Member { id: household.id, version: household.version };
    NewGroup {
        id: group.group_id,
        grid: group.grid_id,
        name: group.name,
        households: group.households.into_iter().map(member).collect(),
    }
}
