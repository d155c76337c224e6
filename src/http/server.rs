//! Accepts connections, speaks TLS and HTTP/1.1, and hands requests to a router.
//!
//! Accepting waits for nobody: everything that a connection does it does in a task of its own, within bounds of number
//! and time. What is more than the bounds is closed at once; the newest goes, those that are served stay.

use crate::body::Timely;
use crate::client::Proxies;
use crate::patience::Patient;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use metrics::{counter, gauge};
use rustls::ServerConfig;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long accepting pauses when the system has no more sockets.
const NO_SOCKETS_PAUSE: Duration = Duration::from_millis(200);
/// What begins a TLS record of a handshake (RFC 8446 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// How long is waited for somebody who speaks the wrong protocol to read that.
const FAREWELL_MAX: Duration = Duration::from_secs(1);
/// A browser that has been here over HTTPS comes over nothing else for a year, here and below this name: a neighbour below
/// it that speaks plain HTTP could plant cookies here.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");
const WRONG_PROTOCOL: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 34\r\nConnection: close\r\n\r\nThis port speaks HTTPS, not HTTP.\n";

/// What one listener bears.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections_max: usize,
    /// Connections at once from one address that is neither a trusted proxy nor this machine.
    pub connections_per_address_max: u32,
    /// TLS handshakes at once.
    pub handshakes_max: usize,
    /// How long a handshake may take.
    pub handshake: Duration,
    /// How long the head of a request may take, and how long a connection may be idle between two.
    pub head: Duration,
    /// How long the body of a request may take, and a second more for every 32 KiB of it that came.
    pub body: Duration,
    /// How long the other side may take nothing of an answer.
    pub stalled: Duration,
    /// Bytes of a request's head, its first line with it.
    pub head_bytes_max: usize,
    /// Fields of a request's head.
    pub fields_max: usize,
    /// Bytes of path and query.
    pub target_bytes_max: usize,
}

impl Default for Limits {
    /// For a town: some hundred screens and exchanges, and browsers that open six connections each.
    fn default() -> Self {
        Self {
            connections_max: 2_048,
            connections_per_address_max: 256,
            handshakes_max: 256,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(15),
            body: Duration::from_secs(60),
            stalled: Duration::from_secs(30),
            head_bytes_max: 16 * 1024,
            fields_max: 64,
            target_bytes_max: 4 * 1024,
        }
    }
}

/// What is served, and how.
pub struct Served {
    /// Who answers.
    pub router: Router,
    /// How TLS is spoken; plain HTTP without it.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whom to believe about who asks.
    pub proxies: Proxies,
    /// What is borne.
    pub limits: Limits,
}

/// The work of a connection, which the caller of [`serve`] starts as a task.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Shared {
    served: Served,
    stop: CancellationToken,
    handshakes: Semaphore,
    connections: Arc<Semaphore>,
    of_address: Mutex<BTreeMap<IpAddr, u32>>,
}

/// Serves until `stop`, then lets requests under way end. Each connection is handed to `start`.
pub async fn serve(
    listener: TcpListener,
    served: Served,
    stop: CancellationToken,
    start: impl Fn(Task) + Send,
) {
    let Limits { handshakes_max, connections_max, .. } = served.limits;
    let shared = Arc::new(Shared {
        served,
        stop: stop.clone(),
        handshakes: Semaphore::new(handshakes_max),
        connections: Arc::new(Semaphore::new(connections_max)),
        of_address: Mutex::default(),
    });
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                if let Some(place) = Place::take(&shared, peer.ip()) {
                    start(Box::pin(caught(Box::pin(connection(stream, peer, place)))));
                }
            }
            // Of the connection, which is gone.
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "Cannot accept a connection");
                tokio::time::sleep(NO_SOCKETS_PAUSE).await;
            }
        }
    }
}

fn is_of_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

fn refused(reason: &'static str) {
    counter!("lianfang_http_refused_total", "reason" => reason).increment(1);
}

/// The right to be one of the connections.
struct Place {
    shared: Arc<Shared>,
    /// Counted for this address.
    counted: Option<IpAddr>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn take(shared: &Arc<Shared>, peer: IpAddr) -> Option<Self> {
        let peer = peer.to_canonical();
        let Ok(permit) = Arc::clone(&shared.connections).try_acquire_owned() else {
            refused("connections");
            return None;
        };
        // Many people come through a proxy, and what is on this machine could do worse.
        let is_counted = !peer.is_loopback() && !shared.served.proxies.trusts(peer);
        if is_counted {
            let mut of_address = shared.of_address.lock().unwrap_or_else(PoisonError::into_inner);
            let count = of_address.entry(peer).or_default();
            if shared.served.limits.connections_per_address_max <= *count {
                refused("connections_of_address");
                return None;
            }
            *count += 1;
        }
        gauge!("lianfang_http_connections").increment(1.0);
        let counted = is_counted.then_some(peer);
        Some(Self { shared: Arc::clone(shared), counted, _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        gauge!("lianfang_http_connections").decrement(1.0);
        let Some(address) = self.counted else { return };
        let mut of_address = self.shared.of_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = of_address.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                of_address.remove(&address);
            }
        }
    }
}

/// A panic ends the connection that it is in, never the service: whoever connects must not be able to stop it.
async fn caught(mut task: Task) {
    std::future::poll_fn(|context| {
        let polled = AssertUnwindSafe(|| task.as_mut().poll(context));
        catch_unwind(polled).unwrap_or_else(|_| {
            counter!("lianfang_http_panics_total").increment(1);
            tracing::error!("A connection panicked and was ended");
            Poll::Ready(())
        })
    })
    .await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, place: Place) {
    let shared = Arc::clone(&place.shared);
    // Answers are small and wanted now.
    let _ = stream.set_nodelay(true);
    match &shared.served.tls {
        None => http(stream, peer, false, &shared).await,
        Some(tls) => {
            let handshake = secure(stream, Arc::clone(tls), &shared);
            if let Some(Some(stream)) = shared.stop.run_until_cancelled(handshake).await {
                http(stream, peer, true, &shared).await;
            }
        }
    }
    drop(place);
}

/// The handshake of TLS; `None` when it comes to nothing.
async fn secure(
    stream: TcpStream,
    tls: Arc<ServerConfig>,
    shared: &Shared,
) -> Option<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    let Ok(_permit) = shared.handshakes.try_acquire() else {
        refused("handshakes");
        return None;
    };
    let handshake = async move {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first != [TLS_HANDSHAKE] {
            return turn_away(stream).await;
        }
        TlsAcceptor::from(tls).accept(stream).await
    };
    match tokio::time::timeout(shared.served.limits.handshake, handshake).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            refused("handshake_failed");
            tracing::debug!(%error, "A TLS handshake failed");
            None
        }
        Err(_) => {
            refused("handshake_late");
            None
        }
    }
}

/// Tells somebody who speaks plain HTTP that this is not the place for it. No redirect: what was to be a secret has
/// been said aloud by then.
async fn turn_away<T>(mut stream: TcpStream) -> io::Result<T> {
    let farewell = async {
        stream.write_all(WRONG_PROTOCOL).await?;
        stream.shutdown().await?;
        // What was sent and is not read yet would make a reset of the end, and the other side would read nothing.
        tokio::io::copy(
            &mut tokio::io::AsyncReadExt::take(&mut stream, 64 * 1024),
            &mut tokio::io::sink(),
        )
        .await
    };
    let _ = tokio::time::timeout(FAREWELL_MAX, farewell).await;
    Err(io::Error::other("plain HTTP on the port of HTTPS"))
}

async fn http<S>(stream: S, peer: SocketAddr, is_tls: bool, shared: &Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = shared.served.limits;
    let of_request = Arc::clone(shared);
    let service = tower::service_fn(move |request: axum::http::Request<Incoming>| {
        let request = request.map(|body| Body::new(Timely::new(body, limits.body)));
        answer(request, peer, is_tls, Arc::clone(&of_request))
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(limits.fields_max)
        .max_header_size(limits.head_bytes_max)
        .max_buf_size(limits.head_bytes_max.max(64 * 1024));
    let io = TokioIo::new(Patient::new(stream, limits.stalled));
    let mut serving = pin!(builder.serve_connection(io, TowerToHyperService::new(service)));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shared.stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "A connection ended early");
    }
}

async fn answer(
    mut request: Request,
    peer: SocketAddr,
    is_tls: bool,
    shared: Arc<Shared>,
) -> Result<Response, std::convert::Infallible> {
    let served = &shared.served;
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if served.limits.target_bytes_max < target {
        return Ok(StatusCode::URI_TOO_LONG.into_response());
    }
    let client = served.proxies.client(peer.ip(), is_tls, request.headers());
    let is_https = client.is_https;
    request.extensions_mut().insert(client);
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut response = served.router.clone().oneshot(request).await?;
    let headers = response.headers_mut();
    if is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    // Whoever answers may allow more; what says nothing is taken for what it says it is, and kept nowhere.
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    Ok(response)
}

#[cfg(test)]
mod tests;
