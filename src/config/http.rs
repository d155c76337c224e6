//! `[http]`: where the API and the console listen, how they speak TLS, and which proxies are believed.

use super::reader::Section;
use jiff::Timestamp;
use lianfang_console::Tiles;
use lianfang_domain::id::CommunityId;
use lianfang_http::{Certificates, ForwardedBy, Network, PairFiles, Proxies};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// `[http]`.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// `listen = "127.0.0.1:8080"`
    pub listen: SocketAddr,
    /// `public_base_url = "https://alarm.example"`: how providers reach us; signatures of webhooks are checked against it.
    pub public_base_url: Option<String>,
    /// `[http.tls]`: the pair that TLS is spoken with; plain HTTP without it.
    pub tls: Option<PairFiles>,
    /// `trusted_proxies`, `forwarded`: whom to believe about who asks.
    pub proxies: Proxies,
    /// `insecure = true`: plain HTTP is spoken on an address that others reach.
    pub is_insecure: bool,
    /// `public_reports = ["1"]`: ids of communities whose figures, without names, everybody may read; nobody's by default.
    pub public_reports: BTreeSet<CommunityId>,
    /// `map_tiles = "https://tile.example/{z}/{x}/{y}.png"`: where the console's map loads tiles from, and
    /// `map_tiles_credit`: who made them. Off by default: then it loads nothing from elsewhere.
    pub tiles: Option<Tiles>,
}

impl HttpConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let listen = section.address("listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)));
        let public_base_url = section.optional_string("public_base_url");
        if public_base_url.as_deref().is_some_and(|url| !is_base_url(url)) {
            section.mistake("public_base_url", "need http:// or https:// and a host, without a path, such as \"https://alarm.example\"");
        }
        let proxies = read_proxies(section);
        let is_insecure = section.flag("insecure", false);
        let tls = section.section("tls", read_tls);
        if tls.is_none() && !listen.ip().is_loopback() && !is_insecure && proxies.trusted.is_empty()
        {
            section.mistake("listen", "plain HTTP would leave this machine: give [http.tls], or listen on 127.0.0.1, or name the proxy in front in `trusted_proxies`, or write `insecure = true` where the network itself is protected");
        }
        let public_reports = communities(section);
        let template = section.optional_string("map_tiles");
        let credit = section.optional_string("map_tiles_credit").unwrap_or_default();
        let tiles = template.as_deref().map(|template| Tiles::new(template, &credit));
        if let Some(Err(error)) = &tiles {
            section.mistake("map_tiles", error.to_string());
        }
        let tiles = tiles.and_then(Result::ok);
        Self { listen, public_base_url, tls, proxies, is_insecure, public_reports, tiles }
    }

    /// What is allowed but probably not meant.
    pub(super) fn warnings(&self, now: Timestamp) -> Vec<String> {
        let mut warnings = Vec::new();
        let certificates = self.tls.clone().and_then(|files| Certificates::read(files).ok());
        if let Some(untimely) = certificates.and_then(|certificates| certificates.untimely(now)) {
            warnings.push(format!("`http.tls.certificate`: {untimely}"));
        }
        if self.proxies.trusted.iter().any(Network::is_everybody) {
            warnings.push(
                "`http.trusted_proxies` has every address: anybody can say who they are".to_owned(),
            );
        }
        if self.is_insecure && self.tls.is_none() && !self.listen.ip().is_loopback() {
            warnings.push(
                "`http.insecure`: tokens and passwords cross the network in clear".to_owned(),
            );
        }
        let is_plain = |url: &str| url.starts_with("http://");
        if self.public_base_url.as_deref().is_some_and(is_plain) {
            warnings.push(
                "`http.public_base_url` begins with http://: links in messages, and what providers send, cross the network in clear"
                    .to_owned(),
            );
        }
        warnings
    }
}

fn read_proxies(section: &mut Section<'_>) -> Proxies {
    let mut trusted = Vec::new();
    for text in section.strings("trusted_proxies", &[]) {
        match text.parse::<Network>() {
            Ok(network) => trusted.push(network),
            Err(error) => section.mistake("trusted_proxies", format!("`{text}`: {error}")),
        }
    }
    let choices = [("x-forwarded", ForwardedBy::Extensions), ("forwarded", ForwardedBy::Standard)];
    let by = section.choice("forwarded", &choices, ForwardedBy::Extensions);
    Proxies { trusted, by }
}

/// The files are read here, so that a mistake in them is told like any other.
fn read_tls(section: &mut Section<'_>) -> Option<PairFiles> {
    let certificate = section.optional_string("certificate").map(PathBuf::from);
    let key = section.optional_string("key").map(PathBuf::from);
    let files = match (certificate, key) {
        (None, None) => return None,
        (Some(certificate), Some(key)) => PairFiles { certificate, key },
        (None, Some(_)) => {
            section.mistake(
                "certificate",
                "is missing: the file of the certificate that belongs to `key`, in PEM",
            );
            return None;
        }
        (Some(_), None) => {
            section.mistake(
                "key",
                "is missing: the file of the private key that belongs to `certificate`, in PEM",
            );
            return None;
        }
    };
    if let Err(error) = Certificates::read(files.clone()) {
        let key = if error.is_of_key(&files) { "key" } else { "certificate" };
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        section.mistake(key, format!("{error}{}", cause.unwrap_or_default()));
    }
    Some(files)
}

fn communities(section: &mut Section<'_>) -> BTreeSet<CommunityId> {
    let written = section.strings("public_reports", &[]);
    let ids = written.iter().map(|id| id.parse().map(CommunityId)).collect::<Result<_, _>>();
    ids.unwrap_or_else(|_| {
        section.mistake("public_reports", "need ids of communities, such as [\"1\", \"2\"]");
        BTreeSet::new()
    })
}

pub(super) fn is_base_url(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
    })
}
