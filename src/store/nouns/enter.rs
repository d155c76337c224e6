//! What every edit does besides the row: it is counted, entered in the audit trail, kept in the history, and refused when
//! it made the duty roster impossible.

use super::{Noun, NounError, Place, touched};
use crate::store::audit::{Action, Edit, Editor};
use crate::store::roster::{self, Impossible};
use crate::store::snapshot::count_edit;
use crate::store::{StoreError, history};
use sqlx::SqliteConnection;

/// Keeps what a row is since it was made.
pub(super) async fn keep_new<N: Noun>(
    editor: &Editor<'_>,
    change: &mut SqliteConnection,
    row: &N,
) -> Result<(), StoreError> {
    let id: u32 = row.id().into();
    history::keep(editor, change, (N::SQL.table, &history::Before::from([(id.into(), None)]))).await
}

/// Counts an edit and enters it in the audit trail.
pub(super) async fn enter<N: Noun>(
    editor: &Editor<'_>,
    change: &mut SqliteConnection,
    action: Action,
    (row, place): (&N, &Place),
) -> Result<(), StoreError> {
    let directory_version = count_edit(change, &touched(row, place)).await?;
    let row_id: u32 = row.id().into();
    let edit = Edit {
        action,
        table: N::SQL.table,
        row_id: row_id.into(),
        version: row.version(),
        directory_version,
    };
    editor.enter(change, &edit).await
}

/// What is impossible in the roster before an edit, if the edit may make more so.
pub(super) async fn errors_before<N: Noun>(
    change: &mut SqliteConnection,
    place: &Place,
) -> Result<Impossible, StoreError> {
    match place.community() {
        Some(community) if N::KIND.is_of_roster() => roster::impossible(change, &[community]).await,
        Some(_) | None => Ok(Impossible::new()),
    }
}

pub(super) async fn refuse_impossible<N: Noun>(
    change: &mut SqliteConnection,
    place: &Place,
    before: Impossible,
) -> Result<(), NounError> {
    match place.community() {
        Some(community) if N::KIND.is_of_roster() => {
            roster::refuse_impossible(change, community, &before).await
        }
        Some(_) | None => Ok(()),
    }
}
