//! What every page passes: where a form comes from, safe headers, bounds.

use crate::{Shared, Tiles};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// Longest time that a page may take, beside what its client takes to send a file; feeds end by themselves.
const PAGE_MAX: Duration = Duration::from_secs(15);
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     media-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const SAFE_HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(self)"),
];

/// What pages may load.
#[derive(Clone)]
pub(crate) struct Policies {
    /// Nothing from elsewhere.
    all: HeaderValue,
    /// Pages of the map: the tiles that are configured, besides.
    map: HeaderValue,
}

impl Policies {
    pub(crate) fn new(tiles: Option<&Tiles>) -> Self {
        let all = HeaderValue::from_static(POLICY);
        let with_tiles = |tiles: &Tiles| {
            let policy =
                POLICY.replace("img-src 'self'", &format!("img-src 'self' {}", tiles.origin()));
            HeaderValue::try_from(policy).ok()
        };
        let map = tiles.and_then(with_tiles).unwrap_or_else(|| all.clone());
        Self { all, map }
    }

    fn of(&self, path: &str) -> &HeaderValue {
        if path.starts_with("/map/") { &self.map } else { &self.all }
    }
}

/// Refuses forms of other sites, and ends what takes too long.
pub(crate) async fn protect(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    let host = (shared.settings.host)(request.extensions());
    if !request.method().is_safe() && !is_own(request.headers(), host) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let answer = lianfang_http::within(PAGE_MAX, request, |request| next.run(request)).await;
    answer.unwrap_or_else(|| StatusCode::SERVICE_UNAVAILABLE.into_response())
}

/// Adds the headers that every answer has. Pages hold personal data and are kept nowhere.
pub(crate) async fn safe_headers(
    State(policies): State<Policies>,
    request: Request,
    next: Next,
) -> Response {
    let policy = policies.of(request.uri().path()).clone();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in SAFE_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What the API writes as a page, such as a dossier, brings a policy of its own.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether a request that changes something comes from a page of ours. Browsers that say neither where it comes from
/// nor by whom are held by what each form has to bring along.
fn is_own(headers: &HeaderMap, asked: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text("origin") else { return true };
    let host = origin.split_once("://").map(|(_, host)| host);
    let asked = asked.or_else(|| text("host"));
    host.zip(asked).is_some_and(|(host, asked)| host.eq_ignore_ascii_case(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_other_sites_are_refused() {
        for (sent, own) in [
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "cross-site")], false),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("origin", "https://a.example"), ("host", "a.example")], true),
            (vec![("origin", "https://b.example"), ("host", "a.example")], false),
            (vec![("origin", "null"), ("host", "a.example")], false),
            (vec![("host", "a.example")], true),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in &sent {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(is_own(&headers, None), own, "{sent:?}");
        }
        let sent = [("origin", "https://a.example"), ("host", "inside:8080")];
        let headers = sent
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let headers = HeaderMap::from_iter(headers);
        assert!(is_own(&headers, Some("A.example")), "the host that a trusted proxy names");
        assert!(!is_own(&headers, Some("b.example")));
    }
}
