//! Posts of the duty roster (岗位).

use super::{id_of, id_or_null, id_or_null_of, word_of};
use crate::store::nouns::fault::{Checks, Fault};
use crate::store::nouns::{FieldError, Home, Kind, Noun, Statements, Value, second, statements};
use lianfang_domain::id::{CommunityId, GridId, PostId};
use lianfang_domain::roster;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

/// When somebody must hold a post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cover {
    /// Round the clock.
    #[default]
    Always,
    /// While it has a shift.
    Shifts,
}

/// A post (岗位): something that somebody is to be on duty for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Post {
    /// Its id.
    #[schema(value_type = u32)]
    pub id: PostId,
    /// The community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// The grid that it is for; the whole community if none.
    #[schema(value_type = Option<u32>)]
    pub grid_id: Option<GridId>,
    /// What policies call it: `A`, `B`, `leader`, `grid` or any other word. Posts of one code are held together.
    pub code: String,
    /// Its name; no other post of the community has it.
    pub name: String,
    /// When somebody must be there; a moment without anybody is then found as a gap.
    pub cover: Cover,
    /// Counts its edits; its ETag.
    pub version: u32,
}

/// What is written of a post.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostDraft {
    /// The community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// The grid that it is for; the whole community if none.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    pub grid_id: Option<GridId>,
    /// What policies call it: `A`, `B`, `leader`, `grid` or any other word. Posts of one code are held together.
    #[schema(min_length = 1, max_length = 32, example = "A")]
    pub code: String,
    /// Its name; no other post of the community has it.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// When somebody must be there; a moment without anybody is then found as a gap.
    #[serde(default)]
    pub cover: Cover,
}

impl Cover {
    /// What the roster calls it.
    pub(in crate::store) fn into_domain(self) -> roster::Cover {
        match self {
            Self::Always => roster::Cover::Always,
            Self::Shifts => roster::Cover::Shifts,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Shifts => "shifts",
        }
    }
}

impl Noun for Post {
    type Id = PostId;
    type Draft = PostDraft;

    const KIND: Kind = Kind::Post;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Community, "community_id"));
    const SQL: Statements = statements!(
        "duty_post",
        "community_id",
        ["community_id", "grid_id", "code", "name", "cover"]
    );

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: id_of(row, "id")?,
            community_id: id_of(row, "community_id")?,
            grid_id: id_or_null_of(row, "grid_id")?,
            code: row.try_get("code")?,
            name: row.try_get("name")?,
            cover: word_of(row, "cover")?,
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> PostId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.community_id.into()
    }

    fn parent_of(draft: &PostDraft) -> u32 {
        draft.community_id.into()
    }

    fn values(draft: &PostDraft, _home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        let mut checks = Checks::default();
        if draft.code.chars().any(char::is_whitespace) {
            checks.add("/code", Fault::PostCode);
        }
        let values = vec![
            Value::Integer(draft.community_id.0.into()),
            id_or_null(draft.grid_id),
            checks.name("/code", &draft.code, 32),
            checks.name("/name", &draft.name, 60),
            Value::Text(draft.cover.word().to_owned()),
        ];
        checks.finish(values)
    }
}
