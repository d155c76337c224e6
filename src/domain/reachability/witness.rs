//! Reads from the log of one alarm what it has shown of its numbers.
//!
//! From the events alone, so that it says the same whenever it is asked of the same log: a live alarm forgets legs that
//! are long over.

use super::{Evidence, Seen};
use crate::alarm::{AnswerMeans, Event, LegStart, WithdrawMeans};
use crate::id::AlarmId;
use crate::leg::{Channel, LegOutcome, Message};
use crate::phone::PhoneNumber;
use crate::plan::{PartyId, Plan, Role};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Something that was seen of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The number.
    pub number: PhoneNumber,
    /// What was seen.
    pub seen: Seen,
}

/// What an alarm or a drill has shown of its numbers up to now: each kind once for each number, the last time that it was
/// seen. `plan` is the newest one, which explains all before it; events come in their order.
pub fn witness<'a>(
    alarm: AlarmId,
    plan: &Plan,
    events: impl IntoIterator<Item = (Timestamp, &'a Event)>,
) -> Vec<Sighting> {
    let mut witness = Witness { plan, legs: BTreeMap::new(), seen: BTreeMap::new() };
    for (at, event) in events {
        witness.take(event, at);
    }
    witness.finish(alarm)
}

/// A number as the plan says it.
type NumberRef = (PartyId, u8);

/// A leg that was ordered.
struct LegSeen {
    number: NumberRef,
    channel: Channel,
    is_call_back: bool,
    /// It asks for an answer: without one, nobody was reached.
    wants_answer: bool,
    /// How the SMS went, until something newer is told of it.
    sms: Option<(Timestamp, Evidence)>,
}

struct Witness<'p> {
    plan: &'p Plan,
    legs: BTreeMap<u32, LegSeen>,
    seen: BTreeMap<(NumberRef, Evidence), Timestamp>,
}

impl Witness<'_> {
    fn take(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::WaveStarted { legs, .. } | Event::LegsOrdered { legs, .. } => {
                legs.iter().for_each(|leg| self.order(leg, false));
            }
            Event::CalledBack { leg } => {
                self.order(leg, true);
                self.see((leg.party, leg.number_index), Evidence::CallBack, at);
            }
            Event::LegEnded { leg, outcome } => self.end(*leg, *outcome, at),
            Event::ReceiptLate { leg } => self.sms(*leg, Evidence::Undelivered, at),
            Event::SmsRefused { leg } => self.see_leg(*leg, Evidence::SmsRefused, at),
            Event::ReplyUnclear { leg } => self.see_leg(*leg, Evidence::Delivered, at),
            Event::TalkJoined { leg } => self.key(*leg, at),
            Event::Acknowledged { party, means }
            | Event::Declined { party, means }
            | Event::Arrived { party, means }
            | Event::PoliceCalled { party, means }
            | Event::SaidMistake { party, means }
            | Event::CloseAsked { party, means } => self.answer(*party, means, at),
            Event::PinRefused { means } | Event::Duress { means } => self.withdraw(means, at),
            Event::Cancelled { means, .. } => {
                means.iter().for_each(|means| self.withdraw(means, at));
            }
            Event::Raised { .. }
            | Event::Planned { .. }
            | Event::LegPlaced { .. }
            | Event::LegRinging { .. }
            | Event::LegAnswered { .. }
            | Event::SmsAccepted { .. }
            | Event::EnoughComing
            | Event::StillInDanger { .. }
            | Event::Closed { .. }
            | Event::KindNamed { .. }
            | Event::Escalated { .. }
            | Event::AcknowledgementLapsed { .. }
            | Event::DoorReached
            | Event::OwnerChanged { .. }
            | Event::Reminded { .. }
            | Event::NoteAdded { .. }
            | Event::TalkLeft { .. }
            | Event::CalledAgain { .. }
            | Event::PartyAdded { .. }
            | Event::TakenInHand { .. }
            | Event::Silenced
            | Event::Yielded { .. } => {}
        }
    }

    fn order(&mut self, start: &LegStart, is_call_back: bool) {
        let leg = LegSeen {
            number: (start.party, start.number_index),
            channel: start.channel,
            is_call_back,
            wants_answer: wants_answer(start.message),
            sms: None,
        };
        self.legs.insert(start.leg, leg);
    }

    fn end(&mut self, number: u32, outcome: LegOutcome, at: Timestamp) {
        let Some(leg) = self.legs.get(&number) else { return };
        let is_loudspeaker =
            self.plan.party(leg.number.0).map(|party| party.role) == Some(Role::Loudspeaker);
        let wants_answer = leg.wants_answer && !leg.is_call_back;
        let missed = |what| wants_answer.then_some(what);
        match leg.channel {
            Channel::Sms => match outcome {
                LegOutcome::Delivered => self.sms(number, Evidence::Delivered, at),
                LegOutcome::Undelivered => self.sms(number, Evidence::Undelivered, at),
                LegOutcome::OptedOut => self.sms(number, Evidence::SmsRefused, at),
                LegOutcome::BadNumber => self.sms(number, Evidence::NoSuchNumber, at),
                // A landline takes no SMS, and what the carrier failed says nothing of the number.
                LegOutcome::NoSms
                | LegOutcome::PutOff
                | LegOutcome::Sent
                | LegOutcome::CarrierFailed
                | LegOutcome::Cancelled
                | LegOutcome::Lost
                | LegOutcome::Answered
                | LegOutcome::AnsweredNoKey
                | LegOutcome::Busy
                | LegOutcome::NoAnswer
                | LegOutcome::Declined => {}
            },
            Channel::Voice => {
                let what = match outcome {
                    LegOutcome::Answered | LegOutcome::AnsweredNoKey if is_loudspeaker => {
                        Some(Evidence::Loudspeaker)
                    }
                    LegOutcome::Answered => return self.key(number, at),
                    LegOutcome::AnsweredNoKey => missed(Evidence::PickedUp),
                    LegOutcome::NoAnswer => missed(Evidence::NoAnswer),
                    LegOutcome::Busy => missed(Evidence::Busy),
                    LegOutcome::Declined => missed(Evidence::Rejected),
                    LegOutcome::BadNumber => Some(Evidence::NoSuchNumber),
                    LegOutcome::CarrierFailed
                    | LegOutcome::Cancelled
                    | LegOutcome::Lost
                    | LegOutcome::Delivered
                    | LegOutcome::Sent
                    | LegOutcome::Undelivered
                    | LegOutcome::OptedOut
                    | LegOutcome::PutOff
                    | LegOutcome::NoSms => None,
                };
                what.into_iter().for_each(|what| self.see_leg(number, what, at));
            }
        }
    }

    fn answer(&mut self, party: PartyId, means: &AnswerMeans, at: Timestamp) {
        match means {
            AnswerMeans::Key { leg } => self.key(*leg, at),
            AnswerMeans::Reply { leg } => self.see_leg(*leg, Evidence::Reply, at),
            AnswerMeans::Page { number_index } => {
                self.see((party, *number_index), Evidence::Page, at);
            }
            // An operator's word and the resident's own line say nothing of a number.
            AnswerMeans::Api { .. } | AnswerMeans::Line => {}
        }
    }

    fn withdraw(&mut self, means: &WithdrawMeans, at: Timestamp) {
        let WithdrawMeans::CallBack { number_index } = means else { return };
        let own = self.plan.parties().find(|(_, party)| party.role == Role::OwnHousehold);
        if let Some((party, _)) = own {
            self.see((party, *number_index), Evidence::CallBack, at);
        }
    }

    fn key(&mut self, number: u32, at: Timestamp) {
        let is_call_back = self.legs.get(&number).is_some_and(|leg| leg.is_call_back);
        let what = if is_call_back { Evidence::CallBack } else { Evidence::Key };
        self.see_leg(number, what, at);
    }

    /// The newest word of an SMS holds: late is not lost.
    fn sms(&mut self, number: u32, what: Evidence, at: Timestamp) {
        if let Some(leg) = self.legs.get_mut(&number) {
            leg.sms = Some((at, what));
        }
    }

    fn see_leg(&mut self, number: u32, what: Evidence, at: Timestamp) {
        if let Some(number) = self.legs.get(&number).map(|leg| leg.number) {
            self.see(number, what, at);
        }
    }

    fn see(&mut self, number: NumberRef, what: Evidence, at: Timestamp) {
        let last = self.seen.entry((number, what)).or_insert(at);
        *last = at.max(*last);
    }

    fn finish(mut self, alarm: AlarmId) -> Vec<Sighting> {
        let legs = std::mem::take(&mut self.legs);
        for leg in legs.into_values() {
            if let Some((at, what)) = leg.sms {
                self.see(leg.number, what, at);
            }
        }
        let plan = self.plan;
        let sighting = |(((party, index), what), at): ((NumberRef, Evidence), Timestamp)| {
            let number = plan.party(party)?.numbers.get(usize::from(index))?.number.clone();
            Some(Sighting { number, seen: Seen { at, what, alarm: Some(alarm) } })
        };
        self.seen.into_iter().filter_map(sighting).collect()
    }
}

/// Who hears it has something to press for; the rest is only told.
fn wants_answer(message: Message) -> bool {
    message.calls_for_help() || matches!(message, Message::AreYouThere | Message::CloseReminder)
}
