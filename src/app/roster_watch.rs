//! Tells today what goes wrong with the rosters in the next days: once an hour, in the log and as gauges.
//!
//! The API says the same in words and for each community (`/communities/{id}/roster/findings`). Must not change anything.

use crate::clock::Clock;
use crate::store::snapshot::DirectoryHandle;
use crate::store::{Store, StoreError, evidence};
use crate::tasks::Tasks;
use jiff::Timestamp;
use lianfang_domain::directory::Community;
use lianfang_domain::reachability::on_duty;
use lianfang_domain::roster::{Finding, Reach};
use metrics::gauge;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(3_600);
/// How soon after the start, when other things are more urgent.
const FIRST: Duration = Duration::from_secs(30);
const DAYS: u16 = 14;

/// Starts to look.
pub(super) fn start(tasks: &Tasks, clock: &Clock, (store, directory): (&Store, &DirectoryHandle)) {
    let (clock, store, directory) = (clock.clone(), store.clone(), directory.clone());
    tasks.start("roster_watch", |stop| async move {
        let mut pause = FIRST;
        while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            pause = EVERY;
            let (mut red, mut all) = (0_usize, 0_usize);
            for community in directory.current().communities() {
                let found = review(community, &store, clock.now()).await;
                let found = found.unwrap_or_else(|error| {
                    tracing::error!(%error, community.id = %community.id, "Cannot look through a roster");
                    Vec::new()
                });
                red = red.saturating_add(tell(community, &found));
                all = all.saturating_add(found.len() + community.roster.faults().len());
                // A large roster takes milliseconds; others want to be served in between.
                tokio::task::yield_now().await;
            }
            gauge!("lianfang_roster_findings").set(all as f64);
            gauge!("lianfang_roster_findings_nobody").set(red as f64);
        }
    });
}

async fn review(
    community: &Community,
    store: &Store,
    now: Timestamp,
) -> Result<Vec<Finding>, StoreError> {
    if community.roster.is_empty() {
        return Ok(Vec::new());
    }
    let known = evidence::of_workers(store.directory(), community).await?;
    let reach = on_duty(community, &known, now);
    let reach = |worker| reach.get(&worker).copied().unwrap_or(Reach::NoNumber);
    Ok(community.roster.review(now, DAYS, reach))
}

/// Logs the first time at which nobody would come. Returns how many there are.
fn tell(community: &Community, found: &[Finding]) -> usize {
    let red = || found.iter().filter(|finding| finding.kind.leaves_nobody());
    let count = red().count();
    if let Some(Finding { kind, span }) = red().next() {
        let (from, to) = (span.from, span.to);
        tracing::warn!(community.id = %community.id, ?kind, %from, %to, count, "The roster leaves nobody");
    }
    count
}
