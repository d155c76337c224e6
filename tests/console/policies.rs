//! Policies, tried beside the form before they hold.

use crate::browser::Browser;
use crate::hand::ENGLISH_PLAIN;
use crate::people::arrives;
use crate::stage::{Stage, story};
use serde_json::json;

/// Who would reach nobody is told why, and nothing is saved.
async fn is_refused_what_reaches_nobody(browser: &Browser, stage: &Stage) {
    browser.goto(&stage.page("/policies/add?community=1")).await;
    browser.fill("name", "水下").await;
    for target in ["target.0.1", "target.0.2", "target.1.0"] {
        browser.choose(target, "").await;
    }
    browser.choose("target.0.0", "responders:volunteer").await;
    browser.choose("within.0.0", "community").await;
    browser.fill("skill.0.0", "diving").await;
    browser.press("button.main[value='save']").await;
    browser.find("main .summary").await;
    browser.find("main .error").await;
    assert_eq!(browser.value("name").await, "水下");
    assert_eq!(browser.value("skill.0.0").await, "diving");
    assert_eq!(stage.get("/policies?community_id=1")["items"], json!([]));
}

/// What-if stands beside the form, with every leg, and nobody is called.
async fn tries_and_saves(browser: &Browser, stage: &Stage) {
    browser.fill("skill.0.0", "").await;
    browser.choose("target.0.0", "post:A").await;
    browser.choose("target.0.1", "group").await;
    browser.fill("q", "cay").await;
    browser.press("main .actions button[value='try']").await;
    browser.find("section[aria-labelledby='told'] tbody tr").await;
    let legs = browser.words_of("section[aria-labelledby='told']").await;
    assert!(legs.contains("王敏") && legs.contains("李强"), "{legs}");
    assert_eq!(stage.get("/policies?community_id=1")["items"], json!([]));
    assert_eq!(stage.get("/alarms?limit=5")["items"], json!([]));
    browser.fill("name", "夜间").await;
    browser.press("button.main[value='save']").await;
    browser.find("main .notice").await;
    let policy = stage.get("/policies/1");
    assert_eq!((&policy["document"]["name"], &policy["version"]), (&json!("夜间"), &json!(1)));
}

async fn goes_back_a_version(browser: &Browser, stage: &Stage) {
    browser.press("main a[href='/policies/1/edit']").await;
    browser.fill("wanted", "5").await;
    browser.press("button.main[value='save']").await;
    browser.find("main .notice").await;
    assert_eq!(stage.get("/policies/1")["document"]["acknowledgements_wanted"], 5);
    browser.press("main a[href='/policies/1/versions']").await;
    browser.find("main ins").await;
    browser.press("form[action$='/restore'] button").await;
    browser.find("main .notice").await;
    assert_eq!(stage.get("/policies/1")["document"]["acknowledgements_wanted"], json!(null));
    browser.goto(&stage.page("/policies/1")).await;
    browser.press("form[action$='/remove'] button").await;
    browser.find("main .notice").await;
    assert_eq!(stage.get("/policies?community_id=1")["items"], json!([]));
}

#[test]
fn an_admin_writes_a_policy_in_english_without_script() {
    story(ENGLISH_PLAIN, async |browser, stage| {
        arrives(browser, stage, "admin").await;
        is_refused_what_reaches_nobody(browser, stage).await;
        tries_and_saves(browser, stage).await;
        goes_back_a_version(browser, stage).await;
    });
}
