//! Plans of communities: a picture or a part of a map, and where buildings are on it.
//!
//! A plan is never in the way of an alarm: it is only looked at. What a picture is, `web` has checked.

use super::audit::{Action, Edit, Editor};
use super::{Database, StoreError};
use lianfang_domain::id::CommunityId;
use serde::{Deserialize, Serialize};
use sqlx::{Row, Sqlite, Transaction};
use utoipa::ToSchema;

const TABLE: &str = "community_plan";
const GET: &str =
    "SELECT id, media_type, width, height, sha256, latitude_e6, longitude_e6, zoom, spots, version
    FROM community_plan WHERE community_id = ?1";
const PICTURE: &str = "SELECT bytes FROM community_plan_picture WHERE plan_id = ?1";
const PUT: &str = "INSERT INTO community_plan
    (community_id, media_type, width, height, sha256, latitude_e6, longitude_e6, zoom)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (community_id) DO UPDATE SET media_type = excluded.media_type, width = excluded.width,
        height = excluded.height, sha256 = excluded.sha256, latitude_e6 = excluded.latitude_e6,
        longitude_e6 = excluded.longitude_e6, zoom = excluded.zoom, version = version + 1
    RETURNING id, version";
const PUT_PICTURE: &str = "INSERT INTO community_plan_picture (plan_id, bytes) VALUES (?1, ?2)
    ON CONFLICT (plan_id) DO UPDATE SET bytes = excluded.bytes";
const FORGET_PICTURE: &str = "DELETE FROM community_plan_picture WHERE plan_id = ?1";
const PUT_SPOTS: &str =
    "UPDATE community_plan SET spots = ?2, version = version + 1 WHERE id = ?1 RETURNING version";
const REMOVE: &str = "DELETE FROM community_plan WHERE id = ?1";

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// `image/png` or `image/jpeg`.
    pub media_type: &'static str,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// SHA-256 of the bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// The middle of a part of a map (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MapPart {
    /// Millionths of a degree to the north.
    #[schema(minimum = -85_000_000, maximum = 85_000_000)]
    pub latitude_e6: i32,
    /// Millionths of a degree to the east.
    #[schema(minimum = -180_000_000, maximum = 180_000_000)]
    pub longitude_e6: i32,
    /// 10 shows a town, 19 single houses.
    #[schema(minimum = 10, maximum = 19)]
    pub zoom: u8,
}

/// Where a building is on a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Spot {
    /// Estate or road, as in addresses.
    #[schema(max_length = 60)]
    pub place: String,
    /// Building, as in addresses.
    #[schema(max_length = 60)]
    pub building: String,
    /// Thousandths from the left.
    #[schema(minimum = 0, maximum = 1000)]
    pub x: u16,
    /// Thousandths from the top.
    #[schema(minimum = 0, maximum = 1000)]
    pub y: u16,
}

/// What buildings are placed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// A picture of this type, width, height and SHA-256.
    Picture(String, u32, u32, String),
    /// A part of a map.
    Map(MapPart),
}

/// The plan of a community.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    id: i64,
    /// What is below the buildings.
    pub ground: Ground,
    /// Where buildings are.
    pub spots: Vec<Spot>,
    /// Counts its edits, from 1; its ETag.
    pub version: u32,
}

/// Why a plan was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The community has no plan, or there is no such community.
    #[error("no such plan")]
    NotFound,
    /// It was changed in between.
    #[error("it is at version {current} now")]
    Changed {
        /// The version that it is at.
        current: u32,
    },
    /// The database failed; nothing was changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The plan of a community, if it has one.
///
/// # Errors
/// When the database fails.
pub async fn get(database: &Database, community: CommunityId) -> Result<Option<Plan>, StoreError> {
    let query = sqlx::query(GET).bind(community.0).fetch_optional(database.reader()).await;
    read(query).map_err(StoreError::Read)
}

fn read(
    row: Result<Option<sqlx::sqlite::SqliteRow>, sqlx::Error>,
) -> Result<Option<Plan>, sqlx::Error> {
    let Some(row) = row? else { return Ok(None) };
    let media_type: Option<String> = row.try_get("media_type")?;
    let ground = match media_type {
        Some(media_type) => Ground::Picture(
            media_type,
            row.try_get("width")?,
            row.try_get("height")?,
            row.try_get("sha256")?,
        ),
        None => Ground::Map(MapPart {
            latitude_e6: row.try_get("latitude_e6")?,
            longitude_e6: row.try_get("longitude_e6")?,
            zoom: row.try_get("zoom")?,
        }),
    };
    let spots: String = row.try_get("spots")?;
    Ok(Some(Plan {
        id: row.try_get("id")?,
        ground,
        // What no release wrote places nothing.
        spots: serde_json::from_str(&spots).unwrap_or_default(),
        version: row.try_get("version")?,
    }))
}

/// The picture of a plan; none where it is a part of a map.
///
/// # Errors
/// When the database fails.
pub async fn picture(database: &Database, plan: &Plan) -> Result<Option<Vec<u8>>, StoreError> {
    let query = sqlx::query_scalar(PICTURE).bind(plan.id);
    query.fetch_optional(database.reader()).await.map_err(StoreError::Read)
}

/// Gives a community a picture as its plan; buildings stay where they are.
///
/// # Errors
/// When the plan was changed since `seen`, or the database fails; nothing is changed then.
pub async fn put_picture(
    editor: &Editor<'_>,
    (community, seen): (CommunityId, Option<u32>),
    picture: &Picture,
) -> Result<u32, PlanError> {
    let mut change = begin(editor, (community, seen)).await?.0;
    let query = sqlx::query_as(PUT)
        .bind(community.0)
        .bind(picture.media_type)
        .bind(picture.width)
        .bind(picture.height)
        .bind(&picture.sha256)
        .bind(None::<i32>)
        .bind(None::<i32>)
        .bind(None::<u8>);
    let (id, version): (i64, u32) =
        query.fetch_one(&mut *change).await.map_err(StoreError::Write)?;
    let query = sqlx::query(PUT_PICTURE).bind(id).bind(&picture.bytes);
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    end(editor, change, (id, version)).await
}

/// Gives a community a part of a map as its plan; buildings stay where they are.
///
/// # Errors
/// When the plan was changed since `seen`, or the database fails; nothing is changed then.
pub async fn put_map(
    editor: &Editor<'_>,
    (community, seen): (CommunityId, Option<u32>),
    part: MapPart,
) -> Result<u32, PlanError> {
    let mut change = begin(editor, (community, seen)).await?.0;
    let query = sqlx::query_as(PUT)
        .bind(community.0)
        .bind(None::<&str>)
        .bind(None::<u32>)
        .bind(None::<u32>)
        .bind(None::<&str>)
        .bind(part.latitude_e6)
        .bind(part.longitude_e6)
        .bind(part.zoom);
    let (id, version): (i64, u32) =
        query.fetch_one(&mut *change).await.map_err(StoreError::Write)?;
    let query = sqlx::query(FORGET_PICTURE).bind(id);
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    end(editor, change, (id, version)).await
}

/// Says where buildings are.
///
/// # Errors
/// When there is no plan, it was changed since `seen`, or the database fails; nothing is changed then.
pub async fn put_spots(
    editor: &Editor<'_>,
    (community, seen): (CommunityId, u32),
    spots: &[Spot],
) -> Result<u32, PlanError> {
    let (mut change, plan) = begin(editor, (community, Some(seen))).await?;
    let plan = plan.ok_or(PlanError::NotFound)?;
    let query = sqlx::query_scalar(PUT_SPOTS).bind(plan.id);
    let query = query.bind(serde_json::json!(spots).to_string());
    let version: u32 = query.fetch_one(&mut *change).await.map_err(StoreError::Write)?;
    end(editor, change, (plan.id, version)).await
}

/// Takes the plan of a community away.
///
/// # Errors
/// When there is no plan, it was changed since `seen`, or the database fails; nothing is changed then.
pub async fn remove(
    editor: &Editor<'_>,
    (community, seen): (CommunityId, u32),
) -> Result<(), PlanError> {
    let (mut change, plan) = begin(editor, (community, Some(seen))).await?;
    let plan = plan.ok_or(PlanError::NotFound)?;
    let query = sqlx::query(REMOVE).bind(plan.id);
    query.execute(&mut *change).await.map_err(StoreError::Write)?;
    let edit = Edit {
        action: Action::Delete,
        table: TABLE,
        row_id: plan.id,
        version: plan.version,
        directory_version: 0,
    };
    editor.enter(&mut change, &edit).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(())
}

/// Begins an edit of the plan as it was seen; one that was seen as missing must be missing.
async fn begin(
    editor: &Editor<'_>,
    (community, seen): (CommunityId, Option<u32>),
) -> Result<(Transaction<'static, Sqlite>, Option<Plan>), PlanError> {
    let mut change = editor.write().await?;
    let row = sqlx::query(GET).bind(community.0).fetch_optional(&mut *change).await;
    let plan = read(row).map_err(StoreError::Read)?;
    match (&plan, seen) {
        (Some(plan), seen) if seen != Some(plan.version) => {
            Err(PlanError::Changed { current: plan.version })
        }
        (None, Some(_)) => Err(PlanError::NotFound),
        (_, _) => Ok((change, plan)),
    }
}

async fn end(
    editor: &Editor<'_>,
    mut change: Transaction<'static, Sqlite>,
    (row_id, version): (i64, u32),
) -> Result<u32, PlanError> {
    let action = if version == 1 { Action::Create } else { Action::Replace };
    let edit = Edit { action, table: TABLE, row_id, version, directory_version: 0 };
    editor.enter(&mut change, &edit).await?;
    change.commit().await.map_err(StoreError::Write)?;
    Ok(version)
}
