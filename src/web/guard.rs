//! What every request passes: bounds, deadline, panics, safe headers, and problems in the client's language.

use super::problem::{self, ApiError, Unwritten};
use super::responder;
use crate::clock::Clock;
use crate::tasks::Tasks;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lianfang_domain::directory::Language;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// Longest time that a request may take. The alarm path has its own deadline of 100 ms, far below.
pub(super) const REQUEST_MAX: Duration = Duration::from_secs(10);

/// Headers of every response. The console of another origin gets nothing: there is no CORS here.
const SAFE_HEADERS: [(HeaderName, &str); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];
/// Pages bring their style along and nothing else.
const POLICY_PAGE: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const POLICY_API: &str = "default-src 'none'; frame-ancestors 'none'";
/// The bundled Swagger UI has inline styles and images in `data:`; all of its scripts are files of ours.
const POLICY_DOCS: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     frame-ancestors 'none'";

/// Measures every request, by method, path and status. Only names that we know become labels: whoever asks for paths
/// that are not there fills no memory.
pub(super) async fn measure(State(clock): State<Clock>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = match *request.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    };
    let begun = clock.now();
    let response = next.run(request).await;
    let status = response.status().as_str().to_owned();
    let took = clock.now().duration_since(begun).as_secs_f64();
    metrics::histogram!("lianfang_http_seconds", "method" => method, "path" => path, "status" => status)
        .record(took);
    response
}

/// Adds safe headers, and writes problems: those of our handlers and those of the router.
pub(super) async fn write_problems(request: Request, next: Next) -> Response {
    let language = language_of(request.headers());
    let path = request.uri().path().to_owned();
    let policy = match () {
        () if path.starts_with("/api/docs") => HeaderValue::from_static(POLICY_DOCS),
        () if path.starts_with("/r/") => HeaderValue::clone(&responder::POLICY),
        () if is_page(&path) => HeaderValue::from_static(POLICY_PAGE),
        () => HeaderValue::from_static(POLICY_API),
    };
    let mut response = written(next.run(request).await, &path, language);
    let headers = response.headers_mut();
    for (name, value) in SAFE_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn written(mut response: Response, path: &str, language: Language) -> Response {
    let error = response.extensions_mut().remove::<Unwritten>().map(|Unwritten(error)| error);
    let is_page = |value: &HeaderValue| value.as_bytes().starts_with(b"text/html");
    let is_written = |value: &HeaderValue| is_json(value) || is_page(value);
    let is_ours = response.headers().get(header::CONTENT_TYPE).is_some_and(is_written);
    let error = error.or_else(|| {
        let error = if is_ours { None } else { ApiError::of_status(response.status()) };
        error.map(Arc::new)
    });
    let Some(error) = error else { return response };
    let mut problem = problem::write(&error, path, language);
    if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
        problem.headers_mut().insert(header::ALLOW, allow);
    }
    problem
}

fn is_json(content_type: &HeaderValue) -> bool {
    content_type.as_bytes().starts_with(b"application/")
        && content_type.as_bytes().ends_with(b"json")
}

/// Sees a request that changes something through to its end, even when the client hangs up: an edit that is committed
/// must reach the snapshot, and a trigger that was read must raise its alarm.
pub(super) async fn see_through(
    State(tasks): State<Tasks>,
    request: Request,
    next: Next,
) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let (tell, told) = oneshot::channel();
    tasks.start("request", |_| async move {
        // Whoever asked may have gone; the work is done all the same.
        drop(tell.send(next.run(request).await));
    });
    told.await.unwrap_or_else(|_| ApiError::Busy.into_response())
}

/// Ends what takes too long. A file that comes over a slow line takes its own time.
pub(super) async fn limit_time(
    State(longest): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    let answer = lianfang_http::within(longest, request, |request| next.run(request)).await;
    answer.unwrap_or_else(|| ApiError::TimedOut.into_response())
}

/// Refuses what is more than the bound at once; nothing queues here.
pub(super) async fn limit_number(
    State(slots): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    match slots.try_acquire() {
        Ok(_slot) => next.run(request).await,
        Err(_) => ApiError::Busy.into_response(),
    }
}

/// Refuses clients that want anything but JSON.
pub(super) async fn want_json(request: Request, next: Next) -> Response {
    if accepts_json(request.headers()) || is_page(request.uri().path()) {
        return next.run(request).await;
    }
    ApiError::NotAcceptable.into_response()
}

/// What a panic in a handler ends as. The panic hook has logged where it was.
pub(super) fn on_panic(_cause: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::Internal("a handler panicked".into()).into_response()
}

/// Whether HTML is written there.
fn is_page(path: &str) -> bool {
    path.ends_with(".html")
}

/// Whether the client takes JSON.
pub(super) fn accepts_json(headers: &HeaderMap) -> bool {
    let mut ranges = weighted(headers, &header::ACCEPT).peekable();
    if ranges.peek().is_none() {
        return true;
    }
    let wanted = ["*/*", "application/*", "application/json", "application/problem+json"];
    ranges.any(|(range, weight)| {
        0.0 < weight && wanted.iter().any(|known| range.eq_ignore_ascii_case(known))
    })
}

/// How much the client wants this very media type; 0 where it does not name it.
pub(super) fn weight_of(headers: &HeaderMap, media_type: &str) -> f32 {
    let ranges = weighted(headers, &header::ACCEPT);
    let named = ranges.filter(|(range, _)| range.eq_ignore_ascii_case(media_type));
    named.map(|(_, weight)| weight).fold(0.0, f32::max)
}

/// The language that the client likes best of those that we have; Chinese where it names none.
pub(super) fn language_of(headers: &HeaderMap) -> Language {
    let mut best = (Language::default(), 0.0);
    for (range, weight) in weighted(headers, &header::ACCEPT_LANGUAGE) {
        let primary = range.split('-').next().unwrap_or_default();
        let known = Language::ALL.into_iter().find(|language| {
            let tag = language.tag().split('-').next().unwrap_or_default();
            tag.eq_ignore_ascii_case(primary)
        });
        if let Some(language) = known
            && best.1 < weight
        {
            best = (language, weight);
        }
    }
    best.0
}

/// The items of a header that lists alternatives, with their weights (RFC 9110 12.4.2).
fn weighted<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = (&'a str, f32)> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let range = parts.next().filter(|range| !range.is_empty())?;
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |weight| {
            weight.parse().ok().filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(0.0)
        });
        Some((range, weight))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_over_the_bound_is_told_to_come_again() {
        use tower::ServiceExt;
        for (slots, status) in [(0, 503), (1, 200)] {
            let slots = Arc::new(Semaphore::new(slots));
            let router = axum::Router::new()
                .route("/", axum::routing::get(|| async { "served" }))
                .layer(axum::middleware::from_fn_with_state(slots, limit_number))
                .layer(axum::middleware::from_fn(write_problems));
            let request = Request::builder().uri("/").body(axum::body::Body::empty());
            let response = router.oneshot(request.expect("a request")).await.expect("an answer");
            assert_eq!(response.status(), status);
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), status == 503);
        }
    }

    #[tokio::test]
    async fn what_takes_too_long_is_ended() {
        use tower::ServiceExt;
        let router = axum::Router::new()
            .route("/", axum::routing::get(std::future::pending::<&'static str>))
            .layer(axum::middleware::from_fn_with_state(Duration::from_millis(1), limit_time))
            .layer(axum::middleware::from_fn(write_problems));
        let request = Request::builder().uri("/").body(axum::body::Body::empty());
        let response = router.oneshot(request.expect("a request")).await.expect("an answer");
        assert_eq!(response.status(), 503);
    }

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_language_is_the_one_liked_best() {
        let check = |value, wanted| {
            let found = language_of(&headers(header::ACCEPT_LANGUAGE, value));
            assert_eq!(found, wanted, "{value}");
        };
        check("en-GB", Language::English);
        check("zh-Hans-CN, en;q=0.5", Language::Chinese);
        check("zh;q=0.3, en;q=0.5", Language::English);
        check("fr, en;q=0.1", Language::English);
        check("en;q=0", Language::Chinese);
        check("en;q=nonsense, *", Language::Chinese);
        check("", Language::Chinese);
        assert_eq!(language_of(&HeaderMap::new()), Language::Chinese);
    }

    #[test]
    fn only_those_who_take_json_are_served() {
        let check = |value, wanted| {
            assert_eq!(accepts_json(&headers(header::ACCEPT, value)), wanted, "{value}");
        };
        check("application/json", true);
        check("text/html, */*;q=0.1", true);
        check("Application/*", true);
        check("application/problem+json", true);
        check("", true);
        check("text/html", false);
        check("application/json;q=0", false);
        assert!(accepts_json(&HeaderMap::new()));
    }
}
