//! What somebody at a desk has done besides: everybody called again, somebody added, the alarm taken in hand.

use super::Web;
use super::alarms::act;
use super::caller::{Caller, Operator};
use super::extract::{Body, Parameters, PathId};
use super::ports::Action;
use super::problem::ApiError;
use super::reach::To;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use lianfang_domain::directory::{Community, ContactNumber, Directory, Household};
use lianfang_domain::id::{AlarmId, ContactId, HouseholdId, ResponderId, WorkerId};
use lianfang_domain::plan::{Added, Plan};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// People that are offered.
const OFFERED_MAX: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(call_again))
        .routes(routes!(take_in_hand))
        .routes(routes!(candidates))
        .routes(routes!(add_party))
}

/// Call everybody again who is not coming, now. Telephones that ring ring on; who said that they cannot is left in peace
/// unless nobody else is left.
#[utoipa::path(
    post, path = "/alarms/{id}/call-again", tag = "alarms", operation_id = "call_again",
    params(("id" = String, Path, description = "Id of the alarm")),
    responses((status = 204, description = "Whoever can be called is")),
)]
async fn call_again(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<AlarmId>,
) -> Result<StatusCode, ApiError> {
    act(&web, id, Action::CallAgain, caller).await
}

/// Take an alarm in hand: walls need not sound any more, until #9 is pressed again. Stops no telephone.
#[utoipa::path(
    post, path = "/alarms/{id}/take", tag = "alarms", operation_id = "take_alarm_in_hand",
    params(("id" = String, Path, description = "Id of the alarm")),
    responses((status = 204, description = "Noted")),
)]
async fn take_in_hand(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<AlarmId>,
) -> Result<StatusCode, ApiError> {
    act(&web, id, Action::TakeInHand, caller).await
}

/// Somebody to call besides: one of the three.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Besides {
    /// A worker of the community, on duty or not.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    worker_id: Option<WorkerId>,
    /// A responder of the community.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    responder_id: Option<ResponderId>,
    /// Somebody of a household of the community.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    contact_id: Option<ContactId>,
}

/// Have somebody called besides, at once, whatever the policy says. They stay in the plan of the alarm.
#[utoipa::path(
    post, path = "/alarms/{id}/parties", tag = "alarms", operation_id = "add_party",
    params(("id" = String, Path, description = "Id of the alarm")), request_body = Besides,
    responses((status = 204, description = "They are called")),
)]
async fn add_party(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<AlarmId>,
    Body(besides): Body<Besides>,
) -> Result<StatusCode, ApiError> {
    caller.reaches_alarm(&web, To::Edit, id).await?;
    let whom = match (besides.worker_id, besides.responder_id, besides.contact_id) {
        (Some(worker), None, None) => Added::Worker(worker),
        (None, Some(responder), None) => Added::Responder(responder),
        (None, None, Some(contact)) => {
            let (plan, is_urgent) = plan_of(&web, id).await?;
            let (directory, area) = (web.directory.current(), caller.area(&web).await?);
            let household = community_of(&directory, plan.as_ref()).and_then(|community| {
                let found = household_of(community, contact);
                found.filter(|found| is_urgent || area.shows_home(community, *found))
            });
            // The switchboard knows better whether the alarm is there at all.
            Added::Contact(household.unwrap_or_default(), contact)
        }
        _ => {
            let cause = "needs one of worker_id, responder_id and contact_id".to_owned();
            return Err(ApiError::Form { pointer: String::new(), cause });
        }
    };
    act(&web, id, Action::AddParty { whom }, caller).await
}

/// Somebody who could be called besides.
#[derive(Serialize, ToSchema)]
struct Candidate {
    /// `worker`, `responder` or `contact`.
    kind: &'static str,
    /// The id of that kind.
    id: u32,
    /// Their name.
    name: String,
    /// The door of their household; empty for others.
    door: String,
    /// How many of their telephones can be called.
    telephones: usize,
}

/// Who could be called besides.
#[derive(Serialize, ToSchema)]
struct Candidates {
    /// Workers, then responders, then people of households; at most 100.
    items: Vec<Candidate>,
}

/// Who of the community could be called besides those of the plan: everybody whose name or door has the words. While a real
/// alarm is open, people of other grids, too: whoever is nearest may be the one who can help.
#[utoipa::path(
    get, path = "/alarms/{id}/candidates", tag = "alarms", operation_id = "list_candidates",
    params(
        ("id" = String, Path, description = "Id of the alarm"),
        ("q" = Option<String>, Query, description = "Part of the name or the door; without it, workers and responders"),
    ),
    responses((status = 200, description = "At most 100", body = Candidates)),
)]
async fn candidates(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<AlarmId>,
    mut parameters: Parameters,
) -> Result<Json<Candidates>, ApiError> {
    caller.reaches_alarm(&web, To::See, id).await?;
    let words = parameters.take("q").unwrap_or_default();
    parameters.finish()?;
    let (plan, is_urgent) = plan_of(&web, id).await?;
    let (directory, area) = (web.directory.current(), caller.area(&web).await?);
    let Some((community, plan)) = community_of(&directory, plan.as_ref()).zip(plan.as_ref()) else {
        return Ok(Json(Candidates { items: Vec::new() }));
    };
    let is_within = |home: &Household| is_urgent || area.shows_household(community, home);
    let items = offered(community, plan, (words.trim(), is_within)).take(OFFERED_MAX).collect();
    Ok(Json(Candidates { items }))
}

/// The plan of now, `None` when it was erased; and whether the alarm is a real one and open.
async fn plan_of(web: &Web, id: AlarmId) -> Result<(Option<Plan>, bool), ApiError> {
    let mut stored = web.alarm_log.alarm(id).await?.ok_or(ApiError::NotFound)?;
    let is_urgent = stored.row.closed.is_none() && !stored.row.is_drill;
    Ok((stored.plans.pop(), is_urgent))
}

fn community_of<'a>(directory: &'a Directory, plan: Option<&Plan>) -> Option<&'a Community> {
    directory.community(plan?.scene.community).map(|community| &**community)
}

fn household_of(community: &Community, contact: ContactId) -> Option<HouseholdId> {
    let mut households = community.households.iter();
    let found = households.find(|household| household.contacts.iter().any(|one| one.id == contact));
    found.map(|household| household.id)
}

fn telephones(numbers: &[ContactNumber]) -> usize {
    numbers.iter().filter(|number| number.has_voice).count()
}

/// Those who are called by now are left out.
fn offered<'a>(
    community: &'a Community,
    plan: &'a Plan,
    (words, is_within): (&'a str, impl Fn(&Household) -> bool + 'a),
) -> impl Iterator<Item = Candidate> + 'a {
    let is_rung = |is_same: &dyn Fn(&lianfang_domain::plan::Party) -> bool| {
        plan.parties.iter().any(|party| party.step == 0 && party.has_voice() && is_same(party))
    };
    let workers = community.workers.iter().filter(move |worker| {
        worker.name.contains(words) && !is_rung(&|party| party.worker == Some(worker.id))
    });
    let workers = workers.map(|worker| Candidate {
        kind: "worker",
        id: worker.id.0,
        name: worker.name.to_string(),
        door: String::new(),
        telephones: telephones(&worker.numbers),
    });
    let responders = community.responders.iter().filter(move |responder| {
        responder.name.contains(words) && !is_rung(&|party| party.responder == Some(responder.id))
    });
    let responders = responders.map(|responder| Candidate {
        kind: "responder",
        id: responder.id.0,
        name: responder.name.to_string(),
        door: String::new(),
        telephones: telephones(&responder.numbers),
    });
    // A community has thousands of households: they are looked for by name or door.
    let households = community.households.iter().filter(move |household| {
        let is_asked = !words.is_empty() && household.id != plan.scene.household;
        is_asked && is_within(household) && !is_rung(&|party| party.household == Some(household.id))
    });
    let contacts = households.flat_map(move |household| {
        let is_home = household.name.contains(words) || *household.address.door == *words;
        let meant = household.contacts.iter();
        meant.filter(move |contact| is_home || contact.name.contains(words)).map(|contact| {
            Candidate {
                kind: "contact",
                id: contact.id.0,
                name: contact.name.to_string(),
                door: household.address.door.to_string(),
                telephones: telephones(&contact.numbers),
            }
        })
    });
    let all = workers.chain(responders).chain(contacts);
    all.filter(|candidate| 0 < candidate.telephones)
}
