//! Grids (网格).

use super::fault::Checks;
use super::{FieldError, Home, Kind, Noun, Statements, Value, second, statements};
use lianfang_domain::id::{CommunityId, GridId};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

/// A grid (网格) of a community.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Grid {
    /// Its id.
    #[schema(value_type = u32)]
    pub id: GridId,
    /// The community that it belongs to.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// Its name; no other grid of the community has it.
    pub name: String,
    /// Counts its edits; its ETag.
    pub version: u32,
}

/// What is written of a grid.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GridDraft {
    /// The community that it belongs to; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// Its name; no other grid of the community has it.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
}

impl Noun for Grid {
    type Id = GridId;
    type Draft = GridDraft;

    const KIND: Kind = Kind::Grid;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Community, "community_id"));
    const SQL: Statements = statements!("grid", "community_id", ["community_id", "name"]);

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: GridId(row.try_get("id")?),
            community_id: CommunityId(row.try_get("community_id")?),
            name: row.try_get("name")?,
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> GridId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.community_id.into()
    }

    fn parent_of(draft: &GridDraft) -> u32 {
        draft.community_id.into()
    }

    fn values(draft: &GridDraft, _home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        let mut checks = Checks::default();
        let values = vec![
            Value::Integer(draft.community_id.0.into()),
            checks.name("/name", &draft.name, 100),
        ];
        checks.finish(values)
    }
}
