//! Deliveries: every call and message of an alarm with its steps, and where each stands. Read from the log, which forgets
//! none of them.
//!
//! Decides nothing: it tells what happened. "Answered" is never "reached", and "taken by the provider" never "delivered".

use crate::alarm::{AnswerMeans, Event, LegStart, LegWhy};
use crate::leg::{Channel, LegOutcome, Message, RouteName};
use crate::plan::PartyId;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A call or a message to one number, with the time of each step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Number of the leg within the alarm.
    pub leg: u32,
    /// Whom.
    pub party: PartyId,
    /// Which of the party's numbers.
    pub number_index: u8,
    /// How.
    pub channel: Channel,
    /// What it says.
    pub message: Message,
    /// Why it was ordered.
    pub why: LegWhy,
    /// Waves that were started when it was ordered, its own included.
    pub wave: u16,
    /// The step of escalation that ordered it.
    pub step: Option<u8>,
    /// Which try to tell this number this in this way, counted from 1.
    pub attempt: u16,
    /// The revision of the plan that it was ordered by.
    pub revision: u16,
    /// Over which route it left.
    pub route: Option<RouteName>,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// When it was on the wire.
    pub placed_at: Option<Timestamp>,
    /// When the telephone rang.
    pub ringing_at: Option<Timestamp>,
    /// When somebody or something picked up.
    pub answered_at: Option<Timestamp>,
    /// When the provider took the message.
    pub accepted_at: Option<Timestamp>,
    /// When its receipt was late.
    pub late_at: Option<Timestamp>,
    /// The call that was made since the message did not arrive, or nobody knew whether.
    pub called_instead: Option<u32>,
    /// What was answered by key or reply, in order.
    pub answers: Vec<(Timestamp, DeliveryAnswer)>,
    /// When and how it ended.
    pub ended: Option<(Timestamp, LegOutcome)>,
}

/// What somebody answered by key or reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryAnswer {
    /// 1.
    Coming,
    /// 2.
    Cannot,
    /// 3.
    Arrived,
    /// 4.
    PoliceCalled,
    /// 6, by a duty worker.
    Close,
    /// 7.
    Mistake,
    /// A reply that says nothing we understand.
    Unclear,
}

/// Where a call or message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits for a slot of a route.
    Queued,
    /// On the wire; nothing was heard of it yet.
    Sent,
    /// The telephone rings.
    Ringing,
    /// Picked up; no key so far, or none at all.
    AnsweredWithoutKey,
    /// A key was pressed that answers no question, such as 9.
    Keyed,
    /// The last answer by key or reply that says something.
    Told(DeliveryAnswer),
    /// SMS: the provider took it; nobody knows whether it arrived.
    AcceptedUnconfirmed,
    /// SMS: the same, and the receipt is late.
    Late,
    /// SMS: it arrived at the handset.
    Confirmed,
    /// SMS: it did not arrive.
    Undelivered(LegOutcome),
    /// Voice: nobody was reached.
    NotReached(LegOutcome),
    /// It was no longer needed.
    Withdrawn,
}

impl DeliveryState {
    /// Its name, which never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Ringing => "ringing",
            Self::AnsweredWithoutKey => "answered_without_key",
            Self::Keyed => "keyed",
            Self::Told(DeliveryAnswer::Coming) => "coming",
            Self::Told(DeliveryAnswer::Cannot) => "cannot",
            Self::Told(DeliveryAnswer::Arrived) => "arrived",
            Self::Told(DeliveryAnswer::PoliceCalled) => "police_called",
            Self::Told(DeliveryAnswer::Close) => "close",
            Self::Told(DeliveryAnswer::Mistake) => "mistake",
            Self::Told(DeliveryAnswer::Unclear) => "unclear",
            Self::AcceptedUnconfirmed => "accepted_unconfirmed",
            Self::Late => "late",
            Self::Confirmed => "confirmed",
            Self::Undelivered(_) => "undelivered",
            Self::NotReached(_) => "not_reached",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Why it failed, if it did.
    #[must_use]
    pub fn reason(self) -> Option<LegOutcome> {
        match self {
            Self::Undelivered(outcome) | Self::NotReached(outcome) => Some(outcome),
            Self::Queued
            | Self::Sent
            | Self::Ringing
            | Self::AnsweredWithoutKey
            | Self::Keyed
            | Self::Told(_)
            | Self::AcceptedUnconfirmed
            | Self::Late
            | Self::Confirmed
            | Self::Withdrawn => None,
        }
    }
}

impl Delivery {
    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> DeliveryState {
        let said = |(_, answer): &&(Timestamp, DeliveryAnswer)| *answer != DeliveryAnswer::Unclear;
        if let Some((_, answer)) = self.answers.iter().rev().find(said) {
            return DeliveryState::Told(*answer);
        }
        let Some((_, outcome)) = self.ended else { return self.live() };
        let failed = match self.channel {
            Channel::Voice => DeliveryState::NotReached(outcome),
            Channel::Sms => DeliveryState::Undelivered(outcome),
        };
        match outcome {
            LegOutcome::Answered => DeliveryState::Keyed,
            LegOutcome::AnsweredNoKey => DeliveryState::AnsweredWithoutKey,
            LegOutcome::Cancelled => DeliveryState::Withdrawn,
            LegOutcome::Delivered => DeliveryState::Confirmed,
            LegOutcome::Sent if self.late_at.is_some() => DeliveryState::Late,
            LegOutcome::Sent => DeliveryState::AcceptedUnconfirmed,
            LegOutcome::Busy
            | LegOutcome::NoAnswer
            | LegOutcome::Declined
            | LegOutcome::BadNumber
            | LegOutcome::CarrierFailed
            | LegOutcome::Undelivered
            | LegOutcome::OptedOut
            | LegOutcome::NoSms
            | LegOutcome::PutOff
            | LegOutcome::Lost => failed,
        }
    }

    /// Where it stands without an end or an answer.
    fn live(&self) -> DeliveryState {
        if self.answered_at.is_some() {
            DeliveryState::AnsweredWithoutKey
        } else if self.ringing_at.is_some() {
            DeliveryState::Ringing
        } else if self.late_at.is_some() {
            DeliveryState::Late
        } else if self.accepted_at.is_some() {
            DeliveryState::AcceptedUnconfirmed
        } else if self.placed_at.is_some() {
            DeliveryState::Sent
        } else {
            DeliveryState::Queued
        }
    }

    /// A message that has failed, or may have: somebody is to be called instead.
    fn is_missed(&self) -> bool {
        let is_missed = match self.ended {
            Some((_, LegOutcome::Undelivered)) => true,
            Some((_, LegOutcome::Delivered)) => false,
            Some(_) | None => self.late_at.is_some(),
        };
        self.channel == Channel::Sms && is_missed
    }
}

/// Every delivery of an alarm, by number, from all of its events in order.
pub fn read<'a>(events: impl IntoIterator<Item = (Timestamp, &'a Event)>) -> Vec<Delivery> {
    let mut fold = Fold::default();
    for (at, event) in events {
        fold.on(at, event);
    }
    fold.legs.into_values().collect()
}

/// What makes two legs two tries of one thing.
type Matter = (PartyId, u8, Channel, Message);

#[derive(Default)]
struct Fold {
    legs: BTreeMap<u32, Delivery>,
    waves: u16,
    step: Option<u8>,
    revision: u16,
    /// Tries so far.
    attempts: BTreeMap<Matter, u16>,
}

impl Fold {
    #[expect(clippy::wildcard_enum_match_arm, reason = "most events are not about a leg")]
    fn on(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Planned { revision, .. } => self.revision = *revision,
            Event::Escalated { step } => self.step = Some(*step),
            Event::WaveStarted { wave, legs } => {
                self.waves = wave.saturating_add(1);
                legs.iter().for_each(|leg| self.order(leg, LegWhy::Wave, at));
            }
            Event::LegsOrdered { why, legs } => {
                legs.iter().for_each(|leg| self.order(leg, *why, at));
            }
            Event::CalledBack { leg } => {
                self.order(leg, LegWhy::CallBack, at);
                self.change(leg.leg, |leg| leg.answered_at = Some(at));
            }
            Event::LegPlaced { leg, route } => self.change(*leg, |leg| {
                leg.route = Some(Arc::clone(route));
                leg.placed_at = Some(at);
            }),
            Event::LegRinging { leg } => self.change(*leg, |leg| leg.ringing_at = Some(at)),
            Event::LegAnswered { leg } => self.change(*leg, |leg| leg.answered_at = Some(at)),
            Event::SmsAccepted { leg, .. } => self.change(*leg, |leg| leg.accepted_at = Some(at)),
            Event::ReceiptLate { leg } => self.change(*leg, |leg| leg.late_at = Some(at)),
            Event::LegEnded { leg, outcome } => {
                self.change(*leg, |leg| leg.ended = Some((at, *outcome)));
            }
            Event::ReplyUnclear { leg } => self.change(*leg, |leg| {
                leg.answers.push((at, DeliveryAnswer::Unclear));
            }),
            Event::Acknowledged { means, .. } => self.answer(means, DeliveryAnswer::Coming, at),
            Event::Declined { means, .. } => self.answer(means, DeliveryAnswer::Cannot, at),
            Event::Arrived { means, .. } => self.answer(means, DeliveryAnswer::Arrived, at),
            Event::PoliceCalled { means, .. } => {
                self.answer(means, DeliveryAnswer::PoliceCalled, at);
            }
            Event::SaidMistake { means, .. } => self.answer(means, DeliveryAnswer::Mistake, at),
            Event::CloseAsked { means, .. } => self.answer(means, DeliveryAnswer::Close, at),
            _ => {}
        }
    }

    fn order(&mut self, start: &LegStart, why: LegWhy, at: Timestamp) {
        let LegStart { leg, party, number_index, channel, message } = *start;
        if why == LegWhy::ReceiptLate && channel == Channel::Voice {
            self.stand_in(start);
        }
        let delivery = Delivery {
            leg,
            party,
            number_index,
            channel,
            message,
            why,
            wave: self.waves,
            step: self.step.filter(|_| why == LegWhy::Step),
            attempt: self.attempt((party, number_index, channel, message)),
            revision: self.revision,
            route: None,
            ordered_at: at,
            placed_at: None,
            ringing_at: None,
            answered_at: None,
            accepted_at: None,
            late_at: None,
            called_instead: None,
            answers: Vec::new(),
            ended: None,
        };
        self.legs.entry(leg).or_insert(delivery);
    }

    /// The call stands in for the newest message to its number that failed and has none yet.
    fn stand_in(&mut self, call: &LegStart) {
        let is_meant = |sms: &&mut Delivery| {
            let is_same = sms.party == call.party && sms.number_index == call.number_index;
            is_same && sms.is_missed() && sms.called_instead.is_none()
        };
        if let Some(sms) = self.legs.values_mut().rev().find(is_meant) {
            sms.called_instead = Some(call.leg);
        }
    }

    fn attempt(&mut self, matter: Matter) -> u16 {
        let count = self.attempts.entry(matter).or_default();
        *count = count.saturating_add(1);
        *count
    }

    fn change(&mut self, leg: u32, how: impl FnOnce(&mut Delivery)) {
        if let Some(delivery) = self.legs.get_mut(&leg) {
            how(delivery);
        }
    }

    fn answer(&mut self, means: &AnswerMeans, answer: DeliveryAnswer, at: Timestamp) {
        match means {
            AnswerMeans::Key { leg } | AnswerMeans::Reply { leg } => {
                self.change(*leg, |leg| leg.answers.push((at, answer)));
            }
            AnswerMeans::Api { .. } | AnswerMeans::Page { .. } | AnswerMeans::Line => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMS: LegStart = LegStart {
        leg: 2,
        party: PartyId(1),
        number_index: 0,
        channel: Channel::Sms,
        message: Message::Alarm,
    };
    const CALL: LegStart = LegStart { leg: 1, channel: Channel::Voice, ..SMS };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).expect("a time")
    }

    /// Where the call and the message stand after events a second apart.
    fn check(events: &[Event], call: DeliveryState, sms: DeliveryState) -> Vec<Delivery> {
        let begin = [
            Event::Planned { revision: 1, why: None },
            Event::WaveStarted { wave: 0, legs: vec![CALL, SMS] },
        ];
        let all: Vec<&Event> = begin.iter().chain(events).collect();
        let timed = (0..).zip(&all).map(|(second, event)| (at(second * 1000), *event));
        let read = read(timed);
        assert_eq!((read[0].state(), read[1].state()), (call, sms), "{events:?}");
        assert_eq!((read[0].wave, read[0].attempt, read[0].revision), (1, 1, 1));
        read
    }

    fn accepted() -> Event {
        Event::SmsAccepted { leg: 2, reference: "r".into(), has_receipts: true }
    }

    fn ended(leg: u32, outcome: LegOutcome) -> Event {
        Event::LegEnded { leg, outcome }
    }

    #[test]
    fn each_step_is_a_state() {
        use DeliveryState::{
            AcceptedUnconfirmed, AnsweredWithoutKey, Confirmed, Keyed, Late, NotReached, Queued,
            Ringing, Sent, Told, Undelivered, Withdrawn,
        };
        let key = AnswerMeans::Key { leg: 1 };
        let reply = AnswerMeans::Reply { leg: 2 };
        let party = PartyId(1);
        let placed = |leg| Event::LegPlaced { leg, route: "a".into() };
        check(&[], Queued, Queued);
        check(&[placed(1), placed(2)], Sent, Sent);
        check(&[placed(1), Event::LegRinging { leg: 1 }, accepted()], Ringing, AcceptedUnconfirmed);
        check(&[Event::LegAnswered { leg: 1 }], AnsweredWithoutKey, Queued);
        check(&[ended(1, LegOutcome::AnsweredNoKey)], AnsweredWithoutKey, Queued);
        check(&[ended(1, LegOutcome::Answered)], Keyed, Queued);
        check(&[ended(1, LegOutcome::Cancelled)], Withdrawn, Queued);
        for outcome in [LegOutcome::Busy, LegOutcome::BadNumber, LegOutcome::CarrierFailed] {
            let events = [ended(1, outcome), ended(2, outcome)];
            let read = check(&events, NotReached(outcome), Undelivered(outcome));
            assert_eq!(read[0].state().reason(), Some(outcome));
        }
        check(&[accepted(), ended(2, LegOutcome::Sent)], Queued, AcceptedUnconfirmed);
        check(&[accepted(), ended(2, LegOutcome::Delivered)], Queued, Confirmed);
        check(&[accepted(), Event::ReceiptLate { leg: 2 }], Queued, Late);
        let arrives_late =
            [accepted(), Event::ReceiptLate { leg: 2 }, ended(2, LegOutcome::Delivered)];
        let read = check(&arrives_late, Queued, Confirmed);
        assert_eq!(
            (read[1].late_at, read[1].ended),
            (Some(at(3000)), Some((at(4000), LegOutcome::Delivered)))
        );
        let coming = Event::Acknowledged { party, means: key.clone() };
        let cannot = Event::Declined { party, means: reply };
        let unclear = Event::ReplyUnclear { leg: 2 };
        check(
            &[coming.clone(), cannot, unclear.clone()],
            Told(DeliveryAnswer::Coming),
            Told(DeliveryAnswer::Cannot),
        );
        let there = Event::Arrived { party, means: key };
        check(
            &[coming, there, accepted(), unclear],
            Told(DeliveryAnswer::Arrived),
            AcceptedUnconfirmed,
        );
    }

    #[test]
    fn a_message_that_did_not_arrive_names_the_call_instead() {
        let instead = |leg| Event::LegsOrdered {
            why: LegWhy::ReceiptLate,
            legs: vec![LegStart { leg, ..CALL }],
        };
        let no_answer = ended(1, LegOutcome::NoAnswer);
        for missed in [Event::ReceiptLate { leg: 2 }, ended(2, LegOutcome::Undelivered)] {
            let events = [no_answer.clone(), accepted(), missed, instead(3)];
            let timed = [Event::WaveStarted { wave: 0, legs: vec![CALL, SMS] }];
            let all = timed.iter().chain(&events).map(|event| (at(0), event));
            let read = read(all);
            assert_eq!(read[1].called_instead, Some(3));
            assert_eq!((read[2].why, read[2].attempt), (LegWhy::ReceiptLate, 2));
        }
    }

    #[test]
    fn a_step_and_a_new_plan_are_told() {
        let events = [
            Event::WaveStarted { wave: 0, legs: vec![CALL] },
            Event::Planned { revision: 2, why: None },
            Event::Escalated { step: 1 },
            Event::LegsOrdered { why: LegWhy::Step, legs: vec![SMS] },
            Event::LegsOrdered {
                why: LegWhy::NoAnswerRetry,
                legs: vec![LegStart { leg: 3, ..CALL }],
            },
        ];
        let read = read(events.iter().map(|event| (at(0), event)));
        let told: Vec<_> = read.iter().map(|one| (one.step, one.revision, one.attempt)).collect();
        assert_eq!(told, [(None, 0, 1), (Some(1), 2, 1), (None, 2, 2)]);
    }
}
