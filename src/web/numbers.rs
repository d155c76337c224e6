//! What a telephone number is understood as, before anybody saves it.
//!
//! The same reading as for rows: what is said here is what a row would keep, or be refused for. Writes nothing.

use super::Web;
use super::caller::{Caller, Operator};
use super::extract::{Parameters, wrong};
use super::problem::{ApiError, Must};
use super::reach::To;
use crate::store::nouns::{FieldError, Kind, check_number};
use crate::store::number::is_mobile;
use axum::Json;
use axum::extract::State;
use lianfang_domain::id::CommunityId;
use lianfang_domain::phone::{Home, NumberSort, sorted};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(read))
}

/// What sort of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum NumberKind {
    /// A mobile telephone of the mainland.
    Mobile,
    /// A landline of the mainland.
    Landline,
    /// A short number of an area.
    Service,
    /// A number of the mainland without an area, such as 400 numbers.
    National,
    /// An extension of the community.
    Extension,
    /// A number of another country.
    Abroad,
}

impl From<NumberSort> for NumberKind {
    fn from(sort: NumberSort) -> Self {
        match sort {
            NumberSort::Mobile => Self::Mobile,
            NumberSort::Landline => Self::Landline,
            NumberSort::Service => Self::Service,
            NumberSort::National => Self::National,
            NumberSort::Extension => Self::Extension,
            NumberSort::Abroad => Self::Abroad,
        }
    }
}

/// A number as it was understood.
#[derive(Serialize, ToSchema)]
struct UnderstoodNumber {
    /// The canonical form: `+865925551234`, `short:12349@0592` or `ext:801@3`.
    key: String,
    /// What sort of number it is.
    sort: NumberKind,
    /// As people write it.
    #[schema(examples("0592-5551502"))]
    shown: String,
    /// The area that it is in, with its `0`; null for what is in none.
    area_code: Option<String>,
    /// It is in the area of the community.
    is_local: bool,
    /// What is dialled after the answer; null if nothing is.
    extension: Option<String>,
    /// It is sent SMS when nobody says.
    sms: bool,
    /// It looks like no number of its country: somebody has to confirm it.
    to_confirm: bool,
}

/// Read a telephone number as a row of a community would.
///
/// What no row takes is 422, with the reason and the pointer `/text`.
#[utoipa::path(
    get, path = "/numbers", tag = "search", operation_id = "read_number",
    params(
        ("text" = String, Query, description = "The number as somebody writes it", max_length = 64),
        ("community_id" = u32, Query, description = "Where it is written down: its area code and extensions are meant",
            minimum = 0, maximum = 4_294_967_295_u32),
    ),
    responses((status = 200, description = "The number", body = UnderstoodNumber)),
)]
async fn read(
    caller: Caller<Operator>,
    State(web): State<Web>,
    mut parameters: Parameters,
) -> Result<Json<UnderstoodNumber>, ApiError> {
    let text = parameters.take("text").unwrap_or_default();
    let community = parameters.take_number("community_id", 0..=u32::MAX)?;
    parameters.finish()?;
    let community =
        community.ok_or_else(|| wrong("community_id", Must::Number { min: 0, max: u32::MAX }))?;
    let community = CommunityId(community);
    caller.reaches(&web, To::See, (Kind::Community, community)).await?;
    let directory = web.directory.current();
    let found = directory.community(community).ok_or(ApiError::NotFound)?;
    let home = Home { area_code: found.area_code.clone(), community };
    let faulty = |fault| ApiError::Faulty(vec![FieldError { pointer: "/text".to_owned(), fault }]);
    let read = check_number(&text, &home).map_err(faulty)?;
    let key = read.number.key();
    let sorted = sorted(key);
    Ok(Json(UnderstoodNumber {
        sort: sorted.sort.into(),
        shown: sorted.shown,
        is_local: sorted.area_code.as_deref() == Some(&*home.area_code),
        area_code: sorted.area_code,
        extension: read.extension.as_deref().map(str::to_owned),
        sms: is_mobile(key),
        to_confirm: read.to_confirm,
        key: key.to_owned(),
    }))
}
