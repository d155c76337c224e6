//! The way in over HTTP: connections that are counted, TLS with certificates that are renewed while it runs, and who is
//! on the other side when a proxy is in between.
//!
//! [`serve`] gives connections to an `axum` router. Each request carries a [`Client`]: the one place that says from which
//! address it came and whether it came over HTTPS. Must not know what is served: neither alarms nor pages, nor who may
//! see them.

mod body;
mod certificates;
mod client;
mod forwarded;
mod networks;
mod patience;
mod server;
mod validity;

pub use body::within;
pub use certificates::{CertificateError, Certificates, Look, PairFiles, SOON};
pub use client::{Client, Proxies, is_https};
pub use forwarded::ForwardedBy;
pub use networks::{Network, NetworkError};
pub use server::{Limits, Served, Task, serve};
