//! How the service fares, as people look at it.

use super::Api;
use axum::http::Method;
use lianfang::store::accounts::Role;
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang::web::ports::Unready;
use lianfang_domain::id::CommunityId;
use serde_json::{Value, json};

#[tokio::test]
async fn operators_see_how_it_fares_and_admins_of_everything_the_configuration() {
    let api = Api::new().await;
    let root = api.token("root", Scope::Admin).await;
    let root = api.admin(&root);
    let town = root.town().await;
    let community = Reach::Community(CommunityId(u32::try_from(town.community).expect("small")));
    for (name, role, reach, is_shown) in [
        ("aa", Role::Admin, Reach::Everything, true),
        ("bb", Role::Admin, community, false),
        ("cc", Role::Operator, Reach::Everything, false),
    ] {
        let person = api.person(name, role, reach).await;
        let seen = person.get("/health").await.expect(200).json();
        assert_eq!(seen["routes"][0]["failures"], 1, "{name}");
        // The provider of messages stands beside the trunk, with figures of its own.
        let messages = json!({"name": "sms", "channel": "sms", "is_up": false, "under_way": 4, "channels": 20,
            "left_lately": 5, "per_second": 10, "legs": 30, "failures": 12});
        assert_eq!(seen["routes"][1], messages, "{name}");
        assert_eq!((&seen["is_ready"], &seen["over_minutes"]), (&json!(true), &json!(5)));
        assert_eq!(seen["configuration"] != Value::Null, is_shown, "{name}");
    }
    let auditor = api.person("dd", Role::Auditor, Reach::Everything).await;
    auditor.get("/health").await.expect(403);
    let why = "cannot read the key".to_owned();
    let missing = [
        Unready::Trunk { name: "carrier".to_owned() },
        Unready::AlarmLog,
        Unready::Certificate { why },
        Unready::CertificateExpired,
        Unready::Switchboard,
    ];
    api.line_lamp.unready.lock().expect("no panic").extend(missing);
    let mut told = Vec::new();
    for language in ["en", "zh-CN"] {
        let call = root.call(Method::GET, "/health").header("accept-language", language);
        let seen = call.send().await.expect(200).json();
        assert_eq!(seen["reasons"][0]["part"], "trunk");
        let reasons = seen["reasons"].as_array().expect("reasons").clone();
        told.extend(reasons.into_iter().map(|one| one["reason"].to_string()));
    }
    let (english, chinese) = told.split_at(5);
    assert!(english.iter().all(|words| words.is_ascii()), "{english:?}");
    assert!(chinese.iter().all(|words| words.chars().any(|letter| '一' <= letter)), "{chinese:?}");
    assert_eq!(chinese[0], "\"中继 carrier 没有应答\"");
    let seen = root.get("/health").await.expect(200).json();
    assert_eq!(seen["configuration"][0]["values"][0], json!({"key": "password", "value": "***"}));
    root.get("/health?x=1").await.expect(400);
}
