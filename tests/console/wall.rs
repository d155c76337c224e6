//! An alarm on the wall: it comes by itself, is taken in hand, somebody comes, it is closed.

use crate::browser::{Browser, CHINESE, ENGLISH, LONGEST, Look, WITHOUT_SCRIPT};
use crate::people::arrives;
use crate::stage::{Stage, story};
use fantoccini::Locator;
use serde_json::json;

/// What is said, in the language of the look.
struct Words {
    calm: &'static str,
    in_hand: &'static str,
    coming: &'static str,
}

const IN_CHINESE: Words =
    Words { calm: "现在没有警情", in_hand: "处理人", coming: "前往" };
const IN_ENGLISH: Words = Words { calm: "No alarm is open", in_hand: "In hand", coming: "Coming" };

/// Without script people reload the page themselves, as often as they like.
async fn waits(browser: &Browser, stage: &Stage, (look, words): (Look, &str)) {
    let path = format!("//main[contains(., '{words}')]");
    let reloads = async {
        while browser.client.find(Locator::XPath(&path)).await.is_err() {
            browser.goto(&stage.page("/")).await;
        }
    };
    if !look.has_script {
        tokio::time::timeout(LONGEST, reloads).await.expect("it is said in time");
    }
    browser.waits_for(words).await;
}

async fn follows_an_alarm(browser: &Browser, stage: &Stage, look: Look, words: &Words) {
    arrives(browser, stage, "operator").await;
    browser.goto(&stage.page("/")).await;
    browser.waits_for(words.calm).await;
    let title = browser.client.title().await.expect("has one");
    let alarm = stage.raises("05925551502");
    waits(browser, stage, (look, "502")).await;
    if look.has_script {
        browser.find("#alarms li[data-alarm='unanswered']").await;
        let changed = browser.client.title().await.expect("has one");
        assert_ne!(changed, title, "the title tells that nobody has answered it");
        browser.looks_right(&format!("wall-alarm-{}", look.lang)).await;
    }
    browser.press(&format!("#a-{alarm} form[action$='/take'] button")).await;
    waits(browser, stage, (look, words.in_hand)).await;
    let said = stage
        .ask(|api| api.post(&format!("/api/v1/alarms/{alarm}/acknowledge"), &json!({"party": 1})));
    let (status, text) = said.expect("answers");
    assert_eq!(status, 204, "{text}");
    waits(browser, stage, (look, words.coming)).await;
    browser.goto(&stage.page(&format!("/alarms/{alarm}"))).await;
    if look.has_script {
        browser.looks_right(&format!("alarm-{}", look.lang)).await;
    }
    browser.press("input[name='outcome'][value='genuine']").await;
    browser.press("form[action$='/close'] button").await;
    browser.find("main a[href$='/follow-up']").await;
    browser.goto(&stage.page("/")).await;
    browser.waits_for(words.calm).await;
}

#[test]
fn an_alarm_comes_to_the_wall_by_itself_and_goes_when_it_is_closed() {
    story(CHINESE, async |browser, stage| {
        follows_an_alarm(browser, stage, CHINESE, &IN_CHINESE).await;
    });
}

#[test]
fn an_alarm_comes_to_an_english_wall() {
    story(ENGLISH, async |browser, stage| {
        follows_an_alarm(browser, stage, ENGLISH, &IN_ENGLISH).await;
    });
}

#[test]
fn an_alarm_is_followed_without_script() {
    story(WITHOUT_SCRIPT, async |browser, stage| {
        follows_an_alarm(browser, stage, WITHOUT_SCRIPT, &IN_CHINESE).await;
    });
}
