//! Plans of small directories.

mod added;
mod steps;

use super::*;
use crate::directory::{Address, Contact, Grid, LineUse};
use crate::directory::{ContactNumber, Language, Worker};
use crate::id::{CommunityId, GroupId, LineId, PostId, ShiftId, StreetId};
use crate::id::{ContactId, HouseholdId, WorkerId};
use crate::phone::PhoneNumber;
use crate::roster::{Cover, Days, HeldBy, Parts, Post, Roster, Shift};
use jiff::civil::time;
use jiff::tz::TimeZone;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn number(key: &str) -> PhoneNumber {
    PhoneNumber::from_parts(key, key)
}

fn contact_number(key: &str) -> ContactNumber {
    ContactNumber { number: number(key), has_voice: true, has_sms: true }
}

/// A household at a door, with one person per list of numbers.
fn household(id: u32, position: u16, people: &[&[&str]]) -> Arc<Household> {
    let contact = |(index, keys): (usize, &&[&str])| Contact {
        id: ContactId(id * 10 + index as u32),
        name: format!("person {index} of {id}").into(),
        language: Language::Chinese,
        numbers: keys.iter().map(|key| contact_number(key)).collect(),
    };
    Arc::new(Household {
        id: HouseholdId(id),
        group: GroupId(1),
        name: format!("home {id}").into(),
        address: Address { door: format!("{id}").into(), ..Address::default() },
        pronunciation: None,
        position,
        language: Language::Chinese,
        lines: vec![Line {
            id: LineId(id),
            number: number(&format!("line{id}")),
            account: format!("line{id}").into(),
            line_use: LineUse::Code,
            is_silent: false,
            secrets: Vec::new(),
        }],
        contacts: people.iter().enumerate().map(contact).collect(),
        pins: crate::directory::Pins::default(),
    })
}

fn worker(id: u32, is_on_duty: bool, keys: &[&str]) -> Worker {
    Worker {
        id: WorkerId(id),
        name: format!("worker {id}").into(),
        language: Language::Chinese,
        is_on_duty,
        numbers: keys.iter().map(|key| contact_number(key)).collect(),
    }
}

fn wanted(defaults: &Policy) -> PlanFor<'_> {
    PlanFor::unknown(defaults, NOW)
}

fn plan_of(households: Vec<Arc<Household>>, workers: Vec<Worker>) -> Plan {
    let directory = directory_of(households, workers);
    let line = directory.line_by_account("line5").unwrap();
    build(&directory, line, &wanted(&Policy::default())).unwrap()
}

fn directory_of(households: Vec<Arc<Household>>, workers: Vec<Worker>) -> Directory {
    Directory::new(7, Vec::new(), vec![community(households, workers)])
}

fn community(households: Vec<Arc<Household>>, workers: Vec<Worker>) -> Community {
    let group = Group {
        id: GroupId(1),
        grid: GridId(1),
        name: "group".into(),
        acknowledgements_wanted: 3,
        households: households.iter().map(|household| household.id).collect(),
    };
    Community {
        id: CommunityId(1),
        street: StreetId(1),
        name: "Wenyuan".into(),
        area_code: "0592".into(),
        language: Language::Chinese,
        time_zone: "Asia/Shanghai".into(),
        alarm_codes: vec!["#9".into()],
        silent_codes: vec!["#9*".into()],
        arrival_code: "#97".into(),
        has_hand_over_calls: false,
        access_numbers: Vec::new(),
        grids: vec![Grid { id: GridId(1), name: "grid".into() }],
        groups: vec![group],
        households,
        workers,
        roster: Arc::default(),
        responders: Vec::new(),
        policies: Vec::new(),
    }
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.parties.iter().map(|party| &*party.name).collect()
}

fn left_out(plan: &Plan) -> Vec<(&str, LeftOutWhy)> {
    let named = |left: &LeftOut| left.number.as_ref().map_or("", |_| "number");
    plan.left_out.iter().map(|left| (named(left), left.why)).collect()
}

#[test]
fn the_duty_worker_comes_first_then_the_nearest() {
    let homes = vec![
        household(1, 10, &[&["a"]]),
        household(2, 40, &[&["b"]]),
        household(3, 60, &[&["c"]]),
        household(4, 51, &[&["d1", "d2"], &["d3"]]),
        household(5, 50, &[&["own"]]),
        household(6, 60, &[&["f"]]),
    ];
    let plan = plan_of(homes, vec![worker(1, false, &["w1"]), worker(2, true, &["w2"])]);
    assert_eq!(
        names(&plan),
        ["worker 2", "4 home 4", "2 home 2", "3 home 3", "6 home 6", "1 home 1", "5 home 5"]
    );
    let keys: Vec<&str> = plan.parties[1].numbers.iter().map(|n| n.number.key()).collect();
    assert_eq!(keys, ["d1", "d2", "d3"]);
    assert_eq!(plan.policy.acknowledgements_wanted, 3, "the group's wish");
    let own = plan.parties.last().unwrap();
    assert_eq!(own.role, Role::OwnHousehold);
    assert!(!own.has_voice() && own.is_reachable(), "its mobiles get the SMS alone");
}

#[test]
fn numbers_that_must_not_ring_are_left_out_with_a_reason() {
    let mut mute = (*household(3, 3, &[&["mute"]])).clone();
    mute.contacts[0].numbers[0].has_voice = false;
    mute.contacts[0].numbers[0].has_sms = false;
    let homes = vec![
        household(1, 1, &[&["line5", "short:110@0592"]]),
        household(2, 2, &[&["w", "b"]]),
        Arc::new(mute),
        household(5, 5, &[]),
    ];
    let plan = plan_of(homes, vec![worker(1, true, &["w"])]);
    assert_eq!(names(&plan), ["worker 1", "2 home 2"]);
    assert_eq!(
        left_out(&plan),
        [
            ("number", LeftOutWhy::NoUse),
            ("", LeftOutWhy::NoNumber),
            ("number", LeftOutWhy::ListedBefore),
            ("number", LeftOutWhy::AlarmLine),
            ("number", LeftOutWhy::Refused),
            ("", LeftOutWhy::NoNumber),
            ("", LeftOutWhy::NoNumber),
        ]
    );
}

#[test]
fn a_group_without_anybody_rings_all_workers() {
    let homes = vec![household(1, 1, &[]), household(5, 5, &[])];
    let plan = plan_of(homes, vec![worker(1, false, &["w1"]), worker(2, false, &["w2"])]);
    assert_eq!(names(&plan), ["worker 1", "worker 2"]);
    assert!(plan.parties.iter().all(|party| party.role == Role::DutyWorker));
}

/// The workers whom a plan of the community rings at once at this moment, when A is worker 1 by day and 2 by night, and B is 3.
fn rung_by_roster(workers: Vec<Worker>, moment: &str) -> Vec<String> {
    let post = |id, code: &str| Post {
        id: PostId(id),
        code: code.into(),
        name: code.into(),
        grid: None,
        cover: Cover::Always,
    };
    let shift = |id, post, (start, end, days_later), worker| Shift {
        id: ShiftId(id),
        post: PostId(post),
        days: Days::EVERY,
        start: time(start, 0, 0, 0),
        end: time(end, 0, 0, 0),
        days_later,
        first_day: None,
        last_day: None,
        held_by: HeldBy::Workers(vec![WorkerId(worker)]),
    };
    let parts = Parts {
        posts: vec![post(1, "A"), post(2, "B")],
        shifts: vec![
            shift(1, 1, (8, 18, 0), 1),
            shift(2, 1, (18, 22, 0), 2),
            shift(3, 2, (8, 23, 0), 3),
        ],
        ..Parts::default()
    };
    let (roster, errors) = Roster::build(TimeZone::UTC, parts, |_| true);
    assert_eq!(errors, []);
    let directory = directory_of(vec![household(5, 5, &[])], workers);
    let mut community = (**directory.community(CommunityId(1)).unwrap()).clone();
    community.roster = Arc::new(roster);
    let directory = directory.with_community(8, Arc::new(community));
    let line = directory.line_by_account("line5").unwrap();
    let now = format!("2026-11-22T{moment}:00Z").parse().unwrap();
    let defaults = Policy::default();
    let plan = build(&directory, line, &PlanFor { now, ..wanted(&defaults) }).unwrap();
    let at_once = plan.parties.iter().filter(|party| party.step == 0);
    at_once.map(|party| party.name.to_string()).collect()
}

#[test]
fn the_roster_says_who_is_on_duty_and_in_doubt_more_ring() {
    let workers = |marked: u32, mute: &[u32]| -> Vec<Worker> {
        let keys = |id: u32| if mute.contains(&id) { vec![] } else { vec![format!("w{id}")] };
        let worker = |id| {
            let keys = keys(id);
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            worker(id, id == marked, &keys)
        };
        (1..=4).map(worker).collect()
    };
    let everybody = ["worker 1", "worker 2", "worker 3", "worker 4"];
    for (marked, mute, moment, wanted) in [
        (4, &[][..], "12:00", &["worker 1"][..]),
        (4, &[], "18:00", &["worker 2"]),
        (4, &[], "22:00", &["worker 3"]),
        (4, &[1], "12:00", &["worker 3"]),
        (4, &[1, 3], "12:00", &["worker 4"]),
        (4, &[], "23:00", &["worker 4"]),
        (0, &[], "23:00", &everybody),
        (0, &[1, 3], "12:00", &["worker 2", "worker 4"]),
    ] {
        let rung = rung_by_roster(workers(marked, mute), moment);
        assert_eq!(rung, wanted, "{marked} is marked, {mute:?} have no number, at {moment}");
    }
}

#[test]
fn nobody_at_all_is_a_plan_without_parties() {
    let plan = plan_of(vec![household(5, 5, &[])], Vec::new());
    assert_eq!(names(&plan), Vec::<&str>::new());
    assert_eq!(plan.scene.number.key(), "line5");
}

#[test]
fn the_next_revision_keeps_every_index() {
    let homes = |second: &[&str], third: Option<u32>| {
        let mut homes = vec![household(1, 1, &[&["a"]]), household(2, 2, &[second])];
        homes.extend(third.map(|id| household(id, 4, &[&["c"]])));
        homes.push(household(5, 5, &[]));
        homes
    };
    let first = plan_of(homes(&["b1", "b2"], None), vec![worker(1, true, &["w1"])]);
    let directory = directory_of(homes(&["b2", "b3"], Some(4)), vec![worker(2, true, &["w2"])]);
    let line = directory.line_by_account("line5").unwrap();
    let second = rebuild(&first, &directory, line, &wanted(&Policy::default())).unwrap();
    assert!(second.succeeds(&first) && !first.succeeds(&second));
    assert_eq!(second.revision, 2);
    assert_eq!(names(&second), ["worker 1", "2 home 2", "1 home 1", "worker 2", "4 home 4"]);
    assert!(!second.parties[0].has_voice(), "went off duty");
    let voices: Vec<(&str, bool)> =
        second.parties[1].numbers.iter().map(|n| (n.number.key(), n.has_voice)).collect();
    assert_eq!(voices, [("b1", false), ("b2", true), ("b3", true)]);
    let unrelated = plan_of(homes(&["x"], None), Vec::new());
    assert!(!unrelated.succeeds(&first));
}

#[test]
fn a_line_that_is_gone_has_no_plan() {
    let directory = directory_of(vec![household(5, 5, &[])], Vec::new());
    let line = LineRef { community: CommunityId(1), household: HouseholdId(5), line: LineId(99) };
    assert_eq!(build(&directory, line, &wanted(&Policy::default())), None);
}
