//! Figures as the API writes them.

use jiff::Timestamp;
use lianfang_domain::id::CommunityId;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::report::{Figures, Late, Spread};
use serde::Serialize;
use utoipa::ToSchema;

/// A report on alarms.
#[derive(Serialize, ToSchema)]
pub(super) struct AlarmReport {
    /// The first month.
    #[schema(examples("2025-12"))]
    pub(super) from: String,
    /// The last month.
    #[schema(examples("2026-11"))]
    pub(super) until: String,
    /// The community that it is about; null for all that the caller reaches.
    #[schema(value_type = Option<u32>)]
    pub(super) community_id: Option<CommunityId>,
    /// When it was counted: what is late, is late then.
    #[schema(value_type = String, format = DateTime)]
    pub(super) counted_at: Timestamp,
    /// All of it.
    pub(super) total: FiguresView,
    /// By month, as the clocks of each community show it, in order; also those without alarms.
    pub(super) months: Vec<OfMonth>,
    /// By community, by id.
    pub(super) communities: Vec<OfCommunity>,
    /// Communities that are left out, since there are more than 2,000.
    pub(super) communities_left_out: usize,
    /// By what was the matter.
    pub(super) kinds: Vec<OfKind>,
}

/// A month.
#[derive(Serialize, ToSchema)]
pub(super) struct OfMonth {
    /// The month.
    #[schema(examples("2026-11"))]
    pub(super) month: String,
    /// Its figures.
    #[serde(flatten)]
    pub(super) figures: FiguresView,
}

/// A community.
#[derive(Serialize, ToSchema)]
pub(super) struct OfCommunity {
    /// Its id; null for alarms of which nobody knows any more where they were.
    #[schema(value_type = Option<u32>)]
    pub(super) community_id: Option<CommunityId>,
    /// Its name; empty if it is gone.
    pub(super) community: String,
    /// Its figures.
    #[serde(flatten)]
    pub(super) figures: FiguresView,
}

/// A kind.
#[derive(Serialize, ToSchema)]
pub(super) struct OfKind {
    /// What was the matter; `unknown` also where nobody knows any more.
    #[schema(value_type = String, pattern = "^(unknown|fire|intruder|illness|flood|other)$")]
    pub(super) kind: AlarmKind,
    /// Its figures.
    #[serde(flatten)]
    pub(super) figures: FiguresView,
}

/// The figures of many alarms. Drills are counted, and are in nothing else.
#[derive(Serialize, ToSchema)]
pub(super) struct FiguresView {
    /// Real alarms.
    alarms: u32,
    /// Of them, those that nobody has closed yet, withdrawn ones among them.
    open: u32,
    /// Closed: somebody was in trouble.
    genuine: u32,
    /// Closed: nobody was.
    false_alarms: u32,
    /// Closed: a test or an exercise.
    tests: u32,
    /// Closed: nobody knows.
    unknown: u32,
    /// False alarms of a hundred of which it is known whether somebody was in trouble; null of none.
    false_percent: Option<u8>,
    /// Those that are over and that nobody ever came to, nor said that they come; tests left out.
    nobody_came: u32,
    /// Drills, one for each household.
    drills: u32,
    /// From the press to the first telephone of a helper that rang.
    first_ring_ms: SpreadView,
    /// From the press to the first answer: a key, a reply, a press on their page.
    first_key_ms: SpreadView,
    /// From the press to the first who was coming.
    coming_ms: SpreadView,
    /// From the press to the first who was at the door.
    arrived_ms: SpreadView,
    /// From the press to the close.
    closed_ms: SpreadView,
    /// What was late.
    late: LateCounts,
}

/// Times: so many alarms have them, and half, nine of ten and nearly all took no longer.
#[derive(Clone, Copy, Serialize, ToSchema)]
pub(super) struct SpreadView {
    /// How many alarms have this time.
    pub(super) count: u32,
    /// The median; null of none.
    pub(super) p50: Option<u64>,
    /// 90 of 100.
    pub(super) p90: Option<u64>,
    /// 99 of 100.
    pub(super) p99: Option<u64>,
}

/// What was late.
#[derive(Serialize, ToSchema)]
struct LateCounts {
    /// Real alarms of which it is still known by when things had to be done.
    judged: u32,
    /// Of them, those where nobody was coming in time.
    accepted: u32,
    /// Of them, those where nobody was at the door in time.
    arrived: u32,
    /// Of them, those that were not closed in time.
    closed: u32,
    /// Households that were due to be asked next day how they are.
    follow_ups: u32,
    /// Of them, those that were asked.
    followed_up: u32,
    /// Of them, those that were asked too late, or are still to be asked though it is too late.
    follow_ups_late: u32,
}

impl From<Spread> for SpreadView {
    fn from(Spread { count, p50, p90, p99 }: Spread) -> Self {
        Self { count, p50, p90, p99 }
    }
}

impl From<Figures> for FiguresView {
    fn from(figures: Figures) -> Self {
        let Late { judged, accepted, arrived, closed, follow_ups, followed_up, follow_ups_late } =
            figures.late;
        Self {
            alarms: figures.alarms,
            open: figures.open,
            genuine: figures.genuine,
            false_alarms: figures.false_alarms,
            tests: figures.tests,
            unknown: figures.unknown,
            false_percent: figures.false_percent(),
            nobody_came: figures.nobody_came,
            drills: figures.drills,
            first_ring_ms: figures.first_ring.into(),
            first_key_ms: figures.first_key.into(),
            coming_ms: figures.coming.into(),
            arrived_ms: figures.arrived.into(),
            closed_ms: figures.closed.into(),
            late: LateCounts {
                judged,
                accepted,
                arrived,
                closed,
                follow_ups,
                followed_up,
                follow_ups_late,
            },
        }
    }
}
