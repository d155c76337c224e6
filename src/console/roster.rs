//! The roster (值班表): who is on duty now, the weeks of a month with their gaps, the proof of the next two weeks, and the
//! forms of everything that a roster is made of.
//!
//! Times are those of the clock on the wall of the community, see `local`.

mod calendar;
mod change;
mod chart;
mod draft;
mod edit;
pub(crate) mod local;
mod month;
mod part;
mod past;
mod proof;
mod rules;
#[cfg(test)]
mod tests;

use crate::Shared;
use crate::api::{Failure, Problem};
use crate::form::Form;
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use crate::wall::{Named, communities};
use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use jiff::civil::Date;
use local::Local;
use serde::Deserialize;

/// Communities whose duty stands in the list.
const TOLD_MAX: usize = 20;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/roster", get(all))
        .route("/roster/calendars/{year}", get(calendar::ask).post(calendar::save))
        .route("/roster/{id}", get(month::page))
        .route("/roster/{id}/duty/{post}/take-over", post(month::take_over))
        .route("/roster/{id}/roster.ics", get(month::community_ics))
        .route("/roster/{id}/workers/{worker}/roster.ics", get(month::worker_ics))
        .route("/roster/{id}/rules", get(rules::rules))
        .route("/roster/{id}/changes", get(rules::changes))
        .route("/roster/{id}/history", get(past::history))
        .route("/roster/{id}/undo/{edit}", post(past::undo))
        .route("/roster/{id}/swaps/{swap}/agree", post(change::agree))
        .route("/roster/{id}/swaps/{swap}/withdraw", post(change::withdraw))
        .route("/roster/{id}/{plural}/add", get(edit::ask_new).post(edit::add))
        .route("/roster/{id}/{plural}/{part}/edit", get(edit::ask).post(edit::save))
        .route("/roster/{id}/{plural}/{part}/remove", post(edit::remove))
}

/// The roster of a community over some days, as the API tells it.
#[derive(Clone, Debug, Deserialize)]
struct Roster {
    community_id: u64,
    community: String,
    time_zone: String,
    now: Timestamp,
    days: Vec<Day>,
    posts: Vec<Post>,
    workers: Vec<Worker>,
    #[serde(default)]
    faults: Vec<String>,
}

/// A day.
#[derive(Clone, Debug, Deserialize)]
struct Day {
    date: Date,
    from: Timestamp,
    to: Timestamp,
    kind: String,
    is_listed: bool,
    name: String,
}

/// A post and who holds it.
#[derive(Clone, Debug, Deserialize)]
struct Post {
    id: u64,
    name: String,
    segments: Vec<Segment>,
}

/// Who holds a post from when to when.
#[derive(Clone, Debug, Deserialize)]
struct Segment {
    from: Timestamp,
    to: Timestamp,
    worker_ids: Vec<u64>,
    is_wanted: bool,
    is_away: bool,
}

/// Somebody who can be put on duty.
#[derive(Clone, Debug, Deserialize)]
struct Worker {
    id: u64,
    name: String,
}

/// What a segment is to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// Somebody is there.
    Somebody,
    /// Somebody must be there, and nobody is.
    Gap,
    /// Nobody has to be there.
    Free,
}

impl Segment {
    fn held(&self) -> Held {
        match (self.worker_ids.is_empty(), self.is_away, self.is_wanted) {
            (false, false, _) => Held::Somebody,
            (_, true, _) | (true, _, true) => Held::Gap,
            (true, false, false) => Held::Free,
        }
    }
}

impl Day {
    /// `休` or `班` where the calendar says otherwise than the weekday, and the name of a holiday.
    fn mark(&self, l: Lang) -> String {
        if !self.is_listed {
            return String::new();
        }
        let word = match self.kind.as_str() {
            "workday" => l.t("班", "workday"),
            "holiday" => l.t("假", "holiday"),
            _ => l.t("休", "day off"),
        };
        format!("{word} {}", self.name).trim_end().to_owned()
    }
}

impl Roster {
    /// The roster of a community over some days, such as `from=2026-11-23&days=7`.
    async fn of(signed: &Signed, id: u64, query: &str) -> Result<Self, Failure> {
        signed.api().get(&format!("/communities/{id}/roster?{query}")).await
    }

    fn local(&self) -> Local {
        Local::of(&self.time_zone)
    }

    fn worker(&self, id: u64) -> String {
        let worker = self.workers.iter().find(|worker| worker.id == id);
        worker.map_or_else(|| id.to_string(), |worker| worker.name.clone())
    }

    fn post(&self, id: u64) -> String {
        let post = self.posts.iter().find(|post| post.id == id);
        post.map_or_else(|| id.to_string(), |post| post.name.clone())
    }

    /// The names of those who hold a segment.
    fn names(&self, segment: &Segment, l: Lang) -> String {
        let names: Vec<String> = segment.worker_ids.iter().map(|id| self.worker(*id)).collect();
        names.join(l.t("、", ", "))
    }
}

/// The pages of one roster: path, words, and whether it is this one.
type Tab = (String, &'static str, bool);

/// The tabs above the pages of a roster. Who reads only has no use for what can be undone.
fn tabs(signed: &Signed, id: u64, here: &str, year: i16) -> Vec<Tab> {
    let l = signed.lang();
    let mut pages = vec![
        ("", l.t("值班表", "Roster")),
        ("/rules", l.t("岗位与班次", "Posts and shifts")),
        ("/changes", l.t("替班、换班、请假", "Overrides, swaps, absences")),
    ];
    if signed.me.may_act() {
        pages.push(("/history", l.t("修改记录", "History")));
    }
    let page = |(path, words)| (format!("/roster/{id}{path}"), words, path == here);
    let mut tabs: Vec<Tab> = pages.into_iter().map(page).collect();
    let calendar = format!("/roster/calendars/{year}?community={id}");
    tabs.push((calendar, l.t("节假日", "Holidays"), here == "calendar"));
    tabs
}

/// There is no such thing.
fn nothing() -> Failure {
    Failure::Problem(Box::new(Problem { status: 404, ..Problem::default() }))
}

#[derive(Template)]
#[template(path = "roster/all.html")]
struct AllPage {
    frame: Frame,
    l: Lang,
    year: String,
    rows: Vec<Row>,
    /// The next page.
    more: Option<usize>,
}

/// A community and who is on duty there.
struct Row {
    id: u32,
    name: String,
    summary: String,
    is_nobody: bool,
}

#[derive(Deserialize)]
struct Summary {
    summary: String,
    on_duty: Vec<serde_json::Value>,
    at: Timestamp,
}

/// The communities; where there is one alone, its roster.
async fn all(signed: Signed) -> Result<Response, Response> {
    let l = signed.lang();
    let named = communities(&signed).await;
    if let [Named { id, .. }] = named.as_slice() {
        return Ok(Redirect::to(&format!("/roster/{id}")).into_response());
    }
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let after: usize = Form::parse(query.as_bytes()).get("after").parse().unwrap_or(0);
    let end = after.saturating_add(TOLD_MAX);
    let more = (end < named.len()).then_some(end);
    let mut rows = Vec::new();
    let mut year = String::new();
    for Named { id, name } in named.into_iter().skip(after).take(TOLD_MAX) {
        let mut row = Row { id, name, summary: String::new(), is_nobody: false };
        let duty: Result<Summary, _> = signed.api().get(&format!("/communities/{id}/duty")).await;
        if let Ok(duty) = duty {
            year = duty.at.strftime("%Y").to_string();
            row = Row { summary: duty.summary, is_nobody: duty.on_duty.is_empty(), ..row };
        }
        rows.push(row);
    }
    let frame = Frame::signed(&signed, l.t("值班", "Roster")).await;
    Ok(show(StatusCode::OK, &AllPage { frame, l, year, rows, more }))
}
