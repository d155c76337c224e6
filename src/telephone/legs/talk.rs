//! The talk: called people and the resident in one room. The room is that of the alarm.

use super::Legs;
use crate::media::room::{RoomId, Talk};
use crate::switchboard::CallWord;
use crate::telephone::shard::ShardInput;
use crate::telephone::voice_leg::Happening;
use lianfang_domain::id::AlarmId;
use lianfang_domain::plan::Role;
use lianfang_sip::agent::api::CallHandle;

/// The room of an alarm.
pub(in crate::telephone) fn room_of(alarm: AlarmId) -> RoomId {
    RoomId(alarm.0)
}

impl Legs {
    pub(super) fn enter_talk(&mut self, call: CallHandle) {
        let Some(leg) = self.calls.get_mut(&call) else { return };
        let talk = match leg.order.role {
            Role::Loudspeaker => Talk::HalfDuplexSpeaker,
            Role::DutyWorker | Role::Neighbour | Role::Responder | Role::OwnHousehold => Talk::Full,
        };
        // What is spoken would be laid over the talk.
        let joined = self
            .parts
            .media
            .stop(call.0)
            .and_then(|()| self.parts.media.join(call.0, room_of(leg.order.leg.alarm), talk));
        if let Err(error) = joined {
            tracing::warn!(leg.id = %leg.order.leg, %error, "A callee cannot join the talk");
            leg.machine.on(Happening::TalkFull, self.parts.clock.now());
            // The alarm believes them in.
            let leg = leg.order.leg;
            self.parts.say(CallWord::Talk { leg, is_in: false });
            return;
        }
        leg.is_talking = true;
        self.tell_talk(call, true);
    }

    pub(super) fn leave_talk(&mut self, call: CallHandle) {
        let Some(leg) = self.calls.get_mut(&call) else { return };
        if std::mem::take(&mut leg.is_talking) {
            // Closing the session leaves the room as well, should this not be taken.
            let _ = self.parts.media.leave(call.0);
            self.tell_talk(call, false);
        }
    }

    /// The resident joins people, not loudspeakers: their voice is for those who asked for it.
    fn tell_talk(&self, call: CallHandle, is_in: bool) {
        let Some(order) = self.calls.get(&call).map(|leg| &leg.order) else { return };
        self.parts.say(CallWord::Talk { leg: order.leg, is_in });
        if order.role != Role::Loudspeaker {
            let input = ShardInput::Talk { alarm: order.leg.alarm, is_in };
            // The resident hears nothing of it then; those who were called hear each other.
            let _ = self.parts.desk.try_send(input);
        }
    }
}
