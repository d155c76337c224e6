//! Who calls: a token (RFC 6750) or somebody who signed in. A handler says by its first argument what the caller must be
//! good for.

use super::Web;
use super::problem::ApiError;
use crate::clock::Seldom;
use crate::store::StoreError;
use crate::store::accounts::sessions::{self, SEEN_EVERY, SESSION_PREFIX, Session};
use crate::store::accounts::{Account, Role};
use crate::store::reach::Reach;
use crate::store::tokens::{self, Scope};
use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::header;
use axum::http::request::Parts;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::error::Elapsed;

/// How long a trigger waits for its caller to be looked up, which takes far less than a millisecond.
const LOOKUP_MAX: Duration = Duration::from_millis(50);
/// Most callers that are remembered: a town has a handful of PBXs.
const REMEMBERED_MAX: usize = 256;

/// What a caller must be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// Editing.
    Admin,
    /// Reading the directory, acting on alarms, and what duty workers edit.
    Operator,
    /// Reports, and reading alarms, with numbers masked.
    Reports,
    /// The audit trail and dossiers.
    Auditor,
    /// Raising alarms.
    Trigger,
    /// Reading metrics.
    Metrics,
    /// What concerns the caller alone, besides what operators may do.
    Called,
    /// Being signed in, whatever is still to be done before anything else.
    SignedIn,
}

impl Right {
    /// What a caller has to be, in the words of scopes and roles.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Reports => "operator or auditor",
            Self::Auditor => "auditor",
            Self::Trigger => "trigger",
            Self::Metrics => "metrics",
            Self::Called => "operator or responder",
            Self::SignedIn => "session",
        }
    }
}

/// What a handler needs.
pub(super) trait Needs: Send + Sync {
    const RIGHT: Right;
}

macro_rules! needs {
    ($($name:ident),*) => {$(
        pub(super) struct $name;
        impl Needs for $name {
            const RIGHT: Right = Right::$name;
        }
    )*};
}
needs!(Admin, Operator, Reports, Auditor, Trigger, Metrics, Called, SignedIn);

/// A caller who is good for `N`.
pub(super) struct Caller<N>(Identity, PhantomData<N>);

/// Who somebody is.
#[derive(Clone, Debug)]
enum Identity {
    Token { name: String, scope: Scope, expires: Option<Timestamp> },
    Person(Box<Session>),
}

impl<N> Caller<N> {
    /// Who it is in the audit trail.
    pub(super) fn who(&self) -> String {
        self.0.who()
    }

    /// Who it is in the log of alarms: the name of a token, or `account:` and an id. No token is named so.
    pub(super) fn name(&self) -> String {
        match &self.0 {
            Identity::Token { name, .. } => name.clone(),
            Identity::Person(session) => format!("account:{}", session.account.id),
        }
    }

    /// Whether the caller is good for more than was asked.
    pub(super) fn is_good_for(&self, needed: Right) -> bool {
        self.0.has(needed)
    }

    /// The session, if somebody is signed in.
    pub(super) fn session(&self) -> Option<&Session> {
        match &self.0 {
            Identity::Token { .. } => None,
            Identity::Person(session) => Some(session),
        }
    }

    /// The account, if somebody is signed in.
    pub(super) fn account(&self) -> Option<&Account> {
        self.session().map(|session| &session.account)
    }

    /// Whether it is an admin who reaches everything.
    pub(super) fn keeps_everything(&self) -> bool {
        self.0.has(Right::Admin) && self.reach() == Reach::Everything
    }

    /// What the caller reaches: a token everything.
    pub(super) fn reach(&self) -> Reach {
        self.account().map_or(Reach::Everything, |account| account.reach)
    }
}

impl<N: Needs> FromRequestParts<Web> for Caller<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        let secret = secret(parts).ok_or(ApiError::NoToken)?;
        let asked = identify(web, secret);
        let remembered = parts.extensions.get::<Remembered>();
        let identity = match remembered.filter(|_| N::RIGHT == Right::Trigger) {
            Some(remembered) => {
                let asked = tokio::time::timeout(LOOKUP_MAX, asked).await;
                remembered.settle(secret, asked, web.clock.now())?
            }
            None => asked.await?,
        };
        let identity = identity.ok_or(ApiError::NoToken)?;
        if !identity.has(N::RIGHT) {
            let (who, needed) = (identity.who(), N::RIGHT.words());
            let asked = parts.extensions.get::<OriginalUri>();
            let path = asked.map_or(&parts.uri, |OriginalUri(uri)| uri).path();
            tracing::warn!(who, needed, path, "Somebody asked for what they have no right to");
            return Err(ApiError::Forbidden { needed: N::RIGHT });
        }
        if let Identity::Person(session) = &identity {
            may_go_on(&session.account, N::RIGHT)?;
            note_use(web, session);
        }
        Ok(Self(identity, PhantomData))
    }
}

/// Who sent a request, with what they are and reach: who is somebody else tomorrow is another caller. `None` without a
/// secret that is good.
pub(super) async fn who_is(parts: &Parts, web: &Web) -> Result<Option<String>, ApiError> {
    let Some(secret) = secret(parts) else { return Ok(None) };
    Ok(identify(web, secret).await?.map(|identity| match identity {
        Identity::Token { name, .. } => format!("token:{name}"),
        Identity::Person(session) => {
            let Account { id, role, reach, .. } = session.account;
            format!("account:{id} {role:?} {reach:?}")
        }
    }))
}

async fn identify(web: &Web, secret: &str) -> Result<Option<Identity>, StoreError> {
    let (database, now) = (web.store.directory(), web.clock.now());
    if secret.starts_with(SESSION_PREFIX) {
        let session = sessions::verify(database, secret, now).await?;
        return Ok(session.map(|session| Identity::Person(Box::new(session))));
    }
    let token = tokens::verify(database, secret, now).await?;
    Ok(token.map(|token| Identity::Token {
        name: token.name,
        scope: token.scope,
        expires: token.expires,
    }))
}

/// Who has to change the password or set up a second factor does that first.
fn may_go_on(account: &Account, right: Right) -> Result<(), ApiError> {
    match () {
        () if right == Right::SignedIn => Ok(()),
        () if account.must_change => Err(ApiError::MustChangePassword),
        () if account.needs_second_factor() => Err(ApiError::NeedsSecondFactor),
        () => Ok(()),
    }
}

/// Writes down that a session is used, at most once a minute, and lets nobody wait for it.
fn note_use(web: &Web, session: &Session) {
    let (id, now) = (session.view.id, web.clock.now());
    if now.duration_since(session.view.seen_at) < SEEN_EVERY {
        return;
    }
    let database = web.store.directory().clone();
    web.tasks.start("session", move |_| async move {
        if let Err(error) = sessions::seen(&database, id, now).await {
            tracing::warn!(session.id = id, ?error, "The use of a session is not written down");
        }
    });
}

/// Callers that were good when the database last answered. A database that is dead or slow must not keep a PBX from
/// raising an alarm; as long as it answers, it alone decides, so that a revoked token is worth nothing at once.
#[derive(Clone, Default)]
pub(super) struct Remembered(Arc<Mutex<BTreeMap<Secret, Identity>>>);

/// SHA-256 of a secret.
type Secret = [u8; 32];

impl Remembered {
    /// What the database said, or what it said before if it says nothing now.
    fn settle(
        &self,
        secret: &str,
        asked: Result<Result<Option<Identity>, StoreError>, Elapsed>,
        now: Timestamp,
    ) -> Result<Option<Identity>, ApiError> {
        let key = Sha256::digest(secret).into();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = match asked {
            Ok(Ok(Some(identity))) => {
                if REMEMBERED_MAX <= known.len() && !known.contains_key(&key) {
                    known.pop_first();
                }
                known.insert(key, identity.clone());
                return Ok(Some(identity));
            }
            Ok(Ok(None)) => {
                known.remove(&key);
                return Ok(None);
            }
            Ok(Err(error)) => error.into(),
            Err(_) => ApiError::Busy,
        };
        let identity = known.get(&key).filter(|identity| identity.lasts(now));
        let Some(identity) = identity else { return Err(failure) };
        static TOLD: Seldom = Seldom::new();
        if let Some(times) = TOLD.tell(now) {
            tracing::warn!(times, "The database does not answer, a known caller is trusted");
        }
        Ok(Some(identity.clone()))
    }
}

impl Identity {
    /// Who it is in the audit trail and in the log.
    fn who(&self) -> String {
        match self {
            Self::Token { name, .. } => format!("token:{name}"),
            Self::Person(session) => format!("account:{}", session.account.id),
        }
    }

    fn lasts(&self, now: Timestamp) -> bool {
        match self {
            Self::Token { expires, .. } => expires.is_none_or(|end| now < end),
            Self::Person(session) => now < session.ends(),
        }
    }

    fn has(&self, needed: Right) -> bool {
        match self {
            Self::Token { scope, .. } => token_has(*scope, needed),
            Self::Person(session) => role_has(session.account.role, needed),
        }
    }
}

/// Whether whoever has a token of this scope may do what needs `needed`.
fn token_has(scope: Scope, needed: Right) -> bool {
    match scope {
        Scope::Admin => needed != Right::SignedIn,
        Scope::Operator => role_has(Role::Operator, needed) && needed != Right::SignedIn,
        Scope::Auditor => matches!(needed, Right::Auditor | Right::Reports),
        Scope::Trigger => needed == Right::Trigger,
        Scope::Metrics => needed == Right::Metrics,
    }
}

/// Whether somebody of this role may do what needs `needed`.
fn role_has(role: Role, needed: Right) -> bool {
    match role {
        Role::Admin => true,
        Role::Operator => !matches!(needed, Right::Admin | Right::Auditor),
        Role::Auditor => matches!(needed, Right::Auditor | Right::Reports | Right::SignedIn),
        Role::Responder => matches!(needed, Right::Called | Right::SignedIn),
    }
}

/// The secret that a request was sent with.
pub(super) fn secret(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}
