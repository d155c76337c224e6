//! After a start: folds every open alarm of the log and tells it that the process was restarted.
//!
//! No path of its own: the alarm decides what to order again, and it is committed and done like anything else. While the
//! database does not answer, or the journal holds records that are not in it yet, presses are heard and the rest is
//! taken up later.

use super::Request;
use super::driver::Driver;
use super::live::{Birth, Live};
use crate::clock::Clock;
use crate::store::alarm_log::{AlarmLog, OpenAlarms, StoredAlarm};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::{Alarm, Effect, Event, Input, Leg};
use lianfang_domain::directory::LineRef;
use lianfang_domain::leg::Channel;
use lianfang_domain::plan::{self, Plan, PlanFor};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

/// Longest wait for the log at the start: presses must not wait for it.
const READ_MAX: Duration = Duration::from_secs(5);
/// Pause before the log is asked again.
const AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// A call may be on the wire for so long before the log knows it.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_secs(2);

/// Whether records wait that the database does not have.
pub(super) fn is_behind(log: &AlarmLog) -> bool {
    log.counters().is_behind.load(Ordering::Relaxed) != 0
}

/// The open alarms; `None` when the log does not tell them in time.
pub(super) async fn read(log: &AlarmLog) -> Option<OpenAlarms> {
    let open = tokio::time::timeout(READ_MAX, read_slowly(log)).await;
    open.unwrap_or_else(|_| {
        tracing::error!("The log does not tell the open alarms in time, hearing presses meanwhile");
        None
    })
}

async fn read_slowly(log: &AlarmLog) -> Option<OpenAlarms> {
    let open = log.open_alarms().await;
    open.inspect_err(|error| tracing::error!(?error, "Cannot read the open alarms, trying again"))
        .ok()
}

/// Takes the open alarms up once the log knows them all.
pub(super) async fn later(log: AlarmLog, clock: Clock, requests: mpsc::Sender<Request>) {
    loop {
        clock.sleep_until(clock.now().saturating_add(AGAIN).unwrap_or(Timestamp::MAX)).await;
        if is_behind(&log) {
            continue;
        }
        if let Some(open) = read_slowly(&log).await {
            // Without a switchboard nobody is left to tell.
            let _ = requests.send(Request::TakeOver(open)).await;
            return;
        }
    }
}

impl Driver {
    /// Takes up alarms of the process before this one, and no other.
    pub(super) fn take_over(&mut self, open: OpenAlarms) {
        for unreadable in &open.unreadable {
            tracing::error!(error = %unreadable.source, "{unreadable}");
        }
        let mut lost = Vec::new();
        for stored in open.alarms {
            let id = stored.row.id;
            // Raised here, or taken up before; it may be over by now.
            if self.seen.alarm_of(&stored.row.idempotency_key) == Some(id) {
                continue;
            }
            let last = open.unreadable.iter().filter(|unreadable| unreadable.alarm == id);
            let last = last.map(|unreadable| unreadable.number).max();
            lost.extend(self.take_over_one(stored, last));
        }
        for stored in lost {
            self.replace(&stored);
        }
    }

    /// Gives it back when it cannot be folded.
    fn take_over_one(
        &mut self,
        stored: StoredAlarm,
        last_unreadable: Option<u32>,
    ) -> Option<StoredAlarm> {
        let (id, line) = (stored.row.id, stored.row.line);
        self.seen.remember(&stored.row.idempotency_key.as_ref().into(), id);
        let newest = self.last_by_line.entry(line).or_insert(id);
        *newest = id.max(*newest);
        let last = stored.events.iter().map(|event| event.sequence).max().max(last_unreadable);
        let next_sequence = last.map_or(0, |last| last.saturating_add(1));
        let plans: Vec<Arc<Plan>> = stored.plans.iter().cloned().map(Arc::new).collect();
        let events = stored.events.iter().map(|stored| (stored.at, &stored.event));
        let alarm = match Alarm::fold(id, &plans, events) {
            Ok(alarm) => alarm,
            Err(error) => {
                tracing::error!(alarm.id = %id, %error, "An open alarm cannot go on, raising another in its place");
                return Some(stored);
            }
        };
        let scene = &alarm.plan().scene;
        let line =
            LineRef { community: scene.community, household: scene.household, line: scene.line };
        tracing::warn!(alarm.id = %id, "Taking up an open alarm after a restart");
        self.ports.carriers.prepare(alarm.plan());
        let last_at = stored.events.last().map(|event| event.at);
        if let Some(pages) = &self.ports.pages {
            pages.recover(&alarm);
        }
        self.silence(&alarm, last_at);
        // The crash may have come before the last phones were told to be silent.
        let of_last = stored.events.iter().filter(|event| Some(event.at) == last_at);
        let cancels = of_last
            .flat_map(|stored| alarm.effects(&stored.event))
            .filter(|effect| matches!(effect, Effect::CancelLeg { .. }));
        self.turn.effects.extend(cancels.map(|effect| (id, effect)));
        self.keep(id, Live::recovered(alarm, line, next_sequence));
        self.feed(id, &Input::Restarted);
        self.set_timer(id, Timestamp::MIN);
        None
    }

    /// Calls that were ordered last may ring though no report says over which route: they are ended on all of them.
    fn silence(&self, alarm: &Alarm, last_at: Option<Timestamp>) {
        let may_ring = |leg: &&Leg| {
            leg.is_live()
                && leg.channel == Channel::Voice
                && leg.route.is_none()
                && last_at.is_some_and(|at| at.duration_since(leg.ordered_at) <= ON_ITS_WAY)
        };
        for leg in alarm.legs().iter().filter(may_ring) {
            for route in self.ports.routes.iter().filter(|route| route.channel == Channel::Voice) {
                if let Some(order) = alarm.order_of(leg.number) {
                    self.ports.carriers.cancel_orphan(order, &route.name);
                }
            }
        }
    }

    /// An alarm whose plan is lost is raised anew by today's directory. Its key makes the second restart find the first
    /// one's.
    fn replace(&mut self, stored: &StoredAlarm) {
        let key: Arc<str> = format!("in place of {}", stored.row.id).into();
        if self.seen.alarm_of(&key).is_some() {
            return;
        }
        let raised = stored.events.iter().find_map(|stored| {
            let Event::Raised { trigger, .. } = &stored.event else { return None };
            Some(trigger)
        });
        let directory = self.ports.directory.current();
        let found = raised.and_then(|trigger| {
            let line = directory.line_of(trigger.household, trigger.line)?;
            let wanted = PlanFor::unknown(&self.ports.policy, self.ports.clock.now());
            let plan = plan::build(&directory, line, &wanted)?;
            Some((trigger.clone(), line, Arc::new(plan)))
        });
        let Some((mut trigger, line, plan)) = found else {
            tracing::error!(alarm.id = %stored.row.id, "Its line is not known, call the household");
            return;
        };
        trigger.idempotency_key = Arc::clone(&key);
        let follows = Some(stored.row.id);
        let now = self.ports.clock.now();
        let alarm = self.bear(Birth { trigger, line, heard_at: now, plan, follows }, now);
        self.seen.remember(&key, alarm);
    }
}
