//! Whether something is within what the caller reaches: the only place that decides.
//!
//! What is out of reach is 404, as if it were not there; what may be seen and not changed is 403. An account that reaches
//! everything costs nothing; any other a look at where the thing belongs.

use super::Web;
use super::caller::Caller;
use super::problem::ApiError;
use crate::store::accounts;
use crate::store::alarm_log::{AlarmRow, StoredAlarm};
use crate::store::audit::{Chain, Entry};
use crate::store::nouns::Kind;
use crate::store::reach::{Place, Reach, place_of, places_of};
use lianfang_domain::directory::{Community, Household};
use lianfang_domain::id::{
    AccountId, AlarmId, CommunityId, GridId, GroupId, HouseholdId, ResponderId,
};
use lianfang_domain::plan::Scene;
use std::collections::BTreeMap;

/// What a caller reaches, and where that is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub(super) reach: Reach,
    pub(super) own: Place,
}

/// What somebody wants with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// See it.
    See,
    /// Change it or act on it.
    Edit,
}

impl<N> Caller<N> {
    /// What the caller reaches. A reach that is gone reaches nothing.
    pub(super) async fn area(&self, web: &Web) -> Result<Area, ApiError> {
        let reach = self.reach();
        let own = reach.place(web.store.directory()).await?;
        Ok(Area { reach, own: own.unwrap_or_default() })
    }

    /// Lets the caller go on if a row is theirs.
    pub(super) async fn reaches(
        &self,
        web: &Web,
        to: To,
        (kind, id): (Kind, impl Into<u32>),
    ) -> Result<(), ApiError> {
        if self.reach() == Reach::Everything {
            return Ok(());
        }
        let place = place_of(web.store.directory(), kind, id.into()).await?;
        self.area(web).await?.check(to, place)
    }

    /// Lets the caller go on if an alarm is theirs.
    pub(super) async fn reaches_alarm(
        &self,
        web: &Web,
        to: To,
        id: AlarmId,
    ) -> Result<(), ApiError> {
        if self.reach() == Reach::Everything {
            return Ok(());
        }
        let stored = web.alarm_log.alarm(id).await?.ok_or(ApiError::NotFound)?;
        let place = place_of_alarm(web, &stored).await?;
        self.area(web).await?.check(to, place)
    }

    /// Lets the caller go on if what belongs to a community is theirs; without one, it is everybody's to see.
    pub(super) async fn reaches_community(
        &self,
        web: &Web,
        to: To,
        community: Option<CommunityId>,
    ) -> Result<(), ApiError> {
        match community {
            Some(community) => self.reaches(web, to, (Kind::Community, community)).await,
            None => self.area(web).await?.check(to, Some(Place::default())),
        }
    }
}

impl Area {
    /// Whether somebody may see anything of a community of the directory in memory.
    pub(super) fn shows_community(&self, community: &Community) -> bool {
        self.shows_in(community, None)
    }

    /// Whether somebody may see a household of the directory in memory.
    pub(super) fn shows_household(&self, community: &Community, household: &Household) -> bool {
        self.shows_group(community, household.group)
    }

    /// Whether somebody may see what belongs to a group of the directory in memory; of one that is gone, only whose is
    /// all of the community.
    pub(super) fn shows_group(&self, community: &Community, group: GroupId) -> bool {
        match community.group(group) {
            Some(group) => self.shows_in(community, Some(group.grid)),
            None => self.owns(community),
        }
    }

    /// Whether somebody may see a responder of the directory in memory.
    pub(super) fn shows_responder(&self, community: &Community, id: ResponderId) -> bool {
        let found = community.responders.iter().find(|responder| responder.id == id);
        match found.map(|responder| (responder.household, responder.grid)) {
            Some((Some(household), _)) => self.shows_home(community, household),
            Some((None, grid)) => self.shows_in(community, grid),
            None => self.owns(community),
        }
    }

    /// Whether somebody may see the household of this id; of one that is gone, only whose is all of the community.
    pub(super) fn shows_home(&self, community: &Community, id: HouseholdId) -> bool {
        let household = community.household(id);
        household.map_or(self.owns(community), |found| self.shows_household(community, found))
    }

    /// Whether all of a community is somebody's own.
    fn owns(&self, community: &Community) -> bool {
        let (street, community) = (Some(community.street), Some(community.id));
        self.reach.covers(Place { street, community, grid: None })
    }

    /// Whether somebody may see what belongs to a community, or to a grid of it.
    pub(super) fn shows_in(&self, community: &Community, grid: Option<GridId>) -> bool {
        let (street, community) = (Some(community.street), Some(community.id));
        self.shows(Some(Place { street, community, grid }))
    }

    /// Whether somebody may see what belongs there.
    pub(super) fn shows(&self, place: Option<Place>) -> bool {
        place.is_some_and(|place| self.reach.shows(place, self.own))
    }

    pub(super) fn check(&self, to: To, place: Option<Place>) -> Result<(), ApiError> {
        match to {
            To::Edit if place.is_some_and(|place| self.reach.covers(place)) => Ok(()),
            To::Edit if self.shows(place) => Err(ApiError::OutOfReach),
            To::See if self.shows(place) => Ok(()),
            To::Edit | To::See => Err(ApiError::NotFound),
        }
    }

    /// Keeps the alarms that are within.
    pub(super) async fn keep_alarms(
        &self,
        web: &Web,
        mut rows: Vec<AlarmRow>,
    ) -> Result<Vec<AlarmRow>, ApiError> {
        if self.reach != Reach::Everything {
            let places = places_of_alarms(web, &rows).await?;
            rows.retain(|row| self.shows(places.get(&row.id).copied()));
        }
        Ok(rows)
    }

    /// Keeps the entries of the audit trail that are about something within, as it is now.
    pub(super) async fn keep_entries(
        &self,
        web: &Web,
        chain: Chain,
        mut entries: Vec<Entry>,
    ) -> Result<Vec<Entry>, ApiError> {
        if self.reach == Reach::Everything {
            return Ok(entries);
        }
        let mut shown = Vec::with_capacity(entries.len());
        let mut alarms: BTreeMap<AlarmId, Option<Place>> = BTreeMap::new();
        let mut places = BTreeMap::new();
        for (kind, ids) in ids_by_kind(&entries) {
            let found = places_of(web.store.directory(), kind, &ids).await?;
            places.extend(found.into_iter().map(|(id, place)| ((kind, id), place)));
        }
        for entry in &entries {
            let place = match (chain, &*entry.noun) {
                (Chain::Alarms, _) | (Chain::Directory, "alarm") => {
                    let id = AlarmId(entry.row_id.cast_unsigned());
                    match alarms.get(&id) {
                        Some(known) => *known,
                        None => {
                            let stored = web.alarm_log.alarm(id).await?;
                            let place = match stored {
                                Some(stored) => place_of_alarm(web, &stored).await?,
                                None => None,
                            };
                            alarms.insert(id, place);
                            place
                        }
                    }
                }
                (Chain::Directory, "account") => place_of_account(web, entry.row_id).await?,
                (Chain::Directory, table) => Kind::of_table(table)
                    .zip(u32::try_from(entry.row_id).ok())
                    .and_then(|key| places.get(&key).copied()),
            };
            shown.push(self.shows(place));
        }
        let mut shown = shown.into_iter();
        entries.retain(|_| shown.next().unwrap_or(false));
        Ok(entries)
    }
}

fn ids_by_kind(entries: &[Entry]) -> BTreeMap<Kind, Vec<u32>> {
    let mut ids: BTreeMap<Kind, Vec<u32>> = BTreeMap::new();
    for entry in entries {
        let key = Kind::of_table(&entry.noun).zip(u32::try_from(entry.row_id).ok());
        if let Some((kind, id)) = key {
            ids.entry(kind).or_default().push(id);
        }
    }
    ids
}

/// An account is where it reaches; one that reaches everything is nowhere.
async fn place_of_account(web: &Web, id: i64) -> Result<Option<Place>, ApiError> {
    let Ok(id) = u32::try_from(id) else { return Ok(None) };
    let account = accounts::get(web.store.directory(), AccountId(id)).await;
    let reach = match account.map_err(ApiError::from) {
        Ok(account) => account.reach,
        Err(ApiError::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    match reach {
        Reach::Everything => Ok(None),
        Reach::Street(_) | Reach::Community(_) | Reach::Grid(_) => {
            Ok(reach.place(web.store.directory()).await?)
        }
    }
}

/// Where an alarm belongs: where its line is, or was when it was raised.
pub(super) async fn place_of_alarm(
    web: &Web,
    stored: &StoredAlarm,
) -> Result<Option<Place>, ApiError> {
    let place = place_of(web.store.directory(), Kind::Line, stored.row.line.0).await?;
    Ok(place.or_else(|| stored.plans.last().map(|plan| place_of_scene(web, &plan.scene))))
}

/// Where alarms belong; those of which nothing is known any more are left out.
async fn places_of_alarms(
    web: &Web,
    rows: &[AlarmRow],
) -> Result<BTreeMap<AlarmId, Place>, ApiError> {
    let lines: Vec<u32> = rows.iter().map(|row| row.line.0).collect();
    let of_lines = places_of(web.store.directory(), Kind::Line, &lines).await?;
    let place = |row: &AlarmRow| Some((row.id, *of_lines.get(&row.line.0)?));
    let mut places: BTreeMap<AlarmId, Place> = rows.iter().filter_map(place).collect();
    let gone = rows.iter().filter(|row| !places.contains_key(&row.id));
    let gone: Vec<AlarmId> = gone.map(|row| row.id).collect();
    if !gone.is_empty() {
        for stored in web.alarm_log.alarms(&gone).await? {
            let plan = stored.plans.last();
            places.extend(plan.map(|plan| (stored.row.id, place_of_scene(web, &plan.scene))));
        }
    }
    Ok(places)
}

fn place_of_scene(web: &Web, scene: &Scene) -> Place {
    let street = web.directory.current().community(scene.community).map(|found| found.street);
    Place { street, community: Some(scene.community), grid: Some(scene.grid) }
}
