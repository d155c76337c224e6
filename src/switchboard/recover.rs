//! After a start: folds every open alarm of the log and tells it that the process was restarted.
//!
//! No path of its own: the alarm decides what to order again, and it is committed and done like anything else.

use super::driver::Driver;
use super::live::Live;
use crate::store::StoreError;
use crate::store::alarm_log::StoredAlarm;
use lianfang_domain::alarm::{Alarm, Input};
use lianfang_domain::directory::LineRef;
use lianfang_domain::plan::Plan;
use std::sync::Arc;

/// Why the open alarms cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The log cannot be read.
    #[error("cannot read the open alarms")]
    Read(#[source] StoreError),
    /// The routes cannot be shared.
    #[error("cannot share the configured routes")]
    Routes(#[source] lianfang_domain::dispatch::TooManyRoutes),
}

impl Driver {
    pub(super) async fn recover(&mut self) -> Result<(), RecoverError> {
        let open = self.ports.log.open_alarms().await.map_err(RecoverError::Read)?;
        for unreadable in open.unreadable {
            tracing::error!(error = %unreadable.source, "{unreadable}");
        }
        for stored in open.alarms {
            self.take_over(stored);
        }
        Ok(())
    }

    fn take_over(&mut self, stored: StoredAlarm) {
        let id = stored.row.id;
        let next_sequence =
            stored.events.last().map_or(0, |event| event.sequence.saturating_add(1));
        let plans: Vec<Arc<Plan>> = stored.plans.into_iter().map(Arc::new).collect();
        let events = stored.events.iter().map(|stored| (stored.at, &stored.event));
        let alarm = match Alarm::fold(id, &plans, events) {
            Ok(alarm) => alarm,
            Err(error) => {
                tracing::error!(alarm.id = %id, %error, "An open alarm cannot go on");
                return;
            }
        };
        let scene = &alarm.plan().scene;
        let line =
            LineRef { community: scene.community, household: scene.household, line: scene.line };
        tracing::warn!(alarm.id = %id, "Taking up an open alarm after a restart");
        self.seen.remember(&alarm.trigger().idempotency_key, id);
        if !alarm.is_over() {
            self.open_by_line.insert(line.line, id);
        }
        self.ports.carriers.prepare(alarm.plan());
        self.alarms.insert(id, Live::recovered(alarm, line, next_sequence));
        self.feed(id, &Input::Restarted);
        self.set_timer(id);
    }
}
