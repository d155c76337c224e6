//! The configuration in force, as people may see it: what is listed here and nothing else. Of a secret only whether there
//! is one, and never what stands in an address before the host.

use super::{Config, Secret, SmsRouteConfig, TrunkConfig};
use lianfang_domain::dispatch::CalleeBudget;
use lianfang_http::ForwardedBy;
use std::time::Duration;

/// A section of the configuration, with its values as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownSection {
    /// Its name, such as `sip` or `trunk carrier`; empty for what stands above all sections.
    pub name: String,
    /// Keys and values in force, defaults included.
    pub values: Vec<(&'static str, String)>,
}

impl Config {
    /// What is in force. A new key is shown once it is listed here.
    #[must_use]
    pub fn shown(&self) -> Vec<ShownSection> {
        let mut sections = vec![
            self.top(),
            self.shown_sip(),
            self.shown_rtp(),
            self.shown_http(),
            self.shown_webhooks(),
        ];
        sections.extend(self.trunks.iter().map(shown_trunk));
        sections.extend(self.sms.iter().map(shown_sms));
        sections.extend(self.tariffs.iter().map(|(name, tariff)| {
            section(
                &format!("routes {name}"),
                vec![
                    ("tariff.currency", tariff.currency.to_string()),
                    ("tariff.price", tariff.price.to_string()),
                    ("tariff.price_per", tariff.price_per.to_string()),
                    ("tariff.block_s", tariff.block_s.to_string()),
                ],
            )
        }));
        sections
    }

    fn top(&self) -> ShownSection {
        let path = |path: &std::path::Path| path.display().to_string();
        section(
            "",
            vec![
                ("data_dir", path(&self.data_dir)),
                ("journal_dir", path(&self.journal_dir)),
                ("prompts_dir", self.prompts_dir.as_deref().map(path).unwrap_or_default()),
                ("recordings_dir", path(&self.recordings_dir)),
                ("voice", self.voice.as_deref().map_or_else(|| "none".to_owned(), path)),
                ("node", self.node.to_string()),
                ("plans_kept_days", (self.plans_kept.as_secs() / 86_400).to_string()),
                ("commit_deadline_ms", self.commit_deadline.as_millis().to_string()),
                ("shutdown_grace_s", seconds(self.shutdown_grace)),
            ],
        )
    }

    fn shown_sip(&self) -> ShownSection {
        let sip = &self.sip;
        let listen = sip.listen.iter().map(|at| {
            let transport = format!("{:?}", at.transport).to_lowercase();
            format!("{transport}://{}", at.address)
        });
        // What headers say may be a key to a door.
        let headers = sip.auto_answer.iter().map(|(name, _)| name.clone());
        section(
            "sip",
            vec![
                ("listen", list(listen)),
                ("advertised", sip.advertised.to_string()),
                ("realm", sip.realm.clone()),
                ("dscp", sip.dscp.to_string()),
                ("leg_shards", sip.leg_shards.to_string()),
                ("lines_max", sip.lines_max.to_string()),
                ("resident_call_max_s", seconds(sip.resident_call_max)),
                ("access_call_max_s", seconds(sip.access_call_max)),
                ("ordinary_calls", sip.ordinary_calls.clone().unwrap_or_default()),
                ("call_back_numbers", list(sip.call_back_numbers.iter().cloned())),
                ("recording_numbers", list(sip.recording_numbers.iter().cloned())),
                ("auto_answer", list(headers)),
                ("register_expires_s", seconds(sip.register_expires)),
                ("line_calls_per_second", sip.line_calls_per_second.to_string()),
                ("line_channels", sip.line_channels.to_string()),
            ],
        )
    }

    fn shown_rtp(&self) -> ShownSection {
        let rtp = &self.media;
        section(
            "rtp",
            vec![
                ("port_first", rtp.ports.start().to_string()),
                ("port_last", rtp.ports.end().to_string()),
                ("bind", rtp.bind.to_string()),
                ("advertised", rtp.advertised.to_string()),
                ("dscp", rtp.dscp.to_string()),
                ("silence_timeout_s", seconds(rtp.silence_timeout)),
            ],
        )
    }

    fn shown_http(&self) -> ShownSection {
        let http = &self.http;
        let files = http.tls.as_ref();
        let file = |path: &std::path::Path| path.display().to_string();
        let forwarded = match http.proxies.by {
            ForwardedBy::Extensions => "x-forwarded",
            ForwardedBy::Standard => "forwarded",
        };
        // Of an address with a key in it only the host is told.
        let tiles = http.tiles.as_ref();
        section(
            "http",
            vec![
                ("listen", http.listen.to_string()),
                (
                    "public_base_url",
                    http.public_base_url.as_deref().map(address).unwrap_or_default(),
                ),
                (
                    "tls.certificate",
                    files.map(|files| file(&files.certificate)).unwrap_or_default(),
                ),
                ("tls.key", files.map(|files| file(&files.key)).unwrap_or_default()),
                ("trusted_proxies", list(http.proxies.trusted.iter().map(ToString::to_string))),
                ("forwarded", forwarded.to_owned()),
                ("insecure", http.is_insecure.to_string()),
                ("public_reports", list(http.public_reports.iter().map(ToString::to_string))),
                ("map_tiles", tiles.map(|tiles| address(tiles.origin())).unwrap_or_default()),
                (
                    "map_tiles_credit",
                    tiles.map(|tiles| tiles.credit().to_owned()).unwrap_or_default(),
                ),
            ],
        )
    }

    fn shown_webhooks(&self) -> ShownSection {
        let webhooks = &self.webhooks;
        let ca_file = webhooks.ca_file.as_ref();
        section(
            "webhooks",
            vec![
                ("allowed_hosts", list(webhooks.allowed_hosts.iter().cloned())),
                (
                    "allowed_networks",
                    list(webhooks.allowed_networks.iter().map(ToString::to_string)),
                ),
                ("ca_file", ca_file.map(|file| file.display().to_string()).unwrap_or_default()),
            ],
        )
    }
}

fn shown_trunk(trunk: &TrunkConfig) -> ShownSection {
    let inbound = trunk.inbound.iter().map(|(network, bits)| format!("{network}/{bits}"));
    let credentials = trunk.credentials.as_ref();
    section(
        &format!("trunk {}", trunk.name),
        vec![
            ("address", trunk.address.to_string()),
            ("domain", trunk.domain.clone()),
            ("inbound", list(inbound)),
            ("caller_identity", format!("{:?}", trunk.caller_identity)),
            ("trust_alarm_code", trunk.trust_alarm_code.to_string()),
            ("area_code", trunk.area_code.clone()),
            ("number_format", format!("{:?}", trunk.number_format)),
            ("caller_number", trunk.caller_number.clone()),
            ("display_name", trunk.display_name.clone()),
            ("identity_header", format!("{:?}", trunk.identity_header)),
            ("user_phone", trunk.has_user_phone.to_string()),
            ("priority_header", trunk.has_priority_header.to_string()),
            ("username", credentials.map(|(name, _)| name.clone()).unwrap_or_default()),
            ("password", hidden(credentials.map(|(_, password)| password))),
            ("calls_per_second", trunk.calls_per_second.to_string()),
            ("channels", trunk.channels.to_string()),
            ("callee_budgets", budgets(&trunk.callee_budgets)),
            ("probe_s", seconds(trunk.probe)),
        ],
    )
}

fn shown_sms(sms: &SmsRouteConfig) -> ShownSection {
    section(
        &format!("sms {}", sms.name),
        vec![
            ("base_url", address(&sms.base_url)),
            ("account_sid", sms.account_sid.clone()),
            ("auth_token", hidden(Some(&sms.auth_token))),
            ("auth_token_next", hidden(sms.auth_token_next.as_ref())),
            ("from", sms.from.clone()),
            ("messages_per_second", sms.messages_per_second.to_string()),
            ("in_flight", sms.in_flight.to_string()),
            ("callee_budgets", budgets(&sms.callee_budgets)),
            ("timeout_ms", sms.timeout.as_millis().to_string()),
            ("status_callbacks", sms.wants_status_callbacks.to_string()),
            ("links", sms.has_links.to_string()),
        ],
    )
}

fn section(name: &str, values: Vec<(&'static str, String)>) -> ShownSection {
    ShownSection { name: name.to_owned(), values }
}

/// Whether there is a secret; not even how long it is.
fn hidden(secret: Option<&Secret<String>>) -> String {
    secret.map(|secret| format!("{secret:?}")).unwrap_or_default()
}

/// An address without who signs in there.
fn address(url: &str) -> String {
    let Ok(url) = reqwest::Url::parse(url) else { return String::new() };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

fn budgets(budgets: &[CalleeBudget]) -> String {
    list(budgets.iter().map(|budget| format!("{}/{}", budget.calls, budget.per_s)))
}

fn list(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}

fn seconds(duration: Duration) -> String {
    duration.as_secs().to_string()
}

#[cfg(test)]
mod tests {
    use super::super::reader;
    use super::*;
    use std::collections::BTreeSet;

    const PLANTED: &str = "hunter2";
    /// Every field that holds a secret is planted below: who adds one adds it there, and counts it here.
    const SECRETS: usize = 3;

    #[test]
    fn every_key_is_shown() {
        const WHOLE: &str = r#"
            [http.tls]
            [[trunk]]
            name = "carrier"
            address = "127.0.0.1:5080"
            caller_number = "1"
            [[sms]]
            name = "text"
            account_sid = "A"
            from = "1"
            auth_token = "t"
            [routes.carrier.tariff]
            currency = "CNY"
            price = 12
        "#;
        let mut mistakes = Vec::new();
        reader::asked::keys();
        let config = Config::of_table(WHOLE.parse().expect("TOML"), &mut mistakes);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        let asked = reader::asked::keys();
        let shown: BTreeSet<String> = config
            .shown()
            .iter()
            .flat_map(|ShownSection { name, values }| {
                let (section, named) = name.split_once(' ').unwrap_or((name, ""));
                let path = match section {
                    "" => String::new(),
                    "routes" => format!("routes.{named}."),
                    "trunk" | "sms" => format!("{section}[0]."),
                    section => format!("{section}."),
                };
                values.iter().map(move |(key, _)| format!("{path}{key}"))
            })
            .collect();
        // The names of trunks and providers are those of their sections.
        let is_name = |key: &String| key.ends_with("].name");
        let asked: BTreeSet<String> = asked.into_iter().filter(|key| !is_name(key)).collect();
        let missing: Vec<&String> = asked.difference(&shown).collect();
        let unknown: Vec<&String> = shown.difference(&asked).collect();
        assert_eq!((missing, unknown), (Vec::new(), Vec::new()), "asked for and shown differ");
    }

    #[test]
    fn no_secret_is_shown() {
        let sources = [
            include_str!("../config.rs"),
            include_str!("http.rs"),
            include_str!("media.rs"),
            include_str!("routes.rs"),
            include_str!("sip.rs"),
        ];
        let is_field = |line: &&str| {
            let is_public = line.trim_start().starts_with("pub ") && !line.contains("fn ");
            is_public && line.contains("Secret<") && !line.contains("struct ")
        };
        let fields = sources.iter().flat_map(|source| source.lines()).filter(is_field);
        assert_eq!(fields.count(), SECRETS);
        let trunk = format!(
            r#"[{{ name = "carrier", address = "127.0.0.1:5080", caller_number = "1", username = "u", password = "{PLANTED}" }}]"#
        );
        let sms = format!(
            r#"[{{ name = "sms", account_sid = "A", from = "1", auth_token = "{PLANTED}", auth_token_next = "{PLANTED}", base_url = "https://{PLANTED}:{PLANTED}@sms.example:8443/{PLANTED}?key={PLANTED}" }}]"#
        );
        let environment = [
            ("LIANFANG_TRUNK", trunk),
            ("LIANFANG_SMS", sms),
            ("LIANFANG_SIP__AUTO_ANSWER", format!(r#"["X-Door: {PLANTED}"]"#)),
            ("LIANFANG_HTTP__PUBLIC_BASE_URL", format!("https://{PLANTED}@al.example")),
            (
                "LIANFANG_HTTP__MAP_TILES",
                format!("https://tile.example/{{z}}/{{x}}/{{y}}.png?key={PLANTED}"),
            ),
            ("LIANFANG_HTTP__MAP_TILES_CREDIT", "© us".to_owned()),
            ("LIANFANG_HTTP__PUBLIC_REPORTS", "[\"2\", \"1\"]".to_owned()),
            ("LIANFANG_WEBHOOKS__ALLOWED_HOSTS", "[\"hooks.example\"]".to_owned()),
        ];
        let environment = environment.map(|(name, text)| (name.to_owned(), text));
        let config = Config::load(None, environment).expect("valid");
        let shown = config.shown();
        let text = format!("{shown:?}");
        assert!(!text.contains(PLANTED), "{text}");
        let value = |name: &str, key: &str| {
            let section = shown.iter().find(|section| section.name == name).expect("a section");
            section.values.iter().find(|(known, _)| *known == key).expect("a key").1.clone()
        };
        for (name, key, wanted) in [
            ("trunk carrier", "password", "***"),
            ("trunk carrier", "username", "u"),
            ("sms sms", "auth_token", "***"),
            ("sms sms", "auth_token_next", "***"),
            ("sms sms", "base_url", "https://sms.example:8443"),
            ("http", "public_base_url", "https://al.example"),
            ("http", "map_tiles", "https://tile.example"),
            ("http", "map_tiles_credit", "© us"),
            ("http", "public_reports", "1, 2"),
            ("webhooks", "allowed_hosts", "hooks.example"),
            ("sip", "listen", "udp://127.0.0.1:5060, tcp://127.0.0.1:5060"),
            ("sip", "auto_answer", "X-Door"),
            ("", "shutdown_grace_s", "10"),
        ] {
            assert_eq!(value(name, key), wanted, "{name} {key}");
        }
        let plain = Config::load(None, []).expect("valid").shown();
        assert!(plain.iter().all(|section| !section.name.starts_with("sms")));
    }
}
