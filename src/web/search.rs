//! Finding people, telephones and doors by name, pinyin initials, any part of a number, or door.
//!
//! From the directory in memory: each community has one text that is searched from its beginning to its end, made aside
//! or, at the latest, when the community is searched, and again after an edit. Numbers in answers are masked.

mod index;

use super::Web;
use super::caller::{Caller, Operator};
use super::extract::Parameters;
use super::groups::place_of;
use super::problem::ApiError;
use super::reach::Area;
use axum::Json;
use axum::extract::{Extension, State};
pub(super) use index::Index;
use index::{Hit, Of, Query};
use lianfang_domain::directory::{Community, Directory};
use lianfang_domain::id::{CommunityId, HouseholdId, LineId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest page.
const LIMIT_MAX: u32 = 100;
/// Length of a page where the client names none.
const LIMIT: u32 = 20;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(search))
}

/// What was found.
#[derive(Serialize, ToSchema)]
struct FoundPage {
    /// Where the words begin a name, a number or a door first.
    items: Vec<FoundView>,
    /// `after` of the next page; null on the last one.
    next: Option<u32>,
    /// The words are too few to search for: numbers need three digits, everything else one character.
    is_too_short: bool,
}

/// A row that was found.
#[derive(Serialize, ToSchema)]
struct FoundView {
    /// Its plural in paths: `households`, `lines`, `contacts`, `workers` or `responders`.
    noun: &'static str,
    /// Its id.
    id: u32,
    /// How it is called; a line by its account.
    name: String,
    /// Where it is, such as `3-2-502`; empty for workers and responders.
    place: String,
    /// Its numbers, masked.
    numbers: Vec<String>,
    /// The household that it belongs to.
    #[schema(value_type = Option<u32>)]
    household_id: Option<HouseholdId>,
    /// The community.
    #[schema(value_type = u32)]
    community_id: CommunityId,
    /// Its name.
    community: String,
}

/// Find households, lines, contacts, workers and responders.
#[utoipa::path(
    get, path = "/search", tag = "search", operation_id = "search",
    params(
        ("q" = String, Query, description = "A name, its pinyin or their initials, at least three digits of a number, or a door such as `3-502`",
            max_length = 64),
        ("after" = Option<u32>, Query, description = "Leaves so many out: `next` of the page before", minimum = 0, maximum = 1000),
        ("limit" = Option<u32>, Query, description = "Length of the page; 20 if not given", minimum = 1, maximum = 100),
    ),
    responses((status = 200, description = "A page; the first thousand at most", body = FoundPage)),
)]
async fn search(
    caller: Caller<Operator>,
    State(web): State<Web>,
    Extension(index): Extension<Index>,
    mut parameters: Parameters,
) -> Result<Json<FoundPage>, ApiError> {
    let words = parameters.take("q").unwrap_or_default();
    let after = parameters.take_number("after", 0..=index::HITS_MAX)?.unwrap_or(0);
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
    parameters.finish()?;
    let Some(query) = Query::read(&words) else {
        return Ok(Json(FoundPage { items: Vec::new(), next: None, is_too_short: true }));
    };
    let directory = web.directory.current();
    let area = caller.area(&web).await?;
    let mut hits = index.find(&directory, &query, |one| area.shows_community(one)).await;
    hits.retain(|hit| is_within(&area, &directory, hit));
    let page = hits.iter().skip(after as usize).take(limit as usize);
    let items = page.filter_map(|hit| view(directory.community(hit.community)?, hit)).collect();
    let end = after.saturating_add(limit);
    let next = ((end as usize) < hits.len()).then_some(end);
    Ok(Json(FoundPage { items, next, is_too_short: false }))
}

/// The lines of households that are found so, and lines themselves, within what somebody reaches; of one community, if it
/// is given. None where the words are too few to look for.
pub(super) async fn lines_named(
    (web, index): (&Web, &Index),
    area: &Area,
    words: &str,
    of: Option<CommunityId>,
) -> Vec<LineId> {
    let Some(query) = Query::read(words) else { return Vec::new() };
    let directory = web.directory.current();
    let is_wanted = |one: &Community| area.shows_community(one) && of.is_none_or(|id| id == one.id);
    let mut hits = index.find(&directory, &query, is_wanted).await;
    hits.retain(|hit| is_within(area, &directory, hit));
    let mut lines = Vec::new();
    for hit in hits {
        match hit.of {
            Of::Line(_, line) => lines.push(line),
            Of::Household(id) | Of::Contact(id, _) => {
                let household = directory.community(hit.community).and_then(|it| it.household(id));
                lines.extend(household.iter().flat_map(|it| &it.lines).map(|line| line.id));
            }
            Of::Worker(_) | Of::Responder(_) => {}
        }
    }
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// Whether the caller reaches what was found.
fn is_within(area: &Area, directory: &Directory, hit: &Hit) -> bool {
    let Some(community) = directory.community(hit.community) else { return false };
    match hit.of {
        Of::Household(id) | Of::Line(id, _) | Of::Contact(id, _) => area.shows_home(community, id),
        Of::Worker(_) => area.shows_in(community, None),
        Of::Responder(id) => area.shows_responder(community, id),
    }
}

fn view(community: &Community, hit: &Hit) -> Option<FoundView> {
    let view = |noun, id, name: &str, numbers: Vec<String>| FoundView {
        noun,
        id,
        name: name.to_owned(),
        place: String::new(),
        numbers,
        household_id: None,
        community_id: community.id,
        community: community.name.to_string(),
    };
    let household = |id| community.household(id);
    let at = |mut view: FoundView, id| {
        view.household_id = Some(id);
        view.place = household(id).map(|household| place_of(household)).unwrap_or_default();
        view
    };
    Some(match hit.of {
        Of::Household(id) => at(view("households", id.0, &household(id)?.name, Vec::new()), id),
        Of::Line(of, id) => {
            let line = household(of)?.lines.iter().find(|line| line.id == id)?;
            at(view("lines", id.0, &line.account, vec![line.number.to_string()]), of)
        }
        Of::Contact(of, id) => {
            let contact = household(of)?.contacts.iter().find(|contact| contact.id == id)?;
            let numbers = contact.numbers.iter().map(|number| number.number.to_string());
            at(view("contacts", id.0, &contact.name, numbers.collect()), of)
        }
        Of::Worker(id) => {
            let worker = community.worker(id)?;
            let numbers = worker.numbers.iter().map(|number| number.number.to_string());
            view("workers", id.0, &worker.name, numbers.collect())
        }
        Of::Responder(id) => {
            let responder = community.responders.iter().find(|responder| responder.id == id)?;
            let numbers = responder.numbers.iter().map(|number| number.number.to_string());
            view("responders", id.0, &responder.name, numbers.collect())
        }
    })
}
