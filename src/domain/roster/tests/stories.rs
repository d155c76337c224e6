//! Rosters as communities keep them, and what goes wrong with them.

use super::*;

const DAY: (Time, Time, u8) = (time(8, 0, 0, 0), time(20, 0, 0, 0), 0);
const NIGHT: (Time, Time, u8) = (time(20, 0, 0, 0), time(8, 0, 0, 0), 1);
const ROUND: (Time, Time, u8) = (time(8, 0, 0, 0), time(8, 0, 0, 0), 1);

/// One post A by day and by night.
fn day_and_night() -> Parts {
    Parts {
        posts: vec![post(1, "A")],
        shifts: vec![shift(1, 1, DAY, &[1]), shift(2, 1, NIGHT, &[2])],
        ..Parts::default()
    }
}

fn findings(roster: &Roster, from: &str, days: u16) -> Vec<(FindingKind, Span)> {
    let found = roster.review(at(from), days, |_| Reach::Confirmed);
    found.into_iter().map(|finding| (finding.kind, finding.span)).collect()
}

#[test]
fn day_and_night_shifts_meet_without_a_hole() {
    let roster = roster(day_and_night());
    check(
        &roster,
        "A",
        &[
            ("2026-11-22 07:59", &[2]),
            ("2026-11-22 08:00", &[1]),
            ("2026-11-22 19:59", &[1]),
            ("2026-11-22 20:00", &[2]),
            ("2026-11-23 00:00", &[2]),
        ],
    );
    check(&roster, "B", &[("2026-11-22 08:00", &[])]);
    assert_eq!(roster.next_change(at("2026-11-22 08:00")), Some(at("2026-11-22 20:00")));
    assert_eq!(findings(&roster, "2026-11-22 08:00", 14), []);
}

#[test]
fn staggered_shifts_overlap_and_both_ring() {
    let parts = Parts {
        posts: vec![post(1, "A")],
        shifts: vec![
            shift(1, 1, (time(7, 0, 0, 0), time(15, 0, 0, 0), 0), &[1]),
            shift(2, 1, (time(14, 0, 0, 0), time(22, 0, 0, 0), 0), &[2, 3]),
        ],
        ..Parts::default()
    };
    let roster = roster(parts);
    check(
        &roster,
        "A",
        &[
            ("2026-11-22 13:59", &[1]),
            ("2026-11-22 14:30", &[1, 2, 3]),
            ("2026-11-22 15:00", &[2, 3]),
            ("2026-11-22 23:00", &[]),
        ],
    );
    let night = span("2026-11-22 22:00", "2026-11-23 07:00");
    let post = PostId(1);
    assert_eq!(
        findings(&roster, "2026-11-22 08:00", 1),
        [(FindingKind::Nobody, night), (FindingKind::Gap { post }, night)]
    );
}

#[test]
fn the_leader_is_there_on_free_days_and_not_on_make_up_days() {
    let leader = Post { cover: Cover::Shifts, ..post(2, CODE_LEADER) };
    let weekend = turning(Shift { days: Days::FREE, ..shift(1, 2, ROUND, &[]) }, 1);
    let day = |date, kind| CalendarDay { date, kind };
    let parts = Parts {
        posts: vec![post(1, "A"), leader],
        shifts: vec![weekend, shift(2, 1, ROUND, &[9])],
        rotations: vec![rotation(1, &[1, 2, 3], Every::Shifts(1), date(2026, 9, 19))],
        calendar: vec![
            day(date(2026, 9, 20), DayKind::Workday),
            day(date(2026, 10, 1), DayKind::Holiday),
        ],
        ..Parts::default()
    };
    let roster = roster(parts);
    check(
        &roster,
        CODE_LEADER,
        &[
            ("2026-09-18 12:00", &[]),
            ("2026-09-19 12:00", &[1]),
            ("2026-09-20 07:59", &[1]),
            ("2026-09-20 12:00", &[]),
            ("2026-09-26 12:00", &[2]),
            ("2026-09-27 12:00", &[3]),
            ("2026-09-30 12:00", &[]),
            ("2026-10-01 12:00", &[1]),
            ("2026-09-13 12:00", &[3]),
        ],
    );
    let from = "2026-11-22 09:00";
    let unknown = FindingKind::CalendarUnknown { year: 2027 };
    let year = span("2027-01-01 00:00", "2028-01-01 00:00");
    assert_eq!(findings(&roster, from, 14), [(unknown, year)]);
    assert_eq!(findings(&roster, "2026-11-01 09:00", 14), [], "too early to tell");
}

#[test]
fn rotations_hand_on_by_days_weeks_and_shifts() {
    let of = |every| {
        roster(Parts {
            posts: vec![post(1, "A")],
            shifts: vec![turning(shift(1, 1, DAY, &[]), 1), turning(shift(2, 1, NIGHT, &[]), 1)],
            rotations: vec![rotation(1, &[1, 2, 3], every, date(2026, 11, 23))],
            ..Parts::default()
        })
    };
    let moments = [
        "2026-11-22 23:00",
        "2026-11-23 09:00",
        "2026-11-23 23:00",
        "2026-11-24 07:00",
        "2026-11-24 09:00",
        "2026-11-30 09:00",
        "2026-12-07 09:00",
    ];
    let cases: [(Every, [u32; 7]); 4] = [
        (Every::Days(1), [3, 1, 1, 1, 2, 2, 3]),
        (Every::Days(7), [3, 1, 1, 1, 1, 2, 3]),
        (Every::Weeks(1), [3, 1, 1, 1, 1, 2, 3]),
        (Every::Shifts(1), [3, 1, 2, 2, 3, 3, 2]),
    ];
    for (every, wanted) in cases {
        let roster = of(every);
        for (moment, worker) in moments.iter().zip(wanted) {
            check(&roster, "A", &[(moment, &[worker])]);
        }
    }
}

#[test]
fn two_of_a_rotation_hold_a_double_post() {
    let two =
        Rotation { at_once: 2, ..rotation(1, &[1, 2, 3], Every::Days(1), date(2026, 11, 22)) };
    let roster = roster(Parts {
        posts: vec![post(1, "A")],
        shifts: vec![turning(shift(1, 1, ROUND, &[]), 1)],
        rotations: vec![two],
        ..Parts::default()
    });
    check(
        &roster,
        "A",
        &[
            ("2026-11-22 09:00", &[1, 2]),
            ("2026-11-23 09:00", &[3, 1]),
            ("2026-11-24 09:00", &[2, 3]),
        ],
    );
}

#[test]
fn a_grid_asks_its_own_post_first_and_never_another_grids() {
    let of_grid = |id, grid| Post { grid: Some(GridId(grid)), ..post(id, "B") };
    let roster = roster(Parts {
        posts: vec![post(1, "B"), of_grid(2, 7), of_grid(3, 8)],
        shifts: (1..=3).map(|id| shift(id, id, ROUND, &[id])).collect(),
        ..Parts::default()
    });
    let of = |grid| roster.holders("B", grid, at("2026-11-22 09:00"));
    assert_eq!(of(Some(GridId(7))), [2, 1].map(WorkerId));
    assert_eq!(of(Some(GridId(8))), [3, 1].map(WorkerId));
    assert_eq!(of(Some(GridId(9))), [1].map(WorkerId));
    assert_eq!(of(None), [1, 2, 3].map(WorkerId));
}

#[test]
fn an_override_takes_the_post_and_fills_holes() {
    let change = |id, worker, instead_of: Option<u32>, span| Override {
        id: OverrideId(id),
        post: PostId(1),
        worker: WorkerId(worker),
        instead_of: instead_of.map(WorkerId),
        span,
    };
    let mut parts = day_and_night();
    parts.shifts.remove(1);
    parts.overrides = vec![
        change(1, 5, None, span("2026-11-22 18:00", "2026-11-22 21:00")),
        change(2, 6, Some(1), span("2026-11-23 08:00", "2026-11-23 09:00")),
        change(3, 7, Some(2), span("2026-11-23 08:00", "2026-11-23 09:00")),
    ];
    check(
        &roster(parts),
        "A",
        &[
            ("2026-11-22 17:59", &[1]),
            ("2026-11-22 18:00", &[5]),
            ("2026-11-22 20:59", &[5]),
            ("2026-11-22 21:00", &[]),
            ("2026-11-23 08:30", &[6]),
        ],
    );
}

#[test]
fn a_swap_is_in_force_once_agreed_and_told_until_then() {
    let of = |state| {
        let mut parts = day_and_night();
        parts.swaps = vec![Swap {
            id: SwapId(4),
            proposer: WorkerId(1),
            other: WorkerId(2),
            gives: Turn { post: PostId(1), span: span("2026-11-22 08:00", "2026-11-22 20:00") },
            takes: Some(Turn {
                post: PostId(1),
                span: span("2026-11-23 20:00", "2026-11-24 08:00"),
            }),
            state,
        }];
        roster(parts)
    };
    let moments = ["2026-11-22 12:00", "2026-11-22 22:00", "2026-11-23 12:00", "2026-11-23 22:00"];
    for (state, wanted) in [
        (SwapState::Proposed, [1, 2, 1, 2]),
        (SwapState::Withdrawn, [1, 2, 1, 2]),
        (SwapState::Agreed, [2, 2, 1, 1]),
    ] {
        for (moment, worker) in moments.iter().zip(wanted) {
            check(&of(state), "A", &[(moment, &[worker])]);
        }
    }
    let open =
        (FindingKind::SwapOpen { swap: SwapId(4) }, span("2026-11-22 09:00", "2026-11-22 20:00"));
    assert_eq!(findings(&of(SwapState::Proposed), "2026-11-22 09:00", 14), [open]);
    assert_eq!(findings(&of(SwapState::Proposed), "2026-11-24 09:00", 14), []);
    assert_eq!(findings(&of(SwapState::Agreed), "2026-11-22 09:00", 14), []);
}

#[test]
fn those_who_swap_a_double_post_stay_two() {
    let everything = span("2026-11-22 00:00", "2026-11-25 00:00");
    let turn = Turn { post: PostId(1), span: everything };
    let roster = roster(Parts {
        posts: vec![post(1, "A")],
        shifts: vec![shift(1, 1, ROUND, &[1, 2])],
        swaps: vec![Swap {
            id: SwapId(1),
            proposer: WorkerId(1),
            other: WorkerId(2),
            gives: turn,
            takes: Some(turn),
            state: SwapState::Agreed,
        }],
        ..Parts::default()
    });
    check(&roster, "A", &[("2026-11-22 12:00", &[2, 1])]);
}

#[test]
fn a_stand_in_takes_every_post_and_a_circle_rings_all_the_same() {
    let away = |id, worker, stand_in: Option<u32>| Absence {
        id: AbsenceId(id),
        worker: WorkerId(worker),
        stand_in: stand_in.map(WorkerId),
        span: span("2026-11-23 00:00", "2026-11-24 00:00"),
    };
    let noon = "2026-11-23 12:00";
    for (absences, wanted, is_told) in [
        (vec![away(1, 1, Some(5))], 5, false),
        (vec![away(1, 1, Some(5)), away(2, 5, Some(6))], 6, false),
        (vec![away(1, 1, Some(5)), away(2, 5, Some(1))], 1, true),
        (vec![away(1, 1, None)], 1, true),
        (vec![away(1, 1, Some(5)), away(2, 5, None)], 1, true),
    ] {
        let roster = roster(Parts { absences, ..day_and_night() });
        check(&roster, "A", &[("2026-11-22 12:00", &[1]), (noon, &[wanted])]);
        let told = findings(&roster, "2026-11-22 09:00", 3);
        let away = FindingKind::Away { post: PostId(1), worker: WorkerId(1) };
        let day = span("2026-11-23 08:00", "2026-11-23 20:00");
        let wanted =
            if is_told { vec![(FindingKind::Nobody, day), (away, day)] } else { Vec::new() };
        assert_eq!(told, wanted);
    }
}

#[test]
fn one_who_is_away_leaves_a_post_that_another_holds_too() {
    let roster = roster(Parts {
        posts: vec![post(1, "A")],
        shifts: vec![shift(1, 1, ROUND, &[1, 2])],
        absences: vec![Absence {
            id: AbsenceId(1),
            worker: WorkerId(1),
            stand_in: None,
            span: span("2026-11-23 00:00", "2026-11-24 00:00"),
        }],
        ..Parts::default()
    });
    check(&roster, "A", &[("2026-11-22 12:00", &[1, 2]), ("2026-11-23 12:00", &[2])]);
}

#[test]
fn an_old_shift_is_kept_besides_the_new_one() {
    let mut parts = day_and_night();
    parts.kept = vec![
        Kept {
            post: PostId(1),
            worker: WorkerId(1),
            from: at("2026-11-22 20:00"),
            until_handed_over: Some(at("2026-11-22 20:10")),
        },
        Kept {
            post: PostId(1),
            worker: WorkerId(3),
            from: at("2026-11-23 20:00"),
            until_handed_over: None,
        },
    ];
    check(
        &roster(parts.clone()),
        "A",
        &[("2026-11-22 20:05", &[2, 1]), ("2026-11-22 20:10", &[2]), ("2026-11-24 03:00", &[2, 3])],
    );
    let scheduled = roster(parts.clone()).scheduled(at("2026-11-24 03:00"));
    assert_eq!(scheduled, [(PostId(1), WorkerId(2))]);
    let awaited = FindingKind::NotTakenOver { post: PostId(1), worker: WorkerId(2) };
    let night = span("2026-11-24 03:00", "2026-11-24 08:00");
    assert_eq!(findings(&roster(parts.clone()), "2026-11-24 03:00", 1), [(awaited, night)]);
    assert_eq!(findings(&roster(parts.clone()), "2026-11-22 21:00", 1), []);
    parts.shifts.retain(|shift| shift.id == ShiftId(1));
    let post = PostId(1);
    let found = findings(&roster(parts), "2026-11-24 03:00", 1);
    assert!(found.contains(&(FindingKind::Gap { post }, night)), "whoever is kept closes no gap");
}

#[test]
fn double_duty_and_doubtful_numbers_are_told() {
    let roster = roster(Parts {
        posts: vec![post(1, "A"), post(2, "B"), post(3, "grid")],
        shifts: vec![
            shift(1, 1, ROUND, &[1]),
            shift(2, 2, DAY, &[1]),
            shift(3, 2, NIGHT, &[2]),
            shift(4, 3, ROUND, &[2]),
        ],
        ..Parts::default()
    });
    let from = "2026-11-22 08:00";
    let found = roster.review(at(from), 1, |worker| match worker.0 {
        1 => Reach::Unconfirmed,
        _ => Reach::NoNumber,
    });
    let (day, night) =
        (span(from, "2026-11-22 20:00"), span("2026-11-22 20:00", "2026-11-23 08:00"));
    let (one, two) = (WorkerId(1), WorkerId(2));
    let whole = span(from, "2026-11-23 08:00");
    assert_eq!(
        found.into_iter().map(|finding| (finding.kind, finding.span)).collect::<Vec<_>>(),
        [
            (FindingKind::SameForBoth { worker: one, a: PostId(1), b: PostId(2) }, day),
            (FindingKind::NoNumber { worker: two }, whole),
            (FindingKind::Unconfirmed { worker: one }, whole),
            (FindingKind::DoubleDuty { worker: two, first: PostId(2), second: PostId(3) }, night),
        ]
    );
}

#[test]
fn an_empty_roster_says_nothing() {
    let roster = Roster::default();
    assert!(roster.is_empty());
    assert_eq!(roster.on_duty(at("2026-11-22 08:00")), []);
    assert_eq!(roster.next_change(at("2026-11-22 08:00")), None);
    assert_eq!(findings(&roster, "2026-11-22 08:00", 14), []);
}

#[test]
fn a_post_without_shifts_is_a_gap() {
    let roster = roster(Parts { posts: vec![post(1, "A")], ..Parts::default() });
    assert!(!roster.is_empty());
    let whole = span("2026-11-22 08:00", "2026-12-06 08:00");
    let gap = FindingKind::Gap { post: PostId(1) };
    assert_eq!(
        findings(&roster, "2026-11-22 08:00", 14),
        [(FindingKind::Nobody, whole), (gap, whole)]
    );
}

#[test]
fn what_is_impossible_is_named_and_the_rest_is_used() {
    let mut parts = day_and_night();
    let hours = |start: i8, end: i8, later| (time(start, 0, 0, 0), time(end, 0, 0, 0), later);
    let never = Shift { days: Days::new(&[], &[DayKind::Workday]), ..shift(13, 1, DAY, &[1]) };
    let backwards = Shift {
        first_day: Some(date(2026, 2, 1)),
        last_day: Some(date(2026, 1, 1)),
        ..shift(14, 1, DAY, &[1])
    };
    parts.shifts.extend([
        shift(11, 1, hours(20, 8, 0), &[1]),
        shift(12, 1, hours(20, 8, 8), &[1]),
        never,
        backwards,
        shift(15, 9, DAY, &[1]),
        turning(shift(16, 1, DAY, &[]), 9),
        shift(17, 1, DAY, &[]),
        shift(18, 1, hours(1, 2, 0), &[200]),
    ]);
    parts.rotations = vec![
        rotation(1, &[], Every::Days(1), date(2026, 1, 1)),
        rotation(2, &[1, 200], Every::Weeks(0), date(2026, 1, 1)),
    ];
    let (built, errors) = Roster::build(zone("Asia/Shanghai"), parts, knows);
    check(&built, "A", &[("2026-11-22 13:00", &[1]), ("2026-11-23 01:30", &[2])]);
    let of = |id| Part::Shift(ShiftId(id));
    let (gone, one) = (WorkerId(200), Part::Rotation(RotationId(1)));
    let two = Part::Rotation(RotationId(2));
    has_all(
        &errors,
        &[
            RosterError::EndBeforeStart { part: of(11) },
            RosterError::TooLong { part: of(12) },
            RosterError::NoDay { part: of(13) },
            RosterError::NoDay { part: of(14) },
            RosterError::UnknownPost { part: of(15), post: PostId(9) },
            RosterError::UnknownRotation { part: of(16), rotation: RotationId(9) },
            RosterError::Nobody { part: of(17) },
            RosterError::UnknownWorker { part: of(18), worker: gone },
            RosterError::Nobody { part: one },
            RosterError::UnknownWorker { part: two, worker: gone },
            RosterError::NoTurn { part: two },
        ],
    );
}

#[track_caller]
fn has_all(errors: &[RosterError], wanted: &[RosterError]) {
    for wanted in wanted {
        assert!(errors.contains(wanted), "{wanted:?} in {errors:#?}");
    }
    assert_eq!(errors.len(), wanted.len(), "{errors:#?}");
}

#[test]
fn changes_that_cannot_be_are_named_and_the_rest_is_used() {
    let mut parts = day_and_night();
    let gone = WorkerId(200);
    let morning = span("2026-11-22 08:00", "2026-11-22 12:00");
    let change = |id, worker| Override {
        id: OverrideId(id),
        post: PostId(1),
        worker: WorkerId(worker),
        instead_of: None,
        span: morning,
    };
    parts.overrides = vec![change(1, 3), change(2, 4), change(3, 200)];
    let away = |id, worker, stand_in: u32, span| Absence {
        id: AbsenceId(id),
        worker: WorkerId(worker),
        stand_in: Some(WorkerId(stand_in)),
        span,
    };
    parts.absences = vec![
        away(1, 7, 7, morning),
        away(2, 7, 8, morning),
        away(3, 8, 9, span("2026-11-22 08:00", "2026-11-22 07:00")),
    ];
    let with_self = Swap {
        id: SwapId(1),
        proposer: WorkerId(1),
        other: WorkerId(1),
        gives: Turn { post: PostId(1), span: morning },
        takes: None,
        state: SwapState::Agreed,
    };
    let unknown_post = Turn { post: PostId(9), span: morning };
    let other = WorkerId(2);
    let nowhere = Swap { id: SwapId(2), other, takes: Some(unknown_post), ..with_self };
    parts.swaps = vec![with_self, nowhere];
    let worker = WorkerId(200);
    parts.kept = vec![Kept {
        post: PostId(1),
        worker,
        from: at("2026-11-22 08:00"),
        until_handed_over: None,
    }];
    let (built, errors) = Roster::build(zone("Asia/Shanghai"), parts, knows);
    check(&built, "A", &[("2026-11-22 09:00", &[3]), ("2026-11-22 13:00", &[1])]);
    let override_of = |id| Part::Override(OverrideId(id));
    let absence_of = |id| Part::Absence(AbsenceId(id));
    has_all(
        &errors,
        &[
            RosterError::Overlap { part: override_of(2), with: override_of(1) },
            RosterError::UnknownWorker { part: override_of(3), worker: gone },
            RosterError::Themselves { part: Part::Swap(SwapId(1)), worker: WorkerId(1) },
            RosterError::UnknownPost { part: Part::Swap(SwapId(2)), post: PostId(9) },
            RosterError::Themselves { part: absence_of(1), worker: WorkerId(7) },
            RosterError::Overlap { part: absence_of(2), with: absence_of(1) },
            RosterError::EndBeforeStart { part: absence_of(3) },
            RosterError::UnknownWorker { part: Part::Kept(PostId(1)), worker: gone },
        ],
    );
}
