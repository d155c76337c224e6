//! Overrides of the shifts of a post (替班).

use super::{id_of, id_or_null, id_or_null_of, moment, moment_of};
use crate::store::nouns::fault::Checks;
use crate::store::nouns::{FieldError, Home, Kind, Noun, Statements, Value, second, statements};
use jiff::Timestamp;
use lianfang_domain::id::{CommunityId, OverrideId, PostId, WorkerId};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

/// An override (替班): this worker holds a post for a while, whatever its shifts say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Override {
    /// Its id.
    #[schema(value_type = u32)]
    pub id: OverrideId,
    /// The community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// The post.
    #[schema(value_type = u32)]
    pub post_id: PostId,
    /// Who holds it.
    #[schema(value_type = u32)]
    pub worker_id: WorkerId,
    /// Instead of whom; of everybody on the post if not given.
    #[schema(value_type = Option<u32>)]
    pub instead_of_id: Option<WorkerId>,
    /// From when, such as `2026-11-23T08:00:00+08:00`.
    #[schema(value_type = String)]
    pub from: Timestamp,
    /// Until when.
    #[schema(value_type = String)]
    pub to: Timestamp,
    /// Counts its edits; its ETag.
    pub version: u32,
}

/// What is written of an override.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideDraft {
    /// The community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// The post.
    #[schema(value_type = u32)]
    pub post_id: PostId,
    /// Who holds it.
    #[schema(value_type = u32)]
    pub worker_id: WorkerId,
    /// Instead of whom; of everybody on the post if not given.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    pub instead_of_id: Option<WorkerId>,
    /// From when, such as `2026-11-23T08:00:00+08:00`.
    #[schema(value_type = String)]
    pub from: Timestamp,
    /// Until when.
    #[schema(value_type = String)]
    pub to: Timestamp,
}

impl Noun for Override {
    type Id = OverrideId;
    type Draft = OverrideDraft;

    const KIND: Kind = Kind::Override;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Community, "community_id"));
    const SQL: Statements = statements!(
        "duty_override",
        "community_id",
        ["community_id", "post_id", "worker_id", "instead_of_id", "from_us", "to_us"]
    );

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: id_of(row, "id")?,
            community_id: id_of(row, "community_id")?,
            post_id: id_of(row, "post_id")?,
            worker_id: id_of(row, "worker_id")?,
            instead_of_id: id_or_null_of(row, "instead_of_id")?,
            from: moment_of(row, "from_us")?,
            to: moment_of(row, "to_us")?,
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> OverrideId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.community_id.into()
    }

    fn parent_of(draft: &OverrideDraft) -> u32 {
        draft.community_id.into()
    }

    fn values(draft: &OverrideDraft, _home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        Checks::default().finish(vec![
            Value::Integer(draft.community_id.0.into()),
            Value::Integer(draft.post_id.0.into()),
            Value::Integer(draft.worker_id.0.into()),
            id_or_null(draft.instead_of_id),
            moment(draft.from),
            moment(draft.to),
        ])
    }
}
