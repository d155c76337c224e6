//! Who visits: the cookie of the session, the language, and the account that the API knows.

use crate::Shared;
use crate::accounts::Reach;
use crate::api::{Api, Failure, Problem};
use crate::frame;
use crate::lang::Lang;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{Extensions, HeaderMap, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cookie::Cookie;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use sha2::Sha256;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use subtle::ConstantTimeEq;

/// The cookie of the session over HTTPS: a browser takes it from nobody but this host, and sends it nowhere else.
const SECURE_COOKIE: &str = "__Host-lianfang";
/// The same over plain HTTP. Over HTTPS it counts for nothing: whoever holds the network could have put it there.
const PLAIN_COOKIE: &str = "lianfang";
/// Names of the cookies of the language and of night mode, over HTTPS and over plain HTTP.
const LANG_COOKIES: [&str; 2] = ["__Host-lang", "lang"];
const LOOK_COOKIES: [&str; 2] = ["__Host-look", "look"];

/// Somebody who may not be signed in.
#[derive(Clone)]
pub(crate) struct Visitor {
    /// The language of the page.
    pub(crate) lang: Lang,
    /// Night mode and large type, as words of a class.
    pub(crate) look: String,
    /// Where they are, with the query.
    pub(crate) path: String,
    /// The API in their name.
    pub(crate) api: Api,
    /// When they came.
    pub(crate) now: Timestamp,
    /// Whether cookies are only sent over HTTPS.
    pub(crate) is_https: bool,
    /// Whether passwords may be asked for.
    pub(crate) is_guarded: bool,
    pub(crate) secret: Option<String>,
    /// The language was chosen here, by an address or before; otherwise that of the account goes before the browser's.
    has_chosen: bool,
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(crate) struct Signed {
    /// The visitor.
    pub(crate) visitor: Visitor,
    /// Who they are.
    pub(crate) me: Arc<Me>,
    /// What a form of theirs has to bring along.
    pub(crate) csrf: String,
}

/// An account, as the API tells it of a session.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) struct Me {
    /// The name to sign in with.
    pub(crate) name: String,
    /// The name of the person.
    #[serde(default)]
    pub(crate) display_name: String,
    /// `admin`, `operator`, `auditor` or `responder`.
    pub(crate) role: String,
    /// The language that the account prefers.
    #[serde(default)]
    pub(crate) language: Option<String>,
    /// What the account reaches.
    #[serde(default)]
    pub(crate) reach: Reach,
    /// They have a second factor.
    #[serde(default)]
    pub(crate) has_second_factor: bool,
    /// Recovery codes that are left.
    #[serde(default)]
    pub(crate) recovery_codes: u32,
    /// The password has to be changed before anything else.
    #[serde(default)]
    pub(crate) must_change: bool,
    /// The worker that they are, if any.
    #[serde(default)]
    pub(crate) worker_id: Option<u64>,
    /// The time zone of what the account reaches.
    #[serde(skip)]
    pub(crate) time_zone: Option<String>,
}

/// Where the first communities are; people elsewhere have a zone of their own.
const USUAL_ZONE: &str = "Asia/Shanghai";

/// The time zone of this name; without a known one, that of the first communities.
pub(crate) fn zone_of(name: Option<&str>) -> TimeZone {
    let known = name.and_then(|name| TimeZone::get(name).ok());
    let known = known.or_else(|| TimeZone::get(USUAL_ZONE).ok());
    known.unwrap_or_else(|| TimeZone::fixed(jiff::tz::offset(8)))
}

impl Me {
    /// The time zone that times are shown in.
    pub(crate) fn zone(&self) -> TimeZone {
        zone_of(self.time_zone.as_deref())
    }

    /// Whether everything may be done.
    pub(crate) fn is_admin(&self) -> bool {
        self.role == "admin"
    }

    /// Whether nothing is out of reach.
    pub(crate) fn reaches_everything(&self) -> bool {
        self.reach.kind == "everything"
    }

    /// Whether something may be done to alarms.
    pub(crate) fn may_act(&self) -> bool {
        matches!(self.role.as_str(), "admin" | "operator")
    }
}

impl Signed {
    /// The API in their name.
    pub(crate) fn api(&self) -> &Api {
        &self.visitor.api
    }

    /// Refuses who is no admin a page that only admins send anything from.
    pub(crate) fn must_be_admin(&self) -> Result<(), Failure> {
        if self.me.is_admin() {
            return Ok(());
        }
        let problem = Problem { status: 403, ..Problem::default() };
        Err(Failure::Problem(Box::new(problem)))
    }

    /// The language of the page.
    pub(crate) fn lang(&self) -> Lang {
        self.visitor.lang
    }

    /// The name of what one form does, new each time that a form is drawn: sent twice, it is done once.
    pub(crate) fn new_key(&self) -> String {
        /// No two forms have the same, also where they are drawn within one tick of the clock.
        static DRAWN: AtomicU64 = AtomicU64::new(0);
        let drawn = DRAWN.fetch_add(1, Ordering::Relaxed);
        format!("form-{:x}-{drawn:x}", self.visitor.now.as_nanosecond())
    }
}

impl FromRequestParts<Shared> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Shared,
    ) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        let asked = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "lang");
        let chosen = cookie_of(&parts.headers, &LANG_COOKIES);
        let lang = asked.as_ref().and_then(|(_, tag)| Lang::of_tag(tag));
        let lang = lang.or_else(|| Lang::of_tag(&chosen?));
        let has_chosen = lang.is_some();
        let lang = lang.or_else(|| Lang::wanted(&parts.headers)).unwrap_or_default();
        let is_https = (shared.settings.is_https)(&parts.extensions);
        let secret = cookie_of(&parts.headers, &[session_cookie(is_https)]);
        let mut carried = Extensions::new();
        (shared.settings.carry)(&parts.extensions, &mut carried);
        let api = Api::new(shared.api.clone(), secret.clone(), lang, carried);
        let look = cookie_of(&parts.headers, &LOOK_COOKIES).unwrap_or_default();
        let look = look.split(' ').filter(|word| matches!(*word, "night" | "day" | "large"));
        Ok(Self {
            lang,
            look: look.collect::<Vec<_>>().join(" "),
            path: parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            api,
            now: (shared.settings.now)(),
            is_https,
            is_guarded: (shared.settings.is_guarded)(&parts.extensions),
            secret,
            has_chosen,
        })
    }
}

impl FromRequestParts<Shared> for Signed {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        let Ok(mut visitor) = Visitor::from_request_parts(parts, shared).await;
        if !visitor.is_guarded {
            return Err(frame::unguarded(&visitor));
        }
        let Some(secret) = &visitor.secret else { return Err(to_login(&visitor, parts, shared)) };
        let csrf = csrf_of(secret);
        let Session { account: mut me, needs_second_factor, time_zone } =
            match visitor.api.get::<Session>("/session").await {
                Ok(session) => session,
                Err(Failure::Problem(problem)) if problem.status == 401 => {
                    return Err(to_login(&visitor, parts, shared));
                }
                Err(failure) => return Err(frame::failed(&visitor, &failure)),
            };
        me.time_zone = time_zone;
        if let Some(tag) = me.language.as_deref().filter(|_| !visitor.has_chosen) {
            // Whoever is spoken to in a dialect reads Chinese.
            visitor.lang = Lang::of_tag(tag).unwrap_or_default();
            visitor.api = visitor.api.in_language(visitor.lang);
        }
        if me.must_change && !parts.uri.path().starts_with("/password") {
            return Err(Redirect::to("/password").into_response());
        }
        let is_on_the_way = ["/second-factor", "/password", "/logout"].contains(&parts.uri.path());
        if needs_second_factor && !is_on_the_way {
            return Err(Redirect::to("/second-factor").into_response());
        }
        Ok(Self { visitor, me: Arc::new(me), csrf })
    }
}

#[derive(Deserialize)]
struct Session {
    account: Me,
    /// Nothing else can be done before one is set up.
    #[serde(default)]
    needs_second_factor: bool,
    /// The time zone of what the account reaches.
    #[serde(default)]
    time_zone: Option<String>,
}

/// To the page to sign in on, and from there back. A form that was sent without a session is lost: they come back to the
/// page that it was on, and are told.
fn to_login(visitor: &Visitor, parts: &Parts, shared: &Shared) -> Response {
    if parts.method.is_safe() {
        let next: String = form_urlencoded::byte_serialize(visitor.path.as_bytes()).collect();
        return Redirect::to(&format!("/login?next={next}")).into_response();
    }
    let host = (shared.settings.host)(&parts.extensions);
    let from = page_before(parts, host).unwrap_or_else(|| "/".to_owned());
    let next: String = form_urlencoded::byte_serialize(from.as_bytes()).collect();
    Redirect::to(&format!("/login?next={next}&unsaved=1")).into_response()
}

/// The page of ours that a request comes from, as the browser tells it.
fn page_before(parts: &Parts, host: Option<&str>) -> Option<String> {
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let from: Uri = text(header::REFERER)?.parse().ok()?;
    let named = parts.uri.authority().map(Authority::as_str);
    let asked = host.or_else(|| text(header::HOST)).or(named)?;
    let is_ours = from.authority()?.as_str().eq_ignore_ascii_case(asked);
    is_ours.then(|| next_of(from.path_and_query().map_or("/", |path| path.as_str())).to_owned())
}

/// The name of the cookie of the session.
pub(crate) fn session_cookie(is_https: bool) -> &'static str {
    if is_https { SECURE_COOKIE } else { PLAIN_COOKIE }
}

/// The name of the cookie of the language or of night mode.
pub(crate) fn lasting_cookie(is_look: bool, is_https: bool) -> &'static str {
    let [secure, plain] = if is_look { LOOK_COOKIES } else { LANG_COOKIES };
    if is_https { secure } else { plain }
}

/// The value of the first of these cookies that is there.
pub(crate) fn cookie_of(headers: &HeaderMap, names: &[&str]) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let cookies = lines.flat_map(Cookie::split_parse_encoded).filter_map(Result::ok);
    let ours: Vec<_> = cookies.filter(|cookie| names.contains(&cookie.name())).collect();
    let first = names.iter().find_map(|name| ours.iter().find(|cookie| cookie.name() == *name))?;
    Some(first.value().to_owned())
}

/// What a form of the session has to bring along.
pub(crate) fn csrf_of(secret: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(b"csrf");
    BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// Whether a form of the session brought it along.
pub(crate) fn is_csrf(secret: &str, sent: &str) -> bool {
    let wanted = csrf_of(secret);
    !wanted.is_empty() && bool::from(wanted.as_bytes().ct_eq(sent.as_bytes()))
}

/// A path of ours to go on to; the wall when it is none. Never another site.
pub(crate) fn next_of(next: &str) -> &str {
    let is_ours =
        next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if is_ours { next } else { "/" }
}
