//! The roster: who is on duty, put in, swapped with consent, away; gaps in red, undone, on paper and in a calendar.

use crate::browser::{Browser, CHINESE, Look, WIDTHS};
use crate::hand::ENGLISH_PLAIN;
use crate::people::arrives;
use crate::reports::is_on_paper;
use crate::stage::{Stage, story};
use jiff::ToSpan;
use lianfang::clock::Clock;

/// What is said, in the language of the look.
struct Words {
    covered: &'static str,
    gap: &'static str,
    added: &'static str,
    undone: &'static str,
}

const IN_CHINESE: Words =
    Words { covered: "都有人值班", gap: "空岗", added: "已添加", undone: "已恢复" };
const IN_ENGLISH: Words =
    Words { covered: "somebody is always there", gap: "gap", added: "Added.", undone: "Undone." };

/// So many days from now at this hour, by the clock of the community, as a form takes it.
fn moment(days: i64, hour: &str) -> String {
    let now = Clock::system().now().in_tz("Asia/Shanghai").expect("is known");
    let day = now.checked_add(days.days()).expect("is a day").date();
    format!("{day}T{hour}")
}

async fn saves(browser: &Browser, words: &Words) {
    browser.press("main button.main").await;
    browser.waits_for(words.added).await;
}

/// A post that nobody holds is a gap in red until it has a shift.
async fn fills_a_gap(browser: &Browser, stage: &Stage, words: &Words) {
    browser.goto(&stage.page("/roster")).await;
    browser.waits_for(words.covered).await;
    browser.goto(&stage.page("/roster/1/posts/add")).await;
    browser.fill("name", "夜间岗").await;
    browser.fill("code", "night").await;
    browser.choose("cover", "always").await;
    saves(browser, words).await;
    browser.goto(&stage.page("/roster/1")).await;
    browser.find("ol.proof a.red").await;
    browser.find("svg.roster .hatched").await;
    browser.says(&["夜间岗", words.gap], &[words.covered]).await;
    browser.goto(&stage.page("/roster/1/shifts/add")).await;
    // Nothing is chosen yet: it is said beside the fields, and what was typed is kept.
    browser.sets("starts", "00:00").await;
    browser.press("main button.main").await;
    browser.find("#post_id-error").await;
    assert_eq!(browser.value("starts").await, "00:00");
    browser.choose("post_id", "5").await;
    browser.sets("ends", "00:00").await;
    browser.sets("days_later", "1").await;
    browser.choose("worker_ids.0", "3").await;
    browser.run("document.querySelectorAll('main [type=checkbox]').forEach((box) => box.checked = true)").await;
    saves(browser, words).await;
    browser.goto(&stage.page("/roster/1")).await;
    browser.waits_for(words.covered).await;
    assert_eq!(stage.get("/shifts?community_id=1")["items"].as_array().map(Vec::len), Some(5));
}

async fn puts_somebody_in(browser: &Browser, stage: &Stage, (look, words): (Look, &Words)) {
    browser.goto(&stage.page("/roster/1/overrides/add")).await;
    browser.choose("post_id", "1").await;
    browser.choose("worker_id", "2").await;
    browser.sets("from", &moment(1, "08:00")).await;
    browser.sets("to", &moment(1, "20:00")).await;
    browser.fill("reason", "王敏去培训").await;
    saves(browser, words).await;
    assert_eq!(stage.get("/overrides?community_id=1")["items"][0]["worker_id"], 2);
    let day = moment(1, "").replace('T', "");
    browser.goto(&stage.page(&format!("/roster/1?view=week&at={day}"))).await;
    browser.says(&["08:00", "20:00", "林涛"], &[]).await;
    browser.goto(&stage.page("/roster/1/history")).await;
    browser.says(&["王敏去培训", "王敏", "林涛"], &["{", "\""]).await;
    if look.has_script {
        browser.looks_right("roster-history-zh").await;
    } else {
        assert_eq!(browser.faults("roster-history-en", (&WIDTHS, &[])).await, Vec::<String>::new());
    }
    browser.press("form[action*='/undo/'] button").await;
    browser.waits_for(words.undone).await;
    assert_eq!(stage.get("/overrides?community_id=1")["items"], serde_json::json!([]));
}

/// It holds once the other agrees.
async fn swaps_with_consent(browser: &Browser, stage: &Stage, words: &Words) {
    browser.goto(&stage.page("/roster/1/swaps/add")).await;
    browser.choose("proposer_id", "1").await;
    browser.choose("other_id", "2").await;
    browser.choose("gives.post_id", "1").await;
    browser.sets("gives.from", &moment(2, "08:00")).await;
    browser.sets("gives.to", &moment(2, "18:00")).await;
    saves(browser, words).await;
    assert_eq!(stage.get("/swaps/1")["state"], "proposed");
    browser.press("form[action$='/agree'] button").await;
    browser.find("main .notice").await;
    assert_eq!(stage.get("/swaps/1")["state"], "agreed");
    assert_eq!(stage.get("/swaps/1")["decided_by_id"], 2);
}

async fn takes_it_along(browser: &Browser, stage: &Stage, look: Look) {
    is_away(browser, stage).await;
    browser.goto(&stage.page("/roster/1")).await;
    browser.find("ol.proof a.red").await;
    if look.has_script {
        browser.looks_right("roster-gap-zh").await;
        let (status, kind, _) = browser.answer("/roster/1/roster.ics").await;
        assert!(status == 200 && kind.starts_with("text/calendar"), "{status} {kind}");
        assert_eq!(browser.answer("/roster/1/workers/1/roster.ics").await.0, 200);
        browser.goto(&stage.page("/roster/1")).await;
        is_on_paper(browser, &["夜间岗", "王敏", "林涛"]).await;
    }
    browser.goto(&stage.page("/roster/calendars/2027")).await;
    browser.sets("date.0", "2027-01-01").await;
    browser.choose("kind.0", "holiday").await;
    browser.fill("name.0", "元旦").await;
    browser.press("main button.main").await;
    browser.find("main .notice").await;
    assert!(stage.get("/calendars/2027").to_string().contains("元旦"));
}

async fn keeps_the_roster(browser: &Browser, stage: &Stage, (look, words): (Look, &Words)) {
    arrives(browser, stage, "admin").await;
    fills_a_gap(browser, stage, words).await;
    puts_somebody_in(browser, stage, (look, words)).await;
    swaps_with_consent(browser, stage, words).await;
    takes_it_along(browser, stage, look).await;
}

#[test]
fn an_admin_keeps_the_roster() {
    story(CHINESE, async |browser, stage| {
        keeps_the_roster(browser, stage, (CHINESE, &IN_CHINESE)).await;
    });
}

#[test]
fn an_admin_keeps_the_roster_in_english_without_script() {
    story(ENGLISH_PLAIN, async |browser, stage| {
        keeps_the_roster(browser, stage, (ENGLISH_PLAIN, &IN_ENGLISH)).await;
    });
}

/// What a duty worker does from day to day, and nothing of the rules; on paper too.
#[test]
fn a_duty_worker_changes_the_roster_and_the_contacts_of_a_household() {
    story(CHINESE, async |browser, stage| {
        arrives(browser, stage, "operator").await;
        puts_somebody_in(browser, stage, (CHINESE, &IN_CHINESE)).await;
        swaps_with_consent(browser, stage, &IN_CHINESE).await;
        is_away(browser, stage).await;
        assert_eq!(
            stage.get("/absences?community_id=1")["items"].as_array().map(Vec::len),
            Some(1)
        );
        browser.goto(&stage.page("/roster/1/rules")).await;
        browser.find("main h1").await;
        assert!(!browser.has("main a[href$='/posts/add']").await, "rules are an admin's");
        assert_eq!(browser.sends("/roster/1/posts/add", "name=x&code=x&cover=always").await, 403);
        keeps_contacts(browser, stage).await;
        prints(browser, stage).await;
    });
}

async fn is_away(browser: &Browser, stage: &Stage) {
    browser.goto(&stage.page("/roster/1/absences/add")).await;
    browser.choose("worker_id", "4").await;
    browser.sets("from", &moment(3, "00:00")).await;
    browser.sets("to", &moment(4, "00:00")).await;
    browser.press("main button.main").await;
    browser.find("main .notice").await;
}

/// A contact is added, changed and removed; the household itself is not an operator's.
async fn keeps_contacts(browser: &Browser, stage: &Stage) {
    let contacts = || stage.get("/contacts?household_id=3")["items"].as_array().map(Vec::len);
    let before = contacts();
    browser.goto(&stage.page("/directory/households/3")).await;
    assert!(!browser.has("main a[href='/directory/households/3/edit']").await);
    browser.press("main a[href^='/directory/contacts/add']").await;
    browser.fill("name", "小王").await;
    browser.fill("number.0", "13800002222").await;
    browser.press("main button.main").await;
    browser.find("main .notice").await;
    let listed = stage.get("/contacts?household_id=3&limit=200")["items"].clone();
    let added = listed.as_array().and_then(|all| all.iter().find(|one| one["name"] == "小王"));
    let page = format!("/directory/contacts/{}", added.expect("is there")["id"]);
    browser.goto(&stage.page(&format!("{page}/edit"))).await;
    browser.fill("name", "王小明").await;
    browser.press("main button.main").await;
    browser.waits_for("王小明").await;
    browser.press("main a[href$='/remove']").await;
    browser.press("form[action$='/remove'] button").await;
    browser.find("main .notice").await;
    assert_eq!(contacts(), before);
    assert_eq!(browser.sends("/directory/households/3/edit", "name=x&etag=%221%22").await, 403);
}

/// Paper for when nothing works, with the numbers in full and who printed it.
async fn prints(browser: &Browser, stage: &Stage) {
    browser.goto(&stage.page("/paper?community=1")).await;
    browser.press("main button.main").await;
    browser.waits_for("电话树").await;
    browser.says(&["5551302", "王敏", "3号楼一组"], &[]).await;
    is_on_paper(browser, &["电话树", "5551302", "王敏", "3号楼一组"]).await;
    let read = stage.get("/audit?chain=directory&noun=community&id=1").to_string();
    assert!(read.contains("\"action\":\"read\""), "{read}");
}
