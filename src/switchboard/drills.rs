//! Drills at the switchboard: a door begins when nothing real needs the people or the routes, and every drill that is in
//! the way ends when something real begins.
//!
//! Nothing here is asked for on the way of a real alarm but the list of running drills, which is empty as a rule. Must
//! not know when a drill is due: that is for the `drills` task.

use super::Raised;
use super::driver::Driver;
use super::live::Birth;
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::{CancelReason, Input, Proof, Trigger, TriggerSource};
use lianfang_domain::directory::{Language, LineRef};
use lianfang_domain::dispatch::Pushed;
use lianfang_domain::id::{AlarmId, CommunityId, LegId};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::{
    Channel, Class, LegOrder, LegOutcome, LegReport, Message, Moment, RouteName,
};
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::plan::{self, PartyId, Plan, PlanFor, Role};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

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
    /// Its place among those of the drill, for [`NoticeEnd`].
    pub place: usize,
    /// Their number.
    pub number: PhoneNumber,
    /// The language of the words.
    pub language: Language,
    /// What they are told, and by what.
    pub words: NoticeWords,
    /// The plan by which they will be called.
    pub plan: Arc<Plan>,
}

/// The words of an announcement.
#[derive(Clone, Debug)]
pub enum NoticeWords {
    /// An SMS.
    Written(Arc<str>),
    /// A call that says when the drill begins.
    Spoken(Moment),
}

impl NoticeWords {
    fn channel(&self) -> Channel {
        match self {
            Self::Written(_) => Channel::Sms,
            Self::Spoken(_) => Channel::Voice,
        }
    }
}

/// How an announcement ended: its place, by what it was made, and how.
pub type NoticeEnd = (usize, Channel, LegOutcome);

/// Who is told of the end of an announcement.
#[derive(Debug)]
pub(super) struct Teller {
    place: usize,
    channel: Channel,
    community: CommunityId,
    number: PhoneNumber,
    told: mpsc::Sender<NoticeEnd>,
}

/// Announcements of which the end is awaited; beyond it that of the oldest is not told, and it is taken for lost.
const TELLERS_MAX: usize = 20_000;

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
    /// routes are short; so do calls that announce one. What they ring is ended before the first leg of the alarm is
    /// ordered.
    pub(super) fn yield_drills(&mut self, to: AlarmId, plan: &Plan, now: Timestamp) {
        if self.drills.is_empty() && self.tellers.is_empty() {
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
        let is_in_the_way = |teller: &Teller| {
            let mut numbers = plan.parties.iter().flat_map(|party| &party.numbers);
            let is_here = teller.community == plan.scene.community;
            is_short || is_here || numbers.any(|number| number.number == teller.number)
        };
        let calls = self.tellers.iter().filter(|(_, it)| it.channel == Channel::Voice);
        let calls: Vec<LegId> =
            calls.filter(|(_, it)| is_in_the_way(it)).map(|(leg, _)| *leg).collect();
        for leg in calls {
            // What was not heard to its end counts as not told.
            self.tell_end(leg, LegOutcome::Cancelled);
            if self.dispatch.withdraw(leg).is_none() {
                self.leave_call(leg, CancelReason::AlarmOver);
            }
        }
    }

    /// Hands announcements to the routes, behind everything else. Whether it did: not while anything waits, and by call
    /// only where a door might begin, for it holds a telephone that somebody in danger may need.
    pub(super) fn on_notices(
        &mut self,
        notices: Vec<Notice>,
        told: &mpsc::Sender<NoticeEnd>,
    ) -> bool {
        let now = self.ports.clock.now();
        // Receipts that never came, of drills that are over.
        let (tellers, dispatch) = (&mut self.tellers, &self.dispatch);
        tellers.retain(|leg, teller| !teller.told.is_closed() || dispatch.is_known(*leg));
        let is_in_the_way = |notice: &Notice| match notice.words {
            NoticeWords::Written(_) => false,
            NoticeWords::Spoken(_) => {
                self.has_real(notice.plan.scene.community)
                    || self.numbers.of(&notice.number).any(|id| self.is_real(id))
            }
        };
        let is_any_spoken = notices.iter().any(|notice| notice.words.channel() == Channel::Voice);
        if self.dispatch.waiting_in_all() != 0
            || (is_any_spoken && self.is_loaded(now))
            || notices.iter().any(is_in_the_way)
        {
            return false;
        }
        // No alarm has this id: what is reported gives the slots back and tells whoever announces.
        let alarm = self.next_id(now);
        for (number, notice) in (1..).zip(notices) {
            self.push_notice(LegId { alarm, number }, notice, told.clone());
        }
        true
    }

    fn push_notice(&mut self, leg: LegId, notice: Notice, told: mpsc::Sender<NoticeEnd>) {
        let now = self.ports.clock.now();
        let teller = Teller {
            place: notice.place,
            channel: notice.words.channel(),
            community: notice.plan.scene.community,
            number: notice.number.clone(),
            told,
        };
        self.tellers.insert(leg, teller);
        if TELLERS_MAX < self.tellers.len() {
            self.tellers.pop_first();
        }
        if let NoticeWords::Written(text) = &notice.words {
            self.notices.insert(leg, Arc::clone(text));
        }
        let order = self.with_route_hints(order(leg, notice, now));
        match self.dispatch.push(order, now) {
            Pushed::Waits | Pushed::Known => {}
            Pushed::Shed(shed) => {
                self.notices.remove(&shed.leg);
                self.tell_end(shed.leg, LegOutcome::Cancelled);
                self.end(shed.leg);
            }
        }
    }

    /// An announcement waits for a drill that is over: it is not made any more.
    pub(super) fn is_stale(&mut self, leg: LegId) -> bool {
        let is_stale = self.tellers.get(&leg).is_some_and(|teller| teller.told.is_closed());
        if is_stale {
            self.tellers.remove(&leg);
            self.notices.remove(&leg);
        }
        is_stale
    }

    /// Ends an announcement that no provider takes for minutes. Whether it is one.
    pub(super) fn put_off_notice(&mut self, leg: LegId) -> bool {
        if !self.tellers.contains_key(&leg) {
            return false;
        }
        self.dispatch.withdraw(leg);
        self.notices.remove(&leg);
        self.tell_end(leg, LegOutcome::PutOff);
        true
    }

    /// What is reported of an announcement.
    pub(super) fn on_notice_report(&mut self, leg: LegId, report: &LegReport) {
        match report {
            LegReport::Ended { outcome } => self.tell_end(leg, *outcome),
            LegReport::Accepted { has_receipts: false, .. } => self.tell_end(leg, LegOutcome::Sent),
            LegReport::Delivered => self.tell_end(leg, LegOutcome::Delivered),
            LegReport::Placed { .. }
            | LegReport::Ringing
            | LegReport::Answered
            | LegReport::Key { .. }
            | LegReport::Accepted { has_receipts: true, .. }
            | LegReport::Unclear
            | LegReport::OptedOut => {}
        }
    }

    /// Tells whoever announces how it ended. A full queue loses it: then it is taken for lost.
    fn tell_end(&mut self, leg: LegId, outcome: LegOutcome) {
        if let Some(Teller { place, channel, told, .. }) = self.tellers.remove(&leg) {
            // See above.
            let _ = told.try_send((place, channel, outcome));
        }
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

/// A place among the calls, or among the messages, whose words travel beside it.
fn order(leg: LegId, notice: Notice, now: Timestamp) -> LegOrder {
    LegOrder {
        leg,
        channel: notice.words.channel(),
        party: PartyId(0),
        role: Role::Neighbour,
        number_index: 0,
        number: notice.number,
        language: notice.language,
        message: Message::DrillNotice,
        along: Vec::new(),
        coming: Vec::new(),
        link: None,
        moment: match notice.words {
            NoticeWords::Written(_) => None,
            NoticeWords::Spoken(moment) => Some(moment),
        },
        class: Class::Drill,
        ring_timeout_s: notice.plan.policy.ring_timeout_s,
        routes_failed: Vec::new(),
        plan: notice.plan,
        raised_at: now,
        hand_over: None,
    }
}
