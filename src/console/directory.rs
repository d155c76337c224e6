//! The directory: from streets down to telephones, one page a row, with forms to add, change and remove.
//!
//! What differs between nouns stands in `noun`; here every row is the same: where it is, what it says, what hangs below
//! it. Numbers are masked until somebody asks, and asking is a request that the API records.

mod draft;
mod edit;
pub(crate) mod finding;
mod group;
mod history;
mod import;
mod moving;
pub(crate) mod noun;
mod number;
mod pins;
mod proposal;
mod reachability;
mod removing;
mod search;
#[cfg(test)]
mod tests;
mod typed;

use crate::Shared;
use crate::api::{Failure, Problem, Versioned};
use crate::form::{Form, Sent};
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::lines::{self, Standing};
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
pub(crate) use history::who_words;
pub(crate) use noun::{LANGUAGES, Noun};
use serde::Deserialize;
use serde_json::{Value, json};

/// Rows of one page of a list.
const ROWS: u32 = 50;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/directory", get(top))
        .route("/directory/search", get(search::search))
        .route("/directory/numbers", get(typed::check))
        .merge(group::routes())
        .merge(proposal::routes())
        .merge(import::routes())
        .merge(reachability::routes())
        .merge(pins::routes())
        .merge(moving::routes())
        .route("/directory/{plural}/add", get(edit::ask_new).post(edit::add))
        .route("/directory/{plural}/history", get(history::of_noun))
        .route("/directory/{plural}/undo/{edit}", post(history::undo))
        .route("/directory/{plural}/{id}", get(node))
        .route("/directory/{plural}/{id}/history", get(history::of_row))
        .route("/directory/{plural}/{id}/edit", get(edit::ask).post(edit::save))
        .route("/directory/{plural}/{id}/remove", get(removing::ask).post(removing::remove))
        .route("/directory/{plural}/{id}/numbers", post(reveal))
}

/// A page of a list of the API.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    pub(crate) items: Vec<Value>,
    #[serde(default)]
    pub(crate) next: Option<u64>,
}

/// One of the rows above: its page and its name.
pub(crate) type Crumb = (String, String);

#[derive(Template)]
#[template(path = "directory/node.html")]
struct NodePage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    /// What it is, such as `household`.
    what: &'static str,
    title: String,
    plural: &'static str,
    /// The row's own page; empty for the top of the tree.
    path: String,
    etag: String,
    facts: Vec<(String, String)>,
    numbers: Option<Vec<number::Shown>>,
    is_masked: bool,
    /// How sure the numbers of a person are.
    sure: Vec<reachability::Number>,
    /// How a line is.
    standing: Option<Standing>,
    sections: Vec<Section>,
    may_edit: bool,
    form: Form,
}

impl NodePage {
    /// Whether a number is ticked as found right: the only one there is, until it was taken out.
    fn is_ticked(&self, at: &usize) -> bool {
        let is_only = self.numbers.as_ref().is_some_and(|numbers| numbers.len() == 1);
        self.form.has("number", &at.to_string()) || (is_only && !self.form.is_wrong())
    }

    /// Whether such a row can be moved below another one.
    fn may_move(&self) -> bool {
        self.may_edit && !moving::levels(self.plural).is_empty()
    }

    /// The id of the row, as it stands in addresses.
    fn id(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// The rows of one noun below a row.
struct Section {
    heading: &'static str,
    plural: &'static str,
    rows: Vec<RowLink>,
    /// The next page of them.
    more: Option<String>,
    /// The form of a new one; `None` for who may not.
    add: Option<String>,
}

/// A row in a list.
struct RowLink {
    path: String,
    title: String,
    /// Where or in what order.
    detail: String,
    numbers: Vec<number::Shown>,
}

/// The noun of a path; nothing is there for another one.
pub(crate) fn noun_of(plural: &str) -> Result<&'static Noun, Failure> {
    Noun::of(plural)
        .ok_or_else(|| Failure::Problem(Box::new(Problem { status: 404, ..Problem::default() })))
}

/// The streets.
async fn top(signed: Signed) -> Result<Response, Response> {
    let l = signed.lang();
    let streets = noun_of("streets").map_err(signed.fails())?;
    let sections = vec![section(&signed, streets, None).await.map_err(signed.fails())?];
    let title = l.t("群组", "Directory").to_owned();
    let page = NodePage {
        frame: Frame::signed(&signed, title.clone()).await,
        l,
        crumbs: Vec::new(),
        what: "",
        title,
        plural: "",
        path: String::new(),
        etag: String::new(),
        facts: Vec::new(),
        numbers: None,
        is_masked: false,
        sure: Vec::new(),
        standing: None,
        sections,
        may_edit: signed.me.is_admin(),
        form: Form::default(),
    };
    Ok(show(StatusCode::OK, &page))
}

async fn node(
    signed: Signed,
    Path((plural, id)): Path<(String, u64)>,
) -> Result<Response, Response> {
    let noun = noun_of(&plural).map_err(signed.fails())?;
    let row = signed.api().get_versioned(&format!("/{plural}/{id}")).await;
    let row = row.map_err(signed.fails())?;
    node_page(
        &signed,
        noun,
        &row,
        Shape { in_full: false, form: Form::default(), status: StatusCode::OK },
    )
    .await
    .map_err(signed.fails())
}

/// Shows the numbers of a row in full. The API records who asked.
async fn reveal(
    signed: Signed,
    Path((plural, id)): Path<(String, u64)>,
    Sent(_): Sent,
) -> Result<Response, Response> {
    let noun = noun_of(&plural).map_err(signed.fails())?;
    let path = format!("/{plural}/{id}");
    let asked: Result<Value, _> = signed.api().post(&format!("{path}/reads"), &json!({})).await;
    asked.map_err(signed.fails())?;
    let row = signed.api().get_versioned(&path).await.map_err(signed.fails())?;
    node_page(
        &signed,
        noun,
        &row,
        Shape { in_full: true, form: Form::default(), status: StatusCode::OK },
    )
    .await
    .map_err(signed.fails())
}

/// How a row is shown.
struct Shape {
    /// With its numbers in full.
    in_full: bool,
    /// What was wrong with removing it.
    form: Form,
    status: StatusCode,
}

async fn node_page(
    signed: &Signed,
    noun: &'static Noun,
    row: &Versioned<Value>,
    shape: Shape,
) -> Result<Response, Failure> {
    if noun.plural == "groups" {
        return group::page(signed, row, (shape.form, shape.status)).await;
    }
    let l = signed.lang();
    let title = title_of(noun, &row.row);
    let of_row = noun.fields.iter().filter(|field| {
        field.name != "name" && !matches!(field.kind, noun::Kind::Number | noun::Kind::Numbers)
    });
    let mut facts = Vec::new();
    for field in of_row {
        let value = finding::named(signed, field, field.shown(&row.row, l)).await;
        if !value.is_empty() {
            facts.push((field.label(l).to_owned(), value));
        }
    }
    let mut sections = Vec::new();
    for child in noun.children.iter().filter_map(|child| Noun::of(child)) {
        sections.push(section(signed, child, Some(id_of(&row.row))).await?);
    }
    let page = NodePage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        crumbs: crumbs(signed, noun, &row.row).await?,
        what: noun.words(l),
        title,
        plural: noun.plural,
        path: noun.path(id_of(&row.row)),
        etag: row.etag.clone(),
        facts,
        numbers: noun.has_numbers().then(|| number::shown(&row.row, shape.in_full, l)),
        is_masked: !shape.in_full,
        sure: reachability::of(signed, noun, id_of(&row.row)).await?,
        standing: lines::standing(signed, noun, id_of(&row.row)).await?,
        sections,
        may_edit: noun.may_edit(&signed.me),
        form: shape.form,
    };
    Ok(show(shape.status, &page))
}

/// The id of a row.
pub(crate) fn id_of(row: &Value) -> u64 {
    row.get("id").and_then(Value::as_u64).unwrap_or_default()
}

/// How a row is called; lines by their account.
pub(crate) fn title_of(noun: &Noun, row: &Value) -> String {
    let title = noun.title(row);
    if title.is_empty() { format!("{} {}", noun.plural, id_of(row)) } else { title }
}

/// The rows above a row, the nearest first.
pub(crate) async fn above(
    signed: &Signed,
    noun: &Noun,
    row: &Value,
) -> Result<Vec<(&'static Noun, Value)>, Failure> {
    let mut rows = Vec::new();
    let parent = |noun: &Noun, row: &Value| {
        let (plural, field) = noun.parent?;
        Some((Noun::of(plural)?, row.get(field)?.as_u64()?))
    };
    let mut next = parent(noun, row);
    while let Some((noun, id)) = next {
        let row: Value = signed.api().get(&format!("/{}/{id}", noun.plural)).await?;
        next = parent(noun, &row);
        rows.push((noun, row));
    }
    Ok(rows)
}

/// The rows above a row, the street first.
pub(crate) async fn crumbs(
    signed: &Signed,
    noun: &Noun,
    row: &Value,
) -> Result<Vec<Crumb>, Failure> {
    let rows = above(signed, noun, row).await?;
    Ok(crumbs_of(&rows, signed.lang()))
}

/// Rows above a row, the nearest first, as they stand above its page: the street first.
pub(crate) fn crumbs_of(rows: &[(&Noun, Value)], l: Lang) -> Vec<Crumb> {
    let crumb = |(noun, row): &(&Noun, Value)| (noun.path(id_of(row)), title_of(noun, row));
    let mut crumbs: Vec<_> = rows.iter().map(crumb).collect();
    crumbs.push(("/directory".to_owned(), l.t("群组", "Directory").to_owned()));
    crumbs.reverse();
    crumbs
}

/// The page of a list below a row that the query asks for, such as `?contacts=50`.
async fn section(
    signed: &Signed,
    noun: &'static Noun,
    parent: Option<u64>,
) -> Result<Section, Failure> {
    let l = signed.lang();
    let here = &signed.visitor.path;
    let (path, query) = here.split_once('?').unwrap_or((here, ""));
    let after = Form::parse(query.as_bytes()).get(noun.plural).parse::<u64>().unwrap_or(0);
    let mut list = format!("/{}?after={after}&limit={ROWS}", noun.plural);
    let mut add = format!("/directory/{}/add", noun.plural);
    if let (Some(parent), Some((_, field))) = (parent, noun.parent) {
        list.push_str(&format!("&{field}={parent}"));
        add.push_str(&format!("?{field}={parent}"));
    }
    let listed: Listed = signed.api().get(&list).await?;
    let acts = ["/numbers", "/remove", "/visits"];
    let path = acts.iter().find_map(|act| path.strip_suffix(act)).unwrap_or(path);
    let more = listed.next.map(|next| format!("{path}?{}={next}#{}", noun.plural, noun.plural));
    let row = |row: &Value| RowLink {
        path: noun.path(id_of(row)),
        title: title_of(noun, row),
        detail: detail_of(noun, row, l),
        numbers: number::shown(row, false, l),
    };
    let rows = listed.items.iter().map(row).collect();
    let add = noun.may_edit(&signed.me).then_some(add);
    Ok(Section { heading: noun.words(l), plural: noun.plural, rows, more, add })
}

/// What stands beside the name of a row in a list.
fn detail_of(noun: &Noun, row: &Value, l: Lang) -> String {
    let shown = |name: &str| {
        let field = noun.fields.iter().find(|field| field.name == name);
        field.map(|field| field.shown(row, l)).unwrap_or_default()
    };
    match noun.plural {
        "households" => noun::place(row, l),
        "communities" => shown("area_code"),
        "responders" => shown("kind"),
        "workers" if row.get("is_on_duty") == Some(&Value::Bool(true)) => {
            l.t("值班", "on duty").to_owned()
        }
        _ => String::new(),
    }
}
