//! The list of alarms, latest first.

use super::filter::Filter;
use crate::board::{self, Row};
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use crate::wall::{Named, communities};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

/// The choices of this list.
const CHOICES: [&str; 4] = ["state", "drill", "kind", "outcome"];

#[derive(Template)]
#[template(path = "alarms.html")]
struct ListPage {
    frame: Frame,
    l: Lang,
    rows: Vec<Row>,
    /// The query of the next page, if there is one.
    next: Option<String>,
    filter: Filter,
    communities: Vec<Named>,
    /// What is late is only for those who act.
    may_act: bool,
}

#[derive(Deserialize)]
struct Items {
    items: Vec<Row>,
    next: Option<String>,
}

pub(super) async fn list(signed: Signed) -> Result<Response, Response> {
    let (l, filter) = (signed.lang(), Filter::of(&signed));
    let path = format!("/alarms/cards?{}", filter.of_api(&[("limit", "20")], &CHOICES));
    let found: Items = signed.api().get(&path).await.map_err(signed.fails())?;
    let next = found.next.map(|after| filter.link(&after, &CHOICES));
    let communities = communities(&signed).await;
    let frame = Frame::signed(&signed, l.t("以往警情", "Past alarms")).await;
    let rows = found.items;
    let status = if filter.is_wrong() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(show(
        status,
        &ListPage { frame, l, rows, next, filter, communities, may_act: signed.me.may_act() },
    ))
}
