//! Tells programs elsewhere what happens: signed messages over HTTPS to targets that the configuration allows.
//!
//! Off the way of alarms: a task follows what was written long since (`follow`) and enters messages in the database of the
//! directory; another sends those that are due (`deliver`), a few at a time to each target, so that a slow one holds up no
//! other. `target` decides where anything may go, and `sender` goes nowhere else. Messages hold ids only; who wants to know
//! more asks the API. Must not decide about alarms.

mod deliver;
mod follow;
mod sender;
mod signature;
mod target;

pub use sender::{Lookup, SenderError};
pub use signature::WebhookKey;
pub use target::{TargetError, Targets};

use crate::clock::Clock;
use crate::store::Store;
use crate::store::alarm_log::AlarmLog;
use crate::store::snapshot::DirectoryHandle;
use crate::tasks::Tasks;
use jiff::Timestamp;
use lianfang_domain::id::LineId;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Notify;

/// What the rest of the service asks of this: to sign, to judge targets, to look at once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// Makes secrets.
    pub key: WebhookKey,
    /// Where messages may go.
    pub targets: Arc<Targets>,
    wake: Arc<Notify>,
}

impl Webhooks {
    /// For messages to these targets.
    #[must_use]
    pub fn new(key: WebhookKey, targets: Targets) -> Self {
        Self { key, targets: Arc::new(targets), wake: Arc::default() }
    }

    /// Something is due.
    pub fn wake(&self) {
        self.wake.notify_one();
    }
}

/// Routes and lines as they are now.
pub trait Outside: Send + Sync {
    /// Trunks that do not answer, by name.
    fn routes_down(&self) -> Vec<String>;
    /// Lines that were registered and are not any more since before this, at most `limit`.
    fn lines_lost(&self, before: Timestamp, limit: usize) -> Vec<LineId>;
    /// Those of these lines that are registered, or are not in the directory any more.
    fn lines_up(&self, lines: &BTreeSet<LineId>) -> BTreeSet<LineId>;
}

/// What the tasks need.
pub struct Needs {
    /// Where webhooks and messages are kept.
    pub store: Store,
    /// What happened.
    pub log: AlarmLog,
    /// Where things are.
    pub directory: DirectoryHandle,
    /// The time.
    pub clock: Clock,
    /// Routes and lines.
    pub outside: Arc<dyn Outside>,
    /// Where names are looked up.
    pub lookup: Lookup,
}

/// Starts the tasks.
///
/// # Errors
/// When the HTTP client cannot be built.
pub fn start(tasks: &Tasks, webhooks: &Webhooks, needs: Needs) -> Result<(), SenderError> {
    let sender = sender::Sender::new(Arc::clone(&webhooks.targets), needs.lookup.clone())?;
    let deliver = deliver::Deliverer {
        database: needs.store.directory().clone(),
        sender,
        key: webhooks.key.clone(),
        clock: needs.clock.clone(),
        tasks: tasks.clone(),
    };
    let (wake, follower) =
        (Arc::clone(&webhooks.wake), follow::Follower::new(needs, webhooks.clone()));
    tasks.start("webhook news", |stop| follower.run(stop));
    tasks.start("webhooks", |stop| deliver.run(wake, stop));
    Ok(())
}
