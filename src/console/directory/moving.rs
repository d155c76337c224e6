//! Moving a row below another one of its community: what it shall belong to is chosen by going down from the community
//! or by name, and asked before, with what changes. Households of a group can be moved together.
//!
//! Must not decide what may belong where; the API does.

mod changes;
mod several;

use super::finding::{Hit, OFFERED, found};
use super::noun::place;
use super::{Crumb, Noun, above, crumbs_of, draft, id_of, noun_of, title_of};
use crate::Shared;
use crate::api::{Failure, Problem, Versioned};
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::Value;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/directory/{plural}/{id}/move", get(ask).post(save))
        .route("/directory/groups/{id}/several", get(several::ask).post(several::save))
}

/// What one goes down by to the row that shall be above, the last of them; nothing for rows that stay where they are.
pub(super) fn levels(plural: &str) -> &'static [&'static str] {
    match plural {
        "communities" => &["streets"],
        "groups" => &["grids"],
        "households" => &["grids", "groups"],
        "lines" | "contacts" => &["grids", "groups", "households"],
        _ => &[],
    }
}

/// A row that shall be moved, and what stands above it, the nearest first.
struct Subject {
    noun: &'static Noun,
    row: Versioned<Value>,
    above: Vec<(&'static Noun, Value)>,
}

impl Subject {
    async fn read(signed: &Signed, plural: &str, id: u64) -> Result<Self, Failure> {
        let noun = noun_of(plural)?;
        if levels(noun.plural).is_empty() {
            return Err(Failure::Problem(Box::new(Problem { status: 404, ..Problem::default() })));
        }
        if !noun.may_edit(&signed.me) {
            signed.must_be_admin()?;
        }
        let row: Versioned<Value> =
            signed.api().get_versioned(&format!("/{}/{id}", noun.plural)).await?;
        let above = above(signed, noun, &row.row).await?;
        Ok(Self { noun, row, above })
    }

    fn path(&self) -> String {
        self.noun.path(id_of(&self.row.row))
    }

    fn title(&self) -> String {
        title_of(self.noun, &self.row.row)
    }

    fn crumbs(&self, l: Lang) -> Vec<Crumb> {
        let mut crumbs = crumbs_of(&self.above, l);
        crumbs.push((self.path(), self.title()));
        crumbs
    }
}

/// The community among rows; none for communities themselves.
fn community_in(above: &[(&'static Noun, Value)]) -> Option<u64> {
    let found = above.iter().find(|(noun, _)| noun.plural == "communities");
    found.map(|(_, row)| id_of(row))
}

/// A row that may be chosen; without a path the one that it is below now.
struct Choice {
    path: Option<String>,
    title: String,
    detail: String,
}

/// The choice of what shall be above.
pub(super) struct Chooser<'a> {
    /// What is moved, as a title says it.
    title: String,
    crumbs: Vec<Crumb>,
    /// The page of the choice.
    path: String,
    /// What every link and form of it brings along.
    kept: Vec<(String, String)>,
    levels: &'a [&'static str],
    community: Option<u64>,
    /// What it is below now.
    now: u64,
    back: String,
}

#[derive(Template)]
#[template(path = "directory/move.html")]
struct MovePage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    title: String,
    /// What is chosen now, such as `group`.
    what: &'static str,
    path: String,
    kept: Vec<(String, String)>,
    words: String,
    /// What one went down by; a link to the level above each.
    chosen: Vec<Crumb>,
    choices: Vec<Choice>,
    back: String,
}

#[derive(Template)]
#[template(path = "directory/move_sure.html")]
struct SurePage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    heading: String,
    /// What comes of it.
    changes: Vec<String>,
    action: String,
    etag: String,
    to: u64,
    kept: Vec<(String, String)>,
    /// Where something else is chosen.
    choose: String,
    back: String,
    form: Form,
}

impl Chooser<'_> {
    /// A link of the choice.
    fn link(&self, more: &[(&str, String)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.kept).extend_pairs(more);
        let query = query.finish();
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }

    /// The choice of a row, unless it is where things are now.
    fn choice(&self, id: u64, title: String, detail: String) -> Choice {
        let path = (id != self.now).then(|| self.link(&[("to", id.to_string())]));
        Choice { path, title, detail }
    }

    /// What words find of the rows that may be above.
    async fn found(&self, signed: &Signed, words: &str) -> Result<Vec<Choice>, Failure> {
        let wanted = self.levels.last().copied().unwrap_or_default();
        let is_wanted = |hit: &Hit| hit.noun == wanted && hit.community_id == self.community;
        let hits = found(signed, words, OFFERED, is_wanted).await?;
        Ok(hits.into_iter().map(|hit| self.choice(hit.id, hit.name, hit.place)).collect())
    }

    /// The page: what words find, or the rows of the level that one has come down to.
    async fn page(self, signed: &Signed, asked: &Form) -> Result<Response, Failure> {
        let l = signed.lang();
        let words = asked.get("q").to_owned();
        let (mut chosen, mut path) = (Vec::new(), Vec::<(&str, String)>::new());
        let mut choices = Vec::new();
        if words.is_empty() {
            let mut parent = self.community.map(|id| ("community_id", id));
            for (at, plural) in self.levels.iter().enumerate() {
                let noun = noun_of(plural)?;
                let of = parent.map(|(field, id)| format!("&{field}={id}")).unwrap_or_default();
                let is_last = at + 1 == self.levels.len();
                let id = asked.get(plural).parse::<u64>().ok().filter(|_| !is_last);
                if let Some(id) = id {
                    let row: Value = signed.api().get(&format!("/{plural}/{id}")).await?;
                    chosen.push((self.link(&path), title_of(noun, &row)));
                    path.push((plural, id.to_string()));
                    parent = noun
                        .children
                        .first()
                        .and_then(|child| Some((Noun::of(child)?.parent?.1, id)));
                    continue;
                }
                let rows: Vec<Value> =
                    signed.api().get_all(&format!("/{plural}?limit=200{of}")).await?;
                choices = rows
                    .iter()
                    .map(|row| {
                        let (id, title) = (id_of(row), title_of(noun, row));
                        let detail = place(row, l);
                        if is_last {
                            return self.choice(id, title, detail);
                        }
                        let mut down = path.clone();
                        down.push((plural, id.to_string()));
                        Choice { path: Some(self.link(&down)), title, detail }
                    })
                    .collect();
                break;
            }
        } else {
            choices = self.found(signed, &words).await?;
        }
        let wanted = self.levels.last().copied().and_then(Noun::of);
        let page = MovePage {
            frame: Frame::signed(signed, self.title.clone()).await,
            l,
            crumbs: self.crumbs,
            title: self.title,
            what: wanted.map_or("", |noun| noun.words(l)),
            path: self.path,
            kept: self.kept,
            words,
            chosen,
            choices,
            back: self.back,
        };
        Ok(show(StatusCode::OK, &page))
    }
}

/// Asks where a row shall go, or, once that is chosen, whether it shall.
async fn ask(
    signed: Signed,
    Path((plural, id)): Path<(String, u64)>,
) -> Result<Response, Response> {
    let subject = Subject::read(&signed, &plural, id).await.map_err(signed.fails())?;
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let asked = Form::parse(query.as_bytes());
    if let Ok(to) = asked.get("to").parse::<u64>() {
        let page = sure(&signed, &subject, to, (Form::default(), StatusCode::OK)).await;
        return page.map_err(signed.fails());
    }
    let l = signed.lang();
    let chooser = Chooser {
        title: match l {
            Lang::Chinese => format!("移动{}", subject.title()),
            Lang::English => format!("Move {}", subject.title()),
        },
        crumbs: subject.crumbs(l),
        path: format!("{}/move", subject.path()),
        kept: Vec::new(),
        levels: levels(subject.noun.plural),
        community: community_in(&subject.above),
        now: subject.above.first().map(|(_, row)| id_of(row)).unwrap_or_default(),
        back: subject.path(),
    };
    chooser.page(&signed, &asked).await.map_err(signed.fails())
}

/// The question whether a row shall be moved there.
async fn sure(
    signed: &Signed,
    subject: &Subject,
    to: u64,
    (form, status): (Form, StatusCode),
) -> Result<Response, Failure> {
    let l = signed.lang();
    let Some((parent, from)) = subject.above.first() else {
        return Err(Failure::Problem(Box::new(Problem { status: 404, ..Problem::default() })));
    };
    let target: Value = signed.api().get(&format!("/{}/{to}", parent.plural)).await?;
    let (title, was, is) = (subject.title(), title_of(parent, from), title_of(parent, &target));
    let moved = changes::Moved { title: &title, from, to: &target, was: &was, is: &is };
    let changes = match subject.noun.plural {
        "households" => changes::of_household(signed, id_of(&subject.row.row), &moved).await?,
        "groups" => changes::of_group(&moved, l),
        "communities" => changes::of_community(&moved, l),
        "lines" => changes::of_line(&moved, l),
        _ => changes::of_contact(&moved, l),
    };
    let page = SurePage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        crumbs: subject.crumbs(l),
        heading: changes::heading(&moved, l),
        changes,
        action: format!("{}/move", subject.path()),
        etag: subject.row.etag.clone(),
        to,
        kept: Vec::new(),
        choose: format!("{}/move", subject.path()),
        back: subject.path(),
        form,
    };
    Ok(show(status, &page))
}

/// Moves a row that was seen at this version.
async fn save(
    signed: Signed,
    Path((plural, id)): Path<(String, u64)>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let subject = Subject::read(&signed, &plural, id).await.map_err(signed.fails())?;
    let (noun, path) = (subject.noun, subject.path());
    let Ok(to) = form.get("to").parse::<u64>() else {
        return Ok(Redirect::to(&format!("{path}/move")).into_response());
    };
    let draft = moved_draft(noun, &subject.row.row, to, signed.lang());
    let etag = form.get("etag").to_owned();
    let api = signed.api().because(form.get("reason"));
    match api.put::<Value>(&format!("/{}/{id}", noun.plural), Some(&etag), &draft).await {
        Ok(_) => Ok(go(&path, "moved")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 400 | 409 | 412 | 422 | 428) => {
            form.take(&problem, |_| None);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
            sure(&signed, &subject, to, (form, status)).await.map_err(signed.fails())
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

/// The row as it is, but below another one.
fn moved_draft(noun: &'static Noun, row: &Value, to: u64, l: Lang) -> Value {
    let mut form = draft::form_of(noun, row);
    if let Some((_, field)) = noun.parent {
        form.set(field, to.to_string());
    }
    draft::draft_of(noun, &mut form, row, l)
}
