//! Examples of requests and answers, in one file by the names of their schemas: who reads the description sees what to send
//! and what comes.
//!
//! A test holds each against its schema, and wants one for every body of JSON.

use serde_json::{Map, Value, json};

/// By the name of the schema.
const EXAMPLES: &str = include_str!("examples.json");
const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

/// Puts the examples into a description. One that cannot be read stays as it is.
pub(super) fn put(text: &str) -> Option<String> {
    let examples: Map<String, Value> = serde_json::from_str(EXAMPLES).ok()?;
    let mut document: Value = serde_json::from_str(text).ok()?;
    let paths = document.get_mut("paths")?.as_object_mut()?;
    for (_, item) in paths.iter_mut() {
        for method in METHODS {
            let Some(operation) = item.get_mut(method) else { continue };
            if let Some(body) = operation.get_mut("requestBody") {
                put_into(body, &examples);
            }
            let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
            for (_, response) in responses.into_iter().flatten() {
                put_into(response, &examples);
            }
        }
    }
    serde_json::to_string(&document).ok()
}

fn put_into(body: &mut Value, examples: &Map<String, Value>) {
    let contents = body.get_mut("content").and_then(Value::as_object_mut);
    for (kind, content) in contents.into_iter().flatten() {
        let is_json = kind.ends_with("json");
        let example = content.get("schema").and_then(|schema| example_of(schema, examples));
        if let (true, Some(example), Some(content)) = (is_json, example, content.as_object_mut()) {
            content.insert("example".to_owned(), example);
        }
    }
}

/// The example of a schema that has a name, of a list of such, or of a page of them.
fn example_of(schema: &Value, examples: &Map<String, Value>) -> Option<Value> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return examples.get(reference.rsplit('/').next()?).cloned();
    }
    if schema.get("type").and_then(Value::as_str) == Some("array") {
        return Some(json!([example_of(schema.get("items")?, examples)?]));
    }
    let item = example_of(schema.pointer("/properties/items/items")?, examples)?;
    Some(json!({"items": [item], "next": null}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lists_and_pages_have_the_example_of_what_they_hold() {
        let examples = Map::from_iter([("A".to_owned(), json!({"a": 1}))]);
        let named = json!({"$ref": "#/components/schemas/A"});
        let check = |schema: Value, wanted: Option<Value>| {
            assert_eq!(example_of(&schema, &examples), wanted, "{schema}");
        };
        check(named.clone(), Some(json!({"a": 1})));
        check(json!({"type": "array", "items": named}), Some(json!([{"a": 1}])));
        let page = json!({"properties": {"items": {"type": "array", "items": named}}});
        check(page, Some(json!({"items": [{"a": 1}], "next": null})));
        check(json!({"$ref": "#/components/schemas/B"}), None);
        check(json!({"type": "string"}), None);
    }
}
