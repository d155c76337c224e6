//! Divides the households of a community among its groups: all or nothing, and only as they were shown.
//!
//! Must not decide who belongs together; people do, from what `domain::groups` proposes.

use super::audit::{Editor, ImportedRows};
use super::history;
use super::nouns::{Fault, FieldError, NounError};
use super::snapshot::count_edit;
use super::{Database, StoreError};
use lianfang_domain::id::{CommunityId, GridId, GroupId, HouseholdId};
use serde_json::json;
use sqlx::SqliteConnection;
use std::collections::{BTreeMap, BTreeSet};

const VERSIONS: &str = "SELECT h.id, h.version FROM household AS h
    JOIN household_group AS hg ON hg.id = h.group_id JOIN grid AS g ON g.id = hg.grid_id
    WHERE g.community_id = ?1";
const ROWS: &str = "SELECT h.id, h.version, h.group_id, h.position, h.name FROM household AS h
    JOIN household_group AS hg ON hg.id = h.group_id JOIN grid AS g ON g.id = hg.grid_id
    WHERE g.community_id = ?1";
const GROUPS: &str = "SELECT hg.id, hg.grid_id FROM household_group AS hg
    JOIN grid AS g ON g.id = hg.grid_id WHERE g.community_id = ?1";
const GRIDS: &str = "SELECT id FROM grid WHERE community_id = ?1";
const ADD: &str = "INSERT INTO household_group (grid_id, name) VALUES (?1, ?2) RETURNING id";
/// Two households of one name may change places: for a moment their names are nobody else's.
const ASIDE: &str = "UPDATE household SET name = char(1) || id
    WHERE id IN (SELECT value ->> 0 FROM json_each(?1))";
const MOVE: &str = "UPDATE household SET group_id = r.value ->> 1, position = r.value ->> 2,
    name = r.value ->> 3, version = version + 1
    FROM json_each(?1) AS r WHERE household.id = r.value ->> 0";

/// A group that shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// The group; `None` makes a new one.
    pub id: Option<GroupId>,
    /// The grid of a new one.
    pub grid: GridId,
    /// The name of a new one.
    pub name: String,
    /// Its households in their order.
    pub households: Vec<Member>,
}

/// A household as it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: HouseholdId,
    /// Its version then.
    pub version: u32,
}

/// A household: id, version, group, position, name.
type Row = (u32, u32, u32, u16, String);

/// The versions of the households of a community.
///
/// # Errors
/// When the database fails.
pub async fn versions(
    database: &Database,
    community: CommunityId,
) -> Result<BTreeMap<HouseholdId, u32>, StoreError> {
    let query = sqlx::query_as(VERSIONS).bind(community.0);
    let rows: Vec<(u32, u32)> =
        query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    Ok(rows.into_iter().map(|(id, version)| (HouseholdId(id), version)).collect())
}

/// Gives every group its households and their order. Returns how many households changed.
///
/// # Errors
/// When a household was changed since it was shown, stands twice or in another community, or the database fails;
/// nothing is changed then.
pub async fn divide(
    editor: &Editor<'_>,
    community: CommunityId,
    groups: &[NewGroup],
) -> Result<usize, NounError> {
    let mut change = editor.write().await?;
    let rows: Vec<Row> = read(&mut change, ROWS, community).await?;
    let rows: BTreeMap<u32, _> = rows.into_iter().map(|row| (row.0, row)).collect();
    let known: Vec<(u32, u32)> = read(&mut change, GROUPS, community).await?;
    let known: BTreeMap<u32, u32> = known.into_iter().collect();
    let grids: Vec<(u32,)> = read(&mut change, GRIDS, community).await?;
    check(groups, &rows, &known, &grids)?;
    let mut added = Vec::new();
    let mut moves = Vec::new();
    for group in groups {
        let id = match group.id {
            Some(id) => id.0,
            None => {
                let id = add(&mut change, group).await?;
                added.push(i64::from(id));
                id
            }
        };
        for (position, household) in (1_u16..).zip(&group.households) {
            let before = rows.get(&household.id.0).filter(|row| (row.2, row.3) != (id, position));
            if let Some(row) = before {
                moves.push(json!([household.id.0, id, position, row.4]));
            }
        }
    }
    let changed: Vec<i64> = moves.iter().filter_map(|row| row.get(0)?.as_i64()).collect();
    let was = history::look(&mut change, "household", &changed).await?;
    let moves = json!(moves).to_string();
    for sql in [ASIDE, MOVE] {
        sqlx::query(sql).bind(&moves).execute(&mut *change).await.map_err(StoreError::Write)?;
    }
    count_edit(&mut change, &[community]).await?;
    history::keep(editor, &mut change, ("household", &was)).await?;
    let new = added.iter().map(|&id| (id, None)).collect();
    history::keep(editor, &mut change, ("household_group", &new)).await?;
    let (groups, households) = (
        ImportedRows { added, ..ImportedRows::default() },
        ImportedRows { changed: changed.clone(), ..ImportedRows::default() },
    );
    editor.enter_rows(&mut change, "household_group", &groups).await?;
    editor.enter_rows(&mut change, "household", &households).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(changed.len())
}

async fn read<T>(
    change: &mut SqliteConnection,
    sql: &'static str,
    community: CommunityId,
) -> Result<Vec<T>, StoreError>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> + Send + Unpin,
{
    sqlx::query_as(sql).bind(community.0).fetch_all(change).await.map_err(StoreError::Read)
}

async fn add(change: &mut SqliteConnection, group: &NewGroup) -> Result<u32, NounError> {
    let query = sqlx::query_scalar(ADD).bind(group.grid.0).bind(group.name.trim());
    query.fetch_one(change).await.map_err(super::nouns::fault_of)
}

/// Every household is there, once, as it was shown; every group and grid is of the community.
fn check(
    groups: &[NewGroup],
    rows: &BTreeMap<u32, Row>,
    known: &BTreeMap<u32, u32>,
    grids: &[(u32,)],
) -> Result<(), NounError> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    let mut seen_groups = BTreeSet::new();
    for (index, group) in groups.iter().enumerate() {
        let mut fault = |field: &str, fault| {
            faults.push(FieldError { pointer: format!("/groups/{index}/{field}"), fault });
        };
        match group.id {
            Some(id) if !known.contains_key(&id.0) => fault("group_id", Fault::UnknownParent),
            Some(id) if !seen_groups.insert(id) => fault("group_id", Fault::Twice),
            None if !grids.contains(&(group.grid.0,)) => fault("grid_id", Fault::UnknownParent),
            None if group.name.trim().is_empty() => fault("name", Fault::Empty),
            None if 100 < group.name.trim().chars().count() => {
                fault("name", Fault::TooLong { max: 100 })
            }
            Some(_) | None => {}
        }
        for (at, household) in group.households.iter().enumerate() {
            let field = format!("households/{at}/id");
            match rows.get(&household.id.0) {
                None => fault(&field, Fault::UnknownParent),
                Some(_) if !seen.insert(household.id) => fault(&field, Fault::Twice),
                Some(row) if row.1 != household.version => {
                    return Err(NounError::Changed { current: row.1 });
                }
                Some(_) => {}
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(NounError::Faulty(faults)) }
}
