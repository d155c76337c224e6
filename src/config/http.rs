//! `[http]`: the admin API.

use super::reader::Section;
use std::net::{Ipv4Addr, SocketAddr};

/// `[http]`.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// `listen = "127.0.0.1:8080"`
    pub listen: SocketAddr,
    /// `public_base_url = "https://alarm.example"`: how providers reach us; signatures of webhooks are checked against it.
    pub public_base_url: Option<String>,
}

impl HttpConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let listen = section.address("listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)));
        let public_base_url = section.optional_string("public_base_url");
        if public_base_url.as_deref().is_some_and(|url| !is_base_url(url)) {
            section.mistake("public_base_url", "need http:// or https:// and a host, without a path, such as \"https://alarm.example\"");
        }
        Self { listen, public_base_url }
    }
}

pub(super) fn is_base_url(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
    })
}
