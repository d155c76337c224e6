//! The board: every open alarm as a wall shows it, and how it stands in a few figures.
//!
//! Read from the log, never from the switchboard: no look at a wall may hold up an alarm. An alarm is read and folded
//! again only when it has new events, once for all who look.

mod row;

use super::Web;
use super::alarms::Wanted;
use super::caller::{Caller, Operator, Reports};
use super::extract::Parameters;
use super::ports::Down;
use super::ports::vitals::LineVitals;
use super::problem::ApiError;
use super::reach::Area;
use super::reads::Noted;
use super::reports::Ledger;
use super::search::Index;
use crate::store::alarm_log::StoredAlarm;
use crate::store::reach::Reach;
use crate::store::{StoreError, accounts};
use axum::Json;
use axum::extract::{Extension, State};
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::Alarm;
use lianfang_domain::delivery::{self, Delivery};
use lianfang_domain::id::{AlarmId, CommunityId, GridId, LineId};
pub(super) use row::{BoardRow, Standing};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Open alarms that are looked at; of more, the oldest are only counted.
const ALARMS_MAX: u32 = 500;
/// Alarms that are read from the log at once.
const READ_MAX: usize = 50;
/// Longest page of cards: each alarm is read in full.
const CARDS_MAX: u32 = 50;
/// Length of a page of cards where the client names none.
const CARDS: u32 = 20;
/// How long somebody waits until their looks are in the audit trail.
const NOTE_MAX: Duration = Duration::from_secs(1);
/// How old what lines and routes are down is before it is looked at again, aside.
const DOWN_EVERY: SignedDuration = SignedDuration::from_secs(5);
/// How old it may be: nobody waits for a look at every line but after a pause.
const DOWN_MAX: SignedDuration = SignedDuration::from_secs(30);

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(board)).routes(routes!(cards)).routes(routes!(state))
}

/// An alarm as it was when it had so many events.
pub(super) struct Known {
    pub(super) stored: StoredAlarm,
    /// `None` when its plan or its first event cannot be read: it is shown all the same.
    pub(super) alarm: Option<Alarm>,
    pub(super) deliveries: Vec<Delivery>,
}

impl Known {
    pub(super) fn new(stored: StoredAlarm) -> Self {
        let plans: Vec<_> = stored.plans.iter().cloned().map(Arc::new).collect();
        let events = || stored.events.iter().map(|stored| (stored.at, &stored.event));
        let alarm = Alarm::fold(stored.row.id, &plans, events()).ok();
        let deliveries = delivery::read(events());
        Self { stored, alarm, deliveries }
    }
}

/// The open alarms as they were read last.
#[derive(Clone)]
pub(super) struct Boards {
    remembered: Arc<Mutex<Remembered>>,
    /// Who looks at every line.
    looking: Arc<Semaphore>,
}

impl Default for Boards {
    fn default() -> Self {
        Self { remembered: Arc::default(), looking: Arc::new(Semaphore::new(1)) }
    }
}

#[derive(Default)]
struct Remembered {
    /// With the sequence of the last event.
    alarms: BTreeMap<AlarmId, (u32, Arc<Known>)>,
    down: Option<(Timestamp, Arc<Down>)>,
}

impl Boards {
    /// Every open alarm that the caller reaches, the latest first.
    pub(super) async fn read<N>(
        &self,
        web: &Web,
        caller: &Caller<N>,
    ) -> Result<Vec<Arc<Known>>, ApiError> {
        let mut open = self.read_all(web).await?;
        let rows = open.iter().map(|known| known.stored.row.clone()).collect();
        let kept = caller.area(web).await?.keep_alarms(web, rows).await?;
        let kept: BTreeSet<AlarmId> = kept.iter().map(|row| row.id).collect();
        open.retain(|known| kept.contains(&known.stored.row.id));
        Ok(open)
    }

    async fn read_all(&self, web: &Web) -> Result<Vec<Arc<Known>>, StoreError> {
        let marks = web.alarm_log.open_marks(ALARMS_MAX).await?;
        // What is known is held from here on: others who look have older marks and forget what they do not find there.
        let mut found: BTreeMap<AlarmId, (u32, Arc<Known>)> = {
            let known = self.lock();
            let is_known = |(id, last): &(AlarmId, u32)| {
                let (seen, alarm) = known.alarms.get(id)?;
                (seen == last).then(|| (*id, (*last, Arc::clone(alarm))))
            };
            marks.iter().filter_map(is_known).collect()
        };
        let is_news = |id: &AlarmId| !found.contains_key(id);
        let news: Vec<AlarmId> = marks.iter().map(|(id, _)| *id).filter(is_news).collect();
        for ids in news.chunks(READ_MAX) {
            for stored in web.alarm_log.alarms(ids).await? {
                let last = stored.events.last().map_or(0, |event| event.sequence);
                found.insert(stored.row.id, (last, Arc::new(Known::new(stored))));
            }
        }
        let open = marks.iter().filter_map(|(id, _)| found.get(id));
        let open = open.map(|(_, alarm)| Arc::clone(alarm)).collect();
        self.lock().alarms = found;
        Ok(open)
    }

    /// What should work, and what of it does not, as of a few seconds ago. One looks aside; only where nobody has asked
    /// for a while is it waited for.
    pub(super) async fn down(&self, web: &Web) -> Result<Arc<Down>, ApiError> {
        let younger_than = |longest| {
            let now = web.clock.now();
            let known = self.lock().down.clone();
            known.filter(|(at, _)| now.duration_since(*at) < longest).map(|(_, down)| down)
        };
        if let Some(known) = younger_than(DOWN_EVERY) {
            return Ok(known);
        }
        if let Some(known) = younger_than(DOWN_MAX) {
            if let Ok(place) = Arc::clone(&self.looking).try_acquire_owned() {
                let (boards, aside) = (self.clone(), Arc::clone(web));
                web.tasks.start("lines that are down", |_| async move {
                    let _place = place;
                    if let Err(error) = boards.look(&aside).await {
                        tracing::warn!(%error, "Cannot look which lines are down");
                    }
                });
            }
            return Ok(known);
        }
        let _place = self.looking.acquire().await;
        match younger_than(DOWN_EVERY) {
            Some(known) => Ok(known),
            None => self.look(web).await,
        }
    }

    async fn look(&self, web: &Web) -> Result<Arc<Down>, ApiError> {
        let registrations = Arc::clone(&web.registrations);
        let looked = tokio::task::spawn_blocking(move || Arc::new(registrations.down())).await;
        let down = looked.map_err(|error| ApiError::Internal(error.into()))?;
        self.lock().down = Some((web.clock.now(), Arc::clone(&down)));
        Ok(down)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Down {
    /// The lines that somebody reaches.
    pub(super) fn lines_of(&self, web: &Web, area: &Area) -> LineVitals {
        let directory = web.directory.current();
        let is_within = |community: CommunityId, grid: GridId| {
            let community = directory.community(community);
            area.reach == Reach::Everything
                || community.is_some_and(|community| area.shows_in(community, Some(grid)))
        };
        let within =
            self.lines.iter().filter(|((community, grid), _)| is_within(*community, *grid));
        within.fold(LineVitals::default(), |sum, (_, counts)| LineVitals {
            registered: sum.registered + counts.registered,
            down: sum.down + counts.down,
        })
    }
}

/// Every open alarm, the most urgent first.
#[derive(Serialize, ToSchema)]
struct Board {
    /// When it was read: ages count from here.
    #[schema(value_type = String, format = DateTime)]
    now: Timestamp,
    /// The alarms: real ones before drills; of each, those where nobody is coming, then those where somebody is coming or
    /// there, then those that were withdrawn and wait to be closed; of each, the latest first.
    items: Vec<BoardRow>,
    /// There are more open alarms than the 500 that are looked at; these are the latest.
    is_cut: bool,
}

/// The open alarms as a wall shows them: where, how long, who is called, who is coming, what comes next, what is late.
#[utoipa::path(
    get, path = "/alarms/board", tag = "alarms", operation_id = "read_board",
    params(("community_id" = Option<u32>, Query, description = "Only alarms of this community", minimum = 0)),
    responses((status = 200, description = "The board", body = Board)),
)]
async fn board(
    caller: Caller<Operator>,
    State(web): State<Web>,
    Extension(boards): Extension<Boards>,
    Extension(noted): Extension<Noted>,
    mut parameters: Parameters,
) -> Result<Json<Board>, ApiError> {
    let community = parameters.take_number("community_id", 0..=u32::MAX)?;
    parameters.finish()?;
    let now = web.clock.now();
    let open = boards.read(&web, &caller).await?;
    let is_cut = ALARMS_MAX as usize <= boards.lock().alarms.len();
    let directory = web.directory.current();
    let row = |known: &Arc<Known>| BoardRow::new(known, &directory, now);
    let mut items: Vec<BoardRow> = open.iter().map(row).collect();
    // An alarm of which nobody knows where it is stands on every wall.
    items.retain(|row| {
        community.is_none() || row.community().is_none_or(|id| Some(id.0) == community)
    });
    items.sort_by_key(BoardRow::order);
    let ids: Vec<AlarmId> = items.iter().map(BoardRow::id).collect();
    note_all(&web, &noted, &caller.who(), &ids).await;
    for row in &mut items {
        name_account(&web, row).await;
    }
    Ok(Json(Board { now, items, is_cut }))
}

/// Says the name of the person where somebody who signed in took an alarm in hand.
pub(super) async fn name_account(web: &Web, row: &mut BoardRow) {
    let Some(id) = row.account_in_hand() else { return };
    if let Ok(account) = accounts::get(web.store.directory(), id).await {
        row.name_in_hand(account.display_name);
    }
}

/// Enters who saw these alarms; a trail that is slow keeps nobody from seeing where help is needed.
async fn note_all(web: &Web, noted: &Noted, who: &str, ids: &[AlarmId]) {
    let noting = async {
        for id in ids {
            noted.note(web, who, *id).await;
        }
    };
    if tokio::time::timeout(NOTE_MAX, noting).await.is_err() {
        metrics::counter!("lianfang_reads_not_entered_total").increment(1);
    }
}

/// A page of alarms, the latest first.
#[derive(Serialize, ToSchema)]
struct Cards {
    /// The alarms, as on the board.
    items: Vec<BoardRow>,
    /// `after` of the next page; null on the last one. A page may be shorter than asked and not the last.
    #[schema(value_type = Option<String>)]
    next: Option<AlarmId>,
}

/// Alarms, open or closed, the latest first, each as on the board.
#[utoipa::path(
    get, path = "/alarms/cards", tag = "alarms", operation_id = "list_cards",
    params(
        ("state" = Option<String>, Query, description = "`open` or `closed`; all if not given", pattern = "^(open|closed)$"),
        ("drill" = Option<String>, Query, description = "`true`: only drills; `false`: none", pattern = "^(true|false)$"),
        ("community_id" = Option<u32>, Query, description = "Only alarms of lines that this community has", minimum = 0),
        ("from" = Option<String>, Query, description = "Only alarms that were raised at this moment or later, such as `2026-11-23T08:00:00+08:00`"),
        ("to" = Option<String>, Query, description = "Only alarms that were raised before this moment"),
        ("kind" = Option<String>, Query, description = "Only alarms in which this was the matter, as far as anybody has said",
            pattern = "^(unknown|fire|intruder|illness|flood|other)$"),
        ("outcome" = Option<String>, Query, description = "Only alarms that were closed as this",
            pattern = "^(genuine|false_alarm|drill|test|unknown)$"),
        ("q" = Option<String>, Query, description = "Only alarms of lines that are found so now: a name, its pinyin, a number or a door, as for `/search`; for those who may search",
            max_length = 64),
        ("after" = Option<String>, Query, description = "Only alarms before this one: `next` of the page before",
            pattern = "^[0-9a-f][0-9a-hjkmnp-tv-z]{12}$"),
        ("limit" = Option<u32>, Query, description = "Length of the page; 20 if not given", minimum = 1, maximum = 50),
    ),
    responses((status = 200, description = "A page", body = Cards)),
)]
async fn cards(
    caller: Caller<Reports>,
    State(web): State<Web>,
    Extension(noted): Extension<Noted>,
    Extension(index): Extension<Index>,
    Extension(ledger): Extension<Ledger>,
    mut parameters: Parameters,
) -> Result<Json<Cards>, ApiError> {
    let limit = parameters.take_number("limit", 1..=CARDS_MAX)?.unwrap_or(CARDS);
    let wanted = Wanted::take(&mut parameters)?.take_state(&mut parameters)?;
    parameters.finish()?;
    let lines = wanted.lines((&web, &index), &caller).await?;
    let within = (&caller.area(&web).await?, lines.as_deref());
    let (rows, next) = wanted.page((&web, &ledger), within, limit).await?;
    let ids: Vec<AlarmId> = rows.iter().map(|row| row.id).collect();
    let (stored, now) = (web.alarm_log.alarms(&ids).await?, web.clock.now());
    let directory = web.directory.current();
    let card = |stored| BoardRow::new(&Known::new(stored), &directory, now);
    note_all(&web, &noted, &caller.who(), &ids).await;
    Ok(Json(Cards { items: stored.into_iter().rev().map(card).collect(), next }))
}

/// The lines that a community has now.
pub(super) fn lines_of(web: &Web, community: CommunityId) -> Vec<LineId> {
    let directory = web.directory.current();
    let households = directory.community(community).into_iter().flat_map(|it| &it.households);
    households.flat_map(|household| &household.lines).map(|line| line.id).collect()
}

/// How it stands, in figures.
#[derive(Default, Serialize, ToSchema)]
struct StateView {
    /// Open alarms, drills left out.
    open: u32,
    /// Those of them where nobody is coming.
    unattended: u32,
    /// Lines that the caller reaches, with a secret to register with, that are not registered.
    lines_down: u32,
    /// Trunks that do not answer.
    routes_down: u32,
    /// Households of drills that are under way.
    drills: u32,
}

/// How it stands, in figures: what every screen shows above all else.
#[utoipa::path(
    get, path = "/state", tag = "alarms", operation_id = "read_state",
    responses((status = 200, description = "How it stands", body = StateView)),
)]
async fn state(
    caller: Caller<Reports>,
    State(web): State<Web>,
    Extension(boards): Extension<Boards>,
) -> Result<Json<StateView>, ApiError> {
    let down = boards.down(&web).await?;
    let lines = down.lines_of(&web, &caller.area(&web).await?);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let (lines_down, routes_down) = (count(lines.down), count(down.routes));
    let mut view = StateView { lines_down, routes_down, ..StateView::default() };
    for known in boards.read(&web, &caller).await? {
        match (known.stored.row.is_drill, Standing::of(known.alarm.as_ref())) {
            (true, _) => view.drills += 1,
            (false, Standing::Unattended) => {
                view.open += 1;
                view.unattended += 1;
            }
            (
                false,
                Standing::Coming | Standing::Arrived | Standing::Cancelled | Standing::Closed,
            ) => {
                view.open += 1;
            }
        }
    }
    Ok(Json(view))
}
