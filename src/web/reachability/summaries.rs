//! How the numbers of each community stand, counted ahead: a page of communities reads tens of thousands of rows otherwise.
//!
//! What was counted holds as long as its community is the one that was edited last, nothing new was seen of its numbers,
//! and for some minutes, since confirmations lapse. It is counted again aside, one community at a time with a rest
//! between, from the reading side of the database; no alarm waits for that. Bound: one entry for each grid.

use super::{Holder, Judged, LOOKED_THROUGH, Worth, judge};
use crate::clock::Clock;
use crate::store::Database;
use crate::web::ports::Ports;
use crate::web::problem::ApiError;
use crate::web::reach::Area;
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::directory::{Community, Directory};
use lianfang_domain::id::{CommunityId, GridId};
use lianfang_domain::reachability;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use utoipa::ToSchema;

/// How long what was counted holds: confirmations lapse by the day.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
/// How often communities are looked through aside.
const EVERY: Duration = Duration::from_secs(20);
/// Rest after each that was counted, which takes some milliseconds: a part of one core.
const REST: Duration = Duration::from_millis(20);
/// Lines of a directory that is counted before anybody asks.
const LINES_MAX: usize = 200_000;

/// How well the people of a community can be reached.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub(in crate::web) struct Summary {
    /// How many numbers there are.
    pub(super) numbers: usize,
    /// Of them, those that a person confirmed in time.
    pub(super) confirmed: usize,
    /// Those that nobody has confirmed yet.
    pub(super) never_confirmed: usize,
    /// Those where nobody was reached of late, or whose confirmation is too old.
    pub(super) doubtful: usize,
    /// Those that do not exist, or of which nothing was heard for long.
    pub(super) unreachable: usize,
    /// Those about which somebody has to ask in person now.
    pub(super) due: usize,
    /// The confirmed ones of a hundred.
    confirmed_percent: u8,
}

impl Summary {
    /// Both together.
    fn and(self, other: &Self) -> Self {
        let confirmed = self.confirmed + other.confirmed;
        let numbers = self.numbers + other.numbers;
        let percent = (confirmed * 100).checked_div(numbers).unwrap_or_default();
        Self {
            numbers,
            confirmed,
            never_confirmed: self.never_confirmed + other.never_confirmed,
            doubtful: self.doubtful + other.doubtful,
            unreachable: self.unreachable + other.unreachable,
            due: self.due + other.due,
            confirmed_percent: u8::try_from(percent).unwrap_or(100),
        }
    }

    /// How many numbers there are, how many in each state, and how many are due.
    pub(in crate::web) fn counts(&self) -> [&usize; 6] {
        [
            &self.numbers,
            &self.confirmed,
            &self.never_confirmed,
            &self.doubtful,
            &self.unreachable,
            &self.due,
        ]
    }
}

/// What was counted. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::web) struct Summaries(Arc<Mutex<BTreeMap<CommunityId, Arc<Counted>>>>);

struct Counted {
    community: Arc<Community>,
    at: Timestamp,
    /// What was seen of numbers when it was counted.
    turn: u64,
    /// By grid; under none those who are for all of them.
    grids: BTreeMap<Option<GridId>, Summary>,
}

impl Summaries {
    /// Begins to count aside.
    pub(in crate::web) fn start(ports: &Ports) -> Self {
        let summaries = Self::default();
        let aside = summaries.clone();
        let (directory, database) = (ports.directory.clone(), ports.store.directory().clone());
        let clock = ports.clock.clone();
        ports.tasks.start("reachability", |stop| async move {
            let counting = async {
                loop {
                    let current = directory.current();
                    aside.count_all(&current, &database, &clock).await;
                    drop(current);
                    tokio::time::sleep(EVERY).await;
                }
            };
            stop.run_until_cancelled(counting).await;
        });
        summaries
    }

    async fn count_all(&self, directory: &Directory, database: &Database, clock: &Clock) {
        if LINES_MAX < directory.lines_len() {
            return;
        }
        for community in directory.communities() {
            let now = clock.now();
            if self.known(community, database, now).is_some() {
                continue;
            }
            if let Err(error) = self.count(community, database, now).await {
                tracing::warn!(%error, "Cannot count how numbers stand, trying again in a moment");
                return;
            }
            tokio::time::sleep(REST).await;
        }
        self.lock().retain(|id, _| directory.community(*id).is_some());
    }

    /// How the numbers of a community stand, or of the part of it that somebody sees.
    pub(in crate::web) async fn read(
        &self,
        community: &Arc<Community>,
        area: &Area,
        (database, now): (&Database, Timestamp),
    ) -> Result<Summary, ApiError> {
        let counted = match self.known(community, database, now) {
            Some(known) => known,
            None => self.count(community, database, now).await?,
        };
        let seen = counted.grids.iter().filter(|(grid, _)| area.shows_in(community, **grid));
        Ok(seen.fold(Summary::default(), |sum, (_, of_grid)| sum.and(of_grid)))
    }

    /// Whether nothing of a community is as it is asked for, as far as that is known without counting.
    pub(super) fn has_none(
        &self,
        community: &Arc<Community>,
        (database, now): (&Database, Timestamp),
        is_asked: impl Fn(&Summary) -> bool,
    ) -> bool {
        let known = self.known(community, database, now);
        known.is_some_and(|known| !known.grids.values().any(is_asked))
    }

    /// What was counted, if it holds.
    fn known(
        &self,
        community: &Arc<Community>,
        database: &Database,
        now: Timestamp,
    ) -> Option<Arc<Counted>> {
        let known = self.lock().get(&community.id).cloned()?;
        let is_same = Arc::ptr_eq(&known.community, community);
        if !is_same || KEPT <= now.duration_since(known.at).abs() {
            return None;
        }
        let numbers = reachability::holders(community).map(|holder| holder.number.number.key());
        (!database.evidence().has_any_since(known.turn, numbers)).then_some(known)
    }

    async fn count(
        &self,
        community: &Arc<Community>,
        database: &Database,
        now: Timestamp,
    ) -> Result<Arc<Counted>, ApiError> {
        let turn = database.evidence().turn();
        let holders: Vec<Holder<'_>> = reachability::holders(community).collect();
        let mut grids: BTreeMap<Option<GridId>, Summary> = BTreeMap::new();
        for some in holders.chunks(LOOKED_THROUGH) {
            for Judged { holder, score, .. } in judge(database, some.to_vec(), now).await? {
                let grid = holder.household.and_then(|household| community.grid_of(household));
                let summary = grids.entry(grid).or_default();
                summary.numbers += 1;
                summary.due += usize::from(score.is_due(now));
                *match score.state {
                    Worth::Confirmed => &mut summary.confirmed,
                    Worth::NeverConfirmed => &mut summary.never_confirmed,
                    Worth::Doubtful => &mut summary.doubtful,
                    Worth::Unreachable => &mut summary.unreachable,
                } += 1;
            }
        }
        let counted = Counted { community: Arc::clone(community), at: now, turn, grids };
        let counted = Arc::new(counted);
        self.lock().insert(community.id, Arc::clone(&counted));
        Ok(counted)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<CommunityId, Arc<Counted>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
