//! `lianfang health`: asks the service on this machine whether it answers, for containers and monitors that have no HTTP
//! client of their own.

use crate::config::HttpConfig;
use anyhow::Context;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(4);
const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Succeeds when the service of this configuration answers.
///
/// # Errors
/// When it does not.
pub(super) async fn run(http: &HttpConfig) -> anyhow::Result<()> {
    let address = on_this_machine(http.listen);
    let status = tokio::time::timeout(PATIENCE, ask(address)).await;
    let status = status.with_context(|| format!("no answer from {address} within {PATIENCE:?}"))?;
    let status = status.with_context(|| format!("no answer from {address}"))?;
    // The port of HTTPS tells who speaks plain HTTP that it is wrong there: it is the service that says so.
    let wanted = if http.tls.is_some() { "400" } else { "200" };
    anyhow::ensure!(status == wanted, "{address} answers with the status {status}");
    Ok(())
}

/// Where a service that listens everywhere is reached from here.
fn on_this_machine(listen: SocketAddr) -> SocketAddr {
    let own: IpAddr = match listen.ip() {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let address = if listen.ip().is_unspecified() { own } else { listen.ip() };
    SocketAddr::new(address, listen.port())
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(ASK).await?;
    let mut first = [0; 12];
    stream.read_exact(&mut first).await?;
    let text = String::from_utf8_lossy(&first).into_owned();
    Ok(text.split(' ').nth(1).unwrap_or_default().to_owned())
}
