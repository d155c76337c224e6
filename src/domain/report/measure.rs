//! One alarm, measured: when each thing was that people ask for, from its events alone.

use crate::alarm::{
    AnswerMeans, CaseLimits, CaseTimes, CloseOutcome, Event, StepState, TriggerSource,
};
use crate::alarm::{LegStart, follow_up_due};
use crate::id::GroupId;
use crate::kind::AlarmKind;
use crate::leg::Channel;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// What a report needs of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// When it was raised.
    pub raised_at: Timestamp,
    /// The group that it was raised in; none if its first event cannot be read.
    pub group: Option<GroupId>,
    /// What was the matter, as far as anybody has said.
    pub kind: AlarmKind,
    /// It began as a drill.
    pub is_drill: bool,
    /// When the first telephone of somebody who is to come rang, or was picked up without ringing.
    pub first_ring_at: Option<Timestamp>,
    /// When the first of them answered: a key, a reply, a press on their page. What an operator says is none.
    pub first_key_at: Option<Timestamp>,
    /// When somebody first was coming.
    pub coming_at: Option<Timestamp>,
    /// When somebody first was at the door.
    pub arrived_at: Option<Timestamp>,
    /// When it was withdrawn.
    pub cancelled_at: Option<Timestamp>,
    /// When it was closed, and as what.
    pub closed: Option<(Timestamp, CloseOutcome)>,
    /// The resident was made to withdraw it.
    pub is_duress: bool,
    /// By when things had to be done; `None` where its plan was erased.
    pub limits: Option<CaseLimits>,
}

impl Measured {
    /// How the steps of its case stand; `None` where nobody knows any more by when they had to be done.
    #[must_use]
    pub fn steps(&self, now: Timestamp) -> Option<[StepState; 3]> {
        let times = CaseTimes {
            raised_at: self.raised_at,
            accepted_at: self.coming_at.or(self.arrived_at),
            arrived_at: self.arrived_at,
            cancelled_at: self.cancelled_at,
            closed_at: self.closed.map(|(at, _)| at),
        };
        self.limits.map(|limits| times.steps(limits, now))
    }

    /// When the household was due to be asked how it is; `None` if it need not, or before the close.
    #[must_use]
    pub fn follow_up_at(&self) -> Option<Timestamp> {
        let (at, outcome) = self.closed?;
        follow_up_due(at, outcome, self.is_duress).filter(|_| !self.is_drill)
    }
}

/// Measures an alarm that was raised then, from its events in order. `kind` and `limits` are what its plan says; what is
/// said later of the kind goes before it.
pub fn measure<'a>(
    raised_at: Timestamp,
    events: impl Iterator<Item = (Timestamp, &'a Event)>,
    (kind, limits): (AlarmKind, Option<CaseLimits>),
) -> Measured {
    let mut measured = Measured {
        raised_at,
        group: None,
        kind,
        is_drill: false,
        first_ring_at: None,
        first_key_at: None,
        coming_at: None,
        arrived_at: None,
        cancelled_at: None,
        closed: None,
        is_duress: false,
        limits,
    };
    let mut calls = BTreeSet::new();
    for (at, event) in events {
        take(&mut measured, &mut calls, (at, event));
    }
    measured
}

fn take(measured: &mut Measured, calls: &mut BTreeSet<u32>, (at, event): (Timestamp, &Event)) {
    let first = |known: &mut Option<Timestamp>| {
        known.get_or_insert(at);
    };
    match event {
        Event::Raised { trigger, .. } => {
            measured.group = Some(trigger.group);
            measured.is_drill = trigger.source == TriggerSource::Drill;
        }
        Event::WaveStarted { legs, .. } | Event::LegsOrdered { legs, .. } => {
            let asks =
                |leg: &&LegStart| leg.channel == Channel::Voice && leg.message.calls_for_help();
            calls.extend(legs.iter().filter(asks).map(|leg| leg.leg));
        }
        Event::LegRinging { leg } | Event::LegAnswered { leg } => {
            if calls.contains(leg) {
                first(&mut measured.first_ring_at);
            }
        }
        Event::Acknowledged { means, .. } => {
            first(&mut measured.coming_at);
            key(measured, at, means);
        }
        Event::Arrived { means, .. } => {
            first(&mut measured.arrived_at);
            key(measured, at, means);
        }
        Event::DoorReached => first(&mut measured.arrived_at),
        Event::Declined { means, .. }
        | Event::PoliceCalled { means, .. }
        | Event::SaidMistake { means, .. } => key(measured, at, means),
        Event::KindNamed { matter, .. } => measured.kind = *matter,
        Event::Duress { .. } => measured.is_duress = true,
        Event::Cancelled { .. } => first(&mut measured.cancelled_at),
        Event::Closed { outcome, matter, .. } => {
            measured.closed.get_or_insert((at, *outcome));
            measured.kind = matter.unwrap_or(measured.kind);
        }
        Event::Planned { .. }
        | Event::LegPlaced { .. }
        | Event::SmsAccepted { .. }
        | Event::LegEnded { .. }
        | Event::EnoughComing
        | Event::StillInDanger { .. }
        | Event::Escalated { .. }
        | Event::ReceiptLate { .. }
        | Event::CalledBack { .. }
        | Event::AcknowledgementLapsed { .. }
        | Event::PinRefused { .. }
        | Event::OwnerChanged { .. }
        | Event::Reminded { .. }
        | Event::NoteAdded { .. }
        | Event::TalkJoined { .. }
        | Event::TalkLeft { .. }
        | Event::CloseAsked { .. }
        | Event::ReplyUnclear { .. }
        | Event::SmsRefused { .. }
        | Event::Silenced
        | Event::CalledAgain { .. }
        | Event::PartyAdded { .. }
        | Event::TakenInHand { .. }
        | Event::Yielded { .. } => {}
    }
}

fn key(measured: &mut Measured, at: Timestamp, means: &AnswerMeans) {
    match means {
        AnswerMeans::Key { .. } | AnswerMeans::Reply { .. } | AnswerMeans::Page { .. } => {
            measured.first_key_at.get_or_insert(at);
        }
        AnswerMeans::Api { .. } | AnswerMeans::Line => {}
    }
}
