//! What follows the answers, at random: PINs, call-backs, pages, the door, the talk, the case. And the laws of it.

use super::*;
use lianfang_domain::alarm::{AnswerMeans, LegStart, PinVerdict, ResidentNotice, WithdrawMeans};

/// Wrong PINs after which every PIN is refused.
const PINS_WRONG_MAX: u8 = 5;

/// What the town knows of the PINs, apart from the alarm.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pins {
    wrong: u8,
    /// The duress PIN was taken: from then on only an operator or a duty worker ends the alarm.
    pub(super) is_forced: bool,
}

impl Town {
    /// Something that comes by no leg of ours.
    pub(super) fn elsewhere(&mut self) -> Input {
        let actor: Arc<str> = "operator".into();
        let parties = self.alarm.plan().parties.len() as u64 + 1;
        let party = lianfang_domain::plan::PartyId(self.random.below(parties) as u16);
        let number_index = self.random.below(3) as u8;
        match self.random.below(12) {
            0 | 1 => self.pin(),
            2..5 => Input::CalledBack { party, number_index },
            5..8 => {
                let key = self.random.pick(&['1', '1', '2', '3', '4', '6', '6', '7']);
                let means = if self.random.chance(600) {
                    AnswerMeans::Page { number_index }
                } else {
                    AnswerMeans::Api { actor }
                };
                Input::Answered { party, key: Key::of_char(key).unwrap(), means }
            }
            8 if self.random.chance(300) => Input::DoorReached,
            8 | 9 => {
                let legs = self.alarm.legs();
                let leg = legs.get(self.random.below(legs.len() as u64 + 1) as usize);
                let leg = leg.map_or(u32::MAX, |leg| leg.number);
                Input::Talk { leg, is_in: self.random.chance(700) }
            }
            10 => Input::ChangeOwner { party, actor },
            _ => Input::Note { note: self.random.below(9) as u32, actor },
        }
    }

    fn pin(&mut self) -> Input {
        let means = if self.random.chance(500) {
            WithdrawMeans::Resident
        } else {
            WithdrawMeans::CallBack { number_index: 0 }
        };
        let kinds = [PinVerdict::Right, PinVerdict::Duress, PinVerdict::Duress, PinVerdict::Wrong];
        Input::Withdraw { means, verdict: self.random.pick(&kinds) }
    }

    /// What is wrong with the input on purpose.
    pub(super) fn spoil(&self, input: &Input) -> Option<Input> {
        let Input::Withdraw { means, verdict: PinVerdict::Duress } = input else { return None };
        (self.fault == Fault::TakeDuressForRight)
            .then(|| Input::Withdraw { means: means.clone(), verdict: PinVerdict::Right })
    }

    /// Remembers what was keyed, once it is sure that the alarm has heard it.
    pub(super) fn remember_pin(&mut self, input: &Input) {
        let Input::Withdraw { verdict, .. } = input else { return };
        if matches!(self.alarm.stage(), Stage::Closed { .. }) {
            return;
        }
        match verdict {
            PinVerdict::Wrong => self.pins.wrong += u8::from(!self.alarm.is_over()),
            PinVerdict::Duress => self.pins.is_forced |= self.pins.wrong < PINS_WRONG_MAX,
            PinVerdict::Right => {}
        }
    }

    /// Who calls back hears the words, presses a key or none, and hangs up.
    pub(super) fn caller(&mut self, event: &Event) {
        let Event::CalledBack { leg } = event else { return };
        let leg = LegId { alarm: self.alarm.id(), number: leg.leg };
        if self.random.chance(700) {
            let key = self.random.pick(&['1', '1', '2', '3', '4', '6', '7', '9']);
            self.later(5000, leg, LegReport::Key { key: Key::of_char(key).unwrap() });
        }
        let outcome = self.random.pick(&[LegOutcome::Answered, LegOutcome::AnsweredNoKey]);
        self.later(15_000, leg, LegReport::Ended { outcome });
    }

    /// Decisions that are wrong on purpose.
    pub(super) fn spoil_events(&self, input: &Input, events: &mut Vec<Event>) {
        if self.fault == Fault::ServeNothing && matches!(input, Input::TimePassed) {
            events.clear();
        }
        let is_enough = self.alarm.has_enough() && !self.alarm.is_over();
        if self.fault == Fault::CallThoughEnough && is_enough && events.is_empty() {
            let is_neighbour = |party: &Party| party.role == Role::Neighbour && party.has_voice();
            let found = self.alarm.parties().find(|(_, party, _)| is_neighbour(party));
            let Some((party, known, _)) = found else { return };
            let index = known.numbers.iter().position(|number| number.has_voice).unwrap();
            let leg = self.alarm.legs().last().map_or(1, |leg| leg.number + 1);
            let (number_index, channel) = (index as u8, Channel::Voice);
            let legs =
                vec![LegStart { leg, party, number_index, channel, message: Message::Alarm }];
            events.push(Event::LegsOrdered { why: LegWhy::Wave, legs });
        }
    }

    /// Effects that are wrong on purpose.
    pub(super) fn spoil_effects(&self, event: &Event, effects: &mut Vec<Effect>) {
        if self.fault == Fault::CancelTheDutyWorker && *event == Event::EnoughComing {
            let is_duty = |leg: &&Leg| {
                let party = self.alarm.plan().party(leg.party);
                let is_worker = party.is_some_and(|party| party.role == Role::DutyWorker);
                is_worker && leg.channel == Channel::Voice && leg.is_live()
            };
            let alarm = self.alarm.id();
            effects.extend(self.alarm.legs().iter().filter(is_duty).map(|leg| {
                let leg = LegId { alarm, number: leg.number };
                Effect::CancelLeg { leg, reason: CancelReason::EnoughComing }
            }));
        }
        let Event::Acknowledged { party, .. } = event else { return };
        let is_spoiled = self.fault == Fault::TellTheSilent && self.alarm.plan().scene.is_silent
            || self.fault == Fault::TellTheForced && self.alarm.duress_at().is_some();
        if is_spoiled {
            effects.push(Effect::TellResident(ResidentNotice::Coming { party: *party }));
        }
    }

    /// After a crash, what is in the log is not done again.
    pub(super) fn repeat_talk(&mut self) -> Result<(), Broken> {
        if self.fault != Fault::RepeatTalk {
            return Ok(());
        }
        let joined: Vec<u32> = self
            .log
            .iter()
            .filter_map(|(_, event)| {
                let Event::TalkJoined { leg } = event else { return None };
                Some(*leg)
            })
            .collect();
        let alarm = self.alarm.id();
        for number in joined {
            self.act(vec![Effect::JoinTalk { leg: LegId { alarm, number } }])?;
        }
        Ok(())
    }

    /// What must hold of an effect before it is carried out.
    pub(super) fn laws_of_effect(&self, effect: &Effect) -> Result<(), Broken> {
        let is_forced = self.alarm.duress_at().is_some();
        match effect {
            Effect::TellResident(notice) => {
                let is_of_cancel =
                    matches!(notice, ResidentNotice::Cancelled | ResidentNotice::PinRefused);
                if self.alarm.plan().scene.is_silent || is_forced && !is_of_cancel {
                    return Err(format!("the resident hears what tells: {notice:?}"));
                }
            }
            Effect::Order(order) => {
                let is_own = order.role == Role::OwnHousehold;
                if is_forced && is_own && order.message != Message::Cancelled {
                    return Err(format!("the household reads what tells: {:?}", order.message));
                }
            }
            Effect::JoinTalk { leg } => {
                let is_live = self.alarm.leg(leg.number).is_some_and(Leg::is_live);
                if !is_live || is_forced || 8 < self.alarm.talk().len() {
                    return Err("somebody joins the talk who must not".into());
                }
            }
            Effect::CancelLeg { leg, reason: CancelReason::AlarmOver } if !self.alarm.is_over() => {
                let Some(known) = self.alarm.leg(leg.number) else { return Ok(()) };
                let role = self.alarm.plan().party(known.party).map(|party| party.role);
                let is_quiet = matches!(role, Some(Role::OwnHousehold | Role::Loudspeaker))
                    || known.message == Message::Cancelled
                    || self.alarm.talk().contains(&leg.number);
                if !is_quiet {
                    return Err("duress stopped a call".into());
                }
            }
            Effect::CancelLeg { .. } | Effect::Reword(_) => {}
        }
        Ok(())
    }

    /// What must hold of a decision as a whole.
    pub(super) fn laws_of_batch(&self, events: &[Event]) -> Result<(), Broken> {
        let has_lapse =
            events.iter().any(|event| matches!(event, Event::AcknowledgementLapsed { .. }));
        let has_wave = events.iter().any(|event| matches!(event, Event::WaveStarted { .. }));
        if has_lapse && !has_wave && !self.alarm.has_enough() {
            return Err("a lapsed acknowledgement called nobody".into());
        }
        let by_pin = |event: &Event| {
            let Event::Cancelled { means, .. } = event else { return false };
            !matches!(means, None | Some(WithdrawMeans::Api { .. }))
        };
        if self.pins.is_forced && events.iter().any(by_pin) {
            return Err("duress stopped the ringing".into());
        }
        Ok(())
    }

    /// Whoever says that they are coming is asked in time, and counts no longer if they do not answer.
    pub(super) fn is_believed_for_ever(&self) -> Result<(), Broken> {
        if self.alarm.is_over() || self.alarm.arrived_at().is_some() {
            return Ok(());
        }
        let policy = &self.alarm.plan().policy;
        let patience = u64::from(policy.arrival_s) + 2 * u64::from(policy.arrival_grace_s);
        let patience = SignedDuration::from_secs(patience as i64);
        let coming = self.alarm.parties().filter(|(_, party, _)| party.role != Role::OwnHousehold);
        let is_dropped =
            |deadline| self.fault == Fault::DropArrivals && deadline == Deadline::Arrival;
        let timeout = self.due().filter(|(_, deadline)| !is_dropped(*deadline));
        // A cancel that was no cancel stopped the time.
        let is_duress = |(_, event): &&(Timestamp, Event)| matches!(event, Event::Duress { .. });
        let opened_at = self.log.iter().rev().find(is_duress).map(|(at, _)| *at);
        for (id, _, state) in coming {
            let Some(coming) = state.coming else { continue };
            let since = opened_at.map_or(coming.at, |at| at.max(coming.at));
            if patience < self.now.duration_since(since) || timeout.is_none() {
                return Err(format!("{id:?} is believed for ever: {coming:?}"));
            }
        }
        Ok(())
    }
}
