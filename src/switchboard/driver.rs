//! The task: takes inputs in turns, commits what a turn led to in one append, acts when it is kept.

use super::live::{Live, Outcome};
use super::presses::SeenPresses;
use super::{Act, ActError, Action, Inboxes, Load, Ports, Press, Raised, Reply, Request};
use crate::store::alarm_log::{AppendError, Appended, Kept, NewEvents};
use jiff::Timestamp;
use lianfang_domain::alarm::{self, Alarm, CancelReason, Effect, Input, Stage};
use lianfang_domain::dispatch::{Dispatch, Pushed, TooManyRoutes};
use lianfang_domain::id::{AlarmId, LegId, LineId};
use lianfang_domain::leg::{LegOrder, LegOutcome, LegReport};
use lianfang_domain::plan;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Inputs of one kind taken in one turn, so that a storm of reports holds up no press.
const TURN_MAX: usize = 256;
/// Legs other than first waves that wait for a slot; beyond it the oldest retries give way.
const LEGS_WAITING_MAX: usize = 100_000;
/// Longest sleep: bounds what a lost timer could cost (signal for speed, scan for safety).
const SCAN_EVERY: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Driver {
    pub(super) ports: Ports,
    pub(super) alarms: HashMap<AlarmId, Live>,
    pub(super) open_by_line: BTreeMap<LineId, AlarmId>,
    pub(super) seen: SeenPresses,
    dispatch: Dispatch,
    timers: BinaryHeap<Reverse<(Timestamp, AlarmId)>>,
    /// What this turn led to.
    turn: Turn,
    /// Turns whose commit is under way, in order.
    waiting: VecDeque<Waiting>,
    raised: u32,
}

#[derive(Default)]
struct Turn {
    records: Vec<NewEvents>,
    effects: Vec<(AlarmId, Effect)>,
    replies: Vec<(AlarmId, bool, Reply)>,
    acts: Vec<oneshot::Sender<Result<(), ActError>>>,
}

struct Waiting {
    kept: oneshot::Receiver<Appended>,
    deadline: Timestamp,
    /// Alarms of the records, in order.
    alarms: Vec<(AlarmId, bool)>,
    turn: Turn,
}

/// Why the task woke up.
enum Wake {
    Kept(Option<Appended>),
    Press(Press),
    Report(LegId, LegReport),
    Request(Request),
    Timer,
    Stop,
}

impl Driver {
    pub(super) fn new(ports: Ports) -> Result<Self, TooManyRoutes> {
        let dispatch = Dispatch::new(ports.routes.clone(), LEGS_WAITING_MAX)?;
        Ok(Self {
            ports,
            alarms: HashMap::new(),
            open_by_line: BTreeMap::new(),
            seen: SeenPresses::default(),
            dispatch,
            timers: BinaryHeap::new(),
            turn: Turn::default(),
            waiting: VecDeque::new(),
            raised: 0,
        })
    }

    pub(super) async fn run(mut self, mut inboxes: Inboxes, stop: CancellationToken) {
        self.end_turn();
        self.send_legs();
        loop {
            match self.wake(&mut inboxes, &stop).await {
                Wake::Kept(appended) => self.on_kept(appended),
                Wake::Press(press) => {
                    self.on_press(press);
                    // Every press that waits goes before any report.
                    while let Ok(press) = inboxes.presses.try_recv() {
                        self.on_press(press);
                    }
                }
                Wake::Report(leg, report) => {
                    self.on_report(leg, report);
                    for _ in 1..TURN_MAX {
                        let Ok((leg, report)) = inboxes.reports.try_recv() else { break };
                        self.on_report(leg, report);
                    }
                }
                Wake::Request(request) => self.on_request(request),
                Wake::Timer => {}
                Wake::Stop => return,
            }
            self.on_time();
            self.end_turn();
            self.send_legs();
        }
    }

    async fn wake(&mut self, inboxes: &mut Inboxes, stop: &CancellationToken) -> Wake {
        let now = self.ports.clock.now();
        let next = self.next_timer().map_or(SCAN_EVERY, |due| until(now, due).min(SCAN_EVERY));
        let (kept_by, kept) = match self.waiting.front_mut() {
            Some(waiting) => (until(now, waiting.deadline), Some(&mut waiting.kept)),
            None => (SCAN_EVERY, None),
        };
        let kept = async {
            match kept {
                Some(kept) => tokio::time::timeout(kept_by, kept).await.ok().and_then(Result::ok),
                None => std::future::pending().await,
            }
        };
        // Cancel-safe: channels lose nothing, and the receiver of a commit is only borrowed.
        tokio::select! {
            biased;
            appended = kept => Wake::Kept(appended),
            Some(press) = inboxes.presses.recv() => Wake::Press(press),
            Some(request) = inboxes.requests.recv() => Wake::Request(request),
            Some((leg, report)) = inboxes.reports.recv() => Wake::Report(leg, report),
            () = tokio::time::sleep(next) => Wake::Timer,
            () = stop.cancelled() => Wake::Stop,
        }
    }

    fn next_timer(&self) -> Option<Timestamp> {
        let alarm = self.timers.peek().map(|Reverse((due, _))| *due);
        [alarm, self.dispatch.poll_timeout()].into_iter().flatten().min()
    }

    fn on_press(&mut self, press: Press) {
        let now = self.ports.clock.now();
        let key = Arc::clone(&press.trigger.idempotency_key);
        if let Some(alarm) = self.seen.alarm_of(&key) {
            (press.reply)(Raised { alarm, is_new: false });
            return;
        }
        let open = self.open_by_line.get(&press.line.line).copied();
        let previous =
            open.and_then(|id| Some((id, self.alarms.get(&id)?.alarm.takes_another_press(now))));
        let alarm = match previous {
            Some((id, alarm::Press::Again)) => self.press_again(id, &press),
            Some((id, alarm::Press::NewAlarm)) => self.raise(&press, Some(id), now),
            None => self.raise(&press, None, now),
        };
        let Some(alarm) = alarm else {
            tracing::error!(line.id = %press.line.line, "The line of a press is not in the directory any more");
            return;
        };
        self.seen.remember(&key, alarm);
        let is_new = open != Some(alarm);
        self.turn.replies.push((alarm, is_new, press.reply));
    }

    fn raise(
        &mut self,
        press: &Press,
        follows: Option<AlarmId>,
        now: Timestamp,
    ) -> Option<AlarmId> {
        let directory = self.ports.directory.current();
        let plan = Arc::new(plan::build(&directory, press.line, 1, &self.ports.policy)?);
        let id = self.next_id(now);
        let (alarm, events) = Alarm::raise(id, press.trigger.clone(), plan, follows, now);
        let (live, outcome) = Live::raise(alarm, events, press.line, press.heard_at, now);
        self.ports.carriers.prepare(live.alarm.plan());
        self.alarms.insert(id, live);
        self.open_by_line.insert(press.line.line, id);
        self.take_up(id, outcome);
        Some(id)
    }

    fn press_again(&mut self, id: AlarmId, press: &Press) -> Option<AlarmId> {
        let previous = Arc::clone(self.alarms.get(&id)?.alarm.plan());
        let directory = self.ports.directory.current();
        let plan = plan::rebuild(&previous, &directory, press.line, &self.ports.policy);
        // The line may have left the directory since: the old plan still rings.
        let plan = plan.map_or(previous, Arc::new);
        self.ports.carriers.prepare(&plan);
        let input = Input::PressedAgain { trigger: press.trigger.clone(), plan };
        self.feed(id, &input);
        Some(id)
    }

    fn next_id(&mut self, now: Timestamp) -> AlarmId {
        self.raised = self.raised.wrapping_add(1);
        let ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
        AlarmId::from_parts(ms, self.ports.node, self.raised)
    }

    fn on_report(&mut self, leg: LegId, report: LegReport) {
        // A message that the provider took needs its slot no longer.
        if matches!(report, LegReport::Ended { .. } | LegReport::Accepted { .. }) {
            self.dispatch.on_ended(leg);
        }
        self.feed(leg.alarm, &Input::Leg { leg: leg.number, report });
    }

    fn on_request(&mut self, request: Request) {
        match request {
            Request::Act { alarm, action, actor, reply } => {
                self.on_act(alarm, action, actor, reply)
            }
            Request::RouteUp { route, is_up } => {
                self.dispatch.set_route_up(&route, is_up);
            }
            Request::Load { reply } => {
                let open_alarms = self.open_by_line.len();
                // Whoever asked may have given up.
                let _ =
                    reply.send(Load { open_alarms, legs_waiting: self.dispatch.waiting_in_all() });
            }
        }
    }

    fn on_act(&mut self, id: AlarmId, action: Action, actor: Arc<str>, reply: Act) {
        let result = match self.alarms.get(&id) {
            None => Err(ActError::NotOpen),
            Some(live) => input_of(&live.alarm, action, actor),
        };
        let answer = match result {
            Err(error) => Err(error),
            Ok(input) if self.feed(id, &input) => {
                self.turn.acts.push(reply);
                return;
            }
            Ok(_) => Err(ActError::NothingChanged),
        };
        // Whoever asked may have given up.
        let _ = reply.send(answer);
    }

    fn on_time(&mut self) {
        let now = self.ports.clock.now();
        while let Some(Reverse((due, id))) = self.timers.peek().copied() {
            if now < due {
                break;
            }
            self.timers.pop();
            let is_due = self.alarms.get(&id).and_then(|live| live.alarm.poll_timeout());
            if is_due.is_some_and(|(due, _)| due <= now) {
                self.feed(id, &Input::TimePassed);
                self.replan(id);
            }
            self.set_timer(id);
        }
    }

    /// An alarm that has nobody to ring asks for today's plan: somebody may have been added.
    fn replan(&mut self, id: AlarmId) {
        let Some(live) = self.alarms.get(&id).filter(|live| live.alarm.wants_plan()) else {
            return;
        };
        let directory = self.ports.directory.current();
        let plan = plan::rebuild(live.alarm.plan(), &directory, live.line, &self.ports.policy);
        if let Some(plan) = plan {
            self.feed(id, &Input::Replanned { plan: Arc::new(plan) });
        }
    }

    /// Whether the input changed anything.
    pub(super) fn feed(&mut self, id: AlarmId, input: &Input) -> bool {
        let now = self.ports.clock.now();
        let outcome = self.alarms.get_mut(&id).and_then(|live| live.take(input, now));
        let has_changed = outcome.is_some();
        if let Some(outcome) = outcome {
            self.take_up(id, outcome);
        }
        has_changed
    }

    fn take_up(&mut self, id: AlarmId, outcome: Outcome) {
        self.turn.records.push(outcome.record);
        self.turn.effects.extend(outcome.effects.into_iter().map(|effect| (id, effect)));
        self.set_timer(id);
        let over = self.alarms.get(&id).filter(|live| live.alarm.is_over());
        if let Some(live) = over {
            let line = live.line.line;
            if self.open_by_line.get(&line) == Some(&id) {
                self.open_by_line.remove(&line);
            }
        }
        if self.alarms.get(&id).is_some_and(|live| is_done(&live.alarm)) {
            self.alarms.remove(&id);
        }
    }

    pub(super) fn set_timer(&mut self, id: AlarmId) {
        let due = self.alarms.get(&id).and_then(|live| live.alarm.poll_timeout());
        if let Some((due, _)) = due {
            self.timers.push(Reverse((due, id)));
        }
    }

    /// Hands what the turn led to to the log. What is to be done waits for it.
    fn end_turn(&mut self) {
        // Acting may lead to more: a leg that no route takes fails at once.
        while !self.turn.is_empty() {
            let turn = std::mem::take(&mut self.turn);
            self.commit(turn);
        }
    }

    fn commit(&mut self, mut turn: Turn) {
        if turn.records.is_empty() {
            self.act(turn);
            return;
        }
        let records = std::mem::take(&mut turn.records);
        let alarms = records.iter().map(|record| (record.alarm, record.opened.is_some())).collect();
        match self.ports.log.append(records) {
            Ok(kept) => {
                let wait = jiff::SignedDuration::try_from(self.ports.commit_deadline);
                let deadline = self.ports.clock.now() + wait.unwrap_or(jiff::SignedDuration::ZERO);
                self.waiting.push_back(Waiting { kept, deadline, alarms, turn });
            }
            Err(error) => {
                self.shout(&error);
                self.act(turn);
            }
        }
    }

    /// The log takes nothing: we ring all the same, and everybody who looks must see it.
    #[expect(clippy::unused_self, reason = "reads as one of the driver's steps")]
    fn shout(&self, error: &AppendError) {
        metrics::counter!("lianfang_alarm_uncommitted_total").increment(1);
        tracing::error!(%error, "Acting on events that are not stored");
    }

    fn on_kept(&mut self, appended: Option<Appended>) {
        let Some(mut waiting) = self.waiting.pop_front() else { return };
        let now = self.ports.clock.now();
        match appended {
            None => {
                metrics::counter!("lianfang_commit_late_total").increment(1);
                tracing::error!("The disk is slower than the commit deadline, acting all the same");
            }
            Some(appended) => {
                for ((id, is_opening), kept) in
                    std::mem::take(&mut waiting.alarms).into_iter().zip(appended.kept)
                {
                    if let Some(other) = self.on_kept_alarm(id, is_opening, kept, now) {
                        waiting.turn.give_over(id, other);
                    }
                }
            }
        }
        self.act(waiting.turn);
    }

    /// Returns the alarm of another process that was first.
    fn on_kept_alarm(
        &mut self,
        id: AlarmId,
        is_opening: bool,
        kept: Kept,
        now: Timestamp,
    ) -> Option<AlarmId> {
        match kept {
            Kept::Committed | Kept::Journalled if is_opening => {
                if let Some(live) = self.alarms.get(&id) {
                    live.measure.on_committed(now);
                }
            }
            Kept::Committed | Kept::Journalled => {}
            Kept::InMemory | Kept::Nowhere => {
                metrics::counter!("lianfang_alarm_uncommitted_total").increment(1);
            }
            Kept::SamePress { alarm } | Kept::LineHasAlarm { alarm } => {
                // Another process was first. Its alarm rings; ours would ring everybody twice.
                tracing::warn!(alarm.id = %id, other = %alarm, "The press belongs to an alarm of another process");
                self.forget(id);
                return Some(alarm);
            }
        }
        None
    }

    fn forget(&mut self, id: AlarmId) {
        if let Some(live) = self.alarms.remove(&id)
            && self.open_by_line.get(&live.line.line) == Some(&id)
        {
            self.open_by_line.remove(&live.line.line);
        }
    }

    fn act(&mut self, turn: Turn) {
        for (id, effect) in turn.effects {
            if self.alarms.contains_key(&id) || !matches!(effect, Effect::Order(_)) {
                self.perform(id, effect);
            }
        }
        for (alarm, is_new, reply) in turn.replies {
            reply(Raised { alarm, is_new });
        }
        for reply in turn.acts {
            // Whoever asked may have given up.
            let _ = reply.send(Ok(()));
        }
    }

    fn perform(&mut self, id: AlarmId, effect: Effect) {
        let now = self.ports.clock.now();
        match effect {
            Effect::Order(order) => {
                let order = self.with_route_hints(order);
                match self.dispatch.push(order, now) {
                    Pushed::Waits | Pushed::Known => {}
                    Pushed::Shed(shed) => {
                        metrics::counter!("lianfang_legs_shed_total").increment(1);
                        self.end(shed.leg);
                    }
                }
            }
            Effect::CancelLeg { leg, reason: CancelReason::Lost } => self.end_lost(leg),
            Effect::CancelLeg { leg, reason } => {
                if self.dispatch.withdraw(leg).is_some() {
                    self.end(leg);
                } else {
                    self.ports.carriers.cancel(leg, reason);
                }
            }
            Effect::TellResident(notice) => {
                if let Some(live) = self.alarms.get(&id) {
                    self.ports.carriers.tell_resident(id, notice, Arc::clone(live.alarm.plan()));
                }
            }
        }
    }

    /// The alarm has given the leg up. One of ours is ended; one of the process before this one may still ring.
    fn end_lost(&mut self, leg: LegId) {
        if self.dispatch.withdraw(leg).is_some() {
            return;
        }
        if self.dispatch.is_known(leg) {
            self.dispatch.on_ended(leg);
            return self.ports.carriers.cancel(leg, CancelReason::Lost);
        }
        let Some(live) = self.alarms.get(&leg.alarm) else { return };
        let route = live.alarm.leg(leg.number).and_then(|leg| leg.route.clone());
        if let (Some(route), Some(order)) = (route, live.alarm.order_of(leg.number)) {
            self.ports.carriers.cancel_orphan(order, &route);
        }
    }

    /// A number that is a line here is rung here while it is registered, and over a trunk otherwise.
    fn with_route_hints(&self, mut order: LegOrder) -> LegOrder {
        let directory = self.ports.directory.current();
        let is_here = directory
            .line_by_number(order.number.key())
            .is_some_and(|line| self.ports.carriers.is_registered(line));
        if !is_here {
            order.routes_failed.push(crate::config::sip_lines_route().into());
        }
        order
    }

    /// A leg that never left.
    fn end(&mut self, leg: LegId) {
        let report = LegReport::Ended { outcome: LegOutcome::Cancelled };
        self.feed(leg.alarm, &Input::Leg { leg: leg.number, report });
    }

    fn send_legs(&mut self) {
        let now = self.ports.clock.now();
        while let Some((order, route)) = self.dispatch.poll(now) {
            self.ports.carriers.place(order, &route);
        }
    }
}

impl Turn {
    fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.effects.is_empty()
            && self.replies.is_empty()
            && self.acts.is_empty()
    }

    /// The press belongs to another alarm: ours does nothing, and whoever pressed is told of the other.
    fn give_over(&mut self, id: AlarmId, other: AlarmId) {
        self.effects.retain(|(of, _)| *of != id);
        for (alarm, is_new, _) in self.replies.iter_mut().filter(|(alarm, _, _)| *alarm == id) {
            (*alarm, *is_new) = (other, false);
        }
    }
}

/// Closed, everybody told, every phone silent: nothing can happen to it any more.
fn is_done(alarm: &Alarm) -> bool {
    matches!(alarm.stage(), Stage::Closed { .. })
        && alarm.poll_timeout().is_none()
        && !alarm.legs().iter().any(lianfang_domain::alarm::Leg::is_live)
}

fn input_of(alarm: &Alarm, action: Action, actor: Arc<str>) -> Result<Input, ActError> {
    let known = |party| alarm.party(party).map(|_| party).ok_or(ActError::NoSuchParty);
    Ok(match action {
        Action::Acknowledge(party) => Input::Acknowledge { party: known(party)?, actor },
        Action::Arrive(party) => Input::Arrive { party: known(party)?, actor },
        Action::Cancel => Input::Cancel { actor },
        Action::Close(outcome) => Input::Close { actor, outcome },
    })
}

fn until(now: Timestamp, due: Timestamp) -> Duration {
    due.duration_since(now).try_into().unwrap_or(Duration::ZERO)
}
