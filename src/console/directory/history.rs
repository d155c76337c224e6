//! What was changed, by whom and why, with a button that undoes it.

use super::noun::{Field, Kind, place};
use super::{Crumb, Noun, crumbs, noun_of, title_of};
use crate::api::Failure;
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Template)]
#[template(path = "directory/history.html")]
struct HistoryPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    noun: &'static Noun,
    title: String,
    edits: Vec<Edit>,
    names: Names,
    more: Option<String>,
    may_edit: bool,
    form: Form,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Edit>,
    next: Option<i64>,
}

#[derive(Deserialize)]
struct Edit {
    id: i64,
    at: Timestamp,
    who: String,
    #[serde(default)]
    who_name: Option<String>,
    why: Option<String>,
    row_id: u64,
    action: String,
    changes: Vec<Change>,
    /// The change that it is part of, such as an import.
    #[serde(default)]
    change_id: Option<u64>,
}

#[derive(Deserialize)]
struct Change {
    field: String,
    before: Option<String>,
    after: Option<String>,
}

/// How rows are called: those that were edited, and those that their values name.
#[derive(Default)]
struct Names(BTreeMap<(&'static str, u64), String>);

impl Names {
    /// Reads each row once, but for those whose names the edits themselves tell: they may be gone.
    async fn read(signed: &Signed, noun: &'static Noun, edits: &[Edit]) -> Self {
        let mut names = Self::default();
        for edit in edits {
            if let Some(name) = edit.told_name() {
                names.0.entry((noun.plural, edit.row_id)).or_insert_with(|| name.to_owned());
            }
        }
        let mut wanted: Vec<_> = edits.iter().map(|edit| (noun, edit.row_id)).collect();
        let values = edits.iter().flat_map(|edit| &edit.changes).flat_map(|change| {
            let ids = [&change.before, &change.after].into_iter().flatten();
            ids.filter_map(|id| Some((change.names(noun)?, id.parse().ok()?)))
        });
        wanted.extend(values);
        for (noun, id) in wanted {
            if names.0.contains_key(&(noun.plural, id)) {
                continue;
            }
            let row = signed.api().get::<Value>(&format!("/{}/{id}", noun.plural)).await;
            if let Ok(row) = row {
                let name = format!("{} {}", title_of(noun, &row), place(&row, signed.lang()));
                names.0.insert((noun.plural, id), name.trim().to_owned());
            }
        }
        names
    }

    /// How a row is called; what it is and its id where it is gone.
    fn of(&self, noun: &Noun, id: u64, l: Lang) -> String {
        let known = self.0.get(&(noun.plural, id)).cloned();
        known.unwrap_or_else(|| format!("{} {id}", noun.words(l)))
    }
}

/// Whoever did something, as people call them.
pub(crate) fn who_words(who: &str, name: Option<&str>, l: Lang) -> String {
    match (name, who.split_once(':')) {
        (Some(name), _) => name.to_owned(),
        (None, Some(("account", _))) => l.t("已删除的账号", "an account that is gone").to_owned(),
        (None, Some(("token", program))) => format!("{} {program}", l.t("程序", "program")),
        (None, Some(("cli", _))) => l.t("命令行", "command line").to_owned(),
        (None, _) => who.to_owned(),
    }
}

impl Edit {
    fn who(&self, l: &Lang) -> String {
        who_words(&self.who, self.who_name.as_deref(), *l)
    }

    fn action(&self, l: &Lang) -> &str {
        match self.action.as_str() {
            "created" => l.t("添加", "Added"),
            "replaced" => l.t("修改", "Changed"),
            "deleted" => l.t("删除", "Removed"),
            other => other,
        }
    }

    /// The name of the row that the edit itself tells.
    fn told_name(&self) -> Option<&str> {
        let is_name = |change: &&Change| matches!(&*change.field, "name" | "account");
        let change = self.changes.iter().find(is_name)?;
        change.after.as_deref().or(change.before.as_deref()).filter(|name| !name.is_empty())
    }

    /// What it was done to.
    fn row(&self, noun: &&'static Noun, names: &Names, l: &Lang) -> String {
        match names.0.get(&(noun.plural, self.row_id)) {
            Some(name) => format!("{} {name}", noun.words(*l)),
            None => names.of(noun, self.row_id, *l),
        }
    }

    /// What differs, but for what is told twice and what was and is nothing.
    fn told(&self) -> impl Iterator<Item = &Change> {
        let is_nothing = |text: &Option<String>| text.as_deref().is_none_or(str::is_empty);
        let is_told = move |change: &&Change| {
            change.field != "number_key"
                && !(is_nothing(&change.before) && is_nothing(&change.after))
        };
        self.changes.iter().filter(is_told)
    }
}

impl Change {
    /// The field that a column is written in; none for a column that nobody writes.
    fn field_of(&self, noun: &'static Noun) -> Option<&'static Field> {
        let name = if self.field == "number_written" { "number" } else { &self.field };
        noun.fields.iter().find(|field| field.name == name)
    }

    /// The noun of the row that the values name by its id; none for values that say what they are.
    fn names(&self, noun: &'static Noun) -> Option<&'static Noun> {
        let parent = noun.parent.filter(|(_, parent)| *parent == self.field);
        match (parent, self.field_of(noun).map(|field| field.kind)) {
            (Some((plural, _)), _) => Noun::of(plural),
            (None, Some(Kind::Grid)) => Noun::of("grids"),
            (None, Some(Kind::Household)) => Noun::of("households"),
            (None, _) => None,
        }
    }

    /// The words of a column.
    fn label(&self, noun: &&'static Noun, l: &Lang) -> String {
        let is_parent = noun.parent.is_some_and(|(_, parent)| parent == self.field);
        match self.field_of(noun) {
            Some(field) => field.label(*l).to_owned(),
            None if is_parent => l.t("所属", "Belongs to").to_owned(),
            None => self.field.clone(),
        }
    }

    /// A value of the column as the row's page shows it: names, lists with blanks, yes and no, the words of a choice.
    fn value(&self, text: &str, noun: &&'static Noun, names: &Names, l: &Lang) -> String {
        if let (Some(named), Ok(id)) = (self.names(noun), text.parse()) {
            return names.of(named, id, *l);
        }
        let Some(field) = self.field_of(noun) else { return text.to_owned() };
        let value = if field.kind == Kind::Flag {
            json!(matches!(text, "1" | "true"))
        } else if field.kind == Kind::List {
            serde_json::from_str(text).unwrap_or_else(|_| json!(text))
        } else {
            json!(text)
        };
        field.shown(&json!({field.name: value}), *l)
    }
}

/// The edits of one row.
pub(super) async fn of_row(
    signed: Signed,
    Path((plural, id)): Path<(String, u64)>,
) -> Result<Response, Response> {
    let noun = noun_of(&plural).map_err(signed.fails())?;
    page(&signed, (noun, Some(id)), (Form::default(), StatusCode::OK)).await.map_err(signed.fails())
}

/// The latest edits of a noun: there one finds what was removed.
pub(super) async fn of_noun(
    signed: Signed,
    Path(plural): Path<String>,
) -> Result<Response, Response> {
    let noun = noun_of(&plural).map_err(signed.fails())?;
    page(&signed, (noun, None), (Form::default(), StatusCode::OK)).await.map_err(signed.fails())
}

async fn page(
    signed: &Signed,
    (noun, id): (&'static Noun, Option<u64>),
    (form, status): (Form, StatusCode),
) -> Result<Response, Failure> {
    let l = signed.lang();
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let before = Form::parse(query.as_bytes()).get("before").parse::<u64>().ok();
    let (mut list, path) = match id {
        Some(id) => (
            format!("/history?noun={}&id={id}&limit=50", noun.plural),
            format!("{}/history", noun.path(id)),
        ),
        None => (
            format!("/history?noun={}&limit=50", noun.plural),
            format!("/directory/{}/history", noun.plural),
        ),
    };
    if let Some(before) = before {
        list.push_str(&format!("&after={before}"));
    }
    let Page { items: edits, next } = signed.api().get(&list).await?;
    let title = format!("{}{}", noun.words(l), l.t("的修改记录", ": what was changed"));
    let page = HistoryPage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        crumbs: match id {
            Some(id) => above(signed, noun, id).await?,
            None => vec![("/directory".to_owned(), l.t("群组", "Directory").to_owned())],
        },
        noun,
        title,
        names: Names::read(signed, noun, &edits).await,
        more: next.map(|next| format!("{path}?before={next}")),
        edits,
        may_edit: signed.me.is_admin(),
        form,
    };
    Ok(show(status, &page))
}

/// The rows down to the one whose edits are shown; the top alone when it was removed.
async fn above(signed: &Signed, noun: &Noun, id: u64) -> Result<Vec<Crumb>, Failure> {
    match signed.api().get::<Value>(&format!("/{}/{id}", noun.plural)).await {
        Ok(row) => {
            let mut rows = crumbs(signed, noun, &row).await?;
            rows.push((noun.path(id), super::title_of(noun, &row)));
            Ok(rows)
        }
        Err(Failure::Problem(problem)) if problem.status == 404 => {
            Ok(vec![("/directory".to_owned(), signed.lang().t("群组", "Directory").to_owned())])
        }
        Err(failure) => Err(failure),
    }
}

/// Undoes an edit.
pub(super) async fn undo(
    signed: Signed,
    Path((plural, edit)): Path<(String, u64)>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let noun = noun_of(&plural).map_err(signed.fails())?;
    let row = form.get("row").parse::<u64>().ok();
    let undone = signed.api().post::<Value>(&format!("/history/{edit}/undo"), &json!({})).await;
    match undone {
        Ok(_) => {
            let path = row.map_or_else(|| format!("/directory/{plural}"), |id| noun.path(id));
            Ok(go(&format!("{path}/history"), "undone"))
        }
        Err(Failure::Problem(problem)) if matches!(problem.status, 404 | 409 | 422) => {
            form.take(&problem, |_| None);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
            page(&signed, (noun, row), (form, status)).await.map_err(signed.fails())
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}
