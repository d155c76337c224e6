//! Holds the drills that are stored: announces them, begins one door after the other, ends them.
//!
//! [`announcing`] tells people before. One task beside the alarms; `domain::drill` says what is due, the switchboard whether it may be now. It looks at the
//! database each second, so a drill that was made or stopped by anybody is known a second later, and a restart takes up
//! what was begun. Whatever it asks for, a real alarm goes first.

mod announcing;

use crate::clock::Clock;
use crate::store::snapshot::DirectoryHandle;
use crate::store::{Store, StoreError, drills};
use crate::switchboard::{Action, DrillBegun, DrillDoor, Switchboard};
use crate::tasks::Tasks;
use announcing::Announcing;
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::drill::{Ending, HomeState, Next, Run, Skip, Windows};
use lianfang_domain::id::DrillId;
use lianfang_domain::plan::Policy;
use std::collections::BTreeMap;

/// Pause between two looks.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(1);
/// Things done for one drill in one look; the others have their turn.
const STEPS_MAX: usize = 64;

/// What the task needs.
pub struct Needs {
    /// Where drills are stored.
    pub store: Store,
    /// Who will be called.
    pub directory: DirectoryHandle,
    /// What begins a door.
    pub switchboard: Switchboard,
    /// The time.
    pub clock: Clock,
    /// The pace of the service, for plans.
    pub policy: Policy,
}

/// Starts the task.
pub fn start(tasks: &Tasks, needs: Needs) {
    let clock = needs.clock.clone();
    let mut holder = Holder { needs, runs: BTreeMap::new() };
    tasks.start("drills", move |stop| async move {
        loop {
            // A look that is cut off does the rest at the next start: what was begun is known by its key.
            // From here: what came due during a look is not a second late.
            let began = clock.now();
            if stop.run_until_cancelled(holder.look()).await.is_none() {
                return;
            }
            let next = began.saturating_add(LOOK_EVERY).unwrap_or(Timestamp::MAX);
            if stop.run_until_cancelled(clock.sleep_until(next)).await.is_none() {
                return;
            }
        }
    });
}

/// A drill under way.
struct Held {
    run: Run,
    /// Who is told of it; `None` until they are listed, and once nobody is left to be told.
    announcing: Option<Announcing>,
    /// Nobody is left to be told.
    is_told: bool,
}

struct Holder {
    needs: Needs,
    runs: BTreeMap<DrillId, Held>,
}

impl Holder {
    async fn look(&mut self) {
        if let Err(error) = self.take_up().await {
            tracing::warn!(%error, "Cannot read the drills, trying again in a second");
            return;
        }
        let ids: Vec<DrillId> = self.runs.keys().copied().collect();
        for id in ids {
            if let Some(held) = self.runs.get_mut(&id).filter(|held| held.run.is_announced()) {
                held.tell(&self.needs, id).await;
            }
            for _ in 0..STEPS_MAX {
                match self.step(id).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::warn!(drill.id = %id, %error, "Cannot write down a drill, taking it up again");
                        self.runs.remove(&id);
                        break;
                    }
                }
            }
        }
    }

    /// Takes up drills that are new, and lets go of those that somebody stopped.
    async fn take_up(&mut self) -> Result<(), StoreError> {
        let running = drills::running(self.needs.store.alarms()).await?;
        self.runs.retain(|id, _| running.contains(id));
        for id in running {
            if self.runs.contains_key(&id) {
                continue;
            }
            let Some(stored) = drills::get(self.needs.store.alarms(), id).await? else { continue };
            let directory = self.needs.directory.current();
            let Some(community) = directory.community(stored.drill.community) else {
                let now = self.needs.clock.now();
                drills::end(self.needs.store.alarms(), id, Ending::Over, now).await?;
                continue;
            };
            let windows = Windows::of_stored(&stored.drill, community, &stored.homes);
            let run = Run::new(stored.drill, windows, stored.homes, stored.announced);
            self.runs.insert(id, Held { run, announcing: None, is_told: false });
        }
        Ok(())
    }

    /// Does the next thing of a drill. Whether something may be left to do now.
    async fn step(&mut self, id: DrillId) -> Result<bool, StoreError> {
        let now = self.needs.clock.now();
        let Some(held) = self.runs.get_mut(&id) else { return Ok(false) };
        let database = self.needs.store.alarms();
        match held.run.on_time(now) {
            None => Ok(false),
            Some(Next::End) => {
                drills::end(database, id, Ending::Over, now).await?;
                tracing::info!(drill.id = %id, "Drill over");
                self.runs.remove(&id);
                Ok(false)
            }
            Some(Next::Announce) => {
                if !held.tell(&self.needs, id).await {
                    held.run.on_not_announced(now);
                    return Ok(false);
                }
                drills::announced(database, id, now).await?;
                held.run.on_announced(now);
                tracing::info!(drill.id = %id, "Drill announced");
                Ok(true)
            }
            Some(Next::Start(place)) => held.begin(&self.needs, (id, place)).await,
        }
    }
}

impl Held {
    async fn begin(
        &mut self,
        needs: &Needs,
        (id, place): (DrillId, usize),
    ) -> Result<bool, StoreError> {
        let Some(home) = self.run.homes().get(place).copied() else { return Ok(false) };
        let key = format!("drill {id} household {}", home.line.household).into();
        let door = DrillDoor { line: home.line, kind: self.run.drill().kind, key };
        let begun = needs.switchboard.drill(door).await;
        let now = needs.clock.now();
        let database = needs.store.alarms();
        match begun {
            Some(DrillBegun::Began(alarm)) => {
                let state = HomeState::Started { alarm, at: now };
                drills::set_home(database, id, (place, state)).await?;
                self.run.on_started(place, alarm, now);
                if !drills::running(database).await?.contains(&id) {
                    // Somebody stopped the drill in this very moment.
                    let _ = needs.switchboard.act(alarm, Action::Cancel, "".into()).await;
                    return Ok(false);
                }
                Ok(true)
            }
            Some(DrillBegun::LineHasAlarm) => {
                self.skip(needs, (id, place), Skip::LineHasAlarm).await
            }
            Some(DrillBegun::Gone) => self.skip(needs, (id, place), Skip::Gone).await,
            Some(DrillBegun::RealAlarm | DrillBegun::Loaded) | None => {
                tracing::debug!(drill.id = %id, ?begun, "A drill waits");
                self.run.on_held(now);
                Ok(false)
            }
        }
    }

    async fn skip(
        &mut self,
        needs: &Needs,
        (id, place): (DrillId, usize),
        why: Skip,
    ) -> Result<bool, StoreError> {
        let state = HomeState::Skipped(why);
        drills::set_home(needs.store.alarms(), id, (place, state)).await?;
        self.run.on_skipped(place, why);
        Ok(true)
    }

    /// Tells those who are to be told now. Whether every SMS left that can.
    async fn tell(&mut self, needs: &Needs, id: DrillId) -> bool {
        match self.tell_some(needs, id).await {
            Ok(is_begun) => is_begun,
            Err(error) => {
                tracing::warn!(drill.id = %id, %error, "Cannot write down who is told of a drill");
                false
            }
        }
    }

    async fn tell_some(&mut self, needs: &Needs, id: DrillId) -> Result<bool, StoreError> {
        if self.is_told {
            return Ok(true);
        }
        if self.announcing.is_none() {
            self.announcing = Announcing::begin(needs, (id, &self.run)).await?;
        }
        let Some(announcing) = &mut self.announcing else {
            self.is_told = true;
            return Ok(true);
        };
        let is_begun = announcing.tell(needs, id, self.run.has_begun()).await?;
        if announcing.is_over() {
            (self.announcing, self.is_told) = (None, true);
        }
        Ok(is_begun)
    }
}
