//! Reachability: how sure it is that each number reaches its person, and whom to ask in person.
//!
//! Whose numbers there are comes from the directory in memory, what was seen of them from the rows beside it; it is judged
//! here, when somebody asks. Must not be waited for by an alarm.

mod summaries;
mod visits;
mod words;

pub(super) use summaries::{Summaries, Summary};

use super::Web;
use super::caller::{Caller, Operator};
use super::extract::{Parameters, PathId, wrong};
use super::guard::language_of;
use super::problem::{ApiError, Must};
use super::reach::{Area, To};
use crate::store::nouns::Kind;
use crate::store::reach::{Place as Where, Reach, place_of};
use crate::store::{Database, evidence};
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use jiff::Timestamp;
use lianfang_domain::directory::{Community, Directory, Language};
use lianfang_domain::id::{
    AlarmId, CommunityId, ContactId, GroupId, HouseholdId, ResponderId, WorkerId,
};
use lianfang_domain::reachability::{
    self, Holder, Known, Place, Score, State as Worth, VisitClass, Who,
};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest page.
const LIMIT_MAX: u32 = 200;
/// Length of a page where the client names none.
const LIMIT: u32 = 50;
/// Numbers that are looked through for one page; those that follow are on the next.
const LOOKED_THROUGH: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(of_community))
        .routes(routes!(of_contact))
        .routes(routes!(of_worker))
        .routes(routes!(of_responder))
        .merge(visits::routes())
}

/// A number and what is known of it.
#[derive(Serialize, ToSchema)]
struct NumberView {
    /// The community.
    #[schema(value_type = u32)]
    community_id: CommunityId,
    /// The household of the person, or that they help.
    #[schema(value_type = Option<u32>)]
    household_id: Option<HouseholdId>,
    /// The person of a household who has it.
    #[schema(value_type = Option<u32>)]
    contact_id: Option<ContactId>,
    /// The worker who has it.
    #[schema(value_type = Option<u32>)]
    worker_id: Option<WorkerId>,
    /// The responder who has it.
    #[schema(value_type = Option<u32>)]
    responder_id: Option<ResponderId>,
    /// How the person is called.
    name: String,
    /// The number, masked.
    number: String,
    /// It may be called.
    voice: bool,
    /// It may be sent SMS.
    sms: bool,
    /// How often the person is asked: `week`, `month` or `half_year`.
    visit_class: &'static str,
    /// `confirmed`, `never_confirmed`, `doubtful` or `unreachable`.
    state: &'static str,
    /// The same from 0 to 100: 75 and more is confirmed, less than 10 unreachable.
    score: u8,
    /// Why, in words.
    why: String,
    /// What was seen last; null if nothing was.
    last: Option<SeenView>,
    /// How a person last confirmed it; null if nobody did.
    confirmed: Option<SeenView>,
    /// When somebody has to ask in person.
    #[schema(value_type = String, format = DateTime)]
    due_at: Timestamp,
    /// That is now or before.
    is_due: bool,
}

/// Something that was seen of a number.
#[derive(Serialize, ToSchema)]
struct SeenView {
    /// `key`, `reply`, `call_back`, `page`, `visit` or `loudspeaker`, which confirm; `delivered`, `picked_up`, `no_answer`,
    /// `busy`, `rejected`, `undelivered`, `sms_refused` or `no_such_number`.
    what: &'static str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// In which alarm or drill; null at a visit.
    #[schema(value_type = Option<String>)]
    alarm_id: Option<AlarmId>,
}

/// The numbers of one person or team.
#[derive(Serialize, ToSchema)]
struct NumberList {
    /// In the order of calling.
    items: Vec<NumberView>,
}

/// A page of numbers, door by door.
#[derive(Serialize, ToSchema)]
struct NumberPage {
    /// The numbers.
    items: Vec<NumberView>,
    /// `after` of the next page; null on the last one. A page may be shorter than asked and not the last.
    next: Option<String>,
}

/// What is asked for.
struct Wanted {
    community: Option<CommunityId>,
    group: Option<GroupId>,
    state: Option<Worth>,
    due: Option<bool>,
    after: Option<Place>,
    limit: usize,
}

impl Wanted {
    fn read(mut parameters: Parameters) -> Result<Self, ApiError> {
        let community = parameters.take_number("community_id", 0..=u32::MAX)?;
        let group = parameters.take_number("group_id", 0..=u32::MAX)?;
        let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
        let state = parameters.take("state");
        let state = state.map(|name| Worth::of_name(&name).ok_or(wrong("state", Must::Reachable)));
        let due = match parameters.take("due").as_deref() {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => return Err(wrong("due", Must::Flag)),
        };
        let after = parameters.take("after").map(|text| text.parse()).transpose();
        let after = after.map_err(|_| wrong("after", Must::Next))?;
        parameters.finish()?;
        Ok(Self {
            community: community.map(CommunityId),
            group: group.map(GroupId),
            state: state.transpose()?,
            due,
            after,
            limit: limit as usize,
        })
    }

    /// Numbers that may be meant, by place, where somebody may see anything at all.
    fn holders<'a>(
        &self,
        directory: &'a Directory,
        area: Area,
        has_none: impl Fn(&Arc<Community>) -> bool,
    ) -> impl Iterator<Item = Holder<'a>> {
        let Self { community, group, after, .. } = *self;
        let communities = directory.communities().filter(move |found| {
            community.is_none_or(|id| found.id == id)
                && group.is_none_or(|group| found.group(group).is_some())
                && after.is_none_or(|after| after.community <= found.id)
                && area.shows_community(found)
                && !has_none(found)
        });
        let holders = communities.flat_map(|community| reachability::holders(community));
        holders.filter(move |holder| {
            let is_in_group = |group| holder.household.is_some_and(|home| home.group == group);
            group.is_none_or(is_in_group) && after.is_none_or(|after| after < holder.place)
        })
    }

    fn is_meant(&self, score: &Score, now: Timestamp) -> bool {
        self.state.is_none_or(|state| state == score.state)
            && self.due.is_none_or(|due| due == score.is_due(now))
    }

    /// Whether numbers that are meant may be among those that were counted.
    fn may_be_among(&self, counted: &Summary) -> bool {
        let in_state = match self.state {
            None => counted.numbers,
            Some(Worth::Confirmed) => counted.confirmed,
            Some(Worth::NeverConfirmed) => counted.never_confirmed,
            Some(Worth::Doubtful) => counted.doubtful,
            Some(Worth::Unreachable) => counted.unreachable,
        };
        let due = match self.due {
            None => counted.numbers,
            Some(true) => counted.due,
            Some(false) => counted.numbers - counted.due,
        };
        0 < in_state && 0 < due
    }

    /// How many numbers have to be looked through at most.
    fn window(&self) -> usize {
        if self.is_narrow() { LOOKED_THROUGH } else { self.limit }
    }

    /// Whether numbers are asked for by what they are worth.
    fn is_narrow(&self) -> bool {
        self.state.is_some() || self.due.is_some()
    }
}

/// A number with its judgement.
struct Judged<'a> {
    holder: Holder<'a>,
    class: VisitClass,
    score: Score,
}

async fn judge<'a>(
    database: &Database,
    holders: Vec<Holder<'a>>,
    now: Timestamp,
) -> Result<Vec<Judged<'a>>, ApiError> {
    let keys: BTreeSet<&str> = holders.iter().map(|holder| holder.number.number.key()).collect();
    let households = holders.iter().filter_map(|holder| holder.household);
    let households: BTreeSet<HouseholdId> = households.map(|household| household.id).collect();
    let classes = evidence::visit_classes(database, &households).await?;
    let known = evidence::of(database, &keys).await?;
    // Nobody has noticed it yet: it came into the directory just now.
    let new = Known { since: now, seen: Vec::new() };
    let judged = holders.into_iter().map(|holder| {
        let class = holder.household.and_then(|household| classes.get(&household.id));
        let class = class.copied().unwrap_or(holder.class);
        let known = known.get(holder.number.number.key()).unwrap_or(&new);
        let score = reachability::judge(known, class, now);
        Judged { holder, class, score }
    });
    Ok(judged.collect())
}

impl Judged<'_> {
    fn view(&self, community: &Community, language: Language, now: Timestamp) -> NumberView {
        let Self { holder, class, score } = self;
        let seen = |seen: reachability::Seen| SeenView {
            what: seen.what.name(),
            at: seen.at,
            alarm_id: seen.alarm,
        };
        let (contact_id, worker_id, responder_id) = match holder.who {
            Who::Contact(id) => (Some(id), None, None),
            Who::Worker(id) => (None, Some(id), None),
            Who::Responder(id) => (None, None, Some(id)),
        };
        NumberView {
            community_id: community.id,
            household_id: holder.household.map(|household| household.id),
            contact_id,
            worker_id,
            responder_id,
            name: holder.name.to_owned(),
            number: holder.number.number.to_string(),
            voice: holder.number.has_voice,
            sms: holder.number.has_sms,
            visit_class: class.name(),
            state: score.state.name(),
            score: score.points,
            why: words::why(score, community.roster.zone(), language),
            last: score.last.map(seen),
            confirmed: score.confirmed.map(seen),
            due_at: score.due_at,
            is_due: score.is_due(now),
        }
    }
}

/// List numbers with how sure it is that they reach their people, door by door; `due=true` is whom to ask now.
#[utoipa::path(
    get, path = "/reachability", tag = "reachability", operation_id = "list_reachability",
    params(
        ("community_id" = Option<u32>, Query, description = "Only numbers of this community"),
        ("group_id" = Option<u32>, Query, description = "Only numbers of households of this group and of their helpers"),
        ("state" = Option<String>, Query, description = "Only numbers in this state",
            pattern = "^(confirmed|never_confirmed|doubtful|unreachable)$"),
        ("due" = Option<String>, Query, description = "`true`: only numbers about which somebody has to ask now",
            pattern = "^(true|false)$"),
        ("after" = Option<String>, Query, description = "Only numbers after this one: `next` of the page before",
            pattern = "^[0-9]+(\\.[0-9]+){3}$"),
        ("limit" = Option<u32>, Query, description = "Length of the page; 50 if not given", minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "A page", body = NumberPage)),
)]
async fn list(
    caller: Caller<Operator>,
    State(web): State<Web>,
    Extension(summaries): Extension<Summaries>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Json<NumberPage>, ApiError> {
    let wanted = Wanted::read(parameters)?;
    let (now, language) = (web.clock.now(), language_of(&headers));
    let directory = web.directory.current();
    let area = caller.area(&web).await?;
    let is_within = |holder: &Holder<'_>| {
        area.reach == Reach::Everything || area.shows(where_is(&directory, holder))
    };
    let (window, database) = (wanted.window(), web.store.directory());
    let has_none = |community: &Arc<Community>| {
        wanted.is_narrow()
            && summaries.has_none(community, (database, now), |all| wanted.may_be_among(all))
    };
    // One more than is looked through tells whether anything follows.
    let holders = wanted.holders(&directory, area, has_none).filter(is_within);
    let mut holders: Vec<Holder<'_>> = holders.take(window + 1).collect();
    let mut has_more = window < holders.len();
    holders.truncate(window);
    let mut last = holders.last().map(|holder| holder.place);
    let mut items = Vec::new();
    for judged in judge(database, holders, now).await? {
        if !wanted.is_meant(&judged.score, now) {
            continue;
        }
        if items.len() == wanted.limit {
            has_more = true;
            break;
        }
        if items.len() + 1 == wanted.limit {
            last = Some(judged.holder.place);
        }
        let community = directory.community(judged.holder.place.community);
        items.extend(community.map(|community| judged.view(community, language, now)));
    }
    let next = last.filter(|_| has_more).map(|place| place.to_string());
    Ok(Json(NumberPage { items, next }))
}

/// How well the people of a community can be reached, in figures; counts those whom the caller reaches.
#[utoipa::path(
    get, path = "/communities/{id}/reachability", tag = "reachability", operation_id = "read_community_reachability",
    params(("id" = u32, Path, description = "Id of the community")),
    responses((status = 200, description = "How many numbers are in which state", body = Summary)),
)]
async fn of_community(
    caller: Caller<Operator>,
    State(web): State<Web>,
    Extension(summaries): Extension<Summaries>,
    PathId(id): PathId<CommunityId>,
    parameters: Parameters,
) -> Result<Json<Summary>, ApiError> {
    parameters.finish()?;
    caller.reaches(&web, To::See, (Kind::Community, id)).await?;
    let community = web.directory.current().community(id).cloned().ok_or(ApiError::NotFound)?;
    let area = caller.area(&web).await?;
    let at = (web.store.directory(), web.clock.now());
    summaries.read(&community, &area, at).await.map(Json)
}

/// How sure it is that the numbers of a contact reach them.
#[utoipa::path(
    get, path = "/contacts/{id}/reachability", tag = "reachability", operation_id = "read_contact_reachability",
    params(("id" = u32, Path, description = "Id of the contact")),
    responses((status = 200, description = "Their numbers", body = NumberList)),
)]
async fn of_contact(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<ContactId>,
    headers: HeaderMap,
) -> Result<Json<NumberList>, ApiError> {
    caller.reaches(&web, To::See, (Kind::Contact, id)).await?;
    numbers_of(&web, Who::Contact(id), &headers).await
}

/// How sure it is that the numbers of a worker reach them.
#[utoipa::path(
    get, path = "/workers/{id}/reachability", tag = "reachability", operation_id = "read_worker_reachability",
    params(("id" = u32, Path, description = "Id of the worker")),
    responses((status = 200, description = "Their numbers", body = NumberList)),
)]
async fn of_worker(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<WorkerId>,
    headers: HeaderMap,
) -> Result<Json<NumberList>, ApiError> {
    caller.reaches(&web, To::See, (Kind::Worker, id)).await?;
    numbers_of(&web, Who::Worker(id), &headers).await
}

/// How sure it is that the numbers of a responder reach them.
#[utoipa::path(
    get, path = "/responders/{id}/reachability", tag = "reachability", operation_id = "read_responder_reachability",
    params(("id" = u32, Path, description = "Id of the responder")),
    responses((status = 200, description = "Their numbers", body = NumberList)),
)]
async fn of_responder(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<ResponderId>,
    headers: HeaderMap,
) -> Result<Json<NumberList>, ApiError> {
    caller.reaches(&web, To::See, (Kind::Responder, id)).await?;
    numbers_of(&web, Who::Responder(id), &headers).await
}

async fn numbers_of(
    web: &Web,
    who: Who,
    headers: &HeaderMap,
) -> Result<Json<NumberList>, ApiError> {
    let (now, language) = (web.clock.now(), language_of(headers));
    let community = community_of(web, who).await?;
    let holders = reachability::holders_of(&community, who).collect();
    let judged = judge(web.store.directory(), holders, now).await?;
    let items = judged.iter().map(|judged| judged.view(&community, language, now)).collect();
    Ok(Json(NumberList { items }))
}

/// Where somebody belongs.
fn where_is(directory: &Directory, holder: &Holder<'_>) -> Option<Where> {
    directory.community(holder.place.community).map(|community| place_in(community, holder))
}

fn place_in(community: &Community, holder: &Holder<'_>) -> Where {
    let group = holder.household.and_then(|household| community.group(household.group));
    Where {
        street: Some(community.street),
        community: Some(community.id),
        grid: group.map(|group| group.grid),
    }
}

/// The community of somebody.
async fn community_of(web: &Web, who: Who) -> Result<Arc<Community>, ApiError> {
    let (kind, id) = match who {
        Who::Contact(id) => (Kind::Contact, id.0),
        Who::Worker(id) => (Kind::Worker, id.0),
        Who::Responder(id) => (Kind::Responder, id.0),
    };
    let community = place_of(web.store.directory(), kind, id).await?.and_then(|it| it.community);
    let directory = web.directory.current();
    community.and_then(|id| directory.community(id)).cloned().ok_or(ApiError::NotFound)
}
