//! Figures that are looked at rather than counted, once a second; and the clock's watch over the wall clock.

use crate::clock::Clock;
use crate::media::Media;
use crate::store::alarm_log::AlarmLog;
use crate::switchboard::Switchboard;
use crate::tasks::Tasks;
use crate::telemetry;
use metrics::{counter, gauge};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);

/// Starts to look.
pub(super) fn start(
    tasks: &Tasks,
    clock: &Clock,
    log: &AlarmLog,
    media: &Media,
    switchboard: &Switchboard,
) {
    let (clock, log, media, switchboard) =
        (clock.clone(), log.clone(), media.clone(), switchboard.clone());
    tasks.start("gauges", |stop| async move {
        while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            if let Some(ahead) = clock.reanchor() {
                tracing::warn!(?ahead, "The clock of the machine was set forward");
            }
            look_at_log(&log);
            counter!("lianfang_log_lines_lost_total").absolute(telemetry::lost_lines());
            look_at_media(&media);
            if let Some(load) = switchboard.load().await {
                gauge!("lianfang_alarms_open").set(load.open_alarms as f64);
                gauge!("lianfang_legs_waiting").set(load.legs_waiting as f64);
                gauge!("lianfang_inputs_waiting").set(load.inputs_waiting as f64);
                gauge!("lianfang_commits_waiting").set(load.commits_waiting as f64);
            }
        }
    });
}

fn look_at_log(log: &AlarmLog) {
    let counters = log.counters();
    let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    counter!("lianfang_log_committed_total").absolute(get(&counters.committed));
    counter!("lianfang_log_journalled_total").absolute(get(&counters.journalled));
    counter!("lianfang_log_uncommitted_total").absolute(get(&counters.uncommitted));
    counter!("lianfang_log_dropped_total").absolute(get(&counters.dropped));
    counter!("lianfang_log_unchained_total").absolute(get(&counters.unchained));
    gauge!("lianfang_log_behind").set(get(&counters.is_behind) as f64);
}

fn look_at_media(media: &Media) {
    let stats = media.stats();
    gauge!("lianfang_media_sessions").set(stats.sessions as f64);
    gauge!("lianfang_media_sessions_max").set(stats.sessions_max as f64);
    gauge!("lianfang_media_rooms").set(stats.rooms as f64);
    gauge!("lianfang_media_recordings").set(stats.recordings as f64);
    counter!("lianfang_media_sent_total").absolute(stats.sent);
    counter!("lianfang_media_late_total").absolute(stats.late);
    counter!("lianfang_media_received_total").absolute(stats.received);
    counter!("lianfang_media_malformed_total").absolute(stats.malformed);
    counter!("lianfang_media_foreign_total").absolute(stats.foreign);
    counter!("lianfang_media_keys_dropped_total").absolute(stats.keys_dropped);
}
