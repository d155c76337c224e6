//! The way in over HTTP: its socket, its certificate, and the eye on both.

use crate::clock::Clock;
use crate::config::HttpConfig;
use crate::tasks::Tasks;
use anyhow::Context;
use axum::Router;
use lianfang_http::{Certificates, Client, Limits, Look, Served};
use metrics::gauge;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;

/// How often the files of the certificate are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Reads the certificate, where one is configured.
pub(super) fn certificates(config: &HttpConfig) -> anyhow::Result<Option<Certificates>> {
    let certificates = config.tls.clone().map(Certificates::read).transpose();
    certificates.context("cannot use the certificate of [http.tls]")
}

/// What the console needs beside the API.
pub(super) fn console(config: &HttpConfig, clock: &Clock) -> lianfang_console::Settings {
    let (clock, is_insecure) = (clock.clone(), config.is_insecure);
    lianfang_console::Settings {
        now: Arc::new(move || clock.now()),
        carry: |from, to| {
            if let Some(client) = from.get::<Client>() {
                to.insert(client.clone());
            }
        },
        is_https: lianfang_http::is_https,
        is_guarded: Arc::new(move |of| {
            is_insecure || of.get::<Client>().is_some_and(Client::is_guarded)
        }),
        host: |of| of.get::<Client>()?.host.as_deref(),
        tiles: config.tiles.clone(),
    }
}

/// Starts to listen.
pub(super) fn start(
    config: &HttpConfig,
    certificates: Option<Certificates>,
    router: Router,
    (clock, tasks): (&Clock, &Tasks),
) -> anyhow::Result<()> {
    let address = config.listen;
    let listener = std::net::TcpListener::bind(address).with_context(|| {
        format!("cannot listen for HTTP on {address}; is another program there?")
    })?;
    listener.set_nonblocking(true).context("cannot use the HTTP socket")?;
    let tls = certificates.as_ref().map(Certificates::server).transpose()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, scheme, "The API is at /api/v1, its description at /api/docs");
    let served = Served {
        // A panic ends a request, never the service.
        router: router.layer(CatchPanicLayer::new()),
        tls,
        proxies: config.proxies.clone(),
        limits: Limits::default(),
    };
    let of_connections = tasks.clone();
    tasks.start("http", move |stop| async move {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "Cannot use the HTTP socket"),
        };
        let start = move |task| of_connections.start("connection", |_| task);
        lianfang_http::serve(listener, served, stop, start).await;
    });
    if let Some(certificates) = certificates {
        watch(certificates, clock.clone(), tasks);
    }
    Ok(())
}

/// Takes a renewed certificate up while the service runs.
fn watch(certificates: Certificates, clock: Clock, tasks: &Tasks) {
    tasks.start("certificates", |stop| async move {
        loop {
            let looking = certificates.clone();
            match tokio::task::spawn_blocking(move || looking.look()).await {
                Ok(Look::Renewed { expires }) => tracing::info!(%expires, "The certificate was renewed"),
                Ok(Look::Kept(error)) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, cause, "The new certificate cannot be used, the old one stays");
                }
                Ok(Look::Same) => {}
                Err(error) => tracing::error!(%error, "Cannot look at the certificate"),
            }
            gauge!("lianfang_tls_expires_seconds").set(certificates.expires().as_second() as f64);
            let is_well = certificates.trouble().is_none() && certificates.untimely(clock.now()).is_none();
            gauge!("lianfang_tls_trouble").set(if is_well { 0.0 } else { 1.0 });
            if stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
                return;
            }
        }
    });
}
