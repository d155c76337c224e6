//! The page of somebody who is called: what they may see of one alarm, and their answer. The token in the link is the
//! right; there is no login.
//!
//! GET shows and POST acts, so that a program that looks at links answers nothing. Names are shown, numbers never.

mod html;
mod limit;
mod view;

pub(super) use limit::Limits;

use super::Web;
use super::extract::Body;
use super::guard::language_of;
use super::ports::Page;
use super::problem::ApiError;
use axum::extract::{Form, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Json};
use lianfang_domain::digits::Key;
use lianfang_http::Client;
use serde::Deserialize;
use std::convert::Infallible;
use std::net::IpAddr;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use view::PageView;

/// Keys that a page has.
const KEYS: &[char] = &['1', '2', '3', '4', '6', '7'];

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(see)).routes(routes!(answer))
}

/// The page for people, outside of the API.
pub(super) fn pages() -> OpenApiRouter<Web> {
    OpenApiRouter::default().route("/r/{token}", get(show).post(act))
}

/// What is answered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PageAnswer {
    /// 1 coming, 2 cannot, 3 at the door, 4 have called 110, 7 a mistake; for duty workers 6 to close, and then within ten
    /// seconds 1 genuine, 2 false alarm, 3 unknown.
    #[schema(pattern = "^[123467]$")]
    key: String,
}

/// Where a request comes from; `None` where no server says so.
pub(super) struct Source(pub(super) Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Client>().map(|client| client.address)))
    }
}

/// See what you may of an alarm that you were told of.
#[utoipa::path(
    get, path = "/responder/{token}", tag = "responder", operation_id = "see_responder_page", security(()),
    params(("token" = String, Path, description = "The last part of the link in the message")),
    responses((status = 200, description = "How it stands", body = PageView)),
)]
async fn see(
    State(web): State<Web>,
    Extension(limits): Extension<Limits>,
    source: Source,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Json<PageView>, ApiError> {
    let page = open(&web, &limits, &source, &token, None).await?;
    Ok(Json(PageView::of(&page, language_of(&headers), web.clock.now())))
}

/// Answer. The same answer twice is no error; an answer that means nothing now changes nothing.
#[utoipa::path(
    post, path = "/responder/{token}/answer", tag = "responder", operation_id = "answer_responder_page", security(()),
    params(("token" = String, Path, description = "The last part of the link in the message")),
    request_body = PageAnswer,
    responses((status = 200, description = "How it stands then", body = PageView)),
)]
async fn answer(
    State(web): State<Web>,
    Extension(limits): Extension<Limits>,
    source: Source,
    Path(token): Path<String>,
    headers: HeaderMap,
    Body(answer): Body<PageAnswer>,
) -> Result<Json<PageView>, ApiError> {
    let key = key_of(&answer.key)?;
    let page = open(&web, &limits, &source, &token, Some(key)).await?;
    Ok(Json(PageView::of(&page, language_of(&headers), web.clock.now())))
}

fn key_of(text: &str) -> Result<Key, ApiError> {
    let mut signs = text.chars();
    let sign = signs.next().filter(|sign| signs.next().is_none() && KEYS.contains(sign));
    sign.and_then(Key::of_char).ok_or_else(|| ApiError::Form {
        pointer: "/key".to_owned(),
        cause: "one of 1, 2, 3, 4, 6, 7".to_owned(),
    })
}

/// A good link is never refused because somebody else guesses from the same address.
async fn open(
    web: &Web,
    limits: &Limits,
    source: &Source,
    token: &str,
    key: Option<Key>,
) -> Result<Page, ApiError> {
    let now = web.clock.now();
    if !limits.may_open(token, now) {
        metrics::counter!("lianfang_page_refused_total").increment(1);
        return Err(ApiError::Busy);
    }
    if let Some(page) = web.responders.page(token, key).await? {
        limits.is_good(token, now);
        return Ok(page);
    }
    metrics::counter!("lianfang_page_unknown_total").increment(1);
    Err(if limits.is_wrong(source.0, now) { ApiError::NotFound } else { ApiError::Busy })
}

async fn show(
    State(web): State<Web>,
    Extension(limits): Extension<Limits>,
    source: Source,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    let language = language_of(&headers);
    match open(&web, &limits, &source, &token, None).await {
        Ok(page) => html::page(&PageView::of(&page, language, web.clock.now()), language),
        Err(error) => html::refused(&error, language),
    }
    .into_response()
}

async fn act(
    State(web): State<Web>,
    Extension(limits): Extension<Limits>,
    source: Source,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(answer): Form<PageAnswer>,
) -> Response {
    let language = language_of(&headers);
    let key = match key_of(&answer.key) {
        Ok(key) => key,
        Err(error) => return html::refused(&error, language).into_response(),
    };
    match open(&web, &limits, &source, &token, Some(key)).await {
        // Loaded again, the page answers nothing a second time.
        Ok(_) => Redirect::to(&format!("/r/{token}")).into_response(),
        Err(error) => html::refused(&error, language).into_response(),
    }
}

/// A page as an answer.
struct Html(StatusCode, String);

impl IntoResponse for Html {
    fn into_response(self) -> Response {
        (self.0, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], self.1).into_response()
    }
}
