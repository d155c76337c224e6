//! The nouns of the directory as rows: read, listed, created, changed and deleted, one at a time.
//!
//! Every noun is written by the same five functions; what differs stands in its file: its columns and what its values
//! must be. A change is checked as a whole, names every mistake by its JSON pointer, counts the edit of the directory
//! in its own transaction, enters it in the audit trail and so tells the snapshot which community to load again.
//! Must not log: rows are personal data. Must not know HTTP.

mod community;
mod contact;
pub mod duty;
mod edits;
mod enter;
mod fault;
mod grid;
mod group;
mod household;
mod kind;
mod line;
mod number;
mod policy;
mod responder;
mod street;
pub mod undo;
mod worker;

pub use crate::store::number::StoredNumber;
pub use community::{Community, CommunityDraft};
pub use contact::{Contact, ContactDraft};
pub use edits::Change;
pub(in crate::store) use fault::language_or_null;
pub use fault::{Fault, FieldError};
pub use grid::{Grid, GridDraft};
pub use group::{Group, GroupDraft};
pub use household::{Household, HouseholdDraft};
pub use kind::Kind;
pub use line::{Line, LineDraft};
pub use number::{LineNumber, NumberDraft, check_number};
pub use policy::{Policy, PolicyDraft, PolicyVersion, policy_version, policy_versions};
pub use responder::{Responder, ResponderDraft};
pub use street::{Street, StreetDraft};
pub use worker::{Worker, WorkerDraft};

use super::audit::Editor;
use super::reach::{Place as Where, Reach, shown_ids_sql, shown_sql};
use super::{Database, StoreError};
pub(in crate::store) use fault::fault_of;
use lianfang_domain::directory::Language;
use lianfang_domain::id::CommunityId;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection};

/// A noun of the directory: how its rows are read, and what may be written into them.
pub trait Noun: Sized + Send + Unpin + 'static {
    /// Its id.
    type Id: Copy + From<u32> + Into<u32> + Send;
    /// What somebody writes: a whole row, without what the service adds.
    type Draft: Send + Sync;

    /// What it is.
    const KIND: Kind;
    /// The kind that it belongs to, and the field that says to which one.
    const PARENT: Option<(Kind, &'static str)>;
    /// Its statements.
    const SQL: Statements;

    /// Reads a row.
    ///
    /// # Errors
    /// When a column is missing or holds what no release wrote.
    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error>;

    /// Its id.
    fn id(&self) -> Self::Id;

    /// Counts its edits, from 1; its ETag.
    fn version(&self) -> u32;

    /// The one that it belongs to.
    fn parent(&self) -> u32;

    /// The one that the draft shall belong to.
    fn parent_of(draft: &Self::Draft) -> u32;

    /// Checks the draft and gives its values in the order of the columns.
    ///
    /// # Errors
    /// Every mistake, not only the first.
    fn values(draft: &Self::Draft, home: Option<&Home>) -> Result<Vec<Value>, Vec<FieldError>>;

    /// Checks what depends on the row as it is. Most nouns may change as they like.
    fn check_change(
        &self,
        _draft: &Self::Draft,
        _change: &mut SqliteConnection,
    ) -> impl Future<Output = Result<Vec<FieldError>, StoreError>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// Checks what a draft names elsewhere in the directory. Most nouns name nothing but their parent.
    fn check_draft(
        _draft: &Self::Draft,
        _change: &mut SqliteConnection,
    ) -> impl Future<Output = Result<Vec<FieldError>, StoreError>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// Told in the transaction in which the row was written.
    fn written(
        &self,
        _editor: &Editor<'_>,
        _change: &mut SqliteConnection,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }
}

/// The community that numbers are read in: `5551234` means another telephone in another town.
#[derive(Clone, Debug)]
pub struct Home {
    /// Home area code with its leading zero.
    pub area_code: String,
    /// The community.
    pub community: CommunityId,
}

/// A value to store.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number or a flag.
    Integer(i64),
    /// A text.
    Text(String),
}

impl Value {
    fn tag(language: Option<Language>) -> Self {
        language.map_or(Self::Null, |language| Self::Text(language.tag().to_owned()))
    }
}

/// The statements of a noun, made by [`statements`].
#[derive(Clone, Copy)]
pub struct Statements {
    table: &'static str,
    get: &'static str,
    list: &'static str,
    list_of_parent: &'static str,
    insert: &'static str,
    update: &'static str,
    delete: &'static str,
}

macro_rules! second {
    ($first:literal, $second:literal) => {
        $second
    };
}

/// The statements of a table: its name, the column of the parent, and the columns that drafts write. `id` and
/// `version` are in every table.
macro_rules! statements {
    ($table:literal, $parent:literal, [$($column:literal),+ $(,)?]) => {
        $crate::store::nouns::Statements {
            table: $table,
            get: concat!("SELECT * FROM ", $table, " WHERE id = ?"),
            list: concat!("SELECT * FROM ", $table, " WHERE id > ? ORDER BY id LIMIT ?"),
            list_of_parent: concat!(
                "SELECT * FROM ", $table, " WHERE ", $parent, " = ? AND id > ? ORDER BY id LIMIT ?"
            ),
            insert: concat!(
                "INSERT INTO ", $table, " (", $($column, ", ",)+ "version) VALUES (",
                $(second!($column, "?, "),)+ "1) RETURNING *"
            ),
            update: concat!(
                "UPDATE ", $table, " SET ", $($column, " = ?, ",)+
                "version = version + 1 WHERE id = ? AND version = ? RETURNING *"
            ),
            delete: concat!("DELETE FROM ", $table, " WHERE id = ?"),
        }
    };
}
use {second, statements};

/// Why a row cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum NounError {
    /// No row has this id.
    #[error("no such row")]
    NotFound,
    /// Somebody else changed the row since it was read.
    #[error("the row is at version {current} now")]
    Changed {
        /// The version of the row now.
        current: u32,
    },
    /// The draft has mistakes; all of them.
    #[error("the draft has {} mistakes", .0.len())]
    Faulty(Vec<FieldError>),
    /// Others still belong to it, so it cannot be deleted.
    #[error("others still belong to it")]
    HasChildren,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which rows to list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Only rows with a greater id; 0 for the first page.
    pub after: u32,
    /// At most so many.
    pub limit: u32,
    /// Only those that belong to this one.
    pub parent: Option<u32>,
}

/// The row of this id.
///
/// # Errors
/// When there is none or the database fails.
pub async fn get<N: Noun>(database: &Database, id: N::Id) -> Result<N, NounError> {
    let query = sqlx::query(N::SQL.get).bind(id.into());
    let row = query.fetch_optional(database.reader()).await.map_err(StoreError::Read)?;
    Ok(N::read(&row.ok_or(NounError::NotFound)?).map_err(StoreError::Read)?)
}

/// The rows of a page, by id.
///
/// # Errors
/// When the database fails.
pub async fn list<N: Noun>(database: &Database, page: Page) -> Result<Vec<N>, NounError> {
    let query = match page.parent {
        Some(parent) => sqlx::query(N::SQL.list_of_parent).bind(parent),
        None => sqlx::query(N::SQL.list),
    };
    let query = query.bind(page.after).bind(page.limit);
    let rows = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    let rows: Result<Vec<N>, _> = rows.iter().map(N::read).collect();
    Ok(rows.map_err(StoreError::Read)?)
}

/// The rows of a page that are shown to somebody who reaches so far from there, by id.
///
/// # Errors
/// When the database fails.
pub async fn list_within<N: Noun>(
    database: &Database,
    page: Page,
    (reach, own): (Reach, Where),
) -> Result<Vec<N>, NounError> {
    if reach == Reach::Everything {
        return list(database, page).await;
    }
    let table = N::SQL.table;
    let which = match (page.parent, N::PARENT) {
        (Some(parent), Some((_, field))) => {
            let shown = shown_sql(N::KIND, table, reach, own);
            format!("{field} = {parent} AND {} < id AND {shown}", page.after)
        }
        (None, _) | (_, None) => {
            let ids = shown_ids_sql(N::KIND, (reach, own), page.after);
            ids.map_or_else(|| "TRUE".to_owned(), |ids| format!("id IN ({ids})"))
        }
    };
    let sql = format!("SELECT * FROM {table} WHERE {which} ORDER BY id LIMIT ?1");
    let query = sqlx::query(AssertSqlSafe(sql)).bind(page.limit);
    let rows = query.fetch_all(database.reader()).await.map_err(StoreError::Read)?;
    let rows: Result<Vec<N>, _> = rows.iter().map(N::read).collect();
    Ok(rows.map_err(StoreError::Read)?)
}

/// Creates a row.
///
/// # Errors
/// When the draft has mistakes or the database fails; nothing is changed then.
pub async fn create<N: Noun>(editor: &Editor<'_>, draft: &N::Draft) -> Result<N, NounError> {
    let mut change = editor.write().await?;
    let row = edits::create(editor, &mut change, draft).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(row)
}

/// Replaces what is written in a row, if it is still at `version`.
///
/// # Errors
/// When there is no such row, somebody changed it, the draft has mistakes or the database fails; nothing is changed then.
pub async fn update<N: Noun>(
    editor: &Editor<'_>,
    id: N::Id,
    version: u32,
    draft: &N::Draft,
) -> Result<N, NounError> {
    let mut change = editor.write().await?;
    let row = edits::update(editor, &mut change, (id, version), draft).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(row)
}

/// Deletes a row, if it is still at `version`.
///
/// # Errors
/// When there is no such row, somebody changed it, others belong to it (a worker's turn in the duty roster among them)
/// or the database fails.
pub async fn delete<N: Noun>(
    editor: &Editor<'_>,
    id: N::Id,
    version: u32,
) -> Result<(), NounError> {
    let mut change = editor.write().await?;
    edits::delete::<N>(editor, &mut change, (id, version)).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(())
}

/// The values of a draft, if nothing is wrong with them nor was before.
fn checked<N: Noun>(
    draft: &N::Draft,
    place: &Place,
    faults: &mut Vec<FieldError>,
) -> Result<Vec<Value>, NounError> {
    let values = N::values(draft, place.home.as_ref()).unwrap_or_else(|more| {
        faults.extend(more);
        Vec::new()
    });
    if faults.is_empty() { Ok(values) } else { Err(NounError::Faulty(std::mem::take(faults))) }
}

/// Where a row belongs.
struct Place {
    /// What numbers are read with; `None` above communities.
    home: Option<Home>,
}

impl Place {
    fn community(&self) -> Option<CommunityId> {
        self.home.as_ref().map(|home| home.community)
    }
}

/// The communities that an edit of `row` changes: the row itself if it is one, otherwise the one that it is in.
fn touched<N: Noun>(row: &N, place: &Place) -> Vec<CommunityId> {
    if N::KIND == Kind::Community {
        return vec![CommunityId(row.id().into())];
    }
    place.community().into_iter().collect()
}

async fn place_of<N: Noun>(
    change: &mut SqliteConnection,
    parent: u32,
) -> Result<Option<Place>, StoreError> {
    let Some((kind, _)) = N::PARENT else { return Ok(Some(Place { home: None })) };
    let query = sqlx::query(kind.home_sql()).bind(parent);
    let Some(row) = query.fetch_optional(change).await.map_err(StoreError::Read)? else {
        return Ok(None);
    };
    if kind == Kind::Street {
        return Ok(Some(Place { home: None }));
    }
    let community: u32 = row.try_get("id").map_err(StoreError::Read)?;
    let area_code: String = row.try_get("area_code").map_err(StoreError::Read)?;
    let home = Home { area_code, community: CommunityId(community) };
    Ok(Some(Place { home: Some(home) }))
}

async fn row_at<N: Noun>(
    change: &mut SqliteConnection,
    id: N::Id,
    version: u32,
) -> Result<N, NounError> {
    let query = sqlx::query(N::SQL.get).bind(id.into());
    let row = query.fetch_optional(change).await.map_err(StoreError::Read)?;
    let row = N::read(&row.ok_or(NounError::NotFound)?).map_err(StoreError::Read)?;
    if row.version() != version {
        return Err(NounError::Changed { current: row.version() });
    }
    Ok(row)
}

fn bind(
    sql: &'static str,
    values: Vec<Value>,
) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
    bind_all(sqlx::query(sql), values)
}

fn bind_all<'q>(
    query: sqlx::query::Query<'q, Sqlite, SqliteArguments>,
    values: Vec<Value>,
) -> sqlx::query::Query<'q, Sqlite, SqliteArguments> {
    values.into_iter().fold(query, |query, value| match value {
        Value::Null => query.bind(None::<i64>),
        Value::Integer(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
    })
}

fn unknown<N: Noun>() -> NounError {
    NounError::Faulty(vec![at_parent::<N>(Fault::UnknownParent)])
}

fn at_parent<N: Noun>(fault: Fault) -> FieldError {
    let field = N::PARENT.map_or("", |(_, field)| field);
    FieldError { pointer: format!("/{field}"), fault }
}

/// Reads a language that may be missing.
fn language_of(row: &SqliteRow) -> Result<Option<Language>, sqlx::Error> {
    let tag: Option<String> = row.try_get("language")?;
    tag.map(|tag| {
        Language::of_tag(&tag).ok_or_else(|| sqlx::Error::Decode("no known language".into()))
    })
    .transpose()
}

/// Reads a list that is stored as JSON.
fn json_of<T: serde::de::DeserializeOwned>(
    row: &SqliteRow,
    column: &str,
) -> Result<T, sqlx::Error> {
    let text: &str = row.try_get(column)?;
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

#[cfg(test)]
mod tests;
