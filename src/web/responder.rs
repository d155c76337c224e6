//! The page of somebody who is called: what they may see of one alarm, and their answer. The token in the link is the
//! right; there is no login.
//!
//! GET shows and POST acts, so that a program that looks at links answers nothing. Names are shown, numbers never.
//! A link is looked at before anything of a body is read: whoever has none takes no place of those who have one.

mod html;
mod limit;
mod view;

pub(super) use html::POLICY;
pub(super) use limit::Limits;
use limit::TooOften;

use super::Web;
use super::extract::Body;
use super::guard::language_of;
use super::ports::Page;
use super::problem::ApiError;
use super::source::Source;
use axum::Json;
use axum::extract::{Form, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
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

/// The last part of a link that is good, and was not opened too often.
struct Link(String);

impl FromRequestParts<Web> for Link {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        let token = Path::<String>::from_request_parts(parts, web).await;
        let Path(token) = token.map_err(|_| ApiError::NotFound)?;
        let Ok(Source(source)) = Source::from_request_parts(parts, web).await;
        let limits = parts.extensions.get::<Limits>().cloned().unwrap_or_default();
        let now = web.clock.now();
        let too_often = |TooOften { wait_s }| {
            metrics::counter!("lianfang_page_refused_total").increment(1);
            ApiError::TooManyAttempts { wait_s }
        };
        if !web.responders.knows(&token) {
            metrics::counter!("lianfang_page_unknown_total").increment(1);
            limits.wrong(source, now).map_err(too_often)?;
            return Err(ApiError::NotFound);
        }
        limits.open(&token, now).map_err(too_often)?;
        Ok(Self(token))
    }
}

/// The same, where people read why not.
struct PageLink(String);

impl FromRequestParts<Web> for PageLink {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Response> {
        match Link::from_request_parts(parts, web).await {
            Ok(Link(token)) => Ok(Self(token)),
            Err(error) => {
                let page = html::refused(&error, language_of(&parts.headers));
                let wait_s = error.retry_after().map(HeaderValue::from);
                let again =
                    HeaderMap::from_iter(wait_s.map(|wait_s| (header::RETRY_AFTER, wait_s)));
                Err((again, page).into_response())
            }
        }
    }
}

/// See what you may of an alarm that you were told of.
#[utoipa::path(
    get, path = "/responder/{token}", tag = "responder", operation_id = "see_responder_page", security(()),
    params(("token" = String, Path, description = "The last part of the link in the message")),
    responses(
        (status = 200, description = "How it stands", body = PageView),
        (status = 429, description = "`too-many-attempts`, with `retry_after` and Retry-After in seconds",
            body = super::problem::Problem, content_type = "application/problem+json"),
    ),
)]
async fn see(
    State(web): State<Web>,
    Link(token): Link,
    headers: HeaderMap,
) -> Result<Json<PageView>, ApiError> {
    let page = open(&web, &token, None).await?;
    Ok(Json(view(&web, &page, language_of(&headers)).await))
}

/// Answer. The same answer twice is no error; an answer that means nothing now changes nothing.
#[utoipa::path(
    post, path = "/responder/{token}/answer", tag = "responder", operation_id = "answer_responder_page", security(()),
    params(("token" = String, Path, description = "The last part of the link in the message")),
    request_body = PageAnswer,
    responses(
        (status = 200, description = "How it stands then", body = PageView),
        (status = 429, description = "`too-many-attempts`, with `retry_after` and Retry-After in seconds",
            body = super::problem::Problem, content_type = "application/problem+json"),
    ),
)]
async fn answer(
    State(web): State<Web>,
    Link(token): Link,
    headers: HeaderMap,
    Body(answer): Body<PageAnswer>,
) -> Result<Json<PageView>, ApiError> {
    let page = answered(&web, &token, &answer).await?;
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
async fn answered(web: &Web, token: &str, answer: &PageAnswer) -> Result<Page, ApiError> {
    let (first, second) = keys_of(&answer.key)?;
    let page = open(web, token, Some(first)).await?;
    let means = AnswerMeans::Page { number_index: page.number_index };
    let is_asked = page.alarm.has_asked_to_close(page.party, &means, web.clock.now());
    match second.filter(|_| is_asked) {
        Some(ended) => open(web, token, Some(ended)).await,
        None => Ok(page),
    }
}

/// What the reader sees.
async fn view(web: &Web, page: &Page, language: Language) -> PageView {
    let notes = tokio::time::timeout(NOTES_WAIT, web.alarm_log.notes(page.alarm.id())).await;
    let notes = notes.ok().and_then(Result::ok).map(PageNote::newest).unwrap_or_default();
    PageView::of((page, notes), language, web.clock.now())
}

async fn open(web: &Web, token: &str, key: Option<Key>) -> Result<Page, ApiError> {
    web.responders.page(token, key).await?.ok_or(ApiError::NotFound)
}

async fn show(State(web): State<Web>, PageLink(token): PageLink, headers: HeaderMap) -> Response {
    let language = language_of(&headers);
    match open(&web, &token, None).await {
        Ok(page) => html::page(&view(&web, &page, language).await, language),
        Err(error) => html::refused(&error, language),
    }
    .into_response()
}

async fn act(
    State(web): State<Web>,
    PageLink(token): PageLink,
    headers: HeaderMap,
    Form(answer): Form<PageAnswer>,
) -> Response {
    let language = language_of(&headers);
    match answered(&web, &token, &answer).await {
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
