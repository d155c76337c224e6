//! Puts each alarm where it belongs and counts: by month as the clocks there show it, by community and by kind.

use super::{Asked, By, Ledger};
use crate::store::alarm_log::{MeasuredAlarm, RaisedRow};
use crate::store::reach::{Place, Reach};
use crate::web::Web;
use crate::web::problem::ApiError;
use crate::web::reach::Area;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lianfang_domain::directory::Directory;
use lianfang_domain::id::CommunityId;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::report::{Month, Period, Tally};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that was counted.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) total: Tally,
    /// Every month of the period, also one without alarms.
    pub(super) months: BTreeMap<Month, Tally>,
    /// Communities with alarms; none stands for those of which nobody knows where they were.
    pub(super) communities: BTreeMap<Option<CommunityId>, Tally>,
    pub(super) kinds: BTreeMap<AlarmKind, Tally>,
    /// Each community in each month; counted only for a sheet of them.
    pub(super) cells: BTreeMap<(Option<CommunityId>, Month), Tally>,
}

/// Counts what was asked for.
pub(super) async fn count(web: &Web, ledger: &Ledger, asked: &Asked) -> Result<Counted, ApiError> {
    let towns = Towns(web.directory.current());
    let now = web.clock.now();
    let mut counted = Counted::default();
    counted.months.extend(asked.period.months().map(|month| (month, Tally::default())));
    let with_cells = asked.by == By::CommunityMonth;
    let take = |row: &RaisedRow, alarm: &MeasuredAlarm| {
        let place = towns.place(row, alarm);
        if !asked.shows(place) {
            return;
        }
        let community = place.and_then(|place| place.community);
        let Some(month) = towns.month_within(asked.period, community, row.raised) else { return };
        counted.add((community, month, with_cells), (row, alarm), now);
    };
    ledger.read(web, &asked.period.moments(), take).await?;
    Ok(counted)
}

impl Asked {
    fn shows(&self, place: Option<Place>) -> bool {
        let Area { reach, .. } = self.area;
        let is_within = reach == Reach::Everything || self.area.shows(place);
        let community = place.and_then(|place| place.community);
        is_within && self.community.is_none_or(|wanted| community == Some(wanted))
    }
}

impl Counted {
    fn add(
        &mut self,
        (community, month, with_cells): (Option<CommunityId>, Month, bool),
        (row, alarm): (&RaisedRow, &MeasuredAlarm),
        now: Timestamp,
    ) {
        let add = |tally: &mut Tally| tally.add(&alarm.measured, row.followed_up, now);
        add(&mut self.total);
        add(self.months.entry(month).or_default());
        add(self.communities.entry(community).or_default());
        add(self.kinds.entry(alarm.measured.kind).or_default());
        if with_cells {
            add(self.cells.entry((community, month)).or_default());
        }
    }
}

/// Where lines and groups are, as the directory is now.
pub(super) struct Towns(pub(super) Arc<Directory>);

impl Towns {
    /// Where an alarm belongs: where its line is now, else where its plan or its group says that it was.
    pub(super) fn place(&self, row: &RaisedRow, alarm: &MeasuredAlarm) -> Option<Place> {
        let directory = &self.0;
        let of_line = || {
            let (community, household, _) = directory.resolve(directory.line_by_id(row.line)?)?;
            Some((community.id, community.grid_of(household)?))
        };
        let of_plan = || alarm.place.map(|place| (place.community, place.grid));
        let of_group = || {
            let group = alarm.measured.group?;
            directory.communities().find_map(|town| Some((town.id, town.group(group)?.grid)))
        };
        let (community, grid) = of_line().or_else(of_plan).or_else(of_group)?;
        let street = directory.community(community).map(|town| town.street);
        Some(Place { street, community: Some(community), grid: Some(grid) })
    }

    /// The month that the clocks there showed, if it is in the period. Of an alarm that is nowhere those of the first
    /// community count.
    pub(super) fn month_within(
        &self,
        period: Period,
        community: Option<CommunityId>,
        at: Timestamp,
    ) -> Option<Month> {
        let town = community.and_then(|id| self.0.community(id));
        let town = town.or_else(|| self.0.communities().next());
        let month = Month::of(at, town.map_or(&TimeZone::UTC, |town| town.roster.zone()));
        period.has(month).then_some(month)
    }
}
