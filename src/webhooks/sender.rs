//! Sends one message once: over HTTPS, to an address that was looked at right before, within a deadline.
//!
//! The name is resolved once, what is not allowed is left out, and the connection goes to what is left: nobody resolves it
//! again in between. Redirects are answers like any other, and of an answer nothing is read but its status. A proxy of the
//! environment is not used, for it would resolve names by itself.

use super::Targets;
use crate::store::webhooks::deliveries::{Tried, TryError};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, ClientBuilder, Url};
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// From the first look at the name to the status.
const TRY_MAX: Duration = Duration::from_secs(10);
/// Of it, until there is a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
const AGENT: &str = concat!("lianfang/", env!("CARGO_PKG_VERSION"));

type Found = Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;

/// Where names are looked up.
#[derive(Clone)]
pub struct Lookup(Arc<dyn Fn(String) -> Found + Send + Sync>);

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookup")
    }
}

impl Lookup {
    /// By a function, for tests.
    #[must_use]
    pub fn new(look: impl Fn(String) -> Found + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }

    /// As the machine does.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|name| {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
        })
    }
}

/// Why nothing can be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// The certificates of authorities cannot be read.
    #[error("cannot read the certificates of `webhooks.ca_file`")]
    Authorities(#[source] reqwest::Error),
    /// The client cannot be built.
    #[error("cannot set up the HTTP client of webhooks")]
    Setup(#[source] reqwest::Error),
}

/// A name stands for no address that is allowed.
#[derive(Debug, thiserror::Error)]
#[error("the name stands for no address that is allowed")]
struct NotAllowed;

/// Sends messages. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    http: Client,
    targets: Arc<Targets>,
}

impl Sender {
    pub(super) fn new(targets: Arc<Targets>, lookup: Lookup) -> Result<Self, SenderError> {
        // A second provider of cryptography would be a mistake of ours; that the first is in place is all that matters.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authorities = Certificate::from_pem_bundle(targets.authorities());
        let authorities = authorities.map_err(SenderError::Authorities)?;
        let guarded = Guarded { targets: Arc::clone(&targets), lookup };
        let builder = |guarded| -> ClientBuilder {
            Client::builder()
                .user_agent(AGENT)
                .https_only(true)
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(TRY_MAX)
                .connect_timeout(CONNECT_MAX)
                // Each try resolves anew, and nobody keeps a connection to us open.
                .pool_max_idle_per_host(0)
                .dns_resolver(Arc::new(guarded))
        };
        let merged = builder(guarded.clone()).tls_certs_merge(authorities.clone()).build();
        let http = merged.or_else(|error| {
            tracing::warn!(%error, "No certificate of this system can be used: webhooks go to hosts of `webhooks.ca_file` alone");
            builder(guarded).tls_certs_only(authorities).build().map_err(SenderError::Setup)
        })?;
        Ok(Self { http, targets })
    }

    /// Sends a message with its headers, once.
    pub(super) async fn send(
        &self,
        url: &str,
        headers: [(&'static str, String); 3],
        body: String,
    ) -> Tried {
        let failed = |error| Tried { status: None, error: Some(error) };
        // The configuration may have changed since the webhook was made.
        let Ok(url) = self.targets.check(url) else { return failed(TryError::Target) };
        match self.post(url, headers, body).await {
            Ok(status) => {
                let is_taken = (200..300).contains(&status);
                Tried { status: Some(status), error: (!is_taken).then_some(TryError::Status) }
            }
            Err(error) => failed(kind_of(&error)),
        }
    }

    async fn post(
        &self,
        url: Url,
        headers: [(&'static str, String); 3],
        body: String,
    ) -> Result<u16, reqwest::Error> {
        let request = self.http.post(url).header("content-type", "application/json").body(body);
        let request =
            headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        // The answer is dropped with what it may still want to say.
        Ok(request.send().await?.status().as_u16())
    }
}

fn kind_of(error: &reqwest::Error) -> TryError {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(known) = cause {
        if known.is::<NotAllowed>() {
            return TryError::Target;
        }
        cause = known.source();
    }
    match () {
        () if error.is_timeout() => TryError::Timeout,
        () if error.is_connect() => TryError::Connect,
        () => TryError::Request,
    }
}

/// Looks names up and leaves out what is not allowed.
#[derive(Clone)]
struct Guarded {
    targets: Arc<Targets>,
    lookup: Lookup,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (targets, found) =
            (Arc::clone(&self.targets), (self.lookup.0)(name.as_str().to_owned()));
        Box::pin(async move {
            let mut allowed = found.await?;
            allowed.retain(|address| targets.allows(address.ip()));
            if allowed.is_empty() {
                return Err(NotAllowed.into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}
