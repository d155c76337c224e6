//! Keeps what drills and alarms have shown of telephone numbers, for their reachability.
//!
//! Off the way of alarms: one task beside them reads what was kept long since, some alarms at a time with a rest between
//! them, and writes to the database of the directory only. After a restart it goes on where it was; a piece
//! that was cut off is done again and comes to the same. What is known of a number goes when the number leaves the
//! directory.

use crate::clock::Clock;
use crate::store::alarm_log::AlarmLog;
use crate::store::snapshot::DirectoryHandle;
use crate::store::{Store, StoreError, evidence};
use crate::tasks::Tasks;
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::directory::Directory;
use lianfang_domain::id::AlarmId;
use lianfang_domain::reachability::{Sighting, holders, witness};
use std::time::Duration;

/// Pause when there is nothing left to look at.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(10);
/// How often what is too old is erased.
const FORGET_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// What was seen longer ago says nothing: two half-years and some weeks.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 400);
/// Alarms that are read together: some ten thousand events at most, a few megabytes.
const ALARMS_AT_ONCE: usize = 32;
/// Numbers that are compared and written together.
const NUMBERS_AT_ONCE: u32 = 1000;
/// Rest between two pieces of work, which take some ten milliseconds each: a part of one core in the worst of storms.
const REST: Duration = Duration::from_millis(100);

/// What the task needs.
pub struct Needs {
    /// Where it is kept.
    pub store: Store,
    /// What happened.
    pub log: AlarmLog,
    /// Which numbers there are.
    pub directory: DirectoryHandle,
    /// The time.
    pub clock: Clock,
}

/// Starts the task.
pub fn start(tasks: &Tasks, needs: Needs) {
    let clock = needs.clock.clone();
    let mut keeper = Keeper { needs, compared: None, forget_at: Timestamp::MIN };
    tasks.start("evidence", move |stop| async move {
        loop {
            let now = clock.now();
            // Work that is cut off is done again at the next start.
            match stop.run_until_cancelled(keeper.work()).await {
                None => return,
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::warn!(%error, "Cannot keep what was seen of numbers, trying again in ten seconds");
                }
            }
            let next = now.saturating_add(LOOK_EVERY).unwrap_or(Timestamp::MAX);
            if stop.run_until_cancelled(clock.sleep_until(next)).await.is_none() {
                return;
            }
        }
    });
}

struct Keeper {
    needs: Needs,
    /// The version of the directory whose numbers are noticed.
    compared: Option<u64>,
    forget_at: Timestamp,
}

impl Keeper {
    async fn work(&mut self) -> Result<(), StoreError> {
        // Numbers first: what an alarm shows of a number that nobody has noticed yet is not kept.
        self.compare().await?;
        while self.look().await? {
            tokio::time::sleep(REST).await;
        }
        let now = self.needs.clock.now();
        if self.forget_at <= now {
            let limit = oldest(now);
            while evidence::forget_before(self.needs.store.directory(), limit).await? {
                tokio::time::sleep(REST).await;
            }
            self.forget_at = now.saturating_add(FORGET_EVERY).unwrap_or(Timestamp::MAX);
        }
        Ok(())
    }

    /// Notices the numbers that came into the directory, and erases those that left it.
    async fn compare(&mut self) -> Result<(), StoreError> {
        let directory = self.needs.directory.current();
        if self.compared == Some(directory.version) {
            return Ok(());
        }
        let database = self.needs.store.directory();
        let mut wanted = keys(&directory).into_iter().peekable();
        let (mut after, mut erased) = (String::new(), 0);
        loop {
            let page = evidence::known_after(database, &after, NUMBERS_AT_ONCE).await?;
            let (mut come, mut gone) = (Vec::new(), Vec::new());
            for known in &page {
                come.extend(std::iter::from_fn(|| wanted.next_if(|key| *key < known.as_str())));
                if wanted.next_if_eq(&known.as_str()).is_none() {
                    gone.push(known.as_str());
                }
            }
            let is_last = page.len() < NUMBERS_AT_ONCE as usize;
            if is_last {
                come.extend(wanted.by_ref());
            }
            erased += gone.len();
            self.write(&come, &gone).await?;
            match page.last() {
                Some(last) if !is_last => last.clone_into(&mut after),
                Some(_) | None => break,
            }
            tokio::time::sleep(REST).await;
        }
        if erased != 0 {
            tracing::info!(
                numbers = erased,
                "Erased what was seen of numbers that left the directory"
            );
        }
        self.compared = Some(directory.version);
        Ok(())
    }

    async fn write(&self, come: &[&str], gone: &[&str]) -> Result<(), StoreError> {
        let database = self.needs.store.directory();
        if !gone.is_empty() {
            evidence::take_up(database, (&[], gone), self.needs.clock.now()).await?;
        }
        for (index, some) in come.chunks(NUMBERS_AT_ONCE as usize).enumerate() {
            if index != 0 {
                tokio::time::sleep(REST).await;
            }
            evidence::take_up(database, (some, &[]), self.needs.clock.now()).await?;
        }
        Ok(())
    }

    /// Looks at the alarms of which something new was written. Whether even more had been written when it began, or reading
    /// began anew meanwhile; what is written meanwhile is left for later, so that an alarm under way is not read again and
    /// again.
    async fn look(&self) -> Result<bool, StoreError> {
        let store = &self.needs.store;
        let Some(news) = evidence::news(store.alarms(), store.directory()).await? else {
            return Ok(false);
        };
        for (index, some) in news.alarms.chunks(ALARMS_AT_ONCE).enumerate() {
            if index != 0 {
                tokio::time::sleep(REST).await;
            }
            let limit = oldest(self.needs.clock.now());
            let (alarms, seen) = self.witnessed(some, limit).await?;
            evidence::put(store.directory(), &alarms, &seen).await?;
        }
        let is_so_far = evidence::advance(store.directory(), news.from, news.up_to).await?;
        Ok(!news.is_all || !is_so_far)
    }

    /// What some alarms have shown since `limit`. Without its plan nobody knows whom an alarm called: what was seen of it
    /// before stays as it is.
    async fn witnessed(
        &self,
        ids: &[AlarmId],
        limit: Timestamp,
    ) -> Result<(Vec<AlarmId>, Vec<Sighting>), StoreError> {
        let (mut alarms, mut seen) = (Vec::new(), Vec::new());
        for stored in self.needs.log.alarms(ids).await? {
            let Some(plan) = stored.plans.last() else { continue };
            let events = stored.events.iter().map(|stored| (stored.at, &stored.event));
            let shown = witness(stored.row.id, plan, events).into_iter();
            seen.extend(shown.filter(|sighting| limit <= sighting.seen.at));
            alarms.push(stored.row.id);
        }
        Ok((alarms, seen))
    }
}

fn oldest(now: Timestamp) -> Timestamp {
    now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN)
}

/// Every number of a person in the directory, in order, each once.
fn keys(directory: &Directory) -> Vec<&str> {
    let communities = directory.communities();
    let all = communities.flat_map(|community| holders(community));
    let mut keys: Vec<&str> = all.map(|holder| holder.number.number.key()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
