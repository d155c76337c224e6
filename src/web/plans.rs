//! Plans of communities: the picture or part of a map that buildings stand on, and where they stand.

mod picture;

use super::Web;
use super::caller::{Admin, Caller, Operator};
use super::extract::{Body, IfMatch, PathId, of_body};
use super::problem::ApiError;
use super::reach::To;
use crate::store::nouns::{Fault, FieldError, Kind};
use crate::store::plans::{self, Ground, MapPart, Plan, PlanError, Spot};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use lianfang_domain::id::CommunityId;
pub(super) use picture::PictureFault;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Buildings of a plan.
const SPOTS_MAX: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<Web> {
    let uploads = OpenApiRouter::default()
        .routes(routes!(put_picture))
        .layer(DefaultBodyLimit::max(picture::PICTURE_MAX));
    OpenApiRouter::default()
        .routes(routes!(show, remove))
        .routes(routes!(put_spots))
        .routes(routes!(put_map))
        .merge(uploads)
}

/// What is not JSON.
pub(super) fn pictures() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(show_picture))
}

/// The plan of a community.
#[derive(Serialize, ToSchema)]
struct SitePlanView {
    /// The picture; null where the plan is a part of a map.
    picture: Option<PictureView>,
    /// The part of a map; null where the plan is a picture.
    map: Option<MapPart>,
    /// Where buildings are.
    spots: Vec<Spot>,
    /// Counts the edits; the ETag.
    version: u32,
}

/// A picture.
#[derive(Serialize, ToSchema)]
struct PictureView {
    /// `image/png` or `image/jpeg`.
    media_type: String,
    /// In pixels.
    width: u32,
    /// In pixels.
    height: u32,
    /// SHA-256 of the file.
    sha256: String,
}

/// Where the buildings of a community are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SpotsDraft {
    /// All of them; a building that is not here is on the plan no more.
    #[schema(max_items = 1000)]
    spots: Vec<Spot>,
}

impl From<Plan> for SitePlanView {
    fn from(plan: Plan) -> Self {
        let (picture, map) = match plan.ground {
            Ground::Picture(media_type, width, height, sha256) => {
                (Some(PictureView { media_type, width, height, sha256 }), None)
            }
            Ground::Map(part) => (None, Some(part)),
        };
        Self { picture, map, spots: plan.spots, version: plan.version }
    }
}

fn tag(version: u32) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, format!("\"{version}\""))]
}

async fn plan_of(web: &Web, id: CommunityId) -> Result<Plan, ApiError> {
    plans::get(web.store.directory(), id).await?.ok_or(ApiError::NotFound)
}

/// The plan of a community. 404 when it has none.
#[utoipa::path(
    get, path = "/communities/{id}/plan", tag = "map", operation_id = "read_plan",
    params(("id" = u32, Path, description = "Id of the community")),
    responses((status = 200, description = "The plan", body = SitePlanView)),
)]
async fn show(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<CommunityId>,
) -> Result<Response, ApiError> {
    caller.reaches(&web, To::See, (Kind::Community, id)).await?;
    let plan = plan_of(&web, id).await?;
    Ok((tag(plan.version), Json(SitePlanView::from(plan))).into_response())
}

/// The picture of a plan.
#[utoipa::path(
    get, path = "/communities/{id}/plan/picture", tag = "map", operation_id = "read_plan_picture",
    params(("id" = u32, Path, description = "Id of the community")),
    responses((status = 200, description = "The picture", content_type = "image/png", body = Vec<u8>)),
)]
async fn show_picture(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<CommunityId>,
) -> Result<Response, ApiError> {
    caller.reaches(&web, To::See, (Kind::Community, id)).await?;
    let plan = plan_of(&web, id).await?;
    let bytes = plans::picture(web.store.directory(), &plan).await?.ok_or(ApiError::NotFound)?;
    let Ground::Picture(media_type, _, _, sha256) = plan.ground else {
        return Err(ApiError::NotFound);
    };
    let headers = [(header::CONTENT_TYPE, media_type), (header::ETAG, format!("\"{sha256}\""))];
    Ok((headers, bytes).into_response())
}

/// Give a community a picture as its plan: PNG or JPEG, at most 2 MiB. Where there is a plan, `If-Match` has its version;
/// buildings stay where they are.
#[utoipa::path(
    put, path = "/communities/{id}/plan/picture", tag = "map", operation_id = "put_plan_picture",
    params(
        ("id" = u32, Path, description = "Id of the community"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the plan that it takes the place of"),
    ),
    request_body(content = Vec<u8>, content_type = "image/png"),
    responses((status = 200, description = "The plan", body = SitePlanView)),
)]
async fn put_picture(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<CommunityId>,
    seen: Option<IfMatch>,
    request: Request,
) -> Result<Response, ApiError> {
    caller.reaches(&web, To::Edit, (Kind::Community, id)).await?;
    exists(&web, id)?;
    let bytes = Bytes::from_request(request, &web).await.map_err(of_body);
    let bytes = bytes.map_err(|error| {
        let is_large = matches!(error, ApiError::TooLarge);
        if is_large { ApiError::NoPicture(PictureFault::TooLarge) } else { error }
    })?;
    let picture = picture::read(bytes.to_vec()).map_err(ApiError::NoPicture)?;
    let seen = seen.map(|IfMatch(version)| version);
    let who = caller.who();
    plans::put_picture(&web.edited_by(&who), (id, seen), &picture).await.map_err(of_plan)?;
    let plan = plan_of(&web, id).await?;
    Ok((tag(plan.version), Json(SitePlanView::from(plan))).into_response())
}

/// A community that is not there gets no plan, however much the caller reaches.
fn exists(web: &Web, id: CommunityId) -> Result<(), ApiError> {
    let directory = web.directory.current();
    directory.community(id).map(drop).ok_or(ApiError::NotFound)
}

/// Give a community a part of a map as its plan: it is shown by consoles that are told where tiles come from. Where there
/// is a plan, `If-Match` has its version.
#[utoipa::path(
    put, path = "/communities/{id}/plan/map", tag = "map", operation_id = "put_plan_map",
    params(
        ("id" = u32, Path, description = "Id of the community"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the plan that it takes the place of"),
    ),
    request_body = MapPart,
    responses((status = 200, description = "The plan", body = SitePlanView)),
)]
async fn put_map(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<CommunityId>,
    seen: Option<IfMatch>,
    Body(part): Body<MapPart>,
) -> Result<Response, ApiError> {
    caller.reaches(&web, To::Edit, (Kind::Community, id)).await?;
    exists(&web, id)?;
    let limits = [
        ("/latitude_e6", part.latitude_e6, 85_000_000),
        ("/longitude_e6", part.longitude_e6, 180_000_000),
    ];
    if let Some((pointer, _, max)) =
        limits.into_iter().find(|(_, value, max)| !(-max..=*max).contains(value))
    {
        let cause = format!("invalid value, expected -{max} to {max}");
        return Err(ApiError::Form { pointer: pointer.to_owned(), cause });
    }
    if !(10..=19).contains(&part.zoom) {
        let fault = Fault::OutOfRange { min: 10, max: 19 };
        return Err(ApiError::Faulty(vec![FieldError { pointer: "/zoom".to_owned(), fault }]));
    }
    let (who, seen) = (caller.who(), seen.map(|IfMatch(version)| version));
    plans::put_map(&web.edited_by(&who), (id, seen), part).await.map_err(of_plan)?;
    let plan = plan_of(&web, id).await?;
    Ok((tag(plan.version), Json(SitePlanView::from(plan))).into_response())
}

/// Say where the buildings of a community are on its plan, all of them.
#[utoipa::path(
    put, path = "/communities/{id}/plan/spots", tag = "map", operation_id = "put_plan_spots",
    params(
        ("id" = u32, Path, description = "Id of the community"),
        ("If-Match" = String, Header, description = "The ETag of the plan"),
    ),
    request_body = SpotsDraft,
    responses((status = 200, description = "The plan", body = SitePlanView)),
)]
async fn put_spots(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<CommunityId>,
    IfMatch(seen): IfMatch,
    Body(SpotsDraft { spots }): Body<SpotsDraft>,
) -> Result<Response, ApiError> {
    caller.reaches(&web, To::Edit, (Kind::Community, id)).await?;
    check(&spots)?;
    let who = caller.who();
    plans::put_spots(&web.edited_by(&who), (id, seen), &spots).await.map_err(of_plan)?;
    let plan = plan_of(&web, id).await?;
    Ok((tag(plan.version), Json(SitePlanView::from(plan))).into_response())
}

fn check(spots: &[Spot]) -> Result<(), ApiError> {
    if SPOTS_MAX < spots.len() {
        let fault = Fault::TooMany { max: SPOTS_MAX };
        return Err(ApiError::Faulty(vec![FieldError { pointer: "/spots".to_owned(), fault }]));
    }
    let mut faults = Vec::new();
    let mut known = BTreeSet::new();
    for (at, spot) in spots.iter().enumerate() {
        let mut fail = |field: &str, fault: Fault| {
            faults.push(FieldError { pointer: format!("/spots/{at}/{field}"), fault });
        };
        for (field, text, max) in [("place", &spot.place, 60), ("building", &spot.building, 60)] {
            if max < text.chars().count() {
                fail(field, Fault::TooLong { max });
            } else if text.chars().any(char::is_control) {
                fail(field, Fault::ControlCharacter);
            }
        }
        for (field, value) in [("x", spot.x), ("y", spot.y)] {
            if 1000 < value {
                fail(field, Fault::OutOfRange { min: 0, max: 1000 });
            }
        }
        if !known.insert((&spot.place, &spot.building)) {
            fail("building", Fault::Twice);
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(ApiError::Faulty(faults)) }
}

/// Take the plan of a community away; its buildings are drawn again as the directory has them.
#[utoipa::path(
    delete, path = "/communities/{id}/plan", tag = "map", operation_id = "remove_plan",
    params(
        ("id" = u32, Path, description = "Id of the community"),
        ("If-Match" = String, Header, description = "The ETag of the plan"),
    ),
    responses((status = 204, description = "It is gone")),
)]
async fn remove(
    caller: Caller<Admin>,
    State(web): State<Web>,
    PathId(id): PathId<CommunityId>,
    IfMatch(seen): IfMatch,
) -> Result<StatusCode, ApiError> {
    caller.reaches(&web, To::Edit, (Kind::Community, id)).await?;
    let who = caller.who();
    plans::remove(&web.edited_by(&who), (id, seen)).await.map_err(of_plan)?;
    Ok(StatusCode::NO_CONTENT)
}

fn of_plan(error: PlanError) -> ApiError {
    match error {
        PlanError::NotFound => ApiError::NotFound,
        PlanError::Changed { current } => ApiError::Changed { current },
        PlanError::Store(error) => error.into(),
    }
}
