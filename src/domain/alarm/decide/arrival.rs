//! Who is at the door, and who said that they would be and is not.

use super::super::event::{AnswerMeans, Event};
use super::Draft;
use crate::plan::PartyId;

impl Draft<'_> {
    /// The arrival code on the resident's own telephone: who it is, if only one can be; else somebody. Said again, or on an
    /// alarm that is over, it means nothing.
    pub(in crate::alarm) fn door_reached(&mut self) {
        let alarm = &self.alarm;
        if alarm.is_over() {
            return;
        }
        let coming: Vec<PartyId> = alarm
            .parties()
            .filter(|(id, _, state)| alarm.may_own(*id) && state.coming.is_some())
            .map(|(id, _, _)| id)
            .collect();
        match *coming {
            [party] => self.arrive(party, AnswerMeans::Line),
            _ if self.alarm.case.door_at.is_none() => {
                let was_reached = self.alarm.is_door_reached();
                self.emit(Event::DoorReached);
                self.door_is_reached(was_reached);
            }
            _ => {}
        }
    }

    /// As when enough are coming: who is at the door sees what is needed. What still rings ends with the event; those who
    /// were told need not go.
    pub(in crate::alarm) fn door_is_reached(&mut self, was_reached: bool) {
        if !was_reached && self.alarm.is_door_reached() && self.alarm.enough_at.is_none() {
            self.stand_down();
        }
    }

    /// Those who are not there and do not answer count no longer. Tells whether too few are left, so that others are called
    /// at once.
    pub(in crate::alarm) fn lapse(&mut self) -> bool {
        let lapsed = self.alarm.due_lapses(self.now);
        let is_any = !lapsed.is_empty();
        for party in lapsed {
            self.emit(Event::AcknowledgementLapsed { party });
        }
        is_any && !self.alarm.has_enough()
    }
}
