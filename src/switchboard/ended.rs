//! Alarms that are closed, for whoever was told of them and calls back, or opens the link in their message.
//!
//! Kept in memory for two hours, at most [`ENDED_MAX`]; the one closed first is forgotten. After a start the log tells
//! those of the process before, aside: no press waits for it, and no alarm that is open.

use super::callers::Numbers;
use super::pages::{self, Pages};
use super::{CallerId, Request};
use crate::clock::Clock;
use crate::store::alarm_log::{AlarmLog, StoredAlarm};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::{Alarm, CloseOutcome, Stage};
use lianfang_domain::directory::Language;
use lianfang_domain::id::AlarmId;
use lianfang_domain::plan::{PartyId, Plan};
use lianfang_domain::words;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc;

/// How long somebody who calls back is told how it ended.
pub(super) const TOLD: SignedDuration = SignedDuration::from_hours(2);
/// Ended alarms that are remembered: more than a node closes in two hours, some ten kilobytes each.
const ENDED_MAX: usize = 4_096;
/// Ended alarms that are read from the log at a time, so that no reader holds it for long.
const CHUNK: usize = 32;

/// An alarm that is closed.
#[derive(Clone, Debug)]
pub(super) struct End {
    alarm: AlarmId,
    at: Timestamp,
    outcome: CloseOutcome,
    plan: Arc<Plan>,
    /// Whom we called or wrote to, and whether they had answered.
    told: BTreeMap<PartyId, bool>,
}

/// What somebody hears of an alarm that is over.
#[derive(Clone, Debug)]
pub struct Over {
    /// The alarm.
    pub alarm: AlarmId,
    /// What it was.
    pub outcome: CloseOutcome,
    /// Where it was.
    pub plan: Arc<Plan>,
    /// The language of the caller.
    pub language: Language,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ended {
    ends: BTreeMap<AlarmId, End>,
    by_age: BTreeSet<(Timestamp, AlarmId)>,
    numbers: Numbers,
}

impl End {
    /// `None` while the alarm is not closed.
    pub(super) fn of(alarm: &Alarm) -> Option<Self> {
        let Stage::Closed { at, outcome } = alarm.stage() else { return None };
        let told = alarm.legs().iter().filter(|leg| leg.placed_at.is_some());
        let answered = |party| alarm.party(party).is_some_and(|state| state.has_answered());
        let told = told.map(|leg| (leg.party, answered(leg.party))).collect();
        let (alarm, plan) = (alarm.id(), Arc::clone(alarm.plan()));
        Some(Self { alarm, at, outcome, plan, told })
    }

    /// How the caller is spoken to, if they were told of the alarm, and whether they had answered.
    fn caller(&self, caller: &CallerId) -> Option<(Language, bool)> {
        let scene = &self.plan.scene;
        if caller.line == Some(scene.line) {
            return Some((scene.language, true));
        }
        let wanted = caller.number.as_ref()?;
        self.plan.parties().into_iter().find_map(|(id, party)| {
            let has_answered = self.told.get(&id)?;
            let number = party.numbers.iter().find(|known| known.number == *wanted)?;
            Some((number.language, *has_answered))
        })
    }
}

impl Ended {
    /// Takes an end up, if it is news of the last two hours.
    pub(super) fn note(&mut self, end: End, now: Timestamp) {
        self.clear_away(now);
        let is_past = TOLD <= now.duration_since(end.at);
        if is_past || self.ends.contains_key(&end.alarm) {
            return;
        }
        self.numbers.add(end.alarm, &end.plan);
        self.by_age.insert((end.at, end.alarm));
        self.ends.insert(end.alarm, end);
        self.clear_away(now);
    }

    fn clear_away(&mut self, now: Timestamp) {
        while let Some((at, alarm)) = self.by_age.first().copied()
            && (TOLD <= now.duration_since(at) || ENDED_MAX < self.by_age.len())
        {
            self.by_age.pop_first();
            if let Some(end) = self.ends.remove(&alarm) {
                self.numbers.remove(alarm, &end.plan);
            }
        }
    }

    /// What the caller is to hear of, the alarm that was closed last first. Who was told of another alarm before hears of
    /// those only that they never answered.
    pub(super) fn of(&mut self, caller: &CallerId, heard: &[AlarmId], now: Timestamp) -> Vec<Over> {
        self.clear_away(now);
        let mine = self.by_age.iter().rev().filter_map(|(_, id)| self.ends.get(id)).filter(|end| {
            let is_line = caller.line == Some(end.plan.scene.line);
            let is_number =
                caller.number.as_ref().is_some_and(|it| self.numbers.has(it, end.alarm));
            (is_line || is_number) && !heard.contains(&end.alarm)
        });
        let told = mine.filter_map(|end| {
            let (language, has_answered) = end.caller(caller)?;
            let End { alarm, outcome, plan, .. } = end;
            let over = Over { alarm: *alarm, outcome: *outcome, plan: Arc::clone(plan), language };
            (heard.is_empty() || !has_answered).then_some(over)
        });
        told.take(words::ENDED_MAX).collect()
    }
}

/// Takes up what the process before this one closed: links go on showing it, and who calls back hears of it.
pub(super) async fn recover(
    (log, clock): (AlarmLog, Clock),
    pages: Option<Arc<Pages>>,
    requests: mpsc::Sender<Request>,
) {
    let since = clock.now().saturating_sub(pages::KEPT).unwrap_or(Timestamp::MIN);
    let ids = match log.closed_since(since, ENDED_MAX).await {
        Ok(ids) => ids,
        Err(error) => {
            tracing::error!(?error, "Cannot read the closed alarms: their links are not known");
            return;
        }
    };
    for chunk in ids.chunks(CHUNK) {
        let stored = match log.alarms(chunk).await {
            Ok(stored) => stored,
            Err(error) => {
                tracing::error!(?error, "Cannot read closed alarms: their links are not known");
                continue;
            }
        };
        let alarms = stored.into_iter().filter_map(fold);
        let ends: Vec<End> =
            alarms.filter_map(|alarm| taken_up(&alarm, pages.as_deref())).collect();
        // Without a switchboard nobody is left to tell.
        let _ = requests.send(Request::Ended(ends)).await;
    }
}

/// A plan that was erased leaves nothing to tell.
fn fold(stored: StoredAlarm) -> Option<Alarm> {
    let plans: Vec<_> = stored.plans.into_iter().map(Arc::new).collect();
    let events = stored.events.iter().map(|stored| (stored.at, &stored.event));
    Alarm::fold(stored.row.id, &plans, events).ok()
}

fn taken_up(alarm: &Alarm, pages: Option<&Pages>) -> Option<End> {
    let end = End::of(alarm)?;
    if let Some(pages) = pages {
        pages.recover(alarm);
        pages.closed(end.alarm, end.at);
    }
    Some(end)
}
