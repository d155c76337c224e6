//! The dossier: everything of an alarm in one document, and who read it.

use super::Api;
use super::alarms::record;
use axum::http::Method;
use jiff::Timestamp;
use lianfang::store::audit::{self, Chain};
use lianfang::store::tokens::Scope;
use lianfang::store::traces::TraceMessage;
use lianfang_domain::id::AlarmId;
use serde_json::{Value, json};

const ALARM: AlarmId = AlarmId(1 << 40);

fn trace() -> TraceMessage {
    TraceMessage {
        at: "2026-11-22T00:00:01Z".parse().expect("a time"),
        is_sent: true,
        remote: "udp 192.0.2.7:5060".to_owned(),
        text: "INVITE sip:<b>@x SIP/2.0\r\nCall-ID: c\r\n\r\n".to_owned(),
    }
}

#[tokio::test]
async fn a_dossier_has_everything_and_notes_who_read_it() {
    let api = Api::new().await;
    record(&api, ALARM).await;
    api.store.traces().expect("on disk").append([(ALARM, trace())]).expect("writes");
    let operator = api.token("王芳", Scope::Operator).await;
    let operator = api.admin(&operator);
    for _ in 0..3 {
        operator.get(&format!("/alarms/{ALARM}")).await.expect(200);
    }
    let path = format!("/alarms/{ALARM}/dossier");
    operator.get(&path).await.expect(403);
    let auditor = api.token("监察", Scope::Auditor).await;
    let auditor = api.admin(&auditor);
    let dossier = auditor.get(&path).await.expect(200).json();
    assert_eq!(dossier["id"], ALARM.to_string());
    assert_eq!(dossier["is_erased"], false);
    assert!(dossier["scene"]["household"].is_string());

    let legs = dossier["legs"].as_array().expect("legs");
    assert!(!legs.is_empty());
    let keyed: Vec<&Value> = legs
        .iter()
        .filter(|leg| leg["keys"].as_array().is_some_and(|keys| !keys.is_empty()))
        .collect();
    assert!(!keyed.is_empty(), "{legs:?}");
    for leg in &keyed {
        let step = |name: &str| leg[name].as_i64();
        assert!(step("ordered_ms") <= step("answered_ms"), "{leg}");
        assert!(step("answered_ms") <= leg["keys"][0]["at_ms"].as_i64(), "{leg}");
        assert!(leg["name"].is_string(), "{leg}");
    }
    assert_eq!(dossier["plans"][0]["revision"], 1);
    assert_eq!(dossier["trace"], json!([trace()]));

    // Every event is covered by an entry.
    let events = dossier["timeline"].as_array().expect("moments").len() as i64;
    let audit = dossier["audit"].as_array().expect("entries");
    let covered = audit.iter().filter(|entry| entry["noun"] == "alarm_event");
    let covered: i64 = covered.filter_map(|entry| entry["count"].as_i64()).sum();
    assert_eq!(covered, events);
    // Three looks in a row of one are one.
    let readers: Vec<&Value> =
        dossier["reads"].as_array().expect("reads").iter().map(|read| &read["actor"]).collect();
    assert_eq!(readers, ["token:王芳", "token:监察"]);
    let mut reader = api.store.directory().reader().acquire().await.expect("is free");
    let verified = audit::verify(&mut reader, Chain::Directory, &[], &mut |_| {}).await;
    assert!(verified.expect("reads").is_whole());
}

#[tokio::test]
async fn a_dossier_prints_in_both_languages_without_script() {
    let api = Api::new().await;
    record(&api, ALARM).await;
    api.store.traces().expect("on disk").append([(ALARM, trace())]).expect("writes");
    let auditor = api.token("监察", Scope::Auditor).await;
    let auditor = api.admin(&auditor);
    let path = format!("/alarms/{ALARM}/dossier.html");
    for (language, title) in [("zh", "警情档案"), ("en", "Alarm dossier")] {
        let call = auditor.call(Method::GET, &format!("{path}?lang={language}"));
        let page = call.header("accept", "text/html").send().await.expect(200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(page.header("content-security-policy").contains("style-src 'unsafe-inline'"));
        let text = &page.text;
        assert!(text.contains(title) && text.contains("@page { size: A4"), "{text}");
        assert!(
            text.contains("INVITE sip:&#60;b&#62;@x"),
            "what came from outside is escaped: {text}"
        );
        // Times are those of the place, to the millisecond.
        assert!(
            text.contains("Asia/Shanghai") && text.contains("2026-11-22 08:00:01.000"),
            "{text}"
        );
        assert!(text.contains("−0.003 s, 0.001 s"), "heard, written down: {text}");
        for forbidden in ["<script", "http://", "https://", "<img", "<b>@x"] {
            assert!(!text.contains(forbidden), "{forbidden}");
        }
    }
    auditor.get(&format!("{path}?lang=fr")).await.expect(400);
    auditor.get("/alarms/0000000000000/dossier").await.expect(404);
    auditor.get("/alarms/0000000000000/dossier.html").await.expect(404);
}

#[tokio::test]
async fn what_was_erased_is_shown_as_erased() {
    let api = Api::new().await;
    record(&api, ALARM).await;
    let traces = api.store.traces().expect("on disk");
    traces.append([(ALARM, trace())]).expect("writes");
    assert_eq!(api.log.erase_plans_before(Timestamp::MAX).await.expect("erases"), 1);
    assert_eq!(traces.erase_before(Timestamp::MAX).expect("erases"), 1);
    let auditor = api.token("监察", Scope::Auditor).await;
    let auditor = api.admin(&auditor);
    let path = format!("/alarms/{ALARM}/dossier");
    let dossier = auditor.get(&path).await.expect(200).json();
    assert_eq!((&dossier["is_erased"], &dossier["scene"]), (&json!(true), &Value::Null));
    assert_eq!(dossier["plans"][0]["is_erased"], true);
    assert_eq!((&dossier["trace"], &dossier["legs"][0]["name"]), (&json!([]), &Value::Null));
    let actions: Vec<&Value> = dossier["audit"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| &entry["action"])
        .collect();
    assert!(actions.contains(&&json!("erase")), "{actions:?}");
    let page = auditor.get(&format!("{path}.html?lang=en")).await.expect(200).text;
    assert!(page.contains("(erased)") && page.contains("were erased as due"), "{page}");
}
