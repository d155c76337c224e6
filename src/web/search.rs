//! Finding people, telephones, doors and places by name, pinyin initials, any part of a number, or door; and accounts, for
//! who keeps them.
//!
//! From the directory in memory: each community has texts that are searched from beginning to end, made aside or, at the
//! latest, when the community is searched, and again after an edit. Streets and accounts are few and read when somebody
//! searches. Numbers in answers are masked.

mod index;

use super::Web;
use super::accounts::keeps;
use super::caller::{Caller, Operator, Right};
use super::extract::Parameters;
use super::groups::place_of;
use super::problem::ApiError;
use super::reach::Area;
use crate::store::accounts::{self, Account, AccountFilter};
use crate::store::reach::Place;
use axum::Json;
use axum::extract::{Extension, State};
pub(super) use index::Index;
use index::{Finders, Found, Hit, Of, Query, Text};
use lianfang_domain::directory::{Community, Directory};
use lianfang_domain::id::{AccountId, CommunityId, GridId, HouseholdId, LineId};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest page.
const LIMIT_MAX: u32 = 100;
/// Length of a page where the client names none.
const LIMIT: u32 = 20;
/// Accounts that are looked through; towns have some hundred.
const ACCOUNTS_MAX: u32 = 5_000;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(search))
}

/// What was found.
#[derive(Serialize, ToSchema)]
struct FoundPage {
    /// Places and accounts whose names begin with the words, then whatever else begins with them, then the rest.
    items: Vec<FoundView>,
    /// `after` of the next page; null on the last one.
    next: Option<u32>,
    /// The words are too few to search for: numbers need three digits, everything else one character.
    is_too_short: bool,
}

/// A row that was found.
#[derive(Serialize, ToSchema)]
struct FoundView {
    /// Its plural in paths: `households`, `lines`, `contacts`, `workers`, `responders`, `streets`, `communities`, `grids`,
    /// `groups` or `accounts`.
    noun: &'static str,
    /// Its id.
    id: u32,
    /// How it is called; a line by its account.
    name: String,
    /// Where it is, such as `3-2-502`; the grid of a group, the street of a community, the user name of an account, and
    /// empty for the others.
    place: String,
    /// Its numbers, masked.
    numbers: Vec<String>,
    /// The household that it belongs to.
    #[schema(value_type = Option<u32>)]
    household_id: Option<HouseholdId>,
    /// The community; null for streets and accounts.
    #[schema(value_type = Option<u32>)]
    community_id: Option<CommunityId>,
    /// Its name; empty without one.
    community: String,
}

/// Find households, lines, contacts, workers, responders, streets, communities, grids and groups; for admins also the
/// accounts that they keep.
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
    let mut above = streets(&directory, &area, &query);
    let accounts = accounts_of(&web, &caller, (&query, &mut above)).await?;
    let mut hits = index.find(&directory, &query, above, |one| area.shows_community(one)).await;
    hits.retain(|hit| is_within(&area, &directory, hit));
    let page = hits.iter().skip(after as usize).take(limit as usize);
    let items = page.filter_map(|hit| told(&directory, &accounts, hit)).collect();
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
    let mut hits = index.find(&directory, &query, Found::default(), is_wanted).await;
    hits.retain(|hit| is_within(area, &directory, hit));
    let mut lines = Vec::new();
    for hit in hits {
        match hit.of {
            Of::Line(_, line) => lines.push(line),
            Of::Household(id) | Of::Contact(id, _) => {
                let community = hit.community.and_then(|it| directory.community(it));
                let household = community.and_then(|it| it.household(id));
                lines.extend(household.iter().flat_map(|it| &it.lines).map(|line| line.id));
            }
            Of::Worker(_)
            | Of::Responder(_)
            | Of::Street(_)
            | Of::Community
            | Of::Grid(_)
            | Of::Group(_)
            | Of::Account(_) => {}
        }
    }
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// The streets that are found.
fn streets(directory: &Directory, area: &Area, query: &Query) -> Found {
    let mut text = Text::default();
    for street in directory.streets() {
        let place = Place { street: Some(street.id), ..Place::default() };
        if area.shows(Some(place)) {
            text.named(Of::Street(street.id), &street.name);
        }
    }
    let mut found = Found::default();
    text.find(&Finders::new(query), None, &mut found);
    found
}

/// Adds the accounts that are found and that the caller keeps; none for who keeps none.
async fn accounts_of(
    web: &Web,
    caller: &Caller<Operator>,
    (query, above): (&Query, &mut Found),
) -> Result<BTreeMap<AccountId, Account>, ApiError> {
    let mut kept = BTreeMap::new();
    if !caller.is_good_for(Right::Admin) {
        return Ok(kept);
    }
    let all = AccountFilter::default();
    let listed = accounts::list(web.store.directory(), all, 0, ACCOUNTS_MAX).await?;
    let mut text = Text::default();
    for account in &listed {
        text.named(Of::Account(account.id), &account.display_name);
        text.name(&account.name);
    }
    let mut found = Found::default();
    text.find(&Finders::new(query), None, &mut found);
    let all: BTreeMap<AccountId, Account> =
        listed.into_iter().map(|account| (account.id, account)).collect();
    for (hits, wanted) in [(&found.first, &mut above.first), (&found.others, &mut above.others)] {
        for hit in hits {
            let Of::Account(id) = hit.of else { continue };
            let Some(account) = all.get(&id) else { continue };
            if keeps(web, caller, account).await? {
                wanted.push(*hit);
                kept.insert(id, account.clone());
            }
        }
    }
    Ok(kept)
}

/// Whether the caller reaches what was found.
fn is_within(area: &Area, directory: &Directory, hit: &Hit) -> bool {
    let Some(community) = hit.community.and_then(|id| directory.community(id)) else {
        // Only what the caller may see was looked through.
        return hit.community.is_none();
    };
    match hit.of {
        Of::Household(id) | Of::Line(id, _) | Of::Contact(id, _) => area.shows_home(community, id),
        Of::Worker(_) | Of::Community => area.shows_in(community, None),
        Of::Responder(id) => area.shows_responder(community, id),
        Of::Grid(id) => area.shows_in(community, Some(id)),
        Of::Group(id) => area.shows_group(community, id),
        Of::Street(_) | Of::Account(_) => true,
    }
}

fn told(
    directory: &Directory,
    accounts: &BTreeMap<AccountId, Account>,
    hit: &Hit,
) -> Option<FoundView> {
    if let Some(id) = hit.community {
        return view(directory, directory.community(id)?, hit.of);
    }
    let view = |noun, id, name: &str, place: &str| FoundView {
        noun,
        id,
        name: name.to_owned(),
        place: place.to_owned(),
        numbers: Vec::new(),
        household_id: None,
        community_id: None,
        community: String::new(),
    };
    match hit.of {
        Of::Street(id) => Some(view("streets", id.0, &directory.street(id)?.name, "")),
        Of::Account(id) => {
            let account = accounts.get(&id)?;
            Some(view("accounts", id.0, &account.display_name, &account.name))
        }
        Of::Household(_)
        | Of::Line(..)
        | Of::Contact(..)
        | Of::Worker(_)
        | Of::Responder(_)
        | Of::Community
        | Of::Grid(_)
        | Of::Group(_) => None,
    }
}

/// The name of a grid.
fn grid_of(community: &Community, id: GridId) -> Option<&str> {
    community.grids.iter().find(|grid| grid.id == id).map(|grid| &*grid.name)
}

fn view(directory: &Directory, community: &Community, of: Of) -> Option<FoundView> {
    let view = |noun, id, name: &str, numbers: Vec<String>| FoundView {
        noun,
        id,
        name: name.to_owned(),
        place: String::new(),
        numbers,
        household_id: None,
        community_id: Some(community.id),
        community: community.name.to_string(),
    };
    let household = |id| community.household(id);
    let at = |mut view: FoundView, id| {
        view.household_id = Some(id);
        view.place = household(id).map(|household| place_of(household)).unwrap_or_default();
        view
    };
    let within = |mut view: FoundView, place: Option<&str>| {
        view.place = place.unwrap_or_default().to_owned();
        view
    };
    Some(match of {
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
        Of::Community => {
            let street = directory.street(community.street).map(|street| &*street.name);
            within(view("communities", community.id.0, &community.name, Vec::new()), street)
        }
        Of::Grid(id) => view("grids", id.0, grid_of(community, id)?, Vec::new()),
        Of::Group(id) => {
            let group = community.group(id)?;
            let view = view("groups", id.0, &group.name, Vec::new());
            within(view, grid_of(community, group.grid))
        }
        Of::Street(_) | Of::Account(_) => return None,
    })
}
