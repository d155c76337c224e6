//! Which alarms somebody wants to see in a list, and their pages, the latest first.
//!
//! Time, state and lines are asked of the database; names and doors are looked up in the index of the directory, so that no
//! list walks what people are called. What was the matter and how it ended is measured, as for reports: an alarm that is over
//! is measured once.

use crate::store::alarm_log::{AlarmFilter, AlarmRow};
use crate::store::reach::Reach;
use crate::web::Web;
use crate::web::board::lines_of;
use crate::web::caller::{Caller, Right};
use crate::web::extract::{Parameters, wrong};
use crate::web::problem::{ApiError, Must};
use crate::web::reach::Area;
use crate::web::reports::Ledger;
use crate::web::search::{Index, lines_named};
use jiff::Timestamp;
use lianfang_domain::alarm::CloseOutcome;
use lianfang_domain::id::{AlarmId, CommunityId, LineId};
use lianfang_domain::kind::AlarmKind;

/// Alarms that are looked through at a time, for those within what the caller reaches.
const CHUNK: u32 = 200;
/// How many times.
const CHUNKS_MAX: u32 = 20;

/// What is wanted; everything where nothing is said.
#[derive(Debug, Default)]
pub(in crate::web) struct Wanted {
    is_open: Option<bool>,
    is_drill: Option<bool>,
    line: Option<LineId>,
    community: Option<CommunityId>,
    before: Option<AlarmId>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    kind: Option<AlarmKind>,
    outcome: Option<CloseOutcome>,
    words: Option<String>,
}

impl Wanted {
    /// Takes out what every list of alarms has.
    pub(in crate::web) fn take(parameters: &mut Parameters) -> Result<Self, ApiError> {
        let before = parameters.take("after").map(|text| text.parse()).transpose();
        let community = parameters.take_number("community_id", 0..=u32::MAX)?;
        Ok(Self {
            before: before.map_err(|_| wrong("after", Must::AlarmId))?,
            community: community.map(CommunityId),
            from: parameters.take_moment("from")?,
            to: parameters.take_moment("to")?,
            kind: parameters.take_named("kind", Must::Kind)?,
            outcome: parameters.take_named("outcome", Must::Outcome)?,
            words: parameters.take("q").filter(|words| !words.trim().is_empty()),
            ..Self::default()
        })
    }

    /// Takes out besides whether they are open, and drills.
    pub(in crate::web) fn take_state(
        mut self,
        parameters: &mut Parameters,
    ) -> Result<Self, ApiError> {
        self.is_open = parameters.take_either("state", ("open", "closed"), Must::State)?;
        self.is_drill = parameters.take_either("drill", ("true", "false"), Must::Flag)?;
        Ok(self)
    }

    /// Only those of this line.
    pub(super) fn of_line(self, line: Option<LineId>) -> Self {
        Self { line, ..self }
    }

    /// The lines that they may be of, if not of any. Whoever may not search may not find out by words who lives where.
    pub(in crate::web) async fn lines<N>(
        &self,
        (web, index): (&Web, &Index),
        caller: &Caller<N>,
    ) -> Result<Option<Vec<LineId>>, ApiError> {
        let Some(words) = &self.words else {
            return Ok(self.community.map(|id| lines_of(web, id)));
        };
        if !caller.is_good_for(Right::Operator) {
            return Err(ApiError::Forbidden { needed: Right::Operator });
        }
        let area = caller.area(web).await?;
        Ok(Some(lines_named((web, index), &area, words, self.community).await))
    }

    /// What the database is asked for.
    pub(in crate::web) fn filter<'a>(&self, lines: Option<&'a [LineId]>) -> AlarmFilter<'a> {
        let Self { is_open, is_drill, line, before, from, to, .. } = *self;
        AlarmFilter { is_open, is_drill, line, lines, before, from, to }
    }

    /// Whether an alarm of this kind that ended so is wanted.
    pub(in crate::web) fn fits(&self, kind: AlarmKind, outcome: Option<CloseOutcome>) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
            && self.outcome.is_none_or(|wanted| Some(wanted) == outcome)
    }

    /// A page of those that are within, and where the next one begins. So many are looked through that a community finds
    /// its own among those of a town, and no request takes long.
    pub(in crate::web) async fn page(
        &self,
        (web, ledger): (&Web, &Ledger),
        (area, lines): (&Area, Option<&[LineId]>),
        limit: u32,
    ) -> Result<(Vec<AlarmRow>, Option<AlarmId>), ApiError> {
        let is_measured = self.kind.is_some() || self.outcome.is_some();
        let is_all = area.reach == Reach::Everything && !is_measured;
        let mut filter = self.filter(lines);
        let wanted = limit as usize;
        let mut rows = Vec::new();
        for _ in 0..CHUNKS_MAX {
            // One more than asked tells whether there is another page.
            let chunk = if is_all { limit } else { limit.max(CHUNK) } + 1;
            let found = web.alarm_log.list(&filter, chunk).await?;
            let is_last = found.len() < chunk as usize;
            filter.before = found.last().map(|row| row.id).or(filter.before);
            let within = area.keep_alarms(web, found).await?;
            rows.extend(if is_measured {
                self.measured(web, ledger, within).await?
            } else {
                within
            });
            if wanted < rows.len() {
                rows.truncate(wanted);
                let next = rows.last().map(|row| row.id);
                return Ok((rows, next));
            }
            if is_last {
                return Ok((rows, None));
            }
        }
        Ok((rows, filter.before))
    }

    /// Those of which the matter and the end are wanted.
    async fn measured(
        &self,
        web: &Web,
        ledger: &Ledger,
        mut rows: Vec<AlarmRow>,
    ) -> Result<Vec<AlarmRow>, ApiError> {
        let measured = ledger.measured_of(web, &rows).await?;
        rows.retain(|row| {
            measured.get(&row.id).is_some_and(|alarm| {
                let outcome = alarm.measured.closed.map(|(_, outcome)| outcome);
                self.fits(alarm.measured.kind, outcome)
            })
        });
        Ok(rows)
    }
}
