//! The paper mirror: group sheets, roster of the month and phone tree, to print for the day on which nothing else works.
//!
//! Choosing shows no number; printing is a form that the API enters in the audit trail, and its page is kept nowhere.

mod tree;

use crate::Shared;
use crate::form::{Form, Sent};
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use crate::wall_clock::WallClock;
use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tree::callees;

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/paper", get(choose)).route("/paper/print", post(print))
}

/// The field of the form, the noun of the API, and the noun below it with the field that names its parent.
type Part = (&'static str, &'static str, Option<(&'static str, &'static str)>);

/// What can be printed, from large to small.
const PARTS: [Part; 3] = [
    ("community", "communities", Some(("grids", "community_id"))),
    ("grid", "grids", Some(("groups", "grid_id"))),
    ("group", "groups", None),
];

/// A community, a grid or a group.
#[derive(Deserialize)]
struct Row {
    id: u64,
    name: String,
}

#[derive(Template)]
#[template(path = "paper/choose.html")]
struct ChoosePage {
    frame: Frame,
    l: Lang,
    /// What is to be printed: the field and the row; none while a community is to be chosen.
    chosen: Option<(&'static str, Row)>,
    /// What is below it, and the field that chooses it.
    below: Vec<Row>,
    below_field: &'static str,
    form: Form,
}

impl ChoosePage {
    fn heading(&self) -> &'static str {
        let l = self.l;
        match self.below_field {
            "community" => l.t("社区", "Communities"),
            "grid" => l.t("网格", "Grids"),
            _ => l.t("联防组", "Groups"),
        }
    }
}

async fn choose(signed: Signed) -> Result<Response, Response> {
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    choice(&signed, Form::parse(query.as_bytes()), StatusCode::OK).await
}

async fn choice(signed: &Signed, form: Form, status: StatusCode) -> Result<Response, Response> {
    let asked = PARTS.into_iter().find_map(|(field, noun, below)| {
        Some((field, noun, below, form.get(field).parse::<u32>().ok()?))
    });
    let api = signed.api();
    let (chosen, rows, below_field) = match asked {
        None => (None, api.get_all("/communities?limit=200").await, "community"),
        Some((field, noun, below, id)) => {
            let row = api.get::<Row>(&format!("/{noun}/{id}")).await.map_err(signed.fails())?;
            let (rows, below_field) = match below {
                None => (Ok(Vec::new()), ""),
                Some((noun, parent)) => {
                    let rows = api.get_all(&format!("/{noun}?limit=200&{parent}={id}")).await;
                    (rows, if noun == "grids" { "grid" } else { "group" })
                }
            };
            (Some((field, row)), rows, below_field)
        }
    };
    let below: Vec<Row> = rows.map_err(signed.fails())?;
    let l = signed.lang();
    let frame = Frame::signed(signed, l.t("纸质备份", "Paper")).await;
    Ok(show(status, &ChoosePage { frame, l, chosen, below, below_field, form }))
}

/// The papers, as the API makes them.
#[derive(Deserialize)]
struct Papers {
    community: String,
    time_zone: String,
    printed_at: Timestamp,
    version: u64,
    month: String,
    alarm_codes: Vec<String>,
    on_duty: Vec<Person>,
    workers: Vec<Person>,
    responders: Vec<Person>,
    roster: Vec<Post>,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Person {
    name: String,
    kind: String,
    numbers: Vec<String>,
}

#[derive(Deserialize)]
struct Post {
    code: String,
    name: String,
    stretches: Vec<Stretch>,
}

#[derive(Deserialize)]
struct Stretch {
    from: Timestamp,
    names: Vec<String>,
}

#[derive(Deserialize)]
struct Group {
    grid: String,
    name: String,
    households: Vec<Household>,
}

#[derive(Deserialize)]
struct Household {
    name: String,
    place: String,
    lines: Vec<String>,
    people: Vec<Person>,
    helpers: Vec<Person>,
}

#[derive(Template)]
#[template(path = "paper/print.html")]
struct PrintPage {
    frame: Frame,
    l: Lang,
    papers: Papers,
    clock: WallClock,
    /// The days of the roster with what begins on each, post by post.
    days: Vec<(String, Vec<String>)>,
    with_sheets: bool,
    with_roster: bool,
    with_tree: bool,
}

impl PrintPage {
    fn moment(&self, at: &Timestamp) -> String {
        self.clock.moment(*at, self.l)
    }

    fn kind(&self, person: &Person) -> &'static str {
        let l = self.l;
        match person.kind.as_str() {
            "building_head" => l.t("楼长", "head of building"),
            "patrol" => l.t("巡逻队", "patrol"),
            "volunteer" => l.t("志愿者", "volunteer"),
            "street" => l.t("街道值班", "street desk"),
            "hotline" => l.t("热线", "hotline"),
            "worker" => l.t("社区工作者", "worker"),
            _ => "",
        }
    }

    /// Who calls whom within a group: the place of each who calls, and of those whom they call.
    fn calls(&self, group: &Group) -> Vec<(usize, Vec<usize>)> {
        let len = group.households.len();
        (0..len)
            .map(|caller| (caller, callees(caller, len)))
            .filter(|(_, them)| !them.is_empty())
            .collect()
    }

    /// The place of the household that the duty worker calls.
    fn first(&self) -> &'static usize {
        &0
    }

    fn name<'a>(&self, group: &'a Group, place: &usize) -> &'a str {
        group.households.get(*place).map_or("", |household| &household.name)
    }

    /// The number that a household is called by first: its landline, or that of its first person.
    fn number<'a>(&self, group: &'a Group, place: &usize) -> &'a str {
        let household = group.households.get(*place);
        let people = household.into_iter().flat_map(|household| &household.people);
        let mobile = people.flat_map(|person| &person.numbers).next();
        let line = household.and_then(|household| household.lines.first());
        line.or(mobile).map_or("", String::as_str)
    }
}

/// Each day on which duty changes, with who begins when, post by post; the same holder is not said twice.
fn days(papers: &Papers, clock: &WallClock, l: Lang) -> Vec<(String, Vec<String>)> {
    let mut days: Vec<(String, Vec<String>)> = Vec::new();
    let posts = papers.roster.len();
    let mut begins: Vec<(Timestamp, usize, &Stretch)> = papers
        .roster
        .iter()
        .enumerate()
        .flat_map(|(post, row)| {
            row.stretches.iter().map(move |stretch| (stretch.from, post, stretch))
        })
        .collect();
    begins.sort_by_key(|(from, post, _)| (*from, *post));
    for (from, post, stretch) in begins {
        let (day, time) = clock.day_and_time(from, l);
        if days.last().is_none_or(|(last, _)| *last != day) {
            days.push((day, vec![String::new(); posts]));
        }
        let names = stretch.names.join("、");
        let names = if names.is_empty() { l.t("空岗", "uncovered") } else { &names };
        let cell = days.last_mut().and_then(|(_, cells)| cells.get_mut(post));
        if let Some(cell) = cell {
            let joint = if cell.is_empty() { "" } else { l.t("；", "; ") };
            cell.push_str(&format!("{joint}{time} {names}"));
        }
    }
    days
}

async fn print(signed: Signed, Sent(mut form): Sent) -> Result<Response, Response> {
    let l = signed.lang();
    let asked = PARTS.into_iter().find_map(|(field, _, _)| {
        Some((format!("{field}_id"), form.get(field).parse::<u32>().ok()?))
    });
    let parts = ["sheets", "roster", "tree"].map(|part| form.has("part", part));
    let Some((field, id)) = asked.filter(|_| parts.contains(&true)) else {
        form.blame("part", l.t("请选择要打印的内容。", "Please choose what is to be printed."));
        return choice(&signed, form, StatusCode::UNPROCESSABLE_ENTITY).await;
    };
    let mut wanted = json!({ field: id });
    if let (false, Some(wanted)) = (form.get("month").is_empty(), wanted.as_object_mut()) {
        wanted.insert("month".to_owned(), Value::from(form.get("month")));
    }
    let papers = match signed.api().post::<Papers>("/paper", &wanted).await {
        Ok(papers) => papers,
        Err(crate::api::Failure::Problem(problem)) if problem.status == 422 => {
            form.take(&problem, |pointer| (pointer == "/month").then(|| "month".to_owned()));
            return choice(&signed, form, StatusCode::UNPROCESSABLE_ENTITY).await;
        }
        Err(failure) => return Err(signed.fails()(failure)),
    };
    let clock = WallClock::of(&papers.time_zone);
    let days = days(&papers, &clock, l);
    let frame = Frame::signed(&signed, l.t("纸质备份", "Paper")).await;
    let [with_sheets, with_roster, with_tree] = parts;
    let page = PrintPage { frame, l, papers, clock, days, with_sheets, with_roster, with_tree };
    Ok(show(StatusCode::OK, &page))
}

#[cfg(test)]
mod tests;
