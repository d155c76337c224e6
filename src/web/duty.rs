//! The duty roster as people ask for it: who is on duty, what goes wrong in the next days, calendars to subscribe to,
//! swaps to agree to, and the public holidays of a year.
//!
//! The parts of a roster are nouns like all others, see `nouns`. What is said here comes from the directory in memory,
//! the same that plans are made from.

mod days;
mod handover;
mod holder;
mod ics;
pub(super) mod words;

use super::Web;
use super::caller::{Admin, Called, Caller, Reports};
use super::extract::{Body, IfMatch, Parameters, PathId};
use super::guard::language_of;
use super::problem::ApiError;
use super::reach::To;
use crate::store::accounts::Role;
use crate::store::audit::Editor;
use crate::store::evidence;
use crate::store::nouns::Kind;
use crate::store::nouns::duty::{Answer, AnswerError, Swap, answer};
use crate::store::roster::calendar::{self, Day};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::directory::{Community, Language};
use lianfang_domain::id::{CommunityId, PostId, SwapId, WorkerId};
use lianfang_domain::reachability;
use lianfang_domain::roster::{Finding, FindingKind, Reach, Span};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Days looked ahead for findings where the client names none.
const FINDING_DAYS: u32 = 14;
/// Most days looked ahead.
const DAYS_MAX: u32 = 92;
/// Days in a calendar where the client names none.
const CALENDAR_DAYS: u32 = 62;
/// Days of the past in a calendar.
const CALENDAR_PAST: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(on_duty))
        .routes(routes!(days::read))
        .routes(routes!(handover::take_over))
        .routes(routes!(findings))
        .routes(routes!(agree))
        .routes(routes!(withdraw))
        .routes(routes!(read_calendar, replace_calendar))
}

/// Routes that write something else than JSON.
pub(super) fn calendars() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(community_ics)).routes(routes!(worker_ics))
}

/// Who is on duty at a moment.
#[derive(Serialize, ToSchema)]
struct DutyView {
    /// The moment.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The community has a roster; otherwise those workers are on duty who are marked so.
    has_roster: bool,
    /// Who holds what, by code and post.
    on_duty: Vec<holder::HolderView>,
    /// When others are on duty; null if not within 400 days.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_change: Option<Timestamp>,
    /// New holders are called at a change of shift.
    hand_over_calls: bool,
    /// Who was asked to take over within a day before the moment, by change.
    asked: Vec<handover::AskedView>,
    /// Who stays on duty after their shift, since nobody took over.
    kept: Vec<handover::KeptView>,
    /// In words.
    summary: String,
}

/// What goes wrong with a roster.
#[derive(Serialize, ToSchema)]
struct FindingsView {
    /// By time.
    items: Vec<FindingView>,
    /// Parts of the roster that cannot be used, in words.
    faults: Vec<String>,
}

/// Something to mend.
#[derive(Serialize, ToSchema)]
#[schema(as = RosterFinding)]
struct FindingView {
    /// What: `nobody`, `gap`, `away`, `same_for_both`, `double_duty`, `no_number`, `unconfirmed`, `swap_open`,
    /// `not_taken_over` or `calendar_unknown`.
    kind: &'static str,
    /// From when.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// Nobody would come.
    leaves_nobody: bool,
    /// The posts that it is about.
    #[schema(value_type = Vec<u32>)]
    post_ids: Vec<PostId>,
    /// The worker that it is about.
    #[schema(value_type = Option<u32>)]
    worker_id: Option<WorkerId>,
    /// The swap that it is about.
    #[schema(value_type = Option<u32>)]
    swap_id: Option<SwapId>,
    /// The year that it is about.
    year: Option<i16>,
    /// In words.
    summary: String,
}

/// Who says something to a swap.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SaidBy {
    /// The worker.
    #[schema(value_type = u32)]
    worker_id: WorkerId,
}

/// The days of a year on which people work otherwise than the weekday says, and public holidays.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CalendarYear {
    /// By date, each once.
    #[schema(max_items = 366)]
    days: Vec<Day>,
}

/// Who is on duty in a community, now or at another moment, and when that changes.
#[utoipa::path(
    get, path = "/communities/{id}/duty", tag = "roster", operation_id = "read_duty",
    params(
        ("id" = u32, Path, description = "Id of the community"),
        ("at" = Option<String>, Query, description = "The moment, such as `2026-11-23T08:00:00+08:00`; now if not given"),
    ),
    responses((status = 200, description = "Who is on duty", body = DutyView)),
)]
async fn on_duty(
    caller: Caller<Reports>,
    State(web): State<Web>,
    PathId(id): PathId<CommunityId>,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Json<DutyView>, ApiError> {
    let at = parameters.take_moment("at")?.unwrap_or_else(|| web.clock.now());
    parameters.finish()?;
    caller.reaches(&web, To::See, (Kind::Community, id)).await?;
    let community = community(&web, id)?;
    let roster = &community.roster;
    let on_duty = holder::at(&community, at);
    let summary = holder::summary(&on_duty, language_of(&headers));
    let has_roster = !roster.is_empty();
    let next_change = roster.next_change(at);
    Ok(Json(DutyView {
        at,
        has_roster,
        on_duty,
        next_change,
        hand_over_calls: community.has_hand_over_calls,
        asked: handover::asked(&web, &community, at).await?,
        kept: handover::kept(&community, at),
        summary,
    }))
}

/// What goes wrong with the roster of a community in the next days: gaps, double duty, numbers, swaps, holidays.
#[utoipa::path(
    get, path = "/communities/{id}/roster/findings", tag = "roster", operation_id = "list_roster_findings",
    params(
        ("id" = u32, Path, description = "Id of the community"),
        ("days" = Option<u32>, Query, description = "How many days; 14 if not given", minimum = 1, maximum = 92),
    ),
    responses((status = 200, description = "What there is to mend", body = FindingsView)),
)]
async fn findings(
    caller: Caller<Reports>,
    State(web): State<Web>,
    PathId(id): PathId<CommunityId>,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Json<FindingsView>, ApiError> {
    let days = parameters.take_number("days", 1..=DAYS_MAX)?.unwrap_or(FINDING_DAYS);
    parameters.finish()?;
    let language = language_of(&headers);
    caller.reaches(&web, To::See, (Kind::Community, id)).await?;
    let community = community(&web, id)?;
    let now = web.clock.now();
    let known = evidence::of_workers(web.store.directory(), &community).await?;
    let reach = reachability::on_duty(&community, &known, now);
    let days = u16::try_from(days).unwrap_or(u16::MAX);
    let reach = |worker| reach.get(&worker).copied().unwrap_or(Reach::NoNumber);
    let found = community.roster.review(now, days, reach);
    let faults = community.roster.faults().iter();
    Ok(Json(FindingsView {
        items: found.iter().map(|finding| view(finding, &community, language)).collect(),
        faults: faults.map(|fault| words::fault(fault, language)).collect(),
    }))
}

fn view(finding: &Finding, community: &Community, language: Language) -> FindingView {
    let (post_ids, worker_id) = match finding.kind {
        FindingKind::Gap { post } => (vec![post], None),
        FindingKind::Away { post, worker } | FindingKind::NotTakenOver { post, worker } => {
            (vec![post], Some(worker))
        }
        FindingKind::SameForBoth { worker, a, b } => (vec![a, b], Some(worker)),
        FindingKind::DoubleDuty { worker, first, second } => (vec![first, second], Some(worker)),
        FindingKind::NoNumber { worker } | FindingKind::Unconfirmed { worker } => {
            (Vec::new(), Some(worker))
        }
        FindingKind::Nobody
        | FindingKind::SwapOpen { .. }
        | FindingKind::CalendarUnknown { .. } => (Vec::new(), None),
    };
    let swap_id = if let FindingKind::SwapOpen { swap } = finding.kind { Some(swap) } else { None };
    let year =
        if let FindingKind::CalendarUnknown { year } = finding.kind { Some(year) } else { None };
    FindingView {
        kind: words::kind(finding.kind),
        from: finding.span.from,
        to: finding.span.to,
        leaves_nobody: finding.kind.leaves_nobody(),
        post_ids,
        worker_id,
        swap_id,
        year,
        summary: words::finding(finding.kind, community, language),
    }
}

/// Agree to a swap, as the worker who was asked. Agreeing twice is no error.
#[utoipa::path(
    post, path = "/swaps/{id}/agree", tag = "swaps", operation_id = "agree_swap",
    params(("id" = u32, Path, description = "Id of the swap")), request_body = SaidBy,
    responses((status = 200, description = "Agreed", body = Swap)),
)]
async fn agree(
    caller: Caller<Called>,
    State(web): State<Web>,
    PathId(id): PathId<SwapId>,
    Body(by): Body<SaidBy>,
) -> Result<Json<Swap>, ApiError> {
    may_say(&web, &caller, id, by.worker_id).await?;
    say(&web.edited_by(&caller.who()), &web, id, (Answer::Agree, by)).await
}

/// Take a swap back or decline it, as one of the two. Once agreed it can only be swapped back, or deleted by an admin.
#[utoipa::path(
    post, path = "/swaps/{id}/withdraw", tag = "swaps", operation_id = "withdraw_swap",
    params(("id" = u32, Path, description = "Id of the swap")), request_body = SaidBy,
    responses((status = 200, description = "Withdrawn", body = Swap)),
)]
async fn withdraw(
    caller: Caller<Called>,
    State(web): State<Web>,
    PathId(id): PathId<SwapId>,
    Body(by): Body<SaidBy>,
) -> Result<Json<Swap>, ApiError> {
    may_say(&web, &caller, id, by.worker_id).await?;
    say(&web.edited_by(&caller.who()), &web, id, (Answer::Withdraw, by)).await
}

/// Everybody for themself; operators for all whose duty is within their reach.
async fn may_say(
    web: &Web,
    caller: &Caller<Called>,
    id: SwapId,
    worker: WorkerId,
) -> Result<(), ApiError> {
    let is_own = caller.account().is_some_and(|account| account.worker_id == Some(worker));
    let to = if is_own { To::See } else { To::Edit };
    caller.reaches(web, to, (Kind::Swap, id)).await?;
    only_own(caller, is_own)
}

/// A responder sees and does only what concerns themself.
fn only_own(caller: &Caller<Called>, is_own: bool) -> Result<(), ApiError> {
    let is_responder = caller.account().is_some_and(|account| account.role == Role::Responder);
    if is_responder && !is_own { Err(ApiError::NotFound) } else { Ok(()) }
}

async fn say(
    editor: &Editor<'_>,
    web: &Web,
    id: SwapId,
    (said, by): (Answer, SaidBy),
) -> Result<Json<Swap>, ApiError> {
    let swap = answer(editor, id, said, by.worker_id).await;
    let swap = swap.map_err(|error| match error {
        AnswerError::Swap(error) => ApiError::Swap(error),
        AnswerError::Noun(error) => error.into(),
    })?;
    super::nouns::take_up(web).await;
    Ok(Json(swap))
}

/// The days of a year: JSON, or CSV with the columns `date`, `kind` and, if wanted, `name`.
struct CalendarBody(Vec<Day>);

impl<S: Send + Sync> FromRequest<S> for CalendarBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let is_csv = content_type.and_then(|value| value.to_str().ok()).is_some_and(|text| {
            text.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/csv"))
        });
        if !is_csv {
            let Body(CalendarYear { days }) = Body::from_request(request, state).await?;
            return Ok(Self(days));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|_| ApiError::TooLarge)?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(&*bytes);
        let mut days = Vec::new();
        for (index, row) in reader.deserialize().enumerate() {
            let row = row.map_err(|error| ApiError::Form {
                pointer: format!("/days/{index}"),
                cause: error.to_string(),
            });
            days.push(row?);
        }
        Ok(Self(days))
    }
}

/// Read the public holidays and make-up workdays of a year: the nation's, or a community's own.
#[utoipa::path(
    get, path = "/calendars/{year}", tag = "roster", operation_id = "read_calendar",
    params(
        ("year" = i16, Path, description = "The year"),
        ("community_id" = Option<u32>, Query, description = "The community; the nation if not given"),
    ),
    responses((status = 200, description = "The days, by date", body = CalendarYear,
        headers(("ETag" = String, description = "Version of the year")))),
)]
async fn read_calendar(
    caller: Caller<Reports>,
    State(web): State<Web>,
    PathId(year): PathId<i16>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let community = of_community(parameters)?;
    caller.reaches_community(&web, To::See, community).await?;
    let days = calendar::read(web.store.directory(), year, community).await?;
    let tag = format!("\"{}\"", calendar::version_of(&days));
    Ok(([(header::ETAG, tag)], Json(CalendarYear { days })).into_response())
}

/// Replace the public holidays and make-up workdays of a year. A community's own days go before the nation's.
#[utoipa::path(
    put, path = "/calendars/{year}", tag = "roster", operation_id = "replace_calendar",
    params(
        ("year" = i16, Path, description = "The year"),
        ("community_id" = Option<u32>, Query, description = "The community; the nation if not given"),
        ("If-Match" = String, Header, description = "The `ETag` of the year that is changed", pattern = "^\"[0-9]{1,9}\"$"),
    ),
    request_body(content(
        (CalendarYear = "application/json"),
        (String = "text/csv", example = "date,kind,name\n2026-10-01,holiday,国庆节\n"),
    )),
    responses((status = 204, description = "Replaced")),
)]
async fn replace_calendar(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(year): PathId<i16>,
    IfMatch(version): IfMatch,
    parameters: Parameters,
    CalendarBody(days): CalendarBody,
) -> Result<StatusCode, ApiError> {
    let community = of_community(parameters)?;
    caller.reaches_community(&web, To::Edit, community).await?;
    let who = caller.who();
    calendar::replace(&web.edited_by(&who), (year, community), version, &days).await?;
    super::nouns::take_up(&web).await;
    Ok(StatusCode::NO_CONTENT)
}

fn of_community(mut parameters: Parameters) -> Result<Option<CommunityId>, ApiError> {
    let community = parameters.take_number("community_id", 0..=u32::MAX)?;
    parameters.finish()?;
    Ok(community.map(CommunityId))
}

/// The duty of a community as a calendar to subscribe to (iCalendar, RFC 5545).
#[utoipa::path(
    get, path = "/communities/{id}/roster.ics", tag = "roster", operation_id = "read_roster_ics",
    params(
        ("id" = u32, Path, description = "Id of the community"),
        ("days" = Option<u32>, Query, description = "How many days ahead; 62 if not given", minimum = 1, maximum = 92),
    ),
    responses((status = 200, description = "A calendar", body = String, content_type = "text/calendar")),
)]
async fn community_ics(
    caller: Caller<Reports>,
    State(web): State<Web>,
    PathId(id): PathId<CommunityId>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    caller.reaches(&web, To::See, (Kind::Community, id)).await?;
    let community = community(&web, id)?;
    ics(&web, &community, None, parameters, &headers)
}

/// The duty of a worker as a calendar to subscribe to (iCalendar, RFC 5545).
#[utoipa::path(
    get, path = "/workers/{id}/roster.ics", tag = "roster", operation_id = "read_worker_ics",
    params(
        ("id" = u32, Path, description = "Id of the worker"),
        ("days" = Option<u32>, Query, description = "How many days ahead; 62 if not given", minimum = 1, maximum = 92),
    ),
    responses((status = 200, description = "A calendar", body = String, content_type = "text/calendar")),
)]
async fn worker_ics(
    caller: Caller<Called>,
    State(web): State<Web>,
    PathId(id): PathId<WorkerId>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    caller.reaches(&web, To::See, (Kind::Worker, id)).await?;
    only_own(&caller, caller.account().is_some_and(|account| account.worker_id == Some(id)))?;
    let directory = web.directory.current();
    let community = directory.communities().find(|community| community.worker(id).is_some());
    ics(&web, community.ok_or(ApiError::NotFound)?, Some(id), parameters, &headers)
}

fn ics(
    web: &Web,
    community: &Community,
    worker: Option<WorkerId>,
    mut parameters: Parameters,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let days = parameters.take_number("days", 1..=DAYS_MAX)?.unwrap_or(CALENDAR_DAYS);
    parameters.finish()?;
    let now = web.clock.now();
    let ahead = SignedDuration::from_hours(24 * i64::from(days));
    let span = Span {
        from: now.saturating_sub(CALENDAR_PAST).unwrap_or(now),
        to: now.saturating_add(ahead).unwrap_or(now),
    };
    let text = ics::write(community, worker, span, language_of(headers), now);
    Ok(([(header::CONTENT_TYPE, "text/calendar; charset=utf-8")], text).into_response())
}

fn community(web: &Web, id: CommunityId) -> Result<Arc<Community>, ApiError> {
    web.directory.current().community(id).cloned().ok_or(ApiError::NotFound)
}
