//! Tells the newest hashes of the audit trail to those outside: the log every hour, the metrics every quarter of a
//! minute. Whoever keeps either can prove later that nothing was changed or cut off before.

use crate::store::Store;
use crate::store::audit::{self, Chain};
use crate::tasks::Tasks;
use metrics::gauge;
use std::time::Duration;

/// How often the metrics are set.
const EVERY: Duration = Duration::from_secs(15);
/// Rounds between two lines in the log.
const LOGGED_EVERY: u32 = 240;

/// Starts to tell.
pub(super) fn start(tasks: &Tasks, store: &Store) {
    let store = store.clone();
    tasks.start("audit", |stop| async move {
        let mut round: u32 = 0;
        loop {
            tell(&store, round.is_multiple_of(LOGGED_EVERY)).await;
            round = round.wrapping_add(1);
            if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                return tell(&store, true).await;
            }
        }
    });
}

async fn tell(store: &Store, is_logged: bool) {
    let databases = [(Chain::Alarms, store.alarms()), (Chain::Directory, store.directory())];
    for (chain, database) in databases {
        match audit::head(database).await {
            Ok(Some(head)) => {
                let name = chain.name();
                gauge!("lianfang_audit_sequence", "chain" => name).set(head.sequence as f64);
                gauge!("lianfang_audit_hash_prefix", "chain" => name)
                    .set(head.hash.prefix() as f64);
                if is_logged {
                    tracing::info!(head = %format_args!("{chain}:{head}"), "Head of the audit trail");
                }
            }
            Ok(None) => tracing::error!(%chain, "The audit trail has no entry"),
            Err(error) => tracing::error!(%error, %chain, "Cannot read the audit trail"),
        }
    }
}
