//! Which press raised which alarm: the same press told twice is one alarm.

use lianfang_domain::id::AlarmId;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Presses remembered. At a hundred a second it is a quarter of an hour, far beyond any repetition on the wire; the
/// database knows the older ones.
const REMEMBERED_MAX: usize = 100_000;

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
