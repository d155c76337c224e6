//! Who calls: bearer tokens (RFC 6750). A handler says by its first argument what the caller must be good for.

use super::Web;
use super::problem::ApiError;
use crate::clock::Seldom;
use crate::store::StoreError;
use crate::store::tokens::{self, Scope, Token};
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::error::Elapsed;

/// How long a trigger waits for its token to be looked up, which takes far less than a millisecond.
const LOOKUP_MAX: Duration = Duration::from_millis(50);
/// Most tokens that are remembered: a town has a handful of PBXs.
const REMEMBERED_MAX: usize = 256;

/// What a handler needs.
pub(super) trait Needs: Send + Sync {
    const SCOPE: Scope;
}

macro_rules! needs {
    ($($name:ident),*) => {$(
        pub(super) struct $name;
        impl Needs for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )*};
}
needs!(Admin, Operator, Auditor, Trigger, Metrics);

/// A caller whose token is good for `N`.
pub(super) struct Caller<N>(pub(super) Token, PhantomData<N>);

impl<N> Caller<N> {
    /// Who it is in the audit trail.
    pub(super) fn who(&self) -> String {
        format!("token:{}", self.0.name)
    }
}

impl<N: Needs> FromRequestParts<Web> for Caller<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        let secret = secret(parts).ok_or(ApiError::NoToken)?;
        let asked = tokens::verify(web.store.directory(), secret, web.clock.now());
        let token = match (N::SCOPE, parts.extensions.get::<Remembered>()) {
            (Scope::Trigger, Some(remembered)) => {
                let asked = tokio::time::timeout(LOOKUP_MAX, asked).await;
                remembered.settle(secret, asked, web.clock.now())?
            }
            (
                Scope::Trigger | Scope::Admin | Scope::Operator | Scope::Auditor | Scope::Metrics,
                _,
            ) => asked.await?,
        };
        let token = token.ok_or(ApiError::NoToken)?;
        if !covers(token.scope, N::SCOPE) {
            return Err(ApiError::Forbidden { needed: N::SCOPE });
        }
        Ok(Self(token, PhantomData))
    }
}

/// Tokens that were good when the database last answered. A database that is dead or slow must not keep a PBX from
/// raising an alarm; as long as it answers, it alone decides, so that a revoked token is worth nothing at once.
#[derive(Clone, Default)]
pub(super) struct Remembered(Arc<Mutex<BTreeMap<Secret, Token>>>);

/// SHA-256 of a secret.
type Secret = [u8; 32];

impl Remembered {
    /// What the database said, or what it said before if it says nothing now.
    fn settle(
        &self,
        secret: &str,
        asked: Result<Result<Option<Token>, StoreError>, Elapsed>,
        now: Timestamp,
    ) -> Result<Option<Token>, ApiError> {
        let key = Sha256::digest(secret).into();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = match asked {
            Ok(Ok(Some(token))) => {
                if REMEMBERED_MAX <= known.len() && !known.contains_key(&key) {
                    known.pop_first();
                }
                known.insert(key, token.clone());
                return Ok(Some(token));
            }
            Ok(Ok(None)) => {
                known.remove(&key);
                return Ok(None);
            }
            Ok(Err(error)) => error.into(),
            Err(_) => ApiError::Busy,
        };
        let token = known.get(&key).filter(|token| token.expires.is_none_or(|end| now < end));
        let Some(token) = token else { return Err(failure) };
        static TOLD: Seldom = Seldom::new();
        if let Some(times) = TOLD.tell(now) {
            let token = &token.name;
            tracing::warn!(token, times, "The database does not answer, a token is trusted");
        }
        Ok(Some(token.clone()))
    }
}

/// Whether whoever has a token of scope `has` may do what needs `needed`.
fn covers(has: Scope, needed: Scope) -> bool {
    match has {
        Scope::Admin => true,
        Scope::Operator => !matches!(needed, Scope::Admin | Scope::Auditor),
        Scope::Auditor | Scope::Trigger | Scope::Metrics => has == needed,
    }
}

fn secret(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}
