//! Wall-clock times as instants, so that neighbouring shifts never leave a moment between them.
//!
//! A start is the first instant at which a clock on the wall shows its time or a later one; an end is the last instant
//! before which it shows an earlier one. So a time that the clock passes twice is taken the first time for a start and
//! the last time for an end, a time that it jumps over becomes the moment of the jump for both, and a shift that lies
//! wholly in the jump (a day that an island skipped) is no shift. Neither ever goes backwards as the wall clock time
//! grows, and a start is never after the end of the same wall clock time: shifts that tile the day tile time.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// Transitions looked at to find the one that jumps over a time. There is one, save in zones that changed twice in an hour.
const TRANSITIONS_MAX: usize = 8;

/// The instant at which something begins that is said to begin at `wall`.
pub(super) fn begin(zone: &TimeZone, wall: DateTime) -> Timestamp {
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => instant(offset, wall),
        AmbiguousOffset::Fold { before, .. } => instant(before, wall),
        AmbiguousOffset::Gap { before, after } => jump(zone, wall, before, after),
    }
}

/// The instant at which something ends that is said to end at `wall`.
pub(super) fn end(zone: &TimeZone, wall: DateTime) -> Timestamp {
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => instant(offset, wall),
        AmbiguousOffset::Fold { after, .. } => instant(after, wall),
        AmbiguousOffset::Gap { before, after } => jump(zone, wall, before, after),
    }
}

/// The moment at which the clock jumps over `wall`.
fn jump(zone: &TimeZone, wall: DateTime, before: Offset, after: Offset) -> Timestamp {
    let (earliest, latest) = (instant(after, wall), instant(before, wall));
    zone.following(earliest)
        .take(TRANSITIONS_MAX)
        .map(|transition| transition.timestamp())
        .take_while(|at| *at <= latest)
        .find(|at| wall <= zone.to_datetime(*at))
        .unwrap_or(latest)
}

/// The ends of time stand for what lies beyond them.
fn instant(offset: Offset, wall: DateTime) -> Timestamp {
    offset.to_timestamp(wall).unwrap_or(if wall.year() < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}
