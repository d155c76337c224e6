//! The audit trail, entry by entry: who did what to which row or alarm, and the hash that proves it; searched, checked
//! link by link, and written out as a sheet.

mod choose;
mod proof;
#[cfg(test)]
mod tests;
mod words;

use crate::Shared;
use crate::api::Failure;
use crate::form::Form;
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::span::{self, Span};
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
pub(crate) use choose::entries_about;
use choose::{Choices, Chosen};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Entries of a sheet, at most; the next sheet begins where it ends.
const SHEET_MAX: usize = 50_000;
/// Entries that are read at a time for a sheet.
const AT_ONCE: u32 = 500;
/// What may be searched for, each with its parameter in the API.
const FIELDS: [&str; 3] = ["noun", "id", "who"];
/// What may be wrong with what is searched for.
const BLAMED: [&str; 5] = ["noun", "id", "who", "from", "to"];

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/audit", get(trail))
        .route("/audit/sheet.csv", get(sheet))
        .merge(proof::routes())
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    l: Lang,
    form: Form,
    chain: &'static str,
    choices: Choices,
    entries: Vec<Entry>,
    /// What was asked for without where the page begins, as it stands in links.
    query: String,
    after: u32,
    next: Option<u64>,
    heads: Vec<Head>,
}

impl AuditPage {
    fn is_of(&self, chain: &str) -> bool {
        self.chain == chain
    }

    /// What may be searched for, by code and in words, those that are chosen marked; a code that we do not know is kept.
    fn nouns(&self) -> Vec<(&str, &str, bool)> {
        let chosen = self.form.get("noun");
        let known = words::NOUNS.iter().map(|(code, ..)| *code);
        let other =
            (!chosen.is_empty() && !known.clone().any(|code| code == chosen)).then_some(chosen);
        known.chain(other).map(|code| (code, words::noun(code, self.l), code == chosen)).collect()
    }

    /// The row or alarm that is chosen, unless its id is none.
    fn chosen(&self) -> Option<&Chosen> {
        self.choices.chosen.as_ref()
    }

    /// Entries that follow each other here and do not hold each other's hash: somebody changed the trail.
    fn broken(&self) -> impl Iterator<Item = &u64> {
        let torn = |pair: &&[Entry]| matches!(pair, [one, two] if one.sequence + 1 == two.sequence && two.previous_hash != one.hash);
        self.entries.windows(2).filter(torn).filter_map(|pair| Some(&pair.last()?.sequence))
    }

    /// Pairs of entries that were checked so.
    fn checked(&self) -> usize {
        let follows =
            |pair: &&[Entry]| matches!(pair, [one, two] if one.sequence + 1 == two.sequence);
        self.entries.windows(2).filter(follows).count()
    }
}

/// What is asked for; anything else is the beginning of the trail of alarms.
struct Asked {
    form: Form,
    chain: &'static str,
    span: Span,
    after: u32,
    /// As it stands in links.
    query: String,
    /// As the API is asked.
    of_api: String,
}

impl Asked {
    fn of(signed: &Signed) -> Self {
        let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
        let mut form = Form::parse(query.as_bytes());
        let chain = if form.get("chain") == "directory" { "directory" } else { "alarms" };
        let span = Span::read(&mut form, signed.me.zone(), signed.lang());
        let typed = |names: &[&'static str]| {
            let given = names.iter().filter(|name| !form.get(name).is_empty());
            given.map(|name| (*name, form.get(name).to_owned())).collect::<Vec<_>>()
        };
        let pairs = [vec![("chain", chain.to_owned())], typed(&FIELDS)].concat();
        let written = |more: Vec<(&'static str, String)>| {
            let pairs = pairs.iter().cloned().chain(more);
            form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
        };
        let (query, of_api) = (written(typed(&span::FIELDS)), written(span.pairs().collect()));
        let after = form.get("after").parse().unwrap_or(0);
        Self { form, chain, span, after, query, of_api }
    }

    /// The address of what the same ones did in the same span to something else.
    fn about(&self, what: &[(&str, &str)]) -> String {
        let kept = [("who", self.form.get("who")), ("from", self.form.get("from"))];
        let kept = kept.into_iter().chain([("to", self.form.get("to"))]);
        found(self.chain, &kept.chain(what.iter().copied()).collect::<Vec<_>>())
    }
}

#[derive(Deserialize)]
struct Entries {
    items: Vec<Entry>,
    next: Option<u64>,
}

/// An entry; as it stands here, it is a line of a sheet.
#[derive(Serialize, Deserialize)]
struct Entry {
    chain: String,
    sequence: u64,
    at: Timestamp,
    actor: String,
    /// No part of the trail, so that no sheet has it.
    #[serde(default, skip_serializing)]
    actor_name: Option<String>,
    action: String,
    noun: String,
    id: Option<String>,
    number: u64,
    count: u64,
    content: Option<String>,
    previous_hash: String,
    hash: String,
}

impl Entry {
    fn who(&self, l: &Lang) -> String {
        words::actor(&self.actor, self.actor_name.as_deref(), *l)
    }

    fn what(&self, l: &Lang) -> &str {
        words::action(&self.action, *l)
    }

    fn of_what(&self, l: &Lang) -> &str {
        words::noun(&self.noun, *l)
    }

    /// All that the same did, in this part of the trail.
    fn by_who(&self) -> String {
        found(&self.chain, &[("who", &self.actor)])
    }

    /// All that was done to the same.
    fn by_row(&self) -> String {
        let id = self.id.as_deref().unwrap_or_default();
        found(&self.chain, &[("noun", &self.noun), ("id", id)])
    }
}

/// The address of the entries of a chain that are found by this.
fn found(chain: &str, by: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("chain", chain);
    query.extend_pairs(by.iter().filter(|(_, value)| !value.is_empty()));
    format!("/audit?{}", query.finish())
}

#[derive(Deserialize)]
struct Heads {
    items: Vec<Head>,
}

#[derive(Deserialize)]
struct Head {
    chain: String,
    sequence: u64,
    hash: String,
}

impl Head {
    fn of_chain(&self, l: &Lang) -> &str {
        words::chain(&self.chain, *l)
    }
}

async fn trail(signed: Signed) -> Result<Response, Response> {
    let mut asked = Asked::of(&signed);
    let path = format!("/audit?{}&after={}", asked.of_api, asked.after);
    let (found, status) = match signed.api().get::<Entries>(&path).await {
        // A time that cannot be read is told, and what is found without it shown.
        Ok(found) if asked.form.is_wrong() => (found, StatusCode::UNPROCESSABLE_ENTITY),
        Ok(found) => (found, StatusCode::OK),
        Err(Failure::Problem(problem)) if problem.status == 400 => {
            // The API names the parameter; its words say what it must be.
            let named = problem.detail.trim_start_matches(['“', '`']);
            let field = BLAMED.into_iter().find(|field| named.starts_with(field)).unwrap_or("id");
            asked.form.blame(field, problem.detail.clone());
            (Entries { items: Vec::new(), next: None }, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(failure) => return Err(signed.fails()(failure)),
    };
    let heads: Heads = signed.api().get("/audit/head").await.map_err(signed.fails())?;
    let l = signed.lang();
    let frame = Frame::signed(&signed, l.t("审计", "Audit")).await;
    let (entries, next, heads) = (found.items, found.next, heads.items);
    let choices = Choices::read(&signed, (&frame, &asked), &entries).await;
    let choices = choices.map_err(signed.fails())?;
    let Asked { form, chain, after, query, .. } = asked;
    let page = AuditPage { frame, l, form, chain, choices, entries, query, after, next, heads };
    Ok(show(status, &page))
}

/// What was asked for as a sheet, from where the page begins.
async fn sheet(signed: Signed) -> Result<Response, Response> {
    let Asked { chain, after, of_api: query, .. } = Asked::of(&signed);
    let (mut entries, mut after) = (Vec::new(), u64::from(after));
    while entries.len() < SHEET_MAX {
        let path = format!("/audit?{query}&after={after}&limit={AT_ONCE}");
        let page: Entries = signed.api().get(&path).await.map_err(signed.fails())?;
        entries.extend(page.items);
        let Some(next) = page.next else { break };
        after = next;
    }
    let unwritten = |error: csv::Error| signed.fails()(Failure::Unreadable(error.into()));
    let lines = lines_of(&entries).map_err(unwritten)?;
    let name = format!("attachment; filename=\"audit-{chain}.csv\"");
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, lines).into_response())
}

/// A heading and a line for each entry (RFC 4180).
fn lines_of(entries: &[Entry]) -> Result<Vec<u8>, csv::Error> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    for entry in entries {
        lines.serialize(entry)?;
    }
    lines.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}
