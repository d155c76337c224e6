//! What an account reaches: everything, or one street, community or grid with all that is below it.
//!
//! A [`Place`] says where something belongs; [`Reach::covers`] and [`Reach::shows`] are the only rules there are.

use super::nouns::Kind;
use super::{Database, StoreError};
use lianfang_domain::id::{CommunityId, GridId, StreetId};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::collections::BTreeMap;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

/// What an account reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Reach {
    /// All there is, and what belongs to nobody.
    Everything,
    /// A street and all below it.
    Street(StreetId),
    /// A community and all below it.
    Community(CommunityId),
    /// A grid and all below it.
    Grid(GridId),
}

/// The text names no [`Reach`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("need everything, or street:ID, community:ID or grid:ID")]
pub struct ReachError;

impl std::str::FromStr for Reach {
    type Err = ReachError;

    fn from_str(text: &str) -> Result<Self, ReachError> {
        let (kind, id) = text.split_once(':').map_or((text, None), |(kind, id)| (kind, Some(id)));
        let id = id.map(|id| id.parse().map_err(|_| ReachError)).transpose()?;
        Self::of_stored(kind, id).ok_or(ReachError)
    }
}

impl std::fmt::Display for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.stored() {
            (kind, None) => f.write_str(kind),
            (kind, Some(id)) => write!(f, "{kind}:{id}"),
        }
    }
}

impl PartialSchema for Reach {
    fn schema() -> RefOr<Schema> {
        let kind = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([
            "everything",
            "street",
            "community",
            "grid",
        ]));
        let id = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .minimum(Some(0))
            .description(Some("Its id; not given for `everything`"));
        let reach = ObjectBuilder::new().property("kind", kind).required("kind").property("id", id);
        reach.into()
    }
}

impl ToSchema for Reach {}

/// Where something belongs; what is above all streets belongs nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The street.
    pub street: Option<StreetId>,
    /// The community; none for what is the street's own.
    pub community: Option<CommunityId>,
    /// The grid; none for what is for all grids of the community.
    pub grid: Option<GridId>,
}

impl Reach {
    /// Its kind and id, as they are stored.
    pub(super) fn stored(self) -> (&'static str, Option<u32>) {
        match self {
            Self::Everything => ("everything", None),
            Self::Street(id) => ("street", Some(id.0)),
            Self::Community(id) => ("community", Some(id.0)),
            Self::Grid(id) => ("grid", Some(id.0)),
        }
    }

    pub(super) fn of_stored(kind: &str, id: Option<u32>) -> Option<Self> {
        match (kind, id) {
            ("everything", None) => Some(Self::Everything),
            ("street", Some(id)) => Some(Self::Street(StreetId(id))),
            ("community", Some(id)) => Some(Self::Community(CommunityId(id))),
            ("grid", Some(id)) => Some(Self::Grid(GridId(id))),
            (_, _) => None,
        }
    }

    /// Whether what belongs there may be changed and acted on: it is within.
    #[must_use]
    pub fn covers(self, place: Place) -> bool {
        match self {
            Self::Everything => true,
            Self::Street(id) => place.street == Some(id),
            Self::Community(id) => place.community == Some(id),
            Self::Grid(id) => place.grid == Some(id),
        }
    }

    /// Whether what belongs there may be seen: it is within, or what is within stands on it. A grid is called by the
    /// policies of its community and by its duty workers; its people must see them. `own` is the place of the reach
    /// itself.
    #[must_use]
    pub fn shows(self, place: Place, own: Place) -> bool {
        let is_above = match place {
            Place { grid: Some(_), .. } => false,
            Place { community: Some(community), .. } => own.community == Some(community),
            Place { street: Some(street), .. } => own.street == Some(street),
            Place { street: None, .. } => true,
        };
        is_above || self.covers(place)
    }

    /// The place of the reach itself; none when it is gone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn place(self, database: &Database) -> Result<Option<Place>, StoreError> {
        match self {
            Self::Everything => Ok(Some(Place::default())),
            Self::Street(id) => place_of(database, Kind::Street, id.0).await,
            Self::Community(id) => place_of(database, Kind::Community, id.0).await,
            Self::Grid(id) => place_of(database, Kind::Grid, id.0).await,
        }
    }
}

/// How the place of a row is found: the tables behind it, and the columns in them.
struct Chain {
    from: &'static str,
    street: &'static str,
    community: &'static str,
    grid: &'static str,
}

macro_rules! joined {
    ($from:literal) => {
        Chain {
            from: concat!(
                $from,
                " JOIN grid g ON g.id = hg.grid_id JOIN community c ON c.id = g.community_id"
            ),
            street: "c.street_id",
            community: "c.id",
            grid: "g.id",
        }
    };
}

macro_rules! of_community {
    ($table:literal) => {
        Chain {
            from: concat!($table, " x JOIN community c ON c.id = x.community_id"),
            street: "c.street_id",
            community: "c.id",
            grid: "NULL",
        }
    };
}

const fn chain(kind: Kind) -> Chain {
    match kind {
        Kind::Street => Chain { from: "street x", street: "x.id", community: "NULL", grid: "NULL" },
        Kind::Community => {
            Chain { from: "community x", street: "x.street_id", community: "x.id", grid: "NULL" }
        }
        Kind::Grid => Chain {
            from: "grid x JOIN community c ON c.id = x.community_id",
            street: "c.street_id",
            community: "c.id",
            grid: "x.id",
        },
        Kind::Group => Chain {
            from: "household_group x JOIN grid g ON g.id = x.grid_id JOIN community c ON c.id = g.community_id",
            street: "c.street_id",
            community: "c.id",
            grid: "g.id",
        },
        Kind::Household => joined!("household x JOIN household_group hg ON hg.id = x.group_id"),
        Kind::Line => joined!(
            "line x JOIN household h ON h.id = x.household_id JOIN household_group hg ON hg.id = h.group_id"
        ),
        Kind::Contact => joined!(
            "contact x JOIN household h ON h.id = x.household_id JOIN household_group hg ON hg.id = h.group_id"
        ),
        Kind::Worker => of_community!("worker"),
        Kind::Responder => of_community!("responder"),
        Kind::Policy => of_community!("policy"),
        Kind::Post => of_community!("duty_post"),
        Kind::Rotation => of_community!("duty_rotation"),
        Kind::Shift => of_community!("duty_shift"),
        Kind::Override => of_community!("duty_override"),
        Kind::Swap => of_community!("duty_swap"),
        Kind::Absence => of_community!("duty_absence"),
    }
}

/// Where a row belongs; none when there is no such row.
///
/// # Errors
/// When the database fails.
pub async fn place_of(
    database: &Database,
    kind: Kind,
    id: u32,
) -> Result<Option<Place>, StoreError> {
    Ok(places_of(database, kind, &[id]).await?.remove(&id))
}

/// A row, and the street, community and grid that it belongs to.
type PlaceRow = (u32, Option<u32>, Option<u32>, Option<u32>);

/// Where rows belong; those that are not there are left out.
///
/// # Errors
/// When the database fails.
pub async fn places_of(
    database: &Database,
    kind: Kind,
    ids: &[u32],
) -> Result<BTreeMap<u32, Place>, StoreError> {
    let mut reader = database.reader().acquire().await.map_err(StoreError::Read)?;
    places_in(&mut reader, kind, ids).await
}

/// Where rows belong, as they are in this transaction; those that are not there are left out.
///
/// # Errors
/// When the database fails.
pub async fn places_in(
    connection: &mut SqliteConnection,
    kind: Kind,
    ids: &[u32],
) -> Result<BTreeMap<u32, Place>, StoreError> {
    let Chain { from, street, community, grid } = chain(kind);
    let sql = format!(
        "SELECT x.id, {street}, {community}, {grid} FROM {from}
        WHERE x.id IN (SELECT value FROM json_each(?1))"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(serde_json::json!(ids).to_string());
    let rows: Vec<PlaceRow> = query.fetch_all(connection).await.map_err(StoreError::Read)?;
    let place = |(id, street, community, grid): PlaceRow| {
        let street = street.map(StreetId);
        (id, Place { street, community: community.map(CommunityId), grid: grid.map(GridId) })
    };
    Ok(rows.into_iter().map(place).collect())
}

/// The condition, in SQL, that a row of `table` is shown by [`Reach::shows`].
pub(super) fn shown_sql(kind: Kind, table: &str, reach: Reach, own: Place) -> String {
    let Chain { from, street, community, grid } = chain(kind);
    let covered = match reach {
        Reach::Everything => return "TRUE".to_owned(),
        Reach::Street(id) => format!("{street} = {id}"),
        Reach::Community(id) => format!("{community} = {id}"),
        Reach::Grid(id) => format!("{grid} = {id}"),
    };
    let or_null = |id: Option<u32>| id.map_or_else(|| "NULL".to_owned(), |id| id.to_string());
    let own_street = or_null(own.street.map(|id| id.0));
    let own_community = or_null(own.community.map(|id| id.0));
    format!(
        "EXISTS (SELECT 1 FROM {from} WHERE x.id = {table}.id AND ({covered}
            OR ({grid} IS NULL AND {community} = {own_community})
            OR ({community} IS NULL AND {street} = {own_street})))"
    )
}

/// A query, in SQL, of the ids above `after` of rows that are shown by [`Reach::shows`]; `None` when all are. Goes from the
/// place down, so that it looks at no row that is elsewhere.
pub(super) fn shown_ids_sql(
    kind: Kind,
    (reach, own): (Reach, Place),
    after: u32,
) -> Option<String> {
    const NONE: &str = "NULL";
    let Chain { from, street, community, grid } = chain(kind);
    let covered = match reach {
        Reach::Everything => return None,
        Reach::Street(id) => (street, Some(id.0)),
        Reach::Community(id) => (community, Some(id.0)),
        Reach::Grid(id) => (grid, Some(id.0)),
    };
    let of_community = (grid == NONE).then_some((community, own.community.map(|id| id.0)));
    let of_street = (community == NONE).then_some((street, own.street.map(|id| id.0)));
    let ways = [Some(covered), of_community, of_street].into_iter().flatten();
    let ways = ways.filter(|(column, _)| *column != NONE);
    let ids = ways.filter_map(|(column, id)| {
        Some(format!("SELECT x.id FROM {from} WHERE {column} = {} AND {after} < x.id", id?))
    });
    let ids: Vec<String> = ids.collect();
    Some(if ids.is_empty() { "SELECT 0 WHERE FALSE".to_owned() } else { ids.join(" UNION ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn the_rows_of_a_place_are_found_from_the_place_down() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        let database = store.directory();
        for (kind, table) in
            [(Kind::Household, "household"), (Kind::Line, "line"), (Kind::Contact, "contact")]
        {
            for (reach, own) in [
                (Reach::Grid(GridId(3)), place(1, 2, 3)),
                (Reach::Community(CommunityId(2)), place(1, 2, 0)),
                (Reach::Street(StreetId(1)), place(1, 0, 0)),
            ] {
                let ids = shown_ids_sql(kind, (reach, own), 7).expect("a query");
                let sql = format!(
                    "EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE id IN ({ids}) ORDER BY id LIMIT 50"
                );
                let query = sqlx::query_as(AssertSqlSafe(sql));
                let plan: Vec<(u32, u32, u32, String)> =
                    query.fetch_all(database.reader()).await.expect("explains");
                let way: Vec<&str> = plan.iter().map(|(.., step)| step.as_str()).collect();
                let walks = |step: &&str| step.starts_with("SCAN") || step.contains("(rowid>");
                assert_eq!(way.iter().find(|step| walks(step)), None, "{table} {reach}: {way:#?}");
                let is_by_group = |step: &&str| step.contains("household_by_group");
                let is_by_name = |step: &&str| step.contains("autoindex_household_1");
                assert!(way.iter().any(|step| is_by_group(step) || is_by_name(step)), "{way:#?}");
            }
        }
    }

    fn place(street: u32, community: u32, grid: u32) -> Place {
        let some = |id: u32| (0 < id).then_some(id);
        Place {
            street: some(street).map(StreetId),
            community: some(community).map(CommunityId),
            grid: some(grid).map(GridId),
        }
    }

    #[test]
    fn a_reach_is_read_as_it_is_written() {
        for text in ["everything", "street:1", "community:2", "grid:3"] {
            assert_eq!(text.parse::<Reach>().map(|reach| reach.to_string()), Ok(text.to_owned()));
        }
        for wrong in ["", "everything:1", "street", "street:x", "house:1", "street:-1"] {
            assert_eq!(wrong.parse::<Reach>(), Err(ReachError), "{wrong}");
        }
    }

    #[test]
    fn what_is_within_is_covered_and_what_it_stands_on_is_shown() {
        let check = |reach: Reach, own: Place, at: Place, covers: bool, shows: bool| {
            assert_eq!(
                (reach.covers(at), reach.shows(at, own)),
                (covers, shows),
                "{reach:?} {at:?}"
            );
        };
        let everything = Reach::Everything;
        check(everything, Place::default(), place(1, 2, 3), true, true);
        check(everything, Place::default(), Place::default(), true, true);
        let (street, own) = (Reach::Street(StreetId(1)), place(1, 0, 0));
        check(street, own, Place::default(), false, true);
        check(street, own, place(1, 0, 0), true, true);
        check(street, own, place(1, 2, 3), true, true);
        check(street, own, place(9, 0, 0), false, false);
        check(street, own, place(9, 8, 0), false, false);
        let (community, own) = (Reach::Community(CommunityId(2)), place(1, 2, 0));
        check(community, own, place(1, 0, 0), false, true);
        check(community, own, place(1, 2, 0), true, true);
        check(community, own, place(1, 2, 3), true, true);
        check(community, own, place(1, 8, 0), false, false);
        check(community, own, place(1, 8, 7), false, false);
        check(community, own, place(9, 0, 0), false, false);
        let (grid, own) = (Reach::Grid(GridId(3)), place(1, 2, 3));
        check(grid, own, place(1, 0, 0), false, true);
        check(grid, own, place(1, 2, 0), false, true);
        check(grid, own, place(1, 2, 3), true, true);
        check(grid, own, place(1, 2, 7), false, false);
        check(grid, own, place(1, 8, 0), false, false);
    }
}
