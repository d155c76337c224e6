//! The description of the API: complete, true, and changed only on purpose.

use super::{Api, assert_snapshot};
use axum::http::Method;
use lianfang::store::tokens::Scope;
use serde_json::{Map, Value, json};

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

async fn document(api: &Api) -> Value {
    api.call(Method::GET, "/api/v1/openapi.json").send().await.expect(200).json()
}

#[tokio::test]
async fn the_description_changes_on_purpose() {
    let api = Api::new().await;
    let document = document(&api).await;
    let text = serde_json::to_string_pretty(&document).expect("JSON");
    assert_snapshot("openapi", &text);
}

#[tokio::test]
async fn the_description_is_openapi_3_1() {
    let api = Api::new().await;
    let document = document(&api).await;
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")));
    let mut operations = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let id = operation["operationId"].as_str().unwrap_or_default();
            assert!(operations.insert(id.to_owned()), "{id} twice");
            let in_path = path.matches('{').count();
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let described = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
            assert_eq!(described, in_path, "{method} {path}");
            let responses = operation["responses"].as_object().expect("responses");
            assert!(responses.contains_key("default"), "{method} {path}");
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
            assert!(responses.values().all(|response| response["description"].is_string()));
        }
    }
    assert!(100 < operations.len(), "the snapshot tells which: {}", operations.len());
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("a reference within");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                found.push(reference.to_owned());
            }
            fields.values().for_each(|field| collect_references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What is described is there, and what is not described is not: the router knows no other method on these paths.
#[tokio::test]
async fn the_description_is_true() {
    let api = Api::new().await;
    let bearer = format!("Bearer {}", api.token("root", Scope::Admin).await);
    let document = document(&api).await;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let path = path.replace("{id}", "1");
        for name in METHODS {
            let method = Method::from_bytes(name.to_uppercase().as_bytes()).expect("a method");
            let call = api.call(method, &path).header("authorization", &bearer);
            let reply = call.send().await;
            let is_there = reply.status != 405 && !reply.text.contains("problem:no-path");
            assert_eq!(is_there, item.get(name).is_some(), "{name} {path}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn every_body_of_json_has_an_example_that_is_true() {
    let api = Api::new().await;
    let document = document(&api).await;
    let mut wrong = Vec::new();
    // One schema of everything: what they refer to is looked at once, not two hundred times.
    let (mut schemas, mut examples) = (Map::new(), Map::new());
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in METHODS.into_iter().filter_map(|it| Some((it, item.get(it)?))) {
            let body = operation.get("requestBody").map(|body| ("body", body));
            let responses = operation["responses"].as_object().expect("responses");
            let answers = responses.iter().map(|(status, answer)| (status.as_str(), answer));
            for (what, body) in body.into_iter().chain(answers) {
                let contents = body["content"].as_object().into_iter().flatten();
                for (kind, content) in contents.filter(|(kind, _)| kind.ends_with("json")) {
                    let place = format!("{method} {path} {what} {kind}");
                    // The description itself is an example of nothing smaller.
                    if path == "/api/v1/openapi.json" && what == "200" {
                        continue;
                    }
                    let Some(example) = content.get("example") else {
                        wrong.push(format!("{place}: no example; write one in examples.json"));
                        continue;
                    };
                    schemas.insert(place.clone(), content["schema"].clone());
                    examples.insert(place, example.clone());
                }
            }
        }
    }
    assert!(250 < examples.len(), "{}", examples.len());
    let schema = json!({"properties": schemas, "components": document["components"]});
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let examples = Value::Object(examples);
    let errors = validator.iter_errors(&examples);
    wrong.extend(errors.map(|error| format!("{}: {error}", error.instance_path())));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_version_of_the_api_is_in_its_changelog() {
    let api = Api::new().await;
    let version = document(&api).await["info"]["version"].as_str().expect("text").to_owned();
    let changelog = include_str!("../../../docs/api-changelog.md");
    let heading = format!("## {version}");
    assert!(changelog.lines().any(|line| line == heading), "{heading} is missing");
}

#[tokio::test]
async fn swagger_ui_comes_with_the_program() {
    let api = Api::new().await;
    let moved = api.call(Method::GET, "/api/docs").send().await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (303, "/api/docs/"));
    let page = api.call(Method::GET, "/api/docs/").send().await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(!page.text.contains("https://"), "fetches from elsewhere: {}", page.text);
    let start = api.call(Method::GET, "/api/docs/swagger-initializer.js").send().await.expect(200);
    assert!(start.text.contains("/api/v1/openapi.json"), "{}", start.text);
    for file in ["swagger-ui-bundle.js", "swagger-ui.css"] {
        let file = api.call(Method::GET, &format!("/api/docs/{file}")).send().await.expect(200);
        assert!(10_000 < file.text.len());
    }
    api.call(Method::GET, "/api/docs/nothing.js").send().await.expect(404);
    let start = start.text.replace("http://www.w3.org", "");
    assert!(start.contains("\"validatorUrl\": \"none\""), "{start}");
}
