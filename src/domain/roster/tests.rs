use super::*;
use crate::id::{AbsenceId, OverrideId, RotationId, ShiftId, SwapId};
use jiff::civil::{Date, Time, date, time};

mod laws;
mod stories;

pub(super) const MIDNIGHT: Time = Time::midnight();

pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a bundled zone")
}

/// A moment in Shanghai, such as `2026-10-01 08:00`.
pub(super) fn at(text: &str) -> Timestamp {
    let wall: jiff::civil::DateTime = text.replace(' ', "T").parse().expect("a civil time");
    wall.to_zoned(zone("Asia/Shanghai")).expect("a moment").timestamp()
}

pub(super) fn span(from: &str, to: &str) -> Span {
    Span { from: at(from), to: at(to) }
}

pub(super) fn post(id: u32, code: &str) -> Post {
    Post {
        id: PostId(id),
        code: code.into(),
        name: format!("post {code}").into(),
        grid: None,
        cover: Cover::Always,
    }
}

/// A shift on every day.
pub(super) fn shift(id: u32, post: u32, hours: (Time, Time, u8), workers: &[u32]) -> Shift {
    let (start, end, days_later) = hours;
    Shift {
        id: ShiftId(id),
        post: PostId(post),
        days: Days::EVERY,
        start,
        end,
        days_later,
        first_day: None,
        last_day: None,
        held_by: HeldBy::Workers(workers.iter().copied().map(WorkerId).collect()),
    }
}

pub(super) fn turning(shift: Shift, rotation: u32) -> Shift {
    Shift { held_by: HeldBy::Rotation(RotationId(rotation)), ..shift }
}

pub(super) fn rotation(id: u32, workers: &[u32], every: Every, anchor: Date) -> Rotation {
    let workers = workers.iter().copied().map(WorkerId).collect();
    Rotation { id: RotationId(id), workers, at_once: 1, every, anchor }
}

/// The roster of these parts in Shanghai, of which all can be used. Workers 1 to 99 are there.
pub(super) fn roster(parts: Parts) -> Roster {
    let (roster, errors) = Roster::build(zone("Asia/Shanghai"), parts, knows);
    assert_eq!(errors, []);
    roster
}

pub(super) fn knows(worker: WorkerId) -> bool {
    (1..100).contains(&worker.0)
}

/// Who holds a code in Shanghai.
#[track_caller]
pub(super) fn check(roster: &Roster, code: &str, moments: &[(&str, &[u32])]) {
    for (moment, wanted) in moments {
        let holders: Vec<u32> =
            roster.holders(code, None, at(moment)).into_iter().map(|worker| worker.0).collect();
        assert_eq!(holders, *wanted, "{code} at {moment}");
    }
}
