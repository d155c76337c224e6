//! Who saw the personal data of an alarm: entered in the audit trail before it is shown.
//!
//! In that of the directory, whose database no alarm waits for. A console that looks every second is entered once in a
//! while. The trail that is slow or broken keeps nobody from seeing where help is needed.

use super::Web;
use crate::clock::Seldom;
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::id::AlarmId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One who looks again within this time is not entered again.
const AGAIN: SignedDuration = SignedDuration::from_mins(10);
/// Lookers that are remembered; of those that were forgotten, the next look is entered.
const REMEMBERED_MAX: usize = 4096;
/// How long somebody waits for the entry.
const ENTER_MAX: Duration = Duration::from_secs(1);

/// When each looked last.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted(Arc<Mutex<BTreeMap<(AlarmId, String), Timestamp>>>);

impl Noted {
    /// Enters that somebody sees an alarm.
    pub(super) async fn note(&self, web: &Web, who: &str, alarm: AlarmId) {
        let now = web.clock.now();
        if !self.is_new(who, alarm, now) {
            return;
        }
        let editor = web.edited_by(who);
        let entering = tokio::time::timeout(ENTER_MAX, editor.enter_read(alarm));
        if !matches!(entering.await, Ok(Ok(()))) {
            self.lock().remove(&(alarm, who.to_owned()));
            metrics::counter!("lianfang_reads_not_entered_total").increment(1);
            static TOLD: Seldom = Seldom::new();
            if let Some(times) = TOLD.tell(now) {
                tracing::error!(alarm.id = %alarm, times, "Who saw an alarm is not in the audit trail");
            }
        }
    }

    fn is_new(&self, who: &str, alarm: AlarmId, now: Timestamp) -> bool {
        let mut noted = self.lock();
        let key = (alarm, who.to_owned());
        if noted.get(&key).is_some_and(|&last| now.duration_since(last) < AGAIN) {
            return false;
        }
        if REMEMBERED_MAX <= noted.len() {
            noted.retain(|_, last| now.duration_since(*last) < AGAIN);
        }
        if REMEMBERED_MAX <= noted.len() {
            // Of the oldest alarm: it is looked at least.
            noted.pop_first();
        }
        noted.insert(key, now);
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(AlarmId, String), Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
