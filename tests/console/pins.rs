//! The resident takes an alarm back with a PIN, by the keys of the call that raised it; or is made to, and keys the other
//! PIN: then it sounds taken back in that call and reads so on the mobiles of the home, and everybody else knows better.

use crate::browser::{Browser, CHINESE, Look};
use crate::hand::ENGLISH_PLAIN;
use crate::people::{arrives, follows};
use crate::stage::{LONGEST, Stage, living_story};
use crate::town::{LI_QIANG, Town};
use lianfang_loadtest::clock::now;
use serde_json::{Value, json};
use std::time::Duration;

/// The household of Auntie Chen, and its own mobile.
const HOUSEHOLD: &str = "/directory/households/1";
const OWN: &str = "13805551502";
/// Of the messages of an alarm that was taken back, and of one that a resident was made to take back.
const IS_OVER: &str = "求助已取消";
const BE_CAREFUL: &str = "可能受胁迫";

fn duress(look: Look) -> &'static str {
    look.t("受胁迫撤销", "Withdrawn under duress")
}

fn cancelled(look: Look) -> &'static str {
    look.t("已撤销", "Cancelled")
}

/// The messages from the one of this number on.
struct Since<'a>(&'a Town, usize);

impl Since<'_> {
    fn has(&self, mobile: &str, words: &str) -> bool {
        let messages = self.0.provider.messages();
        messages.iter().skip(self.1).any(|one| one.to.ends_with(mobile) && one.body.contains(words))
    }

    /// Waits for a message with these words to this mobile.
    fn reads(&self, mobile: &str, words: &str) {
        let deadline = now() + LONGEST;
        while !self.has(mobile, words) {
            let messages = self.0.provider.messages();
            assert!(now() < deadline, "no `{words}` to {mobile}: {messages:#?}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

async fn sets_the_pins(browser: &Browser, stage: &Stage) {
    browser.goto(&stage.page(HOUSEHOLD)).await;
    browser.press("main a[href$='/pins']").await;
    browser.waits_for("陈阿姨").await;
    browser.fill("cancel", "4821").await;
    browser.fill("duress", "1597").await;
    browser.press("main form[action$='/pins'] button.main").await;
    browser.find("main .notice").await;
}

/// Auntie Chen presses #9, and the wall has her alarm, which is still to be taken back.
async fn presses(browser: &Browser, stage: &Stage, (look, town): (Look, &Town)) -> String {
    stage.until("/lines/status?limit=1", |lines| lines["items"][0]["state"] == "up");
    town.presses();
    let one = stage.until("/alarms?state=open", |alarms| alarms["items"][0]["id"].is_string());
    let alarm = one["items"][0]["id"].as_str().expect("an id").to_owned();
    stage.until(&format!("/alarms/{alarm}"), |alarm| has_somebody(&alarm["board"]));
    browser.goto(&stage.page("/")).await;
    browser.awaits("李强", look).await;
    let card = browser.words_of(&format!("#a-{alarm}")).await;
    assert!(!card.contains(cancelled(look)) && !card.contains(duress(look)), "{card}");
    alarm
}

fn has_somebody(board: &Value) -> bool {
    board["people"].as_array().is_some_and(|people| !people.is_empty())
}

async fn takes_it_back(browser: &Browser, stage: &Stage, (look, town): (Look, &Town)) {
    let messages = Since(town, town.provider.messages().len());
    let alarm = presses(browser, stage, (look, town)).await;
    let path = format!("/alarms/{alarm}");
    // A wrong one does nothing.
    town.keys("01111#");
    stage.until(&path, |alarm| alarm["timeline"].to_string().contains("pin_refused"));
    assert_ne!(stage.get(&path)["board"]["state"], "cancelled");
    town.keys("04821#");
    browser.awaits(cancelled(look), look).await;
    let card = browser.words_of(&format!("#a-{alarm}")).await;
    assert!(card.contains(cancelled(look)) && !card.contains(duress(look)), "{card}");
    browser.goto(&stage.page(&path)).await;
    let head = browser.words_of("main h1").await;
    assert!(head.contains(cancelled(look)), "{head}");
    let by = look.t("由 报警电话 撤销", "Cancelled by the resident");
    browser.awaits(by, look).await;
    browser.says(&[], &[duress(look)]).await;
    assert!(!browser.has("form[action$='/cancel']").await, "there is nothing left to cancel");
    let told = stage.get(&path)["board"].clone();
    assert_eq!((&told["state"], &told["is_duress"]), (&json!("cancelled"), &json!(false)));
    messages.reads(LI_QIANG, IS_OVER);
    messages.reads(OWN, IS_OVER);
    assert!(!messages.has(LI_QIANG, BE_CAREFUL));
    browser.press("input[name='outcome'][value='false_alarm']").await;
    browser.press("form[action$='/close'] button").await;
    stage.until("/alarms?state=open", |alarms| alarms["items"] == json!([]));
}

async fn is_made_to(browser: &Browser, stage: &Stage, (look, town): (Look, &Town)) {
    let messages = Since(town, town.provider.messages().len());
    let alarm = presses(browser, stage, (look, town)).await;
    let path = format!("/alarms/{alarm}");
    town.keys("01597#");
    browser.awaits(duress(look), look).await;
    let card = browser.words_of(&format!("#a-{alarm}")).await;
    assert!(card.contains(duress(look)) && !card.contains(cancelled(look)), "{card}");
    messages.reads(LI_QIANG, BE_CAREFUL);
    // No PIN ends it any more; whoever stands beside the resident hears that it does.
    town.keys("04821#");
    let said = stage.until(&path, |alarm| {
        alarm["timeline"].to_string().matches(r#""kind":"duress""#).count() == 2
    });
    assert_eq!(
        (&said["board"]["state"], &said["board"]["is_duress"]),
        (&json!("coming"), &json!(true))
    );
    browser.goto(&stage.page(&path)).await;
    browser.says(&[duress(look), look.t("受胁迫（", "Under duress (")], &[cancelled(look)]).await;
    browser.find("form[action$='/call-again']").await;
    browser.find("form[action$='/cancel']").await;
    browser.is_looked_at("alarm-duress", look).await;
    // The mobiles of the home read that it is over, and nothing else.
    messages.reads(OWN, IS_OVER);
    assert!(!messages.has(OWN, "胁迫"), "{:#?}", town.provider.messages());
    sees_it_too(browser, stage, (look, &path)).await;
}

/// Somebody of another role, who only reads, is not told of a cancel either.
async fn sees_it_too(browser: &Browser, stage: &Stage, (look, path): (Look, &str)) {
    browser.client.delete_all_cookies().await.expect("are forgotten");
    follows(browser, stage, ("li", "auditor")).await;
    browser.find("main:not(:has([name='again']))").await;
    browser.goto(&stage.page(path)).await;
    browser.says(&[duress(look)], &[cancelled(look)]).await;
}

async fn tells_all_of_it(browser: &Browser, stage: &Stage, (look, town): (Look, &Town)) {
    arrives(browser, stage, "admin").await;
    sets_the_pins(browser, stage).await;
    takes_it_back(browser, stage, (look, town)).await;
    town.hangs_up();
    is_made_to(browser, stage, (look, town)).await;
}

#[test]
fn a_resident_keys_a_pin_and_the_wall_says_so_or_that_they_were_made_to() {
    living_story(CHINESE, async |browser, stage, town| {
        tells_all_of_it(browser, stage, (CHINESE, town)).await;
    });
}

#[test]
fn a_resident_keys_a_pin_and_the_wall_says_so_in_english_without_script() {
    living_story(ENGLISH_PLAIN, async |browser, stage, town| {
        tells_all_of_it(browser, stage, (ENGLISH_PLAIN, town)).await;
    });
}
