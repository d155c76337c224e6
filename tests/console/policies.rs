//! Policies, tried beside the form before they hold; and the words that are heard on the telephone.

use crate::browser::{Browser, CHINESE, Look};
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
async fn tries_and_saves(browser: &Browser, stage: &Stage, look: Look) {
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
    if look.has_script {
        browser.looks_right("policy-tried-zh").await;
    }
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
    stage.until("/policies/1", |policy| policy["document"]["acknowledgements_wanted"] == 5);
    browser.press("main a[href='/policies/1/versions']").await;
    browser.find("main ins").await;
    browser.press("form[action$='/restore'] button").await;
    browser.find("main .notice").await;
    assert_eq!(stage.get("/policies/1")["document"]["acknowledgements_wanted"], json!(null));
    browser.goto(&stage.page("/policies/1")).await;
    browser.press("main a[href$='/remove']").await;
    browser.press("main form[action$='/remove'] button").await;
    browser.find("main .notice").await;
    assert_eq!(stage.get("/policies?community_id=1")["items"], json!([]));
    // What was removed comes back, and its versions say who and when.
    browser.press("main a[href='/policies/history?community=1']").await;
    browser.press("main tbody tr:first-child form button").await;
    browser.find("main .notice").await;
    assert_eq!(stage.get("/policies/1")["id"], 1);
    browser.goto(&stage.page("/policies/1/versions")).await;
    browser.find("main tbody tr:first-child time").await;
}

/// A tone of a second, as a mobile phone records it.
const RECORDING: &[u8] = include_bytes!("../sounds/tone.m4a");

/// Every sound of the page can be played.
async fn can_be_heard(browser: &Browser) {
    let sources = browser.run(
        "return [...document.querySelectorAll('main audio')].map((one) => one.getAttribute('src'))",
    );
    let sources: Vec<String> = serde_json::from_value(sources.await).expect("addresses");
    assert!(!sources.is_empty());
    for source in sources {
        let (status, kind, size) = browser.answer(&source).await;
        assert!(
            status == 200 && kind.starts_with("audio/") && 44 < size,
            "{source}: {status} {kind}"
        );
    }
}

async fn records_a_prompt(browser: &Browser, stage: &Stage) {
    browser.goto(&stage.page("/prompts/1?part=words")).await;
    browser.press("main tbody a").await;
    let clip = browser.client.current_url().await.expect("is there").path().to_owned();
    browser.attach("file", &[stage.file("song.wav", "no sound")]).await;
    browser.press("main button.main").await;
    browser.find("#file-error").await;
    browser.attach("file", &[stage.file("word.m4a", RECORDING)]).await;
    browser.press("main button.main").await;
    browser.find("main .notice").await;
    browser.find("main tbody audio").await;
    can_be_heard(browser).await;
    let api = clip.replacen("/prompts/1/", "/communities/1/recordings/", 1);
    assert_eq!(stage.get(&api)[0]["version"], 1);
    browser.press("form[action*='/withdraw'] button").await;
    browser.find("form[action*='/restore'] button").await;
    browser.press("form[action*='/restore'] button").await;
    browser.find("form[action*='/withdraw'] button").await;
    browser.press("main a[href*='/erase']").await;
    browser.press("form[action*='/erase'] button").await;
    browser.find("main .notice").await;
    assert_eq!(stage.get(&api), json!([]));
}

async fn listens_first(browser: &Browser, stage: &Stage, look: Look) {
    browser.goto(&stage.page("/prompts/preview")).await;
    browser.fill("q", "502").await;
    browser.press("main button.main").await;
    browser.follow("陈阿姨").await;
    browser.follow("05925551502").await;
    browser.choose("kind", "fire").await;
    browser.press("main button.main").await;
    browser.waits_for("陈阿姨").await;
    can_be_heard(browser).await;
    browser.is_looked_at("preview", look).await;
}

#[test]
fn an_admin_writes_a_policy_and_records_words() {
    story(CHINESE, async |browser, stage| {
        arrives(browser, stage, "admin").await;
        is_refused_what_reaches_nobody(browser, stage).await;
        tries_and_saves(browser, stage, CHINESE).await;
        goes_back_a_version(browser, stage).await;
        records_a_prompt(browser, stage).await;
        listens_first(browser, stage, CHINESE).await;
    });
}

#[test]
fn an_admin_writes_a_policy_in_english_without_script() {
    story(ENGLISH_PLAIN, async |browser, stage| {
        arrives(browser, stage, "admin").await;
        is_refused_what_reaches_nobody(browser, stage).await;
        tries_and_saves(browser, stage, ENGLISH_PLAIN).await;
        goes_back_a_version(browser, stage).await;
        records_a_prompt(browser, stage).await;
        listens_first(browser, stage, ENGLISH_PLAIN).await;
    });
}
