//! An API for tests: it answers with what it was given and remembers what it was asked.

use crate::Settings;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tower::ServiceExt;

/// What was asked: method, path behind `/api/v1` with the query, body.
pub(crate) type Asked = (Method, String, Value);

/// The console over a fake API.
pub(crate) struct Fake {
    answers: Arc<Mutex<BTreeMap<String, (u16, Value)>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    keys: Arc<Mutex<Vec<String>>>,
    console: Router,
}

/// What a page was answered with.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl Fake {
    /// An API where this role is signed in, with the secret `s`.
    pub(crate) fn new(role: &str) -> Self {
        let fake = Self::nobody();
        let account = json!({"name": "wang", "display_name": "王敏", "role": role});
        fake.answers("GET /session", 200, json!({"account": account}));
        fake.answers("GET /state", 200, json!({"open": 1, "unattended": 1}));
        fake
    }

    /// An API that knows nobody.
    pub(crate) fn nobody() -> Self {
        Self::over(true)
    }

    /// An API that knows nobody, over a connection where somebody may read along.
    pub(crate) fn in_the_open() -> Self {
        Self::over(false)
    }

    fn over(is_guarded: bool) -> Self {
        let answers = Arc::<Mutex<BTreeMap<String, (u16, Value)>>>::default();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let keys = Arc::<Mutex<Vec<String>>>::default();
        let api = Router::new().fallback({
            let (answers, asked) = (Arc::clone(&answers), Arc::clone(&asked));
            let keys = Arc::clone(&keys);
            move |request: Request| {
                let key = request.headers().get("idempotency-key");
                keys.lock().unwrap().extend(key.map(|key| key.to_str().unwrap().to_owned()));
                answer(answers, asked, request)
            }
        });
        let settings = Settings {
            now: Arc::new(|| "2026-11-22T03:12:00Z".parse().unwrap()),
            carry: |_, _| {},
            is_https: |_| true,
            is_guarded: Arc::new(move |_| is_guarded),
            host: |_| None,
            tiles: crate::Tiles::new("https://tile.example/{z}/{x}/{y}.png", "© Example").ok(),
        };
        Self { answers, asked, keys, console: crate::router(api, settings) }
    }

    /// Lets the API answer, such as `GET /alarms?state=open`.
    pub(crate) fn answers(&self, what: &str, status: u16, body: Value) {
        self.answers.lock().unwrap().insert(what.to_owned(), (status, body));
    }

    /// What it was asked besides who one is and how it stands.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let mut asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.retain(|(_, path, _)| path != "/session" && path != "/state");
        asked
    }

    /// The keys that what was asked came with: what is done once.
    pub(crate) fn keys(&self) -> Vec<String> {
        std::mem::take(&mut *self.keys.lock().unwrap())
    }

    /// Opens a page as whoever is signed in.
    pub(crate) async fn get(&self, path: &str) -> Page {
        self.send(Method::GET, path, "en", None).await
    }

    /// Opens a page with what the browser keeps of how pages look.
    pub(crate) async fn get_looking(&self, path: &str, look: &str) -> Page {
        let request = Request::builder()
            .uri(path)
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, format!("__Host-lianfang=s; look={look}"))
            .body(Body::empty())
            .unwrap();
        self.page(request).await
    }

    /// Opens a page in Chinese.
    pub(crate) async fn get_chinese(&self, path: &str) -> Page {
        self.send(Method::GET, path, "zh-CN", None).await
    }

    /// Sends a form with what it has to bring along.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = crate::visit::csrf_of("s");
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields).append_pair("csrf", &csrf);
        self.send(Method::POST, path, "en", Some(form.finish())).await
    }

    /// Sends a form as it is.
    pub(crate) async fn post_raw(&self, path: &str, form: &str) -> Page {
        self.send(Method::POST, path, "en", Some(form.to_owned())).await
    }

    /// Sends a form from this page of ours, or of others.
    pub(crate) async fn post_from(&self, path: &str, from: &str) -> Page {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, "lianfang.example")
            .header(header::REFERER, from)
            .header(header::ACCEPT_LANGUAGE, "en")
            .header(header::COOKIE, "__Host-lianfang=s")
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(format!("csrf={}", crate::visit::csrf_of("s"))))
            .unwrap();
        self.page(request).await
    }

    /// Sends a file in a form with what it has to bring along.
    pub(crate) async fn post_file(&self, path: &str, file: &str, csrf: &str) -> Page {
        self.post_part(path, ("file", file), csrf).await
    }

    /// The same with the name of the field.
    pub(crate) async fn post_part(&self, path: &str, file: (&str, &str), csrf: &str) -> Page {
        let part = |name: &str, text: &str| {
            format!("--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
        };
        let body = format!("{}{}--edge--\r\n", part("csrf", csrf), part(file.0, file.1));
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::ACCEPT_LANGUAGE, "en")
            .header(header::COOKIE, "__Host-lianfang=s")
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge")
            .body(Body::from(body))
            .unwrap();
        self.page(request).await
    }

    async fn send(&self, method: Method, path: &str, lang: &str, form: Option<String>) -> Page {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, "text/html")
            .header(header::ACCEPT_LANGUAGE, lang)
            .header(header::COOKIE, "__Host-lianfang=s")
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.map_or_else(Body::empty, Body::from))
            .unwrap();
        self.page(request).await
    }

    async fn page(&self, request: Request) -> Page {
        let response = self.console.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let html = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        let html = String::from_utf8(html).unwrap();
        Page { status: parts.status, headers: parts.headers, html }
    }
}

impl Page {
    /// Where it sends the browser.
    pub(crate) fn location(&self) -> &str {
        assert!(self.status.is_redirection(), "{} {}", self.status, self.html);
        self.headers[header::LOCATION].to_str().unwrap()
    }

    /// A page that shows all of these.
    #[track_caller]
    pub(crate) fn shows(&self, words: &[&str]) {
        for word in words {
            assert!(self.html.contains(word), "no `{word}` in {} {}", self.status, self.html);
        }
    }
}

async fn answer(
    answers: Arc<Mutex<BTreeMap<String, (u16, Value)>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    request: Request,
) -> Response {
    let path = request.uri().path_and_query().unwrap().as_str();
    let path = path.strip_prefix("/api/v1").unwrap().to_owned();
    let method = request.method().clone();
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let key = format!("{method} {path}");
    crate::parity::note(&method, &path, &body);
    asked.lock().unwrap().push((method, path, body));
    let known = answers.lock().unwrap().get(&key).cloned();
    let problem = json!({"type": "urn:lianfang:problem:not-found", "title": "none", "status": 404});
    let (status, body) = known.unwrap_or((404, problem));
    let status = StatusCode::from_u16(status).unwrap();
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::ETAG, "\"1\"")];
    // Text stands for itself, as in sheets; a first line with a link is a header of the answer.
    let Value::String(text) = body else {
        return (status, headers, body.to_string()).into_response();
    };
    match text.strip_prefix("link: ").and_then(|text| text.split_once('\n')) {
        Some((link, text)) => {
            (status, headers, [(header::LINK, link.to_owned())], text.to_owned()).into_response()
        }
        None => (status, headers, text).into_response(),
    }
}
