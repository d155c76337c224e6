//! Raising an alarm for a line: somebody calls the desk from a mobile and cannot press #9.
//!
//! One page asks once, with how many telephones will ring; its form has a key of its own, so that a double click raises
//! one alarm. What cannot be told beside it, such as how many ring, is left out: nothing here keeps an alarm from being
//! raised.

use super::detail::Detail;
use crate::Shared;
use crate::api::{Failure, Problem};
use crate::board;
use crate::directory::noun::place;
use crate::directory::{Crumb, Listed, Noun, above, crumbs_of, id_of, noun_of, title_of};
use crate::form::{Form, Sent};
use crate::frame::{self, Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

/// What may be the matter.
const KINDS: [&str; 6] = ["unknown", "fire", "intruder", "illness", "flood", "other"];

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/directory/lines/{id}/raise", get(ask).post(raise))
        .route("/directory/households/{id}/raise", get(choose))
}

#[derive(Template)]
#[template(path = "raise.html")]
struct RaisePage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    /// The page of the line.
    path: String,
    /// Whose line it is, and where.
    whose: String,
    kind: &'static str,
    /// Telephones that ring at once; not always known.
    count: Option<usize>,
    /// The alarm of this line that is open.
    open: Option<String>,
    key: String,
    form: Form,
}

impl RaisePage {
    fn kinds(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> + '_ {
        KINDS.into_iter().map(|kind| (kind, board::kind(kind, self.l), kind == self.kind))
    }
}

#[derive(Template)]
#[template(path = "raise_which.html")]
struct WhichPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    /// The page of the household, and how people know it.
    path: String,
    whose: String,
    /// Its lines: the page that asks, and the name.
    lines: Vec<(String, String)>,
}

/// What an alarm would do: see `WhatIfView` of the API.
#[derive(Deserialize)]
struct WhatIf {
    legs: Vec<Leg>,
}

#[derive(Deserialize)]
struct Leg {
    wave: u32,
    why: String,
    channel: String,
}

/// The alarm of a line that is open, if any.
#[derive(Deserialize)]
struct Open {
    items: Vec<OpenAlarm>,
}

#[derive(Deserialize)]
struct OpenAlarm {
    id: String,
}

/// The alarm that was raised, or that it belongs to.
#[derive(Deserialize)]
struct Raised {
    id: String,
    is_new: bool,
}

/// A line with the rows above it, the household first.
struct Line {
    id: u64,
    row: Value,
    above: Vec<(&'static Noun, Value)>,
}

impl Line {
    async fn read(signed: &Signed, id: u64) -> Result<Self, Failure> {
        let row: Value = signed.api().get(&format!("/lines/{id}")).await?;
        let above = above(signed, noun_of("lines")?, &row).await?;
        Ok(Self { id, row, above })
    }

    fn row_above(&self, plural: &str) -> Option<&Value> {
        self.above.iter().find(|(noun, _)| noun.plural == plural).map(|(_, row)| row)
    }

    /// The household as people know it.
    fn whose(&self, l: Lang) -> String {
        self.row_above("households").map_or_else(String::new, |row| whose(row, l))
    }

    /// What the line would send: its account, and the code that it would dial.
    fn press(&self, kind: &str) -> Value {
        let mut press = json!({"account": self.row.get("account"), "kind": kind});
        let codes = self.row_above("communities").and_then(|row| row.get("alarm_codes"));
        let code = codes.and_then(|codes| codes.get(0));
        let is_hotline = self.row.get("hotline_grace_s").is_some_and(|grace| !grace.is_null());
        if let (false, Some(code)) = (is_hotline, code) {
            press["code"] = code.clone();
        }
        press
    }
}

fn whose(household: &Value, l: Lang) -> String {
    let name = household.get("name").and_then(Value::as_str).unwrap_or_default();
    format!("{} {name}", place(household, l)).trim().to_owned()
}

/// The lines of a household to choose from; the only one is chosen.
async fn choose(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    choices(&signed, id).await.map_err(signed.fails())
}

async fn choices(signed: &Signed, id: u64) -> Result<Response, Failure> {
    let (l, api, noun) = (signed.lang(), signed.api(), noun_of("households")?);
    let row: Value = api.get(&format!("/households/{id}")).await?;
    let lines: Listed = api.get(&format!("/lines?after=0&limit=50&household_id={id}")).await?;
    if let [line] = lines.items.as_slice() {
        return Ok(Redirect::to(&asks(id_of(line))).into_response());
    }
    let name = noun_of("lines")?;
    let lines = lines.items.iter().map(|line| (asks(id_of(line)), title_of(name, line)));
    let page = WhichPage {
        lines: lines.collect(),
        frame: Frame::signed(signed, l.t("代为报警", "Raise an alarm")).await,
        l,
        crumbs: crumbs_of(&above(signed, noun, &row).await?, l),
        path: noun.path(id),
        whose: whose(&row, l),
    };
    Ok(show(StatusCode::OK, &page))
}

/// The page that asks once.
fn asks(line: u64) -> String {
    format!("/directory/lines/{line}/raise")
}

async fn ask(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let mut form = Form::of([("kind", Form::parse(query.as_bytes()).get("kind"))]);
    form.set("key", signed.new_key());
    let line = Line::read(&signed, id).await.map_err(signed.fails())?;
    Ok(question(&signed, &line, form, StatusCode::OK).await)
}

/// The kind that a form names.
fn kind_of(form: &Form) -> &'static str {
    KINDS.into_iter().find(|kind| form.has("kind", kind)).unwrap_or("unknown")
}

async fn question(signed: &Signed, line: &Line, form: Form, status: StatusCode) -> Response {
    let (l, api, id, kind) = (signed.lang(), signed.api(), line.id, kind_of(&form));
    let would: Result<WhatIf, _> = api.get(&format!("/lines/{id}/what-if?kind={kind}")).await;
    let is_at_once = |leg: &&Leg| leg.wave == 0 && leg.why == "wave" && leg.channel == "voice";
    let count = would.ok().map(|would| would.legs.iter().filter(is_at_once).count());
    let open = format!("/alarms?state=open&drill=false&line_id={id}&limit=1");
    let open: Option<Open> = api.get(&open).await.ok();
    let open = open.and_then(|open| open.items.into_iter().next()).map(|alarm| alarm.id);
    let mut crumbs = crumbs_of(&line.above, l);
    let path = format!("/directory/lines/{id}");
    let account = line.row.get("account").and_then(Value::as_str).unwrap_or_default();
    crumbs.push((path.clone(), account.to_owned()));
    let page = RaisePage {
        frame: Frame::signed(signed, l.t("代为报警", "Raise an alarm")).await,
        l,
        crumbs,
        path,
        whose: line.whose(l),
        kind,
        count,
        open,
        key: form.get("key").to_owned(),
        form,
    };
    show(status, &page)
}

async fn raise(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let l = signed.lang();
    let line = Line::read(&signed, id).await.map_err(signed.fails())?;
    let api = signed.api().once(form.get("key"));
    let raised = match api.post::<Raised>("/triggers", &line.press(kind_of(&form))).await {
        Ok(raised) => raised,
        Err(Failure::Problem(problem)) if !matches!(problem.status, 401 | 403 | 404) => {
            return Ok(again(&signed, &line, form, &problem).await);
        }
        Err(failure) => return Err(signed.fails()(failure)),
    };
    let path = format!("/alarms/{}", super::segment(&raised.id));
    if raised.is_new {
        return Ok(frame::go(&path, "called"));
    }
    // A page that was left open has the key of an alarm that may be over: then nothing rings, and that is said.
    let detail: Result<Detail, _> = signed.api().get(&path).await;
    if detail.is_ok_and(|detail| !detail.board.is_open()) {
        form.problem = Some(
            l.t(
                "本页的报警先前已报过，并已结案，现在没有电话响铃。要再次报警，请再按一次。",
                "The alarm of this page was raised before and is closed: no telephone rings now. To raise another, press again.",
            )
            .to_owned(),
        );
        form.set("key", signed.new_key());
        return Ok(question(&signed, &line, form, StatusCode::CONFLICT).await);
    }
    Ok(frame::go(&path, "joined"))
}

/// The question again, where it is not known that an alarm was raised. The key stays: should one have been, a second
/// click belongs to it.
async fn again(signed: &Signed, line: &Line, mut form: Form, problem: &Problem) -> Response {
    form.take(problem, |pointer| (pointer == "/kind").then(|| "kind".to_owned()));
    let said = form.problem.take().unwrap_or_default();
    let words = signed.lang().t(
        "没有报出去。请再按一次；仍不行，请直接打电话给邻居和值班人员，并拨 110、119、120。",
        "No alarm was raised. Press again; if that fails, call neighbours and duty workers yourself, and 110, 119 or 120.",
    );
    form.problem = Some(format!("{words} {said}").trim().to_owned());
    if form.get("key").is_empty() {
        form.set("key", signed.new_key());
    }
    let status = if problem.status < 500 { 422 } else { problem.status };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    question(signed, line, form, status).await
}

#[cfg(test)]
mod tests;
