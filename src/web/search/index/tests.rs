//! What is found, and how quickly in a town.

use super::*;
use lianfang_domain::directory::{
    Address, Contact, Grid, Group, Language, Line, LineUse, Pins, Street,
};
use lianfang_domain::id::{GridId, GroupId, StreetId};
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::roster::Roster;

fn number(key: &str) -> PhoneNumber {
    PhoneNumber::from_parts(key, key)
}

fn household(id: u32, name: &str, (building, unit, door): (&str, &str, &str)) -> Arc<Household> {
    let contact = Contact {
        id: ContactId(id),
        name: format!("{name}家人").into(),
        language: Language::Chinese,
        numbers: vec![ContactNumber {
            number: number(&format!("+86138{:08}", 12_340_000 + id)),
            has_voice: true,
            has_sms: true,
        }],
    };
    let line = Line {
        id: LineId(id),
        number: number(&format!("+86592{:07}", 5_000_000 + id)),
        account: format!("line{id}").into(),
        line_use: LineUse::Code,
        is_silent: false,
        secrets: Vec::new(),
    };
    let address = Address {
        place: "".into(),
        building: building.into(),
        unit: unit.into(),
        floor: "".into(),
        door: door.into(),
    };
    Arc::new(Household {
        id: HouseholdId(id),
        group: GroupId(1),
        name: name.into(),
        address,
        pronunciation: None,
        position: 0,
        language: Language::Chinese,
        lines: vec![line],
        contacts: vec![contact],
        pins: Pins::default(),
    })
}

fn community(id: u32, households: Vec<Arc<Household>>) -> Community {
    Community {
        id: CommunityId(id),
        street: StreetId(1),
        name: "康乐".into(),
        area_code: "0592".into(),
        language: Language::Chinese,
        time_zone: "Asia/Shanghai".into(),
        alarm_codes: Vec::new(),
        silent_codes: Vec::new(),
        arrival_code: "".into(),
        access_numbers: Vec::new(),
        grids: vec![Grid { id: GridId(1), name: "1".into() }],
        groups: vec![Group {
            id: GroupId(1),
            grid: GridId(1),
            name: "1".into(),
            acknowledgements_wanted: 2,
            households: households.iter().map(|household| household.id).collect(),
        }],
        households,
        workers: Vec::new(),
        roster: Arc::new(Roster::default()),
        responders: Vec::new(),
        policies: Vec::new(),
        has_hand_over_calls: false,
    }
}

fn directory(communities: Vec<Community>) -> Directory {
    Directory::new(1, vec![Street { id: StreetId(1), name: "湖里".into() }], communities)
}

async fn found(directory: &Directory, index: &Index, words: &str) -> Vec<Of> {
    let query = Query::read(words).expect("long enough");
    let hits = index.find(directory, &query, Found::default(), |_| true).await;
    hits.iter().map(|hit| hit.of).collect()
}

#[tokio::test]
async fn people_telephones_and_doors_are_found() {
    let (first, second) = (HouseholdId(1), HouseholdId(2));
    let directory = directory(vec![community(
        1,
        vec![
            household(1, "陈阿姨", ("3", "2", "502")),
            household(2, "单雄信", ("A座", "", "1101")),
        ],
    )]);
    let index = Index::default();
    let (home, contact) = (Of::Household(first), Of::Contact(first, ContactId(1)));
    let (other, other_contact) = (Of::Household(second), Of::Contact(second, ContactId(2)));
    for (words, wanted) in [
        ("陈阿姨", vec![home, contact]),
        ("阿姨", vec![home, contact]),
        ("cay", vec![home, contact]),
        ("CAYJR", vec![contact]),
        ("chenayi", vec![home, contact]),
        ("sxx", vec![other, other_contact]),
        ("dxx", vec![other, other_contact]),
        ("3-502", vec![home]),
        ("3-2-502", vec![home]),
        ("3号楼502室", vec![home]),
        ("3号楼2单元502", vec![home]),
        ("a座", vec![other]),
        ("1101", vec![other]),
        ("138 1234 0001", vec![contact]),
        ("+86 13812340001", vec![contact]),
        ("0592 5000002", vec![Of::Line(second, LineId(2))]),
        ("340002", vec![other_contact]),
        ("line1", vec![Of::Line(first, LineId(1))]),
        ("王", vec![]),
        ("\u{1}", vec![]),
    ] {
        if Query::read(words).is_some() {
            assert_eq!(found(&directory, &index, words).await, wanted, "{words}");
        } else {
            assert!(wanted.is_empty(), "{words}");
        }
    }
}

#[test]
fn too_few_digits_are_not_looked_for() {
    for words in ["", " ", "13", "1 3", "+"] {
        assert_eq!(Query::read(words), None, "{words}");
    }
    assert!(Query::read("138").is_some() && Query::read("陈").is_some());
}

#[tokio::test]
async fn what_begins_with_the_words_comes_first() {
    let houses = vec![household(1, "李陈", ("1", "", "1")), household(2, "陈李", ("1", "", "2"))];
    let directory = directory(vec![community(1, houses)]);
    let hits = found(&directory, &Index::default(), "陈").await;
    assert_eq!(hits[0], Of::Household(HouseholdId(2)));
    assert_eq!(hits.len(), 4);
}

#[tokio::test]
async fn places_are_found_by_name_before_people() {
    let mut of_places = community(1, vec![household(1, "康大爷", ("3", "", "1"))]);
    of_places.grids = vec![Grid { id: GridId(7), name: "康乐第一网格".into() }];
    of_places.groups[0].name = "3号楼一组".into();
    let directory = directory(vec![of_places]);
    let index = Index::default();
    let (home, contact) =
        (Of::Household(HouseholdId(1)), Of::Contact(HouseholdId(1), ContactId(1)));
    let (grid, group) = (Of::Grid(GridId(7)), Of::Group(GroupId(1)));
    for (words, wanted) in [
        ("康", vec![Of::Community, grid, home, contact]),
        ("康乐", vec![Of::Community, grid]),
        ("kldy", vec![grid]),
        ("kangledi", vec![grid]),
        ("第一网格", vec![grid]),
        ("3号楼一组", vec![group]),
        ("3号楼", vec![group, home]),
        ("一组", vec![group]),
    ] {
        assert_eq!(found(&directory, &index, words).await, wanted, "{words}");
    }
}

#[tokio::test]
async fn a_place_is_found_behind_a_thousand_doors_of_its_name() {
    let houses = (1..=1500).map(|id| household(id, "康家", ("3", "", "1"))).collect();
    let mut second = community(2, Vec::new());
    second.groups.clear();
    let directory = directory(vec![community(1, houses), second]);
    let hits = found(&directory, &Index::default(), "康").await;
    assert_eq!((hits.len(), &hits[..2]), (HITS_MAX as usize, &[Of::Community; 2][..]));
}

#[tokio::test]
async fn an_edit_is_found_and_what_is_gone_is_not() {
    let index = Index::default();
    let before = directory(vec![community(1, vec![household(1, "陈阿姨", ("3", "", "1"))])]);
    assert_eq!(found(&before, &index, "陈").await.len(), 2);
    let edited = community(1, vec![household(1, "王大爷", ("3", "", "1"))]);
    let after = before.with_community(2, Arc::new(edited));
    assert_eq!(found(&after, &index, "陈").await, []);
    assert_eq!(found(&after, &index, "wdy").await.len(), 2);
    let empty = after.without_community(3, CommunityId(1));
    assert_eq!(found(&empty, &index, "wdy").await, []);
    assert!(index.lock().is_empty());
}

#[tokio::test]
async fn a_hundred_thousand_households_are_searched_quickly() {
    let names = ["陈阿姨", "李强", "王敏", "老周", "欧阳修"];
    let house = |id: u32| {
        let name = names[id as usize % names.len()];
        household(id, name, (&(id / 200 % 60).to_string(), "2", &(101 + id % 900).to_string()))
    };
    let town = (0..50)
        .map(|at| community(at + 1, (at * 2000 + 1..=at * 2000 + 2000).map(house).collect()));
    let directory = directory(town.collect());
    let index = Index::default();
    let clock = crate::clock::Clock::system();
    let timed = async |words: &str| {
        let begun = clock.now();
        let hits = found(&directory, &index, words).await.len();
        (hits, clock.now().duration_since(begun))
    };
    let (_, made) = timed("nobody").await;
    for (words, least) in
        [("nobody", 0), ("陈", 1000), ("cay", 1000), ("12399999", 1), ("59-2-999", 1), ("康乐", 50)]
    {
        let (hits, took) = timed(words).await;
        println!("{words}: {hits} hits in {took:?}; the texts were made in {made:?}");
        assert!(least <= hits, "{words}: {hits}");
        // Without optimisation and beside other tests; a release build is some ten times as fast.
        assert!(took.as_millis() < 2000, "{words}: {took:?}");
    }
}
