//! The public holidays and make-up workdays of a year: of the nation, or of one community, whose days go before.

use super::{Tab, tabs};
use crate::api::{Failure, Versioned};
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::roster::local;
use crate::visit::Signed;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Days of a year: more cannot be saved.
const DAYS_MAX: usize = 366;
/// Empty places below the days that are there.
const DAYS_MORE: usize = 8;
/// Kinds of days, as people choose them: the most frequent first.
const KINDS: [(&str, (&str, &str)); 3] = [
    ("holiday", ("法定节假日", "public holiday")),
    ("workday", ("调休上班", "make-up workday")),
    ("rest_day", ("调休休息", "day off")),
];

#[derive(Template)]
#[template(path = "roster/calendar.html")]
struct CalendarPage {
    frame: Frame,
    l: Lang,
    year: i16,
    /// Whose it is; none for the nation's.
    community: Option<(u64, String)>,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    /// What it is now, after somebody else changed it.
    now: Vec<String>,
    was: String,
    form: Form,
    may_edit: bool,
    is_copy: bool,
}

/// A place for a day.
struct Row {
    at: usize,
    date: String,
    /// The weekday of the date.
    weekday: &'static str,
    kind: String,
    name: String,
    error: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    date: Date,
    kind: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Days {
    days: Vec<Day>,
}

#[derive(Deserialize)]
struct Community {
    name: String,
}

impl CalendarPage {
    fn kinds(&self) -> [(&'static str, &'static str); 3] {
        KINDS.map(|(kind, (chinese, english))| (kind, self.l.t(chinese, english)))
    }

    fn kind_words(&self, kind: &str) -> &'static str {
        kind_words(kind, self.l)
    }

    /// The page of another year.
    fn of_year(&self, more: i16) -> String {
        let of = self.community.as_ref().map(|(id, _)| format!("?community={id}"));
        let year = self.year.saturating_add(more);
        format!("/roster/calendars/{year}{}", of.unwrap_or_default())
    }

    fn copy_of(&self, of: &str) -> String {
        let joint = if self.community.is_some() { '&' } else { '?' };
        format!("{}{joint}copy={of}", self.of_year(0))
    }
}

fn kind_words(kind: &str, l: Lang) -> &'static str {
    let found = KINDS.iter().find(|(known, _)| *known == kind);
    found.map_or("", |(_, (chinese, english))| l.t(chinese, english))
}

/// Where the calendar of a year is read and written.
fn path_of(year: i16, community: Option<u64>) -> String {
    let of = community.map(|id| format!("?community_id={id}"));
    format!("/calendars/{year}{}", of.unwrap_or_default())
}

async fn read(
    signed: &Signed,
    year: i16,
    community: Option<u64>,
) -> Result<Versioned<Days>, Failure> {
    signed.api().get_versioned(&path_of(year, community)).await
}

/// The days of another year, moved into this one. What is not in it, such as the 29th of February, is left out.
fn moved(days: Vec<Day>, year: i16) -> Vec<Day> {
    let moved = |day: Day| {
        let date = Date::new(year, day.date.month(), day.date.day()).ok()?;
        Some(Day { date, ..day })
    };
    days.into_iter().filter_map(moved).collect()
}

fn form_of(days: &[Day]) -> Form {
    let mut form = Form::default();
    for (at, day) in days.iter().enumerate() {
        form.set(&format!("date.{at}"), day.date.to_string());
        form.set(&format!("kind.{at}"), day.kind.clone());
        form.set(&format!("name.{at}"), day.name.clone());
    }
    form
}

/// The places that somebody wrote in.
fn filled(form: &Form) -> Vec<usize> {
    let is_filled = |at: &usize| {
        ["date", "name"].iter().any(|name| !form.get(&format!("{name}.{at}")).is_empty())
    };
    (0..DAYS_MAX + DAYS_MORE).filter(is_filled).collect()
}

/// The days that a form says. What is no date is said beside it.
fn days_of(form: &mut Form, l: Lang) -> Vec<Day> {
    let mut days = Vec::new();
    for at in filled(form) {
        let date = form.get(&format!("date.{at}")).parse::<Date>();
        let kind = form.get(&format!("kind.{at}")).to_owned();
        let name = form.get(&format!("name.{at}")).to_owned();
        match date {
            Ok(date) => days.push(Day { date, kind, name }),
            Err(_) => form.blame(
                &format!("date.{at}"),
                l.t("请填写日期，如 2027-01-01。", "Please write a date, such as 2027-01-01."),
            ),
        }
    }
    days
}

fn rows_of(form: &Form, l: Lang) -> Vec<Row> {
    let last = filled(form).last().map_or(0, |last| last + 1);
    let row = |at: usize| {
        let of = |name: &str| form.get(&format!("{name}.{at}")).to_owned();
        let date = of("date");
        let weekday = date.parse::<Date>().map(|date| local::weekday(date.weekday(), l));
        Row {
            at,
            weekday: weekday.unwrap_or_default(),
            kind: of("kind"),
            name: of("name"),
            error: form.error(&format!("date.{at}")).to_owned(),
            date,
        }
    };
    (0..last + DAYS_MORE).map(row).collect()
}

fn community_of(signed: &Signed) -> (Option<u64>, Form) {
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let asked = Form::parse(query.as_bytes());
    (asked.get("community").parse().ok(), asked)
}

pub(super) async fn ask(signed: Signed, Path(year): Path<i16>) -> Result<Response, Response> {
    let (community, asked) = community_of(&signed);
    let Versioned { row: Days { days }, etag: was } =
        read(&signed, year, community).await.map_err(signed.fails())?;
    let copied = match asked.get("copy") {
        "" => None,
        "nation" => Some(read(&signed, year, None).await.map_err(signed.fails())?.row.days),
        _ => {
            let before = read(&signed, year.saturating_sub(1), community).await;
            Some(moved(before.map_err(signed.fails())?.row.days, year))
        }
    };
    let is_copy = copied.is_some();
    let form = form_of(&copied.unwrap_or(days));
    let shown = Shown { year, community, was, now: Vec::new(), is_copy };
    render(&signed, shown, (form, StatusCode::OK)).await.map_err(signed.fails())
}

pub(super) async fn save(
    signed: Signed,
    Path(year): Path<i16>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let l = signed.lang();
    let (community, _) = community_of(&signed);
    let days = days_of(&mut form, l);
    let mut is_conflict = false;
    if !form.is_wrong() {
        let (path, was) = (path_of(year, community), form.get("was").to_owned());
        let saved = signed.api().put::<Value>(&path, Some(&was), &json!({"days": days})).await;
        match saved {
            Ok(_) => {
                let of = community.map(|id| format!("?community={id}"));
                let path = format!("/roster/calendars/{year}{}", of.unwrap_or_default());
                return Ok(go(&path, "saved"));
            }
            Err(Failure::Problem(problem)) if problem.status == 412 => is_conflict = true,
            Err(Failure::Problem(problem)) if matches!(problem.status, 400 | 422) => {
                let places = filled(&form);
                form.take(&problem, |pointer| {
                    let index = pointer.strip_prefix("/days/")?.split('/').next()?;
                    places.get(index.parse::<usize>().ok()?).map(|at| format!("date.{at}"))
                });
            }
            Err(failure) => return Err(failed(&signed.visitor, &failure)),
        }
    }
    let wrong = StatusCode::UNPROCESSABLE_ENTITY;
    let status = if is_conflict { StatusCode::PRECONDITION_FAILED } else { wrong };
    let Versioned { row: Days { days: known }, etag } =
        read(&signed, year, community).await.map_err(signed.fails())?;
    let was = if is_conflict { etag } else { form.get("was").to_owned() };
    let day = |day: &Day| format!("{} {} {}", day.date, kind_words(&day.kind, l), day.name);
    let now = if is_conflict { known.iter().map(day).collect() } else { Vec::new() };
    if is_conflict {
        form.problem = Some(
            l.t(
                "别人刚刚改过这一年，还没有保存。下面先列出现在的内容；再按一次“保存”，就以您填写的为准。",
                "Somebody else has just changed this year; nothing is saved yet. What it is now stands below; save again, and what you wrote counts.",
            )
            .to_owned(),
        );
    }
    let shown = Shown { year, community, was, now, is_copy: false };
    render(&signed, shown, (form, status)).await.map_err(signed.fails())
}

/// What is shown besides the form.
struct Shown {
    year: i16,
    community: Option<u64>,
    was: String,
    now: Vec<String>,
    is_copy: bool,
}

async fn render(
    signed: &Signed,
    shown: Shown,
    (form, status): (Form, StatusCode),
) -> Result<Response, Failure> {
    let l = signed.lang();
    let Shown { year, community, was, now, is_copy } = shown;
    let community = match community {
        Some(id) => {
            let row: Community = signed.api().get(&format!("/communities/{id}")).await?;
            Some((id, row.name))
        }
        None => None,
    };
    let title = match l {
        Lang::Chinese => format!("{year} 年节假日"),
        Lang::English => format!("Holidays of {year}"),
    };
    let page = CalendarPage {
        frame: Frame::signed(signed, title).await,
        l,
        year,
        tabs: community
            .as_ref()
            .map(|(id, _)| tabs(signed, *id, "calendar", year))
            .unwrap_or_default(),
        community,
        rows: rows_of(&form, l),
        now,
        was,
        form,
        may_edit: signed.me.is_admin(),
        is_copy,
    };
    Ok(show(status, &page))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_year_is_moved_day_by_day() {
        let day = |date| Day { date, kind: "holiday".into(), name: "元旦".into() };
        let days = vec![day(date(2024, 1, 1)), day(date(2024, 2, 29))];
        assert_eq!(moved(days, 2025), [day(date(2025, 1, 1))]);
    }

    #[test]
    fn empty_places_are_no_days() {
        let mut form = Form::parse(
            b"date.0=2027-01-01&kind.0=holiday&name.0=A&date.1=&kind.1=workday&date.2=soon&name.3=B",
        );
        let days = days_of(&mut form, Lang::English);
        assert_eq!(
            days,
            [Day { date: date(2027, 1, 1), kind: "holiday".into(), name: "A".into() }]
        );
        assert!(!form.error("date.2").is_empty() && !form.error("date.3").is_empty());
        assert!(form.error("date.1").is_empty());
        assert_eq!(rows_of(&form, Lang::English).len(), 4 + DAYS_MORE);
    }
}
