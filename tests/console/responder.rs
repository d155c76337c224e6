//! Somebody who is called: the link of the message on an old telephone, and what they see when they sign in.

use crate::browser::{Browser, CHINESE, Look};
use crate::hand::ENGLISH_PLAIN;
use crate::people::sign_in;
use crate::stage::{LONGEST, PASSWORD, Stage, living_story};
use crate::town::Town;
use lianfang_loadtest::clock::now;
use serde_json::{Value, json};
use std::time::Duration;

/// Bytes of the page with all that belongs to it: some seconds over 2G.
const BYTES_MAX: u64 = 30 * 1024;
/// What the page is made of: all of it is of HTML 4, or does without being known.
const PARTS: &[&str] = &[
    "a", "body", "button", "details", "form", "h1", "h2", "head", "html", "li", "main", "meta",
    "p", "span", "strong", "style", "summary", "title", "ul",
];
/// Two neighbours who let their telephones ring: 老周 and 吴奶奶.
const ZHOU: &str = "13805551201";
const WU: &str = "13805551101";

/// The link in the message to this mobile.
pub(crate) fn link(stage: &Stage, town: &Town, mobile: &str) -> String {
    let deadline = now() + LONGEST;
    loop {
        let messages = town.provider.messages();
        let sent = messages.iter().find(|one| one.to.ends_with(mobile) && one.body.contains("/r/"));
        if let Some(message) = sent {
            let token = message.body.split("/r/").nth(1).expect("a link");
            let is_token = |sign: &char| sign.is_ascii_alphanumeric() || "-_".contains(*sign);
            let token: String = token.chars().take_while(is_token).collect();
            return stage.page(&format!("/r/{token}"));
        }
        assert!(now() < deadline, "no message to {mobile}: {messages:#?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// What somebody is known as: coming, there, or neither.
fn standing(stage: &Stage, alarm: &str, name: &str) -> &'static str {
    let board = stage.get(&format!("/alarms/{alarm}"))["board"].clone();
    let people = board["people"].as_array().expect("people").clone();
    match people.iter().find(|one| one["name"] == name) {
        Some(one) if one["arrived_at"].is_string() => "there",
        Some(_) => "coming",
        None => "neither",
    }
}

pub(crate) fn raised(stage: &Stage, town: &Town) -> String {
    stage.until("/lines/status?limit=1", |lines| lines["items"][0]["state"] == "up");
    town.presses();
    let alarms = stage.until("/alarms?limit=5", |alarms| alarms["items"][0]["id"].is_string());
    alarms["items"][0]["id"].as_str().expect("an id").to_owned()
}

/// The page is small, fetches nothing, and has three buttons as wide as the screen that a thumb hits.
async fn fits_an_old_telephone(browser: &Browser) {
    let facts = "const page = performance.getEntriesByType('navigation')[0]; return [page.decodedBodySize, \
         performance.getEntriesByType('resource').length, document.documentElement.scrollWidth, innerWidth]";
    let facts: (u64, u64, u64, u64) =
        serde_json::from_value(browser.run(facts).await).expect("four numbers");
    assert!(facts.0 <= BYTES_MAX && facts.1 == 0 && facts.2 <= facts.3, "{facts:?}");
    // No script, and nothing that an old browser leaves out: what is in details is shown where those are not known.
    let parts = "return [...new Set([...document.querySelectorAll('*')].map((one) => one.localName))].sort()";
    let parts: Vec<String> = serde_json::from_value(browser.run(parts).await).expect("names");
    let other = parts.iter().filter(|part| !PARTS.contains(&part.as_str()));
    assert_eq!(other.collect::<Vec<_>>(), Vec::<&String>::new());
    let buttons = "return [...document.querySelectorAll('form > button')].map((one) => { const box = \
         one.getBoundingClientRect(); return [box.width / innerWidth, box.height]; })";
    let buttons: Vec<(f64, f64)> =
        serde_json::from_value(browser.run(buttons).await).expect("sizes");
    assert_eq!(buttons.len(), 3, "{buttons:?}");
    assert!(buttons.iter().all(|(width, height)| 0.85 < *width && 44.0 <= *height), "{buttons:?}");
}

async fn answers_by_the_link(browser: &Browser, stage: &Stage, (look, town): (Look, &Town)) {
    let alarm = raised(stage, town);
    let (zhou, wu) = (link(stage, town, ZHOU), link(stage, town, WU));
    browser.client.set_window_size(320, 640).await.expect("is resized");
    // A program that looks at links answers nothing, however often it looks.
    for _ in 0..3 {
        browser.goto(&zhou).await;
    }
    let is_chinese = look.lang == CHINESE.lang;
    let door = if is_chinese {
        "3号楼 1单元 5层 502"
    } else {
        "Building 3, unit 1, floor 5, door 502"
    };
    browser.says(&["陈阿姨", door, "文园"], &["1380"]).await;
    assert_eq!(standing(stage, &alarm, "201 老周家"), "neither");
    fits_an_old_telephone(browser).await;
    if look.has_script {
        assert_eq!(
            browser.faults("responder-zh", (&[1440, 320], &[1440, 320])).await,
            Vec::<String>::new()
        );
    }
    stage.post(&format!("/alarms/{alarm}/notes"), &json!({"text": "钥匙在李强家"}));
    browser.press("button.go").await;
    browser.find("[role='status']").await;
    stage.until(&format!("/alarms/{alarm}"), |_| standing(stage, &alarm, "201 老周家") == "coming");
    browser.goto(&zhou).await;
    browser.says(&["钥匙在李强家"], &[]).await;
    browser.press("button.here").await;
    stage.until(&format!("/alarms/{alarm}"), |_| standing(stage, &alarm, "201 老周家") == "there");
    browser.goto(&wu).await;
    // Who else comes stands there by name.
    browser.says(&["老周"], &["1380"]).await;
    browser.press("button.no").await;
    let declined = |alarm: &Value| alarm["timeline"].to_string().contains("declined");
    stage.until(&format!("/alarms/{alarm}"), declined);
    assert_eq!(standing(stage, &alarm, "101 吴奶奶"), "neither");
    // Once it is closed, nothing of it is told any more.
    stage.post(&format!("/alarms/{alarm}/close"), &json!({"outcome": "genuine"}));
    browser.goto(&zhou).await;
    let said = browser.words_of("body").await;
    assert!(!said.contains("502") && !said.contains("钥匙"), "{said}");
    browser.goto(&stage.page("/r/nobody-has-this-link")).await;
    assert!(!browser.has("button").await);
}

#[test]
fn a_neighbour_answers_by_the_link() {
    living_story(CHINESE, async |browser, stage, town| {
        answers_by_the_link(browser, stage, (CHINESE, town)).await;
    });
}

#[test]
fn a_neighbour_answers_in_english_without_script_and_the_head_of_the_building_signs_in() {
    living_story(ENGLISH_PLAIN, async |browser, stage, town| {
        let account = json!({"name": "guo", "display_name": "郭伯", "role": "responder", "responder_id": 1,
            "reach": {"kind": "everything"}, "password": PASSWORD});
        stage.post("/accounts", &account);
        browser.goto(&stage.page("/login")).await;
        sign_in(browser, "guo", PASSWORD).await;
        browser.says(&["No open alarm calls you"], &[]).await;
        let places = browser.words_of("nav.places").await;
        assert!(places.contains("My alarms") && !places.contains("Directory"), "{places}");
        for page in ["/directory", "/lines", "/reports", "/audit", "/alarms", "/roster/1"] {
            browser.goto(&stage.page(page)).await;
            let facts =
                browser.run("return performance.getEntriesByType('navigation')[0].responseStatus");
            assert_eq!(facts.await, 403, "{page}");
        }
        answers_by_the_link(browser, stage, (ENGLISH_PLAIN, town)).await;
        let alarm = stage.raises("05925551302");
        browser.goto(&stage.page("/")).await;
        browser.says(&[&alarm], &[]).await;
        browser.press("main a.button.main").await;
        browser.says(&["李强家", "door 302"], &[]).await;
        browser.press("button.go").await;
        stage.until(&format!("/alarms/{alarm}"), |_| {
            standing(stage, &alarm, "三号楼楼长 郭伯") == "coming"
        });
    });
}
