//! The style sheet, the scripts and the icon, kept by browsers until they change.

use crate::Shared;
use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = include_str!("assets/console.css");
const SCRIPT: &str = include_str!("assets/console.js");
/// For the page alone where buildings are dragged.
const PLAN: &str = include_str!("assets/plan.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Changes with any of them: part of their addresses.
pub(crate) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::new().chain_update(STYLE).chain_update(SCRIPT).chain_update(PLAN);
    let digest = digest.chain_update(ICON);
    BASE64_URL_SAFE_NO_PAD.encode(digest.finalize()).chars().take(10).collect()
});

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route(
            "/assets/console.css",
            get(|headers: HeaderMap| file(headers, STYLE, "text/css; charset=utf-8")),
        )
        .route(
            "/assets/console.js",
            get(|headers: HeaderMap| file(headers, SCRIPT, "text/javascript; charset=utf-8")),
        )
        .route(
            "/assets/plan.js",
            get(|headers: HeaderMap| file(headers, PLAN, "text/javascript; charset=utf-8")),
        )
        .route("/assets/icon.svg", get(|headers: HeaderMap| file(headers, ICON, "image/svg+xml")))
}

async fn file(headers: HeaderMap, text: &'static str, content_type: &'static str) -> Response {
    let etag = format!("\"{}\"", *VERSION);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    headers.extend(HeaderValue::from_str(&etag).map(|etag| (header::ETAG, etag)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_stay_small_and_fetch_nothing() {
        assert!(STYLE.len() < 20 * 1024, "{}", STYLE.len());
        assert!(SCRIPT.len() < 10 * 1024, "{}", SCRIPT.len());
        assert!(PLAN.len() <= 3 * 1024, "{}", PLAN.len());
        for text in [STYLE, SCRIPT, PLAN] {
            assert!(
                !text.contains("http://")
                    && !text.contains("https://")
                    && !text.contains("@import")
            );
        }
        for script in [SCRIPT, PLAN] {
            assert!(!script.contains("Storage"), "nothing is kept with the browser");
        }
        // Where anything is dragged, something else does the same (WCAG 2.5.7), so what it draws is for the eye alone.
        assert!(PLAN.contains("ariaHidden") && !PLAN.contains("fetch("));
    }

    #[test]
    fn the_script_keeps_no_names_from_outside() {
        for way in ["JSON.parse", "Object.assign", "__proto__", "prototype", "eval(", "innerHTML ="]
        {
            assert!(!SCRIPT.contains(way) && !PLAN.contains(way), "{way}");
        }
        // The only table that is written to by name has two names of our own.
        let written: Vec<&str> = SCRIPT
            .match_indices("] = ")
            .map(|(at, _)| {
                let line = SCRIPT[..at].rfind('\n').map_or(0, |start| start + 1);
                SCRIPT[line..at].trim()
            })
            .collect();
        assert_eq!(written, ["down[what"]);
    }
}
