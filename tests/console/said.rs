//! What is said to whoever does not see the page, and how soon it stands there for whoever does.

use crate::browser::{Browser, CHINESE, LONGEST};
use crate::people::arrives;
use crate::stage::{Stage, story};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Remembers what a screen reader would say: what changes in a region that was there before, and is shown.
const LISTEN: &str = "window.heard = []; const how = (at) => at.getAttribute('aria-live') || (at.getAttribute('role') === \
     'alert' ? 'assertive' : 'polite'); document.querySelectorAll('[role=status],[role=alert],[role=log],[aria-live]')\
     .forEach((region) => { const words = () => region.checkVisibility() ? region.textContent.replace(/\\s+/g, ' ').trim() : ''; \
     let last = words(); new MutationObserver(() => { if (words() === last) return; last = words(); if (last) \
     window.heard.push([how(region), region.id, last]); }).observe(region, {childList: true, subtree: true, characterData: true, \
     attributes: true}); }); return window.heard.length";
/// Waits until something is said that has all of these words; tells how, and in which region.
const HEARS: &str = "const done = arguments[2]; const end = performance.now() + arguments[1]; const look = () => { const \
     said = window.heard.find((one) => arguments[0].every((words) => one[2].includes(words))); if (said || end < \
     performance.now()) done(said || {heard: window.heard}); else setTimeout(look, 20); }; look();";

/// Somebody who hears the page hears this, politely, from the bar.
async fn hears(browser: &Browser, words: &[&str]) {
    let patience = u64::try_from(LONGEST.as_millis()).expect("is short");
    let said = browser.client.execute_async(HEARS, vec![json!(words), json!(patience)]).await;
    let said = said.expect("is listened to");
    assert_eq!((&said[0], &said[1]), (&json!("polite"), &json!("state")), "{words:?}: {said}");
}

/// The words below a status that Chromium gives to a screen reader as one that speaks when it is silent.
async fn is_given(browser: &Browser) -> String {
    let tree = browser.tool("Accessibility.getFullAXTree", json!({})).await;
    let nodes = tree["nodes"].as_array().expect("nodes");
    let is_polite = |node: &&Value| {
        let live = node["properties"].as_array().into_iter().flatten();
        let mut live = live.filter(|one| one["name"] == "live");
        let is_status = node["role"]["value"] == "status" && node["ignored"] == false;
        is_status && live.any(|one| one["value"]["value"] == "polite")
    };
    let mut below: Vec<&Value> = nodes.iter().filter(is_polite).collect();
    let mut words = String::new();
    while let Some(node) = below.pop() {
        if node["role"]["value"] == "StaticText" {
            words.push_str(node["name"]["value"].as_str().unwrap_or_default());
        }
        let children = node["childIds"].as_array().into_iter().flatten();
        below.extend(children.filter_map(|id| nodes.iter().find(|one| one["nodeId"] == *id)));
    }
    words
}

async fn listens(browser: &Browser, stage: &Stage, path: &str) {
    browser.goto(&stage.page(path)).await;
    // The first look of a page at what is new has been.
    browser.moves().await;
    browser.run(LISTEN).await;
}

fn accepts(stage: &Stage, alarm: &str) {
    stage.post(&format!("/alarms/{alarm}/acknowledge"), &json!({"party": 1}));
}

#[test]
fn whoever_does_not_see_a_page_hears_that_an_alarm_came_and_who_is_coming() {
    story(CHINESE, async |browser, stage| {
        arrives(browser, stage, "operator").await;
        listens(browser, stage, "/").await;
        let first = stage.raises("05925551502");
        hears(browser, &["1 报警无人接警", "502 陈阿姨", "：无人接警"]).await;
        accepts(stage, &first);
        hears(browser, &["502 陈阿姨", "：有人前往，"]).await;
        let given = is_given(browser).await;
        assert!(given.contains("有人前往，"), "{given}");
        // Elsewhere the bar says it.
        listens(browser, stage, "/lines").await;
        let second = stage.raises("05925551302");
        hears(browser, &["1 报警无人接警", "302 李强家：无人接警"]).await;
        accepts(stage, &second);
        hears(browser, &["302 李强家：有人前往，"]).await;
        // So does it on the page of one alarm, for that and for how many there are.
        listens(browser, stage, &format!("/alarms/{first}")).await;
        stage.post(&format!("/alarms/{first}/arrive"), &json!({"party": 1}));
        hears(browser, &["502 陈阿姨", "：已到场，"]).await;
        stage.raises("05925551201");
        hears(browser, &["1 报警无人接警", "502 陈阿姨"]).await;
    });
}

/// How soon a wall shows a change, in milliseconds.
const SOON_MS: i64 = 1_000;
/// How many changes are measured.
const CHANGES: usize = 40;
/// When the words of a card become these, by the clock of the machine.
const TURNS: &str = "window.turned = 0; window.watch?.disconnect(); window.watch = new MutationObserver(() => { if \
     (!window.turned && document.getElementById('alarms').textContent.includes(arguments[0])) window.turned = Date.now(); }); \
     window.watch.observe(document.getElementById('alarms'), {childList: true, subtree: true, characterData: true}); return 0";

/// From the moment of an event to its words on the wall: within a second, most of the time even on a machine that is busy
/// with much else. The figures are those of docs/performance.md.
#[test]
fn a_wall_shows_a_change_within_a_second() {
    story(CHINESE, async |browser, stage| {
        arrives(browser, stage, "operator").await;
        browser.goto(&stage.page("/")).await;
        let alarm = stage.raises("05925551502");
        browser.find(&format!("#a-{alarm}")).await;
        let mut took = Vec::new();
        for at in 0..CHANGES {
            let (kind, words) = if at % 2 == 0 { ("fire", "火情") } else { ("flood", "水患") };
            browser.client.execute(TURNS, vec![json!(words)]).await.expect("is watched");
            stage.post(&format!("/alarms/{alarm}/kind"), &json!({"kind": kind}));
            browser
                .find_at(fantoccini::Locator::XPath(&format!(
                    "//*[@id='alarms'][contains(., '{words}')]"
                )))
                .await;
            let turned = browser.run("return window.turned").await.as_i64().expect("a moment");
            let events = stage.get(&format!("/alarms/{alarm}"))["timeline"].clone();
            let is_it =
                |one: &&Value| one["text"].as_str().is_some_and(|text| text.contains(words));
            let last = events.as_array().expect("events").iter().rfind(is_it).expect("it is told");
            let event: Timestamp = last["at"].as_str().expect("a time").parse().expect("a time");
            took.push(turned - event.as_millisecond());
        }
        took.sort_unstable();
        let (half, most) = (took[CHANGES / 2], took[CHANGES * 99 / 100]);
        eprintln!("{CHANGES} changes, from the event to the page: p50 {half} ms, p99 {most} ms");
        assert!(0 <= took[0], "shown before it was: {took:?}");
        assert!(half <= SOON_MS, "later than {SOON_MS} ms: {took:?}");
    });
}
