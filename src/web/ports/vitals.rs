//! How the service fares, in figures that it counts anyway.

use jiff::Timestamp;
use lianfang_domain::leg::Channel;
use serde::Serialize;
use utoipa::ToSchema;

/// How the service fares.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Vitals {
    /// When the process started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// For how many seconds it runs.
    pub uptime_s: i64,
    /// Alarms that are open; null when the switchboard does not answer.
    pub alarms_open: Option<usize>,
    /// Legs that wait for a slot on a route.
    pub legs_waiting: Option<usize>,
    /// The ways out: lines that are registered here, trunks, SMS providers.
    pub routes: Vec<RouteVitals>,
    /// Failures of routes are counted over so many minutes: fewer while the service has run for less.
    pub over_minutes: u32,
    /// The databases.
    pub databases: Vec<DatabaseVitals>,
    /// What becomes of events before the database has them.
    pub log: LogVitals,
    /// The clock.
    pub clock: ClockVitals,
    /// The disks that we write to.
    pub disks: Vec<DiskVitals>,
    /// What runs here.
    pub versions: Versions,
}

/// How a way out fares.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RouteVitals {
    /// Its name in the configuration.
    pub name: String,
    /// `voice` or `sms`.
    #[schema(value_type = String)]
    pub channel: Channel,
    /// New legs go over it.
    pub is_up: bool,
    /// Calls, or messages not yet taken, that are under way.
    pub under_way: u32,
    /// How many may be.
    pub channels: u32,
    /// Legs that left in the last second.
    pub left_lately: u32,
    /// How many may leave in any second.
    pub per_second: u32,
    /// Legs that left in the last minutes.
    pub legs: u64,
    /// Legs that it failed in the last minutes; who does not answer is no failure of it.
    pub failures: u64,
}

/// How many lines there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct LineVitals {
    /// Registered now.
    pub registered: usize,
    /// With a secret to register with, and not registered.
    pub down: usize,
}

/// How a database fares.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DatabaseVitals {
    /// Its file.
    pub file: String,
    /// Its size in bytes; null when it cannot be read.
    pub bytes: Option<u64>,
    /// The size of its write-ahead log in bytes.
    pub wal_bytes: Option<u64>,
}

/// How events are kept, counted since the start.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct LogVitals {
    /// How long the last commit took, in microseconds; null before the first.
    pub last_commit_us: Option<u64>,
    /// Events wait in the journal for the database.
    pub is_behind: bool,
    /// Events that the database took at once.
    pub committed: u64,
    /// Events that went to the journal first.
    pub journalled: u64,
    /// Events that neither took at first; must stay 0.
    pub uncommitted: u64,
    /// Events that are lost; must stay 0.
    pub dropped: u64,
}

/// How the clock fares.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClockVitals {
    /// The clock of the machine minus ours, in milliseconds: ours never goes back.
    pub offset_ms: i64,
    /// How often somebody set the clock of the machine forward since the start.
    pub steps: u64,
    /// By how many milliseconds the last time.
    pub last_step_ms: Option<i64>,
}

/// A disk that we write to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DiskVitals {
    /// The folder.
    pub folder: String,
    /// Bytes that are free for us; null when that cannot be told.
    pub free_bytes: Option<u64>,
    /// Bytes in all.
    pub bytes: Option<u64>,
}

/// What runs here.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Versions {
    /// Of Lianfang.
    pub lianfang: String,
    /// Of SQLite; null when the database does not answer.
    pub sqlite: Option<String>,
    /// Of the time zones; null where they are unknown.
    pub time_zones: Option<String>,
}

/// A section of the configuration in force.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SectionView {
    /// Its name, such as `sip` or `trunk carrier`; empty for what stands above all sections.
    pub name: String,
    /// Its keys.
    pub values: Vec<SettingView>,
}

/// A key of the configuration in force.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SettingView {
    /// The key.
    pub key: String,
    /// Its value; `***` for a secret.
    pub value: String,
}
