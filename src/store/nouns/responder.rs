//! People and desks outside the groups who may be called (响应人).

use super::fault::{Checks, at_field};
use super::{
    FieldError, Home, Kind, Noun, NumberDraft, Statements, StoredNumber, Value, json_of,
    language_of, number, second, statements,
};
use crate::store::StoreError;
use lianfang_domain::directory::{Language, ResponderKind};
use lianfang_domain::id::{CommunityId, GridId, HouseholdId, ResponderId};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

/// Skills of one responder.
const SKILLS_MAX: usize = 16;
/// Characters of one skill.
const SKILL_LEN_MAX: usize = 40;

/// Somebody outside the groups who may be called when a policy says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Responder {
    /// Their id.
    #[schema(value_type = u32)]
    pub id: ResponderId,
    /// Their community.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// Their name, or that of the team or desk; no other responder of the community has it.
    pub name: String,
    /// What they are to the community.
    #[schema(schema_with = kinds)]
    pub kind: ResponderKind,
    /// What they can do.
    pub skills: Vec<String>,
    /// The building that they are for; null for all.
    pub building: Option<String>,
    /// The language that they are spoken to in; that of the community if they have none.
    #[schema(schema_with = super::fault::language_or_null)]
    pub language: Option<Language>,
    /// Their numbers, in the order of calling.
    pub numbers: Vec<StoredNumber>,
    /// The grid that they are for; null for the whole community.
    #[schema(value_type = Option<u32>)]
    pub grid_id: Option<GridId>,
    /// The household whose personal helper they are.
    #[schema(value_type = Option<u32>)]
    pub household_id: Option<HouseholdId>,
    /// Counts their edits; their ETag.
    pub version: u32,
}

/// What is written of a responder.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponderDraft {
    /// Their community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// Their name, or that of the team or desk; no other responder of the community has it.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// What they are to the community.
    #[schema(schema_with = kinds)]
    pub kind: ResponderKind,
    /// What they can do, such as `first_aid`, `locksmith`, `keyholder`.
    #[serde(default)]
    #[schema(max_items = 16)]
    pub skills: Vec<String>,
    /// The building that they are for, as it stands in addresses; null for all.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 60)]
    pub building: Option<String>,
    /// The language that they are spoken to in; that of the community if they have none.
    #[serde(default)]
    #[schema(schema_with = super::fault::language_or_null)]
    pub language: Option<Language>,
    /// Their numbers, in the order of calling.
    #[serde(default)]
    #[schema(max_items = 10)]
    pub numbers: Vec<NumberDraft>,
    /// The grid that they are for; null for the whole community.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    pub grid_id: Option<GridId>,
    /// The household whose personal helper they are; helpers need one, nobody else has one.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    pub household_id: Option<HouseholdId>,
}

fn kinds() -> Schema {
    let names =
        ["helper", "building_head", "patrol", "volunteer", "street", "hotline", "loudspeaker"];
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
}

impl Noun for Responder {
    type Id = ResponderId;
    type Draft = ResponderDraft;

    const KIND: Kind = Kind::Responder;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Community, "community_id"));
    const SQL: Statements = statements!(
        "responder",
        "community_id",
        [
            "community_id",
            "name",
            "kind",
            "skills",
            "building",
            "language",
            "numbers",
            "grid_id",
            "household_id"
        ]
    );

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: ResponderId(row.try_get("id")?),
            community_id: CommunityId(row.try_get("community_id")?),
            name: row.try_get("name")?,
            kind: kind_of(row.try_get("kind")?)?,
            skills: json_of(row, "skills")?,
            building: row.try_get("building")?,
            language: language_of(row)?,
            numbers: json_of(row, "numbers")?,
            grid_id: row.try_get::<Option<u32>, _>("grid_id")?.map(GridId),
            household_id: row.try_get::<Option<u32>, _>("household_id")?.map(HouseholdId),
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> ResponderId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.community_id.into()
    }

    fn parent_of(draft: &ResponderDraft) -> u32 {
        draft.community_id.into()
    }

    fn values(draft: &ResponderDraft, home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        let mut checks = Checks::default();
        if (draft.kind == ResponderKind::Helper) != draft.household_id.is_some() {
            checks.add("/household_id", super::Fault::HelperHousehold);
        }
        let skill_fault = |skill: &str| {
            if skill.trim().is_empty() {
                Some(super::Fault::Empty)
            } else if SKILL_LEN_MAX < skill.chars().count() {
                Some(super::Fault::TooLong { max: SKILL_LEN_MAX })
            } else {
                skill.chars().any(char::is_control).then_some(super::Fault::ControlCharacter)
            }
        };
        let values = vec![
            Value::Integer(draft.community_id.0.into()),
            checks.name("/name", &draft.name, 60),
            Value::Text(kind_name(draft.kind)),
            checks.list("/skills", &draft.skills, SKILLS_MAX, skill_fault),
            match &draft.building {
                Some(building) => checks.name("/building", building, 60),
                None => Value::Null,
            },
            Value::tag(draft.language),
            number::list(&draft.numbers, home, &mut checks),
            draft.grid_id.map_or(Value::Null, |id| Value::Integer(id.0.into())),
            draft.household_id.map_or(Value::Null, |id| Value::Integer(id.0.into())),
        ];
        checks.finish(values)
    }

    async fn check_draft(
        draft: &ResponderDraft,
        change: &mut SqliteConnection,
    ) -> Result<Vec<FieldError>, StoreError> {
        let grid = draft.grid_id.map(|id| ("/grid_id", Kind::Grid, id.0));
        let household = draft.household_id.map(|id| ("/household_id", Kind::Household, id.0));
        let mut faults = Vec::new();
        for (pointer, kind, id) in [grid, household].into_iter().flatten() {
            faults.extend(at_field(pointer, kind, id, draft.community_id, change).await?);
        }
        Ok(faults)
    }
}

fn kind_name(kind: ResponderKind) -> String {
    serde_json::to_value(kind)
        .ok()
        .and_then(|name| Some(name.as_str()?.to_owned()))
        .unwrap_or_default()
}

fn kind_of(name: &str) -> Result<ResponderKind, sqlx::Error> {
    serde_json::from_value(name.into()).map_err(|error| sqlx::Error::Decode(error.into()))
}
