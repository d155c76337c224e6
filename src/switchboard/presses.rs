//! Which press raised which alarm: the same press told twice is one alarm.

use jiff::Timestamp;
use lianfang_domain::alarm::{Trigger, TriggerSource};
use lianfang_domain::id::AlarmId;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Presses remembered. At a hundred a second it is a quarter of an hour, far beyond any repetition on the wire; the
/// database knows the older ones.
const REMEMBERED_MAX: usize = 100_000;

/// A call is repeated by its phone for a minute at most, and a while later by an edge that found us dead.
const SAME_PRESS_WITHIN_MS: u64 = 10 * 60 * 1000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct SeenPresses {
    alarms: HashMap<Arc<str>, AlarmId>,
    order: VecDeque<Arc<str>>,
}

impl SeenPresses {
    pub(super) fn alarm_of(&self, key: &str) -> Option<AlarmId> {
        self.alarms.get(key).copied()
    }

    pub(super) fn remember(&mut self, key: &Arc<str>, alarm: AlarmId) {
        if self.alarms.insert(Arc::clone(key), alarm).is_some() {
            return;
        }
        self.order.push_back(Arc::clone(key));
        if REMEMBERED_MAX < self.order.len()
            && let Some(oldest) = self.order.pop_front()
        {
            self.alarms.remove(&oldest);
        }
    }
}

/// Whether a press with the key of one that belongs to this alarm is that very press. There are telephones that make up
/// the same Call-IDs again after each power failure: long after, theirs is another press. A PBX that tells presses by
/// HTTP was promised that its keys are good for ever.
pub(super) fn is_same_press(trigger: &Trigger, alarm: AlarmId, now: Timestamp) -> bool {
    let now_ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
    matches!(trigger.source, TriggerSource::Http | TriggerSource::Drill)
        || now_ms.saturating_sub(alarm.unix_ms()) < SAME_PRESS_WITHIN_MS
}

/// The key of a press whose own was used before.
pub(super) fn another_key(trigger: &Trigger, now: Timestamp) -> Arc<str> {
    format!("{};{}", trigger.idempotency_key, now.as_millisecond()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_is_remembered_within_its_bound() {
        let mut seen = SeenPresses::default();
        for number in 0..=REMEMBERED_MAX as u64 {
            seen.remember(&format!("call-{number}").into(), AlarmId(number));
        }
        assert_eq!(seen.alarm_of("call-0"), None);
        assert_eq!(seen.alarm_of("call-1"), Some(AlarmId(1)));
        assert_eq!(seen.alarms.len(), REMEMBERED_MAX);
    }
}
