//! Stories and laws of drills.

use super::*;
use crate::directory::{Address, Community, Group, Household, Language, Line, LineUse, Pins};
use crate::id::{GridId, HouseholdId, LineId, StreetId};
use crate::leg::Moment;
use crate::policy::DrillRules;
use crate::roster::{CalendarDay, DayKind, Parts, Roster};
use jiff::civil::{date, time};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

fn zone() -> TimeZone {
    TimeZone::get("Asia/Shanghai").expect("a zone")
}

/// A moment of Tuesday, 3 November 2026, in Shanghai.
fn at(hour: i8, minute: i8) -> Timestamp {
    on(3, hour, minute)
}

fn on(day: i8, hour: i8, minute: i8) -> Timestamp {
    zone().to_timestamp(date(2026, 11, day).at(hour, minute, 0, 0)).expect("a moment")
}

fn household(group: u32, number: u32, has_line: bool) -> Arc<Household> {
    let id = group * 100 + number;
    let line = Line {
        id: LineId(id),
        number: crate::phone::PhoneNumber::from_parts(&format!("+8659255{id:05}"), "1"),
        account: format!("line-{id}").into(),
        line_use: LineUse::Code,
        is_silent: false,
        secrets: Vec::new(),
    };
    Arc::new(Household {
        id: HouseholdId(id),
        group: GroupId(group),
        name: "家".into(),
        address: Address::default(),
        pronunciation: None,
        position: 0,
        language: Language::Chinese,
        lines: if has_line { vec![line] } else { Vec::new() },
        contacts: Vec::new(),
        pins: Pins::default(),
    })
}

/// Groups of ten households; the last of each has no line. The 4th of November is a holiday.
fn community(groups: u32) -> Community {
    let households: Vec<_> = (1..=groups)
        .flat_map(|group| (1..=10).map(move |number| household(group, number, number != 10)))
        .collect();
    let group = |id: u32| Group {
        id: GroupId(id),
        grid: GridId(1),
        name: "组".into(),
        acknowledgements_wanted: 2,
        households: (1..=10).map(|number| HouseholdId(id * 100 + number)).collect(),
    };
    let holiday = CalendarDay { date: date(2026, 11, 4), kind: DayKind::Holiday };
    let parts = Parts { calendar: vec![holiday], ..Parts::default() };
    let (roster, _) = Roster::build(zone(), parts, |_| true);
    Community {
        id: CommunityId(1),
        street: StreetId(1),
        name: "文园".into(),
        area_code: "0592".into(),
        language: Language::Chinese,
        time_zone: "Asia/Shanghai".into(),
        alarm_codes: vec!["#9".into()],
        silent_codes: Vec::new(),
        arrival_code: "".into(),
        access_numbers: Vec::new(),
        grids: Vec::new(),
        groups: (1..=groups).map(group).collect(),
        households,
        workers: Vec::new(),
        roster: Arc::new(roster),
        has_hand_over_calls: false,
        responders: Vec::new(),
        policies: Vec::new(),
    }
}

fn drill() -> Drill {
    Drill {
        community: CommunityId(1),
        groups: Vec::new(),
        per_group: Some(2),
        seed: 7,
        kind: AlarmKind::Unknown,
        starts_at: at(10, 0),
        ends_at: at(17, 0),
        announce_before_s: 3600,
        hours: Vec::new(),
        on_holidays: false,
        per_minute: 2,
    }
}

fn refused(change: impl FnOnce(&mut Drill)) -> Vec<(String, Refusal)> {
    let mut drill = drill();
    change(&mut drill);
    check(&drill, &community(3), at(8, 0)).err().unwrap_or_default()
}

#[test]
fn what_cannot_be_held_is_refused_with_its_reason() {
    let one = |pointer: &str, why| vec![(pointer.to_owned(), why)];
    assert_eq!(refused(|_| {}), []);
    assert_eq!(
        refused(|drill| drill.groups = vec![GroupId(9)]),
        [
            ("/group_ids".to_owned(), Refusal::NoGroup { group: GroupId(9) }),
            ("/per_group".to_owned(), Refusal::NoHome)
        ]
    );
    assert_eq!(refused(|drill| drill.per_group = Some(0)), one("/per_group", Refusal::NoHome));
    assert_eq!(refused(|drill| drill.ends_at = at(9, 0)), one("/ends_at", Refusal::NoWindow));
    let past = |drill: &mut Drill| drill.starts_at = on(2, 10, 0);
    assert_eq!(refused(past), one("/starts_at", Refusal::Past));
    for quiet in [at(11, 21), at(12, 0), at(14, 29), at(17, 25)] {
        let change = |drill: &mut Drill| {
            (drill.starts_at, drill.ends_at) = (quiet, on(6, 17, 0));
        };
        assert_eq!(refused(change), one("/starts_at", Refusal::QuietHours), "{quiet}");
    }
    let holiday = |drill: &mut Drill| {
        (drill.starts_at, drill.ends_at) = (on(4, 10, 0), on(4, 11, 0));
    };
    assert_eq!(refused(holiday), one("/starts_at", Refusal::QuietHours));
    assert_eq!(
        refused(|drill| {
            holiday(drill);
            drill.on_holidays = true;
        }),
        []
    );
    let unheard = |drill: &mut Drill| drill.announce_before_s = 0;
    let hour = Refusal::NotAnnounced { announce_s: 3600 };
    assert_eq!(refused(unheard), one("/announce_before_s", hour), "the policy wants an hour");
    let day = Refusal::NotAnnounced { announce_s: 24 * 3600 };
    assert_eq!(refused(|drill| drill.announce_before_s = 24 * 3600), one("/starts_at", day));
    let pace = Refusal::Range { min: 1, max: 60 };
    assert_eq!(refused(|drill| drill.per_minute = 0), one("/per_minute", pace));
    let backwards = Hours { from: time(12, 0, 0, 0), until: time(9, 0, 0, 0) };
    let found = refused(|drill| drill.hours = vec![backwards]);
    assert!(found.contains(&("/hours".to_owned(), Refusal::Hours)), "{found:?}");
    for (_, why) in found {
        assert_ne!(why.words(Language::Chinese), why.words(Language::English));
    }
}

#[test]
fn the_same_seed_draws_the_same_doors_and_groups_take_turns() {
    let community = community(3);
    let draw = |seed| {
        let drill = Drill { seed, ..drill() };
        let (homes, _) = check(&drill, &community, at(8, 0)).expect("can be held");
        homes.iter().map(|home| (home.group.0, home.line.household.0)).collect::<Vec<_>>()
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
    let groups: Vec<u32> = draw(7).iter().map(|(group, _)| *group).collect();
    assert_eq!(groups, [1, 2, 3, 1, 2, 3]);
    let all = Drill { per_group: None, ..drill() };
    let (homes, _) = check(&all, &community, at(8, 0)).expect("can be held");
    assert_eq!(homes.len(), 27, "every household that has a line");
}

fn run() -> Run {
    let (homes, windows) = check(&drill(), &community(1), at(8, 0)).expect("can be held");
    Run::new(drill(), windows, homes, None)
}

#[test]
fn it_is_announced_then_begins_then_goes_on_at_its_pace_and_ends() {
    let mut run = run();
    assert_eq!(run.poll_timeout(at(8, 0)), Some(at(9, 0)));
    assert_eq!(run.on_time(at(8, 59)), None);
    assert_eq!(run.on_time(at(9, 0)), Some(Next::Announce));
    run.on_announced(at(9, 0));
    assert_eq!(run.poll_timeout(at(9, 0)), Some(at(10, 0)));
    assert_eq!(run.on_time(at(9, 59)), None);
    assert_eq!(run.on_time(at(10, 0)), Some(Next::Start(0)));
    run.on_started(0, AlarmId(1), at(10, 0));
    assert_eq!(run.on_time(at(10, 0)), None, "two a minute");
    run.on_held(at(10, 0) + SignedDuration::from_secs(30));
    assert_eq!(run.on_time(at(10, 0) + SignedDuration::from_secs(35)), None, "held");
    assert_eq!(run.on_time(at(10, 1)), Some(Next::Start(1)));
    run.on_skipped(1, Skip::LineHasAlarm);
    assert_eq!(run.poll_timeout(at(10, 1)), Some(at(10, 10)), "the door has rung out");
    assert_eq!(run.on_time(at(10, 10)), Some(Next::End));
    run.on_ended(Ending::Over, at(10, 10));
    assert_eq!((run.poll_timeout(at(10, 10)), run.on_time(at(23, 0))), (None, None));
}

#[test]
fn who_is_told_late_has_ten_minutes_all_the_same() {
    let mut run = run();
    assert_eq!(run.on_time(at(10, 5)), Some(Next::Announce));
    run.on_announced(at(10, 5));
    assert_eq!(run.on_time(at(10, 14)), None);
    assert_eq!(run.on_time(at(10, 15)), Some(Next::Start(0)));
}

#[test]
fn it_pauses_over_noon_and_what_is_left_at_the_end_stays_out() {
    let mut run = run();
    run.on_announced(at(9, 0));
    run.on_started(0, AlarmId(1), at(11, 20));
    assert_eq!(run.on_time(at(11, 30)), None);
    assert_eq!(run.poll_timeout(at(11, 30)), Some(at(14, 30)));
    assert_eq!(run.on_time(at(14, 30)), Some(Next::Start(1)));
    assert_eq!(run.on_time(at(17, 0)), Some(Next::End), "it was held until its end");
}

#[test]
fn the_policy_of_the_doors_narrows_the_hours() {
    let rules = DrillRules { from_hour: 10, until_hour: 15, ..DrillRules::default() };
    let windows = Windows::of(&drill(), &community(1), rules);
    let open: Vec<(i8, bool)> =
        [9, 10, 11, 14, 15, 16].map(|hour| (hour, windows.has(at(hour, 0)))).to_vec();
    assert_eq!(open, [(9, false), (10, true), (11, true), (14, false), (15, false), (16, false)]);
    assert!(windows.has(at(14, 40)));
}

#[test]
fn a_call_says_when_by_the_clocks_of_the_community() {
    let zone = zone();
    for (start, now, wanted) in [
        (at(10, 0), at(9, 0), (0, 10, 0)),
        (at(14, 30), at(0, 0), (0, 14, 30)),
        (at(10, 5) + SignedDuration::from_hours(24), at(23, 59), (1, 10, 5)),
        (at(10, 0) + SignedDuration::from_hours(72), at(9, 0), (3, 10, 0)),
    ] {
        let Moment { days, hour, minute } = moment(start, (&zone, now));
        assert_eq!((days, hour, minute), wanted, "{start}");
    }
}

#[test]
fn the_announcement_says_when_and_that_nine_stays_real() {
    let zone = zone();
    let told = |start, language| announcement("文园社区", start, (&zone, at(9, 0)), language);
    let tomorrow = told(on(4, 10, 0), Language::Chinese);
    assert!(tomorrow.contains("明天上午10点起") && tomorrow.contains("#9"), "{tomorrow}");
    assert!(told(at(14, 30), Language::Chinese).contains("今天下午2点30分起"));
    assert!(told(on(9, 10, 0), Language::Chinese).contains("11月9日上午10点起"));
    assert!(told(on(4, 10, 0), Language::English).contains("from 10:00 tomorrow on"));
}

#[test]
fn percentiles_are_values_that_were_measured() {
    let hundred: Vec<u64> = (1..=100).collect();
    assert_eq!(report::percentile(&hundred, 50), Some(50));
    assert_eq!(report::percentile(&hundred, 99), Some(99));
    assert_eq!(report::percentile(&[7], 99), Some(7));
    assert_eq!(report::percentile(&[], 50), None);
}

/// What the world answers when a door is to begin.
#[derive(Clone, Copy, Debug)]
enum World {
    Begins,
    Held,
    Taken,
    Restart,
}

fn world() -> impl Strategy<Value = World> {
    prop_oneof![
        6 => Just(World::Begins),
        2 => Just(World::Held),
        1 => Just(World::Taken),
        1 => Just(World::Restart)
    ]
}

proptest! {
    /// Whatever the world does: told before, in its hours, at its pace, every door once, and over in the end.
    #[test]
    fn any_drill_keeps_its_laws(
        worlds in prop::collection::vec(world(), 1..200),
        per_minute in 1..=60_u16,
        per_group in 1..12_u16,
        length_min in 1..3000_i64,
    ) {
        let mut drill = drill();
        (drill.per_minute, drill.per_group) = (per_minute, Some(per_group));
        drill.ends_at = drill.starts_at + SignedDuration::from_mins(length_min);
        let (homes, windows) = check(&drill, &community(3), at(8, 0)).expect("can be held");
        let mut run = Run::new(drill.clone(), windows.clone(), homes, None);
        let mut worlds = worlds.into_iter().cycle();
        let mut now = at(8, 0);
        let (mut told, mut began) = (None, Vec::new());
        let mut seen = BTreeSet::new();
        for _ in 0..100_000 {
            let Some(due) = run.poll_timeout(now) else { break };
            prop_assert!(run.on_time(now).is_some() || now < due, "it sleeps for ever at {now}");
            now = now.max(due);
            match run.on_time(now) {
                None => {}
                Some(Next::Announce) => {
                    told = Some(now);
                    run.on_announced(now);
                }
                Some(Next::Start(index)) => match worlds.next().expect("endless") {
                    World::Begins => {
                        prop_assert!(seen.insert(index), "twice");
                        prop_assert!(told.is_some_and(|told| told < now));
                        prop_assert!(windows.has(now) && drill.starts_at <= now && now < drill.ends_at);
                        began.push(now);
                        run.on_started(index, AlarmId(index as u64), now);
                    }
                    World::Held => run.on_held(now),
                    World::Taken => run.on_skipped(index, Skip::LineHasAlarm),
                    World::Restart => {
                        run = Run::new(drill.clone(), windows.clone(), run.homes().to_vec(), told);
                        now += SignedDuration::from_secs(2);
                    }
                },
                Some(Next::End) => run.on_ended(Ending::Over, now),
            }
        }
        prop_assert!(run.ended().is_some(), "it never ends");
        let pause = SignedDuration::from_millis(60_000 / i64::from(per_minute));
        for pair in began.windows(2) {
            prop_assert!(pause <= pair[1].duration_since(pair[0]));
        }
    }
}
