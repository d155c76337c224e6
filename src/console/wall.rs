//! The alarm wall: what is open, the most urgent first, live.

use crate::Shared;
use crate::alarm::due;
use crate::api::Failure;
use crate::board::{self, Board, Row};
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::own;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::Query;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;

/// Communities whose duty a calm wall shows.
const DUTY_MAX: usize = 12;

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/", get(wall))
}

#[derive(Template)]
#[template(path = "wall.html")]
struct WallPage {
    frame: Frame,
    l: Lang,
    now: Timestamp,
    alarms: Vec<Row>,
    drills: Vec<Row>,
    is_cut: bool,
    may_act: bool,
    /// Where forms come back to.
    back: String,
    communities: Vec<Named>,
    community: Option<u32>,
    duty: Vec<Duty>,
    /// How many alarms are late or due to be followed up, on a calm wall.
    late: Option<String>,
}

impl WallPage {
    fn is_chosen(&self, community: &u32) -> bool {
        self.community.as_ref() == Some(community)
    }
}

/// What a wall may be narrowed to.
#[derive(Default, Deserialize)]
struct Wanted {
    community: Option<String>,
}

/// A community.
#[derive(Deserialize)]
pub(crate) struct Named {
    pub(crate) id: u32,
    pub(crate) name: String,
}

/// Who is on duty, in words.
#[derive(Deserialize)]
struct OnDuty {
    summary: String,
    #[serde(default)]
    on_duty: Vec<serde_json::Value>,
}

struct Duty {
    community: String,
    summary: String,
    is_nobody: bool,
}

/// The communities to choose from; none where they may not be seen.
pub(crate) async fn communities(signed: &Signed) -> Vec<Named> {
    signed.api().get_all("/communities?limit=200").await.unwrap_or_default()
}

async fn wall(signed: Signed, Query(wanted): Query<Wanted>) -> Result<Response, Response> {
    if signed.me.role == "responder" {
        return own::page(&signed).await;
    }
    let community: Option<u32> = wanted.community.and_then(|id| id.parse().ok());
    let path = match community {
        Some(id) => format!("/alarms/board?community_id={id}"),
        None => "/alarms/board".to_owned(),
    };
    let board: Board = match signed.api().get(&path).await {
        Ok(board) => board,
        // Walls are for those who act; an auditor reads the list.
        Err(Failure::Problem(problem)) if problem.status == 403 => {
            return Ok(Redirect::to("/alarms").into_response());
        }
        Err(failure) => return Err(signed.fails()(failure)),
    };
    let communities = communities(&signed).await;
    let is_calm = board.items.is_empty();
    let duty = if is_calm { duty(&signed, &communities, community).await } else { Vec::new() };
    let late = if is_calm { due::count(&signed, community).await } else { None };
    let l = signed.lang();
    let mut frame = Frame::signed(&signed, l.t("警情墙", "Alarms")).await;
    frame.is_live = true;
    frame.said = board::said(&board.items, l);
    let (drills, alarms) = board.items.into_iter().partition(|row| row.is_drill);
    let page = WallPage {
        frame,
        l,
        now: board.now,
        alarms,
        drills,
        is_cut: board.is_cut,
        may_act: signed.me.may_act(),
        back: community.map_or_else(|| "/".to_owned(), |id| format!("/?community={id}")),
        communities,
        community,
        duty,
        late,
    };
    Ok(show(StatusCode::OK, &page))
}

async fn duty(signed: &Signed, communities: &[Named], only: Option<u32>) -> Vec<Duty> {
    let mut duty = Vec::new();
    let meant = communities.iter().filter(|one| only.is_none_or(|id| id == one.id));
    for community in meant.take(DUTY_MAX) {
        let path = format!("/communities/{}/duty", community.id);
        if let Ok(OnDuty { summary, on_duty }) = signed.api().get(&path).await {
            let is_nobody = on_duty.is_empty();
            duty.push(Duty { community: community.name.clone(), summary, is_nobody });
        }
    }
    duty
}

#[derive(Template)]
#[template(path = "state.html")]
struct Bar {
    frame: Frame,
}

/// The bar of state alone, for the script of pages that are about something else. To whoever is not signed in any more
/// nothing is shown, so that what they are typing stays.
pub(crate) async fn bar(signed: Result<Signed, Response>) -> Response {
    let Ok(signed) = signed else { return StatusCode::UNAUTHORIZED.into_response() };
    let mut frame = Frame::signed(&signed, "").await;
    if 0 < frame.standing.open && signed.me.may_act() {
        let board: Result<Board, _> = signed.api().get("/alarms/board").await;
        let is_unanswered = |row: &&Row| row.sound() == "unanswered";
        let rows = board.map_or_else(|_| Vec::new(), |board| board.items);
        frame.unanswered = rows.iter().filter(is_unanswered).count();
        frame.said = board::said(&rows, frame.lang);
    }
    show(StatusCode::OK, &Bar { frame })
}

/// The feed of alarms, for the script of the wall.
pub(crate) async fn live(signed: Signed) -> Response {
    signed.api().raw(Method::GET, "/alarms/feed", "text/event-stream", Body::empty()).await
}

#[cfg(test)]
pub(crate) mod tests;
