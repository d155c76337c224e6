//! Erases personal data when it is due: the plans of alarms that were closed long ago, their SIP traces, and what rows
//! of the directory were before old edits.

use crate::clock::Clock;
use crate::store::alarm_log::AlarmLog;
use crate::store::traces::Traces;
use crate::store::{Database, history};
use crate::tasks::Tasks;
use jiff::SignedDuration;
use std::time::Duration;

/// How often it is looked for; what is due goes within this time.
const EVERY: Duration = Duration::from_secs(3_600);

/// Starts to look.
pub(super) fn start(
    tasks: &Tasks,
    clock: &Clock,
    (log, traces, directory): (&AlarmLog, Option<&Traces>, &Database),
    kept: Duration,
) {
    let (clock, log, traces) = (clock.clone(), log.clone(), traces.cloned());
    let directory = directory.clone();
    let kept = SignedDuration::try_from(kept).unwrap_or(SignedDuration::MAX);
    tasks.start("erasure", move |stop| async move {
        loop {
            let limit = clock.now().saturating_sub(kept).unwrap_or(jiff::Timestamp::MIN);
            match log.erase_plans_before(limit).await {
                Ok(0) => {}
                Ok(plans) => tracing::info!(plans, "Erased the plans of alarms closed long ago"),
                Err(error) => {
                    tracing::error!(%error, "Cannot erase old plans; trying again in an hour")
                }
            }
            if let Some(traces) = traces.clone() {
                erase_traces(traces, limit).await;
            }
            if let Err(error) = log.erase_cases_before(limit).await {
                tracing::error!(%error, "Cannot erase old notes; trying again in an hour");
            }
            if let Err(error) = history::erase_before(&directory, limit).await {
                tracing::error!(%error, "Cannot erase old history; trying again in an hour");
            }
            if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                return;
            }
        }
    });
}

async fn erase_traces(traces: Traces, limit: jiff::Timestamp) {
    match tokio::task::spawn_blocking(move || traces.erase_before(limit)).await {
        Ok(Ok(0)) => {}
        Ok(Ok(traces)) => tracing::info!(traces, "Erased the SIP traces of alarms long ago"),
        Ok(Err(error)) => {
            tracing::error!(%error, "Cannot erase old SIP traces; trying again in an hour")
        }
        Err(error) => tracing::error!(%error, "Erasing SIP traces broke off"),
    }
}
