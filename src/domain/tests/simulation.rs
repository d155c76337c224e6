//! A seed is a whole story: a random group, random people at the phones, carriers that fail, double, delay and contradict
//! themselves, crashes at any point, #9 again, operators. Time is skipped from one deadline to the next. A failing seed is
//! printed and replays the same story.
//!
//! After every step holds:
//! 1. **No silence.** While the alarm is open and too few are coming, a phone is being called or something is due
//!    within ten minutes.
//! 2. **One call per number.** Never are two calls of ours under way to one number.
//! 3. **Budgets.** No number is called more often in any hour than the policy says; calls that never rang do not count.
//! 4. **Enough is enough.** No neighbour is called while enough are coming, or somebody is at the door.
//! 5. **The duty worker's call stays** until the alarm is over, unless a crash lost it.
//! 6. **Everyone told is told of the cancel.**
//! 7. **The log is the alarm.** Folding the log gives the live state.
//! 8. **No spinning.** A deadline that was served lies in the future or is gone.
//! 9. **Nobody is believed for ever.** Who is coming and not there is asked in time, or counts no longer.
//! 10. **A lapse reopens.** When too few are left, others are called at once.
//! 11. **Duress stops nothing.** No PIN ends the alarm after the duress PIN, and no call to anybody who helps.
//! 12. **Nothing tells.** A silent line hears nothing; under duress the household hears and reads of a cancel alone.
//! 13. **The talk is not repeated.** Only a live leg joins, eight at most, nobody under duress or after a crash.
//!
//! That the checks can fail is proven by faults that are planted on purpose.
#![expect(clippy::unwrap_used, reason = "a test: what must not be ends it")]

use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::{
    Alarm, CancelReason, CloseOutcome, Deadline, Effect, Event, Input, Leg, LegWhy, Press, Proof,
    Stage, Trigger, TriggerSource,
};
use lianfang_domain::digits::Key;
use lianfang_domain::directory::{Address, Language};
use lianfang_domain::dispatch::{Dispatch, Pushed, Route};
use lianfang_domain::id::*;
use lianfang_domain::leg::{Channel, LegOrder, LegOutcome, LegReport, Message};
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::plan::{Party, PartyNumber, Plan, Policy, Role, Scene};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[path = "simulation/followed.rs"]
mod followed;

/// Stories that CI pays for; `SIMULATION_SEEDS` asks for more.
const SEEDS: u64 = 10_000;
/// Stories in which a planted fault has to show.
const SEEDS_OF_FAULTS: u64 = 4000;
const STEPS: usize = 160;

#[test]
#[expect(clippy::disallowed_methods, reason = "the rate is measured, and decides nothing")]
fn no_story_ends_in_silence_unacknowledged() {
    let asked = std::env::var("SIMULATION_SEEDS").ok();
    let seeds = asked.and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let began = std::time::Instant::now();
    let share = |core: u64| -> Result<usize, Broken> {
        let mut steps = 0;
        for seed in (core..seeds).step_by(cores as usize) {
            let story = Town::new(seed, Fault::None).and_then(Town::run);
            steps += story.map_err(|broken| format!("seed {seed}: {broken}"))?;
        }
        Ok(steps)
    };
    let steps: usize = std::thread::scope(|scope| {
        let shares: Vec<_> = (0..cores).map(|core| scope.spawn(move || share(core))).collect();
        shares.into_iter().map(|share| share.join().unwrap().unwrap()).sum()
    });
    let seconds = began.elapsed().as_secs_f64();
    let rate = seeds as f64 * 60.0 / seconds;
    println!(
        "{seeds} stories of {steps} steps in {seconds:.1} s on {cores} cores: {rate:.0} a minute"
    );
}

/// Plants each fault and wants to see the law that it breaks broken.
#[test]
fn planted_faults_are_found() {
    for (fault, law) in [
        (Fault::DropWaves, "silence"),
        (Fault::KeepOrphans, "two calls"),
        (Fault::ForgetEnds, "the log"),
        (Fault::DropCancelNotices, "not told of the cancel"),
        (Fault::DropArrivals, "believed for ever"),
        (Fault::StayClosed, "lapsed acknowledgement called nobody"),
        (Fault::TakeDuressForRight, "duress stopped the ringing"),
        (Fault::TellTheSilent, "hears what tells"),
        (Fault::TellTheForced, "hears what tells"),
        (Fault::RepeatTalk, "joins the talk"),
        (Fault::RaiseBudgets, "is called too often"),
        (Fault::CallThoughEnough, "is called though enough are coming"),
        (Fault::CancelTheDutyWorker, "the duty worker's call was cancelled"),
        (Fault::ServeNothing, "was served and is due again"),
    ] {
        let found =
            (0..SEEDS_OF_FAULTS).find_map(|seed| Town::new(seed, fault).and_then(Town::run).err());
        let broken = found.unwrap_or_else(|| panic!("{fault:?} was not found"));
        assert!(broken.contains(law), "{fault:?} broke another law: {broken}");
    }
}

/// What is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// The deadlines of waves are lost.
    DropWaves,
    /// After a crash nobody ends what still rings.
    KeepOrphans,
    /// Ends of legs are not written into the log.
    ForgetEnds,
    /// Nobody sends what is said after a cancel.
    DropCancelNotices,
    /// Nobody is asked whether they are there.
    DropArrivals,
    /// A lapse is noted, and the wave after it is not started.
    StayClosed,
    /// The duress PIN is taken for the right one.
    TakeDuressForRight,
    /// A silent line is told who is coming.
    TellTheSilent,
    /// A resident under duress is told who is coming.
    TellTheForced,
    /// After a crash everybody who ever joined the talk joins it again.
    RepeatTalk,
    /// The plan allows more calls than the town does.
    RaiseBudgets,
    /// A neighbour is called once more though enough are coming.
    CallThoughEnough,
    /// With the neighbours' calls the duty worker's ends too.
    CancelTheDutyWorker,
    /// What is due is looked at, and nothing is done.
    ServeNothing,
}

struct Random(u64);

impl Random {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True in so many of a thousand cases.
    fn chance(&mut self, of_thousand: u64) -> bool {
        self.below(1000) < of_thousand
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }
}

type Broken = String;

/// A group, its phones, the carriers, and a switchboard without a store.
struct Town {
    random: Random,
    fault: Fault,
    now: Timestamp,
    alarm: Alarm,
    plans: Vec<Arc<Plan>>,
    log: Vec<(Timestamp, Event)>,
    dispatch: Dispatch,
    /// What carriers will tell, by time.
    reports: BTreeMap<(Timestamp, u64), (LegId, LegReport)>,
    /// Calls at the carrier, by number.
    calls: BTreeMap<String, LegId>,
    sequence: u64,
    /// An operator asked for the calls of this moment, whatever is enough.
    is_asked_for: bool,
    pins: followed::Pins,
    /// What the alarm waits for, asked once for each of its states.
    due: OnceCell<Option<(Timestamp, Deadline)>>,
}

fn trigger(proof: Proof) -> Trigger {
    Trigger {
        line: LineId(1),
        household: HouseholdId(100),
        group: GroupId(1),
        code: "#9".into(),
        source: TriggerSource::Dialled,
        proof,
        idempotency_key: "key".into(),
    }
}

fn party(random: &mut Random, role: Role, id: u32) -> Party {
    let is_worker = role == Role::DutyWorker;
    // Two parties may have one telephone, such as a worker who is a neighbour.
    let is_shared = random.chance(150);
    let number = |(index, kind): (usize, u64)| PartyNumber {
        contact: None,
        name: "person".into(),
        language: Language::Chinese,
        number: {
            let is_shared = is_shared && index == 0;
            let key = if is_shared { "shared".to_owned() } else { format!("{id}-{index}") };
            PhoneNumber::from_parts(&key, &key)
        },
        has_voice: role != Role::OwnHousehold && kind != 0,
        has_sms: kind != 1,
    };
    let count = random.below(4);
    let kinds: Vec<u64> = (0..count).map(|_| random.below(5)).collect();
    Party {
        role,
        household: (!is_worker).then_some(HouseholdId(id)),
        responder: None,
        step: 0,
        is_added: false,
        worker: is_worker.then_some(WorkerId(id)),
        name: "party".into(),
        numbers: kinds.into_iter().enumerate().map(number).collect(),
    }
}

fn random_plan(random: &mut Random) -> Plan {
    let mut parties = Vec::new();
    for id in 0..random.below(3) as u32 {
        parties.push(party(random, Role::DutyWorker, 200 + id));
    }
    for id in 0..random.below(6) as u32 {
        parties.push(party(random, Role::Neighbour, id));
    }
    parties.push(party(random, Role::OwnHousehold, 100));
    let wanted = 1 + random.below(3) as u8;
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
            is_silent: random.chance(100),
        },
        parties,
        policy: Policy { acknowledgements_wanted: wanted, ..Policy::default() },
        left_out: Vec::new(),
        kind: lianfang_domain::kind::AlarmKind::Unknown,
        is_drill: false,
        steps: Vec::new(),
        made_by: None,
    }
}

fn dispatch(random: &mut Random) -> Dispatch {
    let route = |name: &str, channel, per_second: u64, channels: u64| Route {
        name: name.into(),
        channel,
        per_second: per_second as u32,
        channels: channels as u32,
        callee_budgets: Vec::new(),
        preference: 1,
    };
    let routes = vec![
        route("a", Channel::Voice, 1 + random.below(5), 1 + random.below(8)),
        route("b", Channel::Voice, 1 + random.below(5), 1 + random.below(8)),
        route("sms", Channel::Sms, 1 + random.below(9), 5),
    ];
    Dispatch::new(routes, 30).unwrap()
}

impl Town {
    fn new(seed: u64, fault: Fault) -> Result<Self, Broken> {
        let mut random = Random(seed);
        let mut plan = random_plan(&mut random);
        if fault == Fault::RaiseBudgets {
            plan.policy.calls_per_hour_max = u16::MAX;
            plan.policy.duty_calls_per_hour_max = u16::MAX;
        }
        let plan = Arc::new(plan);
        let proof = random.pick(&[Proof::Digest, Proof::Trunk, Proof::Weak]);
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_800_000_000);
        let (alarm, events, _) =
            Alarm::raise(AlarmId(seed), trigger(proof), Arc::clone(&plan), None, now);
        let dispatch = dispatch(&mut random);
        let mut town = Self {
            random,
            fault,
            now,
            alarm,
            plans: vec![plan],
            log: Vec::new(),
            dispatch,
            reports: BTreeMap::new(),
            calls: BTreeMap::new(),
            sequence: 0,
            is_asked_for: false,
            pins: followed::Pins::default(),
            due: OnceCell::new(),
        };
        town.log.extend(events.iter().map(|event| (now, event.clone())));
        for event in &events {
            let effects = town.alarm.effects(event);
            town.act(effects)?;
        }
        Ok(town)
    }

    fn run(mut self) -> Result<usize, Broken> {
        for step in 0..STEPS {
            self.place()?;
            let Some(next) = self.next_time() else { return Ok(step) };
            self.now = self.now.max(next);
            self.step()?;
            self.place()?;
            self.check(step)?;
        }
        Ok(STEPS)
    }

    fn due(&self) -> Option<(Timestamp, Deadline)> {
        *self.due.get_or_init(|| self.alarm.poll_timeout())
    }

    fn timeout(&self) -> Option<(Timestamp, Deadline)> {
        let is_dropped = |deadline| match deadline {
            Deadline::Wave | Deadline::DutyWave => self.fault == Fault::DropWaves,
            Deadline::Widen
            | Deadline::Step
            | Deadline::Retry
            | Deadline::LegOverdue
            | Deadline::Notice
            | Deadline::Receipt
            | Deadline::Update
            | Deadline::DrillEnd
            | Deadline::Close => false,
            Deadline::Arrival => self.fault == Fault::DropArrivals,
        };
        self.due().filter(|(_, deadline)| !is_dropped(*deadline))
    }

    fn next_time(&self) -> Option<Timestamp> {
        let reports = self.reports.first_key_value().map(|((at, _), _)| *at);
        let alarm = self.timeout().map(|(at, _)| at);
        [reports, alarm, self.dispatch.poll_timeout()].into_iter().flatten().min()
    }

    /// One thing happens: something unforeseen, a report, or a deadline.
    fn step(&mut self) -> Result<(), Broken> {
        if self.random.chance(25) {
            return self.restart();
        }
        if self.random.chance(25) {
            let input = self.intervention();
            return self.input(&input);
        }
        if self.random.chance(50) {
            let input = self.elsewhere();
            return self.input(&input);
        }
        if let Some(entry) = self.reports.first_entry()
            && entry.key().0 <= self.now
        {
            let (leg, report) = entry.remove();
            return self.report(leg, report);
        }
        if self.timeout().is_some_and(|(at, _)| at <= self.now) {
            // A crash may swallow it; three do not.
            for _ in 0..3 {
                self.input(&Input::TimePassed)?;
                if self.timeout().is_none_or(|(at, _)| self.now < at) {
                    break;
                }
            }
            if let Some((at, deadline)) = self.timeout()
                && at <= self.now
            {
                return Err(format!("{deadline:?} was served and is due again"));
            }
            if self.alarm.wants_plan() {
                let plan = self.todays_plan();
                return self.input(&Input::Replanned { plan });
            }
        }
        Ok(())
    }

    /// The next revision: somebody may have gone off duty or got a new number.
    fn todays_plan(&mut self) -> Arc<Plan> {
        let mut today = random_plan(&mut self.random);
        today.policy = self.alarm.plan().policy.clone();
        Arc::new(today.succeeding(self.alarm.plan()))
    }

    fn intervention(&mut self) -> Input {
        let actor: Arc<str> = "operator".into();
        let parties = self.alarm.plan().parties.len() as u64 + 1;
        let party = lianfang_domain::plan::PartyId(self.random.below(parties) as u16);
        match self.random.below(15) {
            0..4 if self.alarm.takes_another_press(self.now) == Press::Again => {
                let proof = self.random.pick(&[Proof::Weak, Proof::Digest]);
                Input::PressedAgain { trigger: trigger(proof), plan: self.todays_plan() }
            }
            4..6 => Input::Acknowledge { party, actor },
            6 => Input::Arrive { party, actor },
            7..9 => Input::Cancel { actor },
            9 => Input::Close { actor, outcome: CloseOutcome::Unknown, matter: None },
            10 => Input::CallAgain { actor },
            11 => self.one_more(actor),
            12 => Input::TakeInHand { actor },
            _ => Input::TimePassed,
        }
    }

    /// Somebody is called besides: of the plan, or a stranger to it.
    fn one_more(&mut self, actor: Arc<str>) -> Input {
        let mut plan = Plan::clone(self.alarm.plan());
        plan.revision += 1;
        let place = self.random.below(plan.parties.len() as u64 + 1) as usize;
        if place == plan.parties.len() {
            plan.parties.extend(random_plan(&mut self.random).parties.into_iter().take(1));
        }
        let party = lianfang_domain::plan::PartyId(place as u16);
        if let Some(added) = plan.parties.get_mut(place) {
            (added.is_added, added.step) = (true, 0);
        }
        Input::AddParty { party, actor, plan: Arc::new(plan) }
    }

    fn report(&mut self, leg: LegId, report: LegReport) -> Result<(), Broken> {
        let is_end = matches!(report, LegReport::Ended { .. });
        let is_taken = matches!(report, LegReport::Accepted { .. });
        if is_end {
            self.calls.retain(|_, call| *call != leg);
        }
        if is_end || is_taken {
            self.dispatch.on_ended(leg);
        }
        self.input(&Input::Leg { leg: leg.number, report })
    }

    /// An input that is taken up at once leaves what its events leave one by one.
    fn is_taken_as_applied(
        &self,
        taken: &Alarm,
        events: &[Event],
        input: &Input,
    ) -> Result<(), Broken> {
        let mut alarm = self.alarm.clone();
        for event in events {
            if let (
                Event::Planned { .. },
                Input::PressedAgain { plan, .. }
                | Input::Replanned { plan }
                | Input::AddParty { plan, .. },
            ) = (event, input)
            {
                alarm.offer_plan(Arc::clone(plan));
            }
            alarm.apply(event, self.now);
        }
        if alarm == *taken { Ok(()) } else { Err(format!("{input:?} is taken up otherwise")) }
    }

    /// Decide, commit, apply, act; and crashes in between.
    fn input(&mut self, input: &Input) -> Result<(), Broken> {
        let spoiled = self.spoil(input);
        let mut taken = self.alarm.clone();
        let (mut events, _) = taken.take(spoiled.as_ref().unwrap_or(input), self.now);
        self.is_taken_as_applied(&taken, &events, input)?;
        if self.random.chance(5) {
            return self.restart(); // Before the commit: the input is lost.
        }
        self.spoil_events(input, &mut events);
        let has_lapse =
            events.iter().any(|event| matches!(event, Event::AcknowledgementLapsed { .. }));
        if has_lapse && self.fault == Fault::StayClosed {
            events.retain(|event| !matches!(event, Event::WaveStarted { .. }));
        }
        self.remember_pin(input);
        self.is_asked_for = matches!(input, Input::CallAgain { .. } | Input::AddParty { .. });
        if let Input::PressedAgain { plan, .. }
        | Input::Replanned { plan }
        | Input::AddParty { plan, .. } = input
        {
            self.plans.retain(|known| known.revision < plan.revision);
            self.plans.push(Arc::clone(plan));
        }
        for event in &events {
            let is_end = matches!(event, Event::LegEnded { .. });
            if !(is_end && self.fault == Fault::ForgetEnds) {
                self.log.push((self.now, event.clone()));
            }
        }
        if self.random.chance(5) {
            // After the commit: recovery repeats what the last batch wanted to end, and Restarted does the rest.
            self.fold_from_log()?;
            self.repeat_cancels(&events)?;
            return self.after_fold();
        }
        for event in &events {
            self.laws_of(event)?;
            if let Event::Planned { revision, .. } = event {
                let plan = self.plans.iter().find(|plan| plan.revision == *revision).cloned();
                self.alarm.offer_plan(plan.ok_or("a plan that nobody made")?);
            }
            self.alarm.apply(event, self.now);
            self.due.take();
            let mut effects = self.alarm.effects(event);
            self.spoil_effects(event, &mut effects);
            self.caller(event);
            self.act(effects)?;
        }
        self.laws_of_batch(&events)?;
        self.is_cancel_told(&events)
    }

    fn repeat_cancels(&mut self, events: &[Event]) -> Result<(), Broken> {
        for event in events {
            let effects = self.alarm.effects(event);
            let is_cancel = |effect: &Effect| matches!(effect, Effect::CancelLeg { .. });
            self.act(effects.into_iter().filter(is_cancel).collect())?;
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Broken> {
        self.fold_from_log()?;
        self.after_fold()
    }

    fn fold_from_log(&mut self) -> Result<(), Broken> {
        let log = self.log.iter().map(|(at, event)| (*at, event));
        let id = self.alarm.id();
        self.alarm = Alarm::fold(id, &self.plans, log).map_err(|error| error.to_string())?;
        self.due.take();
        self.dispatch = dispatch(&mut self.random);
        // The process is gone, and with it what carriers would have told; the phones ring on.
        self.reports.clear();
        Ok(())
    }

    fn after_fold(&mut self) -> Result<(), Broken> {
        if self.fault == Fault::KeepOrphans {
            let calls = self.calls.clone();
            self.input(&Input::Restarted)?;
            self.calls.extend(calls);
            return Ok(());
        }
        self.input(&Input::Restarted)?;
        self.repeat_talk()
    }

    fn act(&mut self, effects: Vec<Effect>) -> Result<(), Broken> {
        for effect in effects {
            self.laws_of_effect(&effect)?;
            match effect {
                Effect::Order(order) => {
                    let is_notice = order.message == Message::Cancelled;
                    if is_notice && self.fault == Fault::DropCancelNotices {
                        continue;
                    }
                    if let Pushed::Shed(shed) = self.dispatch.push(order, self.now) {
                        let outcome = LegOutcome::Cancelled;
                        self.later(0, shed.leg, LegReport::Ended { outcome });
                    }
                }
                Effect::CancelLeg { leg, reason } => self.cancel(leg, reason)?,
                Effect::TellResident(_) | Effect::Reword(_) | Effect::JoinTalk { .. } => {}
            }
        }
        Ok(())
    }

    fn cancel(&mut self, leg: LegId, reason: CancelReason) -> Result<(), Broken> {
        let known = self.alarm.leg(leg.number).map(|leg| leg.party);
        let role = known.and_then(|party| self.alarm.plan().party(party)).map(|party| party.role);
        // Their own call to us makes ours needless.
        let is_there = |other: &&Leg| other.why == LegWhy::CallBack && Some(other.party) == known;
        let calls_back = self.alarm.legs().iter().filter(is_there).any(Leg::is_live);
        let is_allowed = matches!(reason, CancelReason::AlarmOver | CancelReason::Lost)
            || reason == CancelReason::AnsweredElsewhere && calls_back;
        if role == Some(Role::DutyWorker) && !is_allowed {
            return Err(format!("the duty worker's call was cancelled: {reason:?}"));
        }
        let has_waited = self.dispatch.withdraw(leg).is_some();
        if reason == CancelReason::Lost {
            self.calls.retain(|_, call| *call != leg);
            self.dispatch.on_ended(leg);
            self.reports.retain(|_, (other, _)| *other != leg);
            return Ok(());
        }
        let outcome = LegOutcome::Cancelled;
        if has_waited {
            self.later(0, leg, LegReport::Ended { outcome });
        } else if self.calls.values().any(|call| *call == leg) {
            self.reports.retain(|_, (other, _)| *other != leg);
            if self.random.chance(200) {
                // They pressed at the same instant.
                let key = Key::of_char('1').unwrap();
                self.later(50, leg, LegReport::Key { key });
            }
            self.later(100, leg, LegReport::Ended { outcome });
        }
        Ok(())
    }

    /// Hands what dispatch lets go to the carriers.
    fn place(&mut self) -> Result<(), Broken> {
        while let Some((order, route)) = self.dispatch.poll(self.now) {
            if order.channel == Channel::Voice {
                let before = self.calls.insert(order.number.key().to_owned(), order.leg);
                if before.is_some() {
                    return Err(format!("two calls to {}", order.number.key()));
                }
            }
            self.later(0, order.leg, LegReport::Placed { route });
            match order.channel {
                Channel::Voice => self.phone(&order),
                Channel::Sms => self.mobile(&order),
            }
        }
        Ok(())
    }

    fn later(&mut self, ms: i64, leg: LegId, report: LegReport) {
        let times = if self.random.chance(50) { 2 } else { 1 };
        for _ in 0..times {
            self.sequence += 1;
            let delay = if times == 2 { self.random.below(3000) as i64 } else { 0 };
            let at = self.now + SignedDuration::from_millis(ms + delay);
            self.reports.insert((at, self.sequence), (leg, report.clone()));
        }
    }

    fn phone(&mut self, order: &LegOrder) {
        let leg = order.leg;
        let ends = |outcome| LegReport::Ended { outcome };
        match self.random.below(20) {
            0..3 => self.later(1500, leg, ends(LegOutcome::Busy)),
            3..5 => self.later(300, leg, ends(LegOutcome::CarrierFailed)),
            5 => self.later(500, leg, ends(LegOutcome::Declined)),
            6 if self.random.chance(300) => self.later(500, leg, ends(LegOutcome::BadNumber)),
            7 => self.later(1500, leg, LegReport::Ringing), // And nothing more is ever heard.
            8..13 => {
                self.later(1500, leg, LegReport::Ringing);
                self.later(40_000, leg, ends(LegOutcome::NoAnswer));
            }
            13..16 => {
                self.later(2000, leg, LegReport::Ringing);
                self.later(25_000, leg, LegReport::Answered);
                self.later(60_000, leg, ends(LegOutcome::AnsweredNoKey));
            }
            _ => {
                let key = self.random.pick(&['1', '1', '1', '2', '3', '4', '7', '9', '#']);
                let key = Key::of_char(key).unwrap();
                let outcome = self.random.pick(&[
                    LegOutcome::Answered,
                    LegOutcome::AnsweredNoKey,
                    LegOutcome::CarrierFailed,
                ]);
                self.later(1500, leg, LegReport::Ringing);
                self.later(8000, leg, LegReport::Answered);
                self.later(15_000, leg, LegReport::Key { key });
                self.later(20_000, leg, ends(outcome));
            }
        }
    }

    fn mobile(&mut self, order: &LegOrder) {
        let leg = order.leg;
        let outcome = self.random.pick(&[
            LegOutcome::Sent,
            LegOutcome::Sent,
            LegOutcome::Delivered,
            LegOutcome::Undelivered,
            LegOutcome::CarrierFailed,
            LegOutcome::OptedOut,
            LegOutcome::NoSms,
        ]);
        let has_receipts = self.random.chance(500);
        if self.random.chance(700) {
            self.later(400, leg, LegReport::Accepted { reference: "SM".into(), has_receipts });
        }
        self.later(2000, leg, LegReport::Ended { outcome });
        if self.random.chance(100) {
            let key = Key::of_char(self.random.pick(&['1', '2', '3'])).unwrap();
            self.later(60_000, leg, LegReport::Key { key });
        }
        if self.random.chance(60) {
            self.later(30_000, leg, LegReport::Unclear);
            let is_refusal = self.random.chance(500);
            let last = if is_refusal { LegReport::OptedOut } else { LegReport::Unclear };
            self.later(45_000, leg, last);
        }
    }

    /// What must hold before an event is applied.
    fn laws_of(&self, event: &Event) -> Result<(), Broken> {
        let (Event::WaveStarted { legs, .. } | Event::LegsOrdered { legs, .. }) = event else {
            return Ok(());
        };
        for leg in legs.iter().filter(|leg| leg.channel == Channel::Voice) {
            // What is said once to those who know of the alarm is not rationed.
            let is_notice = matches!(event, Event::LegsOrdered { why: LegWhy::Notice, .. });
            if leg.message == Message::Cancelled || is_notice {
                continue;
            }
            let plan = self.alarm.plan();
            let party = plan.party(leg.party).ok_or("nobody is called")?;
            let role = party.role;
            let is_household = matches!(role, Role::Neighbour | Role::Responder);
            let is_enough = self.alarm.has_enough() || self.alarm.arrived_at().is_some();
            let is_asked_for = self.is_asked_for || party.is_added;
            if is_household && leg.message.calls_for_help() && is_enough && !is_asked_for {
                return Err(format!("{:?} is called though enough are coming", leg.party));
            }
            // What the town wants, whatever the plan says.
            let policy = Policy::default();
            let max = match role {
                Role::DutyWorker => policy.duty_calls_per_hour_max,
                Role::Neighbour | Role::Responder | Role::Loudspeaker => policy.calls_per_hour_max,
                Role::OwnHousehold => return Err("the household itself is called".into()),
            };
            let is_counted = |other: &&Leg| {
                let is_same = other.party == leg.party && other.number_index == leg.number_index;
                let is_recent =
                    self.now.duration_since(other.ordered_at) < SignedDuration::from_hours(1);
                let rang = other.ringing_at.is_some() || other.answered_at.is_some();
                let was_busy = other.ended.is_some_and(|(_, how)| how == LegOutcome::Busy);
                let is_rationed = !matches!(other.why, LegWhy::Notice | LegWhy::CallBack)
                    && other.message != Message::Cancelled;
                let is_counted = other.channel == Channel::Voice && is_rationed;
                is_counted && is_same && is_recent && (rang || was_busy)
            };
            if usize::from(max) <= self.alarm.legs().iter().filter(is_counted).count() {
                return Err(format!("{:?} is called too often", leg.party));
            }
        }
        Ok(())
    }

    /// After a cancel everybody who knew of the alarm has a notice on its way, or was listening.
    fn is_cancel_told(&self, events: &[Event]) -> Result<(), Broken> {
        if !events.iter().any(|event| matches!(event, Event::Cancelled { .. })) {
            return Ok(());
        }
        let is_wrong = |party, index| {
            self.alarm.legs().iter().any(|leg| {
                let is_same = (leg.party, leg.number_index) == (party, index);
                let is_call = leg.channel == Channel::Voice;
                is_same && is_call && leg.ended.is_some_and(|(_, how)| how == LegOutcome::BadNumber)
            })
        };
        // Without any telephone that takes a call or a message nobody can be told.
        let has_way = |party| {
            let numbers = self.alarm.plan().party(party).map(|party| &party.numbers);
            (0..).zip(numbers.into_iter().flatten()).any(|(index, number)| {
                let is_sms_taken = number.has_sms && !self.alarm.refuses_sms(party, index);
                number.has_voice && !is_wrong(party, index) || is_sms_taken
            })
        };
        let told: BTreeSet<_> = self
            .alarm
            .legs()
            .iter()
            .filter(|leg| leg.accepted_at.is_some() || leg.answered_at.is_some())
            .map(|leg| leg.party)
            // Under duress the household has its notice already, and without a mobile it is not called.
            .filter(|party| {
                let role = self.alarm.plan().party(*party).map(|party| party.role);
                role != Some(Role::OwnHousehold)
            })
            .collect();
        for party in told {
            let mut legs = self.alarm.legs().iter().filter(|leg| leg.party == party);
            let has_notice = |leg: &Leg| {
                let id = LegId { alarm: self.alarm.id(), number: leg.number };
                // Shed, it is ordered again in a minute.
                let is_shed = self.reports.values().any(|(other, _)| *other == id);
                let goes_out = self.dispatch.is_known(id) || is_shed;
                let listens = leg.answered_at.is_some() && leg.is_live();
                leg.message == Message::Cancelled && goes_out || listens
            };
            if has_way(party) && !legs.any(has_notice) {
                return Err(format!("{party:?} is not told of the cancel"));
            }
        }
        Ok(())
    }

    fn check(&self, step: usize) -> Result<(), Broken> {
        let is_calling =
            self.alarm.legs().iter().any(|leg| leg.is_live() && leg.channel == Channel::Voice);
        let soon = self.now + SignedDuration::from_mins(10);
        let is_due = self.timeout().is_some_and(|(at, _)| at <= soon);
        if !self.alarm.is_over() && !self.alarm.is_satisfied() && !is_calling && !is_due {
            return Err("silence, and nobody is coming".into());
        }
        self.is_believed_for_ever()?;
        if step.is_multiple_of(40) {
            let log = self.log.iter().map(|(at, event)| (*at, event));
            let folded = Alarm::fold(self.alarm.id(), &self.plans, log);
            if folded.as_ref() != Ok(&self.alarm) {
                return Err("the log tells another story".into());
            }
        }
        Ok(())
    }
}
