//! An alarm from a line that really dials #9, over telephones that ring, to its messages.

use crate::browser::WIDTHS;
use crate::hand::ENGLISH_PLAIN;
use crate::people::arrives;
use crate::stage::living_story;
use serde_json::Value;

/// Whom the board knows as coming or there.
fn named(board: &Value, is_there: bool) -> Vec<&str> {
    let people = board["people"].as_array().expect("people").iter();
    let meant = people.filter(|one| one["arrived_at"].is_string() == is_there);
    meant.filter_map(|one| one["name"].as_str()).collect()
}

#[test]
fn an_auditor_reads_an_alarm_to_its_messages_in_english_without_script() {
    living_story(ENGLISH_PLAIN, async |browser, stage, town| {
        arrives(browser, stage, "auditor").await;
        stage.until("/lines/status?limit=1", |lines| lines["items"][0]["state"] == "up");
        town.presses();
        let alarms = stage.until("/alarms?limit=10", |alarms| alarms["items"][0]["id"].is_string());
        let alarm = alarms["items"][0]["id"].as_str().expect("an id").to_owned();
        stage.until(&format!("/alarms/{alarm}"), |alarm| !named(&alarm["board"], false).is_empty());
        browser.goto(&stage.page("/alarms")).await;
        browser.press("main tbody a").await;
        browser.says(&["What happened", "李强"], &["I am on it"]).await;
        assert!(!browser.has("main form[method='post']").await, "nothing to act with");
        browser.press("main a[href*='sip=1']").await;
        browser.find("#sip li").await;
        browser.waits_for("INVITE").await;
        assert_eq!(browser.faults("sip-en", (&WIDTHS, &[])).await, Vec::<String>::new());
        browser.goto(&stage.page(&format!("/alarms/{alarm}/dossier"))).await;
        browser.find("h1").await;
    });
}
