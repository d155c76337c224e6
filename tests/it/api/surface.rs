//! What is new in the description is in its changelog, by name.
//!
//! `surface.txt` has the names of all that there was at the last release: operations with their parameters, schemas with
//! their fields. Whatever is other than there has to be named in the newest part of `docs/api-changelog.md`. At a release
//! the names are written anew, with `LIANFANG_SURFACE=anew`.

use super::Api;
use axum::http::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// By the name of an operation or schema, what it has.
type Surface = BTreeMap<String, BTreeSet<String>>;

fn surface_of(document: &Value) -> Surface {
    let mut surface = Surface::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let path = path.strip_prefix("/api/v1").unwrap_or(path);
        for (method, operation) in item.as_object().expect("operations") {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let names = parameters.filter_map(|parameter| parameter["name"].as_str());
            let names = names.map(str::to_owned).collect();
            surface.insert(format!("{} {path}", method.to_uppercase()), names);
        }
    }
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    for (name, schema) in schemas.expect("schemas") {
        let fields = schema["properties"].as_object().into_iter().flatten();
        surface.insert(name.clone(), fields.map(|(field, _)| field.clone()).collect());
    }
    surface
}

fn read(text: &str) -> Surface {
    let mut surface = Surface::new();
    for line in text.lines() {
        let (name, parts) = line.split_once(':').expect("a name and what it has");
        surface.insert(name.to_owned(), parts.split_whitespace().map(str::to_owned).collect());
    }
    surface
}

fn written(surface: &Surface) -> String {
    let line = |(name, parts): (&String, &BTreeSet<String>)| {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        format!("{name}: {}", parts.join(" ")).trim_end().to_owned() + "\n"
    };
    surface.iter().map(line).collect()
}

/// What is other than it was and is not named. What a new schema has goes with the operation that brought it.
fn unnamed(before: &Surface, now: &Surface, changelog: &str) -> Vec<String> {
    let names = |text: &str| changelog.contains(text);
    let mut found = Vec::new();
    for name in before.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
        let what = match (before.get(name), now.get(name)) {
            (Some(before), Some(now)) => {
                let parts = before.symmetric_difference(now);
                let parts = parts.filter(|part| !names(&format!("`{part}`")));
                found.extend(parts.map(|part| {
                    let how = if now.contains(part) { "new" } else { "gone" };
                    format!("`{part}` of {name} is {how}")
                }));
                continue;
            }
            (None, Some(_)) => "new",
            (Some(_), None) | (None, None) => "gone",
        };
        if let Some((_, path)) = name.split_once(' ')
            && !names(&format!("{name}`"))
            && !names(&format!("`{path}`"))
        {
            found.push(format!("`{name}` is {what}"));
        }
    }
    found
}

/// The newest part of the changelog.
fn newest(changelog: &str) -> &str {
    let mut parts = changelog.split("\n## ");
    parts.find(|part| part.starts_with(|first: char| first.is_ascii_digit())).expect("a version")
}

#[tokio::test]
async fn what_is_new_or_gone_is_named_in_the_changelog() {
    let api = Api::new().await;
    let document = api.call(Method::GET, "/api/v1/openapi.json").send().await.expect(200).json();
    let now = surface_of(&document);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/api/surface.txt");
    if std::env::var("LIANFANG_SURFACE").is_ok_and(|how| how == "anew") {
        std::fs::write(&file, written(&now)).expect("is written");
    }
    let before = std::fs::read_to_string(&file).expect("is read");
    let changelog = include_str!("../../../docs/api-changelog.md");
    let found = unnamed(&read(&before), &now, newest(changelog));
    let found = found.join("\n");
    assert!(found.is_empty(), "docs/api-changelog.md does not name in its newest part:\n{found}");
}

#[test]
fn what_is_not_named_is_found() {
    let before = read("GET /a: after\nGET /gone:\nA: one two\n");
    let now = read("GET /a: after limit\nPOST /a:\nA: one three\nB: x\n");
    let check = |changelog: &str, wanted: &[&str]| {
        assert_eq!(unnamed(&before, &now, newest(changelog)), wanted, "{changelog}");
    };
    let all = [
        "`three` of A is new",
        "`two` of A is gone",
        "`limit` of GET /a is new",
        "`GET /gone` is gone",
        "`POST /a` is new",
    ];
    check("\n## 0.2\nnothing\n## 0.1\n`/gone` `limit` `two` `three` `POST /a`\n", &all);
    check("\n## Rules\n## 0.2\n`POST /a`, `/gone`, `limit`; `two` is `three`\n", &[]);
    assert_eq!(read(&written(&now)), now);
}
