//! What is asked for: every kind of page that links lead to, and everything that can be read over the API.

use super::client::Answer;
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};

/// Kinds of pages, so that a fault that makes links without end ends.
const KINDS_MAX: usize = 250;
/// Pages that no link leads to, since somebody types what is asked for.
const TYPED: &[&str] = &[
    "/",
    "/directory/search?q=cxh",
    "/directory/search?q=%E9%99%88",
    "/directory/search?q=500123",
    "/directory/search?q=3-502",
    "/directory/search?q=zzzz",
    "/lines?state=down",
    "/lines?state=up",
    "/lines?state=never",
];
/// What is asked of lists besides their first page.
const ASKED: &[(&str, &[&str])] = &[
    (
        "/api/v1/search",
        &["?q=cxh", "?q=c", "?q=%E9%99%88", "?q=500123", "?q=138", "?q=3-502", "?q=zzzz"],
    ),
    ("/api/v1/lines/status", &["", "?state=down", "?state=up", "?state=never"]),
    (
        "/api/v1/reachability",
        &["", "?due=true", "?state=unreachable", "?state=doubtful", "?state=confirmed"],
    ),
    ("/api/v1/cases", &["", "?overdue=true", "?community_id=7"]),
    ("/api/v1/accounts", &["", "?role=auditor", "?disabled=true"]),
    (
        "/api/v1/alarms",
        &[
            "",
            "?state=open",
            "?drill=true",
            "?community_id=7",
            "?kind=flood&outcome=test",
            "?q=3-502",
            "?to=2026-06-01T00:00:00Z",
        ],
    ),
    ("/api/v1/alarms/cards", &["", "?community_id=7"]),
    ("/api/v1/history", &["?noun=households", "?noun=lines&community_id=7"]),
    ("/api/v1/numbers", &["?text=0592-5001234&community_id=7"]),
    ("/api/v1/reports/communities", &["", "?limit=50"]),
    ("/api/v1/audit", &["", "?chain=directory"]),
    ("/api/v1/contacts", &["", "?limit=200"]),
    ("/api/v1/households", &["", "?after=90000"]),
    ("/api/v1/communities", &["", "?limit=200"]),
];
/// What has no end, and files of everything there is.
const LEFT_OUT: &[&str] = &["/api/v1/alarms/feed", "/api/v1/export"];

/// The kind of a page: its path without ids, and the names of what is asked for.
#[must_use]
pub fn kind_of(link: &str) -> String {
    let (path, query) = link.split_once('?').unwrap_or((link, ""));
    let is_id = |part: &&str| part.bytes().any(|byte| byte.is_ascii_digit());
    // Clips have names: all their pages are of one kind.
    let depth = if path.starts_with("/prompts/") { 4 } else { usize::MAX };
    let parts = path.split('/').take(depth).map(|part| if is_id(&part) { "#" } else { part });
    let mut names: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    names.sort_unstable();
    format!("{}?{}", parts.collect::<Vec<_>>().join("/"), names.join("&"))
}

/// Whether a link leads to a page: neither a file, nor the page in the other language, nor the API.
#[must_use]
pub fn is_page(link: &str) -> bool {
    let path = link.split(['?', '#']).next().unwrap_or(link);
    let has_end = path.rsplit('/').next().is_some_and(|last| last.contains('.'));
    let is_sent = path == "/directory/export" || path.starts_with("/reports/csv/");
    let is_other = ["lang=", "format=", "download"].iter().any(|word| link.contains(word));
    let is_ours = link.starts_with('/') && !link.starts_with("//") && !link.starts_with("/api/");
    is_ours && !has_end && !is_sent && !is_other
}

/// Where the links of a page lead.
fn links(html: &str) -> impl Iterator<Item = String> {
    let links = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.map(|link| {
        let link = link.replace("&#38;", "&").replace("&amp;", "&");
        link.split('#').next().unwrap_or_default().to_owned()
    })
}

/// One page of each kind that links lead to.
pub(super) fn pages(ask: impl Fn(&str) -> anyhow::Result<Answer>) -> anyhow::Result<Vec<String>> {
    let mut queue: VecDeque<String> = TYPED.iter().map(|link| (*link).to_owned()).collect();
    let mut kinds: BTreeSet<String> = TYPED.iter().map(|link| kind_of(link)).collect();
    let mut found = Vec::new();
    while let Some(link) = queue.pop_front() {
        let answer = ask(&link)?;
        // Who is led on is counted where it ends.
        if answer.status == 200 || 400 <= answer.status {
            found.push(link);
        }
        for link in links(&String::from_utf8_lossy(&answer.body)).filter(|link| is_page(link)) {
            if kinds.len() < KINDS_MAX && kinds.insert(kind_of(&link)) {
                queue.push_back(link);
            }
        }
    }
    Ok(found)
}

/// What can be read over the API, and what nothing is there of to be read.
#[derive(Debug, Default)]
pub(super) struct Readable {
    pub(super) paths: Vec<String>,
    pub(super) left_out: Vec<String>,
}

/// Everything that the description of the API says can be read.
pub(super) fn readable(
    description: &Value,
    ask: impl Fn(&str) -> anyhow::Result<Answer>,
) -> anyhow::Result<Readable> {
    let mut all = Readable::default();
    let paths = description.get("paths").and_then(Value::as_object);
    for (template, operations) in paths.into_iter().flatten() {
        if operations.get("get").is_none() {
            continue;
        }
        let path =
            if LEFT_OUT.contains(&template.as_str()) { None } else { filled(template, &ask)? };
        let Some(path) = path else {
            all.left_out.push(template.clone());
            continue;
        };
        let asked = ASKED.iter().find(|(known, _)| known == template);
        let queries = asked.map_or(&[""] as &[&str], |(_, queries)| queries);
        all.paths.extend(queries.iter().map(|query| format!("{path}{query}")));
    }
    Ok(all)
}

/// The path with ids of rows that are there, each from the middle of its list; `None` where there is none.
fn filled(
    template: &str,
    ask: &impl Fn(&str) -> anyhow::Result<Answer>,
) -> anyhow::Result<Option<String>> {
    let mut path = String::new();
    for part in template.split('/').skip(1) {
        let value = match part {
            "{year}" => Some("2026".to_owned()),
            _ if part.starts_with('{') => {
                let list = ask(&path)?;
                let list: Value = serde_json::from_slice(&list.body).unwrap_or_default();
                let items = list.get("items").and_then(Value::as_array);
                let row = items.and_then(|items| items.get(items.len() / 2));
                let names = ["id", "version", "community_id"];
                let id = row.and_then(|row| names.iter().find_map(|name| row.get(name)));
                id.and_then(|id| {
                    id.as_str().map(str::to_owned).or(id.as_u64().map(|id| id.to_string()))
                })
            }
            _ => Some(part.to_owned()),
        };
        let Some(value) = value else { return Ok(None) };
        path.push('/');
        path.push_str(&value);
    }
    Ok(Some(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn answer(body: &str) -> anyhow::Result<Answer> {
        Ok(Answer { status: 200, first_byte: Duration::ZERO, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn one_page_of_each_kind_is_found() {
        let found = pages(|path| {
            let link = |to: &str| format!("<a href=\"{to}\">");
            let body = match path {
                "/" => [
                    "/alarms/1a",
                    "/alarms/2b",
                    "/x?a=1&#38;b=2#here",
                    "/x?b=3&amp;a=4",
                    "//e.cn",
                    "/a.css",
                    "/?lang=en",
                    "/api/docs",
                    "https://e.cn/",
                ]
                .map(link)
                .concat(),
                "/alarms/1a" => link("/y"),
                _ => String::new(),
            };
            answer(&body)
        });
        let found = found.expect("walks");
        assert_eq!(found.iter().filter(|path| path.starts_with("/alarms")).count(), 1, "{found:?}");
        assert_eq!(found.iter().filter(|path| path.starts_with("/x")).count(), 1, "{found:?}");
        assert!(found.contains(&"/x?a=1&b=2".to_owned()) && found.contains(&"/y".to_owned()));
        assert!(
            !found.iter().any(|path| path.contains("e.cn") || path.contains("api")),
            "{found:?}"
        );
    }

    #[test]
    fn paths_are_filled_with_what_is_there() {
        let get = json!({"get": {}});
        let description = json!({"paths": {
            "/api/v1/homes": get, "/api/v1/homes/{id}/doors": get, "/api/v1/none/{id}": get,
            "/api/v1/alarms/feed": get, "/api/v1/sent": {"post": {}}, "/api/v1/lines/status": get,
        }});
        let all = readable(&description, |path| match path {
            "/api/v1/homes" => answer(r#"{"items": [{"id": 1}, {"id": 2}, {"id": 3}]}"#),
            _ => answer(r#"{"items": []}"#),
        });
        let all = all.expect("reads");
        assert_eq!(all.left_out, ["/api/v1/alarms/feed", "/api/v1/none/{id}"]);
        assert!(all.paths.contains(&"/api/v1/homes/2/doors".to_owned()), "{all:?}");
        assert!(all.paths.contains(&"/api/v1/lines/status?state=down".to_owned()), "{all:?}");
    }
}
