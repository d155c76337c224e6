//! Whether people can do in the console what programs can do over the API.
//!
//! Every test of the console talks with a fake API; what it asks for is noted and held against the description: the
//! operation, each field of the body and each parameter. So nothing counts that only looks as if it were asked.

use axum::http::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// The file that everything is noted in that the console asked the API for.
const NOTES: &str = "LIANFANG_ASKED";
/// Operations that nobody does in a browser, and why.
const NOT_OF_PEOPLE: [(&str, &str); 8] = [
    ("GET /alarms/feed", "for programs that follow alarms; the wall asks `/alarms/board`"),
    ("GET /communities/{id}/reachability", "its figures are those of `/reports/communities`"),
    ("GET /healthz", "for what watches the process; people read `/health`"),
    ("GET /metrics", "for Prometheus; people read `/health`"),
    ("GET /openapi.json", "for who writes a client; `/api/docs` shows it"),
    ("GET /readyz", "for what balances load; people read `/health`"),
    (
        "GET /responder/{token}",
        "the page behind a link (`/r/…`) does it, which is none of the console",
    ),
    ("POST /responder/{token}/answer", "the same"),
];
/// Fields of bodies, and parameters behind a `?`, that no page sends, and why.
const NOT_IN_FORMS: [(&str, &str); 14] = [
    ("GET /alarms ?after", CARDS),
    ("GET /alarms ?community_id", CARDS),
    ("GET /alarms ?from", CARDS),
    ("GET /alarms ?kind", CARDS),
    ("GET /alarms ?outcome", CARDS),
    ("GET /alarms ?q", CARDS),
    ("GET /alarms ?to", CARDS),
    ("GET /alarms/{id}/dossier.html ?lang", "a page is in the language of who reads it"),
    ("GET /communities/{id}/duty ?at", "the roster shows who has duty on any day of the month"),
    ("GET /history ?before", "the old name of `after`"),
    ("GET /reachability ?limit", "a page has as many as the API gives unasked"),
    ("GET /reports/alarms ?by", "what the rows of a sheet are; the page asks for all of them"),
    (
        "POST /triggers /number",
        "for who knows no account of the line; the console names the line by its account",
    ),
    (
        "PUT /accounts/{id} /password",
        "nobody chooses one for others: `/password-reset` makes one that is shown once",
    ),
];
/// Why the plain list of alarms is not narrowed down.
const CARDS: &str =
    "people read the cards of alarms, `/alarms/cards`, which are narrowed down by the same";

/// Notes what the console asks the API for, where somebody wants to know.
pub(crate) fn note(method: &Method, path: &str, body: &Value) {
    let Some(notes) = std::env::var_os(NOTES) else { return };
    let mut notes = OpenOptions::new().append(true).open(notes).unwrap();
    // One write a line, so that those of several threads stay apart.
    let line = format!("{}\n", json!([method.as_str(), path, body]));
    notes.write_all(line.as_bytes()).unwrap();
}

/// The description of the API, which a test of the service holds to what is served.
fn description() -> Value {
    let snapshot = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/it/snapshots/it__api__openapi.snap");
    let text = std::fs::read_to_string(snapshot).unwrap();
    let (_, document) = text.split_once("\n---\n").unwrap();
    serde_json::from_str(document).unwrap()
}

/// A row of a noun, as the description shows one, with something in every field.
pub(crate) fn example(plural: &str) -> Value {
    let mut row = shown(plural);
    for (field, value) in row.as_object_mut().unwrap() {
        let is_empty = value.as_array().is_some_and(Vec::is_empty);
        if value.is_null() || is_empty {
            *value = match field.as_str() {
                "building" => json!("3"),
                "day_kinds" => json!(["workday"]),
                "first_day" | "last_day" => json!("2026-11-23"),
                "language" => json!("nan"),
                "pronunciation" => json!("chen2"),
                "takes" => {
                    json!({"post_id": 1, "from": "2026-11-24T00:00:00Z", "to": "2026-11-24T12:00:00Z"})
                }
                "visit_class" => json!("a"),
                "weekdays" => json!(["monday"]),
                _ => json!(1),
            };
        }
    }
    row
}

fn shown(plural: &str) -> Value {
    let at = format!(
        "/paths/~1api~1v1~1{plural}~1{{id}}/get/responses/200/content/application~1json/example"
    );
    description().pointer(&at).cloned().unwrap_or_else(|| panic!("no example of {plural}"))
}

/// The operations of the API by method and path; `/api/v1` is left out.
struct Operations(BTreeMap<(String, String), Value>);

impl Operations {
    fn read(description: &Value) -> Self {
        let mut operations = BTreeMap::new();
        for (path, item) in description["paths"].as_object().unwrap() {
            let path = path.strip_prefix("/api/v1").unwrap_or(path);
            for (method, operation) in item.as_object().unwrap() {
                operations.insert((method.to_uppercase(), path.to_owned()), operation.clone());
            }
        }
        Self(operations)
    }

    /// The one that is asked for: with the fewest parts of its path that may be anything.
    fn of(&self, method: &str, path: &str) -> Option<String> {
        let asked: Vec<&str> = path.split('?').next()?.split('/').collect();
        let fits = |known: &&(String, String)| {
            let parts: Vec<&str> = known.1.split('/').collect();
            let same = |(part, one): (&&str, &&str)| part.starts_with('{') || part == one;
            known.0 == method && parts.len() == asked.len() && parts.iter().zip(&asked).all(same)
        };
        let found = self.0.keys().filter(fits).min_by_key(|known| known.1.matches('{').count())?;
        Some(name(found))
    }
}

fn name((method, path): &(String, String)) -> String {
    format!("{method} {path}")
}

/// The fields that a body may have, as JSON pointers; `#` stands for any place of a list.
fn described(document: &Value, schema: &Value, at: &str, known: &mut BTreeSet<String>) {
    // Policies are documents, whose steps hold nothing of themselves; so deep is nothing else.
    if 12 < at.matches('/').count() {
        return;
    }
    if let Some(reference) = schema["$ref"].as_str() {
        return described(document, document.pointer(&reference[1..]).unwrap(), at, known);
    }
    for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}/{field}");
        described(document, schema, &at, known);
        known.insert(at);
    }
    if schema["items"].is_object() {
        described(document, &schema["items"], &format!("{at}/#"), known);
    }
    for kind in ["oneOf", "anyOf", "allOf"] {
        for schema in schema[kind].as_array().into_iter().flatten() {
            described(document, schema, at, known);
        }
    }
}

/// The fields of a body that was sent.
fn sent(body: &Value, at: &str, fields: &mut BTreeSet<String>) {
    for (field, value) in body.as_object().into_iter().flatten() {
        let at = format!("{at}/{field}");
        sent(value, &at, fields);
        fields.insert(at);
    }
    for value in body.as_array().into_iter().flatten() {
        sent(value, &format!("{at}/#"), fields);
    }
}

/// The parameters of an operation behind the `?`, with it before their names.
fn parameters(operation: &Value) -> impl Iterator<Item = String> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    let asked = all.filter(|parameter| parameter["in"] == "query");
    asked.map(|parameter| format!("?{}", parameter["name"].as_str().unwrap()))
}

/// Those that were sent with something in them.
fn sent_behind(path: &str) -> impl Iterator<Item = String> {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let sent = form_urlencoded::parse(query.as_bytes());
    sent.filter(|(_, value)| !value.is_empty()).map(|(name, _)| format!("?{name}"))
}

/// What the other tests of the console ask the API for: by operation the fields of the bodies, and the parameters.
fn asked(operations: &Operations) -> BTreeMap<String, BTreeSet<String>> {
    let notes = tempfile::NamedTempFile::new().unwrap();
    let mut tests = Command::new(std::env::current_exe().unwrap());
    tests.args(["--skip", "parity::", "--skip", "hostile::"]).env(NOTES, notes.path());
    let done = tests.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    let mut asked = BTreeMap::<_, BTreeSet<_>>::new();
    for line in std::fs::read_to_string(notes.path()).unwrap().lines() {
        let (method, path, body): (String, String, Value) = serde_json::from_str(line).unwrap();
        // What a test asks on purpose and is none.
        let Some(operation) = operations.of(&method, &path) else { continue };
        let fields = asked.entry(operation).or_default();
        sent(&body, "", fields);
        fields.extend(sent_behind(&path));
    }
    asked
}

#[test]
fn what_programs_can_do_people_can_do_too() {
    let document = description();
    let operations = Operations::read(&document);
    let asked = asked(&operations);
    let aside: BTreeMap<&str, &str> = NOT_OF_PEOPLE.into();
    let mut left_fields: BTreeMap<&str, &str> = NOT_IN_FORMS.into();
    let (mut wrong, mut parameters_total) = (Vec::new(), 0);
    for operation in aside.keys() {
        if asked.contains_key(*operation) {
            wrong.push(format!("{operation}: the console asks for it; take it out of the list"));
        }
        if !operations.0.keys().any(|known| name(known) == *operation) {
            wrong.push(format!("{operation}: is none"));
        }
    }
    for (key, operation) in &operations.0 {
        let name = name(key);
        let Some(fields) = asked.get(&name) else {
            if !aside.contains_key(&*name) {
                wrong.push(format!("{name}: nobody can do it in the console"));
            }
            continue;
        };
        let mut known = BTreeSet::new();
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        described(&document, body, "", &mut known);
        known.extend(parameters(operation));
        parameters_total += parameters(operation).count();
        for field in known.difference(fields) {
            let field = format!("{name} {field}");
            if left_fields.remove(&*field).is_none() {
                wrong.push(format!("{field}: no form sends it"));
            }
        }
        for field in fields.difference(&known).filter(|field| field.starts_with('?')) {
            wrong.push(format!("{name} {field}: is sent, and is no parameter"));
        }
    }
    wrong.extend(left_fields.keys().map(|field| format!("{field}: is sent, or is none")));
    assert!(200 < asked.len() && 150 < parameters_total, "{} {parameters_total}", asked.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), operations.0.len(), wrong.join("\n"));
}
