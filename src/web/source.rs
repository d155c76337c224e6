//! Where a request comes from, and whether somebody on the way may read along. Says only what the server or a trusted
//! proxy has said; must not read header fields itself.

use super::Web;
use super::problem::ApiError;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use lianfang_http::Client;
use std::convert::Infallible;
use std::net::IpAddr;

/// The address that a request comes from; `None` where no server says so.
pub(super) struct Source(pub(super) Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Client>().map(|client| client.address)))
    }
}

/// A request that may carry passwords: over HTTPS, within this machine, or where it was configured that plain HTTP is well.
/// Where no server says how it came, it may not.
pub(super) struct Guarded;

impl FromRequestParts<Web> for Guarded {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        let is_guarded = parts.extensions.get::<Client>().is_some_and(Client::is_guarded);
        if is_guarded || web.is_insecure { Ok(Self) } else { Err(ApiError::HttpsNeeded) }
    }
}
