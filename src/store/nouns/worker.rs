//! Community workers (社区工作者).

use super::fault::Checks;
use super::{
    FieldError, Home, Kind, Noun, NumberDraft, Statements, StoredNumber, Value, json_of,
    language_of, number, second, statements,
};
use lianfang_domain::directory::Language;
use lianfang_domain::id::{CommunityId, WorkerId};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

/// A community worker (社区工作者).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Worker {
    /// Their id.
    #[schema(value_type = u32)]
    pub id: WorkerId,
    /// Their community.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// Their name; no other worker of the community has it.
    pub name: String,
    /// The language that they are spoken to in; that of the community if they have none.
    #[schema(schema_with = super::fault::language_or_null)]
    pub language: Option<Language>,
    /// On duty now: called at every alarm of the community.
    pub is_on_duty: bool,
    /// Their numbers, in the order of calling.
    pub numbers: Vec<StoredNumber>,
    /// Counts their edits; their ETag.
    pub version: u32,
}

/// What is written of a worker.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerDraft {
    /// Their community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// Their name; no other worker of the community has it.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// The language that they are spoken to in; that of the community if they have none.
    #[serde(default)]
    #[schema(schema_with = super::fault::language_or_null)]
    pub language: Option<Language>,
    /// On duty now: called at every alarm of the community.
    #[serde(default)]
    pub is_on_duty: bool,
    /// Their numbers, in the order of calling.
    #[serde(default)]
    #[schema(max_items = 8)]
    pub numbers: Vec<NumberDraft>,
}

impl Noun for Worker {
    type Id = WorkerId;
    type Draft = WorkerDraft;

    const KIND: Kind = Kind::Worker;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Community, "community_id"));
    const SQL: Statements = statements!(
        "worker",
        "community_id",
        ["community_id", "name", "language", "is_on_duty", "numbers"]
    );

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: WorkerId(row.try_get("id")?),
            community_id: CommunityId(row.try_get("community_id")?),
            name: row.try_get("name")?,
            language: language_of(row)?,
            is_on_duty: row.try_get("is_on_duty")?,
            numbers: json_of(row, "numbers")?,
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> WorkerId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.community_id.into()
    }

    fn parent_of(draft: &WorkerDraft) -> u32 {
        draft.community_id.into()
    }

    fn values(draft: &WorkerDraft, home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        let mut checks = Checks::default();
        let values = vec![
            Value::Integer(draft.community_id.0.into()),
            checks.name("/name", &draft.name, 60),
            Value::tag(draft.language),
            Value::Integer(draft.is_on_duty.into()),
            number::list(&draft.numbers, home, &mut checks),
        ];
        checks.finish(values)
    }
}
