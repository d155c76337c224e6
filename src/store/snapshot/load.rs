//! The SQL of the snapshot. Rows come as JSON arrays of many households at once: a row a step costs ten times the CPU.

use super::LoadError;
use crate::store::Database;
use crate::store::number::StoredNumber;
use lianfang_domain::directory::{
    Address, Community, Contact, ContactNumber, DigestAlgorithm, Grid, Group, Household, Language,
    Line, LineSecret, LineUse, Street, Worker,
};
use lianfang_domain::id::{
    CommunityId, ContactId, GridId, GroupId, HouseholdId, LineId, StreetId, WorkerId,
};
use lianfang_domain::phone::PhoneNumber;
use serde::Deserialize;
use sqlx::{Sqlite, Transaction};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Communities in one statement: some 10,000 households, or 2 MiB of JSON.
const COMMUNITIES_AT_ONCE: usize = 8;

const VERSION: &str = "SELECT version FROM directory_version";
const STREETS: &str = "SELECT json_group_array(json_array(id, name)) FROM street";
const CHANGED: &str =
    "SELECT json_group_array(id) FROM community WHERE ?1 IS NULL OR ?1 < changed_version";
const COMMUNITIES: &str = "SELECT json_group_array(json_array(
        c.id, c.street_id, c.name, c.area_code, c.language, c.time_zone,
        json(c.alarm_codes), json(c.access_numbers)))
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
const HOUSEHOLDS: &str = "SELECT json_group_array(json_array(
        grid.community_id, h.id, h.group_id, h.name, h.place, h.building, h.unit, h.floor, h.door,
        h.pronunciation, h.position, h.language,
        json((SELECT json_group_array(json_array(
            l.id, l.number_key, l.number_written, l.account, l.hotline_grace_s, l.is_silent,
            json((SELECT json_group_array(json_array(s.algorithm, s.realm, s.ha1))
                FROM line_secret AS s WHERE s.line_id = l.id))))
            FROM line AS l WHERE l.household_id = h.id)),
        json((SELECT json_group_array(json_array(p.id, p.rank, p.name, p.language, json(p.numbers)))
            FROM contact AS p WHERE p.household_id = h.id))))
    FROM json_each(?1) AS wanted JOIN grid ON grid.community_id = wanted.value
    JOIN household_group AS g ON g.grid_id = grid.id JOIN household AS h ON h.group_id = g.id";

#[derive(Deserialize)]
struct CommunityRow {
    id: CommunityId,
    street: StreetId,
    name: Arc<str>,
    area_code: Arc<str>,
    language: String,
    time_zone: Arc<str>,
    alarm_codes: Vec<Arc<str>>,
    access_numbers: Vec<Arc<str>>,
}

#[derive(Deserialize)]
struct GridRow {
    community: CommunityId,
    id: GridId,
    name: Arc<str>,
}

#[derive(Deserialize)]
struct GroupRow {
    community: CommunityId,
    id: GroupId,
    grid: GridId,
    name: Arc<str>,
    acknowledgements_wanted: u8,
}

#[derive(Deserialize)]
struct WorkerRow {
    community: CommunityId,
    id: WorkerId,
    name: Arc<str>,
    language: Option<String>,
    is_on_duty: u8,
    numbers: Vec<StoredNumber>,
}

#[derive(Deserialize)]
struct HouseholdRow<'a> {
    community: CommunityId,
    id: HouseholdId,
    group: GroupId,
    name: Arc<str>,
    #[serde(borrow)]
    place: Cow<'a, str>,
    #[serde(borrow)]
    building: Cow<'a, str>,
    #[serde(borrow)]
    unit: Cow<'a, str>,
    #[serde(borrow)]
    floor: Cow<'a, str>,
    #[serde(borrow)]
    door: Cow<'a, str>,
    pronunciation: Option<Arc<str>>,
    position: u16,
    #[serde(borrow)]
    language: Option<Cow<'a, str>>,
    #[serde(borrow)]
    lines: Vec<LineRow<'a>>,
    #[serde(borrow)]
    contacts: Vec<ContactRow<'a>>,
}

#[derive(Deserialize)]
struct LineRow<'a> {
    id: LineId,
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    written: Cow<'a, str>,
    account: Arc<str>,
    hotline_grace_s: Option<u8>,
    is_silent: u8,
    #[serde(borrow)]
    secrets: Vec<SecretRow<'a>>,
}

#[derive(Deserialize)]
struct SecretRow<'a> {
    algorithm: DigestAlgorithm,
    #[serde(borrow)]
    realm: Cow<'a, str>,
    ha1: Arc<str>,
}

#[derive(Deserialize)]
struct ContactRow<'a> {
    id: ContactId,
    rank: u8,
    name: Arc<str>,
    #[serde(borrow)]
    language: Option<Cow<'a, str>>,
    numbers: Vec<StoredNumber>,
}

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
        let rows: Vec<CommunityRow> = decode("communities", &self.text(COMMUNITIES, &ids).await?)?;
        let mut communities: BTreeMap<CommunityId, Community> =
            rows.into_iter().map(|row| (row.id, row.into_domain())).collect();

        let rows: Vec<GridRow> = decode("grids", &self.text(GRIDS, &ids).await?)?;
        for GridRow { community, id, name } in rows {
            if let Some(community) = communities.get_mut(&community) {
                community.grids.push(Grid { id, name });
            }
        }
        let rows: Vec<GroupRow> = decode("groups", &self.text(GROUPS, &ids).await?)?;
        for row in rows {
            if let Some(community) = communities.get_mut(&row.community) {
                community.groups.push(row.into_domain());
            }
        }
        let rows: Vec<WorkerRow> = decode("workers", &self.text(WORKERS, &ids).await?)?;
        for row in rows {
            if let Some(community) = communities.get_mut(&row.community) {
                let worker = row.into_domain(community.language);
                community.workers.push(worker);
            }
        }
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

    async fn text(&mut self, sql: &'static str, ids: &str) -> Result<String, LoadError> {
        let query = sqlx::query_scalar(sql).bind(ids);
        query.fetch_one(&mut *self.read).await.map_err(LoadError::Read)
    }
}

/// A JSON array of ids, as a parameter of SQL.
pub(super) fn ids_json(ids: &[CommunityId]) -> String {
    serde_json::json!(ids).to_string()
}

fn decode<'a, T: Deserialize<'a>>(table: &'static str, text: &'a str) -> Result<T, LoadError> {
    serde_json::from_str(text).map_err(|source| LoadError::Decode { table, source })
}

/// Sorts what hangs below a community and puts its households into their groups.
fn sorted(mut community: Community) -> Community {
    community.grids.sort_unstable_by_key(|grid| grid.id);
    community.groups.sort_unstable_by_key(|group| group.id);
    community.workers.sort_unstable_by_key(|worker| worker.id);
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

fn language(tag: Option<&str>, otherwise: Language) -> Language {
    tag.and_then(Language::of_tag).unwrap_or(otherwise)
}

fn numbers(rows: Vec<StoredNumber>) -> Vec<ContactNumber> {
    rows.into_iter().map(StoredNumber::into_domain).collect()
}

impl CommunityRow {
    fn into_domain(self) -> Community {
        Community {
            id: self.id,
            street: self.street,
            name: self.name,
            area_code: self.area_code,
            language: language(Some(&self.language), Language::default()),
            time_zone: self.time_zone,
            alarm_codes: self.alarm_codes,
            access_numbers: self.access_numbers,
            grids: Vec::new(),
            groups: Vec::new(),
            households: Vec::new(),
            workers: Vec::new(),
        }
    }
}

impl GroupRow {
    fn into_domain(self) -> Group {
        Group {
            id: self.id,
            grid: self.grid,
            name: self.name,
            acknowledgements_wanted: self.acknowledgements_wanted,
            households: Vec::new(),
        }
    }
}

impl WorkerRow {
    fn into_domain(self, otherwise: Language) -> Worker {
        Worker {
            id: self.id,
            name: self.name,
            language: language(self.language.as_deref(), otherwise),
            is_on_duty: self.is_on_duty != 0,
            numbers: numbers(self.numbers),
        }
    }
}

impl HouseholdRow<'_> {
    fn into_domain(self, otherwise: Language, words: &mut Words) -> Household {
        let own = language(self.language.as_deref(), otherwise);
        let mut lines: Vec<Line> =
            self.lines.into_iter().map(|line| line.into_domain(words)).collect();
        lines.sort_unstable_by_key(|line| line.id);
        let mut contacts = self.contacts;
        contacts.sort_unstable_by_key(|contact| (contact.rank, contact.id));
        Household {
            id: self.id,
            group: self.group,
            name: self.name,
            address: Address {
                place: words.shared(&self.place),
                building: words.shared(&self.building),
                unit: words.shared(&self.unit),
                floor: words.shared(&self.floor),
                door: words.shared(&self.door),
            },
            pronunciation: self.pronunciation,
            position: self.position,
            language: own,
            lines,
            contacts: contacts.into_iter().map(|contact| contact.into_domain(own)).collect(),
        }
    }
}

impl LineRow<'_> {
    fn into_domain(self, words: &mut Words) -> Line {
        let secret = |row: SecretRow<'_>| LineSecret {
            algorithm: row.algorithm,
            realm: words.shared(&row.realm),
            ha1: row.ha1,
        };
        Line {
            id: self.id,
            number: PhoneNumber::from_parts(&self.key, &self.written),
            account: self.account,
            line_use: self
                .hotline_grace_s
                .map_or(LineUse::Code, |grace_s| LineUse::Hotline { grace_s }),
            is_silent: self.is_silent != 0,
            secrets: self.secrets.into_iter().map(secret).collect(),
        }
    }
}

impl ContactRow<'_> {
    fn into_domain(self, otherwise: Language) -> Contact {
        Contact {
            id: self.id,
            name: self.name,
            language: language(self.language.as_deref(), otherwise),
            numbers: numbers(self.numbers),
        }
    }
}

/// Gives equal words one place in memory: buildings, units and floors repeat a million times.
#[derive(Debug, Default)]
struct Words(HashSet<Arc<str>>);

impl Words {
    fn shared(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.0.get(word) {
            return Arc::clone(known);
        }
        let new: Arc<str> = word.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}
