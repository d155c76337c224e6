//! The edits themselves, within a change that is open: one of them, or many that are done together or not at all.

use super::enter::{enter, errors_before, keep_new, refuse_impossible};
use super::{
    Fault, Noun, NounError, at_parent, bind, checked, fault_of, place_of, row_at, unknown,
};
use crate::store::audit::{Action, Editor};
use crate::store::{StoreError, below, history};
use sqlx::{Acquire, Sqlite, SqliteConnection, Transaction};

/// Tables that have no edits of their own: what stands there is a part of a row, and goes with it. Whatever else names a
/// row (a helper a household, a policy or a recording a community) keeps it from being deleted.
const PARTS: [&str; 6] = [
    "line_secret",
    "household_pin",
    "worker_pin",
    "duty_kept",
    "duty_hand_over",
    "recording_order",
];

/// Edits that are done together or not at all. Dropped without a commit, nothing happened.
pub struct Change<'a> {
    editor: &'a Editor<'a>,
    open: Transaction<'static, Sqlite>,
}

impl<'a> Change<'a> {
    /// Begins them; nobody else writes until they end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(editor: &'a Editor<'a>) -> Result<Self, StoreError> {
        Ok(Self { editor, open: editor.write().await? })
    }

    /// Creates a row.
    ///
    /// # Errors
    /// When the draft has mistakes or the database fails; this edit is not among them then.
    pub async fn create<N: Noun>(&mut self, draft: &N::Draft) -> Result<N, NounError> {
        let mut part = self.open.begin().await.map_err(StoreError::Write)?;
        let row = create(self.editor, &mut part, draft).await?;
        part.commit().await.map_err(StoreError::Write)?;
        Ok(row)
    }

    /// Replaces what is written in a row, if it is still at its version.
    ///
    /// # Errors
    /// As of [`super::update`]; this edit is not among them then.
    pub async fn update<N: Noun>(
        &mut self,
        at: (N::Id, u32),
        draft: &N::Draft,
    ) -> Result<N, NounError> {
        let mut part = self.open.begin().await.map_err(StoreError::Write)?;
        let row = update(self.editor, &mut part, at, draft).await?;
        part.commit().await.map_err(StoreError::Write)?;
        Ok(row)
    }

    /// Deletes a row, if it is still at its version.
    ///
    /// # Errors
    /// As of [`super::delete`]; this edit is not among them then.
    pub async fn delete<N: Noun>(&mut self, at: (N::Id, u32)) -> Result<(), NounError> {
        let mut part = self.open.begin().await.map_err(StoreError::Write)?;
        delete::<N>(self.editor, &mut part, at).await?;
        part.commit().await.map_err(StoreError::Write)?;
        Ok(())
    }

    /// Does all of them.
    ///
    /// # Errors
    /// When the database fails; nothing is changed then.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.open.commit().await.map_err(StoreError::Write)
    }
}

/// Creates a row.
pub(super) async fn create<N: Noun>(
    editor: &Editor<'_>,
    change: &mut SqliteConnection,
    draft: &N::Draft,
) -> Result<N, NounError> {
    let place = place_of::<N>(change, N::parent_of(draft)).await?.ok_or_else(unknown::<N>)?;
    let mut faults = N::check_draft(draft, change).await?;
    let values = checked::<N>(draft, &place, &mut faults)?;
    let before = errors_before::<N>(change, &place).await?;
    let row = bind(N::SQL.insert, values).fetch_one(&mut *change).await.map_err(fault_of)?;
    let row = N::read(&row).map_err(StoreError::Read)?;
    row.written(editor, change).await?;
    refuse_impossible::<N>(change, &place, before).await?;
    enter(editor, change, Action::Create, (&row, &place)).await?;
    keep_new(editor, change, &row).await?;
    Ok(row)
}

/// Replaces what is written in a row.
pub(super) async fn update<N: Noun>(
    editor: &Editor<'_>,
    change: &mut SqliteConnection,
    (id, version): (N::Id, u32),
    draft: &N::Draft,
) -> Result<N, NounError> {
    let row = row_at::<N>(change, id, version).await?;
    let was = history::look(change, N::SQL.table, &[i64::from(id.into())]).await?;
    let place = place_of::<N>(change, N::parent_of(draft)).await?.ok_or_else(unknown::<N>)?;
    if place_of::<N>(change, row.parent()).await?.and_then(|was| was.community())
        != place.community()
    {
        return Err(NounError::Faulty(vec![at_parent::<N>(Fault::OtherCommunity)]));
    }
    let mut faults = row.check_change(draft, change).await?;
    faults.extend(N::check_draft(draft, change).await?);
    let values = checked::<N>(draft, &place, &mut faults)?;
    let before = errors_before::<N>(change, &place).await?;
    let query = bind(N::SQL.update, values).bind(id.into()).bind(version);
    let row = query.fetch_one(&mut *change).await.map_err(fault_of)?;
    let row = N::read(&row).map_err(StoreError::Read)?;
    row.written(editor, change).await?;
    refuse_impossible::<N>(change, &place, before).await?;
    enter(editor, change, Action::Replace, (&row, &place)).await?;
    history::keep(editor, change, (N::SQL.table, &was)).await?;
    Ok(row)
}

/// Takes a row away with its parts, if nothing else would go or be emptied with it.
pub(super) async fn remove<N: Noun>(
    change: &mut SqliteConnection,
    id: i64,
) -> Result<(), NounError> {
    let more = below::would_go(change, N::SQL.table, &[id]).await?;
    if more.iter().any(|table| !PARTS.contains(&table.as_str())) {
        return Err(NounError::HasChildren);
    }
    let deleted = sqlx::query(N::SQL.delete).bind(id).execute(change).await;
    deleted.map(drop).map_err(|error| match error.as_database_error() {
        Some(cause) if cause.is_foreign_key_violation() => NounError::HasChildren,
        Some(_) | None => NounError::Store(StoreError::Write(error)),
    })
}

/// Deletes a row.
pub(super) async fn delete<N: Noun>(
    editor: &Editor<'_>,
    change: &mut SqliteConnection,
    (id, version): (N::Id, u32),
) -> Result<(), NounError> {
    let row = row_at::<N>(change, id, version).await?;
    let was = history::look(change, N::SQL.table, &[i64::from(id.into())]).await?;
    let place = place_of::<N>(change, row.parent()).await?.ok_or(NounError::NotFound)?;
    let before = errors_before::<N>(change, &place).await?;
    remove::<N>(change, id.into().into()).await?;
    let left = refuse_impossible::<N>(change, &place, before).await;
    left.map_err(|error| match error {
        NounError::Faulty(_) => NounError::HasChildren,
        NounError::NotFound
        | NounError::Changed { .. }
        | NounError::HasChildren
        | NounError::Store(_) => error,
    })?;
    enter(editor, change, Action::Delete, (&row, &place)).await?;
    history::keep(editor, change, (N::SQL.table, &was)).await?;
    Ok(())
}
