//! A duty worker at the desk: a line that really dials #9, telephones that ring, and everything that is done to an alarm.

use crate::browser::{Browser, CHINESE, Look, WIDTHS};
use crate::hand::ENGLISH_PLAIN;
use crate::people::arrives;
use crate::stage::{Stage, living_story};
use crate::town::Town;
use fantoccini::Locator;
use serde_json::{Value, json};

/// The line is registered, presses, and the page says what it sent.
async fn hears_the_line(browser: &Browser, (stage, town): (&Stage, &Town), look: Look) -> String {
    let never = look.t("从未", "never");
    let is_up = |lines: &Value| lines["items"][0]["state"] == "up";
    stage.until("/lines/status?limit=1", is_up);
    browser.goto(&stage.page("/lines?state=up")).await;
    browser.says(&["陈阿姨", look.t("线路正常", "line up"), never], &["李强家"]).await;
    browser.goto(&stage.page("/lines?state=never")).await;
    let at_all = look.t("没有注册过", "not registered since");
    browser.says(&["李强家", at_all], &["陈阿姨"]).await;
    browser.goto(&stage.page("/")).await;
    browser.waits_for(look.t("现在没有警情", "No alarm is open")).await;
    town.presses();
    browser.awaits("502", look).await;
    browser.find("#alarms li[data-alarm='unanswered']").await;
    let alarms = stage.get("/alarms?limit=10")["items"].clone();
    let alarm = alarms[0]["id"].as_str().expect("an alarm").to_owned();
    browser.goto(&stage.page("/lines?state=up")).await;
    browser.says(&[look.t("#9 直接拨出", "#9 dialled")], &[]).await;
    let last = stage.get("/lines/status?limit=1")["items"][0]["last"].clone();
    assert_eq!((&last["code"], &last["proof"]), (&"#9".into(), &"digest".into()));
    alarm
}

/// The name of who is chosen in a list.
async fn chooses_first(browser: &Browser, action: &str) -> String {
    let list = browser.find(&format!("form[action$='/{action}'] select")).await;
    list.select_by_index(1).await.expect("somebody is there");
    let at = format!(
        "return document.querySelector(\"form[action$='/{action}'] select\").selectedOptions[0].text"
    );
    browser.run(&at).await.as_str().expect("a name").to_owned()
}

fn board(stage: &Stage, alarm: &str) -> Value {
    stage.get(&format!("/alarms/{alarm}"))["board"].clone()
}

/// Until the board says this of the alarm.
fn until(stage: &Stage, alarm: &str, is: impl Fn(&Value) -> bool) {
    stage.until(&format!("/alarms/{alarm}"), |alarm| is(&alarm["board"]));
}

/// Whom the board knows as coming or there.
fn named(board: &Value, is_there: bool) -> Vec<&str> {
    let people = board["people"].as_array().expect("people").iter();
    let meant = people.filter(|one| one["arrived_at"].is_string() == is_there);
    meant.filter_map(|one| one["name"].as_str()).collect()
}

async fn acts_for_others(browser: &Browser, stage: &Stage, (alarm, look): (&str, Look)) {
    let done = look.t("已完成", "Done.");
    let page = stage.page(&format!("/alarms/{alarm}"));
    browser.goto(&page).await;
    browser.press("form[action$='/take'] button").await;
    browser.waits_for(look.t("处理人 王敏", "In hand: 王敏")).await;
    // Without a choice it says so beside the list.
    browser.press("form[action$='/acknowledge'] button").await;
    browser.find("#acknowledge-party-error").await;
    // It stands alone: what happens meanwhile takes away neither that nor what is chosen.
    let name = chooses_first(browser, "acknowledge").await;
    stage.post(&format!("/alarms/{alarm}/notes"), &json!({"text": "楼道灯坏了"}));
    browser.find("#acknowledge-party-error").await;
    browser.leaves_by("form[action$='/acknowledge'] button").await;
    browser.waits_for(done).await;
    browser.find_at(Locator::XPath("//*[@id='case'][contains(., '楼道灯坏了')]")).await;
    let name = name.split(" · ").next().expect("a name").to_owned();
    until(stage, alarm, |board| named(board, false).contains(&name.as_str()));
    let there = chooses_first(browser, "arrive").await;
    browser.leaves_by("form[action$='/arrive'] button").await;
    browser.waits_for(done).await;
    let there = there.split(" · ").next().expect("a name").to_owned();
    until(stage, alarm, |board| named(board, true).contains(&there.as_str()));
    let owner = chooses_first(browser, "owner").await;
    browser.leaves_by("form[action$='/owner'] button").await;
    browser.waits_for(done).await;
    let owner = owner.split(" · ").next().expect("a name").to_owned();
    until(stage, alarm, |board| board["owner"]["name"] == owner.as_str());
    browser.choose("kind", "illness").await;
    browser.press("form[action$='/kind'] button").await;
    browser.waits_for(look.t("急病", "Illness")).await;
    until(stage, alarm, |board| board["kind"] == "illness");
    browser.follow(look.t("添加备注", "Add a note")).await;
    browser.is_looked_at("alarm-note", look).await;
    browser.fill("text", "钥匙在李强家").await;
    browser.press("form[action$='/notes'] button").await;
    browser.waits_for("钥匙在李强家").await;
    assert_eq!(stage.get(&format!("/alarms/{alarm}"))["notes"][1]["text"], "钥匙在李强家");
}

/// What rings telephones is asked about once more, with how many will ring.
async fn calls_more(browser: &Browser, stage: &Stage, (alarm, look): (&str, Look)) {
    let calling = look.t("正在呼叫", "Calling.");
    browser.goto(&stage.page(&format!("/alarms/{alarm}?q=何医生"))).await;
    let who = chooses_first(browser, "parties").await;
    assert!(who.contains("何医生"), "{who}");
    browser.press("form[action$='/parties'] button").await;
    browser.waits_for(look.t("1 部电话立即响铃", "1 telephone will ring")).await;
    browser.press("main button.main").await;
    browser.waits_for(calling).await;
    let is_party = |alarm: &Value| alarm["parties"].to_string().contains("何医生");
    stage.until(&format!("/alarms/{alarm}"), is_party);
    browser.leaves_by("form[action$='/call-again'] button").await;
    browser.waits_for(look.t("部电话", "telephone")).await;
    if browser.has("main button.main").await {
        browser.press("main button.main").await;
        browser.waits_for(calling).await;
    } else {
        browser.follow(look.t("返回", "Back")).await;
    }
}

async fn closes(browser: &Browser, stage: &Stage, (alarm, look): (&str, Look)) {
    browser.goto(&stage.page(&format!("/alarms/{alarm}"))).await;
    browser.press("form[action$='/close'] button").await;
    browser.find("main .summary").await;
    browser.press("input[name='outcome'][value='genuine']").await;
    browser.choose("matter", "illness").await;
    browser.leaves_by("form[action$='/close'] button").await;
    if browser.has("form[action$='/close'] input[name='sure']").await {
        browser.press("main button.main").await;
    }
    browser.waits_for(look.t("已结案", "Closed")).await;
    let board = board(stage, alarm);
    assert_eq!((&board["outcome"], board["closed_at"].is_string()), (&"genuine".into(), true));
    browser.follow(look.t("登记回访", "Note a call or visit after")).await;
    browser.press("input[name='follow'][value='visit']").await;
    browser.fill("how", "已送医，家属在场").await;
    browser.press("form[action$='/follow-up'] button").await;
    browser.waits_for("已送医").await;
    let case = stage.get(&format!("/alarms/{alarm}"))["case"].clone();
    assert_eq!(case["follow_up"]["kind"], "visit");
}

async fn does_everything(browser: &Browser, (stage, town): (&Stage, &Town), look: Look) {
    arrives(browser, stage, "operator").await;
    let alarm = hears_the_line(browser, (stage, town), look).await;
    stage.until(&format!("/alarms/{alarm}"), |alarm| {
        let coming = named(&alarm["board"], false);
        coming.contains(&"302 李强家") && coming.contains(&"王敏")
    });
    acts_for_others(browser, stage, (&alarm, look)).await;
    browser.says(&["李强", "王敏"], &["delivered"]).await;
    browser.find("#charts svg").await;
    browser.is_looked_at("alarm-lived", look).await;
    calls_more(browser, stage, (&alarm, look)).await;
    closes(browser, stage, (&alarm, look)).await;
    // An operator reads no dossier and no messages of the network.
    assert!(!browser.has("main a[href*='sip=1']").await);
}

#[test]
fn a_duty_worker_does_everything_that_can_be_done_to_an_alarm() {
    living_story(CHINESE, async |browser, stage, town| {
        does_everything(browser, (stage, town), CHINESE).await;
    });
}

#[test]
fn a_duty_worker_does_so_in_english_without_script() {
    living_story(ENGLISH_PLAIN, async |browser, stage, town| {
        does_everything(browser, (stage, town), ENGLISH_PLAIN).await;
    });
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
