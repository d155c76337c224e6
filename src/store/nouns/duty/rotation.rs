//! Rotations of workers (轮班).

use super::{id_of, word_of, workers};
use crate::store::nouns::fault::Checks;
use crate::store::nouns::{
    FieldError, Home, Kind, Noun, Statements, Value, json_of, second, statements,
};
use jiff::civil::Date;
use lianfang_domain::id::{CommunityId, RotationId, WorkerId};
use lianfang_domain::roster::Every;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

/// What a turn is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TurnUnit {
    /// Days.
    Days,
    /// Weeks, from the weekday of the anchor.
    Weeks,
    /// Shifts, of all that the rotation holds.
    Shifts,
}

/// A rotation (轮班): workers who take turns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rotation {
    /// Its id.
    #[schema(value_type = u32)]
    pub id: RotationId,
    /// The community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// Its name; no other rotation of the community has it.
    pub name: String,
    /// Who, in the order of their turns.
    #[schema(value_type = Vec<u32>)]
    pub worker_ids: Vec<WorkerId>,
    /// How many of them hold a shift together.
    pub at_once: u8,
    /// How long a turn is, in `unit`.
    pub every: u16,
    /// What a turn is counted in.
    pub unit: TurnUnit,
    /// The day on which the first one's turn begins, such as `2026-11-23`.
    #[schema(value_type = String)]
    pub anchor: Date,
    /// Counts its edits; its ETag.
    pub version: u32,
}

/// What is written of a rotation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotationDraft {
    /// The community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// Its name; no other rotation of the community has it.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// Who, in the order of their turns.
    #[schema(value_type = Vec<u32>, min_items = 1, max_items = 64)]
    pub worker_ids: Vec<WorkerId>,
    /// How many of them hold a shift together.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 16, default = 1)]
    pub at_once: u8,
    /// How long a turn is, in `unit`.
    #[schema(minimum = 1, maximum = 366)]
    pub every: u16,
    /// What a turn is counted in.
    pub unit: TurnUnit,
    /// The day on which the first one's turn begins, such as `2026-11-23`.
    #[schema(value_type = String)]
    pub anchor: Date,
}

fn one() -> u8 {
    1
}

impl TurnUnit {
    /// So many of them, as the roster calls it.
    pub(in crate::store) fn times(self, count: u16) -> Every {
        match self {
            Self::Days => Every::Days(count),
            Self::Weeks => Every::Weeks(count),
            Self::Shifts => Every::Shifts(count),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Weeks => "weeks",
            Self::Shifts => "shifts",
        }
    }
}

impl Noun for Rotation {
    type Id = RotationId;
    type Draft = RotationDraft;

    const KIND: Kind = Kind::Rotation;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Community, "community_id"));
    const SQL: Statements = statements!(
        "duty_rotation",
        "community_id",
        ["community_id", "name", "worker_ids", "at_once", "every", "unit", "anchor"]
    );

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: id_of(row, "id")?,
            community_id: id_of(row, "community_id")?,
            name: row.try_get("name")?,
            worker_ids: json_of(row, "worker_ids")?,
            at_once: row.try_get("at_once")?,
            every: row.try_get("every")?,
            unit: word_of(row, "unit")?,
            anchor: word_of(row, "anchor")?,
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> RotationId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.community_id.into()
    }

    fn parent_of(draft: &RotationDraft) -> u32 {
        draft.community_id.into()
    }

    fn values(draft: &RotationDraft, _home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        let mut checks = Checks::default();
        let values = vec![
            Value::Integer(draft.community_id.0.into()),
            checks.name("/name", &draft.name, 60),
            workers("/worker_ids", &draft.worker_ids, &mut checks),
            checks.range("/at_once", draft.at_once.into(), 1..=16),
            checks.range("/every", draft.every.into(), 1..=366),
            Value::Text(draft.unit.word().to_owned()),
            Value::Text(draft.anchor.to_string()),
        ];
        checks.finish(values)
    }
}
