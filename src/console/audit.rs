//! The audit trail, entry by entry: who did what to which row or alarm, and the hash that proves it; searched, checked
//! link by link, and written out as a sheet.

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
    Router::new().route("/audit", get(trail)).route("/audit/sheet.csv", get(sheet))
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    l: Lang,
    form: Form,
    chain: &'static str,
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
        Self { form, chain, after, query, of_api }
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
        self.found(&[("who", &self.actor)])
    }

    /// All that was done to the same.
    fn by_row(&self) -> String {
        let id = self.id.as_deref().unwrap_or_default();
        self.found(&[("noun", &self.noun), ("id", id)])
    }

    fn found(&self, by: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("chain", &self.chain);
        query.extend_pairs(by.iter().filter(|(_, value)| !value.is_empty()));
        format!("/audit?{}", query.finish())
    }
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
    let Asked { mut form, chain, after, query, of_api } = Asked::of(&signed);
    let path = format!("/audit?{of_api}&after={after}");
    let (found, status) = match signed.api().get::<Entries>(&path).await {
        // A time that cannot be read is told, and what is found without it shown.
        Ok(found) if form.is_wrong() => (found, StatusCode::UNPROCESSABLE_ENTITY),
        Ok(found) => (found, StatusCode::OK),
        Err(Failure::Problem(problem)) if problem.status == 400 => {
            // The API names the parameter; its words say what it must be.
            let named = problem.detail.trim_start_matches(['“', '`']);
            let field = BLAMED.into_iter().find(|field| named.starts_with(field)).unwrap_or("id");
            form.blame(field, problem.detail.clone());
            (Entries { items: Vec::new(), next: None }, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(failure) => return Err(signed.fails()(failure)),
    };
    let heads: Heads = signed.api().get("/audit/head").await.map_err(signed.fails())?;
    let l = signed.lang();
    let frame = Frame::signed(&signed, l.t("审计", "Audit")).await;
    let (entries, next, heads) = (found.items, found.next, heads.items);
    Ok(show(status, &AuditPage { frame, l, form, chain, entries, query, after, next, heads }))
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

#[cfg(test)]
mod tests {
    use crate::fake::Fake;
    use axum::http::StatusCode;
    use serde_json::{Value, json};

    fn entry(sequence: u64, previous: &str, hash: &str) -> Value {
        json!({"chain": "directory", "sequence": sequence, "at": "2026-11-22T03:00:00Z", "actor": "account:2", "actor_name": "王敏",
            "action": "replace", "noun": "household", "id": "12", "number": 0, "count": 1, "content": null,
            "previous_hash": previous, "hash": hash})
    }

    fn trail(entries: &[Value]) -> Fake {
        let fake = Fake::new("auditor");
        let page = json!({"items": entries, "next": 7});
        fake.answers("GET /audit?chain=directory&after=0", 200, page);
        let head = json!({"items": [{"chain": "directory", "sequence": 7, "hash": "1d78509f52fe59cf1dc3b6d220d97ad1"}]});
        fake.answers("GET /audit/head", 200, head);
        fake
    }

    #[tokio::test]
    async fn the_trail_is_shown_entry_by_entry() {
        let hash = "1d78509f52fe59cf1dc3b6d220d97ad1";
        let fake = trail(&[entry(6, "a", "b"), entry(7, "b", hash)]);
        let page = fake.get("/audit?chain=directory").await;
        page.shows(&[
            "<code class=\"dim\">account:2</code>",
            "1d78509f52fe…",
            "after=7",
            "Next page",
        ]);
        // In words, with the codes that are hashed beside them.
        page.shows(&[">王敏</a> <code", "changed <code class=\"dim\">replace</code>"]);
        page.shows(&["household 12</a> <code class=\"dim\">household</code>"]);
        let chinese = fake.get_chinese("/audit?chain=directory").await;
        chinese.shows(&["修改 <code", "联防户 12</a> <code", "目录 7"]);
        page.shows(&["Each of these entries holds the hash of the one before it."]);
        fake.answers("GET /audit?chain=alarms&after=0", 200, json!({"items": [], "next": null}));
        fake.get_chinese("/audit?chain=alarms&after=x").await.shows(&["审计", "链头"]);
    }

    #[tokio::test]
    async fn an_entry_that_does_not_hold_the_one_before_it_is_told() {
        let page = trail(&[entry(6, "a", "b"), entry(7, "forged", "c"), entry(9, "d", "e")]);
        let page = page.get("/audit?chain=directory").await;
        page.shows(&["class=\"danger\"", "does not hold the hash of the one before it", " 7"]);
        assert!(!page.html.contains("Each of these entries"));
    }

    #[tokio::test]
    async fn what_is_searched_for_is_asked_of_the_api() {
        let fake = trail(&[]);
        let path = "GET /audit?chain=directory&noun=household&id=12&who=account%3A2&after=3";
        fake.answers(path, 200, json!({"items": [entry(6, "a", "b")], "next": null}));
        let asked = "chain=directory&noun=household&id=12&who=account%3A2";
        let page = fake.get(&format!("/audit?{asked}&after=3")).await;
        page.shows(&[
            "value=\"household\"",
            "value=\"12\"",
            "value=\"account:2\"",
            "/audit/sheet.csv?",
        ]);
        let problem = json!({"type": "urn:lianfang:problem:wrong", "title": "Wrong", "status": 400,
            "detail": "`id` must be a number, or the id of an alarm"});
        fake.answers("GET /audit?chain=alarms&id=%23&after=0", 400, problem);
        let page = fake.get("/audit?id=%23").await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        page.shows(&["id=\"id-error\"", "must be a number", "value=\"#\""]);
    }

    #[tokio::test]
    async fn a_span_of_time_is_asked_for_by_the_clock_of_the_reader() {
        let fake = trail(&[]);
        let asked = "from=2026-11-22T08%3A00&to=2026-11-22";
        let of_api = "from=2026-11-22T00%3A00%3A00Z&to=2026-11-22T16%3A00%3A00Z";
        let path = format!("GET /audit?chain=alarms&{of_api}&after=0");
        fake.answers(&path, 200, json!({"items": [], "next": 9}));
        let page = fake.get(&format!("/audit?{asked}")).await;
        page.shows(&["value=\"2026-11-22T08:00\"", "type=\"datetime-local\""]);
        page.shows(&["chain=alarms&#38;from=2026-11-22T08%3A00&#38;to=2026-11-22&amp;after=9"]);
        fake.answers("GET /audit?chain=alarms&after=0", 200, json!({"items": [], "next": null}));
        let page = fake.get("/audit?from=yesterday").await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        page.shows(&["id=\"from-error\"", "value=\"yesterday\""]);
    }

    #[tokio::test]
    async fn the_sheet_has_every_page() {
        let fake = trail(&[]);
        let first = json!({"items": [entry(6, "a", "b")], "next": 6});
        fake.answers("GET /audit?chain=directory&after=0&limit=500", 200, first);
        let mut last = entry(7, "b", "c");
        last["actor"] = json!("token:a,\"b\"");
        let last = json!({"items": [last], "next": null});
        fake.answers("GET /audit?chain=directory&after=6&limit=500", 200, last);
        let sheet = fake.get("/audit/sheet.csv?chain=directory").await.html;
        assert_eq!(sheet.lines().count(), 3, "{sheet}");
        assert!(
            sheet.starts_with("chain,sequence,at,actor,action,")
                && sheet.contains("directory,6,2026-11-22T03:00:00Z,account:2,")
        );
        assert!(sheet.contains(",\"token:a,\"\"b\"\"\","), "{sheet}");
    }
}
