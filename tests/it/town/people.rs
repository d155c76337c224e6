//! Who lives in the town. Each group has a community of its own: the resident behind door 101, nine neighbours behind
//! 102 to 110, the worker 李强 on duty and 王芳 off duty.

use super::cast::{OTHERS as OTHERS_CALLED, WORKERS as WORKERS_CALLED};
use lianfang::store::Store;
use lianfang::store::snapshot::count_edit;
use lianfang_domain::id::CommunityId;
use lianfang_domain::phone::PhoneNumber;
use std::path::Path;

const STREET: &str = "INSERT INTO street (id, name) VALUES (1, '筼筜街道')";
const COMMUNITIES: &str = "
    WITH RECURSIVE g (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM g WHERE id < ?1)
    INSERT INTO community (id, street_id, name, area_code) SELECT id, 1, '社区' || id, '0592' FROM g";
const GRIDS: &str =
    "INSERT INTO grid (id, community_id, name) SELECT id, id, '网格' FROM community";
const GROUPS: &str =
    "INSERT INTO household_group (id, grid_id, name) SELECT id, id, '联防组' FROM grid";
const HOUSEHOLDS: &str = "
    WITH RECURSIVE door (number) AS (SELECT 101 UNION ALL SELECT number + 1 FROM door WHERE number < 110)
    INSERT INTO household (id, group_id, name, building, door, position)
    SELECT household_group.id * 100 + number - 101, household_group.id, number || '家', '3', number, number
    FROM household_group, door";
const LINES: &str = "INSERT INTO line (household_id, number_key, number_written, account)
    SELECT id, printf('+86592555%04d', group_id), printf('555%04d', group_id), 'line-' || group_id
    FROM household WHERE door = '101'";
const CONTACTS: &str = "INSERT INTO contact (household_id, name, numbers)
    SELECT id, '家长', json_array(json_object('key', printf('+86138%04d%04d', group_id, door),
        'written', printf('138%04d%04d', group_id, door), 'voice', json('true'), 'sms', json('true')))
    FROM household";
const WORKERS: &str = "
    WITH w (name, on_duty, last) AS (VALUES ('李强', 1, 1), ('王芳', 0, 2))
    INSERT INTO worker (community_id, name, is_on_duty, numbers)
    SELECT community.id, w.name, w.on_duty, json_array(json_object('key', printf('+86139%04d%04d', community.id, w.last),
        'written', printf('139%04d%04d', community.id, w.last), 'voice', json('true'), 'sms', json('true')))
    FROM community, w";

/// Writes the directory of a town with so many groups.
pub(super) async fn settle(folder: &Path, groups: u32, more: &'static str) {
    let store = Store::open(folder).await.expect("opens");
    let mut change = store.directory().write().await.expect("begins");
    for sql in [STREET, COMMUNITIES, GRIDS, GROUPS, HOUSEHOLDS, LINES, CONTACTS, WORKERS] {
        let query = sqlx::query(sql);
        let query = if sql.contains("?1") { query.bind(groups) } else { query };
        query.execute(&mut *change).await.expect("is good SQL");
    }
    sqlx::raw_sql(more).execute(&mut *change).await.expect("is good SQL");
    count_edit(&mut change, &[CommunityId(1)]).await.expect("counts");
    change.commit().await.expect("commits");
    store.close().await;
}

/// Who has a number: the door, or what a worker or somebody from outside does; those of other groups with their group.
pub(super) fn name_of(key: &str) -> String {
    let (prefix, rest) = (key.get(..6).unwrap_or(key), key.get(6..).unwrap_or_default());
    let (group, person) = (rest.get(..4).unwrap_or_default(), rest.get(4..).unwrap_or_default());
    let known = |list: &[(&str, &'static str)]| {
        list.iter().find(|(last, _)| *last == person).map(|(_, name)| *name)
    };
    let person = match prefix {
        "+86139" => known(&WORKERS_CALLED),
        "+86137" => known(&OTHERS_CALLED),
        "+86138" => Some(person.trim_start_matches('0')),
        _ => None,
    };
    let Some(person) = person else { return key.to_owned() };
    match group.trim_start_matches('0') {
        "1" => person.to_owned(),
        group => format!("{group}/{person}"),
    }
}

/// The number by which the first group knows somebody; a number is itself.
pub(super) fn number_of(who: &str) -> PhoneNumber {
    let last = |list: &[(&'static str, &str)]| {
        list.iter().find(|(_, name)| *name == who).map(|(last, _)| *last)
    };
    let key = match (last(&WORKERS_CALLED), last(&OTHERS_CALLED)) {
        (Some(last), _) => format!("+861390001{last}"),
        (None, Some(last)) => format!("+861370001{last}"),
        (None, None) if who.starts_with('+') => who.to_owned(),
        (None, None) => format!("+861380001{who:0>4}"),
    };
    PhoneNumber::from_parts(&key, key.trim_start_matches("+86"))
}
