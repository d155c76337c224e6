//! Random plans with steps, responders, loudspeakers, kinds, hand-overs and drills, and people who answer at random. Time
//! is skipped from one deadline to the next; there is no dispatch and no crash here, `simulation` has those. A failing seed
//! is printed and replays the same story.
//!
//! After every input holds:
//! 1. **No silence.** While an alarm is open, nobody is coming and somebody can be rung, something is scheduled.
//! 2. **Steps in time.** A step whose time has come and whose condition holds was taken.
//! 3. **A loudspeaker never counts**, whatever is keyed there.
//! 4. **Never alone.** Nobody is told to go in before as many are coming as go in together.
//! 5. **Nobody who knows of the alarm lacks the kind** once an update was due.
//! 6. **A drill ends in time**, rings everybody twice at most, and all it orders is of its class.
//!
//! That the checks can fail is proven by faults that are planted on purpose.
#![expect(clippy::unwrap_used, reason = "a test: what must not be ends it")]

use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::*;
use lianfang_domain::digits::Key;
use lianfang_domain::directory::{Address, Language};
use lianfang_domain::id::*;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::{Channel, Class, LegOutcome, LegReport, Message};
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::plan::{
    Party, PartyId, PartyNumber, Plan, Policy, Role, Scene, Step, StepWhen,
};
use std::collections::BTreeSet;
use std::sync::Arc;

const SEEDS: u64 = 600;
const STEPS: usize = 120;

#[test]
fn escalation_keeps_its_laws() {
    for seed in 0..SEEDS {
        if let Err(broken) = Town::new(seed, Fault::None).run() {
            panic!("seed {seed}: {broken}");
        }
    }
}

/// Plants each fault and wants to see the law that it breaks broken.
#[test]
fn planted_faults_of_escalation_are_found() {
    for (fault, law) in [
        (Fault::ForgetSteps, "a step is late"),
        (Fault::TakeHornForNeighbour, "a loudspeaker counts"),
        (Fault::GoOneEarly, "told to go in alone"),
        (Fault::DropUpdates, "does not know the kind"),
        (Fault::DropDeadlines, "silence"),
        (Fault::EndlessDrill, "a drill goes on"),
    ] {
        let found = (0..SEEDS).find_map(|seed| Town::new(seed, fault).run().err());
        let broken = found.unwrap_or_else(|| panic!("{fault:?} was not found"));
        assert!(broken.contains(law), "{fault:?} broke another law: {broken}");
    }
}

/// What is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// A step that is due is forgotten.
    ForgetSteps,
    /// The plan of the alarm takes loudspeakers for neighbours.
    TakeHornForNeighbour,
    /// The plan of the alarm wants one fewer to go in together.
    GoOneEarly,
    /// Nobody sends updates.
    DropUpdates,
    /// Nothing is scheduled at all.
    DropDeadlines,
    /// Drills do not end.
    EndlessDrill,
}

struct Random(u64);

impl Random {
    /// SplitMix64.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % bound
    }

    /// True in so many of a hundred cases.
    fn chance(&mut self, of_hundred: u64) -> bool {
        self.below(100) < of_hundred
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }
}

struct Town {
    random: Random,
    fault: Fault,
    now: Timestamp,
    began: Timestamp,
    /// As it was meant; the alarm may have been given another one.
    together: u16,
    horns: BTreeSet<PartyId>,
    alarm: Alarm,
}

fn number(random: &mut Random, key: &str) -> PartyNumber {
    PartyNumber {
        contact: None,
        name: "person".into(),
        language: Language::Chinese,
        number: PhoneNumber::from_parts(key, key),
        has_voice: random.chance(90),
        has_sms: random.chance(80),
    }
}

fn party(random: &mut Random, role: Role, id: u32, step: u8) -> Party {
    let count = 1 + random.below(2);
    let numbers = (0..count)
        .map(|index| {
            let number = number(random, &format!("{id}-{index}"));
            PartyNumber { has_voice: number.has_voice && role != Role::OwnHousehold, ..number }
        })
        .collect();
    Party {
        role,
        household: matches!(role, Role::Neighbour | Role::OwnHousehold).then_some(HouseholdId(id)),
        worker: (role == Role::DutyWorker).then_some(WorkerId(id)),
        responder: matches!(role, Role::Responder | Role::Loudspeaker).then_some(ResponderId(id)),
        step,
        is_added: false,
        name: "party".into(),
        numbers,
    }
}

fn random_plan(random: &mut Random, is_drill: bool) -> Plan {
    let whens = [
        StepWhen::Always,
        StepWhen::NobodyComing,
        StepWhen::NotEnough,
        StepWhen::NoDutyWorker,
        StepWhen::NobodyArrived,
    ];
    let count = random.below(4) as u8;
    let steps: Vec<Step> = (0..count)
        .map(|_| Step { wait_s: random.pick(&[0, 10, 30, 60, 300]), when: random.pick(&whens) })
        .collect();
    let mut parties = Vec::new();
    if random.chance(80) {
        parties.push(party(random, Role::DutyWorker, 200, 0));
    }
    for id in 0..random.below(5) as u32 {
        parties.push(party(random, Role::Neighbour, id, 0));
    }
    for id in 300..300 + random.below(5) as u32 {
        let role = random.pick(&[Role::DutyWorker, Role::Responder, Role::Loudspeaker]);
        let step = random.below(u64::from(count) + 2) as u8;
        parties.push(party(random, role, id, step));
    }
    parties.push(party(random, Role::OwnHousehold, 100, 0));
    let policy = Policy {
        acknowledgements_wanted: 1 + random.below(3) as u8,
        together: random.pick(&[1, 1, 2, 3]),
        ..Policy::default()
    };
    Plan {
        revision: 1,
        directory_version: 1,
        scene: Scene {
            line: LineId(1),
            household: HouseholdId(100),
            group: GroupId(1),
            grid: GridId(1),
            community: CommunityId(1),
            community_name: "community".into(),
            household_name: "household".into(),
            address: Address::default(),
            pronunciation: None,
            number: PhoneNumber::from_parts("line", "line"),
            language: Language::Chinese,
            is_silent: false,
        },
        parties,
        policy,
        left_out: Vec::new(),
        kind: AlarmKind::Unknown,
        is_drill,
        steps,
        made_by: None,
    }
}

impl Town {
    fn new(seed: u64, fault: Fault) -> Self {
        let mut random = Random(seed);
        let is_drill = random.chance(25);
        let mut plan = random_plan(&mut random, is_drill);
        let together = u16::from(plan.policy.together);
        let horns = plan.parties.iter().enumerate();
        let horns = horns.filter(|(_, party)| party.role == Role::Loudspeaker);
        let horns = horns.map(|(index, _)| PartyId(index as u16)).collect();
        spoil(&mut plan, fault);
        let trigger = Trigger {
            line: LineId(1),
            household: HouseholdId(100),
            group: GroupId(1),
            code: "#9".into(),
            source: TriggerSource::Dialled,
            proof: random.pick(&[Proof::Digest, Proof::Trunk, Proof::Weak]),
            idempotency_key: "key".into(),
        };
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let (alarm, ..) = Alarm::raise(AlarmId(seed), trigger, Arc::new(plan), None, now);
        Self { random, fault, now, began: now, together, horns, alarm }
    }

    fn run(mut self) -> Result<(), String> {
        for _ in 0..STEPS {
            let input = self.next_input()?;
            let Some(input) = input else { return Ok(()) };
            self.input(&input)?;
            self.check()?;
        }
        Ok(())
    }

    fn next_input(&mut self) -> Result<Option<Input>, String> {
        if self.random.chance(12) {
            let input = self.news();
            return Ok(Some(input));
        }
        let live: Vec<(u32, Channel, bool)> = self
            .alarm
            .legs()
            .iter()
            .filter(|leg| leg.is_live() && leg.accepted_at.is_none())
            .map(|leg| (leg.number, leg.channel, leg.placed_at.is_some()))
            .collect();
        if !live.is_empty() && self.random.chance(85) {
            let (leg, channel, is_placed) = self.random.pick(&live);
            let report = self.report(channel, is_placed);
            self.now += SignedDuration::from_secs(self.random.below(9) as i64);
            return Ok(Some(Input::Leg { leg, report }));
        }
        let due = self.alarm.poll_timeout().filter(|_| self.fault != Fault::DropDeadlines);
        let Some((at, _)) = due else {
            let is_drill = self.alarm.plan().is_drill;
            let wants = !self.alarm.is_over() && !self.alarm.is_satisfied() && !is_drill;
            return if wants { Err("silence, and nothing is scheduled".into()) } else { Ok(None) };
        };
        self.now = self.now.max(at);
        Ok(Some(Input::TimePassed))
    }

    fn report(&mut self, channel: Channel, is_placed: bool) -> LegReport {
        if !is_placed {
            return LegReport::Placed { route: "route".into() };
        }
        let key = Key::of_char(self.random.pick(&['1', '1', '2', '3', '7'])).unwrap();
        let ended = |outcome| LegReport::Ended { outcome };
        match (channel, self.random.below(8)) {
            (_, 0) => LegReport::Key { key },
            (Channel::Voice, 1..3) => LegReport::Answered,
            (Channel::Voice, 3) => ended(LegOutcome::Busy),
            (Channel::Voice, 4) => ended(LegOutcome::CarrierFailed),
            (Channel::Voice, 5) => ended(LegOutcome::AnsweredNoKey),
            (Channel::Voice, 6) => ended(LegOutcome::BadNumber),
            (Channel::Voice, _) => ended(LegOutcome::NoAnswer),
            (Channel::Sms, 1..6) => {
                let has_receipts = self.random.chance(60);
                LegReport::Accepted { reference: "SM".into(), has_receipts }
            }
            (Channel::Sms, 6) => ended(LegOutcome::Undelivered),
            (Channel::Sms, _) => ended(LegOutcome::CarrierFailed),
        }
    }

    /// The next revision: somebody may have gone off duty, or another policy may hold.
    fn todays_plan(&mut self) -> Arc<Plan> {
        let is_drill = self.alarm.plan().is_drill;
        let mut today = random_plan(&mut self.random, is_drill);
        today.policy = self.alarm.plan().policy.clone();
        // Roles stay, so that the town knows its loudspeakers.
        today.parties.retain(|party| party.responder.is_none());
        today.parties.extend(
            self.alarm.plan().parties.iter().filter(|party| party.responder.is_some()).cloned(),
        );
        Arc::new(today.succeeding(self.alarm.plan()))
    }

    fn news(&mut self) -> Input {
        let plan = self.todays_plan();
        match self.random.below(6) {
            0..3 => {
                let matter = self.random.pick(&AlarmKind::ALL);
                let plan = Arc::new(Plan { kind: matter, ..(*plan).clone() });
                Input::KindNamed { matter, by: NamedBy::Resident, plan }
            }
            3 => Input::HandedOver { plan },
            4 if !plan.is_drill => {
                Input::PressedAgain { trigger: self.alarm.trigger().clone(), plan }
            }
            4 => Input::TimePassed,
            _ => {
                let party = self.horns.first().copied().unwrap_or(PartyId(99));
                Input::Acknowledge { party, actor: "operator".into() }
            }
        }
    }

    fn input(&mut self, input: &Input) -> Result<(), String> {
        if let Input::KindNamed { plan, .. }
        | Input::HandedOver { plan }
        | Input::PressedAgain { plan, .. } = input
        {
            self.alarm.offer_plan(Arc::clone(plan));
        }
        for event in self.alarm.decide(input, self.now) {
            let is_update = |leg: &LegStart| leg.message == Message::KindNamed;
            let is_lost = match self.fault {
                Fault::ForgetSteps => matches!(event, Event::Escalated { .. }),
                Fault::EndlessDrill => matches!(event, Event::Closed { .. }),
                Fault::DropUpdates => {
                    matches!(&event, Event::LegsOrdered { legs, .. } if legs.iter().any(is_update))
                }
                Fault::None
                | Fault::TakeHornForNeighbour
                | Fault::GoOneEarly
                | Fault::DropDeadlines => false,
            };
            if is_lost {
                continue;
            }
            self.alarm.apply(&event, self.now);
            for effect in self.alarm.effects(&event) {
                self.effect(&effect)?;
            }
        }
        Ok(())
    }

    fn effect(&mut self, effect: &Effect) -> Result<(), String> {
        let Effect::Order(order) = effect else { return Ok(()) };
        if self.alarm.plan().is_drill && order.class != Class::Drill {
            return Err(format!("a drill takes the place of an alarm: {:?}", order.leg));
        }
        if order.message == Message::GoTogether && self.coming() < self.together {
            return Err(format!("{:?} is told to go in alone", order.party));
        }
        Ok(())
    }

    fn coming(&self) -> u16 {
        let coming = self
            .alarm
            .parties()
            .filter(|(_, party, state)| party.role != Role::OwnHousehold && state.coming.is_some());
        coming.count() as u16
    }

    fn check(&self) -> Result<(), String> {
        for horn in &self.horns {
            if self.alarm.party(*horn).is_some_and(|state| state.coming.is_some()) {
                return Err("a loudspeaker counts".into());
            }
        }
        let age = self.now.duration_since(self.began).as_secs();
        if self.alarm.plan().is_drill {
            let is_open = self.alarm.stage() == Stage::Open;
            let is_late = i64::from(self.alarm.plan().policy.drill_s) <= age;
            if is_open && (is_late || 2 < self.alarm.waves()) {
                return Err("a drill goes on".into());
            }
        }
        self.steps_in_time(age)?;
        self.kind_is_known()
    }

    fn steps_in_time(&self, age: i64) -> Result<(), String> {
        let mut due = 0;
        for (step, number) in self.alarm.plan().steps.iter().zip(1_u8..) {
            due += i64::from(step.wait_s);
            let mut parties = self.alarm.parties();
            let holds = match step.when {
                StepWhen::Always => true,
                StepWhen::NobodyComing => self.coming() == 0,
                StepWhen::NotEnough => !self.alarm.has_enough(),
                StepWhen::NoDutyWorker => !self.alarm.has_duty_worker(),
                StepWhen::NobodyArrived => !parties.any(|(_, _, state)| state.arrived_at.is_some()),
            };
            let is_open = self.alarm.stage() == Stage::Open;
            if is_open && holds && due <= age && !self.alarm.is_step_taken(number) {
                return Err(format!("a step is late: {number}"));
            }
        }
        Ok(())
    }

    /// Whoever has a message that was taken before the last change has had an update, or it is to come.
    fn kind_is_known(&self) -> Result<(), String> {
        let is_due = self
            .alarm
            .poll_timeout()
            .is_some_and(|(at, deadline)| deadline == Deadline::Update && at <= self.now);
        if is_due {
            return Err("somebody was told and does not know the kind".into());
        }
        Ok(())
    }
}

/// What is wrong with the plan that the alarm is given.
fn spoil(plan: &mut Plan, fault: Fault) {
    match fault {
        Fault::TakeHornForNeighbour => {
            for party in &mut plan.parties {
                if party.role == Role::Loudspeaker {
                    party.role = Role::Neighbour;
                }
            }
        }
        Fault::GoOneEarly => plan.policy.together = plan.policy.together.saturating_sub(1).max(1),
        Fault::None
        | Fault::ForgetSteps
        | Fault::DropUpdates
        | Fault::DropDeadlines
        | Fault::EndlessDrill => {}
    }
}
