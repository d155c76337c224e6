//! The task: takes inputs in turns, and feeds each to the alarm that it is for.
//!
//! `turn` commits what the inputs of a turn led to, `act` carries out what was kept.

use super::callers::{CallWord, Numbers};
use super::drills::Teller;
use super::ended::{End, Ended};
use super::live::{Birth, Live, Outcome};
use super::outside::{DutyRequest, Outside};
use super::presses::{SeenPresses, another_key, is_same_press};
use super::turn::{Turn, Waiting, next_kept};
use super::{Inboxes, Load, Ports, Press, Raised, Request};
use crate::store::alarm_log::{Appended, NewEvents};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::{self, Input, Stage, TriggerSource};
use lianfang_domain::bundle::{Building, Bundles};
use lianfang_domain::dispatch::{Dispatch, TooManyRoutes};
use lianfang_domain::id::{AlarmId, LegId, LineId};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::LegReport;
use lianfang_domain::plan::{self, Plan, PlanFor};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Presses taken in one turn: they go first, but a storm of them does not hold up the calls of those before it.
const PRESSES_PER_TURN: usize = 64;
/// Requests of people taken in one turn.
const REQUESTS_PER_TURN: usize = 16;
/// Words of calls in hand taken in one turn: who calls back has time.
const WORDS_PER_TURN: usize = 16;
/// Reports taken in one turn.
const REPORTS_PER_TURN: usize = 256;
/// Legs other than first waves that wait for a slot; beyond it the oldest retries give way.
const LEGS_WAITING_MAX: usize = 100_000;
/// Longest sleep, and pause of an alarm whose deadline changed nothing: signal for speed, scan for safety.
const SCAN_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// See the module.
pub(super) struct Driver {
    pub(super) ports: Ports,
    pub(super) alarms: BTreeMap<AlarmId, Live>,
    /// The newest alarm of a line, until it is closed: a cancelled one still holds the place of its line in the log.
    pub(super) last_by_line: BTreeMap<LineId, AlarmId>,
    pub(super) seen: SeenPresses,
    /// Alarms that are not closed, by the numbers in their plans.
    pub(super) numbers: Numbers,
    /// Alarms that were closed a short while ago.
    pub(super) ended: Ended,
    pub(super) dispatch: Dispatch,
    /// Which legs go in one call.
    pub(super) bundles: Bundles,
    /// Real alarms of a building; a message names them all.
    pub(super) by_building: BTreeMap<Building, BTreeSet<AlarmId>>,
    pub(super) building_of: BTreeMap<AlarmId, Building>,
    /// Alarms that are drills, or were.
    pub(super) drills: BTreeSet<AlarmId>,
    /// Texts of announcements that wait for a slot; there are never more than legs that wait.
    pub(super) notices: BTreeMap<LegId, Arc<str>>,
    /// Who is told how an announcement ended.
    pub(super) tellers: BTreeMap<LegId, Teller>,
    /// What each alarm waits for next, once per alarm; the same as [`Live::timer`].
    timers: BTreeSet<(Timestamp, AlarmId)>,
    /// What this turn led to.
    pub(super) turn: Turn,
    /// Turns whose commit is under way, in order.
    pub(super) waiting: VecDeque<Waiting>,
    /// Records that the log had no room for, to be appended before any other.
    pub(super) backlog: VecDeque<NewEvents>,
    /// What is said to workers outside of alarms.
    pub(super) outside: Outside,
    /// Who wants the figures when the turn is over.
    pub(super) load_asked: Vec<oneshot::Sender<Load>>,
    raised: u32,
}

/// Why the task woke up.
enum Wake {
    Kept(Option<Appended>),
    Press(Press),
    Report(LegId, LegReport),
    Word(CallWord),
    Duty(DutyRequest),
    Request(Request),
    Timer,
    Stop,
}

impl Driver {
    pub(super) fn new(ports: Ports) -> Result<Self, TooManyRoutes> {
        let dispatch = Dispatch::new(ports.routes.clone(), LEGS_WAITING_MAX)?;
        Ok(Self {
            ports,
            alarms: BTreeMap::new(),
            last_by_line: BTreeMap::new(),
            seen: SeenPresses::default(),
            numbers: Numbers::default(),
            ended: Ended::default(),
            dispatch,
            bundles: Bundles::default(),
            by_building: BTreeMap::new(),
            building_of: BTreeMap::new(),
            drills: BTreeSet::new(),
            notices: BTreeMap::new(),
            tellers: BTreeMap::new(),
            timers: BTreeSet::new(),
            turn: Turn::default(),
            waiting: VecDeque::new(),
            backlog: VecDeque::new(),
            outside: Outside::default(),
            load_asked: Vec::new(),
            raised: 0,
        })
    }

    pub(super) async fn run(mut self, mut inboxes: Inboxes, stop: CancellationToken) {
        loop {
            self.on_time();
            self.plan_again_for_shift();
            self.end_turn();
            self.send_legs();
            self.go_outside();
            // Legs that could not leave may have led to others.
            self.end_turn();
            self.answer_load(&inboxes);
            match self.wake(&mut inboxes, &stop).await {
                Wake::Kept(appended) => self.on_kept(appended),
                Wake::Press(press) => self.on_press(press),
                Wake::Report(leg, report) => self.on_report(leg, report),
                Wake::Word(word) => self.on_word(word),
                Wake::Duty(request) => self.on_duty_request(request),
                Wake::Request(request) => self.on_request(request),
                Wake::Timer => {}
                Wake::Stop => return self.farewell(inboxes).await,
            }
            self.take_waiting(&mut inboxes);
        }
    }

    async fn wake(&mut self, inboxes: &mut Inboxes, stop: &CancellationToken) -> Wake {
        let clock = &self.ports.clock;
        let scan_at = clock.now().saturating_add(SCAN_EVERY).unwrap_or(Timestamp::MAX);
        let timer = self.timers.first().map(|(due, _)| *due);
        let planning = self.has_plans_to_make().then_some(Timestamp::MIN);
        let timers = [timer, self.dispatch.poll_timeout(), planning].into_iter().flatten();
        let next = timers.chain([scan_at]).min().unwrap_or(scan_at);
        // Cancel-safe: channels lose nothing, and the receiver of a commit is only borrowed.
        tokio::select! {
            biased;
            () = stop.cancelled() => Wake::Stop,
            appended = next_kept(&mut self.waiting, clock) => Wake::Kept(appended),
            Some(press) = inboxes.presses.recv() => Wake::Press(press),
            Some(request) = inboxes.requests.recv() => Wake::Request(request),
            Some((leg, report)) = inboxes.reports.recv() => Wake::Report(leg, report),
            Some(word) = inboxes.words.recv() => Wake::Word(word),
            Some(request) = inboxes.duty.recv() => Wake::Duty(request),
            () = clock.sleep_until(next) => Wake::Timer,
        }
    }

    /// The share of this turn of everything that waits, presses first; so none can starve another.
    fn take_waiting(&mut self, inboxes: &mut Inboxes) {
        for _ in 0..PRESSES_PER_TURN {
            let Ok(press) = inboxes.presses.try_recv() else { break };
            self.on_press(press);
        }
        for _ in 0..REQUESTS_PER_TURN {
            let Ok(request) = inboxes.requests.try_recv() else { break };
            self.on_request(request);
        }
        for _ in 0..REPORTS_PER_TURN {
            let Ok((leg, report)) = inboxes.reports.try_recv() else { break };
            self.on_report(leg, report);
        }
        for _ in 0..WORDS_PER_TURN {
            let Ok(word) = inboxes.words.try_recv() else { break };
            self.on_word(word);
        }
    }

    /// What was heard before the stop is kept, for the next process to ring: a call that began now would have to be
    /// found and ended by it first.
    async fn farewell(mut self, mut inboxes: Inboxes) {
        inboxes.presses.close();
        inboxes.reports.close();
        while !inboxes.presses.is_empty() || !inboxes.reports.is_empty() {
            self.take_waiting(&mut inboxes);
        }
        self.end_turn();
        while !self.waiting.is_empty() {
            let appended = next_kept(&mut self.waiting, &self.ports.clock).await;
            self.on_kept(appended);
            self.end_turn();
        }
    }

    fn on_press(&mut self, mut press: Press) {
        let now = self.ports.clock.now();
        let told = Arc::clone(&press.trigger.idempotency_key);
        if let Some(alarm) = self.seen.alarm_of(&told) {
            if is_same_press(&press.trigger, alarm, now) {
                self.turn.replies.push((Raised { alarm, is_new: false }, press.reply));
                return;
            }
            press.trigger.idempotency_key = another_key(&press.trigger, now);
        }
        let key = Arc::clone(&press.trigger.idempotency_key);
        let last = self.last_by_line.get(&press.line.line).copied();
        let open = last.filter(|id| {
            let means = self.alarms.get(id).map(|live| live.alarm.takes_another_press(now));
            means == Some(alarm::Press::Again)
        });
        let alarm = match open {
            Some(id) => self.press_again(id, &press),
            None => self.raise(&press, last, now),
        };
        let Some(alarm) = alarm else {
            tracing::error!(line.id = %press.line.line, "The line of a press is not in the directory any more");
            return;
        };
        self.seen.remember(&told, alarm);
        self.seen.remember(&key, alarm);
        self.turn.replies.push((Raised { alarm, is_new: open.is_none() }, press.reply));
    }

    fn raise(
        &mut self,
        press: &Press,
        follows: Option<AlarmId>,
        now: Timestamp,
    ) -> Option<AlarmId> {
        let directory = self.ports.directory.current();
        let wanted = PlanFor {
            kind: press.kind,
            is_drill: press.trigger.source == TriggerSource::Drill,
            now,
            defaults: &self.ports.policy,
        };
        let plan = plan::build(&directory, press.line, &wanted).map(|mut plan| {
            plan.scene.is_silent |= press.is_silent;
            Arc::new(plan)
        });
        // The line may have left the directory since it was recognised: who was rung before still rings.
        let plan = plan.or_else(|| self.real_plan_of(follows?))?;
        let birth = Birth {
            trigger: press.trigger.clone(),
            line: press.line,
            heard_at: press.heard_at,
            plan,
            follows,
        };
        Some(self.bear(birth, now))
    }

    pub(super) fn plan_of(&self, id: AlarmId) -> Option<Arc<Plan>> {
        self.alarms.get(&id).map(|live| Arc::clone(live.alarm.plan()))
    }

    /// A new alarm begins.
    pub(super) fn bear(&mut self, birth: Birth, now: Timestamp) -> AlarmId {
        let id = self.next_id(now);
        if !birth.plan.is_drill {
            self.yield_drills(id, &birth.plan, now);
        }
        self.ports.carriers.prepare(&birth.plan);
        self.last_by_line.insert(birth.line.line, id);
        let (live, outcome) = Live::raise(id, birth, now);
        self.keep(id, live);
        self.take_up(id, outcome);
        id
    }

    fn press_again(&mut self, id: AlarmId, press: &Press) -> Option<AlarmId> {
        let plan = self.plan_again(id, None)?;
        self.ports.carriers.prepare(&plan);
        let input = Input::PressedAgain { trigger: press.trigger.clone(), plan };
        self.feed(id, &input);
        if press.is_silent {
            self.feed(id, &Input::Silence);
        }
        if press.kind != AlarmKind::Unknown {
            self.name_kind(id, press.kind);
        }
        Some(id)
    }

    /// Today's plan of an alarm as its next revision, for what is the matter or what was said before.
    pub(super) fn plan_again(&self, id: AlarmId, matter: Option<AlarmKind>) -> Option<Arc<Plan>> {
        let live = self.alarms.get(&id)?;
        let previous = live.alarm.plan();
        let directory = self.ports.directory.current();
        let mut wanted = PlanFor::again(previous, &self.ports.policy, self.ports.clock.now());
        wanted.kind = matter.unwrap_or(previous.kind);
        let plan = plan::rebuild(previous, &directory, live.line, &wanted);
        // The line may have left the directory since: the old plan still rings.
        let mut plan = plan.unwrap_or_else(|| Plan {
            revision: previous.revision.saturating_add(matter.is_some().into()),
            ..Plan::clone(previous)
        });
        plan.kind = wanted.kind;
        plan.scene.is_silent |= live.alarm.is_silent();
        Some(Arc::new(plan))
    }

    /// Takes an alarm among the live ones.
    pub(super) fn keep(&mut self, id: AlarmId, live: Live) {
        self.numbers.add(id, live.alarm.plan());
        if live.alarm.plan().is_drill {
            self.drills.insert(id);
        }
        self.alarms.insert(id, live);
        self.enter_building(id);
    }

    pub(super) fn next_id(&mut self, now: Timestamp) -> AlarmId {
        self.raised = self.raised.wrapping_add(1);
        let ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
        AlarmId::from_parts(ms, self.ports.node, self.raised)
    }

    fn on_report(&mut self, leg: LegId, report: LegReport) {
        // A message that the provider took needs its slot no longer.
        if matches!(report, LegReport::Ended { .. } | LegReport::Accepted { .. }) {
            self.dispatch.on_ended(leg);
        }
        self.on_notice_report(leg, &report);
        for leg in self.bundles.on_report(leg, &report) {
            self.feed_leg(leg, report.clone());
        }
        if matches!(report, LegReport::Key { key } if key.as_char() == '5') {
            self.talk(leg);
        }
    }

    /// Whoever pressed 5 is let into the talk, or told that they are not. One call has one room, also where it is for several
    /// alarms.
    fn talk(&mut self, leg: LegId) {
        self.feed(leg.alarm, &Input::Talk { leg: leg.number, is_in: true });
        let live = self.alarms.get(&leg.alarm);
        if !live.is_some_and(|live| live.alarm.talk().contains(&leg.number)) {
            self.ports.carriers.refuse_talk(self.bundles.call_of(leg));
        }
    }

    pub(super) fn feed_leg(&mut self, leg: LegId, report: LegReport) {
        if self.take_outside(leg, &report) {
            return;
        }
        self.feed(leg.alarm, &Input::Leg { leg: leg.number, report });
    }

    fn on_request(&mut self, request: Request) {
        match request {
            Request::Act { alarm, action, actor, reply } => {
                self.on_act(alarm, action, actor, reply)
            }
            Request::NameKind { alarm, kind, by } => {
                let input = self.kind_named(alarm, kind, by).ok();
                if let Some(input) = input {
                    self.feed(alarm, &input);
                }
            }
            Request::RouteUp { route, is_up } => {
                self.dispatch.set_route_up(&route, is_up);
            }
            Request::Load { reply } => self.load_asked.push(reply),
            Request::OnRoutes { reply } => {
                // Whoever asked may have given up.
                let _ = reply.send(self.dispatch.copy().map(Box::new));
            }
            Request::TakeOver(open) => self.take_over(open),
            Request::Ended(ends) => self.note_ends(ends),
            Request::Drill { door, reply } => self.on_drill(&door, reply),
            Request::Notices { notices, told, reply } => {
                // Whoever asked may have given up.
                let _ = reply.send(self.on_notices(notices, &told));
            }
        }
    }

    /// Each alarm has one deadline in a turn, so that none can hold up the others.
    fn on_time(&mut self) {
        let now = self.ports.clock.now();
        let mut due = Vec::new();
        while let Some((at, id)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            due.push(id);
        }
        for id in due {
            self.on_timer(id, now);
        }
    }

    fn on_timer(&mut self, id: AlarmId, now: Timestamp) {
        let Some(live) = self.alarms.get_mut(&id) else { return };
        live.timer = None;
        if live.is_past(now) {
            self.clear_away(id);
            return;
        }
        let has_changed = self.feed(id, &Input::TimePassed);
        self.replan(id);
        if has_changed {
            self.set_timer(id, Timestamp::MIN);
        } else {
            // A deadline that changes nothing must not keep the task busy.
            self.set_timer(id, now.saturating_add(SCAN_EVERY).unwrap_or(Timestamp::MAX));
        }
    }

    /// An alarm that has nobody to ring asks for today's plan: somebody may have been added.
    fn replan(&mut self, id: AlarmId) {
        let Some(live) = self.alarms.get(&id).filter(|live| live.alarm.wants_plan()) else {
            return;
        };
        let directory = self.ports.directory.current();
        if directory.resolve(live.line).is_some()
            && let Some(plan) = self.plan_again(id, None)
        {
            self.feed(id, &Input::Replanned { plan });
        }
    }

    /// Whether the input changed anything.
    pub(super) fn feed(&mut self, id: AlarmId, input: &Input) -> bool {
        let now = self.ports.clock.now();
        let outcome = self.alarms.get_mut(&id).and_then(|live| {
            let before = Arc::clone(live.alarm.plan());
            let outcome = live.take(input, now);
            if !Arc::ptr_eq(&before, live.alarm.plan()) {
                self.numbers.add(id, live.alarm.plan());
            }
            outcome
        });
        let has_changed = outcome.is_some();
        if let Some(outcome) = outcome {
            self.take_up(id, outcome);
        }
        has_changed
    }

    fn take_up(&mut self, id: AlarmId, outcome: Outcome) {
        self.turn.records.push(outcome.record);
        self.turn.effects.extend(outcome.effects.into_iter().map(|effect| (id, effect)));
        self.set_timer(id, Timestamp::MIN);
        let Some(live) = self.alarms.get(&id) else { return };
        if let Stage::Closed { at, .. } = live.alarm.stage()
            && let Some(pages) = &self.ports.pages
        {
            pages.closed(id, at);
        }
        let end = End::of(&live.alarm);
        if live.is_closed() && self.last_by_line.get(&live.line.line) == Some(&id) {
            self.last_by_line.remove(&live.line.line);
        }
        if live.is_done() {
            self.remove(id);
        }
        self.note_ends(end);
    }

    /// Notes when the alarm is to hear of the time again, not before `earliest`.
    pub(super) fn set_timer(&mut self, id: AlarmId, earliest: Timestamp) {
        let Some(live) = self.alarms.get_mut(&id) else { return };
        let due = live.due().map(|due| due.max(earliest));
        if let Some(old) = std::mem::replace(&mut live.timer, due) {
            self.timers.remove(&(old, id));
        }
        self.timers.extend(due.map(|due| (due, id)));
    }

    pub(super) fn remove(&mut self, id: AlarmId) -> Option<Live> {
        let live = self.alarms.remove(&id)?;
        self.drills.remove(&id);
        self.numbers.remove(id, live.alarm.plan());
        self.leave_building(id);
        if let Some(due) = live.timer {
            self.timers.remove(&(due, id));
        }
        Some(live)
    }
}
