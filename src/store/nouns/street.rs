//! Streets (街道).

use super::fault::Checks;
use super::{FieldError, Home, Kind, Noun, Statements, Value, second, statements};
use lianfang_domain::id::StreetId;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

/// A street (街道): the top of the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Street {
    /// Its id.
    #[schema(value_type = u32)]
    pub id: StreetId,
    /// Its name; no other street has it.
    pub name: String,
    /// Counts its edits; its ETag.
    pub version: u32,
}

/// What is written of a street.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreetDraft {
    /// Its name; no other street has it.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
}

impl Noun for Street {
    type Id = StreetId;
    type Draft = StreetDraft;

    const KIND: Kind = Kind::Street;
    const PARENT: Option<(Kind, &'static str)> = None;
    const SQL: Statements = statements!("street", "id", ["name"]);

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: StreetId(row.try_get("id")?),
            name: row.try_get("name")?,
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> StreetId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        0
    }

    fn parent_of(_draft: &StreetDraft) -> u32 {
        0
    }

    fn values(draft: &StreetDraft, _home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        let mut checks = Checks::default();
        let values = vec![checks.name("/name", &draft.name, 100)];
        checks.finish(values)
    }
}
