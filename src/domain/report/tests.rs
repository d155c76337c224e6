//! Stories and laws of reports.

use super::public::{Count, FEW, sum};
use super::*;
use crate::alarm::{
    AnswerMeans, CaseLimits, CaseStep, CloseOutcome, Event, LegStart, Proof, Trigger, TriggerSource,
};
use crate::id::{GroupId, HouseholdId, LineId};
use crate::kind::AlarmKind;
use crate::leg::{Channel, Message};
use crate::plan::PartyId;
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;

fn zones() -> Vec<TimeZone> {
    let names = jiff::tz::db().available();
    let zones: Vec<TimeZone> =
        names.map(|name| TimeZone::get(name.as_str()).expect("a zone")).collect();
    assert!(400 < zones.len(), "the bundled zones");
    zones
}

fn month(text: &str) -> Month {
    text.parse().expect("a month")
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_795_305_600_000 + ms).expect("a moment")
}

fn raised(source: TriggerSource) -> Event {
    let trigger = Trigger {
        line: LineId(1),
        household: HouseholdId(2),
        group: GroupId(3),
        code: "#9".into(),
        source,
        proof: Proof::Digest,
        idempotency_key: "k".into(),
    };
    Event::Raised { trigger, follows: None }
}

fn leg(number: u32, channel: Channel, message: Message) -> LegStart {
    LegStart { leg: number, party: PartyId(1), number_index: 0, channel, message }
}

const PARTY: PartyId = PartyId(1);
const KEY: AnswerMeans = AnswerMeans::Key { leg: 1 };
const LIMITS: CaseLimits = CaseLimits { accept_s: 60, arrival_s: 600, close_s: 3600 };

fn measured(events: &[(i64, Event)]) -> Measured {
    let events: Vec<(Timestamp, &Event)> =
        events.iter().map(|(ms, event)| (at(*ms), event)).collect();
    measure(at(0), events.into_iter(), (AlarmKind::Fire, Some(LIMITS)))
}

fn closed(outcome: CloseOutcome) -> Event {
    Event::Closed { actor: "".into(), outcome, matter: None, by: None }
}

#[test]
fn an_alarm_is_measured_from_its_events() {
    let legs = vec![
        leg(1, Channel::Voice, Message::Alarm),
        leg(2, Channel::Sms, Message::Alarm),
        leg(3, Channel::Voice, Message::OwnHousehold),
    ];
    let found = measured(&[
        (0, raised(TriggerSource::Dialled)),
        (1, Event::WaveStarted { wave: 0, legs }),
        (400, Event::LegRinging { leg: 3 }),
        (900, Event::LegRinging { leg: 1 }),
        (1_000, Event::LegRinging { leg: 1 }),
        (
            2_000,
            Event::Acknowledged { party: PARTY, means: AnswerMeans::Api { actor: "a".into() } },
        ),
        (3_000, Event::Declined { party: PARTY, means: KEY }),
        (4_000, Event::Acknowledged { party: PARTY, means: KEY }),
        (70_000, Event::DoorReached),
        (80_000, Event::Arrived { party: PARTY, means: KEY }),
        (90_000, closed(CloseOutcome::Genuine)),
        (95_000, closed(CloseOutcome::Test)),
    ]);
    assert_eq!(found.group, Some(GroupId(3)));
    assert_eq!(found.first_ring_at, Some(at(900)), "the household's own telephone is none");
    assert_eq!(found.first_key_at, Some(at(3_000)), "what an operator says is no key");
    assert_eq!((found.coming_at, found.arrived_at), (Some(at(2_000)), Some(at(70_000))));
    assert_eq!(found.closed, Some((at(90_000), CloseOutcome::Genuine)));
    assert_eq!(found.kind, AlarmKind::Fire);
    let steps = found.steps(at(0)).expect("its limits are known");
    assert_eq!(steps.map(|step| step.is_late), [false; 3]);
    assert_eq!(found.follow_up_at(), Some(at(90_000 + 86_400_000)));
}

#[test]
fn what_was_late_is_told_by_the_same_rules_as_in_the_case() {
    let found = measured(&[
        (0, raised(TriggerSource::Keyed)),
        (61_000, Event::Acknowledged { party: PARTY, means: KEY }),
        (700_000, Event::Arrived { party: PARTY, means: KEY }),
    ]);
    let steps = found.steps(at(800_000)).expect("its limits are known");
    let late = steps.map(|step| (step.step, step.is_late));
    let wanted = [(CaseStep::Accepted, true), (CaseStep::Arrived, true), (CaseStep::Closed, false)];
    assert_eq!(late, wanted);
    let erased = Measured { limits: None, ..found };
    assert_eq!(erased.steps(at(800_000)), None, "nobody knows any more");
    let mut tally = Tally::default();
    tally.add(&found, None, at(800_000));
    tally.add(&erased, None, at(800_000));
    let late = tally.figures().late;
    assert_eq!((late.judged, late.accepted, late.arrived, late.closed), (1, 1, 1, 0));
}

#[test]
fn alarms_are_counted_by_how_they_ended_and_drills_apart() {
    let mut tally = Tally::default();
    let outcomes = [
        (CloseOutcome::Genuine, 3),
        (CloseOutcome::FalseAlarm, 1),
        (CloseOutcome::Unknown, 1),
        (CloseOutcome::Test, 1),
        (CloseOutcome::Drill, 1),
    ];
    for (outcome, times) in outcomes {
        for _ in 0..times {
            let events = [(0, raised(TriggerSource::Dialled)), (9_000, closed(outcome))];
            tally.add(&measured(&events), None, at(10_000));
        }
    }
    tally.add(&measured(&[(0, raised(TriggerSource::Dialled))]), None, at(10_000));
    tally.add(&measured(&[(0, raised(TriggerSource::Drill))]), None, at(10_000));
    let figures = tally.figures();
    assert_eq!((figures.alarms, figures.open, figures.drills), (8, 1, 1));
    assert_eq!((figures.genuine, figures.false_alarms), (3, 1));
    assert_eq!((figures.unknown, figures.tests), (1, 2));
    assert_eq!(figures.false_percent(), Some(25));
    assert_eq!(figures.nobody_came, 5, "tests need nobody, and the open one is not over");
    assert_eq!((figures.closed.count, figures.closed.p99), (7, Some(9_000)));
    assert_eq!(figures.coming, Spread::default());
    assert_eq!(Figures::default().false_percent(), None);
}

#[test]
fn a_follow_up_is_late_when_the_day_is_over() {
    const DAY: i64 = 86_400_000;
    let check = |done: Option<i64>, now: i64, wanted: (u32, u32, u32)| {
        let events = [(0, raised(TriggerSource::Dialled)), (0, closed(CloseOutcome::Genuine))];
        let mut tally = Tally::default();
        tally.add(&measured(&events), done.map(at), at(now));
        let late = tally.figures().late;
        assert_eq!((late.follow_ups, late.followed_up, late.follow_ups_late), wanted, "{done:?}");
    };
    check(None, DAY, (1, 0, 0));
    check(None, DAY + 1, (1, 0, 1));
    check(Some(DAY), 9 * DAY, (1, 1, 0));
    check(Some(DAY + 1), 9 * DAY, (1, 1, 1));
}

#[test]
fn a_false_alarm_is_followed_up_under_duress_only() {
    let duress = Event::Duress { means: crate::alarm::WithdrawMeans::Resident };
    let close = closed(CloseOutcome::FalseAlarm);
    let plain = measured(&[(0, raised(TriggerSource::Dialled)), (5, close.clone())]);
    let forced = measured(&[(0, raised(TriggerSource::Dialled)), (2, duress), (5, close)]);
    assert_eq!((plain.follow_up_at(), forced.follow_up_at().is_some()), (None, true));
}

#[test]
fn what_is_said_later_of_the_kind_goes_before() {
    let named =
        Event::KindNamed { matter: AlarmKind::Illness, by: crate::alarm::NamedBy::Resident };
    let found = measured(&[(0, raised(TriggerSource::Dialled)), (1, named.clone())]);
    assert_eq!(found.kind, AlarmKind::Illness);
    let close = Event::Closed {
        actor: "".into(),
        outcome: CloseOutcome::Genuine,
        matter: Some(AlarmKind::Flood),
        by: None,
    };
    let found = measured(&[(0, raised(TriggerSource::Dialled)), (1, named), (2, close)]);
    assert_eq!(found.kind, AlarmKind::Flood);
}

#[test]
fn months_are_read_as_they_are_written() {
    for text in ["1970-01", "2026-11", "9000-12"] {
        assert_eq!(month(text).to_string(), text);
    }
    for wrong in [
        "",
        "2026",
        "2026-1",
        "2026-13",
        "2026-00",
        "1969-12",
        "9001-01",
        "2026-11-01",
        "+026-01",
        "2026-+1",
        " 2026-11",
        "２０２６-11",
    ] {
        assert_eq!(wrong.parse::<Month>(), Err(MonthError), "{wrong}");
    }
}

#[test]
fn a_month_is_what_the_clocks_of_the_place_show() {
    let check = |zone: &str, text: &str, wanted: &str| {
        let zone = TimeZone::get(zone).expect("a zone");
        assert_eq!(Month::of(text.parse().expect("a moment"), &zone), month(wanted), "{text}");
    };
    check("Asia/Shanghai", "2026-10-31T15:59:59Z", "2026-10");
    check("Asia/Shanghai", "2026-10-31T16:00:00Z", "2026-11");
    check("America/Los_Angeles", "2026-11-01T06:59:59Z", "2026-10");
    check("America/Los_Angeles", "2026-11-01T07:00:00Z", "2026-11");
    // The clocks went back across the end of the month: it was November for a minute, then October again.
    check("America/St_Johns", "2009-11-01T02:30:30Z", "2009-11");
    check("America/St_Johns", "2009-11-01T02:31:30Z", "2009-10");
    check("America/St_Johns", "2009-11-01T03:30:00Z", "2009-11");
    // The last day of the year that Samoa left out.
    check("Pacific/Apia", "2011-12-31T09:59:59Z", "2011-12");
    check("Pacific/Apia", "2011-12-31T10:00:00Z", "2012-01");
}

#[test]
fn a_period_has_a_month_at_least_and_three_years_at_most() {
    let new = |from: &str, until: &str| Period::new(month(from), month(until));
    let year: Vec<String> =
        new("2025-12", "2026-02").expect("a period").months().map(|it| it.to_string()).collect();
    assert_eq!(year, ["2025-12", "2026-01", "2026-02"]);
    assert_eq!(new("2026-02", "2026-01"), Err(PeriodError::Backwards));
    assert!(new("2024-01", "2026-12").is_ok());
    assert_eq!(new("2024-01", "2027-01"), Err(PeriodError::TooLong));
    assert_eq!(new("1970-01", "9000-12"), Err(PeriodError::TooLong));
    assert_eq!(month("2026-03").back(14), month("2025-01"));
}

#[test]
fn no_transition_of_any_zone_takes_a_moment_out_of_its_period() {
    let mut looked_at = 0;
    for zone in zones() {
        let begin = date(1990, 1, 1).to_zoned(TimeZone::UTC).expect("a moment").timestamp();
        let end = date(2040, 1, 1).to_zoned(TimeZone::UTC).expect("a moment").timestamp();
        let changes = zone.following(begin).map(|change| change.timestamp());
        for change in changes.take_while(|change| *change < end) {
            for seconds in [-86_400, -3_600, -1, 0, 1, 3_600, 86_400] {
                let at = change + SignedDuration::from_secs(seconds);
                let found = Month::of(at, &zone);
                let period = Period::new(found, found).expect("a period");
                assert!(period.moments().contains(&at), "{at} {zone:?}");
                looked_at += 1;
            }
        }
    }
    assert!(100_000 < looked_at, "{looked_at}");
}

fn a_moment() -> impl Strategy<Value = Timestamp> {
    // From 1970 to 2100.
    (0_i64..4_102_444_800).prop_map(|second| Timestamp::from_second(second).expect("a moment"))
}

proptest! {
    #[test]
    fn every_moment_is_within_what_is_read_of_its_month(at in a_moment(), which: Index) {
        let zones = zones();
        let zone = which.get(&zones);
        let found = Month::of(at, zone);
        let period = Period::new(found, found).expect("a period");
        prop_assert!(period.moments().contains(&at));
        prop_assert!(period.has(found) && !period.has(found.next()) && !period.has(found.previous()));
        prop_assert!(found.begins(zone) <= at + SignedDuration::from_hours(1));
        prop_assert!(at < found.next().begins(zone) + SignedDuration::from_hours(1));
        // A day later is the same month or the next one, never further, but for days that were left out.
        let later = Month::of(at + SignedDuration::from_hours(24), zone);
        prop_assert!(later == found || later == found.next() || later.next() == found);
    }

    #[test]
    fn next_and_previous_undo_each_other(year in 1970_i16..9000, number in 1_i8..=12) {
        let month: Month = format!("{year:04}-{number:02}").parse().expect("a month");
        prop_assert_eq!(month.next().previous(), month);
        prop_assert_eq!(month.previous().next(), month);
        prop_assert!(month < month.next() && month.previous() < month);
        prop_assert_eq!(month.next().back(13), month.back(12));
        prop_assert_eq!(Period::new(month.back(11), month).expect("a year").months().count(), 12);
    }

    #[test]
    fn a_percentile_is_a_time_that_was_and_so_many_took_no_longer(
        times in proptest::collection::vec(0_u64..1_000_000, 1..200),
    ) {
        let spread = Spread::of(times.clone());
        prop_assert_eq!(spread.count as usize, times.len());
        for (percent, found) in [(50, spread.p50), (90, spread.p90), (99, spread.p99)] {
            let found = found.expect("of some");
            prop_assert!(times.contains(&found));
            let not_longer = times.iter().filter(|time| **time <= found).count();
            prop_assert!(times.len() * percent <= not_longer * 100);
            let shorter = times.iter().filter(|time| **time < found).count();
            prop_assert!(shorter * 100 < times.len() * percent);
        }
        prop_assert!(spread.p50 <= spread.p90 && spread.p90 <= spread.p99);
    }

    #[test]
    fn the_order_of_alarms_changes_no_figure(rings in proptest::collection::vec(0_i64..60_000, 0..40)) {
        let count = |rings: &mut dyn Iterator<Item = &i64>| {
            let mut tally = Tally::default();
            for ms in rings {
                let legs = vec![leg(1, Channel::Voice, Message::Alarm)];
                let events = [
                    (0, raised(TriggerSource::Dialled)),
                    (0, Event::WaveStarted { wave: 0, legs }),
                    (*ms, Event::LegRinging { leg: 1 }),
                ];
                tally.add(&measured(&events), None, at(0));
            }
            tally.figures()
        };
        prop_assert_eq!(count(&mut rings.iter()), count(&mut rings.iter().rev()));
    }

    #[test]
    fn a_sum_gives_no_hidden_part_away(parts in proptest::collection::vec(0_u32..40, 1..14)) {
        let is_hidden = parts.iter().any(|part| *part < FEW);
        let wanted = (!is_hidden).then(|| parts.iter().sum::<u32>());
        prop_assert_eq!(sum(&parts), wanted);
    }
}

#[test]
fn figures_of_few_are_told_to_nobody() {
    assert_eq!([0, 4, 5].map(Count::of), [Count::Few, Count::Few, Count::Exactly(5)]);
    let of = |count: u32| public::spread(Spread::of(vec![7; count as usize]));
    assert_eq!(of(4), Spread::default());
    assert_eq!((of(9).p50, of(10).p50, of(49).p90, of(50).p90), (None, Some(7), None, Some(7)));
    assert_eq!((of(499).p99, of(500).p99), (None, Some(7)));
    let figures = |genuine, false_alarms| Figures { genuine, false_alarms, ..Figures::default() };
    assert_eq!(public::false_percent(&figures(5, 5)), Some(50));
    assert_eq!(public::false_percent(&figures(50, 4)), None);
    assert_eq!(public::false_percent(&figures(4, 50)), None);
}
