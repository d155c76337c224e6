//! How lines and numbers stand now, community by community.

use super::sheet::{self, Sheet};
use crate::store::nouns::Kind;
use crate::web::Web;
use crate::web::caller::{Caller, Reports};
use crate::web::extract::Parameters;
use crate::web::guard::language_of;
use crate::web::ports::LineState;
use crate::web::problem::ApiError;
use crate::web::reach::{Area, To};
use crate::web::reachability::{Summaries, Summary};
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::directory::Community;
use lianfang_domain::id::CommunityId;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Longest page.
const LIMIT_MAX: u32 = 50;
/// Length of a page where the client names none.
const LIMIT: u32 = 20;
/// A page ends when it has taken so long, far below the deadline of a request.
const PAGE_MAX: SignedDuration = SignedDuration::from_secs(3);

/// A page of communities.
#[derive(Serialize, ToSchema)]
pub(super) struct StandingPage {
    /// The communities, by id.
    items: Vec<Standing>,
    /// `after` of the next page; null on the last one. A page may be shorter than asked and not the last.
    #[schema(value_type = Option<u32>)]
    next: Option<CommunityId>,
    /// When it was looked at.
    #[schema(value_type = String, format = DateTime)]
    counted_at: Timestamp,
}

/// How lines and numbers of a community stand.
#[derive(Serialize, ToSchema)]
struct Standing {
    /// The community.
    #[schema(value_type = u32)]
    community_id: CommunityId,
    /// Its name.
    community: String,
    /// Its groups.
    groups: usize,
    /// Its households.
    households: usize,
    /// Its lines.
    lines: Lines,
    /// The telephone numbers of its people.
    numbers: Summary,
}

/// How the lines stand.
#[derive(Default, Serialize, ToSchema)]
struct Lines {
    /// How many there are.
    total: usize,
    /// Registered.
    up: usize,
    /// Were registered since the service runs, and are not any more.
    down: usize,
    /// Have a secret to register with, and never did since the service runs.
    never: usize,
    /// Do not register here: a PBX or a trunk brings their calls.
    brought: usize,
}

/// How the lines and the numbers of people stand now, community by community; as JSON, or as CSV for those who accept it.
#[utoipa::path(
    get, path = "/reports/communities", tag = "reports", operation_id = "report_communities",
    params(
        ("community_id" = Option<u32>, Query, description = "Only this community"),
        ("after" = Option<u32>, Query, description = "Only communities after this id: `next` of the page before",
            minimum = 0, maximum = 4_294_967_295_u32),
        ("limit" = Option<u32>, Query, description = "Length of the page; 20 if not given", minimum = 1, maximum = 50),
    ),
    responses((status = 200, description = "A page", content(
        (StandingPage = "application/json"),
        (String = "text/csv"),
    ))),
)]
pub(super) async fn communities(
    caller: Caller<Reports>,
    State(web): State<Web>,
    Extension(summaries): Extension<Summaries>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let wants_sheet = sheet::is_wanted(&headers)?;
    let page = page(&web, &summaries, &caller, parameters).await?;
    if wants_sheet { in_sheet(&page, &headers) } else { Ok(Json(page).into_response()) }
}

/// The same page as CSV, whatever the client says that it accepts. `Link` has the next page, if there is one.
#[utoipa::path(
    get, path = "/reports/communities.csv", tag = "reports", operation_id = "report_communities_csv",
    params(
        ("community_id" = Option<u32>, Query, description = "Only this community"),
        ("after" = Option<u32>, Query, description = "Only communities after this id: `next` of the page before",
            minimum = 0, maximum = 4_294_967_295_u32),
        ("limit" = Option<u32>, Query, description = "Length of the page; 20 if not given", minimum = 1, maximum = 50),
    ),
    responses((status = 200, description = "A page", body = String, content_type = "text/csv",
        headers(("Link" = String, description = "The next page, `rel=\"next\"`")))),
)]
pub(super) async fn communities_csv(
    caller: Caller<Reports>,
    State(web): State<Web>,
    Extension(summaries): Extension<Summaries>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    in_sheet(&page(&web, &summaries, &caller, parameters).await?, &headers)
}

async fn page(
    web: &Web,
    summaries: &Summaries,
    caller: &Caller<Reports>,
    mut parameters: Parameters,
) -> Result<StandingPage, ApiError> {
    let only = parameters.take_number("community_id", 0..=u32::MAX)?.map(CommunityId);
    let after = parameters.take_number("after", 0..=u32::MAX)?.map(CommunityId);
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT) as usize;
    parameters.finish()?;
    if let Some(id) = only {
        caller.reaches(web, To::See, (Kind::Community, id)).await?;
    }
    let area = caller.area(web).await?;
    let directory = web.directory.current();
    let is_meant = |community: &&Arc<Community>| {
        only.is_none_or(|id| id == community.id)
            && after.is_none_or(|after| after < community.id)
            && area.shows_community(community)
    };
    let counted_at = web.clock.now();
    let mut items = Vec::new();
    let mut found = directory.communities().filter(is_meant).peekable();
    while let Some(community) = found.next() {
        items.push(standing(web, summaries, &area, community).await?);
        let is_full =
            items.len() == limit || PAGE_MAX <= web.clock.now().duration_since(counted_at);
        if is_full && found.peek().is_some() {
            return Ok(StandingPage { items, next: Some(community.id), counted_at });
        }
    }
    Ok(StandingPage { items, next: None, counted_at })
}

/// How a community stands, or the part of it that the caller sees.
async fn standing(
    web: &Web,
    summaries: &Summaries,
    area: &Area,
    community: &Arc<Community>,
) -> Result<Standing, ApiError> {
    let groups = community.groups.iter();
    let groups = groups.filter(|group| area.shows_in(community, Some(group.grid))).count();
    let mut lines = Lines::default();
    let mut households = 0;
    for household in community.households.iter().filter(|one| area.shows_household(community, one))
    {
        households += 1;
        for line in &household.lines {
            lines.total += 1;
            let state = match web.registrations.state_of(&line.account) {
                LineState::Up => &mut lines.up,
                LineState::Down | LineState::Never if line.secrets.is_empty() => &mut lines.brought,
                LineState::Down => &mut lines.down,
                LineState::Never => &mut lines.never,
            };
            *state += 1;
        }
    }
    let at = (web.store.directory(), web.clock.now());
    let numbers = summaries.read(community, area, at).await?;
    let (community_id, community) = (community.id, community.name.to_string());
    Ok(Standing { community_id, community, groups, households, lines, numbers })
}

fn in_sheet(page: &StandingPage, headers: &HeaderMap) -> Result<Response, ApiError> {
    const COLUMNS: [(&str, &str); 15] = [
        ("社区编号", "community_id"),
        ("社区", "community"),
        ("联防组", "groups"),
        ("联防户", "households"),
        ("线路", "lines"),
        ("线路正常", "lines_up"),
        ("线路中断", "lines_down"),
        ("从未注册", "lines_never"),
        ("经交换机", "lines_brought"),
        ("号码", "numbers"),
        ("已确认", "confirmed"),
        ("从未确认", "never_confirmed"),
        ("存疑", "doubtful"),
        ("无法联系", "unreachable"),
        ("待上门确认", "due"),
    ];
    let language = language_of(headers);
    let mut sheet = Sheet::new(COLUMNS.map(|column| sheet::word(column, language)))?;
    for Standing { community_id, community, groups, households, lines, numbers } in &page.items {
        let Lines { total, up, down, never, brought } = lines;
        let before = [community_id.to_string(), sheet::text(community)];
        let counts = [groups, households, total, up, down, never, brought];
        let counts = counts.into_iter().chain(numbers.counts()).map(usize::to_string);
        sheet.row(before.into_iter().chain(counts))?;
    }
    let mut answer = sheet.answer("lianfang-communities")?;
    if let Some(next) = page.next {
        let link = format!("</api/v1/reports/communities.csv?after={next}>; rel=\"next\"");
        let link =
            HeaderValue::from_str(&link).map_err(|error| ApiError::Internal(error.into()))?;
        answer.headers_mut().insert(header::LINK, link);
    }
    Ok(answer)
}
