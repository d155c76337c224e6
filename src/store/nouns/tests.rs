//! What holds for every noun is tested through the API; here is what the API does not show.

use super::*;
use crate::store::Store;
use lianfang_domain::id::{GroupId, HouseholdId, StreetId};

/// A street with one community, grid, group and household.
struct Town {
    store: Store,
    community: Community,
    grid: Grid,
    household: Household,
}

impl Town {
    async fn new() -> Self {
        let store = Store::open_in_memory().await.expect("opens");
        let db = store.directory();
        let street =
            create::<Street>(&by(db), &draft(r#"{"name":"筼筜"}"#)).await.expect("a street");
        let community = community_of(db, street.id, "文园").await;
        let grid = grid_of(db, &community).await;
        let group = format!(r#"{{"grid_id":{},"name":"1"}}"#, grid.id);
        let group = create::<Group>(&by(db), &draft(&group)).await.expect("a group");
        let household = household_draft(group.id);
        let household = create::<Household>(&by(db), &household).await.expect("a household");
        Self { store, community, grid, household }
    }

    fn db(&self) -> &Database {
        self.store.directory()
    }

    async fn scalar(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.db().reader()).await.expect("a number")
    }
}

/// An edit by somebody.
fn by(db: &Database) -> Editor<'_> {
    db.edited_by("token:test", jiff::Timestamp::UNIX_EPOCH)
}

fn draft<T: serde::de::DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).expect("a draft")
}

async fn community_of(db: &Database, street: StreetId, name: &str) -> Community {
    let json = format!(r#"{{"street_id":{street},"name":"{name}","area_code":"0592"}}"#);
    create::<Community>(&by(db), &draft(&json)).await.expect("a community")
}

async fn grid_of(db: &Database, community: &Community) -> Grid {
    let json = format!(r#"{{"community_id":{},"name":"1"}}"#, community.id);
    create::<Grid>(&by(db), &draft(&json)).await.expect("a grid")
}

fn household_draft(group: GroupId) -> HouseholdDraft {
    draft(&format!(r#"{{"group_id":{group},"name":"陈阿姨","door":"502"}}"#))
}

fn line_draft(household: HouseholdId, number: &str, account: &str) -> LineDraft {
    draft(&format!(r#"{{"household_id":{household},"number":"{number}","account":"{account}"}}"#))
}

fn faults<T: std::fmt::Debug>(result: Result<T, NounError>) -> Vec<(String, Fault)> {
    match result {
        Err(NounError::Faulty(faults)) => {
            faults.into_iter().map(|fault| (fault.pointer, fault.fault)).collect()
        }
        other => panic!("no faults but {other:?}"),
    }
}

#[tokio::test]
async fn every_edit_counts_and_marks_its_community() {
    let town = Town::new().await;
    let other = community_of(town.db(), town.community.street_id, "莲花").await;
    let before = town.scalar("SELECT version FROM directory_version").await;
    let line = line_draft(town.household.id, "5551234", "1001");
    let line = create::<Line>(&by(town.db()), &line).await.expect("a line");
    update::<Line>(&by(town.db()), line.id, 1, &line_draft(town.household.id, "5551235", "1001"))
        .await
        .expect("changes");
    delete::<Line>(&by(town.db()), line.id, 2).await.expect("goes");
    assert_eq!(town.scalar("SELECT version FROM directory_version").await, before + 3);
    let marked = town.scalar("SELECT changed_version FROM community WHERE name = '文园'").await;
    assert_eq!(marked, before + 3);
    let unmarked = town.scalar("SELECT changed_version FROM community WHERE name = '莲花'").await;
    assert!(unmarked <= before, "{other:?}");
}

#[tokio::test]
async fn a_faulty_edit_changes_nothing() {
    let town = Town::new().await;
    let before = town.scalar("SELECT version FROM directory_version").await;
    let line = line_draft(town.household.id, "5551234", "1001");
    create::<Line>(&by(town.db()), &line).await.expect("a line");
    let taken =
        create::<Line>(&by(town.db()), &line_draft(town.household.id, "5551234", "1002")).await;
    assert_eq!(faults(taken), [("/number".to_owned(), Fault::Taken)]);
    let taken =
        create::<Line>(&by(town.db()), &line_draft(town.household.id, "5551236", "1001")).await;
    assert_eq!(faults(taken), [("/account".to_owned(), Fault::Taken)]);
    let unknown =
        create::<Line>(&by(town.db()), &line_draft(HouseholdId(99), "5551236", "1003")).await;
    assert_eq!(faults(unknown), [("/household_id".to_owned(), Fault::UnknownParent)]);
    assert_eq!(town.scalar("SELECT version FROM directory_version").await, before + 1);
}

#[tokio::test]
async fn nothing_moves_to_another_community() {
    let town = Town::new().await;
    let other = community_of(town.db(), town.community.street_id, "莲花").await;
    let grid: GridDraft = draft(&format!(r#"{{"community_id":{},"name":"1"}}"#, other.id));
    let moved = update::<Grid>(&by(town.db()), town.grid.id, 1, &grid).await;
    assert_eq!(faults(moved), [("/community_id".to_owned(), Fault::OtherCommunity)]);
    let grid = grid_of(town.db(), &other).await;
    let group: GroupDraft = draft(&format!(r#"{{"grid_id":{},"name":"1"}}"#, grid.id));
    let moved = update::<Group>(&by(town.db()), town.household.group_id, 1, &group).await;
    assert_eq!(faults(moved), [("/grid_id".to_owned(), Fault::OtherCommunity)]);
}

#[tokio::test]
async fn an_area_code_stays_while_numbers_depend_on_it() {
    let town = Town::new().await;
    let json = r#"{"street_id":1,"name":"文园","area_code":"0591"}"#;
    let changed = update::<Community>(&by(town.db()), town.community.id, 1, &draft(json)).await;
    assert_eq!(faults(changed), [("/area_code".to_owned(), Fault::NumbersDepend)]);
    let empty = community_of(town.db(), town.community.street_id, "莲花").await;
    let json = r#"{"street_id":1,"name":"莲花","area_code":"0591"}"#;
    let changed = update::<Community>(&by(town.db()), empty.id, 1, &draft(json)).await;
    assert_eq!(changed.expect("changes").area_code, "0591");
}

#[tokio::test]
async fn a_constraint_that_the_checks_missed_is_no_fault_of_the_database() {
    let town = Town::new().await;
    let mut change = town.db().write().await.expect("begins");
    let broken = sqlx::query("INSERT INTO street (name) VALUES ('')").execute(&mut *change).await;
    let error = fault_of(broken.expect_err("refused"));
    assert!(matches!(error, NounError::Faulty(faults) if faults[0].fault == Fault::Rule));
}

#[test]
fn every_mistake_of_a_draft_is_named() {
    let home = Home { area_code: "0592".to_owned(), community: CommunityId(1) };
    let check = |found: Result<Vec<Value>, Vec<FieldError>>, wanted: &[(&str, Fault)]| {
        let found = found.err().expect("faults");
        let found: Vec<_> =
            found.iter().map(|fault| (fault.pointer.as_str(), fault.fault.clone())).collect();
        assert_eq!(found, wanted);
    };
    check(
        Community::values(
            &draft(
                r##"{"street_id":1,"name":" ","area_code":"592","time_zone":"Asia/Nowhere",
                "alarm_codes":["#9","#9","9x"],"access_numbers":["9"]}"##,
            ),
            None,
        ),
        &[
            ("/name", Fault::Empty),
            ("/area_code", Fault::AreaCode),
            ("/time_zone", Fault::TimeZone),
            ("/alarm_codes/1", Fault::Twice),
            ("/alarm_codes/2", Fault::AlarmCode),
            ("/access_numbers/0", Fault::AccessNumber),
        ],
    );
    check(
        Contact::values(
            &draft(
                r#"{"household_id":1,"name":"a\nb","numbers":[{"number":"110"},
                {"number":"13800001111"},{"number":"138 0000 1111"},{"number":"没有"},
                {"number":"5551234","voice":false}]}"#,
            ),
            Some(&home),
        ),
        &[
            ("/name", Fault::ControlCharacter),
            ("/numbers/0/number", Fault::NeverCalled),
            ("/numbers/2/number", Fault::Twice),
            ("/numbers/3/number", Fault::NoNumber),
            ("/numbers/4", Fault::NoChannel),
        ],
    );
    check(
        Line::values(
            &draft(r#"{"household_id":1,"number":"5551234","account":"a b","hotline_grace_s":61}"#),
            Some(&home),
        ),
        &[
            ("/account", Fault::Account),
            ("/hotline_grace_s", Fault::OutOfRange { min: 0, max: 60 }),
        ],
    );
}
