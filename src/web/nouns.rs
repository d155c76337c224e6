//! The nouns of the directory: create, read, replace, delete and list, the same for each.

use super::caller::{Admin, Caller, Needs, Operator, Reports};
use super::extract::{Body, IfMatch, Parameters, PathId, Reason};
use super::problem::ApiError;
use super::reach::To;
use super::{Web, openapi, policies};
use crate::store::nouns::duty::{Absence, Override, Post, Rotation, Shift, Swap};
use crate::store::nouns::{self, Fault, FieldError, Noun, NounError, Page, PolicyDraft};
use crate::store::nouns::{
    Community, Contact, Grid, Group, Household, Line, Policy, Responder, Street, Worker,
};
use crate::store::reach::{Place, Reach, place_of};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use lianfang_domain::id::PolicyId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

/// Longest page.
const LIMIT_MAX: u32 = 200;
/// Length of a page where the client names none.
const LIMIT: u32 = 50;

/// A noun that the API shows.
pub(super) trait Shown:
    Noun<Id: DeserializeOwned, Draft: DeserializeOwned + ToSchema> + Serialize + ToSchema + Sync
{
    /// Who reads it.
    type Reader: Needs + 'static;
    /// Who edits it.
    type Editor: Needs + 'static;
    /// Its plural in paths.
    const PLURAL: &'static str;
    /// What it is, in words.
    const WORDS: &'static str;

    /// Looks a draft through on the directory in memory; `id` is the row that it takes the place of.
    fn try_out(
        _web: &Web,
        _draft: &Self::Draft,
        _id: Option<Self::Id>,
    ) -> Result<(), Vec<FieldError>> {
        Ok(())
    }
}

macro_rules! shown {
    ($($noun:ty: $plural:literal, $words:literal, $reader:ty, $editor:ty;)*) => {$(
        impl Shown for $noun {
            type Reader = $reader;
            type Editor = $editor;
            const PLURAL: &'static str = $plural;
            const WORDS: &'static str = $words;
        }
    )*};
}
shown! {
    Street: "streets", "street (街道)", Operator, Admin;
    Community: "communities", "community (社区)", Reports, Admin;
    Grid: "grids", "grid (网格)", Reports, Admin;
    Group: "groups", "group (联防组)", Reports, Admin;
    Household: "households", "household (联防户)", Operator, Admin;
    Line: "lines", "line (线路)", Operator, Admin;
    Contact: "contacts", "contact (联系人)", Operator, Operator;
    Worker: "workers", "community worker (社区工作者)", Operator, Admin;
    Responder: "responders", "responder (响应人)", Operator, Admin;
    Post: "posts", "post of the duty roster (岗位)", Reports, Admin;
    Rotation: "rotations", "rotation of workers (轮班)", Reports, Admin;
    Shift: "shifts", "shift of a post (班次)", Reports, Admin;
    Override: "overrides", "override of shifts (替班)", Reports, Operator;
    Swap: "swaps", "swap of duty (换班)", Reports, Operator;
    Absence: "absences", "absence of a worker (请假)", Reports, Operator;
}

impl Shown for Policy {
    type Reader = Reports;
    type Editor = Admin;
    const PLURAL: &'static str = "policies";
    const WORDS: &'static str = "policy (升级规则)";

    fn try_out(
        web: &Web,
        draft: &PolicyDraft,
        id: Option<PolicyId>,
    ) -> Result<(), Vec<FieldError>> {
        policies::tried(web, draft, id).map(|_| ())
    }
}

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .merge(routes_of::<Street>())
        .merge(routes_of::<Community>())
        .merge(routes_of::<Grid>())
        .merge(routes_of::<Group>())
        .merge(routes_of::<Household>())
        .merge(routes_of::<Line>())
        .merge(routes_of::<Contact>())
        .merge(routes_of::<Worker>())
        .merge(routes_of::<Responder>())
        .merge(routes_of::<Policy>())
        .merge(routes_of::<Post>())
        .merge(routes_of::<Rotation>())
        .merge(routes_of::<Shift>())
        .merge(routes_of::<Override>())
        .merge(routes_of::<Swap>())
        .merge(routes_of::<Absence>())
}

fn routes_of<N: Shown>() -> OpenApiRouter<Web> {
    let all = get(list::<N>).post(create::<N>);
    let one = get(read::<N>).put(replace::<N>).delete(delete::<N>);
    OpenApiRouter::default()
        .routes(openapi::of_all::<N>(N::PARENT.map(|(_, field)| field), LIMIT_MAX, all))
        .routes(openapi::of_one::<N>(one))
}

/// A page of a list.
#[derive(Serialize)]
struct Listed<N> {
    items: Vec<N>,
    /// What `after` has to be for the next page; null on the last one.
    next: Option<u32>,
}

async fn list<N: Shown>(
    caller: Caller<N::Reader>,
    State(web): State<Web>,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let after = parameters.take_number("after", 0..=u32::MAX)?.unwrap_or(0);
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
    let parent = match N::PARENT {
        Some((_, field)) => parameters.take_number(field, 0..=u32::MAX)?,
        None => None,
    };
    parameters.finish()?;
    // One more than asked tells whether there is another page.
    let page = Page { after, limit: limit + 1, parent };
    let area = caller.area(&web).await?;
    let within = (area.reach, area.own);
    let mut items = nouns::list_within::<N>(web.store.directory(), page, within).await?;
    let is_last = items.len() <= limit as usize;
    items.truncate(limit as usize);
    let next = if is_last { None } else { items.last().map(|row| row.id().into()) };
    Ok(axum::Json(Listed { items, next }).into_response())
}

async fn read<N: Shown>(
    caller: Caller<N::Reader>,
    State(web): State<Web>,
    PathId(id): PathId<N::Id>,
) -> Result<Response, ApiError> {
    caller.reaches(&web, To::See, (N::KIND, id)).await?;
    let row = nouns::get::<N>(web.store.directory(), id).await?;
    Ok((tag(&row), axum::Json(row)).into_response())
}

async fn create<N: Shown>(
    caller: Caller<N::Editor>,
    State(web): State<Web>,
    reason: Reason,
    Body(draft): Body<N::Draft>,
) -> Result<Response, ApiError> {
    may_have::<N, _>(&web, &caller, &draft).await?;
    N::try_out(&web, &draft, None).map_err(NounError::Faulty)?;
    let row =
        nouns::create::<N>(&web.edited_by(&caller.who()).because(reason.words()), &draft).await?;
    take_up(&web).await;
    let id: u32 = row.id().into();
    let location = (header::LOCATION, format!("/api/v1/{}/{id}", N::PLURAL));
    let [etag] = tag(&row);
    Ok((StatusCode::CREATED, [location, etag], axum::Json(row)).into_response())
}

async fn replace<N: Shown>(
    caller: Caller<N::Editor>,
    State(web): State<Web>,
    PathId(id): PathId<N::Id>,
    reason: Reason,
    IfMatch(version): IfMatch,
    Body(draft): Body<N::Draft>,
) -> Result<Response, ApiError> {
    caller.reaches(&web, To::Edit, (N::KIND, id)).await?;
    may_have::<N, _>(&web, &caller, &draft).await?;
    N::try_out(&web, &draft, Some(id)).map_err(NounError::Faulty)?;
    let row = nouns::update::<N>(
        &web.edited_by(&caller.who()).because(reason.words()),
        id,
        version,
        &draft,
    )
    .await?;
    take_up(&web).await;
    Ok((tag(&row), axum::Json(row)).into_response())
}

async fn delete<N: Shown>(
    caller: Caller<N::Editor>,
    State(web): State<Web>,
    PathId(id): PathId<N::Id>,
    reason: Reason,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, ApiError> {
    caller.reaches(&web, To::Edit, (N::KIND, id)).await?;
    nouns::delete::<N>(&web.edited_by(&caller.who()).because(reason.words()), id, version).await?;
    take_up(&web).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether what a draft says would be within what the caller reaches. A parent out of reach is none.
pub(super) async fn may_have<N: Shown, C>(
    web: &Web,
    caller: &Caller<C>,
    draft: &N::Draft,
) -> Result<(), ApiError> {
    if caller.reach() == Reach::Everything {
        return Ok(());
    }
    let Some((kind, field)) = N::PARENT else {
        return caller.area(web).await?.check(To::Edit, Some(Place::default()));
    };
    let place = place_of(web.store.directory(), kind, N::parent_of(draft)).await?;
    let checked = caller.area(web).await?.check(To::Edit, place);
    checked.map_err(|error| {
        let fault = FieldError { pointer: format!("/{field}"), fault: Fault::UnknownParent };
        let is_none = matches!(error, ApiError::NotFound);
        if is_none { ApiError::Faulty(vec![fault]) } else { error }
    })
}

fn tag<N: Noun>(row: &N) -> [(HeaderName, String); 1] {
    [(header::ETAG, format!("\"{}\"", row.version()))]
}

/// Takes an edit up into the snapshot, before anybody is told that it is done.
pub(super) async fn take_up(web: &Web) {
    if let Err(error) = web.directory.refresh().await {
        // The edit is stored; whoever keeps the snapshot tries again every second.
        tracing::error!(?error, "An edit is not in the snapshot yet");
    }
}
