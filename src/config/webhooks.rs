//! `[webhooks]`: where messages about what happens may be sent.

use super::reader::Section;
use lianfang_http::Network;
use std::path::PathBuf;

/// `[webhooks]`.
#[derive(Clone, Debug, Default)]
pub struct WebhooksConfig {
    /// `allowed_hosts = ["hooks.example.com", "alarms.example.cn:8443"]`: nobody else is sent anything. Default: nobody.
    pub allowed_hosts: Vec<String>,
    /// `allowed_networks = ["10.20.0.0/16"]`: networks that are not public and that these hosts may be in.
    pub allowed_networks: Vec<Network>,
    /// `ca_file`: certificates of authorities, in PEM, that are trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
}

impl WebhooksConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let allowed_hosts = section.strings("allowed_hosts", &[]);
        for host in &allowed_hosts {
            if Self::is_no_host(host) {
                let hint = format!(
                    "`{host}` is no host, such as hooks.example.com or 10.20.0.7:8443; patterns are not taken"
                );
                section.mistake("allowed_hosts", hint);
            }
        }
        let mut allowed_networks = Vec::new();
        for text in section.strings("allowed_networks", &[]) {
            match text.parse::<Network>() {
                Ok(network) if network.is_everybody() => {
                    section
                        .mistake("allowed_networks", format!("`{text}` is every address there is"));
                }
                Ok(network) => allowed_networks.push(network),
                Err(error) => section.mistake("allowed_networks", format!("`{text}`: {error}")),
            }
        }
        let ca_file = section.optional_string("ca_file").map(PathBuf::from);
        Self { allowed_hosts, allowed_networks, ca_file }
    }

    /// The full check is that of the targets; this one needs nothing but the text.
    fn is_no_host(text: &str) -> bool {
        let url = reqwest::Url::parse(&format!("https://{text}/"));
        let is_plain = url.is_ok_and(|url| {
            url.has_host() && url.path() == "/" && url.query().is_none() && url.fragment().is_none()
        });
        !is_plain || text.contains(['/', '*', '@'])
    }
}
