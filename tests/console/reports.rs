//! What is counted, proven and printed: reports and their sheets, figures for everybody, the audit trail, paper.

use crate::browser::{Browser, ENGLISH, Look};
use crate::people::arrives;
use crate::stage::{Stage, story};
use fantoccini::wd::PrintConfiguration;
use serde_json::json;

/// What is said, in the language of the look.
struct Words {
    by_month: &'static str,
    linked: &'static str,
    published: &'static str,
}

const IN_ENGLISH: Words = Words {
    by_month: "By month",
    linked: "Each of these entries",
    published: "neighbours who help",
};

async fn reads_every_report(browser: &Browser, stage: &Stage, (look, words): (Look, &Words)) {
    browser.goto(&stage.page("/reports")).await;
    browser.says(&[words.by_month, "文园社区"], &[]).await;
    let figures = stage.get("/reports/alarms")["total"].clone();
    assert_eq!((&figures["alarms"], &figures["false_alarms"]), (&json!(1), &json!(1)));
    browser.find("main svg rect").await;
    browser.sets("from", "2031-02").await;
    browser.sets("until", "2031-01").await;
    browser.press("form[action='/reports'] button").await;
    browser.find("main .summary").await;
    assert_eq!(browser.value("from").await, "2031-02");
    browser.goto(&stage.page("/reports?community=1")).await;
    let sheets = "return [...document.querySelectorAll('main a')].map((a) => a.getAttribute('href')).filter((a) => \
         a.includes('/csv/'))";
    let mut sheets: Vec<String> =
        serde_json::from_value(browser.run(sheets).await).expect("addresses");
    assert_eq!(sheets.len(), 4);
    sheets.push("/reports/csv/communities".to_owned());
    for sheet in sheets {
        let (status, kind, size) = browser.answer(&sheet).await;
        assert!(
            status == 200 && kind.starts_with("text/csv") && 20 < size,
            "{sheet}: {status} {kind} {size}"
        );
    }
    browser.goto(&stage.page("/reports/lines")).await;
    browser.find("main tbody tr").await;
    browser.looks_right(&format!("report-lines-{}", look.lang)).await;
}

/// The trail is searched, its links hold, and it is taken along as a sheet.
async fn reads_the_trail(browser: &Browser, stage: &Stage, words: &Words) {
    browser.goto(&stage.page("/audit")).await;
    browser.says(&[words.linked, "alarm"], &[]).await;
    browser.press("main .tabs a[href*='directory']").await;
    browser.says(&[words.linked, "household"], &[]).await;
    browser.fill("noun", "household").await;
    browser.fill("id", "3").await;
    browser.press("form[action='/audit'] button").await;
    browser.says(&["household 3"], &["household 4", "contact"]).await;
    let found = stage.get("/audit?chain=directory&noun=household&id=3")["items"].clone();
    let rows = browser.client.find_all(fantoccini::Locator::Css("main tbody tr")).await;
    assert_eq!(rows.expect("rows").len(), found.as_array().expect("entries").len());
    let sheet = browser.find("main a[download]").await.attr("href").await.expect("has one");
    let (status, kind, size) = browser.answer(&sheet.expect("has one")).await;
    assert!(status == 200 && kind.starts_with("text/csv") && 100 < size, "{status} {kind} {size}");
    browser.fill("id", "#").await;
    browser.press("form[action='/audit'] button").await;
    browser.find("#id-error").await;
    assert_eq!(browser.value("id").await, "#");
}

/// What is told to everybody needs no signing in, and gives nobody away.
async fn reads_what_is_public(browser: &Browser, stage: &Stage, (look, words): (Look, &Words)) {
    browser.client.delete_all_cookies().await.expect("are forgotten");
    browser.goto(&stage.page("/public")).await;
    browser.press("main a[href='/public/1']").await;
    browser.says(&[words.published], &["陈阿姨", "502", "0592"]).await;
    browser.looks_right(&format!("public-{}", look.lang)).await;
    browser.goto(&stage.page("/public/2")).await;
    browser.find("main h1").await;
    assert!(!browser.words_of("main").await.contains(words.published));
    browser.goto(&stage.page("/reports")).await;
    browser.find("main [name='password']").await;
}

fn has_happened(stage: &Stage) {
    let alarm = stage.raises("05925551502");
    stage.post(&format!("/alarms/{alarm}/close"), &json!({"outcome": "false_alarm"}));
    stage.until("/reports/alarms", |report| report["total"]["alarms"] == 1);
}

#[test]
fn an_admin_prints_what_is_needed_when_nothing_works() {
    story(ENGLISH, async |browser, stage| {
        has_happened(stage);
        arrives(browser, stage, "admin").await;
        reads_every_report(browser, stage, (ENGLISH, &IN_ENGLISH)).await;
        reads_the_trail(browser, stage, &IN_ENGLISH).await;
        browser.goto(&stage.page("/paper?community=1")).await;
        browser.press("main button.main").await;
        browser.waits_for("Phone tree").await;
        // On paper numbers stand in full; who prints is entered.
        let said = browser.words_of("main").await;
        assert!(
            said.contains("5551302") && said.contains("王敏") && said.contains("3号楼一组"),
            "{said}"
        );
        let printed = stage.get("/audit?chain=directory&noun=community&id=1").to_string();
        assert!(printed.contains("\"action\":\"read\""), "{printed}");
        let paper = browser.client.print(PrintConfiguration::default()).await.expect("is printed");
        assert!(paper.starts_with(b"%PDF"));
        reads_what_is_public(browser, stage, (ENGLISH, &IN_ENGLISH)).await;
    });
}
