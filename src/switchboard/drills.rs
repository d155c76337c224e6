//! Drills at the switchboard: a door begins when nothing real needs the people or the routes, and every drill that is in
//! the way ends when something real begins.
//!
//! Nothing here is asked for on the way of a real alarm but the list of running drills, which is empty as a rule. Must
//! not know when a drill is due: that is for the `drills` task.

use super::Raised;
use super::driver::Driver;
use super::live::Birth;
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::{Input, Proof, Trigger, TriggerSource};
use lianfang_domain::directory::{Language, LineRef};
use lianfang_domain::dispatch::Pushed;
use lianfang_domain::id::{AlarmId, CommunityId, LegId};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::{Channel, Class, LegOrder, Message, RouteName};
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::plan::{self, PartyId, Plan, PlanFor, Role};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Calls of one door, for estimates: the duty worker and nine neighbours.
const DOOR_CALLS: u32 = 10;
/// A door begins when its last call would leave within this.
const ROOM_WITHIN: SignedDuration = SignedDuration::from_secs(5);
/// Routes are short for a real alarm whose last call would leave later than this: then every drill gives way.
const SHORT_AFTER: SignedDuration = SignedDuration::from_millis(250);

/// A door that is to be drilled.
#[derive(Clone, Debug)]
pub struct DrillDoor {
    /// Its line.
    pub line: LineRef,
    /// What is said to be the matter.
    pub kind: AlarmKind,
    /// The same for the same door of the same drill: it begins once.
    pub key: Arc<str>,
}

/// Whether a door began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrillBegun {
    /// As this alarm; it is on disk, or the commit deadline has passed.
    Began(AlarmId),
    /// Not now: a real alarm is open in the community, or wants somebody whom the door would call.
    RealAlarm,
    /// Not now: something waits for the routes, or none is up.
    Loaded,
    /// Never: its line has an alarm that is not closed.
    LineHasAlarm,
    /// Never: the directory does not have the line any more.
    Gone,
}

/// An announcement to one person.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Their number.
    pub number: PhoneNumber,
    /// The language of the text.
    pub language: Language,
    /// The text.
    pub text: Arc<str>,
    /// The plan by which they will be called.
    pub plan: Arc<Plan>,
}

impl Driver {
    /// Begins a door, or says why not.
    pub(super) fn on_drill(&mut self, door: &DrillDoor, reply: oneshot::Sender<DrillBegun>) {
        match self.begin_drill(door) {
            Ok(alarm) => {
                let reply = Box::new(move |raised: Raised| {
                    // Whoever asked may have given up; it asks again with the same key.
                    let _ = reply.send(DrillBegun::Began(raised.alarm));
                });
                self.turn.replies.push((Raised { alarm, is_new: true }, reply));
            }
            Err(why) => {
                // See above.
                let _ = reply.send(why);
            }
        }
    }

    fn begin_drill(&mut self, door: &DrillDoor) -> Result<AlarmId, DrillBegun> {
        if let Some(alarm) = self.seen.alarm_of(&door.key) {
            return Ok(alarm);
        }
        let now = self.ports.clock.now();
        let directory = self.ports.directory.current();
        let wanted = PlanFor { kind: door.kind, is_drill: true, now, defaults: &self.ports.policy };
        let plan = plan::build(&directory, door.line, &wanted).ok_or(DrillBegun::Gone)?;
        if self.last_by_line.contains_key(&door.line.line) {
            return Err(DrillBegun::LineHasAlarm);
        }
        if self.has_real(door.line.community) || self.is_wanted(&plan) {
            return Err(DrillBegun::RealAlarm);
        }
        if self.is_loaded(now) {
            return Err(DrillBegun::Loaded);
        }
        let trigger = Trigger {
            line: door.line.line,
            household: door.line.household,
            group: plan.scene.group,
            code: "".into(),
            source: TriggerSource::Drill,
            proof: Proof::Token,
            idempotency_key: Arc::clone(&door.key),
        };
        let (line, plan) = (door.line, Arc::new(plan));
        let id = self.bear(Birth { trigger, line, heard_at: now, plan, follows: None }, now);
        self.seen.remember(&door.key, id);
        Ok(id)
    }

    /// The same for a real alarm, if that one was a drill.
    pub(super) fn real_plan_of(&self, id: AlarmId) -> Option<Arc<Plan>> {
        let plan = self.plan_of(id)?;
        Some(if plan.is_drill {
            Arc::new(Plan { is_drill: false, ..Plan::clone(&plan) })
        } else {
            plan
        })
    }

    fn is_real(&self, id: AlarmId) -> bool {
        let live = self.alarms.get(&id);
        live.is_some_and(|live| !live.alarm.plan().is_drill && !live.alarm.is_over())
    }

    fn has_real(&self, community: CommunityId) -> bool {
        let mut here = self.alarms.iter().filter(|(_, live)| live.line.community == community);
        here.any(|(id, _)| self.is_real(*id))
    }

    /// Somebody of the plan is wanted by a real alarm.
    fn is_wanted(&self, plan: &Plan) -> bool {
        let mut numbers = plan.parties.iter().flat_map(|party| &party.numbers);
        numbers.any(|number| self.numbers.of(&number.number).any(|id| self.is_real(id)))
    }

    fn is_loaded(&self, now: Timestamp) -> bool {
        let last = self.dispatch.forecast(Channel::Voice, DOOR_CALLS, now);
        self.dispatch.waiting_in_all() != 0
            || last.is_none_or(|last| ROOM_WITHIN < last.duration_since(now))
    }

    /// A real alarm begins: drills of its community end, those that hold a telephone that it wants, and all of them when
    /// routes are short. What they ring is ended before the first leg of the alarm is ordered.
    pub(super) fn yield_drills(&mut self, to: AlarmId, plan: &Plan, now: Timestamp) {
        if self.drills.is_empty() {
            return;
        }
        let calls = u32::try_from(plan.parties.len()).unwrap_or(u32::MAX);
        let last = self.dispatch.forecast(Channel::Voice, calls, now);
        let is_short = last.is_none_or(|last| SHORT_AFTER < last.duration_since(now));
        let numbers = plan.parties.iter().flat_map(|party| &party.numbers);
        let sharing: BTreeSet<AlarmId> =
            numbers.flat_map(|number| self.numbers.of(&number.number)).collect();
        let is_in_the_way = |id: &&AlarmId| {
            let live = self.alarms.get(id);
            let is_here = live.is_some_and(|live| live.line.community == plan.scene.community);
            is_short || is_here || sharing.contains(id)
        };
        let giving_way: Vec<AlarmId> = self.drills.iter().filter(is_in_the_way).copied().collect();
        for id in giving_way {
            self.feed(id, &Input::Yield { to });
        }
    }

    /// Hands announcements to the routes, behind everything else. Whether it did: not while anything waits.
    pub(super) fn on_notices(&mut self, notices: Vec<Notice>) -> bool {
        let now = self.ports.clock.now();
        if self.dispatch.waiting_in_all() != 0 {
            return false;
        }
        // No alarm has this id: what is reported of the messages only gives their slots back.
        let alarm = self.next_id(now);
        for (number, notice) in (1..).zip(notices) {
            let leg = LegId { alarm, number };
            self.notices.insert(leg, notice.text.clone());
            match self.dispatch.push(order(leg, notice, now), now) {
                Pushed::Waits | Pushed::Known => {}
                Pushed::Shed(shed) => {
                    self.notices.remove(&shed.leg);
                    self.end(shed.leg);
                }
            }
        }
        true
    }

    /// Places a message, or the announcement that it stands for.
    pub(super) fn place_message(&mut self, mut order: LegOrder, route: &RouteName) {
        match self.notices.remove(&order.leg) {
            Some(text) => self.ports.carriers.announce(order, &text, route),
            None => {
                order.link = self.ports.pages.as_ref().and_then(|pages| pages.link(&order, route));
                self.ports.carriers.place(order, route);
            }
        }
    }
}

/// A place among the messages; its words travel beside it.
fn order(leg: LegId, notice: Notice, now: Timestamp) -> LegOrder {
    LegOrder {
        leg,
        channel: Channel::Sms,
        party: PartyId(0),
        role: Role::Neighbour,
        number_index: 0,
        number: notice.number,
        language: notice.language,
        message: Message::DrillOver,
        along: Vec::new(),
        coming: Vec::new(),
        link: None,
        class: Class::Drill,
        ring_timeout_s: 0,
        routes_failed: Vec::new(),
        plan: notice.plan,
        raised_at: now,
        hand_over: None,
    }
}
