//! The dossier: everything of an alarm in one document, and who read it.

use super::Api;
use super::alarms::record;
use axum::http::Method;
use jiff::{SignedDuration, Timestamp};
use lianfang::store::alarm_log::NewEvents;
use lianfang::store::audit::{self, Chain};
use lianfang::store::tokens::Scope;
use lianfang::store::traces::TraceMessage;
use lianfang_domain::alarm::Event;
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

/// Events that [`record`] keeps.
const RECORDED: u32 = 10;

/// A call goes out over one route after the other, each with a number: `count` times from `first` on.
async fn goes_on(api: &Api, (first, count): (u32, u32)) {
    let placed = |route: u32| Event::LegPlaced { leg: 2, route: format!("route{route:05}").into() };
    let batch = NewEvents {
        alarm: ALARM,
        first_sequence: RECORDED + first,
        at: api.clock.now() + SignedDuration::from_secs(i64::from(100 + first)),
        events: (first..first + count).map(placed).collect(),
        plan: None,
        opened: None,
        closed: None,
        beginning: None,
    };
    api.log.append(vec![batch]).expect("queued").await.expect("kept");
}

/// Where the next part is.
fn next(page: &str) -> Option<String> {
    let link = page.split(" rel=\"next\"").next().filter(|before| before.len() < page.len())?;
    let link = link.rsplit("href=\"").next()?.strip_suffix('"')?;
    Some(link.replace("&#38;", "&"))
}

#[tokio::test]
async fn a_long_dossier_is_printed_in_parts_that_are_of_one_moment() {
    const STEPS: u32 = 2_500;
    let api = Api::new().await;
    record(&api, ALARM).await;
    api.store.traces().expect("on disk").append([(ALARM, trace())]).expect("writes");
    goes_on(&api, (0, STEPS)).await;
    let auditor = api.token("监察", Scope::Auditor).await;
    let auditor = api.admin(&auditor);
    let path = format!("/alarms/{ALARM}/dossier");
    let print = async |query: &str| auditor.get(&format!("{path}.html{query}")).await;
    let mut pages = vec![print("?lang=en").await.expect(200).text];
    while let Some(link) = next(pages.last().expect("is there")) {
        // While somebody prints, more happens: it moves nothing from one part into another.
        let done = u32::try_from(pages.len()).expect("few");
        goes_on(&api, (STEPS + done - 1, 1)).await;
        assert!(
            link.contains("lang=en&") && link.contains(&format!("part={}&", done + 1)),
            "{link}"
        );
        pages.push(print(&link).await.expect(200).text);
        assert!(pages.len() < 20, "there is no end");
    }
    assert!(2 < pages.len());
    for page in &pages {
        assert!(page.len() <= 100 * 1024, "{}", page.len());
        assert!(page.contains(&format!("of {}</p>", pages.len())), "{}", pages.len());
    }
    let all = pages.concat();
    for step in 0..STEPS {
        let told = format!("over route{step:05}</td>");
        assert_eq!(all.matches(&told).count(), 1, "{told}");
    }
    assert!(!all.contains(&format!("route{STEPS:05}")) && all.matches("<pre>").count() == 1);
    // What has happened since stands in a dossier that is opened now, and in the JSON, which is whole.
    let known = auditor.get(&path).await.expect(200).json();
    let steps = (RECORDED + STEPS) as usize + pages.len() - 1;
    assert_eq!(known["timeline"].as_array().map(Vec::len), Some(steps));
    let mut anew = vec![print("?lang=en").await.expect(200).text];
    while let Some(link) = next(anew.last().expect("is there")) {
        anew.push(print(&link).await.expect(200).text);
    }
    assert!(anew.concat().contains(&format!("over route{STEPS:05}</td>")));
    // Before all of it nothing had happened.
    let before = print("?lang=en&as_of=2020-01-01T00:00:00Z").await.expect(200).text;
    assert!(!before.contains("route") && before.contains("not over") && !before.contains("Part "));
    for (query, status) in [
        ("?part=0", 400),
        ("?part=x", 400),
        ("?part=99", 404),
        ("?as_of=x", 400),
        ("?parts=1", 400),
    ] {
        print(query).await.expect(status);
    }
}
