//! Adding, changing and removing a row. Two people who change the same row never overwrite each other: who comes second
//! gets the form again, with what the other has changed beside what they typed.

use super::draft::{self, Input};
use super::finding::{self, found};
use super::noun::Noun;
use super::{Crumb, crumbs, id_of, noun_of, title_of};
use crate::api::{Api, Failure, Problem, Versioned};
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

#[derive(Template)]
#[template(path = "directory/edit.html")]
struct EditPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    title: String,
    /// Where the form goes.
    action: String,
    /// Where it leads without saving.
    back: String,
    /// The field of the row above and its id.
    parent: Option<(&'static str, String)>,
    /// The community, which numbers that are typed are read in; empty where it is not known.
    community: String,
    etag: String,
    inputs: Vec<Input>,
    form: Form,
    /// Somebody else changed the row meanwhile.
    is_conflict: bool,
}

impl EditPage {
    /// Whether a row can be looked for here: Enter saves all the same.
    fn finds(&self) -> bool {
        self.inputs.iter().any(|input| input.kind == "household")
    }
}

/// The row that a form is about.
struct Subject<'a> {
    noun: &'static Noun,
    /// `None` for one that is new.
    row: Option<&'a Versioned<Value>>,
    /// Somebody else changed it meanwhile.
    is_conflict: bool,
}

pub(super) async fn ask(
    signed: Signed,
    Path((plural, id)): Path<(String, u64)>,
) -> Result<Response, Response> {
    let noun = noun_of(&plural).map_err(signed.fails())?;
    let row = read(&signed, noun, id).await.map_err(signed.fails())?;
    let form = draft::form_of(noun, &row.row);
    let subject = Subject { noun, row: Some(&row), is_conflict: false };
    edit_page(&signed, subject, form, StatusCode::OK).await.map_err(signed.fails())
}

pub(super) async fn ask_new(
    signed: Signed,
    Path(plural): Path<String>,
) -> Result<Response, Response> {
    let noun = noun_of(&plural).map_err(signed.fails())?;
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let mut form = draft::form_of(noun, &defaults(noun));
    if let Some((_, parent)) = noun.parent {
        form.set(parent, Form::parse(query.as_bytes()).get(parent));
    }
    let subject = Subject { noun, row: None, is_conflict: false };
    edit_page(&signed, subject, form, StatusCode::OK).await.map_err(signed.fails())
}

/// What a new row begins with: what the API takes where nothing is said, so that people see it.
fn defaults(noun: &Noun) -> Value {
    match noun.plural {
        "communities" => json!({"language": "zh-CN", "time_zone": "Asia/Shanghai",
            "alarm_codes": ["#9", "*9"], "silent_codes": ["#9*"], "arrival_code": "#97"}),
        "groups" => json!({"acknowledgements_wanted": 2}),
        "households" => json!({"position": 0}),
        "contacts" => json!({"rank": 0}),
        _ => json!({}),
    }
}

pub(super) async fn add(
    signed: Signed,
    Path(plural): Path<String>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let noun = noun_of(&plural).map_err(signed.fails())?;
    let draft = draft::draft_of(noun, &mut form, &Value::Null, signed.lang());
    let subject = || Subject { noun, row: None, is_conflict: false };
    if form.get("do") == "find" {
        return edit_page(&signed, subject(), form, StatusCode::OK).await.map_err(signed.fails());
    }
    if form.is_wrong() {
        let page = edit_page(&signed, subject(), form, StatusCode::UNPROCESSABLE_ENTITY).await;
        return page.map_err(signed.fails());
    }
    match because(&signed, &form).post::<Value>(&format!("/{plural}"), &draft).await {
        Ok(row) => Ok(go(&noun.path(id_of(&row)), "added")),
        Err(Failure::Problem(problem)) if is_mistake(&problem) => {
            take(noun, &mut form, &problem);
            let page = edit_page(&signed, subject(), form, StatusCode::UNPROCESSABLE_ENTITY).await;
            page.map_err(signed.fails())
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

pub(super) async fn save(
    signed: Signed,
    Path((plural, id)): Path<(String, u64)>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let noun = noun_of(&plural).map_err(signed.fails())?;
    let row = read(&signed, noun, id).await.map_err(signed.fails())?;
    let draft = draft::draft_of(noun, &mut form, &row.row, signed.lang());
    let subject = |is_conflict| Subject { noun, row: Some(&row), is_conflict };
    if form.get("etag") != row.etag {
        let page = edit_page(&signed, subject(true), form, StatusCode::PRECONDITION_FAILED).await;
        return page.map_err(signed.fails());
    }
    if form.get("do") == "find" {
        let page = edit_page(&signed, subject(false), form, StatusCode::OK).await;
        return page.map_err(signed.fails());
    }
    if form.is_wrong() {
        let page = edit_page(&signed, subject(false), form, StatusCode::UNPROCESSABLE_ENTITY).await;
        return page.map_err(signed.fails());
    }
    let api = because(&signed, &form);
    match api.put::<Value>(&format!("/{plural}/{id}"), Some(&row.etag), &draft).await {
        Ok(_) => Ok(go(&noun.path(id), "saved")),
        Err(Failure::Problem(problem)) if problem.status == 412 => {
            // Somebody was quicker between the two requests above.
            let row = read(&signed, noun, id).await.map_err(signed.fails())?;
            let subject = Subject { noun, row: Some(&row), is_conflict: true };
            let page = edit_page(&signed, subject, form, StatusCode::PRECONDITION_FAILED).await;
            page.map_err(signed.fails())
        }
        Err(Failure::Problem(problem)) if is_mistake(&problem) => {
            take(noun, &mut form, &problem);
            let page = edit_page(&signed, subject(false), form, StatusCode::UNPROCESSABLE_ENTITY);
            page.await.map_err(signed.fails())
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

async fn read(signed: &Signed, noun: &Noun, id: u64) -> Result<Versioned<Value>, Failure> {
    signed.api().get_versioned(&format!("/{}/{id}", noun.plural)).await
}

/// The API, told why.
fn because(signed: &Signed, form: &Form) -> Api {
    signed.api().because(form.get("reason"))
}

/// Whether people can put it right in the form.
fn is_mistake(problem: &Problem) -> bool {
    matches!(problem.status, 400 | 409 | 422)
}

fn take(noun: &Noun, form: &mut Form, problem: &Problem) {
    let known = form.clone();
    form.take(problem, |pointer| draft::field_of(noun, &known, pointer));
}

async fn edit_page(
    signed: &Signed,
    subject: Subject<'_>,
    form: Form,
    status: StatusCode,
) -> Result<Response, Failure> {
    let l = signed.lang();
    let Subject { noun, row, is_conflict } = subject;
    let now = row.map(|row| &row.row);
    let (title, action, back, crumbs) = match now {
        Some(row) => {
            let mut crumbs = crumbs(signed, noun, row).await?;
            let path = noun.path(id_of(row));
            crumbs.push((path.clone(), title_of(noun, row)));
            let title = format!("{}{}", l.t("修改", "Change "), title_of(noun, row));
            (title, format!("{path}/edit"), path, crumbs)
        }
        None => {
            let above = above_of(noun, &form);
            let title = format!("{}{}", l.t("添加", "Add a "), noun.words(l));
            let action = format!("/directory/{}/add", noun.plural);
            (title, action, noun.parent_path(&above), crumbs(signed, noun, &above).await?)
        }
    };
    let parent = noun.parent.map(|(_, field)| {
        let of_row = now.and_then(|row| row.get(field)?.as_u64()).map(|id| id.to_string());
        let typed = form.get(field);
        (field, if typed.is_empty() { of_row.unwrap_or_default() } else { typed.to_owned() })
    });
    let above = crumbs.iter().find_map(|(path, _)| path.strip_prefix("/directory/communities/"));
    let community = above.unwrap_or_default().to_owned();
    let mut inputs = draft::inputs(noun, &form, now, now.filter(|_| is_conflict), l);
    offer(signed, noun, &mut inputs, community.parse().ok()).await?;
    let page = EditPage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        community,
        crumbs,
        title,
        action,
        back,
        parent,
        etag: row.map(|row| row.etag.clone()).unwrap_or_default(),
        inputs,
        form,
        is_conflict,
    };
    Ok(show(status, &page))
}

/// Puts the rows that may be chosen into the inputs that name one.
async fn offer(
    signed: &Signed,
    noun: &Noun,
    inputs: &mut [Input],
    community: Option<u64>,
) -> Result<(), Failure> {
    let l = signed.lang();
    for input in inputs {
        let Some(field) = noun.fields.iter().find(|field| field.name == input.name) else {
            continue;
        };
        input.options = match (input.kind, community) {
            ("grid", Some(id)) => {
                let all = (String::new(), l.t("整个社区", "The whole community").to_owned());
                [all].into_iter().chain(grids(signed, id).await?).collect()
            }
            ("household", Some(id)) => {
                let none = (String::new(), l.t("（没有）", "(none)").to_owned());
                let is_wanted =
                    |hit: &finding::Hit| hit.noun == "households" && hit.community_id == Some(id);
                let hits = found(signed, &input.sought, finding::OFFERED, is_wanted).await?;
                // The only one that is found is chosen.
                if let ([one], true) = (hits.as_slice(), input.value.is_empty()) {
                    input.value = one.id.to_string();
                }
                let hits = hits.iter().map(|hit| (hit.id.to_string(), hit.words()));
                [none].into_iter().chain(hits).collect()
            }
            _ => continue,
        };
        // What is chosen is among them, also when it was not found.
        if input.options.iter().all(|(value, _)| *value != input.value) {
            let words = finding::named(signed, field, input.value.clone()).await;
            input.options.push((input.value.clone(), words));
        }
        if let Some(now) = input.now.take() {
            input.now = Some(finding::named(signed, field, now).await);
        }
    }
    Ok(())
}

/// The grids of a community: id and name.
async fn grids(signed: &Signed, community: u64) -> Result<Vec<(String, String)>, Failure> {
    let path = format!("/grids?limit=200&community_id={community}");
    let rows: Vec<Value> = signed.api().get_all(&path).await?;
    let grid = |row: &Value| {
        let name = row.get("name").and_then(Value::as_str).unwrap_or_default();
        (id_of(row).to_string(), name.to_owned())
    };
    Ok(rows.iter().map(grid).collect())
}

/// A row that says no more than where a new one is to hang.
fn above_of(noun: &Noun, form: &Form) -> Value {
    let above =
        noun.parent.and_then(|(_, field)| Some((field, form.get(field).parse::<u64>().ok()?)));
    above.map_or(Value::Null, |(field, id)| json!({field: id}))
}
