//! Reminds duty workers, by SMS, of households that nobody was seen to have asked how they are after their alarm.
//!
//! One task beside the alarms: `domain::alarm` says when and whom, the switchboard sends behind everything else. What was
//! sent is written down before, so that a database that takes no writes cannot make it send again and again. Must not
//! delay or end anything: what cannot be sent is tried at the next look, and stands in the list of what is overdue.

use crate::clock::Clock;
use crate::store::StoreError;
use crate::store::alarm_log::AlarmLog;
use crate::store::snapshot::DirectoryHandle;
use crate::switchboard::{Notice, NoticeEnd, NoticeWords, Switchboard};
use crate::tasks::Tasks;
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::{Alarm, Reminders, reminded};
use lianfang_domain::id::{AlarmId, WorkerId};
use lianfang_domain::leg::LegOutcome;
use lianfang_domain::plan::{self, Plan, PlanFor, Policy};
use lianfang_domain::words;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Pause between two looks.
const LOOK_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// How long after its close an alarm is looked at.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(10 * 24);
/// How long an alarm may have been open before: whose case was never closed for longer is in the list of what is overdue.
/// It bounds what is looked through, since ids sort by the time of the press.
const OPEN_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);
/// No follow-up is due sooner after the close.
const SOONEST: SignedDuration = SignedDuration::from_hours(24);
/// Alarms of one look; the others have their turn in the next.
const REMINDED_AT_ONCE: usize = 50;
/// Alarms that are read at once.
const PAGE: u32 = 100;
/// How long the end of a reminder is waited for; then it counts as sent.
const END_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// Alarms of which is remembered that they need nothing; beyond, they are read again.
const NEEDLESS_MAX: usize = 100_000;

/// What the task needs.
pub struct Needs {
    /// Where alarms and what was done after them are stored.
    pub log: AlarmLog,
    /// Who is on duty.
    pub directory: DirectoryHandle,
    /// What sends.
    pub switchboard: Switchboard,
    /// The time.
    pub clock: Clock,
    /// The pace of the service, for plans.
    pub policy: Policy,
}

/// Starts the task.
pub fn start(tasks: &Tasks, needs: Needs) {
    let clock = needs.clock.clone();
    let mut reminder = Reminder { needs, needless: BTreeSet::new() };
    tasks.start("follow_ups", move |stop| async move {
        loop {
            let next = clock.now().saturating_add(LOOK_EVERY).unwrap_or(Timestamp::MAX);
            if stop.run_until_cancelled(clock.sleep_until(next)).await.is_none() {
                return;
            }
            match stop.run_until_cancelled(reminder.look()).await {
                None => return,
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::warn!(%error, "Cannot look for follow-ups, trying again in ten minutes");
                }
            }
        }
    });
}

struct Reminder {
    needs: Needs,
    /// Closed alarms that need no follow-up: drills, tests, false alarms, and those of whom nothing is known any more.
    needless: BTreeSet<AlarmId>,
}

/// A reminder that is to be sent.
struct Due {
    alarm: AlarmId,
    sent: Reminders,
    plan: Arc<Plan>,
    owner: Option<WorkerId>,
}

impl Reminder {
    async fn look(&mut self) -> Result<(), StoreError> {
        let due = self.due().await?;
        let mut notices = Vec::new();
        for (place, due) in due.iter().enumerate() {
            let numbers = reminded(&due.plan, due.owner);
            if numbers.is_empty() {
                tracing::warn!(alarm.id = %due.alarm, "No duty worker who can be sent an SMS is there to be reminded");
            }
            notices.extend(numbers.into_iter().map(|number| Notice {
                place,
                number: number.number.clone(),
                language: number.language,
                words: NoticeWords::Written(
                    words::follow_up(&due.plan.scene, number.language).into(),
                ),
                plan: Arc::clone(&due.plan),
            }));
        }
        if notices.is_empty() {
            return Ok(());
        }
        let now = self.needs.clock.now();
        let meant: BTreeSet<usize> = notices.iter().map(|notice| notice.place).collect();
        for due in meant.iter().filter_map(|place| due.get(*place)) {
            let sent = Reminders { times: due.sent.times.saturating_add(1), last_at: Some(now) };
            self.needs.log.set_follow_up_reminders(due.alarm, sent).await?;
        }
        let reached = self.send(notices).await;
        for (_, due) in due
            .iter()
            .enumerate()
            .filter(|(place, _)| meant.contains(place) && !reached.contains(place))
        {
            tracing::warn!(alarm.id = %due.alarm, "Nobody could be reminded of a follow-up, trying again");
            self.needs.log.set_follow_up_reminders(due.alarm, due.sent).await?;
        }
        Ok(())
    }

    /// Those of which somebody is to be reminded now.
    async fn due(&mut self) -> Result<Vec<Due>, StoreError> {
        let now = self.needs.clock.now();
        let ago = |long| now.saturating_sub(long).unwrap_or(Timestamp::MIN);
        let first_ms = ago(LOOK_BACK.saturating_add(OPEN_MAX)).as_millisecond();
        let first = AlarmId::from_parts(first_ms.try_into().unwrap_or_default(), 0, 0);
        let (mut due, mut after) = (Vec::new(), first);
        loop {
            let closed = (ago(LOOK_BACK), ago(SOONEST));
            let page = self.needs.log.not_followed_up(after, closed, PAGE).await?;
            let Some(last) = page.last() else { return Ok(due) };
            after = *last;
            for id in page {
                if self.needless.contains(&id) {
                    continue;
                }
                due.extend(self.look_at(id, now).await?);
                if REMINDED_AT_ONCE <= due.len() {
                    return Ok(due);
                }
            }
        }
    }

    async fn look_at(&mut self, id: AlarmId, now: Timestamp) -> Result<Option<Due>, StoreError> {
        let sent = self.needs.log.follow_up_reminders(id).await?;
        if !sent.leave_room(now) {
            return Ok(None);
        }
        let Some(stored) = self.needs.log.alarm(id).await? else { return Ok(None) };
        let plans: Vec<_> = stored.plans.into_iter().map(Arc::new).collect();
        let events = stored.events.iter().map(|stored| (stored.at, &stored.event));
        let folded = Alarm::fold(id, &plans, events).ok();
        let needed = folded.as_ref().filter(|alarm| !alarm.plan().is_drill);
        let closing = needed.and_then(Alarm::closing).filter(|it| it.follow_up_at.is_some());
        let (Some(alarm), Some(closing)) = (needed, closing) else {
            if NEEDLESS_MAX <= self.needless.len() {
                self.needless.clear();
            }
            self.needless.insert(id);
            return Ok(None);
        };
        let directory = self.needs.directory.current();
        let scene = &alarm.plan().scene;
        let line = directory.line_of(scene.household, scene.line);
        let community = directory.community(scene.community);
        let (Some(line), Some(community)) = (line, community) else { return Ok(None) };
        if !closing.is_reminder_due(sent, community.roster.zone(), now) {
            return Ok(None);
        }
        let defaults = &self.needs.policy;
        // As in a drill: it waits for everything that is real.
        let wanted = PlanFor { kind: alarm.plan().kind, is_drill: true, now, defaults };
        let plan = plan::build(&directory, line, &wanted).map(Arc::new);
        let owner = alarm.owner().and_then(|party| alarm.plan().party(party)?.worker);
        Ok(plan.map(|plan| Due { alarm: id, sent, plan, owner }))
    }

    /// Sends, and tells of which places at least one was sent.
    async fn send(&self, notices: Vec<Notice>) -> BTreeSet<usize> {
        let mut waited: BTreeMap<usize, usize> = BTreeMap::new();
        for notice in &notices {
            *waited.entry(notice.place).or_default() += 1;
        }
        let (told, mut ended) = mpsc::channel::<NoticeEnd>(notices.len());
        if !self.needs.switchboard.announce(notices, told).await {
            return BTreeSet::new();
        }
        let clock = &self.needs.clock;
        let until = clock.now().saturating_add(END_AFTER).unwrap_or(Timestamp::MAX);
        let mut reached = BTreeSet::new();
        while !waited.is_empty() {
            let end = tokio::select! {
                end = ended.recv() => end,
                () = clock.sleep_until(until) => None,
            };
            let Some((place, _, outcome)) = end else { break };
            if matches!(outcome, LegOutcome::Sent | LegOutcome::Delivered) {
                reached.insert(place);
            }
            if let Some(left) = waited.get_mut(&place) {
                *left = left.saturating_sub(1);
            }
            waited.retain(|_, left| *left != 0);
        }
        // No word of it yet: the provider has it, or it waits behind alarms.
        reached.extend(waited.into_keys());
        reached
    }
}
