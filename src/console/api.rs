//! The API as the console calls it: requests in the process, JSON back, problems as values.

use crate::lang::Lang;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Extensions, HeaderValue, Method, Request, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;

/// Largest answer that is read into memory; the API pages its lists far below.
const ANSWER_MAX: usize = 16 * 1024 * 1024;
/// Longest key of what is done once.
const KEY_MAX: usize = 255;
/// Pages of a list that are read to choose from: ten thousand rows.
const PAGES_MAX: usize = 50;

/// The API in the name of one visitor.
#[derive(Clone)]
pub(crate) struct Api {
    router: Router,
    secret: Option<String>,
    lang: Lang,
    extensions: Extensions,
    /// Why something is changed, in the visitor's words.
    reason: Option<String>,
    /// What is done with it is done once, however often it is sent.
    key: Option<String>,
}

/// What the API answered besides JSON that was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It said why not (RFC 9457).
    #[error("the API answers {}: {}", .0.status, .0.title)]
    Problem(Box<Problem>),
    /// It answered something that cannot be read: a fault of ours.
    #[error("the answer of the API cannot be read")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A problem, in the language of the visitor.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Never changes for one kind of problem: `urn:lianfang:problem:…`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// A few words.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What to do about it.
    #[serde(default)]
    pub(crate) detail: String,
    /// Every mistake in what was sent.
    #[serde(default)]
    pub(crate) errors: Vec<Mistake>,
    /// After so many seconds it may be tried again.
    #[serde(default)]
    pub(crate) retry_after: Option<u32>,
}

impl Problem {
    /// Whether it is of this kind, such as `wrong-credentials`.
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind.strip_prefix("urn:lianfang:problem:") == Some(kind)
    }
}

/// A mistake in what was sent.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// JSON pointer to it, such as `/numbers/0/number`.
    pub(crate) pointer: String,
    /// What is wrong, in the language of the visitor.
    pub(crate) detail: String,
}

/// A page of a list.
#[derive(Deserialize)]
struct Listed<T> {
    items: Vec<T>,
    #[serde(default)]
    next: Option<u64>,
}

/// A row with the version that it was read at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Versioned<T> {
    /// The row.
    pub(crate) row: T,
    /// Its `ETag`, which an edit sends back in `If-Match`.
    pub(crate) etag: String,
}

impl Api {
    pub(crate) fn new(
        router: Router,
        secret: Option<String>,
        lang: Lang,
        extensions: Extensions,
    ) -> Self {
        Self { router, secret, lang, extensions, reason: None, key: None }
    }

    /// The same for whoever has another secret.
    pub(crate) fn with_secret(&self, secret: String) -> Self {
        Self { secret: Some(secret), ..self.clone() }
    }

    /// The same, telling why something is changed; it goes into the history of what is changed.
    pub(crate) fn because(&self, reason: &str) -> Self {
        let reason = (!reason.is_empty())
            .then(|| form_urlencoded::byte_serialize(reason.as_bytes()).collect());
        Self { reason, ..self.clone() }
    }

    /// The same; what is posted with this key is done once (`Idempotency-Key`). No key is one that the API could not
    /// read.
    pub(crate) fn once(&self, key: &str) -> Self {
        let is_key = (1..=KEY_MAX).contains(&key.len());
        let is_key = is_key && key.bytes().all(|byte| byte.is_ascii_graphic());
        Self { key: is_key.then(|| key.to_owned()), ..self.clone() }
    }

    /// Reads. The path begins behind `/api/v1`, such as `/alarms?state=open`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.answer(self.request(Method::GET, path), Body::empty()).await?;
        read(&answer.1)
    }

    /// Reads a list page after page; what is beyond [`PAGES_MAX`] pages is left out. The path has a query.
    pub(crate) async fn get_all<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Failure> {
        let mut page: Listed<T> = self.get(path).await?;
        let mut all = page.items;
        for _ in 1..PAGES_MAX {
            let Some(next) = page.next else { break };
            page = self.get(&format!("{path}&after={next}")).await?;
            all.append(&mut page.items);
        }
        Ok(all)
    }

    /// Reads a row and its version.
    pub(crate) async fn get_versioned<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Versioned<T>, Failure> {
        let (etag, bytes) = self.answer(self.request(Method::GET, path), Body::empty()).await?;
        Ok(Versioned { row: read(&bytes)?, etag })
    }

    /// Adds or does something. An answer without a body reads as null.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, Failure> {
        self.send(Method::POST, path, body, None).await
    }

    /// Replaces a row that was read at this version; without a version for what has none.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        etag: Option<&str>,
        body: &Value,
    ) -> Result<T, Failure> {
        self.send(Method::PUT, path, body, etag).await
    }

    /// Removes a row that was read at this version.
    pub(crate) async fn delete(&self, path: &str, etag: Option<&str>) -> Result<(), Failure> {
        let request = with_etag(self.request(Method::DELETE, path), etag);
        self.answer(request, Body::empty()).await.map(drop)
    }

    /// Removes something that the API asks a word more for.
    pub(crate) async fn delete_with(&self, path: &str, body: &Value) -> Result<(), Failure> {
        self.send::<Value>(Method::DELETE, path, body, None).await.map(drop)
    }

    /// The same in another language.
    pub(crate) fn in_language(&self, lang: Lang) -> Self {
        Self { lang, ..self.clone() }
    }

    /// The answer as it is: sounds, files, feeds.
    pub(crate) async fn raw(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Body,
    ) -> Response {
        let request = self.request(method, path).header(header::ACCEPT, accept);
        self.call(request, body).await
    }

    /// The answer to something of another type than JSON, such as CSV or WAV.
    pub(crate) async fn send_as<T: DeserializeOwned>(
        &self,
        (method, path): (Method, &str),
        content_type: &str,
        etag: Option<&str>,
        body: Bytes,
    ) -> Result<T, Failure> {
        let request = self.request(method, path).header(header::CONTENT_TYPE, content_type);
        let (_, bytes) = self.answer(with_etag(request, etag), Body::from(body)).await?;
        read(&bytes)
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        etag: Option<&str>,
    ) -> Result<T, Failure> {
        let request = self.request(method, path);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let body = Body::from(body.to_string());
        let (_, bytes) = self.answer(with_etag(request, etag), body).await?;
        read(&bytes)
    }

    fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        let mut request = request.header(header::ACCEPT_LANGUAGE, self.lang.tag());
        if let Some(reason) = &self.reason {
            request = request.header("x-reason", reason);
        }
        if let Some(key) = &self.key {
            request = request.header("idempotency-key", key);
        }
        match &self.secret {
            Some(secret) => request.header(header::AUTHORIZATION, format!("Bearer {secret}")),
            None => request,
        }
    }

    async fn call(&self, request: axum::http::request::Builder, body: Body) -> Response {
        match request.body(body) {
            Ok(mut request) => {
                request.extensions_mut().extend(self.extensions.clone());
                let Ok(response) = self.router.clone().oneshot(request).await;
                response
            }
            // A path that is no path: nothing is there.
            Err(_) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        }
    }

    /// The ETag and the body of an answer that is no problem.
    async fn answer(
        &self,
        request: axum::http::request::Builder,
        body: Body,
    ) -> Result<(String, Bytes), Failure> {
        let response = self.call(request, body).await;
        let status = response.status();
        let etag = response.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok());
        let etag = etag.unwrap_or_default().to_owned();
        let read = axum::body::to_bytes(response.into_body(), ANSWER_MAX).await;
        let bytes = read.map_err(|error| Failure::Unreadable(error.into()))?;
        if status.is_success() {
            return Ok((etag, bytes));
        }
        let unsaid = || Problem {
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            ..Problem::default()
        };
        let problem = serde_json::from_slice(&bytes).unwrap_or_else(|_| unsaid());
        Err(Failure::Problem(Box::new(problem)))
    }
}

fn with_etag(
    request: axum::http::request::Builder,
    etag: Option<&str>,
) -> axum::http::request::Builder {
    match etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
        Some(etag) => request.header(header::IF_MATCH, etag),
        None => request,
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let bytes = if bytes.is_empty() { b"null".as_slice() } else { bytes };
    serde_json::from_slice(bytes).map_err(|error| Failure::Unreadable(error.into()))
}
