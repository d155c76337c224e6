//! Without a mouse: from signing in to closing an alarm by Tab, Enter and Space, with the focus always to be seen; and
//! nothing moves on a wall that changes.

use crate::browser::{Browser, CHINESE};
use crate::people::arrives;
use crate::stage::{PASSWORD, Stage, story};
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use serde_json::json;

pub(crate) const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
/// Places that Tab stops at before a page must have been gone through.
const STOPS_MAX: usize = 150;
/// Whether the focus is where it should be, and can be seen.
const FOCUS: &str = "const at = document.activeElement; const look = getComputedStyle(at); return \
     [at.matches(arguments[0]), at === document.body || at.id === 'main' || (look.outlineStyle !== 'none' && \
     parseFloat(look.outlineWidth) >= 2), at.outerHTML.slice(0, 120)]";

pub(crate) async fn keys(browser: &Browser, keys: &str) {
    let keyboard = KeyActions::new("keyboard".to_owned());
    let pressed = keys.chars().fold(keyboard, |keyboard, value| {
        keyboard.then(KeyAction::Down { value }).then(KeyAction::Up { value })
    });
    browser.client.perform_actions(pressed).await.expect("are pressed");
}

/// Goes from stop to stop until what this selector finds has the focus.
async fn tabs_to(browser: &Browser, selector: &str) {
    for _ in 0..STOPS_MAX {
        keys(browser, TAB).await;
        let found = browser.client.execute(FOCUS, vec![json!(selector)]).await.expect("runs");
        let (is_there, is_seen, what): (bool, bool, String) =
            serde_json::from_value(found).expect("three facts");
        assert!(is_seen, "the focus cannot be seen on {what}");
        if is_there {
            return;
        }
    }
    panic!("Tab never comes to {selector}");
}

async fn signs_in(browser: &Browser, stage: &Stage) {
    stage.person("wang", "operator");
    browser.goto(&stage.page("/login")).await;
    tabs_to(browser, "[name='name']").await;
    keys(browser, "wang").await;
    tabs_to(browser, "[name='password']").await;
    keys(browser, PASSWORD).await;
    keys(browser, ENTER).await;
    browser.find("nav.places").await;
}

/// The keys that `?` tells of.
async fn goes_places(browser: &Browser) {
    keys(browser, "?").await;
    browser.find("dialog#keys[open]").await;
    keys(browser, ESCAPE).await;
    browser.find("dialog#keys:not([open])").await;
    keys(browser, "gl").await;
    browser.find("nav a[aria-current][href='/lines']").await;
    keys(browser, "jj").await;
    let row = browser.run("return document.activeElement.closest('tr').sectionRowIndex").await;
    assert_eq!(row, 1);
    keys(browser, "/").await;
    keys(browser, &format!("cay{ENTER}")).await;
    browser.waits_for("陈阿姨").await;
    keys(browser, "gw").await;
    browser.find("nav a[aria-current][href='/']").await;
}

#[test]
fn an_alarm_is_taken_and_closed_by_keys_alone() {
    story(CHINESE, async |browser, stage| {
        signs_in(browser, stage).await;
        goes_places(browser).await;
        let alarm = stage.raises("05925551502");
        browser.find(&format!("#a-{alarm}")).await;
        tabs_to(browser, "form[action$='/take'] button").await;
        keys(browser, " ").await;
        stage.until(&format!("/alarms/{alarm}"), |alarm| !alarm["board"]["in_hand"].is_null());
        browser.waits_for("处理人").await;
        tabs_to(browser, "#alarms a.button.main").await;
        keys(browser, ENTER).await;
        browser.find("#story").await;
        tabs_to(browser, "a[href$='/notes']").await;
        keys(browser, ENTER).await;
        browser.find("textarea[name='text']").await;
        tabs_to(browser, "textarea[name='text']").await;
        keys(browser, "keys alone").await;
        tabs_to(browser, "form[action$='/notes'] button").await;
        keys(browser, ENTER).await;
        browser.waits_for("keys alone").await;
        tabs_to(browser, "input[name='outcome']").await;
        keys(browser, " ").await;
        tabs_to(browser, "form[action$='/close'] button").await;
        keys(browser, ENTER).await;
        browser.find("a[href$='/follow-up']").await;
        let closed = stage.get(&format!("/alarms/{alarm}"))["board"].clone();
        assert_eq!(closed["outcome"], "genuine", "{closed}");
    });
}

/// How far things moved by themselves.
const WATCH: &str = "window.moved = []; new PerformanceObserver((list) => list.getEntries().forEach((one) => \
     one.hadRecentInput || one.value < 0.0001 || window.moved.push([one.value, ...one.sources.map((part) => \
     part.node?.outerHTML?.slice(0, 80))]))).observe({type: 'layout-shift', buffered: true})";

#[test]
fn nothing_moves_on_a_wall_that_changes() {
    story(CHINESE, async |browser, stage| {
        arrives(browser, stage, "operator").await;
        browser.client.set_window_size(1440, 900).await.expect("is resized");
        let first = stage.raises("05925551502");
        browser.goto(&stage.page("/")).await;
        browser.find(&format!("#a-{first}")).await;
        browser.run(WATCH).await;
        stage.post(&format!("/alarms/{first}/take"), &json!(null));
        browser.waits_for("处理人").await;
        stage.post(&format!("/alarms/{first}/kind"), &json!({"kind": "illness"}));
        browser.waits_for("急病").await;
        stage.post(&format!("/alarms/{first}/acknowledge"), &json!({"party": 1}));
        browser.waits_for("前往").await;
        stage.post(&format!("/alarms/{first}/arrive"), &json!({"party": 1}));
        browser.waits_for("已到场").await;
        assert_eq!(browser.run("return window.moved").await, json!([]));
    });
}
