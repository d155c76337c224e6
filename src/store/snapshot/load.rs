//! The SQL of the snapshot. Rows come as JSON arrays of many households at once: a row a step costs ten times the CPU.

use super::LoadError;
use super::rows::{
    CommunityRow, ContactRow, GridRow, GroupRow, HouseholdRow, LineRow, PolicyRow, ResponderRow,
    SecretRow, Words, WorkerRow,
};
use crate::store::{Database, roster};
use lianfang_domain::directory::{Community, Grid, Street};
use lianfang_domain::id::{CommunityId, GroupId, HouseholdId, LineId, StreetId};
use serde::Deserialize;
use sqlx::{Sqlite, SqliteConnection, Transaction};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Communities in one statement: some 10,000 households, or 2 MiB of JSON.
const COMMUNITIES_AT_ONCE: usize = 8;

pub(super) const VERSION: &str = "SELECT version FROM directory_version";
const STREETS: &str = "SELECT json_group_array(json_array(id, name)) FROM street";
const CHANGED: &str =
    "SELECT json_group_array(id) FROM community WHERE ?1 IS NULL OR ?1 < changed_version";
const COMMUNITIES: &str = "SELECT json_group_array(json_array(
        c.id, c.street_id, c.name, c.area_code, c.language, c.time_zone,
        json(c.alarm_codes), json(c.access_numbers), json(c.silent_codes), c.arrival_code,
        c.hand_over_calls))
    FROM json_each(?1) AS wanted JOIN community AS c ON c.id = wanted.value";
const GRIDS: &str = "SELECT json_group_array(json_array(grid.community_id, grid.id, grid.name))
    FROM json_each(?1) AS wanted JOIN grid ON grid.community_id = wanted.value";
const GROUPS: &str = "SELECT json_group_array(json_array(
        grid.community_id, g.id, g.grid_id, g.name, g.acknowledgements_wanted))
    FROM json_each(?1) AS wanted JOIN grid ON grid.community_id = wanted.value
    JOIN household_group AS g ON g.grid_id = grid.id";
const WORKERS: &str = "SELECT json_group_array(json_array(
        w.community_id, w.id, w.name, w.language, w.is_on_duty, json(w.numbers)))
    FROM json_each(?1) AS wanted JOIN worker AS w ON w.community_id = wanted.value";
const RESPONDERS: &str = "SELECT json_group_array(json_array(
        r.community_id, r.id, r.kind, r.name, r.language, json(r.skills), r.household_id, r.grid_id,
        r.building, json(r.numbers)))
    FROM json_each(?1) AS wanted JOIN responder AS r ON r.community_id = wanted.value";
const POLICIES: &str = "SELECT json_group_array(json_array(
        p.community_id, p.id, p.version, json(p.document)))
    FROM json_each(?1) AS wanted JOIN policy AS p ON p.community_id = wanted.value";
const HOUSEHOLDS: &str = "SELECT json_group_array(json_array(
        grid.community_id, h.id, h.group_id, h.name, h.place, h.building, h.unit, h.floor, h.door,
        h.pronunciation, h.position, h.language, pin.cancel, pin.duress,
        json((SELECT json_group_array(json_array(
            l.id, l.number_key, l.number_written, l.account, l.hotline_grace_s, l.is_silent,
            json((SELECT json_group_array(json_array(s.algorithm, s.realm, s.ha1))
                FROM line_secret AS s WHERE s.line_id = l.id))))
            FROM line AS l WHERE l.household_id = h.id)),
        json((SELECT json_group_array(json_array(p.id, p.rank, p.name, p.language, json(p.numbers)))
            FROM contact AS p WHERE p.household_id = h.id))))
    FROM json_each(?1) AS wanted JOIN grid ON grid.community_id = wanted.value
    JOIN household_group AS g ON g.grid_id = grid.id JOIN household AS h ON h.group_id = g.id
    LEFT JOIN household_pin AS pin ON pin.household_id = h.id";

/// Everything of a range of households, table by table: scans in the order of ids, four times as fast as one household
/// after the other. The community is not in it; the group tells.
const RANGE: &str = "SELECT
    (SELECT json_group_array(json_array(0, id, group_id, name, place, building, unit, floor, door,
            pronunciation, position, language, cancel, duress))
        FROM household LEFT JOIN household_pin ON household_id = id WHERE ?1 < id AND id <= ?2),
    (SELECT json_group_array(json_array(household_id, json_array(
            id, number_key, number_written, account, hotline_grace_s, is_silent)))
        FROM line WHERE ?1 < household_id AND household_id <= ?2),
    (SELECT json_group_array(json_array(l.household_id, l.id, json_array(s.algorithm, s.realm, s.ha1)))
        FROM line AS l JOIN line_secret AS s ON s.line_id = l.id
        WHERE ?1 < l.household_id AND l.household_id <= ?2),
    (SELECT json_group_array(json_array(household_id, json_array(id, rank, name, language, json(numbers))))
        FROM contact WHERE ?1 < household_id AND household_id <= ?2)";
const LAST_HOUSEHOLD: &str = "SELECT coalesce(max(id), 0) FROM household";
/// Ids of households in one range: some 4 MiB of JSON.
const RANGE_LEN: u32 = 20_000;

/// Reads the directory as it was when the reading began.
pub(super) struct Reader {
    read: Transaction<'static, Sqlite>,
    words: Words,
}

impl Reader {
    pub(super) async fn begin(database: &Database) -> Result<Self, LoadError> {
        let read = database.reader().begin().await.map_err(LoadError::Read)?;
        Ok(Self { read, words: Words::default() })
    }

    pub(super) async fn version(&mut self) -> Result<u64, LoadError> {
        let version = sqlx::query_scalar::<_, i64>(VERSION).fetch_one(&mut *self.read).await;
        version.map(i64::unsigned_abs).map_err(LoadError::Read)
    }

    pub(super) async fn streets(&mut self) -> Result<Vec<Street>, LoadError> {
        let text = sqlx::query_scalar::<_, String>(STREETS).fetch_one(&mut *self.read).await;
        let rows: Vec<(StreetId, Arc<str>)> = decode("streets", &text.map_err(LoadError::Read)?)?;
        Ok(rows.into_iter().map(|(id, name)| Street { id, name }).collect())
    }

    /// The ids of the communities that were edited after this version; of all without one.
    pub(super) async fn communities_changed_after(
        &mut self,
        version: Option<u64>,
    ) -> Result<Vec<CommunityId>, LoadError> {
        let version = version.map(|version| i64::try_from(version).unwrap_or(i64::MAX));
        let query = sqlx::query_scalar::<_, String>(CHANGED).bind(version);
        let text = query.fetch_one(&mut *self.read).await.map_err(LoadError::Read)?;
        decode("communities", &text)
    }

    /// The communities of these ids with everything below them.
    pub(super) async fn communities(
        &mut self,
        ids: &[CommunityId],
    ) -> Result<Vec<Arc<Community>>, LoadError> {
        let mut all = Vec::with_capacity(ids.len());
        for some in ids.chunks(COMMUNITIES_AT_ONCE) {
            all.extend(self.some_communities(some).await?);
        }
        Ok(all)
    }

    async fn some_communities(
        &mut self,
        ids: &[CommunityId],
    ) -> Result<Vec<Arc<Community>>, LoadError> {
        let ids = ids_json(ids);
        let mut communities = self.frames(&ids).await?;
        let text = self.text(HOUSEHOLDS, &ids).await?;
        let rows: Vec<HouseholdRow<'_>> = decode("households", &text)?;
        for row in rows {
            if let Some(community) = communities.get_mut(&row.community) {
                let household = row.into_domain(community.language, &mut self.words);
                community.households.push(Arc::new(household));
            }
        }
        Ok(communities.into_values().map(|community| Arc::new(sorted(community))).collect())
    }

    /// Every community with everything below it: [`Self::communities`] for all, only faster.
    pub(super) async fn all_communities(
        &mut self,
        ids: &[CommunityId],
    ) -> Result<Vec<Arc<Community>>, LoadError> {
        let mut communities = self.frames(&ids_json(ids)).await?;
        let of_group: HashMap<GroupId, CommunityId> = communities
            .values()
            .flat_map(|community| community.groups.iter().map(|group| (group.id, community.id)))
            .collect();
        let last = sqlx::query_scalar(LAST_HOUSEHOLD).fetch_one(&mut *self.read).await;
        let last: u32 = last.map_err(LoadError::Read)?;

        let Self { read, words } = self;
        let mut range = fetch_range(read, 0).await?;
        let mut from = 0;
        while from < last {
            from = from.saturating_add(RANGE_LEN);
            // The database reads the next range in its own thread while this one is taken in.
            let (next, taken) = tokio::join!(fetch_range(read, from), async {
                range.take(&of_group, &mut communities, words)
            });
            taken?;
            range = next?;
        }
        Ok(communities.into_values().map(|community| Arc::new(sorted(community))).collect())
    }

    /// The communities without their households.
    async fn frames(&mut self, ids: &str) -> Result<BTreeMap<CommunityId, Community>, LoadError> {
        let rows: Vec<CommunityRow> = decode("communities", &self.text(COMMUNITIES, ids).await?)?;
        let mut communities: BTreeMap<CommunityId, Community> =
            rows.into_iter().map(|row| (row.id, row.into_domain())).collect();

        let rows: Vec<GridRow> = decode("grids", &self.text(GRIDS, ids).await?)?;
        for GridRow { community, id, name } in rows {
            if let Some(community) = communities.get_mut(&community) {
                community.grids.push(Grid { id, name });
            }
        }
        let rows: Vec<GroupRow> = decode("groups", &self.text(GROUPS, ids).await?)?;
        for row in rows {
            if let Some(community) = communities.get_mut(&row.community) {
                community.groups.push(row.into_domain());
            }
        }
        let rows: Vec<WorkerRow> = decode("workers", &self.text(WORKERS, ids).await?)?;
        for row in rows {
            if let Some(community) = communities.get_mut(&row.community) {
                let worker = row.into_domain(community.language);
                community.workers.push(worker);
            }
        }
        self.helpers(ids, &mut communities).await?;
        let wanted: Vec<CommunityId> = communities.keys().copied().collect();
        let rosters = roster::parts(&mut self.read, &wanted).await.map_err(LoadError::Read)?;
        for (id, parts) in rosters {
            if let Some(community) = communities.get_mut(&id) {
                let knows = |id| community.workers.iter().any(|worker| worker.id == id);
                let roster = roster::build(&community.time_zone, parts, knows);
                for fault in roster.faults() {
                    tracing::warn!(community.id = %id, %fault, "Left a part of the roster out");
                }
                community.roster = Arc::new(roster);
            }
        }
        Ok(communities)
    }

    /// Adds responders and policies.
    async fn helpers(
        &mut self,
        ids: &str,
        communities: &mut BTreeMap<CommunityId, Community>,
    ) -> Result<(), LoadError> {
        let rows: Vec<ResponderRow> = decode("responders", &self.text(RESPONDERS, ids).await?)?;
        for row in rows {
            if let Some(community) = communities.get_mut(&row.community) {
                let responder = row.into_domain(community.language);
                community.responders.push(responder);
            }
        }
        let rows: Vec<PolicyRow> = decode("policies", &self.text(POLICIES, ids).await?)?;
        for row in rows {
            if let Some(community) = communities.get_mut(&row.community) {
                community.policies.extend(row.into_domain());
            }
        }
        Ok(())
    }

    async fn text(&mut self, sql: &'static str, ids: &str) -> Result<String, LoadError> {
        let query = sqlx::query_scalar(sql).bind(ids);
        query.fetch_one(&mut *self.read).await.map_err(LoadError::Read)
    }
}

/// A range of households as JSON: households, lines, secrets, contacts.
struct Range(String, String, String, String);

async fn fetch_range(read: &mut SqliteConnection, from: u32) -> Result<Range, LoadError> {
    let query = sqlx::query_as(RANGE).bind(from).bind(from.saturating_add(RANGE_LEN));
    let (households, lines, secrets, contacts) =
        query.fetch_one(read).await.map_err(LoadError::Read)?;
    Ok(Range(households, lines, secrets, contacts))
}

impl Range {
    /// Puts the households into their communities.
    fn take(
        &self,
        of_group: &HashMap<GroupId, CommunityId>,
        communities: &mut BTreeMap<CommunityId, Community>,
        words: &mut Words,
    ) -> Result<(), LoadError> {
        let mut rows: Vec<HouseholdRow<'_>> = decode("households", &self.0)?;
        rows.sort_unstable_by_key(|row| row.id);
        let find = |id| rows.binary_search_by_key(&id, |row: &HouseholdRow<'_>| row.id).ok();

        let lines: Vec<(HouseholdId, LineRow<'_>)> = decode("lines", &self.1)?;
        let lines: Vec<_> = lines.into_iter().map(|(id, line)| (find(id), line)).collect();
        let secrets: Vec<(HouseholdId, LineId, SecretRow<'_>)> = decode("secrets", &self.2)?;
        let secrets: Vec<_> =
            secrets.into_iter().map(|(id, line, secret)| (find(id), line, secret)).collect();
        let contacts: Vec<(HouseholdId, ContactRow<'_>)> = decode("contacts", &self.3)?;
        let contacts: Vec<_> = contacts.into_iter().map(|(id, row)| (find(id), row)).collect();

        for (index, line) in lines {
            if let Some(row) = index.and_then(|index| rows.get_mut(index)) {
                row.lines.push(line);
            }
        }
        for (index, line, secret) in secrets {
            let row = index.and_then(|index| rows.get_mut(index));
            let line = row.and_then(|row| row.lines.iter_mut().find(|known| known.id == line));
            if let Some(line) = line {
                line.secrets.push(secret);
            }
        }
        for (index, contact) in contacts {
            if let Some(row) = index.and_then(|index| rows.get_mut(index)) {
                row.contacts.push(contact);
            }
        }
        for row in rows {
            let community = of_group.get(&row.group).and_then(|id| communities.get_mut(id));
            if let Some(community) = community {
                let household = row.into_domain(community.language, words);
                community.households.push(Arc::new(household));
            }
        }
        Ok(())
    }
}

/// A JSON array of ids, as a parameter of SQL.
pub(super) fn ids_json(ids: &[CommunityId]) -> String {
    serde_json::json!(ids).to_string()
}

fn decode<'a, T: Deserialize<'a>>(table: &'static str, text: &'a str) -> Result<T, LoadError> {
    serde_json::from_str(text).map_err(|error| LoadError::Decode { table, source: error.into() })
}

/// Sorts what hangs below a community and puts its households into their groups.
fn sorted(mut community: Community) -> Community {
    community.grids.sort_unstable_by_key(|grid| grid.id);
    community.groups.sort_unstable_by_key(|group| group.id);
    community.workers.sort_unstable_by_key(|worker| worker.id);
    community.responders.sort_unstable_by_key(|responder| responder.id);
    community.policies.sort_unstable_by_key(|stored| stored.version.policy);
    community.households.sort_unstable_by_key(|household| household.id);
    let mut doors: Vec<(GroupId, u16, HouseholdId)> = community
        .households
        .iter()
        .map(|household| (household.group, household.position, household.id))
        .collect();
    doors.sort_unstable();
    for (group, _, household) in doors {
        let index = community.groups.binary_search_by_key(&group, |group| group.id);
        if let Some(group) = index.ok().and_then(|index| community.groups.get_mut(index)) {
            group.households.push(household);
        }
    }
    community
}
