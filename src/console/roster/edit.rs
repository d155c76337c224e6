//! Adding, changing and removing a part of a roster. Who changes what somebody else has just changed sees both and
//! overwrites nothing.

use super::draft::{self, Choices, Input, Named};
use super::part::Part;
use super::rules;
use super::{Roster, nothing};
use crate::api::{Failure, Problem, Versioned};
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Template)]
#[template(path = "roster/edit.html")]
struct EditPage {
    frame: Frame,
    l: Lang,
    community: String,
    id: u64,
    title: String,
    hint: &'static str,
    /// Where the form goes.
    action: String,
    /// Where its list stands.
    back: String,
    etag: String,
    inputs: Vec<Input>,
    form: Form,
    is_conflict: bool,
}

/// A page of a list of the API.
#[derive(Deserialize)]
struct Listed {
    items: Vec<Value>,
}

/// A part of a roster while its form is open.
struct Subject<'a> {
    id: u64,
    part: &'static Part,
    /// The part as it is; none for a new one.
    row: Option<&'a Versioned<Value>>,
    is_conflict: bool,
}

/// The part of a path that somebody may edit.
fn part_of(signed: &Signed, plural: &str) -> Result<&'static Part, Failure> {
    let part = Part::of(plural).ok_or_else(nothing)?;
    if !part.may_edit(&signed.me) {
        let problem = Problem { status: 403, ..Problem::default() };
        return Err(Failure::Problem(Box::new(problem)));
    }
    Ok(part)
}

/// A part of this roster; of another it is not there.
async fn read(
    signed: &Signed,
    part: &Part,
    (id, row): (u64, u64),
) -> Result<Versioned<Value>, Failure> {
    let path = format!("/{}/{row}", part.plural);
    let row: Versioned<Value> = signed.api().get_versioned(&path).await?;
    let is_here = row.row.get("community_id").and_then(Value::as_u64) == Some(id);
    if is_here { Ok(row) } else { Err(nothing()) }
}

/// What may be chosen in the forms of a roster.
async fn choices(signed: &Signed, part: &Part, roster: &Roster) -> Result<Choices, Failure> {
    let id = roster.community_id;
    let mut rotations = Vec::new();
    let mut grids = Vec::new();
    if part.plural == "shifts" {
        let path = format!("/rotations?community_id={id}&limit=200");
        rotations = named(&signed.api().get::<Listed>(&path).await?.items);
    }
    if part.plural == "posts" {
        let path = format!("/grids?community_id={id}&limit=200");
        grids = named(&signed.api().get::<Listed>(&path).await?.items);
    }
    let posts = roster.posts.iter().map(|post| (post.id.to_string(), post.name.clone()));
    let workers = roster.workers.iter().map(|worker| (worker.id.to_string(), worker.name.clone()));
    Ok(Choices {
        local: roster.local(),
        posts: posts.collect(),
        workers: workers.collect(),
        rotations,
        grids,
    })
}

fn named(rows: &[Value]) -> Vec<Named> {
    let named = |row: &Value| {
        let name = row.get("name").and_then(Value::as_str).unwrap_or_default();
        Some((row.get("id")?.as_u64()?.to_string(), name.to_owned()))
    };
    rows.iter().filter_map(named).collect()
}

pub(super) async fn ask_new(
    signed: Signed,
    Path((id, plural)): Path<(u64, String)>,
) -> Result<Response, Response> {
    let part = part_of(&signed, &plural).map_err(signed.fails())?;
    let roster = Roster::of(&signed, id, "days=1").await.map_err(signed.fails())?;
    let mut form = draft::form_of(part, &defaults(part, &roster), &roster.local());
    // What a link brings along: the post and the hours of a gap.
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let asked = Form::parse(query.as_bytes());
    for field in part.fields.iter().filter(|field| !asked.get(field.name).is_empty()) {
        form.set(field.name, asked.get(field.name));
    }
    let subject = Subject { id, part, row: None, is_conflict: false };
    edit_page(&signed, &roster, subject, (form, StatusCode::OK)).await.map_err(signed.fails())
}

/// What a new part begins with: what the API takes where nothing is said, so that people see it.
fn defaults(part: &Part, roster: &Roster) -> Value {
    match part.plural {
        "posts" => json!({"cover": "always"}),
        "rotations" => {
            json!({"at_once": 1, "every": 1, "unit": "days", "anchor": roster.local().date(roster.now)})
        }
        "shifts" => json!({"starts": "08:00", "ends": "20:00", "days_later": 0,
            "weekdays": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
            "day_kinds": ["workday", "rest_day", "holiday"]}),
        _ => json!({}),
    }
}

pub(super) async fn ask(
    signed: Signed,
    Path((id, plural, row)): Path<(u64, String, u64)>,
) -> Result<Response, Response> {
    let part = part_of(&signed, &plural).map_err(signed.fails())?;
    let row = read(&signed, part, (id, row)).await.map_err(signed.fails())?;
    let roster = Roster::of(&signed, id, "days=1").await.map_err(signed.fails())?;
    let form = draft::form_of(part, &row.row, &roster.local());
    let subject = Subject { id, part, row: Some(&row), is_conflict: false };
    edit_page(&signed, &roster, subject, (form, StatusCode::OK)).await.map_err(signed.fails())
}

pub(super) async fn add(
    signed: Signed,
    Path((id, plural)): Path<(u64, String)>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let part = part_of(&signed, &plural).map_err(signed.fails())?;
    let roster = Roster::of(&signed, id, "days=1").await.map_err(signed.fails())?;
    let local = roster.local();
    let draft = draft::draft_of(part, &mut form, (id, &Value::Null), &local, signed.lang());
    if !form.is_wrong() {
        let api = signed.api().because(form.get("reason"));
        match api.post::<Value>(&format!("/{plural}"), &draft).await {
            Ok(_) => return Ok(go(&part.list(id), "added")),
            Err(failure) => take(part, &mut form, failure).map_err(signed.fails())?,
        }
    }
    let subject = Subject { id, part, row: None, is_conflict: false };
    let page = edit_page(&signed, &roster, subject, (form, StatusCode::UNPROCESSABLE_ENTITY));
    page.await.map_err(signed.fails())
}

pub(super) async fn save(
    signed: Signed,
    Path((id, plural, row_id)): Path<(u64, String, u64)>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let part = part_of(&signed, &plural).map_err(signed.fails())?;
    let mut row = read(&signed, part, (id, row_id)).await.map_err(signed.fails())?;
    let roster = Roster::of(&signed, id, "days=1").await.map_err(signed.fails())?;
    let local = roster.local();
    let draft = draft::draft_of(part, &mut form, (id, &row.row), &local, signed.lang());
    let mut is_conflict = form.get("etag") != row.etag;
    if !is_conflict && !form.is_wrong() {
        let api = signed.api().because(form.get("reason"));
        match api.put::<Value>(&format!("/{plural}/{row_id}"), Some(&row.etag), &draft).await {
            Ok(_) => return Ok(go(&part.list(id), "saved")),
            Err(Failure::Problem(problem)) if problem.status == 412 => {
                // Somebody was quicker between the two requests above.
                row = read(&signed, part, (id, row_id)).await.map_err(signed.fails())?;
                is_conflict = true;
            }
            Err(failure) => take(part, &mut form, failure).map_err(signed.fails())?,
        }
    }
    let wrong = StatusCode::UNPROCESSABLE_ENTITY;
    let status = if is_conflict { StatusCode::PRECONDITION_FAILED } else { wrong };
    let subject = Subject { id, part, row: Some(&row), is_conflict };
    edit_page(&signed, &roster, subject, (form, status)).await.map_err(signed.fails())
}

/// Removes a part that was seen at this version.
pub(super) async fn remove(
    signed: Signed,
    Path((id, plural, row)): Path<(u64, String, u64)>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let part = part_of(&signed, &plural).map_err(signed.fails())?;
    read(&signed, part, (id, row)).await.map_err(signed.fails())?;
    let etag = form.get("etag").to_owned();
    let removed = signed.api().delete(&format!("/{plural}/{row}"), Some(&etag)).await;
    match removed {
        Ok(()) => Ok(go(&part.list(id), "removed")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 409 | 412 | 422) => {
            form.take(&problem, |_| None);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
            rules::refused(&signed, (id, part), (form, status)).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

/// What the API found wrong, beside the fields; anything else is no matter of the form.
fn take(part: &Part, form: &mut Form, failure: Failure) -> Result<(), Failure> {
    match failure {
        Failure::Problem(problem) if matches!(problem.status, 400 | 409 | 422) => {
            form.take(&problem, |pointer| draft::field_of(part, pointer));
            Ok(())
        }
        failure @ (Failure::Problem(_) | Failure::Unreadable(_)) => Err(failure),
    }
}

async fn edit_page(
    signed: &Signed,
    roster: &Roster,
    subject: Subject<'_>,
    (form, status): (Form, StatusCode),
) -> Result<Response, Failure> {
    let l = signed.lang();
    let Subject { id, part, row, is_conflict } = subject;
    let choices = choices(signed, part, roster).await?;
    let (title, action) = match row {
        Some(row) => {
            let number = row.row.get("id").and_then(Value::as_u64).unwrap_or_default();
            let title = format!("{}{} {number}", l.t("修改", "Change "), part.words(l));
            (title, format!("/roster/{id}/{}/{number}/edit", part.plural))
        }
        None => {
            let title = format!("{}{}", l.t("添加", "Add: "), part.words(l));
            (title, format!("/roster/{id}/{}/add", part.plural))
        }
    };
    let now = row.map(|row| &row.row).filter(|_| is_conflict);
    let page = EditPage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        community: roster.community.clone(),
        id,
        title,
        hint: part.hint(l),
        action,
        back: part.list(id),
        etag: row.map(|row| row.etag.clone()).unwrap_or_default(),
        inputs: draft::inputs(part, &form, &choices, now, l),
        form,
        is_conflict,
    };
    Ok(show(status, &page))
}
