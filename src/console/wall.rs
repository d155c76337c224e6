//! The alarm wall: what is open, the most urgent first.

use crate::Shared;
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/", get(wall))
}

#[derive(Template)]
#[template(path = "wall.html")]
struct WallPage {
    frame: Frame,
    l: Lang,
    alarms: Vec<Row>,
}

#[derive(Deserialize)]
struct Rows {
    items: Vec<Row>,
}

/// An alarm in the list.
#[derive(Deserialize)]
struct Row {
    id: String,
    raised_at: jiff::Timestamp,
}

async fn wall(signed: Signed) -> Result<Response, Response> {
    let rows: Rows = signed.api().get("/alarms?state=open").await.map_err(signed.fails())?;
    let l = signed.lang();
    let mut frame = Frame::signed(&signed, l.t("警情墙", "Alarms")).await;
    frame.is_live = true;
    Ok(show(StatusCode::OK, &WallPage { frame, l, alarms: rows.items }))
}

/// The feed of alarms, for the script of the wall.
pub(crate) async fn live(signed: Signed) -> Response {
    signed.api().raw(Method::GET, "/alarms/feed", "text/event-stream", Body::empty()).await
}
