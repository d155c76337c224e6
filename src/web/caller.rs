//! Who calls: bearer tokens (RFC 6750). A handler says by its first argument what the caller must be good for.

use super::Web;
use super::problem::ApiError;
use crate::store::tokens::{self, Scope, Token};
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use std::marker::PhantomData;

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
needs!(Admin, Operator, Trigger, Metrics);

/// A caller whose token is good for `N`.
pub(super) struct Caller<N>(pub(super) Token, PhantomData<N>);

impl<N: Needs> FromRequestParts<Web> for Caller<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        let secret = secret(parts).ok_or(ApiError::NoToken)?;
        let token = tokens::verify(web.store.directory(), secret, web.clock.now()).await?;
        let token = token.ok_or(ApiError::NoToken)?;
        if !covers(token.scope, N::SCOPE) {
            return Err(ApiError::Forbidden { needed: N::SCOPE });
        }
        Ok(Self(token, PhantomData))
    }
}

/// Whether whoever has a token of scope `has` may do what needs `needed`.
fn covers(has: Scope, needed: Scope) -> bool {
    match has {
        Scope::Admin => true,
        Scope::Operator => needed != Scope::Admin,
        Scope::Trigger | Scope::Metrics => has == needed,
    }
}

fn secret(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}
