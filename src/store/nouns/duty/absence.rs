//! Absences of workers (请假), and who stands in for all of their duty (全程代理).

use super::{id_of, id_or_null, id_or_null_of, moment, moment_of};
use crate::store::nouns::fault::Checks;
use crate::store::nouns::{FieldError, Home, Kind, Noun, Statements, Value, second, statements};
use jiff::Timestamp;
use lianfang_domain::id::{AbsenceId, CommunityId, WorkerId};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

/// An absence (请假): a worker is away, and another takes all of their duty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Absence {
    /// Its id.
    #[schema(value_type = u32)]
    pub id: AbsenceId,
    /// The community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// Who is away.
    #[schema(value_type = u32)]
    pub worker_id: WorkerId,
    /// Who stands in on every post (全程代理).
    #[schema(value_type = Option<u32>)]
    pub stand_in_id: Option<WorkerId>,
    /// From when, such as `2026-11-23T08:00:00+08:00`.
    #[schema(value_type = String)]
    pub from: Timestamp,
    /// Until when.
    #[schema(value_type = String)]
    pub to: Timestamp,
    /// Counts its edits; its ETag.
    pub version: u32,
}

/// What is written of an absence.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AbsenceDraft {
    /// The community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// Who is away.
    #[schema(value_type = u32)]
    pub worker_id: WorkerId,
    /// Who stands in on every post (全程代理).
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    pub stand_in_id: Option<WorkerId>,
    /// From when, such as `2026-11-23T08:00:00+08:00`.
    #[schema(value_type = String)]
    pub from: Timestamp,
    /// Until when.
    #[schema(value_type = String)]
    pub to: Timestamp,
}

impl Noun for Absence {
    type Id = AbsenceId;
    type Draft = AbsenceDraft;

    const KIND: Kind = Kind::Absence;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Community, "community_id"));
    const SQL: Statements = statements!(
        "duty_absence",
        "community_id",
        ["community_id", "worker_id", "stand_in_id", "from_us", "to_us"]
    );

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: id_of(row, "id")?,
            community_id: id_of(row, "community_id")?,
            worker_id: id_of(row, "worker_id")?,
            stand_in_id: id_or_null_of(row, "stand_in_id")?,
            from: moment_of(row, "from_us")?,
            to: moment_of(row, "to_us")?,
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> AbsenceId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.community_id.into()
    }

    fn parent_of(draft: &AbsenceDraft) -> u32 {
        draft.community_id.into()
    }

    fn values(draft: &AbsenceDraft, _home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        Checks::default().finish(vec![
            Value::Integer(draft.community_id.0.into()),
            Value::Integer(draft.worker_id.0.into()),
            id_or_null(draft.stand_in_id),
            moment(draft.from),
            moment(draft.to),
        ])
    }
}
