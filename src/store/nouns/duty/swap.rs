//! Swaps of duty between two workers (换班), in force once the other agreed.

use super::{id_of, id_or_null_of, moment, moment_of, word_of};
use crate::store::audit::{Action, Edit, Editor};
use crate::store::history;
use crate::store::nouns::fault::{Checks, Fault};
use crate::store::nouns::{
    FieldError, Home, Kind, Noun, NounError, Statements, StoreError, Value, second, statements,
};
use crate::store::roster::{impossible, refuse_impossible};
use crate::store::snapshot::count_edit;
use jiff::Timestamp;
use lianfang_domain::id::{CommunityId, PostId, SwapId, WorkerId};
use lianfang_domain::roster::{self, Span, SwapError, SwapState};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use utoipa::ToSchema;

/// Duty that is given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// The post.
    #[schema(value_type = u32)]
    pub post_id: PostId,
    /// From when, such as `2026-11-23T08:00:00+08:00`.
    #[schema(value_type = String)]
    pub from: Timestamp,
    /// Until when.
    #[schema(value_type = String)]
    pub to: Timestamp,
}

/// A swap of duty (换班).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Swap {
    /// Its id.
    #[schema(value_type = u32)]
    pub id: SwapId,
    /// The community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// Who asks.
    #[schema(value_type = u32)]
    pub proposer_id: WorkerId,
    /// Who is asked.
    #[schema(value_type = u32)]
    pub other_id: WorkerId,
    /// The duty of the proposer that the other takes.
    pub gives: Turn,
    /// The duty of the other that the proposer takes in return, if any.
    pub takes: Option<Turn>,
    /// How far it is: `proposed`, `agreed` or `withdrawn`.
    #[schema(value_type = String)]
    pub state: SwapState,
    /// Who agreed or withdrew.
    #[schema(value_type = Option<u32>)]
    pub decided_by_id: Option<WorkerId>,
    /// When they did.
    #[schema(value_type = Option<String>)]
    pub decided_at: Option<Timestamp>,
    /// Counts its edits; its ETag.
    pub version: u32,
}

/// What is written of a swap.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwapDraft {
    /// The community; it never changes.
    #[schema(value_type = u32)]
    pub community_id: CommunityId,
    /// Who asks.
    #[schema(value_type = u32)]
    pub proposer_id: WorkerId,
    /// Who is asked.
    #[schema(value_type = u32)]
    pub other_id: WorkerId,
    /// The duty of the proposer that the other takes.
    pub gives: Turn,
    /// The duty of the other that the proposer takes in return, if any.
    #[serde(default)]
    pub takes: Option<Turn>,
}

fn turn_of(row: &SqliteRow, columns: [&str; 3]) -> Result<Turn, sqlx::Error> {
    let [post, from, to] = columns;
    Ok(Turn { post_id: id_of(row, post)?, from: moment_of(row, from)?, to: moment_of(row, to)? })
}

fn takes_of(row: &SqliteRow) -> Result<Option<Turn>, sqlx::Error> {
    let post: Option<PostId> = id_or_null_of(row, "takes_post_id")?;
    post.map(|_| turn_of(row, ["takes_post_id", "takes_from_us", "takes_to_us"])).transpose()
}

fn decided_of(row: &SqliteRow) -> Result<Option<Timestamp>, sqlx::Error> {
    let at: Option<i64> = row.try_get("decided_us")?;
    at.map(|_| moment_of(row, "decided_us")).transpose()
}

impl Turn {
    fn into_domain(self) -> roster::Turn {
        roster::Turn { post: self.post_id, span: Span { from: self.from, to: self.to } }
    }

    fn values(self) -> [Value; 3] {
        [Value::Integer(self.post_id.0.into()), moment(self.from), moment(self.to)]
    }
}

impl Swap {
    /// What the roster makes of it.
    pub(in crate::store) fn domain(&self) -> roster::Swap {
        roster::Swap {
            id: self.id,
            proposer: self.proposer_id,
            other: self.other_id,
            gives: self.gives.into_domain(),
            takes: self.takes.map(Turn::into_domain),
            state: self.state,
        }
    }
}

/// What one of the two says to a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The other agrees.
    Agree,
    /// One of the two takes it back or declines.
    Withdraw,
}

/// Why a swap was not agreed or withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The rules of swaps are against it.
    #[error(transparent)]
    Swap(#[from] SwapError),
    /// It cannot be read or written, or would make the roster impossible.
    #[error(transparent)]
    Noun(#[from] NounError),
}

impl From<StoreError> for AnswerError {
    fn from(error: StoreError) -> Self {
        Self::Noun(error.into())
    }
}

/// Notes what a worker says to a swap. Saying the same twice changes nothing.
///
/// # Errors
/// When there is no such swap, the worker may not say so, or the database fails.
pub async fn answer(
    editor: &Editor<'_>,
    id: SwapId,
    answer: Answer,
    by: WorkerId,
) -> Result<Swap, AnswerError> {
    const DECIDE: &str = "UPDATE duty_swap SET state = ?, decided_by_id = ?, decided_us = ?,
        version = version + 1 WHERE id = ? RETURNING *";
    let now = editor.at;
    let mut change = editor.write().await?;
    let query = sqlx::query(Swap::SQL.get).bind(id.0);
    let row = query.fetch_optional(&mut *change).await.map_err(StoreError::Read)?;
    let swap = Swap::read(&row.ok_or(NounError::NotFound)?).map_err(StoreError::Read)?;
    let (state, word) = match answer {
        Answer::Agree => (swap.domain().agree(by, now)?, "agreed"),
        Answer::Withdraw => (swap.domain().withdraw(by)?, "withdrawn"),
    };
    if state == swap.state {
        return Ok(swap);
    }
    let before = impossible(&mut change, &[swap.community_id]).await?;
    let was = history::look(&mut change, Swap::SQL.table, &[id.0.into()]).await?;
    let query = sqlx::query(DECIDE).bind(word).bind(by.0).bind(now.as_microsecond()).bind(id.0);
    let row = query.fetch_one(&mut *change).await.map_err(StoreError::Write)?;
    let swap = Swap::read(&row).map_err(StoreError::Read)?;
    refuse_impossible(&mut change, swap.community_id, &before).await?;
    let directory_version = count_edit(&mut change, &[swap.community_id]).await?;
    let edit = Edit {
        action: Action::Replace,
        table: Swap::SQL.table,
        row_id: id.0.into(),
        version: swap.version,
        directory_version,
    };
    editor.enter(&mut change, &edit).await?;
    history::keep(editor, &mut change, (Swap::SQL.table, &was)).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(swap)
}

impl Noun for Swap {
    type Id = SwapId;
    type Draft = SwapDraft;

    const KIND: Kind = Kind::Swap;
    const PARENT: Option<(Kind, &'static str)> = Some((Kind::Community, "community_id"));
    const SQL: Statements = statements!(
        "duty_swap",
        "community_id",
        [
            "community_id",
            "proposer_id",
            "other_id",
            "gives_post_id",
            "gives_from_us",
            "gives_to_us",
            "takes_post_id",
            "takes_from_us",
            "takes_to_us"
        ]
    );

    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: id_of(row, "id")?,
            community_id: id_of(row, "community_id")?,
            proposer_id: id_of(row, "proposer_id")?,
            other_id: id_of(row, "other_id")?,
            gives: turn_of(row, ["gives_post_id", "gives_from_us", "gives_to_us"])?,
            takes: takes_of(row)?,
            state: word_of(row, "state")?,
            decided_by_id: id_or_null_of(row, "decided_by_id")?,
            decided_at: decided_of(row)?,
            version: row.try_get("version")?,
        })
    }

    fn id(&self) -> SwapId {
        self.id
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn parent(&self) -> u32 {
        self.community_id.into()
    }

    fn parent_of(draft: &SwapDraft) -> u32 {
        draft.community_id.into()
    }

    fn values(draft: &SwapDraft, _home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>> {
        let mut values = vec![
            Value::Integer(draft.community_id.0.into()),
            Value::Integer(draft.proposer_id.0.into()),
            Value::Integer(draft.other_id.0.into()),
        ];
        values.extend(draft.gives.values());
        let nothing = [Value::Null, Value::Null, Value::Null];
        values.extend(draft.takes.map_or(nothing, Turn::values));
        Checks::default().finish(values)
    }

    async fn check_change(
        &self,
        _draft: &SwapDraft,
        _change: &mut SqliteConnection,
    ) -> Result<Vec<FieldError>, StoreError> {
        let is_decided = self.state != SwapState::Proposed;
        let fault = FieldError { pointer: String::new(), fault: Fault::SwapDecided };
        Ok(is_decided.then_some(fault).into_iter().collect())
    }
}
