//! What the inputs of one turn led to: committed in one append, carried out when it is kept or the deadline has passed.
//!
//! Turns are carried out in the order in which they were taken, whatever becomes of their commits: the end of a call
//! never overtakes its beginning.

use super::driver::Driver;
use super::live::Birth;
use super::presses::{another_key, is_same_press};
use super::{ActError, Raised, Reply};
use crate::clock::{Clock, Seldom};
use crate::store::alarm_log::{AppendError, Appended, Kept, NewEvents};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::{Effect, Trigger};
use lianfang_domain::id::AlarmId;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Records that are kept for a log that has no room. Beyond it the oldest are lost to the log, not to those who ring.
const BACKLOG_MAX: usize = 20_000;

/// See the module.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) records: Vec<NewEvents>,
    pub(super) effects: Vec<(AlarmId, Effect)>,
    pub(super) replies: Vec<(Raised, Reply)>,
    pub(super) acts: Vec<oneshot::Sender<Result<(), ActError>>>,
}

/// A turn whose commit is under way.
pub(super) struct Waiting {
    /// `None` when there is nothing to wait for but the turns before it.
    kept: Option<oneshot::Receiver<Appended>>,
    deadline: Timestamp,
    /// Alarms of the records, in order.
    alarms: Vec<(AlarmId, Record)>,
    turn: Turn,
}

/// What a record is to its alarm.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Record {
    /// Its beginning.
    Opening,
    /// It goes on.
    More,
    /// It was carried out before it could be appended.
    Old,
}

/// Waits until the oldest turn is kept; `None` when its deadline passes first. For ever when no turn waits.
pub(super) async fn next_kept(waiting: &mut VecDeque<Waiting>, clock: &Clock) -> Option<Appended> {
    let Some(Waiting { kept, deadline, .. }) = waiting.front_mut() else {
        return std::future::pending().await;
    };
    let kept = kept.as_mut()?;
    tokio::select! {
        biased;
        appended = kept => appended.ok(),
        () = clock.sleep_until(*deadline) => None,
    }
}

impl Turn {
    fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.effects.is_empty()
            && self.replies.is_empty()
            && self.acts.is_empty()
    }

    /// Takes out what is to be said to those who raised this alarm, and does nothing for it.
    fn withdraw(&mut self, id: AlarmId) -> Vec<Reply> {
        self.effects.retain(|(of, _)| *of != id);
        let (mine, others) = self.replies.drain(..).partition(|(raised, _)| raised.alarm == id);
        self.replies = others;
        let mine: Vec<(Raised, Reply)> = mine;
        mine.into_iter().map(|(_, reply)| reply).collect()
    }
}

impl Driver {
    /// Hands what the turn led to to the log. What is to be done waits for it.
    pub(super) fn end_turn(&mut self) {
        // Acting may lead to more: a leg that no route takes fails at once.
        while !self.turn.is_empty() {
            let turn = std::mem::take(&mut self.turn);
            self.commit(turn);
        }
        if !self.backlog.is_empty() && self.waiting.is_empty() {
            self.commit(Turn::default());
        }
    }

    fn commit(&mut self, mut turn: Turn) {
        if turn.records.is_empty() && self.waiting.is_empty() && self.backlog.is_empty() {
            return self.act(turn);
        }
        let old = self.backlog.len();
        let mut batch: Vec<NewEvents> = self.backlog.drain(..).collect();
        batch.append(&mut turn.records);
        let alarms = batch.iter().enumerate().map(|(index, record)| {
            let kind = match &record.opened {
                _ if index < old => Record::Old,
                Some(_) => Record::Opening,
                None => Record::More,
            };
            (record.alarm, kind)
        });
        let alarms = alarms.collect();
        let kept = if batch.is_empty() { None } else { self.append(batch) };
        if kept.is_none() && turn.is_empty() {
            return;
        }
        let wait = SignedDuration::try_from(self.ports.commit_deadline).unwrap_or_default();
        let deadline = self.ports.clock.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
        self.waiting.push_back(Waiting { kept, deadline, alarms, turn });
    }

    /// The log may take nothing: we ring all the same, and everybody who looks must see it.
    fn append(&mut self, batch: Vec<NewEvents>) -> Option<oneshot::Receiver<Appended>> {
        let error = match self.ports.log.append(batch) {
            Ok(kept) => return Some(kept),
            Err(error) => error,
        };
        metrics::counter!("lianfang_alarm_uncommitted_total").increment(1);
        static TOLD: Seldom = Seldom::new();
        if let Some(times) = TOLD.tell(self.ports.clock.now()) {
            tracing::error!(%error, times, "Acting on events that are not stored");
        }
        match error {
            AppendError::Full(batch) | AppendError::Stopped(batch) => self.backlog.extend(batch),
            AppendError::Encode(_) => {}
        }
        let lost = self.backlog.len().saturating_sub(BACKLOG_MAX);
        if 0 < lost {
            metrics::counter!("lianfang_log_backlog_lost_total").increment(lost as u64);
            static TOLD: Seldom = Seldom::new();
            if let Some(times) = TOLD.tell(self.ports.clock.now()) {
                tracing::error!(times, "No room for events of the alarm log, dropping them");
            }
            self.backlog.drain(..lost);
        }
        None
    }

    /// The oldest turn is kept, or was waited for long enough.
    pub(super) fn on_kept(&mut self, appended: Option<Appended>) {
        let Some(Waiting { kept, alarms, mut turn, .. }) = self.waiting.pop_front() else { return };
        if appended.is_none() && kept.is_some() {
            metrics::counter!("lianfang_commit_late_total").increment(1);
            static TOLD: Seldom = Seldom::new();
            if let Some(times) = TOLD.tell(self.ports.clock.now()) {
                tracing::error!(
                    times,
                    "The disk is slower than the commit deadline, acting all the same"
                );
            }
        }
        let all_kept = appended.map(|appended| appended.kept).unwrap_or_default();
        let all_kept = all_kept.into_iter().map(Some).chain(std::iter::repeat(None));
        for ((id, record), kept) in alarms.into_iter().zip(all_kept) {
            match kept {
                Some(kept) => self.on_kept_record(id, record, kept, &mut turn),
                None => self.on_uncommitted(id, record),
            }
        }
        self.act(turn);
    }

    fn on_kept_record(&mut self, id: AlarmId, record: Record, kept: Kept, turn: &mut Turn) {
        match kept {
            Kept::Committed | Kept::Journalled => {
                if record == Record::Opening
                    && let Some(live) = self.alarms.get_mut(&id)
                {
                    live.measure.on_committed(self.ports.clock.now());
                }
            }
            Kept::InMemory | Kept::Nowhere => {
                metrics::counter!("lianfang_alarm_uncommitted_total").increment(1);
                self.on_uncommitted(id, record);
            }
            // What rang already rings on.
            Kept::SamePress { .. } | Kept::LineHasAlarm { .. } if record != Record::Opening => {}
            Kept::SamePress { alarm } => {
                let now = self.ports.clock.now();
                let trigger = self.alarms.get(&id).map(|live| live.alarm.trigger());
                match trigger.filter(|trigger| !is_same_press(trigger, alarm, now)) {
                    None => self.give_over(id, alarm, turn),
                    Some(trigger) => {
                        let key = another_key(trigger, now);
                        tracing::warn!(alarm.id = %id, other = %alarm, "A line names another press like an old one");
                        self.raise_again(id, (None, key), turn);
                    }
                }
            }
            Kept::LineHasAlarm { alarm } => {
                tracing::error!(alarm.id = %id, other = %alarm, "The line has an open alarm that nobody drives here");
                if let Some(live) = self.alarms.get(&id) {
                    let key = Arc::clone(&live.alarm.trigger().idempotency_key);
                    self.raise_again(id, (Some(alarm), key), turn);
                }
            }
        }
    }

    fn on_uncommitted(&mut self, id: AlarmId, record: Record) {
        if record == Record::Opening
            && let Some(live) = self.alarms.get_mut(&id)
        {
            live.measure.on_uncommitted();
        }
    }

    /// The press raised an alarm before: before a restart, or in another process. Ours would ring everybody twice.
    fn give_over(&mut self, id: AlarmId, other: AlarmId, turn: &mut Turn) {
        tracing::warn!(alarm.id = %id, other = %other, "The press has raised an alarm before");
        let Some(live) = self.remove(id) else { return };
        let line = live.line.line;
        if self.last_by_line.get(&line) == Some(&id) {
            let before = live.alarm.follows().into_iter().chain([other]);
            match before.filter(|id| self.alarms.contains_key(id)).max() {
                Some(before) => self.last_by_line.insert(line, before),
                None => self.last_by_line.remove(&line),
            };
        }
        self.seen.remember(&live.alarm.trigger().idempotency_key, other);
        let replies = turn.withdraw(id);
        let raised = Raised { alarm: other, is_new: false };
        turn.replies.extend(replies.into_iter().map(|reply| (raised, reply)));
        self.answer_with(id, other);
    }

    /// The log refused the alarm for one that is not driven here: another of the line that is open, or an old one whose
    /// press had the same key. In doubt more phones ring: the press raises one that follows it, or has another key.
    fn raise_again(
        &mut self,
        id: AlarmId,
        (follows, key): (Option<AlarmId>, Arc<str>),
        turn: &mut Turn,
    ) {
        let Some(live) = self.remove(id) else { return };
        let told = live.alarm.trigger();
        let trigger = Trigger { idempotency_key: Arc::clone(&key), ..told.clone() };
        let birth = Birth {
            trigger,
            line: live.line,
            heard_at: live.measure.heard_at(),
            plan: Arc::clone(live.alarm.plan()),
            follows,
        };
        let alarm = self.bear(birth, self.ports.clock.now());
        self.seen.remember(&live.alarm.trigger().idempotency_key, alarm);
        self.seen.remember(&key, alarm);
        let raised = Raised { alarm, is_new: true };
        self.turn.replies.extend(turn.withdraw(id).into_iter().map(|reply| (raised, reply)));
        self.answer_with(id, alarm);
    }

    /// The same press may have been told again meanwhile.
    fn answer_with(&mut self, id: AlarmId, other: AlarmId) {
        let turns = self.waiting.iter_mut().map(|waiting| &mut waiting.turn);
        let replies = turns.chain([&mut self.turn]).flat_map(|turn| &mut turn.replies);
        for (raised, _) in replies.filter(|(raised, _)| raised.alarm == id) {
            raised.alarm = other;
        }
    }
}
