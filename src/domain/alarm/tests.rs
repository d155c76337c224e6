//! Stories of one alarm, read like the incident report. `Story` is the switchboard without a store: it decides, applies
//! and collects effects, and after every step compares the alarm with the fold of its log.

use super::*;
use crate::digits::Key;
use crate::directory::{Address, Language};
use crate::id::*;
use crate::leg::{Channel, Class, LegOrder, LegOutcome, LegReport, Message};
use crate::phone::PhoneNumber;
use crate::plan::{Party, PartyId, PartyNumber, Plan, Policy, Role, Scene};
use std::sync::Arc;

mod arrival;
mod case;
mod desk;
mod drills;
mod elsewhere;
mod escalation;
mod fixtures;
mod followed;
mod handover;
mod late;
mod matter;
mod receipts;
mod replies;
mod stories;
mod together;
mod withdraw;

const DUTY: PartyId = PartyId(0);

pub(super) fn trigger(proof: Proof) -> Trigger {
    Trigger {
        line: LineId(1),
        household: HouseholdId(100),
        group: GroupId(1),
        code: "#9".into(),
        source: TriggerSource::Dialled,
        proof,
        idempotency_key: "call-1;tag-1".into(),
    }
}

fn number(key: &str) -> PartyNumber {
    PartyNumber {
        contact: None,
        name: key.into(),
        language: Language::Chinese,
        number: PhoneNumber::from_parts(key, key),
        // A landline takes no SMS.
        has_voice: true,
        has_sms: !key.starts_with("land"),
    }
}

fn party(role: Role, id: u32, keys: &[&str]) -> Party {
    let is_worker = role == Role::DutyWorker;
    let mut numbers: Vec<PartyNumber> = keys.iter().map(|key| number(key)).collect();
    numbers.iter_mut().for_each(|number| number.has_voice &= role != Role::OwnHousehold);
    Party {
        role,
        household: (!is_worker).then_some(HouseholdId(id)),
        responder: None,
        step: 0,
        is_added: false,
        worker: is_worker.then_some(WorkerId(id)),
        name: format!("party {id}").into(),
        numbers,
    }
}

/// A duty worker, neighbours with these numbers, and the household itself.
pub(crate) fn plan(neighbours: &[&[&str]]) -> Plan {
    let mut parties = vec![party(Role::DutyWorker, 1, &["duty"])];
    for (id, keys) in (1..).zip(neighbours) {
        parties.push(party(Role::Neighbour, id, keys));
    }
    parties.push(party(Role::OwnHousehold, 100, &["son"]));
    Plan {
        revision: 1,
        directory_version: 1,
        scene: Scene {
            line: LineId(1),
            household: HouseholdId(100),
            group: GroupId(1),
            grid: GridId(1),
            community: CommunityId(1),
            community_name: "Wenyuan".into(),
            household_name: "Chen".into(),
            address: Address::default(),
            pronunciation: None,
            number: PhoneNumber::from_parts("line", "line"),
            language: Language::Chinese,
            is_silent: false,
        },
        parties,
        policy: Policy::default(),
        left_out: Vec::new(),
        kind: crate::kind::AlarmKind::Unknown,
        is_drill: false,
        steps: Vec::new(),
        made_by: None,
    }
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

struct Story {
    alarm: Alarm,
    plans: Vec<Arc<Plan>>,
    log: Vec<(Timestamp, Event)>,
    /// Seconds since the press.
    now: i64,
    orders: Vec<LegOrder>,
    cancels: Vec<(u32, CancelReason)>,
    told: Vec<ResidentNotice>,
    reworded: Vec<LegOrder>,
    talking: Vec<u32>,
}

/// An effect without the plan that it carries.
fn gist(effect: &Effect) -> String {
    match effect {
        Effect::Order(order) => format!("order {} {:?}", order.leg, order.message),
        Effect::CancelLeg { leg, reason } => format!("cancel {leg} {reason:?}"),
        Effect::Reword(order) => format!("reword {}", order.leg),
        Effect::JoinTalk { leg } => format!("join {leg}"),
        Effect::TellResident(notice) => format!("tell {notice:?}"),
    }
}

impl Story {
    fn begin(plan: Plan, proof: Proof) -> Self {
        let plan = Arc::new(plan);
        let (alarm, events, _) =
            Alarm::raise(AlarmId(1), trigger(proof), Arc::clone(&plan), None, at(0));
        let mut story = Self {
            alarm,
            plans: vec![plan],
            log: Vec::new(),
            now: 0,
            orders: Vec::new(),
            cancels: Vec::new(),
            told: Vec::new(),
            reworded: Vec::new(),
            talking: Vec::new(),
        };
        for event in events {
            story.carry_out(&event);
            story.log.push((at(0), event));
        }
        story.check();
        story
    }

    /// #9 with three neighbours of one mobile each.
    fn small() -> Self {
        Self::begin(plan(&[&["bob"], &["eve"], &["joe"]]), Proof::Digest)
    }

    fn carry_out(&mut self, event: &Event) {
        for effect in self.alarm.effects(event) {
            match effect {
                Effect::Order(order) => self.orders.push(order),
                Effect::CancelLeg { leg, reason } => self.cancels.push((leg.number, reason)),
                Effect::TellResident(notice) => self.told.push(notice),
                Effect::Reword(order) => self.reworded.push(order),
                Effect::JoinTalk { leg } => self.talking.push(leg.number),
            }
        }
    }

    fn input(&mut self, input: &Input) -> Vec<Event> {
        let mut taken = self.alarm.clone();
        let (events, effects) = taken.take(input, at(self.now));
        assert_eq!(events, self.alarm.decide(input, at(self.now)));
        let mut asked_for = Vec::new();
        if let Input::PressedAgain { plan, .. }
        | Input::Replanned { plan }
        | Input::KindNamed { plan, .. }
        | Input::AddParty { plan, .. }
        | Input::HandedOver { plan } = input
            && events.iter().any(|event| matches!(event, Event::Planned { .. }))
        {
            self.plans.push(Arc::clone(plan));
        }
        for event in &events {
            if let Event::Planned { .. } = event {
                self.alarm.offer_plan(Arc::clone(self.plans.last().unwrap()));
            }
            self.alarm.apply(event, at(self.now));
            asked_for.extend(self.alarm.effects(event).iter().map(gist));
            self.carry_out(event);
            self.log.push((at(self.now), event.clone()));
        }
        // Taken up at once or event by event is the same.
        assert_eq!(taken, self.alarm);
        assert_eq!(effects.iter().map(gist).collect::<Vec<_>>(), asked_for);
        self.check();
        events
    }

    fn check(&self) {
        // A log of days is compared now and then, a short one always.
        if 300 < self.log.len() && !self.log.len().is_multiple_of(64) {
            return;
        }
        let log = self.log.iter().map(|(at, event)| (*at, event));
        let folded = Alarm::fold(AlarmId(1), &self.plans, log).unwrap();
        assert_eq!(folded, self.alarm, "the log tells another story");
    }

    /// Today's plan as the next revision, after a change.
    fn next_plan(&self, change: impl FnOnce(&mut Plan)) -> Arc<Plan> {
        let mut today = (**self.alarm.plan()).clone();
        change(&mut today);
        Arc::new(today.succeeding(self.alarm.plan()))
    }

    fn tell(&mut self, leg: u32, report: LegReport) -> Vec<Event> {
        self.input(&Input::Leg { leg, report })
    }

    fn ends(&mut self, leg: u32, outcome: LegOutcome) -> Vec<Event> {
        self.tell(leg, LegReport::Ended { outcome })
    }

    fn presses(&mut self, leg: u32, key: char) -> Vec<Event> {
        self.tell(leg, LegReport::Key { key: Key::of_char(key).unwrap() })
    }

    /// Lets time pass, waking the alarm at each of its deadlines.
    fn pass(&mut self, seconds: i64) {
        let end = self.now + seconds;
        for _ in 0..10_000 {
            match self.alarm.poll_timeout() {
                Some((due, _)) if due <= at(end) => {
                    self.now = self.now.max(due.duration_since(at(0)).as_secs());
                    self.input(&Input::TimePassed);
                }
                Some(_) | None => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("a deadline does not move on: {:?}", self.alarm.poll_timeout());
    }

    /// The live leg to this number.
    fn leg(&self, key: &str, channel: Channel) -> u32 {
        let is_meant = |leg: &&Leg| {
            let number = self.alarm.number(leg.party, leg.number_index);
            let is_same = number.is_some_and(|number| number.plan.number.key() == key);
            is_same && leg.channel == channel && leg.is_live()
        };
        self.alarm.legs().iter().rev().find(is_meant).map(|leg| leg.number).unwrap_or_else(|| {
            panic!("no {channel:?} leg to {key} at {} s: {:?}", self.now, self.alarm.legs())
        })
    }

    fn voice(&self, key: &str) -> u32 {
        self.leg(key, Channel::Voice)
    }

    fn sms(&self, key: &str) -> u32 {
        self.leg(key, Channel::Sms)
    }

    /// The orders since this was asked last.
    fn fresh(&mut self) -> Vec<String> {
        self.orders.drain(..).map(|order| name(&order)).collect()
    }

    fn fresh_orders(&mut self) -> Vec<LegOrder> {
        std::mem::take(&mut self.orders)
    }

    fn is_cancelled(&self, leg: u32, reason: CancelReason) -> bool {
        self.cancels.contains(&(leg, reason))
    }

    /// Every phone rings in vain and is told so, until the time is over. Returns who was called.
    fn rings_in_vain(&mut self, seconds: i64) -> Vec<(i64, String)> {
        let end = self.now + seconds;
        let mut called = Vec::new();
        while self.now < end {
            let live: Vec<u32> = self
                .alarm
                .legs()
                .iter()
                .filter(|leg| leg.is_live() && leg.channel == Channel::Voice)
                .map(|leg| leg.number)
                .collect();
            for leg in live {
                self.tell(leg, LegReport::Ringing);
                self.ends(leg, LegOutcome::NoAnswer);
            }
            let now = self.now;
            called.extend(self.fresh().into_iter().map(|name| (now, name)));
            let next = self
                .alarm
                .poll_timeout()
                .map_or(end, |(due, _)| due.duration_since(at(0)).as_secs().max(self.now));
            self.pass((next.min(end) - self.now).max(0));
            if end <= next {
                break;
            }
        }
        called
    }
}

/// Taken by a provider that tells no more.
fn accepted() -> LegReport {
    LegReport::Accepted { reference: "r".into(), has_receipts: false }
}

fn name(order: &LegOrder) -> String {
    let channel = match order.channel {
        Channel::Voice => "call",
        Channel::Sms => "sms",
    };
    format!("{channel} {} {:?}", order.number.key(), order.message)
}
