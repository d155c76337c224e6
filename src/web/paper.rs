//! The paper mirror: what people need on paper for the day on which nothing else works. Telephone numbers in full.
//!
//! Who prints it is entered in the audit trail, group by group, before anything is shown. What a group or grid out of reach
//! has is left out.

use super::Web;
use super::caller::{Caller, Operator};
use super::extract::Body;
use super::groups::place_of;
use super::problem::ApiError;
use super::reach::{Area, To};
use crate::store::nouns::Kind;
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use lianfang_domain::directory::{
    Community, ContactNumber, Directory, Group, Household, Responder, ResponderKind, Worker,
};
use lianfang_domain::id::{CommunityId, GridId, GroupId, HouseholdId, WorkerId};
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::report::Month;
use lianfang_domain::roster::{Post, Span};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Stretches of duty of one post on one paper: six a day and more are in no roster that people can read.
const STRETCHES_MAX: usize = 200;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(print))
}

/// What is printed: exactly one of a group, a grid and a community.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// One group.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    group_id: Option<GroupId>,
    /// All groups of a grid.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    grid_id: Option<GridId>,
    /// All groups of a community.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    community_id: Option<CommunityId>,
    /// The month of the roster; this one if not given.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[0-9]{4}-[0-9]{2}$")]
    month: Option<Month>,
}

/// The papers of a community, or of a part of it.
#[derive(Serialize, ToSchema)]
struct Papers {
    /// The community.
    #[schema(value_type = u32)]
    community_id: CommunityId,
    /// Its name.
    community: String,
    /// The name of its street.
    street: String,
    /// Its time zone (IANA).
    time_zone: String,
    /// When this was made: it stands on every sheet.
    #[schema(value_type = String, format = DateTime)]
    printed_at: Timestamp,
    /// Version of the directory that it was made of: it stands on every sheet.
    version: u64,
    /// The month of the roster.
    #[schema(value_type = String, examples("2026-11"))]
    month: Month,
    /// What lines dial to raise an alarm, such as `#9`.
    alarm_codes: Vec<String>,
    /// Who is on duty at this moment, with their numbers.
    on_duty: Vec<PaperPerson>,
    /// All workers, with their numbers.
    workers: Vec<PaperPerson>,
    /// Heads of buildings, patrols, desks and hotlines, with their numbers.
    responders: Vec<PaperPerson>,
    /// The roster of the month, post by post; empty where there is none.
    roster: Vec<PaperPost>,
    /// The groups, by grid and name.
    groups: Vec<GroupView>,
}

/// Somebody with their numbers in full.
#[derive(Serialize, ToSchema)]
struct PaperPerson {
    /// Their name.
    name: String,
    /// What they are: `worker`, or the kind of a responder.
    kind: &'static str,
    /// Their numbers as they are dialled, in the order of calling.
    numbers: Vec<String>,
}

/// A post and who holds it when.
#[derive(Serialize, ToSchema)]
struct PaperPost {
    /// Its code, such as `A`.
    code: String,
    /// Its name.
    name: String,
    /// Its stretches, in order.
    stretches: Vec<Stretch>,
}

/// Who holds a post from when to when.
#[derive(Serialize, ToSchema)]
struct Stretch {
    /// From.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Until.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// Their names; empty where nobody does.
    names: Vec<String>,
}

/// A group.
#[derive(Serialize, ToSchema)]
struct GroupView {
    /// Its id.
    #[schema(value_type = u32)]
    id: GroupId,
    /// The name of its grid.
    grid: String,
    /// Its name.
    name: String,
    /// Its households, in their order.
    households: Vec<HouseholdView>,
}

/// A household.
#[derive(Serialize, ToSchema)]
struct HouseholdView {
    /// Its id.
    #[schema(value_type = u32)]
    id: HouseholdId,
    /// How neighbours call it.
    name: String,
    /// Where it is, such as `3-2-502`.
    place: String,
    /// Its landlines as they are dialled.
    lines: Vec<String>,
    /// Its people.
    people: Vec<PaperPerson>,
    /// Its personal helpers.
    helpers: Vec<PaperPerson>,
}

/// Make the papers of a group, a grid or a community, with telephone numbers in full. Entered in the audit trail.
#[utoipa::path(
    post, path = "/paper", tag = "paper", operation_id = "make_papers", request_body = Wanted,
    responses((status = 200, description = "What is to be printed", body = Papers)),
)]
async fn print(
    caller: Caller<Operator>,
    State(web): State<Web>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Papers>, ApiError> {
    let directory = web.directory.current();
    let community = community(&web, &caller, (&wanted, &directory)).await?;
    let area = caller.area(&web).await?;
    let groups: Vec<&Group> = groups(&community, &wanted, &area).collect();
    let seen = groups.iter().map(|group| ("household_group", i64::from(group.id.0)));
    let seen: Vec<_> = seen.chain([("community", i64::from(community.id.0))]).collect();
    web.edited_by(&caller.who()).enter_reads_of(&seen).await?;
    Ok(Json(papers(&directory, &community, (&groups, wanted.month), web.clock.now())))
}

/// The community of what is wanted, if the caller may see it.
async fn community(
    web: &Web,
    caller: &Caller<Operator>,
    (wanted, directory): (&Wanted, &Directory),
) -> Result<Arc<Community>, ApiError> {
    let mut communities = directory.communities();
    let found = match (wanted.group_id, wanted.grid_id, wanted.community_id) {
        (Some(id), None, None) => {
            caller.reaches(web, To::See, (Kind::Group, id)).await?;
            communities.find(|community| community.group(id).is_some())
        }
        (None, Some(id), None) => {
            caller.reaches(web, To::See, (Kind::Grid, id)).await?;
            communities.find(|community| community.grids.iter().any(|grid| grid.id == id))
        }
        (None, None, Some(id)) => {
            caller.reaches(web, To::See, (Kind::Community, id)).await?;
            directory.community(id)
        }
        (_, _, _) => {
            let cause = "exactly one of group_id, grid_id and community_id is needed".to_owned();
            return Err(ApiError::Form { pointer: String::new(), cause });
        }
    };
    found.cloned().ok_or(ApiError::NotFound)
}

/// The groups that are wanted and within reach, by grid and name.
fn groups<'a>(
    community: &'a Community,
    wanted: &'a Wanted,
    area: &'a Area,
) -> impl Iterator<Item = &'a Group> {
    let is_meant = |group: &&Group| {
        wanted.group_id.is_none_or(|id| id == group.id)
            && wanted.grid_id.is_none_or(|id| id == group.grid)
            && area.shows_in(community, Some(group.grid))
    };
    let mut groups: Vec<&Group> = community.groups.iter().filter(is_meant).collect();
    groups.sort_by_key(|group| (group.grid, &group.name));
    groups.into_iter()
}

fn papers(
    directory: &Directory,
    community: &Community,
    (groups, month): (&[&Group], Option<Month>),
    now: Timestamp,
) -> Papers {
    let zone = community.roster.zone();
    let month = month.unwrap_or_else(|| Month::of(now, zone));
    let span = Span { from: month.begins(zone), to: month.next().begins(zone) };
    let on_duty = on_duty(community, now);
    let duty = community.workers.iter().filter(|worker| on_duty.contains(&worker.id));
    let desks = community.responders.iter().filter(|one| is_desk(one));
    Papers {
        community_id: community.id,
        community: community.name.to_string(),
        street: directory
            .street(community.street)
            .map_or_else(String::new, |it| it.name.to_string()),
        time_zone: community.time_zone.to_string(),
        printed_at: now,
        version: directory.version,
        month,
        alarm_codes: community.alarm_codes.iter().map(|code| code.to_string()).collect(),
        on_duty: duty.map(worker_view).collect(),
        workers: community.workers.iter().map(worker_view).collect(),
        responders: desks.map(responder_view).collect(),
        roster: community.roster.posts().map(|post| post_view(community, post, span)).collect(),
        groups: groups.iter().map(|group| group_view(community, group)).collect(),
    }
}

/// Who is on duty: by the roster, or by the mark at the worker where there is none.
fn on_duty(community: &Community, now: Timestamp) -> Vec<WorkerId> {
    if community.roster.is_empty() {
        let marked = community.workers.iter().filter(|worker| worker.is_on_duty);
        return marked.map(|worker| worker.id).collect();
    }
    community.roster.on_duty(now).into_iter().map(|(_, worker)| worker).collect()
}

/// Loudspeakers are no people, and helpers stand beside their household.
fn is_desk(responder: &Responder) -> bool {
    match responder.kind {
        ResponderKind::Helper | ResponderKind::Loudspeaker => false,
        ResponderKind::BuildingHead
        | ResponderKind::Patrol
        | ResponderKind::Volunteer
        | ResponderKind::Street
        | ResponderKind::Hotline => true,
    }
}

fn group_view(community: &Community, group: &Group) -> GroupView {
    let grid = community.grids.iter().find(|grid| grid.id == group.grid);
    let households = group.households.iter().filter_map(|id| community.household(*id));
    GroupView {
        id: group.id,
        grid: grid.map(|grid| grid.name.to_string()).unwrap_or_default(),
        name: group.name.to_string(),
        households: households.map(|household| household_view(community, household)).collect(),
    }
}

fn household_view(community: &Community, household: &Household) -> HouseholdView {
    let person = |contact: &lianfang_domain::directory::Contact| PaperPerson {
        name: contact.name.to_string(),
        kind: "contact",
        numbers: numbers(&contact.numbers),
    };
    let helps = |one: &&Responder| one.household == Some(household.id);
    HouseholdView {
        id: household.id,
        name: household.name.to_string(),
        place: place_of(household),
        lines: household.lines.iter().map(|line| dialled(&line.number)).collect(),
        people: household.contacts.iter().map(person).collect(),
        helpers: community.responders.iter().filter(helps).map(responder_view).collect(),
    }
}

fn post_view(community: &Community, post: &Post, span: Span) -> PaperPost {
    let name = |id: &WorkerId| community.worker(*id).map(|worker| worker.name.to_string());
    let segments = community.roster.segments(post.id, span).into_iter().take(STRETCHES_MAX);
    let stretches = segments.map(|segment| Stretch {
        from: segment.span.from,
        to: segment.span.to,
        names: segment.holders.iter().filter_map(name).collect(),
    });
    PaperPost {
        code: post.code.to_string(),
        name: post.name.to_string(),
        stretches: stretches.collect(),
    }
}

fn worker_view(worker: &Worker) -> PaperPerson {
    PaperPerson { name: worker.name.to_string(), kind: "worker", numbers: numbers(&worker.numbers) }
}

fn responder_view(responder: &Responder) -> PaperPerson {
    let kind = match responder.kind {
        ResponderKind::Helper => "helper",
        ResponderKind::BuildingHead => "building_head",
        ResponderKind::Patrol => "patrol",
        ResponderKind::Volunteer => "volunteer",
        ResponderKind::Street => "street",
        ResponderKind::Hotline => "hotline",
        ResponderKind::Loudspeaker => "loudspeaker",
    };
    PaperPerson { name: responder.name.to_string(), kind, numbers: numbers(&responder.numbers) }
}

fn numbers(numbers: &[ContactNumber]) -> Vec<String> {
    numbers.iter().map(|number| dialled(&number.number)).collect()
}

/// A number as people dial it.
fn dialled(number: &PhoneNumber) -> String {
    let written = number.written();
    if written.is_empty() { number.key() } else { written }.to_owned()
}
