//! The ledger: alarms as they were measured, so that those that are over are read from the database once.
//!
//! It is read in pages, one report at a time and with one connection, so that the alarm path never waits for it. A report
//! that takes too long is told to come again and goes on where it stopped, since what was measured is kept. It holds at
//! most [`KNOWN_MAX`] alarms, about 300 bytes each; of more the oldest are measured again each time.

use super::public::Published;
use crate::clock::Clock;
use crate::store::alarm_log::{AlarmLog, AlarmRow, MeasuredAlarm, RaisedRow};
use crate::web::Web;
use crate::web::problem::ApiError;
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::id::{AlarmId, CommunityId};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Alarms that are read together.
const PAGE: u32 = 200;
/// Alarms that are remembered.
const KNOWN_MAX: usize = 150_000;
/// How long a report waits for another one.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// How long one reads, below the deadline of a request.
const READ_MAX: SignedDuration = SignedDuration::from_secs(6);
/// What is told to everybody is counted anew after this.
const PUBLISHED: SignedDuration = SignedDuration::from_hours(1);

/// What was measured. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::web) struct Ledger(Arc<Books>);

#[derive(Debug, Default)]
struct Books {
    known: Mutex<BTreeMap<AlarmId, MeasuredAlarm>>,
    /// One entry for each community that is configured to be public.
    published: Mutex<BTreeMap<CommunityId, (Timestamp, Published)>>,
    reading: tokio::sync::Mutex<()>,
}

/// Where alarms are read.
#[derive(Clone, Copy)]
struct Source<'a> {
    log: &'a AlarmLog,
    clock: &'a Clock,
}

impl Ledger {
    /// Hands every alarm that was raised within a span to `take`, oldest first.
    ///
    /// # Errors
    /// [`ApiError::Counting`] when there is more than can be read in time; the next try goes on from there.
    pub(super) async fn read(
        &self,
        web: &Web,
        span: &Range<Timestamp>,
        take: impl FnMut(&RaisedRow, &MeasuredAlarm),
    ) -> Result<(), ApiError> {
        let source = Source { log: &web.alarm_log, clock: &web.clock };
        self.read_for(READ_MAX, source, span, take).await
    }

    async fn read_for(
        &self,
        longest: SignedDuration,
        source: Source<'_>,
        span: &Range<Timestamp>,
        mut take: impl FnMut(&RaisedRow, &MeasuredAlarm),
    ) -> Result<(), ApiError> {
        let waited = tokio::time::timeout(WAIT_MAX, self.0.reading.lock()).await;
        let _reading = waited.map_err(|_| ApiError::Counting)?;
        let begun = source.clock.now();
        let mut last = None;
        loop {
            let rows = source.log.raised_within(span, last.as_ref(), PAGE).await?;
            let (alarms, is_new) = self.measured(source, &rows).await?;
            for row in &rows {
                if let Some(alarm) = alarms.get(&row.id) {
                    take(row, alarm);
                }
            }
            if rows.len() < PAGE as usize {
                return Ok(());
            }
            last = rows.last().copied();
            // Pages that are known cost next to nothing: each try comes further than the one before.
            if is_new && longest <= source.clock.now().duration_since(begun) {
                return Err(ApiError::Counting);
            }
        }
    }

    /// These alarms, measured; those that are over are read once.
    ///
    /// # Errors
    /// When the database fails.
    pub(in crate::web) async fn measured_of(
        &self,
        web: &Web,
        rows: &[AlarmRow],
    ) -> Result<BTreeMap<AlarmId, MeasuredAlarm>, ApiError> {
        let source = Source { log: &web.alarm_log, clock: &web.clock };
        let row = |row: &AlarmRow| RaisedRow {
            id: row.id,
            line: row.line,
            raised: row.raised,
            followed_up: None,
        };
        let rows: Vec<RaisedRow> = rows.iter().map(row).collect();
        Ok(self.measured(source, &rows).await?.0)
    }

    /// The alarms of a page, and whether any of them had to be read.
    async fn measured(
        &self,
        source: Source<'_>,
        rows: &[RaisedRow],
    ) -> Result<(BTreeMap<AlarmId, MeasuredAlarm>, bool), ApiError> {
        let mut found: BTreeMap<AlarmId, MeasuredAlarm> = {
            let known = lock(&self.0.known);
            rows.iter().filter_map(|row| Some((row.id, *known.get(&row.id)?))).collect()
        };
        let new: Vec<RaisedRow> =
            rows.iter().filter(|row| !found.contains_key(&row.id)).copied().collect();
        if new.is_empty() {
            return Ok((found, false));
        }
        let measured = source.log.measured(&new).await?;
        // Until somebody closed it, an alarm may still become another, however long it was withdrawn.
        let settled = measured.iter().filter(|(_, alarm)| alarm.measured.closed.is_some());
        let mut known = lock(&self.0.known);
        known.extend(settled);
        while KNOWN_MAX < known.len() {
            known.pop_first();
        }
        drop(known);
        found.extend(measured);
        Ok((found, true))
    }

    /// What was published of a community within the last hour.
    pub(super) fn published(&self, id: CommunityId, now: Timestamp) -> Option<Published> {
        let published = lock(&self.0.published);
        let is_fresh = |(at, _): &&(Timestamp, Published)| now.duration_since(*at) < PUBLISHED;
        published.get(&id).filter(is_fresh).map(|(_, published)| published.clone())
    }

    /// Keeps what is published of a community.
    pub(super) fn publish(&self, id: CommunityId, now: Timestamp, report: Published) {
        lock(&self.0.published).insert(id, (now, report));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::alarm_log::{LogOptions, NewEvents, OpenedAlarm};
    use crate::tasks::Tasks;
    use lianfang_domain::alarm::{CloseOutcome, Event, Proof, Trigger, TriggerSource};
    use lianfang_domain::id::{GroupId, HouseholdId, LineId};
    use tokio::runtime::Handle;
    use tokio_util::sync::CancellationToken;

    const ALARMS: u64 = 450;

    fn closed(number: u64, at: Timestamp) -> NewEvents {
        let line = LineId(u32::try_from(number).expect("few"));
        let trigger = Trigger {
            line,
            household: HouseholdId(1),
            group: GroupId(1),
            code: "#9".into(),
            source: TriggerSource::Dialled,
            proof: Proof::Digest,
            idempotency_key: format!("call-{number}").into(),
        };
        let opened = OpenedAlarm {
            line,
            idempotency_key: trigger.idempotency_key.clone(),
            raised: at,
            follows: None,
        };
        let close = Event::Closed {
            actor: "".into(),
            outcome: CloseOutcome::Genuine,
            matter: None,
            by: None,
        };
        NewEvents {
            alarm: AlarmId(number << 20),
            first_sequence: 0,
            at,
            events: vec![Event::Raised { trigger, follows: None }, close],
            plan: None,
            opened: Some(opened),
            closed: Some(at),
            beginning: None,
        }
    }

    #[tokio::test]
    async fn what_takes_too_long_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open_in_memory().await.expect("opens");
        let now: Timestamp = "2026-11-22T00:00:00Z".parse().expect("a moment");
        let clock = Clock::simulated(now);
        let tasks = Tasks::new(Handle::current(), CancellationToken::new());
        let options = LogOptions {
            commit_deadline: Duration::from_secs(10),
            ..LogOptions::in_folder(folder.path())
        };
        let (log, _) = AlarmLog::start(&store, &options, &clock, &tasks).await.expect("starts");
        // Many are raised in one moment: pages must neither lose nor repeat any of them.
        let batch = (1..=ALARMS).map(|number| closed(number, now)).collect();
        log.append(batch).expect("queued").await.expect("kept");
        let ledger = Ledger::default();
        let source = Source { log: &log, clock: &clock };
        let span = now..Timestamp::MAX;
        let mut tries = 0;
        let found = loop {
            let mut found = Vec::new();
            let take = |row: &RaisedRow, alarm: &MeasuredAlarm| {
                assert!(alarm.measured.closed.is_some());
                found.push(row.id);
            };
            let read = ledger.read_for(SignedDuration::ZERO, source, &span, take).await;
            tries += 1;
            match read {
                Ok(()) => break found,
                Err(ApiError::Counting) => assert_eq!(found.len(), tries * PAGE as usize),
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(tries, 3);
        assert_eq!(found, (1..=ALARMS).map(|number| AlarmId(number << 20)).collect::<Vec<_>>());
        assert_eq!(lock(&ledger.0.known).len(), found.len());
    }

    #[tokio::test]
    async fn what_was_withdrawn_long_ago_may_still_be_closed() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open_in_memory().await.expect("opens");
        let now: Timestamp = "2026-11-22T00:00:00Z".parse().expect("a moment");
        let clock = Clock::simulated(now);
        let tasks = Tasks::new(Handle::current(), CancellationToken::new());
        let options = LogOptions {
            commit_deadline: Duration::from_secs(10),
            ..LogOptions::in_folder(folder.path())
        };
        let (log, _) = AlarmLog::start(&store, &options, &clock, &tasks).await.expect("starts");
        let mut closing = closed(1, now);
        let close = closing.events.split_off(1);
        closing.events.push(Event::Cancelled { actor: "".into(), means: None });
        log.append(vec![closing.clone()]).expect("queued").await.expect("kept");
        clock.advance(Duration::from_secs(8 * 24 * 3600));
        let ledger = Ledger::default();
        let source = Source { log: &log, clock: &clock };
        for is_closed in [false, true] {
            let mut found = Vec::new();
            let take = |_: &RaisedRow, alarm: &MeasuredAlarm| {
                found.push(alarm.measured.closed.is_some());
            };
            let span = now..Timestamp::MAX;
            ledger.read_for(READ_MAX, source, &span, take).await.expect("reads");
            assert_eq!(found, [is_closed]);
            if !is_closed {
                let (first_sequence, at) = (2, clock.now());
                let closed = NewEvents {
                    first_sequence,
                    at,
                    events: close.clone(),
                    opened: None,
                    ..closing.clone()
                };
                log.append(vec![closed]).expect("queued").await.expect("kept");
            }
        }
    }
}
