//! Groups (联防组).

use super::fault::Checks;
use super::{FieldError, Home, Kind, Noun, Statements, Value, second, statements};
use lianfang_domain::id::{GridId, GroupId};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

/// A group (联防组): about ten households that protect each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Group {
    /// Its id.
    #[schema(value_type = u32)]
    pub id: GroupId,
    /// The grid that it belongs to.
    #[schema(value_type = u32)]
    pub grid_id: GridId,
    /// Its name; no other group of the grid has it.
    pub name: String,
    /// Households wanted to be coming before the others are told to stay.
    pub acknowledgements_wanted: u8,
    /// Counts its edits; its ETag.
    pub version: u32,
}

/// What is written of a group.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupDraft {
    /// The grid that it belongs to; may change within the community.
    #[schema(value_type = u32)]
    pub grid_id: GridId,
    /// Its name; no other group of the grid has it.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// Households wanted to be coming before the others are told to stay; 2 if not given.
    #[serde(default = "acknowledgements_wanted")]
    #[schema(minimum = 1, maximum = 20, default = 2)]
    pub acknowledgements_wanted: u8,
}

fn acknowledgements_wanted() -> u8 {
    2
}

impl Noun for Group {
    type Id = GroupId;
    type Draft = GroupDraft;

    const KIND: Kind = Kind::Group;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Grid, "grid_id"));
    const SQL: Statements =
        statements!("household_group", "grid_id", ["grid_id", "name", "acknowledgements_wanted"]);

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: GroupId(row.try_get("id")?),
            grid_id: GridId(row.try_get("grid_id")?),
            name: row.try_get("name")?,
            acknowledgements_wanted: row.try_get("acknowledgements_wanted")?,
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> GroupId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.grid_id.into()
    }

    fn parent_of(draft: &GroupDraft) -> u32 {
        draft.grid_id.into()
    }

    fn values(draft: &GroupDraft, _home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        let mut checks = Checks::default();
        let values = vec![
            Value::Integer(draft.grid_id.0.into()),
            checks.name("/name", &draft.name, 100),
            checks.range("/acknowledgements_wanted", draft.acknowledgements_wanted.into(), 1..=20),
        ];
        checks.finish(values)
    }
}
