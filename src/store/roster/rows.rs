//! The SQL of rosters, many communities at once, and what the domain makes of the rows.

use crate::store::JsonFault;
use crate::store::nouns::duty::{Cover, TurnUnit, Weekday};
use jiff::Timestamp;
use jiff::civil::{self, Date, Time};
use lianfang_domain::id::{
    AbsenceId, CommunityId, GridId, OverrideId, PostId, RotationId, ShiftId, SwapId, WorkerId,
};
use lianfang_domain::roster::{
    Absence, CalendarDay, DayKind, Days, HeldBy, Kept, Override, Parts, Post, Rotation, Shift,
    Span, Swap, SwapState, Turn,
};
use serde::de::DeserializeOwned;
use sqlx::SqliteConnection;
use std::collections::BTreeMap;
use std::sync::Arc;

const POSTS: &str =
    "SELECT json_group_array(json_array(p.community_id, p.id, p.grid_id, p.code, p.name, p.cover))
    FROM json_each(?1) AS wanted JOIN duty_post AS p ON p.community_id = wanted.value";
const ROTATIONS: &str = "SELECT json_group_array(json_array(
        r.community_id, r.id, json(r.worker_ids), r.at_once, r.every, r.unit, r.anchor))
    FROM json_each(?1) AS wanted JOIN duty_rotation AS r ON r.community_id = wanted.value";
const SHIFTS: &str = "SELECT json_group_array(json_array(
        s.community_id, s.id, s.post_id, s.rotation_id, json(s.worker_ids), json(s.weekdays),
        json(s.day_kinds), s.starts, s.ends, s.days_later, s.first_day, s.last_day))
    FROM json_each(?1) AS wanted JOIN duty_shift AS s ON s.community_id = wanted.value";
const OVERRIDES: &str = "SELECT json_group_array(json_array(
        o.community_id, o.id, o.post_id, o.worker_id, o.instead_of_id, o.from_us, o.to_us))
    FROM json_each(?1) AS wanted JOIN duty_override AS o ON o.community_id = wanted.value";
const SWAPS: &str = "SELECT json_group_array(json_array(
        s.community_id, s.id, s.proposer_id, s.other_id, s.gives_post_id, s.gives_from_us, s.gives_to_us,
        s.takes_post_id, s.takes_from_us, s.takes_to_us, s.state))
    FROM json_each(?1) AS wanted JOIN duty_swap AS s ON s.community_id = wanted.value
    WHERE s.state <> 'withdrawn'";
const ABSENCES: &str = "SELECT json_group_array(json_array(
        a.community_id, a.id, a.worker_id, a.stand_in_id, a.from_us, a.to_us))
    FROM json_each(?1) AS wanted JOIN duty_absence AS a ON a.community_id = wanted.value";
const KEPT: &str = "SELECT json_group_array(json_array(p.community_id, k.post_id, k.worker_id, k.from_us, k.until_us))
    FROM json_each(?1) AS wanted JOIN duty_post AS p ON p.community_id = wanted.value
    JOIN duty_kept AS k ON k.post_id = p.id";
const DAYS: &str = "SELECT json_group_array(json_array(coalesce(community_id, 0), day, kind))
    FROM calendar_day WHERE community_id IS NULL OR community_id IN (SELECT value FROM json_each(?1))";

type PostRow = (CommunityId, PostId, Option<GridId>, Arc<str>, Arc<str>, Cover);
type RotationRow = (CommunityId, RotationId, Vec<WorkerId>, u8, u16, TurnUnit, Date);
type ShiftRow = (
    CommunityId,
    ShiftId,
    PostId,
    Option<RotationId>,
    Vec<WorkerId>,
    Vec<Weekday>,
    Vec<DayKind>,
    Time,
    Time,
    u8,
    Option<Date>,
    Option<Date>,
);
type OverrideRow = (CommunityId, OverrideId, PostId, WorkerId, Option<WorkerId>, i64, i64);
type SwapRow = (
    CommunityId,
    SwapId,
    WorkerId,
    WorkerId,
    PostId,
    i64,
    i64,
    Option<PostId>,
    Option<i64>,
    Option<i64>,
    SwapState,
);
type AbsenceRow = (CommunityId, AbsenceId, WorkerId, Option<WorkerId>, i64, i64);
type KeptRow = (CommunityId, PostId, WorkerId, i64, Option<i64>);
type DayRow = (CommunityId, Date, DayKind);

/// What the rosters of these communities are made of. One without a post has its holidays all the same.
///
/// # Errors
/// When the database fails or holds what no release wrote.
pub(in crate::store) async fn parts(
    read: &mut SqliteConnection,
    communities: &[CommunityId],
) -> Result<BTreeMap<CommunityId, Parts>, sqlx::Error> {
    let ids = serde_json::json!(communities).to_string();
    let mut all = Collected::default();
    all.0.extend(communities.iter().map(|id| (*id, Parts::default())));
    for (community, id, grid, code, name, cover) in rows::<PostRow>(read, POSTS, &ids).await? {
        let post = Post { id, code, name, grid, cover: cover.into_domain() };
        all.0.entry(community).or_default().posts.push(post);
    }
    for row in rows::<RotationRow>(read, ROTATIONS, &ids).await? {
        let (community, id, workers, at_once, every, unit, anchor) = row;
        let rotation = Rotation { id, workers, at_once, every: unit.times(every), anchor };
        all.put(community, |parts| parts.rotations.push(rotation));
    }
    for row in rows::<ShiftRow>(read, SHIFTS, &ids).await? {
        all.put(row.0, |parts| parts.shifts.push(shift(row)));
    }
    all.take_changes(read, &ids).await?;
    // The nation's days come first, so that a community's own hold.
    let days: Vec<DayRow> = rows(read, DAYS, &ids).await?;
    for (id, parts) in &mut all.0 {
        for wanted in [CommunityId(0), *id] {
            let of = days.iter().filter(|(community, ..)| *community == wanted);
            parts
                .calendar
                .extend(of.map(|(_, date, kind)| CalendarDay { date: *date, kind: *kind }));
        }
    }
    Ok(all.0)
}

async fn rows<T: DeserializeOwned>(
    read: &mut SqliteConnection,
    sql: &'static str,
    ids: &str,
) -> Result<Vec<T>, sqlx::Error> {
    let text: String = sqlx::query_scalar(sql).bind(ids).fetch_one(read).await?;
    serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(JsonFault::from(error).into()))
}

/// What was read so far, of the communities that have a post.
#[derive(Default)]
struct Collected(BTreeMap<CommunityId, Parts>);

impl Collected {
    fn put(&mut self, community: CommunityId, add: impl FnOnce(&mut Parts)) {
        self.0.get_mut(&community).map(add);
    }

    async fn take_changes(
        &mut self,
        read: &mut SqliteConnection,
        ids: &str,
    ) -> Result<(), sqlx::Error> {
        for row in rows::<OverrideRow>(read, OVERRIDES, ids).await? {
            let (community, id, post, worker, instead_of, from, to) = row;
            let change = Override { id, post, worker, instead_of, span: span(from, to) };
            self.put(community, |parts| parts.overrides.push(change));
        }
        for row in rows::<SwapRow>(read, SWAPS, ids).await? {
            let (community, id, proposer, other, post, from, to, back, back_from, back_to, state) =
                row;
            let turn = |post, from, to| Turn { post, span: span(from, to) };
            let takes = back.zip(back_from.zip(back_to));
            let takes = takes.map(|(post, (from, to))| turn(post, from, to));
            let swap = Swap { id, proposer, other, gives: turn(post, from, to), takes, state };
            self.put(community, |parts| parts.swaps.push(swap));
        }
        for row in rows::<AbsenceRow>(read, ABSENCES, ids).await? {
            let (community, id, worker, stand_in, from, to) = row;
            let absence = Absence { id, worker, stand_in, span: span(from, to) };
            self.put(community, |parts| parts.absences.push(absence));
        }
        for (community, post, worker, from, until) in rows::<KeptRow>(read, KEPT, ids).await? {
            let until_handed_over = until.map(moment);
            let kept = Kept { post, worker, from: moment(from), until_handed_over };
            self.put(community, |parts| parts.kept.push(kept));
        }
        Ok(())
    }
}

fn shift(row: ShiftRow) -> Shift {
    let (_, id, post, rotation, workers, weekdays, kinds, start, end, days_later, first, last) =
        row;
    let weekdays: Vec<civil::Weekday> = weekdays.into_iter().map(Into::into).collect();
    Shift {
        id,
        post,
        days: Days::new(&weekdays, &kinds),
        start,
        end,
        days_later,
        first_day: first,
        last_day: last,
        held_by: rotation.map_or(HeldBy::Workers(workers), HeldBy::Rotation),
    }
}

fn span(from_us: i64, to_us: i64) -> Span {
    Span { from: moment(from_us), to: moment(to_us) }
}

/// A moment as it is stored. What lies beyond time is its end.
fn moment(us: i64) -> Timestamp {
    let beyond = if us < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(us).unwrap_or(beyond)
}
