//! Calls that came in from people who are told of an alarm: driven as legs, and given back to the desk.
//!
//! The call, its session description and its media session stay the desk's; here are the words and the keys.

use super::{Leg, Legs};
use crate::telephone::deadlines::Armed;
use crate::telephone::voice_leg::{Happening, VoiceLeg};
use jiff::Timestamp;
use lianfang_domain::digits::Key;
use lianfang_domain::digits::merge::PressMerge;
use lianfang_domain::id::AlarmId;
use lianfang_domain::leg::LegOrder;
use lianfang_sip::agent::api::CallHandle;

/// Playlists of a leg in a call that came in count from here: those of the desk, which has played before, stay below.
const FIRST_PLAYLIST: u32 = 1 << 16;

impl Legs {
    /// Drives a call that came in, from now on.
    pub(in crate::telephone) fn adopt(
        &mut self,
        call: CallHandle,
        order: LegOrder,
        now: Timestamp,
    ) {
        let leg = order.leg;
        let known = Leg {
            machine: VoiceLeg::called_back(order.role, now),
            order,
            keys: PressMerge::default(),
            session: None,
            is_talking: false,
            is_returned: false,
            playlist: FIRST_PLAYLIST,
            voice: None,
            armed: Armed::default(),
        };
        self.calls.insert(call, known);
        self.by_leg.insert(leg, call);
        self.run(call, now);
    }

    /// Whether a leg drives this call.
    pub(in crate::telephone) fn drives(&self, call: CallHandle) -> bool {
        self.calls.contains_key(&call)
    }

    /// A key of a call that came in, heard once.
    pub(in crate::telephone) fn on_key(&mut self, call: CallHandle, key: Key, now: Timestamp) {
        self.on(call, Happening::Key(key), now);
    }

    /// The desk wants the call back: whoever is in it raised an alarm.
    pub(in crate::telephone) fn give_up(&mut self, call: CallHandle, now: Timestamp) {
        self.on(call, Happening::GivenUp, now);
    }

    /// A call that goes back to the desk, with the alarm that it was about.
    pub(in crate::telephone) fn poll_returned(&mut self) -> Option<(CallHandle, AlarmId)> {
        self.returned.pop_front()
    }

    pub(super) fn return_call(&mut self, call: CallHandle) {
        if let Some(leg) = self.calls.remove(&call) {
            self.by_leg.remove(&leg.order.leg);
            self.returned.push_back((call, leg.order.leg.alarm));
        }
    }
}
