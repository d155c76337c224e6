//! Calls and messages outside of alarms: what hand-overs of duty say to workers.
//!
//! They yield to everything: none leaves while a leg waits for a slot or where a first wave would lack one, those under
//! way are ended when a leg wants their slot or their callee, and few are under way at a time. The task of hand-overs is
//! told of keys and of the end; a word that finds no room there is made up for by asking again.
//!
//! Whoever is asked in vain may call us and take over in that call: it is driven as one of these, without a slot.

use super::callers::CallerId;
use super::driver::Driver;
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::{CancelReason, Input};
use lianfang_domain::digits::Key;
use lianfang_domain::handover::{self, DOORS_MAX, Notice, Word};
use lianfang_domain::id::{AlarmId, CommunityId, LegId, PostId, WorkerId};
use lianfang_domain::leg::{Channel, LegOrder, LegReport};
use lianfang_domain::phone::PhoneNumber;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Requests that may wait.
pub(super) const DUTY_MAX: usize = 1_024;
/// Calls under way at a time; messages that leave in a turn.
const AT_ONCE: usize = 4;
/// Calls of workers who take over later, at a time; one more hears that nobody needs them.
const LENT_MAX: usize = 64;
/// Such calls that are remembered, so that nobody is asked twice in one call.
const OFFERED_MAX: usize = 256;
/// After a round in which none found a place.
const TRY_EVERY: SignedDuration = SignedDuration::from_millis(500);
/// Those that wait for a place; a further one is given back as ended.
const WAITING_MAX: usize = 4_096;
/// A call that is ended for an alarm is waited for so long: a phone that still rings is busy.
const ENDING_MAX: SignedDuration = SignedDuration::from_secs(1);
/// A call that tells no end is forgotten after this: longer than any answered call lasts.
const LOST_AFTER: SignedDuration = SignedDuration::from_secs(600);
/// Alarms that are looked through for those of a community, the newest.
const LOOKED_AT_MAX: usize = 10_000;
/// Alarms that get today's plan in one turn.
const PLANS_PER_TURN: usize = 8;

/// Something to say to a worker about a post.
#[derive(Clone, Debug)]
pub(super) struct DutyCall {
    pub(super) community: CommunityId,
    pub(super) post: PostId,
    pub(super) worker: WorkerId,
    /// What.
    pub(super) word: Word,
    /// The other whom it is about.
    pub(super) about: Option<WorkerId>,
    /// Counts the calls, from 1.
    pub(super) call: u8,
}

impl DutyCall {
    /// Whether it says the same to the same worker.
    fn is_as(&self, other: &Self) -> bool {
        (self.post, self.worker, self.word) == (other.post, other.worker, other.word)
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DutyReport {
    pub(super) community: CommunityId,
    pub(super) post: PostId,
    pub(super) worker: WorkerId,
    /// The key; `None` at the end.
    pub(super) key: Option<Key>,
}

/// What hand-overs ask of the switchboard.
#[derive(Debug)]
pub(super) enum DutyRequest {
    /// The task began, and listens there to what becomes of its calls.
    Begin {
        /// Told of keys and of the end.
        reports: mpsc::Sender<DutyReport>,
    },
    /// Say something.
    Say(DutyCall),
    /// Somebody took over: nobody is asked about the post any more.
    Over {
        /// Of which community.
        community: CommunityId,
        /// The post.
        post: PostId,
    },
    /// Others are on duty than before: open alarms get the plan of today.
    Changed(CommunityId),
}

#[derive(Debug)]
struct Placed {
    call: DutyCall,
    leg: LegId,
    number: PhoneNumber,
    /// The worker called us: it holds no slot.
    is_lent: bool,
    /// They have answered, and hear the end.
    has_answered: bool,
    placed_at: Timestamp,
    ended_at: Option<Timestamp>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// The task of hand-overs; none before it has begun.
    reports: Option<mpsc::Sender<DutyReport>>,
    waiting: VecDeque<DutyCall>,
    placed: BTreeMap<AlarmId, Placed>,
    /// Not before this time is a place looked for again.
    next_try: Timestamp,
    /// The ids under which workers who called us were asked about a post, the newest last.
    offered: VecDeque<(AlarmId, PostId)>,
    /// Alarms that are to get the plan of today.
    to_plan: VecDeque<AlarmId>,
}

impl Outside {
    fn tell(&self, call: &DutyCall, key: Option<Key>) {
        // Only the asking waits for an answer to a call.
        if call.word == Word::TakeOver
            && let Some(reports) = &self.reports
        {
            let DutyCall { community, post, worker, .. } = *call;
            // A report that finds no room is made up for: see above.
            let _ = reports.try_send(DutyReport { community, post, worker, key });
        }
    }

    /// How many of ours hold a slot.
    fn slots(&self) -> usize {
        self.placed.values().filter(|placed| !placed.is_lent).count()
    }
}

impl Driver {
    pub(super) fn on_duty_request(&mut self, request: DutyRequest) {
        match request {
            DutyRequest::Begin { reports } => self.outside.reports = Some(reports),
            DutyRequest::Say(call) => {
                // What waits since long is not said twice.
                self.outside.waiting.retain(|known| !known.is_as(&call));
                if WAITING_MAX <= self.outside.waiting.len() {
                    return self.outside.tell(&call, None);
                }
                self.outside.waiting.push_back(call);
                self.outside.next_try = Timestamp::MIN;
            }
            DutyRequest::Over { community, post } => self.stop_asking(community, post),
            DutyRequest::Changed(community) => {
                let open = self.open_in(community).map(|(id, _)| id);
                let open: Vec<AlarmId> = open.collect();
                let to_plan = &mut self.outside.to_plan;
                let new = open.into_iter().filter(|id| !to_plan.contains(id));
                let new: Vec<AlarmId> = new.collect();
                to_plan.extend(new);
            }
        }
    }

    /// Takes a report that is about no alarm.
    pub(super) fn take_outside(&mut self, leg: LegId, report: &LegReport) -> bool {
        let Some(placed) = self.outside.placed.get_mut(&leg.alarm) else { return false };
        let call = placed.call.clone();
        match report {
            LegReport::Key { key } => {
                placed.has_answered = true;
                self.outside.tell(&call, Some(*key));
            }
            LegReport::Ended { .. } => {
                self.outside.placed.remove(&leg.alarm);
                self.outside.next_try = Timestamp::MIN;
                self.outside.tell(&call, None);
            }
            LegReport::Placed { .. }
            | LegReport::Ringing
            | LegReport::Answered
            | LegReport::Accepted { .. }
            | LegReport::Delivered
            | LegReport::Unclear
            | LegReport::OptedOut => {}
        }
        true
    }

    /// Who was not reached, or did not press 1, and calls now is asked in that call, about each post once.
    pub(super) fn offer_post(&mut self, caller: &CallerId, heard: &[AlarmId]) -> Option<LegOrder> {
        let is_new =
            |post: &PostId| !heard.iter().any(|id| self.outside.offered.contains(&(*id, *post)));
        let lent = self.outside.placed.len().saturating_sub(self.outside.slots());
        if LENT_MAX <= lent {
            return None;
        }
        let number = caller.number.as_ref()?;
        let now = self.ports.clock.now();
        let directory = self.ports.directory.current();
        let call = directory.communities().find_map(|community| {
            let awaited = handover::awaited(&community.roster, now);
            let is_theirs = |worker| {
                let worker = community.worker(worker);
                worker.is_some_and(|known| known.numbers.iter().any(|own| own.number == *number))
            };
            let mut theirs =
                awaited.into_iter().filter(|(post, worker)| is_new(post) && is_theirs(*worker));
            let (post, worker) = theirs.next()?;
            let (community, word) = (community.id, Word::TakeOver);
            Some(DutyCall { community, post, worker, word, about: None, call: 1 })
        })?;
        let mut order = self.order_outside(&call, now)?;
        self.name_doors(&mut order, call.community);
        let id = order.leg.alarm;
        if self.outside.offered.len() == OFFERED_MAX {
            self.outside.offered.pop_front();
        }
        self.outside.offered.push_back((id, call.post));
        let number = number.clone();
        self.outside.placed.insert(id, placed(call, order.leg, number, now).lent());
        Some(order)
    }

    fn stop_asking(&mut self, community: CommunityId, post: PostId) {
        let is_about = |call: &DutyCall| {
            call.word == Word::TakeOver && (call.community, call.post) == (community, post)
        };
        self.outside.waiting.retain(|call| !is_about(call));
        let now = self.ports.clock.now();
        for placed in self.outside.placed.values_mut().filter(|placed| is_about(&placed.call)) {
            if !placed.has_answered && placed.ended_at.is_none() {
                placed.ended_at = Some(now);
                self.ports.carriers.cancel(placed.leg, CancelReason::AlarmOver);
            }
        }
    }

    /// Open alarms get the plan of today after a change of shift, a few in each turn.
    pub(super) fn plan_again_for_shift(&mut self) {
        for _ in 0..PLANS_PER_TURN {
            let Some(id) = self.outside.to_plan.pop_front() else { return };
            self.hand_over(id);
        }
    }

    /// After the legs of alarms have left.
    pub(super) fn go_outside(&mut self) {
        let now = self.ports.clock.now();
        self.end_outside(now);
        if now < self.outside.next_try {
            return;
        }
        for _ in 0..AT_ONCE {
            if AT_ONCE <= self.outside.slots() {
                return;
            }
            let Some(call) = self.outside.waiting.pop_front() else { return };
            self.place_outside(call, now);
        }
    }

    /// Whether something is left to do in the next turn, without waiting for anything.
    pub(super) fn has_plans_to_make(&self) -> bool {
        !self.outside.to_plan.is_empty()
    }

    fn hand_over(&mut self, id: AlarmId) {
        if let Some(plan) = self.plan_again(id, None) {
            self.ports.carriers.prepare(&plan);
            self.feed(id, &Input::HandedOver { plan });
        }
    }

    /// Ends what is under way when an alarm wants its slot or whom it is with, and forgets what tells no end.
    fn end_outside(&mut self, now: Timestamp) {
        if self.outside.placed.is_empty() {
            return;
        }
        let lacks_slot = self.dispatch.lacks_slot(Channel::Voice);
        let (mut ending, mut given_up) = (Vec::new(), Vec::new());
        for (id, placed) in &self.outside.placed {
            let is_lost = LOST_AFTER <= now.duration_since(placed.placed_at);
            let is_wanted = || match placed.is_lent {
                true => self.is_wanted_now(&placed.number),
                false => lacks_slot || self.dispatch.is_awaited(&placed.number),
            };
            match placed.ended_at {
                Some(at) if ENDING_MAX <= now.duration_since(at) => given_up.push(*id),
                None if is_lost || is_wanted() => ending.push(*id),
                Some(_) | None => {}
            }
        }
        for id in ending {
            if let Some(placed) = self.outside.placed.get_mut(&id) {
                placed.ended_at = Some(now);
                self.ports.carriers.cancel(placed.leg, CancelReason::AlarmOver);
            }
        }
        for id in given_up {
            if let Some(placed) = self.outside.placed.remove(&id) {
                self.dispatch.on_ended(placed.leg);
                self.bundles.end(placed.leg);
                self.outside.tell(&placed.call, None);
            }
        }
    }

    /// Places it, or lets it wait on: nothing of ours waits where a leg of an alarm would.
    fn place_outside(&mut self, call: DutyCall, now: Timestamp) {
        let Some(order) = self.order_outside(&call, now) else {
            return self.outside.tell(&call, None);
        };
        let mut order = self.with_route_hints(order);
        let (leg, number, channel) = (order.leg, order.number.clone(), order.channel);
        let is_held_up = self.dispatch.lacks_slot(channel)
            || (channel == Channel::Voice && self.is_taken(&call, &number))
            || !self.dispatch.keep_to_spare_routes(&mut order, now);
        if !is_held_up {
            self.name_doors(&mut order, call.community);
            self.wait(order, now);
            self.send_legs();
        }
        if is_held_up || self.dispatch.withdraw(leg).is_some() {
            self.outside.waiting.push_back(call);
            self.outside.next_try = now.saturating_add(TRY_EVERY).unwrap_or(Timestamp::MAX);
        } else if channel == Channel::Voice {
            self.outside.placed.insert(leg.alarm, placed(call, leg, number, now));
        }
    }

    /// Whether a worker is in a call with us, or an alarm waits for their answer.
    fn is_taken(&self, call: &DutyCall, number: &PhoneNumber) -> bool {
        self.dispatch.is_busy(number)
            || self.is_wanted_now(number)
            || self.outside.placed.values().any(|placed| placed.call.worker == call.worker)
    }

    /// The leg, without the doors of open alarms.
    fn order_outside(&mut self, call: &DutyCall, now: Timestamp) -> Option<LegOrder> {
        let directory = self.ports.directory.current();
        let community = directory.community(call.community)?;
        let worker = community.worker(call.worker)?;
        let post = community.roster.post(call.post)?;
        let about = call.about.and_then(|id| community.worker(id));
        let notice = Notice {
            word: call.word,
            post: post.name.clone(),
            about: about.map(|worker| worker.name.clone()).unwrap_or_default(),
            open: 0,
            doors: Vec::new(),
        };
        let leg = LegId { alarm: self.next_id(now), number: 1 };
        notice.order(leg, call.call, (community, worker), now)
    }

    fn name_doors(&self, order: &mut LegOrder, community: CommunityId) {
        let Some(notice) = &mut order.hand_over else { return };
        if notice.word != Word::TakeOver {
            return;
        }
        let mut open: Vec<_> = self.open_in(community).collect();
        open.reverse();
        let oldest = open.iter().take(DOORS_MAX);
        let doors = oldest.map(|(_, live)| live.alarm.plan().scene.address.clone());
        let notice = Arc::make_mut(notice);
        notice.doors = doors.collect();
        notice.open = open.len();
    }

    /// The open alarms of a community, the newest first; no drills.
    fn open_in(
        &self,
        community: CommunityId,
    ) -> impl Iterator<Item = (AlarmId, &super::live::Live)> {
        let looked_at = self.alarms.iter().rev().take(LOOKED_AT_MAX);
        looked_at.map(|(id, live)| (*id, live)).filter(move |(_, live)| {
            let plan = live.alarm.plan();
            plan.scene.community == community && !plan.is_drill && !live.alarm.is_over()
        })
    }
}

fn placed(call: DutyCall, leg: LegId, number: PhoneNumber, now: Timestamp) -> Placed {
    let (is_lent, has_answered) = (false, false);
    Placed { call, leg, number, is_lent, has_answered, placed_at: now, ended_at: None }
}

impl Placed {
    fn lent(self) -> Self {
        Self { is_lent: true, ..self }
    }
}
