//! The page of somebody who is called: what they may see of one alarm, and their answer. The token in the link is the
//! right; there is no login.
//!
//! GET shows and POST acts, so that a program that looks at links answers nothing. Names are shown, numbers never.

mod html;
mod limit;
mod view;

pub(super) use html::POLICY;
pub(super) use limit::Limits;

use super::Web;
use super::extract::Body;
use super::guard::language_of;
use super::ports::Page;
use super::problem::ApiError;
use super::source::Source;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Json};
use lianfang_domain::alarm::AnswerMeans;
use lianfang_domain::digits::Key;
use lianfang_domain::directory::Language;
use serde::Deserialize;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use view::{PageNote, PageView};

/// Keys that a page has.
const KEYS: &[char] = &['1', '2', '3', '4', '6', '7'];
/// How an alarm is closed by a page in one step: 6, and how it ended.
const CLOSINGS: &[&str] = &["61", "62", "63"];
/// Notes are good to know; the page does not wait for them.
const NOTES_WAIT: Duration = Duration::from_millis(300);

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
    /// 1 coming, 2 cannot, 3 at the door, 4 have called 110, 7 a mistake; for duty workers 61, 62 or 63 to close: genuine,
    /// false alarm, unknown. 6 alone begins to close, as on a telephone: then within ten seconds 1, 2 or 3.
    #[schema(pattern = "^([123467]|6[123])$")]
    key: String,
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
    Ok(Json(view(&web, &page, language_of(&headers)).await))
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
    let page = answered(&web, &limits, &source, (&token, &answer)).await?;
    Ok(Json(view(&web, &page, language_of(&headers)).await))
}

/// The key that is pressed, and how the alarm ended where it closes one.
fn keys_of(text: &str) -> Result<(Key, Option<Key>), ApiError> {
    let mut signs = text.chars();
    let (first, second) = (signs.next(), signs.next());
    let is_known = match second {
        None => first.is_some_and(|sign| KEYS.contains(&sign)),
        Some(_) => CLOSINGS.contains(&text),
    };
    let first = first.filter(|_| is_known).and_then(Key::of_char);
    let first = first.ok_or_else(|| ApiError::Form {
        pointer: "/key".to_owned(),
        cause: "one of 1, 2, 3, 4, 6, 7, 61, 62, 63".to_owned(),
    })?;
    Ok((first, second.and_then(Key::of_char)))
}

/// Presses what was pressed, and tells how it stands then. How it ended is only said where 6 was taken: to an alarm that
/// cannot be closed now, 1 would mean that somebody comes.
async fn answered(
    web: &Web,
    limits: &Limits,
    source: &Source,
    (token, answer): (&str, &PageAnswer),
) -> Result<Page, ApiError> {
    let (first, second) = keys_of(&answer.key)?;
    let page = open(web, limits, source, token, Some(first)).await?;
    let means = AnswerMeans::Page { number_index: page.number_index };
    let is_asked = page.alarm.has_asked_to_close(page.party, &means, web.clock.now());
    match second.filter(|_| is_asked) {
        Some(ended) => open(web, limits, source, token, Some(ended)).await,
        None => Ok(page),
    }
}

/// What the reader sees.
async fn view(web: &Web, page: &Page, language: Language) -> PageView {
    let notes = tokio::time::timeout(NOTES_WAIT, web.alarm_log.notes(page.alarm.id())).await;
    let notes = notes.ok().and_then(Result::ok).map(PageNote::newest).unwrap_or_default();
    PageView::of((page, notes), language, web.clock.now())
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
        Ok(page) => html::page(&view(&web, &page, language).await, language),
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
    match answered(&web, &limits, &source, (&token, &answer)).await {
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
