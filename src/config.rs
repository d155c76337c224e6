//! The configuration: TOML plus environment, parsed into checked types. All mistakes are reported at once.
//!
//! Without a file everything has a documented default: `lianfang serve` runs. An environment variable
//! `LIANFANG_SIP__REALM` overrides `realm` in `[sip]`; lists are written as TOML (`["a", "b"]`).
//! Each module gets its own section, never the whole.

mod http;
mod media;
mod reader;
mod routes;
mod shown;
mod sip;
mod tariff;
mod webhooks;

pub use http::HttpConfig;
pub use media::MediaConfig;
pub use reader::Mistake;
pub use routes::{CallerIdentity, SmsRouteConfig, TrunkConfig, TrunkIdentityHeader};
pub use shown::ShownSection;
pub use sip::{ListenAddress, SipConfig, Transport};
pub use webhooks::WebhooksConfig;

use jiff::Timestamp;
use lianfang_domain::leg::RouteName;
use lianfang_domain::tariff::Tariff;
use reader::Section;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A value that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Shows the value to the code that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Everything that can be configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the databases, the journal and synthesised names live.
    pub data_dir: PathBuf,
    /// Where the journal of events goes when the database fails; better on another disk. Default: `journal` in `data_dir`.
    pub journal_dir: PathBuf,
    /// Recordings that replace the shipped ones: `<dir>/<language>/<clip>.wav`.
    pub prompts_dir: Option<PathBuf>,
    /// Where recordings that are uploaded or made by telephone are kept. Default: `recordings` in `data_dir`.
    pub recordings_dir: PathBuf,
    /// The program that speaks names when a household is saved; `none` leaves them out.
    pub voice: Option<PathBuf>,
    /// Number of this node in its cluster, 0-255; part of every alarm id.
    pub node: u8,
    /// How long the plans of closed alarms (names, numbers, addresses) are kept; the log of events, ids only, stays.
    pub plans_kept: Duration,
    /// How long the switchboard waits for a commit before it acts all the same.
    pub commit_deadline: Duration,
    /// How long shutdown waits for tasks to end.
    pub shutdown_grace: Duration,
    /// The SIP side.
    pub sip: SipConfig,
    /// RTP.
    pub media: MediaConfig,
    /// The admin API.
    pub http: HttpConfig,
    /// Trunks, in order of preference.
    pub trunks: Vec<TrunkConfig>,
    /// SMS providers, in order of preference.
    pub sms: Vec<SmsRouteConfig>,
    /// Where messages about what happens may be sent.
    pub webhooks: WebhooksConfig,
    /// What routes cost, by name, so far as it is known.
    pub tariffs: BTreeMap<RouteName, Tariff>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML. The line itself is not shown: a secret may stand in it.
    #[error("cannot parse the configuration file `{path}` as TOML: line {line}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Number of the line.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The values are wrong; each with its place and a hint.
    #[error("the configuration has {} mistake(s):{}", .0.len(), list(.0))]
    Mistakes(Vec<Mistake>),
}

fn list(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect()
}

/// The deadline of design: nothing waits longer for the disk.
const COMMIT_DEADLINE_MS: u64 = 100;
/// Half a year: long enough for any complaint, no longer than the purpose asks for.
const PLANS_KEPT_DAYS: u64 = 180;
const DAY_S: u64 = 86_400;
/// Legs under way are safe in the log; longer than this nobody waits for a restart.
const SHUTDOWN_GRACE_S: u64 = 10;

impl Config {
    /// Reads the file, if there is one, and the environment over it.
    ///
    /// # Errors
    /// [`ConfigError`], with every mistake at once.
    pub fn load(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut table = match path {
            Some(path) => read_table(path)?,
            None => toml::Table::new(),
        };
        let mut mistakes = reader::overlay_environment(&mut table, environment);
        let config = Self::of_table(table, &mut mistakes);
        if mistakes.is_empty() { Ok(config) } else { Err(ConfigError::Mistakes(mistakes)) }
    }

    fn of_table(table: toml::Table, mistakes: &mut Vec<Mistake>) -> Self {
        let mut root = Section::root(table, mistakes);
        let data_dir = PathBuf::from(root.string("data_dir", "./data"));
        let journal_dir = root
            .optional_string("journal_dir")
            .map_or_else(|| data_dir.join("journal"), PathBuf::from);
        let prompts_dir = root.optional_string("prompts_dir").map(PathBuf::from);
        let recordings_dir = root.optional_string("recordings_dir").map(PathBuf::from);
        let recordings_dir = recordings_dir.unwrap_or_else(|| data_dir.join("recordings"));
        let voice = Some(root.string("voice", "espeak-ng")).filter(|voice| voice != "none");
        let node = u8::try_from(root.number("node", 0, 0..=255)).unwrap_or_default();
        let plans_kept = Duration::from_secs(
            DAY_S * root.number("plans_kept_days", PLANS_KEPT_DAYS, 1..=36_500),
        );
        let commit_deadline = Duration::from_millis(root.number(
            "commit_deadline_ms",
            COMMIT_DEADLINE_MS,
            10..=5_000,
        ));
        let shutdown_grace =
            Duration::from_secs(root.number("shutdown_grace_s", SHUTDOWN_GRACE_S, 1..=300));
        let sip = root.section("sip", SipConfig::read);
        let media = root.section("rtp", |section| MediaConfig::read(section, &sip));
        let http = root.section("http", HttpConfig::read);
        let trunks = root.sections("trunk", TrunkConfig::read);
        let sms = root.sections("sms", |section| SmsRouteConfig::read(section, &http));
        let webhooks = root.section("webhooks", WebhooksConfig::read);
        routes::check_names(&mut root, &trunks, &sms);
        routes::check_ways_out(&mut root, &sip, &trunks);
        let tariffs = tariff::read(&mut root, &trunks, &sms);
        root.finish();
        Self {
            data_dir,
            journal_dir,
            prompts_dir,
            recordings_dir,
            voice: voice.map(PathBuf::from),
            node,
            plans_kept,
            commit_deadline,
            shutdown_grace,
            sip,
            media,
            http,
            trunks,
            sms,
            webhooks,
            tariffs,
        }
    }

    /// The numbers by which callees call back: those that are configured, or else those that the trunks show.
    #[must_use]
    pub fn call_back_numbers(&self) -> Vec<String> {
        if self.sip.call_back_numbers.is_empty() {
            let shown = self.trunks.iter().map(|trunk| trunk.caller_number.clone());
            shown.filter(|number| !number.is_empty()).collect()
        } else {
            self.sip.call_back_numbers.clone()
        }
    }

    /// What is allowed but probably not meant; `check-config` prints it.
    #[must_use]
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let mut warnings = self.http.warnings(now);
        if self.trunks.is_empty() {
            warnings.push(
                "no [[trunk]]: only phones registered here can be rung; add a trunk to reach mobiles"
                    .to_owned(),
            );
        }
        if self.sms.is_empty() {
            warnings.push("no [[sms]]: nobody gets a text message; add a provider".to_owned());
        }
        let call_backs = self.call_back_numbers();
        if self.sip.recording_numbers.iter().any(|number| call_backs.contains(number)) {
            warnings.push(
                "`sip.recording_numbers` holds the `caller_number` of a trunk: who calls it is told of an alarm and cannot record"
                    .to_owned(),
            );
        }
        if self.sip.ordinary_calls.is_none() {
            warnings.push(
                "`sip.ordinary_calls` is not set: any other number that a registered line dials, 110 too, gets 404"
                    .to_owned(),
            );
        }
        warnings
    }
}

/// Name of the route to phones that are registered here.
#[must_use]
pub fn sip_lines_route() -> &'static str {
    "lines"
}

fn read_table(path: &Path) -> Result<toml::Table, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        ConfigError::Parse { path: path.to_owned(), line, message: error.message().to_owned() }
    })
}

#[cfg(test)]
mod tests;
