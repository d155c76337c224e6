//! Reports: how fast help came and what alarms were, by month, community and kind; how lines and numbers stand; and what
//! everybody may read of it.
//!
//! Figures are counted when somebody asks, from the log alone, off the way of anything that rings: see [`Ledger`].

mod alarms;
mod count;
mod ledger;
mod public;
mod sheet;
mod standing;
mod view;

pub(super) use ledger::Ledger;

use super::Web;
use super::caller::{Caller, Reports};
use super::extract::{Parameters, wrong};
use super::problem::{ApiError, Must};
use super::reach::{Area, To};
use crate::store::nouns::Kind;
use lianfang_domain::id::CommunityId;
use lianfang_domain::report::{Month, Period};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Months of a report where the client names none.
const MONTHS: usize = 12;

/// Routes that write JSON or CSV, as the client likes.
pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(alarms::alarms))
        .routes(routes!(alarms::alarms_csv))
        .routes(routes!(standing::communities))
        .routes(routes!(standing::communities_csv))
}

/// Routes for everybody, signed in or not.
pub(super) fn public() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(public::list)).routes(routes!(public::report))
}

/// What is asked for.
struct Asked {
    period: Period,
    community: Option<CommunityId>,
    by: By,
    area: Area,
}

/// What the rows of a sheet are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum By {
    /// One community in one month.
    #[default]
    CommunityMonth,
    /// One month.
    Month,
    /// One community.
    Community,
    /// One kind.
    Kind,
}

impl By {
    fn of_name(name: &str) -> Option<Self> {
        match name {
            "community_month" => Some(Self::CommunityMonth),
            "month" => Some(Self::Month),
            "community" => Some(Self::Community),
            "kind" => Some(Self::Kind),
            _ => None,
        }
    }
}

impl Asked {
    async fn read(
        web: &Web,
        caller: &Caller<Reports>,
        mut parameters: Parameters,
    ) -> Result<Self, ApiError> {
        let mut month = |name: &str| {
            let text = parameters.take(name);
            text.map(|text| text.parse::<Month>().map_err(|_| wrong(name, Must::Report)))
                .transpose()
        };
        let (from, until) = (month("from")?, month("until")?);
        let by = parameters.take("by").map_or(Some(By::default()), |name| By::of_name(&name));
        let by = by.ok_or_else(|| wrong("by", Must::Report))?;
        let community = parameters.take_number("community_id", 0..=u32::MAX)?.map(CommunityId);
        parameters.finish()?;
        if let Some(id) = community {
            caller.reaches(web, To::See, (Kind::Community, id)).await?;
        }
        let area = caller.area(web).await?;
        let until = until.unwrap_or_else(|| this_month(web, &area, community));
        let from = from.unwrap_or_else(|| until.back(MONTHS - 1));
        let period = Period::new(from, until).map_err(|_| wrong("until", Must::Report))?;
        Ok(Self { period, community, by, area })
    }
}

/// The month that it is where the report is about, or where the caller may look.
fn this_month(web: &Web, area: &Area, community: Option<CommunityId>) -> Month {
    let directory = web.directory.current();
    let mut communities = directory.communities();
    let found = communities.find(|found| match community {
        Some(id) => found.id == id,
        None => area.shows_community(found),
    });
    let zone = found.map_or(jiff::tz::TimeZone::UTC, |found| found.roster.zone().clone());
    Month::of(web.clock.now(), &zone)
}
