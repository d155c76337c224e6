//! Removing a row: why is asked before. A household goes with its lines and contacts, by one request to the API that does
//! all of it or nothing.

use super::noun::Noun;
use super::{Crumb, Shape, crumbs, id_of, node_page, noun_of, title_of};
use crate::api::{Failure, Problem, Versioned};
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
#[template(path = "directory/remove.html")]
struct RemovePage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    heading: String,
    /// What comes of it.
    words: &'static str,
    /// What goes with it.
    below: Vec<Below>,
    action: String,
    etag: String,
    back: String,
    form: Form,
}

/// A row that goes with the one that it belongs to.
struct Below {
    what: &'static str,
    title: String,
    /// Noun, id and version, as the form brings them along.
    value: String,
}

/// What comes of removing a row.
fn of_removing(noun: &Noun, l: Lang) -> &'static str {
    match noun.plural {
        "lines" => l.t(
            "从此这条线路不能报警。删错了可以在修改记录里撤销，但要重新设注册密码。",
            "No alarm can be raised by this line from then on. It can be undone under what was changed, but its password has to be made anew.",
        ),
        "contacts" | "workers" | "responders" => l.t(
            "从下一起警情起不再呼叫。删错了可以在修改记录里撤销。",
            "They are no longer called from the next alarm on. It can be undone under what was changed.",
        ),
        "households" => l.t(
            "从下一起警情起不再呼叫这一户，它也不能再报警。删错了可以在修改记录里撤销：先撤销住户，再撤销它的线路和联系人；线路的注册密码和 PIN 要重新设。",
            "From the next alarm on nobody of the household is called, and it can raise none. It can be undone under what was changed: first the household, then its lines and contacts; passwords of lines and PINs have to be made anew.",
        ),
        _ => l.t(
            "下面还有内容时删不了：请先移走或删除。删错了可以在修改记录里撤销。",
            "It stays while anything belongs to it: move or remove that first. It can be undone under what was changed.",
        ),
    }
}

/// What goes with a row: the lines and contacts of a household.
async fn below(signed: &Signed, noun: &Noun, id: u64) -> Result<Vec<Below>, Failure> {
    let mut found = Vec::new();
    if noun.plural != "households" {
        return Ok(found);
    }
    for child in noun.children.iter().filter_map(|child| Noun::of(child)) {
        let path = format!("/{}?limit=200&household_id={id}", child.plural);
        let rows: Vec<Value> = signed.api().get_all(&path).await?;
        found.extend(rows.iter().map(|row| {
            let version = row.get("version").and_then(Value::as_u64).unwrap_or_default();
            Below {
                what: child.words(signed.lang()),
                title: title_of(child, row),
                value: format!("{}:{}:{version}", child.plural, id_of(row)),
            }
        }));
    }
    Ok(found)
}

/// Asks whether a row shall go, and why.
pub(super) async fn ask(
    signed: Signed,
    Path((plural, id)): Path<(String, u64)>,
) -> Result<Response, Response> {
    let noun = noun_of(&plural).map_err(signed.fails())?;
    if !noun.may_edit(&signed.me) {
        signed.must_be_admin().map_err(signed.fails())?;
    }
    page(&signed, noun, id).await.map_err(signed.fails())
}

async fn page(signed: &Signed, noun: &'static Noun, id: u64) -> Result<Response, Failure> {
    let l = signed.lang();
    let row: Versioned<Value> =
        signed.api().get_versioned(&format!("/{}/{id}", noun.plural)).await?;
    let (path, title) = (noun.path(id), title_of(noun, &row.row));
    let mut crumbs = crumbs(signed, noun, &row.row).await?;
    crumbs.push((path.clone(), title.clone()));
    let page = RemovePage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        crumbs,
        heading: match l {
            Lang::Chinese => format!("删除{}“{title}”？", noun.words(l)),
            Lang::English => format!("Remove the {} “{title}”?", noun.words(l)),
        },
        words: of_removing(noun, l),
        below: below(signed, noun, id).await?,
        action: format!("{path}/remove"),
        etag: row.etag,
        back: path,
        form: Form::default(),
    };
    Ok(show(StatusCode::OK, &page))
}

/// Removes a row that was seen at this version, with what the form names of what belongs to it, if nothing else does.
pub(super) async fn remove(
    signed: Signed,
    Path((plural, id)): Path<(String, u64)>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let noun = noun_of(&plural).map_err(signed.fails())?;
    let path = format!("/{plural}/{id}");
    let row: Versioned<Value> = signed.api().get_versioned(&path).await.map_err(signed.fails())?;
    let etag = form.get("etag").to_owned();
    let api = signed.api().because(form.get("reason"));
    let with = with(&form);
    let removed = if with.is_empty() {
        api.delete(&path, Some(&etag)).await
    } else {
        let seen: Option<u32> = etag.trim_matches('"').parse().ok();
        let own = json!({"op": "delete", "noun": noun.plural, "id": id, "version": seen});
        let operations: Vec<Value> = with.into_iter().chain([own]).collect();
        api.post::<Value>("/bulk", &json!({"operations": operations})).await.map(drop)
    };
    match removed {
        Ok(()) => Ok(go(&noun.parent_path(&row.row), "removed")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 409 | 412 | 422) => {
            take(&mut form, &problem);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
            let shape = Shape { in_full: false, form, status };
            node_page(&signed, noun, &row, shape).await.map_err(signed.fails())
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

/// What goes with the row, as operations of the API: lines and contacts, at the versions that were seen.
fn with(form: &Form) -> Vec<Value> {
    let operation = |value: &str| {
        let mut parts = value.split(':');
        let noun = parts.next().filter(|noun| matches!(*noun, "lines" | "contacts"))?;
        let (id, version) =
            (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?);
        Some(json!({"op": "delete", "noun": noun, "id": id, "version": version}))
    };
    form.all("with").filter_map(operation).collect()
}

/// What was wrong, without the places of operations that nobody sees.
fn take(form: &mut Form, problem: &Problem) {
    let said: Vec<&str> = problem.errors.iter().map(|mistake| &*mistake.detail).collect();
    if said.is_empty() {
        form.take(problem, |_| None);
    } else {
        form.problem = Some(said.join(" "));
    }
}
