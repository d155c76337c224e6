//! Idempotency keys (draft-ietf-httpapi-idempotency-key-header-07): whoever does not know whether a request was done sends it again.
//!
//! A `POST` with an `Idempotency-Key` is done once: the same caller, key and request get the answer of the first time
//! for a day. Only what was done is kept; a request that was refused has changed nothing and may be sent again, mended.
//! The answers are in memory: they hold names, numbers and secrets that are shown once, of which no copy may lie on a
//! disk or in a backup, and no two databases have to be written as one. The price is that a restart forgets them.
//!
//! Must not be in the way of an alarm: triggers have keys of their own, which the switchboard looks at.

use super::Web;
use super::caller::who_is;
use super::extract::wrong;
use super::problem::{ApiError, Must};
use crate::import::UPLOAD_MAX;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The header.
pub(super) const KEY_HEADER: &str = "idempotency-key";
/// Says of an answer that it is the one of the first time.
const REPLAYED: &str = "idempotent-replayed";
/// Longest key, in characters.
const KEY_MAX: usize = 255;
/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Answers that are kept of one caller: more, and the oldest of them goes, so that nobody loses theirs to another.
const OF_CALLER_MAX: usize = 2_000;
/// Bytes of all answers, with what each takes besides its body: more, and the oldest of all goes.
const BYTES_MAX: usize = 32 << 20;
/// What an answer takes besides its body, in bytes: its key, its headers, its places in the maps.
const OVERHEAD: usize = 1 << 10;
/// Longest body of an answer that is kept, and of a request, in bytes: that of a bulk of changes. A longer answer is given
/// once.
const BODY_MAX: usize = 4 << 20;
/// The one path where a longer request is taken.
const UPLOADS: &str = "/api/v1/imports";

/// Paths below `/api/v1` that know repeats by themselves, or that nobody calls by name.
const OWN_RULES: [&str; 3] = ["/api/v1/triggers", "/api/v1/session", "/api/v1/responder/"];

/// Whether a key on a `POST` there means what is told here.
pub(super) fn covers(path: &str) -> bool {
    let is_own = |own: &str| path == own || (own.ends_with('/') && path.starts_with(own));
    path.starts_with("/api/v1/") && !OWN_RULES.into_iter().any(is_own)
}

/// The key of a request, if it is a good one.
pub(super) fn key_of(headers: &HeaderMap) -> Option<&str> {
    let key = headers.get(KEY_HEADER)?.to_str().ok()?.trim();
    let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    ((1..=KEY_MAX).contains(&key.len()) && is_visible).then_some(key)
}

/// Does a `POST` that has a key once.
pub(super) async fn once(
    State((web, answers)): State<(Web, Answers)>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let is_covered = request.method() == Method::POST && covers(request.uri().path());
    if !is_covered || !request.headers().contains_key(KEY_HEADER) {
        return Ok(next.run(request).await);
    }
    let key = key_of(request.headers()).ok_or_else(|| wrong("Idempotency-Key", Must::Key))?;
    let key: Arc<str> = key.into();
    let (parts, body) = request.into_parts();
    let Some(caller) = who_is(&parts, &web).await? else {
        // Refused by the handler, in its words.
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let longest = if parts.uri.path() == UPLOADS { UPLOAD_MAX } else { BODY_MAX };
    let body = to_bytes(body, longest).await.map_err(|_| ApiError::TooLarge)?;
    let name = (caller.into(), key);
    let running = match answers.begin(name, fingerprint(&parts, &body), web.clock.now()) {
        Begun::New(running) => running,
        Begun::Known(answer) => return Ok(answer.again()),
        Begun::Running => return Err(ApiError::KeyInUse),
        Begun::Other => return Err(ApiError::KeyReused),
    };
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let is_short = response.body().size_hint().upper().is_some_and(|most| most <= BODY_MAX as u64);
    if !response.status().is_success() || !is_short {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, BODY_MAX).await.map_err(|error| ApiError::Internal(error.into()))?;
    let answer = Answer { status: parts.status, headers: parts.headers.clone(), body };
    let response = Response::from_parts(parts, Body::from(answer.body.clone()));
    running.finish(answer, web.clock.now());
    Ok(response)
}

/// What makes two requests the same: the path, what they say of the version they start from, and the body.
fn fingerprint(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    let path = parts.uri.path_and_query().map(|path| path.as_str()).unwrap_or_default();
    let header = |name| parts.headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
    let names = [header::IF_MATCH, header::CONTENT_TYPE];
    for part in [path.as_bytes()].into_iter().chain(names.map(header)) {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.update(body);
    hash.finalize().into()
}

/// Whose key it is, and the key.
type Name = (Arc<str>, Arc<str>);

/// What was answered in the last day. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Answers(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    entries: BTreeMap<Name, Entry>,
    /// Those that are done, in the order in which they were.
    done: VecDeque<(Timestamp, Name)>,
    /// How many of `done` each caller has.
    of_callers: BTreeMap<Arc<str>, usize>,
    bytes: usize,
}

struct Entry {
    request: [u8; 32],
    /// `None` while it runs.
    answer: Option<Answer>,
}

/// An answer to be given again.
#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// How a request with a key begins.
enum Begun {
    New(Running),
    Known(Answer),
    /// The first of them is not answered yet.
    Running,
    /// The key was used for another request.
    Other,
}

impl Answers {
    fn begin(&self, name: Name, request: [u8; 32], now: Timestamp) -> Begun {
        let mut book = self.book();
        book.forget_before(now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN));
        match book.entries.get(&name) {
            Some(entry) if entry.request != request => Begun::Other,
            Some(Entry { answer: Some(answer), .. }) => Begun::Known(answer.clone()),
            Some(Entry { answer: None, .. }) => Begun::Running,
            None => {
                book.entries.insert(name.clone(), Entry { request, answer: None });
                Begun::New(Running { answers: self.clone(), name })
            }
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn keep(&mut self, name: &Name, answer: Answer, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        self.bytes = self.bytes.saturating_add(answer.weight());
        entry.answer = Some(answer);
        self.done.push_back((now, name.clone()));
        let count = self.of_callers.entry(Arc::clone(&name.0)).or_default();
        *count += 1;
        if OF_CALLER_MAX < *count
            && let Some(index) = self.done.iter().position(|(_, (caller, _))| *caller == name.0)
        {
            self.forget(index);
        }
        while BYTES_MAX < self.bytes && !self.done.is_empty() {
            self.forget(0);
        }
    }

    fn forget_before(&mut self, limit: Timestamp) {
        while self.done.front().is_some_and(|(at, _)| *at <= limit) {
            self.forget(0);
        }
    }

    fn forget(&mut self, index: usize) {
        let Some((_, name)) = self.done.remove(index) else { return };
        let entry = self.entries.remove(&name);
        let weight = entry.and_then(|entry| entry.answer).map_or(0, |answer| answer.weight());
        self.bytes = self.bytes.saturating_sub(weight);
        if let Some(count) = self.of_callers.get_mut(&name.0) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_callers.remove(&name.0);
            }
        }
    }
}

impl Answer {
    fn weight(&self) -> usize {
        self.body.len().saturating_add(OVERHEAD)
    }

    fn again(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        response
    }
}

/// A request that is being done. Dropped without an answer, its key is free again.
struct Running {
    answers: Answers,
    name: Name,
}

impl Running {
    fn finish(self, answer: Answer, now: Timestamp) {
        self.answers.book().keep(&self.name, answer, now);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut book = self.answers.book();
        if book.entries.get(&self.name).is_some_and(|entry| entry.answer.is_none()) {
            book.entries.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(caller: &str, key: usize) -> Name {
        (caller.into(), key.to_string().into())
    }

    fn answer(bytes: usize) -> Answer {
        let body = vec![0; bytes].into();
        Answer { status: StatusCode::CREATED, headers: HeaderMap::new(), body }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn did(answers: &Answers, name: Name, bytes: usize, second: i64) {
        let Begun::New(running) = answers.begin(name, [0; 32], at(second)) else { panic!("known") };
        running.finish(answer(bytes), at(second));
    }

    fn knows(answers: &Answers, name: Name, second: i64) -> bool {
        matches!(answers.begin(name, [0; 32], at(second)), Begun::Known(_))
    }

    #[test]
    fn a_key_is_good_for_one_request_while_it_is_known() {
        let answers = Answers::default();
        let begun = answers.begin(name("a", 1), [0; 32], at(0));
        assert!(matches!(answers.begin(name("a", 1), [0; 32], at(0)), Begun::Running));
        assert!(matches!(answers.begin(name("a", 1), [1; 32], at(0)), Begun::Other));
        assert!(matches!(answers.begin(name("b", 1), [1; 32], at(0)), Begun::New(_)));
        let Begun::New(running) = begun else { panic!("known") };
        running.finish(answer(1), at(1));
        assert!(knows(&answers, name("a", 1), 24 * 3600));
        assert!(matches!(answers.begin(name("a", 1), [1; 32], at(9)), Begun::Other));
        assert!(!knows(&answers, name("a", 1), 24 * 3600 + 1), "a day later it is forgotten");
        assert_eq!(answers.book().bytes, 0);
        assert!(answers.book().of_callers.is_empty());
    }

    #[test]
    fn what_was_not_done_may_be_sent_again() {
        let answers = Answers::default();
        drop(answers.begin(name("a", 1), [0; 32], at(0)));
        assert!(matches!(answers.begin(name("a", 1), [1; 32], at(0)), Begun::New(_)));
        assert!(answers.book().entries.is_empty());
    }

    #[test]
    fn whoever_sends_too_much_forgets_their_own() {
        let answers = Answers::default();
        did(&answers, name("b", 0), 1, 0);
        for key in 0..=OF_CALLER_MAX {
            did(&answers, name("a", key), 1, 1);
        }
        assert!(!knows(&answers, name("a", 0), 2));
        assert!(knows(&answers, name("a", 1), 2));
        assert!(knows(&answers, name("b", 0), 2));
        assert_eq!(answers.book().of_callers.values().sum::<usize>(), OF_CALLER_MAX + 1);
    }

    #[test]
    fn all_answers_together_have_a_bound() {
        let answers = Answers::default();
        let bytes = 4 << 20;
        for key in 0..20 {
            did(&answers, name(&key.to_string(), key), bytes, 1);
            assert!(answers.book().bytes <= BYTES_MAX);
        }
        assert!(!knows(&answers, name("0", 0), 2) && knows(&answers, name("19", 19), 2));
        let book = answers.book();
        assert_eq!(book.entries.len(), book.done.len());
    }

    #[test]
    fn triggers_and_sign_ins_have_rules_of_their_own() {
        for (path, wanted) in [
            ("/api/v1/streets", true),
            ("/api/v1/session/totp", true),
            ("/api/v1/triggers", false),
            ("/api/v1/session", false),
            ("/api/v1/responder/abc/answer", false),
            ("/r/abc", false),
        ] {
            assert_eq!(covers(path), wanted, "{path}");
        }
    }
}
