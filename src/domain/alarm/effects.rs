//! An applied event becomes what it asks of the world. Carries nothing out itself.

mod case;

use super::event::{AnswerMeans, CancelReason, Event, LegStart, LegWhy, PlanWhy};
use super::input::{Effect, ResidentNotice};
use super::state::{Alarm, Leg};
use crate::leg::{Channel, Class, LegOrder, LegOutcome};
use crate::plan::{PartyId, Role};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Alarm {
    /// What `event`, which was just applied, asks of the world. Safe to repeat: legs are known by their ids.
    #[must_use]
    pub fn effects(&self, event: &Event) -> Vec<Effect> {
        match event {
            Event::WaveStarted { wave, legs } => {
                // The first wave, and the one that widens a weak alarm, call households that were not called before.
                let is_news = *wave == 0 || self.pause_waves == 1;
                let news = is_news.then(|| self.help_called(legs)).flatten();
                self.orders(LegWhy::Wave, legs).chain(news).collect()
            }
            Event::LegsOrdered { why: LegWhy::StillInDanger, legs } => {
                self.orders(LegWhy::StillInDanger, legs).chain(self.help_called(legs)).collect()
            }
            Event::LegsOrdered { why, legs } => self.orders(*why, legs).collect(),
            Event::LegEnded { leg, outcome: LegOutcome::Lost } => {
                vec![Effect::CancelLeg { leg: self.leg_id(*leg), reason: CancelReason::Lost }]
            }
            Event::Acknowledged { party, means } => {
                let mut effects = self.acknowledged_effects(*party, means);
                if self.lacks_one() {
                    effects.extend(self.rewords());
                }
                effects
            }
            Event::KindNamed { matter, .. } => {
                self.tell(ResidentNotice::KindHeard { matter: *matter }).into_iter().collect()
            }
            Event::Planned { why: Some(PlanWhy::KindNamed), .. } => self.rewords().collect(),
            Event::Declined { .. } if self.waits_for_others() => self.rewords().collect(),
            Event::EnoughComing => self.enough_effects(),
            Event::Cancelled { .. } => self.cancelled_effects(),
            Event::Closed { .. } => self.over(),
            Event::Duress { .. } => self.duress_effects(),
            Event::PinRefused { .. } => self.tell(ResidentNotice::PinRefused).into_iter().collect(),
            Event::CalledBack { leg } => self.called_back_effects(leg),
            Event::Arrived { .. } | Event::DoorReached => self.arrived_effects(),
            Event::TalkJoined { leg } if self.talk().contains(leg) => {
                vec![Effect::JoinTalk { leg: self.leg_id(*leg) }]
            }
            Event::Raised { .. }
            | Event::Planned { .. }
            | Event::LegPlaced { .. }
            | Event::LegRinging { .. }
            | Event::LegAnswered { .. }
            | Event::SmsAccepted { .. }
            | Event::LegEnded { .. }
            | Event::Declined { .. }
            | Event::PoliceCalled { .. }
            | Event::SaidMistake { .. }
            | Event::StillInDanger { .. }
            | Event::Escalated { .. }
            | Event::ReceiptLate { .. }
            | Event::AcknowledgementLapsed { .. }
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
            | Event::Yielded { .. } => Vec::new(),
        }
    }

    /// A leg as it was ordered, to find it again on the wire after a restart.
    #[must_use]
    pub fn order_of(&self, leg: u32) -> Option<LegOrder> {
        let leg = self.leg(leg)?;
        let start = LegStart {
            leg: leg.number,
            party: leg.party,
            number_index: leg.number_index,
            channel: leg.channel,
            message: leg.message,
        };
        self.leg_order(leg.why, &start)
    }

    /// The calls that nobody answered yet and the messages that did not leave, with the words of today.
    fn rewords(&self) -> impl Iterator<Item = Effect> {
        let is_waiting = |leg: &&Leg| {
            let is_unsaid = match leg.channel {
                Channel::Voice => leg.answered_at.is_none(),
                Channel::Sms => leg.placed_at.is_none() && leg.accepted_at.is_none(),
            };
            leg.is_live() && is_unsaid
        };
        let legs = self.legs.iter().filter(is_waiting);
        legs.filter_map(|leg| self.order_of(leg.number)).map(Effect::Reword)
    }

    fn role(&self, party: PartyId) -> Option<Role> {
        self.plan.party(party).map(|party| party.role)
    }

    fn cancel(&self, reason: CancelReason, is_meant: impl Fn(&Leg) -> bool) -> Vec<Effect> {
        let legs = self.legs.iter().filter(|leg| leg.is_live() && is_meant(leg));
        legs.map(|leg| Effect::CancelLeg { leg: self.leg_id(leg.number), reason }).collect()
    }

    /// The calls to households that are needed no longer; those who listen hear the end. A duty worker's call stays.
    fn enough_effects(&self) -> Vec<Effect> {
        let wanted = self.wanted();
        self.cancel(CancelReason::EnoughComing, |leg| {
            let both = self.plan.party(leg.party).zip(self.party(leg.party));
            let is_meant = both.is_some_and(|(party, state)| {
                let is_needed = state.coming.is_some() || wanted.is(party, state);
                party.role.counts() && !is_needed
            });
            leg.channel == Channel::Voice && is_meant
        })
    }

    fn acknowledged_effects(&self, party: PartyId, means: &AnswerMeans) -> Vec<Effect> {
        let by_leg = match means {
            AnswerMeans::Key { leg } | AnswerMeans::Reply { leg } => Some(*leg),
            AnswerMeans::Api { .. } | AnswerMeans::Page { .. } | AnswerMeans::Line => None,
        };
        let mut effects = Vec::new();
        if self.role(party).is_some_and(Role::counts) {
            effects = self.cancel(CancelReason::AnsweredElsewhere, |leg| {
                leg.channel == Channel::Voice && leg.party == party && Some(leg.number) != by_leg
            });
        }
        let is_first = self.party(party).and_then(|state| state.coming);
        if is_first.is_none_or(|coming| coming.renewals == 0) {
            effects.extend(self.tell(ResidentNotice::Coming { party }));
        }
        effects
    }

    /// Nothing is said on a silent line: an intruder may listen. Under duress nothing is said but what belongs to a cancel.
    fn tell(&self, notice: ResidentNotice) -> Option<Effect> {
        let is_of_cancel = matches!(notice, ResidentNotice::Cancelled | ResidentNotice::PinRefused);
        let is_said = !self.is_silent() && (is_of_cancel || !self.is_under_duress());
        is_said.then_some(Effect::TellResident(notice))
    }

    fn orders(&self, why: LegWhy, legs: &[LegStart]) -> impl Iterator<Item = Effect> {
        legs.iter().filter_map(move |start| self.leg_order(why, start)).map(Effect::Order)
    }

    fn help_called(&self, legs: &[LegStart]) -> Option<Effect> {
        let is_household = |start: &&LegStart| self.role(start.party) == Some(Role::Neighbour);
        let called: BTreeSet<PartyId> =
            legs.iter().filter(is_household).map(|start| start.party).collect();
        let households = u16::try_from(called.len()).unwrap_or(u16::MAX);
        self.tell(ResidentNotice::HelpCalled { households })
    }

    fn leg_order(&self, why: LegWhy, start: &LegStart) -> Option<LegOrder> {
        let party = self.plan.party(start.party)?;
        let number = self.number(start.party, start.number_index)?;
        Some(LegOrder {
            leg: self.leg_id(start.leg),
            channel: start.channel,
            party: start.party,
            role: party.role,
            number_index: start.number_index,
            number: number.plan.number.clone(),
            language: number.plan.language,
            message: start.message,
            along: Vec::new(),
            link: None,
            moment: None,
            coming: self.coming_besides(start.party),
            class: self.class(why, start.party),
            ring_timeout_s: self.plan.policy.ring_timeout_s,
            routes_failed: number.state.routes_failed.clone(),
            plan: Arc::clone(&self.plan),
            raised_at: self.raised_at,
            hand_over: None,
        })
    }

    fn coming_besides(&self, party: PartyId) -> Vec<PartyId> {
        let is_other = |id: &PartyId| *id != party;
        let coming = self.parties().filter(|(_, _, state)| state.coming.is_some());
        coming.map(|(id, _, _)| id).filter(is_other).collect()
    }

    fn class(&self, why: LegWhy, party: PartyId) -> Class {
        let is_first_round = self.party(party).is_some_and(|state| state.rounds <= 1);
        let is_first = match why {
            LegWhy::Wave | LegWhy::NextNumber | LegWhy::OtherRoute => is_first_round,
            LegWhy::StillInDanger
            | LegWhy::Restart
            | LegWhy::Step
            | LegWhy::HandOver
            | LegWhy::Added
            | LegWhy::CallBack => true,
            LegWhy::BusyRetry
            | LegWhy::NoAnswerRetry
            | LegWhy::Notice
            | LegWhy::ReceiptLate
            | LegWhy::ArrivalCheck => false,
        };
        match (is_first, self.has_anybody()) {
            _ if self.plan.is_drill => Class::Drill,
            _ if self.is_over() => Class::Notice,
            (true, _) => Class::First,
            (false, false) => Class::UnansweredRetry,
            (false, true) => Class::Retry,
        }
    }
}
