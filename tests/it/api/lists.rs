//! Every list: in pages that follow each other without a gap or a repeat, whatever is added meanwhile.

use super::{Api, Client};
use axum::http::Method;
use lianfang::store::accounts::Role;
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang_domain::id::CommunityId;
use serde_json::{Value, json};

/// Lists that are answered as a whole, because what they list has a bound: who is called in one alarm, what one row has,
/// what one look finds.
const WHOLE: [&str; 19] = [
    "/api/v1/accounts/{id}/sessions",
    "/api/v1/alarms/board",
    "/api/v1/alarms/{id}/candidates",
    "/api/v1/audit/actors",
    "/api/v1/audit/head",
    "/api/v1/communities/{id}/checks",
    "/api/v1/communities/{id}/recordings",
    "/api/v1/communities/{id}/recordings/{language}/{clip}",
    "/api/v1/communities/{id}/roster/findings",
    "/api/v1/contacts/{id}/reachability",
    "/api/v1/groups/{id}/checks",
    "/api/v1/groups/{id}/doors",
    "/api/v1/households/{id}/recordings",
    "/api/v1/policies/{id}/versions",
    "/api/v1/public/communities",
    "/api/v1/responders/{id}/reachability",
    "/api/v1/session/alarms",
    "/api/v1/sessions",
    "/api/v1/workers/{id}/reachability",
];

/// The schema itself, whatever refers to it.
fn schema<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            document.pointer(reference.trim_start_matches('#')).expect("leads somewhere")
        }
        None => schema,
    }
}

/// The paths of lists: those in pages, and those that are answered as a whole.
async fn lists(api: &Api) -> (Vec<String>, Vec<String>) {
    let document = api.call(Method::GET, "/api/v1/openapi.json").send().await.expect(200).json();
    let (mut paged, mut whole) = (Vec::new(), Vec::new());
    for (path, item) in document["paths"].as_object().expect("paths") {
        let answer = "/get/responses/200/content/application~1json/schema";
        let Some(answer) = item.pointer(answer) else { continue };
        let answer = schema(&document, answer);
        if answer["properties"].get("items").is_none() {
            continue;
        }
        let has_next = answer["properties"].get("next").is_some();
        let parameters = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let takes = |name: &str| parameters.iter().any(|parameter| parameter["name"] == name);
        assert_eq!((takes("after"), takes("limit")), (has_next, has_next), "{path}");
        if has_next { paged.push(path.clone()) } else { whole.push(path.clone()) }
    }
    (paged, whole)
}

#[tokio::test]
async fn a_list_is_in_pages_or_has_a_bound_that_is_known() {
    let api = Api::new().await;
    let (_, whole) = lists(&api).await;
    let unknown: Vec<_> = whole.iter().filter(|path| !WHOLE.contains(&path.as_str())).collect();
    assert!(unknown.is_empty(), "lists without pages: {unknown:?}");
}

/// What the query of a list needs besides.
fn query(path: &str) -> &'static str {
    match path {
        "/api/v1/history" => "noun=streets&",
        "/api/v1/search" => "q=1&",
        "/api/v1/audit" => "chain=directory&",
        _ => "",
    }
}

/// What tells one item from another.
fn name(item: &Value) -> String {
    item.get("id").or(item.get("sequence")).unwrap_or(item).to_string()
}

/// Walks a list in pages of one; before each but the first, something happens.
async fn walk(
    client: &Client<'_>,
    path: &str,
    mut meanwhile: impl AsyncFnMut(usize),
) -> Vec<String> {
    let (path, query) = (path.trim_start_matches("/api/v1"), query(path));
    let mut found = Vec::new();
    let mut after = String::new();
    for page in 0..500 {
        let reply = client.get(&format!("{path}?{query}limit=1{after}")).await.expect(200).json();
        let items = reply["items"].as_array().expect("items").clone();
        assert!(items.len() <= 1, "{path}: {reply}");
        found.extend(items.iter().map(name));
        match &reply["next"] {
            Value::Null => return found,
            Value::String(next) => after = format!("&after={next}"),
            next @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                after = format!("&after={next}");
            }
        }
        meanwhile(page).await;
    }
    panic!("{path} has no end: {found:?}");
}

#[tokio::test]
async fn every_list_is_walked_without_a_gap_or_a_repeat() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    admin.town().await;
    for number in 0..3 {
        admin.create("/streets", json!({"name": format!("第{number}街道")})).await;
        api.token(&format!("t{number}"), Scope::Trigger).await;
        api.person(&format!("p{number}"), Role::Operator, Reach::Everything).await;
        let webhook = json!({"url": "https://hooks.example.com/", "events": ["alarm.raised"]});
        admin.create("/webhooks", webhook).await;
    }
    let (paged, _) = lists(&api).await;
    assert!(25 < paged.len(), "{paged:?}");
    let mut long = 0;
    for path in paged.iter().filter(|path| !path.contains('{')) {
        let whole = format!("{}?{}", path.trim_start_matches("/api/v1"), query(path));
        let whole = admin.get(&whole).await.expect(200).json();
        let whole: Vec<String> =
            whole["items"].as_array().expect("items").iter().map(name).collect();
        let walked = walk(&admin, path, async |_| {}).await;
        assert_eq!(walked, whole, "{path}");
        long += usize::from(2 < walked.len());
    }
    assert!(5 <= long, "most lists were too short to say anything");
}

#[tokio::test]
async fn what_is_added_meanwhile_moves_no_page() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    for number in 0..4 {
        admin.create("/streets", json!({"name": format!("第{number}街道")})).await;
    }
    let before: Vec<String> = walk(&admin, "/api/v1/streets", async |_| {}).await;
    let added = walk(&admin, "/api/v1/streets", async |page| {
        if page < 2 {
            admin.create("/streets", json!({"name": format!("新{page}街道")})).await;
        }
    })
    .await;
    assert_eq!(added[..4], before[..], "what was there comes once, in its order");
    assert_eq!(added.len(), 6, "and what came behind it too");
    // The latest first: what is newer than the first page is on no later one.
    let seen = walk(&admin, "/api/v1/history", async |page| {
        admin.create("/streets", json!({"name": format!("又{page}街道")})).await;
    })
    .await;
    assert_eq!(seen.len(), 6);
    let mut once = seen.clone();
    once.dedup();
    assert_eq!(once, seen);
}

#[tokio::test]
async fn filters_keep_what_they_say() {
    let api = Api::new().await;
    let admin = api.admin(&api.token("root", Scope::Admin).await);
    let count = async |path: &str| {
        let reply = admin.get(path).await.expect(200).json();
        reply["items"].as_array().map(Vec::len).expect("items")
    };
    api.token("pbx", Scope::Trigger).await;
    let gone = admin.get("/tokens").await.json()["items"][1]["id"].clone();
    api.token("wall", Scope::Operator).await;
    admin.call(Method::DELETE, &format!("/tokens/{gone}")).send().await.expect(204);
    for (query, wanted) in
        [("", 3), ("scope=trigger", 1), ("works=true", 2), ("works=false", 1), ("scope=metrics", 0)]
    {
        assert_eq!(count(&format!("/tokens?{query}")).await, wanted, "{query}");
    }
    api.person("aa", Role::Operator, Reach::Everything).await;
    api.person("bb", Role::Auditor, Reach::Everything).await;
    for (query, wanted) in
        [("role=auditor", 1), ("role=admin", 0), ("disabled=false", 2), ("disabled=true", 0)]
    {
        assert_eq!(count(&format!("/accounts?{query}")).await, wanted, "{query}");
    }
    admin.create("/streets", json!({"name": "筼筜街道"})).await;
    for (query, wanted) in [
        ("noun=street", 1),
        ("noun=street&id=1", 1),
        ("noun=street&id=2", 0),
        ("noun=street&who=token:root", 1),
        ("who=token:nobody", 0),
    ] {
        assert_eq!(count(&format!("/audit?chain=directory&{query}")).await, wanted, "{query}");
    }
    for wrong in [
        "/tokens?scope=x",
        "/tokens?works=1",
        "/accounts?role=x",
        "/audit?id=x",
        "/drills?state=x",
        "/alarms?drill=x",
        "/webhooks/1/deliveries?state=x",
    ] {
        assert_eq!(admin.get(wrong).await.expect(400).problem(), "parameter", "{wrong}");
    }
}

/// Others' accounts between do not make a page short, and a filter leaves no page empty.
#[tokio::test]
async fn pages_of_accounts_are_full_whatever_is_asked_for() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    let town = root.town().await;
    let here = Reach::Community(CommunityId(u32::try_from(town.community).expect("small")));
    let admin = api.person("admin", Role::Admin, here).await;
    for number in 0..12 {
        let is_here = number % 4 == 0;
        let reach = if is_here { here } else { Reach::Everything };
        let role = if number % 3 == 0 { Role::Auditor } else { Role::Operator };
        api.person(&format!("person{number}"), role, reach).await;
    }
    let walk = async |client: &super::Client<'_>, query: &str| {
        let (mut names, mut lengths, mut after) = (Vec::new(), Vec::new(), 0);
        loop {
            let page = client.get(&format!("/accounts?limit=2&after={after}{query}")).await;
            let page = page.expect(200).json();
            let items = page["items"].as_array().expect("items").clone();
            lengths.push(items.len());
            names.extend(items.iter().map(|item| item["name"].as_str().expect("text").to_owned()));
            match page["next"].as_u64() {
                Some(next) => after = next,
                None => return (names, lengths),
            }
        }
    };
    let (names, lengths) = walk(&admin, "").await;
    assert_eq!(names, ["admin", "person0", "person4", "person8"]);
    assert_eq!(lengths, [2, 2]);
    let (names, _) = walk(&admin, "&role=auditor").await;
    assert_eq!(names, ["person0"]);
    let (names, lengths) = walk(&root, "&role=auditor").await;
    assert_eq!(names, ["person0", "person3", "person6", "person9"]);
    assert_eq!(lengths, [2, 2]);
    assert_eq!(walk(&root, "&disabled=true").await, (Vec::new(), vec![0]));
}
