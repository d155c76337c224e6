//! What is wrong with groups, and the laws of dividing a community anew.

use super::*;
use crate::directory::{Address, Contact, ContactNumber, Grid, Language, Line, LineUse, Pins};
use crate::id::{CommunityId, ContactId, GridId, LineId, StreetId};
use crate::phone::PhoneNumber;
use crate::roster::Roster;
use proptest::prelude::*;
use std::sync::Arc;

/// A door of a community: building, unit, door, the group of today, and numbers that somebody there has.
#[derive(Clone, Debug)]
struct Door {
    building: u8,
    unit: u8,
    door: u16,
    group: u32,
    numbers: Vec<u32>,
    has_line: bool,
}

fn number(number: u32) -> PhoneNumber {
    PhoneNumber::from_parts(&format!("+86138{number:08}"), &format!("138{number:08}"))
}

fn household(id: u32, door: &Door) -> Arc<Household> {
    let numbers = door.numbers.iter().map(|&n| ContactNumber {
        number: number(n),
        has_voice: true,
        has_sms: true,
    });
    let contact = Contact {
        id: ContactId(id),
        name: "甲".into(),
        language: Language::Chinese,
        numbers: numbers.collect(),
    };
    let line = Line {
        id: LineId(id),
        number: PhoneNumber::from_parts(&format!("+86592{:07}", 5_000_000 + id), "5"),
        account: format!("l{id}").into(),
        line_use: LineUse::Code,
        is_silent: false,
        secrets: Vec::new(),
    };
    Arc::new(Household {
        id: HouseholdId(id),
        group: GroupId(door.group),
        name: format!("户{id}").into(),
        address: Address {
            place: "".into(),
            building: door.building.to_string().into(),
            unit: door.unit.to_string().into(),
            floor: (door.door / 100).to_string().into(),
            door: if door.door == 0 { "".into() } else { door.door.to_string().into() },
        },
        pronunciation: None,
        position: 0,
        language: Language::Chinese,
        lines: if door.has_line { vec![line] } else { Vec::new() },
        contacts: vec![contact],
        pins: Pins::default(),
    })
}

/// Groups 1 to `groups`; odd ones in grid 1, even ones in grid 2.
fn community(groups: u32, doors: &[Door]) -> Community {
    let households: Vec<_> = (1..).zip(doors).map(|(id, door)| household(id, door)).collect();
    let group = |id: u32| Group {
        id: GroupId(id),
        grid: GridId(2 - id % 2),
        name: format!("{id}组").into(),
        acknowledgements_wanted: 2,
        households: households.iter().filter(|h| h.group.0 == id).map(|h| h.id).collect(),
    };
    Community {
        id: CommunityId(1),
        street: StreetId(1),
        name: "康乐".into(),
        area_code: "0592".into(),
        language: Language::Chinese,
        time_zone: "Asia/Shanghai".into(),
        alarm_codes: Vec::new(),
        silent_codes: Vec::new(),
        arrival_code: "".into(),
        access_numbers: Vec::new(),
        grids: [1, 2].map(|id| Grid { id: GridId(id), name: "格".into() }).into(),
        groups: (1..=groups).map(group).collect(),
        households,
        workers: Vec::new(),
        roster: Arc::new(Roster::default()),
        responders: Vec::new(),
        policies: Vec::new(),
        has_hand_over_calls: false,
    }
}

/// Doors of one building, one after the other, of one group.
fn row(count: u16, group: u32) -> Vec<Door> {
    let door = |at: u16| Door {
        building: 3,
        unit: 1,
        door: 101 + at,
        group,
        numbers: vec![u32::from(at) + group * 1000],
        has_line: true,
    };
    (0..count).map(door).collect()
}

fn found(groups: u32, doors: &[Door]) -> Vec<(u32, &'static str, Vec<u32>)> {
    let ids = |households: &[HouseholdId]| households.iter().map(|id| id.0).collect();
    let findings = check(&community(groups, doors), None);
    findings.iter().map(|f| (f.group.0, f.kind.name(), ids(&f.households))).collect()
}

#[test]
fn what_is_wrong_with_a_group_is_found() {
    assert_eq!(found(1, &row(10, 1)), []);
    assert_eq!(found(1, &[]), [(1, "empty", vec![])]);
    assert_eq!(found(1, &row(4, 1)), [(1, "small", vec![])]);
    assert_eq!(found(1, &row(16, 1)), [(1, "large", vec![])]);
    let mut doors = row(6, 1);
    doors[1].numbers.clear();
    doors[2].has_line = false;
    doors[4].numbers = doors[3].numbers.clone();
    doors[5].building = 4;
    let wanted = [
        (1, "scattered", vec![]),
        (1, "unreachable", vec![2]),
        (1, "no_line", vec![3]),
        (1, "shared_number", vec![4, 5]),
    ];
    assert_eq!(found(1, &doors), wanted);
}

#[test]
fn a_door_that_is_there_twice_is_told_in_both_groups() {
    let mut doors = row(5, 1);
    doors.extend(row(5, 2));
    for (at, door) in doors.iter_mut().enumerate().skip(5) {
        door.door = 601 + u16::try_from(at).unwrap();
    }
    doors[7].door = doors[1].door;
    let wanted = [(1, "same_door", vec![2, 8]), (2, "same_door", vec![2, 8])];
    assert_eq!(found(2, &doors), wanted);
    let only = check(&community(2, &doors), Some(GroupId(2)));
    assert_eq!(only.len(), 1);
    doors[7].door = 0;
    doors[1].door = 0;
    assert_eq!(found(2, &doors), [], "nobody said where it is");
}

#[test]
fn one_walks_past_doors_in_the_order_of_their_numbers() {
    let mut doors = row(20, 1);
    for (door, number) in doors.iter_mut().zip([1001, 901, 902, 1002, 101, 102, 103, 201]) {
        door.door = number;
    }
    let proposal = propose(&community(1, &doors));
    let doors_of = |at: usize| -> Vec<u16> {
        proposal.groups[at].households.iter().map(|id| doors[id.0 as usize - 1].door).collect()
    };
    assert_eq!(proposal.groups.len(), 2);
    assert_eq!(doors_of(1)[7..], [902, 1001, 1002][..]);
}

#[test]
fn who_knows_each_other_stays_together_and_the_name_of_today_too() {
    let mut doors = row(20, 1);
    // The first and the last of the building know each other.
    doors[19].numbers.push(1000);
    let proposal = propose(&community(1, &doors));
    let of_first = proposal.groups.iter().find(|g| g.households.contains(&HouseholdId(1))).unwrap();
    assert!(of_first.households.contains(&HouseholdId(20)));
    let named: Vec<_> = proposal.groups.iter().map(|g| g.group).collect();
    assert_eq!(named, [Some(GroupId(1)), None]);
    assert_eq!((proposal.moved, proposal.emptied), (10, vec![]));
}

#[test]
fn a_building_is_rather_two_small_groups_than_half_of_one_elsewhere() {
    let mut doors = row(13, 1);
    // Strangers to the others: numbers of their own.
    let elsewhere = row(7, 1).into_iter().map(|door| {
        let numbers = door.numbers.iter().map(|number| number + 500).collect();
        Door { building: 4, numbers, ..door }
    });
    doors.extend(elsewhere);
    let proposal = propose(&community(1, &doors));
    let sizes: Vec<_> = proposal.groups.iter().map(|group| group.households.len()).collect();
    assert_eq!(sizes, [13, 7]);
    assert!(proposal.groups.iter().all(|group| !group.warnings.contains(&Warning::Scattered)));
}

#[test]
fn acquaintances_in_two_grids_are_told() {
    let mut doors = row(6, 1);
    doors.extend(row(6, 2));
    doors[6].numbers = doors[0].numbers.clone();
    doors[7].numbers.clear();
    let proposal = propose(&community(2, &doors));
    assert_eq!(proposal.groups[0].warnings, [Warning::Separated].into());
    assert_eq!(proposal.groups[1].warnings, [Warning::Separated, Warning::Unreachable].into());
    assert_eq!(proposal.moved, 0);
}

fn any_door() -> impl Strategy<Value = Door> {
    (0..4_u8, 0..3_u8, 0..900_u16, 1..7_u32, prop::collection::vec(0..60_u32, 0..3), any::<bool>())
        .prop_map(|(building, unit, door, group, numbers, has_line)| Door {
            building,
            unit,
            door,
            group,
            numbers,
            has_line,
        })
}

proptest! {
    #[test]
    fn any_division_keeps_its_laws(doors in prop::collection::vec(any_door(), 0..150)) {
        let community = community(6, &doors);
        let proposal = propose(&community);
        let mut all: Vec<u32> =
            proposal.groups.iter().flat_map(|group| &group.households).map(|id| id.0).collect();
        all.sort_unstable();
        let wanted: Vec<u32> = (1..).take(doors.len()).collect();
        prop_assert_eq!(all, wanted, "everybody is in exactly one group");
        let mut named = BTreeSet::new();
        for group in &proposal.groups {
            prop_assert!((1..=SIZE_MAX).contains(&group.households.len()));
            prop_assert!((1..=group.households.len()).contains(&group.staircases));
            prop_assert!(group.acquainted <= group.households.len() && group.acquainted != 1);
            for id in &group.households {
                let today = community.group(community.household(*id).unwrap().group).unwrap();
                prop_assert_eq!(today.grid, group.grid, "nobody changes the grid");
            }
            if let Some(name) = group.group {
                prop_assert!(named.insert(name), "no group is there twice");
                prop_assert_eq!(community.group(name).unwrap().grid, group.grid);
            }
            prop_assert_eq!(group.warnings.contains(&Warning::Small), group.households.len() < SIZE_MIN);
        }
        for group in &community.groups {
            prop_assert_eq!(proposal.emptied.contains(&group.id), !named.contains(&group.id));
        }
        prop_assert_eq!(propose(&community), proposal, "the same every time");
    }

    #[test]
    fn strangers_of_one_staircase_come_into_groups_alike_in_size(count in 1..200_u16) {
        let sizes: Vec<usize> = propose(&community(1, &row(count, 1)))
            .groups.iter().map(|group| group.households.len()).collect();
        let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
        prop_assert!(most - least <= 1, "{:?}", sizes);
        prop_assert!(usize::from(count) < SIZE || (7..=14).contains(least), "{:?}", sizes);
    }

    #[test]
    fn a_circle_that_fits_into_a_group_is_never_separated(
        count in 20..80_u16,
        circle in prop::collection::btree_set(0..20_usize, 2..=SIZE_MAX),
    ) {
        let mut doors = row(count, 1);
        for &at in &circle {
            doors[at].numbers.push(99_999);
        }
        let proposal = propose(&community(1, &doors));
        let of = |at: usize| proposal.groups.iter().position(|group| {
            group.households.contains(&HouseholdId(u32::try_from(at).unwrap() + 1))
        });
        let first = of(*circle.first().unwrap());
        prop_assert!(circle.iter().all(|&at| of(at) == first));
        prop_assert!(proposal.groups.iter().all(|group| !group.warnings.contains(&Warning::Separated)));
    }
}
