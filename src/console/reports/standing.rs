//! How lines and numbers stand now, community by community.

use crate::Shared;
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::narrow::Narrow;
use crate::visit::Signed;
use crate::wall::{Named, communities};
use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/reports/lines", get(standing))
}

#[derive(Deserialize)]
struct Standings {
    items: Vec<Standing>,
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Standing {
    community_id: u64,
    community: String,
    groups: u64,
    households: u64,
    lines: Lines,
    numbers: Numbers,
}

#[derive(Deserialize)]
struct Lines {
    total: u64,
    up: u64,
    down: u64,
    never: u64,
    brought: u64,
}

#[derive(Deserialize)]
struct Numbers {
    numbers: u64,
    confirmed: u64,
    never_confirmed: u64,
    doubtful: u64,
    unreachable: u64,
    due: u64,
    confirmed_percent: u8,
}

#[derive(Template)]
#[template(path = "reports/lines.html")]
struct LinesPage {
    frame: Frame,
    l: Lang,
    items: Vec<Standing>,
    narrow: Narrow,
    /// To choose from; none for who may not list them.
    communities: Vec<Named>,
    more: Option<String>,
    /// The lines may be opened by those who act.
    may_act: bool,
}

async fn standing(signed: Signed) -> Result<Response, Response> {
    let l = signed.lang();
    let narrow = Narrow::of(&signed, &[]).and_by("community", "community_id");
    let path = format!("/reports/communities?{}", narrow.of_api(20));
    let found: Standings = signed.api().get(&path).await.map_err(signed.fails())?;
    let more = found.next.map(|next| narrow.more("/reports/lines", next));
    let communities = communities(&signed).await;
    let frame = Frame::signed(&signed, l.t("线路与号码", "Lines and numbers")).await;
    let may_act = signed.me.may_act();
    let items = found.items;
    Ok(show(StatusCode::OK, &LinesPage { frame, l, items, narrow, communities, more, may_act }))
}
