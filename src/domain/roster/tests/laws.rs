//! Laws that hold in every time zone of the world, across every change of its clocks from 1990 to 2040.

use super::*;
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const FROM: Date = date(1990, 1, 1);
const TO: Date = date(2040, 12, 31);

fn zones() -> Vec<String> {
    let names: Vec<String> =
        jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    assert!(400 < names.len(), "the bundled zones");
    names
}

/// Every change of the clocks of a zone.
fn transitions(zone: &TimeZone) -> Vec<Timestamp> {
    let end = TO.to_zoned(TimeZone::UTC).expect("a moment").timestamp();
    let begin = FROM.to_zoned(TimeZone::UTC).expect("a moment").timestamp();
    zone.following(begin).map(|change| change.timestamp()).take_while(|at| *at < end).collect()
}

/// Moments close to a transition, on both sides.
fn around(at: Timestamp) -> impl Iterator<Item = Timestamp> {
    const SECONDS: [i64; 7] = [-3660, -1800, -1, 0, 1800, 3599, 7200];
    SECONDS.into_iter().map(move |seconds| at + SignedDuration::from_secs(seconds))
}

/// Shifts that tile the day: each ends when the next begins, the last with the first of the next day. Shift `n` is held
/// by worker `n`.
fn tiles(edges: &[Time]) -> Vec<Shift> {
    let ends = edges.iter().copied().skip(1).map(|end| (end, 0)).chain([(edges[0], 1)]);
    let shift = |(id, (start, (end, later)))| shift(id, 1, (start, end, later), &[id]);
    (1..).zip(edges.iter().copied().zip(ends)).map(shift).collect()
}

fn in_zone(name: &str, parts: Parts) -> Roster {
    let (roster, errors) = Roster::build(zone(name), parts, knows);
    assert_eq!(errors, []);
    roster
}

fn tiled(name: &str, edges: &[Time]) -> Roster {
    in_zone(name, Parts { posts: vec![post(1, "A")], shifts: tiles(edges), ..Parts::default() })
}

#[test]
fn tiles_leave_no_moment_uncovered_across_any_transition_of_any_zone() {
    let edges = [(0, 0), (2, 0), (2, 30), (23, 30)].map(|(h, m)| time(h, m, 0, 0));
    let mut looked_at = 0;
    for name in zones() {
        let roster = tiled(&name, &edges);
        for transition in transitions(&zone(&name)) {
            for at in around(transition) {
                assert_ne!(roster.holders("A", None, at), [], "{name} at {at}");
                looked_at += 1;
            }
        }
    }
    assert!(100_000 < looked_at, "{looked_at}");
}

#[test]
fn segments_of_a_round_the_clock_post_have_no_gap_in_the_strangest_zones() {
    for (name, from, days) in [
        ("Australia/Lord_Howe", date(2026, 4, 1), 14),
        ("Australia/Lord_Howe", date(2026, 9, 30), 14),
        ("Pacific/Apia", date(2011, 12, 25), 14),
        ("Pacific/Kwajalein", date(1993, 8, 15), 14),
        ("Pacific/Kiritimati", date(1994, 12, 25), 14),
        ("America/St_Johns", date(2006, 10, 22), 14),
        ("America/St_Johns", date(2007, 3, 5), 14),
        ("Africa/Casablanca", date(2026, 2, 10), 60),
        ("Asia/Pyongyang", date(2018, 5, 1), 14),
        ("America/Caracas", date(2007, 12, 1), 14),
        ("Europe/Lisbon", date(1992, 9, 20), 14),
        ("Antarctica/Troll", date(2026, 3, 20), 14),
    ] {
        let roster = tiled(name, &[time(0, 0, 0, 0), time(8, 0, 0, 0), time(16, 0, 0, 0)]);
        let from = from.to_zoned(zone(name)).expect("a moment").timestamp();
        let found = roster.review(from, days, |_| Reach::Confirmed);
        assert_eq!(found, [], "{name}");
        let span = Span { from, to: timeline::days_later(from, days) };
        let segments = roster.segments(PostId(1), span);
        assert_eq!(segments.first().map(|first| first.span.from), Some(span.from));
        assert_eq!(segments.last().map(|last| last.span.to), Some(span.to));
        assert!(segments.windows(2).all(|pair| pair[0].span.to == pair[1].span.from), "{name}");
    }
}

#[test]
fn a_day_that_was_skipped_has_no_shift() {
    let shifts = (1..=3).map(|id| {
        let day = date(2011, 12, 28 + id as i8);
        Shift {
            first_day: Some(day),
            last_day: Some(day),
            ..shift(id, 1, (MIDNIGHT, MIDNIGHT, 1), &[id])
        }
    });
    let posts = vec![post(1, "A")];
    let roster =
        in_zone("Pacific/Apia", Parts { posts, shifts: shifts.collect(), ..Parts::default() });
    let end_of_29: Timestamp = "2011-12-30T10:00:00Z".parse().expect("a moment");
    let held = |seconds| roster.holders("A", None, end_of_29 + SignedDuration::from_secs(seconds));
    assert_eq!(held(-1), [WorkerId(1)]);
    assert_eq!(held(0), [WorkerId(3)], "the 30th never was in Samoa");
}

#[test]
fn an_hour_that_comes_twice_is_held_by_both_and_one_that_is_jumped_over_by_none() {
    let roster = tiled("Europe/Berlin", &[time(2, 30, 0, 0), time(14, 0, 0, 0)]);
    let held = |moment: &str| {
        let at = moment.parse().expect("a moment");
        roster.holders("A", None, at).into_iter().map(|worker| worker.0).collect::<Vec<_>>()
    };
    // Back at 01:00Z from 03:00 to 02:00: 02:30 is at 00:30Z and at 01:30Z.
    assert_eq!(held("2026-10-25T00:29:59Z"), [2]);
    assert_eq!(held("2026-10-25T00:30:00Z"), [1, 2]);
    assert_eq!(held("2026-10-25T01:29:59Z"), [1, 2]);
    assert_eq!(held("2026-10-25T01:30:00Z"), [1]);
    // Forward at 01:00Z from 02:00 to 03:00: 02:30 is the jump.
    assert_eq!(held("2026-03-29T00:59:59Z"), [2]);
    assert_eq!(held("2026-03-29T01:00:00Z"), [1]);
}

#[test]
fn a_clock_that_goes_back_over_midnight_keeps_both_days_on_duty() {
    let roster = in_zone(
        "America/St_Johns",
        Parts {
            posts: vec![post(1, "A")],
            shifts: vec![turning(shift(1, 1, (MIDNIGHT, MIDNIGHT, 1), &[]), 1)],
            rotations: vec![rotation(1, &[1, 2], Every::Days(1), date(2006, 10, 28))],
            ..Parts::default()
        },
    );
    // Back at 02:31Z from 00:01 of the 29th to 23:01 of the 28th: midnight is at 02:30Z and at 03:30Z.
    for (moment, wanted) in [
        ("2006-10-29T02:29:59Z", &[1][..]),
        ("2006-10-29T02:30:00Z", &[2, 1]),
        ("2006-10-29T03:00:00Z", &[2, 1]),
        ("2006-10-29T03:30:00Z", &[2]),
    ] {
        let at = moment.parse().expect("a moment");
        let held = roster.holders("A", None, at).into_iter().map(|worker| worker.0);
        assert_eq!(held.collect::<Vec<_>>(), wanted, "{moment}");
    }
}

/// A moment of the half-century, half of them next to a change of the clocks.
fn moment(zone: &TimeZone, near: bool, index: Index, seconds: i64) -> Timestamp {
    let changes = transitions(zone);
    if near && !changes.is_empty() {
        return *index.get(&changes) + SignedDuration::from_secs(seconds % 200_000);
    }
    FROM.to_zoned(TimeZone::UTC).expect("a moment").timestamp()
        + SignedDuration::from_secs(seconds.abs())
}

fn any_time() -> impl Strategy<Value = Time> {
    (0..24_i8, 0..60_i8).prop_map(|(hour, minute)| time(hour, minute, 0, 0))
}

fn any_edges() -> impl Strategy<Value = Vec<Time>> {
    proptest::collection::btree_set(any_time(), 1..6).prop_map(|edges| edges.into_iter().collect())
}

fn any_days() -> impl Strategy<Value = Days> {
    select(vec![Days::EVERY, Days::WORKDAYS, Days::FREE])
}

fn any_span(about: Timestamp) -> impl Strategy<Value = Span> {
    (-1_000_000_i64..1_000_000, 60_i64..400_000).prop_map(move |(begin, len)| {
        let from = about + SignedDuration::from_secs(begin);
        Span { from, to: from + SignedDuration::from_secs(len) }
    })
}

fn any_worker() -> impl Strategy<Value = WorkerId> {
    (1..8_u32).prop_map(WorkerId)
}

fn any_post() -> impl Strategy<Value = PostId> {
    (1..4_u32).prop_map(PostId)
}

fn any_shifts() -> impl Strategy<Value = Vec<Shift>> {
    let held = prop_oneof![
        proptest::collection::vec(any_worker(), 1..3).prop_map(HeldBy::Workers),
        (1..3_u32).prop_map(|id| HeldBy::Rotation(RotationId(id))),
    ];
    let any_shift = (any_post(), any_days(), any_time(), any_time(), 0..4_u8, held);
    proptest::collection::vec(any_shift, 1..8).prop_map(|shifts| {
        let make = |(id, (post, days, start, end, later, held_by))| Shift {
            days,
            held_by,
            ..shift(id, PostId::into(post), (start, end, later + u8::from(end <= start)), &[])
        };
        (1..).zip(shifts).map(make).collect::<Vec<_>>()
    })
}

fn any_rotations() -> impl Strategy<Value = Vec<Rotation>> {
    let every = prop_oneof![
        (1..5_u16).prop_map(Every::Days),
        (1..3_u16).prop_map(Every::Weeks),
        (1..4_u16).prop_map(Every::Shifts),
    ];
    let turns = (proptest::collection::vec(1..8_u32, 1..5), every);
    proptest::collection::vec(turns, 2).prop_map(|turns| {
        let rotation = |(id, (workers, every)): (u32, (Vec<u32>, Every))| {
            rotation(id, &workers, every, date(2015, 3, 3))
        };
        (1..).zip(turns).map(rotation).collect::<Vec<_>>()
    })
}

/// A whole roster with three posts, and every way to change it around a moment.
fn any_parts(about: Timestamp) -> impl Strategy<Value = Parts> {
    let turn = move || (any_post(), any_span(about)).prop_map(|(post, span)| Turn { post, span });
    let state = select(vec![SwapState::Proposed, SwapState::Agreed, SwapState::Withdrawn]);
    let swap = (any_worker(), any_worker(), turn(), proptest::option::of(turn()), state);
    let swaps = proptest::collection::vec(swap, 0..3);
    let absence = (any_worker(), proptest::option::of(any_worker()), any_span(about));
    let absences = proptest::collection::vec(absence, 0..4);
    let change = (turn(), any_worker(), proptest::option::of(any_worker()));
    let changes = proptest::collection::vec(change, 0..3);
    (any_shifts(), any_rotations(), swaps, absences, changes).prop_map(
        |(shifts, rotations, swaps, absences, changes)| Parts {
            posts: vec![post(1, "A"), post(2, "B"), Post { cover: Cover::Shifts, ..post(3, "A") }],
            shifts,
            rotations,
            calendar: Vec::new(),
            overrides: (1..)
                .zip(changes)
                .map(|(id, (turn, worker, instead_of))| Override {
                    id: OverrideId(id),
                    post: turn.post,
                    worker,
                    instead_of,
                    span: turn.span,
                })
                .collect(),
            swaps: (1..)
                .zip(swaps)
                .map(|(id, (proposer, other, gives, takes, state))| Swap {
                    id: SwapId(id),
                    proposer,
                    other,
                    gives,
                    takes,
                    state,
                })
                .collect(),
            absences: (1..)
                .zip(absences)
                .map(|(id, (worker, stand_in, span))| Absence {
                    id: AbsenceId(id),
                    worker,
                    stand_in,
                    span,
                })
                .collect(),
            kept: Vec::new(),
        },
    )
}

/// A zone, a moment in it, and a roster around that moment. What cannot be used is left out.
fn any_roster() -> impl Strategy<Value = (TimeZone, Timestamp, Parts)> {
    (select(zones()), any::<bool>(), any::<Index>(), any::<i32>()).prop_flat_map(
        |(name, near, index, seconds)| {
            let zone = zone(&name);
            let at = moment(&zone, near, index, seconds.into());
            (Just(zone), Just(at), any_parts(at))
        },
    )
}

fn build(zone: &TimeZone, parts: &Parts) -> Roster {
    Roster::build(zone.clone(), parts.clone(), knows).0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_tiles_cover_any_moment(
        name in select(zones()),
        near: bool,
        index: Index,
        seconds: i32,
        edges in any_edges(),
    ) {
        let at = moment(&zone(&name), near, index, seconds.into());
        prop_assert!(!tiled(&name, &edges).holders("A", None, at).is_empty(), "{} at {}", name, at);
    }

    #[test]
    fn nothing_changes_before_the_next_change((zone, at, parts) in any_roster(), parts_of in 0.0..1.0_f64) {
        let roster = build(&zone, &parts);
        let now = roster.on_duty(at);
        let Some(next) = roster.next_change(at) else { return Ok(()) };
        prop_assert!(at < next);
        prop_assert_ne!(&roster.on_duty(next), &now, "something changes at {}", next);
        let before = next - SignedDuration::from_nanos(1);
        let length = (next - at).total(jiff::Unit::Second).expect("seconds");
        let inside = at + SignedDuration::from_secs((length * parts_of) as i64);
        for moment in [before, inside] {
            prop_assert_eq!(&roster.on_duty(moment), &now, "constant until {}", next);
        }
        for (code, grid) in [("A", None), ("B", Some(GridId(1)))] {
            prop_assert_eq!(roster.holders(code, grid, before), roster.holders(code, grid, at));
        }
    }

    #[test]
    fn segments_say_what_holders_say((zone, at, parts) in any_roster()) {
        let roster = build(&zone, &parts);
        let span = Span { from: at, to: timeline::days_later(at, 5) };
        for post in [1, 2, 3].map(PostId) {
            let segments = roster.segments(post, span);
            prop_assert_eq!(segments.first().map(|first| first.span.from), Some(span.from));
            prop_assert_eq!(segments.last().map(|last| last.span.to), Some(span.to));
            for pair in segments.windows(2) {
                prop_assert_eq!(pair[0].span.to, pair[1].span.from);
            }
            for segment in segments {
                let last = segment.span.to - SignedDuration::from_nanos(1);
                for moment in [segment.span.from, last] {
                    let held: Vec<WorkerId> = roster
                        .on_duty(moment)
                        .into_iter()
                        .filter_map(|(held, worker)| (held == post).then_some(worker))
                        .collect();
                    prop_assert_eq!(&held, &segment.holders);
                }
            }
        }
    }

    #[test]
    fn a_swap_that_is_agreed_twice_changes_nothing((zone, at, parts) in any_roster()) {
        let mut once = parts;
        for swap in &mut once.swaps {
            swap.state = swap.agree(swap.other, Timestamp::MIN).unwrap_or(swap.state);
        }
        let mut twice = once.clone();
        for swap in &mut twice.swaps {
            swap.state = swap.agree(swap.other, Timestamp::MIN).unwrap_or(swap.state);
        }
        twice.swaps.extend(once.swaps.clone());
        prop_assert_eq!(build(&zone, &once).on_duty(at), build(&zone, &twice).on_duty(at));
    }

    #[test]
    fn neither_absence_nor_swap_leaves_a_post_to_nobody((zone, at, parts) in any_roster()) {
        let mut bare = parts.clone();
        bare.absences.clear();
        bare.swaps.clear();
        let (bare, roster) = (build(&zone, &bare), build(&zone, &parts));
        for code in ["A", "B"] {
            prop_assert_eq!(
                bare.holders(code, None, at).is_empty(),
                roster.holders(code, None, at).is_empty()
            );
        }
    }

    #[test]
    fn every_gap_is_found_and_every_found_gap_is_one((zone, at, parts) in any_roster(), seconds in 0_i64..432_000) {
        let roster = build(&zone, &parts);
        let moment = at + SignedDuration::from_secs(seconds);
        let found = roster.review(at, 5, |_| Reach::Confirmed);
        let is_told = |wanted: fn(FindingKind) -> bool| {
            found.iter().any(|finding| wanted(finding.kind) && finding.span.has(moment))
        };
        let held = roster.on_duty(moment);
        let a_is_held = held.iter().any(|(post, _)| *post == PostId(1));
        prop_assert_eq!(!a_is_held, is_told(|kind| kind == FindingKind::Gap { post: PostId(1) }));
        if held.is_empty() {
            prop_assert!(is_told(|kind| kind == FindingKind::Nobody));
        }
        for finding in found {
            prop_assert!(at <= finding.span.from && !finding.span.is_empty(), "{:?}", finding);
        }
    }
}
