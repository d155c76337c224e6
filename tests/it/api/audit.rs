//! The audit trail over the API: who edited what, page by page, and the heads that prove it.

use super::{Api, Client};
use axum::http::Method;
use lianfang::store::accounts::Role;
use lianfang::store::audit::{self, Anchor, Chain};
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang_domain::id::CommunityId;
use serde_json::{Value, json};
use std::time::Duration;

/// Longest wait for a verification of a small trail.
const PATIENCE: Duration = Duration::from_secs(60);
const VERIFICATION: &str = "/audit/verification";

/// Waits until the verification is told to be so.
async fn until(client: &Client<'_>, is_so: impl Fn(&Value) -> bool) -> Value {
    let found = async {
        loop {
            let found = client.get(VERIFICATION).await.expect(200).json();
            if is_so(&found) {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("comes in time")
}

/// Has the trail verified, and waits for what is found.
async fn verified(client: &Client<'_>, heads: Value) -> Value {
    client.post(VERIFICATION, json!({"heads": heads})).await.expect(202);
    until(client, |found| found["state"] != "running").await
}

#[tokio::test]
async fn an_edit_is_in_the_trail_with_its_editor_and_without_what_was_written() {
    let api = Api::new().await;
    let admin = api.token("陈主任", Scope::Admin).await;
    let admin = api.admin(&admin);
    let town = admin.town().await;
    let path = format!("/households/{}", town.household);
    let household = json!({"group_id": town.group, "name": "黄阿姨", "door": "503"});
    admin.put(&path, 1, household).await.expect(200);
    admin.delete(&format!("/workers/{}", town.worker), 1).await.expect(204);

    let auditor = api.token("auditor", Scope::Auditor).await;
    let auditor = api.admin(&auditor);
    let mut entries: Vec<Value> = Vec::new();
    let mut next = json!(0);
    while !next.is_null() {
        let page = format!("/audit?chain=directory&limit=4&after={next}");
        let page = auditor.get(&page).await.expect(200);
        assert!(
            !page.text.contains("黄阿姨") && !page.text.contains("13900002222"),
            "{}",
            page.text
        );
        let page = page.json();
        entries.extend(page["items"].as_array().expect("items").clone());
        next = page["next"].clone();
    }
    let sequences: Vec<u64> =
        entries.iter().filter_map(|entry| entry["sequence"].as_u64()).collect();
    assert_eq!(sequences, (1..=entries.len() as u64).collect::<Vec<_>>());
    let told: Vec<String> = entries
        .iter()
        .map(|entry| {
            let word = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
            format!("{} {} {} {}", word("actor"), word("action"), word("noun"), entry["number"])
        })
        .collect();
    assert_eq!(told.first().map(String::as_str), Some("service begin audit 0"));
    for wanted in [
        "cli:test create api_token 0",
        "token:陈主任 create household 1",
        "token:陈主任 replace household 2",
        "token:陈主任 delete worker 1",
    ] {
        assert!(told.iter().any(|told| told == wanted), "{wanted}: {told:?}");
    }

    // By time: from the beginning of the span, and not its end.
    let count = async |query: &str| {
        let path = format!("/audit?chain=directory&limit=500{query}");
        let page = auditor.get(&path).await.expect(200).json();
        page["items"].as_array().expect("items").len()
    };
    let now = api.clock.now().to_string();
    let later = "2999-01-01T08:00:00%2B08:00";
    assert_eq!(count(&format!("&from={now}&to={later}")).await, entries.len());
    assert_eq!(count(&format!("&to={now}")).await, 0);
    assert_eq!(count(&format!("&from={later}")).await, 0);
    assert!(entries.iter().any(|entry| entry["actor_name"].is_null()));

    let heads = auditor.get("/audit/head").await.expect(200).json();
    let noted = heads["items"][1]["note"].as_str().expect("a note");
    let anchor: Anchor = noted.parse().expect("a head");
    assert_eq!(
        (anchor.chain, anchor.head.sequence),
        (Some(Chain::Directory), sequences.len() as u64)
    );
    let mut reader = api.store.directory().reader().acquire().await.expect("is free");
    let verified = audit::verify(&mut reader, Chain::Directory, &[anchor], &mut |_| {}).await;
    let verified = verified.expect("reads");
    assert!(verified.is_whole(), "{verified}");
}

#[tokio::test]
async fn who_may_have_acted_is_listed_by_name() {
    let api = Api::new().await;
    let root = api.token("root", Scope::Admin).await;
    let town = api.admin(&root).town().await;
    let community = CommunityId(town.community.try_into().expect("fits"));
    let community = Reach::Community(community);
    api.person("wang", Role::Operator, community).await;
    let near = api.person("near", Role::Auditor, community).await;
    let auditor = api.person("far", Role::Auditor, Reach::Everything).await;
    let found = async |client: &Client<'_>, q: &str| {
        let page = client.get(&format!("/audit/actors{q}")).await.expect(200).json();
        let who = page["items"].as_array().expect("items").iter();
        (who.map(|one| one["who"].as_str().expect("a code").to_owned()).collect(), page)
    };
    let (all, page): (Vec<String>, _) = found(&auditor, "").await;
    assert_eq!(page["is_cut"], json!(false));
    assert!(all.contains(&"token:root".to_owned()) && 4 <= all.len(), "{page}");
    let (wang, page) = found(&auditor, "?q=WANG").await;
    assert_eq!((wang.len(), &page["items"][0]["role"]), (1, &json!("operator")), "{page}");
    let named = auditor.get(&format!("/audit?chain=directory&who={}", wang[0])).await.expect(200);
    assert_eq!(named.json()["items"], json!([]), "who did nothing yet");
    // Who reaches a community knows of nobody else, nor of programs.
    let (own, page) = found(&near, "").await;
    assert!(own.contains(&wang[0]) && own.len() == 2, "{page}");
    for number in 0..50 {
        api.token(&format!("pbx{number}"), Scope::Trigger).await;
    }
    let (many, page) = found(&auditor, "").await;
    assert_eq!((many.len(), &page["is_cut"]), (50, &json!(true)));
    auditor.get("/audit/actors?after=1").await.expect(400);
}

#[tokio::test]
async fn what_is_no_chain_or_page_is_refused() {
    let api = Api::new().await;
    let auditor = api.token("auditor", Scope::Auditor).await;
    let auditor = api.admin(&auditor);
    for wrong in
        ["chain=x", "after=-1", "limit=0", "limit=501", "other=1", "from=2026-11-22", "to=x"]
    {
        let reply = auditor.call(Method::GET, &format!("/audit?{wrong}")).send().await;
        assert_eq!(reply.status, 400, "{wrong}: {}", reply.text);
    }
    let first = auditor.get("/audit").await.expect(200).json();
    assert_eq!(first["items"][0]["chain"], "alarms");
    assert_eq!(first["next"], Value::Null);
}

#[tokio::test]
async fn the_whole_trail_is_verified_for_who_audits() {
    let api = Api::new().await;
    let admin = api.token("陈主任", Scope::Admin).await;
    let admin = api.admin(&admin);
    let town = admin.town().await;
    let auditor = api.person("li", Role::Auditor, Reach::Everything).await;
    let none = auditor.get(VERIFICATION).await.expect(200).json();
    assert_eq!((&none["state"], &none["chains"]), (&json!("none"), &json!([])));

    let heads = auditor.get("/audit/head").await.expect(200).json();
    let notes = json!([heads["items"][0]["note"], heads["items"][1]["note"]]);
    let found = verified(&auditor, notes.clone()).await;
    assert_eq!(found["state"], "whole", "{found}");
    let directory = &found["chains"][1];
    let (from, to) = (directory["from"].as_str(), directory["to"].as_str());
    assert!(from.is_some() && to.is_some(), "{found}");
    let entries = heads["items"][1]["sequence"].as_u64().expect("a number");
    assert!(entries <= directory["entries"].as_u64().expect("a number"), "{found}");
    assert!(found["entries"].as_u64() <= found["read"].as_u64(), "{found}");
    assert!(directory["head"].as_str().is_some_and(|head| head.starts_with("directory:")));

    // What was noted elsewhere is missed: a chain cannot show by itself that its end was cut off.
    let cut_off = json!([format!("directory:9999:{}", "9f".repeat(32)), "9f".repeat(32)]);
    auditor.post(VERIFICATION, json!({"heads": cut_off})).await.expect(422);
    auditor.post(VERIFICATION, json!({"heads": vec![notes[0].clone(); 21]})).await.expect(422);
    let unnamed = format!("9999:{}", "9f".repeat(32));
    let found = verified(&auditor, json!([cut_off[0].clone(), unnamed])).await;
    assert_eq!(found["chains"][1]["faults_total"], 2, "{found}");
    assert_eq!(found["chains"][0]["faults_total"], 1, "{found}");

    // Somebody who has the file.
    let mut change = api.store.directory().write().await.expect("begins");
    let forged = "UPDATE audit SET actor = 'token:other' WHERE sequence = 4";
    sqlx::query(forged).execute(&mut *change).await.expect("is written");
    change.commit().await.expect("is kept");
    let found = verified(&admin, json!([])).await;
    assert_eq!(
        (&found["state"], &found["chains"][0]["is_whole"]),
        (&json!("broken"), &json!(true))
    );
    let faults = found["chains"][1]["faults"].as_array().expect("a list").clone();
    assert_eq!(faults.len(), 1, "{found}");
    assert!(faults[0].as_str().is_some_and(|words| words.contains("4")), "{found}");
    let chinese = admin.call(Method::GET, VERIFICATION).header("accept-language", "zh-CN").send();
    assert!(chinese.await.text.contains("第 4 条被改动"));
    let english = admin.call(Method::GET, VERIFICATION).header("accept-language", "en").send();
    assert!(english.await.text.contains("entry 4 was changed"));

    // Who reaches a part hears that it does not hold, and not where: that may be elsewhere.
    let community = CommunityId(town.community.try_into().expect("fits"));
    let near = api.person("near", Role::Auditor, Reach::Community(community)).await;
    let told = near.get(VERIFICATION).await.expect(200).json();
    assert_eq!((&told["state"], &told["chains"][1]["faults"]), (&json!("broken"), &json!([])));
    assert_eq!(told["chains"][1]["faults_total"], 1);
    let operator = api.person("wang", Role::Operator, Reach::Everything).await;
    operator.get(VERIFICATION).await.expect(403);
    operator.post(VERIFICATION, json!({})).await.expect(403);
}

#[tokio::test]
async fn a_verification_is_cancelled_halfway_and_another_begins() {
    let api = Api::on_disk().await;
    let admin = api.token("陈主任", Scope::Admin).await;
    api.admin(&admin).town().await;
    let auditor = api.person("li", Role::Auditor, Reach::Everything).await;
    let cancels = async |client: &Client<'_>, status| {
        client.call(Method::DELETE, VERIFICATION).send().await.expect(status)
    };
    cancels(&auditor, 204).await;
    assert_eq!(auditor.get(VERIFICATION).await.expect(200).json()["state"], "none");

    // The first chain is read; the second waits for its connection, which is not free.
    let held = api.store.directory().long_reader().acquire().await.expect("is free");
    auditor.post(VERIFICATION, json!({})).await.expect(202);
    let halfway = until(&auditor, |found| found["read"] != 0).await;
    assert_eq!((&halfway["state"], &halfway["ended_at"]), (&json!("running"), &Value::Null));
    let operator = api.person("wang", Role::Operator, Reach::Everything).await;
    cancels(&operator, 403).await;
    assert_eq!(auditor.get(VERIFICATION).await.expect(200).json()["state"], "running");
    // Once that is answered it has ended, and whoever asks again is told the same.
    for _ in 0..2 {
        cancels(&auditor, 204).await;
        let told = auditor.get(VERIFICATION).await.expect(200).json();
        assert_eq!((&told["state"], &told["chains"]), (&json!("cancelled"), &json!([])));
        assert_eq!(told["begun_at"], halfway["begun_at"]);
        assert!(told["ended_at"].is_string(), "{told}");
        assert!(told["read"].as_u64() < told["entries"].as_u64(), "{told}");
    }

    drop(held);
    assert_eq!(verified(&auditor, json!([])).await["state"], "whole");
    cancels(&auditor, 204).await;
    assert_eq!(auditor.get(VERIFICATION).await.expect(200).json()["state"], "whole", "it stays");
}
