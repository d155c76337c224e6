//! What withdrawing, calling back, arriving and closing ask of the world.

use super::super::event::{CancelReason, LegStart};
use super::super::input::{Effect, ResidentNotice};
use super::super::state::Alarm;
use crate::leg::{Channel, Message};
use crate::plan::Role;

impl Alarm {
    /// Under duress they have heard it already; again would show that it was not true.
    pub(super) fn cancelled_effects(&self) -> Vec<Effect> {
        let notice = self.tell(ResidentNotice::Cancelled).filter(|_| !self.is_under_duress());
        self.over().into_iter().chain(notice).collect()
    }

    /// SMS that are on their way cannot be called back; those that still wait need not go.
    pub(super) fn over(&self) -> Vec<Effect> {
        self.cancel(CancelReason::AlarmOver, |leg| {
            let is_waiting = leg.channel == Channel::Voice || leg.placed_at.is_none();
            is_waiting && leg.message != Message::Cancelled
        })
    }

    /// To the resident it is a cancel: the talk ends, loudspeakers are silent, and the household's own mobiles hear no more
    /// of the alarm. Phones that ring have careful words instead.
    pub(super) fn duress_effects(&self) -> Vec<Effect> {
        let mut effects = self.cancel(CancelReason::AlarmOver, |leg| {
            let is_own = self.role(leg.party) == Some(Role::OwnHousehold);
            let is_waiting = match leg.channel {
                Channel::Sms => leg.placed_at.is_none(),
                Channel::Voice => leg.answered_at.is_none(),
            };
            let is_untrue = match leg.message {
                Message::OwnHousehold => is_own,
                Message::Cancelled => !is_own,
                Message::Alarm
                | Message::WeakAlarm
                | Message::StillInDanger
                | Message::StandDown
                | Message::SaidMistake
                | Message::KindNamed
                | Message::GoTogether
                | Message::AreYouThere
                | Message::Duress
                | Message::CloseReminder
                | Message::DrillOver
                | Message::PleaseReply
                | Message::HandOver
                | Message::DrillNotice => false,
            };
            let is_loud = self.role(leg.party) == Some(Role::Loudspeaker);
            is_waiting && is_untrue || is_loud || self.case.talk.contains(&leg.number)
        });
        let careful = self.legs.iter().filter(|leg| {
            leg.is_live()
                && leg.channel == Channel::Voice
                && leg.answered_at.is_none()
                && leg.message == Message::Duress
        });
        let orders = careful.filter_map(|leg| self.order_of(leg.number));
        effects.extend(orders.map(Effect::Reword));
        effects.extend(self.tell(ResidentNotice::Cancelled));
        effects
    }

    /// The telephone that calls us need not ring.
    pub(super) fn called_back_effects(&self, start: &LegStart) -> Vec<Effect> {
        self.cancel(CancelReason::AnsweredElsewhere, |leg| {
            let is_same = (leg.party, leg.number_index) == (start.party, start.number_index);
            let is_ringing = leg.channel == Channel::Voice && leg.answered_at.is_none();
            is_same && is_ringing && leg.number != start.leg
        })
    }

    /// Nobody is asked any more whether they are there. Once enough are at the door or on the way to go in, it is as when
    /// enough are coming. The duty worker's call stays.
    pub(super) fn arrived_effects(&self) -> Vec<Effect> {
        let mut effects = self.cancel(CancelReason::EnoughComing, |leg| {
            leg.channel == Channel::Voice
                && leg.message == Message::AreYouThere
                && leg.answered_at.is_none()
                && self.role(leg.party) != Some(Role::DutyWorker)
        });
        if self.is_door_reached() {
            effects.extend(self.enough_effects());
        }
        effects
    }
}
