//! Where a line is registered.

use super::Web;
use super::caller::{Caller, Operator};
use super::extract::PathId;
use super::problem::ApiError;
use super::reach::To;
use crate::store::nouns::{self, Kind, Line};
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use lianfang_domain::id::LineId;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(read))
}

/// The registration of a line.
#[derive(Serialize, ToSchema)]
struct Registration {
    /// At least one device is registered.
    is_registered: bool,
    /// Its devices.
    bindings: Vec<BindingView>,
}

/// A registered device.
#[derive(Serialize, ToSchema)]
struct BindingView {
    /// Where it registered from, such as `udp 192.0.2.7:5060`.
    from: String,
    /// The device, as it calls itself in its registration.
    device: Option<String>,
    /// Since when, without a gap.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// When it ends unless it is renewed.
    #[schema(value_type = String, format = DateTime)]
    expires: Timestamp,
}

/// Where a line is registered, and since when.
#[utoipa::path(
    get, path = "/lines/{id}/registration", tag = "lines", operation_id = "read_registration",
    params(("id" = u32, Path, description = "Id of the line")),
    responses((status = 200, description = "The registration", body = Registration)),
)]
async fn read(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<LineId>,
) -> Result<Json<Registration>, ApiError> {
    caller.reaches(&web, To::See, (Kind::Line, id)).await?;
    let line = nouns::get::<Line>(web.store.directory(), id).await?;
    let bindings: Vec<BindingView> = web
        .registrations
        .of_account(&line.account)
        .await
        .into_iter()
        .map(|binding| BindingView {
            from: binding.from,
            device: binding.device,
            since: binding.since,
            expires: binding.expires,
        })
        .collect();
    Ok(Json(Registration { is_registered: !bindings.is_empty(), bindings }))
}
