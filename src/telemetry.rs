//! Logs and metrics: the subscriber, the recorder, and the names of the promise's histograms.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::io::IsTerminal;
use std::sync::OnceLock;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// Key heard → committed, in seconds.
pub const HEARD_TO_COMMITTED: &str = "lianfang_heard_to_committed_seconds";
/// Key heard → the last leg of the first wave handed to the wire, in seconds.
pub const HEARD_TO_LAST_LEG: &str = "lianfang_heard_to_last_leg_seconds";
/// Key heard → the first phone rings, in seconds.
pub const HEARD_TO_RINGING: &str = "lianfang_heard_to_ringing_seconds";
/// Key heard → somebody says that they are coming, in seconds.
pub const HEARD_TO_ACKNOWLEDGED: &str = "lianfang_heard_to_acknowledged_seconds";
/// Key heard → somebody is at the door, in seconds.
pub const HEARD_TO_ARRIVED: &str = "lianfang_heard_to_arrived_seconds";

/// Buckets around the promise: 50 ms on a quiet node, 250 ms in a storm.
const FAST_BUCKETS_S: &[f64] =
    &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Buckets of what people do.
const HUMAN_BUCKETS_S: &[f64] =
    &[5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 1800.0];

/// Lines of the log that may wait to be written. More are lost and counted: whoever reads the log slowly, or a disk that is
/// full, holds up no alarm.
const LINES_WAITING_MAX: usize = 16_384;
/// Counts the lines that were lost.
static LOST: OnceLock<ErrorCounter> = OnceLock::new();

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Why there is no telemetry.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter has a mistake.
    #[error("cannot read the log filter `{filter}`; write for example `info,lianfang=debug`")]
    Filter {
        /// What was given.
        filter: String,
        /// Why.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Something else logs or counts already.
    #[error("cannot install the log subscriber")]
    Subscriber(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The recorder refuses.
    #[error("cannot install the metrics recorder")]
    Recorder(#[source] metrics_exporter_prometheus::BuildError),
}

/// Starts logging to standard error, by a thread of its own: nobody who logs waits for whoever reads it. Numbers, names and
/// addresses never reach it: their types mask themselves. What still waits is written when the guard goes.
///
/// # Errors
/// When the filter has a mistake or something logs already.
pub fn start_logging(filter: &str, format: LogFormat) -> Result<WorkerGuard, TelemetryError> {
    // The decoders of sounds call every damaged file an error; who sent it is told.
    let quiet = "symphonia=off".parse::<Directive>();
    let parsed = EnvFilter::try_new(filter).and_then(|parsed| Ok(parsed.add_directive(quiet?)));
    let parsed =
        parsed.map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let waiting = NonBlockingBuilder::default().thread_name("log").lossy(true);
    let waiting = waiting.buffered_lines_limit(LINES_WAITING_MAX);
    let (writer, guard) = waiting.finish(std::io::stderr());
    LOST.get_or_init(|| writer.error_counter());
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(writer);
    // Colours are for eyes: in a file or a journal they are signs between the words that one looks for.
    let builder = builder.with_ansi(std::io::stderr().is_terminal());
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(TelemetryError::Subscriber)?;
    Ok(guard)
}

/// Lines of the log that were lost so far, as they were written faster than read.
pub fn lost_lines() -> u64 {
    let lost = LOST.get().map_or(0, ErrorCounter::dropped_lines);
    u64::try_from(lost).unwrap_or(u64::MAX)
}

/// Starts counting. The handle renders what `/metrics` shows.
///
/// # Errors
/// When something counts already.
pub fn start_metrics() -> Result<PrometheusHandle, TelemetryError> {
    let full = |name: &str| Matcher::Full(name.to_owned());
    let mut builder = PrometheusBuilder::new();
    for (name, buckets) in [
        (HEARD_TO_COMMITTED, FAST_BUCKETS_S),
        (HEARD_TO_LAST_LEG, FAST_BUCKETS_S),
        (HEARD_TO_RINGING, FAST_BUCKETS_S),
        (HEARD_TO_ACKNOWLEDGED, HUMAN_BUCKETS_S),
        (HEARD_TO_ARRIVED, HUMAN_BUCKETS_S),
    ] {
        builder = builder
            .set_buckets_for_metric(full(name), buckets)
            .map_err(TelemetryError::Recorder)?;
    }
    builder.install_recorder().map_err(TelemetryError::Recorder)
}
