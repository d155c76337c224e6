//! Prints what the core costs: `cargo run --release -p lianfang-domain --example figures`.
//!
//! A lookup of a line among a million, an edit of one community among them, and a decision on a key press and on a
//! wave with twenty parties. Medians and 99th percentiles of many runs, by the monotonic clock of the machine.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints"
)]

use jiff::Timestamp;
use lianfang_domain::alarm::{Alarm, Event, Input, NamedBy, Proof, Trigger, TriggerSource};
use lianfang_domain::digits::Key;
use lianfang_domain::directory::{
    Address, Community, Contact, ContactNumber, Directory, Grid, Group, Household, Language, Line,
    LineRef, LineUse, Street,
};
use lianfang_domain::id::{
    AlarmId, CommunityId, ContactId, GridId, GroupId, HouseholdId, LineId, StreetId,
};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::{Channel, LegOutcome, LegReport};
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::plan::{self, PlanFor, Policy};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const COMMUNITIES: u32 = 334;
const GROUPS_EACH: u32 = 300;
const RUNS: u32 = 20_000;

fn main() {
    let started = Instant::now();
    let communities: Vec<Community> = (0..COMMUNITIES).map(|id| community(id, 10)).collect();
    let streets = vec![Street { id: StreetId(1), name: "街".into() }];
    let directory = Directory::new(1, streets, communities);
    println!("{} lines in memory in {:?}", directory.lines_len(), started.elapsed());

    let lines = u32::try_from(directory.lines_len()).unwrap_or(u32::MAX);
    measure("lookup by account and resolve", RUNS, |run| {
        let account = account(run.wrapping_mul(7_919) % lines);
        let place = directory.line_by_account(&account).expect("it exists");
        black_box(directory.resolve(place));
    });
    measure("lookup by number and resolve", RUNS, |run| {
        let key = number(run.wrapping_mul(7_919) % lines);
        let place = directory.line_by_number(key.key()).expect("it exists");
        black_box(directory.resolve(place));
    });
    let edited = Arc::new(community(5, 10));
    measure("new version with one community of 3,000 lines edited", 200, |_| {
        black_box(directory.with_community(2, Arc::clone(&edited)));
    });

    let place = LineRef { community: CommunityId(0), household: HouseholdId(0), line: LineId(0) };
    let (defaults, now) = (Policy::default(), Timestamp::UNIX_EPOCH);
    measure("plan of ten parties", RUNS, |_| {
        black_box(plan::build(&directory, place, &PlanFor::unknown(&defaults, now)));
    });
    decisions();
}

fn decisions() {
    let directory = Directory::new(1, Vec::new(), vec![community(0, 21)]);
    let place = LineRef { community: CommunityId(0), household: HouseholdId(0), line: LineId(0) };
    let now = Timestamp::UNIX_EPOCH;
    let plan = plan::build(&directory, place, &PlanFor::unknown(&Policy::default(), now));
    let plan = Arc::new(plan.expect("the line exists"));
    let trigger = Trigger {
        line: LineId(0),
        household: HouseholdId(0),
        group: GroupId(0),
        code: "#9".into(),
        source: TriggerSource::Dialled,
        proof: Proof::Digest,
        idempotency_key: "key".into(),
    };
    measure("raise with 20 contacts", RUNS, |_| {
        black_box(Alarm::raise(AlarmId(1), trigger.clone(), Arc::clone(&plan), None, now));
    });
    let (mut alarm, events, _) = Alarm::raise(AlarmId(1), trigger, plan, None, now);
    let waves = events.iter().filter_map(|event| {
        if let Event::WaveStarted { legs, .. } = event { Some(legs) } else { None }
    });
    let voice = waves.flatten().find(|leg| leg.channel == Channel::Voice);
    let leg = voice.expect("the first wave calls").leg;
    let ringing = Input::Leg { leg, report: LegReport::Ringing };
    measure("decide on ringing", RUNS, |_| {
        black_box(alarm.decide(&ringing, now));
    });
    for event in alarm.decide(&Input::Leg { leg, report: LegReport::Answered }, now) {
        alarm.apply(&event, now);
    }
    let key = Input::Leg { leg, report: LegReport::Key { key: Key::of_char('1').expect("a key") } };
    measure("decide on a key", RUNS, |_| {
        black_box(alarm.decide(&key, now));
    });
    measure("decide on nothing due", RUNS, |_| {
        black_box(alarm.decide(&Input::TimePassed, now));
    });
    let wave = alarm.poll_timeout().expect("it waits for something").0;
    measure("decide on the next deadline", RUNS, |_| {
        black_box(alarm.decide(&Input::TimePassed, wave));
    });
    measure("next deadline", RUNS, |_| {
        black_box(alarm.poll_timeout());
    });
    for (what, input) in inputs_with_plans(&alarm, leg) {
        measure(what, RUNS, |_| {
            black_box(alarm.decide(&input, wave));
        });
    }
    memory();
}

/// Inputs that come with a plan of their own, and what a day of ringing leaves behind.
fn inputs_with_plans(alarm: &Alarm, leg: u32) -> [(&'static str, Input); 5] {
    let next = |change: fn(&mut plan::Plan)| {
        let mut today = (**alarm.plan()).clone();
        change(&mut today);
        Arc::new(today.succeeding(alarm.plan()))
    };
    let kind = next(|plan| {
        plan.kind = AlarmKind::Intruder;
        plan.policy.together = 2;
    });
    let shift = next(|plan| {
        plan.parties.pop();
    });
    let drill = next(|plan| plan.is_drill = true);
    let mut again = alarm.trigger().clone();
    again.proof = Proof::Trunk;
    [
        (
            "decide on the kind",
            Input::KindNamed { matter: AlarmKind::Intruder, by: NamedBy::Resident, plan: kind },
        ),
        ("decide on a hand-over", Input::HandedOver { plan: Arc::clone(&shift) }),
        ("decide on another press", Input::PressedAgain { trigger: again, plan: shift }),
        ("decide on a drill for a real alarm", Input::HandedOver { plan: drill }),
        (
            "decide on an SMS that did not arrive",
            Input::Leg {
                leg: leg + 1,
                report: LegReport::Ended { outcome: LegOutcome::Undelivered },
            },
        ),
    ]
}

/// Bytes of an open alarm with a plan of its own, by what the process grows.
fn memory() {
    const ALARMS: u64 = 100_000;
    let directory = Directory::new(1, Vec::new(), vec![community(0, 10)]);
    let place = LineRef { community: CommunityId(0), household: HouseholdId(0), line: LineId(0) };
    let (defaults, now) = (Policy::default(), Timestamp::UNIX_EPOCH);
    let before = resident_kib();
    let alarms: Vec<Alarm> = (0..ALARMS)
        .map(|id| {
            let plan = plan::build(&directory, place, &PlanFor::unknown(&defaults, now));
            let plan = Arc::new(plan.expect("the line exists"));
            let trigger = Trigger {
                line: LineId(0),
                household: HouseholdId(0),
                group: GroupId(0),
                code: "#9".into(),
                source: TriggerSource::Dialled,
                proof: Proof::Digest,
                idempotency_key: format!("key {id}").into(),
            };
            Alarm::raise(AlarmId(id), trigger, plan, None, now).0
        })
        .collect();
    let grown = resident_kib().saturating_sub(before);
    println!(
        "{} open alarms: {} MiB, {} bytes each",
        alarms.len(),
        grown / 1024,
        grown * 1024 / ALARMS
    );
    black_box(alarms);
}

/// What the process has in memory, as Linux tells it; 0 elsewhere.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

fn measure(what: &str, runs: u32, mut run: impl FnMut(u32)) {
    let mut took: Vec<Duration> = (0..runs)
        .map(|number| {
            let started = Instant::now();
            run(number);
            started.elapsed()
        })
        .collect();
    took.sort();
    let at = |percent: usize| {
        took.get((took.len() * percent / 100).min(took.len() - 1)).copied().unwrap_or_default()
    };
    println!("{what}: p50 {:?}, p99 {:?}", at(50), at(99));
}

fn account(line: u32) -> String {
    format!("a{line}")
}

fn number(line: u32) -> PhoneNumber {
    let written = format!("{}", 20_000_000 + line);
    PhoneNumber::from_parts(&format!("+86592{written}"), &written)
}

/// A community of 300 groups of so many households.
fn community(id: u32, households_each: u32) -> Community {
    let of_group =
        |group: u32| (0..households_each).map(move |place| group * households_each + place);
    let base = id * GROUPS_EACH;
    let groups: Vec<Group> = (base..base + GROUPS_EACH)
        .map(|group| Group {
            id: GroupId(group),
            grid: GridId(id),
            name: format!("组{group}").into(),
            acknowledgements_wanted: 2,
            households: of_group(group).map(HouseholdId).collect(),
        })
        .collect();
    let households = (base..base + GROUPS_EACH)
        .flat_map(|group| of_group(group).map(move |household| Arc::new(house(group, household))))
        .collect();
    Community {
        id: CommunityId(id),
        street: StreetId(1),
        name: "社区".into(),
        area_code: "0592".into(),
        language: Language::Chinese,
        time_zone: "Asia/Shanghai".into(),
        alarm_codes: vec!["#9".into()],
        silent_codes: vec!["#9*".into()],
        arrival_code: "#97".into(),
        has_hand_over_calls: false,
        access_numbers: Vec::new(),
        grids: vec![Grid { id: GridId(id), name: "网格".into() }],
        groups,
        households,
        workers: Vec::new(),
        roster: Arc::default(),
        responders: Vec::new(),
        policies: Vec::new(),
    }
}

fn house(group: u32, id: u32) -> Household {
    Household {
        id: HouseholdId(id),
        group: GroupId(group),
        name: format!("家{id}").into(),
        address: Address { building: "3".into(), door: "502".into(), ..Address::default() },
        pronunciation: None,
        position: u16::try_from(id % 1_000).unwrap_or_default(),
        language: Language::Chinese,
        lines: vec![Line {
            id: LineId(id),
            number: number(id),
            account: account(id).into(),
            line_use: LineUse::Code,
            is_silent: false,
            secrets: Vec::new(),
        }],
        contacts: vec![Contact {
            id: ContactId(id),
            name: "人".into(),
            language: Language::Chinese,
            numbers: vec![ContactNumber {
                number: PhoneNumber::from_parts(&format!("+86138{id:08}"), &format!("138{id:08}")),
                has_voice: true,
                has_sms: true,
            }],
        }],
        pins: lianfang_domain::directory::Pins::default(),
    }
}
